"""Archives of inverse contracts: sizes in contracts of 100 USD or in USD become coins."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import liqwidget as lw
from archive_files import AGG, DAY, KLINE, METRICS, MINUTE, PAST, TRADING, pack
from liqwidget.sources.archive.read_archive import read_archive

NAME, FIRST, LAST = PAST.spans()[0]
CLOSE = {time: row[3] for time, row in PAST.candles.items()}


def coin_m(folder: Path, candles: bool = True) -> Path:
    """A day of Binance's COIN-M: candles with contracts and coins, and open interest in contracts."""
    base = folder / "data" / "futures" / "cm" / "daily"
    if candles:
        lines = [
            f"{t},{o},{h},{low},{c},{round(v * c / 100)},{t + PAST.step - 1},{v},7,{round(b * c / 100)},{b},0"
            for t, (o, h, low, c, v, b) in PAST.candles.items()
            if FIRST <= t < LAST
        ]
        pack(base / "klines" / "BTCUSD_PERP" / "15m" / f"BTCUSD_PERP-15m-{NAME}.zip", lines, KLINE)
    snaps = [
        f"{pd.Timestamp(t, unit='ms'):%Y-%m-%d %H:%M:%S},BTCUSD_PERP,{round(oi)},1,1.1,,{ratio},0.9"
        for t, (oi, ratio) in PAST.snaps.items()
        if FIRST < t <= LAST
    ]
    pack(base / "metrics" / "BTCUSD_PERP" / f"BTCUSD_PERP-metrics-{NAME}.zip", snaps, METRICS)
    return folder


def test_candles_of_coin_m_are_in_coins(tmp_path: Path) -> None:
    market = read_archive(coin_m(tmp_path))
    assert (market.symbol, market.contract) == ("BTCUSD_PERP", "inverse")
    truth = PAST.truth().iloc[: DAY // PAST.step]
    for name in ("open", "high", "low", "close", "volume", "taker_buy_volume", "long_short_ratio"):
        np.testing.assert_array_equal(market.candles[name], truth[name], err_msg=name)
    contracts = truth["open_interest"].round()
    np.testing.assert_array_equal(market.candles["open_interest"], contracts * 100 / truth["close"])
    hour = read_archive(tmp_path, interval="1h")
    np.testing.assert_allclose(hour.candles["volume"].sum(), truth["volume"].sum())


def test_both_contracts_of_a_folder_are_told_apart(tmp_path: Path) -> None:
    coin_m(tmp_path)
    pack(tmp_path / f"BTCUSDT-15m-{NAME}.zip", PAST.kline_lines(FIRST, LAST), KLINE)
    with pytest.raises(lw.InputError, match=r"files of one symbol .* BTCUSDT \(binance\), BTCUSD_PERP|BTCUSD_PERP"):
        read_archive(tmp_path)
    assert read_archive(tmp_path, symbol="BTCUSDT").contract == "linear"
    assert read_archive(tmp_path, symbol="BTCUSD_PERP").contract == "inverse"


def test_trades_of_contracts_and_of_usd_are_in_coins(tmp_path: Path) -> None:
    times = range(FIRST, FIRST + 3 * MINUTE, 7_000)
    trades = [(t, 42_000 + i % 9, 10 + i, i % 3 == 0) for i, t in enumerate(times)]
    lines = [f"{i},{p},{n},{i},{i},{t},{'false' if buy else 'true'}" for i, (t, p, n, buy) in enumerate(trades)]
    pack(tmp_path / "binance" / f"BTCUSD_PERP-aggTrades-{NAME}.zip", lines, AGG)
    rows = [
        f"{t / 1000:.4f},BTCUSD,{'Buy' if buy else 'Sell'},{100 * n},{p},PlusTick,id{i},0,{100 * n / p},{100 * n}"
        for i, (t, p, n, buy) in enumerate(trades)
    ]
    (tmp_path / "bybit").mkdir()
    (tmp_path / "bybit" / f"BTCUSD{NAME}.csv.gz").write_bytes(gzip.compress("\n".join([TRADING, *rows]).encode()))
    frame = pd.DataFrame(trades, columns=["time", "price", "contracts", "buy"])
    frame["coins"] = frame["contracts"] * 100.0 / frame["price"]
    minute = frame["time"] // MINUTE
    for venue in ("binance", "bybit"):
        market = read_archive(tmp_path / venue, interval="1m")
        assert market.contract == "inverse"
        np.testing.assert_allclose(market.candles["volume"], frame["coins"].groupby(minute).sum(), rtol=1e-12)
        bought = frame["coins"].where(frame["buy"], 0.0).groupby(minute).sum()
        np.testing.assert_allclose(market.candles["taker_buy_volume"], bought, rtol=1e-12)


def test_a_history_of_an_archive_follows_the_inverse_rule(tmp_path: Path) -> None:
    pytest.importorskip("dask")
    years = lw.history(coin_m(tmp_path / "files"), tmp_path / "store", leverage=(5,), columns=96, progress=False)
    assert (years.contract, years.market().contract) == ("inverse", "inverse")
    assert "inverse" in repr(years)
    again = lw.history(None, tmp_path / "store")
    assert again.contract == "inverse"
    direct = lw.build_ledger(years.market(), (5,), years.grid.bin_size, turnover=1.0).replay(years.decay_rate)
    found = years.density()
    np.testing.assert_allclose(found.values[..., -1].sum(), direct.values[..., -1].sum(), rtol=1e-6)
    same = lw.Market.from_frame(years.market().candles, volume_unit="coins", open_interest_unit="coins")
    other = lw.history(same, tmp_path / "linear", leverage=(5,), columns=96, progress=False).density()
    assert not np.allclose(found.values[..., -1], other.values[..., -1])


def test_a_store_of_one_contract_is_not_taken_for_the_other(tmp_path: Path) -> None:
    pytest.importorskip("dask")
    market = read_archive(coin_m(tmp_path / "files"))
    units = {"volume_unit": "coins", "open_interest_unit": "coins"}
    made = []
    for contract in ("linear", "inverse", "linear"):
        same = lw.Market.from_frame(market.candles, "BTCUSD", contract=contract, **units)  # type: ignore[arg-type]
        made.append(lw.history(same, tmp_path / "store", leverage=(5,), columns=96, progress=False))
    sums = [one.density().values[..., -1].sum() for one in (made[-1],)]
    assert [one.contract for one in made] == ["linear", "inverse", "linear"]
    assert sums[0] > 0
