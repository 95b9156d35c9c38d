"""Open interest, funding and long/short ratio of the candles: series to draw, and sentences about them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ...market.candles import merged_candles
from .regime import WINDOW_HOURS, regime

if TYPE_CHECKING:
    from ...market.market import Market

#: Column -> its label.
SERIES: Mapping[str, str] = {
    "open_interest": "open interest, coins",
    "funding_rate": "funding rate",
    "long_short_ratio": "long accounts per short account",
}
MAX_POINTS = 1_000


def context_series(market: Market) -> dict[str, dict[str, Any]]:
    """Return ``time`` (ms since 1970 UTC) and ``value`` of each optional column that exists, at most 1,000 points."""
    candles = merged_candles(market.candles, -(-len(market) // MAX_POINTS))
    ms = candles.index.as_unit("ms").asi8.astype(float)
    found = {}
    for name in SERIES:
        if name in candles:
            value = candles[name].to_numpy()
            known = ~np.isnan(value)
            if known.any():
                found[name] = {"time": ms[known].tolist(), "value": value[known].tolist()}
    return found


def context_words(market: Market, at: int = -1) -> list[str]:
    """Describe the columns and the regime at a candle, a sentence each, missing columns included."""
    at = range(len(market))[at]
    candles = market.candles.iloc[: at + 1]
    said = [regime(candles).sentence]
    hours = (candles.index[-1] - candles.index).total_seconds() / 3600
    for name, words in SERIES.items():
        values = candles[name].to_numpy() if name in candles else np.full(len(candles), np.nan)
        if np.isnan(values[-1]):
            why = "" if market.origin is None else market.origin.missing.get(name, "")
            said.append(f"No {words.split(',')[0]} data{f': {why}' if why else ''}.")
            continue
        before = float(values[int(np.searchsorted(-hours, -WINDOW_HOURS))])
        if name == "open_interest":
            change = f", {values[-1] / before - 1:+.1%} over {min(hours[0], WINDOW_HOURS):.0f} h" if before > 0 else ""
            said.append(f"Open interest {values[-1]:,.0f} coins{change}.")
        elif name == "funding_rate":
            payer = "nobody pays" if values[-1] == 0 else f"{'longs' if values[-1] > 0 else 'shorts'} pay"
            said.append(f"Funding {values[-1]:.4%}: {payer}.")
        else:
            said.append(f"{values[-1]:.2f} long accounts per short account ({before:.2f} at the window's start).")
    return said
