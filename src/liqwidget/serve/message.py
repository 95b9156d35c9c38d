"""Parses a message from a visitor's browser and checks it before a kernel receives it.

A frame of Jupyter's protocol v1 is ``n, offsets[n], channel, header, parent, metadata, content, buffers...``; numbers
are unsigned, 8 bytes, little-endian; the offsets are where each part begins, and where the last one ends.
Jupyter Server trusts ``n``: eight bytes are enough to make it count to 2^64.

Every part is measured before it is parsed: 2 MiB of nested lists occupy the parser for half a second. Files are sent
in buffers, which are not parsed here.
"""

from __future__ import annotations

import json
import re
import struct
from itertools import pairwise
from typing import Any, NamedTuple, NoReturn

PROTOCOL = "v1.kernel.websocket.jupyter.org"
COMMS = frozenset({"comm_open", "comm_msg", "comm_close"})
KINDS = COMMS | {"comm_info_request", "kernel_info_request"}
#: The one comm that a page opens: it requests the state of all widgets.
TARGETS = frozenset({"jupyter.widget.control"})
MOST_PARTS = 5 + 64
#: Most bytes of header, parent header and metadata; those of a page have 200.
LONGEST_HEADER = 2_048
#: Most levels of lists and objects in each other.
DEEPEST = 64
#: Most bytes of content. The explorer's page sends 200; only Bokeh's copies of what the kernel has sent are longer.
LONGEST_CONTENT = 8_192
HEADER = frozenset({"date", "msg_id", "msg_type", "session", "username", "version"})


class MessageRefusedError(Exception):
    """A message that no page sends."""


class Judged(NamedTuple):
    """The header of a message, and whether its content is too long for a kernel."""

    kind: str
    header: dict[str, Any]
    too_long: bool


def judge(frame: bytes | str, longest_content: int = LONGEST_CONTENT) -> Judged:
    """Return kind and header of a message that a page may send.

    The content of a ``comm_msg`` may be too long for a kernel: widgets of other packages send such messages from a
    harmless page, which must not lose its socket because of it. The content is not parsed.

    Raises
    ------
    MessageRefusedError
        Not a complete frame, a part that is too long or not a JSON object in UTF-8, a channel other than shell, or a
        type or comm target that pages do not use.
    """
    if isinstance(frame, str):
        raise MessageRefusedError("text")
    channel, header, parent, metadata, content = _parts(frame)
    if bytes(channel) != b"shell":
        raise MessageRefusedError("channel")
    head = _object(header, "header")
    if not HEADER.issuperset(name for name, value in head.items() if value is not None) or not all(
        value is None or (isinstance(value, str) and value.isprintable()) for value in head.values()
    ):
        raise MessageRefusedError("header")
    kind = head.get("msg_type")
    if kind not in KINDS:
        raise MessageRefusedError("kind of message")
    _object(parent, "parent header")
    _object(metadata, "metadata")
    if kind == "comm_msg" and len(content) > longest_content:
        return Judged(kind, head, too_long=True)
    _check_content(kind, _object(content, "content", longest_content))
    return Judged(kind, head, too_long=False)


def _check_content(kind: str, body: dict[str, Any]) -> None:
    comm, target = body.get("comm_id"), body.get("target_name")
    if kind in COMMS and not (isinstance(comm, str) and re.fullmatch(r"[\w-]{1,64}", comm, re.ASCII)):
        raise MessageRefusedError("comm")
    if not (target is None or isinstance(target, str)) or (kind == "comm_open" and target not in TARGETS):
        raise MessageRefusedError("comm target")


def _parts(frame: bytes) -> list[memoryview]:
    """Return channel, header, parent, metadata and content; all offsets are checked, those of buffers too."""
    if len(frame) < 8:
        raise MessageRefusedError("frame")
    (count,) = struct.unpack_from("<Q", frame)
    if not 6 <= count <= MOST_PARTS + 1 or len(frame) < 8 * (1 + count):
        raise MessageRefusedError("frame")
    offsets = struct.unpack_from(f"<{count}Q", frame, 8)
    if offsets[0] != 8 * (1 + count) or offsets[-1] != len(frame) or list(offsets) != sorted(offsets):
        raise MessageRefusedError("frame")
    view = memoryview(frame)
    return [view[start:end] for start, end in pairwise(offsets[:6])]


def _object(part: memoryview, name: str, longest: int = LONGEST_HEADER) -> dict[str, Any]:
    """Return an object that all parsers read alike: `json` alone accepts UTF-16, NaN and duplicate names."""
    if len(part) > longest:
        raise MessageRefusedError(f"{name} too long")
    try:
        value = json.loads(str(part, "utf-8"), object_pairs_hook=_distinct, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise MessageRefusedError(name) from None
    if not isinstance(value, dict) or _is_deep(value):
        raise MessageRefusedError(name)
    return value


def _is_deep(value: object) -> bool:
    """Whether it is nested deeper than any page does; `json` itself stops at a depth that depends on Python."""
    level = [value]
    for _ in range(DEEPEST):
        level = [
            part
            for whole in level
            if isinstance(whole, dict | list)
            for part in (whole.values() if isinstance(whole, dict) else whole)
        ]
    return bool(level)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise ValueError("a name twice")
    return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)
