"""Realised liquidations as marks: none are lost, and live ones add up to the whole."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import liqwidget as lw
from liqwidget.market.liquidations import read_liquidations
from liqwidget.widget.marks import MAX_LIVE, MAX_MARKS, Columns, Realised, length_of_sums, marks_of
from liqwidget.widget.wire import decode_frame
from markets import seeds, walk

HOUR = 3_600_000


def liquidations(market, n, seed=0, unknown=0.0, around=0.0):
    """Seeded realised liquidations; a share has no price, some have times outside the market's."""
    rng = np.random.default_rng(seed)
    begin, end = market.candles.index[0], market.candles.index[-1] + market.interval
    share = rng.uniform(-around, 1 + around, n)
    price = rng.uniform(market.candles["low"].min(), market.candles["high"].max(), n)
    frame = pd.DataFrame(
        {
            "time": begin + share * (end - begin),
            "side": rng.choice(["long", "short"], n),
            "price": np.where(rng.random(n) < unknown, np.nan, price),
            "notional": rng.pareto(1.5, n) * 1000 + 1,
        }
    )
    return read_liquidations(frame)


def marks(frame):
    """The marks of a frame, sorted by time, side and price."""
    order = np.lexsort([frame.arrays[name] for name in ("price", "side", "time")])
    return {name: array[order] for name, array in frame.arrays.items()}


def plain(frame, columns):
    """Liquidations one by one: USD by (column, side, level), and the USD outside of all columns."""
    found: dict[Any, float] = {}
    outside = 0.0
    for time, side, price, usd in zip(frame["time"], frame["side"], frame["price"], frame["notional"], strict=True):
        ms = time.value // 10**6
        column = next((c for c in range(len(columns.start)) if columns.start[c] <= ms < columns.end[c]), None)
        if column is None:
            outside += usd
            continue
        key = column, side == "short", np.floor(price / columns.price_step)
        found[key] = found.get(key, 0.0) + usd
    return found, outside


@settings(max_examples=30, deadline=None)
@given(seeds, st.integers(0, 80), st.sampled_from((1, 3)), st.booleans())
def test_known_places_are_those_of_a_plain_loop(seed, n, width, gaps):
    market = walk(40, seed, gaps=gaps)
    frame, columns = liquidations(market, n, seed, around=0.2), Columns.of(market, width)
    made, facts, _ = marks_of(frame, columns, HOUR)
    want, outside = plain(frame, columns)
    column = np.searchsorted(columns.start, made.time, "right") - 1
    got = {
        (int(c), bool(s), np.floor(p / columns.price_step)): usd
        for c, s, p, usd in zip(column, made.side, made.price, made.notional, strict=True)
    }
    assert got == {key: pytest.approx(usd) for key, usd in want.items()}
    assert facts.outside_usd == pytest.approx(outside)
    assert (made.until == columns.end[column]).all()
    assert made.count.sum() == facts.placed == n - facts.outside


@settings(max_examples=30, deadline=None)
@given(seeds, st.integers(0, 200), st.sampled_from((4, 10, 50)), st.booleans())
def test_however_few_marks_there_may_be_no_usd_is_lost(seed, n, most, gaps):
    market = walk(50, seed, gaps=gaps)
    frame = liquidations(market, n, seed, unknown=0.3, around=0.2)
    columns = Columns.of(market, 1)
    made, facts, ahead = marks_of(frame, columns, HOUR, most)
    assert len(made) <= most
    assert (np.diff(made.time) >= 0).all()
    for side, usd in ((0, facts.long_usd), (1, facts.short_usd)):
        assert made.notional[made.side == side].sum() == pytest.approx(usd)
    assert facts.long_usd + facts.short_usd + facts.outside_usd == pytest.approx(frame["notional"].sum())
    assert facts.placed + facts.outside == n
    assert made.count.sum() == facts.placed
    prices = frame["price"].dropna()
    known = ~np.isnan(made.price)
    assert made.price[known].min(initial=np.inf) >= prices.min() - 1e-9 if len(prices) and known.any() else True
    assert made.notional[~known].sum() <= frame.loc[frame["price"].isna(), "notional"].sum() + 1e-6
    assert (frame.loc[ahead, "time"] >= market.candles.index[-1] + market.interval).all()


def test_a_whole_frame_stays_within_its_budget():
    market = walk(2016, 3, price=60_000, step_minutes=5)
    data = Realised(liquidations(market, 60_000)).whole(Columns.of(market, 1))
    frame = decode_frame(data)
    assert MAX_MARKS / 4 < len(frame.arrays["time"]) <= MAX_MARKS
    assert len(data) <= 100_000
    assert frame.arrays["count"].sum() == frame.meta["placed"] == 60_000


def test_one_liquidation_keeps_its_price_and_its_candle():
    market = walk(30, 1)
    time = market.candles.index[7]
    frame = read_liquidations(
        pd.DataFrame({"time": [time + pd.Timedelta("10min")], "side": ["BUY"], "price": [101.3], "qty": [2.0]})
    )
    made, _, _ = marks_of(frame, Columns.of(market, 1), HOUR)
    assert (made.time[0], made.until[0]) == (time.value // 10**6, time.value // 10**6 + HOUR)
    assert (made.side[0], made.price[0], made.notional[0], made.count[0]) == (1, pytest.approx(101.3), 202.6, 1)


def test_sums_reach_to_the_next_one():
    assert length_of_sums(np.array([0, HOUR, HOUR, 3 * HOUR]), 300_000) == HOUR
    assert length_of_sums(np.array([0, 60_000, 120_000]), 300_000) == 300_000  # never shorter than a candle
    assert length_of_sums(np.array([0, 40 * HOUR]), 300_000) == 300_000  # two events tell nothing
    assert length_of_sums(np.array([], np.int64), 300_000) == 300_000


def test_sums_cover_their_candles_and_gaps_before_them():
    market = walk(60, 2, step_minutes=5)
    time = market.candles.index
    market = lw.Market.from_frame(market.candles.drop(time[12:15]))  # 01:00 to 01:10 are missing
    frame = read_liquidations(
        pd.DataFrame({"time": time[[0, 12, 24, 36]], "side": "long", "notional": [10.0, 20.0, 30.0, 40.0]})
    )
    made, facts, _ = marks_of(frame, Columns.of(market, 1), HOUR)
    assert np.isnan(made.price).all()
    start = time.as_unit("ms").asi8
    assert made.time.tolist() == [start[0], start[15], start[24], start[36]]
    assert made.until.tolist() == [start[12], start[24], start[36], start[48]]
    assert facts.outside == 0


def test_rows_of_zero_are_nothing_to_draw():
    market = walk(30, 1)
    frame = read_liquidations(pd.DataFrame({"time": market.candles.index[:4], "side": "long", "notional": 0.0}))
    made, facts, ahead = marks_of(frame, Columns.of(market, 1), HOUR)
    assert (len(made), facts.placed, facts.outside, ahead.any()) == (0, 0, 0, False)


@settings(max_examples=20, deadline=None)
@given(seeds, st.lists(st.integers(0, 12), max_size=6), st.booleans())
def test_tails_add_up_to_the_whole(seed, sizes, sums):
    whole_market = walk(60, seed)
    early = whole_market.between(end=whole_market.candles.index[39])
    frame = liquidations(whole_market, sum(sizes) + 5, seed, unknown=0.5 if sums else 0.0, around=0.1)
    columns = Columns.of(early, 1)
    realised = Realised(frame.iloc[:5])
    frames = [decode_frame(realised.whole(columns))]
    at = 5
    for i, size in enumerate(sizes):
        tail = realised.add(frame.iloc[at : at + size], columns)
        assert sums or tail is not None
        frames = [*frames, decode_frame(tail)] if tail else [decode_frame(realised.whole(columns))]
        at += size
        if i == len(sizes) // 2:  # the remaining candles arrive halfway
            columns = Columns.of(whole_market, 1)
            if realised.waits(columns):
                frames.append(decode_frame(realised.grown(columns)))
    columns = Columns.of(whole_market, 1)
    if realised.waits(columns):
        frames.append(decode_frame(realised.grown(columns)))
    assert not realised.waits(columns)
    for before, after in pairwise(frames):
        assert after.meta["base"] == before.meta["revision"]
        assert after.meta["revision"] == before.meta["revision"] + 1
    last = frames[-1].meta
    fresh = decode_frame(Realised(frame).whole(columns))
    usd = np.concatenate([f.arrays["notional"] for f in frames]).sum()
    assert usd == pytest.approx(fresh.arrays["notional"].sum(), rel=1e-5)
    for name in ("placed", "outside"):
        assert last[name] == fresh.meta[name]
    for name in ("long_usd", "short_usd", "outside_usd"):
        assert last[name] == pytest.approx(fresh.meta[name], abs=1e-6)
    pd.testing.assert_frame_equal(
        realised.frame.sort_values(["time", "notional"], ignore_index=True),
        frame.sort_values(["time", "notional"], ignore_index=True),
    )


def test_sums_that_turn_out_to_be_shorter_are_sent_anew():
    market = walk(60, 2, step_minutes=5)
    time, columns = market.candles.index, Columns.of(market, 1)
    sums = read_liquidations(pd.DataFrame({"time": time[[0, 12, 24, 36, 42]], "side": "long", "notional": 5.0}))
    realised = Realised(sums.iloc[:3])
    realised.whole(columns)
    assert realised.add(sums.iloc[3:4], columns) is not None
    assert realised.add(sums.iloc[4:], columns) is None
    frame = decode_frame(realised.whole(columns))
    assert (frame.arrays["until"] - frame.arrays["time"]).tolist() == [HOUR / 2] * 5


def test_after_a_thousand_live_marks_the_whole_is_summed_anew():
    market = walk(200, 1)
    columns = Columns.of(market, 1)
    realised = Realised(liquidations(market, 10))
    realised.whole(columns)
    later = liquidations(market, MAX_LIVE + 5, seed=2)
    made = [realised.add(later.iloc[[i]], columns) for i in range(len(later))]
    assert all(made[:MAX_LIVE])
    assert made[MAX_LIVE] is None
    assert decode_frame(realised.whole(columns)).meta["base"] == 0
    assert realised.add(later.iloc[[0]], columns) is not None


def test_a_fresh_frame_for_a_later_view_has_the_same_revision_and_content():
    market = walk(40, 1)
    columns = Columns.of(market, 1)
    realised = Realised(liquidations(market, 10))
    realised.whole(columns)
    tail = decode_frame(realised.add(liquidations(market, 3, seed=5), columns))
    fresh = decode_frame(realised.again(columns))
    assert (fresh.meta["revision"], fresh.meta["base"]) == (tail.meta["revision"], 0)
    assert fresh.arrays["count"].sum() == 13
    assert decode_frame(realised.add(liquidations(market, 1), columns)).meta["base"] == fresh.meta["revision"]
