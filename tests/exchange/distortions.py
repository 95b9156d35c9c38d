"""Vices that answer with the wrong page or a wrong body."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any, ClassVar

from .day import MINUTE
from .messages import Reply, Request
from .vice import Memory, Vice

TIMES = ("timestamp", "fundingTime", "fundingRateTimestamp", "time", "t", "T")


class _OfRows(Vice):
    """Base of vices that change the rows of a page; answers without rows are left unchanged."""

    def reply(self, request: Request, normal: Reply, memory: Memory) -> Reply:
        if normal.status != 200 or not normal.rows:
            return normal
        payload = json.loads(normal.body)
        rows = rows_of(request.venue, payload)
        if not rows:
            return normal
        rows[:] = self.change(request, rows, memory)
        return dataclasses.replace(normal, body=json.dumps(payload).encode(), rows=len(rows))

    def change(self, request: Request, rows: list[Any], memory: Memory) -> list[Any]:
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True, repr=False)
class EmptyPage(_OfRows):
    """An empty page where there are rows."""

    name: ClassVar[str] = "empty_page"

    def change(self, request: Request, rows: list[Any], memory: Memory) -> list[Any]:
        return []


@dataclass(frozen=True, kw_only=True, repr=False)
class Reversed(_OfRows):
    """The rows in reverse order."""

    name: ClassVar[str] = "reversed"

    def change(self, request: Request, rows: list[Any], memory: Memory) -> list[Any]:
        return rows[::-1]


@dataclass(frozen=True, kw_only=True, repr=False)
class Duplicated(_OfRows):
    """Each `every`-th row twice."""

    name: ClassVar[str] = "duplicated"
    every: int = 3

    def change(self, request: Request, rows: list[Any], memory: Memory) -> list[Any]:
        return [row for i, row in enumerate(rows) for _ in range(2 if i % self.every == 0 else 1)]


@dataclass(frozen=True, kw_only=True, repr=False)
class RepeatedEdge(_OfRows):
    """The last row of a page is repeated as the first row of the next page of the same path."""

    name: ClassVar[str] = "repeated_edge"

    def change(self, request: Request, rows: list[Any], memory: Memory) -> list[Any]:
        params = {name: value for name, value in (request.params or {}).items() if name not in request.bounds()}
        params.pop("req", None), params.pop("cursor", None)
        key = f"{request.venue} {request.path} {sorted(params.items())}"
        before = memory.facts.get(key)
        memory.facts[key] = rows[-1]
        return rows if before is None or before == rows[0] else [before, *rows]


@dataclass(frozen=True, kw_only=True, repr=False)
class NumbersForText(_OfRows):
    """Numbers where the exchange sends numbers as text."""

    name: ClassVar[str] = "numbers_for_text"

    def change(self, request: Request, rows: list[Any], memory: Memory) -> list[Any]:
        return [_mapped(row, lambda value: _number(value) if isinstance(value, str) else value) for row in rows]


@dataclass(frozen=True, kw_only=True, repr=False)
class TextForNumbers(_OfRows):
    """Text where the exchange sends numbers."""

    name: ClassVar[str] = "text_for_numbers"

    def change(self, request: Request, rows: list[Any], memory: Memory) -> list[Any]:
        return [_mapped(row, lambda value: str(value) if type(value) in (int, float) else value) for row in rows]


@dataclass(frozen=True, kw_only=True, repr=False)
class NotANumber(_OfRows):
    """The middle row holds an invalid number: "NaN", "Infinity", "-Infinity" or "", as a JSON token or as text."""

    name: ClassVar[str] = "not_a_number"
    value: str = "NaN"
    text: bool = False

    def change(self, request: Request, rows: list[Any], memory: Memory) -> list[Any]:
        value: Any = self.value if self.text or not self.value else float(self.value)
        return _spoilt(rows, lambda row: _values(row), value)


@dataclass(frozen=True, kw_only=True, repr=False)
class NegativePrice(_OfRows):
    """The middle candle has a negative low."""

    name: ClassVar[str] = "negative_price"

    def matches(self, request: Request) -> bool:
        kind = request.path + str((request.params or {}).get("type", ""))
        return ("line" in kind or "andle" in kind) and super().matches(request)

    def change(self, request: Request, rows: list[Any], memory: Memory) -> list[Any]:
        return _spoilt(rows, lambda row: ["l"] if isinstance(row, dict) else [3], "-1.0")


@dataclass(frozen=True, kw_only=True, repr=False)
class Overlap(Vice):
    """The page extends beyond both ends of the requested window."""

    name: ClassVar[str] = "overlap"
    by_ms: int = 15 * MINUTE

    def ask(self, request: Request, now_ms: int) -> tuple[Request, int]:
        lower, upper = request.bounds()
        return _moved(_moved(request, lower, -self.by_ms), upper, self.by_ms), now_ms


@dataclass(frozen=True, kw_only=True, repr=False)
class RoundedStart(Vice):
    """The lower bound is rounded down to a multiple of `to_ms`."""

    name: ClassVar[str] = "rounded_start"
    to_ms: int = 60 * MINUTE

    def ask(self, request: Request, now_ms: int) -> tuple[Request, int]:
        lower = request.bounds()[0]
        try:
            by = -int((request.params or {})[lower or ""]) % -self.to_ms
        except (KeyError, TypeError, ValueError):
            return request, now_ms
        return _moved(request, lower, by), now_ms


@dataclass(frozen=True, kw_only=True, repr=False)
class Late(Vice):
    """Open interest and ratios (or the paths that `path` selects) lag by `by_ms`."""

    name: ClassVar[str] = "late"
    by_ms: int = 15 * MINUTE

    def matches(self, request: Request) -> bool:
        late = any(word in request.path for word in ("nterest", "atio"))
        return (late or bool(self.path)) and super().matches(request)

    def ask(self, request: Request, now_ms: int) -> tuple[Request, int]:
        return request, now_ms - self.by_ms


@dataclass(frozen=True, kw_only=True, repr=False)
class ClockSkew(Vice):
    """The server's clock is off by this many seconds, in the Date header and in the newest data it returns."""

    name: ClassVar[str] = "clock_skew"
    by_s: float = -90.0

    def clock(self, now_ms: int) -> int:
        return now_ms + round(1000 * self.by_s)


@dataclass(frozen=True, kw_only=True, repr=False)
class Text(Vice):
    """Another body with HTTP 200: see `HTML_PAGE`, `NULL`, `NESTED`."""

    name: ClassVar[str] = "text"
    body: bytes = b"<!DOCTYPE html><html><head><title>Just a moment...</title></head><body></body></html>"
    kind: str = "text/html"

    def reply(self, request: Request, normal: Reply, memory: Memory) -> Reply:
        return Reply(200, self.body, {"Content-Type": self.kind})


@dataclass(frozen=True, kw_only=True, repr=False)
class TruncatedJson(Vice):
    """The first half of the body, with a Content-Length to match."""

    name: ClassVar[str] = "truncated_json"

    def reply(self, request: Request, normal: Reply, memory: Memory) -> Reply:
        return dataclasses.replace(normal, body=normal.body[: max(1, len(normal.body) // 2)])


def rows_of(venue: str, payload: Any) -> list[Any] | None:
    """The rows within an answer, for changing in place."""
    if venue == "bybit" and isinstance(payload, dict):
        payload = payload.get("result", {}).get("list")
    elif venue == "okx" and isinstance(payload, dict):
        payload = payload.get("data")
    elif isinstance(payload, dict):  # Hyperliquid: the state of an account
        payload = payload.get("assetPositions")
    elif venue == "hyperliquid" and payload and "universe" in payload[0]:
        payload = payload[0]["marginTables"][-1][1]["marginTiers"]
    return payload if isinstance(payload, list) else None


def _moved(request: Request, name: str | None, by: int) -> Request:
    params = dict(request.params or {})
    try:
        value = max(0, int(params[name or ""]) + by)
    except (KeyError, TypeError, ValueError):
        return request
    params[name or ""] = value if type(params[name or ""]) is int else str(value)
    return dataclasses.replace(request, params=params)


def _number(text: str) -> Any:
    try:
        return float(text) if "." in text else int(text)
    except ValueError:
        return text


def _mapped(row: Any, change: Any) -> Any:
    if isinstance(row, dict):
        return {name: _mapped(value, change) for name, value in row.items()}
    return [_mapped(value, change) for value in row] if isinstance(row, list) else change(row)


def _values(row: Any) -> list[Any]:
    """Keys or indices of the numbers in a row, except times."""
    if isinstance(row, dict):
        return [name for name, value in row.items() if name not in TIMES and not isinstance(_number(str(value)), str)]
    return [4] if len(row) > 4 else list(range(1, len(row)))


def _spoilt(rows: list[Any], where: Any, value: Any) -> list[Any]:
    row = rows[len(rows) // 2]
    row = row.get("position", row) if isinstance(row, dict) else row
    for place in where(row):
        row[place] = value
    return rows
