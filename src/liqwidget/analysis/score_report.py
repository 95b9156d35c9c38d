"""What a notebook shows of a score: its measures by side, and how they change over the moments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..checks import usd_text
from ..drawing.axis import Axis, milliseconds
from ..drawing.ink import LONG, SERIES, SHORT, TEXT
from ..drawing.marks import Line, Mark, Points, numbers
from ..drawing.picture import Panel, Picture
from ..drawing.report import Report

if TYPE_CHECKING:
    from .score import Score

_COLOURS = {"long": LONG, "short": SHORT, "both": SERIES}
_DRAWN = {
    "rank": "rank correlation",
    "linear": "linear correlation",
    "hit_rate": "hits in bright cells",
    "false_alarm": "false alarms there",
    "overlap": "bright in both",
    "emd_share": "earth mover, of the way",
}


def report_of(found: Score) -> Report:
    """Return the report of a score."""
    frame: Any = found.frame
    means = found.by_side()
    both: Any = means.loc["both"]
    moments = frame["time"].nunique()
    first, last = (f"{frame['time'].iloc[i]:%Y-%m-%d %H:%M}" for i in (0, -1))
    when = f"at {last} UTC" if moments == 1 else f"over {moments:,} moments from {first} to {last} UTC"
    headline = (
        f"Against known positions {when}, the estimate ranks price cells with {_text(both['rank'], '.2f')} and lies "
        f"{_text(both['emd_share'], '.0%')} of the way to the levels off; its brightest {found.bright:.0%} of cells "
        f"hold {_text(both['hit_rate'], '.0%')} of the true USD (best possible {_text(both['hit_best'], '.0%')})."
    )
    if np.isnan(both["emd"]):
        headline = f"Against known positions {when} there is nothing to compare: the estimate or the truth is empty."
    rows = [
        (
            str(side),
            _text(m["rank"], ".2f"),
            _text(m["linear"], ".2f"),
            f"{_text(m['emd'], '.2%')} ({_text(m['emd_share'], '.0%')})",
            f"{_text(m['hit_rate'], '.0%')} ({_text(m['hit_best'], '.0%')})",
            _text(m["false_alarm"], ".0%"),
            _text(m["mass_ratio"], ".2f"),
        )
        for side, m in means.iterrows()
    ]
    columns = (
        "side",
        "rank",
        "linear",
        "earth mover, of price (of the way)",
        "hits (best)",
        "false alarms",
        "USD ratio",
    )
    notes = ["Ranks, correlation, hits and bright cells: 1 is best. False alarms and earth mover: 0 is best."]
    if found.outside or found.unpriced:
        lost = f"{usd_text(found.outside)} beyond the rows, {usd_text(found.unpriced)} without a level"
        notes.append(f"Not scored: {lost}.")
    panels = [_measures(means), *([_over_time(frame)] if moments > 1 else [])]
    return Report(headline, columns, rows, Picture(panels), notes)


def _measures(means: Any) -> Panel:
    names = [*_DRAWN][::-1]
    y = np.arange(len(names), dtype=np.float64)
    marks: list[Mark] = [
        Points(numbers(means["hit_best"])[-1:], y[[names.index("hit_rate")]], "best possible hits", TEXT, hollow=True)
    ]
    for (side, colour), shift in zip(_COLOURS.items(), (0.2, -0.2, 0.0), strict=True):
        marks.append(Points(numbers(means.loc[side, names]), y + shift, str(side), colour))
    labels = [_DRAWN[name] for name in names]
    return Panel(Axis("value"), Axis("", "names", labels), marks, "Measures by side", 30 + 26 * len(names))


def _over_time(frame: Any) -> Panel:
    marks: list[Mark] = []
    for side, colour in _COLOURS.items():
        part = frame[frame["side"] == side]
        marks.append(Line(milliseconds(part["time"]), numbers(part["rank"]), f"ranks, {side}", colour))
    return Panel(Axis("time, UTC", "time"), Axis("rank correlation"), marks, "Ranks over time", 110)


def _text(value: float, form: str) -> str:
    return "-" if np.isnan(value) else f"{value:{form}}"
