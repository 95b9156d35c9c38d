"""The search for decay rate and turnover: candidates are judged on intervals after those that the mix was fitted on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ...model.grid import Floats, Ints
from ...run.progress import Count, uncounted
from ..stats.flows import Flows
from ..stats.measures import linear_correlation, rank_correlation
from .fit_mix import Fit, fit_mixture

SURE = 0.95  # share of the resamples
FOLDS = 5  # the first two are only used for fitting, the others are predicted one by one


@dataclass(frozen=True, eq=False)
class Tried:
    """Predictions with one decay rate and turnover, for intervals after those that the mix was fitted on."""

    decay_rate: float
    candidate: float | str  # the turnover as requested
    turnover: float  # its value at this rate
    predicted: Floats  # (n, S)
    rank: float
    linear: float

    @property
    def merit(self) -> float:
        """The criterion: the sum of both correlations; -2 if there is none."""
        both = self.rank + self.linear
        return both if np.isfinite(both) else -2.0

    def line(self) -> dict[str, float]:
        """Return the settings and their scores."""
        return {name: getattr(self, name) for name in ("decay_rate", "turnover", "rank", "linear")}


@dataclass(frozen=True, eq=False)
class Search:
    """The data, and fits of a mix to any part of them.

    Attributes
    ----------
    flows
        Flows of the tiers.
    used
        Intervals of the flows that are used, (H,).
    sides
        Which of longs (0) and shorts (1) were recorded, (S,).
    y
        Realised USD of these, (n, S).
    tiers, prior
        Leverages, and their shares in the prior, (L,).
    prior_spread
        See :func:`liqwidget.calibrate`.
    """

    flows: Flows
    used: npt.NDArray[np.bool_]
    sides: Ints
    y: Floats
    tiers: list[float]
    prior: Floats
    prior_spread: float

    @cached_property
    def parts(self) -> list[int]:
        """Ends of the parts of the rolling origin, 0 first."""
        return [int(end) for end in np.linspace(0, len(self.y), FOLDS + 1)]

    def flows_at(self, decay_rate: float, turnover: float | str) -> Floats:
        """Return the flows of the intervals and sides that are used, (n, S, L)."""
        flows: Floats = self.flows.at(decay_rate, turnover)[self.used][:, self.sides]
        return flows

    def fit(self, x: Floats, y: Floats, *how: Any) -> Fit:
        """Fit a mix to flows (n, S, L) and amounts (n, S); see :func:`fit_mixture` for the rest."""
        return fit_mixture(x.reshape(-1, x.shape[-1]), y.reshape(-1), self.prior, self.prior_spread, *how)

    def tried(self, decay_rate: float, turnover: float | str) -> Tried:
        """Predict each part after the second from a fit to the earlier ones."""
        x = self.flows_at(decay_rate, turnover)
        rest = pairwise(self.parts[2:])
        predicted = np.concatenate([x[a:b] @ self.fit(x[:a], self.y[:a]).weights for a, b in rest])
        found = self.flows.turnover(decay_rate, turnover)
        return Tried(decay_rate, turnover, found, predicted, *correlations(predicted, self.y[self.parts[2] :]))

    def best(
        self, rates: list[float], turnovers: Sequence[float | str], count: Floats, told: Count = uncounted
    ) -> tuple[Tried, list[Tried], Floats]:
        """Return the settings to use, all that were tried, and the best rate on each resample, (draws,).

        Turnovers after the first are tried at its best rate; one that is better on 19 of 20 resamples is tried at all
        rates. The rate to use is the geometric mean of the best ones (0 counts as a tenth of the slowest one above it).
        ``told`` is called once a rate and once a resample.
        """
        count = count[:, self.parts[2] :]
        row = []
        for rate in rates:
            row.append(self.tried(rate, turnovers[0]))
            told()
        tried = row
        top = max(row, key=lambda one: one.merit)
        others = [self.tried(top.decay_rate, turnover) for turnover in turnovers[1:]]
        compared = self._merits([top, *others], count)
        better = [
            one for one, merit in zip(others, compared[:, 1:].T, strict=True) if (merit > compared[:, 0]).mean() >= SURE
        ]
        turnover = max(better, key=lambda one: one.merit).candidate if better else turnovers[0]
        if better:
            row = [self.tried(rate, turnover) for rate in rates]
        merits = self._merits(row, count, told)
        best = np.array(rates)[merits.argmax(axis=1)]
        least = 0.1 * min((rate for rate in rates if rate > 0), default=0.0)
        middle = float(np.exp(np.log(np.maximum(best, least)).mean())) if least else 0.0
        chosen = self.tried(middle, turnover)
        return chosen, [*tried, *others, *(row if better else []), chosen], best

    def _merits(self, row: list[Tried], count: Floats, told: Count = uncounted) -> Floats:
        """Return the criterion of each setting on each resample of the predicted intervals, (draws, settings)."""
        known = self.y[self.parts[2] :]
        merits = np.empty((len(count), len(row)))
        for i, times in enumerate(count.astype(np.intp)):
            rows = np.repeat(np.arange(len(known)), times)
            merits[i] = [sum(correlations(one.predicted[rows], known[rows])) for one in row]
            told()
        return np.nan_to_num(merits, nan=-2.0)

    def resampled(
        self, fit: Fit, decay: Floats, turnover: float | str, count: Floats, seed: int, told: Count = uncounted
    ) -> pd.DataFrame:
        """Return mixes in percent, (draws, L): resampled days, a prior drawn from its spread, the draw's decay."""
        rng = np.random.default_rng(seed)
        centres = np.maximum(rng.normal(1.0, self.prior_spread, (len(count), len(self.prior))), 0.0)
        x = {rate: self.flows_at(rate, turnover) for rate in np.unique(decay)}
        weights = np.empty((len(count), len(self.prior)))
        for i, (rate, times, centre) in enumerate(zip(decay, count, centres, strict=True)):
            weights[i] = self.fit(x[rate], self.y, np.repeat(times, len(self.sides)), fit, centre).weights
            told()
        return pd.DataFrame(100 * weights / weights.sum(axis=1, keepdims=True), columns=self.tiers)


def correlations(predicted: Floats, known: Floats) -> tuple[float, float]:
    """Return the rank and the linear correlation over all cells."""
    x, y = predicted.reshape(-1), known.reshape(-1)
    return rank_correlation(x, y), linear_correlation(x, y)
