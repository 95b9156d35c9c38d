"""The range of time that a user requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...checks import is_finite, moment, shown, stamp
from ...errors import InputError
from ..venues.venue import DAY, opening

MS = 1_000_000  # ns
_EARLIEST = 1_230_768_000_000  # 2009-01-01, before there was a price
_MOST_DAYS = 20_000  # more than there are since 2009
_MOST = 6_000_000  # candles: eleven years of minutes


@dataclass(frozen=True)
class Wanted:
    """Requested candles: open times ``start <= time < end`` in ms; `live`: up to now, by the venue's clock."""

    start: int
    end: int
    step: int
    live: bool


def wanted(start: Any, end: Any, days: Any, step: int, now: int) -> Wanted:
    """Return the range for `start`, `end` and `days` as `liqwidget.fetch` takes them.

    Raises
    ------
    InputError
        One cannot be read, all three are given, or no whole candle lies between.
    """
    if days is not None and not (is_finite(days) and 0 < days <= _MOST_DAYS):
        raise InputError(f"days: wanted a number above 0, at most {_MOST_DAYS:,}; got {shown(days)}.")
    if None not in (start, end, days):
        raise InputError("fetch: wanted at most two of start, end and days; got all three. Leave one out.")
    length = int((7 if days is None else days) * DAY)
    last = now if end is None else min(moment("end", end) // MS, now)
    if start is not None:
        first = moment("start", start) // MS
        last = min(first + length, now) if days is not None else last
    else:
        first = last - length
    if first < _EARLIEST:
        raise InputError(f"start: wanted a time since 2009; got {stamp(first * MS)}.")
    first, last = opening(first + step - 1, step), opening(last, step)
    if last <= first:
        raise InputError(
            f"fetch: wanted a range of at least one candle; got {stamp(first * MS)} to {stamp(last * MS)} (UTC). "
            "Widen the range, or take a shorter interval."
        )
    if (last - first) // step > _MOST:
        raise InputError(
            f"fetch: wanted at most {_MOST:,} candles; got a range of {(last - first) // step:,}. Fetch it in parts."
        )
    return Wanted(first, last, step, live=last >= now - step)
