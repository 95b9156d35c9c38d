"""The self-check: liquidations per day implied by mix and decay, beside published figures."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, log, nan
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .levels import Snapshot

#: Share of the open positions that BitMEX liquidated per day, long and short: arXiv 2102.04591.
PUBLISHED_LONG, PUBLISHED_SHORT = 0.035, 0.019
SOURCE = "BitMEX, arXiv 2102.04591"


@dataclass(frozen=True)
class SelfCheck:
    """Liquidations and holding times that a mix and a decay rate imply over the candles.

    Attributes
    ----------
    long_per_day, short_per_day
        USD liquidated a day over USD standing; NaN where nothing stands.
    holding_hours, half_life_hours
        Mean time until a position that price does not reach closes by itself, ``1 / decay_rate``, and the time in
        which half of them do, ``ln 2 / decay_rate``; infinite without decay.
    days
        Length of the candles that the shares are computed over.
    """

    long_per_day: float
    short_per_day: float
    holding_hours: float
    half_life_hours: float
    days: float


def self_check(now: Snapshot) -> SelfCheck:
    """Return the shares per day: ``24 * sum(liquidated[t]) / sum(standing[t-1] * hours[t])``, t = 1..T-1, each side.

    Parameters
    ----------
    now
        Mix and decay; the shares are of all candles, whatever its candle is.

    Notes
    -----
    Liquidations inside the candle that opened them count; levels beyond the grid count on neither side of the
    fraction.
    """
    flows, hours, rate = now.flows, now.ledger.hours, now.decay_rate
    shares = {}
    for side in ("long", "short"):
        exposure = float(now.weights @ (flows[f"standing_{side}"][:, :-1] @ hours[1:]))
        liquidated = float(now.weights @ flows[f"liquidated_{side}"][:, 1:].sum(axis=1))
        shares[side] = 24.0 * liquidated / exposure if exposure > 0 else nan
    mean, half = (1 / rate, log(2) / rate) if rate > 0 else (inf, inf)
    return SelfCheck(shares["long"], shares["short"], mean, half, float(hours.sum()) / 24)
