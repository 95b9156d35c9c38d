"""Prices of a simulated market before any price impact, and how many traders arrive."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]

STEPS = 24  # prices traded within a candle
_MOMENTUM_HOURS = 4.0


class Walk(NamedTuple):
    """Prices before price impact; T candles, K steps within each."""

    path: Floats  # (T, K + 1), USD
    decimals: int  # of a tick
    trend: Floats  # (T,) momentum of the last hours at each open, in [-1, 1]


def walk_of(rng: np.random.Generator, warm: int, count: int, hours: float, price: float, daily: float) -> Walk:
    """Return a random walk with clustered volatility, ``daily`` on average; at ``price`` after ``warm`` candles."""
    total = warm + count
    swell = sum(_wave(rng, total, hours, memory, size) for memory, size in ((18.0, 0.35), (2.0, 0.3)))
    volatility = np.exp(swell)
    volatility *= daily * math.sqrt(hours / 24) / math.sqrt(float((volatility**2).mean()))
    steps = rng.standard_t(4, (total, STEPS)) * (volatility / math.sqrt(2 * STEPS))[:, None]
    walk = np.concatenate([[0.0], np.cumsum(steps)])
    walk -= walk[warm * STEPS]
    at = np.arange(total)[:, None] * STEPS + np.arange(STEPS + 1)
    decimals = 5 - math.floor(math.log10(price))
    close = walk[:-1:STEPS]
    alpha = min(1.0, hours / _MOMENTUM_HOURS)
    momentum = close - pd.Series(close).ewm(alpha=alpha, adjust=False).mean().to_numpy()
    trend = np.tanh(momentum / (daily * math.sqrt(_MOMENTUM_HOURS / 24)))
    return Walk(price * np.exp(walk[at]), decimals, trend)


def _wave(rng: np.random.Generator, count: int, hours: float, memory: float, size: float) -> Floats:
    """Return a stationary process with this memory (hours) and standard deviation (size)."""
    alpha = min(1.0, hours / memory)
    noise = np.concatenate([rng.normal(size=1) * math.sqrt(alpha / (2 - alpha)), rng.normal(size=count)])
    wave: Floats = pd.Series(noise).ewm(alpha=alpha, adjust=False).mean().to_numpy()[1:]
    return wave * (size / math.sqrt(alpha / (2 - alpha)))


def arrivals_of(rng: np.random.Generator, prices: Walk, warm: int, traders: int) -> NDArray[np.int64]:
    """Return arrivals by candle (T,): exactly ``traders`` after the warm-up, and at the same rate within it."""
    moves = np.ptp(np.log(prices.path), axis=1)
    keen = (0.4 + 0.6 * moves / moves.mean()) * np.exp(rng.normal(0.0, 0.2, len(moves)))
    count = len(moves) - warm
    spare = traders - 2 * count
    before = rng.poisson(spare / count * keen[:warm] / keen[warm:].mean())
    return 2 + np.concatenate([before, rng.multinomial(spare, keen[warm:] / keen[warm:].sum())])
