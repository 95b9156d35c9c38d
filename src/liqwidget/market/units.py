"""Converts the quantities of a table of candles to coins: by what the user states, or by what the table reveals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..checks import is_finite, shown
from ..errors import InputError
from .candles import Bars, join
from .columns import Floats, Table
from .interest_unit import check_interest, interest_not_taken
from .inverse_unit import counted_in, exact_coins, taker_in_coins
from .quantities import COINS, QUOTE, Quantity, quantities
from .quote import USD_LIKE, Instrument, instrument
from .volume_unit import fitting_volume, refuse_impossible_volume, refuse_jump, typical_price

_BEFORE = 300
UNITS = ("coins", "quote", "contracts")
#: Arguments of `Market.from_frame` for candles from a source that is known to use coins.
IN_COINS: dict[str, Any] = {"volume_unit": "coins", "open_interest_unit": "coins"}


@dataclass(frozen=True)
class Units:
    """How a table's quantities are converted to coins.

    Attributes
    ----------
    volume, open_interest
        ``"coins"``, ``"quote"`` or ``"contracts"`` as stated by the user; empty: derived from the table.
    contract_size
        Coins per contract, or USD per inverse contract; None: not given.
    column
        Name of the column used as volume if it is not named so.
    contract
        ``"linear"`` or ``"inverse"``; empty: neither stated nor known from the symbol.
    derived
        Which of volume and open_interest were derived from the first table of an inverse market: the candles are
        checked as if no unit were stated.
    """

    volume: str = ""
    open_interest: str = ""
    contract_size: float | None = None
    column: str = ""
    contract: str = ""
    derived: tuple[str, ...] = ()

    @classmethod
    def checked(
        cls,
        volume_unit: Any,
        open_interest_unit: Any,
        contract_size: Any,
        contract: Any,
        symbol: str,
        about: Instrument,
    ) -> Units:
        """Return the units of the arguments of `Market.from_frame`, or raise InputError.

        `about`: what the symbol and exchange say, with a contract size that holds if none is given.
        """
        contract = _checked_contract(contract, symbol, about)
        for name, unit in (("volume_unit", volume_unit), ("open_interest_unit", open_interest_unit)):
            if unit is not None and not (isinstance(unit, str) and unit in UNITS):
                raise InputError(f"{name}: wanted 'coins', 'quote' or 'contracts'; got {shown(unit)}.")
        if contract == "inverse":
            if contract_size is not None:
                volume_unit, open_interest_unit = volume_unit or "contracts", open_interest_unit or "contracts"
            elif "contracts" in (volume_unit, open_interest_unit):
                contract_size = about.contract_usd
        is_counted = "contracts" in (volume_unit, open_interest_unit)
        if contract_size is None and is_counted:
            raise InputError(
                "contract_size: wanted the coins in one contract, such as 0.01; got none. It belongs to "
                "volume_unit='contracts'; contracts of 1 USD are volume_unit='quote'."
            )
        if contract_size is not None and not (is_finite(contract_size) and contract_size > 0):
            raise InputError(f"contract_size: wanted a number above 0; got {shown(contract_size)}.")
        if contract_size is not None and not is_counted and contract != "inverse":
            raise InputError(
                f"contract_size: wanted it with volume_unit='contracts' or open_interest_unit='contracts'; got "
                f"{shown(contract_size)} alone. Add the unit."
            )
        size = None if contract_size is None else float(contract_size)
        return cls(volume_unit or "", open_interest_unit or "", size, contract=contract)

    def over(self, base: Units) -> Units:
        """Return units in which what is stated here replaces that of others."""
        stated = {name: unit for name in ("volume", "open_interest", "contract_size") if (unit := getattr(self, name))}
        return replace(base, **stated, derived=tuple(name for name in base.derived if name not in stated))

    def of(self, about: Instrument) -> Instrument:
        """Return an instrument with what is stated or known of its contract."""
        if not self.contract:
            return about
        size = self.contract_size if self.contract == "inverse" and self.contract_size else about.contract_usd
        return replace(about, inverse=self.contract == "inverse", contract_usd=size)

    @property
    def counted(self) -> str:
        """Contracts of an inverse market as text."""
        return f"contracts of {self.contract_size or 1.0:g} USD"

    def in_coins(self, values: Floats, unit: str, price: Floats) -> Floats:
        """Return a quantity in coins."""
        if unit == "contracts" and self.contract_size:
            values = values * self.contract_size
        return np.asarray(values / price) if unit == "quote" or (unit, self.contract) == _USD_CONTRACTS else values


_USD_CONTRACTS = ("contracts", "inverse")


def _checked_contract(contract: Any, symbol: str, about: Instrument) -> str:
    """Return "linear" or "inverse", or empty if neither the user nor the symbol says; InputError if they differ."""
    if contract is None:
        return "inverse" if about.inverse else ""
    if not (isinstance(contract, str) and contract in ("linear", "inverse")):
        raise InputError(f"contract: wanted 'linear' or 'inverse'; got {shown(contract)}.")
    named = instrument(symbol)
    if contract == "inverse" and about.quote and (about.quote != "USD" or named.inverse is False):
        settled = f"is settled in {about.quote}" if about.quote in USD_LIKE else "is not quoted in USD"
        raise InputError(
            f"contract: wanted 'linear' for {shown(symbol)}, which {settled}; got 'inverse'. Leave contract out."
        )
    if contract == "linear" and named.inverse and about.inverse:
        raise InputError(
            f"contract: wanted 'inverse' for {shown(symbol)}, which is settled in {about.base or 'coins'}; got "
            "'linear'. Leave contract out; for a spot pair, pass the exchange or another spelling of symbol."
        )
    return contract


def contract_of(symbol: str, exchange: str) -> str:
    """Return "inverse" if the symbol and exchange say so, else "linear"."""
    return _checked_contract(None, symbol, instrument(symbol, exchange)) or "linear"


def quantities_beside(frame: Any, table: Table, about: Instrument) -> list[Quantity]:
    """Return the columns that a table ignores but that look like quantities."""
    if frame.columns.nlevels != 1:
        return []
    positions = {name: i for i, name in enumerate(frame.columns) if isinstance(name, str) and name in table.ignored}
    return quantities(frame, positions, table.row, about)


def bars_in_coins(
    bars: Bars,
    others: Sequence[Quantity],
    units: Units,
    about: Instrument,
    renamed: Sequence[str] = ("", ""),
    before: Bars | None = None,
) -> tuple[Bars, Units, list[str]]:
    """Return candles with volume and open interest in coins.

    Parameters
    ----------
    bars
        Checked candles, before empty cells are filled.
    others
        Quantities beside the recognised columns.
    units
        What the user states, or what was found for earlier candles.
    about
        The market's instrument.
    renamed
        Name and role of the column that `named_volume` renamed.
    before
        Candles in coins that these follow; None for a new market.

    Returns
    -------
    bars, units, notices

    Raises
    ------
    InputError
        The unit is wrong, or changes between rows.
    """
    notices: list[str] = []
    price = typical_price(bars)
    columns = dict(bars.columns)
    name, role = renamed
    if units.contract == "inverse" and before is None:
        units = _derived(units, bars, others, about)
    if units.volume and not ("volume" in units.derived and units.volume == "coins"):
        exact = exact_coins(bars, others, units.contract_size or 1.0) if "volume" in units.derived else None
        if exact is None:
            columns["volume"] = units.in_coins(columns["volume"], units.volume, price)
            if "volume" in units.derived:
                notices.append(f"volume is {shown(name or 'volume')} in {units.counted} / price")
        else:
            columns["volume"] = exact.values
            notices.append(f"volume is {shown(exact.name)}: {shown(name or 'volume')} is not in coins")
    elif role == QUOTE:
        columns["volume"] = columns["volume"] / price
        notices.append(f"volume is {shown(name)} / price")
    else:
        other = fitting_volume(bars, others, name or "volume")
        if units.column and (other is None or other.name != units.column) and units.column != name:
            raise InputError(
                f"candles: wanted volume from {shown(units.column)}, as in the candles before; it is not in the table "
                "or does not fit. Add it, or build a new Market."
            )
        if other is not None:
            columns["volume"] = _usable(other)
            units = replace(units, column=other.name)
            notices.append(f"volume is {shown(other.name)}: {shown(name or 'volume')} is not in coins")
        elif role == COINS and name:
            units = replace(units, column=name)
    if "taker_buy_volume" in columns:
        is_stated = bool(units.volume) and "volume" not in units.derived
        columns["taker_buy_volume"] = taker_in_coins(bars, columns["volume"], is_stated)
    if units.open_interest and "open_interest" in columns:
        at = bars.columns["close"] if units.contract == "inverse" else price
        columns["open_interest"] = units.in_coins(columns["open_interest"], units.open_interest, at)
        if "open_interest" in units.derived and units.open_interest == "contracts":
            notices.append(f"open interest is in {units.counted} / close")
    bars = replace(bars, columns=columns)
    near = bars if before is None else join(_last(before), bars)
    if not units.volume or "volume" in units.derived:
        notices += refuse_jump(near, judge_ends=before is None)
        notices += refuse_impossible_volume(near, about)
        if before is None and not columns["volume"].any():
            notices.append("volume is 0 in all candles: nothing to estimate")
    if "open_interest" in columns and (not units.open_interest or "open_interest" in units.derived):
        notices += check_interest(near, about, judge_ends=before is None)
    return bars, units, notices + interest_not_taken(bars, others)


def _derived(units: Units, bars: Bars, others: Sequence[Quantity], about: Instrument) -> Units:
    """Return the units of an inverse market with those that nobody stated."""
    for name in ("volume", "open_interest"):
        if not getattr(units, name) and name in bars.columns:
            size = counted_in(bars, name, others, units.contract_size or about.contract_usd)
            found: dict[str, Any] = {name: "contracts" if size else "coins"}
            size = size or units.contract_size
            units = replace(units, **found, contract_size=size, derived=(*units.derived, name))
    return units


def zeros_of(table: Table) -> list[str]:
    """Return a notice of zeros in open interest that no count of carried cells includes: in the first or last row."""
    if "open_interest" not in table.cells:
        return []
    zero = table.numbers("open_interest") == 0
    first = int(np.argmax(~zero)) if not zero.all() else len(zero)
    count = first + (int(zero[-1]) if first < len(zero) else 0)
    return [f"open interest is 0 in {count:,} of the first and last candles: taken as unknown"] if count else []


def _last(bars: Bars) -> Bars:
    """Return the last bars, enough to check those that follow."""
    return bars.cut(slice(max(len(bars.time) - _BEFORE, 0), None))


def _usable(one: Quantity) -> Floats:
    wrong = ~(np.isfinite(one.values) & (one.values >= 0))
    if wrong.any():
        i = int(np.argmax(wrong))
        raise InputError(
            f"candles: {shown(one.name)}, taken for volume, must be a finite number, 0 or more, in each row; candle "
            f"{i} has {one.values[i]}. Repair it, or drop the row."
        )
    return one.values
