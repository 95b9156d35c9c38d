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
from .quantities import COINS, QUOTE, Quantity, quantities
from .quote import Instrument
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
        Coins per contract; None: not given.
    column
        Name of the column used as volume if it is not named so.
    """

    volume: str = ""
    open_interest: str = ""
    contract_size: float | None = None
    column: str = ""

    @classmethod
    def checked(cls, volume_unit: Any, open_interest_unit: Any, contract_size: Any) -> Units:
        """Return the units of the arguments of `Market.from_frame`, or raise InputError."""
        for name, unit in (("volume_unit", volume_unit), ("open_interest_unit", open_interest_unit)):
            if unit is not None and not (isinstance(unit, str) and unit in UNITS):
                raise InputError(f"{name}: wanted 'coins', 'quote' or 'contracts'; got {shown(unit)}.")
        is_counted = "contracts" in (volume_unit, open_interest_unit)
        if contract_size is None and is_counted:
            raise InputError(
                "contract_size: wanted the coins in one contract, such as 0.01; got none. It belongs to "
                "volume_unit='contracts'; contracts of 1 USD are volume_unit='quote'."
            )
        if contract_size is not None and not (is_finite(contract_size) and contract_size > 0):
            raise InputError(f"contract_size: wanted a number above 0; got {shown(contract_size)}.")
        if contract_size is not None and not is_counted:
            raise InputError(
                f"contract_size: wanted it with volume_unit='contracts' or open_interest_unit='contracts'; got "
                f"{shown(contract_size)} alone. Add the unit."
            )
        size = None if contract_size is None else float(contract_size)
        return cls(volume_unit or "", open_interest_unit or "", size)

    def in_coins(self, values: Floats, unit: str, price: Floats) -> Floats:
        """Return a quantity in coins."""
        if unit == "quote":
            return np.asarray(values / price)
        return values * self.contract_size if unit == "contracts" and self.contract_size else values


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
    if units.volume:
        columns["volume"] = units.in_coins(columns["volume"], units.volume, price)
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
    if units.open_interest and "open_interest" in columns:
        columns["open_interest"] = units.in_coins(columns["open_interest"], units.open_interest, price)
    bars = replace(bars, columns=columns)
    near = bars if before is None else join(_last(before), bars)
    if not units.volume:
        notices += refuse_jump(near, judge_ends=before is None)
        notices += refuse_impossible_volume(near, about)
        if before is None and not columns["volume"].any():
            notices.append("volume is 0 in all candles: nothing to estimate")
    if "open_interest" in columns and not units.open_interest:
        notices += check_interest(near, about, judge_ends=before is None)
    return bars, units, notices + interest_not_taken(bars, others)


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
