"""The static picture: its heat and candles are where they should be, and its axes say what is there."""

from __future__ import annotations

import io
import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

import liqwidget as lw
from liqwidget.checks import usd_text
from liqwidget.widget.png import ANCHORS
from liqwidget.widget.still_axes import PriceAxis, amount_at, apart, price_ticks, time_ticks
from liqwidget.widget.still_image import _CAPITAL, CELL, HEIGHT, PLOT, RATIO, TOP, WIDTH, Look, draw_still
from liqwidget.widget.stroke_font import _STROKES, baseline, draw_text
from markets import walk

ROOT = Path(__file__).resolve().parents[2]
UP, DOWN, GROUND = (0x3F, 0xE0, 0xB0), (0xFF, 0x6F, 0x7D), (0x0C, 0x0A, 0x1A)
ACROSS, DOWNWARDS = (size * RATIO for size in PLOT)


@pytest.fixture(scope="module")
def sample() -> lw.LiquidationHeatmap:
    return lw.LiquidationHeatmap(lw.load_sample())


def small(symbol: str = "TEST", **traits) -> lw.LiquidationHeatmap:
    market = lw.Market.from_frame(walk(60, seed=3).candles, symbol=symbol, exchange="test")
    return lw.LiquidationHeatmap(market, leverage_mix={5: 50, 25: 50}, **traits)


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def plot(png: bytes) -> np.ndarray:
    return pixels(png)[TOP * RATIO : TOP * RATIO + DOWNWARDS, :ACROSS]


def places(picture: np.ndarray, text: str, dark: bool = False) -> list[tuple[float, float]]:
    """Where a text is written: CSS pixels of its left edge and of the middle of its capitals."""
    ink = draw_text(text, _CAPITAL * RATIO) > 0.6
    ink = ink[:, : np.flatnonzero(ink.any(axis=0))[-1] + 3]  # and a little of what is beside it
    light = picture.astype(int).sum(axis=2)
    written = light < 200 if dark else light > 300
    rows = np.flatnonzero(ink.any(axis=1))
    found: list[tuple[float, float]] = []
    for y in range(picture.shape[0] - ink.shape[0]):
        lines = np.lib.stride_tricks.sliding_window_view(written[y : y + ink.shape[0]], ink.shape[1], axis=1)
        first = (lines[rows[0]] == ink[rows[0]]).mean(axis=1) > 0.9  # most places fail at the first line
        middle = (y + baseline(_CAPITAL * RATIO)) / RATIO - _CAPITAL / 2
        same = [x for x in np.flatnonzero(first) if (lines[rows, x] == ink[rows]).mean() > 0.97]
        found += [(x / RATIO, middle) for x in same]
    return found


def depth(market: lw.Market, axis: str, price):
    """Where a price, or an array of them, is in the plot, from 0 at the top to 1 at the bottom.

    A fifth of the plot is above the candles, and a fifth below.
    """
    scale = np.log if axis == "log" else np.asarray
    low, high = scale(market.candles["low"].min()), scale(market.candles["high"].max())
    return (high + (high - low) / 3 - scale(price)) / (5 / 3 * (high - low))


AXES = pytest.mark.parametrize("axis", ["linear", "log"])


def test_palettes_are_those_of_the_browser() -> None:
    text = (ROOT / "js" / "src" / "base" / "colour.ts").read_text(encoding="utf-8")
    assert dict(re.findall(r'^  (\w+): "([0-9a-f ]{80,})"', text, re.MULTILINE)) == ANCHORS


def test_the_picture_is_a_png_of_its_size(sample) -> None:
    png = sample._still().png
    image = Image.open(io.BytesIO(png))
    image.verify()
    assert (image.format, image.size) == ("PNG", (WIDTH * RATIO, HEIGHT * RATIO))
    assert len(png) <= 34_000  # what it had before it had axes
    assert f'width="{WIDTH}" height="{HEIGHT}"' in sample._still().html()


@AXES
def test_density_and_candles_are_where_they_should_be(axis) -> None:
    market = lw.Market.from_frame(walk(81, seed=5).candles, symbol="TEST")
    ledger = lw.build_ledger(market, (5, 25), bin_size=0.5, span=0.5)
    weights = [0.5, 0.5]
    got = plot(draw_still(market, ledger, 0.02, weights, None, Look(threshold=(0.0, 1.0), price_axis=axis)).png)
    candles, density = market.candles, ledger.replay(0.02, weights)
    prices = np.geomspace(candles["low"].min() / 4, candles["high"].max() * 4, 100_000)
    heights = -depth(market, axis, prices)
    seen = {"heat": 0, "ground": 0}
    for t in range(0, 81, 7):
        candle = candles.iloc[t]
        body, wick = ((t + share) * ACROSS / 81 for share in (0.1, 0.4))
        colour = UP if candle["close"] >= candle["open"] else DOWN
        line = {name: int(depth(market, axis, candle[name]) * DOWNWARDS) for name in ("high", "low", "open", "close")}
        assert tuple(got[line["high"], int(wick)]) == tuple(got[line["low"], int(wick)]) == colour
        assert tuple(got[(line["open"] + line["close"]) // 2, int(body)]) == colour
        if line["high"] < min(line["open"], line["close"]) - 2:  # beside a wick there is no candle
            assert tuple(got[line["high"], int(body)]) not in (UP, DOWN)
        for y in range(45, DOWNWARDS - 45, 31):
            price = np.interp(-(y + 0.5) / DOWNWARDS, heights, prices)
            x = int((t + 0.9) * ACROSS / 81)
            dash = abs(y - depth(market, axis, candles["close"].iloc[-1]) * DOWNWARDS) <= 2
            if dash or candle["low"] - 1 < price < candle["high"] + 1:
                continue
            row = int(price / ledger.bin_size - ledger.grid.first)
            near = density.values[row - 1 : row + 2, max(t - 1, 0) : t + 2]  # a cell may reach into the next
            if tuple(got[y, x]) == GROUND:
                assert near.min() < density.values.max() * 2e-3
                seen["ground"] += 1
            else:
                assert near.max() >= density.values.max() * 1e-3
                seen["heat"] += 1
    assert min(seen.values()) > 10


@AXES
def test_the_axis_says_the_prices_and_the_last_one(sample, axis) -> None:
    sample.price_axis = axis
    picture = pixels(sample._still().png)
    sample.price_axis = "linear"
    beside = picture[:, ACROSS:]
    for price in (80_000, 85_000, 90_000, 95_000):
        ((_, y),) = places(beside, f"{price:,}")
        assert y == pytest.approx(TOP + depth(sample.market, axis, price) * PLOT[1], abs=1)
    last = sample.market.candles["close"].iloc[-1]
    ((_, y),) = places(beside, f"{last:,.1f}", dark=True)
    assert y == pytest.approx(TOP + depth(sample.market, axis, last) * PLOT[1], abs=1)
    assert picture[int(y * RATIO), ACROSS + 4].tolist() == list(DOWN)  # the last candle fell


def test_the_axis_says_the_times(sample) -> None:
    picture, index = pixels(sample._still().png), sample.market.candles.index
    below = picture[(TOP + PLOT[1]) * RATIO : (TOP + PLOT[1] + 24) * RATIO]
    for day in ("01-08", "01-10", "01-13"):
        ((x, _),) = places(below, day)
        middle = x + draw_text(day, _CAPITAL * RATIO).shape[1] / RATIO / 2
        at = index.get_loc(pd.Timestamp(f"2026-{day}", tz="UTC"))
        assert middle == pytest.approx(at / len(index) * PLOT[0], abs=2)
    assert len(places(below, "UTC")) == 1


def test_words_and_amounts_say_what_is_shown(sample) -> None:
    picture, height = pixels(sample._still().png), PLOT[1]
    assert len(places(picture[: TOP * RATIO], "BTCUSDT-SIM · simulated · 5m")) == 1
    assert len(places(picture[: TOP * RATIO], "estimate, not a forecast")) == 1
    upper, lower = (picture[(TOP + y) * RATIO :][: 40 * RATIO, : ACROSS // 3] for y in (0, height - 40))
    assert len(places(upper, "short above the price")) == len(places(lower, "long below the price")) == 1
    kept = sample.density.values[:, 3::4]  # four candles a column
    most = float(np.maximum(kept.max(), sample.density.values[:, -1].max()))
    legend = picture[(TOP + height + 24) * RATIO :]
    for share in (0.25, 0.5, 0.75):
        label = usd_text(0.001 * most + (0.5 - 0.001) * most * share)
        ((x, _),) = places(legend, label)
        middle = x + draw_text(label, _CAPITAL * RATIO).shape[1] / RATIO / 2
        colour = legend[int(6 * RATIO), round(middle * RATIO)]
        assert tuple(colour) != GROUND
    assert len(places(legend, f"{usd_text(most / 2)}+")) == 1
    assert len(places(legend, "estimated USD, sparse to dense")) == 1


@pytest.mark.parametrize("scale", ["linear", "sqrt", "log"])
def test_brighter_is_denser_on_every_scale(scale) -> None:
    hm = small(scale=scale, threshold=(0.0, 1.0))
    seen = plot(hm._still().png).astype(int).sum(axis=2)
    assert len(np.unique(seen)) > 20
    dim = small(scale=scale, threshold=(0.4, 1.0))
    assert (plot(dim._still().png) == GROUND).all(axis=2).mean() > 0.3
    assert [amount_at(share, 1.0, 100.0, scale) for share in (0, 0.5, 1)] == pytest.approx(
        {"linear": [1, 50.5, 100], "sqrt": [1, 25.75, 100], "log": [1, 10, 100]}[scale]
    )


@pytest.mark.parametrize("candles", [1, 2, 647, 648, 649, 2000])
def test_any_number_of_candles_makes_a_picture(candles) -> None:
    market = lw.Market.from_frame(walk(candles, seed=2).candles, symbol="TEST")
    hm = lw.LiquidationHeatmap(market)
    assert pixels(hm._still().png).shape == (HEIGHT * RATIO, WIDTH * RATIO, 3)
    assert hm.to_html().count('data-frame="') == 2


def test_a_flat_market_without_volume_makes_an_empty_picture() -> None:
    time = pd.date_range("2026-01-01", periods=5, freq="h", tz="UTC")
    flat = pd.DataFrame({"time": time, "open": 5.0, "high": 5.0, "low": 5.0, "close": 5.0, "volume": 0.0})
    hm = lw.LiquidationHeatmap(lw.Market.from_frame(flat, symbol="FLAT"))
    picture = pixels(hm._still().png)
    assert (plot(hm._still().png) == GROUND).all(axis=2).mean() > 0.9
    assert len(places(picture[(TOP + PLOT[1]) * RATIO :], "Nothing is estimated: no volume.")) == 1
    assert len(hm._still().clusters) == 1


def test_small_prices_and_long_names_stay_inside() -> None:
    candles = walk(60, seed=3, tick=1e-7, price=1e-3).candles
    hm = lw.LiquidationHeatmap(lw.Market.from_frame(candles, symbol="É" * 64))
    picture = pixels(hm._still().png)
    assert len(places(picture[: TOP * RATIO], "estimate, not a forecast")) == 1
    last = f"{candles['close'].iloc[-1]:.7f}"
    assert len(places(picture[:, ACROSS:], last, dark=True)) == 1


SMALLEST = st.floats(1e-6, 1e6)


@example(low=0.004, size=0.0001, most=2)
@given(low=SMALLEST, size=st.floats(1e-4, 10), most=st.integers(2, 12))
def test_price_ticks_are_round_and_inside(low, size, most) -> None:
    high = low * (1 + size)
    ticks = price_ticks(low, high, most)
    prices = [price for price, _ in ticks]
    assert 1 <= len(ticks) <= most + 1
    assert all(low * (1 - 1e-9) <= price <= high * (1 + 1e-9) for price in prices)
    assert [float(label.replace(",", "")) for _, label in ticks] == pytest.approx(prices, rel=1e-9)
    steps = np.diff(prices)
    assert np.allclose(steps, steps[:1].mean() if len(steps) else 0)
    assert max((len(label.lstrip("0.,").rstrip("0").replace(",", "")) for _, label in ticks), default=0) <= 12


@given(low=SMALLEST, factor=st.floats(1.0001, 1e4))
def test_a_logarithmic_axis_has_ticks_throughout(low, factor) -> None:
    axis = PriceAxis(low, low * factor, True)
    ticks = axis.ticks(8)
    depths = np.r_[1, [float(axis.depth(price)) for price, _ in ticks], 0]
    assert (np.diff(depths) <= 1e-9).all()
    assert np.diff(depths).min() > -0.5
    assert [float(label.replace(",", "")) for _, label in ticks] == pytest.approx([price for price, _ in ticks])
    assert axis.depth(axis.prices(5)) == pytest.approx(np.arange(6) / 5, abs=1e-6)


@given(
    start=st.integers(1_400_000_000, 1_800_000_000),
    minutes=st.sampled_from([1, 5, 15, 60, 240, 1440]),
    count=st.integers(1, 3000),
    cut=st.integers(0, 3000),
    most=st.integers(3, 10),
)
def test_time_ticks_are_candles_at_round_times(start, minutes, count, cut, most) -> None:
    time = np.datetime64(start // 60 * 60, "s") + np.arange(count + cut) * np.timedelta64(minutes * 60, "s")
    time = np.r_[time[: count // 2], time[count // 2 + cut :]].astype("datetime64[ms]")
    ticks = time_ticks(time, most)
    columns = [column for column, _ in ticks]
    assert len(ticks) <= most
    assert columns == sorted(set(columns))
    assert all(0 <= column < len(time) for column in columns)
    for column, label in ticks:
        stamp = pd.Timestamp(time[column])
        if re.fullmatch(r"\d\d:\d\d", label):
            told = stamp.normalize() + pd.Timedelta(f"{label}:00")
        elif re.fullmatch(r"\d{4}-\d\d", label):
            told = pd.Timestamp(f"{label}-01")
        else:
            told = pd.Timestamp(f"{stamp.year}-{label}")
        before = pd.Timestamp(time[column - 1]) if column > 0 else pd.Timestamp(0)
        # The first candle at or after the time that it says, also after a gap.
        assert before < told <= stamp or cut > 0
    spread = (time[-1] - time[0]) / np.timedelta64(1, "D")
    if minutes <= 60 and cut == 0 and spread > 1:
        assert any("-" in label for _, label in ticks)


def test_labels_keep_their_distance() -> None:
    assert list(apart([(0, 10), (12, 20), (19, 25), (30, 40)], 3)) == [True, False, True, True]


def test_every_letter_is_another_and_what_is_unknown_is_a_question_mark() -> None:
    drawn = {sign: draw_text(sign, 16) for sign in _STROKES}
    for a, b in combinations(drawn, 2):
        assert drawn[a].shape != drawn[b].shape or np.abs(drawn[a] - drawn[b]).max() > 0.5, (a, b)
    for sign, letter in drawn.items():
        assert (letter.max() == 1.0) == (sign != " ")
        assert letter.min() == 0.0
    assert ((letter := drawn["O"]) > 0).sum() > (letter == 1).sum()  # soft edges
    assert np.array_equal(draw_text("é\n", 16), draw_text("??", 16))
    assert draw_text("", 16).shape == (drawn["A"].shape[0], 0)
    missing = set(map(chr, range(32, 127))) - set(_STROKES)
    assert not any(sign.isalnum() for sign in missing)


def test_capitals_have_the_height_asked_for() -> None:
    for height in (8.0, 16.0, 40.0):
        rows = np.flatnonzero((draw_text("H", height) > 0.5).any(axis=1))
        assert rows[-1] - rows[0] + 1 == pytest.approx(height * 1.14, abs=2)  # and half a pen at both ends
        assert rows[-1] == pytest.approx(baseline(height) - 1 + height * 0.07, abs=1)


def test_a_cell_of_the_heat_divides_the_plot() -> None:
    assert [size % cell for size, cell in zip(PLOT, CELL, strict=True)] == [0, 0]
