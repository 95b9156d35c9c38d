"""A file of candles as a table; the format is detected from the content, not the name."""

from __future__ import annotations

import re
from pathlib import Path

from ...checks import shown
from ...errors import InputError, LiqError
from .columnar import read_feather, read_parquet
from .delimited import TextTable, read_delimited, utf8_of
from .json_table import read_json
from .unpack import content_of, is_workbook, unpacked
from .workbook import read_workbook

#: Extensions of the files that can be read.
KINDS = (
    *(".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson", ".parquet", ".pq", ".feather", ".arrow", ".xlsx"),
    *(".gz", ".zip"),
)
_OTHER = {  # first bytes of files of other formats, and what to do about them
    b"\xd0\xcf\x11\xe0": ("an old Excel workbook (.xls)", "Save it as .xlsx or CSV"),
    b"FEA1": ("Feather of version 1", "Write it again with pyarrow.feather.write_feather"),
    b"\x89HDF": ("HDF5", "Save it as Parquet: pd.read_hdf(f).to_parquet(...)"),
    b"SQLite format": ("an SQLite database", "Pass pd.read_sql(...) to lw.Market.from_frame"),
    b"%PDF": ("a PDF", "Save the table as CSV"),
    b"\x80\x04": ("a pickle", "Save it as Parquet: df.to_parquet(...)"),
    b"\x80\x05": ("a pickle", "Save it as Parquet: df.to_parquet(...)"),
}
_PAGE = re.compile(rb"\s*<(!doctype|html|\?xml|head|body)", re.IGNORECASE)


def read_table_file(path: object) -> TextTable:
    """Return the table of a file.

    Parameters
    ----------
    path
        Text or Path.

    Raises
    ------
    InputError, ParseError
        It does not exist, is too large or damaged, or contains no table of candles.
    """
    if not isinstance(path, str | Path):
        raise InputError(f"path: wanted the path of a file; got {shown(path)}. Pass text or a pathlib.Path.")
    return table_of(content_of(Path(path).expanduser() if str(path)[:1] == "~" else Path(path)))


def table_of(raw: bytes) -> TextTable:
    """Return the table in the bytes of a file, like `read_table_file`."""
    try:
        return _table_of(raw)
    except MemoryError:  # pyarrow's too
        raise InputError(
            "file: wanted a table that fits into memory; got one that is too large for what is left. "
            "Cut it, or take a longer interval."
        ) from None


def _table_of(raw: bytes) -> TextTable:
    raw = unpacked(raw)
    if not raw:
        raise InputError("file: wanted a table of candles; got an empty file. Check the file.")
    if raw[:4] == b"PAR1":
        return TextTable(read_parquet(raw), 0)
    if raw[:6] == b"ARROW1":
        return TextTable(read_feather(raw), 0)
    if is_workbook(raw):
        return read_workbook(raw)
    for magic, (kind, cure) in _OTHER.items():
        if raw.startswith(magic):
            raise InputError(f"file: wanted CSV, JSON, Parquet, Feather or Excel; got {kind}. {cure}.")
    text = utf8_of(raw)
    if _PAGE.match(text[:200]):
        raise InputError(
            "file: wanted a table of candles; got a web page: the download has failed, or needs a login. "
            "Open the address in a browser, and save the data itself."
        )
    if text.lstrip()[:1] in (b"[", b"{"):
        return TextTable(read_json(text), 0)
    return read_delimited(text)


def in_file(error: LiqError, line: int) -> LiqError:
    """Return an error that names lines of the file in place of rows of its table."""
    if line:
        message = re.sub(r"\brow (\d{1,9})\b", lambda found: f"line {int(found[1]) + line}", str(error))
        return type(error)(message)
    return error
