"""Wire: the HTTP/1.1 connection of one client, including what can interrupt it midway."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from email.utils import formatdate
from http import HTTPStatus
from urllib.parse import parse_qsl, unquote, urlsplit

from .messages import Reply, Request

LONGEST_HEAD = 64 * 1024


class Wire:
    """Reads requests and writes replies. `clock_ms` is the time in the Date header."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        self.reader, self.writer, self.number = reader, writer, number
        self.clock_ms = 0
        self.close_after = False

    async def read(self) -> Request | None:
        """The next request; None when the client has disconnected. The first part of the path is the venue."""
        try:
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return None
        line, *lines = head.rstrip("\r\n").split("\r\n")
        method, target, _ = line.split(" ", 2)
        headers = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in lines)}
        self.close_after = headers.get("connection", "").lower() == "close"
        body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        parts = urlsplit(target)
        venue, _, path = unquote(parts.path).lstrip("/").partition("/")
        params = _body_params(body) if method == "POST" else dict(parse_qsl(parts.query, keep_blank_values=True))
        return Request(venue, "/" + path, params, method, target, body)

    async def send(self, reply: Reply) -> None:
        """The whole reply at once."""
        self.writer.write(self.head(reply, {"Content-Length": str(len(reply.body))}) + reply.body)
        await self.writer.drain()

    def head(self, reply: Reply, more: dict[str, str]) -> bytes:
        date = formatdate(self.clock_ms / 1000, usegmt=True)
        headers = {"Date": date, **reply.headers, **more}
        reason = HTTPStatus(reply.status).phrase
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"HTTP/1.1 {reply.status} {reason}\r\n{lines}\r\n".encode("latin-1")

    async def write(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    def reset(self) -> None:
        """Close so that the client sees "connection reset by peer"."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


def _body_params(body: bytes) -> dict[str, object] | None:
    try:
        payload = json.loads(body)
    except ValueError:
        return None
    if not isinstance(payload, dict):
        return None
    inner = payload.get("req")
    return {**payload, **inner} if isinstance(inner, dict) else payload
