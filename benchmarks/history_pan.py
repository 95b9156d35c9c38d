"""Panning through three years of minutes in a real JupyterLab: time until the next window is on screen.

python benchmarks/history_pan.py [candles]

By drag: from the last movement of a drag to the frame that shows the new window, including the idle delay. From
Python: from the request that sets ``visible`` to a random position and length, to the frame that shows it. A frame in
which no column of the picture is in view counts as blank.
"""

from __future__ import annotations

import os
import random
import statistics
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests" / "browser"), str(ROOT / "tests"), str(ROOT / "benchmarks")]

from history import write_walk  # noqa: E402
from lab import CHROMIUM_FLAGS, PAINTED, Lab, find_chromium, open_notebook, run_all, write_notebook  # noqa: E402
from playwright.sync_api import sync_playwright  # noqa: E402

import liqwidget as lw  # noqa: E402

MEDIAN = 300.0  # ms
DRAGS, JUMPS = 40, 60
WATCH = """() => {
  const view = document.querySelector('.liq').liqwidget;
  const seen = window.seen = { blank: 0, frames: 0, moved: 0, revision: view.source.field.ledger.revision, waits: [] };
  view.chart.api.timeScale().subscribeVisibleLogicalRangeChange(() => {
    if (view.source.field.ledger.revision === seen.revision) seen.moved = performance.now();
  });
  const look = () => {
    const shown = view.chart.columnsInView;
    seen.frames += 1;
    if (shown === null || shown[1] <= shown[0]) seen.blank += 1;
    const { revision } = view.source.field.ledger;
    if (revision !== seen.revision) {
      seen.revision = revision;
      seen.waits.push(performance.now() - seen.moved);
    }
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}"""
JUMP = """async (code) => {
  const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  const { revision } = window.seen;
  const begin = performance.now();
  window.seen.moved = begin;
  kernel.requestExecute({ code, silent: true });
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  while (window.seen.revision === revision && performance.now() < begin + 5000) await frame();
  return window.seen.revision === revision ? null : performance.now() - begin;
}"""


def main() -> None:
    candles = int(sys.argv[1]) if len(sys.argv) > 1 else 3 * 525_600
    print(f"load average {os.getloadavg()[0]:.2f} on {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        low, high = write_walk(Path(folder, "minutes.parquet"), candles)
        store = Path(folder, "store")
        size = round((high * 1.25 - low * 0.75) / 1_000, 1)
        history = lw.history(Path(folder, "minutes.parquet"), store, bin_size=size, progress=False)
        print(history)
        for name in ("notebooks", "home"):
            Path(folder, name).mkdir()
        source = str(Path(lw.__file__).parents[1])
        lab = Lab(Path(folder, "notebooks"), Path(folder, "home"), env={"PYTHONPATH": source})
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=CHROMIUM_FLAGS)
        page = browser.new_page(viewport={"width": 1500, "height": 1000})
        code = f"import liqwidget as lw\nhm = lw.HistoryHeatmap(lw.history(None, {str(store)!r}))\nhm"
        write_notebook(Path(folder, "notebooks", "pan.ipynb"), code)
        open_notebook(page, lab, "pan.ipynb")
        run_all(page)
        page.wait_for_function(PAINTED, arg=1, timeout=60_000)
        page.evaluate(WATCH)
        dice, first, last = random.Random(0), history.first / 1e6, history.last / 1e6
        waits = []
        for _ in range(JUMPS):
            span = (last - first) * 10 ** dice.uniform(-3.5, -0.5)
            at = dice.uniform(first, last - span)
            wait = page.evaluate(JUMP, f"hm.visible = {{'time_from': {at}, 'time_to': {at + span}}}")
            if wait is not None:
                waits.append(wait)
        told("from Python, anywhere", waits)
        box = page.locator(".liq-plot").first.bounding_box()
        page.evaluate("() => { window.seen.waits = []; }")
        middle = (first + last) / 2
        page.evaluate(JUMP, f"hm.visible = {{'time_from': {middle}, 'time_to': {middle + 86_400_000}}}")
        page.evaluate("() => { window.seen.waits = []; }")
        for _ in range(DRAGS):
            page.mouse.move(box["x"] + 100, box["y"] + 150)
            page.mouse.down()
            page.mouse.move(box["x"] + 800, box["y"] + 150, steps=6)
            page.mouse.up()
            page.wait_for_timeout(700)
        told(f"by hand, {DRAGS} drags", page.evaluate("() => window.seen.waits"))
        blank, frames = page.evaluate("() => [window.seen.blank, window.seen.frames]")
        print(f"blank: {blank} of {frames:,} frames")
        browser.close()
        lab.stop()
    print(f"afterwards: load average {os.getloadavg()[0]:.2f}")


def told(what: str, waits: list[float]) -> None:
    middle, late = statistics.median(waits), sorted(waits)[int(len(waits) * 0.95)]
    verdict = "within" if middle <= MEDIAN else "MISSES"
    print(
        f"{what}: {len(waits)} windows, {middle:.0f} ms at the median, p95 {late:.0f} ms ({verdict}: {MEDIAN:.0f} ms)"
    )


if __name__ == "__main__":
    main()
