"""What is computed from a density: profile, clusters, tidy frame."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import liqwidget as lw
from markets import walk

TIERS = (5, 10, 25, 50)


@pytest.fixture(scope="module")
def density() -> lw.Density:
    return lw.build_ledger(walk(100, seed=3), TIERS, 0.5).replay(0.02, [0.4, 0.3, 0.2, 0.1])


def test_profile_splits_at_the_close_and_accumulates_away_from_it(density: lw.Density) -> None:
    p = density.profile()
    close = density.close[-1]
    column = density.values[:, -1].astype(float)
    assert list(p.columns) == ["price", "long", "short", "cumulative_long", "cumulative_short"]
    np.testing.assert_allclose(p["long"] + p["short"], column)
    assert (p.loc[p["long"] > 0, "price"] < close).all()
    assert (p.loc[p["short"] > 0, "price"] > close).all()
    assert p["cumulative_long"].iloc[0] == pytest.approx(density.standing_long[-1], rel=1e-6)
    assert p["cumulative_short"].iloc[-1] == pytest.approx(density.standing_short[-1], rel=1e-6)
    below = p[p["price"] < close]
    assert (np.diff(below["cumulative_long"]) <= 0).all()
    assert (p.loc[p["price"] > close, "cumulative_long"] == 0).all()


def test_clusters_are_disjoint_bright_runs_largest_first(density: lw.Density) -> None:
    column = density.values[:, 60].astype(float)
    c = density.clusters(at=60, top=100, bright=0.25)
    assert list(c.columns) == ["side", "price_low", "price_high", "peak_price", "notional", "distance", "to_reach"]
    assert (np.diff(c["notional"]) <= 0).all()
    bright = column >= 0.25 * column.max()
    assert c["notional"].sum() == pytest.approx(column[bright].sum())
    for row in c.itertuples():
        inside = (density.grid.centres > row.price_low) & (density.grid.centres < row.price_high)
        assert bright[inside].all()
        assert row.notional == pytest.approx(column[inside].sum())
        assert (row.distance < 0) == (row.side == "long")
        assert row.distance == pytest.approx(row.peak_price / density.close[60] - 1)
        low, high = sorted([density.close[60], row.price_high if row.side == "long" else row.price_low])
        between = (density.grid.centres > low) & (density.grid.centres < high)
        assert row.to_reach == pytest.approx(column[between].sum())
    assert len(density.clusters(top=2)) == 2


def test_an_empty_column_has_no_clusters() -> None:
    market = walk(3, oi=False)
    empty = lw.Market.from_frame(market.candles.assign(volume=0.0))
    density = lw.build_ledger(empty, TIERS, 0.5).replay(0, [1, 1, 1, 1])
    assert len(density.clusters()) == 0
    assert len(density.to_frame()) == 0


def test_tidy_frame_holds_every_cell_that_is_not_zero(density: lw.Density) -> None:
    f = density.to_frame()
    assert list(f.columns) == ["time", "price", "density"]
    assert len(f) == np.count_nonzero(density.values)
    assert str(f["time"].dt.tz) == "UTC"
    assert f["density"].astype(float).sum() == pytest.approx(density.values.sum(dtype=float), rel=1e-6)
    last = f[f["time"] == f["time"].max()]
    column = density.values[:, -1]
    np.testing.assert_array_equal(last["price"], density.grid.centres[column > 0])
    per_tier = lw.build_ledger(walk(20), TIERS, 0.5).replay(0).to_frame()
    assert set(per_tier["leverage"]) == set(TIERS)


def test_per_tier_density_asks_for_weights_before_it_adds_tiers_up() -> None:
    per_tier = lw.build_ledger(walk(20), TIERS, 0.5).replay(0)
    with pytest.raises(lw.InputError, match="weights"):
        per_tier.profile()
    with pytest.raises(lw.InputError, match="at"):
        per_tier.mix([1, 1, 1, 1]).profile(at=20)
    with pytest.raises(lw.InputError, match="mixed already"):
        per_tier.mix([1, 1, 1, 1]).mix([1, 1, 1, 1])


def test_real_week_has_the_model_s_shape(shared_data: Callable[[str], Path]) -> None:
    import pandas as pd

    frame = pd.read_csv(shared_data("btcusdt_5m_2025-12_2026-02.csv.gz"))
    market = lw.Market.from_frame(frame, symbol="BTCUSDT", exchange="binance").tail(2016)
    density = lw.estimate(market)
    half_life = np.log(2) / density.decay_rate
    assert 6 < half_life < 72
    assert density.values.max() > 0
    assert 300 <= density.grid.rows <= 750
