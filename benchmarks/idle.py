"""CPU time of page, kernel and server while the application is open and idle.

    python benchmarks/idle.py [--seconds 30] [--rounds 2]

The cases take turns: the sample in `lw.explore()`, the widget alone, and a notebook with a cell of arithmetic, each in
its own JupyterLab and Chromium. Everything is painted and no debugger is connected. After ten idle seconds the CPU time
of each process is read, and again after the wait. Figures are percent of one core. The only activity should be a view's
heartbeat every 20 seconds.
"""

from __future__ import annotations

import argparse
import time
from statistics import mean

from page import machine
from processes import alone, seconds_of

CASES = {
    "empty notebook": ("1 + 1", "() => true", 0),
    "widget": ("import liqwidget as lw\nlw.LiquidationHeatmap(lw.load_sample())", "() => true", 1),
    "explore": (
        "import liqwidget as lw\nlw.explore()",
        "() => document.querySelector('.liq-app-panels')?.dataset.ready === 'true'",
        1,
    ),
}
QUIET = 10.0
LIMIT = 1.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=30, help="idle time (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=2, help="runs per case (default %(default)s)")
    options = parser.parse_args()
    print(f"idle, {options.seconds:.0f} s; {machine()}")
    print(f"{'% of one core':18}{'renderer':>10}{'Chromium':>10}{'kernel':>10}{'server':>10}   loads")
    found: dict[str, list[list[float]]] = {name: [] for name in CASES}
    for _ in range(options.rounds):
        for name, (cell, ready, views) in CASES.items():
            found[name].append(shares(cell, ready, views, options.seconds))
            print(f"{name:18}{''.join(f'{x:10.2f}' for x in found[name][-1])}   {machine()}", flush=True)
    empty, app = ([mean(column) for column in zip(*found[name], strict=True)] for name in ("empty notebook", "explore"))
    more = [b - a for a, b in zip(empty, app, strict=True)]
    print(f"{'explore - empty':18}{''.join(f'{x:10.2f}' for x in more)}")
    beyond = more[1] + more[2] + more[3]
    print(
        f"the application at rest: {'within' if beyond <= LIMIT else 'MISSES'} the budget (<= {LIMIT:g} % of one core "
        f"beyond an empty notebook, all processes): {beyond:.2f} %"
    )


def shares(cell: str, ready: str, views: int, seconds: float) -> list[float]:
    """Return CPU use of renderer, Chromium, kernel and server while idle, percent of one core."""
    with alone(cell, ready=ready, views=views) as opened:
        groups = [[opened.renderer], opened.chromium, [opened.kernel], [opened.server]]
        time.sleep(QUIET)
        begun, before = time.monotonic(), [seconds_of(*pids) for pids in groups]
        time.sleep(seconds)
        after, passed = [seconds_of(*pids) for pids in groups], time.monotonic() - begun
        return [100 * (b - a) / passed for a, b in zip(before, after, strict=True)]


if __name__ == "__main__":
    main()
