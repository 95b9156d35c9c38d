"""Bybit v5, linear and inverse: newest rows first, both bounds inclusive, everything as text, errors with HTTP 200."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from .day import DAY, MINUTE
from .history import COINS, PRICE, RATE, SHARE, USD, Bar, History, in_contracts, interval_ms, origin
from .messages import BadParameterError, Reply, Request, bars, funding, integer, limit_of, page, reply, snapshots, texts

SYMBOL = "BTCUSDT"
SYMBOLS = {"linear": SYMBOL, "inverse": "BTCUSD"}
MINUTES = ("1", "3", "5", "15", "30", "60", "120", "240", "360", "720")
INTERVALS = {name: int(name) * MINUTE for name in MINUTES} | {"D": DAY, "W": 7 * DAY}
PERIODS = {"5min": "5m", "15min": "15m", "30min": "30m", "1h": "1h", "4h": "4h", "1d": "1d"}
RATIOS_FROM = 1_595_203_200_000  # 2020-07-20


def answer(history: History, now_ms: int, request: Request) -> Reply:
    handler, params = _PATHS.get(request.path), request.params or {}
    if handler is None:
        return Reply(404, b"404 page not found", {"Content-Type": "text/plain"})
    try:
        category = params.get("category")
        if category == "spot":
            return _envelope(now_ms, {"category": "spot", "list": []})
        if category not in SYMBOLS:
            raise BadParameterError("Category")
        if params.get("symbol") != SYMBOLS[category]:
            raise BadParameterError("Symbol")
        return handler(history, now_ms, params)
    except BadParameterError as error:
        return _envelope(now_ms, {}, 10001, f"params error: {error.args[0]} Invalid")


def _envelope(now_ms: int, result: dict[str, Any], code: int = 0, message: str = "OK") -> Reply:
    rows = len(result.get("list", ()))
    return reply({"retCode": code, "retMsg": message, "result": result, "retExtInfo": {}, "time": now_ms}, rows=rows)


def _candles(kind: str) -> Any:
    def kline(history: History, now_ms: int, params: dict[str, Any]) -> Reply:
        if params.get("interval") not in INTERVALS:
            raise BadParameterError("Interval")
        step = INTERVALS[params["interval"]]
        low, high = integer(params, "start"), integer(params, "end")
        if low is not None:
            low -= (low - origin(step)) % step  # the candle that contains the start belongs to the window
        limit = limit_of(params, 200, 1000)
        rows = bars(history, kind, step, origin(step), now_ms, low, high, limit, newest=True)
        category, symbol = params["category"], params["symbol"]

        def render(bar: Bar) -> str:
            prices = ",".join(f'"{value / PRICE:.1f}"' for value in bar[1:5])
            volumes = "" if kind == "mark" else f',"{bar.volume / COINS:.3f}","{bar.quote / USD:.4f}"'
            if category == "inverse" and volumes:  # USD, then coins
                volumes = f',"{bar.quote // USD}","{bar.volume / COINS:.8f}"'
            return f'["{bar.time}",{prices}{volumes}]'

        before = f'{{"retCode":0,"retMsg":"OK","result":{{"symbol":"{symbol}","category":"{category}","list":['
        after = f']}},"retExtInfo":{{}},"time":{now_ms}}}'
        return page(
            texts(history, ("bybit", kind, category), step, now_ms, rows, render), before, after, descending=True
        )

    return kline


def _measured(history: History, name: str, now_ms: int, params: dict[str, Any], period: str, most: int) -> Any:
    """Rows of a page with a cursor, newest first, and the cursor of the next page."""
    if params.get(period) not in PERIODS:
        raise BadParameterError(period)
    step = interval_ms(PERIODS[params[period]])
    low, high = integer(params, "startTime"), integer(params, "endTime")
    if params.get("cursor"):
        older = _cursor_ms(params["cursor"]) - 1
        high = older if high is None else min(high, older)
    if name == "long":
        low = RATIOS_FROM if low is None else max(low, RATIOS_FROM)
    rows = snapshots(history, name, step, now_ms, low, high, limit_of(params, 50, most) + 1, newest=True)
    more = len(rows) > limit_of(params, 50, most)
    rows = rows[1:] if more else rows
    cursor = f"lastid%3D{rows[0][0] // 300_000}%26lasttime%3D{rows[0][0] // 1000}" if more else ""
    return rows[::-1], cursor


def _cursor_ms(cursor: str) -> int:
    """The time in a cursor, which clients send back either encoded or decoded."""
    fields = dict(part.partition("=")[::2] for part in unquote(cursor).split("&"))
    try:
        return int(fields["lasttime"]) * 1000
    except (KeyError, ValueError):
        raise BadParameterError("cursor") from None


def _open_interest(history: History, now_ms: int, params: dict[str, Any]) -> Reply:
    rows, cursor = _measured(history, "open_interest", now_ms, params, "intervalTime", 200)
    is_inverse = params["category"] == "inverse"
    result = [
        {
            "openInterest": f"{2 * 100 * in_contracts(coins, price) if is_inverse else 2 * coins / COINS:.8f}",
            "singleOpenInterest": f"{100 * in_contracts(coins, price)}" if is_inverse else f"{coins / COINS:.3f}",
            "timestamp": str(time),
        }
        for time, coins, price in rows  # openInterest counts both sides
    ]
    about = {"symbol": params["symbol"], "category": params["category"]}
    return _envelope(now_ms, {**about, "list": result, "nextPageCursor": cursor})


def _long_short(history: History, now_ms: int, params: dict[str, Any]) -> Reply:
    rows, cursor = _measured(history, "long", now_ms, params, "period", 500)
    result = [
        {
            "symbol": params["symbol"],
            "buyRatio": f"{long / SHARE:.4f}",
            "sellRatio": f"{(SHARE - long) / SHARE:.4f}",
            "timestamp": str(time),
        }
        for time, long, _ in rows
    ]
    return _envelope(now_ms, {"list": result, "nextPageCursor": cursor})


def _funding(history: History, now_ms: int, params: dict[str, Any]) -> Reply:
    low, high = integer(params, "startTime"), integer(params, "endTime")
    if low is not None and high is None:
        raise BadParameterError("endTime")
    rows = funding(history, 8, now_ms, low, high, limit_of(params, 200, 200), newest=True)
    result = [
        {"symbol": params["symbol"], "fundingRate": f"{rate / RATE:.8f}", "fundingRateTimestamp": str(time)}
        for time, rate, _ in reversed(rows)
    ]
    return _envelope(now_ms, {"category": params["category"], "list": result})


def _instruments(history: History, now_ms: int, params: dict[str, Any]) -> Reply:
    instrument = {
        "symbol": SYMBOL,
        "contractType": "LinearPerpetual",
        "status": "Trading",
        "baseCoin": "BTC",
        "quoteCoin": "USDT",
        "settleCoin": "USDT",
        "launchTime": str(history.start_ms),
        "priceScale": "2",
        "leverageFilter": {"minLeverage": "1", "maxLeverage": "150.00", "leverageStep": "0.01"},
        "priceFilter": {"minPrice": "0.10", "maxPrice": "1999999.80", "tickSize": "0.10"},
        "lotSizeFilter": {"minOrderQty": "0.001", "maxOrderQty": "1190.000", "qtyStep": "0.001"},
        "fundingInterval": 480,
    }
    return _envelope(now_ms, {"category": "linear", "list": [instrument], "nextPageCursor": ""})


# Position limit, maintenance margin, initial margin, maximal leverage, deduction; of the inverse contract in coins.
TIERS = [
    ("300000", "0.0033", "0.0066", "150.00", ""),
    ("2000000", "0.005", "0.01", "100.00", "510"),
    ("2600000", "0.0056", "0.0111", "90.00", "1710"),
    ("38000000", "0.025", "0.04", "25.00", "52150"),
]
INVERSE_TIERS = [
    ("150", "0.005", "0.01", "100.00", ""),
    ("300", "0.01", "0.0175", "57.14", "0.75"),
    ("450", "0.015", "0.025", "40.00", "2.25"),
]


def _risk_limit(history: History, now_ms: int, params: dict[str, Any]) -> Reply:
    category = params["category"]
    rows = [
        {
            "id": i + 1,
            "symbol": SYMBOLS[category],
            "riskLimitValue": upto,
            "maintenanceMargin": maintenance,
            "initialMargin": initial,
            "isLowestRisk": int(i == 0),
            "maxLeverage": leverage,
            "mmDeduction": deduction,
        }
        for i, (upto, maintenance, initial, leverage, deduction) in enumerate(
            TIERS if category == "linear" else INVERSE_TIERS
        )
    ]
    return _envelope(now_ms, {"category": category, "list": rows, "nextPageCursor": ""})


_PATHS = {
    "/v5/market/kline": _candles("last"),
    "/v5/market/mark-price-kline": _candles("mark"),
    "/v5/market/open-interest": _open_interest,
    "/v5/market/account-ratio": _long_short,
    "/v5/market/funding/history": _funding,
    "/v5/market/instruments-info": _instruments,
    "/v5/market/risk-limit": _risk_limit,
}
