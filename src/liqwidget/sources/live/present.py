"""Present values of a venue that has no history of them, which become a series from the first request on."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from ...checks import shown, stamp
from ...errors import ParseError
from ..http.client import Client
from ..venues.venue import Present

COLUMNS = ("open_interest", "mark_low", "mark_high")
_SEED = 8  # candles whose values are taken over, which may be requested and so replaced again


class PresentSeries:
    """Open interest and range of the mark price by candle, from what a venue says at each request.

    Parameters
    ----------
    present
        How the venue is asked.
    symbol
        The venue's id.
    step
        The candles' interval, ms.
    candles
        Those shown: the values of the last ones, which an earlier feed may have brought, are kept.
    """

    def __init__(self, present: Present, symbol: str, step: int, candles: pd.DataFrame) -> None:
        self._present, self._symbol, self._step = present, symbol, step
        self._since: int | None = None
        self._values: dict[int, tuple[float, float, float]] = {}
        last = candles.tail(_SEED).reindex(columns=list(COLUMNS))
        for time, row in zip(_opens(last), last.to_numpy(), strict=True):
            if not np.isnan(row).all():
                self._values[time] = (float(row[0]), float(row[1]), float(row[2]))

    async def ask(self, client: Client, now: int) -> None:
        """Request the present values and add them to the candle of `now`, ms: the last open interest is its close's.

        Raises
        ------
        FetchError, ParseError
            The venue did not answer as expected.
        """
        body = (await client.ask(self._present.request(self._symbol))).body
        try:
            coins, mark = self._present.read(body, self._symbol)
        except (TypeError, LookupError, AttributeError):
            coins = mark = math.nan
        if not (coins > 0 and mark > 0):
            raise ParseError(f"{client.venue.name}: wanted open interest and mark price; got {shown(body)}.")
        self._since = now if self._since is None else self._since
        _, low, high = self._values.get(now // self._step * self._step, (0.0, mark, mark))
        self._values[now // self._step * self._step] = (coins, np.fmin(low, mark), np.fmax(high, mark))

    def beside(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return candles with these columns; NaN where nothing was asked during a candle."""
        nothing = (math.nan,) * len(COLUMNS)
        rows: list[Any] = [self._values.get(time, nothing) for time in _opens(frame)]
        return frame.assign(**dict(zip(COLUMNS, np.array(rows, np.float64).T, strict=True)))

    def told(self) -> str:
        """Return since when the values are known, for the user; empty before the first."""
        if self._since is None:
            return ""
        return f"open interest and mark price since {stamp(self._since // 1000 * 10**9)} UTC, when this feed began"


def _opens(candles: pd.DataFrame) -> list[int]:
    """Return the open times of candles, ms since 1970 UTC."""
    times: list[int] = pd.DatetimeIndex(candles.index).as_unit("ms").asi8.tolist()
    return times
