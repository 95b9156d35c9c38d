"""Inverse contracts: which symbols name them, and their quantities in coins."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest

import liqwidget as lw
from liqwidget import InputError, Market
from liqwidget.widget.still_image import _title
from liqwidget.widget.wire import decode_frame
from markets import walk

COINS: dict[str, Any] = {"volume_unit": "coins", "open_interest_unit": "coins"}


def coins(rows: int = 80) -> pd.DataFrame:
    """Candles whose quantities are coins, near 60,000 USD."""
    return walk(rows, seed=4, price=60_000.0).candles.assign(taker_buy_volume=lambda frame: frame["volume"] * 0.25)


def contracts(frame: pd.DataFrame, usd: float) -> pd.DataFrame:
    """The same candles with quantities in whole contracts, as a venue counts them."""
    typical = (frame["high"] + frame["low"] + frame["close"]) / 3
    counted = {name: np.round(frame[name] * typical / usd) for name in ("volume", "taker_buy_volume")}
    return frame.assign(**counted, open_interest=np.round(frame["open_interest"] * frame["close"] / usd))


@pytest.mark.parametrize(
    ("symbol", "exchange", "contract"),
    [
        ("BTCUSD_PERP", "", "inverse"),
        ("BTCUSD_PERP", "binance", "inverse"),
        ("XBTUSD", "", "inverse"),
        ("XBTUSD", "kraken", "linear"),
        ("PI_XBTUSD", "kraken", "inverse"),
        ("BTC-USD-SWAP", "okx", "inverse"),
        ("BTC-USD", "okx", "linear"),
        ("BTCUSD", "bybit", "inverse"),
        ("BTCUSD", "", "linear"),
        ("BTC-USD", "coinbase", "linear"),
        ("BTC/USD:BTC", "", "inverse"),
        ("BTC-PERPETUAL", "deribit", "inverse"),
        ("BTCUSDT", "bybit", "linear"),
    ],
)
def test_a_symbol_names_its_contract(symbol: str, exchange: str, contract: str) -> None:
    market = Market.from_frame(coins(), symbol, exchange)
    assert market.contract == contract
    assert ("inverse" in repr(market)) == (contract == "inverse")
    np.testing.assert_array_equal(market.candles, Market.from_frame(coins()).candles)
    assert market.tail(3).append(coins().iloc[-1:]).contract == contract


@pytest.mark.parametrize(
    ("symbol", "exchange", "contract", "said"),
    [
        ("BTCUSDT", "", "inverse", "contract: wanted 'linear' for 'BTCUSDT', which is settled in USDT; got 'inverse'"),
        ("BTC/USD:USD", "", "inverse", "contract: wanted 'linear' for 'BTC/USD:USD'"),
        ("ETHBTC", "", "inverse", "which is not quoted in USD"),
        ("BTCUSD_PERP", "", "linear", "contract: wanted 'inverse' for 'BTCUSD_PERP', which is settled in BTC"),
        ("BTCUSD", "", "quanto", "contract: wanted 'linear' or 'inverse'; got 'quanto'"),
    ],
)
def test_a_contract_that_contradicts_its_symbol_is_refused(
    symbol: str, exchange: str, contract: Any, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        Market.from_frame(coins(), symbol, exchange, contract=contract)


@pytest.mark.parametrize(
    ("symbol", "exchange", "usd", "options"),
    [
        ("BTCUSD_PERP", "binance", 100.0, {}),
        ("ETHUSD_PERP", "", 10.0, {}),
        ("XBTUSD", "bitmex", 1.0, {}),
        ("BTCUSD", "", 100.0, {"contract": "inverse", "contract_size": 100}),
        ("BTCUSD", "binance", 100.0, {"volume_unit": "contracts", "open_interest_unit": "contracts"}),
        ("BTCUSD", "bybit", 1.0, {"volume_unit": "quote", "open_interest_unit": "quote"}),
    ],
)
def test_contracts_of_usd_become_coins(symbol: str, exchange: str, usd: float, options: dict[str, Any]) -> None:
    frame = coins()
    market = Market.from_frame(contracts(frame, usd), symbol, exchange, **options)
    found = market.candles
    for name in ("volume", "taker_buy_volume", "open_interest"):
        np.testing.assert_allclose(found[name], frame[name], rtol=1e-2)
    told = [note for note in market.notes if "contracts of" in note]
    assert len(told) == (0 if options else 2)
    if "volume_unit" not in options:
        assert market.contract_size == usd
    # Later candles are in the same units, also a single one, which cannot tell them.
    again = Market.from_frame(contracts(frame, usd).iloc[:70], symbol, exchange, **options)
    for i in range(70, 80):
        again = again.append(contracts(frame, usd).iloc[[i]])
    pd.testing.assert_frame_equal(again.candles, found)


def test_coins_in_whole_numbers_stay_coins_after_candles_in_fractions() -> None:
    market = Market.from_frame(coins(), "BTCUSD", "bybit").append(coins().iloc[-1:].assign(volume=12.0))
    assert market.candles["volume"].iloc[-1] == 12.0


def test_a_column_of_coins_is_taken_whatever_it_is_called() -> None:
    frame = coins()
    counted = contracts(frame, 100).assign(quote_volume=frame["volume"])  # as in Binance's archives
    market = Market.from_frame(counted, "BTCUSD_PERP")
    np.testing.assert_array_equal(market.candles["volume"], frame["volume"])
    assert "volume is 'quote_volume': 'volume' is not in coins" in market.notes
    usd = contracts(frame, 100).assign(turnover=lambda table: table["volume"] * 100)
    np.testing.assert_allclose(Market.from_frame(usd, "BTCUSD_PERP").candles["volume"], frame["volume"], rtol=1e-3)


def test_takers_volume_is_in_the_unit_of_volume_or_in_coins() -> None:
    frame = coins()
    counted = frame.assign(volume=frame["volume"] * 100)
    for taker in (frame["taker_buy_volume"], frame["taker_buy_volume"] * 100):
        market = Market.from_frame(counted.assign(taker_buy_volume=taker), volume_unit="contracts", contract_size=0.01)
        expected = frame["taker_buy_volume"] / (1 if taker.iloc[0] > frame["volume"].iloc[0] else 100)
        np.testing.assert_allclose(market.candles["taker_buy_volume"], expected)


def test_liquidations_in_contracts_of_the_given_size() -> None:
    frame = coins()
    price = float(frame["close"].iloc[5])
    table = pd.DataFrame({"time": [frame.index[5]], "side": "SELL", "price": price, "quantity": 3.0})
    market = Market.from_frame(frame, "BTCUSD", "", table, contract="inverse", contract_size=50, **COINS)
    assert market.liquidations is not None
    assert market.liquidations["notional"].tolist() == [150.0]
    assert market.liquidations["quantity"].tolist() == [150.0 / price]
    later, told = market.read_liquidations(table)
    assert later["notional"].tolist() == [150.0]
    assert told[0] == "liquidation sizes are contracts of 50 USD (inverse)"


@pytest.mark.parametrize("contract", ["linear", "inverse"])
def test_levels_follow_the_contract(contract: Literal["linear", "inverse"]) -> None:
    market = walk(60, seed=3, contract=contract)
    hm = lw.LiquidationHeatmap(market, leverage_mix={5: 1})
    picture: Any = hm._shown.picture
    long = lw.liquidation_price(1.0, 5, "long", contract=contract)
    assert picture._factors()[0][0][picture.leverage.tolist().index(5)] == pytest.approx(long)
    about = decode_frame(picture.bars_frame()).meta
    assert about["contract"] == ("inverse" if contract == "inverse" else "")
    assert ("inverse" in _title(market)) == (contract == "inverse")
    clusters = hm.density.clusters()
    low = clusters[clusters["side"] == "long"]["peak_price"].max()
    assert low < float(market.candles["low"].max()) * long + hm.density.bin_size
    hm.close()


def test_bitmex_minutes_are_shown_by_the_inverse_rule(shared_data: Callable[[str], Path]) -> None:
    market = Market.read(shared_data("xbtusd_1m_2020-03.csv.gz"), symbol="XBTUSD", exchange="bitmex")
    assert market.contract == "inverse"
    assert market.candles["volume"].iloc[0] == 103.8805079  # coins already
    linear = Market.read(shared_data("xbtusd_1m_2020-03.csv.gz"), symbol="BTCUSDT")
    part, same = market.tail(3_000), linear.tail(3_000)
    found, other = (lw.estimate(one, {10: 1}, decay_rate=0.03) for one in (part, same))
    np.testing.assert_allclose(found.opened, other.opened)
    # The level of a long at 10x is 0.6 % of the price nearer to entry than that of a linear contract.
    gap = lw.liquidation_price(1, 10, "long", contract="inverse") - lw.liquidation_price(1, 10, "long")
    assert gap == pytest.approx(0.0091, abs=1e-4)
    lows = [one.clusters().query("side == 'long'")["peak_price"].max() for one in (found, other)]
    assert lows[0] > lows[1]


def test_open_interest_that_moves_with_the_price_alone_is_taken() -> None:
    frame = coins()
    still = frame.assign(volume=frame["volume"] / 20, open_interest=1.2e8 / frame["close"])
    assert Market.from_frame(still, "XBTUSD").contract == "inverse"
    with pytest.raises(InputError, match="cannot change by more than was traded"):
        Market.from_frame(still, "BTCUSDT")


def test_the_usd_of_open_interest_stay_where_it_is_unknown() -> None:
    known = (np.arange(80) < 10) | (np.arange(80) > 12)
    frame = coins().assign(open_interest=lambda table: table["open_interest"].where(known))
    market = Market.from_frame(frame, contract="inverse", **COINS)
    usd = (market.candles["open_interest"] * market.candles["close"]).iloc[9:13]
    np.testing.assert_allclose(usd, usd.iloc[0], rtol=1e-12)
    assert market.carried["open_interest"] == 3
    later = frame.iloc[70:].assign(open_interest=np.nan)
    grown = Market.from_frame(frame.iloc[:71], contract="inverse", **COINS).append(later)
    usd = (grown.candles["open_interest"] * grown.candles["close"]).iloc[70:]
    np.testing.assert_allclose(usd, usd.iloc[0], rtol=1e-12)
    linear = Market.from_frame(frame, **COINS).candles["open_interest"]
    assert linear.iloc[9:13].nunique() == 1
