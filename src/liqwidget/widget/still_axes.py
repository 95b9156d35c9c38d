"""The axes of a still picture: which prices, times and amounts have a label, and what it says."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..model.grid import decimals_of, nice_step

if TYPE_CHECKING:
    from collections.abc import Iterator

_MINUTE, _DAY = 60_000, 86_400_000
_STEPS = [
    *(minutes * _MINUTE for minutes in (1, 2, 5, 10, 15, 30, 60, 120, 180, 240, 360, 720)),
    *(days * _DAY for days in (1, 2, 7, 14)),
]
_MONTHS = (1, 3, 6, 12, 24, 60, 120)


@dataclass(frozen=True)
class PriceAxis:
    """The prices of a picture, from ``bottom`` to ``top``; a logarithmic one gives equal factors equal heights."""

    bottom: float
    top: float
    is_log: bool = False

    @classmethod
    def around(cls, low: float, high: float, is_log: bool) -> PriceAxis:
        """Return the axis that leaves a fifth of the height above and below these prices, as the widget fits them."""
        if is_log:
            room = (high / low if high > low else 1.01) ** (1 / 3)
            return cls(low / room, high * room, True)
        room = (high - low or low * 0.01) / 3
        return cls(max(low - room, 0.0), high + room)

    def depth(self, price: Any) -> npt.NDArray[np.float64]:
        """Return where prices are, from 0 at the top to 1 at the bottom."""
        bottom, top, price = (np.log(x) if self.is_log else np.asarray(x) for x in (self.bottom, self.top, price))
        found: npt.NDArray[np.float64] = (top - price) / (top - bottom)
        return found

    def prices(self, count: int) -> npt.NDArray[np.float64]:
        """Return the edges of that many equal steps, highest first."""
        share = np.arange(count + 1) / count
        found: npt.NDArray[np.float64] = (
            self.top * (self.bottom / self.top) ** share if self.is_log else self.top - (self.top - self.bottom) * share
        )
        return found

    def ticks(self, most: int) -> list[tuple[float, str]]:
        """Return about that many round prices, ascending, and their labels."""
        if not self.is_log:
            return price_ticks(self.bottom, self.top, most)
        edges = self.prices(max(round(np.log2(self.top / self.bottom)), 1))[::-1]
        parts = [price_ticks(a, b, max(most // (len(edges) - 1), 1)) for a, b in pairwise(edges)]
        return list({price: (price, label) for part in parts for price, label in part}.values())


def price_ticks(low: float, high: float, most: int) -> list[tuple[float, str]]:
    """Return at most one more than that many round prices between two others, at least one, and their labels."""
    step = nice_step((high - low) / most)
    while (high - low) / step > most:
        step = nice_step(step * 2)
    # Both ends count, whatever the division makes of them.
    while not (ticks := range(int(np.ceil(low / step - 1e-9)), int(high / step + 1e-9) + 1)):
        step = nice_step(step / 2)
    decimals = decimals_of(step)
    return [(i * step, f"{i * step:,.{decimals}f}") for i in ticks]


def time_ticks(time: npt.NDArray[np.datetime64], most: int) -> list[tuple[int, str]]:
    """Return at most that many candles at round times, ascending, and their labels (UTC).

    Parameters
    ----------
    time
        Open times of the candles, ascending.
    most
        Maximum number of labels.
    """
    ms = time.astype("datetime64[ms]").astype(np.int64)
    marks, form = _marks(ms, most)
    at = np.searchsorted(ms, marks)
    last = np.r_[at[1:] != at[:-1], True][: len(at)]  # of the marks in a gap the last
    labels = [
        (int(column), f"{_stamp(mark):{form(int(mark))}}") for column, mark in zip(at[last], marks[last], strict=True)
    ]
    if labels and not any("-" in label for _, label in labels):
        labels[0] = (labels[0][0], f"{_stamp(marks[last][0]):%m-%d %H:%M}")
    return labels


def _marks(ms: npt.NDArray[np.int64], most: int) -> tuple[npt.NDArray[np.int64], Any]:
    """Return round times within the candles', ms since 1970, and the form of a label, given its time."""
    first, last = int(ms[0]), int(ms[-1])
    for step in _STEPS:
        if last // step + -first // step + 1 <= most:
            marks = np.arange(-(-first // step) * step, last + 1, step, dtype=np.int64)
            return marks, lambda mark: "%m-%d" if mark % _DAY == 0 else "%H:%M"
    months = np.array([first, last], "datetime64[ms]").astype("datetime64[M]").astype(np.int64)
    step = next((step for step in _MONTHS if (months[1] - months[0]) // step <= most - 1), _MONTHS[-1])
    every = np.arange(-(-months[0] // step) * step, months[1] + 1, step).astype("datetime64[M]")
    marks = every.astype("datetime64[ms]").astype(np.int64)
    return marks[marks >= first], lambda _: "%Y-%m"


def _stamp(mark: Any) -> Any:
    return np.datetime64(int(mark), "ms").item()


def amount_at(position: float, low: float, high: float, scale: str) -> float:
    """Return the amount at a position from 0 to 1 of a colour scale, as valueAt in colour.ts."""
    if scale == "log":
        return float(low * (high / low) ** position)
    return low + (high - low) * (position**2 if scale == "sqrt" else position)


def apart(places: list[tuple[float, float]], room: float) -> Iterator[bool]:
    """Tell of each span, ascending, whether it keeps this far from the last one that did."""
    end = -np.inf
    for start, stop in places:
        fits = start >= end + room
        end = stop if fits else end
        yield bool(fits)
