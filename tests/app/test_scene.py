"""The reading of the scene: which rule fires, with which numbers and which words."""

from __future__ import annotations

import inspect
import re
from typing import cast

import numpy as np
import pandas as pd
import pytest

import liqwidget as lw
from liqwidget.app.panels import cards as pages
from liqwidget.app.readings import context
from liqwidget.app.readings import scene as scene_module
from liqwidget.app.readings.regime import TREND_SCORE, regime
from liqwidget.app.readings.scene import LARGE, LEAST_REACH, REACH_OF_RANGE, scene
from liqwidget.model.cells import Cells
from markets import walk

FORECASTS = re.compile(
    r"\b(will|shall|going to|bull\w*|bear\w*|buy\w*|sell\w*|targets?|expect\w*|predict\w*|likely|probab\w*|soon|"
    r"upside|downside|rally|crash|moon|up|down|rise\w*|fall\w*|should)\b",
    re.IGNORECASE,
)


def candles(closes, volume=1.0, wick=0.0005) -> pd.DataFrame:
    closes = np.asarray(closes, float)
    opens = np.r_[closes[0], closes[:-1]]
    high, low = np.maximum(opens, closes) * (1 + wick), np.minimum(opens, closes) * (1 - wick)
    index = pd.date_range("2026-01-01", periods=len(closes), freq="1h", tz="UTC", name="time")
    return pd.DataFrame(
        {"open": opens, "high": high, "low": low, "close": closes, "volume": np.broadcast_to(volume, len(closes))},
        index,
    )


def market(closes, volume=1.0) -> lw.Market:
    return lw.Market.from_frame(candles(closes, volume), symbol="TEST")


class Painted:
    """A density with levels where a test puts them."""

    def __init__(self, of: lw.Market, levels: dict[float, float]) -> None:
        real = lw.estimate(of, {10: 1}, 0.0, 0.1)
        self.grid, self.time, self.close = real.grid, real.time[-1:], real.close[-1:]
        self._column = np.zeros(self.grid.rows)
        for price, usd in levels.items():
            self._column[np.searchsorted(self.grid.edges, price, "right") - 1] += usd
        self._real = real

    def column(self, at: int = -1) -> np.ndarray:
        return self._column

    def sides(self, at: int = -1) -> tuple[Cells, np.ndarray]:
        cells = self._real.sides(-1)[0]
        return cells, cells.apart(self._column, 0.0)

    def clusters(self, at: int = -1, top: int = 10, bright: float = 0.3) -> pd.DataFrame:
        return lw.Density.clusters(cast(lw.Density, self), at, top, bright)


def painted(of: lw.Market, levels: dict[float, float]) -> lw.Density:
    """A density built from the levels of a test."""
    return cast(lw.Density, Painted(of, levels))


FLAT = [100.0, 101.0] * 30
CLIMB = np.linspace(90.0, 100.0, 60)


@pytest.mark.parametrize(
    ("closes", "levels", "rule"),
    [
        (FLAT, {}, "empty"),
        (FLAT[:9], {99.0: 1e6}, "few"),
        (CLIMB, {102.0: 1e6}, "fuel"),
        (CLIMB[::-1], {88.0: 1e6}, "fuel"),
        (CLIMB, {98.0: 1e6}, "behind"),
        (CLIMB, {75.0: 1e6}, "open"),
        (FLAT, {99.5: 1e6, 102.2: 2e6}, "whipsaw"),
        (FLAT, {99.5: 1e6}, "lopsided"),
        (FLAT, {102.2: 1e6}, "lopsided"),
        (FLAT, {80.0: 1e6, 120.0: 1e6}, "open"),
        (CLIMB, {102.0: 1e6, 98.0: 1e6}, "fuel"),
    ],
)
def test_each_rule_fires_where_the_table_says(closes, levels, rule) -> None:
    of = market(closes)
    read = scene(of, painted(of, levels))
    assert read.rule == rule
    assert f"``{rule}``" in inspect.getdoc(scene_module)


def test_the_numbers_are_those_of_the_picture() -> None:
    of = market(CLIMB)
    read = scene(of, painted(of, {102.25: 3e6, 98.2: 1e6}))
    now = regime(of.candles)
    assert read.numbers["reach"] == max(REACH_OF_RANGE * (now.high - now.low) / now.close, LEAST_REACH)
    assert read.numbers["above_usd"] == 3e6
    assert read.numbers["above_low"] <= 102.25 < read.numbers["above_high"]
    assert read.numbers["above_distance"] == pytest.approx(read.numbers["above_low"] / 100.0 - 1)
    assert read.numbers["past_extreme"] == pytest.approx(read.numbers["above_low"] / now.high - 1)
    assert f"{read.numbers['past_extreme']:.1%} beyond the high" in read.text
    assert "$3M" in read.text
    assert read.numbers["below_usd"] == 1e6


def test_large_is_a_share_of_what_is_near() -> None:
    of = market(FLAT)  # closes at 101, reach 2 %
    equal = [101.25 + 0.3 * i for i in range(6)]
    assert scene(of, painted(of, dict.fromkeys(equal, 1e6))).rule == "open"  # a sixth each
    read = scene(of, painted(of, dict.fromkeys(equal[:4], 1e6)))
    assert (read.rule, read.numbers["above_share"]) == ("lopsided", 0.25)
    assert LARGE == 0.2


def test_a_reading_looks_at_no_later_candle() -> None:
    of = walk(120, seed=3)
    density = lw.estimate(of)
    before = lw.Market.from_frame(of.candles.iloc[:90], symbol="TEST")
    assert scene(of, density, 89) == scene(before, density, 89)
    assert scene(of, density, 89) != scene(of, density, 119)


@pytest.mark.parametrize("seed", range(4))
def test_no_reading_names_a_direction(seed) -> None:
    of = walk(300, seed=seed, wild=1.5)
    density = lw.estimate(of)
    texts = [scene(of, density, at).text for at in range(0, 300, 7)]
    assert len({scene(of, density, at).rule for at in range(0, 300, 7)}) >= 3
    assert [text for text in texts if FORECASTS.search(text)] == []


def test_no_word_of_the_application_names_a_direction() -> None:
    for module in (scene_module, context, pages):
        strings = re.findall(r'"([^"\n]*)"', inspect.getsource(module))
        assert [text for text in strings if FORECASTS.search(text)] == []
    assert FORECASTS.search("Price will rise")


def test_trend_and_range() -> None:
    flat, climb = regime(candles(FLAT)), regime(candles(CLIMB))
    assert (flat.kind, climb.kind) == ("range", "trend")
    assert flat.score < TREND_SCORE <= climb.score
    steps = np.diff(np.log(CLIMB[-25:]))
    assert climb.score == pytest.approx(steps.sum() / (np.sqrt((steps**2).mean()) * np.sqrt(24)))
    assert climb.move == pytest.approx(CLIMB[-1] / CLIMB[-25] - 1)
    assert climb.hours == 24
    assert regime(candles([100.0] * 30)).score == 0
    assert regime(candles(CLIMB[:12])).kind == "unknown"
    assert regime(candles([100.0])).kind == "unknown"


@pytest.mark.parametrize(("last", "word"), [(1.0, "ordinary"), (2.0, "high"), (0.5, "low")])
def test_volume_is_compared_with_what_was_before(last, word) -> None:
    volume = np.r_[np.ones(48), np.full(24, last)]
    now = regime(candles([100.0, 101.0] * 36, volume))
    assert now.volume == word
    assert now.volume_ratio == pytest.approx(last, rel=0.03)
    assert f"Volume is {word}" in now.sentence
    assert "as far as chance alone would go" in now.sentence
    assert regime(candles([100.0, 101.0] * 15)).volume == "unknown"
