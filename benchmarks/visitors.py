"""Time until a visitor of the Voila page sees the picture; latency and memory with 20 visitors at once.

    python benchmarks/visitors.py [--runs 5] [--options="--pool=2"]
    python benchmarks/visitors.py --visitors 20 [--seconds 60] [--browsers 1]

The first form times first visits, each in a new browser with an empty cache, by the page's clock: from the start of the
navigation to the frame after the first picture, with and without Voila's pool of preheated kernels.

The second opens that many pages in one Chromium. Each moves a slider (mix and decay in turn) twice a second; each
figure is the time from the native input event to the first animation frame after the one that shows the new picture,
as in `slider.py`. The run is then repeated with the kernels and the server stopped, which leaves the browser's own
share, since these sliders do not need the kernel. Memory is the kernels' proportional set size, which counts shared
pages once.

20 pages are too many for the browser of a small machine. With ``--browsers 1`` the other visitors have no browser:
twice a second each sends its kernel a slider move over its own websocket, like a page, and waits for the reply.
"""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path
from statistics import median

from page import AWAKE, CHROMIUM_FLAGS, ROOT, find_chromium, machine, quantile
from playwright.sync_api import Browser, Page, Playwright, TimeoutError, sync_playwright

sys.path.insert(0, str(ROOT / "tests"))

from served import DASHBOARD, Served
from visitor import Visitor

BUDGET_MS = 3_000
# Runs before the page's scripts.
FIRST = """(() => { const seen = {}; window.__seen = seen;
  const observer = new MutationObserver(() => {
    if (document.querySelector('#wait')) seen.waiting ??= performance.now();
    if (document.querySelector('#jupyter-config-data')) seen.kernel ??= performance.now();
    if (window.MathJax || document.querySelector('.jupyter-widgets')) seen.widgets ??= performance.now();
    if (document.querySelector('.liq[data-rev]') === null) return;
    const drawn = (what) => requestAnimationFrame(() => setTimeout(() => { seen[what] ??= performance.now(); }));
    drawn('picture');
    if (document.querySelector('#wait')) return; // this one has no kernel yet
    observer.disconnect();
    drawn('live');
  });
  observer.observe(document, { subtree: true, childList: true, attributes: true });
})()"""
# Slider moves of one visitor.
MOVE = """async ([seconds, offset]) => {
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  const pause = (ms) => new Promise((done) => setTimeout(done, ms));
  const root = document.querySelector('.liq');
  const [mix, decay] = [root.querySelector('.liq-bar[data-tier="10"]'), root.querySelector('.liq-deck .liq-slider')];
  const times = [];
  let late = 0;
  await pause(offset);
  for (let i = 0, end = performance.now() + seconds * 1000; performance.now() < end; i++) {
    const slider = i % 2 ? mix : decay;
    slider.value = String(i % 2 ? 10 + ((i * 37) % 60) : 450 + ((i * 53) % 200));
    await frame();
    const before = root.dataset.rev;
    const begun = performance.now();
    slider.dispatchEvent(new Event('input', { bubbles: true }));
    while (root.dataset.rev === before && performance.now() - begun < 5000) await frame();
    await frame();
    if (root.dataset.rev === before) late++;
    else times.push(performance.now() - begun);
    await pause(Math.max(0, 500 - (performance.now() - begun)));
  }
  window.__moves = { times, late };
}"""
BUSY = "() => document.querySelector('.liq[data-rev]') !== null"


def launch(playwright: Playwright) -> Browser:
    return playwright.chromium.launch(executable_path=find_chromium(), args=[*CHROMIUM_FLAGS, *AWAKE[1:]])


def visit(playwright: Playwright, served: Served) -> dict[str, float]:
    """Return ms of one first visit, in a new browser."""
    browser = launch(playwright)
    try:
        page = browser.new_context(viewport={"width": 1400, "height": 1000}).new_page()
        page.add_init_script(FIRST)
        page.goto(served.url, wait_until="commit")
        page.wait_for_function("() => window.__seen.live > 0", timeout=60_000)
        seen: dict[str, float] = page.evaluate("window.__seen")
        page.goto("about:blank")  # leave like a user: the page notifies the server, and its kernel ends
        return seen
    finally:
        browser.close()


def first_pictures(runs: int, options: list[str]) -> None:
    print(f"from the request to the first picture, ms, median of {runs}; {machine()}")
    cases = {"heated (default)": options, "not heated": [*options, "--VoilaConfiguration.preheat_kernel=False"]}
    for name, given in cases.items():
        with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
            served = Served(DASHBOARD, Path(home), *given)
            try:
                found = []
                for _ in range(runs + 1):  # the first one warms the file cache
                    if "preheat" not in " ".join(given):
                        served.wait_until(served.heated)
                    served.wait_until(lambda served=served: len(served.kernels()) <= 1)
                    found.append(visit(playwright, served))
            finally:
                served.stop()
        names = ("waiting", "picture", "kernel", "widgets", "live")
        steps = {name: median(run[name] for run in found[1:]) for name in names}
        worst = max(run["live"] for run in found[1:])
        verdict = "within" if steps["live"] <= BUDGET_MS else "MISSES"
        print(
            f"{name:18} waiting message {steps['waiting']:5.0f}, kernel ready {steps['kernel']:5.0f}, "
            f"picture {steps['picture']:5.0f}, first widget {steps['widgets']:5.0f}, "
            f"picture with kernel {steps['live']:5.0f} (worst {worst:.0f}): "
            f"{verdict} {BUDGET_MS}"
        )
    print(f"afterwards: {machine()}")


def proportional(pid: int) -> float:
    """Return the proportional set size of a process, MB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def move(pages: list[Page], seconds: float) -> tuple[list[float], int]:
    """Make all pages move their sliders; return all times in ms, and the number of moves without a response."""
    for number, page in enumerate(pages):
        page.evaluate(f"(given) => {{ window.__moves = null; ({MOVE})(given); }}", [seconds, 500 * number / len(pages)])
    time.sleep(seconds)
    results = []
    for page in pages:
        page.wait_for_function("() => window.__moves", timeout=60_000)
        results.append(page.evaluate("window.__moves"))
    return [ms for result in results for ms in result["times"]], sum(result["late"] for result in results)


class Others:
    """Visitors without a browser."""

    def __init__(self, served: Served, number: int) -> None:
        self.visitors = [Visitor(served) for _ in range(number)]
        self.times: list[float] = []
        self.ended = threading.Event()
        self.threads = [threading.Thread(target=self._run, args=(visitor,)) for visitor in self.visitors]

    def _run(self, visitor: Visitor) -> None:
        comm, count = visitor.heatmap(), 0
        while not self.ended.wait(0.5):
            count += 1
            self.times.append(visitor.drag(comm, 0.02 + count % 40 / 1000) * 1000)

    def end(self) -> None:
        """Stop moving."""
        self.ended.set()
        for thread in self.threads:
            thread.join()


def crowd(visitors: int, browsers: int, seconds: float, options: list[str]) -> None:
    print(f"{visitors} visitors at once, each moving a slider twice a second for {seconds:.0f} s; {machine()}")
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        served = Served(DASHBOARD, Path(home), f"--visitors={visitors}", *options)
        try:
            served.wait_until(served.heated)
            browser = launch(playwright)
            others = Others(served, visitors - browsers)
            for thread in others.threads:
                thread.start()
            pages = [browser.new_context(viewport={"width": 1400, "height": 900}).new_page() for _ in range(browsers)]
            problems: list[str] = []
            begun = time.perf_counter()
            for page in pages:
                page.on("pageerror", lambda error: problems.append(str(error)))
                page.goto(served.url, wait_until="commit", timeout=120_000)
            lost = []
            for page in pages:
                try:
                    page.wait_for_function(BUSY, timeout=240_000)
                except TimeoutError:
                    lost.append(page)
            pages = [page for page in pages if page not in lost]
            facts = {word: served.said().count(word) for word in ("Ending kernel", "refused", "not fetch", "died")}
            print(f"the server's log: {facts}")
            taken = time.perf_counter() - begun
            print(f"pages painted: {len(pages)}, the last {taken:.1f} s after the first request; {machine()}")
            alive, late = move(pages, seconds)
            others.end()
            if others.times:
                print(f"the others, to their kernel and back: {said(others.times, 0)}")
            kernels = served.kernels()
            memory = [proportional(pid) for pid in kernels]
            print(f"kernels and server at work: {said(alive, late)}; {machine()}")
            print(
                f"memory: {sum(memory) / len(memory):.0f} MB a kernel ({len(kernels)} kernels, one of them heated), "
                f"{proportional(served.process.pid):.0f} MB the server; pages with an error: {len(problems)}, "
                f"pages lost: {len(lost)}, kernels lost: {visitors + 1 - len(kernels)}"
            )
            stopped = [served.process.pid, *kernels]
            for pid in stopped:
                os.kill(pid, signal.SIGSTOP)
            try:
                alone, late = move(pages, seconds / 3)
            finally:
                for pid in stopped:
                    os.kill(pid, signal.SIGCONT)
            if problems:
                print(f"errors in pages: {problems[:3]}")
            print(f"kernels and server stopped, the browsers alone: {said(alone, late)}")
            browser.close()
        finally:
            served.stop()


def said(times: list[float], late: int) -> str:
    return (
        f"{len(times)} moves, median {median(times):.0f} ms, p95 {quantile(times, 0.95):.0f}, worst {max(times):.0f}, "
        f"not answered {late}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5, help="visits a case (default %(default)s)")
    parser.add_argument("--visitors", type=int, default=0, help="how many at once, instead of one after the other")
    parser.add_argument("--browsers", type=int, default=None, help="how many of them have a browser (default: all)")
    parser.add_argument("--seconds", type=float, default=60, help="how long they move sliders (default %(default)s)")
    parser.add_argument("--options", default="", help="options for the server")
    given = parser.parse_args()
    if given.visitors:
        browsers = given.visitors if given.browsers is None else given.browsers
        crowd(given.visitors, browsers, given.seconds, shlex.split(given.options))
    else:
        first_pictures(given.runs, shlex.split(given.options))


if __name__ == "__main__":
    main()
