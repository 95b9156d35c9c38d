"""The ledger: what opened at which level in which candle, and which rows each candle swept.

Entries and sweeps depend on neither the leverage weights nor the decay rate nor the bin size, so one ledger gives the
density of every mix, decay and bin. Everything here computes on NumPy arrays; axes are
T (candles), L (leverage tiers), P (price rows), N (entries); sides are 0 = long, 1 = short.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..drawing.report import Drawn, Report
from ..errors import InputError
from .density import MAX_CELLS, Density, check_columns, check_weights
from .grid import Floats, Ints, PriceGrid
from .ledger_report import frame_of, report_of
from .merged_columns import merged_columns
from .opening import open_and_sweep
from .replay import standing_bins
from .settings import check_decay_rate
from .sweeps import first_sweeps, outlives
from .turnover import Opening, VenueOpenings, opening_of
from .venue_ledger import venue_ledger

if TYPE_CHECKING:
    import pandas as pd

    from ..market.market import Market


@dataclass(frozen=True, eq=False)
class Ledger(Drawn):
    """Opened entries and sweeps of a market on one price grid.

    Attributes
    ----------
    grid, leverage
        The price rows; tier leverages, shape (L,).
    time, close, hours, opened
        Candle open times, datetime64[ns] UTC; closes in USD; hours since the previous candle, 0 for the first; USD
        opened on each side of each tier's plane; all of shape (T,).
    start
        Entries of candle t are ``start[t]:start[t + 1]``, int64, shape (T+1,).
    row, tier, side, notional
        Row, tier index, side and USD of each entry, shape (N,).
    sweep
        Rows ``[a, b)`` swept by each candle, shape (T, 2).
    crossed, out_of_range
        USD liquidated inside its own candle, and USD whose level lies outside the grid,
        shape (T, L, 2).
    age
        Hours between an entry and the close of its column, shape (N,): zero except in merged columns.
    auto
        Set by ``turnover="auto"``: here each candle opens as much as with a turnover of 1; :meth:`at`, which
        :meth:`replay` calls, scales that to the amount for a decay rate.
    venues
        Of a combined market: what each venue opens; see :meth:`only`.

    Examples
    --------
    >>> import liqwidget as lw
    >>> ledger = lw.build_ledger(lw.load_sample(), leverage=(5, 10, 25))
    >>> ledger.replay(decay_rate=0.03, weights=[0.3, 0.4, 0.3], bin_size=100).bin_size
    100.0
    """

    grid: PriceGrid
    leverage: Floats
    time: npt.NDArray[np.datetime64]
    close: Floats
    hours: Floats
    opened: Floats
    start: Ints
    row: npt.NDArray[np.uint16]
    tier: npt.NDArray[np.uint8]
    side: npt.NDArray[np.uint8]
    notional: Floats
    sweep: Ints
    crossed: Floats
    out_of_range: Floats
    age: Floats | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    auto: Opening | VenueOpenings | None = None
    venues: VenueOpenings | None = None
    _whole: Ledger | None = None  # the ledger from which `at` made this one

    def __len__(self) -> int:
        """Return the number of columns, T."""
        return len(self.hours)

    def to_frame(self) -> pd.DataFrame:
        """Return a line per column: time (UTC), close, opened (USD), entries, swept_low, swept_high (USD, or NaN)."""
        return frame_of(self)

    def _report(self) -> Report:
        return report_of(self)

    def __repr__(self) -> str:
        return (
            f"Ledger({len(self):,} columns x {self.grid.rows:,} rows of {self.grid.bin_size:g} USD, "
            f"{len(self.leverage)} tiers, {len(self.row):,} entries)"
        )

    @property
    def bin_size(self) -> float:
        """Height of a price row, USD."""
        return self.grid.bin_size

    @property
    def price_edges(self) -> Floats:
        """Edges of the rows, USD, shape (P+1,)."""
        return self.grid.edges

    @cached_property
    def column(self) -> Ints:
        """Column of each entry, shape (N,)."""
        if self._whole is not None:
            return self._whole.column
        return np.repeat(np.arange(len(self), dtype=np.int64), np.diff(self.start))

    @cached_property
    def end(self) -> npt.NDArray[np.int32]:
        """Column whose sweep liquidates each entry, shape (N,); T if it still stands."""
        if self._whole is not None:
            return self._whole.end
        T = len(self)
        end = np.empty(len(self.row), dtype=np.int32)
        following = np.full(self.grid.rows, T, dtype=np.int32)
        start, sweep = self.start.tolist(), self.sweep.tolist()
        for t in range(T - 1, -1, -1):
            entries = slice(start[t], start[t + 1])
            following.take(self.row[entries], out=end[entries], mode="clip")
            a, b = sweep[t]
            following[a:b] = t
        return end

    @cached_property
    def stands(self) -> npt.NDArray[np.bool_]:
        """Whether each entry still stands at the last close, shape (N,)."""
        return outlives(self.sweep, self.start, self.row, np.zeros(len(self), np.int64), self.grid.rows)

    @cached_property
    def first_sweep(self) -> Ints:
        """First column that sweeps each row, shape (P,); T if none does."""
        return first_sweeps(self.sweep, self.grid.rows)

    def at(self, decay_rate: float) -> Ledger:
        """Return the ledger with the amounts of its turnover at a decay rate; itself unless the turnover is "auto"."""
        if self.auto is None:
            return self
        share = self.opened_share(decay_rate)
        return replace(
            self,
            opened=self.opened * share,
            notional=self.notional * share[self.column],
            crossed=self.crossed * share[:, None, None],
            out_of_range=self.out_of_range * share[:, None, None],
            settings=self.settings | {"turnover": self.auto.turnover(decay_rate)},
            auto=None,
            _whole=self,
        )

    def only(self, names: Collection[str]) -> Ledger:
        """Return what some venues of a combined market opened, on the same rows and with the same sweeps.

        Raises
        ------
        InputError
            The market has no such venue, or is not a combined one.
        """
        return venue_ledger(self, names)

    def opened_share(self, decay_rate: float) -> Floats:
        """Return what each candle opens at a decay rate as a share of ``opened``, (T,): 1 unless "auto"."""
        if self.auto is None:
            return np.ones(len(self))
        whole = self.auto.opened()
        opened = self.auto.opened(self.auto.turnover(decay_rate))
        return np.divide(opened, whole, out=np.zeros_like(whole), where=whole > 0)

    @property
    def opened_by_all(self) -> Floats:
        """USD that each candle would open on each side if all volume opened positions, about half of it, (T,)."""
        if self._whole is not None:
            return self._whole.opened
        share = 1.0 if self.auto else float(self.settings.get("turnover", 1.0))
        if share <= 0:
            raise InputError(
                "market: this ledger's turnover is 0, so that it does not tell the volume. Pass the market."
            )
        return self.opened / share

    def replay(
        self,
        decay_rate: float = 0.0,
        weights: Sequence[float] | npt.NDArray[np.floating[Any]] | None = None,
        columns: npt.ArrayLike | None = None,
        bin_size: float | None = None,
    ) -> Density:
        """Replay the ledger: for each candle decay what stands, clear what is swept, add what opens.

        Parameters
        ----------
        decay_rate
            Per hour, continuous, >= 0: a standing amount shrinks by ``exp(-decay_rate * hours)``.
        weights
            One weight per tier, shape (L,), >= 0, not normalised: gives the mixed density (P, T).
            None: one plane per tier, (L, P, T).
        columns
            Candles whose closes are kept, increasing; None: all. Accumulators then sum over the candles
            since the kept one before.
        bin_size
            Height of a bin, USD: a whole multiple of the ledger's row size. Rows are added up: totals and accumulators
            do not depend on it, and only bins are held for each candle. None: the rows themselves.

        Returns
        -------
        Density
            Column t is the state at that candle's close and depends only on candles up to t.

        Raises
        ------
        InputError
            If an argument is out of its range or the result would exceed 1e9 cells.
        """
        rate = check_decay_rate(decay_rate)
        bins = self.grid.added_up(bin_size)
        L, P, T = len(self.leverage), bins.rows, len(self)
        w = None if weights is None else check_weights(weights, L)
        kept = check_columns(columns, T)
        planes = 1 if w is not None else L
        if planes * P * len(kept) > MAX_CELLS:
            raise InputError(
                f"replay: {planes} x {P:,} bins x {len(kept):,} candles is more than {MAX_CELLS:,} cells. "
                "Use weights, a larger bin_size, or columns=."
            )
        ledger = self.at(rate)
        values, long = standing_bins(ledger, rate, w, kept, bins)
        if w is None:
            return Density(ledger, rate, w, kept, values.transpose(1, 2, 0), bins, long.T)
        return Density(ledger, rate, w, kept, values[:, 0].T, bins, long[:, 0])

    def merged(self, width: int) -> Ledger:
        """Return a ledger whose columns are runs of ``width`` candles; the last run may be shorter.

        Replaying it gives the density of the full replay at the closes of the runs: exactly without
        decay; with decay within the spread of ages that share one entry (each merged entry keeps the
        notional-weighted mean age of its parts).
        """
        if width <= 1:
            return self
        self._refuse_auto("merged")
        return merged_columns(self, width)

    def since(self, first: int) -> Ledger:
        """Return the columns from ``first`` on as a separate ledger, without the state before them."""
        self._refuse_auto("since")
        cut = self.start[first]
        parts: dict[str, Any] = {name: getattr(self, name)[cut:] for name in _PER_ENTRY}
        parts |= {name: getattr(self, name)[first:] for name in _PER_COLUMN}
        age = None if self.age is None else self.age[cut:]
        return replace(self, start=self.start[first:] - cut, age=age, venues=None, _whole=None, **parts)

    def until(self, columns: int) -> Ledger:
        """Return the first columns as a ledger of their own, at least one: as if later candles had not happened."""
        self._refuse_auto("until")
        cut = self.start[columns]
        parts: dict[str, Any] = {name: getattr(self, name)[:cut] for name in _PER_ENTRY}
        parts |= {name: getattr(self, name)[:columns] for name in _PER_COLUMN}
        age = None if self.age is None else self.age[:cut]
        return replace(self, start=self.start[: columns + 1], age=age, _whole=None, **parts)

    def extended(self, market: Market, since: int) -> Ledger:
        """Return this ledger with the candles from row ``since`` of ``market`` on recomputed.

        ``market`` is the ledger's own market with candles added, or with its forming candle replaced. Candles before
        ``since`` must be unchanged; the grid stays, so levels beyond it count as out of range.
        """
        if self.age is not None or self._whole is not None or not 0 <= since <= len(self):
            raise InputError(
                f"extended: wanted a ledger as it was built and 0 <= since <= {len(self)}; got since={since}. "
                "Extend the one that build_ledger returned."
            )
        opening = opening_of(market)
        if isinstance(opening, VenueOpenings) and self.venues is not None:
            opening = opening.only(self.venues.names)
        fresh = open_and_sweep(market, since, self.grid, self.leverage, self.settings, opening)
        cut = self.start[since]
        joined: dict[str, Any] = {
            name: np.concatenate([getattr(self, name)[: cut if name in _PER_ENTRY else since], fresh[name]])
            for name in fresh
            if name != "start"
        }
        return replace(
            self,
            start=np.concatenate([self.start[:since], fresh["start"] + cut]),
            auto=None if self.auto is None else opening,
            venues=None if isinstance(opening, Opening) else opening,
            **joined,
        )

    def _refuse_auto(self, what: str) -> None:
        if self.auto is not None:
            raise InputError(
                f"{what}: this ledger's turnover depends on the decay rate. Use ledger.at(rate).{what}(...)."
            )


_PER_ENTRY = ("row", "tier", "side", "notional")
_PER_COLUMN = ("time", "close", "hours", "opened", "sweep", "crossed", "out_of_range")
