"""Candles from lists of trades, which are too long to hold in memory.

Trades are ordered by time and, at the same time, by Binance's trade id or by their position in Bybit's file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import compute

from ...checks import shown, stamp
from ...errors import ParseError
from ...market.columns import Floats
from ..rows import Rows, Times
from ..venues.venue import opening
from .contents import COLUMNS, check_span, moments
from .csv_blocks import read_tables
from .file_names import Dump
from .unpack import Read

_SLACK = 1_000_000  # us: within this time a file's trades may be in any order
_BUSIEST = 1 << 20  # trades in that time: more than any venue ever had

_DECIMALS = 8  # of an amount of coins

#: How candles are merged into one.
_REDUCED: Mapping[str, str] = {
    **dict.fromkeys(("high", "mark_high"), "max"),
    **dict.fromkeys(("low", "mark_low"), "min"),
    **dict.fromkeys(("volume", "taker_buy_volume"), "sum"),
    "open": "first",
    "close": "last",
}


def reduce_rows(rows: Rows, step: int) -> tuple[Rows, NDArray[np.int64]]:
    """Merge sorted candles (or trades) into candles of `step` ms; return these and how many were merged into each."""
    start = opening(rows.time, step)
    first = np.flatnonzero(np.concatenate([[True], start[1:] != start[:-1]]))[: len(rows)]
    count = np.diff(np.append(first, len(rows)))
    columns = {}
    for name, values in rows.columns.items():
        how = _REDUCED[name]
        if how in ("first", "last"):
            columns[name] = values[first if how == "first" else first + count - 1]
        elif len(first):
            ufunc = {"max": np.maximum, "min": np.minimum, "sum": np.add}[how]
            columns[name] = ufunc.reduceat(values, first)
        else:
            columns[name] = np.zeros(0)
    return Rows(start[first], columns), count


def coarser(rows: Rows, step: int, wanted: int) -> tuple[Rows, int]:
    """Merge tidy candles of `step` into ones of `wanted` ms; return these and how many incomplete ones were dropped."""
    if step == wanted:
        return rows, 0
    whole, count = reduce_rows(rows, wanted)
    full = count == wanted // step
    return _summed(whole.taken(full)), int((~full).sum())


def _summed(rows: Rows) -> Rows:
    """Return candles whose volumes are the floats that their texts give: a sum has no more decimals than its parts."""
    columns = {
        name: values.round(_DECIMALS) if _REDUCED[name] == "sum" else values for name, values in rows.columns.items()
    }
    return Rows(rows.time, columns)


def read_trades(read: Read, dump: Dump, step: int) -> tuple[Rows, dict[str, int]]:
    """Build candles from a file of trades, a block at a time.

    Parameters
    ----------
    read
        The file's CSV.
    dump
        Its name and type: Binance's `aggTrades`, or Bybit's.
    step
        The candles' interval, ms.

    Returns
    -------
    rows : Rows
        A candle for each interval with a trade, tidy.
    counts : dict
        "rows" read; duplicate trades, "again"; trades of other days than the file's, "astray". The last two were left
        out.

    Raises
    ------
    ParseError
        An invalid trade, one id with two trades, or a file that is not sorted (up or down, to a second).
    """
    tape = _Tape(dump, step)
    for table in read_tables(read, dump):
        tape.feed(table)
    return tape.candles(), tape.counts


class _Tape:
    """Converts trades to candles; holds only the trades of the last second."""

    def __init__(self, dump: Dump, step: int) -> None:
        self._dump, self._step = dump, step
        self._id = "agg_trade_id" if dump.content == "aggTrades" else "trdMatchID"
        self._held: Any = None
        self._falling: bool | None = None
        self._edge: int | None = None  # us: trades up to here were processed
        self._parts: list[Rows] = []
        self.counts = {"rows": 0, "again": 0, "astray": 0}

    def feed(self, table: Any) -> None:
        """Add trades."""
        self.counts["rows"] += table.num_rows
        if self._held is not None:
            table = pa.concat_tables([self._held, table])
        self._give(self._once(table), last=False)

    def candles(self) -> Rows:
        """Return the candles of all trades."""
        if self._held is not None:
            self._give(self._held, last=True)
        parts = self._parts[::-1] if self._falling else self._parts
        rows = reduce_rows(Rows.joined(parts, COLUMNS[self._dump.content]), self._step)[0]
        return rows if self._dump.usd else _summed(rows)

    def _times(self, table: Any) -> Times:
        if self._dump.content == "aggTrades":
            return moments(table.column("transact_time").to_numpy(), self._dump)
        seconds = table.column("timestamp").to_numpy()
        if (wrong := (seconds < 1e8) | (seconds > 4.1e9)).any():
            raise ParseError(
                f"{self._dump.name}: timestamp must be in seconds since 1970; got {seconds[wrong][0]}. "
                "Download the file again."
            )
        time: Times = np.round(seconds * 1e6).astype(np.int64)
        check_span(time, self._dump)
        return time

    def _once(self, table: Any) -> Any:
        """Drop trades with a repeated id."""
        ids = table.column(self._id)
        if compute.count_distinct(ids).as_py() == len(ids):
            return table
        frame = table.to_pandas()
        again = frame.duplicated(self._id)
        if len(other := frame[again & ~frame.duplicated()]):
            raise ParseError(
                f"{self._dump.name}: wanted one trade per id; got {shown(other[self._id].iloc[0])} twice, with "
                "differences. Download the file again."
            )
        self.counts["again"] += int(again.sum())
        return table.filter(pa.array(~again.to_numpy()))

    def _give(self, table: Any, last: bool) -> None:
        """Build candles of the trades that no later block can precede (or of all, if these are the last)."""
        time = self._times(table)
        if self._falling is None:
            self._falling = bool(time[-1] < time[0])
        edge = int(time.min()) + _SLACK if self._falling else int(time.max()) - _SLACK
        ready = np.full(len(time), True) if last else (time > edge if self._falling else time < edge)
        self._held = None if last else table.filter(pa.array(~ready))
        if self._held is not None and self._held.num_rows > _BUSIEST:
            raise ParseError(
                f"{self._dump.name}: wanted at most {_BUSIEST:,} trades a second; got more. Download the file again."
            )
        if not ready.any():
            return
        out = time[ready]
        if self._edge is not None and (out.max() > self._edge if self._falling else out.min() < self._edge):
            wrong = int(out.max() if self._falling else out.min())
            raise ParseError(
                f"{self._dump.name}: wanted trades by time, to a second; {stamp(wrong * 1000)} comes after "
                f"{stamp(self._edge * 1000)} (UTC). Sort the file, or download it again."
            )
        self._edge = edge
        self._parts.append(self._part(table, time, ready))

    def _part(self, table: Any, time: Times, ready: NDArray[np.bool_]) -> Rows:
        binance = self._dump.content == "aggTrades"
        price = table.column("price").to_numpy()
        size = table.column("quantity" if binance else "size").to_numpy()
        self._check(price, price > 0, "price must be above 0")
        self._check(size, size >= 0, "size must be 0 or more")
        if self._dump.usd:
            size = size * self._dump.usd / price
        if binance:
            bought, place = ~table.column("is_buyer_maker").to_numpy(), table.column("agg_trade_id").to_numpy()
        else:
            bought, place = self._side(table), np.arange(len(time))
            place = -place if self._falling else place
        inside = (time >= self._dump.start * 1000) & (time < self._dump.end * 1000)
        self.counts["astray"] += int((ready & ~inside).sum())
        order = np.lexsort((place, time))
        order = order[(ready & inside)[order]]
        price, size, bought = price[order], size[order], bought[order]
        columns = dict.fromkeys(("open", "high", "low", "close"), price) | {
            "volume": size,
            "taker_buy_volume": np.where(bought, size, 0.0),
        }
        return reduce_rows(Rows(time[order] // 1000, columns), self._step)[0]

    def _side(self, table: Any) -> NDArray[np.bool_]:
        side = table.column("side")
        bought = compute.equal(side, "Buy").to_numpy()
        if not (bought | compute.equal(side, "Sell").to_numpy()).all():
            others = [text for text in compute.unique(side).to_pylist() if text not in ("Buy", "Sell")]
            raise ParseError(
                f"{self._dump.name}: side must be Buy or Sell; got {shown(others[0])}. Download the file again."
            )
        return np.asarray(bought, bool)

    def _check(self, values: Floats, good: NDArray[np.bool_], what: str) -> None:
        if not good.all():
            raise ParseError(f"{self._dump.name}: {what}; got {values[~good][0]}. Download the file again.")
