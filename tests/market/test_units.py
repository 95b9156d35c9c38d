"""Cases of tables whose quantities are not in coins, with the correct values written by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import liqwidget as lw
from liqwidget.errors import InputError
from liqwidget.market.liquidation_side import side_of
from liqwidget.market.market import Market
from liqwidget.market.quote import instrument
from liqwidget.widget.frames import notices_of


@pytest.fixture
def case(shared_case: Callable[[str], Path]) -> Callable[..., pd.DataFrame]:
    """Read a CSV file submitted by a user."""
    return lambda name, **options: pd.read_csv(shared_case(name), **options)


def bars(rows: int = 60, price: float = 60_000.0, seed: int = 0, minutes: int = 5, **columns: Any) -> pd.DataFrame:
    """Candles of a quiet market, about 80 coins per candle, with prices to five decimals."""
    rng = np.random.default_rng(seed)
    close = price * np.exp(np.cumsum(rng.normal(0, 0.001, rows)))
    opened = np.r_[price, close[:-1]]
    frame = {
        "time": pd.date_range("2025-02-01", periods=rows, freq=f"{minutes}min", tz="UTC"),
        "open": opened,
        "high": np.maximum(opened, close) * (1 + rng.uniform(0.0001, 0.001, rows)),
        "low": np.minimum(opened, close) * (1 - rng.uniform(0.0001, 0.001, rows)),
        "close": close,
        "volume": rng.gamma(4, 20, rows),
    }
    return pd.DataFrame({**frame, **columns})


def typical(frame: pd.DataFrame) -> Any:
    return (frame["high"] + frame["low"] + frame["close"]) / 3


# The cases


def test_01_a_day_of_more_coins_than_exist_is_refused(case: Callable[..., pd.DataFrame]) -> None:
    frame = case("01_yahoo_usd_volume.csv")
    for symbol in ("BTC-USD", ""):
        with pytest.raises(InputError, match=r"volume in coins; got .* pass volume_unit='quote'"):
            Market.from_frame(frame, symbol=symbol)
    market = Market.from_frame(frame, symbol="BTC-USD", volume_unit="quote")
    assert market.candles["volume"].iloc[0] == pytest.approx(1_444_992_552 / ((61_306.51 + 60_695.0 + 61_001.5) / 3))
    assert Market.from_frame(frame, volume_unit="coins").candles["volume"].iloc[0] == 1_444_992_552


def test_02_coins_beside_contracts_of_a_dollar_are_taken(case: Callable[..., pd.DataFrame]) -> None:
    frame = case("02_bitmex_bucketed.csv")
    market = Market.from_frame(frame)
    assert market.candles["volume"].iloc[:3].tolist() == [114.85, 372.36, 394.45]
    assert market.symbol == "XBTUSD"
    assert "volume is 'homeNotional': 'volume' is not in coins" in notices_of(market)
    contracts = frame.drop(columns=["homeNotional", "turnover"])
    market = Market.from_frame(contracts)
    np.testing.assert_allclose(market.candles["volume"], frame["volume"] / typical(frame))
    assert "volume is 'volume' in contracts of 1 USD / price" in market.notes
    with pytest.raises(InputError, match=r"equals 'foreignNotional'.* volume_unit='quote'"):
        Market.from_frame(contracts.assign(symbol="XBTUSDT"))


def test_03_volumes_that_change_places_are_refused_with_the_row(case: Callable[..., pd.DataFrame]) -> None:
    frame = case("03_cdd_swapped_volumes.csv", skiprows=1).drop(columns="unix")
    said = r"2020-07-01 05:00 \(UTC\): the two change places"
    with pytest.raises(InputError, match=said):
        Market.from_frame(frame, sort=True)
    with pytest.raises(InputError, match=said):
        Market.from_frame(frame.rename(columns={"Volume BTC": "volume"}), sort=True)
    good = frame[frame["Volume BTC"] < frame["Volume USD"]]
    market = Market.from_frame(good, sort=True)
    assert (market.symbol, market.candles["volume"].iloc[-1]) == ("BTC/USD", 330.74)


def test_04_liquidations_of_other_symbols_are_left_out(case: Callable[..., pd.DataFrame]) -> None:
    orders = case("04_force_orders_many_symbols.csv")
    candles = bars(price=96_500.0)
    market = Market.from_frame(candles, symbol="BTCUSDT", exchange="binance", liquidations=orders)
    assert market.liquidations["price"].tolist() == [96_500.5, 96_710.0]
    assert market.liquidations["side"].tolist() == ["long", "short"]
    assert "3 liquidations of other symbols left out" in notices_of(market)
    with pytest.raises(InputError, match=r"one symbol; got 'BTCUSDT', 'ETHUSDT', 'DOGEUSDT', 'PEPEUSDT'.*df\['symbol'"):
        Market.from_frame(candles, liquidations=orders)
    with pytest.raises(InputError, match="near the market's"):
        Market.from_frame(candles, liquidations=orders.drop(columns="symbol"))


def test_06_open_interest_in_usd_is_refused_with_the_factor(case: Callable[..., pd.DataFrame]) -> None:
    frame = case("06_open_interest_usd.csv")
    with pytest.raises(InputError, match=r"cannot change by more than was traded.*in USD.*open_interest_unit='quote'"):
        Market.from_frame(frame)
    market = Market.from_frame(frame, open_interest_unit="quote")
    assert market.candles["open_interest"].iloc[0] == pytest.approx(
        7_748_848_565.6434765 / ((97_048.5 + 96_830.59 + 96_879.03) / 3)
    )
    coins = frame.assign(open_interest=frame["open_interest"] / frame["close"])
    assert Market.from_frame(coins).notes == ()
    contracts = coins.assign(open_interest=coins["open_interest"] * 1e4)
    with pytest.raises(InputError, match=r"a factor of 10,000"):
        Market.from_frame(contracts)
    market = Market.from_frame(contracts, open_interest_unit="contracts", contract_size=1e-4)
    np.testing.assert_allclose(market.candles["open_interest"], coins["open_interest"])


def test_07_contracts_of_okx_and_gate(case: Callable[..., pd.DataFrame]) -> None:
    okx = case("07a_okx_contracts.csv")
    market = Market.from_frame(okx)
    assert market.candles["volume"].iloc[:3].tolist() == [32.8, 182.65, 182.01]
    assert "volume is 'volCcy': 'vol' is not in coins" not in market.notes  # it has the name of the field
    assert market.notes == ("volume is 'volCcy': 'volume' is not in coins",)
    with pytest.raises(InputError, match=r"'volCcyQuote' / \('volume' x close\) is 0\.01, .*contract_size=0\.01"):
        Market.from_frame(okx.drop(columns="volCcy"))
    gate = case("07b_gate_contracts.csv")
    with pytest.raises(InputError, match=r"'sum' / \('volume' x close\) is 0\.0001, .*contract_size=0\.0001"):
        Market.from_frame(gate)
    found = Market.from_frame(gate, volume_unit="contracts", contract_size=0.0001).candles["volume"]
    np.testing.assert_allclose(found.iloc[:3], [32.8, 182.65, 182.01])


def test_10_sides_of_bybit_are_the_positions(case: Callable[..., pd.DataFrame]) -> None:
    table = case("10_bybit_liquidations.csv")
    candles = bars(price=96_600.0)
    market = Market.from_frame(candles, symbol="BTCUSDT", exchange="bybit", liquidations=table)
    assert market.liquidations["side"].tolist() == ["long", "short"]
    other = Market.from_frame(candles, symbol="BTCUSDT", exchange="binance", liquidations=table)
    assert other.liquidations["side"].tolist() == ["short", "long"]
    unknown = Market.from_frame(candles, liquidations=table)
    assert any("for bybit say exchange=" in note for note in notices_of(unknown))
    assert not other.notes
    assert (side_of("Buy", "Bybit"), side_of("buy", "okx"), side_of("up", "okx")) == ("long", "short", None)


def test_15_a_column_of_longs_and_one_of_shorts(case: Callable[..., pd.DataFrame]) -> None:
    table = case("15_wide_liquidations.csv")
    candles = bars(price=96_600.0)
    found = Market.from_frame(candles, liquidations=table).liquidations
    longs = found[found["side"] == "long"]
    assert longs["notional"].tolist() == [120500.5, 0.0, 9000.0, 300.25, 0.0]
    assert found["notional"].sum() == pytest.approx(120500.5 + 4400.1 + 9000.0 + 300.25 + 980.0)
    assert found[["price", "quantity"]].isna().all(axis=None)
    coinalyze = table.set_axis(["t", "l", "s"], axis=1)
    assert Market.from_frame(candles, liquidations=coinalyze).liquidations.equals(found)  # more coins than were traded
    coins = coinalyze.assign(l=coinalyze["l"] / 96_600, s=coinalyze["s"] / 96_600)
    again = Market.from_frame(candles, liquidations=coins).liquidations
    np.testing.assert_allclose(again["notional"], found["notional"], rtol=0.02)
    with pytest.raises(InputError, match="long_usd and short_usd, or long_coins and short_coins"):
        Market.from_frame(bars(price=1.0, volume=1e6), liquidations=coinalyze.assign(l=10.0, s=20.0))


def test_18_volume_of_zero_is_said(case: Callable[..., pd.DataFrame]) -> None:
    market = Market.from_frame(case("18_zero_volume.csv"))
    assert "volume is 0 in all candles: nothing to estimate" in notices_of(market)
    assert "nothing to estimate" in repr(market)
    hm = lw.LiquidationHeatmap(market)
    assert hm.density.values.sum() == 0
    hm.close()


# Other cases of the same kinds


def test_a_second_quantity_that_agrees_says_nothing() -> None:
    frame = bars()
    for name in ("quote_volume", "turnover", "Quote asset volume", "volCcyQuote", "amount", "Volume USDT", "sum"):
        market = Market.from_frame(frame.assign(**{name: frame["volume"] * typical(frame)}))
        assert market.notes == ()
        assert market.ignored == (name,)
        np.testing.assert_array_equal(market.candles["volume"], frame["volume"])
    for name, values in {"amount": np.arange(60) % 7 + 1.0, "value": 3.0, "sum": "x", "quote_volume": 1.0}.items():
        assert Market.from_frame(frame.assign(**{name: values})).notes == ()


def test_huobi_names_the_quote_volume_vol() -> None:
    frame = bars()
    huobi = frame.rename(columns={"volume": "amount"}).assign(vol=frame["volume"] * typical(frame))
    market = Market.from_frame(huobi)
    np.testing.assert_array_equal(market.candles["volume"], frame["volume"])
    assert market.notes == ("volume is 'amount': 'volume' is not in coins",)


def test_a_table_with_quote_volume_alone() -> None:
    frame = bars()
    market = Market.from_frame(frame.assign(quote_volume=frame["volume"] * typical(frame)).drop(columns="volume"))
    np.testing.assert_allclose(market.candles["volume"], frame["volume"])
    assert market.notes == ("volume is 'quote_volume' / price",)


@pytest.mark.parametrize("factor", [100, 1_000, 10_000, 60_000, 1 / 100, 1 / 10_000])
@pytest.mark.parametrize("row", [5, 30, 55])
def test_a_jump_of_volume_at_one_row_is_refused(factor: float, row: int) -> None:
    frame = bars()
    frame.loc[row:, "volume"] *= factor
    with pytest.raises(InputError, match=r"volume must have one unit in all rows; from 2025-02-01 0"):
        Market.from_frame(frame)
    assert Market.from_frame(frame, volume_unit="coins").notes == ()


def test_a_real_burst_is_taken() -> None:
    frame = bars(200)
    rows = slice(120, 160)
    for name, sign in (("high", 1), ("low", -1)):
        frame.loc[rows, name] *= 1 + sign * 0.02
    frame.loc[rows, "volume"] *= 100
    assert len(Market.from_frame(frame)) == 200


def test_open_interest_that_was_not_taken_is_named() -> None:
    frame = bars()
    interest = 80_000 + np.cumsum(np.random.default_rng(0).normal(0, 5, 60))
    market = Market.from_frame(frame.assign(oi_usd=interest * frame["close"]))
    assert any("not taken as open interest: 'oi_usd'" in note for note in notices_of(market))
    both = frame.assign(sum_open_interest=interest, sum_open_interest_value=interest * frame["close"])
    assert Market.from_frame(both).notes == ()
    assert "open_interest" in Market.from_frame(both).candles


def test_zeros_at_the_ends_of_open_interest_are_said() -> None:
    interest = 80_000 + np.cumsum(np.random.default_rng(0).normal(0, 5, 60))
    interest[:2], interest[-1] = 0, 0
    market = Market.from_frame(bars(open_interest=interest))
    assert market.candles["open_interest"].isna().sum() == 2
    assert market.notes == ("open interest is 0 in 3 of the first and last candles: taken as unknown",)


@pytest.mark.parametrize(
    ("symbol", "exchange", "unit"),
    [
        ("BTCUSD", "bybit", 1.0),
        ("XBTUSD", "bitmex", 1.0),
        ("BTCUSD_PERP", "binance", 100.0),
        ("BTC-USD-SWAP", "okx", 100.0),
    ],
)
def test_liquidations_of_inverse_contracts_are_usd(symbol: str, exchange: str, unit: float) -> None:
    table = pd.DataFrame({"time": ["2025-02-01 01:00"], "side": "Sell", "price": 60_000.0, "qty": 3_000.0})
    market = Market.from_frame(bars(), symbol, exchange, table)
    row = market.liquidations.iloc[0]
    assert (row["notional"], row["quantity"]) == (3_000 * unit, 3_000 * unit / 60_000)
    assert any("(inverse)" in note for note in market.notes)
    with pytest.raises(InputError, match="Pass exchange="):
        Market.from_frame(bars(), "BTCUSD", "", table)
    spot = Market.from_frame(bars(), "BTC-USD", "coinbase", table.assign(qty=0.5)).liquidations
    assert spot["notional"].iloc[0] == 30_000


def test_liquidations_of_more_than_was_traded_are_refused() -> None:
    table = pd.DataFrame({"time": ["2025-02-01 01:00"], "side": "Sell", "price": 60_000.0, "qty": 30_000.0})
    with pytest.raises(InputError, match=r"quantity in coins; got .* times what was traded"):
        Market.from_frame(bars(), "BTCUSDT", "binance", table)


def test_liquidation_columns_beside_candles() -> None:
    frame = bars(long_liquidations_usd=1_000.0, short_liquidations_usd=[np.nan, *[50.0] * 59])
    market = Market.from_frame(frame)
    assert market.liquidations.groupby("side")["notional"].sum().to_dict() == {"long": 60_000.0, "short": 2_950.0}
    assert any("liquidations of 'long_liquidations_usd' and" in note for note in market.notes)
    doubtful = bars(price=1.0, long_liq=2.0, short_liq=1.0)
    market = Market.from_frame(doubtful)
    assert market.liquidations is None
    assert any("not taken as liquidations: 'long_liq' and 'short_liq'" in note for note in notices_of(market))
    assert Market.from_frame(bars(long_short_ratio=1.0, long_account=0.6, short_account=0.4)).liquidations is None


def test_several_symbols_of_candles_are_refused() -> None:
    frame = bars(symbol=["BTCUSDT", "ETHUSDT"] * 30)
    with pytest.raises(InputError, match=r"rows of one symbol; got 'BTCUSDT', 'ETHUSDT'"):
        Market.from_frame(frame)
    with pytest.raises(InputError, match=r"symbol: wanted that of the table, 'ETHUSDT'; got 'BTCUSDT'"):
        Market.from_frame(bars(symbol="ETHUSDT"), symbol="BTCUSDT")
    assert Market.from_frame(bars(symbol="BTC/USDT:USDT"), symbol="BTCUSDT").symbol == "BTCUSDT"


def test_no_symbol_and_the_quote_currency() -> None:
    market = Market.from_frame(bars())
    assert (market.symbol, "BTC" in repr(market)) == ("", False)
    assert not any("not USD" in text for text in notices_of(market))
    for symbol in ("ETCBTC", "ETC/BTC"):
        coins = Market.from_frame(bars(price=0.05), symbol=symbol)
        assert "amounts are in BTC, not USD" in notices_of(coins)


@pytest.mark.parametrize(
    ("symbol", "base", "quote"),
    [
        ("BTCUSDT", "BTC", "USDT"),
        ("XBTUSD", "BTC", "USD"),
        ("BINANCE:BTCUSDT.P", "BTC", "USDT"),
        ("BTC/USD:BTC", "BTC", "USD"),
        ("BTC-USDT-SWAP", "BTC", "USDT"),
        ("KRW-BTC", "BTC", "KRW"),
        ("1000PEPEUSDT", "1000PEPE", "USDT"),
        ("DOTUSD", "DOT", "USD"),
        ("WBTC", "WBTC", ""),
        ("tBTCUSD", "BTC", "USD"),
        ("BTC", "BTC", ""),
        ("", "", ""),
        ("比特币", "比特币", ""),
    ],
)
def test_symbols(symbol: str, base: str, quote: str) -> None:
    assert (instrument(symbol).base, instrument(symbol).quote) == (base, quote)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"volume_unit": "usd"}, "volume_unit: wanted 'coins', 'quote' or 'contracts'; got 'usd'"),
        ({"open_interest_unit": 1}, "open_interest_unit: wanted"),
        ({"volume_unit": "contracts"}, "contract_size: wanted the coins in one contract"),
        ({"volume_unit": "contracts", "contract_size": -1}, "contract_size: wanted a number above 0; got -1"),
        ({"contract_size": 0.01}, "contract_size: wanted it with volume_unit='contracts'"),
    ],
)
def test_units_are_checked(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        Market.from_frame(bars(), **options)


def test_appended_candles_are_in_the_unit_of_the_first() -> None:
    frame = bars(80)
    usd = frame.assign(volume=frame["volume"] * typical(frame))
    market = Market.from_frame(usd.iloc[:70], volume_unit="quote").append(usd.iloc[70:])
    np.testing.assert_allclose(market.candles["volume"], frame["volume"])
    with pytest.raises(InputError, match="one unit in all rows"):
        Market.from_frame(frame.iloc[:70]).append(usd.iloc[70:])
    live = Market.from_frame(usd.iloc[:70], volume_unit="quote").append(frame.iloc[70:], volume_unit="coins")
    np.testing.assert_allclose(live.candles["volume"], frame["volume"])
    assert live.append(usd.iloc[79:]).candles["volume"].iloc[-1] == pytest.approx(frame["volume"].iloc[-1])


def test_assigned_liquidations_follow_the_market() -> None:
    market = Market.from_frame(bars(), "BTCUSDT", "bybit")
    hm = lw.LiquidationHeatmap(market)
    times = [market.candles.index[3], market.candles.index[4]]
    hm.liquidations = pd.DataFrame(
        {"time": times, "symbol": ["BTCUSDT", "ETHUSDT"], "side": "Buy", "price": [60_000.0, 2_000.0], "size": 0.5}
    )
    assert hm.liquidations["side"].tolist() == ["long"]
    hm.add_liquidations(pd.DataFrame({"time": times[:1], "side": "Sell", "price": 60_000.0, "size": 0.5}))
    assert hm.liquidations["side"].tolist() == ["long", "short"]
    hm.close()
