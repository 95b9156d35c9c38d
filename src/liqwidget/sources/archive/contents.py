"""Validation of the rows of an archive file, and their columns for a market. Lists of trades: `trades.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from ...checks import shown, stamp
from ...errors import ParseError
from ...market.candles import known_interest
from ...market.columns import Floats
from ..rows import Rows, Times
from ..venues.files import Content
from ..venues.venue import DAY, MINUTE
from .csv_blocks import IN_COINS, SYMBOLS, form_of, read_tables
from .file_names import Dump
from .unpack import Read

_SPOT_MICROSECONDS = 1_735_689_600_000  # 2025-01-01: from then on spot files have us, those of futures ms
#: Labels of metrics are the snapshot's time before this day, the start of the 5 minutes that it ends from then on.
RELABELLED = 1_782_345_600_000  # 2026-06-25


def read_rows(read: Read, dump: Dump) -> Rows:
    """Read a whole file that is not a list of trades.

    Returns
    -------
    Rows
        Unchanged: unsorted, with duplicates if the file has some (of liquidations: one of each pair). Columns: those of
        a candle with taker_buy_volume; mark_low and mark_high; open_interest (NaN where empty or 0), long_short_ratio
        and the ratios of top traders and takers (NaN where empty); funding_rate; or is_long (1 or 0), price, quantity.

    Raises
    ------
    ParseError
        The rows do not match the file's name.
    """
    tables = list(read_tables(read, dump))
    names = COLUMNS[dump.content]
    if not tables:
        return Rows.empty(names)
    table = pa.concat_tables(tables)
    columns = {name: table.column(name).to_numpy() for name in form_of(dump).types if name not in SYMBOLS}
    return _MADE[dump.content](columns, dump)


def moments(values: Any, dump: Dump) -> Times:
    """Return whole times in ms or us, one unit a file, as int64 us; ParseError if they do not match the file's name."""
    time = np.asarray(values, np.int64)
    factor = 1000 if time[0] < 10**14 else 1
    if time.min() < 10**11 or time.max() >= 4_102_444_800_000_000 // factor:
        wrong = time[(time < 10**11) | (time >= 4_102_444_800_000_000 // factor)][0]
        raise ParseError(
            f"{dump.name}: wanted times in ms or us since 1970, one unit a file; got {wrong}. Download the file again."
        )
    if factor == 1 and not dump.is_placed and dump.start >= _SPOT_MICROSECONDS:
        raise ParseError(
            f"{dump.name}: wanted a perpetual, with times in ms; got times in us, as spot files have since 2025. "
            "Download it from futures/um, or put it into a folder named um if it came from there."
        )
    time = time * factor
    check_span(time, dump)
    return time


def check_span(time: Times, dump: Dump) -> None:
    """Raise ParseError for times, us, more than a day outside the range in the file's name."""
    first, last = int(time.min()) // 1000, int(time.max()) // 1000
    if first < dump.start - DAY or last >= dump.end + DAY:
        wrong = first if first < dump.start - DAY else last
        raise ParseError(
            f"{dump.name}: times from {stamp(dump.start * 1_000_000)} to {stamp(dump.end * 1_000_000)} (UTC) were "
            f"wanted; it has {stamp(wrong * 1_000_000)}. The file was renamed or changed: download it again."
        )


def refuse(wrong: Any, time: Times, values: Floats, dump: Dump, what: str) -> None:
    """Raise ParseError at the first row where `wrong` holds; `time` in ms."""
    if wrong.any():
        i = int(np.argmax(wrong))
        raise ParseError(
            f"{dump.name}: {what}; the row of {stamp(int(time[i]) * 1_000_000)} (UTC) has {values[i]}. "
            "Download the file again."
        )


def _candle_times(columns: Mapping[str, Any], dump: Dump) -> Times:
    time = moments(columns["open_time"], dump)
    closed = np.asarray(columns["close_time"], np.int64)
    closed = closed * (1000 if closed[0] < 10**14 else 1)
    refuse(
        (time % (dump.step * 1000) != 0) | (closed < time) | (closed >= time + dump.step * 1000),
        time // 1000,
        np.ceil((closed - time) / 60_000_000),
        dump,
        f"wanted candles of {dump.step // MINUTE} minutes, from whole ones on",
    )
    return time // 1000


def _candles(columns: Mapping[str, Any], dump: Dump) -> Rows:
    time = _candle_times(columns, dump)
    names = IN_COINS if dump.usd else {}
    taken = {name: np.asarray(columns[names.get(name, name)], np.float64) for name in COLUMNS["klines"]}
    _check_candles(taken, time, dump)
    refuse(
        (taken["volume"] == 0) & (columns["count"] > 0),
        time,
        taken["volume"],
        dump,
        "wanted candles of trades, and these are of a mark price or an index (trades without volume); put them "
        "into a folder of their type's name, such as markPriceKlines",
    )
    return Rows(time, taken)


def _check_candles(taken: Mapping[str, Floats], time: Times, dump: Dump) -> None:
    """Raise ParseError for prices and volumes that cannot be those of candles; `time` in ms."""
    for name in ("open", "high", "low", "close"):
        refuse(taken[name] <= 0, time, taken[name], dump, f"{name} must be above 0")
    for name in ("volume", "taker_buy_volume"):
        if name in taken:
            refuse(taken[name] < 0, time, taken[name], dump, f"{name} must be 0 or more")
    refuse(taken["high"] < taken["low"], time, taken["high"], dump, "high must not be below low")
    for name in ("open", "close"):  # with the slack that a market leaves
        wrong = (taken[name] > taken["high"] * 1.01) | (taken[name] < taken["low"] * 0.99)
        refuse(wrong, time, taken[name], dump, f"{name} must be between low and high")


def _candlesticks(columns: Mapping[str, Any], dump: Dump) -> Rows:
    """Convert OKX's candles of a minute: ``vol`` counts contracts, ``vol_ccy`` coins."""
    time = moments(columns["open_time"], dump) // 1000
    refuse(time % dump.step != 0, time, time / dump.step, dump, "wanted candles that open at whole minutes")
    taken = {name: np.asarray(columns[name], np.float64) for name in ("open", "high", "low", "close")}
    taken["volume"] = np.asarray(columns["vol_ccy"], np.float64)
    _check_candles(taken, time, dump)
    return Rows(time, taken)


def _mark(columns: Mapping[str, Any], dump: Dump) -> Rows:
    time = _candle_times(columns, dump)
    low, high = (np.asarray(columns[name], np.float64) for name in ("low", "high"))
    refuse(low <= 0, time, low, dump, "low must be above 0")
    refuse(high < low, time, high, dump, "high must not be below low")
    refuse(columns["volume"] != 0, time, columns["volume"], dump, "wanted mark prices, which have no volume")
    return Rows(time, {"mark_low": low, "mark_high": high})


def _metrics(columns: Mapping[str, Any], dump: Dump) -> Rows:
    """Convert labels to the times of the snapshots.

    Until 2026-06-24 a row is labelled with its snapshot's time, whether a day's file has 00:05 to 00:00 of the next
    day or, as many do, 00:00 to 23:55. Since 2026-06-25 it is labelled with the start of the 5 minutes before the
    snapshot, 00:00 to 23:55. A later file that does have the next day's 00:00 is labelled in the old way: no start of
    a day's period is that late.
    """
    time = np.asarray(columns["create_time"]).astype("datetime64[ms]").astype(np.int64)
    check_span(time * 1000, dump)
    if dump.start >= RELABELLED and time.max() < dump.end:
        time = time + dump.step
    taken = {
        "open_interest": known_interest(np.asarray(columns["sum_open_interest"], np.float64)),
        **{name: np.asarray(columns[theirs], np.float64) for name, theirs in _RATIOS.items()},
    }
    for name, values in taken.items():
        refuse(values < 0, time, values, dump, f"{name} must be 0 or more")
    return Rows(time, taken)


def _funding(time: str, rate: str) -> Callable[[Mapping[str, Any], Dump], Rows]:
    """Return a function that converts funding rates; `time`, `rate`: names of the columns."""

    def made(columns: Mapping[str, Any], dump: Dump) -> Rows:
        return Rows(moments(columns[time], dump) // 1000, {"funding_rate": np.asarray(columns[rate], np.float64)})

    return made


def _liquidations(columns: Mapping[str, Any], dump: Dump) -> Rows:
    """Convert orders of the liquidation engine; the files list each twice.

    An order to sell closes a long. What was filled counts; of an order without a fill, what was ordered.
    """
    time = moments(columns["time"], dump) // 1000
    side = np.asarray(columns["side"], str)
    if (wrong := ~np.isin(side, ("BUY", "SELL"))).any():
        raise ParseError(
            f"{dump.name}: side must be BUY or SELL; got {shown(side[wrong][0])}. Download the file again."
        )
    filled = np.asarray(columns["accumulated_fill_quantity"], np.float64)
    average = np.asarray(columns["average_price"], np.float64)
    taken = {
        "is_long": (side == "SELL").astype(np.float64),
        "price": np.where(average > 0, average, columns["price"]),
        "quantity": np.where(filled > 0, filled, columns["original_quantity"]),
    }
    for name in ("price", "quantity"):
        refuse(taken[name] <= 0, time, taken[name], dump, f"{name} must be above 0")
    return _halved(Rows(time, taken))


def _halved(rows: Rows) -> Rows:
    """Return one of each two equal rows, in order of time."""
    order = np.lexsort((*rows.columns.values(), rows.time))
    rows = rows.taken(order)
    values = np.stack([rows.time.astype(np.float64), *rows.columns.values()])
    first = np.concatenate([[True], (values[:, 1:] != values[:, :-1]).any(axis=0)])[: len(rows)]
    place = np.arange(len(rows))
    return rows.taken((place - np.maximum.accumulate(np.where(first, place, 0))) % 2 == 0)


#: Columns of metrics -> their name in the files. `count_` is the ratio of accounts, `sum_` that of their positions.
_RATIOS = {
    "long_short_ratio": "count_long_short_ratio",
    "top_trader_account_ratio": "count_toptrader_long_short_ratio",
    "top_trader_position_ratio": "sum_toptrader_long_short_ratio",
    "taker_ratio": "sum_taker_long_short_vol_ratio",
}
#: Columns of the `Rows` of each type.
COLUMNS: Mapping[Content, tuple[str, ...]] = {
    "klines": ("open", "high", "low", "close", "volume", "taker_buy_volume"),
    "markPriceKlines": ("mark_low", "mark_high"),
    "metrics": ("open_interest", *_RATIOS),
    "fundingRate": ("funding_rate",),
    "liquidationSnapshot": ("is_long", "price", "quantity"),
    "aggTrades": ("open", "high", "low", "close", "volume", "taker_buy_volume"),
    "trading": ("open", "high", "low", "close", "volume", "taker_buy_volume"),
    "candlesticks": ("open", "high", "low", "close", "volume"),
    "fundingrates": ("funding_rate",),
}
_MADE: Mapping[Content, Callable[[Mapping[str, Any], Dump], Rows]] = {
    "klines": _candles,
    "markPriceKlines": _mark,
    "metrics": _metrics,
    "fundingRate": _funding("calc_time", "last_funding_rate"),
    "liquidationSnapshot": _liquidations,
    "candlesticks": _candlesticks,
    "fundingrates": _funding("funding_time", "funding_rate"),
}
