"""Ranges, and what they set: bin size and contrast; by button, from Python, followed live, and without a kernel."""

from __future__ import annotations

import json

import pytest
from chart import amount, drag, reach, says
from render import BITMAP, Bitmap, differences
from saved_page import TWO_FRAMES, VIEW

import liqwidget as lw

pytestmark = pytest.mark.browser

SETUP = """import json, pandas as pd, liqwidget as lw
sample = lw.load_sample()
market = sample.between(None, sample.candles.index[-13])
hm = lw.LiquidationHeatmap(market)
hm"""
COLUMNS = "view.chart.columnsInView.join()"
#: Height of a row, device pixels.
ROW = """(() => { const { field } = view.source, { binSize, first } = field.grid;
  const bottom = first * binSize, box = { columnFrom: 0, columnTo: 0, priceLow: bottom, priceHigh: bottom + binSize };
  const { y0, y1 } = view.chart.rectOf(field, box);
  return (y1 - y0) * devicePixelRatio; })()"""
#: Pixels right of the last candle.
MARGIN = """(() => { const { chart, source: { field } } = view, last = field.columns - 1;
  const box = { columnFrom: last, columnTo: last, priceLow: 0, priceHigh: 1 };
  return chart.api.paneSize(0).width - chart.rectOf(field, box).x1; })()"""
PRICES = "(() => { const r = view.chart.api.priceScale('right').getVisibleRange(); return [r.from, r.to]; })()"


def pressed(page) -> list[str]:
    return page.locator(".liq-ranges [aria-pressed=true]").all_inner_texts()


def press(page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def test_a_range_is_one_click_or_one_line_and_follows_new_candles(notebook):
    session = notebook(SETUP)
    page = session.page
    last = 2016 - 12 - 1
    assert page.locator(".liq-ranges button:visible").all_inner_texts() == ["24h", "3d", "all"]
    assert pressed(page) == ["all"]
    press(page, "24h")
    session.until(f"{COLUMNS} === '{last - 287},{last}'")
    assert pressed(page) == ["24h"]
    says(session, "hm.visible.get('range') if hm.visible else None", "24h")
    # Rows of 4 to 8 device pixels, in Python too; a size that the user picks stays until the next range.
    size = session.view("view.source.field.grid.binSize")
    assert session.view("view.source.binSizes").index(size) > 0
    assert 4 <= session.view(ROW) <= 8
    says(session, "(hm.bin_auto, hm.bin_size, hm.density.grid.bin_size)", str((True, float(size), float(size))))
    drag(session, ".liq-deck .liq-slider >> nth=1", 0.99)
    session.until("view.source.field.grid.binSize === view.source.binSizes.at(-1)")
    says(session, "(hm.bin_auto, hm.bin_size == hm.shown.bin_sizes[-1])", "(False, True)")
    press(page, "24h")
    session.until(f"view.source.field.grid.binSize === {size}")
    says(session, "(hm.bin_auto, hm.bin_size)", str((True, float(size))))
    # A click on the chart is no move, so that the view still follows; twelve candles come.
    page.locator(".liq-plot").click(position={"x": 300, "y": 200})
    session.python("hm.append(sample.candles.iloc[-12:])")
    session.until(f"{COLUMNS} === '{2015 - 287},2015'")
    session.until(f"Math.abs({MARGIN} - 13) < 1.5")
    says(session, "(hm.visible['time_to'], hm.visible['range'])", "(1768348500000.0, '24h')")
    # The user moves away: the range ends, and Python is told the candles in view.
    pane = page.locator(".liq-plot").bounding_box()
    page.mouse.move(pane["x"] + 300, pane["y"] + 200)
    page.mouse.down()
    page.mouse.move(pane["x"] + 420, pane["y"] + 200, steps=6)
    page.mouse.up()
    session.until("view.chart.fit.follows === null && view.chart.columnsInView[0] < 2015 - 300")
    assert pressed(page) == []
    says(session, "sorted(hm.visible)", "['time_from', 'time_to']")
    # From Python: a pair with prices, and what was read assigned again.
    session.python("hm.visible = {'time': ('2026-01-09', pd.Timestamp('2026-01-10 12:00')), 'price': (85e3, 95_000)}")
    session.until(f"{COLUMNS} === '576,1008'")
    session.until(f"{PRICES}.map(Math.round).join() === '85000,95000'")
    kept = session.python("kept = dict(hm.visible); print(json.dumps(kept))")
    assert json.loads(kept)["price_high"] == 95_000
    session.python("hm.visible = 'all'")
    session.until("view.chart.fitted && view.chart.api.priceScale('right').options().autoScale")
    assert pressed(page) == ["all"]
    session.python("hm.visible = kept")
    session.until(f"{COLUMNS} === '576,1008' && {PRICES}.map(Math.round).join() === '85000,95000'")
    assert page.problems == []
    # Without a kernel, to which JupyterLab cannot send what is in view, as its console says.
    page.evaluate("async () => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    press(page, "3d")
    session.until(f"{COLUMNS} === '{2015 - 863},2015'")


def brightest(page, hm) -> float:
    """The USD that the colours go up to, once pixels and legend are found to agree with Python's density."""
    size = page.evaluate(f"{VIEW}.source.field.grid.binSize")
    values = hm.ledger.replay(hm.decay_rate, hm.shown.weights, bin_size=size).values
    shown = Bitmap.of(page.evaluate(f"{BITMAP}({VIEW})"))
    off, cells, worst = differences(shown, values)
    assert worst <= 1
    assert off <= cells / 1000
    most = float(shown.brightest(values))
    said = page.locator(".liq-ends").text_content().split("brightest from ")[1]
    assert amount(said) == pytest.approx(most / 2, rel=0.006)  # the upper handle is at half
    return most


def test_a_page_opens_in_its_range_and_its_colours_span_what_is_in_view(opened):
    hm = lw.LiquidationHeatmap(lw.load_sample(), visible="3d")
    with opened(hm.to_html()) as page:
        page.wait_for_function(f"() => {VIEW}.chart.columnsInView.join() === '{2015 - 863},2015'")
        assert pressed(page) == ["3d"]
        press(page, "24h")
        page.wait_for_function(f"() => {VIEW}.chart.columnsInView.join() === '{2015 - 287},2015'")
        page.wait_for_function(f"() => {VIEW}.chart.heatmap.bitmap.contrast.part?.from >= {2015 - 288}")
        page.evaluate(TWO_FRAMES)
        assert pressed(page) == ["24h"]
        day = brightest(page, hm)
        # The pin: everywhere the same colours, with the legend of everything.
        contrast = reach(page.get_by_label("auto contrast"))
        contrast.click()
        page.wait_for_function(f"() => {VIEW}.chart.heatmap.bitmap.contrast.part === null")
        page.evaluate(TWO_FRAMES)
        whole = brightest(page, hm)
        assert whole > 1.2 * day
        assert contrast.get_attribute("aria-pressed") == "false"
        # A range makes the colours follow the view again, and so does a pan once it is still.
        press(page, "3d")
        page.wait_for_function(f"() => {VIEW}.chart.heatmap.bitmap.contrast.part?.from < {2015 - 860}")
        page.evaluate(TWO_FRAMES)
        assert contrast.get_attribute("aria-pressed") == "true"
        days = brightest(page, hm)
        page.evaluate(f"{VIEW}.chart.api.timeScale().setVisibleLogicalRange({{ from: 200, to: 300 }})")
        page.wait_for_function(f"() => {VIEW}.chart.heatmap.bitmap.contrast.part?.to < 310")
        page.evaluate(TWO_FRAMES)
        assert len({brightest(page, hm), days, day, whole}) == 4
        # Among earlier candles, too, the line and its label are the last close.
        series = f"{VIEW}.chart.api.panes()[0].getSeries()[0]"
        own = page.evaluate(f"[{series}.options().lastValueVisible, {series}.options().priceLineVisible]")
        line = page.evaluate(f"{series}.priceLines()[0].options()")
        assert own == [False, False]
        assert (line["price"], line["axisLabelVisible"]) == (hm.market.candles["close"].iloc[-1], True)
        assert page.problems == []
