"""True positions, from exchanges that publish them, as an outline over the side profile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd

from ..errors import InputError
from ..model.grid import PriceGrid, half_bins
from .wire import encode_frame

_SIDES = ("long", "short")
_KEPT = 200  # snapshots


class HasProfile(Protocol):
    """Positions with known liquidation prices, from an exchange that publishes them.

    Attributes
    ----------
    label
        Source and time, as text.

    Notes
    -----
    With a Timestamp of UTC as ``time`` it is a snapshot, which a replay shows from then on.
    """

    @property
    def label(self) -> str: ...  # noqa: D102

    def profile(self, bin_size: float) -> pd.DataFrame:
        """Return ``price`` (centre of a row), ``long`` and ``short`` (USD) of the non-empty rows."""


@dataclass(frozen=True)
class Snapshots:
    """The last positions that were assigned, by rising time; the last one is the newest."""

    kept: tuple[HasProfile, ...] = ()

    @property
    def last(self) -> HasProfile | None:
        """The positions of now, or None."""
        return self.kept[-1] if self.kept else None

    def followed_by(self, positions: HasProfile | None) -> Snapshots:
        """Return these up to the time of others, and those; without a time or of another coin, those alone."""
        time = time_of(positions)
        if positions is None or time is None:
            return Snapshots(() if positions is None else (positions,))
        before = [one for one in self.kept if _coin_of(one) == _coin_of(positions) and _is_before(time_of(one), time)]
        return Snapshots((*before[1 - _KEPT :], positions))

    def at(self, ms: float | None) -> HasProfile | None:
        """Return what was known at a time, ms since 1970 UTC, or None; without a time the newest."""
        if ms is None:
            return self.last
        return next((one for one in reversed(self.kept) if (time := time_of(one)) is not None and time <= ms), None)


def time_of(positions: object) -> float | None:
    """Return the time of a snapshot, ms since 1970 UTC; None if it has none."""
    time = getattr(positions, "time", None)
    return time.timestamp() * 1000 if isinstance(time, pd.Timestamp) and time.tzinfo is not None else None


def _is_before(time: float | None, other: float) -> bool:
    return time is not None and time < other


def _coin_of(positions: Any) -> Any:
    return getattr(positions, "coin", None)


def check_positions(positions: object) -> None:
    """Raise InputError if an object is neither None nor positions with a profile and a label."""
    if positions is not None and not (
        callable(getattr(positions, "profile", None)) and isinstance(getattr(positions, "label", None), str)
    ):
        raise InputError(
            f"positions: wanted an object with profile(bin_size) and a label, or None; "
            f"got {type(positions).__name__}. See LiquidationHeatmap.positions."
        )


def positions_frame(positions: HasProfile, grid: PriceGrid) -> bytes:
    """Return the rows of a profile on a grid as a frame; rows outside it are counted.

    Raises
    ------
    InputError
        The profile is not valid, or has another bin size.
    """
    table = positions.profile(grid.bin_size)
    missing = [name for name in ("price", *_SIDES) if name not in table]
    if missing:
        raise InputError(
            f"positions: wanted a profile with price, long and short; got none of {', '.join(missing)}. "
            "Add what is missing."
        )
    price = np.asarray(table["price"], np.float64)
    usd = {side: np.asarray(table[side], np.float64) for side in _SIDES}
    for name, values in (("price", price), *usd.items()):
        wrong = ~np.isfinite(values) | (values < 0)
        if wrong.any():
            raise InputError(
                f"positions: wanted {name} finite and >= 0; got {values[wrong.argmax()]:g} in row "
                f"{int(wrong.argmax())} of the profile. Correct the data behind the profile."
            )
    halves = (half_bins(price, grid.bin_size) - 1) / 2
    row = np.rint(halves)
    off = np.abs(halves - row) > 1e-6
    if off.any() or (np.diff(row) <= 0).any():
        where = f"{price[off.argmax()]:g}" if off.any() else "falling ones"
        raise InputError(
            f"positions: wanted prices as rising centres of rows of {grid.bin_size:g} USD; got {where}. "
            "Bin them as Density.profile does."
        )
    row = row.astype(np.int64) - grid.first
    total = usd["long"] + usd["short"]
    inside = (row >= 0) & (row < grid.rows)
    shown, outside = inside & (total > 0), ~inside & (total > 0)
    meta: dict[str, Any] = {
        "bin_size": grid.bin_size,
        "first": grid.first,
        "rows": grid.rows,
        "label": positions.label[:200],
        "outside_usd": float(total[outside].sum()),
        "outside_rows": int(outside.sum()),
    }
    if (time := time_of(positions)) is not None:
        meta["time"] = time
    return encode_frame("positions", meta, {"row": row[shown], **{side: usd[side][shown] for side in _SIDES}})
