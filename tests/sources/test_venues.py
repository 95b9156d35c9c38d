"""How each venue's module reads documented answers: units, order, unfinished rows, errors with status 200."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

import liqwidget as lw
from liqwidget.sources.venues.cells import milliseconds, number, table
from liqwidget.sources.venues.registry import VENUES
from liqwidget.sources.venues.venue import INTERVALS, Query, Request, check_interval, interval_name, opening

DAY = 86_400_000
T = 1_780_963_200_000  # 2026-06-09 00:00


def parsed(venue: str, kind: Any, body: object, forming: bool = False) -> dict[int, dict[str, float]]:
    """Rows by time."""
    series = VENUES[venue].series[kind]
    rows = (series.parse_forming if forming and series.parse_forming else series.parse)(body)
    assert tuple(rows.columns) == series.columns or set(rows.columns) == set(series.columns)
    return {int(t): {name: float(values[i]) for name, values in rows.columns.items()} for i, t in enumerate(rows.time)}


def envelope(rows: list) -> dict:
    return {"retCode": 0, "retMsg": "OK", "result": {"list": rows}, "retExtInfo": {}, "time": T}


def data(rows: list) -> dict:
    return {"code": "0", "msg": "", "data": rows}


CASES = [
    (
        "binance",
        "candles",
        [[T, "10.5", "11", "10", "10.8", "148.97", T + 299_999, "1600", 308, "97.5", "1020", "0"]],
        {T: {"open": 10.5, "high": 11, "low": 10, "close": 10.8, "volume": 148.97, "taker_buy_volume": 97.5}},
    ),
    (
        "binance",
        "mark",
        [[T, "9653.29", "9654.56", "9653.07", "9653.1", "0 ", T + 59_999, "0", 60, "0", "0", "0"]],
        {T: {"mark_low": 9653.07, "mark_high": 9654.56}},
    ),
    (
        "binance",
        "open_interest",  # the time is a number in real answers but text in the documentation
        [
            {
                "symbol": "BTCUSDT",
                "sumOpenInterest": "20403.637",
                "sumOpenInterestValue": "150570784",
                "timestamp": str(T),
            }
        ],
        {T: {"open_interest": 20403.637}},
    ),
    (
        "binance",
        "funding",  # old rows have no mark price
        [{"symbol": "BTCUSDT", "fundingRate": "-0.0375", "fundingTime": T + 5, "markPrice": ""}],
        {T + 5: {"funding_rate": -0.0375}},
    ),
    (
        "binance",
        "long_short",
        [
            {
                "symbol": "BTCUSDT",
                "longShortRatio": "1.9559",
                "longAccount": "0.66",
                "shortAccount": "0.34",
                "timestamp": T,
            }
        ],
        {T: {"long_short_ratio": 1.9559}},
    ),
    (
        "bybit",
        "candles",
        envelope([[str(T), "17071", "17073", "17027", "17055.5", "26.8", "15000"]]),
        {T: {"open": 17071, "high": 17073, "low": 17027, "close": 17055.5, "volume": 26.8}},
    ),
    (
        "bybit",
        "open_interest",  # both sides, and one side
        envelope([{"openInterest": "639.5", "singleOpenInterest": "319.75", "timestamp": str(T)}]),
        {T: {"open_interest": 319.75}},
    ),
    (
        "bybit",
        "open_interest",
        envelope([{"openInterest": "639.5", "timestamp": str(T)}]),
        {T: {"open_interest": 319.75}},
    ),
    (
        "bybit",
        "long_short",
        envelope([{"symbol": "BTCUSDT", "buyRatio": "0.6", "sellRatio": "0.4", "timestamp": str(T)}]),
        {T: {"long_short_ratio": 1.4999999999999998}},
    ),
    (
        "bybit",
        "funding",
        envelope([{"symbol": "BTCUSDT", "fundingRate": "0.0001", "fundingRateTimestamp": str(T)}]),
        {T: {"funding_rate": 0.0001}},
    ),
    (
        "okx",
        "candles",  # contracts and coins; the first candle is still forming
        data(
            [
                [str(T + 300_000), "3.7", "3.8", "3.6", "3.7", "842", "8.42", "31", "0"],
                [str(T), "3.7", "3.8", "3.4", "3.72", "3498.64", "34.9864", "130", "1"],
            ]
        ),
        {T: {"open": 3.7, "high": 3.8, "low": 3.4, "close": 3.72, "volume": 34.9864}},
    ),
    (
        "okx",
        "mark",
        data([[str(T), "3.721", "3.743", "3.677", "3.708", "1"], [str(T + 1), "3", "3", "3", "3", "0"]]),
        {T: {"mark_low": 3.677, "mark_high": 3.743}},
    ),
    ("okx", "taker", data([[str(T), "200", "380"]]), {T: {"taker_buy_volume": 380}}),  # sells come first
    ("okx", "open_interest", data([[str(T), "731377.5", "7313.775", "8888888"]]), {T: {"open_interest": 7313.775}}),
    ("okx", "long_short", data([[str(T), "1.1739"]]), {T: {"long_short_ratio": 1.1739}}),
    (
        "okx",
        "funding",  # the settled rate, not the predicted one
        data([{"fundingRate": "0.00007", "fundingTime": str(T), "instId": "BTC-USDT-SWAP", "realizedRate": "0.00008"}]),
        {T: {"funding_rate": 0.00008}},
    ),
    (
        "hyperliquid",
        "candles",
        [
            {
                "T": T + 899_999,
                "c": "29258.0",
                "h": "29309",
                "i": "15m",
                "l": "29250",
                "n": 1,
                "o": "29295",
                "s": "BTC",
                "t": T,
                "v": "0.98",
            }
        ],
        {T: {"open": 29295, "high": 29309, "low": 29250, "close": 29258, "volume": 0.98}},
    ),
    (
        "hyperliquid",
        "funding",  # the premium may be missing
        [{"coin": "BTC", "fundingRate": "-0.00022", "time": T + 76}],
        {T + 76: {"funding_rate": -0.00022}},
    ),
]


@pytest.mark.parametrize(("venue", "kind", "body", "rows"), CASES)
def test_documented_answers(venue, kind, body, rows) -> None:
    assert parsed(venue, kind, json.loads(json.dumps(body))) == rows


def test_the_forming_candle_is_there_for_those_who_follow() -> None:
    body = next(body for venue, kind, body, _ in CASES if (venue, kind) == ("okx", "candles"))
    assert len(parsed("okx", "candles", body, forming=True)) == 2


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize(
    "body", [{}, [], 7, "x", {"data": {}}, {"result": {"list": 5}}, [[]], [5], [{"t": T}], data([["x"]])]
)
def test_what_is_no_answer_is_refused(venue, body) -> None:
    for series in VENUES[venue].series.values():
        try:
            rows = series.parse(body)
        except lw.ParseError:
            continue
        assert len(rows) == 0
        assert body == []


@pytest.mark.parametrize("cell", ["NaN", "inf", "1e999", "0x10", "1_000", "12,5", True, False, 10**400, [], {}, "１２"])
def test_cells_that_are_no_numbers(cell) -> None:
    with pytest.raises(lw.ParseError, match="wanted a number"):
        number(cell)


def test_cells() -> None:
    assert [number(cell) for cell in ("1.5", " 2 ", 3, 4.5, "-0.1", "1e-7")] == [1.5, 2, 3, 4.5, -0.1, 1e-7]
    assert all(math.isnan(number(cell)) for cell in (None, "", "  "))
    for cell in (0, -1, "soon", 1e300, 9e15, True, None, T * 1000):
        with pytest.raises(lw.ParseError):
            milliseconds(cell)
    with pytest.raises(lw.ParseError, match="row 1: wanted all fields"):
        table([[T, "1"], [T]], 0, close=1)
    with pytest.raises(lw.ParseError, match="row 0: wanted a number; got 'abc'"):
        table([[T, "abc"]], 0, close=1)


@pytest.mark.parametrize(
    ("venue", "status", "body", "how", "said"),
    [
        ("binance", 200, {"code": 400, "msg": "The endpoint has been out of maintenance"}, "final", "maintenance"),
        ("binance", 400, {"code": -1121, "msg": "Invalid symbol."}, "final", "Invalid symbol"),
        ("binance", 429, {"code": -1003, "msg": "Too many requests"}, "wait", "Too many"),
        ("binance", 418, {"code": -1003, "msg": f"Way too many; IP(1.2.3.4) banned until {T}."}, "wait", "banned"),
        ("binance", 451, {"code": 0, "msg": "restricted location"}, "final", "not available in this region"),
        ("binance", 403, "<html>", "wait", "firewall"),
        ("binance", 503, {"code": -1008, "msg": "Request throttled"}, "retry", "throttled"),
        ("binance", 200, None, "retry", "empty"),
        ("bybit", 200, {"retCode": 10006, "retMsg": "Too many visits!"}, "wait", "visits"),
        ("bybit", 200, {"retCode": 10001, "retMsg": "params error: Symbol Invalid"}, "final", "Symbol Invalid"),
        ("bybit", 200, {"retCode": 10009, "retMsg": "region"}, "final", "not available in this region"),
        ("bybit", 200, {"retCode": 10016, "retMsg": "server error"}, "retry", "server"),
        ("bybit", 403, "access too frequent", "wait", "frequent"),
        ("bybit", 403, {"error": "configured to block access from your country"}, "final", "not available"),
        ("bybit", 200, {"result": {}}, "final", "result"),
        ("okx", 200, {"code": "51001", "data": [], "msg": "Instrument ID doesn't exist."}, "final", "doesn't exist"),
        ("okx", 200, {"code": "50011", "msg": "Too Many Requests"}, "wait", "Too Many"),
        ("okx", 429, {"code": "50011", "msg": "Too Many Requests"}, "wait", "Too Many"),
        ("okx", 503, {"code": "50001", "msg": "unavailable"}, "retry", "unavailable"),
        ("okx", 400, {"code": "51000", "msg": "Parameter bar error"}, "final", "bar"),
        ("hyperliquid", 429, None, "wait", ""),
        ("hyperliquid", 422, "Failed to deserialize the JSON body", "final", "deserialize"),
        ("hyperliquid", 500, None, "retry", ""),
        ("hyperliquid", 200, None, "retry", "empty"),
    ],
)
def test_refusals(venue, status, body, how, said) -> None:
    refusal = VENUES[venue].judge(status, body)
    assert refusal is not None
    assert refusal.how == how
    assert said in refusal.text
    assert refusal.until == (T if status == 418 else None)


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize(
    "body", [{"code": {}}, {"retCode": []}, {"code": None, "msg": 5}, {"retCode": 0.5, "retMsg": {}}]
)
def test_refusals_that_are_none(venue, body) -> None:
    refusal = VENUES[venue].judge(500, body)
    assert refusal is not None
    assert refusal.how in ("retry", "final")


def test_good_answers_are_no_refusals() -> None:
    for venue, _, body, _ in CASES:
        assert VENUES[venue].judge(200, body) is None
    assert VENUES["okx"].judge(200, data([])) is None
    assert VENUES["hyperliquid"].judge(200, []) is None


@pytest.mark.parametrize(
    ("venue", "given", "native"),
    [
        ("binance", "btcusdt", "BTCUSDT"),
        ("binance", "BTC/USDT:USDT", "BTCUSDT"),
        ("binance", "BTC-USDT-SWAP", "BTCUSDT"),
        ("bybit", "1000PEPEUSDT", "1000PEPEUSDT"),
        ("okx", "BTCUSDT", "BTC-USDT-SWAP"),
        ("okx", "BTC-USDT", "BTC-USDT-SWAP"),
        ("okx", "BTC-USD-SWAP", "BTC-USD-SWAP"),
        ("hyperliquid", "BTCUSDT", "BTC"),
        ("hyperliquid", "BTC", "BTC"),
        ("hyperliquid", "kPEPE", "kPEPE"),
    ],
)
def test_symbols_as_people_write_them(venue, given, native) -> None:
    assert VENUES[venue].native(given) == native


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("symbol", ["", "..", "A/../B", "BTC USDT", "BTC\nX", "x" * 99, "СВТ", None, 5, "BTC?x=1", "-"])
def test_symbols_that_are_none(venue, symbol) -> None:
    with pytest.raises(lw.InputError, match="symbol: "):
        VENUES[venue].native(symbol)


@pytest.mark.parametrize("venue", VENUES)
def test_requests_ask_for_their_window_alone_and_count_what_they_cost(venue) -> None:
    for series in VENUES[venue].series.values():
        if series.reach == 0:  # in public files alone
            continue
        period, size = series.period_for(300_000)
        query = Query("BTCUSDT", period, size, T, T + series.page * size, T + 3 * DAY)
        request = series.request(query)
        assert isinstance(request, Request)
        assert 0 < request.weight <= VENUES[venue].limits[request.bucket].weight
        asked = json.dumps({**request.params, **(request.body or {})})
        assert str(T) in asked or str(T - 1) in asked


@pytest.mark.parametrize(
    ("written", "name"),
    [
        *((name, name) for name in INTERVALS),
        ("60", "1h"),
        ("5", "5m"),
        ("240", "4h"),
        ("60m", "1h"),
        ("5min", "5m"),
        ("1H", "1h"),
        ("6Hutc", "6h"),
        ("D", "1d"),
        ("1D", "1d"),
        ("1Dutc", "1d"),
        ("24h", "1d"),
        ("1440", "1d"),
        ("3D", "3d"),
        ("72h", "3d"),
        ("1W", "1w"),
        ("W", "1w"),
        ("1Wutc", "1w"),
        ("7d", "1w"),
        ("10080", "1w"),
    ],
)
def test_intervals_as_people_write_them(written: str, name: str) -> None:
    assert interval_name(check_interval(written)) == name


@pytest.mark.parametrize("written", ["1M", "M", "5M", "60M"])
def test_a_month_is_not_read_as_a_minute(written: str) -> None:
    number = written.removesuffix("M") or "1"
    with pytest.raises(lw.InputError, match=rf"interval: .*a month at most venues. Write {number}m for minutes"):
        check_interval(written)


@pytest.mark.parametrize(
    "written", ["", "0", "7m", "m5", "1s", "utc", "-5m", "5 m", "\u0665m", "1.5h", "99999", 5, None]
)
def test_what_is_no_interval(written: object) -> None:
    with pytest.raises(lw.InputError, match="interval: wanted one of 1m, 3m, 5m"):
        check_interval(written)


def test_candles_open_on_their_grid() -> None:
    assert opening(T + 3, DAY) == T
    assert opening(T, 7 * DAY) == T - DAY  # a Tuesday
    assert opening(T - DAY - 1, 7 * DAY) == T - 8 * DAY
