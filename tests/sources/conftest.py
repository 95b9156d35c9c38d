"""The imitated exchange at a file's `NOW`, with the file's own `history`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from exchange import Exchange, History
from loopback import Hands, connected


@pytest.fixture
def exchange(history: History, request: pytest.FixtureRequest) -> Iterator[Exchange]:
    """It has the vices that a test gives as an indirect parameter, and no rate limit may be exceeded."""
    with Exchange(history, vices=getattr(request, "param", ()), now_ms=request.module.NOW) as server:
        yield server
        assert not server.violations


@pytest.fixture
def at(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Hands]:
    """Connect the package to it, with its public files in files of tests that set `ARCHIVE`."""
    archive = getattr(request.module, "ARCHIVE", False)
    with connected(exchange, monkeypatch, tmp_path / "cache", archive=archive) as hands:
        yield hands
