"""The replay's two passes over a ledger: what stands at each close, and where the rest went.

Arrays in, arrays out; arguments are checked in `density.py`. Axes are L (leverage tiers), P (price rows), T (candles).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .grid import Floats
from .ledger import Ledger
from .sweeps import outlives, swept_in

_EPOCH = 50.0  # exp(50) times any notional is far inside float32
FLOWS = (
    "opened",
    *(f"{name}_{side}" for name in ("liquidated", "decayed", "out_of_range", "standing") for side in ("long", "short")),
)


def standing_columns(
    ledger: Ledger, rate: float, weights: Floats | None, kept: npt.NDArray[np.intp], dtype: Any = np.float32
) -> npt.NDArray[Any]:
    """Return the state at the kept closes, shape (columns, planes, P), contiguous.

    The state is held undecayed, in units that grow since a base time, so that a candle costs a clear, a
    short add and one scaled copy. The base moves on before the units could overflow.
    """
    T, P = len(ledger), ledger.grid.rows
    planes = len(ledger.leverage) if weights is None else 1
    values = np.empty((len(kept), planes, P), dtype=dtype)
    flat_values = values.reshape(len(kept), planes * P)
    state = np.zeros((planes, P))
    flat = state.reshape(-1)
    elapsed = rate * np.cumsum(ledger.hours)
    epoch = np.floor(elapsed / _EPOCH)
    grown = np.exp(elapsed - _EPOCH * epoch)
    rebase = np.exp(-_EPOCH * np.minimum(np.diff(epoch, prepend=0.0), 15.0)).tolist()
    scaled = _amounts(ledger, rate, weights) * np.repeat(grown, np.diff(ledger.start))
    cell = ledger.row.astype(np.intp)
    if weights is None:
        cell += ledger.tier.astype(np.intp) * P
    slots = np.full(T, -1)
    slots[kept] = np.arange(len(kept))
    shrink = (1.0 / grown).astype(dtype)
    start = ledger.start.tolist()
    s = start[0]
    for e, (a, b), base, slot in zip(start[1:], ledger.sweep.tolist(), rebase, slots.tolist(), strict=True):
        if base != 1.0:
            state *= base
        if b > a:
            state[:, a:b] = 0.0
        if e > s:
            np.add.at(flat, cell[s:e], scaled[s:e])  # tiers of a mix may share a row
            s = e
        if slot >= 0:
            flat_values[slot] = flat
    # In blocks that stay in the cache.
    if rate > 0:
        by_column = shrink[kept][:, None]
        for i in range(0, len(kept), 16):
            flat_values[i : i + 16] *= by_column[i : i + 16]
    return values


def few_standing_columns(
    ledger: Ledger, rate: float, weights: Floats | None, kept: npt.NDArray[np.intp]
) -> npt.NDArray[np.float32]:
    """Return what `standing_columns` does, the candles between two kept closes taken together.

    It is the faster where there are some eight candles or more a kept close. Cells may differ in float32's last place:
    here they are rounded once.
    """
    P, planes = ledger.grid.rows, len(ledger.leverage) if weights is None else 1
    values = np.empty((len(kept), planes, P), dtype=np.float32)
    if not len(kept):
        return values
    last = int(kept[-1]) + 1  # what comes after the last kept close does not matter
    entries = slice(0, int(ledger.start[last]))
    start, sweep = ledger.start[: last + 1], ledger.sweep[:last]
    run = np.searchsorted(kept, np.arange(last))
    stands = outlives(sweep, start, ledger.row[entries], run, P)
    elapsed = rate * np.cumsum(ledger.hours[:last])
    shrink = np.exp(-np.diff(elapsed[kept], prepend=0.0))
    left = np.repeat(np.exp(elapsed - elapsed[kept][run]), np.diff(start))[stands]
    left *= _amounts(ledger, rate, weights)[entries][stands]
    cell = ledger.row[entries][stands].astype(np.intp)
    if weights is None:
        cell += ledger.tier[entries][stands].astype(np.intp) * P
    first = np.concatenate([[0], kept[:-1] + 1])
    cuts = np.concatenate([[0], np.cumsum(stands)])[ledger.start[np.append(first, last)]].tolist()
    low, high = swept_in(sweep, first, P)
    state = np.zeros((planes, P))
    flat = state.reshape(-1)
    for i, (factor, a, b) in enumerate(zip(shrink.tolist(), low.tolist(), high.tolist(), strict=True)):
        state *= factor
        state[:, a:b] = 0.0
        some = slice(cuts[i], cuts[i + 1])
        flat += np.bincount(cell[some], left[some], planes * P)
        values[i] = state
    return values


def flows_of(ledger: Ledger, rate: float, weights: Floats | None) -> dict[str, Floats]:
    """Return the accumulators per candle, float64: (L, T) each, or (T,) with weights."""
    L, T = len(ledger.leverage), len(ledger)
    w = np.ones(L) if weights is None else weights
    amount = _amounts(ledger, rate, weights)
    clock = np.cumsum(ledger.hours)
    column, end = ledger.column, ledger.end
    swept = end < T
    # Liquidations entry by entry: what is left of it when its row is swept.
    where = (ledger.side.astype(np.int64) * L + ledger.tier) * T
    left = amount[swept] * np.exp(-rate * (clock[end[swept]] - clock[column[swept]]))
    liquidated = np.bincount(where[swept] + end[swept], left, 2 * L * T).reshape(2, L, T)
    added = np.bincount(where + column, amount, 2 * L * T).reshape(2, L, T)
    kept = np.exp(-rate * ledger.hours)
    # standing[t] = kept[t] * standing[t-1] - liquidated[t] + added[t]
    standing = np.empty((T, 2, L))
    state = np.zeros((2, L))
    for t, change in enumerate((added - liquidated).transpose(2, 0, 1)):
        standing[t] = state = state * kept[t] + change
    still = standing.transpose(1, 2, 0)
    before = np.concatenate([np.zeros((2, L, 1)), still[..., :-1]], axis=-1)
    decayed = before * -np.expm1(-rate * ledger.hours)
    if ledger.age is not None:  # merged columns: what closed between an entry and its column's close
        full = ledger.notional * w[ledger.tier]
        decayed += np.bincount(where + column, full - amount, 2 * L * T).reshape(2, L, T)
    both = {
        "liquidated": liquidated + ledger.crossed.transpose(2, 1, 0) * w[:, None],
        "decayed": decayed,
        "out_of_range": ledger.out_of_range.transpose(2, 1, 0) * w[:, None],
        "standing": still,
    }
    flows = {
        f"{name}_{side}": (flow[i] if weights is None else flow[i].sum(axis=0))
        for name, flow in both.items()
        for i, side in enumerate(("long", "short"))
    }
    flows["opened"] = ledger.opened if weights is None else ledger.opened * weights.sum()
    return flows


def _amounts(ledger: Ledger, rate: float, weights: Floats | None) -> Floats:
    """Return what each entry still holds at the close of its column, USD, shape (N,)."""
    amount = ledger.notional if weights is None else ledger.notional * weights[ledger.tier]
    return amount if ledger.age is None else amount * np.exp(-rate * ledger.age)
