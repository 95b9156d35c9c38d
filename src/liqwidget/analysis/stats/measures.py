"""Measures of similarity of two arrays; arrays in, floats out. NaN if a measure is undefined."""

from __future__ import annotations

import numpy as np

from ...model.grid import Floats


def linear_correlation(a: Floats, b: Floats) -> float:
    """Return Pearson's correlation of two arrays (N,); NaN if one of them is constant."""
    x, y = (_centred(values) for values in (a, b))
    return float(x @ y)


def rank_correlation(a: Floats, b: Floats) -> float:
    """Return Spearman's correlation of two arrays (N,): Pearson's of the ranks, ties sharing their mean rank."""
    return linear_correlation(ranks(a), ranks(b))


def ranks(values: Floats) -> Floats:
    """Return ranks, starting with 1, (N,); equal values share their mean rank."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    shared: Floats = (last - (count - 1) / 2)[place.reshape(-1)]
    return shared


def earth_mover(a: Floats, b: Floats, step: float = 1.0) -> float:
    """Return how far a unit of mass has to move on average to turn ``b`` into ``a``: the Wasserstein-1 distance.

    Parameters
    ----------
    a, b
        Masses >= 0 in rows of equal height, (N,). Each is scaled to a total of 1.
    step
        Height of a row; the result has its unit.

    Notes
    -----
    On a line it is the area between the cumulative shares (Vallender 1974; Rubner, Tomasi and Guibas 2000). Mass counts
    as located at its row's centre. NaN if one of them is empty.
    """
    total_a, total_b = a.sum(), b.sum()
    if not (total_a > 0 and total_b > 0):
        return float("nan")
    return float(np.abs(np.cumsum(a / total_a - b / total_b)).sum() * step)


def _centred(values: Floats) -> Floats:
    """Return an array with mean 0 and length 1; NaN for a constant one."""
    if not len(values) or values.min() == values.max():
        return np.full(len(values) or 1, np.nan)
    scale = np.abs(values).max()
    centred = values / scale - (values / scale).mean()
    length = np.sqrt(centred @ centred)
    unit: Floats = centred / length if length > 0 else np.full(len(values), np.nan)
    return unit
