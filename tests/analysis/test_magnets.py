"""The magnet study: causal, finds nothing in random walks, finds a planted effect, and reports it in neutral words."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import liqwidget as lw
from liqwidget.analysis.magnets import study as magnets
from liqwidget.analysis.magnets.classical_levels import swings, volume_nodes
from liqwidget.analysis.magnets.placebo import largest_clusters, matched, nearest
from liqwidget.analysis.magnets.touches import Paths, decision_candles, volatility_of_a_day
from liqwidget.errors import InputError
from markets import walk

QUICK: dict[str, Any] = {
    "horizon_hours": 6, "after_hours": 2, "every_hours": 2, "warmup_hours": 24, "shift_hours": 12, "draws": 400,
}  # fmt: skip
DIRECTION = (
    r"\b(up|down|(up|down)wards?|above|below|longs?|shorts?|higher|lower|rises?|falls?|"
    r"bull\w*|bear\w*|buy|sell|support|resistance)\b"
)


def calm(n: int, seed: int, **how: Any) -> lw.Market:
    """Five-minute candles of a random walk with about 2.4 % daily volatility."""
    return walk(n, seed, tick=0.001, step_minutes=5, wild=0.12, **how)


@given(st.integers(0, 99), st.integers(650, 1100), st.booleans())
@settings(max_examples=8, deadline=None)
def test_more_candles_change_nothing_of_earlier_decisions(seed: int, cut: int, gaps: bool) -> None:
    market = calm(1400, seed, gaps=gaps)
    past = lw.Market.from_frame(market.candles.iloc[:cut])
    # The later candles are ten times as volatile, so a grid or automatic size that looked ahead would differ.
    later = market.candles.iloc[cut:]
    prices = ["open", "high", "low", "close"]
    wild = later.assign(**{name: later[name] * np.geomspace(1, 1.5, len(later)) for name in prices})
    one = lw.magnet_study(past, **QUICK)
    other = lw.magnet_study(lw.Market.from_frame(pd.concat([past.candles, wild])), **QUICK)
    assert len(one.decisions) > 0
    assert len(other.decisions) > len(one.decisions)
    pd.testing.assert_frame_equal(one.decisions, other.decisions.iloc[: len(one.decisions)], check_exact=True)
    assert {name: one.settings[name] for name in ("decay_rate", "bin_size")} == {
        name: other.settings[name] for name in ("decay_rate", "bin_size")
    }


def test_nothing_is_found_on_random_walks() -> None:
    tables = [lw.magnet_study(calm(6000, seed), bin_size=0.1, **QUICK).to_frame() for seed in range(10)]
    table = pd.concat(tables)
    known = table.dropna(subset=["low", "high"])
    assert len(known) >= 0.95 * len(table)
    assert ((known["low"] <= 0) & (known["high"] >= 0)).mean() >= 0.9


def test_what_is_there_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    market = calm(6000, 3)
    candles = market.candles

    def oracle(values: Any, centres: Any, close: Any, near: Any, far: Any, bright: float) -> Any:
        """Levels that the price will reach: its extremes over the next six hours."""
        at = decision_candles(market, 2, 24)[: len(close)]
        low = [candles["low"].iloc[i + 1 : i + 73].min() for i in at]
        high = [candles["high"].iloc[i + 1 : i + 73].max() for i in at]
        levels = np.stack([np.minimum(low, close * 0.999), np.maximum(high, close * 1.001)], axis=1)
        return levels, np.ones_like(levels)

    monkeypatch.setattr(magnets, "largest_clusters", oracle)
    table = lw.magnet_study(market, **QUICK).to_frame().set_index(["measure", "against"])
    for against in ("mirror", "shifted", "matched"):
        touched = table.loc[("touched", against)]
        assert touched["at_clusters"] > 0.9
        assert touched["low"] > 0.05
        assert table.loc[("hours", against), "high"] < 0


def plain_outcome(
    market: lw.Market, t: int, level: float, sigma: float, horizon: float, after: float
) -> dict[str, float]:
    """The outcome of one level, candle by candle."""
    c = market.candles
    hours = [round(s / 60) / 60 for s in (c.index - c.index[t]).total_seconds()]
    up = level > c["close"].iloc[t]
    out = {"touched": 0.0, "hours": horizon}
    for j in range(t + 1, len(c)):
        if hours[j] > horizon:
            return out
        if c["high"].iloc[j] >= level if up else c["low"].iloc[j] <= level:
            break
    else:
        return out
    watched = [i for i in range(j, len(c)) if round(60 * (hours[i] - hours[j])) <= 60 * after]
    scale = sigma * (after / 24) ** 0.5
    part = c.iloc[watched]
    moves = [abs(np.log(c["close"].iloc[i] / c["close"].iloc[i - 1])) for i in watched]
    line = level * np.exp((0.1 if up else -0.1) * sigma)
    beyond = [i for i in watched if (c["close"].iloc[i] > line if up else c["close"].iloc[i] < line)]
    return {
        "touched": 1.0,
        "hours": hours[j],
        "range": (part["high"].max() - part["low"].min()) / level / scale,
        "speed": sum(moves) / scale,
        "broke": float(bool(beyond)),
        "break_hours": hours[beyond[0]] - hours[j] if beyond else after,
    }


@pytest.mark.parametrize("gaps", [False, True])
def test_outcomes_equal_the_plain_twin(gaps: bool) -> None:
    market = calm(1000, 8, gaps=gaps)
    at = decision_candles(market, 2, 24)
    at = at[at < len(market) - 150]
    sigma = volatility_of_a_day(market, 24)[at]
    close = market.candles["close"].to_numpy()[at]
    levels = np.round(close[:, None] * np.exp([-0.02, -0.006, 0.004, 0.013]), 3)
    levels[2, 1] = np.nan
    found = Paths(market, at, sigma, 6.0, 2.0).after_touch(levels)
    touched = 0
    for n in range(len(at)):
        for k in range(4):
            if np.isnan(levels[n, k]):
                assert all(np.isnan(values[n, k]) for values in found.values())
                continue
            plain = plain_outcome(market, at[n], levels[n, k], sigma[n], 6.0, 2.0)
            for name, values in found.items():
                assert values[n, k] == pytest.approx(plain.get(name, np.nan), nan_ok=True), (name, n, k)
            touched += plain["touched"] > 0
    assert 10 < touched < levels.size - 10


def test_decisions_fall_on_the_clock_and_volatility_is_of_the_hours_before() -> None:
    market = calm(900, 1)
    at = decision_candles(market, 4, 24)
    ends = market.candles.index[at] + pd.Timedelta("5min")
    assert (ends.hour % 4 == 0).all()
    assert (ends.minute == 0).all()
    assert (np.diff(at) == 48).all()
    assert at[0] >= 288
    returns = np.diff(np.log(market.candles["close"].to_numpy()))
    sigma = volatility_of_a_day(market, 24)
    assert np.isnan(sigma[:288]).all()
    assert sigma[500] == pytest.approx(np.sqrt((returns[500 - 288 : 500] ** 2).sum()))


def test_the_largest_cluster_is_the_run_with_most_not_the_brightest_row() -> None:
    centres = np.arange(80.5, 120)
    column = np.zeros((40, 1), dtype=np.float32)
    column[[10, 11, 12], 0] = [5, 6, 5]  # 90.5 to 92.5: 16 USD
    column[14, 0] = 9  # 94.5
    column[19, 0] = 99  # 99.5: closer than the range considered
    column[2, 0] = 99  # 82.5: farther than the range considered
    column[25, 0] = 1  # 105.5
    peak, notional = largest_clusters(
        column, centres, np.array([100.0]), np.array([0.02]), np.array([0.12]), bright=0.3
    )
    np.testing.assert_allclose(peak, [[91.5, 105.5]])
    np.testing.assert_allclose(notional, [[16, 1]])
    none, _ = largest_clusters(column * 0, centres, np.array([100.0]), np.array([0.02]), np.array([0.12]), 0.3)
    assert np.isnan(none).all()


def test_matched_moments_lie_before_and_apart() -> None:
    hour = 3_600_000_000_000
    time = np.arange(200) * 2 * hour
    z = np.tile([-1.0, 0.5], (200, 1))
    close, sigma = np.linspace(100, 120, 200), np.linspace(0.01, 0.03, 200)
    levels, moment = matched(time, close, sigma, z, 8, 5, seed=1)
    n = np.arange(200)[:, None, None]
    known = ~np.isnan(levels)
    assert known[4:].all()
    assert not known[:4].any()
    assert (np.broadcast_to(n - moment, known.shape)[known] >= 4).all()
    np.testing.assert_allclose(np.log(levels / close[moment])[known], (z[:, :, None] * sigma[moment])[known])
    again, _ = matched(time[:90], close[:90], sigma[:90], z[:90], 8, 5, seed=1)
    np.testing.assert_array_equal(again, levels[:90])


def test_swings_and_nodes_are_what_charts_teach() -> None:
    market = calm(700, 4)
    c = market.candles
    at = np.array([300, 650])
    for t, found in zip(at, swings(market, at, 36, 2), strict=True):
        expected = set()
        for j in range(max(t - 431, 24), t - 24 + 1):
            part = c.iloc[j - 24 : j + 25]
            if c["high"].iloc[j] == part["high"].max():
                expected.add(c["high"].iloc[j])
            if c["low"].iloc[j] == part["low"].min():
                expected.add(c["low"].iloc[j])
        assert set(found) == expected
        assert len(found) > 2
    # The price dwells at 100 and at 110 and crosses quickly between them.
    prices = np.r_[np.full(100, 100.0), np.linspace(100, 110, 10), np.full(100, 110.0)]
    frame = pd.DataFrame({"open": prices, "high": prices + 0.4, "low": prices - 0.4, "close": prices, "volume": 1.0})
    frame.index = pd.date_range("2026-01-01", periods=len(frame), freq="5min", tz="UTC", name="time")
    (nodes,) = volume_nodes(lw.Market.from_frame(frame), np.array([209]), 168, 0.1)
    assert len(nodes) >= 2
    assert set(np.round(nodes / 10) * 10) == {100, 110}
    assert (nearest(nodes[None, :], [np.array([100.0, 110.0])]) < 0.005).all()


def test_the_words_name_no_direction_and_claim_nothing() -> None:
    study = lw.magnet_study(calm(6000, 0), bin_size=0.1, **QUICK)
    text = repr(study)
    assert not re.search(DIRECTION, text, re.IGNORECASE)
    assert "would by chance alone" in text
    assert "no difference found" in text
    table = study.to_frame()
    apart = ((table["low"] > 0) | (table["high"] < 0)).sum()
    assert f"{apart} of {len(table)} differences exclude 0" in text
    assert text.count(": differs (") == apart
    short = lw.magnet_study(calm(900, 0), bin_size=0.1, **QUICK)
    assert "too little to tell" in repr(short)
    assert "differs" not in repr(short)


def test_the_table_holds_both_sides_and_each() -> None:
    study = lw.magnet_study(calm(3000, 5), bin_size=0.1, **QUICK)
    table, each = study.to_frame(), study.to_frame(by_side=True)
    assert set(table["clusters"]) == {"both"}
    assert len(each) == 3 * len(table)
    touched = study.decisions.groupby("side")["touched"].agg(["sum", "count"])
    for side in ("below", "above"):
        row = each[(each["measure"] == "touched") & (each["against"] == "mirror") & (each["clusters"] == side)].iloc[0]
        assert row["at_clusters"] == pytest.approx(touched.loc[side, "sum"] / touched.loc[side, "count"])
    assert (study.decisions["level"] > study.decisions["close"]).eq(study.decisions["side"] == "above").all()
    np.testing.assert_allclose(
        study.decisions["level"] * study.decisions["mirror"], study.decisions["close"] ** 2, rtol=1e-12
    )


@pytest.mark.parametrize(
    ("message", "how"),
    [
        ("warmup_hours: .*at least 24", {"warmup_hours": 5}),
        ("horizon_hours", {"horizon_hours": 0}),
        ("reach", {"reach": (2, 1)}),
        ("bright", {"bright": 0}),
        ("decay_rate", {"decay_rate": -1, "horizon_hours": 2, "warmup_hours": 24}),
        ("no moments to study", {"horizon_hours": 500}),
        ("no cluster between", {"leverage_mix": {2: 1}, "horizon_hours": 2, "warmup_hours": 24}),
    ],
)
def test_what_cannot_be_is_refused(message: str, how: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=message):
        lw.magnet_study(calm(900, 0), **how)


def test_the_real_quarter_has_enough_touches_to_tell(shared_data: Callable[[str], Path]) -> None:
    market = lw.Market.from_frame(pd.read_csv(shared_data("btcusdt_5m_2025-12_2026-02.csv.gz")))
    study = lw.magnet_study(market)
    table = study.to_frame()
    assert study.decisions["time"].nunique() == 459
    assert table[["at_clusters", "at_placebo", "low", "high"]].notna().all(axis=None)
    assert (table["low"] <= table["difference"]).all()
    assert (table["difference"] <= table["high"]).all()
    assert table.loc[table["measure"] == "touched", "levels"].min() > 800
