"""A real JupyterLab and a real Chromium, for tests, screenshots and benchmarks."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

from ports import free_port

CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SETTINGS = {
    "@jupyterlab/apputils-extension/notification.jupyterlab-settings": {
        "fetchNews": "false",
        "checkForUpdates": False,
        "doNotDisturbMode": True,
    },
    "@jupyterlab/extensionmanager-extension/plugin.jupyterlab-settings": {"enabled": False},
}


def find_chromium() -> str | None:
    """Return the path of a Chromium on this machine."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next((path for path in map(shutil.which, names) if path), None)


class Lab:
    """A JupyterLab with its own home, serving one folder."""

    module = "jupyterlab"

    def __init__(self, folder: Path, home: Path, dark: bool = False, env: dict[str, str] | None = None) -> None:
        self.folder, self.token, self.port = folder, secrets.token_hex(16), free_port()
        settings = dict(SETTINGS)
        if dark:
            settings["@jupyterlab/apputils-extension/themes.jupyterlab-settings"] = {"theme": "JupyterLab Dark"}
        for name, value in settings.items():
            path = home / "settings" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(value))
        places = {
            "JUPYTER_CONFIG_DIR": "config",
            "JUPYTER_DATA_DIR": "data",
            "JUPYTER_RUNTIME_DIR": "runtime",
            "IPYTHONDIR": "ipython",
            "JUPYTERLAB_SETTINGS_DIR": "settings",
            "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        }
        self.log = (home / "lab.log").open("wb")
        command = [sys.executable, "-m", self.module, "--no-browser", "--allow-root", "--expose-app-in-browser"]
        options = {
            "ServerApp.ip": "127.0.0.1",
            "ServerApp.port": self.port,
            "ServerApp.port_retries": 0,
            "ServerApp.root_dir": folder,
            "IdentityProvider.token": self.token,
        }
        self.process = subprocess.Popen(
            [*command, *(f"--{name}={value}" for name, value in options.items())],
            env={**os.environ, **{k: str(home / v) for k, v in places.items()}, "OMP_NUM_THREADS": "1", **(env or {})},
            cwd=home,
            stdout=self.log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
        self._await()

    def _await(self) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api?token={self.token}", timeout=2).close()
                return
            except (urllib.error.URLError, OSError):
                self._pause()
        self.stop()
        raise RuntimeError("JupyterLab did not come up:\n" + Path(self.log.name).read_text()[-3000:])

    @staticmethod
    def _pause() -> None:
        # The condition is outside the page: there is nothing to subscribe to before the port answers.
        import select

        select.select([], [], [], 0.1)

    def url(self, notebook: str) -> str:
        return f"http://127.0.0.1:{self.port}/lab/tree/{notebook}?token={self.token}&reset"

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


@contextmanager
def chromium(playwright, width: int = 1500, height: int = 1500, ratio: float = 1.0):
    """A page in a fresh headless Chromium; errors of the page are collected in ``page.problems``."""
    browser = playwright.chromium.launch(
        executable_path=find_chromium(),
        args=[*CHROMIUM_FLAGS, f"--force-device-scale-factor={ratio}"],
    )
    try:
        context = browser.new_context(viewport={"width": width, "height": height}, no_viewport=False)
        page = context.new_page()
        page.problems = []
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        page.on("console", lambda m: page.problems.append(m.text) if m.type == "error" else None)
        yield page
    finally:
        browser.close()


READY = """() => {
  const session = window.jupyterapp?.shell?.currentWidget?.sessionContext;
  const kernel = session?.session?.kernel;
  return !!session?.isReady && kernel?.status === 'idle' && kernel?.connectionStatus === 'connected';
}"""

RAN = """() => {
  const notebook = window.jupyterapp.shell.currentWidget.content;
  const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session?.kernel;
  const done = notebook.widgets.every((cell) => cell.model.type !== 'code'
    || cell.model.sharedModel.source.trim() === '' || cell.model.executionCount !== null);
  const waiting = [...document.querySelectorAll('.jp-InputPrompt')].some((p) => p.textContent.includes('*'));
  const failed = document.querySelector('.jp-OutputArea-output[data-mime-type="application/vnd.jupyter.stderr"]');
  return (done || failed) && !waiting && kernel?.status === 'idle';
}"""

# A server's page shows a heatmap without a kernel while it loads, in #wait.
PAINTED = "(n) => !document.querySelector('#wait') && document.querySelectorAll('.liq[data-rev]').length >= n"


def open_notebook(page, lab: Lab, name: str) -> None:
    """Open a notebook and wait for its kernel."""
    page.goto(lab.url(name))
    page.wait_for_function(READY, timeout=60_000)


def run_all(page) -> None:
    """Run > Run All Cells, and wait until all cells have run."""
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    page.wait_for_function(RAN, timeout=90_000)
    errors = page.locator('[data-mime-type="application/vnd.jupyter.stderr"]').all_inner_texts()
    assert not errors, errors


def write_notebook(path: Path, *cells: str) -> Path:
    """Write a notebook of code cells."""
    import nbformat
    import nbformat.v4 as v4

    notebook = v4.new_notebook(cells=[v4.new_code_cell(source) for source in cells])
    notebook.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    nbformat.write(notebook, path)
    return path
