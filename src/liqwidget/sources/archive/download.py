"""One public file of a venue: requested, verified and read, without touching the disk."""

from __future__ import annotations

import asyncio
import hashlib

from ...errors import ParseError
from ..http.client import Client
from ..rows import Rows
from ..venues.venue import Request
from .contents import read_rows
from .file_names import Dump
from .unpack import check_sum, unpacked

#: Most bytes of text in a file.
TEXT_BYTES = 1 << 26


async def download(client: Client, path: str, dump: Dump) -> Rows | None:
    """Return the rows of a file, tidy; None if the venue has no such file.

    A file that is damaged is requested once more: the transfer may have damaged it.

    Parameters
    ----------
    client
        Client of the venue.
    path
        The file's path on the archive's host.
    dump
        Type, symbol and range of its rows.

    Raises
    ------
    FetchError
        The host did not answer as expected.
    ParseError
        The file is damaged, differs from its checksum or has none, or does not hold what its name says.
    """
    try:
        return await _once(client, path, dump)
    except ParseError:
        pass
    return await _once(client, path, dump)


async def _once(client: Client, path: str, dump: Dump) -> Rows | None:
    data = (await client.ask(_request(path))).body
    if data is None:
        return None
    line = (await client.ask(_request(f"{path}.CHECKSUM"))).body
    if line is None:
        raise ParseError(f"{dump.name}: wanted its .CHECKSUM file; got none. It cannot be verified.")
    return await asyncio.to_thread(_rows, data, line, dump)


def _request(path: str) -> Request:
    return Request(path, bucket="files", is_file=True)


def _rows(data: bytes, line: bytes, dump: Dump) -> Rows:
    check_sum(line, hashlib.sha256(data).hexdigest(), dump.name)
    with unpacked(dump.path, TEXT_BYTES, data) as read:
        return read_rows(read, dump).tidy(dump.name)
