"""A visitor without a browser: requests the page, opens the socket to its kernel, sends what a page sends, or worse."""

from __future__ import annotations

import json
import re
import struct
import threading
import time
from contextlib import suppress
from typing import Any
from uuid import uuid4

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from served import Served

PROTOCOL = "v1.kernel.websocket.jupyter.org"


def frame(kind: str, content: Any, channel: str = "shell", **header: Any) -> bytes:
    """One message as a page encodes it."""
    head = {"msg_id": uuid4().hex, "msg_type": kind, "session": "s", "username": "", "version": "5.2", **header}
    text = content if isinstance(content, str) else json.dumps(content)
    return pack([channel.encode(), json.dumps(head).encode(), b"{}", b'{"version": "1.0.0"}', text.encode()])


def pack(parts: list[bytes]) -> bytes:
    starts = [8 * (len(parts) + 2)]
    for part in parts:
        starts.append(starts[-1] + len(part))
    return struct.pack(f"<{len(starts) + 1}Q", len(starts), *starts) + b"".join(parts)


def unpack(data: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and content of a message from the server."""
    (count,) = struct.unpack_from("<Q", data)
    at = struct.unpack_from(f"<{count}Q", data, 8)
    return json.loads(data[at[1] : at[2]]), json.loads(data[at[4] : at[5]])


def parent_of(data: bytes) -> str:
    """The id of the message that this server message answers."""
    at = struct.unpack_from("<4Q", data, 8)
    return json.loads(data[at[2] : at[3]]).get("msg_id", "")


class Visitor:
    """One page: the id of its kernel, and a socket."""

    patience = 20.0  # seconds that a reply of the kernel may take

    def __init__(self, served: Served) -> None:
        self.served = served
        status, self.headers, body = served.get("/")
        assert status == 200, status
        self.html = body.decode()
        self.kernel = re.search(r'"kernelId": "([0-9a-f-]{36})"', self.html)[1]
        self.socket = self.connect()

    def connect(self, *, protocol: str | None = PROTOCOL, origin: str | None = "", **more: Any) -> ClientConnection:
        """Open a socket; a refused one raises websockets' InvalidStatus."""
        waiting = connect(  # type: ignore[call-overload]
            f"ws://{self.served.host}/api/kernels/{self.kernel}/channels?session_id={uuid4()}",
            subprotocols=[protocol] if protocol else None,
            origin=(self.served.url.rstrip("/") if origin == "" else origin),
            max_size=None,
            ping_interval=None,  # browsers send none
            open_timeout=self.patience,
            **{"compression": None, **more},
        )
        return waiting.__enter__()

    def listen(self) -> None:
        """Read all messages, as a page does, until the socket is closed."""

        def run() -> None:
            with suppress(ConnectionClosed):
                while True:
                    self.socket.recv()

        threading.Thread(target=run, daemon=True).start()

    def widgets(self) -> dict[str, dict[str, Any]]:
        """States of all widgets by comm id, requested as a page does."""
        comm = uuid4().hex
        self.socket.send(frame("comm_open", {"comm_id": comm, "target_name": "jupyter.widget.control", "data": {}}))
        self.socket.send(frame("comm_msg", {"comm_id": comm, "data": {"method": "request_states"}}))
        answer = self.until(lambda head, body: head["msg_type"] == "comm_msg" and body["comm_id"] == comm)
        return answer["data"]["states"]

    def heatmap(self) -> str:
        """The comm id of the heatmap."""
        return next(name for name, widget in self.widgets().items() if "decay_rate" in widget["state"])

    def until(self, condition: Any) -> dict[str, Any]:
        """Content of the first message for which the condition holds."""
        deadline = time.monotonic() + self.patience
        while True:
            data: Any = self.socket.recv(timeout=deadline - time.monotonic())
            head, body = unpack(data)
            self.parent = parent_of(data)
            if condition(head, body):
                return body

    def drag(self, comm: str, value: float) -> float:
        """Move the decay slider; return the seconds until the kernel has finished the update."""
        begun, name = time.perf_counter(), uuid4().hex
        update = {"method": "update", "state": {"decay_rate": value}, "buffer_paths": []}
        message = frame("comm_msg", {"comm_id": comm, "data": update}, msg_id=name)
        self.socket.send(message)
        deadline = time.monotonic() + self.patience
        while True:
            data = self.socket.recv(timeout=deadline - time.monotonic())
            head, body = unpack(data)  # type: ignore[arg-type]
            if head["msg_type"] == "status" and body["execution_state"] == "idle" and name.encode() in data:
                return time.perf_counter() - begun
