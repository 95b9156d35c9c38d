"""A live feed of a widget that shows several venues: one that drops is marked, the others go on."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack, nullcontext
from pathlib import Path
from typing import Any

import pandas as pd

from ...cache_folder import folder
from ...market.combine import combine
from ...market.combined import CombinedMarket, Part
from ...market.market import Market
from ...market.units import IN_COINS
from ..http.client import Client
from ..http.clock import CLOCK
from ..http.limits import Limits
from ..venues.venue import Venue
from .follower import Follower


class VenuesFollower(Follower):
    """The feed of a combined market: a feed of each venue, whose news are appended together.

    Parameters
    ----------
    widget
        A heatmap of a combined market.
    venues
        By the market's names: venue, and its id of the instrument.
    """

    def __init__(
        self,
        widget: Any,
        venues: Mapping[str, tuple[Venue, str]],
        step: int,
        every: float,
        place: Path | None,
        trust_env: bool,
    ) -> None:
        first = next(iter(venues))
        super().__init__(widget, *venues[first], step, every, place, trust_env)
        self._parts = {name: _PartOfWidget(widget, name) for name in venues}
        self._feeds = {
            name: Follower(self._parts[name], venue, symbol, step, every, place, trust_env)
            for name, (venue, symbol) in venues.items()
        }
        for feed in self._feeds.values():
            feed._present = None  # a venue whose open interest begins now would change what the others add up to

    def __repr__(self) -> str:
        state = "running" if self.running else "stopped"
        return f"<Follower {' + '.join(self._feeds)} {self._symbol}, every {self._every:g} s, {state}>"

    async def run(self) -> None:
        """Follow until there is no view to follow for."""
        self._reason = "an error ended it"
        try:
            async with AsyncExitStack() as stack:
                limits = stack.enter_context(Limits(folder(None)))
                clients = {
                    name: await stack.enter_async_context(Client(feed._venue, limits, trust_env=self._trust_env))
                    for name, feed in self._feeds.items()
                }
                streams = [asyncio.create_task(feed._stream.run(clients[name])) for name, feed in self._feeds.items()]
                try:
                    failures = 0
                    while not (gone := self._gone()):
                        failures = 0 if await self._rounds(clients) else failures + 1
                        await CLOCK.sleep(self._pause(failures))
                    self._reason = gone
                finally:
                    for stream in streams:
                        stream.cancel()
                    await asyncio.wait(streams)
        except asyncio.CancelledError:
            self._reason = "stopped by the user"
            raise

    async def _rounds(self, clients: Mapping[str, Client]) -> bool:
        """Update the candles of all venues; False if the first one, which has the prices, could not be reached."""
        came = await asyncio.gather(*(feed._round(clients[name]) for name, feed in self._feeds.items()))
        told = [f"{name}: {part.message}" for name, part in self._parts.items() if part.message]
        message = "; ".join(told)[:500]
        if not came[0]:
            self._say("disconnected", message=message)
            for feed in self._feeds.values():
                feed._whole_until = 0  # what others have fetched meanwhile is not shown: they fetch it again
            return False
        fresh = {name for name, is_new in zip(self._feeds, came, strict=True) if is_new}
        later = self._later(fresh)
        if later is not None:
            self._write(self._widget.append, later, replace=True)
        self._say("live", last=int(CLOCK.now() * 1000), every_ms=int(self._every * 1000), message=message)
        return True

    def _later(self, fresh: set[str]) -> CombinedMarket | None:
        """Return the candles from the first new one of any venue on; None if no venue has any."""
        news = {name: frame for name in fresh if (frame := self._parts[name].news) is not None and len(frame)}
        if next(iter(self._feeds)) not in news:
            return None
        start = min(frame.index[0] for frame in news.values())
        markets = {}
        for name in self._feeds:
            part = self._parts[name]
            if name in news:
                old = part.present()
                frame = pd.concat([old[(old.index >= start) & (old.index < news[name].index[0])], news[name]])
                about = part.part.market
                markets[name] = Market.from_frame(
                    frame, about.symbol, about.exchange, contract=about.contract, **IN_COINS
                )
        return combine(markets, missing=dict.fromkeys(self._feeds.keys() - markets, "no answer"))


class _PartOfWidget:
    """One venue of the widget, as the feed of that venue sees it: what it appends is kept for all to be combined."""

    def __init__(self, widget: Any, name: str) -> None:
        self._widget, self._name = widget, name
        self.news: pd.DataFrame | None = None
        self.message = ""
        self.views_alive = widget.views_alive
        self.add_liquidations = widget.add_liquidations

    @property
    def markets_assigned(self) -> int:
        """Return the widget's."""
        return int(self._widget.markets_assigned)

    @property
    def comm(self) -> object:
        """Return the widget's."""
        return getattr(self._widget, "comm", None)

    @property
    def part(self) -> Part:
        """Return the venue's share of the market that is shown."""
        found: Part = self._widget.market.part(self._name)
        return found

    def present(self) -> pd.DataFrame:
        """Return the candles that the venue has."""
        return self.part.market.candles[~self.part.absent]

    @property
    def market(self) -> Market:
        """Return the candles up to the last one that the venue has."""
        return self.part.market.between(None, self.present().index[-1])

    def locked(self) -> Any:
        """Return nothing to wait for: the widget is changed by all feeds together."""
        return nullcontext()

    def append(self, frame: pd.DataFrame, **_options: Any) -> None:
        """Keep the news."""
        self.news = frame

    def set_live(self, state: str, message: str = "", **_facts: Any) -> None:
        """Keep what the feed says."""
        self.message = message if state == "live" else message or state
        if state != "live":
            self.news = None
