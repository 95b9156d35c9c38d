"""The simulator of traders: every coin is accounted for, and a plain re-enactment of each position agrees."""

from __future__ import annotations

import time
from math import floor
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import liqwidget as lw
from liqwidget import InputError, Simulation, simulate
from liqwidget.model.grid import PriceGrid
from retelling import retell

FLOWS = ("opened", "closed", "stopped", "liquidated")

# Small and volatile, so that many things happen in few candles.
WILD: dict[str, Any] = {"candles": 120, "traders": 900, "interval": "15m", "volatility": 0.25, "holding_hours": 3.0}
HABITS: list[dict[str, Any]] = [
    {},
    {"stops": 0.4},
    {"top_ups": 0.5, "top_up_margin": 0.6},
    {"partial": 0.4},
    {"impact": 1.5},
    {"stops": 0.3, "top_ups": 0.4, "partial": 0.2, "churn": 0.4, "patience": 0.5},
    {
        "stops": 0.3,
        "impact": 1.0,
        "partial": 0.5,
        "take_over": 0.7,
        "trend_followers": 1.0,
        "contrarians": 0.0,
        "size_tail": 1.2,
    },
]


def made(seed: int = 3, **habits: Any) -> Simulation:
    return simulate(seed=seed, **{**WILD, **habits})


@pytest.mark.parametrize("contract", ["linear", "inverse"])
@pytest.mark.parametrize("habits", HABITS, ids=lambda habits: " ".join(habits) or "default")
def test_each_position_ends_as_a_plain_retelling_says(habits: dict[str, Any], contract: str) -> None:
    simulation = made(**habits, contract=contract)
    is_linear = contract == "linear"
    candles = simulation.market.candles
    times = list(candles.index)
    columns = candles.reset_index()
    grid = PriceGrid.covering(columns.low.min(), columns.high.max(), 500.0, 0.1)
    plane = np.zeros((grid.rows, len(times)))
    lost: list[tuple[int, str, float, float]] = []
    # Positions opened before the first candle have an unknown past; they are covered by the sums below.
    new = simulation.positions[simulation.positions["opened"] >= times[0]]
    for p in new.itertuples():
        stretches, outcome, end = retell(p, columns, times, habits.get("partial", 0.0), contract)
        assert (outcome, end) == (p.outcome, len(times) if pd.isna(p.ended) else times.index(p.ended)), p
        assert p.first_liquidation_price == pytest.approx(stretches[0][1])
        assert p.liquidation_price == pytest.approx(stretches[-1][1])
        last = stretches[-1][2]
        assert p.standing == pytest.approx(last if outcome == "open" else 0.0)
        assert p.liquidated == pytest.approx(p.size if outcome == "liquidated" else p.size - last)
        price = {
            "stopped": p.stop_price,
            "liquidated": stretches[-1][1],
            "closed": columns.close[min(end, len(times) - 1)],
        }
        assert p.exit_price == pytest.approx(price.get(outcome, np.nan), nan_ok=True)
        for (start, level, size), (until, _, after) in zip(
            stretches, [*stretches[1:], (end, 0.0, 0.0 if outcome == "liquidated" else stretches[-1][2])], strict=True
        ):
            row = -1 if np.isinf(level) else floor(level / 500.0) - grid.first
            if 0 <= row < grid.rows:
                plane[row, start:until] += size * p.entry if is_linear else size
            if size > after:
                lost.append((until, p.side, level, (size - after) * (1 if is_linear else 1 / level)))

    seen = simulation.market.liquidations
    known = pd.MultiIndex.from_arrays([seen["side"], seen["price"].round(6)])
    told = pd.DataFrame(lost, columns=["t", "side", "price", "quantity"])
    mine = seen[known.isin(pd.MultiIndex.from_arrays([told["side"], told["price"].round(6)]))]
    assert len(mine) == len(told) > 40
    np.testing.assert_allclose(np.sort(mine["quantity"]), np.sort(told["quantity"]), rtol=1e-9)

    old = simulation.positions[simulation.positions["opened"] < times[0]]
    truth = simulation.density(grid)
    assert truth.values.shape == plane.shape
    assert old["ended"].notna().all()
    gone = times.index(old["ended"].max())
    assert gone < len(times) - 30, "the comparison needs all older positions to have ended"
    np.testing.assert_allclose(truth.values[:, gone:], plane[:, gone:], rtol=1e-6)


@pytest.mark.slow
@given(
    seed=st.integers(0, 10_000),
    candles=st.integers(2, 60),
    crowd=st.floats(0, 1),
    stops=st.floats(0, 1),
    partial=st.sampled_from([0.0, 0.3, 0.9]),
    impact=st.sampled_from([0.0, 1.0, 5.0]),
    churn=st.floats(0, 2),
    volatility=st.floats(0.001, 0.4),
    tail=st.floats(1.1, 5),
    entries=st.sampled_from(["range", "path"]),
    price=st.sampled_from([0.003, 100.0, 84_000.0]),
    take_over=st.sampled_from([0.0, 0.5, 1.0]),
)
@settings(max_examples=40, deadline=None)
def test_every_coin_is_accounted_for(
    seed: int, candles: int, crowd: float, stops: float, partial: float, impact: float, churn: float,
    volatility: float, tail: float, entries: str, price: float,
    take_over: float,
) -> None:  # fmt: skip
    simulation = simulate(
        candles, 10 * candles, seed, interval="30m", holding_hours=4, trend_followers=crowd, contrarians=1 - crowd,
        stops=stops, top_ups=1 - stops, partial=partial, impact=impact, churn=churn, volatility=volatility,
        size_tail=tail, entries=entries, price=price, take_over=take_over, leverage_mix={5: 30, 20: 30, 100: 40},  # type: ignore[arg-type]
    )  # fmt: skip
    frame, p, flows = simulation.market.candles, simulation.positions, simulation.flows
    assert (p["opened"] >= frame.index[0]).sum() == 10 * candles
    interest = frame["open_interest"].to_numpy()
    assert (interest > 0).all()
    assert (flows.to_numpy() >= 0).all()
    scale = max(interest.max(), flows.to_numpy().max())
    for side in ("long", "short"):
        opened, *left = (flows[f"{what}_{side}"].to_numpy() for what in FLOWS)
        np.testing.assert_allclose(np.diff(interest), (opened - sum(left))[1:], atol=1e-9 * scale)
        mine = p[p["side"] == side]
        assert mine["standing"].sum() == pytest.approx(interest[-1], rel=1e-9)
        by_candle = mine["size"].groupby(mine["opened"]).sum().reindex(frame.index, fill_value=0.0)
        np.testing.assert_allclose(by_candle, opened, atol=1e-9 * scale)
        # opened = standing + closed + stopped + liquidated, position by position and together
        other = mine["size"] - mine["standing"] - mine["liquidated"]
        np.testing.assert_allclose(other[mine["outcome"].isin(["open", "liquidated"])], 0.0, atol=1e-9 * scale)
        since = mine["opened"] >= frame.index[0]
        assert opened.sum() == pytest.approx(mine.loc[since, "size"].sum(), rel=1e-9)
        lost = simulation.market.liquidations
        lost = lost[lost["side"] == side].groupby("time")["quantity"].sum().reindex(frame.index, fill_value=0.0)
        np.testing.assert_allclose(lost, flows[f"liquidated_{side}"], atol=1e-9 * scale)
    # Buys equal sells; volume is the amount traded.
    buys = flows["opened_long"] + flows["closed_short"] + flows["stopped_short"] + flows["liquidated_short"]
    sells = flows["opened_short"] + flows["closed_long"] + flows["stopped_long"] + flows["liquidated_long"]
    np.testing.assert_allclose(buys, sells, atol=1e-9 * scale)
    np.testing.assert_allclose(frame["volume"] * simulation.turnover, buys, atol=1e-9 * scale)
    taken = frame["taker_buy_volume"]
    assert ((taken >= flows["liquidated_short"]) & (taken <= frame["volume"])).all()
    # What the model assumes as opened on each side is the mean of both sides.
    change = np.diff(interest)
    model = (simulation.turnover * frame["volume"].to_numpy()[1:] + change) / 2
    mean = ((flows["opened_long"] + flows["opened_short"]) / 2).to_numpy()[1:]
    np.testing.assert_allclose(model, mean, atol=1e-9 * scale)
    # The density holds the standing positions.
    truth = simulation.density(float(frame["close"].iloc[0]) / 50, [candles - 1])
    standing = (p["standing"] * p["entry"]).groupby(p["side"]).sum()
    for side in ("long", "short"):
        assert getattr(truth, f"standing_{side}")[-1] == pytest.approx(standing[side], rel=1e-9)
        seen = truth.profile()[side].sum() + getattr(truth, f"outside_{side}")[-1]
        assert seen == pytest.approx(standing[side], rel=1e-9)
    assert (frame["low"] <= frame[["open", "close"]].min(axis=1)).all()
    assert (frame["high"] >= frame[["open", "close"]].max(axis=1)).all()
    assert (p["entry"].to_numpy() > 0).all()


def test_same_seed_same_market_other_seed_another() -> None:
    one, again, other = made(5), made(5), made(6)
    pd.testing.assert_frame_equal(one.market.candles, again.market.candles)
    pd.testing.assert_frame_equal(one.positions, again.positions)
    pd.testing.assert_frame_equal(one.market.liquidations, again.market.liquidations)
    assert (one.market.candles["close"] != other.market.candles["close"]).mean() > 0.9


def test_the_default_traders_do_what_the_model_assumes() -> None:
    simulation = simulate(seed=4)
    assert simulation.market.simulated
    p, candles = simulation.positions, simulation.market.candles
    new = p[p["opened"] >= candles.index[0]]
    assert len(new) == 20 * len(candles)
    # Entries are distributed evenly over the candle's range.
    at = candles.loc[new["opened"]]
    place = (new["entry"].to_numpy() - at["low"].to_numpy()) / (at["high"] - at["low"]).to_numpy()
    np.testing.assert_allclose(np.quantile(place, [0.1, 0.5, 0.9]), [0.1, 0.5, 0.9], atol=0.015)
    # Closing: positions far from liquidation decline by exp(-rate * hours).
    calm = new[(new["leverage"] <= 5) & (new["opened"] < candles.index[600])]
    hours = (calm["ended"] - calm["opened"]).dt.total_seconds().fillna(np.inf) / 3600
    for after in (5, 20, 50):
        assert (hours > after).mean() == pytest.approx(np.exp(-simulation.decay_rate * after), abs=0.02)
    # The mix is in shares of notional; sizes are heavy-tailed.
    shares = new["notional"].groupby(new["leverage"]).sum() / new["notional"].sum()
    np.testing.assert_allclose(shares * 100, list(simulation.leverage_mix.values()), atol=1.0)
    assert new["size"].nlargest(400).sum() > 0.04 * new["size"].sum()
    assert lw.auto_decay_rate(simulation.market) == pytest.approx(simulation.decay_rate, rel=0.2)
    # Both sides are equal, and open interest is at the requested level.
    assert 0.9 < len(new[new["side"] == "long"]) / len(new[new["side"] == "short"]) < 1.1
    assert candles["open_interest"].mean() == pytest.approx(90_000, rel=0.15)


def test_crowds_follow_and_oppose_the_last_hours() -> None:
    simulation = simulate(seed=8, trend_followers=0.4, contrarians=0.4)
    p, close = simulation.positions, simulation.market.candles["close"]
    rose = (close / close.shift(48)).shift(1) > 1.01
    fell = (close / close.shift(48)).shift(1) < 0.99
    for crowd, low, high in (("trend", 0.15, 0.85), ("contrarian", 0.85, 0.15), ("noise", 0.5, 0.5)):
        mine = p[(p["crowd"] == crowd) & (p["opened"] >= close.index[0])]
        after_fall, after_rise = (
            (mine["side"] == "long")[moved.reindex(mine["opened"]).to_numpy()].mean() for moved in (fell, rose)
        )
        assert after_fall == pytest.approx(low, abs=0.15)
        assert after_rise == pytest.approx(high, abs=0.15)


def test_on_the_path_newcomers_are_exposed_from_their_entry_on() -> None:
    simulation = made(entries="path", leverage_mix={10: 50, 50: 30, 100: 20})
    p, candles = simulation.positions, simulation.market.candles
    new = p[p["opened"] >= candles.index[0]]
    at = candles.loc[new["opened"]]
    assert (
        (new["entry"].to_numpy() >= at["low"].to_numpy()) & (new["entry"].to_numpy() <= at["high"].to_numpy())
    ).all()
    at_once = new[(new["outcome"] == "liquidated") & (new["opened"] == new["ended"])]
    there = candles.loc[at_once["opened"]]
    long = (at_once["side"] == "long").to_numpy()
    level = at_once["liquidation_price"].to_numpy()
    reached = np.where(long, level >= there["low"].to_numpy(), level <= there["high"].to_numpy())
    assert len(at_once) > 20
    assert reached.all()
    back = np.where(long, level < there["close"].to_numpy(), level > there["close"].to_numpy())
    assert back.any(), "some must be liquidated within the candle before the price returns"
    # Positions that survive the candle are on the right side of its close.
    stays = new[(new["ended"] != new["opened"])]
    close = candles.loc[stays["opened"], "close"].to_numpy()
    assert (
        np.where(stays["side"] == "long", close - stays["liquidation_price"], stays["liquidation_price"] - close) > 0
    ).all()


def test_impact_pushes_on_until_nothing_more_is_liquidated() -> None:
    quiet, loud = (simulate(seed=2, volatility=0.05, impact=impact) for impact in (0.0, 3.0))
    lost = [made.flows[["liquidated_long", "liquidated_short"]].sum() for made in (quiet, loud)]
    assert (lost[1] > 1.15 * lost[0]).all()
    net = loud.flows["liquidated_long"] - loud.flows["liquidated_short"]
    gap = np.log(loud.market.candles["close"] / quiet.market.candles["close"])
    hardest = net.abs().nlargest(20).index
    assert (np.sign(gap[hardest]) == -np.sign(net[hardest])).all()


def test_the_push_is_the_square_root_law_of_what_was_liquidated_lately() -> None:
    common: dict[str, Any] = {"candles": 600, "traders": 12_000, "seed": 2, "volatility": 0.06, "impact_hours": 0.5}
    quiet, loud = (simulate(impact=impact, **common) for impact in (0.0, 2.0))
    index = loud.market.candles.index
    p = loud.positions
    stood = p[(p["outcome"] == "liquidated") & (p["opened"] < p["ended"])]  # newcomers' liquidations do not push
    coins_out = stood["size"] * np.where(stood["side"] == "long", 1, -1)
    net = coins_out.groupby(stood["ended"]).sum().reindex(index, fill_value=0.0).to_numpy()
    pushing, remembered = np.zeros(len(net)), 0.0
    for t, coins in enumerate(net):
        remembered = pushing[t] = remembered * np.exp(-(5 / 60) / 0.5) + coins
    day = 2 * 90_000 / 30 * 24
    expected = -np.sign(pushing) * 2.0 * 0.06 * np.sqrt(np.abs(pushing) / day)
    gap = np.log(loud.market.candles["close"] / quiet.market.candles["close"]).to_numpy()
    assert (net != 0).sum() > 50
    # Liquidations before the first candle are forgotten after a few hours.
    np.testing.assert_allclose(gap[120:], expected[120:], atol=1e-5)


def test_a_density_reads_like_an_estimate_s() -> None:
    simulation = made()
    ledger = lw.build_ledger(simulation.market, list(simulation.leverage_mix), 250.0)
    truth = simulation.density(ledger)
    assert truth.values.dtype == np.float32
    assert truth.values.shape == (ledger.grid.rows, len(ledger))
    assert (truth.time == ledger.time).all()
    some = simulation.density(ledger.replay(0.1), [3, 77, 119])
    np.testing.assert_array_equal(some.values, truth.values[:, [3, 77, 119]])
    profile = truth.profile(77)
    np.testing.assert_allclose(profile["long"] + profile["short"], truth.values[:, 77], rtol=1e-6)
    np.testing.assert_allclose(truth.column(77), some.column(1))
    assert profile["cumulative_short"].iloc[-1] == pytest.approx(profile["short"].sum())
    assert list(profile) == list(ledger.replay(0.1, [1] * 6).profile())
    assert len(truth.clusters(77)) > 0
    assert "known" in repr(truth)
    assert "open" in repr(simulation)
    assert "decayed_long" not in dir(truth)
    for name in ("decayed", "decayed_long"):
        with pytest.raises(AttributeError, match="has no flows; they are in Simulation"):
            getattr(truth, name)


def test_rows_that_all_have_left_are_exactly_empty() -> None:
    simulation = made(size_tail=1.1)
    truth = simulation.density(100.0)
    counts = np.zeros(truth.values.shape, dtype=int)
    candles = simulation.market.candles
    index = {moment: t for t, moment in enumerate(candles.index)}
    for p in simulation.positions.itertuples():
        row = floor(p.liquidation_price / 100.0) - truth.grid.first
        if 0 <= row < truth.grid.rows:
            counts[row, index.get(p.opened, 0) : index.get(p.ended, len(candles))] += 1
    assert ((counts == 0) == (truth.values == 0)).all()


def test_a_large_market_takes_no_longer_than_plain_python_to_count() -> None:
    ratios = []
    for _ in range(3):
        begin = time.process_time()
        sum(i * i % 7 for i in range(1_000_000))
        middle = time.process_time()
        simulate(1_000, 20_000)
        ratios.append((time.process_time() - middle) / (middle - begin))
    assert min(ratios) < 8.0


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"candles": 1}, "candles: wanted a whole number from 2 to 1,000,000; got 1"),
        ({"candles": 10.5}, "candles: "),
        ({"traders": 100}, "traders: wanted a whole number from 240"),
        ({"traders": 2_000_000, "holding_hours": 2_000}, "traders: wanted at most 50,000,000.* Use fewer traders"),
        ({"seed": -1}, "seed: "),
        ({"seed": True}, "seed: "),
        ({"interval": "5min"}, "interval: "),
        ({"start": "soon"}, "start: wanted a date or time; got 'soon'"),
        ({"start": None}, "start: "),
        ({"price": 0.0}, "price: "),
        ({"leverage_mix": {300: 1}}, "300"),
        ({"stops": 1.5}, "stops: wanted a number from 0 to 1; got 1.5"),
        ({"stops": 0.6, "top_ups": 0.6}, "stops, top_ups: wanted shares that add up to 1 at most; got 1.2"),
        ({"trend_followers": 0.8}, "trend_followers, contrarians: "),
        ({"size_tail": 1.0}, "size_tail: "),
        ({"partial": 1.0}, "partial: "),
        ({"impact": float("nan")}, "impact: "),
        ({"entries": "everywhere"}, "entries: wanted 'range' or 'path'; got 'everywhere'"),
    ],
)
def test_unusable_arguments_are_named(bad: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        made(**bad)


def test_a_density_that_is_too_large_is_refused() -> None:
    with pytest.raises(InputError, match="Use a larger bin_size"):
        simulate(6_000, 12_000, holding_hours=1).density(1.0)
    with pytest.raises(InputError, match="columns: "):
        made().density(100.0, [5, 4])
    with pytest.raises(InputError, match="bin_size: "):
        made().density("wide")  # type: ignore[arg-type]
