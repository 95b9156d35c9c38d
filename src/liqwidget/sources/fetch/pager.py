"""The pager: a range of one series, cut into windows of one page, requested concurrently and checked.

Every window requests its own range, so that neither the order of rows nor a venue's treatment of too long ranges
matters. A window with too few rows is requested again: an empty page in the middle is more often a temporary error than
a halt of trading.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from ...errors import ParseError
from ..http.client import Client
from ..rows import Rows, Span
from ..venues.venue import Kind, Query, Series, opening

FORMING: tuple[Kind, ...] = ("candles", "mark", "taker")  # rows that are not final before their step is over
SETTLE = 1_000  # ms after its end in which a candle may still change
T = TypeVar("T")
_AGAIN = 2  # times that a short window is requested again


@dataclass(frozen=True)
class FetchedRows:
    """Rows fetched of one window: its range, the final rows in it, and the venue's time of the answer, ms.

    `archived`: they came from public files.
    """

    span: Span
    rows: Rows
    now: int
    archived: bool = False


class Pager:
    """Reads one series of one symbol.

    Parameters
    ----------
    client
        Client of the venue.
    kind, series
        The series to read.
    symbol
        The venue's id.
    step
        The candles' interval, ms.
    took
        Called with the rows of each window when they are complete.
    """

    client: Client
    series: Series
    symbol: str
    took: Callable[[FetchedRows], None]
    period: str
    size: int

    def __init__(
        self, client: Client, kind: Kind, series: Series, symbol: str, step: int, took: Callable[[FetchedRows], None]
    ) -> None:
        self.client, self.kind, self.series, self.symbol, self.took = client, kind, series, symbol, took
        self.period, self.size = series.period_for(step)
        self.what: str = f"{client.venue.name} {symbol} {kind}"

    def windows(self, start: int, end: int) -> list[Span]:
        """Return ``[start, end)`` in windows of at most a page, in order of time."""
        length = self.series.page * self.size
        if self.series.longest is not None:
            length = min(length, self.series.longest // self.size * self.size)
        first = opening(start, self.size)
        return [(max(at, start), min(at + length, end)) for at in range(first, end, length)]

    def reached(self, now: int) -> int:
        """Return the time, ms, up to which an answer given at `now` is complete, except for rows that appear late."""
        return opening(now - SETTLE, self.size) if self.kind in FORMING else now + 1

    async def read(self, start: int, end: int, now: int) -> None:
        """Read ``[start, end)``, passing each window's rows to `took`.

        Parameters
        ----------
        start, end
            ms; the end may lie in the future.
        now
            The local time, ms, for a venue that does not send its own.

        Raises
        ------
        FetchError, ParseError
            The venue did not answer as expected. Rows passed on before stay valid.
        """
        parts = await together(self._first(window, now) for window in self.windows(start, end))
        listing = next((i for i, part in enumerate(parts) if len(part.rows)), len(parts))
        while listing > 0 and len((again := await self._again(parts[listing - 1])).rows):
            listing -= 1  # the listing is earlier than assumed
            parts[listing] = again
            if not self._short(again):
                self.took(again)
        for part in parts[:listing]:
            self.took(part)
        short = [part for part in parts[listing:] if self._short(part)]
        for part in await together(self._again(part) for part in short):
            self.took(part)

    async def _first(self, window: Span, now: int) -> FetchedRows:
        part = await self._pages(window, now)
        if not self._short(part):
            self.took(part)
        return part

    async def _again(self, part: FetchedRows) -> FetchedRows:
        for _ in range(_AGAIN):
            if not self._short(part):
                break
            other = await self._pages(part.span, part.now)
            part = FetchedRows(
                part.span, Rows.joined([part.rows, other.rows], self.series.columns).tidy(self.what), part.now
            )
        return part

    async def _pages(self, window: Span, now: int, again: int = _AGAIN) -> FetchedRows:
        """Return one window's rows, page by page where there are more than a page.

        If two rows of one time differ, such as a stale copy of a closed candle, all are requested `again`.
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
            if (rows.time != opening(rows.time, self.size)).any():
                raise ParseError(f"{self.what}: wanted times on the interval's grid; got others.")
        return FetchedRows(window, rows, now)

    def _short(self, part: FetchedRows) -> bool:
        start, end = part.span
        end = min(end, self.reached(part.now - self.series.lag))
        return len(part.rows) < (opening(end - 1, self.size) - opening(start - 1, self.size)) // self.size


async def together(jobs: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Return the results of all jobs, run concurrently; the first error cancels the others and is raised alone."""
    tasks: list[asyncio.Task[T]] = []
    try:
        async with asyncio.TaskGroup() as group:
            tasks += [group.create_task(job) for job in jobs]
    except BaseExceptionGroup as errors:
        first = errors.exceptions[0]
    else:
        return [task.result() for task in tasks]
    raise first  # outside of the handler: for an error whose context is a group, IPython prints the full traceback
