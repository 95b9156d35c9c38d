"""The replay's two passes over a ledger: the state at each close, and what happened to the rest.

Arrays in, arrays out; arguments are checked in `density.py`. Axes are L (leverage tiers), P (price rows), T (candles).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from .grid import Floats, Ints, PriceGrid
from .sweeps import outlives, swept_in

if TYPE_CHECKING:
    from .ledger import Ledger
    from .turnover import VenueOpenings

_EPOCH = 50.0  # exp(50) times any notional is far inside float32
FLOWS = (
    "opened",
    *(f"{name}_{side}" for name in ("liquidated", "decayed", "out_of_range", "standing") for side in ("long", "short")),
)


class Entries(Protocol):
    """The attributes of a ledger that are used here; see :class:`liqwidget.Ledger`."""

    @property
    def grid(self) -> PriceGrid: ...  # noqa: D102
    @property
    def leverage(self) -> Floats: ...  # noqa: D102
    @property
    def time(self) -> npt.NDArray[np.datetime64]: ...  # noqa: D102
    @property
    def close(self) -> Floats: ...  # noqa: D102
    @property
    def hours(self) -> Floats: ...  # noqa: D102
    @property
    def opened(self) -> Floats: ...  # noqa: D102
    @property
    def start(self) -> Ints: ...  # noqa: D102
    @property
    def row(self) -> npt.NDArray[np.uint16]: ...  # noqa: D102
    @property
    def tier(self) -> npt.NDArray[np.uint8]: ...  # noqa: D102
    @property
    def side(self) -> npt.NDArray[np.uint8]: ...  # noqa: D102
    @property
    def notional(self) -> Floats: ...  # noqa: D102
    @property
    def sweep(self) -> Ints: ...  # noqa: D102
    @property
    def crossed(self) -> Floats: ...  # noqa: D102
    @property
    def out_of_range(self) -> Floats: ...  # noqa: D102
    @property
    def age(self) -> Floats | None: ...  # noqa: D102
    @property
    def column(self) -> Ints: ...  # noqa: D102
    @property
    def settings(self) -> dict[str, Any]: ...  # noqa: D102
    @property
    def opened_by_all(self) -> Floats: ...  # noqa: D102
    @property
    def end(self) -> npt.NDArray[np.int32]: ...  # noqa: D102
    @property
    def venues(self) -> VenueOpenings | None: ...  # noqa: D102
    def only(self, names: Collection[str]) -> Ledger: ...  # noqa: D102
    def __len__(self) -> int: ...


def standing_columns(
    ledger: Entries, rate: float, weights: Floats | None, kept: npt.NDArray[np.intp], dtype: Any = np.float32
) -> npt.NDArray[Any]:
    """Return the state at the kept closes, shape (columns, planes, P), contiguous."""
    return standing_bins(ledger, rate, weights, kept, ledger.grid, dtype)[0]


def standing_bins(
    ledger: Entries,
    rate: float,
    weights: Floats | None,
    kept: npt.NDArray[np.intp],
    bins: PriceGrid,
    dtype: Any = np.float32,
) -> tuple[npt.NDArray[Any], Floats]:
    """Return the state at the kept closes, rows summed into bins.

    The state is held undecayed, in units that grow since a base time, so that a candle costs a clear, a
    short add and one scaled copy. The base moves on before the units could overflow. Bins have their own sums,
    which grow with what opens; the two bins at the ends of a sweep are summed again from their rows, since sums by
    subtraction would drift.

    Parameters
    ----------
    ledger, rate, weights, kept, dtype
        The ledger, decay per hour, weights of the tiers or None for one plane per tier, candles kept, and the type of
        the values.
    bins
        The price axis of the result: the ledger's rows, or a grid from `PriceGrid.added_up`.

    Returns
    -------
    values
        USD by kept close, plane and bin, (columns, planes, bins.rows), contiguous.
    long_at_close
        USD of longs in the bin that holds the close, float64, (columns, planes); 0 where the bin begins there.
    """
    T, P = len(ledger), ledger.grid.rows
    planes = len(ledger.leverage) if weights is None else 1
    k, B = ledger.grid.rows_a_bin(bins), bins.rows
    shift = ledger.grid.first - bins.first * k  # rows of the first bin that lie below row 0
    values = np.empty((len(kept), planes, B), dtype=dtype)
    flat_values = values.reshape(len(kept), planes * B)
    at_close = np.zeros((len(kept), planes))
    all_long = np.zeros((len(kept), planes), dtype=bool)  # no shorts in the bin of the close
    state = np.zeros((planes, P))
    flat = state.reshape(-1)
    summed = state if k == 1 else np.zeros((planes, B))
    flat_summed = summed.reshape(-1)
    elapsed = rate * np.cumsum(ledger.hours)
    epoch = np.floor(elapsed / _EPOCH)
    grown = np.exp(elapsed - _EPOCH * epoch)
    rebase = np.exp(-_EPOCH * np.minimum(np.diff(epoch, prepend=0.0), 15.0)).tolist()
    scaled = _amounts(ledger, rate, weights) * np.repeat(grown, np.diff(ledger.start))
    cell = ledger.row.astype(np.intp)
    in_bin = cell if k == 1 else (cell + shift) // k
    if weights is None:
        plane = ledger.tier.astype(np.intp)
        cell, in_bin = cell + plane * P, in_bin + plane * B
    slots = np.full(T, -1)
    slots[kept] = np.arange(len(kept))
    split = split_rows(ledger.grid, ledger.close[kept]).tolist()
    shrink = 1.0 / grown
    start = ledger.start.tolist()
    s = start[0]
    for e, (a, b), base, slot in zip(start[1:], ledger.sweep.tolist(), rebase, slots.tolist(), strict=True):
        if base != 1.0:
            state *= base
            if k > 1:
                summed *= base
        if b > a:
            state[:, a:b] = 0.0
            if k > 1:
                first, last = (a + shift) // k, (b - 1 + shift) // k
                summed[:, first : last + 1] = 0.0
                for each in {first, last}:
                    low = each * k - shift
                    summed[:, each] = np.add.reduce(state[:, max(low, 0) : low + k], axis=1)
        if e > s:
            np.add.at(flat, cell[s:e], scaled[s:e])  # tiers of a mix may share a row
            if k > 1:
                np.add.at(flat_summed, in_bin[s:e], scaled[s:e])
            s = e
        if slot >= 0:
            flat_values[slot] = flat_summed
            row = split[slot]
            if k > 1 and (low := (row + shift) // k * k - shift) < row:
                at_close[slot] = np.add.reduce(state[:, max(low, 0) : row], axis=1)
                all_long[slot] = ~state[:, row : low + k].any(axis=1)
    # In blocks that stay in the cache.
    if rate > 0:
        by_column = shrink[kept][:, None]
        at_close *= by_column
        by_column = by_column.astype(dtype)
        for i in range(0, len(kept), 16):
            flat_values[i : i + 16] *= by_column[i : i + 16]
    # There both are the same amount: a rounding difference would look like shorts.
    column, plane = np.nonzero(all_long)
    held = (np.array(split, dtype=np.intp) + shift) // k
    values[column, plane, held[column]] = at_close[column, plane]
    return values, at_close


def split_rows(grid: PriceGrid, close: Floats) -> Ints:
    """Return the first row whose centre is not below each close: rows before it hold longs, (T,)."""
    found: Ints = np.searchsorted(grid.centres, close, "left")
    return found


def few_standing_columns(
    ledger: Entries, rate: float, weights: Floats | None, kept: npt.NDArray[np.intp]
) -> npt.NDArray[np.float32]:
    """Return what `standing_columns` does, replaying the candles between two kept closes together.

    It is faster from about eight candles per kept close. Cells may differ in the last place of float32, since
    here they are rounded only once.
    """
    P, planes = ledger.grid.rows, len(ledger.leverage) if weights is None else 1
    values = np.empty((len(kept), planes, P), dtype=np.float32)
    if not len(kept):
        return values
    last = int(kept[-1]) + 1  # candles after the last kept close do not matter
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


def flows_of(ledger: Entries, rate: float, weights: Floats | None) -> dict[str, Floats]:
    """Return the accumulators per candle, float64: (L, T) each, or (T,) with weights."""
    L, T = len(ledger.leverage), len(ledger)
    w = np.ones(L) if weights is None else weights
    amount = _amounts(ledger, rate, weights)
    clock = np.cumsum(ledger.hours)
    column, end = ledger.column, ledger.end
    swept = end < T
    # Liquidations entry by entry: the remainder of each when its row is swept.
    where = (ledger.side.astype(np.intp) * L + ledger.tier) * T
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
    if ledger.age is not None:  # merged columns: USD that closed between an entry and its column's close
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


def _amounts(ledger: Entries, rate: float, weights: Floats | None) -> Floats:
    """Return the USD of each entry that remain at the close of its column, shape (N,)."""
    amount = ledger.notional if weights is None else ledger.notional * weights[ledger.tier]
    return amount if ledger.age is None else amount * np.exp(-rate * ledger.age)
