"""Joins rows of several kinds into one table of candles.

A candle that opens at t with step s closes at t + s. Its optional values are those known at its close: the last
snapshot or settlement with ``time <= t + s``, unless that is older than the kind allows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ..rows import Rows, Times
from ..venues.venue import HOUR, MINUTE, Kind

#: How old a value may be at a candle's close, ms, if that is more than one step: the finest snapshots come every five
#: minutes, settlements less often.
FRESH: Mapping[Kind, int] = {
    **dict.fromkeys(("open_interest", "long_short", "ratios"), 5 * MINUTE - 1),
    "funding": 24 * HOUR,
}


def assemble(parts: Mapping[Kind, Rows], step: int) -> pd.DataFrame:
    """Join rows on the candles' open times.

    Parameters
    ----------
    parts
        Tidy rows by kind; "candles" is required. Times of "mark" and "taker" are open times, as those of candles; times
        of the others are times of observation.
    step
        The candles' interval, ms.

    Returns
    -------
    DataFrame
        Index ``time`` (UTC, open times), the candles' columns, and those of the other kinds, NaN where a candle has
        no value. Columns without any value are omitted.
    """
    candles = parts["candles"]
    index = pd.DatetimeIndex(candles.time.view("datetime64[ms]").astype("datetime64[ns]"), name="time")
    columns = dict(candles.columns)
    for kind, rows in parts.items():
        if kind == "open_interest":  # the last known value; exchanges and older caches have 0 where there is none
            rows = rows.taken(rows.columns["open_interest"] > 0)
        if kind == "candles" or not len(rows):
            continue
        at, good = (_same if kind in ("mark", "taker") else _as_of)(rows, candles.time, step, kind)
        for name, values in rows.columns.items():
            columns[name] = np.where(good, values[at], np.nan)
    some = {name: values for name, values in columns.items() if not np.isnan(values).all()}
    return pd.DataFrame(some, index.tz_localize("UTC"))


def _same(rows: Rows, time: Times, _step: int, _kind: Kind) -> tuple[Any, Any]:
    at = np.minimum(np.searchsorted(rows.time, time), len(rows) - 1)
    return at, rows.time[at] == time


def _as_of(rows: Rows, time: Times, step: int, kind: Kind) -> tuple[Any, Any]:
    close = time + step
    at = np.searchsorted(rows.time, close, "right") - 1
    good = (at >= 0) & (close - rows.time[np.maximum(at, 0)] < max(step, FRESH[kind] + 1))
    return np.maximum(at, 0), good
