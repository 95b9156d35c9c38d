"""Clusters near the last price: the line below the chart, the marks on the price axis, notices of the browser."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
from chart import frames, place
from PIL import Image

pytestmark = pytest.mark.browser

CELL = """import pandas as pd, liqwidget as lw
hm = lw.LiquidationHeatmap(lw.load_sample())
table = hm.density.clusters(top=100)
above = table[table["side"] == "short"].sort_values("distance").iloc[0]
told = []
watch = hm.on_near(above["distance"] - 0.003, above["notional"] * 0.9, told.append)
def move(fraction):
    last, at = hm.market.candles.iloc[-1], hm.market.candles.index[[-1]] + hm.market.interval
    close = last["close"] * (1 + fraction)
    prices = {"open": last["close"], "high": max(last["close"], close), "low": min(last["close"], close)}
    same = {name: last[name] for name in hm.market.candles.columns if name not in prices}
    hm.append(pd.DataFrame([{**same, **prices, "close": close}], at.rename("time")))
hm"""
#: A browser's notices, kept instead of shown.
KEPT = """() => {
  window.notices = [];
  window.Notification = class {
    static async requestPermission() { return window.answer; }
    constructor(title, options) { window.notices.push({ title, ...options }); }
  };
}"""


def axis(session, price):
    """Pixels of the price axis around a price."""
    _, y = place(session, 0, price)
    pane = session.page.locator(".liq-plot").bounding_box()
    left, width = session.view("[view.chart.api.paneSize(0).width, view.chart.api.priceScale('right').width()]")
    clip = {"x": pane["x"] + left, "y": pane["y"] + y - 8, "width": width, "height": 16}
    return np.array(Image.open(io.BytesIO(session.page.screenshot(clip=clip))).convert("RGB")).astype(int)


def test_a_cluster_that_comes_near_is_named_marked_and_noticed_once(notebook):
    session = notebook(CELL)
    page = session.page
    page.evaluate(KEPT)
    line, button = page.locator(".liq-near"), page.get_by_role("button", name="notify me")
    assert re.match(r"No estimated cluster of \$\d+M or more within \d\.\d\d % of the price", line.inner_text())
    assert not button.is_visible()  # nothing is live
    session.python("hm.set_live('live')")
    button.wait_for()
    page.evaluate("() => { window.answer = 'denied'; }")
    button.click()
    line.get_by_text("does not allow notices").wait_for()
    assert button.get_attribute("aria-pressed") == "false"
    page.evaluate("() => { window.answer = 'granted'; }")
    button.focus()
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelector('.liq-near button').ariaPressed === 'true'")
    price = float(session.python("print(above['peak_price'])"))
    assert not (np.abs(axis(session, price) - [255, 176, 102]).max(axis=-1) < 20).any()
    session.python("move(0.004)")
    assert session.python("print(len(told), len(hm.near))").strip() == "1 1"
    page.wait_for_function("() => window.notices.length === 1")
    line.get_by_text("shorts").first.wait_for()
    words = line.inner_text()
    assert re.search(r"Estimated clusters near the price: shorts \$\d+M, \d\.\d\d % above", words)
    notice = page.evaluate("() => window.notices[0]")
    assert notice["title"] == "BTCUSDT-SIM: price near estimated levels"
    assert notice["body"].endswith("above the price\nAn estimate, not a forecast.")
    session.until("view.source.near.levels.length === 1")
    frames(session)
    marked = np.abs(axis(session, session.view("view.source.near.levels[0].peak")) - [255, 176, 102]).max(axis=-1) < 20
    assert marked.mean() > 0.3
    session.python("move(0.0001)")
    session.python("watch.remove()")
    line.wait_for(state="hidden")
    frames(session)
    assert not (np.abs(axis(session, price) - [255, 176, 102]).max(axis=-1) < 20).any()
    assert page.evaluate("() => window.notices.length") == 1  # it has been told of already
    assert page.problems == []
