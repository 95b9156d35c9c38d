"""The fake exchange as the venues' host, a clock that only the tests move, and the truth as a table."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd

from exchange import Exchange, History
from liqwidget.sources.http.clock import CLOCK
from liqwidget.sources.venues import hosts

VENUES = ("binance", "bybit", "okx", "hyperliquid")
MINUTE = 60_000
DAY = 1440 * MINUTE

#: The optional columns that each venue serves.
SERVED = {
    "binance": ("taker_buy_volume", "mark", "open_interest", "long_short_ratio", "funding_rate"),
    "bybit": ("mark", "open_interest", "long_short_ratio", "funding_rate"),
    "okx": ("taker_buy_volume", "mark", "open_interest", "long_short_ratio", "funding_rate"),
    "hyperliquid": ("funding_rate",),
}


#: The inverse perpetual of each venue that has one.
INVERSE = {"binance": "BTCUSD_PERP", "bybit": "BTCUSD", "okx": "BTC-USD-SWAP"}


class Hands:
    """A clock whose sleeps are recorded, and advance it and the exchange's clock at once."""

    def __init__(self, exchange: Exchange, ahead_ms: int = 0) -> None:
        self.exchange, self.ahead = exchange, ahead_ms / 1000
        self.slept: list[float] = []

    def now(self) -> float:
        return self.exchange.now() / 1000 + self.ahead

    def monotonic(self) -> float:
        return self.exchange.now() / 1000

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.exchange.advance(round(seconds * 1000) + 1)
        await asyncio.sleep(0)


def host(exchange: Exchange, venue: str, *, archive: bool = False) -> hosts.Host:
    """The addresses of a venue at the exchange, with its public files or without."""
    files = exchange.rest("archive") if archive and venue != "hyperliquid" else ""
    return hosts.Host(exchange.rest(venue), exchange.stream(venue), files)


@contextmanager
def connected(
    exchange: Exchange, monkeypatch: Any, folder: Any, ahead_ms: int = 0, *, archive: bool = False
) -> Iterator[Hands]:
    """Connect the package to a running exchange, with its cache in a folder and its clock following the exchange's."""
    with monkeypatch.context() as patch:
        hands = Hands(exchange, ahead_ms)
        patch.setenv("LIQWIDGET_CACHE", str(folder))
        patch.setattr(hosts, "HOSTS", {name: host(exchange, name, archive=archive) for name in VENUES})
        for name in ("now", "monotonic", "sleep"):
            patch.setattr(CLOCK, name, getattr(hands, name))
        yield hands


def truth(history: History, venue: str, interval: str, start: int, end: int, contract: str = "linear") -> Any:
    """The table that a correct client returns for candles with ``start <= open time < end``, one cell at a time."""
    candles = history.candles(interval)
    step = _ms(interval)
    chosen = (candles["time"] >= start) & (candles["time"] < end)
    times = candles["time"][chosen]
    table = {name: candles[name][chosen] for name in ("open", "high", "low", "close", "volume")}
    if "taker_buy_volume" in SERVED[venue]:
        table["taker_buy_volume"] = candles["taker_buy_volume"][chosen]
    if "mark" in SERVED[venue]:
        mark = history.mark(interval)
        here = {int(t): i for i, t in enumerate(mark["time"])}
        table["mark_low"] = np.array([mark["low"][here[int(t)]] for t in times])
        table["mark_high"] = np.array([mark["high"][here[int(t)]] for t in times])
    period = interval if step >= 5 * MINUTE else "5m"
    snapshots = {
        "open_interest": (history.open_interest(period), "open_interest", 5 * MINUTE),
        "long_short_ratio": (_ratio(history.long_short(period), venue), "ratio", 5 * MINUTE),
        "funding_rate": (history.funding(1 if venue == "hyperliquid" else 8), "rate", DAY + 1),
    }
    for column, (rows, name, oldest) in snapshots.items():
        if column in SERVED[venue]:
            table[column] = np.array(
                [_known(rows["time"], rows[name], int(t) + step, max(step, oldest)) for t in times]
            )
    if contract == "inverse" and "open_interest" in table:  # contracts, in coins at the close
        rows = history.contracts(period)
        counted = [_known(rows["time"], rows["contracts"], int(t) + step, max(step, 5 * MINUTE)) for t in times]
        table["open_interest"] = np.array(counted) * 100 / table["close"]
    return pd.DataFrame(table, pd.to_datetime(times, unit="ms", utc=True).as_unit("ns").rename("time"))


def _ratio(rows: dict[str, Any], venue: str) -> dict[str, Any]:
    return {**rows, "ratio": rows["long"] / rows["short"]} if venue == "bybit" else rows


def _known(times: Any, values: Any, close: int, oldest: int) -> float:
    i = bisect_right(times, close) - 1
    return float(values[i]) if i >= 0 and close - times[i] < oldest else float("nan")


def _ms(interval: str) -> int:
    return int(interval[:-1]) * {"m": MINUTE, "h": 60 * MINUTE, "d": DAY}[interval[-1]]
