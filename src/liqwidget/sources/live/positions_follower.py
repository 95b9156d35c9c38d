"""Known positions of one widget, asked for again and again."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

from ...cache_folder import folder
from ...errors import LiqError
from ...run.progress import Progress
from ..fetch.positions import Positions, ask_positions
from ..http.client import Client
from ..http.clock import CLOCK
from ..http.limits import Limits
from ..venues.hyperliquid import VENUE
from .widget_task import ByWidget, WidgetTask

_LOOK = 5.0  # seconds, at most, between two looks at whether there is a view


class PositionsFollower(WidgetTask):
    """Refreshes a widget's known positions; created by `follow_positions`.

    Attributes
    ----------
    task : asyncio.Task
        The running task; done when it has ended.
    problem : str
        Why the last request failed, or why it ended, as text; empty if it succeeded.
    """

    started_by = "lw.follow_positions"
    by_widget: ClassVar[ByWidget] = WeakKeyDictionary()

    def __init__(self, widget: Any, addresses: list[str], coin: str, every: float, trust_env: bool) -> None:
        super().__init__(widget)
        self._addresses, self._coin, self._every, self._trust_env = addresses, coin, every, trust_env
        self._last: Positions | None = None
        self.problem: str = ""

    def __repr__(self) -> str:
        count = len(self._addresses)
        state = ("running" if self.running else "stopped") + (f": {self.problem}" if self.problem else "")
        return (
            f"<PositionsFollower hyperliquid {self._coin}, {count:,} address{'es'[: 2 * (count != 1)]}, "
            f"every {self._every:g} s, {state}>"
        )

    async def run(self) -> None:
        """Follow until there is no view to follow for."""
        self._reason = "an error ended it"
        try:
            with Limits(folder(None)) as limits:
                async with Client(VENUE, limits, trust_env=self._trust_env) as client:
                    due, slept = CLOCK.monotonic(), 0.0
                    while not (gone := self._gone(slept)):
                        if CLOCK.monotonic() >= due:
                            due = CLOCK.monotonic() + self._every
                            await self._attended(asyncio.create_task(self._round(client)))
                        slept = min(_LOOK, max(due - CLOCK.monotonic(), 0.0))
                        await CLOCK.sleep(slept)
                    self._reason = gone
        except asyncio.CancelledError:
            self._reason = "stopped by the user"
            raise

    async def _attended(self, asking: asyncio.Task[None]) -> None:
        """Wait for a round, which may take minutes; cancel it if there is no view any more."""
        try:
            while not (await asyncio.wait([asking], timeout=_LOOK))[0]:
                if self._gone(_LOOK):
                    return
            asking.result()
        finally:
            asking.cancel()
            await asyncio.wait([asking])

    async def _round(self, client: Client) -> None:
        """Show the positions of now, or say on the last ones why they are not."""
        counted = Progress(f"hyperliquid {self._coin}", "addresses", total=len(self._addresses))
        try:
            self._write(self._show, await ask_positions(client, self._addresses, self._coin, counted))
            self.problem = ""
        except LiqError as error:
            self._mark(str(error))

    def _show(self, found: Positions) -> None:
        self._widget.positions = found
        self._last = found

    def _mark(self, problem: str) -> None:
        """Keep why the positions are no longer refreshed, and say it where they are still shown."""
        self.problem = problem
        with self._widget.locked():
            last = self._last
            if last is not None and last is self._widget.positions and last.problem != problem:
                self._write(self._show, replace(last, problem=problem))

    def _say(self, state: str, message: str = "", **_facts: Any) -> None:
        if getattr(self._widget, "comm", None) is not None:
            self._mark(self._other_market if self._is_astray() else message)
