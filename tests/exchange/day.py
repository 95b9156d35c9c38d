"""One UTC day of history in integer units, generated from a seed, the day number and the previous day."""

from __future__ import annotations

from typing import Any

import numpy as np

MINUTE = 60_000
DAY = 1440 * MINUTE
LAST = ("open", "high", "low", "close", "volume", "taker", "quote", "taker_quote", "trades")
MARK = ("mark_open", "mark_high", "mark_low", "mark_close")


def make_day(seed: int, number: int, before: dict[str, Any] | None) -> dict[str, Any]:
    """Columns of the day: 1,440 minutes, 288 snapshots, 24 hourly and 3 eight-hourly fundings, some liquidations."""
    rng = np.random.default_rng([seed, number])
    time = number * DAY + MINUTE * np.arange(1440)
    day: dict[str, Any] = {"time": time}
    day |= _prices(rng, before)
    day |= _volumes(rng, day)
    mark_time = time[::5]
    day |= {"mark_time": mark_time, "mark_price": day["mark_open"][::5]}
    oi = int(before["open_interest"][-1]) if before else 80_000_000
    day["open_interest"] = np.maximum(oi + np.cumsum(_whole(rng.normal(0, 60_000, 288))), 1_000_000)
    long = int(before["long"][-1]) if before else 5_500
    day["long"] = np.clip(long + np.cumsum(_whole(rng.normal(0, 15, 288))), 3_000, 7_500)
    for hours, spread in ((8, 10_000), (1, 1_250)):
        n, jitter = 24 // hours, rng.integers(0, 100, 24 // hours) if hours == 1 else 0
        day[f"funding_time_{hours}"] = time[:: 60 * hours] + jitter
        day[f"funding_rate_{hours}"] = _whole(rng.normal(spread / 2, spread, n))
        day[f"funding_price_{hours}"] = day["mark_open"][:: 60 * hours]
    return day | _liquidations(rng, day)


def _whole(values: Any) -> Any:
    return np.rint(values).astype(np.int64)


def _walk(rng: np.random.Generator, first: int, spread: float) -> tuple[Any, Any]:
    close = np.maximum(_whole(first * np.exp(np.cumsum(rng.normal(0, spread, 1440)))), 10_000)
    return np.append(first, close[:-1]), close


def _prices(rng: np.random.Generator, before: dict[str, Any] | None) -> dict[str, Any]:
    o, close = _walk(rng, int(before["close"][-1]) if before else 600_000, 6e-4)
    high = np.maximum(o, close) + _whole(np.abs(rng.normal(0, 3e-4, 1440)) * o)
    low = np.minimum(o, close) - _whole(np.abs(rng.normal(0, 3e-4, 1440)) * o)
    # The mark price stays near the last price, with smaller wicks.
    mark_close = close + _whole(rng.normal(0, 1e-4, 1440) * close)
    mark_open = np.append(int(before["mark_close"][-1]) if before else int(o[0]), mark_close[:-1])
    mark_high = np.maximum(np.maximum(mark_open, mark_close), (high + np.maximum(o, close)) // 2)
    mark_low = np.minimum(np.minimum(mark_open, mark_close), (low + np.minimum(o, close)) // 2)
    prices = {"open": o, "high": high, "low": low, "close": close}
    return prices | {"mark_open": mark_open, "mark_high": mark_high, "mark_low": mark_low, "mark_close": mark_close}


def _volumes(rng: np.random.Generator, day: dict[str, Any]) -> dict[str, Any]:
    volume = _whole(rng.lognormal(9.5, 0.8, 1440)) + 1
    taker = _whole(volume * rng.beta(20, 20, 1440))
    price = (day["open"] + day["close"]) // 2
    trades = 1 + rng.poisson(volume / 100)
    return {"volume": volume, "taker": taker, "quote": volume * price, "taker_quote": taker * price, "trades": trades}


def _liquidations(rng: np.random.Generator, day: dict[str, Any]) -> dict[str, Any]:
    n = int(rng.poisson(40))
    at = np.sort(rng.choice(DAY, n, replace=False))
    minute = at // MINUTE
    low, high = day["low"][minute], day["high"][minute]
    return {
        "liq_time": day["time"][0] + at,
        "liq_long": day["close"][minute] < day["open"][minute],
        "liq_price": low + _whole((high - low) * rng.random(n)),
        "liq_quantity": 1 + _whole(rng.lognormal(6, 1.5, n)),
    }
