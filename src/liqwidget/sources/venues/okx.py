"""OKX v5, perpetual swaps: newest rows first, bounds exclusive, errors come with HTTP 200 and a ``code``.

Its sizes count contracts (0.01 BTC each for BTC-USDT-SWAP); the columns read here are those in coins.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Literal

from ...checks import shown
from ...errors import InputError, ParseError
from ..rows import Rows
from .cells import code, message, number, table
from .files import Content, Files
from .symbols import dated, inverse, not_inverse, other_unit, read_symbol, unlisted
from .venue import (
    DAY,
    FILES,
    HOUR,
    MINUTE,
    BracketRow,
    BracketTable,
    Contract,
    Limit,
    Query,
    Refusal,
    Request,
    Series,
    Venue,
    by_place,
    by_status,
)

_SMALL = {"5m": "5m", "15m": "15m", "30m": "30m", "1h": "1H", "2h": "2H", "4h": "4H"}
_LARGE = {"6h": "6Hutc", "12h": "12Hutc", "1d": "1Dutc"}  # without utc these open at UTC+8
_BARS = {"1m": "1m", "3m": "3m", **_SMALL, **_LARGE, "1w": "1Wutc"}
_PERIODS = {**_SMALL, **_LARGE}
_NEWEST = 1440  # rows: what the statistics and the short candle endpoints keep
_CODES: Mapping[object, Literal["wait", "retry"]] = {
    "50011": "wait",
    **dict.fromkeys(("50001", "50004", "50013", "50026"), "retry"),
}


def _bars(path: str, page: int) -> Callable[[Query], Request]:
    """Return a function that makes requests for candles: the newest have an endpoint of their own."""

    def request(query: Query) -> Request:
        recent = query.start >= query.now - (_NEWEST - page) * query.step
        name = path if recent else f"history-{path}"
        params = {"instId": query.symbol, "bar": query.period, "limit": page, **_between(query)}
        return Request(f"/api/v5/market/{name}", params, None, name)

    return request


def _between(query: Query) -> dict[str, str | int]:
    return {"before": query.start - 1, "after": query.end}  # newer than, older than


def _statistics(path: str, **more: str) -> Callable[[Query], Request]:
    def request(query: Query) -> Request:
        span: dict[str, str | int] = {"begin": query.start - 1, "end": query.end, "limit": 100}
        params = {"instId": query.symbol, "period": query.period, **span, **more}
        return Request(f"/api/v5/rubik/stat/{path}", params, None, path.rsplit("/", 1)[-1])

    return request


def _funding(query: Query) -> Request:
    params = {"instId": query.symbol, "limit": 400, **_between(query)}
    return Request("/api/v5/public/funding-rate-history", params, None, "funding-rate-history")


def _files(folder: str, content: Content, since: int, *, daily: bool) -> Files:
    """Public files, whose days and months are those of UTC+8."""
    path = f"/cdn/okex/traderecords/{folder}/{{often}}/{{{{digits}}}}/{{{{symbol}}}}-{content}-{{{{date}}}}.zip"
    monthly, daily_ = path.format(often="monthly"), path.format(often="daily") if daily else ""
    return Files(content, monthly, daily_, since, step=MINUTE if daily else 0, ahead=8 * HOUR, has_sums=False)


def _instrument(symbol: str) -> Request:
    return Request("/api/v5/public/instruments", {"instType": "SWAP", "instId": symbol}, None, "instruments")


def _data(body: Any, confirm: int | None = None) -> Any:
    """Return the rows of an answer, without the forming candle."""
    records = body.get("data") if isinstance(body, dict) else None
    if not isinstance(records, list):
        raise ParseError(f"wanted rows under data; got {message(body)}.")
    if confirm is None:
        return records
    return [row for row in records if not (isinstance(row, list) and len(row) > confirm and row[confirm] == "0")]


def _candles(records: Any) -> Rows:
    return table(records, 0, open=1, high=2, low=3, close=4, volume=6)


def _native(symbol: str) -> str:
    read = read_symbol(symbol, "okx")
    if read.thousands and not (read.dashed and read.perpetual):
        raise other_unit(symbol, "okx", f"{read.thousands}-{read.quote or 'USDT'}-SWAP")
    if not read.quote:
        raise InputError(
            f"symbol: wanted a perpetual of okx; got {shown(symbol)}. Write it as BTC-USDT-SWAP or BTCUSDT."
        )
    return f"{read.base.upper()}-{read.quote}-SWAP"


def _judge(status: int, body: Any) -> Refusal | None:
    text = message(body, "msg")
    told = code(body, "code")
    if place := by_place("okx", status, body, text):
        return place
    if told == "51001":
        return Refusal("final", text, cure=unlisted("okx", "BTC-USDT-SWAP"))
    if told in _CODES:
        return Refusal(_CODES[told], text)
    if status == 200 and isinstance(body, dict) and told != "0":
        return Refusal("final", text)
    return by_status(status, body, text)


def contract_size(body: Any, symbol: str, wanted: str = "linear") -> float:
    """Return the coins, or USD if it is inverse, in one contract, from an answer about the instrument.

    Raises
    ------
    InputError
        It is no perpetual of the wanted kind.
    """
    try:
        row = next(row for row in _data(body) if row["instId"] == symbol)
        kind, size = row["ctType"], number(row["ctVal"])
        is_perpetual = row.get("instType", "SWAP") == "SWAP"
    except StopIteration:
        raise ParseError(f"okx: wanted the contract {symbol}; got none of this name.") from None
    except (TypeError, LookupError, AttributeError):
        raise ParseError(f"okx: wanted the contract's type and size; got {shown(body)}.") from None
    if kind != wanted:
        raise inverse(symbol) if wanted == "linear" else not_inverse(symbol)
    if not is_perpetual:
        raise dated(symbol, shown(row["instType"]))
    if not size > 0:
        raise ParseError(f"okx: wanted the contract's size; got {size}.")
    return size


def _brackets(body: Any, symbol: str) -> list[BracketRow]:
    """Return the position tiers, in contracts. OKX has no deductions: maintenance jumps at the bounds."""
    rows = [row for row in _data(body) if row["instFamily"] == _family(symbol)]
    numbers = {number(row["tier"]) for row in rows}
    if numbers != set(range(1, len(numbers) + 1)):
        raise ParseError(f"wanted tiers numbered from 1 on; got {shown(sorted(numbers))}.")
    return [(number(row["maxSz"]), number(row["maxLever"]), number(row["mmr"]), 0.0) for row in rows]


def _family(symbol: str) -> str:
    return symbol.removesuffix("-SWAP")


_LINEAR = Venue(
    name="okx",
    limits={
        "candles": Limit(40, 2),
        "history-candles": Limit(20, 2),
        "mark-price-candles": Limit(20, 2),
        "history-mark-price-candles": Limit(20, 2),
        "taker-volume-contract": Limit(5, 2),
        "open-interest-history": Limit(10, 2),
        "long-short-account-ratio-contract": Limit(5, 2),
        "funding-rate-history": Limit(10, 2),
        "instruments": Limit(20, 2),
        "position-tiers": Limit(10, 2),
        "files": FILES,
    },
    series={
        "candles": Series(
            columns=("open", "high", "low", "close", "volume"),
            periods=_BARS,
            page=300,
            backward=True,
            request=_bars("candles", 300),
            parse=lambda body: _candles(_data(body, confirm=8)),
            parse_forming=lambda body: _candles(_data(body)),
            files=_files("candlesticks", "candlesticks", 1_609_459_200_000, daily=True),  # 2021-01
        ),
        "mark": Series(
            columns=("mark_low", "mark_high"),
            periods=_BARS,
            page=100,
            backward=True,
            request=_bars("mark-price-candles", 100),
            parse=lambda body: table(_data(body, confirm=5), 0, mark_high=2, mark_low=3),
        ),
        "taker": Series(
            columns=("taker_buy_volume",),
            periods=_PERIODS,
            page=100,
            backward=True,
            request=_statistics("taker-volume-contract", unit="0"),
            parse=lambda body: table(_data(body), 0, taker_buy_volume=2),  # time, sell, buy
            newest=_NEWEST,
            lag=10 * MINUTE,
            since="the newest 1,440 rows",
        ),
        "open_interest": Series(
            columns=("open_interest",),
            periods=_PERIODS,
            page=100,
            backward=True,
            request=_statistics("contracts/open-interest-history"),
            parse=lambda body: table(_data(body), 0, open_interest=2),  # time, contracts, coins, USD
            newest=_NEWEST,
            lag=10 * MINUTE,
            since="the newest 1,440 rows",
        ),
        "long_short": Series(
            columns=("long_short_ratio",),
            periods=_PERIODS,
            page=100,
            backward=True,
            request=_statistics("contracts/long-short-account-ratio-contract"),
            parse=lambda body: table(_data(body), 0, long_short_ratio=1),
            newest=_NEWEST,
            lag=10 * MINUTE,
            since="the newest 1,440 rows",
        ),
        "funding": Series(
            columns=("funding_rate",),
            periods={},
            page=400,
            backward=True,
            request=_funding,
            parse=lambda body: table(_data(body), "fundingTime", funding_rate="realizedRate"),
            reach=90 * DAY,
            since="3 months back, and in its files from 2022-03 on",
            files=_files("swaprates", "fundingrates", 1_646_092_800_000, daily=False),
        ),
    },
    missing={"liquidations": "no history; streamed live, not all of them"},
    native=_native,
    judge=_judge,
    contract=Contract(_instrument, contract_size),
    pause=5,
    brackets=BracketTable(
        lambda symbol: Request(
            "/api/v5/public/position-tiers",
            {"instType": "SWAP", "tdMode": "isolated", "instFamily": _family(symbol)},
            None,
            "position-tiers",
        ),
        _brackets,
        in_contracts=True,
    ),
)

#: Sizes of inverse contracts are in contracts of some USD; candles and takers' volumes have coins as well.
_INVERSE = replace(
    _LINEAR,
    kind="inverse",
    units={"volume_unit": "coins", "open_interest_unit": "quote"},
    series={
        **_LINEAR.series,
        "open_interest": replace(
            _LINEAR.series["open_interest"],
            parse=lambda body: table(_data(body), 0, open_interest=3),
        ),
    },
    contract=Contract(_instrument, partial(contract_size, wanted="inverse")),
)

VENUE = replace(_LINEAR, inverse=_INVERSE)
