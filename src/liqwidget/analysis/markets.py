"""Runs over many markets: the names of the markets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..checks import shown
from ..errors import InputError
from ..market.market import Market

Markets = Market | Sequence[Market] | Mapping[str, Market]


def named(markets: Markets) -> dict[str, Market]:
    """Return markets by name: the given keys, else symbols, with the exchange or a number if one occurs twice."""
    if isinstance(markets, Market):
        markets = [markets]
    if not isinstance(markets, Mapping | Sequence) or isinstance(markets, str):
        raise InputError(f"markets: wanted a Market, a list of them, or a dict of names; got {shown(markets)}")
    every = list(markets.values()) if isinstance(markets, Mapping) else list(markets)
    if not every:
        raise InputError("markets: wanted at least one Market; got none")
    for i, market in enumerate(every):
        if not isinstance(market, Market):
            raise InputError(
                f"markets: wanted Markets, such as Market.from_frame(candles); number {i} is {shown(market)}"
            )
    if isinstance(markets, Mapping):
        return {str(name): market for name, market in markets.items()}
    for names in (
        [market.symbol or "market" for market in every],
        [" ".join(filter(None, (market.symbol, market.exchange))) or "market" for market in every],
    ):
        if len(set(names)) == len(names):
            return dict(zip(names, every, strict=True))
    return {f"{name} #{i}": market for i, (name, market) in enumerate(zip(names, every, strict=True))}
