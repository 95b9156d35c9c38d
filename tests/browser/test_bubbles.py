"""Realised liquidations and true positions over the heat, in a real JupyterLab."""

from __future__ import annotations

import base64
import io
import time

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.browser

SETUP = """import numpy as np, pandas as pd, time, liqwidget as lw
market = lw.load_sample().tail(400)
candles = market.candles
market = lw.Market.from_frame(candles, symbol="TEST")
top, bottom = candles["high"].max(), candles["low"].min()
def at(column, price, side, usd):
    return pd.DataFrame({"time": candles.index[[column]], "side": side, "price": [price], "notional": [usd]})
"""
#: Above and below the candles, where nothing else is drawn.
PLACES = [(60, "long", 9e6), (140, "short", 9e6), (220, "long", 4e6), (300, "short", 1e6)]
MARKED = (
    SETUP
    + f"liq = pd.concat([at(c, bottom * .995 + c * 2, s, u) for c, s, u in {PLACES}])\n"
    + "hm = lw.LiquidationHeatmap(lw.Market.from_frame(candles, symbol='TEST', liquidations=liq), height=800)\nhm"
)
CANVAS = """(() => { const c = root.querySelector('%s');
  const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
  let s = ''; for (let i = 0; i < d.length; i += 32768) s += String.fromCharCode(...d.subarray(i, i + 32768));
  return [c.width, c.height, btoa(s)]; })()"""


def pixels(session, selector=".liq-bubbles"):
    width, height, data = session.view(CANVAS % selector)
    return np.frombuffer(base64.b64decode(data), np.uint8).reshape(height, width, 4).astype(int)


def place(session, column, price, last=None):
    """CSS pixel of the middle of columns, and of a price."""
    box = (
        f"{{columnFrom: {column}, columnTo: {column if last is None else last}, priceLow: {price}, priceHigh: {price}}}"
    )
    rect = session.view(f"view.chart.rectOf(view.source.field, {box})")
    return (rect["x0"] + rect["x1"]) / 2, rect["y0"]


def around(image, x, y, reach=30):
    x, y = round(x), round(y)
    return image[max(y - reach, 0) : y + reach, max(x - reach, 0) : x + reach]


def coloured(image, side):
    """Where a mark's own colour is; its outline is dark."""
    return (image[..., 2 if side == "long" else 0] > 128) & (image[..., 3] > 80)


def says(session, expression, wanted, deadline=20.0):
    """Wait until the kernel says so: messages of a page may be overtaken by questions."""
    until = time.monotonic() + deadline
    while (told := session.python(f"with hm._lock: print({expression})").strip()) != wanted:
        assert time.monotonic() < until, (expression, told)


def frames(session):
    session.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def point(session, x, y):
    pane = session.page.locator(".liq-plot").bounding_box()
    session.page.mouse.move(pane["x"] + x, pane["y"] + y)
    frames(session)


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
        # A circle fills pi / 4 of its box, a diamond on its corner half of it.
        fill = own.sum() / ((np.ptp(rows) + 1) * (np.ptp(columns) + 1))
        assert fill == pytest.approx(np.pi / 4 if side == "long" else 0.5, abs=0.09)
        areas.append(own.sum() / usd)
    np.testing.assert_allclose(np.array(areas) / areas[0], 1, atol=0.12)
    assert image[..., 3].max(axis=(0, 1)) > 0
    legend = session.page.locator(".liq-legend").inner_text()
    assert "realised" in legend
    assert "largest $9.00M" in legend
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
    session.page.get_by_label("realised liquidations").uncheck()
    frames(session)
    shown = np.array(Image.open(io.BytesIO(session.page.screenshot(clip=clip))).convert("RGB")).astype(int)
    assert (before - shown.mean(axis=(0, 1)))[2] > 40  # the blue of a long's circle, over the heat


def test_they_are_switched_off_and_on_from_both_sides(notebook):
    session = notebook(MARKED)
    box = session.page.get_by_label("realised liquidations")
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
    assert not session.page.get_by_label("realised liquidations").is_visible()
    for i, column in enumerate((80, 120, 160)):
        session.python(f"hm.add_liquidations(at({column}, bottom * .99, 'BUY', 1e6))")
        session.until(f"view.source.marks?.placed === {i + 1}")
    frames(session)
    image = pixels(session)
    bottom = float(session.python("print(bottom)"))
    for column in (80, 120, 160):
        assert coloured(around(image, *place(session, column, bottom * 0.99), 8), "short").any()
    session.python(
        "late = candles.index[-1] + market.interval\n"
        "hm.add_liquidations(pd.DataFrame({'time': [late], 'side': 'long', 'price': bottom, 'notional': 5e5}))"
    )
    session.until("view.source.marks.outside === 1")
    assert "1 realised liquidation ($500k) outside the candles" in session.page.locator(".liq-badges").inner_text()
    session.python("c = candles.iloc[-1:].copy(); c.index = [late]; hm.append(c)")
    session.until("view.source.marks.outside === 0 && view.source.field.ledger.columns === 401")
    frames(session)
    assert coloured(around(pixels(session), *place(session, 400, bottom), 8), "long").any()
    assert "outside" not in session.page.locator(".liq-badges").inner_text()
    # What a browser does not have, it asks for.
    session.python("hm._realised.revision += 7; hm.add_liquidations(at(200, bottom, 'long', 1e6))")
    session.until("view.source.marks.placed === 5")
    assert session.view("view.source.marks.revision") == int(session.python("print(hm._realised.revision)"))
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
        assert part[28:33, 28:33, 3].max() < 60  # as good as nothing inside
        rows, columns = np.nonzero(coloured(part, side))
        ring = np.hypot(rows - 30, columns - 30)
        rows, columns, ring = rows[ring < 29], columns[ring < 29], ring[ring < 29]  # others are beyond
        assert ring.min() > 8
        assert ring.max() >= 20
        assert abs(rows.mean() - 30) <= 2
        assert abs(columns.mean() - 30) <= 2
    assert "price not known" in session.page.locator(".liq-legend").inner_text()
    point(session, *place(session, 72, low, 83))
    told = session.page.locator(".liq-cell").inner_text()
    assert "realised" in told
    assert "at which price is not known" in told


def test_the_readout_tells_what_is_realised_near_the_pointer(notebook):
    session = notebook(MARKED)
    bottom = float(session.python("print(bottom)"))
    x, y = place(session, 220, bottom * 0.995 + 440)
    point(session, x, y)
    line = session.page.locator(".liq-realised")
    assert line.inner_text().split() == ["realised", "$4.00M", "long", "(1)"]
    assert "est." in session.page.locator(".liq-cell").inner_text()
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
    session.page.locator(".liq-slider").first.focus()
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
            session.until(f"Number(root.dataset.rev) > {before} && view.source.pendingBin === null")
        else:
            session.python("hm.positions = Positions()")
            session.until("view.source.positions !== null")
        size = float(session.python("print(hm.bin_size)"))
        session.until(f"view.source.positions.binSize === {size} && view.source.field.ledger.binSize === {size}")
        image = white()
        lengths = []
        for price in map(float, session.python("print(bottom * .99, top * 1.01)").split()):
            row = np.floor(price / size)
            y0, y1 = (round(place(session, 0, edge * size)[1]) for edge in (row + 1, row))
            rows, columns = np.nonzero(image[y0 - 1 : y1 + 2])
            assert len(rows) > 0
            lengths.append(image.shape[1] - columns.min())
        assert lengths[0] / lengths[1] == pytest.approx(2, rel=0.06)
        assert lengths[0] > image.shape[1] * 0.9
    legend = session.page.locator(".liq-legend").inner_text()
    assert "positions: three addresses <img" in legend
    assert "scale " in legend
    assert "$5.00M beyond the rows" in legend
    assert session.page.locator(".liq img").count() == 0
    assert session.page.evaluate("window.pwned") is None
    session.python("hm.positions = None")
    session.until("view.source.positions === null")
    assert not white().any()
    assert session.page.problems == []
