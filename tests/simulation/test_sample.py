"""The bundled sample: reproduced by its script, with its scripted events, and never mistaken for a real market."""

import time
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

import liqwidget as lw
from liqwidget import Market
from liqwidget.simulation.sample import is_sample, load_sample

ROOT = Path(__file__).resolve().parents[2]
STEP = pd.Timedelta("5m")
CRASH = 1603  # first candle of the scripted cascade


@pytest.fixture(scope="module")
def sample() -> Market:
    return load_sample()


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = spec_from_file_location("make_sample", ROOT / "scripts" / "make_sample.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_script_makes_the_file(script: ModuleType) -> None:
    made = script.make()
    with np.load(script.FILE) as stored:
        assert sorted(stored) == sorted(made)
        for name, values in made.items():
            assert values.dtype == stored[name].dtype
            # Processors may differ in the last bit of exp and log; prices are rounded to ticks.
            np.testing.assert_allclose(values, stored[name], rtol=1e-9)


def test_the_file_is_the_market(script: ModuleType, sample: Market) -> None:
    with np.load(script.FILE) as stored:
        for name in sample.candles:
            np.testing.assert_array_equal(sample.candles[name], stored[name])
        for name in ("price", "quantity"):
            np.testing.assert_array_equal(sample.liquidations[name], stored[f"liquidation_{name}"])


def test_shape_and_label(sample: Market) -> None:
    market = sample
    assert market.simulated is True
    assert market.exchange == "simulated"
    assert "SIM" in market.symbol
    assert market.candles.index.name == "time"
    assert (np.diff(market.candles.index) == STEP).all()
    assert market.candles.shape == (2016, 9)
    assert set(market.candles) == {
        "open", "high", "low", "close", "volume",
        "taker_buy_volume", "open_interest", "funding_rate", "long_short_ratio",
    }  # fmt: skip
    assert not market.candles.isna().any(axis=None)
    assert list(market.liquidations) == ["time", "side", "price", "quantity", "notional"]


def test_it_is_read_once_and_quickly(sample: Market) -> None:
    assert load_sample() is sample
    begin = time.perf_counter()
    sum(i * i % 7 for i in range(2_000_000))
    middle = time.perf_counter()
    load_sample.__wrapped__()
    assert time.perf_counter() - middle < middle - begin


def test_candles_are_well_formed_on_the_tick(sample: Market) -> None:
    c = sample.candles
    assert (c["low"] <= c[["open", "close"]].min(axis=1)).all()
    assert (c["high"] >= c[["open", "close"]].max(axis=1)).all()
    assert (c["open"].to_numpy()[1:] == c["close"].to_numpy()[:-1]).all()
    prices = c[["open", "high", "low", "close"]].to_numpy()
    np.testing.assert_array_equal(prices, np.round(prices, 1))
    assert ((c["taker_buy_volume"] >= 0) & (c["taker_buy_volume"] <= c["volume"])).all()
    assert (c["volume"] > 0).all()


def test_range_trend_cascade_and_recovery_are_in_it(sample: Market) -> None:
    c, lost = sample.candles, sample.liquidations
    first, rally = c.iloc[: round(0.31 * 2016)], c.iloc[round(0.31 * 2016) : round(0.63 * 2016)]
    assert first["high"].max() / first["low"].min() < 1.06
    assert abs(first["close"].iloc[-1] / first["open"].iloc[0] - 1) < 0.02
    assert 0.04 < rally["close"].iloc[-1] / rally["open"].iloc[0] - 1 < 0.12

    fall = c.iloc[CRASH : CRASH + 18]
    assert -0.08 < fall["low"].min() / fall["open"].iloc[0] - 1 < -0.04
    assert fall["open_interest"].iloc[-1] / c["open_interest"].iloc[CRASH - 1] - 1 < -0.02
    assert fall["volume"].mean() > 4 * c["volume"].median()
    inside = lost["time"].between(fall.index[0], fall.index[-1])
    longs, shorts = (lost["notional"][inside & (lost["side"] == side)].sum() for side in ("long", "short"))
    assert longs > 5 * shorts
    assert longs > 0.25 * lost["notional"][lost["side"] == "long"].sum()  # of the week, in 1 % of it

    bottom = c["low"].iloc[CRASH : CRASH + 36].min()
    later = c["close"].iloc[CRASH + 36 :].max()
    assert (later - bottom) / (fall["open"].iloc[0] - bottom) > 0.25


def test_statistics_are_those_of_bitcoin(sample: Market) -> None:
    c = sample.candles
    moves = np.log(c["close"]).diff().dropna()
    spread = np.log(c["high"] / c["low"])
    assert 0.015 < moves.std() * np.sqrt(288) < 0.03
    assert moves.kurt() > 3  # fat tails
    assert abs(moves.autocorr(1)) < 0.2  # the last candle does not predict direction
    assert moves.abs().autocorr(1) > 0.2  # volatility clusters
    assert moves.abs().autocorr(12) > 0.1
    assert 0.4 < ((c["close"] - c["open"]).abs() / (c["high"] - c["low"])).mean() < 0.6  # wicks
    assert np.corrcoef(spread, c["volume"])[0, 1] > 0.7
    assert 400 < c["volume"].mean() < 1500
    assert 4000 < c["volume"].max() < 16_000
    by_hour = c["volume"].groupby(c.index.hour).median()
    assert by_hour[13:17].mean() > 1.5 * by_hour[3:7].mean()
    assert 80_000 < c["open_interest"].min() <= c["open_interest"].max() < 100_000


def test_each_liquidation_is_inside_its_candle(sample: Market) -> None:
    lost = sample.liquidations
    candles = sample.candles.loc[lost["time"]]
    price = lost["price"].to_numpy()
    assert len(lost) > 500
    assert ((price >= candles["low"]) & (price <= candles["high"])).all()
    by_candle = lost.groupby("time")["quantity"].sum()
    assert (by_candle <= sample.candles["volume"].loc[by_candle.index]).all()


def test_the_sample_and_runs_of_it_are_recognised_and_nothing_else(sample: Market) -> None:
    assert is_sample(sample)
    assert is_sample(sample.tail(100))
    assert not is_sample(lw.simulate(candles=100).market)
    candles = sample.candles
    candles["close"] = candles["close"].to_numpy() + np.where(np.arange(len(candles)) == 9, 0.1, 0)
    assert not is_sample(Market.from_frame(candles, sample.symbol, sample.exchange, simulated=True))
    assert not is_sample(Market.from_frame(sample.candles, sample.symbol, sample.exchange))
