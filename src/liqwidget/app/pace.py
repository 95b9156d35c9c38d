"""Work at most so often: the newest wish wins, and nothing runs while nothing is wished."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Pace:
    """Calls a function on a thread of its own, soon after it was asked to, at most once every ``least`` seconds.

    Parameters
    ----------
    work
        What is called; it reads the present state itself, so that wishes that came meanwhile are met by one call.
    failed
        What is called with an exception that ``work`` raised; the next wish is met again.
    least
        Seconds from the start of one call to the start of the next.
    """

    def __init__(self, work: Callable[[], None], failed: Callable[[Exception], None], least: float = 0.2) -> None:
        self._work, self._failed, self._least = work, failed, least
        self._wish = threading.Condition()
        self._wished = self._ended = False
        self._thread = threading.Thread(target=self._run, name="liqwidget-panels", daemon=True)
        self._thread.start()

    def ask(self) -> None:
        """Have the work done soon; returns at once."""
        with self._wish:
            self._wished = True
            self._wish.notify()

    def end(self) -> None:
        """Begin no further call, and wait for one that runs."""
        with self._wish:
            self._ended = True
            self._wish.notify()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        while True:
            with self._wish:
                self._wish.wait_for(lambda: self._wished or self._ended)
                if self._ended:
                    return
                self._wished = False
            begun = time.monotonic()
            try:
                self._work()
            except Exception as error:  # said in words; a thread that dies would leave the panels still
                self._failed(error)
            with self._wish:
                self._wish.wait_for(lambda: self._ended, max(self._least - (time.monotonic() - begun), 0.0))
