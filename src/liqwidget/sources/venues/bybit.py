"""Bybit v5, linear perpetuals: newest rows first, ranges inclusive, errors come with HTTP 200 and a ``retCode``.

Bybit's open interest counts both sides; here one side is counted, as everywhere in this package.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from ...errors import ParseError
from ..rows import Rows
from .cells import code, message, number, table
from .files import Files
from .symbols import other_unit, read_symbol, unlisted
from .venue import (
    DAY,
    FILES,
    INTERVALS,
    MINUTE,
    BracketRow,
    BracketTable,
    Kind,
    Limit,
    Query,
    Refusal,
    Request,
    Series,
    Venue,
    by_place,
    by_status,
)

_BARS = {name: str(ms // MINUTE) for name, ms in INTERVALS.items() if ms < DAY and name != "8h"}
_BARS |= {"1d": "D", "1w": "W"}
_PERIODS = {"5m": "5min", "15m": "15min", "30m": "30min", "1h": "1h", "4h": "4h", "1d": "1d"}
_CODES: Mapping[object, Literal["wait", "retry"]] = {10006: "wait", 10000: "retry", 10016: "retry"}


def _asked(category: str, path: str, start: str, end: str, page: int, period: str = "") -> Callable[[Query], Request]:
    """Return a function that makes requests of one path; `start`, `end`, `period`: names of its parameters."""

    def request(query: Query) -> Request:
        span: dict[str, str | int] = {start: query.start, end: query.end - 1, "limit": page}
        step = {period: query.period} if period else {}
        return Request(f"/v5/market/{path}", {"category": category, "symbol": query.symbol, **span, **step})

    return request


def _native(symbol: str) -> str:
    read = read_symbol(symbol, "bybit")
    if read.base.startswith("k"):
        raise other_unit(symbol, "bybit", f"1000{read.base[1:]}{read.quote or 'USDT'}")
    return f"{read.base}PERP" if read.perpetual and not read.quote else read.base + read.quote  # PERP: in USDC


def _list(body: Any) -> Any:
    try:
        return body["result"]["list"]
    except (TypeError, KeyError):
        raise ParseError(f"wanted rows under result.list; got {message(body)}.") from None


def _open_interest(body: Any) -> Rows:
    records = _list(body)
    if isinstance(records, list) and all(isinstance(row, dict) and row.get("singleOpenInterest") for row in records):
        return table(records, "timestamp", open_interest="singleOpenInterest")
    both = table(records, "timestamp", open_interest="openInterest")  # the sum of long and short
    return Rows(both.time, {"open_interest": both.columns["open_interest"] / 2})


def _long_short(body: Any) -> Rows:
    shares = table(_list(body), "timestamp", buy="buyRatio", sell="sellRatio")
    sell = shares.columns["sell"]
    if (sell <= 0).any():
        raise ParseError(f"wanted a share of short accounts above 0; got {number(sell.min())}.")
    return Rows(shares.time, {"long_short_ratio": shares.columns["buy"] / sell})


def _brackets(body: Any, symbol: str) -> list[BracketRow]:
    """Return the risk limits. Rates come as fractions or as percents: initial margin times leverage tells which."""
    rows = [row for row in _list(body) if row["symbol"] == symbol]
    if body["result"].get("nextPageCursor"):
        raise ParseError("wanted all risk limits on one page; got a page with a cursor.")
    found = []
    for row in rows:
        most = number(row["maxLeverage"])
        unit = number(row["initialMargin"]) * most
        if not (0.5 < unit < 2 or 50 < unit < 200):
            raise ParseError(f"wanted an initial margin of 1 / {most:g}; got {row['initialMargin']!r:.40}.")
        rate = number(row["maintenanceMargin"]) / (1 if unit < 2 else 100)
        found.append((number(row["riskLimitValue"]), most, rate, number(row.get("mmDeduction"))))
    return found


def _judge(status: int, body: Any) -> Refusal | None:
    text = message(body, "retMsg", "error")
    region = code(body, "retCode") == 10009
    if place := by_place("bybit", 451 if region else status, body, text):
        return place
    if status == 403:
        return Refusal("wait", text)  # "access too frequent"
    if status == 200 and code(body, "retCode") == 10001 and "symbol" in text.lower():
        return Refusal("final", text, cure=unlisted("bybit", "BTCUSDT"))
    if status == 200 and isinstance(body, dict) and code(body, "retCode") != 0:
        return Refusal(_CODES.get(code(body, "retCode"), "final"), text)
    return by_status(status, body, text)


#: Trades of a day, 10 to 100 MB, from which candles are made where the interface is blocked.
_TRADES = Files(
    "trading", daily="/trading/{symbol}/{symbol}{date}.csv.gz", since=1_585_094_400_000, most=31, has_sums=False
)


def _series(category: str, coins: int) -> Mapping[Kind, Series]:
    """Return the series of a category; `coins`: position of the volume in coins in a candle."""
    return {
        "candles": Series(
            columns=("open", "high", "low", "close", "volume"),
            periods=_BARS,
            page=1000,
            backward=True,
            request=_asked(category, "kline", "start", "end", 1000, "interval"),
            parse=lambda body: table(_list(body), 0, open=1, high=2, low=3, close=4, volume=coins),
            files=_TRADES,
        ),
        "mark": Series(
            columns=("mark_low", "mark_high"),
            periods=_BARS,
            page=1000,
            backward=True,
            request=_asked(category, "mark-price-kline", "start", "end", 1000, "interval"),
            parse=lambda body: table(_list(body), 0, mark_high=2, mark_low=3),
        ),
        "open_interest": Series(
            columns=("open_interest",),
            periods=_PERIODS,
            page=200,
            backward=True,
            request=_asked(category, "open-interest", "startTime", "endTime", 200, "intervalTime"),
            parse=_open_interest,
            lag=10 * MINUTE,
        ),
        "long_short": Series(
            columns=("long_short_ratio",),
            periods=_PERIODS,
            page=500,
            backward=True,
            request=_asked(category, "account-ratio", "startTime", "endTime", 500, "period"),
            parse=_long_short,
            lag=10 * MINUTE,
            since="back to 2020-07-20",
        ),
        "funding": Series(
            columns=("funding_rate",),
            periods={},
            page=200,
            backward=True,
            request=_asked(category, "funding/history", "startTime", "endTime", 200),
            parse=lambda body: table(_list(body), "fundingRateTimestamp", funding_rate="fundingRate"),
        ),
    }


_LIMITS = {"default": Limit(600, 5), "files": FILES}
_MISSING = {
    "taker_buy_volume": "candles do not split volume by taker",
    "liquidations": "no history; streamed live, all of them",
}

#: Their volume and open interest are in USD, their turnover is in coins.
_INVERSE = Venue(
    name="bybit",
    kind="inverse",
    units={"volume_unit": "coins", "open_interest_unit": "quote"},
    limits=_LIMITS,
    series=_series("inverse", 6),
    missing=_MISSING,
    native=_native,
    judge=_judge,
    pause=600,
    brackets=BracketTable(
        lambda symbol: Request("/v5/market/risk-limit", {"category": "inverse", "symbol": symbol}), _brackets
    ),
)

VENUE = Venue(
    name="bybit",
    inverse=_INVERSE,
    limits=_LIMITS,
    series=_series("linear", 5),
    missing=_MISSING,
    native=_native,
    judge=_judge,
    pause=600,
    brackets=BracketTable(
        lambda symbol: Request("/v5/market/risk-limit", {"category": "linear", "symbol": symbol}), _brackets
    ),
)
