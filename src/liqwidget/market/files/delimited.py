"""Text tables: detects separators, decimal commas, encodings and the heading; pandas reads the rows."""

from __future__ import annotations

import codecs
import csv
import re
from dataclasses import dataclass
from io import BytesIO, StringIO
from typing import Any

import pandas as pd

from ...checks import shown
from ...errors import InputError, ParseError
from ..columns import BESIDE_CANDLES, name_liquidations
from . import unpack
from .heading import LEAST, MAX_COLUMNS, Heading, find_heading

_HEAD = 2**16  # bytes examined; also the longest line
_LINES = 300
_SEPARATORS = ("\t", ";", "|", ",")
_BOMS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_NAMED = {"\t": "tab"}
_NUMBER_OR_NOTHING = re.compile(r"([+-]?[\d.,]+([eE][+-]?\d+)?|nan|na|n/a|null|none|)", re.IGNORECASE)
_GROUPS = r"[+-]?\d{{1,3}}(\{0}\d{{3}})+"
_FRACTION = r"[+-]?\d*\{0}\d+([eE][+-]?\d+)?"


@dataclass(frozen=True)
class TextTable:
    """A table, as a DataFrame or a list of rows, and the line of its first row in the file, from 1; 0: unknown."""

    frame: Any
    line: int


def utf8_of(raw: bytes) -> bytes:
    """Return text in any usual encoding as UTF-8 without a byte order mark.

    Raises
    ------
    ParseError
        It contains bytes that do not occur in text.
    """
    encoding = "utf-8"
    for mark, name in _BOMS.items():
        if raw.startswith(mark):
            raw, encoding = raw[len(mark) :], name
            break
    else:
        zeros = raw[:200].count(0)
        if zeros > len(raw[:200]) // 3:
            encoding = "utf-16-le" if raw[1:2] == b"\0" else "utf-16-be"
    try:
        if encoding != "utf-8":
            raw = raw.decode(encoding).encode()
        else:
            raw.decode()
    except UnicodeDecodeError:
        if encoding != "utf-8":
            raise ParseError("file: wanted text; got binary data, or UTF-16 with errors. Save it as UTF-8.") from None
        raw = raw.decode("cp1252", errors="replace").encode()  # only names and currency signs are affected
    except UnicodeEncodeError:
        raise ParseError("file: wanted text; got UTF-16 with errors. Save it as UTF-8.") from None
    if b"\0" in raw:
        raise ParseError("file: wanted CSV; got binary data. Check the kind of file.")
    return raw


def read_delimited(raw: bytes) -> TextTable:
    """Return the table of a text in UTF-8.

    Raises
    ------
    InputError, ParseError
        It contains no table, or a line does not fit; the message names the line.
    """
    head = raw[:_HEAD].decode(errors="replace")
    lines = re.split(r"\r\n?|\n", head)
    if len(raw) > _HEAD:
        lines.pop()
        if not lines:
            raise InputError(f"file: wanted lines of at most {_HEAD // 1024} kB; line 1 is longer. Cut it.")
    separator, cells, heading = _shape(lines[:_LINES])
    if heading.width > MAX_COLUMNS:
        raise InputError(f"file: wanted at most {MAX_COLUMNS:,} columns; got {heading.width:,}. Cut it.")
    rows = [row for row in cells[heading.first :] if len(row) == heading.width]
    decimal, thousands = _marks(rows, heading.first)
    texts = [i for i, column in enumerate(zip(*rows, strict=True)) if not all(map(_is_number, column))]
    _check_lengths(raw, heading.width)
    try:
        frame = pd.read_csv(
            BytesIO(raw),
            sep=separator,
            header=None,
            names=range(heading.width),
            skiprows=heading.first,
            decimal=decimal,
            thousands=thousands or None,
            dtype=dict.fromkeys(texts, str) if thousands else None,
            skipinitialspace=True,
            low_memory=False,
            encoding="utf-8",
        )
    except pd.errors.EmptyDataError:
        frame = pd.DataFrame(columns=range(heading.width))
    except (ValueError, OverflowError, csv.Error) as error:
        if "out of memory" in str(error):
            raise MemoryError from None
        found = re.search(r"in line (\d+), saw (\d+)", str(error))  # pandas' parser names it in its message only
        got = f"line {found[1]} with {found[2]}" if found else "a table that cannot be read, such as an open quote"
        raise ParseError(
            f"file: wanted {heading.width} cells in each line; got {got}. Repair or delete that line."
        ) from None
    if not isinstance(frame.index, pd.RangeIndex):  # pandas makes an index of surplus cells in the first row
        raise ParseError(
            f"file: wanted {heading.width} cells in each line; line {heading.first + 1} has more. "
            "Repair or delete that line."
        )
    if heading.names is not None:
        frame = frame.set_axis(_unequal(heading.names), axis=1)
    has_blank = b"\n\n" in raw or b"\n\r" in raw or b'"' in raw  # pandas skips blank lines, and cells may contain some
    return TextTable(frame, 0 if has_blank else heading.first + 1)


def _shape(lines: list[str]) -> tuple[str, list[list[str]], Heading]:
    """Return the separator, the cells of each line, and where the table begins."""
    best: tuple[int, str, list[list[str]], Heading] | None = None
    for separator in _SEPARATORS:
        try:
            cells = [next(csv.reader(StringIO(line), delimiter=separator), []) for line in lines]
        except csv.Error:
            continue
        heading = find_heading(cells)
        if heading is None:
            continue
        fit = sum(len(row) == heading.width for row in cells)
        if best is None or fit > best[0]:
            best = fit, separator, cells, heading
    if best is None:
        first = next((line for line in lines if line.strip()), "")
        names = ([cell.strip('" ') for cell in first[:1000].split(one)] for one in _SEPARATORS)
        if any(map(name_liquidations, names)):
            raise ParseError(f"file: wanted a table of candles; got liquidations. {BESIDE_CANDLES}")
        wanted = " ".join(_NAMED.get(separator, separator) for separator in _SEPARATORS)
        raise ParseError(
            f"file: wanted a table of candles with at least {LEAST} columns, separated by one of {wanted}; got text "
            f"that cannot be read as one, first line {shown(first)}. Check the kind of file."
        )
    return best[1:]


def _marks(rows: list[list[str]], first: int) -> tuple[str, str]:
    """Return the decimal mark and the thousands separator (empty: none).

    Raises
    ------
    InputError
        Numbers with a comma are ambiguous.
    """
    point_groups, comma_groups = (re.compile(_GROUPS.format(mark)) for mark in ".,")
    point, comma = (re.compile(_FRACTION.format(mark)) for mark in ".,")
    comma_decimal = re.compile(r"[+-]?\d{1,3}(\.\d{3})+,\d+")
    point_decimal = re.compile(r"[+-]?\d{1,3}(,\d{3})+\.\d+")
    seen: dict[str, tuple[int, str]] = {}
    for line, row in enumerate(rows, first + 1):
        for cell in (each.strip()[:64] for each in row):
            if "," not in cell and "." not in cell:
                continue
            kind = (
                "comma, groups"
                if comma_decimal.fullmatch(cell)
                else "point, groups"
                if point_decimal.fullmatch(cell)
                else "comma or groups"
                if comma_groups.fullmatch(cell) and cell.count(",") == 1 and not cell.startswith(("0,", "-0,"))
                else "point, groups"
                if comma_groups.fullmatch(cell)
                else "comma"
                if comma.fullmatch(cell)
                else "point or groups"
                if point_groups.fullmatch(cell)
                else "point"
                if point.fullmatch(cell)
                else ""
            )
            if kind:
                seen.setdefault(kind, (line, cell))
    has_comma = "comma" in seen or "comma, groups" in seen
    has_point = "point" in seen or "point, groups" in seen
    if has_comma and has_point:
        line, cell = seen.get("comma") or seen["comma, groups"]
        raise InputError(
            f"file: wanted one decimal mark; got {shown(cell)} in line {line} and points elsewhere. "
            "Save the file with points."
        )
    if has_comma:
        return ",", "."  # then a point can only separate thousands
    if "comma or groups" in seen and not has_point and "point or groups" not in seen:
        line, cell = seen["comma or groups"]
        raise InputError(
            f"file: wanted numbers with a point; {shown(cell)} in line {line} may be {cell.replace(',', '.')} or "
            f"{cell.replace(',', '')}. Read it with pd.read_csv(f, sep=..., decimal=',') or thousands=',', and pass "
            "that to lw.Market.from_frame."
        )
    return ".", "," if "comma or groups" in seen or "point, groups" in seen else ""


def _is_number(cell: str) -> bool:
    return _NUMBER_OR_NOTHING.fullmatch(cell.strip()[:64]) is not None


def _check_lengths(raw: bytes, width: int) -> None:
    """Raise InputError if a line, or the table in memory, would be too large."""
    rows = raw.count(b"\n")
    if rows * width * 8 > unpack.MAX_UNPACKED:
        raise InputError(
            f"file: wanted at most {unpack.MAX_UNPACKED // 2**20} MB in memory; got {rows:,} lines of {width} cells, "
            "unpacked. Cut it."
        )
    stream = BytesIO(raw)
    for number, line in enumerate(iter(lambda: stream.readline(_HEAD + 1), b""), 1):
        if len(line) > _HEAD:
            raise InputError(f"file: wanted lines of at most {_HEAD // 1024} kB; line {number} is longer. Cut it.")


def _unequal(names: tuple[str, ...]) -> list[str]:
    """Return names with the empty ones numbered; equal names stay, and are refused later."""
    return [name[:200] or f"column {i}" for i, name in enumerate(names)]
