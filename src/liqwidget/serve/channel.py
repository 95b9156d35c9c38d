"""The websocket between one visitor's page and their kernel."""

from __future__ import annotations

import asyncio
import re
import time
from typing import Any
from urllib.parse import urlsplit

from tornado.iostream import StreamBufferFullError
from tornado.web import HTTPError
from tornado.websocket import WebSocketClosedError
from voila.tornado.kernel_websocket_handler import VoilaKernelWebsocketHandler, read_header_from_binary_message

from .message import PROTOCOL, MessageRefusedError, judge
from .visits import InWords

#: A page has one; a second one while a lost line is not yet known to be lost.
MOST_CHANNELS = 3
MOST_OPENED = 100
#: Messages that the kernel has not done with, whose answers would pile up in it; and seconds that the next one waits.
MOST_UNDONE, LONGEST_WAIT = 64, 5.0
MOST_PINGS = 100
#: Seconds that a page may say more than it may.
MOST_OWING = 10
#: Bytes for a visitor who does not fetch them.
MOST_WAITING = 16 << 20


class Budget:
    """So many units a second, and as many again as ``burst`` after a rest; who has spent more waits."""

    def __init__(self, rate: float, burst: float) -> None:
        self.rate, self.burst, self.left, self.at = rate, burst, burst, time.monotonic()
        self.even = self.at  # when nothing was owed last

    def spend(self, units: float) -> None:
        """Take units, also those that are not there yet."""
        now = time.monotonic()
        self.left = min(self.left + (now - self.at) * self.rate, self.burst) - units
        self.at = now
        if self.left >= 0 and units:
            self.even = now

    async def settled(self) -> None:
        """Wait until nothing is owed."""
        self.spend(0)
        while self.left < 0:
            await asyncio.sleep(min(-self.left / self.rate, 1.0))
            self.spend(0)


class VisitorChannel(InWords, VoilaKernelWebsocketHandler):  # type: ignore[misc]  # Voila ships no types
    """Refuses what no page sends, lets nobody flood, and forgets who does not listen.

    Too many messages or bytes are not refused but read later: the visitor's own line fills up, and nobody else's. Who
    goes on all the same is cut off.
    """

    def initialize(self, messages: tuple[float, float], traffic: tuple[float, float]) -> None:
        """Take units a second and burst, for messages in and for bytes both ways."""
        self.messages, self.traffic = Budget(*messages), Budget(*traffic)
        self.opened = self.pings = 0
        self.undone = 0.0
        self.is_cut = False

    async def get(self, kernel_id: str) -> None:
        """Refuse before anything is prepared for it."""
        offered = self.request.headers.get("Sec-WebSocket-Protocol", "")
        if PROTOCOL not in [name.strip() for name in offered.split(",")]:
            raise HTTPError(400, "subprotocol")
        if not self.check_origin(self.get_origin()):
            raise HTTPError(403, "origin")
        if not re.fullmatch(r"[\w-]{1,64}", self.get_argument("session_id", ""), re.ASCII):
            raise HTTPError(400, "session")
        if kernel_id not in self.kernel_manager:
            raise HTTPError(404)
        if self.kernel_manager.channels(kernel_id) >= MOST_CHANNELS:
            raise HTTPError(429)
        await super().get(kernel_id=kernel_id)

    def check_origin(self, origin: str | None = None) -> bool:
        """Only a page of this very host: a browser always says where it stands."""
        return origin is not None and urlsplit(origin.lower()).netloc == self.request.host.lower()

    async def open(self, kernel_id: str) -> None:
        """Without Nagle's algorithm, which holds each small answer back for 40 ms."""
        self.set_nodelay(True)
        self.line = self.ws_connection.stream
        self.line.max_write_buffer_size = MOST_WAITING
        await super().open(kernel_id)

    async def on_message(self, frame: bytes | str) -> None:
        """Pass on what a page may say, once it may."""
        if self.is_cut:  # tornado hands over what it has read before
            return
        try:
            kind = judge(frame)
            self.opened += kind == "comm_open"
            if self.opened > MOST_OPENED:
                raise MessageRefusedError("comms opened")
        except MessageRefusedError as refused:
            self.log.warning("A visitor's message was refused: %s", refused)
            self.close(1008, str(refused))
            return
        self.messages.spend(1)
        self.traffic.spend(len(frame))
        await self.messages.settled()
        await self.traffic.settled()
        until = time.monotonic() + LONGEST_WAIT
        while self.undone >= MOST_UNDONE and time.monotonic() < until:
            await asyncio.sleep(0.01)
        if self.undone >= MOST_UNDONE or time.monotonic() - self.messages.even > MOST_OWING:
            # Not read to its end: what is on the line already could keep the kernel for many minutes.
            self.cut("A visitor's page says too much")
        elif self.connection is not None:
            self.undone += 1
            super().on_message(frame)

    def on_ping(self, data: bytes) -> None:
        """Browsers send none; a few may come from what stands between."""
        self.pings += 1
        if self.pings > MOST_PINGS:
            self.close(1008, "pings")

    def write_message(self, message: Any, binary: bool = False) -> Any:
        """Send what a page needs; what the kernel printed as an error or warning is not for visitors."""
        if isinstance(message, bytes):
            self.traffic.spend(len(message))
            kind = (read_header_from_binary_message(message) or {}).get("msg_type")
            if kind == "status":  # busy and idle, once each for a message
                self.undone = max(0.0, self.undone - 0.5)
            elif kind == "stream":
                return None
        try:
            return super().write_message(message, binary)
        except StreamBufferFullError:
            self.cut("A visitor does not fetch what they asked for")
        except WebSocketClosedError:  # the kernel's last words
            pass
        return None

    def cut(self, why: str) -> None:
        """End the line without a word on it."""
        self.log.warning("%s: closed", why)
        self.is_cut = True
        self.line.close()

    def on_close(self) -> None:
        """Close what was opened; a channel that was refused has nothing."""
        if getattr(self, "connection", None) is not None:
            super().on_close()
