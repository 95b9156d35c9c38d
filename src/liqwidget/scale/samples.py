"""What a density of a history is made of: a ledger without entries, and the columns that were stored."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import InputError
from ..model.density import Density
from ..model.grid import Floats
from ..model.ledger import Ledger
from .build import Settings


class Samples(Density):
    """The density at some columns; flows between them are not stored."""

    def __init__(self, ledger: Ledger, rate: float, values: Any) -> None:
        super().__init__(ledger, rate, None, np.arange(len(ledger)), values.transpose(1, 2, 0))

    @property
    def _flows(self) -> dict[str, Floats]:
        raise InputError(
            "density: wanted flows; got a history, which stores only what stands. Replay a market's ledger instead."
        )


def bare_ledger(settings: Settings, time: Any, close: Any) -> Ledger:
    """Return a ledger without entries: the grid, tiers and times of a density."""
    T, L = len(time), len(settings.leverage)
    nothing = np.zeros(0)
    return Ledger(
        grid=settings.grid,
        leverage=settings.leverage,
        time=time.view("datetime64[ns]"),
        close=close,
        hours=np.zeros(T),
        opened=np.zeros(T),
        start=np.zeros(T + 1, np.intp),
        row=nothing.astype(np.uint16),
        tier=nothing.astype(np.uint8),
        side=nothing.astype(np.uint8),
        notional=nothing,
        sweep=np.zeros((T, 2), np.int64),
        crossed=np.zeros((T, L, 2)),
        out_of_range=np.zeros((T, L, 2)),
        settings=settings.ledger,
    )
