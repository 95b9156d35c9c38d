"""The widget in a real JupyterLab, looked at pixel by pixel."""

from __future__ import annotations

import base64
import io
import json
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from lab import READY
from PIL import Image
from render import differences, palette, pooled, steps
from test_bubbles import says

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = "import numpy as np, pandas as pd, liqwidget as lw\nmarket = lw.load_sample()"
WIDGET = "hm = lw.LiquidationHeatmap(market)\nhm"
BITMAP = """(() => { const c = view.bitmap; const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
  let s = ''; for (let i = 0; i < d.length; i += 32768) s += String.fromCharCode(...d.subarray(i, i + 32768));
  const { pool, rows } = view.chart.heatmap.bitmap;
  return [c.width, c.height, btoa(s), pool.columns, pool.rows, rows.from, rows.to]; })()"""


def bitmap(session, index=0):
    width, height, data, pool_columns, pool_rows, first, last = session.view(BITMAP, index)
    pixels = np.frombuffer(base64.b64decode(data), np.uint8).reshape(height, width, 4)
    return pixels, (pool_columns, pool_rows), slice(first, last)


def kernel_density(session):
    """The density that Python has for the present traits, and those traits."""
    path = session.folder / "density.npy"
    out = session.python(
        "import json\n"
        "with hm._lock:  # JupyterLab delivers what the browser writes on a second thread\n"
        f"    np.save({str(path)!r}, hm.density.values)\n"
        "    mix = {str(k): v for k, v in hm.leverage_mix.items()}\n"
        "    look = dict(palette=hm.palette, threshold=hm.threshold, scale=hm.scale)\n"
        "    print(json.dumps(dict(look, mix=mix, decay=hm.decay_rate, bin=hm.bin_size)))"
    )
    return np.load(path), json.loads(out)


def agreed(session, index=0, deadline=20.0):
    """Density and traits of the kernel, once both sides have the same settings.

    ipywidgets holds the last changes of a drag back until the kernel is idle; a question may overtake them.
    """
    until = time.monotonic() + deadline
    while True:
        values, traits = kernel_density(session)
        shown = session.view("view.source.settings", index)
        same = traits["decay"] == shown["decayRate"] and traits["bin"] == shown["binSize"]
        if same and traits["mix"] == {tier: pytest.approx(share) for tier, share in shown["leverageMix"].items()}:
            return values, traits
        assert time.monotonic() < until, (traits, shown)


def check_pixels(session, index=0):
    """The heatmap's pixels are what NumPy draws: one step off in at most 0.1 % of the cells."""
    values, traits = agreed(session, index)
    session.until(f"view.source.field?.ledger.binSize === {traits['bin']} && view.source.pendingBin === null", index)
    # Two frames on, whatever was asked of the page has been drawn.
    session.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    pixels, pool, rows = bitmap(session, index)
    look = traits["palette"], traits["threshold"], traits["scale"]
    off, cells, worst = differences(pixels, values, *look, pool, rows)
    assert worst <= 1, f"{off} of {cells} cells differ, some by more than a step"
    assert off <= cells / 1000, f"{off} of {cells} cells differ"
    assert (pixels[..., 3] > 0).mean() > 0.05
    return values, traits


def drag(session, selector, to, nth=0):
    """Drag a range input's thumb to a share of its width, step by step, as a hand does."""
    handle = session.page.locator(selector).nth(nth)
    handle.scroll_into_view_if_needed()
    box = handle.bounding_box()
    low, high, value = (float(handle.evaluate(f"e => e.{k}")) for k in ("min", "max", "value"))
    at = box["x"] + 4 + (box["width"] - 8) * (value - low) / (high - low)
    middle = box["y"] + box["height"] / 2
    before = session.revision()
    session.page.mouse.move(at, middle)
    session.page.mouse.down()
    session.page.mouse.move(box["x"] + 4 + (box["width"] - 8) * to, middle, steps=8)
    session.page.mouse.up()
    return before


def repainted(session, before, index=0):
    session.until(f"Number(root.dataset.rev) > {before}", index)


def test_the_explorer_notebook_runs_and_draws(notebook):
    session = notebook(path=ROOT / "notebooks" / "explorer.ipynb")
    assert session.page.problems == []
    assert session.page.locator(".liq canvas").count() >= 3
    session.python("import numpy as np")
    check_pixels(session)
    assert "simulated market" in session.page.locator(".liq-badges").inner_text()
    assert "estimate" in session.page.locator(".liq-badges").inner_text()


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
    assert session.view("view.source.field.ledger.columns", 1) == 500
    assert "simulated" not in session.page.locator(".liq-badges").nth(1).inner_text()
    assert session.page.problems == []


def test_dragging_mix_and_decay_redraws_exactly(notebook):
    session = notebook(SAMPLE, WIDGET)
    first, _ = check_pixels(session)
    for selector, to, nth in (
        (".liq-bar", 0.8, 2),
        (".liq-bar", 0.4, 5),
        (".liq-slider", 0.75, 0),
        (".liq-slider", 0.0, 0),
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
    box = session.page.locator(".liq-box").nth(2)
    box.fill("60")
    repainted(session, before)
    _, traits = check_pixels(session)
    assert traits["mix"]["25"] == pytest.approx(60)
    assert traits["mix"]["10"] / traits["mix"]["5"] == pytest.approx(2, rel=1e-4)
    before = session.revision()
    session.page.locator(".liq-slider").first.focus()
    session.page.keyboard.press("ArrowRight")
    repainted(session, before)
    check_pixels(session)


def test_bin_size_goes_through_the_kernel_and_the_old_picture_stays(notebook):
    session = notebook(SAMPLE, WIDGET)
    old = session.python("print(hm.bin_size)")
    slider = ".liq-group:nth-child(2) .liq-slider >> nth=1"
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
    for to in (0.95, 0.1, 0.6):
        drag(session, slider, to)
    session.until("view.source.pendingBin === null")
    _, traits = check_pixels(session)
    shown = session.view("view.source.field.ledger.binSize")
    wanted = session.view("view.source.settings.binSize")
    assert traits["bin"] == shown == wanted != float(old)
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
        "hm.bin_size = 200",
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
    assert bitmap(session)[2] == slice(0, values.shape[0])  # all rows are in view now
    assert session.page.problems == []


def test_the_screen_shows_the_cells_where_their_prices_and_times_are(notebook):
    session = notebook(SAMPLE, "hm = lw.LiquidationHeatmap(market, bubbles=False)\nhm")
    values, traits = kernel_density(session)
    pool = bitmap(session)[1]
    close = json.loads(session.python("print(list(market.candles['close']))"))
    pane = session.page.locator(".liq-plot").bounding_box()
    image = np.array(Image.open(io.BytesIO(session.page.screenshot(clip=pane))).convert("RGB"))
    first, size = session.view("[view.source.field.ledger.first, view.source.field.ledger.binSize]")
    assert pool[1] == 1
    want = steps(pooled(values, *pool), traits["threshold"], traits["scale"], values.max())
    colours = palette(traits["palette"])
    rng = np.random.default_rng(1)
    seen = 0
    for _ in range(4000):
        x, row = int(rng.integers(want.shape[1])), int(rng.integers(values.shape[0]))
        column = x * pool[0]
        near = [close[t] for t in range(max(column - 12, 0), min(column + 12, len(close)))]
        level = (first + row + 0.5) * size
        if min(near) * 0.985 < level < max(near) * 1.015 or abs(level - close[-1]) < 2 * size:
            continue  # candles and the price line are in front here
        rect = session.view(
            f"view.chart.rectOf(view.source.field, {{columnFrom: {column}, columnTo: {column + pool[0] - 1},"
            f" priceLow: {level - size / 2}, priceHigh: {level + size / 2}}})"
        )
        px, py = (rect["x0"] + rect["x1"]) / 2, (rect["y0"] + rect["y1"]) / 2
        if not (0 < px < 800 and 160 < py < session.view("view.chart.api.paneSize(0).height") - 4):
            continue  # the readout and the profile are in front there
        step = want[row, x]
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
    a, b = bitmap(session, 0)[0], bitmap(session, 1)[0]
    np.testing.assert_array_equal(a, b)
    shown = session.page.locator(".liq").nth(1).locator(".liq-box").nth(1).input_value()
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
    out = session.python("print(hm.selection is not None and len(hm.selected()), (hm.selected().density.sum() > 0))")
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
    for key in ("c", "End"):  # the first shows the cursor
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
    received = session.python("print(len(hm._trait_values['_ledger']))")
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
    session.until("view.source.field.ledger.columns === 704")
    session.until("view.bitmap.width >= 704 / view.chart.heatmap.bitmap.pool.columns")
    check_pixels(session)
    assert session.python("print(len(hm._trait_values['_ledger']))") == received  # the ledger was not sent again
    assert session.view("view.source.field.bars.close.length") == 704
    # A new bin size on top of the tails.
    session.python("hm.bin_size = hm.bin_size / 2")
    session.until("view.source.field.ledger.columns === 704 && view.source.pendingBin === null")
    check_pixels(session)
    # A tail that does not fit what the browser has makes it ask for the whole.
    session.python("import dataclasses; hm._picture = dataclasses.replace(hm._picture, revision=99)\nmore(.001)")
    session.until("view.source.field.ledger.revision === 100 && view.source.field.ledger.columns === 705")
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
    session.until("view.source.field.ledger.columns === 303")
    check_pixels(session)


def test_a_bad_frame_or_value_is_told_and_the_last_picture_stays(notebook):
    session = notebook(SAMPLE, WIDGET)
    good = bitmap(session)[0]
    session.python("kept = hm._ledger; hm._ledger = kept[:5000]")
    session.until("root.dataset.state === 'error'")
    message = session.page.locator(".liq-message").inner_text()
    assert "could not be read" in message
    np.testing.assert_array_equal(bitmap(session)[0], good)
    session.python("hm._ledger = kept")
    session.until("root.dataset.state === 'idle'")
    for name, value in (("bin_size", "-5"), ("bin_size", "1e-9"), ("decay_rate", "'x'"), ("leverage_mix", "{'5': -1}")):
        session.view(f"(view.source.model.set('{name}', {value}), view.source.model.save_changes(), 0)")
        session.until("root.dataset.state === 'error'")
        assert name in session.page.locator(".liq-message").inner_text()
        session.python("hm._status = {'state': 'idle', 'message': ''}")
        session.until("root.dataset.state === 'idle'")
        check_pixels(session)
    # The same refused size twice: the second refusal brings no new message, and the slider is free again.
    for _ in range(2):
        session.view("(view.source.set({binSize: 1e-9}), 0)")
        session.until("view.source.pendingBin === null")
    session.view("(view.source.set({binSize: 200}), 0)")
    session.until("view.source.field.ledger.binSize === 200 && view.source.pendingBin === null")
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
    page.locator(".liq-slider").first.focus()
    for key in ("d", "d", "b", "x", "ArrowDown"):
        page.keyboard.press(key)
    assert page.locator(".jp-Cell").count() == cells


def test_mix_and_decay_need_no_kernel(notebook):
    session = notebook(SAMPLE, WIDGET)
    pid = int(session.python("import os; print(os.getpid())"))
    os.kill(pid, signal.SIGSTOP)
    try:
        for selector, nth, to in ((".liq-bar", 1, 0.9), (".liq-slider", 0, 0.3)):
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
    plain = bitmap(session)[0]
    before = session.revision()
    session.page.get_by_label("mark swept levels").check()
    repainted(session, before)
    marked = bitmap(session)[0]
    white = (marked[..., :3] == 255).all(axis=2)
    assert 100 < white.sum() < white.size / 20
    np.testing.assert_array_equal(marked[~white], plain[~white])


@pytest.mark.parametrize(
    ("file", "code", "columns"),
    [
        ("btcusdt_5m_2025-12_2026-02.csv.gz", ".tail(2016)", 2016),
        ("btcusdt_5m_2025-12_2026-02.csv.gz", "", 4649),
        ("xbtusd_1m_2020-03.csv.gz", "", 4800),
    ],
)
def test_real_markets_open(notebook, shared_data, file, code, columns):
    path = shared_data(file)
    session = notebook(
        "import numpy as np, pandas as pd, liqwidget as lw",
        f"market = lw.Market.from_frame(pd.read_csv({str(path)!r}), symbol='BTC'){code}",
        WIDGET,
    )
    assert session.view("view.source.field.ledger.columns") == columns
    assert session.page.problems == []
    if columns == 2016:
        check_pixels(session)
    else:
        # The browser has merged columns: what it shows is the merged ledger's density.
        path = session.folder / "merged.npy"
        session.python(
            f"np.save({str(path)!r}, hm.ledger.merged(hm._picture.width).replay(hm.decay_rate, hm._weights()).values)"
        )
        pixels, pool, rows = bitmap(session)
        off, cells, worst = differences(pixels, np.load(path), pool=pool, rows=rows)
        assert worst <= 1  # ages travel as 255ths of the oldest
        assert off <= cells / 100
        assert "columns of" in session.page.locator(".liq-badges").inner_text()
