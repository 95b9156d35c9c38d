"""The logarithmic price axis: rows, pointer, boxes and the what-if lie where the axis puts their prices."""

from __future__ import annotations

import re

import numpy as np
import pytest
from chart import says
from lab import chromium
from log_axis import AT, LINE, PRICES, check_lines, check_map, look, settle, view
from render import differences
from saved_page import VIEW

import liqwidget as lw

pytestmark = pytest.mark.browser

HEAT = "() => document.querySelector('.liq-heat').toDataURL()"
KEYS = {"all": [], "levels": ["9"], "close": ["+"] * 5, "closer": ["+"] * 9, "far": ["9", "-", "-"]}


def check_rows(page, hm) -> int:
    """The picture is Python's, its rows lie where the axis puts them; returns the number of rows in view."""
    size = page.evaluate(f"{VIEW}.source.field.grid.binSize")
    values = hm.ledger.replay(hm.decay_rate, hm.shown.weights, bin_size=size).values
    rows, bitmap = check_lines(page)
    assert bitmap.block == 1
    off, cells, worst = differences(bitmap, values)
    assert worst <= 1
    assert off <= cells / 1000
    return rows


@pytest.mark.parametrize("ratio", [1, 1.5])
def test_rows_lie_where_the_axis_puts_their_prices(playwright, tmp_path, ratio):
    market = lw.load_sample().tail(800)
    hm = lw.LiquidationHeatmap(market, price_axis="log", contrast="whole")
    path = tmp_path / "page.html"
    path.write_text(hm.to_html(), encoding="utf-8")
    with chromium(playwright, 1400, 1000, ratio) as page:
        page.goto(path.as_uri())
        page.wait_for_selector(".liq[data-rev]")
        settle(page)
        size = f"{VIEW}.chart.heatmap.canvas.width / {VIEW}.chart.api.paneSize(0).width"
        assert page.evaluate(size) == pytest.approx(ratio, abs=0.01)
        rows = {}
        for name, keys in KEYS.items():
            look(page, ["0", *keys])
            check_map(page)
            rows[name] = check_rows(page, hm)
        assert len(set(rows.values())) >= 3, rows
        assert page.problems == []


def test_bins_that_share_pixels_show_the_brightest_of_them(opened):
    hm = lw.LiquidationHeatmap(lw.load_sample().tail(300), price_axis="log", bin_size=20, span=0.7)
    with opened(hm.to_html()) as page:
        page.keyboard.press("Tab")
        look(page, ["9"])
        check_map(page)
        lines = page.evaluate(f"Array.from({VIEW}.chart.heatmap.bitmap.lines)")
        sizes = np.diff(lines)
        assert sizes[0] < sizes[-2]  # bins are lower where prices are higher
        _, edges, _ = page.evaluate(LINE, [view(page), 299])
        heights = -np.diff(np.array(edges)[lines])
        assert (heights[:-1] >= 1).all()
        assert page.problems == []


def test_pointer_boxes_and_prices_in_view_are_those_of_the_axis(opened):
    shown = {"time": ("2026-01-12", "2026-01-13"), "price": (80_000, 96_000)}
    hm = lw.LiquidationHeatmap(lw.load_sample(), price_axis="log", visible=shown)
    with opened(hm.to_html()) as page:
        settle(page)
        assert page.evaluate(PRICES) == pytest.approx([80_000, 96_000], rel=1e-9)
        assert page.evaluate(f"{VIEW}.source.visible.price_high") == pytest.approx(96_000, rel=1e-9)
        check_map(page)
        pane = page.locator(".liq-plot").bounding_box()
        height = page.evaluate(f"{VIEW}.chart.api.paneSize(0).height")
        for y in range(3, int(height) - 30, 17):
            page.mouse.move(pane["x"] + 500, pane["y"] + y)
            settle(page)
            words = page.locator(".liq-cell").inner_text()
            low, high = re.search(r"(\d[\d,.]*) – (\d[\d,.]*)", words).groups()
            price = page.evaluate(AT, [view(page), y])
            assert float(low.replace(",", "")) <= price < float(high.replace(",", "")), (y, words, price)
        # A box by drag with Shift.
        page.keyboard.down("Shift")
        page.mouse.move(pane["x"] + 300, pane["y"] + 60)
        page.mouse.down()
        page.mouse.move(pane["x"] + 500, pane["y"] + 260, steps=5)
        page.mouse.up()
        page.keyboard.up("Shift")
        settle(page)
        box = page.evaluate(f"{VIEW}.source.selection")
        assert box["price_high"] == pytest.approx(page.evaluate(AT, [view(page), 60]), rel=1e-9)
        assert box["price_low"] == pytest.approx(page.evaluate(AT, [view(page), 260]), rel=1e-9)
        outline = page.locator(".liq-outline").bounding_box()
        assert outline["y"] == pytest.approx(pane["y"] + 60, abs=0.1)
        assert outline["height"] == pytest.approx(200, abs=0.1)
        assert page.problems == []


def test_the_switch_is_undone_linked_and_copied_and_keeps_the_prices(opened):
    hm = lw.LiquidationHeatmap(lw.load_sample().tail(600), contrast="whole")
    html = hm.to_html()
    with opened(html) as page:
        switch = page.get_by_role("button", name="log price axis")
        assert switch.get_attribute("aria-pressed") == "false"
        look(page, ["+"] * 3)
        before, plain = page.evaluate(PRICES), page.evaluate(HEAT)
        switch.focus()
        page.keyboard.press("Enter")
        settle(page)
        assert switch.get_attribute("aria-pressed") == "true"
        assert page.evaluate(f"{VIEW}.source.settings.priceAxis") == "log"
        assert page.evaluate(PRICES) == pytest.approx(before, rel=1e-9)
        check_map(page)
        curved = page.evaluate(HEAT)
        assert curved != plain
        page.keyboard.press("Control+z")
        settle(page)
        assert (switch.get_attribute("aria-pressed"), page.evaluate(HEAT)) == ("false", plain)
        page.keyboard.press("Control+Shift+z")
        settle(page)
        assert (switch.get_attribute("aria-pressed"), page.evaluate(HEAT)) == ("true", curved)
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        for name in ("copy as Python", "copy link"):
            page.locator(".liq-save summary").click()
            page.locator(".liq-menu").get_by_role("button", name=name).click()
            page.locator(".liq-menu [role=status]", has_text="Copied").wait_for()
            if name == "copy as Python":
                code = page.evaluate("navigator.clipboard.readText()")
                page.keyboard.press("Escape")
        link = page.evaluate("navigator.clipboard.readText()").split("#")[1]
        page.get_by_role("button", name="reset to defaults").click()
        settle(page)
        assert page.evaluate(HEAT) == plain
        assert page.problems == []
    assert "axis=log" in link
    assert '    price_axis="log",' in code
    linked = lw.LiquidationHeatmap(hm.market)
    linked.view = link
    assert linked.price_axis == "log"
    pictures = []
    for name, address in ((html, f"#{link}"), (linked.to_html(), "")):
        with opened(name, address=address) as page:
            settle(page)
            assert page.evaluate(PRICES) == pytest.approx(before, rel=1e-9)
            check_map(page)
            pictures.append(page.evaluate(HEAT))
    assert pictures[0] == pictures[1]


def test_the_what_if_lies_at_its_price(opened):
    hm = lw.LiquidationHeatmap(
        lw.load_sample().tail(600), price_axis="log", visible={"time": "24h", "price": (9e3, 2e5)}
    )
    close = hm.market.candles["close"].iloc[-1]
    grip = """([view, price]) => { const y = view.chart.api.panes()[0].getSeries()[0].priceToCoordinate(price);
      const at = (e) => e.getBoundingClientRect(), top = at(document.querySelector('.liq-plot')).top;
      const { top: a, bottom: b } = at(document.querySelector('.liq-grip')); return (a + b) / 2 - top - y; }"""
    with opened(hm.to_html()) as page:
        page.get_by_role("button", name="what if").click()
        settle(page)
        for key, wanted in (("ArrowDown", -0.031), ("ArrowUp", -0.03), ("PageUp", None), *[("ArrowUp", None)] * 3):
            before = page.evaluate(f"{VIEW}.source.settings.shock")
            page.keyboard.press(key)
            settle(page)
            shock = page.evaluate(f"{VIEW}.source.settings.shock")
            assert shock == wanted if wanted else shock > before, (key, before, shock)
            assert abs(page.evaluate(grip, [view(page), close * (1 + shock)])) < 1
        # Far down, where a step along the axis is a small share of the close, a key still moves it.
        page.evaluate(f"{VIEW}.source.set({{ shock: -0.8 }})")
        settle(page)
        page.keyboard.press("ArrowDown")
        settle(page)
        assert page.evaluate(f"{VIEW}.source.settings.shock") == -0.801
        page.keyboard.press("ArrowUp")
        settle(page)
        assert page.evaluate(f"{VIEW}.source.settings.shock") == -0.8
        # By pointer it follows the price under it.
        pane, box = page.locator(".liq-plot").bounding_box(), page.locator(".liq-grip").bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x, pane["y"] + 120, steps=6)
        page.mouse.up()
        settle(page)
        price = page.evaluate(AT, [view(page), 120])
        assert close * (1 + page.evaluate(f"{VIEW}.source.settings.shock")) == pytest.approx(price, rel=0.02)
        assert page.problems == []


@pytest.mark.parametrize("factor", [1e-9, 1e3])
def test_small_and_large_prices_lie_on_the_axis_too(opened, factor):
    frame = lw.load_sample().candles.tail(300).copy()
    frame[["open", "high", "low", "close"]] = (frame[["open", "high", "low", "close"]] * factor).round(12)
    hm = lw.LiquidationHeatmap(lw.Market.from_frame(frame, symbol="TEST"), price_axis="log")
    with opened(hm.to_html()) as page:
        settle(page)
        for keys in ([], ["9"], ["+", "+", "+"]):
            look(page, keys)
            check_map(page)
        before = page.evaluate(PRICES)
        page.keyboard.press("-")
        page.keyboard.press("-")
        settle(page)
        low, high = page.evaluate(PRICES)
        assert 0 < low < before[0] < before[1] < high
        assert page.problems == []


def test_the_switch_is_large_enough_for_a_finger(opened):
    hm = lw.LiquidationHeatmap(lw.load_sample().tail(300), price_axis="log")
    with opened(hm.to_html(), width=390, height=800) as page:
        box = page.get_by_role("button", name="log price axis").bounding_box()
        assert min(box["width"], box["height"]) >= 40
        pane = page.locator(".liq-plot").bounding_box()
        height = page.evaluate(f"{VIEW}.chart.api.paneSize(0).height")
        assert box["y"] + box["height"] == pytest.approx(pane["y"] + height, abs=1)
        assert page.problems == []


def test_python_and_the_browser_share_the_axis(notebook):
    session = notebook("import liqwidget as lw\nhm = lw.LiquidationHeatmap(lw.load_sample().tail(300))\nhm")
    session.page.get_by_role("button", name="log price axis").click()
    says(session, "hm.price_axis", "log")
    session.python("hm.price_axis = 'linear'")
    session.until(
        "view.source.settings.priceAxis === 'linear' && view.chart.api.priceScale('right').options().mode === 0"
    )
    session.python("hm.visible = {'time': '24h', 'price': (70_000, 99_000)}; hm.price_axis = 'log'")
    session.until("view.chart.axis.shift !== null && Math.round(view.chart.axis.prices.to) === 99000")
    assert session.page.problems == []
