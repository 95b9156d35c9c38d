"""Which entries outlive the sweeps that follow them, without a walk over the candles.

Two candles in a row share a close, so the rows that a run of candles sweeps lie side by side: they are told by the
lowest and the highest one. Arrays in, arrays out; T are columns, N entries, P rows, as in a `Ledger`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .grid import Ints


def swept_in(sweep: Ints, first: Ints, rows: int) -> tuple[Ints, Ints]:
    """Return the rows ``[a, b)`` that runs of columns sweep, (G,) each; a >= b where a run sweeps none.

    Parameters
    ----------
    sweep, rows
        Of a ledger, (T, 2) and P.
    first
        First column of each run, ascending, (G,).
    """
    low, high = _reach(sweep, rows)
    return np.minimum.reduceat(low, first), np.maximum.reduceat(high, first)


def outlives(sweep: Ints, start: Ints, row: npt.NDArray[np.uint16], run: Ints, rows: int) -> npt.NDArray[np.bool_]:
    """Return which entries still stand at the close of the last column of their run, (N,).

    Parameters
    ----------
    sweep, start, row, rows
        Of a ledger, (T, 2), (T+1,), (N,) and P.
    run
        Run of each column, ascending, (T,).
    """
    low, high = _reach(sweep, rows)
    # From the last column back, each run above all that were seen before, so that one maximum serves all runs.
    above = (run[-1] - run) * (rows + 1) if len(run) else run
    same = np.diff(run, append=-1) == 0  # the next column is of the run too

    def later(reach: Ints) -> Ints:
        most = np.maximum.accumulate((reach + above)[::-1])[::-1] - above
        return np.where(same, np.roll(most, -1), 0)

    count = np.diff(start)
    a = np.repeat((rows - later(rows - low)).astype(np.int32), count)
    b = np.repeat(later(high).astype(np.int32), count)
    found: npt.NDArray[np.bool_] = (row < a) | (row >= b)
    return found


def first_sweeps(sweep: Ints, rows: int) -> Ints:
    """Return the first column that sweeps each row, (P,); T where none does."""
    low, high = _reach(sweep, rows)
    row = np.arange(rows)
    down = np.searchsorted(-np.minimum.accumulate(low), -row, "left")
    up = np.searchsorted(np.maximum.accumulate(high), row, "right")
    return np.maximum(down, up)


def _reach(sweep: Ints, rows: int) -> tuple[Ints, Ints]:
    """Return lowest row swept and the one above the highest, (T,) each; P and 0 where none is."""
    sweep = sweep.astype(np.int64)
    none = sweep[:, 0] >= sweep[:, 1]
    return np.where(none, rows, sweep[:, 0]), np.where(none, 0, sweep[:, 1])
