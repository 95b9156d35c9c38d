"""Hidden, zoomed and scrolled pages, and hidden or moved views: afterwards the picture is correct."""

from __future__ import annotations

import subprocess
import threading

import pytest
from chart_pixels import check_pixels
from lab import CHROMIUM_FLAGS, find_chromium, open_notebook, write_notebook

pytestmark = pytest.mark.browser

SETUP = """
import ipywidgets, numpy as np, pandas as pd, liqwidget as lw
market = lw.load_sample().tail(700)
def more(count):
    for i in range(count):
        c = hm.market.candles.iloc[-1:].copy()
        c.index = c.index + hm.market.interval
        c["open"] = c["close"]
        c["close"] *= 1 + (-1) ** i * .002
        c["high"], c["low"] = c[["open", "close"]].max(axis=1), c[["open", "close"]].min(axis=1)
        hm.append(c)
hm = lw.LiquidationHeatmap(market)
"""
# Every canvas of the view, as it is and after a complete redraw.
CANVASES = """async (i) => {
  const frames = async () => { for (let n = 0; n < 3; n++) await new Promise((done) => requestAnimationFrame(done)); };
  const root = document.querySelectorAll('.liq')[i];
  const look = () => [...root.querySelectorAll('.liq-plot canvas')].map((canvas) => canvas.toDataURL());
  await frames();
  const before = look();
  root.liqwidget.chart.api.applyOptions({ layout: { fontSize: 30 } });
  await frames();
  const other = look();
  root.liqwidget.chart.api.applyOptions({ layout: { fontSize: 11 } });
  root.liqwidget.chart.redraw();
  await frames();
  const after = look();
  return [before.map((url, n) => url === after[n]), before.some((url, n) => url !== other[n])];
}"""
# Width of the heat in pixels as drawn and as expected (the chart draws at least one per CSS pixel), and of its box.
SIZES = """(() => { const [heat, box] = [root.querySelector('.liq-heat'), root.querySelector('.liq-plot')];
  return [heat.width, heat.getBoundingClientRect().width * Math.max(devicePixelRatio, 1), box.clientWidth]; })()"""


def is_right(session, index: int = 0, columns: int | None = None) -> None:
    """The view shows what Python has, and none of its canvases waits to be redrawn."""
    if columns is not None:
        session.until(f"view.source.field?.columns === {columns}", index)
    check_pixels(session, index)
    session.until("view.chart.profile.timer === 0", index)  # the band is computed once everything is idle
    same, can_differ = session.page.evaluate(CANVASES, index)
    assert can_differ
    assert all(same), same
    drawn, wanted, _ = session.view(SIZES, index)
    assert drawn == pytest.approx(wanted, abs=1)


@pytest.fixture
def bare_chromium(playwright, tmp_path):
    """An unmodified Chromium: its tabs can be hidden and zoomed, unlike those that Playwright starts."""
    home = tmp_path / "chromium"
    command = [str(find_chromium()), *CHROMIUM_FLAGS, "--headless", "--remote-debugging-port=0"]
    process = subprocess.Popen(
        [*command, f"--user-data-dir={home}", "--window-size=1500,1500", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    patience = threading.Timer(30, process.kill)  # killing the process also ends the lines
    rest = threading.Thread(target=process.stderr.read)  # drain the pipe: a full one would block the process
    patience.start()
    try:
        addresses = (line.split()[-1] for line in process.stderr if "DevTools listening on" in line)
        address = next(addresses, None)
        patience.cancel()
        assert address is not None, "Chromium did not come up"
        rest.start()
        yield playwright.chromium.connect_over_cdp(address, no_defaults=True).contexts[0]
    finally:
        patience.cancel()
        process.terminate()
        process.wait(15)
        if rest.ident is not None:
            rest.join()
        process.stderr.close()


def test_a_tab_that_was_hidden_and_one_that_is_zoomed(lab, bare_chromium, session_of):
    page, settings = bare_chromium.pages[0], bare_chromium.new_page()
    settings.goto("chrome://settings/appearance")
    page.bring_to_front()
    page.problems = []
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    name = write_notebook(lab.folder / "states.ipynb", SETUP + "hm").name
    open_notebook(page, lab, name)
    session = session_of(page, lab, lab.folder, name)
    session.run()
    is_right(session, columns=700)

    settings.bring_to_front()
    page.wait_for_function("() => document.visibilityState === 'hidden'", polling=50)
    session.python("more(6)\nhm.decay_rate = 0.2\nhm.palette = 'viridis'")
    page.wait_for_function("() => document.querySelector('.liq').liqwidget.source.field.columns === 706", polling=50)
    page.bring_to_front()
    page.wait_for_function("() => document.visibilityState === 'visible'")
    is_right(session, columns=706)

    for zoom in (1.5, 0.75, 1):
        settings.evaluate("(zoom) => new Promise((done) => chrome.settingsPrivate.setDefaultZoom(zoom, done))", zoom)
        session.until(f"devicePixelRatio === {zoom}")
        session.until(f"(([drawn, wanted]) => Math.abs(drawn - wanted) <= 1)({SIZES})")
        session.python("more(1)")
        is_right(session)
    assert page.problems == []
    page.evaluate("async () => window.jupyterapp.shell.currentWidget?.sessionContext.shutdown()")


def test_a_view_that_is_hidden_and_moved(notebook):
    session = notebook(SETUP + "tab = ipywidgets.Tab([ipywidgets.Label('x'), hm])\ntab", "1 + 1", views=0, height=2000)
    page = session.page
    page.wait_for_function("() => document.querySelector('.liq')?.liqwidget.source.field")
    session.python("hm.decay_rate = 0.3\nmore(2)")  # before the first layout
    assert page.locator(".liq[data-rev]").count() == 0
    session.python("tab.selected_index = 1")
    is_right(session, columns=702)
    session.python("tab.selected_index = 0")
    page.locator(".liq").wait_for(state="hidden")
    session.python("more(3)\nhm.scale, hm.height = 'log', 420")
    session.until("view.source.field.columns === 705")
    session.python("tab.selected_index = 1")
    page.locator(".liq").wait_for(state="visible")
    is_right(session)

    # Move it to another, narrower place of the page, and back.
    page.evaluate(
        "() => { const root = document.querySelector('.liq'); window.home = root.parentElement;"
        " const place = document.createElement('div'); place.style.cssText = 'width: 620px'; place.id = 'place';"
        " window.home.parentElement.append(place); place.append(root); }"
    )
    session.until(f"{SIZES}[2] <= 620 && view.chart.api.paneSize(0).width <= 620")
    session.python("more(1)")
    is_right(session, columns=706)
    page.evaluate("() => { window.home.append(document.querySelector('.liq')); window.place.remove(); }")
    session.until(f"{SIZES}[2] > 620 && view.chart.api.paneSize(0).width > 620")
    is_right(session)

    # JupyterLab's own feature: a second view of the output, in a panel beside the notebook.
    page.evaluate(
        "async () => { const panel = window.jupyterapp.shell.currentWidget; panel.content.activeCellIndex = 0;"
        " await window.jupyterapp.commands.execute('notebook:create-output-view');"
        " window.jupyterapp.shell.activateById(panel.id); }"
    )
    page.wait_for_function("() => document.querySelectorAll('.liq[data-rev]').length === 2")
    session.python("more(1)\nhm.decay_rate = 0.1")
    for index in (0, 1):
        is_right(session, index, columns=707)
    assert page.problems == []


def test_candles_that_come_while_the_output_is_scrolled_away(notebook):
    session = notebook(SETUP + "hm", *["for i in range(60): print(i)"] * 12, height=1000)
    page = session.page
    scroller = "document.querySelector('.jp-WindowedPanel-outer')"
    page.evaluate(f"() => {{ {scroller}.scrollTop = {scroller}.scrollHeight; }}")
    page.wait_for_function("() => document.querySelector('.liq').getBoundingClientRect().bottom < 0")
    before = session.revision()
    session.python("more(12)")
    session.until(f"view.source.field.columns === 712 && Number(root.dataset.rev) > {before}")
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    session.python("hm.decay_rate = 0.4")  # changes nothing that the chart itself paints
    session.until("view.source.settings.decayRate === 0.4")
    page.evaluate(f"() => {{ {scroller}.scrollTop = 0; }}")
    page.wait_for_function("() => document.querySelector('.liq').getBoundingClientRect().bottom > 0")
    is_right(session)
    assert page.problems == []
