"""Support and resistance as in chart analysis: nodes of the volume profile, and swing highs and lows.

All levels are computed only from candles up to a given time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...model.grid import Floats, Ints
from ...model.opening import NS_PER_HOUR

if TYPE_CHECKING:
    from ...market.market import Market


def volume_nodes(market: Market, at: Ints, hours: float, bin_size: float, reach: int = 5) -> list[Floats]:
    """Return the nodes of the volume profile at each moment: USD, increasing, one array per moment.

    Each candle of the ``hours`` up to ``at`` spreads its volume evenly over the price rows that it touched; the sums
    are smoothed over five rows. A node is a row with more than the mean of all traded rows, and with no larger row
    within ``reach`` rows.
    """
    candles = market.candles
    time = candles.index.as_unit("ns").asi8
    low = np.floor(candles["low"].to_numpy() / bin_size).astype(np.int64)
    high = np.floor(candles["high"].to_numpy() / bin_size).astype(np.int64)
    share = candles["volume"].to_numpy() / (high - low + 1)
    since = np.searchsorted(time, time[at] - int(hours * NS_PER_HOUR), "right")
    nodes = []
    for a, b in zip(since, at + 1, strict=True):
        base = low[a:b].min() - reach
        rows = int(high[a:b].max() - base) + reach + 2
        first, beyond = ((edge - base).astype(np.intp) for edge in (low[a:b], high[a:b] + 1))
        change = np.bincount(first, share[a:b], rows) - np.bincount(beyond, share[a:b], rows)
        profile = np.maximum(np.cumsum(change), 0.0)
        smooth = np.convolve(profile, np.full(5, 0.2), "same")
        around = np.lib.stride_tricks.sliding_window_view(np.pad(smooth, reach), 2 * reach + 1).max(axis=1)
        traded = profile > 1e-9 * profile.max()
        mean = smooth[traded].mean() if traded.any() else np.inf
        nodes.append((np.flatnonzero((smooth >= around) & (smooth > mean)) + base + 0.5) * bin_size)
    return nodes


def swings(market: Market, at: Ints, hours: float, width_hours: float) -> list[Floats]:
    """Return the swing highs and lows known at each moment: USD, increasing, one array per moment.

    A swing high is a candle whose high no candle within ``width_hours`` on either side exceeds; it is known once the
    later ones exist. Those of the ``hours`` up to ``at`` count. Widths are counted in candles of the most frequent
    early step.
    """
    candles = market.candles
    time = candles.index.as_unit("ns").asi8
    early = time[: max(int(np.searchsorted(time, time[0] + int(24 * NS_PER_HOUR))), 2)]
    step = float(np.median(np.diff(early))) if len(early) > 1 else NS_PER_HOUR
    width = max(round(width_hours * NS_PER_HOUR / step), 1)
    found = []
    for extreme in (candles["high"].to_numpy(), -candles["low"].to_numpy()):
        if len(extreme) > 2 * width:
            around = np.lib.stride_tricks.sliding_window_view(extreme, 2 * width + 1).max(axis=1)
            where = np.flatnonzero(extreme[width:-width] >= around) + width
            found.append((where, np.abs(extreme[where])))
    first = np.searchsorted(time, time[at] - int(hours * NS_PER_HOUR), "right")
    return [
        np.unique(
            np.concatenate([price[(where >= a) & (where + width <= t)] for where, price in found] or [np.empty(0)])
        )
        for a, t in zip(first, at, strict=True)
    ]
