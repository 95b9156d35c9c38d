"""The control paths: how a test in another process queries and controls the fake."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .messages import Reply, Request, reply

if TYPE_CHECKING:
    from .server import Exchange


def answer(exchange: Exchange, request: Request) -> Reply:
    """/control/requests, /control/violations, /control/now (?ms= sets the clock)."""
    if request.path == "/requests":
        return reply([asked._asdict() for asked in exchange.requests])
    if request.path == "/violations":
        return reply([violation._asdict() for violation in exchange.violations])
    if request.path == "/now":
        if "ms" in (request.params or {}):
            exchange.set_now(int((request.params or {})["ms"]))
        return reply({"now_ms": exchange.now()})
    return Reply(404)
