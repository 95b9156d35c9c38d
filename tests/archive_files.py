"""Files of a public archive, written from a small known history."""

from __future__ import annotations

import hashlib
import random
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

MINUTE, DAY = 60_000, 86_400_000


KLINE = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"
)


METRICS = (
    "create_time,symbol,sum_open_interest,sum_open_interest_value,count_toptrader_long_short_ratio,"
    "sum_toptrader_long_short_ratio,count_long_short_ratio,sum_taker_long_short_vol_ratio"
)


FUNDING = "calc_time,funding_interval_hours,last_funding_rate"


AGG = "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker"


TRADING = "timestamp,symbol,side,size,price,tickDirection,trdMatchID,grossValue,homeNotional,foreignNotional"


def ms(text: str) -> int:
    return int(pd.Timestamp(text, tz="UTC").timestamp()) * 1000


def day(time: int) -> str:
    return pd.Timestamp(time, unit="ms").strftime("%Y-%m-%d")


@dataclass
class Past:
    """A history: candles of `minutes`, and snapshots; volumes are multiples of 1/8, so that sums are exact."""

    start: int
    days: int
    minutes: int = 15
    seed: int = 0
    candles: dict[int, tuple[float, ...]] = field(default_factory=dict)  # open, high, low, close, volume, bought
    marks: dict[int, tuple[float, ...]] = field(default_factory=dict)  # open, high, low, close
    snaps: dict[int, tuple[float, float]] = field(default_factory=dict)  # by time: open interest, ratio
    funding: dict[int, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rng = random.Random(self.seed)
        price = 420_000
        for time in range(self.start, self.end, self.step):
            opened, price = price, price + rng.randint(-400, 400)
            high, low = max(opened, price) + rng.randint(0, 90), min(opened, price) - rng.randint(0, 90)
            volume = rng.randint(1, 4000)
            self.candles[time] = (
                *(value / 10 for value in (opened, high, low, price)),
                volume / 8,
                rng.randint(0, volume) / 8,
            )
            self.marks[time] = tuple(value / 10 for value in (opened, high - 3, low - 7, price))
        for time in range(self.start + 5 * MINUTE, self.end + 1, 5 * MINUTE):
            self.snaps[time] = (rng.randint(600_000, 700_000) / 8, rng.randint(5000, 30_000) / 10_000)
        for time in range(self.start, self.end, 8 * 60 * MINUTE):
            self.funding[time + rng.randint(0, 9)] = rng.randint(-30_000, 30_000) / 1e8

    @property
    def step(self) -> int:
        return self.minutes * MINUTE

    @property
    def end(self) -> int:
        return self.start + self.days * DAY

    def kline_lines(self, first: int, last: int, us: bool = False) -> list[str]:
        unit = 1000 if us else 1
        return [
            f"{t * unit},{o:.2f},{h:.2f},{low:.2f},{c:.2f},{v:.3f},{(t + self.step) * unit - 1},1.5,7,{b:.3f},0.7,0"
            for t, (o, h, low, c, v, b) in self.candles.items()
            if first <= t < last
        ]

    def mark_lines(self, first: int, last: int, us: bool = False) -> list[str]:
        unit = 1000 if us else 1
        return [
            f"{t * unit},{o},{h},{low},{c},0,{(t + self.step) * unit - 1},0,60,0,0,0"
            for t, (o, h, low, c) in self.marks.items()
            if first <= t < last
        ]

    def metrics_lines(self, first: int, last: int, shift: int | None = None) -> list[str]:
        """Rows of the snapshots in (first, last]; labelled `shift` ms earlier, or as Binance did at that time."""
        if shift is None:
            shift = 5 * MINUTE if first >= ms("2026-06-25") else 0
        return [
            f"{pd.Timestamp(t - shift, unit='ms'):%Y-%m-%d %H:%M:%S},BTCUSDT,{oi:.8f},1,"
            f"{ratio + 1},{ratio + 2},{ratio},{ratio + 3}"
            for t, (oi, ratio) in self.snaps.items()
            if first < t <= last
        ]

    def funding_lines(self, first: int, last: int) -> list[str]:
        return [f"{t},8,{rate:.8f}" for t, rate in self.funding.items() if first <= t < last]

    def truth(self, minutes: int | None = None) -> pd.DataFrame:
        """The market that it should give, each candle computed separately."""
        step = (minutes or self.minutes) * MINUTE
        rows = {}
        for time in range(self.start, self.end, step):
            inside = [t for t in range(time, time + step, self.step) if t in self.candles]
            if len(inside) < step // self.step:
                continue
            some, marks = [self.candles[t] for t in inside], [self.marks[t] for t in inside if t in self.marks]
            snaps = [t for t in self.snaps if t <= time + step]
            rates = [t for t in self.funding if t <= time + step]
            whole = len(marks) == len(inside)
            rows[pd.Timestamp(time, unit="ms", tz="UTC")] = {
                "open": some[0][0],
                "high": max(row[1] for row in some),
                "low": min(row[2] for row in some),
                "close": some[-1][3],
                "volume": sum(row[4] for row in some),
                "open_interest": self.snaps[max(snaps)][0] if snaps else np.nan,
                "taker_buy_volume": sum(row[5] for row in some),
                "funding_rate": self.funding[max(rates)] if rates else np.nan,
                **{
                    name: self.snaps[max(snaps)][1] + more if snaps else np.nan
                    for name, more in (
                        ("long_short_ratio", 0),
                        ("top_trader_account_ratio", 1),
                        ("top_trader_position_ratio", 2),
                        ("taker_ratio", 3),
                    )
                },
                "mark_low": min(row[2] for row in marks) if whole else np.nan,
                "mark_high": max(row[1] for row in marks) if whole else np.nan,
            }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("time")

    def spans(self, monthly: bool = False) -> list[tuple[str, int, int]]:
        """Names, first and last time of its days or months."""
        if not monthly:
            return [(day(t), t, t + DAY) for t in range(self.start, self.end, DAY)]
        months = sorted({day(t)[:7] for t in range(self.start, self.end, DAY)})
        after = [str(pd.Period(month) + 1) for month in months]
        return [(month, ms(month), ms(follower)) for month, follower in zip(months, after, strict=True)]


def pack(path: Path, lines: Iterable[str], header: str = "", checksum: bool = True, member: str = "") -> Path:
    """Write a zip as Binance does, or a plain CSV file if the path ends in .csv."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(f"{line}\n" for line in ([header] if header else []) + list(lines))
    if path.suffix == ".csv":
        path.write_text(text)
        return path
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member or path.stem + ".csv", text)
    if checksum:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        path.with_name(path.name + ".CHECKSUM").write_text(f"{digest}  {path.name}\n")
    return path


def write(past: Past, folder: Path, monthly: bool = False) -> Path:
    """Write the whole history in the layout of the archive."""
    label = f"{past.minutes}m" if past.minutes < 60 else f"{past.minutes // 60}h"
    base = folder / "data" / "futures" / "um"
    often = base / ("monthly" if monthly else "daily")
    for name, first, last in past.spans(monthly):
        file = f"BTCUSDT-{label}-{name}.zip"
        pack(often / "klines" / "BTCUSDT" / label / file, past.kline_lines(first, last), KLINE)
        pack(often / "markPriceKlines" / "BTCUSDT" / label / file, past.mark_lines(first, last), KLINE)
    for name, first, last in past.spans():
        place = base / "daily" / "metrics" / "BTCUSDT" / f"BTCUSDT-metrics-{name}.zip"
        pack(place, past.metrics_lines(first, last), METRICS)
    for name, first, last in past.spans(monthly=True):
        place = base / "monthly" / "fundingRate" / "BTCUSDT" / f"BTCUSDT-fundingRate-{name}.zip"
        pack(place, past.funding_lines(first, last), FUNDING)
    return folder


PAST = Past(ms("2024-01-30"), 4)
