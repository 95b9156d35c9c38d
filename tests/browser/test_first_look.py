"""What a new user asks of the first picture: the last day, its nearest clusters, plain words, and a way back."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from chart import amount
from saved_page import TWO_FRAMES, VIEW

import liqwidget as lw

pytestmark = pytest.mark.browser

HEAT = "() => document.querySelector('.liq-heat').toDataURL()"
#: Height of a row of the picture, device pixels.
ROW = f"""(() => {{ const {{ chart, source }} = {VIEW}, {{ grid }} = source.field, {{ heatmap }} = chart;
  const price = source.field.bars.close.at(-1);
  const {{ y0, y1 }} = chart.rectOf(source.field,
    {{ columnFrom: 0, columnTo: 0, priceLow: price, priceHigh: price + grid.binSize }});
  return (y1 - y0) * heatmap.canvas.height / chart.api.paneSize(0).height; }})()"""
NEAREST = r"nearest estimated clusters: shorts (\S+), (\S+) % above, at (\S+); longs (\S+), (\S+) % below, at (\S+)"


def button(page: Any, name: str) -> Any:
    return page.get_by_role("button", name=name, exact=True)


def test_the_last_day_readable_and_its_nearest_clusters_in_two_clicks(on_sample: Any) -> None:
    hm = lw.LiquidationHeatmap(lw.load_sample())
    with on_sample(1400, 1100) as page:
        button(page, "24h").click()
        page.wait_for_function(f"() => {VIEW}.source.settings.contrast === 'view' && {ROW} >= 4 && {ROW} <= 8")
        first, last = page.evaluate(f"{VIEW}.chart.columnsInView")
        assert (last, last - first) == (len(hm.market.candles) - 1, 287)
        size = page.evaluate(f"{VIEW}.source.field.grid.binSize")
        summary = page.locator(".liq-levels summary")
        clusters = hm.ledger.replay(hm.decay_rate, hm.shown.weights, [last], bin_size=size).clusters(0, top=10**6)
        wanted = []
        for side in ("short", "long"):
            of = clusters[clusters["side"] == side]
            row = of.loc[of["distance"].abs().idxmin()]
            wanted.append((row["notional"], abs(row["distance"]) * 100, row["peak_price"]))
        page.wait_for_function(
            "(peak) => document.querySelector('.liq-levels summary').textContent.includes(peak)",
            arg=f"{wanted[1][2]:,.1f}",
        )
        found = re.search(NEAREST, summary.inner_text())
        assert found is not None, summary.inner_text()
        for (usd, away, peak), part in zip(wanted, (found.groups()[:3], found.groups()[3:]), strict=True):
            assert amount(part[0]) == pytest.approx(usd, rel=6e-3)
            assert float(part[1]) == pytest.approx(away, abs=6e-3)
            assert part[2] == f"{peak:,.1f}"
        # The second click lists the rows from the close on.
        summary.click()
        row = page.locator(".liq-rows .liq-here + tr:not(.liq-gap)")
        assert row.locator("td").first.inner_text().strip() == "long"
    hm.close()


def test_the_end_of_a_replay_shows_again_what_was_shown_before(on_sample: Any) -> None:
    with on_sample(1400, 1100) as page:
        button(page, "3d").click()
        page.wait_for_function(f"() => {VIEW}.chart.fit.follows === '3d' && {ROW} >= 4")
        page.evaluate(TWO_FRAMES)
        seen = f"[{VIEW}.chart.columnsInView.join(), JSON.stringify({VIEW}.chart.axis.prices)]"
        before = page.evaluate(seen)
        for end in ("now", "replay"):
            button(page, "replay").click()
            page.wait_for_function(f"() => {VIEW}.source.settings.asOf !== null")
            page.evaluate(TWO_FRAMES)
            assert button(page, "3d").get_attribute("aria-pressed") == "false"
            boxes = [part.bounding_box() for part in page.locator(".liq-replay-line > *").all()]
            middles = [box["y"] + box["height"] / 2 for box in boxes]
            assert np.ptp(middles) < 2  # one line
            button(page, "▶").click()
            button(page, end).click()
            page.wait_for_function(f"() => {VIEW}.source.settings.asOf === null")
            page.evaluate(TWO_FRAMES)
            assert page.evaluate(seen) == before
            assert button(page, "3d").get_attribute("aria-pressed") == "true"
        # A view that the user had moved stays where the replay left it.
        page.locator(".liq-plot").focus()
        page.keyboard.press("+")
        button(page, "replay").click()
        page.wait_for_function(f"() => {VIEW}.source.settings.asOf !== null")
        button(page, "now").click()
        page.wait_for_function(f"() => {VIEW}.source.settings.asOf === null")
        assert page.evaluate(f"{VIEW}.chart.fit.follows") is None


def test_a_saved_picture_names_its_panes(on_sample: Any) -> None:
    with on_sample(1000, 1100) as page:
        page.evaluate("""() => {
          const proto = CanvasRenderingContext2D.prototype, plain = proto.fillText;
          window.texts = [];
          proto.fillText = function (text, ...at) { window.texts.push([text, at[1]]); plain.call(this, text, ...at); };
        }""")
        tops = page.evaluate(f"{VIEW}.chart.api.panes().map((pane) => pane.getHeight())")
        with page.expect_download():
            page.locator(".liq-save summary").click()
            page.get_by_text("picture (PNG)").click()
        texts = dict(page.evaluate("window.texts"))
        top = 74 + tops[0]  # below the title
        for name, height in zip(("volume, coins", "open interest, coins"), tops[1:], strict=True):
            assert top < texts[name] < top + 20
            top += height + 1


@pytest.mark.parametrize("width", [390, 1400])
def test_days_have_a_month_presets_their_shares_and_nothing_is_said_twice(on_sample: Any, width: int) -> None:
    with on_sample(width, 1100) as page:
        texts = page.evaluate("""() => new Promise((done) => {
          const proto = CanvasRenderingContext2D.prototype, plain = proto.fillText, texts = [];
          proto.fillText = function (text, ...at) { texts.push(text); plain.call(this, text, ...at); };
          document.querySelector('.liq').liqwidget.chart.retime();
          requestAnimationFrame(() => requestAnimationFrame(() => { proto.fillText = plain; done(texts); }));
        })""")
        days = [text for text in texts if re.fullmatch(r"\d+ Jan", text)]
        assert "10 Jan" in days
        assert not [text for text in texts if re.fullmatch(r"[1-9]\d?", text)]
        assert page.locator(".liq-title").inner_text() == "BTCUSDT-SIM · 5m"
        assert page.locator(".liq-badge").inner_text() == "estimate · simulated"
        title = page.locator("[data-preset=balanced]").get_attribute("title")
        assert title == "Leverage mix: 3x 25 %, 5x 23 %, 10x 19 %, 20x 15 %, 50x 10 %, 100x 5 %, 150x 3 %"
        # The distance of a level is in view also on a phone.
        page.locator(".liq-levels summary").click()
        heads = page.locator(".liq-rows thead th")
        assert heads.all_inner_texts()[:4] == ["price", "side", "estimate", "distance"]
        rows, distance = (page.locator(".liq-rows").bounding_box(), heads.nth(3).bounding_box())
        assert distance["x"] + distance["width"] <= rows["x"] + rows["width"] + 1
