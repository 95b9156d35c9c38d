"""Files of strangers as a Market: candles as CSV or Parquet, and what exchanges publish as zips. Sizes are bounded."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pandas as pd

from ...errors import DataError, InputError, ParseError
from ...market import Market
from ...market.columns import shown

MAX_BYTES = 64 * 2**20
MAX_UNPACKED = 256 * 2**20
KINDS = (".csv", ".csv.gz", ".parquet", ".zip")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}", re.ASCII)
#: Names that exchanges give: BTCUSDT-1m-2024-01.zip (or .csv), BTCUSDT2024-01-31.csv.gz.
_PUBLISHED = re.compile(
    r"[A-Z0-9_]+(-[A-Za-z0-9]+-\d{4}-\d\d(-\d\d)?\.(zip|csv)|\d{4}-\d\d-\d\d\.csv(\.gz)?)", re.ASCII
)

Told = Callable[[int, int, int], object]


def safe_name(name: object) -> str:
    """Return a file's name as it may be written to a folder, or raise InputError.

    Letters, digits, dots, hyphens and underscores, 120 at most, with one of the endings in ``KINDS``. Other
    characters become underscores; folders before the name are dropped.
    """
    if not isinstance(name, str):
        raise InputError(f"upload: a file with a name was wanted; got {shown(name)}.")
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", re.split(r"[\\/]", name[-400:])[-1])[-120:].lstrip("._-")
    if not plain.lower().endswith(KINDS) or not _NAME.fullmatch(plain):
        raise InputError(f"upload: {', '.join(KINDS)} was wanted; got {shown(name[-60:])}.")
    return plain


def check_size(size: object) -> int:
    """Return the size of a file in bytes, or raise InputError when it is too large or none."""
    if isinstance(size, bool) or not isinstance(size, int) or not 0 < size <= MAX_BYTES:
        text = f"{size / 2**20:,.1f} MB" if isinstance(size, int) and size > 0 else "an empty file"
        raise InputError(
            f"file: at most {MAX_BYTES // 2**20} MB were wanted; got {text}. Cut it, or read it in a notebook with "
            "lw.Market.from_frame or lw.read_archive."
        )
    return size


def read_file(path: Path, symbol: str, told: Told | None = None) -> Market:
    """Read candles from a file, or from a folder of an exchange's archive.

    Parameters
    ----------
    path
        CSV, CSV.gz or Parquet with a table of candles; or a file or folder as `liqwidget.read_archive` takes it.
    symbol
        Label for a table; archives know their own.
    told
        As ``progress`` of `liqwidget.read_archive`.

    Raises
    ------
    InputError, ParseError
        There is no such file, it is too large, or it holds no candles.
    """
    if not path.exists():
        raise InputError(f"path: a file or folder was wanted; there is none at {shown(str(path))}.")
    if path.is_dir() or _PUBLISHED.fullmatch(path.name):
        from ...sources.archive.read_archive import read_archive  # pyarrow comes with it

        return read_archive(path, progress=told or False)
    if not path.is_file():
        raise InputError(f"path: a file or folder was wanted; {shown(str(path))} is neither.")
    check_size(path.stat().st_size)
    name = path.name.lower()
    if name.endswith(".zip"):
        raise InputError(
            f"file: a zip of an exchange's archive, such as BTCUSDT-1m-2024-01.zip, was wanted; got "
            f"{shown(path.name)}. Unpack it, or rename it back."
        )
    try:
        frame = _parquet(path) if name.endswith(".parquet") else _csv(path)
    except (DataError, InputError):
        raise
    except (OSError, ValueError, EOFError, zlib.error) as error:  # pandas' and pyarrow's own are ValueErrors
        raise ParseError(
            f"file: a table of candles was wanted; {shown(path.name)} could not be read: {str(error)[:200]}"
        ) from error
    return Market.from_frame(frame, symbol=symbol)


def _csv(path: Path) -> pd.DataFrame:
    raw = path.read_bytes()
    if raw[:2] == b"\x1f\x8b":  # gzip, whatever it is called
        with gzip.open(BytesIO(raw)) as unpacked:
            raw = unpacked.read(MAX_UNPACKED + 1)
        if len(raw) > MAX_UNPACKED:
            raise InputError(f"file: at most {MAX_UNPACKED // 2**20} MB of CSV were wanted; this one unpacks to more.")
    if b"\0" in raw[:4096]:
        raise ParseError("file: CSV was wanted; this holds bytes that no text has. Is it another kind of file?")
    return pd.read_csv(BytesIO(raw))


def _parquet(path: Path) -> pd.DataFrame:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        about = file.metadata
        groups = range(about.num_row_groups)
        size = sum(about.row_group(i).total_byte_size for i in groups)
        if max(size, about.num_rows * 8 * about.num_columns) > MAX_UNPACKED:
            raise InputError(
                f"file: at most {MAX_UNPACKED // 2**20} MB unpacked were wanted; this table has "
                f"{about.num_rows:,} rows of {about.num_columns:,} columns."
            )
        return file.read().to_pandas()
