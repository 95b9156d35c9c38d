"""Maintenance per leverage tier: one rate for all, or the venue's brackets for a position of typical size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
from numpy.typing import ArrayLike

from ..checks import shown, usd_text
from ..errors import InputError
from .bracket_tables import known_tables, load_brackets, newest
from .brackets import Bracket
from .margin import Contract, Floats, checked_numbers, level_factors

if TYPE_CHECKING:
    from ..market.market import Market

BRACKETS = "brackets"
#: One rate for all tiers, or "brackets": those of the market's venue.
MaintenanceRate = float | Literal["brackets"]
#: Size of a typical position, USD: near the median of 17,805 public ones (Hyperliquid, BTC, February 2026: 1.27M).
TYPICAL_USD = 1e6


def maintenance_settings(maintenance_rate: object, market: Market | None) -> dict[str, Any]:
    """Return the settings of a ledger that say its maintenance.

    Returns
    -------
    ``maintenance_rate``, and for the word "brackets" also ``brackets``: ``table`` (whose, of when), ``size`` (USD) and
    ``rates``, a line for each bracket up to that of a typical position: highest leverage, m, and deduction / notional.

    Raises
    ------
    InputError
        The word is another one, or there is no table for the market.
    """
    if not isinstance(maintenance_rate, str):
        rate = checked_numbers("maintenance_rate", maintenance_rate, low=0.0, below=1.0)
        if rate.ndim:
            raise InputError(f'maintenance_rate: wanted one fraction or "brackets"; got {shown(maintenance_rate)}.')
        return {"maintenance_rate": float(rate)}
    if maintenance_rate != BRACKETS:
        raise InputError(f'maintenance_rate: wanted a fraction or "brackets"; got {shown(maintenance_rate)}.')
    if market is None:
        raise InputError('maintenance_rate: wanted a fraction for a history; got "brackets". Pass a number.')
    parts = [*market.venues.values()] or [market]
    if len({part.contract for part in parts}) > 1:
        raise InputError(
            f"maintenance_rate: wanted a fraction for linear and inverse contracts together; got {BRACKETS!r}, which "
            "are those of the first venue. Pass a number, or combine contracts of one kind."
        )
    key = (parts[0].exchange.lower(), parts[0].symbol)
    if key not in known_tables():
        whose = " ".join(key).strip() or "a market without a venue"
        raise InputError(
            f"maintenance_rate: wanted the brackets of {whose}; got no such table. "
            "Fetch it with lw.fetch_brackets(symbol, exchange), or pass a fraction."
        )
    found = load_brackets(*key)
    if found[0].contract != parts[0].contract:
        raise InputError(
            f"maintenance_rate: wanted brackets of {parts[0].contract} contracts; got those of {' '.join(key)}, which "
            f"are {found[0].contract}. Check the market's contract and symbol, or pass a fraction."
        )
    table = f"{key[0]} {key[1]}, {newest(found) or 'undated'}"
    rates = _rates(found, float(market.candles["close"].median()))
    return {"maintenance_rate": BRACKETS, BRACKETS: {"table": table, "size": TYPICAL_USD, "rates": rates}}


def _rates(brackets: Sequence[Bracket], price: float) -> list[list[float]]:
    """Return the ``rates`` of `maintenance_settings`; coins are worth `price` USD."""
    found = []
    for bracket in brackets:
        cap = bracket.cap * (1.0 if bracket.unit == "notional" else price)
        amount = bracket.maintenance_amount * (1.0 if bracket.contract == "linear" else price)
        share = amount / min(cap, TYPICAL_USD)
        found.append([bracket.max_leverage, bracket.maintenance_rate, share])
        if cap >= TYPICAL_USD:
            break
    return found


def tier_factors(
    leverage: ArrayLike, settings: Mapping[str, Any], contract: Contract = "linear"
) -> tuple[Floats, Floats]:
    """Return `level_factors` of tiers, shape (L,), under the settings of a ledger.

    Raises
    ------
    InputError
        A tier would be liquidated at entry, or the brackets do not allow it.
    """
    if BRACKETS not in settings:
        return level_factors(leverage, settings["maintenance_rate"], settings["fee_rate"], contract)
    tiers = np.asarray(leverage, dtype=np.float64)
    brackets = settings[BRACKETS]
    most = brackets["rates"][0][0]
    if np.any(over := tiers > most):
        raise InputError(
            f"leverage: {brackets['table']} allows at most {most:g}x; got {tiers[over][0]:g}x. "
            "Leave the tier out, or pass maintenance_rate as a fraction."
        )
    m, share = _of_tiers(tiers, settings)
    return level_factors(tiers, m, settings["fee_rate"], contract, share)


def _of_tiers(tiers: Floats, settings: Mapping[str, Any]) -> tuple[Floats, Floats]:
    """Return rate and deduction / notional of tiers: of the largest bracket up to the typical that allows each."""
    if BRACKETS not in settings:
        return np.full(len(tiers), settings["maintenance_rate"], dtype=np.float64), np.zeros(len(tiers))
    most, m, share = np.array(settings[BRACKETS]["rates"]).T
    chosen = np.maximum(np.searchsorted(-most, -tiers, side="right") - 1, 0)
    return m[chosen], share[chosen]


def possible(leverage: ArrayLike, settings: Mapping[str, Any], room: float = 1.0) -> npt.NDArray[np.bool_]:
    """Return which tiers, shape (L,), have a margin above ``room`` times maintenance, and are allowed."""
    tiers = np.asarray(leverage, dtype=np.float64)
    m, share = _of_tiers(tiers, settings)
    allowed = tiers <= settings[BRACKETS]["rates"][0][0] if BRACKETS in settings else np.full(len(tiers), True)
    return np.asarray(allowed & (1 / tiers > room * (m + settings["fee_rate"] - share)))


def maintenance_note(settings: Mapping[str, Any]) -> list[str]:
    """Return what a picture says of its maintenance rates, as sentences: the table they are from, and its date."""
    if BRACKETS not in settings:
        return []
    brackets = settings[BRACKETS]
    return [f"maintenance of positions of {usd_text(brackets['size'])} by the brackets of {brackets['table']}"]
