"""One series on disk: rows of one venue, symbol, kind and interval, and for which times they are known.

A manifest and, for each UTC month that has rows, a part ``YYYY-MM.parquet``. Readers take no lock. Whatever is not
exactly what the manifest says, of this version and these columns, is logged and counts as not there, so that it is
fetched again: neither a kill nor a power cut nor a damaged disk gives wrong rows, and nothing has to be synced.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import DataError, InputError, ParseError
from ..rows import Rows, Span, covered, holes
from ..venues.venue import MINUTE
from .coverage import Coverage, inside, settled
from .manifest import MOST_MANIFEST, Manifest, State, decode_manifest, encode_manifest
from .month_file import LATEST, MOST_BYTES, MOST_ROWS, bounds, decode_part, digest, encode_part, months
from .series_folder import MANIFEST, SeriesFolder, Signature

#: How long after its end a day may still change, ms, where the source says nothing else.
LAG = MINUTE // 2
_PATIENCE = 60.0  # seconds for which a writer waits for another one,
_GLANCE = 2.0  # and a reader that saw a part change for a writer
_KEPT = 16  # parts that a Store keeps in memory
_log = logging.getLogger("liqwidget.cache")


@dataclass(frozen=True)
class Summary:
    """Of a series: times of the first and the last row, their count, holes between known ranges, bytes, newest fetch.

    Times are in ms; those of nothing are None.
    """

    first: int | None
    last: int | None
    rows: int
    gaps: int
    size: int
    fetched: int | None


@dataclass(frozen=True)
class Look:
    """What a series had when it was looked at; other processes may write it, or clear it, at any time.

    Attributes
    ----------
    rows
        The rows that are known; tidy, perhaps read-only.
    """

    rows: Rows
    _known: tuple[Coverage, ...] = ()
    _lag: int = LAG

    def holes(self, start: int, end: int, now: int, fresh: int) -> list[Span]:
        """Return what of ``[start, end)`` has to be fetched, by time.

        Parameters
        ----------
        start, end
            ms, within what was looked at. Nothing after the last fetch is known: ask for an end on the candles' grid.
        now
            The venue's time, ms.
        fresh
            How long rows of a day that was not over when they were fetched are good enough, ms. Once that day has
            been over for the series' lag, they are wanted once more, and then never again.
        """
        until = settled(now, self._lag)
        return holes([span for known in self._known for span in known.lasting(now, fresh, until)], start, end)

    def missing(self, start: int, end: int) -> list[Span]:
        """Return what of ``[start, end)``, within what was looked at, was never fetched, by time."""
        return holes([span for known in self._known for span in known.spans], start, end)


@dataclass(frozen=True)
class _Loaded:
    signature: Signature
    state: State
    rows: Rows


class Store:
    """One series.

    Parameters
    ----------
    root
        The cache folder; made when something is written.
    venue, symbol, kind, interval
        What the series is; each becomes the name of a folder.
    columns
        Names of its float64 columns.
    lag
        How long after the end of a UTC day its rows are still not all there, ms.

    Raises
    ------
    InputError
        A name cannot be one, or its folder is a link that leads out of the cache folder.
    """

    def __init__(
        self, root: Path, venue: str, symbol: str, kind: str, interval: str, columns: Sequence[str], lag: int = LAG
    ) -> None:
        self.series = (venue, symbol, kind, interval)
        self.columns = tuple(columns)
        self.lag = lag
        self._folder = SeriesFolder(root, self.series)
        self._loaded: dict[str, _Loaded] = {}
        self._told: set[str] = set()

    def look(self, start: int, end: int) -> Look:
        """Return what is known of ``[start, end)`` (ms), for good or for now: rows and coverage of one moment."""
        there = self._parts(start, end)
        parts = [part.rows.within(start, end) for part in there]
        rows = parts[0] if len(parts) == 1 else Rows.joined(parts, self.columns)
        return Look(rows, tuple(part.state.coverage for part in there), self.lag)

    @property
    def fetched(self) -> int | None:
        """When the newest of what is there was fetched, ms; None where nothing is there."""
        parts = self._manifest().parts
        newest: int | None = None
        for claim, month in sorted(((states[-1].fetched, month) for month, states in parts.items()), reverse=True):
            if newest is not None and newest >= claim:
                break
            if part := self._load(month, parts[month]):
                newest = max(part.state.fetched, newest or part.state.fetched)
        return newest

    def write(self, rows: Rows, span: Span, now: int) -> None:
        """Keep what was fetched of ``[start, end)`` at the time `now`.

        Parameters
        ----------
        rows
            All rows of the range, in any order; others are left out.
        span
            The range, ms. What of it lies after `now` is not known by this.
        now
            The venue's time when the fetch began, ms.

        Raises
        ------
        ParseError
            Rows of one time differ.
        DataError
            The cache folder cannot be written, or another process keeps it.
        """
        now = int(now)
        start, end = int(span[0]), min(int(span[1]), now)
        if start < 0 or not 0 <= now <= LATEST or set(rows.columns) != set(self.columns):
            raise InputError(
                f"cache: need times from 1970 to 2100 and columns {', '.join(self.columns)}; "
                f"got {start} to {end} ms at {now} and {', '.join(rows.columns)}."
            )
        rows = rows.tidy(self._folder.name)
        if start >= end:
            return
        with self._folder.alone(_PATIENCE):
            manifest = self._manifest()
            parts, files = dict(manifest.parts), {}
            for month in months(start, end):
                begin, after = bounds(month)
                piece = max(start, begin), min(end, after)
                old = self._load(month, parts.get(month, ()))
                state, data = self._merged(old, rows.within(*piece), piece, now)
                same = old is not None and old.state.check == state.check
                if not same:
                    files[f"{month}.parquet"] = data
                parts[month] = (old.state, state) if old and not same else (state,)
            if files or parts != manifest.parts:
                manifest = Manifest(self.series, self.columns, parts)
                self._folder.put({MANIFEST: encode_manifest(manifest), **files})

    def clear(self) -> int:
        """Delete the rows and the manifest, and return how many bytes that freed.

        The folder and its lock stay: another process may be waiting for it.

        Raises
        ------
        DataError
            A file cannot be deleted, or another process keeps it.
        """
        before = self.size
        if before:
            with self._folder.alone(_PATIENCE):
                self._folder.remove(self._folder.files())
        self._loaded.clear()
        return max(before - self.size, 0)

    @property
    def size(self) -> int:
        """Bytes of its files; 0 where nothing is there."""
        return sum(self._folder.files().values())

    def summary(self) -> Summary:
        """Look all parts through, without reading their rows."""
        states = [self._state(month, states)[0] for month, states in self._manifest().parts.items()]
        there = [state for state in states if state is not None]
        known = covered(span for state in there for span in state.coverage.spans)
        return Summary(
            first=min((state.first for state in there if state.rows), default=None),
            last=max((state.last for state in there if state.rows), default=None),
            rows=sum(state.rows for state in there),
            gaps=max(len(known) - 1, 0),
            size=self.size,
            fetched=max((state.fetched for state in there), default=None),
        )

    def _parts(self, start: int, end: int) -> list[_Loaded]:
        """Return what is there of the months that the range touches, by time."""
        parts = self._touched(start, end)
        if any(part is None for part in parts.values()):  # damaged, or written since the manifest was: then look again
            with suppress(DataError), self._folder.alone(_GLANCE):
                parts = self._touched(start, end)
            for month, part in parts.items():
                if part is None:
                    self._tell(f"{month}: the part is not what was written")
        return [part for part in parts.values() if part is not None]

    def _touched(self, start: int, end: int) -> dict[str, _Loaded | None]:
        parts = self._manifest().parts
        touched = [month for month in parts if bounds(month)[0] < end and bounds(month)[1] > start]
        return {month: self._load(month, parts[month]) for month in touched}

    def _manifest(self) -> Manifest:
        """Return the manifest; an empty one where there is none of this series, these columns and this version."""
        data, signature = self._folder.contents(MANIFEST, MOST_MANIFEST)
        try:
            manifest = decode_manifest(data) if signature else None
        except ParseError as error:
            self._tell(str(error))
            manifest = None
        if manifest and (manifest.series, manifest.columns) != (self.series, self.columns):
            self._tell("the manifest is of another series or of other columns")
            manifest = None
        return manifest or Manifest(self.series, self.columns)

    def _load(self, month: str, states: Sequence[State]) -> _Loaded | None:
        """Return the rows of a month, read or kept; None where the part is in none of the states."""
        kept = self._loaded.get(month)
        # Times of files are coarse: one that looks the same may be the next one, if the manifest knows of a next one.
        if kept and states and kept.state == states[-1] and kept.signature == self._folder.signature(_part(month)):
            return kept
        state, data, signature = self._state(month, states)
        if state is None:
            return None
        try:
            rows = decode_part(data, self.columns, state.rows)
            ends = _ends(rows)
            if ends != (state.first, state.last) or not inside(state.coverage.spans, rows.time).all():
                raise ParseError("a part has rows that its manifest does not know.")
        except ParseError as error:
            self._tell(f"{month}: {error}")
            return None
        self._loaded.pop(month, None)
        while len(self._loaded) >= _KEPT:
            self._loaded.pop(next(iter(self._loaded)))
        self._loaded[month] = loaded = _Loaded(signature, state, rows)
        return loaded

    def _state(self, month: str, states: Sequence[State]) -> tuple[State | None, bytes, Signature]:
        """Return the state that a month's part is in, its bytes and its file's signature."""
        data, signature = self._folder.contents(_part(month), max((state.size for state in states), default=0))
        check = digest(data)
        return next((state for state in states if state.check == check), None), data, signature

    def _merged(self, old: _Loaded | None, rows: Rows, span: Span, now: int) -> tuple[State, bytes]:
        """Return what a month's part becomes when `rows` were fetched of `span`; its bytes only where they change."""
        before = old.rows if old else Rows.empty(self.columns)
        known = old.state.coverage if old else Coverage()
        coverage, taken = known.extended(span, now, settled(now, self.lag))
        if _differ(rows.taken(inside(known.final, rows.time)), before):
            self._tell("rows of a day that was over came again and differ; the first ones are kept")
        if old and not taken:
            return old.state, b""
        rows = rows.taken(inside(taken, rows.time)).over(before.taken(~inside(taken, before.time)))
        data = encode_part(rows, self.columns)
        if len(rows) > MOST_ROWS or len(data) > MOST_BYTES:
            raise DataError(f"cache: at most {MOST_ROWS:,} rows a month; got {len(rows):,}. Pass cache=False.")
        fetched = max(now, old.state.fetched) if old else now
        return State(digest(data), len(data), len(rows), *_ends(rows), fetched, coverage), data

    def _tell(self, what: str) -> None:
        """Log once that something is not there."""
        if what not in self._told:
            self._told.add(what)
            _log.warning("cache: %s: %s", self._folder.name, what)


def stored_columns(folder: SeriesFolder) -> tuple[str, ...]:
    """Return the names of the columns of a series; none where its manifest is damaged."""
    with suppress(ParseError):
        return decode_manifest(folder.contents(MANIFEST, MOST_MANIFEST)[0]).columns
    return ()


def _part(month: str) -> str:
    return f"{month}.parquet"


def _ends(rows: Rows) -> Span:
    return (int(rows.time[0]), int(rows.time[-1])) if len(rows) else (0, 0)


def _differ(new: Rows, old: Rows) -> bool:
    """Tell whether any of `new` is another row than that of `old` at the same time."""
    _, here, there = np.intersect1d(new.time, old.time, assume_unique=True, return_indices=True)
    pairs = ((values[here], old.columns[name][there]) for name, values in new.columns.items())
    return not all(np.array_equal(a, b, equal_nan=True) for a, b in pairs)
