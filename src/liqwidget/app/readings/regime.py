"""Trend or range, and volume: simple formulas over the latest candles. They describe and do not predict.

The *window* is the last 24 hours of candles, and at least 12 candles.

========  ==============================================================================================
word      formula
========  ==============================================================================================
move      ``ln(C[n] / C[0])`` over the window's closes C
score     ``|move| / (s * sqrt(n))`` with s the root mean square of ``ln(C[i] / C[i-1])``, i = 1..n: the net
          move, in units of the net move of n steps of that size with random signs
trend     score >= 1.5 (random signs reach it about once in seven); otherwise range
volume    mean volume per hour of the window over that of all candles before it: >= 1.5 is high,
          <= 2/3 is low, otherwise ordinary; with less than one window before it: not known
========  ==============================================================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan, nan
from typing import Any

import numpy as np

WINDOW_HOURS = 24.0
LEAST_CANDLES = 12
TREND_SCORE = 1.5
HIGH_VOLUME = 1.5


@dataclass(frozen=True)
class Regime:
    """Trend or range, and volume, of the latest candles.

    Attributes
    ----------
    kind
        "trend", "range", or "unknown" with fewer than 13 candles.
    hours, move, score
        Length of the window; net move as a fraction of the first close; see the module for the score.
    low, high, close
        Extremes of the window and the last close, USD.
    volume, volume_ratio
        "high", "ordinary", "low" or "unknown"; the ratio behind it.
    """

    kind: str
    hours: float
    move: float
    score: float
    low: float
    high: float
    close: float
    volume: str
    volume_ratio: float

    @property
    def sentence(self) -> str:
        """The regime as text, with its numbers."""
        if self.kind == "unknown":
            return "Too few candles to tell a trend from a range."
        text = (
            f"{self.kind.capitalize()}: {self.move:+.1%} over the last {self.hours:.0f} h, "
            f"{self.score:.1f} times as far as chance alone would go; a trend is {TREND_SCORE:g} times or more."
        )
        if self.volume == "unknown":
            return text + " Volume: nothing earlier to compare with."
        return text + f" Volume is {self.volume}: {self.volume_ratio:.2f} times its earlier mean."


def regime(candles: Any) -> Regime:
    """Classify the last candles of a frame.

    Parameters
    ----------
    candles
        As ``Market.candles``, up to the candle in question; at least one row.
    """
    time = candles.index.as_unit("ns").asi8 / 3.6e12
    close, volume = candles["close"].to_numpy(), candles["volume"].to_numpy()
    first = int(np.searchsorted(time, time[-1] - WINDOW_HOURS, "right"))
    first = max(min(first, len(time) - LEAST_CANDLES), 0)  # the window's candles are first .. last
    low, high = float(candles["low"].iloc[first:].min()), float(candles["high"].iloc[first:].max())
    if len(time) <= LEAST_CANDLES:
        return Regime("unknown", nan, nan, nan, low, high, float(close[-1]), "unknown", nan)
    base = max(first - 1, 0)
    steps = np.diff(np.log(close[base:]))
    size = float(np.sqrt(np.mean(steps**2)))
    score = float(abs(steps.sum()) / (size * np.sqrt(len(steps)))) if size > 0 else 0.0
    ratio = _volume_ratio(time, volume, first)
    level = (
        "unknown"
        if isnan(ratio)
        else "high"
        if ratio >= HIGH_VOLUME
        else "low"
        if ratio <= 1 / HIGH_VOLUME
        else "ordinary"
    )
    return Regime(
        "trend" if score >= TREND_SCORE else "range",
        float(time[-1] - time[base]),
        float(np.expm1(steps.sum())),
        score,
        low,
        high,
        float(close[-1]),
        level,
        ratio,
    )


def _volume_ratio(time: Any, volume: Any, first: int) -> float:
    """Return volume per hour from candle ``first`` on over that before it; NaN with less than a window before it."""
    if first < len(time) - first:
        return nan
    step = float(np.median(np.diff(time)))
    before = volume[:first].sum() / (time[first] - time[0])
    latest = volume[first:].sum() / (time[-1] - time[first] + step)
    return float(latest / before) if before > 0 else nan
