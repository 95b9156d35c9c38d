"""Panning and zooming through a history of 120,000 minutes in a real JupyterLab."""

from __future__ import annotations

import time

import numpy as np
import pytest
from lab import CHROMIUM_FLAGS, PAINTED, find_chromium, open_notebook, run_all, write_notebook

import liqwidget as lw
from markets import walk

pytestmark = pytest.mark.browser

TIMES = """(() => {
  const { fitted, bars, columnsInView } = view.chart;
  return fitted ? null : columnsInView.map((column) => bars.time[column]);
})()"""
COLUMNS = "view.source.field.columns"
#: The largest value in the middle column of the picture, and its time.
MIDDLE = """(() => {
  const { bars } = view.source.field;
  const [a, b] = view.chart.columnsInView;
  const t = (a + b) >> 1;
  return [bars.time[t], bars.time[t + 1], Math.max(...view.source.field.column(t))];
})()"""


@pytest.fixture(scope="module")
def market():
    return walk(120_000, seed=8, price=60_000, tick=0.1, wild=0.02, step_minutes=1)


@pytest.fixture(scope="module")
def session(market, lab, playwright, session_of, tmp_path_factory):
    """A notebook with the history's heatmap; the page counts its revisions and blank frames."""
    folder = tmp_path_factory.mktemp("years")
    lw.history(market, folder, bin_size=100.0, decay_rate=0.03, progress=False)
    browser = playwright.chromium.launch(executable_path=find_chromium(), args=CHROMIUM_FLAGS)
    page = browser.new_page(viewport={"width": 1500, "height": 1000})
    page.set_default_timeout(15_000)
    page.problems = []
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.on("console", lambda m: page.problems.append(m.text) if m.type == "error" else None)
    code = f"import json\nimport liqwidget as lw\nhm = lw.HistoryHeatmap(lw.history(None, {str(folder)!r}))\nhm"
    write_notebook(lab.folder / "years.ipynb", code)
    open_notebook(page, lab, "years.ipynb")
    run_all(page)
    page.wait_for_function(PAINTED, arg=1, timeout=20_000)
    yield session_of(page, lab, lab.folder, "years.ipynb")
    page.evaluate("async () => window.jupyterapp.shell.currentWidget?.sessionContext.shutdown()")
    browser.close()
    assert page.problems == []


@pytest.fixture(scope="module")
def ms(market):
    return market.candles.index.as_unit("ms").asi8


def go(session, a: int, b: int) -> None:
    """Show these times, set from Python; wait until they are in view."""
    session.python(f"hm.visible = {{'time_from': {a}, 'time_to': {b}}}")
    session.until(f"(() => {{ const t = {TIMES}; return t !== null && Math.abs(t[0] - {a}) < {(b - a) / 50}; }})()")


def agrees(session, market) -> None:
    """The middle column of the view shows what one pass over all candles gives for it."""
    since, until, most = session.view(MIDDLE)
    stamps = market.candles.index.as_unit("ms").asi8
    close = int(np.searchsorted(stamps, until)) - 1
    ledger = lw.build_ledger(market.between(None, market.candles.index[close]), bin_size=100.0)
    mix = lw.PRESETS["balanced"]
    weights = [mix.get(tier, 0) / sum(mix.values()) for tier in ledger.leverage]
    whole = ledger.replay(0.03, weights, [close]).values.max()
    assert since < until
    assert most == pytest.approx(whole, rel=2e-4)


def test_all_of_it_is_in_view_at_first(session, ms) -> None:
    first, last = session.view("[view.source.field.bars.time[0], view.source.field.bars.time.at(-1)]")
    assert first == ms[0]
    assert ms[-1] - last < 64 * 60_000
    assert session.view(TIMES) is None
    words = session.page.locator(".liq").first.inner_text()
    assert "TEST" in words
    assert "1m" in words
    assert "window of a history of 120,000 candles, in columns of" in session.view("view.words.join()")


def test_python_goes_anywhere(session, market, ms) -> None:
    for a, b in ((90_000, 90_400), (3_000, 30_000), (119_000, 119_999)):
        go(session, ms[a], ms[b])
        agrees(session, market)


def test_zooming_in_by_keyboard_ends_at_single_candles(session, market, ms) -> None:
    page = session.page
    page.locator(".liq-plot").first.focus()
    page.keyboard.press("0")
    session.until(f"{TIMES} === null && {COLUMNS} < 2000")
    step = "view.source.field.bars.time[9] - view.source.field.bars.time[8]"
    deadline = time.monotonic() + 30
    while session.view(step) != 60_000:
        page.keyboard.press("+")
        page.evaluate("() => new Promise((done) => setTimeout(done))")
        assert time.monotonic() < deadline
    agrees(session, market)
    page.keyboard.press("0")
    session.until(f"{TIMES} === null && {step} === 64 * 60_000")
    page.keyboard.press("Escape")


def test_a_drag_brings_the_next_window_and_never_a_blank(session, market, ms) -> None:
    page = session.page
    go(session, ms[60_000], ms[60_500])
    page.evaluate("""() => {
      const view = document.querySelector('.liq').liqwidget;
      window.seen = { blank: 0, frames: 0, revisions: new Set() };
      const look = () => {
        const shown = view.chart.columnsInView;
        window.seen.frames++;
        window.seen.revisions.add(view.source.field.picture);
        if (shown === null || shown[1] - shown[0] < 200) window.seen.blank++;
        window.seen.next = requestAnimationFrame(look);
      };
      look();
    }""")
    box = page.locator(".liq-plot").first.bounding_box()
    y, left, right = box["y"] + 150, box["x"] + 100, box["x"] + 700
    before = session.view(TIMES)[0]
    for _ in range(4):
        revision = session.view("view.source.field.picture")
        page.mouse.move(left, y)
        page.mouse.down()
        page.mouse.move(right, y, steps=8)
        page.mouse.up()
        page.wait_for_function(
            "([revision, step]) => { const { chart, source } = document.querySelector('.liq').liqwidget;"
            " return source.field.picture > revision || chart.columnsInView[0] > step; }",
            arg=[revision, 400],
        )
    shown = page.evaluate("(cancelAnimationFrame(seen.next), [seen.blank, seen.frames, seen.revisions.size])")
    assert shown[0] == 0, shown
    assert shown[2] >= 2, shown
    assert session.view(TIMES)[0] < before - 800 * 60_000
    agrees(session, market)
