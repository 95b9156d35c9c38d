"""Steps between candles: the interval, and signs of daylight saving time or of times that are ends."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..checks import moment, shown, stamp
from ..errors import InputError

Times = NDArray[np.int64]

_UNITS = {
    "w": 604_800 * 10**9,
    "d": 86_400 * 10**9,
    "h": 3600 * 10**9,
    "m": 60 * 10**9,
    "s": 10**9,
    "ms": 10**6,
    "ns": 1,
}
_HOUR = 3600 * 10**9
_DAY = 24 * _HOUR
_SECOND = 10**9
_USUAL = np.array([1, 5, 10, 15, 30, 60, 180, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 28_800, 43_200, 86_400])
_SUNDAY = 3  # in days since 1970-01-01, a Thursday, modulo 7
_CHANGES = frozenset({3, 4, 9, 10, 11})  # months in which clocks change in some country
_BITMEX = frozenset({"homenotional", "foreignnotional"})  # columns that occur together only in its buckets


def interval_of(time: Times) -> tuple[int, bool]:
    """Return the interval between candles, ns, and whether it is their common step.

    The most frequent step, if half of the steps equal it or nearly all are multiples of it (candles without trades are
    omitted). Otherwise the median, or the usual interval within 5 % of it: rows that were polled.
    """
    steps, counts = np.unique(np.diff(time), return_counts=True)
    if not len(steps):
        return 0, True
    most = int(np.argmax(counts))
    step, share = int(steps[most]), counts[most] / counts.sum()
    on_grid = counts[steps % max(step, 1) == 0].sum() / counts.sum()
    if share >= 0.5 or (share >= 0.1 and on_grid >= 0.9):
        return step, True
    middle = int(np.median(np.diff(time)))
    usual = int(_USUAL[np.argmin(np.abs(np.log(_USUAL * _SECOND / max(middle, 1))))]) * _SECOND
    return (usual if abs(usual - middle) <= 0.05 * usual else middle), False


def interval_text(step: int, is_common: bool) -> str:
    """Return an interval, ns, as exchanges write it: "5m", "90s"; "~15m" if the candles have no common step."""
    step = step if is_common or step < _SECOND else step - step % _SECOND
    label = next((f"{step // ns}{unit}" for unit, ns in _UNITS.items() if step and step % ns == 0), "")
    return label if is_common else f"~{label}"


def clock_cure(time: Times, i: int) -> str:
    """Return advice if the time of row `i` is not after that before it and naive local times may be the reason."""
    if time[i - 1] - time[i] >= 2 * _HOUR or not _may_change(int(time[i])):
        return ""
    return (
        " Naive local times on a night when clocks go back? Convert them first: "
        "df['time'].dt.tz_localize('America/New_York', ambiguous='infer'), or your own zone."
    )


def skipped_hour(time: Times) -> str:
    """Return a note if one hour of naive times is missing on a night when clocks go forward; empty if not."""
    step, is_common = interval_of(time)
    if not is_common or not 0 < step <= _HOUR:
        return ""
    for i in np.flatnonzero(np.diff(time) == step + _HOUR):
        if _may_change(int(time[i]) + step):
            return (
                f"no candles from {stamp(int(time[i]) + step)} for an hour: are these naive local times, "
                "where clocks go forward? They are read as UTC"
            )
    return ""


def _may_change(time: int) -> bool:
    """Return whether a time is in the first hours of a Sunday in a month in which clocks change."""
    early = time % _DAY < 4 * _HOUR and time // _DAY % 7 == _SUNDAY
    return early and pd.Timestamp(time).month in _CHANGES


def are_ends(frame: Any, exchange: str) -> bool:
    """Return whether a table's times are the ends of its candles: BitMEX's buckets, recognised by their columns.

    ``exchange`` is as given; empty: unknown.
    """
    names = {name.replace("_", "").lower() for name in getattr(frame, "columns", ()) if isinstance(name, str)}
    return exchange.strip().lower() in ("", "bitmex") and names >= _BITMEX


def gaps_in(time: NDArray[np.int64], interval: int) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """Return the rows after which candles are missing, and how many whole ones, >= 1; times and interval in ns."""
    missing = np.rint(np.diff(time) / max(interval, 1)).astype(np.int64) - 1
    at = np.flatnonzero(missing > 0)
    return at, missing[at]


def rows_between(time: NDArray[np.int64], start: Any, end: Any) -> slice:
    """Return the rows with times, ns, in ``[start, end]``; None leaves that end open. InputError: there is none."""
    first = 0 if start is None else int(np.searchsorted(time, moment("start", start), "left"))
    stop = len(time) if end is None else int(np.searchsorted(time, moment("end", end), "right"))
    if first >= stop:
        raise InputError(
            f"between: wanted candles from {shown(start)} to {shown(end)}; got none. "
            f"The market has {stamp(int(time[0]))} to {stamp(int(time[-1]))} (UTC)."
        )
    return slice(first, stop)
