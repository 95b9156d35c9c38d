"""Scores against known positions: hand-made cases with known answers, and estimates of simulated markets."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import liqwidget as lw
from liqwidget import InputError, Simulation, score, simulate
from liqwidget.analysis.stats.measures import earth_mover, linear_correlation, rank_correlation, ranks
from liqwidget.model.settings import shares

rows = st.lists(st.integers(0, 9), min_size=4, max_size=4)


@pytest.fixture(scope="module")
def simulation() -> Simulation:
    return simulate(1_500, 30_000, seed=1)


def estimate_of(simulation: Simulation, bin_size: float = 100.0, columns: Any = None) -> Any:
    mix = simulation.leverage_mix
    ledger = lw.build_ledger(simulation.market, list(mix), bin_size, turnover=simulation.turnover)
    return ledger.replay(simulation.decay_rate, shares(mix), columns)


def flat_density() -> Any:
    """An estimate on rows of 10 USD whose last column the test fills in; the close is 100."""
    candles = pd.DataFrame(
        {"open": 100.0, "high": 100.0, "low": 100.0, "close": 100.0, "volume": 1.0},
        index=pd.date_range("2026-01-01", periods=2, freq="1h", tz="UTC", name="time"),
    )
    density = lw.build_ledger(lw.Market.from_frame(candles), [5], 10.0, span=0.5).replay(0.0, [1.0])
    density.values[:] = 0.0
    assert density.price_edges[0] == 50.0
    return density


def known(*positions: tuple[str, float, float]) -> pd.DataFrame:
    return pd.DataFrame(positions, columns=["side", "liquidation_price", "notional"])


# Measures


@given(rows, rows)
def test_earth_mover_is_the_cheapest_way_to_carry_units(a: list[int], b: list[int]) -> None:
    x, y = np.array(a, dtype=float), np.array(b, dtype=float)
    if not x.sum() or not y.sum():
        assert np.isnan(earth_mover(x, y))
        return
    # On a line, moving mass in order is cheapest: match equal shares of mass by their quantiles.
    n, m = int(x.sum()), int(y.sum())
    left, right = np.repeat(np.repeat(np.arange(4), a), m), np.repeat(np.repeat(np.arange(4), b), n)
    assert earth_mover(x, y, 2.5) == pytest.approx(2.5 * np.abs(left - right).mean())
    assert earth_mover(x, y) == pytest.approx(earth_mover(y * 7, x))


@given(st.lists(st.integers(0, 8), min_size=3, max_size=3), st.permutations(range(3)))
def test_no_carrying_plan_is_cheaper(spots: list[int], order: list[int]) -> None:
    a, b = np.bincount(spots, minlength=9).astype(float), np.bincount([1, 4, 8], minlength=9).astype(float)
    cheapest = min(sum(abs(i - j) for i, j in zip(spots, plan, strict=True)) for plan in permutations([1, 4, 8])) / 3
    assert earth_mover(a, b) == pytest.approx(cheapest)


@given(st.lists(st.integers(-5, 5), min_size=2, max_size=12), st.data())
def test_correlations_are_those_of_pandas(a: list[int], data: st.DataObject) -> None:
    b = data.draw(st.lists(st.floats(-1e6, 1e6), min_size=len(a), max_size=len(a)))
    x, y = np.array(a, dtype=float), np.round(np.array(b), 2)
    np.testing.assert_array_equal(ranks(x), pd.Series(x).rank().to_numpy())
    if len(set(a)) == 1 or len(set(y)) == 1:
        assert np.isnan(linear_correlation(x, y))
        assert np.isnan(rank_correlation(x, y))
        return
    assert linear_correlation(x, y) == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-9)
    expected = np.corrcoef(pd.Series(x).rank(), pd.Series(y).rank())[0, 1]
    assert rank_correlation(x, y) == pytest.approx(expected, abs=1e-9)


# =longs stand in rows=>longs are in rows


def test_the_same_profile_scores_perfectly() -> None:
    density = flat_density()
    density.values[[1, 3, 6], -1] = 10, 30, 5
    s = score(density, known(("long", 65, 10), ("long", 85, 30), ("short", 115, 5)))
    assert (s.emd, s.emd_share, s.false_alarm, s.mass_ratio, s.overlap) == (0, 0, 0, 1, 1)
    assert (s.rank, s.linear) == (pytest.approx(1), pytest.approx(1))
    assert s.hit_rate == s.hit_best == pytest.approx(30 / 45)


def test_mass_one_row_off_is_moved_by_one_row() -> None:
    density = flat_density()
    density.values[[2, 7], -1] = 8, 100
    s = score(density, known(("long", 65, 4), ("short", 135, 50))).by_side()
    # 10 USD at a close of 100; the true levels are 35 USD away.
    np.testing.assert_allclose(s.loc[["long", "short"], "emd"], 0.1)
    np.testing.assert_allclose(s.loc[["long", "short"], "emd_share"], 10 / 35)
    np.testing.assert_allclose(s.loc[["long", "short"], "mass_ratio"], 2)
    np.testing.assert_allclose(s.loc[["long", "short"], "false_alarm"], 1)
    np.testing.assert_allclose(s.loc[["long", "short"], ["hit_rate", "overlap"]], 0)
    np.testing.assert_allclose(s.loc[["long", "short"], ["rank", "linear"]], -1)


def test_hits_and_false_alarms_of_the_brightest_cells() -> None:
    density = flat_density()
    density.values[:4, -1] = 60, 25, 10, 5  # the two brightest of four rows are rows 0 and 1
    s = score(density, known(("long", 51, 20), ("long", 71, 30), ("long", 81, 50)), bright=0.5)
    assert s.frame.set_index("side").loc["long", "cells"] == 4
    assert s.hit_rate == pytest.approx(0.2)
    assert s.hit_best == pytest.approx(0.8)  # rows 2 and 3
    assert s.false_alarm == pytest.approx((40 + 25) / 85)
    assert s.overlap == 0
    assert s.rank == pytest.approx(-0.8)
    # Everything is flagged: every level is found, and the excess in one row is missing in another.
    everything = score(density, known(("long", 51, 20), ("long", 71, 30), ("long", 81, 50)), bright=1.0)
    assert everything.hit_rate == pytest.approx(1)
    assert everything.false_alarm == pytest.approx(0.65)


def test_an_empty_side_has_no_score_and_does_not_spoil_the_other() -> None:
    density = flat_density()
    density.values[1, -1] = 10
    s = score(density, known(("long", 65, 20)))
    by_side = s.by_side()
    assert by_side.loc["short"].isna().all()
    assert by_side.loc["both", "mass_ratio"] == by_side.loc["long", "mass_ratio"] == 0.5
    assert s.emd == 0
    assert np.isnan(s.linear)  # one cell only


def test_what_cannot_be_placed_is_counted_and_said() -> None:
    density = flat_density()
    density.values[1, -1] = 10
    table = known(("long", 65, 10), ("long", 12, 3), ("short", 700, 4), ("short", np.nan, 5), ("long", -1, 6))
    s = score(density, table)
    assert (s.outside, s.unpriced) == (7, 11)
    assert "Not scored: $7 beyond the rows, $11 without a level." in repr(s)
    renamed = table.rename(columns={"liquidation_price": "liquidation_px", "notional": "notional_usd"})
    assert score(density, renamed).by_side().equals(s.by_side())


@given(st.integers(0, 2**32 - 1), st.floats(0.01, 1.0))
@settings(deadline=None, max_examples=50)
def test_scores_stay_in_their_range_and_know_no_scale(seed: int, bright: float) -> None:
    rng = np.random.default_rng(seed)
    density = flat_density()
    density.values[:, -1] = rng.pareto(1.0, 10) * rng.integers(0, 2, 10)
    table = known(*((("long", "short")[i // 5], 55.0 + 10 * i, float(rng.pareto(1.0))) for i in range(10)))
    frame = score(density, table, bright=bright).to_frame().dropna()
    shares_of = frame[["hit_rate", "hit_best", "false_alarm", "overlap"]]
    assert ((shares_of >= 0) & (shares_of <= 1 + 1e-9)).all(axis=None)
    assert (frame["hit_rate"] <= frame["hit_best"] + 1e-9).all()
    assert (frame[["rank", "linear"]].abs() <= 1 + 1e-9).all(axis=None)
    assert (frame[["emd", "emd_share"]] >= 0).all(axis=None)
    density.values *= 3
    again = score(density, table, bright=bright).to_frame().dropna()
    np.testing.assert_allclose(again["mass_ratio"], 3 * frame["mass_ratio"], rtol=1e-6)
    same = [*shares_of, "emd", "emd_share", "linear"]
    np.testing.assert_allclose(again[same], frame[same], rtol=1e-4, atol=1e-6)


# On simulated markets


@pytest.mark.parametrize("seed", range(5))
def test_with_the_true_mix_the_estimate_is_within_a_tenth_of_the_truth(seed: int) -> None:
    made = simulate(seed=seed)
    s = score(estimate_of(made, columns=[1200, 1600, 2015]), made, at=None)
    worst = s.frame
    assert (worst["emd_share"] < 0.1).all()
    assert (worst["emd"] < 0.015).all()
    assert (worst["linear"] > 0.75).all()
    assert worst["mass_ratio"].between(0.85, 1.15).all()
    assert (worst["false_alarm"] < 0.2).all()


def test_what_breaks_an_assumption_shows_in_the_score() -> None:
    fair, wrong_mix, other_pace = (
        simulate(seed=1, **habit) for habit in ({}, {"leverage_mix": "hot"}, {"patience": 0.8})
    )
    good = score(estimate_of(fair), fair)
    ledger = lw.build_ledger(wrong_mix.market, list(fair.leverage_mix), 100.0)
    bad = score(ledger.replay(wrong_mix.decay_rate, shares(fair.leverage_mix)), wrong_mix)
    assert bad.emd_share > 5 * good.emd_share
    assert bad.false_alarm > 3 * good.false_alarm
    assert score(estimate_of(other_pace), other_pace).emd_share > 4 * good.emd_share


def test_every_form_of_the_truth_gives_the_same_score(simulation: Simulation) -> None:
    density = estimate_of(simulation)
    forms = [simulation, simulation.density(density), simulation.density(density, [700, 1499]), simulation.positions]
    scores = [score(density, form) for form in forms]
    for other in scores[1:]:
        pd.testing.assert_frame_equal(other.frame, scores[0].frame, rtol=1e-9)
        assert other.outside == pytest.approx(scores[0].outside)
    several = score(density, simulation, at=[900, -1])
    assert len(several.to_frame()) == 6
    assert several.frame.iloc[3:]["emd"].tolist() == scores[0].frame["emd"].tolist()
    one, two = (several.frame[several.frame["side"] == "both"].iloc[i] for i in (0, 1))
    mean = (one["emd"] * one["truth"] + two["emd"] * two["truth"]) / (one["truth"] + two["truth"])
    assert several.emd == pytest.approx(mean, rel=1e-12)
    assert "mean of 2 moments" in repr(several)
    assert score(density, density).emd == 0


def test_unusable_arguments_are_named(simulation: Simulation) -> None:
    density = estimate_of(simulation, columns=[700, 1499])
    per_tier = lw.build_ledger(simulation.market, (5, 10), 100.0).replay(0.1, columns=[3])
    good = known(("long", 80_000, 1))
    for call, words in (
        (lambda: score(per_tier, simulation), "wanted a mixed density"),
        (lambda: score(simulation.market, simulation), "wanted a mixed density"),  # type: ignore[arg-type]
        (lambda: score(density, per_tier), "on the same rows"),
        (lambda: score(density, simulation.density(50.0)), "on the same rows"),
        (lambda: score(density, simulation.density(density, [3])), "truth: it has no candle at"),
        (lambda: score(density, simulation, at=2), "at: wanted candles from -2 to 1; got 2"),
        (lambda: score(density, simulation, at=[]), "at: wanted at least one"),
        (lambda: score(density, simulation, at=True), "at: "),
        (lambda: score(density, good, at=None), "positions are of one moment; got 2"),
        (lambda: score(density, simulation, bright=0), "bright: "),
        (lambda: score(density, good.drop(columns="notional")), "notional is missing"),
        (lambda: score(density, {"side": 1}), "liquidation_price, side, notional is missing in dict|is missing"),
        (lambda: score(density, good.assign(notional=-1.0)), "row 0 has 'long', -1"),
        (lambda: score(density, good.assign(side="up")), "row 0 has 'up'"),
    ):
        with pytest.raises(InputError, match=words):
            call()
    snapshots = pd.concat([good.assign(time="2026-02-03T12:44:34Z"), good.assign(time="2026-02-05T00:00:00Z")])
    with pytest.raises(InputError, match="positions are of one moment; these span 1 days 11:15:26"):
        score(density, snapshots)
    with pytest.raises(AttributeError, match="'Score' has no attribute 'beauty'"):
        score(density, simulation).beauty  # noqa: B018
    assert "emd_share" in dir(score(density, simulation))
