"""Checks of the metadata and values of each kind of frame; `wire` describes the frames."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import WireError
from ..model.margin import NO_LEVEL

MAX_TIME = 8.64e15  # ms, the last of a JavaScript date
MAX_EVENTS = 10_000
PRICES = ("open", "high", "low", "close")
MARKS = ("mark_low", "mark_high")
#: What each venue of a combined market has.
VENUES = ("venue_volume", "venue_open_interest", "venue_open_interest_change")
MAX_VENUES = 16
UNKNOWN = -(2**31)

Arrays = dict[str, npt.NDArray[Any]]


def check_bars(meta: dict[str, Any], arrays: Arrays) -> None:
    """Check the candles of ``bars`` or ``tail``, and turn prices in ticks into USD, in place."""
    _number(meta, "time_base", -1e15, 1e15)
    _number(meta, "step", 1, 1e13)
    gap = arrays["gap"]
    # NaN fails each of these comparisons.
    if gap[0] != 0 or not ((gap[1:] >= 1) & (gap[1:] <= MAX_TIME)).all() or (gap % 1 != 0).any():
        raise WireError("section gap: wanted 0 for the first column and whole steps for the others; found otherwise")
    if abs(meta["time_base"] + float(gap.sum()) * meta["step"]) > MAX_TIME:
        raise WireError("section gap: wanted times that a calendar has; found later ones")
    _from_ticks(meta, arrays)
    for name in PRICES:
        if not (np.isfinite(arrays[name]).all() and (arrays[name] > 0).all()):
            raise WireError(f"section {name}: wanted finite positive prices; found otherwise")
    for name in MARKS:
        mark = arrays.get(name)
        if mark is not None and not (np.isnan(mark) | ((mark > 0) & (mark < np.inf))).all():
            raise WireError(f"section {name}: wanted finite positive prices or NaN; found otherwise")
    for name in ("open_interest_change", VENUES[2]):
        if name in arrays and not np.isfinite(arrays[name]).all():
            raise WireError(f"section {name}: wanted finite numbers; found otherwise")
    _check_amounts(arrays, "volume", *(VENUES[:1] if VENUES[0] in arrays else ()))
    _check_venues(meta, arrays)


def _check_venues(meta: dict[str, Any], arrays: Arrays) -> None:
    """Check that the venues of a combined market have names and all of their sections."""
    names = meta.get("venues", [])
    count = len(arrays.get(VENUES[0], ()))
    is_list = isinstance(names, list) and all(isinstance(name, str) for name in names)
    if not is_list or len(names) != count or len(set(names)) < count or count > MAX_VENUES:
        raise WireError(f"meta venues: wanted {count} different names; found {str(names)[:40]}")
    if len({name in arrays for name in VENUES}) > 1:
        raise WireError(f"section {VENUES[0]}: wanted all of {', '.join(VENUES)}, or none; found some")


def _from_ticks(meta: dict[str, Any], arrays: Arrays) -> None:
    """Replace tick differences by prices: inverts `_in_ticks`, and refuses anything else."""
    coded = {name for name in (*PRICES, *MARKS) if name in arrays and arrays[name].dtype.kind == "i"}
    if not coded:
        return
    if not coded >= set(PRICES):
        raise WireError(f"section {sorted(coded)[0]}: wanted prices all in ticks or none; found {len(coded)} of them")
    ticks, base = integer(meta, "ticks", 1, 10**12), integer(meta, "first_tick", 0, 2**53)
    steps = {name: arrays[name].astype(np.int64) for name in coded}
    close = base + np.cumsum(steps["open"] + steps["close"])
    open_ = close - steps["close"]
    found = {
        "open": open_,
        "high": np.maximum(open_, close) + steps["high"],
        "low": np.minimum(open_, close) - steps["low"],
        "close": close,
    }
    for name, beside in (("mark_low", found["low"]), ("mark_high", found["high"])):
        if name in coded:
            found[name] = np.where(steps[name] == UNKNOWN, np.nan, beside + steps[name])
    for name, price in found.items():
        arrays[name] = price / ticks
    del meta["ticks"], meta["first_tick"]


def _check_grid(meta: dict[str, Any], arrays: Arrays) -> int:
    _number(meta, "bin_size", 1e-300, 1e300)
    integer(meta, "first", -(2**53), 2**53)
    rows = integer(meta, "rows", 1, 65_535)
    if (arrays["row"] >= rows).any():
        raise WireError(f"section row: wanted rows below {rows}; found {arrays['row'].max()}")
    return rows


def check_ledger(meta: dict[str, Any], arrays: Arrays) -> None:
    """Check the rows, tiers, sweeps and amounts of ``ledger``."""
    rows = _check_grid(meta, arrays)
    _number(meta, "age_unit", 0, 1e9)
    leverage = _tiers(meta)
    start, sweep = arrays["start"].astype(np.int64), arrays["sweep"]
    if start[0] != 0 or start[-1] != len(arrays["row"]) or (np.diff(start) < 0).any():
        raise WireError(f"section start: wanted rising from 0 to {len(arrays['row'])}; found otherwise")
    if (arrays["tier"] >= len(leverage)).any():
        raise WireError(f"section tier: wanted tiers below {len(leverage)}; found {arrays['tier'].max()}")
    if (sweep[:, 0] > sweep[:, 1]).any() or (sweep[:, 1] > rows).any():
        raise WireError(f"section sweep: wanted 0 <= a <= b <= {rows}; found otherwise")
    _check_amounts(arrays, "notional", "hours")


def check_model(meta: dict[str, Any]) -> None:
    """Check the meta data of ``model``."""
    for name in ("revision", "bars"):
        integer(meta, name, 0, 2**32)
    _number(meta, "row_size", 1e-300, 1e300)
    integer(meta, "first", -(2**53), 2**53)
    integer(meta, "rows", 1, 65_535)
    leverage = _tiers(meta)
    contracts = meta.get("contracts", [0])
    if not isinstance(contracts, list) or not 1 <= len(contracts) <= MAX_VENUES:
        raise WireError(f"meta contracts: wanted a number for each venue; found {str(contracts)[:40]}")
    kinds = 1 + max(integer({"contracts": kind}, "contracts", 0, 1) for kind in contracts)
    for name, low, high, count in (("k_long", 0, 1, kinds), ("k_short", 1, NO_LEVEL, kinds), ("beyond", 0, 1, 1)):
        values, wanted = meta.get(name), count * len(leverage)
        if not isinstance(values, list) or len(values) != wanted:
            raise WireError(f"meta {name}: wanted {wanted} numbers, one a tier; found {str(values)[:40]}")
        for value in values:
            _number({name: value}, name, low, high)
    for name in ("fee_rate", "span"):
        _number(meta, name, 0, 1)
    if meta.get("turnover") != "auto":
        _number(meta, "turnover", 1e-300, 1)


def _tiers(meta: dict[str, Any]) -> list[float]:
    leverage = meta.get("leverage")
    if not isinstance(leverage, list) or not 1 <= len(leverage) <= 32:
        raise WireError(f"meta leverage: wanted 1 to 32 tiers; found {str(leverage)[:40]}")
    for tier in leverage:
        _number({"leverage": tier}, "leverage", 1, 1000)
    return leverage


def check_events(meta: dict[str, Any], arrays: Arrays) -> None:
    """Check the marks of ``events``."""
    for name in ("base", "revision"):
        integer(meta, name, 0, 2**32)
    for name in ("placed", "outside"):
        integer(meta, name, 0, 2**53)
    for name in ("long_usd", "short_usd", "outside_usd"):
        _number(meta, name, 0, 1e300)
    time, until, price = arrays["time"], arrays["until"], arrays["price"]
    if len(time) > MAX_EVENTS:
        raise WireError(f"section time: wanted at most {MAX_EVENTS} marks; found {len(time)}")
    # NaN fails each of these comparisons.
    if not ((np.abs(time) <= MAX_TIME).all() and (time[1:] >= time[:-1]).all()):
        raise WireError("section time: wanted times that a calendar has, none before the last; found otherwise")
    if not ((until > time) & (until <= MAX_TIME)).all():
        raise WireError("section until: wanted times after those of section time; found otherwise")
    if (arrays["side"] > 1).any():
        raise WireError(f"section side: wanted 0 or 1; found {arrays['side'].max()}")
    if not (np.isnan(price) | ((price > 0) & (price < np.inf))).all():
        raise WireError("section price: wanted finite positive prices or NaN; found otherwise")
    if (arrays["count"] < 1).any():
        raise WireError("section count: wanted at least 1; found 0")
    _check_amounts(arrays, "notional")


def check_positions(meta: dict[str, Any], arrays: Arrays) -> None:
    """Check the rows of ``positions``."""
    _check_grid(meta, arrays)
    if not isinstance(meta.get("label"), str):
        raise WireError(f"meta label: wanted text; found {str(meta.get('label'))[:40]!r}")
    _number(meta, "outside_usd", 0, 1e300)
    integer(meta, "outside_rows", 0, 2**53)
    if "time" in meta:
        _number(meta, "time", -MAX_TIME, MAX_TIME)
    if (np.diff(arrays["row"].astype(np.int64)) <= 0).any():
        raise WireError("section row: wanted rising rows; found otherwise")
    _check_amounts(arrays, "long", "short")


def _check_amounts(arrays: Arrays, *names: str) -> None:
    for name in names:
        if not (np.isfinite(arrays[name]).all() and (arrays[name] >= 0).all()):
            raise WireError(f"section {name}: wanted finite numbers >= 0; found otherwise")


def _number(meta: Mapping[str, Any], name: str, low: float, high: float) -> float:
    value = meta.get(name)
    # No isfinite: an int beyond float64 would overflow there, and NaN and infinity fail the comparison.
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise WireError(f"meta {name}: wanted a number from {low:g} to {high:g}; found {str(value)[:40]!r}")
    return float(value)


def integer(meta: Mapping[str, Any], name: str, low: int, high: int) -> int:
    """Return an integer from the metadata, or raise WireError."""
    value = meta.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise WireError(f"meta {name}: wanted a whole number from {low} to {high}; found {str(value)[:40]!r}")
    return value
