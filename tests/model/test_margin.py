from __future__ import annotations

import csv
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from liqwidget.errors import InputError
from liqwidget.model.bracket_tables import load_brackets
from liqwidget.model.brackets import Bracket, find_bracket, liquidation_price_in_brackets
from liqwidget.model.margin import NO_LEVEL, SIDES, level_factors, liquidation_price

VENUES = [
    ("binance", "BTCUSDT"),
    ("binance", "BTCUSDC"),
    ("bybit", "BTCUSDT"),
    ("okx", "BTC-USDT-SWAP"),
    ("hyperliquid", "BTC"),
]


def test_every_documented_price(shared_data: Callable[[str], Path]) -> None:
    with shared_data("liquidation_price_vectors_ext.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 37
    assert {row["kind"] for row in rows} == {"linear", "inverse"}
    assert {row["rule"] for row in rows} == {"mm_at_liq", "mm_at_entry", "mm_at_entry_fee_at_bust"}
    wrong = []
    for i, row in enumerate(rows):
        found = liquidation_price(
            float(row["entry_price"]),
            float(row["leverage"]) if row["leverage"] else None,
            row["side"],
            float(row["mmr"]),
            float(row["maint_amount"] or 0),
            float(row["size"]),
            float(row["fee_rate"]),
            contract=row["kind"],  # type: ignore[arg-type]
            margin=float(row["wallet_balance"]),
            rule=row["rule"],  # type: ignore[arg-type]
        )
        price = float(found)
        if not abs(price - float(row["expected_liq_price"])) <= float(row["tolerance_abs"]) or not (
            abs(price - float(row["formula_value"])) < 1e-6
        ):
            wrong.append((i, row["exchange"], price, row["expected_liq_price"]))
    assert wrong == []


def test_level_factors_give_every_documented_price_of_their_rule(shared_data: Callable[[str], Path]) -> None:
    with shared_data("liquidation_price_vectors_ext.csv").open(newline="") as file:
        rows = [
            row for row in csv.DictReader(file) if row["rule"] == "mm_at_liq" and not float(row["maint_amount"] or 0)
        ]
    kinds = []
    for row in rows:
        entry, size, margin = (float(row[name]) for name in ("entry_price", "size", "wallet_balance"))
        leverage = (size * entry if row["kind"] == "linear" else size / entry) / margin
        if leverage < 1:
            continue
        factors = level_factors([leverage], float(row["mmr"]), float(row["fee_rate"]), row["kind"])  # type: ignore[arg-type]
        price = entry * factors[SIDES.index(row["side"])][0]
        assert price == pytest.approx(float(row["expected_liq_price"]), abs=float(row["tolerance_abs"]), rel=0), row
        kinds.append(row["kind"])
    assert (kinds.count("linear"), kinds.count("inverse")) == (21, 3)


def test_scalars_give_a_float_and_arrays_broadcast() -> None:
    assert type(liquidation_price(60_000, 10, "long")) is float
    prices = liquidation_price(np.array([[60_000.0], [30_000.0]]), [5, 10, 20], ["long", "short", "long"])
    assert isinstance(prices, np.ndarray)
    assert prices.shape == (2, 3)
    assert prices.dtype == np.float64
    assert prices[1, 1] == liquidation_price(30_000, 10, "short")


def test_a_full_margin_long_has_no_liquidation_price() -> None:
    assert np.isnan(liquidation_price(60_000, 1, "long"))
    assert np.isnan(liquidation_price(60_000, None, "long", size=1.0, margin=70_000))
    assert np.isnan(liquidation_price(60_000, 1, "short", contract="inverse"))
    assert liquidation_price(60_000, 1, "short") == pytest.approx(60_000 * 2 / 1.004)


def test_the_margin_takes_the_place_of_the_leverage() -> None:
    assert liquidation_price(100.0, None, "long", 0.005, 2.0, 10.0, margin=100.0) == pytest.approx(
        (10 * 100 - 100 - 2) / (10 * (1 - 0.005))
    )
    assert liquidation_price(100.0, 10, "short", 0.005, size=10.0) == pytest.approx(
        liquidation_price(100.0, None, "short", 0.005, size=10.0, margin=100.0)
    )


def test_without_a_fee_the_fee_at_bust_rule_is_the_entry_rule() -> None:
    for contract in ("linear", "inverse"):
        one, other = (
            liquidation_price(8000.0, 10, ["long", "short"], 0.005, contract=contract, rule=rule)
            for rule in ("mm_at_entry", "mm_at_entry_fee_at_bust")
        )
        np.testing.assert_array_equal(one, other)


def test_the_entry_rules_count_the_amount_and_no_fee_without_bankruptcy() -> None:
    old: dict[str, Any] = {"rule": "mm_at_entry", "margin": 100.0}
    assert liquidation_price(100.0, None, "long", 0.05, 20.0, 10.0, **old) == pytest.approx(100 - (100 + 20 - 50) / 10)
    rich: dict[str, Any] = {"contract": "inverse", "margin": 1.002, "size": 100.0, "maintenance_rate": 0.005}
    free = liquidation_price(100.0, None, "short", rule="mm_at_entry", **rich)
    assert free == liquidation_price(100.0, None, "short", fee_rate=0.01, rule="mm_at_entry_fee_at_bust", **rich)


tiers = st.floats(1.0, 150.0)
rates = st.floats(0.0, 0.006)


@given(tiers, rates, st.floats(0.0, 0.0006), st.floats(1e-6, 1e7))
def test_level_factors_of_inverse_contracts(leverage: float, m: float, f: float, entry: float) -> None:
    k_long, k_short = level_factors([leverage], m, f, "inverse")
    long, short = np.asarray(liquidation_price(entry, leverage, ["long", "short"], m, fee_rate=f, contract="inverse"))
    assert long == pytest.approx(entry * k_long[0], rel=1e-14)
    assert (
        short == pytest.approx(entry * k_short[0], rel=1e-14) if k_short[0] < NO_LEVEL else not short < entry * NO_LEVEL
    )
    # Margin, profit and maintenance in coins, as shares of the coins at entry.
    for s, k in ((1, k_long[0]), (-1, k_short[0])):
        assert k == NO_LEVEL or 1 / leverage + s * (1 - 1 / k) == pytest.approx((m + f) / k, abs=1e-12)


@given(rates)
def test_a_long_in_coins_is_liquidated_earlier_and_a_short_later(m: float) -> None:
    linear, inverse = level_factors([2, 5, 10, 50, 100], m), level_factors([2, 5, 10, 50, 100], m, contract="inverse")
    assert (inverse[0] > linear[0]).all()
    assert (inverse[1] > linear[1]).all()
    assert level_factors([1], m, contract="inverse")[1].tolist() == [NO_LEVEL]


@given(tiers, rates, st.floats(0.0, 0.0006), st.floats(1e-6, 1e7))
def test_level_factors_are_the_liquidation_price_over_entry(leverage: float, m: float, f: float, entry: float) -> None:
    k_long, k_short = level_factors([leverage], m, f)
    long, short = np.asarray(liquidation_price(entry, leverage, ["long", "short"], m, fee_rate=f))
    assert short == entry * k_short[0]
    assert long == entry * k_long[0] if leverage > 1 else np.isnan(long)
    # By definition the remaining margin at the level is exactly the maintenance requirement of the venue.
    for s, k in ((1, k_long[0]), (-1, k_short[0])):
        assert 1 / leverage + s * (k - 1) == pytest.approx(k * (m + f), abs=1e-12)


@given(rates)
def test_more_leverage_is_nearer_to_entry(m: float) -> None:
    k_long, k_short = level_factors([1, 2, 5, 10, 50, 100], m)
    assert k_long[0] == 0
    assert (np.diff(k_long) > 0).all()
    assert k_long[-1] < 1 < k_short[-1]
    assert (np.diff(k_short) < 0).all()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"entry": np.nan}, "entry: need finite numbers > 0; got nan"),
        ({"entry": -5}, "entry: need finite numbers > 0; got -5"),
        ({"entry": True}, "entry: need a number"),
        ({"entry": [60_000.0, True]}, "entry: need a number"),
        ({"entry": "60000"}, "entry: need a number or an array of numbers; got '60000'"),
        ({"entry": [1.0, np.inf, 2.0]}, "got inf at index 1"),
        ({"entry": [[1.0], [1.0, 2.0]]}, "entry: need a number"),
        ({"leverage": 0.5}, "leverage: need finite numbers >= 1; got 0.5"),
        ({"leverage": None}, "leverage: need a leverage, or margin and size"),
        ({"leverage": 250}, "250x gives 0.004 where 0.004 is wanted"),
        ({"leverage": [10, 20], "entry": [1.0, 2.0, 3.0]}, r"must broadcast to one shape; got \(3,\), \(2,\)"),
        ({"side": "buy"}, "side: need 'long' or 'short'; got 'buy'"),
        ({"side": ["long", None]}, "side: need 'long' or 'short'; got None"),
        ({"maintenance_rate": 1.0}, "maintenance_rate: need finite numbers >= 0 and < 1; got 1"),
        ({"maintenance_rate": 0.6, "fee_rate": 0.4}, "a sum below 1"),
        ({"maintenance_amount": 5.0}, "size: maintenance_amount is an amount of money"),
        ({"margin": 5.0}, "size: margin is an amount of money"),
        ({"margin": 5.0, "size": 0.0}, "size: need finite numbers > 0"),
        ({"rule": "mm"}, "rule: need one of 'mm_at_liq', 'mm_at_entry', 'mm_at_entry_fee_at_bust'; got 'mm'"),
        ({"rule": "mm_at_entry", "fee_rate": 0.1}, "rule 'mm_at_entry' has no fee"),
        ({"contract": "quanto"}, "contract: need one of 'linear', 'inverse'; got 'quanto'"),
    ],
)
def test_refusals_say_what_and_where(change: dict[str, Any], said: str) -> None:
    arguments = {"entry": 60_000.0, "leverage": 10, "side": "long", **change}
    with pytest.raises(InputError, match=said):
        liquidation_price(**arguments)


@pytest.mark.parametrize("arguments", [([0.5], 0.004), ([100, 250], 0.004), ([[5]], 0.004), ([5], [0.004, 0.005])])
def test_level_factors_refuse_nonsense(arguments: tuple[Any, ...]) -> None:
    with pytest.raises(InputError):
        level_factors(*arguments)


@pytest.mark.parametrize("venue", VENUES)
def test_brackets_join_up_and_get_stricter(venue: tuple[str, str]) -> None:
    brackets = load_brackets(*venue)
    assert brackets[0].floor == 0
    for lower, upper in pairwise(brackets):
        assert lower.cap == upper.floor
        assert lower.max_leverage > upper.max_leverage
        assert lower.maintenance_rate < upper.maintenance_rate
    for bracket in brackets:
        assert 1 / bracket.max_leverage > bracket.maintenance_rate


@pytest.mark.parametrize("venue", [venue for venue in VENUES if venue[0] != "okx"])
def test_maintenance_is_continuous_at_the_caps(venue: tuple[str, str]) -> None:
    for lower, upper in pairwise(load_brackets(*venue)):
        below = lower.cap * lower.maintenance_rate - lower.maintenance_amount
        above = lower.cap * upper.maintenance_rate - upper.maintenance_amount
        assert above == pytest.approx(below, abs=1e-6)


def test_the_snapshot_matches_the_collected_facts(shared_data: Callable[[str], Path]) -> None:
    with shared_data("leverage_tiers_btc.csv").open(newline="") as file:
        facts = list(csv.DictReader(file))
    ours = [bracket for venue in VENUES for bracket in load_brackets(*venue)]
    assert [(b.max_leverage, b.maintenance_rate, b.maintenance_amount) for b in ours] == [
        (float(row["max_leverage"]), float(row["mmr"]), float(row["maint_amount"])) for row in facts
    ]


def test_find_bracket_has_the_cap_inside() -> None:
    brackets = load_brackets("binance")
    assert find_bracket(brackets, 300_000) is brackets[0]
    assert find_bracket(brackets, 300_000.01) is brackets[1]
    with pytest.raises(InputError, match="largest bracket ends at 1,800,000,000 USD; got 2,000,000,000"):
        find_bracket(brackets, 2e9)
    with pytest.raises(InputError, match="notional: need finite numbers > 0"):
        find_bracket(brackets, 0)
    with pytest.raises(InputError, match="need a list of Bracket"):
        find_bracket([], 1.0)
    with pytest.raises(InputError, match="caps that rise"):
        find_bracket(brackets[::-1], 1.0)


def test_unknown_venues_and_symbols_are_listed() -> None:
    with pytest.raises(InputError, match="'binance', 'bybit', 'hyperliquid', 'okx'; got 'mtgox'"):
        load_brackets("mtgox")
    with pytest.raises(InputError, match=r"symbol: need one of 'BTC'; got 'BTCUSDT'\. Others: lw\.fetch_brackets"):
        load_brackets("hyperliquid")


positions = st.tuples(st.floats(1_000, 200_000), st.floats(1.0, 150.0), st.floats(1e-3, 5_000.0))


@given(positions, st.sampled_from(["long", "short"]), st.sampled_from(VENUES))
def test_the_price_settles_under_the_bracket_that_holds_there(position: Any, side: str, venue: tuple[str, str]) -> None:
    entry, leverage, size = position
    brackets = load_brackets(*venue)
    by_value = brackets[0].unit == "notional"
    assume((entry * size if by_value else size) <= brackets[-1].cap)
    leverage = min(leverage, find_bracket(brackets, entry * size if by_value else size).max_leverage)
    price = liquidation_price_in_brackets(entry, leverage, side, size, brackets)
    if np.isnan(price):
        assert side == "long"
        assert leverage < 1.001
        return
    amount = price * size if by_value else size
    bracket = find_bracket(brackets, min(amount, brackets[-1].cap))
    left = entry * size / leverage + (1 if side == "long" else -1) * size * (price - entry)
    wanted = price * size * bracket.maintenance_rate - bracket.maintenance_amount
    assert left == pytest.approx(wanted, abs=1e-7 * entry * size)


def test_a_price_in_another_bracket_than_entry_differs_from_the_naive_one() -> None:
    brackets = load_brackets("binance")
    naive = liquidation_price(60_000, 5, "long", 0.0065, 1500.0, 15.0)  # entry in bracket 3, level in bracket 2
    settled = liquidation_price_in_brackets(60_000, 5, "long", 15.0, brackets)
    assert settled == liquidation_price(60_000, 5, "long", 0.005, 300.0, 15.0)
    assert settled != naive
    both = np.asarray(liquidation_price_in_brackets([60_000, 60_000], 5, ["long", "short"], 15.0, brackets))
    assert both[0] == settled


def test_brackets_that_never_settle_give_the_nearer_price() -> None:
    jump = [Bracket(0, 900.0, 50, 0.0, 0.0), Bracket(900.0, np.inf, 50, 0.019, 0.0)]
    # A long at 1000 starts in the second bracket, and its price under it, 912, is in it: settled.
    assert liquidation_price_in_brackets(1000.0, 1000 / 105, "long", 1.0, jump) == pytest.approx(895 / 0.981)
    # A short at 885: 905 by the first bracket is in the second; 888 by the second is in the first; it never settles.
    price = liquidation_price_in_brackets(885.0, 885 / 20, "short", 1.0, jump)
    assert price == pytest.approx(905 / 1.019)
    assert liquidation_price(885.0, 885 / 20, "short", 0.0) == pytest.approx(905.0)


def test_leverage_above_the_bracket_is_refused() -> None:
    brackets = load_brackets("binance")
    assert liquidation_price_in_brackets(60_000, 150, "long", 1.0, brackets) > 0
    with pytest.raises(InputError, match="600,000 USD may have at most 100x; got 150x"):
        liquidation_price_in_brackets(60_000, 150, "long", [1.0, 10.0], brackets)
    with pytest.raises(InputError, match="would be liquidated at entry"):
        liquidation_price_in_brackets(60_000, 150, "long", 1.0, brackets, fee_rate=0.003)


def test_okx_counts_coins_not_dollars() -> None:
    brackets = load_brackets("okx", "BTC-USDT-SWAP")
    assert [bracket.unit for bracket in brackets] == ["coins", "coins"]
    price = liquidation_price_in_brackets(60_000, 10, "short", 10.0, brackets, fee_rate=0.0005)
    assert price == liquidation_price(60_000, 10, "short", 0.004, fee_rate=0.0005)
