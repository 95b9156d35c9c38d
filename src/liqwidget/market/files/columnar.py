"""Tables of Parquet, Feather and Arrow files; their size in memory is checked before they are unpacked."""

from __future__ import annotations

import struct
from typing import Any

import pandas as pd

from ...errors import InputError, LiqError, ParseError
from . import unpack

_BATCHES = (2, 3)  # values of Arrow's MessageHeader: DictionaryBatch, RecordBatch


def read_parquet(raw: bytes) -> pd.DataFrame:
    """Return the table of a Parquet file; InputError or ParseError if it is too large or damaged."""
    pa = _pyarrow("Parquet")
    import pyarrow.parquet as pq

    def read() -> Any:
        with pq.ParquetFile(pa.BufferReader(raw)) as file:
            about = file.metadata
            size = sum(about.row_group(i).total_byte_size for i in range(about.num_row_groups))
            _check(max(size, about.num_rows * 8 * about.num_columns), about.num_rows, about.num_columns)
            return file.read(use_threads=False)

    return _as_pandas(read, "Parquet")


def read_feather(raw: bytes) -> pd.DataFrame:
    """Return the table of a Feather (Arrow IPC) file; InputError or ParseError if it is too large or damaged."""
    pa = _pyarrow("Feather")

    def read() -> Any:
        with pa.ipc.open_file(pa.BufferReader(raw)) as file:
            width = len(file.schema)
        size = 0
        for message in _each(pa.ipc.MessageReader.open_stream(pa.BufferReader(memoryview(raw)[8:]))):
            size += _unpacked_size(message.metadata.to_pybytes(), message.body)
            _check(size, 0, width)
        # Each thread would keep memory of its own, of which a bounded kernel has little.
        alone = pa.ipc.IpcReadOptions(use_threads=False)
        with pa.ipc.open_file(pa.BufferReader(raw), options=alone) as file:
            return file.read_all()

    return _as_pandas(read, "Feather")


def _pyarrow(kind: str) -> Any:
    try:
        import pyarrow as pa
        import pyarrow.ipc
    except ImportError:
        raise InputError(
            f'file: wanted pyarrow to read {kind}; it is not installed. pip install "liqwidget[data]", or save the '
            "table as CSV."
        ) from None
    return pa


def _as_pandas(read: Any, kind: str) -> pd.DataFrame:
    try:
        table = read()
        table.validate(full=True)  # offsets in a hostile file may point anywhere
        found: pd.DataFrame = table.to_pandas(use_threads=False)
    except (LiqError, MemoryError):
        raise
    except Exception:  # pyarrow raises almost any exception on malicious files
        raise ParseError(
            f"file: wanted {kind}; got what cannot be read as such, damaged or cut off. Download or save it again."
        ) from None
    return found


def _each(messages: Any) -> Any:
    while True:
        try:
            yield messages.read_next_message()
        except StopIteration:
            return


def _check(size: int, rows: int, columns: int) -> None:
    if size > unpack.MAX_UNPACKED:
        what = f"a table of {rows:,} rows of {columns:,} columns" if rows else f"more, in {columns:,} columns"
        raise InputError(f"file: wanted at most {unpack.MAX_UNPACKED // 2**20} MB unpacked; got {what}. Cut it.")


def _unpacked_size(metadata: bytes, body: Any) -> int:
    """Return how many bytes the buffers of a message need: each compressed one begins with that number, int64.

    Read from Arrow's flatbuffers by position: Message (1 header type, 2 header), DictionaryBatch (1 data),
    RecordBatch (0 rows, 2 buffers, 3 compression).
    """
    root = _offset(metadata, 0)
    kind = _field(metadata, root, 1)
    if kind is None or (of := metadata[kind]) not in _BATCHES:
        return 0
    batch = _table(metadata, root, 2)
    if of == 2:
        batch = _table(metadata, batch, 1)
    if _field(metadata, batch, 3) is None:  # not compressed: no larger than the file
        rows = _field(metadata, batch, 0)
        return len(body) + 8 * max(int.from_bytes(metadata[rows : rows + 8], "little") if rows else 0, 0)
    place = _field(metadata, batch, 2)
    if place is None:
        return 0
    vector = place + _offset(metadata, place)
    (count,) = struct.unpack_from("<I", metadata, vector)
    size = 0
    for i in range(count):
        start, length = struct.unpack_from("<qq", metadata, vector + 4 + 16 * i)
        if length > 8:
            size += max(int.from_bytes(memoryview(body)[start : start + 8], "little", signed=True), length)
    return size


def _offset(data: bytes, at: int) -> int:
    return int(struct.unpack_from("<I", data, at)[0])


def _field(data: bytes, table: int, number: int) -> int | None:
    """Return the position of a field of a flatbuffer's table; None if it has its default."""
    shape = table - struct.unpack_from("<i", data, table)[0]
    (size,) = struct.unpack_from("<H", data, shape)
    if 4 + 2 * number >= size:
        return None
    (place,) = struct.unpack_from("<H", data, shape + 4 + 2 * number)
    return table + place if place else None


def _table(data: bytes, table: int, number: int) -> int:
    place = _field(data, table, number)
    if place is None:
        raise ValueError("a part is missing")
    return place + _offset(data, place)
