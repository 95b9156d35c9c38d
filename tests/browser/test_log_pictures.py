"""The logarithmic price axis in the windows of a history, in a saved picture and on paper."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from lab import chromium
from log_axis import PRICES, check_lines, check_map, settle
from PIL import Image
from saved_page import VIEW

import liqwidget as lw
from markets import walk

pytestmark = pytest.mark.browser

MODE = "view.chart.api.priceScale('right').options().mode"
WINDOW = "[view.source.field.bars.time[0], view.source.field.bars.time.at(-1)]"
#: CSS pixels above and left of the chart in a saved picture.
TOP, LEFT = 74, 14


def check_window(session) -> list[int]:
    """Rows of the window lie where the axis puts them; returns the times of the window."""
    settle(session.page)
    check_map(session.page)
    rows, _ = check_lines(session.page)
    assert rows > 20
    return session.view(WINDOW)


def test_windows_of_a_history_lie_on_the_axis_too(notebook, tmp_path):
    market = walk(60_000, seed=8, price=60_000, tick=0.1, wild=0.02, step_minutes=1)
    lw.history(market, tmp_path / "years", bin_size=100.0, decay_rate=0.03, progress=False)
    session = notebook(
        "import json, liqwidget as lw\n"
        f"hm = lw.HistoryHeatmap(lw.history(None, {str(tmp_path / 'years')!r}), price_axis='log')\nhm"
    )
    page = session.page
    session.until(f"{MODE} === 1")
    whole = check_window(session)
    # Another window, with prices: the axis, its prices and the bins of the new window agree.
    close = market.candles["close"].iloc[30_000:30_400]
    low, high = float(close.min()) * 0.9, float(close.max()) * 1.1
    times = [int(time.timestamp() * 1000) for time in close.index[[0, -1]]]
    view = {"time_from": times[0], "time_to": times[1], "price_low": low, "price_high": high}
    session.python(f"hm.visible = {view}")
    session.until(f"(() => {{ const [a, b] = {WINDOW}; return b - a < {(whole[1] - whole[0]) / 4}; }})()")
    session.until(f"Math.abs(view.chart.axis.prices.to / {high} - 1) < 1e-6")
    part = check_window(session)
    assert whole[0] <= part[0] <= times[0] < times[1] <= part[1] <= whole[1] + 64 * 60_000
    assert page.evaluate(PRICES) == pytest.approx([low, high], rel=1e-6)
    # The switch keeps the prices, and the next window that a drag brings keeps the axis.
    switch = page.get_by_role("button", name="log price axis")
    for pressed in ("false", "true"):
        switch.click()
        settle(page)
        assert switch.get_attribute("aria-pressed") == pressed
        assert page.evaluate(PRICES) == pytest.approx([low, high], rel=1e-6)
    box, picture = page.locator(".liq-plot").bounding_box(), session.view("view.source.field.picture")
    y = box["y"] + 150
    for _ in range(3):
        page.mouse.move(box["x"] + 100, y)
        page.mouse.down()
        page.mouse.move(box["x"] + 800, y, steps=8)
        page.mouse.up()
        settle(page)
    session.until(f"view.source.field.picture > {picture}")
    assert check_window(session)[0] < part[0]
    assert session.view(MODE) == 1
    assert page.problems == []


def rgb(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)


@pytest.mark.parametrize("ratio", [1, 2])
def test_a_saved_picture_and_paper_have_the_axis_of_the_screen(playwright, tmp_path, ratio):
    hm = lw.LiquidationHeatmap(
        lw.load_sample().tail(600), price_axis="log", visible={"time": "24h", "price": (6e4, 1.4e5)}
    )
    path = tmp_path / "page.html"
    path.write_text(hm.to_html(), encoding="utf-8")
    with chromium(playwright, ratio=ratio) as first:
        # Chromium scales its canvases by the first ratio, screenshots by the second.
        browser = first.context.browser
        page = browser.new_context(viewport={"width": 1000, "height": 1000}, device_scale_factor=ratio).new_page()
        problems = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(path.as_uri())
        page.wait_for_selector(".liq[data-rev]")
        settle(page)
        assert page.evaluate("devicePixelRatio") == ratio
        pictures = {}
        for axis in ("log", "linear"):
            plot = page.locator(".liq-plot").bounding_box()
            assert plot["y"] % 1 == plot["x"] % 1 == 0
            screen = rgb(page.locator(".liq-plot").screenshot())
            with page.expect_download() as download:
                page.locator(".liq-save summary").click()
                page.locator(".liq-menu button", has_text="picture").click()
            picture = rgb(download.value.path().read_bytes())
            # The chart and its price axis, whose labels are all where they are on the screen; what lies over the
            # screen alone (the values at the cursor, the legend, the switch) is left out.
            width, height = page.evaluate(f"[{VIEW}.chart.api.paneSize(0).width, {VIEW}.chart.api.paneSize(0).height]")
            for x0, x1 in ((width // 2, width), (width, width + 72)):
                part = screen[40 * ratio : int(height - 60) * ratio, int(x0) * ratio : int(x1) * ratio]
                below, right = TOP * ratio + 40 * ratio, (LEFT + int(x0)) * ratio
                shown = picture[below : below + part.shape[0], right : right + part.shape[1]]
                assert (np.abs(shown - part).max(axis=2) <= 2).mean() > 0.999
                assert len(np.unique(part.reshape(-1, 3), axis=0)) > 10
            pictures[axis] = picture
            # Paper gets the same picture.
            page.evaluate("dispatchEvent(new Event('beforeprint'))")
            printed = page.locator(".liq-print").evaluate("(c) => c.toDataURL().split(',')[1]")
            page.evaluate("dispatchEvent(new Event('afterprint'))")
            # (its profile may have got its range meanwhile, and its last line has the time)
            chart = slice(TOP * ratio, int(TOP + height) * ratio), slice(0, int(LEFT + width + 72) * ratio)
            assert (rgb(base64.b64decode(printed))[chart] == picture[chart]).all()
            assert page.evaluate(PRICES) == pytest.approx([6e4, 1.4e5], rel=1e-9)
            page.get_by_role("button", name="log price axis").click()
            settle(page)
        log, linear = pictures.values()
        assert log.shape == linear.shape
        assert (log != linear).any()
        assert problems == []
