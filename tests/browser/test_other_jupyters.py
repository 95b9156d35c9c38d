"""The widget in a classic Notebook and in a JupyterLab of several users: `make test-hosts` installs both."""

from __future__ import annotations

from importlib.util import find_spec

import pytest
from hosts import Classic, View, environment
from lab import RAN, Lab, chromium, find_chromium, open_notebook, run_all, write_notebook

pytestmark = pytest.mark.browser

CELL = "import liqwidget as lw\nhm = lw.LiquidationHeatmap(lw.load_sample())\nhm"
#: JupyterLab says this of a message that is for another page of the same kernel.
FOR_ANOTHER = "Comm not found for comm id"


@pytest.fixture
def served(tmp_path):
    """Serve a notebook with the widget, if a package is installed."""
    servers = []

    def start(package, kind):
        if find_spec(package) is None or find_chromium() is None:
            pytest.skip(f"needs {package} and Chromium: make test-hosts")
        for name in ("notebooks", "home"):
            (tmp_path / name).mkdir()
        write_notebook(tmp_path / "notebooks" / "page.ipynb", CELL)
        servers.append(kind(tmp_path / "notebooks", tmp_path / "home", env=environment()))
        return servers[0]

    yield start
    for server in servers:
        server.stop()


def drag(view, to):
    """Drag the slider of the decay rate; return the rate once the picture is drawn."""
    before = view.revision
    view.drag(".liq-deck .liq-slider", 0, to)
    view.repainted(before)
    return view.get("view.source.settings.decayRate")


def test_the_classic_notebook(served, playwright):
    lab = served("nbclassic", Classic)
    with chromium(playwright, 1400, 1400) as page:
        page.goto(lab.url("page.ipynb"))
        # When it has asked a new kernel for its widgets, the classic Notebook drops the views that it shows by then.
        page.wait_for_function("() => window.Jupyter?.notebook?.kernel?.info_reply?.implementation", timeout=60_000)
        for _ in range(2):  # the kernel answers in order
            page.evaluate("() => new Promise((reply) => Jupyter.notebook.kernel.execute('', { shell: { reply } }))")
        page.problems.clear()  # extensions of others that the classic Notebook does not find
        page.evaluate("() => Jupyter.notebook.execute_all_cells()")
        view = View(page).painted()
        page.evaluate("() => new Promise((done) => MathJax.Hub.Queue(done))")
        assert page.locator(".MathJax, .MathJax_Preview").count() == 0
        assert page.locator(".liq-still").count() == 1
        assert not page.locator(".liq-still").is_visible()
        assert view.root.evaluate("(e) => e.closest('.output_scroll')") is None  # shown whole
        rate = drag(view, 0.9)
        page.evaluate("() => Jupyter.notebook.insert_cell_at_bottom().set_text('print(hm.decay_rate); hm.close()')")
        page.evaluate("() => Jupyter.notebook.execute_cells([1])")
        page.locator(".output_stdout").wait_for()
        assert float(page.locator(".output_stdout").inner_text()) == pytest.approx(rate)
        page.locator(".liq-still").wait_for()  # the closed widget leaves its picture
        assert page.problems == []


def test_a_notebook_of_several_users(served, playwright):
    """Who opens it once the cell has run shares the widget; who had it open sees the picture until they reload."""
    lab = served("jupyter_collaboration", Lab)
    with chromium(playwright, 1400, 1400) as page, chromium(playwright, 1400, 1400) as other:
        for each in (page, other):
            open_notebook(each, lab, "page.ipynb")
        run_all(page)
        view = View(page).painted()
        other.wait_for_function(RAN, timeout=60_000)
        other.locator(".liq-still").wait_for()
        assert not page.locator(".liq-still").is_visible()
        other.reload()
        shared = View(other).painted()
        rate = drag(view, 0.9)
        shared.until(f"Math.abs(view.source.settings.decayRate - {rate}) < 1e-9")
        rate = drag(shared, 0.3)
        view.until(f"Math.abs(view.source.settings.decayRate - {rate}) < 1e-9")
        assert not other.locator(".liq-still").is_visible()
        assert [problem for problem in page.problems + other.problems if not problem.startswith(FOR_ANOTHER)] == []
