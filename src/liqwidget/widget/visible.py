"""What part of the market is in view: the forms that users write, as one small dict that the browser follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..checks import is_finite, moment, shown, stamp
from ..errors import InputError

_HOUR = 3_600_000
#: Ranges up to the last candle, ms.
RANGES = {"24h": 24 * _HOUR, "3d": 72 * _HOUR, "1w": 168 * _HOUR, "1m": 720 * _HOUR}
#: The whole market: `visible` is then None.
ALL = "all"
_TIMES, _PRICES = ("time_from", "time_to"), ("price_low", "price_high")
_TRY = 'Use "3d", ("2026-02-01", "2026-02-05"), {"time": "3d", "price": (60e3, 70e3)}, or None for all.'

View = dict[str, Any]


@dataclass(frozen=True)
class Extent:
    """Times of a market, ms since 1970 UTC: opening of its first and last candle, and their interval."""

    first: int
    last: int
    interval: int

    @classmethod
    def of(cls, first_ns: int, last_ns: int, interval_ns: int) -> Extent:
        """Return the extent of a market whose times are given in ns."""
        return cls(first_ns // 10**6, last_ns // 10**6, interval_ns // 10**6)


def is_scene(value: object) -> bool:
    """Tell whether a value is a form that users write, rather than what was read or the browser sent."""
    return isinstance(value, str | tuple | list) or (isinstance(value, Mapping) and "time" in value)


def view_of(value: Any, extent: Extent) -> View | None:
    """Return a view as the browser reads it; None: everything.

    Parameters
    ----------
    value
        The name of a range ("24h", "3d", "1w", "1m", "all"), a pair of times (ISO text, datetime, Timestamp; UTC
        unless they say otherwise), a dict of ``time`` (one of these) and optionally ``price`` (a pair, USD), None, or
        what this function returned.
    extent
        Times of the market. A range ends with its last candle and begins at its first one at the earliest.

    Returns
    -------
    dict or None
        ``time_from``, ``time_to``: ms since 1970 UTC; ``price_low``, ``price_high`` (USD) unless the price axis is
        automatic; ``range``: the name of a range that is followed as candles are added.

    Raises
    ------
    InputError
        It is none of these, or its times do not overlap the market's.
    """
    if value is None or (isinstance(value, str) and value == ALL):
        return None
    if isinstance(value, str | tuple | list):
        return _times(value, extent)
    if not isinstance(value, Mapping):
        raise _wanted("a range, a pair of times, a dict of time and price, or None", value)
    return _scene(value, extent) if "time" in value else plain_view(value)


def plain_view(value: Any) -> View | None:
    """Return a checked view as the browser sends it: times and perhaps prices, all numbers, or None.

    Raises
    ------
    InputError
        It is no such view.
    """
    if value is None:
        return None
    names = set(value) - {"range"} if isinstance(value, Mapping) else set()
    prices = _PRICES if names > set(_TIMES) else ()
    if names != {*_TIMES, *prices} or not all(is_finite(value[name]) for name in names):
        raise _wanted("numbers time_from, time_to and perhaps price_low, price_high, or None", value)
    view: View = {name: float(value[name]) for name in (*_TIMES, *prices)}
    for low, high in (_TIMES, prices or _TIMES):
        if view[low] > view[high]:
            raise InputError(f"visible: wanted {low} <= {high}; got {view[low]:g} > {view[high]:g}. Swap the two.")
    if prices and view["price_low"] == view["price_high"]:
        raise _wanted("price_low < price_high", value)
    if "range" in value:
        if not isinstance(value["range"], str) or value["range"] not in RANGES:
            raise _wanted(f"as range one of {', '.join(RANGES)}", value["range"])
        view["range"] = value["range"]
    return view


def now_in_view(view: View | None, extent: Extent) -> View | None:
    """Return a view with the times of its range, if it has one, for the market as it is now."""
    return view if view is None or "range" not in view else {**view, **_range(view["range"], extent)}


def _range(name: str, extent: Extent) -> View:
    start = max(extent.last + extent.interval - RANGES[name], extent.first)
    return {"time_from": float(start), "time_to": float(extent.last), "range": name}


def _times(value: Any, extent: Extent) -> View:
    if isinstance(value, str):
        if value not in RANGES:
            raise _wanted(f"one of {', '.join(RANGES)}, {ALL}", value)
        return _range(value, extent)
    if len(value) != 2:
        raise _wanted("a pair of times", value)
    start, end = (moment("visible", one) for one in value)
    if start >= end:
        raise InputError(
            f"visible: wanted the earlier time first; got {stamp(start)}, {stamp(end)} (UTC). Swap the two."
        )
    if end < extent.first * 10**6 or start >= (extent.last + extent.interval) * 10**6:
        first, last = (stamp(ms * 10**6) for ms in (extent.first, extent.last))
        raise InputError(
            f"visible: wanted times from {first} to {last} (UTC), where there are candles; got {stamp(start)} to "
            f"{stamp(end)}. Use other times, or load candles for these."
        )
    return {"time_from": start / 1e6, "time_to": end / 1e6}


def _scene(value: Mapping[Any, Any], extent: Extent) -> View:
    strange = [str(name)[:40] for name in value if name not in ("time", "price")]
    if strange:
        raise _wanted("a dict of time and price only", strange[0])
    time, price = value["time"], value.get("price")
    if isinstance(time, str) and time == ALL:
        view = {"time_from": float(extent.first), "time_to": float(extent.last)}
    elif isinstance(time, str | tuple | list):
        view = _times(time, extent)
    else:
        raise _wanted("as time a range or a pair of times", time)
    if price is None:
        return view
    pair = tuple(price) if isinstance(price, tuple | list) else ()
    if len(pair) != 2 or not all(map(is_finite, pair)) or not 0 <= pair[0] < pair[1]:
        raise _wanted("as price two numbers of USD, 0 <= low < high", price)
    return {**view, "price_low": float(pair[0]), "price_high": float(pair[1])}


def _wanted(what: str, got: object) -> InputError:
    return InputError(f"visible: wanted {what}; got {shown(got)}. {_TRY}")
