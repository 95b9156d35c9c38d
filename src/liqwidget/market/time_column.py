"""Which column of a frame is its time: the index, one column, or several that agree."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..checks import shown, stamp
from ..errors import InputError
from .times import Times, is_naive, read_times

_CLOCK = re.compile(r"\s*\d{1,2}:\d\d(:\d\d(\.\d{1,9})?)?\s*")
_STEPS = (10**3, 10**6, 10**9, 60 * 10**9, 3600 * 10**9, 86_400 * 10**9)  # ns; units of coarser times
_QUARTER = 900 * 10**9
_DAY = 86_400 * 10**9


@dataclass(frozen=True)
class FrameTimes:
    """Times of a frame.

    Attributes
    ----------
    ns
        Since 1970, UTC, (T,).
    naive
        They were given without a time zone.
    unused
        Names of the columns that agree with it and were not used.
    """

    ns: Times
    naive: bool
    unused: tuple[str, ...]


def frame_times(frame: Any, what: str, columns: Sequence[int], index: bool, names: Sequence[Any]) -> FrameTimes | None:
    """Return the times of a frame; None if it has none.

    Parameters
    ----------
    frame
        DataFrame.
    what
        First word of messages.
    columns
        Positions of the columns that are named like a time.
    index
        Whether the index is a time.
    names
        All column names.

    Raises
    ------
    InputError
        A time cannot be read, or two of them differ.
    """
    given = [(frame.index.to_series(), "the index")] if index else []
    given += [(frame.iloc[:, position], shown(names[position])) for position in columns]
    if not given:
        return None
    if len(given) == 2 and (joined := _day_and_clock(given, what)) is not None:
        return joined
    best: tuple[Times, bool, str] | None = None
    unused = []
    for values, name in given:
        try:
            time = read_times(values, what, name)
        except InputError as error:
            if len(given) == 1:
                raise
            every = " and ".join(name for _, name in given)
            raise InputError(
                f"{what}: wanted one column for time; got {every}. Drop or rename one: {str(error)[:200]}"
            ) from None
        if best is None:
            best = time, is_naive(values), name
        elif _tells_the_same(best[0], time):
            unused.append(name)
        elif _tells_the_same(time, best[0]):
            unused.append(best[2])
            best = time, is_naive(values), name
        else:
            raise _differ(best[0], best[2].replace("the index", "an index"), time, name, what)
    return None if best is None else FrameTimes(best[0], best[1], tuple(name.strip("'\"") for name in unused))


def _tells_the_same(fine: Times, other: Times) -> bool:
    """Return whether `other` equals `fine`, or `fine` truncated to whole days, hours, minutes or less."""
    if np.array_equal(fine, other):
        return True
    return any(np.array_equal(fine - fine % step, other) for step in _STEPS)


def _day_and_clock(given: Sequence[tuple[Any, str]], what: str) -> FrameTimes | None:
    """Return days of one column plus the time of day of another, as in MetaTrader; None if they are not that."""
    clocks = [len(values) and values.map(_is_clock).all() for values, _ in given]
    if sorted(clocks) != [False, True]:
        return None
    (days, name), (clock, _) = given if clocks[1] else given[::-1]
    time = read_times(days, what, name)
    if (time % _DAY).any():
        return None
    text = clock.astype(str).str.strip().map(lambda cell: cell if cell.count(":") == 2 else f"{cell}:00")
    of_day = pd.to_timedelta(text, errors="coerce")
    if of_day.isna().any():
        return None
    return FrameTimes(time + of_day.dt.as_unit("ns").to_numpy().view(np.int64), True, ())


def _is_clock(cell: object) -> bool:
    return isinstance(cell, str) and _CLOCK.fullmatch(cell[:32]) is not None


def _differ(first: Times, first_name: str, second: Times, second_name: str, what: str) -> InputError:
    apart = second - first
    i = int(np.argmax(apart != 0))
    cure = "Drop or rename one."
    if (apart % _QUARTER == 0).all() and np.abs(apart).max() <= 14 * 4 * _QUARTER:
        cure = f"{float(np.abs(apart).max()) / (4 * _QUARTER):g} h apart: local time? Drop that one."
    return InputError(
        f"{what}: wanted one time; got {first_name} and {second_name} that differ: row {i} is "
        f"{stamp(int(first[i]))} and {stamp(int(second[i]))} (UTC). {cure}"
    )
