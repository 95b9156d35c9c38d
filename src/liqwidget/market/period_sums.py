"""Realised liquidations as sums: one row per period, a column of longs and one of shorts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..checks import shown
from ..errors import InputError
from .candles import Bars
from .columns import Floats, Table, read_table
from .quantities import numbers, plain
from .quote import Instrument

_OTHER = ("count", "ratio", "account", "rate", "num", "trade", "price", "percent", "pct", "position")
_USD = ("usd", "value", "notional", "quote")
_COINS = ("coin", "qty", "quantity", "base")
_MOST, _LEAST = 0.7, 3e-6  # as shares of the traded volume


@dataclass(frozen=True)
class Pair:
    """The columns of longs and of shorts; their unit is "usd" or "coins", or empty if their names do not tell."""

    long: str
    short: str
    unit: str


def find_pair(names: Iterable[object], about: Instrument, *, named: bool) -> Pair | None:
    """Return the columns of a table that hold longs and shorts.

    Parameters
    ----------
    names
        Column names.
    about
        The market's instrument.
    named
        Whether the names must identify them as liquidations, as for columns beside candles.
    """
    texts: Mapping[str, str] = {plain(name): str(name) for name in names if isinstance(name, str) and plain(name)}
    pairs = []
    for text, name in texts.items():
        twin = text.replace("long", "short") if "long" in text else "s" if text == "l" and not named else ""
        rest = text.replace("long", "")
        if not twin or twin not in texts or twin == text or any(word in rest for word in _OTHER):
            continue
        if named and "liq" not in rest:
            continue
        pairs.append(Pair(name, texts[twin], _unit(rest, about)))
    order = {"usd": 0, "coins": 1, "": 2}
    return min(pairs, key=lambda pair: order[pair.unit]) if pairs else None


def _unit(rest: str, about: Instrument) -> str:
    if any(word in rest for word in _USD):
        return "usd"
    is_base = about.base and rest.replace("xbt", "btc").endswith(about.base.lower())
    return "coins" if is_base or rest.endswith("btc") or any(word in rest for word in _COINS) else ""


def read_sums(frame: Any, pair: Pair, bars: Bars | None) -> pd.DataFrame:
    """Return a table of sums as rows of time, side and notional (USD).

    Raises
    ------
    InputError
        The unit is unknown, or a cell is not a number.
    """
    names = {"long": frozenset({_squeezed(pair.long)}), "short": frozenset({_squeezed(pair.short)})}
    table = read_table(frame, "liquidations", names, ("long", "short"), sort=True)
    longs, shorts = table.numbers("long"), table.numbers("short")
    for name, values in (("long", longs), ("short", shorts)):
        wrong = ~((values >= 0) & np.isfinite(values)) & ~np.isnan(values)
        table.refuse(wrong, values, name, "finite, >= 0, or empty", "Repair it, or drop the row.")
    unit = pair.unit or likely_unit(table.time, longs, shorts, bars)
    if not unit or (unit == "coins" and bars is None):
        raise InputError(
            f"liquidations: wanted sums in USD; got {shown(pair.long)} and {shown(pair.short)}, which do not say their "
            "unit. Rename them to long_usd and short_usd, or long_coins and short_coins."
        )
    return stacked(table.time, longs, shorts, unit, bars)


def _squeezed(name: str) -> str:
    return "".join(letter for letter in name[:64].lower() if letter not in " _.-\t\n")


def sums_beside(table: Table, frame: Any, bars: Bars, about: Instrument) -> tuple[pd.DataFrame | None, list[str]]:
    """Return liquidations in columns beside candles, and a notice of what was or was not used."""
    if frame.columns.nlevels != 1:
        return None, []
    pair = find_pair((name for name in frame.columns if name in table.ignored), about, named=True)
    if pair is None:
        return None, []
    longs, shorts = (numbers(frame[name])[table.row] for name in (pair.long, pair.short))
    pair_text = f"{shown(pair.long)} and {shown(pair.short)}"
    unit = pair.unit or likely_unit(table.time, longs, shorts, bars)
    good = all(bool((values[~np.isnan(values)] >= 0).all()) for values in (longs, shorts))
    if not unit or not good:
        why = "rename them to end in _usd or _coins" if good else "some are negative"
        return None, [f"not taken as liquidations: {pair_text}: {why}"]
    return stacked(table.time, longs, shorts, unit, bars), [f"liquidations of {pair_text}, in {_TEXTS[unit]}"]


_TEXTS = {"usd": "USD", "coins": "coins"}


def likely_unit(time: np.ndarray, longs: Floats, shorts: Floats, bars: Bars | None) -> str:
    """Return "usd" or "coins", whichever makes the sums a possible share of the traded volume; empty if both do."""
    if bars is None or len(time) < 1:
        return ""
    period = int(np.median(np.diff(time))) if len(time) > 1 else 0
    inside = (bars.time >= time[0]) & (bars.time <= time[-1] + period)
    mine = (time >= bars.time[0]) & (time <= bars.time[-1])
    coins = float(bars.columns["volume"][inside].sum())
    money = float((bars.columns["volume"] * bars.columns["close"])[inside].sum())
    amount = float(np.nansum(longs[mine]) + np.nansum(shorts[mine]))
    if not (coins > 0 and amount > 0):
        return ""
    as_coins, as_usd = (_LEAST <= amount / all_ <= _MOST for all_ in (coins, money))
    if as_coins == as_usd:
        return ""
    return "coins" if as_coins else "usd"


def stacked(time: np.ndarray, longs: Floats, shorts: Floats, unit: str, bars: Bars | None) -> pd.DataFrame:
    """Return sums as rows of time, side and notional; coins are valued at the close of their candle."""
    price: Floats = np.ones(len(time))
    if unit == "coins" and bars is not None:
        at = np.clip(np.searchsorted(bars.time, time, "right") - 1, 0, len(bars.time) - 1)
        price = bars.columns["close"][at]
    parts = []
    for side, values in (("long", longs), ("short", shorts)):
        known = ~np.isnan(values)
        parts.append(pd.DataFrame({"time": time[known], "side": side, "notional": (values * price)[known]}))
    found = pd.concat(parts, ignore_index=True).sort_values("time", kind="stable", ignore_index=True)
    return found.assign(time=pd.DatetimeIndex(found["time"].to_numpy().view("datetime64[ns]")).tz_localize("UTC"))
