"""Binance's public files of futures, USD-M and COIN-M: zips of one CSV each, with checksums, made on request."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from .archive_names import NO_FILE, packed, span_of
from .day import DAY, MINUTE
from .history import COINS, PRICE, RATE, SHARE, USD, History, in_contracts, interval_ms, ratio
from .messages import Reply, Request

SYMBOLS = {"um": "BTCUSDT", "cm": "BTCUSD_PERP"}
KLINE = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"
)
METRICS = (
    "create_time,symbol,sum_open_interest,sum_open_interest_value,count_toptrader_long_short_ratio,"
    "sum_toptrader_long_short_ratio,count_long_short_ratio,sum_taker_long_short_vol_ratio"
)
FUNDING = "calc_time,funding_interval_hours,last_funding_rate"
MONTHLY_AFTER = 6 * DAY  # a month's file is published this long after its end, a day's at once
FROM_MIDNIGHT = 1_772_323_200_000  # 2026-03-01: from then on files of metrics have 00:00 to 23:55,
RELABELLED = 1_782_345_600_000  # 2026-06-25: labelled with the start of the 5 minutes from then on

_PATH = re.compile(
    r"/data/futures/(?P<folder>um|cm)/(?P<often>daily|monthly)/(?P<what>\w+)/(?P<symbol>\w+)/((?P<period>\w+)/)?"
    r"(?P=symbol)-(?P<label>\w+)-(?P<date>\d{4}-\d\d(-\d\d)?)\.zip(?P<sum>\.CHECKSUM)?"
)


def answer(history: History, now_ms: int, request: Request) -> Reply:
    match = _PATH.fullmatch(request.path)
    if (
        not match
        or match["symbol"] != SYMBOLS[match["folder"]]
        or (len(match["date"]) > 7) != (match["often"] == "daily")
    ):
        return Reply(NO_FILE.status, NO_FILE.body, dict(NO_FILE.headers))
    path = request.path.removesuffix(".CHECKSUM")
    name = path.rsplit("/", 1)[-1]
    start, end = span_of(match["date"])
    published = end + (MONTHLY_AFTER if match["often"] == "monthly" else 0)
    # What the history has of a file's time is in it, once the file is published.
    if now_ms < published or end <= history.start_ms:
        return Reply(NO_FILE.status, NO_FILE.body, dict(NO_FILE.headers))
    data = history.files.get(path)
    if data is None:
        lines = _lines(history, match, start, end)
        if lines is None:
            return Reply(NO_FILE.status, NO_FILE.body, dict(NO_FILE.headers))
        data = history.files[path] = packed(name, "".join(f"{line}\n" for line in lines))
    if match["sum"]:
        data = f"{hashlib.sha256(data).hexdigest()}  {name}\n".encode()
    return Reply(body=data, headers={"Content-Type": "binary/octet-stream"})


def _lines(history: History, match: re.Match[str], start: int, end: int) -> Iterator[str] | None:
    symbol, often, what, period, label = (match[name] for name in ("symbol", "often", "what", "period", "label"))
    if what in ("klines", "markPriceKlines") and period == label:
        return _klines(history, symbol, "last" if what == "klines" else "mark", interval_ms(label), start, end)
    if (what, label, often, period) == ("metrics", "metrics", "daily", None):
        return _metrics(history, symbol, start, end)
    if (what, label, often, period) == ("fundingRate", "fundingRate", "monthly", None):
        return _funding(history, start, end)
    return None


def _klines(history: History, symbol: str, kind: str, step: int, start: int, end: int) -> Iterator[str]:
    if start >= FROM_MIDNIGHT:  # older files have no header
        yield KLINE
    columns = history.bars(kind, step)
    inside = (columns[0] >= start) & (columns[0] < end)
    for time, *prices in zip(*(column[inside].tolist() for column in columns), strict=True):
        o, high, low, close = (f"{value / PRICE:.{1 if kind == 'last' else 8}f}" for value in prices[:4])
        volume, taker, quote, taker_quote, count = prices[4:] if kind == "last" else (0, 0, 0, 0, 60)
        coins, usd = (volume / COINS, taker / COINS), (quote / USD, taker_quote / USD)
        # COIN-M: contracts of 100 USD, and coins where USD-M has the quote currency.
        first, second = (coins, usd) if symbol == SYMBOLS["um"] else ([value // 100 for value in usd], coins)
        end = time + step - 1
        yield f"{time},{o},{high},{low},{close},{first[0]},{end},{second[0]},{count},{first[1]},{second[1]},0"


def ratios(long: Any) -> tuple[Any, ...]:
    """Ratios of top traders' accounts, their positions, all accounts, and takers, in 1e-4, from the share of longs."""
    all_accounts = ratio(long)
    return all_accounts + 1, all_accounts + 20, all_accounts, all_accounts + 300


def _metrics(history: History, symbol: str, start: int, end: int) -> Iterator[str]:
    yield METRICS
    time, coins, price = history.snapshots("open_interest", 5 * MINUTE)
    long = history.snapshots("long", 5 * MINUTE)[1]
    from_midnight = FROM_MIDNIGHT <= start < RELABELLED
    is_last = from_midnight and end == RELABELLED  # the last of its kind has both midnights
    first, last = (start, end if is_last else end - 1) if from_midnight else (start + 1, end)
    inside = (time >= first) & (time <= last)
    rows = list(zip(*(column[inside].tolist() for column in (time, coins, price, long)), strict=True))
    for moment, amount, at, share in rows[len(rows) // 2 :] + rows[: len(rows) // 2]:  # in no order
        label = datetime.fromtimestamp((moment - (5 * MINUTE if start >= RELABELLED else 0)) / 1000, UTC)
        accounts, positions, everyone, takers = (f"{value / SHARE:.8f}" for value in ratios(share))
        held, worth = f"{amount / COINS:.16f}", f"{amount * at / USD:.8f}"
        interest = f"{held},{worth}" if symbol == SYMBOLS["um"] else f"{in_contracts(amount, at)},{held}"
        yield f"{label:%Y-%m-%d %H:%M:%S},{symbol},{interest},{accounts},{positions},{everyone},{takers}"


def _funding(history: History, start: int, end: int) -> Iterator[str]:
    yield FUNDING
    time, rates, _ = history.funding_rows(8)
    inside = (time >= start) & (time < end)
    for moment, rate in zip(time[inside].tolist(), rates[inside].tolist(), strict=True):
        yield f"{moment},8,{rate / RATE:.8f}"
