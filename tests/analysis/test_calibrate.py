"""The fit of mix, decay and turnover: exact data, known truth, a plain twin, refused input and reported doubt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import liqwidget as lw
from liqwidget import InputError, Market, calibrate
from liqwidget.analysis.calibration.fit_mix import _non_negative, fit_mixture
from liqwidget.analysis.stats.flows import Flows, natural_every
from liqwidget.analysis.stats.measures import linear_correlation, rank_correlation
from liqwidget.model.settings import shares

EVEN = np.array([0.4, 0.3, 0.2, 0.1])


def exact(market: Market, mix: dict[float, float], decay_rate: float, turnover: float = 1.0) -> Market:
    """The market with exactly the hourly liquidations that the model computes for a mix."""
    flows = Flows.of(market, list(mix), "1h", 20.0)
    usd = flows.at(decay_rate, turnover) @ (np.array(list(mix.values())) / 100)
    parts = [pd.DataFrame({"time": flows.time, "side": side, "notional": usd[:, k]}) for k, side in enumerate(SIDES)]
    return Market.from_frame(market.candles, liquidations=pd.concat(parts))


SIDES = ("long", "short")


@pytest.fixture(scope="module")
def made() -> Any:
    return lw.simulate(4_000, 80_000, seed=1, volatility=0.05, leverage_mix={10: 40, 25: 30, 50: 20, 100: 10})


def test_exact_data_give_mix_decay_and_turnover_back(made: Any) -> None:
    mix = {10: 40, 25: 30, 50: 20, 100: 10}
    found = calibrate(exact(made.market, mix, 0.03, 0.5), list(mix), bin_size=20.0, turnovers=(1.0, 0.5), draws=20)  # type: ignore[arg-type]
    assert found.leverage_mix == pytest.approx(mix, abs=0.5)
    assert found.decay_rate == pytest.approx(0.03, rel=0.02)
    assert found.turnover == 0.5
    assert found.scores.loc["out_of_sample", ["rank", "linear"]].min() > 0.999
    assert (found.tiers["from_data"] > 0.9).all()


def test_tiers_that_nobody_uses_get_nothing_from_exact_data(made: Any) -> None:
    mix = {10: 40, 25: 30, 50: 20, 100: 10}
    tiers = [10, 15, 25, 35, 50, 75, 100]
    found = calibrate(exact(made.market, mix, 0.03), tiers, bin_size=20.0, turnovers=(1.0,), draws=5)  # type: ignore[arg-type]
    assert found.leverage_mix == pytest.approx({tier: mix.get(tier, 0) for tier in tiers}, abs=2.0)


@pytest.mark.slow
def test_traders_one_by_one_give_their_mix_within_five_points() -> None:
    """The mix is recovered from simulated traders who follow the model; the tiers are swept often enough to be seen."""
    for seed in (1, 2):
        made = lw.simulate(
            12_000, 150_000, seed=seed, volatility=0.05, take_over=0.25, leverage_mix={10: 40, 25: 30, 50: 20, 100: 10}
        )
        found = calibrate(made.market, list(made.leverage_mix), turnovers=(1.0,), draws=20)
        assert found.leverage_mix == pytest.approx(made.leverage_mix, abs=5.0), seed
        assert 0.7 < found.decay_rate / made.decay_rate < 1.4
        assert found.scores.loc["out_of_sample", "linear"] > 0.95


def test_the_estimate_is_what_the_ledger_gives_with_these_settings(made: Any) -> None:
    found = calibrate(made.market, draws=5)
    ledger = lw.build_ledger(
        made.market, list(found.leverage_mix), found.bin_size, found.maintenance_rate, found.fee_rate, found.turnover
    )
    density = ledger.replay(found.decay_rate, np.array(list(found.leverage_mix.values())) / 100)
    hour = made.market.candles.index.floor("1h")
    own = [pd.Series(usd, hour).groupby(level=0).sum() for usd in (density.liquidated_long, density.liquidated_short)]
    events = made.market.liquidations
    true = [
        events[events["side"] == side].set_index("time")["notional"].groupby(lambda t: t.floor("1h")).sum()
        for side in SIDES
    ]
    pairs = [pd.concat([a, b], axis=1).fillna(0.0).to_numpy()[34:-1] for a, b in zip(own, true, strict=True)]
    usd, realised = np.concatenate(pairs).T
    inside = found.scores.loc["in_sample"]
    assert rank_correlation(usd, realised) == pytest.approx(inside["rank"], abs=0.01)
    assert linear_correlation(usd, realised) == pytest.approx(inside["linear"], abs=0.01)
    assert found.scale * usd.sum() == pytest.approx(realised.sum(), rel=0.2)


def test_predictions_come_from_what_was_before(made: Any) -> None:
    """Changing the liquidations of the last fifth must not change the predictions for earlier parts."""
    market = made.market
    found = calibrate(market, draws=5, turnovers=(1.0,), decay_rates=(0.03,))
    events = market.liquidations.copy()
    late = events["time"] >= market.candles.index[int(len(market) * 0.85)]
    events.loc[late, "notional"] *= np.random.default_rng(0).uniform(0, 20, int(late.sum()))
    other = calibrate(
        Market.from_frame(market.candles, liquidations=events), draws=5, turnovers=(1.0,), decay_rates=(0.03,)
    )
    assert other.scores.loc["out_of_sample", "linear"] < found.scores.loc["out_of_sample", "linear"]
    until = market.candles.index[int(len(market) * 0.85)]
    first, second = (
        calibrate(
            Market.from_frame(
                m.candles.loc[: until - pd.Timedelta("1s")], liquidations=m.liquidations[m.liquidations["time"] < until]
            ),
            draws=5,
        )
        for m in (market, Market.from_frame(market.candles, liquidations=events))
    )
    assert first.leverage_mix == second.leverage_mix


def test_shuffled_liquidations_teach_nothing(made: Any) -> None:
    market = exact(made.market, {10: 40, 25: 30, 50: 20, 100: 10}, 0.03)
    events = market.liquidations.copy()
    events["notional"] = np.random.default_rng(3).permutation(events["notional"].to_numpy())
    found = calibrate(Market.from_frame(market.candles, liquidations=events), draws=20)
    assert abs(found.scores.loc["out_of_sample", "rank"]) < 0.25


def test_what_the_data_do_not_show_is_said_and_stays_at_the_prior(made: Any) -> None:
    prior = {2: 30, 3: 30, 10: 20, 25: 20, 100: 20}  # 2x and 3x: prices of this market hardly ever reach their levels
    found = calibrate(made.market, prior=prior, draws=40)
    assert any("next to nothing of 2x, 3x" in note for note in found.notes)
    assert found.tiers.loc[2, "from_data"] == pytest.approx(0.0, abs=1e-9)
    assert found.leverage_mix[2] == pytest.approx(found.leverage_mix[3], rel=0.2)
    low, high = found.tiers.loc[2, ["low", "high"]]
    assert low < found.leverage_mix[2] < high
    assert high - low > 5  # as uncertain as the prior
    assert "next to nothing" in repr(found)


def test_neighbours_that_look_alike_are_named(made: Any) -> None:
    found = calibrate(made.market, prior={10: 25, 50: 25, 52: 25, 100: 25}, draws=5)
    assert found.tiers.loc[50, "like_next"] < -0.9
    assert any("50x/52x" in note for note in found.notes)
    assert "10x/50x" not in repr(found)


def test_the_same_seed_gives_the_same_and_another_does_not(made: Any) -> None:
    a, b, c = (calibrate(made.market, [10, 50, 100], draws=10, turnovers=(1.0,), seed=s) for s in (1, 1, 2))
    assert a.leverage_mix == b.leverage_mix
    pd.testing.assert_frame_equal(a.draws, b.draws)
    assert not a.draws.equals(c.draws)
    assert a.draws.shape == (10, 3)
    assert a.draws.sum(axis=1).to_numpy() == pytest.approx(100.0)
    assert set(a.decay_draws) <= set(a.search["decay_rate"])


def test_the_scale_of_the_liquidations_does_not_matter(made: Any) -> None:
    market = made.market
    events = market.liquidations.assign(notional=market.liquidations["notional"] / 1_000, quantity=np.nan, price=np.nan)
    small = Market.from_frame(market.candles, liquidations=events)
    a, b = (calibrate(m, [10, 50, 100], every="1h", draws=5) for m in (market, small))
    assert b.leverage_mix == pytest.approx(a.leverage_mix, rel=1e-6)
    assert b.scale == pytest.approx(a.scale / 1_000, rel=1e-6)


def test_the_interval_is_that_of_the_sums(made: Any) -> None:
    market = exact(made.market, {10: 50, 50: 50}, 0.03)
    assert natural_every(market) == "1h"
    assert natural_every(made.market) == "1h"
    four = market.liquidations.assign(time=market.liquidations["time"].dt.floor("4h"))
    assert natural_every(Market.from_frame(market.candles, liquidations=four)) == "4h"
    found = calibrate(Market.from_frame(market.candles, liquidations=four), [10, 50], draws=5)
    assert found.every == "4h"
    assert found.fitted[1] <= market.candles.index[-1] + pd.Timedelta("4h")


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"leverage": [10, 10]}, "leverage: wanted different tiers"),
        ({"leverage": [10, 300]}, "300"),
        ({"leverage": []}, "dict of 1 to 32 tiers"),
        ({"prior": {10: 50, 20: 0}}, "prior: weights must be > 0"),
        ({"leverage": [10, 20], "prior": {10: 1, 25: 1}}, "prior: wanted the tiers of leverage"),
        ({"prior_spread": 0}, "prior_spread: wanted a fraction from 0.01 to 100; got '0'"),
        ({"prior_spread": float("nan")}, "prior_spread"),
        ({"decay_rates": []}, "wanted at least one rate"),
        ({"decay_rates": [-1]}, "decay_rate: wanted a rate per hour >= 0"),
        ({"turnovers": [0.0]}, r"'auto' or at least one share in \(0, 1\]"),
        ({"turnovers": [1.5]}, r"'auto' or at least one share in \(0, 1\]"),
        ({"every": "1min"}, "every"),
        ({"every": "soon"}, "every"),
        ({"draws": 0}, "draws: wanted a whole number >= 1"),
        ({"bin_size": -1}, "bin_size"),
    ],
)
def test_what_it_refuses(made: Any, how: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        calibrate(made.market, **how)


def test_a_market_without_or_with_too_few_liquidations() -> None:
    sample = lw.load_sample()
    bare = Market.from_frame(sample.candles)
    with pytest.raises(InputError, match="no realised liquidations to fit to"):
        calibrate(bare)
    start = bare.candles.index.floor("1h").unique()[:40]
    few = pd.DataFrame({"time": start, "side": "long", "notional": 1e6})
    with pytest.raises(InputError, match=r"known of \d\d intervals .* Use a longer market"):
        calibrate(Market.from_frame(sample.candles, liquidations=few))
    nothing = pd.DataFrame({"time": bare.candles.index.floor("1h").unique(), "side": "long", "notional": 0.0})
    with pytest.raises(InputError, match="0 amounts are above 0"):
        calibrate(Market.from_frame(sample.candles, liquidations=nothing))


def plain_non_negative(matrix: Any, right: Any) -> Any:
    """Try every subset of non-zero weights."""
    n = len(right)
    best, least = np.zeros(n), 0.0
    for pattern in range(1, 2**n):
        free = np.array([bool(pattern >> i & 1) for i in range(n)])
        v = np.zeros(n)
        v[free] = np.linalg.solve(matrix[np.ix_(free, free)], right[free])
        loss = v @ matrix @ v / 2 - right @ v
        if (v >= 0).all() and loss < least:
            best, least = v, loss
    return best


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6))
def test_non_negative_least_squares_against_every_subset(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    design, y = rng.normal(size=(30, n)), rng.normal(size=30)
    matrix, right = design.T @ design, design.T @ y
    assert _non_negative(matrix, right, np.ones(n)) == pytest.approx(plain_non_negative(matrix, right), abs=1e-8)
    assert _non_negative(matrix, right, np.zeros(n)) == pytest.approx(plain_non_negative(matrix, right), abs=1e-8)


def test_a_wild_interval_moves_the_fit_little() -> None:
    rng = np.random.default_rng(0)
    flows = rng.lognormal(0, 2, (2_000, 4))
    y = flows @ EVEN * rng.lognormal(0, 0.3, 2_000)
    calm = fit_mixture(flows, y, np.full(4, 0.25))
    wild = y.copy()
    wild[7] *= 1_000
    moved = fit_mixture(flows, wild, np.full(4, 0.25)).weights - calm.weights
    assert np.abs(moved).max() < 0.02
    assert calm.weights == pytest.approx(EVEN * np.exp(0.3**2 / 2), abs=0.02)


def test_the_prior_has_its_say_where_the_data_have_none() -> None:
    rng = np.random.default_rng(1)
    flows = np.c_[rng.lognormal(0, 1, 300), np.zeros(300)]
    y = flows[:, 0] * rng.lognormal(0, 0.2, 300)
    fit = fit_mixture(flows, y, np.array([0.5, 0.5]), 0.3)
    assert fit.weights[1] == pytest.approx(fit.anchor[1])
    assert np.diag(fit.covariance)[1] == pytest.approx(0.09)
    assert np.diag(fit.covariance)[0] < 0.01


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "columns", "rank", "linear"),
    [
        ("btcusdt_5m_2025-12_2026-02.csv.gz", ("hour_liquidated_long_usd", "hour_liquidated_short_usd"), 0.91, 0.90),
        ("btcusdt_1h_2024-06_2024-08.csv.gz", ("liquidated_long", "liquidated_short"), 0.86, 0.60),
    ],
)
def test_real_markets_fitted_on_the_first_half_scored_on_the_second(
    shared_data: Callable[[str], Path], name: str, columns: tuple[str, str], rank: float, linear: float
) -> None:
    frame = pd.read_csv(shared_data(name))
    coins = 1 if columns[0].endswith("usd") else frame["close"]
    sums = pd.concat(
        [
            pd.DataFrame({"time": frame["time"], "side": side, "notional": frame[column] * coins}).dropna()
            for side, column in zip(SIDES, columns, strict=True)
        ]
    )
    market = Market.from_frame(frame.drop(columns=list(columns)), liquidations=sums)
    found = lw.validate(market, calibrate(market.between(None, market.candles.index[len(market) // 2])))
    measured = found.by_side()["value"].loc["both"]
    assert measured["rank"] > rank
    assert measured["linear"] > linear
    skill = found.skill().loc["both"]["value"].unstack("measure")
    assert (skill[["rank", "linear"]] > 0).all(axis=None)  # better than every baseline


def test_a_widget_shows_the_calibrated_estimate(made: Any) -> None:
    found = calibrate(made.market, turnovers=(0.5,), draws=5)
    hm = lw.LiquidationHeatmap(made.market)
    revision = hm._revision
    hm.apply(found)
    assert hm._revision == revision + 1
    assert hm.leverage_mix == found.leverage_mix
    assert (hm.decay_rate, hm.turnover) == (found.decay_rate, 0.5)
    settings = (found.maintenance_rate, found.fee_rate, found.turnover)
    ledger = lw.build_ledger(made.market, list(found.leverage_mix), hm.ledger.bin_size, *settings)
    same = ledger.replay(found.decay_rate, shares(found.leverage_mix), bin_size=hm.bin_size)
    assert np.allclose(hm.density.values, same.values, rtol=1e-4)
    hm.close()


def test_what_cannot_be_applied_changes_nothing(made: Any) -> None:
    hm = lw.LiquidationHeatmap(made.market)
    shown = (hm.leverage_mix, hm.decay_rate, hm.turnover, hm.maintenance_rate, hm._revision)
    good = {"leverage_mix": {10: 100}, "decay_rate": 0.03, "turnover": 1.0, "maintenance_rate": 0.004, "fee_rate": 0.0}
    for wrong, words in (
        ({"decay_rate": -1}, "decay_rate"),
        ({"turnover": 7}, "turnover: wanted a share"),
        ({"leverage_mix": {1_000: 1}}, "1000"),
        ({"maintenance_rate": 0.5}, "Lower the leverage"),
    ):
        with pytest.raises(InputError, match=words):
            hm.apply(SimpleNamespace(**good | wrong))  # type: ignore[arg-type]
        assert (hm.leverage_mix, hm.decay_rate, hm.turnover, hm.maintenance_rate, hm._revision) == shown
    with pytest.raises(InputError, match=r"liqwidget\.calibrate returns; got int, which has no leverage_mix"):
        hm.apply(5)  # type: ignore[arg-type]
    hm.close()


def test_quiet_markets_are_not_explained_by_one_far_tier() -> None:
    """Most hours have almost no liquidations: predicting those takes no skill and proves nothing."""
    made = lw.simulate(2_016, 40_000, seed=1, interval="1h")
    found = calibrate(made.market, list(made.leverage_mix), draws=10)
    true = pd.Series(made.leverage_mix) / sum(made.leverage_mix.values()) * 100
    assert (found.tiers["weight"] - true).abs().max() < 15
    ledger = lw.build_ledger(made.market, list(found.leverage_mix), turnover=found.turnover)
    estimate = ledger.replay(found.decay_rate, np.array(list(found.leverage_mix.values())) / 100)
    assert lw.score(estimate, made).emd_share < 0.25


def test_a_side_that_was_never_recorded_is_left_out(made: Any) -> None:
    market = exact(made.market, {10: 40, 25: 30, 50: 20, 100: 10}, 0.03)
    longs = market.liquidations[market.liquidations["side"] == "long"]
    market = Market.from_frame(market.candles, liquidations=longs)  # built with turnover 1
    found = calibrate(market, [10, 25, 50, 100], bin_size=20.0, draws=5, turnovers=(1.0,))
    assert found.leverage_mix == pytest.approx({10: 40, 25: 30, 50: 20, 100: 10}, abs=1.0)
    assert "Only longs were recorded" in found.notes[0]
    assert np.isnan(found.scores.loc["in_sample", "rank_short"])


def test_one_absurd_amount_changes_little(made: Any) -> None:
    market = exact(made.market, {10: 40, 25: 30, 50: 20, 100: 10}, 0.03)
    events = market.liquidations.copy()
    events.loc[events.index[90], "notional"] = 1e15
    market = Market.from_frame(market.candles, liquidations=events)
    found = calibrate(market, [10, 25, 50, 100], bin_size=20.0, draws=5, turnovers=(1.0,))
    assert found.leverage_mix == pytest.approx({10: 40, 25: 30, 50: 20, 100: 10}, abs=3.0)


def test_tiers_that_no_price_reaches_cannot_be_fitted(made: Any) -> None:
    with pytest.raises(InputError, match=r"no candle reaches a level of 1\.2x, 1\.5x\. Add tiers of higher leverage"):
        calibrate(made.market, [1.2, 1.5])
