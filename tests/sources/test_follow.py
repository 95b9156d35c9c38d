"""Following a venue that breaks off: what is shown is the truth again, and the pill says what is going on."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import pandas as pd
import pytest

import liqwidget as lw
from exchange import Exchange, History
from exchange.vices import ServerError
from liqwidget.sources.live.feeds import FEEDS, liquidations
from liqwidget.sources.live.follow import Follower
from loopback import DAY, MINUTE, connected, truth

NOW = 1_795_046_431_000
START = NOW // DAY * DAY - 2 * DAY


@pytest.fixture(scope="module")
def history() -> History:
    return History.make(START, 4 * 1440, seed=8)


@pytest.fixture
def exchange(history, request):
    with Exchange(history, vices=getattr(request, "param", ()), now_ms=NOW) as server:
        yield server
        assert not server.violations


@pytest.fixture
def at(exchange, monkeypatch, tmp_path):
    with connected(exchange, monkeypatch, tmp_path) as hands:
        yield hands


async def until(condition: Callable[[], bool], follower: Follower) -> None:
    """Let the loop run until a condition holds; the clock moves by itself, as the follower waits."""
    while not condition():
        assert follower.running, "it ended"
        await asyncio.sleep(0.001)


def run(widget: lw.LiquidationHeatmap, watch, **options) -> Follower:
    """Follow while `watch(follower)` runs."""

    async def main() -> Follower:
        widget._hear({"type": "here", "view": "a"})
        follower = lw.follow(widget, **options)
        try:
            await asyncio.wait_for(watch(follower), 30)
        finally:
            follower.stop()
            await asyncio.wait([follower.task])
        return follower

    return asyncio.run(main())


def closed(widget: lw.LiquidationHeatmap, now: int) -> pd.DataFrame:
    """The candles shown that have come with all that belongs to them."""
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
    right(history, venue, widget, closed(widget, exchange.now()))
    newest = int(widget.market.candles.index[-1].value) // 1_000_000
    assert exchange.now() - newest < 6 * MINUTE
    assert widget._live["state"] == "stopped"
    assert widget._live["message"] == "stopped by hand"


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
            await until(lambda moment=moment: exchange.now() > moment + 11 * MINUTE, follower)

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


def test_it_ends_with_the_widget_and_with_its_last_view(exchange, at) -> None:
    for end, said in (("close", None), ("view", "no view is open; lw.follow starts it again")):
        widget = lw.LiquidationHeatmap(lw.fetch("BTCUSDT", "hyperliquid", days=0.5))
        widget._hear({"type": "here", "view": "a"})

        async def main(widget=widget, end=end) -> None:
            follower = lw.follow(widget)
            await until(lambda: widget._live["state"] == "live", follower)
            widget.close() if end == "close" else widget._hear({"type": "gone", "view": "a"})
            await asyncio.wait_for(follower.task, 30)

        asyncio.run(main())
        assert said is None or (widget._live["state"], widget._live["message"]) == ("stopped", said)


def test_views_that_fall_silent(exchange, at) -> None:
    """A tab that was closed without a word ends it after a while; one that a long cell kept from speaking does not."""
    widget = lw.LiquidationHeatmap(lw.fetch("BTCUSDT", "hyperliquid", days=0.5))

    async def main() -> None:
        widget._hear({"type": "here", "view": "a"})
        follower = lw.follow(widget, every=5)
        await until(lambda: widget._live["state"] == "live", follower)
        widget._views["a"] -= 1000  # heard of long ago
        moment = exchange.now()
        await until(lambda: exchange.now() > moment + 40_000, follower)
        widget._hear({"type": "here", "view": "a"})
        moment = exchange.now()
        await until(lambda: exchange.now() > moment + 90_000, follower)
        widget._views["a"] -= 1000
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


def test_what_cannot_be_followed(at) -> None:
    sample = lw.LiquidationHeatmap(lw.load_sample().tail(100))
    real = lw.LiquidationHeatmap(lw.fetch("BTCUSDT", "bybit", days=0.5))

    async def main() -> None:
        for widget, options, message in (
            (sample, {"source": "binance"}, "do not continue a simulated market"),
            (real, {"source": "bitmex"}, "need one of binance"),
            (real, {"interval": "1m"}, "the widget shows 5m candles; got 1m"),
            (real, {"every": 0}, "need 1 to 3,600 seconds; got 0"),
        ):
            with pytest.raises(lw.InputError, match=message):
                lw.follow(widget, **options)

    asyncio.run(main())
    with pytest.raises(lw.InputError, match="need a running event loop"):
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
