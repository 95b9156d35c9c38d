"""The markets that the benchmarks use."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

import liqwidget as lw

REAL = Path(__file__).parents[2] / "shared" / "data" / "btcusdt_5m_2025-12_2026-02.csv.gz"
MIX = {3: 25, 5: 30, 10: 25, 20: 14, 50: 5, 100: 1}
WEIGHTS = [0.25, 0.30, 0.25, 0.14, 0.05, 0.01]


def weeks() -> dict[str, lw.Market]:
    """Return a simulated week of 5-minute candles and, if its file is next to the checkout, a real one."""
    markets = {"simulated week": lw.load_sample()}
    if REAL.is_file():
        frame = pd.read_csv(REAL, index_col="time", parse_dates=True)["2026-02-01":].iloc[:2016]
        names = ["open", "high", "low", "close", "volume", "open_interest"]
        markets["real week"] = lw.Market.from_frame(frame[names], symbol="BTCUSDT")
    return markets


def candles(count: int, seed: int = 1) -> pd.DataFrame:
    """Return any number of 5-minute candles with open interest whose price stays within one band."""
    rng = np.random.default_rng(seed)
    log_price = np.zeros(count + 1)
    for t, step in enumerate(rng.standard_t(3, count) * 0.0007):
        log_price[t + 1] = log_price[t] * 0.995 + step  # mean-reverting
    price = 60_000 * np.exp(np.clip(log_price, -0.05, 0.05))
    low, high = np.minimum(price[:-1], price[1:]), np.maximum(price[:-1], price[1:])
    wick = 60_000 * np.abs(rng.standard_t(3, (2, count))).clip(0, 40) * 0.0003
    return pd.DataFrame(
        {
            "open": price[:-1],
            "high": high + wick[0],
            "low": low - wick[1],
            "close": price[1:],
            "volume": rng.lognormal(6, 0.6, count),
            "open_interest": 90_000 + np.cumsum(rng.normal(0, 40, count)).clip(-40_000, 40_000),
        },
        index=pd.date_range("2025-01-01", periods=count, freq="5min", tz="UTC", name="time"),
    )
