"""Whether a live feed runs, as the browser shows it; and whether anybody looks, as the browser tells."""

from __future__ import annotations

import threading
import time
from typing import Any

import anywidget
import traitlets

from ..checks import is_finite
from ..errors import InputError

STATES = ("off", "live", "delayed", "disconnected", "stopped")
MAX_VIEWS = 256
_FACTS = ("since", "last", "message", "every_ms")


class Presence(anywidget.AnyWidget):
    """A widget whose views send a heartbeat, and show whether a live feed runs."""

    _live = traitlets.Dict({"state": "off", "since": None, "last": None, "message": "", "every_ms": 5_000}).tag(
        sync=True
    )
    _lock: threading.RLock

    def __init__(self, **traits: Any) -> None:
        self._views: dict[str, float] = {}
        super().__init__(**traits)

    def views_alive(self, within: float = 150.0) -> int:
        """Return how many views of this widget are open.

        Parameters
        ----------
        within
            Seconds: a view counts while it was heard of in the last so many. Views say every 4 to 20 s that they are
            there, those in hidden tabs once a minute.

        Notes
        -----
        Front ends that deliver messages on the kernel's main thread deliver none while a cell runs.
        """
        now = time.monotonic()
        with self._lock:
            return sum(now - heard <= within for heard in self._views.values())

    def _set_live(self, state: str, **facts: Any) -> None:
        """Say how the live feed is.

        Parameters
        ----------
        state
            "off" (nothing is shown), "live", "delayed", "disconnected" or "stopped".
        **facts
            ``since``: when that state began, ms since 1970 UTC (left out: now where it is a new one). ``last``: when
            the last update came, likewise. ``message``: why, in words. ``every_ms``: how often updates are expected;
            after three times that the browser calls the feed delayed by itself. What is left out stays, but for the
            message, which belongs to its state.

        Raises
        ------
        InputError
            An unknown state or fact, or one that is no number or text.
        """
        if state not in STATES:
            raise InputError(f"live: wanted one of {', '.join(STATES)}; got {str(state)[:40]!r}")
        for name, value in facts.items():
            if name not in _FACTS:
                raise InputError(f"live: knows {', '.join(_FACTS)}; got {name[:40]!r}")
            if name == "message":
                right = isinstance(value, str)
            elif name == "every_ms":
                right = is_finite(value) and value > 0
            else:
                right = value is None or is_finite(value)
            if not right:
                raise InputError(
                    f"live: {name} must be {'text' if name == 'message' else 'a number of ms'}; got {value!r}"
                )
        with self._lock:
            old = self._live
            begun = old["since"] if old["state"] == state else round(time.time() * 1000)
            message = old["message"] if old["state"] == state else ""
            new = {**old, "since": begun, "message": message, **facts, "state": state}
            self._live = {**new, "message": new["message"][:300]}

    def _hear(self, content: dict[str, Any]) -> None:
        """Take in what a view says of itself; ids come from the browser and may be anything."""
        view = content.get("view")
        if not isinstance(view, str) or not 0 < len(view) <= 64:
            return
        with self._lock:
            self._views.pop(view, None)
            if content["type"] == "here":
                self._views[view] = time.monotonic()  # at the end: the first is the one heard of longest ago
                if len(self._views) > MAX_VIEWS:
                    del self._views[next(iter(self._views))]
                self.send({"type": "alive", "view": view})
