"""Realised liquidations as exchanges publish them, converted to one format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from ..checks import shown
from ..errors import InputError
from .candles import Bars, Mask
from .columns import LIQUIDATION_NAMES, Floats, Table, read_table
from .liquidation_side import OF_POSITION, side_of
from .liquidation_size import notional_of, refuse_far_prices, refuse_more_than_traded
from .period_sums import find_pair, read_sums
from .quantities import plain
from .quote import Instrument, instrument
from .symbols import SYMBOL_NAMES, is_own, listed, symbol_column
from .units import Units

_VENUE_NAMES = frozenset({"exchange", "venue", "exchangename"})


def read_liquidations(frame: Any, symbol: str = "", exchange: str = "") -> pd.DataFrame:
    """Check realised liquidations in any common format; see `told_liquidations`."""
    return told_liquidations(frame, symbol, exchange)[0]


def told_liquidations(
    frame: Any, symbol: str = "", exchange: str = "", bars: Bars | None = None, units: Units | None = None
) -> tuple[pd.DataFrame, list[str]]:
    """Check realised liquidations in any common format.

    Parameters
    ----------
    frame
        DataFrame of time, side (long or short; or Buy and Sell as the venue means them: for the closing order, so SELL
        closes a long, but for the position at Bybit), and notional in USD or else price and quantity. Or of time and
        two columns, sums of longs and of shorts. In any order.
    symbol, exchange
        Of the market: rows of other symbols are omitted, inverse contracts are recognised.
    bars
        The market's candles, against which liquidations are checked; None: unknown.
    units
        What is known of the market's contract; None: as the symbol and exchange say.

    Returns
    -------
    frame
        ``time`` (UTC), ``side``, ``price`` (USD), ``quantity`` (coins), ``notional`` (USD), by time.
    notices
        What was omitted or assumed.

    Raises
    ------
    InputError
        A liquidation is not usable; the message names the row, counted from 0 in the input, and its time.
    """
    units = units or Units()
    about = units.of(instrument(symbol, exchange))
    if isinstance(frame, pd.DataFrame) and frame.columns.nlevels == 1:
        has_side = any(plain(name) == "side" for name in frame.columns)
        pair = None if has_side else find_pair(frame.columns, about, named=False)
        if pair is not None:
            frame = read_sums(frame, pair, bars)
    table = read_table(frame, "liquidations", LIQUIDATION_NAMES, ("side",), sort=True)
    if "notional" not in table.cells and not {"price", "quantity"} <= set(table.cells):
        raise InputError(
            f"liquidations: need notional (USD), or price and quantity; got {', '.join(table.cells)}. Add the columns."
        )
    table, rows_about, notices = _own_rows(table, frame, symbol, exchange)
    nothing = np.full(len(table.time), np.nan)
    numbers = {
        name: table.numbers(name) if name in table.cells and len(nothing) else nothing
        for name in ("price", "quantity", "notional")
    }
    checks: dict[str, tuple[Callable[[Floats], Mask], str]] = {
        "price": (lambda price: ~((price > 0) & (price < np.inf)) & ~np.isnan(price), "a finite price above 0, or NaN"),
        "quantity": (lambda coins: ~((coins >= 0) & (coins < np.inf)) & ~np.isnan(coins), "finite, >= 0, or NaN"),
        "notional": (lambda usd: ~((usd >= 0) & (usd < np.inf)), "finite, >= 0, or price and quantity be there"),
    }
    for name in ("price", "quantity"):
        wrong, wanted = checks[name]
        table.refuse(wrong(numbers[name]), numbers[name], name, wanted, "Repair it, or drop the row.")
    is_computed = np.isnan(numbers["notional"])
    numbers, told = notional_of(numbers, units.of(rows_about or about), exchange)
    wrong, wanted = checks["notional"]
    table.refuse(wrong(numbers["notional"]), numbers["notional"], "notional", wanted, "Repair it, or drop the row.")
    if bars is not None:
        refuse_far_prices(table, numbers["price"], bars)
        refuse_more_than_traded(table, numbers, is_computed, bars)
    sides, doubt = _sides(table, frame, exchange)
    time = pd.DatetimeIndex(table.time.view("datetime64[ns]")).tz_localize("UTC")
    found = pd.DataFrame({"time": time, "side": np.array(sides, dtype=object), **numbers})
    return found, [*notices, *told, *doubt]


def within(realised: pd.DataFrame | None, start: int, end: int) -> pd.DataFrame | None:
    """Return the liquidations with ``start <= time < end``, ns since 1970 UTC; None if there is no table of them."""
    if realised is None:
        return None
    time = realised["time"].to_numpy(dtype="datetime64[ns]").view(np.int64)
    return realised[(time >= start) & (time < end)].reset_index(drop=True)


def _own_rows(table: Table, frame: Any, symbol: str, exchange: str) -> tuple[Table, Instrument | None, list[str]]:
    """Return the rows of the market's own symbol, that symbol as the table spells it, and how many were omitted."""
    column = symbol_column(frame, SYMBOL_NAMES)
    if column is None or not len(table.time):
        return table, None, []
    column = column.iloc[table.row].astype(object)
    found = [name for name in pd.unique(column) if isinstance(name, str)]
    if not symbol:
        if len({instrument(name, exchange) for name in found}) > 1:
            raise InputError(
                f"liquidations: wanted those of one symbol; got {listed(found)}. Pass symbol= of the market, or keep "
                f"one: df[df[{shown(column.name)}] == {shown(found[0])}]."
            )
        return table, instrument(found[0], exchange) if found else None, []
    mine = is_own(column, symbol, exchange)
    if not mine.any() and len(found) == 1:
        raise InputError(
            f"liquidations: wanted those of {shown(symbol)}; got those of {listed(found)}. Pass the market's own, or "
            "its symbol as the table has it."
        )
    own = next((name for name in pd.unique(column[mine]) if isinstance(name, str)), symbol)
    if mine.all():
        return table, instrument(own, exchange), []
    kept = {name: cells[mine] for name, cells in table.cells.items()}
    table = replace(table, time=table.time[mine], cells=kept, row=table.row[mine])
    return table, instrument(own, exchange), [f"{(~mine).sum():,} liquidations of other symbols left out"]


def _sides(table: Table, frame: Any, exchange: str) -> tuple[list[str], list[str]]:
    given = table.cells["side"].to_numpy()
    venues = symbol_column(frame, _VENUE_NAMES)
    names = [exchange] * len(given) if venues is None else venues.iloc[table.row].astype(object).tolist()
    names = [name if isinstance(name, str) else exchange for name in names]
    sides = [side_of(side, name) for side, name in zip(given, names, strict=True)]
    if None in sides:
        i = sides.index(None)
        raise InputError(
            f"liquidations: side must be long or short (or of the order: SELL closes a long, BUY a short); "
            f"{table.at(i)} has {shown(given[i])}. Repair it, or drop the row."
        )
    words = [str(side).strip().lower() for side, name in zip(given, names, strict=True) if not name]
    is_order = "buy" in words or "sell" in words
    said = f"sides of liquidations read as those of orders (SELL: a long); for {' or '.join(OF_POSITION)} say exchange="
    return [side for side in sides if side], [said] if is_order else []
