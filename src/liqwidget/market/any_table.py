"""Converts candles in any kind of object to a pandas DataFrame with named columns.

Tables of other libraries (polars, pyarrow, DuckDB) are read through the Arrow interface; rows and single candles may be
lists, dicts or a Series.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pandas as pd

from ..checks import shown
from ..errors import InputError
from .row_layouts import name_columns

_NUMBER = re.compile(r"-?\d+(\.\d+){0,2}([eE][+-]?\d+)?")  # pandas renames the second of two equal names to 97000.0.1
_LAZY = {"collect": ".collect()", "compute": ".compute()", "toPandas": ".toPandas()"}


def as_frame(candles: Any) -> Any:
    """Return candles as a DataFrame with named columns; anything that is not a table is returned unchanged.

    Parameters
    ----------
    candles
        DataFrame, also with columns 0, 1, 2, ... in the order of ccxt, Binance, Bybit, Bitfinex, Coinbase, Gate,
        Kraken, KuCoin, MEXC or OKX; rows of these; a dict of columns; one candle as a dict or Series, or a list of
        such dicts; a table with the Arrow interface (polars, pyarrow, DuckDB).

    Raises
    ------
    InputError
        A list that does not hold such rows, or a file that was read with the wrong settings.
    """
    if isinstance(candles, list | tuple) and not (candles and all(isinstance(row, Mapping) for row in candles)):
        candles = _rows(candles)
    frame = as_table(candles, "candles")
    if not isinstance(frame, pd.DataFrame):
        return frame
    if len(frame.columns) > 4 and frame.columns.equals(pd.RangeIndex(len(frame.columns))):
        return name_columns(frame)
    _check_names(frame)
    return frame


def as_table(some: Any, what: str) -> Any:
    """Return dicts, a Series or a table with the Arrow interface as a DataFrame; anything else unchanged."""
    if isinstance(some, pd.DataFrame):
        return some
    if isinstance(some, pd.Series):
        return _one_row(some)
    if isinstance(some, Mapping):
        return _of_dict(some)
    if isinstance(some, list | tuple) and some and all(isinstance(row, Mapping) for row in some):
        return pd.DataFrame([dict(row) for row in some])
    if hasattr(some, "__arrow_c_stream__"):
        return _of_arrow(some, what)
    if hasattr(type(some), "__arrow_c_array__"):
        return _of_arrow(some, what)
    cure = next((call for name, call in _LAZY.items() if callable(getattr(type(some), name, None))), None)
    if cure is not None:
        raise InputError(
            f"{what}: wanted a table in memory; got {type(some).__module__.split('.')[0][:40]}."
            f"{type(some).__name__[:40]}. Pass its result: df{cure}."
        )
    return some


def _rows(candles: list[Any] | tuple[Any, ...]) -> pd.DataFrame:
    width = len(candles[0]) if candles and isinstance(candles[0], list | tuple) else 6
    for i, row in enumerate(candles):
        if not isinstance(row, list | tuple) or len(row) != width or width < 6:
            raise InputError(
                f"candles: wanted rows [ms, open, high, low, close, volume]; row {i} is {shown(row)}. "
                "Pass what ccxt's fetch_ohlcv returns, or a DataFrame."
            )
    return pd.DataFrame(list(candles), columns=range(width))


def _one_row(candle: Any) -> Any:
    """Return a Series whose index holds names as one row; its name is the time if it is one (df.iloc[-1])."""
    if not all(isinstance(name, str) for name in candle.index):
        return candle
    frame = candle.astype(object).to_frame().T.infer_objects()
    if isinstance(candle.name, pd.Timestamp):
        return frame.set_index(pd.DatetimeIndex([candle.name]))
    return frame.reset_index(drop=True)


def _of_dict(candle: Mapping[Any, Any]) -> Any:
    values = list(candle.values())
    sized = [isinstance(value, list | tuple | pd.Series) or getattr(value, "ndim", 0) == 1 for value in values]
    if len(values) < 3 or not all(isinstance(name, str) for name in candle):
        return candle
    if not any(sized):
        return pd.DataFrame([dict(candle)])
    if len({len(value) for value, is_column in zip(values, sized, strict=True) if is_column}) > 1:
        raise InputError(
            "candles: wanted a dict of columns of one length; got "
            f"{', '.join(f'{shown(n)}: {len(v)}' for (n, v), s in zip(candle.items(), sized, strict=True) if s)[:200]}."
            " Pass the rows that all of them have."
        )
    return pd.DataFrame({name: value for (name, value), s in zip(candle.items(), sized, strict=True) if s})


def _of_arrow(some: Any, what: str) -> Any:
    kind = f"{type(some).__module__.split('.')[0][:40]}.{type(some).__name__[:40]}"
    try:
        import pyarrow as pa
    except ImportError:
        raise InputError(
            f"{what}: wanted pyarrow to read {kind}; it is not installed. pip install pyarrow, or pass a pandas "
            "DataFrame."
        ) from None
    try:
        return pa.table(some).to_pandas()
    except (pa.ArrowException, TypeError, ValueError, KeyError) as error:
        raise InputError(
            f"{what}: wanted a table through the Arrow interface; got {kind}: {str(error)[:200]}. Pass a pandas "
            "DataFrame."
        ) from None


def _check_names(frame: pd.DataFrame) -> None:
    """Raise InputError if a CSV file was read with the wrong settings; the message has the correct ones."""
    names = [name for name in frame.columns if isinstance(name, str)]
    if not names or len(names) < len(frame.columns):
        return
    first = names[0][:200]
    cure = ""
    if len(names) > 4 and sum(_NUMBER.fullmatch(name[:64]) is not None for name in names) >= len(names) - 1:
        cure = "the first line of the file is numbers, not names: pd.read_csv(f, header=None)"
    elif first.lower() == "price" and len(frame) > 1 and str(frame.iloc[0, 0])[:64].lower() == "ticker":
        cure = (
            "the file has yfinance's three header lines: pd.read_csv(f, header=[0, 1], index_col=0, parse_dates=True)"
        )
    elif "://" in first and len(names) < 3:
        cure = "the first line of the file is no header: pd.read_csv(f, skiprows=1)"
    elif len(names) == 1 and (sep := next((sep for sep in (";", "\t", "|") if first.count(sep) > 3), "")):
        comma = ", decimal=','" if frame.index.nlevels > 1 else ""  # pandas made index levels of cells split at commas
        cure = f"the file separates cells by {sep!r}: pd.read_csv(f, sep={sep!r}{comma})"
    if cure:
        raise InputError(
            f"candles: wanted columns named time, open, high, low, close, volume; got {shown(first)}: {cure}, or "
            "lw.Market.read(f)."
        )
