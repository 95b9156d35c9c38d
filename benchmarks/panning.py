"""Frames per second while panning and zooming with the heatmap on, compared with plotly and bokeh.

    python benchmarks/panning.py [--rounds 3] [--seconds 3]

The page sets a new range of columns once per frame and counts the animation frames in which the heatmap was drawn:
for liqwidget and bokeh a ``drawImage`` of it, for plotly a ``plotly_afterplot``. The cases take turns on the same week.
liqwidget moves by lightweight-charts' ``setVisibleLogicalRange``, bokeh by its ``x_range``, and plotly by ``relayout``
of the same figure, drawn by the plotly.js of its package. Chromium draws at most 60 frames per second.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from statistics import median

from page import Page, machine, run_in_page
from slider import BOKEH, BOKEH_SCRIPT, LIQWIDGET, PLOTLY, SETUP

NOTEBOOKS = {
    "liqwidget.ipynb": [LIQWIDGET],
    # The first change of the range exposes it to the page.
    "bokeh.ipynb": [SETUP, BOKEH_SCRIPT, BOKEH, "import time; time.sleep(1); figure.x_range.start = 1"],
    "plotly.ipynb": [SETUP, PLOTLY],
}


def prepare(page: Page) -> None:
    import plotly

    page.add_script_tag(path=Path(plotly.__file__).parent / "package_data" / "plotly.min.js")
    page.wait_for_function("window.Plotly && window.benchRange")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3)
    options = parser.parse_args()
    cases = [
        {"name": name, "notebook": f"{name}.ipynb", "act": act}
        for act in ("pan", "zoom")
        for name in ("liqwidget", "bokeh", "plotly")
    ]
    print(f"pan and zoom; {machine()}")
    plan = {"cases": cases, "rounds": options.rounds, "ms": options.seconds * 1000}
    runs = run_in_page(NOTEBOOKS, "bench.panAll", plan, 120 + 60 * options.rounds * options.seconds, prepare)
    print(f"afterwards: {machine()}")
    print(f"{'':22}frames/s, each round                      loops JS, Python")
    rates: dict[tuple[str, str], float] = {}
    for case in cases:
        own = [run for run in runs if (run["name"], run["act"]) == (case["name"], case["act"])]
        each = [run["drawn"] / run["seconds"] for run in own]
        key = case["name"], case["act"]
        rates[key] = median(each)
        loops = f"{median(run['js'][0] for run in own):.0f}, {median(run['py'][0] for run in own):.0f}"
        print(f"{' '.join(key):20}{rates[key]:10.1f}   {' '.join(f'{x:.1f}' for x in each):30}   {loops}")
    for act in ("pan", "zoom"):
        ours = rates["liqwidget", act]
        peers = ", ".join(f"{ours / rates[name, act]:.1f} x {name}" for name in ("bokeh", "plotly"))
        print(f"{act}: {'within' if ours >= 50 else 'MISSES'} the budget (>= 50 frames/s): {ours:.1f}; {peers}")


if __name__ == "__main__":
    main()
