"""CPU time and memory of processes, read from /proc (Linux), and a notebook with known processes."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from page import ROOT, chromium_by_hand, kernel_of
from playwright.sync_api import Page, sync_playwright

sys.path[:0] = [str(ROOT / "tests" / "browser"), str(ROOT / "tests")]

from lab import PAINTED, Lab, open_notebook, run_all, write_notebook  # noqa: E402

TICK = os.sysconf("SC_CLK_TCK")


def seconds_of(*pids: int) -> float:
    """Return the CPU time that processes have used so far."""
    fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return sum(int(each[11]) + int(each[12]) for each in fields) / TICK


def megabytes_of(pid: int) -> float:
    """Return the resident memory of a process, MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


@dataclass(frozen=True)
class Opened:
    """A notebook in a Chromium, with its processes."""

    address: str  # at which a debugger can connect
    server: int
    kernel: int
    chromium: list[int]
    renderer: int  # process of the page


@contextmanager
def alone(*cells: str, ready: str = "() => true", views: int = 1) -> Iterator[Opened]:
    """Run a notebook in its own JupyterLab and Chromium; yields once it is painted, without a debugger.

    Parameters
    ----------
    *cells
        Code cells.
    ready
        JavaScript function that returns whether the page is ready.
    views
        Number of heatmaps to wait for.
    """
    with tempfile.TemporaryDirectory(prefix="liq-bench-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        for name in ("work", "home", "chromium"):
            (home / name).mkdir()
        write_notebook(home / "work" / "alone.ipynb", *cells)
        path = os.pathsep.join(filter(None, [str(ROOT / "src"), os.environ.get("PYTHONPATH")]))
        lab = Lab(home / "work", home / "home", env={"PYTHONPATH": path})
        try:
            with chromium_by_hand(home / "chromium", 1500, 2300) as address:
                with sync_playwright() as playwright:
                    page: Page = playwright.chromium.connect_over_cdp(address).contexts[0].pages[0]
                    open_notebook(page, lab, "alone.ipynb")
                    run_all(page)
                    page.wait_for_function(PAINTED, arg=views, timeout=60_000)
                    page.wait_for_function(ready, timeout=60_000)
                chromium = _of_profile(home / "chromium")
                renderers = [pid for pid in chromium if "--type=renderer" in _command(pid)]
                yield Opened(
                    address, lab.process.pid, kernel_of(lab, "alone.ipynb"), chromium, max(renderers, key=megabytes_of)
                )
        finally:
            lab.stop()


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:  # it has just ended
        return ""


def _of_profile(profile: Path) -> list[int]:
    """Return a Chromium's processes: the one started with this profile, and its descendants."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    found = [pid for pid in parents if f"--user-data-dir={profile}" in _command(pid) and "--type=" not in _command(pid)]
    for pid in found:  # the list grows during the loop
        found += [child for child, parent in parents.items() if parent == pid and child not in found]
    return found
