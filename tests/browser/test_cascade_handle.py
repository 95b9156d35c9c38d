"""The handle on the price axis: the cascade that a push would cause, in JupyterLab and in a page without a kernel."""

from __future__ import annotations

import os
import re
import signal

import pytest
from axe import AXE, RULES
from chart import amount, frames, kernel, says

import liqwidget as lw

pytestmark = pytest.mark.browser

CELL = """import json, liqwidget as lw
candles = lw.load_sample().candles.tail(1500)
hm = lw.LiquidationHeatmap(lw.Market.from_frame(candles.head(1490), symbol="TEST"), "hot", 0.01)
def facts(c):
    return [c.shock, c.steps["price"].iloc[0], c.liquidated, len(c.steps), c.final_price, c.final_move, c.amplification]
hm"""
INPUT, GRIP, WORDS = ".liq-push input", ".liq-grip", ".liq-legend > :last-child"
SENTENCE = re.compile(
    r"Push (\S+) % to (\S+): would liquidate est\. (\S+) in (\d+) rounds? and "
    r"(?:rest|leave the known range) at (\S+) \((\S+) %\), (?:at least )?(\S+) × the push\. "
    r"Mechanical what-if on an estimate, not a forecast; "
    r"how far liquidations move the price is an assumption\."
)


def spoken(page):
    """The numbers in the text; the slider announces the same text."""
    frames_of(page)
    words = page.locator(WORDS).inner_text()
    assert page.locator(INPUT).get_attribute("aria-valuetext") == words
    found = SENTENCE.fullmatch(words)
    assert found, words
    shock, price, usd, rounds, rest, move, times = (text.replace("−", "-").replace(",", "") for text in found.groups())
    return [float(shock) / 100, float(price), amount(usd), int(rounds), float(rest), float(move) / 100, float(times)]


def frames_of(page):
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def same(words, facts):
    """Texts are rounded: percent to two digits, prices to one, USD to three figures, times to two digits."""
    for found, wanted, off in zip(words, facts, (6e-5, 0.06, None, 0, 0.06, 6e-5, 0.0051), strict=True):
        assert found == (pytest.approx(wanted, rel=6e-3) if off is None else pytest.approx(wanted, abs=off, rel=0))


def pushed(session, shock=None):
    """Wait until the kernel has the page's push and the text states its cascade; return the facts in the text."""
    wanted = session.view("view.source.settings.shock") if shock is None else shock
    says(session, "hm.shock", str(wanted))
    session.until(f"view.source.settings.shock === {wanted}")
    facts = kernel(session, "facts(hm.cascade())")
    same(spoken(session.page), facts)
    return facts


def drag(page, by):
    """Grab the handle near its middle and move it by that many pixels in steps; return how far it moved."""
    box = page.locator(GRIP).bounding_box()
    x, y = box["x"] + box["width"] / 3, box["y"] + box["height"] / 2
    page.mouse.move(x, y + 9)
    page.mouse.down()
    page.mouse.move(x, y + by, steps=4)
    page.mouse.up()
    frames_of(page)
    return page.locator(GRIP).bounding_box()["y"] - box["y"]


def profile(session):
    return session.view("root.querySelector('.liq-profile').toDataURL()")


def test_a_grip_pushes_the_price_and_the_words_are_python_s(notebook):
    session = notebook(CELL)
    page = session.page
    plain = profile(session)
    switch = page.get_by_role("button", name="what if")
    assert switch.get_attribute("aria-pressed") == "false"
    assert not page.locator(GRIP).is_visible()
    switch.click()
    assert page.get_by_role("slider", name="Push of the price").evaluate("(e) => e.matches(':focus')")
    first = pushed(session, -0.03)
    assert first[3] > 1
    assert first[6] > 1.05
    assert profile(session) != plain
    assert switch.get_attribute("aria-pressed") == "true"
    page.evaluate(AXE.read_text())
    found = "async (rules) => (await axe.run('.liq', { runOnly: rules })).violations.map(({ id }) => id)"
    assert page.evaluate(found, RULES) == []
    # By mouse, down and across the close; the handle follows the pointer to within half a step.
    assert drag(page, 40) == pytest.approx(40, abs=3)
    down = pushed(session)
    assert down[0] < -0.031
    assert drag(page, -200) == pytest.approx(-200, abs=3)
    assert pushed(session)[0] > 0.001
    # By keyboard: steps of a thousandth of the close.
    page.locator(INPUT).focus()
    at = session.view("view.source.settings.shock")
    for key, by in (("ArrowUp", 0.001), ("ArrowDown", 0), ("ArrowDown", -0.001)):
        page.keyboard.press(key)
        assert session.view("view.source.settings.shock") == pytest.approx(at + by, abs=1e-12), key
    pushed(session)
    # From Python, to a value between two steps; then with another mix, bin size and candle.
    session.python("hm.shock = -0.0412")
    assert pushed(session, -0.0412) != down
    page.get_by_role("button", name="balanced").click()
    balanced = pushed(session)
    size = session.view("view.source.field.grid.binSize")
    page.locator("input[aria-valuetext$=dollars]").press("ArrowRight")
    session.until(f"view.source.field.grid.binSize > {size}")
    assert pushed(session) == balanced  # computed on rows, so the bins do not matter
    session.python("hm.append(candles.tail(10))")
    session.until("view.source.field.columns === 1500")
    assert pushed(session)[1] != balanced[1]
    session.python("hm.shock = -0.5")
    session.until("view.source.settings.shock === -0.5")
    frames(session)
    assert "leave the known range at" in page.locator(WORDS).inner_text()
    # A value that Python refuses is reset.
    session.view("view.source.set({ shock: 99 })")
    session.until("view.source.settings.shock === -0.5")
    # With the kernel stopped the page still computes the cascade.
    before = kernel(session, "[hm.cascade(s / 1000).final_price for s in range(-60, 1)]")
    pid = int(session.python("import os; hm.shock = -0.02; print(os.getpid())"))
    session.until("view.source.settings.shock === -0.02")
    os.kill(pid, signal.SIGSTOP)
    try:
        drag(page, 60)
        alone = spoken(page)
        assert alone[0] < -0.025
        assert alone[4] == pytest.approx(before[round(alone[0] * 1000) + 60], abs=0.06)
    finally:
        os.kill(pid, signal.SIGCONT)
    pushed(session)
    page.locator(INPUT).press("Escape")
    says(session, "hm.shock", "None")
    assert not page.locator(GRIP).is_visible()
    assert page.locator(WORDS).text_content() == ""
    assert switch.evaluate("(e) => e.matches(':focus')")
    assert page.problems == []


def test_a_finger_and_a_page_without_a_kernel(opened):
    market = lw.load_sample().tail(600)
    hm = lw.LiquidationHeatmap(market, "hot", 0.01, shock=0.02)
    facts = lambda c: [  # noqa: E731
        c.shock,
        c.steps["price"].iloc[0],
        c.liquidated,
        len(c.steps),
        c.final_price,
        c.final_move,
        c.amplification,
    ]
    with opened(hm.to_html(), width=420, has_touch=True) as page:
        same(spoken(page), facts(hm.cascade()))
        box = page.locator(GRIP).bounding_box()
        assert box["height"] >= 24
        assert box["x"] + box["width"] <= 420
        x, y = box["x"] + 20, box["y"] + 12
        devtools = page.context.new_cdp_session(page)
        touches = [("touchStart", 0), *(("touchMove", -d) for d in (20, 50, 90, 80)), ("touchEnd", None)]
        for kind, up in touches:
            points = [] if up is None else [{"x": x, "y": y + up}]
            devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        frames_of(page)
        assert page.locator(GRIP).bounding_box()["y"] - box["y"] == pytest.approx(-80, abs=3)
        assert page.evaluate("scrollY === 0 && document.documentElement.scrollHeight > innerHeight")
        shock = page.evaluate("document.querySelector('.liq').liqwidget.source.settings.shock")
        assert shock > 0.02
        same(spoken(page), facts(lw.cascade(hm.density, shock=shock, market=market)))
        page.locator(".liq-deck .liq-slider").first.fill("0")
        hm.decay_rate = 0
        still = hm.density
        same(spoken(page), facts(lw.cascade(still, shock=shock, market=market)))
        assert page.problems == []
