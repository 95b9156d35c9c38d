"""The simulated market: its truth adds up, its script is in it, and it never passes for a real one."""

import time
from dataclasses import FrozenInstanceError
from typing import Any

import numpy as np
import pandas as pd
import pytest

from liqwidget import InputError, liquidation_price, load_sample
from liqwidget.simulation.sample import SimulatedMarket, simulate_market

STEP = pd.Timedelta("5m")
CRASH = 1603  # first candle of the scripted cascade


@pytest.fixture(scope="module", params=[7, 1, 2, 6])
def simulated(request: pytest.FixtureRequest) -> SimulatedMarket:
    return simulate_market(request.param)


@pytest.fixture(scope="module")
def sample() -> SimulatedMarket:
    return simulate_market()


def open_at_close(positions: Any, candle_time: Any) -> Any:
    """Positions standing when the candle that opened at ``candle_time`` closed."""
    return positions[(positions.opened <= candle_time) & ~(positions.ended <= candle_time)]


def test_same_seed_same_market_other_seed_another(sample: SimulatedMarket) -> None:
    again, other = simulate_market(7), simulate_market(8)
    pd.testing.assert_frame_equal(sample.market.candles, again.market.candles)
    pd.testing.assert_frame_equal(sample.market.liquidations, again.market.liquidations)
    pd.testing.assert_frame_equal(sample.positions, again.positions)
    assert (sample.market.candles["close"] != other.market.candles["close"]).mean() > 0.9


def test_shape_and_label(sample: SimulatedMarket) -> None:
    market = sample.market
    assert market.simulated is True
    assert market.exchange == "simulated"
    assert "SIM" in market.symbol
    assert sample.positions.attrs["simulated"] is True
    assert market.candles.index.name == "time"
    assert (np.diff(market.candles.index) == STEP).all()
    assert market.candles.shape == (2016, 9)
    assert set(market.candles) == {
        "open", "high", "low", "close", "volume",
        "taker_buy_volume", "open_interest", "funding_rate", "long_short_ratio",
    }  # fmt: skip
    assert not market.candles.isna().any(axis=None)
    assert list(market.liquidations) == ["time", "side", "price", "quantity", "notional"]
    assert list(sample.positions) == [
        "opened", "side", "leverage", "entry", "size", "liquidation_price", "ended", "outcome",
    ]  # fmt: skip
    with pytest.raises(FrozenInstanceError):
        sample.market = None  # type: ignore[misc, assignment]


def test_load_sample_is_the_default_week_and_instant_the_second_time(sample: SimulatedMarket) -> None:
    pd.testing.assert_frame_equal(load_sample().candles, sample.market.candles)
    assert load_sample().simulated is True
    assert load_sample() is load_sample()


def test_a_week_is_quick_beside_plain_python() -> None:
    ratios = []
    for _ in range(3):
        begin = time.perf_counter()
        sum(i * i % 7 for i in range(2_000_000))
        middle = time.perf_counter()
        simulate_market()
        ratios.append((time.perf_counter() - middle) / (middle - begin))
    assert min(ratios) < 2.5


def test_candles_are_well_formed_on_the_tick(simulated: SimulatedMarket) -> None:
    c = simulated.market.candles
    assert (c["low"] <= c[["open", "close"]].min(axis=1)).all()
    assert (c["high"] >= c[["open", "close"]].max(axis=1)).all()
    assert (c["open"].to_numpy()[1:] == c["close"].to_numpy()[:-1]).all()
    prices = c[["open", "high", "low", "close"]].to_numpy()
    np.testing.assert_array_equal(prices, np.round(prices, 1))
    assert ((c["taker_buy_volume"] >= 0) & (c["taker_buy_volume"] <= c["volume"])).all()
    assert (c["volume"] > 0).all()


def test_range_trend_cascade_and_recovery_are_in_it(simulated: SimulatedMarket) -> None:
    c, lost = simulated.market.candles, simulated.market.liquidations
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
    assert longs > 0.25 * lost["notional"][lost["side"] == "long"].sum()  # of the week's, in 1 % of the week

    bottom = c["low"].iloc[CRASH : CRASH + 36].min()
    later = c["close"].iloc[CRASH + 36 :].max()
    assert (later - bottom) / (fall["open"].iloc[0] - bottom) > 0.25


def test_statistics_are_those_of_bitcoin(simulated: SimulatedMarket) -> None:
    c = simulated.market.candles
    moves = np.log(c["close"]).diff().dropna()
    spread = np.log(c["high"] / c["low"])
    assert 0.015 < moves.std() * np.sqrt(288) < 0.03
    assert moves.kurt() > 3  # fat tails
    assert abs(moves.autocorr(1)) < 0.2  # no direction to read from the last candle
    assert moves.abs().autocorr(1) > 0.2  # volatility clusters
    assert moves.abs().autocorr(12) > 0.1
    assert 0.4 < ((c["close"] - c["open"]).abs() / (c["high"] - c["low"])).mean() < 0.6  # wicks
    assert np.corrcoef(spread, c["volume"])[0, 1] > 0.7
    assert 400 < c["volume"].mean() < 1500
    assert 4000 < c["volume"].max() < 16_000
    by_hour = c["volume"].groupby(c.index.hour).median()
    assert by_hour[13:17].mean() > 1.5 * by_hour[3:7].mean()
    assert 80_000 < c["open_interest"].min() <= c["open_interest"].max() < 100_000


def test_open_interest_is_the_sum_of_either_side(simulated: SimulatedMarket) -> None:
    candles = simulated.market.candles
    for row in [0, 1, 31, 32, 33, 500, CRASH, CRASH + 6, CRASH + 12, 2015]:
        standing = open_at_close(simulated.positions, candles.index[row])
        sides = standing.groupby("side")["size"].sum()
        accounts = standing["side"].value_counts()
        assert sides["long"] == pytest.approx(candles["open_interest"].iloc[row], rel=1e-9)
        assert sides["short"] == pytest.approx(candles["open_interest"].iloc[row], rel=1e-9)
        assert candles["long_short_ratio"].iloc[row] == pytest.approx(accounts["long"] / accounts["short"])


def test_volume_holds_every_opening_and_closing(simulated: SimulatedMarket) -> None:
    candles, p = simulated.market.candles, simulated.positions
    opened = p.groupby(["opened", "side"])["size"].sum().unstack().reindex(candles.index)
    ended = p.groupby(["ended", "side"])["size"].sum().unstack().reindex(candles.index).fillna(0.0)
    buys, sells = opened["long"] + ended["short"], opened["short"] + ended["long"]
    np.testing.assert_allclose(buys, sells, rtol=1e-7)
    churn = candles["volume"] / buys - 1
    assert churn.min() > 0
    assert 0.25 < churn.mean() < 0.4


def test_positions_are_sound(simulated: SimulatedMarket) -> None:
    p, start = simulated.positions, simulated.market.candles.index[0]
    assert (p["size"] > 0).all()
    assert p["opened"][p["opened"] >= start].is_monotonic_increasing
    assert (p["ended"] > p["opened"]).equals(p["outcome"] != "open")
    assert (p["ended"].isna() == (p["outcome"] == "open")).all()
    for side in ("long", "short"):
        mine = p[p["side"] == side]
        wanted = liquidation_price(mine["entry"].to_numpy(), mine["leverage"].to_numpy(), side)
        np.testing.assert_allclose(mine["liquidation_price"], wanted, rtol=1e-12)
    new = p[p["opened"] >= start]
    ranges = simulated.market.candles.loc[new["opened"]]
    assert ((new["entry"].to_numpy() >= ranges["low"]) & (new["entry"].to_numpy() <= ranges["high"])).all()


def test_liquidated_were_crossed_when_they_ended_and_the_others_never(simulated: SimulatedMarket) -> None:
    candles, p = simulated.market.candles, simulated.positions
    low, high = candles["low"].to_numpy(), candles["high"].to_numpy()
    born = candles.index.get_indexer(p["opened"])  # -1: before the first candle
    died = candles.index.get_indexer(p["ended"])  # -1: never
    long, level = (p["side"] == "long").to_numpy(), p["liquidation_price"].to_numpy()

    lost = (p["outcome"] == "liquidated").to_numpy()
    assert lost.sum() > 500
    assert np.where(long, low[died] <= level, high[died] >= level)[lost].all()

    # Exposed from the candle after opening until, and for those liquidated without, the one of the end.
    last = np.where(died < 0, len(candles) - 1, died - lost)
    for at in range(0, len(p), 7):
        a, b = born[at] + 1, last[at] + 1
        if a < b:
            assert low[a:b].min() > level[at] if long[at] else high[a:b].max() < level[at]


def test_realised_liquidations_are_the_liquidated_positions(simulated: SimulatedMarket) -> None:
    events = simulated.market.liquidations
    lost = simulated.positions[simulated.positions["outcome"] == "liquidated"]
    assert len(events) == len(lost)
    for side in ("long", "short"):
        mine, truth = events[events["side"] == side], lost[lost["side"] == side]
        np.testing.assert_allclose(mine["notional"].sum(), (truth["size"] * truth["liquidation_price"]).sum())
        np.testing.assert_allclose(mine["quantity"].sum(), truth["size"].sum())
        by_candle = mine.groupby("time")["notional"].sum()
        wanted = (truth["size"] * truth["liquidation_price"]).groupby(truth["ended"]).sum()
        np.testing.assert_allclose(by_candle, wanted)
        assert (by_candle.index == wanted.index).all()


def test_leverage_mix_is_the_share_of_what_opens() -> None:
    mix: dict[float, float] = {4: 60, 8: 10, 40: 30}
    p = simulate_market(3, leverage_mix=mix).positions
    new = p[p["opened"] >= p["ended"].min()]
    notional = (new["size"] * new["entry"]).groupby(new["leverage"]).sum()
    np.testing.assert_allclose(notional / notional.sum(), [0.6, 0.1, 0.3], atol=0.015)
    held = (p["ended"] - p["opened"])[p["outcome"] == "closed"].groupby(p["leverage"]).mean()
    assert held[4] > held[8] > held[40]


@pytest.mark.parametrize(
    ("candles", "interval", "hours"), [(100, "4h", 4.0), (300, "1h", 1.0), (400, "15m", 0.25), (200, "1m", 1 / 60)]
)
def test_other_lengths_and_intervals(candles: int, interval: str, hours: float) -> None:
    made = simulate_market(5, candles, interval, "2025-06-01T06:00+02:00", 6, price=100.0, open_interest=1e6)
    index = made.market.candles.index
    assert len(index) == candles
    assert index[0] == pd.Timestamp("2025-06-01T04:00Z")
    assert index[1] - index[0] == pd.Timedelta(hours=hours)
    standing = open_at_close(made.positions, index[-1])["size"].sum()
    assert standing == pytest.approx(2 * made.market.candles["open_interest"].iloc[-1])


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"candles": 99}, "candles: wanted a whole number >= 100; got 99"),
        ({"candles": 200.5}, "candles: wanted a whole number"),
        ({"traders_per_candle": float("nan")}, "traders_per_candle: wanted a number >= 4; got nan"),
        ({"price": -1.0}, "price: "),
        ({"price": "dear"}, "price: .* got dear"),
        ({"open_interest": float("inf")}, "open_interest: "),
        ({"interval": "5min"}, "interval: wanted .* got '5min'"),
        ({"interval": "6h"}, "interval: "),
        ({"interval": 5}, "interval: "),
        ({"start": "soon"}, "start: wanted a time .* got 'soon'"),
        ({"start": None}, "start: "),
        ({"leverage_mix": {10: -1}}, "leverage_mix: "),
        ({"leverage_mix": {300: 1}}, "300"),
    ],
)
def test_unusable_arguments_are_named(bad: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        simulate_market(**bad)
