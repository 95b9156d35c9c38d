"""Settings drawn around given ones, and one moment of a ledger under many of them.

Everything is drawn by counting, so that the same numbers come out everywhere: `js/src/model/band.ts` is the twin.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ...model.density import bright_runs
from ...model.grid import Floats, PriceGrid
from ...model.ledger import Ledger

#: Assumptions: how well mix and decay rate are known is not public, and not known to anybody.
PARTS = 30
FACTOR = 2.0
STEPS = 8
#: What `sensitivity` draws and the browser's band is of.
DRAWS = 200
LEVEL = 0.9


def drawn_mixes(weights: Floats, draws: int, seed: int = 0) -> Floats:
    """Return mixes around one, shape (draws, L), rows that sum to 1.

    The mix, in order of leverage, is cut into 30 equal parts; each part gets an exponential size, and all are scaled
    to sum to 1. That is a Dirichlet distribution over the parts (Rubin, "The Bayesian bootstrap", Annals of Statistics
    9, 1981): what 30 traders asked at random would leave open. A tier of whole parts has the Dirichlet's own share, a
    quarter lies between 13 and 39 % in nine draws of ten; a part that several tiers share is scaled as one.

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
    """Return decay rates around one, shape (draws,).

    In turn the middles of 8 equal steps, on a log scale, from half of it to twice it. No decay stays no decay.
    """
    rates: Floats = rate * FACTOR ** ((2 * (np.arange(draws) % STEPS) + 1) / STEPS - 1)
    return rates


class Moment:
    """What stands at the close of one candle, ready for any mix and decay rate.

    Parameters
    ----------
    ledger
        Unmerged.
    at
        Candle, from 0 on.
    """

    def __init__(self, ledger: Ledger, at: int) -> None:
        opened = slice(0, int(ledger.start[at + 1]))
        stands = np.flatnonzero(ledger.end[opened] > at)
        clock = np.cumsum(ledger.hours[: at + 1])
        self.grid: PriceGrid = ledger.grid
        self.close = float(ledger.close[at])
        self._shape = len(ledger.leverage), ledger.grid.rows
        self._cell = ledger.tier[stands].astype(np.intp) * ledger.grid.rows + ledger.row[stands]
        self._usd = ledger.notional[stands]
        self._column = ledger.column[stands]
        self._age = clock[-1] - clock

    def planes(self, rate: float) -> Floats:
        """Return USD by tier and row, shape (L, P), each plane as if all traders used that tier."""
        left = self._usd * np.exp(-rate * self._age)[self._column]
        planes: Floats = np.bincount(self._cell, left, self._shape[0] * self._shape[1]).astype(np.float64)
        return planes.reshape(self._shape)

    def columns(self, mixes: Floats, rates: Floats) -> Floats:
        """Return USD by row for D mixes (D, L) and their decay rates (D,), shape (D, P)."""
        columns = np.empty((len(mixes), self._shape[1]))
        for rate in np.unique(rates):
            of = rates == rate
            columns[of] = mixes[of] @ self.planes(float(rate))
        return columns


def on_rows(columns: Floats, grid: PriceGrid, of: PriceGrid) -> Floats:
    """Return columns (D, P') of one grid on the rows of another (D, P): USD spread evenly over each row."""
    if grid == of:
        return columns
    summed = np.pad(np.cumsum(columns, axis=1), ((0, 0), (1, 0)))
    return np.array([np.diff(np.interp(of.edges, grid.edges, one)) for one in summed])


def matched(clusters: pd.DataFrame, moment: Moment, columns: Floats) -> tuple[Floats, Floats]:
    """Find C clusters again in D columns (D, P) of a moment.

    A cluster is found where a cluster of the column on the same side overlaps it. Of several such ones the one that has
    most USD between the first one's edges is it.

    Returns
    -------
    (usd, peak)
        USD between the edges of each cluster, and the price of the densest row of the one found, NaN where none is;
        shape (D, C) each.
    """
    grid, is_long = moment.grid, moment.grid.centres < moment.close
    ends = clusters[["price_low", "price_high"]].to_numpy().T  # (2, C)
    usd, peak = np.zeros((len(columns), len(clusters))), np.full((len(columns), len(clusters)), np.nan)
    first = np.searchsorted(grid.edges, ends[0], "right")[:, None] - 1
    last = np.searchsorted(grid.edges, ends[1], "left")[:, None]
    of_longs = (clusters["side"] == "long").to_numpy()[:, None]
    which = np.arange(len(clusters))
    for d, column in enumerate(columns):
        a, b = bright_runs(column, is_long).T
        if not len(a) or not len(clusters):
            continue
        summed = np.r_[0.0, np.cumsum(column)]
        usd[d] = np.diff(np.interp(ends, grid.edges, summed), axis=0)[0]
        low, high = np.maximum(first, a), np.minimum(last, b)
        shared = np.where((high > low) & (is_long[a] == of_longs), summed[high] - summed[low], 0.0)
        best = shared.argmax(axis=1)
        for c in which[shared[which, best] > 0]:
            run = slice(a[best[c]], b[best[c]])
            peak[d, c] = grid.centres[run][column[run].argmax()]
    return usd, peak


def span_of(values: Floats, level: float) -> tuple[Floats, Floats]:
    """Return the numbers between which at least that share of the draws lies, along the first axis."""
    tail = (1 - level) / 2
    return np.quantile(values, tail, axis=0, method="lower"), np.quantile(values, 1 - tail, axis=0, method="higher")


def with_ranges(clusters: pd.DataFrame, usd: Floats, peak: Floats, level: float = LEVEL) -> pd.DataFrame:
    """Return clusters with what `matched` says of them: their ranges, and ``found``, a share of the draws."""
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
