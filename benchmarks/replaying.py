"""Candles per second of a replay played at 20 a second, in exported pages: a week, and 23,242 candles.

    python benchmarks/replaying.py [--seconds 6]

The page plays from the middle with its own button. A step is the time from the timer that shows the next candle to the
end of the frame that paints it; while it plays, the mix slider is dragged without a pause for the second figure, as in
``benchmarks/dragging.py``: pictures are frames after which ``data-rev`` has changed.
"""

from __future__ import annotations

import argparse
from statistics import median

from dragging import DRAG, pages
from page import machine, python_loop, quantile

RATE = 20
START = """async (rate) => {
  const root = document.querySelector('.liq');
  if (root.liqwidget.source.settings.asOf === null) {
    [...root.querySelectorAll('button')].find((one) => one.textContent === 'replay').click();
  }
  const speed = root.querySelector('.liq-replay select');
  speed.value = String(rate);
  speed.dispatchEvent(new Event('change'));
  const play = [...root.querySelectorAll('.liq-replay button')].find((one) => /^(play|pause)$/.test(one.textContent));
  if (play.textContent === 'play') play.click();
}"""
PLAY = """async (seconds) => {
  const { source } = document.querySelector('.liq').liqwidget;
  const steps = [];
  const set = source.set.bind(source);
  source.set = (changes) => {
    const begun = performance.now();
    set(changes);
    requestAnimationFrame(() => setTimeout(() => steps.push(performance.now() - begun)));
  };
  const [first, begun] = [source.field.columns, performance.now()];
  await new Promise((done) => setTimeout(done, 1000 * seconds));
  delete source.set;
  return { rate: (source.field.columns - first) / ((performance.now() - begun) / 1000), steps };
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=6)
    options = parser.parse_args()
    print(f"before: {machine()}, a loop in Python {python_loop():.0f} ms")
    for name, page in pages():
        page.evaluate(START, RATE)
        played = page.evaluate(PLAY, options.seconds)
        page.evaluate(START, RATE)
        dragged = page.evaluate(DRAG, ["mix", options.seconds])
        steps = played["steps"]
        print(
            f"{name}: {played['rate']:.1f} candles a second of {RATE}; a step takes {median(steps):.1f} ms at the "
            f"median, p95 {quantile(steps, 0.95):.1f}; a mix dragged meanwhile: {dragged['rate']:.0f} pictures a "
            f"second ({'within' if dragged['rate'] >= 24 else 'MISSES'} the budget of 24 a second)"
        )
    print(f"afterwards: {machine()}")


if __name__ == "__main__":
    main()
