"""Many markets as small Bokeh figures on shared axes, with one scale of colour.

Estimates are drawn on a dark ground on any page, as in the widget, since bright means dense. What is around them
follows the page: texts by custom properties, and the figures' colours are changed in `compare.js`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from bokeh.layouts import column, row
from bokeh.models import (
    BasicTicker,
    BoxAnnotation,
    BoxZoomTool,
    ColumnDataSource,
    DatetimeAxis,
    DatetimeTicker,
    DatetimeTickFormatter,
    GridPlot,
    HoverTool,
    Image,
    LayoutDOM,
    Line,
    LinearAxis,
    LinearColorMapper,
    NoOverlap,
    NumeralTickFormatter,
    PanTool,
    Range1d,
    ResetTool,
    Span,
    Toolbar,
    ToolProxy,
    WheelZoomTool,
)
from bokeh.models.dom import Span as Words
from bokeh.models.dom import Text
from bokeh.models.ui import Pane
from bokeh.palettes import Plasma256
from bokeh.plotting import figure

from ...checks import usd_text
from ..panels.ink import DARK, LIGHT
from ..panels.plot import USD_FORMAT, bare_figure, recolour
from .distances import PER, Axes, Distances

PAPER, PANE = "#121019", "#0c0a1a"
#: Custom properties of texts and background, on a dark and on a light page.
PAGE: dict[str, tuple[str, str]] = {
    "--liq-sheet-paper": (PAPER, "#ffffff"),
    "--liq-sheet-ink": ("#dcd9e6", "#23212e"),
    **{f"--liq-sheet-{name}": (getattr(DARK, name), getattr(LIGHT, name)) for name in ("dim", "long", "short")},
}
#: Colours of figures around their ground, on a dark and on a light page.
INKS = {PAPER: "#ffffff", DARK.dim: LIGHT.dim, DARK.line: LIGHT.line}
_DIM = "var(--liq-sheet-dim)"
POOL = 2  # rows of the estimate in one of the picture: a panel has about as many pixels
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"
_ROOMS = ((6, 400, 250), (16, 310, 220), (100, 248, 190))  # markets up to; least width and height of a panel, px
LEGEND = (
    "Colour, one scale for all: estimated USD in 0.1 % of price, as a share of what the market trades in a mean day of "
    "its last week. The densest 1 % of all cells look alike."
)
_BOUND = 0.99  # quantile of the cells that are not empty from which on colours are the brightest


def small_multiples(shown: Sequence[Distances], axes: Axes, heading: str, words: str) -> LayoutDOM:
    """Return a page of panels.

    Parameters
    ----------
    shown
        Markets in their order.
    axes
        The axes that they were estimated on.
    heading, words
        Heading and text above the panels.
    """
    shared = _Shared(axes, brightest(shown, axes))
    width, height = next(room[1:] for room in _ROOMS if len(shown) <= room[0])
    panels = [
        column(
            _title(one),
            _said(
                cluster_words(one, shared.reach),
                style=f"color: var(--liq-sheet-{one.cluster['side'] if one.cluster else 'dim'})",
            ),
            _plot(one, shared, height),
            _said(" · ".join(one.notes), style=f"color: {_DIM}; font-size: 11px; padding-left: 2px"),
            sizing_mode="stretch_width",
            spacing=0,
        )
        for one in shown
    ]
    grid = {"display": "grid", "grid-template-columns": f"repeat(auto-fill, minmax(min({width}px, 100%), 1fr))"}
    return column(
        _said(heading, style="font-size: 18px; font-weight: 600"),
        _said(words, style=f"color: {_DIM}; max-width: 980px"),
        row(
            _said(LEGEND, style=f"color: {_DIM}; width: 300px; font-size: 11px"),
            GridPlot(
                children=[(_legend(shared.bound), 0, 0)],
                toolbar=Toolbar(tools=[ToolProxy(tools=[tool]) for tool in shared.tools], logo=None),
                toolbar_location="above",
            ),
            styles={"align-items": "center", "gap": "18px"},
            sizing_mode="stretch_width",
        ),
        column(*panels, sizing_mode="stretch_width", styles={**grid, "gap": "18px 16px"}),
        sizing_mode="stretch_width",
        spacing=8,
        styles={
            "background": "var(--liq-sheet-paper)",
            "padding": "16px 18px",
            "border-radius": "8px",
            "box-sizing": "border-box",
        },
    )


def brightest(shown: Sequence[Distances], axes: Axes) -> float:
    """Return the share of a day's volume in 0.1 % of price from which on all panels have the brightest colour."""
    cells = [one.usd[one.usd > 0] / one.day_usd for one in shown if one.day_usd > 0]
    known = np.concatenate(cells) if cells else np.empty(0)
    return float(np.quantile(known, _BOUND)) * PER / axes.step if len(known) else PER


def cluster_words(one: Distances, reach: float) -> str:
    """Describe the nearest large cluster, or say that there is none."""
    if one.cluster is None:
        return f"no large cluster within {percent(reach)}"
    found = one.cluster
    return f"{found['side']}s {found['distance']:+.1%} · est. {usd_text(found['notional'])}"


def percent(share: float) -> str:
    """Return a share as text, such as ``"0.2 %"``."""
    return f"{100 * share:.3g} %"


def picture_columns(one: Distances, axes: Axes) -> dict[str, list[Any]]:
    """Return an image per contiguous columns with candles, so that gaps have no tooltip."""
    edges = np.flatnonzero(np.diff(np.r_[False, one.known, False])).reshape(-1, 2)
    pooled = one.usd.reshape(axes.half * 2 // POOL, POOL, -1).sum(axis=1)
    centre = axes.step * POOL * (np.arange(len(pooled)) + 0.5) - axes.step * axes.half
    price = ((1 + centre) * one.close).astype(np.float32)[:, None]
    ms = axes.places
    return {
        "usd": [_rounded(pooled[:, a:b]) for a, b in edges],
        "price": [np.repeat(price, b - a, axis=1) for a, b in edges],
        "x": [ms[a] for a, _ in edges],
        "dw": [ms[b] - ms[a] for a, b in edges],
    }


class _Shared:
    """What all panels have in common: one model each, so that a page of fifty is made and sent soon."""

    def __init__(self, axes: Axes, bound: float) -> None:
        self.ms = axes.places
        self.room = self.ms[-1] - self.ms[0]
        self.reach = axes.step * axes.half
        self.axes, self.bound = axes, bound
        until = self.ms[-1] + 0.03 * self.room  # space for the mark of the cluster
        self.x = Range1d(self.ms[0], until, bounds=(self.ms[0], until))
        self.y = Range1d(-self.reach, self.reach, bounds=(-self.reach, self.reach))
        self.tools = (PanTool(), BoxZoomTool(), WheelZoomTool(modifiers="ctrl"), ResetTool())
        policy = NoOverlap()
        clock = DatetimeTickFormatter(
            minutes="%H:%M", hourmin="%H:%M", hours="%H:%M", days="%d %b", months="%b %Y", years="%Y"
        )
        percents = NumeralTickFormatter(format="+0[.]0%")
        since = {"axis_label": f"{axes.unit} to the last candle", "ticker": BasicTicker(desired_num_ticks=5)}
        self.time_axis: Any = LinearAxis if axes.aligned else DatetimeAxis
        utc = {"ticker": DatetimeTicker(desired_num_ticks=4), "formatter": clock}
        self.time = {**(since if axes.aligned else utc), "major_label_policy": policy}
        self.distance = {
            "ticker": BasicTicker(desired_num_ticks=4),
            "formatter": percents,
            "major_label_policy": policy,
        }


def _plot(one: Distances, shared: _Shared, height: int) -> figure:
    plot = bare_figure(height, x_range=shared.x, y_range=shared.y, x_axis_type=None, y_axis_type=None)
    plot.styles = _CLEAN
    plot.border_fill_color, plot.border_fill_alpha, plot.outline_line_color = PAPER, 1, DARK.line
    plot.background_fill_color, plot.background_fill_alpha = PANE, 1
    plot.add_layout(shared.time_axis(**shared.time, **_AXIS), "below")
    plot.add_layout(LinearAxis(**shared.distance, **_AXIS), "left")
    ms, reach, in_row = shared.ms, shared.reach, shared.axes.step * POOL
    most = shared.bound * in_row / PER * one.day_usd
    heat = plot.add_glyph(
        ColumnDataSource(picture_columns(one, shared.axes)),
        Image(
            image="usd",
            x="x",
            y=-reach,
            dw="dw",
            dh=2 * reach,
            color_mapper=LinearColorMapper(palette=PALETTE if most > 0 else [PANE], low=0, high=most or 1.0),
        ),
    )
    plot.add_layout(Span(location=0, dimension="width", line_color=DARK.dim, line_alpha=0.5, line_dash=[2, 4]))
    path = ColumnDataSource({"time": ms[1:], "distance": one.path})
    plot.add_glyph(path, Line(x="time", y="distance", line_color=DARK.price, line_width=1.1))
    if one.cluster is not None:
        low, high = (one.cluster[name] / one.close - 1 for name in ("price_low", "price_high"))
        left, right = (ms[-1] + share * shared.room for share in (0.008, 0.026))
        plot.add_layout(
            BoxAnnotation(
                left=left, right=right, bottom=low, top=high, fill_color=_colour(one), fill_alpha=1, line_color=None
            )
        )
    usd = f"@usd{{{USD_FORMAT}}}"
    hover = HoverTool(
        renderers=[heat],
        tooltips=_tooltip(
            (f"{shared.axes.unit} to its end", "$x{0.0}") if shared.axes.aligned else ("UTC", "$x{%F %H:%M}"),
            ("from last price", "$y{+0.0%}"),
            ("price", f"@price{{0,0[.]{'0' * min(one.market.price_decimals + 1, 8)}}}"),
            ("estimate", f"<span style='text-transform: uppercase'>{usd}</span> in {percent(in_row)} of price"),
        ),
        formatters={} if shared.axes.aligned else {"$x": "datetime"},
    )
    plot.toolbar.tools = [*shared.tools, hover]
    return plot


def _tooltip(*lines: tuple[str, str]) -> str:
    """Return a tooltip of names and values; a list of pairs, as Bokeh takes it too, could not hold a style."""
    cells = "".join(f"<span style='color: #1371a0'>{name}:</span><span>{value}</span>" for name, value in lines)
    return f"<div style='display: grid; grid-template-columns: auto auto; column-gap: 5px'>{cells}</div>"


# Bokeh 3.9 clears a canvas half a pixel off and leaves a line of its first paint. Remove this once it does not.
_CLEAN = {"clip-path": "inset(2px 0 0 2px)"}
_AXIS = {
    "axis_line_color": None,
    "major_tick_line_color": None,
    "minor_tick_line_color": None,
    "major_label_text_color": DARK.dim,
    "major_label_text_font_size": "10px",
    "axis_label_text_color": DARK.dim,
    "axis_label_text_font_size": "10px",
    "axis_label_text_font_style": "normal",
}


def _legend(bound: float) -> figure:
    plot = figure(
        width=300,
        height=52,
        tools="",
        toolbar_location=None,
        x_range=Range1d(0, bound),
        y_range=Range1d(0, 1),
        background_fill_color=PANE,
        border_fill_color=PAPER,
        outline_line_color=None,
        min_border=4,
        min_border_left=14,
        styles=_CLEAN,
        min_border_right=16,
    )
    ramp = np.linspace(0, bound, 512)[None, :]
    mapper = LinearColorMapper(palette=PALETTE, low=0, high=bound)
    plot.image([ramp], x=0, y=0, dw=bound, dh=1, color_mapper=mapper)
    recolour(plot, DARK)
    plot.yaxis.visible = False
    plot.grid.grid_line_color = None
    plot.xaxis.formatter = NumeralTickFormatter(format="0.0%")
    plot.xaxis.major_label_text_font_size = "10px"
    return plot


def _palette() -> list[str]:
    """Return 256 colours from sparse to dense: background, deep purple, yellow."""
    heat = np.array([[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in Plasma256[8:252]], dtype=float)
    ground = np.array([int(PANE[i : i + 2], 16) for i in (1, 3, 5)], dtype=float)
    place = np.arange(256) / 255
    at = np.interp(place, [0.12, 1], [0, len(heat) - 1])
    colours = np.stack([np.interp(at, np.arange(len(heat)), heat[:, c]) for c in range(3)], axis=1)
    mixed = np.clip(place / 0.25, 0, 1)[:, None]  # fades into the ground
    shown = (ground + (colours - ground) * mixed).round().astype(np.uint8)
    return [f"#{r:02x}{g:02x}{b:02x}" for r, g, b in shown.tolist()]


PALETTE = _palette()


def _rounded(usd: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return USD rounded to one part in 4,000: three figures are shown, and random low bits do not compress."""
    bits = np.ascontiguousarray(usd).view(np.uint32)
    return ((bits + np.uint32(1 << 11)) & np.uint32(0xFFFFF000)).view(np.float32)


def _said(*texts: str | tuple[str, str], style: str) -> Pane:
    """Return a line of texts, some with their own style: text nodes, never markup or formulas."""
    pairs = [(text, "") if isinstance(text, str) else text for text in texts]
    spans = [Words(children=[Text(content=text)], style=_css(own)) for text, own in pairs]
    styles = {
        "color": "var(--liq-sheet-ink)",
        "font": f"12px/1.45 {_FONT}",
        "overflow-wrap": "anywhere",
        "column-gap": "8px",
    }
    return Pane(elements=spans, styles={"display": "flex", "flex-wrap": "wrap", **styles, **_css(style)})


def _css(style: str) -> dict[str, str]:
    return dict(pair.split(": ", 1) for pair in style.split("; ") if pair)


def _title(one: Distances) -> Pane:
    price = f"{one.close:,.{one.market.price_decimals}f}"
    return _said(
        (one.name, "font-weight: 600; font-size: 13px"),
        (one.market.exchange, f"color: {_DIM}"),
        (price, "margin-left: auto"),
        style="align-items: baseline",
    )


def _colour(one: Distances) -> str:
    return DARK.dim if one.cluster is None else getattr(DARK, one.cluster["side"])
