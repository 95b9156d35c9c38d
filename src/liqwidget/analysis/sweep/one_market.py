"""What one market comes to in rows of one size, under many mixes and decay rates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ...errors import InputError
from ...market import Market
from ...model.density import bright_runs
from ...model.grid import Floats, PriceGrid
from ...model.ledger import Ledger, build_ledger
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
SCORES = tuple(f"{name}{side}" for side in ("", "_long", "_short") for name in ("rank", "linear"))


@dataclass(frozen=True, eq=False)
class Found:
    """Numbers of M mixes, R decay rates and A moments.

    Attributes
    ----------
    estimates
        In the order of ESTIMATES, (M, R, A, 8).
    scores
        In the order of SCORES, (M, R, 6); None where nothing was scored.
    note
        Why not, if it was asked for.
    """

    estimates: Floats
    scores: Floats | None
    note: str = ""


@dataclass(frozen=True, eq=False)
class Task:
    """Everything that a piece of work needs; small enough to travel.

    Attributes
    ----------
    name
        Of the market.
    market, tiers, bin_size
        What the ledger is of; tiers are those of all mixes.
    settings
        turnover, maintenance_rate and fee_rate of the ledger.
    weights, rates
        Shares of the tiers, (M, L), and decay rates per hour.
    moments
        Candles, from 0 on.
    large
        Share of the USD of its side's largest cluster from which on one is large.
    every, start
        As for :func:`liqwidget.validate`.
    score
        None: if it is possible; True: or InputError; False: not.
    """

    name: str
    market: Market
    tiers: list[float]
    bin_size: float
    settings: dict[str, float]
    weights: Floats
    rates: list[float]
    moments: list[int]
    large: float
    every: str | None
    start: object
    score: bool | None

    def split(self, pieces: int) -> list[Task]:
        """Return tasks that have the decay rates in turn; each builds the ledger."""
        return [replace(self, rates=[float(rate) for rate in part]) for part in np.array_split(self.rates, pieces)]

    def done(self, told: Callable[[int], object] = lambda _lines: None) -> Found:
        """Do it; ``told`` hears of each decay rate how many lines it gave."""
        ledger = build_ledger(self.market, self.tiers, self.bin_size, **self.settings)
        moments = [Moment(ledger, at) for at in self.moments]
        scoring, note = self._scoring(ledger)
        mixes, rates = len(self.weights), len(self.rates)
        estimates = np.empty((mixes, rates, len(moments), len(ESTIMATES)))
        scores = np.empty((mixes, rates, len(SCORES)))
        for r, rate in enumerate(self.rates):
            for a, moment in enumerate(moments):
                estimates[:, r, a] = _estimates(moment, rate, self.weights, self.large)
            if scoring is not None:
                scores[:, r] = scoring.of(rate, self.weights)
            told(mixes * len(moments))
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
    """Realised liquidations of a market, and what each tier of a ledger would have had liquidated meanwhile."""

    def __init__(self, market: Market, ledger: Ledger, every: str | None, start: object) -> None:
        intervals, true, _, _, self._scored = held_out(market, every, start)
        self._turnover = ledger.settings["turnover"]
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
    planes, grid, close = moment.planes(rate), moment.grid, moment.close
    below = int(np.searchsorted(grid.centres, close))  # rows of longs
    sides = weights @ np.stack([planes[:, :below].sum(axis=1), planes[:, below:].sum(axis=1)], axis=1)
    # As a Density has it: what is below the least float32 is nothing.
    columns = ((mix @ planes).astype(np.float32).astype(np.float64) for mix in weights)
    clusters = np.array([nearest_large(column, grid, close, large) for column in columns])
    return np.concatenate([sides, clusters], axis=1)


def nearest_large(column: Floats, grid: PriceGrid, close: float, large: float) -> list[float]:
    """Return price, distance and USD of the nearest large cluster below the close, then above it; NaN for none.

    Parameters
    ----------
    column, grid, close
        USD by row, (P,), of this grid, at this close.
    large
        Share of the USD of its side's largest cluster.
    """
    runs = bright_runs(column, grid.centres < close)
    usd = np.array([column[a:b].sum() for a, b in runs.tolist()])
    is_long = grid.centres[runs[:, 0]] < close
    found = []
    for side, nearest in ((is_long, -1), (~is_long, 0)):  # runs go up
        if not side.any():
            found += [np.nan] * 3
            continue
        i = np.flatnonzero(side & (usd >= large * usd[side].max()))[nearest]
        a, b = runs[i]
        price = float(grid.centres[a + int(np.argmax(column[a:b]))])
        found += [price, price / close - 1.0, float(usd[i])]
    return found
