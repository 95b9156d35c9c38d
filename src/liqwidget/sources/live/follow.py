"""`follow`: keeps a widget's candles and realised liquidations up to date from a venue."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pandas as pd

from ...cache_folder import folder
from ...checks import shown
from ...errors import InputError
from ..venues.registry import find_instrument, find_venue
from ..venues.venue import OF_DAYS, check_interval, interval_name
from .follower import Follower, VenuesFollower


def follow(
    widget: Any,
    source: str | None = None,
    interval: str | None = None,
    *,
    symbol: str | None = None,
    every: float = 5.0,
    cache: bool | str | Path = True,
    trust_env: bool = False,
    host: str | None = None,
) -> Follower:
    """Keep a widget up to date, in the kernel's event loop.

    It stops when the widget is closed, when its last view is gone, when another market is assigned to it, or with
    ``.stop()``. A second call for the same widget replaces the first. The widget's status label says whether the feed
    is live, delayed, disconnected or stopped.

    Parameters
    ----------
    widget
        A :class:`liqwidget.LiquidationHeatmap`.
    source
        The venue; None: that of the widget's market.
    interval
        None: that of the widget's market; no other is possible.
    symbol
        None: that of the widget's market.
    every
        Seconds between two polls of the forming candle, at least 1.
    cache
        As for :func:`liqwidget.fetch`.
    trust_env
        Take proxies from the environment.
    host
        As for :func:`liqwidget.fetch`.

    Returns
    -------
    Follower

    Raises
    ------
    InputError
        An argument is not usable, the market is simulated, or no event loop is running.

    Examples
    --------
    >>> import asyncio
    >>> import liqwidget as lw
    >>> hm = lw.LiquidationHeatmap(lw.fetch("BTCUSDT", exchange="binance", days=1))
    >>> async def main():  # a notebook runs an event loop already: there, call lw.follow(hm) in a cell
    ...     live = lw.follow(hm)
    ...     print(live)
    ...     live.stop()
    >>> asyncio.run(main())
    <Follower binance BTCUSDT, every 5 s, running>
    """
    assigned, market = widget.markets_assigned, widget.market  # in this order: any thread may assign another market
    if market.venues and (source or symbol or host):
        raise InputError("source, symbol, host: wanted none for a market of several venues, which has its own.")
    venue = find_venue(next(iter(market.venues.values())).exchange if market.venues else source or market.exchange)
    if market.simulated:
        raise InputError("follow: wanted a real market; got a simulated one. Show lw.fetch(...) first.")
    interval = interval or market.interval_label
    step = check_interval(interval)
    if len(market) > 1 and market.interval != pd.Timedelta(step, "ms"):
        raise InputError(f"interval: wanted {market.interval_label}, as the widget shows; got {interval}.")
    if interval_name(step) in OF_DAYS:
        raise InputError(
            f"interval: wanted one that venues stream; got {interval}, which is made of days. Fetch it again."
        )
    if isinstance(every, bool) or not isinstance(every, int | float) or not 1 <= every <= 3600:
        raise InputError(f"every: wanted 1 to 3,600 seconds; got {shown(every)}.")
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        raise InputError(
            "follow: wanted a running event loop; got none. Call it in a notebook or a coroutine."
        ) from None
    if not (symbol or market.symbol):
        raise InputError(
            "symbol: wanted the venue's symbol; got a market without one. Pass symbol=, such as 'BTCUSDT'."
        )
    Follower.stop_of(widget)
    place = None if cache is False else folder(None if cache is True else cache)
    options: tuple[Any, ...] = (step, float(every), place, trust_env)
    if market.venues:
        parts = {name: find_instrument(find_venue(part.exchange), part.symbol) for name, part in market.venues.items()}
        follower: Follower = VenuesFollower(widget, parts, *options)
    else:
        venue, name = find_instrument(venue, symbol or market.symbol, host)
        if market.contract != venue.kind:
            raise InputError(
                f"symbol: wanted {market.contract} contracts, as the widget shows; got {shown(name)}. Show it first."
            )
        follower = Follower(widget, venue, name, *options)
    follower.start(loop, assigned)
    return follower
