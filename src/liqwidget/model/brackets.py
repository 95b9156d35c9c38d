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
    CONTRACTS,
    Contract,
    Floats,
    Number,
    checked_choice,
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
        Deduction D from ``m * notional``, in USD (linear) or coins (inverse), that makes maintenance continuous at the
        bounds (OKX has none).
    unit
        ``"notional"`` (USD) or ``"coins"``. Linear contracts are bounded by their value in USD, inverse ones by their
        value in coins; both change with the price. OKX counts contracts, which do not: coins of linear ones, USD of
        inverse ones.
    as_of
        Date of the data, such as 2026-09-25 or 2026-09; "undated" or "unknown" where nobody wrote it down.
    status
        Where it is from: "fetched" (the venue's public interface), "file" (the venue's answer, saved by the user), and
        of the shipped snapshot "documented", "computed" (from other figures of the venue) or "unverified".
    contract
        ``"linear"`` (margin in USD) or ``"inverse"`` (margin in coins).
    """

    floor: float
    cap: float
    max_leverage: float
    maintenance_rate: float
    maintenance_amount: float
    unit: str = "notional"
    as_of: str = ""
    status: str = ""
    contract: Contract = "linear"


def find_bracket(brackets: Sequence[Bracket], notional: float) -> Bracket:
    """Return the bracket that contains a position.

    Parameters
    ----------
    brackets
        As `load_brackets` gives them, smallest first.
    notional
        Position, > 0, in the brackets' `unit`: USD or coins. A position exactly at a cap is under it.

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
    entry: Number,
    leverage: Number,
    side: str,
    size: Number,
    brackets: Sequence[Bracket],
    fee_rate: Number = 0.0,
    *,
    contract: Contract = "linear",
) -> float: ...
@overload
def liquidation_price_in_brackets(
    entry: ArrayLike,
    leverage: ArrayLike,
    side: ArrayLike,
    size: ArrayLike,
    brackets: Sequence[Bracket],
    fee_rate: ArrayLike = 0.0,
    *,
    contract: Contract = "linear",
) -> Floats: ...
def liquidation_price_in_brackets(
    entry: ArrayLike,
    leverage: ArrayLike,
    side: ArrayLike,
    size: ArrayLike,
    brackets: Sequence[Bracket],
    fee_rate: ArrayLike = 0.0,
    *,
    contract: Contract = "linear",
) -> Floats | float:
    """Return the liquidation price of a position under the bracket that holds at that price.

    The bracket decides the price and the price decides the bracket, so they are computed in turn until they
    settle, starting from the bracket at entry. If brackets leave a jump in maintenance (a venue without
    deductions), they may alternate forever; then the price nearer to entry, the safer estimate, is used.
    A position whose value at liquidation is above the last cap (a linear short, an inverse long) keeps the last one.

    Parameters
    ----------
    entry, leverage, side, fee_rate
        As in `liquidation_price`; they broadcast with `size` to one shape S.
    size
        Size, > 0, in coins (linear) or USD (inverse).
    brackets
        As `load_brackets` gives them, smallest first.
    contract
        ``"linear"`` (margin in USD) or ``"inverse"`` (margin in coins), as the brackets are.

    Returns
    -------
    float64 array of shape S, USD per coin; a float when every argument is a scalar. NaN where there is no such price.

    Raises
    ------
    InputError
        As `liquidation_price`; also when a leverage is above the maximum of the bracket at entry, a position at entry
        is above the last cap, or the brackets are those of the other kind of contract.

    Notes
    -----
    With s = +1 long, -1 short, Q the size, WB the margin, and m and D of the bracket that holds at the price p::

        linear   p = (s * Q * entry - WB - D) / (Q * (s - m - f))          WB = Q * entry / leverage
        inverse  p = Q * (1 + s * (m + f)) / (Q / entry + s * (WB + D))    WB = Q / entry / leverage

    The position is ``Q * p`` USD (linear) or ``Q / p`` coins (inverse), or, where a venue counts contracts, Q. Binance
    "How to calculate liquidation price" of USD-M and of COIN-M futures; Bybit "Liquidation Price Calculation under
    Isolated Mode"; OKX "Maintenance margin ratio"; Hyperliquid docs "Liquidations".

    Examples
    --------
    >>> import liqwidget as lw
    >>> brackets = lw.load_brackets("binance")
    >>> lw.liquidation_price_in_brackets(60_000, 20, "long", [0.1, 10, 100], brackets).round(1)
    array([57228.9, 57256.3, 57454.5])
    """
    checked_choice("contract", contract, CONTRACTS)
    caps = _caps(brackets, contract)
    price = checked_numbers("entry", entry, above=0.0)
    tier = checked_numbers("leverage", leverage, low=1.0)
    held = checked_numbers("size", size, above=0.0)
    f = checked_numbers("fee_rate", fee_rate, low=0.0, below=1.0)
    sign = checked_signs(side)
    shape = checked_shape(price, tier, held, f, sign)
    rates = np.array([bracket.maintenance_rate for bracket in brackets])
    amounts = np.array([bracket.maintenance_amount for bracket in brackets])
    limits = np.array([bracket.max_leverage for bracket in brackets])
    is_linear = contract == "linear"
    by_value = (brackets[0].unit == "notional") == is_linear
    price, tier, held, f, sign = np.broadcast_arrays(price, tier, held, f, sign)

    def value(at: Floats) -> Floats:
        """Return the position at a price in the currency of its margin."""
        return held * at if is_linear else held / at

    entered = value(price)
    at = _entry_bracket(caps, entered if by_value else held, brackets[0].unit)
    if np.any(over := tier > limits[at]):
        leverage_over, limit = tier[over].flat[0], limits[at][over].flat[0]
        usd = (entered if is_linear else held)[over].flat[0]
        raise InputError(
            f"leverage: a position of {usd:,.0f} USD may have at most {limit:g}x; got {leverage_over:g}x. "
            "Lower the leverage or the size."
        )
    refuse_heavy_rates(rates[at], f)
    refuse_hopeless_tiers(tier, rates[at], f, amounts[at] / entered)

    def level(bracket: NDArray[np.intp]) -> Any:
        """Return the price under a bracket: 0 for a long, inf for a short that nothing liquidates."""
        found = raw_level(price, sign, 1.0 / tier, amounts[bracket] / entered, rates[bracket], f, contract, "mm_at_liq")
        return np.where(found > 0, found, np.where(sign > 0, 0.0, np.inf))

    found = level(at)
    if by_value:
        nearest = np.where(sign > 0, -np.inf, np.inf)
        for turn in range(2 * len(caps) + 2):
            then = np.minimum(np.searchsorted(caps, value(found)), len(caps) - 1)
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


def _caps(brackets: Sequence[Bracket], contract: Contract | None = None) -> Floats:
    """Return the upper bounds, in the brackets' unit; with `contract`, refuse brackets of the other kind."""
    if not brackets or not all(isinstance(bracket, Bracket) for bracket in brackets):
        raise InputError(f"brackets: need a list of Bracket, as load_brackets gives; got {shown(brackets)}.")
    caps = np.array([bracket.cap for bracket in brackets])
    if np.any(caps[1:] <= caps[:-1]) or len({(bracket.unit, bracket.contract) for bracket in brackets}) > 1:
        raise InputError("brackets: need caps that rise and one unit; got others. Sort them by cap, one symbol alone.")
    theirs = brackets[0].contract
    if contract not in (None, theirs):
        raise InputError(
            f"contract: need {theirs!r}, as the brackets are; got {contract!r}. Pass contract={theirs!r}, or brackets "
            f"of {contract} contracts."
        )
    return caps


def _entry_bracket(caps: Floats, amount: Floats, unit: str) -> NDArray[np.intp]:
    if np.any(amount > caps[-1]):
        largest, wanted = (
            f"{n:,.0f} USD" if unit == "notional" else f"{n:,.9g} {unit}" for n in (caps[-1], amount.max())
        )
        raise InputError(f"notional: the largest bracket ends at {largest}; got {wanted}.")
    return np.asarray(np.searchsorted(caps, amount))
