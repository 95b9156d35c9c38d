"""Consecutive candles as a linear map of the state before them: pieces of a history, computed independently.

The replay is linear in the state before. Over a piece of candles each row and tier goes from ``state`` to
``gain * state + rest``: gain is 0 where the piece sweeps the row, and the decay factor elsewhere; rest is the density
of the entries that the piece opened. Such maps compose associatively, so pieces can be computed in any order and on
any machine.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..model.grid import Floats, Ints
from ..model.ledger import Ledger
from ..model.replay import few_standing_columns, standing_columns

_FEW = 8  # candles per kept close, from which on they are replayed together


@dataclass(frozen=True, eq=False)
class Step:
    """The linear map of a piece.

    Attributes
    ----------
    gain
        Of each row, (P,).
    rest
        USD standing at the end that were opened within, (planes, P): a plane per tier, or one for a mix.
    """

    gain: Floats
    rest: Floats

    def after(self, state: Floats) -> Floats:
        """Return the state after the piece, (planes, P), given the one before it."""
        return self.gain * state + self.rest

    def then(self, later: Step) -> Step:
        """Return this map followed by a later one."""
        return Step(later.gain * self.gain, later.gain * self.rest + later.rest)


@dataclass(frozen=True, eq=False)
class Piece:
    """Consecutive candles, replayed as if nothing stood before.

    Attributes
    ----------
    own
        USD at the kept closes, (K, planes, P).
    kept
        Their candles, counted from the piece's first, (K,).
    hours
        From the close before the piece to the kept closes, (K,).
    swept
        First candle that sweeps each row, (P,); the number of candles if none does.
    step
        The map of the whole piece.
    rate
        Decay per hour.
    """

    own: npt.NDArray[np.float32]
    kept: Ints
    hours: Floats
    swept: Ints
    step: Step
    rate: float

    @classmethod
    def of(cls, ledger: Ledger, rate: float, weights: Floats | None, kept: Ints) -> Piece:
        """Replay the piece's ledger.

        Parameters
        ----------
        ledger
            Of the piece's candles, built with the candle before them, on the grid of the whole history.
        rate, weights
            Decay per hour; shares of the tiers (L,), or None for a plane per tier.
        kept
            Candles whose closes are kept, counted from the piece's first, ascending, (K,).
        """
        T, rows = len(ledger), ledger.grid.rows
        planes = len(ledger.leverage) if weights is None else 1
        replayed = few_standing_columns if len(kept) * _FEW < T else standing_columns
        own = replayed(ledger, rate, weights, kept)
        swept, clock = ledger.first_sweep, np.cumsum(ledger.hours)
        gain = np.where(swept == T, np.exp(-rate * clock[-1]), 0.0)
        still = ledger.stands
        age = clock[-1] - clock[ledger.column[still]] + (0.0 if ledger.age is None else ledger.age[still])
        tier, row = ledger.tier[still].astype(np.intp), ledger.row[still]
        left = ledger.notional[still] * np.exp(-rate * age) * (1.0 if weights is None else weights[tier])
        plane = tier if weights is None else 0
        rest = np.bincount(plane * rows + row, left, planes * rows).astype(np.float64).reshape(planes, rows)
        return cls(own, kept, clock[kept], swept, Step(gain, rest), rate)

    def on(self, state: Floats, out: npt.NDArray[np.float32] | None = None) -> npt.NDArray[np.float32]:
        """Return what stands at the kept closes, (K, planes, P), if ``state`` (planes, P) stood before the piece.

        The result is written into ``out``, which may be `own` itself.
        """
        whole = np.empty_like(self.own) if out is None else out
        left = np.exp(-self.rate * self.hours)
        for i, kept in enumerate(self.kept.tolist()):  # one by one, to avoid a temporary array of the full size
            whole[i] = self.own[i] + np.where(self.swept > kept, left[i], 0.0) * state
        return whole
