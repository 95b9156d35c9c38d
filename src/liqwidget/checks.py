"""What counts as a number where anything may come: from a notebook's author or from a browser."""

from __future__ import annotations

from math import isfinite
from numbers import Real
from typing import TypeGuard


def is_finite(value: object) -> TypeGuard[float]:
    """Tell whether a value is a real number that float64 can hold: no bool, no NaN, no infinity."""
    if not isinstance(value, Real) or isinstance(value, bool):
        return False
    try:
        return isfinite(value)
    except OverflowError:  # a whole number beyond float64
        return False
