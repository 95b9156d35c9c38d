"""Quantities of inverse markets: contracts of a number of USD, told from coins by their values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .candles import Bars
from .columns import Floats
from .liquidation_size import are_whole
from .quantities import Quantity
from .volume_unit import fits, volumes_beside

_SIZES = (1.0, 10.0, 100.0)  # USD per contract
_MOST = 0.5  # of the candles


def counted_in(bars: Bars, name: str, others: Sequence[Quantity], usual: float) -> float | None:
    """Return the USD in one unit of a column if it counts contracts; None if it is in coins.

    Columns beside volume decide; otherwise whole numbers are contracts, and coins are traded in fractions.

    Parameters
    ----------
    bars
        Checked candles.
    name
        ``"volume"`` or ``"open_interest"``.
    others
        Quantities in other columns.
    usual
        USD per contract at the venue.
    """
    values = bars.columns[name]
    for other in volumes_beside(bars, others) if name == "volume" else ():
        if fits(bars, values, other.values):
            return None
        for size in dict.fromkeys((usual, *_SIZES)):
            if fits(bars, other.values, values * size) or _equal(values * size, other.values):
                return size
    return usual if are_whole(values[values > 0]) else None


def exact_coins(bars: Bars, others: Sequence[Quantity], size: float) -> Quantity | None:
    """Return the column that has volume in coins if volume counts contracts of ``size`` USD; None if there is none."""
    for other in volumes_beside(bars, others):
        known = np.isfinite(other.values) & (other.values >= 0)
        if known.all() and fits(bars, other.values, bars.columns["volume"] * size):
            return other
    return None


def taker_in_coins(bars: Bars, coins: Floats, is_stated: bool) -> Floats:
    """Return what takers bought, in coins, given volume in coins: it is in the unit of volume, or in coins already.

    Parameters
    ----------
    bars
        Checked candles, with volume and what takers bought in the units of the table.
    coins
        Volume in coins.
    is_stated
        Whether the user stated the unit of volume; then it holds for both if it can.
    """
    volume, taker = bars.columns["volume"], bars.columns["taker_buy_volume"]
    same = _share_above(taker, volume) <= _MOST if is_stated else _share_above(taker, coins) > _MOST
    return taker * np.divide(coins, volume, out=np.ones(len(volume)), where=volume > 0) if same else taker


def _share_above(values: Floats, most: Floats) -> float:
    known = (values > 0) & (most > 0)
    return float(np.mean(values[known] > most[known] * 1.001)) if known.any() else 0.0


def _equal(values: Floats, other: Floats) -> bool:
    known = (values > 0) & (other > 0)
    return bool(known.any()) and bool(np.median(np.abs(np.log(other[known] / values[known]))) < 1e-3)
