"""The widget in frameworks for web pages, each as docs/hosts.md shows it: `make test-hosts` installs them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from hosts import View, environment
from lab import Lab, chromium, find_chromium

from ports import free_port

pytestmark = pytest.mark.browser

DOCS = Path(__file__).resolve().parents[2] / "docs" / "hosts.md"
FRAMEWORKS = {
    "shinywidgets": ("Shiny", ["-m", "shiny", "run", "--port={port}", "page.py"]),
}


@pytest.mark.parametrize("package", FRAMEWORKS)
def test_the_page_of_the_manual_shows_the_whole_widget(playwright, tmp_path, package):
    if find_spec(package) is None or find_chromium() is None:
        pytest.skip(f"needs {package} and Chromium: make test-hosts")
    heading, command = FRAMEWORKS[package]
    (tmp_path / "page.py").write_text(re.search(rf"## {heading}\n.*?```python\n(.*?)```", DOCS.read_text(), re.S)[1])
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, *(part.format(port=port) for part in command)],
        cwd=tmp_path,
        env={**os.environ, **environment()},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        with chromium(playwright, 1400, 1200) as page:
            while server.poll() is None:
                try:
                    page.goto(f"http://127.0.0.1:{port}/", timeout=60_000)
                    break
                except Exception as error:
                    if "ERR_CONNECTION_REFUSED" not in str(error):
                        raise
                    Lab._pause()
            view = View(page).painted()
            assert view.root.evaluate("(e) => e.parentElement.clientHeight >= e.offsetHeight") is True  # not cut
            before = view.revision
            view.drag(".liq-deck .liq-slider", 0, 0.9)
            view.repainted(before)
            assert page.locator(".liq-still:visible").count() == 0
    finally:
        server.terminate()
        server.wait(15)
