"""The true density of a simulated market, by price row and candle."""

from __future__ import annotations

from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..drawing.report import Report
from ..errors import InputError
from ..model.density import Density, check_columns
from ..model.density_report import report_of
from ..model.grid import Floats, Ints, PriceGrid, half_bins
from ..model.replay import FLOWS
from ..model.settings import shares
from .traders import Traders

MAX_CELLS = 250_000_000  # 2 GB of float64 while it is computed


class TrueStanding(NamedTuple):
    """Stretches of time in which a position had one level and one size, (S,): candle t's close is in [since, until)."""

    since: Ints
    until: Ints
    long: npt.NDArray[np.bool_]
    level: Floats  # USD
    usd: Floats  # notional at entry
    close: Floats  # (T,) USD
    time: Any  # (T,) datetime64[ns], UTC

    @classmethod
    def of(cls, book: Traders, warm: int, close: Floats, times: Any) -> TrueStanding:
        """Return what stood from the first published candle on; ``warm`` candles were before it."""
        whole = np.arange(len(book.size))
        ids = np.concatenate([*(change[0] for change in book.changes), whole])
        until = np.concatenate(
            [
                *(np.full(len(change[0]), change[1]) for change in book.changes),
                np.where(book.ended < 0, warm + len(close), book.ended),
            ]
        )
        level = np.concatenate([*(change[2] for change in book.changes), book.level])
        # The last stretch has what was neither liquidated nor cut before: the size without the parts.
        cut = book.cut()
        size = np.concatenate([*(change[3] for change in book.changes), book.size - cut])
        order = np.argsort(ids, kind="stable")
        ids, until, level, size = ids[order], until[order], level[order], size[order]
        since = book.opened[ids]
        follows = np.flatnonzero(ids[1:] == ids[:-1]) + 1
        since[follows] = until[follows - 1]
        since, until = np.maximum(since - warm, 0), until - warm
        stood = until > since
        ids, usd = ids[stood], book.usd(ids, size)[stood]
        stamps = times.as_unit("ns").asi8.view("datetime64[ns]")
        return cls(since[stood], until[stood], book.long[ids], level[stood], usd, close, stamps)

    def density(
        self, grid: PriceGrid, columns: npt.ArrayLike | None, mix: dict[float, float], rate: float
    ) -> TrueDensity:
        """Return the density on these rows at these closes (None: all)."""
        kept = check_columns(columns, len(self.close))
        if grid.rows * len(kept) > MAX_CELLS:
            raise InputError(
                f"density: wanted at most {MAX_CELLS:,} cells; got {grid.rows:,} rows x {len(kept):,} candles. "
                "Use a larger bin_size or columns=."
            )
        return TrueDensity(self, grid, kept, mix, rate)


class TrueDensity(Density):
    """The true density at each close; used like a `Density`, whose values are estimates.

    Attributes
    ----------
    values
        USD of notional at entry per row, float32, (P, T): longs and shorts together.
    standing_long, standing_short, outside_long, outside_short
        USD standing at each close, float64, (T,), and the part of it whose level lies outside the rows.
    leverage, weights, decay_rate
        The true tiers and mix, and the rate at which positions close voluntarily.
    """

    grid: PriceGrid
    decay_rate: float
    leverage: npt.NDArray[np.float64]
    weights: npt.NDArray[np.float64]
    time: Any
    close: npt.NDArray[np.float64]

    def __init__(
        self, standing: TrueStanding, grid: PriceGrid, kept: npt.NDArray[np.intp], mix: dict[float, float], rate: float
    ) -> None:
        self._standing, self._columns, self.grid, self._rows, self.decay_rate = standing, kept, grid, grid, rate
        self.leverage, self.weights = np.array(list(mix), dtype=np.float64), shares(mix)
        self.time, self.close = standing.time[kept], standing.close[kept]
        row = np.floor(half_bins(standing.level, grid.bin_size) / 2).astype(np.int64) - grid.first
        self._inside = (row >= 0) & (row < grid.rows)
        self._row = np.where(self._inside, row, 0).astype(np.intp)
        # Column k holds what has since <= kept[k] < until.
        self._from, self._to = np.searchsorted(kept, standing.since), np.searchsorted(kept, standing.until)
        self.values: npt.NDArray[np.float32] = self._accumulate(self._row, grid.rows, self._inside).astype(np.float32).T

    def _report(self) -> Report:
        return report_of(self, "True positions, simulated,", "Simulated and known, not estimated.")

    def __repr__(self) -> str:
        rows, size = self.grid.rows, self.grid.bin_size
        return f"TrueDensity({rows:,} rows of {size:g} USD x {len(self.time):,} candles; simulated, known)"

    def __getattr__(self, name: str) -> Any:
        if name in FLOWS or name == "decayed":
            raise AttributeError("a TrueDensity has no flows; they are in Simulation.flows and Simulation.positions")
        return super().__getattr__(name)

    def __dir__(self) -> list[str]:
        return sorted({*object.__dir__(self)})

    @property
    def standing_long(self) -> Floats:
        """USD of longs standing at each close, (T,)."""
        return self._sums["long"]

    @property
    def standing_short(self) -> Floats:
        """USD of shorts standing at each close, (T,)."""
        return self._sums["short"]

    @property
    def outside_long(self) -> Floats:
        """USD of longs whose level has no row, (T,)."""
        return self._sums["long outside"]

    @property
    def outside_short(self) -> Floats:
        """USD of shorts whose level has no row, (T,)."""
        return self._sums["short outside"]

    @cached_property
    def _sums(self) -> dict[str, Floats]:
        cell = (~self._standing.long).astype(np.int64) + 2 * ~self._inside
        sums = self._accumulate(cell, 4, np.ones(len(cell), dtype=bool)).T
        outside = dict(zip(("long outside", "short outside"), sums[2:], strict=True))
        return {"long": sums[0] + sums[2], "short": sums[1] + sums[3], **outside}

    def profile(self, at: int = -1) -> pd.DataFrame:
        """Return the liquidation map of one candle as `Density.profile` does; each side with its true values."""
        frame = super().profile(at)
        k = range(len(self.time))[at]
        there = self._inside & (self._from <= k) & (k < self._to)
        below = self.grid.centres < self.close[k]
        for name, side in (("long", self._standing.long), ("short", ~self._standing.long)):
            here = there & side
            usd: Floats = np.bincount(self._row[here], self._standing.usd[here], self.grid.rows).astype(np.float64)
            frame[name] = usd
            if name == "long":
                frame["cumulative_long"] = np.where(below, np.cumsum(usd[::-1])[::-1], 0.0)
            else:
                frame["cumulative_short"] = np.where(below, 0.0, np.cumsum(usd))
        return frame

    def _accumulate(self, cell: Ints, cells: int, chosen: npt.NDArray[np.bool_]) -> Floats:
        """Return USD standing by column and cell, (T, cells).

        Sums and differences of multiples of one power of two are exact, so that a row is exactly 0 once all its
        positions are gone.
        """
        K = len(self.time)
        usd = self._standing.usd
        quantum = 2.0 ** (np.ceil(np.log2(max(usd.sum(), 1e-300))) - 51)
        chosen = chosen & (self._from < self._to)
        amount: Floats = np.rint(usd[chosen] / quantum) * quantum
        at = np.concatenate([self._from[chosen] * cells, self._to[chosen] * cells]) + np.tile(cell[chosen], 2)
        at, most = at.astype(np.intp), (K + 1) * cells
        change: Floats = np.bincount(at, np.concatenate([amount, -amount]), most).astype(np.float64)
        plane: Floats = np.cumsum(change.reshape(K + 1, cells), axis=0)[:K]
        return plane
