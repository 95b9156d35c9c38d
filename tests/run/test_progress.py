"""The progress bar: drawn by tqdm, which is optional."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from concurrent.futures import Future
from pathlib import Path

import pytest
import tqdm.notebook

from liqwidget.errors import InputError
from liqwidget.run.progress import Bar, Progress, counting


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


def test_work_that_ends_at_once_is_told_as_it_ended() -> None:
    told: list[tuple[int, int, int]] = []
    job: Future[None] = Future()
    job.set_result(None)
    with Bar(Progress("work", "parts", 4, 4, 90), lambda *counts: told.append(counts)) as bar:
        bar.until(job)
    assert told == [(4, 4, 90)]


def test_the_bar_is_where_the_work_is() -> None:
    progress = Progress("work", "parts", total=4)
    with Bar(progress, True) as bar:
        progress.done, progress.rows = 3, 1500
        bar.show()
        assert (bar._bar.n, bar._bar.total) == (3, 4)
        assert bar._bar.postfix == "1,500 rows"


def test_a_bar_counts_units_and_rows_and_learns_its_total() -> None:
    told: list[tuple[int, int, int]] = []
    with counting("work", "parts", 0, lambda *counts: told.append(counts)) as count:
        count(total=5)
        count(7)
        count(rows=1, done=3)
    assert told == [(0, 0, 0), (1, 5, 0), (2, 5, 7), (5, 5, 8)]


def test_rows_are_shown_where_there_are_any() -> None:
    progress = Progress("work", "parts", total=2)
    with Bar(progress, True) as bar:
        progress.done = 1
        bar.show()
        assert bar._bar.postfix is None


def test_a_notebook_keeps_the_bar_of_work_that_failed_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tqdm.auto.tqdm", tqdm.notebook.tqdm)
    with Bar(Progress("work", "parts", 1, 4), True) as early:
        early.show()
    assert early._bar.container.comm is None  # it is closed, though one part of four was enough
    failed = Bar(Progress("work", "parts", 1, 4), True)
    failed.show()
    failed.__exit__(ValueError)
    assert failed._bar.container.comm is not None
    assert failed._bar.container.children[1].bar_style == "danger"


def test_exported_notebooks_have_no_bars() -> None:
    """Where a bar is displayed, nothing is."""
    export = Path(__file__).resolve().parents[2] / "notebooks" / "teaching" / "export.py"
    (setup,) = re.findall(r'^_SETUP = """\n(.+?)"""', export.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    code = (
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance(history_length=0)\n"
        "get_ipython, shown = InteractiveShell.instance, shell.display_formatter.format\n"
        "from tqdm.notebook import TqdmHBox\n"
        "before = shown(TqdmHBox())[0]\n"
        f"{setup}\n"
        "print(sorted(before), shown(TqdmHBox())[0])"
    )
    environment = {**os.environ, "IPYTHONDIR": os.devnull}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert run.stdout.splitlines()[-1:] == ["['application/vnd.jupyter.widget-view+json', 'text/plain'] {}"], run.stderr
