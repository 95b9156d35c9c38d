"""The score of the estimate against realised liquidations, below the chart and in a saved page."""

from __future__ import annotations

import json

import pytest
from chart import reach
from plain_host import host_page

import liqwidget as lw

pytestmark = pytest.mark.browser


def test_it_follows_the_picture_and_its_settings(notebook):
    session = notebook("import json, liqwidget as lw\nhm = lw.LiquidationHeatmap(lw.load_sample())\nhm")
    line = session.page.locator(".liq-score")
    summary = line.locator("summary")

    def shown(rank):
        line.locator("summary", has_text=f"rank {rank:.2f} (range x volume ").wait_for(timeout=60_000)
        return summary.inner_text()

    session.until("view.source.score.state === 'shown'", timeout=60_000)
    first = json.loads(session.python("print(json.dumps(hm.score))"))
    text = shown(first["rank"])
    assert text.startswith("Estimate against realised, last 4.7 d: rank ")
    assert text.endswith(f"false alarms {first['false_alarm']:.0%}".replace("%", " %"))
    reach(session.page.get_by_label("Share of 100x in percent")).fill("100")
    session.until(f"!view.source.score.stale && view.source.score.rank !== {first['rank']}", timeout=60_000)
    shown(json.loads(session.python("print(json.dumps(hm.score))"))["rank"])
    assert not line.locator("p").first.is_visible()
    summary.focus()
    session.page.keyboard.press("Enter")
    line.get_by_text("it says nothing about where price goes next").wait_for()
    session.python("hm.liquidations = None")
    line.get_by_text("Not scored: there are no realised liquidations to compare with").wait_for()
    assert session.page.problems == []


def test_a_saved_page_keeps_the_one_it_was_saved_with(opened):
    hm = lw.LiquidationHeatmap(lw.load_sample())
    html = hm.to_html()
    with opened(html) as page:
        words = page.locator(".liq-score summary").inner_text()
        assert f"rank {hm.score['rank']:.2f} " in words
        assert words.endswith(" · at 2026-01-14 00:00 UTC, with the settings saved")
        reach(page.get_by_label("Share of 100x in percent")).fill("100")
        page.wait_for_function(
            "() => document.querySelector('.liq').liqwidget.source.settings.leverageMix[100] === 100"
        )
        assert page.locator(".liq-score summary").inner_text() == words
        assert page.problems == []


@pytest.mark.parametrize("written", [True, False])
def test_a_page_that_was_written_with_the_state_of_widgets_waits_for_none(opened, written):
    html = host_page(lw.LiquidationHeatmap(lw.load_sample()))
    if written:  # as nbconvert and Sphinx do, without a kernel
        html = html.replace("<body>", '<body><script type="application/vnd.jupyter.widget-state+json">{}</script>')
    with opened(html) as page:
        assert page.locator(".liq-score").is_visible() is not written
        said = "As saved: everything here works without a kernel." if written else ""
        assert page.locator(".liq-banner").text_content() == said
        assert page.problems == []
