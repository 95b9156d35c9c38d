"""Sources of a history's candles: frames in order of time, few in memory at a time."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..checks import shown
from ..errors import InputError
from ..market.market import Market
from ..market.units import IN_COINS, contract_of
from ..sources.archive.file_names import Dump, find_dumps
from ..sources.archive.read_archive import read_archive

_ROWS = 65_536  # per frame


class Source:
    """Candles of one instrument.

    Attributes
    ----------
    symbol, exchange, simulated, contract
        As in a `Market`.
    mark
        Identifies the source and its content: it changes when the source changes.
    units
        Arguments of `Market.from_frame`: empty where the tables have to tell.
    notes
        As `Market.notes`.
    """

    symbol: str
    exchange: str
    simulated: bool
    mark: str
    frames: Iterable[Any]
    units: Mapping[str, Any]

    def __init__(
        self,
        symbol: str,
        exchange: str,
        simulated: bool,
        mark: str,
        frames: Iterable[Any],
        units: Mapping[str, Any] = IN_COINS,
    ) -> None:
        self.contract: str = contract_of(symbol, exchange)
        self.symbol, self.exchange, self.simulated, self.mark = symbol, exchange, simulated, mark
        self.frames, self.units = frames, units
        self.notes: tuple[str, ...] = ()


def find_source(source: Any, symbol: str | None = None, interval: str | None = None) -> Source:
    """Return the source for an argument of `history`.

    Parameters
    ----------
    source
        A Market, a DataFrame as `Market.from_frame` takes it, Parquet files (a path, a folder or a list; in the order
        of their names, columns as in a DataFrame), or files of a public archive as `read_archive` takes them.
    symbol, interval
        Which one of an archive; the label of Parquet files.

    Raises
    ------
    InputError
        It is none of these, or no file was found.
    """
    if isinstance(source, Market):
        if source.venues:
            raise InputError(
                "source: wanted a market of one venue; got a combined one, whose venues a history cannot keep apart. "
                "Show it with LiquidationHeatmap, or build the history of one of market.venues."
            )
        found = Source(source.symbol, source.exchange, source.simulated, _mark_of(source), _Slices(source))
        found.notes, found.contract = source.notes, source.contract
        return found
    if isinstance(source, pd.DataFrame):
        return find_source(Market.from_frame(source, symbol or ""))
    paths = [source] if isinstance(source, str | os.PathLike) else source
    if not isinstance(paths, list | tuple) or not paths or not all(isinstance(p, str | os.PathLike) for p in paths):
        raise InputError(
            "source: wanted a Market, a DataFrame, Parquet files or files of an archive, as a path or a list of paths; "
            f"got {shown(source)}."
        )
    files = [file for path in paths for file in _parquet_below(Path(path))]
    if files:
        return Source(symbol or "", "", False, _mark_of_files(files), _Tables(files), {})
    return _archive(paths, symbol, interval)


class _Slices:
    def __init__(self, market: Market) -> None:
        self._candles = market.candles

    def __iter__(self) -> Iterator[Any]:
        return (self._candles.iloc[i : i + _ROWS] for i in range(0, len(self._candles), _ROWS))


class _Tables:
    def __init__(self, files: list[Path]) -> None:
        self._files = files

    def __iter__(self) -> Iterator[Any]:
        import pyarrow.parquet as pq

        for file in self._files:
            try:
                # With pre_buffer all data read would stay in memory until the file is closed.
                with pq.ParquetFile(file, pre_buffer=False) as table:
                    for batch in table.iter_batches(_ROWS):
                        yield batch.to_pandas()
            except (OSError, ValueError) as error:
                raise InputError(
                    f"source: wanted a Parquet file; got {file.name}, which cannot be read: {str(error)[:100]}"
                ) from None


class _Months:
    """Files of an archive, one month at a time."""

    def __init__(self, dumps: list[Dump], symbol: str, interval: str | None) -> None:
        self._symbol, self._interval = symbol, interval
        self._months: dict[str, list[Path]] = {}
        for dump in dumps:
            month = str(np.datetime64(dump.start, "ms").astype("datetime64[M]"))
            self._months.setdefault(month, []).append(dump.path)

    def __iter__(self) -> Iterator[Any]:
        for _, files in sorted(self._months.items()):
            yield read_archive(files, symbol=self._symbol, interval=self._interval, progress=False).candles


def _archive(paths: Any, symbol: str | None, interval: str | None) -> Source:
    dumps = find_dumps(list(paths)).dumps
    names = sorted({dump.symbol for dump in dumps if symbol is None or dump.symbol == symbol.strip().upper()})
    if len(names) != 1:
        raise InputError(
            f"source: wanted files of one symbol; got {', '.join(names[:10]) or 'none'}. "
            "Pass symbol=, or the folder that holds Parquet files, klines or trades."
        )
    mine = [dump for dump in dumps if dump.symbol == names[0]]
    mark = _mark_of_files([dump.path for dump in mine])
    return Source(names[0], mine[0].exchange, False, f"{mark} {interval}", _Months(mine, names[0], interval))


def _parquet_below(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(file for file in path.rglob("*.parquet") if file.is_file())
    return [path] if path.suffix == ".parquet" and path.is_file() else []


def _mark_of(market: Market) -> str:
    check = blake2b(digest_size=16)
    candles = market.candles
    check.update(repr((list(candles), market.symbol, market.exchange, market.simulated)).encode())
    check.update(candles.index.as_unit("ns").asi8.tobytes())
    for name in candles:
        check.update(np.ascontiguousarray(candles[name].to_numpy()).tobytes())
    return check.hexdigest()


def _mark_of_files(files: list[Path]) -> str:
    facts = [(file.name, (stat := file.stat()).st_size, stat.st_mtime_ns) for file in files]
    return blake2b(repr(facts).encode(), digest_size=16).hexdigest()
