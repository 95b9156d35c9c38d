"""The behaviour of price after a moment: when it first reached a level, and what followed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ...market.day import day_volatility
from ...model.grid import Floats, Ints
from ...model.opening import NS_PER_HOUR

if TYPE_CHECKING:
    from ...market.market import Market

MEASURES = ("touched", "hours", "range", "speed", "broke", "break_hours")
_BLOCK = 1_024  # levels at a time
BREAK = 0.1  # of the daily volatility: a close this far beyond a level has broken it


class Paths:
    """The candles after each of N decision moments.

    Parameters
    ----------
    market
        The candles, T of them.
    at
        Candles at whose closes the decisions fall, shape (N,).
    volatility
        Daily, as known at each decision, fractions, shape (N,).
    horizon_hours, after_hours
        Maximum wait for a touch; how long price is watched after it.
    """

    high: Floats
    low: Floats
    close: Floats
    horizon: float
    after: float
    at: Ints
    volatility: Floats

    def __init__(self, market: Market, at: Ints, volatility: Floats, horizon_hours: float, after_hours: float) -> None:
        candles = market.candles
        self.time: Ints = candles.index.as_unit("ns").asi8
        self.high, self.low, self.close = (candles[name].to_numpy() for name in ("high", "low", "close"))
        self.horizon, self.after, self.at, self.volatility = horizon_hours, after_hours, at, volatility
        self.path: Ints = np.r_[0.0, np.cumsum(np.abs(np.diff(np.log(self.close))))]
        # Highest and lowest so far after each decision, (N, W); a row shorter than W repeats its last value.
        self.count: Ints = self._reach(at, horizon_hours) - at - 1
        window = at[:, None] + 1 + np.minimum(np.arange(max(self.count.max(initial=1), 1)), self.count[:, None] - 1)
        self.highest: Floats = np.maximum.accumulate(self.high[window], axis=1)
        self.lowest: Floats = np.minimum.accumulate(self.low[window], axis=1)

    def after_touch(self, level: Floats, decision: Ints | None = None) -> dict[str, Floats]:
        """Return the outcomes of levels.

        Parameters
        ----------
        level
            USD, shape (N, ...); above or below the close of its decision; NaN for none.
        decision
            Decision of each level, shape as ``level``; None: its row.

        Returns
        -------
        dict
            Arrays of the shape of ``level``, NaN for none. ``touched``: 1 if price reached it within the horizon, else
            0. ``hours`` to the end of the touching candle; the horizon if untouched. Then, NaN if untouched, over
            ``after_hours`` from the touching candle on: ``range`` (highest minus lowest, as a share of the level) and
            ``speed`` (sum of absolute log returns of the closes), both in units of the decision's volatility scaled by
            the root of time; ``broke``: 1 if a close went beyond the level by a tenth of the decision's volatility of
            a day; ``break_hours`` from the touch to the end of that candle, ``after_hours`` if none did.
        """
        shape = level.shape
        if decision is None:
            decision = np.broadcast_to(np.arange(len(self.at)).reshape(-1, *[1] * (level.ndim - 1)), shape)
        out = {name: np.full(level.size, np.nan) for name in MEASURES}
        flat = level.reshape(-1)
        known = np.flatnonzero(~np.isnan(flat))
        price, i = flat[known], decision.reshape(-1)[known]
        upwards = price > self.close[self.at[i]]
        before = np.empty(len(i), dtype=np.int64)  # number of candles after the decision before the first touch
        for first in range(0, len(i), _BLOCK):
            part = slice(first, first + _BLOCK)
            line, rows = price[part, None], i[part]
            short = np.where(upwards[part, None], self.highest[rows] < line, self.lowest[rows] > line)
            before[part] = short.sum(axis=1)
        hit = before < self.count[i]
        out["touched"][known] = hit
        out["hours"][known] = self.horizon
        known, i, price, upwards = known[hit], i[hit], price[hit], upwards[hit]
        touch = self.at[i] + 1 + before[hit]
        out["hours"][known] = (self.time[touch] - self.time[self.at[i]]) / NS_PER_HOUR
        end = self._reach(touch, self.after)
        day_share = np.sqrt(self.after / 24)
        scale = self.volatility[i] * day_share
        pairs = np.stack([touch, end], axis=1).reshape(-1).astype(np.intp)
        high, low = np.r_[self.high, -np.inf], np.r_[self.low, np.inf]
        if len(touch):
            top, bottom = np.maximum.reduceat(high, pairs)[::2], np.minimum.reduceat(low, pairs)[::2]
            out["range"][known] = (top - bottom) / price / scale
            out["speed"][known] = (self.path[end - 1] - self.path[touch - 1]) / scale
        out["broke"][known], out["break_hours"][known] = 0.0, self.after
        line = price * np.exp(np.where(upwards, BREAK, -BREAK) * self.volatility[i])
        for k, a, b, x, up in zip(known, touch, end, line, upwards, strict=True):
            beyond = self.close[a:b] > x if up else self.close[a:b] < x
            if beyond.any():
                out["broke"][k] = 1.0
                out["break_hours"][k] = (self.time[a + int(beyond.argmax())] - self.time[a]) / NS_PER_HOUR
        return {name: values.reshape(shape) for name, values in out.items()}

    def _reach(self, at: Ints, hours: float) -> Ints:
        """Return the first candle that ends later than ``hours`` after candle ``at`` does."""
        end: Ints = np.searchsorted(self.time, self.time[at] + int(hours * NS_PER_HOUR), "right")
        return end


def volatility_of_a_day(market: Market, hours: float) -> Floats:
    """Return the daily volatility at each candle over the hours up to it, (T,); NaN until that many have passed."""
    candles = market.candles
    time = candles.index.as_unit("ns").asi8
    out = day_volatility(time, candles["close"].to_numpy(), hours, np.arange(len(time)))
    return np.where(time - time[0] >= int(hours * NS_PER_HOUR), out, np.nan)


def decision_candles(market: Market, every_hours: float, from_hours: float) -> Ints:
    """Return the candles at whose closes decisions are made: at fixed hours of the UTC clock, increasing, shape (N,).

    Moments in a gap of the candles are omitted.
    """
    time = market.candles.index.as_unit("ns").asi8
    step = int(every_hours * NS_PER_HOUR)
    first_steps = np.diff(time[: max(np.searchsorted(time, time[0] + int(from_hours * NS_PER_HOUR)), 2)])
    interval = int(np.median(first_steps)) if len(first_steps) else step
    ends = time + interval
    at: npt.NDArray[np.int64] = np.flatnonzero(ends // step > (ends - interval) // step)
    late: Ints = at[time[at] - time[0] >= int(from_hours * NS_PER_HOUR)]
    return late
