"""Rate limits for a visitor."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Budget:
    """A token bucket: ``rate`` units a second, and up to ``burst`` units after a pause; overspending has to wait."""

    rate: float
    burst: float
    left: float
    at: float

    def __init__(self, rate: float, burst: float) -> None:
        self.rate, self.burst, self.left, self.at = rate, burst, burst, time.monotonic()
        self.even: float = self.at  # when units were last left over

    def spend(self, units: float) -> None:
        """Take units; the balance may become negative."""
        now = time.monotonic()
        self.left = min(self.left + (now - self.at) * self.rate, self.burst) - units
        self.at = now
        if self.left >= 0.1 * self.burst and units:  # a visitor who always waits is only slightly above 0 afterwards
            self.even = now

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Take the CPU seconds that the block uses on this thread."""
        begun = time.thread_time()
        try:
            yield
        finally:
            self.spend(time.thread_time() - begun)

    async def settled(self) -> None:
        """Wait until the balance is no longer negative."""
        self.spend(0)
        while self.left < 0:
            await asyncio.sleep(min(-self.left / self.rate, 1.0))
            self.spend(0)
