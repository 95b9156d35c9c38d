"""One message from a visitor's browser, taken apart and judged before a kernel sees it.

A frame of Jupyter's protocol v1 is ``n, offsets[n], channel, header, parent, metadata, content, buffers...``; numbers
are unsigned, 8 bytes, little-endian; the offsets are where each part begins, and where the last one ends.
Jupyter Server believes ``n``: eight bytes are enough to have it count to 2^64.
"""

from __future__ import annotations

import json
import struct
from itertools import pairwise
from typing import Any

PROTOCOL = "v1.kernel.websocket.jupyter.org"
KINDS = frozenset({"comm_open", "comm_msg", "comm_close", "comm_info_request", "kernel_info_request"})
#: The one comm that a page opens: it asks for the state of all widgets.
TARGETS = frozenset({"jupyter.widget.control"})
MOST_PARTS = 5 + 64
LONGEST_HEADER = 2_048
HEADER = frozenset({"date", "msg_id", "msg_type", "session", "username", "version"})


class MessageRefusedError(Exception):
    """A page does not send such a message."""


def judge(frame: bytes | str) -> str:
    """Return the kind of a message that a page may send.

    Raises
    ------
    MessageRefusedError
        Not a whole frame, another channel than shell, a kind or a comm's target that pages have no use for.
    """
    if isinstance(frame, str):
        raise MessageRefusedError("text")
    channel, header, parent, metadata, content = _parts(frame)
    if channel != b"shell":
        raise MessageRefusedError("channel")
    if len(header) > LONGEST_HEADER:
        raise MessageRefusedError("header too long")
    head = _object(header, "header")
    if not HEADER.issuperset(name for name, value in head.items() if value is not None) or not all(
        value is None or isinstance(value, str) for value in head.values()
    ):
        raise MessageRefusedError("header")
    _object(parent, "parent header")
    _object(metadata, "metadata")
    kind, body = head.get("msg_type"), _object(content, "content")
    if kind not in KINDS:
        raise MessageRefusedError("kind of message")
    if kind == "comm_open" and body.get("target_name") not in TARGETS:
        raise MessageRefusedError("comm target")
    return str(kind)


def _parts(frame: bytes) -> list[bytes]:
    """Return channel, header, parent, metadata and content; offsets are checked, those of buffers too."""
    if len(frame) < 8:
        raise MessageRefusedError("frame")
    (count,) = struct.unpack_from("<Q", frame)
    if not 6 <= count <= MOST_PARTS + 1 or len(frame) < 8 * (1 + count):
        raise MessageRefusedError("frame")
    offsets = struct.unpack_from(f"<{count}Q", frame, 8)
    if offsets[0] != 8 * (1 + count) or offsets[-1] != len(frame) or list(offsets) != sorted(offsets):
        raise MessageRefusedError("frame")
    return [frame[start:end] for start, end in pairwise(offsets[:6])]


def _object(text: bytes, name: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise MessageRefusedError(name) from None
    if not isinstance(value, dict):
        raise MessageRefusedError(name)
    return value
