"""Hyperliquid: one POST endpoint without an envelope; ascending rows, inclusive bounds, the newest 5,000 candles."""

from __future__ import annotations

from typing import Any

import numpy as np

from .day import DAY, MINUTE
from .history import COINS, PRICE, RATE, Bar, History, interval_ms, origin
from .messages import Reply, Request, bars, funding, latest, page, reply, texts

COIN = "BTC"
INTERVALS = ("1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "8h", "12h", "1d", "3d", "1w")
KEPT_CANDLES = 5000
PAGE = 500  # funding rows per page


def answer(history: History, now_ms: int, request: Request) -> Reply:
    if request.path != "/info" or request.method != "POST":
        return Reply(404, b"", {"Content-Type": "text/plain"})
    params = request.params
    kind = None if params is None else params.get("type")
    handler = _TYPES.get(kind) if isinstance(kind, str) else None
    if handler is None or params is None:
        return _refused()
    return handler(history, now_ms, params)


def _refused() -> Reply:
    return Reply(422, b"Failed to deserialize the JSON body into the target type", {"Content-Type": "text/plain"})


def _times(params: dict[str, Any], now_ms: int) -> tuple[int, int] | None:
    """Start and end; None if they are not integers (text is not accepted)."""
    start, end = params.get("startTime"), params.get("endTime")
    end = now_ms if end is None else end
    if type(start) is not int or type(end) is not int or start < 0 or end < 0:
        return None
    return start, end


def _candles(history: History, now_ms: int, params: dict[str, Any]) -> Reply:
    times = _times(params, now_ms)
    interval, coin = params.get("interval"), params.get("coin")
    if times is None or interval not in INTERVALS or not isinstance(coin, str) or "req" not in params:
        return _refused()
    if coin != COIN:
        return Reply(500, b"null")
    step = interval_ms(interval)
    opens = history.bars("last", step, origin(step))[0]
    oldest = opens[: int(np.searchsorted(opens, now_ms, side="right"))][-KEPT_CANDLES:]
    low = max(times[0], int(oldest[0]) if len(oldest) else now_ms)
    rows = bars(history, "last", step, origin(step), now_ms, low, times[1], KEPT_CANDLES, newest=True)

    def render(bar: Bar) -> str:
        o, high, lowest, close = (f"{value / PRICE:.1f}" for value in bar[1:5])
        return (
            f'{{"t":{bar.time},"T":{bar.time + step - 1},"s":"{COIN}","i":"{interval}","o":"{o}","c":"{close}",'
            f'"h":"{high}","l":"{lowest}","v":"{bar.volume / COINS:.3f}","n":{bar.trades}}}'
        )

    return page(texts(history, ("hyperliquid",), step, now_ms, rows, render))


def _funding(history: History, now_ms: int, params: dict[str, Any]) -> Reply:
    times = _times(params, now_ms)
    if times is None or not isinstance(params.get("coin"), str):
        return _refused()
    if params["coin"] != COIN:
        return Reply(500, b"null")
    rows = funding(history, 1, now_ms, times[0], times[1], PAGE, newest=False)
    result = [
        {"coin": COIN, "fundingRate": f"{rate / RATE:.8f}", "time": time}
        | ({} if i % 7 == 3 else {"premium": f"{(rate - 5000) / RATE:.8f}"})
        for i, (time, rate, _) in enumerate(rows)
    ]
    return reply(result, rows=len(result))


def _meta(history: History, now_ms: int, params: dict[str, Any]) -> Reply:
    mark = f"{history.last_price(now_ms, 'mark') / PRICE:.1f}"
    rate = funding(history, 1, now_ms, None, None, 1, newest=True)
    meta = {
        "universe": [
            {"name": COIN, "szDecimals": 5, "maxLeverage": 40, "marginTableId": 56},
            {"name": "MATIC", "szDecimals": 1, "maxLeverage": 20, "marginTableId": 20, "isDelisted": True},
            {"name": "ETH", "szDecimals": 4, "maxLeverage": 25, "marginTableId": 55},
        ],
        "marginTables": [
            [20, {"description": "", "marginTiers": [{"lowerBound": "0.0", "maxLeverage": 20}]}],
            [55, {"description": "tiered 25x", "marginTiers": _tiers((25, "0.0"), (15, "100000000.0"))}],
            [56, {"description": "tiered 40x", "marginTiers": _tiers((40, "0.0"), (20, "150000000.0"))}],
        ],
        "collateralToken": 0,
    }
    context = {
        "funding": f"{(rate[0][1] if rate else 0) / RATE:.8f}",
        "openInterest": f"{latest(history, 'open_interest', now_ms)[1] / COINS:.3f}",
        "prevDayPx": f"{history.last_price(now_ms - DAY) / PRICE:.1f}",
        "dayNtlVlm": "1169046.29",
        "premium": "0.0003",
        "oraclePx": mark,
        "markPx": mark,
        "midPx": f"{history.last_price(now_ms) / PRICE:.1f}",
        "impactPxs": [mark, mark],
    }
    delisted = {**context, "openInterest": "0.0", "midPx": None, "premium": None, "impactPxs": None, "markPx": "0.37"}
    other = {**context, "openInterest": "512345.6", "markPx": "2101.5", "oraclePx": "2101.2"}
    return reply([meta, [context, delisted, other]], rows=2)  # tiers of the last table


def _tiers(*rows: tuple[int, str]) -> list[dict[str, Any]]:
    return [{"lowerBound": bound, "maxLeverage": leverage} for leverage, bound in rows]


def _state(history: History, now_ms: int, params: dict[str, Any]) -> Reply:
    user = params.get("user")
    if not isinstance(user, str) or len(user) != 42 or not user.startswith("0x"):
        return _refused()
    positions = accounts(history).get(user.lower(), [])
    value = f"{sum(float(each['position']['marginUsed']) for each in positions):.6f}"
    notional = f"{sum(float(each['position']['positionValue']) for each in positions):.6f}"
    summary = {"accountValue": value, "totalMarginUsed": value, "totalNtlPos": notional, "totalRawUsd": value}
    return reply(
        {
            "assetPositions": positions,
            "crossMaintenanceMarginUsed": "0.0",
            "crossMarginSummary": summary,
            "marginSummary": summary,
            "time": now_ms,
            "withdrawable": "0.0",
        },
        rows=len(positions),
    )


def accounts(history: History) -> dict[str, list[dict[str, Any]]]:
    """Known addresses and their positions: long and short, isolated and cross, one without a liquidation price."""
    rng = np.random.default_rng([history.seed, 40])
    entry = history.last_price(history.start_ms + MINUTE)
    result = {}
    for i in range(20):
        size, leverage = int(rng.integers(1, 5000)), int(rng.integers(3, 41))
        sign = 1 if i % 2 else -1
        isolated = i % 3 == 0
        level = round(entry * (1 - sign * (1 / leverage - 0.0125) / (1 - sign * 0.0125)))
        value = size / COINS * entry / PRICE
        held = {"type": "isolated", "value": leverage, "rawUsd": f"{-sign * value * (1 - 1 / leverage):.6f}"}
        position = {
            "coin": COIN if i % 5 else "ETH",
            "szi": f"{sign * size / COINS:.3f}",
            "entryPx": f"{entry / PRICE:.1f}",
            "leverage": held if isolated else {"type": "cross", "value": leverage},
            "liquidationPx": None if i == 7 else f"{level / PRICE:.1f}",
            "marginUsed": f"{value / leverage:.6f}",
            "maxLeverage": 40,
            "positionValue": f"{value:.6f}",
            "returnOnEquity": "0.0",
            "unrealizedPnl": "0.0",
            "cumFunding": {"allTime": "0.0", "sinceChange": "0.0", "sinceOpen": "0.0"},
        }
        result[f"0x{rng.bytes(20).hex()}"] = [{"position": position, "type": "oneWay"}]
    return result


_TYPES = {
    "candleSnapshot": _candles,
    "fundingHistory": _funding,
    "metaAndAssetCtxs": _meta,
    "clearinghouseState": _state,
}
