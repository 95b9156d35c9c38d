"""A living view hides the static picture of its own widget, and no other, in any host."""

from __future__ import annotations

import pytest
from plain_host import host_page

import liqwidget as lw

pytestmark = pytest.mark.browser

SHOWN = "() => [...(%s).querySelectorAll('.liq-still')].map((still) => still.checkVisibility())"


@pytest.mark.parametrize(("shadow", "outside"), [(False, False), (True, False), (True, True)])
def test_each_view_hides_the_picture_of_its_widget_until_it_ends(opened, shadow, outside):
    market = lw.load_sample().tail(200)
    one, other = lw.LiquidationHeatmap(market, height=200), lw.LiquidationHeatmap(market, height=200)
    tree = "document.getElementById('place').shadowRoot" if shadow and not outside else "document"
    root = "document.getElementById('place').shadowRoot" if shadow else "document"
    with opened(host_page(one, other, shadow=shadow, outside=outside), height=1800, painted=False) as page:
        painted = f"() => {root}?.querySelectorAll('.liq[data-rev]').length === 2"
        page.wait_for_function(painted, timeout=15_000)
        assert page.evaluate(SHOWN % tree) == [False, False]
        page.evaluate("() => ends[0].abort()")
        assert page.evaluate(SHOWN % tree) == [True, False]
        page.evaluate("() => ends[1].abort()")
        assert page.evaluate(SHOWN % tree) == [True, True]
        assert page.problems == []


def test_in_jupyterlab_a_closed_heatmap_leaves_its_picture_and_a_living_one_no_gap(notebook):
    session = notebook(
        "import liqwidget as lw\nmarket = lw.load_sample().tail(200)",
        "a = lw.LiquidationHeatmap(market, height=200)\na",
        "b = lw.LiquidationHeatmap(market, height=200)\nb",
        views=2,
    )
    page = session.page
    stills = page.locator(".liq-still")
    assert stills.count() == 2
    assert page.evaluate(SHOWN % "document") == [False, False]
    gap = "(i) => document.querySelectorAll('.liq-still')[i].closest('.jp-OutputArea-child').offsetHeight"
    assert page.evaluate(gap, 1) == 0
    session.python("a.close()")
    page.wait_for_function(f"() => ({SHOWN % 'document'})().join() === 'true,false'", timeout=10_000)
    assert session.page.locator(".liq").count() == 1
