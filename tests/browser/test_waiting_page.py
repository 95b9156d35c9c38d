"""A visitor who finds no place sees the picture without a kernel, and gets the next free place, in the same view."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axe import AXE, RULES
from lab import PAINTED, chromium, find_chromium, write_notebook

from served import DASHBOARD, Served

pytestmark = pytest.mark.browser

MOVE = """() => {
  const bar = document.querySelector('.liq-bar[data-tier="10"]');
  bar.value = '90';
  bar.dispatchEvent(new Event('input', { bubbles: true }));
}"""
LINK = "document.querySelector('.liq').liqLink()"
WITH_KERNEL = """() => document.querySelector('#jupyter-config-data') && !document.querySelector('#wait')
  && document.querySelector('.liq[data-rev]')"""
REFUSED = "Failed to load resource: the server responded with a status of 503 (Service Unavailable)"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    if find_chromium() is None:
        pytest.skip("no Chromium on the PATH (Debian: apt-get install chromium)")
    options = ("--visitors=1", "--gone=40", "--MappingKernelManager.cull_interval=1")  # a place is given back soon
    server = Served(DASHBOARD, tmp_path_factory.mktemp("home"), *options)
    server.wait_until(server.heated)
    yield server
    server.stop()


def test_who_waits_moves_over_into_the_same_view(playwright, served: Served) -> None:
    with chromium(playwright, 1280, 900) as first, chromium(playwright, 390, 844) as second:
        first.goto(served.url, wait_until="commit")
        first.wait_for_function(PAINTED, arg=1, timeout=60_000)
        served.wait_until(lambda: b"data-frame" in served.get("/")[2])  # the next kernel has handed over its page
        second.goto(f"{served.url}?lesson=3#view=1&palette=viridis&range=24h", wait_until="commit")
        second.wait_for_function(PAINTED, arg=1, timeout=60_000)
        banner = second.locator("#place")
        assert "The only place is taken. This is a copy of" in banner.inner_text()
        assert second.locator("#liq-still").is_hidden()
        assert second.evaluate("document.documentElement.scrollWidth") == 390
        revision = second.locator(".liq").get_attribute("data-rev")
        second.evaluate(MOVE)
        second.wait_for_function("(rev) => document.querySelector('.liq').dataset.rev !== rev", arg=revision)
        view = second.evaluate(LINK)
        assert "palette=viridis" in view
        assert "range=24h" in view
        for scheme in ("light", "dark"):
            second.emulate_media(color_scheme=scheme)
            second.wait_for_function(
                "(is) => (getComputedStyle(document.body).backgroundColor === 'rgb(255, 255, 255)') === is",
                arg=scheme == "light",
            )
            second.evaluate(AXE.read_text(encoding="utf-8"))
            found = second.evaluate("(rules) => axe.run('#place', { runOnly: rules })", RULES)
            assert [one["id"] for one in found["violations"]] == []
        assert second.problems == [REFUSED]

        first.goto("about:blank")
        second.wait_for_function(WITH_KERNEL, timeout=60_000)
        second.wait_for_function(f"(view) => {LINK} === view", arg=view, timeout=60_000)
        assert second.url == f"{served.url}?lesson=3#{view}"
        assert second.locator("#place").count() == 0
        second.goto("about:blank")


def test_a_page_that_waits_says_that_it_has_lost_the_server(playwright, served: Served) -> None:
    with chromium(playwright, 1280, 900) as first, chromium(playwright, 1280, 900) as second:
        first.goto(served.url, wait_until="commit")
        first.wait_for_function(WITH_KERNEL, timeout=120_000)  # once the page of another test has given its place back
        served.wait_until(lambda: b"data-frame" in served.get("/")[2])
        second.goto(served.url, wait_until="commit")
        second.wait_for_function(PAINTED, arg=1, timeout=60_000)
        second.context.set_offline(True)
        second.locator("#next:has-text('No connection to the server')").wait_for(timeout=30_000)
        second.context.set_offline(False)
        second.locator("#next:has-text('when a place is free')").wait_for(timeout=30_000)


def test_a_page_that_nobody_uses_says_why_its_kernel_was_ended(playwright, tmp_path) -> None:
    if find_chromium() is None:
        pytest.skip("no Chromium on the PATH (Debian: apt-get install chromium)")
    notebook = write_notebook(tmp_path / "map.ipynb", "import liqwidget as lw\nlw.LiquidationHeatmap(lw.load_sample())")
    server = Served(notebook, tmp_path / "home", "--forgotten=5", "--MappingKernelManager.cull_interval=1")
    try:
        with chromium(playwright, 1280, 900) as page:
            page.goto(server.url, wait_until="commit")
            said = page.locator("#failed[role=alert]", has_text="Nobody used this page for 5 seconds")
            said.wait_for(timeout=60_000)
            assert "so its place was given back. Reload the page to go on." in said.inner_text()
            page.locator(".liq-banner", has_text="The kernel of this view has ended").wait_for(timeout=10_000)
            page.locator(".liq-banner", has_text="reload the page").wait_for(timeout=10_000)
    finally:
        server.stop()


def test_loading_is_late_only_if_nothing_arrives(playwright, served: Served) -> None:
    with chromium(playwright, 1280, 900) as page:
        page.clock.install()
        page.route("**/voila.js", lambda route: None)  # as if it took minutes
        sent: list[str] = []
        told: list[str] = []
        page.on("request", lambda request: sent.append(request.url))
        page.on("requestfinished", lambda request: told.append(request.url))

        def is_answered() -> bool:
            page.evaluate("() => new Promise((done) => queueMicrotask(done))")
            return [url for url in sent if "touched" in url] == [url for url in told if "touched" in url]

        page.goto(served.url, wait_until="commit")
        # A place that the page of another test has just left is given back after seconds; until then this page waits
        # in the line, and moves over by itself.
        page.wait_for_function("() => typeof window.voila_finish === 'function'", timeout=120_000)
        words = page.locator("#wait > p")
        for _ in range(9):
            page.clock.run_for(20_000)
            served.wait_until(is_answered)
        assert "Nothing has arrived" not in words.inner_text()
        page.context.set_offline(True)
        page.clock.run_for(125_000)
        page.locator("#wait:has-text('Nothing has arrived for a minute. Reload the page')").wait_for(timeout=30_000)
