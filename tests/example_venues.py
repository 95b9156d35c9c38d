"""The imitated venues for examples of docstrings and pages: two days of known candles, a clock that stands still."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from tempfile import TemporaryDirectory

import pytest

from exchange import Exchange, History
from loopback import DAY, connected

#: 2026-11-19 08:00:31 UTC, by the venues' clock and ours.
NOW = 1_795_075_231_000
DAYS = 15


def asks_venues(code: str) -> bool:
    """Tell whether code calls what sends requests."""
    return bool(
        re.search(r"\blw\.(fetch|fetch_async|fetch_brackets|follow(_positions)?|hyperliquid_positions)\(", code)
    )


@lru_cache(maxsize=1)
def _history() -> History:
    return History.make(NOW // DAY * DAY - DAYS * DAY, (DAYS + 1) * 1440, seed=8)


@contextmanager
def example_venues() -> Iterator[Exchange]:
    """Connect the package to imitated venues on the loopback, with an empty cache in a folder of its own."""
    with (
        TemporaryDirectory() as folder,
        pytest.MonkeyPatch.context() as patch,
        Exchange(_history(), now_ms=NOW) as exchange,
        connected(exchange, patch, folder),
    ):
        yield exchange
