"""Price cells of one candle: the bins, with the close's bin split in two at the close, so that each cell has one side.

Arrays in, arrays out. C are cells, P bins.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from .grid import Floats, Ints, PriceGrid
from .replay import split_rows

BRIGHT = 0.3  # a cell is bright from this share of the densest cell


@dataclass(frozen=True, eq=False)
class Cells:
    """Cells from the lowest price to the highest; those below the close hold longs, the others shorts.

    Attributes
    ----------
    edges
        USD, (C+1,): those of the bins, and the close where it splits a bin.
    longs
        Number of cells that hold longs: the first ones.
    first_row
        First row of the ledger in each cell, (C,).
    cut
        The bin that the close splits; None if its rows are all of one side. Then the cells are the bins.
    """

    edges: Floats
    longs: int
    first_row: Ints
    cut: int | None

    @classmethod
    def at(cls, rows: PriceGrid, bins: PriceGrid, close: float) -> Cells:
        """Return the cells of bins (``rows.added_up(...)``, or the rows themselves) at a close."""
        split = int(split_rows(rows, np.array([close]))[0])
        first_row, edges = rows.first_rows(bins), bins.edges
        longs = int(np.searchsorted(first_row, split, "left"))  # bins that begin below the close
        if longs == 0 or split >= rows.rows or (longs < len(first_row) and first_row[longs] == split):
            return cls(edges, longs, first_row, None)
        cut = longs - 1
        # At the close; or at the edge of its row, if float64 cannot distinguish the close from the bin's own edge.
        at = close if edges[cut] < close < edges[cut + 1] else float(rows.edges[split])
        return cls(np.insert(edges, cut + 1, at), longs, np.insert(first_row, cut + 1, split), cut)

    @cached_property
    def centres(self) -> Floats:
        """Centres of the cells, USD, (C,)."""
        centres: Floats = (self.edges[:-1] + self.edges[1:]) / 2
        return centres

    @cached_property
    def is_long(self) -> npt.NDArray[np.bool_]:
        """Whether a cell holds longs, (C,)."""
        return np.arange(len(self.first_row)) < self.longs

    def apart(self, column: Floats, long_at_close: float) -> Floats:
        """Return the USD in each cell, (C,), of a column of bins (P,)."""
        if self.cut is None:
            return column
        long = min(long_at_close, float(column[self.cut]))  # the column is float32
        usd = np.insert(column, self.cut, long)
        usd[self.cut + 1] -= long
        return usd

    def by_bin(self, usd: Floats) -> tuple[Floats, Floats]:
        """Return the USD of longs and of shorts in each bin, (P,) each, of USD in the cells (C,)."""
        long, short = np.where(self.is_long, usd, 0.0), np.where(self.is_long, 0.0, usd)
        if self.cut is None:
            return long, short
        return np.delete(long, self.cut + 1), np.delete(short, self.cut)

    def joined(self, usd: Floats) -> Floats:
        """Return the USD in each bin, (..., P), of USD in the cells (..., C)."""
        if self.cut is None:
            return usd
        whole: Floats = np.delete(usd, self.cut + 1, axis=-1)
        whole[..., self.cut] += usd[..., self.cut + 1]
        return whole

    def added_up(self, rows: Floats) -> Floats:
        """Return the USD in each cell, (..., C), of USD in the ledger's rows (..., rows)."""
        if rows.shape[-1] == len(self.first_row):
            return rows
        cells: Floats = np.add.reduceat(rows, self.first_row, axis=-1)
        return cells


def bright_runs(column: Floats, is_long: npt.NDArray[np.bool_], bright: float = BRIGHT) -> Ints:
    """Return the runs of bright cells ``[a, b)`` of a column (C,), each on one side of the close, shape (R, 2)."""
    side = np.where(is_long, 1, -1) * ((column > 0) & (column >= bright * column.max()))
    change = np.flatnonzero(np.diff(np.r_[0, side, 0]))
    runs = np.stack([change[:-1], change[1:]], axis=1)
    bounded: Ints = runs[side[runs[:, 0]] != 0]
    return bounded
