"""What notebooks show of densities, ledgers, simulations, histories and known positions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import liqwidget as lw
from liqwidget.checks import usd_text
from liqwidget.sources.fetch.positions import Positions
from markets import walk
from shown_result import HOSTILE, plotted, shown

SYMBOL = "<script>alert(1)</script>\"'&$$\\href{x}{y}$$"
SAFE = HOSTILE.replace("\x00", "\ufffd")


@pytest.fixture(scope="module")
def made() -> Any:
    return lw.simulate(candles=600, traders=8_000, seed=3)


def test_a_density_shows_the_map_of_its_last_candle() -> None:
    density = lw.estimate(lw.load_sample())
    drawn, found, profile = shown(density), plotted(density), density.profile()
    np.testing.assert_array_equal(found["longs"]["top"], profile["long"])
    np.testing.assert_array_equal(found["shorts"]["top"], profile["short"])
    np.testing.assert_array_equal(found["shorts"]["x"], profile["price"])
    last = density.to_frame().query("time == time.max()")
    assert found["longs"]["top"].sum() + found["shorts"]["top"].sum() == pytest.approx(last["density"].sum())
    assert f"{usd_text(profile['long'].sum())} of longs stand below" in drawn.headline
    top = density.clusters().iloc[0]
    assert f"the largest cluster is {usd_text(top['notional'])} of {top['side']}s" in drawn.headline
    assert "Estimate" in drawn.headline
    assert "nothing of where price goes" in drawn.text


def test_a_density_of_tiers_shows_each_tier() -> None:
    density = lw.build_ledger(walk(80), [3, 10, 50]).replay(0.02)
    drawn, found = shown(density), plotted(density)
    assert "each of 3 tiers, as if all traders used that tier" in drawn.headline
    for side in ("long", "short"):
        wanted = getattr(density, f"standing_{side}")[:, -1]
        np.testing.assert_allclose(found[f"{side}s"]["top"], wanted, rtol=1e-5, atol=1e-3)
    last = density.to_frame().query("time == time.max()").groupby("leverage")["density"].sum()
    np.testing.assert_allclose(found["longs"]["top"] + found["shorts"]["top"], last, rtol=1e-5)


def test_nothing_standing_is_no_cluster() -> None:
    density = lw.build_ledger(walk(30), [3, 10]).replay(0.02, [0.0, 0.0])
    drawn = shown(density)
    assert drawn.headline.endswith("$0 of longs stand below and $0 of shorts above.")


def test_true_positions_are_not_called_an_estimate(made: Any) -> None:
    drawn = shown(made.density(lw.build_ledger(made.market)))
    assert drawn.headline.startswith("True positions, simulated, at ")
    assert "stimate" not in drawn.headline + drawn.text.replace("not estimated", "")


def test_a_ledger_shows_what_its_candles_opened_and_swept() -> None:
    ledger = lw.build_ledger(walk(200), [3, 10, 50])
    drawn, found, frame = shown(ledger), plotted(ledger), ledger.to_frame()
    assert list(frame.columns) == ["time", "close", "opened", "entries", "swept_low", "swept_high"]
    assert len(frame) == 200
    assert frame["entries"].sum() == len(ledger.row)
    np.testing.assert_array_equal(found["opened in a candle"]["top"], frame["opened"])
    np.testing.assert_array_equal(found["close"]["y"], frame["close"])
    np.testing.assert_array_equal(found["prices swept"]["low"], frame["swept_low"])
    swept = frame.dropna(subset=["swept_low"])
    assert 0 < len(swept) <= 200
    assert (swept["swept_low"] < swept["swept_high"]).all()
    assert f"{len(ledger.row):,} entries" in drawn.headline
    assert usd_text(ledger.opened.sum()) in drawn.headline


def test_shares_of_a_ledger_are_of_what_it_opened() -> None:
    ledger = lw.build_ledger(walk(100, wild=4.0), [2, 100])
    density = ledger.replay(0.0)
    flows = {name: getattr(density, name).sum(axis=1) for name in ("out_of_range_long", "out_of_range_short")}
    outside = sum(flows.values()) / (2 * ledger.opened.sum())
    rows = {row[0]: row for row in shown(ledger).table[1:]}
    for tier, share in zip(("2x", "100x"), outside, strict=True):
        assert rows[tier][3] == f"{share:.1%}"


def test_a_turnover_that_follows_the_decay_is_said() -> None:
    assert "turnover follows the decay rate" in shown(lw.build_ledger(walk(100), turnover="auto")).text


def test_a_simulation_shows_price_and_liquidations(made: Any) -> None:
    drawn, found, frame = shown(made), plotted(made), made.to_frame()
    assert list(frame.columns[:2]) == ["time", "close"]
    assert len(frame) == 600
    for side in ("long", "short"):
        np.testing.assert_array_equal(found[f"{side}s"]["top"], made.flows[f"liquidated_{side}"])
    np.testing.assert_array_equal(found["close"]["y"], frame["close"])
    stood = frame[[f"opened_{side}" for side in ("long", "short")]].to_numpy() >= 0
    assert stood.all()
    count = (made.positions["outcome"] == "liquidated").sum()
    assert f"{len(made.positions):,} positions over 600 candles" in drawn.headline
    assert f"{count:,} (" in drawn.headline
    assert [row[0] for row in drawn.table[1:]] == ["open", "closed", "stopped", "liquidated"]
    assert "the truth is known" in drawn.headline


@pytest.fixture
def history(tmp_path: Path) -> Any:
    market = lw.Market.from_frame(walk(900, step_minutes=5).candles, SYMBOL, "test")
    return lw.history(market, tmp_path, columns=100, chunk=300, progress=False)


def test_a_history_shows_its_candles(history: Any) -> None:
    drawn, found, frame = shown(history), plotted(history), history.to_frame()
    assert drawn.headline.startswith(SYMBOL)
    assert "900 candles" in drawn.headline
    assert list(frame.columns) == ["time", "open", "high", "low", "close", "opened", "swept_low", "swept_high"]
    candles = history.market().candles
    assert frame["high"].max() == candles["high"].max()
    assert frame["low"].min() == candles["low"].min()
    assert frame["close"].iloc[-1] == candles["close"].iloc[-1]
    assert frame["time"].iloc[0] == candles.index[0]
    opened = lw.build_ledger(history.market()).opened.sum()
    assert frame["opened"].sum() == pytest.approx(opened)
    np.testing.assert_array_equal(found["opened in a column"]["top"], frame["opened"])
    assert len(history.to_frame(50)) <= 53


def test_a_damaged_history_says_so(history: Any, tmp_path: Path) -> None:
    for path in tmp_path.rglob("*.parquet"):
        path.write_bytes(b"damage")
    reopened = lw.history(store=tmp_path)
    drawn = shown(reopened)
    assert "The store cannot be read" in drawn.text
    assert "900 candles" in drawn.headline


def positions(frame: pd.DataFrame, mark: float, notes: tuple[str, ...] = ()) -> Positions:
    return Positions("BTC", frame, mark, 3, pd.Timestamp("2026-01-01", tz="UTC"), notes)


def known() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "address": ["0x" + "a" * 40, "0x" + "b" * 40, "0x" + "c" * 40, "0x" + "d" * 40],
            "side": ["long", "short", "long", "short"],
            "size": [1.0, 2.0, 3.0, 1.0],
            "entry_price": 100.0,
            "liquidation_price": [90.0, 120.0, np.nan, 400.0],
            "notional": [100.0, 200.0, 300.0, 100.0],
            "leverage": [10, 5, 2, 1],
            "margin": "cross",
        }
    )


def test_positions_show_their_liquidation_prices() -> None:
    found = positions(known(), 100.0)
    drawn, data = shown(found), plotted(found)
    pd.testing.assert_frame_equal(found.to_frame(), known())
    assert found.to_frame() is not found.frame
    assert drawn.headline.endswith("$700 at a mark price of 100; 1 without a liquidation price.")
    at = {float(x): top for x, top in zip(data["longs"]["x"], data["longs"]["top"], strict=True) if top}
    assert list(at.values()) == [100.0]
    assert abs(next(iter(at)) - 90.0) < 1.0
    assert data["shorts"]["top"].sum() == 200.0
    assert "1 positions have their level more than half the price away" in drawn.text
    assert [row[1] for row in drawn.table[1:]] == ["$300", "$200", "$100", "$100"]


def test_no_positions_are_no_picture_of_any() -> None:
    drawn = shown(positions(known().iloc[:0], float("nan"), (HOSTILE,)))
    assert drawn.headline.endswith(": no position.")
    assert SAFE in drawn.text
