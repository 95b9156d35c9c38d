"""Taking it with you: tables as files, written from Python or asked for by a view's menu."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any

import anywidget

from ..checks import is_finite
from ..errors import InputError, LiqError
from .tables import Taken, asked, made, write_csv, write_parquet
from .traits import mix_to_json

if TYPE_CHECKING:
    import os

    import numpy as np
    import numpy.typing as npt

    from .frames import Picture

FORMATS = {".csv": write_csv, ".parquet": write_parquet}


class Takeaway(anywidget.AnyWidget):
    """A widget whose tables can be taken away as files, from Python and from its menu."""

    _lock: threading.RLock
    _picture: Picture

    if TYPE_CHECKING:  # the widget's own

        def _weights(self) -> npt.NDArray[np.float64]: ...

    def __init__(self, **traits: Any) -> None:
        self._asked = threading.Lock()
        super().__init__(**traits)

    def export(self, path: str | os.PathLike[str], what: str = "levels") -> None:
        """Write a table of what is shown; the file appears whole or not at all.

        Parameters
        ----------
        path
            File to write. Its ending says how: ``.csv``, or ``.parquet``, which needs the extra ``data`` and whose
            metadata has symbol, venue, settings and version.
        what
            ``"levels"``: rows that are not empty at the close of the last candle in view, upwards, with
            ``cumulative_usd`` (between the close and the row's far side) and ``distance`` (signed fraction of the
            close). ``"clusters"``: :meth:`liqwidget.Density.clusters` of that candle. ``"grid"``: rows that are not
            empty of all candles in view. ``"selection"``: those inside ``selection``.

        Raises
        ------
        InputError
            No such table or ending, or nothing is selected.
        ModuleNotFoundError
            Parquet without pyarrow; the message says the cure.
        OSError
            The file cannot be written.

        Notes
        -----
        All tables have ``symbol``, ``time_utc`` (open time of the candle), ``side``, ``price_low``, ``price_high`` and
        ``estimate_usd``: an estimate, not a forecast. Candles are never merged here, as they are on the screen where
        there are more than 5,000. A time that no candle in view has leaves all of them in it.
        """
        target = Path(path)
        ending = target.suffix.lower()
        if ending not in FORMATS:
            raise InputError(f"export: wanted a file ending in {' or '.join(FORMATS)}; got {target.name[:80]!r}")
        taken = self._take()
        tables, facts = made(taken, what), taken.facts(what)
        part = target.with_name(f".{token_hex(8)}.tmp")  # beside it: only there it can be put in place at once
        try:
            with part.open("xb") as file:
                FORMATS[ending](file, tables, facts)
            part.replace(target)
        finally:
            with suppress(FileNotFoundError):
                part.unlink()

    def _take(self, visible: Mapping[str, float] | None = None) -> Taken:
        with self._lock:
            return Taken(
                self._picture.market,
                self._picture.ledger,
                self.decay_rate,
                self._weights(),
                mix_to_json(self.leverage_mix, self),
                self.visible if visible is None else visible,
                self.selection,
            )

    def _hear_ask(self, content: Mapping[str, Any]) -> None:
        """Make a table for a view, beside what runs here; what a view asks for may be anything."""
        number, what = content.get("id"), content.get("what")
        if not isinstance(number, str) or not 0 < len(number) <= 64:
            return
        view = {name: content.get(name) for name in ("time_from", "time_to")}
        if not (all(map(is_finite, view.values())) and isinstance(what, str)):
            self._answer_ask(number, problem="the request was not understood")
        elif not self._asked.acquire(blocking=False):
            self._answer_ask(number, problem="another table is being made; try again when it is there")
        else:
            threading.Thread(
                target=self._make_table, args=(number, what, view), name="liqwidget export", daemon=True
            ).start()

    def _make_table(self, number: str, what: str, view: Mapping[str, float]) -> None:
        data, problem = None, ""
        try:
            data = asked(self._take(view), what)
        except (LiqError, ModuleNotFoundError) as error:
            problem = str(error)[:500]
        except Exception:  # a view that waits has to hear something, whatever it is
            self.log.exception("liqwidget: the table %r could not be made", what[:40])
            problem = "Python could not make this table; its log says why"
        finally:
            self._asked.release()
        self._answer_ask(number, data, problem)

    def _answer_ask(self, number: str, data: bytes | None = None, problem: str = "") -> None:
        self.send({"type": "file", "id": number, "problem": problem}, None if data is None else [data])
