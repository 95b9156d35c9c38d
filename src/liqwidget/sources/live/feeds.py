"""Feeds of realised liquidations: what each venue streams, in its own dialect.

Binance sends the largest order of each second and symbol, OKX not all, Bybit all, Hyperliquid none for the market:
sums of a feed are lower bounds. Prices are bankruptcy prices (Bybit, OKX) or average fills (Binance).
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ...errors import ParseError
from ...market.columns import shown
from ..http.client import Client
from ..venues.venue import Request, moment, number

Liquidation = tuple[int, str, float, float]  # ms, "long" or "short" (who was liquidated), USD, coins


@dataclass(frozen=True)
class Feed:
    """One venue's feed.

    Attributes
    ----------
    path
        Below the venue's stream host, for a symbol.
    hello
        What is sent first, for a symbol; empty: nothing.
    read
        Liquidations in a message, for a symbol and the coins that one unit of its sizes is.
    unit
        Finds out those coins.
    ping, pause
        What is sent every so many seconds to be kept connected; empty: nothing.
    """

    path: Callable[[str], str]
    hello: Callable[[str], str]
    read: Callable[[Any, str, float], Iterator[Liquidation]]
    unit: Callable[[Client, str], Awaitable[float]]
    ping: str = ""
    pause: float = 20.0


def liquidations(feed: Feed, text: str | bytes, symbol: str, unit: float) -> list[Liquidation]:
    """Return the liquidations of one symbol in a message; none for what else a feed sends.

    Raises
    ------
    ParseError
        It is no such message.
    """
    if text in ("pong", b"pong"):
        return []
    try:
        found = list(feed.read(json.loads(text), symbol, unit))
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        raise ParseError(f"a message of liquidations was wanted; got {shown(text)}.") from None
    for _time, _side, price, coins in found:
        if not (price > 0 and coins > 0):
            raise ParseError(f"price and size above 0 were wanted; got {price} and {coins}.")
    return found


def _binance(message: Any, symbol: str, _unit: float) -> Iterator[Liquidation]:
    event = message.get("data", message)
    if event.get("e") != "forceOrder" or event["o"]["s"] != symbol:
        return
    order = event["o"]
    filled, price = number(order["z"]), number(order["ap"])
    yield (
        moment(order["T"]),
        _side(order["S"], {"SELL": "long", "BUY": "short"}),
        price if price > 0 else number(order["p"]),
        filled if filled > 0 else number(order["q"]),
    )


def _bybit(message: Any, symbol: str, _unit: float) -> Iterator[Liquidation]:
    if message.get("topic") != f"allLiquidation.{symbol}":
        return
    for row in message["data"]:  # S is the position's side, not the order's
        yield moment(row["T"]), _side(row["S"], {"Buy": "long", "Sell": "short"}), number(row["p"]), number(row["v"])


def _okx(message: Any, symbol: str, unit: float) -> Iterator[Liquidation]:
    if "data" not in message or message["arg"]["channel"] != "liquidation-orders":
        return
    for instrument in message["data"]:
        for row in instrument["details"] if instrument["instId"] == symbol else []:
            side = _side(row["side"], {"sell": "long", "buy": "short"})
            yield moment(row["ts"]), side, number(row["bkPx"]), number(row["sz"]) * unit


async def _coin(_client: Client, _symbol: str) -> float:
    return 1.0


async def _contract(client: Client, symbol: str) -> float:
    """Return the coins in one contract of OKX."""
    params = {"instType": "SWAP", "instId": symbol}
    answer = await client.ask(Request("/api/v5/public/instruments", params, None, "instruments"))
    try:
        row = answer.body["data"][0]
        kind, size = row["ctType"], number(row["ctVal"])
    except (TypeError, LookupError):
        raise ParseError(f"okx: the contract's size was wanted; got {shown(answer.body)}.") from None
    if kind != "linear" or not size > 0:
        raise ParseError(f"okx: {symbol} is no linear contract; its liquidations are not in coins.")
    return size


def _side(text: object, sides: Mapping[str, str]) -> str:
    if not isinstance(text, str) or text not in sides:
        raise ParseError(f"a side of {' or '.join(sides)} was wanted; got {shown(text)}.")
    return sides[text]


FEEDS: Mapping[str, Feed] = {
    "binance": Feed(
        path=lambda symbol: f"/market/ws/{symbol.lower()}@forceOrder",  # without /market it connects and stays silent
        hello=lambda _symbol: "",
        read=_binance,
        unit=_coin,
    ),
    "bybit": Feed(
        path=lambda _symbol: "/v5/public/linear",
        hello=lambda symbol: json.dumps({"op": "subscribe", "args": [f"allLiquidation.{symbol}"]}),
        read=_bybit,
        unit=_coin,
        ping='{"op":"ping"}',
    ),
    "okx": Feed(
        path=lambda _symbol: "/ws/v5/public",
        hello=lambda _symbol: json.dumps(
            {"op": "subscribe", "args": [{"channel": "liquidation-orders", "instType": "SWAP"}]}
        ),
        read=_okx,
        unit=_contract,
        ping="ping",
    ),
}
