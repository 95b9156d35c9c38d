"""The table of an Excel workbook (.xlsx), by openpyxl, which is an optional dependency."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pandas as pd

from ...checks import shown
from ...errors import InputError, LiqError, ParseError
from . import unpack
from .delimited import TextTable
from .heading import find_heading

_MAX_XML = 128 * 2**20  # bytes; a sheet with a year of minutes has 60 MiB
_COLUMNS = 64
_HEAD = 50
_EMPTY = 1_000  # empty rows that end a table


def read_workbook(raw: bytes) -> TextTable:
    """Return the table of the only sheet of a workbook that has one, and the row of its first candle.

    Raises
    ------
    InputError, ParseError
        openpyxl is not installed, or the workbook is damaged, too large, or has no table or several.
    """
    try:
        from openpyxl import load_workbook
    except ImportError:
        raise InputError(
            "file: wanted openpyxl to read Excel; it is not installed. pip install openpyxl, or save the sheet as CSV."
        ) from None
    if (size := unpack.unpacked_size(raw)) > _MAX_XML:
        raise InputError(
            f"file: wanted a workbook of at most {_MAX_XML // 2**20} MB unpacked; got {size / 2**20:,.0f} MB. "
            "Save the sheet as CSV."
        )
    try:
        book = load_workbook(BytesIO(raw), read_only=True, data_only=True)
        try:
            found = [(sheet.title, table) for sheet in book.worksheets if (table := _table(_rows(sheet))) is not None]
        finally:
            book.close()
    except (LiqError, MemoryError):
        raise
    except Exception:  # openpyxl raises almost any exception on malicious files
        raise ParseError(
            "file: wanted a workbook of Excel; got what cannot be read as one. Save it again, or as CSV."
        ) from None
    if len(found) != 1:
        names = ": " + ", ".join(shown(name) for name, _ in found[:5]) if found else ""
        raise InputError(f"file: wanted a workbook with one table of candles; got {len(found)}{names}. Save it as CSV.")
    return found[0][1]


def _rows(sheet: Any) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    cells = empty = 0
    for row in sheet.iter_rows(max_col=_COLUMNS, values_only=True):
        width = max((i + 1 for i, cell in enumerate(row) if cell is not None), default=0)
        empty = 0 if width else empty + 1
        if empty > _EMPTY:
            break
        rows.append(row[:width])
        cells += width
        if cells * 8 > unpack.MAX_UNPACKED // 8:  # each cell is an object
            raise InputError(f"file: wanted at most {cells:,} cells; got more. Save the sheet as CSV.")
    while rows and not rows[-1]:
        rows.pop()
    return rows


def _table(rows: list[tuple[Any, ...]]) -> TextTable | None:
    heading = find_heading([["" if cell is None else str(cell) for cell in row] for row in rows[:_HEAD]])
    if heading is None:
        return None
    data = [(*row[: heading.width], *[None] * (heading.width - len(row))) for row in rows[heading.first :] if row]
    frame = pd.DataFrame(data, columns=range(heading.width))
    if heading.names is not None:
        frame = frame.set_axis([name or f"column {i}" for i, name in enumerate(heading.names)], axis=1)
    return TextTable(frame, heading.first + 1 if all(rows[heading.first :]) else 0)
