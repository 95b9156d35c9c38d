"""Zips: the bytes of a dump's one CSV, unpacked in memory, and what is refused on the way.

A header may say anything: sizes are counted while reading. Nothing is written to disk.
"""

from __future__ import annotations

import errno
import gzip
import hashlib
import os
import re
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BufferedReader, FileIO
from pathlib import Path
from typing import Protocol

from ...errors import ParseError
from ...market.columns import shown

#: Reads at most so many bytes; none at the end.
Read = Callable[[int], bytes]

_RATIO = 100  # bytes out of one byte in; CSV of candles shrinks to a fifth, of a market that stands still to a 30th
_FREE = 1 << 20  # bytes that may come out whatever went in
_DIRECTORY = 1 << 18  # bytes of a zip's list of members; one of a dump takes about 100
_SUM = re.compile(rb"([0-9a-fA-F]{64})[ \t]+\*?([^\s/\\]{1,200})\s*")
_AGAIN = "Download it again."
_DAMAGE = (zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, UnicodeDecodeError, NotImplementedError)


class _Source(Protocol):
    def read(self, size: int, /) -> bytes | None: ...


class _Bounded(FileIO):
    """A file that no list of a million members can be read from at once."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > _DIRECTORY:
            raise zipfile.BadZipFile("its list of members is too long")
        return super().read(_DIRECTORY if size is None or size < 0 else size) or b""


@contextmanager
def unpacked(path: Path, limit: int) -> Iterator[Read]:
    """Open the CSV of a dump: inside a zip or a gzip file, or plain.

    Parameters
    ----------
    path
        The dump.
    limit
        Most bytes that may come out.

    Raises
    ------
    ParseError
        Whatever is not one whole CSV of the dump's name, while it is read too.
    """
    name = path.name
    try:
        with _opened(path) as file:
            packed = os.fstat(file.fileno()).st_size
            if name.endswith(".zip"):
                with zipfile.ZipFile(file) as archive:
                    member = _member(archive, name)
                    with archive.open(member) as inside:
                        yield _counted(inside, name, limit, packed, member.file_size)
            elif name.endswith(".gz"):
                with gzip.GzipFile(fileobj=BufferedReader(file)) as inside:
                    yield _counted(inside, name, limit, packed)
            else:
                yield _counted(file, name, limit)
    except EOFError:
        raise ParseError(f"{name}: a whole file was wanted; it ends in the middle. {_AGAIN}") from None
    except _DAMAGE as error:
        kind = "gzip" if name.endswith(".gz") else "zip"
        said = re.sub(r"[^\x20-\x7e]+", " ", str(error))[:100]
        raise ParseError(f"{name}: a whole {kind} file was wanted; it is damaged or none: {said}. {_AGAIN}") from None
    except OSError as error:
        if error.errno == errno.EINVAL:  # a zip that sends its reader to before its beginning
            raise ParseError(f"{name}: a whole zip file was wanted; it is damaged or none. {_AGAIN}") from None
        raise _unreadable(name, error) from None


def verified(path: Path) -> bool:
    """Compare a dump with the SHA-256 that lies beside it.

    Returns
    -------
    bool
        True: it is what was published; False: nothing lies there to compare with.

    Raises
    ------
    ParseError
        They differ, or the checksum is another file's or none.
    """
    name, beside = path.name, path.with_name(path.name + ".CHECKSUM")
    if beside.is_symlink() or not beside.exists():
        return False
    try:
        with _opened(beside) as file:
            match = _SUM.fullmatch(file.read(1024))
        if match is None:
            raise ParseError(
                f"{beside.name}: a line '<sha256>  {name}' was wanted; got something else. "
                "Download it again, or delete it."
            )
        if match[2] != name.encode():
            raise ParseError(
                f"{beside.name}: the checksum of {name} was wanted; it is that of "
                f"{shown(match[2].decode(errors='replace'))}. Download it again, or delete it."
            )
        with _opened(path) as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise _unreadable(name, error) from None
    if digest != match[1].decode().lower():
        raise ParseError(
            f"{name}: the published SHA-256 {match[1].decode().lower()[:12]}... was wanted; the file has "
            f"{digest[:12]}...: it is damaged, or was changed. Download both again."
        )
    return True


def _opened(path: Path) -> _Bounded:
    """Open a regular file, without waiting for the other end of a pipe."""

    def opener(where: str, flags: int) -> int:
        return os.open(where, flags | getattr(os, "O_NONBLOCK", 0))

    file = _Bounded(path, opener=opener)
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise ParseError(f"{path.name}: a file was wanted; it is a folder, a pipe or a device. Pass the file itself.")
    return file


def _member(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    """Return the one member, where it is what the zip's name promises."""
    wanted = name.removesuffix(".zip") + ".csv"
    members = archive.infolist()
    cure = "It is not as published: download it again."
    if len(members) != 1:
        raise ParseError(f"{name}: one member, {wanted}, was wanted; it has {len(members)}. {cure}")
    member = members[0]
    if (called := member.orig_filename) != wanted:
        called = "something in a folder" if "/" in called or "\\" in called else shown(called)
        raise ParseError(f"{name}: the member {wanted} was wanted; it is called {called}. {cure}")
    mode = member.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        raise ParseError(f"{name}: a plain member was wanted; {wanted} is a link or a device. {cure}")
    if member.flag_bits & 0x1:
        raise ParseError(f"{name}: a plain member was wanted; {wanted} is encrypted. {cure}")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ParseError(f"{name}: deflate was wanted; {wanted} is packed by method {member.compress_type}. {cure}")
    return member


def _counted(inside: _Source, name: str, limit: int, packed: int = 0, said: int = -1) -> Read:
    out = 0

    def read(size: int) -> bytes:
        nonlocal out
        piece = inside.read(min(size, _DIRECTORY)) or b""
        out += len(piece)
        if out > limit or (packed and out > max(_FREE, packed * _RATIO)):
            raise ParseError(
                f"{name}: at most {limit:,} bytes, and {_RATIO} for each packed one, were wanted; more come out of its "
                f"{packed:,}. It is no such file: delete it, and download it from its publisher."
            )
        if not piece and said not in (-1, out):
            raise ParseError(f"{name}: {said:,} bytes were announced; {out:,} came out. {_AGAIN}")
        return piece

    return read


def _unreadable(name: str, error: OSError) -> ParseError:
    return ParseError(
        f"{name}: the file cannot be read: {error.strerror or 'input or output failed'}. Look at its rights."
    )
