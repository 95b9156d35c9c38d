"""The result of a fit to realised liquidations, and its limitations."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from ...drawing.report import Drawn, Report
from ...model.grid import Floats
from ...model.maintenance import MaintenanceRate
from .report import report_of

UNSEEN = 0.1  # the data must reduce a tier's prior variance by this share
ALIKE = -0.5  # correlation of the weights of neighbours


@dataclass(frozen=True, eq=False, repr=False)
class Calibration(Drawn):
    """Settings fitted to realised liquidations; `estimate`, or `build_ledger` and `replay`, turn them into an estimate.

    Attributes
    ----------
    leverage_mix : dict
        Tier -> weight in percent. Tiers above those that venues offer stand for stops and margin calls near price.
    decay_rate
        Per hour.
    turnover
        Share of volume that opens positions, for :func:`liqwidget.build_ledger`: a
        :class:`liqwidget.model.turnover.Turnover`, whose ``auto`` says whether it was tied to the decay rate. Then
        ``turnover="auto"`` is the same on this market, and also correct on another.
    maintenance_rate, fee_rate
        For :func:`liqwidget.build_ledger`, like the tiers.
    bin_size
        Row size of the fit, USD. Coarser rows rank quiet intervals worse.
    fitted : tuple of Timestamp
        Open of the first candle and end of the last one used, UTC. Validate on later data.
    every
        Length of the intervals, in pandas' notation.
    scale
        Realised USD per USD that the estimate liquidates: venues publish only a part, and the candles are of one venue.
    tiers : DataFrame
        A line per tier: ``weight``, ``low``, ``high`` (percent; 90 % of the resamples), ``prior`` (percent),
        ``liquidated`` (this tier's share of the estimated liquidations), ``from_data`` (0: the prior decided,
        1: the data did), ``like_next`` (correlation of its weight with the next tier's; near -1: indistinguishable).
    scores : DataFrame
        Index ``in_sample``, ``out_of_sample``; ``rank`` and ``linear`` correlation over intervals and sides,
        ``rank_long``, ``rank_short``, ``linear_long``, ``linear_short``, ``intervals``. Out of sample: each fifth of
        the time predicted from the earlier ones, except the first two. Decay and turnover were chosen on it.
    search : DataFrame
        Every ``decay_rate`` and ``turnover`` tried, with ``rank`` and ``linear`` out of sample.
    decay_interval : tuple
        90 % of the decay rates that are best on resampled days.
    draws : DataFrame
        Resampled mixes, percent, a line per draw, a column per tier; ``decay_draws``: a decay rate for each, (draws,).
    notes : list of str
        Questions that the data cannot answer.

    Examples
    --------
    >>> import liqwidget as lw
    >>> made = lw.simulate(candles=1_500, traders=20_000, seed=3)
    >>> fit = lw.calibrate(made.market, list(made.leverage_mix), draws=10)
    >>> fit.decay_interval[0] <= fit.decay_rate <= fit.decay_interval[1]
    True
    >>> fit.tiers.columns.to_list()
    ['weight', 'low', 'high', 'prior', 'liquidated', 'from_data', 'like_next']
    """

    leverage_mix: dict[float, float]
    decay_rate: float
    turnover: float
    maintenance_rate: MaintenanceRate
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

    def to_frame(self) -> pd.DataFrame:
        """Return `tiers` with ``leverage`` as a column."""
        return self.tiers.rename_axis("leverage").reset_index()

    def _report(self) -> Report:
        return report_of(self)

    def __repr__(self) -> str:
        first, last = self.fitted
        mix = "  ".join(
            f"{tier:g}x {line.weight:.2g} [{line.low:.2g}-{line.high:.2g}]" for tier, line in self.tiers.iterrows()
        )
        low, high = self.decay_interval
        scores = self.scores.to_dict("index")
        out, inside = scores["out_of_sample"], scores["in_sample"]
        return "\n".join(
            [
                f"Calibration on {int(inside['intervals']):,} intervals of {self.every}, "
                f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC",
                f"mix in percent [90 % of resamples]: {mix}",
                f"decay {self.decay_rate:.3g} per hour [{low:.2g}-{high:.2g}], half-life "
                f"{np.log(2) / self.decay_rate if self.decay_rate else np.inf:.1f} h; turnover {self.turnover:.3g}",
                f"against realised liquidations: rank {out['rank']:.3f}, linear {out['linear']:.3f} out of sample "
                f"(in sample {inside['rank']:.3f}, {inside['linear']:.3f})",
                *self.notes,
            ]
        )


def notes_on(tiers: pd.DataFrame, decay: tuple[float, float], slowest: float, sides: list[str]) -> list[str]:
    """Return notes on what the data cannot tell; ``slowest`` is the slowest decay rate tried."""
    notes = [f"Only {sides[0]}s were recorded: fitted to them alone."] if len(sides) == 1 else []
    unseen = [f"{tier:g}x" for tier in tiers.index[tiers["from_data"] < UNSEEN]]
    if unseen:
        notes.append(f"The data say next to nothing of {', '.join(unseen)}: these weights are the prior's.")
    alike = tiers["like_next"].to_numpy() < ALIKE
    pairs = [f"{a:g}x/{b:g}x" for (a, b), same in zip(pairwise(tiers.index), alike, strict=False) if same]
    if pairs:
        notes.append(f"The data cannot tell these tiers apart well: {', '.join(pairs)}.")
    if decay[1] > 4 * decay[0]:
        notes.append(f"Decay rates from {decay[0]:.2g} to {decay[1]:.2g} per hour do about as well.")
    if decay[0] <= slowest:
        notes.append(f"The slowest decay that was tried, {slowest:g} per hour, may be too fast.")
    return notes
