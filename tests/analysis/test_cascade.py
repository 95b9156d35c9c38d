"""Cascades: the fixed point against a slow plain twin, its properties, measured inputs, and the block bootstrap."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import sqrt
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import liqwidget as lw
from liqwidget.analysis.cascade.impact import measured
from liqwidget.analysis.stats.bootstrap import block_bootstrap, block_counts, block_indices
from liqwidget.errors import InputError
from liqwidget.model.density import Density
from liqwidget.model.grid import PriceGrid
from markets import walk

BASE = lw.build_ledger(walk(30, seed=1), (5, 10), 1.0)
unhurried = settings(deadline=None)  # the machine may be busy
MEASURED: dict[str, Any] = {"volatility": 0.03, "volume": 1e4}


def density_of(usd: list[float], close: float | None = None) -> Density:
    """A density of one candle: rows of 1 USD from 50 up; with 2 x 50 rows the close of 100 is in the middle."""
    values = np.array(usd, dtype=np.float32)[:, None]
    ledger = replace(BASE, grid=PriceGrid(1.0, 50, len(usd)), close=np.full(30, 100.0 if close is None else close))
    return Density(ledger, 0.0, np.ones(2), np.array([29]), values)


def plain_rest(density: Density, shock: float, push: Callable[[float, float], float]) -> tuple[float, float]:
    """Final price and USD, row by row; ``push(start, usd)`` is the move that ``usd`` causes from the move ``start``."""
    close, sign = float(density.close[0]), 1 if shock > 0 else -1
    edge = abs(density.price_edges[-1 if sign > 0 else 0] - close) / close
    move, usd = abs(shock), -1.0
    while True:
        crossed = 0.0
        for price, amount in zip(density.grid.centres, density.values[:, 0].astype(float), strict=True):
            away = sign * (price - close) / close
            if 0 < away <= move:
                crossed += amount
        if crossed == usd:
            return close * (1 + sign * max(min(move, edge), abs(shock))), usd
        usd, move = crossed, max(move, push(abs(shock), crossed))


columns = st.lists(st.sampled_from([0.0, 0.0, 1.0, 20.0, 300.0, 4000.0]), min_size=100, max_size=100)
shocks = st.floats(-0.6, 0.6).filter(lambda s: abs(s) > 1e-4)


@unhurried
@given(columns, shocks, st.floats(0, 3))
def test_it_equals_the_plain_twin_under_the_square_root_law(usd: list[float], shock: float, y: float) -> None:
    density = density_of(usd)
    result = lw.cascade(density, -1, shock, y, **MEASURED)
    price, liquidated = plain_rest(density, shock, lambda start, q: start + y * 0.03 * sqrt(q / 1e4))
    assert result.final_price == pytest.approx(price)
    assert result.liquidated == pytest.approx(liquidated)
    assert result.amplification == pytest.approx((price / 100 - 1) / shock)


@unhurried
@given(columns, shocks, st.lists(st.integers(1, 4000), min_size=1, max_size=60))
def test_it_equals_the_plain_twin_in_a_book(usd: list[float], shock: float, orders: list[int]) -> None:
    density = density_of(usd)
    resting = np.concatenate([[0.0], np.cumsum(orders)])
    away = np.arange(len(resting)) / 100

    def push(start: float, q: float) -> float:
        want = float(np.interp(start, away, resting)) + q
        return float("inf") if want > resting[-1] else float(np.interp(want, resting, away))

    result = lw.cascade(density, -1, shock, depth=resting[1:])
    price, liquidated = plain_rest(density, shock, push)
    assert result.final_price == pytest.approx(price)
    assert result.liquidated == pytest.approx(liquidated)


@unhurried
@given(
    columns, st.lists(shocks, min_size=1, max_size=20), st.sampled_from([{"impact": 2.0, **MEASURED}, {"depth": 90}])
)
def test_the_curve_is_the_cascade_of_every_push(usd: list[float], pushes: list[float], how: dict[str, Any]) -> None:
    density = density_of(usd)
    curve = lw.cascade_curve(density, shocks=pushes, **how)
    single = [lw.cascade(density, shock=shock, **how) for shock in pushes]
    for name in ("final_price", "final_move", "amplification", "liquidated", "out_of_range"):
        np.testing.assert_allclose(getattr(curve, name), [getattr(one, name) for one in single], rtol=1e-9)
    assert list(curve.to_frame()["shock"]) == pushes


@unhurried
@given(columns, st.sampled_from([{"impact": 2.0, **MEASURED}, {"depth": 90}]))
def test_more_push_never_ends_nearer_and_nothing_ends_before_its_push(usd: list[float], how: dict[str, Any]) -> None:
    curve = lw.cascade_curve(density_of(usd), shocks=np.linspace(-0.6, 0.6, 241), **how)
    assert (np.diff(curve.final_move) >= 0).all()
    assert (np.abs(curve.final_move) >= np.abs(curve.shocks)).all()
    assert (curve.amplification >= 1 - 1e-12).all()


@unhurried
@given(columns, shocks, st.sampled_from([{"impact": 2.0, **MEASURED}, {"depth": 90}]))
def test_mirrored_prices_give_the_mirrored_cascade(usd: list[float], shock: float, how: dict[str, Any]) -> None:
    one = lw.cascade(density_of(usd), shock=shock, **how)
    other = lw.cascade(density_of(usd[::-1]), shock=-shock, **how)
    assert (one.final_move, one.liquidated) == (-other.final_move, other.liquidated)
    np.testing.assert_allclose(one.steps["price"] - 100, 100 - other.steps["price"], atol=1e-9)


@unhurried
@given(columns, shocks, st.floats(0, 1))
def test_more_density_or_impact_never_ends_nearer(usd: list[float], shock: float, more: float) -> None:
    def ends(scale: float, y: float) -> float:
        return abs(lw.cascade(density_of([scale * u for u in usd]), shock=shock, impact=y, **MEASURED).final_move)

    assert ends(1, 1) <= ends(1 + more, 1) + 1e-12
    assert ends(1, 1) <= ends(1, 1 + more)


@pytest.mark.parametrize("how", [{"impact": 1.0, **MEASURED}, {"depth": 5.0}, {"impact": lambda usd: usd * 1e-3}])
@pytest.mark.parametrize("shock", [-0.3, -0.01, 0.0, 0.2])
def test_without_density_the_push_is_all(how: dict[str, Any], shock: float) -> None:
    result = lw.cascade(density_of([0.0] * 100), shock=shock, **how)
    assert (result.final_move, result.amplification, result.liquidated, len(result.steps)) == (shock, 1, 0, 1)
    assert not result.out_of_range
    assert len(lw.cascade_curve(density_of([0.0] * 100), **how).cliffs) == 0


def test_a_chain_that_lights_itself_ends_at_the_edge_and_says_so() -> None:
    density = density_of([50.0] * 100)
    result = lw.cascade(density, shock=-0.02, depth=40)
    assert result.out_of_range
    assert result.final_price == 50.0
    assert "leaves the known range" in repr(result)
    assert not lw.cascade(density, shock=-0.02, depth=60).out_of_range
    beyond = lw.cascade(density, shock=-0.7, depth=60)
    assert beyond.out_of_range
    assert beyond.final_price == pytest.approx(30)


def test_the_steps_climb_to_the_end() -> None:
    usd = [0.0] * 100
    usd[46], usd[45], usd[44] = 400.0, 400.0, 900.0  # centres 96.5, 95.5, 94.5
    result = lw.cascade(density_of(usd), shock=-0.035, depth=300)
    np.testing.assert_allclose(result.steps["price"], [96.5, 96.5 - 4 / 3, 96.5 - 8 / 3, 96.5 - 17 / 3])
    np.testing.assert_allclose(result.steps["liquidated"], [400, 800, 1700, 1700])
    assert "not a forecast" in repr(result)
    assert "2026-01-02T05:00 UTC" in repr(result)


@settings(unhurried, max_examples=25)
@given(columns, st.sampled_from([{"impact": 2.0, **MEASURED}, {"depth": 90}, {"depth": 900}]))
def test_a_cliff_is_where_a_hair_more_jumps(usd: list[float], how: dict[str, Any]) -> None:
    density = density_of(usd)
    curve = lw.cascade_curve(density, shocks=[-0.45, 0.45], **how)
    assert (np.diff(curve.cliffs["jump"]) <= 0).all()
    for cliff in curve.cliffs.itertuples():
        short = lw.cascade(density, shock=cliff.shock * (1 - 1e-9), **how)
        over = lw.cascade(density, shock=cliff.shock * (1 + 1e-9), **how)
        assert short.final_price == pytest.approx(cliff.rests_before)
        assert over.final_price == pytest.approx(cliff.rests_after)
        assert over.liquidated - short.liquidated == pytest.approx(cliff.liquidated)
        assert over.out_of_range == cliff.out_of_range
    # No other jump of more than a row is missing: halve each steep step until it can only be a jump.
    grid = np.linspace(1e-4, 0.45, 2000)
    steep = np.flatnonzero(np.diff(lw.cascade_curve(density, shocks=grid, **how).final_move) > 0.0105)
    edges = curve.cliffs.loc[curve.cliffs["shock"] > 0, "shock"].to_numpy()
    for low, high in zip(grid[steep], grid[steep + 1], strict=True):
        while high - low > 1e-9:
            middle = (low + high) / 2
            move = lw.cascade_curve(density, shocks=[low, middle, high], **how).final_move
            low, high = (low, middle) if move[1] - move[0] > move[2] - move[1] else (middle, high)
        jump = np.diff(lw.cascade_curve(density, shocks=[low, high], **how).final_move)[0]
        assert jump < 0.01 or np.abs(edges - low).min() < 1e-8


def test_a_deeper_book_amplifies_less() -> None:
    rng = np.random.default_rng(2)
    density = density_of(list(rng.gamma(0.5, 100.0, 100)))
    thin, thick = (lw.cascade_curve(density, depth=depth) for depth in (100, 400))
    assert (thick.amplification <= thin.amplification + 1e-12).all()
    assert thick.amplification.max() < thin.amplification.max()
    sloped = lw.cascade_curve(density, depth=lambda away: 400 * np.abs(away))
    np.testing.assert_allclose(sloped.final_price, thick.final_price)


def test_volatility_and_volume_are_measured_up_to_the_moment_alone() -> None:
    market = walk(400, seed=5, step_minutes=60, wild=0.3)
    density = lw.estimate(market, {10: 1, 25: 1}, 0.03, 0.5, turnover=0.5)
    at = 250
    past = lw.estimate(market.append(market.candles.iloc[-1:]), {10: 1, 25: 1}, 0.03, 0.5, turnover=0.5)
    candles = market.candles.iloc[at - 168 : at + 1]
    returns = np.diff(np.log(candles["close"]))
    sigma = sqrt((returns**2).sum() / 7)
    volume = (candles["volume"] * candles["close"])[1:].sum() / 7
    own = lw.cascade(density, at, -0.02, market=market)
    given_both = lw.cascade(density, at, -0.02, volatility=sigma, volume=volume)
    assert own.final_price == pytest.approx(given_both.final_price, rel=1e-12)
    assert f"{sigma:.2%}" in own.impact
    # Later candles change nothing, neither in the market nor in the density.
    assert lw.cascade(density, at, -0.02, market=market._cut(slice(0, at + 1))).impact == own.impact
    assert lw.cascade(past, at, -0.02).impact == lw.cascade(density, at, -0.02).impact
    # Without the market, the volume is inferred from the opened USD.
    quiet = walk(400, seed=5, step_minutes=60, wild=0.3, oi=False)
    density = lw.estimate(quiet, {10: 2, 25: 1}, 0.03, 0.5, turnover=0.5)
    implied = measured(density, at, None, 168.0, None, None)
    assert implied == pytest.approx(measured(density, at, quiet, 168.0, None, None), rel=0.01)
    assert measured(density, at, None, 168.0, 0.5, None) == (0.5, implied[1])


def test_what_cannot_be_is_refused_with_the_cure() -> None:
    density = density_of([1.0] * 100)
    market = walk(30, seed=1)
    for message, how in {
        "shock": {"shock": -1.0},
        "shock: wanted signed": {"shock": float("nan")},
        "impact: wanted the law": {"impact": -1.0},
        "impact: wanted a function": {"impact": lambda usd: -usd},
        "depth: wanted either": {"impact": 1.0, "depth": 5.0},
        "depth: wanted USD": {"depth": 0.0},
        "each larger than": {"depth": [1.0, 1.0]},
        "signed distances": {"depth": lambda away: away[:3]},
        "volatility": {"volatility": 0.0},
        "window_hours": {"window_hours": 0},
        "at: wanted": {"at": 5},
        "show no price change": {},  # one candle
    }.items():
        with pytest.raises(InputError, match=message):
            lw.cascade(density, **how)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="per tier"):
        lw.cascade(lw.build_ledger(market, (5, 10), 1.0).replay())
    with pytest.raises(InputError, match="no candle at"):
        lw.cascade(density, market=walk(20))


@unhurried
@given(st.integers(1, 60), st.floats(1, 60), st.sampled_from(["stationary", "moving"]), st.integers(0, 99))
def test_blocks_are_runs_of_neighbours(n: int, block: float, kind: str, seed: int) -> None:
    block = min(block, n)
    index = block_indices(n, block, 20, seed, kind)
    assert index.shape == (20, n)
    assert (index == block_indices(n, block, 20, seed, kind)).all()
    assert index.min() >= 0
    assert index.max() < n
    if kind == "moving":
        starts = np.arange(n) % round(block) == 0
        assert (np.diff(index, axis=1)[:, ~starts[1:]] == 1).all()
    counts = block_counts(n, block, 20, seed, kind)
    assert (counts == [np.bincount(row, minlength=n) for row in index]).all()


def test_mean_block_length_is_what_was_asked() -> None:
    index = block_indices(5000, 25, 20, 1)
    breaks = (np.diff(index, axis=1) % 5000 != 1).mean()
    assert 1 / breaks == pytest.approx(25, rel=0.05)


@pytest.mark.parametrize("kind", ["stationary", "moving"])
def test_blocks_cover_where_single_rows_pretend(kind: str) -> None:
    hits = {1: 0, 60: 0}
    for seed in range(60):
        noise = np.random.default_rng(seed).normal(size=1020)
        series = np.convolve(noise, np.ones(20), "valid")  # autocorrelated over 20 rows
        for block in hits:
            hits[block] += block_bootstrap(np.mean, series, block=block, draws=120, kind=kind).covers(0.0)
    assert hits[60] >= 51
    assert hits[1] <= 36


def test_pairs_stay_pairs_and_lengths_must_agree() -> None:
    x = np.random.default_rng(0).normal(size=200)
    frame = pd.Series(x)
    interval = block_bootstrap(lambda a, b: np.corrcoef(a, b)[0, 1], frame.to_numpy(), 2 * x, draws=50)
    assert interval.low == pytest.approx(1)
    with pytest.raises(InputError, match="one length"):
        block_bootstrap(np.mean, x, x[1:])
    with pytest.raises(InputError, match="block"):
        block_indices(10, 11)


def test_the_bin_size_does_not_matter() -> None:
    market = lw.load_sample().tail(600)
    fine, coarse = (lw.estimate(market, bin_size=size) for size in (None, 500.0))
    assert fine.bin_size < coarse.bin_size
    one, other = (lw.cascade(density, shock=-0.03, market=market) for density in (fine, coarse))
    assert one.steps.equals(other.steps)
    assert len(one.steps) > 1
    curves = [lw.cascade_curve(density, market=market).to_frame() for density in (fine, coarse)]
    assert curves[0].equals(curves[1])
