"""One public file of a venue: requested, verified and read, without touching the disk."""

from __future__ import annotations

import asyncio
import hashlib

from ...errors import ParseError
from ..http.client import Client
from ..rows import Rows
from ..venues.files import TRADES
from ..venues.venue import Request
from .contents import read_rows
from .file_names import Dump
from .trades import coarser, read_trades
from .unpack import check_sum, unpacked

#: Most bytes of text in a file, and of text in a list of trades, which is never held.
TEXT_BYTES, TRADES_BYTES = 1 << 26, 1 << 33
_LONGER = 8  # how many times the bytes and the time of other files a list of trades may take


async def download(client: Client, path: str, dump: Dump, step: int, *, has_sum: bool = True) -> Rows | None:
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
    step
        Trades, and candles of another interval, are merged into candles of this one, ms; 0: rows are left as they are.
    has_sum
        Whether its checksum is published. Without one, only what zip and gzip record of a file's bytes is verified.

    Raises
    ------
    FetchError
        The host did not answer as expected.
    ParseError
        The file is damaged, differs from its checksum or lacks one, or does not hold what its name says.
    """
    try:
        return await _once(client, path, dump, step, has_sum)
    except ParseError:
        pass
    return await _once(client, path, dump, step, has_sum)


async def _once(client: Client, path: str, dump: Dump, step: int, has_sum: bool) -> Rows | None:
    data = (await client.ask(_request(path, _LONGER if dump.content in TRADES else 1))).body
    if data is None:
        return None
    line = (await client.ask(_request(f"{path}.CHECKSUM"))).body if has_sum else b""
    if line is None:
        raise ParseError(f"{dump.name}: wanted its .CHECKSUM file; got none. It cannot be verified.")
    return await asyncio.to_thread(_rows, data, line, dump, step)


def _request(path: str, times: int = 1) -> Request:
    return Request(path, bucket="files", is_file=True, times=times)


def _rows(data: bytes, line: bytes, dump: Dump, step: int) -> Rows:
    if line:
        check_sum(line, hashlib.sha256(data).hexdigest(), dump.name)
    is_trades = dump.content in TRADES
    with unpacked(dump.path, TRADES_BYTES if is_trades else TEXT_BYTES, data) as read:
        if is_trades:
            return read_trades(read, dump, step)[0]
        rows = read_rows(read, dump).tidy(dump.name)
        return coarser(rows, dump.step, step)[0] if step and dump.step else rows
