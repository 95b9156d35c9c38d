"""Binance USD-M and COIN-M futures: ascending rows, both bounds inclusive, numbers as text, times as numbers."""

from __future__ import annotations

from functools import partial
from typing import Any

from .day import DAY
from .history import COINS, PRICE, RATE, SHARE, USD, Bar, History, in_contracts, interval_ms, origin, ratio
from .messages import (
    BadParameterError,
    Reply,
    Request,
    bars,
    funding,
    integer,
    latest,
    limit_of,
    page,
    reply,
    snapshots,
    texts,
)

SYMBOL, INVERSE, PAIR = "BTCUSDT", "BTCUSD_PERP", "BTCUSD"
LONGEST_MS = 200 * DAY  # range of candles of COIN-M
INTERVALS = ("1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w")
PERIODS = ("5m", "15m", "30m", "1h", "2h", "4h", "6h", "12h", "1d")
KEPT_MS = 30 * DAY  # open interest and ratios are kept for this long


def answer(history: History, now_ms: int, request: Request) -> Reply:
    handler = _PATHS.get(request.path)
    if handler is None:
        return Reply(404, b"<html><body><h1>404 Not found</h1></body></html>", {"Content-Type": "text/html"})
    try:
        return handler(history, now_ms, request.params or {})
    except BadParameterError as error:
        return _error(-1130, f"Data sent for parameter '{error.args[0]}' is not valid.")


def _error(code: int, message: str, status: int = 400) -> Reply:
    return reply({"code": code, "msg": message}, status)


def _symbol_error(params: dict[str, Any], symbol: str = SYMBOL) -> Reply | None:
    if not params.get("symbol"):
        return _error(-1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")
    return None if params["symbol"] == symbol else _error(-1121, "Invalid symbol.")


def _window(params: dict[str, Any]) -> tuple[int | None, int | None]:
    return integer(params, "startTime"), integer(params, "endTime")


def _candles(kind: str, symbol: str = SYMBOL) -> Any:
    def klines(history: History, now_ms: int, params: dict[str, Any]) -> Reply:
        if wrong := _symbol_error(params, symbol):
            return wrong
        if params.get("interval") not in INTERVALS:
            return _error(-1120, "Invalid interval.")
        step = interval_ms(params["interval"])
        low, high = _window(params)
        if low is not None and high is not None and low > high:
            return _error(-1023, "Start time is greater than end time.")
        if symbol == INVERSE and low is not None and high is not None and high - low > LONGEST_MS:
            return _error(-4088, "Maximum time interval is 200 days.")
        limit = limit_of(params, 500, 1500)
        # With a start the first rows of the window, otherwise the newest.
        rows = bars(history, kind, step, origin(step), now_ms, low, high, limit, newest=low is None)

        def render(bar: Bar) -> str:
            prices = ",".join(f'"{value / PRICE:.{2 if kind == "last" else 8}f}"' for value in bar[1:5])
            end = bar.time + step - 1
            if kind == "mark":
                return f'[{bar.time},{prices},"0",{end},"0",{step // 1000},"0","0","0"]'
            if symbol == INVERSE:  # contracts, and coins where USD-M has the quote currency
                volume, taker = (f"{quote // USD // 100}" for quote in (bar.quote, bar.taker_quote))
                return (
                    f'[{bar.time},{prices},"{volume}",{end},"{bar.volume / COINS:.8f}",{bar.trades},'
                    f'"{taker}","{bar.taker / COINS:.8f}","0"]'
                )
            return (
                f'[{bar.time},{prices},"{bar.volume / COINS:.3f}",{end},"{bar.quote / USD:.4f}",{bar.trades},'
                f'"{bar.taker / COINS:.3f}","{bar.taker_quote / USD:.4f}","0"]'
            )

        return page(texts(history, ("binance", kind, symbol), step, now_ms, rows, render))

    return klines


def _month(params: dict[str, Any], now_ms: int) -> tuple[int, int | None, int, int] | Reply:
    """Step, bounds and limit of data that are kept for 30 days; or the error reply if these are invalid."""
    if params.get("period") not in PERIODS:
        return _error(-1130, "parameter 'period' is invalid.")
    low, high = _window(params)
    if low is not None and low <= now_ms - KEPT_MS:
        return _error(-1130, "parameter 'startTime' is invalid.")
    oldest = now_ms - KEPT_MS + 1
    return max(oldest, low or oldest), high, limit_of(params, 30, 500), interval_ms(params["period"])


def _open_interest(history: History, now_ms: int, params: dict[str, Any]) -> Reply:
    month = _month(params, now_ms)
    if isinstance(month, Reply):
        return month
    low, high, limit, step = month
    rows = snapshots(history, "open_interest", step, now_ms, low, high, limit, newest=True)
    if "pair" in params:
        if params.get("contractType") != "PERPETUAL":
            return _error(-1102, "Mandatory parameter 'contractType' was not sent, was empty/null, or malformed.")
        result = [
            {
                "pair": PAIR,
                "contractType": "PERPETUAL",
                "sumOpenInterest": f"{in_contracts(coins, price)}",
                "sumOpenInterestValue": f"{coins / COINS:.8f}",
                "timestamp": time,
            }
            for time, coins, price in rows
            if params["pair"] == PAIR
        ]
        return reply(result, rows=len(result))
    if params.get("symbol") != SYMBOL:
        return reply([])
    result = [
        {
            "symbol": SYMBOL,
            "sumOpenInterest": f"{coins / COINS:.8f}",
            "sumOpenInterestValue": f"{coins * price / USD:.8f}",
            "CMCCirculatingSupply": "19912345.000",
            "timestamp": time,
        }
        for time, coins, price in rows
    ]
    return reply(result, rows=len(result))


def _long_short(history: History, now_ms: int, params: dict[str, Any]) -> Reply:
    month = _month(params, now_ms)
    if isinstance(month, Reply):
        return month
    low, high, limit, step = month
    rows = snapshots(history, "long", step, now_ms, low, high, limit, newest=True)
    name, known = ("pair", PAIR) if "pair" in params else ("symbol", SYMBOL)
    if params.get(name) != known:
        return reply([])
    result = [
        {
            name: known,
            "longAccount": f"{long / SHARE:.4f}",
            "longShortRatio": f"{ratio(long) / SHARE:.4f}",
            "shortAccount": f"{(SHARE - long) / SHARE:.4f}",
            "timestamp": time,
        }
        for time, long, _ in rows
    ]
    return reply(result, rows=len(result))


def _funding(history: History, now_ms: int, params: dict[str, Any], symbol: str = SYMBOL) -> Reply:
    if "symbol" in params and (wrong := _symbol_error(params, symbol)):
        return wrong
    low, high = _window(params)
    limit = limit_of(params, 200 if low is None and high is None else 100, 1000)
    rows = funding(history, 8, now_ms, low, high, limit, newest=low is None)
    old = int(history.funding_rows(8)[0][:3].max(initial=0))  # the oldest rows have no mark price
    result = [
        {
            "symbol": symbol,
            "fundingTime": time,
            "fundingRate": f"{rate / RATE:.8f}",
            "markPrice": f"{price / PRICE:.8f}" if time > old else "",
        }
        for time, rate, price in rows
    ]
    return reply(result, rows=len(result))


def _current_open_interest(history: History, now_ms: int, params: dict[str, Any]) -> Reply:
    if wrong := _symbol_error(params):
        return wrong
    time, coins, _ = latest(history, "open_interest", now_ms)
    return reply({"openInterest": f"{coins / COINS:.3f}", "symbol": SYMBOL, "time": time})


def _premium(history: History, now_ms: int, params: dict[str, Any]) -> Reply:
    if "symbol" in params and (wrong := _symbol_error(params)):
        return wrong
    mark = f"{history.last_price(now_ms, 'mark') / PRICE:.8f}"
    rate = funding(history, 8, now_ms, None, None, 1, newest=True)
    row = {
        "symbol": SYMBOL,
        "markPrice": mark,
        "indexPrice": mark,
        "estimatedSettlePrice": mark,
        "lastFundingRate": f"{(rate[0][1] if rate else 0) / RATE:.8f}",
        "interestRate": "0.00010000",
        "nextFundingTime": now_ms - now_ms % (DAY // 3) + DAY // 3,
        "time": now_ms,
    }
    return reply(row if "symbol" in params else [row])


def _exchange_info(history: History, now_ms: int, params: dict[str, Any]) -> Reply:
    return reply(
        {
            "timezone": "UTC",
            "serverTime": now_ms,
            "rateLimits": [{"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 2400}],
            "symbols": [
                {
                    "symbol": SYMBOL,
                    "contractType": "PERPETUAL",
                    "status": "TRADING",
                    "baseAsset": "BTC",
                    "quoteAsset": "USDT",
                    "marginAsset": "USDT",
                    "pricePrecision": 2,
                    "quantityPrecision": 3,
                    "onboardDate": history.start_ms,
                    "maintMarginPercent": "2.5000",
                    "requiredMarginPercent": "5.0000",
                    "liquidationFee": "0.012500",
                    "filters": [
                        {"filterType": "PRICE_FILTER", "minPrice": "0.1", "maxPrice": "9999999", "tickSize": "0.1"},
                        {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "1000", "stepSize": "0.001"},
                    ],
                }
            ],
        }
    )


def _time(history: History, now_ms: int, params: dict[str, Any]) -> Reply:
    return reply({"serverTime": now_ms})


def _dead(history: History, now_ms: int, params: dict[str, Any]) -> Reply:
    return reply({"code": 400, "msg": "The endpoint has been out of maintenance"})


_PATHS = {
    "/fapi/v1/klines": _candles("last"),
    "/fapi/v1/markPriceKlines": _candles("mark"),
    "/fapi/v1/fundingRate": _funding,
    "/fapi/v1/openInterest": _current_open_interest,
    "/fapi/v1/premiumIndex": _premium,
    "/fapi/v1/exchangeInfo": _exchange_info,
    "/fapi/v1/time": _time,
    "/fapi/v1/allForceOrders": _dead,
    "/dapi/v1/klines": _candles("last", INVERSE),
    "/dapi/v1/markPriceKlines": _candles("mark", INVERSE),
    "/dapi/v1/fundingRate": partial(_funding, symbol=INVERSE),
    "/futures/data/openInterestHist": _open_interest,
    "/futures/data/globalLongShortAccountRatio": _long_short,
}
