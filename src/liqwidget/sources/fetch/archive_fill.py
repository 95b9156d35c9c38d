"""Rows from a venue's public files: which files a range needs, and which of their rows are taken.

A day is taken as a whole. One that a file has only in part is left to a finer file, and then to the interface; where
neither has it, its rows are used and not kept, so that they are requested again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...errors import DataError, ParseError
from ...run.progress import Progress
from ..archive.download import download
from ..archive.file_names import Dump, usd_of
from ..cache.month_file import bounds, months
from ..http.client import Client
from ..rows import Rows, Span, covered, holes
from ..venues.files import TRADES, Content, Files
from ..venues.venue import DAY
from .pager import FetchedRows, together

if TYPE_CHECKING:
    from .fetch_plan import SeriesPlan

Want = tuple["SeriesPlan", list[Span]]

_WORTH = 4  # pages in a month from which on its file is faster
_PUBLISHED = 45 * DAY  # after this time a month without a file has none
_AT_ONCE = 32  # files of days requested before the first of them are passed on
_TRADES_AT_ONCE = 2  # lists of trades in memory


@dataclass
class _Group:
    """Series that the same files hold, and the ranges that each wants."""

    files: Files
    wants: list[Want] = field(default_factory=list)

    @property
    def spans(self) -> list[Span]:
        return covered(span for _, spans in self.wants for span in spans)

    @property
    def size(self) -> int:
        """Ms between the rows of a series; 0 if they are irregular."""
        plan = self.wants[0][0]
        return plan.size if plan.series.periods else 0

    @property
    def columns(self) -> list[str]:
        return [name for plan, _ in self.wants for name in plan.series.columns]


class ArchiveFill:
    """Fills series of one fetch from files.

    Parameters
    ----------
    client
        Client of the venue.
    symbol
        The venue's id.
    now
        The time, ms.
    progress
        Counts files.
    took
        Called with the rows of a range when they are complete; False: they are not to be kept.
    """

    failures: list[str]

    def __init__(
        self,
        client: Client,
        symbol: str,
        now: int,
        progress: Progress,
        took: Callable[[SeriesPlan, FetchedRows, bool], None],
    ) -> None:
        self._client, self._symbol, self._now, self._progress, self._took = client, symbol, now, progress, took
        self.failures = []
        self._turns = asyncio.Semaphore(_TRADES_AT_ONCE)

    async def fill(self, wants: Iterable[Want], *, is_last: bool = False) -> None:
        """Pass on the rows that the files have of the ranges of each series.

        Parameters
        ----------
        wants
            Series and ranges.
        is_last
            The interface does not have what the files lack.
        """
        groups: dict[Content, _Group] = {}
        for plan, spans in wants:
            files = plan.series.files
            if files is not None and _fits(plan, files):
                # yesterday's file may have the row at midnight
                today = (self._now + files.ahead) // DAY * DAY - files.ahead + files.is_late
                gaps = [(max(start, files.since), min(end, today)) for start, end in spans]
                if gaps := covered(gaps):
                    groups.setdefault(files.content, _Group(files)).wants.append((plan, gaps))
        await together(self._filled(group, is_last) for group in groups.values())

    async def _filled(self, group: _Group, is_last: bool) -> None:
        try:
            most, days = group.files.most, sum(len(days_of(*span)) for span in group.spans)
            if most and days > most:
                self.failures.append(
                    f"{self._client.venue.name}: {group.files.content} of {days:,} days were not fetched, since each "
                    f"file is large and {most} are the most. Choose a shorter range, or use lw.read_archive."
                )
            elif group.files.is_late:
                await self._snapshots(group)
            else:
                await self._bars(group, is_last)
        except DataError as error:  # the host does not answer: what came is kept, the rest is named as missing
            self.failures.append(str(error))

    async def _bars(self, group: _Group, is_last: bool) -> None:
        """Take whole days of the files of months, and then of days."""
        left, scraps = group.spans, Rows.empty(group.columns)
        ahead = group.files.ahead
        # From when on there may be files of days without one of their month.
        oldest = self._now - _PUBLISHED if group.files.monthly else 0
        for path in filter(None, (group.files.monthly, group.files.daily)):
            is_daily = path == group.files.daily
            listed = days_of if is_daily else months
            names = [name for start, end in left for name in listed(start + ahead, end + ahead)]
            found_spans = (_span(name, ahead) for name in dict.fromkeys(names))
            spans = [span for span in found_spans if not is_daily or span[1] > oldest]
            self._progress.total += len(spans)
            found = await together(self._given(group, path, span) for span in spans)
            there = [(span, rows) for span, rows in zip(spans, found, strict=True) if rows is not None]
            oldest = min([oldest, *(span[0] for span, _ in there)])
            known = [day for span, rows in there for day in _whole(rows, span, group.size)]
            left = [gap for span in left for gap in holes(known, *span)]
            scraps = Rows.joined([rows for _, rows in there], group.columns).over(scraps) if is_last else scraps
        for plan, wanted in group.wants if is_last else ():
            for piece in common(wanted, left):
                part = self._part(plan, scraps, piece)
                if len(part.rows):
                    self._took(plan, part, False)

    async def _given(self, group: _Group, path: str, span: Span) -> Rows | None:
        """Return the rows of a file, once its whole days were passed on."""
        rows = await self._file(group, path, span)
        if rows is not None:
            whole = _whole(rows, span, group.size)
            for plan, wanted in group.wants:
                for piece in common(wanted, whole):
                    self._took(plan, self._part(plan, rows, piece), True)
        return rows

    async def _snapshots(self, group: _Group) -> None:
        """Take the files of days in order of time: the first row of a day may be the last one of the file before."""
        names = [name for start, end in group.spans for name in days_of(start - (start % DAY == 0), end)]
        days = [_span(name, 0) for name in dict.fromkeys(names)]
        self._progress.total += len(days)
        ended, before = 0, None
        for i in range(0, len(days), _AT_ONCE):
            some = days[i : i + _AT_ONCE]
            found = await together(self._file(group, group.files.daily, day) for day in some)
            for (start, end), rows in zip(some, found, strict=True):
                late = before.within(start, start + 1) if before is not None and ended == start else None
                self._give_day(group, start, rows, late)
                ended, before = end, rows

    def _give_day(self, group: _Group, start: int, rows: Rows | None, late: Rows | None) -> None:
        """Pass on a day's snapshots: those of its file, and the one that the file before has of its start."""
        day = Rows.empty(group.columns) if rows is None else rows.within(start, start + DAY)
        whole = day if late is None else day.over(late)
        # Without a file, the row at the start of the day may be known; without the file before, it may not.
        is_known = late is not None or bool((day.time == start).any())
        span = (start, start + len(whole)) if rows is None else (start + (not is_known), start + DAY)
        for plan, wanted in group.wants:
            for piece in common(wanted, [span]):
                self._took(plan, self._part(plan, whole, piece), rows is not None)

    async def _file(self, group: _Group, path: str, span: Span) -> Rows | None:
        """Return the rows of a file; None if it does not exist or cannot be used."""
        plan, files = group.wants[0][0], group.files
        is_daily = span[1] - span[0] == DAY
        first = datetime.fromtimestamp((span[0] + files.ahead) / 1000, UTC)
        date = first.strftime("%Y-%m-%d" if is_daily else "%Y-%m")
        period, digits = plan.series.period_for(plan.size)[0], date.replace("-", "")
        place = path.format(symbol=self._symbol, period=period, date=date, digits=digits)
        is_trades = files.content in TRADES
        name, step = place.rsplit("/", 1)[-1], 0 if is_trades else files.step or group.size
        venue, symbol = self._client.venue.name, self._symbol
        usd = usd_of(symbol, venue)
        dump = Dump(Path(name), name, files.content, venue, symbol, step, *span, daily=is_daily, usd=usd)
        rows = None
        merged = 0 if files.is_late else group.size
        try:
            async with self._turns if is_trades else nullcontext():
                rows = await download(self._client, place, dump, merged, has_sum=files.has_sums)
        except ParseError as error:
            self.failures.append(str(error))
        self._progress.done += 1
        self._progress.rows += len(rows or ())
        return rows

    def _part(self, plan: SeriesPlan, rows: Rows, span: Span) -> FetchedRows:
        """Return the rows of a series from those of a file that holds several."""
        own = rows.only(plan.series.columns).within(*span)
        if plan.series.periods:
            own = own.taken(own.time % plan.size == 0)
        return FetchedRows(span, own, self._now, archived=True)


def file_edge(plan: SeriesPlan, now: int) -> int:
    """Return the time, ms, before which files of months are faster than the interface's pages; 0: never."""
    files = plan.series.files
    if files is None or files.age is None or _WORTH * plan.size * plan.series.page > 30 * DAY:
        return 0
    return bounds(months(now - files.age, now - files.age + 1)[0])[0]


def days_of(start: int, end: int) -> list[str]:
    """Return the days ("2026-01-31") that ``[start, end)`` touches."""
    first = np.datetime64(start // DAY * DAY, "ms")
    return [str(day)[:10] for day in np.arange(first, np.datetime64(end, "ms"), np.timedelta64(1, "D"))]


def _fits(plan: SeriesPlan, files: Files) -> bool:
    """Tell whether the days of files consist of whole rows of a series."""
    return plan.size <= DAY and not (plan.series.periods and files.ahead % plan.size)


def _span(name: str, ahead: int) -> Span:
    """Return the range of a month ("2026-01") or a day ("2026-01-31") that begins this much earlier, ms."""
    start, end = bounds(name) if len(name) == 7 else _day(name)
    return start - ahead, end - ahead


def _day(name: str) -> Span:
    start = int(np.datetime64(name, "ms").astype(np.int64))
    return start, start + DAY


def common(some: Sequence[Span], others: Sequence[Span]) -> list[Span]:
    """Return what two sets of ranges have in common."""
    pairs = [(max(a, c), min(b, d)) for a, b in some for c, d in others]
    return covered(pair for pair in pairs if pair[0] < pair[1])


def _whole(rows: Rows, span: Span, size: int) -> list[Span]:
    """Return the days of a file of which no row is missing; all of them where the rows are irregular (`size` 0)."""
    if not size:
        return [span]
    days = np.arange(*span, DAY)
    count = np.searchsorted(rows.time, days + DAY) - np.searchsorted(rows.time, days)
    return covered((int(day), int(day) + DAY) for day in days[count == DAY // size])
