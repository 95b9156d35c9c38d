"""The page of to_html, opened from disk with the network off; notebooks that are saved and opened again."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest
from lab import chromium, find_chromium, open_notebook, write_notebook
from PIL import Image
from render import differences

import liqwidget as lw

pytestmark = pytest.mark.browser

HOSTILE = "</script><script>alert(1)</script><!--<img src=x onerror=a()>\"'&"
VIEW = "document.querySelector('.liq').liqwidget"
BITMAP = f"""() => {{ const {{ canvas: c, pool, rows }} = {VIEW}.chart.heatmap.bitmap;
  const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
  let s = ''; for (let i = 0; i < d.length; i += 32768) s += String.fromCharCode(...d.subarray(i, i + 32768));
  return [c.width, c.height, btoa(s), pool.columns, pool.rows, rows.from, rows.to]; }}"""
TWO_FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done())))"


class Positions:
    """True positions in the rows around a price."""

    label = "three addresses"

    def __init__(self, close: float) -> None:
        self.close = close

    def profile(self, bin_size: float) -> pd.DataFrame:
        row = np.floor(self.close / bin_size) + np.array([-31, -30, 25])
        return pd.DataFrame({"price": (row + 0.5) * bin_size, "long": [5e6, 1e6, 0], "short": [0, 0, 3e6]})


@pytest.fixture(scope="module")
def hm():
    if find_chromium() is None:
        pytest.skip("no Chromium on the PATH (Debian: apt-get install chromium)")
    market = lw.load_sample()
    made = lw.LiquidationHeatmap(market)
    made.positions = Positions(market.candles["close"].iloc[-1])
    return made


@pytest.fixture
def opened(playwright, tmp_path):
    """Open a page from disk; whatever it asks the network for is refused and kept in ``page.asked``."""

    @contextmanager
    def start(html, width=1400, height=1000, painted=True, **options):
        path = tmp_path / "page.html"
        path.write_text(html, encoding="utf-8")
        with chromium(playwright, width, height) as first:
            context = first.context.browser.new_context(viewport={"width": width, "height": height}, **options)
            context.set_offline(True)
            page = context.new_page()
            page.asked, page.problems = [], []
            page.on("request", lambda request: page.asked.append(request.url))
            page.on("pageerror", lambda error: page.problems.append(str(error)))
            page.on("console", lambda m: page.problems.append(m.text) if m.type == "error" else None)
            page.on("dialog", lambda dialog: (page.problems.append(dialog.message), dialog.dismiss()))
            page.goto(path.as_uri())
            if painted:
                page.wait_for_selector(".liq[data-rev]", timeout=15_000)
                page.evaluate(TWO_FRAMES)
            yield page
            asked = [url for url in page.asked if not url.startswith(("file:", "data:", "blob:"))]
            assert asked == []
            assert [url for url in page.asked if url.startswith("file:")] == [path.as_uri()]

    return start


def bitmap(page):
    width, height, data, pool_columns, pool_rows, first, last = page.evaluate(BITMAP)
    pixels = np.frombuffer(base64.b64decode(data), np.uint8).reshape(height, width, 4)
    return pixels, (pool_columns, pool_rows), slice(first, last)


def check_pixels(page, values, name="plasma", threshold=(0.0, 0.5), scale="linear"):
    pixels, pool, rows = bitmap(page)
    off, cells, worst = differences(pixels, values, name, threshold, scale, pool, rows)
    assert worst <= 1
    assert off <= cells / 1000, f"{off} of {cells} cells differ"
    assert (pixels[..., 3] > 0).mean() > 0.05


def put(page, selector, value):
    """Set an input as a hand does, and wait for the picture."""
    page.locator(selector).evaluate(
        "(e, v) => { e.value = String(v); e.dispatchEvent(new Event('input', { bubbles: true })); }", value
    )
    page.evaluate(TWO_FRAMES)


def saved(page, text):
    """Choose one of the files of the save button; returns its name and bytes."""
    with page.expect_download() as download:
        page.locator(".liq-save summary").click()
        page.locator(".liq-menu button", has_text=text).click()
    return download.value.suggested_filename, download.value.path().read_bytes()


def mixed(hm, mix, decay):
    weights = [mix.get(str(int(tier)), 0.0) for tier in hm.ledger.leverage]
    return hm.ledger.replay(decay, np.array(weights) / sum(weights)).values


def added_up(hm, values, factor):
    """Rows added up to those of a coarser bin size."""
    number = (hm.ledger.grid.first + np.arange(hm.ledger.grid.rows)) // factor
    sums = np.zeros((number[-1] - number[0] + 1, values.shape[1]))
    np.add.at(sums, number - number[0], values)
    return sums.astype(np.float32)


def drag(page, box, start, end):
    """Shift-drag over the price pane from one share of its size to another."""
    points = [(box["x"] + box["width"] * x, box["y"] + box["height"] * y) for x, y in (start, end)]
    page.keyboard.down("Shift")
    page.mouse.move(*points[0])
    page.mouse.down()
    page.mouse.move(*points[1], steps=4)
    page.mouse.up()
    page.keyboard.up("Shift")


def test_the_page_draws_what_python_has_and_every_slider_moves_it(hm, opened):
    with opened(hm.to_html()) as page:
        check_pixels(page, hm.density.values)
        words = page.locator("body").inner_text()
        for wanted in ("snapshot of a simulated market", "estimate, not a forecast", "nothing is live"):
            assert wanted in words
        assert not page.locator(".liq-pill").is_visible()
        assert not page.locator(".liq-still").is_visible()
        assert "positions: three addresses" in page.locator(".liq-legend").inner_text()
        assert "finer bins need Python" in page.locator(".liq-deck").inner_text()
        page.get_by_role("button", name="hot", exact=True).click()
        page.evaluate(TWO_FRAMES)
        check_pixels(page, mixed(hm, {"5": 15, "10": 30, "25": 25, "50": 20, "100": 10}, hm.decay_rate))
        put(page, "input.liq-bar[data-tier='100']", 100)
        check_pixels(page, mixed(hm, {"100": 1}, hm.decay_rate))
        decay = page.get_by_label("Decay rate", exact=True)
        decay.evaluate("(e) => { e.value = '0'; e.dispatchEvent(new Event('input', { bubbles: true })); }")
        page.evaluate(TWO_FRAMES)
        values = mixed(hm, {"100": 1}, 0.0)
        check_pixels(page, values)
        page.get_by_label("Palette").select_option("viridis")
        page.get_by_label("Colour scale").select_option("sqrt")
        put(page, "[aria-label='Hide below']", 300)
        low = page.evaluate(f"{VIEW}.source.settings.threshold[0]")
        assert 0.01 < low < 0.2
        check_pixels(page, values, "viridis", (low, 0.5), "sqrt")
        assert page.problems == []


def test_coarser_bins_are_sums_and_the_readout_and_the_positions_follow(hm, opened):
    with opened(hm.to_html(), width=1000) as page:
        rows = page.evaluate(f"{VIEW}.source.field.ledger.rows")
        label = page.get_by_label("Bin size", exact=True)
        assert label.get_attribute("max") != "0"
        assert page.evaluate(f"Math.min(...{VIEW}.source.binSizes)") == hm.bin_size
        label.evaluate("(e) => { e.value = '4'; e.dispatchEvent(new Event('input', { bubbles: true })); }")
        page.evaluate(TWO_FRAMES)
        size, coarse = page.evaluate(f"[{VIEW}.source.settings.binSize, {VIEW}.source.field.ledger.rows]")
        factor = round(size / hm.bin_size)
        assert factor == 5
        assert abs(coarse - rows / factor) <= 2
        sums = added_up(hm, hm.density.values, factor)
        assert len(sums) == coarse
        check_pixels(page, sums)
        assert f"${size:,.0f}" in page.locator(".liq-deck").inner_text()
        assert "scale" in page.locator(".liq-legend").inner_text()  # the outline is drawn on the new rows
        place = f"""(() => {{ const {{ field }} = {VIEW}.source;
          const cell = {{ columnFrom: 1900, columnTo: 1900, priceLow: 82000, priceHigh: 82100 }};
          const box = {VIEW}.chart.rectOf(field, cell);
          const pane = {VIEW}.chart.pane.getBoundingClientRect();
          return [pane.x + (box.x0 + box.x1) / 2, pane.y + (box.y0 + box.y1) / 2]; }})()"""
        page.mouse.move(*page.evaluate(place))
        page.wait_for_selector(".liq-cell:not([hidden])")
        row = int(82050 // size - (hm.ledger.grid.first // factor))
        text = page.locator(".liq-cell").inner_text()
        assert f"{82050 // size * size:,.0f} – " in text
        shown = text.split("est. $")[1].split()[0]
        unit = {"k": 1e3, "M": 1e6, "B": 1e9}[shown[-1]]
        assert float(shown[:-1]) * unit == pytest.approx(sums[row, 1900], rel=0.01)
        label.evaluate("(e) => { e.value = '0'; e.dispatchEvent(new Event('input', { bubbles: true })); }")
        page.evaluate(TWO_FRAMES)
        check_pixels(page, hm.density.values)
        assert page.problems == []


def test_tables_and_pictures_can_be_saved(hm, opened):
    with opened(hm.to_html()) as page:
        name, data = saved(page, "levels")
        assert name == "liqwidget-BTCUSDT-SIM-5m-levels-20260113T2355Z.csv"
        levels = pd.read_csv(io.BytesIO(data))
        profile = hm.density.profile(-1)
        filled = profile[(profile["long"] + profile["short"]) > 0]
        np.testing.assert_allclose(levels["estimate_usd"], filled["long"] + filled["short"], rtol=1e-5)
        np.testing.assert_allclose((levels["price_low"] + levels["price_high"]) / 2, filled["price"], rtol=1e-12)
        np.testing.assert_allclose(
            levels["cumulative_usd"], filled["cumulative_long"] + filled["cumulative_short"], rtol=1e-4
        )
        assert set(levels["time_utc"]) == {"2026-01-13T23:55:00Z"}

        page.locator(".liq-save summary").click()
        assert page.locator(".liq-menu button", has_text="selection").is_disabled()
        page.keyboard.press("Escape")
        box = page.locator(".liq-heat").bounding_box()
        drag(page, box, (0.4, 0.55), (0.6, 0.8))
        name, data = saved(page, "selection")
        assert "-selection-" in name
        found = pd.read_csv(io.BytesIO(data))
        hm.selection = page.evaluate(f"{VIEW}.source.selection")
        wanted = hm.selected()
        hm.selection = None
        assert len(found) == len(wanted) > 1000
        assert pd.to_datetime(found["time_utc"]).tolist() == wanted["time"].tolist()
        assert found["side"].tolist() == wanted["side"].tolist()
        np.testing.assert_allclose(found["estimate_usd"], wanted["density"], rtol=1e-4)

        name, data = saved(page, "picture")
        assert name.endswith("Z.png")
        picture = np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)
        plot = page.locator(".liq-plot").bounding_box()
        assert picture.shape[1] >= plot["width"]
        assert picture.shape[0] > plot["height"] + 74
        # The heat in the file is the heat on the screen, in its place under the title.
        screen = np.asarray(Image.open(io.BytesIO(page.locator(".liq-plot").screenshot())).convert("RGB")).astype(int)
        part = (slice(60, 200), slice(300, 600))
        shifted = picture[part[0].start + 74 : part[0].stop + 74, part[1].start + 14 : part[1].stop + 14]
        assert (np.abs(shifted - screen[part]).max(axis=2) <= 2).mean() > 0.97
        assert len(np.unique(screen[part].reshape(-1, 3), axis=0)) > 50
        assert (picture[:70, :400] != picture[0, 0]).any()  # the words above
        assert page.problems == []


def test_hostile_words_never_become_elements_and_the_policy_holds(opened):
    market = lw.Market.from_frame(lw.load_sample().candles.tail(300), symbol=HOSTILE, exchange=HOSTILE)
    hm = lw.LiquidationHeatmap(market)
    hm._presets = {HOSTILE: {"5": 1.0}}
    with opened(hm.to_html(title=HOSTILE)) as page:
        assert page.locator("h1").text_content() == HOSTILE
        assert HOSTILE in page.locator(".liq-title").text_content()
        assert page.locator("[data-preset]").text_content() == HOSTILE
        assert page.locator("img").count() == 1
        assert page.locator("script").count() == 2
        name, data = saved(page, "levels")
        assert "<" not in name
        assert pd.read_csv(io.BytesIO(data))["symbol"].iloc[0] == HOSTILE
        assert saved(page, "picture")[1][:4] == b"\x89PNG"
        assert page.problems == []
        # And were one of them taken for markup, the page would refuse it: Trusted Types are required.
        refused = page.evaluate(
            "() => { try { document.body.innerHTML = '<b>x</b>'; return ''; } catch (error) { return error.name; } }"
        )
        assert refused == "TypeError"


def test_without_scripts_the_picture_stands_with_its_caption_and_clusters(hm, opened):
    with opened(hm.to_html(), width=400, painted=False, java_script_enabled=False) as page:
        assert page.locator(".liq-still img").is_visible()
        assert page.locator(".liq-still img").bounding_box()["width"] <= 400
        assert "Estimate, not a forecast" in page.locator("figcaption").inner_text()
        assert page.locator(".liq-still tbody tr").count() == 5
        assert page.locator("noscript").is_visible()


def test_a_page_that_is_broken_says_so_and_keeps_its_picture(hm, opened):
    html = hm.to_html()
    at = html.index('data-frame="ledger">') + 2000
    with opened(html[:at] + "AAAA" + html[at + 4 :], painted=False) as page:
        page.wait_for_selector("#liq-host:has-text('could not be read')")
        assert page.locator(".liq-still img").is_visible()
        assert page.locator(".liq").count() == 0


def test_the_phone_page_does_not_scroll_sideways(hm, opened):
    with opened(hm.to_html(), width=400, height=1400) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= 400
        page.locator(".liq-save summary").click()
        menu = page.locator(".liq-menu").bounding_box()
        assert menu["x"] >= 0
        assert menu["x"] + menu["width"] <= 400


SAVE = "async () => { await window.jupyterapp.commands.execute('docmanager:save'); }"
IMAGE_IS_THERE = (
    "() => [...document.querySelectorAll('.liq-still img')].some((i) => i.offsetWidth > 100 && i.naturalWidth)"
)


def test_a_notebook_that_is_opened_again_shows_the_picture_until_it_is_run(notebook, tmp_path):
    session = notebook("import liqwidget as lw\nmarket = lw.load_sample()", "hm = lw.LiquidationHeatmap(market)\nhm")
    page = session.page
    assert page.locator(".jp-OutputArea .liq").count() == 1
    assert page.locator(".liq-still").count() == 1
    assert not page.locator(".liq-still").is_visible()
    page.evaluate(SAVE)
    path = session.folder / session.name
    text = path.read_text()
    assert 20_000 < len(text) <= 1_000_000
    outputs = [output for cell in json.loads(text)["cells"] for output in cell["outputs"]]
    assert [sorted(output["data"]) for output in outputs] == [
        ["application/vnd.jupyter.widget-view+json", "text/plain"],
        ["text/html", "text/plain"],
    ]
    page.evaluate("async () => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    check_picture(page, convert(path, tmp_path))
    open_notebook(page, session.lab, session.name)
    page.wait_for_function(IMAGE_IS_THERE, timeout=20_000)
    assert page.locator(".liq").count() == 0
    page.wait_for_function("() => document.body.textContent.includes('model not found')", timeout=20_000)
    assert not page.get_by_text("model not found").is_visible()
    assert "Estimate, not a forecast" in page.locator(".liq-still figcaption").inner_text()
    session.run()
    assert page.locator(".liq").is_visible()
    assert not page.locator(".liq-still").is_visible()


def convert(path, home, *options):
    """Turn a notebook into HTML as people do; returns the file."""
    homes = {name: str(home / name) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR")}
    command = [sys.executable, "-m", "nbconvert", "--to", "html", *options, str(path)]
    run = subprocess.run(command, env={**os.environ, **homes}, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
    return path.with_suffix(".html")


def check_picture(page, html):
    """The picture, its caption and its clusters stand in a converted notebook, and nothing else of the widget."""
    page.goto(html.as_uri())
    page.wait_for_function(IMAGE_IS_THERE, timeout=10_000)
    assert page.locator(".liq-still tbody tr").count() == 5
    assert page.locator(".liq").count() == 0


@pytest.mark.parametrize("shown", ["lw.LiquidationHeatmap(lw.load_sample())", "lw.explore()"])
def test_a_notebook_that_nbconvert_runs_shows_the_picture(playwright, tmp_path, shown):
    path = tmp_path / "made.ipynb"
    write_notebook(path, f"import liqwidget as lw\n{shown}")
    # With the state of the widget in the file a page that has the network shows the widget; this one has none.
    html = convert(path, tmp_path, "--execute")
    with chromium(playwright, 1200, 900) as page:
        page.context.set_offline(True)
        check_picture(page, html)
