"""Colours of drawings: the same on a white and on a dark page.

An SVG inside an <img> sees neither the theme of the notebook nor the style sheet of the page, so one drawing has to do
for both. Each colour here has a contrast of at least 4:1 on white and on the #111111 of JupyterLab's dark theme; more
than 4.3:1 on both at once is impossible.
"""

from __future__ import annotations

TEXT = "#7a7784"
LONG = "#1b7fae"
SHORT = "#b8600c"
SERIES = "#7a6fd8"
SECOND = "#2c8c63"
THIRD = "#c0487a"
FOURTH = "#9a7a1a"
FIFTH = "#0f8a8a"
#: Lines of one drawing, in this order.
CYCLE = (SERIES, SECOND, THIRD, FOURTH, FIFTH, SHORT, LONG)
#: Low to high; brightness only rises.
RAMP = ("#3d2a78", "#6a2f92", "#97378f", "#c0487a", "#df6a5b", "#ef9646", "#f5c653")
ON_DARK, ON_LIGHT = "#ffffff", "#000000"


def ramp(share: float) -> str:
    """Return the colour of the heat scale at a share from 0 to 1."""
    place = min(max(share, 0.0), 1.0) * (len(RAMP) - 1)
    i = min(int(place), len(RAMP) - 2)
    low, high = (_parts(RAMP[k]) for k in (i, i + 1))
    mixed = [round(a + (b - a) * (place - i)) for a, b in zip(low, high, strict=True)]
    return "#" + "".join(f"{value:02x}" for value in mixed)


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, 1 to 21, as WCAG 2 defines it."""
    dark, light = sorted(map(_luminance, (one, other)))
    return (light + 0.05) / (dark + 0.05)


def text_on(colour: str) -> str:
    """Return white or black, whichever is easier to read on a colour."""
    return max((ON_DARK, ON_LIGHT), key=lambda text: contrast(text, colour))


def _parts(colour: str) -> list[int]:
    return [int(colour[k : k + 2], 16) for k in (1, 3, 5)]


def _luminance(colour: str) -> float:
    red, green, blue = (
        part / 255 / 12.92 if part / 255 <= 0.04045 else ((part / 255 + 0.055) / 1.055) ** 2.4
        for part in _parts(colour)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
