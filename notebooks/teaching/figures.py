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
from bokeh.models import CustomJS, Div, LayoutDOM, Legend, NumeralTickFormatter, Slider
from bokeh.palettes import Plasma256
from bokeh.plotting import figure
from bokeh.util.paths import server_path
from IPython.display import display

HEAT = list(Plasma256[20:252])  # deep purple (little) to yellow (much), as the widget has it
LONG, SHORT = "#1b7fae", "#b8600c"  # blue and orange: told apart by colour-blind readers, too
PRICE, DIM, GROUND = "#23212e", "#5d5a6c", "#0c0a1a"
PAPER, LINE = "#ffffff", "#e6e3ee"
# On a dark page the colours of ink and paper change; all others are readable on both.
_DARK = {PRICE: "#f4f2fa", DIM: "#a9a6b8", PAPER: "#111111", LINE: "#343046"}

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
_FIGURE = r"""(() => {
  %s
  course.bokeh.then(async (Bokeh) => {
    document.getElementById("PLACE").replaceChildren();
    const views = await Bokeh.embed.embed_item(ITEM);
    const { document: figure } = views.roots[0].model;
    const place = document.getElementById("PLACE");
    const dye = () => {
      // The page's ink says whether it is dark, whatever shows it.
      const [r, g, b] = getComputedStyle(place).color.match(/[\d.]+/g).map(Number);
      const isDark = 0.299 * r + 0.587 * g + 0.114 * b > 128;
      const pairs = Object.entries(INKS).map((pair) => (isDark ? pair : pair.reverse()));
      const colours = Object.fromEntries(pairs);
      for (const model of figure._all_models.values()) {
        for (const { attr } of model) {
          if (!attr.endsWith("_color")) continue;
          const now = model[attr], to = colours[now?.value ?? now];
          if (to) model[attr] = now.value ? { ...now, value: to } : to;
        }
      }
      place.dataset.dark = isDark;
    };
    dye();
    new MutationObserver(dye).observe(document.body, { attributes: true });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", dye);
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
    for legend in what.select({"type": Legend}):
        legend.background_fill_color, legend.border_line_color = PAPER, LINE
        legend.label_text_color = PRICE
    item = json.dumps(json_item(what, place)).replace("<", "\\u003c")
    inks = json.dumps(_DARK)
    script = (
        (_FIGURE % _PROMISE).replace("PLACE", place).replace("INKS", inks).replace("ITEM", item)
    )
    waiting = "This figure needs JavaScript, and the notebook's first code cell run."
    about = f'id="{place}" role="figure" aria-label="{escape(words)}"'
    _write(f"<div {about}>{waiting}</div><script>{script}</script>")


def plot(title: str, x: str, y: str, height: int = 340, **options: Any) -> figure:
    """Return an empty figure in the look of the course: title, axes with units, page-wide."""
    look = {"tools": "", "toolbar_location": None, "outline_line_color": None}
    look |= {"sizing_mode": "stretch_width", "max_width": 900}
    made = figure(title=title, x_axis_label=x, y_axis_label=y, height=height, **look, **options)
    made.axis.axis_label_text_font_style = "normal"
    made.axis.minor_tick_line_color = None
    made.grid.grid_line_color = LINE
    made.title.text_color = made.axis.axis_label_text_color = PRICE
    made.axis.major_label_text_color = made.axis.axis_line_color = DIM
    made.axis.major_tick_line_color = DIM
    made.border_fill_color = None
    if "background_fill_color" not in options:
        made.background_fill_color = None
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
