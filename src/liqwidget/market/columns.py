"""Any DataFrame as named float64 columns and UTC times: recognition of columns, parsing of cells.

Values are checked in `candles.py` and `liquidations.py`. Row numbers in messages are positions in the input, from 0.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..checks import shown, stamp
from ..errors import InputError
from .any_table import as_table
from .time_column import FrameTimes, frame_times
from .times import NUMBERS

Floats = NDArray[np.float64]

REQUIRED = ("open", "high", "low", "close", "volume")
#: Longs per short: accounts of the largest traders, their positions; what takers bought per what they sold.
RATIOS = ("top_trader_account_ratio", "top_trader_position_ratio", "taker_ratio")
CARRIED = ("open_interest", "taker_buy_volume", "funding_rate", "long_short_ratio", *RATIOS)
MARK = ("mark_low", "mark_high")

CANDLE_NAMES = {  # normalised: lower case, without spaces, underscores, hyphens and dots
    "open": frozenset({"open", "o"}),
    "high": frozenset({"high", "h"}),
    "low": frozenset({"low", "l"}),
    "close": frozenset({"close", "c"}),
    "volume": frozenset({"volume", "vol", "v"}),
    "open_interest": frozenset({"openinterest", "oi", "sumopeninterest"}),
    "taker_buy_volume": frozenset(
        {"takerbuyvolume", "takerbuybase", "takerbuybasevolume", "takerbuybaseassetvolume"},
    ),
    "funding_rate": frozenset({"fundingrate", "lastfundingrate"}),
    "long_short_ratio": frozenset({"longshortratio", "countlongshortratio"}),
    "top_trader_account_ratio": frozenset({"toptraderaccountratio", "counttoptraderlongshortratio"}),
    "top_trader_position_ratio": frozenset({"toptraderpositionratio", "sumtoptraderlongshortratio"}),
    "taker_ratio": frozenset({"takerratio", "sumtakerlongshortvolratio"}),
    "mark_low": frozenset({"marklow"}),
    "mark_high": frozenset({"markhigh"}),
}
LIQUIDATION_NAMES = {
    "side": frozenset({"side"}),
    "price": frozenset({"price"}),
    "quantity": frozenset({"quantity", "qty", "size", "amount", "origqty"}),
    "notional": frozenset({"notional", "usd", "notionalusd", "usdvalue"}),
}
TIME_NAMES = frozenset({"time", "timestamp", "date", "datetime", "opentime", "starttime", "ts", "t", "dt", "unix"})


@dataclass(frozen=True)
class Table:
    """Recognised columns of one frame, in time order if requested.

    Attributes
    ----------
    what
        Contents of the frame ("candles"), the first word of every message.
    time
        int64, shape (T,): nanoseconds since 1970, UTC.
    cells
        Column by field name, unchanged, in the order of `time`.
    row
        int64, shape (T,): position of each row in the input.
    ignored
        Names of columns that were not recognised.
    naive
        The times were given without a time zone.
    """

    what: str
    time: NDArray[np.int64]
    cells: Mapping[str, Any]
    row: NDArray[np.int64]
    ignored: tuple[str, ...]
    naive: bool = False

    def numbers(self, field: str) -> Floats:
        """Return a column as float64, shape (T,), empty cells as NaN; InputError names the first that is no number."""
        return _numbers(self.cells[field], lambda i: f"{self.what}: {field} must be a number; {self.at(i)}")

    def at(self, i: int) -> str:
        """Return a name for row `i` of the table: its position in the input and its time."""
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
        DataFrame with a DatetimeIndex, or with a column or index named as in `TIME_NAMES`.
    what
        First word of the messages.
    aliases
        Normalised names (see `TIME_NAMES`) by field.
    required
        Fields that must be present.
    sort
        Sort the rows by time; rows of equal time keep their order.

    Raises
    ------
    InputError
        Not a DataFrame, a column is missing or occurs twice, or a time cannot be read.
    """
    frame = as_table(frame, what)
    if not isinstance(frame, pd.DataFrame):
        raise InputError(f"{what}: wanted a pandas DataFrame; got {type(frame).__name__}. Convert it first.")
    names = _flat_names(frame.columns, what)
    got = f"got {', '.join(shown(name) for name in names[:20])}" if names else "got no columns"
    got += f" and {len(names) - 20} more" if len(names) > 20 else ""
    fields = {alias: field for field, some in aliases.items() for alias in some} | dict.fromkeys(TIME_NAMES, "time")
    found: dict[str, int] = {}
    times: list[int] = []
    ignored = []
    for position, name in enumerate(names):
        field = fields.get(squeezed(name))
        if field is None:
            ignored.append(name if isinstance(name, str) else shown(name))
        elif field == "time":
            times.append(position)
        elif field in found:
            raise InputError(
                f"{what}: wanted one column for {field}; got {shown(names[found[field]])} and {shown(name)}. "
                "Drop or rename one."
            )
        else:
            found[field] = position
    if missing := [field for field in required if field not in found]:
        if what == "candles" and missing == list(required) and name_liquidations(names):
            raise InputError(f"candles: wanted the columns {', '.join(required)}; got liquidations. {BESIDE_CANDLES}")
        raise InputError(
            f"{what}: wanted the columns {', '.join(required)}; missing {', '.join(missing)}; {got}. "
            "Rename the columns."
        )
    given = _frame_times(frame, what, times, names, got)
    time = given.ns
    row = np.argsort(time, kind="stable") if sort else np.arange(len(time))
    ordered = bool((row[1:] > row[:-1]).all())
    columns = {field: frame.iloc[:, position] for field, position in found.items()}
    cells = columns if ordered else {field: column.iloc[row] for field, column in columns.items()}
    return Table(what, time[row], cells, row, (*ignored, *given.unused), given.naive)


def squeezed(name: object) -> str:
    """Return a column's name, normalised as in `CANDLE_NAMES`."""
    return re.sub(r"[\s_.\-]+", "", name[:64]).lower() if isinstance(name, str) else ""


BESIDE_CANDLES = (
    "Load candles with columns long_liquidations_usd and short_liquidations_usd, "
    "or use lw.Market.from_frame(candles, liquidations=table)."
)


def name_liquidations(names: Sequence[object]) -> bool:
    """Return whether these are the columns of a table of liquidations: a side and a size, or longs and shorts."""
    known = {squeezed(name) for name in names}
    sized = any(known & LIQUIDATION_NAMES[field] for field in ("quantity", "notional"))
    longs = {name for name in known if "long" in name and name.replace("long", "short") in known}
    sums = any("liq" in name or name.replace("long", "") in ("", "s", "usd", "coins", "notional") for name in longs)
    return ("side" in known and sized) or sums


def _flat_names(columns: Any, what: str) -> list[Any]:
    """Return column names; for yfinance's pairs (field, ticker) the field, if there is only one ticker."""
    if columns.nlevels == 1:
        return list(columns)
    levels = [columns.get_level_values(i) for i in range(columns.nlevels)]
    many = [level for level in levels if level.nunique() > 1]
    if len(many) > 1:
        raise InputError(
            f"{what}: wanted one name per column; got pairs such as {shown(columns[0])} with several of each. "
            "Pick one symbol first, for example df.xs('BTC-USD', axis=1, level=1)."
        )
    return list(many[0] if many else levels[0])


def _frame_times(frame: Any, what: str, columns: list[int], names: list[Any], got: str) -> FrameTimes:
    index = frame.index
    named = isinstance(index, pd.DatetimeIndex) or squeezed(index.name) in TIME_NAMES
    texts = not columns and index.nlevels == 1 and index.dtype.kind in "OM"
    found = frame_times(frame, what, columns, named or texts, names)
    if found is None:
        raise InputError(
            f"{what}: wanted a time: a DatetimeIndex, or a column named time, timestamp, date or open_time; {got} "
            f"and an index of {index.dtype}. Name the column, or df.set_index(pd.to_datetime(...))."
        )
    return found


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
    allowed = np.fromiter((isinstance(cell, NUMBERS) and not isinstance(cell, bool) for cell in cells), bool)
    for i in np.flatnonzero(~empty & (np.isnan(numbers) | ~allowed)):
        if not (isinstance(cells[i], str) and cells[i][:64].strip().lower() in ("", "nan", "null", "none")):
            raise InputError(f"{where(int(i))} has {shown(cells[i])}. Repair it, or drop the row.")
    return np.where(empty, np.nan, numbers)


def _number(cell: Any) -> float:
    try:
        return float(cell)
    except (TypeError, ValueError, OverflowError):
        return float("nan")
