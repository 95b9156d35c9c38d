"""What a history stores of each chunk, and the scan that joins the chunks.

A chunk is computed from its own file only, on any worker, in any order. It writes

- ``samples``: the density of its own entries at the display columns,
- ``steps``: the linear map that it applies to the state before it, and which rows it sweeps,
- ``left``: its entries that still stand at its end,
- ``tiles/1``: its ledger in columns of four candles.

The scan visits the chunks once and adds ``states`` (the density before each chunk) and ``openings`` (the same as
entries). A coarser tile is made of two finer ones, level by level.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ..market.market import Market
from ..market.units import IN_COINS
from ..model.build import ledger_on
from ..model.grid import Floats, Ints, PriceGrid
from ..model.margin import Contract
from .chunks import Chunk, candles_of
from .piece import Piece, Step
from .standing_entries import Standing
from .store import Folder
from .tiles import STRIDE, Tile, joined, table_of, tile_of

TOP = 4_096  # columns of the coarsest level at most
# Price ranges grow with the root of time: a column of four candles has about twice the entries of one. So tiles made of
# two tiles, with half as many columns, keep their size however long the history is.
JOINED = 2


@dataclass(frozen=True, eq=False)
class Settings:
    """Settings of a history, the same for all chunks.

    Attributes
    ----------
    grid, leverage, ledger
        Rows; tiers (L,); settings of a `Ledger`.
    decay_rate
        Per hour.
    width
        Candles between two display columns.
    total
        Candles in all.
    candles, plan
        Plan ids of the files of candles, and of the files computed from them.
    contract
        As in a `Market`.
    """

    grid: PriceGrid
    leverage: Floats
    ledger: dict[str, float]
    decay_rate: float
    width: int
    total: int
    candles: str
    plan: str
    contract: Contract = "linear"

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Settings:
        """Return the settings in the manifest of a history."""
        of_ledger, contract = facts["settings"], facts.get("contract", "linear")
        same = {name: facts[name] for name in ("decay_rate", "width", "total", "candles", "plan")}
        return cls(PriceGrid(*facts["grid"]), np.array(facts["leverage"]), of_ledger, **same, contract=contract)

    def kept(self, chunk: Chunk) -> Ints:
        """Return the candles of a chunk that close a display column, counted from its first."""
        marks = np.arange(chunk.begin // self.width, chunk.end // self.width + 1) * self.width + self.width - 1
        marks = np.minimum(marks, self.total - 1)
        return np.unique(marks[(marks >= chunk.begin) & (marks < chunk.end)]) - chunk.begin


@dataclass(frozen=True, eq=False)
class Job:
    """A chunk to compute."""

    folder: Folder
    settings: Settings
    chunk: Chunk


def tile_of_chunk(job: Job) -> Tile:
    """Return the candles of a chunk and their ledger, a column per candle."""
    candles = candles_of(job.folder, job.chunk, job.settings.candles)
    ledger = ledger_on(
        Market.from_frame(candles, **IN_COINS, contract=job.settings.contract),
        job.chunk.since,
        job.settings.grid,
        job.settings.leverage,
        job.settings.ledger,
    )
    return Tile(candles.iloc[job.chunk.since :], ledger)


def make(job: Job) -> int:
    """Compute a chunk and write its files, unless they exist; return its number."""
    folder, settings, name = job.folder, job.settings, job.chunk.name
    kinds = ("samples", "left", "tiles/1", "steps")
    if all(folder.whole(f"{kind}/{name}", settings.plan) is not None for kind in kinds):
        return job.chunk.number
    tile = tile_of_chunk(job)
    piece = Piece.of(tile.ledger, settings.decay_rate, None, settings.kept(job.chunk))
    tables = (
        _samples(piece, tile),
        entries_table(Standing.of(tile.ledger)),
        table_of(tile.merged(STRIDE)),
        _steps(piece),
    )
    for kind, table in zip(kinds, tables, strict=True):
        folder.write(f"{kind}/{name}", table, settings.plan, str(float(tile.ledger.hours.sum())).encode())
    return job.chunk.number


@dataclass(frozen=True, eq=False)
class Joint:
    """Tiles of one level, by the numbers of their first chunks, that are merged into one of the next level."""

    folder: Folder
    settings: Settings
    level: int
    numbers: tuple[int, ...]


def coarsen(joint: Joint) -> None:
    """Merge tiles and write the result, unless it exists."""
    folder, settings = joint.folder, joint.settings
    name = f"tiles/{joint.level + 1}/{joint.numbers[0]:06d}.parquet"
    if folder.whole(name, settings.plan) is None:
        tile = joined([tile_at(folder, settings, joint.level, number) for number in joint.numbers]).merged(STRIDE)
        folder.write(name, table_of(tile), settings.plan)


def levels(settings: Settings, chunks: Sequence[Chunk]) -> list[list[tuple[int, ...]]]:
    """Return, for each level from 1 on and each of its tiles, the first chunks of the tiles that it is made of."""
    found: list[list[tuple[int, ...]]] = [[(chunk.number,) for chunk in chunks]]
    while settings.total > TOP * STRIDE ** len(found) and len(found[-1]) > 1:
        numbers = [one[0] for one in found[-1]]
        found.append([tuple(numbers[i : i + JOINED]) for i in range(0, len(numbers), JOINED)])
    return found


def scan(folder: Folder, settings: Settings, chunks: Sequence[Chunk], tell: Callable[[], None]) -> None:
    """Join the chunks: write the density before each of them, as planes and as entries."""
    tiers, rows, plan = len(settings.leverage), settings.grid.rows, settings.plan
    state, standing = np.zeros((tiers, rows)), Standing.none()
    for chunk in chunks:
        folder.write(f"states/{chunk.name}", _planes(state), plan)
        folder.write(f"openings/{chunk.name}", entries_table(standing), plan)
        step, swept, hours = step_of(folder, chunk, settings)
        left = entries_of(folder.need(f"left/{chunk.name}", plan)[0])
        state = step.after(state)
        standing = standing.then(swept == chunk.rows, hours, left)
        tell()


def tile_at(folder: Folder, settings: Settings, level: int, number: int) -> Tile:
    """Return the tile of a level whose first chunk has this number."""
    table, _ = folder.need(f"tiles/{level}/{number:06d}.parquet", settings.plan)
    return tile_of(table, settings.grid, settings.leverage, settings.ledger)


def step_of(folder: Folder, chunk: Chunk, settings: Settings) -> tuple[Step, Ints, float]:
    """Return a chunk's map of a state, the first candle that sweeps each row, and the chunk's hours."""
    table, about = folder.need(f"steps/{chunk.name}", settings.plan)
    rest = np.stack([table[f"rest_{i}"].to_numpy() for i in range(len(settings.leverage))])
    return Step(table["gain"].to_numpy(), rest), table["swept"].to_numpy(), float(about)


def state_of(folder: Folder, chunk: Chunk, settings: Settings) -> Floats:
    """Return the density before a chunk, USD, (L, P)."""
    table, _ = folder.need(f"states/{chunk.name}", settings.plan)
    return np.stack([table[name].to_numpy() for name in table.column_names])


def sampled(folder: Folder, chunk: Chunk, settings: Settings, out: npt.NDArray[np.float32]) -> tuple[Any, Any]:
    """Write the density at the display columns of a chunk into ``out`` (K, L, P); return times and closes, (K,)."""
    table, _ = folder.need(f"samples/{chunk.name}", settings.plan)
    table = table.combine_chunks()
    time, close = (table[name].to_numpy() for name in ("time", "close"))
    if len(table):
        for i in range(len(settings.leverage)):
            out[:, i] = table[f"tier_{i}"].chunk(0).flatten().to_numpy().reshape(len(table), -1)
        step, swept, _ = step_of(folder, chunk, settings)
        piece = Piece(out, table["candle"].to_numpy(), table["hours"].to_numpy(), swept, step, settings.decay_rate)
        piece.on(state_of(folder, chunk, settings), out)
    return time, close


def entries_table(standing: Standing) -> pa.Table:
    """Return entries as a table."""
    return pa.table({field.name: getattr(standing, field.name) for field in fields(Standing)})


def entries_of(table: pa.Table) -> Standing:
    """Return the entries of a table."""
    return Standing(**{field.name: table[field.name].to_numpy() for field in fields(Standing)})


def _samples(piece: Piece, tile: Tile) -> pa.Table:
    rows = piece.own.shape[2]
    columns = {
        "time": tile.ledger.time[piece.kept],
        "close": tile.ledger.close[piece.kept],
        "candle": piece.kept,
        "hours": piece.hours,
    }
    for i in range(piece.own.shape[1]):
        flat = pa.array(np.ascontiguousarray(piece.own[:, i]).reshape(-1))
        columns[f"tier_{i}"] = pa.FixedSizeListArray.from_arrays(flat, rows)
    return pa.table(columns)


def _steps(piece: Piece) -> pa.Table:
    rest = {f"rest_{i}": plane for i, plane in enumerate(piece.step.rest)}
    return pa.table({"gain": piece.step.gain, "swept": piece.swept, **rest})


def _planes(state: Floats) -> pa.Table:
    return pa.table({f"tier_{i}": plane for i, plane in enumerate(state)})
