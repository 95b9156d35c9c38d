"""What is in view: every form that users write, what it becomes, and what is refused."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import liqwidget as lw
from liqwidget.errors import InputError
from liqwidget.widget.visible import RANGES, Extent, now_in_view, plain_view, view_of

HOUR = 3_600_000
FIRST = int(pd.Timestamp("2026-02-01", tz="UTC").value) // 10**6
#: Ten days of candles of five minutes.
EXTENT = Extent(FIRST, FIRST + 240 * HOUR - 300_000, 300_000)


@pytest.mark.parametrize("name", ["24h", "3d", "1w"])
def test_a_range_is_the_candles_up_to_the_last_one(name: str) -> None:
    view = view_of(name, EXTENT)
    assert view is not None
    assert view["range"] == name
    assert view["time_to"] == EXTENT.last
    assert view["time_to"] + EXTENT.interval - view["time_from"] == RANGES[name]


def test_a_range_longer_than_the_data_is_all_of_them_and_all_is_none() -> None:
    assert view_of("1m", EXTENT) == {"time_from": EXTENT.first, "time_to": EXTENT.last, "range": "1m"}
    assert view_of("all", EXTENT) is None
    assert view_of(None, EXTENT) is None


@pytest.mark.parametrize(
    "pair",
    [
        ("2026-02-02", "2026-02-05 12:00"),
        ["2026-02-02T01:00+01:00", "2026-02-05T12:00Z"],
        (datetime(2026, 2, 2), datetime(2026, 2, 5, 12, tzinfo=UTC)),
        (pd.Timestamp("2026-02-02", tz="UTC"), np.datetime64("2026-02-05T12:00")),
        (date(2026, 2, 2), pd.Timestamp("2026-02-05 12:00")),
    ],
)
def test_a_pair_of_times_may_be_written_in_any_way(pair: object) -> None:
    wanted = {"time_from": FIRST + 24 * HOUR, "time_to": FIRST + 108 * HOUR}
    assert view_of(pair, EXTENT) == wanted
    assert view_of({"time": pair}, EXTENT) == wanted
    assert view_of({"time": pair, "price": (60e3, 70_000)}, EXTENT) == wanted | {"price_low": 6e4, "price_high": 7e4}


def test_a_price_may_stand_beside_a_range() -> None:
    prices = {"price_low": 1.0, "price_high": 2.0}
    assert view_of({"time": "3d", "price": [1, 2]}, EXTENT) == {**(view_of("3d", EXTENT) or {}), **prices}
    every = {"time_from": EXTENT.first, "time_to": EXTENT.last}
    assert view_of({"time": "all", "price": (1, 2)}, EXTENT) == every | prices


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("2d", "wanted one of 24h, 3d, 1w, 1m, all; got '2d'. Use \"3d\""),
        ("2026-02-01", "wanted one of 24h"),
        (5, "wanted a range, a pair of times"),
        (("2026-02-02",), "wanted a pair of times"),
        (("2026-02-02", "soon"), "wanted a date or time; got 'soon'"),
        ((1.7e12, 1.8e12), "wanted a date or time"),
        (("2026-02-05", "2026-02-02"), "earlier time first; got 2026-02-05 00:00, 2026-02-02 00:00 (UTC). Swap"),
        (("2026-02-02", "2026-02-02"), "earlier time first"),
        (("2025-02-02", "2025-02-05"), "from 2026-02-01 00:00 to 2026-02-10 23:55 (UTC), where there are candles"),
        (("2026-02-11", "2026-02-12"), "where there are candles"),
        ({"time": "3d", "prices": (1, 2)}, "a dict of time and price only; got 'prices'"),
        ({"price": (1, 2)}, "wanted numbers time_from, time_to"),
        ({"time": 3}, "as time a range or a pair of times; got 3"),
        ({"time": "3d", "price": (2, 1)}, "as price two numbers"),
        ({"time": "3d", "price": "12"}, "as price two numbers"),
        ({"time": "3d", "price": (0, math.inf)}, "as price two numbers"),
        ({"time_from": 2, "time_to": 1}, "time_from <= time_to; got 2 > 1. Swap the two."),
        ({"time_from": 1, "time_to": 2, "price_low": 3}, "wanted numbers"),
        ({"time_from": 1, "time_to": 2, "price_low": 3, "price_high": 3}, "price_low < price_high"),
        ({"time_from": 1, "time_to": 2, "range": "2d"}, "as range one of 24h, 3d, 1w, 1m"),
        ({"time_from": 1, "time_to": 2, "range": []}, "as range one of"),
        ({"time_from": True, "time_to": 2}, "wanted numbers"),
    ],
)
def test_what_is_no_view_is_refused_in_words(value: object, words: str) -> None:
    with pytest.raises(InputError, match=r"^visible: ") as refused:
        view_of(value, EXTENT)
    assert words in str(refused.value)


views = st.one_of(
    st.sampled_from(["24h", "3d", "1w", "1m"]),
    st.tuples(st.integers(0, 100), st.integers(1, 100)).map(
        lambda at: tuple(pd.Timestamp((FIRST + h * HOUR) * 10**6) for h in (at[0], sum(at)))
    ),
)


@given(views, st.none() | st.tuples(st.floats(0, 1e5), st.floats(1e5, 1e9, exclude_min=True)))
def test_what_is_read_can_be_assigned_again(time: object, price: object) -> None:
    view = view_of({"time": time, "price": price}, EXTENT)
    assert view_of(view, EXTENT) == plain_view(view) == view


def test_a_range_follows_the_last_candle_and_other_times_stay() -> None:
    later = Extent(EXTENT.first, EXTENT.last + HOUR, EXTENT.interval)
    view = view_of({"time": "24h", "price": (1, 2)}, EXTENT)
    moved = now_in_view(view, later)
    assert view is not None
    assert moved == {**view, "time_from": view["time_from"] + HOUR, "time_to": later.last}
    fixed = view_of(("2026-02-02", "2026-02-03"), EXTENT)
    assert now_in_view(fixed, later) == fixed
    assert now_in_view(None, later) is None


def test_the_widget_keeps_its_view_when_another_is_refused() -> None:
    hm = lw.LiquidationHeatmap(lw.load_sample().tail(600), visible="24h")
    day = hm.visible
    assert day["range"] == "24h"
    assert (day["time_to"] - day["time_from"]) / 300_000 + 1 == 288
    with pytest.raises(InputError, match="visible: wanted one of 24h"):
        hm.visible = "yesterday"
    assert hm.visible == day


def test_the_browser_sends_numbers_only() -> None:
    hm = lw.LiquidationHeatmap(lw.load_sample().tail(600))
    for sent in ("24h", ["2026-01-02", "2026-01-03"], {"time": "24h"}, {"time_from": 0, "time_to": 1, "range": "x"}):
        hm.set_state({"visible": sent})
        assert hm.visible is None
        assert hm._status["state"] == "error"
    hm.set_state({"visible": {"time_from": 0, "time_to": 1, "price_low": 2, "price_high": 3, "range": "3d"}})
    assert hm.visible == {"time_from": 0, "time_to": 1, "price_low": 2, "price_high": 3, "range": "3d"}
    assert hm._status["state"] == "idle"


def test_a_range_makes_bins_and_contrast_automatic_and_what_was_read_does_not() -> None:
    hm = lw.LiquidationHeatmap(lw.load_sample().tail(600), bin_size=200, visible="24h", contrast="whole")
    assert (hm.bin_size, hm.bin_auto, hm.contrast) == (200, False, "whole")  # all were asked for
    for value in (hm.visible, None, {"time_from": 1, "time_to": 2}):
        hm.visible = value
        assert (hm.bin_auto, hm.contrast) == (False, "whole")
    for value in ("3d", "all", ("2026-01-12", "2026-01-13"), {"time": "24h", "price": (8e4, 9e4)}):  # type: ignore[assignment]
        hm.bin_size, hm.contrast = 200, "whole"
        hm.visible = value
        assert (hm.bin_auto, hm.contrast) == (True, "view"), value


def test_tables_follow_a_range_to_candles_that_were_added() -> None:
    sample = lw.load_sample()
    hm = lw.LiquidationHeatmap(sample.tail(600).between(None, sample.candles.index[-13]), visible="24h")
    hm.append(sample.candles.iloc[-12:])
    taken = hm._take()
    assert taken.in_view == slice(600 - 288, 600)
