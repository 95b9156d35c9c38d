"""Loading a market on its own thread: the kernel stays responsive, the picture stays, and it can be cancelled."""

from __future__ import annotations

import asyncio
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from ...checks import shown
from ...errors import InputError
from ...market.market import Market
from ..failure import failure_text
from .table_file import read_file

Told = Callable[[int, int, str], object]
#: Most days of one load, and the last day that has a next one. The form says so, but a browser may send anything.
MAX_DAYS, LAST_DAY = 365.0, date(9999, 12, 30)


class Cancelled(Exception):  # noqa: N818  # a choice, no error
    """The user has cancelled this load."""


@dataclass(frozen=True)
class FromVenue:
    """Candles to fetch, as in `liqwidget.fetch`: a number of days, the last one `until` (UTC), or up to now."""

    symbol: str
    exchange: str | tuple[str, ...]
    interval: str
    days: float
    until: date | None = None
    trust_env: bool = False

    def load(self, job: Job) -> Market:
        """Return the market; cancelling the job ends the fetch, and what was fetched stays in the cache."""
        from ...sources.fetch.fetch import fetch_async

        if not 0 < self.days <= MAX_DAYS:  # false for NaN too
            raise InputError(f"days: wanted a number above 0, at most {MAX_DAYS:g}; got {shown(self.days)}.")
        if self.until is not None and self.until > LAST_DAY:
            raise InputError(
                f"until: wanted a day before {LAST_DAY.year}-12-31; got {self.until}. Leave it empty for now."
            )

        def told(done: int, total: int, rows: int) -> None:
            job.say(done, total, f"pages, {rows:,} rows")

        end = None if self.until is None else self.until + timedelta(days=1)
        wanted = fetch_async(
            self.symbol,
            self.exchange,
            self.interval,
            end=end,
            days=self.days,
            progress=told,
            trust_env=self.trust_env,
        )
        market: Market = asyncio.run(job.until_cancelled(wanted))
        return market


@dataclass(frozen=True)
class FromFile:
    """A path on the kernel's machine."""

    path: Path
    symbol: str

    def load(self, job: Job) -> Market:
        """Return the market; an archive can be cancelled between its files."""
        return read_file(self.path, self.symbol, lambda done, total, _rows: job.say(done, total, "files"))


@dataclass(frozen=True)
class FromUpload:
    """The bytes of an upload, with a safe name."""

    name: str
    content: bytes
    symbol: str

    def load(self, job: Job) -> Market:
        """Return the market; the temporary file is deleted."""
        with tempfile.TemporaryDirectory(prefix="liqwidget-") as folder:
            path = Path(folder) / self.name
            path.write_bytes(self.content)
            return FromFile(path, self.symbol).load(job)


@dataclass(frozen=True)
class FromSample:
    """The bundled, simulated week."""

    def load(self, job: Job) -> Market:
        """Return the market."""
        from ...simulation.sample import load_sample

        return load_sample()


Choice = FromVenue | FromFile | FromUpload | FromSample


class Job:
    """One load.

    Parameters
    ----------
    choice
        What to load.
    show
        Called with the market; only this changes the picture.
    told
        Called with the number done, the total (0: not known), and the unit.
    ended
        Called at the end with "" or an error message.
    """

    def __init__(
        self, choice: Choice, show: Callable[[Market], object], told: Told, ended: Callable[[str], object]
    ) -> None:
        self._choice, self._show, self._told, self._ended = choice, show, told, ended
        self._lock = threading.Lock()
        self._cancelled = False
        self.is_over: bool = False
        self._stop: Callable[[], object] | None = None
        self.thread: threading.Thread = threading.Thread(target=self._run, name="liqwidget-load", daemon=True)

    def start(self) -> Job:
        """Begin, or end immediately with a message if no further thread can be started."""
        try:
            self.thread.start()
        except RuntimeError:
            self.is_over = True
            self._ended("load: wanted a thread for it; this system starts no more. Try again later.")
        return self

    def cancel(self) -> None:
        """Cancel the load; its market will not be shown."""
        with self._lock:
            self._cancelled = True
            if self._stop is not None:
                self._stop()

    def say(self, done: int, total: int, what: str) -> None:
        """Report progress, or raise Cancelled."""
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
            market = self._choice.load(self)
            if self._cancelled:
                raise Cancelled
            self._show(market)
            said = ""
        except (Cancelled, asyncio.CancelledError):
            said = "Cancelled. The chart is unchanged."
        except Exception as error:
            said = failure_text(error, "load")
        self.is_over = True
        self._ended(said)
