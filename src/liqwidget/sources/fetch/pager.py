"""The pager: a range of one series, cut into windows of a page each, asked for at once and checked.

Every window asks for its own range, so that neither the order of rows nor what a venue does with a range that is too
long matters. A window that came short of rows is asked for again: an empty page in the middle is more often a hiccup
than a halt of trading.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from ...errors import ParseError
from ..http.client import Client
from ..rows import Rows, Span
from ..venues.venue import Kind, Query, Series

FORMING: tuple[Kind, ...] = ("candles", "mark", "taker")  # rows that are not final before their step is over
SETTLE = 1_000  # ms after its end in which a candle may still change
T = TypeVar("T")
_AGAIN = 2  # times that a short window is asked for again


@dataclass(frozen=True)
class Part:
    """What one window gave: its range, the rows in it that are final, and the venue's time then, ms."""

    span: Span
    rows: Rows
    now: int


class Pager:
    """Reads one series of one symbol.

    Parameters
    ----------
    client
        Asks the venue.
    kind, series
        What to read.
    symbol
        The venue's id.
    step
        The candles' interval, ms.
    took
        Called with each part when it is complete.
    """

    def __init__(
        self, client: Client, kind: Kind, series: Series, symbol: str, step: int, took: Callable[[Part], None]
    ) -> None:
        self.client, self.kind, self.series, self.symbol, self.took = client, kind, series, symbol, took
        self.period, self.size = series.period_for(step)
        self.what = f"{client.venue.name} {symbol} {kind}"

    def windows(self, start: int, end: int) -> list[Span]:
        """Return ``[start, end)`` in windows of at most a page, by time."""
        length = self.series.page * self.size
        first = start // self.size * self.size
        return [(max(at, start), min(at + length, end)) for at in range(first, end, length)]

    def reached(self, now: int) -> int:
        """Return up to where, in ms, an answer of that time is complete, but for rows that appear late."""
        return (now - SETTLE) // self.size * self.size if self.kind in FORMING else now + 1

    async def read(self, start: int, end: int, now: int) -> None:
        """Read ``[start, end)``, handing over each part.

        Parameters
        ----------
        start, end
            ms; the end may lie in the future.
        now
            The clock's ms, for a venue that does not tell its own.

        Raises
        ------
        FetchError, ParseError
            The venue did not answer as it should. Parts handed over before stay good.
        """
        parts = await together(self._first(window, now) for window in self.windows(start, end))
        listing = next((i for i, part in enumerate(parts) if len(part.rows)), len(parts))
        while listing > 0 and len((again := await self._again(parts[listing - 1])).rows):
            listing -= 1  # not yet the listing after all
            parts[listing] = again
            if not self._short(again):
                self.took(again)
        for part in parts[:listing]:
            self.took(part)
        short = [part for part in parts[listing:] if self._short(part)]
        for part in await together(self._again(part) for part in short):
            self.took(part)

    async def _first(self, window: Span, now: int) -> Part:
        part = await self._pages(window, now)
        if not self._short(part):
            self.took(part)
        return part

    async def _again(self, part: Part) -> Part:
        for _ in range(_AGAIN):
            if not self._short(part):
                break
            other = await self._pages(part.span, part.now)
            part = Part(part.span, Rows.joined([part.rows, other.rows], self.series.columns).tidy(self.what), part.now)
        return part

    async def _pages(self, window: Span, now: int, again: int = _AGAIN) -> Part:
        """Return one window's rows, page by page where there are more than a page.

        Rows of one time that differ, such as a stale copy of a candle that has ended since, are asked for `again`.
        """
        start, end = window
        parts: list[Rows] = []
        while start < end:
            query = Query(self.symbol, self.period, self.size, start, end, now)
            answer = await self.client.ask(self.series.request(query))
            now = answer.date or now
            try:
                rows = self.series.parse(answer.body)
            except ParseError as error:
                raise ParseError(f"{self.what}: {error} The venue may have changed its answers.") from None
            parts.append(rows.within(start, end))
            if len(rows) < self.series.page or not len(parts[-1]):
                break
            if self.series.backward:
                end = int(parts[-1].time.min())
            else:
                start = int(parts[-1].time.max()) + (self.size if self.series.periods else 1)
        try:
            rows = Rows.joined(parts, self.series.columns).tidy(self.what)
        except ParseError:
            if not again:
                raise
            return await self._pages(window, now, again - 1)
        if self.kind in FORMING:
            rows = rows.taken(rows.time + self.size + SETTLE <= now)
            if (rows.time % self.size != 0).any():
                raise ParseError(f"{self.what}: times on the interval's grid were wanted; got others.")
        return Part(window, rows, now)

    def _short(self, part: Part) -> bool:
        start, end = part.span
        end = min(end, self.reached(part.now - self.series.lag))
        return len(part.rows) < -(-end // self.size) - -(-start // self.size)


async def together(jobs: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Return the results of all jobs, run at once; the first error ends the others and is raised by itself."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(job) for job in jobs]
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]
