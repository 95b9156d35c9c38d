"""Sizes of realised liquidations: coins, or USD of inverse contracts; checked against the market's candles."""

from __future__ import annotations

import numpy as np

from ..errors import InputError
from .candles import Bars, Mask
from .columns import Floats, Table
from .quote import Instrument

_FAR = 3.0


def notional_of(numbers: dict[str, Floats], about: Instrument, exchange: str) -> tuple[dict[str, Floats], list[str]]:
    """Return price, quantity (coins) and notional (USD), each (N,), and notices of conversions.

    Raises
    ------
    InputError
        The unit of quantity is unknown.
    """
    price, quantity, notional = numbers["price"], numbers["quantity"], numbers["notional"]
    product = price * quantity
    both = ~np.isnan(notional) & (product > 0) & (notional > 0)
    if both.any():
        ratio = float(np.median(notional[both] / product[both]))
        if 0.5 <= ratio <= 2:
            return {**numbers, "notional": np.where(np.isnan(notional), product, notional)}, []
        coins = np.where(np.isnan(notional), quantity * ratio, notional / price)
        notional = np.where(np.isnan(notional), product * ratio, notional)
        return {**numbers, "quantity": coins, "notional": notional}, ["liquidation sizes are not coins: notional taken"]
    if not (product > 0).any():
        return {**numbers, "notional": np.where(np.isnan(notional), product, notional)}, []
    if about.inverse:
        unit = about.contract_usd
        usd = np.where(np.isnan(notional), quantity * unit, notional)
        said = "USD" if unit == 1 else f"contracts of {unit:g} USD"
        return {**numbers, "quantity": usd / price, "notional": usd}, [f"liquidation sizes are {said} (inverse)"]
    if about.inverse is None and about.quote == "USD" and not exchange.strip() and are_whole(quantity):
        raise InputError(
            "liquidations: wanted quantity in coins; got whole numbers for a symbol in USD, which are USD where the "
            "contract is inverse. Pass exchange=, or a column notional (USD)."
        )
    return {**numbers, "notional": np.where(np.isnan(notional), product, notional)}, []


def are_whole(quantity: Floats) -> bool:
    """Return whether quantities are whole numbers, half of them at least 10: contracts or USD rather than coins."""
    known = quantity[~np.isnan(quantity)]
    return bool(len(known)) and bool((known == np.round(known)).all()) and float(np.median(known)) >= 10


def refuse_far_prices(table: Table, price: Floats, bars: Bars) -> None:
    """Raise InputError if a price is far from all of the market's, as for another instrument."""
    low, high = float(bars.columns["low"].min()), float(bars.columns["high"].max())
    if (far := (price < low / _FAR) | (price > high * _FAR)).any():
        i = int(np.argmax(far))
        raise InputError(
            f"liquidations: price must be near the market's, {low:.6g} to {high:.6g}; {table.at(i)} has "
            f"{price[i]:.6g}. Keep the rows of the market's own symbol."
        )


def refuse_more_than_traded(table: Table, numbers: dict[str, Floats], is_computed: Mask, bars: Bars) -> None:
    """Raise InputError if quantities taken as coins exceed the volume of most candles they belong to."""
    end = bars.time[-1] + (int(np.median(np.diff(bars.time))) if len(bars.time) > 1 else 0)
    some = is_computed & (numbers["quantity"] > 0) & (table.time >= bars.time[0]) & (table.time < end)
    if not some.any():
        return
    at = np.searchsorted(bars.time, table.time[some], "right") - 1
    sums = np.bincount(at, numbers["quantity"][some], len(bars.time))
    hit = sums > 0
    over = sums[hit] > bars.columns["volume"][hit]
    if over.mean() > 0.5 and sums[hit].sum() > 2 * bars.columns["volume"][hit].sum():
        factor = sums[hit].sum() / max(float(bars.columns["volume"][hit].sum()), 1e-12)
        raise InputError(
            f"liquidations: wanted quantity in coins; got {factor:.3g} times what was traded in the same candles. "
            "Is it in USD or contracts? Pass it as a column notional (USD)."
        )
