"""Hosts other than JupyterLab: a real Notebook 7, a real marimo, and a widget view in any of them."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chart import reach
from lab import Lab

from ports import free_port

SRC = str(Path(__file__).resolve().parents[2] / "src")


def environment() -> dict[str, str]:
    """Return the environment variables that a server needs to import this checkout."""
    return {"PYTHONPATH": os.pathsep.join(filter(None, [SRC, os.environ.get("PYTHONPATH")]))}


class Classic(Lab):
    """A classic Notebook, as nbclassic serves it beside JupyterLab."""

    def url(self, notebook: str) -> str:
        return f"http://127.0.0.1:{self.port}/notebooks/{notebook}?token={self.token}"


class Notebook(Classic):
    """A Jupyter Notebook 7 with its own home, serving one folder."""

    module = "notebook"


class Marimo:
    """A marimo with its own home, serving one file as an app ("run") or as a notebook ("edit")."""

    def __init__(self, path: Path, home: Path, mode: str = "run", env: dict[str, str] | None = None) -> None:
        self.token, port = secrets.token_hex(16), free_port()
        self.url = f"http://127.0.0.1:{port}/?access_token={self.token}"
        config = home / "config" / "marimo" / "marimo.toml"
        config.parent.mkdir(parents=True)
        config.write_text('[display]\ntheme = "system"\n[runtime]\nauto_instantiate = true\n')
        places = {"HOME": "", "XDG_CONFIG_HOME": "config", "XDG_STATE_HOME": "state", "XDG_CACHE_HOME": "cache"}
        self.log = (home / "marimo.log").open("wb")
        options = ["--headless", "--no-sandbox", f"--port={port}", f"--token-password={self.token}"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "marimo", "-q", mode, path, *options],
            env={
                **os.environ,
                **{k: str(home / v) for k, v in places.items()},
                "MARIMO_SKIP_UPDATE_CHECK": "1",
                "OMP_NUM_THREADS": "1",
                **(env or {}),
            },
            cwd=path.parent,
            stdout=self.log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2).close()
                return
            except (urllib.error.URLError, OSError):
                Lab._pause()
        self.stop()  # type: ignore[misc]
        raise RuntimeError("marimo did not come up:\n" + Path(self.log.name).read_text()[-3000:])

    stop = Lab.stop


class View:
    """One view of the widget, wherever its host puts it: marimo uses a shadow tree."""

    def __init__(self, page, nth: int = 0, frame=None) -> None:
        self.page, self._inside = page, page if frame is None else frame
        self.root = self._inside.locator(".liq").nth(nth)

    def painted(self) -> View:
        """Wait for its first picture."""
        self.root.wait_for(timeout=20_000)
        self.until("Number(root.dataset.rev) > 0")
        return self

    def get(self, expression: str) -> Any:
        """Evaluate an expression of ``root`` and ``view``, the front end's own object."""
        return self.root.evaluate(_function(expression))

    def until(self, expression: str) -> None:
        """Wait until such an expression is true."""
        self._inside.wait_for_function(_function(expression), arg=self.root.element_handle(), timeout=15_000)

    def until_outside(self, read: Callable[[], Any], holds: Callable[[Any], bool]) -> None:
        """Wait until what is read elsewhere is as expected: Python receives a drag some time after the browser."""
        until = time.monotonic() + 15
        while not holds(has := read()):
            assert time.monotonic() < until, has
            self.get("new Promise((done) => requestAnimationFrame(() => done()))")

    @property
    def revision(self) -> int:
        """How many times the view has painted."""
        return int(self.root.get_attribute("data-rev") or 0)

    def repainted(self, before: int) -> None:
        self.until(f"Number(root.dataset.rev) > {before}")

    def drag(self, selector: str, nth: int, to: float) -> None:
        """Drag the thumb of a range input to a share of its width, step by step, as a user does."""
        handle = reach(self.root.locator(selector).nth(nth))
        handle.scroll_into_view_if_needed()
        box = handle.bounding_box()
        low, high, value = (float(handle.evaluate(f"e => e.{name}")) for name in ("min", "max", "value"))
        middle = box["y"] + box["height"] / 2
        self.page.mouse.move(box["x"] + 4 + (box["width"] - 8) * (value - low) / (high - low), middle)
        self.page.mouse.down()
        self.page.mouse.move(box["x"] + 4 + (box["width"] - 8) * to, middle, steps=8)
        self.page.mouse.up()


def _function(expression: str) -> str:
    return f"(root) => {{ const view = root.liqwidget; return {expression}; }}"
