"""The tooltip at the pointer: three short lines that cover neither what is pointed at nor the finger."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from saved_page import TWO_FRAMES, VIEW

pytestmark = pytest.mark.browser

#: What is pointed at, the cell and its candle, and the tooltip, all in pixels of the window; null: no tooltip.
SHOWN = """([x, y]) => {
  const { chart, source } = document.querySelector('.liq').liqwidget, { field } = source, { grid, bars } = field;
  const tip = document.querySelector('.liq-cell');
  if (!tip.checkVisibility()) return null;
  const pane = document.querySelector('.liq-plot').getBoundingClientRect();
  const at = chart.boxAt(field, { x0: x - pane.x, x1: x - pane.x, y0: y - pane.y, y1: y - pane.y });
  // Columns are narrower than a pixel: which one is meant, the candle's line says, shown or not.
  const stamp = document.querySelector('.liq-candle span').textContent.trim().replace(' UTC', 'Z').replace(' ', 'T');
  const column = bars.time.indexOf(Date.parse(stamp)), row = Math.floor(at.priceLow / grid.binSize) * grid.binSize;
  const rect = (low, high) => {
    const box = chart.rectOf(field, { columnFrom: column, columnTo: column, priceLow: low, priceHigh: high });
    return [box.x0 + pane.x, box.y0 + pane.y, box.x1 + pane.x, box.y1 + pane.y];
  };
  if (!(Math.abs(column - at.columnFrom) <= 1 + 2 / (rect(0, 1)[2] - rect(0, 1)[0]))) throw new Error(stamp);
  const { left, top, right, bottom } = tip.getBoundingClientRect();
  return { cell: rect(row, row + grid.binSize), candle: rect(bars.low[column], bars.high[column]),
    tip: [left, top, right, bottom], lines: [...tip.children].map((line) => line.textContent),
    frame: [pane.left, pane.top, pane.right, pane.top + chart.api.paneSize(0).height] };
}"""


def apart(a: list[float], b: list[float]) -> bool:
    return a[0] >= b[2] or b[0] >= a[2] or a[1] >= b[3] or b[1] >= a[3]


def inside(a: list[float], b: list[float]) -> bool:
    return a[0] >= b[0] and a[1] >= b[1] and a[2] <= b[2] and a[3] <= b[3]


@pytest.fixture(params=[390, 1000])
def page(request: pytest.FixtureRequest, on_sample: Any) -> Iterator[Any]:
    with on_sample(request.param, 1300) as page:
        yield page


def places(page: Any, more: float = 0.05) -> list[tuple[float, float]]:
    """Points all over the cells in view."""
    plot = page.locator(".liq-plot").bounding_box()
    width, height = page.evaluate(f"(({{ width, height }}) => [width, height])({VIEW}.chart.api.paneSize(0))")
    shares = (more, 0.25, 0.45, 0.65, 0.95)
    return [(plot["x"] + i * width * 0.98, plot["y"] + j * height) for i in shares for j in shares]


def test_it_covers_neither_the_cell_nor_the_candle(page: Any) -> None:
    width = page.viewport_size["width"]
    seen = []
    for x, y in places(page):
        page.mouse.move(x, y)
        page.evaluate(TWO_FRAMES)
        shown = page.evaluate(SHOWN, [x, y])
        assert inside(shown["tip"], shown["frame"]), (x, y)
        assert apart(shown["tip"], shown["cell"]), (x, y)
        assert apart(shown["tip"], shown["candle"]), (x, y)
        assert shown["tip"][2] - shown["tip"][0] < 300
        seen.append(shown["lines"])
        if "nothing" in shown["lines"][0]:
            assert len(shown["lines"]) <= 2  # the second is about realised liquidations
            assert shown["lines"][0].endswith(": nothing is estimated here")
            continue
        prices, estimate, candle = shown["lines"][:3]
        assert prices.endswith(" % from the close")
        assert estimate.startswith("estimate: $")
        assert estimate.endswith((" of longs would be closed", " of shorts would be closed"))
        assert candle.startswith("realised ") or " UTC · close " in candle
        assert len(shown["lines"]) <= 3
        assert shown["tip"][3] - shown["tip"][1] < 80
    assert {len(lines) for lines in seen} >= {1, 3}
    # The candle's line is for wide charts.
    assert page.locator(".liq-candle").is_visible() == (width > 700)


def test_the_rest_comes_on_demand_and_stays(page: Any) -> None:
    tip, plot = page.locator(".liq-cell"), page.locator(".liq-plot")
    plot.focus()
    page.keyboard.press("c")
    for _ in range(12):
        page.keyboard.press("ArrowDown")
    tip.get_by_text("estimate: ").wait_for()
    assert "mean age" not in tip.inner_text()
    page.keyboard.press("i")
    for words in ("x 1", "mean age", "between here and the close", "under other likely mixes and decay rates", "O "):
        tip.locator("div", has_text=words).first.wait_for()
    page.keyboard.press("ArrowDown")
    tip.get_by_text("mean age").wait_for()
    page.keyboard.press("i")
    tip.get_by_text("mean age").wait_for(state="hidden")
    page.keyboard.press("?")
    page.locator(".liq-help", has_text="more about the cell pointed at").wait_for()


def test_a_finger_is_not_covered_and_a_tap_on_the_tooltip_shows_more(page: Any) -> None:
    if page.viewport_size["width"] > 390:
        pytest.skip("a phone is meant")
    tip = page.locator(".liq-cell")
    devtools = page.context.new_cdp_session(page)

    def put(*finger: tuple[float, float]) -> None:
        """Put a finger there; none: lift it."""
        kind = "touchStart" if finger else "touchEnd"
        points = [{"x": x, "y": y} for x, y in finger]
        devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    for x, y in places(page, more=0.12)[::3]:
        put((x, y))
        tip.wait_for()
        page.evaluate(TWO_FRAMES)
        shown = page.evaluate(SHOWN, [x, y])
        assert apart(shown["tip"], [x - 24, y - 24, x + 24, y + 24]), (x, y)
        assert apart(shown["tip"], shown["cell"]), (x, y)
        put()
        assert "mean age" not in tip.inner_text()
        if "estimate: " in tip.inner_text():
            for state in ("visible", "hidden"):
                box = tip.bounding_box()
                put((box["x"] + 20, box["y"] + 20))
                put()
                tip.get_by_text("mean age").wait_for(state=state)
        put((x, y))  # a tap on the chart ends the readout
        put()
        tip.wait_for(state="hidden")
    devtools.detach()
