"""The fake exchange itself: its answers match the history in each dialect, and each vice acts as documented."""

from __future__ import annotations

import dataclasses
import gzip
import json
import socket
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from email.utils import parsedate_to_datetime
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from exchange import Exchange, History, okx, vices
from exchange.counting import LIMITS, charges
from exchange.cuts import bomb
from exchange.history import interval_ms
from exchange.hyperliquid import accounts
from exchange.messages import Request
from exchange.streams import GARBAGE

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
START = 1_700_000_100_000  # on a 5-minute boundary, not on an hour
GAP = (START + 3 * DAY + 7 * MINUTE, START + 3 * DAY + 52 * MINUTE)
HISTORY = History.make(START, 35 * 1440, gaps=[GAP])
NOW = HISTORY.end_ms - 97_000  # in the middle of a 5-minute candle and of a minute


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, timeout=5.0) as client:
        yield client


@pytest.fixture
def get(client: httpx.Client) -> Iterator[Callable[..., Any]]:
    """The payload of an answer from a server without vices."""
    with Exchange(HISTORY, now_ms=NOW) as exchange:

        def ask(venue: str, path: str, **params: Any) -> Any:
            return fetch(client, exchange, venue, path, **params).json()

        yield ask


def fetch(client: httpx.Client, exchange: Exchange, venue: str, path: str, **params: Any) -> httpx.Response:
    if venue == "hyperliquid":
        return client.post(exchange.rest(venue) + "/info", json=params)
    return client.get(exchange.rest(venue) + path, params=params)


def test_rows_and_date_are_of_one_moment_however_the_clock_is_moved(client: httpx.Client, monkeypatch) -> None:
    with Exchange(History.make(START, 60), now_ms=START) as exchange:
        clock = count(START + 30 * MINUTE, MINUTE)  # each reading is a minute later
        monkeypatch.setattr(exchange, "now", lambda: next(clock))
        for _ in range(3):
            found = fetch(client, exchange, "binance", "/fapi/v1/klines", symbol="BTCUSDT", interval="1m", limit=2)
            date = parsedate_to_datetime(found.headers["Date"]).timestamp() * 1000
            assert found.json()[-1][0] == date // MINUTE * MINUTE  # the forming candle


# --- the history


def test_the_same_arguments_make_the_same_history_and_a_longer_one_begins_with_it() -> None:
    short, long, other = History.make(START, 2000), History.make(START, 9000), History.make(START, 2000, seed=1)
    grown = History.make(START, 2000)
    grown.extend(START + 9000 * MINUTE)
    for name, values in short.candles("1m").items():
        np.testing.assert_array_equal(values, long.candles("1m")[name][:2000])
        np.testing.assert_array_equal(grown.candles("1m")[name], long.candles("1m")[name])
    assert (short.candles("1m")["close"] != other.candles("1m")["close"]).all()
    np.testing.assert_array_equal(short.open_interest()["open_interest"], long.open_interest()["open_interest"][:401])


@pytest.mark.parametrize("interval", ["5m", "1h", "1d", "1w"])
def test_candles_are_those_of_their_minutes(interval: str) -> None:
    minutes, bars, step = HISTORY.candles("1m"), HISTORY.candles(interval), interval_ms(interval)
    begin = 4 * DAY if interval == "1w" else 0
    opens = sorted({int(time) - (int(time) - begin) % step for time in minutes["time"]})
    assert bars["time"].tolist() == opens
    for i in {0, 1, len(opens) // 2, len(opens) - 1}:
        inside = (minutes["time"] >= opens[i]) & (minutes["time"] < opens[i] + step)
        assert bars["open"][i] == minutes["open"][inside][0]
        assert bars["high"][i] == minutes["high"][inside].max()
        assert bars["low"][i] == minutes["low"][inside].min()
        assert bars["close"][i] == minutes["close"][inside][-1]
        assert bars["volume"][i] == round(minutes["volume"][inside].sum(), 3)
        assert bars["taker_buy_volume"][i] == round(minutes["taker_buy_volume"][inside].sum(), 3)


def test_the_history_is_one_that_could_have_been() -> None:
    last, mark = HISTORY.candles("1m"), HISTORY.mark("1m")
    for bars in (last, mark):
        assert (bars["low"] > 0).all()
        assert (bars["low"] <= np.minimum(bars["open"], bars["close"])).all()
        assert (bars["high"] >= np.maximum(bars["open"], bars["close"])).all()
    assert (last["taker_buy_volume"] <= last["volume"]).all()
    assert not ((last["time"] >= GAP[0]) & (last["time"] < GAP[1])).any()
    assert len(last["time"]) == 35 * 1440 - 45
    assert (np.diff(HISTORY.open_interest()["open_interest"]) != 0).any()
    happened = HISTORY.liquidations()
    assert set(happened["side"]) == {"long", "short"}
    assert (np.diff(happened["time"]) > 0).all()


def test_numbers_are_the_ones_their_text_reads_as() -> None:
    bars = HISTORY.candles("1h")
    assert all(float(f"{value:.1f}") == value for value in bars["high"])
    assert all(float(f"{value:.3f}") == value for value in bars["volume"])
    oi = HISTORY.open_interest("1h")
    assert all(float(f"{value:.4f}") == value for value in oi["value"])


# --- candles, page by page in each dialect

Rows = dict[int, tuple[float, ...]]
NAMES = {
    "binance": {interval: interval for interval in ("1m", "5m", "15m", "1h", "1d")},
    "bybit": {"1m": "1", "5m": "5", "15m": "15", "1h": "60", "1d": "D"},
    "okx": {"1m": "1m", "5m": "5m", "15m": "15m", "1h": "1H", "1d": "1Dutc"},
    "hyperliquid": {interval: interval for interval in ("1m", "5m", "15m", "1h", "1d")},
}


def binance_candles(get: Any, interval: str, low: int, high: int, kind: str = "klines") -> Rows:
    rows: Rows = {}
    while page := get(
        "binance", f"/fapi/v1/{kind}", symbol="BTCUSDT", interval=interval, startTime=low, endTime=high, limit=499
    ):
        assert len(page) <= 499
        assert [row[0] for row in page] == sorted(row[0] for row in page)
        rows |= {row[0]: tuple(map(float, [*row[1:6], row[9]])) for row in page}
        low = page[-1][0] + 1
    return rows


def bybit_candles(get: Any, interval: str, low: int, high: int, kind: str = "kline") -> Rows:
    rows: Rows = {}
    window = {"category": "linear", "symbol": "BTCUSDT", "interval": interval, "limit": 700}
    while page := get("bybit", f"/v5/market/{kind}", start=low, end=high, **window)["result"]["list"]:
        assert [int(row[0]) for row in page] == sorted((int(row[0]) for row in page), reverse=True)
        rows |= {int(row[0]): tuple(map(float, row[1:6])) for row in page}
        high = int(page[-1][0]) - 1
        if high < low:
            break
    return rows


def okx_candles(get: Any, interval: str, low: int, high: int, kind: str = "history-candles") -> Rows:
    rows: Rows = {}
    window = {"instId": "BTC-USDT-SWAP", "bar": interval, "limit": 300}
    after = high + 1
    while page := get("okx", f"/api/v5/market/{kind}", after=after, before=low - 1, **window)["data"]:
        assert [int(row[0]) for row in page] == sorted((int(row[0]) for row in page), reverse=True)
        assert {row[-1] for row in page} == {"1"}
        volume = (6,) if kind == "history-candles" else ()
        rows |= {int(row[0]): tuple(float(row[i]) for i in (1, 2, 3, 4, *volume)) for row in page}
        after = int(page[-1][0])
    return rows


def hyperliquid_candles(get: Any, interval: str, low: int, high: int) -> Rows:
    asked = {"coin": "BTC", "interval": interval, "startTime": low, "endTime": high}
    page = get("hyperliquid", "", type="candleSnapshot", req=asked)
    assert [row["t"] for row in page] == sorted(row["t"] for row in page)
    return {row["t"]: tuple(float(row[name]) for name in "ohlcv") for row in page}


def truth(bars: dict[str, Any], low: int, high: int, *names: str) -> Rows:
    keep = (bars["time"] >= low) & (bars["time"] <= high)
    return {
        int(time): tuple(values)
        for time, *values in zip(bars["time"][keep], *(bars[name][keep].tolist() for name in names), strict=True)
    }


OHLC = ("open", "high", "low", "close")


@pytest.mark.parametrize("interval", ["5m", "15m", "1h", "1d"])
@pytest.mark.parametrize("days", [2, 12])
def test_pages_of_candles_make_the_history(get: Any, interval: str, days: int) -> None:
    low, high = GAP[0] - DAY, GAP[0] + days * DAY
    step = interval_ms(interval)
    bars = HISTORY.candles(interval)
    wanted = truth(bars, low, high, *OHLC, "volume", "taker_buy_volume")
    plain = {time: row[:5] for time, row in wanted.items()}
    assert binance_candles(get, NAMES["binance"][interval], low, high) == wanted
    assert okx_candles(get, NAMES["okx"][interval], low, high) == plain
    kept = bars["time"][bars["time"] <= NOW][-5000:]
    assert hyperliquid_candles(get, interval, low, high) == {t: row for t, row in plain.items() if t >= kept[0]}
    # Bybit also returns the candle that contains the start.
    assert bybit_candles(get, NAMES["bybit"][interval], low, high) == {
        time: row[:5] for time, row in truth(bars, low - low % step, high, *OHLC, "volume").items()
    }


def test_pages_of_mark_candles_make_the_history(get: Any) -> None:
    low, high = GAP[0] - DAY, GAP[0] + 2 * DAY
    wanted = truth(HISTORY.mark("15m"), low - low % (15 * MINUTE) + 15 * MINUTE, high, *OHLC)
    low -= low % (15 * MINUTE) - 15 * MINUTE
    assert {t: row[:4] for t, row in binance_candles(get, "15m", low, high, "markPriceKlines").items()} == wanted
    assert bybit_candles(get, "15", low, high, "mark-price-kline") == wanted
    assert okx_candles(get, "15m", low, high, "history-mark-price-candles") == wanted
    assert wanted != truth(HISTORY.candles("15m"), low, high, *OHLC)


def test_candles_page_lengths_and_which_end_of_an_overfull_window(get: Any) -> None:
    times = HISTORY.candles("5m")["time"]
    times = times[times <= NOW]
    low, high = int(times[500]), int(times[4000])

    def binance(**window: Any) -> list[int]:
        return [row[0] for row in get("binance", "/fapi/v1/klines", symbol="BTCUSDT", interval="5m", **window)]

    assert binance() == times[-500:].tolist()
    assert binance(limit=9999) == times[-1500:].tolist()
    assert binance(startTime=low, endTime=high, limit=7) == times[500:507].tolist()
    assert binance(startTime=low, limit=7) == times[500:507].tolist()
    assert binance(endTime=high, limit=7) == times[3994:4001].tolist()

    def bybit(**window: Any) -> list[int]:
        asked = {"category": "linear", "symbol": "BTCUSDT", "interval": "5", **window}
        return [int(row[0]) for row in get("bybit", "/v5/market/kline", **asked)["result"]["list"]]

    assert bybit() == times[:-201:-1].tolist()
    assert bybit(limit=9999) == times[:-1001:-1].tolist()
    assert bybit(start=low, end=high, limit=7) == times[4000:3993:-1].tolist()
    assert bybit(start=low + 1, end=low + 1) == [low]
    assert bybit(start=low + 5 * MINUTE + 1, end=low + 5 * MINUTE) == [int(times[501])]

    def okx(path: str, **window: Any) -> list[int]:
        asked = {"instId": "BTC-USDT-SWAP", "bar": "5m", **window}
        return [int(row[0]) for row in get("okx", f"/api/v5/market/{path}", **asked)["data"]]

    assert okx("candles") == times[:-101:-1].tolist()
    assert okx("candles", limit=9999) == times[:-301:-1].tolist()
    assert okx("mark-price-candles", limit=9999) == times[:-101:-1].tolist()
    assert okx("candles", after=int(times[-1440]) + 1) == [int(times[-1440])]
    assert okx("candles", after=int(times[-1440])) == []
    assert okx("history-candles", limit=3) == times[-2:-5:-1].tolist()
    assert okx("history-candles", before=low, after=high, limit=3) == times[3999:3996:-1].tolist()
    assert okx("history-candles", before=low, after=int(times[502])) == [int(times[501])]
    assert okx("history-candles", before=low, limit=2) == times[-2:-4:-1].tolist()

    asked = {"coin": "BTC", "interval": "5m", "startTime": 0}
    rows = get("hyperliquid", "", type="candleSnapshot", req=asked)
    assert [row["t"] for row in rows] == times[-5000:].tolist()


def test_the_last_candle_is_unfinished(get: Any) -> None:
    minutes = HISTORY.candles("1m", closed_by=NOW)
    time = NOW - NOW % (5 * MINUTE)
    inside = minutes["time"] >= time
    finished = HISTORY.candles("5m")["volume"][HISTORY.candles("5m")["time"] == time][0]
    last = get("binance", "/fapi/v1/klines", symbol="BTCUSDT", interval="5m", limit=1)[0]
    assert (last[0], last[6]) == (time, time + 5 * MINUTE - 1)
    assert last[6] > NOW
    assert minutes["volume"][inside].sum() <= float(last[5]) < finished
    assert float(last[1]) == minutes["open"][inside][0]
    assert float(last[2]) >= minutes["high"][inside].max()
    so_far = tuple(map(float, last[1:6]))
    row = get("bybit", "/v5/market/kline", category="linear", symbol="BTCUSDT", interval="5")["result"]["list"][0]
    assert tuple(map(float, row[1:6])) == so_far
    row = get("okx", "/api/v5/market/candles", instId="BTC-USDT-SWAP", bar="5m")["data"][0]
    assert tuple(float(row[i]) for i in (1, 2, 3, 4, 6)) == so_far
    assert row[8] == "0"
    assert float(row[5]) == round(100 * so_far[4], 1)
    asked = {"coin": "BTC", "interval": "5m", "startTime": time}
    assert hyperliquid_candles(get, "5m", time, NOW) == {time: so_far}
    assert len(get("hyperliquid", "", type="candleSnapshot", req=asked)) == 1


def test_days_begin_in_hong_kong_unless_utc_is_asked(get: Any) -> None:
    rows = {
        bar: get("okx", "/api/v5/market/candles", instId="BTC-USDT-SWAP", bar=bar)["data"] for bar in ("1D", "1Dutc")
    }
    assert {int(row[0]) % DAY for row in rows["1D"]} == {16 * HOUR}
    assert {int(row[0]) % DAY for row in rows["1Dutc"]} == {0}
    day = next(row for row in rows["1D"] if row[8] == "1")
    hours = truth(HISTORY.candles("1h"), int(day[0]), int(day[0]) + DAY - 1, "high", "volume")
    assert float(day[2]) == max(high for high, _ in hours.values())
    assert float(day[6]) == pytest.approx(sum(volume for _, volume in hours.values()))


def test_finished_candles_are_kept_as_text_and_unfinished_ones_are_not(client: httpx.Client) -> None:
    asked = {"symbol": "BTCUSDT", "interval": "5m", "startTime": NOW - HOUR}
    answers = []
    with Exchange(HISTORY, now_ms=NOW) as exchange:
        for ms in (0, 10_000, 10 * MINUTE, -10 * MINUTE - 10_000):
            exchange.advance(ms)
            answers.append(fetch(client, exchange, "binance", "/fapi/v1/klines", **asked).json())
    assert answers[3] == answers[0]
    assert answers[1][:-1] == answers[0][:-1]
    assert answers[1][-1] != answers[0][-1]
    assert answers[2][: len(answers[0]) - 1] == answers[0][:-1]
    bars = HISTORY.candles("5m")
    for row in answers[2][:-1]:
        assert float(row[5]) == bars["volume"][bars["time"] == row[0]][0]


# --- open interest, ratios, funding


def test_open_interest_of_each_exchange(get: Any) -> None:
    oi = HISTORY.open_interest("5m")
    keep = oi["time"] <= NOW
    oi = {name: values[keep] for name, values in oi.items()}
    low, high = int(oi["time"][-400]), int(oi["time"][-10])

    asked = {"symbol": "BTCUSDT", "period": "5m"}
    path = "/futures/data/openInterestHist"
    rows = get("binance", path, **asked, startTime=low, endTime=high, limit=100)
    assert [row["timestamp"] for row in rows] == oi["time"][-109:-9].tolist()
    assert [float(row["sumOpenInterest"]) for row in rows] == oi["open_interest"][-109:-9].tolist()
    assert [float(row["sumOpenInterestValue"]) for row in rows] == oi["value"][-109:-9].tolist()
    assert [row["timestamp"] for row in get("binance", path, **asked)] == oi["time"][-30:].tolist()
    assert len(get("binance", path, **asked, limit=9999)) == 500
    one = get("binance", "/fapi/v1/openInterest", symbol="BTCUSDT")
    assert (one["time"], float(one["openInterest"])) == (oi["time"][-1], oi["open_interest"][-1])

    asked = {"category": "linear", "symbol": "BTCUSDT", "intervalTime": "5min"}
    rows = get("bybit", "/v5/market/open-interest", **asked, startTime=low, endTime=high)["result"]["list"]
    assert [int(row["timestamp"]) for row in rows] == oi["time"][-10:-60:-1].tolist()
    assert [float(row["singleOpenInterest"]) for row in rows] == oi["open_interest"][-10:-60:-1].tolist()
    assert [float(row["openInterest"]) for row in rows] == (2 * oi["open_interest"][-10:-60:-1]).tolist()

    asked = {"instId": "BTC-USDT-SWAP", "period": "5m"}
    path = "/api/v5/rubik/stat/contracts/open-interest-history"
    rows = get("okx", path, **asked, begin=low, end=high)["data"]
    assert [int(row[0]) for row in rows] == oi["time"][-11:-111:-1].tolist()
    assert [float(row[2]) for row in rows] == oi["open_interest"][-11:-111:-1].tolist()
    assert [float(row[1]) for row in rows] == [round(100 * coins, 1) for coins in oi["open_interest"][-11:-111:-1]]
    assert [float(row[3]) for row in rows] == oi["value"][-11:-111:-1].tolist()
    assert [int(row[0]) for row in get("okx", path, **asked, end=int(oi["time"][-1439]))["data"]] == [oi["time"][-1440]]
    one = get("okx", "/api/v5/public/open-interest", instType="SWAP", instId="BTC-USDT-SWAP")["data"][0]
    assert float(one["oiCcy"]) == oi["open_interest"][-1]

    meta, contexts = get("hyperliquid", "", type="metaAndAssetCtxs")
    assert len(meta["universe"]) == len(contexts)
    assert meta["universe"][0]["name"] == "BTC"
    assert float(contexts[0]["openInterest"]) == oi["open_interest"][-1]


def test_long_short_ratios_of_each_exchange(get: Any) -> None:
    ratios = HISTORY.long_short("15m")
    keep = ratios["time"] <= NOW
    ratios = {name: values[keep] for name, values in ratios.items()}
    low, high = int(ratios["time"][-60]), int(ratios["time"][-1])
    rows = get(
        "binance",
        "/futures/data/globalLongShortAccountRatio",
        symbol="BTCUSDT",
        period="15m",
        startTime=low,
        endTime=high,
        limit=60,
    )
    assert [row["timestamp"] for row in rows] == ratios["time"][-60:].tolist()
    assert [float(row["longShortRatio"]) for row in rows] == ratios["ratio"][-60:].tolist()
    assert [float(row["longAccount"]) for row in rows] == ratios["long"][-60:].tolist()
    asked = {"category": "linear", "symbol": "BTCUSDT", "period": "15min"}
    rows = get("bybit", "/v5/market/account-ratio", **asked)["result"]["list"]
    assert [int(row["timestamp"]) for row in rows] == ratios["time"][:-51:-1].tolist()
    assert [float(row["buyRatio"]) for row in rows] == ratios["long"][:-51:-1].tolist()
    path = "/api/v5/rubik/stat/contracts/long-short-account-ratio-contract"
    rows = get("okx", path, instId="BTC-USDT-SWAP", period="15m", begin=low)["data"]
    assert [(int(t), float(ratio)) for t, ratio in rows] == list(
        zip(ratios["time"][:-60:-1].tolist(), ratios["ratio"][:-60:-1].tolist(), strict=True)
    )


@pytest.mark.parametrize("send", ["as given", "decoded"])
@pytest.mark.parametrize(
    ("path", "period", "most"), [("open-interest", "intervalTime", 200), ("account-ratio", "period", 500)]
)
def test_cursors_of_bybit_lead_to_the_oldest_row(get: Any, path: str, period: str, most: int, send: str) -> None:
    asked = {"category": "linear", "symbol": "BTCUSDT", period: "1h", "limit": 9999}
    truth = HISTORY.open_interest("1h")["time"]
    times: list[int] = []
    cursor = None
    while cursor != "":
        page = get("bybit", f"/v5/market/{path}", **asked, **({} if cursor is None else {"cursor": cursor}))["result"]
        assert len(page["list"]) <= most
        times += [int(row["timestamp"]) for row in page["list"]]
        cursor = page["nextPageCursor"]
        if send == "decoded":
            cursor = cursor.replace("%3D", "=").replace("%26", "&")
    assert times == truth[::-1].tolist()


def test_funding_of_each_exchange(get: Any) -> None:
    funding = HISTORY.funding(hours=8)
    low, high = int(funding["time"][10]), int(funding["time"][60])
    path, asked = "/fapi/v1/fundingRate", {"symbol": "BTCUSDT"}
    rows = get("binance", path, **asked, startTime=low, endTime=high, limit=20)
    assert [row["fundingTime"] for row in rows] == funding["time"][10:30].tolist()
    assert [float(row["fundingRate"]) for row in rows] == funding["rate"][10:30].tolist()
    assert [float(row["markPrice"]) for row in rows] == funding["mark_price"][10:30].tolist()
    assert get("binance", path, **asked, startTime=START, limit=1)[0]["markPrice"] == ""
    assert len(get("binance", path, **asked)) == len(funding["time"])  # without times, up to 200
    assert len(get("binance", path, **asked, endTime=NOW)) == 100

    path, asked = "/v5/market/funding/history", {"category": "linear", "symbol": "BTCUSDT"}
    rows = get("bybit", path, **asked, startTime=low, endTime=high, limit=20)["result"]["list"]
    assert [int(row["fundingRateTimestamp"]) for row in rows] == funding["time"][60:40:-1].tolist()
    assert [float(row["fundingRate"]) for row in rows] == funding["rate"][60:40:-1].tolist()
    assert get("bybit", path, **asked, startTime=low)["retCode"] == 10001
    assert len(get("bybit", path, **asked, endTime=high)["result"]["list"]) == 61

    path, asked = "/api/v5/public/funding-rate-history", {"instId": "BTC-USDT-SWAP"}
    rows = get("okx", path, **asked, before=low, after=high)["data"]
    assert [int(row["fundingTime"]) for row in rows] == funding["time"][59:10:-1].tolist()
    assert [float(row["realizedRate"]) for row in rows] == funding["rate"][59:10:-1].tolist()
    assert [row["fundingRate"] for row in rows] != [row["realizedRate"] for row in rows]

    hourly = HISTORY.funding(hours=1)
    assert (hourly["time"] % HOUR).max() > 0
    assert (hourly["time"] % HOUR).max() < 100
    times: list[int] = []
    low = START
    while rows := get("hyperliquid", "", type="fundingHistory", coin="BTC", startTime=low):
        assert len(rows) <= 500
        times += [row["time"] for row in rows]
        low = rows[-1]["time"] + 1
    assert times == hourly["time"][hourly["time"] <= NOW].tolist()
    first = int(hourly["time"][7])
    rows = get("hyperliquid", "", type="fundingHistory", coin="BTC", startTime=first, endTime=first)
    assert [(row["time"], float(row["fundingRate"])) for row in rows] == [(first, hourly["rate"][7])]


def test_taker_volume_of_okx_is_sold_then_bought(get: Any) -> None:
    bars = HISTORY.candles("1h", closed_by=NOW)
    path, asked = "/api/v5/rubik/stat/taker-volume-contract", {"instId": "BTC-USDT-SWAP", "period": "1H"}
    rows = get("okx", path, **asked, unit=0)["data"]
    assert len(rows) == 100
    assert [int(row[0]) for row in rows[1:]] == bars["time"][:-100:-1].tolist()
    assert [float(row[2]) for row in rows[1:]] == bars["taker_buy_volume"][:-100:-1].tolist()
    total = [round(float(row[1]) + float(row[2]), 3) for row in rows[1:]]
    assert total == bars["volume"][:-100:-1].tolist()
    contracts = get("okx", path, **asked, unit=1)["data"]
    assert float(contracts[1][2]) == pytest.approx(100 * float(rows[1][2]))


def test_what_is_kept_for_a_while_only(client: httpx.Client) -> None:
    history = History.make(START, 120 * 1440)
    now = history.end_ms
    with Exchange(history, now_ms=now) as exchange:
        path, asked = "/futures/data/openInterestHist", {"symbol": "BTCUSDT", "period": "5m", "limit": 1}
        answer = fetch(client, exchange, "binance", path, **asked, startTime=now - 30 * DAY)
        assert (answer.status_code, answer.json()["code"]) == (400, -1130)
        answer = fetch(client, exchange, "binance", path, **asked, startTime=now - 30 * DAY + 1)
        assert (answer.status_code, len(answer.json())) == (200, 1)
        assert fetch(client, exchange, "binance", path, **asked, endTime=now - 30 * DAY).json() == []
        rates = fetch(client, exchange, "okx", "/api/v5/public/funding-rate-history", instId="BTC-USDT-SWAP")
        times = [int(row["fundingTime"]) for row in rates.json()["data"]]
        assert times == [t for t in history.funding()["time"][::-1].tolist() if t >= now - 90 * DAY]
        asked = {"category": "linear", "symbol": "BTCUSDT", "intervalTime": "5min", "endTime": START}
        assert len(fetch(client, exchange, "bybit", "/v5/market/open-interest", **asked).json()["result"]["list"]) == 1


# --- tiers, instruments, positions, errors


def test_instruments_and_tiers(get: Any) -> None:
    symbol = get("binance", "/fapi/v1/exchangeInfo")["symbols"][0]
    assert (symbol["symbol"], symbol["contractType"]) == ("BTCUSDT", "PERPETUAL")
    assert get("binance", "/fapi/v1/time") == {"serverTime": NOW}
    assert get("binance", "/fapi/v1/premiumIndex", symbol="BTCUSDT")["time"] == NOW
    asked = {"category": "linear", "symbol": "BTCUSDT"}
    assert get("bybit", "/v5/market/instruments-info", **asked)["result"]["list"][0]["fundingInterval"] == 480
    tiers = get("bybit", "/v5/market/risk-limit", **asked)["result"]["list"]
    assert tiers[0]["mmDeduction"] == ""
    # Deductions make the margin continuous at the limits.
    for below, above in pairwise(tiers):
        rise = float(above["maintenanceMargin"]) - float(below["maintenanceMargin"])
        step = float(above["mmDeduction"]) - float(below["mmDeduction"] or 0)
        assert step == pytest.approx(float(below["riskLimitValue"]) * rise)
    rows = get("okx", "/api/v5/public/instruments", instType="SWAP")["data"]
    assert {row["instId"]: (row["ctType"], row["ctVal"], row["ctValCcy"]) for row in rows} == {
        "BTC-USDT-SWAP": ("linear", "0.01", "BTC"),
        "BTC-USD-SWAP": ("inverse", "100", "USD"),
    }
    asked = {"instType": "SWAP", "tdMode": "cross", "instFamily": "BTC-USDT"}
    assert [row["maxLever"] for row in get("okx", "/api/v5/public/position-tiers", **asked)["data"]] == [
        "100",
        "66.66",
        "50",
    ]


def test_positions_of_known_and_unknown_addresses(get: Any) -> None:
    known = accounts(HISTORY)
    levels = []
    for address, positions in known.items():
        answer = get("hyperliquid", "", type="clearinghouseState", user=address)
        assert answer["assetPositions"] == positions
        levels += [each["position"]["liquidationPx"] for each in positions]
    assert levels.count(None) == 1
    empty = get("hyperliquid", "", type="clearinghouseState", user="0x" + 40 * "0")
    assert (empty["assetPositions"], float(empty["marginSummary"]["accountValue"])) == ([], 0.0)


KLINES = ("binance", "/fapi/v1/klines")
OI = ("binance", "/futures/data/openInterestHist")
KLINE = ("bybit", "/v5/market/kline")
CANDLES = ("okx", "/api/v5/market/candles")
TIERS = ("okx", "/api/v5/public/position-tiers")
INFO = ("hyperliquid", "/info")
SNAPSHOT = {"coin": "BTC", "interval": "5m", "startTime": 1}

ERRORS = [
    (KLINES, {"interval": "5m"}, 400, {"code": -1102}),
    (KLINES, {"symbol": "BTCUSD", "interval": "5m"}, 400, {"code": -1121, "msg": "Invalid symbol."}),
    (KLINES, {"symbol": "BTCUSDT", "interval": "7m"}, 400, {"code": -1120, "msg": "Invalid interval."}),
    (KLINES, {"symbol": "BTCUSDT", "interval": "5m", "limit": "x"}, 400, {"code": -1130}),
    (KLINES, {"symbol": "BTCUSDT", "interval": "5m", "startTime": 2, "endTime": 1}, 400, {"code": -1023}),
    (OI, {"symbol": "BTCUSD", "period": "5m"}, 200, []),
    (OI, {"symbol": "BTCUSDT", "period": "1m"}, 400, {"code": -1130}),
    (("binance", "/fapi/v1/allForceOrders"), {}, 200, {"code": 400, "msg": "The endpoint has been out of maintenance"}),
    (KLINE, {"category": "linear", "symbol": "X"}, 200, {"retCode": 10001, "retMsg": "params error: Symbol Invalid"}),
    (KLINE, {"category": "linear", "symbol": "BTCUSDT", "interval": "5m"}, 200, {"retCode": 10001, "result": {}}),
    (KLINE, {"category": "spot", "symbol": "X", "interval": "5"}, 200, {"retCode": 0}),
    (KLINE, {"symbol": "BTCUSDT", "interval": "5"}, 200, {"retCode": 10001}),
    (CANDLES, {"instId": "BTC-USDT"}, 200, {"code": "51001", "data": []}),
    (CANDLES, {"instId": "BTC-USDT-SWAP", "bar": "1h"}, 400, {"code": "51000", "msg": "Parameter bar error"}),
    (CANDLES, {"instId": "BTC-USDT-SWAP", "after": 1}, 200, {"code": "0", "data": []}),
    (TIERS, {"instType": "SWAP", "tdMode": "cross", "instFamily": "X"}, 400, {"msg": "Parameter instFamily error"}),
    (INFO, {"type": "candleSnapshot", "req": SNAPSHOT | {"startTime": "1"}}, 422, "Failed to deserialize"),
    (INFO, {"type": "candleSnapshot", "req": SNAPSHOT | {"interval": "7m"}}, 422, "Failed to deserialize"),
    (INFO, {"type": "candleSnapshot", "req": SNAPSHOT | {"coin": "X"}}, 500, None),
    (INFO, {"type": "nothing"}, 422, "Failed to deserialize"),
    (INFO, {"type": "clearinghouseState", "user": "me"}, 422, "Failed to deserialize"),
]  # fmt: skip


@pytest.mark.parametrize(("target", "params", "status", "body"), ERRORS)
def test_errors_in_the_words_of_each_exchange(client: Any, target: Any, params: Any, status: int, body: Any) -> None:
    with Exchange(HISTORY, now_ms=NOW) as exchange:
        answer = fetch(client, exchange, *target, **params)
    assert answer.status_code == status
    if isinstance(body, dict):
        assert {name: answer.json().get(name) for name in body} == body
    elif isinstance(body, str):
        assert body in answer.text
    else:
        assert answer.json() == body


# --- the server


def test_requests_are_written_down_and_connections_reused(client: httpx.Client) -> None:
    with Exchange(HISTORY, now_ms=NOW, vices=[vices.ServerError(venue="okx")]) as exchange:
        fetch(client, exchange, *KLINES, symbol="BTCUSDT", interval="5m")
        fetch(client, exchange, *CANDLES, instId="BTC-USDT-SWAP")
        fetch(client, exchange, *INFO, type="metaAndAssetCtxs")
        asked = exchange.requests
        assert [(each.venue, each.path, each.status, each.vices) for each in asked] == [
            ("binance", "/fapi/v1/klines", 200, ()),
            ("okx", "/api/v5/market/candles", 503, ("server_error",)),
            ("hyperliquid", "/info", 200, ()),
        ]
        assert asked[0].params == {"symbol": "BTCUSDT", "interval": "5m"}
        assert asked[2].params == {"type": "metaAndAssetCtxs"}
        assert len({each.connection for each in asked}) == 1
        exchange.reset_counts()
        assert (exchange.requests, exchange.used("binance weight")) == ([], 0)


def test_vices_may_change_on_the_way(client: httpx.Client) -> None:
    with Exchange(HISTORY, now_ms=NOW) as exchange:
        statuses = []
        for some in ([], [vices.ServerError()], []):
            exchange.set_vices(some)
            statuses.append(fetch(client, exchange, "binance", "/fapi/v1/time").status_code)
    assert statuses == [200, 503, 200]


def test_the_clock_stands_until_it_is_moved(client: httpx.Client) -> None:
    with Exchange(HISTORY, now_ms=NOW) as exchange:
        dates = []
        for move in (lambda: None, lambda: exchange.advance(5_000), lambda: exchange.set_now(START)):
            move()
            answer = fetch(client, exchange, "binance", "/fapi/v1/time")
            dates.append((answer.json()["serverTime"], answer.headers["Date"]))
    assert [time for time, _ in dates] == [NOW, NOW + 5_000, START]
    assert dates[2][1] == "Tue, 14 Nov 2023 22:15:00 GMT"


def test_real_time_lets_the_history_go_on(client: httpx.Client) -> None:
    history = History.make(START, 10)
    with Exchange(history) as exchange:
        exchange.advance(START + 3 * DAY + 1_000 - exchange.now())
        row = fetch(client, exchange, *KLINES, symbol="BTCUSDT", interval="1m", limit=1).json()[0]
    assert 0 <= row[0] - (START + 3 * DAY) <= MINUTE
    assert history.end_ms >= START + 3 * DAY


def test_the_history_goes_on_when_a_standing_clock_is_moved_past_its_end(client: httpx.Client) -> None:
    history = History.make(START, 60)
    with Exchange(history, now_ms=START + HOUR) as exchange:
        asked = {"symbol": "BTCUSDT", "interval": "1m"}
        assert len(fetch(client, exchange, *KLINES, **asked).json()) == 60
        exchange.advance(90_000)
        assert len(fetch(client, exchange, *KLINES, **asked).json()) == 62
    assert history.end_ms == START + HOUR + 2 * MINUTE


def test_nothing_is_left_behind(client: httpx.Client) -> None:
    before = threading.active_count()
    with (
        Exchange(HISTORY, now_ms=NOW, vices=[vices.Mute()]) as exchange,
        socket.create_connection(("127.0.0.1", exchange.port)) as waiting,
        socket.create_connection(("127.0.0.1", exchange.port)),
        connect(exchange.stream("okx") + "/ws/v5/public"),
    ):
        waiting.sendall(b"GET /binance/fapi/v1/time HTTP/1.1\r\nHost: x\r\n\r\n")
        with pytest.raises(ZeroDivisionError), Exchange(HISTORY, now_ms=NOW):
            raise ZeroDivisionError
    assert threading.active_count() == before
    with socket.socket() as free:
        free.bind(("127.0.0.1", exchange.port))


def test_a_fault_of_the_fake_is_told_when_it_stops(client: httpx.Client) -> None:
    class Broken(vices.Vice):
        def clock(self, now_ms: int) -> int:
            raise ZeroDivisionError("broken")

    exchange = Exchange(HISTORY, now_ms=NOW, vices=[Broken()])
    with pytest.raises(ZeroDivisionError, match="broken"), exchange, suppress(httpx.RemoteProtocolError):
        fetch(client, exchange, "binance", "/fapi/v1/time")


def test_a_process_of_its_own(client: httpx.Client) -> None:
    given = {"start_ms": START, "minutes": 100, "seed": 3, "now_ms": START + HOUR, "limits": {"bybit": [1, 60.0]}}
    process = subprocess.Popen(
        [sys.executable, "-m", "exchange", json.dumps(given)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[1],
    )
    assert process.stdout is not None
    with process:
        addresses = json.loads(process.stdout.readline())
        asked: dict[str, Any] = {"category": "linear", "symbol": "BTCUSDT", "interval": "5", "limit": 1}
        answers = [client.get(addresses["rest"] + "/bybit/v5/market/kline", params=asked) for _ in range(2)]
        control = addresses["rest"].removesuffix("/") + "/control"
        assert [row["status"] for row in client.get(control + "/requests").json()] == [200, 403]
        assert [row["bucket"] for row in client.get(control + "/violations").json()] == ["bybit"]
        assert client.get(control + "/now", params={"ms": START}).json() == {"now_ms": START}
        with connect(addresses["stream"] + "/bybit/v5/public/linear") as stream:
            stream.send('{"op":"ping"}')
            assert json.loads(stream.recv())["ret_msg"] == "pong"
        out, err = process.communicate("")
    assert (process.returncode, out, err) == (0, "", "")
    time, _, _, _, close, *_ = answers[0].json()["result"]["list"][0]
    bars = History.make(START, 100, seed=3).candles("1m")
    assert int(time) == START + HOUR
    assert float(close) == bars["open"][60]


# --- rate limits


OKX_OI = ("okx", "/api/v5/rubik/stat/contracts/open-interest-history")
WEIGHTS = [
    (("binance", "/fapi/v1/klines"), {"limit": "99"}, 0, ("binance weight", 1)),
    (("binance", "/fapi/v1/klines"), {"limit": "100"}, 0, ("binance weight", 2)),
    (("binance", "/fapi/v1/klines"), {"limit": "499"}, 0, ("binance weight", 2)),
    (("binance", "/fapi/v1/klines"), {}, 0, ("binance weight", 5)),
    (("binance", "/fapi/v1/klines"), {"limit": "1000"}, 0, ("binance weight", 5)),
    (("binance", "/fapi/v1/markPriceKlines"), {"limit": "1001"}, 0, ("binance weight", 10)),
    (("binance", "/fapi/v1/premiumIndex"), {}, 0, ("binance weight", 10)),
    (("binance", "/fapi/v1/openInterest"), {"symbol": "BTCUSDT"}, 0, ("binance weight", 1)),
    (("binance", "/fapi/v1/fundingRate"), {}, 0, ("binance funding", 1)),
    (("binance", "/futures/data/openInterestHist"), {}, 0, ("binance data", 1)),
    (("bybit", "/v5/market/kline"), {}, 0, ("bybit", 1)),
    (("okx", "/api/v5/market/candles"), {}, 0, ("okx candles", 1)),
    (OKX_OI, {"instId": "A"}, 0, ("okx open-interest-history of A", 1)),
    (("hyperliquid", "/info"), {"type": "candleSnapshot"}, 5000, ("hyperliquid", 103)),
    (("hyperliquid", "/info"), {"type": "candleSnapshot"}, 59, ("hyperliquid", 20)),
    (("hyperliquid", "/info"), {"type": "fundingHistory"}, 500, ("hyperliquid", 45)),
    (("hyperliquid", "/info"), {"type": "clearinghouseState"}, 0, ("hyperliquid", 2)),
    (("hyperliquid", "/info"), {"type": "metaAndAssetCtxs"}, 0, ("hyperliquid", 20)),
]  # fmt: skip


@pytest.mark.parametrize(("target", "params", "rows", "charge"), WEIGHTS)
def test_weights(target: tuple[str, str], params: dict[str, Any], rows: int, charge: tuple[str, int]) -> None:
    assert list(charges(Request(*target, params), rows)) == [charge]


def test_binance_warns_then_bans_and_tells_until_when(client: httpx.Client) -> None:
    asked: dict[str, Any] = {"symbol": "BTCUSDT", "interval": "5m", "limit": 1500}
    with Exchange(HISTORY, now_ms=NOW, limits_scale=0.01) as exchange:
        answers = [fetch(client, exchange, *KLINES, **asked) for _ in range(9)]
        assert [answer.status_code for answer in answers] == [200, 200, 429, 429, 429, 429, 429, 418, 418]
        assert [answer.headers["X-MBX-USED-WEIGHT-1M"] for answer in answers[:3]] == ["10", "20", "20"]
        assert answers[2].json()["code"] == -1003
        assert f"banned until {NOW + 120_000}." in answers[7].json()["msg"]
        violation = exchange.violations[0]
        assert (violation.bucket, violation.count, violation.limit) == ("binance weight", 30, 24)
        assert [each.banned for each in exchange.violations] == [False] * 6 + [True]
        # The other buckets are not affected and send no such header.
        rest = fetch(client, exchange, *OI, symbol="BTCUSDT", period="5m")
        assert rest.status_code == 200
        assert "X-MBX-USED-WEIGHT-1M" not in rest.headers
        exchange.advance(119_000)
        assert fetch(client, exchange, *KLINES, **asked).status_code == 418
        exchange.advance(1_000)
        assert fetch(client, exchange, *KLINES, **asked).status_code == 200


def test_windows_slide(client: httpx.Client) -> None:
    asked = {"instId": "BTC-USDT-SWAP"}
    with Exchange(HISTORY, now_ms=NOW, limits={"okx open-interest-history": (3, 100.0)}) as exchange:

        def status() -> int:
            return fetch(client, exchange, *OKX_OI, **asked).status_code

        assert [status() for _ in range(2)] == [200, 200]
        exchange.advance(60_000)
        assert [status() for _ in range(2)] == [200, 429]
        exchange.advance(60_000)
        assert [status() for _ in range(3)] == [200, 200, 429]
        assert exchange.used("okx open-interest-history of BTC-USDT-SWAP") == 3
        exchange.reset_counts()
        assert (status(), exchange.violations) == (200, [])


def test_refusals_of_the_other_exchanges(client: httpx.Client) -> None:
    limits = {"bybit": (1, 5.0), "okx candles": (1, 2.0), "hyperliquid": (20, 60.0)}
    with Exchange(HISTORY, now_ms=NOW, limits=limits) as exchange:
        answers = {}
        for target, params in [
            (KLINE, {"category": "linear", "symbol": "BTCUSDT", "interval": "5"}),
            (CANDLES, {"instId": "BTC-USDT-SWAP"}),
            (INFO, {"type": "metaAndAssetCtxs"}),
        ]:
            first, answers[target[0]] = (fetch(client, exchange, *target, **params) for _ in range(2))
            assert first.status_code == 200
        assert (answers["bybit"].status_code, answers["bybit"].text) == (403, "access too frequent")
        assert answers["bybit"].headers["X-Bapi-Limit-Status"] == "0"
        assert (answers["okx"].status_code, answers["okx"].json()["code"]) == (429, "50011")
        assert (answers["hyperliquid"].status_code, answers["hyperliquid"].json()) == (429, None)
        exchange.advance(599_000)  # Bybit bans for ten minutes
        asked = {"category": "linear", "symbol": "BTCUSDT", "interval": "5"}
        assert fetch(client, exchange, *KLINE, **asked).status_code == 403
        exchange.advance(1_000)
        assert fetch(client, exchange, *KLINE, **asked).status_code == 200
        assert [each.bucket for each in exchange.violations] == ["bybit", "okx candles", "hyperliquid", "bybit"]


def test_every_known_path_of_okx_is_counted() -> None:
    for path in okx.PATHS:
        (bucket, _), *_ = charges(Request("okx", path, {"instId": "A"}), 0)
        assert bucket.partition(" of ")[0] in LIMITS


# --- vices


TARGETS: dict[str, tuple[tuple[str, str], dict[str, Any]]] = {
    "binance": (KLINES, {"symbol": "BTCUSDT", "interval": "5m", "startTime": NOW - HOUR, "endTime": NOW - 30 * MINUTE}),
    "bybit": (
        KLINE,
        {"category": "linear", "symbol": "BTCUSDT", "interval": "5", "start": NOW - HOUR, "end": NOW - 30 * MINUTE},
    ),
    "okx": (
        ("okx", "/api/v5/market/history-candles"),
        {"instId": "BTC-USDT-SWAP", "bar": "5m", "before": NOW - HOUR, "after": NOW - 30 * MINUTE},
    ),
    "hyperliquid": (
        INFO,
        {
            "type": "candleSnapshot",
            "req": {"coin": "BTC", "interval": "5m", "startTime": NOW - HOUR, "endTime": NOW - 30 * MINUTE},
        },
    ),
}


def rows_of(venue: str, answer: httpx.Response) -> list[Any]:
    payload = answer.json()
    rows: list[Any] = {"bybit": lambda: payload["result"]["list"], "okx": lambda: payload["data"]}.get(
        venue, lambda: payload
    )()
    return rows


def times_of(venue: str, answer: httpx.Response) -> list[int]:
    return [int(row["t"] if venue == "hyperliquid" else row[0]) for row in rows_of(venue, answer)]


@pytest.fixture
def meet(client: httpx.Client) -> Callable[..., list[Any]]:
    """Answers of a venue to one request, first without the vice, then with it; or the error of the client."""

    def ask(venue: str, vice: vices.Vice, **more: Any) -> list[Any]:
        target, params = TARGETS[venue]
        answers: list[Any] = []
        with Exchange(HISTORY, now_ms=NOW, vices=[vice.on(nth=2)]) as exchange:
            for _ in range(2):
                try:
                    answers.append(fetch(client, exchange, *target, **params | more))
                except httpx.HTTPError as error:
                    answers.append(error)
            answers.append(exchange)
            assert [bool(each.vices) for each in exchange.requests] == [False, True]
        assert isinstance(answers[0], httpx.Response)
        assert answers[0].status_code == 200
        return answers

    return ask


VENUES = sorted(TARGETS)
ALL = dict.fromkeys
STATUSES: list[tuple[vices.Vice, dict[str, int], Any]] = [
    (vices.TooMany(), ALL(VENUES, 429), None),
    (vices.TooManyInBody(), ALL(VENUES, 429) | {"bybit": 200, "okx": 200}, {"bybit": "10006", "okx": "50011"}),
    (vices.Banned(), ALL(VENUES, 418), ALL(VENUES, f"banned until {NOW + 120_000}.")),
    (vices.GeoBlock(), ALL(VENUES, 403) | {"binance": 451}, {"bybit": "CloudFront", "binance": '"code":0'}),
    (vices.GeoBlock(html=True), ALL(VENUES, 403) | {"binance": 451}, {"bybit": "<HTML>"}),
    (vices.GeoBlockInBody(), ALL(VENUES, 403) | {"binance": 451, "bybit": 200}, {"bybit": "10009"}),
    (vices.Firewall(), ALL(VENUES, 403), ALL(VENUES, "<html>")),
    (vices.ServerError(status=500), ALL(VENUES, 500) | {"bybit": 200}, {"bybit": "10016", "okx": "50026"}),
    (vices.ServerError(status=502), ALL(VENUES, 502), None),
    (vices.ServerError(), ALL(VENUES, 503), {"binance": "Unknown error", "okx": "50001"}),
    (vices.ServerError(variant=1), ALL(VENUES, 503), {"binance": "Service Unavailable."}),
    (vices.ServerError(variant=2), ALL(VENUES, 503), {"binance": "-1008"}),
    (vices.RequestTimeout(), ALL(VENUES, 408), None),
    (vices.UnknownSymbol(), ALL(VENUES, 200) | {"binance": 400, "hyperliquid": 500}, {"bybit": "10001"}),
    (vices.HTML_PAGE, ALL(VENUES, 200), ALL(VENUES, "<!DOCTYPE html>")),
    (vices.NESTED, ALL(VENUES, 200), ALL(VENUES, "[[[[")),
]  # fmt: skip


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize(("vice", "statuses", "texts"), STATUSES, ids=lambda value: repr(value)[:40])
def test_vices_with_other_words(meet: Any, venue: str, vice: Any, statuses: dict[str, int], texts: Any) -> None:
    _, answer, _ = meet(venue, vice)
    assert answer.status_code == statuses[venue]
    assert (texts or {}).get(venue, "") in answer.text


def test_vices_with_other_bodies(meet: Any) -> None:
    assert "Retry-After" not in meet("okx", vices.TooMany())[1].headers
    assert meet("okx", vices.TooMany(retry_after="1"))[1].headers["Retry-After"] == "1"
    assert meet("hyperliquid", vices.TooMany())[1].json() is None
    assert meet("okx", vices.NULL)[1].json() is None
    assert meet("okx", vices.NOTHING)[1].content == b""
    with pytest.raises(RecursionError):
        meet("okx", vices.NESTED)[1].json()
    whole, half, _ = meet("okx", vices.TruncatedJson())
    assert whole.content.startswith(half.content)
    with pytest.raises(json.JSONDecodeError):
        half.json()
    _, answer, exchange = meet("okx", vices.Redirect())
    assert (answer.status_code, exchange.followed) == (302, [])
    assert answer.headers["Location"].split("/")[2] != f"127.0.0.1:{exchange.port}"


def test_who_follows_a_redirect_is_seen(client: httpx.Client) -> None:
    with Exchange(HISTORY, now_ms=NOW, vices=[vices.Redirect()]) as exchange:
        url = exchange.rest("binance") + "/fapi/v1/time"
        assert client.get(url, follow_redirects=True, headers={"Connection": "close"}).json() == []
        assert exchange.followed == ["/binance/fapi/v1/time"]


@pytest.mark.parametrize("venue", VENUES)
def test_vices_of_pages(meet: Any, venue: str) -> None:
    def times(vice: vices.Vice) -> tuple[list[int], list[int]]:
        normal, other, _ = meet(venue, vice)
        return times_of(venue, normal), times_of(venue, other)

    normal, empty = times(vices.EmptyPage())
    assert len(normal) > 4
    assert empty == []
    assert times(vices.Reversed())[1] == normal[::-1]
    assert times(vices.Duplicated())[1] == [time for i, time in enumerate(normal) for _ in range(1 + (i % 3 == 0))]
    wider = times(vices.Overlap())[1]
    assert (min(wider), max(wider)) == (min(normal) - 15 * MINUTE, max(normal) + 15 * MINUTE)
    rounded = times(vices.RoundedStart())[1]
    bound = (NOW - HOUR) // HOUR * HOUR
    assert (min(rounded), max(rounded)) == (bound + (5 * MINUTE if venue == "okx" else 0), max(normal))


@pytest.mark.parametrize("venue", VENUES)
def test_vices_of_values(meet: Any, venue: str) -> None:
    def values(row: Any) -> list[Any]:
        return list(row.values()) if isinstance(row, dict) else row

    normal, numbers, _ = meet(venue, vices.NumbersForText())
    for row, other in zip(rows_of(venue, normal), rows_of(venue, numbers), strict=True):
        assert not any(isinstance(value, str) and value not in ("BTC", "5m") for value in values(other))
        assert [float(v) for v in values(row) if v not in ("BTC", "5m")] == [
            v for v in values(other) if v not in ("BTC", "5m")
        ]
    _, text, _ = meet(venue, vices.TextForNumbers())
    assert all(isinstance(value, str) for row in rows_of(venue, text) for value in values(row))
    _, nan, _ = meet(venue, vices.NotANumber())
    assert nan.text.count("NaN") >= 1
    assert sum(repr(row).count("nan") > 0 for row in rows_of(venue, nan)) == 1
    _, nan, _ = meet(venue, vices.NotANumber(value="-Infinity", text=True))
    assert '"-Infinity"' in nan.text
    _, negative, _ = meet(venue, vices.NegativePrice())
    lows = [float(row["l"] if venue == "hyperliquid" else row[3]) for row in rows_of(venue, negative)]
    assert [low for low in lows if low < 0] == [-1.0]


@pytest.mark.parametrize("venue", VENUES)
def test_the_edge_of_the_page_before_comes_again(client: httpx.Client, venue: str) -> None:
    target, params = TARGETS[venue]
    with Exchange(HISTORY, now_ms=NOW, vices=[vices.RepeatedEdge()]) as exchange:
        first = times_of(venue, fetch(client, exchange, *target, **params))
        later = {name: value + 30 * MINUTE for name, value in params.items() if isinstance(value, int)}
        if venue == "hyperliquid":
            later = {"req": params["req"] | {"startTime": NOW - 30 * MINUTE, "endTime": NOW}}
        second = times_of(venue, fetch(client, exchange, *target, **params | later))
    assert second[0] == first[-1]
    assert first[-1] not in second[1:]


def test_late_rows_come_later(client: httpx.Client) -> None:
    asked: dict[str, Any] = {"symbol": "BTCUSDT", "period": "5m", "limit": 3}
    with Exchange(HISTORY, now_ms=NOW, vices=[vices.Late(times=1)]) as exchange:
        late, whole = (fetch(client, exchange, *OI, **asked).json() for _ in range(2))
        assert fetch(client, exchange, "binance", "/fapi/v1/time").json() == {"serverTime": NOW}
    assert [row["timestamp"] + 15 * MINUTE for row in late] == [row["timestamp"] for row in whole]


def test_a_skewed_clock_is_skewed_everywhere(client: httpx.Client) -> None:
    target = KLINES
    params: dict[str, Any] = {"symbol": "BTCUSDT", "interval": "1m", "limit": 1}
    with Exchange(HISTORY, now_ms=NOW, vices=[vices.ClockSkew(by_s=-3600)]) as exchange:
        answer = fetch(client, exchange, *target, **params)
        assert answer.headers["Date"] == "Tue, 19 Dec 2023 21:13:23 GMT"
        assert answer.json()[0][0] == (NOW - HOUR) // MINUTE * MINUTE
        assert exchange.now() == NOW


def test_vices_of_the_connection(meet: Any, client: httpx.Client) -> None:
    assert isinstance(meet("binance", vices.Reset())[1], httpx.ReadError)
    cut = meet("binance", vices.CutBody())[1]
    assert isinstance(cut, httpx.RemoteProtocolError)
    assert "without sending complete message body" in str(cut)
    normal, zipped, _ = meet("binance", vices.Gzip())
    assert (zipped.headers["Content-Encoding"], zipped.content) == ("gzip", normal.content)

    def opened(vice: vices.Vice) -> Any:
        with Exchange(HISTORY, now_ms=NOW, vices=[vice]) as exchange:
            target, params = TARGETS["okx"]
            with client.stream("GET", exchange.rest("okx") + target[1], params=params) as answer:
                read = 0
                for chunk in answer.iter_raw():
                    read += len(chunk)
                    yield answer, read

    slow = opened(vices.Slow(every_s=0.001))
    assert [read for (_, read), _ in zip(slow, range(4), strict=False)][-1] < 100
    slow.close()
    for answer, read in opened(vices.Endless()):
        assert "Content-Length" not in answer.headers
        if read > 3_000_000:
            break
    with Exchange(HISTORY, now_ms=NOW, vices=[vices.Mute()]) as exchange, pytest.raises(httpx.ReadTimeout):
        client.get(exchange.rest("okx") + "/", timeout=0.05)


def test_the_bomb_is_small_and_legal(meet: Any) -> None:
    assert gzip.decompress(bomb(2)) == b" " * 2 * 1024 * 1024 + b"[]"
    assert json.loads(zlib.decompress(bomb(1), wbits=31)) == []
    assert len(bomb(300)) < 500_000
    _, answer, _ = meet("binance", vices.GzipBomb(megabytes=3))
    assert len(answer.content) == 3 * 1024 * 1024 + 2


def test_every_vice_has_a_place_a_name_and_a_short_repr() -> None:
    listed = (*vices.ALL_TRANSIENT, *vices.ALL_FINAL, *vices.ALL_LOSSY)
    kinds = {value for value in vars(vices).values() if isinstance(value, type)} - {vices.Vice, vices.Memory}
    assert {type(vice) for vice in listed} == kinds
    assert len({vice.name for vice in listed}) == len(kinds)
    assert len({repr(vice) for vice in listed}) == len(listed)
    assert max(len(repr(vice)) for vice in listed) < 160
    assert repr(vices.TooMany(venue="okx", times=2)) == "TooMany(venue='okx', times=2)"
    with pytest.raises(dataclasses.FrozenInstanceError):
        listed[0].times = 3  # type: ignore[misc]


def test_which_requests_a_vice_befalls(client: httpx.Client) -> None:
    def struck(vice: vices.Vice, *asked: str) -> list[bool]:
        with Exchange(HISTORY, now_ms=NOW, vices=[vice]) as exchange:
            for path in asked:
                client.get(exchange.rest("")[:-1] + path)
            return [bool(each.vices) for each in exchange.requests]

    a, b, c = "/binance/fapi/v1/time", "/binance/fapi/v1/premiumIndex", "/bybit/v5/market/kline"
    vice = vices.ServerError()
    assert struck(vice.on(venue="bybit"), a, b, c) == [False, False, True]
    assert struck(vice.on(path="premium"), a, b, c) == [False, True, False]
    assert struck(vice.on(nth=2), a, b, c) == [False, True, False]
    assert struck(vice.on(nth=(1, 3)), a, b, c) == [True, False, True]
    assert struck(vice.on(times=2), a, b, c) == [True, True, False]
    assert struck(vice.on(times=1, per_url=True), a, b, a, b) == [True, True, False, False]
    assert struck(vice.on(nth=2, per_url=True), a, b, a, a) == [False, False, True, False]
    some = struck(vice.on(probability=0.5, seed=1), *[a] * 40)
    assert 8 < sum(some) < 32
    assert some == struck(vice.on(probability=0.5, seed=1), *[a] * 40)


# --- streams


STREAMS = {
    "binance": ("/market/ws/btcusdt@forceOrder", None),
    "bybit": ("/v5/public/linear", {"op": "subscribe", "args": ["allLiquidation.BTCUSDT"]}),
    "okx": (
        "/ws/v5/public",
        {"op": "subscribe", "args": [{"channel": "liquidation-orders", "instType": "SWAP"}]},
    ),
}


@contextmanager
def subscribed(exchange: Exchange, venue: str) -> Iterator[Any]:
    path, message = STREAMS[venue]
    with connect(exchange.stream(venue) + path) as stream:
        if message is not None:
            stream.send(json.dumps(message))
            answer = json.loads(stream.recv(timeout=5))
            assert answer.get("success") is True or answer["event"] == "subscribe"
        exchange.wait_subscribed(venue)
        yield stream


def liquidations_of(venue: str, frame: str) -> list[tuple[str, float, float, int]]:
    message = json.loads(frame)
    if venue == "binance":
        order = message.get("data", message)["o"]
        side = {"SELL": "long", "BUY": "short"}[order["S"]]
        return [(side, float(order["ap"]), float(order["q"]), order["T"])]
    if venue == "bybit":
        sides = {"Buy": "long", "Sell": "short"}
        return [(sides[row["S"]], float(row["p"]), float(row["v"]), row["T"]) for row in message["data"]]
    found = [each for each in message["data"] if each["instId"] == "BTC-USDT-SWAP"]
    assert 0 < len(found) < len(message["data"])
    details = [row for each in found for row in each["details"]]
    assert all(row["side"] == {"long": "sell", "short": "buy"}[row["posSide"]] for row in details)
    return [(row["posSide"], float(row["bkPx"]), round(float(row["sz"]) / 100, 3), int(row["ts"])) for row in details]


@pytest.mark.parametrize("venue", sorted(STREAMS))
def test_liquidations_arrive_in_each_dialect(venue: str) -> None:
    happened = HISTORY.liquidations()
    rows = [(str(side), float(p), float(q), int(t)) for t, side, p, q in zip(*happened.values(), strict=True)][:20]
    with Exchange(HISTORY, now_ms=NOW) as exchange:
        with subscribed(exchange, venue) as stream:
            assert [exchange.liquidate(*row) for row in rows[:10]] == [1] * 10
            assert [liquidations_of(venue, stream.recv(timeout=5)) for _ in range(10)] == [[row] for row in rows[:10]]
            assert exchange.liquidate_all(rows[10:]) == 1
            got: list[Any] = []
            while len(got) < 10:
                got += liquidations_of(venue, stream.recv(timeout=5))
            assert got == rows[10:]
        exchange.drop_streams()
        assert exchange.liquidate(*rows[0]) == 0


def test_addresses_of_binance_that_still_carry_liquidations() -> None:
    with Exchange(HISTORY, now_ms=NOW) as exchange:
        base = exchange.stream("binance")
        with (
            connect(base + "/market/stream?streams=btcusdt@markPrice/btcusdt@forceOrder") as combined,
            connect(base + "/ws/btcusdt@forceOrder") as old,
            connect(base + "/stream?streams=btcusdt@forceOrder"),
        ):
            exchange.wait_subscribed("binance")
            old.send('{"method":"SUBSCRIBE","params":["btcusdt@forceOrder"],"id":7}')
            assert json.loads(old.recv(timeout=5)) == {"result": None, "id": 7}
            assert exchange.liquidate("short", 60_000.5, 0.25) == 1
            frame = combined.recv(timeout=5)
            assert json.loads(frame)["stream"] == "btcusdt@forceOrder"
            assert liquidations_of("binance", str(frame)) == [("short", 60_000.5, 0.25, NOW)]
        with pytest.raises(InvalidStatus), connect(base + "/elsewhere"):
            pass


def test_streams_answer_pings_and_drop_the_silent() -> None:
    with Exchange(HISTORY, now_ms=NOW, silence_s=0.05) as exchange:
        with connect(exchange.stream("bybit") + "/v5/public/linear") as stream:
            stream.send('{"op":"ping"}')
            assert json.loads(stream.recv(timeout=5))["ret_msg"] == "pong"
            with pytest.raises(ConnectionClosed):
                stream.recv(timeout=5)
        with connect(exchange.stream("okx") + "/ws/v5/public") as stream:
            stream.send("ping")
            assert stream.recv(timeout=5) == "pong"
            stream.send('{"op":"subscribe","args":[{"channel":"none"}]}')
            assert json.loads(stream.recv(timeout=5))["code"] == "60012"
        with connect(exchange.stream("hyperliquid") + "/ws") as stream:
            stream.send('{"method":"ping"}')
            assert json.loads(stream.recv(timeout=5)) == {"channel": "pong"}
        assert ("okx", "ping") in exchange.streams.received


def test_streams_that_break() -> None:
    with Exchange(HISTORY, now_ms=NOW) as exchange:
        with subscribed(exchange, "bybit") as stream:
            exchange.drop_streams()
            with pytest.raises(ConnectionClosed) as dropped:
                stream.recv(timeout=5)
            assert dropped.value.rcvd is None
        with subscribed(exchange, "bybit") as stream:
            exchange.drop_streams(1012)
            with pytest.raises(ConnectionClosed) as dropped:
                stream.recv(timeout=5)
            assert dropped.value.rcvd is not None
            assert dropped.value.rcvd.code == 1012
        exchange.refuse_streams()
        with pytest.raises(InvalidStatus) as refused, subscribed(exchange, "bybit"):
            pass
        assert refused.value.response.status_code == 503
        exchange.refuse_streams(False)
        with subscribed(exchange, "bybit") as stream:
            exchange.send_garbage()
            assert [stream.recv(timeout=5) for _ in GARBAGE] == list(GARBAGE)
            exchange.send_oversized(2)
            with pytest.raises(ConnectionClosed):
                stream.recv(timeout=5)
        exchange.silence_streams()
        with connect(exchange.stream("bybit") + "/v5/public/linear") as stream:
            stream.send(json.dumps(STREAMS["bybit"][1]))
            exchange.wait_subscribed("bybit")
            assert exchange.liquidate("long", 1.0, 1.0) == 0
            exchange.drop_streams(1000)
            with pytest.raises(ConnectionClosed):
                stream.recv(timeout=5)
        assert len(exchange.streams.handshakes) == 5
