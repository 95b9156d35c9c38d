"""The files of a history, in a folder or in an object store: Parquet tables, each complete or absent.

Parquet rather than Zarr: chunks are ragged (entries, candles, a varying number of columns), pandas, Polars and DuckDB
read it, and pyarrow is a dependency already. Each page of a table has a checksum that is verified on reading; a table
names the plan that it belongs to, so that two histories never mix.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq

from ..checks import shown
from ..errors import DataError, InputError, ParseError

_PLAN, _ABOUT = b"liqwidget.plan", b"liqwidget.about"


class Folder:
    """A folder of tables.

    Parameters
    ----------
    url
        A path, or an fsspec address: ``s3://bucket/btc``.
    options
        Options of the file system, such as ``{"endpoint_url": ...}``.

    Raises
    ------
    InputError
        fsspec is not installed, or does not know the file system.
    """

    url: str
    options: dict[str, Any]

    def __init__(self, url: str | os.PathLike[str], options: dict[str, Any] | None = None) -> None:
        try:
            from fsspec.core import url_to_fs
        except ImportError:
            raise InputError(
                "store: wanted fsspec; got none. Install the extra: pip install 'liqwidget[scale]'."
            ) from None
        try:
            self._files, self._root = url_to_fs(os.fspath(url), **(options or {}))
        except (ValueError, TypeError, ImportError) as error:
            raise InputError(
                f"store: wanted a folder, or an address that fsspec opens; got {shown(url)}: {error}"
            ) from None
        self.url, self.options = os.fspath(url), options or {}
        self._local = "file" in (self._files.protocol, *self._files.protocol)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by address: workers open the folder themselves."""
        return Folder, (self.url, self.options)

    def write_bytes(self, name: str, data: bytes) -> None:
        """Write a file atomically; DataError if it cannot be written."""
        path = f"{self._root}/{name}"
        try:
            if not self._local:
                self._files.pipe_file(path, data)  # an object store shows only complete objects
                return
            place = Path(path)
            place.parent.mkdir(parents=True, exist_ok=True)
            half = place.with_name(f"{place.name}.{uuid4().hex}.tmp")
            half.write_bytes(data)
            half.replace(place)
        except OSError as error:
            raise DataError(
                f"store: wanted to write {name}; got {error.strerror or error}. Free some space, or use another folder."
            ) from None

    def read_bytes(self, name: str) -> bytes | None:
        """Return a file's content; None if it does not exist; DataError if it cannot be read."""
        try:
            data: bytes = self._files.cat_file(f"{self._root}/{name}")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise DataError(
                f"store: wanted to read {name}; got {error.strerror or error}. Check the folder or the connection."
            ) from None
        return data

    def write(self, name: str, table: pa.Table, plan: str, about: bytes = b"") -> None:
        """Write a table of a plan, with a note ``about`` it."""
        sink = io.BytesIO()
        table = table.replace_schema_metadata({_PLAN: plan.encode(), _ABOUT: about})
        pq.write_table(table, sink, compression="zstd", write_page_checksum=True, use_dictionary=False)
        self.write_bytes(name, sink.getvalue())

    def read(self, name: str, plan: str) -> tuple[pa.Table, bytes] | None:
        """Return a table and its note; None if it does not exist or belongs to another plan.

        Raises
        ------
        ParseError
            The table is damaged.
        """
        data = self.read_bytes(name)
        if data is None:
            return None
        try:
            # On this thread alone: an interpreter that ends beside a thread of Arrow's own now and then aborts.
            with pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=True, pre_buffer=False) as file:
                table = file.read(use_threads=False)
        except (OSError, ValueError) as error:
            raise ParseError(
                f"store: wanted {name} whole; got a damaged file ({str(error)[:80]}). "
                "Build the history again: undamaged files are kept."
            ) from None
        found = table.schema.metadata or {}
        return (table, found.get(_ABOUT, b"")) if found.get(_PLAN) == plan.encode() else None

    def whole(self, name: str, plan: str) -> bytes | None:
        """Return the note of a table that exists, is undamaged and belongs to this plan; else None."""
        try:
            found = self.read(name, plan)
        except ParseError:
            return None
        return None if found is None else found[1]

    def need(self, name: str, plan: str) -> tuple[pa.Table, bytes]:
        """Return a table and its note; ParseError if it does not exist."""
        found = self.read(name, plan)
        if found is None:
            raise ParseError(f"store: wanted {name} of this history; got nothing. Build the history again.")
        return found
