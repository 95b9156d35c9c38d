"""Later candles in the form of a table, checked against those that they follow."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..checks import stamp
from ..errors import InputError
from .candles import Bars, carry, check_candles, join
from .clock import interval_of
from .columns import CANDLE_NAMES, REQUIRED, read_table
from .quantities import named_volume
from .quote import Instrument
from .units import Units, bars_in_coins, quantities_beside


def followed(
    bars: Bars, frame: Any, about: Instrument, units: Units, *, ends: bool, replaces: bool
) -> tuple[Bars, Units, list[str], tuple[str, ...]]:
    """Return candles with those of a table after them; as for `Market.append`.

    Parameters
    ----------
    bars
        The candles so far.
    frame
        The table of later ones.
    about, units
        The instrument; how the table's quantities are converted.
    ends
        Whether the table's times are the ends of candles.
    replaces
        Whether the table may begin at any candle but the first, rather than at the last one.

    Returns
    -------
    bars, units, notices, ignored
        Names of ignored columns are those of the table.
    """
    frame, *renamed = named_volume(frame, about)
    table = read_table(frame, "candles", CANDLE_NAMES, REQUIRED, sort=False)
    count = len(bars.time)
    if ends:
        table = replace(table, time=table.time - interval_of(bars.time)[0])
    least = int(bars.time[1 if replaces and count > 1 else -1])
    if len(table.time) and table.time[0] < least:
        cure = "Cut the frame, or build a new Market."
        if not replaces and count > 1 and table.time[0] >= bars.time[1]:
            cure = "Pass replace=True to replace the candles from there on, or cut the frame."
        raise InputError(
            f"candles: appended times must not be before {'' if replaces else 'the last candle, '}{stamp(least)} "
            f"(UTC); first is {table.at(0)}. {cure}"
        )
    keep = int(np.searchsorted(bars.time, table.time[0])) if len(table.time) else count
    is_forming = keep < count and bool(table.time[0] == bars.time[keep])
    base = bars.cut(slice(None, keep))
    known = {name: column for name, column in table.cells.items() if name in bars.columns}
    new = check_candles(
        replace(table, cells=known),
        previous_close=float(base.columns["close"][-1]) if len(base.time) else np.nan,
        keep=tuple(bars.columns),
    )
    new, units, notes = bars_in_coins(new, quantities_beside(frame, table, about), units, about, renamed, base)
    forming = {name: float(values[keep]) for name, values in bars.columns.items()} if is_forming else {}
    ignored = (*table.ignored, *(name for name in table.cells if name not in known))
    return (
        carry(join(base, new), forming, len(base.time), is_inverse=units.contract == "inverse"),
        units,
        notes,
        ignored,
    )
