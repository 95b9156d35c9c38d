"""Small markets for tests."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from liqwidget import Market
from liqwidget.market.units import IN_COINS


def walk(
    n: int = 60,
    seed: int = 0,
    price: float = 100.0,
    tick: float = 0.1,
    step_minutes: int = 60,
    oi: bool = True,
    wild: float = 1.0,
    gaps: bool = False,
    marks: bool = False,
    contract: Literal["linear", "inverse"] = "linear",
) -> Market:
    """A random walk on a tick grid, with optional open interest, marks and missing candles; quantities are coins."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(0, 0.012 * wild, n) * price
    closes = np.maximum(price + np.cumsum(steps), price * 0.2)
    opens = np.r_[price, closes[:-1]]
    highs = np.maximum(opens, closes) + rng.exponential(0.005 * wild * price, n)
    lows = np.maximum(np.minimum(opens, closes) - rng.exponential(0.005 * wild * price, n), price * 0.1)

    def to_tick(x: Any) -> Any:
        return np.array([float(f"{v:.10g}") for v in np.round(np.round(x / tick) * tick, 8)])

    frame = pd.DataFrame(
        {k: to_tick(v) for k, v in {"open": opens, "high": highs, "low": lows, "close": closes}.items()}
    )
    frame["volume"] = rng.gamma(2.0, 50.0, n)
    if oi:
        frame["open_interest"] = np.maximum(2000 + np.cumsum(rng.normal(0, 40, n)), 10)
    if marks:
        frame["mark_low"] = to_tick(frame["low"] + 0.4 * (frame[["open", "close"]].min(axis=1) - frame["low"]))
        frame["mark_high"] = to_tick(frame["high"] - 0.4 * (frame["high"] - frame[["open", "close"]].max(axis=1)))
    frame.index = pd.date_range("2026-01-01", periods=n, freq=f"{step_minutes}min", tz="UTC", name="time")
    if gaps:
        frame = frame.drop(frame.index[rng.choice(np.arange(1, n), n // 6, replace=False)])
    units: dict[str, Any] = IN_COINS if contract == "inverse" else {}
    return Market.from_frame(frame, symbol="TEST", exchange="test", contract=contract, **units)


seeds = st.integers(0, 10_000)
BIN_SIZES = (0.01, 0.05, 0.1, 0.5, 1, 2.5, 10, 50, 250)
