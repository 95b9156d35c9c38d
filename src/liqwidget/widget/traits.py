"""Trait types of the widget: each checks what Python or the browser writes."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

import traitlets

from ..checks import is_finite, moment
from ..errors import InputError

Trait = traitlets.TraitType[Any, Any]


class Bounded(Trait):
    """A finite number in a range."""

    def __init__(self, default: float | None, low: float, high: float, **kwargs: Any) -> None:
        self.low, self.high = low, high
        super().__init__(default, **kwargs)

    def validate(self, obj: Any, value: Any) -> float:
        """Return the value to store, or raise InputError."""
        if not is_finite(value) or not self.low <= value <= self.high:
            wanted = f"a number from {self.low:g} to {self.high:g}{', or None' if self.allow_none else ''}"
            raise InputError(f"{self.name}: wanted {wanted}; got {str(value)[:40]!r}")
        return float(value)


class Threshold(Trait):
    """Two shares of the brightest cell: hidden below the first, brightest from the second."""

    info_text = "two numbers 0 <= low < high <= 1"

    def validate(self, obj: Any, value: Any) -> tuple[float, float]:
        """Return the value to store, or raise InputError."""
        pair = tuple(value) if isinstance(value, (list, tuple)) else ()
        if len(pair) != 2 or not all(is_finite(x) for x in pair) or not 0 <= pair[0] < pair[1] <= 1:
            raise InputError(f"threshold: wanted two shares 0 <= low < high <= 1; got {str(value)[:40]}")
        return (float(pair[0]), float(pair[1]))


class Moment(Trait):
    """A time in ms since 1970 UTC, or None. Python may assign text, datetime or Timestamp."""

    def __init__(self) -> None:
        super().__init__(default_value=None, allow_none=True)

    def validate(self, obj: Any, value: Any) -> float:
        """Return the value to store, or raise InputError."""
        ms = float(value) if is_finite(value) else moment(str(self.name), value) / 1e6
        obj.check_replay(ms)
        return ms


class Box(Trait):
    """A box of times (ms since 1970 UTC) and prices, or None."""

    def __init__(self, *names: str, **kwargs: Any) -> None:
        self.names = names
        super().__init__(default_value=None, allow_none=True, **kwargs)

    def validate(self, obj: Any, value: Any) -> dict[str, float]:
        """Return the value to store, or raise InputError."""
        wanted = ", ".join(self.names)
        if not isinstance(value, Mapping) or set(value) != set(self.names) or not all(map(is_finite, value.values())):
            raise InputError(f"{self.name}: wanted numbers {wanted}, or None; got {str(value)[:80]}")
        box = {name: float(value[name]) for name in self.names}
        for low, high in zip(self.names[::2], self.names[1::2], strict=True):
            if box[low] > box[high]:
                raise InputError(f"{self.name}: wanted {low} <= {high}; got {box[low]:g} > {box[high]:g}")
        return box


def mix_to_json(mix: Mapping[float, float] | None, _widget: object) -> dict[str, float]:
    """Return a mix with tiers as strings, as in JSON."""
    return {f"{tier}": weight for tier, weight in (mix or {}).items()}


def refuse_unknown(widget: type[traitlets.HasTraits], names: Iterable[str]) -> None:
    """Raise InputError for a name that is no setting of a widget class: traitlets accepts any."""
    hidden = ("keys", "comm")
    known = [name for name in widget.class_trait_names() if not name.startswith("_") and name not in hidden]
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, 3, 0.5) or ["palette", "scale", "threshold"]
            raise InputError(
                f"{widget.__name__}: wanted the name of a setting; got {name[:40]!r}. Did you mean {', '.join(near)}?"
            )
