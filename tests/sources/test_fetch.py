"""Fetching from four venues that misbehave: the result is the truth or the correct error."""

from __future__ import annotations

import asyncio
import dataclasses
import inspect
import signal
import socket
import subprocess
import sys
import threading

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import liqwidget as lw
from exchange import Exchange, History, vices
from exchange.history import COINS
from exchange.hyperliquid import accounts
from exchange.messages import latest
from liqwidget.market.units import IN_COINS
from liqwidget.sources.fetch import fetch_plan
from liqwidget.sources.fetch.assemble import assemble
from liqwidget.sources.fetch.pager import Pager
from liqwidget.sources.fetch.wanted import wanted as wanted_span
from liqwidget.sources.http.client import Client
from liqwidget.sources.rows import Rows
from liqwidget.sources.venues import hosts
from liqwidget.sources.venues.registry import VENUES as KNOWN
from loopback import DAY, INVERSE, MINUTE, VENUES, connected, truth

NOW = 1_795_078_831_000  # 2026-11-19 09:00:31
START = NOW // DAY * DAY - 4 * DAY


@pytest.fixture(scope="module")
def history() -> History:
    return History.make(START, 5 * 1440, seed=3, gaps=[(START + 30 * 60 * MINUTE, START + 33 * 60 * MINUTE)])


def time(ms: int) -> pd.Timestamp:
    return pd.Timestamp(ms, unit="ms")


def expected(history: History, venue: str, interval: str, start: int, end: int = NOW, contract: str = "linear"):
    step = pd.Timedelta(interval).value // 1_000_000
    return truth(history, venue, interval, start, (end - 1000) // step * step, contract)


def same(market: lw.Market, wanted: pd.DataFrame, only: str | None = None) -> None:
    """The candles equal the truth exactly; empty cells of optional columns are carried forward, as in any market."""
    right = lw.Market.from_frame(wanted, contract=market.contract, **IN_COINS).candles
    if only is not None:
        pd.testing.assert_series_equal(market.candles[only], right[only], check_exact=True, check_freq=False)
        return
    pd.testing.assert_frame_equal(market.candles, right[market.candles.columns], check_exact=True, check_freq=False)
    assert set(market.candles) == set(right)


@pytest.mark.parametrize("interval", ["5m", "1h", "1m"])
@pytest.mark.parametrize("venue", VENUES)
def test_each_venue_gives_the_truth(venue, interval, history, at) -> None:
    days = 0.9 if interval == "1m" else 3
    market = lw.fetch("BTCUSDT", venue, interval, days=days)
    wanted = expected(history, venue, interval, NOW - int(days * DAY))
    if venue == "okx" and interval == "1m":
        wanted = wanted.drop(columns="taker_buy_volume")  # its taker statistics start at five minutes
    same(market, wanted)
    assert market.symbol == KNOWN[venue].native("BTCUSDT")
    assert market.origin.source == venue
    assert not market.origin.partial
    assert market.liquidations is None


@pytest.mark.parametrize("interval", ["5m", "1h"])
@pytest.mark.parametrize(("venue", "symbol"), INVERSE.items())
def test_each_venue_gives_the_truth_of_its_inverse_contract(venue, symbol, interval, history, exchange, at) -> None:
    market = lw.fetch("BTC/USD:BTC", venue, interval, days=3)
    assert (market.symbol, market.exchange, market.contract) == (symbol, venue, "inverse")
    same(market, expected(history, venue, interval, NOW - 3 * DAY, contract="inverse"))
    linear = lw.fetch("BTCUSDT", venue, interval, days=3)
    assert linear.contract == "linear"
    assert (linear.candles["open_interest"] != market.candles["open_interest"]).all()
    seen = len(exchange.requests)
    again = lw.fetch(symbol, venue, interval, days=3, offline=True)
    pd.testing.assert_frame_equal(again.candles, market.candles)
    assert len(exchange.requests) == seen


def test_another_host_is_asked_and_its_data_are_kept_apart(history, exchange, at, monkeypatch, tmp_path) -> None:
    usual, down = exchange.rest("okx"), "http://127.0.0.1:1"
    names = {"mirror": hosts.Host(usual, ""), "us": hosts.Host(usual, "", own="us")}
    with monkeypatch.context() as patch:
        patch.setattr(hosts, "OTHERS", {"okx": names})
        patch.setattr(hosts, "HOSTS", {**hosts.HOSTS, "okx": hosts.Host(down, "")})
        for name in names:
            market = lw.fetch("BTCUSDT", "okx", days=1, host=name)
            same(market, expected(history, "okx", "5m", NOW - DAY))
            assert market.origin.source == f"okx at {usual.partition('//')[2]}"
        assert len(lw.fetch("BTCUSDT", "okx", days=1, offline=True)) == len(market)  # the mirror's
    assert {"okx", "okxus"} <= {path.name for path in (tmp_path / "cache" / "v1").iterdir()}


def test_hosts_of_each_venue() -> None:
    assert {(venue, name): host.rest for venue, some in hosts.OTHERS.items() for name, host in some.items()} == {
        ("bybit", "bytick"): "https://api.bytick.com",
        ("okx", "www"): "https://www.okx.com",
        ("okx", "us"): "https://us.okx.com",
        ("okx", "eea"): "https://eea.okx.com",
    }
    assert hosts.find_host("okx", "https://openapi.okx.com/").own == ""
    assert hosts.find_host("okx", "https://my.example.com:8443").own != ""
    assert hosts.find_host("binance inverse", "https://dapi.binance.com").own == ""


@pytest.mark.parametrize(
    "host", ["eu", "http://us.okx.com", "https://", "https://a b", "https://user@okx.com", "https://okx.com/x", 5, ""]
)
def test_a_host_that_is_none_is_refused(host, exchange, at) -> None:
    with pytest.raises(lw.InputError, match=r"host: wanted 'www', 'us', 'eea', or an address .* for okx; got"):
        lw.fetch("BTCUSDT", "okx", days=1, host=host)
    with pytest.raises(lw.InputError, match=r"host: wanted an address such as"):
        lw.fetch("BTCUSDT", "binance", days=1, host="us")
    assert not exchange.requests


@pytest.mark.parametrize("symbol", ["BTCUSDT", "BTC/USD:BTC"])
@pytest.mark.parametrize("venue", VENUES)
def test_weeks_begin_on_monday(venue, symbol, monkeypatch, tmp_path) -> None:
    start = NOW // DAY * DAY - 100 * DAY
    history = History.make(start, 101 * 1440)
    with Exchange(history, now_ms=NOW) as exchange, connected(exchange, monkeypatch, tmp_path):
        if symbol != "BTCUSDT" and venue not in INVERSE:
            return
        for _ in range(2):  # the second time from the cache
            market = lw.fetch(symbol, venue, "1W", days=90)
            weeks = history.candles("1w")
            whole = (weeks["time"] >= NOW - 90 * DAY) & (weeks["time"] + 7 * DAY <= NOW)
            assert market.candles.index.as_unit("ms").asi8.tolist() == weeks["time"][whole].tolist()
            assert set(market.candles.index.day_name()) == {"Monday"}
            for name in ("open", "high", "low", "close", "volume"):
                np.testing.assert_array_equal(market.candles[name], weeks[name][whole])
        assert not exchange.violations


@pytest.mark.parametrize("venue", VENUES)
def test_three_days_are_made_of_days_since_1970(venue, monkeypatch, tmp_path) -> None:
    start = NOW // DAY * DAY - 40 * DAY
    history = History.make(start, 41 * 1440)
    with Exchange(history, now_ms=NOW) as exchange, connected(exchange, monkeypatch, tmp_path):
        for _ in range(2):  # the second time from the cache
            market = lw.fetch("BTCUSDT", venue, "3D", days=33)
            days = lw.Market.from_frame(truth(history, venue, "1d", start, NOW)).candles
            opens = market.candles.index.as_unit("ms").asi8
            assert (opens % (3 * DAY) == 0).all()
            assert opens[0] >= NOW - 33 * DAY > opens[0] - 3 * DAY
            assert opens[-1] + 3 * DAY <= NOW < opens[-1] + 6 * DAY
            for i, time in enumerate(market.candles.index):
                three, made = days.loc[time : time + pd.Timedelta("48h")], market.candles.iloc[i]
                assert len(three) == 3
                assert (made["open"], made["close"]) == (three["open"].iloc[0], three["close"].iloc[2])
                assert (made["high"], made["low"]) == (three["high"].max(), three["low"].min())
                assert made["volume"] == pytest.approx(three["volume"].sum(), rel=1e-12)
                for name in {"open_interest", "long_short_ratio", "funding_rate"} & set(days):
                    assert made[name] == three[name].iloc[2]
                if "mark_low" in days:
                    assert (made["mark_low"], made["mark_high"]) == (three["mark_low"].min(), three["mark_high"].max())
        assert not exchange.violations


def test_candles_of_more_than_200_days_are_asked_for_in_parts(monkeypatch, tmp_path) -> None:
    history = History.make(NOW // DAY * DAY - 420 * DAY, 420 * 1440)
    with Exchange(history, now_ms=NOW) as exchange, connected(exchange, monkeypatch, tmp_path):
        market = lw.fetch("BTCUSD_PERP", "binance", "1d", days=410)
        assert len(market) == 409
        klines = [request for request in exchange.requests if request.path == "/dapi/v1/klines"]
        assert len(klines) == 3
        assert not exchange.violations


@pytest.mark.parametrize("venue", VENUES)
def test_a_second_call_asks_nobody_and_works_offline(venue, exchange, at, monkeypatch) -> None:
    first = lw.fetch("BTCUSDT", venue, days=2)
    asked = len(exchange.requests)
    again = lw.fetch("BTCUSDT", venue, days=2)
    assert len(exchange.requests) == asked
    same(again, first.candles)
    assert again.origin.source == f"{venue}, from the cache"
    at.ahead += 3600
    offline = lw.fetch("BTCUSDT", venue, days=2, offline=True)
    assert len(exchange.requests) == asked
    assert offline.origin.partial
    assert "12 of the requested candles were never fetched" in repr(offline)
    assert offline.candles.index[-1] == first.candles.index[-1]


def test_only_holes_are_fetched(history, exchange, at) -> None:
    lw.fetch("BTCUSDT", "binance", start=time(START + DAY), end=time(START + 2 * DAY))
    exchange.requests.clear()
    market = lw.fetch("BTCUSDT", "binance", start=time(START + DAY // 2), end=time(START + 2 * DAY + DAY // 2))
    same(market, expected(history, "binance", "5m", START + DAY // 2, START + 2 * DAY + DAY // 2 + 1000))
    spans = [(r.params["startTime"], r.params["endTime"]) for r in exchange.requests if r.path == "/fapi/v1/klines"]
    for first, last in spans:
        assert int(last) < START + DAY or int(first) >= START + 2 * DAY


def test_the_present_day_is_fetched_anew(exchange, at) -> None:
    lw.fetch("BTCUSDT", "bybit", days=3)
    exchange.advance(10 * MINUTE)
    exchange.requests.clear()
    lw.fetch("BTCUSDT", "bybit", days=3)
    today = exchange.now() // DAY * DAY
    starts = [int(r.params["start"]) for r in exchange.requests if r.path == "/v5/market/kline"]
    assert starts
    assert min(starts) == today


@pytest.mark.parametrize("venue", VENUES)
def test_a_fetch_that_takes_long_ends_where_all_is_known(venue, history, monkeypatch, tmp_path) -> None:
    ask = Client.ask

    async def slowly(client, request):
        exchange.advance(20 * MINUTE)
        return await ask(client, request)

    monkeypatch.setattr(Client, "ask", slowly)
    with Exchange(history, now_ms=NOW - 40 * 1000) as exchange, connected(exchange, monkeypatch, tmp_path):
        market = lw.fetch("BTCUSDT", venue, "5m", start=time(NOW - DAY // 2))
        wanted = expected(history, venue, "5m", NOW - DAY // 2, exchange.now())
    assert len(market) >= 142  # everything before the start of the fetch
    same(market, wanted[: len(market)])


def test_another_process_may_fill_the_cache_meanwhile(history, exchange, at, tmp_path) -> None:
    venue = KNOWN["hyperliquid"]
    first = fetch_plan.FetchPlan(
        venue, "BTC", wanted_span(time(NOW - DAY), None, None, 5 * MINUTE, NOW), tmp_path / "cache", NOW
    )
    lw.fetch("BTC", "hyperliquid", days=1)
    asyncio.run(first.run())
    same(first.market(), expected(history, "hyperliquid", "5m", NOW - DAY))


def test_the_columns_a_venue_lacks_are_explained(at) -> None:
    missing = lw.fetch("BTC", "hyperliquid", days=1).origin.missing
    assert missing["mark_low"].startswith("no history; lw.follow records it")
    assert "only the present value" in missing["open_interest"]
    table = lw.venues()
    assert list(table.columns) == list(VENUES)
    assert table.loc["open_interest", "binance"] == "back to 2020-09, from 5m on"
    assert table.loc["open_interest", "hyperliquid"].startswith("none: ")
    assert table.map(len).max(axis=None) <= 50  # pandas truncates longer ones


def test_a_symbol_that_does_not_exist(at) -> None:
    for venue in VENUES:
        with pytest.raises(lw.FetchError, match=f"{venue}.*NOPE"):
            lw.fetch("NOPEUSDT", venue, days=1)


@pytest.mark.parametrize("symbol", ["BTCUSD_270326", "BTC-USD-270326", "BTCUSDZ26", "BTC/USD:BTC-270326"])
@pytest.mark.parametrize("venue", VENUES)
def test_a_dated_contract_is_refused_before_anything_is_asked(symbol, venue, exchange, at) -> None:
    with pytest.raises(lw.InputError, match=r"symbol: wanted a perpetual; .* a dated contract"):
        lw.fetch(symbol, venue, days=1)
    assert not exchange.requests


def test_what_a_contract_is_is_asked_for(exchange, at, monkeypatch) -> None:
    """The name looks linear but the venue says it is not: only that is requested, and nothing is stored."""
    okx = dataclasses.replace(KNOWN["okx"], native=lambda _symbol: "BTC-USD-SWAP")
    plan = fetch_plan.FetchPlan(okx, "BTC-USD-SWAP", wanted_span(None, None, 1, 5 * MINUTE, NOW), None, NOW)
    with pytest.raises(lw.InputError, match="inverse contract"):
        asyncio.run(plan.run())
    assert [request.path for request in exchange.requests] == ["/api/v5/public/instruments"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"exchange": "bitmex"}, "wanted one of binance, bybit, okx, hyperliquid; got 'bitmex'"),
        ({"symbol": "../../etc"}, "wanted letters and digits"),
        ({"symbol": "BTC\x00USDT"}, "wanted letters and digits"),
        ({"interval": "7m"}, "wanted one of 1m, 3m, 5m"),
        ({"exchange": "bybit", "interval": "8h"}, "wanted one that bybit has, 1m"),
        ({"days": -1}, "wanted a number above 0, at most 20,000; got -1"),
        ({"days": float("nan")}, "wanted a number above 0"),
        ({"days": 3, "start": "2026-11-01", "end": "2026-11-02"}, "got all three"),
        ({"start": "yesterday-ish"}, "wanted a date or time"),
        ({"start": "2026-11-18 10:01", "end": "2026-11-18 10:04"}, "range of at least one candle"),
        ({"start": "1999-01-01"}, "since 2009"),
        ({"interval": "1m", "start": "2010-01-01"}, "at most 6,000,000 candles"),
        ({"offline": True, "cache": False}, "reads it; got cache=False"),
    ],
)
def test_arguments_that_are_none(arguments, message, at, exchange) -> None:
    with pytest.raises(lw.InputError, match=message):
        lw.fetch(**arguments)
    assert not exchange.requests


def test_it_works_in_a_running_loop(history, at) -> None:
    async def notebook() -> tuple[lw.Market, lw.Market]:
        return lw.fetch("BTCUSDT", days=1), await lw.fetch_async("BTCUSDT", days=1, cache=False)

    first, second = asyncio.run(notebook())
    same(first, second.candles)
    same(first, expected(history, "binance", "5m", NOW - DAY))


def test_a_clock_that_is_wrong_hides_and_invents_nothing(history, exchange, monkeypatch, tmp_path) -> None:
    for ahead in (-7 * MINUTE, 0, 7 * MINUTE):
        with connected(exchange, monkeypatch, tmp_path / str(ahead), ahead_ms=ahead):
            market = lw.fetch("BTCUSDT", "binance", start=time(START + 2 * DAY))
            same(market, expected(history, "binance", "5m", START + 2 * DAY))


@pytest.mark.parametrize(
    ("ahead", "said"),
    [
        (-3600, "clock is 60 min behind the venue's"),
        (-10 * 3600, "clock is 10 h behind the venue's"),
        (300, "clock is 5 min ahead of the venue's"),
        (60, ""),
        (-60, ""),
    ],
)
def test_a_clock_that_is_wrong_is_told(ahead, said, exchange, monkeypatch, tmp_path) -> None:
    with connected(exchange, monkeypatch, tmp_path, ahead_ms=ahead * 1000):
        notes = " ".join(lw.fetch("BTCUSDT", "okx", days=0.5).origin.notes)
    assert said in notes
    assert bool(said) == ("clock" in notes)


def test_a_clock_that_is_a_day_ahead_is_told_where_no_candle_is(exchange, monkeypatch, tmp_path) -> None:
    with (
        connected(exchange, monkeypatch, tmp_path, ahead_ms=DAY),
        pytest.raises(lw.FetchError, match="this computer's clock is 24 h ahead of the venue's"),
    ):
        lw.fetch("BTCUSDT", "binance", days=0.5)


def test_an_empty_page_is_asked_for_again(history, monkeypatch, tmp_path) -> None:
    for venue in VENUES:
        empty = vices.EmptyPage().on(times=1, per_url=True)
        exchange = Exchange(history, vices=[empty], now_ms=NOW)
        with exchange, connected(exchange, monkeypatch, tmp_path / venue):
            same(lw.fetch("BTCUSDT", venue, days=2), expected(history, venue, "5m", NOW - 2 * DAY))


@pytest.mark.parametrize("venue", ["binance", "bybit", "okx"])
def test_snapshots_that_come_late_are_there_the_next_time(venue, history, monkeypatch, tmp_path) -> None:
    exchange = Exchange(history, vices=[vices.Late()], now_ms=NOW)
    with exchange, connected(exchange, monkeypatch, tmp_path):
        early = lw.fetch("BTCUSDT", venue, days=1)
        wanted = expected(history, venue, "5m", NOW - DAY)
        same(early, wanted, "close")
        assert early.carried["open_interest"] in (2, 3)
        exchange.set_vices([])
        exchange.advance(5 * MINUTE)
        same(lw.fetch("BTCUSDT", venue, days=1), expected(history, venue, "5m", NOW + 5 * MINUTE - DAY, exchange.now()))


@pytest.mark.parametrize("by_s", [-90.0, 90.0])
def test_a_venue_whose_clock_is_off(by_s, history, monkeypatch, tmp_path) -> None:
    exchange = Exchange(history, vices=[vices.ClockSkew(by_s=by_s)], now_ms=NOW)
    with exchange, connected(exchange, monkeypatch, tmp_path):
        market = lw.fetch("BTCUSDT", "binance", "1m", days=0.5)
    same(market, expected(history, "binance", "1m", NOW - DAY // 2, NOW + int(by_s * 1000)))


def test_what_fails_beside_the_candles_is_said(history, monkeypatch, tmp_path) -> None:
    broken = vices.ServerError(status=500).on(path="openInterestHist")
    with Exchange(history, vices=[broken], now_ms=NOW) as exchange, connected(exchange, monkeypatch, tmp_path):
        market = lw.fetch("BTCUSDT", days=1)
    assert market.origin.partial
    assert "open_interest" not in market.candles
    assert "/futures/data/openInterestHist" in market.origin.missing["open_interest"]
    assert "partial" in repr(market)


def test_a_listing_is_not_asked_for_again_and_again(history, exchange, at) -> None:
    market = lw.fetch("BTCUSDT", "binance", "5m", start=time(START - 20 * DAY))
    assert market.candles.index[0] == pd.Timestamp(START, unit="ms", tz="UTC")
    assert "no candle before" in repr(market)
    pages = [r for r in exchange.requests if r.path == "/fapi/v1/klines"]
    windows = {(r.params["startTime"]) for r in pages}
    assert len(pages) <= len(windows) + 6  # the gap, the listing, and the page before: twice each


def test_a_stale_copy_of_a_candle_that_ended_is_asked_for_again(monkeypatch, tmp_path) -> None:
    now = START + 60 * MINUTE - 1000
    wrong = [vices.RepeatedEdge().on(times=2, per_url=True), vices.TooMany().on(probability=0.3, times=2)]
    exchange = Exchange(History.make(START, 60), vices=wrong, now_ms=now)
    with exchange, connected(exchange, monkeypatch, tmp_path):
        market = lw.fetch("BTCUSDT", "binance", "1m", start=time(START))
        wanted = expected(exchange.history, "binance", "1m", START, exchange.now())
        same(market, wanted[: len(market)], "close")


@st.composite
def worlds(draw):
    """A history with gaps, a venue, some vices that a correct client survives, and a request."""
    start = START + draw(st.integers(0, 2000)) * MINUTE
    minutes = draw(st.integers(60, 3 * 1440))
    gap = [
        (a * MINUTE + start, (a + n) * MINUTE + start)
        for a, n in draw(st.lists(st.tuples(st.integers(20, minutes), st.integers(1, 400)), max_size=2))
    ]
    chosen = draw(st.lists(st.sampled_from(vices.ALL_TRANSIENT), max_size=3))
    many = [vice.on(times=draw(st.integers(1, 2)), per_url=True) for vice in chosen[:1]]
    many += [vice.on(probability=0.3, times=2, seed=draw(st.integers(0, 99))) for vice in chosen[1:]]
    return {
        "history": (start, minutes, draw(st.integers(0, 5)), tuple(gap)),
        "vices": many,
        "venue": draw(st.sampled_from(VENUES)),
        "interval": draw(st.sampled_from(["1m", "5m", "15m", "1h"])),
        "inverse": draw(st.booleans()),
        "from": draw(st.integers(-600, minutes - 1)) * MINUTE + start,
        "now": start + minutes * MINUTE - draw(st.integers(1, 30)) * MINUTE + draw(st.integers(0, 59)) * 1000,
    }


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(world=worlds())
def test_the_truth_or_the_right_error(world, monkeypatch, tmp_path_factory) -> None:
    history = History.make(*world["history"][:2], seed=world["history"][2], gaps=world["history"][3])  # type: ignore[misc]
    venue, interval, now = world["venue"], world["interval"], world["now"]
    is_inverse = world["inverse"] and venue in INVERSE
    symbol, contract = (INVERSE[venue], "inverse") if is_inverse else ("BTCUSDT", "linear")
    with Exchange(history, vices=world["vices"], now_ms=now) as exchange:
        with connected(exchange, monkeypatch, tmp_path_factory.mktemp("cache")):
            for _ in range(2):  # the second round reads the cache
                try:
                    market = lw.fetch(symbol, venue, interval, start=time(world["from"]))
                except lw.InputError:
                    assert now - world["from"] < 2 * MINUTE * 60  # the range contains no candle
                    continue
                except lw.FetchError:
                    wanted = expected(history, venue, interval, world["from"], now, contract)
                    assert not len(wanted) or world["vices"]
                    continue
                wanted = expected(history, venue, interval, world["from"], exchange.now(), contract)
                newest = market.candles.index[-1]
                wanted = wanted[wanted.index <= newest]
                if venue == "okx" and interval == "1m":
                    wanted = wanted.drop(columns="taker_buy_volume")
                assert exchange.now() - newest.value // 1_000_000 < DAY
                failed = set(market.origin.missing) if market.origin.partial else set()
                for column in market.candles.columns.difference(list(failed)):
                    same(market, wanted, only=column)
                assert set(wanted.dropna(axis=1, how="all")) <= set(market.candles) | failed | {"taker_buy_volume"}
        assert not exchange.violations


@pytest.mark.parametrize("venue", ["binance", "bybit", "okx"])
def test_a_venue_that_answers_0_where_it_knows_no_open_interest(venue, monkeypatch, tmp_path) -> None:
    history = History.make(START, 5 * 1440, seed=3)
    moment, coins = (history._marks[name] for name in ("mark_time", "open_interest"))
    coins[(moment >= NOW - 600 * MINUTE) & (moment < NOW - 360 * MINUTE)] = 0
    with Exchange(history, now_ms=NOW) as exchange, connected(exchange, monkeypatch, tmp_path):
        for _ in range(2):  # the second round reads the cache
            market = lw.fetch("BTCUSDT", venue, days=1)
            assert (market.candles["open_interest"] > 0).all()
            assert market.carried_before_last("open_interest") == 48


def test_the_last_known_snapshot_counts_and_not_a_zero_after_it() -> None:
    five = np.arange(1, 25) * 5 * MINUTE
    candles = Rows(np.arange(2) * 60 * MINUTE, {"close": np.ones(2)})
    values = np.where(five % (60 * MINUTE) == 0, 0.0, five / MINUTE)
    frame = assemble({"candles": candles, "open_interest": Rows(five, {"open_interest": values})}, 60 * MINUTE)
    np.testing.assert_array_equal(frame["open_interest"], [55.0, 115.0])


def test_a_snapshot_of_an_earlier_candle_is_not_carried() -> None:
    hours = np.arange(4) * 60 * MINUTE
    candles = Rows(hours, {"close": np.ones(4)})
    interest = Rows(hours[[0, 2]], {"open_interest": np.array([5.0, 6.0])})
    frame = assemble({"candles": candles, "open_interest": interest}, 60 * MINUTE)
    np.testing.assert_array_equal(frame["open_interest"], [np.nan, 6.0, np.nan, np.nan])


def test_nothing_but_loopback_is_reachable() -> None:
    with socket.socket() as s, pytest.raises(AssertionError, match="tests talk to 127"):
        s.connect(("192.0.2.1", 80))


def test_no_function_takes_a_key_or_a_secret(at) -> None:
    """A host is one of a fixed list, or an address with TLS that the caller names."""
    for name in ("fetch", "fetch_async", "follow", "follow_positions", "hyperliquid_positions", "read_archive"):
        parameters = set(inspect.signature(getattr(lw, name)).parameters)
        assert not parameters & {"url", "base_url", "key", "api_key", "secret", "password", "token", "proxy"}


@pytest.fixture
def arrived(monkeypatch):
    """Set when the candles of a fetch have arrived."""
    event = threading.Event()

    class Watched(Pager):
        def __init__(self, *arguments) -> None:
            *rest, took = arguments

            def watched(part) -> None:
                took(part)
                if self.kind == "candles":
                    event.set()

            super().__init__(*rest, watched)  # type: ignore[call-arg]

    monkeypatch.setattr(fetch_plan, "Pager", Watched)
    return event


def test_the_stop_button_ends_it_and_keeps_what_came(history, arrived, monkeypatch, tmp_path) -> None:
    stuck = vices.Mute().on(path="openInterestHist")
    with Exchange(history, vices=[stuck], now_ms=NOW) as exchange, connected(exchange, monkeypatch, tmp_path):
        main = threading.main_thread().ident

        def press() -> None:
            arrived.wait(10)
            signal.pthread_kill(main, signal.SIGINT)

        finger = threading.Thread(target=press)
        before = signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs of a shell ignore SIGINT
        finger.start()
        with pytest.raises(KeyboardInterrupt):
            lw.fetch("BTCUSDT", days=1)
        finger.join()
        signal.signal(signal.SIGINT, before)
        assert not [thread for thread in threading.enumerate() if thread.name == "liqwidget-fetch"]
        kept = lw.fetch("BTCUSDT", days=1, offline=True)
    same(kept, expected(history, "binance", "5m", NOW - DAY), "close")


def test_cancelling_the_task_ends_it_and_keeps_what_came(history, arrived, monkeypatch, tmp_path) -> None:
    stuck = vices.Mute().on(path="openInterestHist")

    async def main() -> None:
        running = asyncio.create_task(lw.fetch_async("BTCUSDT", days=1))
        await asyncio.to_thread(arrived.wait, 10)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert len(asyncio.all_tasks()) == 1

    with Exchange(history, vices=[stuck], now_ms=NOW) as exchange, connected(exchange, monkeypatch, tmp_path):
        asyncio.run(main())
        assert len(lw.fetch("BTCUSDT", days=1, offline=True)) > 200


def test_positions_with_the_exchange_s_own_liquidation_prices(history, monkeypatch, tmp_path) -> None:
    with Exchange(history, now_ms=NOW) as exchange, connected(exchange, monkeypatch, tmp_path):
        known = sorted(accounts(history))
        nobody = "0x" + "0" * 40
        positions = lw.hyperliquid_positions([*known, nobody, known[0].upper().replace("0X", "0x")])
        assert positions.addresses == len(known) + 1
        frame = positions.frame
        assert set(frame["side"]) <= {"long", "short"}
        priced = frame.dropna(subset="liquidation_price")
        profile = positions.profile(50.0)
        low, high = positions.mark_price * 0.5, positions.mark_price * 1.5
        near = priced[(priced["liquidation_price"] > low) & (priced["liquidation_price"] < high)]
        for side in ("long", "short"):
            wanted = near.loc[near["side"] == side, "notional"].sum()
            assert profile[side].sum() == pytest.approx(wanted, rel=1e-12)
        assert positions.beyond() == len(frame) - len(near)
        coins = latest(history, "open_interest", exchange.now())[1] / COINS
        assert positions.open_interest == coins
        for side, sign in (("long", 1), ("short", -1)):
            held = [float(one["position"]["szi"]) * sign for rows in accounts(history).values() for one in rows]
            here = [one["position"]["coin"] == "BTC" for rows in accounts(history).values() for one in rows]
            wanted = sum(size for size, is_here in zip(held, here, strict=True) if is_here and size > 0) / coins
            assert positions.shares[side] == pytest.approx(wanted, rel=1e-12)
        widget = lw.LiquidationHeatmap(lw.fetch("BTC", "hyperliquid", days=0.5))
        widget.positions = positions
        assert widget._positions
        with pytest.raises(lw.InputError, match="got '0x12' at index 1"):
            lw.hyperliquid_positions([known[0], "0x12"])


def test_without_the_extra_it_says_what_to_install() -> None:
    code = """
import importlib.util as util
find = util.find_spec
util.find_spec = lambda name, *rest: None if name == "pyarrow" else find(name, *rest)
import liqwidget as lw
lw.LiquidationHeatmap(lw.load_sample().tail(50))
try:
    lw.fetch()
except ModuleNotFoundError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == (
        'market data needs the extra "data" (pyarrow missing here): pip install "liqwidget[data]"'
    )


@pytest.mark.filterwarnings("error")
def test_where_no_thread_can_be_started_it_is_said(monkeypatch, tmp_path) -> None:
    def refuse(_thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("threading.Thread.start", refuse)
    with pytest.raises(lw.FetchError, match=r"this system starts no more\. Await lw\.fetch_async"):
        lw.fetch(days=0.5, cache=tmp_path, progress=False)
