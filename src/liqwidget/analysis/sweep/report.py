"""What a notebook shows of a sweep: a cell for each mix and decay rate, and the range of what it found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...checks import usd_text
from ...drawing.axis import Axis
from ...drawing.marks import Heat
from ...drawing.picture import Panel, Picture
from ...drawing.report import Report

if TYPE_CHECKING:
    from .sweep import Sweep

_MARKETS = 2  # drawn
_LISTED = 6
_RATES, _MIXES = 10, 12  # drawn, evenly spaced if there are more


def report_of(found: Sweep) -> Report:
    """Return the report of a sweep."""
    table = found.table
    markets = list(table.groupby("market", sort=False))
    best = found.best()
    score = "rank" if len(best) else ""
    rows = [_row(str(name), part, score) for name, part in markets[:_LISTED]]
    columns = ("market", "settings", "standing long", "standing short", "best ranks", "median")
    panels = [_heat(str(name), part, score) for name, part in markets[:_MARKETS]]
    notes = [
        *(["The best was chosen on what it is scored on: validate it on later data."] if score else []),
        *found.notes,
        "All values are estimates. A cell is the mean over bin sizes and moments; of many mixes and rates, evenly "
        "spaced ones are drawn.",
    ]
    return Report(_headline(found, best), columns, rows, Picture(panels), notes)


def _headline(found: Sweep, best: Any) -> str:
    table = found.table
    total = table["long_usd"] + table["short_usd"]
    what = f"{len(table):,} settings of {table['market'].nunique():,} market{'s'[: table['market'].nunique() > 1]}"
    if not len(best):
        return f"{what}: from {usd_text(total.min())} to {usd_text(total.max())} stand, by setting."
    top = best.sort_values("rank", ascending=False).iloc[0]
    return (
        f"{what}: realised liquidations are ranked best on {top['market']}, {top['rank']:.2f}, with mix {top['mix']} "
        f"and a decay of {top['decay_rate']:.3g} per hour; the settings reach {table['rank'].min():.2f} to "
        f"{table['rank'].max():.2f}."
    )


def _row(name: str, part: Any, score: str) -> tuple[str, ...]:
    spans = (f"{usd_text(part[side].min())} to {usd_text(part[side].max())}" for side in ("long_usd", "short_usd"))
    known = part[score].dropna() if score else part["close"].iloc[:0]
    scores = (f"{known.max():.3f}", f"{known.median():.3f}") if len(known) else ("-", "-")
    return (name, f"{len(part):,}", *spans, *scores)


def _heat(name: str, part: Any, score: str) -> Panel:
    known = bool(score) and bool(part[score].notna().any())
    values = part[score] if known else part["long_usd"] + part["short_usd"]
    means = values.groupby([part["decay_rate"], part["mix"]], sort=False).mean().unstack()
    means = means.sort_index()
    rows, columns = (_some(len(labels), most) for labels, most in ((means.index, _RATES), (means.columns, _MIXES)))
    cells = means.iloc[rows, columns]
    numbers = cells.to_numpy(dtype=np.float64)
    texts = [["" if np.isnan(x) else f"{x:.2f}" if known else usd_text(x) for x in line] for line in numbers.tolist()]
    return Panel(
        Axis("leverage mix", "names", [str(mix) for mix in cells.columns]),
        Axis("decay per hour", "names", [f"{rate:.3g}" for rate in cells.index]),
        [Heat(numbers, "ranks of realised liquidations" if known else "USD standing", texts)],
        name,
        20 + 22 * max(len(cells), 3),
    )


def _some(count: int, most: int) -> list[int]:
    """Return at most so many numbers below ``count``, evenly spaced, with the first and the last."""
    return sorted({round(place) for place in np.linspace(0, count - 1, min(count, most)).tolist()})
