"""The page that `make voila` serves, in a real Chromium: first paint, sliders, requests, errors, leaving, waiting."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import PAINTED, chromium, find_chromium, write_notebook

from served import DASHBOARD, Served

pytestmark = pytest.mark.browser

PANELS = "() => document.querySelector('.liq-app-panels')?.dataset.ready === 'true'"
# Voila 0.5 contains code of JupyterLab 4.2 and logs this about each extension built for another version.
HARMLESS = re.compile(r"(Unsatisfied version|No satisfying version|\[ Federation Runtime \] Version) ")
PIXELS = "() => document.querySelector('.liq canvas').toDataURL()"
MOVE = """() => {
  const bar = document.querySelector('.liq-bar[data-tier="10"]');
  bar.value = '90';
  bar.dispatchEvent(new Event('input', { bubbles: true }));
}"""


LINKED = """(({ source: { settings, visible } }) => settings.palette === 'viridis' && visible?.range === '24h'
  && settings.leverageMix['10'] === 60)(document.querySelector('.liq').liqwidget)"""
BACKGROUND = "getComputedStyle(document.body).backgroundColor"
LINK = "document.querySelector('.liq').liqLink()"
KERNEL = "JSON.parse(document.getElementById('jupyter-config-data').textContent).kernelId"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    if find_chromium() is None:
        pytest.skip("no Chromium on the PATH (Debian: apt-get install chromium)")
    server = Served(DASHBOARD, tmp_path_factory.mktemp("home"), "--visitors=2")
    yield server
    server.stop()


@pytest.fixture
def visit(playwright):
    """Open a page in its own browser; its requests and messages are recorded."""
    stack = []

    def start(url: str, width: int = 1300, height: int = 900):
        manager = chromium(playwright, width, height)
        page = manager.__enter__()
        stack.append(manager)
        page.asked, page.said = [], []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("console", lambda m: page.said.append(m.text) if m.type in ("warning", "error") else None)
        page.goto(url, wait_until="commit")
        return page

    yield start
    for manager in stack:
        manager.__exit__(None, None, None)


@pytest.mark.parametrize("width", [1300, 390])
def test_the_page_paints_answers_and_ends_its_kernel(served: Served, visit, width: int) -> None:
    served.wait_until(served.heated)
    page = visit(served.url, width)
    page.wait_for_selector("#wait:has-text('picture')")
    page.wait_for_function(PAINTED, arg=1, timeout=60_000)
    page.wait_for_selector("#wait", state="detached")
    page.locator(".liq-app-panels").scroll_into_view_if_needed()
    page.wait_for_function(PANELS, timeout=30_000)
    assert page.title() == "Liquidation heatmap"
    assert page.evaluate("document.documentElement.scrollWidth") <= width

    before, revision = page.evaluate(PIXELS), page.locator(".liq").get_attribute("data-rev")
    page.evaluate(MOVE)
    page.wait_for_function("(rev) => document.querySelector('.liq').dataset.rev !== rev", arg=revision)
    assert page.evaluate(PIXELS) != before

    page.emulate_media(color_scheme="dark")
    page.wait_for_function("() => document.body.dataset.jpThemeLight === 'false'")
    page.wait_for_function(f"() => {BACKGROUND} === 'rgb(17, 17, 17)'")
    page.emulate_media(color_scheme="light")
    page.wait_for_function(f"() => {BACKGROUND} === 'rgb(255, 255, 255)'")

    assert page.problems == []
    assert [text for text in page.said if not HARMLESS.match(text)] == []
    assert len(page.asked) > 50
    own = (served.url, f"ws://{served.host}/", "data:", f"blob:{served.url}")
    assert [url for url in page.asked if not url.startswith(own)] == []
    html = page.content()
    assert "lw.explore" not in html
    assert "import liqwidget" not in html

    kernel = page.evaluate(KERNEL)
    page.goto("about:blank")
    served.wait_until(lambda: served.get(f"/api/kernels/{kernel}")[0] == 404)


def test_the_picture_is_there_before_the_front_end_and_keeps_its_view(served: Served, visit) -> None:
    served.wait_until(served.heated)
    page = visit("about:blank")
    held = []
    page.route("**/voila.js", lambda route: held.append(route))
    page.goto(served.url, wait_until="commit")
    page.wait_for_selector("#wait .liq[data-rev]", timeout=60_000)
    assert "computed by your browser" in page.locator("#wait > p").inner_text()
    assert page.locator("#wait > img").count() == 0
    before, revision = page.evaluate(PIXELS), page.locator("#wait .liq").get_attribute("data-rev")
    page.evaluate(MOVE)
    page.wait_for_function("(rev) => document.querySelector('.liq').dataset.rev !== rev", arg=revision)
    moved = page.evaluate(PIXELS)
    assert moved != before
    view = page.evaluate(LINK)
    page.wait_for_function("(view) => location.hash === '#' + view", arg=view)
    served.wait_until(lambda: page.evaluate("0") == 0 and held)
    assert page.locator("#wait").count() == 1
    page.unroute("**/voila.js")  # which lets it go on
    page.wait_for_function(PAINTED, arg=1, timeout=60_000)
    assert page.locator(".liq").count() == 1
    assert page.evaluate(LINK) == view
    assert page.evaluate(PIXELS) == moved
    kernel = page.evaluate(KERNEL)
    page.goto("about:blank")
    served.wait_until(lambda: served.get(f"/api/kernels/{kernel}")[0] == 404)
    assert page.problems == []
    assert [text for text in page.said if not HARMLESS.match(text)] == []


def test_the_address_names_the_view_and_a_wrong_one_is_said(served: Served, visit) -> None:
    served.wait_until(served.heated)
    page = visit(f"{served.url}?view=1&mix=10:60,25:0,50:40&palette=viridis&range=24h")
    page.wait_for_function(PAINTED, arg=1, timeout=60_000)
    page.wait_for_function(f"() => {LINKED}", timeout=30_000)
    kernels = [page.evaluate(KERNEL)]
    page.goto(f"{served.url}#view=1&palette=<img src=x>", wait_until="commit")
    page.wait_for_function(PAINTED, arg=1, timeout=60_000)
    page.locator(".liq-message", has_text="palette: wanted plasma").wait_for(timeout=10_000)
    assert page.locator(".liq img").count() == 0
    kernels.append(page.evaluate(KERNEL))
    page.goto("about:blank")
    for kernel in kernels:  # for the next test, which needs all places
        served.wait_until(lambda name=kernel: served.get(f"/api/kernels/{name}")[0] == 404)


def test_a_visitor_whose_kernel_has_died_reads_so_within_ten_seconds(served: Served, visit) -> None:
    served.wait_until(served.heated)
    page = visit(served.url)
    page.wait_for_function(PAINTED, arg=1, timeout=60_000)
    page.wait_for_selector("#wait", state="detached")
    name = page.evaluate(KERNEL).encode()
    (pid,) = [pid for pid in served.kernels() if name in Path(f"/proc/{pid}/cmdline").read_bytes()]
    assert not page.locator(".liq-banner").is_visible()
    os.kill(pid, signal.SIGKILL)
    banner = page.locator(".liq-banner")
    banner.wait_for(timeout=10_000)
    assert "The last picture stays" in banner.inner_text()
    page.locator(".liq-banner:has-text('reload the page')").wait_for(timeout=20_000)
    revision = page.locator(".liq").get_attribute("data-rev")
    page.evaluate(MOVE)
    page.wait_for_function("(rev) => document.querySelector('.liq').dataset.rev !== rev", arg=revision)


def test_a_page_comes_back_into_its_view_after_a_restart_of_the_server(tmp_path, visit) -> None:
    if find_chromium() is None:
        pytest.skip("no Chromium on the PATH (Debian: apt-get install chromium)")
    first = Served(DASHBOARD, tmp_path / "first")
    second = None
    try:
        first.wait_until(first.heated)
        page = visit(first.url)
        page.wait_for_function(PAINTED, arg=1, timeout=60_000)
        page.wait_for_selector("#wait", state="detached")
        page.evaluate(MOVE)
        mix = page.wait_for_function("() => document.querySelector('.liq').liqLink()").json_value()
        kernel = page.evaluate(KERNEL)
        first.stop()
        page.locator(".liq-banner", has_text="No connection to the kernel").wait_for(timeout=30_000)
        assert "reload" not in page.locator(".liq-banner").inner_text()
        second = Served(DASHBOARD, tmp_path / "second", port=first.port)
        changed = f"(old) => document.getElementById('jupyter-config-data') && {KERNEL} !== old"
        page.wait_for_function(changed, arg=kernel, timeout=60_000)
        page.wait_for_function("(mix) => document.querySelector('.liq')?.liqLink?.() === mix", arg=mix, timeout=60_000)
        assert page.url == f"{first.url}#{mix}"
    finally:
        first.stop()
        if second is not None:
            second.stop()


def test_a_visitor_beyond_the_limit_is_told_and_gets_the_next_free_place(served: Served, visit) -> None:
    first, second = visit(served.url), visit(served.url)
    for page in (first, second):
        page.wait_for_selector("#jupyter-config-data", state="attached", timeout=60_000)
    third = visit(served.url)
    third.wait_for_selector("text=/All (2 )?places are taken/")
    assert third.problems == [
        "Failed to load resource: the server responded with a status of 503 (Service Unavailable)"
    ]
    first.wait_for_function(PAINTED, arg=1, timeout=60_000)
    first.goto("about:blank")
    third.wait_for_selector("#jupyter-config-data", state="attached", timeout=60_000)  # it moves over by itself


def test_a_failing_cell_shows_no_traceback_and_an_idle_page_ends(tmp_path, visit) -> None:
    if find_chromium() is None:
        pytest.skip("no Chromium on the PATH (Debian: apt-get install chromium)")
    cells = (
        "import sys\nprint('a warning of the server', file=sys.stderr)\nprint('all is well')",
        "lurking = 'words of the server'\nraise ValueError(lurking)",
        "print('not reached')",
    )
    notebook = write_notebook(tmp_path / "broken.ipynb", *cells)
    given = ["--VoilaConfiguration.preheat_kernel=False", "--forgotten=5", "--MappingKernelManager.cull_interval=1"]
    server = Served(notebook, tmp_path / "home", *given)
    try:
        page = visit(server.url)
        page.wait_for_selector("text=There was an error when executing cell", timeout=60_000)
        page.wait_for_selector("#wait", state="detached")
        assert page.locator("text=all is well").count() == 1
        html = page.content()
        for word in ("lurking", "of the server", "Traceback", "ValueError", "not reached", "ipykernel"):
            assert word not in html
        server.wait_until(lambda: "its page is forgotten" in server.said())
        server.wait_until(lambda: server.kernels() == [])
    finally:
        server.stop()


def test_a_callback_that_fails_says_so_once_and_the_page_goes_on(tmp_path, visit) -> None:
    if find_chromium() is None:
        pytest.skip("no Chromium on the PATH (Debian: apt-get install chromium)")
    cells = (
        "import ipywidgets as w\nlurking = 'words of the server'\ncount = w.HTML('clicked 0')\n"
        "good, bad, up = w.Button(description='good'), w.Button(description='bad'), w.FileUpload(description='file')\n"
        "def counts(_): count.value = f'clicked {int(count.value.split()[1]) + 1}'\n"
        "def fails(_): raise ValueError(lurking)\n"
        "def arrived(change): count.value = f'{len(change.new[0].content)} bytes'\n"
        "good.on_click(counts)\nbad.on_click(fails)\nup.observe(arrived, 'value')",
        "w.VBox([count, good, bad, up])",
    )
    server = Served(write_notebook(tmp_path / "fails.ipynb", *cells), tmp_path / "home")
    try:
        page = visit(server.url)
        page.locator("button:has-text('good')").click(timeout=60_000)
        page.wait_for_selector("text=clicked 1")
        page.locator("button:has-text('bad')").click()
        said = page.wait_for_selector("#failed[role=alert]").inner_text()
        assert said.startswith("That did not work. The page goes on")
        page.locator("button:has-text('good')").click()
        page.wait_for_selector("text=clicked 2")
        with page.expect_file_chooser() as chooser:
            page.locator("button:has-text('file')").click()
        chooser.value.set_files({"name": "a.bin", "mimeType": "application/octet-stream", "buffer": b"x" * 1_500_000})
        page.wait_for_selector("text=1500000 bytes")
        assert "of the server" not in page.content()
        assert page.problems == []
        assert server.said().count("| ValueError: words of the server") == 1
    finally:
        server.stop()
