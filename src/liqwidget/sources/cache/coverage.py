"""Coverage: the times for which the rows of a series are known, finally or provisionally.

A day (UTC) is *settled* once it ended at least a lag ago. Rows fetched of a settled day are final; rows fetched of a
later day are provisional and are fetched again.
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
        Ranges that are never fetched again, in order of time, as few as possible.
    provisional
        Ranges of days that were not settled when fetched, each with the time of its fetch, in order of time.
    """

    final: tuple[Span, ...] = ()
    provisional: tuple[Fetched, ...] = ()

    @property
    def spans(self) -> list[Span]:
        """All known ranges, as few as possible."""
        return covered([*self.final, *((start, end) for start, end, _ in self.provisional)])

    def lasting(self, now: int, fresh: int, until: int) -> list[Span]:
        """Return the ranges that need no fetch at `now`.

        Parameters
        ----------
        now
            The time, ms.
        fresh
            How long a provisional range is valid, ms. A fetch time in the future counts as that far in the past.
        until
            The end of the last settled day, ms: provisional ranges before it are fetched once more, even if fresh.
        """
        good = [(max(start, until), end) for start, end, at in self.provisional if abs(now - at) < fresh]
        return covered([*self.final, *good])

    def extended(self, span: Span, now: int, until: int) -> tuple[Coverage, list[Span]]:
        """Return the coverage after `span` was fetched at `now`, and the ranges whose rows that fetch replaces.

        Final ranges are never replaced; of two provisional fetches, the later one is kept.
        """
        start, end = span
        later = [(first, last) for first, last, at in self.provisional if at > now]
        for_good = holes(self.final, start, min(end, until))
        for_now = holes([*self.final, *later], max(start, until), end)
        final = covered([*self.final, *for_good])
        rest = [(*left, at) for first, last, at in self.provisional for left in holes([*final, *for_now], first, last)]
        provisional = sorted([*rest, *((*piece, now) for piece in for_now)])
        return Coverage(tuple(final), tuple(provisional)), [*for_good, *for_now]
