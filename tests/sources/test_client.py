"""The client against real HTTP: each fault of a venue, the number of retries, and the error messages."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import liqwidget
from exchange import Exchange, History, vices
from liqwidget.errors import DataError, FetchError, ParseError
from liqwidget.sources.http import client
from liqwidget.sources.http.client import BODY_BYTES, RAW_BYTES, Answer, Client, Patience
from liqwidget.sources.http.clock import Clock
from liqwidget.sources.http.limits import Limits
from liqwidget.sources.venues import binance, bybit, hosts, hyperliquid, okx
from liqwidget.sources.venues.venue import Limit, Request, Venue

HISTORY = History.make(start_ms=1_700_000_100_000, minutes=600)
VENUES = {venue.name: venue for venue in (binance.VENUE, bybit.VENUE, okx.VENUE, hyperliquid.VENUE)}
CALLS = {
    "binance": Request("/fapi/v1/klines", {"symbol": "BTCUSDT", "interval": "5m", "limit": 99}, None, "weight", 1),
    "bybit": Request("/v5/market/kline", {"category": "linear", "symbol": "BTCUSDT", "interval": "5", "limit": 99}),
    "okx": Request("/api/v5/market/candles", {"instId": "BTC-USDT-SWAP", "bar": "5m", "limit": 99}, None, "candles"),
    "hyperliquid": Request(
        "/info",
        body={
            "type": "candleSnapshot",
            "req": {
                "coin": "BTC",
                "interval": "5m",
                "startTime": HISTORY.end_ms - 7_200_000,
                "endTime": HISTORY.end_ms,
            },
        },
        weight=21,
    ),
}
CALM = Patience(jitter=0.0)
HASTY = replace(CALM, attempts=2, connect=0.5, read=0.15, total=0.3)


class FakeClock(Clock):
    """Time that passes only during sleeps."""

    def __init__(self) -> None:
        self.at = HISTORY.end_ms / 1000
        self.naps: list[float] = []

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at - 1_600_000_000

    async def sleep(self, seconds: float) -> None:
        self.naps.append(round(seconds, 3))
        self.at += seconds
        await asyncio.sleep(0)


Ask = Callable[..., Coroutine[Any, Any, Answer]]


class Desk:
    """Sends calls to venues at a given address, each call as if from a new process."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.clock, self._patch = folder, FakeClock(), monkeypatch

    def at(self, address: Callable[[str], str]) -> None:
        """Set the address of the venues."""
        self._patch.setattr(hosts, "HOSTS", {name: hosts.Host(address(name), "") for name in VENUES})

    @asynccontextmanager
    async def client(self, venue: Venue, patience: Patience = CALM, **more: Any) -> AsyncIterator[Client]:
        with Limits(self.folder, self.clock) as limits:
            async with Client(venue, limits, clock=self.clock, patience=patience, **more) as client:
                yield client

    def ask(self, name: str = "binance", patience: Patience = CALM, call: Request | None = None, **more: Any) -> Answer:
        """Return the answer to one call."""

        async def run() -> Answer:
            async with self.client(VENUES[name], patience, **more) as client:
                return await client.ask(call or CALLS[name])

        return asyncio.run(run())


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(tmp_path, monkeypatch)


@pytest.fixture
def exchange(desk: Desk) -> Iterator[Callable[..., Exchange]]:
    """Open a fake exchange and point the desk's venues to it."""
    opened: list[Exchange] = []

    def open_(*some: vices.Vice, **more: Any) -> Exchange:
        opened.append(Exchange(HISTORY, some, now_ms=HISTORY.end_ms, **more))
        opened[-1].__enter__()
        desk.at(opened[-1].rest)
        return opened[-1]

    yield open_
    for each in opened:
        each.__exit__(None, None, None)


def statuses(exchange: Exchange) -> list[int]:
    return [asked.status for asked in exchange.requests]


# Valid answers


@pytest.mark.parametrize("name", VENUES)
@pytest.mark.parametrize("some", [(), (vices.Gzip(),)], ids=["plain", "gzip"])
def test_a_good_answer_is_json_and_the_venues_clock(
    desk: Desk, exchange: Callable[..., Exchange], name: str, some: tuple[vices.Vice, ...]
) -> None:
    opened = exchange(*some)
    answer = desk.ask(name)
    rows = VENUES[name].series["candles"].parse(answer.body)
    assert len(rows) in range(20, 100)
    assert answer.date == HISTORY.end_ms
    assert statuses(opened) == [200]
    assert desk.clock.naps == []


# Transient errors are retried

PASSING = {
    "500": vices.ServerError(status=500),
    "502": vices.ServerError(status=502),
    "503 a": vices.ServerError(status=503, variant=0),
    "503 b": vices.ServerError(status=503, variant=1),
    "503 c": vices.ServerError(status=503, variant=2),
    "408": vices.RequestTimeout(),
    "reset": vices.Reset(),
    "cut": vices.CutBody(),
    "truncated": vices.TruncatedJson(),
    "html": vices.HTML_PAGE,
    "nothing": vices.NOTHING,
    "null": vices.NULL,
}


@pytest.mark.parametrize("name", VENUES)
@pytest.mark.parametrize("kind", PASSING)
def test_what_passes_is_asked_again_after_growing_pauses(
    desk: Desk, exchange: Callable[..., Exchange], name: str, kind: str
) -> None:
    opened = exchange(replace(PASSING[kind], times=2))
    assert desk.ask(name).body
    assert len(opened.requests) == 3
    assert desk.clock.naps == [0.5, 1.0]


@pytest.mark.parametrize("name", VENUES)
@pytest.mark.parametrize("kind", PASSING)
def test_what_does_not_pass_is_given_up_after_four_attempts(
    desk: Desk, exchange: Callable[..., Exchange], name: str, kind: str
) -> None:
    opened = exchange(PASSING[kind])
    with pytest.raises(FetchError, match=r"wanted an answer; got .* \(4 attempts\)\. Check the network") as caught:
        desk.ask(name)
    assert len(opened.requests) == 4
    assert desk.clock.naps == [0.5, 1.0, 2.0]
    check_message(caught.value, name)


def test_pauses_are_spread_at_random(desk: Desk, exchange: Callable[..., Exchange]) -> None:
    exchange(vices.ServerError())
    for _ in range(5):
        with pytest.raises(FetchError):
            desk.ask(patience=Patience(jitter=0.5))
    for planned, naps in zip((0.5, 1, 2), (desk.clock.naps[i::3] for i in range(3)), strict=True):
        assert all(planned <= nap <= 1.5 * planned for nap in naps)
        assert len(set(naps)) > 1


@pytest.mark.parametrize("vice", [vices.Slow(), vices.Mute()], ids=["slow", "mute"])
def test_a_slow_answer_ends_in_time(desk: Desk, exchange: Callable[..., Exchange], vice: vices.Vice) -> None:
    opened = exchange(vice)
    with pytest.raises(FetchError, match=r"answer in time \(2 attempts\)"):
        desk.ask(patience=HASTY)
    assert len(opened.requests) == 2


def test_a_request_without_any_answer_still_counts_as_on_its_way(
    desk: Desk, exchange: Callable[..., Exchange], monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange(vices.Mute(times=1))
    monkeypatch.setitem(VENUES, "binance", replace(binance.VENUE, limits={"weight": Limit(1, 60)}))
    desk.ask(patience=HASTY)
    assert desk.clock.naps == [0.5, pytest.approx(0.3 - 0.5 + 60.021, abs=0.002)]


def test_retries_say_nothing_in_a_notebook(
    desk: Desk,
    exchange: Callable[..., Exchange],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    exchange(vices.ServerError(times=1))
    monkeypatch.setattr(logging.root, "handlers", [])  # as in a program that has not set up logging
    desk.ask()
    assert desk.clock.naps == [0.5]
    assert capsys.readouterr() == ("", "")


def test_no_server_is_no_connection(desk: Desk) -> None:
    desk.at(lambda name: "http://127.0.0.1:9")
    with pytest.raises(FetchError, match=r"got no connection \(4 attempts\)"):
        desk.ask()
    assert desk.clock.naps == [0.5, 1.0, 2.0]


# Final errors are not retried

FINAL = {
    "451": ("binance", vices.GeoBlock(), "not available in this region"),
    "403 json": ("bybit", vices.GeoBlock(), "not available in this region"),
    "403 html": ("bybit", vices.GeoBlock(html=True), "not available in this region"),
    "10009": ("bybit", vices.GeoBlockInBody(), "not available in this region"),
    "redirect": ("binance", vices.Redirect(), "redirect, which is not followed"),
    "permanent redirect": ("okx", vices.Redirect(status=308), "redirect, which is not followed"),
    "symbol": ("binance", vices.UnknownSymbol(), "Invalid symbol"),
    "symbol in 200": ("okx", vices.UnknownSymbol(), "51001|exist"),
}


@pytest.mark.parametrize("kind", FINAL)
def test_what_is_final_is_asked_once(desk: Desk, exchange: Callable[..., Exchange], kind: str) -> None:
    name, vice, said = FINAL[kind]
    opened = exchange(vice)
    with pytest.raises(FetchError, match=said) as caught:
        desk.ask(name)
    assert len(opened.requests) == 1
    assert opened.followed == []
    assert desk.clock.naps == []
    check_message(caught.value, name)


UNREADABLE = {"deep": vices.NESTED, "nan": vices.NotANumber(), "infinity": vices.NotANumber(value="-Infinity")}


@pytest.mark.parametrize("kind", UNREADABLE)
def test_json_that_cannot_be_read_is_a_parse_error(desk: Desk, exchange: Callable[..., Exchange], kind: str) -> None:
    opened = exchange(UNREADABLE[kind])
    with pytest.raises(ParseError, match=r"wanted rows; got (JSON nested too deeply|a value that is no number)"):
        desk.ask()
    assert len(opened.requests) == 1


# Rate limits


@pytest.mark.parametrize("name", VENUES)
@pytest.mark.parametrize("told", [None, "7", "0", "http-date", "soon"])
def test_after_429_the_venue_is_left_alone_for_as_long_as_it_says(
    desk: Desk, exchange: Callable[..., Exchange], name: str, told: str | None
) -> None:
    text = formatdate(HISTORY.end_ms / 1000 + 11, usegmt=True) if told == "http-date" else told
    opened = exchange(vices.TooMany(times=1, retry_after=text))
    assert desk.ask(name).body
    unsaid = {"binance": 60, "bybit": 5, "okx": 5, "hyperliquid": 60}[name]
    assert desk.clock.naps == [{"7": 7, "0": 1, "http-date": 11}.get(told or "", unsaid)]
    assert len(opened.requests) == 2


@pytest.mark.parametrize("name", ["bybit", "okx"])
def test_too_many_in_a_body_blocks_that_bucket_alone(desk: Desk, exchange: Callable[..., Exchange], name: str) -> None:
    exchange(vices.TooManyInBody(times=1))
    assert desk.ask(name).body
    assert desk.clock.naps == [5]
    exchange(vices.TooManyInBody())
    with pytest.raises(FetchError):
        desk.ask(name)
    with Limits(desk.folder, desk.clock) as limits:
        assert limits.blocked_until(name, CALLS[name].bucket) == pytest.approx(desk.clock.now() + 5)
        assert limits.blocked_until(name) is None


def test_a_venue_that_keeps_wanting_fewer_calls_is_asked_three_times_more(
    desk: Desk, exchange: Callable[..., Exchange]
) -> None:
    opened = exchange(vices.TooMany())
    with pytest.raises(FetchError, match=r"requests.*\(HTTP 429\)\. Request less, or try again later\.$") as caught:
        desk.ask()
    assert statuses(opened) == [429] * 4
    assert desk.clock.naps == [60, 60, 60]
    check_message(caught.value, "binance")
    with Limits(desk.folder, desk.clock) as limits:  # other processes still wait
        assert limits.blocked_until("binance") == pytest.approx(desk.clock.now() + 60)


def test_waits_and_failures_are_counted_apart(desk: Desk, exchange: Callable[..., Exchange]) -> None:
    opened = exchange(vices.ServerError(nth=(1, 3, 5)), vices.TooMany(nth=(2, 4, 6), retry_after="9"))
    assert desk.ask().body
    assert statuses(opened) == [503, 429, 503, 429, 503, 429, 200]
    assert desk.clock.naps == [0.5, 9, 1, 9, 2, 9]


def test_a_short_ban_is_waited_out(desk: Desk, exchange: Callable[..., Exchange]) -> None:
    opened = exchange(vices.Banned(ban_ms=61_500, times=1))
    assert desk.ask().body
    assert desk.clock.naps == [61.5]
    assert statuses(opened) == [418, 200]


def test_a_ban_that_is_over_when_it_is_told_is_still_a_pause(desk: Desk, exchange: Callable[..., Exchange]) -> None:
    exchange(vices.Banned(ban_ms=-5_000, times=1))
    assert desk.ask().body
    assert desk.clock.naps == [60]


def test_a_long_ban_is_said_at_once_and_nobody_asks_until_it_is_over(
    desk: Desk, exchange: Callable[..., Exchange]
) -> None:
    opened = exchange(vices.Banned(ban_ms=600_000, times=1))
    until = r"got blocked until 2023-11-15 08:25 \(UTC\) \(Way too many requests; IP\(\.\.\.\) banned"
    for _ in range(3):
        with pytest.raises(FetchError, match=until) as caught:
            desk.ask()
        check_message(caught.value, "binance")
    assert statuses(opened) == [418]
    assert desk.ask("okx").body  # another venue is not affected
    asyncio.run(desk.clock.sleep(600))
    assert desk.ask().body
    assert statuses(opened) == [418, 200, 200]


def test_a_ban_counts_by_the_venues_clock(desk: Desk, exchange: Callable[..., Exchange]) -> None:
    exchange(vices.Banned(ban_ms=30_000, times=1))
    desk.clock.at += 3600  # this machine's clock is ahead
    desk.ask()
    assert desk.clock.naps == [30]


def test_bybits_403_for_too_many_is_ten_minutes_and_not_taken_for_a_place(
    desk: Desk, exchange: Callable[..., Exchange]
) -> None:
    opened = exchange(limits={"bybit": (1, 5.0)})
    desk.ask("bybit")
    with pytest.raises(FetchError, match=r"access too frequent"):
        desk.ask("bybit")
    assert statuses(opened) == [200, 403]
    with Limits(desk.folder, desk.clock) as limits:
        assert limits.blocked_until("bybit") == pytest.approx(desk.clock.now() + 600)


# Replies that no fake exchange sends: a scripted server


@asynccontextmanager
async def script(desk: Desk, *replies: bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]) -> AsyncIterator[Any]:
    """Answer the n-th request with the n-th reply (the last one repeatedly); yields the texts of the requests."""
    requests: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = next((int(line[15:]) for line in head.split("\r\n") if line.startswith("Content-Length:")), 0)
                requests.append(head + (await reader.readexactly(length)).decode())
                reply = replies[min(len(requests), len(replies)) - 1]
                if isinstance(reply, bytes):
                    writer.write(reply)
                    await writer.drain()
                else:
                    await reply(writer)
                    break
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    desk.at(lambda name: f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/{name}")
    async with server:
        yield requests


def reply(body: bytes, status: str = "200 OK", **headers: str) -> bytes:
    lines = {"Content-Length": str(len(body)), **{name.replace("_", "-"): text for name, text in headers.items()}}
    return "\r\n".join([f"HTTP/1.1 {status}", *(f"{n}: {t}" for n, t in lines.items()), "", ""]).encode() + body


def scripted(desk: Desk, *replies: Any, name: str = "binance", patience: Patience = CALM) -> tuple[Any, list[str]]:
    """Return the answer or the error of one call against scripted replies, and the requests received."""

    async def run() -> tuple[Any, list[str]]:
        async with script(desk, *replies) as requests, desk.client(VENUES[name], patience) as client:
            try:
                return await client.ask(CALLS[name]), requests
            except DataError as error:
                check_message(error, name)
                return error, requests

    return asyncio.run(run())


def test_a_request_says_who_asks_and_carries_nothing_else(desk: Desk) -> None:
    good = reply(b"[]", Set_Cookie="id=1; Path=/")

    async def run() -> list[str]:
        async with script(desk, good) as requests:
            async with desk.client(binance.VENUE) as client:
                await client.ask(CALLS["binance"])
                await client.ask(CALLS["binance"])
            async with desk.client(hyperliquid.VENUE) as client:
                await client.ask(CALLS["hyperliquid"])
        return list(requests)

    first, second, post = asyncio.run(run())
    line, *headers = first.rstrip().split("\r\n")
    assert line == "GET /binance/fapi/v1/klines?symbol=BTCUSDT&interval=5m&limit=99 HTTP/1.1"
    assert {header.partition(":")[0].lower() for header in headers} == {
        "host",
        "accept",
        "accept-encoding",
        "connection",
        "user-agent",
    }
    assert f"User-Agent: liqwidget/{liqwidget.__version__}" in headers
    assert "Accept-Encoding: gzip" in headers
    assert second == first  # no cookie is sent back
    assert post.startswith("POST /hyperliquid/info HTTP/1.1\r\n")
    assert json.loads(post.split("\r\n\r\n")[1]) == CALLS["hyperliquid"].body


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        ("Tue, 14 Nov 2023 22:13:20 GMT", 1_700_000_000_000),
        ("Thu, 01 Jan 1970 00:00:00 GMT", None),
        ("Tue, 14 Nov 9999 22:13:20 GMT", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_a_date_that_is_none_is_no_date(desk: Desk, date: str, expected: int | None) -> None:
    answer, _ = scripted(desk, reply(b"[]", Date=date))
    assert answer == Answer([], expected)


@given(
    st.text(st.characters(max_codepoint=255)) | st.from_regex(r"\w{3}, \d+ \w{3} \d+ \d+:\d+:\d+ \S*", fullmatch=True)
)
def test_no_header_is_too_odd_to_be_passed_over(text: str) -> None:
    headers = {"date": text, "retry-after": text}
    date = client._Reply(200, headers, b"").date
    assert date is None or 1_230_768_000_000 <= date < 4_102_444_800_000
    seconds = client._retry_after(headers, HISTORY.end_ms)
    assert seconds is None or abs(seconds) < 1e10


@pytest.mark.parametrize("encoding", ["br", "deflate", "zstd", "gzip, gzip", "x"])
def test_an_encoding_that_was_not_asked_for_is_refused(desk: Desk, encoding: str) -> None:
    error, requests = scripted(desk, reply(b"[]", Content_Encoding=encoding))
    assert "got another encoding" in str(error)
    assert len(requests) == 1


BROKEN = {
    "plain said to be gzip": (reply(b"[]", Content_Encoding="gzip"), "broken gzip"),
    "half a gzip": (reply(gzip.compress(b"[1]")[:-9], Content_Encoding="gzip"), "incomplete gzip"),
    "gzip said to be plain": (reply(gzip.compress(b"[1]")), "no JSON"),
    "wrong checksum": (reply(gzip.compress(b"[1]")[:-8] + b"12345678", Content_Encoding="gzip"), "broken gzip"),
    "no HTTP": (b"hello\r\n\r\n", "a broken connection"),
    "an endless head": (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000, "a broken connection"),
    "no UTF-8": (reply(b'["\xff"]'), "no JSON"),
    "a number of many digits": (reply(b"[" + b"1" * 10_000 + b"]"), "no JSON"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_answer_is_asked_again(desk: Desk, kind: str) -> None:
    broken, said = BROKEN[kind]

    async def once(writer: asyncio.StreamWriter) -> None:
        writer.write(broken)
        await writer.drain()

    answer, requests = scripted(desk, once, reply(b"[]"))
    assert answer == Answer([], None)
    assert len(requests) == 2
    error, requests = scripted(desk, once)
    assert said in str(error)
    assert len(requests) == 4


@pytest.mark.parametrize(
    "body",
    [b"[" * 100_000, b"[NaN]", b"\xff\xfe", gzip.compress(b"{}", mtime=0)],  # a timestamp would change the test id
    ids=["deep", "not a number", "no text", "gzip"],
)
def test_the_status_is_believed_whatever_the_body(desk: Desk, body: bytes) -> None:
    """An unreadable error page hides neither a ban nor a transient failure."""

    async def half(writer: asyncio.StreamWriter) -> None:
        writer.write(reply(body, "429 Too Many Requests", Retry_After="3")[:-1])
        await writer.drain()

    bad = reply(body, "502 Bad Gateway", Content_Encoding="br")
    answer, requests = scripted(desk, bad, half, reply(b"[1]"))
    assert answer == Answer([1], None)
    assert desk.clock.naps == [0.5, 3]
    error, requests = scripted(desk, reply(body, "451 Unavailable", Content_Encoding="gzip"))
    assert "not available in this region" in str(error)
    assert len(requests) == 1


def test_a_slow_error_page_is_not_waited_for(desk: Desk) -> None:
    async def slow(writer: asyncio.StreamWriter) -> None:
        writer.write(reply(b"", "418 Teapot", Content_Length="100"))
        await writer.drain()
        await asyncio.sleep(1)

    patience = replace(CALM, read=0.05)
    error, requests = scripted(desk, slow, patience=replace(patience, block=50))
    assert "got blocked until" in str(error)
    assert len(requests) == 1


@pytest.mark.parametrize("vice", [vices.GzipBomb(), vices.Endless()], ids=["bomb", "endless"])
def test_no_answer_takes_more_memory_than_is_allowed(
    desk: Desk, exchange: Callable[..., Exchange], vice: vices.Vice
) -> None:
    opened = exchange(vice)
    tracemalloc.start()
    try:
        with pytest.raises(FetchError, match=r"16,000,000 unpacked; got more\.") as caught:
            desk.ask()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2.5 * BODY_BYTES
    assert len(opened.requests) == 1
    check_message(caught.value, "binance")


def test_the_largest_allowed_answer_is_read(desk: Desk) -> None:
    most = b"[" + b" " * (RAW_BYTES - 2) + b"]"
    assert scripted(desk, reply(most))[0] == Answer([], None)
    assert "got more" in str(scripted(desk, reply(b" " + most))[0])
    most = gzip.compress(b"[" + b" " * (BODY_BYTES - 2) + b"]", 1)
    assert scripted(desk, reply(most, Content_Encoding="gzip"))[0] == Answer([], None)
    more = gzip.compress(b"[" + b" " * (BODY_BYTES - 1) + b"]", 1)
    assert "got more" in str(scripted(desk, reply(more, Content_Encoding="gzip"))[0])


# Concurrency


def test_so_many_at_a_time_and_no_more(desk: Desk, exchange: Callable[..., Exchange]) -> None:
    opened = exchange(latency_s=0.02)

    async def run() -> None:
        async with desk.client(binance.VENUE, replace(CALM, concurrency=3)) as client:
            await asyncio.gather(*(client.ask(CALLS["binance"]) for _ in range(12)))

    asyncio.run(run())
    assert len(opened.requests) == 12
    assert len({asked.connection for asked in opened.requests}) <= 3
    assert opened.connections == 3


def test_waiting_for_a_turn_is_no_part_of_a_calls_time(desk: Desk, exchange: Callable[..., Exchange]) -> None:
    opened = exchange(latency_s=0.1)

    async def run() -> None:
        async with desk.client(binance.VENUE, replace(CALM, concurrency=2, total=0.5)) as client:
            await asyncio.gather(*(client.ask(CALLS["binance"]) for _ in range(12)))

    asyncio.run(run())
    assert len(opened.requests) == 12
    assert desk.clock.naps == []


def test_many_calls_at_once_never_break_a_limit(desk: Desk, exchange: Callable[..., Exchange]) -> None:
    opened = exchange(limits={"okx candles": (10, 2.0)})

    class Moving(FakeClock):
        async def sleep(self, seconds: float) -> None:
            opened.advance(round(seconds * 1000))
            await super().sleep(seconds)

    desk.clock = Moving()
    venue = replace(okx.VENUE, limits={"candles": Limit(10, 2)})

    async def run() -> None:
        async with desk.client(venue) as client:
            await asyncio.gather(*(client.ask(CALLS["okx"]) for _ in range(32)))

    asyncio.run(run())
    assert len(opened.requests) == 32
    assert opened.violations == []
    assert desk.clock.naps


def test_cancelling_ends_a_call_at_once_and_frees_what_it_held(desk: Desk, exchange: Callable[..., Exchange]) -> None:
    opened = exchange(vices.Mute(times=2))

    async def run() -> Any:
        async with desk.client(binance.VENUE, replace(CALM, concurrency=2)) as client:
            tasks = [asyncio.create_task(client.ask(CALLS["binance"])) for _ in range(2)]
            while len(opened.requests) < 2:
                await asyncio.sleep(0.001)
            for task in tasks:
                task.cancel()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
            return ends, await client.ask(CALLS["binance"])

    ends, answer = asyncio.run(run())
    assert [type(end) for end in ends] == [asyncio.CancelledError] * 2
    assert answer.body
    assert len(opened.requests) == 3
    assert desk.clock.naps == []


def test_proxies_of_the_environment_are_used_only_when_asked(
    desk: Desk, exchange: Callable[..., Exchange], monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange()
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert desk.ask().body
    with pytest.raises(FetchError, match="no connection"):
        desk.ask(trust_env=True)


# Messages


def check_message(error: Exception, name: str) -> None:
    """The message names the venue and contains no addresses, paths, headers or underlying causes."""
    text = str(error)
    assert name in text
    assert text.isascii()
    assert text.isprintable()
    assert len(text) < 400
    for secret in ("://", "127.0.0", "www.", ".com", "/tmp", "/home", "Traceback", "httpx"):
        assert secret not in text
    cause: BaseException | None = error
    while cause is not None:  # as shown in a traceback
        assert type(cause).__module__.startswith("liqwidget")
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)


def test_a_message_says_what_was_asked_and_what_came(desk: Desk) -> None:
    said = json.dumps(
        {"code": -1121, "msg": "Invalid\n symbol \u2028 at https://fapi.binance.com/x from 10.1.2.3: " + "y" * 500}
    )
    error, _ = scripted(desk, reply(said.encode(), "400 Bad Request"))
    assert str(error).startswith(
        "binance /fapi/v1/klines (symbol=BTCUSDT, interval=5m): wanted an answer; "
        "got Invalid symbol at ... from ...: yyy"
    )
    assert str(error).endswith("y (HTTP 400). Check symbol, interval and range.")
    error, _ = scripted(desk, reply(b"Failed to deserialize", "422 Unprocessable"), name="hyperliquid")
    asked = "hyperliquid /info (type=candleSnapshot, coin=BTC, interval=5m)"
    assert str(error).startswith(f"{asked}: wanted an answer; got Failed to deserialize (HTTP 422). ")
