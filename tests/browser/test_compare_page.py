"""Many markets at a glance, as a saved page without a network and in a real JupyterLab."""

from __future__ import annotations

import re

import pytest
from lab import chromium, find_chromium, open_notebook

import liqwidget as lw
from markets import walk

pytestmark = pytest.mark.browser

PROBE = "<img src=x onerror=window.hacked=1>"
FORMULA = "$$\\href{javascript:window.hacked=1}{x}$$"
# All rendered text of the page, shadow trees included, and elements that a probe has created.
READ = """() => {
  const texts = [], found = [];
  const look = (root) => {
    for (const node of root.childNodes) {
      if (node.nodeType === Node.TEXT_NODE && node.textContent.trim()) texts.push(node.textContent);
      if (node.nodeType !== Node.ELEMENT_NODE || node.matches('script, style')) continue;
      if (node.matches('img, mjx-container, [onerror]')) found.push(node.outerHTML);
      look(node);
      if (node.shadowRoot) look(node.shadowRoot);
    }
  };
  look(document.body);
  return { texts, found, hacked: window.hacked ?? null };
}"""
# What BokehJS holds: its time ranges, and how many figures use each.
RANGES = """() => {
  const models = Bokeh.documents.flatMap((document) => [...document._all_models.values()]);
  const plots = models.filter((model) => model.type === 'Figure' && model.y_range.end < 1);
  const x = new Set(plots.map((plot) => plot.x_range)), y = new Set(plots.map((plot) => plot.y_range));
  return [plots.length, x.size, y.size, ...[...x, ...y].map((range) => [range.start, range.end])];
}"""
# The page around the panels: whether the sheet is dark, its background, the inks of axes, a panel's ground.
THEME = """() => {
  const models = Bokeh.documents.flatMap((document) => [...document._all_models.values()]);
  const sheet = document.querySelector('.liq-sheet');
  const panes = models.filter((model) => model.type === 'Figure' && model.y_range.end < 1);
  const unique = (values) => [...new Set(values)];
  return {
    dark: sheet.dataset.dark,
    paper: getComputedStyle(sheet).getPropertyValue('--liq-sheet-paper').trim(),
    inks: unique(models.filter((model) => model.axis_label !== undefined).map((axis) => axis.major_label_text_color)),
    borders: unique(panes.map((pane) => pane.border_fill_color)),
    grounds: unique(panes.map((pane) => pane.background_fill_color)),
  };
}"""
CHANGE = "(to) => window.jupyterapp.commands.execute('apputils:change-theme', to)"
DARK = {"dark": "true", "paper": "#121019", "inks": ["#a9a6b8"], "borders": ["#121019"], "grounds": ["#0c0a1a"]}
LIGHT = {"dark": "false", "paper": "#ffffff", "inks": ["#5d5a6c"], "borders": ["#ffffff"], "grounds": ["#0c0a1a"]}
PLACES = """() => {
  const canvases = [];
  const look = (root) => {
    for (const element of root.querySelectorAll('*')) {
      if (element.matches('canvas.bk-layer') && element.width > 0) canvases.push(element.getBoundingClientRect());
      if (element.shadowRoot) look(element.shadowRoot);
    }
  };
  look(document);
  const lefts = new Set(canvases.filter((box) => box.height > 100).map((box) => Math.round(box.left)));
  return { columns: lefts.size, wide: document.documentElement.scrollWidth - innerWidth };
}"""


@pytest.fixture
def opened(playwright, tmp_path):
    """Open a saved page from disk in a Chromium that has no network."""
    if find_chromium() is None:
        pytest.skip("no Chromium on the PATH (Debian: apt-get install chromium)")
    stack = []

    def start(comparison: lw.Comparison, width: int = 1400):
        comparison.save(tmp_path / "page.html")
        manager = chromium(playwright, width, 900)
        page = manager.__enter__()
        stack.append(manager)
        page.context.set_offline(True)
        page.asked = []
        page.on("request", lambda request: page.asked.append(request.url))
        page.goto((tmp_path / "page.html").as_uri())
        page.wait_for_selector("#liq-host[data-ready]", timeout=20_000)
        return page

    yield start
    for manager in stack:
        manager.__exit__(None, None, None)


def heat(page, place: int):
    """The bounding box of a panel's canvas; panels are in page order."""
    boxes = page.locator(".bk-Figure").evaluate_all("(all) => all.map((one) => one.getBoundingClientRect().toJSON())")
    return [box for box in boxes if box["height"] > 100][place]


def test_a_saved_page_is_alive_and_its_words_are_words(opened):
    market = walk(200, seed=1)
    made = [
        lw.Market.from_frame(walk(200, seed=2, oi=False).candles, symbol=PROBE, exchange=FORMULA, simulated=True),
        lw.Market.from_frame(market.candles.iloc[:-9], symbol="B"),
        *(lw.Market.from_frame(walk(200, seed=seed).candles, symbol=f"M{seed}") for seed in (3, 4, 5)),
    ]
    page = opened(lw.compare(made))
    shown = page.evaluate(READ)
    for words in (
        PROBE,
        FORMULA,
        "simulated · no open interest, half-life of 24 h assumed",
        "ends 9 h before the latest",
    ):
        assert words in shown["texts"]
    assert any("never of direction" in text for text in shown["texts"])
    assert any(re.fullmatch(r"(longs|shorts) [+-]\d+\.\d% · est. \$[\d.]+[KMB]?", text) for text in shown["texts"])
    assert shown["found"] == []

    count, times, distances, (start, end), (low, high) = page.evaluate(RANGES)
    assert (count, times, distances) == (5, 1, 1)
    assert (low, high) == (-0.15, 0.15)
    box = heat(page, 0)
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 60)
    tip = page.locator(".bk-tooltip-content").filter(has_text="from last price")
    tip.wait_for()
    text = tip.text_content()
    assert re.search(r"2026-01-\d\d \d\d:\d\d", text)
    assert re.search(r"\+\d+\.\d%", text)
    assert re.search(r"estimate:\s*\$[\d.]+[kmb]? in 0.2 % of price", text)

    # The wheel scrolls the page; with Ctrl it zooms all panels, and Reset restores them.
    page.mouse.wheel(0, 40)
    page.wait_for_function("() => scrollY > 0")
    assert page.evaluate(RANGES)[3] == [start, end]
    page.keyboard.down("Control")
    page.mouse.wheel(0, -200)
    page.keyboard.up("Control")
    page.wait_for_function(f"(before) => ({RANGES})()[3][0] > before", arg=start)
    page.locator(".bk-tool-icon-reset").first.click()
    page.wait_for_function(f"(before) => ({RANGES})()[3][0] === before", arg=start)

    assert page.evaluate(READ)["hacked"] is None
    assert page.problems == []
    assert page.asked == [page.url]
    # The same check detects a probe that is parsed.
    page.evaluate("(text) => { document.body.appendChild(document.createElement('p')).innerHTML = text; }", PROBE)
    assert len(page.evaluate(READ)["found"]) == 1

    for scheme, colours, paper in (("dark", DARK, "rgb(18, 16, 25)"), ("light", LIGHT, "rgb(255, 255, 255)")):
        page.emulate_media(color_scheme=scheme)
        page.wait_for_function("(is) => document.querySelector('.liq-sheet').dataset.dark === is", arg=colours["dark"])
        assert page.evaluate(THEME) == colours
        assert page.evaluate("() => getComputedStyle(document.body).backgroundColor") == paper

    wide = page.evaluate(PLACES)
    page.set_viewport_size({"width": 700, "height": 900})
    page.wait_for_function(f"(columns) => ({PLACES})().columns < columns", arg=wide["columns"])
    assert wide["columns"] == 3
    assert page.evaluate(PLACES)["wide"] == wide["wide"] == 0


def test_a_notebook_shows_it(notebook):
    cells = (
        "import liqwidget as lw\nmarket = lw.load_sample()",
        "page = lw.compare({'<b>all</b>': market, 'end': market.tail(300)}, columns=60)\npage",
    )
    session = notebook(*cells, views=0)
    page = session.page
    page.wait_for_function("() => document.querySelector('.liq-app-panels')?.dataset.ready === 'true'")
    page.locator(".bk-Figure").nth(2).wait_for()
    assert page.evaluate(RANGES)[:3] == [2, 1, 1]
    assert page.evaluate(THEME) == LIGHT
    page.evaluate(CHANGE, {"theme": "JupyterLab Dark"})
    page.wait_for_function("() => document.querySelector('.liq-sheet').dataset.dark === 'true'")
    assert page.evaluate(THEME) == DARK
    texts = page.evaluate(READ)["texts"]
    assert "begins 5 d after the earliest" in " ".join(texts)
    still = page.locator(".liq-still")
    assert (still.count(), still.is_visible()) == (1, False)  # it is hidden while a live view is shown
    assert page.problems == []
    page.evaluate("async () => { await window.jupyterapp.commands.execute('docmanager:save'); }")
    page.evaluate("async () => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    page.goto("about:blank")
    open_notebook(page, session.lab, session.name)
    page.wait_for_function("() => document.body.textContent.includes('model not found')", timeout=20_000)
    assert not page.get_by_text("model not found").is_visible()
    assert still.is_visible()
    assert still.locator("tbody tr").count() == 2
    assert "<b>all</b>" in still.inner_text()
    assert still.locator("img").evaluate_all("(all) => all.map((i) => [i.naturalWidth, i.naturalHeight])") == [
        [60, 48],
        [60, 48],
    ]
    session.run(views=0)
    page.wait_for_function("() => document.querySelector('.liq-app-panels')?.dataset.ready === 'true'")
    assert not still.is_visible()
    session.python("page.close()")
    assert [problem for problem in page.problems if "model not found" not in problem] == []  # the view that was closed
    page.evaluate(CHANGE, {"theme": "JupyterLab Light"})
