"""Attacks on the websocket of a running server: frames, compression, buffers, comms, and kernels that ended."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import nbformat
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection

from served import Served
from visitor import Visitor, frame

CELL = "import liqwidget as lw\nlw.LiquidationHeatmap(lw.load_sample())"
LIMIT = 2 << 20  # of a message, as the server's default


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    path = tmp_path_factory.mktemp("site") / "page.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)]), path)
    server = Served(path, tmp_path_factory.mktemp("home"), "--visitors=6", "--gone=60")
    server.wait_until(server.heated)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def onlooker(served: Served) -> Visitor:
    return Visitor(served)


@pytest.fixture
def hostile(served: Served) -> Iterator[Visitor]:
    """Each attack has a kernel, and so budgets, of its own."""
    visitor = Visitor(served)
    yield visitor
    visitor.socket.close()
    served.get(f"/voila/api/shutdown/{visitor.kernel}", "POST")


@pytest.fixture(autouse=True)
def unnoticed(served: Served, onlooker: Visitor) -> Iterator[None]:
    """After each attack another visitor's slider works, and no error of the server was logged."""
    comm, before = onlooker.heatmap(), len(served.said())
    onlooker.drag(comm, 0.034)
    yield
    assert onlooker.widgets()[comm]["state"]["decay_rate"] == 0.034
    assert onlooker.drag(comm, 0.035) < 10
    said = served.said()[before:]
    assert "tornado.application] ERROR" not in said
    assert len(said) < 100_000


def raw(opcode: int, payload: bytes = b"", *, last: bool = True, bits: int = 0, masked: bool = True) -> bytes:
    """One frame, as RFC 6455 has it, or nearly."""
    size = len(payload)
    length = (
        bytes([size])
        if size < 126
        else b"\x7e" + struct.pack("!H", size)
        if size < 1 << 16
        else b"\x7f" + struct.pack("!Q", size)
    )
    first = bytes([last << 7 | bits << 4 | opcode, masked << 7 | length[0]]) + length[1:]
    if not masked:
        return first + payload
    mask = os.urandom(4)
    pad = (mask * (size // 4 + 1))[:size]
    hidden = int.from_bytes(payload, "big") ^ int.from_bytes(pad, "big") if size else 0
    return first + mask + hidden.to_bytes(size, "big")


def closed(socket: ClientConnection) -> bool:
    """Whether the server ends this connection."""
    try:
        while True:
            socket.recv(timeout=30)
    except ConnectionClosed:
        return True
    except TimeoutError:
        return False


def resident(served: Served) -> int:
    return int(Path(f"/proc/{served.process.pid}/statm").read_text().split()[1]) * 4096


PIECE = b"x" * (1 << 20)
ENDING = {
    "text that is no UTF-8": raw(1, b"\xff\xfe\xc0\x80"),
    "text": raw(1, b"{}"),
    "reserved opcode": raw(3, b"x"),
    "reserved control opcode": raw(11),
    "reserved bits": raw(2, b"x", bits=3),
    "compressed without an agreement": raw(2, b"x", bits=4),
    "long ping": raw(9, b"x" * 126),
    "fragmented ping": raw(9, b"x", last=False),
    "continuation of nothing": raw(0, b"x"),
    "message within a message": raw(2, b"x", last=False) + raw(2, b"y"),
    "close of one byte": raw(8, b"x"),
    "close with a strange code": raw(8, struct.pack("!H", 1004)),
    "close that is no UTF-8": raw(8, struct.pack("!H", 1000) + b"\xff"),
    "a length of 2^63": b"\x82\xff" + struct.pack("!Q", 1 << 63) + b"mask",
    "a length of 2^62": b"\x82\xff" + struct.pack("!Q", 1 << 62) + b"mask",
    "one frame over the limit": raw(2, b"x" * (LIMIT + 1)),
    "fragments over the limit": raw(2, PIECE, last=False) + raw(0, PIECE, last=False) + raw(0, b"x" * 2),
    "fragments of one byte": raw(2, b"x", last=False) + raw(0, b"x", last=False) * 5_000 + raw(0, b"x"),
    "pings": raw(9, b"x" * 125) * 500,
}


@pytest.mark.parametrize("what", ENDING)
def test_frames_that_no_browser_sends_end_the_connection(hostile: Visitor, served: Served, what: str) -> None:
    before = resident(served)
    with suppress(OSError):
        hostile.socket.socket.sendall(ENDING[what])
    assert closed(hostile.socket)
    assert resident(served) - before < 64 << 20
    assert served.get(f"/api/kernels/{hostile.kernel}")[0] == 200


@pytest.mark.parametrize("size", [LIMIT + 1, 200 << 20])
def test_a_message_is_measured_when_it_is_unpacked(hostile: Visitor, served: Served, size: int) -> None:
    before = resident(served)
    with hostile.connect(compression="deflate") as line:
        assert line.protocol.extensions
        with suppress(ConnectionClosed):
            line.send(bytes(size))
        assert closed(line)
    assert resident(served) - before < 64 << 20
    assert served.get(f"/api/kernels/{hostile.kernel}")[0] == 200


def test_compressed_messages_within_the_limit_are_read(hostile: Visitor) -> None:
    with hostile.connect(compression="deflate") as line:
        comm, hostile.socket = hostile.heatmap(), line
        assert hostile.drag(comm, 0.041) < 20
        assert hostile.widgets()[comm]["state"]["decay_rate"] == 0.041


def test_a_flood_of_bombs_within_the_limit_ends_its_own_connection(hostile: Visitor, onlooker: Visitor) -> None:
    """Each is 2 kB on the line, and 2 MB for the server."""
    comm = onlooker.heatmap()
    with hostile.connect(compression="deflate") as line:
        bomb = frame("comm_msg", {"comm_id": "c", "data": "x" * (LIMIT - 1_000)})
        with suppress(ConnectionClosed):
            for _ in range(100):
                line.send(bomb)
                assert onlooker.drag(comm, 0.034) < 10
    with suppress(ConnectionClosed):
        hostile.socket.close()


@pytest.mark.parametrize(
    "data",
    [
        {"method": "update", "state": {}, "buffer_paths": [["decay_rate"]]},
        {"method": "update", "state": {}, "buffer_paths": [["a", 0], ["b"]] * 200},
        {"method": "update", "state": {"decay_rate": [None]}, "buffer_paths": [["decay_rate", 9]]},
        {"method": "update", "state": [], "buffer_paths": 7},
        {"method": "update", "buffer_paths": [None]},
        {"method": "update", "state": {"decay_rate": "\ud800"}},
        {"method": "request_state", "more": [[]] * 500},
        {"method": ["update"]},
        {"method": None, "state": None},
        {"method": "custom"},
        "update",
        None,
        7,
        [],
    ],
    ids=lambda data: ascii(data)[:50],
)
def test_updates_that_do_not_fit_their_buffers_change_nothing(hostile: Visitor, data: object) -> None:
    comm = hostile.heatmap()
    hostile.drag(comm, 0.05)
    hostile.socket.send(frame("comm_msg", {"comm_id": comm, "data": data}))
    assert hostile.widgets()[comm]["state"]["decay_rate"] == 0.05
    hostile.drag(comm, 0.051)
    assert hostile.widgets()[comm]["state"]["decay_rate"] == 0.051


def test_comms_and_sessions_of_others_lead_nowhere(hostile: Visitor, onlooker: Visitor, served: Served) -> None:
    theirs = onlooker.heatmap()
    update = {"method": "update", "state": {"decay_rate": 0.9}, "buffer_paths": []}
    for session in ("s", uuid4().hex, "../" * 9, ""):
        for kind, content in (
            ("comm_msg", {"comm_id": theirs, "data": update}),
            ("comm_msg", {"comm_id": uuid4().hex, "data": update}),
            ("comm_close", {"comm_id": theirs, "data": {}}),
        ):
            hostile.socket.send(frame(kind, content, session=session))
    assert theirs not in hostile.widgets()
    assert theirs in onlooker.widgets()  # and the next lines of this file's fixture find the value as it was
    mine, hostile.kernel = hostile.kernel, str(uuid4())
    with pytest.raises(InvalidStatus) as refused:
        hostile.connect()
    hostile.kernel = mine
    assert refused.value.response.status_code == 404
    for kernel in (mine.upper(), mine[:-1], mine + "0", mine.replace("-", ""), f"{mine}/../{onlooker.kernel}"):
        assert served.get(f"/api/kernels/{kernel}")[0] == 404


def test_a_closed_comm_is_the_loss_of_who_closed_it(hostile: Visitor) -> None:
    comm = hostile.heatmap()
    hostile.socket.send(frame("comm_close", {"comm_id": comm, "data": {}}))
    hostile.socket.send(frame("comm_msg", {"comm_id": comm, "data": {"method": "request_state"}}))
    assert hostile.widgets() is not None


def test_messages_after_the_kernel_has_ended_go_nowhere(hostile: Visitor, served: Served) -> None:
    comm, kernels = hostile.heatmap(), len(served.kernels())
    assert served.get(f"/voila/api/shutdown/{hostile.kernel}", "POST")[0] in (200, 204)
    served.wait_until(lambda: served.get(f"/api/kernels/{hostile.kernel}")[0] == 404)
    update = {"method": "update", "state": {"decay_rate": 0.5}, "buffer_paths": []}
    with suppress(ConnectionClosed):
        for _ in range(300):
            hostile.socket.send(frame("comm_msg", {"comm_id": comm, "data": update}))
    with pytest.raises(InvalidStatus) as refused:
        hostile.connect()
    assert refused.value.response.status_code == 404
    assert served.get(f"/voila/api/touched/{hostile.kernel}", "POST")[0] == 404
    assert len(served.kernels()) <= kernels
