"""The parsers and the fake exchange, checked against ccxt's parsers and captured payloads of the venues."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest

import liqwidget as lw
from exchange import Exchange, History
from exchange.streams import FRAMES
from liqwidget.sources.fetch.assemble import assemble
from liqwidget.sources.rows import Rows
from liqwidget.sources.venues.okx import contract_size
from liqwidget.sources.venues.registry import VENUES
from liqwidget.sources.venues.venue import Query

MINUTE = 60_000
HISTORY = History.make(1_700_000_100_000, 3 * 1440)
SYMBOLS = {name: venue.native("BTCUSDT") for name, venue in VENUES.items()}
PEERS = {"binance": "binanceusdm", "bybit": "bybit", "okx": "okx", "hyperliquid": "hyperliquid"}
MARKET = {
    "symbol": "BTC/USDT:USDT",
    **dict.fromkeys(("linear", "swap", "contract"), True),
    **dict.fromkeys(("inverse", "spot", "option", "future"), False),
    "type": "swap",
    "base": "BTC",
    "quote": "USDT",
    "settle": "USDT",
}


@pytest.fixture(scope="module")
def ask() -> Iterator[Any]:
    """The fake exchange's answer to one of our requests."""
    with Exchange(HISTORY, now_ms=HISTORY.end_ms) as exchange, httpx.Client(trust_env=False) as client:

        def answer(venue: str, request: Any) -> Any:
            url = exchange.rest(venue) + request.path
            if request.body is not None:
                return client.post(url, json=request.body).json()
            return client.get(url, params=request.params).json()

        yield answer


def answered(ask: Any, venue: str, kind: Any) -> tuple[Any, Any]:
    """A series of a venue, and an answer with some of its rows."""
    series = VENUES[venue].series[kind]
    period, size = series.period_for(5 * MINUTE)
    end = HISTORY.end_ms // size * size - 2 * size
    query = Query(SYMBOLS[venue], period, size, end - 20 * size, end, HISTORY.end_ms)
    return series, ask(venue, series.request(query))


def records(body: Any) -> list[Any]:
    body = body.get("data", body.get("result")) if isinstance(body, dict) else body
    return body["list"] if isinstance(body, dict) else body


@pytest.mark.parametrize("venue", VENUES)
def test_candles_are_those_that_ccxt_reads(venue: str, ask: Any) -> None:
    ccxt = pytest.importorskip("ccxt", reason="the extra bench is not installed")
    peer = getattr(ccxt, PEERS[venue])()
    series, body = answered(ask, venue, "candles")
    rows = series.parse(body).tidy("candles")
    theirs = sorted(peer.parse_ohlcv(row, MARKET) for row in records(body))
    assert len(rows) == len(theirs) == 20
    ours = np.column_stack([rows.time, *(rows.columns[name] for name in ("open", "high", "low", "close", "volume"))])
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("venue", "field", "factor"),
    [
        ("binance", "openInterestAmount", 1.0),
        ("bybit", "openInterestAmount", 0.5),  # ccxt counts both sides
        ("okx", "baseVolume", 1.0),  # in coins; ccxt's amount is in contracts
    ],
)
def test_open_interest_is_what_ccxt_reads_in_coins_of_one_side(venue: str, field: str, factor: float, ask: Any) -> None:
    ccxt = pytest.importorskip("ccxt", reason="the extra bench is not installed")
    peer = getattr(ccxt, PEERS[venue])()
    series, body = answered(ask, venue, "open_interest")
    rows = series.parse(body)
    theirs = [peer.parse_open_interest(row, MARKET) for row in records(body)]
    assert rows.time.tolist() == [row["timestamp"] for row in theirs]
    assert len(rows) > 10
    np.testing.assert_allclose(rows.columns["open_interest"], [row[field] * factor for row in theirs], rtol=1e-15)


@pytest.mark.parametrize("venue", ["binance", "bybit"])
def test_long_short_ratios_are_those_that_ccxt_reads(venue: str, ask: Any) -> None:
    ccxt = pytest.importorskip("ccxt", reason="the extra bench is not installed")
    peer = getattr(ccxt, PEERS[venue])()
    series, body = answered(ask, venue, "long_short")
    theirs = [peer.parse_long_short_ratio(row, MARKET)["longShortRatio"] for row in records(body)]
    np.testing.assert_allclose(series.parse(body).columns["long_short_ratio"], theirs, rtol=1e-12)


def test_the_fake_sends_liquidations_in_the_form_that_was_captured() -> None:
    captured = {
        "binance": {"e": "forceOrder", "o": dict.fromkeys(("s", "S", "o", "f", "q", "p", "ap", "X", "l", "z", "T"))},
        "bybit": {"topic": "", "type": "", "ts": 0, "data": [dict.fromkeys(("T", "s", "S", "v", "p"))]},
        "okx": {
            "arg": {"channel": "", "instType": ""},
            "data": [
                {
                    "details": [dict.fromkeys(("bkLoss", "bkPx", "ccy", "posSide", "side", "sz", "ts"))],
                    **dict.fromkeys(("instFamily", "instId", "instType", "uly")),
                }
            ],
        },
    }
    for venue, wanted in captured.items():
        holds(FRAMES[venue]([("long", 82_651.8, 0.191, 1_791_565_602_120)], "market/ws", 0)[0], wanted)


def holds(sent: Any, wanted: Any) -> None:
    """The sent message has every key of the captured message."""
    if isinstance(wanted, dict):
        assert set(wanted) <= set(sent)
        for name, value in wanted.items():
            holds(sent[name], value)
    elif isinstance(wanted, list):
        holds(sent[0], wanted[0])


def test_the_fake_describes_contracts_as_okx_does(ask: Any) -> None:
    contract = VENUES["okx"].contract
    assert contract is not None
    assert contract_size(ask("okx", contract.request("BTC-USDT-SWAP")), "BTC-USDT-SWAP") == 0.01
    inverse = ask("okx", contract.request("BTC-USD-SWAP"))
    row = {"instId": "BTC-USD-SWAP", "instType": "SWAP", "ctType": "inverse", "ctVal": "100", "ctValCcy": "USD"}
    assert row.items() <= inverse["data"][0].items()
    with pytest.raises(lw.InputError, match="inverse contract"):
        contract_size(inverse, "BTC-USD-SWAP")


def test_open_interest_of_zero_is_carried_and_counted() -> None:
    rest = [
        {"symbol": "BTCUSDT", "sumOpenInterest": "80000.5", "sumOpenInterestValue": "1", "timestamp": 1646701200000},
        {"symbol": "BTCUSDT", "sumOpenInterest": "0.00000000", "sumOpenInterestValue": "0", "timestamp": 1646701500000},
        {"symbol": "BTCUSDT", "sumOpenInterest": "80123.500", "sumOpenInterestValue": "1", "timestamp": 1646701800000},
    ]
    snapshots = VENUES["binance"].series["open_interest"].parse(rest)
    time = np.array([1646700900000, 1646701200000, 1646701500000])
    prices = dict.fromkeys(("open", "high", "low", "close", "volume"), np.full(3, 38_000.0))
    market = lw.Market.from_frame(assemble({"candles": Rows(time, prices), "open_interest": snapshots}, 5 * MINUTE))
    assert market.candles["open_interest"].tolist() == [80000.5, 80000.5, 80123.5]
    assert market.carried["open_interest"] == 1
