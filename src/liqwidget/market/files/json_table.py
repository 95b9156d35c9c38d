"""Candles in JSON: lists of rows, lists of objects, objects of columns, alone or inside an exchange's response."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from ...checks import shown
from ...errors import InputError, ParseError
from . import unpack
from .heading import MAX_COLUMNS

MAX_JSON = 64 * 2**20  # bytes of text: as objects in memory it is ten times as large
_DEPTH = 4
_LEAST = 5  # columns


def read_json(raw: bytes) -> Any:
    """Return the candles of a JSON text in UTF-8, one object or one per line, as a DataFrame or a list of rows.

    Raises
    ------
    InputError, ParseError
        It is damaged or too large, or contains no table, or several.
    """
    if len(raw) > MAX_JSON:
        raise InputError(
            f"file: wanted at most {MAX_JSON // 2**20} MB of JSON; got {len(raw) / 2**20:,.1f} MB. Save it as CSV or "
            "Parquet."
        )
    found = _tables(_loaded(raw.decode(errors="replace")))
    if not found:
        raise ParseError(
            "file: wanted JSON with candles: a list of rows or objects, or an object of columns; got none. "
            "Check the kind of file."
        )
    most = max(size for size, _, _ in found)
    largest = [(name, table) for size, name, table in found if size == most]
    if len(largest) > 1:
        names = ", ".join(shown(name) for name, _ in largest[:5])
        raise InputError(f"file: wanted one table; got {len(largest)} of {most:,} rows: {names}. Save one of them.")
    return largest[0][1]


def _loaded(text: str) -> Any:
    try:
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            lines = [line for line in text.splitlines() if line.strip()]
            if error.msg != "Extra data" or len(lines) < 2:
                raise
            return [json.loads(line) for line in lines]
    except json.JSONDecodeError as error:
        raise ParseError(
            f"file: wanted JSON; line {error.lineno} cannot be read: {error.msg}. Download or save it again."
        ) from None
    except (ValueError, RecursionError) as error:  # digits beyond Python's limit; deeply nested lists
        raise ParseError(
            f"file: wanted JSON with candles; got what cannot be read: {str(error)[:100]}. Check the file."
        ) from None


def _tables(whole: Any) -> list[tuple[int, str, Any]]:
    """Return the number of rows, the name and the content of each table, at most four levels deep."""
    found: list[tuple[int, str, Any]] = []
    level: list[tuple[str, Any]] = [("the whole file", whole)]
    for _ in range(_DEPTH):
        below: list[tuple[str, Any]] = []
        for name, some in level:
            if (table := _table(some)) is not None:
                found.append((len(table), name, table))
            elif isinstance(some, dict):
                below += [(str(key)[:40], value) for key, value in some.items() if isinstance(value, dict | list)]
            elif isinstance(some, list) and len(some) < 100:
                below += [(f"item {i}", value) for i, value in enumerate(some) if isinstance(value, dict | list)]
        level = below
    return found


def _table(some: Any) -> Any:
    """Return a table; None if it is not one."""
    if isinstance(some, list) and some:
        if all(isinstance(row, list) for row in some) and any(_is_row(row) for row in some):
            return some
        if all(isinstance(row, dict) for row in some) and len(some[0]) >= _LEAST and _are_cells(some[0].values()):
            return _of_records(some)
    if isinstance(some, dict) and some:
        names, values = list(some), list(some.values())
        if isinstance(some.get("columns"), list) and isinstance(some.get("data"), list):  # pandas' "split"
            return _split(some["columns"], some["data"], some.get("index"))
        if all(isinstance(value, dict) for value in values):
            return _of_objects(some)
        columns = {name: value for name, value in some.items() if isinstance(value, list) and _are_cells(value)}
        if (
            len(columns) >= _LEAST
            and len({len(value) for value in columns.values()}) == 1
            and len(names) <= MAX_COLUMNS
        ):
            return pd.DataFrame(columns)
    return None


def _of_objects(some: dict[str, Any]) -> pd.DataFrame | None:
    """Return a table of pandas' orients "columns" and "index"; None if it is neither."""
    outer = {name.lower() for name in some}
    inner = {str(name).lower() for name in next(iter(some.values()))}
    if {"open", "close"} <= outer and len(some) <= MAX_COLUMNS:
        _check_size(len({key for value in some.values() for key in value}), len(some))
        frame = pd.DataFrame(some)
    elif {"open", "close"} <= inner and len(inner) <= MAX_COLUMNS:
        frame = _of_records(list(some.values())).set_axis(list(some), axis=0)
    else:
        return None
    frame.index.name = None if {str(name).lower() for name in frame.columns} & {"time", "timestamp", "date"} else "time"
    return frame.reset_index(drop=frame.index.name is None)


def _of_records(records: list[dict[str, Any]]) -> pd.DataFrame:
    _check_size(len(records), len({key for record in records for key in record}))
    return pd.DataFrame(records)


def _check_size(rows: int, columns: int) -> None:
    """Raise InputError if objects with few common names would become a large table."""
    if columns > MAX_COLUMNS or rows * columns * 8 > unpack.MAX_UNPACKED:
        raise InputError(
            f"file: wanted at most {MAX_COLUMNS:,} columns and {unpack.MAX_UNPACKED // 2**20} MB; got {rows:,} rows of "
            f"{columns:,} names, unpacked. Cut it."
        )


def _split(columns: list[Any], data: list[Any], index: Any) -> pd.DataFrame | None:
    width = len(columns)
    if not _LEAST <= width <= MAX_COLUMNS or not all(isinstance(row, list) and len(row) == width for row in data):
        return None
    frame = pd.DataFrame(data, columns=pd.Index([str(name)[:200] for name in columns]))
    if isinstance(index, list) and len(index) == len(frame) and not {"time", "timestamp", "date"} & set(frame.columns):
        frame.insert(0, "time", pd.Series(index, index=frame.index, dtype=object))
    return frame


def _is_row(row: list[Any]) -> bool:
    return len(row) >= _LEAST and _are_cells(row)


def _are_cells(values: Any) -> bool:
    return not any(isinstance(value, dict | list) for value in values)
