"""Reads many files, a few at a time, into one row per time, and collects notes about them."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

import numpy as np

from ...checks import stamp
from ...errors import ParseError
from ...market.columns import RATIOS
from ...run.progress import Told
from ..rows import Rows
from ..venues.files import TRADES
from ..venues.venue import Kind
from .contents import COLUMNS, read_rows
from .file_names import Dump, Found
from .trades import coarser, read_trades
from .unpack import Read, unpacked, verified

_LIMITS = {False: 1 << 26, True: 1 << 35}  # bytes of text in a file; of trades, which are never held
_NAMED = 3  # files that a note names


@dataclass
class _Loaded:
    """A file's rows, and facts for notes."""

    dump: Dump
    rows: Rows
    read: int
    verified: bool
    again: int = 0
    astray: int = 0


class _StoppedError(Exception):
    """Another file has failed: this one is not needed any more."""


class Reader:
    """Reads files concurrently, and collects notes about them."""

    files: int

    def __init__(self, step: int, verify: bool, told: Told) -> None:
        self.files = 0
        self._step, self._verify, self._told = step, verify, told
        self._done = self._total = self._rows = 0
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(min(4, max(2, os.cpu_count() or 2)), "archive")
        self._unverified: list[str] = []
        self._short: list[str] = []
        self._empty: list[str] = []
        self._overruled: list[str] = []
        self._again = self._astray = self._partial = self._older = self._spared = 0

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def parts(self, dumps: list[Dump]) -> dict[Kind, Rows]:
        """Return the rows of all dumps by kind, tidy."""
        self._total = len(dumps)
        metrics = self._best([dump for dump in dumps if dump.content == "metrics"])
        funding = self._best([dump for dump in dumps if dump.content == "fundingRate"])
        return {
            "candles": self._best([dump for dump in dumps if dump.content in ("klines", *TRADES)]),
            "mark": self._best([dump for dump in dumps if dump.content == "markPriceKlines"]),
            "open_interest": _only(metrics, "open_interest"),
            "long_short": _only(metrics, "long_short_ratio"),
            "ratios": _only(metrics, *RATIOS),
            "funding": funding,
        }

    def liquidations(self, dumps: list[Dump]) -> Rows | None:
        """Return the realised liquidations, in order of time; None if there are no files of them."""
        days = {dump.start: dump for dump in dumps if dump.content == "liquidationSnapshot"}
        loaded = self._loaded(list(days.values()))
        inside = [part.rows.within(part.dump.start, part.dump.end) for part in loaded]
        return Rows.joined(inside, COLUMNS["liquidationSnapshot"]) if days else None

    def notes(self, found: Found) -> list[str]:
        """Return notes for the user, a sentence each."""
        said = []
        if not self._verify:
            said.append("Checksums were not compared, as asked.")
        elif self._unverified:
            said.append(f"Files without a .CHECKSUM, not verified: {_files(self._unverified)}.")
        if self._empty:
            said.append(f"Files without a row: {_files(self._empty)}.")
        if self._short:
            said.append(f"Files with missing rows: {_files(self._short)}.")
        said += self._overruled
        for count, what in (
            (self._again, "Duplicate rows, taken once"),
            (self._older, "Rows replaced by others of the same time (daily files first, klines before trades)"),
            (self._astray, "Trades of another day than their file's, left out"),
            (self._partial, "Incomplete candles, left out"),
            (self._spared, "Files not read because others cover their time, or because of their interval"),
            (found.links, "Symbolic links in the folder, not followed"),
            (found.strange, "Other files in the folder, ignored"),
            (found.lonely, "Checksums without a file"),
        ):
            if count:
                said.append(f"{what}: {count:,}.")
        if found.unused:
            listed = ", ".join(f"{name} {count:,}" for name, count in sorted(found.unused.items()))
            said.append(f"Unused types of files: {listed}.")
        return said

    def _best(self, dumps: list[Dump]) -> Rows:
        """Return rows of one kind: at each time those of the first level that has them."""
        best = Rows.empty(COLUMNS[dumps[0].content] if dumps else ())
        for step, level in self._levels(dumps):
            needed = [dump for dump in level if not (step and self._covered(best, dump))]
            self._spare(len(level) - len(needed))
            rows = self._merged(self._loaded(needed), COLUMNS[level[0].content])
            if step:
                rows, partial = coarser(rows, step, self._step)
                self._partial += partial
            if len(best) and len(rows):
                both = best.over(rows)
                self._older += len(best) + len(rows) - len(both)
                best = both
            else:
                best = best if len(best) else rows
        return best

    def _levels(self, dumps: list[Dump]) -> list[tuple[int, list[Dump]]]:
        """Return groups of files, the preferred first, and the interval of their rows."""
        groups: dict[tuple[bool, int, bool], list[Dump]] = {}
        for dump in dumps:
            if self._step % (dump.step or self._step) == 0 or dump.content == "metrics":
                groups.setdefault((dump.content in TRADES, -dump.step, not dump.daily), []).append(dump)
            else:
                self._spare(1)
        return [
            (0 if group[0].content in ("metrics", "fundingRate") else -size or self._step, group)
            for (_, size, _), group in sorted(groups.items(), key=lambda item: item[0])
        ]

    def _covered(self, rows: Rows, dump: Dump) -> bool:
        first, last = np.searchsorted(rows.time, [dump.start, dump.end])
        return bool(last - first == (dump.end - dump.start) // self._step)

    def _spare(self, count: int) -> None:
        self._spared += count
        self._done += count

    def _loaded(self, dumps: list[Dump]) -> list[_Loaded]:
        """Read files, reporting progress; the result is in the order of `dumps`."""
        waiting: set[Future[_Loaded]] = set()
        futures = [self._pool.submit(self._load, dump) for dump in dumps]
        waiting.update(futures)
        while waiting:
            done, waiting = wait(waiting, timeout=0.5, return_when=FIRST_COMPLETED)
            for future in done:
                self._note(future.result())
            self._told(self._done, self._total, self._rows)
        return [future.result() for future in futures]

    def _load(self, dump: Dump) -> _Loaded:
        verified_ = self._verify and dump.name.endswith(".zip") and verified(dump.path)
        trades = dump.content in TRADES
        with unpacked(dump.path, _LIMITS[trades]) as read:
            if trades:
                rows, counts = read_trades(self._unless_stopped(read), dump, self._step)
                return _Loaded(dump, rows, counts["rows"], verified_, counts["again"], counts["astray"])
            rows = read_rows(self._unless_stopped(read), dump)
            return _Loaded(dump, rows, len(rows), verified_)

    def _unless_stopped(self, read: Read) -> Read:
        def reading(size: int) -> bytes:
            if self._stop.is_set():
                raise _StoppedError
            return read(size)

        return reading

    def _note(self, loaded: _Loaded) -> None:
        dump, rows = loaded.dump, loaded.rows
        self.files += 1
        self._done += 1
        self._rows += loaded.read
        self._again += loaded.again
        self._astray += loaded.astray
        if dump.name.endswith(".zip") and not loaded.verified:
            self._unverified.append(dump.name)
        if not loaded.read:
            self._empty.append(dump.name)
        elif dump.step and len(np.unique(rows.time)) < (dump.end - dump.start) // dump.step:
            self._short.append(dump.name)

    def _merged(self, some: list[_Loaded], names: tuple[str, ...]) -> Rows:
        """Return the rows of files of one level, sorted and without duplicates."""
        rows = Rows.joined([loaded.rows for loaded in some], names)
        if len(rows) < 2 or (np.diff(rows.time) > 0).all():
            return rows
        own = np.concatenate([(part.rows.time >= part.dump.start) & (part.rows.time < part.dump.end) for part in some])
        midnight = np.concatenate(
            [(part.rows.time == part.dump.end) & (part.dump.content == "metrics") for part in some]
        )
        order = np.lexsort((~own, rows.time))  # of rows of one time, those of the file whose range holds it first
        rows, own, midnight = rows.taken(order), own[order], midnight[order]
        first = np.concatenate([[True], rows.time[1:] != rows.time[:-1]])
        head = np.maximum.accumulate(np.where(first, np.arange(len(rows)), 0))
        differs = np.zeros(len(rows), bool)
        for values in rows.columns.values():
            differs |= (values != values[head]) & ~(np.isnan(values) & np.isnan(values[head]))
        if differs.any():
            ends = np.cumsum([len(loaded.rows) for loaded in some])
            overruled = differs & own[head] & midnight  # a snapshot that two days have
            i = int(np.argmax(differs & ~overruled if (differs & ~overruled).any() else overruled))
            pair = [some[int(np.searchsorted(ends, order[row], "right"))].dump.name for row in (head[i], i)]
            when = f"{stamp(int(rows.time[i]) * 1_000_000)} (UTC)"
            if not overruled[i]:
                raise _twice(rows, int(head[i]), i, pair, when)
            count = int(overruled.sum())
            said = f"{count:,} (that of {when} in {pair[1]} differs from that in {pair[0]}, which is taken)"
            self._overruled.append(f"Rows that another file has otherwise, taken from that of their own day: {said}.")
        self._again += int((~first & ~differs).sum())
        return rows.taken(first)


def _twice(rows: Rows, first: int, second: int, names: list[str], when: str) -> ParseError:
    """Return the error for two rows of one time that differ, none of which has a better claim."""
    pairs = [(values[first], values[second]) for values in rows.columns.values()]
    one, other = next(pair for pair in pairs if not np.array_equal(*pair, equal_nan=True))
    return ParseError(
        f"{names[0]}: wanted one row a time; that of {when} is in "
        f"{'it twice' if names[0] == names[1] else names[1] + ' too'}, with {one} and {other}. "
        "Download both again, or keep one."
    )


def _only(rows: Rows, *names: str) -> Rows:
    """Return some columns of rows where one of them is not empty."""
    return rows.only(names) if names[0] in rows.columns else Rows.empty(names)


def _files(names: Iterable[str]) -> str:
    """Return how many files, and the first names."""
    some = sorted(names)
    more = ", ..." if len(some) > _NAMED else ""
    return f"{len(some):,} ({', '.join(some[:_NAMED])}{more})"
