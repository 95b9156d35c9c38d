"""Trait types of the widget: each checks what Python or the browser writes, and says what was wanted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import traitlets

from ..checks import is_finite
from ..errors import InputError
from ..model.density import check_decay_rate, resolve_decay_rate
from ..model.margin import level_factors
from ..model.settings import check_mix

Trait = traitlets.TraitType[Any, Any]


class Mix(Trait):
    """A leverage mix: tier -> weight."""

    info_text = "a dict of leverage tier -> weight, or a preset's name"

    def validate(self, obj: Any, value: Any) -> dict[float, float]:
        """Return the value as it is kept, or raise InputError."""
        mix = check_mix(value)
        try:
            level_factors(list(mix), obj.maintenance_rate, obj.fee_rate)
        except InputError as error:
            raise InputError(f"leverage_mix: {error}") from None
        return mix


class Decay(Trait):
    """A decay rate per hour; "auto" asks the market."""

    info_text = "a rate per hour >= 0, or 'auto'"

    def validate(self, obj: Any, value: Any) -> float:
        """Return the value as it is kept, or raise InputError."""
        return (
            resolve_decay_rate(value, obj.market, obj.turnover) if isinstance(value, str) else check_decay_rate(value)
        )


class Bin(Trait):
    """A bin size in USD whose grid fits the browser."""

    info_text = "a positive number of USD"

    def validate(self, obj: Any, value: Any) -> float:
        """Return the value as it is kept, or raise InputError."""
        return obj._check_bin(value)  # type: ignore[no-any-return]


class Bounded(Trait):
    """A finite number in a range."""

    def __init__(self, default: float | None, low: float, high: float, **kwargs: Any) -> None:
        self.low, self.high = low, high
        super().__init__(default, **kwargs)

    def validate(self, obj: Any, value: Any) -> float:
        """Return the value as it is kept, or raise InputError."""
        if not is_finite(value) or not self.low <= value <= self.high:
            wanted = f"a number from {self.low:g} to {self.high:g}{', or None' if self.allow_none else ''}"
            raise InputError(f"{self.name}: wanted {wanted}; got {str(value)[:40]!r}")
        return float(value)


class Threshold(Trait):
    """Two shares of the brightest cell: hidden below the first, brightest from the second."""

    info_text = "two numbers 0 <= low < high <= 1"

    def validate(self, obj: Any, value: Any) -> tuple[float, float]:
        """Return the value as it is kept, or raise InputError."""
        pair = tuple(value) if isinstance(value, (list, tuple)) else ()
        if len(pair) != 2 or not all(is_finite(x) for x in pair) or not 0 <= pair[0] < pair[1] <= 1:
            raise InputError(f"threshold: wanted two shares 0 <= low < high <= 1; got {str(value)[:40]}")
        return (float(pair[0]), float(pair[1]))


class Box(Trait):
    """A box of times (ms since 1970 UTC) and prices, or None."""

    def __init__(self, *names: str, **kwargs: Any) -> None:
        self.names = names
        super().__init__(default_value=None, allow_none=True, **kwargs)

    def validate(self, obj: Any, value: Any) -> dict[str, float]:
        """Return the value as it is kept, or raise InputError."""
        wanted = ", ".join(self.names)
        if not isinstance(value, Mapping) or set(value) != set(self.names) or not all(map(is_finite, value.values())):
            raise InputError(f"{self.name}: wanted numbers {wanted}, or None; got {str(value)[:80]}")
        box = {name: float(value[name]) for name in self.names}
        for low, high in zip(self.names[::2], self.names[1::2], strict=True):
            if box[low] > box[high]:
                raise InputError(f"{self.name}: wanted {low} <= {high}; got {box[low]:g} > {box[high]:g}")
        return box


def mix_to_json(mix: Mapping[float, float] | None, _widget: object) -> dict[str, float]:
    """Return a mix with tiers as strings, as JSON has them."""
    return {f"{tier}": weight for tier, weight in (mix or {}).items()}
