"""Rows of a venue or an archive, as arrays by time.

Times are int64 milliseconds since 1970, UTC. Ranges are half-open everywhere: ``start <= time < end``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..checks import stamp
from ..errors import ParseError
from ..market.columns import Floats

Times = NDArray[np.int64]
Span = tuple[int, int]  # ms, half-open


@dataclass(frozen=True, eq=False)
class Rows:
    """Values by time: ``time`` (n,) int64 ms, and named float64 columns (n,); NaN where a value is missing."""

    time: Times
    columns: Mapping[str, Floats]

    @classmethod
    def empty(cls, names: Sequence[str]) -> Rows:
        """Return zero rows of these columns."""
        return cls(np.zeros(0, np.int64), {name: np.zeros(0) for name in names})

    @classmethod
    def joined(cls, parts: Iterable[Rows], names: Sequence[str]) -> Rows:
        """Return the rows of all parts, concatenated and unsorted."""
        some = [part for part in parts if len(part)]
        if not some:
            return cls.empty(names)
        time = np.concatenate([part.time for part in some])
        return cls(time, {name: np.concatenate([part.columns[name] for part in some]) for name in names})

    def within(self, start: int, end: int) -> Rows:
        """Return the rows with ``start <= time < end``."""
        inside = (self.time >= start) & (self.time < end)
        return self if inside.all() else self.taken(inside)

    def taken(self, which: NDArray[np.bool_] | NDArray[np.int64] | slice) -> Rows:
        """Return selected rows."""
        return Rows(self.time[which], {name: values[which] for name, values in self.columns.items()})

    def only(self, names: Sequence[str]) -> Rows:
        """Return some of the columns, of the rows where one of them is not empty."""
        some = {name: self.columns[name] for name in names}
        return Rows(self.time, some).taken(~np.all([np.isnan(values) for values in some.values()], axis=0))

    def tidy(self, what: str) -> Rows:
        """Return the rows in order of time, without duplicates.

        Raises
        ------
        ParseError
            Two rows of the same time differ, so neither can be trusted.
        """
        if len(self) < 2 or (np.diff(self.time) > 0).all():
            return self
        rows = self.taken(np.argsort(self.time, kind="stable"))
        again = np.concatenate([[False], rows.time[1:] == rows.time[:-1]])
        for name, values in rows.columns.items():
            same = (values[1:] == values[:-1]) | (np.isnan(values[1:]) & np.isnan(values[:-1]))
            if (wrong := again[1:] & ~same).any():
                i = int(np.argmax(wrong))
                raise ParseError(
                    f"{what}: wanted one row a time; {stamp(int(rows.time[i]) * 1_000_000)} (UTC) occurs twice with "
                    f"{name} {values[i]} and {values[i + 1]}. Try again; if it persists, the source is inconsistent."
                )
        return rows.taken(~again)

    def over(self, older: Rows) -> Rows:
        """Return these rows and those of `older` at other times; both are tidy, and so is the result."""
        rest = older.taken(~np.isin(older.time, self.time))
        both = Rows.joined([rest, self], list(self.columns))
        return both.taken(np.argsort(both.time, kind="stable"))

    def __len__(self) -> int:
        return len(self.time)


def covered(spans: Iterable[Span]) -> list[Span]:
    """Return the union of ranges as the fewest ranges, in order of time."""
    whole: list[Span] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if whole and start <= whole[-1][1]:
            whole[-1] = (whole[-1][0], max(whole[-1][1], end))
        else:
            whole.append((start, end))
    return whole


def holes(spans: Iterable[Span], start: int, end: int) -> list[Span]:
    """Return the parts of ``[start, end)`` that no range covers, in order of time."""
    gaps: list[Span] = []
    for first, last in covered(spans):
        if first >= end:
            break
        if first > start:
            gaps.append((start, first))
        start = max(start, last)
    return [*gaps, (start, end)] if start < end else gaps
