"""Pictures per second while a slider is dragged without a pause, in exported pages: a week, and 23,242 candles.

    python benchmarks/dragging.py [--seconds 4] [--rounds 3]

No kernel takes part, as in a notebook, where all three sliders are answered by the browser. Every animation frame moves
the slider's input one step and dispatches its event; a picture is a frame after which ``data-rev`` has changed. The
time of a move is that of its event's handler and of the frame that paints it, measured in the page. The sliders take
turns in rounds. The longer market is the real 5-minute file where it is present, else simulated candles.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pandas as pd
from page import AWAKE, CHROMIUM_FLAGS, find_chromium, machine, python_loop, quantile
from playwright.sync_api import Page, sync_playwright

import liqwidget as lw
from market import REAL, candles

CANDLES = 23_242
SLIDERS = ("mix", "decay", "bin size")
DRAG = """async ([label, seconds]) => {
  const root = document.querySelector('.liq');
  const inputs = [...root.querySelectorAll('input[type=range]')];
  const input = label === 'mix' ? root.querySelector('.liq-bar')
    : label === 'decay' ? inputs.find((one) => (one.getAttribute('aria-valuetext') ?? '').startsWith('half closes'))
    : inputs.find((one) => (one.getAttribute('aria-valuetext') ?? '').endsWith('dollars'));
  const [low, high] = [Number(input.min), Number(input.max)];
  const step = Math.max(Number(input.step) || 0, (high - low) / 60);
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  const ms = [];
  let [pictures, up] = [0, true];
  await frame();
  const begun = performance.now();
  while (performance.now() - begun < 1000 * seconds) {
    const at = Number(input.value) + (up ? step : -step);
    if (at > high || at < low) { up = !up; continue; }
    const before = root.dataset.rev;
    const sent = performance.now();
    input.value = String(at);
    input.dispatchEvent(new Event('input', { bubbles: true }));
    await frame();
    await new Promise((done) => setTimeout(done));
    if (root.dataset.rev !== before) { pictures++; ms.push(performance.now() - sent); }
  }
  return { rate: pictures / ((performance.now() - begun) / 1000), ms };
}"""


def markets() -> dict[str, lw.Market]:
    """Return a week, and 23,242 candles of five minutes."""
    if REAL.is_file():
        long = lw.Market.from_frame(pd.read_csv(REAL), symbol="BTCUSDT")
    else:
        long = lw.Market.from_frame(candles(CANDLES), symbol="BTCUSDT")
    return {"a week": lw.load_sample(), f"{len(long):,} candles": long}


def pages() -> Iterator[tuple[str, Page]]:
    """Yield each market's name and its exported page, open in a browser of its own."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        for name, market in markets().items():
            html = Path(folder) / "page.html"
            html.write_text(lw.LiquidationHeatmap(market).to_html() or "", encoding="utf-8")
            browser = playwright.chromium.launch(executable_path=find_chromium(), args=[*CHROMIUM_FLAGS, *AWAKE])
            page = browser.new_page(viewport={"width": 1400, "height": 1000})
            page.goto(html.as_uri())
            page.wait_for_function("() => document.querySelector('.liq')?.dataset.state === 'idle'", timeout=60_000)
            yield name, page
            browser.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(f"before: {machine()}, a loop in Python {python_loop():.0f} ms")
    for name, page in pages():
        found: dict[str, list[dict]] = {label: [] for label in SLIDERS}
        for _ in range(options.rounds):
            for label in SLIDERS:
                found[label].append(page.evaluate(DRAG, [label, options.seconds]))
        for label, blocks in found.items():
            rate = median(block["rate"] for block in blocks)
            ms = [x for block in blocks for x in block["ms"]]
            print(
                f"{name}, {label}: {rate:.0f} pictures a second; a move takes {median(ms):.1f} ms at the median, "
                f"p95 {quantile(ms, 0.95):.1f} ({'within' if rate >= 24 else 'MISSES'} the budget of 24 a second)"
            )
    print(f"afterwards: {machine()}")


if __name__ == "__main__":
    main()
