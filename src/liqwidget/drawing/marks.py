"""The marks of a drawing: a handful, each an array of numbers in the units of the axes.

Times are milliseconds since 1970, UTC (`axis.milliseconds`); names are numbered from 0. Numbers that are not finite
are not drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .ink import SERIES, TEXT

Floats = npt.NDArray[np.float64]


def numbers(values: Any) -> Floats:
    """Return values as float64, (n,)."""
    return np.atleast_1d(np.asarray(values, dtype=np.float64))


@dataclass(frozen=True, eq=False)
class Bars:
    """Bars from ``base`` to ``top`` around ``x``, (n,), each ``width`` wide.

    ``faint`` ones let marks on them be seen.
    """

    x: Floats
    top: Floats
    width: float
    name: str = ""
    colour: str = SERIES
    base: float = 0.0
    faint: bool = False

    @property
    def opacity(self) -> float:
        """Opacity of the bars, 0 to 1."""
        return 0.5 if self.faint else 1.0


@dataclass(frozen=True, eq=False)
class Spans:
    """Points at (x, y) with intervals from ``low`` to ``high``, (n,), along y, or along x if ``lying``."""

    x: Floats
    y: Floats
    low: Floats
    high: Floats
    name: str = ""
    colour: str = SERIES
    lying: bool = False


@dataclass(frozen=True, eq=False)
class Line:
    """A line through (x, y), (n,); it breaks at NaN. ``steps``: each y lasts until the next x."""

    x: Floats
    y: Floats
    name: str = ""
    colour: str = SERIES
    dashed: bool = False
    steps: bool = False


@dataclass(frozen=True, eq=False)
class Area:
    """A band between ``low`` and ``high`` over ``x``, (n,)."""

    x: Floats
    low: Floats
    high: Floats
    name: str = ""
    colour: str = SERIES


@dataclass(frozen=True, eq=False)
class Points:
    """Points; ``hollow`` ones are rings, for what the others are compared with."""

    x: Floats
    y: Floats
    name: str = ""
    colour: str = SERIES
    hollow: bool = False


@dataclass(frozen=True, eq=False)
class Rule:
    """A straight line of reference across the panel: vertical at x = ``at``, or horizontal at y = ``at``."""

    at: float
    name: str = ""
    vertical: bool = False
    colour: str = TEXT


@dataclass(frozen=True, eq=False)
class Heat:
    """A cell for each number, (rows, columns); cell (r, c) is centred at (c, r) of two axes of names.

    ``texts`` are written into the cells; NaN cells stay empty.
    """

    values: npt.NDArray[np.float64]
    name: str
    texts: Sequence[Sequence[str]]


Mark = Bars | Spans | Line | Area | Points | Rule | Heat
