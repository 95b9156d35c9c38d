"""Shared by the tests and the docstring examples: no connection leaves this machine."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

# These have no docstring examples, and their names are not unique.
collect_ignore_glob = ["*conftest.py", "*/fixtures/*/make.py"]


@pytest.fixture(autouse=True)
def venues_of_examples(request: pytest.FixtureRequest) -> Iterator[None]:
    """Connect docstring examples that ask a venue to the imitated venues."""
    example = getattr(request.node, "dtest", None)
    if example is None:
        yield
        return
    from example_venues import asks_venues, example_venues  # found once pytest has read its pythonpath

    if not any(asks_venues(part.source) for part in example.examples):
        yield
        return
    with example_venues():
        yield


@pytest.fixture(scope="session", autouse=True)
def loopback_alone() -> Iterator[None]:
    """Refuse any address beyond this machine before a packet is sent."""

    def checked(connect: Callable[..., Any]) -> Callable[..., Any]:
        def inner(self: socket.socket, address: Any) -> Any:
            if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_loopback(address[0]):
                raise AssertionError(f"a test connected to {address}; tests talk to 127.0.0.1 only")
            return connect(self, address)

        return inner

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", checked(socket.socket.connect))
        patch.setattr(socket.socket, "connect_ex", checked(socket.socket.connect_ex))
        yield


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
