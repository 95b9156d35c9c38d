"""One JupyterLab and one Chromium per session; a new page for every test."""

from __future__ import annotations

import itertools
import os
import re
from contextlib import contextmanager
from pathlib import Path

import pytest
from lab import PAINTED, Lab, chromium, find_chromium, open_notebook, run_all, write_notebook
from saved_page import TWO_FRAMES

import liqwidget as lw

SRC = str(Path(__file__).resolve().parents[2] / "src")


_OF_VIEW = """(i) => {
  const root = document.querySelectorAll('.liq')[i];
  const view = root?.liqwidget;
  return %s;
}"""


class Session:
    """A page with one open notebook, and access to its kernel."""

    def __init__(self, page, lab: Lab, folder: Path, name: str) -> None:
        self.page, self.lab, self.folder, self.name = page, lab, folder, name

    def run(self, views: int = 1) -> None:
        """Run all cells and wait until that many views have painted."""
        run_all(self.page)
        self.page.wait_for_function(PAINTED, arg=views, timeout=20_000)

    def python(self, code: str) -> str:
        """Run code in the notebook's kernel; return what it printed."""
        out = self.page.evaluate(EXECUTE, code)
        assert "ERROR" not in out, out
        return out

    def start(self, code: str) -> None:
        """Start code in the notebook's kernel without waiting for it to end."""
        self.page.evaluate(f"(code) => {{ void ({EXECUTE})(code); }}", code)

    def view(self, expression: str, index: int = 0):
        """Evaluate an expression of ``view``, the front end's own object."""
        return self.page.evaluate(_OF_VIEW % expression, index)

    def revision(self, index: int = 0) -> int:
        return int(self.page.locator(".liq").nth(index).get_attribute("data-rev"))

    def until(self, expression: str, index: int = 0, timeout: float = 15_000) -> None:
        """Wait until an expression of ``view`` holds."""
        self.page.wait_for_function(_OF_VIEW % expression, arg=index, timeout=timeout)


EXECUTE = """async (code) => {
  const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  let out = '';
  const future = kernel.requestExecute({ code, store_history: false, stop_on_error: false });
  future.onIOPub = (m) => {
    if (m.header.msg_type === 'stream') out += m.content.text;
    if (m.header.msg_type === 'error') out += 'ERROR ' + m.content.ename + ': ' + m.content.evalue;
  };
  await future.done;
  return out;
}"""


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    if find_chromium() is None:
        pytest.skip("no Chromium on the PATH (Debian: apt-get install chromium)")
    folder = tmp_path_factory.mktemp("notebooks")
    path = os.pathsep.join(filter(None, [SRC, os.environ.get("PYTHONPATH")]))
    server = Lab(folder, tmp_path_factory.mktemp("home"), env={"PYTHONPATH": path})
    yield server
    server.stop()


@pytest.fixture(scope="session")
def session_of():
    """Make a session of a page that the test has opened itself."""
    return Session


@pytest.fixture(scope="session")
def playwright():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as instance:
        yield instance


@pytest.fixture
def notebook(lab, playwright):
    """Open a notebook with these cells, run it, and wait for its views."""
    stack = []
    count = itertools.count()

    def start(*cells: str, views: int = 1, width: int = 1500, height: int = 1500, path: Path | None = None) -> Session:
        manager = chromium(playwright, width, height)
        page = manager.__enter__()
        stack.append((manager, page))
        name = f"test_{os.urandom(4).hex()}_{next(count)}.ipynb"
        if path is None:
            write_notebook(lab.folder / name, *cells)
        else:
            (lab.folder / name).write_bytes(path.read_bytes())
        open_notebook(page, lab, name)
        session = Session(page, lab, lab.folder, name)
        session.run(views)
        return session

    yield start
    for manager, page in stack:
        page.evaluate("async () => window.jupyterapp.shell.currentWidget?.sessionContext.shutdown()")
        manager.__exit__(None, None, None)


@pytest.fixture(scope="session")
def on_sample(playwright, tmp_path_factory):
    """Open the exported page of the sample in a window of a size; it must report no errors."""
    path = tmp_path_factory.mktemp("sample") / "page.html"

    @contextmanager
    def start(width, height):
        if find_chromium() is None:
            pytest.skip("no Chromium on the PATH (Debian: apt-get install chromium)")
        if not path.is_file():
            lw.LiquidationHeatmap(lw.load_sample()).to_html(path)
        with chromium(playwright, width, height) as page:
            page.goto(path.as_uri())
            page.wait_for_selector(".liq[data-rev]", timeout=15_000)
            page.evaluate(TWO_FRAMES)
            yield page
            assert page.problems == []

    return start


@pytest.fixture
def opened(playwright, tmp_path):
    """Open a page from disk; its network requests are refused and collected in ``page.asked``."""

    @contextmanager
    def start(html, width=1400, height=1000, painted=True, address="", **options):
        path = tmp_path / "page.html"
        path.write_text(html, encoding="utf-8")
        with chromium(playwright, width, height) as first:
            context = first.context.browser.new_context(viewport={"width": width, "height": height}, **options)
            context.set_offline(True)
            page = context.new_page()
            page.asked, page.problems = [], []
            page.on("request", lambda request: page.asked.append(request.url))
            page.on("pageerror", lambda error: page.problems.append(str(error)))
            page.on("console", lambda m: page.problems.append(m.text) if m.type == "error" else None)
            page.on("dialog", lambda dialog: (page.problems.append(dialog.message), dialog.dismiss()))
            page.goto(path.as_uri() + address)
            if painted:
                page.wait_for_selector(".liq[data-rev]", timeout=15_000)
                page.evaluate(TWO_FRAMES)
            yield page
            asked = [url for url in page.asked if not url.startswith(("file:", "data:", "blob:"))]
            assert asked == []
            assert [re.split("[?#]", url)[0] for url in page.asked if url.startswith("file:")] == [path.as_uri()]

    return start
