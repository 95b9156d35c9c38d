"""The widget in a real Notebook 7 and a real marimo; the themes of hosts that cannot run here."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from chart import reach
from hosts import Marimo, Notebook, View, environment
from lab import chromium, find_chromium

import liqwidget as lw

pytestmark = pytest.mark.browser

BINS = ".liq-deck .liq-slider"
PYTHON = (
    'json.dumps({"mix": {f"{tier:g}": share for tier, share in hm.leverage_mix.items()}, '
    '"decay": hm.decay_rate, "bin": hm.bin_size})'
)
#: Notebook 7.6.5 reports this about its own shortcuts while loading, on any page.
NOTEBOOK_S_OWN = "Cannot read properties of undefined (reading 'schema')"


@pytest.fixture(scope="module", autouse=True)
def needs_chromium():
    if find_chromium() is None:
        pytest.skip("no Chromium on the PATH (Debian: apt-get install chromium)")


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The server that opens the notebooks of this file."""
    server = Notebook(tmp_path_factory.mktemp("notebooks"), tmp_path_factory.mktemp("home"), env=environment())
    yield server
    server.stop()


def use(view, read):
    """Drag the mix and bin size of a view; the picture changes and Python follows."""
    before = view.revision
    view.drag(".liq-bar", 2, 0.8)
    view.repainted(before)
    shown = view.get("view.source.settings.leverageMix")
    assert shown["10"] > 60
    view.until_outside(read, lambda has: has["mix"] == pytest.approx(shown))
    before, old = view.revision, view.get("view.source.field.grid.binSize")
    view.drag(BINS, 1, 0.7)
    view.until(f"view.source.field.grid.binSize > {old}")
    view.repainted(before)
    view.until_outside(read, lambda has: has["bin"] == view.get("view.source.field.grid.binSize"))


def test_notebook_7(notebook):
    session = notebook("import json, liqwidget as lw\nhm = lw.LiquidationHeatmap(lw.load_sample())\nhm")
    page, view = session.page, View(session.page)
    assert "/notebooks/" in page.url
    use(view, lambda: json.loads(session.python(f"print({PYTHON})")))
    before = view.revision
    session.python("hm.decay_rate = 0.25")
    view.repainted(before)
    assert view.get("view.source.settings.decayRate") == 0.25
    assert page.locator(".liq-still").count() == 1  # the picture for the saved notebook
    assert not page.locator(".liq-still").is_visible()
    for theme in ("Dark", "Light"):
        page.evaluate(f"window.jupyterapp.commands.execute('apputils:change-theme', {{ theme: 'JupyterLab {theme}' }})")
        view.until(f"root.dataset.theme === '{theme.lower()}'")
    assert [problem for problem in page.problems if problem != NOTEBOOK_S_OWN] == []


CELLS = """
import marimo

app = marimo.App(width="full")


@app.cell
def _():
    import json, threading
    import marimo as mo
    import liqwidget as lw

    hm = lw.LiquidationHeatmap(lw.load_sample(), bin_size=100, height=300)
    hm
    return hm, json, mo, threading


@app.cell
def _(hm, mo):
    wrapped = mo.ui.anywidget(hm)
    wrapped
    return (wrapped,)


@app.cell
def _(hm, json, mo, wrapped):
    wrapped.value
    mo.Html("<pre id='python'>" + PYTHON + "</pre>")
    return


@app.cell
def _(mo):
    decay = mo.ui.button(label="decay", value=0, on_click=lambda n: n + 1)
    candle = mo.ui.button(label="candle", value=0, on_click=lambda n: n + 1)
    mo.hstack([decay, candle])
    return candle, decay


@app.cell
def _(decay, hm):
    if decay.value:
        hm.decay_rate = 0.25
    return


@app.cell
def _(candle, hm, threading):
    def one_more():
        candles = hm.market.candles.iloc[-1:].copy()
        candles.index += hm.market.interval
        hm.append(candles)

    if candle.value:
        threading.Thread(target=one_more).start()  # as lw.follow does
    return
""".replace("PYTHON", PYTHON)


@pytest.fixture
def marimo(playwright, tmp_path):
    """Open a page of a marimo that serves these cells; requests to other hosts fail the test."""
    ends: list[Callable[[], object]] = []

    def start(mode):
        path, home = tmp_path / "cells.py", tmp_path / "home"
        path.write_text(CELLS)
        server = Marimo(path, home, mode, environment())
        ends.append(server.stop)  # type: ignore[misc]
        manager = chromium(playwright, 1400, 2000)
        page = manager.__enter__()
        ends.append(lambda: manager.__exit__(None, None, None))
        page.asked = []
        page.on("request", lambda request: page.asked.append(request.url))
        page.goto(server.url)
        views = [View(page, 0), View(page, 1)]
        for view in views:
            view.painted()
        return page, *views

    yield start
    for end in reversed(ends):
        end()


def asked_elsewhere(page):
    return [url for url in page.asked if not url.startswith(("http://127.0.0.1:", "data:", "blob:"))]


def test_marimo_as_a_page(marimo):
    page, bare, wrapped = marimo("run")

    def read():
        return json.loads(page.locator("#python").inner_text())

    use(wrapped, read)
    before = wrapped.revision
    bare.drag(".liq-deck .liq-slider", 0, 0.9)
    wrapped.repainted(before)
    shown = bare.get("view.source.settings.decayRate")
    bare.until_outside(read, lambda has: has["decay"] == pytest.approx(shown))
    before = bare.revision
    page.get_by_role("button", name="decay", exact=True).click()
    bare.repainted(before)
    assert bare.get("view.source.settings.decayRate") == wrapped.get("view.source.settings.decayRate") == 0.25
    for theme in ("dark", "light"):  # marimo follows the system theme here
        page.emulate_media(color_scheme=theme)
        for view in (bare, wrapped):
            view.until(f"root.dataset.theme === '{theme}' && document.body.dataset.theme === '{theme}'")
    assert page.locator(".liq-still").count() == 0
    # In marimo's shadow tree the document does not know which element has the focus.
    box = reach(bare.root.locator(".liq-deck .liq-box").nth(2))
    box.click(click_count=3)
    page.keyboard.type("12.5")
    assert box.input_value() == "12.5"  # not overwritten while the user types
    span = "(() => { const r = view.chart.api.timeScale().getVisibleLogicalRange(); return r.to - r.from; })()"
    bare.root.locator(".liq-plot").click(position={"x": 300, "y": 100})
    before = bare.get(span)
    page.mouse.wheel(0, -200)
    bare.until(f"{span} < {before}")
    assert (page.problems, asked_elsewhere(page)) == ([], [])


def test_marimo_as_a_notebook(marimo):
    page, bare, wrapped = marimo("edit")
    columns = bare.get("view.source.field.columns")
    page.get_by_role("button", name="candle", exact=True).click()
    for view in (bare, wrapped):
        view.until(f"view.source.field.columns === {columns + 1}")
    cells = page.locator(".marimo-cell").count()
    bare.root.locator(".liq-deck .liq-slider").first.focus()
    before = bare.get("view.source.settings.decayRate")
    for key in ("d", "d", "a", "b", "x", "ArrowRight"):
        page.keyboard.press(key)
    bare.until(f"view.source.settings.decayRate !== {before}")
    assert page.locator(".marimo-cell").count() == cells > 0
    shown = bare.get("view.source.settings.decayRate")
    page.reload()
    for view in (bare, wrapped):
        view.painted()
        view.until(f"view.source.field.columns === {columns + 1}")
        assert view.get("view.source.settings.decayRate") == pytest.approx(shown)
    assert (page.problems, asked_elsewhere(page)) == ([], [])


def test_themes_of_vs_code_and_colab(playwright, tmp_path):
    """Both hosts name their theme in attributes; a page of the widget gets the same attributes."""
    path = tmp_path / "page.html"
    lw.LiquidationHeatmap(lw.load_sample().tail(100)).to_html(path)
    with chromium(playwright) as page:
        page.goto(path.as_uri())
        view = View(page).painted()
        for node, attribute, value, theme in (
            ("documentElement", "theme", "dark", "dark"),  # Colab
            ("body", "class", "vscode-dark", "dark"),
            ("body", "class", "vscode-light", "light"),
            ("body", "class", "vscode-high-contrast", "dark"),
            ("body", "class", "vscode-high-contrast-light vscode-high-contrast", "light"),
            ("body", "data-vscode-theme-kind", "vscode-dark", "dark"),
        ):
            page.evaluate(f"document.body.style.background = '{'#fff' if theme == 'dark' else '#000'}'")
            page.evaluate(f"document.{node}.setAttribute('{attribute}', '{value}')")
            view.until(f"root.dataset.theme === '{theme}'")
            page.evaluate(f"document.{node}.removeAttribute('{attribute}')")
            view.until(f"root.dataset.theme === '{'light' if theme == 'dark' else 'dark'}'")
        assert page.problems == []
