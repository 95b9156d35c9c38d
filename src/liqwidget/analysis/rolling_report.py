"""What a notebook shows of rolling calibrations: scores in the window and after it, the gain, and the decay rate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..drawing.axis import Axis, milliseconds
from ..drawing.ink import CYCLE, TEXT
from ..drawing.marks import Line, Mark, Points, Rule, Spans, numbers
from ..drawing.picture import Panel, Picture
from ..drawing.report import Report

if TYPE_CHECKING:
    from .rolling import Rolling

_DRAWN, _LISTED = 4, 10  # markets


def report_of(found: Rolling) -> Report:
    """Return the report of rolling calibrations."""
    table: Any = found.table
    fitted = table[table["decay_rate"].notna()]
    markets = list(fitted.groupby("market", sort=False))
    inside, after = fitted["rank_in_sample"].median(), fitted["rank_following"].median()
    lost = len(table) - len(fitted)
    scores = f"median rank correlation {_text(inside)} in the window and {_text(after)} on what followed"
    failed = f"; {lost:,} could not be fitted" if lost else ""
    headline = f"{len(table):,} windows of {table['market'].nunique():,} market{'s'[: table['market'].nunique() > 1]}: "
    headline += f"{scores if len(fitted) else 'none could be fitted'}{failed if len(fitted) else ''}."
    rows = [_row(str(name), part) for name, part in markets[:_LISTED]]
    columns = ("market", "windows", "decay per hour", "ranks in the window", "ranks after it", "gain after it")
    notes = [f"{count:,} x {note}" for note, count in fitless(table).items()]
    notes.append("Ranks and gain after a window are of liquidations that were never fitted on.")
    return Report(headline, columns, rows, Picture(_panels(markets[:_DRAWN])), notes)


def fitless(table: Any) -> dict[str, int]:
    """Return why windows could not be fitted, and how many, at most 6 reasons."""
    counts: dict[str, int] = table.loc[table["decay_rate"].isna(), "note"].value_counts().head(6).to_dict()
    return counts


def _row(name: str, part: Any) -> tuple[str, ...]:
    rate = part["decay_rate"]
    medians = (_text(part[column].median()) for column in ("rank_in_sample", "rank_following", "gain_following"))
    return (name, f"{len(part):,}", f"{rate.min():.3g} to {rate.max():.3g}", *medians)


def _panels(markets: list[tuple[Any, Any]]) -> list[Panel]:
    ranks: list[Mark] = []
    gains: list[Mark] = [Rule(0.0, "no gain")]
    rates: list[Mark] = []
    for (name, part), colour in zip(markets, CYCLE, strict=False):
        end = milliseconds(part["end"])
        within, after, gain = (
            numbers(part[column]) for column in ("rank_in_sample", "rank_following", "gain_following")
        )
        ranks += [
            Points(end, within, f"{name}, in the window", colour, hollow=True),
            Line(end, after, "", colour),
            Points(end, after, f"{name}, after it", colour),
        ]
        gains += [Line(end, gain, "", colour), Points(end, gain, str(name), colour)]
        low, high = numbers(part["decay_low"]), numbers(part["decay_high"])
        rates.append(Spans(end, numbers(part["decay_rate"]), low, high, f"{name}, 90 % of resamples", colour))
    x = Axis("end of the window, UTC", "time")
    if not markets:
        marks: list[Mark] = [Rule(0.0, "no window could be fitted", colour=TEXT)]
        return [Panel(x, Axis("rank correlation"), marks, height=60)]
    known = any(part["gain_following"].notna().any() for _, part in markets)
    gain_panel = Panel(x, Axis("gain"), gains, "Gain over move and volume, after the window", 100)
    return [
        Panel(x, Axis("rank correlation"), ranks, "Ranks of realised liquidations", 150),
        *([gain_panel] if known else []),
        Panel(x, Axis("per hour"), rates, "Decay rate", 110),
    ]


def _text(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.2f}"
