"""Leverage brackets of inverse contracts as the venues publish them: bounded in coins, or in contracts of 100 USD."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

import liqwidget as lw
from exchange import History, bybit, okx
from exchange.vices import ALL_FINAL, ALL_TRANSIENT, EmptyPage, Mute, NegativePrice, Slow, UnknownSymbol, Vice
from liqwidget.__main__ import main
from liqwidget.model.bracket_tables import is_table, store_brackets
from loopback import DAY, INVERSE

NOW = 1_795_046_431_000
PATHS = {"bybit": "risk-limit", "okx": "position-tiers"}
#: Of candles, of requests for a symbol, and slow ones, which the client's own tests have.
ELSEWHERE = (NegativePrice, UnknownSymbol, Mute, Slow)


@pytest.fixture(scope="module")
def history() -> History:
    return History.make(NOW // DAY * DAY - DAY, 2 * 1440, seed=8)


def told(venue: str) -> list[tuple[float, ...]]:
    """What the imitated venue publishes: cap in coins (Bybit) or USD (OKX), leverage, rate, deduction in coins."""
    if venue == "bybit":
        return [(float(cap), float(most), float(m), float(cut or 0)) for cap, m, _, most, cut in bybit.INVERSE_TIERS]
    return [(float(cap) * 100, float(most), float(m), 0.0) for _, cap, m, _, most in okx.INVERSE_TIERS]


def table(brackets: list[Any]) -> list[tuple[float, ...]]:
    return [(b.cap, b.max_leverage, b.maintenance_rate, b.maintenance_amount) for b in brackets]


@pytest.mark.parametrize("spelling", ["BTCUSD_PERP", "BTC/USD:BTC", "BTCUSD", "BTC-USD-SWAP"])
@pytest.mark.parametrize("venue", PATHS)
def test_a_table_is_what_the_venue_publishes_and_is_found_from_then_on(venue, spelling, at) -> None:
    found = lw.fetch_brackets(spelling, venue)
    assert table(found) == told(venue)
    assert {(b.as_of, b.status, b.contract) for b in found} == {("2026-11-19", "fetched", "inverse")}
    assert {b.unit for b in found} == {"notional" if venue == "okx" else "coins"}
    assert is_table(found)
    assert lw.load_brackets(venue, INVERSE[venue]) == found


def test_tables_of_both_kinds_stand_side_by_side(at) -> None:
    inverse, linear = (lw.fetch_brackets(symbol, "okx") for symbol in ("BTC-USD-SWAP", "BTC-USDT-SWAP"))
    assert lw.load_brackets("okx", "BTC-USD-SWAP") == inverse
    assert lw.load_brackets("okx", "BTC-USDT-SWAP") == linear
    assert {b.contract for b in linear} == {"linear"}


@pytest.mark.parametrize("venue", PATHS)
@pytest.mark.parametrize("vice", [*ALL_TRANSIENT, EmptyPage(times=1)], ids=repr)
def test_vices_that_pass_change_nothing(vice: Vice, venue: str, exchange, at) -> None:
    exchange.set_vices([vice.on(venue=venue, path=PATHS[venue], times=vice.times or 2)])
    assert table(lw.fetch_brackets(INVERSE[venue], venue)) == told(venue)


@pytest.mark.parametrize("venue", PATHS)
@pytest.mark.parametrize("vice", [one for one in ALL_FINAL if not isinstance(one, ELSEWHERE)] + [EmptyPage()], ids=repr)
def test_vices_that_stay_are_told_and_the_table_in_use_stays(vice: Vice, venue: str, exchange, at) -> None:
    before = lw.fetch_brackets(INVERSE[venue], venue)
    exchange.set_vices([vice.on(venue=venue, path=PATHS[venue])])
    with pytest.raises(lw.DataError, match=venue):
        lw.fetch_brackets(INVERSE[venue], venue)
    assert lw.load_brackets(venue, INVERSE[venue]) == before


def saved(path: Path, **changes: Any) -> Path:
    """An answer of Binance's /dapi/v2/leverageBracket."""
    rows = [(5, 125, 0.004, 0.0), (10, 100, 0.005, 0.005), (20, 50, 0.01, 0.055)]
    brackets = [
        {"bracket": i + 1, "initialLeverage": most, "qtyCap": cap, "qtylFloor": 0, "maintMarginRatio": rate, "cum": cut}
        for i, (cap, most, rate, cut) in enumerate(rows)
    ]
    path.write_text(json.dumps([{"symbol": "BTCUSD_PERP", "brackets": brackets, **changes}]))
    os.utime(path, (NOW // 1000, NOW // 1000))
    return path


def test_binance_needs_the_file_that_an_account_may_save(at, tmp_path) -> None:
    with pytest.raises(lw.InputError, match=r"saved answer of /dapi/v2/leverageBracket for BTCUSD_PERP .* API key\.$"):
        lw.fetch_brackets("BTCUSD_PERP", "binance")
    file = saved(tmp_path / "answer.json")
    found = lw.fetch_brackets("BTC/USD:BTC", "binance", file=file)
    assert table(found) == [(5.0, 125.0, 0.004, 0.0), (10.0, 100.0, 0.005, 0.005), (20.0, 50.0, 0.01, 0.055)]
    assert {(b.as_of, b.status, b.unit, b.contract) for b in found} == {("2026-11-19", "file", "coins", "inverse")}
    assert lw.load_brackets("binance", "BTCUSD_PERP") == found
    with pytest.raises(lw.FetchError, match="wanted the brackets of ETHUSD_PERP; got none"):
        lw.fetch_brackets("ETHUSD_PERP", "binance", file=file)
    with pytest.raises(lw.FetchError, match="wanted the brackets of BTCUSDT; got none"):
        lw.fetch_brackets("BTCUSDT", "binance", file=file)


def test_answers_of_other_endpoints_of_binance_are_refused(at, tmp_path) -> None:
    by_pair = saved(tmp_path / "v1.json", pair="BTCUSD")
    with pytest.raises(
        lw.ParseError, match=r"wanted the answer of /dapi/v2/leverageBracket, by symbol; got one by pair"
    ):
        lw.fetch_brackets("BTCUSD_PERP", "binance", file=by_pair)
    in_usd = saved(tmp_path / "usd.json", brackets=[{"initialLeverage": 5, "notionalCap": 5, "maintMarginRatio": 0.1}])
    with pytest.raises(lw.ParseError, match="wanted the brackets of BTCUSD_PERP; got"):
        lw.fetch_brackets("BTCUSD_PERP", "binance", file=in_usd)


def test_others_publish_theirs_and_take_no_file(at, tmp_path) -> None:
    with pytest.raises(lw.InputError, match="file: wanted none for bybit, which shows brackets to all"):
        lw.fetch_brackets("BTCUSD", "bybit", file=tmp_path / "answer.json")
    with pytest.raises(lw.InputError, match="wanted a linear perpetual"):
        lw.fetch_brackets("BTCUSD_PERP", "hyperliquid")


def test_the_command_asks_those_that_have_inverse_contracts(exchange, at, capsys) -> None:
    before = len(exchange.requests)
    assert main(["brackets", "--refresh", "BTCUSD"]) == 0
    out = capsys.readouterr().out
    assert "bybit        BTCUSD            2026-11-19  3 brackets to 100x: fetched\n" in out
    assert "okx          BTC-USD-SWAP      2026-11-19  3 brackets to 100x: fetched\n" in out
    assert {asked.venue for asked in exchange.requests[before:]} == {"bybit", "okx"}


@pytest.mark.parametrize("venue", PATHS)
def test_a_market_takes_the_table_that_was_fetched(venue: str, at) -> None:
    market = lw.fetch(INVERSE[venue], exchange=venue, interval="5m", days=1)
    with pytest.raises(lw.InputError, match=rf"wanted the brackets of {venue} {INVERSE[venue]}; got no such table"):
        lw.build_ledger(market, [10], maintenance_rate="brackets")
    lw.fetch_brackets(INVERSE[venue], venue)
    settings = lw.build_ledger(market, [10, 100], maintenance_rate="brackets").settings
    assert settings["brackets"]["table"] == f"{venue} {INVERSE[venue]}, 2026-11-19"


def test_a_table_stored_before_there_were_inverse_ones_is_linear(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("LIQWIDGET_CACHE", str(tmp_path))
    made = [
        lw.load_brackets("bybit")[0].__class__(0.0, 5.0, 100.0, 0.004, 0.0, "coins", "2026-11-19", "file", "inverse")
    ]
    path = store_brackets("binance", "BTCUSD_PERP", made)
    assert lw.load_brackets("binance", "BTCUSD_PERP") == made
    head, row = path.read_text().splitlines()
    path.write_text(f"{head.removesuffix(',contract')}\n{row.removesuffix(',inverse')}\n")
    assert [b.contract for b in lw.load_brackets("binance", "BTCUSD_PERP")] == ["linear"]
    path.write_text(f"{head}\n{row.removesuffix('inverse')}quanto\n")
    with pytest.raises(lw.ParseError, match="is damaged"):
        lw.load_brackets("binance", "BTCUSD_PERP")
