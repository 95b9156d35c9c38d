"""Histories: a year of minutes, scaling with the number of candles, two workers against one, and naive methods.

python benchmarks/history.py [year] [growth [10000000]] [workers] [straight]

Each measurement runs in its own process, so that memory is measured separately. The candles are a random walk.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

import liqwidget as lw

TIERS = (3, 5, 10, 20, 50, 100)
YEAR = 525_600
ROWS, COLUMNS = 1_000, 4_000
SECONDS, MEGABYTES, EFFICIENCY = 10.0, 1_500.0, 0.8  # budgets
BLOCK = 100_000


def write_walk(path: Path, candles: int) -> tuple[float, float]:
    """Write minutes to Parquet, a block at a time; return the extremes of price."""
    rng, close, interest, low, high = np.random.default_rng(0), 60_000.0, 80_000.0, np.inf, 0.0
    writer = None
    for start in range(0, candles, BLOCK):
        n = min(BLOCK, candles - start)
        # Mean-reverting to 60,000, so that a longer walk does not have more rows.
        shocks, log = rng.normal(0, 0.0006, n), np.empty(n)
        value = np.log(close / 60_000)
        for i, shock in enumerate(shocks.tolist()):
            log[i] = value = value * 0.99999 + shock
        closes = 60_000 * np.exp(log)
        opens = np.concatenate([[close], closes[:-1]])
        frame = pd.DataFrame({"time": pd.date_range("2015-01-01", periods=n, freq="min", tz="UTC")})
        frame["time"] += pd.Timedelta(minutes=start)
        frame["open"], frame["close"] = opens, closes
        frame["high"] = np.maximum(opens, closes) * (1 + np.abs(rng.normal(0, 0.0003, n)))
        frame["low"] = np.minimum(opens, closes) * (1 - np.abs(rng.normal(0, 0.0003, n)))
        frame["volume"] = rng.gamma(2, 50, n)
        steps = np.cumsum(rng.normal(0, 20, n))
        frame["open_interest"] = np.maximum(interest + steps, 1_000)
        close, interest = float(closes[-1]), float(frame["open_interest"].iloc[-1])
        low, high = min(low, float(frame["low"].min())), max(high, float(frame["high"].max()))
        table = pa.Table.from_pandas(frame, preserve_index=False)
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    assert writer is not None
    writer.close()
    return low, high


def measured(candles: int, workers: int | None) -> dict[str, float]:
    """Build a history in its own process; return wall seconds, peak MB of all its processes, and its other figures."""
    code = [sys.executable, __file__, "--one", str(candles), str(workers or 0)]
    out = subprocess.run(code, capture_output=True, text=True, check=True).stdout
    found: dict[str, float] = json.loads(out.splitlines()[-1])
    return found


def one(candles: int, workers: int | None) -> None:
    """Build one history and print time and memory used."""
    with tempfile.TemporaryDirectory() as folder:
        low, high = write_walk(Path(folder, "minutes.parquet"), candles)
        size = (high * 1.25 - low * 0.75) / ROWS
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        how: dict[str, Any] = {"leverage": TIERS, "bin_size": round(size, 1), "columns": COLUMNS, "progress": False}
        begin, processor = time.perf_counter(), time.process_time()
        if workers is None:
            history = lw.history(Path(folder, "minutes.parquet"), Path(folder, "store"), **how)
        else:
            from distributed import Client, LocalCluster

            options: dict[str, Any] = {"threads_per_worker": 1, "host": "127.0.0.1", "dashboard_address": None}
            with LocalCluster(n_workers=workers, **options) as cluster, Client(cluster) as client:
                begin, processor = time.perf_counter(), time.process_time()  # the worker processes are running
                history = lw.history(Path(folder, "minutes.parquet"), Path(folder, "store"), client=client, **how)
        wall, spent = time.perf_counter() - begin, time.process_time() - processor
        kept = sum(path.stat().st_size for path in Path(folder, "store").rglob("*") if path.is_file()) / 2**20
        begin = time.perf_counter()
        shape = history.density().values.shape
        read = time.perf_counter() - begin
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"wall": wall, "processor": spent, "mb": after, "before": before, "kept": kept, "read": read,
                      "rows": shape[1], "columns": shape[2]}))  # fmt: skip


def year() -> None:
    runs = [measured(YEAR, None) for _ in range(3)]
    found = sorted(runs, key=lambda run: run["wall"])[1]
    verdict = "within" if found["wall"] <= SECONDS and found["mb"] <= MEGABYTES else "MISSES"
    print(
        f"a year of minutes, {YEAR:,} candles x 6 tiers x {found['rows']:,} rows, {found['columns']:,} columns: "
        f"{found['wall']:.1f} s (median of 3; of a processor {found['processor']:.1f}), at most {found['mb']:,.0f} MB "
        f"with the density read whole ({found['read']:.1f} s); {found['kept']:.0f} MB kept ({verdict}: "
        f"{SECONDS:g} s, {MEGABYTES:,.0f} MB)"
    )


def growth(most: int) -> None:
    for candles in (n for n in (10_000, 100_000, 1_000_000, 10_000_000) if n <= most):
        found = measured(candles, None)
        print(
            f"{candles:>10,} candles: {found['wall']:7.2f} s, {found['wall'] / candles * 1e6:5.1f} us a candle, "
            f"at most {found['mb']:,.0f} MB, {found['kept'] / candles * 2**20:4.0f} bytes a candle kept"
        )


def workers() -> None:
    pairs = [(measured(YEAR, 1)["wall"], measured(YEAR, 2)["wall"]) for _ in range(3)]
    ratios = sorted(alone / (2 * both) for alone, both in pairs)
    verdict = "within" if ratios[1] >= EFFICIENCY else "MISSES"
    print(
        f"two workers against one, a year: {', '.join(f'{a:.1f} and {b:.1f} s' for a, b in pairs)}; efficiency "
        f"{ratios[1]:.2f} (median of 3; {verdict}: {EFFICIENCY})"
    )


def straight(candles: int = 20_000) -> None:
    """Time a loop over the rows of a DataFrame, and a computation from scratch for each setting."""
    with tempfile.TemporaryDirectory() as folder:
        low, high = write_walk(Path(folder, "minutes.parquet"), candles)
        market = lw.Market.from_frame(pd.read_parquet(Path(folder, "minutes.parquet")))
        size = round((high * 1.25 - low * 0.75) / ROWS, 1)
        width = candles // 200
        begin = time.perf_counter()
        history = lw.history(
            market, Path(folder, "store"), leverage=TIERS, bin_size=size, columns=200, decay_rate=0.02, progress=False
        )
        ours = time.perf_counter() - begin
        begin = time.perf_counter()
        plain = pandas_loop(market, history.grid, 0.02, width)
        loop = time.perf_counter() - begin
        worst = np.abs(plain - history.density().values).max() / plain.max()
        print(
            f"{candles:,} candles: {ours:.2f} s; a loop over pandas rows {loop:.1f} s = {loop / ours:.0f} x, "
            f"the same to {worst:.0e}"
        )
        begin = time.perf_counter()
        density = history.density()
        for share in np.linspace(0, 1, 20):
            density.mix([1 - share, 0, 0, 0, 0, share])
        ours = time.perf_counter() - begin
        begin = time.perf_counter()
        for share in np.linspace(0, 1, 20):
            ledger = lw.build_ledger(market, TIERS, size)
            ledger.replay(0.02, [1 - share, 0, 0, 0, 0, share], np.arange(width - 1, candles, width))
        anew = time.perf_counter() - begin
        print(f"20 leverage mixes of it: {ours:.2f} s; from scratch for each {anew:.1f} s = {anew / ours:.0f} x")


def pandas_loop(market: lw.Market, grid: Any, rate: float, width: int) -> Any:
    """Spread, sweep and decay candle by candle, as in a naive implementation."""
    centres, edges = grid.centres, grid.edges
    state, shown, before = np.zeros((len(TIERS), grid.rows)), [], None
    for i, (moment, row) in enumerate(market.candles.iterrows()):
        if before is not None:
            state *= np.exp(-rate * (moment - before[0]).total_seconds() / 3600)
        last = row["close"] if before is None else before[1]["close"]
        change = 0.0 if before is None else row["open_interest"] - before[1]["open_interest"]
        usd = max((row["volume"] + change) / 2, change, 0) * (row["high"] + row["low"] + row["close"]) / 3
        state[
            :, (centres >= min(row["low"], row["close"], last)) & (centres <= max(row["high"], row["close"], last))
        ] = 0
        for tier, leverage in enumerate(TIERS):
            for side, k in enumerate(((1 - 1 / leverage) / (1 - 0.004), (1 + 1 / leverage) / (1 + 0.004))):
                bottom, top = row["low"] * k, row["high"] * k
                share = np.clip(np.minimum(edges[1:], top) - np.maximum(edges[:-1], bottom), 0, None) / (top - bottom)
                beyond = centres < row["close"] if side == 0 else centres > row["close"]
                state[tier] += usd * share * beyond
        before = (moment, row)
        if i % width == width - 1:
            shown.append(state.copy())
    return np.stack(shown, axis=-1)


def main() -> None:
    asked = sys.argv[1:] or ["year", "growth", "workers", "straight"]
    print(f"load average {os.getloadavg()[0]:.2f} on {os.cpu_count()} cores")
    if "year" in asked:
        year()
    if "growth" in asked:
        growth(max([int(word) for word in asked if word.isdigit()], default=1_000_000))
    if "workers" in asked:
        workers()
    if "straight" in asked:
        straight()
    print(f"afterwards: load average {os.getloadavg()[0]:.2f}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        one(int(sys.argv[2]), int(sys.argv[3]) or None)
    else:
        main()
