"""The hosts of market data; no other file names one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Host:
    """Base addresses of a venue for HTTP and WebSocket, without a trailing slash."""

    rest: str
    stream: str


#: By the venue's key; one for its inverse contracts only where their host differs. Tests replace it.
HOSTS: Mapping[str, Host] = MappingProxyType(
    {
        "binance": Host("https://fapi.binance.com", "wss://fstream.binance.com"),
        "binance inverse": Host("https://dapi.binance.com", "wss://dstream.binance.com"),
        "bybit": Host("https://api.bybit.com", "wss://stream.bybit.com"),
        # The venue prefers openapi to www since 2026-05-20.
        "okx": Host("https://openapi.okx.com", "wss://ws.okx.com:8443"),
        "hyperliquid": Host("https://api.hyperliquid.xyz", "wss://api.hyperliquid.xyz"),
    }
)


def host_of(key: str) -> Host:
    """Return the host of a venue's key. Ask at each call."""
    return HOSTS.get(key) or HOSTS[key.partition(" ")[0]]
