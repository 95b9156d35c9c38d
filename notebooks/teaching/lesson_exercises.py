"""The exercises of the lessons by name. `ask("1-level")` in a notebook shows one.

Right answers and likely mistakes are computed by the library. What a notebook has computed already
is passed on: `ask("7-hours", today=today)`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import exercises_of_change as change
import exercises_of_levels as levels
import exercises_of_proof as proof
from exercise import Exercise, exercise_html, progress_html, put

TITLES = {
    "1": "1. One position",
    "2": "2. Levels stack",
    "3": "3. Trend and crowd",
    "4": "4. Decay",
    "5": "5. Sweep and cascade",
    "6": "6. Estimate against truth",
    "7": "7. A day in context",
}
EXERCISES: dict[str, Callable[..., Exercise]] = {
    "1-lowest": levels.lowest,
    "1-level": levels.level,
    "2-row": levels.row,
    "2-largest": levels.largest,
    "3-after": levels.after,
    "3-accounts": levels.accounts,
    "3-band": levels.band,
    "4-stays": change.stays,
    "4-rate": change.rate,
    "4-quarter": change.quarter,
    "5-rest": change.rest,
    "5-push": change.push,
    "5-cluster": change.cluster,
    "6-hot": proof.hot,
    "6-false": proof.false_alarms,
    "7-hours": proof.hours,
    "7-reached": proof.reached,
    "7-replay": proof.replay,
}


def ask(name: str, **given: Any) -> None:
    """Show an exercise in a notebook; `given` is what the notebook has computed already."""
    put(exercise_html(EXERCISES[name](**given)))


def progress(lesson: str) -> None:
    """Show the progress of a lesson in a notebook."""
    names = [name for name in EXERCISES if name.startswith(f"{lesson}-")]
    put(progress_html({TITLES[lesson]: names}))
