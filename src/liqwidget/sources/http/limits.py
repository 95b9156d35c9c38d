"""Rate limits shared by all processes of this machine, so that no venue's limit is ever exceeded.

A venue counts a request on arrival, at an unknown time between sending and answer. Here a request counts from before it
is sent until one window after its answer was received. So no window of the venue contains more than the limit, whatever
the latency: of the requests that arrive in one window, consider the one sent last; when it was let through, all others
still counted. A request whose process was killed counts as if it had taken the longest time allowed. Nothing counts
longer than that from now on, even if the clock is set back.
"""

from __future__ import annotations

import asyncio
import math
import platform
import sqlite3
import threading
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from weakref import WeakKeyDictionary, finalize

from filelock import FileLock

from ...checks import stamp
from ...errors import FetchError, InputError
from ..venues.venue import Limit
from .clock import CLOCK, Clock

#: Share of a published limit that is used: browsers and bots at the same IP address count too.
SHARE = 0.8
#: The same if there is no shared file: other processes may each use as much.
ALONE = 0.2
#: Longest block, s: the longest ban that a venue announces; a later end is an error or malicious.
LONGEST_BLOCK = 3 * 86_400.0
FILE = "limits.sqlite3"

_COARSE = 20  # ms; the clocks of some systems tick every 16
_LOCKED = 2.0  # s to wait for other processes, which need well below a millisecond each
_DAMAGE = (sqlite3.DatabaseError, UnicodeDecodeError)  # the latter from a message about a damaged name
_TABLES = (
    # Times in ms of the machine's monotonic clock: `last` is when the venue can have seen the request at the latest.
    """CREATE TABLE IF NOT EXISTS uses (bucket TEXT, id TEXT, weight INTEGER, sent INTEGER, last INTEGER,
    PRIMARY KEY (bucket, id)) WITHOUT ROWID""",
    # Times in s since 1970, since a block outlasts a restart; bucket '' is the whole venue.
    """CREATE TABLE IF NOT EXISTS blocks (venue TEXT, bucket TEXT, since REAL, until REAL, why TEXT,
    PRIMARY KEY (venue, bucket)) WITHOUT ROWID""",
)


class Limits:
    """Slots for requests, shared by all processes that use the same folder.

    One object belongs to one event loop; other loops and processes make their own on the same folder.

    Parameters
    ----------
    folder
        Folder of the shared file. None, or a folder that cannot be written: limits are kept within this process, with
        a smaller share.
    clock
        Tells the time and waits.
    """

    def __init__(self, folder: Path | None, clock: Clock = CLOCK) -> None:
        self._clock = clock
        self._store = _stored(folder, clock)
        self._lanes: dict[tuple[str, str], _Lane] = {}

    @asynccontextmanager
    async def slot(
        self,
        venue: str,
        bucket: str,
        limit: Limit,
        weight: int,
        *,
        total: float = 30.0,
        longest: float = 90.0,
        turns: asyncio.Semaphore | None = None,
    ) -> AsyncIterator[None]:
        """Wait until a request may be sent; leave the context when its answer was received, or it failed.

        If the body raises TimeoutError, the request counts for all of `total`, since it may still arrive.
        Do not nest slots: the inner one could wait for the outer one.

        Parameters
        ----------
        venue, bucket
            Requests of the same venue and bucket count together.
        limit
            The venue's limit.
        weight
            Weight of the request.
        total
            Most seconds between entering and the request's arrival.
        longest
            Longest block to wait for, seconds.
        turns
            Held with the slot, not while waiting for it.

        Raises
        ------
        FetchError
            The venue blocks requests for longer than `longest`.
        """
        if not 0 < weight <= limit.weight:
            raise InputError(f"{venue} {bucket}: a request may weigh 1 to {limit.weight}; got {weight}.")
        lane = self._lanes.setdefault((venue, bucket), _Lane())
        most = max(weight, int(limit.weight * self._store.share))
        window, flight = math.ceil(limit.seconds * 1000) + _COARSE, math.ceil(total * 1000)
        name = f"{platform.node()} {venue} {bucket}"
        uses = _Uses(self._store, name, most, window, flight, self._clock, lane.flying)
        turns = turns or asyncio.Semaphore()
        async with AsyncExitStack() as held:
            async with lane.queue:  # one waiter per bucket at a time, in order of arrival
                while True:
                    await held.enter_async_context(turns)
                    use = _Use(uuid.uuid4().hex, weight, uses.now())
                    with self._store.change() as db:
                        block = self._block(db, venue, bucket)
                        wait = None if block else uses.take(use)
                    if block is None and wait is None:
                        break
                    await held.aclose()
                    if block:
                        await self._clock.sleep(_short(venue, block, longest))
                    elif wait and wait.id in lane.flying:
                        await lane.landing()  # nothing can change before
                    elif wait:
                        await self._clock.sleep(wait.ms / 1000)
            lane.flying.add(use.id)
            seen = True
            try:
                yield
            except TimeoutError:
                seen = False
                raise
            finally:
                lane.land(use.id)
                if seen:
                    uses.settle(use)

    def block(self, venue: str, bucket: str | None, until: float, why: str = "") -> None:
        """Block all requests to a venue, or to one of its buckets, until a time (s since 1970)."""
        now = self._clock.now()
        with self._store.change() as db:
            db.execute("DELETE FROM blocks WHERE until <= ?", (now,))
            db.execute(
                "INSERT INTO blocks VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
                "since = excluded.since, until = excluded.until, why = excluded.why WHERE until < excluded.until",
                (venue, bucket or "", now, min(until, now + LONGEST_BLOCK), why),
            )

    def blocked_until(self, venue: str, bucket: str | None = None) -> float | None:
        """Return until when (s since 1970) a venue, or a bucket of it, is blocked; None if it is not."""
        with self._store.change() as db:
            block = self._block(db, venue, bucket or "")
        return block.until if block else None

    def close(self) -> None:
        """Close the file; its limits stay in force."""
        if self._store.shared:
            self._store.close()

    def __enter__(self) -> Limits:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _block(self, db: sqlite3.Connection, venue: str, bucket: str) -> _Block | None:
        now = self._clock.now()
        which, named = "venue = :venue AND bucket IN ('', :bucket)", {"venue": venue, "bucket": bucket, "now": now}
        # Setting the clock back does not make a block longer.
        shifted = f"UPDATE blocks SET until = until - (since - :now), since = :now WHERE {which} AND since > :now"
        db.execute(shifted, named)
        latest = f"SELECT until, why FROM blocks WHERE {which} AND until > :now ORDER BY until DESC LIMIT 1"
        row = db.execute(latest, named).fetchone()
        return _Block(row[0], row[0] - now, row[1]) if row else None


@dataclass(frozen=True)
class _Use:
    """A request: what it counts, and when it was sent, ms."""

    id: str
    weight: int
    sent: int


@dataclass(frozen=True)
class _Wait:
    """Why there is no room: a use that must stop counting first, and in how many ms it may."""

    id: str
    ms: int


@dataclass(frozen=True)
class _Uses:
    """What counts in one bucket: a log with a sliding window.

    A use counts until one window after the moment when the venue can have seen it at the latest: while in flight that
    is the end of the time it is given, and afterwards, when its answer came.

    Parameters
    ----------
    store
        Where the rows are.
    name
        Which of them are this bucket's.
    most
        Weight that a window may hold.
    window
        Its length, ms.
    flight
        Longest time in flight, ms.
    clock
        Tells the time.
    flying
        Uses known to be in flight: they count however long that takes, that of a suspended machine included.
    """

    store: _Store
    name: str
    most: int
    window: int
    flight: int
    clock: Clock
    flying: set[str]

    def now(self) -> int:
        """Return ms, rounded down except for float errors."""
        return int(self.clock.monotonic() * 1000 + 1e-3)

    def take(self, use: _Use) -> _Wait | None:
        """Count a use if there is room; otherwise return how long there is none at least."""
        now, name = use.sent, self.name
        with self.store.change() as db:
            if (db.execute("SELECT MAX(sent) FROM uses WHERE bucket = ?", (name,)).fetchone()[0] or 0) > now:
                # The machine was restarted, and its clock with it.
                shifted = (
                    "UPDATE uses SET last = last - (sent - :now), sent = :now WHERE bucket = :bucket AND sent > :now"
                )
                db.execute(shifted, {"bucket": name, "now": now})
            renewed = "UPDATE uses SET last = ? WHERE bucket = ? AND id = ?"
            db.executemany(renewed, [(now + self.flight, name, flying) for flying in self.flying])
            db.execute("DELETE FROM uses WHERE bucket = ? AND last < ?", (name, now - self.window))
            room = self.most - use.weight
            counted = "SELECT id, last, weight FROM uses WHERE bucket = ? ORDER BY last DESC"
            for other, last, weight in db.execute(counted, (name,)):
                room -= weight
                if room < 0:  # all before this one may stay; one in flight may be answered at once
                    return _Wait(other, min(last, now) + self.window + 1 - now)
            db.execute("INSERT INTO uses VALUES (?, ?, ?, ?, ?)", (name, use.id, use.weight, now, now + self.flight))
        return None

    def settle(self, use: _Use) -> None:
        """Record that the answer to a use has arrived."""
        row = (self.name, use.id, use.weight, use.sent, math.ceil(self.clock.monotonic() * 1000))
        with suppress(FetchError), self.store.change() as db:  # a failure makes it count longer
            db.execute("INSERT OR REPLACE INTO uses VALUES (?, ?, ?, ?, ?)", row)


@dataclass(frozen=True)
class _Block:
    until: float
    left: float
    why: str


def _short(venue: str, block: _Block, longest: float) -> float:
    """Return the seconds that a block lasts; FetchError if that is too long to wait."""
    if block.left > longest:
        time = stamp(math.ceil(block.until) * 1_000_000_000)
        why = f" ({block.why})" if block.why else ""
        raise FetchError(f"{venue}: wanted to send a request; got blocked until {time} (UTC){why}. Try again then.")
    return block.left


@dataclass
class _Lane:
    """The requests of one bucket in this process: waiting, and in flight."""

    queue: asyncio.Lock = field(default_factory=asyncio.Lock)
    flying: set[str] = field(default_factory=set)
    landed: asyncio.Event = field(default_factory=asyncio.Event)

    async def landing(self) -> None:
        self.landed.clear()
        await self.landed.wait()

    def land(self, name: str) -> None:
        self.flying.discard(name)
        self.landed.set()


class _Store:
    """The tables, in a file or in memory; one change at a time over all threads and processes."""

    def __init__(self, path: Path | None) -> None:
        self.shared = path is not None
        self.share = SHARE if self.shared else ALONE
        self._path = path
        self._lock = threading.RLock()
        self._open()

    @contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """Run changes in one transaction, rolled back on an error; a nested call joins the outer one."""
        with self._lock:
            try:
                if self._db.in_transaction:
                    yield self._db
                    return
                if self._file() != self._opened:  # the file was deleted meanwhile
                    self.close()
                    self._open()
                self._db.execute("BEGIN IMMEDIATE")
                with self._db:
                    yield self._db
            except (OSError, sqlite3.Error) as error:
                why = error.strerror if isinstance(error, OSError) else error
                raise FetchError(
                    f"rate limits: wanted to use {FILE} in the cache folder; got {why}. "
                    "Requests are blocked until it is readable; delete it if the error persists."
                ) from None

    def _open(self) -> None:
        self._db = _connected(self._path)
        self._opened = self._file()
        self.close = finalize(self, self._db.close)

    def _file(self) -> int | None:
        with suppress(OSError):
            return self._path.stat().st_ino if self._path else None
        return None


#: Without a file, one store per clock: for users, one per process.
_ALONE: WeakKeyDictionary[Clock, _Store] = WeakKeyDictionary()


def _stored(folder: Path | None, clock: Clock) -> _Store:
    if folder is not None:
        with suppress(OSError, sqlite3.OperationalError):  # not writable
            return _Store(folder / FILE)
    return _ALONE.setdefault(clock, _Store(None))


def _connected(path: Path | None) -> sqlite3.Connection:
    """Return a connection to the tables; a damaged file, as a system crash may leave, is replaced."""
    if path is None:
        return _prepared(":memory:")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        return _prepared(path)
    except sqlite3.OperationalError:
        raise
    except _DAMAGE:
        with FileLock(f"{path}.lock"):
            try:
                return _prepared(path)  # another process was faster
            except _DAMAGE:
                path.unlink(missing_ok=True)
                return _prepared(path)


def _prepared(path: Path | str) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=_LOCKED, isolation_level=None, check_same_thread=False)
    try:
        # Survives the death of a process, not always that of the system; needs no second file, as WAL would.
        for statement in ("PRAGMA journal_mode = TRUNCATE", "PRAGMA synchronous = OFF", *_TABLES):
            db.execute(statement)
        if db.execute("PRAGMA quick_check").fetchone()[0] != "ok":
            raise sqlite3.DatabaseError("damaged")
    except (sqlite3.Error, UnicodeDecodeError):
        db.close()
        raise
    return db
