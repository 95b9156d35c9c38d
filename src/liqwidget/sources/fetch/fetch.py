"""`fetch`: candles and what goes with them, from a venue or from the cache, as a Market."""

from __future__ import annotations

import asyncio
from concurrent.futures import wait
from pathlib import Path
from typing import Any

from ...errors import InputError
from ...market import Market
from ...run.progress import Bar, Told
from ...run.thread import in_thread
from ..cache.cache import folder
from ..http.clock import CLOCK
from ..venues.registry import find_venue
from ..venues.venue import check_interval
from .fetch_plan import Task
from .wanted import wanted


def fetch(
    symbol: str = "BTCUSDT",
    exchange: str = "binance",
    interval: str = "5m",
    start: Any = None,
    end: Any = None,
    days: float | None = None,
    *,
    cache: bool | str | Path = True,
    offline: bool = False,
    progress: bool | Told | None = None,
    trust_env: bool = False,
) -> Market:
    """Fetch closed candles of a perpetual, with all that the venue gives beside them.

    Rows that were fetched before come from the cache; those of the present day are fetched anew. It works inside a
    notebook's running loop; the stop button ends it, and what had come is in the cache.

    Parameters
    ----------
    symbol
        As the venue writes it (``BTCUSDT``, ``BTC-USDT-SWAP``, ``BTC``), or ``BTCUSDT`` or ``BTC/USDT:USDT`` anywhere.
    exchange
        ``binance``, ``bybit``, ``okx`` or ``hyperliquid``; see :func:`liqwidget.venues`.
    interval
        Such as ``1m``, ``5m``, ``1h``, ``1d``.
    start, end
        Open times ``start <= time < end``; text, datetime or Timestamp, naive is UTC. `end` None: now.
    days
        Length of the range, where not both ends are given; 7 if neither this nor `start` is.
    cache
        False: neither read nor kept; a path: that folder instead of the user's.
    offline
        Ask nobody: what the cache has, and its repr says how stale that is.
    progress
        Show a bar; None: in notebooks and terminals, when it takes longer than half a second. A function is called
        instead, with pages done, pages known, and rows so far.
    trust_env
        Take proxies from the environment.

    Returns
    -------
    Market
        ``origin`` tells source, time, what is missing and why, and whether it is partial.

    Raises
    ------
    InputError
        An argument is not usable.
    FetchError, ParseError
        The venue did not answer as it should. What came before that is in the cache.
    """
    task = _prepared(symbol, exchange, interval, start, end, days, cache, offline)
    if offline:
        return task.market()
    with Bar(task.progress, progress) as bar, in_thread(task.run(trust_env)) as future:
        while wait([future], 0.1).not_done:
            bar.show()
        future.result()
    return task.market()


async def fetch_async(
    symbol: str = "BTCUSDT",
    exchange: str = "binance",
    interval: str = "5m",
    start: Any = None,
    end: Any = None,
    days: float | None = None,
    *,
    cache: bool | str | Path = True,
    offline: bool = False,
    progress: bool | Told | None = None,
    trust_env: bool = False,
) -> Market:
    """Do as :func:`liqwidget.fetch` does, in the running loop; cancelling the task ends it in the same way."""
    task = _prepared(symbol, exchange, interval, start, end, days, cache, offline)
    if not offline:
        with Bar(task.progress, progress) as bar:
            run = asyncio.ensure_future(task.run(trust_env))
            try:
                while not run.done():
                    await asyncio.wait([run], timeout=0.1)
                    bar.show()
            finally:
                run.cancel()
                await asyncio.wait([run])  # what came is written before anyone goes on
            run.result()
    return task.market()


def _prepared(
    symbol: object,
    exchange: object,
    interval: object,
    start: Any,
    end: Any,
    days: Any,
    cache: bool | str | Path,
    offline: bool,
) -> Task:
    venue = find_venue(exchange)
    step = check_interval(interval)
    if interval not in venue.series["candles"].periods:
        known = ", ".join(venue.series["candles"].periods)
        raise InputError(f"interval: {venue.name} has {known}; got {interval}.")
    if cache is False and offline:
        raise InputError("fetch: offline=True reads the cache; got cache=False. Drop one of the two.")
    now = int(CLOCK.now() * 1000)
    place = None if cache is False else folder(None if cache is True else cache)
    return Task(venue, venue.native(symbol), wanted(start, end, days, step, now), place, now, offline)  # type: ignore[arg-type]
