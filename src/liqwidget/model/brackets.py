"""The venues' leverage brackets, and liquidation prices under them.

Large positions have higher maintenance rates and lower maximum leverages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..checks import shown
from ..errors import InputError
from .margin import (
    Floats,
    Number,
    checked_numbers,
    checked_shape,
    checked_signs,
    raw_level,
    refuse_heavy_rates,
    refuse_hopeless_tiers,
)


@dataclass(frozen=True)
class Bracket:
    """One leverage bracket of a venue: it holds for positions in ``(floor, cap]``.

    Attributes
    ----------
    floor, cap
        Bounds of the position, in `unit`; `cap` is inf for an open end.
    max_leverage
        Highest leverage that may be chosen.
    maintenance_rate
        Maintenance margin rate m, on the whole position.
    maintenance_amount
        Deduction D from ``m * notional``, in USD, that makes maintenance continuous at the bounds (OKX has none).
    unit
        ``"notional"`` (USD) or ``"coins"`` (OKX counts contracts, whose number does not change with price).
    as_of
        Date of the data, such as 2026-09-25 or 2026-09; "undated" or "unknown" where nobody wrote it down.
    status
        Where it is from: "fetched" (the venue's public interface), "file" (the venue's answer, saved by the user), and
        of the shipped snapshot "documented", "computed" (from other figures of the venue) or "unverified".
    """

    floor: float
    cap: float
    max_leverage: float
    maintenance_rate: float
    maintenance_amount: float
    unit: str = "notional"
    as_of: str = ""
    status: str = ""


def find_bracket(brackets: Sequence[Bracket], notional: float) -> Bracket:
    """Return the bracket that contains a position.

    Parameters
    ----------
    brackets
        As `load_brackets` gives them, smallest first.
    notional
        Position, > 0, in the brackets' `unit`: USD, or coins for OKX. A position exactly at a cap is under it.

    Raises
    ------
    InputError
        No brackets, `notional` not above 0, or above the last cap.

    Examples
    --------
    >>> import liqwidget as lw
    >>> bracket = lw.find_bracket(lw.load_brackets("binance"), 1_000_000)
    >>> bracket.maintenance_rate, bracket.max_leverage
    (0.0065, 75.0)
    """
    caps = _caps(brackets)
    amount = checked_numbers("notional", notional, above=0.0)
    if amount.ndim:
        raise InputError(f"notional: need one number; got shape {amount.shape}.")
    return brackets[int(_entry_bracket(caps, amount, brackets[0].unit))]


@overload
def liquidation_price_in_brackets(
    entry: Number, leverage: Number, side: str, size: Number, brackets: Sequence[Bracket], fee_rate: Number = 0.0
) -> float: ...
@overload
def liquidation_price_in_brackets(
    entry: ArrayLike,
    leverage: ArrayLike,
    side: ArrayLike,
    size: ArrayLike,
    brackets: Sequence[Bracket],
    fee_rate: ArrayLike = 0.0,
) -> Floats: ...
def liquidation_price_in_brackets(
    entry: ArrayLike,
    leverage: ArrayLike,
    side: ArrayLike,
    size: ArrayLike,
    brackets: Sequence[Bracket],
    fee_rate: ArrayLike = 0.0,
) -> Floats | float:
    """Return the liquidation price of a linear position under the bracket that holds at that price.

    The bracket decides the price and the price decides the bracket, so they are computed in turn until they
    settle, starting from the bracket at entry. If brackets leave a jump in maintenance (a venue without
    deductions), they may alternate forever; then the price nearer to entry, the safer estimate, is used.
    A short whose value at liquidation is above the last cap keeps the last bracket.

    Parameters
    ----------
    entry, leverage, side, fee_rate
        As in `liquidation_price`; they broadcast with `size` to one shape S.
    size
        Size, > 0, in coins.
    brackets
        As `load_brackets` gives them, smallest first.

    Returns
    -------
    float64 array of shape S, USD per coin; a float when every argument is a scalar. NaN where there is no such price.

    Raises
    ------
    InputError
        As `liquidation_price`; also when a leverage is above the maximum of the bracket at entry, or a position at
        entry is above the last cap.

    Examples
    --------
    >>> import liqwidget as lw
    >>> brackets = lw.load_brackets("binance")
    >>> lw.liquidation_price_in_brackets(60_000, 20, "long", [0.1, 10, 100], brackets).round(1)
    array([57228.9, 57256.3, 57454.5])
    """
    caps = _caps(brackets)
    price = checked_numbers("entry", entry, above=0.0)
    tier = checked_numbers("leverage", leverage, low=1.0)
    coins = checked_numbers("size", size, above=0.0)
    f = checked_numbers("fee_rate", fee_rate, low=0.0, below=1.0)
    sign = checked_signs(side)
    shape = checked_shape(price, tier, coins, f, sign)
    rates = np.array([bracket.maintenance_rate for bracket in brackets])
    amounts = np.array([bracket.maintenance_amount for bracket in brackets])
    limits = np.array([bracket.max_leverage for bracket in brackets])
    by_value = brackets[0].unit == "notional"
    price, tier, coins, f, sign = np.broadcast_arrays(price, tier, coins, f, sign)

    at = _entry_bracket(caps, coins * price if by_value else coins, brackets[0].unit)
    if np.any(over := tier > limits[at]):
        leverage_over, limit = tier[over].flat[0], limits[at][over].flat[0]
        value = (coins * price)[over].flat[0]
        raise InputError(
            f"leverage: a position of {value:,.0f} USD may have at most {limit:g}x; got {leverage_over:g}x. "
            "Lower the leverage or the size."
        )
    refuse_heavy_rates(rates[at], f)
    refuse_hopeless_tiers(tier, rates[at], f, amounts[at] / (coins * price))

    def level(bracket: NDArray[np.intp]) -> Any:
        share = amounts[bracket] / (coins * price)
        return raw_level(price, sign, 1.0 / tier, share, rates[bracket], f, "linear", "mm_at_liq")

    found = level(at)
    if by_value:
        nearest = np.where(sign > 0, -np.inf, np.inf)
        for turn in range(2 * len(caps) + 2):
            then = np.minimum(np.searchsorted(caps, coins * np.maximum(found, 0.0)), len(caps) - 1)
            settled = then == at
            if settled.all():
                break
            if turn > len(caps):  # enough for any valid table: from here on brackets only repeat
                nearest = np.where(sign > 0, np.maximum(nearest, found), np.minimum(nearest, found))
            at, found = then, np.where(settled, found, level(then))
        else:
            found = np.where(settled, found, nearest)
    found = np.where(np.isfinite(found) & (found > 0), found, np.nan).reshape(shape)
    return found if shape else float(found)


def _caps(brackets: Sequence[Bracket]) -> Floats:
    if not brackets or not all(isinstance(bracket, Bracket) for bracket in brackets):
        raise InputError(f"brackets: need a list of Bracket, as load_brackets gives; got {shown(brackets)}.")
    caps = np.array([bracket.cap for bracket in brackets])
    if np.any(caps[1:] <= caps[:-1]) or len({bracket.unit for bracket in brackets}) > 1:
        raise InputError("brackets: need caps that rise and one unit; got others. Sort them by cap, one symbol alone.")
    return caps


def _entry_bracket(caps: Floats, amount: Floats, unit: str) -> NDArray[np.intp]:
    if np.any(amount > caps[-1]):
        what = "USD" if unit == "notional" else unit
        raise InputError(f"notional: the largest bracket ends at {caps[-1]:,.0f} {what}; got {np.max(amount):,.0f}.")
    return np.asarray(np.searchsorted(caps, amount))
