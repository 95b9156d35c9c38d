"""Price rows against realised liquidations that have a price; and bright rows that price never reached."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ...model.grid import Floats, Ints, PriceGrid, half_bins
from ...model.opening import SPAN
from ..stats.intervals import Intervals

REACH = np.timedelta64(24, "h")
Planes = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class RowCells:
    """Rows that price touched in an interval, on the side it came from: N cells, by interval and row.

    Attributes
    ----------
    interval, side, row
        Shape (N,); side 0 is long: the row lies below the price at the interval's start.
    realised
        USD of the liquidations of that side at that row's prices in the interval, (N,).
    covered
        Share of the priced realised USD that lies in these cells. The rest is of positions opened since the
        start, hit on the way back, or was not reached by this venue's prices.
    """

    interval: Ints
    side: Ints
    row: Ints
    realised: Floats
    covered: float

    @classmethod
    def of(cls, events: Any, intervals: Intervals, scored: npt.NDArray[np.bool_], grid: PriceGrid) -> RowCells:
        """Place realised liquidations (the frame of a `Market`) on the rows touched in the scored intervals."""
        a, b = (np.floor(half_bins(price, grid.bin_size) / 2).astype(np.int64) - grid.first for price in
                (intervals.low, intervals.high))  # fmt: skip
        count = np.where(scored, b + 1 - a, 0).astype(np.intp)
        offset = np.cumsum(count) - count
        interval = np.repeat(np.arange(len(intervals)), count)
        row = np.arange(len(interval)) - offset[interval] + a[interval]
        side = (grid.centres[row] > intervals.before[interval]).astype(np.intp)

        price = events["price"].to_numpy(dtype=np.float64)
        when = events["time"].dt.tz_localize(None).to_numpy().astype("datetime64[ns]")
        h = np.maximum(np.searchsorted(intervals.time, when, side="right") - 1, 0)
        used = ~np.isnan(price) & scored[h] & (when >= intervals.time[h]) & (when < intervals.end[h])
        h, usd = h[used], events["notional"].to_numpy(dtype=np.float64)[used]
        at = np.floor(half_bins(np.minimum(price[used], 1e15), grid.bin_size) / 2) - grid.first
        inside = (at >= a[h]) & (at <= b[h])
        place = (offset[h[inside]] + at[inside] - a[h[inside]]).astype(np.intp)
        same = side[place] == (events["side"].to_numpy()[used] == "short")[inside]
        realised = np.bincount(place[same], usd[inside][same], len(row)).astype(np.float64)
        total = float(usd.sum())
        return cls(interval, side, row, realised, float(realised.sum()) / total if total > 0 else np.nan)

    def standing(self, planes: Planes, column: Ints) -> Floats:
        """Return the amount in each cell at its interval's column of (P, H) planes; 0 where the column is -1."""
        column = column[self.interval]
        stood: Floats = np.where(column >= 0, planes[self.row, column], 0.0).astype(np.float64)
        return stood

    def spread(self, amount: Floats) -> Floats:
        """Return amounts (H, 2) spread evenly over the cells of each interval and side."""
        each: Floats = (amount.reshape(-1) / np.maximum(np.bincount(self._group, minlength=amount.size), 1))[
            self._group
        ]
        return each

    def misplaced(self, estimate: Floats, step: Floats) -> tuple[Floats, Floats]:
        """Return the earth mover's distance of the profiles of each interval and side, weighted, and the weights.

        Parameters
        ----------
        estimate
            Amount of each cell, (N,). If all are 0, an even spread replaces them.
        step
            Height of a row in the unit of the distance, (H,).

        Returns
        -------
        moved, weight
            Shape (H, 2): distance times realised USD; realised USD.
        """
        group, size = self._group, 2 * len(step)
        weight, total = (np.bincount(group, each, size).astype(np.float64) for each in (self.realised, estimate))
        rows = np.bincount(group, minlength=size)
        share = np.where((total > 0)[group], estimate, 1.0) / np.where(total > 0, total, rows)[group]
        true = self.realised / np.where(weight > 0, weight, 1.0)[group]
        # Longs come first in an interval, so each of its sides is one run; a run's differences sum to 0.
        apart = np.abs(np.cumsum(np.where((weight > 0)[group], share - true, 0.0)))
        moved: Floats = np.bincount(group, apart, size) * weight * np.repeat(step, 2)
        return moved.reshape(-1, 2), weight.reshape(-1, 2)

    @property
    def _group(self) -> Ints:
        return self.interval * 2 + self.side


def brightest_unreached(
    planes: Planes, grid: PriceGrid, intervals: Intervals, scored: npt.NDArray[np.bool_], bright: float
) -> tuple[Floats, Floats]:
    """Return how many of the brightest rows price did not reach within 24 h, and how many there were.

    Parameters
    ----------
    planes
        USD standing at the end of each interval, (P, H).
    grid, intervals
        Rows and columns.
    scored
        Intervals whose starts count, except those whose 24 h have not ended.
    bright
        Share of the non-empty rows within 25 % of the price, on each side.

    Returns
    -------
    missed, flagged
        Rows, shape (H, 2): longs, shorts.
    """
    missed, flagged = np.zeros((len(intervals), 2)), np.zeros((len(intervals), 2))
    until = np.searchsorted(intervals.end, intervals.time + REACH, side="right")
    whole = scored & (intervals.time + REACH <= intervals.end[-1])
    for h in np.flatnonzero(whole).tolist():
        low, high = intervals.low[h : until[h]].min(), intervals.high[h : until[h]].max()
        price = intervals.before[h]
        bottom, middle, top = np.searchsorted(grid.centres, [price * (1 - SPAN), price, price * (1 + SPAN)]).tolist()
        for side, part in enumerate((slice(bottom, middle), slice(middle, top))):
            stood, centre = planes[part, h - 1], grid.centres[part]
            size = int(np.ceil(bright * np.count_nonzero(stood)))
            if size:
                rows = np.argpartition(stood, len(stood) - size)[len(stood) - size :]
                missed[h, side] = np.count_nonzero(centre[rows] < low if side == 0 else centre[rows] > high)
                flagged[h, side] = size
    return missed, flagged
