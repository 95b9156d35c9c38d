"""Markup in any text from outside remains text, in a real JupyterLab; once with Trusted Types violations reported.

The probe runs code as soon as anything in the page parses it, even in an element that is never shown. It is shorter
than the length at which messages are cut off.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest
from app_page import READY as PANELS
from app_page import choose, fill, load, said
from lab import Lab, chromium, open_notebook, write_notebook
from venue_link import connect

import liqwidget as lw
from exchange import Exchange, History
from exchange.messages import Reply, Request, reply
from exchange.vice import Memory, Vice
from loopback import MINUTE

pytestmark = pytest.mark.browser

SRC = str(Path(__file__).resolve().parents[2] / "src")
PROBE = '"><img src onerror=__p=1>'
MARKUP = "<img src onerror"
#: The start of the logo markup that lightweight-charts parses; the rest is constant too.
LOGO = '<svg xmlns="http://www.w3.org/2000/svg" width="35" height="19"'
SETUP = f"""
import liqwidget as lw, liqwidget.widget.frames
probe = {PROBE!r}
about = liqwidget.widget.frames.CandlePicture._about
liqwidget.widget.frames.CandlePicture._about = lambda self: {{
    **about(self), "interval": probe, "notices": [probe, *about(self)["notices"]]
}}
market = lw.Market.from_frame(lw.load_sample().candles.tail(400), symbol=probe, exchange=probe)
"""
# The number of elements that a probe has created, shadow trees included, and whether a probe was ever parsed.
FOUND = """() => {
  let found = 0;
  const look = (root) => {
    for (const element of root.querySelectorAll('*')) {
      if (element.hasAttribute('onerror')) found += 1;
      if (element.shadowRoot) look(element.shadowRoot);
    }
  };
  look(document);
  return [found, window.__p ?? 0];
}"""
POLICY = "require-trusted-types-for 'script'"
# Records the texts that the browser is asked to parse and the callers: a default policy is called each time.
WATCH = """() => {
  window.parsed = [];
  const note = (text, type, sink) => {
    window.parsed.push({ sink, text: String(text), from: new Error().stack.split('\\n')[2] ?? '' });
    return text;
  };
  trustedTypes.createPolicy('default', { createHTML: note, createScript: note, createScriptURL: note });
}"""


@dataclass(frozen=True, kw_only=True, repr=False)
class Refusing(Vice):
    """An error of the venue, with a text that the test chooses."""

    name: ClassVar[str] = "refusing"

    def reply(self, request: Request, normal: Reply, memory: Memory) -> Reply:
        return reply({"code": -1121, "msg": PROBE}, 400)


@pytest.fixture
def exchange():
    now = int(time.time() * 1000)
    history = History.make(now // MINUTE * MINUTE - 1440 * MINUTE, 1440, seed=4)
    with Exchange(history, vices=[Refusing(path="klines")]) as server:
        yield server


def none_became_elements(session) -> None:
    assert session.page.evaluate(FOUND) == [0, 0]


def shows(session, selector: str) -> None:
    """Wait until the probe is shown there as text."""
    session.page.locator(selector, has_text=PROBE).first.wait_for(timeout=20_000)


def shows_about(session) -> None:
    """Wait until the probe is shown as text among what is said of the numbers."""
    session.page.get_by_role("button", name="About these numbers").click()
    shows(session, ".liq-help li")
    session.page.keyboard.press("Escape")


def test_hostile_words_in_the_widget_stay_words(notebook):
    session = notebook(
        SETUP + "hm = lw.LiquidationHeatmap(market)\nhm.bin_auto = False\nhm._presets = {probe: {'5': 1.0}}\nhm"
    )
    for selector in (".liq-title", "[data-preset]"):
        shows(session, selector)
    shows_about(session)
    assert session.page.locator(".liq-title").text_content().count(PROBE) == 3
    session.python("hm._status = {'state': 'loading', 'message': probe}\nhm.set_live('stopped', message=probe)")
    shows(session, ".liq-message")
    shows(session, ".liq-pill")
    session.python("hm._bars = hm._bars[:7] + probe.encode()")
    session.page.locator(".liq-message", has_text="could not be read").wait_for()
    session.page.locator(".liq-plot").hover()
    none_became_elements(session)
    # The same check detects a probe that is parsed, shown or not.
    session.page.evaluate("(probe) => { document.createElement('p').innerHTML = probe; }", PROBE)
    session.page.wait_for_function("() => window.__p === 1")
    session.page.evaluate(
        "(probe) => { const host = document.body.appendChild(document.createElement('div'));"
        " host.attachShadow({ mode: 'open' }).innerHTML = probe; }",
        PROBE,
    )
    assert session.page.evaluate(FOUND) == [1, 1]


@pytest.fixture
def watched(playwright, session_of, exchange, tmp_path):
    """The application on a market of probes, in a page whose Trusted Types policy records each parsed text."""
    for folder in ("home/config", "work"):
        (tmp_path / folder).mkdir(parents=True)
    config = {"ServerApp": {"tornado_settings": {"headers": {"Content-Security-Policy-Report-Only": POLICY}}}}
    (tmp_path / "home/config/jupyter_server_config.json").write_text(json.dumps(config))
    lab = Lab(tmp_path / "work", tmp_path / "home", env={"PYTHONPATH": SRC})
    try:
        with chromium(playwright, 1500, 2300) as page:
            page.add_init_script(f"({WATCH})()")
            write_notebook(tmp_path / "work/hostile.ipynb", connect(exchange) + SETUP, "app = lw.explore(market)\napp")
            open_notebook(page, lab, "hostile.ipynb")
            session = session_of(page, lab, lab.folder, "hostile.ipynb")
            session.run()
            page.wait_for_function(PANELS, timeout=20_000)
            yield session
            page.evaluate("async () => window.jupyterapp.shell.currentWidget?.sessionContext.shutdown()")
    finally:
        lab.stop()


def test_hostile_words_in_the_application_stay_words(watched, tmp_path):
    session, page = watched, watched.page
    shows(session, ".liq-title")
    shows_about(session)

    choose(session, "Venue")
    load(session)
    shows(session, "[role=alert]")  # the venue's own message
    assert "HTTP 400" in page.locator("[role=alert]").inner_text()
    fill(session, "symbol", PROBE)
    load(session)
    page.locator("[role=alert]", has_text="wanted letters").wait_for()  # the venue's message contains the symbol too
    shows(session, "[role=alert]")

    choose(session, "File")
    fill(session, "path", f"/{PROBE}.csv")
    load(session)
    page.locator("[role=alert]", has_text="which does not exist").wait_for()
    shows(session, "[role=alert]")
    rows = lw.load_sample().candles.tail(50).reset_index().astype(object)
    broken = rows.copy()
    broken.loc[7, "close"] = PROBE
    broken.to_csv(tmp_path / "cell.csv", index=False)
    rows.rename(columns={"close": PROBE}).to_csv(tmp_path / "header.csv", index=False)
    rows.to_csv(tmp_path / f"{PROBE}.csv", index=False)
    (tmp_path / f"{PROBE}.exe").write_text("x")
    for name, words in (("cell", "close must be a number"), ("header", "missing close")):
        fill(session, "path", str(tmp_path / f"{name}.csv"))
        load(session)
        page.locator("[role=alert]", has_text=words).wait_for()
        # Angle brackets around column names, as in <CLOSE>, are stripped.
        page.locator("[role=alert]", has_text=PROBE.rstrip(">")).wait_for()

    choose(session, "Upload")
    for ending, words in (("exe", "upload: "), ("csv", "50 candles of")):
        page.locator(".liq-app-upload input").set_input_files(str(tmp_path / f"{PROBE}.{ending}"))
        shows(session, ".liq-app-upload")
        said(session, words)
        shows(session, ".liq-app-said")
    said(session, f"50 candles of {PROBE}")

    session.python("app.heatmap._status = {'state': 'loading', 'message': probe}; app._failed(lw.InputError(probe))")
    shows(session, ".liq-message")
    shows(session, ".liq-app-said")
    session.python(
        "with app._drawing:\n"
        "    app._clusters.show(app._table.assign(side=probe), 50.0)\n"
        "    app._map.model.title.text = app._map.model.xaxis[0].axis_label = probe\n"
        "    app._context.model.children[0].title.text = probe\n"
    )
    shows(session, ".liq-app-panels .slick-cell")
    page.locator(".liq-plot").hover()
    none_became_elements(session)

    assert MARKUP not in "".join(entry["text"] for entry in page.evaluate("window.parsed"))
    # The callers: our modules are loaded from blob: addresses, as Bokeh's script is.
    parsed = [
        entry for entry in page.evaluate("window.parsed") if "(blob:" in entry["from"] or "at blob:" in entry["from"]
    ]
    (library,) = {entry["text"] for entry in parsed if entry["sink"] == "HTMLScriptElement src"}
    ours = [(entry["sink"], entry["text"]) for entry in parsed if library not in entry["from"]]
    assert ("HTMLScriptElement src", library) in ours
    logos = {text for sink, text in ours if sink == "Element innerHTML"}
    assert len(logos) == 1
    assert logos.pop().startswith(LOGO)
    assert {sink for sink, _ in ours} == {"HTMLScriptElement src", "Element innerHTML"}
    page.evaluate("(probe) => { document.createElement('p').innerHTML = probe; }", PROBE)
    assert page.evaluate("window.parsed.at(-1).text") == PROBE
