"""Cells and texts of venues' answers: numbers, times, tables, messages of errors."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np

from ...checks import shown
from ...errors import ParseError
from ..rows import Rows

_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?\s*", re.ASCII)


def number(cell: object) -> float:
    """Return a cell as float: NaN for "" and None; ParseError for anything else but a finite number."""
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        return float("nan")
    good = _NUMBER.fullmatch(cell) if isinstance(cell, str) else type(cell) in (int, float)
    try:
        value = float(cell) if good else np.inf  # type: ignore[arg-type]
    except OverflowError:
        value = np.inf
    if not np.isfinite(value):
        raise ParseError(f"wanted a number; got {shown(cell)}.")
    return value


def milliseconds(cell: object) -> int:
    """Return a time in ms between 2009 and 2100; ParseError for anything else."""
    try:
        value = int(cell) if isinstance(cell, str | int) and not isinstance(cell, bool) else -1
    except ValueError:
        value = -1
    if not 1_230_768_000_000 <= value < 4_102_444_800_000:
        raise ParseError(f"wanted a time in ms since 1970; got {shown(cell)}.")
    return value


def table(records: object, time: int | str, **columns: int | str) -> Rows:
    """Return rows from a list of lists or dicts: position or key of the time and, by name, of each column.

    Raises
    ------
    ParseError
        It is not such a list, or a cell is not a number; the message names the row.
    """
    if not isinstance(records, list):
        raise ParseError(f"wanted a list of rows; got {shown(records)}.")
    times = np.zeros(len(records), np.int64)
    values = {name: np.zeros(len(records)) for name in columns}
    for i, record in enumerate(records):
        try:
            times[i] = milliseconds(record[time])
            for name, place in columns.items():
                values[name][i] = number(record[place])
        except (TypeError, KeyError, IndexError):
            raise ParseError(f"row {i}: wanted all fields; got {shown(record)}.") from None
        except ParseError as error:
            raise ParseError(f"row {i}: {error}") from None
    return Rows(times, values)


def code(body: Any, name: str) -> str | int | None:
    """Return an error body's code; None if it has none."""
    found = body.get(name) if isinstance(body, dict) else None
    return found if isinstance(found, str | int) else None


def message(body: Any, *names: str) -> str:
    """Return the message of an error body, short and printable."""
    if isinstance(body, dict):
        body = next((body[name] for name in names if isinstance(body.get(name), str)), json.dumps(body)[:200])
    return re.sub(r"[^\x20-\x7e]+", " ", str(body))[:200].strip() or "no text"
