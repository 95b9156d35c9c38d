"""A replay in Python: nothing that comes later than its time is in any number, table or picture."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest

import liqwidget as lw
from liqwidget.errors import InputError
from markets import walk


@pytest.fixture
def market():
    base = walk(300, seed=5, price=60_000, tick=0.1, step_minutes=5, wild=0.1)
    index = base.candles.index
    rows = {"time": index[[40, 150, 151, 290]] + pd.Timedelta("1min"), "side": ["long", "short", "long", "short"]}
    prices = {"price": base.candles["close"].iloc[[40, 150, 151, 290]].to_numpy(), "quantity": [1.0, 2.0, 3.0, 4.0]}
    liquidations = pd.DataFrame(rows | prices)
    return lw.Market.from_frame(base.candles.copy(), symbol="TEST", liquidations=liquidations)


@pytest.fixture
def hm(market):
    widget = lw.LiquidationHeatmap(market)
    yield widget
    widget.close()


def close_of(market: lw.Market, candle: int) -> pd.Timestamp:
    return market.candles.index[candle] + market.interval


@pytest.mark.parametrize("candle", [0, 1, 150, 298, 299])
def test_the_density_is_the_first_columns_of_the_whole(hm, market, candle):
    whole = hm.density
    hm.as_of = close_of(market, candle)
    assert hm.as_of == close_of(market, candle).timestamp() * 1000
    shown = hm.density
    np.testing.assert_array_equal(shown.values, whole.values[:, : candle + 1])
    np.testing.assert_array_equal(shown.time, whole.time[: candle + 1])
    for name in ("opened", "liquidated_long", "liquidated_short", "decayed", "out_of_range_long"):
        np.testing.assert_allclose(getattr(shown, name), getattr(whole, name)[: candle + 1], rtol=1e-12)
    pd.testing.assert_frame_equal(shown.profile(), whole.profile(at=candle))
    pd.testing.assert_frame_equal(shown.clusters(), whole.clusters(at=candle))
    hm.as_of = None
    np.testing.assert_array_equal(hm.density.values, whole.values)


def test_a_candle_is_shown_from_its_close_on(hm, market):
    for moment, columns in (
        (close_of(market, 9) - pd.Timedelta("1ms"), 9),
        (close_of(market, 9), 10),
        (close_of(market, 9) + pd.Timedelta("299s"), 10),
        (market.candles.index[-1] + pd.Timedelta("9D"), 300),
    ):
        hm.as_of = moment
        assert len(hm.density.time) == columns


@pytest.mark.parametrize(
    "value", ["2024-01-01 12:00", pd.Timestamp("2024-01-01 13:00", tz="Europe/Paris"), 1_704_110_400_000]
)
def test_times_are_taken_in_every_form(value):
    candles = walk(300, seed=5, step_minutes=5).candles.copy()
    candles.index = pd.date_range("2024-01-01", periods=300, freq="5min", tz="UTC", name="time")
    hm = lw.LiquidationHeatmap(lw.Market.from_frame(candles), as_of=value)
    assert hm.as_of == 1_704_110_400_000
    assert len(hm.density.time) == 144
    hm.close()


def test_tables_and_pictures_end_there(hm, market, tmp_path):
    now = hm.still_bundle()["text/html"]
    last = market.candles.index
    hm.selection = {
        "time_from": last[100].timestamp() * 1000,
        "time_to": last[-1].timestamp() * 1000,
        "price_low": 0.0,
        "price_high": 1e6,
    }
    hm.as_of = close_of(market, 120)
    assert hm.selected(cells=True)["time"].max() == last[120]
    until = f"{last[120]:%Y-%m-%dT%H:%M:%S}Z"
    for what in ("levels", "clusters", "grid"):
        hm.export(tmp_path / "out.csv", what)
        assert pd.read_csv(tmp_path / "out.csv")["time_utc"].max() == until
    assert hm.selected()["last"].max() == last[120]
    assert hm.still_bundle()["text/html"] != now
    assert f"{close_of(market, 120):%Y-%m-%d %H:%M} UTC" in hm.still_bundle()["text/html"]
    facts = re.search(r'id="liq-facts">(.*?)</script>', hm.to_html())[1]
    assert json.loads(facts)["settings"]["asOf"] == hm.as_of
    assert hm.cascade(-0.02).close == market.candles["close"].iloc[120]


@pytest.mark.parametrize("value", ["1999-01-01", -1.0, 1e30, float("nan"), True, "soon", [1], 10**400])
def test_a_time_without_a_closed_candle_is_refused(hm, market, value):
    hm.as_of = before = close_of(market, 7).timestamp() * 1000
    with pytest.raises(InputError, match=r"^as_of: wanted a"):
        hm.as_of = value
    assert hm.as_of == before


def test_the_browser_may_set_it_and_what_it_may_not_is_sent_back(hm, market):
    moment = close_of(market, 7).timestamp() * 1000
    hm.set_state({"as_of": moment})
    assert hm.as_of == moment
    hm.set_state({"as_of": 5})
    assert hm.as_of == moment
    assert hm._status["message"].startswith("as_of: wanted a time from")
    hm.set_state({"as_of": None})
    assert (hm.as_of, hm._status["state"]) == (None, "idle")


def test_live_candles_go_on_behind_a_replay_and_another_market_ends_it(hm, market):
    hm.as_of = close_of(market, 100)
    row = market.candles.iloc[[-1]]
    row.index = row.index + market.interval
    hm.append(row)
    assert len(hm.density.time) == 101
    assert len(hm.market) == 301
    hm.market = walk(50, seed=9)
    assert hm.as_of is None
    assert len(hm.density.time) == 50


def test_a_window_of_a_history_is_not_replayed(market, tmp_path):
    hm = lw.HistoryHeatmap(lw.history(market, tmp_path / "store", bin_size=100.0))
    with pytest.raises(InputError, match=r"^as_of: wanted a LiquidationHeatmap"):
        hm.as_of = close_of(market, 7)
    assert hm.as_of is None
    hm.close()
