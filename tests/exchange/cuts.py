"""Vices of the connection: cut, slow, compressed or endless."""

from __future__ import annotations

import asyncio
import functools
import gzip
import struct
import zlib
from dataclasses import dataclass
from typing import ClassVar

from .messages import Reply
from .vice import Vice
from .wire import Wire

MEGABYTE = 1024 * 1024


@dataclass(frozen=True, kw_only=True, repr=False)
class Reset(Vice):
    """The connection is reset in the middle of the body."""

    name: ClassVar[str] = "reset"

    async def deliver(self, wire: Wire, reply: Reply) -> bool:
        await wire.write(
            wire.head(reply, {"Content-Length": str(len(reply.body))}) + reply.body[: len(reply.body) // 2]
        )
        wire.reset()
        return True


@dataclass(frozen=True, kw_only=True, repr=False)
class CutBody(Vice):
    """The connection is closed before the whole Content-Length has been sent."""

    name: ClassVar[str] = "cut_body"

    async def deliver(self, wire: Wire, reply: Reply) -> bool:
        await wire.write(
            wire.head(reply, {"Content-Length": str(len(reply.body))}) + reply.body[: len(reply.body) // 2]
        )
        return True


@dataclass(frozen=True, kw_only=True, repr=False)
class Slow(Vice):
    """The body arrives byte by byte and never ends."""

    name: ClassVar[str] = "slow"
    every_s: float = 0.02

    async def deliver(self, wire: Wire, reply: Reply) -> bool:
        await wire.write(wire.head(reply, {"Content-Length": "1000000000"}) + b"[")
        while True:
            await asyncio.sleep(self.every_s)
            await wire.write(b" ")


@dataclass(frozen=True, kw_only=True, repr=False)
class Mute(Vice):
    """No answer, while the connection stays open."""

    name: ClassVar[str] = "mute"

    async def deliver(self, wire: Wire, reply: Reply) -> bool:
        await wire.reader.read()
        return True


@dataclass(frozen=True, kw_only=True, repr=False)
class Gzip(Vice):
    """Compressed, whether requested or not."""

    name: ClassVar[str] = "gzip"

    async def deliver(self, wire: Wire, reply: Reply) -> bool:
        body = gzip.compress(reply.body, compresslevel=1)
        await wire.write(wire.head(reply, {"Content-Encoding": "gzip", "Content-Length": str(len(body))}) + body)
        return True


@dataclass(frozen=True, kw_only=True, repr=False)
class GzipBomb(Vice):
    """A few hundred kilobytes that decompress to hundreds of megabytes of spaces and an empty JSON list."""

    name: ClassVar[str] = "gzip_bomb"
    megabytes: int = 300

    async def deliver(self, wire: Wire, reply: Reply) -> bool:
        body = bomb(self.megabytes)
        await wire.write(wire.head(reply, {"Content-Encoding": "gzip", "Content-Length": str(len(body))}) + body)
        return True


@dataclass(frozen=True, kw_only=True, repr=False)
class Endless(Vice):
    """A chunked body without an end."""

    name: ClassVar[str] = "endless"

    async def deliver(self, wire: Wire, reply: Reply) -> bool:
        chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
        await wire.write(wire.head(reply, {"Transfer-Encoding": "chunked"}) + b"1\r\n[\r\n")
        while True:
            await wire.write(chunk)


@functools.cache
def bomb(megabytes: int) -> bytes:
    """Gzip stream of spaces followed by "[]": a deflate block that ends with a full flush can be repeated verbatim."""
    blanks = b" " * MEGABYTE
    block = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = (block.compress(blanks) + block.flush(zlib.Z_FULL_FLUSH)) * megabytes
    end = zlib.compressobj(9, zlib.DEFLATED, -15)
    body += end.compress(b"[]") + end.flush()
    check = 0
    for _ in range(megabytes):
        check = zlib.crc32(blanks, check)
    tail = struct.pack("<II", zlib.crc32(b"[]", check), (megabytes * MEGABYTE + 2) % 2**32)
    return b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff" + body + tail
