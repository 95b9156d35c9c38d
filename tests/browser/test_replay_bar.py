"""A replay in real browsers: nothing later than its time is drawn or said, and its controls work by mouse and keys."""

from __future__ import annotations

import pytest
from chart import says
from chart_pixels import check_pixels
from saved_page import TWO_FRAMES, VIEW

import liqwidget as lw

pytestmark = pytest.mark.browser

SOURCE = f"{VIEW}.source"
COLUMNS = f"{SOURCE}.field.columns"
#: Columns of device pixels of the heat that are not all of one colour, from the left.
LAST_PAINTED = """() => {
  const canvas = document.querySelector('.liq-heat');
  const { width, height } = canvas;
  const pixels = new Uint32Array(canvas.getContext('2d').getImageData(0, 0, width, height).data.buffer);
  let last = -1;
  for (let i = 0; i < pixels.length; i++) if (pixels[i] !== pixels[width - 1]) last = Math.max(last, i % width);
  return last / devicePixelRatio;
}"""


def until(page, expression: str, timeout: float = 15_000) -> None:
    page.wait_for_function(f"() => {expression}", timeout=timeout)


def button(page, name: str):
    return page.get_by_role("button", name=name, exact=True)


def test_a_page_steps_plays_and_asks_what_happens_next(opened) -> None:
    market = lw.load_sample().tail(600)
    widget = lw.LiquidationHeatmap(market)
    with opened(widget.to_html()) as page:
        button(page, "replay").click()
        until(page, f"{COLUMNS} < 600")
        started = page.evaluate(COLUMNS)
        assert 295 <= started <= 305  # the middle of what is in view
        page.evaluate(TWO_FRAMES)
        # Nothing is painted beyond the last candle, and the marks are those of its time.
        box = f"{{columnFrom: {started - 1}, columnTo: {started - 1}, priceLow: 1, priceHigh: 2}}"
        edge = page.evaluate(f"{VIEW}.chart.rectOf({SOURCE}.field, {box}).x1")
        assert page.evaluate(LAST_PAINTED) == pytest.approx(edge, abs=2)
        closes = page.evaluate(f"{SOURCE}.settings.asOf")
        assert closes == (market.candles.index[started - 1] + market.interval).timestamp() * 1000
        assert page.evaluate(f"Math.max(...{SOURCE}.marks.until)") <= closes
        assert page.evaluate(f"{SOURCE}.marks.time.length") > 0
        stamp = f"{market.candles.index[started - 1] + market.interval:%Y-%m-%d %H:%M} UTC"
        assert page.locator(".liq-replay output").inner_text() == stamp
        assert page.locator(".liq-badge").inner_text() == f"estimate · simulated · as of {stamp}"
        assert f"{market.candles.index[started - 1]:%Y-%m-%d %H:%M}" in page.locator(".liq-candle").inner_text()
        # Keys while the chart has the focus.
        page.locator(".liq-plot").focus()
        for key, wanted in (("Period", started + 1), ("Comma", started), ("Comma", started - 1)):
            page.keyboard.press(key)
            until(page, f"{COLUMNS} === {wanted}")
        page.keyboard.press("Space")
        until(page, f"{COLUMNS} > {started + 1}")
        page.keyboard.press("Space")
        assert button(page, "play").is_visible()
        # A guess, and the answer.
        page.locator(".liq-replay input[type=range]").fill("99")
        until(page, f"{COLUMNS} === 100")
        button(page, "what happens next?").click()
        assert button(page, "reveal").is_disabled()
        page.get_by_label("after so many candles").fill("5000")
        button(page, "mark").click()
        assert page.locator(".liq-guess [role=status]").inner_text() == "Enter 1 to 500 candles."
        page.get_by_label("after so many candles").fill("3")
        close = market.candles["close"]
        page.get_by_label("Your guess of the close").fill(str(close.iloc[102]))
        button(page, "mark").click()
        page.get_by_label("Candles per second").select_option("20")
        button(page, "reveal").click()
        page.get_by_text("exactly right").wait_for()
        assert page.evaluate(COLUMNS) == 103
        assert f"The close was {close.iloc[102]:,.1f}" in page.locator(".liq-guess [role=status]").inner_text()
        # The end shows all of it again.
        button(page, "now").click()
        until(page, f"{COLUMNS} === 600")
        assert page.locator(".liq-replay").is_hidden()
        assert page.problems == []
    widget.close()


def test_with_reduced_motion_it_plays_one_candle_a_second(opened) -> None:
    widget = lw.LiquidationHeatmap(lw.load_sample().tail(50))
    with opened(widget.to_html(), reduced_motion="reduce") as page:
        button(page, "replay").click()
        until(page, f"{COLUMNS} < 50")
        before = page.evaluate(COLUMNS)
        assert page.get_by_label("Candles per second").is_disabled()
        page.evaluate("window.begun = performance.now()")
        button(page, "play").click()
        until(page, f"{COLUMNS} === {before + 1} && (window.ended ??= performance.now()) > 0")
        assert page.evaluate("window.ended - window.begun") > 900
    widget.close()


def test_python_and_the_view_replay_the_same_candles(notebook) -> None:
    session = notebook(
        "import numpy as np, liqwidget as lw\nmarket = lw.load_sample().tail(400)",
        "hm = lw.LiquidationHeatmap(market)\nhm",
    )
    check_pixels(session)
    session.python("with hm._lock: hm.as_of = market.candles.index[250]")
    session.until("view.source.field.columns === 250")
    values, _ = check_pixels(session)
    assert values.shape[1] == 250
    page = session.page
    button(page, "▶").click()
    says(session, "len(hm.density.time)", "251")
    button(page, "◀").click()
    button(page, "◀").click()
    says(session, "len(hm.density.time)", "249")
    # Live candles come behind the replay, and are there at its end.
    session.python(
        "row = market.candles.iloc[[-1]].copy(); row.index = row.index + market.interval\nwith hm._lock: hm.append(row)"
    )
    session.until("view.source.field.allBars.time.length === 401")
    assert session.view("view.source.field.columns") == 249
    button(page, "now").click()
    session.until("view.source.field.columns === 401")
    says(session, "hm.as_of", "None")
    check_pixels(session)
