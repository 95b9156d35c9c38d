"""Untrusted files as a Market: tables of candles, and files and folders of exchanges' archives."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from ...checks import shown
from ...errors import InputError
from ...market.files.table_file import KINDS
from ...market.market import Market
from ...sources.archive.file_names import published

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}", re.ASCII)
#: Names of published files: BTCUSDT-1m-2024-01.zip (or .csv), BTCUSDT2024-01-31.csv.gz.
_PUBLISHED = re.compile(
    r"[A-Z0-9_]+(-[A-Za-z0-9]+-\d{4}-\d\d(-\d\d)?\.(zip|csv)|\d{4}-\d\d-\d\d\.csv(\.gz)?)", re.ASCII
)

Told = Callable[[int, int, int], object]


def safe_name(name: object) -> str:
    """Return a file's name that is safe to write to a folder, or raise InputError.

    Letters, digits, dots, hyphens and underscores of ASCII, at most 120, with one of the endings in ``KINDS``. Other
    characters become underscores, and a name of nothing else becomes "upload"; leading folders are dropped.
    """
    if not isinstance(name, str):
        raise InputError(f"upload: wanted a file with a name; got {shown(name)}. Choose another file.")
    last = re.split(r"[\\/]", published(name[-400:]))[-1]
    ending = next((kind for kind in KINDS if last.lower().endswith(kind)), "")
    if not ending or not last.removesuffix(last[-len(ending) :]).strip("._- "):
        raise InputError(
            f"upload: wanted a file of {', '.join(KINDS)}; got {shown(name[-60:])}. Save it as one of these."
        )
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", last)[-120:].lstrip("._-")
    return plain if _NAME.fullmatch(plain) and plain.lower() != ending[1:] else f"upload{ending}"


def read_file(path: Path, symbol: str, told: Told | None = None) -> Market:
    """Read candles from a file, or from a folder of an exchange's archive.

    Parameters
    ----------
    path
        A file as `liqwidget.Market.read` takes it, or a file or folder as `liqwidget.read_archive` does.
    symbol
        Label for a table; archives have their own.
    told
        As ``progress`` of `liqwidget.read_archive`.

    Raises
    ------
    InputError, ParseError
        The file does not exist, is too large, or contains no candles.
    """
    if path.is_dir() or (_PUBLISHED.fullmatch(published(path.name)) and path.exists()):
        from ...sources.archive.read_archive import read_archive  # loads pyarrow

        return read_archive(path, progress=told or False)
    return Market.read(path, symbol=symbol)
