"""Archives written from a small known history: reading gives that history, or an error that names the file."""

from __future__ import annotations

import gzip
import os
import random
import re
import struct
import threading
import tracemalloc
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archive_files import AGG, DAY, FUNDING, KLINE, METRICS, MINUTE, PAST, TRADING, Past, ms, pack, write
from liqwidget.errors import InputError, ParseError
from liqwidget.sources.archive import csv_blocks as sheets
from liqwidget.sources.archive import file_names as dumps
from liqwidget.sources.archive import reader
from liqwidget.sources.archive import trades as tape
from liqwidget.sources.archive import unpack as zips
from liqwidget.sources.archive.read_archive import read_archive


def same(market: Any, truth: pd.DataFrame) -> None:
    got = market.candles
    truth = truth.ffill().where(truth.notna() | ~truth.columns.isin(["mark_low", "mark_high"]).reshape(1, -1), truth)
    assert list(got.index) == list(truth.index)
    for name in truth:
        np.testing.assert_array_equal(got[name], truth[name], err_msg=name)


def notes(market: Any) -> str:
    return " ".join(market.origin.notes)


TRUTH = PAST.truth()
FEBRUARY = ms("2024-02-01")


@pytest.mark.parametrize("monthly", [False, True])
def test_a_folder_is_the_history(tmp_path: Path, monthly: bool) -> None:
    market = read_archive(write(PAST, tmp_path, monthly))
    same(market, TRUTH)
    assert (market.symbol, market.exchange, market.interval_label) == ("BTCUSDT", "binance", "15m")
    assert market.origin.source == f"archive of binance, {10 if monthly else 14} files"
    assert not market.origin.missing
    if not monthly:
        assert market.origin.notes == ()


def test_a_longer_interval_is_made_of_the_files_own(tmp_path: Path) -> None:
    del (past := Past(ms("2024-01-30"), 2)).candles[ms("2024-01-30 05:15")]
    del past.marks[ms("2024-01-31 11:00")]
    market = read_archive(write(past, tmp_path), interval="1h")
    truth = past.truth(60)
    assert len(truth) == 47
    assert np.isnan(truth["mark_low"]).sum() == 1
    same(market, truth)
    assert market.missing == 1
    assert "Incomplete candles, left out: 2." in notes(market)


def test_the_shortest_interval_is_taken_unless_one_is_asked_for(tmp_path: Path) -> None:
    fine, coarse = Past(ms("2024-01-30"), 1), Past(ms("2024-01-30"), 2, minutes=60, seed=5)
    write(coarse, write(fine, tmp_path))
    assert read_archive(tmp_path).interval_label == "15m"
    market = read_archive(tmp_path, interval="1h")
    same(market, coarse.truth())  # the files' own rows, not aggregated quarter hours
    assert "Files not read because others cover their time, or because of their interval: 2." in notes(market)
    both = read_archive(tmp_path, interval="2h")  # made of the hourly files; the quarter-hour files are not needed
    same(both, coarse.truth(120))
    with pytest.raises(InputError, match="wanted a multiple of one of 15m, 1h, the files' own; got 5m"):
        read_archive(tmp_path, interval="5m")


@pytest.mark.parametrize("first", ["2024-03-01", "2026-06-23", "2026-06-26"])
def test_snapshots_are_those_at_the_close_in_both_eras(tmp_path: Path, first: str) -> None:
    past = Past(ms(first), 4, minutes=5)
    base = write(past, tmp_path)
    market = read_archive(base)
    same(market, past.truth())
    for time, (interest, _) in past.snaps.items():  # the candle that closes at the time of a snapshot has it
        assert market.candles["open_interest"][pd.Timestamp(time - 5 * MINUTE, unit="ms", tz="UTC")] == interest


def test_a_late_file_in_the_old_labels_is_seen(tmp_path: Path) -> None:
    past = Past(ms("2026-07-01"), 2, minutes=5)
    base = write(past, tmp_path)
    name, first, last = past.spans()[1]
    pack(next(base.rglob(f"*metrics-{name}.zip")), past.metrics_lines(first, last, shift=0), METRICS)
    same(read_archive(base), past.truth())


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), seed=st.integers(0, 1000))
def test_any_order_header_unit_and_overlap_is_the_history(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, seed: int
) -> None:
    past, rng = Past(ms("2024-01-30"), 4, minutes=60, seed=seed), random.Random(seed)
    folder = tmp_path_factory.mktemp("any")
    draw = data.draw
    dailies = draw(st.sets(st.integers(0, 3)), label="days with daily files")
    absent = draw(st.sets(st.sampled_from(sorted(dailies))), label="of those absent in the monthly") if dailies else ()

    def messy(lines: list[str]) -> list[str]:
        lines = lines + [rng.choice(lines) for _ in range(rng.randint(0, 5)) if lines]
        rng.shuffle(lines)
        return lines

    def put(kind: str, name: str, lines: list[str], header: str, suffix: str) -> None:
        wide = "BTCUSDT-1h-" if "lines" in kind else f"BTCUSDT-{kind}-"
        header = header if draw(st.booleans(), label="header") else ""
        pack(folder / kind / f"{wide}{name}{suffix}", messy(lines), header)

    kinds = {"klines": past.kline_lines, "markPriceKlines": past.mark_lines}
    for kind, lines in kinds.items():
        for i, (name, first, last) in enumerate(past.spans()):
            if i in dailies:
                suffix = draw(st.sampled_from([".zip", ".csv"]))
                put(kind, name, lines(first, last, draw(st.booleans(), label="us")), KLINE, suffix)
        for name, first, last in past.spans(monthly=True):
            us, gone = draw(st.booleans(), label="us"), [past.spans()[i][1:] for i in absent]
            spans = [(t, t + DAY) for t in range(first, last, DAY) if (t, t + DAY) not in gone]
            put(kind, name, [line for span in spans for line in lines(*span, us)], KLINE, ".zip")
    for name, first, last in past.spans():
        put("metrics", name, past.metrics_lines(first, last), METRICS, ".zip")
    for name, first, last in past.spans(monthly=True):
        put("fundingRate", name, past.funding_lines(first, last), FUNDING, ".zip")
    same(read_archive(folder), past.truth())


def test_daily_files_come_before_monthly_ones(tmp_path: Path) -> None:
    past, other = Past(ms("2024-01-30"), 2), Past(ms("2024-01-30"), 2, seed=9)
    name, first, last = past.spans()[0]
    pack(tmp_path / f"BTCUSDT-15m-{name}.zip", past.kline_lines(first, last - 30 * MINUTE))
    pack(tmp_path / "BTCUSDT-15m-2024-01.zip", other.kline_lines(*other.spans(monthly=True)[0][1:]))
    market = read_archive(tmp_path)
    for time, row in market.candles.iterrows():
        t = int(time.timestamp()) * 1000
        kept = past if t < last - 30 * MINUTE else other
        assert tuple(row[["open", "high", "low", "close", "volume", "taker_buy_volume"]]) == kept.candles[t]
    assert len(market) == 192
    assert "Rows replaced by others of the same time (daily files first, klines before trades): 94." in notes(market)


def test_rows_that_come_twice_are_counted_or_refused(tmp_path: Path) -> None:
    name, first, last = PAST.spans()[0]
    lines = PAST.kline_lines(first, last)
    pack(tmp_path / "a" / f"BTCUSDT-15m-{name}.zip", [*lines, lines[3], lines[0]])
    pack(tmp_path / "b" / f"BTCUSDT-15m-{name}.zip", lines)
    market = read_archive(tmp_path)
    assert len(market) == 96
    assert "Duplicate rows, taken once: 98." in notes(market)
    changed = re.sub(r"^(\d+),[\d.]+", r"\1,42000.05", lines[3])
    pack(tmp_path / "b" / f"BTCUSDT-15m-{name}.zip", [*lines, changed])
    message = refused(tmp_path, rf"BTCUSDT-15m-{name}.zip: wanted one row a time; that of 2024-01-30 00:45")
    assert "42000.05" in message
    pack(tmp_path / "b" / "BTCUSDT-15m-2024-01-31.zip", [changed])
    pack(tmp_path / "b" / f"BTCUSDT-15m-{name}.zip", lines)
    assert "is in BTCUSDT-15m-2024-01-31.zip too" in refused(tmp_path, rf"^BTCUSDT-15m-{name}.zip")


def test_empty_cells_of_metrics_are_no_values_and_gaps_show(tmp_path: Path) -> None:
    past = Past(ms("2024-01-30"), 2)
    gone = ms("2024-01-30 12:00")
    del past.candles[gone]
    folder = write(past, tmp_path)
    name, first, last = past.spans()[0]
    lines = [line.replace(f",{past.snaps[first + 15 * MINUTE][1]},", ",,") for line in past.metrics_lines(first, last)]
    pack(next(folder.rglob(f"*metrics-{name}.zip")), lines, METRICS)
    market = read_archive(folder)
    assert market.missing == 1
    assert market.gaps["after"][0] == pd.Timestamp(gone - 15 * MINUTE, unit="ms", tz="UTC")
    assert market.candles["long_short_ratio"].iloc[0] == past.snaps[first + 10 * MINUTE][1]
    assert "Files with missing rows: 1 (BTCUSDT-15m-2024-01-30.zip)." in market.origin.notes


def test_open_interest_of_zero_is_no_value(tmp_path: Path) -> None:
    """Binance's metrics contain this, from 2022-03-07 15:35 to 2022-03-08 01:05."""
    past = Past(ms("2022-03-07"), 2)
    first, last = ms("2022-03-07 15:30"), ms("2022-03-08 01:05")
    before = past.snaps[first][0]
    past.snaps |= {time: (0.0, ratio) for time, (_, ratio) in past.snaps.items() if first < time <= last}
    market = read_archive(write(past, tmp_path / "some"))
    interest = market.candles["open_interest"]
    assert (interest > 0).all()
    # The candle that closes at 01:15 has the next snapshot.
    broken = (interest.index >= "2022-03-07 15:30Z") & (interest.index < "2022-03-08 01:00Z")
    assert (interest[broken] == before).all()
    assert interest[pd.Timestamp("2022-03-08 01:00Z")] == past.snaps[ms("2022-03-08 01:15")][0]
    assert market.carried["open_interest"] == 38
    assert market.carried["long_short_ratio"] == 0
    past.snaps = {time: (0.0, ratio) for time, (_, ratio) in past.snaps.items()}
    nothing = read_archive(write(past, tmp_path / "all"))
    assert "open_interest" not in nothing.candles
    assert "none for these candles" in nothing.origin.missing["open_interest"]


def test_a_snapshot_that_two_days_have_is_that_of_its_own_day(tmp_path: Path) -> None:
    past = Past(ms("2024-05-30"), 2)
    folder = write(past, tmp_path)
    (name, first, last), (after, *own) = past.spans()
    lines, snap = past.metrics_lines(first, last), "2024-05-31 00:00:00,BTCUSDT,{},1,1,1,1.5,1"
    assert lines[-1].startswith("2024-05-31 00:00:00,BTCUSDT,")
    pack(next(folder.rglob(f"*metrics-{name}.zip")), [*lines[:-1], snap.format("80288.0")], METRICS)
    pack(next(folder.rglob(f"*metrics-{after}.zip")), [snap.format("80290.5"), *past.metrics_lines(*own)], METRICS)
    market = read_archive(folder)
    assert market.candles["open_interest"][pd.Timestamp("2024-05-30 23:45", tz="UTC")] == 80290.5
    said = f"in BTCUSDT-metrics-{name}.zip differs from that in BTCUSDT-metrics-{after}.zip, which is taken"
    assert said in notes(market)


SPOT = "1738368000000000,102400.10,102500.00,102300.00,102450.50,25.5,1738368299999999,2611500.1,3100,12.25,1254800.2,0"


def test_spot_files_are_no_perpetuals(tmp_path: Path) -> None:
    path = tmp_path / "BTCUSDT-5m-2025-02-01.zip"
    pack(path, [SPOT])
    message = refused(path, r"^BTCUSDT-5m-2025-02-01\.zip: .* as spot files have since 2025")
    assert "futures/um" in message
    pack(tmp_path / "um" / path.name, [SPOT])
    assert len(read_archive(tmp_path / "um")) == 1  # the folder name states the kind
    pack(tmp_path / "spot" / path.name, [SPOT])
    with pytest.raises(InputError, match="1 of spot"):
        read_archive(tmp_path / "spot")
    bybit = tmp_path / "BTCUSDT_2025-02-01.csv.gz"
    bybit.write_bytes(b"")
    with pytest.raises(InputError, match="1 of spot"):
        read_archive(bybit)


@pytest.mark.parametrize("name", ["BTCUSDT-15m-{} (1).zip", "BTCUSDT-15m-{}(12).zip", "BTCUSDT-15m-{} - Copy.zip"])
def test_a_name_that_a_browser_changed(tmp_path: Path, name: str) -> None:
    day, first, last = PAST.spans()[0]
    pack(published := tmp_path / f"BTCUSDT-15m-{day}.zip", PAST.kline_lines(first, last))
    whole = read_archive(published)
    published.rename(renamed := tmp_path / name.format(day))
    (tmp_path / f"{published.name}.CHECKSUM").rename(tmp_path / f"{renamed.name}.CHECKSUM")
    market = read_archive(renamed)
    pd.testing.assert_frame_equal(market.candles, whole.candles)
    assert market.origin.notes == ()
    pack(published, PAST.kline_lines(first, last))
    assert "Duplicate rows, taken once: 96." in notes(read_archive(tmp_path))
    pack(published, [re.sub(r"^(\d+),[\d.]+", r"\1,42000.05", line) for line in PAST.kline_lines(first, last)])
    message = refused(tmp_path, "wanted one row a time")
    assert published.name in message
    assert renamed.name in message


def test_symbols_in_chinese_letters(tmp_path: Path) -> None:
    day, first, last = PAST.spans()[0]
    pack(tmp_path / f"币安人生USDT-15m-{day}.zip", PAST.kline_lines(first, last))
    market = read_archive(tmp_path)
    assert (market.symbol, len(market)) == ("币安人生USDT", 96)


def test_a_file_without_rows_is_a_gap(tmp_path: Path) -> None:
    folder = write(Past(ms("2024-01-30"), 3), tmp_path)
    for kind, text in (("klines", ""), ("metrics", METRICS + "\n")):
        pack(next((folder / "data").rglob(f"{kind}/**/*2024-01-31.zip")), text.split())
    market = read_archive(folder)
    assert market.missing == 96
    assert "Files without a row: 2 (BTCUSDT-15m-2024-01-31.zip, BTCUSDT-metrics-2024-01-31.zip)." in market.origin.notes
    pack(tmp_path / "alone" / "BTCUSDT-15m-2024-01-31.zip", [])
    with pytest.raises(ParseError, match="wanted candles of BTCUSDT; got none"):
        read_archive(tmp_path / "alone")


# Trades


@dataclass
class Trades:
    """Trades of some hours: time in us, price, size, whether the taker bought; several share a timestamp."""

    start: int
    minutes: int = 40
    seed: int = 0
    rows: list[tuple[int, float, float, bool]] = field(default_factory=list)

    def __post_init__(self) -> None:
        rng = random.Random(self.seed)
        for minute in range(self.minutes):
            if minute == 7:
                continue  # no trades
            times = sorted(rng.randrange(60_000) // 500 * 500 for _ in range(rng.randint(1, 30)))
            self.rows += [
                (
                    (self.start + minute * MINUTE + t) * 1000,
                    rng.randint(4000, 5000) / 10,
                    rng.randint(1, 80) / 8,
                    rng.random() < 0.5,
                )
                for t in times
            ]

    def agg_lines(self, us: bool = False) -> list[str]:
        return [
            f"{1000 + i},{price},{size},{i},{i},{time if us else time // 1000},{'false' if bought else 'true'}"
            for i, (time, price, size, bought) in enumerate(self.rows)
        ]

    def bybit_lines(self) -> list[str]:
        return [
            f"{time / 1e6:.4f},BTCUSDT,{'Buy' if bought else 'Sell'},{size},{price},PlusTick,id-{i},1e9,{size},1"
            for i, (time, price, size, bought) in enumerate(self.rows)
        ]

    def truth(self, minutes: int) -> pd.DataFrame:
        rows: dict[Any, dict[str, float]] = {}
        for time, price, size, bought in self.rows:
            key = pd.Timestamp(time // 1000 // (minutes * MINUTE) * minutes * MINUTE, unit="ms", tz="UTC")
            row = rows.setdefault(key, {"open": price, "high": price, "low": price, "volume": 0, "taker_buy_volume": 0})
            row["high"], row["low"], row["close"] = max(row["high"], price), min(row["low"], price), price
            row["volume"] += size
            row["taker_buy_volume"] += size * bought
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("time")


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 1000), mess=st.booleans(), us=st.booleans(), block=st.sampled_from([700, 5000, 1 << 22]))
def test_aggregated_trades_are_candles(
    tmp_path_factory: pytest.TempPathFactory, seed: int, mess: bool, us: bool, block: int
) -> None:
    trades, rng = Trades(ms("2024-01-31 23:20"), seed=seed), random.Random(seed)
    lines = trades.agg_lines(us)
    if mess:
        lines += rng.sample(lines, 9)
        second = 1_000_000 if us else 1000
        lines.sort(key=lambda line: int(line.split(",")[5]) + rng.randrange(9) * second // 10)
        if block > 10_000:
            rng.shuffle(lines)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sheets, "BLOCK", block)
        path = pack(tmp_path_factory.mktemp("agg") / "BTCUSDT-aggTrades-2024-01-31.zip", lines, AGG if us else "")
        market = read_archive(path, interval="1m" if us else "5m")
        same(market, trades.truth(1 if us else 5))
        assert ("Duplicate rows, taken once: 9." in notes(market)) == mess


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 1000), falling=st.booleans(), new=st.booleans(), block=st.sampled_from([900, 5000, 1 << 22]))
def test_bybit_trades_are_candles(
    tmp_path_factory: pytest.TempPathFactory, seed: int, falling: bool, new: bool, block: int
) -> None:
    trades = Trades(ms("2020-03-25 12:00"), seed=seed)
    lines = trades.bybit_lines()
    lines[5:5] = lines[5:6]
    lines = [line + ",0" for line in lines] if new else lines
    text = "\n".join([TRADING + ",RPI" * new, *(lines[::-1] if falling else lines)])
    path = tmp_path_factory.mktemp("bybit") / "BTCUSDT2020-03-25.csv.gz"
    path.write_bytes(gzip.compress(text.encode()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sheets, "BLOCK", block)
        market = read_archive([str(path)])
    same(market, trades.truth(1))
    assert (market.symbol, market.exchange) == ("BTCUSDT", "bybit")
    assert market.origin.missing["open_interest"] == "Bybit publishes only trades"
    assert market.origin.notes == ("Duplicate rows, taken once: 1.",)


def test_trades_fill_what_klines_leave_open(tmp_path: Path) -> None:
    past = Past(ms("2024-01-30"), 3)
    folder = write(past, tmp_path)
    next(folder.rglob("klines/**/*2024-01-31.zip")).unlink()
    trades = {}
    for i, (name, first, _) in enumerate(past.spans()):
        trades[name] = Trades(first, 45, seed=i)
        pack(folder / "aggTrades" / f"BTCUSDT-aggTrades-{name}.zip", trades[name].agg_lines())
    market = read_archive(folder)
    own = past.truth()
    other = own.index.strftime("%Y-%m-%d") == "2024-01-31"
    np.testing.assert_array_equal(market.candles[["open", "close"]][:96], own[["open", "close"]][:96])
    made = trades["2024-01-31"].truth(15)
    got = market.candles[market.candles.index.strftime("%Y-%m-%d") == "2024-01-31"]
    assert len(got) == 3 < other.sum()
    for name in made:
        np.testing.assert_array_equal(got[name], made[name])
    assert "Files not read because others cover their time, or because of their interval: 2." in notes(market)
    assert "Checksums without a file: 1." in notes(market)


def test_trades_of_other_days_are_counted_and_left_out(tmp_path: Path) -> None:
    trades = Trades(ms("2024-01-31 23:40"))  # extends 20 minutes into February
    market = read_archive(pack(tmp_path / "BTCUSDT-aggTrades-2024-01-31.zip", trades.agg_lines()))
    outside = sum(time >= FEBRUARY * 1000 for time, *_ in trades.rows)
    assert outside > 10
    assert f"Trades of another day than their file's, left out: {outside}." in market.origin.notes
    truth = trades.truth(1)
    same(market, truth[truth.index < pd.Timestamp(FEBRUARY, unit="ms", tz="UTC")])


# Selection of files


def test_several_symbols_are_told_and_one_is_picked(tmp_path: Path) -> None:
    name, first, last = PAST.spans()[0]
    for symbol in ("BTCUSDT", "ETHUSDT"):
        pack(tmp_path / f"{symbol}-15m-{name}.zip", PAST.kline_lines(first, last))
    with pytest.raises(InputError, match=r"got BTCUSDT \(binance\), ETHUSDT \(binance\). Pass symbol=."):
        read_archive(tmp_path)
    assert read_archive(tmp_path, symbol="ethusdt").symbol == "ETHUSDT"
    with pytest.raises(InputError, match=r"symbol: wanted one of BTCUSDT \(binance\), ETHUSDT \(binance\)"):
        read_archive(tmp_path, symbol="XRPUSDT")
    (tmp_path / f"ETHUSDT{name}.csv.gz").write_bytes(b"")
    with pytest.raises(InputError, match="Pass the folder of one exchange"):
        read_archive(tmp_path, symbol="ETHUSDT")


def test_what_is_no_use_is_counted_by_type(tmp_path: Path) -> None:
    name, first, last = PAST.spans()[0]
    lines = PAST.kline_lines(first, last)
    for place in (
        f"premiumIndexKlines/BTCUSDT-15m-{name}.zip",
        f"BTCUSDT-bookDepth-{name}.zip",
        f"BTCUSDT-1w-{name}.zip",
        f"BTCUSD_240628-15m-{name}.zip",
        f"spot/BTCUSDT-15m-{name}.zip",
        "BTCUSDT-metrics-2024-01.zip",
        "notes.txt",
    ):
        pack(tmp_path / place, ["nonsense"])
    (tmp_path / f"BTCUSDH24{name}.csv.gz").write_bytes(b"")
    with pytest.raises(InputError, match=r"got 1 of bookDepth, 2 of dated contracts, .* others. Pass the folder that"):
        read_archive(tmp_path)
    pack(tmp_path / f"BTCUSDT-15m-{name}.zip", lines)
    market = read_archive(tmp_path)
    assert len(market) == 96
    assert market.origin.notes[-1] == (
        "Unused types of files: bookDepth 1, dated contracts 2, klines 1w 1, metrics 1, premiumIndexKlines 1, spot 1."
    )
    assert market.origin.missing["open_interest"] == "no files of metrics"


def test_links_and_pipes_in_a_folder_are_left_alone(tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    name, first, last = PAST.spans()[0]
    file = pack(outside / f"BTCUSDT-15m-{name}.zip", PAST.kline_lines(first, last))
    pack(inside / "BTCUSDT-15m-2024-01-31.zip", PAST.kline_lines(last, last + DAY))
    (inside / file.name).symlink_to(file)
    (inside / "folder").symlink_to(outside)
    os.mkfifo(inside / "BTCUSDT-15m-2024-02-01.zip")
    market = read_archive(inside)
    assert len(market) == 96
    assert "Symbolic links in the folder, not followed: 2." in market.origin.notes
    assert len(read_archive([inside, inside / file.name])) == 192  # a link that is named directly is read
    assert "a pipe or a device" in refused(inside / "BTCUSDT-15m-2024-02-01.zip", "BTCUSDT-15m-2024-02-01.zip")


def test_the_same_file_named_twice_is_read_once(tmp_path: Path) -> None:
    name, first, last = PAST.spans()[0]
    file = pack(tmp_path / f"BTCUSDT-15m-{name}.zip", PAST.kline_lines(first, last))
    assert read_archive([file, tmp_path, f"{file}.CHECKSUM"]).origin.notes == ()


@pytest.mark.parametrize(
    ("paths", "told"),
    [
        ([], "wanted at least one path"),
        (None, "wanted a file, a folder or a list of them"),
        ([b"x"], "each text or a path object"),
        ("no/where", "wanted files or folders that exist; got 'where'"),
    ],
)
def test_what_is_no_path_is_told(paths: Any, told: str) -> None:
    with pytest.raises(InputError, match=told):
        read_archive(paths)


def test_a_folder_of_too_many_files_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(PAST, tmp_path)
    entries = sum(1 for _ in tmp_path.rglob("*"))
    monkeypatch.setattr(dumps, "_MOST_ENTRIES", entries)
    assert len(read_archive(tmp_path)) == 384
    monkeypatch.setattr(dumps, "_MOST_ENTRIES", entries - 1)
    with pytest.raises(
        InputError, match=f"at most {entries - 1:,} files in a folder; .* Pass the folders of one symbol"
    ):
        read_archive(tmp_path)


def test_other_arguments_are_checked(tmp_path: Path) -> None:
    name, first, last = PAST.spans()[0]
    file = pack(tmp_path / f"BTCUSDT-15m-{name}.zip", PAST.kline_lines(first, last))
    for wrong in ({"interval": "7m"}, {"symbol": 5}, {"progress": "yes"}):
        with pytest.raises(InputError, match=f"^{next(iter(wrong))}: "):
            read_archive(file, **wrong)
    odd = pack(tmp_path / "candles.zip", [])
    with pytest.raises(InputError, match=r"got 'candles.zip'. Rename the file back"):
        read_archive(odd)
    alone = pack(tmp_path / "alone" / "BTCUSDT-fundingRate-2024-01.zip", PAST.funding_lines(0, FEBRUARY), FUNDING)
    with pytest.raises(InputError, match="wanted klines or trades; got fundingRate alone"):
        read_archive(alone)


# Rejected files

NAME, PLAIN = "BTCUSDT-15m-2024-01-30.zip", "BTCUSDT-15m-2024-01-30.csv"
LINES = PAST.kline_lines(*PAST.spans()[0][1:])


def refused(paths: Any, told: str) -> str:
    """The message of the refusal; it must say what to do and must not contain a path."""
    with pytest.raises(ParseError, match=told) as caught:
        read_archive(paths)
    message = str(caught.value)
    assert not re.search(r"(^|[\s'\"(])/\w|[A-Z]:\\", message), "an absolute path"
    assert re.search(r"[Dd]ownload|Rename|put them into a folder|see that its name|Sort|Pass|Check", message), "no cure"
    assert caught.value.__cause__ is None
    return message


def packed(lines: Iterable[str], header: str = "", **kwargs: Any) -> Callable[[Path], object]:
    return lambda folder: pack(folder / NAME, lines, header, **kwargs)


def changed(old: str, new: str, row: int = 5) -> Callable[[Path], None]:
    lines = list(LINES)
    cells = lines[row].split(",")
    cells[KLINE.split(",").index(old)] = new
    lines[row] = ",".join(cells)
    return packed(lines, KLINE)  # type: ignore[return-value]


def marked(column: str, cell: str) -> Callable[[Path], None]:
    cells = PAST.mark_lines(*PAST.spans()[0][1:])[0].split(",")
    cells[KLINE.split(",").index(column)] = cell

    def make(folder: Path) -> None:
        pack(folder / NAME, LINES)
        pack(folder / "markPriceKlines" / NAME, [",".join(cells)])

    return make


def members(*infos: tuple[str | zipfile.ZipInfo, str], method: int = zipfile.ZIP_STORED) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        with zipfile.ZipFile(folder / NAME, "w") as archive:
            for info, text in infos:
                archive.writestr(info, text, compress_type=method)

    return make


def bytes_of(change: Callable[[bytes], bytes], checksum: bool = False) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        file = pack(folder / NAME, LINES, KLINE, checksum=checksum)
        file.write_bytes(change(file.read_bytes()))

    return make


def kind(mode: int, name: str = PLAIN) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, mode << 16
    return info


def lying(more: int) -> Callable[[bytes], bytes]:
    """Write a different size into both headers of a zip."""

    def change(data: bytes) -> bytes:
        central = data.index(b"PK\x01\x02")
        size = struct.unpack_from("<I", data, central + 24)[0] + more
        data = data[: central + 24] + struct.pack("<I", size) + data[central + 28 :]
        return data[:22] + struct.pack("<I", size) + data[26:]

    return change


def flagged(data: bytes) -> bytes:
    central = data.index(b"PK\x01\x02")
    return data[:6] + b"\x01" + data[7 : central + 8] + b"\x01" + data[central + 9 :]


def misnamed(data: bytes) -> bytes:
    """Flag the names as UTF-8 although they are not."""
    central = data.index(b"PK\x01\x02")
    data = data[:7] + b"\x08" + data[8 : central + 9] + b"\x08" + data[central + 10 :]
    return data.replace(PLAIN.encode(), b"\xff" + PLAIN.encode()[1:])


def beside(text: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        pack(folder / NAME, LINES)
        (folder / (NAME + ".CHECKSUM")).write_text(text)

    return make


REFUSALS: dict[str, tuple[Callable[[Path], Any], str]] = {
    # the file
    "empty": (lambda folder: (folder / NAME).write_bytes(b""), "is damaged"),
    "text": (lambda folder: (folder / NAME).write_text("<html>404</html>"), "is damaged"),
    "truncated": (bytes_of(lambda data: data[:-300]), "is damaged"),
    "cut inside": (bytes_of(lambda data: data[:500] + data[900:]), "is damaged"),
    "checksum": (bytes_of(lambda data: data + b" ", checksum=True), "wanted the published SHA-256 .*"),
    "checksum of another": (
        beside(f"{'0' * 64}  BTCUSDT-15m-2024-01-31.zip\n"),
        "that of 'BTCUSDT-15m-2024-01-31.zip'",
    ),
    "checksum that is none": (beside("<html>404</html>"), "something else"),
    "directory's name": (lambda folder: (folder / NAME).mkdir(), "hold none|klines"),
    "larger": (bytes_of(lying(+1)), "bytes, as its header says; got"),
    "smaller": (bytes_of(lying(-1)), "is damaged"),
    "encrypted": (bytes_of(flagged), "which is encrypted"),
    "a name in no alphabet": (bytes_of(misnamed), "is damaged"),
    # the member
    "no member": (members(), "got 0"),
    "two members": (members((PLAIN, "1"), ("b.csv", "2")), "got 2"),
    "many members": (members(*((f"{i:0200}", "") for i in range(1500))), "got one that is damaged"),
    "another name": (members(("BTCUSDT-15m-2024-01-31.csv", "1")), "got 'BTCUSDT-15m-2024-01-31.csv'"),
    "nested": (members(("BTCUSDT-15m-2024-01-30.zip", "1")), "got 'BTCUSDT-15m-2024-01-30.zip'"),
    "traversal": (members(("../" + PLAIN, "1")), "got something in a folder"),
    "absolute": (members(("/etc/" + PLAIN, "1")), "got something in a folder"),
    "folder": (members(("BTCUSDT-15m-2024-01-30.csv/", "")), "got something in a folder"),
    "link": (members((kind(0o120777), "/etc/passwd")), "a link or a device"),
    "bzip2": (
        members((kind(0), "1"), method=zipfile.ZIP_BZIP2),
        "packed by method 12",
    ),
    "device": (members((kind(0o020666), "1")), "a link or a device"),
    # the rows
    "columns": (packed([line.rpartition(",")[0] for line in LINES]), "wanted 12 columns; got a row of 11"),
    "more columns": (packed([*LINES, LINES[0] + ",1"]), "wanted 12 columns; got a row of 13"),
    "a row in between": (packed([*LINES, "1,2"], KLINE), "wanted 12 columns; got a row of 2"),
    "header of another": (packed(PAST.metrics_lines(*PAST.spans()[0][1:]), METRICS), "got the header 'create_time'"),
    "header twice a name": (packed(LINES, KLINE.replace("ignore", "open")), "each once"),
    "words": (changed("close", "abc"), "close must be a number; got \"'abc'\""),
    "nan": (changed("high", "nan"), "high must be a finite number; got nan"),
    "inf": (changed("volume", "inf"), "volume must be a finite number; got inf"),
    "too large": (changed("low", "1e999"), "low must be a finite number; got inf"),
    "empty cell": (changed("open", ""), "open must be in every row"),
    "negative": (changed("low", "-1"), "low must be above 0; the row of 2024-01-30 01:15"),
    "zero": (changed("open", "0"), "open must be above 0"),
    "negative volume": (changed("taker_buy_volume", "-0.1"), "taker_buy_volume must be 0 or more"),
    "open outside": (changed("open", "45000"), "open must be between low and high"),
    "close outside": (changed("close", "40000"), "close must be between low and high"),
    "swapped": (changed("high", "3.5"), "high must not be below low"),
    "quotes": (changed("open", '"42000"'), "open must be a number"),
    "time in words": (changed("open_time", "2024-01-30"), "open_time must be a whole number"),
    "time in seconds": (packed([line[:10] + line[13:] for line in LINES]), "times in ms or us"),
    "mixed units": (changed("open_time", f"{ms('2024-01-30 01:15')}000"), "times in ms or us"),
    "another day": (packed(PAST.kline_lines(*PAST.spans()[2][1:])), "times from 2024-01-30 00:00 to 2024-01-31 00:00"),
    "another interval": (
        lambda folder: pack(folder / "BTCUSDT-5m-2024-01-30.zip", LINES),
        "candles of 5 minutes, from whole ones on",
    ),
    "off the grid": (changed("open_time", str(ms("2024-01-30 01:16"))), "candles of 15 minutes, from whole ones on"),
    "closed before it opened": (changed("close_time", "5"), "candles of 15 minutes, from whole ones on"),
    "mark prices": (packed(PAST.mark_lines(*PAST.spans()[0][1:])), "wanted candles of trades"),
    "klines as mark": (
        lambda folder: [pack(folder / NAME, LINES), pack(folder / "markPriceKlines" / NAME, LINES)],
        "wanted mark prices, which have no volume",
    ),
    "a line without end": (lambda folder: pack(folder / PLAIN, ["1" * (5 << 20)]), "lines of at most"),
    "a header without end": (lambda folder: pack(folder / PLAIN, ["x," * (3 << 20)]), "lines of at most"),
    "another symbol": (
        lambda folder: [
            pack(folder / NAME, LINES),
            pack(folder / "BTCUSDT-metrics-2024-01-30.zip", ["2024-01-30 00:05:00,ETHUSDT,1,1,1,1,1,1"]),
        ],
        "wanted rows of BTCUSDT; got 'ETHUSDT'",
    ),
    "negative mark": (marked("low", "-2"), "low must be above 0"),
    "swapped mark": (marked("high", "2"), "high must not be below low"),
    "negative interest": (
        lambda folder: [
            pack(folder / NAME, LINES),
            pack(folder / "BTCUSDT-metrics-2024-01-30.zip", ["2024-01-30 00:05:00,BTCUSDT,-1,1,1,1,1,1"]),
        ],
        "open_interest must be 0 or more; the row of 2024-01-30 00:05",
    ),
    "too many trades": (
        lambda folder: pack(
            folder / "BTCUSDT-aggTrades-2024-01-31.csv", [f"{i},1,1,1,1,{FEBRUARY - 1},true" for i in range(3000)]
        ),
        "at most 2,000 trades a second",
    ),
    "a day for a moment": (
        lambda folder: [
            pack(folder / NAME, LINES),
            pack(folder / "BTCUSDT-metrics-2024-01-30.zip", ["2024-01-30,BTCUSDT,1,1,1,1,1,1"]),
        ],
        "create_time must be a time; got \"'2024-01-30'\"",
    ),
    "funding in words": (
        lambda folder: [
            pack(folder / NAME, LINES),
            pack(folder / "BTCUSDT-fundingRate-2024-01.zip", [f"{FEBRUARY - 1000},8,free"]),
        ],
        "BTCUSDT-fundingRate-2024-01.zip: last_funding_rate must be a number",
    ),
    # trades
    "a trade at no price": (
        lambda folder: pack(folder / "BTCUSDT-aggTrades-2024-01-31.csv", [f"1,0,1,1,1,{FEBRUARY - 1000},true"]),
        "price must be above 0",
    ),
    "a taker unknown": (
        lambda folder: pack(folder / "BTCUSDT-aggTrades-2024-01-31.csv", [f"1,1,1,1,1,{FEBRUARY - 1000},maybe"]),
        "is_buyer_maker must be true or false",
    ),
    "one number twice": (
        lambda folder: pack(
            folder / "BTCUSDT-aggTrades-2024-01-31.csv",
            [f"1,{price},1,1,1,{FEBRUARY - 1000},true" for price in (5, 6)],
        ),
        "wanted one trade per id; got 1 twice, with differences",
    ),
    "a side unknown": (
        lambda folder: pack(
            folder / "BTCUSDT2024-01-31.csv", [f"{FEBRUARY // 1000 - 1}.5,BTCUSDT,Both,1,1,x,y,1,1,1"], TRADING
        ),
        "side must be Buy or Sell; got 'Both'",
    ),
    "trades of another day": (
        lambda folder: pack(
            folder / "BTCUSDT2024-01-29.csv", [f"{FEBRUARY // 1000 - 1}.5,BTCUSDT,Buy,1,1,x,y,1,1,1"], TRADING
        ),
        "times from 2024-01-29 00:00 to 2024-01-30 00:00",
    ),
    "no time": (
        lambda folder: pack(folder / "BTCUSDT2024-01-31.csv", ["12,BTCUSDT,Buy,1,1,x,y,1,1,1"], TRADING),
        "timestamp must be in seconds",
    ),
    "no gzip": (lambda folder: (folder / "BTCUSDT2024-01-31.csv.gz").write_text("x"), "wanted a whole gzip file"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_bad_file_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    make, told = REFUSALS[case]
    make(tmp_path)
    monkeypatch.setattr(tape, "_BUSIEST", 2000)
    if case == "directory's name":
        with pytest.raises(InputError, match="got 0 others"):
            read_archive(tmp_path)
        return
    assert re.match(r"BTCUSDT[\w.-]+(zip|csv|gz)(\.CHECKSUM)?: ", refused(tmp_path, told))


def test_the_file_they_are_made_of_is_good(tmp_path: Path) -> None:
    """Otherwise the refusals above would prove nothing."""
    makers = (
        packed(LINES, KLINE),
        packed(LINES),
        changed("volume", "1.5"),
        bytes_of(lying(0)),
        members((PLAIN, LINES[0])),
    )
    for i, make in enumerate(makers):
        (folder := tmp_path / str(i)).mkdir()
        make(folder)
        assert len(read_archive(folder)) == 96 - 95 * (i == 4)


def test_checksums_can_be_passed_over_and_their_absence_is_told(tmp_path: Path) -> None:
    beside("nothing")(tmp_path)
    market = read_archive(tmp_path, verify=False)
    assert market.origin.notes == ("Checksums were not compared, as asked.",)
    (tmp_path / "elsewhere").write_text(f"{'0' * 64}  {NAME}\n")
    (tmp_path / (NAME + ".CHECKSUM")).unlink()
    (tmp_path / (NAME + ".CHECKSUM")).symlink_to(tmp_path / "elsewhere")  # not followed, like other links
    market = read_archive(tmp_path)
    assert market.origin.notes[:1] == (f"Files without a .CHECKSUM, not verified: 1 ({NAME}).",)


@pytest.mark.parametrize("cut", [5, 60, -30, -4])
def test_a_truncated_gzip_is_refused(tmp_path: Path, cut: int) -> None:
    text = "\n".join([TRADING, *Trades(ms("2020-03-25 12:00")).bybit_lines()])
    path = tmp_path / "BTCUSDT2020-03-25.csv.gz"
    path.write_bytes(gzip.compress(text.encode())[:cut])
    assert path.name in refused(path, "ends in the middle")


def test_trades_in_no_order_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = Trades(ms("2024-01-31 12:00")).agg_lines()
    path = pack(tmp_path / "BTCUSDT-aggTrades-2024-01-31.zip", lines[50:] + lines[:50])
    assert len(read_archive(path)) == 39  # rows within a block are sorted
    monkeypatch.setattr(sheets, "BLOCK", 2000)
    refused(path, r"wanted trades by time, to a second; 2024-01-31 12:")


@pytest.mark.parametrize("form", ["zip", "gz"])
def test_a_bomb_is_stopped_while_it_unfolds(tmp_path: Path, form: str) -> None:
    row = f"{ms('2024-01-30')},1,1,1,1,1,{ms('2024-01-30') + 1000},1,1,1,1,1\n"
    path = tmp_path / (NAME if form == "zip" else "BTCUSDT2024-01-30.csv.gz")
    text = (row if form == "zip" else f"{TRADING}\n" + row) * (50_000_000 // len(row))
    if form == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(PLAIN, text)
    else:
        path.write_bytes(gzip.compress((f"{TRADING}\n" + "\n" * 50_000_000).encode(), 9))
    del text
    assert path.stat().st_size < 300_000
    tracemalloc.start()
    refused(path, f"{path.name}: wanted at most .* and 100 for each packed one")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30_000_000 < 50_000_000


def test_a_file_larger_than_any_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pack(tmp_path / NAME, LINES)
    size = len("\n".join(LINES)) + 1
    monkeypatch.setattr(reader, "_LIMITS", {False: size, True: 0})
    assert len(read_archive(tmp_path)) == 96
    monkeypatch.setattr(reader, "_LIMITS", {False: size - 1, True: 0})
    refused(tmp_path, f"{NAME}: wanted at most {size - 1:,} bytes")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), form=st.sampled_from([NAME, "BTCUSDT2020-03-25.csv.gz"]))
def test_any_damage_is_refused_or_harmless(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, form: str
) -> None:
    folder = tmp_path_factory.mktemp("damage")
    if form == NAME:
        whole, truth = pack(folder / NAME, LINES, KLINE, checksum=False).read_bytes(), TRUTH[:96]
        truth = truth[["open", "high", "low", "close", "volume", "taker_buy_volume"]]
    else:
        trades = Trades(ms("2020-03-25 12:00"))
        whole, truth = gzip.compress("\n".join([TRADING, *trades.bybit_lines()]).encode(), mtime=0), trades.truth(1)
    headers = [*range(60), *range(len(whole) - 120, len(whole))]
    places = data.draw(st.lists(st.sampled_from(headers) | st.integers(0, len(whole) - 1), max_size=4))
    damaged = bytearray(whole)
    for place in places:
        damaged[place] = data.draw(st.integers(0, 255))
    (folder / form).write_bytes(damaged[: data.draw(st.integers(len(whole) - 40, len(whole)))])
    message, market = form, None
    try:
        market = read_archive(folder)
    except ParseError as error:
        message = str(error)
    assert message.startswith(form)
    if market is not None:
        same(market, truth)


def test_progress_is_told_and_a_stop_leaves_no_thread(tmp_path: Path) -> None:
    folder = write(PAST, tmp_path)
    told: list[tuple[int, int, int]] = []
    read_archive(folder, progress=lambda *state: told.append(state))
    assert told[-1] == (14, 14, len(PAST.candles) + len(PAST.marks) + len(PAST.snaps) + len(PAST.funding))
    assert told == sorted(told)
    assert len(told) > 3

    def stop(done: int, files: int, rows: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read_archive(folder, progress=stop)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("archive")]
    same(read_archive(folder, progress=False), TRUTH)


def test_a_stop_does_not_wait_for_a_long_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, first, last in PAST.spans()[:2]:
        pack(tmp_path / f"BTCUSDT-15m-{name}.zip", PAST.kline_lines(first, last))
    reads, most, unpacked, begun = 0, 3_000_000, reader.unpacked, threading.Event()

    def lines(size: int) -> bytes:
        nonlocal reads
        reads += 1
        begun.set()
        return b"\n" if reads < most else b""

    @contextmanager
    def endless(path: Path, limit: int) -> Iterator[Any]:
        with unpacked(path, limit) as read:
            assert path.name != NAME or begun.wait(60)  # the short file ends while the long one is being read
            yield read if path.name == NAME else lines

    def stop(done: int, files: int, rows: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(reader, "unpacked", endless)
    with pytest.raises(KeyboardInterrupt):
        read_archive(tmp_path, progress=stop)
    assert 0 < reads < most


def test_a_file_that_cannot_be_opened_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pack(tmp_path / NAME, LINES)

    def locked(path: Path, **_kwargs: Any) -> Any:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(zips, "_Bounded", locked)
    refused(tmp_path, f"^{NAME}.*: wanted to read the file; got Permission denied")
    with pytest.raises(ParseError, match=f"^{NAME}: wanted to read the file; got Permission denied"):
        read_archive(tmp_path, verify=False)
