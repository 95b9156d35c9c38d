"""The CSV of an archive file as columns, a block of lines at a time.

Numbers are float64, exactly as Python parses them. Values are checked in `contents.py` and `trades.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import compute, csv

from ...checks import shown
from ...errors import ParseError
from ..venues.files import Content
from .file_names import Dump
from .unpack import Read

BLOCK = 1 << 20  # bytes of text parsed at once; more would not fit a processor's cache
_LINE = 1 << 16  # most bytes of a line
_KLINE = (
    "open_time", "open", "high", "low", "close", "volume", "close_time", "quote_volume", "count", "taker_buy_volume",
    "taker_buy_quote_volume", "ignore",
)  # fmt: skip
_RATIOS = (
    "count_toptrader_long_short_ratio", "sum_toptrader_long_short_ratio", "count_long_short_ratio",
    "sum_taker_long_short_vol_ratio",
)  # fmt: skip
_CONVERSION = re.compile(r"In CSV column #(\d+): (?:Row #\d+: )?CSV conversion error to (\w+).*?: (.*)", re.DOTALL)
_WIDTH = re.compile(r"CSV parse error: (?:Row #\d+: )?Expected (\d+) columns, got (\d+)")
_TYPES = {
    "int64": "a whole number",
    "double": "a number",
    "bool": "true or false",
    "timestamp": "a time",
    "string": "text",
}


@dataclass(frozen=True)
class Form:
    """A type of file: columns if it has no header, Arrow types of the columns to read, and the time column.

    Cells of `gappy` columns may be empty.
    """

    names: tuple[str, ...]
    types: Mapping[str, str]
    time: str
    gappy: tuple[str, ...] = ()


FORMS: Mapping[Content, Form] = {
    "klines": Form(
        _KLINE,
        {
            **dict.fromkeys(("open_time", "close_time", "count"), "int64"),
            **dict.fromkeys(("open", "high", "low", "close", "volume", "taker_buy_volume"), "float64"),
        },
        "open_time",
    ),
    "markPriceKlines": Form(
        _KLINE,
        {
            **dict.fromkeys(("open_time", "close_time"), "int64"),
            **dict.fromkeys(("high", "low", "volume"), "float64"),
        },
        "open_time",
    ),
    "metrics": Form(
        (
            "create_time", "symbol", "sum_open_interest", "sum_open_interest_value", *_RATIOS,
        ),
        {
            "create_time": "timestamp[ms]",
            "symbol": "string",
            **dict.fromkeys(("sum_open_interest", *_RATIOS), "float64"),
        },
        "create_time",
        gappy=("sum_open_interest", *_RATIOS),
    ),
    "fundingRate": Form(
        ("calc_time", "funding_interval_hours", "last_funding_rate"),
        {"calc_time": "int64", "last_funding_rate": "float64"},
        "calc_time",
    ),
    "liquidationSnapshot": Form(
        (
            "time", "side", "order_type", "time_in_force", "original_quantity", "price", "average_price",
            "order_status", "last_fill_quantity", "accumulated_fill_quantity",
        ),
        {
            "time": "int64",
            "side": "string",
            **dict.fromkeys(
                ("original_quantity", "price", "average_price", "accumulated_fill_quantity"), "float64"
            ),
        },
        "time",
    ),
    "aggTrades": Form(
        ("agg_trade_id", "price", "quantity", "first_trade_id", "last_trade_id", "transact_time", "is_buyer_maker"),
        {
            **dict.fromkeys(("agg_trade_id", "transact_time"), "int64"),
            **dict.fromkeys(("price", "quantity"), "float64"),
            "is_buyer_maker": "bool",
        },
        "transact_time",
    ),
    "candlesticks": Form(
        ("instrument_name", "open", "high", "low", "close", "vol", "vol_ccy", "vol_quote", "open_time", "confirm"),
        {
            "instrument_name": "string",
            **dict.fromkeys(("open", "high", "low", "close", "vol_ccy"), "float64"),
            "open_time": "int64",
        },
        "open_time",
    ),
    "fundingrates": Form(
        ("instrument_name", "funding_rate", "funding_time"),
        {"instrument_name": "string", "funding_rate": "float64", "funding_time": "int64"},
        "funding_time",
    ),
    "trading": Form(
        (
            "timestamp", "symbol", "side", "size", "price", "tickDirection", "trdMatchID", "grossValue", "homeNotional",
            "foreignNotional",
        ),
        {
            **dict.fromkeys(("timestamp", "size", "price"), "float64"),
            **dict.fromkeys(("symbol", "side", "trdMatchID"), "string"),
        },
        "timestamp",
    ),
}  # fmt: skip


#: Columns that repeat the symbol in each row.
SYMBOLS = ("symbol", "instrument_name")
#: Columns of candles that hold coins where volume and what takers bought count contracts.
IN_COINS = {"volume": "quote_volume", "taker_buy_volume": "taker_buy_quote_volume"}


def form_of(dump: Dump) -> Form:
    """Return the form of a file."""
    form = FORMS[dump.content]
    if dump.usd and dump.content == "klines":
        form = replace(form, types={**form.types, **dict.fromkeys(IN_COINS.values(), "float64")})
    return form


def read_tables(read: Read, dump: Dump) -> Iterator[Any]:
    """Read the CSV of an archive file.

    Yields
    ------
    Arrow Table
        The columns of the dump's `Form`, some thousand rows at a time; none has zero rows. Empty cells are null where
        the form allows them, all numbers are finite.

    Raises
    ------
    ParseError
        Columns of another type of file, invalid cells, or a line that is too long.
    """
    form = form_of(dump)
    names: tuple[str, ...] = ()
    for block in _blocks(read, dump.name):
        if not names:
            names, block = _names(block, form, dump.name)
        if block:
            table = _parsed(block, names, form, dump.name)
            if table.num_rows:
                _check_cells(table, form, dump)
                yield table


def _blocks(read: Read, name: str) -> Iterator[bytes]:
    """Whole lines, about `BLOCK` bytes of them at a time."""
    rest = b""
    while True:
        pieces, size = [rest], len(rest)
        while size < BLOCK and (piece := read(BLOCK)):
            pieces.append(piece)
            size += len(piece)
        text = b"".join(pieces)
        if size < BLOCK:
            if text:
                yield text
            return
        cut = text.rfind(b"\n") + 1
        rest = text[cut:]
        if len(rest) > _LINE:
            raise ParseError(
                f"{name}: wanted lines of at most {_LINE:,} bytes; got a longer one. Download the file again."
            )
        yield text[:cut]


def _names(block: bytes, form: Form, name: str) -> tuple[tuple[str, ...], bytes]:
    """Return the columns of a file and its first rows: data begins with a digit, a header does not."""
    block = block.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n")
    if block[:1].isdigit() or not block:
        return form.names, block
    line, _, rest = block.partition(b"\n")
    names = tuple(field.strip() for field in line[:_LINE].decode("utf-8", "replace").split(","))
    missing = [column for column in form.types if column not in names]
    if missing or len(set(names)) < len(names):
        raise ParseError(
            f"{name}: wanted the columns {', '.join(form.types)}, each once; got the header "
            f"{', '.join(shown(field) for field in names[:12])}. It is another type of file: see that its name and its "
            "folder are those it was published under."
        )
    return names, rest


def _parsed(block: bytes, names: tuple[str, ...], form: Form, name: str) -> Any:
    made: dict[str, Callable[[], Any]] = {
        "int64": pa.int64, "float64": pa.float64, "bool": pa.bool_, "string": pa.string,
        "timestamp[ms]": lambda: pa.timestamp("ms"),
    }  # fmt: skip
    types = {column: made[text]() for column, text in form.types.items()}
    try:
        return csv.read_csv(
            pa.BufferReader(block),
            csv.ReadOptions(use_threads=False, column_names=names, block_size=max(len(block), 1 << 16)),
            csv.ParseOptions(quote_char=False),
            csv.ConvertOptions(
                column_types=types,
                include_columns=list(types),
                null_values=[""],
                strings_can_be_null=True,
                true_values=["true", "True"],
                false_values=["false", "False"],
                timestamp_parsers=["%Y-%m-%d %H:%M:%S"],
            ),
        )
    except pa.ArrowInvalid as error:
        said = str(error)
    if match := _WIDTH.match(said):
        what = f"wanted {match[1]} columns; got a row of {match[2]}"
    elif match := _CONVERSION.match(said):
        column = names[int(match[1])]
        kind = next((text for start, text in _TYPES.items() if match[2].startswith(start)), match[2])
        what = f"{column} must be {kind}; got {shown(match[3].removeprefix('invalid value '))}"
    else:
        what = f"wanted CSV; got {shown(said)}"
    raise ParseError(f"{name}: {what}. It is another type of file, or damaged: download it again.")


def _check_cells(table: Any, form: Form, dump: Dump) -> None:
    for column, kind in form.types.items():
        cells = table.column(column)
        if cells.null_count and column not in form.gappy:
            raise ParseError(f"{dump.name}: {column} must be in every row; a cell is empty. Download the file again.")
        if kind == "float64":
            wrong = ~np.isfinite(values := cells.drop_null().to_numpy())
            if wrong.any():
                raise ParseError(
                    f"{dump.name}: {column} must be a finite number; got {values[wrong][0]}. Download the file again."
                )
        if column in SYMBOLS and not compute.all(compute.equal(cells, dump.symbol)).as_py():
            others = compute.unique(cells).to_pylist()[:3]
            raise ParseError(
                f"{dump.name}: wanted rows of {dump.symbol}; got {', '.join(map(shown, others))}. Rename it back."
            )
