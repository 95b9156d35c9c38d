"""A task that keeps a widget up to date, and ends when nobody sees the widget or when it shows another market."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Any, ClassVar
from weakref import ReferenceType, WeakKeyDictionary, ref

_PATIENCE = 600.0  # seconds to wait for the first view of a widget
_SILENCE = 65.0  # seconds without a heartbeat of any view; hidden tabs send one per minute

#: Tasks of one kind by widget, while they run. Weakly: a task holds its widget, which holds it as an observer.
ByWidget = WeakKeyDictionary[Any, "ReferenceType[WidgetTask]"]


class WidgetTask:
    """A running task of one widget.

    A subclass has the function that starts it as `started_by`, its own `by_widget`, `run`, which sets `_reason`, and
    `_say`, which is called with the state "stopped" and perhaps a message.

    Attributes
    ----------
    task : asyncio.Task
        The running task; done when it has ended.
    """

    task: asyncio.Task[None]
    started_by: ClassVar[str]
    by_widget: ClassVar[ByWidget]

    def __init__(self, widget: Any) -> None:
        self._widget = widget
        self._shown, self._unseen = False, 0.0
        self._reason = "stopped by the user"  # why it ended, once it has
        self._assigned = widget.markets_assigned

    def stop(self) -> None:
        """Stop following; the picture stays."""
        self.task.cancel()

    @property
    def running(self) -> bool:
        """Whether it is still following."""
        return not self.task.done()

    async def run(self) -> None:
        """Follow until there is no view to follow for."""
        raise NotImplementedError

    @classmethod
    def stop_of(cls, widget: Any) -> None:
        """Stop the one of a widget, if there is one."""
        if widget in cls.by_widget and (before := cls.by_widget[widget]()) is not None:
            before.stop()

    def start(self, loop: asyncio.AbstractEventLoop, assigned: int) -> None:
        """Run for the market that was the `assigned`-th of the widget."""
        self._assigned = assigned
        self.task = loop.create_task(self.run(), name="liqwidget-follow")
        self.task.add_done_callback(self._over)
        self._widget.observe(self._on_assigned, "markets_assigned")
        self.by_widget[self._widget] = ref(self)

    def _over(self, _task: object) -> None:
        """Forget the widget, and say why; also where it was stopped before it ran."""
        self._widget.unobserve(self._on_assigned, "markets_assigned")
        if self.by_widget.get(self._widget) == ref(self):
            del self.by_widget[self._widget]
            self._say("stopped", message=self._reason)

    def _on_assigned(self, _change: object) -> None:
        """End it: another market was assigned, by any thread."""
        self._say("stopped")
        loop = self.task.get_loop()
        if not loop.is_closed():
            loop.call_soon_threadsafe(self.stop)

    def _is_astray(self) -> bool:
        """Tell whether the widget shows another market than the one followed."""
        return bool(self._widget.markets_assigned != self._assigned)

    @property
    def _other_market(self) -> str:
        return f"another market is shown; {self.started_by} starts again with it"

    def _write(self, write: Callable[..., object], *arguments: Any, **options: Any) -> None:
        """Write into the widget, unless it shows another market."""
        with self._widget.locked():
            if not self._is_astray():
                write(*arguments, **options)

    def _gone(self, passed: float) -> str:
        """Return the reason to stop, `passed` seconds after it was asked for last; empty if there is none."""
        if getattr(self._widget, "comm", None) is None:
            return "the widget is closed"
        if self._is_astray():
            return self._other_market
        if self._widget.views_alive():
            self._shown, self._unseen = True, 0.0
        else:
            self._unseen += passed  # not by the clock: while a long cell runs, no view can be heard
        last_said_so = self._shown and not self._widget.views_alive(math.inf)
        if last_said_so or self._unseen > (_SILENCE if self._shown else _PATIENCE):
            return f"no view is open; {self.started_by} starts it again"
        return ""

    def _say(self, state: str, **facts: Any) -> None:
        raise NotImplementedError
