"""Entries standing at one time, few enough to carry along a history, for any mix and any decay rate.

Entries of one row and tier whose ages are within a factor of 1.02 are merged into one with their mean age; the error is
1e-4 at the age at which decay leaves 1 / e of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..model.grid import Floats, Ints
from ..model.ledger import Ledger
from ..model.sweeps import order_of

_YOUNGEST, _RATIO = 1 / 60, 1.02  # hours; ages of one bucket


@dataclass(frozen=True, eq=False)
class Standing:
    """Standing entries: row, tier, side, USD when opened, and age in hours, each (N,), by tier and row."""

    row: Ints
    tier: Ints
    side: Ints
    notional: Floats
    age: Floats

    @classmethod
    def none(cls) -> Standing:
        """Return no entries, as before the first candle."""
        nothing = np.zeros(0, np.int64)
        return cls(nothing, nothing, nothing, np.zeros(0), np.zeros(0))

    @classmethod
    def of(cls, ledger: Ledger) -> Standing:
        """Return the entries that a ledger opened and did not sweep."""
        still = ledger.stands
        clock = np.cumsum(ledger.hours)
        age = clock[-1] - clock[ledger.column[still]]
        if ledger.age is not None:
            age = age + ledger.age[still]
        row, tier, side = (getattr(ledger, name)[still].astype(np.int64) for name in ("row", "tier", "side"))
        return _gathered(row, tier, side, ledger.notional[still], age)

    def behind(self, ledger: Ledger) -> Standing:
        """Return the entries standing at the end of a ledger that follows."""
        return self.then(ledger.first_sweep == len(ledger), float(ledger.hours.sum()), Standing.of(ledger))

    def then(self, kept: npt.NDArray[np.bool_], hours: float, left: Standing) -> Standing:
        """Return the entries standing ``hours`` later: those in unswept rows ``kept`` (P,), and new ones, ``left``."""
        mine = kept[self.row]
        return _gathered(
            np.concatenate([self.row[mine], left.row]),
            np.concatenate([self.tier[mine], left.tier]),
            np.concatenate([self.side[mine], left.side]),
            np.concatenate([self.notional[mine], left.notional]),
            np.concatenate([self.age[mine] + hours, left.age]),
        )


def _gathered(row: Ints, tier: Ints, side: Ints, notional: Floats, age: Floats) -> Standing:
    """Merge entries of one row and tier that have about the same age."""
    bucket = np.rint(np.log(np.maximum(age, _YOUNGEST) / _YOUNGEST) / np.log(_RATIO)).astype(np.int64)
    key = (tier << 32) | (row << 16) | bucket
    order = order_of(key)
    cuts = np.flatnonzero(np.diff(key[order], prepend=-1))
    if not len(cuts):
        return Standing.none()
    usd = np.add.reduceat(notional[order], cuts)
    hours = np.add.reduceat((notional * age)[order], cuts)
    lead = order[cuts]
    mean = np.divide(hours, usd, out=age[lead].copy(), where=usd > 0)
    return Standing(row[lead], tier[lead], side[lead], usd, mean)
