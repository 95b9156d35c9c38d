"""Hyperliquid perpetuals: one address that takes a question as JSON; rows ascend; the newest 5,000 candles alone."""

from __future__ import annotations

from typing import Any

from .venue import (
    HOUR,
    INTERVALS,
    Limit,
    Query,
    Refusal,
    Request,
    Series,
    Venue,
    by_status,
    check_symbol,
    message,
    pair,
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
    """Return the coin's name: BTC, also for BTCUSDT or BTC-USD; kPEPE keeps its small k."""
    given = symbol.strip() if isinstance(symbol, str) else ""
    name = check_symbol(symbol, "hyperliquid").split("-")[0]
    coin = found[0] if (found := pair(name)) else name
    return f"k{coin[1:]}" if given.startswith("k") else coin  # a thousand of them


def _judge(status: int, body: Any) -> Refusal | None:
    return by_status(status, body, message(body))


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
