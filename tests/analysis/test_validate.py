"""The estimate against realised liquidations: each measure against a plain twin, known truth, and real files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import fields
from math import ceil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import liqwidget as lw
from liqwidget import InputError, Market, validate
from liqwidget.analysis.calibration.result import Calibration
from liqwidget.analysis.stats.bootstrap import block_counts
from liqwidget.analysis.stats.day_resamples import (
    bright_cells,
    linear_correlations,
    mean_ranks,
    rank_correlations,
    replicates,
)
from liqwidget.analysis.stats.intervals import Intervals
from liqwidget.analysis.stats.measures import earth_mover, linear_correlation, rank_correlation
from liqwidget.analysis.validation import baselines
from liqwidget.analysis.validation.held_out import SETTINGS
from liqwidget.analysis.validation.price_rows import RowCells, brightest_unreached
from liqwidget.analysis.validation.result import MEASURES, ROW_MEASURES
from liqwidget.model.settings import shares
from markets import walk

BASELINES = list(baselines.BASELINES)
NAN = float("nan")


@pytest.fixture(scope="module")
def simulation() -> Any:
    return lw.simulate(3_000, 60_000, seed=1)


@pytest.fixture(scope="module")
def found(simulation: Any) -> Any:
    return validate(
        simulation.market,
        leverage_mix=simulation.leverage_mix,
        decay_rate=simulation.decay_rate,
        turnover=simulation.turnover,
        draws=100,
    )


def with_sums(market: Market, realised: Any, every: str = "1h") -> Market:
    """The market with its liquidations replaced: sums (H, 2) of longs and shorts per interval."""
    time = np.unique(market.candles.index.floor(every))
    parts = [pd.DataFrame({"time": time, "side": side, "notional": realised[:, k]}) for k, side in enumerate(SIDES)]
    return Market.from_frame(market.candles, liquidations=pd.concat(parts))


SIDES = ("long", "short")


def small_market(seed: int = 0, candles: int = 480, step_minutes: int = 30) -> Market:
    """A volatile walk with a realised sum in each hour."""
    market = walk(candles, seed=seed, price=60_000, tick=0.1, step_minutes=step_minutes, wild=0.1)
    hours = len(np.unique(market.candles.index.floor("1h")))
    return with_sums(market, np.random.default_rng(seed).exponential(size=(hours, 2)) * 1e5)


# Measures of resamples, against the repeated rows


@settings(max_examples=60, deadline=None)
@given(data=st.data(), days=st.integers(1, 5))
def test_correlations_of_a_resample_are_those_of_its_rows(data: Any, days: int) -> None:
    n = days * 4
    x, y = (
        np.array(data.draw(st.lists(st.integers(0, 6), min_size=n, max_size=n)), dtype=float) * unit
        for unit in (1e9, 0.5)
    )
    day = np.sort(np.array(data.draw(st.lists(st.integers(0, days - 1), min_size=n, max_size=n))))
    counts = np.concatenate([np.ones((1, days)), block_counts(days, 1, 5, 3)])
    linear = linear_correlations(x, y, counts, day)
    taken = counts[:, day]
    rank = rank_correlations(mean_ranks(x, taken), mean_ranks(y, taken), taken)
    for i, many in enumerate(taken.astype(int)):
        a, b = np.repeat(x, many), np.repeat(y, many)
        if len(a):
            assert linear[i] == pytest.approx(linear_correlation(a, b), abs=1e-7, nan_ok=True)
            assert rank[i] == pytest.approx(rank_correlation(a, b), abs=1e-9, nan_ok=True)


def plain_bright(estimate: list[float], realised: list[float], bright: float) -> dict[str, float]:
    """From the definitions, one cell at a time."""
    n, e_all, y_all = ceil(bright * len(estimate)), sum(estimate), sum(realised)
    flagged = sorted(range(len(estimate)), key=lambda i: -estimate[i])[:n]
    best = sorted(realised, reverse=True)[:n]
    median = sorted(realised)[(len(realised) + 1) // 2 - 1]
    excess = sum(max(estimate[i] / e_all - realised[i] / y_all, 0.0) for i in flagged)
    return {
        "hit_rate": sum(realised[i] for i in flagged) / y_all,
        "hit_best": sum(best) / y_all,
        "false_alarm": excess / (sum(estimate[i] for i in flagged) / e_all),
        "quiet": sum(realised[i] < median or realised[i] == 0 for i in flagged) / n,
    }


@settings(max_examples=60, deadline=None)
@given(
    cells=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 3)), min_size=3, max_size=30),
    bright=st.sampled_from([0.1, 0.25, 1.0]),
)
def test_bright_cells_are_counted_as_a_plain_reader_would(cells: Any, bright: float) -> None:
    estimate, realised, times = (np.array(column, dtype=float) for column in zip(*cells, strict=True))
    written = [np.repeat(values, times.astype(int)).tolist() for values in (estimate, realised)]
    if not sum(written[0]) or not sum(written[1]):
        return
    counted = bright_cells(estimate, realised, times[None], bright)
    for name, value in plain_bright(*written, bright).items():  # type: ignore[arg-type, call-arg]
        assert counted[name][0] == pytest.approx(value), name


def test_many_cells_are_resampled_less_often() -> None:
    day = np.repeat(np.arange(10), 40_000)
    counts = np.ones((501, 10))
    sizes = replicates(lambda taken: {"n": taken.sum(axis=1)}, counts, day)["n"]
    assert sizes.tolist() == [400_000.0] * 101
    assert len(replicates(lambda taken: {"n": taken.sum(axis=1)}, counts, day[::1_000])["n"]) == 501


# Intervals and baselines


def test_hours_off_are_the_earth_mover_s_of_each_day() -> None:
    market = small_market(3)
    intervals = Intervals.of(market, "2h")
    rng = np.random.default_rng(0)
    e, y = rng.exponential(size=(2, len(intervals), 2)) * (rng.random((2, len(intervals), 2)) < 0.4)
    scored = rng.random(len(intervals)) < 0.9
    moved, weight = intervals.misplaced(e, y, scored)
    for i, day in enumerate(np.unique(intervals.day[scored])):
        for side in (0, 1):
            of_day = np.zeros((2, 12))
            for h in np.flatnonzero(scored & (intervals.day == day)):
                of_day[:, intervals.time[h].astype(object) // (7_200 * 10**9) % 12] = e[h, side], y[h, side]
            if of_day.sum(axis=1).all():
                assert moved[i, side] == pytest.approx(earth_mover(*of_day, step=2.0) * of_day[1].sum())  # type: ignore[misc]
            assert weight[i, side] == pytest.approx(of_day[1].sum())
    assert (
        not Intervals.of(market, "1D")
        .misplaced(e[:20], y[:20], np.ones(len(Intervals.of(market, "1D")), bool))[1]
        .any()
    )


def test_range_baselines_in_numbers() -> None:
    frame = pd.DataFrame(
        {
            "open": [100, 100, 98, 104.0],
            "high": [101, 101, 105, 106.0],
            "low": [99, 96, 97, 95.0],
            "close": [100, 98, 104, 105.0],
            "volume": [1, 2, 3, 4.0],
        },
        index=pd.date_range("2026-01-01", periods=4, freq="30min", tz="UTC", name="time"),
    )
    intervals = Intervals.of(Market.from_frame(frame), "1h")
    np.testing.assert_array_equal(intervals.low, [96, 95])
    np.testing.assert_array_equal(intervals.high, [101, 106])
    np.testing.assert_array_equal(intervals.before, [100, 98])
    # 98 to 95 with volume 7, and up to 106; the new ranges are 1 below 96 and 5 above 101.
    np.testing.assert_array_equal(baselines.range_volume(intervals)[1], [21, 56])
    np.testing.assert_array_equal(baselines.fresh_range(intervals)[1], [28, 91])


@pytest.mark.parametrize("rate", [0.0, 0.4])
def test_uniform_and_yesterday_against_one_row_at_a_time(rate: float) -> None:
    market = small_market(5, candles=110)
    ledger = lw.build_ledger(market, [50, 100], 100.0)
    intervals = Intervals.of(market, "1h")
    standing, swept = baselines.uniform(ledger, rate, intervals)
    density = ledger.replay(rate, [0.5, 0.5], intervals.last)
    lagged = baselines.yesterday(density.values, ledger.grid, intervals)

    candles, centres = market.candles.reset_index(), ledger.grid.centres.tolist()
    rows: Counter[float] = Counter()
    taken, close = np.zeros((len(intervals), 2)), None
    for t, candle in candles.iterrows():
        h = int(np.searchsorted(intervals.first, t, side="right")) - 1
        before = candle.close if close is None else close
        for price in centres:
            rows[price] *= np.exp(-rate * 0.5 * (t > 0))
            if min(candle.low, before) <= price <= max(candle.high, before):
                taken[h, 0 if price < before else 1] += rows.pop(price)
            if 0.75 * candle.close <= price <= 1.25 * candle.close:
                rows[price] += ledger.opened[t] * 100.0 / (0.25 * candle.close)
        close = candle.close
    np.testing.assert_allclose(swept, taken, rtol=1e-9)
    np.testing.assert_allclose(standing[:, -1], [rows[price] for price in centres], rtol=1e-5)

    for h in range(len(intervals)):
        past = [j for j in range(len(intervals)) if intervals.end[j] <= intervals.time[h] - np.timedelta64(24, "h")]
        wanted = [0.0, 0.0]
        for row, price in enumerate(centres):
            if past and intervals.low[h] <= price <= intervals.high[h]:
                wanted[0 if price < intervals.before[h] else 1] += float(density.values[row, past[-1]])
        np.testing.assert_allclose(lagged[h], wanted, rtol=1e-5)
    assert lagged.any()


# Price rows


def test_row_cells_against_one_event_at_a_time(simulation: Any) -> None:
    market = simulation.market.tail(400)
    ledger = lw.build_ledger(market, [5, 20], 50.0)
    intervals = Intervals.of(market, "1h")
    planes = ledger.replay(0.1, [0.5, 0.5], intervals.last).values
    scored = np.arange(len(intervals)) % 3 == 1
    events = market.liquidations
    cells = RowCells.of(events, intervals, scored, ledger.grid)
    stood = cells.standing(planes, np.arange(len(intervals)) - 1)

    wanted: Counter[tuple[int, int, int]] = Counter()
    total = 0.0
    for event in events.itertuples():
        h = int(np.searchsorted(intervals.end, event.time.tz_localize(None).to_datetime64(), side="right"))
        row = int(event.price // 50 - ledger.grid.edges[0] // 50)
        side = int(event.side == "short")
        below = ledger.grid.centres[row] < intervals.before[h]
        if scored[h]:
            total += event.notional
            if below == (side == 0) and intervals.low[h] // 50 * 50 <= event.price <= intervals.high[h] // 50 * 50 + 50:
                wanted[h, side, row] += event.notional
    assert len(wanted) > 20
    seen = {}
    for i in range(len(cells.row)):
        h, side, row = int(cells.interval[i]), int(cells.side[i]), int(cells.row[i])
        assert scored[h]
        assert side == int(ledger.grid.centres[row] > intervals.before[h])
        assert ledger.grid.edges[row] <= intervals.high[h]
        assert intervals.low[h] < ledger.grid.edges[row + 1]
        # The density at the close of the candle before; nothing has opened since.
        last = int(intervals.first[h]) - 1
        assert stood[i] == pytest.approx(float(planes[row, h - 1]))
        assert intervals.last[h - 1] == last
        seen[h, side, row] = cells.realised[i]
    assert {key: value for key, value in seen.items() if value} == pytest.approx(dict(wanted))
    assert cells.covered == pytest.approx(sum(wanted.values()) / total)

    moved, weight = cells.misplaced(stood, np.full(len(intervals), 50.0))
    for h in np.flatnonzero(scored):  # type: ignore[assignment]
        for side in (0, 1):
            at = (cells.interval == h) & (cells.side == side)
            e, y = stood[at], cells.realised[at]
            e = e if e.any() else np.ones(len(e))
            assert weight[h, side] == pytest.approx(y.sum())
            assert moved[h, side] == pytest.approx(
                earth_mover(e, y, 50.0) * y.sum() if y.any() else 0.0, rel=1e-6, abs=1e-3
            )
    evenly = cells.spread(np.ones((len(intervals), 2)))
    assert np.bincount(cells.interval * 2 + cells.side, evenly).max() == pytest.approx(1.0)


def test_unreached_rows_against_one_row_at_a_time() -> None:
    market = small_market(7, candles=160)
    ledger = lw.build_ledger(market, [5, 20, 50], 100.0)
    intervals = Intervals.of(market, "1h")
    planes = ledger.replay(0.05, [0.3, 0.3, 0.4], intervals.last).values
    scored = np.arange(len(intervals)) >= 5
    missed, flagged = brightest_unreached(planes, ledger.grid, intervals, scored, 0.1)
    assert not flagged[:5].any()
    assert not flagged[-23:].any()
    candles = market.candles
    for h in range(5, len(intervals) - 24):
        start = pd.Timestamp(intervals.time[h], tz="UTC")
        day = candles[(candles.index >= start) & (candles.index < start + pd.Timedelta("24h"))]
        price, column = intervals.before[h], planes[:, h - 1]
        for side, sign in enumerate((1, -1)):
            rows = [
                r for r, c in enumerate(ledger.grid.centres) if 0 < sign * (price - c) <= 0.25 * price and column[r]
            ]
            bright = sorted(rows, key=lambda r: -column[r])[: ceil(0.1 * len(rows))]
            away = [
                r
                for r in bright
                if not min(day["low"].min(), price) <= ledger.grid.centres[r] <= max(day["high"].max(), price)
            ]
            assert (missed[h, side], flagged[h, side]) == (len(away), len(bright))


# The whole validation, on markets whose truth is known


def test_the_right_estimate_beats_every_baseline_on_a_simulated_market(found: Any) -> None:
    table, skill = found.by_side(), found.skill()
    for side in ("long", "short", "both"):
        assert table.loc[(side, "linear"), "low"] > 0.9
        for name in BASELINES:
            rows = () if name == "even" else ("row_rank", "row_linear", "price_off")  # the even baseline has no rows
            for measure in ("rank", "linear", *rows):
                assert skill.loc[(side, name, measure), "value"] > 0, (side, name, measure)
    assert (skill.loc["both"].xs("rank", level="measure")["low"] > 0).all()
    assert (skill.loc["both"].xs("price_off", level="measure")["low"] > 0).all()
    assert found.usd_ratio == pytest.approx(1.0, abs=0.15)
    assert found.hit_rate > 0.9 * found.hit_best
    assert found.false_alarm < 0.2
    assert found.priced == 1.0
    assert found.covered > 0.9
    curve = found.curve().loc["both"]
    assert curve["cells"].sum() == len(found.frame)
    above = curve.loc[5:]
    assert above["realised"].is_monotonic_increasing
    assert (above["realised"] / above["scaled"]).between(0.5, 2.0).all()


def test_a_shuffled_column_gives_no_correlation_and_no_skill(simulation: Any, found: Any) -> None:
    market = simulation.market
    intervals = Intervals.of(market, "1h")
    rng = np.random.default_rng(4)
    realised = np.zeros((len(intervals), 2))
    scored = found.frame.pivot(index="time", columns="side", values="realised")
    realised[-len(scored) :] = rng.permutation(scored[list(SIDES)].to_numpy())
    realised[0] = 1.0
    shuffled = validate(
        with_sums(market, realised), leverage_mix=simulation.leverage_mix, start=scored.index[0], draws=100
    )
    assert len(shuffled.frame) == pytest.approx(len(found.frame), abs=8)
    table = shuffled.by_side()
    assert abs(shuffled.rank) < 0.15
    assert table.loc[("both", "rank"), "low"] < 0.05
    assert shuffled.hit_rate < 0.35
    assert shuffled.false_alarm > 0.5
    gains = shuffled.skill().loc["both"].xs("rank", level="measure")
    assert (gains["low"] < 0.05).all()
    assert (gains["value"].abs() < 0.15).all()
    assert np.isnan([getattr(shuffled, name) for name in ROW_MEASURES]).all()


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(cut=st.integers(170, 470), seed=st.integers(0, 3), wild=st.floats(0.5, 2.0))
def test_what_comes_later_changes_no_line_before(cut: int, seed: int, wild: float) -> None:
    market = small_market(seed)
    other = market.candles.copy()
    after = other.index >= other.index[cut].ceil("1h")
    other.loc[after, ["open", "high", "low", "close"]] *= wild
    other.loc[after, "volume"] *= 3
    first = int(np.flatnonzero(after)[0]) if after.any() else None
    if first is not None:  # an open that differs from the previous close needs a candle that spans both
        other.iloc[first, other.columns.get_loc("open")] = other["close"].iloc[first - 1]
        other.iloc[first, other.columns.get_loc("high")] = other[["open", "high"]].iloc[first].max()
        other.iloc[first, other.columns.get_loc("low")] = other[["open", "low"]].iloc[first].min()
    events = market.liquidations
    events.loc[events["time"] >= other.index[cut].ceil("1h"), "notional"] *= 9
    changed = Market.from_frame(other, liquidations=events)
    one, two = (validate(each, draws=1) for each in (market, changed))
    assert one.settings == two.settings
    before = one.frame["time"] < other.index[cut].ceil("1h")
    assert before.any()
    assert before.all() or not one.frame[~before].equals(two.frame[~before])
    pd.testing.assert_frame_equal(one.frame[before], two.frame[before], rtol=1e-9)


# The gain


def plain_gain(market: Market, estimate: pd.DataFrame, begin: Any) -> float:
    """The gain as the docs define it, hour by hour; `estimate` has a line per hour and a column per side."""
    hours = market.candles.resample("1h").agg({"high": "max", "low": "min", "close": "last", "volume": "sum"})
    events = market.liquidations
    lines = []
    first, last = hours.index[0], events["time"].max().floor("1h")
    for when, before in zip(hours.index[1:], hours["close"], strict=False):
        if when < first + (begin - first) // 10 or when > last:
            continue
        hour = hours.loc[when]
        inside = events[events["time"].dt.floor("1h") == when]
        for side, move in (("long", before - min(hour["low"], before)), ("short", max(hour["high"], before) - before)):
            usd = inside.loc[inside["side"] == side, "notional"].sum()
            lines.append((when, side == "short", move / before, hour["volume"], usd, estimate.loc[when, side]))
    table = pd.DataFrame(lines, columns=["time", "short", "move", "volume", "usd", "estimate"])
    early = table["time"] < begin
    table["y"] = np.log(table["usd"] + 0.01 * table.loc[early, "usd"].mean())
    table["e"] = np.log(table["estimate"] + 0.01 * table.loc[early, "estimate"].mean())
    table = table[table["move"] >= 0.003]
    x = np.column_stack([np.ones(len(table)), table["short"], np.log(table["move"]), np.log(table["volume"])])
    errors = []
    fit = (table["time"] < begin).to_numpy()
    for design in (x, np.column_stack([x, table["e"]])):
        weights = np.linalg.solve(design[fit].T @ design[fit], design[fit].T @ table["y"][fit])
        errors.append(((table["y"][~fit] - design[~fit] @ weights) ** 2).sum())
    return 1 - errors[1] / errors[0]


def test_the_gain_is_what_the_page_says(simulation: Any) -> None:
    market, mix = simulation.market, simulation.leverage_mix
    begin = market.candles.index[1500].ceil("1h")
    how = {"leverage_mix": mix, "decay_rate": simulation.decay_rate, "turnover": simulation.turnover}
    found = validate(market, start=begin, draws=20, bin_size=20.0, **how)
    ledger = lw.build_ledger(market, list(mix), 20.0, turnover=simulation.turnover)
    density = ledger.replay(simulation.decay_rate, shares(mix))
    swept = pd.DataFrame({"long": density.liquidated_long, "short": density.liquidated_short}, market.candles.index)
    assert found.gain == pytest.approx(plain_gain(market, swept.resample("1h").sum(), begin), abs=1e-9)
    skill = found.skill().loc["both"].xs("gain", level="measure")
    assert set(skill.index) == set(BASELINES)
    np.testing.assert_allclose(skill["baseline"] + skill["value"], found.gain)
    assert abs(skill.loc["range_volume", "baseline"]) < 0.15  # adds almost nothing to the regression
    assert 0.2 < found.gain < 1
    table = found.by_side()
    assert table.loc[("both", "gain"), "low"] < found.gain < table.loc[("both", "gain"), "high"]


def test_the_gain_knows_no_scale(simulation: Any) -> None:
    market = simulation.market
    begin, events = market.candles.index[1500], market.liquidations
    double = Market.from_frame(market.candles, liquidations=events.assign(notional=2 * events["notional"]))
    one, two = (validate(each, start=begin, draws=1) for each in (market, double))
    assert two.gain == pytest.approx(one.gain, abs=1e-9)


def test_too_little_to_regress_on_is_no_gain() -> None:
    found = validate(small_market(), draws=5)
    assert np.isnan(found.gain)
    assert "Gain" not in repr(found)


def test_levels_even_in_leverage_are_the_model_with_even_tiers() -> None:
    market = small_market()
    intervals = Intervals.of(market, "1h")
    ledger = lw.build_ledger(market, [10], 20.0)
    found = baselines.even(market, ledger, 0.05, intervals)
    tiers = 1 / np.linspace(1 / 150, 1 / 3, 32)
    density = lw.build_ledger(market, tiers.tolist(), 20.0).replay(0.05, np.full(32, 1 / 32), intervals.last)
    np.testing.assert_allclose(found, np.stack([density.liquidated_long, density.liquidated_short], 1), rtol=1e-9)


# Out of sample


def a_fit(market: Market, end: Any, **changes: Any) -> Any:
    return SimpleNamespace(
        **{
            "leverage_mix": {10: 50.0, 50: 50.0},
            "decay_rate": 0.1,
            "turnover": 0.5,
            "maintenance_rate": 0.005,
            "fee_rate": 0.0005,
            "bin_size": 50.0,
            "fitted": (market.candles.index[0], pd.Timestamp(end)),
        }
        | changes
    )


def test_a_calibration_has_what_is_asked_of_it() -> None:
    assert {*SETTINGS, "fitted", "every"} <= {field.name for field in fields(Calibration)}


def test_only_what_comes_after_the_fit_is_scored() -> None:
    market = small_market()
    end = market.candles.index[240]
    fit = a_fit(market, end)
    found = validate(market, fit, draws=5)
    assert found.frame["time"].min() == end
    assert found.settings == {
        "leverage_mix": {10: 50.0, 50: 50.0},
        "decay_rate": 0.1,
        "turnover": 0.5,
        "bin_size": 50.0,
        "maintenance_rate": 0.005,
        "fee_rate": 0.0005,
        "every": "1h",
        "fitted": fit.fitted,
    }
    assert "fitted on" in repr(found)
    # Candles of the fitted period still feed the ledger: the estimate is that of the whole market.
    ledger = lw.build_ledger(market, [10, 50], 50.0, 0.005, 0.0005, 0.5)
    intervals = Intervals.of(market, "1h")
    density = ledger.replay(0.1, shares({10: 1, 50: 1}), intervals.last)
    wanted = np.stack([density.liquidated_long, density.liquidated_short], axis=1)[-len(found.frame) // 2 :]
    np.testing.assert_array_equal(found.frame["estimated"], wanted.reshape(-1))

    later = validate(market, fit, start=end + pd.Timedelta("10h"), draws=5)
    assert later.frame["time"].min() == end + pd.Timedelta("10h")
    with pytest.raises(InputError, match=r"start: .* lies in what the calibration was fitted on, up to"):
        validate(market, fit, start=end - pd.Timedelta("1h"))
    with pytest.raises(InputError, match=r"no interval of 1h has .* what is before was fitted on"):
        validate(market, a_fit(market, market.candles.index[-1] + pd.Timedelta("1h")))
    # A market that starts after the fit begins with an empty ledger: its first day is not scored.
    fresh = validate(market, a_fit(market, market.candles.index[0] - pd.Timedelta("9D")), draws=5)
    assert fresh.frame["time"].min() == market.candles.index[0] + pd.Timedelta("24h")


def test_without_a_fit_settings_come_from_before_the_first_scored_interval() -> None:
    market = small_market()
    candles = market.candles
    start = candles.index[300]
    found = validate(market, start=start, draws=5)
    assert found.frame["time"].min() == start
    assert found.settings["decay_rate"] == lw.auto_decay_rate(market.between(None, candles.index[299]))
    assert found.settings["fitted"] is None
    assert "fixed beforehand" in repr(found)
    third = candles.index[0] + (candles.index[-1] - candles.index[0]) / 3
    assert validate(market, draws=5).frame["time"].min() == third.ceil("1h")


def test_holes_are_left_out_and_counted() -> None:
    market = small_market()
    index = market.candles.index
    candles = market.candles.drop(index[[401, 404, 406, 407]])  # an hour's last half, one's first, a whole hour
    events = market.liquidations
    cut = Market.from_frame(candles, liquidations=events[events["time"] < index[-10]])
    found = validate(cut, draws=5)
    assert found.left_out == 2 + 5  # a missing hour is no interval; the last five have no realised sums
    assert not {index[0] + pd.Timedelta(hours=h) for h in (200, 202, 203)} & set(found.frame["time"])
    assert index[0] + pd.Timedelta(hours=201) in set(found.frame["time"])


def test_candles_across_the_intervals_are_refused() -> None:
    candles = walk(100, price=60_000, step_minutes=60).candles.shift(freq="30min")
    market = with_sums(Market.from_frame(candles), np.ones((100, 2)))
    with pytest.raises(InputError, match="no interval of 1h has all its candles"):
        validate(market)


def test_few_days_have_no_interval() -> None:
    found = validate(small_market(candles=200), draws=20)
    assert found.days < 5
    assert found.by_side()[["low", "high"]].isna().all(axis=None)
    assert "fewer than five" in repr(found)
    assert "nan" not in repr(found)


def test_tables_and_words(found: Any) -> None:
    assert list(found.frame) == ["time", "side", "estimated", "realised", *BASELINES]
    table = found.by_side()
    assert set(table.loc["both"].index) == {*MEASURES, *ROW_MEASURES}
    known = table.dropna()
    assert (known["low"] <= known["high"]).all()
    assert found.rank == table.loc[("both", "rank"), "value"]
    assert {"rank", "price_off"} <= set(dir(found))
    with pytest.raises(AttributeError):
        found.ranks  # noqa: B018
    text = repr(found)
    assert "Not: where will price go" in text
    assert "simulated" in text
    assert 12 <= text.count("\n") + 1 <= 20
    assert "Gain over move and volume" in text
    assert max(map(len, text.splitlines())) < 140
    copy = found.to_frame()
    copy["estimated"] = 0.0
    assert found.frame["estimated"].any()


def test_the_tables_say_what_the_lines_say(found: Any) -> None:
    for side in (*SIDES, "both"):
        lines = found.frame if side == "both" else found.frame[found.frame["side"] == side]
        y, table = lines["realised"].to_numpy(), found.by_side().loc[side, "value"]
        for name, value in plain_bright(lines["estimated"].tolist(), y.tolist(), 0.1).items():
            assert table[name] == pytest.approx(value), name
        assert table["usd_ratio"] == pytest.approx(lines["estimated"].sum() / y.sum())
        for measure, plain in (("rank", rank_correlation), ("linear", linear_correlation)):
            assert table[measure] == pytest.approx(plain(lines["estimated"].to_numpy(), y))
            for name in BASELINES:
                line = found.skill().loc[(side, name, measure)]
                assert line["baseline"] == pytest.approx(plain(lines[name].to_numpy(), y))
                assert line["value"] == pytest.approx(table[measure] - line["baseline"])
        curve = found.curve().loc[side]
        assert curve["cells"] @ curve["realised"] == pytest.approx(y.sum())
        assert curve["cells"] @ curve["scaled"] == pytest.approx(y.sum())
        assert ((curve["low"] <= curve["realised"]) & (curve["realised"] <= curve["high"])).all()
    saved = found.skill().loc[("both", "uniform", "price_off")]
    assert saved["value"] == pytest.approx(1 - found.price_off / saved["baseline"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"bright": 0}, r"bright: wanted a share in \(0, 1\]"),
        ({"bright": NAN}, r"bright: wanted a share in \(0, 1\]"),
        ({"block_days": 0.5}, "block_days: wanted a number of days >= 1"),
        ({"draws": 0}, "draws: wanted a whole number >= 1"),
        ({"every": "fortnight"}, "every: wanted a length of time"),
        ({"every": "45min"}, "every: wanted a whole number of candles"),
        ({"every": "5min"}, "every: wanted a whole number of candles"),
        ({"every": "30min"}, "every: the realised liquidations come in steps of 0 days 01:00:00"),
        ({"every": "90min"}, "every: the realised liquidations come in steps of 0 days 01:00:00"),
        ({"start": "soon"}, "start: wanted a date or time"),
        ({"start": 17}, "start: wanted a date or time"),
        ({"start": "2000-01-01"}, "start: wanted a moment after the first candle"),
        ({"start": "2100-01-01"}, "no interval of 1h has all its candles"),
        ({"decay_rate": "fast"}, "decay_rate: wanted a rate per hour >= 0"),
        ({"decay_rate": -1.0}, "decay_rate"),
        ({"turnover": 2.0}, "turnover: wanted a share"),
        ({"leverage_mix": "cold"}, "leverage_mix: wanted one of"),
        ({"bin_size": -5}, "bin_size: wanted a positive number"),
        ({"calibration": object()}, "calibration: wanted what liqwidget.calibrate returns; object has no leverage_mix"),
        ({"market": 3}, "market: wanted a Market"),
    ],
)
def test_bad_arguments_are_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        validate(**({"market": small_market()} | change))


def test_what_a_calibration_has_is_not_given_twice() -> None:
    market = small_market()
    with pytest.raises(InputError, match="turnover: the calibration has its own"):
        validate(market, a_fit(market, market.candles.index[240]), turnover=1.0)
    for liquidations in (None, market.liquidations.iloc[:0]):
        with pytest.raises(InputError, match="market: it has no realised liquidations"):
            validate(Market.from_frame(market.candles, liquidations=liquidations))


# Real hours


def real(path: Path, long: str, short: str, coins: bool) -> Market:
    frame = pd.read_csv(path)
    known = frame.dropna(subset=[long])
    parts = [
        pd.DataFrame(
            {"time": known["time"], "side": side, "notional": known[name] * (known["close"] if coins else 1.0)}
        )
        for side, name in zip(SIDES, (long, short), strict=True)
    ]
    return Market.from_frame(frame.drop(columns=[long, short]), liquidations=pd.concat(parts))


@pytest.mark.slow
def test_the_default_estimate_on_real_five_minute_candles(shared_data: Callable[[str], Path]) -> None:
    path = shared_data("btcusdt_5m_2025-12_2026-02.csv.gz")
    found = validate(real(path, "hour_liquidated_long_usd", "hour_liquidated_short_usd", coins=False), draws=100)
    assert found.days > 50
    assert found.left_out <= 1
    table, skill = found.by_side(), found.skill()
    assert table.loc[("both", "rank"), "low"] > 0.8
    assert skill.loc[("both", "range_volume", "rank"), "low"] > 0
    assert skill.loc[("both", "yesterday", "rank"), "low"] > 0.1
    # The near tiers of the default mix make it better than even spreads.
    for who in ("uniform", "even"):
        assert skill.loc[("both", who, "rank"), "low"] > 0
        assert skill.loc[("both", who, "gain"), "low"] > 0
    assert skill.loc[("both", "range_volume", "rank"), "baseline"] > 0.8


@pytest.mark.parametrize(
    ("name", "columns", "least"),
    [
        (
            "btcusdt_5m_2025-12_2026-02.csv.gz",
            ("hour_liquidated_long_usd", "hour_liquidated_short_usd", False),
            (0.91, 0.49, 0.05),
        ),
        ("btcusdt_1h_2024-06_2024-08.csv.gz", ("liquidated_long", "liquidated_short", True), (0.855, 0.23, 0.05)),
    ],
)
def test_the_default_picture_reaches_what_the_page_says_on_the_second_half(
    shared_data: Callable[[str], Path], name: str, columns: tuple[str, str, bool], least: tuple[float, float, float]
) -> None:
    market = real(shared_data(name), *columns)
    found = validate(market, start=market.candles.index[len(market) // 2], draws=1)
    lead = found.skill().loc[("both", "even", "gain"), "value"]
    assert (np.array([found.rank, found.gain, lead]) >= least).all()


def test_real_hourly_candles(shared_data: Callable[[str], Path]) -> None:
    path = shared_data("btcusdt_1h_2024-06_2024-08.csv.gz")
    found = validate(real(path, "liquidated_long", "liquidated_short", coins=True), draws=100)
    assert found.rank > 0.82
    assert found.left_out == 0
    assert found.false_alarm > 0.4
