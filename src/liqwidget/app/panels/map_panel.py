"""The liquidation map: estimated USD by price at one candle, stacked by tier, with cumulative curves."""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.models import (
    ColumnDataSource,
    DataRange1d,
    FixedTicker,
    HoverTool,
    LinearAxis,
    NumeralTickFormatter,
    Span,
)
from bokeh.plotting import figure

from ...checks import usd_text
from ...model.grid import nice_step
from ..readings.levels import LiquidationMap
from .ink import LIGHT, Ink, tier_colours
from .plot import bare_figure, price_format, recolour

HEIGHT = 380


class MapPanel:
    """A Bokeh figure, created once and updated by :meth:`show`; ``model`` is the displayed model."""

    def __init__(self) -> None:
        self.model: figure = bare_figure(HEIGHT)
        self._bars = ColumnDataSource(data=bar_columns(None, ()))
        self._curves = {side: ColumnDataSource(data={"price": [], "usd": []}) for side in ("long", "short")}
        self.model.y_range = DataRange1d(start=0, only_visible=True)
        self.model.extra_y_ranges = {"cumulative": DataRange1d(start=0)}
        quads = self.model.quad(
            left="left",
            right="right",
            bottom="bottom",
            top="top",
            fill_color="colour",
            line_color=None,
            source=self._bars,
        )
        lines = [
            self.model.line("price", "usd", source=source, line_width=2, y_range_name="cumulative", name=side)
            for side, source in self._curves.items()
        ]
        self.model.y_range.renderers = [quads]
        self.model.extra_y_ranges["cumulative"].renderers = lines
        self._lines = dict(zip(self._curves, lines, strict=True))
        self._price = Span(location=0, dimension="height", line_dash="dashed", line_width=1.5)
        self.model.add_layout(self._price)
        self.model.xaxis.axis_label = "price, USD"
        self.model.yaxis.axis_label = "estimated USD in a bar"
        self.model.add_layout(LinearAxis(y_range_name="cumulative", axis_label="cumulative from the price"), "right")
        self.model.xaxis.formatter = NumeralTickFormatter(format="0,0")
        for axis in self.model.yaxis:
            axis.ticker = FixedTicker()
        self._hover = HoverTool(renderers=[quads])
        self.model.add_tools(self._hover)
        self.recolour(LIGHT)

    def show(self, shown: LiquidationMap, tiers: Any, bin_size: float, currency: str = "") -> None:
        """Show a map.

        Parameters
        ----------
        shown
            The map to draw.
        tiers
            All tiers of the ledger, so that each keeps its colour whatever the mix.
        bin_size
            Of the ledger, USD: prices have its decimals.
        currency
            Of the market where it is not USD.
        """
        form = price_format(bin_size)
        self.model.xaxis.formatter.format = form
        self._hover.tooltips = [
            ("price", f"@left{{{form}}} to @right{{{form}}}"),
            ("tier", "@tier"),
            ("estimate", "@amount"),
            ("side", "@side"),
        ]
        self.model.xaxis.axis_label = f"price, {currency or 'USD'}"
        self._bars.data = bar_columns(shown, tuple(tiers), currency)
        for side, curve in curve_columns(shown).items():
            self._curves[side].data = curve
        self._price.location = shown.close
        in_bar, cumulative = self.model.yaxis
        in_bar.axis_label = f"estimated {currency or 'USD'} in a bar"
        _label(in_bar, float(shown.usd.sum(axis=0).max(initial=0.0)), currency)
        _label(cumulative, float(shown.cumulative.max(initial=0.0)), currency)

    def recolour(self, ink: Ink) -> None:
        """Set colours of text and lines for a light or dark page."""
        recolour(self.model, ink)
        for side, line in self._lines.items():
            line.glyph.line_color = getattr(ink, side)
        self._price.line_color = ink.price


def _label(axis: LinearAxis, most: float, currency: str) -> None:
    """Label an axis that starts at 0 with a few round amounts up to the largest."""
    step = nice_step(most / 6) if most > 0 else 1.0
    ticks = (np.arange(int(most / step) + 2) * step).tolist()
    axis.ticker.ticks, axis.major_label_overrides = ticks, {tick: usd_text(tick, currency=currency) for tick in ticks}


def bar_columns(shown: LiquidationMap | None, tiers: tuple[float, ...], currency: str = "") -> dict[str, list[Any]]:
    """Return a rectangle per tier and bar with any USD, stacked from the lowest leverage up."""
    names = ("left", "right", "bottom", "top", "usd", "amount", "tier", "colour", "side")
    columns: dict[str, list[Any]] = {name: [] for name in names}
    if shown is None:
        return columns
    colours = dict(zip(tiers, tier_colours(len(tiers)), strict=True))
    side = np.where(shown.is_long, "long", "short")
    top = np.cumsum(shown.usd, axis=0)
    for k, leverage in enumerate(shown.leverage):
        held = shown.usd[k] > 0
        columns["left"] += shown.low[held].tolist()
        columns["right"] += shown.high[held].tolist()
        columns["bottom"] += (top[k] - shown.usd[k])[held].tolist()
        columns["top"] += top[k][held].tolist()
        columns["usd"] += shown.usd[k][held].tolist()
        columns["amount"] += [usd_text(usd, currency=currency) for usd in shown.usd[k][held].tolist()]
        columns["tier"] += [f"{leverage:g}x"] * int(held.sum())
        columns["colour"] += [colours[leverage]] * int(held.sum())
        columns["side"] += side[held].tolist()
    return columns


def curve_columns(shown: LiquidationMap) -> dict[str, dict[str, list[float]]]:
    """Return the cumulative curve of each side, from the close outwards to the far edge of each bar."""
    long = shown.is_long
    return {
        "long": {
            "price": [*shown.low[long].tolist(), shown.close],
            "usd": [*shown.cumulative[long].tolist(), 0.0],
        },
        "short": {
            "price": [shown.close, *shown.high[~long].tolist()],
            "usd": [0.0, *shown.cumulative[~long].tolist()],
        },
    }
