"""Visitors who wait for a place: who is next when one is free."""

from __future__ import annotations

import time
from typing import Any

from jupyter_server.base.handlers import APIHandler

#: Seconds between two requests of a waiting page: more if many wait, so that all of them together send few a second.
SHORTEST, LONGEST, MOST_A_SECOND = 4.0, 15.0, 10.0
#: Intervals after which a silent page is passed over, and seconds after which it loses its turn: browsers let a page in
#: the background ask once a minute.
PASSED_OVER, LOST = 3.0, 100.0
#: Seconds that a place is kept for the page that was told of it.
KEPT = 20.0
#: Visitors who wait at most; more only see the copy, and ask again.
MOST = 500


class WaitingLine:
    """Tickets in the order in which they came, and those that were called; a page makes its ticket itself, at random.

    Places are counted by whoever calls: ``free`` are those that no kernel has.
    """

    def __init__(self) -> None:
        self._heard: dict[str, float] = {}  # when each ticket was last heard of
        self._called: dict[str, float] = {}  # when each was told of its place

    def pause(self) -> float:
        """Return the seconds after which a page should ask again."""
        return min(max(SHORTEST, len(self._heard) / MOST_A_SECOND), LONGEST)

    def ask(self, ticket: str, free: int) -> bool:
        """Return whether a place is kept for this ticket now."""
        now = self._forget()
        if ticket not in self._called:
            if ticket in self._heard or len(self._heard) < MOST:
                self._heard[ticket] = now
            if ticket not in self._heard or self._ahead(ticket, now) >= free - len(self._called):
                return False
            del self._heard[ticket]
        self._called[ticket] = now
        return True

    def enter(self, ticket: str, free: int) -> bool:
        """Return whether whoever opens the page may have a place: who was called, or anybody if nobody waits for it."""
        now = self._forget()
        is_called = self._called.pop(ticket, None) is not None
        return free > 0 if is_called else free > len(self._called) + self._ahead(None, now)

    def _ahead(self, ticket: str | None, now: float) -> int:
        """Return how many wait before this ticket, without those that were silent of late."""
        count, since = 0, now - PASSED_OVER * self.pause()
        for other, heard in self._heard.items():
            if other == ticket:
                break
            count += heard >= since
        return count

    def _forget(self) -> float:
        """Forget who has left, and return the time."""
        now = time.monotonic()
        for tickets, seconds in ((self._heard, LOST), (self._called, KEPT)):
            for ticket in [name for name, at in tickets.items() if now - at > seconds]:
                del tickets[ticket]
        return now


class Place(APIHandler):
    """A waiting page asks whether there is a place for it."""

    SUPPORTED_METHODS = ("POST",)

    line: WaitingLine
    max_visitors: int

    def initialize(self, line: WaitingLine, max_visitors: int) -> None:
        """Set who waits, and the number of places."""
        self.line, self.max_visitors = line, max_visitors

    async def post(self, ticket: str) -> None:
        """Reply 200 if a place is kept for this page, else 202 and when to ask again."""
        kernels: Any = self.kernel_manager
        is_next = self.line.ask(ticket, self.max_visitors - kernels.visitors())
        self.set_header("Cache-Control", "no-store")
        self.set_header("Retry-After", str(round(self.line.pause())))
        self.set_status(200 if is_next else 202)
