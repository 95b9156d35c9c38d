"""The folder of one series: its name, its lock, and its files, which are written atomically.

Its path below the cache folder is ``v1/<venue>/<symbol>/<kind>/<interval>/``. Links are never followed, and only its
own files are read, written or removed.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from ...checks import shown
from ...errors import DataError, InputError
from ..venues.symbols import LETTERS

MANIFEST = "manifest.json"
_LAYOUT = "v1"
_LOCK = "lock"
_OWN = re.compile(r"\d{4}-\d{2}\.parquet|manifest\.json")
_NAMES = {
    "exchange": (re.compile(r"[a-z][a-z0-9]{1,19}"), "lower case letters and digits, such as 'binance'"),
    "symbol": (
        re.compile(rf"(?=.{{1,40}}$)[{LETTERS}]+(-[A-Z0-9]+)*"),
        "capital letters and digits, such as 'BTC-USDT-SWAP'",
    ),
    "kind": (re.compile(r"(?=.{1,40}$)[a-z]+(_[a-z]+)*"), "lower case letters, such as 'open_interest'"),
    "interval": (re.compile(r"[0-9]{1,3}[a-z]|any"), "a number and a letter, such as '5m'"),
}
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])", re.IGNORECASE)

Signature = tuple[int, ...]


class SeriesFolder:
    """The files of one series.

    Parameters
    ----------
    root
        The cache folder.
    series
        Venue, symbol, kind and interval.

    Raises
    ------
    InputError
        One of them is not a valid name, or the folder is a link that leads out of the cache folder.
    """

    def __init__(self, root: Path, series: tuple[str, ...]) -> None:
        self.name: str = " ".join(check_name(what, name) for what, name in zip(_NAMES, series, strict=True))
        self._root = Path(root)
        self._path = self._root.joinpath(_LAYOUT, *series)
        self._check_inside()

    def files(self) -> dict[str, int]:
        """Return names and sizes of its existing files, the manifest first."""
        names = [MANIFEST, *_listed(self._path)]
        signatures = {name: self.signature(name) for name in names if _OWN.fullmatch(name.removesuffix(".tmp"))}
        return {name: signature[0] for name, signature in signatures.items() if signature}

    def signature(self, name: str) -> Signature:
        """Return size, time and inode of a regular file; an empty tuple for anything else."""
        with suppress(OSError):
            return _signature((self._path / name).lstat())
        return ()

    def contents(self, name: str, most: int) -> tuple[bytes, Signature]:
        """Return content and signature of a regular file; at most ``most + 1`` bytes are read."""
        with suppress(OSError):
            if self.signature(name):
                with (self._path / name).open("rb") as file:
                    found = os.fstat(file.fileno())  # a writer may have replaced the file in between
                    return file.read(min(found.st_size, most) + 1), _signature(found)
        return b"", ()

    @contextmanager
    def alone(self, patience: float) -> Iterator[None]:
        """Hold the lock, waiting at most `patience` seconds for it; it is released when the process ends.

        Temporary files of a killed writer are removed.

        Raises
        ------
        DataError
            Another process holds it, or a file cannot be written, here or in the body.
        """
        self._check_inside()
        try:
            self._path.mkdir(parents=True, exist_ok=True)
            lock = self._path / _LOCK
            if lock.is_symlink():
                raise OSError(errno.ELOOP, "its lock is a link")
            with FileLock(lock, timeout=patience, poll_interval=0.005):
                self._sweep()
                yield
        except Timeout:
            raise DataError(
                f"cache: wanted the lock of {self.name}; got none in {patience:.0f} s, another process has it. "
                "End that process, take another folder (cache=...), or do without (cache=False)."
            ) from None
        except (OSError, NotImplementedError) as error:
            why = getattr(error, "strerror", None) or "its file system has no locks"
            raise DataError(
                f"cache: wanted to write the cache folder; got {why}. Make room, take another folder "
                "(cache=... or LIQWIDGET_CACHE), or do without (cache=False)."
            ) from None

    def put(self, files: Mapping[str, bytes]) -> None:
        """Write all files, then move them into place in this order; empty content removes a file. Needs the lock."""
        try:
            for name, data in files.items():
                if data:
                    with (self._path / f"{name}.tmp").open("xb") as file:
                        file.write(data)
            for name, data in files.items():
                if data:
                    (self._path / f"{name}.tmp").replace(self._path / name)
                else:
                    (self._path / name).unlink(missing_ok=True)
        except OSError:
            with suppress(OSError):
                self._sweep()
            raise

    def remove(self, names: Mapping[str, int]) -> None:
        """Remove these files in this order. Needs the lock."""
        for name in names:
            (self._path / name).unlink(missing_ok=True)

    def _sweep(self) -> None:
        for path in self._path.glob("*.tmp"):
            if _OWN.fullmatch(path.stem):
                path.unlink()

    def _check_inside(self) -> None:
        with suppress(OSError, RuntimeError):  # a loop of links, before Python 3.13
            if self._path.resolve().is_relative_to(self._root.resolve()) and not _is_loop(self._path):
                return
        raise InputError(
            f"cache: wanted a folder for {self.name} inside the cache folder; got a link that leads out of it. "
            "Remove the link, or take another folder (cache=...)."
        )


def _is_loop(path: Path) -> bool:
    try:
        path.stat()
    except OSError as error:
        return error.errno == errno.ELOOP
    return False


def check_name(what: str, name: object) -> str:
    """Return a part of a series' path ("exchange", "symbol", "kind", "interval"); InputError if it is not valid."""
    pattern, wanted = _NAMES[what]
    if not isinstance(name, str) or not pattern.fullmatch(name) or _RESERVED.fullmatch(name):
        raise InputError(f"{what}: wanted {wanted}; got {shown(name)}.")
    return name


def series_below(root: Path) -> list[tuple[str, ...]]:
    """Return venue, symbol, kind and interval of all series that have files, sorted; links are not followed."""
    found: list[tuple[str, ...]] = [()]
    for what in _NAMES:
        found = [
            (*names, name)
            for names in found
            for name in _listed(root.joinpath(_LAYOUT, *names))
            if _is_name(what, name) and not root.joinpath(_LAYOUT, *names, name).is_symlink()
        ]
    return [names for names in found if SeriesFolder(root, names).files()]


def _signature(found: os.stat_result) -> Signature:
    return (found.st_size, found.st_mtime_ns, found.st_ino) if stat.S_ISREG(found.st_mode) else ()


def _is_name(what: str, name: str) -> bool:
    with suppress(InputError):
        return bool(check_name(what, name))
    return False


def _listed(path: Path) -> list[str]:
    with suppress(OSError):
        return sorted(entry.name for entry in path.iterdir())
    return []
