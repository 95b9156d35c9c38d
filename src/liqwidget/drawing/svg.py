"""A picture as SVG: attributes only, without scripts, styles, or anything that is loaded."""

from __future__ import annotations

import re
from html import escape
from math import log10

import numpy as np

from .axis import Axis
from .ink import TEXT, ramp, text_on
from .marks import Area, Bars, Floats, Heat, Line, Mark, Points, Rule, Spans
from .picture import Panel, Picture
from .thinning import thinned

WIDTH = 640
_SIZE = 12  # of the letters
_LETTER, _WIDEST = 6.4, 7.7  # their mean width; that of digits in the widest fonts of systems
_RIGHT, _MOST_LEFT = 14, 200
_SPACE = "http://www.w3.org/2000/svg"  # the name of the format: nothing is loaded from there
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def svg_text(picture: Picture) -> str:
    """Return the SVG of a picture, 640 pixels wide, as text of at most a few ten thousand characters."""
    parts, y = [], 0.0
    for panel in picture.panels:
        drawn, height = _panel(panel, y)
        parts.append(drawn)
        y += height
    return (
        f'<svg xmlns="{_SPACE}" width="{WIDTH}" height="{y:.0f}" viewBox="0 0 {WIDTH} {y:.0f}" '
        f'font-family="system-ui, sans-serif" font-size="{_SIZE}" role="img">'
        f"<title>{xml_text(cut(picture.text, 800))}</title>{''.join(parts)}</svg>"
    )


def cut(text: str, most: int) -> str:
    """Return text of at most so many characters, the rest replaced by an ellipsis."""
    return text if len(text) <= most else text[: most - 1] + "…"


class _Place:
    """Where numbers lie in the plot, pixels from its upper left corner."""

    def __init__(self, axis: Axis, low: float, high: float, length: float, down: bool) -> None:
        self.log, self.length, self.down = axis.log, length, down
        self.low, self.high = (log10(low), log10(high)) if axis.log else (low, high)

    def __call__(self, values: float | Floats) -> Floats:
        numbers = np.asarray(values, dtype=np.float64)
        if self.log:
            numbers = np.log10(np.where(numbers > 0, numbers, np.nan))
        at = (numbers - self.low) / (self.high - self.low) * self.length
        # Far outside the plot is far enough: numbers stay short, and no renderer overflows.
        found: Floats = np.clip(self.length - at if self.down else at, -9_999.0, 9_999.0)
        return found


def _panel(panel: Panel, top: float) -> tuple[str, float]:
    """Return a panel and its height; ``top`` is its upper edge in the picture."""
    x_low, x_high = panel.x_ends()
    y_low, y_high = panel.y_ends()
    rows = max(panel.height // 34, 3)
    y_ticks = [(at, cut(text, 30)) for at, text in panel.y.ticks(y_low, y_high, rows)]
    left = min(20 + 7.2 * max((len(text) for _, text in y_ticks), default=0) + 8, _MOST_LEFT)
    wide = WIDTH - left - _RIGHT
    x_ticks = panel.x.ticks(x_low, x_high)
    above, header = _header(panel, left)
    x, y = _Place(panel.x, x_low, x_high, wide, False), _Place(panel.y, y_low, y_high, panel.height, True)
    out = [f'<g transform="translate({left:.0f},{top + header:.0f})">', _grid(panel, x, y, x_ticks, y_ticks, wide)]
    marks = "".join(_drawn(thinned(mark, x_low, x_high), x, y) for mark in panel.marks)
    out.append(f'<svg width="{wide:.1f}" height="{panel.height}" overflow="hidden">{marks}</svg>')
    x_label, y_label = cut(panel.x.label, 90), cut(panel.y.label, int(panel.height / _LETTER) + 4)
    text = f'text-anchor="middle" fill="{TEXT}">'
    out.append(
        f'<text x="{wide / 2:.0f}" y="{panel.height + 34}" {text}{xml_text(x_label)}</text>'
        f'<text transform="translate({12 - left:.0f},{panel.height / 2:.0f}) rotate(-90)" {text}{xml_text(y_label)}'
        "</text></g>"
    )
    title = f'<g transform="translate({left:.0f},{top:.0f})">{above}</g>' if above else ""
    return title + "".join(out), header + panel.height + 46


def _header(panel: Panel, left: float) -> tuple[str, float]:
    """Return title and legend, and their height."""
    out, y = [], 8.0
    if panel.title:
        out.append(f'<text y="{y + 8}" font-weight="600" fill="{TEXT}">{xml_text(cut(panel.title, 80))}</text>')
        y += 20
    if panel.legend:
        x = 0.0
        for mark in panel.legend:
            name = cut(mark.name, 60)
            width = 30 + 6.8 * len(name)
            if x and x + width > WIDTH - left:
                x, y = 0.0, y + 17
            out.append(f'<g transform="translate({x:.0f},{y:.0f})">{_sample(mark)}</g>')
            out.append(f'<text x="{x + 18:.0f}" y="{y + 9:.0f}" fill="{TEXT}">{xml_text(name)}</text>')
            x += width
        y += 17
    return "".join(out), y + 6


def _sample(mark: Mark) -> str:
    """Return a mark of the legend, 14 x 10 pixels."""
    if isinstance(mark, Bars | Area):
        opacity = mark.opacity if isinstance(mark, Bars) else 0.35
        return f'<rect width="12" height="10" fill="{mark.colour}" fill-opacity="{opacity}"/>'
    if isinstance(mark, Heat):
        return "".join(f'<rect x="{4 * i}" width="4" height="10" fill="{ramp(i / 2)}"/>' for i in range(3))
    if isinstance(mark, Points | Spans):
        draw = _rings if isinstance(mark, Points) and mark.hollow else _dots
        return draw(np.array([6.0]), np.array([5.0]), mark.colour)
    return f'<path d="M0 5H14" {_stroke(mark)}/>'


def _grid(
    panel: Panel,
    x: _Place,
    y: _Place,
    x_ticks: list[tuple[float, str]],
    y_ticks: list[tuple[float, str]],
    wide: float,
) -> str:
    high = panel.height
    out = [f'<path d="M0 0V{high}H{wide:.1f}" fill="none" stroke="{TEXT}"/>']
    lines = []
    room = wide / max(len(x_ticks), 1) / _LETTER
    last = -1e9
    for at, text in x_ticks:
        place = float(x(at))
        half = _LETTER * min(len(text), max(room, 6)) / 2
        if place - half < last or not -1 <= place <= wide + 1:
            continue
        last = place + half + 6
        shown = cut(text, max(int(room), 6)) if panel.x.kind == "names" else text
        anchor = "end" if place + _WIDEST * len(shown) / 2 > wide + _RIGHT else "middle"
        at_x = wide + _RIGHT if anchor == "end" else place
        out.append(
            f'<text x="{at_x:.1f}" y="{high + 16}" text-anchor="{anchor}" fill="{TEXT}">{xml_text(shown)}</text>'
        )
        if panel.x.kind != "names":
            lines.append(f"M{place:.1f} 0V{high}")
    for at, text in y_ticks:
        place = float(y(at))
        if not -1 <= place <= high + 1:
            continue
        out.append(f'<text x="-6" y="{place + 4:.1f}" text-anchor="end" fill="{TEXT}">{xml_text(text)}</text>')
        lines.append(f"M0 {place:.1f}H{wide:.1f}")
    out.append(f'<path d="{"".join(lines)}" stroke="{TEXT}" stroke-opacity="0.25"/>')
    return "".join(out)


def _drawn(mark: Mark, x: _Place, y: _Place) -> str:
    if isinstance(mark, Bars):
        half = mark.width / 2
        left, right = x(mark.x - half), x(mark.x + half)
        gap = np.where(right - left > 3, 0.5, 0.0)
        at_base = float(y(mark.base))
        base = at_base if at_base == at_base else y.length  # a logarithmic axis has no 0
        corners = zip((left + gap).tolist(), y(mark.top).tolist(), (right - gap).tolist(), strict=True)
        path = "".join(f"M{a:.1f} {base:.1f}V{t:.1f}H{b:.1f}V{base:.1f}" for a, t, b in corners if t == t and a == a)
        return f'<path d="{path}" fill="{mark.colour}" fill-opacity="{mark.opacity}"/>'
    if isinstance(mark, Area):
        xs, low, high = x(mark.x), y(mark.low), y(mark.high)
        known = np.isfinite(xs + low + high)
        there = [f"{a:.1f} {b:.1f}" for a, b in zip(xs[known], high[known], strict=True)]
        back = [f"{a:.1f} {b:.1f}" for a, b in zip(xs[known][::-1], low[known][::-1], strict=True)]
        path = f"M{'L'.join(there + back)}Z" if there else ""
        return f'<path d="{path}" fill="{mark.colour}" fill-opacity="0.3" stroke="{mark.colour}"/>'
    if isinstance(mark, Line):
        return f'<path d="{_path(x(mark.x), y(mark.y), mark.steps)}" fill="none" {_stroke(mark)}/>'
    if isinstance(mark, Rule):
        path = f"M{float(x(mark.at)):.1f} 0v9999" if mark.vertical else f"M0 {float(y(mark.at)):.1f}h9999"
        return f'<path d="{path}" {_stroke(mark)}/>'
    if isinstance(mark, Points):
        return (_rings if mark.hollow else _dots)(x(mark.x), y(mark.y), mark.colour)
    if isinstance(mark, Heat):
        return _cells(mark, x, y)
    return _spans(mark, x, y)


def _spans(mark: Spans, x: _Place, y: _Place) -> str:
    xs, ys = x(mark.x), y(mark.y)
    low, high = ((x if mark.lying else y)(ends) for ends in (mark.low, mark.high))
    path = ""
    for a, b, one, other in zip(xs.tolist(), ys.tolist(), low.tolist(), high.tolist(), strict=True):
        if not np.isfinite([a, b, one, other]).all():
            continue
        if mark.lying:
            path += f"M{one:.1f} {b:.1f}H{other:.1f}M{one:.1f} {b - 4:.1f}v8M{other:.1f} {b - 4:.1f}v8"
        else:
            path += f"M{a:.1f} {one:.1f}V{other:.1f}M{a - 4:.1f} {one:.1f}h8M{a - 4:.1f} {other:.1f}h8"
    return f'<path d="{path}" fill="none" stroke="{mark.colour}" stroke-width="1.5"/>{_dots(xs, ys, mark.colour)}'


def _cells(mark: Heat, x: _Place, y: _Place) -> str:
    known = mark.values[np.isfinite(mark.values)]
    least, most = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    out = []
    rows, columns = mark.values.shape
    wide, high = float(x(1.0) - x(0.0)), abs(float(y(1.0) - y(0.0)))
    for r in range(rows):
        for c in range(columns):
            value = float(mark.values[r, c])
            if not np.isfinite(value):
                continue
            fill = ramp((value - least) / (most - least) if most > least else 0.5)
            left, top = float(x(c)) - wide / 2, float(y(r)) - high / 2
            out.append(f'<rect x="{left:.1f}" y="{top:.1f}" width="{wide:.1f}" height="{high:.1f}" fill="{fill}"/>')
            text = mark.texts[r][c] if mark.texts else ""
            if text and _LETTER * len(text) < wide and high >= 14:
                out.append(
                    f'<text x="{left + wide / 2:.1f}" y="{top + high / 2 + 4:.1f}" text-anchor="middle" '
                    f'fill="{text_on(fill)}">{xml_text(text)}</text>'
                )
    return "".join(out)


def _path(xs: Floats, ys: Floats, steps: bool) -> str:
    out, down = [], False
    for a, b in zip(xs.tolist(), ys.tolist(), strict=True):
        if not (a == a and b == b):
            down = False
        elif not down:
            out.append(f"M{a:.1f} {b:.1f}")
            down = True
        else:
            out.append(f"H{a:.1f}V{b:.1f}" if steps else f"L{a:.1f} {b:.1f}")
    return "".join(out)


def _dots(xs: Floats, ys: Floats, colour: str) -> str:
    """Return discs as one path of lines without length, whose round ends are seen: a fifth of the text of circles."""
    path = "".join(f"M{a:.1f} {b:.1f}h0" for a, b in zip(xs.tolist(), ys.tolist(), strict=True) if a == a and b == b)
    return f'<path d="{path}" stroke="{colour}" stroke-width="7" stroke-linecap="round"/>'


def _rings(xs: Floats, ys: Floats, colour: str) -> str:
    places = [(a, b) for a, b in zip(xs.tolist(), ys.tolist(), strict=True) if a == a and b == b]
    rings = "".join(f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3.5"/>' for a, b in places)
    return f'<g fill="none" stroke="{colour}" stroke-width="1.5">{rings}</g>'


def _stroke(mark: Line | Rule) -> str:
    dashed = isinstance(mark, Rule) or mark.dashed
    return f'stroke="{mark.colour}" stroke-width="1.5"' + (' stroke-dasharray="5 4"' if dashed else "")


def xml_text(text: str) -> str:
    """Return text for XML: escaped, and without the characters that XML cannot hold."""
    return escape(_NOT_XML.sub("\ufffd", text))
