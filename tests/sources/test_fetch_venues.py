"""One fetch from four venues: the sum is the sum of the truths, and what fails is named."""

from __future__ import annotations

import asyncio

import numpy as np
import pandas as pd
import pytest

import liqwidget as lw
from exchange import History, vices
from liqwidget.widget.frames import about_of
from loopback import DAY, VENUES, truth

NOW = 1_795_078_831_000  # 2026-11-19 09:00:31
START = NOW // DAY * DAY - 2 * DAY
#: A past range: waits of a client move the clock, and what is live moves with it.
FIRST, END = NOW // DAY * DAY - DAY // 2, NOW // DAY * DAY
RANGE = {"interval": "5m", "start": pd.Timestamp(FIRST, unit="ms"), "end": pd.Timestamp(END, unit="ms")}


@pytest.fixture(scope="module")
def history() -> History:
    return History.make(START, 3 * 1440, seed=5)


def right(history: History, venue: str) -> pd.DataFrame:
    """The truth of one venue as a market's candles."""
    return lw.Market.from_frame(truth(history, venue, "5m", FIRST, END)).candles


def is_the_truth(market: lw.Market, history: History, names: tuple[str, ...] = VENUES) -> None:
    """Prices of the first venue, and of each venue the quantities that it has, exactly; sums of those."""
    truths = {name: right(history, name) for name in names}
    pd.testing.assert_index_equal(market.candles.index, truths[names[0]].index, exact=False)
    for name, part in market.venues.items():
        for column in ("volume", "open_interest", "funding_rate", "long_short_ratio", "taker_buy_volume"):
            assert (column in part.candles) == (column in truths[name]), (name, column)
            if column in part.candles:
                np.testing.assert_array_equal(part.candles[column], truths[name][column], err_msg=f"{name} {column}")
    for column in ("open", "high", "low", "close"):
        np.testing.assert_array_equal(market.candles[column], truths[names[0]][column])
    for column in ("volume", "open_interest", "taker_buy_volume"):
        total = sum(found[column] for found in truths.values() if column in found)
        np.testing.assert_allclose(market.candles[column], total, rtol=1e-12)


def test_four_venues_are_one_market_and_later_come_from_the_cache(history, at, exchange) -> None:
    told: list[tuple[int, int, int]] = []
    market = lw.fetch("BTC", exchange=VENUES, **RANGE, progress=lambda *n: told.append(n))
    assert list(market.venues) == list(VENUES)
    assert [part.symbol for part in market.venues.values()] == ["BTCUSDT", "BTCUSDT", "BTC-USDT-SWAP", "BTC"]
    is_the_truth(market, history)
    assert told[-1][0] == told[-1][1]
    assert max(total for _, total, _ in told) >= 4
    assert "no open_interest of hyperliquid" in market.notes
    assert market.origin.source == "binance + bybit + okx + hyperliquid"
    assert not market.origin.partial
    assert "open_interest of hyperliquid" in market.origin.missing
    asked = len(exchange.requests)
    again = lw.fetch("BTC", exchange=VENUES, **RANGE, offline=True)
    assert len(exchange.requests) == asked
    pd.testing.assert_frame_equal(again.candles, market.candles)


def test_up_to_now_all_venues_end_with_the_same_candle(at) -> None:
    market = lw.fetch("BTC", exchange=VENUES, interval="5m", days=0.2)
    assert len({part.candles.index[-1] for part in market.venues.values()}) == 1
    assert not any("lacks" in note for note in market.notes)
    assert market.origin.live_until is not None


@pytest.mark.parametrize(
    "exchange", [[vice.on(times=1, per_url=True)] for vice in vices.ALL_TRANSIENT], indirect=True, ids=str
)
def test_the_truth_survives_every_vice(history, at) -> None:
    is_the_truth(lw.fetch("BTC", exchange=VENUES, **RANGE, cache=False), history)


@pytest.mark.parametrize("exchange", [[vices.GeoBlock(venue="bybit")]], indirect=True)
def test_a_venue_that_fails_is_named_and_the_others_go_on(history, at) -> None:
    market = lw.fetch("BTC", exchange=["okx", "bybit", "binance"], **RANGE)
    assert list(market.venues) == ["okx", "binance"]
    is_the_truth(market, history, ("okx", "binance"))
    assert market.origin.partial
    assert any(note.startswith("without bybit: ") and "region" in note for note in market.notes)
    hm = lw.LiquidationHeatmap(market)  # the picture says so, too
    assert any("without bybit" in notice for notice in about_of(hm.market)["notices"])
    hm.close()


@pytest.mark.parametrize("exchange", [[vices.GeoBlock(venue="okx")]], indirect=True)
def test_without_the_first_venue_there_are_no_prices(at) -> None:
    with pytest.raises(lw.FetchError, match="okx"):
        lw.fetch("BTC", exchange=["okx", "bybit"], **RANGE)


@pytest.mark.parametrize("exchange", [[vices.GeoBlock(venue="okx")]], indirect=True)
def test_one_venue_of_two_is_still_a_combined_market(history, at) -> None:
    market = asyncio.run(lw.fetch_async("BTC", exchange=["binance", "okx"], **RANGE))
    assert list(market.venues) == ["binance"]
    is_the_truth(market, history, ("binance",))
    assert any(note.startswith("without okx") for note in market.notes)


@pytest.mark.parametrize(
    ("exchange_", "said"),
    [
        (["binance"], "wanted a name, or a list of two or more different ones"),
        (["binance", "binance"], "wanted a name, or a list of two or more different ones"),
        ([], "wanted a name, or a list of two or more different ones"),
        (["binance", "kraken"], "exchange: wanted one of .*; got 'kraken'"),
        (["binance", 3], "exchange: wanted one of .*; got 3"),
        ({"binance": 1}, "exchange: wanted one of"),
    ],
)
def test_venues_that_are_none_are_refused(exchange_, said: str) -> None:
    with pytest.raises(lw.InputError, match=said):
        lw.fetch("BTC", exchange=exchange_)
