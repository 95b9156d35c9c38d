"""The slow, plain twin of ledger and replay: exact fractions, one position, one row, one candle at a time.

Written from the model's text alone; it shares no code with the package.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil, exp, floor


def exact(x) -> Fraction:
    """The decimal number that a float prints as."""
    return Fraction(repr(float(x)))


def plain_replay(market, tiers, bin_size, decay_rate, maintenance_rate=0.004, fee_rate=0.0, turnover=1.0, span=0.25):
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
    state = [dict() for _ in range(L)]
    planes, zero = [], lambda: [[0.0] * len(c) for _ in range(L)]
    totals = {f"{kind}_{side}": zero() for kind in ("liquidated", "out_of_range", "decayed") for side in ("long", "short")}
    opened_usd = []
    for t in range(len(c)):
        low, high, close = (price[k][t] for k in ("low", "high", "close"))
        previous = price["close"][t - 1] if t else close
        # decay
        if t:
            factor = exp(-decay_rate * (times[t] - times[t - 1]) / 3.6e12)
            for l in range(L):
                for row, usd in state[l].items():
                    side = "long" if centre[row] < previous else "short"
                    totals[f"decayed_{side}"][l][t] += usd * (1 - factor)
                    state[l][row] = usd * factor
        # sweep
        trigger_low, trigger_high = low, high
        if "mark_low" in c and c["mark_low"].iloc[t] == c["mark_low"].iloc[t]:
            trigger_low, trigger_high = exact(c["mark_low"].iloc[t]), exact(c["mark_high"].iloc[t])
        bottom, top = min(trigger_low, close, previous), max(trigger_high, close, previous)
        for l in range(L):
            for row in [r for r in state[l] if bottom <= centre[r] <= top]:
                side = "long" if centre[row] < previous else "short"
                totals[f"liquidated_{side}"][l][t] += state[l].pop(row)
        # open
        change = 0.0
        if oi is not None and t and oi[t] == oi[t] and oi[t - 1] == oi[t - 1]:
            change = oi[t] - oi[t - 1]
        coins = max((float(phi) * c["volume"].iloc[t] + change) / 2, max(change, 0.0))
        usd = coins * float(low + high + close) / 3
        opened_usd.append(usd)
        for l, tier in enumerate(tiers):
            lev = exact(tier)
            for side, k in (("long", (1 - 1 / lev) / (1 - m - f)), ("short", (1 + 1 / lev) / (1 + m + f))):
                a, b = low * k, high * k
                for i in range(floor(a / size), max(ceil(b / size), floor(a / size) + 1)):
                    share = 1 if a == b else (min(b, (i + 1) * size) - max(a, i * size)) / (b - a)
                    row, amount = i - first, usd * float(share)
                    if not 0 <= row < rows:
                        totals[f"out_of_range_{side}"][l][t] += amount
                    elif (centre[row] < close) if side == "long" else (centre[row] > close):
                        state[l][row] = state[l].get(row, 0.0) + amount
                    else:
                        totals[f"liquidated_{side}"][l][t] += amount
        planes.append([dict(s) for s in state])
    return planes, rows, totals, opened_usd
