"""Nearness: which clusters are near, who is told of them and when, and what the browser gets."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import liqwidget as lw
from liqwidget.widget.near import Rule, Watch
from markets import walk

WIDE = {"distance": 0.2, "notional": 1e5}


@pytest.fixture
def market():
    return walk(300, seed=5, price=60_000, tick=0.1, step_minutes=5, wild=0.1)


@pytest.fixture
def hm(market):
    widget = lw.LiquidationHeatmap(market, {20: 1, 50: 1})
    yield widget
    widget.close()


@pytest.fixture
def clock(monkeypatch):
    """Return a clock that tests set, ns since 1970."""
    now = [1_767_225_600_000 * 10**6]
    monkeypatch.setattr("liqwidget.widget.near.time.time_ns", lambda: now[0])
    return now


def moved(market, move=0.0):
    """Return the next candle, which closes this far from the last close."""
    last = market.candles.iloc[-1]["close"]
    close = last * (1 + move)
    index = pd.DatetimeIndex([market.candles.index[-1] + market.interval], name="time")
    prices = {"open": last, "high": max(last, close), "low": min(last, close), "close": close}
    return pd.DataFrame([prices | {"volume": 60.0, "open_interest": market.candles["open_interest"].iloc[-1]}], index)


def want(hm, distance, notional):
    """The clusters near the last close, by the table of clusters."""
    table = hm.density.clusters(top=10_000)
    table = table[(table["distance"].abs() <= distance) & (table["notional"] >= notional)]
    return table.sort_values("distance", key=abs)


@pytest.mark.parametrize(("distance", "notional"), [(0.02, 0), (0.1, 1e6), (1, 0), (1, 1e15)])
def test_near_are_the_clusters_within_the_distance_of_at_least_the_notional(hm, distance, notional):
    hm.on_near(distance, notional)
    table = want(hm, distance, notional)
    assert len(table) > 0 or notional == 1e15
    assert [level["peak_price"] for level in hm.near] == table["peak_price"].tolist()
    for level, (_, row) in zip(hm.near, table.iterrows(), strict=True):
        assert {name: level[name] for name in row.index if name in level} == row.drop("to_reach").to_dict()
        assert level["side"] == ("long" if level["distance"] < 0 else "short")
    assert json.loads(json.dumps(hm.near)) == hm.near


def test_it_follows_data_and_settings(hm, market):
    hm.on_near(**WIDE)
    before = hm.near
    hm.append(moved(market, -0.01))
    assert [level["peak_price"] for level in hm.near] == want(hm, *WIDE.values())["peak_price"].tolist()
    assert hm.near != before
    for name, value in [("bin_size", 100), ("leverage_mix", {5: 1}), ("decay_rate", 1.0), ("turnover", 0.2)]:
        before = hm.near
        setattr(hm, name, value)
        assert [level["peak_price"] for level in hm.near] == want(hm, *WIDE.values())["peak_price"].tolist()
        assert hm.near != before, name
    before = hm.near
    hm.set_state({"leverage_mix": {"50": 1}})
    assert hm.near != before
    hm.market = walk(50, seed=1, price=3_000, tick=0.1)
    assert all(level["price_high"] < 6_000 for level in hm.near)


def test_the_callback_is_called_on_entering_and_again_after_leaving(hm, clock):
    told: list[Any] = []
    table = hm.density.clusters(top=100)
    above = table[table["side"] == "short"].iloc[0]  # the largest
    hm.on_near(
        abs(above["distance"]) - 0.004,
        above["notional"] * 0.9,
        lambda level: told.append(level) if level["side"] == "short" else None,
    )

    def near():
        return [level["entered"] for level in hm.near if level["side"] == "short"]

    assert (told, near()) == ([], [])
    hm.append(moved(hm.market, 0.006))
    assert len(told) == 1
    assert told[0]["price_low"] < above["peak_price"] < told[0]["price_high"]
    assert near() == [told[0]["entered"]] == [clock[0] // 10**6]
    clock[0] += 60 * 10**9
    hm.append(moved(hm.market, 0.0001))  # still near
    hm.bin_size = 2 * hm.bin_size  # the same cluster in other bins
    assert len(told) == 1
    assert near() == [told[0]["entered"]]
    hm.append(moved(hm.market, -0.004))  # outside, but not far
    assert near() == []
    hm.append(moved(hm.market, 0.004))
    assert len(told) == 1
    hm.append(moved(hm.market, -0.02))  # it has left
    hm.append(moved(hm.market, 0.02))
    assert len(told) == 2


def test_the_callback_is_called_again_after_the_cooldown(hm, market, clock):
    told: list[Any] = []
    hm.on_near(**WIDE, callback=told.append, cooldown=60)
    first = len(told)
    assert first == len(hm.near) > 0  # those that are near already
    clock[0] += 59 * 10**9
    hm.append(moved(hm.market))
    assert len(told) == first
    clock[0] += 10**9
    hm.append(moved(hm.market))
    assert len(told) == 2 * first
    assert {level["entered"] for level in hm.near} == {clock[0] // 10**6}


def test_an_exception_in_a_callback_is_logged_and_shown_and_stops_nothing(hm, market, caplog):
    told: list[Any] = []

    def fails(level):
        told.append(level)
        raise RuntimeError("no mail server")

    hm.on_near(**WIDE, callback=fails, cooldown=0)
    assert "on_near: the callback failed with RuntimeError: no mail server" in hm._status["message"]
    assert "no mail server" in caplog.text
    before = len(told)
    hm.append(moved(market))
    assert len(hm.market) == len(market) + 1
    assert len(told) > before  # it stays registered
    assert hm.near


def test_a_removed_watch_tells_nothing_more(hm, market):
    told: list[object] = []
    others: list[object] = []
    watch = hm.on_near(**WIDE, callback=told.append, cooldown=0)
    other = hm.on_near(0.05, 0, others.append, cooldown=0)
    assert hm._near_rules == [{"distance": 0.05, "notional": 0}, {"distance": 0.2, "notional": 1e5}]
    watch.remove()
    watch.remove()
    assert hm._near_rules == [{"distance": 0.05, "notional": 0}]
    assert [level["peak_price"] for level in hm.near] == want(hm, 0.05, 0)["peak_price"].tolist()
    before = len(told), len(others)
    hm.append(moved(market))
    assert len(told) == before[0]
    assert len(others) > before[1]
    other.remove()
    assert (hm.near, hm._near_rules) == ([], [])


def test_a_callback_may_remove_its_own_watch_and_change_the_widget(hm, market):
    told: list[Any] = []

    def once(level):
        told.append(level)
        watch.remove()
        hm.bin_size = 2 * hm.bin_size

    watch = hm.on_near(0.001, 1e15)
    watch.remove()
    watch = hm.on_near(**WIDE, callback=lambda level: None)
    watch.remove()
    size = hm.bin_size
    watch = hm.on_near(0.0001, 1e15, once)
    watch.rule = Rule(0.2, 1e5, 3600)
    hm.append(moved(market))
    assert len(told) == 1
    assert hm.bin_size == 2 * size
    assert hm.near == []


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("distance", 0),
        ("distance", -0.01),
        ("distance", 1.5),
        ("distance", True),
        ("distance", "near"),
        ("distance", float("nan")),
        ("notional", -1),
        ("notional", None),
        ("notional", float("inf")),
        ("cooldown", -1),
        ("cooldown", "hour"),
        ("callback", "print"),
    ],
)
def test_bad_arguments_are_refused_and_nothing_is_watched(hm, name, bad):
    with pytest.raises(lw.InputError, match=f"{name}: wanted .*; got .*"):
        hm.on_near(**{name: bad})
    assert hm._near_rules == []


def test_the_browser_cannot_write_them(hm):
    hm.on_near(**WIDE)
    before = hm.near
    hm.set_state({"near": [], "_near_rules": []})
    assert hm.near == before
    assert len(hm._near_rules) == 1


def level(low, high, distance=0.0, notional=1e9, side="long"):
    peak = (low + high) / 2
    names = ("side", "price_low", "price_high", "peak_price", "notional", "distance")
    return dict(zip(names, (side, low, high, peak, notional, distance), strict=True))


@given(st.lists(st.tuples(st.floats(0, 0.02), st.floats(0, 2e6), st.booleans()), max_size=30))
def test_a_cluster_enters_at_most_once_until_it_has_left(moments):
    """Against the rule in words, for one cluster that moves, grows and goes."""
    rule = Rule(0.01, 1e6, 1e12)
    watch, inside = Watch(rule, None, lambda _: None), False
    for now, (distance, notional, exists) in enumerate(moments):
        is_near = exists and distance <= 0.01 and notional >= 1e6
        entering = watch.entering([level(1, 2, distance, notional)] if exists else [], now)
        assert len(entering) == (is_near and not inside)
        assert len(watch.near) == is_near
        if is_near:
            inside = True
        elif not exists or distance > 0.0125 or notional < 0.8e6:
            inside = False


def test_sides_are_apart_and_parts_of_a_cluster_belong_together():
    watch = Watch(Rule(1, 0, 1e12), None, lambda _: None)
    assert len(watch.entering([level(1, 4)], 1)) == 1
    assert watch.entering([level(1, 2), level(3, 4)], 2) == []
    assert [each["entered"] for each in watch.near] == [1, 1]
    assert len(watch.entering([level(1, 2), level(3, 4), level(1, 4, side="short"), level(4, 5)], 3)) == 2
    assert watch.entering([level(1, 5)], 4) == []  # joined
