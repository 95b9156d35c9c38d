"""Measures of resampled series, all resamples at once.

A resample is given by how often it takes each cell: ``counts``, shape (B, n), integers. Results have shape (B,), or
(B, n) for ranks; a line of ones is the original series.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...model.grid import Floats, Ints
from .bootstrap import block_counts

_AT_ONCE = 1_000_000  # numbers at a time, so that they stay in the cache
_MOST = 20_000_000  # numbers in total; beyond it fewer resamples are measured, but at least
_LEAST = 100


def day_counts(days: int, draws: int, block: float, seed: int) -> Floats:
    """Return how often each resample takes each day, (1 + draws, days); line 0 is the original series."""
    return np.concatenate([np.ones((1, days)), block_counts(days, min(block, days), draws, seed)])


def replicates(statistic: Callable[[Floats], dict[str, Floats]], counts: Floats, day: Ints) -> dict[str, Floats]:
    """Return measures of the resamples, (B,) each; with very many cells, only of the first ones, (b,) each.

    Parameters
    ----------
    statistic
        Takes how often each cell is taken, (b, n), and returns measures, (b,) each.
    counts
        How often each day is taken, (B, D).
    day
        Day of each cell, (n,).
    """
    n = max(len(day), 1)
    step, counts = max(_AT_ONCE // n, 1), counts[: 1 + max(_MOST // n, _LEAST)]
    parts = [statistic(counts[i : i + step][:, day]) for i in range(0, len(counts), step)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def linear_correlations(x: Floats, y: Floats, counts: Floats, day: Ints) -> Floats:
    """Return Pearson's correlation of x and y, (n,), in each resample; NaN where one is constant.

    ``counts``, (B, D), and ``day``, (n,), as for `replicates`: sums over days are enough.
    """
    # Centred and scaled to 1, so that sums of squares neither overflow nor cancel.
    x, y = (values / (np.abs(values).max() or 1.0) for values in (x, y))
    x, y = x - x.mean(), y - y.mean()
    by_day = [np.bincount(day, each, counts.shape[1]) for each in (np.ones(len(x)), x, y, x * x, y * y, x * y)]
    total, *sums = (counts @ each for each in by_day)
    mean_x, mean_y, xx, yy, xy = (each / np.where(total > 0, total, np.nan) for each in sums)
    scatter_x, scatter_y = xx - mean_x**2, yy - mean_y**2
    known = (scatter_x > 1e-12 * xx) & (scatter_y > 1e-12 * yy)
    found: Floats = np.full(len(counts), np.nan)
    found[known] = ((xy - mean_x * mean_y) / np.sqrt(np.where(known, scatter_x * scatter_y, 1.0)))[known]
    return found


def mean_ranks(values: Floats, counts: Floats) -> Floats:
    """Return the ranks of values (n,) in each resample, (B, n); equal values share their mean rank."""
    order = np.argsort(values, kind="stable")
    fresh = np.r_[True, np.diff(values[order]) != 0]
    sizes = np.add.reduceat(counts[:, order], np.flatnonzero(fresh), axis=1)
    middle = np.cumsum(sizes, axis=1) - (sizes - 1) / 2
    place = np.empty(len(values), dtype=np.intp)
    place[order] = np.cumsum(fresh) - 1
    found: Floats = middle[:, place]
    return found


def rank_correlations(x: Floats, y: Floats, counts: Floats) -> Floats:
    """Return Spearman's correlation from the ranks of `mean_ranks`, (B, n); NaN where one is constant."""
    middle = (counts.sum(axis=1, keepdims=True) + 1) / 2
    x, y = x - middle, y - middle
    xx, yy, xy = (np.einsum("bn,bn,bn->b", counts, a, b) for a, b in ((x, x), (y, y), (x, y)))
    known = (xx > 0) & (yy > 0)
    found: Floats = np.where(known, xy / np.sqrt(np.where(known, xx * yy, 1.0)), np.nan)
    return found


def bright_cells(estimate: Floats, realised: Floats, counts: Floats, bright: float) -> dict[str, Floats]:
    """Return the measures of the brightest cells, named as in `liqwidget.Validation`."""
    size = np.ceil(bright * counts.sum(axis=1) - 1e-9)
    with np.errstate(invalid="ignore", divide="ignore"):
        e, y = (values / (counts * values).sum(axis=1, keepdims=True) for values in (estimate, realised))
        flagged, best = (_top(values, counts, size) for values in (estimate, realised))
        return {
            "hit_rate": (flagged * y).sum(axis=1),
            "hit_best": (best * y).sum(axis=1),
            "false_alarm": (flagged * np.maximum(e - y, 0.0)).sum(axis=1) / (flagged * e).sum(axis=1),
            "quiet": (flagged * _little(realised, counts)).sum(axis=1) / size,
        }


def _top(values: Floats, counts: Floats, size: Floats) -> Floats:
    """Return how often each cell is among the ``size`` (B,) largest, (B, n); of equal values the first count."""
    order = np.argsort(-values, kind="stable")
    there = counts[:, order]
    before = np.cumsum(there, axis=1) - there
    taken = np.empty_like(there)
    taken[:, order] = np.clip(size[:, None] - before, 0.0, there)
    return taken


def _little(values: Floats, counts: Floats) -> Floats:
    """Return which cells are empty, or below the median of their resample, (B, n)."""
    order = np.argsort(values, kind="stable")
    passed = np.cumsum(counts[:, order], axis=1)
    middle = (passed < passed[:, -1:] / 2).sum(axis=1)
    little: Floats = ((values < values[order][middle][:, None]) | (values == 0)).astype(np.float64)
    return little
