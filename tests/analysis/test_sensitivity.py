"""The sensitivity at one candle: against one replay per draw, what is drawn, how clusters are matched, and errors."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import liqwidget as lw
from liqwidget.analysis.sensitivity.draws import Moment, drawn_mixes, drawn_rates, matched, span_of, with_ranges
from liqwidget.app.panels.cluster_panel import ClusterPanel
from liqwidget.app.readings.levels import Snapshot, cluster_table
from markets import walk

GOLDEN = Path(__file__).parents[1] / "fixtures" / "band"
MIX = {3: 2, 10: 5, 25: 0, 100: 1}


def by_the_ends(values: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Low and high of sorted values: the interval ends rounded outwards to order statistics."""
    ordered, place = np.sort(values, axis=0), (1 - level) / 2 * (len(values) - 1)
    return ordered[int(np.floor(place))], ordered[len(values) - 1 - int(np.floor(place))]


@pytest.mark.parametrize(
    ("seed", "rate", "at"), [(0, 0.05, -1), (1, 0.0, -1), (2, 0.3, -40), (3, 0.05, 60), (4, 0.8, 2)]
)
def test_it_is_a_replay_a_draw(seed, rate, at):
    market = walk(120, seed=seed, gaps=True)
    found = lw.sensitivity(market, MIX, rate, 0.8, 0.5, at=at, draws=24, seed=seed, level=0.8)
    density = lw.estimate(market, MIX, rate, 0.5, turnover=0.8)
    assert sorted(set(found.draws["bin_size"])) == [0.4, 0.5, 1.0]  # 0.4 and 1 are the neighbouring sizes on offer
    wanted = density.profile(at)
    for name in ("price", "long", "short"):
        np.testing.assert_allclose(found.profile[name], wanted[name], rtol=1e-6)
    pd.testing.assert_frame_equal(found.clusters[density.clusters(at).columns.tolist()], density.clusters(at))

    columns, notional, peaks = [], [], []
    for draw in found.draws.itertuples(index=False):
        *mix, decay, size = draw
        one = lw.estimate(market, dict(zip(MIX, mix, strict=True)), decay, size, turnover=0.8)
        whole = np.r_[0, np.cumsum(one.column(at))]
        columns.append(np.diff(np.interp(density.price_edges, one.price_edges, whole)))
        cells, by_cell = one.sides(at)
        edges, runs, usd, peak = cells.edges, one.clusters(at, top=10_000), [], []
        for cluster in found.clusters.itertuples():
            own_side = np.where(cells.is_long == (cluster.side == "long"), by_cell, 0)
            summed = np.r_[0, np.cumsum(own_side)]
            usd.append(np.diff(np.interp([cluster.price_low, cluster.price_high], edges, summed))[0])
            touching = runs[
                (runs.side == cluster.side)
                & (runs.price_low < cluster.price_high)
                & (runs.price_high > cluster.price_low)
            ]
            # Whole cells of this draw that the cluster touches.
            first = np.searchsorted(edges, cluster.price_low, "right") - 1
            last = np.searchsorted(edges, cluster.price_high, "left")
            low, high = touching.price_low.clip(lower=edges[first]), touching.price_high.clip(upper=edges[last])
            shared = np.interp(high, edges, summed) - np.interp(low, edges, summed)
            peak.append(touching.peak_price.iloc[int(np.argmax(shared))] if len(touching) else np.nan)
        notional.append(usd)
        peaks.append(peak)
    low, high = by_the_ends(np.array(columns), 0.8)
    np.testing.assert_allclose(found.profile["low"], low, rtol=1e-6, atol=1e-3)
    np.testing.assert_allclose(found.profile["high"], high, rtol=1e-6, atol=1e-3)
    if len(found.clusters):
        low, high = by_the_ends(np.array(notional), 0.8)
        np.testing.assert_allclose(found.clusters["notional_low"], low, rtol=1e-6, atol=1e-3)
        np.testing.assert_allclose(found.clusters["notional_high"], high, rtol=1e-6, atol=1e-3)
        places = np.array(peaks)
        np.testing.assert_array_equal(found.clusters["found"], (~np.isnan(places)).mean(axis=0))
        for cluster, own in zip(found.clusters.itertuples(), places.T, strict=True):
            ends = by_the_ends(own[~np.isnan(own)], 0.8) if cluster.found else (np.nan, np.nan)
            # Among equally dense rows, rounding decides which one is the peak.
            np.testing.assert_allclose([cluster.peak_low, cluster.peak_high], ends, atol=1.0)


@pytest.fixture(scope="module")
def sample() -> lw.Market:
    return lw.load_sample()


@pytest.fixture(scope="module")
def usual(sample) -> lw.Sensitivity:
    return lw.sensitivity(sample)


def test_the_ranges_hold_the_estimate_and_say_so(usual):
    profile, clusters = usual.profile, usual.clusters
    column = profile["long"] + profile["short"]
    assert (profile["low"] <= column).all()
    assert (column <= profile["high"]).all()
    assert (profile["high"] > 1.2 * profile["low"])[column > 0].all()
    assert clusters["notional"].between(clusters["notional_low"], clusters["notional_high"]).all()
    assert clusters["found"].iloc[0] > 0.9
    assert clusters["found"].between(0.2, 1).all()
    assert "not its error" in repr(usual)
    assert "200 draws" in repr(usual)
    assert "Largest cluster: longs from 71,200 to 72,500" in repr(usual)


def test_the_draws_are_what_the_page_says(sample, usual):
    draws, rate = usual.draws, lw.auto_decay_rate(sample)
    np.testing.assert_allclose(draws[[3, 5, 10, 20, 50, 100, 150]].sum(axis=1), 1)
    assert draws[3].quantile([0.05, 0.95]).tolist() == pytest.approx([0.13, 0.39], abs=0.02)
    np.testing.assert_allclose(np.log2(draws["decay_rate"] / rate).drop_duplicates(), np.arange(-0.875, 1, 0.25))
    assert sorted(draws["bin_size"].value_counts().to_dict().items()) == [(40, 67), (100, 67), (200, 66)]
    assert len(draws[["decay_rate", "bin_size"]].drop_duplicates()) == 24


def test_a_tier_without_weight_stays_without_and_nothing_drawn_is_no_band():
    market = walk(80, seed=2)
    found = lw.sensitivity(market, MIX, 0.0, bin_sizes=[0.5], bin_size=0.5)
    assert (found.draws[25] == 0).all()
    assert (found.draws["decay_rate"] == 0).all()
    assert found.matters.loc[["decay rate", "bin size"]].to_numpy() == pytest.approx(0, abs=1e-12)
    assert found.matters["band"].idxmax() == "leverage mix"
    alone = lw.sensitivity(market, {10: 1}, 0.0, bin_sizes=0.5, bin_size=0.5)
    np.testing.assert_allclose(alone.profile["low"], alone.profile["high"], rtol=1e-12)
    assert alone.matters.to_numpy() == pytest.approx(0, abs=1e-12)
    assert (alone.clusters["found"] == 1).all()
    assert (alone.clusters["peak_low"] == alone.clusters["peak_high"]).all()


def test_decay_of_one_age_moves_amounts_and_no_shape():
    candles = walk(30, seed=4).candles
    candles[["open", "high", "low", "close"]] = 100.0
    candles["volume"] = [50.0, *[0.0] * 29]
    candles["open_interest"] = 1000.0
    found = lw.sensitivity(lw.Market.from_frame(candles), {5: 1}, 0.1, bin_sizes=[0.5], bin_size=0.5)
    assert found.matters.loc["decay rate", "band"] > 1
    assert found.matters.loc["decay rate", "shape"] == pytest.approx(0, abs=1e-9)


def test_the_same_seed_gives_the_same_and_another_one_another():
    market = walk(60, seed=3)
    first, again, other = (lw.sensitivity(market, MIX, draws=40, seed=seed) for seed in (5, 5, 6))
    pd.testing.assert_frame_equal(first.draws, again.draws)
    pd.testing.assert_frame_equal(first.profile, again.profile)
    assert not np.allclose(first.draws[3], other.draws[3])
    assert not np.array_equal(first.profile["high"], other.profile["high"])


def test_given_draws_are_taken_in_turn_and_pairs_stay_pairs():
    market = walk(60, seed=3)
    mixes = pd.DataFrame({"100": [0, 2, 4.0], "5": [50, 40, 30], "12.5": [50, 58, 66]})
    found = lw.sensitivity(market, {5: 1, 50: 1}, mixes=mixes, decay_rates=[0.1, 0.2, 0.3], bin_sizes=[0.5, 1])
    assert found.draws.columns.tolist() == [5, 12.5, 50, 100, "decay_rate", "bin_size"]
    np.testing.assert_allclose(
        found.draws[[5, 12.5, 50, 100]], np.array([[50, 50, 0, 0], [40, 58, 0, 2], [30, 66, 0, 4]]) / 100
    )
    assert found.draws["decay_rate"].tolist() == [0.1, 0.2, 0.3]
    assert found.draws["bin_size"].tolist() == [0.5, 1, 0.5]
    longer = lw.sensitivity(market, {5: 1, 50: 1}, mixes=[[1, 3], [3, 1]], decay_rates=[0.1, 0.2, 0.3])
    assert longer.draws[5].tolist() == [0.25, 0.75, 0.25]
    assert len(lw.sensitivity(market, decay_rates=[0.1], draws=70).draws) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"draws": 0}, "draws: wanted a whole number from 1 to 10,000"),
        ({"draws": 20_000}, "draws: wanted a whole number from 1 to 10,000"),
        ({"top": 2.5}, "top: wanted a whole number >= 1"),
        ({"seed": -1}, "seed: wanted a whole number >= 0"),
        ({"level": 1}, "level: wanted a share"),
        ({"at": 60}, "at: wanted a candle from -60 to 59"),
        ({"leverage_mix": {5: 1}, "mixes": [[1, 2]]}, "mixes: wanted 1 to 10,000 rows of 1 finite weights"),
        ({"leverage_mix": {5: 1}, "mixes": [[0]]}, "not all of a row zero"),
        ({"leverage_mix": {5: 1}, "mixes": [[-1]]}, "finite weights >= 0"),
        ({"mixes": pd.DataFrame({"five": [1]})}, "tier must be a number; got 'five'"),
        ({"mixes": pd.DataFrame([[1, 2]], columns=[5, "5"])}, "mixes: wanted"),
        ({"decay_rates": []}, "decay_rates: wanted 1 to 10,000 numbers"),
        ({"decay_rates": [-1]}, "decay_rate: wanted a rate"),
        ({"bin_sizes": ["x"]}, "bin_size: wanted a positive number"),
    ],
)
def test_what_is_out_of_range_is_named(arguments, words):
    with pytest.raises(lw.InputError, match=words.replace("(", r"\(")):
        lw.sensitivity(walk(60), **arguments)


def test_where_nothing_stands_it_says_nothing():
    candles = walk(30, seed=4, oi=False).candles.assign(volume=0.0)
    found = lw.sensitivity(lw.Market.from_frame(candles))
    assert not found.profile[["long", "short", "low", "high"]].any(axis=None)
    assert found.clusters.empty
    assert not found.matters.any(axis=None)
    assert "Nothing stands" in repr(found)


def test_two_clusters_that_become_one_both_find_it():
    ledger = lw.build_ledger(walk(30, seed=1), (5, 10), 1.0)
    moment = Moment(ledger, 29)
    rows, close = moment.grid.rows, int(np.searchsorted(moment.grid.centres, moment.close))
    column = np.zeros(rows)
    column[close - 9 : close - 3] = [10, 9, 1, 1, 7, 8]
    edges = moment.grid.edges
    clusters = pd.DataFrame(
        {
            "side": ["long", "long", "short"],
            "price_low": edges[[close - 9, close - 5, close]],
            "price_high": edges[[close - 7, close - 3, close + 2]],
        }
    )
    usd, peak = matched(clusters, moment, np.array([column, np.maximum(column, 5.0 * (column > 0)), 0 * column]))
    centre = moment.grid.centres
    np.testing.assert_array_equal(usd, [[19, 15, 0], [19, 15, 0], [0, 0, 0]])
    both = [centre[close - 9]] * 2
    np.testing.assert_array_equal(peak, [[both[0], centre[close - 4], np.nan], [*both, np.nan], [np.nan] * 3])


def test_it_equals_what_the_browser_has():
    spec = importlib.util.spec_from_file_location("make_band_fixtures", GOLDEN / "make.py")
    make = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make)
    fresh, committed = make.expected(), json.loads((GOLDEN / "expected.json").read_text())
    assert list(committed) == list(fresh)
    for name, cases in fresh.items():
        for case, golden in zip(cases, committed[name], strict=True):
            np.testing.assert_allclose(golden.pop("band"), case.pop("band"), rtol=1e-8)
            assert golden == case
    ledger = make.wire.ledgers()["ledger"]
    market, case = make.wire.markets()[0], make.expected()["ledger"][-1]
    mix = dict(zip(make.wire.TIERS, case["weights"], strict=True))
    size = ledger.bin_size
    found = lw.sensitivity(market, mix, case["decay_rate"], bin_size=size, bin_sizes=size, at=case["at"])
    # The model's rows, finer than those of the fixture, summed into the same bins.
    moment = Moment(lw.build_ledger(market, list(mix), turnover="auto"), case["at"] % len(market), size)
    draws = moment.columns(drawn_mixes(np.array(case["weights"]), 200), drawn_rates(case["decay_rate"], 200))
    band = span_of(moment.on_bins(draws, moment.grid), 0.9)
    np.testing.assert_allclose(found.profile[["low", "high"]].T, band, rtol=1e-8)


def test_the_application_s_table_has_the_same_numbers_in_its_own_bins(sample):
    heatmap = lw.LiquidationHeatmap(sample)
    table = cluster_table(Snapshot.of(heatmap), top=6)
    weights, moment = heatmap.density.weights, Moment(heatmap.ledger, len(sample) - 1, heatmap.bin_size)
    draws = moment.columns(drawn_mixes(weights, 200), drawn_rates(heatmap.decay_rate, 200))
    clusters = heatmap.density.clusters(top=6)
    wanted = with_ranges(clusters, *matched(clusters, moment, draws))
    heatmap.close()
    pd.testing.assert_frame_equal(table[wanted.columns.tolist()], wanted, rtol=1e-6)


def test_the_panel_says_ranges_in_words():
    names = ["price_low", "price_high", "notional", "distance", "to_reach", "age_hours"]
    ranges = {
        "side": ["long", "short"],
        "peak_price": [100.5, 102.5],
        "peak_low": [99.5, np.nan],
        "peak_high": [100.5, np.nan],
        "notional_low": [996.0, 6.04e8],
        "notional_high": [42_700.0, 2.56e9],
        "found": [0.98, 0.0],
    }
    panel = ClusterPanel(lambda _row: None)
    panel.show(pd.DataFrame({name: [1.0, 2.0] for name in names} | ranges), bin_size=1.0)
    data = panel._source.data
    assert data["notional_range"] == ["$1K – $43K", "$600M – $2.6B"]
    assert data["peak_moves"] == ["-1.0 0", ""]
    assert data["found"] == [0.98, 0.0]
    assert {column.field for column in panel.model.columns if not column.sortable} == {"notional_range", "peak_moves"}


def test_what_is_drawn_is_plain():
    state, uniform = 7, []
    for _ in range(60):
        state = (state * 1664525 + 1013904223) % 2**32
        uniform.append((state + 0.5) / 2**32)
    size = -np.log(uniform[30:])
    found = drawn_mixes(np.array([1 / 3, 0.5, 1 / 6]), 2, seed=7)[1]
    np.testing.assert_allclose(found, np.array([size[:10].sum(), size[10:25].sum(), size[25:].sum()]) / size.sum())
    halves = drawn_mixes(np.array([0.05, 0.95]), 2, seed=7)[1]
    np.testing.assert_allclose(halves[0], (size[0] + size[1] / 2) / size.sum())
    np.testing.assert_allclose(drawn_rates(0.4, 9)[[0, 7, 8]], 0.4 * 2 ** np.array([-0.875, 0.875, -0.875]))
    assert [float(end) for end in span_of(np.arange(200.0), 0.9)] == [9, 190]
