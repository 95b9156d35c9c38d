"""The numbers that exercises are made of: sixteen sets of them, and levels of the library."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import product

import liqwidget as lw

VARIANTS = 16
Numbers = tuple[int, ...]


def spread(
    first: Numbers, *choices: Iterable[float], fits: Callable[..., bool] = lambda *_: True
) -> list[Numbers]:
    """Return sixteen combinations of the choices that fit, `first` before the others."""
    every = [each for each in product(*choices) if each != first and fits(*each)]
    return [first, *every[:: max(1, len(every) // (VARIANTS - 1))][: VARIANTS - 1]]


def level_of(entry: float, leverage: float, side: str, reserve: float = 0.004) -> float:
    return float(lw.liquidation_price(entry, leverage, side, reserve))
