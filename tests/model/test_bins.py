"""Rows summed into bins: what the bin size changes, and what it must not change."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import liqwidget as lw
from liqwidget.model.cells import Cells
from liqwidget.model.estimate import shown_bin
from liqwidget.model.grid import (
    MAX_ROWS,
    PriceGrid,
    bins_on_offer,
    model_rows,
    multiples,
    nearest_bin,
    row_size_for,
    usual_bin,
)
from liqwidget.model.replay import FLOWS
from markets import seeds, walk

TIERS = (3, 10, 50, 150)
WEIGHTS = [0.4, 0.3, 0.2, 0.1]
slow = settings(max_examples=20, deadline=None)
multiples_of_a_row = st.sampled_from((1, 2, 3, 5, 7, 10, 40, 1000))


def market_of(seed: int) -> lw.Market:
    return walk(70, seed, wild=1.0 + seed % 3, gaps=seed % 2 == 0, marks=seed % 5 == 0, oi=seed % 3 > 0)


@slow
@given(seeds, multiples_of_a_row, st.sampled_from((0.0, 0.03, 3.0)), st.booleans())
def test_bins_are_sums_of_rows(seed: int, k: int, rate: float, mixed: bool) -> None:
    ledger = lw.build_ledger(market_of(seed), TIERS)
    weights = WEIGHTS if mixed else None
    rows, bins = ledger.replay(rate, weights), ledger.replay(rate, weights, bin_size=k * ledger.bin_size)
    grid = bins.grid
    number = (ledger.grid.first + np.arange(ledger.grid.rows)) // k - grid.first  # floor of the absolute number
    assert number[0] == 0
    assert number[-1] == grid.rows - 1
    want = np.zeros(bins.values.shape)
    np.add.at(np.moveaxis(want, -2, 0), number, np.moveaxis(rows.values.astype(float), -2, 0))
    np.testing.assert_allclose(bins.values, want, rtol=3e-6, atol=1e-6)


@slow
@given(seeds, multiples_of_a_row, st.floats(0, 2), st.booleans())
def test_totals_and_flows_do_not_depend_on_the_bin_size(seed: int, k: int, rate: float, some: bool) -> None:
    ledger = lw.build_ledger(market_of(seed), TIERS, turnover="auto")
    columns = [3, 20, 21, len(ledger) - 1] if some else None
    rows = ledger.replay(rate, WEIGHTS, columns)
    bins = ledger.replay(rate, WEIGHTS, columns, k * ledger.bin_size)
    for name in FLOWS:
        np.testing.assert_allclose(getattr(bins, name), getattr(rows, name), rtol=1e-9, err_msg=name)
    total = rows.standing_long + rows.standing_short
    np.testing.assert_allclose(bins.values.sum(axis=0, dtype=float), total, rtol=1e-6, atol=1e-6)


@slow
@given(seeds, multiples_of_a_row, st.floats(0, 2))
def test_the_bin_that_holds_the_close_keeps_the_sides_apart(seed: int, k: int, rate: float) -> None:
    ledger = lw.build_ledger(market_of(seed), TIERS)
    rows, bins = ledger.replay(rate, WEIGHTS), ledger.replay(rate, WEIGHTS, bin_size=k * ledger.bin_size)
    for at in (0, 33, -1):
        fine, coarse = rows.profile(at), bins.profile(at)
        assert len(coarse) == bins.grid.rows
        np.testing.assert_allclose(coarse["long"] + coarse["short"], bins.values[:, at], rtol=1e-6, atol=1e-6)
        for side in ("long", "short"):
            standing = getattr(rows, f"standing_{side}")[at]
            assert coarse[side].sum() == pytest.approx(standing, rel=1e-6, abs=1e-6)
            assert fine[side].sum() == pytest.approx(standing, rel=1e-6, abs=1e-6)
            assert coarse[f"cumulative_{side}"].max() == pytest.approx(standing, rel=1e-6, abs=1e-6)
        close, grid = bins.close[at], bins.grid
        assert (coarse.loc[grid.edges[1:] <= close, "short"] == 0).all()
        # A row belongs to the side of its centre: up to half a row may extend past the close.
        assert (coarse.loc[grid.edges[:-1] >= close + ledger.bin_size, "long"] == 0).all()
        clusters = bins.clusters(at, top=10_000, bright=1e-12)
        per_side = clusters.groupby("side")["notional"].sum()
        for side in ("long", "short"):
            assert per_side.get(side, 0.0) == pytest.approx(coarse[side].sum(), rel=1e-4, abs=1e-6)
        if k > 2:
            longs = clusters["side"] == "long"
            assert (clusters.loc[longs, "price_high"] <= close + ledger.bin_size).all()
            assert (clusters.loc[~longs, "price_low"] >= close - ledger.bin_size).all()
            assert ((clusters["distance"] < 0) == longs).all()


@pytest.mark.parametrize("k", [5, 20, 100])
def test_a_bin_that_holds_longs_alone_has_no_shorts_of_rounding(k: int) -> None:
    ledger = lw.build_ledger(lw.load_sample().tail(300))
    weights = np.full(len(ledger.leverage), 1 / len(ledger.leverage))
    rows = ledger.replay(0.03, weights).apart(slice(None), slice(None))
    density = ledger.replay(0.03, weights, bin_size=k * ledger.bin_size)
    bins = density.apart(slice(None), slice(None))
    number = (ledger.grid.first + np.arange(ledger.grid.rows)) // k - density.grid.first
    for side in (0, 1):
        stands = np.zeros(bins.shape[:2], dtype=bool)
        for row, each in enumerate(number):
            stands[:, each] |= rows[:, row, side] > 0
        np.testing.assert_array_equal(bins[..., side] > 0, stands)


@slow
@given(seeds, st.integers(2, 69), st.floats(0, 1))
def test_a_prefix_of_candles_gives_a_prefix_of_columns_in_bins(seed: int, cut: int, rate: float) -> None:
    market = market_of(seed)
    cut = min(cut, len(market))
    part = market.between(None, market.candles.index[cut - 1])
    size = 0.02
    whole, prefix = (lw.build_ledger(one, TIERS, size, turnover=0.4).replay(rate, WEIGHTS, bin_size=0.1)
                     for one in (market, part))  # fmt: skip
    shift = prefix.grid.first - whole.grid.first
    inner = slice(1, prefix.grid.rows - 1)  # the outermost bins miss rows that the shorter market lacks
    np.testing.assert_allclose(
        whole.values[shift : shift + prefix.grid.rows, :cut][inner], prefix.values[inner], rtol=1e-5, atol=1e-6
    )


@slow
@given(seeds, multiples_of_a_row)
def test_conservation_in_bins(seed: int, k: int) -> None:
    ledger = lw.build_ledger(market_of(seed), TIERS, turnover="auto")
    density = ledger.replay(0.1, bin_size=k * ledger.bin_size)
    for side in ("long", "short"):
        gone = sum(getattr(density, f"{name}_{side}").sum(axis=1) for name in ("liquidated", "decayed", "out_of_range"))
        standing = getattr(density, f"standing_{side}")[:, -1]
        np.testing.assert_allclose(standing + gone, density.opened.sum(), rtol=1e-9)
    profile = density.values[..., -1].sum(axis=1, dtype=float)
    np.testing.assert_allclose(profile, (density.standing_long + density.standing_short)[:, -1], rtol=1e-6)


@slow
@given(seeds, st.sampled_from((2, 7, 40)))
def test_a_mix_of_planes_is_the_mixed_replay_in_bins(seed: int, k: int) -> None:
    ledger = lw.build_ledger(market_of(seed), TIERS)
    size = k * ledger.bin_size
    one, other = ledger.replay(0.05, bin_size=size).mix(WEIGHTS), ledger.replay(0.05, WEIGHTS, bin_size=size)
    np.testing.assert_allclose(one.values, other.values, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(one.long_at_close, other.long_at_close, rtol=1e-9, atol=1e-6)


def test_planes_are_only_held_at_the_bin_size(monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = lw.build_ledger(walk(60), TIERS)
    monkeypatch.setattr("liqwidget.model.ledger.MAX_CELLS", 60 * ledger.grid.rows - 1)
    with pytest.raises(lw.InputError, match="bins x 60 candles"):
        ledger.replay(0.1, WEIGHTS)
    assert ledger.replay(0.1, WEIGHTS, bin_size=0.1).values.shape[1] == 60


@pytest.mark.parametrize(
    ("size", "says"),
    [
        (0.05, r"whole multiple of the rows, 0.02 USD; got 0.05. Use 0.04 or 0.06"),
        (0.01, r"got 0.01. Use 0.02\."),
        (0.0201, r"Use 0.02 or 0.04"),
        (0, "bin_size: wanted a positive number"),
        (True, "bin_size"),
        (float("nan"), "bin_size"),
        (1e300, "Use"),
    ],
)
def test_a_bin_that_is_no_multiple_of_the_rows_is_refused(size: Any, says: str) -> None:
    with pytest.raises(lw.InputError, match=says):
        lw.build_ledger(walk(5), TIERS, 0.02).replay(0.1, WEIGHTS, bin_size=size)


@given(st.sampled_from((0.01, 0.02, 0.3, 2.5, 20.0, 1e-7)), st.integers(1, 400), st.integers(-5000, 5000))
def test_edges_of_bins_are_exact_multiples(row: float, k: int, first: int) -> None:
    rows = PriceGrid(row, first, 600)
    exact = Fraction(repr(row)) * k
    bins = rows.added_up(float(exact))
    assert bins.bin_size == float(exact)
    assert bins.edges.tolist() == [float(exact * (bins.first + i)) for i in range(bins.rows + 1)]
    assert bins.first * k <= rows.first < (bins.first + 1) * k
    starts = rows.first_rows(bins)
    assert starts[0] == 0
    assert ((starts[1:] + first) % k == 0).all()
    assert rows.added_up(None) is rows


def test_the_row_size_is_a_1_2_5_number_below_three_ten_thousandths() -> None:
    for close, row in ((100, 0.02), (70_000, 20), (66_667, 20), (66_666, 10), (20_000, 5), (0.6, 1e-4), (1.7e5, 50)):
        assert row_size_for([close] * 3) == row, close
    assert row_size_for(np.array([1.0, 100.0, 1e9])) == 0.02  # the median


def test_the_ledger_s_rows_follow_the_median_close_unless_they_were_too_many() -> None:
    assert lw.build_ledger(walk(30), TIERS).bin_size == 0.02
    assert lw.build_ledger(walk(30), TIERS, 0.5).bin_size == 0.5
    wide = model_rows([1.0], [3e6], [100.0] * 5, 0.25)  # 0.02 would need 187 million rows
    assert wide.bin_size == 100
    assert wide.rows <= MAX_ROWS


def test_bins_on_offer_are_1_2_5_multiples_of_at_least_24_bins() -> None:
    assert bins_on_offer(20.0, 2687) == [20, 40, 100, 200, 400, 1000, 2000]  # 26 bins of 2,000; 13 of 4,000
    assert bins_on_offer(0.02, 48) == [0.02, 0.04]
    assert bins_on_offer(0.02, 1) == [0.02]
    assert usual_bin(20.0, 2687) == 100
    assert [nearest_bin(size, 20.0, 2687) for size in (60, 20, 50, 75, 1e9 + 7, 3, 20.0000000001)] == [
        60, 20, 40, 100, 2000, 20, 20,
    ]  # fmt: skip
    with pytest.raises(lw.InputError, match="bin_size"):
        nearest_bin(-1, 20.0, 2687)


def test_an_estimate_rounds_a_bin_that_is_no_multiple_and_says_so() -> None:
    market = walk(30)
    with pytest.warns(UserWarning, match="bin_size: 0.05 is no whole multiple of the rows, 0.02 USD; 0.04 is used"):
        density = lw.estimate(market, bin_size=0.05)
    assert density.bin_size == 0.04
    assert lw.estimate(market, bin_size=0.06).bin_size == 0.06
    assert shown_bin(lw.build_ledger(market), None) == lw.estimate(market).bin_size


@pytest.mark.parametrize("price", [100.0, 0.1, 123.456, 1e-9, 1e12])
def test_flat_prices_without_a_span_have_one_row(price: float) -> None:
    frame = pd.DataFrame(dict.fromkeys(("open", "high", "low", "close"), np.full(20, price)) | {"volume": 10.0})
    frame.index = pd.date_range("2026-01-01", periods=20, freq="5min", tz="UTC")
    market = lw.Market.from_frame(frame)
    ledger = lw.build_ledger(market, span=0)
    assert ledger.grid.rows == 1
    assert lw.estimate(market, span=0).values.shape == (1, 20)
    assert lw.build_ledger(market, bin_size=price * 1e6, span=0).grid.rows == 1
    for tiny in (price * 1e-18, 5e-324):
        with pytest.raises(lw.InputError, match="too small for prices"):
            lw.build_ledger(market, bin_size=tiny, span=0)


def test_cells_are_the_bins_where_the_close_cuts_none() -> None:
    rows = PriceGrid(1.0, 100, 40)
    bins = rows.added_up(10.0)
    for close, cut, longs in ((99.0, None, 0), (109.9, None, 1), (113.2, 1, 2), (150.0, None, 4), (100.2, None, 0)):
        cells = Cells.at(rows, bins, close)
        assert (cells.cut, cells.longs) == (cut, longs), close
        column = np.array([1.0, 2.0, 3.0, 4.0])
        usd = cells.apart(column, 0.5)
        assert usd.sum() == 10
        long, short = cells.by_bin(usd)
        np.testing.assert_array_equal(long + short, column)
        assert len(cells.edges) == len(usd) + 1 == len(cells.first_row) + 1
    cells = Cells.at(rows, bins, 113.2)
    assert cells.edges.tolist() == [100, 110, 113.2, 120, 130, 140]
    assert cells.first_row.tolist() == [0, 10, 13, 20, 30]
    np.testing.assert_array_equal(cells.added_up(np.ones(40)), [10, 3, 7, 10, 10])
    np.testing.assert_array_equal(multiples(10.0, 10, 5), bins.edges)


def test_the_real_picture_is_one_of_rows(shared_data: Callable[[str], Path]) -> None:
    frame = pd.read_csv(shared_data("btcusdt_5m_2025-12_2026-02.csv.gz"))
    market = lw.Market.from_frame(frame).tail(2016)
    density = lw.estimate(market)
    assert lw.build_ledger(market).bin_size == 20
    assert density.bin_size in (40, 100)
