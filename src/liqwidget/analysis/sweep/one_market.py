"""Results of one market for many bin sizes, mixes and decay rates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np

from ...errors import InputError
from ...market.market import Market
from ...model.build import build_ledger
from ...model.cells import Cells, bright_runs
from ...model.grid import Floats
from ...model.ledger import Ledger
from ...model.turnover import AUTO
from ..sensitivity.draws import Moment
from ..stats.flows import Flows
from ..stats.measures import linear_correlation, ranks
from ..validation.held_out import held_out

#: USD below and above the close; then of the nearest large cluster on each side.
ESTIMATES = (
    "long_usd",
    "short_usd",
    *(f"{side}_{what}" for side in ("below", "above") for what in ("price", "distance", "usd")),
)
ScoreName = Literal["rank", "linear", "rank_long", "linear_long", "rank_short", "linear_short"]
SCORES: tuple[ScoreName, ...] = get_args(ScoreName)


@dataclass(frozen=True, eq=False)
class Found:
    """Numbers of B bin sizes, M mixes, R decay rates and A moments.

    Attributes
    ----------
    estimates
        In the order of ESTIMATES, (B, M, R, A, 8).
    scores
        In the order of SCORES, (M, R, 6), the same for all bin sizes; None if nothing was scored.
    note
        The reason, if a score was requested but is impossible.
    """

    estimates: Floats
    scores: Floats | None
    note: str = ""


@dataclass(frozen=True, eq=False)
class Task:
    """Everything that a piece of work needs; small enough to be sent.

    Attributes
    ----------
    name
        Name of the market.
    market, tiers
        The market, and the tiers of all mixes, from which the ledger is built.
    bin_sizes
        Sizes into which its rows are summed, USD.
    settings
        turnover, maintenance_rate and fee_rate of the ledger.
    weights, rates
        Shares of the tiers, (M, L), and decay rates per hour.
    moments
        Candles, counted from 0.
    large
        A cluster is large from this share of the USD of its side's largest cluster.
    every, start
        As for :func:`liqwidget.validate`.
    score
        None: score if possible; True: score or raise InputError; False: do not score.
    """

    name: str
    market: Market
    tiers: list[float]
    bin_sizes: list[float]
    settings: dict[str, Any]
    weights: Floats
    rates: list[float]
    moments: list[int]
    large: float
    every: str | None
    start: object
    score: bool | None

    def split(self, pieces: int) -> list[Task]:
        """Return tasks that share the decay rates; each builds the ledger."""
        return [replace(self, rates=[float(rate) for rate in part]) for part in np.array_split(self.rates, pieces)]

    def done(self, told: Callable[[int], object] = lambda _lines: None) -> Found:
        """Run the task; ``told`` is called for each decay rate with its number of lines."""
        ledger = build_ledger(self.market, self.tiers, **self.settings)
        moments = [[Moment(ledger, at, size) for at in self.moments] for size in self.bin_sizes]
        scoring, note = self._scoring(ledger)
        mixes, rates = len(self.weights), len(self.rates)
        estimates = np.empty((len(moments), mixes, rates, len(self.moments), len(ESTIMATES)))
        scores = np.empty((mixes, rates, len(SCORES)))
        for r, rate in enumerate(self.rates):
            for b, of_size in enumerate(moments):
                for a, moment in enumerate(of_size):
                    estimates[b, :, r, a] = _estimates(moment, rate, self.weights, self.large)
            if scoring is not None:
                scores[:, r] = scoring.of(rate, self.weights)
            told(mixes * len(moments) * len(self.moments))
        return Found(estimates, None if scoring is None else scores, note)

    def _scoring(self, ledger: Ledger) -> tuple[_Scoring | None, str]:
        if self.score is False or (self.score is None and self.market.liquidations is None):
            return None, ""
        try:
            return _Scoring(self.market, ledger, self.every, self.start), ""
        except InputError as error:
            if self.score:
                raise
            return None, f"{self.name}: not scored. {error}"


class _Scoring:
    """Realised liquidations of a market, and those of each tier of a ledger over the same time."""

    def __init__(self, market: Market, ledger: Ledger, every: str | None, start: object) -> None:
        intervals, true, _, _, self._scored = held_out(market, every, start)
        self._turnover: float | str = AUTO if ledger.auto else ledger.settings["turnover"]
        self._flows = Flows.on(ledger, market, f"{intervals.length}ns")
        self._true = [(ranks(known), known) for known in _by_side(true[self._scored])]

    def of(self, rate: float, weights: Floats) -> Floats:
        """Return the scores of mixes (M, L), (M, 6)."""
        flows = self._flows.at(rate, self._turnover)[self._scored]  # (H, 2, L)
        return np.array(
            [
                [
                    score
                    for said, (rank, known) in zip(_by_side(flows @ mix), self._true, strict=True)
                    for score in (linear_correlation(ranks(said), rank), linear_correlation(said, known))
                ]
                for mix in weights
            ]
        )


def _by_side(usd: Floats) -> tuple[Floats, Floats, Floats]:
    """Return both sides, longs, shorts of amounts (H, 2)."""
    return usd.reshape(-1), usd[:, 0], usd[:, 1]


def _estimates(moment: Moment, rate: float, weights: Floats, large: float) -> Floats:
    """Return the ESTIMATES of mixes (M, L), (M, 8)."""
    planes, cells = moment.planes(rate), moment.cells
    below = cells.longs
    sides = weights @ np.stack([planes[:, :below].sum(axis=1), planes[:, below:].sum(axis=1)], axis=1)
    # As in a Density: values below the smallest float32 are 0.
    columns = ((mix @ planes).astype(np.float32).astype(np.float64) for mix in weights)
    clusters = np.array([nearest_large(column, cells, moment.close, large) for column in columns])
    return np.concatenate([sides, clusters], axis=1)


def nearest_large(usd: Floats, cells: Cells, close: float, large: float) -> list[float]:
    """Return price, distance and USD of the nearest large cluster below the close, then above it; NaN for none.

    Parameters
    ----------
    usd, cells, close
        USD by cell, (C,), and the cells at this close.
    large
        Share of the USD of its side's largest cluster.
    """
    runs = bright_runs(usd, cells.is_long)
    of_run = np.array([usd[a:b].sum() for a, b in runs.tolist()])
    is_long = runs[:, 0] < cells.longs
    found = []
    for side, nearest in ((is_long, -1), (~is_long, 0)):  # runs ascend
        if not side.any():
            found += [np.nan] * 3
            continue
        i = np.flatnonzero(side & (of_run >= large * of_run[side].max()))[nearest]
        a, b = runs[i]
        price = float(cells.centres[a + int(np.argmax(usd[a:b]))])
        found += [price, price / close - 1.0, float(of_run[i])]
    return found
