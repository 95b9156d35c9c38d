"""Weights of the tiers that explain realised liquidations: a non-negative fit with a prior.

What each tier would have had liquidated in each interval is known for any decay rate (`flows.py`), and the estimate is
their mixture: linear in the weights. Realised sums range over four powers of ten, larger ones are less certain, and a
few are far off: so it is a least-squares problem whose weights depend on its own solution, solved iteratively.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...model.grid import Floats

POWER = 1.5  # variance of an interval grows with its mean to this power: 1 for chance alone, 2 for a factor alone
FLOOR = 0.03  # of the mean interval, added to each mean in the variance
BOUND = 3.0  # standard deviations, to which larger residuals are limited (Huber)
ABSURD = 20.0  # times the 99th percentile of the intervals above 0
_STEPS = 60


@dataclass(frozen=True, eq=False)
class Fit:
    """A fitted mixture.

    Attributes
    ----------
    weights
        Realised USD per USD that a tier alone would have had liquidated, (L,).
    anchor
        The prior in the same unit, (L,).
    covariance
        Of ``weights / anchor``, given the data and the prior, (L, L).
    spread
        Standard deviation of the residuals of intervals above the floor, in units of ``(mean + floor) ** (POWER / 2)``.
    """

    weights: Floats
    anchor: Floats
    covariance: Floats
    spread: float


def fit_mixture(
    flows: Floats,
    realised: Floats,
    prior: Floats,
    prior_spread: float = 0.4,
    count: Floats | None = None,
    start: Fit | None = None,
    centre: Floats | None = None,
) -> Fit:
    """Return the weights w >= 0 that fit best: iteratively reweighted least squares with a ridge.

    Minimises ``sum((y - X w)**2 / v) + sum((w / q - 1)**2) / prior_spread**2`` with the variances
    ``v = spread**2 * (X w + floor)**1.5`` of the solution itself; residuals beyond three standard deviations count as
    three (Huber, "Robust estimation of a location parameter", 1964). A quasi-likelihood (Wedderburn 1974), so
    that better explained data get more influence: with exact data the prior has none.

    Parameters
    ----------
    flows
        X, USD of each interval and side by tier, (N, L).
    realised
        y, USD, (N,).
    prior
        Shares of the tiers, > 0, (L,); q is the multiple of them that gives the realised total.
    prior_spread
        Standard deviation of ``w / q`` around 1 in the prior.
    count
        How many times each interval counts, (N,), in resamples.
    start
        An earlier fit to start from; its anchor and spread are kept.
    centre
        Replaces 1 in the prior, (L,), in draws from it.

    Notes
    -----
    Each step is solved by the active set method on the normal equations (Lawson and Hanson, "Solving Least Squares
    Problems", 1974, chapter 23).
    """
    times = np.ones(len(realised)) if count is None else count
    total = float(np.minimum(realised, _most(realised)) @ times)
    floor = FLOOR * total / float(times.sum())
    anchor = start.anchor if start else prior * total / float(flows @ prior @ times)
    design: Floats = flows * anchor
    middle = np.ones(len(anchor)) if centre is None else centre
    ridge = np.eye(len(anchor)) / prior_spread**2
    v: Floats = start.weights / anchor if start else np.ones(len(anchor))
    for step in range(_STEPS):
        estimate = design @ v
        scale: Floats = (estimate + floor) ** (POWER / 2)
        miss = np.abs(realised - estimate) / scale
        lively = np.maximum(realised, estimate) > floor  # quiet intervals are right without any skill
        spread = start.spread if start else max(_spread(miss[lively]), 1e-9 * floor ** (1 - POWER / 2))
        trust: Floats = times * np.minimum(1.0, BOUND * spread / np.maximum(miss, spread))
        trust /= (spread * scale) ** 2
        weighted: Floats = design * trust[:, None]
        matrix = design.T @ weighted + ridge
        goal = _non_negative(matrix, weighted.T @ realised + ridge @ middle, v)
        moved = float(np.abs(goal - v).max())
        swing: Floats = (goal - v) / (1 if step < 4 else 2)  # the weights of the intervals may oscillate
        v = v + swing
        if moved < 1e-6 * max(1.0, float(v.max())):
            break
    covariance = np.asarray(np.linalg.inv(matrix), dtype=np.float64)
    return Fit(v * anchor, anchor, covariance, spread)


def _most(realised: Floats) -> float:
    """Return the most that an interval may contribute to the total, so that an erroneous value has little influence."""
    above = realised[realised > 0]
    return ABSURD * float(np.quantile(above, 0.99)) if len(above) else 0.0


def _spread(miss: Floats) -> float:
    """Return the root mean square of residuals (N,), clipped at the bound."""
    usual = 1.4826 * float(np.median(miss))
    return float(np.sqrt(np.mean(np.minimum(miss, BOUND * usual) ** 2)))


def _non_negative(matrix: Floats, right: Floats, v: Floats) -> Floats:
    """Return the v >= 0 that minimises ``v @ matrix @ v / 2 - right @ v``, starting from a first guess."""
    v, free = v.copy(), v > 0
    tolerance = 1e-9 * float(np.abs(right).max())
    for _ in range(20 * len(v)):
        goal = np.zeros(len(v))
        if free.any():
            goal[free] = np.linalg.solve(matrix[np.ix_(free, free)], right[free])
        if (goal[free] >= 0).all():
            v = goal
            gain = np.where(free, -np.inf, right - matrix @ v)
            best = int(np.argmax(gain))
            if not gain[best] > tolerance:
                break
            free[best] = True
        else:  # until the first weight would fall below 0
            falls = free & (goal < 0)
            reach = np.where(falls, v / np.maximum(v - goal, 1e-300), np.inf)
            first = int(np.argmin(reach))
            v = v + float(reach[first]) * (goal - v)
            v[first], free[first] = 0.0, False
    return v
