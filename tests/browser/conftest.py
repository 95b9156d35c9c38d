"""One JupyterLab and one Chromium a session; a page of its own for every test."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest
from lab import PAINTED, Lab, chromium, find_chromium, open_notebook, run_all, write_notebook

SRC = str(Path(__file__).resolve().parents[2] / "src")


_OF_VIEW = """(i) => {
  const root = document.querySelectorAll('.liq')[i];
  const view = root?.liqwidget;
  return %s;
}"""


class Session:
    """A page on one notebook, with its kernel at hand."""

    def __init__(self, page, lab: Lab, folder: Path, name: str) -> None:
        self.page, self.lab, self.folder, self.name = page, lab, folder, name

    def run(self, views: int = 1) -> None:
        """Run all cells and wait until that many views have painted."""
        run_all(self.page)
        self.page.wait_for_function(PAINTED, arg=views, timeout=20_000)

    def python(self, code: str) -> str:
        """Run code in the notebook's kernel; returns what it printed."""
        out = self.page.evaluate(EXECUTE, code)
        assert "ERROR" not in out, out
        return out

    def start(self, code: str) -> None:
        """Have code run in the notebook's kernel, without waiting for its end."""
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
    """Makes a session of a page that a test has opened by itself."""
    return Session


@pytest.fixture(scope="session")
def playwright():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as instance:
        yield instance


@pytest.fixture
def notebook(lab, playwright):
    """Open a notebook of these cells, run it, and wait for its views."""
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
