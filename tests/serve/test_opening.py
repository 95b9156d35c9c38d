"""Kernels whose page, or the socket to them, is on its way: they stay as long as it comes, and may end meanwhile."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import nbformat
import pytest
from websockets.exceptions import InvalidStatus

from served import Served
from visitor import PROTOCOL, Visitor

GONE = 3  # seconds that a kernel without a page is kept
LONG = 8 << 20  # characters: more than the buffers of a connection hold
#: The page takes longer than a kernel without one is kept.
CELLS = [
    f"import time\ntime.sleep({GONE + 1})",
    f'from IPython.display import HTML, display\ndisplay(HTML("x" * {LONG}))',
]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    path = tmp_path_factory.mktemp("site") / "map.ipynb"
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    options = (f"--gone={GONE}", "--MappingKernelManager.cull_interval=1", "--VoilaConfiguration.preheat_kernel=False")
    server = Served(path, tmp_path_factory.mktemp("home"), *options)
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def no_error_is_logged(served: Served) -> Iterator[None]:
    before = len(served.said())
    yield
    assert "ERROR" not in served.said()[before:]


class Coming(Visitor):
    """A visitor who has the page, and no socket yet."""

    def connect(self, **more: Any) -> Any:
        return None if not hasattr(self, "ready") else super().connect(**more)

    def __init__(self, served: Served) -> None:
        super().__init__(served)
        self.ready = True

    def send(self, how: signal.Signals) -> None:
        """Send a signal to the kernel."""
        pids = self.served.kernels()
        (pid,) = [one for one in pids if self.kernel.encode() in Path(f"/proc/{one}/cmdline").read_bytes()]
        os.kill(pid, how)

    def is_over(self) -> bool:
        return self.served.get(f"/api/kernels/{self.kernel}")[0] == 404

    def request(self) -> bytes:
        """What a browser sends to open the socket."""
        lines = (
            f"GET /api/kernels/{self.kernel}/channels?session_id=s HTTP/1.1",
            f"Host: {self.served.host}",
            f"Origin: {self.served.url.rstrip('/')}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            f"Sec-WebSocket-Protocol: {PROTOCOL}",
        )
        return "\r\n".join((*lines, "", "")).encode()


@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_a_socket_whose_kernel_ends_while_it_is_opened_is_refused(served: Served, how: str) -> None:
    visitor = Coming(served)
    visitor.send(signal.SIGSTOP if how == "stopped" else signal.SIGKILL)
    with ThreadPoolExecutor() as pool:
        both = [pool.submit(visitor.connect) for _ in range(2)]
        if how == "stopped":
            served.get(f"/voila/api/shutdown/{visitor.kernel}", "POST")
        for opening in both:
            with pytest.raises(InvalidStatus) as refused:
                opening.result()
            assert refused.value.response.status_code == 404
            assert b"<h1>Nothing here</h1>" in refused.value.response.body
    assert visitor.is_over()


def test_a_kernel_stays_while_the_socket_to_it_is_opened(served: Served) -> None:
    visitor = Coming(served)
    visitor.send(signal.SIGSTOP)
    with ThreadPoolExecutor() as pool:
        opening = pool.submit(visitor.connect)
        later = Coming(served)
        served.wait_until(later.is_over)
        visitor.send(signal.SIGCONT)
        assert opening.result().recv(timeout=20)


def test_a_socket_that_is_given_up_while_it_is_opened_counts_for_nothing(served: Served) -> None:
    visitor = Coming(served)
    visitor.send(signal.SIGSTOP)
    with socket.create_connection(("127.0.0.1", served.port)) as line:
        line.sendall(visitor.request())
        served.get("/robots.txt")  # it was read
    served.get("/robots.txt")
    visitor.send(signal.SIGCONT)
    with visitor.connect():
        status, _, body = served.get(f"/api/kernels/{visitor.kernel}")
        assert (status, json.loads(body)["connections"]) == (200, 1)
    served.wait_until(visitor.is_over)


def test_a_kernel_outlives_a_page_that_took_long(served: Served) -> None:
    visitor, begun = Coming(served), time.monotonic()
    served.wait_until(visitor.is_over)
    assert time.monotonic() - begun > GONE - 0.1


def test_a_kernel_stays_while_its_page_is_sent(served: Served) -> None:
    with socket.create_connection(("127.0.0.1", served.port)) as line:
        line.sendall(f"GET / HTTP/1.1\r\nHost: {served.host}\r\nConnection: close\r\n\r\n".encode())
        page = line.recv(1 << 16)
        while b'"kernelId"' not in page:
            page += line.recv(1 << 16)
        later = Coming(served)
        served.wait_until(later.is_over)
        while more := line.recv(1 << 20):
            page += more
    assert len(page) > LONG
    later.kernel = page.split(b'"kernelId": "')[1][:36].decode()
    with later.connect():
        pass
