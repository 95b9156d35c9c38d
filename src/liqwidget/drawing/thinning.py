"""Fewer marks where many share a pixel, so that a drawing of a year is as small as one of a day.

What stands out is kept: of the marks of one bucket, the highest and the lowest.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .marks import Area, Bars, Floats, Line, Mark, Points, Spans

BUCKETS = 240
POINTS = 300


def thinned(mark: Mark, low: float, high: float) -> Mark:
    """Return a mark with at most a few hundred numbers between two ends of the x axis; others as they are."""
    if isinstance(mark, Points | Spans):
        every = -(-len(mark.x) // POINTS)
        names = ("x", "y", "low", "high") if isinstance(mark, Spans) else ("x", "y")
        return replace(mark, **{name: getattr(mark, name)[::every] for name in names}) if every > 1 else mark
    if not isinstance(mark, Bars | Line | Area):
        return mark
    inside = _shown(mark.x, low, high, mark.width / 2 if isinstance(mark, Bars) else 0.0)
    if isinstance(mark, Bars):
        return _bars(replace(mark, x=mark.x[inside], top=mark.top[inside]), low, high)
    if isinstance(mark, Line):
        return _line(replace(mark, x=mark.x[inside], y=mark.y[inside]), low, high)
    kept = replace(mark, x=mark.x[inside], low=mark.low[inside], high=mark.high[inside])
    if len(kept.x) <= 2 * BUCKETS:
        return kept
    starts, _ = _buckets(kept.x, low, high)
    return replace(
        kept,
        x=kept.x[starts],
        low=np.minimum.reduceat(kept.low, starts),
        high=np.maximum.reduceat(kept.high, starts),
    )


def _shown(x: Floats, low: float, high: float, room: float) -> slice:
    """Return the part of increasing x between two ends, and a neighbour on each side; unordered x are all kept."""
    if len(x) < 2 or not (np.diff(x) >= 0).all():
        return slice(None)
    a, b = np.searchsorted(x, [low - room, high + room])
    return slice(max(int(a) - 1, 0), int(b) + 1)


def _bars(mark: Bars, low: float, high: float) -> Bars:
    if len(mark.x) <= BUCKETS:
        return mark
    order = np.argsort(mark.x, kind="stable")
    starts, centres = _buckets(mark.x[order], low, high)
    top = np.fmax.reduceat(mark.top[order], starts)
    return replace(mark, x=centres, top=top, width=max((high - low) / BUCKETS, mark.width))


def _line(mark: Line, low: float, high: float) -> Line:
    if len(mark.x) <= 2 * BUCKETS or not (np.diff(mark.x) >= 0).all():
        return mark
    starts, _ = _buckets(mark.x, low, high)
    kept = []
    for a, b in zip(starts, [*starts[1:], len(mark.x)], strict=True):
        part = mark.y[a:b]
        if np.isnan(part).all():
            kept.append(a)
            continue
        kept += sorted({a + int(np.nanargmin(part)), a + int(np.nanargmax(part))})
    kept = sorted({0, *kept, len(mark.x) - 1})
    return replace(mark, x=mark.x[kept], y=mark.y[kept])


def _buckets(x: Floats, low: float, high: float) -> tuple[list[int], Floats]:
    """Return where each bucket with a number begins among increasing x, and its centre on the axis."""
    width = (high - low) / BUCKETS
    number = np.floor((x - low) / width)
    starts = np.flatnonzero(np.r_[True, number[1:] != number[:-1]])
    return starts.tolist(), low + (number[starts] + 0.5) * width
