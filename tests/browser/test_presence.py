"""The pill that shows the state of a live feed, and the heartbeats of open views, in a real JupyterLab."""

from __future__ import annotations

import os
import signal

import pytest
from chart import SETUP, says

pytestmark = pytest.mark.browser


def pill(session, state, timeout=15_000):
    session.until(f"root.querySelector('.liq-pill').dataset.state === '{state}'", timeout=timeout)
    return session.page.locator(".liq-pill > [aria-hidden]").nth(1).inner_text()


def test_the_pill_says_how_the_feed_is(notebook):
    session = notebook(SETUP + "hm = lw.LiquidationHeatmap(market)\nhm")
    assert not session.page.locator(".liq-pill").is_visible()
    session.python("hm.set_live('live', last=time.time() * 1000, every_ms=60_000)")
    assert pill(session, "live").startswith("live · ")
    # Seconds are displayed but not announced.
    session.view(
        "(() => { const [, text, spoken] = root.querySelector('.liq-pill').children; window.ticks = [0, 0];"
        " [text, spoken].forEach((e, i) => new MutationObserver(() => window.ticks[i]++)"
        ".observe(e, {childList: true, characterData: true, subtree: true})); })()"
    )
    session.page.wait_for_function("() => window.ticks[0] >= 2")
    assert session.page.evaluate("window.ticks[1]") == 0
    assert session.page.locator(".liq-pill .liq-spoken").get_attribute("role") == "status"
    session.python("hm.set_live('disconnected', since=1795435380000, message='<b>the line</b> is down')")
    assert pill(session, "disconnected").endswith("12:03 UTC: <b>the line</b> is down")
    assert session.page.locator(".liq-pill b").count() == 0
    assert session.page.locator(".liq-pill .liq-spoken").inner_text().startswith("disconnected")
    session.python("hm.set_live('stopped', message='no view is open')")
    assert pill(session, "stopped") == "stopped: no view is open"
    session.python("hm.set_live('off')")
    session.page.locator(".liq-pill").wait_for(state="hidden")
    assert session.page.problems == []


@pytest.mark.parametrize("ending", [signal.SIGSTOP, signal.SIGKILL])
def test_a_silent_or_dead_kernel_is_a_delayed_feed(notebook, ending):
    session = notebook(SETUP + "hm = lw.LiquidationHeatmap(market)\nhm")
    pid = int(session.python("import os; print(os.getpid())"))
    session.python("hm.set_live('live', last=time.time() * 1000, every_ms=500)")
    pill(session, "delayed")  # nothing arrived for three times the interval
    session.python("hm.set_live('live', last=time.time() * 1000 + 1, every_ms=1200)")
    pill(session, "live")
    os.kill(pid, ending)
    try:
        assert pill(session, "delayed").startswith("delayed ")
        assert session.page.locator(".liq-pill .liq-spoken").inner_text() == "delayed"
        session.until("Number(/(\\d+) s/.exec(root.querySelector('.liq-pill').textContent)?.[1]) >= 5")
    finally:
        if ending == signal.SIGSTOP:
            os.kill(pid, signal.SIGCONT)
    if ending == signal.SIGSTOP:
        session.python("hm.set_live('live', last=time.time() * 1000 + 2)")
        pill(session, "live")


def test_live_candles_count_as_signs_of_life(notebook):
    session = notebook(SETUP + "hm = lw.LiquidationHeatmap(market)\nhm")
    session.python("hm.set_live('live', last=1000.0, every_ms=1500)")
    session.until("view.source.live.state === 'live'")
    session.python("c = candles.iloc[-1:]; hm.append(c)")
    assert pill(session, "live").startswith("live · ")
    pill(session, "delayed")


def test_views_are_heard_of_until_they_are_gone(notebook):
    session = notebook(
        SETUP
        + "import ipywidgets as w\nhm = lw.LiquidationHeatmap(market)\nouts = [w.Output(), w.Output()]\nw.VBox(outs)",
        views=0,
    )
    says(session, "hm.views_alive()", "0")
    for i in (0, 1):
        session.python(f"with outs[{i}]: display(hm)")
        session.page.wait_for_function(f"() => document.querySelectorAll('.liq[data-rev]').length === {i + 1}")
        says(session, "hm.views_alive()", str(i + 1))
    first = session.python("print(sorted(hm._views.heard.values()))")
    says(session, f"min(hm._views.heard.values()) > max({first.strip()})", "True")  # another heartbeat, 5 s later
    session.python("outs[0].clear_output()")
    says(session, "hm.views_alive()", "1")
    session.python("outs[1].clear_output()")
    says(session, "hm.views_alive()", "0")
    assert session.page.problems == []
