"""The progress bar: drawn by tqdm, which is optional."""

from __future__ import annotations

import subprocess
import sys

import pytest

from liqwidget.errors import InputError
from liqwidget.run.progress import Bar, Progress


def test_nothing_is_loaded_before_a_bar_is_shown() -> None:
    code = (
        "import sys, liqwidget.run.progress as p\n"
        "with p.Bar(p.Progress('work', 'parts'), False) as bar: bar.show()\n"
        "print('tqdm' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"


def test_without_tqdm_a_bar_is_left_out_unless_it_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    told = []
    for wanted in (None, False, lambda *counts: told.append(counts)):
        with Bar(Progress("work", "parts", 1, 2, 3), wanted) as bar:
            bar.show()
    assert told == [(1, 2, 3)]
    with pytest.raises(InputError, match=r"^progress: wanted a bar; got no tqdm.*Install tqdm"):
        Bar(Progress("work", "parts"), True)


def test_the_bar_is_where_the_work_is() -> None:
    progress = Progress("work", "parts", total=4)
    with Bar(progress, True) as bar:
        progress.done, progress.rows = 3, 1500
        bar.show()
        assert (bar._bar.n, bar._bar.total) == (3, 4)
        assert bar._bar.postfix == "1,500 rows"
