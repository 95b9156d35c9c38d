"""Linked heatmaps in one notebook point at the same candle; those that are not linked do not."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.browser

CELL = """
import pandas as pd, liqwidget as lw
from IPython.display import display
market = lw.load_sample()
candles = market.candles
steps = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
hours = candles[list(steps)].resample("1h").agg(steps)
other = hours.iloc[:100].copy()
other[["open", "high", "low", "close"]] /= 25
a = lw.LiquidationHeatmap(market, height=260)
b = lw.LiquidationHeatmap(lw.Market.from_frame(hours, symbol=market.symbol), height=260)
c = lw.LiquidationHeatmap(lw.Market.from_frame(other, symbol="OTHER"), height=260)
d = lw.LiquidationHeatmap(market, height=260)
link = lw.link(a, b, c)
hm = a
display(a, b, c, d)"""
#: The cells that the views show: column and price; null: none.
AT = """() => [...document.querySelectorAll('.liq')].map((root) => {
  const { hover } = root.liqwidget;
  return hover && hover.price !== null ? [hover.column, hover.price] : null;
})"""
#: A pixel of the first chart.
PLACE = "view.chart.rectOf(view.source.field, {columnFrom: %d, columnTo: %d, priceLow: 86000, priceHigh: 86000})"


def until(page, condition):
    """Wait until a condition of the four cells ``at`` holds; return them."""
    page.wait_for_function(f"() => {{ const at = ({AT})(); return {condition}; }}")
    return page.evaluate(AT)


def hover(session, column):
    session.page.locator(".liq-plot").first.scroll_into_view_if_needed()
    pane = session.page.locator(".liq-plot").first.bounding_box()
    at = session.view(PLACE % (column, column))
    session.page.mouse.move(pane["x"] + (at["x0"] + at["x1"]) / 2, pane["y"] + at["y0"])


def test_linked_heatmaps_point_at_the_same_time_and_price(notebook):
    session = notebook(CELL, views=4)
    page = session.page
    hover(session, 900)
    first, second, third, alone = until(page, "at[0] && at[1] && at[2]")
    assert alone is None
    column = first[0]  # several candles share a pixel
    assert column == pytest.approx(900, abs=4)
    assert second[0] == third[0] == column // 12
    assert second[1] == pytest.approx(first[1])  # the same symbol: the same price
    close = [session.view(f"view.source.field.bars.close[{at}]", i) for i, at in ((0, column), (2, third[0]))]
    assert third[1] / close[1] == pytest.approx(first[1] / close[0])  # another: the same distance

    hover(session, 1500)  # where the third has no candle
    until(page, "at[1]?.[0] > 120 && at[2] === null")
    page.mouse.move(5, 5)
    until(page, "at.every((cell) => cell === null)")

    page.locator(".liq-plot").nth(1).focus()
    page.keyboard.press("c")
    at = until(page, "at[0] && at[1]")
    assert at[0][0] == 12 * at[1][0]
    assert at[0][1] == pytest.approx(at[1][1])
    page.keyboard.press("Escape")
    until(page, "at.every((cell) => cell === null)")

    session.python("link.remove()")
    session.until("view.source.linked === ''")
    hover(session, 900)
    assert until(page, "at[0]")[1:] == [None, None, None]
    assert session.page.problems == []
