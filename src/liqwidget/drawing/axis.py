"""An axis: what its numbers are, where its ticks lie, and how they are written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, isfinite, log10
from typing import Any

import numpy as np

from ..checks import usd_text
from .marks import Floats

_MINUTE, _HOUR, _DAY = 60_000.0, 3_600_000.0, 86_400_000.0
_STEPS = [
    *(n * _MINUTE for n in (1, 5, 15, 30)),
    *(n * _HOUR for n in (1, 3, 6, 12)),
    *(n * _DAY for n in (1, 2, 7, 14)),
]
_MONTHS = (1, 3, 6, 12, 24, 60)
MOST_NAMES = 16


@dataclass(frozen=True)
class Axis:
    """What an axis says.

    Attributes
    ----------
    label
        What it shows, with its unit.
    kind
        "number"; "usd", written ``$1.24B``; "share", a fraction written in percent; "price"; "time", milliseconds
        since 1970, UTC; or "names".
    names
        Names of 0, 1, 2, ...; of kind "names".
    log
        Whether equal factors are equally long; then all numbers are above 0.
    low, high
        Its ends; None: those of the marks.
    """

    label: str
    kind: str = "number"
    names: Sequence[str] = ()
    log: bool = False
    low: float | None = None
    high: float | None = None

    def ends(self, values: Floats, from_zero: bool = False) -> tuple[float, float]:
        """Return where the axis begins and ends for these values, a little beyond them."""
        if self.kind == "names":
            return -0.5, max(len(self.names), 1) - 0.5
        known = values[np.isfinite(values) & ((values > 0) | (not self.log))]
        if not len(known):
            known = np.array([0.5, 2.0]) if self.log else np.array([0.0, 1.0])
        low, high = float(known.min()), float(known.max())
        if self.log:
            low = max(low, high * 1e-30)
            room = (high / low) ** 0.04 if high > low else 2.0
            low, high = low / room, high * room
        else:
            room = 0.04 * (high - low) if high > low else self._room(high)
            low, high = (0.0 if from_zero and low >= 0 else low - room), high + room
        return (low if self.low is None else self.low), (high if self.high is None else self.high)

    def _room(self, value: float) -> float:
        """Return what is shown on each side of a single number."""
        return _HOUR / 2 if self.kind == "time" else max(abs(value), 1.0) * (0.01 if self.kind == "price" else 0.5)

    def ticks(self, low: float, high: float, most: int = 6) -> list[tuple[float, str]]:
        """Return places and texts of the ticks between two ends, at most about ``most`` (names: 16)."""
        if self.kind == "names":
            every = ceil(len(self.names) / MOST_NAMES) or 1
            return [(float(i), name) for i, name in enumerate(self.names) if i % every == 0]
        if self.kind == "time":
            return _times(low, high, most)
        places, step = _decades(low, high, most) if self.log else _even(low, high, most)
        return [(place, self.text(place, step)) for place in places]

    def text(self, value: float, step: float) -> str:
        """Return a number as its tick says it; ``step`` is the distance to the next."""
        if self.kind == "usd":
            figures = ceil(log10(abs(value) / step) - 1e-9) + 1 if step and value and not self.log else 3
            return usd_text(value, min(max(figures, 3), 15))
        if self.log and self.kind == "number":
            return f"{value:,.6g}"
        scale, unit = (100.0, "%") if self.kind == "share" else (1.0, "")
        decimals = max(0, -floor(log10(abs(step * scale)) + 1e-9)) if step else 0
        return f"{value * scale + 0.0:,.{min(decimals, 10)}f}{unit}"


def milliseconds(times: Any) -> Floats:
    """Return times (datetime64, or pandas' with a time zone) as milliseconds since 1970, UTC, float64; NaT is NaN."""
    naive = times.tz_convert("UTC").tz_localize(None) if getattr(times, "tz", None) is not None else times
    if hasattr(naive, "dt") and naive.dt.tz is not None:
        naive = naive.dt.tz_convert("UTC").dt.tz_localize(None)
    moments = np.atleast_1d(np.asarray(naive, dtype="datetime64[ms]"))
    return np.where(np.isnat(moments), np.nan, moments.astype(np.float64))


def _even(low: float, high: float, most: int) -> tuple[list[float], float]:
    """Return the multiples of a 1-2-5 number between two ends, and that number."""
    if not (isfinite(low) and isfinite(high)) or high <= low:
        return [low], 0.0
    rough = (high - low) / most
    ten = 10.0 ** floor(log10(rough))
    step = next(ten * factor for factor in (1, 2, 5, 10) if ten * factor >= rough * 0.999)
    first, last = ceil(low / step - 1e-9), floor(high / step + 1e-9)
    return [k * step for k in range(first, last + 1)], step


def _decades(low: float, high: float, most: int) -> tuple[list[float], float]:
    """Return 1, 2 and 5 times powers of ten between two ends, or only the powers, and the smallest one's size."""
    powers = range(floor(log10(low)), ceil(log10(high)) + 1)
    for factors in ((1, 2, 5), (1, 3), (1,)):
        places = [f * 10.0**p for p in powers for f in factors if low <= f * 10.0**p <= high]
        if len(places) <= most + 1:
            break
    places = places[:: ceil(len(places) / (most + 1)) or 1]
    return (places, places[0]) if places else ([low], low)


def _times(low: float, high: float, most: int) -> list[tuple[float, str]]:
    rough = (high - low) / most
    step = next((step for step in _STEPS if step >= rough), None)
    if step is not None:
        ticks = np.arange(ceil(low / step), floor(high / step) + 1) * step
        return [(float(t), _moment(t, "%H:%M" if step < _DAY and t % _DAY else "%d %b")) for t in ticks]
    months = next((n for n in _MONTHS if n * 30.4 * _DAY >= rough), _MONTHS[-1])
    first, last = (int(np.datetime64(int(end), "ms").astype("datetime64[M]").astype(int)) for end in (low, high))
    found = []
    for month in range(-(-first // months) * months, last + 1, months):
        place = float(np.datetime64(month, "M").astype("datetime64[ms]").astype(np.int64))
        if low <= place <= high:
            found.append((place, _moment(place, "%Y" if months >= 12 else "%b %Y")))
    return found


def _moment(ms: float, form: str) -> str:
    text: str = np.datetime64(int(ms), "ms").item().strftime(form)
    return text
