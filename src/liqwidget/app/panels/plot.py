"""Common style of the panels' figures: no toolbar, transparent background, text in the page's colour."""

from __future__ import annotations

from typing import Any

from bokeh.models import Axis, Grid, NoOverlap
from bokeh.plotting import figure

from ...model.grid import decimals_of
from .ink import Ink

#: Bokeh's format of USD. It writes small letters for thousands and millions: put text-transform: uppercase around it.
USD_FORMAT = "$0.[00]a"


def bare_figure(height: int, **options: Any) -> figure:
    """Return a figure as wide as its container, with a transparent background."""
    plot = figure(
        height=height,
        sizing_mode="stretch_width",
        tools="",
        toolbar_location=None,
        background_fill_alpha=0,
        border_fill_alpha=0,
        outline_line_color=None,
        min_border_top=4,
        min_border_bottom=4,
        lod_threshold=None,
        **options,
    )
    plot.min_width = 120
    plot.xaxis.major_label_policy = NoOverlap()
    return plot


def price_format(bin_size: float) -> str:
    """Return Bokeh's format of a price that is an edge or a centre of a bin."""
    decimals = decimals_of(bin_size / 2)
    return "0,0" + ("." + "0" * decimals if decimals else "")


def recolour(plot: figure, ink: Ink) -> None:
    """Set the colours of axes, grid and title."""
    for axis in plot.select(Axis):
        axis.axis_label_text_color = axis.major_label_text_color = ink.dim
        axis.axis_line_color = axis.major_tick_line_color = ink.line
        axis.minor_tick_line_color = None
        axis.axis_label_text_font_style, axis.axis_label_text_font_size = "normal", "11px"
        axis.major_label_text_font_size = "11px"
    for grid in plot.select(Grid):
        grid.grid_line_color = ink.line
    if plot.title is not None:
        plot.title.text_color = ink.dim
