"""Following several venues: their sum stays the truth; one that drops is marked, and filled when it is back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

import liqwidget as lw
from exchange import History
from exchange.vices import ServerError
from liqwidget.sources.live.follower import Follower
from loopback import DAY, MINUTE, connected, truth

NOW = 1_795_046_431_000
START = NOW // DAY * DAY - 2 * DAY
VENUES = ("okx", "binance", "hyperliquid")


@pytest.fixture(scope="module")
def history() -> History:
    return History.make(START, 4 * 1440, seed=8)


@pytest.fixture
def widget(exchange, monkeypatch, tmp_path):
    with connected(exchange, monkeypatch, tmp_path):
        made = lw.LiquidationHeatmap(lw.fetch("BTC", exchange=VENUES, days=0.3))
        yield made
        made.close()


async def until(condition: Callable[[], bool], follower: Follower) -> None:
    while not condition():
        assert follower.running, "it ended"
        await asyncio.sleep(0.001)


def run(widget: lw.LiquidationHeatmap, watch) -> None:
    async def main() -> None:
        widget._handle_custom_msg({"type": "here", "view": "a"}, [])
        follower = lw.follow(widget, every=60)
        try:
            await asyncio.wait_for(watch(follower), 120)
        finally:
            follower.stop()
            await asyncio.wait([follower.task])

    asyncio.run(main())


def is_the_truth(widget: lw.LiquidationHeatmap, history: History, now: int) -> None:
    """Volumes of each venue and their sum, for candles that have been closed for a while."""
    market = widget.market.between(None, pd.Timestamp(now - 20 * MINUTE, unit="ms", tz="UTC"))
    first, last = (int(time.value) // 1_000_000 for time in (market.candles.index[0], market.candles.index[-1]))
    for name, part in market.venues.items():
        wanted = lw.Market.from_frame(truth(history, name, "5m", first, last + 1)).candles
        for column in wanted.columns.intersection(["volume", "open_interest", "funding_rate", "taker_buy_volume"]):
            np.testing.assert_array_equal(part.candles[column], wanted[column], err_msg=f"{name} {column}")
    total = sum(part.candles["volume"] for part in market.venues.values())
    np.testing.assert_allclose(market.candles["volume"], total)
    assert not any("lacks" in note for note in market.notes)


def test_the_sum_stays_the_truth(widget, history, exchange) -> None:
    async def watch(follower: Follower) -> None:
        assert repr(follower) == "<Follower okx + binance + hyperliquid BTC-USDT-SWAP, every 60 s, running>"
        await until(lambda: exchange.now() > NOW + 35 * MINUTE, follower)
        assert widget._live["state"] == "live"

    before = len(widget.market)
    run(widget, watch)
    is_the_truth(widget, history, exchange.now())
    assert len(widget.market) >= before + 6
    assert widget._live["state"] == "stopped"


def failing(venue: str) -> list[ServerError]:
    return [ServerError(status=503, venue=venue).on(nth=tuple(range(30, 60)))]


@pytest.mark.parametrize("exchange", [failing("binance")], indirect=True)
def test_a_venue_that_drops_is_marked_and_filled_when_it_is_back(widget, history, exchange) -> None:
    marked: list[str] = []

    def look(_change) -> None:
        marked.extend(note for note in widget.market.notes if note.startswith("binance lacks"))
        told.append((widget._live["state"], widget._live["message"]))

    told: list[tuple[str, str]] = []
    widget.observe(look, "_revision")

    async def watch(follower: Follower) -> None:
        await until(lambda: any(note.startswith("binance lacks") for note in marked), follower)
        await until(lambda: widget._live["state"] == "live" and "binance" not in widget._live["message"], follower)
        moment = exchange.now()
        await until(lambda: exchange.now() > moment + 30 * MINUTE, follower)

    run(widget, watch)
    assert any(state == "live" and "binance: " in message for state, message in told)
    is_the_truth(widget, history, exchange.now())


@pytest.mark.parametrize("exchange", [failing("okx")], indirect=True)
def test_without_the_first_venue_it_is_disconnected_and_later_complete(widget, history, exchange) -> None:
    states = []
    widget.observe(lambda change: states.append(change.new["state"]), "_live")

    async def watch(follower: Follower) -> None:
        await until(lambda: "disconnected" in states and states[-1] == "live", follower)
        moment = exchange.now()
        await until(lambda: exchange.now() > moment + 30 * MINUTE, follower)

    run(widget, watch)
    is_the_truth(widget, history, exchange.now())


def test_a_source_of_its_own_is_refused(widget) -> None:
    async def main() -> None:
        with pytest.raises(lw.InputError, match="wanted none for a market of several venues"):
            lw.follow(widget, "binance")

    asyncio.run(main())
