"""Density: the USD notional still standing per price bin and candle, and what is computed from it.

Axes are L (leverage tiers), P (price bins, bin 0 the lowest), T (candles). All values are estimates.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from math import log
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..drawing.report import Drawn, Report
from ..errors import InputError
from .cells import BRIGHT, Cells, bright_runs
from .density_report import report_of
from .grid import Floats, PriceGrid
from .replay import FLOWS, Entries, flows_of, split_rows, standing_columns

if TYPE_CHECKING:
    import pandas as pd


MAX_CELLS = 1_000_000_000  # 4 GB of float32


class Density(Drawn):
    """The standing USD at each candle's close, and what happened to the rest of the opened USD.

    Made by :meth:`liqwidget.Ledger.replay`. The amounts below ``values`` are computed on first use.

    Attributes
    ----------
    values
        USD per bin, float32: (L, P, T) per tier, each plane as if all traders used that tier, or
        (P, T) mixed. A bin below the close holds longs, above it shorts; the bin of the close may hold both.
    grid, leverage, weights
        Price bins; tier leverages (L,); weights (L,) of a mixed density, else None.
    long_at_close
        USD of longs in the bin that holds the close, float64, (L, T) per tier or (T,) mixed.
    time, close
        Open time (datetime64[ns], UTC) and close (USD) of each column, shape (T,).
    decay_rate
        Share that closes voluntarily, per hour, continuous.
    opened
        USD opened on each side, shape (T,); times the sum of the weights in a mixed density.
    liquidated_long, liquidated_short, decayed_long, decayed_short, out_of_range_long, out_of_range_short
        USD, float64, (L, T) per tier or (T,) mixed. Per tier and side, summed over time,
        ``opened = standing + liquidated + decayed + out_of_range`` to 1e-9.
    standing_long, standing_short
        USD standing at each close in float64, same shape. Like those above they are computed on the ledger's rows,
        so they are the same for every bin size.

    Examples
    --------
    >>> import liqwidget as lw
    >>> density = lw.estimate(lw.load_sample())
    >>> density.profile().columns.to_list()
    ['price', 'long', 'short', 'cumulative_long', 'cumulative_short']
    >>> density.values.shape == (density.grid.rows, len(density.time))
    True
    """

    _long_at_close: Floats | None = None

    def __init__(
        self,
        ledger: Entries,
        decay_rate: float,
        weights: Floats | None,
        columns: npt.NDArray[np.intp],
        values: npt.NDArray[np.float32],
        bins: PriceGrid | None = None,
        long_at_close: Floats | None = None,
    ) -> None:
        self._ledger = ledger
        self._columns = columns
        self.values = values
        self.decay_rate = decay_rate
        self.weights = weights
        self._rows = ledger.grid  # their centres decide on which side of the close they are
        self.grid: PriceGrid = bins or ledger.grid
        self._long_at_close = long_at_close
        self.leverage: Floats = ledger.leverage
        self.time: npt.NDArray[np.datetime64] = ledger.time[columns]
        self.close: Floats = ledger.close[columns]

    def _report(self) -> Report:
        return report_of(self)

    def __repr__(self) -> str:
        kind = "mixed" if self.weights is not None else f"{len(self.leverage)} tiers"
        half_life = "none" if self.decay_rate == 0 else f"half-life {log(2) / self.decay_rate:.3g} h"
        return (
            f"Density({kind}, {self.grid.rows:,} bins of {self.grid.bin_size:g} USD x {len(self.time):,} candles, "
            f"decay {half_life}; estimate)"
        )

    @property
    def settings(self) -> dict[str, Any]:
        """Settings of the ledger that was replayed: maintenance_rate, fee_rate, turnover, span."""
        return self._ledger.settings

    @cached_property
    def _flows(self) -> dict[str, Floats]:
        flows = flows_of(self._ledger, self.decay_rate, self.weights)
        kept = self._columns
        return {
            name: flow[..., kept] if name.startswith("standing") else self._by_column(flow)
            for name, flow in flows.items()
        }

    def _by_column(self, flow: Floats) -> Floats:
        """Return a flow by candle (..., T), summed over the candles since the previous kept one."""
        kept = self._columns
        if len(kept) == len(self._ledger):
            return flow
        summed: Floats = np.add.reduceat(flow[..., : kept[-1] + 1], np.r_[0, kept[:-1] + 1], axis=-1)
        return summed

    def opened_by_all(self) -> Floats:
        """Return USD that would open on each side if all volume opened positions, about half the volume, (T,)."""
        return self._by_column(self._ledger.opened_by_all)

    def __getattr__(self, name: str) -> Any:
        if name in FLOWS:
            return self._flows[name]
        raise AttributeError(f"'Density' has no attribute {name!r}")

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *FLOWS})

    @property
    def price_edges(self) -> Floats:
        """Edges of the bins, USD, shape (P+1,)."""
        return self.grid.edges

    @property
    def bin_size(self) -> float:
        """Height of a bin, USD."""
        return self.grid.bin_size

    @property
    def rows(self) -> PriceGrid:
        """The rows where the ledger keeps levels; bins hold one or more of them."""
        return self._rows

    @property
    def turnover(self) -> float:
        """Share of volume that opened positions; a :class:`liqwidget.model.turnover.Turnover` if "auto" found it."""
        share: float = self._ledger.settings.get("turnover", 1.0)
        return share

    @property
    def long_at_close(self) -> Floats:
        """USD of longs in the bin that holds the close, (L, T) or (T,)."""
        if self._long_at_close is not None:
            return self._long_at_close
        shape = (len(self.time),) if self.weights is not None else (len(self.leverage), len(self.time))
        return np.zeros(shape)

    @property
    def decayed(self) -> Floats:
        """USD that closed voluntarily in each candle, both sides, (L, T) or (T,)."""
        both: Floats = self._flows["decayed_long"] + self._flows["decayed_short"]
        return both

    def mix(self, weights: Sequence[float] | npt.NDArray[np.floating[Any]]) -> Density:
        """Return the mixed density: the sum over tiers of weight times plane. Needs a per-tier density."""
        if self.weights is not None:
            raise InputError("mix: this density is mixed already; replay the ledger without weights first")
        w = check_weights(weights, len(self.leverage))
        values = np.einsum("l,lpt->pt", w.astype(np.float32), self.values)
        return Density(self._ledger, self.decay_rate, w, self._columns, values, self.grid, w @ self.long_at_close)

    def by_venue(self) -> dict[str, Density]:
        """Return the density of each venue of a combined market, by name; on the same bins, they add up to this one.

        Raises
        ------
        InputError
            It is not the density of a combined market, or only of a window of a history.
        """
        ledger = self._ledger
        if ledger.venues is None:
            raise InputError(
                "by_venue: wanted the density of a combined market; got one of a single venue. lw.combine."
            )
        return {
            name: ledger.only([name]).replay(self.decay_rate, self.weights, self._columns, self.bin_size)
            for name in ledger.venues.names
        }

    def column(self, at: int = -1) -> Floats:
        """Return the mixed density of one candle, USD by bin, float64, shape (P,)."""
        if self.weights is None:
            raise InputError(
                "density: this one is per tier, and tiers add up only with weights. "
                "Use density.mix(weights) or ledger.replay(decay_rate, weights=weights)."
            )
        T = len(self.time)
        if isinstance(at, bool) or not isinstance(at, (int, np.integer)) or not -T <= at < T:
            raise InputError(f"at: wanted a candle from {-T} to {T - 1}; got {at!r}")
        return self.values[:, at].astype(np.float64)

    def sides(self, at: int = -1) -> tuple[Cells, Floats]:
        """Return the price cells of one candle, each of one side, and the USD in each, (C,).

        The cells are the bins; the close's bin is split in two there.
        """
        column, close = self.column(at), float(self.close[at])
        cells = Cells.at(self._rows, self.grid, close)
        return cells, cells.apart(column, float(self.long_at_close[at]))

    def sides_on_rows(self, at: int = -1) -> tuple[Cells, Floats]:
        """Return `sides` with the ledger's rows in place of bins; the rows are replayed where bins hold several."""
        if self.grid.rows == self._rows.rows:
            return self.sides(at)
        self.column(at)
        kept = self._columns[[at]]
        values = standing_columns(self._ledger, self.decay_rate, self.weights, kept)[:, 0].T
        return Density(self._ledger, self.decay_rate, self.weights, kept, values).sides()

    def apart(self, rows: slice | npt.NDArray[Any], columns: slice | npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Return a part of a mixed density with longs and shorts separate, USD, float32, (columns, rows, 2).

        Parameters
        ----------
        rows, columns
            Bins and candles: slices, or masks.
        """
        bins, split = self.grid, split_rows(self._rows, self.close[columns])
        held = (self._rows.first + split) // self._rows.rows_a_bin(bins) - bins.first  # the bin that holds the close
        number = np.arange(bins.rows)[rows]
        values = self.values[rows][:, columns].T
        long = np.where(number < held[:, None], values, np.float32(0.0))
        here = number == held[:, None]
        at_close = np.broadcast_to(self.long_at_close[columns][:, None], values.shape)[here]
        long[here] = np.minimum(at_close.astype(np.float32), values[here])
        sides: npt.NDArray[np.float32] = np.stack([long, values - long], axis=-1)
        return sides

    def profile(self, at: int = -1) -> pd.DataFrame:
        """Return the liquidation map of one candle.

        Parameters
        ----------
        at
            Candle, as an index into ``time``.

        Returns
        -------
        DataFrame
            One line per bin of the grid: ``price`` (centre), ``long``, ``short`` (USD), and
            ``cumulative_long``, ``cumulative_short``: USD between the close and the far side of the bin.
        """
        import pandas as pd

        cells, usd = self.sides(at)
        long, short = cells.by_bin(usd)
        return pd.DataFrame(
            {
                "price": self.grid.centres,
                "long": long,
                "short": short,
                "cumulative_long": np.cumsum(long[::-1])[::-1],
                "cumulative_short": np.cumsum(short),
            }
        )

    def clusters(self, at: int = -1, top: int = 10, bright: float = BRIGHT) -> pd.DataFrame:
        """Return contiguous runs of bright bins of one candle, largest first.

        Parameters
        ----------
        at
            Candle, as an index into ``time``.
        top
            Maximum number of clusters.
        bright
            A bin is bright from this share of the column's densest bin. The bin of the close counts as two,
            one of longs and one of shorts, which end at the close.

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
        cells, usd = self.sides(at)
        close, edges, centre, split = self.close[at], cells.edges, cells.centres, cells.longs
        found = []
        for a, b in bright_runs(usd, cells.is_long, bright).tolist():
            peak, is_long = a + int(np.argmax(usd[a:b])), a < split
            found.append(
                {
                    "side": "long" if is_long else "short",
                    "price_low": edges[a],
                    "price_high": edges[b],
                    "peak_price": centre[peak],
                    "notional": usd[a:b].sum(),
                    "distance": centre[peak] / close - 1.0,
                    "to_reach": usd[b:split].sum() if is_long else usd[split:a].sum(),
                }
            )
        names = ["side", "price_low", "price_high", "peak_price", "notional", "distance", "to_reach"]
        frame = pd.DataFrame(found, columns=names)
        return frame.sort_values("notional", ascending=False, ignore_index=True).head(top)

    def to_frame(self) -> pd.DataFrame:
        """Return all bins that are not zero as a tidy DataFrame.

        Returns
        -------
        DataFrame
            ``time`` (UTC), ``price`` (bin centre, USD), ``density`` (USD); per tier also ``leverage``.
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


def check_weights(weights: object, tiers: int) -> Floats:
    """Return one finite weight >= 0 per tier, (L,), or raise InputError."""
    try:
        w = np.array(weights, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"weights: wanted {tiers} numbers; got {str(weights)[:60]!r}") from None
    if w.shape != (tiers,) or not np.isfinite(w).all() or (w < 0).any():
        raise InputError(f"weights: wanted {tiers} finite numbers >= 0, one a tier; got {str(weights)[:60]}")
    return w


def check_columns(columns: npt.ArrayLike | None, T: int) -> npt.NDArray[np.intp]:
    """Return candle numbers, increasing, below T; None means all candles."""
    if columns is None:
        return np.arange(T)
    kept = np.array(columns)
    if kept.ndim != 1 or not len(kept) or kept.dtype.kind not in "iu" or (np.diff(kept) <= 0).any():
        raise InputError("columns: wanted increasing candle numbers; got something else")
    if kept[0] < 0 or kept[-1] >= T:
        raise InputError(f"columns: wanted candle numbers from 0 to {T - 1}; got {kept[0]} to {kept[-1]}")
    return kept.astype(np.intp)
