"""What the browser draws of a market: at most 5,000 columns, as frames, and tails of it."""

from __future__ import annotations

from dataclasses import dataclass
from time import time_ns
from typing import TYPE_CHECKING, Any

from ..market.candles import merged_candles
from ..market.day import day_of
from ..model.density import auto_decay_rate
from ..model.ledger import Ledger
from ..simulation.sample import is_sample
from .wire import bars_arrays, encode_frame, ledger_arrays

if TYPE_CHECKING:
    from ..market import Market

MAX_COLUMNS = 5_000
MAX_CELLS = 8_000_000  # in the browser: 32 MB of float32 and as much again for the bitmap


def column_width(candles: int) -> int:
    """Return how many candles share a column of the picture."""
    return -(-candles // MAX_COLUMNS)


@dataclass(frozen=True, eq=False)
class Picture:
    """A market and its ledger as they are shown, numbered so that tails find the right one."""

    market: Market
    ledger: Ledger
    revision: int
    width: int
    age_unit: float
    bars_revision: int

    @classmethod
    def of(cls, market: Market, ledger: Ledger, revision: int, bars_revision: int | None = None) -> Picture:
        """Return the picture of a market, its columns merged where there are more than 5,000 candles.

        ``bars_revision`` is that of a picture of the same candles, whose bars the browser may keep.
        """
        width = column_width(len(market))
        unit = ledger_arrays(ledger.merged(width))[0]["age_unit"]
        return cls(market, ledger, revision, width, unit, revision if bars_revision is None else bars_revision)

    def bars_frame(self) -> bytes:
        """Return the candles as a frame."""
        meta, arrays = bars_arrays(merged_candles(self.market.candles, self.width))
        return encode_frame("bars", {**meta, **self._about(), "revision": self.bars_revision}, arrays)

    def ledger_frame(self) -> bytes:
        """Return the ledger as a frame."""
        meta, arrays = ledger_arrays(self.ledger.merged(self.width), self.age_unit)
        numbers = {"revision": self.revision, "bars": self.bars_revision, "beyond": self._beyond()}
        return encode_frame("ledger", {**meta, **numbers, "settings": self.ledger.settings}, arrays)

    def tail(self, market: Market, ledger: Ledger, since: int) -> tuple[Picture, bytes]:
        """Return the picture with the candles from row ``since`` on changed, and the frame that says so."""
        column = since // self.width
        first = column * self.width
        changed = Picture(market, ledger, self.revision + 1, self.width, self.age_unit, self.bars_revision)
        bars_meta, bars = bars_arrays(merged_candles(market.candles.iloc[first:], self.width))
        ledger_meta, entries = ledger_arrays(ledger.since(first).merged(self.width), self.age_unit)
        numbers = {"from": column, "base": self.revision, "revision": changed.revision, "beyond": changed._beyond()}
        meta = {**bars_meta, **ledger_meta, **changed._about(), **numbers}
        return changed, encode_frame("tail", meta, {**bars, **entries})

    def _about(self) -> dict[str, Any]:
        market = self.market
        candles, close = market.candles, market.candles["close"].to_numpy()
        return {
            "symbol": market.symbol,
            "exchange": market.exchange,
            "interval": market.interval_label,
            "interval_ms": market.interval.value // 1_000_000 * self.width,
            "simulated": market.simulated,
            "decimals": market.price_decimals,
            "width": self.width,
            "candles": len(market),
            "last": market.candles.index[-1].value // 1_000_000,
            "origin": _origin(market),
            "notices": self._notices(),
            "day": day_of(candles.index.as_unit("ns").asi8, close, candles["volume"].to_numpy() * close),
            "auto_decay_rate": auto_decay_rate(market, self.ledger.settings["turnover"])
            if "open_interest" in market.candles
            else None,
        }

    def _beyond(self) -> list[float]:
        """Return what share of each tier's notional has levels outside the grid, shape (L,)."""
        opened = 2 * self.ledger.opened.sum()
        outside = self.ledger.out_of_range.sum(axis=(0, 2))
        return [round(float(usd / opened), 4) if opened > 0 else 0.0 for usd in outside]

    def _notices(self) -> list[str]:
        """Say in words what a reader of the picture has to know about its data."""
        market = self.market
        notices: list[str] = []
        if self.width > 1:
            notices.append(f"{len(market):,} candles in columns of {self.width}")
        if market.missing:
            notices.append(f"{market.missing:,} candles missing in {len(market.gaps)} gap{'s'[: len(market.gaps) > 1]}")
        if market.origin is not None:
            closed = market.candles.index[-1] + market.interval
            notices += market.origin.notices(closed.value // 10**6, time_ns() // 10**6, market.interval.value // 10**6)
        carried = market.carried_before_last("open_interest")
        if "open_interest" not in market.candles:
            notices.append("no open interest: positions from volume alone")
        elif carried:
            notices.append(f"open interest carried forward over {carried:,} candle{'s'[: carried > 1]}")
        if market.widened:
            notices.append(f"{market.widened:,} candles widened to hold their open or close")
        return notices


def _origin(market: Market) -> str:
    """Say how the same market can be had again: "sample", "fetch", or "" where its owner alone has the candles."""
    if is_sample(market):
        return "sample"
    return "fetch" if market.origin is not None and market.origin.fetched is not None else ""
