"""Where a market's data come from, when they were fetched, and what is missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..checks import stamp

_NS = 1_000_000  # ns per ms
_LATE = 600_000  # ms
_UNITS = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s"))


@dataclass(frozen=True)
class Origin:
    """Provenance of a market's candles.

    Attributes
    ----------
    source
        As text: "binance", "binance, from the cache", "archive of binance, 366 files".
    fetched
        When the newest part was fetched, ms since 1970 UTC; None if that does not apply (archives).
    live_until
        Candles were requested up to this time, ms; its distance to the last one is their age. None: a past
        range was requested.
    missing
        Market column -> why it is missing, or missing in part of the range.
    partial
        Some of the requested data is missing although the source has it.
    notes
        Other facts that a reader has to know, one sentence each.

    Examples
    --------
    >>> import liqwidget as lw
    >>> market = lw.fetch("BTCUSDT", exchange="hyperliquid", interval="1h", days=1)
    >>> market.origin.source
    'hyperliquid'
    >>> sorted(market.origin.missing)
    ['liquidations', 'long_short_ratio', 'mark_high', 'mark_low', 'open_interest', 'taker_buy_volume']
    """

    source: str
    fetched: int | None = None
    live_until: int | None = None
    missing: Mapping[str, str] = field(default_factory=dict)
    partial: bool = False
    notes: tuple[str, ...] = ()

    def facts(self, closed: int, now: int) -> list[tuple[str, str]]:
        """Return the names and texts that a repr shows; `closed`: when the last candle closes; all in ms."""
        when = "" if self.fetched is None else f", fetched {stamp(self.fetched // 1000 * 1000 * _NS)} UTC"
        facts = [("source", self.source + when)]
        if stale := self.stale(closed, now):
            facts.append(("stale by", stale))
        if self.partial:
            facts.append(("partial", "some of the requested data is missing"))
        facts += [("without", f"{name}: {why}") for name, why in self.missing.items()]
        return facts + [("note", note) for note in self.notes]

    def stale(self, closed: int, now: int) -> str:
        """Return how much time has passed since the last candle closed, as text; empty for a past range."""
        return "" if self.live_until is None else span_text(max(now - closed, 0))

    def notices(self, closed: int, now: int, interval: int) -> list[str]:
        """Return notes for the picture: whether it is partial, and whether it is more than three candles old."""
        said = ["partial data"] if self.partial else []
        if self.live_until is not None and now - closed > max(3 * interval, _LATE):
            said.append(f"stale: ends {span_text(now - closed)} ago")
        return said


def span_text(ms: int) -> str:
    """Return a duration in one unit, such as ``"3 min"``."""
    size, unit = next(((size, unit) for size, unit in _UNITS if ms >= size), _UNITS[-1])
    return f"{ms // size} {unit}"
