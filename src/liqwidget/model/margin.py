"""Liquidation prices of isolated positions.

One formula serves every venue: the margin of the position, as a share of its notional at entry, against what the
venue requires (Binance "How to calculate liquidation price", Bybit "Liquidation Price Calculation under
Isolated Mode", OKX "Maintenance margin ratio", Hyperliquid docs "Liquidations"; they differ only in the rate,
the amount and the fee). Omitted: funding paid since entry, and cross margin, where the whole account counts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, get_args, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..checks import shown
from ..errors import InputError

Floats = NDArray[np.float64]
Number = float | np.floating[Any] | np.integer[Any]

SIDES = ("long", "short")
Contract = Literal["linear", "inverse"]
CONTRACTS: tuple[Contract, ...] = get_args(Contract)
Rule = Literal["mm_at_liq", "mm_at_entry", "mm_at_entry_fee_at_bust"]
RULES: tuple[Rule, ...] = get_args(Rule)
#: Factor of a level that no price reaches: a short in an inverse contract whose margin covers its notional.
NO_LEVEL = 1e9


@overload
def liquidation_price(
    entry: Number,
    leverage: Number | None,
    side: str,
    maintenance_rate: Number = 0.004,
    maintenance_amount: Number = 0.0,
    size: Number | None = None,
    fee_rate: Number = 0.0,
    *,
    contract: Contract = "linear",
    margin: Number | None = None,
    rule: Rule = "mm_at_liq",
) -> float: ...
@overload
def liquidation_price(
    entry: ArrayLike,
    leverage: ArrayLike | None,
    side: ArrayLike,
    maintenance_rate: ArrayLike = 0.004,
    maintenance_amount: ArrayLike = 0.0,
    size: ArrayLike | None = None,
    fee_rate: ArrayLike = 0.0,
    *,
    contract: Contract = "linear",
    margin: ArrayLike | None = None,
    rule: Rule = "mm_at_liq",
) -> Floats: ...
def liquidation_price(
    entry: ArrayLike,
    leverage: ArrayLike | None,
    side: ArrayLike,
    maintenance_rate: ArrayLike = 0.004,
    maintenance_amount: ArrayLike = 0.0,
    size: ArrayLike | None = None,
    fee_rate: ArrayLike = 0.0,
    *,
    contract: Contract = "linear",
    margin: ArrayLike | None = None,
    rule: Rule = "mm_at_liq",
) -> Floats | float:
    """Return the price at which the margin of a position no longer covers its maintenance.

    All array arguments broadcast against each other to one shape S.

    Parameters
    ----------
    entry
        Entry price, > 0, in USD per coin.
    leverage
        Notional / margin at entry, >= 1. None when `margin` and `size` are given; not used when `margin` is.
    side
        ``"long"`` or ``"short"``, or an array of them.
    maintenance_rate
        Maintenance margin rate m, 0 <= m < 1, of the bracket that applies at the liquidation price.
    maintenance_amount
        Deduction D of that bracket ("cum"), >= 0, in USD (linear) or coins (inverse). Needs `size` unless 0.
    size
        Size of the position, > 0, in coins (linear) or USD (inverse).
    fee_rate
        Liquidation fee f that the venue includes, 0 <= f < 1 (OKX 0.0005, the others 0).
    contract
        ``"linear"`` (margin in USD) or ``"inverse"`` (margin in coins).
    margin
        Wallet balance WB backing the position, > 0, in USD (linear) or coins (inverse). Default notional / leverage.
    rule
        ``"mm_at_liq"``: maintenance on the value at the liquidation price (all live venues).
        ``"mm_at_entry"``: on the value at entry (Bybit before 2025-09-02, BitMEX).
        ``"mm_at_entry_fee_at_bust"``: the same plus the fee to close at the bankruptcy price (old Bybit inverse).

    Returns
    -------
    float64 array of shape S, or a float if every argument is a scalar. NaN where nothing can liquidate the position.

    Raises
    ------
    InputError
        A value is not finite or out of range, a name is unknown, shapes do not broadcast, `size` is missing,
        or, without `margin`, the position would be liquidated at entry (1/L <= m + f).

    Notes
    -----
    With s = +1 long, -1 short, N the notional at entry and b = (WB + D) / N, for the rule ``mm_at_liq``::

        linear   entry * (s - b) / (s - m - f)       inverse  entry * (1 + s * (m + f)) / (1 + s * b)

    Examples
    --------
    >>> round(liquidation_price(60_000, 10, "long"), 2)
    54216.87
    >>> liquidation_price(60_000, [10, 100], "short").round(2)
    array([65737.05, 60358.57])
    """
    checked_choice("contract", contract, CONTRACTS)
    checked_choice("rule", rule, RULES)
    m = checked_numbers("maintenance_rate", maintenance_rate, low=0.0, below=1.0)
    f = checked_numbers("fee_rate", fee_rate, low=0.0, below=1.0)
    amount = checked_numbers("maintenance_amount", maintenance_amount, low=0.0)
    price = checked_numbers("entry", entry, above=0.0)
    tier = None if leverage is None else checked_numbers("leverage", leverage, low=1.0)
    coins = None if size is None else checked_numbers("size", size, above=0.0)
    wallet = None if margin is None else checked_numbers("margin", margin, above=0.0)
    if coins is None and (wallet is not None or bool(np.any(amount != 0))):
        what = "margin" if wallet is not None else "maintenance_amount"
        raise InputError(f"size: {what} is an amount of money, so the size of the position is needed; got None.")
    if rule == "mm_at_entry" and np.any(f != 0):
        raise InputError("fee_rate: rule 'mm_at_entry' has no fee. Leave it 0, or use 'mm_at_entry_fee_at_bust'.")
    given = [array for array in (price, m, f, amount, tier, coins, wallet) if array is not None]
    sign = checked_signs(side)
    shape = checked_shape(sign, *given)
    refuse_heavy_rates(m, f)

    notional = np.float64(1.0) if coins is None else coins * price if contract == "linear" else coins / price
    if wallet is not None:
        backing = wallet / notional
    elif tier is not None:
        backing = 1.0 / tier
        refuse_hopeless_tiers(tier, m, f, amount / notional)
    else:
        raise InputError("leverage: need a leverage, or margin and size; got None.")
    level = np.broadcast_to(raw_level(price, sign, backing, amount / notional, m, f, contract, rule), shape)
    level = np.where(np.isfinite(level) & (level > 0), level, np.nan)
    return level if shape else float(level)


def level_factors(
    leverage: ArrayLike,
    maintenance_rate: ArrayLike,
    fee_rate: float = 0.0,
    contract: Contract = "linear",
    amount: ArrayLike = 0.0,
) -> tuple[Floats, Floats]:
    """Return liquidation price / entry price of each leverage tier, long and short.

    Parameters
    ----------
    leverage
        Leverages, >= 1, shape (L,).
    maintenance_rate
        Maintenance margin rate m, in [0, 1): one number, or one of each tier, shape (L,).
    fee_rate
        Liquidation fee f, in [0, 1).
    contract
        ``"linear"`` (margin in USD) or ``"inverse"`` (margin in coins).
    amount
        Deduction D of the tier's bracket as a share d of the notional at entry, in [0, 1): like `maintenance_rate`.

    Returns
    -------
    k_long, k_short
        float64, shape (L,). Linear: ``(1 - 1/L - d) / (1 - m - f)``, at least 0, and ``(1 + 1/L + d) / (1 + m + f)``.
        Inverse: ``(1 + m + f) / (1 + 1/L + d)`` and ``(1 - m - f) / (1 - 1/L - d)``, at most 1e9, which a short at
        L = 1 has: nothing liquidates it.

    Raises
    ------
    InputError
        A value is not finite or out of range, or a tier has 1/L <= m + f - d: it would be liquidated at entry.

    Notes
    -----
    `liquidation_price` over entry under the rule ``mm_at_liq``.

    Examples
    --------
    >>> level_factors([10, 100], 0.004)[0].round(5)
    array([0.90361, 0.99398])
    >>> level_factors([10, 100], 0.004, contract="inverse")[0].round(5)
    array([0.91273, 0.99406])
    """
    checked_choice("contract", contract, CONTRACTS)
    tier = np.atleast_1d(checked_numbers("leverage", leverage, low=1.0))
    if tier.ndim != 1:
        raise InputError(f"leverage: need one row of numbers, shape (L,); got shape {tier.shape}.")
    m = checked_numbers("maintenance_rate", maintenance_rate, low=0.0, below=1.0)
    f = checked_numbers("fee_rate", fee_rate, low=0.0, below=1.0)
    d = checked_numbers("amount", amount, low=0.0, below=1.0)
    if f.ndim or {m.shape, d.shape} - {(), tier.shape}:
        raise InputError("maintenance_rate, fee_rate, amount: need one number each, or one per tier; got other shapes.")
    refuse_heavy_rates(m, f)
    refuse_hopeless_tiers(tier, m, f, d)
    long, short = (raw_level(1.0, np.float64(sign), 1.0 / tier, d, m, f, contract, "mm_at_liq") for sign in (1, -1))
    return np.maximum(long, 0.0), np.where((short > 0) & (short < NO_LEVEL), short, NO_LEVEL)


def raw_level(price: Any, sign: Any, margin: Any, amount: Any, m: Any, f: Any, contract: str, rule: str) -> Any:
    """Price of liquidation, unclipped; `margin` and `amount` are shares of the notional at entry."""
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        if rule == "mm_at_liq":
            if contract == "linear":
                return price * ((sign - (margin + amount)) / (sign - m - f))
            level = price * (1 + sign * (m + f)) / (1 + sign * (margin + amount))
        else:
            # A position that cannot go bankrupt pays no fee, hence the 0. Without a fee this is mm_at_entry.
            bust = (sign - margin) / (sign - f) if contract == "linear" else (1 + sign * margin) / (1 + sign * f)
            free = margin + amount - m - f * np.maximum(bust, 0.0)
            level = price * (1 - sign * free) if contract == "linear" else price / (1 + sign * free)
    return level


def checked_numbers(
    name: str, value: Any, *, low: float = -math.inf, above: float = -math.inf, below: float = math.inf
) -> Floats:
    """Float64 array of finite, bounded numbers; bools, text and objects are refused."""
    try:
        given: NDArray[Any] = np.asarray(value)
    except ValueError:  # ragged
        given = np.asarray(None)
    mixed = isinstance(value, list | tuple) and any(isinstance(item, bool) for item in value)
    if given.dtype.kind not in "iuf" or mixed:
        raise InputError(f"{name}: need a number or an array of numbers; got {shown(value)}.")
    array: Floats = given.astype(np.float64)
    wrong = ~(np.isfinite(array) & (array >= low) & (array > above) & (array < below))
    if wrong.any():
        bounds = [f">= {low:g}"] * (low > -math.inf) + [f"> {above:g}"] * (above > -math.inf)
        bounds += [f"< {below:g}"] * (below < math.inf)
        where = "" if array.ndim == 0 else f" at index {', '.join(str(int(axis[0])) for axis in np.nonzero(wrong))}"
        raise InputError(f"{name}: need finite numbers {' and '.join(bounds)}; got {array[wrong].flat[0]:g}{where}.")
    return array


def checked_signs(side: ArrayLike) -> Floats:
    """Return +1 for "long" and -1 for "short", in the shape of `side`."""
    array = np.asarray(side)
    names = array.astype(object)
    long, short = np.asarray(names == "long", dtype=bool), np.asarray(names == "short", dtype=bool)
    if not (long | short).all():
        wrong = names[~(long | short)].flat[0] if array.ndim else side
        raise InputError(f"side: need 'long' or 'short'; got {shown(wrong)}.")
    return np.where(long, 1.0, -1.0)


def checked_choice(name: str, value: object, valid: Sequence[str]) -> None:
    """Refuse anything but the valid words."""
    if not isinstance(value, str) or value not in valid:
        raise InputError(f"{name}: need one of {', '.join(map(repr, valid))}; got {shown(value)}.")


def checked_shape(*arrays: Floats) -> tuple[int, ...]:
    """Return the shape to which the arrays broadcast."""
    try:
        return np.broadcast_shapes(*(array.shape for array in arrays))
    except ValueError:
        shapes = ", ".join(str(array.shape) for array in arrays if array.ndim)
        raise InputError(f"liquidation price: arguments must broadcast to one shape; got {shapes}.") from None


def refuse_heavy_rates(m: Floats, f: Floats) -> None:
    """Refuse a maintenance rate and fee that add up to the whole notional."""
    if np.any(m + f >= 1):
        raise InputError("maintenance_rate + fee_rate: need a sum below 1; got one of 1 or more. Rates are fractions.")


def refuse_hopeless_tiers(tier: Floats, m: Floats, f: Floats, amount: Any) -> None:
    """Refuse leverages whose positions would be liquidated at entry; `amount` is a share of the notional."""
    tier, wanted = np.broadcast_arrays(tier, m + f - amount)
    if np.any(wrong := 1.0 / tier <= wanted):
        raise InputError(
            f"leverage: a margin of 1/L must exceed maintenance; {tier[wrong].flat[0]:g}x gives "
            f"{1 / tier[wrong].flat[0]:.6g} where {wanted[wrong].flat[0]:.6g} is wanted, so it would be liquidated at "
            "entry. Lower the leverage, the maintenance_rate or the fee_rate."
        )
