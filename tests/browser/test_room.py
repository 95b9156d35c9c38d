"""Room for everything: the profile's column, the margin right of the last candle, and the colour bar."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chart import reach
from lab import chromium, find_chromium
from saved_page import TWO_FRAMES, VIEW

import liqwidget as lw

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page(on_sample: Any) -> Iterator[Any]:
    with on_sample(1400, 1000) as page:
        yield page


def resize(page: Any, width: int) -> None:
    """Give the page a width and wait until the chart has followed."""
    page.set_viewport_size({"width": width, "height": 1000})
    page.wait_for_function(f"(width) => innerWidth === width && {VIEW}.chart.api.options().width > 0", arg=width)
    page.evaluate(TWO_FRAMES)
    page.evaluate(TWO_FRAMES)


def press(page: Any, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()
    page.evaluate(TWO_FRAMES)


def wheel(page: Any, notches: int, at: float = 0.5) -> None:
    """Turn the wheel over a share of the price pane's width: up for positive notches."""
    pane = page.locator(".liq-plot").bounding_box()
    page.locator(".liq-plot").focus()
    width = page.evaluate(f"{VIEW}.chart.api.paneSize(0).width")
    page.mouse.move(pane["x"] + width * at, pane["y"] + 150)
    for _ in range(abs(notches)):
        page.mouse.wheel(0, -100 if notches > 0 else 100)
        page.evaluate(TWO_FRAMES)


def pan(page: Any, by: float) -> None:
    pane = page.locator(".liq-plot").bounding_box()
    page.mouse.move(pane["x"] + 120, pane["y"] + 150)
    page.mouse.down()
    page.mouse.move(pane["x"] + 120 + by, pane["y"] + 150, steps=5)
    page.mouse.up()
    page.evaluate(TWO_FRAMES)


PLACES = """() => {
  const at = (element) => { const { left, right, top, bottom } = element.getBoundingClientRect();
    return { left, right, top, bottom }; };
  const cells = document.querySelectorAll('.tv-lightweight-charts tr:first-child td');
  return { pane: at(cells[1]), axis: at(cells[2]), profile: at(document.querySelector('.liq-profile')),
    heat: at(document.querySelector('.liq-heat')), plot: at(document.querySelector('.liq-plot')) };
}"""


@pytest.mark.parametrize("width", [390, 700, 1000, 1400])
def test_the_profile_has_a_column_of_its_own_at_any_zoom(page: Any, width: int) -> None:
    resize(page, width)

    def check() -> None:
        at = page.evaluate(PLACES)
        assert at["heat"]["left"] == at["pane"]["left"]
        assert at["heat"]["right"] == at["pane"]["right"] == at["axis"]["left"]
        assert at["axis"]["right"] == at["profile"]["left"]
        assert at["profile"]["right"] <= at["plot"]["right"]
        assert at["profile"]["right"] - at["profile"]["left"] >= 48
        assert at["profile"]["top"] == at["pane"]["top"]
        assert at["profile"]["bottom"] >= at["pane"]["bottom"]
        assert at["pane"]["right"] - at["pane"]["left"] > 0.55 * (at["plot"]["right"] - at["plot"]["left"])

    check()
    press(page, "24h")
    check()
    wheel(page, 4)
    check()
    pan(page, -80)
    check()
    wheel(page, -8, 0.9)
    check()
    press(page, "all")
    check()


ROWS = """() => {
  // For each row in view with an estimate: device pixels of its edges, and of its bar in the profile's second column.
  const view = document.querySelector('.liq').liqwidget, { field } = view.source, { grid } = field;
  const canvas = document.querySelector('.liq-profile');
  const height = Math.floor(view.chart.api.paneSize(0).height * devicePixelRatio);
  const data = canvas.getContext('2d').getImageData(1, 0, 1, height).data;
  const lit = (y) => Math.max(data[4 * y], data[4 * y + 1], data[4 * y + 2]) > 110;
  const values = field.column(field.columns - 1);
  const rows = [], close = field.bars.close.at(-1) / grid.binSize - grid.first;
  for (let row = 0; row < grid.rows; row++) {
    const low = (grid.first + row) * grid.binSize;
    const box = { columnFrom: 0, columnTo: 0, priceLow: low, priceHigh: low + grid.binSize };
    const { y0, y1 } = view.chart.rectOf(field, box);
    const [top, end] = [y0 * devicePixelRatio, y1 * devicePixelRatio];
    if (Math.abs(row - close) < 8) continue; // the curves begin there
    if (top < 60 || end > height - 60 || !(values[row] > 1e6)) continue;
    let first = Math.round((top + end) / 2), last = first;
    if (!lit(first)) { rows.push([top, end, null, null]); continue; }
    while (lit(first - 1)) first--;
    while (lit(last + 1)) last++;
    rows.push([top, end, first, last + 1]);
  }
  return rows;
}"""


def test_rows_of_the_profile_are_those_of_the_heat_to_the_pixel(page: Any) -> None:
    resize(page, 1400)
    page.evaluate(f"{VIEW}.source.set({{ binSize: {VIEW}.source.binSizes.find((size) => size >= 500) }})")
    page.evaluate(TWO_FRAMES)
    rows = page.evaluate(ROWS)
    press(page, "all")  # which chooses the bin size by itself again
    assert len(rows) > 15
    for top, end, first, last in rows:
        assert first is not None, top
        assert first == round(top)
        assert last == round(end) - 1  # a pixel lies between two bars


WRITTEN = """async () => {
  // Texts that the profile is labelled with: how wide they are, and the room that they have.
  const canvas = document.querySelector('.liq-profile'), proto = CanvasRenderingContext2D.prototype;
  const plain = proto.fillText, found = [];
  proto.fillText = function (text, x, y, room) {
    if (this.canvas === canvas) found.push([text, this.measureText(text).width, room, x]);
    plain.call(this, text, x, y, room);
  };
  document.querySelector('.liq').liqwidget.chart.drawProfile();
  proto.fillText = plain;
  return [found, Number.parseFloat(canvas.style.width)];
}"""


@pytest.mark.parametrize("width", [390, 1400])
def test_the_labels_of_the_profile_are_whole(page: Any, width: int) -> None:
    resize(page, width)
    written, column = page.evaluate(WRITTEN)
    words = " ".join(text for text, *_ in written)
    assert words.startswith("levels at 01-13 23:55 UTC all shorts $")
    assert " all longs $" in words
    for text, wide, room, right in written:
        assert wide <= room + 2, text  # hardly condensed
        assert 0 <= right - min(wide, room) < right <= column, text


def test_a_picture_has_the_profile_beside_the_axis(page: Any) -> None:
    resize(page, 1000)
    same = page.evaluate(f"""() => {{
      const {{ canvas }} = {VIEW}.chart.layers(), profile = document.querySelector('.liq-profile');
      const left = canvas.width - profile.width;
      const part = (of, x) => of.getContext('2d').getImageData(x, 0, profile.width, profile.height).data;
      const chart = document.querySelector('.tv-lightweight-charts').offsetWidth * devicePixelRatio;
      return left === chart && String(part(canvas, left)) === String(part(profile, 0));
    }}""")
    assert same


#: Pixels between the last candle's column and the right end of the price pane.
MARGIN = f"""(() => {{ const {{ chart, source }} = {VIEW};
  const box = {{ columnFrom: 0, columnTo: source.field.columns - 1, priceLow: 0, priceHigh: 1 }};
  return chart.api.paneSize(0).width - chart.rectOf(source.field, box).x1; }})()"""
SPAN = f"(({{ from, to }}) => to - from + 1)({VIEW}.chart.api.timeScale().getVisibleLogicalRange())"


@pytest.mark.parametrize("width", [390, 1400])
def test_the_margin_right_of_the_last_candle_survives_zooming(page: Any, width: int) -> None:
    resize(page, width)

    def margin() -> float:
        return page.evaluate(MARGIN)

    small = pytest.approx(13, abs=1.5)  # the chart's last pixel included
    for name in ("all", "24h", "3d"):
        press(page, name)
        assert margin() == small, name
    wide = page.evaluate(SPAN)
    for notches, at in ((6, 0.2), (-3, 0.9)):  # in around the left, out around the right
        wheel(page, notches, at)
        assert margin() == small
    assert page.evaluate(SPAN) < wide / 1.2
    page.keyboard.press("+")
    page.evaluate(TWO_FRAMES)
    zoomed = page.evaluate(SPAN)
    assert margin() == small
    for _ in range(2):
        page.keyboard.press("-")
        page.evaluate(TWO_FRAMES)
    assert margin() == small
    assert page.evaluate(SPAN) == pytest.approx(zoomed / 0.75**2, rel=0.01)
    # A drag of the time axis is another zoom.
    pane = page.locator(".liq-plot").bounding_box()
    y = pane["y"] + pane["height"] - 10
    page.mouse.move(pane["x"] + 60, y)
    page.mouse.down()
    page.mouse.move(pane["x"] + 120, y, steps=4)
    page.mouse.up()
    page.evaluate(TWO_FRAMES)
    assert page.evaluate(SPAN) != pytest.approx(zoomed / 0.75**2, rel=0.05)
    assert margin() == small
    # Another margin that the user has made stays, too.
    pan(page, -20)
    made = margin()
    assert 18 < made < 40  # the first pixels of a drag only start it
    wheel(page, 2, 0.3)
    assert margin() == pytest.approx(made, abs=1)
    press(page, "all")
    assert margin() == small


def test_elsewhere_the_wheel_zooms_around_the_pointer(page: Any) -> None:
    resize(page, 1400)
    press(page, "24h")
    pan(page, 300)
    under = f"{VIEW}.chart.api.timeScale().coordinateToLogical(600)"
    width = page.evaluate(f"{VIEW}.chart.api.paneSize(0).width")
    before, span = page.evaluate(under), page.evaluate(SPAN)
    wheel(page, 4, 600 / width)
    assert page.evaluate(SPAN) < span / 1.2
    assert page.evaluate(under) == pytest.approx(before, abs=1)
    press(page, "all")


BAR = """() => {
  const rect = (element) => { const { x, y, width, height } = element.getBoundingClientRect();
    return { x, y, width, height }; };
  const bar = document.querySelector('.liq-colourbar');
  return { strip: rect(bar.querySelector('.liq-colours')), pane: rect(document.querySelector('.liq-heat')),
    profile: rect(document.querySelector('.liq-profile')), bar: rect(bar), frame: rect(bar.parentElement),
    values: [...bar.querySelectorAll('input')].map((one) => one.valueAsNumber),
    said: [...bar.querySelectorAll('.liq-ends span')].map((one) => one.textContent),
    ticks: [...bar.querySelectorAll('.liq-ticks span')].filter((one) => one.checkVisibility())
      .map((one) => [one.textContent, rect(one)]) };
}"""


def usd(text: str) -> float:
    return float(text[1:-1]) * {"K": 1e3, "M": 1e6, "B": 1e9}[text[-1]]


@pytest.mark.parametrize("scale", ["linear", "sqrt", "log"])
def test_the_bar_stands_beside_the_profile_with_ticks_where_their_colours_are(page: Any, scale: str) -> None:
    resize(page, 1400)
    reach(page.get_by_label("Colour scale")).select_option(scale)
    page.evaluate(TWO_FRAMES)
    at = page.evaluate(BAR)
    assert at["strip"]["x"] > at["profile"]["x"] + at["profile"]["width"]
    assert at["bar"]["x"] + at["bar"]["width"] == pytest.approx(at["frame"]["x"] + at["frame"]["width"])
    assert at["strip"]["y"] >= at["pane"]["y"]
    assert at["strip"]["height"] > at["pane"]["height"] * 0.9
    most = page.evaluate(f"{VIEW}.chart.brightest")
    assert len(at["ticks"]) > 3
    bottom = at["strip"]["y"] + at["strip"]["height"]
    for text, place in at["ticks"]:
        share = usd(text) / most
        wanted = {"linear": (share - 1e-3) / (1 - 1e-3), "sqrt": ((share - 1e-3) / (1 - 1e-3)) ** 0.5}
        wanted["log"] = 1 + np.log10(share) / 3
        middle = place["y"] + place["height"] / 2
        assert (bottom - middle) / at["strip"]["height"] == pytest.approx(wanted[scale], abs=0.01), text
        assert place["x"] + place["width"] <= at["frame"]["x"] + at["frame"]["width"], text
    heights = sorted(place["y"] for _, place in at["ticks"])
    assert min(np.diff(heights)) > 10
    reach(page.get_by_label("Colour scale")).select_option("linear")


@pytest.mark.parametrize("width", [390, 1400])
def test_handles_of_the_bar_by_mouse_and_keyboard(page: Any, width: int) -> None:
    resize(page, width)
    flat = width < 700
    before = page.evaluate(f"{VIEW}.source.settings.threshold")
    strip = page.evaluate(BAR)["strip"]
    low, high = page.get_by_label("Hide below"), page.get_by_label("Brightest from")
    low.scroll_into_view_if_needed()
    strip = page.evaluate(BAR)["strip"]

    def place(share: float) -> tuple[float, float]:
        if flat:
            return strip["x"] + strip["width"] * share, strip["y"] + strip["height"] / 2
        return strip["x"] + strip["width"] / 2, strip["y"] + strip["height"] * (1 - share)

    def drag(start: float, end: float) -> list[int]:
        page.mouse.move(*place(start))
        page.mouse.down()
        page.mouse.move(*place(end), steps=8)
        page.mouse.up()
        page.evaluate(TWO_FRAMES)
        return page.evaluate(BAR)["values"]

    assert drag(0.5, 0.8) == [0, pytest.approx(800, abs=8)]
    assert page.evaluate(f"{VIEW}.source.settings.threshold[1]") == pytest.approx(0.8, abs=0.01)
    assert drag(0, 0.3) == [pytest.approx(300, abs=8), pytest.approx(800, abs=8)]
    said = page.evaluate(BAR)["said"]
    most = page.evaluate(f"{VIEW}.chart.brightest")
    assert usd(said[0].removeprefix("hidden below ")) == pytest.approx(0.3 * most, rel=0.05)
    assert usd(said[1].removeprefix("brightest from ")) == pytest.approx(0.8 * most, rel=0.02)
    at = page.evaluate(BAR)["values"]
    for handle, i in ((low, 0), (high, 1)):
        handle.focus()
        page.keyboard.press("ArrowUp")
        assert page.evaluate(BAR)["values"][i] == at[i] + 1
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowDown")
        assert page.evaluate(BAR)["values"][i] == at[i] - 1
        assert usd(handle.get_attribute("aria-valuetext")) > 0
    high.press("Home")  # stops at the other one
    values = page.evaluate(BAR)["values"]
    assert values == [at[0] - 1, at[0]]
    page.evaluate(f"(before) => {VIEW}.source.set({{ threshold: before }})", before)
    page.evaluate(TWO_FRAMES)


def test_the_bar_lies_below_a_narrow_chart_with_targets_for_fingers(page: Any) -> None:
    resize(page, 390)
    at = page.evaluate(BAR)
    assert at["strip"]["y"] >= at["pane"]["y"] + at["pane"]["height"]
    assert at["strip"]["width"] > 8 * at["strip"]["height"]
    assert at["bar"]["width"] == at["frame"]["width"]
    for handle in page.locator(".liq-handle").all():
        assert handle.bounding_box()["height"] >= 40
    lefts = sorted((place["x"], place["x"] + place["width"]) for _, place in at["ticks"])
    assert len(lefts) > 1
    assert all(right + 4 < left for (_, right), (left, _) in pairwise(lefts))


@pytest.mark.parametrize("width", [390, 1000])
def test_an_embedded_page_shows_the_bar_within_its_frame(playwright: Any, tmp_path: Path, width: int) -> None:
    if find_chromium() is None:
        pytest.skip("no Chromium on the PATH (Debian: apt-get install chromium)")
    path = tmp_path / "embedded.html"
    lw.LiquidationHeatmap(lw.load_sample()).to_html(path, embed=True)
    with chromium(playwright, width, 700) as page:
        page.goto(path.as_uri())
        page.wait_for_selector(".liq[data-rev]", timeout=15_000)
        page.wait_for_function("document.querySelector('.liq-frame').getBoundingClientRect().bottom > innerHeight - 3")
        page.evaluate(TWO_FRAMES)
        at = page.evaluate(BAR)
        assert at["frame"]["y"] + at["frame"]["height"] <= 700
        assert at["bar"]["y"] + at["bar"]["height"] <= 700
        assert at["profile"]["width"] >= 48
        assert page.problems == []
