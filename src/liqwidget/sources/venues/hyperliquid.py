"""Hyperliquid perpetuals: one endpoint that takes JSON queries; rows ascend; only the newest 5,000 candles."""

from __future__ import annotations

from typing import Any

from ...checks import shown
from ...errors import InputError
from .symbols import THOUSANDS, inverse, other_unit, read_symbol, unlisted
from .venue import (
    HOUR,
    INTERVALS,
    Limit,
    Query,
    Refusal,
    Request,
    Series,
    Venue,
    by_place,
    by_status,
    message,
    table,
)

_BARS = {name: name for name in INTERVALS if name != "6h"}
_NEWEST = 5000


def _candles(query: Query) -> Request:
    wanted = {"coin": query.symbol, "interval": query.period, "startTime": query.start, "endTime": query.end - 1}
    return Request("/info", body={"type": "candleSnapshot", "req": wanted}, weight=21 + query.rows // 60)


def _funding(query: Query) -> Request:
    wanted = {"coin": query.symbol, "startTime": query.start, "endTime": query.end - 1}
    return Request("/info", body={"type": "fundingHistory", **wanted}, weight=21 + min(query.rows, 500) // 20)


def native(symbol: str) -> str:
    """Return the coin's name: BTC, also for BTCUSDT or BTC-USD; kPEPE, a thousand PEPE, also for 1000PEPEUSDT."""
    read = read_symbol(symbol, "hyperliquid")
    if read.in_coins or (read.quote == "USD" and read.perpetual):  # BTC-USD-SWAP, BTCUSD_PERP: of other venues
        raise inverse(symbol)
    if read.quote not in ("", "USD", "USDC", "USDT"):
        raise InputError(
            f"symbol: wanted a coin, or a pair with USD, USDC or USDT; got {shown(symbol)}. Write it as {read.base}."
        )
    if read.base in THOUSANDS:
        raise other_unit(symbol, "hyperliquid", f"k{read.base}")
    if read.thousands and not read.base.startswith(("k", f"1000{read.thousands}")):
        raise other_unit(symbol, "hyperliquid", f"the coin as Hyperliquid lists it, such as k{read.thousands}")
    return f"k{read.thousands}" if read.thousands else read.base


def _judge(status: int, body: Any) -> Refusal | None:
    text = message(body)
    if status == 500 and body is None:
        return Refusal("retry", "null", cure=f"It may answer unknown coins so. {unlisted('hyperliquid', 'BTC')}")
    return by_place("hyperliquid", status, body, text) or by_status(status, body, text)


VENUE = Venue(
    name="hyperliquid",
    limits={"default": Limit(1200, 60)},
    series={
        "candles": Series(
            columns=("open", "high", "low", "close", "volume"),
            periods=_BARS,
            page=_NEWEST,
            backward=False,
            request=_candles,
            parse=lambda body: table(body, "t", open="o", high="h", low="l", close="c", volume="v"),
            newest=_NEWEST,
            since="the newest 5,000 candles",
        ),
        "funding": Series(
            columns=("funding_rate",),
            periods={},
            page=500,
            backward=False,
            request=_funding,
            parse=lambda body: table(body, "time", funding_rate="fundingRate"),
            spacing=HOUR,
        ),
    },
    missing={
        "taker_buy_volume": "candles do not split volume by taker",
        "mark_low": "no history; last prices sweep the levels",
        "mark_high": "no history; last prices sweep the levels",
        "open_interest": "no history, only the present value",
        "long_short_ratio": "not published",
        "liquidations": "no market-wide feed",
    },
    native=native,
    judge=_judge,
    pause=60,
)
