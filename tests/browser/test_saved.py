"""The page of to_html, opened from disk without a network; notebooks that are saved and reopened."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from chart import reach, says
from lab import chromium, find_chromium, open_notebook, write_notebook
from PIL import Image
from render import BITMAP, Bitmap, differences
from saved_page import TWO_FRAMES, VIEW

import liqwidget as lw
from liqwidget.checks import usd_text

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = "</script><script>alert(1)</script><!--<img src=x onerror=a()>\"'&"


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
    made = lw.LiquidationHeatmap(market, bin_size=100)
    made.positions = Positions(market.candles["close"].iloc[-1])
    return made


def bitmap(page):
    return Bitmap.of(page.evaluate(f"{BITMAP}({VIEW})"))


def check_pixels(page, values, name="plasma", threshold=(0.0, 0.5), scale="linear"):
    shown = bitmap(page)
    off, cells, worst = differences(shown, values, name, threshold, scale)
    assert worst <= 1
    assert off <= cells / 1000, f"{off} of {cells} cells differ"
    assert (shown.pixels[..., 3] > 0).mean() > 0.05


def put(page, selector, value):
    """Set an input as a user does, and wait for the repaint."""
    page.locator(selector).evaluate(
        "(e, v) => { e.value = String(v); e.dispatchEvent(new Event('input', { bubbles: true })); }", value
    )
    page.evaluate(TWO_FRAMES)


def saved(page, text):
    """Choose one of the files of the save button; return its name and bytes."""
    with page.expect_download() as download:
        page.locator(".liq-save summary").click()
        page.locator(".liq-menu button", has_text=text).click()
    return download.value.suggested_filename, download.value.path().read_bytes()


def mixed(hm, mix, decay):
    weights = [mix.get(str(int(tier)), 0.0) for tier in hm.ledger.leverage]
    return hm.ledger.replay(decay, np.array(weights) / sum(weights), bin_size=hm.bin_size).values


def added_up(hm, factor):
    """The model's rows, summed into bins of `factor` rows."""
    values = hm.ledger.replay(hm.decay_rate, hm.shown.weights).values
    number = (hm.ledger.grid.first + np.arange(hm.ledger.grid.rows)) // factor
    sums = np.zeros((number[-1] - number[0] + 1, values.shape[1]))
    np.add.at(sums, number - number[0], values)
    return sums.astype(np.float32)


def drag(page, box, start, end):
    """Shift-drag over the price pane; start and end are shares of its size."""
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
        for wanted in ("snapshot of a simulated market", "estimate, not a forecast", "nothing in it is live"):
            assert wanted in words
        assert "saved page: nothing is live" in page.evaluate(f"{VIEW}.words")
        assert not page.locator(".liq-pill").is_visible()
        assert not page.locator(".liq-still").is_visible()
        assert "positions: three addresses" in page.locator(".liq-legend").inner_text()
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
        reach(page.get_by_label("Palette")).select_option("viridis")
        page.get_by_label("Colour scale").select_option("sqrt")
        put(page, "[aria-label='Hide below']", 300)
        low = page.evaluate(f"{VIEW}.source.settings.threshold[0]")
        assert 0.01 < low < 0.2
        check_pixels(page, values, "viridis", (low, 0.5), "sqrt")
        assert page.problems == []


def test_every_bin_size_is_a_sum_of_rows_and_the_readout_and_the_positions_follow(hm, opened):
    with opened(hm.to_html(), width=1000) as page:
        label = page.get_by_label("Bin size", exact=True)

        def choose(place):
            label.evaluate(
                "(e, v) => { e.value = String(v); e.dispatchEvent(new Event('input', { bubbles: true })); }", place
            )
            page.evaluate(TWO_FRAMES)
            size, count = page.evaluate(f"[{VIEW}.source.settings.binSize, {VIEW}.source.field.grid.rows]")
            factor = round(size / hm.ledger.grid.bin_size)
            sums = added_up(hm, factor)
            assert len(sums) == count
            check_pixels(page, sums)
            return size, factor, sums

        offered = page.evaluate(f"{VIEW}.source.binSizes")
        assert offered == list(hm.shown.bin_sizes)  # finer ones too, without a kernel
        assert int(label.get_attribute("max")) == len(offered) - 1
        for place in (0, len(offered) - 1):
            assert choose(place)[0] == offered[place]
        size, factor, sums = choose(4)
        assert factor == 20
        assert f"${size:,.0f}" in page.locator(".liq-deck").inner_text()
        assert "scale" in page.locator(".liq-legend").inner_text()  # the outline is drawn on the new rows
        where = f"""(() => {{ const {{ field }} = {VIEW}.source;
          const cell = {{ columnFrom: 1900, columnTo: 1900, priceLow: 82000, priceHigh: 82100 }};
          const box = {VIEW}.chart.rectOf(field, cell);
          const pane = {VIEW}.chart.pane.getBoundingClientRect();
          return [pane.x + (box.x0 + box.x1) / 2, pane.y + (box.y0 + box.y1) / 2]; }})()"""
        page.mouse.move(*page.evaluate(where))
        page.wait_for_selector(".liq-cell:not([hidden])")
        row = int(82050 // size - (hm.ledger.grid.first // factor))
        text = page.locator(".liq-cell").inner_text()
        assert f"{82050 // size * size:,.0f} – " in text
        shown = text.split("estimate: $")[1].split()[0]
        unit = {"K": 1e3, "M": 1e6, "B": 1e9}[shown[-1]]
        assert float(shown[:-1]) * unit == pytest.approx(sums[row, 1900], rel=0.01)
        choose(offered.index(hm.bin_size))
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
        for button in page.locator(".liq-menu button", has_text="selection").all():
            assert button.is_disabled()
        page.keyboard.press("Escape")
        box = page.locator(".liq-heat").bounding_box()
        drag(page, box, (0.4, 0.55), (0.6, 0.8))
        hm.selection = page.evaluate(f"{VIEW}.source.selection")
        levels, cells = hm.selected(), hm.selected(cells=True)
        hm.selection = None
        name, data = saved(page, "selection, by price")
        assert "-selection-" in name
        found = pd.read_csv(io.BytesIO(data))
        assert len(found) == len(levels) > 30
        np.testing.assert_allclose((found["price_low"] + found["price_high"]) / 2, levels["price"], rtol=1e-12)
        for end in ("first", "last"):
            assert pd.to_datetime(found[f"{end}_utc"]).tolist() == levels[end].tolist()
        for side in ("long", "short"):
            np.testing.assert_allclose(found[f"{side}_usd"], levels[side], rtol=1e-4)
        sums = [f"{side} {usd_text(levels[side].sum())}" for side in ("long", "short") if levels[side].sum() > 0]
        page.locator(".liq-sum", has_text=f"est. {' · '.join(sums)}").wait_for()
        name, data = saved(page, "selection, cell by cell")
        assert "-cells-" in name
        found = pd.read_csv(io.BytesIO(data))
        assert len(found) == len(cells) > 1000
        assert pd.to_datetime(found["time_utc"]).tolist() == cells["time"].tolist()
        assert found["side"].tolist() == cells["side"].tolist()
        np.testing.assert_allclose(found["estimate_usd"], cells["density"], rtol=1e-4)

        name, data = saved(page, "picture")
        assert name.endswith("Z.png")
        picture = np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)
        plot = page.locator(".liq-plot").bounding_box()
        assert picture.shape[1] >= plot["width"]
        assert picture.shape[0] > plot["height"] + 74
        # The heat in the file equals the heat on the screen, placed below the title.
        screen = np.asarray(Image.open(io.BytesIO(page.locator(".liq-plot").screenshot())).convert("RGB")).astype(int)
        part = (slice(60, 200), slice(300, 600))
        top = 74 - round(plot["y"] % 1)  # a page may lay it out between two pixels
        shifted = picture[part[0].start + top : part[0].stop + top, part[1].start + 14 : part[1].stop + 14]
        assert (np.abs(shifted - screen[part]).max(axis=2) <= 2).mean() > 0.97
        assert len(np.unique(screen[part].reshape(-1, 3), axis=0)) > 50
        assert (picture[:70, :400] != picture[0, 0]).any()  # the title text
        assert page.problems == []


def test_a_finger_selects_and_the_picture_and_the_paper_show_it(hm, playwright, tmp_path):
    path = tmp_path / "page.html"
    path.write_text(hm.to_html(), encoding="utf-8")
    with chromium(playwright, 760, 900, ratio=2) as first:
        page = first.context.browser.new_context(viewport=None, has_touch=True, accept_downloads=True).new_page()
        page.goto(path.as_uri())
        page.wait_for_selector(".liq[data-rev]", timeout=15_000)
        plot, button = page.locator(".liq-plot"), page.get_by_role("button", name="select a box")
        plot.scroll_into_view_if_needed()
        before = page.evaluate(f"[scrollY, {VIEW}.chart.columnsInView.join()]")
        button.tap()
        at = plot.bounding_box()
        devtools = page.context.new_cdp_session(page)
        for kind, step in (("touchStart", 0), *(("touchMove", i) for i in range(1, 9)), ("touchEnd", None)):
            where = [] if step is None else [{"x": at["x"] + 60 + 14 * step, "y": at["y"] + 120 + 12 * step}]
            devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": where})
        assert page.evaluate(f"[scrollY, {VIEW}.chart.columnsInView.join()]") == before  # neither page nor chart moved
        assert button.get_attribute("aria-pressed") == "false"
        box = page.locator(".liq-outline").bounding_box()
        assert [box["width"], box["height"]] == pytest.approx([112, 96], abs=3)
        hm.selection = page.evaluate(f"{VIEW}.source.selection")
        levels = hm.selected()
        hm.selection = None
        sums = [f"{side} {usd_text(levels[side].sum())}" for side in ("long", "short") if levels[side].sum() > 0]
        page.locator(".liq-sum", has_text=f"est. {' · '.join(sums)}").wait_for()

        # The picture has every device pixel, the box, and nothing of what the pointer shows.
        page.mouse.move(at["x"] + 110, at["y"] + 60)
        page.locator(".liq-cell").wait_for()
        picture = np.asarray(Image.open(io.BytesIO(saved(page, "picture")[1])).convert("RGB")).astype(int)
        assert picture.shape[1] == pytest.approx(2 * (at["width"] + 28), abs=4)
        x, y = (round(2 * (box[name] - at[name] + more)) for name, more in (("x", 14), ("y", 74)))
        height = round(2 * box["height"])
        edge = picture[y + 20 : y + height - 20, x - 3 : x + 6].min(axis=2).max(axis=1)
        assert (edge > 230).all()
        readout = picture[2 * 74 + 20 : 2 * 74 + 150, 40:300].reshape(-1, 3)
        assert (readout.min(axis=1) > 200).mean() < 0.002  # no letters

        # On paper, narrower than the screen, there is the picture with its price axis, and no control.
        page.emulate_media(media="print")
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        devtools.send(
            "Emulation.setDeviceMetricsOverride",
            {"width": 420, "height": 900, "deviceScaleFactor": 2, "mobile": False},
        )
        sheet = page.locator(".liq-print")
        sheet.wait_for()
        frame = sheet.bounding_box()
        assert frame["x"] >= 0
        assert frame["x"] + frame["width"] <= 420
        assert frame["width"] / frame["height"] == pytest.approx(sheet.evaluate("(c) => c.width / c.height"), rel=0.01)
        for control in (".liq-deck", ".liq-fit", ".liq-plot", ".liq-outline"):
            assert not page.locator(control).is_visible()
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert sheet.count() == 0
        page.emulate_media(media="screen")
        page.get_by_role("button", name="Clear the selection").click()
        page.locator(".liq-outline").wait_for(state="hidden")
        assert page.evaluate(f"{VIEW}.source.selection") is None


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
        # Even if markup were assigned as HTML, the page would refuse it: Trusted Types are required.
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
    at = html.index('data-frame="bars">') + 2000
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
        ["image/png", "text/html", "text/plain"],
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
    """Convert a notebook to HTML with nbconvert; return the file."""
    homes = {name: str(home / name) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR")}
    command = [sys.executable, "-m", "nbconvert", "--to", "html", *options, str(path)]
    run = subprocess.run(command, env={**os.environ, **homes}, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
    return path.with_suffix(".html")


def check_picture(page, html):
    """The picture, its caption and its clusters are in a converted notebook, and nothing else of the widget."""
    page.goto(html.as_uri())
    page.wait_for_function(IMAGE_IS_THERE, timeout=10_000)
    assert page.locator(".liq-still tbody tr").count() == 5
    assert page.locator(".liq").count() == 0
    assert " object at 0x" not in page.locator("body").inner_text()  # nor the name of an object above it


@pytest.mark.parametrize(
    "shown",
    [
        "lw.explore()",
        "import ipywidgets\nipywidgets.Tab([ipywidgets.HBox([lw.LiquidationHeatmap(lw.load_sample())])])",
    ],
)
def test_a_notebook_that_nbconvert_runs_shows_the_picture(playwright, tmp_path, shown):
    path = tmp_path / "made.ipynb"
    write_notebook(path, f"import liqwidget as lw\n{shown}")
    # With the widget state in the file, a page with network access shows the widget; this page has none.
    html = convert(path, tmp_path, "--execute")
    with chromium(playwright, 1200, 900) as page:
        page.context.set_offline(True)
        check_picture(page, html)


def test_the_demo_lives_before_any_cell_ran_and_run_all_makes_it_a_kernel_s(lab, playwright, session_of):
    data = str(Path(lab.log.name).parent / "data")  # where this server keeps its signatures
    script = [sys.executable, str(ROOT / "scripts" / "demo_notebook.py"), str(lab.folder / "demo.ipynb")]
    run = subprocess.run(
        script, env={**os.environ, "JUPYTER_DATA_DIR": data}, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr[-2000:]
    assert run.stdout == f"Made {script[-1]}.\n"
    made = json.loads((lab.folder / "demo.ipynb").read_text())
    made["cells"][0]["source"] = "# Sent by a stranger"  # a signature is of these contents
    (lab.folder / "stranger.ipynb").write_text(json.dumps(made))
    with chromium(playwright, 1500, 1500) as page:
        open_notebook(page, lab, "demo.ipynb")
        page.wait_for_selector(".liq[data-rev]", timeout=20_000)
        session = session_of(page, lab, lab.folder, "demo.ipynb")
        assert not page.locator(".liq-still").is_visible()
        assert session.python("print('lw' in globals())").strip() == "False"  # no cell ran
        before, rev = bitmap(page), session.revision()
        put(page, "input.liq-bar[data-tier='100']", 100)
        session.until(f"Number(root.dataset.rev) > {rev}")
        assert session.view("view.source.settings.leverageMix['100'] > 99")
        after = bitmap(page)
        assert before.pixels.shape != after.pixels.shape or (before.pixels != after.pixels).mean() > 0.05
        session.until("root.querySelector('.liq-banner').dataset.kernel === 'saved'")
        assert "As saved" in page.locator(".liq-banner").inner_text()
        page.evaluate("() => { for (const root of document.querySelectorAll('.liq')) delete root.dataset.rev; }")
        session.run()
        assert page.locator(".liq").count() == 1
        assert not page.locator(".liq-banner").is_visible()
        says(session, "hm.decay_auto", "True")
        session.view("view.source.set({ palette: 'viridis' })")
        says(session, "hm.palette", "viridis")
        page.evaluate("async () => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")

        open_notebook(page, lab, "stranger.ipynb")
        page.wait_for_function(IMAGE_IS_THERE, timeout=20_000)
        assert page.locator(".liq").count() == 0
        page.evaluate("async () => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
