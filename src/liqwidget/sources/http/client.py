"""HTTP client of one venue, within its rate limits: returns JSON or raises an error that says why.

Answers are not trusted: sizes are bounded while reading, redirects are not followed, and messages show neither headers
nor addresses.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import ssl
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, NoReturn

import httpx

from ..._version import __version__
from ...errors import FetchError, ParseError
from ..venues import hosts
from ..venues.cells import message, milliseconds
from ..venues.venue import Refusal, Request, Venue, by_status
from .clock import CLOCK, Clock
from .connection import failure
from .limits import Limits

#: Most bytes of an answer, compressed and unpacked; the largest expected one is 5,000 candles, about 1 MB.
RAW_BYTES = 4_000_000
BODY_BYTES = 16_000_000
#: Most bytes of a public file; a month of minutes has 2 MB.
FILE_BYTES = 32_000_000

_PAGE = 65_536  # bytes of a page that is no JSON, in which the reason is looked for
_LOGIN = "Open a web page in the browser: the network may want a login, or its proxy answers in the venue's place"
_BREATHER = 5.0  # shortest pause, s, when the venue does not say how long
_SHOWN = ("type", "symbol", "instId", "coin", "interval", "bar", "period")
_ADDRESS = re.compile(r"\w+://\S+|\b\d{1,3}(\.\d{1,3}){3}\b|\b[0-9a-fA-F]{0,4}(:[0-9a-fA-F]{0,4}){3,7}\b")


@dataclass(frozen=True)
class Patience:
    """Timeouts and retries of a client; all times in seconds.

    Attributes
    ----------
    attempts
        Attempts at a request that gets no answer, or an unusable one.
    waits
        Repetitions after the venue asked for fewer requests.
    connect, read, total
        To connect, between two chunks of an answer, and for a whole request.
    file
        For a whole file.
    block
        Longest wait that the venue may ask for.
    concurrency
        Concurrent requests.
    backoff, jitter
        Pause before the second attempt, doubled for each further one; up to this share of it is added at random.
    """

    attempts: int = 4
    waits: int = 3
    connect: float = 5.0
    read: float = 10.0
    total: float = 30.0
    file: float = 120.0
    block: float = 90.0
    concurrency: int = 8
    backoff: float = 0.5
    jitter: float = 0.5


@dataclass(frozen=True)
class Answer:
    """Parsed JSON (of a file: its bytes), and the venue's clock in ms (None if it is missing or invalid)."""

    body: Any
    date: int | None


class RegionError(FetchError):
    """The venue does not serve this place."""


class Client:
    """Sends requests to one venue; an async context manager.

    Parameters
    ----------
    venue
        The venue.
    limits
        Rate limits, shared with all other clients of this machine.
    clock
        Used to wait between attempts.
    patience
        Timeouts and retries.
    trust_env
        Whether to use proxies and certificates that the environment names.
    """

    venue: Venue

    def __init__(
        self,
        venue: Venue,
        limits: Limits,
        *,
        clock: Clock = CLOCK,
        patience: Patience | None = None,
        trust_env: bool = False,
    ) -> None:
        self.venue, self._limits, self._clock = venue, limits, clock
        self.ahead: int | None = None  # ms by which this computer's clock is ahead of the venue's
        self._trust_env = trust_env
        self._patience = patience = patience or Patience()
        self._turns = asyncio.Semaphore(patience.concurrency)
        self._http = httpx.AsyncClient(
            headers={
                "User-Agent": f"liqwidget/{__version__}",
                "Accept": "application/json",
                "Accept-Encoding": "gzip",
            },
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            follow_redirects=False,
            trust_env=trust_env,
            timeout=httpx.Timeout(patience.read, connect=patience.connect, pool=patience.total),
            verify=_certificates(trust_env),
            limits=httpx.Limits(max_connections=patience.concurrency, max_keepalive_connections=patience.concurrency),
        )

    async def __aenter__(self) -> Client:
        await self._http.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self._http.__aexit__(*error)

    async def ask(self, request: Request) -> Answer:
        """Return the answer to a request, which is repeated where that may help.

        Raises
        ------
        FetchError
            The venue refused, did not answer, or blocks requests for longer than `Patience.block`. A `RegionError`: it
            does not serve this place.
        ParseError
            The answer is JSON that cannot be read.
        """
        call = _Call(self.venue.name, request)
        patience, came, cure = self._patience, "", ""
        for before in range(patience.attempts):
            if before:
                pause = patience.backoff * 2 ** (before - 1)
                await self._clock.sleep(pause * (1 + patience.jitter * random.random()))
            try:
                return await self._answer(call)
            except _AgainError as error:
                came, cure, is_final = str(error), error.cure, error.is_final
            if is_final:  # raised outside of the handler, without a context
                raise FetchError(f"{call}: wanted an answer; got {came}. {cure}.")
        raise FetchError(f"{call}: wanted an answer; got {came} ({patience.attempts} attempts). {cure}.")

    async def _answer(self, call: _Call) -> Answer:
        """Make one attempt; if the venue asks for fewer requests, wait and repeat it."""
        request, patience = call.request, self._patience
        limit = self.venue.limits[request.bucket]
        while True:
            async with self._limits.slot(
                self.venue.name,
                request.bucket,
                limit,
                request.weight,
                total=_longest(patience, request),
                longest=patience.block,
                turns=self._turns,
            ):
                reply = await self._exchange(call)
                if reply.date is not None:
                    self.ahead = round(self._clock.now() * 1000) - reply.date
                body, refusal = self._judged(call, reply)
                if refusal is None:
                    return Answer(body, reply.date)
                if refusal.how != "wait":
                    break
                call.waits += 1
                self._block(request, reply, refusal)
            if call.waits > patience.waits:
                break
        text = f"{_clean(refusal.text)} (HTTP {reply.status})"
        if refusal.how == "retry":
            raise _AgainError(text, refusal.cure or _AgainError.cure)
        kind = RegionError if refusal.is_place else FetchError
        raise kind(f"{call}: wanted an answer; got {text}. {refusal.cure or _cure(reply.status, refusal)}.")

    async def _exchange(self, call: _Call) -> _Reply:
        request, status, headers, raw = call.request, 0, {}, b""
        host = hosts.host_of(self.venue.key, self.venue.host)
        url = (host.archive if request.is_file else host.rest) + request.path
        total = _longest(self._patience, request)
        method = "GET" if request.body is None else "POST"
        try:
            async with (
                asyncio.timeout(total),
                self._http.stream(method, url, params=dict(request.params) or None, json=request.body) as response,
            ):
                status, headers = response.status_code, dict(response.headers)
                raw = await _content(call, response)
        except (TimeoutError, httpx.TransportError, FetchError, _AgainError) as error:
            if status in (0, 200):  # otherwise the status is enough
                _give_up(error, status, self._trust_env)
        return _Reply(status, headers, raw)

    def _judged(self, call: _Call, reply: _Reply) -> tuple[Any, Refusal | None]:
        """Return the parsed body and the error of an answer, if any."""
        if 300 <= reply.status < 400:
            return None, Refusal("final", "a redirect, which is not followed", cure=_LOGIN)
        if reply.status == 511:
            return None, Refusal("final", "the network's login page", cure=_LOGIN)
        if call.request.is_file:
            return _file(reply)
        try:
            body, problem = json.loads(reply.raw, parse_constant=_refuse_constant), ""
        except (RecursionError, _ConstantError, ValueError) as error:
            body = reply.raw[:_PAGE].decode("utf-8", "replace")
            if reply.status == 200 and not isinstance(error, ValueError):
                what = "a value that is no number" if isinstance(error, _ConstantError) else "JSON nested too deeply"
                raise ParseError(f"{call}: wanted rows; got {what}. The venue may have changed.") from None
            problem = f"no JSON but {body[:60]!r}" if body else "nothing"
        refusal = self.venue.judge(reply.status, body)
        if refusal is None and problem:
            refusal = Refusal("retry", problem)
        return body, refusal

    def _block(self, request: Request, reply: _Reply, refusal: Refusal) -> None:
        """Block requests until the time that the venue named, by its own clock if known."""
        now = self._clock.now()
        here = reply.date or round(now * 1000)
        seconds = (refusal.until - here) / 1000 if refusal.until is not None else _retry_after(reply.headers, here)
        if seconds is None or seconds < 0:
            window = self.venue.limits[request.bucket].seconds
            banned = reply.status in (403, 418)
            seconds = self.venue.pause if banned else min(self.venue.pause, max(_BREATHER, window))
        # An HTTP status applies to the whole IP address; that of a file comes from another host.
        bucket = request.bucket if reply.status == 200 or request.is_file else None
        self._limits.block(self.venue.name, bucket, now + max(1.0, seconds), _clean(refusal.text))


@dataclass
class _Call:
    """A request being sent, and its name in messages."""

    venue: str
    request: Request
    waits: int = 0

    def __str__(self) -> str:
        body = self.request.body or {}
        asked = {**self.request.params, **body, **(body["req"] if isinstance(body.get("req"), dict) else {})}
        shown = ", ".join(f"{name}={_ADDRESS.sub('...', str(asked[name]))}" for name in _SHOWN if name in asked)
        return f"{self.venue} {self.request.path}{f' ({shown})' if shown else ''}"


@dataclass(frozen=True)
class _Reply:
    status: int
    headers: Mapping[str, str]  # lower case
    raw: bytes

    @property
    def date(self) -> int | None:
        return _date(self.headers.get("date", ""))


class _AgainError(Exception):
    """No usable answer; its text says what came instead."""

    cure = "Check the network or proxy, or try again later"

    def __init__(self, text: str, cure: str = cure, *, is_final: bool = False) -> None:
        super().__init__(text)
        self.cure, self.is_final = cure, is_final


class _SilentError(_AgainError, TimeoutError):
    """No answer in time: the request may still arrive, so its slot stays occupied."""


class _ConstantError(Exception):
    """NaN or Infinity, which are not JSON."""


@cache
def _certificates(trust_env: bool) -> ssl.SSLContext:
    """Return the trusted certificates; cached, since reading them takes longer than a request."""
    return httpx.create_ssl_context(trust_env=trust_env)


def _longest(patience: Patience, request: Request) -> float:
    """Return the time, s, that a request may take."""
    return request.times * patience.file if request.is_file else patience.total


def _give_up(error: Exception, status: int, trust_env: bool) -> NoReturn:
    if isinstance(error, FetchError | _AgainError):
        raise error
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout | httpx.ProxyError):
        why = failure(error, trust_env)
        raise _AgainError(why.text, why.cure, is_final=why.is_final) from None
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        raise (_AgainError("an incomplete answer in time") if status else _SilentError("no answer in time")) from None
    raise _AgainError("a broken connection") from None


def _file(reply: _Reply) -> tuple[bytes | None, Refusal | None]:
    """Return the bytes of a file, None if there is no such file, or the refusal."""
    if reply.status == 404:
        return None, None
    return reply.raw, by_status(reply.status, reply.raw, f"no file but {reply.raw[:60]!r}")


async def _content(call: _Call, response: httpx.Response) -> bytes:
    """Return the unpacked body; reads and unpacks no more than the limits allow."""
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    encoding = encoding.removeprefix("x-")  # the same, by its old name
    if encoding not in ("identity", "gzip"):
        raise FetchError(f"{call}: wanted plain or gzip content; got another encoding. Check the network's proxy.")
    request = call.request
    most = (request.times * FILE_BYTES,) * 2 if request.is_file else (RAW_BYTES, BODY_BYTES)
    unpack = zlib.decompressobj(16 + zlib.MAX_WBITS) if encoding == "gzip" else None
    body, size = bytearray(), 0
    async for chunk in response.aiter_raw():
        size += len(chunk)
        try:
            body += unpack.decompress(chunk, most[1] + 1 - len(body)) if unpack else chunk
        except zlib.error:
            raise _AgainError("broken gzip") from None
        if size > most[0] or len(body) > most[1]:
            bound = f"at most {most[0]:,} bytes, {most[1]:,} unpacked"
            raise FetchError(f"{call}: wanted {bound}; got more. Ask for a shorter range.")
    if unpack and not unpack.eof:
        raise _AgainError("incomplete gzip")
    return bytes(body)


def _refuse_constant(_name: str) -> NoReturn:
    raise _ConstantError


def _date(text: str) -> int | None:
    try:
        return milliseconds(round(parsedate_to_datetime(text).timestamp() * 1000))
    except (ValueError, OverflowError, ParseError):
        return None


def _retry_after(headers: Mapping[str, str], now: int) -> float | None:
    text = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text, re.ASCII):
        return float(text)
    until = _date(text)
    return None if until is None else (until - now) / 1000


def _clean(text: str) -> str:
    """Return a venue's text for messages: short, printable, without addresses."""
    return " ".join(_ADDRESS.sub("...", message(text)).split()).rstrip(".")


def _cure(status: int, refusal: Refusal) -> str:
    if refusal.how == "wait":
        return "Request less, or try again later"
    return "Use another exchange" if status in (403, 451) else "Check symbol, interval and range"
