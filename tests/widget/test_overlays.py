"""Overlays, the live feed and open views: the widget's Python side. Pictures are tested in tests/browser."""

from __future__ import annotations

import threading
import time

import numpy as np
import pandas as pd
import pytest

import liqwidget as lw
from liqwidget.widget import presence
from liqwidget.widget.marks import MAX_LIVE
from liqwidget.widget.wire import decode_frame
from markets import walk

HOUR = pd.Timedelta(hours=1)


def realised(market, n=3, usd=1000.0):
    time = market.candles.index[10 : 10 + n]
    price = market.candles["close"].iloc[10 : 10 + n].to_numpy()
    return pd.DataFrame({"time": time, "side": "SELL", "price": price, "notional": usd * np.arange(1, n + 1)})


@pytest.fixture
def market():
    return walk(300, seed=5, price=60_000, tick=0.1, step_minutes=5, wild=0.1)


@pytest.fixture
def hm(market):
    widget = lw.LiquidationHeatmap(market)
    yield widget
    widget.close()


@pytest.fixture
def sent(hm, monkeypatch):
    messages = []
    monkeypatch.setattr(hm, "send", lambda content, buffers=None: messages.append((content, buffers)))
    return messages


def next_candle(market):
    candle = market.candles.iloc[-1:].copy()
    candle.index = candle.index + market.interval
    return candle


# Realised liquidations


def test_a_market_without_liquidations_shows_none(hm, market):
    assert (hm.liquidations, hm._events) == (None, b"")
    hm.append(next_candle(market))
    assert hm._events == b""


def test_the_market_s_own_liquidations_are_shown_and_others_take_their_place(market):
    own = lw.Market.from_frame(market.candles, liquidations=realised(market))
    hm = lw.LiquidationHeatmap(own)
    pd.testing.assert_frame_equal(hm.liquidations, own.liquidations)
    frame = decode_frame(hm._events)
    assert frame.arrays["notional"].tolist() == [1000, 2000, 3000]
    assert frame.meta["long_usd"] == 6000
    hm.liquidations = realised(market, 5).rename(columns={"notional": "usd"})
    assert len(hm.liquidations) == 5
    assert list(hm.liquidations["side"]) == ["long"] * 5
    assert decode_frame(hm._events).meta["revision"] > frame.meta["revision"]
    hm.liquidations = None
    assert (hm.liquidations, hm._events) == (None, b"")
    hm.market = own  # another market replaces them with its own
    assert len(hm.liquidations) == 3
    hm.market = market
    assert (hm.liquidations, hm._events) == (None, b"")
    hm.close()


def test_what_is_shown_cannot_be_changed_from_outside(hm, market):
    hm.liquidations = realised(market)
    shown = hm.liquidations
    shown["notional"] = 0.0
    assert hm.liquidations["notional"].sum() == 6000


@pytest.mark.parametrize("bad", [5, "SELL", pd.DataFrame({"time": ["2026-01-01"]}), pd.DataFrame({"side": ["long"]})])
def test_what_are_no_liquidations_changes_nothing(hm, market, sent, bad):
    hm.liquidations = realised(market)
    before = hm._events
    for take in (hm.add_liquidations, lambda x: setattr(hm, "liquidations", x)):
        with pytest.raises(lw.InputError, match="liquidations"):
            take(bad)
    assert (hm._events, sent, len(hm.liquidations)) == (before, [], 3)


def test_live_liquidations_travel_as_a_small_message_and_later_views_get_all(hm, market, sent):
    hm.liquidations = realised(market)
    before = hm._events
    for i in range(3):
        hm.add_liquidations(realised(market, 1, usd=500.0 * (i + 1)))
    assert [content for content, _ in sent] == [{"type": "events"}] * 3
    assert all(len(buffers[0]) <= 1024 for _, buffers in sent)
    assert hm._trait_values["_events"] == before
    tails = [decode_frame(buffers[0]) for _, buffers in sent]
    revision = decode_frame(before).meta["revision"]
    assert [(t.meta["base"], t.meta["revision"]) for t in tails] == [(revision + i, revision + i + 1) for i in range(3)]
    assert tails[-1].meta["placed"] == len(hm.liquidations) == 6
    state = decode_frame(hm.get_state()["_events"])
    assert state.meta["revision"] == revision + 3
    assert state.arrays["notional"].sum() == hm.liquidations["notional"].sum() == 9000
    assert decode_frame(hm.get_state("_events")["_events"]).meta == state.meta


def test_the_first_live_liquidation_of_all_is_the_whole(hm, market, sent):
    hm.add_liquidations(realised(market, 1))
    assert sent == []
    assert decode_frame(hm._events).meta["base"] == 0


def test_many_live_ones_are_summed_anew(hm, market, sent):
    hm.liquidations = realised(market)
    many = pd.concat([realised(market, 200, usd=1 + i) for i in range(MAX_LIVE // 200 + 1)])
    for i in range(0, len(many), 200):
        hm.add_liquidations(many.iloc[i : i + 200])
    assert len(sent) == MAX_LIVE // 200
    assert decode_frame(hm._events).meta["base"] == 0
    assert decode_frame(hm._events).meta["placed"] == len(many) + 3


def test_a_liquidation_waits_for_its_candle(hm, market, sent):
    hm.liquidations = realised(market)
    ahead = market.candles.index[-1] + market.interval * 1.5
    hm.add_liquidations(pd.DataFrame({"time": [ahead], "side": "long", "price": 60_000.0, "notional": 77.0}))
    tail = decode_frame(sent[-1][1][0])
    assert (len(tail.arrays["time"]), tail.meta["outside"], tail.meta["outside_usd"]) == (0, 1, 77)
    hm.append(next_candle(market))
    assert [content["type"] for content, _ in sent] == ["events", "tail", "events"]
    tail = decode_frame(sent[-1][1][0])
    assert (tail.arrays["notional"].tolist(), tail.meta["outside"], tail.meta["placed"]) == ([77], 0, 4)
    hm.append(next_candle(hm.market))
    assert sent[-1][0] == {"type": "tail"}  # no liquidation waits any more


def test_a_view_that_missed_live_liquidations_is_sent_the_whole(hm, market, sent, monkeypatch):
    hm.liquidations = realised(market)
    hm.add_liquidations(realised(market, 1))
    states = []
    monkeypatch.setattr(hm, "send_state", lambda key=None: states.append(key))
    revision = hm._shown.realised.revision
    hm._handle_custom_msg({"type": "resync", "revision": hm._shown.picture.revision, "events": revision}, [])
    assert states == []
    for strange in (revision - 1, 0, None, "x", [1]):
        hm._handle_custom_msg({"type": "resync", "revision": hm._shown.picture.revision, "events": strange}, [])
    assert states == ["_events"] * 5


def test_marks_stand_in_their_own_candles_however_many_there_are():
    market = walk(12_001, seed=2, price=60_000, step_minutes=1, wild=0.05, oi=False)
    hm = lw.LiquidationHeatmap(market, bin_size=200)
    hm.liquidations = realised(market, 9)
    start = market.candles.index.as_unit("ms").asi8
    frame = decode_frame(hm._events)
    assert set(frame.arrays["time"]) <= set(start)
    assert (frame.arrays["until"] - frame.arrays["time"]).tolist() == [60_000] * len(frame.arrays["time"])
    assert frame.arrays["count"].sum() == 9
    hm.close()


# Positions


class Positions:
    label = "two addresses"

    def __init__(self, price=60_000.0):
        self.price, self.asked = price, []

    def profile(self, bin_size):
        self.asked.append(bin_size)
        row = np.floor(np.array([self.price * 0.9, self.price * 1.1]) / bin_size)
        price = np.r_[0, row, row[1] + 100_000] * bin_size + bin_size / 2
        frame = pd.DataFrame({"price": price, "long": [1.0, 500.0, 0.0, 0.0], "short": [0.0, 0.0, 700.0, 2.0]})
        return frame.assign(
            cumulative_long=frame["long"][::-1].cumsum()[::-1], cumulative_short=frame["short"].cumsum()
        )


def test_positions_stand_on_the_rows_of_the_model(hm):  # the browser sums them into bins
    hm.positions = positions = Positions()
    assert hm.positions is positions
    for market in (None, hm.market.tail(100)):
        if market is not None:
            hm.market = market
        frame, grid = decode_frame(hm._positions), hm.ledger.grid
        assert frame.meta == {
            "bin_size": grid.bin_size,
            "first": grid.first,
            "rows": grid.rows,
            "label": "two addresses",
            "outside_usd": 3.0,
            "outside_rows": 2,
        }
        edges = grid.edges[frame.arrays["row"]]
        assert (edges <= [54_000, 66_000]).all()
        assert (edges > np.array([54_000, 66_000]) - grid.bin_size).all()
        assert frame.arrays["long"].tolist() == [500, 0]
        assert frame.arrays["short"].tolist() == [0, 700]
    assert positions.asked[-1] == hm.ledger.bin_size
    hm.positions = None
    assert (hm.positions, hm._positions) == (None, b"")


def test_the_estimate_s_own_profile_would_fit(hm):
    class Own:
        label = "the estimate itself"

        def profile(self, bin_size):
            return lw.estimate(hm.market, bin_size=bin_size).profile()

    hm.positions = Own()
    frame = decode_frame(hm._positions)
    total = frame.arrays["long"].sum() + frame.arrays["short"].sum()
    assert total == pytest.approx(hm.density.column().sum(), rel=1e-4)
    assert frame.meta["outside_rows"] == 0


class Broken(Positions):
    def __init__(self, **columns):
        super().__init__()
        self.columns = columns

    def profile(self, bin_size):
        return super().profile(bin_size).assign(**self.columns)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (5, "positions: wanted an object"),
        (pd.DataFrame(), "positions: wanted an object"),
        (type("NoLabel", (), {"profile": lambda self, bin_size: None})(), "positions: wanted an object"),
        (Broken(price=[1.0, 2.0, 3.0, 4.0]), "rising centres of rows"),
        (Broken(price=[150.0, 150.0, 250.0, 350.0]), "rising centres of rows"),
        (Broken(price=[np.nan] * 4), "wanted price finite and >= 0; got nan in row 0"),
        (Broken(long=[0.0, -1.0, 0.0, 0.0]), "wanted long finite and >= 0; got -1 in row 1"),
        (Broken(short=np.inf), "wanted short finite"),
    ],
)
def test_what_are_no_positions_is_refused_and_the_others_stay(hm, bad, words):
    hm.positions = good = Positions()
    before = hm._positions
    with pytest.raises(lw.InputError, match=words):
        hm.positions = bad
    assert (hm.positions, hm._positions) == (good, before)


def test_positions_without_a_column_are_refused(hm):
    class Half(Positions):
        def profile(self, bin_size):
            return super().profile(bin_size).drop(columns="short")

    with pytest.raises(lw.InputError, match="got none of short"):
        hm.positions = Half()


def test_positions_that_do_not_go_on_a_new_grid_are_left_out_and_it_is_said(hm):
    class Once(Positions):
        def profile(self, bin_size):
            return super().profile(self.asked[0] if self.asked else bin_size)

    hm.positions = Once()
    hm.market = walk(60, price=2_000)
    assert len(hm.market) == 60  # the new market is shown all the same
    assert hm._positions == b""
    assert hm._status["state"] == "error"
    assert "left out" in hm._status["message"]


# The feed and the views


def test_the_feed_is_off_at_first_and_says_what_it_is_told(hm, monkeypatch):
    assert hm._live["state"] == "off"
    monkeypatch.setattr(presence.time, "time", lambda: 1000.0)
    hm.set_live("live", last=999_000, every_ms=2000)
    assert hm._live == {"state": "live", "since": 1_000_000, "last": 999_000, "message": "", "every_ms": 2000}
    monkeypatch.setattr(presence.time, "time", lambda: 1010.0)
    hm.set_live("live", last=1_010_000)
    assert (hm._live["since"], hm._live["last"], hm._live["every_ms"]) == (1_000_000, 1_010_000, 2000)
    hm.set_live("disconnected", message="the venue closed the line")
    assert (hm._live["since"], hm._live["last"]) == (1_010_000, 1_010_000)
    hm.set_live("live")
    assert hm._live["message"] == ""  # it belonged to the previous state
    hm.set_live("stopped", message="x" * 1000, since=None)
    assert (len(hm._live["message"]), hm._live["since"]) == (300, None)


@pytest.mark.parametrize(
    ("state", "facts", "words"),
    [
        ("lively", {}, "wanted one of off, live"),
        (None, {}, "wanted one of off, live"),
        ("live", {"ever_ms": 5}, "wanted since, last, message, every_ms"),
        ("live", {"last": "now"}, "wanted last as a number"),
        ("live", {"last": float("nan")}, "wanted last as a number"),
        ("live", {"since": True}, "wanted since as a number"),
        ("live", {"every_ms": 0}, "wanted every_ms as a number"),
        ("live", {"every_ms": None}, "wanted every_ms as a number"),
        ("live", {"message": 5}, "wanted message as text"),
    ],
)
def test_a_strange_feed_is_refused(hm, state, facts, words):
    with pytest.raises(lw.InputError, match=words):
        hm.set_live(state, **facts)
    assert hm._live["state"] == "off"


def test_views_count_while_they_are_heard_of(hm, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(presence.time, "monotonic", lambda: now[0])
    assert hm.views_alive() == 0
    for view in ("a", "b"):
        hm._handle_custom_msg({"type": "here", "view": view}, [])
    assert hm.views_alive() == 2
    now[0] += 100
    hm._handle_custom_msg({"type": "here", "view": "a"}, [])
    assert (hm.views_alive(), hm.views_alive(within=50), hm.views_alive(within=0)) == (2, 1, 1)
    now[0] += 100
    assert (hm.views_alive(), hm.views_alive(within=1000)) == (1, 2)
    hm._handle_custom_msg({"type": "gone", "view": "a"}, [])
    hm._handle_custom_msg({"type": "gone", "view": "never came"}, [])
    assert hm.views_alive() == 0


def test_views_are_what_the_browser_says_and_the_browser_says_anything(hm):
    for view in (None, 5, "", "x" * 65, ["a"], {"a": 1}, b"a"):
        hm._handle_custom_msg({"type": "here", "view": view}, [])
    hm._handle_custom_msg({"type": "here"}, [])
    assert hm.views_alive() == 0
    for i in range(presence.MAX_VIEWS + 50):
        hm._handle_custom_msg({"type": "here", "view": f"view {i}"}, [])
    assert hm.views_alive() == presence.MAX_VIEWS
    assert "view 0" not in hm._views.heard
    assert f"view {presence.MAX_VIEWS + 49}" in hm._views.heard


def test_a_feed_on_its_own_thread_and_a_hand_do_not_cross(hm, market):
    failures = []

    def feed():
        try:
            for i in range(60):
                candle = next_candle(hm.market)
                hm.append(candle)
                at = pd.DataFrame({"time": candle.index, "side": "long", "price": 60_000.0, "notional": 10.0 + i})
                hm.add_liquidations(at)
                hm.set_live("live", last=time.time() * 1000)
        except Exception as error:
            failures.append(error)

    def hand(sizes):
        try:
            for size in sizes:
                hm.set_state({"bin_size": size, "bubbles": size > 100})
                hm._handle_custom_msg({"type": "here", "view": str(size)}, [])
                hm.get_state()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=feed)]
    threads.append(threading.Thread(target=hand, args=([hm.bin_size * k for k in (1, 2, 4)] * 8,)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(hm.liquidations) == 60
    assert decode_frame(hm.get_state()["_events"]).meta["placed"] == 60
    assert len(hm.market) == len(market) + 60
