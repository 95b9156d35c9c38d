"""Volatility and volume of a day of a market, the units in which price impact is measured."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

WEEK_HOURS = 168.0
_NS_PER_HOUR = 3_600 * 10**9
_NS_PER_DAY = 24 * _NS_PER_HOUR


def day_of(
    time: npt.NDArray[np.datetime64] | Ints, close: Floats, traded: Floats, hours: float = WEEK_HOURS
) -> tuple[float, float]:
    """Return volatility (fraction) and volume (USD) per day over the hours up to the last candle.

    Both are 0 if no time has passed between the first and the last candle of these hours.

    Parameters
    ----------
    time, close, traded
        Of candles, ascending: datetime64[ns]; USD; USD traded in each, (T,).
    hours
        Length of the window, > 0.
    """
    stamps = time.view(np.int64)
    first = int(np.searchsorted(stamps, stamps[-1] - int(hours * _NS_PER_HOUR)))
    days = float(stamps[-1] - stamps[first]) / _NS_PER_DAY
    if days <= 0:
        return 0.0, 0.0
    last = np.array([len(stamps) - 1 - first])
    volatility = day_volatility(stamps[first:], close[first:], hours, last)
    return float(volatility[0]), float(traded[first + 1 :].sum() / days)


def day_volatility(time: Ints, close: Floats, hours: float, at: Ints) -> Floats:
    """Return the daily volatility at some candles: the root of the summed squared log returns of closes per day.

    Parameters
    ----------
    time, close
        Of candles, ascending: ns since 1970; USD, (T,).
    hours
        Length of the window up to each candle, > 0.
    at
        Candles, (N,).

    Returns
    -------
    array
        Fractions, (N,). The window is shorter if the candles begin later; NaN if no time has passed in it.
    """
    square = np.r_[0.0, np.diff(np.log(close)) ** 2]
    first = np.searchsorted(time, time[at] - int(hours * _NS_PER_HOUR))
    days = (time[at] - time[first]) / _NS_PER_DAY
    out = np.full(len(at), np.nan)
    # Each window is summed separately, so that distant candles leave no rounding errors.
    for i in np.flatnonzero(days > 0):
        out[i] = np.sqrt(square[first[i] + 1 : at[i] + 1].sum() / days[i])
    return out
