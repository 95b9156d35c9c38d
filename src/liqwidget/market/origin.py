"""Where a market's data came from, when, and what is not in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .columns import stamp

_NS = 1_000_000  # ns a ms
_LATE = 600_000  # ms
_UNITS = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s"))


@dataclass(frozen=True)
class Origin:
    """Provenance of a market's candles.

    Attributes
    ----------
    source
        In words: "binance", "binance (cache)", "archive, 366 files".
    fetched
        When the newest of it was had from there, ms since 1970 UTC; None where that has no meaning (archives).
    live_until
        The candles were wanted up to this moment, ms: what the last one lacks to it is how stale they are. None:
        a range of the past was wanted.
    missing
        Market column -> why it is not there, or not over the whole range.
    partial
        Some of what was wanted is not there, although the source has it.
    notes
        What else a reader has to know, each a sentence.
    """

    source: str
    fetched: int | None = None
    live_until: int | None = None
    missing: Mapping[str, str] = field(default_factory=dict)
    partial: bool = False
    notes: tuple[str, ...] = ()

    def facts(self, closed: int, now: int) -> list[tuple[str, str]]:
        """Return name and text of what a repr shows; `closed`: when the last candle closes; all in ms."""
        when = "" if self.fetched is None else f", fetched {stamp(self.fetched // 1000 * 1000 * _NS)} UTC"
        facts = [("source", self.source + when)]
        if stale := self.stale(closed, now):
            facts.append(("stale by", stale))
        if self.partial:
            facts.append(("partial", "some of what was asked for is not there"))
        facts += [("without", f"{name}: {why}") for name, why in self.missing.items()]
        return facts + [("note", note) for note in self.notes]

    def stale(self, closed: int, now: int) -> str:
        """Return how much time has passed since the last candle closed, in words; empty for a range of the past."""
        return "" if self.live_until is None else span_text(max(now - closed, 0))

    def notices(self, closed: int, now: int, interval: int) -> list[str]:
        """Return what has to be said beside the picture: whether it is partial, and old by more than three candles."""
        said = ["partial data"] if self.partial else []
        if self.live_until is not None and now - closed > max(3 * interval, _LATE):
            said.append(f"stale: ends {span_text(now - closed)} ago")
        return said


def span_text(ms: int) -> str:
    """Return a length of time in one unit, such as ``"3 min"``."""
    size, unit = next(((size, unit) for size, unit in _UNITS if ms >= size), _UNITS[-1])
    return f"{ms // size} {unit}"
