"""A live feed of one widget, of one venue or of several: one that drops is marked, the others go on.

Candles are polled: each round requests everything since the last candle, so a lost connection, a suspended machine or
a changed clock leave no gap. Closed candles are requested once more with their optional columns, since snapshots such
as open interest appear a little later. Where a venue has only present values, each round adds them to the candle of
its time. Realised liquidations are streamed where the venue offers a stream.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from contextlib import AsyncExitStack, nullcontext
from pathlib import Path
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

import pandas as pd

from ...cache_folder import folder
from ...errors import FetchError, LiqError
from ...market.combine import combine
from ...market.combined import CombinedMarket, Part
from ...market.market import Market
from ...market.units import IN_COINS
from ..fetch.contract import contract_size
from ..fetch.fetch_plan import FetchPlan
from ..fetch.wanted import Wanted
from ..http.client import Client
from ..http.clock import CLOCK
from ..http.limits import Limits
from ..rows import Rows
from ..venues.venue import MINUTE, Query, Venue, opening
from .present import COLUMNS, PresentSeries
from .stream import Stream
from .widget_task import ByWidget, WidgetTask

_SETTLED = 4  # closed candles that are requested again with each new one, for values that appear late
_LONGEST_PAUSE = 60.0  # seconds between attempts to connect
_GRACE = 2_000  # ms after a candle's end until it is requested with its optional columns


class Follower(WidgetTask):
    """A live feed of one widget; created by `follow`.

    Attributes
    ----------
    task : asyncio.Task
        The running task; done when the feed has ended.
    """

    started_by = "lw.follow"
    by_widget: ClassVar[ByWidget] = WeakKeyDictionary()

    def __init__(
        self, widget: Any, venue: Venue, symbol: str, step: int, every: float, place: Path | None, trust_env: bool
    ) -> None:
        super().__init__(widget)
        self._venue, self._symbol, self._step, self._every = venue, symbol, step, every
        self._place, self._trust_env = place, trust_env
        self._whole_until = 0  # candles that open before this time are complete
        self._is_known = False  # the contract, as one that the model describes
        self._stream = Stream(lambda frame: self._write(widget.add_liquidations, frame), venue, symbol, trust_env)
        present = venue.present
        self._present = None if present is None else PresentSeries(present, symbol, step, widget.market.candles)

    def __repr__(self) -> str:
        state = "running" if self.running else "stopped"
        return f"<Follower {self._venue.name} {self._symbol}, every {self._every:g} s, {state}>"

    async def run(self) -> None:
        """Follow until there is no view to follow for."""
        self._reason = "an error ended it"
        try:
            with Limits(folder(None)) as limits:
                async with Client(self._venue, limits, trust_env=self._trust_env) as client:
                    stream = asyncio.create_task(self._stream.run(client))
                    try:
                        failures = 0
                        while not (gone := self._gone(self._every)):
                            failures = 0 if await self._round(client) else failures + 1
                            await CLOCK.sleep(self._pause(failures))
                        self._reason = gone
                    finally:
                        stream.cancel()
                        await asyncio.wait([stream])
        except asyncio.CancelledError:
            self._reason = "stopped by the user"
            raise

    def _pause(self, failures: int) -> float:
        longest = min(self._every * 2.0**failures, max(_LONGEST_PAUSE, self._every))
        return longest * random.uniform(0.5, 1.0) if failures else self._every

    async def _round(self, client: Client) -> bool:
        """Update the candles; False if the venue could not be reached."""
        try:
            if not self._is_known:
                await contract_size(client, self._symbol)  # refuses other contracts
                self._is_known = True
            forming = await self._since(client, _venue_time(client))
            closed = opening(_venue_time(client) - _GRACE, self._step)  # by the clock of this answer
            self._whole_until = min(self._whole_until, closed)  # a local clock set ahead may have made it too late
            frame = await self._whole(client, closed) if closed > self._whole_until else None
            if self._present is not None:
                await self._present.ask(client, _venue_time(client))
            self._show(frame, forming)
        except LiqError as error:
            self._say("disconnected", message=str(error))
            return False
        told = [self._stream.told(), self._present.told() if self._present is not None else ""]
        message = "; ".join(filter(None, told))
        self._say("live", last=int(CLOCK.now() * 1000), every_ms=int(self._every * 1000), message=message)
        return True

    async def _since(self, client: Client, now: int) -> Rows:
        """Return the candles since the last one shown, the forming one included."""
        series = self._venue.series["candles"]
        period, size = series.period_for(self._step)
        start = max(self._last(), opening(now, size) - (series.page - 2) * size)
        query = Query(self._symbol, period, size, start, max(now, start) + MINUTE, now)
        answer = await client.ask(series.request(query))
        return (series.parse_forming or series.parse)(answer.body).within(start, query.end).tidy(self._symbol)

    async def _whole(self, client: Client, end: int) -> Any:
        """Return the closed candles since the last complete ones, with their optional columns."""
        first = int(self._widget.market.candles.index[0].as_unit("ns").value) // 1_000_000
        since = min(self._whole_until or self._last(), end - self._step) - _SETTLED * self._step
        wanted = Wanted(max(since, first + self._step), end, self._step, live=True)
        if wanted.start >= end:
            return None
        plan = FetchPlan(self._venue, self._symbol, wanted, self._place, end + _GRACE)
        await plan.fill(client)
        frame = plan.market().candles
        self._whole_until = end
        return frame

    def _show(self, whole: Any, forming: Rows) -> None:
        """Append the complete candles to the widget, and after them the newer ones."""
        index = pd.DatetimeIndex(forming.time.view("datetime64[ms]").astype("datetime64[ns]"), name="time")
        newer = pd.DataFrame(dict(forming.columns), index.tz_localize("UTC"))
        last = self._widget.market.candles.index[-1]
        frame = newer if whole is None else pd.concat([whole, newer[newer.index > whole.index[-1]]])
        if whole is not None and frame.index[-1] < last:
            raise FetchError(f"{self._venue.name}: wanted candles up to {last}; got fewer. They are asked for again.")
        if self._present is not None:
            frame = self._present.beside(frame)
            self._write(self._widget.add_columns, COLUMNS)
        if len(frame):
            self._write(self._widget.append, frame, replace=True, **IN_COINS)

    def _last(self) -> int:
        return int(self._widget.market.candles.index[-1].as_unit("ns").value) // 1_000_000

    def _say(self, state: str, **facts: Any) -> None:
        if self._is_astray():
            state, facts = "stopped", {"message": self._other_market}
        if getattr(self._widget, "comm", None) is not None:
            self._widget.set_live(state, **facts)


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
                    while not (gone := self._gone(self._every)):
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


def _venue_time(client: Client) -> int:
    """Return ms since 1970 by the venue's clock, as its last answer told it; by this computer's before the first."""
    return int(CLOCK.now() * 1000) - (client.ahead or 0)
