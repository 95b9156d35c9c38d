"""Bybit's public files: the trades of a day, gzipped, without checksums."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator

from .archive_names import NO_FILE, span_of
from .day import MINUTE
from .history import COINS, PRICE, History
from .messages import Reply, Request

SYMBOLS = ("BTCUSDT", "BTCUSD")
COLUMNS = "timestamp,symbol,side,size,price,tickDirection,trdMatchID,grossValue,homeNotional,foreignNotional"
RPI = 1_767_225_600_000  # 2026-01-01: from then on with one more column, and in order of time
_PATH = re.compile(r"/trading/(?P<symbol>\w+)/(?P=symbol)(?P<date>\d{4}-\d\d-\d\d)\.csv\.gz")


def answer(history: History, now_ms: int, request: Request) -> Reply:
    match = _PATH.fullmatch(request.path)
    if not match or match["symbol"] not in SYMBOLS:
        return Reply(NO_FILE.status, NO_FILE.body, dict(NO_FILE.headers))
    start, end = span_of(match["date"])
    if now_ms < end or end <= history.start_ms:
        return Reply(NO_FILE.status, NO_FILE.body, dict(NO_FILE.headers))
    data = history.files.get(request.path)
    if data is None:
        lines = list(_lines(history, match["symbol"], start, end))
        if start < RPI:
            lines.reverse()
        header = COLUMNS + (",RPI" if start >= RPI else "")
        data = gzip.compress("".join(f"{line}\n" for line in [header, *lines]).encode(), 1, mtime=0)
        history.files[request.path] = data
    return Reply(body=data, headers={"Content-Type": "application/x-gzip"})


def _lines(history: History, symbol: str, start: int, end: int) -> Iterator[str]:
    """Four times a minute, at its open, high, low and close, somebody buys and somebody sells."""
    columns = history.bars("last", MINUTE)
    inside = (columns[0] >= start) & (columns[0] < end)
    for time, o, high, low, close, volume, taker, *_ in zip(
        *(column[inside].tolist() for column in columns), strict=True
    ):
        for i, (second, price) in enumerate(((0.0004, o), (20.5, high), (40.25, low), (59.9996, close))):
            for side, whole in (("Buy", taker), ("Sell", volume - taker)):
                thousandths = whole // 4 + (whole % 4 if i == 3 else 0)
                usd = price / PRICE
                size = f"{thousandths / COINS:.3f}" if symbol == SYMBOLS[0] else f"{round(thousandths / COINS * usd)}"
                moment = f"{time / 1000 + second:.4f}"
                more = ",0" if start >= RPI else ""
                yield f"{moment},{symbol},{side},{size},{usd:.1f},PlusTick,{time}-{i}{side},0,{size},0{more}"
