"""The controls are one strip; tiers and colours come on request."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from saved_page import TWO_FRAMES, VIEW

pytestmark = pytest.mark.browser


@pytest.fixture(params=[390, 1000])
def page(request: pytest.FixtureRequest, on_sample: Any) -> Iterator[Any]:
    with on_sample(request.param, 1300) as page:
        yield page


def test_what_is_always_there(page: Any) -> None:
    strip = page.locator(".liq-strip")
    for name in ("balanced", "hot", "on-chain", "auto bin size", "undo", "redo", "reset to defaults", "more"):
        assert strip.get_by_role("button", name=name, exact=True).is_visible()
    for name in ("Decay rate", "Bin size"):
        assert strip.get_by_role("slider", name=name, exact=True).is_visible()
    sizes = "(all) => all.filter((e) => e.checkVisibility()).map((e) => [e.offsetWidth, e.offsetHeight])"
    if page.viewport_size["width"] == 390:
        page.get_by_role("button", name="more", exact=True).click()
        found = page.locator(".liq-deck :is(button, select, input:not(.liq-handle, [type=checkbox]))")
        found = found.evaluate_all(sizes)
        assert len(found) > 20
        for size in found:
            assert min(size) >= 40
    else:
        assert strip.bounding_box()["height"] < 36  # one line


def test_tiers_and_colours_come_on_request_and_stay(page: Any) -> None:
    more = page.get_by_role("button", name="more", exact=True)
    tiers, palette = page.get_by_label("Share of 10x in percent"), page.get_by_label("Palette")
    assert more.get_attribute("aria-expanded") == "false"
    assert tiers.is_hidden()
    assert palette.is_hidden()
    more.press("Enter")
    assert more.get_attribute("aria-expanded") == "true"
    assert page.locator(f"#{more.get_attribute('aria-controls')}").locator(tiers).is_visible()
    assert palette.is_visible()
    tiers.fill("60")
    page.wait_for_function(f"() => {VIEW}.source.settings.leverageMix['10'] === 60")
    page.get_by_role("button", name="hot", exact=True).click()
    page.get_by_role("button", name="24h", exact=True).click()
    page.wait_for_function(f"() => {VIEW}.chart.fit.follows === '24h'")
    page.evaluate(TWO_FRAMES)
    assert palette.is_visible()
    more.press(" ")
    assert more.get_attribute("aria-expanded") == "false"
    assert palette.is_hidden()
    # The sliders of the strip answer while the rest is closed, and say what they are set to.
    decay = page.get_by_label("Decay rate", exact=True)
    before = page.evaluate(f"{VIEW}.source.settings.decayRate")
    decay.press("ArrowRight")
    page.wait_for_function(f"() => {VIEW}.source.settings.decayRate > {before}")
    assert page.locator(".liq-strip output").first.inner_text().startswith("half gone in ")
    assert decay.get_attribute("aria-valuetext").startswith("half closes within ")
