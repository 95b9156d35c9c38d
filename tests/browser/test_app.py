"""The application in a real JupyterLab: first paint, sliders, loading, errors, cancelling, clusters, themes."""

from __future__ import annotations

import time

import pytest
from app_page import READY, choose, fill, load, said
from venue_link import connect

import liqwidget as lw
from exchange import Exchange, History, vices
from loopback import MINUTE

pytestmark = pytest.mark.browser

APP = "import liqwidget as lw\napp = lw.explore()\napp"
# What BokehJS holds in the page, not what Python has sent.
BARS = """() => {
  const models = Bokeh.documents.flatMap((document) => [...document._all_models.values()]);
  const sources = models.filter((model) => model.type === 'ColumnDataSource' && model.data.tier !== undefined);
  if (sources.length !== 1) return null;
  const { usd, tier } = sources[0].data;
  return { usd: [...usd].reduce((a, b) => a + b, 0), tiers: [...new Set(tier)] };
}"""
INK = """() => Bokeh.documents.flatMap((document) => [...document._all_models.values()])
  .find((model) => model.type === 'LinearAxis').major_label_text_color"""
PLACES = """() => {
  const app = document.querySelector('.liq-app').getBoundingClientRect();
  const parts = [...document.querySelectorAll('.liq-app-card, .liq-app-line > *, .liq')];
  const out = parts.map((part) => [part.className, part.getBoundingClientRect()])
    .filter(([_, box]) => box.width > 0 && (box.right > app.right + 1 || box.left < app.left - 1));
  const cards = [...document.querySelectorAll('.liq-app-card')].map((card) => card.getBoundingClientRect().left);
  return { out: out.map(([name]) => name), columns: new Set(cards).size };
}"""
# Texts in the table of clusters that are cut, and whether scrolling brings its last column into view.
TABLE = """() => {
  const root = [...document.querySelectorAll('.bk-DataTable')].map((table) => table.shadowRoot).find((root) => root);
  const texts = [...root.querySelectorAll('.slick-column-name, .slick-cell')];
  const box = root.host.closest('.widget-box');
  const card = box.parentElement.getBoundingClientRect();
  box.scrollLeft = box.scrollWidth;
  const last = [...root.querySelectorAll('.slick-header-column')].at(-1).getBoundingClientRect();
  const seen = box.getBoundingClientRect();
  return {
    cut: texts.filter((text) => text.scrollWidth > text.clientWidth + 1 && text.offsetWidth > 0
      && getComputedStyle(text).display !== 'inline').map((text) => text.textContent),
    columns: root.querySelectorAll('.slick-header-column').length,
    wide: texts.filter((text) => text.matches('.slick-column-name')
      && text.getBoundingClientRect().width > text.parentElement.clientWidth).map((text) => text.textContent),
    end: last.right <= seen.right + 1 && last.left >= seen.left && seen.right <= card.right,
    bar: getComputedStyle(box, '::-webkit-scrollbar').height,  // which Playwright hides
    scrolls: box.scrollWidth > box.clientWidth,
    aligned: [...root.querySelectorAll('.slick-header-column')].map((head) => {
      const [all, name] = [head, head.querySelector('.slick-column-name')].map((e) => e.getBoundingClientRect());
      return all.right - name.right < 8 ? 'right' : 'left';
    }),
  };
}"""
MIX = "with app.heatmap._lock: print(app.heatmap.density.column(-1).sum())"


@pytest.fixture
def explorer(notebook, lab):
    """Open the application and wait for its panels; finally check for page errors and requests to other hosts."""
    opened = []

    def start(*before: str):
        session = notebook(*before, APP, height=2300)
        session.page.wait_for_function(READY, timeout=20_000)
        opened.append(session)
        return session

    yield start
    for session in opened:
        assert session.page.problems == []
        # The browser keeps this list itself, from the start of the page.
        asked = session.page.evaluate("() => performance.getEntriesByType('resource').map((entry) => entry.name)")
        assert len(asked) > 10
        assert [url for url in asked if not url.startswith((lab.url("").split("/lab")[0], "data:", "blob:"))] == []


def bars_of(session, usd: float) -> None:
    """Wait until the bars in the page add up to this amount."""
    session.page.wait_for_function(
        f"(usd) => {{ const bars = ({BARS})(); return bars && Math.abs(bars.usd / usd - 1) < 1e-5; }}",
        arg=usd,
        timeout=20_000,
    )


def test_the_sample_is_there_and_its_panels_follow_the_widget(explorer):
    session = explorer()
    page = session.page
    assert "estimate · simulated" in page.locator(".liq-badge").inner_text()
    shown = page.locator(".liq-app").inner_text()
    for word in ("Reading", "Liquidation map", "Context", "Clusters", "Self-check", "2102.04591", "estimate"):
        assert word in shown
    assert page.locator(".liq-app-panels canvas").count() >= 4
    before = page.evaluate(BARS)
    bars_of(session, float(session.python(MIX)))

    page.get_by_role("button", name="hot", exact=True).click()
    page.wait_for_function(f"() => ({BARS})()?.tiers.includes('25x')", timeout=20_000)
    bars_of(session, float(session.python(MIX)))
    assert page.evaluate(BARS)["usd"] != pytest.approx(before["usd"], rel=1e-3)

    low = float(session.python("with app.heatmap._lock: print(app.heatmap.density.clusters(top=12).price_low.min())"))
    page.locator(".liq-app-panels .slick-header-column", has_text="from").click()
    row = page.locator(".liq-app-panels .slick-row").first
    row.locator(".slick-cell", has_text=f"{low:,.0f}").first.click()
    page.locator(".liq-outline:visible").wait_for(timeout=15_000)
    assert float(session.python("print(app.heatmap.selection['price_low'])")) == low
    # The chart has moved to the candle.
    page.wait_for_function("() => document.querySelector('.liq-outline').getBoundingClientRect().height > 2")

    light = page.evaluate(INK)
    page.evaluate("() => window.jupyterapp.commands.execute('apputils:change-theme', { theme: 'JupyterLab Dark' })")
    page.wait_for_function(f"(light) => ({INK})() !== light", arg=light, timeout=20_000)

    # A reloaded page shows the current state, not the state in which the panels were made.
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    page.goto(page.url.split("&reset")[0])
    page.wait_for_function(READY, timeout=60_000)
    bars_of(session, float(session.python(MIX)))
    assert page.evaluate(INK) != light
    page.evaluate("() => window.jupyterapp.commands.execute('apputils:change-theme', { theme: 'JupyterLab Light' })")


def test_files_errors_widths_and_the_end(explorer, tmp_path):
    session = explorer("from ipywidgets.widgets.widget import _instances\nbefore = set(_instances)")
    page = session.page
    page.evaluate("() => window.jupyterapp.commands.execute('application:toggle-left-area')")
    for width, columns in ((1000, 1), (700, 1), (390, 1), (1400, 2)):
        page.set_viewport_size({"width": width, "height": 2300})
        page.wait_for_function(f"(columns) => ({PLACES})().columns === columns", arg=columns, timeout=10_000)
        # Two widths may have as many columns of cards: the table tells when it has been laid out anew.
        page.wait_for_function(f"(scrolls) => ({TABLE})().scrolls === scrolls", arg=width < 1000, timeout=10_000)
        page.wait_for_function(f"() => ({PLACES})().out.length === 0", timeout=10_000)
        table = page.evaluate(TABLE)
        sides = table.pop("aligned")
        assert table.pop("scrolls") is (width < 1000)
        assert table == {"cut": [], "wide": [], "columns": 11, "end": True, "bar": "10px"}, width
        assert (sides[0], sides[1], sides[8], sides[10]) == ("left", "right", "left", "right"), sides

    lw.load_sample().candles.tail(400).reset_index().to_csv(tmp_path / "mine.csv", index=False)
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n")
    choose(session, "File")
    fill(session, "path", str(tmp_path / "mine.csv"))
    load(session)
    said(session, "400 candles")
    session.until("view.source.field.columns === 400")
    bars_of(session, float(session.python(MIX)))
    revision = session.revision()
    fill(session, "path", str(tmp_path / "bad.csv"))
    load(session)
    said(session, "wanted a table of candles")
    assert session.page.locator(".liq-app-error [role=alert]").count() == 1
    assert session.view("view.source.field.columns") == 400
    assert session.revision() == revision

    # While a cell runs, a click does not overtake text that was entered before it.
    session.start(
        "import threading\nshown = threading.Event()\n"
        "app.heatmap.observe(lambda _: shown.set(), '_revision')\nshown.wait(20)"
    )
    fill(session, "symbol", "MINE")
    fill(session, "path", str(tmp_path / "mine.csv"))
    load(session)
    said(session, "400 candles of MINE")

    frame = lw.load_sample().candles.reset_index()
    frame["note"] = "x" * 1_500  # more than two upload pieces of a megabyte
    large = tmp_path / "mine & <b>yours.csv"
    frame.to_csv(large, index=False)
    assert large.stat().st_size > 2.5 * 2**20
    choose(session, "Upload")
    session.page.locator(".liq-app-upload input").set_input_files(str(large))
    said(session, "2,016 candles of MINE")
    assert session.python("print(app.market.simulated)").strip() == "False"
    assert session.page.locator(".liq-app-upload b").count() == 0
    assert session.python("app.close(); print(set(_instances) == before)").strip() == "True"


@pytest.fixture
def exchange():
    now = int(time.time() * 1000)
    with Exchange(History.make(now // MINUTE * MINUTE - 3 * 1440 * MINUTE, 3 * 1440, seed=4)) as server:
        yield server
        assert not server.violations


def test_a_venue_and_a_fetch_that_is_cancelled(explorer, exchange):
    session = explorer(connect(exchange))
    choose(session, "Venue")
    fill(session, "days", "1")
    load(session)
    said(session, "candles of BTCUSDT")
    assert session.python("print(app.market.exchange)").strip() == "binance"
    session.until("view.source.field.bars.about.exchange === 'binance'")
    columns = session.view("view.source.field.columns")
    assert 280 < columns <= 288

    exchange.set_vices([vices.Mute(path="klines")])
    fill(session, "days", "2")
    load(session)
    said(session, " of ")
    assert session.view("view.source.field.columns") == columns
    assert session.python("print(6 * 7)").strip() == "42"  # the kernel is free meanwhile
    session.page.get_by_role("button", name="Cancel", exact=True).click()
    said(session, "Cancelled")
    assert session.view("view.source.field.columns") == columns
    assert session.page.get_by_role("button", name="Load", exact=True).is_enabled()
