"""Attacks by HTTP on a running server: slow, half and smuggled requests; tricks with hosts, methods and headers."""

from __future__ import annotations

import gzip
import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from uuid import uuid4

import nbformat
import pytest

from liqwidget.serve.settings import CONNECTION
from served import Served


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    path = tmp_path_factory.mktemp("site") / "page.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1")]), path)
    server = Served(path, tmp_path_factory.mktemp("home"), "--visitors=2")
    server.wait_until(server.heated)
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def unimpressed(served: Served) -> Iterator[None]:
    """After each attack the server answers, no place is taken, and no error of the program was logged."""
    before = len(served.said())
    yield
    status, _, body = served.get("/voila/api/health")
    assert (status, json.loads(body)["visitors"]) == (200, 0)
    assert "Traceback" not in served.said()[before:]
    assert len(served.said()) - before < 50_000


def line_to(served: Served) -> socket.socket:
    return socket.create_connection(("127.0.0.1", served.port), timeout=30)


def answers(served: Served, sent: bytes) -> list[int]:
    """The status of each reply to these bytes, until the server closes the connection."""
    with line_to(served) as line:
        with suppress(OSError):
            line.sendall(sent)
            line.shutdown(socket.SHUT_WR)
        got = b""
        with suppress(ConnectionError):
            while piece := line.recv(1 << 16):
                got += piece
    return [int(part.split(maxsplit=1)[0]) for part in got.split(b"HTTP/1.1 ")[1:]]


def request(served: Served, path: str = "/voila/api/health", method: str = "GET", *more: str, body: str = "") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", f"Host: {served.host}", *more, "", body]
    return "\r\n".join(lines).encode("latin-1")


SECOND = "GET /voila/api/health HTTP/1.1\r\nHost: {host}\r\n\r\n"


@pytest.mark.parametrize(
    "headers",
    [
        ["Content-Length: 6", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: chunked", "Content-Length: 6"],
        ["Transfer-Encoding: xchunked"],
        ["Transfer-Encoding: chunked, identity"],
        ["Transfer-Encoding : chunked"],
        ["Transfer-Encoding: chunked", "Transfer-Encoding: identity"],
        ["Content-Length: 6", "Content-Length: 7"],
        ["Content-Length: 6, 7"],
        ["Content-Length: +6"],
        ["Content-Length: -1"],
        ["Content-Length: 0x6"],
        ["Content-Length: 6_0"],
        ["Content-Length: ٦"],
        ["Content-Length: 1e1"],
    ],
    ids=lambda headers: "; ".join(headers).encode("ascii", "replace").decode(),
)
def test_no_request_is_hidden_in_the_body_of_another(served: Served, headers: list[str]) -> None:
    coded = [header.encode().decode("latin-1") for header in headers]
    path = f"/voila/api/touched/{uuid4()}"
    sent = request(served, path, "POST", *coded, body="0\r\n\r\n" + SECOND.format(host=served.host))
    found = answers(served, sent)
    assert len(found) <= 1
    assert found in ([], [400], [501])


@pytest.mark.parametrize(
    "body", ["g\r\nx\r\n0\r\n\r\n", "-1\r\n", "ffffffffffffffff\r\nx", "1_0\r\nx", "5;" + "x" * 70_000]
)
def test_chunks_that_are_none_end_the_connection(served: Served, body: str) -> None:
    path = f"/voila/api/touched/{uuid4()}"
    sent = request(served, path, "POST", "Transfer-Encoding: chunked", body=body + SECOND.format(host=served.host))
    assert answers(served, sent) in ([], [400])


def test_a_body_is_small_however_it_is_sent(served: Served) -> None:
    path, most = f"/voila/api/touched/{uuid4()}", CONNECTION["max_body_size"]
    chunks = f"{most:x}\r\n{'x' * most}\r\n{1:x}\r\nx\r\n0\r\n\r\n"
    assert answers(served, request(served, path, "POST", "Transfer-Encoding: chunked", body=chunks)) in ([], [400])
    assert answers(served, request(served, path, "POST", f"Content-Length: {most + 1}")) in ([], [400])
    packed = gzip.compress(bytes(50 << 20)).decode("latin-1")
    headers = ("Content-Encoding: gzip", f"Content-Length: {len(packed)}", "Connection: close")
    assert answers(served, request(served, path, "POST", *headers, body=packed)) == [404]


@pytest.mark.parametrize(
    "host",
    [
        ["Host: {host}", "Host: evil.example"],
        ["Host: evil.example", "Host: {host}"],
        ["Host: {host}, evil.example"],
        ["Host: evil.example@{host}"],
        ["Host: {host}@evil.example"],
        ["Host: {host}/evil.example"],
        ["Host: {host}#evil.example"],
        ["Host: evil.example:{host}"],
        ["Host: {host}\x0bevil.example"],
        ["X-Forwarded-Host: {host}", "Host: evil.example"],
        [],
    ],
    ids=ascii,
)
def test_a_host_that_is_not_exactly_ours_gets_nothing(served: Served, host: list[str]) -> None:
    lines = ["GET /voila/api/health HTTP/1.1", *[line.format(host=served.host) for line in host], "Connection: close"]
    found = answers(served, ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
    assert found in ([], [400], [403])


@pytest.mark.parametrize(
    "first",
    [
        "GET http://evil.example/ HTTP/1.1",
        "GET //evil.example/ HTTP/1.1",
        "GET \\\\evil.example\\ HTTP/1.1",
        "CONNECT evil.example:443 HTTP/1.1",
        "TRACE / HTTP/1.1",
        "OPTIONS * HTTP/1.1",
        "PROPFIND / HTTP/1.1",
        "POST / HTTP/1.1",
        "GET /voila/api/health HTTP/9.9",
        "GET /voila/api/health",
        "GET  /voila/api/health  HTTP/1.1",
        "get /voila/api/health HTTP/1.1",
        "PRI * HTTP/2.0",
        "\x16\x03\x01\x02\x00\x01\x00",
        "GET /" + "a" * 20_000 + " HTTP/1.1",
        "GET /voila/api/health\x00 HTTP/1.1",
        "GET /voila/api/health?" + "&".join(f"a{i}=" for i in range(2_000)) + "&;=%zz%ff HTTP/1.1",
    ],
    ids=lambda first: ascii(first[:40]),
)
def test_a_first_line_that_no_browser_sends(served: Served, first: str) -> None:
    found = answers(served, f"{first}\r\nHost: {served.host}\r\nConnection: close\r\n\r\n".encode("latin-1"))
    harmless = first.startswith("GET /voila/api/health?")
    assert all(400 <= status < 500 for status in found) or (harmless and found == [200]) or found == [403]


@pytest.mark.parametrize(
    "more",
    [
        [f"X-{i}: {i}" for i in range(4_000)],
        ["X: " + "x" * CONNECTION["max_header_size"]],
        ["X: a", " folded"],
        ["\x00: x"],
        ["X\x00Y: x"],
        [": x"],
        ["no colon"],
        ["Cookie: " + "a=b; " * 3_000],
    ],
    ids=lambda more: ascii(more[0][:20]),
)
def test_headers_are_few_short_and_clean(served: Served, more: list[str]) -> None:
    found = answers(served, request(served, "/voila/api/health", "GET", *more, "Connection: close"))
    assert found in ([], [400], [431]) or (found == [200] and len("".join(more)) < CONNECTION["max_header_size"])


def test_nothing_of_a_request_becomes_a_header_or_a_link(served: Served) -> None:
    forged = {"X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example", "X-Original-URL": "/api/kernels"}
    for path in ("/?a=%0d%0aSet-Cookie:%20x=y", "/?%0d%0a%0d%0a<script>"):
        _, headers, body = served.get(path, **{"Sec-Fetch-Dest": "image", **forged})
        assert "set-cookie" not in headers
        assert b"evil.example" not in body
        assert b"<script>" not in body


def test_many_ranges_of_a_file_cost_no_more_than_the_file(served: Served) -> None:
    whole = len(served.get("/voila/static/voila.js")[2])
    for ranges in ("bytes=" + ",".join(["0-"] * 1_000), "bytes=0-0,-1", "bytes=-1-", "bytes=9" * 9, "x=0-1"):
        status, _, body = served.get("/voila/static/voila.js", Range=ranges)
        assert status in (200, 206, 301, 302, 304, 400, 404, 416)
        assert len(body) <= max(whole, 2_000)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"Upgrade": "h2c"}, 400),
        ({"Sec-WebSocket-Version": "7"}, 400),
        ({"Sec-WebSocket-Version": "13, 8"}, 400),
        ({"Connection": "close"}, 400),
        ({"Origin": "http://{host}.evil.example"}, 403),
        ({"Origin": "http://evil.example/{host}"}, 403),
        ({"Origin": "http://evil.example@{host}@evil.example"}, 403),
        ({"Origin": "//"}, 403),
        ({"Origin": "http://[::"}, 403),
        ({"Origin": "{host}"}, 403),
    ],
    ids=lambda value: ascii(value),
)
def test_an_upgrade_that_no_browser_asks_for_is_refused(served: Served, change: dict[str, str], status: int) -> None:
    headers = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Protocol": "v1.kernel.websocket.jupyter.org",
        "Origin": f"http://{served.host}",
        **{name: text.format(host=served.host) for name, text in change.items()},
    }
    got = served.get(f"/api/kernels/{uuid4()}/channels?session_id=1", **headers)[0]
    assert got in (status, 404, 426) if status == 400 else got == status


def test_a_hundred_requests_at_once_on_one_connection_are_answered_in_order(served: Served) -> None:
    sent = request(served) * 99 + request(served, "/nothing", "GET", "Connection: close")
    assert answers(served, sent) == [200] * 99 + [404]


def test_hundreds_of_silent_connections_keep_nobody_out(served: Served) -> None:
    with ExitStack() as stack:
        for number in range(400):
            line = stack.enter_context(line_to(served))
            line.sendall((b"", b"G", b"GET / HTTP/1.1\r\n", request(served)[:-2])[number % 4])
        begun = time.monotonic()
        assert served.get("/voila/api/health")[0] == 200
        assert time.monotonic() - begun < 10


@pytest.mark.slow
def test_slow_headers_and_bodies_are_not_awaited(served: Served) -> None:
    """One byte a second: the time is counted from the beginning, not from the last byte."""
    body = request(served, f"/voila/api/touched/{uuid4()}", "POST", "Content-Length: 60000")
    begun = time.monotonic()
    with line_to(served) as header, line_to(served) as slow, line_to(served) as idle:
        open_lines = {header: 0.0, slow: 0.0, idle: 0.0}
        header.sendall(b"GET / HTTP/1.1\r\nX: ")
        slow.sendall(body)
        for line in open_lines:
            line.settimeout(0.3)
        while not all(open_lines.values()) and time.monotonic() - begun < 120:
            for line, ended in open_lines.items():
                if ended:
                    continue
                try:
                    if line is not idle:
                        line.sendall(b"x")
                    while line.recv(1 << 16):
                        pass
                    open_lines[line] = time.monotonic() - begun
                except TimeoutError:
                    continue
                except OSError:
                    open_lines[line] = time.monotonic() - begun
    assert 0 < open_lines[slow] < CONNECTION["body_timeout"] + 20
    assert 0 < open_lines[header] < CONNECTION["idle_connection_timeout"] + 20
    assert 0 < open_lines[idle] < CONNECTION["idle_connection_timeout"] + 20


def test_no_spelling_of_dots_leads_out_of_a_folder(served: Served) -> None:
    for path in (
        "/voila/static/..;/",
        "/voila/static/%c0%ae%c0%ae/",
        "/voila/static/%uff0e%uff0e/",
        "/voila/static/%2e/%2e%2e%2f",
    ):
        status, _, body = served.get(path + "etc/passwd")
        assert status in (400, 403, 404)
        assert b"root:" not in body
