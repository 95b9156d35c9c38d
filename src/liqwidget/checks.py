"""Validation of arguments, and short forms of values for messages and reprs.

The model imports this module, so pandas is loaded only where a function needs it.
"""

from __future__ import annotations

import re
import reprlib
from datetime import date
from math import isfinite
from numbers import Real
from typing import TypeGuard

import numpy as np

from .errors import InputError

_UNITS = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K"))
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 40


def is_finite(value: object) -> TypeGuard[float]:
    """Return whether a value is a real number that float64 can hold: no bool, no NaN, no infinity."""
    if not isinstance(value, Real) or isinstance(value, bool):
        return False
    try:
        return isfinite(value)
    except OverflowError:  # an integer beyond float64
        return False


def whole(name: str, value: object, least: int, most: int | None = None) -> int:
    """Return an integer within a range; InputError for anything else, 2.0 and True included."""
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        number = int(value)
        if least <= number and (most is None or number <= most):
            return number
    bounds = f"of at least {least:,}" if most is None else f"from {least:,} to {most:,}"
    raise InputError(f"{name}: wanted a whole number {bounds}; got {shown(value)}.")


def moment(name: str, value: object) -> int:
    """Return a time as nanoseconds since 1970, UTC.

    Parameters
    ----------
    name
        Name of the argument, for the message.
    value
        ISO 8601 text, datetime, date, Timestamp or datetime64. Without a time zone it is UTC; a date is its
        midnight. Numbers are refused, because their unit is unknown.

    Raises
    ------
    InputError
        It is not such a time, or one that nanoseconds cannot represent (before 1678, after 2262).
    """
    import pandas as pd

    try:
        if isinstance(value, str) and not re.match(r"\s*\d{4}", value):  # pandas also accepts "now" and "10/11/2026"
            raise ValueError
        if not isinstance(value, str | date | np.datetime64) or pd.isna(time := pd.Timestamp(value)):
            raise TypeError
        time = time.tz_localize("UTC") if time.tzinfo is None else time.tz_convert("UTC")
        return int(time.as_unit("ns").value)
    except (TypeError, ValueError, OverflowError):
        raise InputError(
            f"{name}: wanted a date or time; got {shown(value)}. Write it as 2026-01-31 or 2026-01-31 12:00 (UTC)."
        ) from None


def shown(value: object) -> str:
    """Return a short, printable form of any value, for a message."""
    try:
        return _SHORT.repr(value.item() if isinstance(value, np.generic) else value)
    except Exception:  # a hostile __repr__, or an int beyond Python's digit limit
        return f"<{type(value).__name__[:40]}>"


def usd_text(usd: float, figures: int = 3, currency: str = "") -> str:
    """Return an amount of USD in the form used on every screen: ``$1.24B``, ``$3.1M``, ``$12K``, ``$950``; rounded.

    ``currency`` is that of a market that is not quoted in USD: ``1.24B BTC``.
    """
    rounded = float(f"{abs(usd):.{figures}g}")
    size, unit = next(((size, unit) for size, unit in _UNITS if size <= rounded < np.inf), (1.0, ""))
    sign = "-" if usd < 0 < rounded else ""
    return f"{sign}{rounded / size:g}{unit} {currency}" if currency else f"{sign}${rounded / size:g}{unit}"


def stamp(time_ns: int) -> str:
    """Return nanoseconds since 1970 as text, UTC: ``2024-01-01 11:05``, with seconds only if they are not zero."""
    import pandas as pd

    time = pd.Timestamp(time_ns)
    if time_ns % (60 * 10**9) == 0:
        return str(time.strftime("%Y-%m-%d %H:%M"))
    return str(time.isoformat(sep=" "))
