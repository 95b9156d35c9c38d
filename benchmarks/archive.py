"""Speed and memory of `read_archive` on minutes from zips as in Binance's archive, compared with pandas' reader.

python benchmarks/archive.py [--years 1]
"""

from __future__ import annotations

import argparse
import hashlib
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd

SEED, FIRST = 7, "2021-01-01"
KLINE = (
    "open_time open high low close volume close_time quote_volume count taker_buy_volume taker_buy_quote_volume ignore"
)
METRICS = (
    "create_time symbol sum_open_interest sum_open_interest_value count_toptrader_long_short_ratio "
    "sum_toptrader_long_short_ratio count_long_short_ratio sum_taker_long_short_vol_ratio"
)
USED = {  # by type, the columns that a market uses
    "klines": ["open_time", "open", "high", "low", "close", "volume", "taker_buy_volume"],
    "markPriceKlines": ["open_time", "high", "low"],
    "metrics": ["create_time", "sum_open_interest", "count_long_short_ratio"],
    "fundingRate": ["calc_time", "last_funding_rate"],
}


def minutes(count: int) -> pd.DataFrame:
    """Return klines of a random walk, in ticks and lots as on Binance."""
    rng = np.random.default_rng(SEED)
    price = np.exp(np.cumsum(np.clip(rng.standard_t(3, count + 1) * 0.0004, -0.05, 0.05)) - 1e-7) * 40_000
    wick = np.abs(rng.standard_t(3, (2, count))).clip(0, 20) * 0.0002 * price[1:]
    volume, share = rng.lognormal(4, 1, count), rng.uniform(0.3, 0.7, count)
    opened = pd.Timestamp(FIRST).value // 10**6 + np.arange(count) * 60_000
    return pd.DataFrame(
        {
            "open_time": opened,
            "open": price[:-1].round(1),
            "high": (np.maximum(price[:-1], price[1:]) + wick[0] + 0.1).round(1),
            "low": (np.minimum(price[:-1], price[1:]) - wick[1] - 0.1).round(1),
            "close": price[1:].round(1),
            "volume": volume.round(3),
            "close_time": opened + 59_999,
            "quote_volume": (volume * price[1:]).round(5),
            "count": rng.integers(100, 4000, count),
            "taker_buy_volume": (volume * share).round(3),
            "taker_buy_quote_volume": (volume * share * price[1:]).round(5),
            "ignore": 0,
        }
    )


def put(path: Path, frame: pd.DataFrame) -> int:
    """Write a zip and its checksum; return the size of the text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = frame.to_csv(index=False)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(path.stem + ".csv", text)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_name(path.name + ".CHECKSUM").write_text(f"{digest}  {path.name}\n")
    return len(text)


def build(folder: Path, days: int) -> None:
    """Write klines and mark prices by day in one folder and by month in another; metrics and funding in both."""
    rng = np.random.default_rng(SEED)
    klines = minutes(days * 1440)
    marks = klines.assign(
        **dict.fromkeys(("volume", "quote_volume", "taker_buy_volume", "taker_buy_quote_volume"), 0),
        count=60,
        **{name: (klines[name] + rng.normal(0, 1, len(klines))).round(8) for name in ("open", "close")},
        high=klines["high"] + 3.12345678,
        low=klines["low"] - 3.12345678,
    )
    times = pd.to_datetime(klines["open_time"], unit="ms")
    size = 0
    for kind, frame in (("klines", klines), ("markPriceKlines", marks)):
        for often, name in (("daily", "%Y-%m-%d"), ("monthly", "%Y-%m")):
            for date, part in frame.groupby(times.dt.strftime(name)):
                size += put(folder / often / kind / f"BTCUSDT-1m-{date}.zip", part)
    interest = 90_000 + np.cumsum(rng.normal(0, 40, days * 288))
    for day in range(days):
        first = pd.Timestamp(FIRST) + pd.Timedelta(days=day)
        count = 288
        here = slice(day * count, (day + 1) * count)
        ratios = {name: rng.uniform(0.5, 3, count).round(8) for name in METRICS.split()[4:]}
        labels = pd.date_range(first + pd.Timedelta(minutes=5), periods=count, freq="5min").strftime(
            "%Y-%m-%d %H:%M:%S"
        )
        frame = pd.DataFrame({"create_time": labels, "symbol": "BTCUSDT", "sum_open_interest": interest[here].round(8)})
        frame["sum_open_interest_value"] = (interest[here] * 40_000).round(8)
        for often in ("daily", "monthly"):
            put(folder / often / "metrics" / f"BTCUSDT-metrics-{first:%Y-%m-%d}.zip", frame.assign(**ratios))
    settled = pd.Series(pd.date_range(FIRST, periods=days * 3, freq="8h"))
    for month, some in settled.groupby(settled.dt.strftime("%Y-%m")):
        frame = pd.DataFrame({"calc_time": some.astype("datetime64[ms]").astype(np.int64), "funding_interval_hours": 8})
        frame["last_funding_rate"] = rng.normal(1e-4, 1e-4, len(some)).round(8)
        for often in ("daily", "monthly"):
            put(folder / often / "fundingRate" / f"BTCUSDT-fundingRate-{month}.zip", frame)
    print(f"  klines and mark prices: {size / 2e6:,.0f} MB of text")


def read_ours(folder: Path, verify: bool) -> int:
    import liqwidget.sources.archive.read_archive

    market = liqwidget.sources.archive.read_archive(folder, progress=False, verify=verify)
    assert {"open_interest", "taker_buy_volume", "funding_rate", "long_short_ratio", "mark_low"} <= {*market.candles}
    return len(market)


def read_theirs(folder: Path) -> int:
    """Read the same columns of the same files, without checksums, validation or joins."""
    frames = {
        kind: pd.concat([pd.read_csv(path, usecols=names) for path in sorted((folder / kind).glob("*.zip"))])
        for kind, names in USED.items()
    }
    frames["metrics"]["create_time"] = pd.to_datetime(frames["metrics"]["create_time"])
    return len(frames["klines"])


def child(reader: str, folder: Path) -> None:
    """Read once, in its own process, and print seconds, rows, peak MB and CPU seconds."""
    import pyarrow.csv  # noqa: F401 - do not time the import

    import liqwidget.sources.archive.read_archive  # noqa: F401

    begun, worked = time.perf_counter(), time.process_time()
    rows = read_theirs(folder) if reader == "pandas" else read_ours(folder, verify=reader != "unverified")
    spent, worked = time.perf_counter() - begun, time.process_time() - worked
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(spent, rows, peak, worked)


def measure(folder: Path, times: int) -> None:
    source = Path(__file__).parents[1] / "src"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(source), os.environ.get("PYTHONPATH")]))}
    spent: dict[str, list[tuple[float, int, float, float]]] = {"read_archive": [], "unverified": [], "pandas": []}
    for _ in range(times):
        for reader, values in spent.items():
            command = [sys.executable, __file__, "--child", reader, str(folder)]
            answer = subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout.split()
            values.append((float(answer[0]), int(answer[1]), float(answer[2]), float(answer[3])))
    middle = {reader: statistics.median(value[0] for value in values) for reader, values in spent.items()}
    for reader, values in spent.items():
        rows, peak = values[0][1], max(value[2] for value in values)
        worked = statistics.median(value[3] for value in values)
        print(
            f"    {reader:14}{middle[reader]:7.2f} s ({worked:5.2f} s of work){rows / middle[reader]:12,.0f} rows/s"
            f"{peak:7.0f} MB at most{middle['pandas'] / middle[reader]:7.2f} x pandas"
        )
    seconds, most = middle["read_archive"], max(value[2] for value in spent["read_archive"])
    if abs(spent["pandas"][0][1] - 525_600) < 1500:
        print(f"    {'within' if seconds <= 6 and most <= 600 else 'MISSES'} the budget (<= 6 s, <= 600 MB)")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--years", type=float, default=1)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--child", nargs=2)
    arguments = parser.parse_args()
    if arguments.child:
        child(arguments.child[0], Path(arguments.child[1]))
        return
    days = round(arguments.years * 365)
    print(f"archive; load average {os.getloadavg()[0]:.2f} on {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as folder:
        build(Path(folder), days)
        for often in ("monthly", "daily"):
            files = len(list(Path(folder, often).rglob("*.zip")))
            print(f"  {days * 1440:,} minutes, {often} klines and mark prices, {files:,} zips in all")
            measure(Path(folder, often), arguments.times)
    print(f"afterwards: load average {os.getloadavg()[0]:.2f}")


if __name__ == "__main__":
    main()
