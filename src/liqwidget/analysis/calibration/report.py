"""What a notebook shows of a calibration: the mix with its intervals and prior, and how well decay rates predict."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...drawing.axis import Axis
from ...drawing.ink import SECOND, SERIES, THIRD
from ...drawing.marks import Bars, Mark, Points, Rule, Spans, numbers
from ...drawing.picture import Panel, Picture
from ...drawing.report import Report

if TYPE_CHECKING:
    from .result import Calibration


def report_of(fit: Calibration) -> Report:
    """Return the report of a calibration."""
    tiers, out = fit.tiers, fit.scores.loc["out_of_sample"]
    first, last = fit.fitted
    top = tiers["weight"].idxmax()
    half_life = f"{np.log(2) / fit.decay_rate:.3g} h" if fit.decay_rate else "endless"
    headline = (
        f"Fitted to realised liquidations from {first:%Y-%m-%d} to {last:%Y-%m-%d}: most weight is on {top:g}x "
        f"({tiers['weight'].max():.0f}%), half-life {half_life}; rank correlation {out['rank']:.2f} out of sample."
    )
    rows = [
        (
            f"{tier:g}x",
            f"{line.weight:.1f}%",
            f"{line.low:.1f} to {line.high:.1f}%",
            f"{line.prior:.1f}%",
            f"{line.from_data:.0%}",
        )
        for tier, line in tiers.iterrows()
    ]
    columns = ("tier", "weight", "90 % of resamples", "prior", "decided by data")
    notes = [*fit.notes, "All weights are estimates. Validate them on later data: lw.validate(market, calibration)."]
    return Report(headline, columns, rows, Picture([_mix(fit), _rates(fit)]), notes)


def _mix(fit: Calibration) -> Panel:
    tiers = fit.tiers
    x, weight, prior = np.arange(len(tiers), dtype=np.float64), numbers(tiers["weight"]), numbers(tiers["prior"])
    return Panel(
        Axis("leverage", "names", [f"{tier:g}x" for tier in tiers.index]),
        Axis("weight, percent"),
        [
            Bars(x, weight, 0.7, "fitted weight", faint=True),
            Spans(x, weight, numbers(tiers["low"]), numbers(tiers["high"]), "90 % of resamples", SERIES),
            Points(x, prior, "prior", THIRD, hollow=True),
        ],
        "Leverage mix",
    )


def _rates(fit: Calibration) -> Panel:
    tried = fit.search[fit.search["decay_rate"] > 0].sort_values("decay_rate")
    rate = numbers(tried["decay_rate"])
    marks: list[Mark] = [
        Points(rate, numbers(tried["rank"]), "rank correlation", SERIES),
        Points(rate, numbers(tried["linear"]), "linear correlation", SECOND, hollow=True),
        *([Rule(fit.decay_rate, "fitted", vertical=True)] if fit.decay_rate else []),
    ]
    x, y = Axis("decay rate, per hour", log=True), Axis("out of sample")
    return Panel(x, y, marks, "How well each decay rate that was tried predicts", 130)
