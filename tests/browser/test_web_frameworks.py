"""The widget in frameworks for web pages, each as docs/hosts.md shows it: `make test-hosts` installs them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest
from hosts import View, environment
from lab import Lab, chromium, find_chromium
from plain_host import host_page

import liqwidget as lw
from ports import free_port, is_open

pytestmark = pytest.mark.browser

DOCS = Path(__file__).resolve().parents[2] / "docs" / "hosts.md"


@dataclass(frozen=True)
class Framework:
    """How a framework shows the page of a section of the manual."""

    heading: str
    serve: str
    file: str = "page.py"
    build: str = ""
    address: str = ""
    has_python: bool = True  # behind the page
    in_frame: bool = False


FRAMEWORKS = {
    "shinywidgets": Framework("Shiny", "-m shiny run --port={port} page.py"),
    "panel": Framework("Panel", "-m panel serve --port={port} page.py", address="page"),
    "solara": Framework(
        "Solara", "-m solara run page.py --host=127.0.0.1 --port={port} --production --no-check-version"
    ),
    "streamlit": Framework(
        "Streamlit",
        "-m streamlit run page.py --server.address=127.0.0.1 --server.port={port} --server.headless=true "
        "--browser.gatherUsageStats=false",
        has_python=False,
        in_frame=True,
    ),
    "myst_nb": Framework(
        "MyST-NB",
        "-m http.server --bind=127.0.0.1 --directory=site {port}",
        file="index.md",
        build="-m sphinx -q -D extensions=myst_nb -C . site",
        has_python=False,
    ),
}
#: Goes before the page's code: writes the decay rate that Python has, as the browser changes it.
TOLD = """\
from pathlib import Path
import liqwidget

def _told(self, state, _set_state=liqwidget.LiquidationHeatmap.set_state):
    _set_state(self, state)
    Path("told").write_text(str(self.decay_rate))

liqwidget.LiquidationHeatmap.set_state = _told
"""
#: What frameworks ask other hosts for, and the module that has the same file; all else is answered with nothing.
ELSEWHERE = {
    "/anywidget": ("anywidget", "nbextension/index.js", ""),
    "/require": ("nbclassic", "static/components/requirejs/require.js", ""),
    "/embed-amd": (
        "shinywidgets",
        "static/libembed-amd.js",
        "require(['@jupyter-widgets/html-manager/dist/libembed-amd'], (manager) => manager.renderWidgets());",
    ),
}
#: Of html-manager, which looks for a widget's module beside the page first.
NOT_OURS = "Failed to load resource: the server responded with a status of 404 (File not found)"
#: The first element around the widget that hides a part of it, or "".
CUT = """(root) => {
  const { bottom, right } = root.getBoundingClientRect();
  for (let at = root; (at = at.parentElement ?? at.getRootNode().host); ) {
    const { overflowX, overflowY } = getComputedStyle(at), box = at.getBoundingClientRect();
    const top = at === document.documentElement || at === document.body;
    if (!top && overflowY !== 'visible' && bottom > box.bottom + 1) return `below: ${at.className}`;
    if (!top && overflowX !== 'visible' && right > box.right + 1) return `right: ${at.className}`;
  }
  const { scrollHeight, scrollWidth } = document.documentElement;
  if (scrollWidth > innerWidth) return 'page: right';
  return window !== window.top && scrollHeight > innerHeight ? 'frame: below' : '';
}"""

#: Styles of the widget's elements by their classes.
STYLES = """(root) => {
  const names = ['font-family', 'font-size', 'font-weight', 'font-style', 'line-height', 'letter-spacing',
    'word-spacing', 'text-transform', 'text-align', 'text-decoration', 'text-shadow', 'color', 'background-color',
    'padding', 'margin', 'border', 'border-radius', 'box-sizing', 'box-shadow', 'cursor', 'float', 'opacity',
    'list-style', 'white-space'];
  return [root, ...root.querySelectorAll('[class^="liq-"]')].flatMap((element) => ['', '::before'].map((pseudo) => {
    const style = getComputedStyle(element, pseudo || undefined);
    return [`${element.tagName}.${element.className}${pseudo}`, names.map((name) => style.getPropertyValue(name))];
  }));
}"""


def from_here(route):
    """Answer a request to another host from a file of this environment, if that has it."""
    module, path, more = next((has for name, has in ELSEWHERE.items() if name in route.request.url), ("", "", ""))
    body = (Path(find_spec(module).submodule_search_locations[0]) / path).read_text("utf-8") + more if module else ""
    kind = "text/javascript" if module else "text/css"
    route.fulfill(body=body, content_type=kind, headers={"Access-Control-Allow-Origin": "*"})


@contextmanager
def served(framework, folder):
    """Serve the page of the manual; yield its address once it answers."""
    text = re.search(rf"## {framework.heading}\n.*?\n(````*)(?:python|md)\n(.*?)\1\n", DOCS.read_text("utf-8"), re.S)[2]
    (folder / framework.file).write_text((TOLD if framework.has_python else "") + text, "utf-8")
    port = free_port()
    env = {**os.environ, **environment(), "HOME": str(folder)}
    if framework.build:
        subprocess.run([sys.executable, *framework.build.split()], cwd=folder, env=env, check=True)
        for page in folder.glob("site/*.html"):  # digests of the files of other hosts
            page.write_text(re.sub(r' integrity="[^"]*"', "", page.read_text("utf-8")), "utf-8")
    server = subprocess.Popen(
        [sys.executable, *framework.serve.format(port=port).split()],
        cwd=folder,
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while server.poll() is None and not is_open(port):
            Lab._pause()
        yield f"http://127.0.0.1:{port}/{framework.address}"
    finally:
        server.terminate()
        server.wait(15)


@pytest.mark.parametrize("package", FRAMEWORKS)
def test_the_page_of_the_manual_shows_the_whole_widget(playwright, opened, tmp_path, package):
    if find_spec(package) is None or find_chromium() is None:
        pytest.skip(f"needs {package} and Chromium: make test-hosts")
    framework, hm = FRAMEWORKS[package], lw.LiquidationHeatmap(lw.load_sample())
    with served(framework, tmp_path) as address, chromium(playwright, 1400, 1200) as page:
        page.route(re.compile(r"^https?://(?!127\.0\.0\.1)"), from_here)
        page.goto(address, timeout=60_000)
        frame = page.wait_for_selector("iframe").content_frame() if framework.in_frame else None
        view = View(page, frame=frame).painted()
        assert view.root.evaluate(CUT) == ""
        with opened(host_page(hm, host_css="body { margin: 0; }"), width=view.get("root.offsetWidth")) as plain:
            looks = plain.locator(".liq").evaluate(STYLES)
        known = {name for name, _ in looks}
        assert [look for look in view.root.evaluate(STYLES) if look[0] in known and look not in looks] == []
        before = view.revision
        view.drag(".liq-deck .liq-slider", 0, 0.9)
        view.repainted(before)
        if framework.has_python:
            shown, told = view.get("view.source.settings.decayRate"), tmp_path / "told"
            view.until_outside(
                lambda: float(told.read_text() or 0) if told.exists() else 0, lambda has: has == pytest.approx(shown)
            )
        assert (frame or page).locator(".liq-still:visible").count() == 0
        said = "As saved: everything here works without a kernel." if package == "myst_nb" else ""
        assert view.root.locator(".liq-banner").text_content() == said
        assert [problem for problem in page.problems if problem != NOT_OURS] == []
