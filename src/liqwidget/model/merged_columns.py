"""A ledger with fewer columns: runs of candles as one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from .sweeps import order_of, outlives, swept_in

if TYPE_CHECKING:
    from .ledger import Ledger


def merged_columns(ledger: Ledger, width: int) -> Ledger:
    """Return the ledger with columns of ``width`` candles; see :meth:`liqwidget.Ledger.merged`."""
    T, L, P = len(ledger), len(ledger.leverage), ledger.grid.rows
    first = np.arange(0, T, width)
    last = np.minimum(first + width, T) - 1
    clock = np.cumsum(ledger.hours)
    group = ledger.column // width
    survives = outlives(ledger.sweep, ledger.start, ledger.row, np.arange(T) // width, P)
    crossed = np.add.reduceat(ledger.crossed, first, axis=0)
    dead = ~survives
    lost = (((group[dead] * L) + ledger.tier[dead]) * 2 + ledger.side[dead]).astype(np.intp)
    crossed += np.bincount(lost, ledger.notional[dead], len(first) * L * 2).reshape(crossed.shape)
    # One entry per (column, tier, row): a row is below or above the close, so it has one side.
    key = (group[survives] * L + ledger.tier[survives]) * P + ledger.row[survives]
    order = order_of(key)
    key = key[order]
    cut = np.flatnonzero(np.r_[True, key[1:] != key[:-1]]) if len(key) else np.empty(0, dtype=np.int64)
    kept = np.flatnonzero(survives)[order]
    amount = ledger.notional[kept]
    age = clock[last[group[kept]]] - clock[ledger.column[kept]] + (0.0 if ledger.age is None else ledger.age[kept])
    notional = np.add.reduceat(amount, cut) if len(cut) else np.empty(0)
    # A candle that opens nothing at the turnover in force has entries of 0 USD.
    aged = np.add.reduceat(amount * age, cut) if len(cut) else np.empty(0)
    mean_age = np.divide(aged, notional, out=np.zeros_like(notional), where=notional > 0)
    lead = kept[cut]
    low, high = swept_in(ledger.sweep, first, P)
    return replace(
        ledger,
        time=ledger.time[first],
        close=ledger.close[last],
        hours=np.diff(clock[last], prepend=0.0),
        opened=np.add.reduceat(ledger.opened, first),
        start=np.searchsorted(group[lead], np.arange(len(first) + 1)),
        row=ledger.row[lead],
        tier=ledger.tier[lead],
        side=ledger.side[lead],
        notional=notional,
        sweep=np.stack([np.minimum(low, high), high], axis=1),
        crossed=crossed,
        out_of_range=np.add.reduceat(ledger.out_of_range, first, axis=0),
        age=mean_age,
        venues=None,
        _whole=None,
    )
