"""Checks of candles, and how empty cells and prices slightly outside their range are handled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from ..checks import stamp
from ..errors import InputError
from .clock import clock_cure, interval_of, skipped_hour
from .columns import CARRIED, MARK, REQUIRED, Floats, Table
from .row_layouts import likely_order

if TYPE_CHECKING:
    import pandas as pd

    class Candles(pd.DataFrame):
        """For type checkers only: a DataFrame whose index is known to be a DatetimeIndex (UTC)."""

        @property
        def index(self) -> pd.DatetimeIndex:
            """Open times, UTC."""

        @index.setter
        def index(self, idx: Any) -> None: ...


Mask = NDArray[np.bool_]

_ENDS = "BitMEX's times are the ends of candles: an interval was subtracted"
_WIDEN = 0.01
_NEAR = 0.1  # share of the close
_FEW, _ENOUGH = 2, 20  # candles: this many may be widened whatever their share; this many show where a candle opens


@dataclass(frozen=True)
class Bars:
    """Checked candles: time in ns (T,), columns in order, each float64 (T,); which rows were changed, bool (T,).

    `notes`: facts that a reader has to know, one sentence each.
    """

    time: NDArray[np.int64]
    columns: dict[str, Floats]
    widened: Mask
    carried: dict[str, Mask] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def cut(self, rows: slice) -> Bars:
        """Return the bars of some rows."""
        columns = {name: values[rows] for name, values in self.columns.items()}
        carried = {name: mask[rows] for name, mask in self.carried.items()}
        return Bars(self.time[rows], columns, self.widened[rows], carried, self.notes)


def check_candles(table: Table, previous_close: float = np.nan, keep: Sequence[str] | None = None) -> Bars:
    """Raise InputError for impossible candles. `keep`: columns to return, NaN where absent; None: those present."""
    time = table.time
    if not len(time):
        raise InputError("candles: wanted at least one row; got an empty frame. Widen the requested range.")
    if (wrong := np.diff(time) <= 0).any():
        i = int(np.argmax(wrong)) + 1
        clocks = clock_cure(time, i) if table.naive else ""
        if time[i] == time[i - 1]:
            raise InputError(
                f"candles: times must be unique; row {table.row[i]} is {stamp(int(time[i]))} again, "
                f"as row {table.row[i - 1]} (UTC). Keep one of them.{clocks}"
            )
        raise InputError(
            f"candles: times must increase; row {table.row[i]} is {stamp(int(time[i]))} after "
            f"{stamp(int(time[i - 1]))} (UTC). Sort by time, or pass sort=True.{clocks}"
        )
    columns = {name: table.numbers(name) for name in (*REQUIRED, *CARRIED, *MARK) if name in table.cells}
    if "open_interest" in columns:
        columns["open_interest"] = known_interest(columns["open_interest"])
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
        given, absent = MARK if "mark_low" in columns else MARK[::-1]
        raise InputError(f"candles: wanted mark_low and mark_high, or neither; got {given} without {absent}. Add it.")
    if "mark_low" in columns and (wrong := columns["mark_high"] < columns["mark_low"]).any():
        i = int(np.argmax(wrong))
        raise InputError(
            f"candles: mark_high must not be below mark_low; {table.at(i)} has {columns['mark_high'][i]} below "
            f"{columns['mark_low'][i]}. Are the two swapped?"
        )
    notes = (note,) if table.naive and (note := skipped_hour(time)) else ()
    if keep is not None:
        columns = {name: columns.get(name, np.full(len(time), np.nan)) for name in keep}
    return Bars(time, columns, widened, notes=notes)


def known_interest(values: Floats) -> Floats:
    """Return open interest with NaN for 0: exchanges write 0 where they have no value."""
    return np.where(values == 0, np.nan, values)


def opened_before(bars: Bars) -> Bars:
    """Return candles whose times were their ends, with open times instead."""
    step = interval_of(bars.time)[0]
    return replace(bars, time=bars.time - step, notes=(*bars.notes, _ENDS)) if step else bars


def join(base: Bars, new: Bars) -> Bars:
    """Return the bars of `base` followed by those of `new`, which must have the same columns."""

    def lengthen(mask: Mask) -> Mask:
        return np.concatenate([mask, np.zeros(len(new.time), bool)])

    columns = {name: np.concatenate([values, new.columns[name]]) for name, values in base.columns.items()}
    carried = {name: lengthen(mask) for name, mask in base.carried.items()}
    widened = np.concatenate([base.widened, new.widened])
    notes = tuple(dict.fromkeys((*base.notes, *new.notes)))
    return Bars(np.concatenate([base.time, new.time]), columns, widened, carried, notes)


def carry(bars: Bars, forming: dict[str, float], start: int = 0, *, is_inverse: bool = False) -> Bars:
    """Fill empty cells with the last value and mark them; in row `start`, values of `forming` come first.

    What stays the same of an inverse contract's open interest is its USD, not its coins.
    """
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
        if is_inverse and name == "open_interest":
            close = columns["close"]
            columns[name] = np.where(empty, columns[name] * close[source] / close, columns[name])
        old = bars.carried.get(name, np.zeros(len(values), bool))
        carried[name] = old | (empty & ~np.isnan(columns[name]))
    return Bars(bars.time, columns, bars.widened, carried, bars.notes)


def _widen(table: Table, columns: dict[str, Floats], previous_close: float) -> Mask:
    """Move high and low in `columns` to include open and close; raise InputError if these are too far outside."""
    high, low = columns["high"], columns["low"]
    before = np.concatenate([[previous_close], columns["close"][:-1]])
    _refuse_another_order(table, columns, before)
    if (wrong := high < low).any():
        i = int(np.argmax(wrong))
        raise InputError(
            f"candles: high must not be below low; {table.at(i)} has {high[i]} below {low[i]}. Are the two swapped?"
        )
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


def _refuse_another_order(table: Table, columns: dict[str, Floats], before: Floats) -> None:
    """Raise InputError if the columns are unlikely to be open, high, low and close.

    An open equal to the previous close (`before`) may lie anywhere: some venues define it so.
    """
    opened, high, low, close = (columns[name] for name in REQUIRED[:4])
    wrong = (((opened > high) | (opened < low)) & (opened != before)) | (close > high) | (close < low)
    if wrong.sum() > max(len(wrong) / 2, _FEW):
        i = int(np.argmax(wrong))
        cells = ", ".join(f"{name} {columns[name][i]}" for name in REQUIRED[:4])
        order = likely_order(columns)
        cure = f"They look like {order}: rename them." if order else "Are the columns in another order?"
        raise InputError(
            f"candles: wanted open and close between low and high; {int(wrong.sum()):,} of {len(wrong):,} candles are "
            f"outside, first {table.at(i)}: {cells}. {cure}"
        )
    volume = columns["volume"]
    with np.errstate(all="ignore"):
        priced = np.abs(volume / close - 1) < _NEAR
    if len(close) > _ENOUGH and priced.mean() > 0.95 and np.ptp(volume) > 0:
        raise InputError(
            f"candles: wanted a volume; got {int(priced.sum()):,} of {len(close):,} that are within {_NEAR:.0%} of the "
            "close. Is that column a price? Rename the columns."
        )
    forward, backward = np.abs(opened[1:] - close[:-1]), np.abs(close[1:] - opened[:-1])
    if len(close) > _ENOUGH and np.median(forward) > 10 * np.median(backward) and (backward <= forward).mean() > 0.9:
        raise InputError(
            f"candles: wanted opens near the close before; got {len(close):,} candles whose close is near the open "
            "before. Swap open and close, or reverse the times."
        )


def merged_candles(candles: Candles, width: int) -> Candles:
    """Return candles of ``width`` rows each; the last one may be shorter."""
    if width <= 1:
        return candles
    how = {"open": "first", "high": "max", "low": "min", "volume": "sum", "taker_buy_volume": "sum"}
    group = np.arange(len(candles)) // width
    merged = candles.groupby(group).agg({name: how.get(str(name), "last") for name in candles})
    merged.index = candles.index[::width]
    return cast("Candles", merged)


def decimals_of(prices: Floats) -> int:
    """Return how many decimals prices need, 0 to 12, to one part in 1e9."""
    for decimals in range(12):
        prices = prices[np.abs(np.round(prices, decimals) - prices) > 1e-9 * prices]
        if not len(prices):
            return decimals
    return 12
