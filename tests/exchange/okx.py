"""OKX v5, swaps: newest rows first, both bounds exclusive, everything as text, contracts of 0.01 BTC or 100 USD."""

from __future__ import annotations

from typing import Any

from .day import DAY, MINUTE
from .history import COINS, PRICE, RATE, SHARE, USD, Bar, History, in_contracts, ratio
from .messages import (
    BadParameterError,
    Reply,
    Request,
    above,
    bars,
    below,
    funding,
    integer,
    latest,
    limit_of,
    page,
    reply,
    snapshots,
    texts,
)

INSTRUMENT, FAMILY, INVERSE = "BTC-USDT-SWAP", "BTC-USDT", "BTC-USD-SWAP"
CONTRACT = 100  # contracts per coin
KEPT_ROWS = 1440
FUNDING_MS = 90 * DAY
HOUR = 60 * MINUTE
UTC8 = 16 * HOUR  # days begin at midnight in Hong Kong

# Length and origin of each bar.
BARS = {f"{n}m": (n * MINUTE, 0) for n in (1, 3, 5, 15, 30)} | {f"{n}H": (n * HOUR, 0) for n in (1, 2, 4)}
BARS |= {f"{n}Hutc": (n * HOUR, 0) for n in (6, 12)} | {"1Dutc": (DAY, 0), "1Wutc": (7 * DAY, 4 * DAY)}
BARS |= {f"{n}H": (n * HOUR, UTC8 % (n * HOUR)) for n in (6, 12)} | {"1D": (DAY, UTC8)}
PERIODS = {name: step for name, (step, offset) in BARS.items() if offset == 0 and step >= 5 * MINUTE}


def answer(history: History, now_ms: int, request: Request) -> Reply:
    handler, params = PATHS.get(request.path), request.params or {}
    if handler is None:
        return reply({"msg": "API endpoint does not exist", "code": "50404", "data": []}, 404)
    try:
        if "instId" in params and params["instId"] not in (INSTRUMENT, INVERSE):
            message = "Instrument ID, Instrument ID code, or Spread ID doesn't exist."
            return reply({"code": "51001", "data": [], "msg": message})
        return handler(history, now_ms, params)
    except BadParameterError as error:
        return reply({"code": "51000", "data": [], "msg": f"Parameter {error.args[0]} error"}, 400)


def _data(rows: list[Any]) -> Reply:
    return reply({"code": "0", "msg": "", "data": rows}, rows=len(rows))


def _needed(params: dict[str, Any], name: str, known: Any) -> Any:
    if params.get(name) not in known:
        raise BadParameterError(name)
    return params[name]


def _candles(kind: str, recent: bool) -> Any:
    def candles(history: History, now_ms: int, params: dict[str, Any]) -> Reply:
        _needed(params, "instId", [INSTRUMENT, INVERSE])
        step, offset = BARS[_needed({"bar": "1m", **params}, "bar", BARS)]
        low, high = above(integer(params, "before")), below(integer(params, "after"))
        current = now_ms - (now_ms - offset) % step
        if recent:
            kept = current - (KEPT_ROWS - 1) * step
            low = kept if low is None else max(low, kept)
        else:  # finished candles only
            high = current - 1 if high is None else min(high, current - 1)
        limit = limit_of(params, 100, 300 if kind == "last" else 100)
        rows = bars(history, kind, step, offset, now_ms, low, high, limit, newest=True)

        def render(bar: Bar) -> str:
            prices = ",".join(f'"{value / PRICE:.1f}"' for value in bar[1:5])
            quote = f"{bar.quote / USD:.4f}"
            is_inverse = params["instId"] == INVERSE
            contracts = f"{bar.quote // USD // 100}" if is_inverse else f"{bar.volume * CONTRACT / COINS:.1f}"
            volumes = f',"{contracts}","{bar.volume / COINS:.3f}","{quote}"'
            confirm = int(bar.time + step <= now_ms)
            return f'["{bar.time}",{prices}{volumes if kind == "last" else ""},"{confirm}"]'

        lines = texts(history, ("okx", kind, params["instId"], offset), step, now_ms, rows, render)
        return page(lines, '{"code":"0","msg":"","data":[', "]}", descending=True)

    return candles


def _window(params: dict[str, Any], now_ms: int) -> tuple[int, int, int | None, int]:
    """Step, bounds (inclusive) and limit of a statistic that keeps 1,440 rows."""
    _needed(params, "instId", [INSTRUMENT, INVERSE])
    step = PERIODS[_needed({"period": "5m", **params}, "period", PERIODS)]
    kept = now_ms - now_ms % step - (KEPT_ROWS - 1) * step
    low = above(integer(params, "begin"))
    return step, kept if low is None else max(low, kept), below(integer(params, "end")), limit_of(params, 100, 100)


def _taker_volume(history: History, now_ms: int, params: dict[str, Any]) -> Reply:
    step, low, high, limit = _window(params, now_ms)
    unit = _needed({"unit": "1", **params}, "unit", ("0", "1", "2"))
    origin = 4 * DAY if step == 7 * DAY else 0
    rows = bars(history, "last", step, origin, now_ms, low, high, limit, newest=True)

    def sold_and_bought(bar: Bar) -> list[str]:
        if unit == "2":
            return [f"{(bar.quote - bar.taker_quote) / USD:.4f}", f"{bar.taker_quote / USD:.4f}"]
        factor = CONTRACT if unit == "1" else 1
        return [
            f"{coins * factor / COINS:.{1 if unit == '1' else 3}f}" for coins in (bar.volume - bar.taker, bar.taker)
        ]

    return _data([[str(bar.time), *sold_and_bought(bar)] for bar in reversed(rows)])


def _open_interest(history: History, now_ms: int, params: dict[str, Any]) -> Reply:
    step, low, high, limit = _window(params, now_ms)
    rows = snapshots(history, "open_interest", step, now_ms, low, high, limit, newest=True)
    interest = _inverse_interest if params["instId"] == INVERSE else _interest
    return _data([[str(time), *interest(coins, price)] for time, coins, price in reversed(rows)])


def _inverse_interest(coins: int, price: int) -> tuple[str, str, str]:
    contracts = in_contracts(coins, price)
    return f"{contracts}", f"{100 * contracts / (price / PRICE):.8f}", f"{100 * contracts}"


def _interest(coins: int, price: int) -> tuple[str, str, str]:
    """Open interest in contracts, coins and USD."""
    return f"{coins * CONTRACT / COINS:.1f}", f"{coins / COINS:.3f}", f"{coins * price / USD:.4f}"


def _long_short(history: History, now_ms: int, params: dict[str, Any]) -> Reply:
    step, low, high, limit = _window(params, now_ms)
    rows = snapshots(history, "long", step, now_ms, low, high, limit, newest=True)
    return _data([[str(time), f"{ratio(long) / SHARE:.4f}"] for time, long, _ in reversed(rows)])


def _funding(history: History, now_ms: int, params: dict[str, Any]) -> Reply:
    _needed(params, "instId", [INSTRUMENT, INVERSE])
    low, high = above(integer(params, "before")), below(integer(params, "after"))
    kept = now_ms - FUNDING_MS
    rows = funding(
        history, 8, now_ms, kept if low is None else max(low, kept), high, limit_of(params, 400, 400), newest=True
    )
    result = [
        {
            "formulaType": "withRate",
            "fundingRate": f"{(rate + 13) / RATE:.8f}",  # predicted; the settled one is `realizedRate`
            "fundingTime": str(time),
            "instId": params["instId"],
            "instType": "SWAP",
            "method": "current_period",
            "realizedRate": f"{rate / RATE:.8f}",
        }
        for time, rate, _ in reversed(rows)
    ]
    return _data(result)


def _current_open_interest(history: History, now_ms: int, params: dict[str, Any]) -> Reply:
    _needed(params, "instType", ["SWAP"])
    time, coins, price = latest(history, "open_interest", now_ms)
    contracts, ccy, usd = _interest(coins, price)
    other = {"instType": "SWAP", "instId": "BTC-USD-SWAP", "oi": "512", "oiCcy": "0.853", "oiUsd": "51200"}
    row = {"instType": "SWAP", "instId": INSTRUMENT, "oi": contracts, "oiCcy": ccy, "oiUsd": usd, "ts": str(time)}
    return _data([row] if "instId" in params else [{**other, "ts": str(time)}, row])


def _instruments(history: History, now_ms: int, params: dict[str, Any]) -> Reply:
    _needed(params, "instType", ["SWAP"])
    shared = {"instType": "SWAP", "ctMult": "1", "lever": "100", "state": "live", "tickSz": "0.1", "alias": ""}
    shared |= {"listTime": str(history.start_ms), "lotSz": "0.01", "minSz": "0.01", "baseCcy": "", "quoteCcy": ""}
    linear = {"instId": INSTRUMENT, "instFamily": FAMILY, "uly": FAMILY, "settleCcy": "USDT"}
    linear |= {"ctType": "linear", "ctVal": "0.01", "ctValCcy": "BTC", **shared}
    inverse = {"instId": INVERSE, "instFamily": "BTC-USD", "uly": "BTC-USD", "settleCcy": "BTC"}
    inverse |= {"ctType": "inverse", "ctVal": "100", "ctValCcy": "USD", **shared}
    return _data([row for row in (inverse, linear) if params.get("instId", row["instId"]) == row["instId"]])


# Minimal and maximal contracts, maintenance margin, initial margin, maximal leverage.
TIERS = [
    ("0", "1000", "0.004", "0.01", "100"),
    ("1000.01", "5000", "0.005", "0.015", "66.66"),
    ("5000.01", "10000", "0.01", "0.02", "50"),
]
INVERSE_TIERS = [
    ("0", "8000", "0.004", "0.01", "100"),
    ("8000.1", "40000", "0.005", "0.015", "66.66"),
    ("40000.1", "80000", "0.01", "0.02", "50"),
]


def _tiers(history: History, now_ms: int, params: dict[str, Any]) -> Reply:
    _needed(params, "instType", ["SWAP"])
    _needed(params, "tdMode", ["cross", "isolated"])
    family = _needed(params, "instFamily", [FAMILY, "BTC-USD"])
    empty = {"baseMaxLoan": "", "instId": "", "optMgnFactor": "0", "quoteMaxLoan": ""}
    rows = [
        {
            "tier": str(i + 1),
            "instFamily": family,
            "uly": family,
            "minSz": least,
            "maxSz": most,
            "mmr": maintenance,
            "imr": initial,
            "maxLever": leverage,
            **empty,
        }
        for i, (least, most, maintenance, initial, leverage) in enumerate(TIERS if family == FAMILY else INVERSE_TIERS)
    ]
    return _data(rows)


PATHS = {
    "/api/v5/market/candles": _candles("last", recent=True),
    "/api/v5/market/history-candles": _candles("last", recent=False),
    "/api/v5/market/mark-price-candles": _candles("mark", recent=True),
    "/api/v5/market/history-mark-price-candles": _candles("mark", recent=False),
    "/api/v5/rubik/stat/taker-volume-contract": _taker_volume,
    "/api/v5/rubik/stat/contracts/open-interest-history": _open_interest,
    "/api/v5/rubik/stat/contracts/long-short-account-ratio-contract": _long_short,
    "/api/v5/public/funding-rate-history": _funding,
    "/api/v5/public/open-interest": _current_open_interest,
    "/api/v5/public/instruments": _instruments,
    "/api/v5/public/position-tiers": _tiers,
}
