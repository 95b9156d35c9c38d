"""Latency from slider to pixels in a real JupyterLab, compared with other ways to draw the same picture.

    python benchmarks/slider.py [--cases mix,decay,echo] [--rounds 6] [--random]

All cases show the same week (`load_sample`), in notebooks open at the same time, and take turns in blocks of moves.

Each figure is the time from a native input event to the start of the first animation frame after the one that shows
the new picture. By then the page has run the handler, computed, painted and submitted its pixels. The minimum is one
frame, 16.7 ms: a picture that is painted in the same frame as its event. The event is dispatched when Chromium
dispatches those of a drag: at the start of a frame, before its callbacks. ``--random`` dispatches at random times
instead, like key presses; waiting for the next frame then adds 0 to 16.7 ms to every case.

How the new picture is detected: liqwidget's ``data-rev``, which changes in the frame that paints; plotly's
``plotly_afterplot`` (its image may still be decoding, which favours plotly); for bokeh and ipympl the first
``drawImage`` to a canvas in the page; for matplotlib the ``load`` of the new image. The first two moves of each block
verify this and are not counted: the pixels must differ from those before, and not change in the next 600 ms.

The peers recompute with ``ledger.replay(decay, weights)`` in an ipywidgets slider's callback. ``echo`` is the
minimum for anything that needs the kernel: a round trip of one number, shown as text.
"""

from __future__ import annotations

import argparse
import importlib.util
from statistics import median

from page import machine, quantile, run_in_page

FRAME = 1000 / 60
SETUP = """
import ipywidgets, numpy as np, liqwidget as lw
market = lw.load_sample()
candles, ledger = market.candles, lw.build_ledger(market)
weights = [.25, .30, .25, .14, .05, .01]
slider = ipywidgets.FloatSlider(value=.03, min=.001, max=.2, step=.001, readout_format=".3f", description="decay")
grid = lambda: ledger.replay(slider.value, weights).values
edges = ledger.price_edges
"""
LIQWIDGET = "import liqwidget as lw\nlw.LiquidationHeatmap(lw.load_sample())"
PLOTLY = """
import plotly.graph_objects as go
heat = go.Heatmap(x=candles.index, y=(edges[1:] + edges[:-1]) / 2, z=grid(), colorscale="Plasma", showscale=False)
bars = go.Candlestick(x=candles.index, open=candles.open, high=candles.high, low=candles.low, close=candles.close)
figure = go.FigureWidget([heat, bars])
figure.update_layout(width=1300, height=560, xaxis_rangeslider_visible=False, showlegend=False)
def show(change):
    figure.data[0].z = grid()
slider.observe(show, "value")
ipywidgets.VBox([slider, figure])
"""
BOKEH_SCRIPT = """
from bokeh.io import output_notebook
from bokeh.resources import INLINE
output_notebook(INLINE, hide_banner=True)
"""
BOKEH = """
from bokeh.models import ColumnDataSource, CustomJS
from bokeh.plotting import figure as Figure
from jupyter_bokeh import BokehModel
T = len(candles)
source = ColumnDataSource(dict(image=[np.ascontiguousarray(grid())]))
figure = Figure(width=1300, height=560, x_range=(0, T), y_range=(edges[0], edges[-1]), tools="xpan,xwheel_zoom")
figure.image("image", x=0, y=edges[0], dw=T, dh=edges[-1] - edges[0], palette="Plasma256", source=source)
x = np.arange(T) + .5
figure.segment(x, candles.low, x, candles.high, color="white")
up = np.where(candles.close >= candles.open, "#26a69a", "#ef5350")
figure.vbar(x, .7, candles.open, candles.close, color=up)
figure.x_range.js_on_change("start", CustomJS(code="window.benchRange = cb_obj"))
def show(change):
    source.data = dict(image=[np.ascontiguousarray(grid())])
slider.observe(show, "value")
ipywidgets.VBox([slider, BokehModel(figure)])
"""
MATPLOTLIB = """
%matplotlib inline
import matplotlib.pyplot as plt
out = ipywidgets.Output()
def show(change=None):
    with out:
        out.clear_output(wait=True)
        figure, axes = plt.subplots(figsize=(13, 5.6), dpi=100)
        axes.imshow(grid(), origin="lower", aspect="auto", cmap="plasma", extent=(0, len(candles), edges[0], edges[-1]))
        axes.vlines(np.arange(len(candles)) + .5, candles.low, candles.high, "w", linewidth=.5)
        plt.show()
slider.observe(show, "value")
show()
ipywidgets.VBox([slider, out])
"""
IPYMPL = """
%matplotlib widget
import matplotlib.pyplot as plt
plt.ioff()
figure, axes = plt.subplots(figsize=(13, 5.6), dpi=100)
image = axes.imshow(grid(), origin="lower", aspect="auto", cmap="plasma", extent=(0, len(candles), edges[0], edges[-1]))
axes.vlines(np.arange(len(candles)) + .5, candles.low, candles.high, "w", linewidth=.5)
def show(change):
    image.set_data(grid())
    figure.canvas.draw_idle()
slider.observe(show, "value")
ipywidgets.VBox([slider, figure.canvas])
"""
ECHO = '''
import anywidget, traitlets
class Echo(anywidget.AnyWidget):
    _esm = """export default { render({ model, el }) {
      const ask = Object.assign(document.createElement("input"), { type: "range", min: 0, max: 1000 });
      const answer = document.createElement("div");
      ask.dataset.ask = answer.dataset.echo = "";
      ask.addEventListener("input", () => { model.set("ask", ask.valueAsNumber); model.save_changes(); });
      model.on("change:answer", () => { answer.textContent = model.get("answer"); });
      el.append(ask, answer);
    } }"""
    ask = traitlets.Float(-1.0).tag(sync=True)
    answer = traitlets.Float(-1.0).tag(sync=True)
    @traitlets.observe("ask")
    def _echo(self, change):
        self.answer = change.new
Echo()
'''
NOTEBOOKS = {
    "liqwidget.ipynb": [LIQWIDGET],
    "echo.ipynb": [ECHO],
    "bokeh.ipynb": [SETUP, BOKEH_SCRIPT, BOKEH],
    "ipympl.ipynb": [SETUP, IPYMPL],
    "matplotlib.ipynb": [SETUP, MATPLOTLIB],
    "plotly.ipynb": [SETUP, PLOTLY],
}
#: name: title, notebook, action, detection, moves per block
CASES = {
    "mix": ("liqwidget, leverage mix", "liqwidget", "mix", "liqwidget", 20),
    "decay": ("liqwidget, decay", "liqwidget", "decay", "liqwidget", 20),
    "mix-stopped": ("liqwidget, mix, kernel stopped", "liqwidget", "mix", "liqwidget", 20),
    "decay-stopped": ("liqwidget, decay, kernel stopped", "liqwidget", "decay", "liqwidget", 20),
    "echo": ("bare trait echo", "echo", "range", "echo", 20),
    "bin": ("liqwidget, bin size", "liqwidget", "bin", "liqwidget", 20),
    "bokeh": ("bokeh (jupyter_bokeh)", "bokeh", "key", "canvas", 6),
    "ipympl": ("matplotlib (ipympl)", "ipympl", "key", "canvas", 6),
    "matplotlib": ("matplotlib in an Output", "matplotlib", "key", "image", 6),
    "plotly": ("plotly FigureWidget", "plotly", "key", "plotly", 6),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", default=",".join(CASES), help="comma-separated: %(default)s")
    parser.add_argument("--rounds", type=int, default=6, help="blocks per case (default %(default)s)")
    parser.add_argument("--random", action="store_true", help="dispatch at random times, not at the start of a frame")
    options = parser.parse_args()
    names = options.cases.split(",")
    if importlib.util.find_spec("ipympl") is None and "ipympl" in names:
        print("ipympl is not installed: left out")
        names.remove("ipympl")
    cases = [
        {"name": n, "notebook": f"{book}.ipynb", "act": act, "watch": watch, "moves": moves, "stop": "stopped" in n}
        for n, (_, book, act, watch, moves) in ((n, CASES[n]) for n in names)
    ]
    wanted = {case["notebook"] for case in cases}
    notebooks = {name: cells for name, cells in NOTEBOOKS.items() if name in wanted}
    print(f"slider -> pixels, JupyterLab, ms; {machine()}")
    plan = {"cases": cases, "rounds": options.rounds, "random": options.random}
    blocks = run_in_page(notebooks, "bench.run", plan, seconds=120 + 60 * options.rounds * len(cases))
    print(f"afterwards: {machine()}")
    table(names, blocks)


def table(names: list[str], blocks: list[dict]) -> None:
    found = {name: [b for b in blocks if b["name"] == name] for name in names}
    times = {name: [x for b in found[name] for x in b["ms"]] for name in names}
    print(f"{'':34}{'moves':>6}{'median':>9}{'p95':>9}{'max':>9}  one frame   loops JS before/after, Python")
    for name in names:
        ms = times[name]
        errors = {b["error"] for b in found[name] if "error" in b}
        if not ms:
            print(f"{CASES[name][0]:34}  {errors}")
            continue
        js = [median([b["js"][i] for b in found[name] if len(b["js"]) == 2]) for i in (0, 1)]
        py = [median([b["py"][i] for b in found[name] if len(b["py"]) == 2]) for i in (0, 1)]
        once = sum(x < 1.5 * FRAME for x in ms) / len(ms)
        wrong = "" if all(b["verified"] for b in found[name]) else "  NOT THE FINAL PICTURE"
        print(
            f"{CASES[name][0]:34}{len(ms):6}{median(ms):9.1f}{quantile(ms, 0.95):9.1f}{max(ms):9.1f}{once:10.0%}"
            f"   {js[0]:.0f}/{js[1]:.0f}, {py[0]:.0f}/{py[1]:.0f}{wrong}{'  ' + str(errors) if errors else ''}"
        )
    ours = times.get("decay") or times.get("mix")
    for peer in ("bokeh", "ipympl", "matplotlib", "plotly"):
        if ours and times.get(peer):
            print(f"{CASES[peer][0]}: {median(times[peer]) / median(ours):.1f} x liqwidget's median")
    for name in ("mix", "decay", "bin", "mix-stopped", "decay-stopped"):
        if times.get(name):
            middle, late = median(times[name]), quantile(times[name], 0.95)
            verdict = "within" if middle <= FRAME + 1 and late <= 25 else "MISSES"
            print(f"{CASES[name][0]}: {verdict} the budget (median one frame, p95 <= 25): {middle:.1f}, {late:.1f}")


if __name__ == "__main__":
    main()
