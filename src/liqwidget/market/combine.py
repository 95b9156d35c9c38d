"""`combine`: markets of several venues as one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from ..checks import stamp
from ..errors import InputError
from .combined import CombinedMarket, Part
from .labels import check_label
from .market import Market

#: Largest median distance between the closes of two venues, a fraction.
MAX_BASIS = 0.01
MAX_VENUES = 16


def combine(
    markets: Sequence[Market] | Mapping[str, Market], *, missing: Mapping[str, str] | None = None
) -> CombinedMarket:
    """Return one market of the same instrument on several venues.

    Prices are those of the first market: levels and sweeps follow them. Volume, taker buys and open interest are added
    up in coins, funding rates and long/short ratios weighted by open interest, realised liquidations united. The
    estimate is the sum of the venues' estimates: each candle opens what each venue opens by its own volume and open
    interest.

    Parameters
    ----------
    markets
        Markets of one interval. Of a mapping the keys are the venues' names; otherwise the names are those of the
        exchanges, with the symbol where one exchange comes twice.
    missing
        Venues that are left out -> why; the market's notes name them.

    Returns
    -------
    CombinedMarket
        A :class:`liqwidget.Market` whose ``venues`` holds the parts, and ``basis()`` the distance of their prices. Its
        candles are those of the first market; its notes say what a venue lacks, and when.

    Raises
    ------
    InputError
        There are fewer than two markets, intervals or currencies differ, two have no candle in common, or the closes of
        one are more than 1 % (median) from those of the first.

    Examples
    --------
    >>> import liqwidget as lw
    >>> binance = lw.load_sample()
    >>> other = lw.Market.from_frame(binance.candles.assign(volume=binance.candles["volume"] / 2), simulated=True)
    >>> both = lw.combine({"one": binance, "another": other})
    >>> list(both.venues), float((both.candles["volume"] / binance.candles["volume"]).mean())
    (['one', 'another'], 1.5)
    """
    named = dict(markets) if isinstance(markets, Mapping) else _named(list(markets))
    for name, market in named.items():
        check_label("markets", name)
        if "," in name:
            raise InputError(f"markets: wanted names without commas, which separate them in links; got {name!r}.")
        if not isinstance(market, Market) or market.venues:
            what = "a combined one" if isinstance(market, Market) else type(market).__name__
            raise InputError(f"markets: wanted a Market of one venue as {name!r}; got {what}. Pass its parts.")
    missing = missing or {}
    if not named or not 2 <= len(named) + len(missing) <= MAX_VENUES:
        raise InputError(f"markets: wanted 2 to {MAX_VENUES} markets; got {len(named)}. Show a single one as it is.")
    first_name, first = next(iter(named.items()))
    parts = {}
    for name, market in named.items():
        _check_alike(name, market, first_name, first)
        part = Part.of(market, first)
        known = part.basis[~np.isnan(part.basis)]
        if not len(known):
            ends = " and ".join(_range(one) for one in (first, market))
            raise InputError(f"markets: wanted candles at the same times; {first_name} and {name} have {ends}.")
        if (basis := float(np.median(known))) and abs(basis) > MAX_BASIS:
            raise InputError(
                f"markets: wanted prices within {MAX_BASIS:.0%} of those of {first_name}; {name} is {basis:+.2%} away "
                "(median of closes). Are both the same coin, in the same currency?"
            )
        parts[name] = part
    made = CombinedMarket.of(parts, [f"without {name}: {why}" for name, why in missing.items()])
    return made.with_origin(replace(made.origin, partial=True)) if missing and made.origin else made


def _named(markets: Sequence[Market]) -> dict[str, Market]:
    """Return markets by the name of the exchange, or of exchange and symbol where that is not unique."""
    for market in markets:
        if not isinstance(market, Market):
            raise InputError(f"markets: wanted Markets; got {type(market).__name__}. Use lw.Market.from_frame.")
    count = Counter(market.exchange for market in markets)
    named: dict[str, Market] = {}
    for number, market in enumerate(markets, 1):
        name = market.exchange if count[market.exchange] == 1 else f"{market.exchange} {market.symbol}".strip()
        name = name or f"venue {number}"
        if name in named:
            raise InputError(f"markets: wanted a name for each venue; two are {name!r}. Pass a dict: name -> market.")
        named[name] = market
    return named


def _check_alike(name: str, market: Market, first_name: str, first: Market) -> None:
    """Refuse markets that cannot be added up."""
    for what, one, other in (
        ("interval", market.interval_label, first.interval_label),
        ("currency", market.currency or "USD", first.currency or "USD"),
    ):
        if one != other:
            raise InputError(f"markets: wanted the same {what} everywhere; {first_name} has {other}, {name} has {one}.")


def _range(market: Market) -> str:
    index = market.candles.index
    return f"{stamp(index[0].value)} to {stamp(index[-1].value)} (UTC)"
