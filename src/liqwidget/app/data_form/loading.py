"""One load at a time, on a thread of its own: the kernel stays free, what is shown stays, and it can be cancelled."""

from __future__ import annotations

import asyncio
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from ...errors import LiqError
from ...market import Market
from .table_file import read_file

Told = Callable[[int, int, str], object]


class Cancelled(Exception):  # noqa: N818  # a wish, no error
    """The reader wants this load no longer."""


@dataclass(frozen=True)
class Venue:
    """What to fetch: as `liqwidget.fetch` takes it; so many days, the last of them `until` (UTC), or up to now."""

    symbol: str
    exchange: str
    interval: str
    days: float
    until: date | None = None

    def load(self, job: Job) -> Market:
        """Return the market; the job's cancel ends the fetch, and what had come is in the cache."""
        from ...sources.fetch.fetch import fetch_async

        def told(done: int, total: int, rows: int) -> None:
            job.say(done, total, f"pages, {rows:,} rows")

        end = None if self.until is None else self.until + timedelta(days=1)
        wanted = fetch_async(self.symbol, self.exchange, self.interval, end=end, days=self.days, progress=told)
        market: Market = asyncio.run(job.until_cancelled(wanted))
        return market


@dataclass(frozen=True)
class File:
    """What to read: a path of this machine."""

    path: Path
    symbol: str

    def load(self, job: Job) -> Market:
        """Return the market; cancelling is noticed between an archive's files."""
        return read_file(self.path, self.symbol, lambda done, total, _rows: job.say(done, total, "files"))


@dataclass(frozen=True)
class Uploaded:
    """What to read: the bytes of an upload under a safe name."""

    name: str
    content: bytes
    symbol: str

    def load(self, job: Job) -> Market:
        """Return the market; the file is gone afterwards."""
        with tempfile.TemporaryDirectory(prefix="liqwidget-") as folder:
            path = Path(folder) / self.name
            path.write_bytes(self.content)
            return File(path, self.symbol).load(job)


@dataclass(frozen=True)
class Sample:
    """The bundled, simulated week."""

    def load(self, job: Job) -> Market:
        """Return the market."""
        from ...simulation.sample import load_sample

        return load_sample()


Wish = Venue | File | Uploaded | Sample


class Job:
    """One load.

    Parameters
    ----------
    wish
        What to load.
    show
        Called with the market; the picture is changed here and nowhere else.
    told
        Called with what is done and in all (0: not known), and of what.
    ended
        Called at the end with "" or what went wrong, in words.
    """

    def __init__(
        self, wish: Wish, show: Callable[[Market], object], told: Told, ended: Callable[[str], object]
    ) -> None:
        self._wish, self._show, self._told, self._ended = wish, show, told, ended
        self._lock = threading.Lock()
        self._cancelled = False
        self.is_over = False
        self._stop: Callable[[], object] | None = None
        self.thread = threading.Thread(target=self._run, name="liqwidget-load", daemon=True)

    def start(self) -> Job:
        """Begin."""
        self.thread.start()
        return self

    def cancel(self) -> None:
        """End it soon; nothing is shown any more."""
        with self._lock:
            self._cancelled = True
            if self._stop is not None:
                self._stop()

    def say(self, done: int, total: int, what: str) -> None:
        """Tell how far it is, or raise Cancelled."""
        if self._cancelled:
            raise Cancelled
        self._told(done, total, what)

    async def until_cancelled(self, work: Any) -> Any:
        """Return what a coroutine returns; `cancel` from another thread cancels it."""
        loop, task = asyncio.get_running_loop(), asyncio.ensure_future(work)
        with self._lock:
            if self._cancelled:
                task.cancel()
            self._stop = lambda: loop.call_soon_threadsafe(task.cancel)
        try:
            return await task
        finally:
            with self._lock:
                self._stop = None

    def _run(self) -> None:
        try:
            market = self._wish.load(self)
            if self._cancelled:
                raise Cancelled
            self._show(market)
            said = ""
        except (Cancelled, asyncio.CancelledError):
            said = "Cancelled; what was shown stays."
        except LiqError as error:
            said = str(error)
        except Exception as error:  # said in words: a thread's traceback reaches nobody
            said = f"{type(error).__name__}: {str(error)[:300]}"
        self.is_over = True
        self._ended(said)
