"""Request and Reply, and what the four dialects share when they build a page of rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .day import MINUTE
from .history import Bar, History

LOWER = ("startTime", "start", "before", "begin")  # parameter names of the lower bound; then the upper
UPPER = ("endTime", "end", "after")


@dataclass(frozen=True)
class Request:
    """A request. `params` of a POST are its JSON body, with "req" merged in; None if it is not a JSON object."""

    venue: str
    path: str
    params: dict[str, Any] | None
    method: str = "GET"
    url: str = ""
    body: bytes = b""

    def bounds(self) -> tuple[str | None, str | None]:
        """Names of the lower and the upper bound among the parameters."""
        params = self.params or {}
        lower = next((name for name in LOWER if name in params), None)
        return lower, next((name for name in UPPER if name in params), None)


@dataclass
class Reply:
    """The reply before it is cut, delayed or compressed. `rows` is the number of rows on the page."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    rows: int = 0


class BadParameterError(Exception):
    """A parameter is missing or invalid; the first argument is its name."""


def reply(payload: Any, status: int = 200, rows: int = 0) -> Reply:
    return Reply(status, json.dumps(payload, separators=(",", ":")).encode(), rows=rows)


def page(texts: list[str], before: str = "[", after: str = "]", descending: bool = False) -> Reply:
    """Rows already rendered as JSON, ascending, inside the envelope of the dialect."""
    if descending:
        texts = texts[::-1]
    return Reply(body=f"{before}{','.join(texts)}{after}".encode(), rows=len(texts))


def integer(params: dict[str, Any], name: str, default: int | None = None) -> int | None:
    """An integer parameter."""
    text = params.get(name)
    if text is None or text == "":
        return default
    try:
        return int(text)
    except (TypeError, ValueError):
        raise BadParameterError(name) from None


def limit_of(params: dict[str, Any], default: int, most: int) -> int:
    """The requested page length, at most `most`."""
    limit = integer(params, "limit", default)
    if limit is None or limit < 1:
        raise BadParameterError("limit")
    return min(limit, most)


def span(time: Any, low: int | None, high: int | None, limit: int, newest: bool) -> slice:
    """Rows in [low, high], both inclusive, at most `limit`: the newest of them or the first."""
    begin = 0 if low is None else int(np.searchsorted(time, low))
    end = len(time) if high is None else int(np.searchsorted(time, high, side="right"))
    end = max(begin, end)
    return slice(max(begin, end - limit), end) if newest else slice(begin, min(end, begin + limit))


def bars(
    history: History,
    kind: str,
    step: int,
    offset: int,
    now_ms: int,
    low: int | None,
    high: int | None,
    limit: int,
    newest: bool,
) -> list[Bar]:
    """Candles of a window as of `now_ms`: the last one may be unfinished."""
    columns = history.bars(kind, step, offset)
    part = span(columns[0], low, min(now_ms, now_ms if high is None else high), limit, newest)
    found = [Bar(*row) for row in zip(*(column[part].tolist() for column in columns), strict=True)]
    if found and found[-1].time + step > now_ms:
        current = history.current(kind, step, offset, now_ms)
        found[-1:] = [] if current is None else [current]
    return found


def texts(
    history: History, key: tuple[Any, ...], step: int, now_ms: int, rows: Iterable[Bar], render: Callable[[Bar], str]
) -> list[str]:
    """Rows as text; finished candles are cached."""
    known = history.texts.setdefault((*key, step), {})
    result = []
    for row in rows:
        text = known.get(row.time)
        if text is None:
            text = render(row)
            if row.time + step <= min(now_ms, history.end_ms):
                known[row.time] = text
        elif row.time + step > now_ms:  # the clock was set back
            text = render(row)
        result.append(text)
    return result


def snapshots(
    history: History, name: str, step: int, now_ms: int, low: int | None, high: int | None, limit: int, newest: bool
) -> list[tuple[int, int, int]]:
    """Time, value and mark price of the snapshots of a window that were taken by `now_ms`."""
    columns = history.snapshots(name, step)
    part = span(columns[0], low, min(now_ms, now_ms if high is None else high), limit, newest)
    return list(zip(*(column[part].tolist() for column in columns), strict=True))


def latest(history: History, name: str, now_ms: int) -> tuple[int, int, int]:
    """The newest snapshot taken by `now_ms`; the first one if there is none yet."""
    columns = history.snapshots(name, 5 * MINUTE)
    last = max(0, int(np.searchsorted(columns[0], now_ms, side="right")) - 1)
    time, value, price = (int(column[last]) for column in columns)
    return time, value, price


def funding(
    history: History, hours: int, now_ms: int, low: int | None, high: int | None, limit: int, newest: bool
) -> list[tuple[int, int, int]]:
    """Time, rate and mark price of the fundings of a window up to `now_ms`."""
    columns = history.funding_rows(hours)
    part = span(columns[0], low, min(now_ms, now_ms if high is None else high), limit, newest)
    return list(zip(*(column[part].tolist() for column in columns), strict=True))


def above(bound: int | None) -> int | None:
    """The inclusive lower bound of an exclusive one."""
    return None if bound is None else bound + 1


def below(bound: int | None) -> int | None:
    """The inclusive upper bound of an exclusive one."""
    return None if bound is None else bound - 1
