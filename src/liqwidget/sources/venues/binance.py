"""Binance USD-M and COIN-M futures: rows ascend, ranges are inclusive, errors are ``{"code": -1121, "msg": "..."}``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Literal

from ...checks import shown
from ...errors import InputError, ParseError
from ...market.columns import RATIOS
from .cells import code, message, number, table
from .files import Content, Files
from .symbols import other_unit, read_symbol, unlisted
from .venue import (
    DAY,
    FILES,
    INTERVALS,
    MINUTE,
    OF_DAYS,
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
    only_files,
)

_ALL = {name: name for name in INTERVALS if name not in OF_DAYS}
_RATIOS = {name: name for name in _ALL if name not in ("1m", "3m", "8h", "1w")}
_SINCE_2020 = 1_577_836_800_000
_SINCE_2020_09 = 1_598_918_700_000  # 00:05 on 2020-09-01
_BANNED = re.compile(r"banned until (\d{13})")
#: Error code -> reaction; any other is final. -1003: too many calls; the others: busy or internal.
_CODES: Mapping[object, Literal["wait", "retry"]] = {
    -1003: "wait",
    -1000: "retry",
    -1001: "retry",
    -1007: "retry",
    -1008: "retry",
}


_FUTURES = "/data/futures"
_Folder = Literal["um", "cm"]


def _bars(folder: _Folder, content: Content) -> Files:
    monthly, daily = (
        f"{_FUTURES}/{folder}/{often}/{content}/{{symbol}}/{{period}}/{{symbol}}-{{period}}-{{date}}.zip"
        for often in ("monthly", "daily")
    )
    return Files(content, monthly, daily, since=_SINCE_2020, age=40 * DAY)


def _funding(folder: _Folder) -> Files:
    path = f"{_FUTURES}/{folder}/monthly/fundingRate/{{symbol}}/{{symbol}}-fundingRate-{{date}}.zip"
    return Files("fundingRate", path, since=_SINCE_2020)


def _metrics(folder: _Folder, beyond: int = 0) -> Files:
    """Files of every five minutes, a day each, that hold several series."""
    path = f"{_FUTURES}/{folder}/daily/metrics/{{symbol}}/{{symbol}}-metrics-{{date}}.zip"
    return Files("metrics", daily=path, since=_SINCE_2020_09, beyond=beyond, step=5 * MINUTE, is_late=True)


def _range(query: Query) -> dict[str, str | int]:
    return {"symbol": query.symbol, "startTime": query.start, "endTime": query.end - 1}


def _klines(path: str, bucket: str) -> Callable[[Query], Request]:
    # 499 rows weigh 2, 1,500 weigh 10: the most rows per weight.
    return lambda query: Request(path, {**_range(query), "interval": query.period, "limit": 499}, None, bucket, 2)


def _statistics(name: str, bucket: str, pair: Mapping[str, str] | None) -> Callable[[Query], Request]:
    """Return a function that makes requests for statistics; `pair`: parameters beside a pair in place of a symbol."""

    def request(query: Query) -> Request:
        params = {**_range(query), "period": query.period, "limit": 500}
        if pair is not None:
            params = {"pair": str(params.pop("symbol")).removesuffix("_PERP"), **params, **pair}
        return Request(f"/futures/data/{name}", params, None, bucket)

    return request


def _native(symbol: str) -> str:
    read = read_symbol(symbol, "binance")
    if read.base.startswith("k"):
        raise other_unit(symbol, "binance", f"1000{read.base[1:]}{read.quote or 'USDT'}")
    if read.perpetual and not read.quote:
        raise InputError(f"symbol: wanted coin and quote; got {shown(symbol)}. Write it as {read.base}USDT.")
    return read.base + read.quote


def _native_inverse(symbol: str) -> str:
    read = read_symbol(symbol, "binance")
    if read.thousands:
        raise other_unit(symbol, "binance", f"{read.thousands}USD_PERP")
    return f"{read.base}USD_PERP"


def _judge(status: int, body: Any) -> Refusal | None:
    text = message(body, "msg")
    if place := by_place("binance", status, body, text):
        return place
    if found := _BANNED.search(text):
        return Refusal("wait", text, int(found[1]))
    if status == 403:
        return Refusal("wait", "the firewall blocks this address")
    if status in (200, 400) and isinstance(body, dict) and "code" in body:
        if text.rstrip(".") == "Invalid symbol":
            return Refusal("final", text, cure=unlisted("binance", "BTCUSDT"))
        return Refusal(_CODES.get(code(body, "code"), "final"), text)  # a removed endpoint answers like this with 200
    return by_status(status, body, text)


def _brackets(path: str, bound: str) -> BracketTable:
    """Return how the answer of a path is read, which accounts may request; `bound`: name of the upper bound."""

    def rows(body: Any, symbol: str) -> list[BracketRow]:
        listed = body if isinstance(body, list) else [body]  # of several symbols, or of one
        if any("pair" in each for each in listed):  # v1 of COIN-M, where contracts of a pair may differ
            raise ParseError(f"wanted the answer of {path}, by symbol; got one by pair.")
        one = next(each for each in listed if each["symbol"] == symbol)

        def read(row: Any) -> BracketRow:
            cap, most, rate = (number(row[name]) for name in (bound, "initialLeverage", "maintMarginRatio"))
            return cap, most, rate, number(row.get("cum"))

        return [read(row) for row in one["brackets"]]

    return BracketTable(None, rows, saved=path)


def _series(
    api: str,
    folder: _Folder,
    limits: str,
    volume: int,
    taker: int,
    since: tuple[str, str],
    *,
    by_pair: bool = False,
    longest: int | None = None,
) -> dict[Kind, Series]:
    """Return the series that both interfaces have.

    `api`: start of the paths; `folder`: of the public files; `limits`: start of the names of the limits; `volume`,
    `taker`: positions of volumes in coins in a candle; `since`: how far back the files of mark prices and of metrics
    reach; `by_pair`: whether statistics are of pairs, not symbols; `longest`: range of candles, ms.
    """
    return {
        "candles": Series(
            columns=("open", "high", "low", "close", "volume", "taker_buy_volume"),
            periods=_ALL,
            page=499,
            backward=False,
            request=_klines(f"{api}/klines", f"{limits}weight"),
            parse=lambda body: table(body, 0, open=1, high=2, low=3, close=4, volume=volume, taker_buy_volume=taker),
            longest=longest,
            files=_bars(folder, "klines"),
        ),
        "mark": Series(
            columns=("mark_low", "mark_high"),
            periods=_ALL,
            page=499,
            backward=False,
            request=_klines(f"{api}/markPriceKlines", f"{limits}weight"),
            parse=lambda body: table(body, 0, mark_high=2, mark_low=3),
            longest=longest,
            since=since[0],
            files=_bars(folder, "markPriceKlines"),
        ),
        "open_interest": Series(
            columns=("open_interest",),  # one side
            periods=_RATIOS,
            page=500,
            backward=True,
            request=_statistics(
                "openInterestHist", f"{limits}futures_data", {"contractType": "PERPETUAL"} if by_pair else None
            ),
            parse=lambda body: table(body, "timestamp", open_interest="sumOpenInterest"),
            reach=30 * DAY - 10 * MINUTE,
            lag=10 * MINUTE,
            since=since[1],
            files=_metrics(folder),
        ),
        "long_short": Series(
            columns=("long_short_ratio",),
            periods=_RATIOS,
            page=500,
            backward=True,
            request=_statistics("globalLongShortAccountRatio", f"{limits}futures_data", {} if by_pair else None),
            parse=lambda body: table(body, "timestamp", long_short_ratio="longShortRatio"),
            reach=30 * DAY - 10 * MINUTE,
            lag=10 * MINUTE,
            since=since[1],
            files=_metrics(folder),
        ),
        "ratios": Series(
            columns=RATIOS,
            periods=_RATIOS,
            page=500,
            backward=True,
            request=only_files,
            parse=lambda body: table(body, "timestamp"),
            reach=0,
            since=f"{since[1]}, up to yesterday",
            files=_metrics(folder, beyond=30 * DAY),
        ),
        "funding": Series(
            columns=("funding_rate",),
            periods={},
            page=1000,
            backward=False,
            request=lambda query: Request(
                f"{api}/fundingRate", {**_range(query), "limit": 1000}, None, f"{limits}funding"
            ),
            parse=lambda body: table(body, "fundingTime", funding_rate="fundingRate"),
            files=_funding(folder),
        ),
    }


def _limits(prefix: str) -> dict[str, Limit]:
    return {
        f"{prefix}weight": Limit(2400, 60),
        f"{prefix}futures_data": Limit(1000, 300),
        f"{prefix}funding": Limit(500, 300),
        "files": FILES,
    }


_MISSING = {"liquidations": "no history; streamed live, one a second"}

#: COIN-M: a host and limits of their own. Its klines refuse ranges of more than 200 days, and have coins where those of
#: USD-M have the quote currency.
_INVERSE = Venue(
    name="binance",
    kind="inverse",
    units={"volume_unit": "coins", "open_interest_unit": "contracts"},
    limits=_limits("coin_"),
    series=_series("/dapi/v1", "cm", "coin_", 7, 10, ("back to its first file",) * 2, by_pair=True, longest=200 * DAY),
    missing=_MISSING,
    native=_native_inverse,
    judge=_judge,
    pause=60,
    brackets=_brackets("/dapi/v2/leverageBracket", "qtyCap"),
)

VENUE = Venue(
    name="binance",
    inverse=_INVERSE,
    limits=_limits(""),
    series=_series("/fapi/v1", "um", "", 5, 9, ("back to 2020-01", "back to 2020-09")),
    missing=_MISSING,
    native=_native,
    judge=_judge,
    pause=60,
    brackets=_brackets("/fapi/v1/leverageBracket", "notionalCap"),
)
