"""`history`: the density of any span of candles, built in chunks out of core, on one core or many."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, Literal

import numpy as np
import pandas as pd

from ..checks import moment, shown, stamp, whole
from ..drawing.report import Drawn, Report
from ..errors import DataError, InputError, ParseError
from ..market.facts import contract_text
from ..market.market import Market
from ..market.units import IN_COINS
from ..model.density import Density
from ..model.estimate import decay_of
from ..model.grid import Floats, PriceGrid, auto_bin_size
from ..model.margin import Contract
from ..model.opening import SPAN, check_settings
from ..model.settings import check_decay_rate
from ..run.cluster import Cluster
from ..run.progress import Bar, Progress, Told
from .build import JOINED, Job, Joint, Settings, coarsen, levels, make, sampled, scan
from .chunks import Chunk, candles_of, cut
from .history_report import COLUMNS as DRAWN
from .history_report import columns_of, report_of
from .samples import Samples, bare_ledger
from .source import find_source
from .store import Folder
from .tiles import STRIDE
from .window import Windows, candles_between

VERSION = 1
CHUNK = 16_384
COLUMNS = 4_000
MAX_CELLS = 200_000_000  # 0.8 GB of float32; a short history holds them in one chunk
_MANIFEST, _CANDLES = "history.json", "candles.json"


def history(
    source: Any = None,
    store: str | os.PathLike[str] = "",
    *,
    leverage: Sequence[float] = (3, 5, 10, 20, 50, 100, 150),
    decay_rate: float | Literal["auto"] = "auto",
    bin_size: float | None = None,
    columns: int = COLUMNS,
    maintenance_rate: float = 0.004,
    fee_rate: float = 0.0,
    turnover: float = 1.0,
    span: float = SPAN,
    symbol: str | None = None,
    interval: str | None = None,
    chunk: int | Sequence[int] = CHUNK,
    workers: int | None = None,
    client: Any = None,
    progress: bool | Told | None = None,
    storage_options: Mapping[str, Any] | None = None,
) -> History:
    """Build the density of a span of any length, or open one that was built.

    The replay is linear in the state before: a chunk of candles takes each row from ``state`` to ``gain * state +
    rest``, with gain 0 once the row was swept. So chunks are computed independently and joined by one scan, and the
    result equals that of one pass over all candles to 1e-6. Memory is that of a few chunks, however many there are.

    Finished chunks are kept: after a kill or a cancel the same call resumes. A chunk's file is complete or absent, and
    each of its pages has a checksum.

    Parameters
    ----------
    source
        A Market, a DataFrame, Parquet files, or files of a public archive (see `read_archive`), as a path or a list of
        paths. None: open the history in the store.
    store
        Where the history is stored: a folder, or an fsspec address such as ``s3://bucket/btc``. Workers on other
        machines must reach it under the same name.
    leverage, bin_size, maintenance_rate, fee_rate, turnover, span
        As for `build_ledger`.
    decay_rate
        Per hour; "auto": as `auto_decay_rate` of all the candles.
    columns
        Display columns: closes at which the density is stored, evenly spaced in candles, and the last one.
    symbol, interval
        Symbol and interval to read from an archive; the label of Parquet files.
    chunk
        Candles per chunk; or the candles to cut before.
    workers, client
        Compute in this many processes of this machine, or on a ``dask.distributed.Client``; else in this process. In a
        script, call it with `workers` below ``if __name__ == "__main__"``: new processes import the script first.
    progress
        As for `fetch`: None shows a bar in notebooks and terminals, with the address of Dask's dashboard.
    storage_options
        For fsspec.

    Returns
    -------
    History

    Raises
    ------
    InputError
        An argument or a candle is not usable (as in `Market.from_frame`), or Dask or fsspec is not installed.
    DataError
        The store cannot be written, or contains no history.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import liqwidget as lw
    >>> with TemporaryDirectory() as store:
    ...     years = lw.history(lw.load_sample(), store, columns=200, progress=False)
    ...     years.density().values.shape[-1] <= 200
    True
    """
    if not isinstance(store, str | os.PathLike) or not os.fspath(store):
        raise InputError(f"store: wanted a folder or an address such as 's3://bucket/btc'; got {shown(store)}.")
    folder = Folder(store, dict(storage_options or {}))
    if source is None:
        return _opened(folder)
    tiers, of_ledger = check_settings(leverage, maintenance_rate, fee_rate, turnover, span)
    if isinstance(of_ledger["turnover"], str):
        raise InputError(
            "turnover: wanted a share in (0, 1]; got 'auto', which needs the whole history first. "
            "Pass lw.calibrate(...).turnover of a part of it, or 1.0."
        )
    _check_numbers(columns, chunk)
    rate = decay_rate if decay_rate == "auto" else check_decay_rate(decay_rate)
    found = find_source(source, symbol, interval)
    told = Progress(f"history of {found.symbol}".removesuffix(" of "), "chunks")
    with Bar(told, progress) as bar, Cluster(workers, client) as cluster:
        if cluster.dashboard:
            told.what += f" ({cluster.dashboard})"

        def tell(rows: int | None = None) -> None:
            told.rows = told.rows if rows is None else rows
            told.done += rows is None
            bar.show()

        label = [VERSION, found.mark, found.symbol, found.exchange, found.simulated]
        # A store of a linear market from before this was known stays valid.
        contract = {} if found.contract == "linear" else {"contract": found.contract}
        of_candles = _plan([*label, *contract.values(), chunk if isinstance(chunk, int) else list(chunk), turnover])
        chunks = _kept_chunks(folder, of_candles)
        if chunks is None:
            chunks = cut(found, chunk, folder, of_candles, turnover, tell)
            of_chunks = {"plan": of_candles, "chunks": [vars(one) for one in chunks]}
            folder.write_bytes(_CANDLES, json.dumps(of_chunks).encode())
        if rate == "auto":
            rate = decay_of(sum(one.closed for one in chunks), sum(one.exposure for one in chunks))
        low, high = min(one.low for one in chunks), max(one.high for one in chunks)
        size = auto_bin_size(low, high, span) if bin_size is None else bin_size
        grid = PriceGrid.covering(low, high, size, span)
        _check_cells(len(tiers), grid.rows, min(columns, chunks[-1].end))
        total = chunks[-1].end
        facts: dict[str, Any] = {
            "version": VERSION,
            "symbol": found.symbol,
            "exchange": found.exchange,
            "simulated": found.simulated,
            "notes": list(found.notes),
            "interval": _interval(folder, chunks, of_candles),
            "grid": [grid.bin_size, grid.first, grid.rows],
            "leverage": tiers.tolist(),
            "settings": of_ledger,
            "decay_rate": float(rate),
            "width": -(-total // columns),
            "tiles": [STRIDE, JOINED],
            "total": total,
            "candles": of_candles,
            **contract,
        }
        facts["plan"] = _plan(facts)
        settings = Settings.of(facts)
        told.total, told.rows = 2 * len(chunks), total
        jobs = (Job(folder, settings, one) for one in chunks)
        for _ in cluster.computed(make, jobs):
            tell()
        scan(folder, settings, chunks, tell)
        tiles = levels(settings, chunks)
        for level, groups in enumerate(tiles[1:], 1):
            for _ in cluster.computed(coarsen, (Joint(folder, settings, level, numbers) for numbers in groups)):
                bar.show()
        facts["levels"] = [[numbers[0] for numbers in groups] for groups in tiles]
        facts["chunks"] = [vars(one) for one in chunks]
        folder.write_bytes(_MANIFEST, json.dumps(facts).encode())
    return History(folder, facts)


class History(Drawn):
    """Density of a long span of candles, in a store.

    Attributes
    ----------
    symbol, exchange, simulated, contract, interval_label
        As in a `Market`.
    grid, leverage, decay_rate
        Price rows; tiers (L,); per hour.
    candles, missing
        Number of candles, and of candles missing between the first and the last.
    settings
        Of its ledger: maintenance_rate, fee_rate, turnover, span.
    first, last
        Times of the first and the last candle, ns.
    windows
        Source of the widget's columns.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import liqwidget as lw
    >>> with TemporaryDirectory() as store:
    ...     years = lw.history(lw.load_sample(), store, columns=200, progress=False)
    ...     print(years.candles, years.interval_label, years.simulated)
    2016 5m True
    """

    grid: PriceGrid
    leverage: Floats
    decay_rate: float
    candles: int
    first: int
    last: int

    def __init__(self, folder: Folder, facts: dict[str, Any]) -> None:
        self._folder, self._settings = folder, Settings.of(facts)
        self._chunks = [Chunk(**one) for one in facts["chunks"]]
        self.symbol: str = facts["symbol"]
        self.notes: tuple[str, ...] = tuple(str(note) for note in facts.get("notes", ()))
        self.exchange: str = facts["exchange"]
        self.simulated: bool = facts["simulated"]
        self.contract: Contract = self._settings.contract
        self.interval_label: str = facts["interval"]
        self.grid, self.leverage = self._settings.grid, self._settings.leverage
        self.decay_rate, self.candles = self._settings.decay_rate, self._settings.total
        self.settings: dict[str, float] = self._settings.ledger
        self.missing: int = sum(chunk.missing for chunk in self._chunks)
        self.first, self.last = self._chunks[0].first, self._chunks[-1].last
        self.windows: Windows = Windows(folder, self._settings, self._chunks, facts["levels"])

    def to_frame(self, most: int = DRAWN) -> pd.DataFrame:
        """Return the whole history in at most ``most`` columns (a few more at its ends), a line each.

        Columns are consecutive candles, joined: ``time`` (UTC), ``open``, ``high``, ``low``, ``close`` (USD),
        ``opened`` (USD on each side), ``swept_low``, ``swept_high`` (USD; NaN where no row was swept).

        Raises
        ------
        ParseError
            A file of the store is damaged or missing.
        """
        return columns_of(self.windows.cut(self.first, self.last, whole("most", most, 1)))

    def _report(self) -> Report:
        return report_of(self)

    def __repr__(self) -> str:
        first, last = (stamp(ns) for ns in (self._chunks[0].first, self._chunks[-1].last))
        made = "simulated, " if self.simulated else ""
        return (
            f"<History {' '.join(self.names)}, UTC {first} to {last}, {self.candles:,} candles in "
            f"{len(self._chunks):,} chunks, {self.grid.rows:,} rows of {self.grid.bin_size:g} USD, "
            f"{f'{self.missing:,} candles missing, ' if self.missing else ''}{made}estimate>"
        )

    @property
    def names(self) -> list[str]:
        """Return symbol, contract unless it is linear, and exchange; those that are known."""
        return [word for word in (self.symbol, contract_text(self.contract), self.exchange) if word]

    def __len__(self) -> int:
        """Return the number of candles."""
        return self.candles

    def density(self, start: Any = None, end: Any = None) -> Density:
        """Return the density at the display columns, a plane per tier.

        Parameters
        ----------
        start, end
            Times of the first and the last column, as `Market.between` takes them; None leaves that end open.

        Returns
        -------
        Density
            `mix` it with weights. It has no flows: `liquidated_long` and the like raise InputError.

        Raises
        ------
        InputError
            No display column lies between.
        ParseError
            A file of the store is damaged or missing.
        """
        first, last = _moments(start, end)
        chunks = [chunk for chunk in self._chunks if chunk.last >= first and chunk.first <= last]
        ends = np.cumsum([0, *(len(self._settings.kept(chunk)) for chunk in chunks)])
        values = np.empty((ends[-1], len(self.leverage), self.grid.rows), np.float32)
        parts = [
            sampled(self._folder, chunk, self._settings, values[a:b])
            for chunk, a, b in zip(chunks, ends[:-1], ends[1:], strict=True)
        ]
        time, close = (
            (np.concatenate(part) for part in zip(*parts, strict=True)) if parts else (np.zeros(0, "M8[ns]"),) * 2
        )
        inside = slice(*np.searchsorted(time.view(np.int64), [first, last + 1]))
        time, close = time[inside], close[inside]
        if len(time) < len(values):  # do not keep whole chunks in memory for a few columns
            values = values[inside].copy()
        if not len(time):
            raise InputError(
                f"density: wanted display columns from {shown(start)} to {shown(end)}; got none. The history has "
                f"{stamp(self._chunks[0].first)} to {stamp(self._chunks[-1].last)} (UTC)."
            )
        return Samples(bare_ledger(self._settings, time, close), self.decay_rate, values)

    def market(self, start: Any = None, end: Any = None) -> Market:
        """Return the candles of a span as a Market, in memory.

        Raises
        ------
        InputError
            There is no candle in the span.
        """
        frames = candles_between(self._folder, self._settings, self._chunks, *_moments(start, end))
        if not frames:
            raise InputError(f"market: wanted candles from {shown(start)} to {shown(end)}; got none. Widen the range.")
        return self.market_of(pd.concat(frames))

    def market_of(self, candles: Any) -> Market:
        """Return candles of this history as a Market."""
        about = {"simulated": self.simulated, "contract": self.contract, **IN_COINS}
        return Market.from_frame(candles, self.symbol, self.exchange, **about)


def _opened(folder: Folder) -> History:
    data = folder.read_bytes(_MANIFEST)
    if data is None:
        raise DataError(
            f"store: wanted a finished history; got none in {shown(folder.url)}. Pass the source to build it."
        )
    try:
        facts = json.loads(data)
        if facts["version"] != VERSION:
            raise ValueError
        return History(folder, facts)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ParseError(
            f"store: wanted {_MANIFEST} of version {VERSION}; got damage or another version. Build the history again."
        ) from None


def _kept_chunks(folder: Folder, plan: str) -> list[Chunk] | None:
    """Return the chunks if all their candles are stored; None if they have to be cut."""
    try:
        facts = json.loads(folder.read_bytes(_CANDLES) or b"{}")
        chunks = [Chunk(**one) for one in facts["chunks"]] if facts["plan"] == plan else []
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    good = chunks and all(folder.whole(f"candles/{one.name}", plan) == one.about() for one in chunks)
    return chunks if good else None


def _interval(folder: Folder, chunks: Sequence[Chunk], plan: str) -> str:
    longest = max(chunks, key=lambda chunk: chunk.rows)
    return Market.from_frame(candles_of(folder, longest, plan), **IN_COINS).interval_label


def _plan(facts: Any) -> str:
    return blake2b(json.dumps(facts, sort_keys=True).encode(), digest_size=16).hexdigest()


def _moments(start: Any, end: Any) -> tuple[int, int]:
    return (
        -(2**62) if start is None else moment("start", start),
        2**62 if end is None else moment("end", end),
    )


def _check_cells(tiers: int, rows: int, columns: int) -> None:
    if tiers * rows * columns > MAX_CELLS:
        raise InputError(
            f"history: wanted at most {MAX_CELLS:,} cells; got {tiers} tiers x {rows:,} rows x {columns:,} columns. "
            "Use a larger bin_size or fewer columns."
        )


def _check_numbers(columns: Any, chunk: Any) -> None:
    whole("columns", columns, 1)
    cuts = [0, chunk] if isinstance(chunk, int) else [0, *chunk]
    if isinstance(chunk, bool) or not all(isinstance(c, int | np.integer) for c in cuts) or (np.diff(cuts) < 1).any():
        raise InputError(
            f"chunk: wanted a number of candles from 1 on, or ascending candles to cut before; got {shown(chunk)}."
        )
