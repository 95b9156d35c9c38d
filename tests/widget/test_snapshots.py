"""Snapshots of true positions: a replay shows the one that was known at its time, or none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import liqwidget as lw
from liqwidget.widget.wire import WireError, decode_frame, encode_frame
from markets import walk


class Snapshot:
    def __init__(self, time: pd.Timestamp | None, name: str = "a", coin: str = "BTC", price: float = 60_000.0) -> None:
        self.time, self.label, self.coin, self.price = time, name, coin, price

    def profile(self, bin_size: float) -> pd.DataFrame:
        price = (np.floor(self.price / bin_size) + 0.5) * bin_size
        return pd.DataFrame({"price": [price], "long": [500.0], "short": [0.0]})


@pytest.fixture
def market():
    return walk(300, seed=5, price=60_000, tick=0.1, step_minutes=5, wild=0.1)


@pytest.fixture
def hm(market):
    widget = lw.LiquidationHeatmap(market)
    yield widget
    widget.close()


@pytest.fixture
def times(market) -> list[pd.Timestamp]:
    return [market.candles.index[i] + pd.Timedelta("90s") for i in (100, 150, 200, 250)]


def shown(hm) -> str | None:
    """Label of the frame that the browser has."""
    assert hm._trait_values["_positions"] == hm._shown.frames["_positions"]
    return decode_frame(hm._positions).meta["label"] if hm._positions else None


def test_a_replay_shows_what_was_known_then(hm, times) -> None:
    for name, time in zip("abcd", times, strict=True):
        hm.positions = Snapshot(time, name)
    assert shown(hm) == "d"
    assert decode_frame(hm._positions).meta["time"] == times[3].timestamp() * 1000
    for moment, name in (
        (times[2], "c"),
        (times[2] - pd.Timedelta("1ms"), "b"),
        (times[0], "a"),
        (times[0] - pd.Timedelta("1ms"), None),
        (times[3] + pd.Timedelta("1min"), "d"),
    ):
        hm.as_of = moment
        assert shown(hm) == name
        assert hm.positions.label == "d"
    hm.as_of = times[1]
    hm.as_of = None
    assert shown(hm) == "d"


def test_the_browser_drags_it_and_gets_it_with_one_message(hm, times, monkeypatch) -> None:
    for name, time in zip("abcd", times, strict=True):
        hm.positions = Snapshot(time, name)
    sent = []
    monkeypatch.setattr(hm, "send_state", lambda key=None: sent.append(set(key)))
    for time, name in ((times[1], "b"), (times[1] + pd.Timedelta("1min"), "b"), (times[3], "d")):
        hm.set_state({"as_of": time.timestamp() * 1000})
        assert shown(hm) == name
    assert [keys & {"_positions", "_bars", "_model"} for keys in sent] == [{"_positions"}, set(), {"_positions"}]


def test_new_ones_come_behind_a_replay_and_are_shown_after_it(hm, times) -> None:
    hm.positions = Snapshot(times[0], "a")
    hm.as_of = times[1]
    hm.positions = Snapshot(times[2], "c")
    assert shown(hm) == "a"
    bad = Snapshot(times[3], price=float("nan"))
    with pytest.raises(lw.InputError, match="wanted price finite"):
        hm.positions = bad
    assert (shown(hm), hm.positions.label) == ("a", "c")
    hm.as_of = None
    assert shown(hm) == "c"


@pytest.mark.parametrize("strange", [None, 5, np.zeros(3), pd.Timestamp("2026-01-01")])
def test_without_a_time_a_replay_shows_none(hm, times, strange) -> None:
    hm.positions = Snapshot(times[0], "a")
    hm.positions = Snapshot(strange, "timeless")
    assert shown(hm) == "timeless"
    assert "time" not in decode_frame(hm._positions).meta
    hm.as_of = times[3]
    assert shown(hm) is None  # also not the one before, which is no longer the same series
    hm.as_of = None
    assert shown(hm) == "timeless"


def test_the_last_two_hundred_are_kept(hm, market) -> None:
    start = market.candles.index[10]
    for i in range(203):
        hm.positions = Snapshot(start + pd.Timedelta(i, "min"), str(i))
    assert [one.label for one in hm._shown.snapshots.kept] == [str(i) for i in range(3, 203)]
    hm.as_of = start + pd.Timedelta("3min")
    assert shown(hm) == "3"
    hm.as_of = start + pd.Timedelta("2min")
    assert shown(hm) is None
    hm.positions = None
    assert (hm.positions, hm._shown.snapshots.kept, shown(hm)) == (None, (), None)


def test_one_of_an_earlier_or_the_same_time_takes_the_place_of_the_later(hm, times) -> None:
    for name, i in (("a", 0), ("b", 1), ("c", 2), ("new b", 1)):
        hm.positions = Snapshot(times[i], name)
    assert [one.label for one in hm._shown.snapshots.kept] == ["a", "new b"]
    hm.positions = Snapshot(times[2], "ether", coin="ETH")
    assert [one.label for one in hm._shown.snapshots.kept] == ["ether"]


def test_they_stay_over_settings_appends_and_another_market(hm, market, times) -> None:
    for name, time in zip("ab", times, strict=False):
        hm.positions = Snapshot(time, name)
    hm.as_of = times[0]
    hm.span = 0.4
    row = market.candles.iloc[[-1]]
    row.index = row.index + market.interval
    hm.append(row)
    assert shown(hm) == "a"
    hm.market = market.tail(280)
    assert hm.as_of is None
    assert shown(hm) == "b"


def test_one_that_does_not_fit_the_rows_of_now_is_left_out_of_the_replay_and_it_is_said(hm, times) -> None:
    class Once(Snapshot):
        first = 0.0

        def profile(self, bin_size: float) -> pd.DataFrame:
            self.first = self.first or bin_size
            return super().profile(self.first)

    hm.positions = Once(times[0])
    hm.market = walk(300, seed=5, price=2_000, tick=0.1, step_minutes=5)
    hm.positions = Snapshot(times[2], "c", price=2_000)
    hm.as_of = times[1]
    assert shown(hm) is None
    assert "The outline is left out." in hm._status["message"]
    hm.as_of = None
    assert shown(hm) == "c"


@pytest.mark.parametrize("time", [None, "now", True, 1e17, -1e17])
def test_a_frame_with_a_strange_time_is_refused(hm, times, time) -> None:
    hm.positions = Snapshot(times[0])
    frame = decode_frame(hm._positions)
    with pytest.raises(WireError, match="meta time: wanted a number"):
        decode_frame(encode_frame("positions", {**frame.meta, "time": time}, frame.arrays))
