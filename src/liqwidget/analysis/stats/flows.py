"""The liquidations of each tier of a ledger, interval by interval, for any decay rate and turnover.

Sweeps depend on neither, so the end of each entry is computed once (`Ledger.end`). An entry opened in candle s and
swept in candle t gives ``notional * exp(-rate * hours from s to t)``; another turnover scales the openings of candle s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from ...market.market import Market
from ...model.build import build_ledger
from ...model.ledger import Ledger
from ...model.maintenance import MaintenanceRate
from ...model.mixed_ledger import MixedLedger
from ...model.turnover import Opening, Turnover, VenueOpenings, opening_of

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Flows:
    """Liquidations by tier as a function of decay rate and turnover.

    Attributes
    ----------
    time
        Starts of all intervals that contain a candle, datetime64[ns] UTC, shape (H,).
    leverage
        Tiers, shape (L,).
    """

    time: npt.NDArray[np.datetime64]
    leverage: Floats
    _opening: Opening | VenueOpenings
    _turnover: float  # of the ledger
    _interval: Ints  # of each candle, (T,)
    _crossed: Floats  # USD liquidated inside its own candle, (T, L, 2)
    _column: Ints  # candle that opened each entry that is swept later, (N,)
    _hours: Floats  # from there to the sweep, (N,)
    _notional: Floats  # (N,)
    _cell: Ints  # (interval * 2 + side) * L + tier of the sweep, (N,)
    _others: tuple[Flows, ...] = ()  # of contracts of other kinds, in a combined market

    @classmethod
    def of(
        cls,
        market: Market,
        leverage: Sequence[float],
        every: str,
        bin_size: float | None = None,
        maintenance_rate: MaintenanceRate = 0.004,
        fee_rate: float = 0.0,
    ) -> Flows:
        """Return the flows of a market.

        Parameters
        ----------
        market, leverage, bin_size, maintenance_rate, fee_rate
            As for :func:`liqwidget.build_ledger`.
        every
            Length of an interval, in pandas' notation; at least that of a candle.
        """
        return cls.on(build_ledger(market, leverage, bin_size, maintenance_rate, fee_rate), market, every)

    @classmethod
    def on(cls, ledger: Ledger, market: Market, every: str) -> Flows:
        """Return the flows of a market from its unmerged ledger, of any turnover."""
        if isinstance(ledger, MixedLedger):
            first, *others = (cls.on(group, market, every) for group in ledger.groups)
            return replace(first, _others=tuple(others))
        starts = market.candles.index.floor(every)
        time, interval = np.unique(starts.as_unit("ns").tz_localize(None).to_numpy(), return_inverse=True)
        T, L = len(ledger), len(ledger.leverage)
        swept = ledger.end < T
        end = ledger.end[swept].astype(np.int64)
        clock = np.cumsum(ledger.hours)
        column = ledger.column[swept]
        return cls(
            time=time,
            leverage=ledger.leverage,
            _opening=ledger.venues or opening_of(market),
            _turnover=ledger.settings["turnover"],
            _interval=interval,
            _crossed=ledger.crossed,
            _column=column,
            _hours=clock[end] - clock[column],
            _notional=ledger.notional[swept],
            _cell=((interval[end] * 2 + ledger.side[swept]) * L + ledger.tier[swept]).astype(np.intp),
        )

    def at(self, decay_rate: float, turnover: float | str = 1.0) -> Floats:
        """Return the USD liquidated in each tier at weight 1, shape (H, 2, L): longs, shorts."""
        share = self._opened(self.turnover(decay_rate, turnover))
        amount = self._notional * np.exp(-decay_rate * self._hours) * share[self._column]
        H, L = len(self.time), len(self.leverage)
        swept = np.bincount(self._cell, amount, H * 2 * L).reshape(H, 2, L)
        crossed = np.zeros((H, L, 2))
        np.add.at(crossed, self._interval, self._crossed * share[:, None, None])
        flows: Floats = swept + crossed.transpose(0, 2, 1)
        return flows + sum(other.at(decay_rate, turnover) for other in self._others)

    def turnover(self, decay_rate: float, turnover: float | str) -> Turnover | float:
        """Return the turnover in force at a decay rate: "auto" is solved from the market."""
        return self._opening.turnover(decay_rate) if isinstance(turnover, str) else turnover

    def _opened(self, turnover: float) -> Floats:
        """Return what each candle opens at a turnover, as a share of that at the ledger's turnover, shape (T,)."""
        whole = self._opening.opened(self._turnover)
        opened = self._opening.opened(turnover)
        share: Floats = np.divide(opened, whole, out=np.zeros_like(whole), where=whole > 0)
        return share


def realised(market: Market, time: npt.NDArray[np.datetime64], every: str) -> Floats:
    """Return the realised USD of each interval, shape (H, 2): longs, shorts; NaN if unknown.

    Known are the intervals from the first to the last that has a realised liquidation; those without any are 0.
    """
    found = np.full((len(time), 2), np.nan)
    events = market.liquidations
    if events is None or not len(events):
        return found
    start = pd.DatetimeIndex(events["time"]).floor(every).as_unit("ns").tz_localize(None).to_numpy()
    at = np.minimum(np.searchsorted(time, start), len(time) - 1)
    inside = time[at] == start  # not in a gap of the candles
    if not inside.any():
        return found
    found[at[inside].min() : at[inside].max() + 1] = 0.0
    side = (events["side"] == "short").to_numpy().astype(np.intp)
    np.add.at(found, (at[inside], side[inside]), events["notional"].to_numpy()[inside])
    return found


def natural_every(market: Market) -> str:
    """Return the length of an interval that suits a market's realised liquidations, in pandas' notation.

    That of the sums, if only sums are known (no prices); an hour for single ones; never less than a candle.
    """
    length = pd.Timedelta("1h")
    events = market.liquidations
    if events is not None and len(events) and events["price"].isna().all():
        times = np.unique(pd.DatetimeIndex(events["time"]).as_unit("ns").asi8)
        if len(times) > 1:
            length = pd.Timedelta(int(np.diff(times).min()), unit="ns")
    seconds = int(max(length, market.interval) / pd.Timedelta("1s"))
    return f"{seconds // 3600}h" if seconds % 3600 == 0 else f"{seconds}s"
