"""The ledger: what opened at which level in which candle, and which rows each candle swept.

Entries and sweeps depend on neither the leverage weights nor the decay rate, so one ledger gives the
density of every mix and every decay. Everything here computes on NumPy arrays; axes are
T (candles), L (leverage tiers), P (price rows), N (entries); sides are 0 = long, 1 = short.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..checks import is_finite
from ..errors import InputError
from .grid import Floats, Ints, PriceGrid, auto_bin_size, half_bins
from .margin import level_factors
from .ordering import order_of
from .sweeps import first_sweeps, outlives, swept_in

if TYPE_CHECKING:
    from ..market import Market
    from .density import Density

MAX_ENTRIES = 200_000_000
SPAN = 0.25
NS_PER_HOUR = 3.6e12


@dataclass(frozen=True, eq=False)
class Ledger:
    """Opened entries and sweeps of a market on one price grid.

    Attributes
    ----------
    grid
        The price rows.
    leverage
        Tier leverages, shape (L,).
    time
        Candle open times, datetime64[ns] UTC, shape (T,).
    close
        Closes in USD, shape (T,).
    hours
        Hours since the previous candle, shape (T,); 0 for the first.
    opened
        USD opened on each side of each tier's plane, shape (T,).
    start
        Entries of candle t are ``start[t]:start[t + 1]``, int64, shape (T+1,).
    row, tier, side, notional
        Row, tier index, side and USD of each entry, shape (N,).
    sweep
        Rows ``[a, b)`` swept by each candle, shape (T, 2).
    crossed, out_of_range
        USD that was liquidated inside its own candle, and USD whose level lies outside the grid,
        shape (T, L, 2).
    age
        Hours between an entry and the close of its column, shape (N,): zero, but for merged columns.
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
    settings: dict[str, float] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return the number of columns, T."""
        return len(self.hours)

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
        return np.repeat(np.arange(len(self)), np.diff(self.start))

    @cached_property
    def end(self) -> npt.NDArray[np.int32]:
        """Column whose sweep liquidates each entry, shape (N,); T where it still stands."""
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
        """First column that sweeps each row, shape (P,); T where none does."""
        return first_sweeps(self.sweep, self.grid.rows)

    def replay(
        self,
        decay_rate: float = 0.0,
        weights: Sequence[float] | npt.NDArray[np.floating[Any]] | None = None,
        columns: npt.ArrayLike | None = None,
    ) -> Density:
        """Run the ledger: decay, sweep, open, candle by candle. See :func:`liqwidget.model.density.replay`."""
        from .density import replay  # density is above the ledger; imported when called

        return replay(self, decay_rate, weights, columns)

    def merged(self, width: int) -> Ledger:
        """Return a ledger whose columns are runs of ``width`` candles, the last run as long as it is.

        Replaying it gives the density of the full replay at the closes of the runs: exactly without
        decay; with decay within the spread of ages that share one entry (each merged entry keeps the
        notional-weighted mean age of what it holds).
        """
        if width <= 1:
            return self
        T, L, P = len(self), len(self.leverage), self.grid.rows
        first = np.arange(0, T, width)
        last = np.minimum(first + width, T) - 1
        clock = np.cumsum(self.hours)
        group = self.column // width
        survives = outlives(self.sweep, self.start, self.row, np.arange(T) // width, P)
        crossed = np.add.reduceat(self.crossed, first, axis=0)
        dead = ~survives
        lost = ((group[dead] * L) + self.tier[dead]) * 2 + self.side[dead]
        crossed += np.bincount(lost, self.notional[dead], len(first) * L * 2).reshape(crossed.shape)
        # One entry a (column, tier, row): a row is below or above the close, so it has one side.
        key = (group[survives] * L + self.tier[survives]) * P + self.row[survives]
        order = order_of(key)
        key = key[order]
        cut = np.flatnonzero(np.r_[True, key[1:] != key[:-1]]) if len(key) else np.empty(0, dtype=np.int64)
        kept = np.flatnonzero(survives)[order]
        amount = self.notional[kept]
        age = clock[last[group[kept]]] - clock[self.column[kept]] + (0.0 if self.age is None else self.age[kept])
        notional = np.add.reduceat(amount, cut) if len(cut) else np.empty(0)
        mean_age = np.add.reduceat(amount * age, cut) / notional if len(cut) else np.empty(0)
        lead = kept[cut]
        low, high = swept_in(self.sweep, first, P)
        return replace(
            self,
            time=self.time[first],
            close=self.close[last],
            hours=np.diff(clock[last], prepend=0.0),
            opened=np.add.reduceat(self.opened, first),
            start=np.searchsorted(group[lead], np.arange(len(first) + 1)),
            row=self.row[lead],
            tier=self.tier[lead],
            side=self.side[lead],
            notional=notional,
            sweep=np.stack([np.minimum(low, high), high], axis=1),
            crossed=crossed,
            out_of_range=np.add.reduceat(self.out_of_range, first, axis=0),
            age=mean_age,
        )

    def since(self, first: int) -> Ledger:
        """Return the columns from ``first`` on as a ledger of their own; the state before them is not in it."""
        cut = self.start[first]
        parts: dict[str, Any] = {name: getattr(self, name)[cut:] for name in _PER_ENTRY}
        parts |= {name: getattr(self, name)[first:] for name in _PER_COLUMN}
        age = None if self.age is None else self.age[cut:]
        return replace(self, start=self.start[first:] - cut, age=age, **parts)

    def extended(self, market: Market, since: int) -> Ledger:
        """Return this ledger with the candles from row ``since`` of ``market`` on computed anew.

        ``market`` is the ledger's own market with candles added, or with its forming candle replaced. Candles before
        ``since`` must be unchanged; the grid stays, so levels beyond it count as out of range.
        """
        if self.age is not None or not 0 <= since <= len(self):
            raise InputError(f"extended: wanted an unmerged ledger and 0 <= since <= {len(self)}; got since={since}")
        fresh = _open_and_sweep(market, since, self.grid, self.leverage, self.settings)
        cut = self.start[since]
        joined: dict[str, Any] = {
            name: np.concatenate([getattr(self, name)[: cut if name in _PER_ENTRY else since], fresh[name]])
            for name in fresh
            if name != "start"
        }
        return replace(self, start=np.concatenate([self.start[:since], fresh["start"] + cut]), **joined)


_PER_ENTRY = ("row", "tier", "side", "notional")
_PER_COLUMN = ("time", "close", "hours", "opened", "sweep", "crossed", "out_of_range")


def build_ledger(
    market: Market,
    leverage: Sequence[float] = (3, 5, 10, 20, 50, 100),
    bin_size: float | None = None,
    maintenance_rate: float = 0.004,
    fee_rate: float = 0.0,
    turnover: float = 1.0,
    span: float = SPAN,
) -> Ledger:
    """Spread what each candle opened over liquidation levels, and note what each candle swept.

    Coins opened on each side are ``max((turnover * volume + dOI) / 2, max(dOI, 0))``: every contract
    has one long and one short, what is not opened is closed or passed on. They are valued at
    ``(high + low + close) / 3``. Entries are spread evenly over the candle's range, so levels of a
    tier are spread evenly over ``[low * k, high * k]``, ``k`` from :func:`liqwidget.model.margin.level_factors`.

    Parameters
    ----------
    market
        The candles. Without open interest dOI is 0.
    leverage
        Tier leverages, shape (L,).
    bin_size
        Height of a price row, USD; None: the 1-2-5 number nearest to a picture of 500 rows.
    maintenance_rate, fee_rate
        Fractions of the notional; a tier with ``1 / leverage <= maintenance_rate + fee_rate`` is refused.
    turnover
        Share of volume that takes positions, in (0, 1]; the rest is churn inside the candle.
    span
        The grid covers ``[min(low) * (1 - span), max(high) * (1 + span)]``, 0 <= span < 1.

    Raises
    ------
    InputError
        If an argument is out of its range or the grid would be too large.
    """
    tiers, settings = check_settings(leverage, maintenance_rate, fee_rate, turnover, span)
    low, high = market.candles["low"].to_numpy(), market.candles["high"].to_numpy()
    size = auto_bin_size(low, high, span) if bin_size is None else bin_size
    grid = PriceGrid.covering(float(low.min()), float(high.max()), size, span)
    return ledger_on(market, 0, grid, tiers, settings)


def check_settings(
    leverage: Any, maintenance_rate: float, fee_rate: float, turnover: float, span: float
) -> tuple[Floats, dict[str, float]]:
    """Return the tiers (L,) and the settings of a ledger, or raise InputError; as for `build_ledger`."""
    try:
        tiers = np.array(leverage, dtype=np.float64).reshape(-1)
    except (TypeError, ValueError, OverflowError):
        tiers = np.zeros(0)
    if not 1 <= len(tiers) <= 32 or len(np.unique(tiers)) != len(tiers):
        raise InputError(f"leverage: wanted 1 to 32 different tiers, such as (5, 10, 25); got {str(leverage)[:60]}")
    level_factors(tiers, maintenance_rate, fee_rate)  # refuses impossible tiers before any work
    if not (is_finite(turnover) and 0 < turnover <= 1):
        raise InputError(f"turnover: wanted a share in (0, 1]; got {turnover!r}")
    if not (is_finite(span) and 0 <= span < 1):
        raise InputError(f"span: wanted a fraction in [0, 1); got {span!r}")
    return tiers, {
        "maintenance_rate": float(maintenance_rate),
        "fee_rate": float(fee_rate),
        "turnover": float(turnover),
        "span": float(span),
    }


def ledger_on(market: Market, since: int, grid: PriceGrid, leverage: Floats, settings: dict[str, float]) -> Ledger:
    """Return the ledger of the candles from row ``since`` of a market on, on a given grid with given settings."""
    parts = _open_and_sweep(market, since, grid, leverage, settings)
    return Ledger(grid=grid, leverage=leverage, settings=settings, **parts)


def opened_coins(market: Market, turnover: float = 1.0) -> tuple[Floats, Floats]:
    """Return coins opened and closed on each side by each candle, two arrays of shape (T,).

    ``opened = max((turnover * V + dOI) / 2, max(dOI, 0))``, ``closed = opened - dOI``; dOI is 0 where
    open interest is not known at both ends.
    """
    volume = market.candles["volume"].to_numpy()
    change = np.zeros_like(volume)
    if "open_interest" in market.candles:
        change[1:] = np.nan_to_num(np.diff(market.candles["open_interest"].to_numpy()), nan=0.0)
    opened = np.maximum((turnover * volume + change) / 2, np.maximum(change, 0.0))
    return opened, opened - change


def _open_and_sweep(
    market: Market, since: int, grid: PriceGrid, tiers: Floats, settings: dict[str, float]
) -> dict[str, Any]:
    """Return the ledger's arrays for the candles from row ``since`` on."""
    candles = market.candles
    low, high, close = (candles[name].to_numpy()[since:] for name in ("low", "high", "close"))
    opened = opened_coins(market, settings["turnover"])[0][since:] * (high + low + close) / 3
    stamps = candles.index.as_unit("ns").asi8
    hours = np.diff(stamps, prepend=stamps[:1])[since:] / NS_PER_HOUR
    before = candles["close"].to_numpy()[max(since - 1, 0) : len(candles) - 1]
    if since == 0:
        before = np.concatenate([close[:1], before])  # nothing stands yet: the first sweep finds nothing

    k = np.stack(level_factors(tiers, settings["maintenance_rate"], settings["fee_rate"]), axis=-1)  # (L, 2)
    blocks, entries = [], 0
    for i in range(0, len(close), _BLOCK):
        part = slice(i, i + _BLOCK)
        blocks.append(_open(grid, k, low[part], high[part], close[part], opened[part], MAX_ENTRIES - entries))
        entries += len(blocks[-1]["row"])
    joined = {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
    a, b = grid.rows_with_centre_in(*_sweep_range(market, since, low, high, close, before))
    return {
        "time": stamps[since:].view("datetime64[ns]"),
        "close": close,
        "hours": hours,
        "opened": opened,
        "start": np.concatenate([[0], np.cumsum(joined.pop("count"))]),
        "sweep": np.stack([a, b], axis=1),
        **joined,
    }


_BLOCK = 2_048  # candles at a time: what is in between stays in the cache, so that time stays linear


def _open(
    grid: PriceGrid, k: Floats, low: Floats, high: Floats, close: Floats, opened: Floats, most: int
) -> dict[str, npt.NDArray[Any]]:
    """Return the entries of n candles, how many each has, and what was crossed or lies out of range, (n, L, 2)."""
    n, L = len(close), len(k)
    bottom = (half_bins(low[:, None, None] * k, grid.bin_size) / 2).reshape(-1)  # in bins, (n * L * 2,)
    top = (half_bins(high[:, None, None] * k, grid.bin_size) / 2).reshape(-1)
    first = np.floor(bottom)
    count = np.maximum(np.ceil(top) - first, 1.0)
    if count.sum() > most:
        raise InputError(
            f"bin_size: {grid.bin_size:g} makes more than {MAX_ENTRIES:,} entries. "
            "Use a larger bin_size or fewer candles."
        )
    number = count.astype(np.int64)
    offset = np.cumsum(number) - number
    source = np.repeat(np.arange(len(number)), number)  # (candle * L + tier) * 2 + side
    step = (np.arange(len(source)) - offset[source]).astype(np.float64)
    # Shares as differences of one clipped line, so that they add up to 1 whatever is rounded.
    height = top - bottom
    scale = np.divide(1.0, height, out=np.full_like(height, np.inf), where=height > 0)
    lead = (first - bottom)[source] + step
    with np.errstate(invalid="ignore"):
        left = np.clip(lead * scale[source], 0.0, 1.0)
        right = np.clip((lead + 1.0) * scale[source], 0.0, 1.0)
    share = np.where(height[source] > 0, right - left, 1.0)
    amount = share * np.repeat(opened, 2 * L)[source]

    row = first[source] + step - grid.first
    side = (source & 1).astype(np.uint8)
    inside = (row >= 0) & (row < grid.rows)
    # The centre of row r stands at 2 r + 1 half bins.
    above_close = 2 * (row + grid.first) + 1 - np.repeat(half_bins(close, grid.bin_size), 2 * L)[source]
    stands = inside & np.where(side == 0, above_close < 0, above_close > 0)
    crossed = inside & ~stands
    stands &= amount > 0
    kept = source[stands]
    # An empty bincount is of integers: amounts are float64 all the same.
    lost = (
        np.bincount(source[where], amount[where], n * L * 2).astype(np.float64).reshape(n, L, 2)
        for where in (crossed, ~inside)
    )
    return {
        "count": np.bincount(kept // (2 * L), minlength=n),
        "row": row[stands].astype(np.uint16),
        "tier": ((kept >> 1) % L).astype(np.uint8),
        "side": side[stands],
        "notional": amount[stands],
        **dict(zip(("crossed", "out_of_range"), lost, strict=True)),
    }


def _sweep_range(
    market: Market, since: int, low: Floats, high: Floats, close: Floats, before: Floats
) -> tuple[Floats, Floats]:
    """Return the prices each candle swept; mark prices trigger where the venue's are known."""
    if "mark_low" in market.candles:
        mark_low, mark_high = (market.candles[name].to_numpy()[since:] for name in ("mark_low", "mark_high"))
        low, high = np.where(np.isnan(mark_low), low, mark_low), np.where(np.isnan(mark_high), high, mark_high)
    return np.minimum(np.minimum(low, close), before), np.maximum(np.maximum(high, close), before)
