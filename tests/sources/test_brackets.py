"""Leverage brackets as the venues publish them, under the imitated venues' vices, and the tables on disk."""

from __future__ import annotations

import copy
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import liqwidget as lw
from exchange import History, bybit, okx
from exchange.vices import ALL_FINAL, ALL_TRANSIENT, EmptyPage, Mute, NegativePrice, Slow, UnknownSymbol, Vice
from liqwidget.__main__ import main
from liqwidget.model.bracket_tables import is_table, store_brackets
from liqwidget.sources.fetch.brackets import table_of
from liqwidget.sources.venues.registry import VENUES
from loopback import DAY

NOW = 1_795_046_431_000
PUBLIC = {"bybit": "BTCUSDT", "okx": "BTC-USDT-SWAP", "hyperliquid": "BTC"}
PATHS = {"bybit": "risk-limit", "okx": "position-tiers", "hyperliquid": "metaAndAssetCtxs"}

#: Of candles, of requests for a symbol, and slow ones, which the client's own tests have.
ELSEWHERE = (NegativePrice, UnknownSymbol, Mute, Slow)


@pytest.fixture(scope="module")
def history() -> History:
    return History.make(NOW // DAY * DAY - DAY, 2 * 1440, seed=8)


def told(venue: str) -> list[tuple[float, ...]]:
    """What the imitated venue publishes: cap, leverage, rate, deduction."""
    if venue == "bybit":
        return [(float(cap), float(most), float(rate), float(cut or 0)) for cap, rate, _, most, cut in bybit.TIERS]
    if venue == "okx":
        return [(float(cap) * 0.01, float(most), float(rate), 0.0) for _, cap, rate, _, most in okx.TIERS]
    return [(150e6, 40.0, 0.0125, 0.0), (math.inf, 20.0, 0.025, 1_875_000.0)]


def table(brackets: list[Any]) -> list[tuple[float, ...]]:
    return [(b.cap, b.max_leverage, b.maintenance_rate, b.maintenance_amount) for b in brackets]


@pytest.mark.parametrize("venue", PUBLIC)
def test_a_table_is_what_the_venue_publishes_and_is_found_from_then_on(venue, at) -> None:
    shipped = lw.load_brackets(venue, PUBLIC[venue])
    found = lw.fetch_brackets("BTCUSDT", venue)
    assert table(found) == told(venue)
    assert {(b.as_of, b.status) for b in found} == {("2026-11-19", "fetched")}
    assert {b.unit for b in found} == {"coins" if venue == "okx" else "notional"}
    assert lw.load_brackets(venue, PUBLIC[venue]) == found != shipped


@pytest.mark.parametrize("venue", PUBLIC)
@pytest.mark.parametrize("vice", [*ALL_TRANSIENT, EmptyPage(times=1)], ids=repr)
def test_vices_that_pass_change_nothing(vice: Vice, venue: str, exchange, at) -> None:
    exchange.set_vices([vice.on(venue=venue, path=PATHS[venue], times=vice.times or 2)])
    assert table(lw.fetch_brackets("BTCUSDT", venue)) == told(venue)


@pytest.mark.parametrize("venue", PUBLIC)
@pytest.mark.parametrize("vice", [one for one in ALL_FINAL if not isinstance(one, ELSEWHERE)] + [EmptyPage()], ids=repr)
def test_vices_that_stay_are_told_and_the_table_in_use_stays(vice: Vice, venue: str, exchange, at) -> None:
    before = lw.load_brackets(venue, PUBLIC[venue])
    exchange.set_vices([vice.on(venue=venue, path=PATHS[venue])])
    with pytest.raises(lw.DataError, match=venue):
        lw.fetch_brackets("BTCUSDT", venue)
    assert lw.load_brackets(venue, PUBLIC[venue]) == before


GOOD: dict[str, Any] = {
    "bybit": {
        "result": {
            "list": [
                {
                    "symbol": "BTCUSDT",
                    "riskLimitValue": cap,
                    "maintenanceMargin": rate,
                    "initialMargin": first,
                    "maxLeverage": most,
                    "mmDeduction": cut,
                }
                for cap, rate, first, most, cut in bybit.TIERS
            ]
        }
    },
    "okx": {
        "data": [
            {"tier": str(i + 1), "instFamily": "BTC-USDT", "maxSz": cap, "mmr": rate, "maxLever": most}
            for i, (_, cap, rate, _, most) in enumerate(okx.TIERS)
        ]
    },
    "hyperliquid": [
        {
            "universe": [{"name": "BTC", "maxLeverage": 40, "marginTableId": 56}],
            "marginTables": [
                [
                    56,
                    {
                        "marginTiers": [
                            {"lowerBound": "0.0", "maxLeverage": 40},
                            {"lowerBound": "150000000.0", "maxLeverage": 20},
                        ]
                    },
                ]
            ],
        },
        [{"openInterest": "1", "markPx": "1"}],
    ],
}


def parsed(venue: str, body: Any) -> list[Any]:
    return table_of(VENUES[venue], PUBLIC[venue], body, 0.01 if venue == "okx" else 1.0, "2026-11-19", "fetched")


def test_percents_are_read_as_fractions() -> None:
    body = copy.deepcopy(GOOD["bybit"])
    for row in body["result"]["list"]:
        row["maintenanceMargin"] = f"{float(row['maintenanceMargin']) * 100:.4g}"
        row["initialMargin"] = f"{float(row['initialMargin']) * 100:.4g}"
    assert [b.maintenance_rate for b in parsed("bybit", body)] == pytest.approx([row[2] for row in told("bybit")])


def test_missing_deductions_are_those_that_keep_maintenance_continuous() -> None:
    body = copy.deepcopy(GOOD["bybit"])
    for row in body["result"]["list"]:
        row["mmDeduction"] = ""
    assert [b.maintenance_amount for b in parsed("bybit", body)] == pytest.approx([row[3] for row in told("bybit")])


def test_a_table_number_below_50_is_one_tier_of_that_leverage() -> None:
    body = copy.deepcopy(GOOD["hyperliquid"])
    body[0]["universe"][0] = {"name": "BTC", "maxLeverage": 20, "marginTableId": 20}
    assert table(parsed("hyperliquid", body)) == [(math.inf, 20.0, 0.025, 0.0)]


def _of(*path: Any, **changes: Any) -> Any:
    def change(body: Any) -> None:
        for step in path:
            body = body[step]
        body.update(changes)

    return change


ROW = ("result", "list", 1)
TIERS = (0, "marginTables", 0, 1)


@pytest.mark.parametrize(
    ("venue", "change"),
    [
        ("bybit", _of(*ROW, maintenanceMargin="0.5")),  # percent among fractions
        ("bybit", _of(*ROW, initialMargin="0.1")),  # neither
        ("bybit", _of(*ROW, initialMargin=None)),
        ("bybit", _of(*ROW, maintenanceMargin="-0.005")),
        ("bybit", _of(*ROW, maintenanceMargin="0.001")),  # less than below
        ("bybit", _of(*ROW, mmDeduction="-1")),
        ("bybit", _of(*ROW, mmDeduction="1500.1")),  # maintenance below 0 at its floor
        ("bybit", _of(*ROW, riskLimitValue="300000")),
        ("bybit", _of(*ROW, riskLimitValue="")),
        ("bybit", _of(*ROW, maxLeverage="0")),
        ("bybit", _of("result", nextPageCursor="x")),
        ("bybit", _of("result", list=[None])),
        ("okx", _of("data", 1, tier="3")),
        ("okx", _of("data", 1, mmr="0.5")),
        ("okx", _of("data", 1, maxSz="900")),
        ("okx", _of("data", 0, maxLever="1e9")),
        ("okx", lambda body: body["data"].pop(1)),
        ("hyperliquid", lambda body: body[1].pop()),
        ("hyperliquid", lambda body: body.pop()),
        ("hyperliquid", _of(*TIERS, marginTiers=[])),
        ("hyperliquid", _of(*TIERS, marginTiers=[{"lowerBound": "1", "maxLeverage": 40}])),
        ("hyperliquid", _of(*TIERS, "marginTiers", 1, maxLeverage=50)),
        ("hyperliquid", _of(*TIERS, "marginTiers", 1, maxLeverage=0)),
        ("hyperliquid", _of(0, marginTables=[])),
        ("hyperliquid", _of(0, "universe", 0, marginTableId="56")),
    ],
)
def test_answers_that_are_no_table_are_refused(venue: str, change: Any) -> None:
    body = copy.deepcopy(GOOD[venue])
    assert table(parsed(venue, body)) == told(venue)
    change(body)
    with pytest.raises(lw.DataError, match=rf"^{venue}: wanted the brackets of {PUBLIC[venue]}"):
        parsed(venue, body)


def saved(path: Path, **changes: Any) -> Path:
    rows = [(300000, 150, 0.004, 0.0), (800000, 100, 0.005, 300.0)]
    brackets = [
        {"bracket": i + 1, "initialLeverage": most, "notionalCap": cap, "maintMarginRatio": rate, "cum": cut}
        for i, (cap, most, rate, cut) in enumerate(rows)
    ]
    path.write_text(json.dumps([{"symbol": "ETHUSDT", "brackets": brackets, **changes}]))
    os.utime(path, (NOW // 1000, NOW // 1000))
    return path


def test_binance_needs_the_file_that_an_account_may_save(at, tmp_path) -> None:
    with pytest.raises(
        lw.InputError, match=r"saved answer of /fapi/v1/leverageBracket for BTCUSDT .*or use the snapshot"
    ):
        lw.fetch_brackets("BTCUSDT", "binance")
    file = saved(tmp_path / "answer.json")
    found = lw.fetch_brackets("ETHUSDT", "binance", file=file)
    assert table(found) == [(300e3, 150.0, 0.004, 0.0), (800e3, 100.0, 0.005, 300.0)]
    assert {(b.as_of, b.status) for b in found} == {("2026-11-19", "file")}
    assert lw.load_brackets("binance", "ETHUSDT") == found
    with pytest.raises(lw.FetchError, match="got none"):
        lw.fetch_brackets("BTCUSDT", "binance", file=file)
    with pytest.raises(lw.InputError, match=r"^file: .*No such file"):
        lw.fetch_brackets("BTCUSDT", "binance", file=tmp_path / "none.json")
    file.write_text("<html>")
    with pytest.raises(lw.ParseError, match="as JSON"):
        lw.fetch_brackets("ETHUSDT", "binance", file=file)


def test_the_newest_table_is_used_and_a_damaged_one_is_named(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("LIQWIDGET_CACHE", str(tmp_path))
    shipped = lw.load_brackets("binance")
    old = [lw.load_brackets("bybit")[0].__class__(0.0, math.inf, 100.0, 0.004, 0.0, "notional", "2026-08-31", "file")]
    path = store_brackets("binance", "BTCUSDT", old)
    assert lw.load_brackets("binance") == shipped  # of 2026-09
    store_brackets("binance", "DOGEUSDT", old)
    assert lw.load_brackets("binance", "DOGEUSDT") == old
    for text in ("", "nonsense", path.read_text().replace("0.004", "nan"), path.read_text().replace("BTCUSDT", "ABC")):
        path.write_text(text)
        with pytest.raises(lw.ParseError, match=rf"{path.name} is damaged. Delete the file"):
            lw.load_brackets("binance")


def test_the_shipped_tables_pass_the_checks_of_fetched_ones() -> None:
    for venue, symbol in (*PUBLIC.items(), ("binance", "BTCUSDT"), ("binance", "BTCUSDC")):
        assert is_table(lw.load_brackets(venue, symbol))


def test_the_command_lists_and_refreshes_tables(at, capsys) -> None:
    assert main(["brackets"]) == 0
    assert "binance      BTCUSDT           2026-09     12 brackets to 150x: documented\n" in capsys.readouterr().out
    assert main(["brackets", "--refresh"]) == 0
    assert "bybit        BTCUSDT           2026-11-19  4 brackets to 150x: fetched\n" in capsys.readouterr().out
    assert main(["brackets", "--refresh", "DOGEUSDT"]) == 1
    assert capsys.readouterr().err.count("\n") == 3


def test_the_command_lists_tables_without_a_cache_folder(tmp_path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "liqwidget", "brackets"],
        env={**os.environ, "LIQWIDGET_CACHE": str(tmp_path / "none")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.count("\n") == 5
