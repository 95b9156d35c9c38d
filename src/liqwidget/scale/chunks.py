"""Candles of a history cut into chunks, each checked and kept with the candle before it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import chain, repeat
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from ..errors import InputError
from ..market import Market
from ..market.columns import CANDLE_NAMES, stamp
from ..model.density import turned_over
from .source import Source
from .store import Folder


@dataclass(frozen=True)
class Chunk:
    """A run of candles.

    Attributes
    ----------
    number, begin, rows
        Which one; its first candle, counted from the history's first; how many.
    since
        1 where the file begins with the candle before, else 0.
    first, last
        Open times of the first and the last candle, ns.
    low, high
        Extremes of price, USD.
    missing
        Candles that are not there, between these and the one before.
    closed, exposure
        Coins that closed, and coin hours that stood: their ratio is the automatic decay rate.
    """

    number: int
    begin: int
    rows: int
    since: int
    first: int
    last: int
    low: float
    high: float
    missing: int
    closed: float
    exposure: float

    @property
    def name(self) -> str:
        """Name of its files."""
        return f"{self.number:06d}.parquet"

    @property
    def end(self) -> int:
        """The candle behind the last one."""
        return self.begin + self.rows

    def about(self) -> bytes:
        """Return it as bytes."""
        return json.dumps(asdict(self)).encode()


def cut(
    source: Source, chunk: int | Sequence[int], folder: Folder, plan: str, turnover: float, tell: Callable[[int], None]
) -> list[Chunk]:
    """Check the candles and write them chunk by chunk; return the chunks.

    Parameters
    ----------
    source
        The candles.
    chunk
        Candles a chunk, or the candles to cut before, ascending, counted from the first.
    folder, plan
        Where they are written, and what plan they belong to.
    turnover
        As for `build_ledger`; for the automatic decay rate.
    tell
        Called with the candles so far.

    Raises
    ------
    InputError
        As `Market.from_frame`.
    """
    found: list[Chunk] = []
    tail: Market | None = None
    for frame in _sized(source.frames, chunk):
        if tail is None:
            market, since = Market.from_frame(frame, source.symbol, source.exchange, simulated=source.simulated), 0
        else:
            market, since = _with_columns_of(frame, tail).append(frame), 1
            if len(market) != len(frame) + 1:
                raise InputError(
                    f"source: times must be unique; {stamp(int(market.candles.index[0].as_unit('ns').value))} (UTC) "
                    "comes twice. Keep one of them."
                )
        rows = len(market) - since
        candles = market.candles.iloc[since:]
        closed, exposure = turned_over(market, turnover)
        part = Chunk(
            len(found),
            found[-1].end if found else 0,
            rows,
            since,
            int(candles.index[0].as_unit("ns").value),
            int(candles.index[-1].as_unit("ns").value),
            float(candles["low"].min()),
            float(candles["high"].max()),
            market.missing,
            closed,
            exposure,
        )
        folder.write(f"candles/{part.name}", pa.Table.from_pandas(market.candles), plan, part.about())
        found.append(part)
        tail = market.tail(1)
        tell(part.end)
    if not found:
        raise InputError("source: need at least one candle; got none.")
    return found


def candles_of(folder: Folder, chunk: Chunk, plan: str) -> Any:
    """Return a chunk's candles as they were written, with the one before them first if there is one."""
    table, _ = folder.need(f"candles/{chunk.name}", plan)
    return pd.DataFrame(
        {name: table[name].to_numpy() for name in table.column_names if name != "time"},
        pd.DatetimeIndex(table["time"].to_numpy(), name="time").tz_localize("UTC"),
    )


def _with_columns_of(frame: Any, tail: Market) -> Market:
    """Return the candle before a frame with the optional columns that begin there, empty."""
    new = [name for name in CANDLE_NAMES if name in frame and name not in tail.candles and name != "time"]
    if not new:
        return tail
    candles = tail.candles.assign(**dict.fromkeys(new, np.nan))
    return Market.from_frame(candles, tail.symbol, tail.exchange, simulated=tail.simulated)


def _sized(frames: Any, chunk: int | Sequence[int]) -> Iterator[Any]:
    """Regroup frames into chunks."""
    if isinstance(chunk, int):
        sizes: Iterator[int] = repeat(chunk)
    else:
        sizes = chain(np.diff([0, *chunk]).tolist(), repeat(2**62))
    size, held, count = next(sizes), [], 0
    for frame in frames:
        while len(frame):
            part = frame.iloc[: size - count]
            frame = frame.iloc[len(part) :]
            held.append(part)
            count += len(part)
            if count == size:
                yield pd.concat(held) if len(held) > 1 else held[0]
                size, held, count = next(sizes), [], 0
    if held:
        yield pd.concat(held) if len(held) > 1 else held[0]
