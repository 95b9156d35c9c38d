"""Progress of a long task, and the bar that shows it in notebooks and terminals."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from ..errors import InputError

Told = Callable[[int, int, int], object]
Count = Callable[..., object]


@dataclass
class Progress:
    """Written by the task, read by the bar: pages (or files) done and in total, rows so far."""

    what: str
    unit: str
    done: int = 0
    total: int = 0
    rows: int = 0


class Bar:
    """A progress bar that appears when the work takes longer than half a second.

    Parameters
    ----------
    progress
        What it shows at each call of `show`.
    wanted
        True or False; None: in notebooks, and where the error stream is a terminal, if tqdm is installed; a function:
        called instead with the number done, the total (0: not yet known) and the rows so far.

    Raises
    ------
    InputError
        `wanted` is True and tqdm is not installed.
    """

    def __init__(self, progress: Progress, wanted: bool | Told | None = None) -> None:
        self._progress, self._bar = progress, None
        self._told = wanted if callable(wanted) else None
        if self._told or wanted is False or (wanted is None and not (_in_notebook() or sys.stderr.isatty())):
            return
        if find_spec("tqdm") is None:
            if wanted is None:
                return
            raise InputError(
                "progress: wanted a bar; got no tqdm, which draws it. Install tqdm, or drop progress=True."
            )
        from tqdm.auto import tqdm

        self._bar = tqdm(desc=progress.what, unit=f" {progress.unit}", delay=0.5, leave=False)

    def show(self) -> None:
        """Update the bar."""
        bar: Any = self._bar
        state = self._progress
        if self._told is not None:
            self._told(state.done, state.total, state.rows)
        if bar is None:
            return
        bar.total = state.total or None
        if state.rows:
            bar.set_postfix_str(f"{state.rows:,} rows", refresh=False)
        bar.update(state.done - bar.n)

    def until(self, job: Future[Any]) -> None:
        """Show the state ten times a second until the job has ended, and as it is then."""
        while wait([job], 0.1).not_done:
            self.show()
        self.show()

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_error: object) -> None:
        if self._bar is not None:
            if kind is None:  # fewer pages were needed than expected; tqdm would leave a bar that looks like a failure
                self._bar.total = self._bar.n
            self._bar.close()


@contextmanager
def counting(what: str, unit: str, total: int, wanted: bool | Told | None) -> Iterator[Count]:
    """Show a bar; ``wanted`` as for `Bar`.

    Yields
    ------
    function
        ``count(rows=0, done=1, total=None)`` reports finished units and their rows, and a total that is known later.
    """
    state = Progress(what, unit, total=total)
    with Bar(state, wanted) as bar:
        bar.show()

        def count(rows: int = 0, done: int = 1, total: int | None = None) -> None:
            state.done += done
            state.rows += rows
            state.total = state.total if total is None else total
            bar.show()

        yield count


def uncounted(rows: int = 0, done: int = 1, total: int | None = None) -> None:
    """Report to nobody."""


def _in_notebook() -> bool:
    kernel = sys.modules.get("ipykernel.kernelbase")
    return kernel is not None and "IPKernelApp" in getattr(_shell(), "config", {})


def _shell() -> object:
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None
