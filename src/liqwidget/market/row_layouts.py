"""Candles as rows without names: the venue's column order, detected from the numbers."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..checks import shown
from ..errors import InputError

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]

_OHLC = ("time", "open", "high", "low", "close")
_LOOKED_AT = 5_000  # rows examined
_FITS = 0.95  # share of rows; venues have occasional irregular candles


@dataclass(frozen=True)
class Layout:
    """An order of cells: its venue, and the names of the columns."""

    venue: str
    columns: tuple[str, ...]


#: By number of cells; if rows fit several layouts, the first is used.
LAYOUTS: dict[int, tuple[Layout, ...]] = {
    6: (
        Layout("ccxt", (*_OHLC, "volume")),
        Layout("Coinbase", ("time", "low", "high", "open", "close", "volume")),
        Layout("Bitfinex", ("time", "open", "close", "high", "low", "volume")),
    ),
    7: (
        Layout("Bybit", (*_OHLC, "volume", "turnover")),
        Layout("Bybit inverse", (*_OHLC, "turnover", "volume")),
        Layout("Kraken", (*_OHLC, "volume", "count")),
        Layout("KuCoin", ("time", "open", "close", "high", "low", "volume", "turnover")),
    ),
    8: (
        Layout("Kraken", (*_OHLC, "vwap", "volume", "count")),
        Layout("MEXC", (*_OHLC, "volume", "close_time", "quote_volume")),
        Layout("Gate", ("time", "quote_volume", "close", "high", "low", "open", "volume", "closed")),
    ),
    9: (
        Layout("OKX swap", (*_OHLC, "contracts", "volume", "quote_volume", "confirm")),
        Layout("OKX spot", (*_OHLC, "volume", "volCcy", "quote_volume", "confirm")),
    ),
    12: (Layout("Binance", (*_OHLC, "volume", "close_time", "quote_volume", "count", "taker_buy_volume", "10", "11")),),
}
_SIZES = f"{', '.join(str(size) for size in sorted(LAYOUTS)[:-1])} or {max(LAYOUTS)}"


def name_columns(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame whose columns are 0, 1, 2, ... with names: those of the venue whose order its numbers fit.

    Raises
    ------
    InputError
        No known order has so many cells, or none fits the numbers.
    """
    width = len(frame.columns)
    if width not in LAYOUTS:
        raise InputError(
            f"candles: wanted rows of {_SIZES} cells, [time, open, high, low, close, volume, ...]; got {width} cells, "
            f"such as {shown(list(frame.iloc[0]) if len(frame) else [])}. Name the columns: df.columns = [...]."
        )
    layouts, cells = LAYOUTS[width], _numbers(frame)
    fit = [_share(layout, cells) for layout in layouts]
    best = next((i for i, share in enumerate(fit) if share >= _FITS), 0)
    if fit[best] < _FITS and width in (7, 8, 9) and max(_ordered(layout, cells) for layout in layouts) >= _FITS:
        known = ", ".join(f"{layout.venue} ({', '.join(layout.columns[5:])})" for layout in layouts)
        raise InputError(
            f"candles: wanted rows of {width} cells as one of {known}; got {shown(list(frame.iloc[0]))}, which fits "
            "none. Name the columns: df.columns = ['time', 'open', 'high', 'low', 'close', 'volume', ...]."
        )
    return frame.set_axis(list(layouts[best].columns), axis=1)


def likely_order(columns: dict[str, Floats]) -> str:
    """Return what the columns named open, high, low, close contain, judging by their numbers; empty if no order fits.

    Open and close are interchangeable; the order in which candles open nearer to the previous close is returned.
    """
    cells = np.column_stack([np.zeros(len(columns["open"])), *(columns[name] for name in _OHLC[1:])])
    found: tuple[float, str] | None = None
    for order in permutations(_OHLC[1:]):
        if _ordered(Layout("", ("time", *order)), cells) >= _FITS:
            opened, close = cells[:, 1 + order.index("open")], cells[:, 1 + order.index("close")]
            apart = float(np.abs(opened[1:] - close[:-1]).sum())
            if found is None or apart < found[0]:
                venue = next((f" ({each.venue})" for each in LAYOUTS[6] if each.columns[1:5] == order), "")
                found = apart, ", ".join(order) + venue
    return "" if found is None else found[1]


def _numbers(frame: pd.DataFrame) -> Floats:
    """Return the first rows as float64, shape (T, cells); cells that are not numbers are NaN."""
    head = frame.iloc[:_LOOKED_AT]
    columns = [_column(head.iloc[:, i]) for i in range(len(head.columns))]
    return np.column_stack(columns) if columns else np.empty((len(head), 0))


def _column(values: Any) -> Floats:
    try:
        number = pd.to_numeric(values, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError, OverflowError):  # a list in a cell, an int beyond float64, datetimes
        return np.full(len(values), np.nan)
    return np.asarray(number, dtype=np.float64)


def _ordered(layout: Layout, cells: Floats) -> float:
    """Return the share of rows whose low and high enclose open and close.

    An open that equals a neighbour's close counts as enclosed, as BitMEX defines it so; the first row's may be one.
    """
    if not len(cells):
        return 1.0
    opened, high, low, close = (cells[:, layout.columns.index(name)] for name in _OHLC[1:])
    neighbour = np.r_[True, opened[1:] == close[:-1]] | np.r_[opened[:-1] == close[1:], False]
    held = ((low <= opened) & (opened <= high)) | neighbour
    return float((held & (low <= close) & (close <= high)).mean())


def _share(layout: Layout, cells: Floats) -> float:
    """Return the share of rows that fit a layout: its prices, and its other conditions."""
    share = _ordered(layout, cells)
    if not len(cells) or share < _FITS:
        return share
    name = layout.columns.index
    close, volume = cells[:, name("close")], cells[:, name("volume")]
    quote = next((cells[:, name(key)] for key in ("quote_volume", "turnover") if key in layout.columns), None)
    if quote is not None and layout.venue != "Binance":
        with np.errstate(all="ignore"):
            ratio = quote / (volume * close)
        traded = (volume > 0) & (quote > 0)
        share = min(share, float((np.abs(ratio[traded] - 1) < 0.1).mean()) if traded.any() else 1.0)
    if layout.columns[-1] == "count":
        share = min(share, float((cells[:, -1] % 1 == 0).mean()))
    if "vwap" in layout.columns:
        vwap, low, high = (cells[:, name(key)] for key in ("vwap", "low", "high"))
        share = min(share, float((((vwap >= low) & (vwap <= high)) | (vwap == 0)).mean()))
    return share
