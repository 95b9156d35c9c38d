"""One series on disk: rows of one venue, symbol, kind and interval, and their coverage.

A manifest and, for each UTC month with rows, a part ``YYYY-MM.parquet``. Readers take no lock. Files that do not match
the manifest, version and columns exactly are logged and treated as missing, so that they are fetched again: neither a
kill nor a power cut nor a damaged disk produces wrong rows, and no file has to be synced.
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

#: How long after its end a day may still change, ms, unless the source says otherwise.
LAG = MINUTE // 2
_PATIENCE = 60.0  # seconds that a writer waits for another writer,
_GLANCE = 2.0  # and that a reader waits for a writer when a part has changed
_KEPT = 16  # parts that a Store caches in memory
_log = logging.getLogger("liqwidget.cache")


@dataclass(frozen=True)
class Summary:
    """Of a series: times of the first and the last row, count, holes between known ranges, bytes, newest fetch.

    Times are in ms, None if there are no rows.
    """

    first: int | None
    last: int | None
    rows: int
    gaps: int
    size: int
    fetched: int | None


@dataclass(frozen=True)
class Look:
    """A snapshot of a series; other processes may write or clear the series at any time.

    Attributes
    ----------
    rows
        The known rows; tidy, possibly read-only.
    archived
        Ranges whose rows came from public files.
    """

    rows: Rows
    _known: tuple[Coverage, ...] = ()
    _lag: int = LAG
    archived: tuple[Span, ...] = ()

    def holes(self, start: int, end: int, now: int, fresh: int) -> list[Span]:
        """Return the parts of ``[start, end)`` that have to be fetched, in order of time.

        Parameters
        ----------
        start, end
            ms, within the snapshot. Nothing after the last fetch is known: use an end on the candles' grid.
        now
            The venue's time, ms.
        fresh
            How long rows of a day that was not over when they were fetched stay valid, ms. Once that day has been
            over for the series' lag, they are fetched once more, and then never again.
        """
        until = settled(now, self._lag)
        return holes([span for known in self._known for span in known.lasting(now, fresh, until)], start, end)

    def missing(self, start: int, end: int) -> list[Span]:
        """Return the parts of ``[start, end)``, within the snapshot, that were never fetched, in order of time."""
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
        The cache folder; created when something is written.
    venue, symbol, kind, interval
        Identify the series; each becomes the name of a folder.
    columns
        Names of its float64 columns.
    lag
        How long after the end of a UTC day its rows may still be incomplete, ms.

    Raises
    ------
    InputError
        A name is not valid, or its folder is a link that leads out of the cache folder.
    """

    def __init__(
        self, root: Path, venue: str, symbol: str, kind: str, interval: str, columns: Sequence[str], lag: int = LAG
    ) -> None:
        self.series: tuple[str, str, str, str] = (venue, symbol, kind, interval)
        self.columns: tuple[str, ...] = tuple(columns)
        self.lag = lag
        self._folder = SeriesFolder(root, self.series)
        self._loaded: dict[str, _Loaded] = {}
        self._told: set[str] = set()

    def look(self, start: int, end: int) -> Look:
        """Return a snapshot of ``[start, end)`` (ms): the known rows, final and provisional, and their coverage."""
        there = self._parts(start, end)
        parts = [part.rows.within(start, end) for part in there]
        rows = parts[0] if len(parts) == 1 else Rows.joined(parts, self.columns)
        archived = covered(span for part in there for span in part.state.archived)
        return Look(rows, tuple(part.state.coverage for part in there), self.lag, tuple(archived))

    @property
    def fetched(self) -> int | None:
        """When the newest stored rows were fetched, ms; None if there are none."""
        parts = self._manifest().parts
        newest: int | None = None
        for claim, month in sorted(((states[-1].fetched, month) for month, states in parts.items()), reverse=True):
            if newest is not None and newest >= claim:
                break
            if part := self._load(month, parts[month]):
                newest = max(part.state.fetched, newest or part.state.fetched)
        return newest

    def write(self, rows: Rows, span: Span, now: int, *, archived: bool = False) -> None:
        """Store the rows fetched of ``[start, end)`` at the time `now`.

        Parameters
        ----------
        rows
            All rows of the range, in any order; rows outside it are ignored.
        span
            The range, ms. Its part after `now` does not become known.
        now
            The venue's time when the fetch began, ms.
        archived
            The rows came from public files.

        Raises
        ------
        ParseError
            Two rows of the same time differ.
        DataError
            The cache folder cannot be written, or another process holds its lock.
        """
        now = int(now)
        start, end = int(span[0]), min(int(span[1]), now)
        if start < 0 or not 0 <= now <= LATEST or set(rows.columns) != set(self.columns):
            raise InputError(
                f"cache: wanted times from 1970 to 2100 and columns {', '.join(self.columns)}; "
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
                state, data = self._merged(old, rows.within(*piece), piece, now, archived)
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
            A file cannot be deleted, or another process holds the lock.
        """
        before = self.size
        if before:
            with self._folder.alone(_PATIENCE):
                self._folder.remove(self._folder.files())
        self._loaded.clear()
        return max(before - self.size, 0)

    @property
    def size(self) -> int:
        """Size of its files in bytes; 0 if there are none."""
        return sum(self._folder.files().values())

    def summary(self) -> Summary:
        """Return a summary of all parts, without reading their rows."""
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
        """Return the valid parts of the months that the range touches, in order of time."""
        parts = self._touched(start, end)
        if any(part is None for part in parts.values()):  # damaged, or written after the manifest was read: look again
            with suppress(DataError), self._folder.alone(_GLANCE):
                parts = self._touched(start, end)
            for month, part in parts.items():
                if part is None:
                    self._tell(f"{month}: the part differs from what was written")
        return [part for part in parts.values() if part is not None]

    def _touched(self, start: int, end: int) -> dict[str, _Loaded | None]:
        parts = self._manifest().parts
        touched = [month for month in parts if bounds(month)[0] < end and bounds(month)[1] > start]
        return {month: self._load(month, parts[month]) for month in touched}

    def _manifest(self) -> Manifest:
        """Return the manifest; an empty one if there is none for this series, these columns and this version."""
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
        """Return the rows of a month, read or cached; None if the part matches none of the states."""
        kept = self._loaded.get(month)
        # File times are coarse: a file that looks unchanged may be the next one, if the manifest lists a next state.
        if kept and states and kept.state == states[-1] and kept.signature == self._folder.signature(_part(month)):
            return kept
        state, data, signature = self._state(month, states)
        if state is None:
            return None
        try:
            rows = decode_part(data, self.columns, state.rows)
            ends = _ends(rows)
            if ends != (state.first, state.last) or not inside(state.coverage.spans, rows.time).all():
                raise ParseError("wanted the rows that the manifest lists; got others.")
        except ParseError as error:
            self._tell(f"{month}: {error}")
            return None
        self._loaded.pop(month, None)
        while len(self._loaded) >= _KEPT:
            self._loaded.pop(next(iter(self._loaded)))
        self._loaded[month] = loaded = _Loaded(signature, state, rows)
        return loaded

    def _state(self, month: str, states: Sequence[State]) -> tuple[State | None, bytes, Signature]:
        """Return the state that matches a month's part, the part's bytes and its file's signature."""
        data, signature = self._folder.contents(_part(month), max((state.size for state in states), default=0))
        check = digest(data)
        return next((state for state in states if state.check == check), None), data, signature

    def _merged(self, old: _Loaded | None, rows: Rows, span: Span, now: int, archived: bool) -> tuple[State, bytes]:
        """Return a month's state after `rows` were fetched of `span`, and the part's bytes if they change."""
        before = old.rows if old else Rows.empty(self.columns)
        known = old.state.coverage if old else Coverage()
        coverage, taken = known.extended(span, now, settled(now, self.lag))
        if _differ(rows.taken(inside(known.final, rows.time)), before):
            self._tell("rows of a settled day were fetched again and differ; the first ones are kept")
        if old and not taken:
            return old.state, b""
        rows = rows.taken(inside(taken, rows.time)).over(before.taken(~inside(taken, before.time)))
        data = encode_part(rows, self.columns)
        if len(rows) > MOST_ROWS or len(data) > MOST_BYTES:
            raise DataError(f"cache: at most {MOST_ROWS:,} rows a month; got {len(rows):,}. Pass cache=False.")
        fetched = max(now, old.state.fetched) if old else now
        kept = [piece for held in (old.state.archived if old else ()) for piece in holes(taken, *held)]
        files = tuple(covered([*kept, *(taken if archived else ())]))
        return State(digest(data), len(data), len(rows), *_ends(rows), fetched, coverage, files), data

    def _tell(self, what: str) -> None:
        """Log a warning once."""
        if what not in self._told:
            self._told.add(what)
            _log.warning("cache: %s: %s", self._folder.name, what)


def stored_columns(folder: SeriesFolder) -> tuple[str, ...]:
    """Return the names of a series' columns; none if its manifest is damaged."""
    with suppress(ParseError):
        return decode_manifest(folder.contents(MANIFEST, MOST_MANIFEST)[0]).columns
    return ()


def _part(month: str) -> str:
    return f"{month}.parquet"


def _ends(rows: Rows) -> Span:
    return (int(rows.time[0]), int(rows.time[-1])) if len(rows) else (0, 0)


def _differ(new: Rows, old: Rows) -> bool:
    """Tell whether any row of `new` differs from the row of `old` at the same time."""
    _, here, there = np.intersect1d(new.time, old.time, assume_unique=True, return_indices=True)
    pairs = ((values[here], old.columns[name][there]) for name, values in new.columns.items())
    return not all(np.array_equal(a, b, equal_nan=True) for a, b in pairs)
