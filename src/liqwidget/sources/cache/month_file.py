"""A part: the rows of one UTC month as Parquet. Equal rows give equal bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ...errors import ParseError
from ...market.columns import Floats
from ..rows import Rows, Span

#: Most rows of a part; a month has 44,640 minutes.
MOST_ROWS = 1_000_000
#: Most bytes of a part.
MOST_BYTES = 1 << 27
#: Times have to be before, ms: 2100.
LATEST = 4_102_444_800_000


def digest(data: bytes) -> str:
    """Return a checksum, 32 hex digits; none for no data."""
    return hashlib.blake2b(data, digest_size=16).hexdigest() if data else ""


def months(start: int, end: int) -> list[str]:
    """Return the months ("2026-01") that ``[start, end)`` touches."""
    first, last = (np.datetime64(ms, "ms").astype("datetime64[M]") for ms in (start, end - 1))
    return [str(month) for month in np.arange(first, last + np.timedelta64(1, "M"))] if start < end else []


@cache
def bounds(month: str) -> Span:
    """Return the range of a month ("2026-01") in ms; ValueError if it is not a month."""
    begin = datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)
    after = begin.replace(year=begin.year + begin.month // 12, month=begin.month % 12 + 1)
    return int(begin.timestamp()) * 1000, int(after.timestamp()) * 1000


def encode_part(rows: Rows, columns: Sequence[str]) -> bytes:
    """Return tidy rows as one parquet file; nothing for no rows."""
    if not len(rows):
        return b""
    fields = [pa.field("time", pa.int64(), nullable=False)]
    fields += [pa.field(name, pa.float64(), nullable=False) for name in columns]
    values = [pa.array(rows.time), *(pa.array(_plain(rows.columns[name])) for name in columns)]
    sink = pa.BufferOutputStream()
    pq.write_table(
        pa.Table.from_arrays(values, schema=pa.schema(fields)),
        sink,
        compression="snappy",
        use_dictionary=False,
        write_statistics=False,
        store_schema=False,
        row_group_size=MOST_ROWS,
        # A third of the size and twice the speed of plain values.
        column_encoding={"time": "DELTA_BINARY_PACKED", **dict.fromkeys(columns, "BYTE_STREAM_SPLIT")},
    )
    return bytes(sink.getvalue())


def _plain(values: Floats) -> Floats:
    """Return values with one representation of zero and of NaN, so that equal values are equal bytes."""
    return np.where(np.isnan(values), np.nan, values + 0.0)


def decode_part(data: bytes, columns: Sequence[str], count: int) -> Rows:
    """Return the rows of a part.

    Parameters
    ----------
    data
        The whole file; empty for no rows.
    columns
        Required column names, in this order, after "time".
    count
        Required number of rows; compared with the file's metadata before anything is unpacked.

    Returns
    -------
    Rows
        Tidy; the arrays are read-only.

    Raises
    ------
    ParseError
        The file is not such a file.
    """
    if not data and not count:
        return Rows.empty(columns)
    try:
        file = pq.ParquetFile(pa.BufferReader(data))
        schema, meta = file.schema_arrow, file.metadata
        if schema.names != ["time", *columns] or schema.types != [pa.int64()] + [pa.float64()] * len(columns):
            raise ParseError(f"wanted the columns {', '.join(columns)}; got others.")
        if meta.num_rows != count:
            raise ParseError(f"wanted a part of {count} rows; got {meta.num_rows}.")
        table = file.read(use_threads=False)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise ParseError(f"wanted a parquet file; got {type(error).__name__}.") from None
    if any(column.null_count for column in table.columns):
        raise ParseError("wanted no empty cell; got some.")
    arrays = [column.to_numpy() for column in table.columns]
    for array in arrays:
        array.flags.writeable = False
    rows = Rows(arrays[0], dict(zip(columns, arrays[1:], strict=True)))
    if not (np.diff(rows.time) > 0).all():
        raise ParseError("wanted times that increase; got others.")
    return rows
