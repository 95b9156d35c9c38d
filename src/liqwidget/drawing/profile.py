"""The panel of a liquidation map: USD by price, longs and shorts, beside the price."""

from __future__ import annotations

from typing import Any

import numpy as np

from .axis import Axis
from .ink import LONG, SERIES, SHORT
from .marks import Area, Bars, Floats, Mark, Rule, numbers
from .picture import Panel

_TAILS = 0.01  # of the USD, on each side, may lie beyond the ends of the price axis


def profile_panel(
    profile: Any,
    price: float,
    bin_size: float,
    of_price: str,
    title: str,
    band: tuple[Floats, Floats, str] | None = None,
) -> Panel:
    """Return the panel of a profile.

    Parameters
    ----------
    profile
        DataFrame with ``price`` (centres of the bins, USD), ``long`` and ``short`` (USD).
    price
        Where price is; NaN if unknown.
    bin_size
        USD.
    of_price
        What that price is.
    title
        Title of the panel.
    band
        Low and high of both sides together, USD by bin, and what they are.
    """
    at, long, short = (numbers(profile[name]) for name in ("price", "long", "short"))
    total = long + short if band is None else np.maximum(long + short, band[1])
    low, high = _ends(at, total, price, bin_size)
    marks: list[Mark] = [
        Bars(at, long, bin_size, "longs", LONG, faint=band is not None),
        Bars(at, short, bin_size, "shorts", SHORT, faint=band is not None),
    ]
    if band is not None:
        marks.append(Area(at, band[0], band[1], band[2], SERIES))
    marks.append(Rule(price, of_price, vertical=True))
    label = f"USD per {bin_size:,.10g} USD of price"
    return Panel(Axis("liquidation price, USD", "price", low=low, high=high), Axis(label, "usd"), marks, title)


def _ends(at: Floats, usd: Floats, price: float, bin_size: float) -> tuple[float, float]:
    """Return the ends of the price axis: they hold the price and nearly all of the USD."""
    held = np.cumsum(usd)
    if not len(held) or not held[-1] > 0:
        near = price if np.isfinite(price) else 1.0
        return near * 0.9, near * 1.1
    first, last = (int(np.searchsorted(held, share * held[-1])) for share in (_TAILS, 1 - _TAILS))
    ends = [float(at[first]), float(at[min(last, len(at) - 1)]), *([price] if np.isfinite(price) else [])]
    room = max(0.03 * (max(ends) - min(ends)), bin_size)
    return min(ends) - room, max(ends) + room
