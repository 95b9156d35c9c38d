"""`fetch`: candles and optional columns from a venue or the cache, as a Market."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...cache_folder import folder
from ...checks import shown
from ...errors import InputError
from ...market.market import Market
from ...run.progress import Bar, Progress, Told
from ...run.thread import in_thread
from ..http.clock import CLOCK
from ..venues.registry import find_instrument, find_venue, of_coin
from ..venues.venue import INTERVALS, check_interval, interval_name
from .fetch_plan import FetchPlan
from .venues_plan import VenuesPlan
from .wanted import wanted


def fetch(
    symbol: str = "BTCUSDT",
    exchange: str | Sequence[str] = "binance",
    interval: str = "5m",
    start: Any = None,
    end: Any = None,
    days: float | None = None,
    *,
    cache: bool | str | Path = True,
    offline: bool = False,
    progress: bool | Told | None = None,
    trust_env: bool = False,
    host: str | None = None,
) -> Market:
    """Fetch closed candles of a perpetual, with all optional columns that the venue offers.

    Rows that were fetched before come from the cache; those of the current day are fetched again. It works inside a
    notebook's running event loop; the stop button cancels it, and fetched rows stay in the cache.

    Of Binance (USD-M and COIN-M), what its interface does not reach (open interest and the long/short ratio of more
    than 30 days ago) comes from its public files, and so do long histories of candles and mark prices, of which a file
    holds a month. Each file is compared with its checksum. Where the interface does not serve this place, everything
    that the files have, up to yesterday, is taken from them. Files of OKX have the funding rates of more than three
    months ago, and where its interface does not serve this place, candles of up to four hours, two days late. Where
    that of Bybit does not, candles are made from its files of trades, for up to 31 days since each has up to 100 MB;
    they have neither open interest nor mark prices. Neither publishes checksums. ``origin.notes`` say which part came
    from files, and which days have none.

    Parameters
    ----------
    symbol
        As the venue writes it (``BTCUSDT``, ``BTC-USDT-SWAP``, ``BTC``), or ``BTCUSDT`` or ``BTC/USDT:USDT`` anywhere,
        or TradingView's ``BINANCE:BTCUSDT.P``. Inverse perpetuals (margin in coins) as ``BTCUSD_PERP``, ``BTCUSD``,
        ``BTC-USD-SWAP`` or ``BTC/USD:BTC``. Names of dated contracts are refused.
    exchange
        ``binance``, ``bybit``, ``okx`` or ``hyperliquid``; see :func:`liqwidget.venues`. A list of them gives one
        market over all, with the prices of the first: see :func:`liqwidget.combine`. There ``symbol`` may be the coin,
        such as ``BTC``, for the contract settled in USDT of each venue.
    interval
        Such as ``1m``, ``5m``, ``1h``, ``1d``; also as venues and TradingView write them, as ``60``, ``1H``, ``D``.
        ``3d`` is made of days, from 1970-01-01 on, since venues begin it on different days; weeks begin on Monday.
    start, end
        Open times ``start <= time < end``; text, datetime or Timestamp, naive is UTC. `end` None: now.
    days
        Length of the range, unless both ends are given; default 7 if `start` is not given.
    cache
        False: neither read nor write it; a path: use that folder.
    offline
        Send no requests: return what the cache has; the market's repr says how stale it is.
    progress
        Show a bar; None: in notebooks and terminals, when it takes longer than half a second. A function is called
        instead, with pages and files done, those known, and rows so far.
    trust_env
        Take proxies from the environment.
    host
        Another host of the venue: ``bytick`` (a mirror of Bybit); ``www``, ``us``, ``eea`` (OKX); or an address with
        ``https:``. Data of regional hosts and of addresses are kept apart in the cache.

    Returns
    -------
    Market
        Of several venues, its ``venues`` has the parts. ``origin`` has the source, the time, missing data with
        reasons, and whether it is partial.

    Raises
    ------
    InputError
        An argument is not usable.
    FetchError, ParseError
        The venue did not answer as expected; of several, the first one. Others that fail are left out, and the market
        names them. Rows fetched before that are in the cache.

    Examples
    --------
    >>> import liqwidget as lw
    >>> market = lw.fetch("BTCUSDT", exchange="binance", interval="5m", days=1)
    >>> market.symbol, market.exchange, len(market)  # the candle that is still forming is left out
    ('BTCUSDT', 'binance', 287)
    >>> again = lw.fetch("BTCUSDT", exchange="binance", interval="5m", days=1, offline=True)
    >>> again.origin.source
    'binance, from the cache'
    """
    plan = _prepared(symbol, exchange, interval, start, end, days, cache, offline, host)
    if offline:
        return plan.market()
    with Bar(plan.progress, progress) as bar, in_thread(plan.run(trust_env)) as future:
        bar.until(future)
        future.result()
    return plan.market()


async def fetch_async(
    symbol: str = "BTCUSDT",
    exchange: str | Sequence[str] = "binance",
    interval: str = "5m",
    start: Any = None,
    end: Any = None,
    days: float | None = None,
    *,
    cache: bool | str | Path = True,
    offline: bool = False,
    progress: bool | Told | None = None,
    trust_env: bool = False,
    host: str | None = None,
) -> Market:
    """Fetch like :func:`liqwidget.fetch`, in the running event loop; cancelling the task cancels the fetch.

    Examples
    --------
    >>> import asyncio
    >>> import liqwidget as lw
    >>> market = asyncio.run(lw.fetch_async("BTCUSDT", exchange="okx", interval="15m", days=1))
    >>> len(market)
    95
    """
    plan = _prepared(symbol, exchange, interval, start, end, days, cache, offline, host)
    if not offline:
        with Bar(plan.progress, progress) as bar:
            run = asyncio.ensure_future(plan.run(trust_env))
            try:
                while not run.done():
                    await asyncio.wait([run], timeout=0.1)
                    bar.show()
            finally:
                run.cancel()
                await asyncio.wait([run])  # fetched rows are written before returning
            run.result()
    return plan.market()


def _prepared(
    symbol: object,
    exchange: object,
    interval: object,
    start: Any,
    end: Any,
    days: Any,
    cache: bool | str | Path,
    offline: bool,
    host: str | None,
) -> FetchPlan | VenuesPlan:
    several = isinstance(exchange, Sequence) and not isinstance(exchange, str)
    names = list(exchange) if several else [exchange]  # type: ignore[call-overload]
    venues = [find_venue(name) for name in names]
    if several and (len(venues) < 2 or len({venue.name for venue in venues}) < len(venues)):
        raise InputError(f"exchange: wanted a name, or a list of two or more different ones; got {shown(exchange)}.")
    if several and host is not None:
        raise InputError(f"host: wanted None for several venues, each with its usual host; got {shown(host)}.")
    found = [find_instrument(venue, of_coin(venue, symbol) if several else symbol, host) for venue in venues]
    step = check_interval(interval)
    for venue, _ in found:
        if not venue.series["candles"].offers(interval_name(step)):
            known = ", ".join(filter(venue.series["candles"].offers, INTERVALS))
            raise InputError(f"interval: wanted one that {venue.name} has, {known}; got {interval}.")
    if cache is False and offline:
        raise InputError("fetch: wanted a cache, since offline=True reads it; got cache=False. Drop one of the two.")
    now = int(CLOCK.now() * 1000)
    place = None if cache is False else folder(None if cache is True else cache)
    range_ = wanted(start, end, days, step, now)
    if not several:
        return FetchPlan(*found[0], range_, place, now, offline)
    progress = Progress(" + ".join(venue.name for venue, _ in found), "pages")
    return VenuesPlan([FetchPlan(*one, range_, place, now, offline, progress) for one in found], progress)
