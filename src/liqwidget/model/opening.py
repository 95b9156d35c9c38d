"""What each candle opens and sweeps: entries spread over liquidation levels, rows that price traded through.

Arrays in, arrays out. Axes are T (candles), L (leverage tiers), P (price rows), N (entries); sides are 0 = long,
1 = short.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..checks import is_finite
from ..errors import InputError
from .grid import Floats, PriceGrid, half_bins
from .maintenance import MaintenanceRate, maintenance_settings, tier_factors
from .turnover import (
    NS_PER_HOUR,
    Opening,
    Turnover,
    VenueOpenings,
    check_turnover,
    opened_coins,
    opening_of,
    resolve_turnover,
)

if TYPE_CHECKING:
    from ..market.market import Market

MAX_ENTRIES = 200_000_000
SPAN = 0.25

__all__ = ["MAX_ENTRIES", "NS_PER_HOUR", "SPAN", "MaintenanceRate", "Turnover", "check_settings", "open_and_sweep",
           "opened_coins", "resolve_turnover"]  # fmt: skip


def check_settings(
    leverage: Any, maintenance_rate: object, fee_rate: float, turnover: Any, span: float, market: Market | None = None
) -> tuple[Floats, dict[str, Any]]:
    """Return the tiers (L,) and the settings of a ledger, or raise InputError; as for `build_ledger`.

    ``turnover`` may stay "auto", which is resolved by a decay rate. The market decides what "brackets" are.
    """
    try:
        tiers = np.array(leverage, dtype=np.float64).reshape(-1)
    except (TypeError, ValueError, OverflowError):
        tiers = np.zeros(0)
    if not 1 <= len(tiers) <= 32 or len(np.unique(tiers)) != len(tiers):
        raise InputError(f"leverage: wanted 1 to 32 different tiers, such as (5, 10, 25); got {str(leverage)[:60]}")
    maintenance = maintenance_settings(maintenance_rate, market)
    tier_factors(tiers, {**maintenance, "fee_rate": fee_rate})  # refuses impossible tiers before any work
    share = check_turnover(turnover)
    if not (is_finite(span) and 0 <= span < 1):
        raise InputError(f"span: wanted a fraction in [0, 1); got {span!r}")
    return tiers, {
        **maintenance,
        "fee_rate": float(fee_rate),
        "turnover": share,
        "span": float(span),
    }


def open_and_sweep(
    market: Market,
    since: int,
    grid: PriceGrid,
    tiers: Floats,
    settings: dict[str, Any],
    opening: Opening | VenueOpenings | None = None,
) -> dict[str, Any]:
    """Return the ledger's arrays for the candles from row ``since`` on.

    ``opening`` tells what opens, None: what the whole market opens. Its venues have contracts of one kind.
    """
    opening = opening or opening_of(market)
    contract = market.contract
    if isinstance(opening, VenueOpenings):
        contract = next(part.contract for name, part in market.venues.items() if name in opening.names)
    candles = market.candles
    low, high, close = (candles[name].to_numpy()[since:] for name in ("low", "high", "close"))
    opened = opening.opened(settings["turnover"])[since:] * (high + low + close) / 3
    stamps = candles.index.as_unit("ns").asi8
    hours = np.diff(stamps, prepend=stamps[:1])[since:] / NS_PER_HOUR
    before = candles["close"].to_numpy()[max(since - 1, 0) : len(candles) - 1]
    if since == 0:
        before = np.concatenate([close[:1], before])  # nothing stands yet, so the first sweep clears nothing

    k = np.stack(tier_factors(tiers, settings, contract), axis=-1)  # (L, 2)
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
        "start": np.concatenate([[0], np.cumsum(joined.pop("count"))]).astype(np.intp),
        "sweep": np.stack([a, b], axis=1),
        **joined,
    }


_BLOCK = 2_048  # candles at a time: temporary arrays stay in the cache, so that time stays linear


def _open(
    grid: PriceGrid, k: Floats, low: Floats, high: Floats, close: Floats, opened: Floats, most: int
) -> dict[str, npt.NDArray[Any]]:
    """Return the entries of n candles, their number per candle, and the USD crossed or out of range, (n, L, 2)."""
    n, L = len(close), len(k)
    bottom = (half_bins(low[:, None, None] * k, grid.bin_size) / 2).reshape(-1)  # in bins, (n * L * 2,)
    top = (half_bins(high[:, None, None] * k, grid.bin_size) / 2).reshape(-1)
    if k.max() > 2:  # of an inverse contract: levels beyond the grid are one entry, or they would be too many
        end = float(grid.first + grid.rows)
        top = np.where(bottom >= end, end, top)
        bottom = np.minimum(bottom, end)
    first = np.floor(bottom)
    count = np.maximum(np.ceil(top) - first, 1.0)
    if count.sum() > most:
        raise InputError(
            f"bin_size: {grid.bin_size:g} makes more than {MAX_ENTRIES:,} entries. "
            "Use a larger bin_size or fewer candles."
        )
    number = count.astype(np.intp)
    offset = np.cumsum(number) - number
    source = np.repeat(np.arange(len(number), dtype=np.intp), number)  # (candle * L + tier) * 2 + side
    step = (np.arange(len(source)) - offset[source]).astype(np.float64)
    # Shares as differences of one clipped line, so that they sum to 1 despite rounding.
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
    # The centre of row r is at 2 r + 1 half bins.
    above_close = 2 * (row + grid.first) + 1 - np.repeat(half_bins(close, grid.bin_size), 2 * L)[source]
    stands = inside & np.where(side == 0, above_close < 0, above_close > 0)
    crossed = inside & ~stands
    stands &= amount > 0
    kept = source[stands]
    # An empty bincount has integers, but amounts must be float64.
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
    """Return the prices each candle swept; mark prices trigger if they are known."""
    if "mark_low" in market.candles:
        mark_low, mark_high = (market.candles[name].to_numpy()[since:] for name in ("mark_low", "mark_high"))
        low, high = np.where(np.isnan(mark_low), low, mark_low), np.where(np.isnan(mark_high), high, mark_high)
    return np.minimum(np.minimum(low, close), before), np.maximum(np.maximum(high, close), before)
