"""Rate-limited updates: one call serves all requests so far, and nothing runs without a request."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Pace:
    """Calls a function on its own thread, soon after a request, at most once every ``least`` seconds.

    If no further thread can be started, each request calls it directly.

    Parameters
    ----------
    work
        The function; it reads the current state itself, so that one call serves all requests so far.
    failed
        Called with an exception that ``work`` raised; later requests are still served.
    least
        Seconds from the start of one call to the start of the next.
    """

    def __init__(self, work: Callable[[], None], failed: Callable[[Exception], None], least: float = 0.2) -> None:
        self._work, self._failed, self._least = work, failed, least
        self._changed = threading.Condition()
        self._requested = self._ended = False
        self._has_thread = True
        self._thread = threading.Thread(target=self._run, name="liqwidget-panels", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:
            self._has_thread = False

    def ask(self) -> None:
        """Request the work; returns immediately if there is a thread for it."""
        if not self._has_thread:
            if not self._ended:
                self._call()
            return
        with self._changed:
            self._requested = True
            self._changed.notify()

    def end(self) -> None:
        """Start no further call, and wait for a running one."""
        with self._changed:
            self._ended = True
            self._changed.notify()
        if self._has_thread and threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._requested or self._ended)
                if self._ended:
                    return
                self._requested = False
            begun = time.monotonic()
            self._call()
            with self._changed:
                self._changed.wait_for(lambda: self._ended, max(self._least - (time.monotonic() - begun), 0.0))

    def _call(self) -> None:
        try:
            self._work()
        except Exception as error:  # reported; if the thread died, the panels would no longer update
            self._failed(error)
