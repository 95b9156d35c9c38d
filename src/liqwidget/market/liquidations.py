"""Realised liquidations: what exchanges publish about them, in one shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from ..errors import InputError
from .candles import Mask
from .columns import LIQUIDATION_NAMES, Floats, read_table, shown

_SIDES = {"long": "long", "short": "short", "sell": "long", "buy": "short"}


def read_liquidations(frame: Any) -> Any:
    """Check realised liquidations of any common shape.

    Parameters
    ----------
    frame
        DataFrame of time, side (long or short; or of the closing order: SELL closes a long, BUY a short), and
        notional in USD or else price and quantity. In any order.

    Returns
    -------
    DataFrame
        ``time`` (UTC), ``side``, ``price`` (USD), ``quantity`` (coins), ``notional`` (USD), by time.

    Raises
    ------
    InputError
        Anything that is no such liquidation; the message names the row, counted from 0 in the input, and its time.
    """
    table = read_table(frame, "liquidations", LIQUIDATION_NAMES, ("side",), sort=True)
    if "notional" not in table.cells and not {"price", "quantity"} <= set(table.cells):
        raise InputError(
            f"liquidations: need notional (USD), or price and quantity; got {', '.join(table.cells)}. Add the columns."
        )
    nothing = np.full(len(table.time), np.nan)
    numbers = {
        name: table.numbers(name) if name in table.cells and len(nothing) else nothing
        for name in ("price", "quantity", "notional")
    }
    numbers["notional"] = np.where(
        np.isnan(numbers["notional"]), numbers["price"] * numbers["quantity"], numbers["notional"]
    )
    checks: dict[str, tuple[Callable[[Floats], Mask], str]] = {
        "price": (lambda price: ~((price > 0) & (price < np.inf)) & ~np.isnan(price), "a finite price above 0, or NaN"),
        "quantity": (lambda coins: ~((coins >= 0) & (coins < np.inf)) & ~np.isnan(coins), "finite, >= 0, or NaN"),
        "notional": (lambda usd: ~((usd >= 0) & (usd < np.inf)), "finite, >= 0, or price and quantity be there"),
    }
    for name, (wrong, wanted) in checks.items():
        table.refuse(wrong(numbers[name]), numbers[name], name, wanted, "Repair it, or drop the row.")
    given = table.cells["side"].to_numpy()
    sides = [_SIDES.get(side.lower()) if isinstance(side, str) else None for side in given]
    if None in sides:
        i = sides.index(None)
        raise InputError(
            f"liquidations: side must be long or short (or of the order: SELL closes a long, BUY a short); "
            f"{table.at(i)} has {shown(given[i])}."
        )
    time = pd.DatetimeIndex(table.time.view("datetime64[ns]")).tz_localize("UTC")
    return pd.DataFrame({"time": time, "side": np.array(sides, dtype=object), **numbers})
