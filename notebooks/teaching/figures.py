"""What the notebooks draw with: one look, and Bokeh inside the page, so that no network is needed.

A figure's controls are answered by a few lines of JavaScript (Bokeh's CustomJS) that travel with
it: they work in a notebook, and in an exported page where no Python runs.
"""

from __future__ import annotations

import json
import zlib
from base64 import b64encode
from html import escape
from typing import Any
from uuid import uuid4

import bokeh
from bokeh.embed import json_item
from bokeh.models import CustomJS, Div, LayoutDOM, NumeralTickFormatter, Slider
from bokeh.palettes import Plasma256
from bokeh.plotting import figure
from bokeh.util.paths import server_path
from IPython.display import display

HEAT = list(Plasma256[20:252])  # deep purple (little) to yellow (much), as the widget has it
LONG, SHORT = "#1b7fae", "#b8600c"  # blue and orange: told apart by colour-blind readers, too
PRICE, DIM, GROUND = "#23212e", "#5d5a6c", "#0c0a1a"

# A figure waits for Bokeh, in whatever order a page runs its outputs.
_PROMISE = """const course = (window.liqCourse ??= {});
  course.bokeh ??= new Promise((done) => { course.done = done; });"""
_LOADER = """(() => {
  %s
  const loaded = window.Bokeh?.version === "VERSION" && window.Bokeh.Models?.get?.("Slider", null);
  if (loaded) return course.done(window.Bokeh);
  const bytes = Uint8Array.from(atob("BYTES"), (letter) => letter.charCodeAt(0));
  const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  new Response(plain).text().then((code) => {
    const script = document.createElement("script");
    script.src = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
    script.onload = () => course.done(window.Bokeh);
    document.head.append(script);
  });
})();"""
_FIGURE = """(() => {
  %s
  course.bokeh.then(async (Bokeh) => {
    document.getElementById("PLACE").replaceChildren();
    const views = await Bokeh.embed.embed_item(ITEM);
    const { document: figure } = views.roots[0].model;
    await figure.get_model_by_name("react")?.execute(figure);
  });
})();"""


def bring_bokeh() -> None:
    """Put BokehJS into the page: once a notebook, before the first figure."""
    folder = server_path() / "static" / "js"
    parts = [(folder / f"{name}.min.js").read_text("utf-8") for name in ("bokeh", "bokeh-widgets")]
    packed = b64encode(zlib.compress("\n;".join(parts).encode(), 9)).decode("ascii")
    script = (_LOADER % _PROMISE).replace("VERSION", bokeh.__version__).replace("BYTES", packed)
    _write(f"<script>{script}</script>")


def show(what: LayoutDOM, words: str) -> None:
    """Draw a figure; `words` say what it shows, for readers who hear the page."""
    place = f"figure-{uuid4().hex[:12]}"
    item = json.dumps(json_item(what, place)).replace("<", "\\u003c")
    script = (_FIGURE % _PROMISE).replace("PLACE", place).replace("ITEM", item)
    waiting = "This figure needs JavaScript, and the notebook's first code cell run."
    paper = "background: #fff; color: #23212e; border-radius: 4px"  # in a dark page, too
    about = f'id="{place}" role="figure" aria-label="{escape(words)}" style="{paper}"'
    _write(f"<div {about}>{waiting}</div><script>{script}</script>")


def plot(title: str, x: str, y: str, height: int = 340, **options: Any) -> figure:
    """Return an empty figure in the look of the course: title, axes with units, page-wide."""
    look = {"tools": "", "toolbar_location": None, "outline_line_color": None}
    look |= {"sizing_mode": "stretch_width", "max_width": 900}
    made = figure(title=title, x_axis_label=x, y_axis_label=y, height=height, **look, **options)
    made.axis.axis_label_text_font_style = "normal"
    made.axis.minor_tick_line_color = None
    made.grid.grid_line_color = "#e6e3ee"
    for axis in (*made.xaxis, *made.yaxis):
        if "USD" in (axis.axis_label or ""):
            axis.formatter = NumeralTickFormatter(format="0,0.[00]")
    return made


def slider(title: str, start: float, end: float, value: float, step: float, name: str) -> Slider:
    """Return a slider; its name is how code finds it."""
    look = {"bar_color": "#9c2793", "sizing_mode": "stretch_width", "max_width": 520}
    return Slider(title=title, start=start, end=end, value=value, step=step, name=name, **look)


def said(name: str = "words") -> Div:
    """Return a line of words, which controls rewrite."""
    styles = {"font-size": "15px", "line-height": "1.5"}
    return Div(name=name, sizing_mode="stretch_width", max_width=900, styles=styles)


def answer(code: str, *controls: Any, **args: Any) -> None:
    """Run JavaScript when the figure is drawn or a control changes; it sees `args` by name."""
    react = CustomJS(name="react", args=args, code=code)
    for control in controls:
        control.js_on_change("active" if hasattr(control, "active") else "value", react)


def _write(html: str) -> None:
    display({"text/html": html, "text/plain": ""}, raw=True)
