"""Streams: realised liquidations over WebSocket, in the dialect of each exchange."""

from __future__ import annotations

import asyncio
import http
import json
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

Row = tuple[str, float, float, int]  # side of the position, price (USD), quantity (coins), time (ms)
SILENT_FATAL = ("bybit", "okx")  # these drop a stream that sends no pings

# Frames that are not liquidations: a client may skip them or end the stream, but must not crash.
GARBAGE: tuple[str | bytes, ...] = (
    "",
    "{",
    "null",
    "[]",
    "[" * 50_000,
    '{"e":"forceOrder"}',
    '{"topic":"allLiquidation.BTCUSDT","data":[{}]}',
    '{"arg":{"channel":"liquidation-orders"},"data":[{"instId":"BTC-USDT-SWAP","details":[{"sz":"NaN"}]}]}',
    b"\x00\xff\xfe",
)


@dataclass(eq=False)
class Subscriber:
    """A connected stream and its subscriptions."""

    socket: ServerConnection
    venue: str
    path: str
    topics: set[str] = field(default_factory=set)

    @property
    def wants_liquidations(self) -> bool:
        return bool({LIQUIDATIONS[self.venue], INVERSE.get(self.venue)} & self.topics)

    @property
    def is_inverse(self) -> bool:
        return INVERSE.get(self.venue) in self.topics


LIQUIDATIONS = {
    "binance": "btcusdt@forceOrder",
    "bybit": "allLiquidation.BTCUSDT",
    "okx": "liquidation-orders SWAP",
    "hyperliquid": "",  # no such feed
}
#: Of inverse contracts; OKX sends those of all contracts.
INVERSE = {"binance": "btcusd_perp@forceOrder", "bybit": "allLiquidation.BTCUSD"}


class Streams:
    """The WebSocket server of all dialects. `refused`, `silent`, `status` and `denials` may be set at any time."""

    def __init__(self, now_ms: Callable[[], int], silence_s: float, faults: list[BaseException]) -> None:
        self.now_ms, self.silence_s, self.faults = now_ms, silence_s, faults
        self.refused = self.silent = False
        self.status = 503  # of a refused handshake
        self.page = "Service Unavailable\n"
        self.denials: dict[str, dict[str, Any]] = {}  # by venue: the answer to every message of a client
        self.handshakes: list[str] = []  # requested paths, refused ones included
        self.received: list[tuple[str, str]] = []  # venue and text of each received message
        self.subscribers: set[Subscriber] = set()
        self.port = 0
        self._server: Server | None = None
        self._changed = asyncio.Condition()

    async def open(self) -> None:
        self._server = await serve(
            self._serve,
            "127.0.0.1",
            0,
            process_request=self._admit,
            ping_interval=None,
            close_timeout=0.2,
            logger=_quiet_logger(),
        )
        self.port = next(iter(self._server.sockets)).getsockname()[1]

    async def close(self) -> None:
        await self.drop(None)
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def publish(self, rows: list[Row]) -> int:
        """Send liquidations to all their subscribers; return how many there were."""
        reached = 0
        for each in [each for each in self.subscribers if each.wants_liquidations and not self.silent]:
            for frame in FRAMES[each.venue](rows, each.path, self.now_ms()):
                await _send(each.socket, in_usd(frame) if each.is_inverse else frame)
            reached += 1
        return reached

    async def send_raw(self, frame: str | bytes) -> None:
        for each in list(self.subscribers):
            await _send(each.socket, frame)

    async def drop(self, code: int | None) -> None:
        for each in list(self.subscribers):
            if code is None:
                each.socket.transport.abort()
            else:
                await each.socket.close(code)
        async with self._changed:
            await self._changed.wait_for(lambda: not self.subscribers)

    async def wait_subscribed(self, venue: str, count: int, timeout_s: float) -> None:
        def enough() -> bool:
            return sum(each.wants_liquidations for each in self.subscribers if each.venue == venue) >= count

        async with self._changed:
            await asyncio.wait_for(self._changed.wait_for(enough), timeout_s)

    def _admit(self, socket: ServerConnection, request: Request) -> Response | None:
        self.handshakes.append(request.path)
        parts = urlsplit(request.path).path.strip("/").split("/", 1)
        if self.refused:
            return socket.respond(http.HTTPStatus(self.status), self.page)
        if parts[0] not in PATHS or not (len(parts) > 1 and f"/{parts[1]}".startswith(PATHS[parts[0]])):
            return socket.respond(http.HTTPStatus.NOT_FOUND, "Not Found\n")
        return None

    async def _serve(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        url = urlsplit(socket.request.path)
        venue, _, path = url.path.strip("/").partition("/")
        each = Subscriber(socket, venue, path)
        if venue == "binance":
            each.topics |= _binance_topics(path, url.query)
        await self._register(each, True)
        try:
            while True:
                patience = self.silence_s if venue in SILENT_FATAL else None
                text = await asyncio.wait_for(socket.recv(), patience)
                self.received.append((venue, text if isinstance(text, str) else repr(text)))
                answer = self.denials.get(venue) or ANSWERS[venue](each, text)
                if not self.silent:
                    await _send(socket, answer)
                async with self._changed:
                    self._changed.notify_all()
        except (ConnectionClosed, TimeoutError):
            pass
        except Exception as error:
            self.faults.append(error)
        finally:
            await self._register(each, False)

    async def _register(self, each: Subscriber, present: bool) -> None:
        async with self._changed:
            (self.subscribers.add if present else self.subscribers.discard)(each)
            self._changed.notify_all()


def _quiet_logger() -> logging.Logger:
    """Do not log clients that leave during a handshake."""
    logger = logging.Logger("exchange.streams")
    logger.addHandler(logging.NullHandler())
    return logger


async def _send(socket: ServerConnection, frame: Any) -> None:
    with suppress(ConnectionClosed):
        await socket.send(frame if isinstance(frame, (str, bytes)) else json.dumps(frame))


def _read(text: Any) -> dict[str, Any]:
    try:
        message = json.loads(text)
    except ValueError:
        return {}
    return message if isinstance(message, dict) else {}


def _binance_topics(path: str, query: str) -> set[str]:
    """Streams named by the URL. Those of the old addresses, without "market", receive no liquidations."""
    market, _, rest = path.partition("/")
    if path == f"ws/{INVERSE['binance']}":  # a host of its own, whose addresses have not changed
        return {INVERSE["binance"]}
    if market != "market":
        return set()
    if rest.startswith("ws/"):
        return {rest[3:]}
    return set("/".join(parse_qs(query).get("streams", [])).split("/"))


def _binance(each: Subscriber, text: Any) -> Any:
    message = _read(text)
    names = {str(name) for name in message.get("params", [])}
    if message.get("method") == "SUBSCRIBE" and each.path.startswith("market/"):
        each.topics |= names
    elif message.get("method") == "UNSUBSCRIBE":
        each.topics -= names
    return {"result": None, "id": message.get("id")}


def _bybit(each: Subscriber, text: Any) -> Any:
    message = _read(text)
    op, names = message.get("op"), [str(name) for name in message.get("args", [])]
    if op == "subscribe":
        bad = [name for name in names if not name.startswith(("allLiquidation.", "tickers.", "kline."))]
        each.topics |= set(names) if not bad else set()
        note = f"error:handler not found,topic:{bad[0]}" if bad else ""
        return {"success": not bad, "ret_msg": note, "conn_id": "1", "req_id": "", "op": "subscribe"}
    if op == "unsubscribe":
        each.topics -= set(names)
        return {"success": True, "ret_msg": "", "conn_id": "1", "req_id": "", "op": op}
    if op == "ping":
        return {"success": True, "ret_msg": "pong", "conn_id": "1", "req_id": "", "op": "ping"}
    return {"success": False, "ret_msg": "error:unknown op", "conn_id": "1", "req_id": "", "op": op}


def _okx(each: Subscriber, text: Any) -> Any:
    if text == "ping":
        return "pong"
    message = _read(text)
    if message.get("op") in ("subscribe", "unsubscribe") and message.get("args"):
        arg = message["args"][0]
        topic = f"{arg.get('channel')} {arg.get('instType')}"
        if topic == LIQUIDATIONS["okx"]:
            (each.topics.add if message["op"] == "subscribe" else each.topics.discard)(topic)
            return {"event": message["op"], "arg": arg, "connId": "a1b2c3"}
    return {"event": "error", "code": "60012", "msg": f"Invalid request: {text}", "connId": "a1b2c3"}


def _hyperliquid(each: Subscriber, text: Any) -> Any:
    message = _read(text)
    if message.get("method") == "ping":
        return {"channel": "pong"}
    return {"channel": "subscriptionResponse", "data": message}


def _binance_frames(rows: list[Row], path: str, now_ms: int) -> list[Any]:
    frames = []
    for side, price, quantity, time in rows:
        coins = f"{quantity:.3f}"
        order: dict[str, Any] = {
            "s": "BTCUSDT",
            "S": "SELL" if side == "long" else "BUY",
            "o": "LIMIT",
            "f": "IOC",
            "q": coins,
        }
        # The limit price is on the bankruptcy side of the average fill price.
        limit = price * (0.996 if side == "long" else 1.004)
        order |= {"p": f"{limit:.2f}", "ap": f"{price:.2f}", "X": "FILLED", "l": coins, "z": coins, "T": time}
        event = {"e": "forceOrder", "E": max(now_ms, time), "o": order}
        combined = path.startswith("market/stream")
        frames.append({"stream": LIQUIDATIONS["binance"], "data": event} if combined else event)
    return frames


def in_usd(frame: Any) -> Any:
    """The same liquidations as of the inverse contract: contracts of 100 USD (Binance), or USD (Bybit)."""
    if "o" in frame:
        order = frame["o"]
        contracts = str(round(float(order["q"]) * float(order["ap"]) / 100))
        return {**frame, "o": {**order, "s": "BTCUSD_PERP", "ps": "BTCUSD", "q": contracts, "z": contracts}}
    rows = [{**row, "s": "BTCUSD", "v": str(round(float(row["v"]) * float(row["p"])))} for row in frame["data"]]
    return {**frame, "topic": INVERSE["bybit"], "data": rows}


def _bybit_frames(rows: list[Row], path: str, now_ms: int) -> list[Any]:
    data = [
        {
            "T": time,
            "s": "BTCUSDT",
            "S": "Buy" if side == "long" else "Sell",
            "v": f"{quantity:.3f}",
            "p": f"{price:.2f}",
        }
        for side, price, quantity, time in rows
    ]
    return [{"topic": LIQUIDATIONS["bybit"], "type": "snapshot", "ts": now_ms, "data": data}]


def _okx_frames(rows: list[Row], path: str, now_ms: int) -> list[Any]:
    details = [_okx_detail(side, f"{price:.1f}", f"{quantity * 100:.1f}", time) for side, price, quantity, time in rows]
    other = [_okx_detail("long", "0.2151", "120", now_ms)]
    inverse = [
        _okx_detail(side, f"{price:.1f}", f"{round(quantity * price / 100)}", time)
        for side, price, quantity, time in rows
    ]
    groups = [("BTC-USD", inverse), ("BTC-USDT", details), ("DOGE-USDT", other)]
    data = [
        {"details": each, "instFamily": family, "instId": f"{family}-SWAP", "instType": "SWAP", "uly": family}
        for family, each in groups
    ]
    return [{"arg": {"channel": "liquidation-orders", "instType": "SWAP"}, "data": data}]


def _okx_detail(side: str, price: str, contracts: str, time: int) -> dict[str, str]:
    order = "sell" if side == "long" else "buy"
    return {"bkLoss": "0", "bkPx": price, "ccy": "", "posSide": side, "side": order, "sz": contracts, "ts": str(time)}


PATHS: dict[str, str | tuple[str, ...]] = {
    "binance": ("/market/", "/public/", "/ws", "/stream"),
    "bybit": ("/v5/public/linear", "/v5/public/inverse"),
}
PATHS |= {"okx": "/ws/v5/public", "hyperliquid": "/ws"}
ANSWERS = {"binance": _binance, "bybit": _bybit, "okx": _okx, "hyperliquid": _hyperliquid}
FRAMES = {"binance": _binance_frames, "bybit": _bybit_frames, "okx": _okx_frames}
