"""Checkboxes of a combined market's venues: the browser adds up what is checked, without a kernel."""

from __future__ import annotations

from urllib.parse import parse_qs

import numpy as np
import pytest
from lab import chromium, find_chromium
from saved_page import TWO_FRAMES, VIEW

import liqwidget as lw

pytestmark = pytest.mark.browser

COLUMN = f"""(() => {{
  const {{ field }} = {VIEW}.source;
  const {{ venues }} = {VIEW}.source.settings;
  return {{ venues, values: [...field.column(field.columns - 1)], turnover: field.opening.turnover }};
}})"""


@pytest.fixture(scope="module")
def hm():
    if find_chromium() is None:
        pytest.skip("no Chromium on the PATH (Debian: apt-get install chromium)")
    first = lw.load_sample()
    frame = first.candles
    rng = np.random.default_rng(2)
    second = frame.assign(
        volume=frame["volume"] * rng.uniform(0.1, 0.9, len(frame)), open_interest=frame["open_interest"] * 0.3
    )
    third = frame[["open", "high", "low", "close"]].assign(volume=frame["volume"] * 0.2)
    market = lw.combine(
        {
            "binance": first,
            "bybit": lw.Market.from_frame(second, simulated=True),
            "no <b>interest</b>": lw.Market.from_frame(third, simulated=True),
        }
    )
    return lw.LiquidationHeatmap(market, bin_size=100)


@pytest.fixture(scope="module")
def page(hm, playwright, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "page.html"
    hm.to_html(path)
    with chromium(playwright, 1280, 900) as page:
        page.goto(path.as_uri())
        page.wait_for_function(f"() => {VIEW}?.source.field?.columns > 0")
        yield page


def same(found, density) -> None:
    wanted = density.values[:, -1]
    np.testing.assert_allclose(found["values"], wanted, rtol=2e-5, atol=2e-5 * wanted.max())


def test_each_choice_is_the_sum_of_the_venues_checked(page, hm) -> None:
    boxes = page.locator(".liq-venues input")
    assert [boxes.nth(i).get_attribute("value") for i in range(3)] == list(hm.market.venues)
    assert page.locator(".liq-venues b").count() == 0  # a name is text
    same(page.evaluate(f"() => {COLUMN}()"), hm.density)
    for unchecked in ([1], [1, 2], [2], [0]):
        for i in range(3):
            boxes.nth(i).set_checked(True)
        for i in unchecked:
            boxes.nth(i).set_checked(False)
        page.evaluate(TWO_FRAMES)
        hm.venues = [name for i, name in enumerate(hm.market.venues) if i not in unchecked]
        found = page.evaluate(f"() => {COLUMN}()")
        assert tuple(found["venues"]) == hm.venues
        assert found["turnover"] == pytest.approx(float(hm.density.turnover), rel=1e-6)
        same(found, hm.density)
        assert f"{3 - len(unchecked)} of 3 venues" in page.locator(".liq-badge").inner_text()
    hm.venues = list(hm.market.venues)


def test_the_last_box_stays_checked_and_links_name_the_venues(page, hm) -> None:
    boxes = page.locator(".liq-venues input")
    for i in range(3):
        boxes.nth(i).set_checked(True)
    boxes.nth(0).set_checked(False)
    boxes.nth(1).set_checked(False)
    boxes.nth(2).click()
    page.evaluate(TWO_FRAMES)
    assert boxes.nth(2).is_checked()
    hm.venues = ["no <b>interest</b>"]
    assert parse_qs(hm.view)["venues"] == ["no <b>interest</b>"]
    text = hm.view
    hm.venues = list(hm.market.venues)
    hm.view = text
    assert hm.venues == ("no <b>interest</b>",)
    url = page.url.split("#")[0]
    page.goto(f"{url}#{text}")
    page.reload()
    page.wait_for_function(f"() => {VIEW}?.source.settings.venues.length === 1")
    hm.venues = list(hm.market.venues)


def test_a_choice_is_a_picture_within_one_frame(page) -> None:
    """From the change of a box to the new values: less than a frame, at the median."""
    times = page.evaluate(f"""() => {{
      const {{ source }} = {VIEW};
      const all = [...source.field.allBars.venues.keys()];
      const times = [];
      for (let i = 0; i < 30; i++) {{
        const start = performance.now();
        source.set({{ venues: i % 2 ? all : all.slice(1) }});
        source.field.column(source.field.columns - 1);
        source.field.brightest;
        times.push(performance.now() - start);
      }}
      return times.sort((a, b) => a - b);
    }}""")
    print(f"median {times[15]:.1f} ms, p95 {times[28]:.1f} ms")
    assert times[0] < 16.7
