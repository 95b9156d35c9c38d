"""What each venue of a combined market trades, as sections of ``bars``: the browser adds up those that are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.turnover import interest_change
from .frame_checks import VENUES, Arrays

if TYPE_CHECKING:
    from ..market.market import Market


def venue_arrays(market: Market, since: int) -> tuple[dict[str, Any], Arrays]:
    """Return meta and sections for the venues, from row ``since`` on; both empty for a market of one venue."""
    if not market.venues:
        return {}, {}
    found: Arrays = {name: np.full((len(market.venues), len(market) - since), np.nan) for name in VENUES}
    for i, part in enumerate(market.venues.values()):
        candles = part.candles
        volume, close = (candles[name].to_numpy() for name in ("volume", "close"))
        interest = candles["open_interest"].to_numpy() if "open_interest" in candles else np.full(len(candles), np.nan)
        change = np.r_[0.0, interest_change(interest, close, part.contract)]
        for name, values in zip(VENUES, (volume, interest, change), strict=True):
            found[name][i] = values[since:]
    return {"venues": list(market.venues)}, found
