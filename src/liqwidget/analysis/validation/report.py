"""What a notebook shows of a validation: realised against estimated USD, and the lead over rules without a mix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...checks import usd_text
from ...drawing.axis import Axis
from ...drawing.ink import SECOND, SERIES, TEXT, THIRD
from ...drawing.marks import Line, Mark, Points, Rule, Spans, numbers
from ...drawing.picture import Panel, Picture
from ...drawing.report import Report
from .baselines import BASELINES

if TYPE_CHECKING:
    from .result import Validation

_TOLD = {"rank": "ranks", "linear": "USD correlation"}


def report_of(found: Validation, label: str) -> Report:
    """Return the report of a validation of a market with this label."""
    table: Any = found.by_side().loc["both"]
    skill: Any = found.skill()
    lead = skill.loc["both"] if len(skill) else skill
    own = tuple(_span(table.loc[name, :]) if name in table.index else "-" for name in _TOLD)
    rows: list[tuple[str, ...]] = [("the estimate", *own, "", "")]
    for who, name in BASELINES.items():
        lines = [lead.loc[(who, measure)] if (who, measure) in lead.index else None for measure in _TOLD]
        if any(line is not None for line in lines):
            theirs = tuple("-" if line is None else _text(line["baseline"]) for line in lines)
            rows.append((name, *theirs, *("-" if line is None else _span(line, "+.2f") for line in lines)))
    columns = ("", "ranks", "USD correlation", "lead in ranks", "lead in USD correlation")
    what = f"{label}: " if label else ""
    headline = (
        f"{what}the estimate orders {len(found.frame) // 2:,} intervals of {found.settings['every']} by what was "
        f"liquidated with a rank correlation of {own[0]}; {_against(lead)}."
    )
    return Report(headline, columns, rows, Picture([_curve(found), _forest(lead)]), _notes(found))


def _against(lead: Any) -> str:
    """Return the comparison of ranks with the baselines as text."""
    told: dict[str, list[str]] = {
        "ahead of": [],
        "behind": [],
        "no difference found to": [],
        "too little to compare with": [],
    }
    for who, name in BASELINES.items():
        if (who, "rank") not in lead.index:
            continue
        low, high = lead.loc[(who, "rank"), ["low", "high"]]
        how = 3 if np.isnan(low) else 0 if low > 0 else 1 if high < 0 else 2
        [*told.values()][how].append(name)
    parts = [f"{how} {', '.join(names)}" for how, names in told.items() if names]
    return f"in ranks it is {'; '.join(parts)}" if parts else "there is no rule to compare it with"


def _notes(found: Validation) -> list[str]:
    bin_zero: Any = found.curve().loc["both"]
    notes = [
        f"Gain over move and volume: {_text(found.gain)}. False alarms: {_text(found.false_alarm, '.0%')} of the USD "
        f"in the brightest {found.bright:.0%}. Estimated over realised USD: {_text(found.usd_ratio, '.3g')}.",
        f"Brackets: 95 % of resamples of {found.days} days. Leads above 0: the estimate is better.",
        "Scored: given the path of price, how much was liquidated. Not shown: where price goes next.",
    ]
    if 0 in bin_zero.index:
        line = bin_zero.loc[0]
        notes.insert(
            0,
            f"In {int(line['cells']):,} cells nothing was estimated; {usd_text(line['realised'])} was realised in them "
            "on average.",
        )
    return notes


def _curve(found: Validation) -> Panel:
    curve = found.curve().loc["both"]
    curve = curve[curve["scaled"] > 0]
    x, y, low, high = (numbers(curve[name]) for name in ("scaled", "realised", "low", "high"))
    known = np.concatenate([part[part > 0] for part in (x, y, low, high)])
    floor = float(known.min()) / 2 if len(known) else 1.0
    above = y > 0
    ends = np.array([floor, float(known.max()) if len(known) else 2.0])
    marks: list[Mark] = [
        Line(ends, ends, "as estimated", TEXT, dashed=True),
        Spans(x[above], y[above], np.maximum(low, floor)[above], high[above], "a tenth of the intervals, 95 %", SERIES),
    ]
    if not above.all():
        bare = x[~above]
        marks.append(Points(bare, np.full(len(bare), floor), "nothing realised", THIRD, hollow=True))
    return Panel(
        Axis("estimated USD by interval and side, scaled to the realised total", "usd", log=True),
        Axis("realised, mean", "usd", log=True),
        marks,
        "Realised against estimated, by tenths of the estimate",
        220,
    )


def _forest(lead: Any) -> Panel:
    shown = [who for who in BASELINES if any((who, measure) in lead.index for measure in _TOLD)][::-1]
    marks: list[Mark] = [Rule(0.0, "no lead", vertical=True)]
    for measure, colour, shift in (("rank", SERIES, 0.14), ("linear", SECOND, -0.14)):
        there = [(i, lead.loc[(who, measure)]) for i, who in enumerate(shown) if (who, measure) in lead.index]
        x, low, high = (numbers([line[name] for _, line in there]) for name in ("value", "low", "high"))
        y = numbers([i + shift for i, _ in there])
        marks.append(Spans(x, y, low, high, f"lead in {_TOLD[measure]}", colour, lying=True))
    return Panel(
        Axis("estimate minus rule"),
        Axis("rule without a mix", "names", [BASELINES[who] for who in shown]),
        marks,
        "Lead over rules that know no mix, 95 % intervals",
        40 + 30 * len(shown),
    )


def _text(value: float, form: str = ".2f") -> str:
    return "-" if np.isnan(value) else f"{value:{form}}"


def _span(line: Any, form: str = ".2f") -> str:
    known = not np.isnan(line["low"])
    return _text(line["value"], form) + (f" [{line['low']:{form}}, {line['high']:{form}}]" if known else "")
