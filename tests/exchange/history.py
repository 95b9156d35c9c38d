"""History: the data of the one instrument that all four fake exchanges list.

Kept in integer units, so that sums and text are exact: prices in tenths of a USD, volumes and open interest in
thousandths of a coin, shares in 1e-4, funding rates in 1e-8. The arrays that tests get are these divided once, which
gives the same float64 as parsing the text of an answer.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .day import DAY, LAST, MARK, MINUTE, make_day

Ints = np.ndarray[Any, np.dtype[np.int64]]
PRICE, COINS, SHARE, RATE, USD = 10, 1000, 10_000, 10**8, 10_000

_UNITS = {"m": MINUTE, "h": 60 * MINUTE, "d": DAY, "w": 7 * DAY}


class Bar(NamedTuple):
    """One candle in integer units; mark candles have no volumes. `quote` and `taker_quote` are in 1e-4 USD."""

    time: int
    open: int
    high: int
    low: int
    close: int
    volume: int = 0
    taker: int = 0
    quote: int = 0
    taker_quote: int = 0
    trades: int = 0


class History:
    """The data from `start_ms` to `end_ms` (exclusive for candles, inclusive for snapshots).

    Built by `make`: equal arguments give equal histories, and a longer history starts with the shorter one.
    """

    def __init__(self, start_ms: int, seed: int, gaps: tuple[tuple[int, int], ...]) -> None:
        if start_ms % MINUTE:
            raise ValueError(f"start_ms must be a whole minute; got {start_ms}")
        self.start_ms = self.end_ms = start_ms
        self.seed, self.gaps = seed, gaps
        self.texts: dict[tuple[Any, ...], dict[int, str]] = {}  # cache of the dialects: rendered rows of finished bars
        self.files: dict[str, bytes] = {}  # the same of the archive: by path
        self._days: list[dict[str, Any]] = []
        self._columns: dict[str, Any] = {}
        self._bars: dict[tuple[str, int, int], list[Ints]] = {}

    @classmethod
    def make(cls, start_ms: int, minutes: int, seed: int = 0, gaps: Any = ()) -> History:
        """Make `minutes` of history; `gaps`: (from, to) in ms without candles and snapshots, as in an outage."""
        history = cls(start_ms, seed, tuple((int(a), int(b)) for a, b in gaps))
        history.extend(start_ms + minutes * MINUTE)
        return history

    def extend(self, end_ms: int) -> None:
        """Extend it to `end_ms` in whole minutes; it never becomes shorter."""
        end_ms -= end_ms % MINUTE
        if end_ms <= self.end_ms and self._columns:
            return
        self.end_ms = max(end_ms, self.end_ms)
        first = self.start_ms // DAY
        for number in range(first + len(self._days), self.end_ms // DAY + 1):
            self._days.append(make_day(self.seed, number, self._days[-1] if self._days else None))
        self._columns = {name: np.concatenate([day[name] for day in self._days]) for name in self._days[0]}
        self._bars = {}
        self._cut()

    def candles(self, interval: str, closed_by: int | None = None) -> dict[str, Any]:
        """Candles: float64 prices in USD and volumes in coins, int64 time (open, ms) and trades, by time.

        The last one covers the part that the history has; `closed_by` (ms) keeps only those closed by then.
        """
        step = interval_ms(interval)
        columns = self._kept(self.bars("last", step, origin(step)), step, closed_by)
        time, o, h, low, c, volume, taker, _, _, trades = columns
        prices = {"open": o / PRICE, "high": h / PRICE, "low": low / PRICE, "close": c / PRICE}
        return {
            "time": time,
            **prices,
            "volume": volume / COINS,
            "taker_buy_volume": taker / COINS,
            "trades": trades,
        }

    def mark(self, interval: str, closed_by: int | None = None) -> dict[str, Any]:
        """Mark price candles, like `candles` without volumes."""
        step = interval_ms(interval)
        time, o, h, low, c = self._kept(self.bars("mark", step, origin(step)), step, closed_by)
        return {"time": time, "open": o / PRICE, "high": h / PRICE, "low": low / PRICE, "close": c / PRICE}

    def open_interest(self, interval: str = "5m") -> dict[str, Any]:
        """Open interest at each whole interval: time (the moment), open_interest (coins, one side), value (USD)."""
        time, coins, price = self.snapshots("open_interest", interval_ms(interval))
        return {"time": time, "open_interest": coins / COINS, "value": coins * price / USD}

    def contracts(self, interval: str = "5m") -> dict[str, Any]:
        """Open interest of the inverse contract at each whole interval: time and contracts of 100 USD."""
        time, coins, price = self.snapshots("open_interest", interval_ms(interval))
        return {"time": time, "contracts": in_contracts(coins, price)}

    def long_short(self, interval: str = "5m") -> dict[str, Any]:
        """Accounts at each whole interval: time, long and short (shares of accounts), ratio (rounded to 4 digits)."""
        time, long, _ = self.snapshots("long", interval_ms(interval))
        return {"time": time, "long": long / SHARE, "short": (SHARE - long) / SHARE, "ratio": ratio(long) / SHARE}

    def funding(self, hours: int = 8) -> dict[str, Any]:
        """Funding: time (ms) and rate (of the notional, for those hours).

        Hourly funding (Hyperliquid) is some ms after the hour; 8-hourly funding (the others) is exactly on it.
        """
        time, rates, price = self.funding_rows(hours)
        return {"time": time, "rate": rates / RATE, "mark_price": price / PRICE}

    def liquidations(self) -> dict[str, Any]:
        """Realised liquidations: time (ms), side (who was liquidated), price (USD), quantity (coins), by time."""
        columns = self._columns
        keep = (columns["liq_time"] >= self.start_ms) & (columns["liq_time"] < self.end_ms)
        side = np.where(columns["liq_long"][keep], "long", "short")
        price, quantity = columns["liq_price"][keep] / PRICE, columns["liq_quantity"][keep] / COINS
        return {"time": columns["liq_time"][keep], "side": side, "price": price, "quantity": quantity}

    # Integer units, as the dialects read them.

    def bars(self, kind: str, step: int, offset: int = 0) -> list[Ints]:
        """Columns of `Bar` for all candles of `kind` ("last" or "mark") that open at offset + k * step."""
        key = (kind, step, offset)
        if key not in self._bars:
            self._bars[key] = self._aggregate(kind, step, offset)
        return self._bars[key]

    def current(self, kind: str, step: int, offset: int, now_ms: int) -> Bar | None:
        """The candle that contains `now_ms`, up to that time; None where there is none (a gap, or the end)."""
        time = now_ms - (now_ms - offset) % step
        begin, minute = np.searchsorted(self._minutes["time"], [time, now_ms - now_ms % MINUTE])
        names = LAST if kind == "last" else MARK
        rows = [self._minutes[name][begin:minute] for name in names]
        if minute < len(self._minutes["time"]) and self._minutes["time"][minute] <= now_ms:
            part = _part(
                [int(self._minutes[name][minute]) for name in names], now_ms - int(self._minutes["time"][minute])
            )
            rows = [np.append(column, value) for column, value in zip(rows, part, strict=True)]
        if not len(rows[0]):
            return None
        sums = (int(column.sum()) for column in rows[4:])
        return Bar(time, int(rows[0][0]), int(rows[1].max()), int(rows[2].min()), int(rows[3][-1]), *sums)

    def snapshots(self, name: str, step: int) -> tuple[Ints, Ints, Ints]:
        """Time, value and mark price of a series measured every 5 minutes: "open_interest" or "long"."""
        marks = self._marks
        at = marks["mark_time"] % step == 0 if step > 5 * MINUTE else slice(None)
        return marks["mark_time"][at], marks[name][at], marks["mark_price"][at]

    def funding_rows(self, hours: int) -> tuple[Ints, Ints, Ints]:
        columns = self._columns
        time = columns[f"funding_time_{hours}"]
        keep = (time >= self.start_ms) & (time <= self.end_ms)
        return time[keep], columns[f"funding_rate_{hours}"][keep], columns[f"funding_price_{hours}"][keep]

    def last_price(self, now_ms: int, kind: str = "last") -> int:
        bar = self.current(kind, MINUTE, 0, now_ms)
        if bar is not None:
            return bar.close
        before = max(0, int(np.searchsorted(self._minutes["time"], now_ms)) - 1)
        return int(self._minutes["close" if kind == "last" else "mark_close"][before])

    def _cut(self) -> None:
        columns = self._columns

        def open_at(time: Ints) -> Any:
            keep = time >= self.start_ms
            for begin, end in self.gaps:
                keep &= (time < begin) | (time >= end)
            return keep

        minutes = open_at(columns["time"]) & (columns["time"] < self.end_ms)
        marks = open_at(columns["mark_time"]) & (columns["mark_time"] <= self.end_ms)
        self._minutes = {name: columns[name][minutes] for name in ("time", *LAST, *MARK)}
        self._marks = {name: columns[name][marks] for name in ("mark_time", "mark_price", "open_interest", "long")}

    def _aggregate(self, kind: str, step: int, offset: int) -> list[Ints]:
        minutes = self._minutes
        opens = minutes["time"] - (minutes["time"] - offset) % step
        begins = np.flatnonzero(np.diff(opens, prepend=opens[:1] - 1))
        ends = np.append(begins[1:], len(opens)) - 1
        names = LAST if kind == "last" else MARK
        o, high, low, close = (minutes[name] for name in names[:4])
        sums = [np.add.reduceat(minutes[name], begins) for name in names[4:]]
        return [
            opens[begins],
            o[begins],
            np.maximum.reduceat(high, begins),
            np.minimum.reduceat(low, begins),
            close[ends],
            *sums,
        ]

    @staticmethod
    def _kept(columns: list[Ints], step: int, closed_by: int | None) -> list[Ints]:
        if closed_by is None:
            return columns
        return [column[columns[0] + step <= closed_by] for column in columns]


def in_contracts(coins: Any, price: Any) -> Any:
    """Contracts of 100 USD, whole ones."""
    return coins * price // (100 * USD)


def interval_ms(interval: str) -> int:
    """Milliseconds of an interval such as "5m", "1h", "1d" or "1w"."""
    return int(interval[:-1]) * _UNITS[interval[-1]]


def origin(step: int) -> int:
    """Offset at which bars of this length begin, UTC: weeks on Monday (the epoch was a Thursday)."""
    return 4 * DAY if step == 7 * DAY else 0


def ratio(long: Any) -> Any:
    """Ratio of long to short accounts in 1e-4, halves rounded up, from the share of longs in 1e-4."""
    return (2 * long * SHARE + (SHARE - long)) // (2 * (SHARE - long))


def _part(row: list[int], elapsed: int) -> list[int]:
    """A minute `elapsed` ms after its open: part of the way to its close, part of its range and volumes."""
    o, high, low, close, *sums = row
    so_far = o + (close - o) * elapsed // MINUTE
    top = max(o, so_far, o + (high - o) * elapsed // MINUTE)
    bottom = min(o, so_far, o - (o - low) * elapsed // MINUTE)
    return [o, top, bottom, so_far, *(value * elapsed // MINUTE for value in sums)]
