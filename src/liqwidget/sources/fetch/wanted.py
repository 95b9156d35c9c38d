"""The range of time that a user asks for."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Any

import pandas as pd

from ...errors import InputError
from ...market.columns import shown, stamp
from ..venues.venue import DAY

_EARLIEST = 1_230_768_000_000  # 2009-01-01, before there was a price
_MOST = 6_000_000  # candles: eleven years of minutes


@dataclass(frozen=True)
class Wanted:
    """Candles wanted: open times ``start <= time < end`` in ms; `live`: up to now, whatever now is to the venue."""

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
    if days is not None and (
        isinstance(days, bool) or not isinstance(days, int | float) or not isfinite(days) or days <= 0
    ):
        raise InputError(f"days: need a number above 0; got {shown(days)}.")
    if None not in (start, end, days):
        raise InputError("fetch: need at most two of start, end and days; got all three. Leave one out.")
    length = int((7 if days is None else days) * DAY)
    last = now if end is None else min(_moment("end", end), now)
    if start is not None:
        first = _moment("start", start)
        last = min(first + length, now) if days is not None else last
    else:
        first = last - length
    if first < _EARLIEST:
        raise InputError(f"start: need a time since 2009; got {stamp(first * 1_000_000)}.")
    first, last = -(-first // step) * step, last // step * step
    if last <= first:
        raise InputError(
            f"fetch: need room for a whole candle; {stamp(first * 1_000_000)} to {stamp(last * 1_000_000)} (UTC) has "
            "none. Widen the range, or take a shorter interval."
        )
    if (last - first) // step > _MOST:
        raise InputError(f"fetch: at most {_MOST:,} candles at a time; this range has {(last - first) // step:,}.")
    return Wanted(first, last, step, live=last >= now - step)


def _moment(name: str, value: Any) -> int:
    try:
        time = pd.NaT if isinstance(value, int | float) else pd.Timestamp(value)
        if time is pd.NaT:
            raise TypeError
        time = time.tz_localize("UTC") if time.tzinfo is None else time.tz_convert("UTC")
        return int(time.as_unit("ns").value) // 1_000_000
    except (TypeError, ValueError, OverflowError, AttributeError):
        raise InputError(f"{name}: need a date or time, such as '2026-11-01' (UTC); got {shown(value)}.") from None
