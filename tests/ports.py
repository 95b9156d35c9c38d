"""Ports for servers that tests and benchmarks start."""

from __future__ import annotations

import secrets
import socket


def free_port() -> int:
    """Return a free port below the ephemeral range, from which kernels that start meanwhile take theirs."""
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def is_open(port: int) -> bool:
    """Return whether a server listens at a port of this machine."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
