"""Exercises in JupyterLab: right answers and mistakes, by keyboard, also of the heatmap, and after the kernel's end."""

from __future__ import annotations

import pytest
from course_pages import (
    TEACHING,
    answers_of,
    check_heatmap,
    code_for,
    copy_modules,
    exercises,
    place_of,
    typed,
    verdict_of,
)
from heatmap_keys import do_band, do_cluster, do_quarter, do_replay

pytestmark = pytest.mark.browser

MOUNTED = "(n) => document.querySelectorAll('form.liq-exercise').length === n"
THEME = "(theme) => window.jupyterapp.commands.execute('apputils:change-theme', { theme })"
INK = "(e) => getComputedStyle(e).color.match(/\\d+/g).slice(0, 3).map(Number)"
ACTIVE_CELL = "() => window.jupyterapp.shell.currentWidget.content.activeCellIndex"
CELLS = "() => window.jupyterapp.shell.currentWidget.content.widgets.length"
# Each task with the heatmap of its lesson before it.
HEATMAPS = {
    "3-band": (do_band, "hm = lw.LiquidationHeatmap(lw.load_sample())"),
    "4-quarter": (
        do_quarter,
        "made = lw.simulate(candles=2016, traders=20_000, seed=2)\n"
        "hm = lw.LiquidationHeatmap(made.market, leverage_mix=made.leverage_mix)",
    ),
    "5-cluster": (
        do_cluster,
        "hm = lw.LiquidationHeatmap(lw.load_sample().between('2026-01-09', '2026-01-12 13:30'), shock=-0.03)",
    ),
    "7-replay": (
        do_replay,
        "hm = lw.LiquidationHeatmap(lw.load_sample().between('2026-01-08', '2026-01-12 23:59'))",
    ),
}


def test_numbers_and_predictions_in_a_notebook(notebook, lab):
    copy_modules(lab.folder)
    asked = [name for name, exercise in exercises().items() if exercise.kind != "task"]
    cells = ["from lesson_exercises import ask, progress", *(f'ask("{name}")' for name in asked), 'progress("1")']
    session = notebook(*cells, views=0, height=6000)
    page = session.page
    page.wait_for_function(MOUNTED, arg=len(asked) + 1)
    page.evaluate("async () => { await window.jupyterapp.shell.currentWidget.sessionContext.shutdown(); }")
    count = page.evaluate(CELLS)
    for name in asked:
        exercise = exercises()[name]
        if exercise.kind == "prediction":
            place_of(page, name).locator("input").focus()
            page.keyboard.press("End")
            page.keyboard.press("Tab")
            page.keyboard.press("Enter")
            assert verdict_of(page, name).startswith(f"It is {exercise.truth:g}")
            continue
        for text, verdict in answers_of(exercise, exercise.variants[0]):
            assert typed(page, name, text) == verdict, (name, text)
    assert "solved 2 of 2" in place_of(page, "progress").inner_text()

    code = code_for("1-level", 7, 16)
    assert f"the numbers of class {code}." in typed(page, "progress", code)
    question = exercises()["1-level"].variants[7]
    assert question.ask in place_of(page, "1-level").inner_text()
    assert typed(page, "1-level", f"{question.right:.2f}") == f"Right. {question.why}"

    # Keys that JupyterLab knows are not its shortcuts here: a and b add cells, arrows and Shift + Enter move.
    page.locator('[data-exercise="1-level"] button').focus()
    active = page.evaluate(ACTIVE_CELL)
    for key in ("a", "b", "ArrowDown", "Shift+Enter"):
        page.keyboard.press(key)
    assert page.evaluate(CELLS) == count
    assert page.evaluate(ACTIVE_CELL) == active

    place = place_of(page, "1-level").locator("form")
    for theme, is_dark in (("JupyterLab Dark", True), ("JupyterLab Light", False)):
        page.evaluate(THEME, theme)
        page.wait_for_function(
            f"(dark) => (({INK})(document.querySelector('[data-exercise] form'))[0] > 128) === dark", arg=is_dark
        )
        assert place.locator("input").evaluate(INK) == place.evaluate(INK)


def test_tasks_read_the_heatmap_before_them(notebook, lab):
    copy_modules(lab.folder)
    cells = ["import liqwidget as lw\nfrom lesson_exercises import ask"]
    for name, (_, make) in HEATMAPS.items():
        cells += [f"{make}\nhm", f'ask("{name}")']
    session = notebook(*cells, views=len(HEATMAPS), height=5500)
    page = session.page
    page.wait_for_function(MOUNTED, arg=len(HEATMAPS))
    for i, (name, (do, _)) in enumerate(HEATMAPS.items()):
        view = page.locator(".liq[data-rev]").nth(i)
        do(page, view, lambda name=name: check_heatmap(page, name), exercises()[name].variants[0])
        assert place_of(page, name).get_by_text("Solved after").is_visible()


def test_a_lesson_in_a_notebook_shows_its_exercises_and_keeps_them_after_another_run(notebook, lab):
    copy_modules(lab.folder)
    session = notebook(path=TEACHING / "01_one_position.ipynb", views=0, height=4500)
    page = session.page
    page.wait_for_function(MOUNTED, arg=3)
    question = exercises()["1-level"].variants[0]
    assert typed(page, "1-level", f"{question.right:.2f}") == f"Right. {question.why}"
    assert "solved 1 of 2" in place_of(page, "progress").inner_text()
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
    page.wait_for_function(
        "() => document.querySelector('[data-exercise=\"1-level\"] .ex-verdict')?.textContent === ''"
    )  # mounted anew
    page.wait_for_function(MOUNTED, arg=3)
    assert "Solved after 1 try." in place_of(page, "1-level").inner_text()
    assert "solved 1 of 2" in place_of(page, "progress").inner_text()
    assert page.problems == []
