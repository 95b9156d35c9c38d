"""The course of one simulated position, told candle by candle with the public formula."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import liqwidget as lw

M = 0.004


def level_of(entry: float, margin: float, size: float, side: str, contract: Any = "linear") -> float:
    """The liquidation price of a position with this size and margin, in the units of the formula."""
    value = lw.liquidation_price(entry, None, side, M, size=size, margin=margin, contract=contract)
    return (0.0 if side == "long" else np.inf) if np.isnan(value) else float(value)


def retell(
    p: Any, candles: Any, times: list[Any], partial: float, contract: Any = "linear"
) -> tuple[list[tuple[int, float, float]], Any, int]:
    """The expected course of one position, candle by candle.

    Returns the periods (first candle, level, size), how it ends and in which candle.
    """
    long = p.side == "long"
    first = -1 if p.opened < times[0] else times.index(p.opened)
    level = level_of(p.entry, p.margin, p.size, p.side, contract)
    saved = level_of(p.entry, p.margin + p.margin_added, p.size, p.side, contract) if p.margin_added else None
    trigger = p.entry + 0.7 * (level - p.entry)
    size, cut = p.size, False
    stretches = [(first, level, size)]

    def reached(price: float, t: int) -> bool:
        low, high = (candles.close[t],) * 2 if t == first else (candles.low[t], candles.high[t])
        return price >= low if long else price <= high

    for t in range(max(first, 0), len(times)):
        closes = p.outcome == "closed" and times[t] == p.ended
        if closes and saved is None and level == pytest.approx(p.liquidation_price):
            return stretches, "closed", t  # expired positions leave first
        if not np.isnan(p.stop_price) and reached(p.stop_price, t):
            return stretches, "stopped", t
        if t > first and saved is not None and reached(trigger, t) and not reached(level, t):
            level, saved = saved, None
            stretches.append((t, level, size))
        if reached(level, t):
            if t == first or not partial or cut:
                return stretches, "liquidated", t
            # The remainder has the maintenance margin of the whole position at this price.
            size, cut = size * (1 - partial), True
            value = p.size * level if contract == "linear" else p.size / level
            level = level_of(level, M * value, size, p.side, contract)
            stretches.append((t, level, size))
            if reached(level, t):
                return stretches, "liquidated", t
        if closes:  # what closes to match the other side's losses goes last
            return stretches, "closed", t
    return stretches, "open", len(times)
