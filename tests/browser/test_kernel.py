"""What a view shows when its kernel is busy, unreachable, restarted or gone; in a real JupyterLab."""

from __future__ import annotations

import os
import signal

import pytest
from chart import SETUP, says

pytestmark = pytest.mark.browser
WITHIN = 10.0


def state(session, wanted, timeout=WITHIN):
    """Wait until the banner shows a state; return its text."""
    session.page.wait_for_function(
        "(wanted) => document.querySelector('.liq-banner')?.dataset.kernel === wanted",
        arg=wanted,
        timeout=timeout * 1000,
    )
    return session.page.locator(".liq-banner").inner_text()


def still_works(session):
    """Leverage mix and decay work without a kernel."""
    before = session.revision()
    session.page.locator(".liq-deck .liq-slider").first.evaluate(
        "(e) => { e.value = +e.value + 20; e.dispatchEvent(new Event('input', {bubbles: true})) }"
    )
    session.until(f"root.dataset.rev > {before}")


def test_a_killed_kernel_is_told_of_within_ten_seconds_and_the_cell_brings_it_back(notebook):
    session = notebook(SETUP + "hm = lw.LiquidationHeatmap(market)\nhm")
    state(session, "answers")
    assert not session.page.locator(".liq-banner").is_visible()
    os.kill(int(session.python("import os; print(os.getpid())")), signal.SIGKILL)
    session.page.wait_for_function(
        "() => document.querySelector('.liq-banner').checkVisibility()", timeout=WITHIN * 1000
    )
    words = state(session, "lost", 20)  # JupyterLab restarts the kernel
    assert "run its cell again" in words
    assert "last picture stays" in words
    assert session.page.locator(".liq-banner").get_attribute("role") == "status"
    assert session.page.locator("input[aria-valuetext$=dollars]").is_enabled()
    still_works(session)
    session.page.locator(".jp-Dialog button").first.click()  # JupyterLab's own dialog about it
    session.run()
    state(session, "answers")


def test_a_bin_size_needs_no_kernel(notebook):
    session = notebook(SETUP + "hm = lw.LiquidationHeatmap(market)\nhm")
    pid = int(session.python("import os; print(os.getpid())"))
    session.until("view.source.kernel === 'answers'")
    old = session.view("view.source.field.grid.binSize")
    size = session.page.locator("input[aria-valuetext$=dollars]")
    os.kill(pid, signal.SIGSTOP)
    try:
        before = session.revision()
        size.evaluate("(e) => { e.value = +e.value + 1; e.dispatchEvent(new Event('input', {bubbles: true})) }")
        session.until(f"root.dataset.rev > {before} && view.source.field.grid.binSize > {old}")
        assert "or it hangs" in state(session, "lost", 40)  # nothing is pending, so the view pings only every 20 s
        assert not size.is_disabled()
        assert session.view("view.source.settings.binSize === view.source.field.grid.binSize")
        still_works(session)
    finally:
        os.kill(pid, signal.SIGCONT)
    state(session, "answers")  # the kernel was only suspended
    assert not session.page.locator(".liq-banner").is_visible()
    says(session, "hm.bin_size", str(float(session.view("view.source.settings.binSize"))))


def test_a_busy_kernel_one_that_is_cut_off_and_one_that_was_shut_down(notebook):
    session = notebook(SETUP + "hm = lw.LiquidationHeatmap(market)\nhm")
    page = session.page
    # JupyterLab delivers widget messages while a cell runs; most other front ends do not.
    page.evaluate(
        "() => { const { kernel } = window.jupyterapp.shell.currentWidget.sessionContext.session;"
        " kernel.commsOverSubshells = 'disabled'; }"
    )
    session.run()
    page.evaluate(
        "() => void window.jupyterapp.shell.currentWidget.sessionContext.session.kernel"
        ".requestExecute({code: 'import time; time.sleep(30)'})"
    )
    assert "busy" in state(session, "busy")
    still_works(session)
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.interrupt()")
    state(session, "answers")
    page.evaluate(
        "() => { const { kernel } = window.jupyterapp.shell.currentWidget.sessionContext.session;"
        " window.lost = [kernel, kernel._createSocket]; kernel._createSocket = () => {};"
        " kernel._ws.onclose(new CloseEvent('close')); }"
    )
    assert "trying again" in state(session, "disconnected")
    still_works(session)
    page.evaluate(
        "() => { const [kernel, create] = window.lost; kernel._createSocket = create; void kernel.reconnect(); }"
    )
    state(session, "answers", 20)
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    assert "has ended" in state(session, "ended")
    still_works(session)
