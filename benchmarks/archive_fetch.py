"""Speed and memory of `fetch` over two years of 5-minute candles with open interest, from a local archive.

python benchmarks/archive_fetch.py [--days 730] [--kills 10]

The same fetch is then killed at random moments, resumed each time, and its cache compared byte by byte.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1] / "tests"
DAY, STEP = 86_400_000, 300_000
NOW = 1_795_078_831_000  # 2026-11-19 09:00:31
SECONDS, MEGABYTES = 30.0, 1000.0


def serve(days: int) -> tuple[subprocess.Popen[str], str]:
    """Start the fake exchange in its own process; return the process and its address."""
    wanted = {"start_ms": NOW // DAY * DAY - (days + 10) * DAY, "minutes": (days + 11) * 1440, "now_ms": NOW}
    process = subprocess.Popen(
        [sys.executable, "-m", "exchange", json.dumps(wanted)],
        cwd=TESTS,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    return process, json.loads(process.stdout.readline())["rest"]


def fetch(address: str, days: int) -> None:
    """Fetch into the cache that the environment names, and print seconds, those on a processor, and megabytes."""
    import liqwidget as lw
    from liqwidget.sources.http.clock import CLOCK
    from liqwidget.sources.venues import hosts

    hosts.HOSTS = {"binance": hosts.Host(f"{address}/binance", "ws://127.0.0.1:1", f"{address}/archive")}
    CLOCK.now = lambda: NOW / 1000
    begun = time.perf_counter()
    market = lw.fetch("BTCUSDT", days=days, progress=False)
    seconds, busy = time.perf_counter() - begun, time.process_time()
    known = int(market.candles["open_interest"].notna().sum())
    if len(market) < days * DAY // STEP - 1 or known < len(market) or market.origin.partial:
        raise SystemExit(f"the candles are not the requested ones: {market}")
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "busy": busy, "megabytes": megabytes, "rows": len(market)}))


def run(folder: Path, address: str, days: int, after: float | None = None) -> dict[str, float]:
    """Fetch in a process of its own, which is killed `after` seconds if given; return what it printed."""
    process = subprocess.Popen(
        [sys.executable, __file__, "--address", address, "--days", str(days)],
        env={**os.environ, "LIQWIDGET_CACHE": str(folder)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        text = process.communicate(timeout=after)[0]
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.communicate()
        return {}
    if process.returncode:
        raise SystemExit(process.returncode)
    return json.loads(text)


def parts(folder: Path) -> dict[str, str]:
    """Return the checksum of every part of a cache."""
    files = sorted(folder.rglob("*.parquet"))
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def main(days: int, kills: int) -> None:
    """Measure, then kill and resume."""
    server, address = serve(days)
    moments = random.Random(7)
    try:
        with tempfile.TemporaryDirectory() as whole, tempfile.TemporaryDirectory() as torn:
            run(Path(torn), address, days)  # the exchange makes its files
            figures = run(Path(whole), address, days)
            right = parts(Path(whole))
            same = parts(Path(torn)) == right
            died = 0
            for k in range(kills):
                folder = Path(torn) / str(k)
                died += not run(folder, address, days, after=moments.uniform(0.5, figures["seconds"] + 1))
                run(folder, address, days)
                same &= parts(folder) == right
    finally:
        server.communicate()
    print(f"{days} days of 5-minute candles with open interest from a local archive, {figures['rows']:,} rows")
    print(f"  {figures['seconds']:8.1f} s   (budget {SECONDS:.0f}), {figures['busy']:.1f} s of them on a processor")
    print(f"  {figures['megabytes']:8.0f} MB  (budget {MEGABYTES:.0f})")
    print(f"  killed {died} times of {kills}, and resumed: the cache has {'the same' if same else 'OTHER'} bytes")
    if not same or figures["seconds"] > SECONDS or figures["megabytes"] > MEGABYTES:
        raise SystemExit(1)


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("--days", type=int, default=730)
    options.add_argument("--kills", type=int, default=10)
    options.add_argument("--address")
    given = options.parse_args()
    if given.address:
        fetch(given.address, given.days)
    else:
        main(given.days, given.kills)
