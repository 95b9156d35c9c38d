"""Turnover tied to the decay rate: the exact solution of the equation, its plain twin, and its effect on amounts."""

from __future__ import annotations

import copy
import math
import pickle
from itertools import pairwise
from math import exp, log
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import liqwidget as lw
from liqwidget.model.opening import Turnover, opened_coins, resolve_turnover
from liqwidget.model.turnover import Opening
from markets import seeds, walk

slow = settings(max_examples=60, deadline=None)
rates = st.one_of(st.just(0.0), st.floats(1e-5, 3.0), st.floats(1e-3, 0.1))


def market_of(seed: int) -> lw.Market:
    """A market with gaps, candles without volume, and runs of unknown open interest."""
    rng = np.random.default_rng(seed)
    candles = walk(80, seed, gaps=seed % 2 == 0).candles
    candles = pd.DataFrame({name: candles[name].to_numpy().copy() for name in candles}, candles.index)
    candles.loc[rng.random(len(candles)) < 0.1, "volume"] = 0.0
    if seed % 3 == 0:
        candles.iloc[: rng.integers(2, 30), candles.columns.get_loc("open_interest")] = np.nan
    candles["volume"] *= 10.0 ** rng.uniform(-2, 1)
    return lw.Market.from_frame(candles, open_interest_unit="coins")  # it may change by more than the traded volume


def plain_closed(market: lw.Market, share: float) -> tuple[float, float]:
    """Coins closed and coin hours, computed candle by candle as the model's documentation defines them."""
    c = market.candles
    interest, closed, stood = list(c["open_interest"]), 0.0, 0.0
    for t in range(1, len(c)):
        if math.isnan(interest[t - 1]):
            continue
        d = interest[t] - interest[t - 1] if interest[t] == interest[t] else 0.0
        v = c["volume"].iloc[t]
        closed += (share * v - d) / 2 if share * v >= abs(d) else max(-d, 0.0)
        stood += interest[t - 1] * (c.index[t] - c.index[t - 1]).total_seconds() / 3600
    return closed, stood


@slow
@given(seeds, rates)
def test_auto_solves_its_equation_as_bisection_does(seed: int, rate: float) -> None:
    market = market_of(seed)
    found = resolve_turnover(market, "auto", rate)
    assert found.auto
    assert 0 <= found <= 1
    nothing, stood = plain_closed(market, 1e-12)
    wanted = rate * stood
    if wanted < nothing * (1 - 1e-9):
        assert found == 0
        return
    assert found.scale == 1
    most = plain_closed(market, 1.0)[0]
    if wanted >= most:
        assert found == 1
        return
    assert plain_closed(market, found)[0] == pytest.approx(wanted, rel=1e-9, abs=1e-9 * most)
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if plain_closed(market, middle)[0] <= wanted else (low, middle)
    # Where closed coins do not depend on the share, every share is a solution: compare closed coins, not shares.
    assert plain_closed(market, high)[0] == pytest.approx(plain_closed(market, found)[0], rel=1e-9, abs=1e-9 * most)


@slow
@given(seeds)
@example(5565)  # volume below every open interest change: closed coins do not depend on the share
def test_at_the_automatic_decay_all_volume_opens(seed: int) -> None:
    market = market_of(seed)
    assert resolve_turnover(market, "auto", lw.auto_decay_rate(market)) == 1


@slow
@given(seeds, st.lists(st.floats(0, 3), min_size=2, max_size=8))
def test_a_faster_decay_never_has_a_smaller_turnover(seed: int, some: list[float]) -> None:
    opening = Opening.of(market_of(seed))
    found = [opening.turnover(rate) for rate in sorted(some)]
    assert all(a <= b for a, b in pairwise(found))
    assert all(0 < one.scale <= 1 for one in found)


def constant(volume: float, change: float, n: int = 200, start: float = 1000.0) -> lw.Market:
    """Open interest that rises and falls by the same number of coins in turn."""
    interest = start + change * (np.arange(n) % 2)
    frame = pd.DataFrame(
        dict.fromkeys(("open", "high", "low", "close"), 100.0) | {"volume": volume, "open_interest": interest},
        index=pd.date_range("2026-01-01", periods=n, freq="h", tz="UTC"),
    )
    return lw.Market.from_frame(frame, open_interest_unit="coins")


def test_by_hand() -> None:
    # 100 coins an hour and constant open interest of 1,000: share * 100 / 2 close per hour.
    still = constant(100.0, 0.0)
    assert resolve_turnover(still, "auto", 0.02) == pytest.approx(0.02 * 1000 / 50)  # 0.4
    assert resolve_turnover(still, "auto", 0.05) == pytest.approx(1.0)
    assert resolve_turnover(still, "auto", 1.0) == 1.0
    # It rises and falls by 10 in turn: of 199 steps 100 are rises and 99 falls. Falls alone close 990 coins over
    # 199 hours of 1,000 or 1,010 coins, 0.495 % an hour, so half-lives beyond 140 h are impossible.
    moving = constant(100.0, 10.0)
    stood = 100 * 1000.0 + 99 * 1010.0
    assert resolve_turnover(moving, "auto", 991 / stood) > 0
    slower = resolve_turnover(moving, "auto", 0.001)
    assert slower == 0
    assert slower.scale == pytest.approx(min(1, stood * 0.001 / (1000 * (1 - exp(-0.001 * 199)))))
    assert resolve_turnover(moving, "auto", 0.0).scale == pytest.approx(min(1, stood / (1000 * 199)))
    falls = resolve_turnover(constant(100.0, 400.0), "auto", 0.0)  # all rises add up to 40,000 coins
    assert falls.scale == pytest.approx((100 * 1000.0 + 99 * 1400.0) / (100 * 400.0 * 199))
    np.testing.assert_allclose(opened_coins(moving, slower)[0][1:3], [10 * slower.scale, 0.0])


def test_without_open_interest_all_volume_opens_and_amounts_are_relative() -> None:
    market = walk(40, oi=False)
    for found in (resolve_turnover(market, "auto", 0.0), resolve_turnover(market, "auto", 0.03)):
        assert (float(found), found.scale, found.known) == (1.0, 1.0, False)
    density = lw.estimate(market)
    assert density.turnover == 1
    assert isinstance(density.turnover, Turnover)
    assert "relative" in density.turnover.caption(density.decay_rate)
    zero = walk(40).candles.assign(open_interest=0.0)
    assert not resolve_turnover(lw.Market.from_frame(zero), "auto", 0.1).known


@pytest.mark.parametrize(
    ("turnover", "rate", "says"),
    [
        (Turnover(0.19, auto=True), log(2) / 72, "half closes within 3 d: 19 % of volume opens positions"),
        (Turnover(1.0, auto=True), log(2) / 6, "half closes within 6 h: all volume opens positions"),
        (
            Turnover(0.0, 0.4, auto=True),
            log(2) / 720,
            "half closes within 30 d: open interest falls faster than that by itself: scaled to open interest",
        ),
        (Turnover(0.5), 0.0, "nothing closes by itself: 50 % of volume opens positions"),
    ],
)
def test_the_caption_says_it(turnover: Turnover, rate: float, says: str) -> None:
    assert turnover.caption(rate) == says


@slow
@given(seeds, rates)
def test_a_ledger_of_auto_is_that_of_the_turnover_it_finds(seed: int, rate: float) -> None:
    market = market_of(seed)
    found = resolve_turnover(market, "auto", rate)
    auto = lw.build_ledger(market, (5, 50), 0.5, turnover="auto").replay(rate, [0.5, 0.5])
    assert isinstance(auto.turnover, Turnover)
    assert auto.turnover == found
    assert auto.turnover.scale == found.scale
    plain = lw.build_ledger(market, (5, 50), 0.5, turnover=found).replay(rate, [0.5, 0.5])
    np.testing.assert_allclose(auto.values, plain.values, rtol=1e-5, atol=1e-9)
    for name in ("opened", "liquidated_long", "liquidated_short", "decayed_long", "out_of_range_short"):
        np.testing.assert_allclose(getattr(auto, name), getattr(plain, name), rtol=1e-9, atol=1e-12, err_msg=name)


def test_auto_follows_candles_that_are_added_and_refuses_what_needs_amounts() -> None:
    market = walk(60)
    short = market.between(None, market.candles.index[39])
    ledger = lw.build_ledger(short, (5, 50), 0.5, turnover="auto").extended(market, 40)
    whole = ledger.replay(0.02, [1, 1])
    want = resolve_turnover(market, "auto", 0.02)
    assert whole.turnover == want != resolve_turnover(short, "auto", 0.02)
    for method in (lambda one: one.merged(4), lambda one: one.since(4)):
        with pytest.raises(lw.InputError, match=r"Use ledger.at\(rate\)"):
            method(ledger)
        assert len(method(ledger.at(0.02))) > 0
    with pytest.raises(lw.InputError, match="extended"):
        ledger.at(0.02).extended(market, 40)
    fixed = lw.build_ledger(market, (5, 50), 0.5, turnover=0.5)
    assert fixed.at(0.02) is fixed


def test_a_turnover_travels_as_a_number() -> None:
    one = Turnover(0.25, 0.5, auto=True, known=False)
    for again in (copy.copy(one), copy.deepcopy(one), pickle.loads(pickle.dumps(one))):
        assert (float(again), again.scale, again.auto, again.known) == (0.25, 0.5, True, False)
    assert one * 2 == 0.5


@pytest.mark.parametrize("turnover", [0, -0.1, 1.1, float("nan"), True, "all", None, [0.5]])
def test_what_is_no_turnover_is_refused(turnover: Any) -> None:
    for call in (
        lambda: lw.estimate(walk(5), turnover=turnover),
        lambda: lw.build_ledger(walk(5), turnover=turnover),
        lambda: resolve_turnover(walk(5), turnover, 0.1),
        lambda: lw.auto_decay_rate(walk(5), turnover),
    ):
        with pytest.raises(lw.InputError, match="turnover: wanted a share"):
            call()


def test_what_stands_is_near_open_interest_at_every_decay_rate() -> None:
    market = lw.load_sample()
    usd = market.candles["open_interest"].iloc[-1] * market.candles["close"].iloc[-1]
    for half_life in (6, 14, 24, 72, 168, 720):
        density = lw.estimate(market, decay_rate=log(2) / half_life)
        standing = (density.standing_long[-1] + density.standing_short[-1]) / 2
        assert 0.2 * usd < standing < 1.25 * usd, half_life


def test_an_automatic_rate_beyond_the_bound_is_not_called_the_user_s() -> None:
    tiny = lw.Market.from_frame(walk(40).candles.assign(open_interest=1e-9))
    with pytest.raises(lw.InputError, match=r"decay_rate: 'auto' finds .* Check the units of open_interest"):
        lw.estimate(tiny)
    assert lw.auto_decay_rate(tiny) > 1e6


def test_open_interest_of_an_inverse_contract_changes_with_contracts_and_not_with_the_price() -> None:
    candles = walk(60, seed=5).candles
    usd = 2e5 + 1e3 * (np.arange(60) >= 30)  # ten contracts of 100 USD open at once
    frame = candles.assign(open_interest=usd / candles["close"])
    units = {"volume_unit": "coins", "open_interest_unit": "coins"}
    change = Opening.of(lw.Market.from_frame(frame, contract="inverse", **units)).change  # type: ignore[arg-type]
    assert change[30] == pytest.approx(1e3 / candles["close"].iloc[30])
    np.testing.assert_allclose(np.delete(change, 30), 0, atol=1e-9)
