"""Why a connection failed, and what to do about it."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.request import getproxies

import httpx


@dataclass(frozen=True)
class Failure:
    """What went wrong, what to do, and whether another attempt may help."""

    text: str
    cure: str
    is_final: bool = False


def failure(error: BaseException, trust_env: bool) -> Failure:
    """Return why a connection failed.

    Parameters
    ----------
    error
        As raised by httpx or websockets; what caused it is looked at too.
    trust_env
        Whether proxies and certificates that the environment names were used.
    """
    proxied = _proxy_variable()
    unused = "" if trust_env or not proxied else f"; {proxied} is set and was not used: pass trust_env=True"
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Failure(
                "no connection: the server's certificate is not trusted, as behind a company's TLS proxy",
                "Set SSL_CERT_FILE to the company's certificates, and pass trust_env=True"
                if not trust_env
                else "Set SSL_CERT_FILE to a file with the company's certificates",
                is_final=True,
            )
        if isinstance(cause, ssl.SSLError):
            return Failure(
                "no connection: what answered does not speak TLS",
                f"Check the network's proxy or login page{unused}",
            )
        if isinstance(cause, socket.gaierror):
            return Failure("no connection: the host name was not found", f"Check the network and its DNS{unused}")
    if trust_env and proxied and any(isinstance(cause, httpx.ProxyError) for cause in causes):
        return Failure("no connection: the proxy refused", f"Check the address and password in {proxied}")
    if trust_env and proxied:
        return Failure("no connection through the proxy", f"Check the address in {proxied}, or pass trust_env=False")
    return Failure("no connection", f"Check the network or proxy, or try again later{unused}")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and all that led to it."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [one.__cause__, one.__context__]
        if isinstance(one, BaseExceptionGroup):
            waiting += one.exceptions


def _proxy_variable() -> str:
    """Return the name of the setting that names a proxy; empty if there is none."""
    proxies = getproxies()
    return next((f"{name.upper()}_PROXY" for name in ("https", "all", "http") if name in proxies), "")
