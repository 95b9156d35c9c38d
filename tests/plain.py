"""The slow, plain twin of ledger and replay: exact fractions, one position, one row, one candle at a time.

Written only from the model's documentation; it shares no code with the package.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import ceil, exp, floor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from liqwidget import Market


def exact(x: float) -> Fraction:
    """The decimal number that a float prints as."""
    return Fraction(repr(float(x)))


def plain_replay(
    market: Market,
    tiers: Sequence[float],
    bin_size: float,
    decay_rate: float,
    maintenance_rate: float = 0.004,
    fee_rate: float = 0.0,
    turnover: float = 1.0,
    span: float = 0.25,
) -> tuple[list[list[dict[int, float]]], int, dict[str, list[list[float]]], list[float]]:
    """Return (planes, rows): planes[t][l] = {row: USD}, and the totals per tier, side and candle."""
    c = market.candles
    size, m, f, phi, sp = map(exact, (bin_size, maintenance_rate, fee_rate, turnover, span))
    price = {k: [exact(v) for v in c[k]] for k in ("low", "high", "close")}
    lowest, highest = min(price["low"]), max(price["high"])
    first = floor(lowest * (1 - sp) / size)
    rows = ceil(highest * (1 + sp) / size) - first
    centre = [(first + i + Fraction(1, 2)) * size for i in range(rows)]
    times = [t.value for t in c.index]
    oi = list(c["open_interest"]) if "open_interest" in c else None
    L = len(tiers)
    state: list[dict[int, float]] = [{} for _ in range(L)]
    planes = []
    totals = {
        f"{kind}_{side}": [[0.0] * len(c) for _ in range(L)]
        for kind in ("liquidated", "out_of_range", "decayed")
        for side in ("long", "short")
    }
    opened_usd = []
    for t in range(len(c)):
        low, high, close = (price[k][t] for k in ("low", "high", "close"))
        previous = price["close"][t - 1] if t else close
        # decay
        if t:
            factor = exp(-decay_rate * (times[t] - times[t - 1]) / 3.6e12)
            for i in range(L):
                for row, usd in state[i].items():
                    side = "long" if centre[row] < previous else "short"
                    totals[f"decayed_{side}"][i][t] += usd * (1 - factor)
                    state[i][row] = usd * factor
        # sweep
        trigger_low, trigger_high = low, high
        if "mark_low" in c and c["mark_low"].iloc[t] == c["mark_low"].iloc[t]:
            trigger_low, trigger_high = exact(c["mark_low"].iloc[t]), exact(c["mark_high"].iloc[t])
        bottom, top = min(trigger_low, close, previous), max(trigger_high, close, previous)
        for i in range(L):
            for row in [r for r in state[i] if bottom <= centre[r] <= top]:
                side = "long" if centre[row] < previous else "short"
                totals[f"liquidated_{side}"][i][t] += state[i].pop(row)
        # open
        change = 0.0
        if oi is not None and t and oi[t] == oi[t] and oi[t - 1] == oi[t - 1]:
            change = oi[t] - oi[t - 1]
            if market.contract == "inverse":  # contracts are USD
                change = (oi[t] * c["close"].iloc[t] - oi[t - 1] * c["close"].iloc[t - 1]) / c["close"].iloc[t]
        coins = max((float(phi) * c["volume"].iloc[t] + change) / 2, max(change, 0.0))
        usd = coins * float(low + high + close) / 3
        opened_usd.append(usd)
        for i, tier in enumerate(tiers):
            lev = exact(tier)
            factors = ((1 - 1 / lev) / (1 - m - f), (1 + 1 / lev) / (1 + m + f))
            if market.contract == "inverse":
                factors = ((1 + m + f) / (1 + 1 / lev), (1 - m - f) / (1 - 1 / lev))
            for side, k in zip(("long", "short"), factors, strict=True):
                a, b = low * k, high * k
                for tick in range(floor(a / size), max(ceil(b / size), floor(a / size) + 1)):
                    share = 1 if a == b else (min(b, (tick + 1) * size) - max(a, tick * size)) / (b - a)
                    row, amount = tick - first, usd * float(share)
                    if not 0 <= row < rows:
                        totals[f"out_of_range_{side}"][i][t] += amount
                    elif (centre[row] < close) if side == "long" else (centre[row] > close):
                        state[i][row] = state[i].get(row, 0.0) + amount
                    else:
                        totals[f"liquidated_{side}"][i][t] += amount
        planes.append([dict(s) for s in state])
    return planes, rows, totals, opened_usd
