"""One fetch: what is wanted of each series, what the cache has of it, what came, and the market they make."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...errors import DataError, FetchError
from ...market import Market, Origin
from ...market.columns import stamp
from ...run.progress import Progress
from ..cache.cache import Look, Store, folder
from ..http.client import Client
from ..http.clock import CLOCK
from ..http.limits import Limits
from ..rows import Rows, Span, covered
from ..venues.venue import HOUR, INTERVALS, MINUTE, Kind, Series, Venue
from .assemble import FRESH, assemble
from .pager import FORMING, SETTLE, Pager, Part, together
from .wanted import Wanted

_LOOK_AHEAD = 15 * MINUTE  # asked for beyond now, so that a clock that is behind hides no candle
_FLUSH = 1.0  # seconds of work that a kill may cost
_NAMES = {ms: name for name, ms in INTERVALS.items()}


@dataclass
class Wish:
    """One series: what is wanted of it, what the cache had, what came, and why it is not all."""

    kind: Kind
    series: Series
    size: int  # ms between its rows
    span: Span
    store: Store | None
    cached: Look
    reached: int  # ms: candles that open before have all that belongs to them
    holes: list[Span] = field(default_factory=list)  # what has to be asked for
    came: list[Part] = field(default_factory=list)
    unkept: list[Part] = field(default_factory=list)
    why: str = ""
    unwritten: str = ""

    def rows(self, end: int) -> Rows:
        """Return what there is before `end`, tidy."""
        new = Rows.joined([part.rows for part in self.came], self.series.columns).tidy(self.kind)
        return new.over(self.cached.rows).within(self.span[0], end)

    def keep(self) -> None:
        """Write what came to the cache; where that fails, go on without one."""
        parts, self.unkept = self.unkept, []
        if self.store is None or not parts:
            return
        try:
            rows = Rows.joined([part.rows for part in parts], self.series.columns).tidy(self.kind)
            for span in covered(part.span for part in parts):
                self.store.write(rows.within(*span), span, min(part.now for part in parts))
        except DataError as error:
            self.store, self.unwritten = None, str(error)


class Task:
    """One fetch.

    Parameters
    ----------
    venue, symbol
        Whom to ask, and its own id of the instrument.
    range_
        The candles wanted.
    place
        The cache's folder; None: no cache.
    offline
        Ask nobody.
    now
        ms since 1970.
    """

    def __init__(
        self, venue: Venue, symbol: str, range_: Wanted, place: Path | None, now: int, offline: bool = False
    ) -> None:
        self.venue, self.symbol, self.range, self.place = venue, symbol, range_, place
        self.now, self.offline = now, offline
        self.progress = Progress(f"{venue.name} {symbol}", "pages")
        wishes = (self._wish(kind, series) for kind, series in venue.series.items())
        self.wishes = [wish for wish in wishes if wish is not None]
        for wish in self.wishes:
            wish.holes = self._holes(wish)
        self._kept = CLOCK.monotonic()

    async def run(self, trust_env: bool = False) -> None:
        """Fetch what the cache lacks, with a client of its own that may take proxies from the environment."""
        if any(wish.holes for wish in self.wishes):
            with Limits(folder(None)) as limits:
                async with Client(self.venue, limits, trust_env=trust_env) as client:
                    await self.fill(client)

    async def fill(self, client: Client) -> None:
        """Fetch what the cache lacks.

        Raises
        ------
        FetchError, ParseError
            The candles could not be had. Without one of the other series there is a market all the same.
        """
        jobs = [(wish, hole) for wish in self.wishes for hole in wish.holes]
        pagers = [(wish, hole, self._pager(client, wish)) for wish, hole in jobs]
        self.progress.total = sum(len(pager.windows(*hole)) for _, hole, pager in pagers)
        try:
            await together(self._read(wish, pager, hole) for wish, hole, pager in pagers)
        except DataError as error:
            raise self._explained(error) from None
        finally:
            for wish in self.wishes:
                wish.keep()

    def market(self) -> Market:
        """Return the market of what is there.

        Raises
        ------
        FetchError
            There is no candle.
        """
        end = self._end()
        parts = {wish.kind: wish.rows(end if wish.kind in FORMING else end + wish.size) for wish in self.wishes}
        if not len(parts["candles"]):
            cure = (
                "the cache has none. Fetch them once without offline=True"
                if self.offline
                else "the venue has none. Look at the symbol and the range"
            )
            raise FetchError(f"{self.venue.name}: candles of {self.symbol} {self._asked()} were wanted; {cure}.")
        frame = assemble(parts, self.range.step)
        return Market.from_frame(frame, self.symbol, self.venue.name)._with(self._origin(frame))

    def _end(self) -> int:
        """Return the open time, ms, before which all series are there: they were read one after the other."""
        if not self.range.live:
            return self.range.end
        reached = [wish.reached for wish in self.wishes if not wish.why]
        return min(reached)

    def _wish(self, kind: Kind, series: Series) -> Wish | None:
        size = series.period_for(self.range.step)[1]
        span = self.range.start, self.range.end
        if kind not in FORMING:  # what was known from the first close to the last
            span = (span[0] - FRESH[kind]) // size * size, (span[1] // size + 1) * size
        elif size != self.range.step:
            return None
        until = max(self.range.end, self.now + _LOOK_AHEAD) if self.range.live else self.range.end
        if self.place is None:
            return Wish(kind, series, size, span, None, Look(Rows.empty(series.columns)), until)
        name = _NAMES[size] if series.periods else "any"
        store = Store(self.place, self.venue.name, self.symbol.upper(), kind, name, series.columns)
        return Wish(kind, series, size, span, store, store.look(span[0], max(until, span[1])), until)

    def _holes(self, wish: Wish) -> list[Span]:
        """Return what has to be asked for: what the cache lacks, as far back as the venue goes."""
        start, end = wish.span
        series, size = wish.series, wish.size
        if series.reach is not None:
            start = max(start, -(-(self.now - series.reach) // size) * size)
        if series.newest is not None:
            start = max(start, (self.now // size - series.newest + 1) * size)
        if start >= end:
            return []
        if self.range.live and wish.kind not in FORMING:
            end = min(end, self.now // min(size, HOUR) * min(size, HOUR) + 1)  # the newest there can be
        gaps = wish.cached.holes(start, end, self.now, self.range.step)
        if gaps and self.range.live and gaps[-1][1] == end:
            gaps[-1] = (gaps[-1][0], self.now + _LOOK_AHEAD)
        elif self.range.live:
            wish.reached = self.now // self.range.step * self.range.step
        return gaps

    def _pager(self, client: Client, wish: Wish) -> Pager:
        def took(part: Part) -> None:
            span = (part.span[0], max(part.span[0], min(part.span[1], pager.reached(part.now))))
            wish.came.append(Part(span, part.rows, part.now))
            if part.span[1] > self.range.end:  # a window that looks ahead, up to `until` at most
                known = min(part.now - SETTLE, self.now + _LOOK_AHEAD - 1) // self.range.step * self.range.step
                wish.reached = min(wish.reached, known)
            wish.unkept.append(wish.came[-1])
            self.progress.done += 1
            self.progress.rows += len(part.rows)
            if CLOCK.monotonic() - self._kept > _FLUSH:
                for other in self.wishes:
                    other.keep()
                self._kept = CLOCK.monotonic()

        pager = Pager(client, wish.kind, wish.series, self.symbol, self.range.step, took)  # `took` asks it
        return pager

    async def _read(self, wish: Wish, pager: Pager, hole: Span) -> None:
        try:
            await pager.read(*hole, self.now)
        except DataError as error:
            if wish.kind == "candles":
                raise
            wish.why = str(error)

    def _explained(self, error: DataError) -> DataError:
        cached = next(len(wish.cached.rows) for wish in self.wishes if wish.kind == "candles")
        if cached:
            return type(error)(f"{error} The cache has {cached:,} of these candles: offline=True shows them.")
        return error

    def _asked(self) -> str:
        return f"from {stamp(self.range.start * 1_000_000)} to {stamp(self.range.end * 1_000_000)} (UTC)"

    def _origin(self, frame: Any) -> Origin:
        """Say where the candles come from and what is not there."""
        candles = next(wish for wish in self.wishes if wish.kind == "candles")
        times = [part.now for part in candles.came]
        if candles.store is not None and (kept := candles.store.fetched) is not None:
            times.append(kept)
        notes = [f"not kept: {wish.unwritten}" for wish in self.wishes if wish.unwritten][:1]
        first = int(frame.index[0].as_unit("ns").value) // 1_000_000
        if lacking := self._lacking(candles):
            notes.append(f"{lacking:,} of the candles wanted were never fetched")
        elif first > self.range.start:
            notes.append(f"the venue has no candle before {stamp(first * 1_000_000)} UTC")
        return Origin(
            source=self.venue.name if any(wish.came for wish in self.wishes) else f"{self.venue.name}, from the cache",
            fetched=max(times, default=None),
            live_until=self.range.end if self.range.live else None,
            missing=self._missing(frame),
            partial=bool(lacking) or any(wish.why for wish in self.wishes),
            notes=tuple(notes),
        )

    def _missing(self, frame: Any) -> dict[str, str]:
        """Return, by column that is not there or begins late, why."""
        missing = dict(self.venue.missing)
        asked = {wish.kind: wish for wish in self.wishes}
        for kind, series in self.venue.series.items():
            for column in series.columns if kind != "candles" else ():
                have = frame[column].notna().to_numpy() if column in frame else None
                if kind not in asked:
                    missing[column] = f"the venue has it from {min(series.periods, key=INTERVALS.__getitem__)} on"
                elif asked[kind].why:
                    missing[column] = asked[kind].why
                elif have is None:
                    missing[column] = f"not there for this time (the venue: {series.since})"
                elif not have[0]:
                    since = stamp(int(frame.index[have.argmax()].as_unit("ns").value))
                    missing[column] = f"only from {since} UTC on (the venue: {series.since})"
        return missing

    def _lacking(self, candles: Wish) -> int:
        """Return how many of the candles wanted were neither in the cache nor asked for now."""
        if not self.offline or candles.store is None:
            return 0
        return sum((end - start) // self.range.step for start, end in candles.cached.missing(*candles.span))
