"""Simulated inverse markets: what stays the same of a position are its USD, and margin is in coins."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import liqwidget as lw
from liqwidget import InputError, Simulation, simulate

FLOWS = ("opened", "closed", "stopped", "liquidated")
WILD: dict[str, Any] = {"candles": 120, "traders": 900, "interval": "15m", "volatility": 0.25, "holding_hours": 3.0}


def made(seed: int = 3, **habits: Any) -> Simulation:
    return simulate(seed=seed, contract="inverse", **{**WILD, **habits})


def test_the_market_is_that_of_an_inverse_contract() -> None:
    market = made().market
    assert (market.contract, market.contract_size, market.symbol) == ("inverse", 1.0, "BTCUSD-SIM")
    assert market.simulated
    assert "inverse" in repr(market)
    mean = simulate(seed=4, contract="inverse").market.candles["open_interest"].mean()
    assert mean == pytest.approx(90_000, rel=0.2)  # coins, like those of a linear market


@pytest.mark.slow
@given(
    seed=st.integers(0, 10_000),
    candles=st.integers(2, 60),
    stops=st.floats(0, 1),
    partial=st.sampled_from([0.0, 0.3, 0.9]),
    impact=st.sampled_from([0.0, 1.0, 5.0]),
    churn=st.floats(0, 2),
    volatility=st.floats(0.001, 0.4),
    entries=st.sampled_from(["range", "path"]),
    price=st.sampled_from([0.003, 100.0, 84_000.0]),
    take_over=st.sampled_from([0.0, 0.5, 1.0]),
)
@settings(max_examples=30, deadline=None)
def test_every_contract_is_accounted_for(
    seed: int, candles: int, stops: float, partial: float, impact: float, churn: float, volatility: float,
    entries: str, price: float, take_over: float,
) -> None:  # fmt: skip
    simulation = simulate(
        candles, 10 * candles, seed, interval="30m", holding_hours=4, stops=stops, top_ups=1 - stops, partial=partial,
        impact=impact, churn=churn, volatility=volatility, entries=entries, price=price, take_over=take_over,  # type: ignore[arg-type]
        leverage_mix={1: 20, 5: 20, 20: 30, 100: 30}, contract="inverse",
    )  # fmt: skip
    frame, p, flows = simulation.market.candles, simulation.positions, simulation.flows
    usd = (frame["open_interest"] * frame["close"]).to_numpy()
    np.testing.assert_allclose(simulation.to_frame()["open_interest"], usd)
    assert (usd > 0).all()
    scale = max(usd.max(), flows.to_numpy().max())
    for side in ("long", "short"):
        opened, *left = (flows[f"{what}_{side}"].to_numpy() for what in FLOWS)
        np.testing.assert_allclose(np.diff(usd), (opened - sum(left))[1:], atol=1e-9 * scale)
        mine = p[p["side"] == side]
        assert mine["standing"].sum() == pytest.approx(usd[-1], rel=1e-9)
        by_candle = mine["size"].groupby(mine["opened"]).sum().reindex(frame.index, fill_value=0.0)
        np.testing.assert_allclose(by_candle, opened, atol=1e-9 * scale)
        lost = simulation.market.liquidations
        lost = lost[lost["side"] == side]
        np.testing.assert_allclose(lost["quantity"] * lost["price"], lost["notional"], rtol=1e-9)
        by_candle = lost.groupby("time")["notional"].sum().reindex(frame.index, fill_value=0.0)
        np.testing.assert_allclose(by_candle, flows[f"liquidated_{side}"], atol=1e-9 * scale)
    np.testing.assert_array_equal(p["notional"], p["size"])
    np.testing.assert_allclose(p["margin"], p["size"] / p["entry"] / p["leverage"])
    # Buys equal sells; volume is the amount traded, in coins at the typical price.
    buys = flows["opened_long"] + flows["closed_short"] + flows["stopped_short"] + flows["liquidated_short"]
    sells = flows["opened_short"] + flows["closed_long"] + flows["stopped_long"] + flows["liquidated_long"]
    np.testing.assert_allclose(buys, sells, atol=1e-9 * scale)
    typical = (frame["high"] + frame["low"] + frame["close"]) / 3
    np.testing.assert_allclose(frame["volume"] * typical * simulation.turnover, buys, atol=1e-9 * scale)
    assert (frame["taker_buy_volume"] <= frame["volume"] * (1 + 1e-12)).all()
    truth = simulation.density(float(frame["close"].iloc[0]) / 50, [candles - 1])
    standing = p.groupby("side")["standing"].sum()
    for side in ("long", "short"):
        assert getattr(truth, f"standing_{side}")[-1] == pytest.approx(standing[side], rel=1e-9)
        seen = truth.profile()[side].sum() + getattr(truth, f"outside_{side}")[-1]
        assert seen == pytest.approx(standing[side], rel=1e-9)


def test_without_leverage_a_long_can_be_liquidated_and_a_short_cannot() -> None:
    p = made(leverage_mix={1: 60, 20: 40}, stops=0.3, partial=0.4).positions
    whole = p[(p["leverage"] == 1) & (p["side"] == "short")]
    assert len(whole) > 50
    assert np.isinf(whole["first_liquidation_price"]).all()
    assert set(whole["outcome"]) <= {"open", "closed"}
    longs = p[(p["leverage"] == 1) & (p["side"] == "long")]
    np.testing.assert_allclose(longs["first_liquidation_price"] / longs["entry"], 1.004 / 2)


def test_added_margin_can_cover_a_short_for_good() -> None:
    p = made(leverage_mix={10: 100}, top_ups=1.0, top_up_margin=10.0).positions
    saved = p[(p["margin_added"] > 0) & (p["side"] == "short")]
    assert len(saved) > 5
    assert np.isinf(saved["liquidation_price"]).all()
    np.testing.assert_allclose(saved["margin_added"], 10 * saved["margin"])
    assert not (saved["outcome"] == "liquidated").any()


def test_the_estimate_by_the_inverse_rule_is_nearer_to_the_truth() -> None:
    mix = {2: 30.0, 3: 40.0, 5: 30.0}
    simulation = simulate(1_500, 30_000, 5, contract="inverse", leverage_mix=mix, volatility=0.03)
    market, moments = simulation.market, [500, 900, 1_499]
    candles = market.candles
    relabelled = lw.Market.from_frame(candles, volume_unit="coins", open_interest_unit="coins", contract="linear")
    errors = []
    for one in (market, relabelled):
        grid = {"bin_size": 200.0, "span": 0.6}
        density = lw.build_ledger(one, list(mix), **grid).replay(simulation.decay_rate, weights=list(mix.values()))
        found = lw.score(density, simulation, moments).by_side()["emd"]
        errors.append(found)
    assert (errors[0] < 0.5 * errors[1]).all()
    assert errors[0]["both"] < 0.02  # of the price


def test_positions_of_one_moment_are_scored_like_their_density() -> None:
    simulation = made(leverage_mix={1: 30, 5: 30, 10: 40}, partial=0.3)
    density = lw.build_ledger(simulation.market, [1, 5, 10], 250.0).replay(0.1, weights=[0.3, 0.3, 0.4])
    found, wanted = lw.score(density, simulation.positions), lw.score(density, simulation)
    pd.testing.assert_frame_equal(found.by_side(), wanted.by_side(), rtol=1e-6)
    p = simulation.positions
    assert found.unpriced == pytest.approx(p.loc[np.isinf(p["liquidation_price"]), "standing"].sum())
    assert found.unpriced > 0


def test_the_report_counts_in_usd_what_an_inverse_market_liquidates() -> None:
    linear, inverse = (simulate(contract=contract, seed=3, **WILD)._repr_html_() for contract in ("linear", "inverse"))
    assert ("coins" in linear, "coins" in inverse) == (True, False)


@pytest.mark.parametrize("bad", ["quanto", None, True, 1])
def test_other_contracts_are_named(bad: Any) -> None:
    with pytest.raises(InputError, match="contract: need one of 'linear', 'inverse'; got"):
        simulate(candles=10, contract=bad)


def test_same_seed_same_market() -> None:
    pd.testing.assert_frame_equal(made(5).positions, made(5).positions)
    pd.testing.assert_frame_equal(made(5).market.candles, made(5).market.candles)
