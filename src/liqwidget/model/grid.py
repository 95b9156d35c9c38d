"""The price grid: rows of equal bins whose edges are exact multiples of the bin size."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from math import ceil, floor, log10
from typing import Any

import numpy as np
import numpy.typing as npt

from ..checks import is_finite
from ..errors import InputError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MAX_ROWS = 65_535  # rows travel as uint16
_SNAP = 16 * np.finfo(np.float64).eps


@dataclass(frozen=True)
class PriceGrid:
    """Rows ``[edge, edge + bin_size)`` from low to high price.

    Attributes
    ----------
    bin_size
        Height of a row, USD.
    first
        Multiple of ``bin_size`` at which row 0 starts.
    rows
        Number of rows, P.
    """

    bin_size: float
    first: int
    rows: int

    @classmethod
    def covering(cls, low: float, high: float, bin_size: float, span: float) -> PriceGrid:
        """Return the grid over ``[low * (1 - span), high * (1 + span)]``, rounded outwards to bins.

        Raises
        ------
        InputError
            If ``bin_size`` is no positive number or asks for more than 65,535 rows.
        """
        size = check_bin_size(bin_size)
        bottom, top = low * (1 - span), high * (1 + span)
        # Estimated before anything is allocated, in floats that cannot overflow an integer.
        if (top - bottom) / size > MAX_ROWS - 2:
            raise InputError(
                f"bin_size: {size:g} needs {(top - bottom) / size:,.0f} rows from {bottom:g} to {top:g}; at most "
                f"{MAX_ROWS:,} are possible. Use bin_size={nice_step((top - bottom) / 500):g} or a smaller span."
            )
        edges = half_bins(np.array([bottom, top]), size) / 2
        first = floor(edges[0])
        return cls(size, first, max(ceil(edges[1]) - first, 1))

    @cached_property
    def edges(self) -> Floats:
        """Edges in USD, shape (P+1,), each the float nearest to the exact decimal multiple."""
        return multiples(self.bin_size, self.first, self.rows + 1)

    @cached_property
    def centres(self) -> Floats:
        """Centres of the rows in USD, shape (P,)."""
        centres: Floats = (self.edges[:-1] + self.edges[1:]) / 2
        return centres

    def rows_with_centre_in(self, low: Floats, high: Floats) -> tuple[Ints, Ints]:
        """Return half-open row ranges ``[a, b)``, clipped to the grid, of centres in ``[low, high]``."""
        a = np.ceil((half_bins(low, self.bin_size) - 1) / 2).astype(np.int64) - self.first
        b = np.floor((half_bins(high, self.bin_size) - 1) / 2).astype(np.int64) - self.first + 1
        a = np.clip(a, 0, self.rows)
        return a, np.maximum(np.clip(b, 0, self.rows), a)


def check_bin_size(value: object) -> float:
    """Return ``value`` as a positive finite float, or raise InputError."""
    if not is_finite(value) or value <= 0:
        raise InputError(f"bin_size: wanted a positive number of USD; got {str(value)[:40]!r}")
    return float(value)


def decimals_of(step: float) -> int:
    """Return the decimals that multiples of a step need, 0 to 12: 250 none, 0.25 two."""
    exponent = Decimal(repr(float(step))).normalize().as_tuple().exponent
    return min(max(-int(exponent), 0), 12)


def half_bins(price: Floats, bin_size: float) -> Floats:
    """Return prices in half bins; what lies within rounding of an edge or centre is put exactly on it.

    A plain ``floor(price / bin_size)`` puts about every fifth tick-aligned price into the wrong bin
    (0.3 / 0.1 is 2.9999999999999996). Rounding errors of a product and a quotient stay below a few
    units in the last place, so sixteen of them decide.
    """
    halves = price * 2.0 / bin_size
    nearest = np.rint(halves)
    snapped: Floats = np.where(np.abs(halves - nearest) <= _SNAP * np.abs(halves), nearest, halves)
    return snapped


def multiples(bin_size: float, first: int, count: int) -> Floats:
    """Return ``count`` multiples of ``bin_size`` from ``first`` on, each correctly rounded."""
    step = Decimal(repr(bin_size))
    _, digits, exponent = step.as_tuple()
    ticks = int("".join(map(str, digits)))
    exponent = int(exponent)
    numbers = np.arange(first, first + count, dtype=np.int64)
    largest = max(abs(first), abs(first + count)) * ticks
    if largest < 2**53 and -22 <= exponent <= 0:
        # Both operands are exact in float64, so the one division rounds correctly.
        exact: Floats = (numbers * ticks).astype(np.float64) / 10.0**-exponent
        return exact
    return np.array([float(step * int(n)) for n in numbers], dtype=np.float64)


def nice_step(size: float) -> float:
    """Return the number of the 1-2-5 series nearest to ``size`` (by ratio)."""
    power = floor(log10(size))
    candidates = [float(Decimal(m).scaleb(e)) for e in (power - 1, power, power + 1) for m in (1, 2, 5)]
    return min(candidates, key=lambda c: abs(log10(c / size)))


def nice_steps(size: float, count: int) -> list[float]:
    """Return the 1-2-5 numbers around the one nearest to ``size``, ``count`` to each side, ascending."""
    power = floor(log10(size))
    reach = range(power - count, power + count + 1)
    steps = [float(Decimal(m).scaleb(e)) for e in reach for m in (1, 2, 5)]
    middle = steps.index(nice_step(size))
    return steps[max(middle - count, 0) : middle + count + 1]


def auto_bin_size(low: Any, high: Any, span: float) -> float:
    """Return the 1-2-5 bin size nearest to a picture of 500 rows over ``low`` to ``high`` and span."""
    return nice_step((float(np.max(high)) * (1 + span) - float(np.min(low)) * (1 - span)) / 500)
