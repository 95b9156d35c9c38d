"""Status of the live feed; heartbeats of open views."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ..checks import is_finite
from ..errors import InputError

STATES = ("off", "live", "delayed", "disconnected", "stopped")
OFF: dict[str, Any] = {"state": "off", "since": None, "last": None, "message": "", "every_ms": 5_000}
MAX_VIEWS = 256
_FACTS = ("since", "last", "message", "every_ms")


class Views:
    """The open views of a widget, known by their heartbeats.

    Attributes
    ----------
    heard
        View -> time of its last heartbeat, by `time.monotonic`; the oldest is the first.
    """

    def __init__(self) -> None:
        self.heard: dict[str, float] = {}

    def alive(self, within: float) -> int:
        """Return how many views sent a heartbeat in the last ``within`` seconds."""
        now = time.monotonic()
        return sum(now - heard <= within for heard in self.heard.values())

    def hear(self, content: Mapping[str, Any]) -> str | None:
        """Handle a heartbeat ("here") or the end of a view ("gone"); return the id of a view to answer, or None.

        Ids come from the browser and may be anything.
        """
        view = content.get("view")
        if not isinstance(view, str) or not 0 < len(view) <= 64:
            return None
        self.heard.pop(view, None)
        if content["type"] != "here":
            return None
        self.heard[view] = time.monotonic()
        if len(self.heard) > MAX_VIEWS:
            del self.heard[next(iter(self.heard))]
        return view


def live_status(old: Mapping[str, Any], state: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the status of a live feed after it has changed.

    Parameters
    ----------
    old
        The status before.
    state, facts
        As for :meth:`liqwidget.widget.base.HeatmapWidget.set_live`.

    Raises
    ------
    InputError
        The state or a fact is unknown, or a fact has the wrong type.
    """
    if state not in STATES:
        raise InputError(
            f"live: wanted one of {', '.join(STATES)}; got {str(state)[:40]!r}. Pass one of these as state."
        )
    for name, value in facts.items():
        if name not in _FACTS:
            raise InputError(f"live: wanted {', '.join(_FACTS)}; got {name[:40]!r}. Check the spelling.")
        if name == "message":
            right = isinstance(value, str)
        elif name == "every_ms":
            right = is_finite(value) and value > 0
        else:
            right = value is None or is_finite(value)
        if not right:
            wanted = "text" if name == "message" else "a number of ms"
            raise InputError(f"live: wanted {name} as {wanted}; got {str(value)[:40]!r}. Correct or omit it.")
    same = old["state"] == state
    since = old["since"] if same else round(time.time() * 1000)
    message = old["message"] if same else ""
    new = {**old, "since": since, "message": message, **facts, "state": state}
    return {**new, "message": new["message"][:300]}
