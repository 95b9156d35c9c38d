"""Block bootstrap: the uncertainty of a number from a time series whose neighbouring values are not independent.

Resampling single rows of such a series overstates the evidence. Blocks of neighbours are drawn instead,
at least as long as the dependence lasts (for overlapping outcomes: longer than their horizon).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ...checks import is_finite
from ...errors import InputError
from ...model.grid import Floats, Ints


@dataclass(frozen=True)
class Interval:
    """An estimate with its percentile interval.

    Attributes
    ----------
    estimate
        The number from the original series; NaN if it cannot be computed.
    low, high
        Percentile interval of the resampled numbers; NaN if fewer than half could be computed.
    level
        Nominal coverage, such as 0.95. With few blocks the real one is lower.
    """

    estimate: float
    low: float
    high: float
    level: float = 0.95

    def covers(self, value: float) -> bool:
        """Return whether ``value`` lies in the interval, ends included."""
        return self.low <= value <= self.high

    def __str__(self) -> str:
        return f"{self.estimate:.3g} [{self.low:.3g}, {self.high:.3g}]"


def block_indices(n: int, block: float, draws: int = 1000, seed: int = 0, kind: str = "stationary") -> Ints:
    """Return resampled row numbers of a series, shape (draws, n).

    Parameters
    ----------
    n
        Rows of the series, in order of time.
    block
        Rows in a block, in [1, n]: the mean of geometric lengths ("stationary"), or the fixed length ("moving").
    draws
        Number of resamples.
    seed
        Seed of ``numpy.random.default_rng``; the same arguments give the same rows.
    kind
        "stationary": blocks of random length that wrap around from the last row to the first (Politis and Romano,
        "The stationary bootstrap", JASA 89, 1994). "moving": blocks of fixed length from anywhere (Künsch,
        "The jackknife and the bootstrap for general stationary observations", Annals of Statistics 17, 1989).

    Raises
    ------
    InputError
        If an argument is out of its range.
    """
    for name, value in (("n", n), ("draws", draws)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
            raise InputError(f"{name}: wanted a whole number >= 1; got {str(value)[:40]!r}")
    if not is_finite(block) or not 1 <= block <= n:
        raise InputError(f"block: wanted a number of rows from 1 to {n}; got {str(block)[:40]!r}")
    rng = np.random.default_rng(seed)
    place = np.arange(n)
    if kind == "stationary":
        fresh = rng.random((draws, n)) < 1.0 / block
        fresh[:, 0] = True
        begin = np.maximum.accumulate(np.where(fresh, place, 0), axis=1)
        first = np.take_along_axis(rng.integers(n, size=(draws, n)), begin, axis=1)
        return (first + place - begin) % n
    if kind == "moving":
        length = round(block)
        first = rng.integers(n - length + 1, size=(draws, -(-n // length)))
        return (first[:, :, None] + np.arange(length)).reshape(draws, -1)[:, :n]
    raise InputError(f"kind: wanted 'stationary' or 'moving'; got {str(kind)[:40]!r}")


def block_counts(n: int, block: float, draws: int = 1000, seed: int = 0, kind: str = "stationary") -> Floats:
    """Return how often each resample of :func:`block_indices` takes each row, shape (draws, n).

    ``counts @ columns`` gives every resample's column sums at once: enough for means and ratios.
    """
    index = block_indices(n, block, draws, seed, kind)
    flat = (index + n * np.arange(draws)[:, None]).reshape(-1).astype(np.intp)
    return np.bincount(flat, minlength=draws * n).reshape(draws, n).astype(np.float64)


def percentile_interval(estimate: float, replicates: npt.ArrayLike, level: float = 0.95) -> Interval:
    """Return the percentile interval of resampled numbers; NaN could not be computed and are omitted."""
    if not is_finite(level) or not 0 < level < 1:
        raise InputError(f"level: wanted a share in (0, 1); got {str(level)[:40]!r}")
    values = np.asarray(replicates, dtype=np.float64)
    known = values[~np.isnan(values)]
    if 2 * len(known) < len(values) or not len(known):
        return Interval(float(estimate), np.nan, np.nan, level)
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(estimate), float(low), float(high), level)


def block_bootstrap(
    statistic: Callable[..., Any],
    *series: npt.ArrayLike,
    block: float | None = None,
    draws: int = 1000,
    level: float = 0.95,
    seed: int = 0,
    kind: str = "stationary",
) -> Interval:
    """Return a statistic of one or more series with its interval.

    Parameters
    ----------
    statistic
        Takes arrays with the rows of ``series`` and returns a number, NaN if it cannot be computed.
    series
        Arrays of n rows each, in order of time; resampled together, so that pairs stay pairs.
    block, draws, seed, kind
        See :func:`block_indices`. A block of None is ``n ** (1 / 3)``, the rate that is best for means of weakly
        dependent series; give the length of the dependence if it is known.
    level
        Nominal coverage.

    Raises
    ------
    InputError
        If an argument is out of its range or the series differ in length.

    Examples
    --------
    >>> hours = np.sin(np.arange(500) / 7)
    >>> block_bootstrap(np.mean, hours, block=44).covers(0.0)
    True
    """
    arrays = [np.asarray(values) for values in series]
    lengths = {len(values) for values in arrays}
    if len(lengths) != 1 or lengths == {0}:
        raise InputError(f"series: wanted arrays of one length, at least 1; got lengths {sorted(lengths)}")
    (n,) = lengths
    index = block_indices(n, max(1.0, n ** (1 / 3)) if block is None else block, draws, seed, kind)
    replicates = [float(statistic(*(values[rows] for values in arrays))) for rows in index]
    return percentile_interval(float(statistic(*arrays)), replicates, level)
