"""One map over four venues: a week of 5-minute candles fetched from a local fake exchange, its frames, its estimate.

python benchmarks/venues.py

The exchange answers at once, so the fetch shows what paging, parsing and the venues' rate limits cost, not a network.
The estimate is compared with that of the first venue alone, in the same run.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import liqwidget as lw
from liqwidget.sources.http.clock import CLOCK
from liqwidget.sources.venues import hosts

TESTS = Path(__file__).resolve().parents[1] / "tests"
VENUES = ["binance", "bybit", "okx", "hyperliquid"]
DAY = 86_400_000
DAYS, RUNS = 7, 5
BUDGET = {"fetch": 2.0, "frames": 150.0}  # s, kB


def serve(now: int) -> tuple[subprocess.Popen[str], str]:
    """Start the fake exchange in its own process; return the process and its address."""
    wanted = {"start_ms": now // DAY * DAY - 9 * DAY, "minutes": 10 * 1440, "now_ms": now, "limits_scale": 100.0}
    process = subprocess.Popen(
        [sys.executable, "-m", "exchange", json.dumps(wanted)],
        cwd=TESTS,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process, json.loads(process.stdout.readline())["rest"]


def fetched(venues: list[str]) -> tuple[float, lw.Market]:
    """Return seconds of a fetch into an empty cache, and the market."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LIQWIDGET_CACHE"] = folder
        begun = time.perf_counter()
        market = lw.fetch("BTC", exchange=venues, days=DAYS, progress=False)
        return time.perf_counter() - begun, market


def least(work: Callable[[], object]) -> float:
    """Return the least milliseconds of a few runs."""
    times = []
    for _ in range(RUNS):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return min(times) * 1e3


def conserved(market: lw.Market) -> float:
    """Return the largest difference of the venues' sums from the whole, as a share of what opened."""
    whole = lw.estimate(market)
    parts = whole.by_venue().values()
    names = ("opened", "standing_long", "standing_short", "liquidated_long", "liquidated_short")
    worst = max(
        float(np.abs(sum(getattr(part, name) for part in parts) - getattr(whole, name)).max()) for name in names
    )
    return worst / float(whole.opened.sum())


def main() -> None:
    now = 1_795_075_231_000
    process, address = serve(now)
    try:
        hosts.HOSTS = {name: hosts.Host(f"{address}/{name}", "ws://127.0.0.1:1") for name in VENUES}
        begun = time.time()
        CLOCK.now = lambda: now / 1000 + time.time() - begun  # limits are kept by this clock
        runs = [fetched(VENUES) for _ in range(RUNS)]
        without = statistics.median(fetched([name for name in VENUES if name != "okx"])[0] for _ in range(RUNS))
    finally:
        process.terminate()
        process.wait()
    seconds, market = statistics.median(one for one, _ in runs), runs[-1][1]
    verdict = "within" if seconds <= BUDGET["fetch"] else "MISSES"
    print(f"fetch of {DAYS} days from {len(VENUES)} venues: median {seconds:.2f} s ({verdict} {BUDGET['fetch']:g} s)")
    print(f"  without OKX, whose statistics allow 5 requests of 100 rows in 2 s: {without:.2f} s")
    hm = lw.LiquidationHeatmap(market)
    state = hm.get_state(["_bars", "_model"])
    size = (len(state["_bars"]) + len(state["_model"])) / 1e3
    print(f"frames: {size:.1f} kB ({'within' if size <= BUDGET['frames'] else 'MISSES'} {BUDGET['frames']:g} kB)")
    one = market.venues["binance"]
    ratio = least(lambda: lw.estimate(market)) / least(lambda: lw.estimate(one))
    print(f"estimate of all venues against that of one: {ratio:.2f} x")
    print(f"sums of the venues against the whole: {conserved(market):.1e} of what opened (1e-9 allowed)")


if __name__ == "__main__":
    main()
