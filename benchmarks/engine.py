"""Speed of the model in Python: ledger, replay, import; compared with a memory copy and a loop over positions.

python benchmarks/engine.py
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from math import exp
from pathlib import Path

import numpy as np

import liqwidget as lw
from market import weeks

TIERS = (2, 3, 5, 10, 20, 25, 50, 100)
ROWS = 540


def alternated(works: dict[str, Callable[[], object]], times: int) -> dict[str, float]:
    """Return the median ms of each, run in turn."""
    spent: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(times):
        for name, work in works.items():
            begun = time.perf_counter()
            work()
            spent[name].append((time.perf_counter() - begun) * 1e3)
    return {name: statistics.median(values) for name, values in spent.items()}


def bin_size_for(market: lw.Market, rows: int) -> float:
    """Return a bin size whose grid has this many rows, plus or minus one."""
    low, high = market.candles["low"].min(), market.candles["high"].max()
    return round((high * 1.25 - low * 0.75) / rows, 2)


def positions_in_a_loop(
    market: lw.Market, edges: np.ndarray, tiers: tuple[float, ...], decay_rate: float
) -> list[np.ndarray]:
    """Return one plane (P, T) per tier: each open position is checked against each candle, as in a simple script.

    Opens one position per candle, tier and side at (high + low + close) / 3. This is less work than the ledger does,
    which spreads entries over the candle's range.
    """
    rows = market.candles[["high", "low", "close", "volume", "open_interest"]].itertuples()
    first, size, count = edges[0], edges[1] - edges[0], len(edges) - 1
    planes = [np.zeros((count, len(market))) for _ in tiers]
    books: list[list[list]] = [[] for _ in tiers]
    keep = exp(-decay_rate * market.interval.total_seconds() / 3600)
    before = None
    for t, candle in enumerate(rows):
        change = 0.0 if before is None else candle.open_interest - before.open_interest
        coins = max((candle.volume + change) / 2, change, 0.0)
        entry = (candle.high + candle.low + candle.close) / 3
        last = candle.close if before is None else before.close
        low, high = min(candle.low, last), max(candle.high, last)
        for tier, plane, book in zip(tiers, planes, books, strict=True):
            standing = []
            for position in book:
                if not low <= position[0] <= high:
                    position[1] *= keep
                    standing.append(position)
            standing.append([entry * (1 - 1 / tier) / (1 - 0.004), coins * entry])
            standing.append([entry * (1 + 1 / tier) / (1 + 0.004), coins * entry])
            book[:] = standing
            for level, notional in standing:
                row = int((level - first) // size)
                if 0 <= row < count:
                    plane[row, t] += notional
        before = candle
    return planes


def copies(values: np.ndarray) -> dict[str, Callable[[], object]]:
    ready = np.empty_like(values)
    return {
        "copyto, fresh destination": lambda: np.copyto(np.empty_like(values), values),
        "copyto, destination reused": lambda: np.copyto(ready, values),
    }


def report(name: str, market: lw.Market) -> None:
    rate = lw.auto_decay_rate(market)
    print(f"\n{name}: {len(market):,} candles")
    build = alternated({"x": lambda: lw.build_ledger(market)}, 30)["x"]
    ledger = lw.build_ledger(market)
    verdict = "within" if build <= 40 else "MISSES"
    print(f"  build_ledger x 6 tiers, {len(ledger.row):,} entries: {build:.1f} ms ({verdict} the budget, <= 40)")

    ledger = lw.build_ledger(market, TIERS, bin_size_for(market, ROWS))
    values = ledger.replay(rate).values
    weights = [1 / len(TIERS)] * len(TIERS)
    works = {"replay": lambda: ledger.replay(rate), "mixed": lambda: ledger.replay(rate, weights), **copies(values)}
    ms = alternated(works, 40)
    tiers, rows, columns = values.shape
    print(f"  replay of {columns:,} x {rows} rows x {tiers} tiers, {values.nbytes / 1e6:.0f} MB")
    for work, spent in ms.items():
        print(f"    {work:30}{spent:8.1f} ms")
    fresh, reused = (ms["replay"] / ms[work] for work in works if "copyto" in work)
    verdict = "within" if fresh <= 4 else "MISSES"
    print(f"    replay / copyto into fresh memory, as its own is: {fresh:.2f} ({verdict} the budget, <= 4)")
    print(f"    replay / copyto into memory reused:               {reused:.2f}")

    begun = time.perf_counter()
    planes = positions_in_a_loop(market, ledger.price_edges, TIERS, rate)
    loop = (time.perf_counter() - begun) * 1e3
    ours, theirs = values[:, :, -1].sum(), sum(plane[:, -1].sum() for plane in planes)
    faster, usd = loop / ms["replay"], theirs / ours
    print(f"    a loop over positions: {loop:,.0f} ms, {faster:,.0f} x; it ends with {usd:.2f} x our USD")


def importing() -> None:
    """Time the imports in fresh processes, in turn."""
    source = Path(__file__).parents[1] / "src"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(source), os.environ.get("PYTHONPATH")]))}
    above = {
        "import liqwidget": "",
        "... and build_ledger": "liqwidget.build_ledger",
        "... and LiquidationHeatmap": "liqwidget.LiquidationHeatmap",
    }
    spent: dict[str, list[float]] = {name: [] for name in above}
    for _ in range(9):
        for name, touch in above.items():
            code = f"import time, numpy, pandas; t = time.perf_counter(); import liqwidget; {touch or 'pass'}; "
            code += "print(time.perf_counter() - t)"
            answer = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
            spent[name].append(float(answer.stdout))
    print("\nabove numpy and pandas, fresh processes:")
    for name, values in spent.items():
        print(f"  {name:30}{statistics.median(values):6.3f} s")
    worst = max(statistics.median(values) for values in spent.values())
    print(f"  {'within' if worst <= 0.35 else 'MISSES'} the budget (<= 0.35 s)")


def main() -> None:
    print(f"engine; load average {os.getloadavg()[0]:.2f} on {os.cpu_count()} cores")
    for name, market in weeks().items():
        report(name, market)
    importing()
    print(f"\nafterwards: load average {os.getloadavg()[0]:.2f}")


if __name__ == "__main__":
    main()
