"""The most common fetch errors from the view of a new user: each says what to type next."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import liqwidget as lw
from exchange import Exchange, History, vices
from exchange.vices import GeoBlock, Redirect, ServerError, TooMany, UnknownSymbol
from liqwidget.sources.venues import hosts
from loopback import DAY, connected

NOW = 1_795_078_831_000
HISTORY = History.make(NOW // DAY * DAY - 2 * DAY, 3 * 1440)

#: A call, and what its message tells the user to type or do.
ARGUMENTS: list[tuple[Callable[[], Any], str]] = [
    (lambda: lw.fetch("BTCUSD_PERP", "hyperliquid"), "Write the linear one, such as BTCUSDT"),
    (lambda: lw.fetch("BTC", "okx"), "Write it as BTC-USDT-SWAP or BTCUSDT"),
    (lambda: lw.fetch("BTC-PERP"), "Write it as BTCUSDT"),
    (lambda: lw.fetch("BTC/USDT:USDT-270326"), "Write the perpetual, such as BTCUSDT"),
    (lambda: lw.fetch("BYBIT:BTCUSDT.P"), "Pass exchange='bybit'"),
    (lambda: lw.fetch("1000PEPEUSDT", "okx"), "Write PEPE-USDT-SWAP"),
    (lambda: lw.fetch("BTCUSDT", "coinbase"), "wanted one of binance, bybit, okx, hyperliquid"),
    (lambda: lw.fetch("BTCUSDT", interval="7min"), "wanted one of 1m, 3m, 5m"),
    (lambda: lw.fetch("BTCUSDT", days="7"), "wanted a number above 0"),  # type: ignore[arg-type]
    (lambda: lw.fetch("BTCUSDT", start="last week"), "Write it as 2026-01-31"),
    (lambda: lw.fetch("BTCUSDT", start="2026-11-01", end="2026-11-02", days=1), "Leave one out"),
    (lambda: lw.fetch("BTCUSDT", offline=True), "Fetch them once without offline=True"),
    (lambda: lw.hyperliquid_positions("0x12"), "wanted 0x and 40 hexadecimal digits"),
]
ANSWERS: list[tuple[str, vices.Vice, str]] = [
    ("binance", UnknownSymbol(), r"binance may not list it, or under another name \(such as BTCUSDT\)"),
    ("bybit", UnknownSymbol(), "bybit may not list it"),
    ("okx", UnknownSymbol(), "okx may not list it"),
    (
        "binance",
        GeoBlock(),
        "Pass exchange='okx' or 'hyperliquid', use lw.read_archive .*HTTPS_PROXY and trust_env=True",
    ),
    ("bybit", GeoBlock(html=True), "Pass exchange='okx' or 'hyperliquid'"),
    ("okx", GeoBlock(), "Pass exchange='hyperliquid', or use a proxy"),
    ("binance", TooMany(retry_after="3600"), "Try again then|try again later"),
    ("binance", ServerError(status=503), "try again later"),
    ("binance", Redirect(), "may want a login"),
]


@pytest.fixture
def at(monkeypatch, tmp_path):
    with Exchange(HISTORY, now_ms=NOW) as exchange, connected(exchange, monkeypatch, tmp_path):
        yield exchange


@pytest.mark.parametrize("i", range(len(ARGUMENTS)))
def test_an_argument(i: int, at: Exchange) -> None:
    call, cure = ARGUMENTS[i]
    with pytest.raises(lw.LiqError) as caught:
        call()
    readable(str(caught.value), cure)


@pytest.mark.parametrize("i", range(len(ANSWERS)))
def test_an_answer(i: int, at: Exchange) -> None:
    venue, vice, cure = ANSWERS[i]
    at.set_vices([vice])
    with pytest.raises(lw.FetchError) as caught:
        lw.fetch("BTCUSDT", venue, days=1)
    readable(str(caught.value), cure)


def test_no_network(at: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        hosts, "HOSTS", dict.fromkeys(hosts.HOSTS, hosts.Host("http://127.0.0.1:9", "ws://127.0.0.1:9"))
    )
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(lw.FetchError) as caught:
        lw.fetch("BTCUSDT", days=1)
    readable(str(caught.value), "Check the network or proxy, or try again later")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    with pytest.raises(lw.FetchError) as caught:
        lw.fetch("BTCUSDT", days=1)
    readable(str(caught.value), "HTTPS_PROXY is set and was not used: pass trust_env=True")


@pytest.mark.parametrize(
    ("name", "cure"),
    [
        ("candles.zip", "Rename the file back"),
        ("BTCUSDT_2025-02-01.csv.gz", "Pass the folder that holds klines or trades"),
        ("BTCUSDT-metrics-2024-05-30.zip", "Add the folder of klines"),
        ("BTCUSD_240628-5m-2024-05-30.zip", "1 of dated contracts"),
        ("BTCUSDT-5m-2024-05-30.zip", "Download it again"),
    ],
)
def test_a_file(name: str, cure: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"PK")
    with pytest.raises(lw.LiqError) as caught:
        lw.read_archive(tmp_path / name)
    readable(str(caught.value), cure)


def readable(message: str, cure: str) -> None:
    """The message names its subject, what was wanted, what was given and what to do, in a few sentences."""
    assert re.search(cure, message), message
    assert re.match(r"[a-z_]+[^:]*: .*wanted|[^:]+\.(zip|gz): ", message), message
    assert message.endswith("."), message
    assert len(message) < 420, message
