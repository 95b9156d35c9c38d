"""What a day of a market is like: its volatility and its volume, as impact is measured in them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

WEEK_HOURS = 168.0
_NS_PER_DAY = 86_400 * 10**9


def day_of(
    time: npt.NDArray[np.datetime64] | Ints, close: Floats, traded: Floats, hours: float = WEEK_HOURS
) -> tuple[float, float]:
    """Return volatility (fraction) and volume (USD) of a day, over the hours up to the last candle; 0 where nothing.

    Volatility is the root of the summed squared log returns of closes a day.

    Parameters
    ----------
    time, close, traded
        Of candles, ascending: datetime64[ns]; USD; USD traded in each, (T,).
    hours
        Length of the window, > 0.
    """
    stamps = time.view(np.int64)
    first = int(np.searchsorted(stamps, stamps[-1] - int(hours * _NS_PER_DAY / 24)))
    days = float(stamps[-1] - stamps[first]) / _NS_PER_DAY
    if days <= 0:
        return 0.0, 0.0
    return float(np.sqrt((np.diff(np.log(close[first:])) ** 2).sum() / days)), float(traded[first + 1 :].sum() / days)
