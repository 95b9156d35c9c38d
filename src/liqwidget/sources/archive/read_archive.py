"""`read_archive`: a Market from the files that Binance and Bybit publish, however they lie in folders."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ...errors import InputError, ParseError
from ...market import Market, Origin
from ...market.columns import shown
from ...run.progress import Bar, Progress, Told
from ..fetch.assemble import assemble
from ..venues.venue import INTERVALS, MINUTE, check_interval
from .file_names import TRADES, Content, Dump, Found, find_dumps
from .reader import Reader


def read_archive(
    paths: Any,
    *,
    symbol: str | None = None,
    interval: str | None = None,
    progress: bool | Told | None = None,
    verify: bool = True,
) -> Market:
    """Read files of Binance's public archive (USD-M futures) or Bybit's daily trades into a market.

    Parameters
    ----------
    paths
        A file, a folder (searched to any depth) or a list of them. Files keep the names, and mark price candles the
        folder ``markPriceKlines``, that they were published under. Of Binance zips or the CSV out of them: klines,
        markPriceKlines, metrics, fundingRate, aggTrades; of Bybit ``BTCUSDT2024-01-31.csv.gz``.
    symbol
        Which one, where the files are of several.
    interval
        Of the candles, such as ``5m``. None: the shortest that there are klines of; ``1m`` where there are only
        trades. Longer ones are made of shorter ones, where all of those are there.
    progress
        Show a bar; None: in notebooks and terminals, when it takes longer than half a second. Or what is called with
        the files done, the files in all and the rows so far.
    verify
        Compare each zip with the ``.CHECKSUM`` that lies beside it.

    Returns
    -------
    Market
        Missing candles show in ``gaps``. ``origin.notes`` tell what was left out, made good or not verified.

    Raises
    ------
    InputError
        No such file, several symbols, an interval that cannot be made.
    ParseError
        A file is damaged, was changed, or is not what its name says. Nothing is read from it then, nor from others.

    Notes
    -----
    Of a time that several files have, a daily file's row is taken before a monthly one's (some monthly ones lack days),
    a kline of the interval before one made of shorter ones, and any before one made of trades; files whose whole time
    is there already are not read. Rows that come twice within daily files, or within monthly ones, must agree.

    Open interest and long/short ratio of a candle are those of the last snapshot up to its close. The labels of
    Binance's metrics are that snapshot's moment until 2026-06-24, and since 2026-06-25 five minutes before it.
    Candles made of trades have none where nothing was traded.
    """
    step = None if interval is None else check_interval(interval)
    if not (progress is None or isinstance(progress, bool) or callable(progress)):
        raise InputError(f"progress: True, False, None or a function was wanted; got {shown(progress)}.")
    found = find_dumps(paths)
    dumps = _chosen(found, symbol)
    step = _step(dumps, step, interval)
    with _told(dumps, progress) as told, Reader(step, verify, told) as reader:
        parts = reader.parts(dumps)
    if not len(parts["candles"]):
        raise ParseError(
            f"archive: candles of {dumps[0].symbol} were wanted; the files hold none. " + " ".join(reader.notes(found))
        )
    frame = assemble(parts, step)
    del parts  # years of minutes are large, and the market makes its own
    market = Market.from_frame(frame, dumps[0].symbol, dumps[0].exchange)
    source = f"archive of {dumps[0].exchange}, {reader.files:,} files"
    return market._with(Origin(source, missing=_missing(dumps, frame), notes=tuple(reader.notes(found))))


def _chosen(found: Found, symbol: str | None) -> list[Dump]:
    """Return the dumps of one symbol of one exchange."""
    if not found.dumps:
        there = "".join(f"{count:,} of {name}, " for name, count in sorted(found.unused.items()))
        raise InputError(
            "paths: files such as BTCUSDT-1m-2024-01.zip or BTCUSDT2024-01-31.csv.gz were wanted; got "
            f"{there}{found.strange:,} others. Pass the folder that holds klines or trades."
        )
    if symbol is not None and not isinstance(symbol, str):
        raise InputError(f"symbol: text such as 'BTCUSDT' was wanted; got {shown(symbol)}.")
    every = sorted({(dump.symbol, dump.exchange) for dump in found.dumps})
    some = [one for one in every if symbol is None or one[0] == symbol.strip().upper()]
    if len(some) == 1:
        return [dump for dump in found.dumps if (dump.symbol, dump.exchange) == some[0]]
    there = ", ".join(f"{name} ({exchange})" for name, exchange in (some or every)[:10])
    there += f" and {len(some or every) - 10:,} more" if len(some or every) > 10 else ""
    if not some:
        raise InputError(f"symbol: one of {there} was wanted; got {shown(symbol)}.")
    cure = "Pass symbol=." if symbol is None else "Pass the folder of one exchange."
    raise InputError(f"paths: files of one symbol of one exchange were wanted; got {there}. {cure}")


def _step(dumps: list[Dump], step: int | None, interval: str | None) -> int:
    """Return the candles' interval, ms."""
    steps = {dump.step for dump in dumps if dump.content == "klines"}
    trades = any(dump.content in TRADES for dump in dumps)
    if not steps and not trades:
        there = ", ".join(sorted({dump.content for dump in dumps}))
        raise InputError(f"paths: klines or trades were wanted; got {there} alone. Add the folder of klines.")
    if step is None:
        return min(steps, default=MINUTE)
    if not trades and not any(step % size == 0 for size in steps):
        there = ", ".join(name for name, size in INTERVALS.items() if size in steps)
        raise InputError(f"interval: a multiple of one of {there}, the files' own, was wanted; got {interval}.")
    return step


def _missing(dumps: list[Dump], frame: Any) -> dict[str, str]:
    """Return why a column of a market is not there."""
    needs: dict[str, Content] = {
        "taker_buy_volume": "klines",
        "open_interest": "metrics",
        "long_short_ratio": "metrics",
        "funding_rate": "fundingRate",
        "mark_low": "markPriceKlines",
        "mark_high": "markPriceKlines",
    }
    if dumps[0].exchange == "bybit":
        return {name: "Bybit publishes trades alone" for name in needs if name not in frame}
    there = {dump.content for dump in dumps}
    return {
        name: f"the files of {content} have none for these candles" if content in there else f"no files of {content}"
        for name, content in needs.items()
        if name not in frame
    }


@contextmanager
def _told(dumps: list[Dump], progress: bool | Told | None) -> Iterator[Told]:
    """Give what to tell of the work, for a bar or a function of the user's."""
    state = Progress(f"{dumps[0].exchange} {dumps[0].symbol}", "files")
    with Bar(state, progress) as bar:

        def tell(done: int, total: int, rows: int) -> None:
            state.done, state.total, state.rows = done, total, rows
            bar.show()

        yield tell
