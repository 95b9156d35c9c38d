"""What a fit to realised liquidations came to, and what it cannot tell."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from ...model.grid import Floats

UNSEEN = 0.1  # of a tier's variance in the prior, what the data have to take away
ALIKE = -0.5  # correlation of the weights of neighbours


@dataclass(frozen=True, eq=False, repr=False)
class Calibration:
    """Settings fitted to realised liquidations; `build_ledger` and `replay` make the calibrated estimate of them.

    Attributes
    ----------
    leverage_mix : dict
        Tier -> weight in percent. A tier above what venues offer stands for stops and margin calls near the price.
    decay_rate
        Per hour.
    turnover, maintenance_rate, fee_rate
        For :func:`liqwidget.build_ledger`, as are the tiers.
    bin_size
        Rows that the fit was made on, USD. Coarser rows rank quiet intervals worse.
    fitted : tuple of Timestamp
        Open of the first candle and end of the last that was used, UTC. Validate on what comes later.
    every
        Length of the intervals, as pandas has it.
    scale
        Realised USD for each USD that the estimate liquidates: venues publish a part, the candles are of one venue.
    tiers : DataFrame
        A line a tier: ``weight``, ``low``, ``high`` (percent; 90 % of the resamples), ``prior`` (percent),
        ``liquidated`` (share of the liquidations estimated that is this tier's), ``from_data`` (0: the prior decided,
        1: the data did), ``like_next`` (correlation of its weight with the next tier's; near -1: cannot be told apart).
    scores : DataFrame
        Index ``in_sample``, ``out_of_sample``; ``rank`` and ``linear`` correlation over intervals and sides,
        ``rank_long``, ``rank_short``, ``linear_long``, ``linear_short``, ``intervals``. Out of sample: each fifth of
        the time predicted from what came before, the first two excepted. Decay and turnover were chosen on it.
    search : DataFrame
        Every ``decay_rate`` and ``turnover`` that was tried, ``rank`` and ``linear`` out of sample.
    decay_interval : tuple
        90 % of the decay rates that are best on resampled days.
    draws : DataFrame
        Resampled mixes, percent, a line a draw, a column a tier; ``decay_draws``: a decay rate for each, (draws,).
    notes : list of str
        What the data cannot tell.
    """

    leverage_mix: dict[float, float]
    decay_rate: float
    turnover: float
    maintenance_rate: float
    fee_rate: float
    bin_size: float
    fitted: tuple[pd.Timestamp, pd.Timestamp]
    every: str
    scale: float
    tiers: pd.DataFrame
    scores: pd.DataFrame
    search: pd.DataFrame
    decay_interval: tuple[float, float]
    draws: pd.DataFrame
    decay_draws: Floats
    notes: list[str]

    def __repr__(self) -> str:
        first, last = self.fitted
        mix = "  ".join(
            f"{tier:g}x {line.weight:.2g} [{line.low:.2g}-{line.high:.2g}]" for tier, line in self.tiers.iterrows()
        )
        low, high = self.decay_interval
        out, inside = self.scores.loc["out_of_sample"], self.scores.loc["in_sample"]
        return "\n".join(
            [
                f"Calibration on {int(inside['intervals']):,} intervals of {self.every}, "
                f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC",
                f"mix in percent [90 % of resamples]: {mix}",
                f"decay {self.decay_rate:.3g} per hour [{low:.2g}-{high:.2g}], half-life "
                f"{np.log(2) / self.decay_rate if self.decay_rate else np.inf:.1f} h; turnover {self.turnover:g}",
                f"against realised liquidations: rank {out['rank']:.3f}, linear {out['linear']:.3f} out of sample "
                f"(in sample {inside['rank']:.3f}, {inside['linear']:.3f})",
                *self.notes,
            ]
        )


def notes_on(tiers: pd.DataFrame, decay: tuple[float, float], slowest: float, sides: list[str]) -> list[str]:
    """Say what the data cannot tell; ``slowest`` is the slowest decay rate that was tried."""
    notes = [f"Only {sides[0]}s were recorded: fitted to them alone."] if len(sides) == 1 else []
    unseen = [f"{tier:g}x" for tier in tiers.index[tiers["from_data"] < UNSEEN]]
    if unseen:
        notes.append(f"The data say next to nothing of {', '.join(unseen)}: these weights are the prior's.")
    pairs = [f"{a:g}x/{b:g}x" for a, b in pairwise(tiers.index) if tiers.at[a, "like_next"] < ALIKE]
    if pairs:
        notes.append(f"The data cannot tell these tiers apart well: {', '.join(pairs)}.")
    if decay[1] > 4 * decay[0]:
        notes.append(f"Decay rates from {decay[0]:.2g} to {decay[1]:.2g} per hour do about as well.")
    if decay[0] <= slowest:
        notes.append(f"The slowest decay that was tried, {slowest:g} per hour, may be too fast.")
    return notes
