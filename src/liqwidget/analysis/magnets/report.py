"""What a notebook shows of a magnet study: how often price came to clusters and to placebo levels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...drawing.axis import Axis
from ...drawing.ink import SERIES, THIRD
from ...drawing.marks import Mark, Points, Rule, Spans, numbers
from ...drawing.picture import Panel, Picture
from ...drawing.report import Report

if TYPE_CHECKING:
    from .study import MagnetStudy

#: What each measure is, and the form of its numbers; then what clusters are compared with.
WORDS = {
    "touched": ("share touched", "{:.1%}"),
    "hours": ("hours to touch, the horizon if untouched", "{:.1f}"),
    "range": ("range after touching, in volatilities", "{:.2f}"),
    "speed": ("path after touching, in volatilities", "{:.2f}"),
    "broke": ("share broken once touched", "{:.1%}"),
    "break_hours": ("hours from touch to break, the watch if unbroken", "{:.2f}"),
    "on_node": ("share at a node of the volume profile", "{:.1%}"),
    "on_swing": ("share at a swing extreme", "{:.1%}"),
}
FACES = {
    "mirror": "the mirror level",
    "shifted": "the shifted cluster",
    "matched": "matched moments",
    "classical": "classical levels",
}
LISTED = ("touched", "range", "broke", "on_node")  # in the table
NOTHING = "no difference found"


def report_of(study: MagnetStudy, name: str) -> Report:
    """Return the report of a study of a market with this name."""
    table = study.to_frame()
    touched = table[table["measure"] == "touched"]
    rows = []
    for row in table[table["measure"].isin(LISTED)].to_dict("records"):
        words, form = WORDS[row["measure"]]
        known = not np.isnan(row["low"])
        interval = f"{form.format(row['low'])} to {form.format(row['high'])}" if known else "-"
        means = tuple(_number(form, row[side]) for side in ("at_clusters", "at_placebo"))
        rows.append((words, FACES[row["against"]], *means, interval, verdict(row)))
    columns = ("measure", "clusters against", "at clusters", "there", "95 % interval of the difference", "")
    return Report(_headline(study, touched, name), columns, rows, Picture(_panels(touched)), _notes(study, table))


def verdict(row: Any) -> str:
    """Return what a comparison says: whether its interval excludes 0."""
    if np.isnan(row["low"]):
        return "too little to tell"
    return "differs" if row["low"] > 0 or row["high"] < 0 else NOTHING


def _headline(study: MagnetStudy, touched: Any, name: str) -> str:
    what = f"{name}: " if name else ""
    found: dict[str, list[str]] = {}
    for row in touched.to_dict("records"):
        share = _number("{:.0%}", row["at_placebo"])
        found.setdefault(verdict(row), []).append(f"{FACES[row['against']]} ({share})")
    own = _number("{:.0%}", touched["at_clusters"].iloc[0])
    hours = study.settings["horizon_hours"]
    verdicts = "; ".join(f"{says}: {', '.join(those)}" for says, those in found.items())
    if list(found) == [NOTHING]:
        verdicts = f"{NOTHING} to {', '.join(found[NOTHING])}"
    return f"{what}price came to {own} of the largest clusters within {hours:g} h; {verdicts}."


def _panels(touched: Any) -> list[Panel]:
    y = np.arange(len(touched), dtype=np.float64)[::-1]
    faces = Axis("", "names", [FACES[against] for against in touched["against"]][::-1])
    clusters, placebo, difference, low, high = (
        numbers(touched[name]) for name in ("at_clusters", "at_placebo", "difference", "low", "high")
    )
    rates: list[Mark] = [
        Points(placebo, y, "placebo level", THIRD, hollow=True),
        Points(clusters, y, "clusters, where both have a level", SERIES),
    ]
    apart: list[Mark] = [
        Rule(0.0, "no difference", vertical=True),
        Spans(difference, y, low, high, "clusters minus placebo, 95 %", SERIES, lying=True),
    ]
    height = 30 + 25 * len(touched)
    return [
        Panel(Axis("share touched", "share", low=0.0), faces, rates, "Touch rates", height),
        Panel(Axis("difference of the shares", "share"), faces, apart, "Difference", height),
    ]


def _notes(study: MagnetStudy, table: Any) -> list[str]:
    time = study.decisions["time"]
    moments = time.nunique()
    known = table.dropna(subset=["low", "high"])
    apart = int(((known["low"] > 0) | (known["high"] < 0)).sum())
    return [
        f"{moments:,} moments, {time.min():%Y-%m-%d} to {time.max():%Y-%m-%d}; about "
        f"{moments / study.settings['block']:.0f} stretches can count as separate.",
        f"{apart} of {len(known)} differences exclude 0; about {len(known) * 0.05:.0f} would by chance alone, and rows "
        "that measure alike go together.",
        "All measures: to_frame(). Clusters are estimates; this says where price has been, nothing of where it goes.",
    ]


def _number(form: str, value: float) -> str:
    return "-" if np.isnan(value) else form.format(value)
