"""Leverage mixes: the tiers, and the share of opened USD that goes to each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import numpy.typing as npt

from ..checks import is_finite
from ..errors import InputError

PresetName = Literal["balanced", "hot", "on-chain"]

#: Shares in percent by tier leverage. No venue publishes the leverage that traders really use:
#: these are adjustable assumptions, not data. "balanced": USD per unit of log leverage fall with the square root
#: of the leverage; without being fitted, it scores about as well as a calibration.
#:
#: Examples
#: --------
#: >>> import liqwidget as lw
#: >>> lw.PRESETS["on-chain"]
#: {2: 36, 5: 49, 10: 9, 20: 4, 40: 2}
PRESETS: dict[str, dict[float, float]] = {
    "balanced": {3: 25, 5: 23, 10: 19, 20: 15, 50: 10, 100: 5, 150: 3},
    "hot": {5: 15, 10: 30, 25: 25, 50: 20, 100: 10},
    "on-chain": {2: 36, 5: 49, 10: 9, 20: 4, 40: 2},
}

MAX_TIERS = 32
MAX_DECAY_RATE = 1e6  # per hour


def check_mix(mix: Mapping[int, float] | Mapping[float, float] | str | None) -> dict[float, float]:
    """Return a leverage mix as ``{tier: weight}``, sorted by tier, weights as given.

    Parameters
    ----------
    mix
        Tier leverage -> weight (>= 0, any scale: only the shares count), the name of a preset
        ("balanced", "hot", "on-chain"), or None for "balanced". Tiers may be numeric strings.

    Raises
    ------
    InputError
        If the mix is empty, a tier or weight is no finite number, or all weights are zero.
    """
    if mix is None:
        mix = "balanced"
    if isinstance(mix, str):
        if mix not in PRESETS:
            raise InputError(f"leverage_mix: wanted one of {', '.join(PRESETS)} or a dict; got {mix[:40]!r}")
        return dict(PRESETS[mix])
    if not isinstance(mix, Mapping) or not 1 <= len(mix) <= MAX_TIERS:
        raise InputError(
            f"leverage_mix: wanted a dict of 1 to {MAX_TIERS} tiers, such as {{10: 60, 25: 40}}; got {str(mix)[:60]}"
        )
    checked: dict[float, float] = {}
    for tier, weight in mix.items():
        leverage = _number(tier, "tier")
        if not 1 <= leverage <= 1000:
            raise InputError(f"leverage_mix: tiers are leverages from 1 to 1000; got {leverage:g}")
        if leverage in checked:
            raise InputError(f"leverage_mix: tier {leverage:g} is there twice; keep one")
        value = _number(weight, f"weight of tier {leverage:g}")
        if value < 0:
            raise InputError(f"leverage_mix: weights are >= 0; tier {leverage:g} has {value:g}")
        checked[leverage] = value
    if sum(checked.values()) <= 0:
        raise InputError("leverage_mix: all weights are zero; give at least one tier a positive weight")
    return dict(sorted(checked.items()))


def check_decay_rate(value: object) -> float:
    """Return ``value`` as a rate per hour in [0, 1e6], or raise InputError."""
    if not is_finite(value) or not 0 <= float(value) <= MAX_DECAY_RATE:
        raise InputError(
            f"decay_rate: wanted a rate per hour >= 0 (half-life = ln 2 / rate) or 'auto'; got {str(value)[:40]!r}"
        )
    return float(value)


def shares(mix: Mapping[float, float]) -> npt.NDArray[np.float64]:
    """Return the weights of a checked mix, shape (L,), scaled to sum to 1."""
    weights = np.array(list(mix.values()), dtype=np.float64)
    weights /= weights.max()  # so that neither huge nor tiny weights overflow the sum
    scaled: npt.NDArray[np.float64] = weights / weights.sum()
    return scaled


def _number(value: object, what: str) -> float:
    if isinstance(value, str):
        text, value = value, _parsed(value)
        if value is None:
            raise InputError(f"leverage_mix: {what} must be a number; got {text[:40]!r}")
    if not is_finite(value):
        raise InputError(f"leverage_mix: {what} must be a finite number; got {str(value)[:40]!r}")
    number = float(value)
    return int(number) if number.is_integer() else number


def _parsed(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
