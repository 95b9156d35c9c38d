"""What a notebook shows of known positions: their liquidation prices, and the largest of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...checks import usd_text
from ...drawing.axis import Axis
from ...drawing.marks import Rule
from ...drawing.picture import Panel, Picture
from ...drawing.profile import profile_panel
from ...drawing.report import Report
from ...model.grid import nice_step

if TYPE_CHECKING:
    from .positions import Positions

_ROWS = 200  # of the drawing, from the mark price to each end
_LISTED = 8


def report_of(found: Positions) -> Report:
    """Return the report of positions."""
    frame = found.frame
    without = int(frame["liquidation_price"].isna().sum())
    notes = ["Public accounts that were asked for, not the market.", *found.notes]
    if not len(frame) or np.isnan(found.mark_price):
        panel = Panel(Axis("liquidation price, USD"), Axis("USD"), [Rule(0.0, "no position")], height=60)
        return Report(f"{found.label}: no position.", ("side", "USD"), [("-", "-")], Picture([panel]), notes)
    headline = f"{found.label}: {usd_text(frame['notional'].sum())} at a mark price of {found.mark_price:,.10g}"
    headline += f"; {without:,} without a liquidation price." if without else "."
    largest = frame.sort_values("notional", ascending=False, kind="stable").head(_LISTED)
    rows = [
        (
            f"{line['side']}",
            usd_text(line["notional"]),
            "-" if np.isnan(line["liquidation_price"]) else f"{line['liquidation_price']:,.10g}",
            f"{line['leverage']:g}x",
            f"{line['address']}"[:10] + "…",
        )
        for line in largest.to_dict("records")
    ]
    size = nice_step(found.mark_price / 2 / _ROWS)
    profile = found.profile(size)
    panel = profile_panel(profile, found.mark_price, size, "mark price", "Positions by liquidation price")
    beyond = found.beyond()
    if beyond - without:
        notes.insert(0, f"{beyond - without:,} positions have their level more than half the price away: not drawn.")
    columns = ("side", "USD", "liquidation price", "leverage", "address")
    return Report(headline, columns, rows, Picture([panel]), notes)
