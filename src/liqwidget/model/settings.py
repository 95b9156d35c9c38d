"""Leverage mixes: which tiers there are and how much of what opens goes to each."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from ..checks import is_finite
from ..errors import InputError

#: Shares in percent by tier leverage. What traders really use is not public at any venue:
#: these are assumptions to be changed, never data.
PRESETS: dict[str, dict[float, float]] = {
    "balanced": {3: 25, 5: 30, 10: 25, 20: 14, 50: 5, 100: 1},
    "hot": {5: 15, 10: 30, 25: 25, 50: 20, 100: 10},
    "on-chain": {2: 36, 5: 49, 10: 9, 20: 4, 40: 2},
}

MAX_TIERS = 32


def check_mix(mix: Mapping[float, float] | str | None) -> dict[float, float]:
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
