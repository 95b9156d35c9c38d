"""Rate limits that all processes of this machine share, so that no venue ever counts too much.

A venue counts a request when it arrives, which is some moment between its sending and its answer. Here a request
counts from before it is sent until one window after its answer was seen. So no window of the venue's holds more than
the limit, whatever the latency: of the requests that arrive in one window, take the one that was sent last; when it
was let through, all the others still counted. One whose process was killed counts as if it had taken the longest time
allowed. Nothing ever counts longer than that from now on, even if the clock goes back.
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
from pyrate_limiter import AbstractBucket, Rate, RateItem

from ...errors import FetchError, InputError
from ...market.columns import stamp
from ..venues.venue import Limit
from .clock import CLOCK, Clock

#: Share of a published limit that is used: browsers and bots behind the same address count too.
SHARE = 0.8
#: The same without a file to share it through: other processes may each take as much.
ALONE = 0.2
#: Longest block, s; the longest ban that a venue announces, so a later end is an error or malice.
LONGEST_BLOCK = 3 * 86_400.0
FILE = "limits.sqlite3"

_COARSE = 20  # ms; the clocks of some systems tick every 16
_LOCKED = 2.0  # s to wait for other processes, which take well below a millisecond each
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
        Where the file lies that they share. None, or a folder that cannot be written: within this process alone,
        with a smaller share of the limits.
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
        """Wait until a request may be sent; leave when its answer was seen, or it failed.

        A body that raises TimeoutError leaves the request counted for all of `total`: it may yet arrive.
        Not to be nested: the inner slot could wait for the outer one.

        Parameters
        ----------
        venue, bucket
            What counts together.
        limit
            What the venue allows.
        weight
            What it counts for the request.
        total
            Most seconds between entering and the request's arrival.
        longest
            Seconds that a block may last to be waited for.
        turns
            Held with the slot, not while waiting for room.

        Raises
        ------
        FetchError
            The venue wants no requests for longer than `longest`.
        """
        if not 0 < weight <= limit.weight:
            raise InputError(f"{venue} {bucket}: a request may weigh 1 to {limit.weight}; got {weight}.")
        lane = self._lanes.setdefault((venue, bucket), _Lane())
        most = max(weight, int(limit.weight * self._store.share))
        rate = Rate(most, math.ceil(limit.seconds * 1000) + _COARSE)
        uses = Uses(self._store, f"{platform.node()} {venue} {bucket}", rate, total, self._clock, lane.flying)
        turns = turns or asyncio.Semaphore()
        async with AsyncExitStack() as held:
            async with lane.queue:  # one waiter of each bucket asks for room, in order of arrival
                while True:
                    await held.enter_async_context(turns)
                    item = RateItem(uuid.uuid4().hex, uses.now(), weight)
                    with self._store.change() as db:
                        block = self._block(db, venue, bucket)
                        if block is None and uses.put(item):
                            break
                    await held.aclose()
                    if block:
                        await self._clock.sleep(_short(venue, block, longest))
                    elif uses.blocker in lane.flying:
                        await lane.landing()  # nothing can change before
                    else:
                        await self._clock.sleep(uses.waiting(item) / 1000)
            lane.flying.add(item.name)
            seen = True
            try:
                yield
            except TimeoutError:
                seen = False
                raise
            finally:
                lane.land(item.name)
                if seen:
                    uses.settle(item)

    def block(self, venue: str, bucket: str | None, until: float, why: str = "") -> None:
        """Let nobody ask a venue, or what counts in one bucket of it, until a time (s since 1970)."""
        now = self._clock.now()
        with self._store.change() as db:
            db.execute("DELETE FROM blocks WHERE until <= ?", (now,))
            db.execute(
                "INSERT INTO blocks VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
                "since = excluded.since, until = excluded.until, why = excluded.why WHERE until < excluded.until",
                (venue, bucket or "", now, min(until, now + LONGEST_BLOCK), why),
            )

    def blocked_until(self, venue: str, bucket: str | None = None) -> float | None:
        """Return until when (s since 1970) a venue, or a bucket of it, must not be asked; None if it may be."""
        with self._store.change() as db:
            block = self._block(db, venue, bucket or "")
        return block.until if block else None

    def close(self) -> None:
        """Close the file; what it holds stays in force."""
        if self._store.shared:
            self._store.close()

    def __enter__(self) -> Limits:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _block(self, db: sqlite3.Connection, venue: str, bucket: str) -> _Block | None:
        now = self._clock.now()
        which = "venue = ?1 AND bucket IN ('', ?2)"
        # A clock that was set back does not make a block longer.
        shifted = f"UPDATE blocks SET until = until - (since - ?3), since = ?3 WHERE {which} AND since > ?3"
        db.execute(shifted, (venue, bucket, now))
        latest = f"SELECT until, why FROM blocks WHERE {which} AND until > ?3 ORDER BY until DESC LIMIT 1"
        row = db.execute(latest, (venue, bucket, now)).fetchone()
        return _Block(row[0], row[0] - now, row[1]) if row else None


class Uses(AbstractBucket):
    """A bucket of pyrate-limiter's, under its sliding-window log, whose items can be moved.

    An item's time is when the venue can have seen it at the latest: while in flight that is the end of the time it is
    given, and afterwards, when its answer came. The library's own buckets cannot hold that rule, as they fix an item's
    time when it is put, and its Limiter cannot wait by another clock; so its interface and its algorithm are used.

    Parameters
    ----------
    store
        Where the rows are.
    name
        Which of them are this bucket's.
    rate
        Weight and window, ms.
    total
        Most seconds in flight.
    clock
        Tells the time.
    flying
        Items known to be in flight: they count however long that takes, that of a suspended machine included.
    """

    is_async = False

    def __init__(self, store: _Store, name: str, rate: Rate, total: float, clock: Clock, flying: set[str]) -> None:
        self.rates = [rate]
        self.blocker: str | None = None  # the item that the one refused last waits for
        self._store, self._name, self._time, self._flying = store, name, clock, flying
        self._flight = math.ceil(total * 1000)

    def now(self) -> int:
        """Return ms; rounded down, but for what floats lose."""
        return int(self._time.monotonic() * 1000 + 1e-3)

    def put(self, item: RateItem) -> bool:
        """Count an item if there is room; else say no, and `waiting` how long at least."""
        now, name = item.timestamp, self._name
        self.blocker = None
        with self._store.change() as db:
            if (db.execute("SELECT MAX(sent) FROM uses WHERE bucket = ?", (name,)).fetchone()[0] or 0) > now:
                # The machine was started again, and its clock with it.
                shifted = "UPDATE uses SET last = last - (sent - ?2), sent = ?2 WHERE bucket = ?1 AND sent > ?2"
                db.execute(shifted, (name, now))
            renewed = "UPDATE uses SET last = ? WHERE bucket = ? AND id = ?"
            db.executemany(renewed, [(now + self._flight, name, flying) for flying in self._flying])
            self.leak(now)
            decision = self._algorithm.decide(self.rates, [self.count()], item.weight, now, self._blocking)
            if self._record(item, decision):
                row = (name, item.name, item.weight, now, now + self._flight)
                db.execute("INSERT INTO uses VALUES (?, ?, ?, ?, ?)", row)
        return decision.allowed

    def waiting(self, item: RateItem) -> int:
        """Return ms in which there may be room for the item that was refused last."""
        return self._recorded_wait(item) or 0

    def settle(self, item: RateItem) -> None:
        """Say that the answer to an item is there: it arrived by now."""
        row = (self._name, item.name, item.weight, item.timestamp, math.ceil(self._time.monotonic() * 1000))
        with suppress(FetchError), self._store.change() as db:  # a failure makes it count longer
            db.execute("INSERT OR REPLACE INTO uses VALUES (?, ?, ?, ?, ?)", row)

    def leak(self, current_timestamp: int | None = None) -> int:
        """Forget what no longer counts; return how many items that is."""
        bound = self._algorithm.leak_bound(self.rates, self.now() if current_timestamp is None else current_timestamp)
        with self._store.change() as db:
            return db.execute("DELETE FROM uses WHERE bucket = ? AND last < ?", (self._name, bound)).rowcount

    def flush(self) -> None:
        """Forget everything."""
        self.failing_rate = None
        with self._store.change() as db:
            db.execute("DELETE FROM uses WHERE bucket = ?", (self._name,))

    def count(self) -> int:
        """Return the weight of what is kept."""
        with self._store.change() as db:
            weight = "SELECT COALESCE(SUM(weight), 0) FROM uses WHERE bucket = ?"
            return int(db.execute(weight, (self._name,)).fetchone()[0])

    def peek(self, index: int) -> RateItem | None:
        """Return the item that holds the unit of weight with this index, latest first."""
        with self._store.change() as db:
            rows = "SELECT id, last, weight FROM uses WHERE bucket = ? ORDER BY last DESC"
            for name, last, weight in db.execute(rows, (self._name,)):
                index -= weight
                if index < 0:
                    return RateItem(name, last, weight)
        return None

    def _blocking(self, index: int) -> int | None:
        item = self.peek(index)
        self.blocker = item.name if item else None
        return min(item.timestamp, self.now()) if item else None  # one in flight may be answered at once


@dataclass(frozen=True)
class _Block:
    until: float
    left: float
    why: str


def _short(venue: str, block: _Block, longest: float) -> float:
    """Return the seconds that a block lasts, where that is short enough to wait."""
    if block.left > longest:
        time = stamp(math.ceil(block.until) * 1_000_000_000)
        why = f" ({block.why})" if block.why else ""
        raise FetchError(f"{venue}: it wants no requests before {time} (UTC){why}. Try again then.")
    return block.left


@dataclass
class _Lane:
    """The requests of one bucket in this process: those that wait, and those in flight."""

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
        """Make changes together, or with an error none of them; one inside another belongs to that."""
        with self._lock:
            try:
                if self._db.in_transaction:
                    yield self._db
                    return
                if self._file() != self._opened:  # deleted under us
                    self.close()
                    self._open()
                self._db.execute("BEGIN IMMEDIATE")
                with self._db:
                    yield self._db
            except (OSError, sqlite3.Error) as error:
                why = error.strerror if isinstance(error, OSError) else error
                raise FetchError(
                    f"rate limits: {FILE} in the cache folder could not be used ({why}). Nothing is sent without it; "
                    "delete it if that stays."
                ) from None

    def _open(self) -> None:
        self._db = _connected(self._path)
        self._opened = self._file()
        self.close = finalize(self, self._db.close)

    def _file(self) -> int | None:
        with suppress(OSError):
            return self._path.stat().st_ino if self._path else None
        return None


#: Without a file, one store for each clock, which for users means: one for the process.
_ALONE: WeakKeyDictionary[Clock, _Store] = WeakKeyDictionary()


def _stored(folder: Path | None, clock: Clock) -> _Store:
    if folder is not None:
        with suppress(OSError, sqlite3.OperationalError):  # not writable
            return _Store(folder / FILE)
    return _ALONE.setdefault(clock, _Store(None))


def _connected(path: Path | None) -> sqlite3.Connection:
    """Return a connection to the tables; a damaged file is replaced, since a crash of the system may leave one."""
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
        # Survives the death of a process, not always that of the system; no second file to be shared, as WAL has.
        for statement in ("PRAGMA journal_mode = TRUNCATE", "PRAGMA synchronous = OFF", *_TABLES):
            db.execute(statement)
        if db.execute("PRAGMA quick_check").fetchone()[0] != "ok":
            raise sqlite3.DatabaseError("damaged")
    except (sqlite3.Error, UnicodeDecodeError):
        db.close()
        raise
    return db
