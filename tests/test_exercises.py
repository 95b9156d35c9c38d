"""Exercises of the course: right answers and mistakes of every variant, their places in the notebooks, their words."""

from __future__ import annotations

import importlib
import json
import math
import re
import sys
from base64 import b64decode
from itertools import combinations
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pandas as pd
import pytest

import liqwidget as lw
from liqwidget.analysis.cascade.impact import SquareRoot

TEACHING = Path(__file__).resolve().parents[1] / "notebooks" / "teaching"
BOOKS = {path.name[1]: json.loads(path.read_text("utf-8")) for path in sorted(TEACHING.glob("0*.ipynb"))}
KINDS = ("number", "prediction", "task")
HEATMAPS = {"3", "4", "5", "7"}


@pytest.fixture(scope="module")
def course():
    """The module of exercises, imported as a notebook beside it does."""
    before = set(sys.modules)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(TEACHING))
        yield importlib.import_module("lesson_exercises")
    for name in set(sys.modules) - before:
        if name.startswith("exercise") or name in ("lesson_exercises", "export"):
            del sys.modules[name]


@pytest.fixture(scope="module")
def exercises(course) -> dict[str, Any]:
    return {name: make() for name, make in course.EXERCISES.items()}


def of_kind(exercises: dict[str, Any], kind: str) -> dict[str, Any]:
    return {name: exercise for name, exercise in exercises.items() if exercise.kind == kind}


def numbers(text: str) -> list[float]:
    return [float(found.replace(",", "")) for found in re.findall(r"\d[\d,]*(?:\.\d+)?", text)]


def test_every_lesson_has_its_kinds(exercises):
    assert [name for name, exercise in exercises.items() if exercise.name != name] == []
    for lesson in BOOKS:
        kinds = [exercise.kind for name, exercise in exercises.items() if name.startswith(f"{lesson}-")]
        assert kinds.count("number") >= 1
        assert kinds.count("prediction") >= 1
        assert kinds.count("task") == (lesson in HEATMAPS)
    assert len(exercises) <= 32  # what the file of progress holds


def test_every_number_has_sixteen_variants_and_three_mistakes_apart_from_its_answer(exercises):
    for name, exercise in of_kind(exercises, "number").items():
        assert len({question.ask for question in exercise.variants}) == 16, name
        for question in exercise.variants:
            assert len({wrong.hint for wrong in question.wrong}) == 3
            within = [w.tolerance if w.tolerance is not None else exercise.tolerance for w in question.wrong]
            spans = [(question.right, exercise.tolerance), *zip([w.value for w in question.wrong], within, strict=True)]
            for (one, around), (other, about) in combinations(spans, 2):
                assert abs(one - other) > around + about, (name, question)
            assert exercise.signed or min(value for value, _ in spans) > 0


def test_a_mistake_that_could_be_right_is_refused(course):
    from exercise import Number, Question, Wrong

    question = Question("?", 5.0, (Wrong(5.15, "close"),), "!")
    Number("1-x", "", "", 0.05, "", (question,))
    with pytest.raises(ValueError, match=r"1-x: wanted answers that differ; got 5 and 5\.15"):
        Number("1-x", "", "", 0.1, "", (question,))


def test_right_answers_follow_from_the_numbers_of_the_question(exercises):
    for question in exercises["1-level"].variants:
        entry, leverage, reserve = numbers(question.ask)
        assert question.right == pytest.approx(entry * (1 - 1 / leverage) / (1 - reserve / 100))
        assert question.wrong[0].value == pytest.approx(entry * (1 - 1 / leverage))  # without the reserve
    for question in exercises["2-row"].variants:
        entry, leverage, reserve, high, _ = numbers(question.ask)
        price = entry * (1 + 1 / leverage) / (1 + reserve / 100)
        assert question.right <= price < question.right + high
        assert question.right % high == 0
    for question in exercises["3-after"].variants:
        entry, leverage, reserve, rise = numbers(question.ask)
        price = entry * (1 + 1 / leverage) / (1 + reserve / 100)
        assert question.right == pytest.approx(100 * (price / (entry * (1 + rise / 100)) - 1))
    for question in exercises["4-rate"].variants:
        (half,) = numbers(question.ask)
        assert math.exp(-question.right / 100 * half) == pytest.approx(0.5)
    for question in exercises["5-push"].variants:
        volume, volatility, sold, y = numbers(question.ask)
        law = SquareRoot(volatility / 100, volume * 1e6, y)
        assert question.right == pytest.approx(100 * float(law.push(np.array(sold * 1e6))))
    for question in exercises["6-false"].variants:
        pairs = np.array(re.findall(r"(\d+) shown, (\d+) there", question.ask), float)
        assert len(pairs) == 4
        false = sum(max(shown - there, 0) for shown, there in pairs)
        assert question.right == pytest.approx(100 * false / pairs[:, 0].sum())
    closes = lw.load_sample().candles.loc["2026-01-12", "close"]
    for question in exercises["7-hours"].variants:
        first, last = (closes.at_time(time).iloc[0] for time in re.findall(r"\d\d:00", question.ask))
        assert question.right == pytest.approx(100 * (last / first - 1))


def test_predictions_lie_on_their_sliders(exercises):
    for name, exercise in of_kind(exercises, "prediction").items():
        assert exercise.low <= exercise.truth <= exercise.high, name
        middle = (exercise.low + exercise.high) / 2
        assert abs(middle - exercise.truth) >= exercise.step, f"{name}: the slider starts at what happened"


def test_predictions_say_what_the_lessons_say(exercises):
    text = {lesson: " ".join("".join(c["source"]) for c in book["cells"]) for lesson, book in BOOKS.items()}
    assert f"From {exercises['1-lowest'].truth}x on" in text["1"]
    assert f"the hot guess has {exercises['6-hot'].truth} %" in text["6"]
    cells = {cell["id"]: "".join(cell["source"]) for cell in BOOKS["2"]["cells"]}
    scope: dict[str, Any] = {"np": np, "lw": lw, "print": lambda *_: None}
    exec(cells["crowd"], scope)
    held = np.sort(scope["notional"])[-100:].sum() / scope["notional"].sum()
    assert exercises["2-largest"].truth == round(100 * held)
    made = lw.simulate(candles=2016, traders=20_000, seed=2)
    rate = made.decay_rate
    assert exercises["4-stays"].truth == pytest.approx(100 * math.exp(-24 * rate), abs=3)


def test_no_task_is_done_before_the_reader_does_anything(exercises):
    """Mistakes are checked by the module's own tests; here the numbers of the wanted states."""
    hm = lw.LiquidationHeatmap(lw.load_sample())
    for action in exercises["3-band"].variants:
        tier = int(action.wanted[1].of.partition(":")[2])
        assert f"made by {tier}x" in action.why
        assert hm.leverage_mix[tier] > action.wanted[1].most + 1
        low, high = numbers(action.ask)[:2]
        without = {t: part for t, part in hm.leverage_mix.items() if t != tier}
        left, all_of_it = (
            lw.estimate(lw.load_sample(), mix, hm.decay_rate, hm.bin_size).profile()
            for mix in (without, hm.leverage_mix)
        )
        inside = all_of_it["price"].between(low, high)
        before = all_of_it.loc[inside, ["long", "short"]].to_numpy().sum()
        after = left.loc[left["price"].between(low, high), ["long", "short"]].to_numpy().sum()
        assert after < 0.15 * before * 100 / (100 - hm.leverage_mix[tier])
    half = math.log(2) / lw.auto_decay_rate(lw.simulate(candles=2016, traders=20_000, seed=2).market)
    for action in exercises["4-quarter"].variants:
        (wanted,) = action.wanted
        assert not wanted.least <= half <= wanted.most
        (hours,) = numbers(action.ask)
        assert wanted.least < hours / 2 < wanted.most
        assert math.exp(-math.log(2) / (hours / 2) * hours) == pytest.approx(0.25)


def test_the_clusters_to_select_are_the_largest_ones(exercises):
    hm = lw.LiquidationHeatmap(lw.load_sample().between("2026-01-09", "2026-01-12 13:30"))
    near = hm.density.clusters(-1, top=12, bright=0.1).query("abs(distance) < 0.11")
    for action, side in zip(exercises["5-cluster"].variants, ("short", "long"), strict=True):
        assert f"largest cluster of {side}s" in action.ask
        best = near[near["side"] == side].sort_values("notional").iloc[-1]
        assert action.wanted[1].of == f"part:{best['price_low']}:{best['price_high']}"
        assert f"{best['notional'] / 1e6:,.0f} million USD" in action.why


def test_notebooks_show_each_exercise_once_and_end_with_the_progress(course, exercises):
    shown = []
    for lesson, book in BOOKS.items():
        cells = [cell for cell in book["cells"] if "exercise" in cell["metadata"]]
        for cell in cells:
            source, name = "".join(cell["source"]), cell["metadata"]["exercise"]
            assert cell["metadata"]["jupyter"] == {"source_hidden": True}
            if name != "progress":
                assert cell["id"] == f"exercise-{name.partition('-')[2]}"
                assert re.fullmatch(rf'ask\("{name}"(, \w+=\w+)*\)', source)
                shown.append(name)
        assert "".join(book["cells"][-1]["source"]) == f'progress("{lesson}")'
        assert [c["metadata"]["exercise"] for c in cells].count("progress") == 1
    assert sorted(shown) == sorted(exercises)


def test_an_exercise_is_made_of_what_the_notebook_has(course):
    made = lw.simulate(candles=600, traders=2_000, seed=5)
    assert course.EXERCISES["6-hot"](made=made).truth != course.EXERCISES["6-hot"]().truth
    candles = lw.load_sample().candles.loc["2026-01-10"]
    question = course.EXERCISES["7-hours"](today=candles).variants[0]
    first, last = (candles["close"].at_time(time).iloc[0] for time in re.findall(r"\d\d:00", question.ask))
    assert question.right == pytest.approx(100 * (last / first - 1))
    coarse = candles.iloc[::12]  # hourly candles of a file
    assert len(course.EXERCISES["7-hours"](today=coarse).variants) == 16
    time = pd.Timestamp("2026-01-10 12:00", tz="UTC")
    action = course.EXERCISES["7-replay"](today=candles).variants[0]
    assert action.wanted[0].of == f"asof:{time.value // 10**6}"


def test_an_answer_is_not_in_the_page_as_text(exercises):
    from_module = importlib.import_module("exercise")
    for name, exercise in of_kind(exercises, "number").items():
        html = from_module.exercise_html(exercise)
        for question in exercise.variants:
            assert question.ask not in html
            assert f"{question.right:.2f}" not in html, name
        data = re.findall(r'text\("([^"]+)"\)', html)[-1]
        told = json.loads(b64decode(data))
        assert told["variants"][0]["right"] == exercise.variants[0].right
        assert "<" not in re.sub(r"</?(div|script)[^>]*>", "", html.partition("<script>")[0])


def test_the_teachers_notes_count_the_exercises_and_show_the_file(exercises):
    notes = (TEACHING / "teachers_notes.md").read_text("utf-8")
    assert len(exercises) == 18
    assert "Eighteen exercises" in notes
    rows = {row[2]: [cell.strip() for cell in row.split("|")[2:5]] for row in re.findall(r"^\| \d .*", notes, re.M)}
    for lesson in BOOKS:
        asked = [any(exercises[n].kind == kind for n in exercises if n[0] == lesson) for kind in KINDS]
        assert [bool(cell) for cell in rows[lesson]] == asked
    assert max(len(e.variants) for e in exercises.values() if e.kind != "prediction") == 16  # "up to sixteen"
    file = json.loads(re.findall(r"```json\n(.*?)```", notes, re.S)[0])
    assert (file["format"], file["version"]) == ("liqwidget-course", 1)
    module = (TEACHING / "exercise.js").read_text("utf-8")
    assert f'format: "{file["format"]}", version: {file["version"]}' in module
    assert set(file["exercises"]) <= set(exercises)
    assert r"{1,16}$/" in module  # letters of a class code


def test_the_module_puts_text_into_the_page_as_text():
    module = (TEACHING / "exercise.js").read_text("utf-8")
    banned = (
        r"\b(innerHTML|outerHTML|insertAdjacentHTML|createContextualFragment|srcdoc|eval|Function)\b|document\.write"
    )
    assert re.findall(banned, module) == []
    assert re.findall(r"https?://|\bfetch\b|XMLHttpRequest|^import\b", module, re.M) == []
    assert module.count("\n") <= 400


def test_an_index_of_notebooks_without_exercises_has_no_progress(course):
    export = importlib.import_module("export")
    plain = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Mine\n\nA text.")])
    nowhere = {"mine.html": Path("nowhere.svg"), "asked.html": Path("nowhere.svg")}
    assert "exercise-" not in export.index({"mine.html": plain}, nowhere)
    cell = nbformat.v4.new_code_cell('ask("1-level")', metadata={"exercise": "1-level"})
    asked = nbformat.v4.new_notebook(cells=[*plain.cells, cell])
    page = export.index({"asked.html": asked, "mine.html": plain}, nowhere)
    told = json.loads(b64decode(re.findall(r'text\("([^"]+)"\)', page)[-1]))
    assert told["lessons"] == {"Mine": ["1-level"]}
