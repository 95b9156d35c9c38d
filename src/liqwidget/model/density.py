"""Density: the USD notional still standing per price row and candle, and what is read from it.

Axes are L (leverage tiers), P (price rows, row 0 the lowest), T (candles). All values are estimates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from math import log
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..checks import is_finite
from ..errors import InputError
from .grid import Floats, Ints, PriceGrid
from .ledger import NS_PER_HOUR, SPAN, Ledger, build_ledger, opened_coins
from .replay import FLOWS, flows_of, standing_columns
from .settings import check_mix, shares

if TYPE_CHECKING:
    import pandas as pd

    from ..market import Market

MAX_CELLS = 1_000_000_000  # 4 GB of float32
DEFAULT_HALF_LIFE_HOURS = 24.0
BRIGHT = 0.3  # share of the densest row from which on a row is bright


class Density:
    """What stands at each candle's close, and where the rest of what opened went.

    Made by :func:`replay`. The amounts below ``values`` are computed when first asked for.

    Attributes
    ----------
    values
        USD per row, float32: (L, P, T) per tier, each plane as if all traders used that tier, or
        (P, T) mixed. A row below the close holds longs, above it shorts.
    grid, leverage, weights
        Price rows; tier leverages (L,); weights (L,) of a mixed density, else None.
    time, close
        Open time (datetime64[ns], UTC) and close (USD) of each column, shape (T,).
    decay_rate
        Share that closes by itself, per hour, continuous.
    opened
        USD opened on each side, shape (T,); times the sum of the weights in a mixed density.
    liquidated_long, liquidated_short, decayed_long, decayed_short, out_of_range_long, out_of_range_short
        USD, float64, (L, T) per tier or (T,) mixed. Per tier and side, summed over time,
        ``opened = standing + liquidated + decayed + out_of_range`` to 1e-9.
    standing_long, standing_short
        USD standing at each close in float64, same shape.
    """

    def __init__(
        self,
        ledger: Ledger,
        decay_rate: float,
        weights: Floats | None,
        columns: npt.NDArray[np.intp],
        values: npt.NDArray[np.float32],
    ) -> None:
        self._ledger = ledger
        self._columns = columns
        self.values = values
        self.decay_rate = decay_rate
        self.weights = weights
        self.grid: PriceGrid = ledger.grid
        self.leverage = ledger.leverage
        self.time = ledger.time[columns]
        self.close = ledger.close[columns]

    def __repr__(self) -> str:
        kind = "mixed" if self.weights is not None else f"{len(self.leverage)} tiers"
        half_life = "none" if self.decay_rate == 0 else f"half-life {log(2) / self.decay_rate:.3g} h"
        return (
            f"Density({kind}, {self.grid.rows:,} rows of {self.grid.bin_size:g} USD x {len(self.time):,} candles, "
            f"decay {half_life}; estimate)"
        )

    @cached_property
    def _flows(self) -> dict[str, Floats]:
        flows = flows_of(self._ledger, self.decay_rate, self.weights)
        kept = self._columns
        if len(kept) == len(self._ledger):
            return flows
        first, reach = np.r_[0, kept[:-1] + 1], kept[-1] + 1
        return {
            name: flow[..., kept] if name.startswith("standing") else np.add.reduceat(flow[..., :reach], first, axis=-1)
            for name, flow in flows.items()
        }

    def __getattr__(self, name: str) -> Any:
        if name in FLOWS:
            return self._flows[name]
        raise AttributeError(f"'Density' has no attribute {name!r}")

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *FLOWS})

    @property
    def price_edges(self) -> Floats:
        """Edges of the rows, USD, shape (P+1,)."""
        return self.grid.edges

    @property
    def bin_size(self) -> float:
        """Height of a row, USD."""
        return self.grid.bin_size

    @property
    def decayed(self) -> Floats:
        """USD that closed by itself in each candle, both sides, (L, T) or (T,)."""
        both: Floats = self._flows["decayed_long"] + self._flows["decayed_short"]
        return both

    def mix(self, weights: Sequence[float] | npt.NDArray[np.floating[Any]]) -> Density:
        """Return the mixed density: the sum over tiers of weight times plane. Needs a per-tier density."""
        if self.weights is not None:
            raise InputError("mix: this density is mixed already; replay the ledger without weights first")
        w = _check_weights(weights, len(self.leverage))
        values = np.einsum("l,lpt->pt", w.astype(np.float32), self.values)
        return Density(self._ledger, self.decay_rate, w, self._columns, values)

    def column(self, at: int = -1) -> Floats:
        """Return the mixed density of one candle, USD, float64, shape (P,)."""
        if self.weights is None:
            raise InputError(
                "density: this one is per tier, and tiers add up only with weights. "
                "Use density.mix(weights) or ledger.replay(decay_rate, weights=weights)."
            )
        T = len(self.time)
        if isinstance(at, bool) or not isinstance(at, (int, np.integer)) or not -T <= at < T:
            raise InputError(f"at: wanted a candle from {-T} to {T - 1}; got {at!r}")
        return self.values[:, at].astype(np.float64)

    def profile(self, at: int = -1) -> pd.DataFrame:
        """Return the liquidation map of one candle.

        Parameters
        ----------
        at
            Candle, as an index into ``time``.

        Returns
        -------
        DataFrame
            One line a row of the grid: ``price`` (centre), ``long``, ``short`` (USD), and
            ``cumulative_long``, ``cumulative_short``: USD between the close and the far side of the row.
        """
        import pandas as pd

        column, close = self.column(at), self.close[at]
        centre = self.grid.centres
        long = np.where(centre < close, column, 0.0)
        short = np.where(centre > close, column, 0.0)
        return pd.DataFrame(
            {
                "price": centre,
                "long": long,
                "short": short,
                "cumulative_long": np.where(centre < close, np.cumsum(long[::-1])[::-1], 0.0),
                "cumulative_short": np.where(centre > close, np.cumsum(short), 0.0),
            }
        )

    def clusters(self, at: int = -1, top: int = 10, bright: float = BRIGHT) -> pd.DataFrame:
        """Return contiguous runs of bright rows of one candle, largest first.

        Parameters
        ----------
        at
            Candle, as an index into ``time``.
        top
            How many at most.
        bright
            A row is bright from this share of the column's densest row on.

        Returns
        -------
        DataFrame
            ``side``, ``price_low``, ``price_high``, ``peak_price`` (USD), ``notional`` (USD),
            ``distance`` of the peak from the close as a signed fraction of the close, and ``to_reach``:
            USD between the close and the cluster's nearer edge.
        """
        import pandas as pd

        if not 0 < bright <= 1:
            raise InputError(f"bright: wanted a share in (0, 1]; got {bright!r}")
        column, close, edges, centre = self.column(at), self.close[at], self.grid.edges, self.grid.centres
        is_long = centre < close
        split = int(np.searchsorted(centre, close))
        found = []
        for a, b in bright_runs(column, is_long, bright).tolist():
            peak = a + int(np.argmax(column[a:b]))
            found.append(
                {
                    "side": "long" if is_long[a] else "short",
                    "price_low": edges[a],
                    "price_high": edges[b],
                    "peak_price": centre[peak],
                    "notional": column[a:b].sum(),
                    "distance": centre[peak] / close - 1.0,
                    "to_reach": column[b:split].sum() if is_long[a] else column[split:a].sum(),
                }
            )
        names = ["side", "price_low", "price_high", "peak_price", "notional", "distance", "to_reach"]
        frame = pd.DataFrame(found, columns=names)
        return frame.sort_values("notional", ascending=False, ignore_index=True).head(top)

    def to_frame(self) -> pd.DataFrame:
        """Return all rows that are not zero as a tidy DataFrame.

        Returns
        -------
        DataFrame
            ``time`` (UTC), ``price`` (row centre, USD), ``density`` (USD); per tier also ``leverage``.
        """
        import pandas as pd

        planes = self.values if self.weights is None else self.values[None]
        tier, t, row = np.nonzero(planes.transpose(0, 2, 1))
        frame = pd.DataFrame(
            {
                "time": pd.DatetimeIndex(self.time[t]).tz_localize("UTC"),
                "price": self.grid.centres[row],
                "density": planes[tier, row, t],
            }
        )
        if self.weights is None:
            frame.insert(1, "leverage", self.leverage[tier])
        return frame


def bright_runs(column: Floats, is_long: npt.NDArray[np.bool_], bright: float = BRIGHT) -> Ints:
    """Return the runs of bright rows ``[a, b)`` of a column (P,), each on one side of the close, shape (R, 2)."""
    side = np.where(is_long, 1, -1) * ((column > 0) & (column >= bright * column.max()))
    change = np.flatnonzero(np.diff(np.r_[0, side, 0]))
    runs = np.stack([change[:-1], change[1:]], axis=1)
    bounded: Ints = runs[side[runs[:, 0]] != 0]
    return bounded


def replay(
    ledger: Ledger,
    decay_rate: float = 0.0,
    weights: Sequence[float] | npt.NDArray[np.floating[Any]] | None = None,
    columns: npt.ArrayLike | None = None,
) -> Density:
    """Run a ledger: for each candle decay what stands, clear what is swept, add what opens.

    Parameters
    ----------
    ledger
        From :func:`liqwidget.build_ledger`.
    decay_rate
        Per hour, continuous, >= 0: a standing amount shrinks by ``exp(-decay_rate * hours)``.
    weights
        One weight a tier, shape (L,), >= 0, used as they are: gives the mixed density (P, T).
        None: one plane a tier, (L, P, T).
    columns
        Candles whose closes are kept, increasing; None: all. Accumulators then sum over the candles
        since the kept one before.

    Returns
    -------
    Density
        Column t is the state at that candle's close and depends on candles up to t alone.

    Raises
    ------
    InputError
        If an argument is out of its range or the result would exceed 1e9 cells.
    """
    rate = check_decay_rate(decay_rate)
    L, P, T = len(ledger.leverage), ledger.grid.rows, len(ledger)
    w = None if weights is None else _check_weights(weights, L)
    kept = check_columns(columns, T)
    planes = 1 if w is not None else L
    if planes * P * len(kept) > MAX_CELLS:
        raise InputError(
            f"replay: {planes} x {P:,} rows x {len(kept):,} candles is more than {MAX_CELLS:,} cells. "
            "Use weights, a larger bin_size, or columns=."
        )
    values = standing_columns(ledger, rate, w, kept)
    return Density(ledger, rate, w, kept, values.transpose(1, 2, 0) if w is None else values[:, 0].T)


def auto_decay_rate(market: Market, turnover: float = 1.0) -> float:
    """Return the decay rate per hour that open interest and volume imply.

    Coins closed on each side over coins standing: ``sum(C) / sum(OI[t-1] * hours[t])``, with C from
    :func:`liqwidget.model.ledger.opened_coins`. Without open interest it is the default, a half-life of 24 h.
    """
    closed, exposure = turned_over(market, turnover)
    return decay_of(closed, exposure)


def turned_over(market: Market, turnover: float = 1.0) -> tuple[float, float]:
    """Return coins closed on each side, and coin hours that stood, of the candles behind the first."""
    candles = market.candles
    if "open_interest" not in candles or len(candles) < 2:
        return 0.0, 0.0
    closed = opened_coins(market, turnover)[1][1:]
    standing = candles["open_interest"].to_numpy()[:-1]
    hours = np.diff(candles.index.as_unit("ns").asi8) / NS_PER_HOUR
    known = ~np.isnan(standing)
    return float(closed[known].sum()), float((standing[known] * hours[known]).sum())


def decay_of(closed: float, exposure: float) -> float:
    """Return the decay rate per hour of coins closed over coin hours; the default where none are known."""
    return closed / exposure if exposure > 0 else log(2) / DEFAULT_HALF_LIFE_HOURS


def estimate(
    market: Market,
    leverage_mix: Mapping[float, float] | str | None = None,
    decay_rate: float | str = "auto",
    bin_size: float | None = None,
    *,
    maintenance_rate: float = 0.004,
    fee_rate: float = 0.0,
    turnover: float = 1.0,
    span: float = SPAN,
) -> Density:
    """Return the mixed density of a market in one call.

    Parameters
    ----------
    market
        The candles.
    leverage_mix
        Tier -> weight, or a preset's name; weights are scaled to sum to 1. None: "balanced".
    decay_rate
        Per hour; "auto": :func:`auto_decay_rate`.
    bin_size
        USD; None: the 1-2-5 number nearest to a picture of 500 rows.
    maintenance_rate, fee_rate, turnover, span
        See :func:`liqwidget.build_ledger`.
    """
    mix = check_mix(leverage_mix)
    ledger = build_ledger(market, list(mix), bin_size, maintenance_rate, fee_rate, turnover, span)
    return ledger.replay(resolve_decay_rate(decay_rate, market, turnover), shares(mix))


def resolve_decay_rate(decay_rate: object, market: Market, turnover: float = 1.0) -> float:
    """Return a checked decay rate; "auto" asks the market."""
    if isinstance(decay_rate, str) and decay_rate == "auto":
        return auto_decay_rate(market, turnover)
    return check_decay_rate(decay_rate)


def check_decay_rate(value: object) -> float:
    """Return ``value`` as a rate per hour in [0, 1e6], or raise InputError."""
    if not is_finite(value) or not 0 <= float(value) <= 1e6:
        raise InputError(
            f"decay_rate: wanted a rate per hour >= 0 (half-life = ln 2 / rate) or 'auto'; got {str(value)[:40]!r}"
        )
    return float(value)


def _check_weights(weights: object, tiers: int) -> Floats:
    try:
        w = np.array(weights, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"weights: wanted {tiers} numbers; got {str(weights)[:60]!r}") from None
    if w.shape != (tiers,) or not np.isfinite(w).all() or (w < 0).any():
        raise InputError(f"weights: wanted {tiers} finite numbers >= 0, one a tier; got {str(weights)[:60]}")
    return w


def check_columns(columns: npt.ArrayLike | None, T: int) -> npt.NDArray[np.intp]:
    """Return candle numbers, increasing, below T; None is all of them."""
    if columns is None:
        return np.arange(T)
    kept = np.array(columns)
    if kept.ndim != 1 or not len(kept) or kept.dtype.kind not in "iu" or (np.diff(kept) <= 0).any():
        raise InputError("columns: wanted increasing candle numbers; got something else")
    if kept[0] < 0 or kept[-1] >= T:
        raise InputError(f"columns: wanted candle numbers from 0 to {T - 1}; got {kept[0]} to {kept[-1]}")
    return kept.astype(np.intp)
