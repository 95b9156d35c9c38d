"""The websocket between one visitor's page and their kernel."""

from __future__ import annotations

import asyncio
import re
import time
from typing import Any

from tornado.iostream import StreamBufferFullError, StreamClosedError
from tornado.web import HTTPError
from tornado.websocket import WebSocketClosedError, WebSocketProtocol13
from voila.tornado.kernel_websocket_handler import VoilaKernelWebsocketHandler, read_header_from_binary_message

from .budget import Budget
from .connection import status
from .counts import REFUSED
from .kernels import Limits
from .message import PROTOCOL, MessageRefusedError, judge
from .words import InWords

#: A page has one; a second one may open before a lost connection is detected.
MOST_CHANNELS = 3
MOST_OPENED = 100
#: Messages that the kernel has not finished, whose replies would accumulate in it; seconds that the next one waits.
MOST_UNDONE, LONGEST_WAIT = 64, 5.0
MOST_PINGS = 100
#: Seconds that a page may exceed its limits.
MOST_OWING = 10
#: Bytes buffered for a visitor who does not read them.
MOST_WAITING = 16 << 20
#: The code with which a socket is closed whose kernel has ended; dashboard.js shows the reason.
ENDED = 4001
#: Seconds of the server's thread charged for a connection, and for any websocket frame, in addition to measured time.
CONNECTING, READING = 10e-3, 40e-6


class VisitorProtocol(WebSocketProtocol13):
    """Charges each frame, even those that reach no handler: tornado reads empty fragments without end."""

    async def _receive_frame(self) -> None:  # tornado has no public hook for it; a test checks that it is called
        await super()._receive_frame()
        await self.handler.on_frame()  # type: ignore[attr-defined]


class VisitorChannel(InWords, VoilaKernelWebsocketHandler):  # type: ignore[misc]  # Voila ships no types
    """Refuses messages that no page sends, prevents floods, and disconnects visitors who do not read replies.

    Messages that are too many, too large or too expensive are not refused but read later: only the visitor's own
    connection backs up. A visitor who continues for `MOST_OWING` seconds is cut off. All sockets of a kernel share its
    budgets, so that a new socket does not bring new ones.
    """

    opened: int
    pings: int
    messages: Budget
    traffic: Budget
    effort: Budget

    def initialize(self, limits: Limits) -> None:
        """Set the limits of a visitor."""
        self.limits = limits
        self.opened = self.pings = 0
        self.undone: float = 0.0
        self.is_cut: bool = False
        self.is_open: bool = False
        self.is_given_up: bool = False  # before it was open

    async def get(self, kernel_id: str) -> None:
        """Refuse invalid requests before anything is prepared for them."""
        offered = self.request.headers.get("Sec-WebSocket-Protocol", "")
        if PROTOCOL not in [name.strip() for name in offered.split(",")]:
            raise HTTPError(400, "subprotocol")
        if not self.check_origin(self.get_origin()):
            raise HTTPError(403, "origin")
        if not re.fullmatch(r"[\w-]{1,64}", self.get_argument("session_id", ""), re.ASCII):
            raise HTTPError(400, "session")
        if kernel_id not in self.kernel_manager:
            raise HTTPError(404)
        kernel = self.kernel_manager.get_kernel(kernel_id)
        self.messages, self.traffic, self.effort = kernel.budgets_within(self.limits)
        self.effort.spend(CONNECTING)
        await self.effort.settled()
        if kernel_id not in self.kernel_manager:  # it ended in the meantime
            raise HTTPError(404)
        if self.kernel_manager.channels(kernel_id) >= MOST_CHANNELS:
            raise HTTPError(429)
        await super().get(kernel_id=kernel_id)

    def get_websocket_protocol(self) -> WebSocketProtocol13 | None:
        """Read frames at limited cost."""
        protocol = super().get_websocket_protocol()
        return protocol and VisitorProtocol(self, False, protocol.params)

    def get_compression_options(self) -> dict[str, Any]:
        """Compress messages, if the browser can: the state of a page's widgets shrinks to a third."""
        return {"compression_level": 6, "mem_level": 8}

    def check_origin(self, origin: str | None = None) -> bool:
        """Accept only a page of this host: browsers always send the origin."""
        scheme, _, host = (origin or "").lower().partition("://")
        return scheme in ("http", "https") and host == self.request.host.lower()

    async def open(self, kernel_id: str) -> None:
        """Disable Nagle's algorithm, which delays each small reply by 40 ms."""
        self.set_nodelay(True)
        self.line = self.ws_connection.stream
        self.line.max_write_buffer_size = MOST_WAITING
        self.kernel_manager.get_kernel(kernel_id).pages.add(self)
        self.is_open = True
        await super().open(kernel_id)

    async def on_message(self, frame: bytes | str) -> None:
        """Pass on a message that a page may send, once its budgets allow it."""
        if self.is_cut:  # tornado still delivers what it has read before
            return
        try:
            with self.effort.timed():
                kind, header, too_long = judge(frame, self.limits.longest_content)
            self.opened += kind == "comm_open"
            if self.opened > MOST_OPENED:
                raise MessageRefusedError("comms opened")
        except MessageRefusedError as refused:
            REFUSED.inc()
            self.log.warning("A visitor's message was refused: %s", refused)
            self.close(1008, str(refused))
            return
        self.messages.spend(1)
        self.traffic.spend(len(frame))
        for budget in (self.messages, self.traffic, self.effort):
            await budget.settled()
        until = time.monotonic() + LONGEST_WAIT
        while self.undone >= MOST_UNDONE and time.monotonic() < until:
            await asyncio.sleep(0.01)
        owing = time.monotonic() - min(self.messages.even, self.effort.even)
        if self.undone >= MOST_UNDONE or owing > MOST_OWING:
            # Do not read the rest: messages already received could occupy the kernel for many minutes.
            self.cut("A visitor's page says too much")
        elif self.connection is None:
            return
        elif too_long:
            self.log.debug("A visitor's message of %d bytes was passed over", len(frame))
            self.undone += 1
            # Widgets wait for it before they send again.
            self.write_message(status(self.connection.session, "idle", header), binary=True)
        else:
            self.undone += 1
            with self.effort.timed():
                super().on_message(frame)

    async def on_frame(self) -> None:
        """Wait after any frame while its sender has overspent the server's time."""
        self.effort.spend(READING)
        await self.effort.settled()
        if time.monotonic() - self.effort.even > MOST_OWING and not self.is_cut:
            self.cut("A visitor's page costs too much")
        if self.is_cut:  # tornado would continue with what it has read before
            raise StreamClosedError

    def on_ping(self, data: bytes) -> None:
        """Browsers send no pings; a few may come from proxies."""
        self.pings += 1
        if self.pings > MOST_PINGS:
            self.close(1008, "pings")

    def write_message(self, message: Any, binary: bool = False) -> Any:
        """Send what a page needs, but not the kernel's standard output and error."""
        if isinstance(message, bytes):
            self.traffic.spend(len(message))
            kind = (read_header_from_binary_message(message) or {}).get("msg_type")
            if kind == "status":  # busy and idle, one of each per message
                self.undone = max(0.0, self.undone - 0.5)
            elif kind == "stream":
                return None
        try:
            with self.effort.timed():  # compressing takes a while
                return super().write_message(message, binary)
        except StreamBufferFullError:
            self.cut("A visitor does not fetch what they asked for")
        except WebSocketClosedError:  # the kernel's last messages
            pass
        return None

    def cut(self, why: str) -> None:
        """Close the connection without a message to the visitor."""
        self.log.warning("%s: closed", why)
        self.is_cut = True
        self.line.close()

    def end(self, why: str) -> None:
        """Tell the page that its kernel has ended, and why."""
        if self.connection is not None:
            self.write_message(status(self.connection.session, "dead"), binary=True)
            self.close(ENDED, why)

    def on_close(self) -> None:
        """Close what was opened: Jupyter Server would count a page that has gone before as one fewer."""
        self.is_given_up = not self.is_open
        if self.is_open and self.connection is not None:
            self.connection.kernel_manager.pages.discard(self)
            super().on_close()
