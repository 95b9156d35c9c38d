"""Speed of the simulator in seconds, and compared with a plain Python loop in the same run.

python benchmarks/simulate.py
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable

import liqwidget as lw

BUDGET = 5.0  # seconds for 10,000 candles and 200,000 traders


def spent(work: Callable[[], object]) -> tuple[float, float]:
    """Return wall and CPU seconds."""
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - processor


def main() -> None:
    print(f"simulate; load average {os.getloadavg()[0]:.2f} on {os.cpu_count()} cores")
    plain = [spent(lambda: sum(i * i % 7 for i in range(10_000_000)))[1] for _ in range(3)]
    print(f"10 million turns of a plain loop: {statistics.median(plain):.2f} s")
    cases: dict[str, dict[str, object]] = {
        "the model's own traders": {},
        "impact, entries on the path": {"impact": 1.0, "entries": "path"},
        "all complications": {
            "impact": 1.0, "entries": "path", "stops": 0.3, "top_ups": 0.3, "partial": 0.3, "churn": 0.3,
            "patience": 0.5,
        },
    }  # fmt: skip
    for name, habits in cases.items():
        runs = [spent(lambda: lw.simulate(10_000, 200_000, **habits)) for _ in range(3)]  # type: ignore[arg-type] # noqa: B023
        wall, processor = (statistics.median(column) for column in zip(*runs, strict=True))
        verdict = "within" if wall <= BUDGET else "MISSES"
        ratio = processor / statistics.median(plain)
        print(f"10,000 candles, 200,000 traders, {name}: {wall:.2f} s, of a processor {processor:.2f} s,", end=" ")
        print(f"{ratio:.2f} x the loop ({verdict} the budget, <= {BUDGET:g} s)")
    made = lw.simulate(10_000, 200_000)
    ledger = lw.build_ledger(made.market, list(made.leverage_mix), 100.0)
    print(f"true density on {ledger.grid.rows:,} rows: {spent(lambda: made.density(ledger))[1]:.2f} s of a processor")
    print(f"afterwards: load average {os.getloadavg()[0]:.2f}")


if __name__ == "__main__":
    main()
