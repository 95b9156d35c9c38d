"""What a notebook shows of a cascade: its path, round by round; of a curve: where pushes end, and cliff edges."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...checks import usd_text
from ...drawing.axis import Axis
from ...drawing.ink import SECOND, SERIES, TEXT, THIRD
from ...drawing.marks import Bars, Line, Mark, Points, Rule, numbers
from ...drawing.picture import Panel, Picture
from ...drawing.report import Report

if TYPE_CHECKING:
    from .cascade import Cascade, CascadeCurve

_CLIFFS = 20  # drawn
_LISTED = 8


def report_of_path(one: Cascade, warning: str) -> Report:
    """Return the report of one cascade."""
    price, liquidated = numbers(one.steps["price"]), numbers(one.steps["liquidated"])
    rounds = "1 round" if len(price) == 1 else f"{len(price)} rounds"
    rests = "leaves the known range at" if one.out_of_range else "comes to rest at"
    move = f"{one.final_price:,.2f} ({one.final_move:+.2%}), {one.amplification:.2f} times the push"
    headline = (
        f"If price were pushed by {one.shock:+.2%} to {price[0]:,.2f}, {usd_text(one.liquidated)} would be liquidated "
        f"in {rounds}; it {rests} {move}."
    )
    rows = [(f"{i + 1}", f"{at:,.2f}", f"{at / one.close - 1:+.2%}", usd_text(usd)) for i, (at, usd) in
            enumerate(zip(price.tolist(), liquidated.tolist(), strict=True))]  # fmt: skip
    x = np.arange(len(price) + 1.0)
    axis = Axis("round", "names", ["close", *(str(i) for i in range(1, len(price) + 1))])
    path = np.r_[one.close, price]
    marks: list[Mark] = [
        Rule(one.close, "close"),
        Line(x, path, "price", SERIES),
        Points(x[1:], price, "after the round", SERIES),
    ]
    panels = [
        Panel(axis, Axis("price, USD", "price"), marks, "Path of the price", 150),
        Panel(axis, Axis("USD", "usd"), [Bars(x[1:], liquidated, 0.6, "liquidated so far", SECOND)], "", 100),
    ]
    columns = ("round", "price, USD", "move", "liquidated so far")
    return Report(headline, columns, rows, Picture(panels), _notes(one, one.out_of_range, warning))


def report_of_curve(curve: CascadeCurve, warning: str) -> Report:
    """Return the report of the outcomes of many pushes."""
    most = int(np.argmax(curve.amplification))
    count = (
        "no cliff edge" if not len(curve.cliffs) else f"{len(curve.cliffs):,} cliff edge{'s'[: len(curve.cliffs) > 1]}"
    )
    headline = (
        f"Of {len(curve.shocks):,} pushes from {curve.shocks.min():+.2%} to {curve.shocks.max():+.2%}, the one of "
        f"{curve.shocks[most]:+.2%} is amplified most, {curve.amplification[most]:.2f} times; {count} beyond which the "
        "price jumps."
    )
    rows = [
        (
            f"{line['shock']:+.2%}",
            f"{line['rests_before']:,.2f}",
            f"{line['rests_after']:,.2f}",
            f"{line['jump']:.2%}",
            usd_text(line["liquidated"]),
        )
        for line in curve.cliffs.head(_LISTED).to_dict("records")
    ]
    columns = ("cliff edge at", "rests before, USD", "after, USD", "jump", "liquidated more")
    order = np.argsort(curve.shocks, kind="stable")
    pushes = curve.shocks[order]
    x = Axis("push, share of the close", "share")
    outcome: list[Mark] = [
        Line(pushes, pushes, "the push alone", TEXT, dashed=True),
        Line(pushes, curve.final_move[order], "where it comes to rest", SERIES),
        *_edges(curve),
    ]
    panels = [
        Panel(x, Axis("final move", "share"), outcome, "Where a push ends", 190),
        Panel(x, Axis("USD", "usd"), [Line(pushes, curve.liquidated[order], "liquidated", SECOND)], "", 100),
    ]
    beyond = bool(curve.out_of_range.any())
    return Report(headline, columns, rows, Picture(panels), _notes(curve, beyond, warning))


def _edges(curve: CascadeCurve) -> list[Mark]:
    """Return the largest cliff edges as one broken line of upright strokes, and none if there are none."""
    some = curve.cliffs.head(_CLIFFS).sort_values("shock")
    if not len(some):
        return []
    at, before, after = (numbers(some[name]) for name in ("shock", "rests_before", "rests_after"))
    y = np.stack([before / curve.close - 1, after / curve.close - 1, np.full(len(at), np.nan)], axis=1)
    return [Line(np.repeat(at, 3), y.ravel(), "cliff edge", THIRD)]


def _notes(result: Cascade | CascadeCurve, beyond: bool, warning: str) -> list[str]:
    notes = [f"From the close of {result.close:,.2f} at {str(result.time)[:16]} UTC; {result.impact}."]
    if beyond:
        notes.append("Beyond the known range the numbers are lower bounds.")
    return [*notes, warning]
