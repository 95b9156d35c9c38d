"""Liquidations by tier and interval, checked against the replay, which computes them candle by candle."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import liqwidget as lw
from liqwidget.analysis.stats.flows import Flows, realised
from markets import walk

TIERS = (3, 10, 25, 100)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    rate=st.floats(0, 2),
    turnover=st.sampled_from([0.1, 0.37, 1.0]),
    every=st.sampled_from(["5min", "1h", "4h"]),
)
def test_flows_are_the_replay_s_sums(seed, rate, turnover, every):
    market = walk(150, seed=seed, price=60_000, tick=0.1, step_minutes=5, wild=0.1)
    flows = Flows.of(market, TIERS, every, bin_size=50)
    density = lw.build_ledger(market, TIERS, 50, turnover=turnover).replay(rate)
    found = flows.at(rate, turnover)
    starts = market.candles.index.floor(every)
    for side, name in enumerate(("liquidated_long", "liquidated_short")):
        wanted = pd.DataFrame(getattr(density, name).T, index=starts).groupby(level=0).sum()
        np.testing.assert_array_equal(flows.time, wanted.index.tz_localize(None).to_numpy())
        np.testing.assert_allclose(found[:, side], wanted.to_numpy(), rtol=1e-9, atol=1e-6)


def test_realised_sums_know_where_they_begin_and_end():
    market = walk(48, seed=1, step_minutes=30)
    start = market.candles.index[0].floor("1h")
    events = pd.DataFrame(
        {
            "time": [start + pd.Timedelta(minutes=m) for m in (125, 130, 290, 9_999)],
            "side": ["long", "short", "long", "short"],
            "notional": [10.0, 5.0, 7.0, 99.0],
        }
    )
    market = lw.Market.from_frame(market.candles, liquidations=events)
    time = Flows.of(market, TIERS, "1h").time
    found = realised(market, time, "1h")
    assert np.isnan(found[:2]).all()
    np.testing.assert_array_equal(found[2:5], [[10, 5], [0, 0], [7, 0]])
    assert np.isnan(found[5:]).all()


@pytest.mark.parametrize("events", [None, []])
def test_nothing_realised_is_nothing_known(events):
    market = walk(48, seed=1, step_minutes=30)
    if events is not None:
        empty = pd.DataFrame({"time": pd.DatetimeIndex([], tz="UTC"), "side": [], "notional": []})
        market = lw.Market.from_frame(market.candles, liquidations=empty)
    assert np.isnan(realised(market, Flows.of(market, TIERS, "1h").time, "1h")).all()
