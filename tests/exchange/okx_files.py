"""OKX's public files: zips of candles of a minute and of funding rates, whose days and months are those of UTC+8."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .archive_names import NO_FILE, packed, span_of
from .day import DAY, MINUTE
from .history import COINS, PRICE, RATE, USD, History
from .messages import Reply, Request

AHEAD = 8 * 60 * MINUTE
LATE = 2 * DAY  # a file is published this long after its end
SYMBOLS = ("BTC-USDT-SWAP", "BTC-USD-SWAP")
CANDLES = "instrument_name,open,high,low,close,vol,vol_ccy,vol_quote,open_time,confirm"
FUNDING = "instrument_name,funding_rate,funding_time"
_PATH = re.compile(
    r"/cdn/okex/traderecords/(?P<folder>candlesticks|swaprates)/(?P<often>daily|monthly)/(?P<digits>\d{6}(\d\d)?)/"
    r"(?P<symbol>[A-Z-]+)-(?P<what>candlesticks|fundingrates)-(?P<date>\d{4}-\d\d(-\d\d)?)\.zip"
)


def answer(history: History, now_ms: int, request: Request) -> Reply:
    match = _PATH.fullmatch(request.path)
    if (
        not match
        or match["symbol"] not in SYMBOLS
        or match["digits"] != match["date"].replace("-", "")
        or (len(match["date"]) > 7) != (match["often"] == "daily")
        or (match["folder"], match["what"], match["often"])
        not in (
            ("candlesticks", "candlesticks", "daily"),
            ("candlesticks", "candlesticks", "monthly"),
            ("swaprates", "fundingrates", "monthly"),  # those of a day hold all instruments
        )
    ):
        return Reply(NO_FILE.status, NO_FILE.body, dict(NO_FILE.headers))
    start, end = (moment - AHEAD for moment in span_of(match["date"]))
    if now_ms < end + LATE or end <= history.start_ms:
        return Reply(NO_FILE.status, NO_FILE.body, dict(NO_FILE.headers))
    data = history.files.get(request.path)
    if data is None:
        rows = _candles if match["what"] == "candlesticks" else _funding
        lines = rows(history, match["symbol"], start, end)
        data = history.files[request.path] = packed(
            request.path.rsplit("/", 1)[-1], "".join(f"{line}\n" for line in lines)
        )
    return Reply(body=data, headers={"Content-Type": "application/zip"})


def _candles(history: History, symbol: str, start: int, end: int) -> Iterator[str]:
    """Some rows come twice, and `confirm` says nothing."""
    yield CANDLES
    columns = history.bars("last", MINUTE)
    inside = (columns[0] >= start) & (columns[0] < end)
    for time, *prices in zip(*(column[inside].tolist() for column in columns), strict=True):
        o, high, low, close = (f"{value / PRICE:.1f}" for value in prices[:4])
        volume, _, quote, *_ = prices[4:]
        contracts = volume // 10 if symbol == SYMBOLS[0] else quote // USD // 100
        coins, usd = volume / COINS, quote / USD
        row = f"{symbol},{o},{high},{low},{close},{contracts},{coins},{usd},{time},{time // MINUTE % 2}"
        yield row
        if time % (97 * MINUTE) == 0:
            yield row


def _funding(history: History, symbol: str, start: int, end: int) -> Iterator[str]:
    yield FUNDING
    time, rates, _ = history.funding_rows(8)
    inside = (time >= start) & (time < end)
    for moment, rate in zip(time[inside].tolist(), rates[inside].tolist(), strict=True):
        yield f"{symbol},{rate / RATE:.13f},{moment}"
