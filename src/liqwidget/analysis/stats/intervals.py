"""Candles grouped into intervals, which are compared with realised liquidations, one line per interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ...errors import InputError
from ...market.market import Market
from ...model.grid import Floats, Ints

_NS_PER_HOUR = 3_600 * 10**9
_NS_PER_DAY = 24 * _NS_PER_HOUR


def interval_length(market: Market, every: str) -> pd.Timedelta:
    """Return an interval's length, given in pandas' notation: a whole number of candles, or InputError."""
    try:
        offset: Any = pd.tseries.frequencies.to_offset(every)  # pandas' types know no Timedelta of an offset
        length = pd.Timedelta(offset)
    except (ValueError, TypeError):
        raise InputError(f"every: wanted a length of time such as '1h' or '4h'; got {str(every)[:40]!r}") from None
    step = market.interval
    if not (step > pd.Timedelta(0) and length >= step and length % step == pd.Timedelta(0)):
        raise InputError(
            f"every: wanted a whole number of candles, which are {market.interval}; got {str(every)[:40]!r}"
        )
    return length


@dataclass(frozen=True, eq=False)
class Intervals:
    """Intervals of equal length that contain a candle, in order of time.

    Attributes
    ----------
    length
        Length of an interval, ns.
    time
        Starts, datetime64[ns] UTC, shape (H,).
    first, last
        First and last candle of each, shape (H,).
    before
        Close of the candle before each; for the first, its own open. USD, (H,).
    low, high
        Lowest and highest price that could trigger (mark prices if known), ``before`` included, USD, (H,).
    volume
        Coins, (H,).
    complete
        Whether all its candles exist, bool, (H,).
    """

    length: int
    time: npt.NDArray[np.datetime64]
    first: Ints
    last: Ints
    before: Floats
    low: Floats
    high: Floats
    volume: Floats
    complete: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, market: Market, every: str) -> Intervals:
        """Group the candles of a market; ``every`` in pandas' notation, a whole number of candles."""
        length = int(interval_length(market, every).value)
        step = int(market.interval.value)
        candles = market.candles
        stamps = candles.index.as_unit("ns").asi8
        start, first, count = np.unique(stamps // length * length, return_index=True, return_counts=True)
        last = first + count - 1
        low, high, close, volume = (candles[name].to_numpy() for name in ("low", "high", "close", "volume"))
        if "mark_low" in candles:
            mark_low, mark_high = candles["mark_low"].to_numpy(), candles["mark_high"].to_numpy()
            low, high = np.where(np.isnan(mark_low), low, mark_low), np.where(np.isnan(mark_high), high, mark_high)
        before = np.concatenate([candles["open"].to_numpy()[:1], close])[first]
        return cls(
            length=length,
            time=start.view("datetime64[ns]"),
            first=first,
            last=last,
            before=before,
            low=np.minimum(np.minimum.reduceat(np.minimum(low, close), first), before),
            high=np.maximum(np.maximum.reduceat(np.maximum(high, close), first), before),
            volume=np.add.reduceat(volume, first),
            complete=(stamps[first] == start) & (count == length // step),
        )

    def __len__(self) -> int:
        return len(self.time)

    @property
    def label(self) -> str:
        """Length as pandas reads it, such as ``"1h"``."""
        hours = self.length / _NS_PER_HOUR
        return f"{hours:g}h" if hours >= 1 else f"{60 * hours:g}min"

    @property
    def end(self) -> npt.NDArray[np.datetime64]:
        """Ends, datetime64[ns] UTC, shape (H,)."""
        return self.time + np.timedelta64(self.length, "ns")

    @property
    def day(self) -> npt.NDArray[np.datetime64]:
        """UTC day in which each starts, shape (H,)."""
        return self.time.astype("datetime64[D]")

    def misplaced(self, estimate: Floats, realised: Floats, scored: npt.NDArray[np.bool_]) -> tuple[Floats, Floats]:
        """Return the distance in hours of estimated from realised USD within each UTC day, weighted; and the weights.

        Parameters
        ----------
        estimate, realised
            USD by interval and side, (H, 2). If a day's estimate is empty, an even spread replaces it.
        scored
            Which intervals count, (H,), S of them.

        Returns
        -------
        moved, weight
            Shape (scored days, 2): the earth mover's distance of the day's two profiles, each scaled to 1
            USD, times the realised USD of the day; those USD. Intervals of a day or longer: all weights are 0.
        """
        days, day = np.unique(self.day[scored], return_inverse=True)
        slots = _NS_PER_DAY // self.length
        if slots < 2:
            return np.zeros((len(days), 2)), np.zeros((len(days), 2))
        slot = self.time[scored].view(np.int64) % _NS_PER_DAY // self.length
        profiles = np.zeros((3, len(days), slots, 2))
        profiles[:, day, slot] = estimate[scored], realised[scored], np.ones((int(scored.sum()), 2))
        totals = profiles.sum(axis=2, keepdims=True)
        e, y, even = np.divide(profiles, totals, out=np.zeros_like(profiles), where=totals > 0)
        e = np.where(totals[0] > 0, e, even)
        weight: Floats = totals[1, :, 0]
        moved: Floats = np.abs(np.cumsum(e - y, axis=1)).sum(axis=1) * weight * self.length / _NS_PER_HOUR
        return moved, weight
