"""The panels' data for one candle: the liquidation map by tier, and the clusters with their ages.

Numbers are those of `Ledger.replay`; nothing is estimated a second time. Amounts are USD, all of them estimates.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ...analysis.sensitivity.draws import DRAWS, Moment, drawn_mixes, drawn_rates, matched, with_ranges
from ...model.replay import flows_of

if TYPE_CHECKING:
    from ...market.market import Market
    from ...model.density import Density
    from ...model.ledger import Ledger
    from ...widget.heatmap import LiquidationHeatmap

Floats = npt.NDArray[np.float64]
MAX_BARS = 160  # per side; with more, bars would be narrower than a pixel or two


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The settings of a heatmap at one time, and the candle that the panels describe.

    Attributes
    ----------
    market, ledger
        The candles and their ledger.
    weights
        Share of each of the ledger's tiers, shape (L,).
    decay_rate
        Per hour.
    bin_size
        Height of the bins shown, USD.
    at
        Candle: the last one in view.
    """

    market: Market
    ledger: Ledger
    weights: Floats
    decay_rate: float
    bin_size: float
    at: int

    @classmethod
    def of(cls, heatmap: LiquidationHeatmap, before: Snapshot | None = None) -> Snapshot:
        """Return the current settings; the candle is the last one in ``visible``, if that shows these candles.

        During a replay it is at most the last one that has closed by then.

        Replayed arrays of a snapshot ``before`` are reused where they are the same, so that another mix is only a sum.
        """
        shown, visible = heatmap.shown, heatmap.visible
        market, ledger, weights, rate = shown.market, shown.ledger, shown.weights, shown.decay_rate
        ms = market.candles.index.as_unit("ms").asi8
        at = len(ms) - 1
        if visible is not None and ms[0] <= visible["time_to"] <= ms[-1]:
            at = int(np.searchsorted(ms, visible["time_to"], "right")) - 1
        at = min(at, shown.closed_by(heatmap.as_of) - 1)
        now = cls(market, ledger, weights, rate, shown.bin_size, at)
        if before is not None and (before.ledger, before.decay_rate) == (ledger, rate):
            known = ("flows", "planes") if before.at == at else ("flows",)
            vars(now).update({name: value for name, value in vars(before).items() if name in known})
        if before is not None and (before.ledger, before.at, before.bin_size) == (ledger, at, now.bin_size):
            same = ("moment", "bins") if before.decay_rate == rate else ("moment",)
            vars(now).update({name: value for name, value in vars(before).items() if name in same})
        return now

    @property
    def is_last(self) -> bool:
        """Whether the candle is the market's last."""
        return self.at == len(self.ledger) - 1

    @property
    def close(self) -> float:
        """Close of the candle, USD."""
        return float(self.ledger.close[self.at])

    @cached_property
    def planes(self) -> Density:
        """The density of this candle alone, by tier and row, (L, rows, 1)."""
        return self.ledger.replay(self.decay_rate, columns=[self.at])

    @cached_property
    def flows(self) -> dict[str, Floats]:
        """USD liquidated and standing in every candle, by tier, (L, T): see `liqwidget.model.replay`."""
        return flows_of(self.ledger.at(self.decay_rate), self.decay_rate, None)

    @cached_property
    def moment(self) -> Moment:
        """The positions standing at this candle, for any mix and decay rate."""
        return Moment(self.ledger, self.at, self.bin_size)

    @cached_property
    def bins(self) -> Density:
        """The density of this candle alone, by tier, in the bins shown, (L, P, 1)."""
        return self.ledger.replay(self.decay_rate, columns=[self.at], bin_size=self.bin_size)

    @cached_property
    def density(self) -> Density:
        """The mixed density of this candle alone, in the bins shown: its only column is 0."""
        return self.bins.mix(self.weights)

    @cached_property
    def tiers(self) -> Floats:
        """USD by tier and row, shape (L, rows): each tier's plane times its share."""
        weighted: Floats = self.planes.values[:, :, 0].astype(np.float64) * self.weights[:, None]
        return weighted


@dataclass(frozen=True)
class LiquidationMap:
    """Bars of the liquidation map, R of them, in price order.

    Attributes
    ----------
    low, high
        Edges of each bar, USD, shape (R,); a bar is one row of the grid or a few.
    leverage
        Tiers with any USD, shape (K,).
    usd
        Standing by tier and bar, shape (K, R).
    cumulative
        USD between the close and the bar's far edge, shape (R,).
    close
        The price, USD: bars below it are longs, above it shorts.
    """

    low: Floats
    high: Floats
    leverage: Floats
    usd: Floats
    cumulative: Floats
    close: float

    @property
    def is_long(self) -> npt.NDArray[np.bool_]:
        """Which bars are longs, shape (R,)."""
        return self.high + self.low < 2 * self.close


def liquidation_map(snapshot: Snapshot, most: int = MAX_BARS) -> LiquidationMap:
    """Return the liquidation map of a snapshot.

    Parameters
    ----------
    snapshot
        Settings and candle.
    most
        Most bars per side; rows are merged, from the close outwards, until there are few enough.
    """
    grid, close, tiers = snapshot.ledger.grid, snapshot.close, snapshot.tiers
    centre = grid.centres
    profile = snapshot.planes.mix(snapshot.weights).profile(0)
    cumulative = (profile["cumulative_long"] + profile["cumulative_short"]).to_numpy()
    held = np.flatnonzero(tiers.any(axis=0))
    kept = np.flatnonzero(tiers.any(axis=1))
    low, high, usd, beyond = [], [], [], []
    for rows in (held[centre[held] < close][::-1], held[centre[held] > close]):  # outwards from the close
        if not len(rows):
            continue
        step = -(-(abs(int(rows[-1]) - int(rows[0])) + 1) // most)
        group = np.abs(rows - rows[0]) // step
        first = np.flatnonzero(np.diff(group, prepend=-1))
        last = np.r_[first[1:], len(rows)] - 1
        near, far = rows[first], rows[last]
        inner, outer = np.minimum(near, far), np.maximum(near, far)
        low.append(grid.edges[inner])
        high.append(grid.edges[outer + 1])
        usd.append(np.add.reduceat(tiers[np.ix_(kept, rows)], first, axis=1))
        beyond.append(cumulative[far])
    if not low:
        none = np.empty(0)
        return LiquidationMap(none, none, none, np.empty((0, 0)), none, close)
    order = np.argsort(np.concatenate(low))
    return LiquidationMap(
        np.concatenate(low)[order],
        np.concatenate(high)[order],
        snapshot.ledger.leverage[kept],
        np.concatenate(usd, axis=1)[:, order],
        np.concatenate(beyond)[order],
        close,
    )


def cluster_table(snapshot: Snapshot, top: int = 12) -> pd.DataFrame:
    """Return `Density.clusters` of the candle with their ages, and with their ranges under other settings.

    Returns
    -------
    DataFrame
        The columns of `Density.clusters`, and ``age_hours``: mean time since the standing positions opened, weighted by
        USD; then the columns of :class:`liqwidget.Sensitivity` for clusters, under other mixes and decay rates.
    """
    table = snapshot.density.clusters(0, top=top)
    row, amount, age = _standing(snapshot)
    price = snapshot.ledger.grid.centres[row]
    ages = []
    for cluster in table.itertuples():
        inside = (price > cluster.price_low) & (price < cluster.price_high)
        ages.append(float(np.average(age[inside], weights=amount[inside])))
    mixes, rates = drawn_mixes(snapshot.weights, DRAWS), drawn_rates(snapshot.decay_rate, DRAWS)
    return with_ranges(
        table.assign(age_hours=ages), *matched(table, snapshot.moment, snapshot.moment.columns(mixes, rates))
    )


def _standing(snapshot: Snapshot) -> tuple[npt.NDArray[Any], Floats, Floats]:
    """Return row, USD and age (hours) of each entry that stands at the candle, shape (N,) each."""
    ledger, at = snapshot.ledger.at(snapshot.decay_rate), snapshot.at
    clock = np.cumsum(ledger.hours)
    alive = slice(0, int(ledger.start[at + 1]))
    age = clock[at] - clock[ledger.column[alive]]
    amount = ledger.notional[alive] * snapshot.weights[ledger.tier[alive]] * np.exp(-snapshot.decay_rate * age)
    still = (ledger.end[alive] > at) & (amount > 0)
    return ledger.row[alive][still], amount[still], age[still]
