"""The one-call estimate, and the decay rate that open interest implies."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from math import log
from typing import TYPE_CHECKING, Literal

from ..errors import InputError
from .build import build_ledger
from .density import Density
from .grid import PriceGrid, nearest_bin, usual_bin
from .ledger import Ledger
from .maintenance import MaintenanceRate
from .opening import SPAN
from .settings import MAX_DECAY_RATE, PresetName, check_decay_rate, check_mix, shares
from .turnover import AUTO, check_turnover, opening_of

if TYPE_CHECKING:
    from ..market.market import Market

DEFAULT_HALF_LIFE_HOURS = 24.0


def estimate(
    market: Market,
    leverage_mix: Mapping[int, float] | Mapping[float, float] | PresetName | None = None,
    decay_rate: float | Literal["auto"] = "auto",
    bin_size: float | None = None,
    *,
    maintenance_rate: MaintenanceRate = 0.004,
    fee_rate: float = 0.0,
    turnover: float | Literal["auto"] = "auto",
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
        USD: a whole multiple of the row size of :func:`liqwidget.build_ledger`; any other size is rounded to
        the nearest one on offer (row size times 1, 2, 5, 10, ...), with a warning. None: the one on offer that is
        nearest to a picture of 500 bins. Totals and liquidated series do not depend on it.
    turnover
        Share of volume that opens positions. "auto": if open interest is known, the share at which what closes per
        hour is ``decay_rate`` of open interest, at most 1, so that USD standing on a side stay near open interest at
        every decay rate. If open interest falls faster than that rate by itself, only its rises open positions,
        scaled to it. If it is unknown: 1, and amounts are relative. ``density.turnover`` has the result.
    maintenance_rate
        Fraction of the notional. "brackets": rate and deduction by tier, of the newest table of the market's venue and
        symbol (:func:`liqwidget.load_brackets`), for a position of 1,000,000 USD, or the largest one that the venue
        allows at that leverage. Tiers above the venue's highest leverage are refused.
    fee_rate, span
        See :func:`liqwidget.build_ledger`.

    Raises
    ------
    InputError
        If an argument is out of its range.

    Examples
    --------
    >>> import liqwidget as lw
    >>> density = lw.estimate(lw.load_sample(), {5: 30, 10: 40, 25: 30}, decay_rate=0.03)
    >>> density.clusters()[["side", "peak_price", "notional"]].head(3)
        side  peak_price      notional
    0   long     80750.0  3.269214e+09
    1  short     97950.0  1.608166e+09
    2   long     71850.0  1.180428e+09
    """
    mix = check_mix(leverage_mix)
    ledger = build_ledger(market, list(mix), None, maintenance_rate, fee_rate, turnover, span)
    rate = resolve_decay_rate(decay_rate, market, turnover)
    return ledger.replay(rate, shares(mix), bin_size=shown_bin(ledger, bin_size))


def shown_bin(rows: Ledger | PriceGrid, bin_size: float | None, name: str = "bin_size") -> float:
    """Return the bin size for the rows: as given, or rounded to one on offer with a warning; None: the usual one."""
    grid = rows.grid if isinstance(rows, Ledger) else rows
    if bin_size is None:
        return usual_bin(grid.bin_size, grid.rows)
    size = nearest_bin(bin_size, grid.bin_size, grid.rows)
    if abs(size - bin_size) > 1e-9 * size:
        warnings.warn(
            f"{name}: {bin_size:.12g} is no whole multiple of the rows, {grid.bin_size:.12g} USD; {size:.12g} is used.",
            stacklevel=3,
        )
    return size


def resolve_decay_rate(decay_rate: object, market: Market, turnover: float | Literal["auto"] = 1.0) -> float:
    """Return a checked decay rate; "auto" is derived from the market.

    Raises
    ------
    InputError
        If the rate is not usable, or it is "auto" and the implied rate is not.
    """
    if not (isinstance(decay_rate, str) and decay_rate == AUTO):
        return check_decay_rate(decay_rate)
    rate = auto_decay_rate(market, turnover)
    if not rate <= MAX_DECAY_RATE:
        raise InputError(
            f"decay_rate: 'auto' finds {rate:.3g} per hour in volume and open interest; at most {MAX_DECAY_RATE:g} is "
            "possible. Check the units of open_interest (coins), or pass a rate, such as 0.03."
        )
    return rate


def auto_decay_rate(market: Market, turnover: float | Literal["auto"] = 1.0) -> float:
    """Return the decay rate per hour that open interest and volume imply.

    Coins closed on each side over coins standing: ``sum(C) / sum(OI[t-1] * hours[t])``, with C from
    :func:`liqwidget.model.turnover.opened_coins`. Without open interest it is the default, a half-life of 24 h. With
    turnover "auto", which is derived from a rate, all volume is assumed to open positions.

    Examples
    --------
    >>> import math
    >>> import liqwidget as lw
    >>> rate = lw.auto_decay_rate(lw.load_sample())
    >>> round(math.log(2) / rate, 1)  # half-life in hours
    14.4
    """
    share = check_turnover(turnover)
    return decay_of(*turned_over(market, 1.0 if isinstance(share, str) else share))


def turned_over(market: Market, turnover: float = 1.0) -> tuple[float, float]:
    """Return coins closed on each side, and standing coin hours, of all candles but the first."""
    opening = opening_of(market)
    return (opening.closed(turnover), opening.coin_hours) if opening.counted.any() else (0.0, 0.0)


def decay_of(closed: float, exposure: float) -> float:
    """Return the decay rate per hour, coins closed over coin hours; the default if none are known."""
    return closed / exposure if exposure > 0 else log(2) / DEFAULT_HALF_LIFE_HOURS
