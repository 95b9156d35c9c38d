"""Examples in docstrings: found, run, and their drawn results kept."""

from __future__ import annotations

import doctest
import inspect
import io
import re
import tempfile
from contextlib import ExitStack, contextmanager, nullcontext, redirect_stdout
from typing import TYPE_CHECKING, Any, NamedTuple
from unittest.mock import patch

from example_venues import asks_venues, example_venues

if TYPE_CHECKING:
    from collections.abc import Iterator

FLAGS = doctest.ELLIPSIS  # as pytest has it


class Ran(NamedTuple):
    """What came of an example: failures as text, and the last result that has a drawing, as HTML.

    A drawing that shows an error in place of its numbers is a failure, too.
    """

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
    with _folders_kept():
        with example_venues() if asks_venues(text) else nullcontext(), redirect_stdout(io.StringIO()):
            runner.run(test, out=said.write, clear_globs=False)
        made = [value for key, value in test.globs.items() if key not in vars(module) or vars(module)[key] is not value]
        drawn = next((value._repr_html_() for value in reversed(made) if _is_drawn(value)), None)
    return Ran(said.getvalue() + error_in(drawn or ""), drawn)


def error_in(drawn: str) -> str:
    """Return the message that a drawing shows in place of numbers that it could not read; "" if there is none."""
    found = re.search(r"The store cannot be read: [^<]*", drawn)
    return found[0] if found else ""


@contextmanager
def _folders_kept() -> Iterator[None]:
    """Keep the temporary folders of an example until its results are drawn: some read their store again."""
    with ExitStack() as ends:

        class Kept(tempfile.TemporaryDirectory):  # type: ignore[type-arg]
            def __exit__(self, *_: object) -> None:
                ends.callback(self.cleanup)

        with patch.object(tempfile, "TemporaryDirectory", Kept):
            yield


def _is_drawn(value: Any) -> bool:
    from liqwidget.drawing.report import Drawn

    return isinstance(value, Drawn) and not inspect.isclass(value)
