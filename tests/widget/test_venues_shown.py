"""The venues of a combined market that a heatmap shows: what Python and the browser may write, and what follows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import liqwidget as lw
from liqwidget.widget.scored import Question
from liqwidget.widget.wire import decode_frame
from markets import walk


def combined(seed: int = 1, n: int = 60) -> lw.Market:
    first = walk(n, seed)
    rng = np.random.default_rng(seed)
    frame = first.candles
    second = frame.assign(volume=rng.gamma(2, 20, n), open_interest=700 + np.cumsum(rng.normal(0, 15, n)))
    return lw.combine({"one": first, "two": lw.Market.from_frame(second), "three": walk(n, seed, oi=False)})


@pytest.fixture
def hm():
    made = lw.LiquidationHeatmap(combined())
    yield made
    made.close()


def test_all_venues_are_shown_until_some_are_chosen(hm) -> None:
    assert hm.venues == ("one", "two", "three")
    whole, parts = hm.density, hm.density.by_venue()
    hm.venues = ["two", "one"]
    assert hm.venues == ("one", "two")  # in the market's order
    np.testing.assert_allclose(hm.density.opened, parts["one"].opened + parts["two"].opened, rtol=1e-9)
    assert hm.decay_rate == whole.decay_rate
    assert hm.selected().empty
    assert lw.LiquidationHeatmap(hm.market, venues=["three"]).venues == ("three",)
    hm.venues = None
    assert hm.venues == ("one", "two", "three")
    hm.venues = ["two"]
    hm.market = combined(2)
    assert hm.venues == ("one", "two", "three")
    hm.market = walk()
    assert hm.venues == ()


@pytest.mark.parametrize("venues", [[], ["four"], "four", ["one", "four"], [["one"]], [None], 3, {"one": 1}])
def test_other_venues_are_refused_and_the_browser_gets_the_old_ones_back(hm, venues) -> None:
    sent: list[object] = []
    hm.send_state = lambda key=None: sent.append(key)
    hm.set_state({"venues": venues})
    assert hm.venues == ("one", "two", "three")
    assert hm._status["state"] == "error"
    assert hm._status["message"].startswith("venues: wanted some of one, two, three; got ")
    assert "venues" in sent
    with pytest.raises(lw.InputError, match="venues: wanted some of"):
        hm.venues = venues


def test_the_browser_may_choose(hm) -> None:
    hm.set_state({"venues": ["two"]})
    assert hm.venues == ("two",)
    assert hm.get_state("venues") == {"venues": ["two"]}


def test_a_market_of_one_venue_has_none_to_choose() -> None:
    hm = lw.LiquidationHeatmap(walk())
    assert hm.venues == ()
    with pytest.raises(lw.InputError, match="venues: wanted none, as the market is of one venue; got 'one'"):
        hm.venues = ["one"]
    with pytest.raises(lw.InputError, match="venues: wanted none"):
        lw.LiquidationHeatmap(walk(), venues=["one"])


def test_the_frame_has_what_each_venue_trades(hm) -> None:
    frame = decode_frame(hm._bars)
    assert frame.meta["venues"] == ["one", "two", "three"]
    parts = hm.market.venues.values()
    np.testing.assert_allclose(frame.arrays["venue_volume"], [part.candles["volume"] for part in parts], rtol=1e-6)
    assert np.isnan(frame.arrays["venue_open_interest"][2]).all()
    assert (frame.arrays["venue_open_interest_change"][2] == 0).all()
    hm.market = walk()
    assert "venues" not in decode_frame(hm._bars).meta


def test_later_candles_bring_those_of_each_venue(hm) -> None:
    whole = combined()
    until = whole.candles.index[49]
    hm.market = whole.between(None, until)
    sent: list[tuple[Any, list[bytes]]] = []
    hm.send = lambda content, buffers=None: sent.append((content, buffers))
    hm.append(whole.tail(12), replace=True)
    tail = decode_frame(next(buffers[0] for content, buffers in sent if content["type"] == "tail"))
    assert tail.meta["from"] == 48
    assert tail.arrays["venue_volume"].shape == (3, 12)
    np.testing.assert_allclose(hm.density.opened, lw.LiquidationHeatmap(whole).density.opened, rtol=1e-9)


def test_a_part_of_the_venues_is_not_scored(hm) -> None:
    realised = (
        hm.market.candles[["close"]].iloc[:2].rename(columns={"close": "price"}).assign(side="long", notional=1.0)
    )
    hm.liquidations = realised.reset_index()
    hm.venues = ["one"]
    assert Question.of(hm.shown, None).answer()["reason"].startswith("only some venues are shown")


def test_a_link_names_the_venues(hm) -> None:
    hm.venues = ["two"]
    text = hm.view
    assert "venues=two" in text
    hm.venues = ["one"]
    hm.view = text
    assert hm.venues == ("two",)
    with pytest.raises(lw.InputError, match="venues: wanted some of"):
        hm.view = text.replace("venues=two", "venues=six")
    assert hm.venues == ("two",)
