"""The widget in a real JupyterLab, checked pixel by pixel."""

from __future__ import annotations

import io
import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest
from chart import drag, reach, says
from chart_pixels import bitmap, check_pixels, kernel_density
from lab import READY
from PIL import Image
from render import palette, steps

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = "import numpy as np, pandas as pd, liqwidget as lw\nmarket = lw.load_sample()"
WIDGET = "hm = lw.LiquidationHeatmap(market)\nhm"


def repainted(session, before, index=0):
    session.until(f"Number(root.dataset.rev) > {before}", index)


def test_the_explorer_notebook_runs_and_draws(notebook):
    session = notebook(path=ROOT / "notebooks" / "explorer.ipynb")
    assert session.page.problems == []
    assert session.page.locator(".liq canvas").count() >= 3
    session.python("import numpy as np")
    check_pixels(session)
    assert session.page.locator(".liq-badge").inner_text() == "estimate · simulated"


def test_the_explorer_notebook_reads_a_csv_too(notebook, lab, tmp_path):
    import liqwidget as lw

    candles = lw.load_sample().candles.tail(500)
    path = tmp_path / "candles.csv"
    candles.reset_index().to_csv(path, index=False)
    text = (ROOT / "notebooks" / "explorer.ipynb").read_text()
    line = json.dumps('path = os.environ.get("LIQWIDGET_CSV", "")')[1:-1]
    assert line in text
    edited = tmp_path / "explorer.ipynb"
    edited.write_text(text.replace(line, json.dumps(f"path = {str(path)!r}")[1:-1]))
    session = notebook(path=edited, views=2, height=3000)
    assert session.view("view.source.field.columns", 1) == 500
    assert "simulated" not in session.page.locator(".liq-badge").nth(1).inner_text()
    assert session.page.problems == []


def test_dragging_mix_and_decay_redraws_exactly(notebook):
    session = notebook(SAMPLE, WIDGET)
    first, _ = check_pixels(session)
    for selector, to, nth in (
        (".liq-bar", 0.8, 2),
        (".liq-bar", 0.4, 5),
        (".liq-deck .liq-slider", 0.75, 0),
        (".liq-deck .liq-slider", 0.0, 0),
    ):
        before = drag(session, selector, to, nth)
        repainted(session, before)
        values, traits = check_pixels(session)
        assert not np.array_equal(values, first)
    assert traits["decay"] == 0
    assert sum(traits["mix"].values()) == pytest.approx(100, abs=1e-3)
    assert session.page.problems == []


def test_presets_and_typed_shares(notebook):
    session = notebook(SAMPLE, WIDGET)
    before = session.revision()
    session.page.get_by_role("button", name="hot", exact=True).click()
    repainted(session, before)
    _, traits = check_pixels(session)
    assert set(traits["mix"]) == {"5", "10", "25", "50", "100"}
    before = session.revision()
    box = reach(session.page.locator(".liq-deck .liq-box").nth(2))
    box.fill("60")
    repainted(session, before)
    _, traits = check_pixels(session)
    assert traits["mix"]["25"] == pytest.approx(60)
    assert traits["mix"]["10"] / traits["mix"]["5"] == pytest.approx(2, rel=1e-4)
    before = session.revision()
    session.page.locator(".liq-deck .liq-slider").first.focus()
    session.page.keyboard.press("ArrowRight")
    repainted(session, before)
    check_pixels(session)


def test_a_bin_size_needs_no_kernel_and_the_picture_never_goes(notebook):
    session = notebook(SAMPLE, WIDGET)
    old = session.python("print(hm.bin_size)")
    pid = int(session.python("import os; print(os.getpid())"))
    slider = ".liq-deck .liq-slider >> nth=1"
    session.page.evaluate(
        """() => {
          const root = document.querySelector('.liq');
          window.blank = 0;
          const look = () => {
            if (!(root.liqwidget.bitmap?.width > 1)) window.blank++;
            requestAnimationFrame(look);
          };
          look();
        }"""
    )
    os.kill(pid, signal.SIGSTOP)
    try:
        for to in (0.95, 0.1, 0.6):
            before = drag(session, slider, to)
            repainted(session, before)
            shown, wanted = session.view("[view.source.field.grid.binSize, view.source.settings.binSize]")
            assert shown == wanted in session.view("view.source.binSizes")
    finally:
        os.kill(pid, signal.SIGCONT)
    _, traits = check_pixels(session)  # Python receives the size once the cell ends
    assert traits["bin"] == shown != float(old)
    assert session.page.evaluate("window.blank") == 0
    assert session.page.problems == []


def test_looks_change_the_pixels_as_numpy_does(notebook):
    session = notebook(SAMPLE, WIDGET)
    for code in (
        "hm.palette = 'viridis'",
        "hm.scale = 'log'",
        "hm.scale, hm.palette = 'sqrt', 'cividis'",
        "hm.threshold = (0.05, 0.8)",
        "hm.scale, hm.palette = 'linear', 'inferno'",
        "hm.leverage_mix = {10: 1, 25: 2}",
        "hm.decay_rate = 0.3",
        "hm.bin_size = 500",
        "hm.leverage_mix = {7: 1}",
    ):
        before = session.revision()
        session.python(code)
        repainted(session, before)
        check_pixels(session)
    before = session.revision()
    session.page.get_by_role("button", name="fit levels").click()
    repainted(session, before)
    values, _ = check_pixels(session)
    assert bitmap(session).bins == slice(0, values.shape[0])  # all rows are in view now
    assert session.page.problems == []


def test_the_screen_shows_the_cells_where_their_prices_and_times_are(notebook):
    session = notebook(SAMPLE, "hm = lw.LiquidationHeatmap(market, bubbles=False)\nhm")
    values, traits = kernel_density(session)
    shown = bitmap(session)
    close = json.loads(session.python("print(list(market.candles['close']))"))
    pane = session.page.locator(".liq-plot").bounding_box()
    image = np.array(Image.open(io.BytesIO(session.page.screenshot(clip=pane))).convert("RGB"))
    first, size = session.view("[view.source.field.grid.first, view.source.field.grid.binSize]")
    assert shown.block == 1
    want = steps(shown.sampled(values), traits["threshold"], traits["scale"], shown.brightest(values))
    at = shown.columns(len(close))
    colours = palette(traits["palette"])
    rng = np.random.default_rng(1)
    seen = 0
    for _ in range(4000):
        x, y = int(rng.integers(want.shape[1])), int(rng.integers(want.shape[0]))
        column, row = int(at[x]), shown.bins.start + y
        near = [close[t] for t in range(max(column - 12, 0), min(column + 12, len(close)))]
        level = (first + row + 0.5) * size
        if min(near) * 0.985 < level < max(near) * 1.015 or abs(level - close[-1]) < 2 * size:
            continue  # the candles and the price line cover this point
        rect = session.view(
            f"view.chart.rectOf(view.source.field, {{columnFrom: {shown.start + x * shown.step}, columnTo: {column},"
            f" priceLow: {level - size / 2}, priceHigh: {level + size / 2}}})"
        )
        px, py = (rect["x0"] + rect["x1"]) / 2, (rect["y0"] + rect["y1"]) / 2
        if not (0 < px < 800 and 160 < py < session.view("view.chart.api.paneSize(0).height") - 4):
            continue  # the readout and the profile cover this point
        step = want[y, x]
        expected = colours[step - 1] if step else np.array([0x0C, 0x0A, 0x1A])
        got = image[int(py), int(px)].astype(int)
        assert np.abs(got - expected).max() <= 6, (column, row, got, expected)
        seen += 1
        if seen >= 150:
            break
    assert seen >= 150


def test_two_views_of_one_widget_agree(notebook):
    session = notebook(SAMPLE, WIDGET, "hm", views=2, height=2600)
    before = [session.revision(i) for i in (0, 1)]
    drag(session, ".liq-bar", 0.7, 1)
    for i in (0, 1):
        repainted(session, before[i], i)
        check_pixels(session, i)
    a, b = bitmap(session, 0).pixels, bitmap(session, 1).pixels
    np.testing.assert_array_equal(a, b)
    shown = session.page.locator(".liq").nth(1).locator(".liq-deck .liq-box").nth(1).input_value()
    assert float(shown) == pytest.approx(session.view("view.source.settings.leverageMix['5']"), abs=0.06)


def test_it_comes_back_after_it_was_scrolled_away(notebook):
    session = notebook(SAMPLE, WIDGET, *["for i in range(60): print(i)"] * 12, height=1000)
    session.page.locator(".liq").scroll_into_view_if_needed()
    before = session.revision()
    scroller = "document.querySelector('.jp-WindowedPanel-outer')"
    session.page.evaluate(f"() => {{ {scroller}.scrollTop = {scroller}.scrollHeight; }}")
    session.page.wait_for_function(
        """() => {
          const r = document.querySelector('.liq')?.getBoundingClientRect();
          return !r || r.height === 0 || r.bottom < 0;
        }"""
    )
    session.python("hm.decay_rate = 0.4")
    session.page.evaluate(f"() => {{ {scroller}.scrollTop = 0; }}")
    session.until(f"Number(root?.dataset.rev) > {before}")
    check_pixels(session)
    assert session.page.problems == []


def test_a_restarted_kernel_runs_again(notebook):
    session = notebook(SAMPLE, WIDGET)
    pid = session.python("import os; print(os.getpid())")
    session.page.evaluate("() => { window.jupyterapp.commands.execute('notebook:restart-kernel'); }")
    session.page.locator(".jp-Dialog .jp-mod-accept").click()
    session.page.wait_for_function(READY, timeout=60_000)
    assert session.page.locator(".liq canvas").count() >= 3  # the last picture stays
    session.page.evaluate("() => { for (const root of document.querySelectorAll('.liq')) delete root.dataset.rev; }")
    session.run()
    assert session.python("import os; print(os.getpid())") != pid
    check_pixels(session)


def test_shift_drag_selects_a_box(notebook):
    session = notebook(SAMPLE, WIDGET)
    pane = session.page.locator(".liq-plot").bounding_box()
    session.page.mouse.move(pane["x"] + 300, pane["y"] + 200)
    session.page.keyboard.down("Shift")
    session.page.mouse.down()
    session.page.mouse.move(pane["x"] + 420, pane["y"] + 330, steps=6)
    session.page.mouse.up()
    session.page.keyboard.up("Shift")
    assert session.page.locator(".liq-outline").is_visible()
    session.until("view.source.selection !== null")
    says(session, "hm.selection is not None", "True")
    out = session.python("print(len(hm.selected()), hm.selected()[['long', 'short']].to_numpy().sum() > 0)")
    count, positive = out.split()
    assert int(count) > 0
    assert positive == "True"
    box = json.loads(session.python("import json; print(json.dumps(hm.selection))"))
    low = session.python("print(market.candles.low.min())")
    assert float(low) * 0.5 < box["price_low"] < box["price_high"]
    session.python("hm.selection = None")
    session.page.locator(".liq-outline").wait_for(state="hidden")


def test_the_times_in_view_are_python_s_too(notebook):
    session = notebook(SAMPLE, WIDGET)
    session.python("ms = market.candles.index.as_unit('ms').asi8")
    assert session.python("print(hm.visible)").strip() == "None"  # all of them
    session.python("hm.visible = {'time_from': float(ms[500]) + 1, 'time_to': float(ms[699])}")
    session.until("view.chart.columnsInView.join() === '500,699'")
    session.page.locator(".liq-plot").focus()
    for key in ("c", "End"):  # the first key shows the cursor
        session.page.keyboard.press(key)
    session.until("view.chart.columnsInView[1] === 2015")
    shown = session.view("view.chart.columnsInView.map((t) => view.source.field.bars.time[t])")
    says(session, "[hm.visible['time_from'], hm.visible['time_to']]", str([float(ms) for ms in shown]))
    session.python("hm.visible = None")
    session.until("view.chart.fitted && view.chart.columnsInView.join() === '0,2015'")
    session.page.get_by_role("button", name="fit levels").click()
    says(session, "hm.visible", "None")
    assert session.page.problems == []


def test_live_candles_arrive_as_tails(notebook):
    session = notebook(SAMPLE, "hm = lw.LiquidationHeatmap(market.tail(700))\nhm")
    received = session.python("print(len(hm._trait_values['_bars']))")
    session.python(
        "def more(move, replace=False):\n"
        "    c = hm.market.candles.iloc[-1:].copy()\n"
        "    if not replace: c.index = c.index + hm.market.interval\n"
        "    c['open'] = c['close']; c['close'] *= 1 + move; c['volume'] = 900.0\n"
        "    c['high'] = c[['open', 'close']].max(axis=1); c['low'] = c[['open', 'close']].min(axis=1)\n"
        "    hm.append(c)\n"
        "for move in (.002, -.004, .001, .006): more(move)\n"
        "more(-.003, replace=True)"
    )
    session.until("view.source.field.columns === 704")
    session.until("view.bitmap.width >= 704 / view.chart.heatmap.bitmap.step")
    check_pixels(session)
    assert session.python("print(len(hm._trait_values['_bars']))") == received  # the candles were not sent again
    assert session.view("view.source.field.bars.close.length") == 704
    # A new bin size after the tails.
    session.python("hm.bin_size = hm.shown.bin_sizes[0]")
    session.until("view.source.field.columns === 704 && view.source.field.grid.binSize === view.source.binSizes[0]")
    check_pixels(session)
    # After a tail that does not fit its data, the browser requests the whole.
    session.python(
        "from dataclasses import replace\n"
        "hm._shown = replace(hm.shown, picture=replace(hm.shown.picture, revision=99))\nmore(.001)"
    )
    session.until("view.source.field.picture === 100 && view.source.field.columns === 705")
    check_pixels(session)
    assert session.page.problems == []


def test_candles_that_arrive_before_the_view_is_there_are_not_lost(notebook):
    session = notebook(
        SAMPLE,
        "hm = lw.LiquidationHeatmap(market.tail(300))\n"
        "for _ in range(3):\n"
        "    c = hm.market.candles.iloc[-1:].copy()\n"
        "    c.index = c.index + hm.market.interval\n"
        "    hm.append(c)\n"
        "hm",
    )
    session.until("view.source.field.columns === 303")
    check_pixels(session)


def test_a_bad_frame_or_value_is_told_and_the_last_picture_stays(notebook):
    session = notebook(SAMPLE, WIDGET)
    good = bitmap(session).pixels
    session.python("kept = hm._bars; hm._bars = kept[:5000]")
    session.until("root.dataset.state === 'error'")
    message = session.page.locator(".liq-message").inner_text()
    assert "could not be read" in message
    np.testing.assert_array_equal(bitmap(session).pixels, good)
    session.python("hm._bars = kept")
    session.until("root.dataset.state === 'idle'")
    for name, value in (("bin_size", "-5"), ("decay_rate", "'x'"), ("leverage_mix", "{'5': -1}")):
        session.view(f"(view.source.model.set('{name}', {value}), view.source.model.save_changes(), 0)")
        session.until("root.dataset.state === 'error'")
        assert name in session.page.locator(".liq-message").inner_text()
        session.python("hm._status = {'state': 'idle', 'message': ''}")
        session.until("root.dataset.state === 'idle'")
        check_pixels(session)
    # A size that is no multiple of a row: both sides use the nearest on offer, and the status says so.
    for _ in range(2):
        session.view("(view.source.set({binSize: 1e-9}), 0)")
        session.until("view.source.settings.binSize === Math.min(...view.source.binSizes)")
        session.until("root.dataset.state === 'error'")  # the size and the status are two messages
        assert "bin_size: wanted a whole multiple" in session.page.locator(".liq-message").inner_text()
        check_pixels(session)
    session.view("(view.source.set({binSize: 200}), 0)")
    session.until("view.source.field.grid.binSize === 200")
    check_pixels(session)
    session.view("(view.source.model.set('_esm', 'alert(1)'), view.source.model.save_changes(), 0)")
    assert session.python("print('alert' in hm._esm[:20])").strip() == "False"


def test_hostile_symbols_are_text(notebook):
    session = notebook(
        SAMPLE,
        "evil = '<img src=x onerror=\"window.pwned=1\">'\n"
        "hm = lw.LiquidationHeatmap(lw.Market.from_frame(market.candles, symbol=evil, exchange='<b>x</b>'))\nhm",
    )
    assert "<img" in session.page.locator(".liq-title").inner_text()
    assert session.page.locator(".liq img").count() == 0
    assert session.page.evaluate("window.pwned") is None


def test_wheel_and_keys_stay_with_the_notebook_until_the_chart_has_focus(notebook):
    session = notebook(SAMPLE, WIDGET, *["for i in range(60): print(i)"] * 3, height=900)
    page = session.page
    page.locator(".liq").scroll_into_view_if_needed()
    top = "document.querySelector('.jp-WindowedPanel-outer').scrollTop"
    span = "(() => { const r = view.chart.api.timeScale().getVisibleLogicalRange(); return r.to - r.from; })()"
    pane = page.locator(".liq-plot").bounding_box()
    page.mouse.move(pane["x"] + 300, pane["y"] + 150)
    before, zoom = page.evaluate(top), session.view(span)
    page.mouse.wheel(0, 160)
    page.wait_for_function(f"{top} !== {before}")
    assert session.view(span) == zoom
    page.locator(".liq").scroll_into_view_if_needed()
    pane = page.locator(".liq-plot").bounding_box()
    page.mouse.move(pane["x"] + 300, pane["y"] + 150)
    page.keyboard.down("Control")
    page.mouse.wheel(0, 160)
    page.keyboard.up("Control")
    session.until(f"{span} !== {zoom}")
    zoom = session.view(span)
    page.mouse.click(pane["x"] + 300, pane["y"] + 150)
    session.until("document.activeElement === root.querySelector('.liq-plot')")
    before = page.evaluate(top)
    page.mouse.wheel(0, -160)
    session.until(f"{span} !== {zoom}")
    assert page.evaluate(top) == before
    cells = page.locator(".jp-Cell").count()
    for key in ("d", "d", "a", "x", "ArrowDown"):
        page.keyboard.press(key)
    page.locator(".liq-deck .liq-slider").first.focus()
    for key in ("d", "d", "b", "x", "ArrowDown"):
        page.keyboard.press(key)
    assert page.locator(".jp-Cell").count() == cells


def test_mix_and_decay_need_no_kernel(notebook):
    session = notebook(SAMPLE, WIDGET)
    pid = int(session.python("import os; print(os.getpid())"))
    os.kill(pid, signal.SIGSTOP)
    try:
        for selector, nth, to in ((".liq-bar", 1, 0.9), (".liq-deck .liq-slider", 0, 0.3)):
            before = drag(session, selector, to, nth)
            repainted(session, before)
    finally:
        os.kill(pid, signal.SIGCONT)
    check_pixels(session)


def test_it_follows_jupyterlab_s_theme_and_links_to_other_widgets(notebook):
    session = notebook(
        SAMPLE,
        WIDGET,
        "import ipywidgets as w\nslider = w.FloatSlider(min=0, max=1, step=.01, value=.2)\n"
        "link = w.jslink((hm, 'decay_rate'), (slider, 'value'))\nslider",
    )
    assert session.page.locator(".liq").get_attribute("data-theme") == "light"
    # The chart's logo stands beside the name of the last pane, where no line goes.
    logo, name = (session.page.locator(one).bounding_box() for one in ("#tv-attr-logo", ".liq-label >> nth=1"))
    assert name["x"] + name["width"] < logo["x"] < name["x"] + name["width"] + 60
    assert name["y"] - 2 <= logo["y"]
    assert logo["y"] + logo["height"] <= name["y"] + name["height"] + 2
    session.page.evaluate(
        "() => window.jupyterapp.commands.execute('apputils:change-theme', { theme: 'JupyterLab Dark' })"
    )
    session.until("root.dataset.theme === 'dark'")
    session.page.evaluate(
        "() => window.jupyterapp.commands.execute('apputils:change-theme', { theme: 'JupyterLab Light' })"
    )
    session.until("root.dataset.theme === 'light'")
    before = session.revision()
    session.python("slider.value = 0.55")
    repainted(session, before)
    assert session.view("view.source.settings.decayRate") == pytest.approx(0.55)


def test_swept_levels_can_be_marked(notebook):
    session = notebook(SAMPLE, WIDGET)
    plain = bitmap(session).pixels
    before = session.revision()
    reach(session.page.get_by_label("mark swept levels")).check()
    repainted(session, before)
    marked = bitmap(session).pixels
    white = (marked[..., :3] == 255).all(axis=2)
    assert 100 < white.sum() < white.size / 20
    np.testing.assert_array_equal(marked[~white], plain[~white])


@pytest.mark.parametrize(
    ("file", "code", "columns"),
    [
        ("btcusdt_5m_2025-12_2026-02.csv.gz", ".tail(2016)", 2016),
        ("btcusdt_5m_2025-12_2026-02.csv.gz", "", 23242),
        ("xbtusd_1m_2020-03.csv.gz", "", 14400),
    ],
)
def test_real_markets_open(notebook, shared_data, file, code, columns):
    path = shared_data(file)
    session = notebook(
        "import numpy as np, pandas as pd, liqwidget as lw",
        f"market = lw.Market.from_frame(pd.read_csv({str(path)!r}), symbol='BTC'){code}",
        WIDGET,
    )
    assert session.view("view.source.field.columns") == columns
    assert session.page.problems == []
    check_pixels(session)  # candle by candle, for any number of candles
    assert "columns of" not in session.view("view.words.join()")
