"""The course: its notebooks run without a network, their claims are true, and their pages work without a kernel."""

from __future__ import annotations

import json
import re
import time
from base64 import b64decode
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import nbformat
import numpy as np
import pytest
from course_pages import DRAWN, NAMES, TEACHING, copy_modules, exporter, kernels_of_checkout, write_course
from lab import chromium, find_chromium
from venue_link import connect

import liqwidget as lw
from exchange import Exchange, History
from loopback import MINUTE

pytestmark = pytest.mark.browser

FRAMES = {"03_trend_and_crowd", "04_decay", "05_sweep_and_cascade", "07_a_real_day"}
TWO_FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done())))"
FRAME = "document.querySelector('iframe.heatmap')"
REPAINTED = f"(n) => +{FRAME}.contentDocument.querySelector('.liq').dataset.rev > n"
AS_HIGH_AS_ITS_PAGE = f"""() => {{ const page = {FRAME}.contentDocument.documentElement;
  return page.scrollHeight > 600 && page.scrollHeight <= {FRAME}.clientHeight + 1; }}"""
DYED = """(is) => { const figures = [...document.querySelectorAll('[role=figure]')];
  return figures.length > 0 && figures.every((figure) => figure.dataset.dark === is); }"""
PAPER = "() => getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number)"
CLEAR = "rgba(0, 0, 0, 0)"
INKS = """() => Bokeh.documents.flatMap((figure) => [...figure._all_models.values()]).flatMap((model) =>
  model.axis_label ? [model.axis_label_text_color, model.major_label_text_color]
    : model.type === 'Legend' ? [model.label_text_color] : [])"""
SET = """([i, values]) => { for (const [name, value] of Object.entries(values)) {
  const model = Bokeh.documents[i].get_model_by_name(name);
  model[model.type === 'Slider' ? 'value' : 'active'] = value; } }"""
WORDS = "([i, name]) => Bokeh.documents[i].get_model_by_name(name).text"


@pytest.fixture(scope="module")
def export():
    return exporter()


@pytest.fixture(scope="module")
def kernels(tmp_path_factory):
    with kernels_of_checkout(tmp_path_factory.mktemp("kernels")) as patch:
        yield patch


@pytest.fixture(scope="module")
def course(export, kernels, tmp_path_factory):
    """The output of `make course`, built once without a network: the folder, and the executed notebooks by name."""
    folder = tmp_path_factory.mktemp("course")
    return folder, write_course(export, kernels, folder)


def in_thread(function, *arguments):
    """Call a function that starts its own event loop in a thread: Playwright's loop runs in the main thread."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function, *arguments).result()


@pytest.fixture(scope="module")
def browser(playwright):
    if find_chromium() is None:
        pytest.skip("no Chromium on the PATH (Debian: apt-get install chromium)")
    with chromium(playwright) as page:
        yield page.context.browser


@pytest.fixture
def opened(course, browser):
    """Open a page from disk without a network; finally check that it made no requests and had no errors."""

    @contextmanager
    def start(name, width=1100, height=900, **options):
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        context.set_offline(True)
        page = context.new_page()
        asked, problems = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda m: problems.append(m.text) if m.type in ("error", "warning") else None)
        page.goto((course[0] / f"{name}.html").as_uri())
        page.wait_for_function(DRAWN, timeout=15_000)
        page.wait_for_function("() => !document.querySelector('[role=figure]') || window.Bokeh?.documents.length")
        yield page
        assert problems == []
        assert [url for url in asked if not url.startswith(("file:", "blob:", "data:", "about:"))] == []
        context.close()

    return start


def words(page, figure=0, name="words", **values):
    """Set controls of a figure by name and return the line of words below it."""
    page.evaluate(SET, [figure, values])
    return re.sub(r"<[^>]+>", " ", page.evaluate(WORDS, [figure, name]))


def number(text, pattern):
    """The number at the place of # in a text."""
    found = re.search(pattern.replace("#", r"([+-]?[\d,]*\.?\d+)"), " ".join(text.split()))
    assert found, f"no {pattern!r} in {text!r}"
    return float(found[1].replace(",", ""))


def printed(notebook):
    """All text that the cells printed or returned."""
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    return "\n".join(o.get("text") or o.get("data", {}).get("text/plain", "") for o in outputs)


def rows_of(notebook, cell):
    """The table that a cell returned, as cells by row name."""
    output = next(c for c in notebook.cells if c.id == cell).outputs[-1]
    rows = re.findall(r"<tr>\s*<th>(.*?)</th>(.*?)</tr>", output.data["text/html"], re.S)
    return {name: re.findall(r"<td>(.*?)</td>", cells) for name, cells in rows}


def told(name):
    """The text of a notebook's own cells, answers included."""
    cells = nbformat.read(str(TEACHING / f"{name}.ipynb"), 4).cells
    return "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_kept_without_outputs_and_hides_its_answers(name):
    kept = json.loads((TEACHING / f"{name}.ipynb").read_text("utf-8"))
    ids = [cell["id"] for cell in kept["cells"]]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z0-9-]{3,}", i) for i in ids)
    for cell in kept["cells"]:
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None)
    text = told(name)
    assert len(re.findall(r"\*\*Questions?[.*]", text)) == text.count("<details><summary>") - ("a_real" in name)
    assert text.count("<details>") == text.count("</details>") >= 2
    assert "Take away" in text


def test_seven_notebooks_ran_without_a_network(course):
    assert len(course[1]) == len(NAMES) == 7
    for name, notebook in course[1].items():
        outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
        assert {o.output_type for o in outputs} <= {"stream", "display_data", "execute_result"}, name
        assert [o.text for o in outputs if o.output_type == "stream" and o.name == "stderr"] == [], name


@pytest.mark.parametrize("name", NAMES)
def test_a_page_answers_without_a_kernel_and_asks_nobody(name, opened):
    with opened(name) as page:
        figure = page.locator("[role=figure]").filter(has=page.locator(".noUi-handle")).first
        drawing = figure.locator(".bk-Canvas").first  # without the slider
        before, said = drawing.screenshot(), page.evaluate(WORDS, [0, "words"])
        figure.locator(".noUi-handle").first.focus()
        page.keyboard.press("Home")
        page.keyboard.press("PageUp")
        page.wait_for_function(f"(said) => ({WORDS})([0, 'words']) !== said", arg=said, timeout=5_000)
        page.evaluate(TWO_FRAMES)
        assert drawing.screenshot() != before

        answer = page.locator(".text_cell details").first
        assert not answer.locator("p, ol").first.is_visible()
        answer.locator("summary").click()
        assert answer.locator("p, ol").first.is_visible()

        asked = sum("exercise" in cell.metadata for cell in nbformat.read(str(TEACHING / f"{name}.ipynb"), 4).cells)
        page.wait_for_function("(n) => document.querySelectorAll('form.liq-exercise').length === n", arg=asked)
        assert asked >= 3
        assert 'ask("' not in page.locator("main").inner_text()  # exercises show no code

        frames = page.locator("iframe.heatmap")
        assert frames.count() == (1 if name in FRAMES else 0)
        if name in FRAMES:
            frames.first.scroll_into_view_if_needed()
            view = frames.first.content_frame.locator(".liq[data-rev]")
            view.wait_for(timeout=15_000)
            revision = int(view.get_attribute("data-rev"))
            bar = view.locator('.liq-bar[data-tier="20"]')
            bar.evaluate("(e) => { e.value = '90'; e.dispatchEvent(new Event('input', { bubbles: true })); }")
            page.wait_for_function(REPAINTED, arg=revision, timeout=5_000)
            page.wait_for_function(AS_HIGH_AS_ITS_PAGE, timeout=5_000)

        page.set_viewport_size({"width": 390, "height": 844})
        page.evaluate(TWO_FRAMES)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_pages_and_figures_follow_the_reader(opened):
    with opened("05_sweep_and_cascade", color_scheme="dark") as page:
        page.wait_for_function(DYED, arg="true")
        for scheme, is_dark in (("dark", True), ("light", False)):
            page.emulate_media(color_scheme=scheme)
            page.wait_for_function(DYED, arg=str(is_dark).lower())
            frame = page.locator("iframe.heatmap")
            frame.content_frame.locator(".liq[data-rev]").wait_for(timeout=15_000)
            papers = [page.evaluate(PAPER), frame.content_frame.locator("body").evaluate(f"() => ({PAPER})()")]
            assert [sum(paper) < 3 * 60 for paper in papers] == [is_dark] * 2, papers
            inks = page.evaluate(INKS)
            assert len(inks) >= 12
            for ink in inks:  # axis and legend texts of all figures, hexadecimal
                assert contrast([int(ink[i : i + 2], 16) for i in (1, 3, 5)], papers[0]) > 4.5, (scheme, ink)
            assert page.locator("[role=figure]").first.evaluate("(e) => getComputedStyle(e).backgroundColor") == CLEAR


def contrast(one, other):
    """The contrast ratio of WCAG 2 of two colours."""

    def light(colour):
        parts = [c / 255 for c in colour]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05

    high, low = sorted((light(one), light(other)), reverse=True)
    return high / low


def test_the_pages_lead_to_one_another(course):
    links = {path.name: re.findall(r'href="([^"#]+)"', path.read_text("utf-8")) for path in course[0].glob("*.html")}
    assert sorted(links.pop("index.html")) == [f"{name}.html" for name in NAMES]
    for i, name in enumerate(NAMES):
        beside = NAMES[max(i - 1, 0) : i] + NAMES[i + 1 : i + 2]
        found = {link for link in links[f"{name}.html"] if "://" not in link}
        assert found == {"index.html", *(f"{other}.html" for other in beside)}


def test_the_index_shows_a_picture_and_the_first_words_of_each_lesson(opened):
    with opened("index", width=390) as page:
        lessons = page.locator(".lessons > li")
        assert lessons.count() == len(NAMES)
        for name, lesson in zip(NAMES, lessons.all(), strict=True):
            picture = lesson.locator("img")
            page.wait_for_function("(img) => img.complete", arg=picture.element_handle())
            assert picture.evaluate("(img) => img.naturalWidth") > 0
            data = picture.get_attribute("src").partition("base64,")[2]
            assert b64decode(data) == (TEACHING / f"{name}.svg").read_bytes()
            said = lesson.locator("p").inner_text()
            assert len(said.split()) > 15
            assert said.split(". ")[0] in re.sub(r"[*_`]", "", told(name))
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_one_position(course, opened):
    out, text = printed(course[1]["01_one_position"]), told("01_one_position")
    for side in ("long", "short"):
        assert out.count(f"{lw.liquidation_price(60_000, 10, side):,.2f}") == 2  # computed by hand and by liqwidget
    assert f"{lw.liquidation_price(60_000, 20, 'long'):,.2f}" in text
    assert f"{-100 * (lw.liquidation_price(1, 20, 'long') - 1):.2f} %" in text
    assert f"{lw.liquidation_price(60_000, 60_000 / 9_000, 'long'):,.2f}" in text
    assert f"After {-100 * (lw.liquidation_price(1, 100, 'long') - 1):.2f} %" in text
    hidden = re.findall(r"(\d+,\d{3})\.\d\d", " ".join(re.findall(r"<details>(.*?)</details>", text, re.S)))
    assert len(hidden) == 2
    assert not any(answer.replace(",", "") in out.replace(",", "") for answer in hidden)  # 57,228 and 51,204
    close = lw.load_sample().candles.loc["2026-01-12":"2026-01-13 11:55", "close"].to_numpy()
    with opened("01_one_position") as page:
        for leverage, hour in ((2, 0), (10, 6), (15, 6), (16, 6), (50, 10.5), (100, 30)):
            said = words(page, leverage=leverage, hour=hour)
            for who, side in (("Ada", "long"), ("Ben", "short")):
                level = lw.liquidation_price(close[round(hour * 12)], leverage, side)
                assert number(said, rf"{who} \({side}\): liquidation price # USD") == round(level, 2)
        assert "Ada (long)" in words(page, leverage=15, hour=6)
        assert "liquidated" not in words(page, leverage=15, hour=6)
        assert "liquidated at 15:10" in words(page, leverage=16, hour=6)
        for hour in (1, 11, 15, 18.5, 28):  # in the first hours, around 11, in the fall and after it, at the second low
            assert re.search(r"Ben.*liquidated at", words(page, leverage=50, hour=hour))


def test_levels_stack(course, opened):
    text = told("02_levels_stack")
    for leverage, side in ((10, "long"), (5, "long"), (10, "short"), (5, "short")):
        assert f"{lw.liquidation_price(60_000, leverage, side):,.0f}" in text
    with opened("02_levels_stack") as page:
        page.wait_for_function(f"() => ({WORDS})([0, 'words']).startsWith('1 trader, ')")  # the reader adds the others
        all_of_them = number(words(page, traders=1000, rows=250), "traders, # million")
        assert f"{all_of_them:.1f} million USD" in printed(course[1]["02_levels_stack"])
        menu = number(words(page, traders=1000, habit=0), ": # % of all")
        assert menu > 1.5 * number(words(page, habit=1), ": # % of all")  # the bands disappear


def test_trend_and_crowd(course, opened):
    out = printed(course[1]["03_trend_and_crowd"])
    rows = {side: [float(x) for x in re.search(rf"^{side} +(.+)$", out, re.M)[1].split()] for side in ("long", "short")}
    assert rows["long"][1] == rows["short"][1]  # in coins
    assert rows["long"][0] > 1.5 * rows["short"][0]  # in accounts
    with opened("03_trend_and_crowd") as page:
        for trend, fewer, more in ((6, "short", "long"), (-6, "long", "short")):
            said = words(page, trend=trend)
            assert number(said, f"# % of the {fewer}s") < number(said, f"# % of the {more}s")
            away = [number(said, f"of the {side}s, on average # % away") for side in (fewer, more)]
            assert away[0] < away[1]
        said, notes = words(page, trend=6), " ".join((TEACHING / "teachers_notes.md").read_text("utf-8").split())
        left = [f"{number(said, f'# % of the {side}s'):.0f} % of the {side}s" for side in ("long", "short")]
        assert f"{left[0]} are left, and {left[1]};" in notes
        steady, once, twice = (number(words(page, 1, "step-words", shape=k), "estimated # million") for k in range(3))
        assert once > twice > 2 * steady
    change = 1.06
    assert round(100 * (lw.liquidation_price(1, 10, "short") / change - 1)) == 3
    assert round(-100 * (lw.liquidation_price(1, 10, "long") / change - 1)) == 15


def test_decay(course, opened):
    with opened("04_decay") as page:
        misses = {half: number(words(page, half=half), "by # percentage") for half in range(10, 40)}
        assert min(misses, key=misses.get) in (20, 21, 22)
        times = {life: number(words(page, 1, "total-words", life=life), "is # times") for life in (6, 21, 120)}
        assert times[6] < 0.5 < times[21] <= 1 < times[120]
    made = lw.simulate(candles=2016, traders=20_000, seed=2)
    ledger = lw.build_ledger(made.market, tuple(made.leverage_mix), bin_size=100)
    weights = np.array(list(made.leverage_mix.values()))
    never = ledger.replay(0, weights / weights.sum(), columns=[2015])
    last = made.market.candles.iloc[-1]
    assert never.values.sum() / 2 > 3 * last["open_interest"] * last["close"]
    rates = [float(x) for x in re.findall(r"(?:auto|true): ([\d.]+)%", printed(course[1]["04_decay"]))]
    assert rates[0] > rates[1] == pytest.approx(3.33)


def test_sweep_and_cascade(course, opened):
    market = lw.load_sample()
    density = lw.estimate(market, bin_size=100)
    start = market.candles.index.get_loc("2026-01-12 13:30:00+00:00")
    with opened("05_sweep_and_cascade") as page:
        swept = [number(words(page, candle=k), "estimated: # million") for k in (0, 14, 24)]
        assert swept[0] < swept[1] < swept[2]
        assert swept[2] == pytest.approx(density.liquidated_long[start : start + 25].sum() / 1e6, abs=0.5)
        for push, y in ((-3, 1), (-4, 3), (-8, 0)):
            said = words(page, 1, "cascade-words", push=push, strength=y)
            run = lw.cascade(density, start, push / 100, impact=[0, 1, 2, 4][y], market=market)
            assert number(said, "comes to rest at #") == pytest.approx(run.final_price, abs=1)
            assert number(said, ": # times the push") == pytest.approx(run.amplification, abs=0.006)
            assert "not a forecast" in said
        lows = [number(words(page, 3, "world-words", impact=y), "lowest close #") for y in (0, 1, 2)]
        assert lows[0] > lows[1] > lows[2]
    pushes = -np.linspace(0.002, 0.08, 40)
    curve = lw.cascade_curve(density, start, pushes, impact=1, market=market)
    assert np.quantile(curve.amplification, 0.75) < 1.1  # "less than a tenth to most pushes"


def test_estimate_against_truth(course, opened):
    made = lw.simulate(candles=2016, traders=20_000, seed=6)
    ledger = lw.build_ledger(made.market, tuple(made.leverage_mix), bin_size=500)
    tiers, shares = (np.array(list(part)) for part in (made.leverage_mix, made.leverage_mix.values()))
    with opened("06_estimate_against_truth") as page:
        false = {}
        for heat in (-1, -0.5, 0, 0.25, 0.5, 1):
            parts = shares * (tiers / 8) ** heat
            guess = ledger.replay(made.decay_rate, parts / parts.sum())
            for bright in (10, 37, 100) if heat in (0, 1) else (10,):
                said, score = words(page, heat=heat, bright=bright), lw.score(guess, made, bright=bright / 100)
                false[heat, bright] = number(said, "shown there # % is a false alarm")
                assert false[heat, bright] == pytest.approx(100 * score.false_alarm, abs=0.51)
                assert number(said, "rows hold # % of the true") == pytest.approx(100 * score.hit_rate, abs=0.51)
                assert number(said, "best possible: # %") == pytest.approx(100 * score.hit_best, abs=0.51)
                assert number(said, "of # rows hold") == score.frame["cells"].iloc[2]
        assert min(false, key=false.get) == (0, 10)
        assert false[0, 10] > 0
        for bright, most in ((10, 39), (100, 100)):
            said = words(page, heat=1, bright=bright)
            assert number(said, "best possible: # %") == most
            chance = number(said, "chosen at random: # %")
            assert number(said, "rows hold # % of the true") >= (2 if bright == 10 else 1) * chance
        assert chance == 100
    table = rows_of(course[1]["06_estimate_against_truth"], "broken")
    off = {habit.split(" ")[0]: float(cells[0]) for habit, cells in table.items()}
    alarms = {habit: float(cells[3]) for habit, cells in table.items()}
    none, margin, _stops, _partial, churn, few, _low, mix = alarms.values()
    assert max(alarms.values()) == mix
    assert max(off.values()) == off["nobody"]
    assert churn > few > 1.3 * none
    assert off["low"] > 3 * off["none"]
    assert margin == pytest.approx(none, abs=2)
    people = made.positions
    assert people.loc[people["outcome"] == "liquidated", "leverage"].min() == 20
    out, text = printed(course[1]["06_estimate_against_truth"]), told("06_estimate_against_truth")
    alarms = {label: number(out, f"false alarms, {label}: #%") for label in ("fitted, 13 leverages", "'hot'")}
    assert alarms["fitted, 13 leverages"] > alarms["'hot'"]
    assert f"the false alarms fall to {number(out, 'fitted, 6 leverages: #%'):.0f} %" in text
    fitted = rows_of(course[1]["06_estimate_against_truth"], "fitted")
    unused = sum(float(cells[1]) for cells in fitted.values() if float(cells[0]) == 0)
    assert f"So {unused:.0f} % of its mix" in text


def test_a_day_of_the_sample(course, opened):
    out, text = printed(course[1]["07_a_real_day"]), told("07_a_real_day")
    assert "You are reading the SIMULATED sample: no exchange could be reached." in out
    assert "12 January 2026 (simulated)" in out
    assert "from 86,140 to 92,423 USD" in out
    assert "Reached later: 5 of 8 clusters, 3 of their mirrors" in out
    assert number(out, "beyond 4 standard deviations: #") > 10 * number(out, "were normally distributed: #")
    assert number(out, "the next one is # times the usual size") > 1.5
    assert number(out, "UTC, # times the volume of the quietest") > 2
    assert "Realised liquidations, million USD: {'long': " in out
    with opened("07_a_real_day") as page:
        said = words(page, hour=14.5)
        assert number(said, "USD, # % in the hour") == pytest.approx(-4.93)
        assert "longs closing" in said
        assert number(words(page, hour=10), "funding #") > 0
    bands = [cells for cells in rows_of(course[1]["07_a_real_day"], "clusters").values() if cells[0] == "long"]
    for _side, low, high, usd, *_ in bands[:2]:  # the example is about the table that the page shows
        assert f"at {float(low):,.0f} to {float(high):,.0f} USD" in text
        assert f"{float(usd):,.0f} million USD" in text


def test_a_day_of_a_venue_and_of_a_file(export, kernels, tmp_path):
    now = int(time.time() * 1000)
    history = History.make(now // MINUTE * MINUTE - 9 * 1440 * MINUTE, 9 * 1440, seed=4)
    with Exchange(history) as server:
        ran = in_thread(export.run, TEACHING / "07_a_real_day.ipynb", connect(server))
    assert "You are reading real candles of Binance." in printed(ran)
    assert "(real)" in printed(ran)
    html = export.page(ran)
    assert "<iframe" in html

    book = nbformat.read(str(TEACHING / "07_a_real_day.ipynb"), 4)
    del book.cells[next(i for i, cell in enumerate(book.cells) if cell.id == "paragraph") :]
    copy_modules(tmp_path)
    nbformat.write(book, tmp_path / "short.ipynb")
    candles = lw.load_sample().candles[["open", "high", "low", "close", "volume"]]
    candles.to_csv(tmp_path / "mine.csv")
    path = f"import os; os.environ['LIQWIDGET_CSV'] = {str(tmp_path / 'mine.csv')!r}"
    ran = in_thread(export.run, tmp_path / "short.ipynb", path)
    assert "You are reading your file mine.csv." in printed(ran)
    assert "Open interest: not in this data" in export.page(ran)


def test_a_figure_and_an_answer_in_jupyterlab(notebook, lab):
    copy_modules(lab.folder)
    session = notebook(path=TEACHING / "01_one_position.ipynb", views=0, height=3000)
    page = session.page
    page.wait_for_function(f"() => document.querySelector('[role=figure]') && ({DRAWN})()", timeout=15_000)
    page.wait_for_function("() => window.Bokeh?.documents.length")
    page.locator(".noUi-handle").first.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function(f"() => ({WORDS})([0, 'words']).startsWith('At 11x')")
    answer = page.locator("details").first
    assert not answer.get_by_text("57,228.92").is_visible()
    answer.locator("summary").click()
    assert answer.get_by_text("57,228.92").is_visible()
    for theme, is_dark in (("JupyterLab Dark", "true"), ("JupyterLab Light", "false")):
        page.evaluate("(theme) => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", theme)
        page.wait_for_function(DYED, arg=is_dark)
