"""Visitors who find no place: a copy of the page that no visitor can change, and places in the order of waiting."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

import nbformat
import pytest

from liqwidget.serve import waiting_line
from liqwidget.serve.page_copy import LONGEST, PAGE, read_copy
from liqwidget.serve.waiting_line import KEPT, LOST, MOST, PASSED_OVER, SHORTEST, WaitingLine
from liqwidget.widget import page_copy
from served import Served
from visitor import Visitor

# The second cell prints what a visitor could have said to the kernel.
CELLS = (
    "import os, liqwidget as lw\nlw.LiquidationHeatmap(lw.load_sample())",
    "print('asked for', os.environ.get('VOILA_REQUEST_URL'), 'heated', os.environ['VOILA_PREHEAT'])",
)
PART = {"title": "t", "style": "s", "body": "b", "data": "d"}
PERSON = {"Sec-Fetch-Dest": "document", "User-Agent": "Mozilla/5.0 Firefox/140.0"}


class Clock:
    """Stands in for the time of the line."""

    now = 1_000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(waiting_line, "time", made)
    return made


def test_places_go_to_those_who_wait_in_their_order(clock: Clock) -> None:
    line = WaitingLine()
    assert line.enter("", 1)  # nobody waits
    assert [line.ask(name, 0) for name in ("first", "second")] == [False, False]
    assert not line.enter("", 1)
    assert not line.ask("second", 1)
    assert line.ask("first", 1)
    assert line.ask("first", 1)  # its page asks again if the reply was lost
    assert not line.ask("second", 1)
    assert not line.enter("", 1)
    assert not line.enter("second", 1)
    assert line.enter("first", 1)
    assert not line.enter("first", 1)  # once; "second" waits
    assert line.enter("", 2)
    assert line.ask("second", 1)


def test_who_is_silent_is_passed_over_and_then_forgotten(clock: Clock) -> None:
    line = WaitingLine()
    for name in ("asleep", "awake"):
        line.ask(name, 0)
    clock.now += (PASSED_OVER + 0.1) * SHORTEST
    assert line.ask("awake", 1)
    clock.now += KEPT + 0.1  # it did not come
    assert not line.ask("third", 0)
    assert line.ask("asleep", 1)  # it has kept its turn
    clock.now += max(LOST, KEPT) + 0.1
    assert line.enter("", 1)
    assert not line.ask("late", 0)
    assert not line.ask("last", 0)
    clock.now += LOST + 0.1
    assert not line.ask("last", 0)
    assert line.ask("last", 1)


def test_a_crowd_asks_rarely_and_is_bounded(clock: Clock) -> None:
    line = WaitingLine()
    for number in range(30):
        line.ask(str(number), 0)
    assert line.pause() == SHORTEST
    for number in range(3 * MOST):
        line.ask(str(number), 0)
    assert SHORTEST < line.pause() <= 15
    assert line.ask("0", 1)
    assert not line.ask(str(2 * MOST), 1)


def test_only_a_page_is_a_copy() -> None:
    assert PAGE == page_copy.PAGE
    made = read_copy(PART)
    assert made is not None
    assert made[:4] == ("t", "s", "b", "d")
    for part in (None, "x", {}, {**PART, "more": ""}, {**PART, "body": 1}, {**PART, "body": "x" * LONGEST}):
        assert read_copy(part) is None


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    path = tmp_path_factory.mktemp("site") / "map.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS]), path)
    options = ("--visitors=1", "--gone=5", "--MappingKernelManager.cull_interval=1")
    server = Served(path, tmp_path_factory.mktemp("home"), *options)
    server.wait_until(server.heated)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def visitor(served: Served) -> Visitor:
    """Who has the only place."""
    return Visitor(served)


def refused(served: Served) -> str:
    """The page of somebody who finds no place."""
    status, headers, body = served.get("/", **PERSON)
    assert (status, headers["cache-control"], headers["retry-after"]) == (503, "no-store", "20")
    assert "script-src 'self' blob:;" in headers["content-security-policy"]
    return body.decode()


def test_who_finds_no_place_sees_the_picture_without_a_kernel(served: Served, visitor: Visitor) -> None:
    served.wait_until(lambda: "data-frame" in refused(served))
    page = refused(served)
    assert re.search(r"<strong>The only place is taken\.</strong> This is a copy of \d\d:\d\d UTC\.", page)
    assert "<title>BTCUSDT-SIM" in page
    assert 'data-frame="bars"' in page
    assert "kernelId" not in page
    scripts = re.findall(r'<script type="module" src="([^"]+)"></script>', page)
    assert len(scripts) == 1
    status, headers, body = served.get(scripts[0])
    assert (status, headers["cache-control"]) == (200, "public, max-age=31536000, immutable")
    assert b'import { openPage } from "./index.js"' in body
    (module,) = re.findall(r'modulepreload" href="([^"]+)"', page)
    assert module in visitor.html  # kept for the page with a kernel
    assert [text for kind, text in re.findall(r"<script([^>]*)>([^<]*)", page) if "src" in kind and text.strip()] == []
    assert b"data-frame" not in served.get("/", **{"Sec-Fetch-Dest": "image"})[2]  # programs get the card
    assert visitor.html.count(PAGE) == 1  # the data alone, for the first picture
    assert "This page is a snapshot" not in visitor.html


def test_a_visitor_cannot_change_the_copy(served: Served, visitor: Visitor) -> None:
    """Neither by an address nor by messages; the kernel of the pool has run after both."""
    served.wait_until(lambda: "data-frame" in refused(served))
    body = re.search(r"<header>.*</footer>", refused(served), re.DOTALL)
    comm = visitor.heatmap()
    visitor.drag(comm, 3.21)
    visitor.socket.close()
    served.get(f"/voila/api/shutdown/{visitor.kernel}", "POST")
    served.wait_until(served.heated)
    status, _, html = served.get("/?symbol=EVIL", **PERSON)
    assert status == 200
    assert b"EVIL" not in html
    kernel = re.search(r'"kernelId": "([0-9a-f-]{36})"', html.decode())
    assert kernel is not None
    served.wait_until(served.heated)
    assert b"asked for None heated True" in html
    again = re.search(r"<header>.*</footer>", refused(served), re.DOTALL)
    assert body is not None
    assert again is not None
    assert again[0] == body[0]
    served.get(f"/voila/api/shutdown/{kernel[1]}", "POST")
    served.wait_until(served.heated)
    status, _, html = served.get("/", **PERSON)
    assert b"asked for None heated True" in html  # not what the visitor before had asked for
    kernel = re.search(r'"kernelId": "([0-9a-f-]{36})"', html.decode())
    assert kernel is not None
    served.get(f"/voila/api/shutdown/{kernel[1]}", "POST")


def newcomer(served: Served) -> Visitor:
    """Somebody who comes when nobody waits any more."""

    def come() -> Visitor | None:
        with suppress(AssertionError):
            return Visitor(served)
        return None

    return served.wait_until(come, 40)


def test_a_free_place_is_kept_for_who_waited(served: Served) -> None:
    taken = newcomer(served)
    first, second = token_hex(16), token_hex(16)

    def ask(ticket: str) -> int:
        status, headers, body = served.get(f"/voila/api/place/{ticket}", "POST")
        assert body == b""
        assert 4 <= int(headers["retry-after"]) <= 15
        return status

    assert [ask(first), ask(second)] == [202, 202]
    taken.socket.close()
    served.get(f"/voila/api/shutdown/{taken.kernel}", "POST")
    served.wait_until(lambda: ask(first) == 200)
    assert ask(second) == 202
    refused(served)
    status, _, html = served.get(f"/?place={first}", **PERSON)
    assert status == 200
    assert b"kernelId" in html
    assert served.get(f"/?place={first}", **PERSON)[0] == 503
    for path in ("/voila/api/place/x", f"/voila/api/place/{first}0", "/voila/api/place/"):
        assert served.get(path, "POST")[0] in (404, 405)
    assert served.get(f"/voila/api/place/{first}")[0] == 405


def test_those_who_wait_do_not_disturb_who_is_there(served: Served) -> None:
    visitor = newcomer(served)
    comm = visitor.heatmap()
    ended, asked = threading.Event(), []

    def wait() -> None:
        ticket = token_hex(16)
        while not ended.wait(SHORTEST / 30):  # 30 pages that ask at their usual rate
            begun = time.monotonic()
            assert served.get(f"/voila/api/place/{ticket}", "POST")[0] == 202
            asked.append(time.monotonic() - begun)

    thread = threading.Thread(target=wait)
    thread.start()
    while len(asked) < 30:
        visitor.drag(comm, 0.02 + len(asked) / 1000)
    times = [visitor.drag(comm, 0.02 + number / 1000) for number in range(30)]
    ended.set()
    thread.join()
    assert max(times) < 2.0
    visitor.socket.close()


def test_a_kernel_that_a_visitor_has_makes_no_copy(tmp_path: Path) -> None:
    """Although it was of the pool when its cell began."""
    path, go = tmp_path / "slow.ipynb", tmp_path / "go"
    cell = f"""import time, pathlib, liqwidget as lw
while not pathlib.Path({str(go)!r}).exists(): time.sleep(0.02)
lw.LiquidationHeatmap(lw.load_sample())"""
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)]), path)
    server = Served(path, tmp_path / "home", "--visitors=1")
    try:
        server.wait_until(server.heated)
        pages: list[bytes] = []
        thread = threading.Thread(target=lambda: pages.append(server.get("/", **PERSON)[2]))
        thread.start()
        server.wait_until(lambda: "Using pre-heated kernel" in server.said())
        go.touch()
        thread.join()
        go.unlink()  # the next kernel of the pool waits
        assert b"liq-still" in pages[0]
        assert b"This page is a snapshot" not in pages[0]
        assert "<h1>All places are taken</h1>" in refused(server)
    finally:
        server.stop()


def test_without_a_copy_the_page_says_so_in_words(tmp_path: Path) -> None:
    path = tmp_path / "words.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("print('hello')")]), path)
    server = Served(path, tmp_path / "home", "--visitors=1")
    try:
        server.wait_until(server.heated)
        Visitor(server)
        page = refused(server)
        assert "<h1>All places are taken</h1>" in page
        assert '<meta http-equiv="refresh" content="20" />' in page
        assert "<script" not in page
    finally:
        server.stop()
