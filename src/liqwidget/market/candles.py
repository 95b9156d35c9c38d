"""Candles: what they must be, and what is done with empty cells and with prices a little outside their range."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .columns import CARRIED, MARK, REQUIRED, Floats, Table, stamp

Mask = NDArray[np.bool_]

_WIDEN = 0.01


@dataclass(frozen=True)
class Bars:
    """Checked candles: time in ns (T,), columns in order, each float64 (T,); which rows were touched, bool (T,)."""

    time: NDArray[np.int64]
    columns: dict[str, Floats]
    widened: Mask
    carried: dict[str, Mask] = field(default_factory=dict)

    def cut(self, rows: slice) -> Bars:
        """Return the bars of some rows."""
        columns = {name: values[rows] for name, values in self.columns.items()}
        carried = {name: mask[rows] for name, mask in self.carried.items()}
        return Bars(self.time[rows], columns, self.widened[rows], carried)


def check_candles(table: Table, previous_close: float = np.nan, keep: Sequence[str] | None = None) -> Bars:
    """Refuse what no candle can be. `keep` names the columns to come out, those absent as NaN; None keeps what is."""
    time = table.time
    if not len(time):
        raise InputError("candles: need at least one row; got an empty frame. Widen the range that was asked for.")
    if (wrong := np.diff(time) <= 0).any():
        i = int(np.argmax(wrong)) + 1
        if time[i] == time[i - 1]:
            raise InputError(
                f"candles: times must be unique; row {table.row[i]} is {stamp(int(time[i]))} again, "
                f"as row {table.row[i - 1]} (UTC). Keep one of them."
            )
        raise InputError(
            f"candles: times must increase; row {table.row[i]} is {stamp(int(time[i]))} after "
            f"{stamp(int(time[i - 1]))} (UTC). Sort by time, or pass sort=True."
        )
    columns = {name: table.numbers(name) for name in (*REQUIRED, *CARRIED, *MARK) if name in table.cells}
    for name, values in columns.items():
        empty = np.isnan(values)
        if name in REQUIRED[:4] or name in MARK:
            wrong = ~(np.isfinite(values) & (values > 0)) & ~(empty & (name in MARK))
            wanted = "a finite price above 0"
        elif name == "funding_rate":
            wrong, wanted = np.isinf(values), "a finite number"
        else:
            wrong = ~(np.isfinite(values) & (values >= 0)) & ~(empty & (name != "volume"))
            wanted = "a finite number, 0 or more"
        table.refuse(wrong, values, name, wanted, "Repair it, or drop the row: missing candles are allowed.")
    widened = _widen(table, columns, previous_close)
    if keep is None:
        columns = {name: values for name, values in columns.items() if name in REQUIRED or not np.isnan(values).all()}
    if ("mark_low" in columns) != ("mark_high" in columns):
        there, absent = MARK if "mark_low" in columns else MARK[::-1]
        raise InputError(f"candles: need mark_low and mark_high, or neither; got {there} without {absent}. Add it.")
    if "mark_low" in columns and (wrong := columns["mark_high"] < columns["mark_low"]).any():
        i = int(np.argmax(wrong))
        raise InputError(
            f"candles: mark_high must not be below mark_low; {table.at(i)} has {columns['mark_high'][i]} below "
            f"{columns['mark_low'][i]}. Are the two swapped?"
        )
    if keep is not None:
        columns = {name: columns.get(name, np.full(len(time), np.nan)) for name in keep}
    return Bars(time, columns, widened)


def join(base: Bars, new: Bars) -> Bars:
    """Return the bars of `new` behind those of `base`, which must have the same columns."""

    def lengthen(mask: Mask) -> Mask:
        return np.concatenate([mask, np.zeros(len(new.time), bool)])

    columns = {name: np.concatenate([values, new.columns[name]]) for name, values in base.columns.items()}
    carried = {name: lengthen(mask) for name, mask in base.carried.items()}
    return Bars(np.concatenate([base.time, new.time]), columns, np.concatenate([base.widened, new.widened]), carried)


def carry(bars: Bars, forming: dict[str, float], start: int = 0) -> Bars:
    """Fill empty cells with the last value and mark them; row `start` with the values of `forming` where it has any."""
    columns, carried = dict(bars.columns), {}
    for name in bars.columns:
        if name in REQUIRED:
            continue
        values = columns[name]
        empty = np.isnan(values)
        if name in MARK:
            carried[name] = empty
            continue
        if forming and empty[start]:
            values[start] = forming[name]
        source = np.maximum.accumulate(np.where(np.isnan(values), -1, np.arange(len(values))))
        columns[name] = np.where(source >= 0, values[source], np.nan)
        old = bars.carried.get(name, np.zeros(len(values), bool))
        carried[name] = old | (empty & ~np.isnan(columns[name]))
    return Bars(bars.time, columns, bars.widened, carried)


def _widen(table: Table, columns: dict[str, Floats], previous_close: float) -> Mask:
    """Move high and low in `columns` to take in open and close; refuse what is too far off."""
    high, low = columns["high"], columns["low"]
    if (wrong := high < low).any():
        i = int(np.argmax(wrong))
        raise InputError(
            f"candles: high must not be below low; {table.at(i)} has {high[i]} below {low[i]}. Are the two swapped?"
        )
    before = np.concatenate([[previous_close], columns["close"][:-1]])
    for name in ("open", "close"):
        value = columns[name]
        far = (value > high * (1 + _WIDEN)) | (value < low * (1 - _WIDEN))
        far &= (value != before) if name == "open" else True
        if far.any():
            i = int(np.argmax(far))
            raise InputError(
                f"candles: {name} must be between low and high (1 % of slack); {table.at(i)} has {value[i]} outside "
                f"{low[i]} to {high[i]}. Repair it, or drop the row: missing candles are allowed."
            )
    columns["high"] = np.maximum(high, np.maximum(columns["open"], columns["close"]))
    columns["low"] = np.minimum(low, np.minimum(columns["open"], columns["close"]))
    return (columns["high"] > high) | (columns["low"] < low)


def merged_candles(candles: Any, width: int) -> Any:
    """Return candles of ``width`` rows each, the last one of what is left."""
    if width <= 1:
        return candles
    how = {"open": "first", "high": "max", "low": "min", "volume": "sum", "taker_buy_volume": "sum"}
    group = np.arange(len(candles)) // width
    merged = candles.groupby(group).agg({name: how.get(name, "last") for name in candles})
    merged.index = candles.index[::width]
    return merged
