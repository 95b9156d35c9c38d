"""Places belong to people: programs, previews and pages that nobody opens take no kernel, or give it back soon."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from tornado.httputil import HTTPHeaders
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from liqwidget.serve.card import about, card_html, is_for_a_person, is_prefetch
from served import Served
from visitor import Visitor, unpack

CELLS = [
    nbformat.v4.new_markdown_cell("# A *map* of <levels>\n\nWhat **would** be [liquidated](https://x) & where."),
    nbformat.v4.new_code_cell("import liqwidget as lw\nlw.LiquidationHeatmap(lw.load_sample())"),
]


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("site") / "map.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=CELLS), path)
    return path


@pytest.fixture(scope="module")
def served(notebook: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    options = ("--visitors=2", "--gone=3", "--MappingKernelManager.cull_interval=1")
    server = Served(notebook, tmp_path_factory.mktemp("home"), *options)
    server.wait_until(server.heated)
    yield server
    server.stop()


def taken(served: Served) -> int:
    status, _, body = served.get("/voila/api/health")
    health = json.loads(body)
    assert (status, health["status"], health["places"]) == (200, "ok", 2)
    return health["visitors"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Dest": "image"}, 200),
        ({"Sec-Fetch-Dest": "empty"}, 200),
        ({"Sec-Fetch-Dest": "script"}, 200),
        ({"User-Agent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"}, 200),
        ({"User-Agent": "facebookexternalhit/1.1"}, 200),
        ({"User-Agent": "Slackbot-LinkExpanding 1.0"}, 200),
        ({"Purpose": "prefetch", "Sec-Fetch-Dest": "document"}, 503),
        ({"Sec-Purpose": "prefetch;prerender", "Sec-Fetch-Dest": "document"}, 503),
        ({"X-Purpose": "preview"}, 503),
    ],
)
def test_a_program_takes_no_place(served: Served, headers: dict[str, str], status: int) -> None:
    got, answered, body = served.get("/", **headers)
    assert (got, answered["cache-control"]) == (status, "no-store")
    assert b"kernelId" not in body
    if status == 200:
        assert b"<title>A *map* of &lt;levels&gt;</title>" in body
        assert b'content="What would be liquidated &amp; where."' in body
    assert taken(served) == 0


def test_a_head_request_starts_nothing(served: Served) -> None:
    status, headers, body = served.get("/", "HEAD")
    assert (status, body) == (200, b"")
    assert "default-src 'none'" in headers["content-security-policy"]
    assert served.get("/nothing", "HEAD")[0] == 404
    assert taken(served) == 0


def test_search_engines_are_told_what_to_read(served: Served) -> None:
    status, headers, body = served.get("/robots.txt")
    assert (status, headers["content-type"]) == (200, "text/plain; charset=utf-8")
    assert body == b"User-agent: *\nDisallow: /api/\n"


def test_a_page_that_nobody_opens_gives_its_place_back_and_leaves_a_preview(served: Served) -> None:
    assert served.get("/voila/api/preview.png")[0] == 404
    assert b"og:image" not in served.get("/", **{"Sec-Fetch-Dest": "image"})[2]
    assert served.get("/", **{"Sec-Fetch-Dest": "document", "User-Agent": "Mozilla/5.0 Firefox/140.0"})[0] == 200
    assert taken(served) == 1
    status, headers, body = served.get("/voila/api/preview.png")
    assert (status, headers["content-type"], body[:8]) == (200, "image/png", b"\x89PNG\r\n\x1a\n")
    card = served.get("/", **{"Sec-Fetch-Dest": "image"})[2].decode()
    assert f'<meta property="og:image" content="{served.url}voila/api/preview.png">' in card
    served.wait_until(lambda: taken(served) == 0, 20)


@pytest.mark.parametrize(
    ("path", "method", "status", "title"),
    [
        ("/nothing", "GET", 404, "Nothing here"),
        ("/voila/static/0123456789abcdef/x.js", "GET", 404, "Nothing here"),
        ("/voila/labextensions/x.js", "GET", 404, "Nothing here"),
        ("/voila/api/health", "POST", 405, "Nothing here"),
        ("/", "PUT", 405, "Nothing here"),
        ("/?view=1&mix=" + "1" * 9_000, "GET", 414, "This address is too long"),
        ("/voila/static/" + "x" * 20_000, "GET", 414, "This address is too long"),
    ],
)
def test_errors_are_pages_in_words(served: Served, path: str, method: str, status: int, title: str) -> None:
    got, headers, body = served.get(path, method)
    page = body.decode()
    assert (got, headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert f"<h1>{title}</h1>" in page
    assert "prefers-color-scheme: dark" in page
    assert "<script" not in page
    assert "jupyter" not in page.lower()
    assert "script-src 'self' blob:;" in headers["content-security-policy"]


def test_saying_that_a_page_is_used_keeps_no_place_without_a_page(served: Served) -> None:
    visitor = Visitor(served)
    visitor.socket.close()

    def is_over() -> bool:
        return served.get(f"/voila/api/touched/{visitor.kernel}", "POST")[0] == 404

    served.wait_until(is_over, 20)
    assert taken(served) == 0


def test_headers_tell_people_from_programs() -> None:
    def person(**headers: str) -> bool:
        return is_for_a_person(HTTPHeaders({name.replace("_", "-"): value for name, value in headers.items()}))

    assert person()
    assert person(User_Agent="Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36")
    assert person(Sec_Fetch_Dest="iframe")
    assert person(User_Agent="Mozilla/5.0 (Linux; Android 9; CUBOT X19) AppleWebKit/537.36 Chrome/140.0 Mobile")
    assert person(User_Agent="Mozilla/5.0 (Macintosh) AppleWebKit/537.36 Slack_SSB/4.40 Chrome/140.0")
    assert not person(User_Agent="WhatsApp/2.23.20.0")
    assert not person(Sec_Fetch_Dest="")
    assert not person(User_Agent="TelegramBot (like TwitterBot)")
    assert not is_prefetch(HTTPHeaders({"Purpose": "navigate"}))


def test_a_card_escapes_what_the_notebook_says(tmp_path: Path) -> None:
    path = tmp_path / "plain.ipynb"
    nbformat.write(nbformat.v4.new_notebook(), path)
    assert about(path) == ("plain", "")
    nbformat.write(nbformat.v4.new_notebook(metadata={"title": '"><script>1</script>'}), path)
    assert "<script>" not in card_html(about(path), 'http://x/"><script>')


def test_the_socket_of_a_kernel_that_was_ended_is_closed_with_the_reason(notebook: Path, tmp_path: Path) -> None:
    options = ("--visitors=2", "--forgotten=4", "--MappingKernelManager.cull_interval=1")
    server = Served(notebook, tmp_path / "home", *options)
    try:
        server.wait_until(server.heated)
        forgotten, killed = Visitor(server), Visitor(server)
        other = forgotten.connect()
        (pid,) = [
            pid for pid in server.kernels() if killed.kernel.encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
        ]
        os.kill(pid, signal.SIGKILL)
        assert last(killed.socket) == ("dead", 4001, "The kernel of this page has ended.")
        for socket in (forgotten.socket, other):
            reason = "Nobody used this page for 4 seconds, so its place was given back."
            assert last(socket) == ("dead", 4001, reason)
        server.wait_until(lambda: taken(server) == 0)
        open_one = Visitor(server)
    finally:
        server.stop()
    assert last(open_one.socket)[1:] == (1001, "The server is stopping.")  # its page comes back with the server


def last(socket: ClientConnection) -> tuple[str, int, str]:
    """The last state of the kernel, and why the socket was closed."""
    states = [""]

    def read() -> None:
        while True:
            head, body = unpack(socket.recv(timeout=20))  # type: ignore[arg-type]
            if head["msg_type"] == "status":
                states.append(body["execution_state"])

    with pytest.raises(ConnectionClosed) as closed:
        read()
    why = closed.value.rcvd
    assert why is not None
    return states[-1], why.code, why.reason
