"""Export: tables as files, from Python or at the request of a view's menu."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from ..checks import is_finite
from ..errors import InputError, LiqError
from .tables import Taken, asked, made, write_csv, write_parquet

if TYPE_CHECKING:
    import os

FORMATS: dict[str, Callable[..., None]] = {".csv": write_csv, ".parquet": write_parquet}
_LOG = logging.getLogger(__name__)

#: Sends an answer: id of the request, the file's bytes or None, and what went wrong.
Answer = Callable[[str, bytes | None, str], None]


def write_table(taken: Taken, path: str | os.PathLike[str], what: str) -> None:
    """Write a table of what is shown; see :meth:`liqwidget.LiquidationHeatmap.export`."""
    target = Path(path)
    ending = target.suffix.lower()
    if ending not in FORMATS:
        raise InputError(
            f"export: wanted a file ending in {' or '.join(FORMATS)}; got {target.name[:80]!r}. Rename the file."
        )
    tables, facts = made(taken, what), taken.facts(what)
    part = target.with_name(f".{token_hex(8)}.tmp")  # in the same folder, so that replacing is atomic
    try:
        with part.open("xb") as file:
            FORMATS[ending](file, tables, facts)
        part.replace(target)
    finally:
        with suppress(FileNotFoundError):
            part.unlink()


class Exporter:
    """Makes tables at the request of views, one at a time, on a thread.

    Parameters
    ----------
    take
        Returns what is shown, given the times in view.
    answer
        Sends the file or the error to the view.
    """

    def __init__(self, take: Callable[[Mapping[str, float]], Taken], answer: Answer) -> None:
        self._take, self._answer = take, answer
        #: Held while a table is made.
        self.busy: threading.Lock = threading.Lock()

    def hear(self, content: Mapping[str, Any]) -> None:
        """Handle a request; its content comes from the browser and may be anything."""
        number, what = content.get("id"), content.get("what")
        if not isinstance(number, str) or not 0 < len(number) <= 64:
            return
        view = {name: content.get(name) for name in ("time_from", "time_to")}
        if not (all(map(is_finite, view.values())) and isinstance(what, str)):
            self._answer(number, None, "the request was not understood")
        elif not self.busy.acquire(blocking=False):
            self._answer(number, None, "another table is being made; try again when it is done")
        else:
            worker = threading.Thread(
                target=self._make, args=(number, what, view), name="liqwidget export", daemon=True
            )
            try:
                worker.start()
            except RuntimeError:
                self.busy.release()
                self._answer(
                    number,
                    None,
                    "export: wanted a thread to make the table; this system starts no more. Try again later, "
                    "or call export in Python.",
                )

    def _make(self, number: str, what: str, view: Mapping[str, float]) -> None:
        data, problem = None, ""
        try:
            data = asked(self._take(view), what)
        except (LiqError, ModuleNotFoundError) as error:
            problem = str(error)[:500]
        except Exception:  # the waiting view needs an answer in any case
            _LOG.exception("liqwidget: the table %r could not be made", what[:40])
            problem = "Python could not make this table; its log says why"
        finally:
            self.busy.release()
        self._answer(number, data, problem)
