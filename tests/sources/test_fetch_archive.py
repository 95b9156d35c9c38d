"""Fetching from public files what the interface does not reach: the result is the truth, or names what is missing."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import pandas as pd
import pytest

import liqwidget as lw
from exchange import Exchange, History, vices
from exchange.binance_files import FROM_MIDNIGHT, RELABELLED, ratios
from exchange.file_vices import NoFile, OtherBytes, OtherContent
from liqwidget.model.margin import Contract
from liqwidget.sources.cache.coverage import Coverage
from liqwidget.sources.cache.manifest import Manifest, State, decode_manifest, encode_manifest
from liqwidget.sources.cache.month_file import digest
from liqwidget.sources.http import client
from loopback import DAY, MINUTE, connected, truth

NOW = 1_795_078_831_000  # 2026-11-19 09:00:31
ARCHIVE = True
DAYS = 100
OF_METRICS = ("open_interest", "long_short_ratio")
TRADERS = ("top_trader_account_ratio", "top_trader_position_ratio", "taker_ratio")  # in files alone
PATIENCE = client.Patience(attempts=2, waits=1, connect=2.0, read=0.5, total=2.0, file=2.0, block=5.0, backoff=0.01)
START = NOW // DAY * DAY - DAYS * DAY


@pytest.fixture(scope="module")
def history() -> History:
    return History.make(START, (DAYS + 1) * 1440, seed=4)


def expected(
    history: History, interval: str, start: int, end: int = NOW, contract: Contract = "linear"
) -> pd.DataFrame:
    step = pd.Timedelta(interval).value // 1_000_000
    table = truth(history, "binance", interval, start, (end - 1000) // step * step, contract)
    return lw.Market.from_frame(table, contract=contract).candles


def same(market: lw.Market, right: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(market.candles[right.columns], right, check_exact=True, check_freq=False)


def time(ms: int) -> pd.Timestamp:
    return pd.Timestamp(ms, unit="ms")


def opens(market: lw.Market) -> list[int]:
    return (market.candles.index.as_unit("ns").asi8 // 1_000_000).tolist()


def asked(exchange: Exchange, venue: str) -> list[str]:
    return [request.path for request in exchange.requests if request.venue == venue]


@pytest.mark.parametrize("symbol", ["BTCUSDT", "BTCUSD_PERP"])
@pytest.mark.parametrize("interval", ["5m", "15m", "1h"])
def test_files_and_interface_together_give_the_truth(interval, symbol, history, exchange, at) -> None:
    market = lw.fetch(symbol, interval=interval, days=90)
    folder, contract = ("um", "linear") if symbol == "BTCUSDT" else ("cm", "inverse")
    assert market.contract == contract
    same(market, expected(history, interval, NOW - 90 * DAY, contract=contract))
    assert not market.origin.partial, market
    assert market.origin.source == "binance and its archive"
    note = next(note for note in market.origin.notes if note.startswith("from public files"))
    assert "open_interest, long_short 2026-08-21 " in note
    if interval == "1h":  # few pages: no file is faster
        assert "candles" not in note
        assert {tuple(path.split("/")[3:6:2]) for path in asked(exchange, "archive")} == {(folder, "metrics")}
    else:
        assert "candles, mark 2026-08-21 09:15 to 2026-10-01 00:00" in note or interval == "5m"
    exchange.requests.clear()
    again = lw.fetch(symbol, interval=interval, days=90)
    assert not exchange.requests
    same(again, market.candles)
    assert again.origin.source == "binance and its archive, from the cache"
    assert note in again.origin.notes


def test_the_rows_of_both_labels_and_of_both_midnights(monkeypatch, tmp_path) -> None:
    """Files of 00:05 to 00:00, then of 00:00 to 23:55, and since 2026-06-25 of starts: at each change none is lost."""
    start = FROM_MIDNIGHT - 3 * DAY
    history = History.make(start, (RELABELLED + 4 * DAY - start) // MINUTE, seed=5)
    now = RELABELLED + 36 * DAY
    with Exchange(history, now_ms=now) as exchange, connected(exchange, monkeypatch, tmp_path, archive=True):
        for middle in (FROM_MIDNIGHT, RELABELLED):
            market = lw.fetch(interval="15m", start=time(middle - 2 * DAY), end=time(middle + 2 * DAY))
            same(market, expected(history, "15m", middle - 2 * DAY, middle + 2 * DAY + 1000))
            assert not market.origin.partial, market


def test_the_ratios_of_top_traders_and_takers_come_from_files_up_to_yesterday(history, exchange, at) -> None:
    market = lw.fetch(interval="1h", days=40)
    time_, long, _ = history.snapshots("long", 60 * MINUTE)
    known = dict(zip(time_.tolist(), long.tolist(), strict=True))
    today = NOW // DAY * DAY
    for column, which in zip(TRADERS, (0, 1, 3), strict=True):
        right = [ratios(known[min(ms + 60 * MINUTE, today - 60 * MINUTE)])[which] / 10_000 for ms in opens(market)]
        got = market.candles[column].to_numpy()
        np.testing.assert_array_equal(got[:-10], right[:-10])
    exchange.requests.clear()
    assert not set(TRADERS) & set(lw.fetch(interval="1h", days=20).candles)  # no file is needed
    assert not asked(exchange, "archive")


def test_a_missing_day_is_named_and_asked_for_again(history, exchange, at) -> None:
    right = expected(history, "1h", NOW - 40 * DAY)
    exchange.set_vices([NoFile(venue="archive", path="metrics-2026-10-13")])
    market = lw.fetch(interval="1h", days=40)
    assert market.origin.partial
    assert "days without metrics in the archive: 1 (2026-10-13)" in market.origin.notes
    day = (right.index > "2026-10-12 23:00") & (right.index <= "2026-10-13 23:00")
    same(market, right.assign(**{name: market.candles[name].where(day, right[name]) for name in OF_METRICS}))
    assert market.candles["open_interest"][day].nunique() == 1  # carried, not invented
    exchange.set_vices([])
    exchange.requests.clear()
    market = lw.fetch(interval="1h", days=40)
    same(market, right)
    assert not market.origin.partial
    files = {path[-14:-4] for path in asked(exchange, "archive") if path.endswith(".zip")}
    assert files == {"2026-10-12", "2026-10-13", "2026-10-14"}  # a day's first row may be in the file before


def test_a_month_without_a_file_comes_from_its_days(history, exchange, at) -> None:
    exchange.set_vices([NoFile(venue="archive", path="monthly/klines/BTCUSDT/15m/BTCUSDT-15m-2026-09")])
    market = lw.fetch(interval="15m", days=90)
    same(market, expected(history, "15m", NOW - 90 * DAY))
    assert not market.origin.partial, market
    days = [path for path in asked(exchange, "archive") if "/daily/klines/" in path and path.endswith(".zip")]
    assert len(days) == 30


@pytest.mark.parametrize("changed", [OtherBytes(), OtherBytes(path=".CHECKSUM"), vices.CutBody(), vices.Gzip()])
def test_a_file_that_is_damaged_once_is_requested_again(changed, history, exchange, at) -> None:
    exchange.set_vices([changed.on(venue="archive", times=1, per_url=True)])
    market = lw.fetch(interval="1h", days=40)
    same(market, expected(history, "1h", NOW - 40 * DAY))
    assert not market.origin.partial, market


@pytest.mark.parametrize("vice", vices.ALL_TRANSIENT, ids=repr)
def test_transient_vices_of_the_archive_leave_the_truth(vice, history, exchange, at) -> None:
    exchange.set_vices([vice.on(venue="archive", times=2, per_url=True)])
    market = lw.fetch(interval="1h", days=33)
    same(market, expected(history, "1h", NOW - 33 * DAY))
    assert not market.origin.partial, market


@pytest.mark.parametrize("vice", [*vices.ALL_FINAL, *vices.ALL_LOSSY], ids=repr)
def test_whatever_the_archive_does_the_interface_is_used_and_the_rest_is_named(
    vice, history, exchange, at, monkeypatch
) -> None:
    monkeypatch.setattr(client, "Patience", lambda: PATIENCE)
    exchange.set_vices([vice.on(venue="archive")])
    market = lw.fetch(interval="1h", days=33)
    right = expected(history, "1h", NOW - 33 * DAY)
    same(market, right.drop(columns=list(OF_METRICS)))
    if market.origin.partial:
        since = right.index > pd.Timestamp(NOW - 30 * DAY + 2 * 60 * MINUTE, unit="ms", tz="UTC")
        for name in OF_METRICS:
            pd.testing.assert_series_equal(market.candles[name][since], right[name][since], check_freq=False)
        assert any("days without metrics in the archive: " in note for note in market.origin.notes), market
    else:
        same(market, right)


def repacked(data: bytes, members: dict[str, bytes | None]) -> bytes:
    """The zip with these members; None: the content of the published one."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        content = old.read(old.namelist()[0])
        for member, text in members.items():
            new.writestr(member, content if text is None else text)
    return out.getvalue()


PATH = "/data/futures/um/daily/metrics/BTCUSDT/BTCUSDT-metrics-{}.zip"
LINE = b"2026-10-17 00:05:00,BTCUSDT,1,1,1,1,1,1\n"
HOSTILE = {
    "a bomb": (
        lambda data, name: repacked(data, {name[:-3] + "csv": b"2026-10-17 00:05:00,BTCUSDT,1,1,1,1,1,1\n" * 200_000}),
        "wanted at most",
    ),
    "a path": (lambda data, name: repacked(data, {"../../x.csv": None}), "something in a folder"),
    "two members": (lambda data, name: repacked(data, {name[:-3] + "csv": None, "b.csv": b"1"}), "wanted one member"),
    "other columns": (
        lambda data, name: repacked(data, {name[:-3] + "csv": b"time,price\n1,2\n"}),
        "wanted the columns",
    ),
    "another symbol": (
        lambda data, name: repacked(data, {name[:-3] + "csv": LINE.replace(b"BTC", b"ETH")}),
        "wanted rows of BTCUSDT",
    ),
    "another day": (
        lambda data, name: repacked(data, {name[:-3] + "csv": LINE.replace(b"2026", b"2024")}),
        "was renamed or changed",
    ),
    "no zip": (lambda data, name: b"<html>not a zip</html>", "wanted a whole zip file"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_file_is_refused_by_name(what, history, exchange, at) -> None:
    how, said = HOSTILE[what]
    exchange.set_vices([OtherContent(venue="archive", path="metrics-2026-10-17", how=how)])
    market = lw.fetch(interval="1h", days=34)
    assert market.origin.partial
    note = next(note for note in market.origin.notes if note.startswith("files that could not be used"))
    assert "BTCUSDT-metrics-2026-10-17.zip" in note
    assert said in note
    assert "days without metrics in the archive: 1 (2026-10-17)" in market.origin.notes
    right = expected(history, "1h", NOW - 34 * DAY)
    same(market, right.drop(columns=list(OF_METRICS)))


def test_a_file_that_differs_from_its_checksum_is_not_used(history, exchange, at) -> None:
    def other(data: bytes, name: str) -> bytes:
        return data if name.endswith(".CHECKSUM") else repacked(data, {name[:-3] + "csv": LINE})

    exchange.set_vices([OtherBytes(venue="archive", path="metrics-2026-10-17", how=other)])
    market = lw.fetch(interval="1h", days=34)
    assert any("wanted the published SHA-256" in note for note in market.origin.notes)
    assert asked(exchange, "archive").count(PATH.format("2026-10-17")) == 2  # once more, and then no more
    assert not (market.candles["open_interest"] == 1).any()


def test_a_cache_of_before_files_were_fetched_is_read() -> None:
    known = Coverage(((0, DAY),))
    parts = {"1970-01": (State("", 0, 0, 0, 0, 9, known),)}
    manifest = Manifest(("binance", "BTCUSDT", "candles", "5m"), ("close",), parts)
    body = json.loads(encode_manifest(manifest))
    del body["check"], body["parts"]["1970-01"][0]["archived"]
    text = json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
    assert decode_manifest(json.dumps({**body, "check": digest(text)}).encode()) == manifest


def test_without_an_archive_it_says_since_when_the_interface_has_it(exchange, monkeypatch, tmp_path) -> None:
    with connected(exchange, monkeypatch, tmp_path):
        market = lw.fetch(interval="1h", days=33)
    assert market.origin.missing["open_interest"].startswith("only from 2026-10-20 ")
    assert not market.origin.partial
    assert not asked(exchange, "archive")


@pytest.mark.parametrize("contract", ["linear", "inverse"])
def test_a_blocked_interface_leaves_what_the_archive_has(contract, history, exchange, at) -> None:
    symbol = "BTCUSDT" if contract == "linear" else "BTCUSD_PERP"
    exchange.set_vices([vices.GeoBlock(venue="binance")])
    market = lw.fetch(symbol, interval="15m", days=60)
    today = NOW // DAY * DAY
    right = expected(history, "15m", NOW - 60 * DAY, today + 1000, contract)
    same(market, right.drop(columns="funding_rate"))
    assert market.origin.partial
    assert any("such as the last days: binance" in note and "region" in note for note in market.origin.notes)
    known = right.index < "2026-10-31 23:45"  # funding is published by month alone
    pd.testing.assert_series_equal(
        market.candles["funding_rate"][known], right["funding_rate"][known], check_freq=False
    )
    exchange.set_vices([])  # later the interface is reached: the same rows, and those that were missing
    right = expected(history, "15m", NOW - 60 * DAY, contract=contract)
    same(lw.fetch(symbol, interval="15m", days=60), right)


def test_where_neither_answers_the_interface_says_why(exchange, at) -> None:
    exchange.set_vices([vices.GeoBlock(venue="binance"), NoFile(venue="archive")])
    with pytest.raises(lw.FetchError, match="not available in this region"):
        lw.fetch(interval="15m", days=60)


def test_one_bar_counts_pages_and_files(exchange, at) -> None:
    told = []
    lw.fetch(interval="1h", days=40, progress=lambda *state: told.append(state))
    done, total, rows = told[-1]
    assert 0 < done <= total
    assert rows > 0
