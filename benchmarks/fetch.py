"""Speed of `fetch`: two weeks of 5-minute candles with all columns from a local fake Binance, cold and cached.

python benchmarks/fetch.py

For comparison, ccxt requests the same rows from the same server in turn, one kind after the other as its users do, with
its default rate limiter and without. It drops taker buys, so it returns one column less.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1] / "tests"
DAY = 86_400_000
DAYS, STEP = 14, 300_000
RUNS = 5
BUDGET = {"cold": 1500.0, "parsing": 300.0, "cache": 60.0}  # ms


def serve(now: int) -> tuple[subprocess.Popen[str], str]:
    """Start the fake exchange in its own process; return the process and its address."""
    wanted = {"start_ms": now // DAY * DAY - 20 * DAY, "minutes": 21 * 1440, "now_ms": now}
    process = subprocess.Popen(
        [sys.executable, "-m", "exchange", json.dumps({**wanted, "limits_scale": 100.0})],
        cwd=TESTS,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    return process, json.loads(process.stdout.readline())["rest"]


def ours(now: int, address: str) -> dict[str, float]:
    """Return ms of a fetch into an empty cache, of its parsing alone, and of the same fetch from the cache."""
    import liqwidget as lw
    from liqwidget.sources.http.clock import CLOCK
    from liqwidget.sources.venues import hosts
    from liqwidget.sources.venues import registry as venues

    hosts.HOSTS = {"binance": hosts.Host(f"{address}/binance", "ws://127.0.0.1:1")}
    CLOCK.now = lambda: now / 1000
    spent = 0.0
    venue = venues.VENUES["binance"]

    def timed(parse):
        def inner(body):
            nonlocal spent
            begun = time.perf_counter()
            rows = parse(body)
            spent += time.perf_counter() - begun
            return rows

        return inner

    series = {kind: replace(one, parse=timed(one.parse)) for kind, one in venue.series.items()}
    venues.VENUES = {"binance": replace(venue, series=series)}
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LIQWIDGET_CACHE"] = folder
        begun = time.perf_counter()
        market = lw.fetch("BTCUSDT", days=DAYS, progress=False)
        cold = time.perf_counter() - begun
        parsing, spent = spent, 0.0
        begun = time.perf_counter()
        again = lw.fetch("BTCUSDT", days=DAYS, progress=False)
        warm = time.perf_counter() - begun
    if len(market) < DAYS * DAY // STEP - 1 or not market.candles.equals(again.candles):
        raise SystemExit("the candles are not the requested ones")
    return {"cold": cold * 1e3, "parsing": parsing * 1e3, "cache": warm * 1e3}


def peer(now: int, address: str, limited: bool) -> float:
    """Return ms of ccxt for the same rows."""
    import ccxt

    exchange = ccxt.binanceusdm({"enableRateLimit": limited})
    exchange.session.trust_env = False
    api = exchange.urls["api"]
    api.update(fapiPublic=f"{address}/binance/fapi/v1", fapiData=f"{address}/binance/futures/data")
    market = exchange.safe_market_structure(
        {"id": "BTCUSDT", "symbol": "BTC/USDT:USDT", "base": "BTC", "quote": "USDT", "settle": "USDT", "type": "swap"}
        | {"swap": True, "spot": False, "future": False, "option": False, "contract": True, "linear": True}
        | {"inverse": False, "baseId": "BTC", "quoteId": "USDT", "settleId": "USDT", "active": True, "contractSize": 1}
    )
    exchange.set_markets([market])
    start = (now - DAYS * DAY) // STEP * STEP + STEP
    begun = time.perf_counter()
    rows = 0
    for options in ({}, {"price": "mark"}):
        since = start
        while since < now - STEP:
            page = exchange.fetch_ohlcv("BTC/USDT:USDT", "5m", since, 1500, options)
            rows += len(page)
            since = page[-1][0] + STEP
    for name in ("fetch_open_interest_history", "fetch_long_short_ratio_history"):
        since = start
        while since < now - STEP:
            options = {"until": min(since + 499 * STEP, now)}
            page = getattr(exchange, name)("BTC/USDT:USDT", "5m", since, 500, options)
            rows += len(page)
            since += 500 * STEP
    rows += len(exchange.fetch_funding_rate_history("BTC/USDT:USDT", start, 1000))
    spent = time.perf_counter() - begun
    if rows < 4 * (DAYS * DAY // STEP - 2):
        raise SystemExit(f"ccxt got only {rows} rows")
    return spent * 1e3


def one(case: str, now: int, address: str) -> dict[str, float]:
    """Return the figures of one case."""
    if case == "ours":
        return ours(now, address)
    return {case: peer(now, address, case == "ccxt")}


if __name__ == "__main__":
    if len(sys.argv) > 1:
        case, moment, place = sys.argv[1:]
        runs = [one(case, int(moment), place) for _ in range(2)]
        print(json.dumps(runs[-1]))  # the first run includes imports
        raise SystemExit
    moment = 1_795_078_831_000
    server, place = serve(moment)
    found: dict[str, list[float]] = {}
    try:
        for _ in range(RUNS):
            for case in ("ours", "ccxt", "ccxt without its limiter"):
                text = subprocess.run(
                    [sys.executable, __file__, case, str(moment), place], check=True, capture_output=True, text=True
                ).stdout
                for name, ms in json.loads(text).items():
                    found.setdefault(name, []).append(ms)
    finally:
        server.communicate()
    figures = {name: statistics.median(values) for name, values in found.items()}
    print(f"{DAYS} days of 5-minute candles, all columns, medians of {RUNS} in turns")
    for name, ms in figures.items():
        budget = f"  (budget {BUDGET[name]:,.0f})" if name in BUDGET else ""
        print(f"  {name:26} {ms:8,.0f} ms{budget}  {ms / figures['cold']:5.2f} x cold")
