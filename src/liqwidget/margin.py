"""Liquidation prices of isolated positions, and the venues' leverage brackets.

One form serves every venue: what backs the position, as a share of its notional at entry, against what the
venue wants to see (Binance "How to calculate liquidation price", Bybit "Liquidation Price Calculation under
Isolated Mode", OKX "Maintenance margin ratio", Hyperliquid docs "Liquidations"; they differ only in the rate,
the amount and the fee). Left out: funding paid since entry, and cross margin, where the rest of the account counts.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from reprlib import repr as shown
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import InputError

Floats = NDArray[np.float64]

SIDES = ("long", "short")
CONTRACTS = ("linear", "inverse")
RULES = ("mm_at_liq", "mm_at_entry", "mm_at_entry_fee_at_bust")


def liquidation_price(
    entry: ArrayLike,
    leverage: ArrayLike | None,
    side: ArrayLike,
    maintenance_rate: ArrayLike = 0.004,
    maintenance_amount: ArrayLike = 0.0,
    size: ArrayLike | None = None,
    fee_rate: ArrayLike = 0.0,
    *,
    contract: str = "linear",
    margin: ArrayLike | None = None,
    rule: str = "mm_at_liq",
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
        Liquidation fee f that the venue counts in, 0 <= f < 1 (OKX 0.0005, the others 0).
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
    float64 array of shape S, a float when every argument is a scalar. NaN where nothing can liquidate the position.

    Raises
    ------
    InputError
        A value is not finite or out of range, a name is unknown, shapes do not broadcast, `size` is wanting,
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
    _one_of("contract", contract, CONTRACTS)
    _one_of("rule", rule, RULES)
    m = _numbers("maintenance_rate", maintenance_rate, low=0.0, below=1.0)
    f = _numbers("fee_rate", fee_rate, low=0.0, below=1.0)
    amount = _numbers("maintenance_amount", maintenance_amount, low=0.0)
    price = _numbers("entry", entry, above=0.0)
    tier = None if leverage is None else _numbers("leverage", leverage, low=1.0)
    coins = None if size is None else _numbers("size", size, above=0.0)
    wallet = None if margin is None else _numbers("margin", margin, above=0.0)
    if coins is None and (wallet is not None or bool(np.any(amount != 0))):
        what = "margin" if wallet is not None else "maintenance_amount"
        raise InputError(f"size: {what} is an amount of money, so the size of the position is needed; got None.")
    if rule == "mm_at_entry" and np.any(f != 0):
        raise InputError("fee_rate: rule 'mm_at_entry' has no fee. Leave it 0, or use 'mm_at_entry_fee_at_bust'.")
    given = [array for array in (price, m, f, amount, tier, coins, wallet) if array is not None]
    sign = _signs(side)
    shape = _shape(sign, *given)
    _refuse_heavy(m, f)

    notional = np.float64(1.0) if coins is None else coins * price if contract == "linear" else coins / price
    if wallet is not None:
        backing = wallet / notional
    elif tier is not None:
        backing = 1.0 / tier
        _refuse_hopeless(tier, m, f, amount / notional)
    else:
        raise InputError("leverage: need a leverage, or margin and size; got None.")
    level = np.broadcast_to(_level(price, sign, backing, amount / notional, m, f, contract, rule), shape)
    level = np.where(np.isfinite(level) & (level > 0), level, np.nan)
    return level if shape else float(level)


def level_factors(leverage: ArrayLike, maintenance_rate: float, fee_rate: float = 0.0) -> tuple[Floats, Floats]:
    """Return liquidation price / entry price of each leverage tier, long and short.

    Parameters
    ----------
    leverage
        Leverages, >= 1, shape (L,).
    maintenance_rate, fee_rate
        Maintenance margin rate m and liquidation fee f, in [0, 1).

    Returns
    -------
    k_long, k_short
        float64, shape (L,): ``(1 - 1/L) / (1 - m - f)`` and ``(1 + 1/L) / (1 + m + f)``; a long at L = 1 has 0.

    Raises
    ------
    InputError
        A value is not finite or out of range, or a tier has 1/L <= m + f: it would be liquidated at entry.

    Notes
    -----
    `liquidation_price` for a linear contract under the rule ``mm_at_liq``, without a maintenance amount.

    Examples
    --------
    >>> level_factors([10, 100], 0.004)[0].round(5)
    array([0.90361, 0.99398])
    """
    tier = np.atleast_1d(_numbers("leverage", leverage, low=1.0))
    if tier.ndim != 1:
        raise InputError(f"leverage: need one row of numbers, shape (L,); got shape {tier.shape}.")
    m = _numbers("maintenance_rate", maintenance_rate, low=0.0, below=1.0)
    f = _numbers("fee_rate", fee_rate, low=0.0, below=1.0)
    if m.ndim or f.ndim:
        raise InputError("maintenance_rate, fee_rate: need one number each; got an array.")
    _refuse_heavy(m, f)
    _refuse_hopeless(tier, m, f, np.float64(0.0))
    return _linear_factor(np.float64(1.0), 1.0 / tier, m, f), _linear_factor(np.float64(-1.0), 1.0 / tier, m, f)


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
    """

    floor: float
    cap: float
    max_leverage: float
    maintenance_rate: float
    maintenance_amount: float
    unit: str = "notional"


def load_brackets(exchange: str, symbol: str = "BTCUSDT") -> list[Bracket]:
    """Return the shipped snapshot of a venue's leverage brackets, smallest positions first.

    The snapshot is `brackets.csv` beside this file; its columns `as_of` and `status` say how old and how sure each
    row is (Bybit's from the fourth on are computed, OKX's second is unverified). Venues change them without notice.

    Parameters
    ----------
    exchange
        ``"binance"``, ``"bybit"``, ``"okx"`` or ``"hyperliquid"``.
    symbol
        The venue's own name: ``"BTCUSDT"``, ``"BTCUSDC"``, ``"BTC-USDT-SWAP"`` (OKX), ``"BTC"`` (Hyperliquid).

    Raises
    ------
    InputError
        No such venue or symbol in the snapshot; the message lists those there are.

    Examples
    --------
    >>> load_brackets("binance")[1]
    Bracket(floor=300000.0, cap=800000.0, max_leverage=100.0, maintenance_rate=0.005, maintenance_amount=300.0, ...)
    """
    snapshot = _snapshot()
    _one_of("exchange", exchange, sorted({venue for venue, _ in snapshot}))
    _one_of("symbol", symbol, [name for venue, name in snapshot if venue == exchange])
    return list(snapshot[exchange, symbol])


def find_bracket(brackets: Sequence[Bracket], notional: float) -> Bracket:
    """Return the bracket that holds a position.

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
    """
    caps = _caps(brackets)
    amount = _numbers("notional", notional, above=0.0)
    if amount.ndim:
        raise InputError(f"notional: need one number; got shape {amount.shape}.")
    return brackets[int(_entry_bracket(caps, amount, brackets[0].unit))]


def liquidation_price_in_brackets(
    entry: ArrayLike,
    leverage: ArrayLike,
    side: ArrayLike,
    size: ArrayLike,
    brackets: Sequence[Bracket],
    fee_rate: ArrayLike = 0.0,
) -> Floats | float:
    """Return the liquidation price of a linear position under the bracket that holds at that price.

    The bracket decides the price and the price decides the bracket, so the two are worked out in turn until they
    settle, starting from the bracket at entry. Where brackets leave a jump in maintenance (a venue without
    deductions) the two may chase each other for ever; then the price nearer to entry, the safer estimate, is taken.
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
    """
    caps = _caps(brackets)
    price = _numbers("entry", entry, above=0.0)
    tier = _numbers("leverage", leverage, low=1.0)
    coins = _numbers("size", size, above=0.0)
    f = _numbers("fee_rate", fee_rate, low=0.0, below=1.0)
    sign = _signs(side)
    shape = _shape(price, tier, coins, f, sign)
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
    _refuse_heavy(rates[at], f)
    _refuse_hopeless(tier, rates[at], f, amounts[at] / (coins * price))

    def level(bracket: NDArray[np.intp]) -> Any:
        share = amounts[bracket] / (coins * price)
        return _level(price, sign, 1.0 / tier, share, rates[bracket], f, "linear", "mm_at_liq")

    found = level(at)
    if by_value:
        nearest = np.where(sign > 0, -np.inf, np.inf)
        for turn in range(2 * len(caps) + 2):
            then = np.minimum(np.searchsorted(caps, coins * np.maximum(found, 0.0)), len(caps) - 1)
            settled = then == at
            if settled.all():
                break
            if turn > len(caps):  # long enough for any honest table: from here on brackets only repeat
                nearest = np.where(sign > 0, np.maximum(nearest, found), np.minimum(nearest, found))
            at, found = then, np.where(settled, found, level(then))
        else:
            found = np.where(settled, found, nearest)
    found = np.where(np.isfinite(found) & (found > 0), found, np.nan).reshape(shape)
    return found if shape else float(found)


def _linear_factor(sign: Any, backing: Any, m: Any, f: Any) -> Any:
    return (sign - backing) / (sign - m - f)


def _level(price: Any, sign: Any, margin: Any, amount: Any, m: Any, f: Any, contract: str, rule: str) -> Any:
    """Price of liquidation, unclipped; `margin` and `amount` are shares of the notional at entry."""
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        if rule == "mm_at_liq":
            if contract == "linear":
                return price * _linear_factor(sign, margin + amount, m, f)
            level = price * (1 + sign * (m + f)) / (1 + sign * (margin + amount))
        else:
            # A position that cannot go bankrupt pays no fee for it: hence the 0. Without a fee this is mm_at_entry.
            bust = (sign - margin) / (sign - f) if contract == "linear" else (1 + sign * margin) / (1 + sign * f)
            free = margin + amount - m - f * np.maximum(bust, 0.0)
            level = price * (1 - sign * free) if contract == "linear" else price / (1 + sign * free)
    return level


def _numbers(
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


def _signs(side: ArrayLike) -> Floats:
    array = np.asarray(side)
    names = array.astype(object)
    long, short = np.asarray(names == "long", dtype=bool), np.asarray(names == "short", dtype=bool)
    if not (long | short).all():
        wrong = names[~(long | short)].flat[0] if array.ndim else side
        raise InputError(f"side: need 'long' or 'short'; got {shown(wrong)}.")
    return np.where(long, 1.0, -1.0)


def _one_of(name: str, value: object, valid: Sequence[str]) -> None:
    if not isinstance(value, str) or value not in valid:
        raise InputError(f"{name}: need one of {', '.join(map(repr, valid))}; got {shown(value)}.")


def _shape(*arrays: Floats) -> tuple[int, ...]:
    try:
        return np.broadcast_shapes(*(array.shape for array in arrays))
    except ValueError:
        shapes = ", ".join(str(array.shape) for array in arrays if array.ndim)
        raise InputError(f"liquidation price: arguments must broadcast to one shape; got {shapes}.") from None


def _refuse_heavy(m: Floats, f: Floats) -> None:
    if np.any(m + f >= 1):
        raise InputError("maintenance_rate + fee_rate: need a sum below 1; got one of 1 or more. Rates are fractions.")


def _refuse_hopeless(tier: Floats, m: Floats, f: Floats, amount: Any) -> None:
    tier, wanted = np.broadcast_arrays(tier, m + f - amount)
    if np.any(wrong := 1.0 / tier <= wanted):
        raise InputError(
            f"leverage: a margin of 1/L must exceed maintenance; {tier[wrong].flat[0]:g}x gives "
            f"{1 / tier[wrong].flat[0]:.6g} where {wanted[wrong].flat[0]:.6g} is wanted, so it would be liquidated at "
            "entry. Lower the leverage, the maintenance_rate or the fee_rate."
        )


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


@cache
def _snapshot() -> dict[tuple[str, str], tuple[Bracket, ...]]:
    found: dict[tuple[str, str], tuple[Bracket, ...]] = {}
    text = files(__package__).joinpath("brackets.csv").read_text(encoding="utf-8")
    for row in csv.DictReader(text.splitlines()):
        bracket = Bracket(
            float(row["floor"]),
            float(row["cap"] or math.inf),
            float(row["max_leverage"]),
            float(row["maintenance_rate"]),
            float(row["maintenance_amount"]),
            row["unit"],
        )
        key = row["exchange"], row["symbol"]
        found[key] = (*found.get(key, ()), bracket)
    return found
