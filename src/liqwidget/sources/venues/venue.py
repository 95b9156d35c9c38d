"""Description of a venue: its series, how each is requested and parsed, its rate limits and its errors.

Each venue's module defines one `Venue`; pager, client and cache do not depend on any of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from ...checks import shown
from ...errors import InputError
from ...market.units import IN_COINS
from ..rows import Rows, Times
from .files import Files
from .hosts import Host

T = TypeVar("T", int, Times)
Kind = Literal["candles", "mark", "taker", "open_interest", "funding", "long_short", "ratios"]

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
#: Candle intervals by the names exchanges share, in ms.
INTERVALS: Mapping[str, int] = {
    **{f"{n}m": n * MINUTE for n in (1, 3, 5, 15, 30)},
    **{f"{n}h": n * HOUR for n in (1, 2, 4, 6, 8, 12)},
    "1d": DAY,
    "3d": 3 * DAY,
    "1w": 7 * DAY,
}
#: Intervals that are made of candles of a day, from 1970-01-01 on: venues and chart sites begin them on other days.
OF_DAYS = ("3d",)
_SPELLING = re.compile(r"(\d{0,5})(m|min|[hH]|[dD]|[wW]|M|)(?:utc)?", re.ASCII)
_UNITS = {"": MINUTE, "m": MINUTE, "min": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}
#: What pages and messages say where a venue, or the network in front of it, does not serve a place.
_PLACE = re.compile(
    r"(your|restricted|prohibited|unsupported|sanctioned|certain) (country|region|location|jurisdiction|territory|geo)"
    r"|this (country|region|jurisdiction|territory)|country or region|legal reasons|error code: ?1009"
    r"|geo-?(block|restrict|fenc)\w*|eligibility|local (laws|regulations?|compliance)|compliance require",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Limit:
    """At most `weight` in any window of `seconds`, as the venue counts per IP address."""

    weight: int
    seconds: float


#: For public files, whose hosts publish no limit.
FILES = Limit(1000, 5)


@dataclass(frozen=True)
class Request:
    """One HTTP request: path, parameters (or a JSON body, which makes it a POST), and its cost.

    `is_file`: a public file of the venue's archive; the answer is its bytes, None if there is no such file. `times`:
    how many times the bytes, and the time, of other files it may take.
    """

    path: str
    params: Mapping[str, str | int] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    bucket: str = "default"
    weight: int = 1
    is_file: bool = False
    times: int = 1


@dataclass(frozen=True)
class Query:
    """Rows to request: ``start <= time < end`` in ms, at time `now`; `period` is the venue's spelling of `step` ms."""

    symbol: str
    period: str
    step: int
    start: int
    end: int
    now: int

    @property
    def rows(self) -> int:
        """Return how many rows the range can have."""
        return -(-(self.end - self.start) // self.step)


@dataclass(frozen=True)
class Series:
    """One series that a venue serves.

    Attributes
    ----------
    columns
        Names of their float64 columns, in the units of `liqwidget.market`.
    periods
        Interval -> the venue's spelling; empty where the venue chooses the times (funding).
    page
        Most rows per page.
    backward
        True if a range longer than a page is answered with its newest rows; False: with its oldest.
    parse_forming
        Parses the forming candle too; None: `parse` does.
    spacing
        Where `periods` is empty: the usual distance between rows, ms.
    reach
        How far back the interface reaches, ms before now; None: to the listing; 0: the series is in files alone.
    longest
        Longest range of one request, ms; None: a page of any step.
    newest
        Number of newest rows that the venue keeps; None: all.
    request
        Makes the `Request` for a `Query`.
    parse
        Parses an answer without errors: rows in any order, possibly outside the range, the last one possibly forming.
    lag
        How long after its time a row may appear, ms.
    since
        How far back the series reaches, as text.
    files
        The public files with its past; None: there are none.
    """

    columns: tuple[str, ...]
    periods: Mapping[str, str]
    page: int
    backward: bool
    request: Callable[[Query], Request]
    parse: Callable[[Any], Rows]
    parse_forming: Callable[[Any], Rows] | None = None
    spacing: int = 8 * HOUR
    reach: int | None = None
    longest: int | None = None
    newest: int | None = None
    lag: int = 0
    since: str = "back to the listing"
    files: Files | None = None

    def offers(self, interval: str) -> bool:
        """Tell whether candles of an interval can be fetched or made."""
        return interval in self.periods or (interval in OF_DAYS and "1d" in self.periods)

    def period_for(self, step: int) -> tuple[str, int]:
        """Return the venue's spelling and ms of the longest period that is not longer than `step` (else the least)."""
        if not self.periods:
            return "", self.spacing
        sizes = sorted((INTERVALS[name], name) for name in self.periods)
        fitting = [pair for pair in sizes if pair[0] <= step and step % pair[0] == 0] or sizes[:1]
        return self.periods[fitting[-1][1]], fitting[-1][0]


def only_files(_query: Query) -> Request:
    """Stand for the requests of a series that the interface does not have: it reaches back to no time."""
    raise InputError("series: wanted one that the interface has; got one that is in public files alone.")


@dataclass(frozen=True)
class Contract:
    """How a venue says what an instrument is, where its name does not.

    Attributes
    ----------
    request
        Makes the request for a symbol.
    size
        Returns the coins, or USD if it is inverse, in one contract, from the answer; InputError if it is another
        contract.
    """

    request: Callable[[str], Request]
    size: Callable[[Any, str], float]


#: Upper bound of a leverage bracket (in the currency of the margin, or contracts), highest leverage, maintenance rate,
#: and deduction in the currency of the margin: NaN where the venue names none.
BracketRow = tuple[float, float, float, float]


@dataclass(frozen=True)
class BracketTable:
    """How a venue publishes the leverage brackets of a symbol.

    Attributes
    ----------
    request
        Makes the request for a symbol; None: only an account may ask, so the user saves the answer in a file.
    rows
        Parses the rows of a symbol from the answer, in any order.
    in_contracts
        Whether bounds count contracts instead of USD (linear) or coins (inverse).
    saved
        Path of the endpoint whose answer the user saves, where there is no request.
    """

    request: Callable[[str], Request] | None
    rows: Callable[[Any, str], list[BracketRow]]
    in_contracts: bool = False
    saved: str = ""


@dataclass(frozen=True)
class Present:
    """How a venue says open interest (coins) and mark price (USD) of a symbol, where it has no history of them."""

    request: Callable[[str], Request]
    read: Callable[[Any, str], tuple[float, float]]


@dataclass(frozen=True)
class Refusal:
    """An error answer.

    Attributes
    ----------
    how
        "wait": the venue wants fewer calls, until `until` (ms; None: it did not say).
        "retry": another attempt may succeed.
        "final": it will not.
    text
        The venue's message.
    cure
        What to do, as a sentence without its full stop; empty: as for any answer of its kind.
    is_place
        The venue does not serve this place.
    """

    how: Literal["wait", "retry", "final"]
    text: str
    until: int | None = None
    cure: str = ""
    is_place: bool = False


@dataclass(frozen=True)
class Venue:
    """An exchange.

    Attributes
    ----------
    name
        As in `fetch(exchange=...)`.
    limits
        Bucket -> the venue's published limit per address.
    series
        The series, by kind.
    missing
        Market column (or "liquidations") -> why the venue has none.
    native
        Converts a user's symbol to the venue's id; InputError if it cannot be one.
    judge
        Classifies status and body (parsed JSON, or text): a `Refusal`, or None for a good answer.
    pause
        Seconds to wait when the venue wants fewer calls and does not say how long.
    contract
        How to ask for an instrument's type; None where the name says it.
    kind
        Which contracts these are.
    units
        Arguments of `Market.from_frame` for the columns of the series.
    inverse
        The inverse contracts of the same exchange; None: there are none.
    host
        The host to ask; None: the usual one.
    brackets
        How the venue publishes leverage brackets.
    present
        How to ask for present values that have no history; None: there is one.
    """

    name: str
    limits: Mapping[str, Limit]
    series: Mapping[Kind, Series]
    missing: Mapping[str, str]
    native: Callable[[str], str]
    judge: Callable[[int, Any], Refusal | None]
    pause: float
    brackets: BracketTable
    contract: Contract | None = None
    kind: Literal["linear", "inverse"] = "linear"
    units: Mapping[str, Any] = field(default_factory=lambda: IN_COINS)
    inverse: Venue | None = None
    host: Host | None = None
    present: Present | None = None

    @property
    def stored(self) -> str:
        """Return the name of its data in the cache: hosts whose data may differ have names of their own."""
        return self.name + (self.host.own if self.host else "")

    @property
    def key(self) -> str:
        """Return the name by which hosts and feeds are looked up."""
        return self.name if self.kind == "linear" else f"{self.name} {self.kind}"


def by_place(venue: str, status: int, body: Any, text: str) -> Refusal | None:
    """Return the refusal of an answer that says, anywhere in it, that the venue does not serve this place."""
    told = " ".join(re.sub(r"<[^<>]*>|[^\x20-\x7e]+", " ", _said(body)).split())
    found = None if status == 200 and isinstance(body, list | dict) and not told else _PLACE.search(told)
    if not found and status != 451:
        return None
    if found:
        before, after = (
            told[max(0, found.start() - 80) : found.start()].split(" ")[-8:],
            told[found.end() :][:40].split(" ")[:4],
        )
        text = f"{' '.join(before)}{found[0]}{' '.join(after)}"[:160]
    others = " or ".join(repr(name) for name in ("okx", "hyperliquid") if name != venue)
    archive = "use lw.read_archive with the public files, or a" if venue in ("binance", "bybit") else "or use a"
    return Refusal(
        "final",
        f"not available in this region ({' '.join(text.split())})",
        cure=f"Pass exchange={others}, {archive} proxy (HTTPS_PROXY and trust_env=True)",
        is_place=True,
    )


def _said(body: Any) -> str:
    """Return all text of a page, or the messages of an error body; empty for data."""
    if isinstance(body, str):
        return body
    if not isinstance(body, dict) or not {"code", "retCode", "error", "msg", "message"} & body.keys():
        return ""
    if body.get("code") == "0" or body.get("retCode") == 0:  # data
        return ""
    return " ".join(str(value)[:2000] for value in body.values() if isinstance(value, str | dict))


def by_status(status: int, body: Any, text: str) -> Refusal | None:
    """Classify an answer by its HTTP status; None for 200 with a body."""
    if status in (418, 429):
        return Refusal("wait", text)
    if status == 408 or status >= 500:
        return Refusal("retry", text)
    if status == 200:
        return Refusal("retry", "an empty answer") if body is None else None
    return Refusal("final", text)


def check_interval(interval: object) -> int:
    """Return an interval in ms.

    Besides the names of `INTERVALS` it takes what venues and TradingView write: ``60`` (minutes), ``60m``, ``1H``,
    ``1D``, ``D``, ``5min``, ``6Hutc``, ``1W``.

    Raises
    ------
    InputError
        It is none of these; the message lists the valid ones. ``1M`` and ``M`` are months, or meant as minutes.
    """
    found = _SPELLING.fullmatch(interval) if isinstance(interval, str) else None
    valid = ", ".join(INTERVALS)
    if found and found[2] == "M":
        raise InputError(
            f"interval: wanted one of {valid}; got {shown(interval)}, which is a month at most venues. Write "
            f"{found[1] or 1}m for minutes."
        )
    step = int(found[1] or 1) * _UNITS[found[2].lower()] if found and (found[1] or found[2]) else 0
    if step not in INTERVALS.values():
        raise InputError(f"interval: wanted one of {valid}; got {shown(interval)}.")
    return step


def opening(ms: T, step: int) -> T:
    """Return the open time of the candle of `step` ms that contains `ms`: weeks begin on Monday, UTC."""
    first = 4 * DAY if step % (7 * DAY) == 0 else 0  # the first day of 1970 was a Thursday
    return (ms - first) // step * step + first


def interval_name(step: int) -> str:
    """Return the name of an interval of ms."""
    return next(name for name, ms in INTERVALS.items() if ms == step)
