"""Links: the address of a page names its view, and two pages with the same link show the same pixels."""

from __future__ import annotations

import pytest
from saved_page import TWO_FRAMES, VIEW

import liqwidget as lw

pytestmark = pytest.mark.browser

#: The chart, with its colour bar, ends where the window does.
FILLS = "() => Math.abs(document.querySelector('.liq-frame').getBoundingClientRect().bottom - innerHeight) < 1"
HEAT = "() => document.querySelector('.liq-heat').toDataURL()"


def made() -> tuple[lw.LiquidationHeatmap, str]:
    """A widget and the link of another view of it."""
    market = lw.load_sample().tail(600)
    linked = lw.LiquidationHeatmap(
        market, {5: 30, 20: 70}, 0.1, bin_size=100.0, palette="viridis", threshold=(0.0, 0.3)
    )
    linked.leverage_mix = dict.fromkeys((3, 5, 10, 20), 1) | {20: 7}
    index = market.candles.index
    linked.as_of = index[450] + market.interval
    linked.visible = {"time": (index[300], index[440]), "price": (84_000, 92_000)}
    return lw.LiquidationHeatmap(market), linked.view


def test_two_pages_with_the_same_link_show_the_same_pixels(opened) -> None:
    widget, view = made()
    html = widget.to_html()
    pictures = []
    with opened(html, address=f"#{view}") as page:  # named when the page opens
        page.wait_for_function(f"() => {VIEW}.source.field.columns === 451")
        page.evaluate(TWO_FRAMES)
        pictures.append(page.evaluate(HEAT))
        assert page.locator(".liq-message").is_hidden()
    with opened(html) as page:  # and named later
        before = page.evaluate(HEAT)
        page.evaluate("(view) => { location.hash = view; }", view)
        page.wait_for_function(f"() => {VIEW}.source.field.columns === 451")
        page.evaluate(TWO_FRAMES)
        pictures.append(page.evaluate(HEAT))
        assert pictures[1] != before
        assert pictures[0] == pictures[1]
        # The page copies the link that it was opened with.
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.locator(".liq-save summary").click()
        page.locator(".liq-menu").get_by_role("button", name="copy link").click()
        page.locator(".liq-menu [role=status]", has_text="Copied").wait_for()
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied.startswith(page.url.split("#")[0] + "#view=1&")
        again = lw.LiquidationHeatmap(widget.market)
        again.view = copied.split("#")[1]
        assert (again.as_of, again.palette, again.bin_size) == (
            widget.market.candles.index[450].timestamp() * 1000 + 300_000,
            "viridis",
            100,
        )
        # A link that cannot be shown: one sentence, and the picture stays.
        page.evaluate("() => { location.hash = 'view=1&palette=<img src=x onerror=alert(1)>'; }")
        page.locator(".liq-message", has_text="palette: wanted plasma").wait_for()
        assert page.locator(".liq-message img").count() == 0
        assert page.evaluate(HEAT) == pictures[1]
        page.evaluate("(view) => { location.hash = view; }", view)
        page.locator(".liq-message").wait_for(state="hidden")
        assert page.problems == []


def test_a_page_in_a_frame_is_the_chart_alone_as_high_as_the_frame(opened) -> None:
    widget, _ = made()
    for html, address in ((widget.to_html(embed=True), ""), (widget.to_html(), "?embed")):
        with opened(html, width=800, height=420, address=address) as page:
            page.wait_for_function(FILLS)
            assert page.locator(".liq-badge").get_by_text("estimate").is_visible()
            assert page.locator(".liq-deck").is_hidden()
            page.set_viewport_size({"width": 500, "height": 300})
            page.wait_for_function(FILLS)
            assert page.problems == []
