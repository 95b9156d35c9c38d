"""The folder of one series: its name, its lock, and its files, which are moved to their place when they are whole.

Below the cache folder it is ``v1/<venue>/<symbol>/<kind>/<interval>/``. Links are never followed, and no other files
than its own are read, written or removed.
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

from ...errors import DataError, InputError
from ...market.columns import shown

MANIFEST = "manifest.json"
_LAYOUT = "v1"
_LOCK = "lock"
_OWN = re.compile(r"\d{4}-\d{2}\.parquet|manifest\.json")
_NAMES = {
    "exchange": (re.compile(r"[a-z][a-z0-9]{1,19}"), "small letters and digits, such as 'binance'"),
    "symbol": (re.compile(r"(?=.{1,40}$)[A-Z0-9]+(-[A-Z0-9]+)*"), "capitals and digits, such as 'BTC-USDT-SWAP'"),
    "kind": (re.compile(r"(?=.{1,40}$)[a-z]+(_[a-z]+)*"), "small letters, such as 'open_interest'"),
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
        One of them cannot be a folder's name, or the folder is a link that leads out of the cache folder.
    """

    def __init__(self, root: Path, series: tuple[str, ...]) -> None:
        self.name = " ".join(check_name(what, name) for what, name in zip(_NAMES, series, strict=True))
        self._root = Path(root)
        self._path = self._root.joinpath(_LAYOUT, *series)
        self._check_inside()

    def files(self) -> dict[str, int]:
        """Return the names of its files that are there, the manifest first, and their bytes."""
        names = [MANIFEST, *_listed(self._path)]
        signatures = {name: self.signature(name) for name in names if _OWN.fullmatch(name.removesuffix(".tmp"))}
        return {name: signature[0] for name, signature in signatures.items() if signature}

    def signature(self, name: str) -> Signature:
        """Return size, time and inode of a regular file; nothing for what is none."""
        with suppress(OSError):
            return _signature((self._path / name).lstat())
        return ()

    def contents(self, name: str, most: int) -> tuple[bytes, Signature]:
        """Return bytes and signature of a regular file; of one that has more than `most` bytes, one more than that."""
        with suppress(OSError):
            if self.signature(name):
                with (self._path / name).open("rb") as file:
                    found = os.fstat(file.fileno())  # another file than a moment ago, where a writer was between
                    return file.read(min(found.st_size, most) + 1), _signature(found)
        return b"", ()

    @contextmanager
    def alone(self, patience: float) -> Iterator[None]:
        """Hold the lock, for which to wait so many seconds and which ends with the process.

        What a killed writer left half done goes.

        Raises
        ------
        DataError
            Another process keeps it, or a file cannot be written, here or by what is done meanwhile.
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
                f"cache: {self.name} is kept by another process for more than {patience:.0f} s. "
                "End that process, take another folder (cache=...), or do without (cache=False)."
            ) from None
        except (OSError, NotImplementedError) as error:
            why = getattr(error, "strerror", None) or "its file system has no locks"
            raise DataError(
                f"cache: the cache folder could not be written ({why}). Make room, take another folder "
                "(cache=... or LIQWIDGET_CACHE), or do without (cache=False)."
            ) from None

    def put(self, files: Mapping[str, bytes]) -> None:
        """Write all files, then move them to their places in this order; no bytes: the file goes. Needs the lock."""
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
        with suppress(OSError, RuntimeError):  # a loop of links
            if self._path.resolve().is_relative_to(self._root.resolve()):
                return
        raise InputError(
            f"cache: {self.name} needs a folder below the cache folder; there is a link that leads out of it. "
            "Remove the link, or take another folder (cache=...)."
        )


def check_name(what: str, name: object) -> str:
    """Return a part of a series' path ("exchange", "symbol", "kind", "interval"); InputError for what cannot be one."""
    pattern, wanted = _NAMES[what]
    if not isinstance(name, str) or not pattern.fullmatch(name) or _RESERVED.fullmatch(name):
        raise InputError(f"{what}: need {wanted}; got {shown(name)}.")
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
