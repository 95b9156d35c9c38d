"""Market: candles of one instrument, checked once so that nothing behind it has to ask again.

Times are open times, UTC. Prices are in USD (or the quote currency), volumes and open interest in coins.
"""

from __future__ import annotations

import unicodedata
from functools import cached_property
from html import escape
from time import time_ns
from typing import Any

import numpy as np
import pandas as pd

from ..errors import InputError
from .candles import Bars, carry, check_candles, join
from .columns import CANDLE_NAMES, REQUIRED, Table, as_frame, read_table, shown, stamp
from .liquidations import read_liquidations
from .origin import Origin

_NS = {"w": 604_800 * 10**9, "d": 86_400 * 10**9, "h": 3600 * 10**9, "m": 60 * 10**9, "s": 10**9, "ms": 10**6, "ns": 1}


class Market:
    """Candles of one instrument, with realised liquidations where they are known.

    Made by `from_frame`, never changed afterwards: `append`, `tail` and `between` return new ones.

    Attributes
    ----------
    symbol, exchange : str
        What it is and where it trades, as given.
    simulated : bool
        True when the candles come from a simulation.
    candles : DataFrame
        T rows. Index ``time``, ``datetime64[ns, UTC]``, strictly increasing; float64 columns open, high, low, close
        (USD, > 0), volume (coins, >= 0), and those there are of open_interest, taker_buy_volume (coins),
        funding_rate, long_short_ratio, mark_low, mark_high.
    liquidations : DataFrame or None
        Columns time (``datetime64[ns, UTC]``), side ("long" or "short": who was liquidated), price (USD), quantity
        (coins), notional (USD), by time. Price and quantity are NaN where only sums are known.
    ignored : tuple of str
        Columns of the input that were not recognised.
    widened : int
        Candles whose high or low was moved to take in an open or close outside them.
    carried : dict of str to int
        By optional column: cells that were empty and took the last value (mark prices: cells that stay empty).
    origin : Origin or None
        Where the candles came from, when, and what is missing; None for a DataFrame of the user's.
    """

    def __init__(
        self,
        bars: Bars,
        symbol: str,
        exchange: str,
        liquidations: Any,
        simulated: bool,
        ignored: tuple[str, ...],
        origin: Origin | None = None,
    ) -> None:
        self._bars, self._liquidations, self.origin = bars, liquidations, origin
        self.symbol, self.exchange, self.simulated, self.ignored = symbol, exchange, simulated, ignored

    @classmethod
    def from_frame(
        cls,
        df: Any,
        symbol: str = "BTCUSDT",
        exchange: str = "",
        liquidations: Any = None,
        *,
        sort: bool = False,
        simulated: bool = False,
    ) -> Market:
        """Check candles of any common shape and make a Market of them.

        Parameters
        ----------
        df
            DataFrame of candles, or rows ``[ms, open, high, low, close, volume]`` as ccxt gives them (Binance's rows
            of 12 too). Times: a DatetimeIndex (naive is UTC) or a column such as time, timestamp, date, open_time,
            holding datetimes, ISO 8601 text or s, ms, us, ns since 1970. Column names in the usual spellings of
            exchanges, ccxt and yfinance, in any case. Empty cells of open_interest, taker_buy_volume, funding_rate
            and long_short_ratio take the last value, those of mark_low and mark_high stay NaN.
        symbol, exchange
            Labels, at most 64 characters without control characters.
        liquidations
            DataFrame of realised liquidations, or None: time, side (long or short; or of the closing order: SELL
            closes a long, BUY a short), notional in USD or else price and quantity. In any order.
        sort
            Order the candles by time first.
        simulated
            Say that the candles are not real.

        Raises
        ------
        InputError
            Anything that is no such candle; the message names the row, counted from 0 in the input, and its time.

        Notes
        -----
        An open or close up to 1 % outside the candle's range moves high or low to take it in. An open that is the
        close of the candle before is taken at any distance: some venues (BitMEX) define it so, and price did cross.

        Examples
        --------
        >>> market = Market.from_frame([[1704067200000, 42314.0, 42603.2, 42289.6, 42503.5, 4834.1]])
        >>> float(market.candles["close"].iloc[-1])
        42503.5
        """
        _check_label("symbol", symbol)
        _check_label("exchange", exchange)
        table = read_table(as_frame(df), "candles", CANDLE_NAMES, REQUIRED, sort=bool(sort))
        bars = carry(check_candles(table), {})
        realised = None if liquidations is None else read_liquidations(liquidations)
        return cls(bars, symbol, exchange, realised, bool(simulated), table.ignored)

    def append(self, frame: Any, *, replace: bool = False) -> Market:
        """Return a Market with later candles added.

        Parameters
        ----------
        frame
            Candles as in `from_frame`. The first may have the time of the last one here: it replaces the forming
            candle, whose optional values it keeps where it has none. Optional columns that this market has not are
            ignored; those missing in `frame` are carried.
        replace
            Let the frame begin earlier, at any candle here but the first: it takes the place of all from there on.

        Raises
        ------
        InputError
            As `from_frame`; also when the first new candle is before the last one here (with `replace`: is not later
            than the first one here).
        """
        table = read_table(as_frame(frame), "candles", CANDLE_NAMES, REQUIRED, sort=False)
        least = int(self._bars.time[1 if replace and len(self) > 1 else -1])
        if len(table.time) and table.time[0] < least:
            raise InputError(
                f"candles: appended times must not be before {'' if replace else 'the last candle, '}{stamp(least)} "
                f"(UTC); first is {table.at(0)}. Cut the frame, or make a new Market."
            )
        keep = int(np.searchsorted(self._bars.time, table.time[0])) if len(table.time) else len(self)
        replaces = keep < len(self) and bool(table.time[0] == self._bars.time[keep])
        base = self._bars.cut(slice(None, keep))
        known = {name: column for name, column in table.cells.items() if name in self._bars.columns}
        new = check_candles(
            Table("candles", table.time, known, table.row, table.ignored),
            previous_close=float(base.columns["close"][-1]) if len(base.time) else np.nan,
            keep=tuple(self._bars.columns),
        )
        forming = {name: float(values[keep]) for name, values in self._bars.columns.items()} if replaces else {}
        bars = carry(join(base, new), forming, len(base.time))
        ignored = dict.fromkeys((*self.ignored, *table.ignored, *(name for name in table.cells if name not in known)))
        return Market(bars, self.symbol, self.exchange, self._liquidations, self.simulated, tuple(ignored), self.origin)

    def _with(self, origin: Origin) -> Market:
        """Return the same candles with word of where they came from."""
        return Market(self._bars, self.symbol, self.exchange, self._liquidations, self.simulated, self.ignored, origin)

    def tail(self, n: int) -> Market:
        """Return the last `n` candles (all, where there are fewer) with the liquidations of their time.

        Raises
        ------
        InputError
            `n` is not a whole number of at least 1.
        """
        if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
            raise InputError(f"tail: n must be a whole number of at least 1; got {shown(n)}.")
        return self._cut(slice(-min(int(n), len(self)), None))

    def between(self, start: Any = None, end: Any = None) -> Market:
        """Return the candles whose open time is in ``[start, end]``, with the liquidations of their time.

        Parameters
        ----------
        start, end
            Text, datetime or Timestamp, naive is UTC; a date is its midnight. None leaves that end open.

        Raises
        ------
        InputError
            A time cannot be read, or no candle is left.
        """
        time = self._bars.time
        first = 0 if start is None else int(np.searchsorted(time, moment("start", start), "left"))
        stop = len(time) if end is None else int(np.searchsorted(time, moment("end", end), "right"))
        if first >= stop:
            raise InputError(
                f"between: no candle from {shown(start)} to {shown(end)}; "
                f"the market has {stamp(int(time[0]))} to {stamp(int(time[-1]))} (UTC)."
            )
        return self._cut(slice(first, stop))

    @property
    def candles(self) -> Any:
        """Return the candles as a DataFrame; changing it does not change the market."""
        return self._frame.copy(deep=False)

    @cached_property
    def _frame(self) -> Any:
        values = np.array(list(self._bars.columns.values()))
        values.flags.writeable = False  # pandas before 3 shares it with the copies handed out
        return pd.DataFrame(values.T, self._index, list(self._bars.columns), copy=False)

    @cached_property
    def _index(self) -> Any:
        return pd.DatetimeIndex(self._bars.time.view("datetime64[ns]"), name="time").tz_localize("UTC")

    @property
    def liquidations(self) -> Any:
        """Return the realised liquidations as a DataFrame, or None."""
        return None if self._liquidations is None else self._liquidations.copy()

    @property
    def widened(self) -> int:
        """Return how many candles had high or low moved to take in an open or close."""
        return int(self._bars.widened.sum())

    @property
    def carried(self) -> dict[str, int]:
        """Return, by optional column, how many empty cells took the last value (mark prices: stay empty)."""
        return {name: int(mask.sum()) for name, mask in self._bars.carried.items()}

    def carried_before_last(self, name: str) -> int:
        """Return `carried` of a column without the last candle, which may be forming: its values are not out yet."""
        return int(self._bars.carried[name][:-1].sum()) if name in self._bars.carried else 0

    @cached_property
    def interval(self) -> Any:
        """Return the commonest step between candles as a Timedelta; 0 for one candle."""
        if len(self) < 2:
            return pd.Timedelta(0)
        steps, counts = np.unique(np.diff(self._bars.time), return_counts=True)
        return pd.Timedelta(int(steps[np.argmax(counts)]), unit="ns")

    @property
    def interval_label(self) -> str:
        """Return the interval as exchanges write it, such as ``"5m"``, ``"90s"``, ``"1h"``; empty for one candle."""
        step = self.interval.value
        return next((f"{step // ns}{unit}" for unit, ns in _NS.items() if step and step % ns == 0), "")

    @cached_property
    def gaps(self) -> Any:
        """Return where candles are missing: DataFrame with after, before (UTC) and missing (whole candles, >= 1)."""
        steps, interval = np.diff(self._bars.time), max(self.interval.value, 1)
        missing = np.rint(steps / interval).astype(np.int64) - 1
        at = np.flatnonzero(missing > 0)
        return pd.DataFrame({"after": self._index[at], "before": self._index[at + 1], "missing": missing[at]})

    @property
    def missing(self) -> int:
        """Return how many candles are missing in all gaps together."""
        return int(self.gaps["missing"].sum())

    @cached_property
    def price_decimals(self) -> int:
        """Return the decimals that the prices need, 0 to 12, to one part in 1e9."""
        rest = np.concatenate([self._bars.columns[name] for name in ("high", "low", "close")])
        for decimals in range(12):
            rest = rest[np.abs(np.round(rest, decimals) - rest) > 1e-9 * rest]
            if not len(rest):
                return decimals
        return 12

    def __getstate__(self) -> dict[str, Any]:
        """Return what it is made of: the frames that were made of it to be read do not travel to a worker."""
        made = {name for name, value in vars(Market).items() if isinstance(value, cached_property)}
        return {name: value for name, value in self.__dict__.items() if name not in made}

    def __len__(self) -> int:
        return len(self._bars.time)

    def __repr__(self) -> str:
        return f"<Market {', '.join(f'{name} {text}' if name else text for name, text in self._facts())}>"

    def _repr_html_(self) -> str:
        cells = (
            f"<tr><th style='text-align:left'>{escape(name or 'market')}</th>"
            f"<td style='text-align:left'>{escape(text)}</td></tr>"
            for name, text in self._facts()
        )
        return f"<table>{''.join(cells)}</table>"

    def _facts(self) -> list[tuple[str, str]]:
        time, bars = self._bars.time, self._bars
        name = " ".join(word for word in (self.symbol, self.exchange, self.interval_label) if word)
        facts = [("", f"{name} (simulated)" if self.simulated else name)]
        facts.append(("UTC", f"{stamp(int(time[0]))} to {stamp(int(time[-1]))}"))
        facts.append(("rows", f"{len(self):,}"))
        facts.append(("gaps", f"{len(self.gaps)} ({self.missing:,} candles missing)" if self.missing else "none"))
        facts.append(("with", " ".join(name for name in bars.columns if name not in REQUIRED) or "OHLCV alone"))
        facts.append(("liquidations", "none" if self._liquidations is None else f"{len(self._liquidations):,}"))
        if carried := " ".join(f"{name} {count:,}" for name, count in self.carried.items() if count):
            facts.append(("carried", carried))
        if self.widened:
            facts.append(("widened", f"{self.widened:,}"))
        if self.origin is not None:
            closed = int(time[-1] + self.interval.value) // 1_000_000
            facts += self.origin.facts(closed, time_ns() // 1_000_000)
        return facts

    def _cut(self, rows: slice) -> Market:
        bars, realised = self._bars.cut(rows), self._liquidations
        if realised is not None:
            time = realised["time"].to_numpy(dtype="datetime64[ns]").view(np.int64)
            end = bars.time[-1] + max(self.interval.value, 1)
            realised = realised[(time >= bars.time[0]) & (time < end)].reset_index(drop=True)
        return Market(bars, self.symbol, self.exchange, realised, self.simulated, self.ignored, self.origin)


def _check_label(name: str, text: object) -> None:
    if not isinstance(text, str) or len(text) > 64:
        raise InputError(f"{name}: need text of at most 64 characters; got {shown(text)}.")
    if any(unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp") for letter in text):
        raise InputError(f"{name}: need text without control characters; got {shown(text)}.")


def moment(name: str, value: Any) -> int:
    """Return a time as ns since 1970; InputError for what is none."""
    try:
        time = pd.NaT if isinstance(value, int | float | np.number) else pd.Timestamp(value)
        if time is pd.NaT:
            raise TypeError
        time = time.tz_localize("UTC") if time.tzinfo is None else time.tz_convert("UTC")
        return int(time.as_unit("ns").value)
    except (TypeError, ValueError, OverflowError, AttributeError):
        raise InputError(f"between: {name} must be a date or time; got {shown(value)}.") from None
