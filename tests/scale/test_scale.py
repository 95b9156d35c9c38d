"""Pieces of a history that are computed separately and joined, against one pass over the whole."""

from __future__ import annotations

from functools import reduce
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import liqwidget as lw
from liqwidget import Market
from liqwidget.model.build import ledger_on
from liqwidget.scale.piece import Piece, Step
from markets import walk

RATE = 0.05
TIERS = (5, 10, 25, 100)


def pieces(market: Market, cuts: list[int], ledger: lw.Ledger, weights, kept) -> list[Piece]:
    """The market cut before the given candles; each piece knows only the candle before it."""
    made = []
    for a, b in pairwise([0, *cuts, len(market)]):
        since = min(a, 1)
        part = Market.from_frame(market.candles.iloc[a - since : b])
        mine = kept[(kept >= a) & (kept < b)] - a
        own = ledger_on(part, since, ledger.grid, ledger.leverage, ledger.settings)
        made.append(Piece.of(own, RATE, weights, mine))
    return made


def joined(made: list[Piece], planes: int, rows: int):
    """The density at all kept closes."""
    state, found = np.zeros((planes, rows)), []
    for piece in made:
        found.append(piece.on(state))
        state = piece.step.after(state)
    return np.concatenate(found), state


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.lists(st.integers(1, 299), max_size=12, unique=True), st.booleans())
def test_pieces_joined_are_one_pass(seed: int, cuts: list[int], mixed: bool) -> None:
    market = walk(300, seed=seed, price=60_000, tick=0.1, wild=0.3, gaps=True)
    ledger = lw.build_ledger(market, TIERS, 200.0)
    weights = np.array([0.4, 0.3, 0.2, 0.1]) if mixed else None
    kept = np.arange(3, len(market), 7)
    made = pieces(market, sorted(cut for cut in cuts if cut < len(market)), ledger, weights, kept)
    whole = ledger.replay(RATE, weights, kept).values
    found, last = joined(made, 1 if mixed else len(TIERS), ledger.grid.rows)
    one = np.moveaxis(whole, -1, 0).reshape(found.shape)
    assert np.abs(found - one).max() <= 1e-6 * one.max()
    assert last == pytest.approx(ledger.replay(RATE, weights).values[..., -1].reshape(last.shape), rel=1e-6, abs=1e-3)


@pytest.mark.parametrize("size", [1, 7, 1_000])
def test_pieces_of_any_size(size: int) -> None:
    market = walk(2_000, seed=3, price=60_000, tick=0.1, wild=0.2)
    ledger = lw.build_ledger(market, TIERS, 500.0)
    kept = np.arange(0, 2_000, 50)
    made = pieces(market, list(range(size, 2_000, size)), ledger, None, kept)
    found, _ = joined(made, len(TIERS), ledger.grid.rows)
    one = np.moveaxis(ledger.replay(RATE, None, kept).values, -1, 0)
    assert np.abs(found - one).max() <= 1e-6 * one.max()


def test_steps_compose_in_any_grouping() -> None:
    rng = np.random.default_rng(0)
    steps = [Step(rng.uniform(0, 1, 50) * (rng.random(50) < 0.8), rng.uniform(0, 9, (3, 50))) for _ in range(9)]
    left = reduce(Step.then, steps)
    right = reduce(lambda later, earlier: earlier.then(later), steps[::-1])
    middle = reduce(Step.then, steps[:4]).then(reduce(Step.then, steps[4:]))
    state = rng.uniform(0, 9, (3, 50))
    one = reduce(lambda s, step: step.after(s), steps, state)
    for way in (left, right, middle):
        np.testing.assert_allclose(way.after(state), one, rtol=1e-12)
