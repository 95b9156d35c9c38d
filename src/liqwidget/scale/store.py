"""The files of a history, in a folder or in an object store: Parquet tables, each whole or not there.

Parquet and not Zarr: what a chunk holds is ragged (entries, candles, as many columns as the cuts leave), the readers
are those that pandas, Polars and DuckDB have, and pyarrow is here already. Each page of a table carries a checksum
that is verified when it is read; a table names the plan it belongs to, so that two histories never mix.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import DataError, InputError, ParseError
from ..market.columns import shown

_PLAN, _ABOUT = b"liqwidget.plan", b"liqwidget.about"


class Folder:
    """A folder of tables.

    Parameters
    ----------
    url
        A path, or what fsspec understands: ``s3://bucket/btc``.
    options
        What the file system needs to be opened, such as ``{"endpoint_url": ...}``.

    Raises
    ------
    InputError
        fsspec is not installed, or there is no such kind of file system.
    """

    def __init__(self, url: str | os.PathLike[str], options: dict[str, Any] | None = None) -> None:
        try:
            from fsspec.core import url_to_fs
        except ImportError:
            raise InputError(
                "store: need fsspec, which is not installed. Install the extra: pip install 'liqwidget[scale]'."
            ) from None
        try:
            self._files, self._root = url_to_fs(os.fspath(url), **(options or {}))
        except (ValueError, TypeError, ImportError) as error:
            raise InputError(
                f"store: need a folder, or an address that fsspec opens; got {shown(url)}: {error}"
            ) from None
        self.url, self.options = os.fspath(url), options or {}
        self._local = "file" in (self._files.protocol, *self._files.protocol)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by address: workers open it themselves."""
        return Folder, (self.url, self.options)

    def write_bytes(self, name: str, data: bytes) -> None:
        """Write a file so that it is whole or not there; DataError where it cannot be."""
        path = f"{self._root}/{name}"
        try:
            if not self._local:
                self._files.pipe_file(path, data)  # an object store shows an object when it is whole
                return
            place = Path(path)
            place.parent.mkdir(parents=True, exist_ok=True)
            half = place.with_name(f"{place.name}.{uuid4().hex}.tmp")
            half.write_bytes(data)
            half.replace(place)
        except OSError as error:
            raise DataError(
                f"store: {name} could not be written: {error.strerror or error}. Make room, or take another folder."
            ) from None

    def read_bytes(self, name: str) -> bytes | None:
        """Return a file; None where it is not there; DataError where it cannot be read."""
        try:
            data: bytes = self._files.cat_file(f"{self._root}/{name}")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise DataError(f"store: {name} could not be read: {error.strerror or error}.") from None
        return data

    def write(self, name: str, table: pa.Table, plan: str, about: bytes = b"") -> None:
        """Write a table of a plan."""
        sink = io.BytesIO()
        table = table.replace_schema_metadata({_PLAN: plan.encode(), _ABOUT: about})
        pq.write_table(table, sink, compression="zstd", write_page_checksum=True, use_dictionary=False)
        self.write_bytes(name, sink.getvalue())

    def read(self, name: str, plan: str) -> tuple[pa.Table, bytes] | None:
        """Return a table and what was said about it; None where it is not there or belongs to another plan.

        Raises
        ------
        ParseError
            It is damaged.
        """
        data = self.read_bytes(name)
        if data is None:
            return None
        try:
            table = pq.read_table(pa.BufferReader(data), page_checksum_verification=True)
        except (OSError, ValueError) as error:
            raise ParseError(
                f"store: {name} is damaged ({str(error)[:80]}). Build the history again: what is whole is kept."
            ) from None
        found = table.schema.metadata or {}
        return (table, found.get(_ABOUT, b"")) if found.get(_PLAN) == plan.encode() else None

    def whole(self, name: str, plan: str) -> bytes | None:
        """Return what was said about a table that is there, whole and of this plan, else None."""
        try:
            found = self.read(name, plan)
        except ParseError:
            return None
        return None if found is None else found[1]

    def need(self, name: str, plan: str) -> tuple[pa.Table, bytes]:
        """Return a table that has to be there; ParseError where it is not."""
        found = self.read(name, plan)
        if found is None:
            raise ParseError(f"store: {name} of this history was wanted; it is gone. Build the history again.")
        return found
