"""Accessibility and variety: keyboard, live region, tables, touch, contrast, large text, time zones, small prices.

All tests here share one page in a real JupyterLab; each restores the state it found.
"""

from __future__ import annotations

import json
import re
import time
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest
from axe import AXE, RULES
from chart import amount, frames, kernel, reach, says
from lab import CHROMIUM_FLAGS, PAINTED, find_chromium, open_notebook, run_all, write_notebook

from liqwidget.checks import usd_text

pytestmark = pytest.mark.browser

SAMPLE = "import json, numpy as np, liqwidget as lw\nmarket = lw.load_sample().tail(1200)"
WIDGET = "hm = lw.LiquidationHeatmap(market, bin_size=100)\nhm"
TINY = """frame = market.tail(400).candles.copy()
for name in ("open", "high", "low", "close"):
    frame[name] = (frame[name] / frame["close"].iloc[-1] * 1.234e-5).round(8)
frame["high"] = frame[["open", "high", "close"]].max(axis=1)
frame["low"] = frame[["open", "low", "close"]].min(axis=1)
tiny = lw.LiquidationHeatmap(lw.Market.from_frame(frame, symbol="TINYUSDT"))
tiny.bin_auto = False
tiny"""


@pytest.fixture(scope="module")
def session(lab, playwright, session_of):
    """The sample and a tiny market in one notebook, on a touch screen in an Indian time zone."""
    browser = playwright.chromium.launch(executable_path=find_chromium(), args=CHROMIUM_FLAGS)
    context = browser.new_context(
        viewport={"width": 1500, "height": 1300}, timezone_id="Asia/Kolkata", has_touch=True, accept_downloads=True
    )
    page = context.new_page()
    page.set_default_timeout(10_000)
    page.problems = []
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.on("console", lambda m: page.problems.append(m.text) if m.type == "error" else None)
    write_notebook(lab.folder / "everyone.ipynb", SAMPLE, WIDGET, TINY)
    open_notebook(page, lab, "everyone.ipynb")
    run_all(page)
    page.wait_for_function(PAINTED, arg=2, timeout=20_000)
    yield session_of(page, lab, lab.folder, "everyone.ipynb")
    page.evaluate("async () => window.jupyterapp.shell.currentWidget?.sessionContext.shutdown()")
    browser.close()


@pytest.fixture
def page(session):
    session.page.evaluate("document.activeElement?.blur()")
    session.page.mouse.move(2, 2)
    widget(session.page).evaluate("(root) => root.scrollIntoView()")
    yield session.page
    assert session.page.problems == []


def widget(page, index=0):
    return page.locator(".liq").nth(index)


TWO_FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
SAID = ".liq-said"


def said(page, before: str = "", start: str = "") -> str:
    """The next text of the live region, or the next that starts with `start`: between keys there may be others."""
    page.wait_for_function(
        "([s, before, start]) => { const text = document.querySelector(s).textContent;"
        " return !['', before].includes(text) && text.startsWith(start); }",
        arg=[SAID, before, start],
    )
    return widget(page).locator(SAID).text_content()


def test_the_whole_widget_is_walked_with_tab_and_the_focus_is_seen(session, page):
    cells = page.locator(".jp-Cell").count()
    reach(widget(page).locator(".liq-bar").first)
    widget(page).locator(".liq-header button").first.focus()
    seen = []
    describe = """() => {
      const e = document.activeElement;
      const ring = (...style) => style.some((s) => s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) > 1);
      const after = getComputedStyle(e, '::after');
      return {
        inside: document.querySelector('.liq').contains(e),
        what: e.className || e.tagName,
        kept: e.dataset.lmSuppressShortcuts === 'true' || e.closest('.tv-lightweight-charts') !== null,
        ring: ring(getComputedStyle(e)) || parseFloat(after.borderTopWidth) > 1,
      };
    }"""
    for _ in range(60):
        now = page.evaluate(describe)
        if not now["inside"]:
            break
        seen.append(now)
        page.keyboard.press("Tab")
    assert not now["inside"], "the focus is trapped"
    names = " ".join(one["what"] for one in seen)
    for part in (
        "liq-plot",
        "liq-clock",
        "liq-log",
        "liq-bar",
        "liq-box",
        "liq-slider",
        "liq-handle",
        "SUMMARY",
        "liq-help-button",
    ):
        assert part in names, part
    # The handles of the colour bar overlap, so the ring is drawn around the thumb; only a screenshot shows it.
    assert {one["what"] for one in seen if not one["ring"]} == {"liq-handle"}
    for handle in widget(page).locator(".liq-handle").all():
        page.evaluate("document.activeElement.blur()")
        plain = handle.screenshot()
        handle.focus()
        page.keyboard.press("Shift")  # so that the focus counts as set from the keyboard
        assert handle.screenshot() != plain
    assert [one["what"] for one in seen if not one["kept"]] == []
    # Keys that JupyterLab would act on: cut, delete, restart, command mode.
    widget(page).locator(".liq-plot").focus()
    for key in ("x", "d", "d", "0", "0", "a", "b", "Enter", "Escape", "Escape"):
        page.keyboard.press(key)
    assert page.locator(".jp-Cell").count() == cells
    assert page.locator(".jp-Dialog").count() == 0
    assert page.evaluate("document.activeElement === document.body || !document.activeElement.closest('.liq')")


def test_the_cursor_says_what_python_has_there(session, page):
    path = session.folder / "everyone.npy"
    session.python(f"np.save({str(path)!r}, hm.density.values)")
    values = np.load(path)
    edges = np.array(kernel(session, "hm.density.price_edges.tolist()"))
    close = kernel(session, "market.candles['close'].tolist()")
    times = kernel(session, "[str(t)[:16] for t in market.candles.index]")
    profile = "[...root.querySelectorAll('.liq-profile')].map((c) => c.toDataURL()).join()"
    still = session.view(profile)
    page.locator(".liq-plot").first.focus()
    heard = ""
    column, row = len(close) - 1, int(np.searchsorted(edges, close[-1], side="right")) - 1

    for keys, at in (
        (["End", "c"], (column, row)),
        (["ArrowUp"] * 3, (column, row + 3)),
        (["Control+ArrowLeft"] * 20 + ["PageDown"] * 4 + ["ArrowRight"], (column - 199, row + 3 - 40)),
        (["Home"], (0, row - 37)),
        (["End", "c"], (column, row)),
    ):
        for key in keys:
            page.keyboard.press(key)
        low, high = edges[at[1]], edges[at[1] + 1]
        value = values[at[1], at[0]]
        heard = said(page, heard, f"{times[at[0]]} UTC, {low:,.0f} to {high:,.0f}, ")
        rest = heard.split(" UTC, ")[1]
        distance = ((low + high) / 2 / close[at[0]] - 1) * 100
        assert rest.endswith(f"{'−' if distance < 0 else '+'}{abs(distance):.2f} % from the close")
        if value == 0:
            assert "nothing is estimated here" in rest
        else:
            parts = kernel(session, f"hm.density.profile({at[0]})[['long', 'short']].iloc[{at[1]}].to_dict()")
            sides = {side: usd for side, usd in parts.items() if usd > 0}  # the bin around the close may hold both
            shown = re.search(r"estimate (.+), [−+]", rest).group(1)
            found = dict(part.split(" ")[::-1] for part in shown.split(", "))
            assert list(found) == list(sides)
            for side, usd in sides.items():
                assert amount(found[side]) == pytest.approx(usd, rel=6e-3)
            assert sum(sides.values()) == pytest.approx(value, rel=1e-6)
            assert page.locator(".liq-cell strong").first.inner_text() in (shown, *shown.split(" ")[:1])
    page.keyboard.press("a")
    rest = (heard := said(page, heard)).split(" UTC, ")[1]
    low = float(rest.split(" to ")[0].replace(",", ""))
    clusters = pd.DataFrame(kernel(session, "hm.density.clusters(-1, top=99).to_dict('list')"))
    above = clusters["peak_price"][clusters["peak_price"] > close[-1]].min()
    assert low + (edges[1] - edges[0]) / 2 == pytest.approx(above)
    # The profile follows the cursor as it follows a pointer; Escape hides the cursor.
    page.keyboard.press("Home")
    said(page, heard)
    assert session.view(profile) != still
    assert page.locator(".liq-cursor").first.is_visible()
    page.keyboard.press("Escape")
    assert not page.locator(".liq-cursor").first.is_visible()
    assert not page.locator(".liq-cell").first.is_visible()
    page.wait_for_function("(s) => document.querySelector(s).textContent === ''", arg=SAID)


def test_a_held_key_is_said_once(session, page):
    plot = page.locator(".liq-plot").first
    plot.focus()
    page.evaluate(
        """(selector) => {
          window.spoken = 0;
          window.listening = new MutationObserver(() => window.spoken++);
          window.listening.observe(document.querySelector(selector), { childList: true, characterData: true });
        }""",
        SAID,
    )
    plot.evaluate(
        # Without a pause, since on a busy machine one between two keys may be as long as a silence.
        """(plot) => {
          for (let i = 0; i < 30; i++)
            plot.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowLeft', bubbles: true, cancelable: true }));
        }"""
    )
    page.wait_for_function("window.spoken > 0")
    assert page.evaluate("(window.listening.disconnect(), window.spoken)") == 1
    page.keyboard.press("Escape")


def test_the_view_follows_the_cursor_and_zooms_around_it(session, page):
    plot = page.locator(".liq-plot").first
    plot.focus()
    span = "(() => { const r = view.chart.api.timeScale().getVisibleLogicalRange(); return r.to - r.from; })()"
    wide = session.view(span)
    page.keyboard.press("c")
    for _ in range(8):
        page.keyboard.press("+")
        page.evaluate(TWO_FRAMES)
    session.until(f"{span} < {wide} / 8")
    for key in ("Home", "PageUp", "PageUp", "PageUp", "End", "PageDown", "PageDown"):
        page.keyboard.press(key)
        page.evaluate(TWO_FRAMES)
        box = page.locator(".liq-cursor").first.bounding_box()
        pane = plot.bounding_box()
        width = session.view("view.chart.api.paneSize(0).width")
        assert pane["x"] - 2 <= box["x"] <= pane["x"] + width, key
        height = session.view("view.chart.api.paneSize(0).height")
        assert pane["y"] - 2 <= box["y"] <= pane["y"] + height, key
        assert min(box["width"], box["height"]) >= 9
    for _ in range(20):
        page.keyboard.press("+")
        page.evaluate(TWO_FRAMES)
    session.until(f"{span} >= 7.9 && {span} < 9")
    page.keyboard.press("0")
    session.until(f"Math.abs({span} - {wide}) < 1")
    page.keyboard.press("Escape")


def test_a_box_is_selected_with_shift_and_arrows(session, page):
    page.locator(".liq-plot").first.focus()
    page.keyboard.press("End")
    page.keyboard.press("c")
    for key in ["ArrowLeft"] * 4 + ["ArrowDown"] * 3:
        page.keyboard.press(f"Shift+{key}")
    assert page.locator(".liq-outline").first.is_visible()
    four = "((s) => s !== null && Math.round((s.price_high - s.price_low) / view.source.field.grid.binSize) === 4)"
    session.until(f"{four}(view.source.selection)")
    shown, deadline = session.view("view.source.selection"), time.monotonic() + 20
    while kernel(session, "hm.selection") != shown:  # a request may overtake the changes of the last keys
        assert time.monotonic() < deadline, shown
    times = "hm.selected(cells=True)['time'].nunique()"
    picked = f"[{times}, hm.selection['price_high'] - hm.selection['price_low'], hm.bin_size]"
    columns, height, bin_size = kernel(session, picked)
    assert height == pytest.approx(4 * bin_size)
    assert columns <= 5
    times = session.view("Array.from(view.source.field.bars.time.slice(-5))")
    assert [shown["time_from"], shown["time_to"]] == [times[0], times[-1]]
    page.keyboard.press("Delete")
    session.until("view.source.selection === null")
    # With the button pressed arrows alone select, and what the box holds is said.
    button = widget(page).get_by_role("button", name="select a box")
    button.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowLeft")
    session.until(f"root.querySelector('{SAID}').textContent.startsWith('est. ')")
    for _ in range(2):
        page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    assert button.get_attribute("aria-pressed") == "false"
    session.until("view.source.selection?.time_from === view.source.field.bars.time.at(-8)")
    says(session, "hm.selection == " + json.dumps(session.view("view.source.selection")), "True")
    levels = kernel(session, "hm.selected()[['long', 'short']].sum().tolist()")
    sums = [f"{side} {usd_text(usd)}" for side, usd in zip(("long", "short"), levels, strict=True) if usd > 0]
    session.until(f"root.querySelector('.liq-sum span').textContent === {json.dumps('est. ' + ' · '.join(sums))}")
    page.keyboard.press("ArrowLeft")  # moves on without selecting
    session.until("view.source.selection?.time_from === view.source.field.bars.time.at(-8)")
    page.keyboard.press("Delete")
    session.until("view.source.selection === null")
    page.keyboard.press("Escape")


@contextmanager
def table(page):
    """Open the table and return it."""
    summary = widget(page).get_by_text("Levels as a table")
    summary.click()
    try:
        rows = widget(page).locator(".liq-rows")
        rows.locator("tbody tr").nth(20).wait_for()
        yield rows
    finally:
        summary.click()


def table_of(page):
    """The cells in the DOM, including those that JupyterLab does not lay out because they are off screen."""
    rows = widget(page).locator(".liq-rows tbody tr:not(.liq-here, .liq-gap)")
    return rows.evaluate_all("(rows) => rows.map((row) => [...row.cells].map((cell) => cell.textContent.trim()))")


def check_table(session, page):
    """Check that the table has the largest visible rows of Python's profile; return its lines."""
    profile = pd.DataFrame(kernel(session, "hm.density.profile(-1).to_dict('list')"))
    close = kernel(session, "float(market.candles['close'].iloc[-1])")
    seen = session.view("view.chart.rowsInView")
    view = profile.iloc[seen["from"] : seen["to"]]
    shown = table_of(page)
    sides = [view.nlargest(20, side).assign(side=side, usd=view[side]) for side in ("short", "long")]
    wanted = pd.concat(sides).query("usd > 0").sort_values(["price", "side"], ascending=False)  # shorts above longs
    assert len(shown) == len(wanted) > 30
    for (prices, side, usd, distance, total, tier), (_, line) in zip(shown, wanted.iterrows(), strict=True):
        low, high = (float(part.replace(",", "")) for part in prices.split(" – "))
        assert (low + high) / 2 == pytest.approx(line["price"])
        assert side == line["side"]
        assert amount(usd) == pytest.approx(line["usd"], rel=6e-3)
        assert amount(total) == pytest.approx(line[f"cumulative_{side}"], rel=6e-3)
        percent = float(distance.replace("−", "-").rstrip(" %"))
        assert percent == pytest.approx((line["price"] / close - 1) * 100, abs=0.006)
        assert re.fullmatch(r"\d+x", tier)
    return shown


def test_the_table_has_the_profile_s_numbers_and_follows_the_settings(session, page):
    with table(page) as rows:
        first = check_table(session, page)
        assert rows.locator("th[scope=col]").count() == 6
        assert rows.locator("th[scope=row]").count() == len(first) + 1
        assert rows.locator("caption").inner_text().startswith("Estimated levels at ")
        # It scrolls by keyboard.
        rows.focus()
        rows.evaluate("(e) => (e.scrollTop = 0)")
        page.keyboard.press("End")
        page.wait_for_function("document.querySelector('.liq-rows').scrollTop > 0")
        last = "[...document.querySelectorAll('.liq-rows tbody tr:not(.liq-gap)')].at(-1).cells[2].textContent"
        session.python("kept = hm.decay_rate; hm.decay_rate = 0.4")
        page.wait_for_function(f"{last} !== {json.dumps(first[-1][2])}")
        assert check_table(session, page) != first
        session.python("hm.decay_rate = kept")
        page.wait_for_function(f"{last} === {json.dumps(first[-1][2])}")


def test_the_help_says_what_it_is_and_gives_the_focus_back(session, page):
    button = widget(page).get_by_role("button", name="Help")
    button.click()
    sheet = widget(page).locator(".liq-help[aria-label=Help]")
    assert sheet.is_visible()
    assert sheet.locator("p:not(.liq-dim)").count() == 5
    box = sheet.bounding_box()
    assert box["y"] >= 0
    assert box["y"] + box["height"] <= page.viewport_size["height"]
    page.keyboard.press("Escape")
    assert not sheet.is_visible()
    assert button.evaluate("(e) => e === document.activeElement")
    plot = page.locator(".liq-plot").first
    plot.focus()
    page.keyboard.press("?")
    assert sheet.is_visible()
    page.keyboard.press("Escape")
    assert plot.evaluate("(e) => e === document.activeElement")


def violations(page):
    return page.evaluate(
        """async (rules) => {
          // JupyterLab's body has no height and cuts off what lies beyond it: axe would call all of it unseen.
          document.body.style.height = '100vh';
          const { violations, passes } = await window.axe.run('.liq', { runOnly: rules });
          document.body.style.height = '';
          const seen = passes.find(({ id }) => id === 'color-contrast').nodes.length;
          if (seen < 40) throw new Error(`axe saw ${seen} texts`);
          return violations.map((v) => [v.id, v.nodes.map((n) => [n.target.join(' '), n.failureSummary])]);
        }""",
        RULES,
    )


@contextmanager
def theme(session, name: str):
    change = "(theme) => window.jupyterapp.commands.execute('apputils:change-theme', { theme })"
    session.page.evaluate(change, f"JupyterLab {name}")
    session.until(f"root.dataset.theme === '{name.lower()}'")
    try:
        yield
    finally:
        session.page.evaluate(change, "JupyterLab Light")
        session.until("root.dataset.theme === 'light'")


@pytest.mark.parametrize("name", ["Light", "Dark"])
def test_axe_finds_nothing(session, page, name):
    page.evaluate(AXE.read_text())
    one = widget(page)
    reach(one.locator(".liq-bar").first)
    with theme(session, name):
        with table(page):
            page.locator(".liq-plot").first.focus()
            page.keyboard.press("c")
            said(page)
            one.locator(".liq-save summary").click()
            assert violations(page) == []
            page.keyboard.press("Escape")
            one.get_by_role("button", name="Help").click()
            assert violations(page) == []
            page.keyboard.press("Escape")
            page.locator(".liq-plot").first.focus()
            page.keyboard.press("Escape")
        # Check that axe can find a violation.
        title = one.locator(".liq-title")
        title.evaluate("(e) => (e.style.cssText = 'color: #777777; background: #888888')")
        try:
            assert [rule for rule, _ in violations(page)] == ["color-contrast"]
        finally:
            title.evaluate("(e) => e.removeAttribute('style')")


RANGE = "view.chart.api.timeScale().getVisibleLogicalRange()"


def touch(session, *steps):
    """Play touches: each step is a list of points on the screen; an empty step lifts all fingers."""
    devtools = session.page.context.new_cdp_session(session.page)
    before: list = []
    for points in steps:
        kind = "touchEnd" if not points else "touchStart" if len(points) > len(before) else "touchMove"
        points = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(points)]
        devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        before = points
    devtools.detach()


@contextmanager
def restless(page):
    """Never treat a finger as resting (240 ms in the chart), however slowly this machine moves it."""
    page.evaluate(
        "() => { window.plain = setTimeout; "
        "window.setTimeout = (work, ms, ...more) => plain(work, ms === 240 ? 60_000 : ms, ...more); }"
    )
    try:
        yield
    finally:
        page.evaluate("() => { window.setTimeout = window.plain; }")


def line(a, b, steps=8):
    return [[(a[0] + (b[0] - a[0]) * i / steps, a[1] + (b[1] - a[1]) * i / steps)] for i in range(steps + 1)]


def test_fingers_pan_pinch_and_hold_and_the_page_still_scrolls(session, page):
    page.locator(".liq-plot").first.scroll_into_view_if_needed()
    frames(session)  # views closed by earlier tests may still move the page
    pane = page.locator(".liq-plot").first.bounding_box()
    x, y = pane["x"] + 400, pane["y"] + 200
    start = session.view(RANGE)
    with restless(page):
        touch(session, *line((x, y), (x + 120, y)), [])
        session.until(f"{RANGE}.from < {start['from']} - 5")
        at = session.view(RANGE)
        assert at["to"] - at["from"] == pytest.approx(start["to"] - start["from"])
        # Moving two fingers apart zooms in: fewer candles.
        apart = [[(x - d, y), (x + d, y)] for d in range(40, 170, 10)]
        touch(session, [(x - 40, y)], *apart, [])
        session.until(f"{RANGE}.to - {RANGE}.from < {(at['to'] - at['from']) * 0.7}")
        # A vertical swipe scrolls the page.
        panel = "document.querySelector('.jp-WindowedPanel-outer')"
        top = f"{panel}.scrollTop"
        before, at = page.evaluate(top), session.view(RANGE)
        page.evaluate(f"() => {{ window.atRest = new Promise((done) => ({panel}.onscrollend = done)); }}")
        touch(session, *line((x, y + 150), (x, y - 50)), [])
        page.wait_for_function(f"{top} > {before} + 50")
        assert session.view(RANGE) == at
        page.evaluate("async () => { await window.atRest; }")  # the page continues to scroll after the swipe
        page.evaluate(f"{panel}.onscrollend = null, {top} = {before}")
    # A long press shows the values, and they follow the finger.
    cell = page.locator(".liq-cell").first
    pane = page.locator(".liq-plot").first.bounding_box()
    x, y = pane["x"] + 400, pane["y"] + 200
    touch(session, [(x, y)])
    cell.wait_for(state="visible")
    first = cell.inner_text()
    touch(session, *line((x, y), (x + 60, y + 60))[1:])
    page.wait_for_function("(first) => document.querySelector('.liq-cell').innerText !== first", arg=first)
    assert session.view(RANGE) == at
    touch(session, [(x, y)], [], [(x, y)], [])  # lift the finger; a tap ends the readout
    cell.wait_for(state="hidden")
    # Move a slider with a finger.
    bar = reach(page.locator(".liq-bar").first)
    bar.scroll_into_view_if_needed()
    box = bar.bounding_box()
    rev = session.revision()
    kept = session.view("JSON.stringify(view.source.settings.leverageMix)")
    middle = box["y"] + box["height"] / 2
    touch(session, *line((box["x"] + 20, middle), (box["x"] + box["width"] * 0.7, middle)), [])
    session.until(f"Number(root.dataset.rev) > {rev}")
    assert float(bar.input_value()) == pytest.approx(70, abs=6)
    session.view(f"(view.source.set({{ leverageMix: {kept} }}), 0)")
    page.get_by_role("button", name="all", exact=True).first.click()


def test_what_is_touched_is_large_enough(session, page):
    reach(widget(page).locator(".liq-bar").first)
    small = widget(page).evaluate(
        """(root) => [...root.querySelectorAll('button, select, summary, input, label.liq-check')]
          .filter((e) => e.checkVisibility() && !(e.type === 'checkbox' && e.closest('label')))
          .map((e) => [e.className || e.tagName, e.offsetWidth, e.offsetHeight])
          .filter(([, width, height]) => Math.min(width, height) < 24)"""
    )
    assert small == []


def test_reduced_motion_is_respected(session, page):
    moves = "view.chart.api.options().kineticScroll.touch"
    assert session.view(moves) is True
    page.emulate_media(reduced_motion="reduce")
    session.until(f"{moves} === false")
    page.emulate_media(reduced_motion="no-preference")
    session.until(f"{moves} === true")


@pytest.mark.parametrize("percent", [100, 200])
def test_nothing_is_cut_off_or_overlaps_in_narrow_pages_and_large_letters(session, page, percent):
    letters = "view.chart.api.options().layout.fontSize"
    reach(widget(page).locator(".liq-bar").first)
    page.evaluate("(size) => (document.documentElement.style.fontSize = size)", f"{percent}%")
    try:
        session.until(f"{letters} === {11 * percent / 100}")
        for width in (1300, 735, 390):
            widget(page).evaluate("(e, width) => (e.style.width = `${width}px`)", width)
            session.until(f"view.chart.element.parentElement.clientWidth === {width - 2}")
            page.evaluate(TWO_FRAMES)
            assert widget(page).evaluate(CLIPPED) == [], width
            assert widget(page).evaluate(OVERLAPPING) == [], width
    finally:
        page.evaluate("document.documentElement.style.fontSize = ''")
        widget(page).evaluate("(e) => (e.style.width = '')")
    session.until(f"{letters} === 11")


CLIPPED = """(root) => {
  const frame = root.getBoundingClientRect();
  return [...root.querySelectorAll('*')].filter((e) => e.checkVisibility() && !e.closest('.liq-plot, .liq-said')
    && (e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0 && getComputedStyle(e).display !== 'inline'
      && !['SELECT', 'INPUT'].includes(e.tagName)
      || e.getBoundingClientRect().right > frame.right + 1)).map((e) => e.className || e.tagName);
}"""
OVERLAPPING = """(root) => {
  const parts = [...root.querySelectorAll('.liq-header > *, .liq-deck > *, .liq-tier > *, .liq-head > *,'
    + ' .liq-strip > *, .liq-dial > *, .liq-buttons > *, .liq-more > *, .liq-mix > legend, .liq-look > *')]
    .filter((e) => e.checkVisibility());
  const found = [];
  for (const a of parts) for (const b of parts) {
    if (a === b || a.contains(b) || b.contains(a)) continue;
    const [p, q] = [a.getBoundingClientRect(), b.getBoundingClientRect()];
    const apart = p.left > q.right - 1 || q.left > p.right - 1 || p.top > q.bottom - 1 || q.top > p.bottom - 1;
    if (p.width && q.width && !apart) found.push([a.className || a.tagName, b.className || b.tagName]);
  }
  return found;
}"""


@contextmanager
def written(page):
    """Record all texts drawn on canvases."""
    page.evaluate(
        """() => {
          window.texts = [];
          const proto = CanvasRenderingContext2D.prototype;
          window.plainFillText = proto.fillText;
          proto.fillText = function (text, ...at) {
            window.texts.push(String(text));
            window.plainFillText.call(this, text, ...at);
          };
        }"""
    )
    try:
        yield lambda: page.evaluate("window.texts")
    finally:
        page.evaluate("() => { CanvasRenderingContext2D.prototype.fillText = window.plainFillText; }")


def test_times_are_utc_until_local_time_is_wanted_and_say_which(session, page):
    one = widget(page)
    switch = one.locator(".liq-clock")
    assert switch.inner_text() == "UTC"
    candle = one.locator(".liq-candle")
    assert " UTC " in candle.inner_text()
    moment = pd.Timestamp(kernel(session, "market.candles.index[-1].isoformat()"))
    local = moment.tz_convert("Asia/Kolkata")
    with written(page) as texts:
        switch.click()
        page.wait_for_function(f"() => window.texts.some((text) => text.endsWith('{local:%m-%d %H:%M} UTC+5:30'))")
        page.wait_for_function("() => window.texts.some((text) => /^\\d+ Jan( 05:30)?$/.test(text))")
        page.locator(".liq-plot").first.focus()
        page.keyboard.press("End")
        page.wait_for_function(f"() => window.texts.includes('{local:%Y-%m-%d %H:%M} UTC+5:30')")
        assert switch.inner_text() == "UTC+5:30"
        assert candle.inner_text().startswith(f"{local:%Y-%m-%d %H:%M} UTC+5:30")
        assert said(page).startswith(f"{local:%Y-%m-%d %H:%M} UTC+5:30, ")
        page.keyboard.press("Escape")
        one.locator(".liq-save summary").click()
        with page.expect_download() as download:
            one.get_by_text("picture (PNG)").click()
        download.value.path()
        assert any(f"to {local:%Y-%m-%d %H:%M} UTC+5:30" in text for text in texts())
    one.locator(".liq-save summary").click()
    with page.expect_download() as download:
        one.get_by_text("levels of the last candle in view").click()
    table = pd.read_csv(download.value.path())
    assert set(table["time_utc"]) == {f"{moment:%Y-%m-%dT%H:%M:%SZ}"}
    with written(page) as texts:
        switch.click()
        page.wait_for_function(f"() => window.texts.some((text) => text.endsWith('{moment:%m-%d %H:%M} UTC'))")
    assert switch.inner_text() == "UTC"
    assert f"{moment:%Y-%m-%d %H:%M} UTC " in candle.inner_text()


def test_small_prices_keep_their_decimals(session, page):
    one = widget(page, 1)
    one.evaluate("(root) => root.scrollIntoView()")
    high, close, bin_size = kernel(
        session, "[*map(float, tiny.market.candles[['high', 'close']].iloc[-1]), tiny.bin_size]"
    )
    assert close == pytest.approx(1.234e-5)
    text = one.locator(".liq-candle").inner_text()
    assert "C 0.00001234" in text
    assert f"H {high:.8f}" in text
    decimals = max(-int(np.floor(np.log10(bin_size) + 1e-9)), 0)
    assert f"${bin_size:.{decimals}f} ·" in one.locator(".liq-deck .liq-value").nth(1).inner_text()
    slider = one.locator(".liq-deck .liq-slider").nth(1)
    assert slider.get_attribute("aria-valuetext") == f"{bin_size:.{decimals}f} dollars"
    with written(page) as texts:
        one.locator(".liq-plot").focus()
        page.keyboard.press("c")
        page.keyboard.press("ArrowUp")
        page.keyboard.press("9")
        page.wait_for_function("() => new Set(window.texts.filter((text) => /^0\\.0000\\d+$/.test(text))).size > 5")
        axis = {text for text in texts() if re.fullmatch(r"0\.\d+", text)}
        assert all(len(text) == 10 for text in axis)
        page.wait_for_function(f"() => document.querySelectorAll('{SAID}')[1].textContent !== ''")
        spoken = one.locator(SAID).text_content()
        found = re.search(r"UTC, (0\.\d+) to (0\.\d+),", spoken)
        assert found
        assert float(found[2]) - float(found[1]) == pytest.approx(bin_size)
        assert [len(part) for part in found.groups()] == [2 + decimals] * 2
        one.locator(".liq-save summary").click()
        with page.expect_download() as download:
            one.get_by_text("picture (PNG)").click()
        download.value.path()
        assert any(f"per bin of {bin_size:.{decimals}f} " in text for text in texts())
    one.locator(".liq-save summary").click()
    with page.expect_download() as download:
        one.get_by_text("levels of the last candle in view").click()
    table = pd.read_csv(download.value.path())
    edges = np.array(kernel(session, "tiny.density.price_edges.tolist()"))
    steps = (table["price_low"].to_numpy() - edges[0]) / bin_size
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-4)
    one.locator(".liq-plot").focus()
    page.keyboard.press("Escape")
