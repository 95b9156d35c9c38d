"""What an estimate of liquidations has to beat: rules that know the same path of price, and no leverage.

All give USD-like amounts of arbitrary scale, shape (H, 2): longs, shorts. Each interval uses its own candles as the
estimate does, and nothing later.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ...model.grid import Floats, Ints, PriceGrid
from ...model.ledger import SPAN, Ledger
from ..stats.intervals import Intervals

BASELINES = {
    "range_volume": "range x volume",
    "fresh_range": "fresh range x volume",
    "uniform": "uniform in distance",
    "yesterday": "yesterday's profile",
}
DAY = np.timedelta64(24, "h")


def range_volume(intervals: Intervals) -> Floats:
    """Return how far price fell below (longs) and rose above (shorts) the close before, times the volume.

    The strongest of the plain forms: high to low, the sum over candles, the close, and the steepest fall within the
    interval all rank worse on real hours.
    """
    fall, rise = intervals.before - intervals.low, intervals.high - intervals.before
    moves: Floats = np.stack([fall, rise], axis=1) * intervals.volume[:, None]
    return moves


def fresh_range(intervals: Intervals) -> Floats:
    """Return the same with the part beyond the last interval's low or high counted twice: nobody has been there yet."""
    floor = np.minimum(intervals.before, np.r_[intervals.low[:1], intervals.low[:-1]])
    roof = np.maximum(intervals.before, np.r_[intervals.high[:1], intervals.high[:-1]])
    beyond = np.stack([np.maximum(floor - intervals.low, 0.0), np.maximum(intervals.high - roof, 0.0)], axis=1)
    moves: Floats = range_volume(intervals) + beyond * intervals.volume[:, None]
    return moves


def uniform(ledger: Ledger, decay_rate: float, intervals: Intervals) -> tuple[npt.NDArray[np.float32], Floats]:
    """Return what stands at the end of each interval, (P, H), and what was swept in it, (H, 2), in USD.

    Each candle opens what the ledger says, spread evenly over the rows from its close to 25 % below (longs) and above
    (shorts), the same USD in each row; it decays and is swept by the same rule as the estimate.
    """
    grid, T = ledger.grid, len(ledger)
    kept = np.exp(-decay_rate * ledger.hours).tolist()
    bottom, top = grid.rows_with_centre_in(ledger.close * (1 - SPAN), ledger.close * (1 + SPAN))
    middle = np.searchsorted(grid.centres, ledger.close)
    split = np.r_[middle[:1], middle[:-1]].tolist()
    a_row = ledger.opened * grid.bin_size / (SPAN * ledger.close)
    column = np.full(T, -1)
    column[intervals.last] = np.arange(len(intervals))
    group = np.repeat(np.arange(len(intervals)), np.diff(np.r_[intervals.first, T])).tolist()
    standing = np.empty((len(intervals), grid.rows), dtype=np.float32)
    swept = np.zeros((len(intervals), 2))
    state = np.zeros(grid.rows)
    rows = zip(ledger.sweep.tolist(), split, bottom.tolist(), top.tolist(), a_row.tolist(), kept, strict=True)
    for t, ((a, b), m, low, high, usd, share) in enumerate(rows):
        state *= share
        if b > a:
            m = min(max(m, a), b)
            swept[group[t]] += state[a:m].sum(), state[m:b].sum()
            state[a:b] = 0.0
        state[low:high] += usd
        if column[t] >= 0:
            standing[column[t]] = state
    return standing.T, swept


def a_day_before(intervals: Intervals) -> Ints:
    """Return the last interval that had ended 24 h before each began, shape (H,); -1 where there is none."""
    place: Ints = np.searchsorted(intervals.end, intervals.time - DAY, side="right") - 1
    return place


def yesterday(standing: npt.NDArray[np.float32], grid: PriceGrid, intervals: Intervals) -> Floats:
    """Return what each interval's path would have swept of the estimate's profile of a day before.

    Parameters
    ----------
    standing
        The estimate at the end of each interval, USD, (P, H).
    grid, intervals
        Its rows and columns.

    Notes
    -----
    Price rows stay where they were, whatever price has done to them since. A row below the price at the interval's
    start counts as longs, one above it as shorts.
    """
    a, b = grid.rows_with_centre_in(intervals.low, intervals.high)
    m = np.clip(np.searchsorted(grid.centres, intervals.before), a, b)
    swept = np.zeros((len(intervals), 2))
    for h, column in enumerate(a_day_before(intervals).tolist()):
        if column >= 0:
            swept[h] = standing[a[h] : m[h], column].sum(), standing[m[h] : b[h], column].sum()
    return swept
