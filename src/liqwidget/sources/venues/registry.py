"""The supported venues and the data that each offers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from ...checks import shown
from ...errors import InputError
from ...market.columns import MARK, RATIOS
from .binance import VENUE as BINANCE
from .bybit import VENUE as BYBIT
from .hosts import find_host
from .hyperliquid import VENUE as HYPERLIQUID
from .okx import VENUE as OKX
from .symbols import read_symbol
from .venue import INTERVALS, Venue

VENUES: Mapping[str, Venue] = {venue.name: venue for venue in (BINANCE, BYBIT, OKX, HYPERLIQUID)}

_REST = ("taker_buy_volume", *MARK, "open_interest", "funding_rate", "long_short_ratio", *RATIOS)


def find_venue(name: object) -> Venue:
    """Return the venue with this name; InputError lists the valid ones."""
    found = VENUES.get(name.lower()) if isinstance(name, str) else None
    if found is None:
        raise InputError(f"exchange: wanted one of {', '.join(VENUES)}; got {shown(name)}.")
    return found


def find_instrument(venue: Venue, symbol: object, host: object = None) -> tuple[Venue, str]:
    """Return the venue's id of a perpetual, and the venue with the contracts of its kind, at a host.

    Raises
    ------
    InputError
        The symbol names anything else, or there is no such host.
    """
    if venue.inverse is not None and read_symbol(symbol, venue.name).is_inverse:
        venue = venue.inverse
    name = venue.native(symbol)  # type: ignore[arg-type]  # which checks it
    return replace(venue, host=find_host(venue.key, host)), name


def of_coin(venue: Venue, symbol: object) -> object:
    """Return the symbol of a coin's contract in USDT where only the coin is named and the venue wants more."""
    if venue is HYPERLIQUID or not isinstance(symbol, str):
        return symbol
    read = read_symbol(symbol, venue.name)
    return symbol if read.quote or read.dashed else f"{read.base}USDT"


def venues() -> pd.DataFrame:
    """Return the data that each venue offers.

    Returns
    -------
    DataFrame
        A row for the candles and each optional column of a Market, a column per venue; cells say how far back the data
        reaches and from which interval on, or why there is none.

    Examples
    --------
    >>> venues().loc["open_interest", "binance"]
    'back to 2020-09, from 5m on'
    """
    table = {
        venue.name: [_offer(venue, "close"), *(_offer(venue, column) for column in (*_REST, "liquidations"))]
        for venue in VENUES.values()
    }
    return pd.DataFrame(table, index=["candles", *_REST, "liquidations"])


def _offer(venue: Venue, column: str) -> str:
    series = next((series for series in venue.series.values() if column in series.columns), None)
    if series is None:
        return f"none: {venue.missing.get(column, 'not published')}"
    least = f", from {min(series.periods, key=INTERVALS.__getitem__)} on" if series.periods else ""
    return f"{series.since}{least}"
