"""Price grids: rows whose edges are exact multiples of their size, and bins of whole numbers of rows."""

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

MAX_ROWS = 65_535  # row numbers are sent as uint16
MAX_EDGE = 2.0**50  # multiples of the row size: half rows of these are exact in float64
ROW_SHARE = 3e-4  # of the median close: coarser rows cost rank and gain on every market tried, finer ones add nothing
LEAST_BINS = 24  # a coarser picture shows nothing
USUAL_BINS = 500  # of a picture whose bins were not chosen
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
        if not top / size < MAX_EDGE:
            raise InputError(
                f"bin_size: {size:g} is too small for prices of {top:g}: float64 cannot tell its rows apart. "
                f"Use bin_size={nice_step(top * ROW_SHARE):g} or so."
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

    def added_up(self, bin_size: float | None) -> PriceGrid:
        """Return the grid of bins that each sum a whole number of these rows; None: the rows themselves.

        Raises
        ------
        InputError
            If ``bin_size`` is no whole multiple of the row size; the message names the nearest multiples.
        """
        if bin_size is None:
            return self
        size = check_bin_size(bin_size)
        number = size / self.bin_size
        k = round(number) if number < 1e15 else 0
        if k < 1 or abs(number - k) > 1e-9 * number:
            below, above = (multiple_of(self.bin_size, n) for n in (max(int(min(number, 1e15)), 1), int(number) + 1))
            nearest = f"{below:.12g}" if number < 1 else f"{below:.12g} or {above:.12g}"
            raise InputError(
                f"bin_size: wanted a whole multiple of the rows, {self.bin_size:.12g} USD; got {size:.12g}. "
                f"Use {nearest}."
            )
        first = self.first // k
        return PriceGrid(multiple_of(self.bin_size, k), first, (self.first + self.rows - 1) // k - first + 1)

    def rows_a_bin(self, bins: PriceGrid) -> int:
        """Return how many of these rows a bin of `added_up` contains."""
        return round(bins.bin_size / self.bin_size)

    def first_rows(self, bins: PriceGrid) -> Ints:
        """Return the first row of each bin of `added_up`, (bins.rows,)."""
        return np.maximum((bins.first + np.arange(bins.rows)) * self.rows_a_bin(bins) - self.first, 0)

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
    """Return prices in half bins; those within rounding error of an edge or centre are placed exactly on it.

    A plain ``floor(price / bin_size)`` puts about every fifth tick-aligned price into the wrong bin
    (0.3 / 0.1 is 2.9999999999999996). Rounding errors of a product and a quotient stay below a few
    units in the last place, so sixteen of them decide.
    """
    halves = price * 2.0 / bin_size
    nearest = np.rint(halves)
    snapped: Floats = np.where(np.abs(halves - nearest) <= _SNAP * np.abs(halves), nearest, halves)
    return snapped


def multiples(bin_size: float, first: int, count: int) -> Floats:
    """Return ``count`` multiples of ``bin_size`` starting at ``first``, each correctly rounded."""
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
    """Return the 1-2-5 numbers around the one nearest to ``size``, ``count`` on each side, ascending."""
    power = floor(log10(size))
    reach = range(power - count, power + count + 1)
    steps = [float(Decimal(m).scaleb(e)) for e in reach for m in (1, 2, 5)]
    middle = steps.index(nice_step(size))
    return steps[max(middle - count, 0) : middle + count + 1]


def multiple_of(row_size: float, k: int) -> float:
    """Return the height of k rows, the float nearest to the exact decimal multiple."""
    return float(Decimal(repr(float(row_size))) * k)


def row_size_for(closes: Any) -> float:
    """Return the height of the model's rows: the largest 1-2-5 number that is at most 0.03 % of the median close."""
    return nice_step_below(ROW_SHARE * float(np.median(np.asarray(closes, dtype=np.float64))))


def nice_step_below(size: float) -> float:
    """Return the largest number of the 1-2-5 series that is not above ``size``."""
    power = floor(log10(size))
    candidates = [float(Decimal(m).scaleb(e)) for e in (power - 1, power, power + 1) for m in (1, 2, 5)]
    return max(c for c in candidates if c <= size * (1 + _SNAP))


def model_rows(low: Any, high: Any, close: Any, span: float) -> PriceGrid:
    """Return the rows of a market: of `row_size_for`, coarser only where these would be more than 65,535."""
    bottom, top = float(np.min(low)), float(np.max(high))
    width = top * (1 + span) - bottom * (1 - span)
    size = row_size_for(close)
    while width / size > MAX_ROWS - 2:
        size = nice_step(2.2 * size)  # the next of the series: 1, 2, 5, 10
    return PriceGrid.covering(bottom, top, size, span)


def bins_on_offer(row_size: float, rows: int) -> list[float]:
    """Return the bin sizes to choose from, ascending: the row size times 1, 2, 5, 10, ..., of at least 24 bins."""
    found, e = [float(row_size)], 0
    while True:
        for m in (1, 2, 5):
            k = m * 10**e
            if k > 1 and rows < LEAST_BINS * k:
                return found
            if k > 1:
                found.append(multiple_of(row_size, k))
        e += 1


def nearest_bin(bin_size: float, row_size: float, rows: int) -> float:
    """Return a bin size that can be shown: unchanged if it is a multiple of the rows, else the nearest one on offer."""
    size = check_bin_size(bin_size)
    try:
        return PriceGrid(row_size, 0, rows).added_up(size).bin_size
    except InputError:
        return min(bins_on_offer(row_size, rows), key=lambda offered: abs(log10(offered) - log10(size)))


def usual_bin(row_size: float, rows: int) -> float:
    """Return the bin size on offer that is nearest to a picture of 500 bins (by ratio)."""
    return min(bins_on_offer(row_size, rows), key=lambda size: abs(log10(rows * row_size / size / USUAL_BINS)))


def auto_bin_size(low: Any, high: Any, span: float) -> float:
    """Return the 1-2-5 size nearest to a picture of 500 rows over ``low`` to ``high`` and span."""
    width = float(np.max(high)) * (1 + span) - float(np.min(low)) * (1 - span)
    return nice_step((width if width > 0 else float(np.max(high)) * ROW_SHARE) / USUAL_BINS)
