"""Optional sign-in: a password for all visitors, or names from a proxy; without it no other route is reached."""

from __future__ import annotations

import asyncio
import hmac
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from html import escape
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

import argon2
from jupyter_server.auth.security import passwd_check
from jupyter_server.base.handlers import JupyterHandler
from tornado.httputil import HTTPServerRequest
from tornado.routing import Matcher
from tornado.web import HTTPError

from .budget import Budget
from .words import FOLDER, InWords

#: Routes without a sign-in: programs read them; metrics have a check of their own.
OPEN = ("/voila/api/health", "/voila/api/metrics", "/robots.txt")
COOKIE = "liqwidget-sign-in"
SECONDS = 7 * 86_400  # a sign-in lasts
#: Seconds in which the number of wrong passwords that may be tried at once is available again.
REFILL = 300
LONGEST_PASSWORD = 1_000
HOW = "Make one: python -c 'from jupyter_server.auth import passwd; print(passwd())'."

_checks = ThreadPoolExecutor(1, "password")  # a check takes 0.1 s and 10 MB


class Gate:
    """Decides which requests are signed in."""

    def __init__(self, password: str, user_header: str, proxies: list[str], secret: bytes, tries: int = 60) -> None:
        self.password: str = password
        self.user_header: str = user_header
        self.proxies: list[IPv4Network | IPv6Network] = networks(proxies)
        self.key: bytes = hmac.digest(secret, password.encode(), "sha256")
        self.tries: Budget = Budget(tries / REFILL, tries)  # of all visitors: behind a proxy they have one address

    def __bool__(self) -> bool:
        return bool(self.password or self.user_header)

    def fault(self) -> str | None:
        """Return why these options cannot work, or None."""
        if self.password and self.user_header:
            return "user_header: wanted one way to sign in; got --password as well. Leave one out."
        if self.password:
            kind, _, digest = self.password.partition(":")
            try:
                argon2.extract_parameters(digest)
            except argon2.exceptions.InvalidHashError:
                kind = ""
            if kind != "argon2":
                return f"password: wanted a hash that begins with argon2:; got another text. {HOW}"
        return None

    def admits(self, request: HTTPServerRequest) -> bool:
        """Return whether a request is signed in."""
        if self.user_header:
            return bool(request.headers.get(self.user_header, "").strip()) and is_from(request, self.proxies)
        found = request.cookies.get(COOKIE)
        until, _, code = (found.value if found else "").partition(".")
        return (
            hmac.compare_digest(code.encode(), self._code(until).encode())
            and until.isdecimal()
            and time.time() < int(until)
        )

    def pass_for(self, seconds: float) -> str:
        """Return the value of a cookie."""
        until = str(int(time.time() + seconds))
        return f"{until}.{self._code(until)}"

    def _code(self, until: str) -> str:
        return hmac.digest(self.key, until.encode(), "sha256").hex()

    def has_tries(self) -> bool:
        """Return whether another password may be tried now."""
        self.tries.spend(0)
        return self.tries.left >= 1

    async def is_right(self, password: str) -> bool:
        """Check a password; the hash decides how long it takes, whatever is wrong."""
        self.tries.spend(1)
        loop = asyncio.get_running_loop()
        is_right = await loop.run_in_executor(_checks, passwd_check, self.password, password)
        if is_right:
            self.tries.spend(-1)
        return bool(is_right)


def networks(names: list[str]) -> list[IPv4Network | IPv6Network]:
    """Return addresses and networks; a ValueError names one that is none."""
    return [ip_network(name) for name in names]


def is_from(request: HTTPServerRequest, places: list[IPv4Network | IPv6Network]) -> bool:
    """Return whether the peer of a connection, which is the proxy if there is one, is in one of these networks."""
    try:
        peer = ip_address((request.remote_ip or "").partition("%")[0])
    except ValueError:
        return False
    return any(peer in place for place in places)


class SignedOut(Matcher):
    """Matches every request that is not signed in, except to some open paths."""

    def __init__(self, gate: Gate, open_paths: frozenset[str]) -> None:
        self.gate: Gate = gate
        self.open_paths: frozenset[str] = open_paths

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        """Return the arguments of the handler, or None."""
        return None if request.path in self.open_paths or self.gate.admits(request) else {}


@cache
def _form() -> str:
    return (FOLDER / "sign_in.html").read_text(encoding="utf-8")


class SignInPage(InWords, JupyterHandler):
    """Asks for the password at the page's own address; all other addresses are refused."""

    gate: Gate
    title: str

    def initialize(self, gate: Gate, title: str) -> None:
        """Set who decides, and the title of the page behind."""
        self.gate, self.title = gate, title

    async def prepare(self) -> None:  # type: ignore[override]
        """Refuse other addresses, methods and pages; this handler is there before authentication."""
        self.set_header("Cache-Control", "no-store")
        if self.gate.user_header or self.request.path != self.settings["server_url"]:
            raise HTTPError(401)
        if self.request.method not in ("GET", "POST"):
            raise HTTPError(405)

    async def get(self) -> None:
        """Send the form."""
        self._send(401, "")

    async def post(self) -> None:
        """Sign in, or send the form again."""
        origin = self.request.headers.get("Origin")
        if origin is not None and urlsplit(origin.lower()).netloc != self.request.host.lower():
            raise HTTPError(403)
        if not self.gate.has_tries():
            self.set_header("Retry-After", str(round(1 / self.gate.tries.rate)))
            self._send(429, "Too many wrong passwords were tried here. Wait a minute, then try again.")
            return
        password = self.get_body_argument("password", "", strip=False)
        if len(password) > LONGEST_PASSWORD or not await self.gate.is_right(password):
            self.log.warning("A visitor's password was wrong")
            self._send(401, "That is not the password.")
            return
        is_secure = "https" in (self.request.protocol, self.request.headers.get("X-Forwarded-Proto"))
        self.set_cookie(
            COOKIE,
            self.gate.pass_for(SECONDS),
            path=self.base_url,
            max_age=SECONDS,
            httponly=True,
            samesite="Strict",
            secure=is_secure,
        )
        query = f"?{self.request.query}" if self.request.query else ""
        self.redirect(self.base_url + query, status=303)

    def _send(self, status: int, fault: str) -> None:
        self.set_status(status)
        said = f'<p id="fault" role="alert">{escape(fault)}</p>' if fault else ""
        self.finish(_form().format(title=escape(self.title), fault=said))
