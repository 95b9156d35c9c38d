"""`read_archive`: a Market from the files that Binance and Bybit publish, in any folders."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd

from ...checks import shown
from ...errors import InputError, ParseError
from ...market.columns import RATIOS
from ...market.market import Market
from ...market.origin import Origin
from ...market.units import IN_COINS
from ...run.progress import Bar, Progress, Told
from ..fetch.assemble import assemble
from ..rows import Rows
from ..venues.files import TRADES, Content
from ..venues.venue import INTERVALS, MINUTE, check_interval
from .file_names import Dump, Found, find_dumps
from .reader import Reader


def read_archive(
    paths: Any,
    *,
    symbol: str | None = None,
    interval: str | None = None,
    progress: bool | Told | None = None,
    verify: bool = True,
) -> Market:
    """Read files of Binance's public archive (futures, also inverse ones) or Bybit's daily trades into a market.

    Parameters
    ----------
    paths
        A file, a folder (searched to any depth) or a list of them. Files keep the names, and mark price candles the
        folder ``markPriceKlines``, that they were published under. Of Binance zips or the CSV out of them: klines,
        markPriceKlines, metrics, fundingRate, aggTrades, liquidationSnapshot; of Bybit ``BTCUSDT2024-01-31.csv.gz``.
    symbol
        The symbol to read, if the files are of several.
    interval
        Of the candles, such as ``5m``. None: the shortest of the klines; ``1m`` if there are only
        trades. Longer candles are merged from complete shorter ones.
    progress
        Show a bar; None: in notebooks and terminals, when it takes longer than half a second. A function is called
        with the files done, the files in total and the rows so far.
    verify
        Compare each zip with its ``.CHECKSUM`` file.

    Returns
    -------
    Market
        Missing candles show in ``gaps``. ``origin.notes`` say what was left out, replaced or not verified.

    Raises
    ------
    InputError
        A file does not exist, there are several symbols, or the interval cannot be built.
    ParseError
        A file is damaged, was changed, or does not match its name. Nothing is returned then.

    Notes
    -----
    If several files cover a time, a daily file's row is preferred to a monthly one's (some monthly files lack days), a
    kline of the interval to one merged from shorter ones, and any kline to one built from trades; files whose whole
    range is covered already are not read. Duplicate rows within daily files, or within monthly ones, must agree.

    Open interest and the ratios of a candle are those of the last snapshot up to its close. The labels of Binance's
    metrics are that snapshot's moment until 2026-06-24, whether a day's file runs from 00:05 to 00:00 or from 00:00 to
    23:55; since 2026-06-25 they are five minutes before it.
    Without trades there is no candle of trades. Dated contracts are not read. Files of liquidationSnapshot give
    `Market.liquidations`: they list each order twice, and it counts once.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import liqwidget as lw
    >>> line = "1767225600000,60000,60300,59900,60200,120,1767229199999,7212000,950,61,3666100,0"
    >>> with TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "BTCUSDT-1h-2026-01-01.csv").write_text(line)
    ...     market = lw.read_archive(folder)
    >>> market.symbol, market.candles["close"].to_list()
    ('BTCUSDT', [60200.0])
    """
    step = None if interval is None else check_interval(interval)
    if not (progress is None or isinstance(progress, bool) or callable(progress)):
        raise InputError(f"progress: wanted True, False, None or a function; got {shown(progress)}.")
    found = find_dumps(paths)
    dumps = _chosen(found, symbol)
    step = _step(dumps, step, interval)
    with _told(dumps, progress) as told, Reader(step, verify, told) as reader:
        parts, realised = reader.parts(dumps), reader.liquidations(dumps)
    if not len(parts["candles"]):
        raise ParseError(f"archive: wanted candles of {dumps[0].symbol}; got none. " + " ".join(reader.notes(found)))
    frame = assemble(parts, step)
    del parts  # free memory: the market copies the data
    units = {**IN_COINS, "open_interest_unit": "contracts"} if dumps[0].usd else IN_COINS
    liquidations = None if realised is None else _table(realised, frame, step)
    market = Market.from_frame(frame, dumps[0].symbol, dumps[0].exchange, liquidations, **units)
    source = f"archive of {dumps[0].exchange}, {reader.files:,} files"
    return market.with_origin(Origin(source, missing=_missing(dumps, frame), notes=tuple(reader.notes(found))))


def _chosen(found: Found, symbol: str | None) -> list[Dump]:
    """Return the files of one symbol of one exchange."""
    if not found.dumps:
        there = "".join(f"{count:,} of {name}, " for name, count in sorted(found.unused.items()))
        raise InputError(
            "paths: wanted files such as BTCUSDT-1m-2024-01.zip or BTCUSDT2024-01-31.csv.gz; got "
            f"{there}{found.strange:,} others. Pass the folder that holds klines or trades."
        )
    if symbol is not None and not isinstance(symbol, str):
        raise InputError(f"symbol: wanted text such as 'BTCUSDT'; got {shown(symbol)}.")
    every = sorted({(dump.symbol, dump.exchange) for dump in found.dumps})
    some = [one for one in every if symbol is None or one[0] == symbol.strip().upper()]
    if len(some) == 1:
        return [dump for dump in found.dumps if (dump.symbol, dump.exchange) == some[0]]
    there = ", ".join(f"{name} ({exchange})" for name, exchange in (some or every)[:10])
    there += f" and {len(some or every) - 10:,} more" if len(some or every) > 10 else ""
    if not some:
        raise InputError(f"symbol: wanted one of {there}; got {shown(symbol)}.")
    cure = "Pass symbol=." if symbol is None else "Pass the folder of one exchange."
    raise InputError(f"paths: wanted files of one symbol of one exchange; got {there}. {cure}")


def _step(dumps: list[Dump], step: int | None, interval: str | None) -> int:
    """Return the candles' interval, ms."""
    steps = {dump.step for dump in dumps if dump.content == "klines"}
    trades = any(dump.content in TRADES for dump in dumps)
    if not steps and not trades:
        there = ", ".join(sorted({dump.content for dump in dumps}))
        raise InputError(f"paths: wanted klines or trades; got {there} alone. Add the folder of klines.")
    if step is None:
        return min(steps, default=MINUTE)
    if not trades and not any(step % size == 0 for size in steps):
        there = ", ".join(name for name, size in INTERVALS.items() if size in steps)
        raise InputError(f"interval: wanted a multiple of one of {there}, the files' own; got {interval}.")
    return step


def _table(realised: Rows, frame: pd.DataFrame, step: int) -> pd.DataFrame | None:
    """Return liquidations in the time of the candles as a table; None if there are none."""
    first, last = (int(time.value) // 1_000_000 for time in (frame.index[0], frame.index[-1]))
    rows = realised.within(first, last + step)
    columns = {name: rows.columns[name] for name in ("price", "quantity")}
    side = np.where(rows.columns["is_long"] > 0, "long", "short")
    time = pd.DatetimeIndex(rows.time.view("datetime64[ms]")).tz_localize("UTC")
    return pd.DataFrame({"time": time, "side": side, **columns}) if len(rows) else None


def _missing(dumps: list[Dump], frame: Any) -> dict[str, str]:
    """Return the reason for each missing column."""
    needs: dict[str, Content] = {
        "taker_buy_volume": "klines",
        "open_interest": "metrics",
        **dict.fromkeys(("long_short_ratio", *RATIOS), "metrics"),
        "funding_rate": "fundingRate",
        "mark_low": "markPriceKlines",
        "mark_high": "markPriceKlines",
    }
    if dumps[0].exchange == "bybit":
        return {name: "Bybit publishes only trades" for name in needs if name not in frame}
    there = {dump.content for dump in dumps}
    return {
        name: f"the files of {content} have none for these candles" if content in there else f"no files of {content}"
        for name, content in needs.items()
        if name not in frame
    }


@contextmanager
def _told(dumps: list[Dump], progress: bool | Told | None) -> Iterator[Told]:
    """Yield a function that reports progress to a bar or to the user's function."""
    state = Progress(f"{dumps[0].exchange} {dumps[0].symbol}", "files")
    with Bar(state, progress) as bar:

        def tell(done: int, total: int, rows: int) -> None:
            state.done, state.total, state.rows = done, total, rows
            bar.show()

        yield tell
