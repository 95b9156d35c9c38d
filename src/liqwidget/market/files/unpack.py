"""The bytes of a file: read, and unpacked from gzip or zip. Sizes are limited, and headers are not trusted."""

from __future__ import annotations

import gzip
import zipfile
import zlib
from io import BytesIO
from pathlib import Path

from ...checks import shown
from ...errors import InputError, LiqError, ParseError

MAX_BYTES = 64 * 2**20  # of a file
MAX_UNPACKED = 256 * 2**20  # of its contents, and of a table in memory
_DEPTH = 2  # a.csv.gz in a zip
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_DIRECTORY = 2**18  # bytes of a zip's list of members
_PACKED = {
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "Zstandard",
    b"7z\xbc\xaf": "7z",
    b"Rar!": "RAR",
}


def check_size(size: object) -> int:
    """Return the size of a file in bytes, or raise InputError if it is empty or too large."""
    if isinstance(size, bool) or not isinstance(size, int) or not 0 < size <= MAX_BYTES:
        text = f"{size / 2**20:,.1f} MB" if isinstance(size, int) and size > 0 else "an empty file"
        raise InputError(
            f"file: wanted at most {MAX_BYTES // 2**20} MB; got {text}. Cut it, or read it in a notebook with "
            "lw.Market.from_frame or lw.read_archive."
        )
    return size


def content_of(path: Path) -> bytes:
    """Return the bytes of a file; InputError if there is none, or it is empty or too large."""
    try:
        if not path.exists():
            raise InputError(f"path: wanted a file or folder; got {shown(str(path))}, which does not exist.")
        if path.is_dir():
            raise InputError(
                f"path: wanted a file; got the folder {shown(str(path))}. Pass one of its files, or lw.read_archive "
                "for a folder of an exchange's archive."
            )
        if not path.is_file():
            raise InputError(f"path: wanted a file or folder; got {shown(str(path))}, which is neither.")
        check_size(path.stat().st_size)
        with path.open("rb") as file:
            return file.read(MAX_BYTES)
    except OSError as error:
        raise ParseError(
            f"file: wanted to read {shown(path.name)}; got {error.strerror or 'an input error'}. "
            "Check its name and permissions."
        ) from None
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"path: wanted a file; got {shown(str(path))}, which is no path. Check its name.") from None


def unpacked(raw: bytes) -> bytes:
    """Return the one file inside gzip or zip, at most two levels deep; anything else, Excel workbooks too, unchanged.

    Raises
    ------
    InputError, ParseError
        It is damaged, too large or encrypted, or contains several files.
    """
    for _ in range(_DEPTH):
        if raw[:2] == b"\x1f\x8b":
            raw = _gunzipped(raw)
        elif raw[:4] in (b"PK\x03\x04", b"PK\x05\x06") and not is_workbook(raw):
            raw = _unzipped(raw)
    kind = next((kind for magic, kind in _PACKED.items() if raw.startswith(magic)), None)
    if kind is not None:
        raise InputError(f"file: wanted gzip or zip, or a plain file; got {kind}. Unpack it first.")
    if raw[:2] == b"\x1f\x8b" or (raw[:4] == b"PK\x03\x04" and not is_workbook(raw)):
        raise InputError(f"file: wanted at most {_DEPTH} layers of gzip and zip; got more. Unpack it first.")
    return raw


def is_workbook(raw: bytes) -> bool:
    """Return whether bytes are a zip that contains an Excel workbook."""
    if raw[:4] != b"PK\x03\x04":
        return False
    try:
        with _zip(raw) as archive:
            return any(name.startswith("xl/") for name in archive.namelist())
    except MemoryError:
        raise
    except Exception:  # zipfile raises almost any exception on malicious files
        return False


def unpacked_size(raw: bytes) -> int:
    """Return the size that a zip declares for its contents; members never yield more."""
    try:
        with _zip(raw) as archive:
            return sum(member.file_size for member in archive.infolist())
    except (LiqError, MemoryError):
        raise
    except Exception:
        raise ParseError("file: wanted a whole zip file; got a damaged one. Save it again.") from None


def _gunzipped(raw: bytes) -> bytes:
    try:
        with gzip.open(BytesIO(raw)) as inside:
            return _bounded(inside.read(MAX_UNPACKED + 1))
    except (OSError, EOFError, zlib.error):
        raise ParseError(
            "file: wanted a whole gzip file; got one that cannot be read, damaged or cut off. Save it again."
        ) from None


def _unzipped(raw: bytes) -> bytes:
    try:
        with _zip(raw) as archive:
            members = [member for member in archive.infolist() if _is_table(member.filename)]
            if len(members) != 1:
                names = ", ".join(shown(member.filename) for member in members[:5]) or "none"
                raise InputError(
                    f"file: wanted a zip of one table; got {len(members)} files: {names}. Unpack it and pass one file; "
                    "archives of exchanges keep their published name, such as BTCUSDT-1m-2024-01.zip."
                )
            if members[0].flag_bits & 0x1:
                raise InputError("file: wanted a zip without a password; got an encrypted one. Unpack it first.")
            if members[0].compress_type not in _METHODS:  # LZMA reserves as much memory as its header says
                raise InputError("file: wanted a zip packed with deflate; got another method. Unpack it first.")
            with archive.open(members[0]) as inside:
                return _bounded(inside.read(MAX_UNPACKED + 1))
    except (LiqError, MemoryError):
        raise
    except Exception:  # zipfile raises almost any exception on malicious files
        raise ParseError(
            "file: wanted a whole zip file; got one that cannot be read, damaged or cut off. Save it again."
        ) from None


def _zip(raw: bytes) -> zipfile.ZipFile:
    end = raw.rfind(b"PK\x05\x06")
    if end < 0 or int.from_bytes(raw[end + 12 : end + 16], "little") > _DIRECTORY:
        raise ParseError("file: wanted a zip of one table; got one whose list of files is missing or too long.")
    return zipfile.ZipFile(BytesIO(raw))


def _is_table(name: str) -> bool:
    last = name.rsplit("/", 1)[-1]
    return bool(last) and not last.startswith(".") and not name.startswith("__MACOSX/") and ".CHECKSUM" not in last


def _bounded(content: bytes) -> bytes:
    if len(content) > MAX_UNPACKED:
        raise InputError(f"file: wanted at most {MAX_UNPACKED // 2**20} MB; got more, unpacked. Cut it.")
    return content
