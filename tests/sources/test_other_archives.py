"""Public files of Bybit and OKX: candles where the interface is blocked, and what the interface no longer has."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

import liqwidget as lw
from exchange import Exchange, History, vices
from exchange.bybit_files import RPI
from exchange.file_vices import NoFile, OtherBytes
from exchange.okx_files import LATE
from loopback import DAY, INVERSE, MINUTE, connected, truth

NOW = 1_795_078_831_000  # 2026-11-19 09:00:31
ARCHIVE = True
TODAY = NOW // DAY * DAY
START = TODAY - 150 * DAY
BARS = ["open", "high", "low", "close", "volume"]


@pytest.fixture(scope="module")
def history() -> History:
    return History.make(START, 151 * 1440, seed=7)


def expected(history: History, venue: str, interval: str, start: int, end: int = NOW) -> pd.DataFrame:
    step = pd.Timedelta(interval).value // 1_000_000
    first = -(-start // step) * step
    return lw.Market.from_frame(truth(history, venue, interval, first, (end - 1000) // step * step)).candles


def same(market: lw.Market, right: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(market.candles[right.columns], right, check_exact=True, check_freq=False)


def files(exchange: Exchange) -> list[str]:
    return [request.path.rsplit("/", 1)[-1] for request in exchange.requests if request.venue == "archive"]


@pytest.mark.parametrize("interval", ["1m", "5m", "1h"])
def test_a_blocked_interface_of_bybit_leaves_candles_from_trades(interval, history, exchange, at) -> None:
    exchange.set_vices([vices.GeoBlock(venue="bybit")])
    market = lw.fetch(exchange="bybit", interval=interval, days=3)
    same(market, expected(history, "bybit", interval, NOW - 3 * DAY, TODAY + 1000)[BARS])
    assert files(exchange) == [f"BTCUSDT2026-11-{day}.csv.gz" for day in (16, 17, 18)]
    assert market.origin.partial
    assert market.origin.source == "bybit and its archive"
    assert any("without what its public files lack" in note and "region" in note for note in market.origin.notes)
    assert any("whose venue publishes no checksums" in note for note in market.origin.notes)
    assert "region" in market.origin.missing["open_interest"]
    exchange.set_vices([])  # later the interface is reached: the same rows, and those that were missing
    exchange.requests.clear()
    again = lw.fetch(exchange="bybit", interval=interval, days=3)
    same(again, expected(history, "bybit", interval, NOW - 3 * DAY))
    assert not again.origin.partial
    assert not files(exchange)


def test_trades_of_early_files_are_newest_first(monkeypatch, tmp_path) -> None:
    history, now = History.make(RPI - 3 * DAY, 6 * 1440, seed=8), RPI + 2 * DAY + MINUTE
    with (
        Exchange(history, [vices.GeoBlock(venue="bybit")], now_ms=now) as exchange,
        connected(exchange, monkeypatch, tmp_path, archive=True),
    ):
        market = lw.fetch(exchange="bybit", interval="5m", days=4)
        same(market, expected(history, "bybit", "5m", now - 4 * DAY, RPI + 2 * DAY + 1000)[BARS])


def test_contracts_of_bybits_inverse_trades_become_coins(history, exchange, at) -> None:
    exchange.set_vices([vices.GeoBlock(venue="bybit")])
    market = lw.fetch(INVERSE["bybit"], exchange="bybit", interval="1h", days=2)
    right = expected(history, "bybit", "1h", NOW - 2 * DAY, TODAY + 1000)
    same(market, right[BARS[:4]])
    np.testing.assert_allclose(market.candles["volume"], right["volume"], rtol=1e-4)  # whole contracts of 1 USD
    assert market.contract == "inverse"


def test_large_files_are_fetched_for_a_month_at_most(exchange, at) -> None:
    exchange.set_vices([vices.GeoBlock(venue="bybit")])
    with pytest.raises(lw.FetchError, match=r"region.* trading of 40 days .* 31 are the most.*lw\.read_archive"):
        lw.fetch(exchange="bybit", interval="1h", days=40)
    assert not files(exchange)


def test_a_blocked_interface_of_okx_leaves_candles_from_its_files(history, exchange, at) -> None:
    exchange.set_vices([vices.GeoBlock(venue="okx")])
    market = lw.fetch("BTC-USDT-SWAP", exchange="okx", interval="15m", days=60)
    last = (NOW - LATE) // DAY * DAY + 16 * 60 * MINUTE  # days of UTC+8 end at 16:00
    last -= DAY if last + LATE > NOW else 0
    same(market, expected(history, "okx", "15m", NOW - 60 * DAY, last + 1000)[BARS])
    assert market.origin.partial
    names = files(exchange)
    assert "BTC-USDT-SWAP-candlesticks-2026-10.zip" in names
    assert "BTC-USDT-SWAP-candlesticks-2026-11-16.zip" in names
    assert "BTC-USDT-SWAP-candlesticks-2026-10-05.zip" not in names
    known = market.candles.index < "2026-10-31 15:45"  # funding is published by month alone
    right = expected(history, "okx", "15m", NOW - 60 * DAY)["funding_rate"]
    pd.testing.assert_series_equal(
        market.candles["funding_rate"][known], right[market.candles.index][known], check_freq=False
    )
    exchange.set_vices([])
    same(
        lw.fetch("BTC-USDT-SWAP", exchange="okx", interval="15m", days=10),
        expected(history, "okx", "15m", NOW - 10 * DAY),
    )


def test_candles_that_a_day_of_utc_plus_8_would_cut_are_not_made(exchange, at) -> None:
    exchange.set_vices([vices.GeoBlock(venue="okx")])
    with pytest.raises(lw.FetchError, match="region"):
        lw.fetch("BTC-USDT-SWAP", exchange="okx", interval="12h", days=60)
    assert all("candlesticks" not in name for name in files(exchange))


@pytest.mark.parametrize("symbol", ["BTC-USDT-SWAP", "BTC-USD-SWAP"])
def test_funding_that_okx_no_longer_answers_is_in_its_files(symbol, history, exchange, at) -> None:
    market = lw.fetch(symbol, exchange="okx", interval="4h", days=140)
    right = expected(history, "okx", "4h", NOW - 140 * DAY)
    pd.testing.assert_series_equal(market.candles["funding_rate"], right["funding_rate"], check_freq=False)
    assert files(exchange) == [f"{symbol}-fundingrates-2026-0{month}.zip" for month in (7, 8)]
    assert any(note.startswith("from public files") and "funding 2026-07-0" in note for note in market.origin.notes)
    exchange.requests.clear()
    again = lw.fetch(symbol, exchange="okx", interval="4h", days=140)
    assert not exchange.requests
    pd.testing.assert_frame_equal(again.candles, market.candles)


def test_a_month_without_a_file_of_funding_is_named(history, exchange, at) -> None:
    exchange.set_vices([NoFile(venue="archive", path="fundingrates-2026-07")])
    market = lw.fetch("BTC-USDT-SWAP", exchange="okx", interval="4h", days=140)
    assert market.origin.partial
    assert any(note.startswith("days without fundingrates in the archive: 3") for note in market.origin.notes)
    first = market.candles["funding_rate"].first_valid_index()
    right = expected(history, "okx", "4h", NOW - 140 * DAY)["funding_rate"]
    assert first == pd.Timestamp("2026-07-31 12:00", tz="UTC")  # known at its close: August begins at 16:00 UTC
    pd.testing.assert_series_equal(market.candles["funding_rate"][first:], right[first:], check_freq=False)


@pytest.mark.parametrize("vice", vices.ALL_TRANSIENT, ids=repr)
def test_transient_vices_of_the_files_leave_the_truth(vice, history, exchange, at) -> None:
    exchange.set_vices([vice.on(venue="archive", times=2, per_url=True), vices.GeoBlock(venue="bybit")])
    market = lw.fetch(exchange="bybit", interval="1h", days=2)
    same(market, expected(history, "bybit", "1h", NOW - 2 * DAY, TODAY + 1000)[BARS])


def in_zip(change: Callable[[bytes], bytes]) -> Callable[[bytes, str], bytes]:
    def changed(data: bytes, name: str) -> bytes:
        out = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
            new.writestr(old.namelist()[0], change(old.read(old.namelist()[0])))
        return out.getvalue()

    return changed


HOSTILE = {
    "cut": (lambda data, name: data[: len(data) // 2], "wanted a whole zip file"),
    "another instrument": (in_zip(lambda text: text.replace(b"BTC-USDT", b"ETH-USDT")), "wanted rows of BTC-USDT-SWAP"),
    "other columns": (in_zip(lambda text: text.replace(b"vol_ccy", b"volume", 1)), "wanted the columns"),
    "a negative price": (in_zip(lambda text: text.replace(b"SWAP,", b"SWAP,-", 1)), "open must be above 0"),
    "half a minute": (in_zip(lambda text: text.replace(b"00000,", b"30000,")), "whole minutes"),
    "another month": (in_zip(lambda text: text.replace(b",179", b",169")), "was renamed or changed"),
    "two prices": (
        in_zip(lambda text: text + text.splitlines()[-1].replace(b"SWAP,", b"SWAP,1", 1) + b"\n"),
        "must be between low and high",
    ),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_file_is_refused_by_name(what, history, exchange, at) -> None:
    how, said = HOSTILE[what]
    bad = OtherBytes(venue="archive", path="candlesticks-2026-11-16", how=how)
    exchange.set_vices([vices.GeoBlock(venue="okx"), bad])
    market = lw.fetch("BTC-USDT-SWAP", exchange="okx", interval="1h", days=8)
    note = next(note for note in market.origin.notes if note.startswith("files that could not be used"))
    assert "BTC-USDT-SWAP-candlesticks-2026-11-16.zip" in note
    assert said in note
    right = expected(history, "okx", "1h", NOW - 8 * DAY)[BARS]
    pd.testing.assert_frame_equal(market.candles[BARS], right.loc[market.candles.index], check_freq=False)
    assert market.candles.index[-1] == pd.Timestamp("2026-11-15 15:00", tz="UTC")


def test_a_damaged_list_of_trades_is_refused_by_name(exchange, at) -> None:
    def cut(data: bytes, name: str) -> bytes:
        return gzip.compress(gzip.decompress(data)[:-500])[:-4]

    bad = OtherBytes(venue="archive", path="BTCUSDT2026-11-17", how=cut)
    exchange.set_vices([vices.GeoBlock(venue="bybit"), bad])
    market = lw.fetch(exchange="bybit", interval="1h", days=3)
    assert any("BTCUSDT2026-11-17.csv.gz: wanted a whole" in note for note in market.origin.notes)
    assert pd.Timestamp("2026-11-17 05:00", tz="UTC") not in market.candles.index
    assert pd.Timestamp("2026-11-18 05:00", tz="UTC") in market.candles.index
