"""Feeds of realised liquidations: the format of each venue's stream.

Binance sends the largest order of each second and symbol, OKX not all, Bybit all, Hyperliquid none for the market:
sums of a feed are lower bounds. Prices are bankruptcy prices (Bybit, OKX) or average fills (Binance).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from ...checks import shown
from ...errors import ParseError
from ...market.liquidation_side import side_of
from ..venues.cells import message, milliseconds, number

Liquidation = tuple[int, str, float, float]  # ms, "long" or "short" (who was liquidated), USD, coins


@dataclass(frozen=True)
class Feed:
    """One venue's feed.

    Attributes
    ----------
    path
        Below the venue's stream host, for a symbol.
    hello
        First message to send, for a symbol; empty: none.
    confirmed
        Tells what a message says about the subscription to a symbol: True: it is confirmed; text: refused, with the
        venue's reason; None: nothing.
    read
        Parses liquidations of a symbol from a message, given the coins, or USD if it is inverse, per unit of its sizes.
    ping, pause
        Keep-alive message and its interval, seconds; empty: none.
    """

    path: Callable[[str], str]
    hello: Callable[[str], str]
    confirmed: Callable[[Any, str], bool | str | None]
    read: Callable[[Any, str, float], Iterator[Liquidation]]
    ping: str = ""
    pause: float = 20.0


def liquidations(feed: Feed, text: str | bytes, symbol: str, unit: float) -> list[Liquidation]:
    """Return the liquidations of one symbol in a message; an empty list for other messages.

    Raises
    ------
    ParseError
        It is not a valid message.
    """
    if text in ("pong", b"pong"):
        return []
    try:
        found = list(feed.read(json.loads(text), symbol, unit))
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        raise ParseError(f"wanted a message of liquidations; got {shown(text)}.") from None
    for _time, _side, price, coins in found:
        if not (price > 0 and coins > 0):
            raise ParseError(f"wanted price and size above 0; got {price} and {coins}.")
    return found


def confirmed(feed: Feed, text: str | bytes, symbol: str) -> bool | str | None:
    """Return what a message says about the subscription, as `Feed.confirmed`; None for other messages."""
    try:
        said = json.loads(text)
        return feed.confirmed(said, symbol) if isinstance(said, dict) else None
    except (ValueError, RecursionError):
        return None


def _binance_confirmed(said: Mapping[str, Any], symbol: str) -> bool | str | None:
    if said.get("e") == "forceOrder":
        return True
    if "error" in said or ("msg" in said and "code" in said):
        error = said["error"] if isinstance(said.get("error"), dict) else said
        return message(error, "msg")
    if "result" not in said:
        return None
    listed = said["result"]
    if isinstance(listed, list) and f"{symbol.lower()}@forceOrder" not in listed:
        return "the stream is not among those it lists"
    return True


def _bybit_confirmed(said: Mapping[str, Any], symbol: str) -> bool | str | None:
    if said.get("topic") == f"allLiquidation.{symbol}":
        return True
    if said.get("op") != "subscribe":
        return None
    return True if said.get("success") is True else message(said, "ret_msg")


def _okx_confirmed(said: Mapping[str, Any], _symbol: str) -> bool | str | None:
    if said.get("event") == "error":
        return message(said, "msg")
    about = said.get("arg")
    if not isinstance(about, dict) or about.get("channel") != "liquidation-orders":
        return None
    return True if said.get("event") == "subscribe" or "data" in said else None


def _binance(said: Any, symbol: str, _unit: float) -> Iterator[Liquidation]:
    event = said.get("data", said)
    if event.get("e") != "forceOrder" or event["o"]["s"] != symbol:
        return
    order = event["o"]
    filled, price = number(order["z"]), number(order["ap"])
    yield (
        milliseconds(order["T"]),
        _side(order["S"], "binance"),
        price if price > 0 else number(order["p"]),
        filled if filled > 0 else number(order["q"]),
    )


def _bybit(said: Any, symbol: str, _unit: float) -> Iterator[Liquidation]:
    if said.get("topic") != f"allLiquidation.{symbol}":
        return
    for row in said["data"]:
        yield (
            milliseconds(row["T"]),
            _side(row["S"], "bybit"),
            number(row["p"]),
            number(row["v"]),
        )


def _okx(said: Any, symbol: str, unit: float) -> Iterator[Liquidation]:
    if "data" not in said or said["arg"]["channel"] != "liquidation-orders":
        return
    for instrument in said["data"]:
        for row in instrument["details"] if instrument["instId"] == symbol else []:
            side = _side(row["side"], "okx")
            yield milliseconds(row["ts"]), side, number(row["bkPx"]), number(row["sz"]) * unit


def _side(text: object, exchange: str) -> str:
    side = side_of(text, exchange)
    if side is None:
        raise ParseError(f"wanted a side of buy or sell; got {shown(text)}.")
    return side


def _in_usd(feed: Feed, **changes: Any) -> Feed:
    """Return the feed of a venue's inverse contracts, whose sizes are in units of USD."""

    def read(said: Any, symbol: str, unit: float) -> Iterator[Liquidation]:
        for time, side, price, size in feed.read(said, symbol, 1.0):
            yield time, side, price, size * unit / price

    return replace(feed, read=read, **changes)


_LINEAR: Mapping[str, Feed] = {
    "binance": Feed(
        path=lambda symbol: (
            f"/market/ws/{quote(symbol.lower())}@forceOrder"
        ),  # without /market it connects but sends nothing
        hello=lambda _symbol: '{"method":"LIST_SUBSCRIPTIONS","id":1}',  # the path has subscribed
        confirmed=_binance_confirmed,
        read=_binance,
    ),
    "bybit": Feed(
        path=lambda _symbol: "/v5/public/linear",
        hello=lambda symbol: json.dumps({"op": "subscribe", "args": [f"allLiquidation.{symbol}"]}),
        confirmed=_bybit_confirmed,
        read=_bybit,
        ping='{"op":"ping"}',
    ),
    "okx": Feed(
        path=lambda _symbol: "/ws/v5/public",
        hello=lambda _symbol: json.dumps(
            {"op": "subscribe", "args": [{"channel": "liquidation-orders", "instType": "SWAP"}]}
        ),
        confirmed=_okx_confirmed,
        read=_okx,
        ping="ping",
    ),
}

#: By the venue's key.
FEEDS: Mapping[str, Feed] = {
    **_LINEAR,
    "binance inverse": _in_usd(_LINEAR["binance"], path=lambda symbol: f"/ws/{quote(symbol.lower())}@forceOrder"),
    "bybit inverse": _in_usd(_LINEAR["bybit"], path=lambda _symbol: "/v5/public/inverse"),
    "okx inverse": _in_usd(_LINEAR["okx"]),
}
