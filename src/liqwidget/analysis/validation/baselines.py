"""Baselines for an estimate of liquidations: rules that know the same path of price, but no leverage mix.

All give amounts like USD, of arbitrary scale, shape (H, 2): longs, shorts. Each interval uses its own candles, as the
estimate does, and nothing later.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ...market.market import Market
from ...model.build import ledger_on
from ...model.grid import Floats, Ints, PriceGrid
from ...model.ledger import Ledger
from ...model.maintenance import possible
from ...model.opening import SPAN
from ...model.replay import flows_of
from ...run.progress import Count, uncounted
from ..stats.intervals import Intervals

BASELINES = {
    "range_volume": "range x volume",
    "fresh_range": "fresh range x volume",
    "uniform": "uniform in distance",
    "even": "even in 1/leverage",
    "yesterday": "yesterday's profile",
}
DAY = np.timedelta64(24, "h")
EVEN = 1 / np.linspace(1 / 150, 1 / 3, 32)  # leverages, as many tiers as a ledger may have
EVEN_PARTS = len(EVEN) // 8


def range_volume(intervals: Intervals) -> Floats:
    """Return how far price fell below (longs) and rose above (shorts) the previous close, times the volume.

    The strongest of the simple forms: high to low, the sum over candles, the close, and the steepest fall within the
    interval all rank worse on real data.
    """
    fall, rise = intervals.before - intervals.low, intervals.high - intervals.before
    moves: Floats = np.stack([fall, rise], axis=1) * intervals.volume[:, None]
    return moves


def fresh_range(intervals: Intervals) -> Floats:
    """Return the same with what lies beyond the last interval's low or high counted twice, as new ground."""
    floor = np.minimum(intervals.before, np.r_[intervals.low[:1], intervals.low[:-1]])
    roof = np.maximum(intervals.before, np.r_[intervals.high[:1], intervals.high[:-1]])
    beyond = np.stack([np.maximum(floor - intervals.low, 0.0), np.maximum(intervals.high - roof, 0.0)], axis=1)
    moves: Floats = range_volume(intervals) + beyond * intervals.volume[:, None]
    return moves


def uniform(ledger: Ledger, decay_rate: float, intervals: Intervals) -> tuple[npt.NDArray[np.float32], Floats]:
    """Return the USD standing at the end of each interval, (P, H), and those swept in it, (H, 2).

    Each candle opens as much as in the ledger, evenly over the rows from its close to 25 % below (longs) or above
    (shorts), the same USD in each row; decay and sweeps follow the same rules as the estimate.
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


def even(market: Market, ledger: Ledger, decay_rate: float, intervals: Intervals, told: Count = uncounted) -> Floats:
    """Return what each interval sweeps if opened USD go to levels spread evenly in 1/leverage, 3x to 150x, (H, 2).

    The model itself with another mix, 32 tiers of equal weight: it knows leverage, but not how much it is used.
    ``told`` reports `EVEN_PARTS` parts.
    """
    tiers = EVEN[possible(EVEN, ledger.settings, 1.05)]
    swept = np.zeros((len(intervals), 2))
    parts = np.array_split(tiers, max(len(tiers) // 8, 1))  # so that not all entries are in memory at once
    told(done=EVEN_PARTS - len(parts))
    for part in parts:
        of_part = ledger_on(market, 0, ledger.grid, part, ledger.settings)
        flows = flows_of(of_part, decay_rate, np.full(len(part), 1 / len(tiers)))
        for side, name in enumerate(("liquidated_long", "liquidated_short")):
            swept[:, side] += np.add.reduceat(flows[name], intervals.first)
        told()
    return swept


def a_day_before(intervals: Intervals) -> Ints:
    """Return the last interval that had ended 24 h before each began, shape (H,); -1 if there is none."""
    place: Ints = np.searchsorted(intervals.end, intervals.time - DAY, side="right") - 1
    return place


def yesterday(standing: npt.NDArray[np.float32], grid: PriceGrid, intervals: Intervals) -> Floats:
    """Return what each interval's path would have swept of the estimate's profile of the previous day.

    Parameters
    ----------
    standing
        The estimate at the end of each interval, USD, (P, H).
    grid, intervals
        Its rows and columns.

    Notes
    -----
    Price rows are unchanged, whatever price has done to them since. A row below the price at the interval's
    start counts as longs, one above it as shorts.
    """
    a, b = grid.rows_with_centre_in(intervals.low, intervals.high)
    m = np.clip(np.searchsorted(grid.centres, intervals.before), a, b)
    swept = np.zeros((len(intervals), 2))
    for h, column in enumerate(a_day_before(intervals).tolist()):
        if column >= 0:
            swept[h] = standing[a[h] : m[h], column].sum(), standing[m[h] : b[h], column].sum()
    return swept
