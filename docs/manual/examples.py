"""Examples in docstrings: found, run, and their drawn results kept."""

from __future__ import annotations

import doctest
import inspect
import io
from contextlib import nullcontext, redirect_stdout
from typing import Any, NamedTuple

from example_venues import asks_venues, example_venues

FLAGS = doctest.ELLIPSIS  # as pytest has it


class Ran(NamedTuple):
    """What came of an example: failures as text, and the last result that has a drawing, as HTML."""

    failures: str
    drawn: str | None


def example_in(text: str) -> bool:
    """Tell whether a docstring has an example that runs."""
    parts = doctest.DocTestParser().get_examples(text)
    return any(not part.options.get(doctest.SKIP) for part in parts)


def run(name: str, text: str, module: Any) -> Ran:
    """Run the example of a docstring, with the names of its module."""
    namespace = {**vars(module), "__name__": "__main__"}
    test = doctest.DocTestParser().get_doctest(text, namespace, name, None, 0)
    runner = doctest.DocTestRunner(verbose=False, optionflags=FLAGS)
    said = io.StringIO()
    with example_venues() if asks_venues(text) else nullcontext(), redirect_stdout(io.StringIO()):
        runner.run(test, out=said.write, clear_globs=False)
    made = [value for key, value in test.globs.items() if key not in vars(module) or vars(module)[key] is not value]
    drawn = next((value._repr_html_() for value in reversed(made) if _is_drawn(value)), None)
    return Ran(said.getvalue(), drawn)


def _is_drawn(value: Any) -> bool:
    from liqwidget.drawing.report import Drawn

    return isinstance(value, Drawn) and not inspect.isclass(value)
