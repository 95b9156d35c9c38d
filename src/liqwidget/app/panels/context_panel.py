"""Open interest, funding and long/short ratio as three small figures on one axis of time."""

from __future__ import annotations

from math import ceil, floor
from typing import Any

from bokeh.layouts import column
from bokeh.models import ColumnDataSource, DataRange1d, FixedTicker, HoverTool, NumeralTickFormatter, Span
from bokeh.plotting import figure

from ...checks import usd_text
from ...model.grid import nice_step
from ..readings.context import SERIES
from .ink import LIGHT, Ink
from .plot import bare_figure, recolour

HEIGHT, AXIS = 92, 34  # px: height of a figure, and the addition for the time axis
_FORMATS = {"open_interest": "0,0[.]00", "funding_rate": "0.000%", "long_short_ratio": "0.00"}


class ContextPanel:
    """Figures, created once and updated by :meth:`show`; those without data are hidden. ``model`` is displayed."""

    def __init__(self) -> None:
        time = DataRange1d(range_padding=0.0)
        self._sources = {name: ColumnDataSource(data={"time": [], "value": []}) for name in SERIES}
        self._plots = {name: self._plot(name, time) for name in SERIES}
        self._marks = {name: Span(dimension="height", line_dash="dashed", location=0) for name in SERIES}
        for name, plot in self._plots.items():
            plot.add_layout(self._marks[name])
        self.model = column(*self._plots.values(), sizing_mode="stretch_width", spacing=2)
        self.recolour(LIGHT)

    def _plot(self, name: str, time: DataRange1d) -> figure:
        plot = bare_figure(HEIGHT, x_axis_type="datetime", x_range=time, title=SERIES[name])
        plot.title.text_font_size, plot.title.text_font_style = "11px", "normal"
        plot.title.standoff = 2
        mode = "after" if name == "funding_rate" else None
        source = self._sources[name]
        drawn = (
            plot.step("time", "value", source=source, mode=mode, line_width=1.5, name="series")
            if mode
            else plot.line("time", "value", source=source, line_width=1.5, name="series")
        )
        plot.yaxis.formatter = NumeralTickFormatter(format=_FORMATS[name])
        plot.yaxis.ticker.desired_num_ticks = 3
        plot.add_tools(
            HoverTool(
                renderers=[drawn],
                mode="vline",
                tooltips=[("UTC", "@time{%F %H:%M}"), (SERIES[name], f"@value{{{_FORMATS[name]}}}")],
                formatters={"@time": "datetime"},
            )
        )
        return plot

    def show(self, series: dict[str, dict[str, Any]], at_ms: float) -> None:
        """Show the series that exist, and mark a candle's time."""
        last = next((name for name in reversed(list(SERIES)) if name in series), None)
        for name, plot in self._plots.items():
            plot.visible = name in series
            plot.xaxis.visible = name == last
            plot.height = HEIGHT + (AXIS if name == last else 0)
            if name in series:
                self._sources[name].data = series[name]
        if "open_interest" in series:
            ticks = coin_ticks(series["open_interest"]["value"])
            axis = self._plots["open_interest"].yaxis[0]
            axis.ticker, axis.major_label_overrides = FixedTicker(ticks=list(ticks)), ticks
        self.mark(at_ms)

    def mark(self, at_ms: float) -> None:
        """Mark a candle's time."""
        for mark in self._marks.values():
            mark.location = at_ms

    def recolour(self, ink: Ink) -> None:
        """Set colours of text and lines for a light or dark page."""
        for name, plot in self._plots.items():
            recolour(plot, ink)
            plot.select(name="series").glyph.line_color = ink.series
            self._marks[name].line_color = ink.dim


def coin_ticks(coins: list[float]) -> dict[float, str]:
    """Return round amounts within a range of coins and their labels, written as amounts of money are: ``"90.5K"``."""
    low, high = min(coins), max(coins)
    step = nice_step((high - low) / 3) if high > low else high or 1.0
    first, last = ceil(low / step - 1e-9), floor(high / step + 1e-9)
    return {n * step: usd_text(n * step, 6).lstrip("$") for n in range(first, last + 1)}
