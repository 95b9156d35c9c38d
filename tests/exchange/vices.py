"""All vices, grouped by whether a correct client survives them.

Each is an immutable value: `TooMany(venue="okx", path="candles", nth=2)`, `vice.on(times=2, per_url=True)`.
"""

from __future__ import annotations

from .cuts import CutBody, Endless, Gzip, GzipBomb, Mute, Reset, Slow
from .distortions import (
    ClockSkew,
    Duplicated,
    EmptyPage,
    Late,
    NegativePrice,
    NotANumber,
    NumbersForText,
    Overlap,
    RepeatedEdge,
    Reversed,
    RoundedStart,
    Text,
    TextForNumbers,
    TruncatedJson,
)
from .refusals import (
    Banned,
    Firewall,
    GeoBlock,
    GeoBlockInBody,
    Redirect,
    RequestTimeout,
    ServerError,
    TooMany,
    TooManyInBody,
    UnknownSymbol,
)
from .vice import Memory, Vice

HTML_PAGE = Text()
NULL = Text(body=b"null", kind="application/json")
NOTHING = Text(body=b"", kind="application/json")
NESTED = Text(body=b"[" * 100_000 + b"]" * 100_000, kind="application/json")

# If they occur at most twice per URL, the result still equals the truth.
ALL_TRANSIENT: tuple[Vice, ...] = (
    TooMany(),
    TooMany(retry_after="1"),
    TooManyInBody(),
    ServerError(status=500),
    ServerError(status=502),
    ServerError(status=503, variant=0),
    ServerError(status=503, variant=1),
    ServerError(status=503, variant=2),
    ServerError(status=504),
    RequestTimeout(),
    Reset(),
    CutBody(),
    Gzip(),
    Reversed(),
    Duplicated(),
    Overlap(),
    RepeatedEdge(),
    RoundedStart(),
    NumbersForText(),
    TextForNumbers(),
)

# Whenever they occur, or at the latest when they persist, the client raises an error that states what it received.
ALL_FINAL: tuple[Vice, ...] = (
    Banned(),
    GeoBlock(),
    GeoBlock(html=True),
    GeoBlockInBody(),
    Firewall(),
    Redirect(),
    UnknownSymbol(),
    HTML_PAGE,
    NULL,
    NOTHING,
    NESTED,
    TruncatedJson(),
    NotANumber(),
    NotANumber(text=True),
    NotANumber(value="Infinity"),
    NegativePrice(),
    Mute(),
    Slow(),
    GzipBomb(),
    Endless(),
)

# These cannot be distinguished from correct data: the client may receive less than the truth, but nothing false.
ALL_LOSSY: tuple[Vice, ...] = (EmptyPage(), Late(), ClockSkew(by_s=-90.0), ClockSkew(by_s=90.0))

__all__ = [
    "ALL_FINAL",
    "ALL_LOSSY",
    "ALL_TRANSIENT",
    "HTML_PAGE",
    "NESTED",
    "NOTHING",
    "NULL",
    "Banned",
    "ClockSkew",
    "CutBody",
    "Duplicated",
    "EmptyPage",
    "Endless",
    "Firewall",
    "GeoBlock",
    "GeoBlockInBody",
    "Gzip",
    "GzipBomb",
    "Late",
    "Memory",
    "Mute",
    "NegativePrice",
    "NotANumber",
    "NumbersForText",
    "Overlap",
    "Redirect",
    "RepeatedEdge",
    "RequestTimeout",
    "Reset",
    "Reversed",
    "RoundedStart",
    "ServerError",
    "Slow",
    "Text",
    "TextForNumbers",
    "TooMany",
    "TooManyInBody",
    "TruncatedJson",
    "UnknownSymbol",
    "Vice",
]
