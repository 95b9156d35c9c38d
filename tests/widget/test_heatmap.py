"""The widget's Python side: traits, checks, live candles. Pictures are tested in tests/browser."""

from __future__ import annotations

import threading

import numpy as np
import pandas as pd
import pytest

import liqwidget as lw
from liqwidget.widget.wire import decode_frame
from markets import walk


@pytest.fixture
def market():
    return walk(300, seed=5, price=60_000, tick=0.1, step_minutes=5, wild=0.1)


@pytest.fixture
def hm(market):
    widget = lw.LiquidationHeatmap(market)
    yield widget
    widget.close()


def next_candles(market, n=1, move=0.0):
    last = market.candles.iloc[-1]
    close = last["close"] * (1 + move)
    index = pd.date_range(market.candles.index[-1] + market.interval, periods=n, freq=market.interval, name="time")
    row = {"open": last["close"], "high": max(last["close"], close), "low": min(last["close"], close), "close": close}
    return pd.DataFrame([row | {"volume": 200.0, "open_interest": last["open_interest"]}] * n, index=index)


def test_the_frames_hold_candles_and_model(hm, market):
    bars, model = decode_frame(hm._bars), decode_frame(hm._model)
    np.testing.assert_array_equal(bars.arrays["close"], market.candles["close"])
    assert bars.meta["symbol"] == "TEST"
    assert model.meta["row_size"] == 10.0 == hm.ledger.bin_size  # at most 0.03 % of about 60,000
    assert model.meta["turnover"] == "auto"
    assert set(hm.leverage_mix) <= set(model.meta["leverage"])
    assert {tier for preset in hm._presets.values() for tier in preset} == {f"{t:g}" for t in model.meta["leverage"]}
    assert model.meta["bars"] == bars.meta["revision"]
    assert hm._ledger == b""  # used only for windows of a history


def test_density_is_the_estimate_of_the_present_settings(hm, market):
    want = lw.estimate(market)
    np.testing.assert_allclose(hm.density.values, want.values, rtol=1e-6)
    hm.leverage_mix = {5: 1, 20: 3}
    hm.decay_rate = 0.2
    want = lw.estimate(market, {5: 25, 20: 75}, 0.2)
    np.testing.assert_allclose(hm.density.values, want.values, rtol=1e-6)
    assert hm.density is hm.density


def test_a_bin_size_only_adds_rows_up(hm):
    bars, model, before = hm._bars, hm._model, hm.density
    hm.bin_size = hm.bin_size * 2
    assert (hm._bars, hm._model) == (bars, model)  # nothing is sent to the browser
    assert hm.density.bin_size == hm.bin_size == 2 * before.bin_size
    np.testing.assert_allclose(hm.density.values.sum(axis=0), before.values.sum(axis=0), rtol=1e-5)
    for name in ("liquidated_long", "liquidated_short", "decayed", "standing_long", "out_of_range_short"):
        np.testing.assert_array_equal(getattr(hm.density, name), getattr(before, name))


@pytest.mark.parametrize(("asked", "shown"), [(25, 20), (1e-6, 10), (70, 70), (1e5 + 1, 1000)])
def test_a_bin_size_that_is_no_multiple_of_the_rows_is_rounded_and_says_so(hm, asked, shown):
    shown = min(hm._bin_sizes, key=lambda size: abs(np.log(size / asked))) if asked != shown else shown
    hm.bin_size = asked
    assert hm.bin_size == hm.density.bin_size == shown
    assert ("bin_size" in hm._status["message"]) == (asked != shown)


def test_a_tier_that_no_preset_has_is_added_from_python(hm):
    hm.leverage_mix = {7: 1, "12.5": 1}
    assert {7.0, 12.5} <= set(decode_frame(hm._model).meta["leverage"])
    assert hm.get_state("leverage_mix")["leverage_mix"] == {"7": 1, "12.5": 1}
    assert hm.density.values.max() > 0


def test_decay_auto_asks_the_market(hm, market):
    hm.decay_rate = 1.0
    hm.decay_rate = "auto"
    assert hm.decay_rate == pytest.approx(lw.auto_decay_rate(market))


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("leverage_mix", {}),
        ("leverage_mix", {5: float("nan")}),
        ("leverage_mix", {5: True}),
        ("leverage_mix", {5: -1}),
        ("leverage_mix", {500: 1}),
        ("leverage_mix", "cold"),
        ("decay_rate", -0.1),
        ("decay_rate", float("nan")),
        ("decay_rate", True),
        ("decay_rate", "fast"),
        ("bin_size", 0),
        ("bin_size", float("inf")),
        ("bin_size", True),
        ("bin_size", "wide"),
        ("palette", "jet"),
        ("scale", "cubic"),
        ("threshold", (0.5, 0.5)),
        ("threshold", (0, float("nan"))),
        ("threshold", [0.1]),
        ("opacity", 2),
        ("opacity", True),
        ("opacity", float("nan")),
        ("selection", {"time_from": 1}),
        ("selection", {"time_from": 2, "time_to": 1, "price_low": 1, "price_high": 2}),
        ("selection", [1, 2]),
        ("visible", {"time_from": 1, "time_to": "x"}),
        ("bubbles", "yes"),
        ("bubbles", None),
        ("layer", "neither"),
        ("layer", None),
        ("layer", True),
    ],
)
def test_bad_values_are_refused_from_python_and_sent_back_to_the_browser(hm, monkeypatch, name, bad):
    before, frames = hm.get_state(name), (hm._bars, hm._model)
    with pytest.raises(lw.InputError, match=name):
        setattr(hm, name, bad)
    assert hm.get_state(name) == before
    sent = []
    monkeypatch.setattr(hm, "send_state", lambda key=None: sent.append(key))
    hm.set_state({name: bad})
    assert hm.get_state(name) == before
    assert (hm._bars, hm._model) == frames
    assert name in sent
    assert hm._status["state"] == "error"
    assert name in hm._status["message"]


def test_few_candles_have_no_more_rows_than_the_wire_has():
    hm = lw.LiquidationHeatmap(walk(5, price=60_000))
    assert hm.ledger.grid.rows <= 65_535
    hm.bin_size = 0.1
    assert hm.bin_size == hm.ledger.bin_size  # one bin per row
    hm.close()


def test_an_error_is_gone_after_the_next_good_value(hm):
    hm.set_state({"decay_rate": -1})
    hm.set_state({"decay_rate": 0.5})
    assert hm.decay_rate == 0.5
    assert hm._status == {"state": "idle", "message": ""}


def test_the_browser_writes_only_what_it_may(hm):
    frames = hm._bars, hm._model, hm._ledger, hm._esm, hm._css, hm._events, hm._positions, hm._live
    for name in (
        "_bars",
        "_model",
        "_ledger",
        "_esm",
        "_css",
        "_status",
        "_presets",
        "_bin_sizes",
        "_events",
        "_positions",
        "_live",
        "theme",
        "height",
        "_view_name",
    ):
        hm.set_state({name: b"x" if name in ("_bars", "_ledger", "_events", "_positions") else "x"})
    assert frames == (hm._bars, hm._model, hm._ledger, hm._esm, hm._css, hm._events, hm._positions, hm._live)
    assert hm.theme == "auto"
    assert hm._status["state"] == "idle"
    hm.set_state({"leverage_mix": {"5": 40, "10": 60}, "palette": "viridis", "bubbles": False, "_esm": "alert(1)"})
    assert hm.bubbles is False
    assert hm.leverage_mix == {5: 40, 10: 60}
    assert hm.palette == "viridis"


def test_the_browser_adds_no_tiers(hm):
    hm.set_state({"leverage_mix": {"7": 1}})
    assert 7 not in hm.leverage_mix
    assert "tier 7" in hm._status["message"]


def test_misspelt_keywords_are_refused_with_the_nearest_names(market):
    with pytest.raises(lw.InputError, match="palette"):
        lw.LiquidationHeatmap(market, pallete="viridis")  # type: ignore[call-arg]
    with pytest.raises(lw.InputError, match=r"Market\.from_frame"):
        lw.LiquidationHeatmap(market.candles)


def test_impossible_presets_are_not_offered(market):
    hm = lw.LiquidationHeatmap(market, {5: 1, 10: 1}, maintenance_rate=0.0125)
    assert set(hm._presets) == {"on-chain"}
    with pytest.raises(lw.InputError, match="100"):
        hm.leverage_mix = {100: 1}
    hm.close()


def test_append_sends_a_small_tail_and_the_picture_equals_a_fresh_one(hm, market, monkeypatch):
    sent = []
    hm.decay_rate = 0.02  # the automatic rate would follow the candles
    monkeypatch.setattr(hm, "send", lambda content, buffers=None: sent.append((content, buffers)))
    monkeypatch.setattr(hm, "send_state", lambda key=None: sent.append(("state", key)))
    before = hm._model
    for step in (0.001, -0.002, 0.0005):
        hm.append(next_candles(hm.market, move=step))
    forming = next_candles(hm.market, move=0.001)
    forming.index = hm.market.candles.index[-1:]
    hm.append(forming)
    assert [content for content, _ in sent] == [{"type": "tail"}] * 4
    assert all(len(buffers[0]) <= 4096 for _, buffers in sent)
    assert hm._trait_values["_model"] == before
    tail = decode_frame(sent[-1][1][0])
    assert tail.meta["from"] == len(market) + 2
    assert tail.meta["base"] == tail.meta["revision"] - 1
    assert len(hm.market) == len(market) + 3
    fresh = lw.build_ledger(hm.market, hm.ledger.leverage, turnover="auto")
    shift = fresh.grid.first - hm.ledger.grid.first
    hm.bin_size = hm.ledger.bin_size
    values, want = hm.density.values, fresh.replay(hm.decay_rate, hm.shown.weights).values
    rows = min(values.shape[0] - max(shift, 0), want.shape[0] - max(-shift, 0))
    np.testing.assert_allclose(values[max(shift, 0) :][:rows], want[max(-shift, 0) :][:rows], rtol=1e-6, atol=1e-3)


def test_whoever_joins_after_live_candles_gets_them_all(hm, market):
    hm.append(next_candles(market, 2))
    state = hm.get_state()
    assert len(decode_frame(state["_bars"]).arrays["close"]) == len(market) + 2
    assert decode_frame(state["_model"]).meta["revision"] == hm._shown.picture.revision
    assert len(hm.ledger) == len(market) + 2


def test_a_new_model_after_live_candles_brings_them_along(hm, market):
    hm.append(next_candles(market))
    hm.maintenance_rate = 0.003
    assert len(decode_frame(hm._bars).arrays["close"]) == len(market) + 1
    assert decode_frame(hm._bars).meta["revision"] == decode_frame(hm._model).meta["bars"]
    hm.append(next_candles(hm.market))
    hm.get_state()  # another view joins and receives both
    hm.maintenance_rate = 0.004
    assert len(decode_frame(hm._bars).arrays["close"]) == len(hm.ledger) == len(market) + 2
    assert decode_frame(hm._bars).meta["revision"] == decode_frame(hm._model).meta["bars"]


def test_a_lost_tail_is_made_good_on_request(hm, market, monkeypatch):
    hm.append(next_candles(market))
    sent = []
    monkeypatch.setattr(hm, "send_state", lambda key=None: sent.append(key))
    hm._handle_custom_msg({"type": "resync", "revision": hm._shown.picture.revision}, [])
    assert sent == []
    hm._handle_custom_msg({"type": "resync", "revision": hm._shown.picture.revision - 1}, [])
    assert sent == [("_bars", "_model", "_ledger")]
    hm._handle_custom_msg({"type": "format the disk"}, [])
    hm._handle_custom_msg("nonsense", [])
    assert len(sent) == 1


def test_a_price_that_leaves_the_grid_makes_a_new_one(hm, market):
    top = hm.ledger.price_edges[-1]
    hm.append(next_candles(market, move=0.3))
    assert hm.ledger.price_edges[-1] > top
    assert decode_frame(hm._model).meta["rows"] == hm.ledger.grid.rows
    assert len(decode_frame(hm._bars).arrays["close"]) == len(market) + 1


def test_bad_live_candles_change_nothing(hm, market):
    bad = next_candles(market)
    bad["low"] = -1.0
    with pytest.raises(lw.InputError):
        hm.append(bad)
    assert hm.market is market


def test_another_market_takes_the_place_of_the_first(hm):
    other = walk(100, seed=9, price=2.0, tick=0.0001)
    hm.selection = {"time_from": 0, "time_to": 1, "price_low": 1, "price_high": 2}
    hm.market = other
    assert hm.selection is None
    assert hm.bin_size < 0.1
    assert len(decode_frame(hm._bars).arrays["close"]) == 100
    assert decode_frame(hm._model).meta["row_size"] == hm.ledger.bin_size <= 0.03 / 100 * 2.1


def test_candles_are_sent_as_they_are_however_many(monkeypatch):
    market = walk(12_001, seed=2, price=60_000, step_minutes=1, wild=0.05, oi=False)
    hm = lw.LiquidationHeatmap(market, bin_size=200)
    bars = decode_frame(hm._bars)
    np.testing.assert_array_equal(bars.arrays["close"], market.candles["close"])
    assert not any("columns" in notice for notice in bars.meta["notices"])
    assert hm.density.values.shape[1] == 12_001
    sent = []
    monkeypatch.setattr(hm, "send", lambda content, buffers=None: sent.append(buffers[0]))
    candle = market.candles.iloc[-1:].copy()
    for _ in range(4):
        candle.index = candle.index + market.interval
        hm.append(candle)
    columns = [(decode_frame(frame).meta["from"], len(decode_frame(frame).arrays["close"])) for frame in sent]
    assert columns == [(12_001 + k, 1) for k in range(4)]
    hm.close()


def test_selected_gives_the_cells_in_the_box_and_the_levels_they_make(hm, market):
    assert len(hm.selected()) == len(hm.selected(cells=True)) == 0
    times, close = market.candles.index, market.candles["close"].iloc[-1]
    hm.selection = {
        "time_from": times[100].value / 1e6,
        "time_to": times[120].value / 1e6,
        "price_low": close * 0.9,
        "price_high": close * 1.1,
    }
    cells = hm.selected(cells=True)
    assert list(cells.columns) == ["time", "price", "side", "density"]
    assert cells["time"].between(times[100], times[120]).all()
    assert cells["price"].between(close * 0.9, close * 1.1).all()
    frame = hm.density.to_frame()
    inside = frame["time"].between(times[100], times[120]) & frame["price"].between(close * 0.9, close * 1.1)
    assert cells["density"].sum() == pytest.approx(frame.loc[inside, "density"].sum())
    at = market.candles["close"].reindex(cells["time"]).to_numpy()
    apart = np.abs(cells["price"] - at) > hm.bin_size / 2  # the bin that holds the close has both sides
    np.testing.assert_array_equal((cells["side"] == "long")[apart], (cells["price"] < at)[apart])

    levels = hm.selected()
    assert list(levels.columns) == ["price", "long", "short", "first", "last"]
    assert levels["price"].is_unique
    assert levels["price"].is_monotonic_increasing
    assert levels["price"].tolist() == sorted(set(cells["price"]))
    swept = 0
    for level in levels.itertuples():
        here = cells[cells["price"] == level.price]
        assert (level.first, level.last) == (here["time"].min(), here["time"].max())
        then = here[here["time"] == level.last].set_index("side")["density"]
        assert (level.long, level.short) == (then.get("long", 0), then.get("short", 0))
        swept += level.last < times[120]
    assert 0 < swept < len(levels)


def test_hostile_text_stays_text(market):
    evil = "<img src=x onerror=alert(1)>"
    hm = lw.LiquidationHeatmap(lw.Market.from_frame(market.candles, symbol=evil, exchange="</script>"))
    assert decode_frame(hm._bars).meta["symbol"] == evil
    assert evil not in hm.market._repr_html_()
    hm.close()


def test_messages_on_two_threads_do_not_cross(hm):
    failures = []

    def drag(name, values):
        try:
            for value in values:
                hm.set_state({name: value})
        except Exception as error:
            failures.append(error)

    sizes = [hm.bin_size * k for k in (1, 2, 4)] * 5
    threads = [
        threading.Thread(target=drag, args=("bin_size", sizes)),
        threading.Thread(target=drag, args=("decay_rate", [0.01 * k for k in range(100)])),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert hm.bin_size == hm.density.bin_size == sizes[-1]
    assert hm._status["state"] == "idle"


def test_every_bin_size_on_offer_is_a_picture(hm):
    for size in hm._bin_sizes:
        hm.bin_size = size
        assert 24 <= hm.density.grid.rows <= hm.ledger.grid.rows


def long_market(candles):
    close = (30_000 + 3_000 * np.sin(np.arange(candles) / 5_000)).round(1)
    index = pd.date_range("2022-01-01", periods=candles, freq="1min", tz="UTC", name="time")
    columns = {"open": close, "high": close + 10, "low": close - 10, "close": close, "volume": 1.0}
    return lw.Market.from_frame(pd.DataFrame(columns, index=index))


def test_many_candles_point_to_histories_and_too_many_are_refused():
    market = long_market(500_000)
    for candles, told in ((50_000, False), (50_001, True), (500_000, True)):
        hm = lw.LiquidationHeatmap(market.tail(candles))
        notices = decode_frame(hm._bars).meta["notices"]
        assert any("lw.history" in notice for notice in notices) == told
        assert len(hm._bars) < 10 * candles
    before = (hm.market, hm._bars, hm._model, hm._revision)
    more = market.candles.tail(1).set_index(market.candles.index[-1:] + market.interval)
    for change in (lambda: hm.append(more), lambda: setattr(hm, "market", market.append(more))):
        with pytest.raises(lw.InputError, match=r"market: wanted at most 500,000 candles .* got 500,001.*lw.history"):
            change()
        assert (hm.market, hm._bars, hm._model, hm._revision) == before
