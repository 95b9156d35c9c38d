"""Following a venue that disconnects: the shown candles equal the truth again, and the pill reports the state."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import weakref
from collections.abc import Callable

import pandas as pd
import pytest

import liqwidget as lw
from exchange import History
from exchange.history import COINS, PRICE
from exchange.messages import latest
from exchange.vices import ServerError
from liqwidget.sources.http.client import Client
from liqwidget.sources.live import stream
from liqwidget.sources.live.feeds import FEEDS, confirmed, liquidations
from liqwidget.sources.live.follower import Follower
from liqwidget.sources.live.present import COLUMNS, PresentSeries
from liqwidget.widget.wire import decode_frame
from loopback import DAY, INVERSE, MINUTE, truth

NOW = 1_795_046_431_000
START = NOW // DAY * DAY - 2 * DAY


@pytest.fixture(scope="module")
def history() -> History:
    return History.make(START, 4 * 1440, seed=8)


async def until(condition: Callable[[], bool], follower: Follower) -> None:
    """Run the loop until a condition holds; the clock advances while the follower waits."""
    while not condition():
        assert follower.running, "it ended"
        await asyncio.sleep(0.001)


def run(widget: lw.LiquidationHeatmap, watch, **options) -> Follower:
    """Follow a market while `watch(follower)` runs."""

    async def main() -> Follower:
        widget._handle_custom_msg({"type": "here", "view": "a"}, [])
        follower = lw.follow(widget, **options)
        try:
            await asyncio.wait_for(watch(follower), 30)
        finally:
            follower.stop()
            await asyncio.wait([follower.task])
        return follower

    return asyncio.run(main())


def closed(widget: lw.LiquidationHeatmap, now: int) -> pd.DataFrame:
    """The shown candles whose other columns have arrived too."""
    candles = widget.market.candles
    return candles[candles.index < pd.Timestamp(now - 20 * MINUTE, unit="ms", tz="UTC")]


def right(history: History, venue: str, widget: lw.LiquidationHeatmap, frame: pd.DataFrame) -> None:
    first, last = (int(time.value) // 1_000_000 for time in (frame.index[0], frame.index[-1]))
    wanted = lw.Market.from_frame(truth(history, venue, "5m", first, last + 1)).candles
    pd.testing.assert_frame_equal(frame, wanted[frame.columns], check_exact=True, check_freq=False)


@pytest.mark.parametrize("venue", ["binance", "bybit", "okx", "hyperliquid"])
def test_candles_and_what_belongs_to_them_arrive(venue, history, exchange, at) -> None:
    widget = lw.LiquidationHeatmap(lw.fetch("BTCUSDT", venue, days=0.5))

    async def watch(follower: Follower) -> None:
        await until(lambda: exchange.now() > NOW + 35 * MINUTE, follower)
        assert widget._live["state"] == "live"

    run(widget, watch, every=20)
    found = closed(widget, exchange.now())
    right(history, venue, widget, found.drop(columns=list(COLUMNS)) if venue == "hyperliquid" else found)
    newest = int(widget.market.candles.index[-1].value) // 1_000_000
    assert exchange.now() - newest < 6 * MINUTE
    assert widget._live["state"] == "stopped"
    assert widget._live["message"] == "stopped by the user"


def test_present_values_become_a_series_from_its_start_on(history, exchange, at, monkeypatch) -> None:
    market = lw.fetch("BTCUSDT", "hyperliquid", days=0.5)
    assert not {*COLUMNS} & set(market.candles)
    widget = lw.LiquidationHeatmap(market)
    asked: list[tuple[int, float, float]] = []
    ask = PresentSeries.ask

    async def told(self: PresentSeries, client: Client, now: int) -> None:
        await ask(self, client, now)
        coins = latest(history, "open_interest", exchange.now())[1] / COINS
        asked.append((now // (5 * MINUTE) * 5 * MINUTE, coins, history.last_price(exchange.now(), "mark") / PRICE))

    async def watch(follower: Follower) -> None:
        begin = exchange.now()
        await until(lambda: exchange.now() > begin + 12 * MINUTE, follower)
        assert "; open interest and mark price since 2026-11-19 " in message_of(widget)

    monkeypatch.setattr(PresentSeries, "ask", told)
    for _ in range(2):  # the second feed keeps what the first one has brought
        run(widget, watch, every=20)
    wanted = pd.DataFrame(asked, columns=["time", "coins", "mark"]).groupby("time")
    table = wanted.agg(open_interest=("coins", "last"), mark_low=("mark", "min"), mark_high=("mark", "max"))
    candles = widget.market.candles
    known = candles[candles["mark_low"].notna()]
    assert known.index.as_unit("ms").asi8.tolist() == table.index.tolist()
    assert known[list(COLUMNS)].to_numpy().tolist() == table.to_numpy().tolist()
    assert (table["mark_low"] < table["mark_high"]).any()
    assert candles["open_interest"][candles.index < known.index[0]].isna().all()
    notices = decode_frame(widget.get_state("_bars")["_bars"]).meta["notices"]
    assert f"open interest is known from {known.index[0]:%Y-%m-%d %H:%M} UTC on" in notices


@pytest.mark.parametrize("exchange", [[ServerError(status=503).on(nth=tuple(range(30, 60)))]], indirect=True)
def test_after_a_break_the_hole_is_filled(history, exchange, at) -> None:
    widget = lw.LiquidationHeatmap(lw.fetch("BTCUSDT", "binance", days=0.5))
    states = []
    widget.observe(lambda change: states.append(change.new["state"]), "_live")

    async def watch(follower: Follower) -> None:
        await until(lambda: "disconnected" in states and states[-1] == "live", follower)
        await until(lambda: exchange.now() > NOW + 35 * MINUTE, follower)

    run(widget, watch, every=20)
    right(history, "binance", widget, closed(widget, exchange.now()))


@pytest.mark.parametrize("jump", [26 * 60 * MINUTE, 7 * MINUTE])
def test_a_suspended_machine_misses_nothing(jump, history, exchange, at) -> None:
    widget = lw.LiquidationHeatmap(lw.fetch("BTCUSDT", "bybit", days=0.5))

    async def watch(follower: Follower) -> None:
        await until(lambda: exchange.now() > NOW + MINUTE, follower)
        exchange.advance(jump)
        moment = exchange.now()
        await until(lambda: exchange.now() > moment + 6 * MINUTE, follower)

    run(widget, watch, every=20)
    frame = closed(widget, exchange.now())
    assert (frame.index[1:] - frame.index[:-1] == pd.Timedelta("5m")).all()
    right(history, "bybit", widget, frame)


def test_a_local_clock_that_is_wrong(history, exchange, at) -> None:
    widget = lw.LiquidationHeatmap(lw.fetch("BTCUSDT", "binance", days=0.5))

    async def watch(follower: Follower) -> None:
        for ahead in (3600, -7200, 0):
            at.ahead = ahead
            moment = exchange.now()
            await until(lambda moment=moment: exchange.now() > moment + 11 * MINUTE, follower)  # type: ignore[misc]

    run(widget, watch, every=20)
    right(history, "binance", widget, closed(widget, exchange.now()))


@pytest.mark.parametrize("venue", ["binance", "bybit", "okx"])
def test_realised_liquidations_come_over_breaks_and_garbage(venue, exchange, at) -> None:
    widget = lw.LiquidationHeatmap(lw.fetch("BTCUSDT", venue, days=0.5))

    def shown() -> int:
        return 0 if widget.liquidations is None else len(widget.liquidations)

    async def told(function, *arguments):
        return await asyncio.to_thread(function, *arguments)

    async def watch(follower: Follower) -> None:
        await told(exchange.wait_subscribed, venue)
        await told(exchange.liquidate, "long", 60_000.5, 0.25)
        await until(lambda: shown() == 1, follower)
        await told(exchange.send_garbage)
        await told(exchange.liquidate, "short", 61_000.0, 1.5)
        await until(lambda: shown() == 2, follower)
        await told(exchange.drop_streams)
        await until(lambda: "missing since" in follower._stream.problem, follower)
        await told(exchange.wait_subscribed, venue)
        await told(exchange.liquidate, "short", 62_000.0, 2.0)
        await until(lambda: shown() == 3, follower)
        await told(exchange.send_oversized, 2)
        await told(exchange.wait_subscribed, venue)

    run(widget, watch)
    frame = widget.liquidations
    assert frame["side"].tolist() == ["long", "short", "short"]
    assert frame["price"].tolist() == [60_000.5, 61_000.0, 62_000.0]
    assert frame["quantity"].tolist() == pytest.approx([0.25, 1.5, 2.0], rel=1e-12)
    assert frame["notional"].tolist() == pytest.approx([15_000.125, 91_500, 124_000], rel=1e-12)
    if venue == "binance":
        assert all("/market/" in path for path in exchange.streams.handshakes)


@pytest.mark.parametrize(("venue", "symbol"), INVERSE.items())
def test_an_inverse_contract_is_followed(venue, symbol, history, exchange, at) -> None:
    widget = lw.LiquidationHeatmap(lw.fetch(symbol, venue, days=1))
    before = len(widget.market)
    widget.liquidations = pd.DataFrame({"time": [widget.market.candles.index[0]], "side": "long", "notional": 0.0})

    async def watch(follower: Follower) -> None:
        await asyncio.to_thread(exchange.wait_subscribed, venue)
        await asyncio.to_thread(exchange.liquidate, "long", 60_000.0, 0.5)
        await until(lambda: len(widget.liquidations) == 2, follower)
        await until(lambda: len(widget.market) > before + 2, follower)

    run(widget, watch)
    assert widget.market.contract == "inverse"
    row = widget.liquidations.iloc[-1]
    assert (row["side"], row["price"], row["quantity"]) == ("long", 60_000.0, pytest.approx(0.5))
    assert row["notional"] == pytest.approx(30_000)
    frame = widget.market.candles.iloc[:-1]
    closed = lw.fetch(symbol, venue, start=frame.index[0], end=frame.index[-1], cache=False).candles
    pd.testing.assert_frame_equal(frame.loc[closed.index, ["close", "volume"]], closed[["close", "volume"]])


def test_a_contract_of_the_other_kind_is_not_followed(at) -> None:
    widget = lw.LiquidationHeatmap(lw.fetch("BTCUSDT", "bybit", days=0.5))

    async def main() -> None:
        with pytest.raises(lw.InputError, match="symbol: wanted linear contracts, as the widget shows; got 'BTCUSD'"):
            lw.follow(widget, symbol="BTCUSD")

    asyncio.run(main())


def test_it_ends_with_the_widget_and_with_its_last_view(exchange, at) -> None:
    for end, said in (("close", None), ("view", "no view is open; lw.follow starts it again")):
        widget = lw.LiquidationHeatmap(lw.fetch("BTCUSDT", "hyperliquid", days=0.5))
        widget._handle_custom_msg({"type": "here", "view": "a"}, [])

        async def main(widget=widget, end=end) -> None:
            follower = lw.follow(widget)
            await until(lambda: widget._live["state"] == "live", follower)
            widget.close() if end == "close" else widget._handle_custom_msg({"type": "gone", "view": "a"}, [])
            await asyncio.wait_for(follower.task, 30)

        asyncio.run(main())
        assert said is None or (widget._live["state"], widget._live["message"]) == ("stopped", said)


def test_views_that_fall_silent(exchange, at) -> None:
    """A tab closed without notice ends it after a while; a view that a long-running cell has silenced does not."""
    widget = lw.LiquidationHeatmap(lw.fetch("BTCUSDT", "hyperliquid", days=0.5))

    async def main() -> None:
        widget._handle_custom_msg({"type": "here", "view": "a"}, [])
        follower = lw.follow(widget, every=5)
        await until(lambda: widget._live["state"] == "live", follower)
        widget._views.heard["a"] -= 1000  # last heard of long ago
        moment = exchange.now()
        await until(lambda: exchange.now() > moment + 40_000, follower)
        widget._handle_custom_msg({"type": "here", "view": "a"}, [])
        moment = exchange.now()
        await until(lambda: exchange.now() > moment + 90_000, follower)
        widget._views.heard["a"] -= 1000
        await asyncio.wait_for(follower.task, 30)

    asyncio.run(main())
    assert widget._live["message"] == "no view is open; lw.follow starts it again"


def test_a_second_one_takes_the_place_of_the_first(at) -> None:
    widget = lw.LiquidationHeatmap(lw.fetch("BTCUSDT", "hyperliquid", days=0.5))

    async def main() -> None:
        first, second = lw.follow(widget), lw.follow(widget, every=1)
        await asyncio.wait_for(asyncio.wait([first.task]), 10)
        assert second.running
        assert "every 1 s, running" in repr(second)
        second.stop()
        await asyncio.wait([second.task])

    asyncio.run(main())


@pytest.mark.parametrize("by_thread", [False, True])
def test_another_market_ends_it_and_takes_nothing_from_it(by_thread, exchange, at) -> None:
    widget = lw.LiquidationHeatmap(lw.fetch("BTCUSDT", "binance", days=0.5))
    candles = widget.market.candles[["open", "high", "low", "close", "volume"]] / 20
    other = lw.Market.from_frame(candles, symbol="ETHUSDT", exchange="binance")

    async def main() -> None:
        widget._handle_custom_msg({"type": "here", "view": "a"}, [])
        follower = lw.follow(widget)
        await until(lambda: widget._live["state"] == "live", follower)
        if by_thread:
            await asyncio.to_thread(setattr, widget, "market", other)
        else:
            widget.market = other
        stopped = {"state": "stopped", "message": "another market is shown; lw.follow starts again with it"}
        assert widget._live.items() >= stopped.items()  # immediately
        # Data still in transit:
        follower._write(widget.append, candles.tail(1).assign(close=61_000.0, high=62_000.0), replace=True)
        follower._stream._add(pd.DataFrame({"time": [candles.index[-1]], "side": ["long"], "notional": [1e6]}))
        follower._say("live", message="")
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(follower.task, 30)
        assert widget.market is other
        assert widget.liquidations is None
        assert widget._live.items() >= stopped.items()
        second = lw.follow(widget)
        assert "ETHUSDT" in repr(second)
        second.stop()
        await asyncio.wait([second.task])

    asyncio.run(main())


def test_a_market_assigned_before_the_first_round(exchange, at) -> None:
    widget = lw.LiquidationHeatmap(lw.fetch("BTCUSDT", "binance", days=0.5))

    async def main() -> None:
        first = lw.follow(widget)
        widget.market = widget.market.tail(50)
        second = lw.follow(widget)
        await asyncio.wait([first.task])
        await until(lambda: widget._live["state"] == "live", second)
        widget.market = widget.market.tail(40)
        await asyncio.wait([second.task])

    asyncio.run(main())
    assert str(widget._live["message"]).startswith("another market is shown")
    assert len(widget.market) == 40


@pytest.mark.parametrize("end", ["stop", "stop at once", "market", "close", "loop"])
def test_a_widget_that_was_followed_is_forgotten(end, exchange, at) -> None:
    market = lw.fetch("BTCUSDT", "hyperliquid", days=0.5)

    async def main() -> weakref.ref:
        widget = lw.LiquidationHeatmap(market)
        follower = lw.follow(widget)
        if end != "stop at once":
            await until(lambda: widget._live["state"] == "live", follower)
        if end == "market":
            widget.market = market.tail(20)
        elif end == "close":
            widget.close()
        elif end != "loop":
            follower.stop()
        if end != "loop":
            await asyncio.wait([follower.task])
            assert widget not in Follower.by_widget
            assert end == "close" or widget._live["state"] == "stopped"
        widget.close()
        widget.layout.close()
        return weakref.ref(widget)

    kept = asyncio.run(main())
    gc.collect()
    assert kept() is None


def test_the_stream_says_nothing_once_it_is_connected_again(exchange, at) -> None:
    """Also before the next liquidation, which may be hours away."""
    widget = lw.LiquidationHeatmap(lw.fetch("BTCUSDT", "binance", days=0.5))
    said: list[object] = []

    class Noted(stream.Stream):
        def __setattr__(self, name: str, value: object) -> None:
            if name == "problem" and value not in said[-1:]:
                said.append(value)
            super().__setattr__(name, value)

    async def watch(follower: Follower) -> None:
        await asyncio.to_thread(exchange.wait_subscribed, "binance")
        follower._stream.__class__ = Noted
        await asyncio.to_thread(exchange.drop_streams)
        await until(lambda: said[-1:] == [""] and any("missing since 20" in str(words) for words in said), follower)
        await until(lambda: widget._live["state"] == "live" and not widget._live["message"], follower)

    run(widget, watch)
    assert said[-1] == ""


DENIALS = {
    "bybit": (
        {"success": False, "ret_msg": "error:handler not found,topic:allLiquidation.FOOUSDT", "op": "subscribe"},
        "error:handler not found,topic:allLiquidation.FOOUSDT",
    ),
    "okx": (
        {"event": "error", "code": "60018", "msg": "Wrong URL or channel:liquidation-orders doesn't exist."},
        "Wrong URL or channel:liquidation-orders doesn't exist.",
    ),
    "binance": ({"error": {"code": 2, "msg": "Invalid request: unknown stream"}, "id": 1}, "Invalid request"),
}


def message_of(widget: lw.LiquidationHeatmap) -> str:
    return str(widget._live.get("message", ""))


@pytest.mark.parametrize("venue", DENIALS)
def test_a_subscription_that_is_refused_is_told_with_the_venues_reason(venue, exchange, at) -> None:
    frame, reason = DENIALS[venue]
    exchange.streams.denials[venue] = frame
    widget = lw.LiquidationHeatmap(lw.fetch("BTCUSDT", venue, days=0.5))
    said = f"realised liquidations are refused by {venue}: {reason}"

    async def watch(follower: Follower) -> None:
        await until(lambda: message_of(widget).startswith(said), follower)
        handshakes = len(exchange.streams.handshakes)
        await until(lambda: len(exchange.streams.handshakes) > handshakes + 1, follower)  # it retries
        assert message_of(widget).startswith(said)  # the message stays during retries
        exchange.streams.denials.clear()
        await until(lambda: widget._live["message"] == "", follower)

    run(widget, watch, every=20)


@pytest.mark.parametrize("venue", DENIALS)
def test_a_subscription_that_is_never_confirmed_is_told(venue, exchange, at) -> None:
    exchange.streams.silent = True
    widget = lw.LiquidationHeatmap(lw.fetch("BTCUSDT", venue, days=0.5))

    async def watch(follower: Follower) -> None:
        said = f"{venue} has not confirmed the stream of realised liquidations"
        await until(lambda: message_of(widget).startswith(said), follower)

    run(widget, watch, every=20)


@pytest.mark.parametrize(
    ("status", "page", "said"),
    [
        (451, "", "not available in this region"),
        (403, "<p>configured to block access from your country", "not available in this region"),
        (403, "Forbidden", "may not be available in this region"),
        (404, "Not Found", "the venue answered HTTP 404"),
    ],
)
def test_a_handshake_that_is_refused_says_why(status, page, said, exchange, at) -> None:
    exchange.streams.refused, exchange.streams.status, exchange.streams.page = True, status, page
    widget = lw.LiquidationHeatmap(lw.fetch("BTCUSDT", "bybit", days=0.5))

    async def watch(follower: Follower) -> None:
        await until(lambda: said in message_of(widget), follower)

    run(widget, watch, every=20)


@pytest.mark.parametrize(
    ("venue", "frame", "told"),
    [
        ("binance", {"result": ["btcusdt@forceOrder"], "id": 1}, True),
        ("binance", {"result": [], "id": 1}, "the stream is not among those it lists"),
        ("binance", {"e": "forceOrder", "o": {}}, True),
        ("bybit", {"success": True, "ret_msg": "", "op": "subscribe"}, True),
        ("bybit", {"success": True, "ret_msg": "pong", "op": "ping"}, None),
        ("okx", {"event": "subscribe", "arg": {"channel": "liquidation-orders", "instType": "SWAP"}}, True),
        ("okx", {"event": "channel-conn-count", "channel": "liquidation-orders"}, None),
        ("okx", [], None),
    ],
)
def test_what_a_message_says_of_the_subscription(venue, frame, told) -> None:
    assert confirmed(FEEDS[venue], json.dumps(frame), "BTCUSDT") == told


def test_one_fall_as_three_venues_send_it() -> None:
    """Captured within two seconds: the venues' sides agree."""
    frames = {
        "binance": (
            {
                "e": "forceOrder",
                "E": 1791565603055,
                "o": {"s": "BTCUSDT", "S": "SELL", "q": "0.191", "p": "82338.40", "ap": "82651.80", "l": "0.155"}
                | {"z": "0.191", "T": 1791565602120, "ps": "BTCUSDT", "st": 1},
            },
            "BTCUSDT",
            1.0,
            (1791565602120, "long", 82651.8, 0.191),
        ),
        "bybit": (
            {
                "topic": "allLiquidation.BTCUSDT",
                "type": "snapshot",
                "data": [{"T": 1791565600992, "s": "BTCUSDT", "S": "Buy", "v": "0.007", "p": "82396.80"}],
            },
            "BTCUSDT",
            1.0,
            (1791565600992, "long", 82396.8, 0.007),
        ),
        "okx": (
            {
                "arg": {"channel": "liquidation-orders", "instType": "SWAP"},
                "data": [
                    {
                        "details": [
                            {"bkLoss": "0", "bkPx": "82655.6", "posSide": "long", "side": "sell", "sz": "8.56"}
                            | {"ts": "1791565600771"}
                        ],
                        "instId": "BTC-USDT-SWAP",
                    }
                ],
            },
            "BTC-USDT-SWAP",
            0.01,
            (1791565600771, "long", 82655.6, pytest.approx(0.0856, rel=1e-12)),
        ),
    }
    for venue, (frame, symbol, unit, wanted) in frames.items():
        assert liquidations(FEEDS[venue], json.dumps(frame), symbol, unit) == [wanted]


def test_what_cannot_be_followed(at) -> None:
    sample = lw.LiquidationHeatmap(lw.load_sample().tail(100))
    real = lw.LiquidationHeatmap(lw.fetch("BTCUSDT", "bybit", days=0.5))
    rows = real.market.candles[["open", "high", "low", "close", "volume"]].iloc[:3]
    rows = rows.set_index(pd.date_range("2026-01-02", periods=3, freq="72h", tz="UTC"))
    threes = lw.LiquidationHeatmap(lw.Market.from_frame(rows, "BTCUSDT", "bybit"))

    async def main() -> None:
        for widget, options, message in (
            (threes, {}, "wanted one that venues stream; got 3d"),
            (sample, {"source": "binance"}, "wanted a real market; got a simulated one"),
            (real, {"source": "bitmex"}, "wanted one of binance"),
            (real, {"interval": "1m"}, "wanted 5m, as the widget shows; got 1m"),
            (real, {"every": 0}, "wanted 1 to 3,600 seconds; got 0"),
        ):
            with pytest.raises(lw.InputError, match=message):
                lw.follow(widget, **options)

    asyncio.run(main())
    with pytest.raises(lw.InputError, match="wanted a running event loop"):
        lw.follow(real)


@pytest.mark.parametrize("venue", FEEDS)
@pytest.mark.parametrize("text", ["", "{", "null", "[]", "7", '"x"', "[" * 5000, '{"data": 5, "arg": {}}', b"\xff"])
def test_messages_that_are_none(venue, text) -> None:
    found = []
    with contextlib.suppress(lw.ParseError):
        found = liquidations(FEEDS[venue], text, "BTCUSDT", 1.0)
    assert found == []


def test_liquidations_are_read_as_the_venues_mean_them() -> None:
    event = '{"e":"forceOrder","o":{"s":"BTCUSDT","S":"SELL","q":"2","z":"1.5","p":"90","ap":"%s","T":1568014460893}}'
    assert liquidations(FEEDS["binance"], event % "91", "BTCUSDT", 1.0) == [(1568014460893, "long", 91.0, 1.5)]
    assert liquidations(FEEDS["binance"], event % "0", "BTCUSDT", 1.0) == [(1568014460893, "long", 90.0, 1.5)]
    assert liquidations(FEEDS["binance"], event % "91", "ETHUSDT", 1.0) == []
    row = '{"topic":"allLiquidation.BTCUSDT","data":[{"T":1739502302929,"s":"BTCUSDT","S":"Buy","v":"2","p":"%s"}]}'
    assert liquidations(FEEDS["bybit"], row % "9", "BTCUSDT", 1.0) == [(1739502302929, "long", 9.0, 2.0)]
    with pytest.raises(lw.ParseError, match="above 0"):
        liquidations(FEEDS["bybit"], row % "-9", "BTCUSDT", 1.0)
