"""Results in a real JupyterLab: drawn on light and dark pages, in notebooks that are not trusted, and never as code."""

from __future__ import annotations

import io

import nbformat
import nbformat.v4 as v4
import numpy as np
import pytest
from lab import chromium, open_notebook
from PIL import Image

import liqwidget as lw
from liqwidget.drawing.ink import contrast
from markets import walk

pytestmark = pytest.mark.browser

SYMBOL = "<img src=x onerror=window.hacked=1>$$\\href{javascript:a}{x}$$"
CODE = f"""
import dataclasses
import liqwidget as lw
found = lw.sensitivity(lw.load_sample(), draws=20)
made = lw.simulate(candles=2_500, traders=20_000, seed=3)
score = lw.validate(made.market, leverage_mix="balanced", start=made.market.candles.index[1_200])
score = dataclasses.replace(score, _label={SYMBOL!r})
"""
CHANGE = "(to) => window.jupyterapp.commands.execute('apputils:change-theme', to)"
DRAWN = """(n) => {
  const images = [...document.querySelectorAll('.jp-OutputArea img')];
  return images.length === n && images.every((image) => image.complete && image.naturalWidth === 640);
}"""
IS_DARK = "(dark) => (document.body.dataset.jpThemeLight === 'false') === dark"
SETTLED = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


def inks(page) -> list[tuple[str, float]]:
    """Background of each drawing, and the share of its pixels that are readable on it."""
    found = []
    for image in page.locator(".jp-OutputArea img").all():
        image.scroll_into_view_if_needed()
        pixels = np.asarray(Image.open(io.BytesIO(image.screenshot())).convert("RGB")).reshape(-1, 3)
        colours, counts = np.unique(pixels, axis=0, return_counts=True)
        names = ["#" + bytes(colour.tolist()).hex() for colour in colours]
        ground = names[int(counts.argmax())]
        seen = sum(count for name, count in zip(names, counts.tolist(), strict=True) if contrast(name, ground) >= 4)
        found.append((ground, seen / len(pixels)))
    return found


def test_results_are_readable_in_light_and_dark(notebook) -> None:
    session = notebook(CODE, "found", "score", views=0)
    page = session.page
    page.wait_for_function(DRAWN, arg=2)
    shares = {}
    for theme, ground in (("JupyterLab Light", "#ffffff"), ("JupyterLab Dark", "#111111")):
        page.evaluate(CHANGE, {"theme": theme})
        page.wait_for_function(IS_DARK, arg=theme.endswith("Dark"))
        page.evaluate(SETTLED)
        drawn = inks(page)
        assert [one for one, _ in drawn] == [ground, ground]
        shares[theme] = [share for _, share in drawn]
    # Letters, axes and marks; a chart that cannot be seen has none. They are the same on both pages.
    assert min(min(found) for found in shares.values()) > 0.01
    headline = page.locator(".jp-OutputArea strong").nth(1).inner_text()
    assert headline.startswith(SYMBOL)
    assert page.locator(".jp-OutputArea :is(mjx-container, [onerror], script, style)").count() == 0
    assert page.evaluate("window.hacked ?? null") is None
    assert page.problems == []


def test_an_untrusted_notebook_shows_the_drawing_and_the_table(lab, playwright) -> None:
    html = lw.estimate(walk(200))._repr_html_()
    output = v4.new_output("execute_result", {"text/html": html, "text/plain": "Density"}, execution_count=1)
    cell = v4.new_code_cell("density", outputs=[output], execution_count=1)
    made = v4.new_notebook(cells=[cell])
    made.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    nbformat.write(made, lab.folder / "untrusted.ipynb")
    with chromium(playwright, 1100, 900) as page:
        open_notebook(page, lab, "untrusted.ipynb")
        page.wait_for_function(DRAWN, arg=1)
        alt = page.locator(".jp-OutputArea img").get_attribute("alt")
        assert alt is not None
        assert alt.startswith("Estimate at ")
        assert page.locator(".jp-OutputArea table tr").count() > 1
        trusted = page.evaluate("window.jupyterapp.shell.currentWidget.content.widgets[0].model.trusted")
        assert trusted is False
        page.evaluate("async () => window.jupyterapp.shell.currentWidget?.sessionContext.shutdown()")
