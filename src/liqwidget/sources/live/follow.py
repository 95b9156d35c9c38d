"""`follow`: keeps a widget's candles and realised liquidations up to date from a venue.

Candles are polled: each round asks for what has happened since the last candle, so a dropped line, a suspended
machine or a clock that was set leave no hole. Closed candles come once more with all that belongs to them, since
snapshots such as open interest appear a little later. Realised liquidations are streamed, where a venue does.
"""

from __future__ import annotations

import asyncio
import math
import random
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import pandas as pd

from ...errors import FetchError, InputError, LiqError
from ...market.columns import shown
from ..cache.cache import folder
from ..fetch.fetch_plan import Task
from ..fetch.wanted import Wanted
from ..http.client import Client
from ..http.clock import CLOCK
from ..http.limits import Limits
from ..rows import Rows
from ..venues.registry import find_venue
from ..venues.venue import MINUTE, Query, Venue, check_interval
from .stream import Stream

_SETTLED = 4  # closed candles that come again with each new one, for values that appear late
_PATIENCE = 600.0  # seconds that a widget may take to be shown first
_SILENCE = 65.0  # seconds without word of any view; those in hidden tabs are heard once a minute
_LONGEST_PAUSE = 60.0  # seconds between attempts to get through
_GRACE = 2_000  # ms after a candle's end until it is asked for with all that belongs to it

_FOLLOWERS: WeakKeyDictionary[Any, Follower] = WeakKeyDictionary()


def follow(
    widget: Any,
    source: str | None = None,
    interval: str | None = None,
    *,
    symbol: str | None = None,
    every: float = 5.0,
    cache: bool | str | Path = True,
    trust_env: bool = False,
) -> Follower:
    """Keep a widget up to date, inside the kernel's loop.

    It ends by itself when the widget is closed or its last view is gone, and with ``.stop()``. A second call for the
    same widget takes the place of the first. The widget's pill says whether the feed is live, delayed, disconnected
    or stopped.

    Parameters
    ----------
    widget
        A :class:`liqwidget.LiquidationHeatmap`.
    source
        The venue; None: that of the widget's market.
    interval
        None: that of the widget's market, which is the only one that fits it.
    symbol
        None: that of the widget's market.
    every
        Seconds between two looks at the forming candle, at least 1.
    cache
        As for :func:`liqwidget.fetch`.
    trust_env
        Take proxies from the environment.

    Returns
    -------
    Follower

    Raises
    ------
    InputError
        An argument is not usable, the market is simulated, or no event loop is running.
    """
    market = widget.market
    venue = find_venue(source or market.exchange)
    if market.simulated:
        raise InputError("follow: real candles do not continue a simulated market. Show lw.fetch(...) first.")
    interval = interval or market.interval_label
    step = check_interval(interval)
    if len(market) > 1 and market.interval != pd.Timedelta(step, "ms"):
        raise InputError(f"interval: the widget shows {market.interval_label} candles; got {interval}.")
    if isinstance(every, bool) or not isinstance(every, int | float) or not 1 <= every <= 3600:
        raise InputError(f"every: need 1 to 3,600 seconds; got {shown(every)}.")
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        raise InputError("follow: need a running event loop, as notebooks have. Call it in a coroutine.") from None
    if widget in _FOLLOWERS:
        _FOLLOWERS[widget].stop()
    place = None if cache is False else folder(None if cache is True else cache)
    follower = Follower(widget, venue, venue.native(symbol or market.symbol), step, float(every), place, trust_env)
    follower.task = loop.create_task(follower.run(), name="liqwidget-follow")
    _FOLLOWERS[widget] = follower
    return follower


class Follower:
    """A live feed of one widget; made by `follow`.

    Attributes
    ----------
    task : asyncio.Task
        What runs it; done when it has ended.
    """

    task: asyncio.Task[None]

    def __init__(
        self, widget: Any, venue: Venue, symbol: str, step: int, every: float, place: Path | None, trust_env: bool
    ) -> None:
        self._widget, self._venue, self._symbol, self._step, self._every = widget, venue, symbol, step, every
        self._place, self._trust_env = place, trust_env
        self._skew = 0  # ms that the venue's clock is ahead
        self._whole_until = 0  # open times before this one came with all that belongs to them
        self._shown, self._unseen = False, 0.0
        self._stream = Stream(widget, venue, symbol, trust_env)

    def stop(self) -> None:
        """End it; what is shown stays."""
        self.task.cancel()

    @property
    def running(self) -> bool:
        """Tell whether it still follows."""
        return not self.task.done()

    def __repr__(self) -> str:
        state = "running" if self.running else "stopped"
        return f"<Follower {self._venue.name} {self._symbol}, every {self._every:g} s, {state}>"

    async def run(self) -> None:
        """Follow until there is nobody to follow for."""
        reason = "an error ended it"
        try:
            with Limits(folder(None)) as limits:
                async with Client(self._venue, limits, trust_env=self._trust_env) as client:
                    stream = asyncio.create_task(self._stream.run(client))
                    try:
                        failures = 0
                        while not (gone := self._gone()):
                            failures = 0 if await self._round(client) else failures + 1
                            await CLOCK.sleep(self._pause(failures))
                        reason = gone
                    finally:
                        stream.cancel()
                        await asyncio.wait([stream])
        except asyncio.CancelledError:
            reason = "stopped by hand"
            raise
        finally:
            self._say("stopped", message=reason)

    def _pause(self, failures: int) -> float:
        longest = min(self._every * 2.0**failures, max(_LONGEST_PAUSE, self._every))
        return longest * random.uniform(0.5, 1.0) if failures else self._every

    def _gone(self) -> str:
        """Return why there is nothing more to do; empty while there is."""
        if getattr(self._widget, "comm", None) is None:
            return "the widget is closed"
        if self._widget.views_alive():
            self._shown, self._unseen = True, 0.0
        else:
            self._unseen += self._every  # not by the clock: while a long cell runs, no view can be heard
        last_said_so = self._shown and not self._widget.views_alive(math.inf)
        if last_said_so or self._unseen > (_SILENCE if self._shown else _PATIENCE):
            return "no view is open; lw.follow starts it again"
        return ""

    async def _round(self, client: Client) -> bool:
        """Bring the candles up to now; False where the venue could not be reached."""
        try:
            now = int(CLOCK.now() * 1000) + self._skew
            forming = await self._since(client, now)
            closed = (now - _GRACE) // self._step * self._step
            frame = await self._whole(client, closed) if closed > self._whole_until else None
            self._show(frame, forming)
        except LiqError as error:
            self._say("disconnected", message=str(error))
            return False
        self._say("live", last=int(CLOCK.now() * 1000), every_ms=int(self._every * 1000), message=self._stream.problem)
        return True

    async def _since(self, client: Client, now: int) -> Rows:
        """Return the candles since the last one shown, the forming one among them."""
        series = self._venue.series["candles"]
        period, size = series.period_for(self._step)
        start = max(self._last(), (now // size - series.page + 2) * size)
        query = Query(self._symbol, period, size, start, max(now, start) + MINUTE, now)
        answer = await client.ask(series.request(query))
        if answer.date is not None:
            self._skew = answer.date - int(CLOCK.now() * 1000)
        return (series.parse_forming or series.parse)(answer.body).within(start, query.end).tidy(self._symbol)

    async def _whole(self, client: Client, end: int) -> Any:
        """Return the closed candles since the last whole ones, with all that belongs to them."""
        first = int(self._widget.market.candles.index[0].as_unit("ns").value) // 1_000_000
        since = min(self._whole_until or self._last(), end - self._step) - _SETTLED * self._step
        wanted = Wanted(max(since, first + self._step), end, self._step, live=True)
        if wanted.start >= end:
            return None
        task = Task(self._venue, self._symbol, wanted, self._place, end + _GRACE)
        await task.fill(client)
        frame = task.market().candles
        self._whole_until = end
        return frame

    def _show(self, whole: Any, forming: Rows) -> None:
        """Put both into the widget: the whole candles, and after them those that are newer."""
        index = pd.DatetimeIndex(forming.time.view("datetime64[ms]").astype("datetime64[ns]"), name="time")
        newer = pd.DataFrame(dict(forming.columns), index.tz_localize("UTC"))
        last = self._widget.market.candles.index[-1]
        frame = newer if whole is None else pd.concat([whole, newer[newer.index > whole.index[-1]]])
        if whole is not None and frame.index[-1] < last:
            raise FetchError(f"{self._venue.name}: candles up to {last} were wanted; got less.")
        if len(frame):
            self._widget.append(frame, replace=True)

    def _last(self) -> int:
        return int(self._widget.market.candles.index[-1].as_unit("ns").value) // 1_000_000

    def _say(self, state: str, **facts: Any) -> None:
        if getattr(self._widget, "comm", None) is not None:
            self._widget._set_live(state, **facts)
