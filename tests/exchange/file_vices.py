"""Vices of public files: missing, damaged, or not what their name says."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from .archive_names import NO_FILE
from .messages import Reply, Request
from .vice import Memory, Vice


@dataclass(frozen=True, kw_only=True, repr=False)
class NoFile(Vice):
    """There is no file of a day or a month: 404."""

    name: ClassVar[str] = "no_file"

    def reply(self, request: Request, normal: Reply, memory: Memory) -> Reply:
        return Reply(NO_FILE.status, NO_FILE.body, dict(NO_FILE.headers))


@dataclass(frozen=True, kw_only=True, repr=False)
class OtherBytes(Vice):
    """A file that is not the published one: `how` it was changed."""

    name: ClassVar[str] = "other_bytes"
    how: Callable[[bytes, str], bytes] = lambda data, name: data[: len(data) // 2] + data[len(data) // 2 + 1 :]

    def reply(self, request: Request, normal: Reply, memory: Memory) -> Reply:
        if normal.status != 200:
            return normal
        return dataclasses.replace(normal, body=self.how(normal.body, request.path.rsplit("/", 1)[-1]))


@dataclass(frozen=True, kw_only=True, repr=False)
class OtherContent(Vice):
    """A file whose checksum is right, but not its content: `how` it was changed."""

    name: ClassVar[str] = "other_content"
    how: Callable[[bytes, str], bytes]

    def reply(self, request: Request, normal: Reply, memory: Memory) -> Reply:
        path = request.path.removesuffix(".CHECKSUM")
        name = path.rsplit("/", 1)[-1]
        if normal.status != 200:
            return normal
        if path == request.path:
            memory.facts[path] = data = self.how(normal.body, name)
            return dataclasses.replace(normal, body=data)
        line = f"{hashlib.sha256(memory.facts[path]).hexdigest()}  {name}\n".encode()
        return dataclasses.replace(normal, body=line)
