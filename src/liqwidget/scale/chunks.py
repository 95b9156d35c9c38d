"""Candles of a history cut into chunks, each checked and stored with the candle before it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain, repeat
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from ..checks import stamp
from ..errors import InputError
from ..market.any_table import as_frame
from ..market.columns import CANDLE_NAMES, read_table
from ..market.market import Market
from ..model.estimate import turned_over
from .source import Source
from .store import Folder


@dataclass(frozen=True)
class Chunk:
    """Consecutive candles.

    Attributes
    ----------
    number, begin, rows
        Its number; its first candle, counted from the history's first; the number of its candles.
    since
        1 if the file begins with the candle before, else 0.
    first, last
        Open times of the first and the last candle, ns.
    low, high
        Extremes of price, USD.
    missing
        Candles that are missing between these and after the one before, by the commonest step of the whole history.
    closed, exposure
        Closed coins, and open interest in coin hours: their ratio is the automatic decay rate.
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
        """The candle after the last one."""
        return self.begin + self.rows

    def about(self) -> bytes:
        """Return it as bytes, but for what is missing: that is known once all chunks are."""
        return json.dumps(asdict(self) | {"missing": None}).encode()


def cut(
    source: Source, chunk: int | Sequence[int], folder: Folder, plan: str, turnover: float, tell: Callable[[int], None]
) -> list[Chunk]:
    """Check the candles and write them chunk by chunk; return the chunks.

    Parameters
    ----------
    source
        The candles.
    chunk
        Candles per chunk, or the candles to cut before, ascending, counted from the first.
    folder, plan
        Where they are written, and the plan that they belong to.
    turnover
        As for `build_ledger`; for the automatic decay rate.
    tell
        Called with the number of candles so far.

    Raises
    ------
    InputError
        As `Market.from_frame`.
    """
    found: list[Chunk] = []
    steps: list[tuple[Any, Any]] = []  # of each chunk: steps between candles, ns, and how often each comes
    tail: Market | None = None
    for frame in _sized(source.frames, chunk):
        if tail is None:
            about: dict[str, Any] = {"symbol": source.symbol, "exchange": source.exchange, "contract": source.contract}
            market, since = Market.from_frame(frame, **about, simulated=source.simulated, **source.units), 0
        else:
            market, since = _with_columns_of(frame, tail).append(frame), 1
            if len(market) != len(frame) + 1:
                raise InputError(
                    f"source: times must be unique; {stamp(int(market.candles.index[0].as_unit('ns').value))} (UTC) "
                    "occurs twice. Keep one of them."
                )
        source.notes = tuple(dict.fromkeys((*source.notes, *market.notes)))
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
            0,
            closed,
            exposure,
        )
        folder.write(f"candles/{part.name}", pa.Table.from_pandas(market.candles), plan, part.about())
        found.append(part)
        steps.append(np.unique(np.diff(market.candles.index.as_unit("ns").asi8), return_counts=True))
        tail = market.tail(1)
        tell(part.end)
    if not found:
        raise InputError("source: wanted at least one candle; got none.")
    return [replace(one, missing=missing) for one, missing in zip(found, _missing(steps), strict=True)]


def _missing(steps: Sequence[tuple[Any, Any]]) -> list[int]:
    """Return how many candles are missing in each chunk, as `Market.missing` counts them in all of them together."""
    sizes, place = np.unique(np.concatenate([sizes for sizes, _ in steps]), return_inverse=True)
    if not len(sizes):
        return [0] * len(steps)
    counts = np.bincount(place, np.concatenate([counts for _, counts in steps]))
    interval = int(sizes[np.argmax(counts)])
    return [int((np.maximum(np.rint(sizes / interval) - 1, 0) * counts).sum()) for sizes, counts in steps]


def candles_of(folder: Folder, chunk: Chunk, plan: str) -> Any:
    """Return a chunk's candles as stored, the candle before them first if there is one."""
    table, _ = folder.need(f"candles/{chunk.name}", plan)
    return pd.DataFrame(
        {name: table[name].to_numpy() for name in table.column_names if name != "time"},
        pd.DatetimeIndex(table["time"].to_numpy(), name="time").tz_localize("UTC"),
    )


def _with_columns_of(frame: Any, tail: Market) -> Market:
    """Return the candle before a frame with the optional columns that begin there, empty."""
    there = read_table(as_frame(frame), "candles", CANDLE_NAMES, (), sort=False).cells
    return tail.with_empty([name for name in there if name not in tail.candles])


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
