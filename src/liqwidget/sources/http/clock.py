"""Clock: tells the time and waits, so that tests can skip hours."""

from __future__ import annotations

import asyncio
import time

_NOTABLE = 120_000  # ms; an answer may take half a minute


class Clock:
    """The system clock; tests derive one that they set themselves."""

    def now(self) -> float:
        """Return seconds since 1970, UTC; can jump when the system's clock is set."""
        return time.time()

    def monotonic(self) -> float:
        """Return seconds since a fixed point, usually boot; the same for all processes, never set back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


def clock_note(ahead: int | None) -> str:
    """Return a sentence where this computer's clock is `ahead` ms of a venue's by minutes; otherwise nothing."""
    if ahead is None or abs(ahead) < _NOTABLE:
        return ""
    size, unit = (3_600_000, "h") if abs(ahead) >= 5_400_000 else (60_000, "min")
    where = "ahead of" if ahead > 0 else "behind"
    return f"this computer's clock is {round(abs(ahead) / size)} {unit} {where} the venue's; set it"


#: The one real clock.
CLOCK = Clock()
