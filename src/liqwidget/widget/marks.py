"""Realised liquidations as marks in the columns of a picture, summed until they are few enough to draw."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..model.grid import Floats, Ints, auto_bin_size
from ..model.opening import SPAN
from .wire import encode_frame

if TYPE_CHECKING:
    import pandas as pd

    from ..market.market import Market

MAX_MARKS = 5_000  # in a complete frame
MAX_LIVE = 1_000  # added one by one before all are summed again
_NS_PER_MS = 1_000_000
_UNKNOWN = -(2**62)  # price level of liquidations without a price
_SIDES = ("long", "short")


@dataclass(frozen=True)
class Columns:
    """The columns of a picture, in which marks are placed.

    Attributes
    ----------
    start, end
        Open time of each column's first candle and end of its last one, ms since 1970 UTC, shape (C,).
    interval
        Length of a candle, ms.
    price_step
        Marks of one column and side closer together than this are one mark, USD.
    """

    start: Ints
    end: Ints
    interval: int
    price_step: float

    @classmethod
    def of(cls, market: Market, width: int) -> Columns:
        """Return the columns of ``width`` candles each of a market."""
        candles = market.candles
        time = candles.index.as_unit("ns").asi8 // _NS_PER_MS
        interval = max(market.interval.value // _NS_PER_MS, 1)
        last = np.minimum(np.arange(0, len(time), width) + width, len(time)) - 1
        step = auto_bin_size(candles["low"], candles["high"], SPAN)
        return cls(time[::width], time[last] + interval, interval, step)


@dataclass(frozen=True)
class Marks:
    """Sums of realised liquidations, one entry a mark, by time.

    Attributes
    ----------
    time, until
        Half-open range of time that the mark sums over, ms since 1970 UTC, shape (N,).
    side
        0: longs were liquidated, 1: shorts.
    price
        Mean weighted by notional, USD; NaN where it is not known.
    notional
        USD.
    count
        Liquidations behind it (or rows of sums).
    """

    time: Ints
    until: Ints
    side: Ints
    price: Floats
    notional: Floats
    count: Ints

    def __len__(self) -> int:
        return len(self.time)


@dataclass(frozen=True)
class Facts:
    """How much is drawn, and how much is not.

    Attributes
    ----------
    placed, outside
        Liquidations behind the marks, and those at times without a candle.
    long_usd, short_usd, outside_usd
        Their notional, USD.
    """

    placed: int = 0
    long_usd: float = 0.0
    short_usd: float = 0.0
    outside: int = 0
    outside_usd: float = 0.0

    def __add__(self, other: Facts) -> Facts:
        return Facts(*(getattr(self, name) + getattr(other, name) for name in Facts.__dataclass_fields__))


class Realised:
    """Realised liquidations of a widget, and how many of them the browser has.

    Parameters
    ----------
    frame
        As :func:`liqwidget.market.liquidations.read_liquidations` returns it, or None.
    revision
        Revision of the last frame.
    """

    revision: int

    def __init__(self, frame: pd.DataFrame | None, revision: int = 0) -> None:
        self._parts = [] if frame is None else [frame]
        self.revision = revision
        self._facts = Facts()
        self._waiting = frame
        self._live = 0
        self._length = 0

    @property
    def is_empty(self) -> bool:
        """Whether there are none, or they are not known."""
        return not any(len(part) for part in self._parts)

    @property
    def frame(self) -> pd.DataFrame | None:
        """All liquidations by time; None without any."""
        import pandas as pd

        if len(self._parts) > 1:
            self._parts = [pd.concat(self._parts).sort_values("time", kind="stable", ignore_index=True)]
        return self._parts[0].copy() if self._parts else None

    def copy(self) -> Realised:
        """Return a copy that can be changed without changing this one."""
        return copy(self)

    def whole(self, columns: Columns) -> bytes:
        """Return all marks as a frame with a new revision; empty without liquidations."""
        if self._parts:
            self.revision += 1
        self._live = 0
        return self.again(columns)

    def again(self, columns: Columns) -> bytes:
        """Return all marks as a frame with the current revision, for a view that opens later."""
        frame = self.frame
        if frame is None:
            return b""
        self._length = length_of_sums(_sum_times(frame), columns.interval)
        marks, self._facts, ahead = marks_of(frame, columns, self._length)
        self._waiting = frame[ahead]
        return self._encode(marks, 0)

    def add(self, frame: pd.DataFrame, columns: Columns) -> bytes | None:
        """Add liquidations; return the frame that adds them, or None if `whole` has to be sent."""
        first = not self._parts
        self._parts = [*self._parts, frame]  # a new list: copies share the old one
        whole = self.frame
        if first or whole is None:
            return None
        if len(_sum_times(frame)) and length_of_sums(_sum_times(whole), columns.interval) != self._length:
            return None  # the sums that were sent cover too much time
        return self._tail(frame, columns, Facts())

    def waits(self, columns: Columns) -> bool:
        """Return whether there are candles now for liquidations that had none when they were sent."""
        waiting = self._waiting
        return waiting is not None and len(waiting) > 0 and bool(_ms(waiting).min() < columns.end[-1])

    def grown(self, columns: Columns) -> bytes | None:
        """Return the frame that adds those that waited, or None if `whole` has to be sent."""
        waiting = self._waiting
        if waiting is None:
            return None
        # Until now they were counted as outside.
        usd = float(waiting["notional"].sum())
        self._waiting = waiting.iloc[:0]
        return self._tail(waiting, columns, Facts(outside=-len(waiting), outside_usd=-usd))

    def _tail(self, frame: pd.DataFrame, columns: Columns, change: Facts) -> bytes | None:
        import pandas as pd

        marks, facts, ahead = marks_of(frame, columns, self._length)
        self._facts += facts + change
        self._waiting = pd.concat([self._waiting, frame[ahead]])
        self._live += len(marks)
        if self._live > MAX_LIVE:
            return None
        self.revision += 1
        return self._encode(marks, self.revision - 1)

    def _encode(self, marks: Marks, base: int) -> bytes:
        facts = {**self._facts.__dict__, "outside_usd": max(self._facts.outside_usd, 0.0)}
        return encode_frame("events", {"revision": self.revision, "base": base, **facts}, marks.__dict__)


def marks_of(
    liquidations: pd.DataFrame, columns: Columns, length: int, most: int = MAX_MARKS
) -> tuple[Marks, Facts, npt.NDArray[np.bool_]]:
    """Sum realised liquidations into marks.

    Liquidations of one column and side whose prices lie in the same step make one mark; sums without a price make one
    mark each. If there are more than ``most``, steps and columns are doubled in turn until there are not. No USD is
    dropped.

    Parameters
    ----------
    liquidations
        As :func:`liqwidget.market.liquidations.read_liquidations` returns it.
    columns
        Where marks are placed.
    length
        Duration of a sum without a price, ms: :func:`length_of_sums`.
    most
        Maximum number of marks, at least 4.

    Returns
    -------
    tuple
        The marks; how much is drawn and not; and which rows are later than the last candle.
    """
    time, usd = _ms(liquidations), liquidations["notional"].to_numpy()
    price = liquidations["price"].to_numpy()
    unknown, there = np.isnan(price), usd > 0
    side = (liquidations["side"].to_numpy() == _SIDES[1]).astype(np.int64)
    until = time + np.where(unknown, length, 1)
    first = np.searchsorted(columns.start, time, "right") - 1
    inside = (first >= 0) & (time < columns.end[first])
    # A sum that starts in a gap is placed at the next candle if it reaches it.
    reaches = ~inside & (np.searchsorted(columns.start, until, "left") - 1 > first)
    first = np.where(reaches, first + 1, first)
    ahead = there & ~(inside | reaches) & (time >= columns.end[-1])
    drawn = there & (inside | reaches)
    facts = Facts(
        placed=int(drawn.sum()),
        long_usd=float(usd[drawn & (side == 0)].sum()),
        short_usd=float(usd[drawn & (side == 1)].sum()),
        outside=int((there & ~drawn).sum()),
        outside_usd=float(usd[there & ~drawn].sum()),
    )
    at = first[drawn]
    marks = Marks(
        columns.start[at],
        np.where(unknown[drawn], np.maximum(until[drawn], columns.end[at]), columns.end[at]),
        side[drawn],
        price[drawn],
        usd[drawn],
        np.ones(len(at), np.int64),
    )
    width, steps = 1, 1
    marks = _summed(marks, columns, width, steps)
    while len(marks) > most:
        width, steps = (width * 2, steps) if steps > width else (width, steps * 2)
        marks = _summed(marks, columns, width, steps)
    return marks, facts, ahead


def length_of_sums(time: Ints, interval: int) -> int:
    """Return the duration of sums, ms: their smallest distance, at least ``interval``.

    Fewer than three times do not determine it; it is ``interval`` then.
    """
    steps = np.diff(np.unique(time))
    return max(int(steps.min()), interval) if len(steps) > 1 else interval


def _summed(marks: Marks, columns: Columns, width: int, steps: int) -> Marks:
    """Return marks by time, one for each side, ``width`` columns and ``steps`` of price."""
    if not len(marks):
        return marks
    group = (np.searchsorted(columns.start, marks.time, "right") - 1) // width
    unknown = np.isnan(marks.price)
    level = np.full(len(marks), _UNKNOWN)
    level[~unknown] = np.floor(marks.price[~unknown] / (columns.price_step * steps))
    order = np.lexsort((marks.side, level, group))
    key = np.stack([group, level, marks.side])[:, order]
    begins = np.flatnonzero(np.r_[True, (np.diff(key) != 0).any(axis=0)])
    usd = np.add.reduceat(marks.notional[order], begins)
    time = np.minimum.reduceat(marks.time[order], begins)
    whole = Marks(
        time,
        np.maximum.reduceat(marks.until[order], begins),
        key[2, begins],
        np.add.reduceat((marks.notional * marks.price)[order], begins) / usd,
        usd,
        np.add.reduceat(marks.count[order], begins),
    )
    by_time = np.argsort(time, kind="stable")
    return Marks(**{name: values[by_time] for name, values in whole.__dict__.items()})


def _ms(frame: pd.DataFrame) -> Ints:
    ms: Ints = frame["time"].to_numpy(dtype="datetime64[ns]").view(np.int64) // _NS_PER_MS
    return ms


def _sum_times(frame: pd.DataFrame) -> Ints:
    """Return the times of liquidations without a price."""
    times: Ints = _ms(frame)[np.isnan(frame["price"].to_numpy())]
    return times
