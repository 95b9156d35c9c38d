"""What the panels show of one candle, as tables: the liquidation map by tier, and the clusters with their ages.

Numbers are those of `Ledger.replay`; nothing is estimated here a second time. USD, all of them estimates.
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
from ...widget.frames import column_width

if TYPE_CHECKING:
    from ...market import Market
    from ...model.density import Density
    from ...model.ledger import Ledger
    from ...widget import LiquidationHeatmap

Floats = npt.NDArray[np.float64]
MAX_BARS = 160  # a side; narrower bars than this are less than a pixel or two


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The settings of a heatmap at one moment, and the candle that the panels are about.

    Attributes
    ----------
    market, ledger
        The candles and their ledger.
    weights
        Share of each of the ledger's tiers, shape (L,).
    decay_rate
        Per hour.
    at
        Candle: the last one in view.
    """

    market: Market
    ledger: Ledger
    weights: Floats
    decay_rate: float
    at: int

    @classmethod
    def of(cls, heatmap: LiquidationHeatmap, before: Snapshot | None = None) -> Snapshot:
        """Return the present settings; the candle is the last one of ``visible``, where it shows these candles.

        What a snapshot ``before`` has replayed is taken over where it is the same, so that another mix is a sum.
        """
        with heatmap._lock:
            market, ledger, weights = heatmap.market, heatmap.ledger, heatmap._weights()
            rate, visible = heatmap.decay_rate, heatmap.visible
        ms = market.candles.index.as_unit("ms").asi8
        at = len(ms) - 1
        if visible is not None and ms[0] <= visible["time_to"] <= ms[-1]:
            width = column_width(len(ms))  # the picture's last column ends with its last candle
            at = min(int(np.searchsorted(ms, visible["time_to"], "right")) - 2 + width, at)
        now = cls(market, ledger, weights, rate, at)
        if before is not None and (before.ledger, before.decay_rate) == (ledger, rate):
            known = ("flows", "planes") if before.at == at else ("flows",)
            vars(now).update({name: value for name, value in vars(before).items() if name in known})
        if before is not None and (before.ledger, before.at) == (ledger, at) and "moment" in vars(before):
            vars(now)["moment"] = before.moment
        return now

    @property
    def is_last(self) -> bool:
        """Whether the candle is the last one there is."""
        return self.at == len(self.ledger) - 1

    @property
    def close(self) -> float:
        """Close of the candle, USD."""
        return float(self.ledger.close[self.at])

    @cached_property
    def planes(self) -> Density:
        """The density of this candle alone, by tier, (L, P, 1)."""
        return self.ledger.replay(self.decay_rate, columns=[self.at])

    @cached_property
    def flows(self) -> dict[str, Floats]:
        """What was liquidated and stood in every candle, by tier, (L, T): see `liqwidget.model.replay`."""
        return flows_of(self.ledger, self.decay_rate, None)

    @cached_property
    def moment(self) -> Moment:
        """What stands at this candle, for any mix and decay rate."""
        return Moment(self.ledger, self.at)

    @cached_property
    def density(self) -> Density:
        """The mixed density of this candle alone: its only column is 0."""
        return self.planes.mix(self.weights)

    @cached_property
    def tiers(self) -> Floats:
        """USD by tier and row, shape (L, P): each tier's plane times its share."""
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
        Tiers that hold anything, shape (K,).
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
        Bars on a side; rows are added up, from the close outwards, until they are few enough.
    """
    grid, close, tiers = snapshot.ledger.grid, snapshot.close, snapshot.tiers
    centre = grid.centres
    profile = snapshot.density.profile(0)
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
        What `Density.clusters` has, and ``age_hours``: how long ago what stands there was opened, on average over its
        USD; then what :class:`liqwidget.Sensitivity` says of clusters, for other mixes and decay rates in these bins.
    """
    table = snapshot.density.clusters(0, top=top)
    edges = snapshot.ledger.grid.edges
    row, amount, age = _standing(snapshot)
    ages = []
    for cluster in table.itertuples():
        a, b = np.searchsorted(edges, [cluster.price_low, cluster.price_high])
        inside = (row >= a) & (row < b)
        ages.append(float(np.average(age[inside], weights=amount[inside])))
    mixes, rates = drawn_mixes(snapshot.weights, DRAWS), drawn_rates(snapshot.decay_rate, DRAWS)
    return with_ranges(
        table.assign(age_hours=ages), *matched(table, snapshot.moment, snapshot.moment.columns(mixes, rates))
    )


def usd_text(usd: float) -> str:
    """Return an amount in words of three digits, such as ``"1.45 bn USD"``."""
    for size, unit in ((1e9, "bn "), (1e6, "M "), (1e3, "k ")):
        if abs(usd) >= size:
            return f"{usd / size:.3g} {unit}USD"
    return f"{usd:.3g} USD"


def _standing(snapshot: Snapshot) -> tuple[npt.NDArray[Any], Floats, Floats]:
    """Return row, USD and age (hours) of each entry that stands at the candle, shape (N,) each."""
    ledger, at = snapshot.ledger, snapshot.at
    clock = np.cumsum(ledger.hours)
    alive = slice(0, int(ledger.start[at + 1]))
    age = clock[at] - clock[ledger.column[alive]]
    amount = ledger.notional[alive] * snapshot.weights[ledger.tier[alive]] * np.exp(-snapshot.decay_rate * age)
    still = (ledger.end[alive] > at) & (amount > 0)
    return ledger.row[alive][still], amount[still], age[still]
