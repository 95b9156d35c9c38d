"""How soon a page from to_html responds to input: opened from disk in Chromium, offline.

    python benchmarks/page_open.py [candles.csv.gz]

Times are by the page's clock, from the start of the navigation until the first picture is painted, and until a slider
moved at that point has changed the pixels. Prints one line per page, with the time of a fixed loop of arithmetic before
and after it, to detect changes in the machine's speed.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import pandas as pd
from page import CHROMIUM_FLAGS, find_chromium, machine, python_loop, quantile
from playwright.sync_api import Playwright, sync_playwright

import liqwidget as lw

RUNS = 11
BUDGET_MS, BUDGET_BYTES = 1_000, 1_200_000
CANDLES = 2_016  # a week of five minutes
# Runs before the page's scripts. The first data-rev marks the first picture, which is on screen one frame later.
WATCH = """() => { const seen = {}; window.__seen = seen;
  const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  const observer = new MutationObserver(async () => {
    const root = document.querySelector('.liq[data-rev]');
    if (root === null) return;
    observer.disconnect();
    await frame();
    seen.painted = performance.now();
    const before = root.dataset.rev;
    const bar = root.querySelector('.liq-bar');
    bar.value = '80';
    bar.dispatchEvent(new Event('input', { bubbles: true }));
    await frame();
    if (root.dataset.rev !== before) seen.answered = performance.now();
  });
  observer.observe(document, { subtree: true, childList: true, attributes: true });
}"""


def opened(playwright: Playwright, html: Path) -> dict[str, float]:
    """Return ms until the first picture and until the response to a slider, in a new browser."""
    browser = playwright.chromium.launch(executable_path=find_chromium(), args=CHROMIUM_FLAGS)
    try:
        context = browser.new_context(viewport={"width": 1400, "height": 1000})
        context.set_offline(True)
        page = context.new_page()
        page.add_init_script(f"({WATCH})()")
        page.goto(html.as_uri())
        page.wait_for_function("() => window.__seen.answered > 0", timeout=30_000)
        seen: dict[str, float] = page.evaluate("window.__seen")
        return seen
    finally:
        browser.close()


def main() -> None:
    markets = {"sample": lw.load_sample()}
    if len(sys.argv) > 1:
        candles = pd.read_csv(sys.argv[1]).tail(CANDLES)
        markets[Path(sys.argv[1]).name] = lw.Market.from_frame(candles, symbol="BTCUSDT")
    print(f"{machine()}; {RUNS} cold browsers a page; budgets {BUDGET_MS} ms and {BUDGET_BYTES:,} bytes")
    late = False
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        for name, market in markets.items():
            html = Path(folder) / "page.html"
            lw.LiquidationHeatmap(market).to_html(html)
            size = html.stat().st_size
            before = python_loop()
            runs = [opened(playwright, html) for _ in range(RUNS)]
            after = python_loop()
            painted, answered = ([run[key] for run in runs] for key in ("painted", "answered"))
            print(
                f"{name}: {size:,} bytes; first picture {quantile(painted, 0.5):.0f} ms (p95 "
                f"{quantile(painted, 0.95):.0f}); slider answered {quantile(answered, 0.5):.0f} ms (p95 "
                f"{quantile(answered, 0.95):.0f}); loop {before:.1f} / {after:.1f} ms"
            )
            late |= quantile(answered, 0.5) > BUDGET_MS or size > BUDGET_BYTES
    if late:
        sys.exit("over budget")


if __name__ == "__main__":
    main()
