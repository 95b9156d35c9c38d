"""Funding rates of a simulated market, and the intervals that its candles may have."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from ..checks import shown
from ..errors import InputError


def funding_rates(close: Any, times: Any, hours: float) -> Any:
    """Return the rate in force at each candle: set every 8 hours from the price's lead over its mean of a day."""
    lead = np.log(close) - np.log(close).ewm(alpha=min(1.0, hours / 16), adjust=False).mean()
    rate = (0.00006 + 0.004 * lead).clip(-0.0004, 0.0006).round(8)
    return rate.groupby(np.asarray(times.floor("8h"))).transform("first").to_numpy()


def interval_hours(interval: str) -> float:
    """Return the hours of a step such as "5m" or "1h"; InputError below a minute or above four hours."""
    match = re.fullmatch(r"([1-9]\d{0,2})([mh])", interval) if isinstance(interval, str) else None
    minutes = int(match[1]) * (60 if match[2] == "h" else 1) if match else 0
    if not 1 <= minutes <= 240:
        raise InputError(f'interval: wanted a step from "1m" to "4h"; got {shown(interval)}.')
    return minutes / 60
