"""A picture: panels below each other, each with two axes and some marks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from .axis import Axis
from .marks import Area, Bars, Floats, Heat, Line, Mark, Points, Rule, Spans


@dataclass(frozen=True)
class Panel:
    """Two axes and the marks between them.

    Attributes
    ----------
    x, y
        The axes.
    marks
        Later ones are drawn over earlier ones.
    title
        A few words; empty if the axes say it all.
    height
        Of the plot, without axis and title, CSS pixels.
    """

    x: Axis
    y: Axis
    marks: Sequence[Mark]
    title: str = ""
    height: int = 190

    def x_ends(self) -> tuple[float, float]:
        """Return the ends of the x axis."""
        return self.x.ends(_joined(part for mark in self.marks for part in _along_x(mark)))

    def y_ends(self) -> tuple[float, float]:
        """Return the ends of the y axis; with bars it begins at their base."""
        values = _joined(part for mark in self.marks for part in _along_y(mark))
        return self.y.ends(values, any(isinstance(mark, Bars) for mark in self.marks))

    @property
    def legend(self) -> list[Mark]:
        """The marks that have a name."""
        return [mark for mark in self.marks if mark.name]

    @property
    def text(self) -> str:
        """What is drawn, for those who cannot see it."""
        shown = ", ".join(mark.name for mark in self.legend)
        title = f"{self.title}: " if self.title else ""
        series = f" Shown: {shown}." if shown else ""
        return f"{title}{self.y.label} by {self.x.label}.{series}"


@dataclass(frozen=True)
class Picture:
    """Panels from top to bottom."""

    panels: Sequence[Panel]

    @property
    def text(self) -> str:
        """What is drawn, for those who cannot see it."""
        return " ".join(panel.text for panel in self.panels)


def _along_x(mark: Mark) -> Iterator[Floats]:
    if isinstance(mark, Bars):
        yield mark.x - mark.width / 2
        yield mark.x + mark.width / 2
    elif isinstance(mark, Rule):
        yield np.array([mark.at] if mark.vertical else [])
    elif isinstance(mark, Heat):
        yield np.arange(mark.values.shape[1], dtype=np.float64)
    else:
        yield mark.x
        if isinstance(mark, Spans) and mark.lying:
            yield mark.low
            yield mark.high


def _along_y(mark: Mark) -> Iterator[Floats]:
    if isinstance(mark, Bars):
        yield mark.top
        yield np.array([mark.base])
    elif isinstance(mark, Rule):
        yield np.array([] if mark.vertical else [mark.at])
    elif isinstance(mark, Heat):
        yield np.arange(mark.values.shape[0], dtype=np.float64)
    elif isinstance(mark, Area):
        yield mark.low
        yield mark.high
    elif isinstance(mark, Line | Points):
        yield mark.y
    else:
        yield mark.y
        if not mark.lying:
            yield mark.low
            yield mark.high


def _joined(parts: Iterator[Floats]) -> Floats:
    found = list(parts)
    return np.concatenate(found) if found else np.zeros(0)
