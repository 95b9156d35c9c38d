"""One market over several venues: sums, names of what is missing, and the estimate as the sum of the parts."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import liqwidget as lw
from liqwidget.model.turnover import Opening
from markets import seeds, walk

MIX = np.full(6, 1 / 6)
FLOWS = (
    "opened",
    *(f"{name}_{side}" for name in ("standing", "liquidated", "decayed", "out_of_range") for side in ("long", "short")),
)


def venues(seed: int = 0, n: int = 60, without: tuple[int, ...] = ()) -> dict[str, lw.Market]:
    """Three venues with the same prices: the second lacks some candles, the third open interest."""
    first = walk(n, seed)
    rng = np.random.default_rng(seed + 1)
    frame = first.candles
    second = frame.assign(volume=rng.gamma(2, 20, n), open_interest=700 + np.cumsum(rng.normal(0, 15, n)))
    third = frame.drop(columns="open_interest").assign(volume=rng.gamma(2, 5, n))
    second = second.drop(second.index[list(without)])
    return {
        "one": first,
        "two": lw.Market.from_frame(second, "TEST", "two"),
        "three": lw.Market.from_frame(third, "TEST", "three"),
    }


@given(seeds, st.sampled_from(["auto", 1.0, 0.3]), st.floats(0, 0.2))
@settings(max_examples=12, deadline=None)
def test_the_estimate_is_the_sum_of_the_venues(seed: int, turnover, rate: float) -> None:
    market = lw.combine(venues(seed, without=(7, 8, 30)))
    whole = lw.build_ledger(market, turnover=turnover).replay(rate, MIX)
    parts = whole.by_venue()
    assert list(parts) == ["one", "two", "three"]
    for name in FLOWS:
        total = sum(getattr(part, name) for part in parts.values())
        np.testing.assert_allclose(total, getattr(whole, name), rtol=1e-9, atol=1e-9 * whole.opened.sum())
    np.testing.assert_allclose(sum(part.values for part in parts.values()), whole.values, rtol=1e-5, atol=1e-2)


@given(seeds, st.sampled_from(["auto", 0.5]))
@settings(max_examples=8, deadline=None)
def test_a_part_opens_what_its_own_market_opens(seed: int, turnover) -> None:
    market = lw.combine(venues(seed))
    whole = lw.build_ledger(market, turnover=turnover).replay(0.03, MIX)
    for name in ("one", "two"):  # the third has no open interest: its automatic turnover is that of the others
        own = lw.build_ledger(market.venues[name], turnover=turnover, bin_size=whole.rows.bin_size).replay(0.03, MIX)
        for flow in FLOWS:
            np.testing.assert_allclose(getattr(whole.by_venue()[name], flow), getattr(own, flow), rtol=1e-9, atol=1e-6)


@pytest.mark.parametrize("turnover", ["auto", 0.6])
def test_linear_and_inverse_contracts_each_follow_their_own_rule(turnover, tmp_path) -> None:
    """Whole, parts, cut, grown: the same sums, with levels by the rule of each contract."""
    markets = venues(seed=3, n=80)
    coins = markets["two"].candles
    markets["coin-margined"] = lw.Market.from_frame(
        coins, contract="inverse", volume_unit="coins", open_interest_unit="coins"
    )
    market = lw.combine(markets)
    assert "levels of coin-margined by the rule of inverse contracts" in market.notes
    ledger = lw.build_ledger(market, turnover=turnover)
    whole = ledger.replay(0.03, MIX)
    parts = whole.by_venue()
    for name in FLOWS:
        total = sum(getattr(part, name) for part in parts.values())
        np.testing.assert_allclose(total, getattr(whole, name), rtol=1e-9, atol=1e-9 * whole.opened.sum())
    for name in ("one", "two", "coin-margined"):
        own = lw.build_ledger(market.venues[name], turnover=turnover, bin_size=ledger.bin_size).replay(0.03, MIX)
        np.testing.assert_allclose(parts[name].values, own.values, rtol=1e-5, atol=1e-2)
    assert not np.allclose(parts["two"].values, parts["coin-margined"].values)
    some = ledger.only(["two", "coin-margined"]).replay(0.03, MIX)
    np.testing.assert_allclose(some.opened, parts["two"].opened + parts["coin-margined"].opened, rtol=1e-9)
    np.testing.assert_allclose(
        ledger.at(0.03).until(50).replay(0.03, MIX).values, whole.values[:, :50], rtol=1e-5, atol=1e-2
    )
    begun = market.between(None, market.candles.index[69])
    grown = lw.build_ledger(begun, turnover=turnover, bin_size=ledger.bin_size).extended(market, 70)
    if grown.grid == ledger.grid:
        np.testing.assert_allclose(grown.replay(0.03, MIX).values, whole.values, rtol=1e-5, atol=1e-2)
    with pytest.raises(lw.InputError, match=r"wanted a market of one venue; got a combined one.*one of market\.venues"):
        lw.history(market, tmp_path)


def test_sensitivity_to_settings_takes_both_kinds_of_contract_with_a_turnover_that_is_a_number() -> None:
    markets = venues(seed=3, n=80)
    coins = lw.Market.from_frame(
        markets["two"].candles, contract="inverse", volume_unit="coins", open_interest_unit="coins"
    )
    market = lw.combine({"linear": markets["one"], "inverse": coins})
    found = lw.sensitivity(market, turnover=0.6, decay_rate=0.03, draws=5)
    density = lw.estimate(market, turnover=0.6, decay_rate=0.03)
    np.testing.assert_allclose(found.profile["long"], density.profile()["long"], rtol=1e-5, atol=1e-2)
    with pytest.raises(lw.InputError, match=r"wanted contracts of one kind with turnover='auto'.*pass a turnover as a"):
        lw.sensitivity(market, decay_rate=0.03, draws=5)


def test_quantities_are_added_and_rates_weighted_by_open_interest() -> None:
    base = walk(30).candles
    a = base.assign(open_interest=100.0, funding_rate=0.01, taker_buy_volume=base["volume"] / 2)
    b = base.assign(open_interest=300.0, funding_rate=0.05, volume=7.0)
    market = lw.combine({"a": lw.Market.from_frame(a), "b": lw.Market.from_frame(b)})
    candles = market.candles
    np.testing.assert_array_equal(candles["volume"], base["volume"] + 7.0)
    np.testing.assert_array_equal(candles["open_interest"], 400.0)
    np.testing.assert_allclose(candles["funding_rate"], 0.04)
    assert "no taker_buy_volume of b" in market.notes
    assert not any("funding_rate" in note for note in market.notes)


def test_a_venue_without_a_candle_is_named_with_its_times_and_counts_as_nothing_there() -> None:
    market = lw.combine(venues(without=(7, 8, 30)))
    assert any(
        note.startswith("two lacks 3 candles (2026-01-01 07:00 to 2026-01-02 06:00 UTC)") for note in market.notes
    )
    two = market.venues["two"].candles
    assert (two["volume"].iloc[[7, 8, 30]] == 0).all()
    assert (Opening.of(market.venues["two"]).change[[7, 8]] == 0).all()
    np.testing.assert_allclose(market.candles["volume"], sum(part.candles["volume"] for part in market.venues.values()))
    # Cut to where nothing is missing, nothing is said.
    assert not any("lacks" in note for note in market.between(market.candles.index[31]).notes)


def test_open_interest_is_shown_from_where_all_venues_that_have_it_know_it() -> None:
    base = walk(30).candles
    late = base.assign(open_interest=np.r_[np.full(10, np.nan), np.full(20, 5.0)])
    market = lw.combine({"a": lw.Market.from_frame(base), "b": lw.Market.from_frame(late)})
    assert market.candles["open_interest"].isna().sum() == 10
    np.testing.assert_allclose(market.candles["open_interest"].iloc[10:], base["open_interest"].iloc[10:] + 5.0)


def test_realised_liquidations_are_united_and_sums_of_one_interval_added() -> None:
    base = walk(4)
    time = base.candles.index
    one = pd.DataFrame({"time": time[:2], "side": "long", "price": [100.0, 99.0], "notional": [10.0, 20.0]})
    sums = pd.DataFrame({"time": time[:2], "long_usd": [1.0, 2.0], "short_usd": [4.0, 8.0]})
    markets = {
        name: lw.Market.from_frame(base.candles, liquidations=table)
        for name, table in {"events": one, "sums": sums, "more": sums, "none": None}.items()
    }
    found = lw.combine(markets)
    assert found.liquidations["notional"].sum() == 30.0 + 2 * 15.0
    assert found.liquidations["time"].is_monotonic_increasing
    assert len(found.liquidations) == 2 + 4
    assert "no realised liquidations of none" in found.notes
    other = sums.assign(time=[time[0], time[3]])
    told = lw.combine({"a": markets["sums"], "b": lw.Market.from_frame(base.candles, exchange="b", liquidations=other)})
    assert told.liquidations["notional"].sum() == 15.0
    assert "liquidations of b are sums of another interval: left out" in told.notes


@pytest.mark.parametrize(
    ("markets", "said"),
    [
        (lambda m: [m], "wanted 2 to 16 markets"),
        (lambda m: [m, "binance"], "wanted Markets; got str"),
        (lambda m: [m, m], "two are 'test TEST'"),
        (lambda m: {"a": m, "b": walk(60, step_minutes=5)}, "same interval everywhere; a has 1h, b has 5m"),
        (lambda m: {"a": m, "b": scaled(m, 1.011)}, r"within 1% of those of a; b is \+1.10% away"),
        (lambda m: {"a": m, "b": lw.combine([m, scaled(m, 1.001)])}, "got a combined one"),
        (lambda m: {"a": m, "b": lw.Market.from_frame(m.candles, "BTCEUR")}, "same currency everywhere"),
        (lambda m: {"a": m.tail(20), "b": m.between(None, m.candles.index[30])}, "candles at the same times"),
    ],
)
def test_what_cannot_be_added_up_is_refused(markets, said: str) -> None:
    with pytest.raises(lw.InputError, match=said):
        lw.combine(markets(walk()))


def scaled(market: lw.Market, factor: float) -> lw.Market:
    prices = {name: market.candles[name] * factor for name in ("open", "high", "low", "close")}
    return lw.Market.from_frame(market.candles.assign(**prices), "TEST", "scaled")


def test_prices_are_those_of_the_first_and_the_basis_is_stated() -> None:
    first = walk()
    market = lw.combine({"a": first, "b": scaled(first, 1.002)})
    pd.testing.assert_series_equal(market.candles["close"], first.candles["close"])
    np.testing.assert_allclose(market.basis().loc["b", "median"], 0.002)
    assert "prices of a; median difference: b +0.200%" in market.notes


def test_later_candles_are_appended_and_a_venue_that_dropped_is_marked() -> None:
    markets = venues(n=80)
    market = lw.combine(markets)
    until = market.candles.index[59]
    base = lw.combine({name: one.between(None, until) for name, one in markets.items()})
    later = {name: one.tail(25) for name, one in markets.items()}  # the first five replace candles
    grown = base.append(lw.combine(later), replace=True)
    pd.testing.assert_frame_equal(grown.candles, market.candles)
    del later["two"]
    dropped = base.append(lw.combine(later), replace=True)
    assert any(note.startswith("two lacks 25 candles") for note in dropped.notes)
    np.testing.assert_array_equal(dropped.venues["two"].candles["volume"].iloc[-25:], 0.0)
    ledger = lw.build_ledger(base, turnover="auto", bin_size=0.5).extended(grown, 55)
    own = lw.build_ledger(grown, turnover="auto", bin_size=0.5)
    if ledger.grid == own.grid:
        np.testing.assert_allclose(ledger.replay(0.03, MIX).values, own.replay(0.03, MIX).values, rtol=1e-6)
    with pytest.raises(lw.InputError, match="wanted later candles of one, two, three as one market; got DataFrame"):
        base.append(markets["one"].candles)


def test_a_combined_market_goes_where_markets_go() -> None:
    market = lw.combine(venues())
    again = pickle.loads(pickle.dumps(market))
    assert list(again.venues) == ["one", "two", "three"]
    assert lw.estimate(again).opened.sum() == lw.estimate(market).opened.sum()
    assert "one + two + three" in repr(market)
    assert market.tail(10).venues["three"].candles.index.equals(market.tail(10).candles.index)
    with pytest.raises(lw.InputError, match="wanted some of one, two, three; got 'four'"):
        lw.build_ledger(market).only(["four"])
    with pytest.raises(lw.InputError, match="wanted the ledger of a combined market"):
        lw.build_ledger(walk()).only(["one"])
    with pytest.raises(lw.InputError, match="by_venue: wanted the density of a combined market"):
        lw.estimate(walk()).by_venue()
    some = lw.build_ledger(market, turnover="auto").only(["one", "three"]).replay(0.03, MIX)
    parts = lw.build_ledger(market, turnover="auto").replay(0.03, MIX).by_venue()
    np.testing.assert_allclose(some.opened, parts["one"].opened + parts["three"].opened, rtol=1e-9)
    assert list(some.by_venue()) == ["one", "three"]
