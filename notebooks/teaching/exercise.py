"""The kinds of exercises of the course, and how one is put into a page.

All that a check needs travels with the exercise as data: `exercise.js` asks, checks and reveals in
the reader's browser, in a notebook and in an exported page alike, and no kernel is asked. Which of
the variants a reader gets is decided there too, by the class code.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

_MODULE, _STYLE = (Path(__file__).resolve().with_name(f"exercise.{kind}") for kind in ("js", "css"))

# One module a page, whichever exercise comes first; text of the page is never markup.
_SCRIPT = """(() => {
  const bytes = (packed) => Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
  const text = (packed) => new TextDecoder().decode(bytes(packed));
  const course = (window.liqCourse ??= {});
  course.exercises ??= import(
    URL.createObjectURL(new Blob([text("MODULE")], { type: "text/javascript" })));
  course.exercises.then(({ mount }) =>
    mount(document.getElementById("PLACE"), JSON.parse(text("DATA"))));
})();"""


@dataclass(frozen=True)
class Wrong:
    """A likely mistake: its result, and what to say to who makes it."""

    value: float
    hint: str
    tolerance: float | None = None  # that of the right answer, if None


@dataclass(frozen=True)
class Question:
    """One set of numbers of an exercise that asks for a number."""

    ask: str
    right: float
    wrong: tuple[Wrong, ...]
    why: str


@dataclass(frozen=True)
class Number:
    """Asks for a number. Raises ValueError if a mistake could be taken for the right answer."""

    kind: ClassVar = "number"
    name: str
    title: str
    unit: str
    tolerance: float
    otherwise: str  # said to who is wrong in none of the expected ways
    variants: tuple[Question, ...]  # the first is for readers without a class code
    signed: bool = False  # otherwise the sign that a reader types does not matter

    def __post_init__(self) -> None:
        for question in self.variants:
            spans = [(question.right, self.tolerance)]
            for wrong in question.wrong:
                within = self.tolerance if wrong.tolerance is None else wrong.tolerance
                spans.append((wrong.value, within))
            for (one, around), (other, about) in combinations(spans, 2):
                if abs(one - other) <= around + about:
                    raise ValueError(
                        f"{self.name}: wanted answers that differ; got {one:g} and {other:g}"
                    )


@dataclass(frozen=True)
class Prediction:
    """Asks for a guess between two ends, then shows what happened. A guess is never wrong."""

    kind: ClassVar = "prediction"
    name: str
    title: str
    ask: str
    unit: str
    low: float
    high: float
    step: float
    truth: float
    why: str


@dataclass(frozen=True)
class Check:
    """A quantity of the heatmap (see `quantity` in exercise.js) between two ends.

    `say` is shown if a wanted state is missing, or a mistake is found; `{value}` in it is the
    quantity.
    """

    of: str
    say: str
    least: float | None = None
    most: float | None = None


@dataclass(frozen=True)
class Action:
    """One set of numbers of a task."""

    ask: str
    mistakes: tuple[Check, ...]
    wanted: tuple[Check, ...]
    why: str


@dataclass(frozen=True)
class Task:
    """Asks for a state of the heatmap on the page."""

    kind: ClassVar = "task"
    name: str
    title: str
    variants: tuple[Action, ...]


Exercise = Number | Prediction | Task


def exercise_html(exercise: Exercise) -> str:
    """Return an exercise as HTML for a notebook's output or a page."""
    told = {"kind": exercise.kind, **asdict(exercise)}
    return _html(told, f"Exercise: {exercise.title}")


def progress_html(lessons: Mapping[str, Iterable[str]], title: str = "Your progress") -> str:
    """Return the panel of progress as HTML; `lessons` are names of exercises by title of lesson."""
    known = {lesson: list(names) for lesson, names in lessons.items()}
    return _html({"kind": "progress", "title": title, "lessons": known}, title)


def put(html: str) -> None:
    """Display HTML as the output of a notebook's cell."""
    from IPython.display import display

    display({"text/html": html, "text/plain": ""}, raw=True)


def _html(told: dict[str, Any], title: str) -> str:
    place = f"exercise-{uuid4().hex[:12]}"
    module = b64encode(_MODULE.read_bytes()).decode("ascii")
    told |= {"style": _STYLE.read_text("utf-8")}
    data = b64encode(json.dumps(told, allow_nan=False).encode()).decode("ascii")
    script = _SCRIPT.replace("PLACE", place).replace("MODULE", module).replace("DATA", data)
    waiting = f"{title} (needs JavaScript; in a notebook, run this cell)"
    return f'<div id="{place}">{waiting}</div><script>{script}</script>'
