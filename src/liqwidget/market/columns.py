"""From any DataFrame to named float64 columns and UTC times: recognition of columns, parsing of cells.

What the cells may hold is checked in `candles.py` and `liquidations.py`.
Row numbers in messages are positions in what came, from 0.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import InputError

Floats = NDArray[np.float64]

REQUIRED = ("open", "high", "low", "close", "volume")
CARRIED = ("open_interest", "taker_buy_volume", "funding_rate", "long_short_ratio")
MARK = ("mark_low", "mark_high")

CANDLE_NAMES = {  # squeezed: lower case, without spaces, underscores, hyphens and dots
    "open": frozenset({"open", "o"}),
    "high": frozenset({"high", "h"}),
    "low": frozenset({"low", "l"}),
    "close": frozenset({"close", "c"}),
    "volume": frozenset({"volume", "vol", "v", "basevolume"}),
    "open_interest": frozenset({"openinterest", "oi", "sumopeninterest"}),
    "taker_buy_volume": frozenset(
        {"takerbuyvolume", "takerbuybase", "takerbuybasevolume", "takerbuybaseassetvolume"},
    ),
    "funding_rate": frozenset({"fundingrate", "lastfundingrate"}),
    "long_short_ratio": frozenset({"longshortratio", "countlongshortratio"}),
    "mark_low": frozenset({"marklow"}),
    "mark_high": frozenset({"markhigh"}),
}
LIQUIDATION_NAMES = {
    "side": frozenset({"side"}),
    "price": frozenset({"price"}),
    "quantity": frozenset({"quantity", "qty", "size", "amount", "origqty"}),
    "notional": frozenset({"notional", "usd", "notionalusd", "usdvalue"}),
}
_ROWS = {6: ["time", *REQUIRED], 12: ["time", *REQUIRED, "close_time", "quote_volume", "count", "taker_buy_volume"]}
TIME_NAMES = frozenset({"time", "timestamp", "date", "datetime", "opentime", "starttime", "ts", "t", "dt"})

_BOUNDS_NS = (pd.Timestamp.min.value, pd.Timestamp.max.value)
_EPOCH_UNITS = ((1e8, 10**9), (1e11, 10**6), (1e14, 10**3), (1e17, 1))  # from this size on, this many ns each
_NUMBERS = (str, int, float, Decimal, np.integer, np.floating)
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 40


def shown(value: object) -> str:
    """Return a short, printable form of anything, for a message."""
    try:
        return _SHORT.repr(value.item() if isinstance(value, np.generic) else value)
    except Exception:  # a hostile __repr__, or an int beyond Python's digit limit
        return f"<{type(value).__name__[:40]}>"


def stamp(time_ns: int) -> str:
    """Return nanoseconds since 1970 as text, UTC: ``2024-01-01 11:05``, with seconds only where there are some."""
    time = pd.Timestamp(time_ns)
    if time_ns % (60 * 10**9) == 0:
        return str(time.strftime("%Y-%m-%d %H:%M"))
    return str(time.isoformat(sep=" "))


@dataclass(frozen=True)
class Table:
    """Recognised columns of one frame, in time order as asked.

    Attributes
    ----------
    what
        What the frame holds ("candles"), the first word of every message.
    time
        int64, shape (T,): nanoseconds since 1970, UTC.
    cells
        Column by field name, as it came, in the order of `time`.
    row
        int64, shape (T,): position of each row in what came.
    ignored
        Names of columns that were not recognised.
    """

    what: str
    time: NDArray[np.int64]
    cells: Mapping[str, Any]
    row: NDArray[np.int64]
    ignored: tuple[str, ...]

    def numbers(self, field: str) -> Floats:
        """Return a column as float64, shape (T,), empty cells as NaN; InputError names the first cell that is none."""
        return _numbers(self.cells[field], lambda i: f"{self.what}: {field} must be a number; {self.at(i)}")

    def at(self, i: int) -> str:
        """Return the name of row `i` of the table: its position in what came and its time."""
        return f"row {self.row[i]} ({stamp(int(self.time[i]))} UTC)"

    def refuse(self, wrong: NDArray[np.bool_], values: Floats, field: str, wanted: str, cure: str) -> None:
        """Raise InputError at the first row where `wrong` holds."""
        if wrong.any():
            i = int(np.argmax(wrong))
            raise InputError(f"{self.what}: {field} must be {wanted}; {self.at(i)} has {values[i]!s}. {cure}")


def read_table(
    frame: Any, what: str, aliases: Mapping[str, frozenset[str]], required: Sequence[str], *, sort: bool
) -> Table:
    """Find the time and the known columns of a DataFrame.

    Parameters
    ----------
    frame
        DataFrame with a DatetimeIndex, or with a column or index that has a name of `TIME_NAMES`.
    what
        First word of the messages.
    aliases
        Squeezed names (see `TIME_NAMES`) by field.
    required
        Fields that must be there.
    sort
        Order the rows by time; rows of the same time stay in order.

    Raises
    ------
    InputError
        Not a DataFrame, a column is missing or there twice, or a time cannot be read.
    """
    if not isinstance(frame, pd.DataFrame):
        raise InputError(
            f"{what}: need a pandas DataFrame; got {type(frame).__name__}. Convert it first (polars: df.to_pandas())."
        )
    names = _flat_names(frame.columns, what)
    got = f"got {', '.join(shown(name) for name in names[:20])}" if names else "got no columns"
    got += f" and {len(names) - 20} more" if len(names) > 20 else ""
    fields = {alias: field for field, some in aliases.items() for alias in some} | dict.fromkeys(TIME_NAMES, "time")
    found: dict[str, int] = {}
    ignored = []
    for position, name in enumerate(names):
        field = fields.get(_squeezed(name))
        if field is None:
            ignored.append(name if isinstance(name, str) else shown(name))
        elif field in found:
            raise InputError(
                f"{what}: one column must be {field}; {shown(names[found[field]])} and {shown(name)} both are. "
                "Drop or rename one."
            )
        else:
            found[field] = position
    if missing := [field for field in required if field not in found]:
        raise InputError(
            f"{what}: need the columns {', '.join(required)}; missing {', '.join(missing)}; {got}. Rename the columns."
        )
    time = _frame_times(frame, what, found.pop("time", None), names, got)
    row = np.argsort(time, kind="stable") if sort else np.arange(len(time))
    ordered = bool((row[1:] > row[:-1]).all())
    columns = {field: frame.iloc[:, position] for field, position in found.items()}
    cells = columns if ordered else {field: column.iloc[row] for field, column in columns.items()}
    return Table(what, time[row], cells, row, tuple(ignored))


def as_frame(candles: Any) -> Any:
    """Name the columns of candles that have only positions; return anything else as it is.

    Parameters
    ----------
    candles
        Rows of 6 (ccxt) or 12 (Binance) cells, or a DataFrame whose columns are 0 to 5 or 0 to 11.

    Raises
    ------
    InputError
        A list that does not hold such rows.
    """
    if isinstance(candles, list | tuple):
        for i, row in enumerate(candles):
            if not isinstance(row, list | tuple) or len(row) not in _ROWS or len(row) != len(candles[0]):
                raise InputError(
                    f"candles: need rows [ms, open, high, low, close, volume]; row {i} is {shown(row)}. "
                    "Pass what ccxt's fetch_ohlcv returns, or a DataFrame."
                )
        candles = pd.DataFrame(list(candles), columns=range(len(candles[0]) if candles else 6))
    if isinstance(candles, pd.DataFrame) and len(candles.columns) in _ROWS:
        width = len(candles.columns)
        if list(candles.columns) == list(range(width)):
            names = _ROWS[width]
            return candles.set_axis(names + [f"column {i}" for i in range(len(names), width)], axis=1)
    return candles


def _squeezed(name: object) -> str:
    return re.sub(r"[\s_.\-]+", "", name[:64]).lower() if isinstance(name, str) else ""


def _flat_names(columns: Any, what: str) -> list[Any]:
    """Column names; of yfinance's pairs (field, ticker) the first, where there is one ticker alone."""
    if columns.nlevels == 1:
        return list(columns)
    levels = [columns.get_level_values(i) for i in range(columns.nlevels)]
    many = [level for level in levels if level.nunique() > 1]
    if len(many) > 1:
        raise InputError(
            f"{what}: need one name a column; got pairs such as {shown(columns[0])} with several of each. "
            "Pick one symbol first, for example df.xs('BTC-USD', axis=1, level=1)."
        )
    return list(many[0] if many else levels[0])


def _frame_times(frame: Any, what: str, column: int | None, names: list[Any], got: str) -> NDArray[np.int64]:
    index = frame.index
    named = isinstance(index, pd.DatetimeIndex) or _squeezed(index.name) in TIME_NAMES
    texts = column is None and index.nlevels == 1 and index.dtype.kind in "OM"
    from_index = _times(index.to_series(), what, "the index") if named or texts else None
    from_column = None if column is None else _times(frame.iloc[:, column], what, shown(names[column]))
    found = from_column if from_index is None else from_index
    if found is None:
        raise InputError(
            f"{what}: need a time: a DatetimeIndex, or a column named time, timestamp, date or open_time; {got} "
            f"and an index of {index.dtype}. Name the column, or df.set_index(pd.to_datetime(...))."
        )
    if from_index is not None and from_column is not None and not np.array_equal(from_index, from_column):
        raise InputError(
            f"{what}: one column must be time; the index and {shown(names[column or 0])} differ. Drop or rename one."
        )
    return found


def _times(values: Any, what: str, name: str) -> NDArray[np.int64]:
    """Nanoseconds since 1970, UTC, of datetimes (naive is UTC), ISO 8601 text, or epoch numbers of any usual unit."""
    if not isinstance(values.dtype, np.dtype | pd.DatetimeTZDtype):
        values = values.astype(object)
    kind = values.dtype.kind
    if kind in "iuf" or (kind == "O" and _starts_with_number(values)):
        time, good = _epochs(values)
    elif kind in "OM":
        time, good = _datetimes(values)
    else:
        time, good = np.zeros(len(values), np.int64), np.zeros(len(values), bool)
    if not good.all():
        i = int(np.argmin(good))
        raise InputError(
            f"{what}: times must be dates (ISO 8601) or seconds, ms, us or ns since 1970; "
            f"row {i} of {name} is {shown(values.iloc[i])}. Repair or drop the row, or use pd.to_datetime first."
        )
    return time


def _starts_with_number(values: Any) -> bool:
    """Say whether the first cell that is not empty is a number, also as text; 8 digits are a date (20240131)."""
    first = next((cell for cell in values if not (cell is None or cell is pd.NaT or cell is pd.NA)), None)
    if isinstance(first, str):
        return bool(_NUMBER.fullmatch(first[:64])) and not re.fullmatch(r"\d{8}", first)
    return isinstance(first, _NUMBERS)


def _only(values: Any, kinds: tuple[type, ...]) -> Any:
    """Return the cells of these kinds and None for the others, which pandas would refuse as a whole or guess at."""
    cells = [
        cell if isinstance(cell, kinds) and not (isinstance(cell, int) and not -(2**63) <= cell < 2**63) else None
        for cell in values
    ]
    return pd.Series(cells, dtype=object)


def _epochs(values: Any) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    if values.dtype.kind == "O":
        values = pd.to_numeric(_only(values, _NUMBERS), errors="coerce")  # exact int64, unless a cell is empty
    size = np.abs(values.to_numpy(dtype=np.float64, na_value=np.nan))
    number = values.to_numpy()
    time, good = np.zeros(len(size), np.int64), (size >= _EPOCH_UNITS[0][0]) & (size < 9.2e18)
    for i, (least, factor) in enumerate(_EPOCH_UNITS):  # row by row: Binance's archives change unit in 2025
        most = _EPOCH_UNITS[i + 1][0] if i + 1 < len(_EPOCH_UNITS) else np.inf
        if (here := good & (size >= least) & (size < most)).any():
            whole = number[here].astype(np.int64)
            time[here] = whole * factor
            if number.dtype.kind == "f" and factor > 1:
                time[here] += np.round((number[here] - whole) * factor).astype(np.int64)
    good &= (time > _BOUNDS_NS[0]) & (time < _BOUNDS_NS[1]) & (np.sign(time) == np.sign(number.astype(np.float64)))
    return time, good


def _datetimes(values: Any) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    def read(some: Any) -> Any:
        with_unit = pd.to_datetime(some, utc=True, errors="coerce", format="ISO8601")
        return with_unit.dt.as_unit("ns").to_numpy(dtype="datetime64[ns]").view(np.int64)

    if values.dtype.kind == "O":
        values = _only(values, (str, date, np.datetime64))
    try:
        time = read(values)
    except (TypeError, ValueError, OverflowError):  # a year beyond 2262
        first, end = 0, len(values)  # the first such cell is in [first, end)
        while end - first > 1:
            middle = (first + end) // 2
            try:
                read(values.iloc[first:middle])
                first = middle
            except (TypeError, ValueError, OverflowError):
                end = middle
        time = np.full(len(values), pd.NaT.value)
        time[:first] = read(values.iloc[:first])
    return time, time != pd.NaT.value


def _numbers(values: Any, where: Callable[[int], str]) -> Floats:
    kind = values.dtype.kind
    if kind in "iuf":
        return np.array(values.to_numpy(dtype=np.float64, na_value=np.nan))
    cells = values.astype(object).to_numpy()
    empty = values.isna().to_numpy()
    try:
        numbers = pd.to_numeric(values.astype(object), errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError, OverflowError):  # a list in a cell, an int beyond float64
        numbers = np.array([_number(cell) for cell in cells], dtype=np.float64)
    allowed = np.fromiter((isinstance(cell, _NUMBERS) and not isinstance(cell, bool) for cell in cells), bool)
    for i in np.flatnonzero(~empty & (np.isnan(numbers) | ~allowed)):
        if not (isinstance(cells[i], str) and cells[i][:64].strip().lower() in ("", "nan", "null", "none")):
            raise InputError(f"{where(int(i))} has {shown(cells[i])}. Repair it, or drop the row.")
    return np.where(empty, np.nan, numbers)


def _number(cell: Any) -> float:
    try:
        return float(cell)
    except (TypeError, ValueError, OverflowError):
        return float("nan")
