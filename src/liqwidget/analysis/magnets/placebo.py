"""The levels that a magnet study compares, all known at their decision's moment: N decisions, sides 0 below, 1 above.

``z`` is the log distance of a level from the close, in units of a day's volatility as measured up to that moment.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from ...model.grid import Floats, Ints
from ...model.opening import NS_PER_HOUR

MATCH_HOURS = 14 * 24.0  # maximum age of a matched moment
COINCIDE = 0.1  # of the daily volatility: levels this near count as one


def largest_clusters(
    values: npt.NDArray[np.float32], centres: Floats, close: Floats, near: Floats, far: Floats, bright: float
) -> tuple[Floats, Floats]:
    """Return peak price and USD of the largest cluster on each side of each close, shape (N, 2); NaN for none.

    Parameters
    ----------
    values
        Density, shape (P, N).
    centres, close
        Row centres (P,) and closes (N,), USD.
    near, far
        Nearest and farthest log distance from each close that is considered, shape (N,).
    bright
        A row belongs to a cluster from this share of the densest row on that side within reach.
    """
    peak, notional = np.full((len(close), 2), np.nan), np.full((len(close), 2), np.nan)
    for n, price in enumerate(close):
        for side, sign in enumerate((-1.0, 1.0)):
            edges = sorted((price * np.exp(sign * near[n]), price * np.exp(sign * far[n])))
            a, b = np.searchsorted(centres, edges)
            column = values[a:b, n].astype(np.float64)
            if not len(column) or column.max() <= 0:
                continue
            change = np.flatnonzero(np.diff(np.r_[False, column >= bright * column.max(), False]))
            runs = [(i, j) for i, j in pairwise(change) if column[i] >= bright * column.max()]
            i, j = max(runs, key=lambda run: column[run[0] : run[1]].sum())
            peak[n, side] = centres[a + i + int(column[i:j].argmax())]
            notional[n, side] = column[i:j].sum()
    return peak, notional


def shifted(time: Ints, close: Floats, volatility: Floats, z: Floats, hours: float, every_hours: float) -> Floats:
    """Return where the cluster of some hours earlier would be now, at its old ``z``, shape (N, 2)."""
    wanted = time - int(hours * NS_PER_HOUR)
    then = np.searchsorted(time, wanted, "right") - 1
    known = (then >= 0) & (wanted - time[np.maximum(then, 0)] < int(every_hours * NS_PER_HOUR))
    old = np.where(known[:, None], z[np.maximum(then, 0)], np.nan)
    levels: Floats = close[:, None] * np.exp(old * volatility[:, None])
    return levels


def matched(
    time: Ints, close: Floats, volatility: Floats, z: Floats, apart_hours: float, draws: int, seed: int
) -> tuple[Floats, Ints]:
    """Return levels at the same ``z`` at random earlier moments, and those moments' numbers, shape (N, 2, K).

    Moments are at least ``apart_hours`` and at most 14 days earlier. The draws depend only on the seed and the
    decision's own time, so later candles change nothing.
    """
    last = np.searchsorted(time, time - int(apart_hours * NS_PER_HOUR), "right")
    first = np.searchsorted(time, time - int(MATCH_HOURS * NS_PER_HOUR), "left")
    moment = np.zeros((len(time), 2, draws), dtype=np.int64)
    some = np.zeros(len(time), dtype=bool)
    for n in np.flatnonzero(last > first):
        rng = np.random.default_rng((seed, int(time[n] // 1_000_000_000)))
        moment[n] = rng.integers(first[n], last[n], size=(2, draws))
        some[n] = True
    levels = close[moment] * np.exp(z[:, :, None] * volatility[moment])
    return np.where(some[:, None, None], levels, np.nan), moment


def nearest(levels: Floats, marks: list[Floats]) -> Floats:
    """Return the absolute log distance of each level (N, 2) to the nearest mark of its moment; infinite without any."""
    out = np.full(levels.shape, np.inf)
    for n, mine in enumerate(marks):
        if len(mine):
            out[n] = np.abs(np.log(levels[n][:, None] / mine)).min(axis=1)
    return out


def others(
    cluster: Floats, close: Floats, volatility: Floats, marks: list[Floats], near: Floats, far: Floats
) -> Floats:
    """Return the mark on the cluster's side whose distance from the close is closest to the cluster's, shape (N, 2).

    Marks that coincide with the cluster or are out of reach do not count; NaN for none.
    """
    out = np.full(cluster.shape, np.nan)
    for n, mine in enumerate(marks):
        away = np.log(mine / close[n])
        for side, sign in enumerate((-1.0, 1.0)):
            apart = np.abs(np.log(mine / cluster[n, side]))
            fits = (sign * away >= near[n]) & (sign * away <= far[n]) & (apart > COINCIDE * volatility[n])
            if fits.any():
                out[n, side] = mine[fits][apart[fits].argmin()]
    return out
