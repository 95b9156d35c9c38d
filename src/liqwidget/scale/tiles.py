"""Tiles: ledgers and candles as tables, and coarser ones made of finer ones. Windows of a history are cut from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from ..market.candles import merged_candles
from ..model.grid import Floats, PriceGrid
from ..model.ledger import Ledger
from .standing_entries import Standing

STRIDE = 4  # columns of one level that are merged into one of the next
_LISTS = {"row": np.uint16, "tier": np.uint8, "side": np.uint8, "notional": np.float32, "age": np.float32}
_NUMBERS = ("hours", "opened")


@dataclass(frozen=True, eq=False)
class Tile:
    """Consecutive columns: their candles and ledger.

    Attributes
    ----------
    candles
        A row per column, as in a Market.
    ledger
        The ledger of these columns.
    """

    candles: Any
    ledger: Ledger

    def __len__(self) -> int:
        """Return the number of columns."""
        return len(self.ledger)

    def merged(self, width: int) -> Tile:
        """Return the tile with each ``width`` columns merged into one."""
        return Tile(merged_candles(self.candles, width), self.ledger.merged(width)) if width > 1 else self

    def cut(self, a: int, b: int) -> Tile:
        """Return the columns from a to b."""
        return Tile(self.candles.iloc[a:b], _cut(self.ledger, a, b))

    def behind(self, standing: Standing, before: Any) -> Tile:
        """Return the tile with a first column of the entries standing at the close of ``before``, a row of candles."""
        return Tile(pd.concat([before, self.candles]), _with_first(self.ledger, standing, before))


def joined(tiles: Sequence[Tile]) -> Tile:
    """Return consecutive tiles as one."""
    if len(tiles) == 1:
        return tiles[0]
    ledgers = [tile.ledger for tile in tiles]
    return Tile(pd.concat([tile.candles for tile in tiles]), _concatenated(ledgers))


def table_of(tile: Tile) -> pa.Table:
    """Return a tile as a table: a row per column, its entries in lists."""
    ledger = tile.ledger
    age = np.zeros(len(ledger.row)) if ledger.age is None else ledger.age
    start = pa.array(ledger.start.astype(np.int32))
    columns: dict[str, Any] = {f"candle_{name}": pa.array(tile.candles[name].to_numpy()) for name in tile.candles}
    columns["time"] = pa.array(ledger.time)
    columns |= {name: pa.array(getattr(ledger, name)) for name in _NUMBERS}
    columns["sweep_from"], columns["sweep_to"] = (pa.array(ledger.sweep[:, i].astype(np.int32)) for i in (0, 1))
    for name in ("crossed", "out_of_range"):
        flat = getattr(ledger, name).reshape(-1)
        columns[name] = pa.FixedSizeListArray.from_arrays(pa.array(flat), 2 * len(ledger.leverage))
    for name, kind in _LISTS.items():
        values = age if name == "age" else getattr(ledger, name)
        columns[name] = pa.ListArray.from_arrays(start, pa.array(values.astype(kind)))
    return pa.table(columns)


def tile_of(table: pa.Table, grid: PriceGrid, leverage: Floats, settings: dict[str, float]) -> Tile:
    """Return the tile of a table."""
    table = table.combine_chunks()
    numbers = {name: table[name].to_numpy() for name in ("time", *_NUMBERS)}
    lists = {name: table[name].chunk(0) for name in (*_LISTS, "crossed", "out_of_range")}
    shape = (len(table), len(leverage), 2)
    candles = {
        name.removeprefix("candle_"): table[name].to_numpy() for name in table.column_names if name[:7] == "candle_"
    }
    index = pd.DatetimeIndex(numbers["time"], name="time").tz_localize("UTC")
    values = {name: lists[name].flatten().to_numpy() for name in _LISTS}
    ledger = Ledger(
        grid=grid,
        leverage=leverage,
        close=candles["close"],
        start=lists["row"].offsets.to_numpy().astype(np.intp),
        sweep=np.stack([table[name].to_numpy() for name in ("sweep_from", "sweep_to")], axis=1).astype(np.int64),
        settings=settings,
        **numbers,
        **{name: lists[name].flatten().to_numpy().reshape(shape) for name in ("crossed", "out_of_range")},
        row=values["row"],
        tier=values["tier"],
        side=values["side"],
        notional=values["notional"].astype(np.float64),
        age=values["age"].astype(np.float64),
    )
    return Tile(pd.DataFrame(candles, index), ledger)


_PER_ENTRY = ("row", "tier", "side", "notional", "age")
_PER_COLUMN = ("time", "close", "hours", "opened", "sweep", "crossed", "out_of_range")


def _aged(ledger: Ledger) -> Ledger:
    return replace(ledger, age=np.zeros(len(ledger.row))) if ledger.age is None else ledger


def _concatenated(ledgers: Sequence[Ledger]) -> Ledger:
    aged = [_aged(ledger) for ledger in ledgers]
    parts: dict[str, Any] = {
        name: np.concatenate([getattr(ledger, name) for ledger in aged]) for name in (*_PER_ENTRY, *_PER_COLUMN)
    }
    counts = np.concatenate([np.diff(ledger.start) for ledger in aged])
    return replace(aged[0], start=np.concatenate([[0], np.cumsum(counts)]), **parts)


def _cut(ledger: Ledger, a: int, b: int) -> Ledger:
    first, last = int(ledger.start[a]), int(ledger.start[b])
    parts: dict[str, Any] = {name: getattr(ledger, name)[a:b] for name in _PER_COLUMN}
    parts |= {name: getattr(_aged(ledger), name)[first:last] for name in _PER_ENTRY}
    return replace(ledger, start=ledger.start[a : b + 1] - first, **parts)


def _with_first(ledger: Ledger, standing: Standing, before: Any) -> Ledger:
    shape = (1, len(ledger.leverage), 2)
    first = replace(
        ledger,
        time=before.index.as_unit("ns").asi8.view("datetime64[ns]"),
        close=before["close"].to_numpy(),
        hours=np.zeros(1),
        opened=np.zeros(1),
        start=np.array([0, len(standing.row)]),
        row=standing.row.astype(np.uint16),
        tier=standing.tier.astype(np.uint8),
        side=standing.side.astype(np.uint8),
        notional=standing.notional,
        sweep=np.zeros((1, 2), np.int64),
        crossed=np.zeros(shape),
        out_of_range=np.zeros(shape),
        age=standing.age,
    )
    return _concatenated([first, ledger])
