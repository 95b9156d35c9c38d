"""A real Voila as liqwidget serves it, for tests and benchmarks, with its own home, a free port and known processes."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import time
from pathlib import Path

from ports import free_port

ROOT = Path(__file__).resolve().parents[1]
DASHBOARD = ROOT / "notebooks" / "dashboard.ipynb"


def is_kernel(pid: int) -> bool:
    """Whether this process exists and is a kernel."""
    try:
        return b"ipykernel" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:  # it has just ended
        return False


class Served:
    """`python -m liqwidget.serve` on one notebook, running and with its pool of preheated kernels filled."""

    patience = 60.0  # seconds that a reply may take

    def __init__(
        self,
        notebook: Path,
        home: Path,
        *options: str,
        env: dict[str, str] | None = None,
        port: int | None = None,
        name: str = "127.0.0.1",
    ) -> None:
        self.port = port or free_port()
        self.host = f"{name}:{self.port}"
        places = {
            "HOME": "home",
            "JUPYTER_CONFIG_DIR": "config",
            "JUPYTER_DATA_DIR": "data",
            "JUPYTER_RUNTIME_DIR": "runtime",
            "IPYTHONDIR": "ipython",
            "LIQWIDGET_CACHE": "cache",
        }
        for name in places.values():
            (home / name).mkdir(parents=True, exist_ok=True)
        path = os.pathsep.join(filter(None, [str(ROOT / "src"), os.environ.get("PYTHONPATH")]))
        self.log = (home / "serve.log").open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "liqwidget.serve", str(notebook), f"--port={self.port}", *options],
            env={**os.environ, **{k: str(home / v) for k, v in places.items()}, "PYTHONPATH": path, **(env or {})},
            cwd=home,
            stdout=self.log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
        self.wait_until(self._answers, 60)

    @property
    def url(self) -> str:
        return f"http://{self.host}/"

    def said(self) -> str:
        """All that the server has logged."""
        return Path(self.log.name).read_text(errors="replace")

    def kernels(self) -> list[int]:
        """Process ids of the running kernels."""
        children = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        ids = [int(word) for path in children for word in path.read_text().split()]
        return [pid for pid in ids if is_kernel(pid)]

    def get(
        self, path: str, method: str = "GET", host: str | None = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """Request exactly this path, without normalising it."""
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.patience)
        try:
            line.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            line.putheader("Host", host or self.host)
            for name, value in headers.items():
                line.putheader(name, value)
            line.endheaders()
            answer = line.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            line.close()

    def wait_until(self, condition, seconds: float = 30.0):
        """Wait for a condition outside the page; there is nothing to subscribe to."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            if value := condition():
                return value
            time.sleep(0.05)
        raise TimeoutError(f"{getattr(condition, '__name__', condition)} did not come true:\n{self.said()[-3000:]}")

    def heated(self) -> bool:
        """Whether the pool is full, so that a visitor gets a kernel that has run the notebook's start."""
        return self.said().count("is filled with") > self.said().count("Using pre-heated kernel")

    def _answers(self) -> bool:
        try:
            return self.get("/voila/static/dashboard.js")[0] in (200, 401)  # the latter: sign in first
        except OSError:
            return False

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
