"""A live feed of one widget.

Candles are polled: each round requests everything since the last candle, so a lost connection, a suspended machine or
a changed clock leave no gap. Closed candles are requested once more with their optional columns, since snapshots such
as open interest appear a little later. Where a venue has only present values, each round adds them to the candle of
its time. Realised liquidations are streamed where the venue offers a stream.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any
from weakref import ReferenceType, WeakKeyDictionary, ref

import pandas as pd

from ...cache_folder import folder
from ...errors import FetchError, LiqError
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

_SETTLED = 4  # closed candles that are requested again with each new one, for values that appear late
_PATIENCE = 600.0  # seconds to wait for the first view of a widget
_SILENCE = 65.0  # seconds without a heartbeat of any view; hidden tabs send one per minute
_LONGEST_PAUSE = 60.0  # seconds between attempts to connect
_GRACE = 2_000  # ms after a candle's end until it is requested with its optional columns

#: By widget, while they run. Weakly, since a follower holds its widget; the widget holds it as an observer.
FOLLOWERS: WeakKeyDictionary[Any, ReferenceType[Follower]] = WeakKeyDictionary()
_OTHER_MARKET = "another market is shown; lw.follow starts again with it"


class Follower:
    """A live feed of one widget; created by `follow`.

    Attributes
    ----------
    task : asyncio.Task
        The running task; done when the feed has ended.
    """

    task: asyncio.Task[None]

    def __init__(
        self, widget: Any, venue: Venue, symbol: str, step: int, every: float, place: Path | None, trust_env: bool
    ) -> None:
        self._widget, self._venue, self._symbol, self._step, self._every = widget, venue, symbol, step, every
        self._place, self._trust_env = place, trust_env
        self._whole_until = 0  # candles that open before this time are complete
        self._shown, self._unseen = False, 0.0
        self._is_known = False  # the contract, as one that the model describes
        self._stream = Stream(lambda frame: self._write(widget.add_liquidations, frame), venue, symbol, trust_env)
        present = venue.present
        self._present = None if present is None else PresentSeries(present, symbol, step, widget.market.candles)
        self._reason = "stopped by the user"  # why it ended, once it has
        self._assigned = widget.markets_assigned

    def stop(self) -> None:
        """Stop following; the picture stays."""
        self.task.cancel()

    @property
    def running(self) -> bool:
        """Whether it is still following."""
        return not self.task.done()

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
                        while not (gone := self._gone()):
                            failures = 0 if await self._round(client) else failures + 1
                            await CLOCK.sleep(self._pause(failures))
                        self._reason = gone
                    finally:
                        stream.cancel()
                        await asyncio.wait([stream])
        except asyncio.CancelledError:
            self._reason = "stopped by the user"
            raise

    def _over(self, _task: object) -> None:
        """Forget the widget, and say why; also where it was stopped before it ran."""
        self._widget.unobserve(self._on_assigned, "markets_assigned")
        if FOLLOWERS.get(self._widget) == ref(self):
            del FOLLOWERS[self._widget]
            self._say("stopped", message=self._reason)

    def _on_assigned(self, _change: object) -> None:
        """End it: another market was assigned, by any thread."""
        self._say("stopped")
        loop = self.task.get_loop()
        if not loop.is_closed():
            loop.call_soon_threadsafe(self.stop)

    def _is_astray(self) -> bool:
        """Tell whether the widget shows another market than the one followed."""
        return bool(self._widget.markets_assigned != self._assigned)

    def _write(self, write: Callable[..., object], *arguments: Any, **options: Any) -> None:
        """Write into the widget, unless it shows another market."""
        with self._widget.locked():
            if not self._is_astray():
                write(*arguments, **options)

    def _pause(self, failures: int) -> float:
        longest = min(self._every * 2.0**failures, max(_LONGEST_PAUSE, self._every))
        return longest * random.uniform(0.5, 1.0) if failures else self._every

    def _gone(self) -> str:
        """Return the reason to stop; empty if there is none."""
        if getattr(self._widget, "comm", None) is None:
            return "the widget is closed"
        if self._is_astray():
            return _OTHER_MARKET
        if self._widget.views_alive():
            self._shown, self._unseen = True, 0.0
        else:
            self._unseen += self._every  # not by the clock: while a long cell runs, no view can be heard
        last_said_so = self._shown and not self._widget.views_alive(math.inf)
        if last_said_so or self._unseen > (_SILENCE if self._shown else _PATIENCE):
            return "no view is open; lw.follow starts it again"
        return ""

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
            state, facts = "stopped", {"message": _OTHER_MARKET}
        if getattr(self._widget, "comm", None) is not None:
            self._widget.set_live(state, **facts)


def _venue_time(client: Client) -> int:
    """Return ms since 1970 by the venue's clock, as its last answer told it; by this computer's before the first."""
    return int(CLOCK.now() * 1000) - (client.ahead or 0)
