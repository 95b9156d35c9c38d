"""Liquidation prices of inverse contracts under brackets, which are bounded in coins, or in contracts of some USD."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import liqwidget as lw
from liqwidget.errors import InputError
from liqwidget.model.brackets import Bracket, find_bracket, liquidation_price_in_brackets
from liqwidget.model.margin import liquidation_price

#: Upper bound in BTC, highest leverage, rate: Binance "Leverage and Margin in Coin-Margined Futures Contracts".
BTCUSD = [
    (5.0, 125.0, 0.004), (10.0, 100.0, 0.005), (20.0, 50.0, 0.01), (50.0, 20.0, 0.025), (100.0, 10.0, 0.05),
    (200.0, 5.0, 0.1), (400.0, 4.0, 0.125),
]  # fmt: skip


def brackets_of(rows: Any, unit: str = "coins", *, deducted: bool = True) -> list[Bracket]:
    """Brackets of inverse contracts; with deductions these make maintenance continuous."""
    found: list[Bracket] = []
    floor = rate_below = amount = 0.0
    for cap, most, rate in rows:
        amount += floor * (rate - rate_below) if deducted else 0.0
        found.append(Bracket(floor, cap, most, rate, amount, unit, contract="inverse"))
        floor, rate_below = cap, rate
    return found


COINS = brackets_of(BTCUSD)
#: As OKX has them: by contracts of 100 USD, without deductions.
USD = brackets_of([(1e6, 100.0, 0.004), (5e6, 66.66, 0.005), (2e7, 50.0, 0.01)], "notional", deducted=False)


def test_the_deductions_are_those_of_the_documentation() -> None:
    # Binance "How to Calculate Liquidation Price of COIN-M Futures Contracts": 300 BTC have 12.5 % and 11.605 BTC.
    bracket = find_bracket(COINS, 300)
    assert (bracket.maintenance_rate, bracket.maintenance_amount) == (0.125, pytest.approx(11.605))
    # An older version of the page: 50 BTC * (5 % - 2.5 %) + 0.56 BTC = 1.81 BTC on level 5, and 11.81 BTC for 300 BTC.
    older = [(cap, most, rate) for cap, (_, most, rate) in zip((10, 20, 30, 50, 100, 200, 400), BTCUSD, strict=True)]
    amounts = [bracket.maintenance_amount for bracket in brackets_of(older)]
    assert (amounts[4], amounts[6]) == (pytest.approx(1.81), pytest.approx(11.81))
    # 100 contracts of 100 USD at 25,000 are 0.4 BTC; their maintenance is 0.0016 BTC.
    first = find_bracket(COINS, 100 * 100 / 25_000)
    assert 0.4 * first.maintenance_rate - first.maintenance_amount == pytest.approx(0.0016)


def test_the_price_that_binance_told_an_account() -> None:
    # positionRisk of COIN-M: 2 contracts of 100 USD, entry 37643.10000021, margin 0.00268058 BTC.
    leverage = 200 / 37643.10000021 / 0.00268058
    price = liquidation_price_in_brackets(37643.10000021, leverage, "long", 200.0, COINS, contract="inverse")
    assert price == pytest.approx(25119.9744576, abs=1e-3)


def by_marginal_rates(
    entry: float, leverage: float, side: str, size: float, brackets: list[Bracket], fee: float
) -> float:
    """The price by bisection; each bracket's rate holds for the part of the position that is inside of it."""

    def short_of(price: float) -> float:
        coins = size / price
        bounds = [*(bracket.cap for bracket in brackets[:-1]), np.inf]
        floors = [0.0, *bounds[:-1]]
        wanted = sum(
            bracket.maintenance_rate * max(min(coins, cap) - floor, 0.0)
            for bracket, floor, cap in zip(brackets, floors, bounds, strict=True)
        )
        profit = size / entry - coins if side == "long" else coins - size / entry
        return wanted + fee * coins - (size / entry / leverage + profit)

    solvent, ruined = entry, entry * (1e-9 if side == "long" else 1e9)
    if short_of(ruined) < 0:
        return np.nan
    for _ in range(300):
        middle = float(np.sqrt(solvent * ruined))
        solvent, ruined = (solvent, middle) if short_of(middle) > 0 else (middle, ruined)
    return solvent


@st.composite
def tables(draw: Any) -> list[Bracket]:
    count = draw(st.integers(1, 6))
    caps = np.cumsum(draw(st.lists(st.floats(0.5, 50.0), min_size=count, max_size=count)))
    rates = np.cumsum(draw(st.lists(st.floats(0.001, 0.08), min_size=count, max_size=count)))
    return brackets_of([(float(cap), max(0.9 / rate, 1.0), float(rate)) for cap, rate in zip(caps, rates, strict=True)])


@given(
    tables(),
    st.floats(1_000, 200_000),
    st.floats(0.01, 1.0),
    st.floats(0.0, 1.0),
    st.sampled_from(["long", "short"]),
    st.sampled_from([0.0, 0.0005]),
)
def test_the_price_is_that_of_a_solver_without_formulas(
    brackets: list[Bracket], entry: float, filled: float, chosen: float, side: str, fee: float
) -> None:
    coins = filled * brackets[-1].cap
    bracket = find_bracket(brackets, coins)
    leverage = bracket.max_leverage**chosen
    assume(1 / leverage > bracket.maintenance_rate + fee)
    size = coins * entry * (1 - 1e-12)
    found = liquidation_price_in_brackets(entry, leverage, side, size, brackets, fee, contract="inverse")
    wanted = by_marginal_rates(entry, leverage, side, size, brackets, fee)
    if np.isnan(wanted) or np.isnan(found):
        assert side == "short"
        assert not found < entry * 1e6
        assert not wanted < entry * 1e6
    elif wanted < entry * 1e4:  # beyond, rounding of the margin decides
        assert found == pytest.approx(wanted, rel=1e-9)


@given(st.floats(1_000, 200_000), st.floats(1.0, 125.0), st.floats(0.01, 399.0), st.sampled_from(["long", "short"]))
def test_an_inverse_position_is_a_linear_one_of_the_other_side_in_coins(
    entry: float, leverage: float, coins: float, side: str
) -> None:
    """Its value in coins moves as that of a linear position of the other side moves in USD."""
    leverage = min(leverage, find_bracket(COINS, coins).max_leverage)
    mirrored = [Bracket(b.floor, b.cap, b.max_leverage, b.maintenance_rate, b.maintenance_amount) for b in COINS]
    found = liquidation_price_in_brackets(entry, leverage, side, coins * entry, COINS, contract="inverse")
    other = liquidation_price_in_brackets(1.0, leverage, "short" if side == "long" else "long", coins, mirrored)
    assert found == pytest.approx(entry / other, rel=1e-7, nan_ok=True)


def test_a_price_in_another_bracket_than_entry_differs_from_the_naive_one() -> None:
    size = 45.0 * 60_000  # 45 BTC at entry; what a long is worth rises above 50 BTC before it is liquidated
    naive = liquidation_price(60_000, 5, "long", 0.025, COINS[3].maintenance_amount, size, contract="inverse")
    settled = liquidation_price_in_brackets(60_000, 5, "long", size, COINS, contract="inverse")
    amount = COINS[4].maintenance_amount
    assert settled == pytest.approx(liquidation_price(60_000, 5, "long", 0.05, amount, size, contract="inverse"))
    assert settled > naive
    both = liquidation_price_in_brackets([60_000, 60_000], 5, ["long", "short"], size, COINS, contract="inverse")
    assert np.asarray(both)[0] == settled


def test_a_long_above_the_last_cap_at_liquidation_keeps_the_last_bracket() -> None:
    size = 399.0 * 60_000
    found = liquidation_price_in_brackets(60_000, 1.5, "long", size, COINS, contract="inverse")
    assert size / found > COINS[-1].cap
    assert found == pytest.approx(by_marginal_rates(60_000, 1.5, "long", size, COINS, 0.0))


def test_a_short_without_leverage_has_no_price() -> None:
    for brackets in (COINS, USD):
        found = liquidation_price_in_brackets(60_000, 1, ["short", "long"], 6e5, brackets, contract="inverse")
        assert np.isnan(np.asarray(found)).tolist() == [True, False]


def test_brackets_that_never_settle_give_the_nearer_price() -> None:
    jump = brackets_of([(900.0, 50.0, 0.0), (np.inf, 50.0, 0.019)], deducted=False)
    # A long of 885 coins: worth 905 by the first bracket, which is in the second; 888 by the second, in the first.
    price = liquidation_price_in_brackets(1.0, 885 / 20, "long", 885.0, jump, contract="inverse")
    assert price == pytest.approx(885 / (905 / 1.019))


def test_contracts_count_usd_whatever_the_price() -> None:
    size = 4e6
    price = liquidation_price_in_brackets(60_000, 3, ["long", "short"], size, USD, 0.0005, contract="inverse")
    wanted = liquidation_price(60_000, 3, ["long", "short"], 0.005, fee_rate=0.0005, contract="inverse")
    assert np.asarray(price).tolist() == np.asarray(wanted).tolist()


def test_arrays_broadcast_and_scalars_give_a_float() -> None:
    assert type(liquidation_price_in_brackets(60_000, 10, "long", 6e4, COINS, contract="inverse")) is float
    found = np.asarray(
        liquidation_price_in_brackets([[6e4], [3e4]], [5, 10], ["long", "short"], 6e5, COINS, contract="inverse")
    )
    assert found.shape == (2, 2)
    for i, entry in enumerate((6e4, 3e4)):
        for j, (leverage, side) in enumerate(((5, "long"), (10, "short"))):
            one = liquidation_price_in_brackets(entry, leverage, side, 6e5, COINS, contract="inverse")
            assert found[i, j] == one


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"contract": "linear"},
            "contract: need 'inverse', as the brackets are; got 'linear'. Pass contract='inverse'",
        ),
        ({"brackets": lw.load_brackets("binance")}, "contract: need 'linear', as the brackets are; got 'inverse'"),
        ({"brackets": [*COINS[:1], *lw.load_brackets("binance")[1:]]}, "brackets: need caps that rise and one unit"),
        ({"contract": "quanto"}, "contract: need one of 'linear', 'inverse'; got 'quanto'"),
        ({"leverage": 125}, "leverage: a position of 600,000 USD may have at most 100x; got 125x"),
        ({"size": 6e4 * 400.5}, "the largest bracket ends at 400 coins; got 400.5"),
        ({"size": 2.1e7, "brackets": USD}, "the largest bracket ends at 20,000,000 USD; got 21,000,000 USD"),
        ({"fee_rate": 0.02, "leverage": 50}, "would be liquidated at entry"),
        ({"size": -1}, "size: need finite numbers > 0; got -1"),
    ],
)
def test_refusals_say_what_was_wanted(change: dict[str, Any], said: str) -> None:
    arguments: dict[str, Any] = {"entry": 6e4, "leverage": 10, "side": "long", "size": 6e5, "brackets": COINS}
    with pytest.raises(InputError, match=said):
        liquidation_price_in_brackets(**{**arguments, "contract": "inverse", **change})


def test_the_table_of_the_tests_joins_up() -> None:
    for below, above in pairwise(COINS):
        wanted = [below.cap * b.maintenance_rate - b.maintenance_amount for b in (below, above)]
        assert wanted[0] == pytest.approx(wanted[1])
