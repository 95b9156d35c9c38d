"""Settings drawn around given ones, and one moment of a ledger under many of them.

All draws are deterministic, so that the numbers are the same everywhere: `js/src/model/band.ts` is the twin.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ...model.cells import Cells, bright_runs
from ...model.grid import Floats, PriceGrid
from ...model.ledger import Ledger

#: Assumptions: nobody knows how well mix and decay rate are known.
PARTS = 30
FACTOR = 2.0
STEPS = 8
#: The draws of `sensitivity` and of the browser's band.
DRAWS = 200
LEVEL = 0.9


def drawn_mixes(weights: Floats, draws: int, seed: int = 0) -> Floats:
    """Return mixes around one, shape (draws, L), rows that sum to 1.

    The mix, in order of leverage, is cut into 30 equal parts; each part gets an exponential size, and all are scaled
    to sum to 1. That is a Dirichlet distribution over the parts (Rubin, "The Bayesian bootstrap", Annals of Statistics
    9, 1981): the uncertainty left by a sample of 30 traders. A tier of whole parts has exactly the Dirichlet's share, a
    quarter is between 13 and 39 % in nine of ten draws; a part that several tiers share is scaled as one.

    Parameters
    ----------
    weights
        Shares that sum to 1, shape (L,), in order of leverage.
    draws
        How many.
    seed
        The same one gives the same mixes, >= 0.
    """
    # A linear congruential generator, all of its steps at once: x' = x a + c, modulo 2 ** 32.
    a = np.cumprod(np.full(draws * PARTS, 1664525), dtype=np.uint32)
    c = np.cumsum(np.r_[np.uint32(1), a[:-1]], dtype=np.uint32) * np.uint32(1013904223)
    uniform = (a * np.uint32(seed % 2**32) + c + 0.5) / 2**32
    reached = np.pad(np.cumsum(-np.log(uniform).reshape(draws, PARTS), axis=1), ((0, 0), (1, 0)))
    cut = np.r_[0.0, np.cumsum(weights)] * PARTS
    part = np.minimum(cut.astype(np.intp), PARTS - 1)
    at = reached[:, part] + (cut - part) * (reached[:, part + 1] - reached[:, part])
    mixes: Floats = np.diff(at, axis=1) / reached[:, -1:]
    return mixes


def drawn_rates(rate: float, draws: int) -> Floats:
    """Return decay rates around the given one, shape (draws,).

    In turn the midpoints of 8 equal steps, on a log scale, from half the rate to twice the rate. A rate of 0 stays 0.
    """
    rates: Floats = rate * FACTOR ** ((2 * (np.arange(draws) % STEPS) + 1) / STEPS - 1)
    return rates


class Moment:
    """The standing positions at the close of one candle, prepared for any mix and decay rate.

    Parameters
    ----------
    ledger
        Unmerged. With ``turnover="auto"`` each decay rate has its own turnover.
    at
        Candle, counted from 0.
    bin_size
        As for :meth:`liqwidget.Ledger.replay`.

    Attributes
    ----------
    grid, cells
        Its bins, P of them, and the cells into which the close divides them, C.
    """

    def __init__(self, ledger: Ledger, at: int, bin_size: float | None = None) -> None:
        opened = slice(0, int(ledger.start[at + 1]))
        stands = np.flatnonzero(ledger.end[opened] > at)
        clock = np.cumsum(ledger.hours[: at + 1])
        self.grid: PriceGrid = ledger.grid.added_up(bin_size)
        self.close: float = float(ledger.close[at])
        self.cells: Cells = Cells.at(ledger.grid, self.grid, self.close)
        self._ledger = ledger
        self._shape = len(ledger.leverage), len(self.cells.first_row)
        cell = np.searchsorted(self.cells.first_row, ledger.row[stands], "right") - 1
        self._cell = ledger.tier[stands].astype(np.intp) * self._shape[1] + cell
        self._usd = ledger.notional[stands]
        self._column = ledger.column[stands]
        self._age = clock[-1] - clock

    def planes(self, rate: float) -> Floats:
        """Return USD by tier and cell, shape (L, C), each plane as if all traders used that tier."""
        kept = np.exp(-rate * self._age) * self._ledger.opened_share(rate)[: len(self._age)]
        left = self._usd * kept[self._column]
        planes: Floats = np.bincount(self._cell, left, self._shape[0] * self._shape[1]).astype(np.float64)
        return planes.reshape(self._shape)

    def columns(self, mixes: Floats, rates: Floats) -> Floats:
        """Return USD by cell for D mixes (D, L) and their decay rates (D,), shape (D, C)."""
        columns = np.empty((len(mixes), self._shape[1]))
        for rate in np.unique(rates):
            of = rates == rate
            columns[of] = mixes[of] @ self.planes(float(rate))
        return columns

    def on_bins(self, columns: Floats, of: PriceGrid) -> Floats:
        """Return columns (D, C) on the bins of another grid, (D, P), with the USD of each bin spread evenly."""
        columns = self.cells.joined(columns)
        if self.grid == of:
            return columns
        summed = np.pad(np.cumsum(columns, axis=1), ((0, 0), (1, 0)))
        return np.array([np.diff(np.interp(of.edges, self.grid.edges, one)) for one in summed])


def matched(clusters: pd.DataFrame, moment: Moment, columns: Floats) -> tuple[Floats, Floats]:
    """Match C clusters in D columns of a moment, by cell.

    A cluster is found if a cluster of the column on the same side overlaps it. Of several such clusters the one
    with most USD between the given cluster's edges is used.

    Returns
    -------
    (usd, peak)
        USD of its side between the edges of each cluster, and the centre of the matching cluster's densest cell, NaN
        if there is none; shape (D, C) each.
    """
    cells = moment.cells
    edges, is_long = cells.edges, cells.is_long
    ends = clusters[["price_low", "price_high"]].to_numpy().T  # (2, C)
    usd, peak = np.zeros((len(columns), len(clusters))), np.full((len(columns), len(clusters)), np.nan)
    first = np.searchsorted(edges, ends[0], "right")[:, None] - 1
    last = np.searchsorted(edges, ends[1], "left")[:, None]
    of_longs = (clusters["side"] == "long").to_numpy()
    which = np.arange(len(clusters))
    for d, column in enumerate(columns):
        a, b = bright_runs(column, is_long).T
        if not len(a) or not len(clusters):
            continue
        summed = np.r_[0.0, np.cumsum(column)]
        by_side = (np.r_[0.0, np.cumsum(np.where(is_long == side, column, 0.0))] for side in (False, True))
        within = [np.diff(np.interp(ends, edges, one), axis=0)[0] for one in by_side]
        usd[d] = np.where(of_longs, within[1], within[0])
        low, high = np.maximum(first, a), np.minimum(last, b)
        shared = np.where((high > low) & (is_long[a] == of_longs[:, None]), summed[high] - summed[low], 0.0)
        best = shared.argmax(axis=1)
        for c in which[shared[which, best] > 0]:
            run = slice(a[best[c]], b[best[c]])
            peak[d, c] = cells.centres[run][column[run].argmax()]
    return usd, peak


def span_of(values: Floats, level: float) -> tuple[Floats, Floats]:
    """Return the range that contains at least that share of the draws, along the first axis."""
    tail = (1 - level) / 2
    return np.quantile(values, tail, axis=0, method="lower"), np.quantile(values, 1 - tail, axis=0, method="higher")


def with_ranges(clusters: pd.DataFrame, usd: Floats, peak: Floats, level: float = LEVEL) -> pd.DataFrame:
    """Return clusters with the results of `matched`: their ranges, and ``found``, a share of the draws."""
    known = [one[~np.isnan(one)] for one in peak.T]
    peaks = [span_of(one, level) if len(one) else (np.nan, np.nan) for one in known]
    notional_low, notional_high = span_of(usd, level)
    return clusters.assign(
        notional_low=notional_low,
        notional_high=notional_high,
        peak_low=[float(low) for low, _ in peaks],
        peak_high=[float(high) for _, high in peaks],
        found=np.mean(~np.isnan(peak), axis=0),
    )
