"""Scaling of time and memory with the number of candles: 2,000, 20,000, 200,000.

    python benchmarks/growth.py [--sizes 2000,20000,200000]

Each figure comes from a fresh process that ran all stages up to that one. Prices stay within one band, so bin size and
rows are the same for all sizes. Peaks exclude the memory of the imports.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from math import log
from pathlib import Path

STAGES = ("from_frame", "build_ledger", "replay, mixed", "widget")
BIN = 50.0


def stage(name: str, count: int) -> dict:
    """Run all stages up to one; return its ms and peak memory."""
    import liqwidget as lw
    import market as markets

    _ = lw.LiquidationHeatmap, lw.build_ledger  # do not time the imports
    frame = markets.candles(count)
    idle = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    market = ledger = density = widget = None
    spent = 0.0
    for step in STAGES[: STAGES.index(name) + 1]:
        if name == "widget" and step not in ("from_frame", "widget"):
            continue  # makes its own ledger
        begun = time.perf_counter()
        if step == "from_frame":
            market = lw.Market.from_frame(frame)
        elif step == "build_ledger":
            ledger = lw.build_ledger(market, list(markets.MIX), BIN)
        elif step == "replay, mixed":
            density = ledger.replay(0.03, markets.WEIGHTS)
        else:
            widget = lw.LiquidationHeatmap(market, bin_size=BIN)
        spent = (time.perf_counter() - begun) * 1e3
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - idle
    facts = {"ms": spent, "peak_mb": peak / 1024}
    if ledger is not None:
        facts |= {"entries": len(ledger.row), "rows": ledger.grid.rows}
    if density is not None:
        facts |= {"result_mb": density.values.nbytes / 2**20}
    if widget is not None:
        bars, entries = (widget.get_state(key)[key] for key in ("_bars", "_ledger"))
        facts |= {"bars_kb": len(bars) / 1e3, "ledger_kb": len(entries) / 1e3, "entries": len(widget.ledger.row)}
        facts |= {"columns": -(-count // -(-count // 5000))}
    return facts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="2000,20000,200000")
    parser.add_argument("--stage", help=argparse.SUPPRESS)
    options = parser.parse_args()
    sizes = [int(size) for size in options.sizes.split(",")]
    if options.stage:
        print(json.dumps(stage(options.stage, sizes[0])))
        return
    source = Path(__file__).parents[1] / "src"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(source), os.environ.get("PYTHONPATH")]))}
    print(f"growth; load average {os.getloadavg()[0]:.2f} on {os.cpu_count()} cores")
    print(f"{'':16}{'candles':>9}{'ms':>10}{'us/candle':>11}{'peak MB':>9}{'kB/candle':>11}  exponent  what else")
    for name in STAGES:
        before = None
        for size in sizes:
            command = [sys.executable, __file__, "--stage", name, "--sizes", str(size)]
            runs = [
                json.loads(subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout)
                for _ in range(3)
            ]
            run = sorted(runs, key=lambda run: run["ms"])[1]
            exponent = "" if before is None else f"{log(run['ms'] / before['ms']) / log(size / before['size']):.2f}"
            others = ", ".join(f"{k} {v:,.0f}" for k, v in run.items() if k not in ("ms", "peak_mb"))
            print(
                f"{name:16}{size:9,}{run['ms']:10.1f}{run['ms'] / size * 1e3:11.1f}{run['peak_mb']:9.0f}"
                f"{run['peak_mb'] * 1024 / size:11.2f}{exponent:>10}  {others}"
            )
            last, before = before, {**run, "size": size}
        if last is not None:
            exponent = log(before["ms"] / last["ms"]) / log(before["size"] / last["size"])
            print(f"{name}: {'linear or better' if exponent <= 1.15 else 'WORSE THAN LINEAR'} in time")
    print(f"afterwards: load average {os.getloadavg()[0]:.2f}")


if __name__ == "__main__":
    main()
