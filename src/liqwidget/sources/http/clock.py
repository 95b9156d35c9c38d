"""Clock: what waits and what tells the time, so that tests can let hours pass at once."""

from __future__ import annotations

import asyncio
import time


class Clock:
    """The real clock; tests derive one that they move themselves."""

    def now(self) -> float:
        """Return seconds since 1970, UTC; can jump when the system's clock is set."""
        return time.time()

    def monotonic(self) -> float:
        """Return seconds since some moment, by now the machine's start; the same for all processes, never set back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


#: The one real clock.
CLOCK = Clock()
