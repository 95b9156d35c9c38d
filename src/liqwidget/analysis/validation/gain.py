"""The gain: what an estimate adds to the path of price.

In intervals in which price moved against a side, the log of realised USD is regressed on side, log move and log
volume, then on the log of the estimate as well. Both regressions are fitted on earlier intervals than those that
are scored. The gain is the share of the squared error that the estimate removes.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from ...model.grid import Floats, Ints
from ..stats.intervals import Intervals

LEAST_MOVE = 0.003  # of the price; in quieter intervals almost nothing is liquidated
LEAST_CELLS = 40  # to regress on, and to score
WARM_UP = np.timedelta64(4, "D")  # at most; a tenth of a shorter time
_FLOOR = 0.01  # of the mean, added before taking logs: most intervals of one side are empty


def squared_errors(
    amounts: Mapping[str, Floats],
    realised: Floats,
    intervals: Intervals,
    scored: npt.NDArray[np.bool_],
    day: Ints,
    days: int,
) -> tuple[Floats, dict[str, Floats]] | None:
    """Return squared errors by day and side without and with each estimate; None if there are too few data.

    Parameters
    ----------
    amounts, realised, intervals
        USD by interval and side, (H, 2), amounts in any unit; the intervals.
    scored
        Intervals to score, (H,); those before the first of them are used for the fit.
    day, days
        Day of each interval, (H,), and the number of days.

    Returns
    -------
    (plain, added)
        Shape (days, 2) each; ``added`` is keyed by the names of ``amounts``.
    """
    known = intervals.complete & np.isfinite(realised).all(axis=1) & (intervals.volume > 0)
    begin = intervals.time[scored][0]
    warm = min(WARM_UP, (begin - intervals.time[0]) // 10)
    before = known & (intervals.time < begin) & (intervals.time >= intervals.time[0] + warm)
    if not before.any():
        return None
    move = np.stack([intervals.before - intervals.low, intervals.high - intervals.before], axis=1)
    move /= intervals.before[:, None]
    moved = move >= LEAST_MOVE
    fitted, tested = moved & before[:, None], moved & (known & scored)[:, None]
    if min(fitted.sum(), tested.sum()) < LEAST_CELLS or not realised[before].any():
        return None
    rows, sides = np.nonzero(moved)
    y = np.log(realised[moved] + _FLOOR * realised[before].mean(), where=known[rows], out=np.zeros(len(rows)))
    volume = np.log(intervals.volume, where=intervals.volume > 0, out=np.zeros(len(known)))
    plain = np.stack([np.ones(len(rows)), sides, np.log(move[moved]), volume[rows]], axis=1)
    fit, test = fitted[moved], tested[moved]

    def by_day(design: Floats) -> Floats:
        weights = np.linalg.lstsq(design[fit], y[fit], rcond=None)[0]
        errors = np.zeros((days, 2))
        np.add.at(errors, (day[rows[test]], sides[test]), (y[test] - design[test] @ weights) ** 2)
        return errors

    added = {}
    for who, amount in amounts.items():
        mean = amount[before].mean()
        if mean > 0:
            added[who] = by_day(np.column_stack([plain, np.log(amount[moved] + _FLOOR * mean)]))
    return by_day(plain), added
