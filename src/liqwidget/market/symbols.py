"""The symbols in a table: which column contains them, and whether they are the market's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ..checks import shown
from ..errors import InputError
from .quantities import plain
from .quote import instrument

SYMBOL_NAMES = frozenset(
    ["symbol", "instid", "instrument", "instrumentname", "ticker", "pair", "market", "coin", "contract", "s"]
)


def symbol_column(frame: Any, names: frozenset[str] = SYMBOL_NAMES) -> Any:
    """Return a table's text column with one of these names, or None."""
    if not isinstance(frame, pd.DataFrame) or frame.columns.nlevels != 1:
        return None
    for position, name in enumerate(frame.columns):
        if plain(name) in names:
            column = frame.iloc[:, position]
            if any(isinstance(cell, str) for cell in column.iloc[:1]):
                return column
    return None


def listed(symbols: Any) -> str:
    """Return some symbols as text for a message."""
    some = [shown(symbol) for symbol in list(symbols)[:4]]
    return ", ".join(some) + (f" and {len(symbols) - 4:,} more" if len(symbols) > 4 else "")


def own_symbol(frame: Any, symbol: str, exchange: str) -> str:
    """Return the symbol of a table of candles: the one given, otherwise the table's own.

    Raises
    ------
    InputError
        The table contains candles of several symbols, or of a different one than given.
    """
    column = symbol_column(frame)
    if column is None:
        return symbol
    found = [name for name in pd.unique(column.dropna()) if isinstance(name, str) and name.strip()]
    if len(found) > 1:
        mine = symbol or found[0]
        raise InputError(
            f"candles: wanted rows of one symbol; got {listed(found)}. Keep one: df[df[{shown(column.name)}] == "
            f"{shown(mine)}]."
        )
    if not found or len(found[0]) > 64 or not found[0].isprintable():
        return symbol
    given, own = instrument(symbol, exchange), instrument(found[0], exchange)
    if symbol and given.quote and own.quote and given.base != own.base:
        raise InputError(
            f"symbol: wanted that of the table, {shown(found[0])}; got {shown(symbol)}. Leave symbol out, or pass the "
            "table of that symbol."
        )
    return symbol or found[0].strip()


def is_own(column: Any, symbol: str, exchange: str) -> np.ndarray:
    """Return which rows of a column of symbols belong to the market's instrument, bool (N,)."""
    mine = instrument(symbol, exchange)
    same = {
        name: isinstance(name, str) and instrument(name, exchange).same_as(mine)
        for name in pd.unique(column.astype(object))
    }
    return np.fromiter((same[name] for name in column.astype(object)), bool, len(column))
