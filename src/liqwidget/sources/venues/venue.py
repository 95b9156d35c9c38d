"""What a venue is to the rest: its series, how each is asked for and read, its limits, and how it refuses.

A venue's file holds one `Venue`; the pager, the client and the cache know no venue by name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from ...errors import InputError, ParseError
from ...market.columns import shown
from ..rows import Rows

Kind = Literal["candles", "mark", "taker", "open_interest", "funding", "long_short"]

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
#: Candle intervals by the names exchanges share, in ms.
INTERVALS: Mapping[str, int] = {
    **{f"{n}m": n * MINUTE for n in (1, 3, 5, 15, 30)},
    **{f"{n}h": n * HOUR for n in (1, 2, 4, 6, 8, 12)},
    "1d": DAY,
}
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?\s*", re.ASCII)
_SYMBOL = re.compile(r"[A-Z0-9]{1,24}(-[A-Z0-9]{1,12}){0,3}")


@dataclass(frozen=True)
class Limit:
    """At most `weight` in any `seconds`, as the venue counts for one address."""

    weight: int
    seconds: float


@dataclass(frozen=True)
class Request:
    """One call: path below the venue's host, its parameters (or a JSON body, then it is a POST), and its cost."""

    path: str
    params: Mapping[str, str | int] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    bucket: str = "default"
    weight: int = 1


@dataclass(frozen=True)
class Query:
    """Rows wanted: ``start <= time < end`` in ms, asked at `now`; `period` is the venue's spelling of `step` ms."""

    symbol: str
    period: str
    step: int
    start: int
    end: int
    now: int

    @property
    def rows(self) -> int:
        """Return how many rows fit."""
        return -(-(self.end - self.start) // self.step)


@dataclass(frozen=True)
class Series:
    """One kind of rows that a venue serves.

    Attributes
    ----------
    columns
        Names of their float64 columns, in the units of `liqwidget.market`.
    periods
        Interval -> the venue's spelling; empty where rows come at the venue's own moments (funding).
    page
        Most rows a page.
    backward
        Which end of a range that holds more than a page comes first: its newest rows, or its oldest.
    parse_forming
        Reads the candle that still runs too; None: `parse` does.
    spacing
        Where `periods` is empty: the usual distance of rows, ms.
    reach
        How far back, ms before now; None: to the listing.
    newest
        How many rows the venue keeps; None: all.
    request
        Makes the call for a `Query`.
    parse
        Reads the checked answer: rows in any order, outside the range too, the last one perhaps still running.
    lag
        How late after its time a row may appear, ms.
    since
        In words, how far back.
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
    newest: int | None = None
    lag: int = 0
    since: str = "back to the listing"

    def period_for(self, step: int) -> tuple[str, int]:
        """Return the venue's spelling and ms of the longest period that is not longer than `step` (else the least)."""
        if not self.periods:
            return "", self.spacing
        sizes = sorted((INTERVALS[name], name) for name in self.periods)
        fitting = [pair for pair in sizes if pair[0] <= step and step % pair[0] == 0] or sizes[:1]
        return self.periods[fitting[-1][1]], fitting[-1][0]


@dataclass(frozen=True)
class Refusal:
    """An answer that is an error.

    Attributes
    ----------
    how
        "wait": the venue wants fewer calls, until `until` (ms; None: it did not say).
        "retry": it may answer if asked again.
        "final": it will not.
    text
        What it said, for the message.
    """

    how: Literal["wait", "retry", "final"]
    text: str
    until: int | None = None


@dataclass(frozen=True)
class Venue:
    """An exchange.

    Attributes
    ----------
    name
        As `fetch` is asked for it.
    limits
        Bucket -> the venue's published limit per address.
    series
        By kind, what it serves.
    missing
        Market column (or "liquidations") -> why this venue has none.
    native
        The venue's id of an instrument that a user names; InputError where it cannot be one.
    judge
        Reads status and body (parsed JSON, or text): a `Refusal`, or None for a good answer.
    pause
        Seconds to wait where the venue wants fewer calls and does not say how long.
    """

    name: str
    limits: Mapping[str, Limit]
    series: Mapping[Kind, Series]
    missing: Mapping[str, str]
    native: Callable[[str], str]
    judge: Callable[[int, Any], Refusal | None]
    pause: float


def by_status(status: int, body: Any, text: str) -> Refusal | None:
    """Return what an HTTP status alone says; None for 200 with an answer."""
    if status in (418, 429):
        return Refusal("wait", text)
    if status == 451:
        return Refusal("final", f"not available from this place ({text})")
    if status == 408 or status >= 500:
        return Refusal("retry", text)
    if status == 200:
        return Refusal("retry", "an empty answer") if body is None else None
    return Refusal("final", text)


def check_symbol(symbol: object, venue: str) -> str:
    """Return a symbol in upper case, ccxt's BTC/USDT:USDT as BTCUSDT; InputError for what is none.

    It becomes part of file names and addresses, so nothing but letters, digits and '-' passes.
    """
    text = symbol.strip().upper().split(":")[0].replace("/", "") if isinstance(symbol, str) else ""
    if not _SYMBOL.fullmatch(text):
        raise InputError(
            f"symbol: need letters and digits, parts joined by '-', such as 'BTCUSDT'; got {shown(symbol)} for {venue}."
        )
    return text


def check_interval(interval: object) -> int:
    """Return an interval in ms; InputError names the ones there are."""
    if not isinstance(interval, str) or interval not in INTERVALS:
        raise InputError(f"interval: need one of {', '.join(INTERVALS)}; got {shown(interval)}.")
    return INTERVALS[interval]


def number(cell: object) -> float:
    """Return a cell as float: NaN for "" and None; ParseError for anything else that is no finite number."""
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        return float("nan")
    good = _NUMBER.fullmatch(cell) if isinstance(cell, str) else type(cell) in (int, float)
    try:
        value = float(cell) if good else np.inf  # type: ignore[arg-type]
    except OverflowError:
        value = np.inf
    if not np.isfinite(value):
        raise ParseError(f"a number was wanted; got {shown(cell)}.")
    return value


def moment(cell: object) -> int:
    """Return a time in ms between 2009 and 2100; ParseError for anything else."""
    try:
        value = int(cell) if isinstance(cell, str | int) and not isinstance(cell, bool) else -1
    except ValueError:
        value = -1
    if not 1_230_768_000_000 <= value < 4_102_444_800_000:
        raise ParseError(f"a time in ms since 1970 was wanted; got {shown(cell)}.")
    return value


def table(records: object, time: int | str, **columns: int | str) -> Rows:
    """Return rows from a list of lists or dicts: position or key of the time and, by name, of each column.

    Raises
    ------
    ParseError
        Not such a list, or a cell is no number; says which row.
    """
    if not isinstance(records, list):
        raise ParseError(f"a list of rows was wanted; got {shown(records)}.")
    times = np.zeros(len(records), np.int64)
    values = {name: np.zeros(len(records)) for name in columns}
    for i, record in enumerate(records):
        try:
            times[i] = moment(record[time])
            for name, place in columns.items():
                values[name][i] = number(record[place])
        except (TypeError, KeyError, IndexError):
            raise ParseError(f"row {i} lacks a field; got {shown(record)}.") from None
        except ParseError as error:
            raise ParseError(f"row {i}: {error}") from None
    return Rows(times, values)


def pair(symbol: str) -> tuple[str, str] | None:
    """Return base and quote of a symbol such as BTCUSDT; None where the quote is none of the usual ones."""
    quote = next((quote for quote in ("USDT", "USDC", "USD") if symbol.endswith(quote)), "")
    return (symbol.removesuffix(quote), quote) if quote and symbol != quote and "-" not in symbol else None


def code(body: Any, name: str) -> str | int | None:
    """Return an error body's code; None where it has none."""
    found = body.get(name) if isinstance(body, dict) else None
    return found if isinstance(found, str | int) else None


def message(body: Any, *names: str) -> str:
    """Return what an error body says, short and printable."""
    if isinstance(body, dict):
        body = next((body[name] for name in names if isinstance(body.get(name), str)), json.dumps(body)[:200])
    return re.sub(r"[^\x20-\x7e]+", " ", str(body))[:200].strip() or "no text"
