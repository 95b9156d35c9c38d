"""Unpacks the one CSV of an archive file in memory, and rejects malicious or damaged files.

Headers are not trusted: sizes are counted while reading. Nothing is written to disk.
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
from io import BufferedReader, BytesIO, FileIO
from pathlib import Path
from typing import Protocol

from ...checks import shown
from ...errors import ParseError
from .file_names import published

#: Reads at most this many bytes; empty at the end.
Read = Callable[[int], bytes]

_RATIO = 100  # bytes out of one byte in; CSV of candles shrinks to a fifth, of a market that stands still to a 30th
_FREE = 1 << 20  # bytes that may come out at any ratio
_DIRECTORY = 1 << 18  # bytes of a zip's list of members; one of a dump takes about 100
_SUM = re.compile(rb"([0-9a-fA-F]{64})[ \t]+\*?([^\s/\\]{1,200})\s*")
_AGAIN = "Download it again."
_DAMAGE = (zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, UnicodeDecodeError, NotImplementedError)


class _Source(Protocol):
    def read(self, size: int, /) -> bytes | None: ...


class _Bounded(FileIO):
    """A file with bounded reads, so that a huge list of members is not read at once."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > _DIRECTORY:
            raise zipfile.BadZipFile("its list of members is too long")
        return super().read(_DIRECTORY if size is None or size < 0 else size) or b""


class _BoundedBytes(BytesIO):
    """The same for a file in memory."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > _DIRECTORY:
            raise zipfile.BadZipFile("its list of members is too long")
        return super().read(_DIRECTORY if size is None or size < 0 else size)


@contextmanager
def unpacked(path: Path, limit: int, data: bytes | None = None) -> Iterator[Read]:
    """Open the CSV of a dump: inside a zip or a gzip file, or plain.

    Parameters
    ----------
    path
        The dump.
    data
        Its bytes, if they are in memory.
    limit
        Most unpacked bytes.

    Raises
    ------
    ParseError
        The file is not one whole CSV with the dump's name; also raised while reading.
    """
    name = path.name
    try:
        with _opened(path) if data is None else _BoundedBytes(data) as file:
            packed = os.fstat(file.fileno()).st_size if data is None else len(data)
            if name.endswith(".zip"):
                with zipfile.ZipFile(file) as archive:
                    member = _member(archive, name, published(name).removesuffix(".zip") + ".csv")
                    with archive.open(member) as inside:
                        yield _counted(inside, name, limit, packed, member.file_size)
            elif name.endswith(".gz"):
                with gzip.GzipFile(fileobj=file if data is not None else BufferedReader(file)) as inside:
                    yield _counted(inside, name, limit, packed)
            else:
                yield _counted(file, name, limit)
    except EOFError:
        raise ParseError(f"{name}: wanted a whole file; got one that ends in the middle. {_AGAIN}") from None
    except _DAMAGE:
        kind = "gzip" if name.endswith(".gz") else "zip"
        raise ParseError(f"{name}: wanted a whole {kind} file; got one that is damaged. {_AGAIN}") from None
    except OSError as error:
        if error.errno == errno.EINVAL:  # a zip with an offset before its beginning
            raise ParseError(f"{name}: wanted a whole zip file; got one that is damaged. {_AGAIN}") from None
        raise _unreadable(name, error) from None


def verified(path: Path) -> bool:
    """Compare a file with its ``.CHECKSUM`` file.

    Returns
    -------
    bool
        True: it matches; False: there is no checksum file.

    Raises
    ------
    ParseError
        They differ, or the checksum file is invalid or of another file.
    """
    name, beside = path.name, path.with_name(path.name + ".CHECKSUM")
    if not beside.exists():
        beside = path.with_name(published(name) + ".CHECKSUM")
    if beside.is_symlink() or not beside.exists():
        return False
    try:
        with _opened(beside) as file:
            line = file.read(1024)
        with _opened(path) as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise _unreadable(name, error) from None
    check_sum(line, digest, name)
    return True


def check_sum(line: bytes, digest: str, name: str) -> None:
    """Compare the SHA-256 of a file, in hexadecimal digits, with the line that its ``.CHECKSUM`` file has.

    Raises
    ------
    ParseError
        They differ, or the line is invalid or of another file.
    """
    match = _SUM.fullmatch(line)
    if match is None:
        raise ParseError(
            f"{name}.CHECKSUM: wanted a line '<sha256>  {name}'; got something else. Download it again, or delete it."
        )
    if match[2] != published(name).encode():
        raise ParseError(
            f"{name}.CHECKSUM: wanted the checksum of {name}; got that of "
            f"{shown(match[2].decode(errors='replace'))}. Download it again, or delete it."
        )
    if digest != match[1].decode().lower():
        raise ParseError(
            f"{name}: wanted the published SHA-256 {match[1].decode().lower()[:12]}...; got "
            f"{digest[:12]}...: it is damaged, or was changed. Download both again."
        )


def _opened(path: Path) -> _Bounded:
    """Open a regular file, without waiting for the other end of a pipe."""

    def opener(where: str, flags: int) -> int:
        return os.open(where, flags | getattr(os, "O_NONBLOCK", 0))

    file = _Bounded(path, opener=opener)
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise ParseError(f"{path.name}: wanted a file; got a folder, a pipe or a device. Pass the file itself.")
    return file


def _member(archive: zipfile.ZipFile, name: str, wanted: str) -> zipfile.ZipInfo:
    """Return the one member, if it has the name of the published zip."""
    members = archive.infolist()
    cure = "It is not as published: download it again."
    if len(members) != 1:
        raise ParseError(f"{name}: wanted one member, {wanted}; got {len(members)}. {cure}")
    member = members[0]
    if (called := member.orig_filename) != wanted:
        called = "something in a folder" if "/" in called or "\\" in called else shown(called)
        raise ParseError(f"{name}: wanted the member {wanted}; got {called}. {cure}")
    mode = member.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        raise ParseError(f"{name}: wanted a plain member; got {wanted}, a link or a device. {cure}")
    if member.flag_bits & 0x1:
        raise ParseError(f"{name}: wanted a plain member; got {wanted}, which is encrypted. {cure}")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ParseError(f"{name}: wanted deflate; got {wanted}, packed by method {member.compress_type}. {cure}")
    return member


def _counted(inside: _Source, name: str, limit: int, packed: int = 0, said: int = -1) -> Read:
    out = 0

    def read(size: int) -> bytes:
        nonlocal out
        piece = inside.read(min(size, _DIRECTORY)) or b""
        out += len(piece)
        if out > limit or (packed and out > max(_FREE, packed * _RATIO)):
            raise ParseError(
                f"{name}: wanted at most {limit:,} bytes, and {_RATIO} for each packed one; got more from its "
                f"{packed:,}. Delete it, and download it from its publisher."
            )
        if not piece and said not in (-1, out):
            raise ParseError(f"{name}: wanted {said:,} bytes, as its header says; got {out:,}. {_AGAIN}")
        return piece

    return read


def _unreadable(name: str, error: OSError) -> ParseError:
    return ParseError(
        f"{name}: wanted to read the file; got {error.strerror or 'an input error'}. Check its permissions."
    )
