"""One fetch: the requested range of each series, cached rows, fetched rows, and the resulting market."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...cache_folder import folder
from ...checks import stamp
from ...errors import DataError, FetchError
from ...market.market import Market
from ...market.origin import Origin
from ...run.progress import Progress
from ..archive.trades import coarser
from ..cache.cache import Look, Store
from ..http.client import Client, RegionError
from ..http.clock import CLOCK, clock_note
from ..http.limits import Limits
from ..rows import Rows, Span, covered, holes
from ..venues import hosts
from ..venues.venue import DAY, HOUR, INTERVALS, MINUTE, OF_DAYS, Kind, Series, Venue, opening
from .archive_fill import ArchiveFill, file_edge
from .archive_notes import archived_note, failures_note, lacking_note
from .assemble import FRESH, assemble
from .contract import contract_size
from .pager import FORMING, SETTLE, FetchedRows, Pager, together
from .wanted import Wanted

_LOOK_AHEAD = 15 * MINUTE  # requested beyond now, so that a slow local clock hides no candle
_FLUSH = 1.0  # seconds of work that a kill may lose
_NAMES = {ms: name for name, ms in INTERVALS.items()}


@dataclass
class SeriesPlan:
    """One series: the requested range, cached and fetched rows, and the reason if it is incomplete."""

    kind: Kind
    series: Series
    size: int  # ms between its rows
    span: Span
    store: Store | None
    cached: Look
    reached: int  # ms: candles that open before this time are complete
    holes: list[Span] = field(default_factory=list)  # ranges to request
    past: list[Span] = field(default_factory=list)  # ranges that are beyond the interface's reach
    came: list[FetchedRows] = field(default_factory=list)
    unkept: list[FetchedRows] = field(default_factory=list)
    why: str = ""
    unwritten: str = ""

    def rows(self, end: int) -> Rows:
        """Return cached and fetched rows before `end`, tidy."""
        new = Rows.joined([part.rows for part in self.came], self.series.columns).tidy(self.kind)
        return new.over(self.cached.rows).within(self.span[0], end)

    def lacks(self, spans: Iterable[Span], end: int | None = None) -> list[Span]:
        """Return the parts of ranges, up to `end`, that were not fetched now."""
        came = [part.span for part in self.came]
        return [hole for start, last in spans for hole in holes(came, start, last if end is None else min(last, end))]

    @property
    def archived(self) -> list[Span]:
        """The ranges whose rows came from public files, now or before."""
        return covered([*self.cached.archived, *(part.span for part in self.came if part.archived)])

    def keep(self) -> None:
        """Write fetched rows to the cache; if that fails, continue without it."""
        parts, self.unkept = self.unkept, []
        if self.store is None or not parts:
            return
        try:
            for archived in (True, False):
                some = [part for part in parts if part.archived == archived]
                rows = Rows.joined([part.rows for part in some], self.series.columns).tidy(self.kind)
                for span in covered(part.span for part in some):
                    self.store.write(rows.within(*span), span, min(part.now for part in some), archived=archived)
        except DataError as error:
            self.store, self.unwritten = None, str(error)


class FetchPlan:
    """One fetch.

    Parameters
    ----------
    venue, symbol
        The venue, and its id of the instrument.
    range_
        The requested candles.
    place
        The cache's folder; None: no cache.
    offline
        Send no requests.
    now
        ms since 1970.
    progress
        Where pages are counted; None: its own.
    """

    venue: Venue
    symbol: str
    range: Wanted
    place: Path | None
    now: int
    offline: bool

    def __init__(
        self,
        venue: Venue,
        symbol: str,
        range_: Wanted,
        place: Path | None,
        now: int,
        offline: bool = False,
        progress: Progress | None = None,
    ) -> None:
        self.venue, self.symbol, self.range, self.place = venue, symbol, range_, place
        self.now, self.offline = now, offline
        self.progress: Progress = progress or Progress(f"{venue.name} {symbol}", "pages")
        plans = (self._plan(kind, series) for kind, series in venue.series.items())
        self.plans: list[SeriesPlan] = [plan for plan in plans if plan is not None]
        for plan in self.plans:
            plan.holes, plan.past = self._holes(plan), self._past(plan)
        self._kept = CLOCK.monotonic()
        self._clock_note = ""
        self._is_archived = bool(hosts.host_of(venue.key, venue.host).archive)
        self._file_notes: list[str] = []

    async def run(self, trust_env: bool = False) -> None:
        """Fetch missing rows with a new client, which may take proxies from the environment."""
        if any(plan.holes or (self._is_archived and plan.past) for plan in self.plans):
            with Limits(folder(None)) as limits:
                async with Client(self.venue, limits, trust_env=trust_env) as client:
                    try:
                        await (self._fill_with_files(client) if self._is_archived else self._ask(client))
                    finally:
                        self._clock_note = clock_note(client.ahead)

    async def _fill_with_files(self, client: Client) -> None:
        """Fetch missing rows from public files where they are faster, or the interface does not have them."""
        files = ArchiveFill(client, self.symbol, self.now, self.progress, self._took)
        try:
            await files.fill((plan, plan.lacks(plan.holes, file_edge(plan, self.now))) for plan in self.plans)
            for plan in self.plans:
                plan.holes = plan.lacks(plan.holes)
            try:
                await self._ask(client)
            except RegionError as error:
                await files.fill(((plan, plan.lacks(plan.holes)) for plan in self.plans), is_last=True)
                if not len(self._candles.rows(self.now)):
                    raise RegionError(" ".join([str(error), *files.failures])) from None
                self._keep_going(error)
            first = self._first()
            past = [(plan, [(max(start, first), end) for start, end in plan.past]) for plan in self.plans]
            await files.fill(past)
        finally:
            self._file_notes += [failures_note(files.failures)] if files.failures else []
            for plan in self.plans:
                plan.keep()

    async def _ask(self, client: Client) -> None:
        await contract_size(client, self.symbol)  # refuses other contracts
        await self.fill(client)

    async def fill(self, client: Client) -> None:
        """Fetch missing rows.

        Raises
        ------
        FetchError, ParseError
            The candles could not be fetched. Failures of other series leave their columns out.
        """
        jobs = [(plan, hole) for plan in self.plans for hole in plan.holes]
        pagers = [(plan, hole, self._pager(client, plan)) for plan, hole in jobs]
        self.progress.total += sum(len(pager.windows(*hole)) for _, hole, pager in pagers)
        failure = None
        try:
            await together(self._read(plan, pager, hole) for plan, hole, pager in pagers)
        except DataError as error:
            failure = self._explained(error)
        finally:
            for plan in self.plans:
                plan.keep()
        if failure is not None:
            raise failure  # without a context

    def market(self, end: int | None = None) -> Market:
        """Return the market of cached and fetched rows.

        Parameters
        ----------
        end
            Candles that open before this time, ms; None: all that are complete.

        Raises
        ------
        FetchError
            There is no candle in the range.
        """
        end = self.end() if end is None else end
        parts = {plan.kind: self._rows(plan, end) for plan in self.plans}
        if not len(parts["candles"]):
            cure = (
                "got none from the cache. Fetch them once without offline=True"
                if self.offline
                else "got none from the venue. Check the symbol and the range"
            )
            if self._clock_note:
                cure = f"got none from the venue: {self._clock_note}"
            raise FetchError(f"{self.venue.name}: wanted candles of {self.symbol} {self._asked()}; {cure}.")
        frame = assemble(parts, self.range.step)
        market = Market.from_frame(frame, self.symbol, self.venue.name, contract=self.venue.kind, **self.venue.units)
        return market.with_origin(self._origin(frame))

    def end(self) -> int:
        """Return the open time, ms, before which all series are complete: they are read at different times."""
        if not self.range.live:
            return self.range.end
        reached = [plan.reached for plan in self.plans if not plan.why]
        return min(reached)

    def _plan(self, kind: Kind, series: Series) -> SeriesPlan | None:
        if self._is_short_for(series):
            return None
        size = series.period_for(self.range.step)[1]
        span = self.range.start, self.range.end
        if kind not in FORMING:  # what was known from the first close to the last
            span = (span[0] - FRESH[kind]) // size * size, (span[1] // size + 1) * size
        elif size != self.range.step and _NAMES[self.range.step] not in OF_DAYS:
            return None
        until = max(self.range.end, self.now + _LOOK_AHEAD) if self.range.live else self.range.end
        if self.place is None:
            return SeriesPlan(kind, series, size, span, None, Look(Rows.empty(series.columns)), until)
        name = _NAMES[size] if series.periods else "any"
        store = Store(self.place, self.venue.stored, self.symbol.upper().replace("_", "-"), kind, name, series.columns)
        return SeriesPlan(kind, series, size, span, store, store.look(span[0], max(until, span[1])), until)

    def _is_short_for(self, series: Series) -> bool:
        """Tell whether the range is too short for a series that is in public files alone."""
        return series.files is not None and self.now - self.range.start < series.files.beyond

    def _reach(self, plan: SeriesPlan) -> int:
        """Return the time, ms, from which on the interface has rows of the requested range."""
        start, size, series = plan.span[0], plan.size, plan.series
        if series.reach is not None:
            start = max(start, -(-(self.now - series.reach) // size) * size)
        if series.newest is not None:
            start = max(start, opening(self.now, size) - (series.newest - 1) * size)
        return start

    def _past(self, plan: SeriesPlan) -> list[Span]:
        """Return the ranges missing in the cache that only public files have."""
        end = min(self._reach(plan), plan.span[1], self.now // DAY * DAY)
        if plan.series.files is None or plan.size > DAY or plan.span[0] >= end:
            return []
        return plan.cached.holes(plan.span[0], end, self.now, self.range.step)

    def _holes(self, plan: SeriesPlan) -> list[Span]:
        """Return the ranges to request: those missing in the cache, as far back as the venue reaches."""
        start, end = self._reach(plan), plan.span[1]
        size = plan.size
        if start >= end or plan.series.reach == 0:
            return []
        if self.range.live and plan.kind not in FORMING:
            end = min(end, self.now // min(size, HOUR) * min(size, HOUR) + 1)  # the newest possible row
        gaps = plan.cached.holes(start, end, self.now, self.range.step)
        if gaps and self.range.live and gaps[-1][1] == end:
            gaps[-1] = (gaps[-1][0], self.now + _LOOK_AHEAD)
        elif self.range.live:
            plan.reached = opening(self.now, self.range.step)
        return gaps

    def _took(self, plan: SeriesPlan, part: FetchedRows, is_kept: bool = True) -> None:
        plan.came.append(part)
        if is_kept:
            plan.unkept.append(part)
        if CLOCK.monotonic() - self._kept > _FLUSH:
            for other in self.plans:
                other.keep()
            self._kept = CLOCK.monotonic()

    def _pager(self, client: Client, plan: SeriesPlan) -> Pager:
        def took(part: FetchedRows) -> None:
            span = (part.span[0], max(part.span[0], min(part.span[1], pager.reached(part.now))))
            if part.span[1] > self.range.end:  # a window that looks ahead, up to `until` at most
                known = opening(min(part.now - SETTLE, self.now + _LOOK_AHEAD - 1), self.range.step)
                plan.reached = min(plan.reached, known)
            self.progress.done += 1
            self.progress.rows += len(part.rows)
            self._took(plan, FetchedRows(span, part.rows, part.now))

        pager = Pager(client, plan.kind, plan.series, self.symbol, self.range.step, took)  # `took` asks it
        return pager

    async def _read(self, plan: SeriesPlan, pager: Pager, hole: Span) -> None:
        try:
            await pager.read(*hole, self.now)
        except DataError as error:
            if plan.kind == "candles":
                raise
            plan.why = str(error)

    @property
    def _candles(self) -> SeriesPlan:
        return next(plan for plan in self.plans if plan.kind == "candles")

    def _rows(self, plan: SeriesPlan, end: int) -> Rows:
        if plan.kind not in FORMING:
            return plan.rows(end + plan.size)
        return coarser(plan.rows(end), plan.size, self.range.step)[0]

    def _first(self) -> int:
        """Return the time from which on other series are of use: before the listing there is no candle."""
        time = self._candles.rows(self.now).time
        first = int(time[0]) if len(time) else self.range.end
        return first + 1 if first > self.range.start else 0

    def _keep_going(self, error: RegionError) -> None:
        """Go on with what the files have, and say what is missing."""
        for plan in self.plans:
            plan.why = "" if any(part.archived for part in plan.came) else str(error)
        self._file_notes.append(f"without what its public files lack, such as the last days: {error}")

    def _explained(self, error: DataError) -> DataError:
        cached = len(self._candles.cached.rows)
        if cached:
            return type(error)(f"{error} The cache has {cached:,} of these candles: offline=True shows them.")
        return error

    def _asked(self) -> str:
        return f"from {stamp(self.range.start * 1_000_000)} to {stamp(self.range.end * 1_000_000)} (UTC)"

    def _origin(self, frame: Any) -> Origin:
        """Return where the candles come from and what is missing."""
        candles = self._candles
        times = [part.now for part in candles.came]
        if candles.store is not None and (kept := candles.store.fetched) is not None:
            times.append(kept)
        notes = [f"not kept: {plan.unwritten}" for plan in self.plans if plan.unwritten][:1]
        if self._clock_note:
            notes.append(self._clock_note)
        first = int(frame.index[0].as_unit("ns").value) // 1_000_000
        absent = [] if self.offline or not self._is_archived else lacking_note(self.plans, self._first())
        notes += [*self._file_notes, *absent, *archived_note(self.plans)]
        if lacking := self._lacking(candles):
            notes.append(f"{lacking:,} of the requested candles were never fetched")
        elif first > self.range.start:
            notes.append(f"the venue has no candle before {stamp(first * 1_000_000)} UTC")
        host = self.venue.host
        source = f"{self.venue.name} at {host.rest.partition('//')[2]}" if host else self.venue.name
        source += " and its archive" if any(plan.archived for plan in self.plans) else ""
        return Origin(
            source=source if any(plan.came for plan in self.plans) else f"{source}, from the cache",
            fetched=max(times, default=None),
            live_until=self.range.end if self.range.live else None,
            missing=self._missing(frame),
            partial=bool(lacking or absent or self._file_notes) or any(plan.why for plan in self.plans),
            notes=tuple(notes),
        )

    def _missing(self, frame: Any) -> dict[str, str]:
        """Return the reason for each column that is missing or begins late."""
        missing = dict(self.venue.missing)
        asked = {plan.kind: plan for plan in self.plans}
        for kind, series in self.venue.series.items():
            if kind == "candles" or self._is_short_for(series):
                continue
            for column in series.columns:
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

    def _lacking(self, candles: SeriesPlan) -> int:
        """Return how many requested candles were neither cached nor fetched."""
        if not self.offline or candles.store is None:
            return 0
        return sum((end - start) // self.range.step for start, end in candles.cached.missing(*candles.span))
