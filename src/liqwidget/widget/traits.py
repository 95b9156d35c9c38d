"""Trait types of the widget: each checks what Python or the browser writes."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, TypedDict, TypeVar

import numpy as np
import traitlets

from ..checks import is_finite, moment
from ..errors import InputError

Get = TypeVar("Get")
Set = TypeVar("Set")

Palette = Literal["plasma", "viridis", "cividis", "inferno"]
Scale = Literal["linear", "sqrt", "log"]
Contrast = Literal["view", "whole"]
PriceAxis = Literal["linear", "log"]
Layer = Literal["estimate", "realised", "both"]
Theme = Literal["auto", "light", "dark"]


class TraitInputError(InputError, traitlets.TraitError):
    """A trait value is not usable; also traitlets' own error, which code that uses traitlets expects."""


class HeatmapTraits(TypedDict, total=False):
    """Traits that a heatmap takes as keywords, beside its own arguments."""

    palette: Palette
    scale: Scale
    contrast: Contrast
    price_axis: PriceAxis
    threshold: Sequence[float]
    opacity: float
    swept: bool
    bubbles: bool
    layer: Layer
    theme: Theme
    height: float
    shock: float | None
    selection: Mapping[str, float] | None
    visible: Sequence[Any] | Mapping[str, Any] | None
    as_of: float | str | datetime | np.datetime64 | None
    decay_auto: bool
    bin_auto: bool
    layout: Any
    tabbable: bool | None
    tooltip: str | None


class HistoryTraits(HeatmapTraits, total=False):
    """Those of the heatmap of a history: settings that the history was built with may be repeated."""

    bin_size: float
    maintenance_rate: float
    fee_rate: float
    turnover: float
    span: float


class Choice(traitlets.TraitType[Get, Get]):
    """One of a few words."""

    def __init__(self, words: Sequence[Get], default: Get) -> None:
        self.words: tuple[Get, ...] = tuple(words)
        super().__init__(default)

    def validate(self, obj: Any, value: Any) -> Get:
        """Return the value to store, or raise InputError."""
        if not isinstance(value, str) or value not in self.words:
            wanted = ", ".join(map(repr, self.words))
            raise TraitInputError(f"{self.name}: wanted one of {wanted}; got {str(value)[:40]!r}")
        return value


class Switch(traitlets.TraitType[bool, bool]):
    """True or False."""

    def validate(self, obj: Any, value: Any) -> bool:
        """Return the value to store, or raise InputError."""
        if not isinstance(value, bool):
            raise TraitInputError(f"{self.name}: wanted True or False; got {str(value)[:40]!r}")
        return value


class Bounded(traitlets.TraitType[Get, Get]):
    """A finite number in a range."""

    def __init__(self, default: Get, low: float, high: float, **kwargs: Any) -> None:
        self.low: float = low
        self.high: float = high
        super().__init__(default, **kwargs)

    def validate(self, obj: Any, value: Any) -> Any:
        """Return the value to store, or raise InputError."""
        if not is_finite(value) or not self.low <= value <= self.high:
            wanted = f"a number from {self.low:g} to {self.high:g}{', or None' if self.allow_none else ''}"
            raise TraitInputError(f"{self.name}: wanted {wanted}; got {str(value)[:40]!r}")
        return float(value)


class Threshold(traitlets.TraitType[tuple[float, float], Sequence[float]]):
    """Two shares of the brightest cell: hidden below the first, brightest from the second."""

    info_text = "two numbers 0 <= low < high <= 1"

    def validate(self, obj: Any, value: Any) -> tuple[float, float]:
        """Return the value to store, or raise InputError."""
        pair = tuple(value) if isinstance(value, (list, tuple)) else ()
        if len(pair) != 2 or not all(is_finite(x) for x in pair) or not 0 <= pair[0] < pair[1] <= 1:
            raise TraitInputError(f"threshold: wanted two shares 0 <= low < high <= 1; got {str(value)[:40]}")
        return (float(pair[0]), float(pair[1]))


class Moment(traitlets.TraitType[float | None, float | str | datetime | np.datetime64 | None]):
    """A time in ms since 1970 UTC, or None. Python may assign text, datetime or Timestamp."""

    def __init__(self) -> None:
        super().__init__(default_value=None, allow_none=True)

    def validate(self, obj: Any, value: Any) -> float:
        """Return the value to store, or raise InputError."""
        ms = float(value) if is_finite(value) else moment(str(self.name), value) / 1e6
        obj.check_replay(ms)
        return ms


class Box(traitlets.TraitType[dict[str, float] | None, Mapping[str, float] | None]):
    """A box of times (ms since 1970 UTC) and prices, or None."""

    def __init__(self, *names: str, **kwargs: Any) -> None:
        self.names: tuple[str, ...] = names
        super().__init__(default_value=None, allow_none=True, **kwargs)

    def validate(self, obj: Any, value: Any) -> dict[str, float]:
        """Return the value to store, or raise InputError."""
        wanted = ", ".join(self.names)
        if not isinstance(value, Mapping) or set(value) != set(self.names) or not all(map(is_finite, value.values())):
            raise TraitInputError(f"{self.name}: wanted numbers {wanted}, or None; got {str(value)[:80]}")
        box = {name: float(value[name]) for name in self.names}
        for low, high in zip(self.names[::2], self.names[1::2], strict=True):
            if box[low] > box[high]:
                raise TraitInputError(f"{self.name}: wanted {low} <= {high}; got {box[low]:g} > {box[high]:g}")
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
