"""Realised liquidations and true positions over the heat, in a real JupyterLab."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from chart import SETUP, frames, pixels, place, point, reach, says
from PIL import Image
from render import BITMAP, REALISED, Bitmap, differences

pytestmark = pytest.mark.browser

#: Above and below the candles, where nothing else is drawn.
PLACES = [(60, "long", 9e6), (140, "short", 9e6), (220, "long", 4e6), (300, "short", 1e6)]
MARKED = (
    SETUP
    + f"liq = pd.concat([at(c, bottom * .995 + c * 2, s, u) for c, s, u in {PLACES}])\n"
    + "hm = lw.LiquidationHeatmap(lw.Market.from_frame(candles, symbol='TEST', liquidations=liq), height=800)\nhm"
)


def around(image, x, y, reach=30):
    x, y = round(x), round(y)
    return image[max(y - reach, 0) : y + reach, max(x - reach, 0) : x + reach]


def coloured(image, side):
    """Where a mark has its own colour; its outline is dark."""
    return (image[..., 2 if side == "long" else 0] > 128) & (image[..., 3] > 80)


def test_areas_are_as_usd_and_sides_have_shapes_and_colours(notebook):
    session = notebook(MARKED)
    session.until("view.source.marks?.time.length === 4")
    bottom = float(session.python("print(bottom)"))
    image = pixels(session)
    areas = []
    for column, side, usd in PLACES:
        x, y = place(session, column, bottom * 0.995 + column * 2)
        part = around(image, x, y)
        own = coloured(part, side)
        assert not coloured(part, "short" if side == "long" else "long")[own].any()
        rows, columns = np.nonzero(own)
        assert abs(rows.mean() - 30) <= 1.5
        assert abs(columns.mean() - 30) <= 1.5
        # A circle fills pi / 4 of its bounding box, a diamond half of it.
        fill = own.sum() / ((np.ptp(rows) + 1) * (np.ptp(columns) + 1))
        assert fill == pytest.approx(np.pi / 4 if side == "long" else 0.5, abs=0.09)
        areas.append(own.sum() / usd)
    np.testing.assert_allclose(np.array(areas) / areas[0], 1, atol=0.12)
    assert image[..., 3].max(axis=(0, 1)) > 0
    legend = session.page.locator(".liq-legend").inner_text()
    assert "realised" in legend
    assert "largest $9M" in legend
    assert "lower bound" in legend
    assert session.page.problems == []


def test_candles_lie_over_the_marks_and_the_heat_under_them(notebook):
    session = notebook(MARKED)
    order = session.view(
        "['.liq-heat', '.liq-bubbles', '.tv-lightweight-charts', '.liq-profile'].map((s) => {"
        "  const e = root.querySelector(s); return [Number(getComputedStyle(e).zIndex) || 0,"
        "    [...e.parentElement.children].indexOf(e)]; })"
    )
    assert [tuple(place) for place in order] == sorted(tuple(place) for place in order)
    x, y = place(session, 60, float(session.python("print(bottom)")) * 0.995 + 120)
    pane = session.page.locator(".liq-plot").bounding_box()
    clip = {"x": pane["x"] + x - 4, "y": pane["y"] + y - 4, "width": 8, "height": 8}
    shown = np.array(Image.open(io.BytesIO(session.page.screenshot(clip=clip))).convert("RGB")).astype(int)
    before = shown.mean(axis=(0, 1))
    reach(session.page.get_by_label("realised liquidations")).uncheck()
    frames(session)
    shown = np.array(Image.open(io.BytesIO(session.page.screenshot(clip=clip))).convert("RGB")).astype(int)
    assert (before - shown.mean(axis=(0, 1)))[2] > 40  # the blue of a long's circle, over the heat


def test_they_are_switched_off_and_on_from_both_sides(notebook):
    session = notebook(MARKED)
    box = reach(session.page.get_by_label("realised liquidations"))
    assert box.is_checked()
    assert (pixels(session)[..., 3] > 0).any()
    box.uncheck()
    frames(session)
    assert not pixels(session).any()
    assert not session.page.locator(".liq-legend > div").first.is_visible()
    says(session, "hm.bubbles", "False")
    session.python("hm.bubbles = True")
    session.until("view.source.settings.bubbles")
    frames(session)
    assert box.is_checked()
    assert (pixels(session)[..., 3] > 0).any()
    session.python("hm.liquidations = None")
    session.until("view.source.marks === null")
    frames(session)
    assert not pixels(session).any()
    assert not box.is_visible()
    assert session.page.problems == []


def test_live_ones_appear_wait_for_their_candles_and_reach_later_views(notebook):
    session = notebook(SETUP + "hm = lw.LiquidationHeatmap(market, height=800)\nhm")
    assert session.view("view.source.marks") is None
    reach(session.page.get_by_label("Palette", exact=True))
    assert not session.page.get_by_label("realised liquidations").is_visible()
    for i, column in enumerate((80, 120, 160)):
        session.python(f"hm.add_liquidations(at({column}, bottom * .99, 'BUY', 1e6))")
        session.until(f"view.source.marks?.placed === {i + 1}")
    frames(session)
    image = pixels(session)
    bottom = float(session.python("print(bottom)"))
    for column in (80, 120, 160):
        assert coloured(around(image, *place(session, column, bottom * 0.99), 8), "short").any()  # type: ignore[call-arg]
    session.python(
        "late = candles.index[-1] + market.interval\n"
        "hm.add_liquidations(pd.DataFrame({'time': [late], 'side': 'long', 'price': bottom, 'notional': 5e5}))"
    )
    session.until("view.source.marks.outside === 1")
    assert "1 realised liquidation ($500K) outside the candles" in session.view("view.words")
    session.python("c = candles.iloc[-1:].copy(); c.index = [late]; hm.append(c)")
    session.until("view.source.marks.outside === 0 && view.source.field.columns === 401")
    frames(session)
    assert coloured(around(pixels(session), *place(session, 400, bottom), 8), "long").any()  # type: ignore[call-arg]
    assert "outside" not in session.view("view.words.join()")
    # The browser requests the marks that it misses.
    session.python("hm._shown.realised.revision += 7; hm.add_liquidations(at(200, bottom, 'long', 1e6))")
    session.until("view.source.marks.placed === 5")
    assert session.view("view.source.marks.revision") == int(session.python("print(hm._shown.realised.revision)"))
    assert session.page.problems == []


def test_live_ones_that_came_before_the_view_are_not_lost(notebook):
    session = notebook(
        SETUP
        + "hm = lw.LiquidationHeatmap(market)\nfor i in range(3): hm.add_liquidations(at(i, top, 'long', 1e5))\nhm"
    )
    session.until("view.source.marks?.placed === 3")


def test_sums_without_a_price_are_hollow_and_stand_at_the_low_or_the_high(notebook):
    session = notebook(
        SETUP
        + "liq = pd.DataFrame({'time': candles.index[[60, 72, 84, 240]], 'side': ['long', 'long', 'long', 'short'],\n"
        "                    'notional': [1e4, 9e6, 1e4, 9e6]})\n"
        "hm = lw.LiquidationHeatmap(market, height=800)\nhm.liquidations = liq\nhm"
    )
    session.until("view.source.marks?.unknown === 4")
    image = pixels(session)
    low = float(session.python("print(candles['low'].iloc[72:84].min())"))
    high = float(session.python("print(candles['high'].iloc[240:252].max())"))
    for first, price, side in ((72, low, "long"), (240, high, "short")):
        x, y = place(session, first, price, first + 11)
        part = around(image, x, y)
        assert part[28:33, 28:33, 3].max() < 60  # practically transparent inside
        rows, columns = np.nonzero(coloured(part, side))
        ring = np.hypot(rows - 30, columns - 30)
        rows, columns, ring = rows[ring < 29], columns[ring < 29], ring[ring < 29]  # the rest is another mark
        assert ring.min() > 8
        assert ring.max() >= 20
        assert abs(rows.mean() - 30) <= 2
        assert abs(columns.mean() - 30) <= 2
    assert "price unknown" in session.page.locator(".liq-legend").inner_text()
    point(session, *place(session, 72, low, 83))
    told = session.page.locator(".liq-cell").inner_text()
    assert "realised" in told
    assert "price unknown" in told


def test_the_readout_tells_what_is_realised_near_the_pointer(notebook):
    session = notebook(MARKED)
    bottom = float(session.python("print(bottom)"))
    x, y = place(session, 220, bottom * 0.995 + 440)
    point(session, x, y)
    line = session.page.locator(".liq-realised")
    assert line.inner_text().split() == ["realised", "$4M", "long", "(1)"]
    assert "estimate: " in session.page.locator(".liq-cell").inner_text()
    point(session, x, y - 60)
    assert line.count() == 0
    point(session, x + 60, y)
    assert line.count() == 0


def test_a_slider_leaves_them_alone_and_a_pan_moves_them(notebook):
    session = notebook(MARKED)
    session.view(
        "(() => { const c = root.querySelector('.liq-bubbles').getContext('2d'); const clear = c.clearRect;"
        " window.cleared = 0; c.clearRect = function (...a) { window.cleared++; clear.apply(this, a); }; })()"
    )
    before = session.revision()
    session.page.locator(".liq-deck .liq-slider").first.focus()
    session.page.keyboard.press("ArrowRight")
    session.until(f"Number(root.dataset.rev) > {before}")
    frames(session)
    assert session.page.evaluate("window.cleared") == 0
    bottom = float(session.python("print(bottom)"))
    session.view("(view.chart.api.timeScale().setVisibleLogicalRange({from: -30, to: 390}), 0)")
    frames(session)
    assert session.page.evaluate("window.cleared") > 0
    image = pixels(session)
    at = [place(session, column, bottom * 0.995 + column * 2) for column, _, _ in PLACES]
    assert all(4 < y < image.shape[0] - 4 for _, y in at)
    for (x, y), (_, side, _) in zip(at, PLACES, strict=True):
        assert coloured(around(image, x, y, 4), side).any()


def test_real_hourly_sums_are_shown_whole(notebook, shared_data):
    path = shared_data("btcusdt_5m_2025-12_2026-02.csv.gz")
    session = notebook(
        "import numpy as np, pandas as pd, liqwidget as lw\n"
        f"df = pd.read_csv({str(path)!r})\nhours = df.dropna(subset=['hour_liquidated_long_usd'])\n"
        "liq = pd.concat([pd.DataFrame({'time': hours.time, 'side': side,\n"
        "   'notional': hours[f'hour_liquidated_{side}_usd']}) for side in ('long', 'short')])\n"
        "market = lw.Market.from_frame(df, symbol='BTC', liquidations=liq)",
        "hm = lw.LiquidationHeatmap(market)\nhm",
    )
    session.until("view.source.marks !== null")
    rows, usd = session.python("print((liq.notional > 0).sum(), liq.notional.sum())").split()
    marks = "view.source.marks"
    assert session.view(f"{marks}.time.length") <= 5000
    placed, outside = session.view(f"[{marks}.placed, {marks}.outside]")
    assert placed + outside == int(rows)
    assert session.view(f"{marks}.longUsd + {marks}.shortUsd + {marks}.outsideUsd") == pytest.approx(float(usd))
    assert session.view(f"{marks}.unknown === {marks}.time.length")
    assert (pixels(session)[..., 3] > 0).sum() > 1000
    assert session.page.problems == []


# Positions

POSITIONS = """
class Positions:
    label = "three addresses <img src=x onerror='window.pwned=1'>"
    def profile(self, bin_size):
        rows = np.floor(np.array([bottom * .99, top * 1.01, top * 1.4]) / bin_size)
        return pd.DataFrame({"price": (rows + .5) * bin_size, "long": [2e6, 0, 0], "short": [0, 1e6, 5e6]})
"""


def test_true_positions_are_an_outline_over_the_profile(notebook):
    session = notebook(SETUP + POSITIONS + "hm = lw.LiquidationHeatmap(market, height=800)\nhm")

    def white():
        frames(session)
        image = pixels(session, ".liq-profile")
        return (image[..., :3].min(axis=2) > 225) & (image[..., 3] > 200)

    assert not white().any()
    for step in range(2):
        if step == 1:
            before = session.revision()
            session.python("hm.bin_size = hm.bin_size * 2")
            session.until(f"Number(root.dataset.rev) > {before}")
        else:
            session.python("hm.positions = Positions()")
            session.until("view.source.positions !== null")
        size = float(session.python("print(hm.bin_size)"))
        session.until(f"view.source.positions.binSize === {size} && view.source.field.grid.binSize === {size}")
        image = white()
        lengths = []
        for price in map(float, session.python("print(bottom * .99, top * 1.01)").split()):
            row = np.floor(price / size)
            y0, y1 = (round(place(session, 0, edge * size)[1]) for edge in (row + 1, row))
            rows, columns = np.nonzero(image[y0 - 1 : y1 + 2])
            assert len(rows) > 0
            lengths.append(columns.max())
        assert lengths[0] / lengths[1] == pytest.approx(2, rel=0.06)
        assert lengths[0] > image.shape[1] * 0.9
    legend = session.page.locator(".liq-legend").inner_text()
    assert "positions: three addresses <img" in legend
    assert "scale " in legend
    assert "$5M too far from the price to be shown" in legend
    assert session.page.locator(".liq img").count() == 0
    assert session.page.evaluate("window.pwned") is None
    session.python("hm.positions = None")
    session.until("view.source.positions === null")
    assert not white().any()
    assert session.page.problems == []


def test_the_heat_shows_realised_ones_in_the_bins_and_colours_of_the_estimate(notebook):
    session = notebook(
        SETUP + f"places = {PLACES}\n"
        "liq = pd.concat([at(c, bottom * .995 + c * 2, s, u) for c, s, u in places])\n"
        "liq = pd.concat([liq, at(62, float('nan'), 'long', 3e6)])\n"
        "hm = lw.LiquidationHeatmap(lw.Market.from_frame(candles, symbol='TEST', liquidations=liq), threshold=(0, 1),"
        " scale='log', contrast='whole', height=800)\nhm.bin_auto = False\nhm"
    )
    session.until("view.source.marks?.time.length === 5")
    page = session.page
    choice = reach(page.get_by_label("heat shows"))
    choice.select_option("realised")
    session.until("root.dataset.layer === 'realised'")
    frames(session)
    said = session.python(
        "d = hm.density\nrealised = np.zeros_like(d.values)\n"
        "for c, _, u in places:\n"
        "    realised[int((bottom * .995 + c * 2) / d.bin_size) - int(round(d.price_edges[0] / d.bin_size)), c] += u\n"
        "import base64; print(hm.layer, *d.values.shape, base64.b64encode(realised.tobytes()).decode(),"
        " base64.b64encode(d.values.tobytes()).decode())"
    )
    layer, rows, columns, *planes = said.split()
    assert layer == "realised"
    shape = int(rows), int(columns)
    realised, estimate = (np.frombuffer(base64.b64decode(plane), np.float32).reshape(shape) for plane in planes)

    def check(bitmap, values, name):
        told = session.view(f"{bitmap}(view)")
        off, cells, worst = differences(Bitmap.of(told), values, name, (0, 1), "log", estimate.max())
        assert worst <= 1
        assert off <= cells / 1000

    check(REALISED, realised, "plasma")
    assert (Bitmap.of(session.view(f"{REALISED}(view)")).pixels[..., 3] > 0).sum() == len(PLACES)
    shown = pixels(session, ".liq-heat")
    assert (shown == shown[0, 0]).all(axis=-1).mean() > 0.99  # the ground
    assert not pixels(session).any()  # no bubbles
    legend = page.locator(".liq-legend").inner_text()
    assert "realised per bin and candle" in legend
    assert "$3M without a price not drawn" in legend
    column = PLACES[1][0]
    point(session, *place(session, column, float(session.python("print(bottom)")) * 0.995 + 2 * column))
    page.locator(".liq-realised", has_text="$9M short").wait_for()
    session.python("hm.layer = 'both'")
    session.until("root.dataset.layer === 'both'")
    frames(session)
    assert choice.input_value() == "both"
    check(REALISED, realised, "plasma")
    check(BITMAP, estimate, "greys")
    shown = pixels(session, ".liq-heat")
    assert (shown == shown[0, 0]).all(axis=-1).mean() < 0.5
    session.python("hm.liquidations = None")
    page.locator(".liq-legend", has_text="no realised liquidation has a price").wait_for()
    choice.select_option("estimate")
    session.until("root.dataset.layer === 'estimate'")
    frames(session)
    check(BITMAP, estimate, "plasma")
    assert not choice.is_visible()
    assert page.problems == []


def test_a_replay_shows_the_positions_that_were_known_then(notebook):
    setup = """
class Known(Positions):
    def __init__(self, candle):
        self.time = market.candles.index[candle] + pd.Timedelta("1min")
        self.label = f"known at {self.time:%H:%M:%S} UTC"

hm = lw.LiquidationHeatmap(market, height=800)
for candle in (100, 200):
    hm.positions = Known(candle)
hm
"""
    session = notebook(SETUP + POSITIONS + setup)
    first, last = session.python("print(*(f'{one.time:%H:%M:%S}' for one in (Known(100), Known(200))))").split()
    legend = session.page.locator(".liq-legend")

    def drag(candle: int, minutes: int) -> None:
        code = f"print((market.candles.index[{candle}] + pd.Timedelta({minutes}, 'min')).timestamp() * 1000)"
        session.view(f"view.source.set({{ asOf: {float(session.python(code))} }})")

    session.until("view.source.positions !== null")
    assert f"known at {last}" in legend.inner_text()
    drag(150, 1)
    session.until(f"view.source.positions?.label.includes('{first}')")
    session.page.wait_for_function("text => document.querySelector('.liq-legend').innerText.includes(text)", arg=first)
    drag(90, 1)
    session.until("view.source.positions === null")
    session.page.wait_for_function("() => !document.querySelector('.liq-legend').innerText.includes('known at')")
    session.view("view.source.set({ asOf: null })")
    session.until(f"view.source.positions?.label.includes('{last}')")
    assert session.page.problems == []
