"""Colours of the panels: the widget's own, for a light and a dark page."""

from __future__ import annotations

from dataclasses import dataclass

from bokeh.palettes import Plasma256


@dataclass(frozen=True)
class Ink:
    """The colours of a panel's canvas; the page behind it shows through."""

    dim: str
    line: str
    long: str
    short: str
    price: str
    series: str


LIGHT = Ink("#5d5a6c", "#dedbe8", "#1b7fae", "#b8600c", "#23212e", "#4a5fd0")
DARK = Ink("#a9a6b8", "#343046", "#5ad1ff", "#ffb066", "#f4f2fa", "#8fa8ff")


def tier_colours(count: int) -> list[str]:
    """Return a colour per tier, the lowest leverage darkest; all are visible on light and dark pages."""
    last = max(count - 1, 1)
    return [Plasma256[60 + round(165 * i / last)] for i in range(count)]
