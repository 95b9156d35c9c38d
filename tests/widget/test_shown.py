"""One state, replaced as a whole: a change is shown completely, or nothing has changed."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import liqwidget as lw
from liqwidget.errors import InputError
from liqwidget.widget import frames, marks
from liqwidget.widget.wire import decode_frame
from markets import walk

TIERS_32 = dict.fromkeys(range(2, 34), 1.0)


@pytest.fixture(scope="module")
def market():
    return walk(300, seed=5, price=60_000, tick=0.1, step_minutes=5, wild=0.1)


@pytest.fixture
def hm(market):
    widget = lw.LiquidationHeatmap(market)
    yield widget
    widget.close()


def candles(start, prices, minutes=5, **more):
    """Return candles whose open, high, low and close are equal, one every few minutes."""
    price = np.asarray(prices, float)
    time = pd.date_range(start, periods=len(price), freq=f"{minutes}min", tz=None if hasattr(start, "tz") else "UTC")
    return pd.DataFrame(
        {"time": time, "open": price, "high": price, "low": price, "close": price, "volume": 10.0, **more}
    )


def calm(n, seed=0):
    """Return a market that hardly moves, so that it has many fine rows."""
    prices = 100 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 2e-4, n)))
    return lw.Market.from_frame(candles("2026-01-01", prices))


def next_candle(hm, move=0.0):
    last = hm.market.candles
    return candles(last.index[-1] + hm.market.interval, [last["close"].iloc[-1] * (1 + move)])


def state(hm):
    """Return everything that a change could affect, except the status, which holds the error."""
    traits = {name: getattr(hm, name) for name in sorted(hm.trait_names()) if name not in ("_status", "comm")}
    return traits | {"market": hm.market, "ledger": hm.ledger, "liquidations": str(hm.liquidations)}


def agrees(hm):
    """Assert that the traits, the ledger and what a new view receives belong to one picture."""
    sent = hm.get_state()
    bars, model = decode_frame(sent["_bars"]), decode_frame(sent["_model"])
    assert bars.meta["revision"] == model.meta["bars"]
    assert model.meta["revision"] == hm._revision
    assert model.meta["row_size"] == hm.ledger.bin_size
    assert hm.bin_size == hm.density.bin_size
    assert model.meta["leverage"] == hm.ledger.leverage.tolist()
    assert model.meta["settings"] == dict(hm.shown.settings)
    assert {name: getattr(hm, name) for name in hm.shown.settings} == dict(hm.shown.settings)
    assert bars.meta["candles"] == len(hm.market) == len(hm.ledger)
    assert set(hm.leverage_mix) <= set(hm.ledger.leverage.tolist())
    assert np.isfinite(hm.density.values.sum(dtype=float))


class Broken(lw.LiqError):
    """The error raised by a part in these tests."""


def breaks(*_args, **_kwargs):
    raise Broken("broken")


CHANGES = {
    "bin_size": lambda hm: setattr(hm, "bin_size", hm.bin_size * 2),
    "leverage_mix": lambda hm: setattr(hm, "leverage_mix", {7: 1}),
    "market": lambda hm: setattr(hm, "market", calm(50)),
    "append": lambda hm: hm.append(next_candle(hm)),
    "append beyond the grid": lambda hm: hm.append(next_candle(hm, 0.5)),
    "turnover": lambda hm: setattr(hm, "turnover", 0.3),
    "apply": lambda hm: hm.apply(
        SimpleNamespace(leverage_mix={7: 1}, decay_rate=0.03, turnover=0.5, maintenance_rate=0.003, fee_rate=0.0)
    ),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("part", ["bars_arrays", "encode_frame", "auto_decay_rate", "Columns.of"])
def test_whatever_raises_on_the_way_leaves_everything_as_it_was(hm, monkeypatch, change, part):
    hm.liquidations = pd.DataFrame({"time": hm.market.candles.index[:2], "side": "long", "notional": 5.0})
    before = state(hm)
    with monkeypatch.context() as broken:
        if part == "Columns.of":
            broken.setattr(marks.Columns, "of", breaks)
        else:
            broken.setattr(frames, part, breaks)
        try:
            CHANGES[change](hm)
        except Broken:
            raised = True
        else:
            raised = False
    if raised:
        now = state(hm)
        assert [name for name in before if now[name] is not before[name] and now[name] != before[name]] == []
    agrees(hm)
    CHANGES[change](hm)
    agrees(hm)


def test_an_observer_that_raises_leaves_one_picture(hm):
    def fails(change):
        raise Broken(change["name"])

    hm.observe(fails, ["bin_size", "leverage_mix", "_revision"])
    with pytest.raises(Broken):
        hm.apply(SimpleNamespace(leverage_mix={7: 1}, decay_rate=0.03, turnover=0.5, maintenance_rate=0.0, fee_rate=0))
    assert (hm.leverage_mix, hm.turnover, hm.maintenance_rate) == ({7: 1}, 0.5, 0.0)
    agrees(hm)


def test_a_picture_travels_in_one_message(hm, monkeypatch):
    sent = []
    monkeypatch.setattr(hm, "_send", lambda message, buffers=None: sent.append(message))
    size = hm.bin_size
    hm.bin_size = size * 2
    hm.set_state({"bin_size": size * 4})
    updates = [message for message in sent if message["method"] == "update"]
    assert [message["state"] for message in updates] == [
        {"bin_size": size * 2, "bin_auto": False, "_auto_bin": None}
    ]  # the page has the second
    hm.maintenance_rate = 0.003
    assert [message["buffer_paths"] for message in sent if message["method"] == "update"][1:] == [[["_model"]]]


# Bin sizes


def test_an_append_beyond_the_rows_keeps_the_bins_or_says_which_it_shows():
    hm = lw.LiquidationHeatmap(calm(3_000), bin_size=0.06)
    assert (hm.ledger.bin_size, hm.bin_size) == (0.02, 0.06)
    hm.append(next_candle(hm, 0.14))
    assert len(hm.market) == 3_001
    assert hm.bin_size == 0.06
    agrees(hm)
    hm.market = lw.Market.from_frame(hm.market.candles * [3, 3, 3, 3, 1], symbol="TEST")
    rows = hm.bin_size / hm.ledger.bin_size
    assert rows == pytest.approx(round(rows))
    agrees(hm)
    hm.close()


# Tiers


def test_a_mix_of_32_tiers_works_without_presets(market):
    hm = lw.LiquidationHeatmap(market, TIERS_32)
    assert hm._presets == {}
    agrees(hm)
    np.testing.assert_allclose(hm.density.values, lw.estimate(market, TIERS_32).values, rtol=1e-5)
    hm.leverage_mix = "hot"
    assert set(hm._presets) == set(lw.PRESETS)
    agrees(hm)
    hm.close()


def test_a_living_widget_takes_any_mix_that_an_estimate_takes(hm, market):
    hm.leverage_mix = TIERS_32
    assert hm.leverage_mix == TIERS_32
    agrees(hm)
    np.testing.assert_allclose(hm.density.values, lw.estimate(market, TIERS_32).values, rtol=1e-5)
    hm.leverage_mix = {tier + 0.5: 1.0 for tier in range(2, 28)}
    assert set(hm._presets) == {"hot"}  # with any other preset there would be more than 32 tiers
    agrees(hm)


# Settings of the ledger


@pytest.mark.parametrize(
    ("name", "value"), [("turnover", 0.3), ("maintenance_rate", 0.006), ("fee_rate", 0.0005), ("span", 0.4)]
)
def test_a_setting_of_the_ledger_makes_a_new_picture(hm, market, name, value):
    heard: list[object] = []
    hm.observe(heard.append, name)
    setattr(hm, name, value)
    assert len(heard) == 1
    assert getattr(hm, name) == hm.shown.settings[name] == value
    want = lw.estimate(market, bin_size=hm.bin_size, **{name: value})
    np.testing.assert_allclose(hm.density.values, want.values, rtol=1e-6)
    agrees(hm)


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("turnover", 0),
        ("turnover", 1.5),
        ("turnover", True),
        ("turnover", float("nan")),
        ("maintenance_rate", -0.1),
        ("maintenance_rate", 0.5),
        ("maintenance_rate", "0.1"),
        ("fee_rate", float("inf")),
        ("span", 1),
        ("span", None),
    ],
)
def test_a_bad_setting_of_the_ledger_changes_nothing(hm, name, bad):
    before = state(hm)
    with pytest.raises(lw.InputError, match=name):
        setattr(hm, name, bad)
    assert state(hm) == before
    agrees(hm)


def test_presets_follow_the_maintenance_rate(market):
    hm = lw.LiquidationHeatmap(market, {5: 1, 10: 1})
    hm.maintenance_rate = 0.0125
    assert set(hm._presets) == {"on-chain"}
    agrees(hm)
    with pytest.raises(lw.InputError, match="leverage_mix"):
        hm.leverage_mix = {100: 1}
    hm.close()


# The automatic decay rate


def test_auto_is_a_state_that_follows_the_market(hm, market):
    assert hm.decay_auto is True
    assert hm.decay_rate == pytest.approx(lw.auto_decay_rate(market))
    hm.append(next_candle(hm, 0.01).assign(volume=1e6, open_interest=500.0))
    assert hm.decay_rate == pytest.approx(lw.auto_decay_rate(hm.market))
    assert hm.decay_rate != pytest.approx(lw.auto_decay_rate(market))
    hm.market = other = walk(100, seed=9, price=2.0, tick=0.0001)
    assert hm.decay_rate == pytest.approx(lw.auto_decay_rate(other))
    hm.turnover = 0.3
    assert hm.decay_rate == pytest.approx(lw.auto_decay_rate(other, 0.3))


def test_a_number_ends_auto_and_auto_begins_again(hm, market):
    hm.decay_rate = 0.5
    assert (hm.decay_auto, hm.decay_rate) == (False, 0.5)
    hm.market = other = walk(100, seed=9)
    assert hm.decay_rate == 0.5
    hm.decay_rate = "auto"
    assert (hm.decay_auto, hm.decay_rate) == (True, pytest.approx(lw.auto_decay_rate(other)))
    hm.decay_auto = False
    assert (hm.decay_auto, hm.decay_rate) == (False, pytest.approx(lw.auto_decay_rate(other)))
    hm.market = market
    assert hm.decay_rate == pytest.approx(lw.auto_decay_rate(other))
    hm.decay_auto = True
    assert hm.decay_rate == pytest.approx(lw.auto_decay_rate(market))
    assert lw.LiquidationHeatmap(market, decay_rate=0.1).decay_auto is False


def test_held_notifications_leave_auto_as_it_was_set(hm):
    with hm.hold_trait_notifications():
        hm.decay_rate = 0.5
        hm.decay_auto = True
    assert hm.decay_auto is True
    with hm.hold_trait_notifications():
        hm.decay_rate = 0.5
    assert (hm.decay_auto, hm.decay_rate) == (False, 0.5)


def test_the_browser_turns_auto_on_and_off(hm, market):
    hm.set_state({"decay_auto": False, "decay_rate": 0.25})
    assert (hm.decay_auto, hm.decay_rate) == (False, 0.25)
    hm.set_state({"decay_auto": True, "decay_rate": 0.26})
    assert (hm.decay_auto, hm.decay_rate) == (True, pytest.approx(lw.auto_decay_rate(market)))
    hm.set_state({"decay_rate": 0.25})
    assert (hm.decay_auto, hm.decay_rate) == (False, 0.25)
    hm.set_state({"decay_auto": "yes"})
    assert hm.decay_auto is False
    assert "decay_auto" in hm._status["message"]


def test_applying_a_calibration_ends_auto(hm):
    hm.apply(SimpleNamespace(leverage_mix={7: 1}, decay_rate=0.03, turnover=0.5, maintenance_rate=0.003, fee_rate=0.0))
    assert (hm.decay_auto, hm.decay_rate, hm.turnover, hm.maintenance_rate) == (False, 0.03, 0.5, 0.003)
    agrees(hm)


def test_auto_after_an_append_is_sent_with_the_candles(hm, monkeypatch):
    sent = []
    monkeypatch.setattr(hm, "_send", lambda message, buffers=None: sent.append(message))
    hm.append(next_candle(hm).assign(open_interest=500.0, volume=1e5))
    assert [message.get("state", message.get("content")) for message in sent] == [
        {"type": "tail"},
        {"decay_rate": hm.decay_rate},
    ]
    hm.decay_rate = 0.1
    sent.clear()
    hm.append(next_candle(hm).assign(open_interest=500.0))
    assert [message.get("content") for message in sent] == [{"type": "tail"}]


def test_the_view_chooses_the_bin_size_while_it_is_automatic(hm):
    usual, sizes = hm.bin_size, hm.shown.bin_sizes
    assert hm.bin_auto
    other = next(size for size in sizes if size != usual)
    hm.set_state({"_auto_bin": other})
    assert (hm.bin_size, hm.bin_auto, hm.density.grid.bin_size) == (other, True, other)
    hm.maintenance_rate = 0.005  # another picture of the same rows keeps it
    assert (hm.bin_size, hm.bin_auto) == (other, True)
    hm.set_state({"_auto_bin": 1.23})  # of rows that are gone: the view will choose again
    assert (hm.bin_size, hm.bin_auto, hm._status["state"]) == (usual, True, "idle")
    # A slider or Python ends it, whatever views still say.
    hm.set_state({"bin_size": other, "bin_auto": False})
    hm.set_state({"_auto_bin": usual})
    assert (hm.bin_size, hm.bin_auto, hm._auto_bin) == (other, False, None)
    hm.bin_size = "auto"
    assert (hm.bin_size, hm.bin_auto, hm._auto_bin) == (other, True, other)
    hm.bin_size = usual
    assert (hm.bin_size, hm.bin_auto) == (usual, False)
    hm.bin_auto = True
    assert hm.bin_auto
    hm.bin_auto = False
    assert (hm.bin_size, hm.bin_auto) == (usual, False)
    with pytest.raises(InputError, match="bin_size: wanted a positive number of USD or \"auto\"; got 'big'"):
        hm.bin_size = "big"
    with pytest.raises(InputError, match="bin_auto: wanted True or False; got 'auto'"):
        hm.bin_auto = "auto"
    assert (hm.bin_size, hm.bin_auto) == (usual, False)


def test_another_market_starts_with_its_own_usual_size(hm):
    hm.bin_size = hm.shown.bin_sizes[0]
    hm.market = walk(300, seed=3, price=2_000, tick=0.01)
    assert hm.bin_auto
    assert hm.bin_size == lw.LiquidationHeatmap(hm.market).bin_size
