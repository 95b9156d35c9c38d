"""Vices that refuse: error statuses and bodies in place of an answer."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

from .messages import Reply, Request, reply
from .vice import Memory, Vice

HTML = {"Content-Type": "text/html"}
TEXT = {"Content-Type": "text/plain"}
CLOUDFRONT = "The Amazon CloudFront distribution is configured to block access from your country"
UNAVAILABLE = (
    {"code": -1000, "msg": "Unknown error, please check your request or try again later."},
    {"code": -1016, "msg": "Service Unavailable."},
    {"code": -1008, "msg": "Request throttled by system-level protection. Reduce-only orders are exempt."},
)


@dataclass(frozen=True, kw_only=True, repr=False)
class TooMany(Vice):
    """HTTP 429, with the message of the exchange."""

    name: ClassVar[str] = "too_many"
    retry_after: str | None = None

    def reply(self, request: Request, normal: Reply, memory: Memory) -> Reply:
        body = {
            "binance": {"code": -1003, "msg": "Too many requests; current limit is 2400 requests per minute."},
            "bybit": {"retCode": 429, "retMsg": "System level frequency protection", "result": {}, "retExtInfo": {}},
            "okx": {"msg": "Too Many Requests", "code": "50011"},
        }.get(request.venue)
        answer = reply(body, 429)
        if self.retry_after is not None:
            answer.headers["Retry-After"] = self.retry_after
        return answer


@dataclass(frozen=True, kw_only=True, repr=False)
class TooManyInBody(Vice):
    """Too many requests, reported with HTTP 200: Bybit 10006, OKX 50011; the others only use 429."""

    name: ClassVar[str] = "too_many_in_body"

    def reply(self, request: Request, normal: Reply, memory: Memory) -> Reply:
        if request.venue == "bybit":
            code = {"retCode": 10006, "retMsg": "Too many visits!", "result": {}, "retExtInfo": {}}
            return reply({**code, "time": memory.now_ms})
        if request.venue == "okx":
            return reply({"msg": "Too Many Requests", "code": "50011"})
        return TooMany().reply(request, normal, memory)


@dataclass(frozen=True, kw_only=True, repr=False)
class Banned(Vice):
    """HTTP 418 with the time at which the ban of the address ends."""

    name: ClassVar[str] = "banned"
    ban_ms: int = 120_000

    def reply(self, request: Request, normal: Reply, memory: Memory) -> Reply:
        until = memory.now_ms + self.ban_ms
        return reply({"code": -1003, "msg": f"Way too many requests; IP(127.0.0.1) banned until {until}."}, 418)


@dataclass(frozen=True, kw_only=True, repr=False)
class GeoBlock(Vice):
    """Refused by country: Binance 451, the others 403 from the CDN in front of them, as JSON or HTML."""

    name: ClassVar[str] = "geo_block"
    html: bool = False

    def reply(self, request: Request, normal: Reply, memory: Memory) -> Reply:
        if request.venue == "binance":
            message = (
                "Service unavailable from a restricted location according to 'b. Eligibility' in "
                "https://www.binance.com/en/terms. Please contact customer service if you believe you received this "
                "message in error."
            )
            return reply({"code": 0, "msg": message}, 451)
        if self.html:
            return Reply(
                403, f"<HTML><HEAD><TITLE>ERROR</TITLE></HEAD><BODY>{CLOUDFRONT}.</BODY></HTML>".encode(), HTML
            )
        return reply({"error": CLOUDFRONT}, 403)


@dataclass(frozen=True, kw_only=True, repr=False)
class GeoBlockInBody(Vice):
    """Refused by region, reported with HTTP 200: Bybit 10009; the others only use statuses."""

    name: ClassVar[str] = "geo_block_in_body"

    def reply(self, request: Request, normal: Reply, memory: Memory) -> Reply:
        if request.venue != "bybit":
            return GeoBlock().reply(request, normal, memory)
        message = "Sorry, the service is not available in your region"
        return reply({"retCode": 10009, "retMsg": message, "result": {}, "retExtInfo": {}, "time": memory.now_ms})


@dataclass(frozen=True, kw_only=True, repr=False)
class Firewall(Vice):
    """HTTP 403 as a page that does not mention countries."""

    name: ClassVar[str] = "firewall"

    def reply(self, request: Request, normal: Reply, memory: Memory) -> Reply:
        return Reply(403, b"<html><head><title>403 Forbidden</title></head><body>Request blocked</body></html>", HTML)


@dataclass(frozen=True, kw_only=True, repr=False)
class ServerError(Vice):
    """A status of 500 or above; 503 has the three bodies of Binance (`variant` 0, 1, 2)."""

    name: ClassVar[str] = "server_error"
    status: int = 503
    variant: int = 0

    def reply(self, request: Request, normal: Reply, memory: Memory) -> Reply:
        if request.venue == "okx":
            code = {500: "50026", 503: "50001"}.get(self.status, "50026")
            return reply(
                {"code": code, "msg": "Service temporarily unavailable. Try again later", "data": []}, self.status
            )
        if request.venue == "bybit" and self.status == 500:
            return reply({"retCode": 10016, "retMsg": "Internal server error.", "result": {}, "retExtInfo": {}})
        if request.venue == "binance" and self.status == 503:
            return reply(UNAVAILABLE[self.variant], 503)
        return Reply(self.status, f"<html><body><h1>{self.status}</h1></body></html>".encode(), HTML)


@dataclass(frozen=True, kw_only=True, repr=False)
class RequestTimeout(Vice):
    """HTTP 408."""

    name: ClassVar[str] = "request_timeout"

    def reply(self, request: Request, normal: Reply, memory: Memory) -> Reply:
        if request.venue == "binance":
            message = "Timeout waiting for response from backend server. Send status unknown; execution status unknown."
            return reply({"code": -1007, "msg": message}, 408)
        return Reply(408, b"Request Timeout", TEXT)


@dataclass(frozen=True, kw_only=True, repr=False)
class Redirect(Vice):
    """Redirects the client to a port that it must not follow to (`Exchange.followed`)."""

    name: ClassVar[str] = "redirect"
    status: int = 302

    def reply(self, request: Request, normal: Reply, memory: Memory) -> Reply:
        return Reply(self.status, b"", {"Location": memory.elsewhere + request.url, **TEXT})


@dataclass(frozen=True, kw_only=True, repr=False)
class UnknownSymbol(Vice):
    """The exchange does not list the symbol. (Binance's statistics then answer with an empty page.)"""

    name: ClassVar[str] = "unknown_symbol"

    def ask(self, request: Request, now_ms: int) -> tuple[Request, int]:
        params = dict(request.params or {})
        for name in ("symbol", "instId", "coin", "instFamily"):
            if name in params:
                params[name] = "NOSUCH"
        return dataclasses.replace(request, params=params), now_ms
