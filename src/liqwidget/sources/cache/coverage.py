"""Coverage: for which times the rows of a series are known, for good or for now.

A day (UTC) is *settled* when it ended at least a lag ago. What was fetched of a settled day is final; what was fetched
of a later one is provisional, and is wanted again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..rows import Span, Times, covered, holes
from ..venues.venue import DAY

Fetched = tuple[int, int, int]  # ms: a half-open range, and when it was fetched


def settled(now: int, lag: int) -> int:
    """Return the end of the last settled day, ms, at the time `now`."""
    return (now - lag) // DAY * DAY


def inside(spans: Iterable[Span], time: Times) -> NDArray[np.bool_]:
    """Return, for each time, whether it is in one of the ranges."""
    edges = np.array(covered(spans), np.int64).ravel()
    return np.asarray(np.searchsorted(edges, time, "right") % 2 == 1)


@dataclass(frozen=True)
class Coverage:
    """Known ranges, none of which overlap.

    Attributes
    ----------
    final
        Ranges that are never fetched again, by time, as few as can be.
    provisional
        Ranges of days that were not settled when they were fetched, each with that time, by time.
    """

    final: tuple[Span, ...] = ()
    provisional: tuple[Fetched, ...] = ()

    @property
    def spans(self) -> list[Span]:
        """All ranges that are known, as few as can be."""
        return covered([*self.final, *((start, end) for start, end, _ in self.provisional)])

    def lasting(self, now: int, fresh: int, until: int) -> list[Span]:
        """Return the ranges that need no fetch at `now`.

        Parameters
        ----------
        now
            The time, ms.
        fresh
            How long a provisional range is good, ms. One that claims to be from the future is as old as it is early.
        until
            The end of the last settled day, ms: provisional ranges before it are wanted once more, fresh or not.
        """
        good = [(max(start, until), end) for start, end, at in self.provisional if abs(now - at) < fresh]
        return covered([*self.final, *good])

    def extended(self, span: Span, now: int, until: int) -> tuple[Coverage, list[Span]]:
        """Return what is known once `span` was fetched at `now`, and the ranges of which that fetch has the say.

        Final ranges are never taken; of two provisional fetches, the later one holds.
        """
        start, end = span
        later = [(first, last) for first, last, at in self.provisional if at > now]
        for_good = holes(self.final, start, min(end, until))
        for_now = holes([*self.final, *later], max(start, until), end)
        final = covered([*self.final, *for_good])
        rest = [(*left, at) for first, last, at in self.provisional for left in holes([*final, *for_now], first, last)]
        provisional = sorted([*rest, *((*piece, now) for piece in for_now)])
        return Coverage(tuple(final), tuple(provisional)), [*for_good, *for_now]
