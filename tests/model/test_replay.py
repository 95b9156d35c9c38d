"""Ledger and replay: against the plain twin, and the properties that the model guarantees."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import liqwidget as lw
from liqwidget.model.margin import CONTRACTS, Contract
from liqwidget.model.replay import few_standing_columns
from liqwidget.model.sweeps import order_of, outlives, swept_in
from markets import BIN_SIZES, seeds, walk
from plain import plain_replay

TIERS = (2, 3, 5, 10, 25, 50, 100)
slow = settings(max_examples=25, deadline=None)


def dense(planes: Any, rows: Any, L: Any) -> Any:
    out = np.zeros((L, rows, len(planes)))
    for t, tiers in enumerate(planes):
        for i, cells in enumerate(tiers):
            for row, usd in cells.items():
                out[i, row, t] = usd
    return out


@slow
@given(
    seeds,
    st.sampled_from((0.5, 1, 2.5, 0.3)),
    st.sampled_from((0.0, 0.03, 2.0)),
    st.booleans(),
    st.booleans(),
    st.sampled_from(CONTRACTS),
)
def test_equals_the_plain_twin(
    seed: int, bin_size: float, decay_rate: float, gaps: bool, marks: bool, contract: Contract
) -> None:
    market = walk(24, seed, gaps=gaps, marks=marks, contract=contract)
    kwargs = {"maintenance_rate": 0.005, "fee_rate": 0.0005, "turnover": 0.8, "span": 0.25}
    density = lw.build_ledger(market, TIERS, bin_size, **kwargs).replay(decay_rate)
    planes, rows, totals, opened = plain_replay(market, TIERS, bin_size, decay_rate, **kwargs)
    expected = dense(planes, rows, len(TIERS))
    assert density.values.shape == expected.shape
    np.testing.assert_allclose(density.values, expected, rtol=3e-7, atol=1e-6)
    few = few_standing_columns(lw.build_ledger(market, TIERS, bin_size, **kwargs), decay_rate, None, np.array([3, 12]))
    np.testing.assert_allclose(few, expected[..., [3, 12]].transpose(2, 0, 1), rtol=3e-7, atol=1e-6)
    np.testing.assert_allclose(density.opened, opened, rtol=1e-12)
    for name, want in totals.items():
        np.testing.assert_allclose(getattr(density, name), want, rtol=1e-9, atol=1e-6, err_msg=name)


def test_a_short_without_leverage_in_an_inverse_contract_has_no_level() -> None:
    market = walk(60, 3, contract="inverse")
    density = lw.build_ledger(market, (1, 1.001, 5), 0.5).replay()
    for tier in (0, 1):
        np.testing.assert_allclose(density.out_of_range_short[tier], density.opened)
    assert density.standing_short[2, -1] > 0


@slow
@given(seeds, st.floats(0, 5), st.booleans(), st.sampled_from(CONTRACTS))
def test_conservation_per_tier_and_side(seed: int, decay_rate: float, gaps: bool, contract: Contract) -> None:
    ledger = lw.build_ledger(walk(80, seed, gaps=gaps, wild=2, contract=contract), TIERS, 0.5)
    density = ledger.replay(decay_rate)
    opened = density.opened.sum()
    below = density.grid.centres < density.close[-1]
    for side, rows in (("long", below), ("short", ~below)):
        gone = sum(getattr(density, f"{name}_{side}").sum(axis=1) for name in ("liquidated", "decayed", "out_of_range"))
        standing = getattr(density, f"standing_{side}")[:, -1]
        np.testing.assert_allclose(standing + gone, opened, rtol=1e-9)
        np.testing.assert_allclose(
            density.values[:, rows, -1].astype(float).sum(axis=1), standing, rtol=1e-6, atol=opened * 1e-9
        )
    mixed = ledger.replay(decay_rate, weights=np.linspace(0.5, 2, len(TIERS)))
    parts = ("liquidated_long", "liquidated_short", "decayed", "out_of_range_long", "out_of_range_short")
    gone = sum(getattr(mixed, name).sum() for name in parts)
    standing = mixed.standing_long[-1] + mixed.standing_short[-1]
    np.testing.assert_allclose(standing + gone, 2 * mixed.opened.sum(), rtol=1e-9)


@slow
@given(seeds, st.lists(st.floats(0, 100), min_size=len(TIERS), max_size=len(TIERS)), st.floats(0, 1))
def test_linear_in_the_weights(seed: int, weights: list[float], decay_rate: float) -> None:
    ledger = lw.build_ledger(walk(50, seed), TIERS, 0.5)
    per_tier = ledger.replay(decay_rate)
    mixed = ledger.replay(decay_rate, weights)
    expected = np.einsum("l,lpt->pt", weights, per_tier.values.astype(float))
    np.testing.assert_allclose(mixed.values, expected, rtol=1e-6, atol=1e-6)
    by_mix = per_tier.mix(weights)
    np.testing.assert_allclose(by_mix.values, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(by_mix.liquidated_long, mixed.liquidated_long, rtol=1e-9, atol=1e-6)


@slow
@given(seeds)
def test_without_decay_a_row_is_the_plain_sum_since_its_sweep(seed: int) -> None:
    ledger = lw.build_ledger(walk(50, seed), TIERS, 0.5)
    density = ledger.replay(0.0)
    t, row = 40, None
    for row in range(0, ledger.grid.rows, 7):
        swept = [s for s in range(t + 1) if ledger.sweep[s, 0] <= row < ledger.sweep[s, 1]]
        since = swept[-1] if swept else 0
        here = (ledger.column >= since) & (ledger.column <= t) & (ledger.row == row)
        total = np.bincount(ledger.tier[here], ledger.notional[here], len(TIERS))
        np.testing.assert_allclose(density.values[:, row, t], total, rtol=1e-6)


@slow
@given(seeds, st.integers(2, 59), st.floats(0, 1))
def test_causal_a_prefix_of_candles_gives_a_prefix_of_columns(seed: int, cut: int, decay_rate: float) -> None:
    market = walk(60, seed)
    whole = lw.build_ledger(market, TIERS, 0.5)
    part = lw.build_ledger(market.tail(60).between(None, market.candles.index[cut - 1]), TIERS, 0.5)
    full, prefix = whole.replay(decay_rate).values, part.replay(decay_rate).values
    shift = part.grid.first - whole.grid.first
    assert shift >= 0
    np.testing.assert_allclose(full[:, shift : shift + part.grid.rows, :cut], prefix, rtol=1e-6)


@slow
@given(seeds, st.booleans())
def test_longs_stand_only_below_the_close_and_shorts_only_above(seed: int, marks: bool) -> None:
    market = walk(60, seed, wild=3, marks=marks)
    ledger = lw.build_ledger(market, TIERS, 0.5)
    for t in range(60):
        standing = (ledger.column <= t) & (ledger.end > t)
        centre = ledger.grid.centres[ledger.row[standing]]
        side = ledger.side[standing]
        assert (centre[side == 0] < market.candles["close"].iloc[t]).all()
        assert (centre[side == 1] > market.candles["close"].iloc[t]).all()


@pytest.mark.parametrize("bin_size", BIN_SIZES)
@pytest.mark.parametrize("tier", [2, 4, 5, 8])
def test_no_tick_aligned_level_is_misbinned(bin_size: float, tier: float) -> None:
    """A level on the edge of a bin belongs to the bin that starts there, despite floating-point rounding."""
    n = 100
    k = 7 * tier * np.arange(1, n + 1)  # so that price * (1 - 1/tier) is an exact multiple of the bin
    prices = np.array([float(f"{float(x) * bin_size:.12g}") for x in 2000 * tier + k])
    frame = pd.DataFrame(dict.fromkeys(("open", "high", "low", "close"), prices) | {"volume": 1.0})
    frame.index = pd.date_range("2026-01-01", periods=n, freq="h", tz="UTC")
    ledger = lw.build_ledger(lw.Market.from_frame(frame), [tier], bin_size, maintenance_rate=0.0, span=0.6)
    longs = ledger.side == 0
    got = ledger.row[longs].astype(int) + ledger.grid.first
    multiple = (2000 * tier + k) // tier * (tier - 1)
    np.testing.assert_array_equal(got, multiple[ledger.column[longs]])
    np.testing.assert_array_equal(np.diff(ledger.start), 2)


@pytest.mark.parametrize("bin_size", BIN_SIZES)
def test_edges_are_exact_multiples(bin_size: float) -> None:
    from decimal import Decimal

    ledger = lw.build_ledger(walk(10, price=700 * bin_size, tick=bin_size), [5], bin_size)
    first = ledger.grid.first
    want = [float(Decimal(repr(float(bin_size))) * (first + i)) for i in range(ledger.grid.rows + 1)]
    np.testing.assert_array_equal(ledger.price_edges, want)


def test_gaps_decay_by_elapsed_time() -> None:
    market = walk(40, oi=False)
    holed = lw.Market.from_frame(market.candles.drop(market.candles.index[10:30]), symbol="TEST")
    rate = 0.05
    density = lw.build_ledger(holed, TIERS, 0.5).replay(rate)
    untouched = np.ones(density.grid.rows, bool)
    a, b = lw.build_ledger(holed, TIERS, 0.5).sweep[10]
    untouched[a:b] = False
    before, after = density.values[..., 9][:, untouched], density.values[..., 10][:, untouched]
    added = lw.build_ledger(holed, TIERS, 0.5)
    fresh = np.zeros((len(TIERS), density.grid.rows))
    now = slice(added.start[10], added.start[11])
    fresh[added.tier[now], added.row[now]] = added.notional[now]
    np.testing.assert_allclose(after - fresh[:, untouched], before * np.exp(-rate * 21), rtol=1e-4, atol=1e-2)


@slow
@given(seeds, st.floats(1e-3, 1e3))
def test_scaling_volume_scales_density(seed: int, factor: float) -> None:
    market = walk(40, seed, oi=False)
    scaled = market.candles.assign(volume=market.candles["volume"] * factor)
    a = lw.build_ledger(market, TIERS, 0.5).replay(0.1)
    b = lw.build_ledger(lw.Market.from_frame(scaled), TIERS, 0.5).replay(0.1)
    np.testing.assert_allclose(b.values, a.values * factor, rtol=1e-6)
    np.testing.assert_allclose(b.liquidated_short, a.liquidated_short * factor, rtol=1e-9)


@slow
@given(seeds, st.integers(2, 9))
def test_merged_equals_the_sampled_full_replay(seed: int, width: int) -> None:
    ledger = lw.build_ledger(walk(120, seed, step_minutes=5), TIERS, 0.5)
    merged = ledger.merged(width)
    closes = np.minimum(np.arange(0, 120, width) + width, 120) - 1
    np.testing.assert_allclose(
        merged.replay(0.0).values, ledger.replay(0.0, columns=closes).values, rtol=1e-6, atol=1e-6
    )
    rate = np.log(2) / (10 * width * 5 / 60)  # a half-life of ten columns
    got, want = merged.replay(rate), ledger.replay(rate, columns=closes)
    total = want.values.sum(axis=1)
    assert (np.abs(got.values - want.values).sum(axis=1)[:, 1:] <= 0.01 * total[:, 1:]).all()
    for name in ("liquidated", "decayed", "out_of_range"):
        for side in ("long", "short"):
            assert getattr(got, f"{name}_{side}").shape == (len(TIERS), len(closes))
    gone = got.liquidated_long + got.decayed_long + got.out_of_range_long
    np.testing.assert_allclose(got.standing_long[:, -1] + gone.sum(axis=1), got.opened.sum(), rtol=1e-9)


@slow
@given(seeds, st.integers(1, 50))
def test_extended_equals_a_fresh_ledger(seed: int, cut: int) -> None:
    market = walk(60, seed)
    ledger = lw.build_ledger(market, TIERS, 0.5)
    again = ledger.extended(market, cut)
    for name in ("row", "tier", "side", "notional", "sweep", "start", "hours", "opened", "crossed", "time"):
        np.testing.assert_array_equal(getattr(again, name), getattr(ledger, name), err_msg=name)


def test_a_market_where_nothing_is_crossed_merges_too():
    calm = walk(20, wild=0.001, oi=False)
    ledger = lw.build_ledger(calm, [5], 0.5)
    assert ledger.crossed.sum() == 0
    assert ledger.crossed.dtype == ledger.out_of_range.dtype == np.float64
    np.testing.assert_allclose(ledger.merged(3).replay(0).values[..., -1], ledger.replay(0).values[..., -1])


def test_replay_keeps_only_the_asked_columns_and_sums_the_flows() -> None:
    ledger = lw.build_ledger(walk(60), TIERS, 0.5)
    full, some = ledger.replay(0.1), ledger.replay(0.1, columns=[9, 40, 59])
    np.testing.assert_array_equal(some.values, full.values[..., [9, 40, 59]])
    np.testing.assert_allclose(some.liquidated_long[:, 1], full.liquidated_long[:, 10:41].sum(axis=1))
    np.testing.assert_allclose(some.opened.sum(), full.opened.sum())


@slow
@given(seeds, st.sampled_from((0.3, 2.5, 25.0)), st.sampled_from((1, 3)), st.data())
def test_few_closes_are_those_of_the_full_replay(seed: int, bin_size: float, width: int, data: st.DataObject) -> None:
    ledger = lw.build_ledger(walk(400, seed, wild=0.3, gaps=True), TIERS, bin_size).merged(width)
    T = len(ledger)
    kept = sorted(data.draw(st.sets(st.integers(0, T - 1), min_size=1, max_size=50)))
    weights = data.draw(st.sampled_from((None, np.linspace(0, 2, len(TIERS)))))
    for rate in (0.0, 0.05, 9.0):
        every = ledger.replay(rate, weights, kept).values
        few = few_standing_columns(ledger, rate, weights, np.array(kept))
        np.testing.assert_allclose(few, np.moveaxis(every, -1, 0).reshape(few.shape), rtol=1e-6, atol=1e-6)


@slow
@given(seeds, st.sampled_from((0.3, 2.5, 25.0)), st.booleans(), st.data())
def test_what_outlives_a_run_is_what_is_swept_after_it(
    seed: int, size: float, marks: bool, data: st.DataObject
) -> None:
    ledger = lw.build_ledger(walk(120, seed, wild=0.3, gaps=True, marks=marks), TIERS, size)
    T, P = len(ledger), ledger.grid.rows
    cuts = np.array(sorted(data.draw(st.sets(st.integers(1, T - 1), max_size=30))), dtype=np.int64)
    run = np.searchsorted(cuts, np.arange(T), "right")
    last = np.append(cuts, T)[run] - 1
    found = outlives(ledger.sweep, ledger.start, ledger.row, run, P)
    np.testing.assert_array_equal(found, ledger.end > last[ledger.column])
    np.testing.assert_array_equal(ledger.stands, ledger.end == T)
    first, rows = np.full(P, T), np.arange(P)
    for t, (a, b) in reversed(list(enumerate(ledger.sweep))):
        first[(rows >= a) & (rows < b)] = t
    np.testing.assert_array_equal(ledger.first_sweep, first)
    for g, (a, b) in enumerate(zip(*swept_in(ledger.sweep, np.append(0, cuts), P), strict=True)):
        mine = {r for t in np.flatnonzero(run == g) for r in range(*ledger.sweep[t])}
        assert set(range(a, b)) == mine


@pytest.mark.parametrize("most", [3, 2**40, 2**62])
def test_equal_keys_stay_as_they_came(most: int) -> None:
    keys = np.random.default_rng(0).integers(0, 40, 1_000) * (most // 40 or 1)
    np.testing.assert_array_equal(order_of(keys), np.argsort(keys, kind="stable"))
    assert len(order_of(keys[:0])) == 0


def test_long_histories_and_fast_decay_neither_overflow_nor_underflow_into_nan() -> None:
    market = walk(200, step_minutes=60 * 24, oi=False)
    ledger = lw.build_ledger(market, TIERS, 0.5)
    for rate in (0.0, 1e-9, 0.5, 20.0, 1e6):
        density = ledger.replay(rate)
        assert np.isfinite(density.values).all()
    only_new = ledger.replay(1e6).values[..., -1].sum()
    fresh = ledger.notional[ledger.start[-2] :].sum()
    assert only_new == pytest.approx(fresh, rel=1e-6)


def test_auto_decay_rate_is_closed_over_standing() -> None:
    market = walk(50)
    c = market.candles
    change = np.diff(c["open_interest"])
    opened = np.maximum((c["volume"].to_numpy()[1:] + change) / 2, np.maximum(change, 0))
    want = (opened - change).sum() / c["open_interest"].to_numpy()[:-1].sum()
    assert lw.auto_decay_rate(market) == pytest.approx(want)
    assert lw.auto_decay_rate(walk(50, oi=False)) == pytest.approx(np.log(2) / 24)


def test_estimate_is_the_normalised_mix() -> None:
    market = walk(80)
    mix: dict[Any, float] = {"10": 3, 25: 1}
    density = lw.estimate(market, mix, decay_rate=0.02, bin_size=0.5, turnover=1.0)
    rows = lw.build_ledger(market, [10, 25])  # rows of 0.02: a price of 100 allows up to 0.03
    assert rows.bin_size == 0.02
    want = rows.replay(0.02, [0.75, 0.25], bin_size=0.5)
    np.testing.assert_allclose(density.values, want.values)
    auto = lw.estimate(market)
    assert auto.decay_rate == lw.auto_decay_rate(market)
    assert 300 <= auto.grid.rows <= 800
    assert auto.turnover == 1.0  # automatic decay assumes that all volume opens positions
    assert auto.opened.sum() == pytest.approx(lw.build_ledger(market).opened.sum())


@pytest.mark.parametrize(
    ("kwargs", "says"),
    [
        ({"bin_size": 0}, "bin_size"),
        ({"bin_size": True}, "bin_size"),
        ({"bin_size": float("nan")}, "bin_size"),
        ({"bin_size": 1e-9}, "rows"),
        ({"leverage": ()}, "leverage"),
        ({"leverage": (5, 5)}, "different"),
        ({"leverage": (300,)}, "300"),
        ({"turnover": 0}, "turnover"),
        ({"span": 1}, "span"),
        ({"leverage": "hot"}, "leverage: wanted 1 to 32 different tiers"),
        ({"leverage": [5, None]}, "leverage"),
        ({"leverage": [10**400]}, "leverage"),
        ({"leverage": [[5], [1, 2]]}, "leverage"),
    ],
)
def test_build_ledger_refuses(kwargs: dict[str, Any], says: str) -> None:
    with pytest.raises(lw.InputError, match=says):
        lw.build_ledger(walk(5), **{"bin_size": 0.5, **kwargs})


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ({"decay_rate": -1}, "decay_rate"),
        ({"decay_rate": True}, "decay_rate"),
        ({"decay_rate": float("inf")}, "decay_rate"),
        ({"weights": [1]}, "weights"),
        ({"weights": [1] * 6 + [-1]}, "weights"),
        ({"weights": ["x"] * 7}, "weights"),
        ({"columns": [3, 2]}, "columns"),
        ({"columns": [99]}, "columns"),
    ],
)
def test_replay_refuses(args: dict[str, Any], says: str) -> None:
    with pytest.raises(lw.InputError, match=says):
        lw.build_ledger(walk(5), TIERS, 0.5).replay(**args)


@pytest.mark.parametrize(
    "mix", [{}, {0.5: 1}, {5: -1}, {5: 0}, {5: float("nan")}, {5: True}, {"a": 1}, {5: 1, "5": 2}, "cold", [5]]
)
def test_estimate_refuses_bad_mixes(mix: Any) -> None:
    with pytest.raises(lw.InputError, match="leverage_mix"):
        lw.estimate(walk(5), mix)
