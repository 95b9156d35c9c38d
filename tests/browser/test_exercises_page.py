"""Exercises in exported pages: right answers and mistakes, by keyboard, without a kernel; the progress."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager

import pytest
from axe import AXE, RULES
from course_pages import (
    NAMES,
    answers_of,
    check_heatmap,
    code_for,
    exercises,
    exporter,
    kernels_of_checkout,
    place_of,
    typed,
    verdict_of,
    without_figures,
    write_course,
)
from heatmap_keys import do_band, do_cluster, do_quarter, do_replay
from lab import chromium, find_chromium

pytestmark = pytest.mark.browser

TASKS = {"3": do_band, "4": do_quarter, "5": do_cluster, "7": do_replay}
PAGES = {name[1]: name for name in NAMES}
STORED = "() => JSON.parse(localStorage.getItem('liqwidget-course'))"
AXE_RUN = """async (rules) => { const found = await axe.run('[data-exercise]', { runOnly: rules });
  return [found.violations.map(({ id, nodes }) => [id, nodes[0].html]), found.passes.map(({ id }) => id)]; }"""
ANSWER = """([name, texts]) => { const place = document.querySelector(`[data-exercise="${name}"]`);
  return texts.map((text) => { place.querySelector('input').value = text;
    place.querySelector('form').requestSubmit();
    return place.querySelector('.ex-verdict').textContent; }); }"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("course")
    with kernels_of_checkout(tmp_path_factory.mktemp("kernels")) as patch:
        write_course(exporter(), patch, folder, without_figures(tmp_path_factory.mktemp("lessons")))
    return folder


@pytest.fixture(scope="module")
def browser(playwright):
    if find_chromium() is None:
        pytest.skip("no Chromium on the PATH (Debian: apt-get install chromium)")
    with chromium(playwright) as page:
        yield page.context.browser


@pytest.fixture
def opened(folder, browser):
    """Open pages of one reader, offline, from disk; finally check that no host was asked and all went well."""

    @contextmanager
    def start(lesson, address="", before="", **options):
        context = browser.new_context(**{"viewport": {"width": 1100, "height": 900}, **options})
        context.set_offline(True)
        page = context.new_page()
        asked, problems = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda m: problems.append(m.text) if m.type in ("error", "warning") else None)
        if before:
            page.add_init_script(before)
        page.visit = lambda lesson, address="": visit(page, lesson, address)
        page.visit(lesson, address)
        yield page
        assert problems == []
        assert [url for url in asked if not url.startswith(("file:", "blob:", "data:", "about:"))] == []
        context.close()

    def visit(page, lesson, address=""):
        page.goto((folder / f"{PAGES.get(lesson, lesson)}.html").as_uri() + address)
        waiting = 1 if lesson == "index" else 1 + sum(name.startswith(f"{lesson}-") for name in exercises())
        page.wait_for_function("(n) => document.querySelectorAll('form.liq-exercise').length === n", arg=waiting)

    return start


def use_code(page, code):
    verdict = typed(page, "progress", code) if code else clear_code(page)
    assert (f"the numbers of class {code.upper()}." if code else "their standard numbers") in verdict


def clear_code(page):
    field = place_of(page, "progress").locator("input")
    field.fill("")
    field.press("Enter")
    return verdict_of(page, "progress")


@pytest.mark.parametrize("lesson", PAGES)
def test_predictions_are_placed_and_numbers_of_every_class_are_judged(opened, lesson):
    with opened(lesson) as page:
        for name, exercise in exercises().items():
            if name.startswith(f"{lesson}-"):
                {"number": answer_all, "prediction": predict, "task": pass_by}[exercise.kind](page, name, exercise)


def answer_all(page, name, exercise):
    """The standard numbers by keyboard, then those of every class; each mistake gets its hint."""
    for text, verdict in answers_of(exercise, exercise.variants[0]):
        assert typed(page, name, text) == verdict, text
    assert "Solved after 5 tries." in place_of(page, name).inner_text()
    for k, question in enumerate(exercise.variants):
        code = code_for(name, k, len(exercise.variants))
        use_code(page, code)
        told = place_of(page, name).inner_text()
        assert question.ask in told
        assert f"Numbers of class {code}." in told
        texts, verdicts = zip(*answers_of(exercise, question), strict=True)
        assert page.evaluate(ANSWER, [name, texts]) == list(verdicts), question.ask
    use_code(page, "")


def predict(page, name, exercise):
    """A guess by keyboard; the verdict gets the focus."""
    place = place_of(page, name)
    assert f"{exercise.truth:g}" not in re.findall(r"[\d.]+", place.inner_text().replace(exercise.ask, ""))
    place.locator("input").focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    assert verdict_of(page, name) == revealed(exercise, exercise.low + exercise.step)
    assert place.locator(".ex-verdict").evaluate("(e) => e.matches(':focus')")


def revealed(exercise, guess):
    unit, off = f" {exercise.unit}" if exercise.unit else "", abs(round(guess - exercise.truth, 2))
    said = f"It is {exercise.truth:g}{unit} (long mark): your guess of {guess:g}{unit} is {off:g} away."
    return f"{said} {exercise.why}".strip()


def pass_by(page, name, exercise):
    """Tasks have tests of their own; here the words of every class."""
    for k, action in enumerate(exercise.variants):
        use_code(page, code_for(name, k, len(exercise.variants)))
        assert action.ask in place_of(page, name).inner_text()
    use_code(page, "")


@pytest.mark.parametrize("lesson", TASKS)
def test_a_task_reads_the_heatmap_of_the_page(opened, lesson):
    name = next(n for n, e in exercises().items() if n.startswith(f"{lesson}-") and e.kind == "task")
    with opened(lesson) as page:
        page.locator("iframe.heatmap").scroll_into_view_if_needed()
        view = page.locator("iframe.heatmap").content_frame.locator(".liq[data-rev]")
        view.wait_for(timeout=15_000)
        given = (page, view, lambda: check_heatmap(page, name))
        action = exercises()[name].variants[0]
        TASKS[lesson](*given, action)
        assert place_of(page, name).get_by_text("Solved after").is_visible()


def test_progress_stays_in_the_browser_and_goes_to_the_teacher_as_a_small_file(opened):
    question = exercises()["1-level"].variants[0]
    with opened("1") as page:
        assert "solved 0 of 2" in place_of(page, "progress").inner_text()
        assert typed(page, "1-level", "what?") == "Type a number in USD, such as 1,234.56."
        typed(page, "1-level", f"{question.wrong[0].value:.2f}")
        typed(page, "1-level", f"{question.right:.2f}")
        typed(page, "1-level", "5")  # what comes after does not count
        assert "solved 1 of 2" in place_of(page, "progress").inner_text()
        lowest = exercises()["1-lowest"]
        place_of(page, "1-lowest").get_by_role("button", name="Reveal").press("Enter")
        page.visit("1")
        assert verdict_of(page, "1-lowest") == revealed(lowest, (lowest.low + lowest.high) / 2)
        assert "Solved after 2 tries." in place_of(page, "1-level").inner_text()
        page.visit("index")
        told = place_of(page, "progress").inner_text()
        assert "1. One position, one liquidation price: solved 2 of 2" in told
        assert f"All lessons: solved 2 of {len(exercises())}" in told
        with page.expect_download() as download:
            place_of(page, "progress").get_by_role("button", name="save for my teacher").press("Enter")
        assert download.value.suggested_filename == "course-progress.json"
        text = download.value.path().read_text("utf-8")
        assert len(text) < 4096
        file = json.loads(text)
        day = page.evaluate("() => { const d = new Date(); return [d.getFullYear(), d.getMonth() + 1, d.getDate()]; }")
        today = "{}-{:02d}-{:02d}".format(*day)
        record = {"tries": 2, "hints": 1, "solved": True, "day": today, "class": ""}
        assert file == {
            "format": "liqwidget-course",
            "version": 1,
            "class": "",
            "day": today,
            "exercises": {"1-level": record, "1-lowest": {**record, "tries": 1, "hints": 0}},
        }
        forget = place_of(page, "progress").get_by_role("button", name=re.compile("forget"))
        forget.press("Enter")
        assert forget.inner_text() == "really forget all progress"
        assert "1-level" in page.evaluate(STORED)["records"]
        forget.press("Enter")
        assert page.evaluate(STORED)["records"] == {}
        assert "All lessons: solved 0 of" in place_of(page, "progress").inner_text()


def test_a_class_code_comes_from_the_address_and_a_hostile_one_is_ignored(opened):
    name, count = "1-level", 16
    code = code_for(name, 5, count)
    with opened("1", f"?class={code.lower()}") as page:
        assert exercises()[name].variants[5].ask in place_of(page, name).inner_text()
        for hostile in ("%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E", "x" * 5000, "a%00b", ""):
            page.visit("index", f"?class={hostile}")
            assert page.evaluate(STORED)["code"] == code
        assert "at most 16 letters" in typed(page, "progress", "<b>7</b>")
        assert page.evaluate(STORED)["code"] == code
        page.visit("1")  # the code is kept
        assert exercises()[name].variants[5].ask in place_of(page, name).inner_text()
        use_code(page, "")
        assert exercises()[name].variants[0].ask in place_of(page, name).inner_text()


@pytest.mark.parametrize("stored", ["{", '{"version":1,"code":"<i>","records":{"1-level":{"solved":"x","tries":-5}}}'])
def test_hostile_stored_progress_is_dropped(opened, stored):
    with opened("1", before=f"localStorage.setItem('liqwidget-course', {json.dumps(stored)})") as page:
        assert "solved 0 of 2" in place_of(page, "progress").inner_text()
        assert typed(page, "1-level", f"{exercises()['1-level'].variants[0].right:.2f}").startswith("Right.")


def test_a_browser_that_keeps_nothing_is_told_and_goes_on(opened):
    refuse = (
        "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no', 'SecurityError'); } })"
    )
    with opened("1", before=refuse) as page:
        assert "This browser keeps nothing for this page" in place_of(page, "progress").inner_text()
        assert typed(page, "1-level", f"{exercises()['1-level'].variants[0].right:.2f}").startswith("Right.")
        assert "solved 1 of 2" in place_of(page, "progress").inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_exercises_are_accessible_and_follow_the_reader(opened, scheme):
    with opened("1", color_scheme=scheme, viewport={"width": 390, "height": 844}, reduced_motion="reduce") as page:
        typed(page, "1-level", "1")
        place_of(page, "1-lowest").get_by_role("button", name="Reveal").press("Enter")
        page.add_script_tag(path=AXE)
        violations, passes = page.evaluate(AXE_RUN, RULES)
        assert violations == []
        assert {"label", "color-contrast", "button-name"} <= set(passes)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        field = place_of(page, "1-level").locator("input")
        field.focus()
        assert field.evaluate("(e) => getComputedStyle(e).outlineStyle") == "solid"
        ink = field.evaluate("(e) => getComputedStyle(e).color.match(/\\d+/g).map(Number)")
        assert (sum(ink) > 3 * 128) == (scheme == "dark")
