"""The ledger of a combined market with linear and inverse contracts, whose levels follow two rules."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError
from .grid import Floats
from .ledger import Ledger
from .margin import Contract
from .turnover import VenueOpenings

if TYPE_CHECKING:
    from ..market.market import Market


def names_by_contract(market: Market) -> dict[Contract, list[str]]:
    """Return the venues of a combined market by the kind of their contracts, those of the first venue first."""
    found: dict[Contract, list[str]] = {}
    for name, part in market.venues.items():
        found.setdefault(part.contract, []).append(name)
    return found


@dataclass(frozen=True, eq=False)
class MixedLedger(Ledger):
    """The entries of several ledgers with the same rows and sweeps, one for each kind of contract.

    What changes amounts by candle is applied to each of them, since their venues open different shares.
    """

    groups: tuple[Ledger, ...] = ()

    @classmethod
    def of(cls, groups: Sequence[Ledger]) -> Ledger:
        """Return the ledgers as one; a single one as it is."""
        first, *others = groups
        if not others:
            return first
        column = np.concatenate([group.column for group in groups])
        order = np.argsort(column, kind="stable")
        found: dict[str, Any] = {
            name: np.concatenate([getattr(group, name) for group in groups])[order]
            for name in ("row", "tier", "side", "notional", *(("age",) if first.age is not None else ()))
        }
        found |= {name: np.sum([getattr(group, name) for group in groups], axis=0) for name in _SUMMED}
        known = [group.venues for group in groups if group.venues is not None]
        venues = None
        if len(known) == len(groups):
            venues = VenueOpenings(known[0].venues, frozenset(name for part in known for name in part.names))
        return cls(
            **{name: getattr(first, name) for name in _SHARED},
            start=np.searchsorted(column[order], np.arange(len(first) + 1)).astype(first.start.dtype),
            auto=None if first.auto is None else venues,
            venues=venues,
            groups=tuple(groups),
            **found,
        )

    def at(self, decay_rate: float) -> Ledger:
        """Return the ledger with the amounts of its turnover at a decay rate; see :meth:`Ledger.at`."""
        return self if self.auto is None else self.of([group.at(decay_rate) for group in self.groups])

    def only(self, names: Collection[str]) -> Ledger:
        """Return what some venues opened; see :meth:`Ledger.only`."""
        super().only(names)  # refuses strange names
        kept = [(group, set(names) & set(group.venues.names)) for group in self.groups if group.venues is not None]
        return self.of([group.only(some) for group, some in kept if some])

    def opened_share(self, decay_rate: float) -> Floats:
        """Return the share, which is 1; refuse to tell one of a turnover "auto": it differs between the contracts."""
        if self.auto is None:
            return super().opened_share(decay_rate)
        raise InputError(
            "market: wanted contracts of one kind with turnover='auto'; got linear and inverse ones, whose turnovers "
            "differ. Combine the linear venues alone, or the inverse ones, or pass a turnover as a number."
        )

    def merged(self, width: int) -> Ledger:
        """Return the ledger with columns of ``width`` candles; see :meth:`Ledger.merged`."""
        return self.of([group.merged(width) for group in self.groups])

    def since(self, first: int) -> Ledger:
        """Return the columns from ``first`` on; see :meth:`Ledger.since`."""
        return self.of([group.since(first) for group in self.groups])

    def until(self, columns: int) -> Ledger:
        """Return the first columns; see :meth:`Ledger.until`."""
        return self.of([group.until(columns) for group in self.groups])

    def extended(self, market: Market, since: int) -> Ledger:
        """Return the ledger with later candles recomputed; see :meth:`Ledger.extended`."""
        return self.of([group.extended(market, since) for group in self.groups])


_SHARED = ("grid", "leverage", "time", "close", "hours", "sweep", "settings")
_SUMMED = ("opened", "crossed", "out_of_range")
