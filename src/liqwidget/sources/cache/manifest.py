"""The manifest of a series: contents and checksums of its parts.

For each month it lists the possible states of the month's part: the one of the last write, and the one before it. The
part's checksum says which of them applies. A write replaces first the manifest and then the parts, so whenever it is
killed, every part is in a state that the manifest lists.

The file is JSON; ``check`` is the checksum of the rest.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...errors import ParseError
from ..rows import Span
from .coverage import Coverage
from .month_file import LATEST, MOST_BYTES, MOST_ROWS, bounds, digest

VERSION = 1
#: Most bytes of a manifest: a month takes some 200, or 400 after a write.
MOST_MANIFEST = 1 << 23
_MONTH = re.compile(r"(19[7-9]|20[0-9])[0-9]-(0[1-9]|1[0-2])")
_CHECK = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class State:
    """Contents of one month's part.

    Attributes
    ----------
    check
        The part's checksum; empty if there are no rows and so no part.
    size
        The part's bytes.
    rows
        Number of rows.
    first, last
        Times of the first and the last row, ms; 0 if there are none.
    fetched
        Time of the newest fetch, ms.
    coverage
        The known times of the month.
    archived
        The ranges of them whose rows came from public files, not from the venue's interface.
    """

    check: str
    size: int
    rows: int
    first: int
    last: int
    fetched: int
    coverage: Coverage
    archived: tuple[Span, ...] = ()


@dataclass(frozen=True)
class Manifest:
    """All parts of a series.

    Attributes
    ----------
    series
        Venue, symbol, kind and interval: a manifest copied from another series is rejected.
    columns
        Names of the float64 columns.
    parts
        By month, the possible states of its part; the newest last.
    """

    series: tuple[str, ...]
    columns: tuple[str, ...]
    parts: Mapping[str, tuple[State, ...]] = field(default_factory=dict)


def encode_manifest(manifest: Manifest) -> bytes:
    """Return the manifest's file."""
    parts = {month: [_written(state) for state in states] for month, states in sorted(manifest.parts.items())}
    body = {
        "version": VERSION,
        "series": list(manifest.series),
        "columns": list(manifest.columns),
        "parts": parts,
    }
    return json.dumps({**body, "check": digest(_canonical(body))}).encode()


def decode_manifest(data: bytes) -> Manifest:
    """Return the manifest of a file; ParseError if it is damaged or of another version."""
    try:
        body = json.loads(data if len(data) <= MOST_MANIFEST else b"")
        if body.pop("check") != digest(_canonical(body)) or body["version"] != VERSION:
            raise ValueError
        parts = {month: _states(cells, month) for month, cells in body["parts"].items()}
        return Manifest(_names(body["series"]), _names(body["columns"]), dict(sorted(parts.items())))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise ParseError(f"wanted a manifest of version {VERSION}; got damage or another version.") from None


def _canonical(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, sort_keys=True, separators=(",", ":")).encode()


def _written(state: State) -> dict[str, Any]:
    known = state.coverage
    return {
        **vars(state),
        "coverage": {"final": list(known.final), "provisional": list(known.provisional)},
        "archived": list(state.archived),
    }


def _states(cells: Any, month: str) -> tuple[State, ...]:
    """Return the states of a month; ValueError (or what a wrong type raises) if they are not valid."""
    if not _MONTH.fullmatch(month) or not isinstance(cells, list) or not cells:
        raise ValueError
    return tuple(_state(cell, month) for cell in cells)


def _state(cell: Any, month: str) -> State:
    begin, after = bounds(month)
    final, provisional = ([_integers(range_) for range_ in cell["coverage"][key]] for key in ("final", "provisional"))
    archived = [_integers(range_) for range_ in cell.get("archived", [])]  # caches before files were fetched have none
    edges = [edge for start, end in (*final, *archived) for edge in (start, end)]
    edges += [edge for start, end, _ in provisional for edge in (start, end)]
    size, rows, first, last, fetched = _integers([cell[key] for key in ("size", "rows", "first", "last", "fetched")])
    good = (
        all(begin <= edge <= after for edge in edges)
        and 0 <= fetched <= LATEST
        and 0 <= size <= MOST_BYTES
        and 0 <= rows <= MOST_ROWS
        and (begin <= first <= last < after if rows else first == last == 0)
        and bool(_CHECK.fullmatch(cell["check"]) if rows else not cell["check"] and not size)
    )
    if not good:
        raise ValueError
    known = Coverage(tuple(final), tuple(provisional))
    return State(cell["check"], size, rows, first, last, fetched, known, tuple(archived))


def _integers(cells: Any) -> Any:
    if not isinstance(cells, list) or not all(type(cell) is int for cell in cells):
        raise ValueError
    return tuple(cells)


def _names(cells: Any) -> tuple[str, ...]:
    if not isinstance(cells, list) or not all(isinstance(cell, str) for cell in cells):
        raise ValueError
    return tuple(cells)
