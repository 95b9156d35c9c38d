"""What a notebook shows of a sensitivity: the profile with its range, and which setting moves it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...checks import usd_text
from ...drawing.axis import Axis
from ...drawing.ink import SECOND, SERIES
from ...drawing.marks import Bars, numbers
from ...drawing.picture import Panel, Picture
from ...drawing.profile import profile_panel
from ...drawing.report import Report

if TYPE_CHECKING:
    from .sensitivity import Sensitivity

_CLUSTERS = 8


def report_of(found: Sensitivity, warning: str) -> Report:
    """Return the report of a sensitivity; ``warning`` says what the range is not."""
    when = f"{found.time:%Y-%m-%d %H:%M} UTC"
    if len(found.clusters):
        top = found.clusters.iloc[0]
        at = f"{top['side']}s, {top['price_low']:,.10g} to {top['price_high']:,.10g}"
        low, high = usd_text(top["notional_low"]), usd_text(top["notional_high"])
        headline = (
            f"The largest cluster at {when} ({at}) holds {usd_text(top['notional'])}; with other mixes, decay rates "
            f"and bin sizes {low} to {high} ({found.level:.0%} of {len(found.draws):,} draws)."
        )
    else:
        headline = f"Nothing stands at {when}."
    rows = [
        (
            f"{line['side']}s",
            f"{line['price_low']:,.10g} to {line['price_high']:,.10g}",
            usd_text(line["notional"]),
            f"{usd_text(line['notional_low'])} to {usd_text(line['notional_high'])}",
            f"{line['found']:.0%}",
        )
        for line in found.clusters.head(_CLUSTERS).to_dict("records")
    ]
    columns = ("cluster", "prices, USD", "estimate", f"{found.level:.0%} of the draws", "found in")
    price = numbers(found.profile["price"])
    size = float(price[1] - price[0]) if len(price) > 1 else 1.0
    band = numbers(found.profile["low"]), numbers(found.profile["high"]), f"{found.level:.0%} of the draws"
    map_panel = profile_panel(found.profile, found.close, size, "close", "Profile and its range", band)
    return Report(headline, columns, rows, Picture([map_panel, _matters(found)]), [warning])


def _matters(found: Sensitivity) -> Panel:
    x = np.arange(len(found.matters), dtype=np.float64)
    marks = [
        Bars(x - 0.18, numbers(found.matters["band"]), 0.3, "amounts", SERIES),
        Bars(x + 0.18, numbers(found.matters["shape"]), 0.3, "shape over the prices", SECOND),
    ]
    names = Axis("setting drawn alone", "names", list(found.matters.index))
    return Panel(names, Axis("range / estimate", "share"), marks, "What matters: width of the range", 110)
