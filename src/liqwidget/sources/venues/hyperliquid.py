"""Hyperliquid perpetuals: one endpoint that takes JSON queries; rows ascend; only the newest 5,000 candles."""

from __future__ import annotations

import math
from typing import Any

from ...checks import shown
from ...errors import FetchError, InputError, ParseError
from .cells import message, number, table
from .symbols import THOUSANDS, inverse, other_unit, read_symbol, unlisted
from .venue import (
    HOUR,
    INTERVALS,
    OF_DAYS,
    BracketRow,
    BracketTable,
    Limit,
    Present,
    Query,
    Refusal,
    Request,
    Series,
    Venue,
    by_place,
    by_status,
)

_BARS = {name: name for name in INTERVALS if name != "6h" and name not in OF_DAYS}
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


def _contexts(_symbol: str) -> Request:
    """Request what is known of all coins at present: their margin tables, open interest and mark price."""
    return Request("/info", body={"type": "metaAndAssetCtxs"}, weight=20)


def _coin(body: Any, symbol: str) -> tuple[dict[str, Any], Any]:
    """Return a coin's line of the universe and its context; both lists have the same order."""
    coins, contexts = body[0]["universe"], body[1]
    if len(coins) != len(contexts):
        raise ParseError(f"wanted a context for each of {len(coins)} coins; got {len(contexts)}.")
    for coin, context in zip(coins, contexts, strict=True):
        if coin["name"] == symbol:
            return coin, context
    raise FetchError(f"hyperliquid: wanted the coin {symbol}; got none of this name. Check the symbol.")


def _brackets(body: Any, symbol: str) -> list[BracketRow]:
    """Return the margin tiers: the maintenance rate is half the initial one at the tier's highest leverage."""
    coin, _ = _coin(body, symbol)
    number_of = coin.get("marginTableId")
    if number_of is None or number_of < 50:  # one tier; such a number is its highest leverage
        return [(math.inf, most := number(coin["maxLeverage"]), 1 / (2 * most), 0.0)]
    table = next(table for id_, table in body[0]["marginTables"] if id_ == number_of)
    tiers = sorted({(number(tier["lowerBound"]), number(tier["maxLeverage"])) for tier in table["marginTiers"]})
    if tiers and tiers[0][0] != 0:
        raise ParseError(f"wanted margin tiers from 0 on; got {shown(table)}.")
    caps = [*(floor for floor, _ in tiers[1:]), math.inf]
    return [(cap, most, 1 / (2 * most), math.nan) for cap, (_, most) in zip(caps, tiers, strict=False)]


def _present(body: Any, symbol: str) -> tuple[float, float]:
    """Return open interest (coins) and mark price (USD)."""
    _, context = _coin(body, symbol)
    return number(context["openInterest"]), number(context["markPx"])


def _judge(status: int, body: Any) -> Refusal | None:
    text = message(body)
    if status == 500 and body is None:
        return Refusal("retry", "null", cure=f"It may answer unknown coins so. {unlisted('hyperliquid', 'BTC')}")
    return by_place("hyperliquid", status, body, text) or by_status(status, body, text)


#: Open interest and mark price of now, of which there is no history.
PRESENT = Present(_contexts, _present)

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
        "mark_low": "no history; lw.follow records it",
        "mark_high": "no history; lw.follow records it",
        "open_interest": "only the present value; lw.follow records it",
        "long_short_ratio": "not published",
        "liquidations": "no market-wide feed",
    },
    native=native,
    judge=_judge,
    pause=60,
    brackets=BracketTable(_contexts, _brackets),
    present=PRESENT,
)
