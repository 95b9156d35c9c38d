"""Rate limits: the weight each exchange assigns to a request, and its answer when a limit is exceeded.

The whole loopback counts as one client address. Windows slide; refused requests are not counted.
"""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .messages import Reply, Request, reply


class Violation(NamedTuple):
    """A request over a limit: `count` is what the window would hold with it; `banned` if it came during a ban."""

    bucket: str
    time: float
    count: int  # type: ignore[assignment]  # tuple has a method of this name
    limit: int
    banned: bool


class Limit(NamedTuple):
    """At most `limit` within `window_s`. Banned for `ban_s` after `patience` further requests over the limit."""

    limit: int
    window_s: float
    ban_s: float = 0.0
    patience: int = 0


# OKX counts each endpoint separately (bucket "okx candles" is that of /api/v5/market/candles), and open interest
# history each instrument as well.
LIMITS = {
    "binance weight": Limit(2400, 60.0, ban_s=120.0, patience=5),
    "binance data": Limit(1000, 300.0, ban_s=120.0, patience=5),
    "binance funding": Limit(500, 300.0, ban_s=120.0, patience=5),
    # COIN-M has a host of its own, which counts by itself.
    "binance coin weight": Limit(2400, 60.0, ban_s=120.0, patience=5),
    "binance coin data": Limit(1000, 300.0, ban_s=120.0, patience=5),
    "binance coin funding": Limit(500, 300.0, ban_s=120.0, patience=5),
    "bybit": Limit(600, 5.0, ban_s=600.0),
    "okx candles": Limit(40, 2.0),
    "okx history-candles": Limit(20, 2.0),
    "okx mark-price-candles": Limit(20, 2.0),
    "okx history-mark-price-candles": Limit(20, 2.0),
    "okx taker-volume-contract": Limit(5, 2.0),
    "okx open-interest-history": Limit(10, 2.0),
    "okx long-short-account-ratio-contract": Limit(5, 2.0),
    "okx funding-rate-history": Limit(10, 2.0),
    "okx open-interest": Limit(20, 2.0),
    "okx instruments": Limit(20, 2.0),
    "okx position-tiers": Limit(10, 2.0),
    "hyperliquid": Limit(1200, 60.0),
}


@dataclass
class _Window:
    limit: Limit
    entries: deque[tuple[float, int]] = field(default_factory=deque)
    used: int = 0
    strikes: int = 0
    banned_until: float = -math.inf

    def forget(self, time: float) -> None:
        while self.entries and self.entries[0][0] <= time - self.limit.window_s:
            self.used -= self.entries.popleft()[1]


class Counts:
    """Sliding windows of one server. `scale` multiplies all limits; `limits` replaces individual ones by bucket.

    A replacement is a `Limit`, or (limit, window_s), which keeps the other fields of the real limit.
    """

    def __init__(self, scale: float = 1.0, limits: dict[str, Any] | None = None) -> None:
        self.limits = {name: each._replace(limit=max(1, int(each.limit * scale))) for name, each in LIMITS.items()}
        for name, given in (limits or {}).items():
            self.limits[name] = self.limits[name]._replace(limit=int(given[0]), window_s=float(given[1]))
            if len(given) == 4:
                self.limits[name] = Limit(*given)
        self.violations: list[Violation] = []
        self._windows: dict[str, _Window] = {}

    def reset(self) -> None:
        """Reset the counts and bans; `violations` are kept."""
        self._windows = {}

    def used(self, bucket: str, time: float) -> int:
        """The count in the window of a bucket at `time` (s)."""
        window = self._window(bucket)
        window.forget(time)
        return window.used

    def charge(self, request: Request, rows: int, time: float, now_ms: int) -> tuple[Reply | None, dict[str, str]]:
        """Count a request whose answer has this many rows; return the refusal, if over a limit, and the headers.

        `time` is in seconds; `now_ms` is the server's clock, for the timestamps in replies.
        """
        refusal = None
        for bucket, weight in charges(request, rows):
            window = self._window(bucket)
            window.forget(time)
            banned = time < window.banned_until
            if not banned and window.used + weight <= window.limit.limit:
                window.entries.append((time, weight))
                window.used += weight
                window.strikes = 0
                continue
            self.violations.append(Violation(bucket, time, window.used + weight, window.limit.limit, banned))
            if window.limit.ban_s and not banned:
                window.strikes += 1
                if window.strikes > window.limit.patience:
                    window.banned_until, banned = time + window.limit.ban_s, True
                    window.strikes = 0
            until = now_ms + round(1000 * (window.banned_until - time)) if banned else None
            refusal = _refusal(request.venue, window.limit, until)
        return refusal, self._headers(request, time, now_ms)

    def _window(self, bucket: str) -> _Window:
        if bucket not in self._windows:
            name = bucket.partition(" of ")[0]
            self._windows[bucket] = _Window(self.limits[name])
        return self._windows[bucket]

    def _headers(self, request: Request, time: float, now_ms: int) -> dict[str, str]:
        if request.venue == "binance" and request.path.startswith(("/fapi/", "/dapi/")):
            bucket = f"binance {'coin ' * request.path.startswith('/dapi/')}weight"
            return {"X-MBX-USED-WEIGHT-1M": str(self.used(bucket, time))}
        if request.venue == "bybit":
            limit = self.limits["bybit"]
            left = limit.limit - self.used("bybit", time)
            reset = now_ms + round(1000 * limit.window_s)
            return {
                "X-Bapi-Limit": str(limit.limit),
                "X-Bapi-Limit-Status": str(left),
                "X-Bapi-Limit-Reset-Timestamp": str(reset),
            }
        return {}


def charges(request: Request, rows: int) -> Iterable[tuple[str, int]]:
    """The buckets that a request counts towards, and its weight in each; none for unknown paths."""
    params, path = request.params or {}, request.path
    if request.venue == "archive":
        return []
    if request.venue == "binance":
        if path.startswith("/futures/data/"):
            return [("binance coin data" if "pair" in params else "binance data", 1)]
        if path == "/dapi/v1/fundingRate":
            return [("binance coin funding", 1)]
        if path.startswith("/dapi/"):
            return [("binance coin weight", _klines_weight(params.get("limit")))]
        if path in ("/fapi/v1/fundingRate", "/fapi/v1/fundingInfo"):
            return [("binance funding", 1)]
        if path in ("/fapi/v1/klines", "/fapi/v1/markPriceKlines"):
            return [("binance weight", _klines_weight(params.get("limit")))]
        return [("binance weight", 10 if path == "/fapi/v1/premiumIndex" and "symbol" not in params else 1)]
    if request.venue == "bybit":
        return [("bybit", 1)]
    if request.venue == "okx":
        name = "okx " + path.rpartition("/")[2]
        if name == "okx open-interest-history":
            return [(f"{name} of {params.get('instId')}", 1)]
        return [(name, 1)] if name in LIMITS else []
    kind = params.get("type")
    if kind in ("clearinghouseState", "allMids", "l2Book"):
        return [("hyperliquid", 2)]
    extra = {"candleSnapshot": rows // 60, "fundingHistory": rows // 20}.get(kind if isinstance(kind, str) else "", 0)
    return [("hyperliquid", 20 + extra)]


def _klines_weight(limit: Any) -> int:
    try:
        rows = int(limit)
    except (TypeError, ValueError):
        rows = 500
    return 1 if rows < 100 else 2 if rows < 500 else 5 if rows <= 1000 else 10


def _refusal(venue: str, limit: Limit, banned_until: int | None) -> Reply:
    if venue == "binance":
        if banned_until is not None:
            message = f"Way too many requests; IP(127.0.0.1) banned until {banned_until}."
            return reply({"code": -1003, "msg": message}, 418)
        message = (
            f"Too many requests; current limit is {limit.limit} requests per minute. "
            "Please use the websocket for live updates to avoid polling the API."
        )
        return reply({"code": -1003, "msg": message}, 429)
    if venue == "bybit":
        return Reply(403, b"access too frequent", {"Content-Type": "text/plain"})
    if venue == "okx":
        return reply({"msg": "Too Many Requests", "code": "50011"}, 429)
    return Reply(429, json.dumps(None).encode())
