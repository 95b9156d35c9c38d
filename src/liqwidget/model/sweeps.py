"""Which entries outlive the sweeps that follow them, without a loop over the candles; the order of entries.

Consecutive candles share a close, so the rows that a run of candles sweeps are contiguous: they are given by the
lowest and the highest row. Arrays in, arrays out; T are columns, N entries, P rows, as in a `Ledger`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .grid import Ints


def swept_in(sweep: Ints, first: Ints, rows: int) -> tuple[Ints, Ints]:
    """Return the rows ``[a, b)`` that runs of columns sweep, (G,) each; a >= b if a run sweeps none.

    Parameters
    ----------
    sweep, rows
        Of a ledger, (T, 2) and P.
    first
        First column of each run, ascending, (G,).
    """
    low, high = _reach(sweep, rows)
    first = first.astype(np.intp)
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
    # Backwards from the last column, each run is offset above all runs seen before, so that one maximum serves all.
    run = run.astype(np.int64)
    above = (run[-1] - run) * (rows + 1) if len(run) else run
    same = np.diff(run, append=-1) == 0  # the next column is in the same run

    def later(reach: Ints) -> Ints:
        most = np.maximum.accumulate((reach + above)[::-1])[::-1] - above
        return np.where(same, np.roll(most, -1), 0)

    count = np.diff(start).astype(np.intp)
    a = np.repeat((rows - later(rows - low)).astype(np.int32), count)
    b = np.repeat(later(high).astype(np.int32), count)
    found: npt.NDArray[np.bool_] = (row < a) | (row >= b)
    return found


def first_sweeps(sweep: Ints, rows: int) -> Ints:
    """Return the first column that sweeps each row, (P,); T if none does."""
    low, high = _reach(sweep, rows)
    row = np.arange(rows)
    down = np.searchsorted(-np.minimum.accumulate(low), -row, "left")
    up = np.searchsorted(np.maximum.accumulate(high), row, "right")
    return np.maximum(down, up)


def _reach(sweep: Ints, rows: int) -> tuple[Ints, Ints]:
    """Return the lowest row swept and the row above the highest, (T,) each; P and 0 if none is."""
    sweep = sweep.astype(np.int64)
    none = sweep[:, 0] >= sweep[:, 1]
    return np.where(none, rows, sweep[:, 0]), np.where(none, 0, sweep[:, 1])


def order_of(keys: Ints) -> Ints:
    """Return the indices that sort keys >= 0, (N,); equal keys keep their order.

    If key and index fit into 63 bits together, the combined numbers are sorted, which is 2.4 times as fast.
    """
    keys, bits = keys.astype(np.int64, copy=False), len(keys).bit_length()
    if len(keys) and int(keys.max()).bit_length() + bits > 63:
        return np.argsort(keys, kind="stable")
    places: Ints = np.sort((keys << bits) | np.arange(len(keys), dtype=np.int64)) & ((1 << bits) - 1)
    return places
