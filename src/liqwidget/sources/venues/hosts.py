"""The hosts of market data; no other file names one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from types import MappingProxyType

from ...checks import shown
from ...errors import InputError

_ADDRESS = re.compile(r"https://[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?(:\d{1,5})?/?", re.ASCII)


@dataclass(frozen=True)
class Host:
    """Base addresses of a venue for HTTP, WebSocket and its public files (empty: none), without a trailing slash.

    `own`: names the data in the cache if they are not those of the venue's usual host; empty for a mirror.
    """

    rest: str
    stream: str
    archive: str = ""
    own: str = ""


_BINANCE_FILES = "https://data.binance.vision"
_BYBIT_FILES = "https://public.bybit.com"
_OKX_FILES = "https://static.okx.com"
#: By the venue's key; one for its inverse contracts only where their host differs. Tests replace it.
HOSTS: Mapping[str, Host] = MappingProxyType(
    {
        "binance": Host("https://fapi.binance.com", "wss://fstream.binance.com", _BINANCE_FILES),
        "binance inverse": Host("https://dapi.binance.com", "wss://dstream.binance.com", _BINANCE_FILES),
        "bybit": Host("https://api.bybit.com", "wss://stream.bybit.com", _BYBIT_FILES),
        # The venue prefers openapi to www since 2026-05-20.
        "okx": Host("https://openapi.okx.com", "wss://ws.okx.com:8443", _OKX_FILES),
        "hyperliquid": Host("https://api.hyperliquid.xyz", "wss://api.hyperliquid.xyz"),
    }
)
#: Others by venue and name: mirrors, and the venue's companies in other regions, which list instruments of their own.
OTHERS: Mapping[str, Mapping[str, Host]] = MappingProxyType(
    {
        "bybit": {"bytick": Host("https://api.bytick.com", "wss://stream.bytick.com", _BYBIT_FILES)},
        "okx": {
            "www": Host("https://www.okx.com", "wss://ws.okx.com:8443", _OKX_FILES),
            "us": Host("https://us.okx.com", "wss://wsus.okx.com:8443", own="us"),
            "eea": Host("https://eea.okx.com", "wss://wseea.okx.com:8443", own="eea"),
        },
    }
)


def host_of(key: str, other: Host | None = None) -> Host:
    """Return the host of a venue's key, unless there is another one. Ask at each call."""
    return other or HOSTS.get(key) or HOSTS[key.partition(" ")[0]]


def find_host(key: str, host: object) -> Host | None:
    """Return the host that a user names, by its name or its address; None for None.

    Raises
    ------
    InputError
        It is neither.
    """
    if host is None:
        return None
    venue = key.partition(" ")[0]
    known = OTHERS.get(venue, {})
    if isinstance(host, str) and host in known:
        return known[host]
    if isinstance(host, str) and _ADDRESS.fullmatch(host):
        rest = host.rstrip("/")
        own = "" if rest == host_of(key).rest else f"x{blake2b(rest.encode(), digest_size=4).hexdigest()}"
        usual = host_of(key)
        return Host(rest, usual.stream, usual.archive, own)
    names = f"{', '.join(map(repr, known))}, or an address" if known else "an address"
    raise InputError(f"host: wanted {names} such as https://api.example.com, for {venue}; got {shown(host)}.")
