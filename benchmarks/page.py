"""Shared by the browser benchmarks: JupyterLab, a Chromium without a debugger, and a channel from the page.

A debugger copies every websocket frame, so Playwright connects to set up the page and disconnects before anything is
timed. The page then runs its plan by itself (`page.js`) and posts the results to `Line`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests" / "browser"), str(ROOT / "tests")]

from lab import CHROMIUM_FLAGS, READY, Lab, find_chromium, open_notebook, run_all, write_notebook  # noqa: E402

SCRIPT = (Path(__file__).parent / "page.js").read_text()
AWAKE = [
    "--headless",
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
    "--disable-backgrounding-occluded-windows",
]


def python_loop() -> float:
    """Return ms for a fixed amount of arithmetic, to detect changes in the machine's speed."""
    begun = time.perf_counter()
    x = 0.0
    for i in range(100_000):
        x = (x * 1.0000001 + i) % 1000003
    return (time.perf_counter() - begun) * 1e3


def quantile(values: list[float], share: float) -> float:
    """Return the smallest value that is at least as large as this share of the values."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def machine() -> str:
    """Describe how busy the machine is."""
    return f"load average {', '.join(f'{x:.2f}' for x in os.getloadavg())} on {os.cpu_count()} cores"


def kernel_of(lab: Lab, notebook: str) -> int:
    """Return the process id of a notebook's kernel (Linux: its command line names the kernel's id)."""
    with urllib.request.urlopen(f"http://127.0.0.1:{lab.port}/api/sessions?token={lab.token}") as answer:
        sessions = json.load(answer)
    kernel = next(s["kernel"]["id"] for s in sessions if s["path"] == notebook)
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if kernel in (folder / "cmdline").read_text():
                return int(folder.name)
        except OSError:  # it has just ended
            continue
    raise RuntimeError(f"no process for the kernel of {notebook}")


class Line:
    """Server for the page's requests during a run: stop or resume a kernel, time a loop, submit results."""

    def __init__(self, lab: Lab) -> None:
        self.results: Any = None
        self._done = threading.Event()
        self._stopped: set[int] = set()
        line = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                verb, _, what = self.path.strip("/").partition("/")
                if verb == "stop":
                    line._signal(kernel_of(lab, what), signal.SIGSTOP)
                elif verb == "go":
                    line.wake()
                self._answer(python_loop() if verb == "loop" else None)

            def do_POST(self) -> None:
                line.results = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self._answer(None)
                line._done.set()

            def _answer(self, value: object) -> None:
                self.send_response(200)
                self.send_header("Access-Control-Allow-Origin", "*")
                self.end_headers()
                self.wfile.write(json.dumps(value).encode())

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def _signal(self, pid: int, number: int) -> None:
        os.kill(pid, number)
        self._stopped.add(pid)

    def wake(self) -> None:
        """Resume stopped kernels."""
        while self._stopped:
            os.kill(self._stopped.pop(), signal.SIGCONT)

    def wait(self, seconds: float) -> Any:
        """Return the results once the page has submitted them."""
        if not self._done.wait(seconds):
            raise RuntimeError(f"the page did not finish within {seconds:.0f} s")
        if isinstance(self.results, dict):
            raise RuntimeError(f"the page: {self.results['error']}")
        return self.results

    def close(self) -> None:
        """Stop listening and resume all kernels."""
        self.wake()
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def chromium_by_hand(home: Path, width: int, height: int) -> Iterator[str]:
    """Start a Chromium without Playwright; yields the address at which a debugger can connect."""
    command = [str(find_chromium()), *CHROMIUM_FLAGS, *AWAKE, "--remote-debugging-port=0", f"--user-data-dir={home}"]
    process = subprocess.Popen(
        [*command, f"--window-size={width},{height}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
    )
    try:
        port = home / "DevToolsActivePort"
        deadline = time.monotonic() + 30
        while not (port.is_file() and "\n" in port.read_text()):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("Chromium did not come up")
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port.read_text().splitlines()[0]}"
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _open_beside(page: Page, name: str) -> None:
    """Open another notebook in the same JupyterLab and wait for its kernel."""
    page.evaluate("path => jupyterapp.commands.execute('docmanager:open', { path })", name)
    page.wait_for_function(
        f"name => jupyterapp.shell.currentWidget?.context?.path === name && ({READY})()", arg=name, timeout=60_000
    )


def run_in_page(
    notebooks: dict[str, list[str]],
    work: str,
    plan: dict[str, Any],
    seconds: float,
    prepare: Callable[[Page], None] | None = None,
    size: tuple[int, int] = (1500, 1400),
) -> Any:
    """Open notebooks in one JupyterLab, let the page run ``work(plan)`` without a debugger, return what it posts.

    Parameters
    ----------
    notebooks
        Name -> code cells; the last cell shows the figure.
    work
        JavaScript of an async function of the plan.
    plan
        Argument of the work; the line's ``url`` is added.
    seconds
        Timeout.
    prepare
        Called with the page after the notebooks have run.
    size
        Width and height of the window.
    """
    with tempfile.TemporaryDirectory(prefix="liq-bench-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        for name in ("work", "home", "chromium"):
            (home / name).mkdir()
        for name, cells in notebooks.items():
            write_notebook(home / "work" / name, *cells)
        path = os.pathsep.join(filter(None, [str(ROOT / "src"), os.environ.get("PYTHONPATH")]))
        lab = Lab(home / "work", home / "home", env={"PYTHONPATH": path})
        line = Line(lab)
        try:
            with chromium_by_hand(home / "chromium", *size) as address:
                with sync_playwright() as playwright:
                    browser = playwright.chromium.connect_over_cdp(address)
                    page = browser.contexts[0].pages[0]
                    page.add_init_script(SCRIPT)
                    for i, name in enumerate(notebooks):
                        if i == 0:
                            open_notebook(page, lab, name)
                        else:
                            _open_beside(page, name)
                        run_all(page)
                    if prepare is not None:
                        prepare(page)
                    page.mouse.move(2, 2)  # keep the crosshair off the charts
                    page.evaluate(f"plan => void bench.report(plan, {work})", {**plan, "url": line.url})
                return line.wait(seconds)
        finally:
            line.close()
            lab.stop()
