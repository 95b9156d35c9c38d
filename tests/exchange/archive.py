"""The public files of all venues that have some: each host's paths begin differently."""

from __future__ import annotations

from . import binance_files, bybit_files, okx_files
from .archive_names import NO_FILE
from .history import History
from .messages import Reply, Request

_HOSTS = {"data": binance_files.answer, "trading": bybit_files.answer, "cdn": okx_files.answer}


def answer(history: History, now_ms: int, request: Request) -> Reply:
    host = _HOSTS.get(request.path.split("/")[1])
    if host is None:
        return Reply(NO_FILE.status, NO_FILE.body, dict(NO_FILE.headers))
    return host(history, now_ms, request)
