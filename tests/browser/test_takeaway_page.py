"""Export from a real JupyterLab and from the page of to_html: tables, and the view as Python code."""

from __future__ import annotations

import ast
import io
import re

import numpy as np
import pandas as pd
import pytest
from saved_page import VIEW

import liqwidget as lw
from liqwidget.market.origin import Origin

pytestmark = pytest.mark.browser

#: Runs in a cell of the notebook and here, so both have the same widget.
MAKE = """import json, sys, numpy as np, pandas as pd, liqwidget as lw
market = lw.load_sample().between("2026-01-08", "2026-01-10")
ms = market.candles.index.as_unit("ms").asi8.tolist()
hm = lw.LiquidationHeatmap(market, {3: 1, 12.5: 2.5, 50: 3}, 0.1, turnover=0.5, palette="viridis",
                           threshold=(0.02, 0.6), swept=True, bubbles=False, layer="both", height=480)
hm.selection = {"time_from": ms[300], "time_to": ms[360], "price_low": 84000, "price_high": 95000}
"""
TRAITS = "leverage_mix decay_rate bin_size palette scale threshold opacity swept layer bubbles theme height"
TRAITS += " selection visible"
AGAIN = f"""names = {{}}
exec(text, names)
again = names["hm"]
assert np.array_equal(again.density.values, hm.density.values)
assert again.market.candles.equals(market.candles)
for name in {TRAITS.split()}:
    assert getattr(again, name) == getattr(hm, name), name
"""
HOSTILE = '"); import os #\\'
NO_CLIPBOARD = "() => Object.defineProperty(navigator, 'clipboard', {value: undefined, configurable: true})"
WORDS = ".liq-menu [role=status]"
NAMES = {
    "levels": "levels of the last candle in view",
    "clusters": "clusters of the last candle in view",
    "grid": "grid of all candles in view",
    "selection": "selection, by price",
    "cells": "selection, cell by cell",
}


def made():
    names: dict = {}
    exec(MAKE, names)
    return names["hm"]


def choose(page, name):
    """Open the menu and choose an entry by its accessible name."""
    if not page.locator(".liq-menu").is_visible():
        page.locator(".liq-save summary").click()
    page.locator(".liq-menu").get_by_role("button", name=name).click()


def saved(page, name):
    """Choose an entry that saves a file; return the file's name and bytes."""
    with page.expect_download(timeout=15_000) as download:
        choose(page, name)
    return download.value.suggested_filename, download.value.path().read_bytes()


def shown_snippet(page):
    """The view as Python code, selected in the text field that replaces a missing clipboard."""
    page.evaluate(NO_CLIPBOARD)
    choose(page, "copy as Python")
    text = page.locator(".liq-menu textarea")
    text.wait_for()
    found = text.evaluate(
        "(e) => [e.value, e.value.slice(e.selectionStart, e.selectionEnd), e === document.activeElement]"
    )
    assert found == [found[0], found[0], True]
    page.keyboard.press("Escape")
    return found[0]


def same(csv, wanted):
    """Text, times, sides and prices are equal; amounts agree within the browser's float32 precision."""
    found = pd.read_csv(io.BytesIO(csv))
    assert list(found.columns) == list(wanted.columns)
    assert len(found) == len(wanted) > 0
    for name in wanted:
        if name.endswith("_usd") or name == "distance":
            np.testing.assert_allclose(found[name], wanted[name], rtol=2e-6)
        elif name.endswith("_utc"):
            assert pd.to_datetime(found[name]).dt.as_unit("ms").tolist() == wanted[name].tolist()
        else:
            assert found[name].tolist() == wanted[name].tolist()


def exported(hm, what, folder):
    hm.export(folder / f"{what}.parquet", what)
    return pd.read_parquet(folder / f"{what}.parquet")


def test_a_notebook_s_menu_gives_python_s_tables_and_the_view_as_python(notebook, tmp_path):
    session = notebook(MAKE + "hm")
    page, hm = session.page, made()
    session.view("(view.chart.release(), view.chart.api.timeScale().setVisibleLogicalRange({from: 100, to: 400}))")
    session.until("view.chart.columnsInView.join() === '100,400'")
    time = session.view("view.chart.columnsInView.map((t) => view.source.field.bars.time[t])")
    hm.visible = dict(zip(("time_from", "time_to"), time, strict=True))
    for what in ("levels", "grid", "selection", "cells"):
        wanted = exported(hm, what, tmp_path)
        name, data = saved(page, f"{NAMES[what]} (CSV")
        assert name == f"liqwidget-BTCUSDT-SIM-5m-{what}-20260110T0000Z.csv"
        same(data, wanted)
    for what in ("grid", "selection", "cells"):
        wanted = exported(hm, what, tmp_path)
        name, data = saved(page, f"{NAMES[what]} (Parquet)")
        assert name == f"liqwidget-BTCUSDT-SIM-5m-{what}-20260110T0000Z.parquet"
        found = pd.read_parquet(io.BytesIO(data))
        pd.testing.assert_frame_equal(found, wanted)
        assert found.attrs == wanted.attrs
    assert len(exported(hm, "grid", tmp_path)) > 10_000

    # The snippet from the clipboard, run in the kernel; without a clipboard the same text is shown.
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    choose(page, "copy as Python")
    page.locator(WORDS, has_text="Copied").wait_for()
    text = page.evaluate("navigator.clipboard.readText()")
    page.keyboard.press("Escape")
    session.python(f"hm.visible = {hm.visible}\ntext = {text!r}\n{AGAIN}")
    assert shown_snippet(page) == text

    # Python's refusal is shown in the menu's own line; a malformed request has no effect.
    ask = "view.source.ask(%s, %s).then(() => 'came', (error) => error.message)"
    times = "{time_from: 0, time_to: 1}"
    assert "wanted one of grid, levels" in session.view(ask % ("'../../x'", times))
    assert session.view(ask % ("'levels'", "{time_from: NaN}")) == "the request was not understood"
    assert session.view(ask % ("['levels']", times)) == "the request was not understood"
    two = ", ".join([ask % ("'grid'", times)] * 2)
    assert session.view(f"Promise.all([{two}])") == ["came", "another table is being made; try again when it is done"]
    session.python("sys.modules['pyarrow'] = None")
    choose(page, "levels of the last candle in view (Parquet)")
    page.locator(WORDS, has_text='pip install "liqwidget[data]"').wait_for()
    page.keyboard.press("Escape")

    # Without a kernel the browser makes the tables.
    page.evaluate("async () => { await window.jupyterapp.shell.currentWidget.sessionContext.shutdown(); }")
    session.until("view.source.kernel !== 'answers'")
    choose(page, "clusters of the last candle in view (Parquet)")
    page.locator(WORDS, has_text="the kernel is busy or gone; CSV works without it").wait_for()
    same(saved(page, "clusters of the last candle in view (CSV)")[1], exported(hm, "clusters", tmp_path))


def test_a_page_without_a_kernel_makes_the_tables_and_the_python_of_a_hostile_market(opened, tmp_path):
    market = lw.Market.from_frame(lw.load_sample().candles.tail(300), symbol=HOSTILE, exchange=HOSTILE)
    hm = lw.LiquidationHeatmap(market.with_origin(Origin("somewhere", fetched=1)), span=0.2, fee_rate=0.0005)
    with opened(hm.to_html()) as page:
        assert page.locator(".liq-menu button", has_text="Parquet").count() == 0
        for what in ("grid", "clusters", "levels"):
            same(saved(page, f"{NAMES[what]} (CSV")[1], exported(hm, what, tmp_path))
        page.get_by_role("button", name="hot", exact=True).click()
        text = shown_snippet(page)
        body = ast.parse(text).body
        assert [type(line).__name__ for line in body] == ["Import", "Assign", "Assign", "Expr"]
        fetch, widget = body[1].value, body[2].value
        given = {word.arg: ast.literal_eval(word.value) for word in fetch.keywords}
        assert ast.literal_eval(fetch.args[0]) == given["exchange"] == HOSTILE
        start, end = market.candles.index[0], market.candles.index[-1] + market.interval
        assert (given["interval"], pd.Timestamp(given["start"], tz="UTC"), pd.Timestamp(given["end"], tz="UTC")) == (
            "5m",
            start,
            end,
        )
        given = {word.arg: ast.literal_eval(word.value) for word in widget.keywords}
        shares = pd.Series(given.pop("leverage_mix"))
        pd.testing.assert_series_equal(shares[shares > 0].sort_index(), pd.Series(lw.PRESETS["hot"]), check_dtype=False)
        assert given == {"span": 0.2, "fee_rate": 0.0005}  # the bin size is automatic
        assert page.problems == []


def test_a_grid_of_more_rows_than_a_spreadsheet_has_is_not_made(opened):
    with opened(lw.LiquidationHeatmap(lw.load_sample(), bin_size=50).to_html()) as page:
        page.locator(".liq-save summary").click()
        button = page.get_by_role("button", name="grid of all candles in view (CSV)", exact=True)
        remark = page.locator(f"#{button.get_attribute('aria-describedby')}")
        page.locator(".liq-remark", has_text="rows are too many: zoom in, or use larger bins").wait_for()
        assert remark.inner_text().endswith("too many: zoom in, or use larger bins")
        assert button.is_disabled()
        page.keyboard.press("Escape")
        page.evaluate(f"{VIEW}.chart.api.timeScale().setVisibleLogicalRange({{from: 100, to: 400}})")
        page.wait_for_function(f"() => {VIEW}.chart.columnsInView.join() === '100,400'")
        page.locator(".liq-save summary").click()
        page.locator(".liq-remark", has_text=re.compile(r"^[\d,]+ rows, about \d+ MB$")).wait_for()
        assert button.is_enabled()
        # What cannot be saved says why beside its button, whose text stays.
        selection = page.get_by_role("button", name="selection, by price (CSV)", exact=True)
        assert selection.is_disabled()
        assert selection.inner_text() == "selection, by price (CSV)"
        why = page.locator(f"#{selection.get_attribute('aria-describedby')}")
        assert why.inner_text() == "select a box first"


def test_nothing_says_usd_of_a_market_in_another_currency(opened):
    candles = lw.load_sample().candles.tail(300)
    for name in candles.columns.intersection(["open", "high", "low", "close", "mark_low", "mark_high"]):
        candles[name] = (candles[name] / 9e7).round(8)
    hm = lw.LiquidationHeatmap(lw.Market.from_frame(candles, symbol="ETC/BTC"), shock=-0.03)
    assert "USD" not in hm.still_bundle()["text/html"]
    with opened(hm.to_html()) as page:
        page.locator(".liq-plot").hover()
        page.wait_for_function("() => document.querySelector('.liq-cell').textContent.includes('estimate: ')")
        page.get_by_text("Levels as a table").click()
        page.locator(".liq-levels td").first.wait_for()
        page.get_by_role("button", name="About these numbers").click()
        spoken = "() => [...document.querySelectorAll('[aria-valuetext]')].map((e) => e.getAttribute('aria-valuetext'))"
        said = [*page.locator("body").inner_text().splitlines(), *page.evaluate(spoken)]
    assert [text for text in said if re.search(r"USD|\$|dollar", text)] == ["amounts are in BTC, not USD"]
    assert sum("BTC" in text for text in said) > 5
