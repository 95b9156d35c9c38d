"""The line above the chart: one badge, the rest on request, and buttons that can be pressed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from saved_page import VIEW

pytestmark = pytest.mark.browser

TEXTS = """() => {
  window.texts = [];
  const plain = CanvasRenderingContext2D.prototype.fillText;
  CanvasRenderingContext2D.prototype.fillText = function (text, ...at) {
    window.texts.push(text);
    plain.call(this, text, ...at);
  };
}"""


@pytest.fixture(params=[390, 700, 1000])
def page(request: pytest.FixtureRequest, on_sample: Any) -> Iterator[Any]:
    with on_sample(request.param, 1300) as page:
        yield page


def lines(page: Any, selector: str) -> int:
    """On how many lines the elements are: those whose middles are at one height."""
    middles = """(all) => new Set(all.filter((e) => e.checkVisibility()).map((e) => {
      const { top, bottom } = e.getBoundingClientRect();
      return Math.round((top + bottom) / 8);
    })).size"""
    return page.locator(selector).evaluate_all(middles)


def test_it_is_one_line_or_as_few_as_fit(page: Any) -> None:
    width = page.viewport_size["width"]
    assert lines(page, ".liq-title, .liq-badge, .liq-about") == 1
    assert lines(page, ".liq-fit .liq-button") == (2 if width == 390 else 1)
    assert lines(page, ".liq-header > *") == (1 if width == 1000 else 2)
    if width < 1000:
        sizes = "(all) => all.filter((e) => e.checkVisibility()).map((e) => [e.offsetWidth, e.offsetHeight])"
        for size in page.locator(".liq-header button, .liq-header summary").evaluate_all(sizes):
            assert min(size) >= 40


def test_the_badge_says_what_it_is_and_a_button_the_rest(page: Any) -> None:
    assert page.locator(".liq-badge").inner_text() == "estimate · simulated"
    button = page.get_by_role("button", name="About these numbers")
    button.press("Enter")
    sheet = page.get_by_role("dialog", name="About these numbers")
    shown = sheet.locator("li").all_inner_texts()
    assert shown[:2] == ["estimate, not a forecast", "simulated market"]
    assert "saved page: nothing is live" in shown
    assert any("too far from the price to be shown" in text for text in shown)
    page.keyboard.press("Escape")
    sheet.wait_for(state="hidden")
    button.and_(page.locator(":focus")).wait_for()
    # All of it is in the saved picture.
    assert page.evaluate(f"{VIEW}.words")[: len(shown)] == shown
    page.evaluate(TEXTS)
    page.locator(".liq-save summary").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="picture (PNG)").click()
    download.value.path()
    drawn = " ".join(page.evaluate("window.texts"))
    for text in shown:
        assert text in drawn
    # A problem needs no click.
    page.evaluate("() => { location.hash = 'view=1&palette=none'; }")
    page.locator(".liq-message", has_text="palette: wanted plasma").wait_for()
    page.evaluate("() => { location.hash = 'view=1'; }")
    page.locator(".liq-message").wait_for(state="hidden")
