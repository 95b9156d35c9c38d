"""The stream: realised liquidations from a venue's feed to a widget, over breaks of the line."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pandas as pd
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from ...errors import DataError, ParseError
from ...market.columns import stamp
from ..http.client import Client
from ..http.clock import CLOCK
from ..venues import hosts
from ..venues.venue import Venue
from .feeds import FEEDS, Feed, Liquidation, liquidations

_LONGEST_PAUSE = 60.0  # seconds between attempts
_MESSAGE = 1 << 20  # bytes


class Stream:
    """Realised liquidations of one symbol, given to a widget as they come.

    Attributes
    ----------
    problem : str
        What a reader has to know of them now; empty: nothing.
    """

    def __init__(self, widget: Any, venue: Venue, symbol: str, trust_env: bool) -> None:
        self._widget, self._venue, self._symbol, self._trust_env = widget, venue, symbol, trust_env
        self._feed = FEEDS.get(venue.name)
        self._failures = self._unread = 0
        self.problem = "" if self._feed else f"{venue.name} streams no liquidations"

    async def run(self, client: Client) -> None:
        """Read the feed until cancelled; after each break there is a longer pause, up to a minute."""
        if self._feed is None:
            return
        unit: float | None = None
        while True:
            why = "the line broke"
            try:
                unit = await self._feed.unit(client, self._symbol) if unit is None else unit
                await self._listen(self._feed, unit)
            except DataError as error:
                why = str(error)
            except (OSError, WebSocketException):  # TimeoutError is an OSError
                pass
            if not self._failures:
                now = int(CLOCK.now()) * 1_000_000_000
                self.problem = f"realised liquidations are missing since {stamp(now)} UTC: {why}"
            self._failures += 1
            longest = min(2.0 ** min(self._failures, 6), _LONGEST_PAUSE)
            await CLOCK.sleep(longest * random.uniform(0.5, 1.0))

    async def _listen(self, feed: Feed, unit: float) -> None:
        async with _Straight(
            hosts.HOSTS[self._venue.name].stream + feed.path(self._symbol),
            max_size=_MESSAGE,
            compression=None,
            proxy=True if self._trust_env else None,
            user_agent_header=None,
        ) as socket:
            if hello := feed.hello(self._symbol):
                await socket.send(hello)
            pinging = asyncio.create_task(_ping(socket, feed))
            try:
                async for text in socket:
                    self._take(feed, text, unit)
            finally:
                pinging.cancel()

    def _take(self, feed: Feed, text: str | bytes, unit: float) -> None:
        try:
            found = liquidations(feed, text, self._symbol, unit)
        except ParseError:
            self._unread += 1
            self.problem = f"{self._unread:,} messages of the feed of liquidations could not be read"
            return
        if self._failures:
            self._failures, self.problem = 0, ""
        if found:
            self._widget.add_liquidations(as_frame(found))


class _Straight(connect):
    """A connection that follows no redirect."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


def as_frame(found: list[Liquidation]) -> Any:
    """Return liquidations as `Market.liquidations` has them."""
    frame = pd.DataFrame(found, columns=["time", "side", "price", "quantity"])
    frame["time"] = pd.to_datetime(frame["time"], unit="ms", utc=True)
    return frame.assign(notional=frame["price"] * frame["quantity"])


async def _ping(socket: ClientConnection, feed: Feed) -> None:
    while feed.ping:
        await asyncio.sleep(feed.pause)
        await socket.send(feed.ping)
