"""Measures of an estimate and its baselines against realised liquidations, for the series and each resample.

All return replicates: ``{(side, who, measure): (1 + draws,)}``, the series' own value first. ``who`` is "estimated" or
a baseline. ``counts``, (1 + draws, D), is how often each resample takes each of the D days; ``day``, (S,), is the
day of each of the S scored intervals.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ...model.grid import Floats, Ints
from ..stats.day_resamples import bright_cells, linear_correlations, mean_ranks, rank_correlations, replicates
from ..stats.intervals import Intervals
from .price_rows import RowCells
from .result import spread

Replicates = dict[tuple[str, str, str], Floats]
_PARTS: dict[str, Any] = {"long": 0, "short": 1, "both": slice(None)}
_BINS = 10


def of_sums(
    amounts: Mapping[str, Floats],
    realised: Floats,
    intervals: Intervals,
    scored: npt.NDArray[np.bool_],
    counts: Floats,
    day: Ints,
    bright: float,
) -> Replicates:
    """Compare sums by interval and side; ``amounts`` and ``realised`` have shape (H, 2), H all intervals."""
    found: Replicates = {}
    for side, part in _PARTS.items():
        y = realised[scored][:, part]
        x = {who: amount[scored][:, part].reshape(-1) for who, amount in amounts.items()}
        days = np.repeat(day, y.size // len(day))
        found |= _compared(side, x, y.reshape(-1), counts, days, bright)
        total = counts @ np.bincount(days, y.reshape(-1), counts.shape[1])
        mine = counts @ np.bincount(days, x["estimated"], counts.shape[1])
        found[side, "estimated", "usd_ratio"] = _ratio(mine, total)
    for who, amount in amounts.items():
        found |= _by_side(who, "hours_off", *intervals.misplaced(amount, realised, scored), counts)
    return found


def of_gain(plain: Floats, added: Mapping[str, Floats], counts: Floats) -> Replicates:
    """Return the share of squared errors, (D, 2) by day and side, that each estimate removes."""
    found: Replicates = {}
    for who, errors in added.items():
        left = _by_side(who, "gain", errors, plain, counts)
        found |= {key: 1.0 - values for key, values in left.items()}
    return found


def of_rows(
    cells: RowCells, stood: Mapping[str, Floats], step: Floats, counts: Floats, day: Ints, bright: float
) -> Replicates:
    """Compare price rows: ``stood`` by cell, (N,); ``step``, (H,), the height of a row as a fraction of the price.

    ``day`` is the day of each interval, scored or not, (H,).
    """
    found: Replicates = {}
    for side, number in _PARTS.items():
        part = np.ones(len(cells.side), dtype=np.bool_) if side == "both" else cells.side == number
        x = {who: values[part] for who, values in stood.items()}
        found |= _compared(side, x, cells.realised[part], counts, day[cells.interval[part]], bright, "row_")
    for who, values in stood.items():
        moved, weight = (_daily(each, day, counts.shape[1]) for each in cells.misplaced(values, step))
        found |= _by_side(who, "price_off", moved, weight, counts)
    return found


def of_reach(missed: Floats, flagged: Floats, counts: Floats, day: Ints) -> Replicates:
    """Return the share of bright rows, (H, 2) each, that price did not reach; ``day`` of each interval, (H,)."""
    missed, flagged = (_daily(each, day, counts.shape[1]) for each in (missed, flagged))
    return _by_side("estimated", "unreached", missed, flagged, counts)


def curve(estimated: Floats, realised: Floats, counts: Floats, day: Ints) -> pd.DataFrame:
    """Return the calibration curve as `Validation.curve` has it, of USD by scored interval and side, (S, 2)."""
    lines, D = [], counts.shape[1]
    for side, part in _PARTS.items():
        e, y = estimated[:, part].reshape(-1), realised[:, part].reshape(-1)
        days = np.repeat(day, len(e) // len(day))
        scale = float(_ratio(y.sum(), e.sum()))
        some = e[e > 0]
        edges = np.quantile(some, np.linspace(0, 1, _BINS + 1)[1:-1]) if len(some) else np.zeros(0)
        places = np.where(e > 0, 1 + np.searchsorted(edges, e, side="left"), 0)
        for number in np.unique(places).tolist():
            cell = places == number
            sums = counts @ np.bincount(days[cell], y[cell], D)
            mean, low, high = spread(_ratio(sums, counts @ np.bincount(days[cell], minlength=D)), D)
            usd = float(e[cell].mean())
            lines.append((side, number, int(cell.sum()), usd, usd * scale, mean, low, high))
    names = ["side", "bin", "cells", "estimated", "scaled", "realised", "low", "high"]
    return pd.DataFrame(lines, columns=names).set_index(names[:2])


def _compared(
    side: str, x: Mapping[str, Floats], y: Floats, counts: Floats, day: Ints, bright: float, prefix: str = ""
) -> Replicates:
    if not len(y):
        return {}

    def statistic(taken: Floats) -> dict[str, Floats]:
        rank = mean_ranks(y, taken)
        ranks = {who: rank_correlations(mean_ranks(values, taken), rank, taken) for who, values in x.items()}
        return ranks | bright_cells(x["estimated"], y, taken, bright)

    found = {(side, who, f"{prefix}linear"): linear_correlations(values, y, counts, day) for who, values in x.items()}
    for name, values in replicates(statistic, counts, day).items():
        who, measure = (name, "rank") if name in x else ("estimated", name)
        found[side, who, prefix + measure] = values
    return found


def _by_side(who: str, name: str, above: Floats, below: Floats, counts: Floats) -> Replicates:
    """Return ratios of sums over days, (D, 2) each, by side and for both."""
    return {
        (side, who, name): _ratio(*(counts @ np.atleast_2d(each[:, part].T).sum(axis=0) for each in (above, below)))
        for side, part in _PARTS.items()
    }


def _daily(amount: Floats, day: Ints, days: int) -> Floats:
    total = np.zeros((days, 2))
    np.add.at(total, day, amount)
    return total


def _ratio(above: Any, below: Any) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Floats = np.where(np.asarray(below) > 0, above / np.asarray(below), np.nan)
    return found
