"""A picture as Bokeh figures: the same marks, to be zoomed, panned and hovered over."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from .axis import Axis
from .ink import TEXT, ramp, text_on
from .marks import Area, Bars, Heat, Line, Mark, Points, Rule, Spans
from .picture import Panel, Picture
from .svg import WIDTH

if TYPE_CHECKING:
    from bokeh.plotting import figure

#: Bokeh's numeral formats; ``$0.0a`` writes small letters for thousands and millions.
_FORMS = {"usd": "$0.[00]a", "share": "0.[0]%", "price": "0,0.[00]", "number": "0,0.[000000]"}


def figure_of(picture: Picture) -> Any:
    """Return the figure of a picture; of several panels, a column of figures that share an x axis of the same kind.

    Raises
    ------
    ModuleNotFoundError
        Bokeh is not installed.
    """
    if find_spec("bokeh") is None:
        raise ModuleNotFoundError('plot needs the extra "app" (bokeh missing here): pip install "liqwidget[app]"')
    from bokeh.layouts import column

    plots: list[Any] = []
    for panel in picture.panels:
        twin = next((plot for plot, other in zip(plots, picture.panels, strict=False) if other.x == panel.x), None)
        plots.append(_figure(panel, twin))
    return plots[0] if len(plots) == 1 else column(*plots)


def _figure(panel: Panel, twin: Any) -> figure:
    from bokeh.plotting import figure

    titles = [panel.title, *(mark.name for mark in panel.marks if isinstance(mark, Heat))]
    plot: Any = figure(
        width=WIDTH,
        height=panel.height + 110,
        title=_literal(": ".join(filter(None, titles))) or None,
        x_axis_label=_literal(panel.x.label),
        y_axis_label=_literal(panel.y.label),
        x_axis_type=_kind(panel.x),
        y_axis_type=_kind(panel.y),
        x_range=twin.x_range if twin is not None else panel.x_ends(),
        y_range=panel.y_ends(),
        tools="pan,wheel_zoom,box_zoom,reset,save",
        background_fill_alpha=0,
        border_fill_alpha=0,
        outline_line_color=None,
    )
    for axis, told in ((plot.xaxis[0], panel.x), (plot.yaxis[0], panel.y)):
        _label(axis, told)
    plot.grid.grid_line_color, plot.grid.grid_line_alpha = TEXT, 0.25
    if plot.title is not None:
        plot.title.text_color = TEXT
    for mark in panel.marks:
        _draw(plot, panel, mark)
    if plot.legend:
        plot.legend.background_fill_alpha, plot.legend.border_line_color = 0, None
        plot.legend.label_text_color, plot.legend.click_policy = TEXT, "hide"
        plot.add_layout(plot.legend[0], "above")
        plot.legend.orientation, plot.legend.ncols = "horizontal", 4
    return plot


def _kind(axis: Axis) -> str:
    return "datetime" if axis.kind == "time" else "log" if axis.log else "linear"


def _label(axis: Any, told: Axis) -> None:
    from bokeh.models import FixedTicker, NumeralTickFormatter

    axis.axis_label_text_color = axis.major_label_text_color = axis.axis_line_color = TEXT
    axis.major_tick_line_color, axis.minor_tick_line_color = TEXT, None
    axis.axis_label_text_font_style = "normal"
    if told.kind == "names":
        axis.ticker = FixedTicker(ticks=list(range(len(told.names))))
        axis.major_label_overrides = {i: _literal(name) for i, name in enumerate(told.names)}
    elif told.kind != "time":
        axis.formatter = NumeralTickFormatter(format=_FORMS[told.kind])


def _draw(plot: Any, panel: Panel, mark: Mark) -> None:
    from bokeh.models import Span

    if isinstance(mark, Rule):
        along = "height" if mark.vertical else "width"
        plot.add_layout(
            Span(location=mark.at, dimension=along, line_color=mark.colour, line_dash="dashed", line_width=1.5)
        )
        return
    named = {"legend_label": _literal(mark.name)} if mark.name else {}
    if isinstance(mark, Bars):
        made = plot.vbar(
            "x",
            mark.width,
            "top",
            mark.base,
            source=_source(mark, "x", "top"),
            fill_color=mark.colour,
            fill_alpha=mark.opacity,
            line_color=None,
            **named,
        )
        _hover(plot, panel, made, "x", "top")
    elif isinstance(mark, Area):
        plot.varea("x", "low", "high", source=_source(mark, "x", "low", "high"), color=mark.colour, alpha=0.35, **named)
    elif isinstance(mark, Line):
        draw = plot.step if mark.steps else plot.line
        more = {"mode": "after"} if mark.steps else {}
        dash = "dashed" if mark.dashed else "solid"
        made = draw(
            "x", "y", source=_source(mark, "x", "y"), color=mark.colour, line_width=1.5, line_dash=dash, **more, **named
        )
        _hover(plot, panel, made, "x", "y")
    elif isinstance(mark, Points):
        fill = None if mark.hollow else mark.colour
        made = plot.scatter(
            "x", "y", source=_source(mark, "x", "y"), size=7, line_color=mark.colour, fill_color=fill, **named
        )
        _hover(plot, panel, made, "x", "y")
    elif isinstance(mark, Spans):
        _draw_spans(plot, panel, mark, named)
    else:
        _draw_heat(plot, mark)


def _draw_spans(plot: Any, panel: Panel, mark: Spans, named: dict[str, str]) -> None:
    source = _source(mark, "x", "y", "low", "high")
    ends = ("low", "y", "high", "y") if mark.lying else ("x", "low", "x", "high")
    plot.segment(*ends, source=source, color=mark.colour, line_width=1.5, **named)
    made = plot.scatter("x", "y", source=source, size=7, color=mark.colour, **named)
    _hover(plot, panel, made, "x", "y", ("low", "high"), panel.x if mark.lying else panel.y)


def _draw_heat(plot: Any, mark: Heat) -> None:
    from bokeh.models import ColorBar, LinearColorMapper

    rows, columns = np.indices(mark.values.shape)
    texts = [text for row in mark.texts for text in row] or [""] * mark.values.size
    known = mark.values[np.isfinite(mark.values)]
    least, most = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    inks = [
        text_on(ramp((value - least) / (most - least) if most > least else 0.5)) if np.isfinite(value) else TEXT
        for value in mark.values.ravel().tolist()
    ]
    data = {"x": columns.ravel(), "y": rows.ravel(), "value": mark.values.ravel(), "text": texts, "ink": inks}
    colours = LinearColorMapper(
        palette=[ramp(i / 255) for i in range(256)], low=least, high=most, nan_color="#00000000"
    )
    made = plot.rect("x", "y", 1, 1, source=data, fill_color={"field": "value", "transform": colours}, line_color=None)
    if mark.values.size <= 150:
        plot.text(
            "x", "y", "text", source=made.data_source, text_align="center", text_baseline="middle",
            text_font_size="11px", text_color="ink",
        )  # fmt: skip
    bar = ColorBar(color_mapper=colours, major_label_text_color=TEXT, background_fill_alpha=0)
    plot.add_layout(bar, "right")
    _tooltip(plot, made, [(mark.name, "@text")])


def _source(mark: Any, *names: str) -> Any:
    from bokeh.models import ColumnDataSource

    return ColumnDataSource({name: getattr(mark, name) for name in names})


def _hover(
    plot: Any,
    panel: Panel,
    made: Any,
    x: str,
    y: str,
    ends: tuple[str, ...] = (),
    axis: Axis | None = None,
) -> None:
    """Add what is said of a mark under the pointer; names are not in the data, so their axis is left out."""
    shown = [(panel.x, x), (panel.y, y), *((axis, end) for end in ends)]
    tips = [
        (told.label if name in (x, y) else name, f"@{name}{_form(told)}")
        for told, name in shown
        if told is not None and told.kind != "names"
    ]
    _tooltip(plot, made, tips)


def _tooltip(plot: Any, made: Any, tips: list[tuple[str, str]]) -> None:
    from bokeh.models import HoverTool

    formatters = {tip.partition("{")[0]: "datetime" for _, tip in tips if "%F" in tip}
    plot.add_tools(
        HoverTool(renderers=[made], tooltips=[(_plain(label), tip) for label, tip in tips], formatters=formatters)
    )


def _form(axis: Axis) -> str:
    return "{%F %H:%M}" if axis.kind == "time" else f"{{{_FORMS[axis.kind]}}}"


def _plain(label: str) -> str:
    """Return a label without the signs that Bokeh's tooltips read as fields or markup."""
    return "".join(" " if sign in "@$<>&{}" else sign for sign in label)


def _literal(text: str) -> str:
    """Return text in which Bokeh finds no formula: ``$$`` and backslashes are parted by spaces without width."""
    return text.replace("$$", "$\u200b$\u200b").replace("\\", "\\\u200b")
