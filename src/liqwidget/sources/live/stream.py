"""Streams realised liquidations from a venue's feed to a widget, reconnecting after interruptions."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

import pandas as pd
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, WebSocketException

from ...checks import stamp
from ...errors import LiqError, ParseError
from ..fetch.contract import contract_size
from ..http.client import Client
from ..http.clock import CLOCK
from ..http.connection import failure
from ..venues import hosts
from ..venues.cells import message
from ..venues.venue import Venue, by_place
from .feeds import FEEDS, Feed, Liquidation, confirmed, liquidations

_LONGEST_PAUSE = 60.0  # seconds between attempts
_MESSAGE = 1 << 20  # bytes
_PAGE = 65_536  # bytes of an error page that are looked at
_CONFIRMS = 10.0  # seconds in which a venue confirms a subscription


class Stream:
    """Passes realised liquidations of one symbol to a widget as they arrive.

    Attributes
    ----------
    problem : str
        Current problem of the stream, for the user; empty: none.
    """

    problem: str

    def __init__(self, add: Callable[[pd.DataFrame], object], venue: Venue, symbol: str, trust_env: bool) -> None:
        self._add, self._venue, self._symbol, self._trust_env = add, venue, symbol, trust_env
        self._feed = FEEDS.get(venue.key)
        self._failures = self._unread = self._since = 0
        self._connected: float | None = None  # when the present connection was made, by the monotonic clock
        self._confirmed = self._refused = False
        self.problem = "" if self._feed else f"{venue.name} streams no liquidations"

    def told(self) -> str:
        """Return what the user has to know of the stream; empty: nothing."""
        waits = self._connected is not None and not self._confirmed
        if waits and not self.problem and CLOCK.monotonic() - (self._connected or 0.0) > _CONFIRMS:
            return f"{self._venue.name} has not confirmed the stream of realised liquidations; they may be missing"
        return self.problem

    async def run(self, client: Client) -> None:
        """Read the feed until cancelled; pauses between attempts grow to a minute."""
        if self._feed is None:
            return
        unit: float | None = None
        while True:
            why, refused = "the connection was lost", False
            self._connected, self._confirmed = None, False
            try:
                unit = await contract_size(client, self._symbol) if unit is None else unit
                await self._listen(self._feed, unit)
            except _RefusedError as error:
                why, refused = str(error), True
            except LiqError as error:
                why = str(error)
            except InvalidStatus as error:
                why = self._refusal(error)
            except (OSError, WebSocketException, RuntimeError) as error:  # TimeoutError is an OSError; no thread left
                if self._connected is None and (found := failure(error, self._trust_env)).text != "no connection":
                    why = f"{found.text}. {found.cure}"
            if self._connected is not None and CLOCK.monotonic() - self._connected > _LONGEST_PAUSE:
                self._failures = 0  # it was quiet, and connected
            if not self._failures:
                self._since = int(CLOCK.now()) * 1_000_000_000
            self.problem = f"realised liquidations are missing since {stamp(self._since)} UTC: {why}"
            if refused:
                self.problem = f"realised liquidations are refused by {self._venue.name}: {why}"
            self._refused = refused
            self._failures += 1
            longest = min(2.0 ** min(self._failures, 6), _LONGEST_PAUSE)
            await CLOCK.sleep(longest * random.uniform(0.5, 1.0))

    async def _listen(self, feed: Feed, unit: float) -> None:
        async with _Straight(
            hosts.host_of(self._venue.key, self._venue.host).stream + feed.path(self._symbol),
            max_size=_MESSAGE,
            compression=None,
            proxy=True if self._trust_env else None,
            user_agent_header=None,
        ) as socket:
            if hello := feed.hello(self._symbol):
                await socket.send(hello)
            self._connected = CLOCK.monotonic()
            if not self._refused:
                self.problem = ""  # the next liquidation may be hours away
            pinging = asyncio.create_task(_ping(socket, feed))
            try:
                async for text in socket:
                    self._take(feed, text, unit)
            finally:
                pinging.cancel()

    def _refusal(self, error: InvalidStatus) -> str:
        """Return why the venue did not accept the connection."""
        status = error.response.status_code
        page = (error.response.body or b"")[:_PAGE].decode("utf-8", "replace")
        refusal = by_place(self._venue.name, status, page, message(page))
        if refusal is None and status == 403:
            return "the venue refuses this address (HTTP 403); it may not be available in this region"
        return f"HTTP {status}, {refusal.text}. {refusal.cure}" if refusal else f"the venue answered HTTP {status}"

    def _take(self, feed: Feed, text: str | bytes, unit: float) -> None:
        told = confirmed(feed, text, self._symbol)
        if isinstance(told, str):
            raise _RefusedError(told)
        if told:
            self._confirmed = True
            if self._refused:
                self._refused, self.problem = False, ""
        try:
            found = liquidations(feed, text, self._symbol, unit)
        except ParseError:
            self._unread += 1
            self.problem = f"{self._unread:,} messages of the feed of liquidations could not be read"
            return
        if self._failures and not self._refused:
            self._failures, self.problem = 0, ""
        if found:
            self._add(as_frame(found))


class _RefusedError(Exception):
    """The venue refused the subscription; its text says why."""


class _Straight(connect):
    """A connection that does not follow redirects."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


def as_frame(found: list[Liquidation]) -> pd.DataFrame:
    """Return liquidations as `Market.liquidations` has them."""
    frame = pd.DataFrame(found, columns=["time", "side", "price", "quantity"])
    frame["time"] = pd.to_datetime(frame["time"], unit="ms", utc=True)
    return frame.assign(notional=frame["price"] * frame["quantity"])


async def _ping(socket: ClientConnection, feed: Feed) -> None:
    while feed.ping:
        await asyncio.sleep(feed.pause)
        await socket.send(feed.ping)
