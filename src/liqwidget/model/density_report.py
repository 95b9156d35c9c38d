"""What a notebook shows of a density: the liquidation map of its last candle and the largest clusters there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..checks import stamp, usd_text
from ..drawing.axis import Axis
from ..drawing.ink import LONG, SHORT
from ..drawing.marks import Bars
from ..drawing.picture import Panel, Picture
from ..drawing.profile import profile_panel
from ..drawing.report import Report
from .cells import Cells

if TYPE_CHECKING:
    from .density import Density
    from .grid import Floats

ESTIMATE = "Estimated, of vulnerability: it says nothing of where price goes."
_CLUSTERS = 6


def report_of(density: Density, kind: str = "Estimate", warning: str = ESTIMATE) -> Report:
    """Return the report of a density; ``kind`` says what its numbers are, ``warning`` what they do not say."""
    moment = stamp(int(density.time[-1].astype("datetime64[ns]").astype(np.int64)))
    when = f"{moment} UTC, close {float(density.close[-1]):,.10g}"
    notes = [f"At the close of the last of {len(density.time):,} candles.", warning]
    if density.weights is None:
        return _of_tiers(density, f"{kind} at {when}", notes)
    profile, clusters = density.profile(), density.clusters(top=_CLUSTERS)
    long, short = profile["long"].sum(), profile["short"].sum()
    headline = f"{kind} at {when}: {usd_text(long)} of longs stand below and {usd_text(short)} of shorts above"
    if len(clusters):
        top = clusters.iloc[0]
        headline += (
            f"; the largest cluster is {usd_text(top['notional'])} of {top['side']}s at {top['price_low']:,.10g} to "
            f"{top['price_high']:,.10g} ({top['distance']:+.1%})"
        )
    rows = [
        (
            f"{line['side']}s",
            f"{line['price_low']:,.10g} to {line['price_high']:,.10g}",
            usd_text(line["notional"]),
            f"{line['distance']:+.2%}",
            usd_text(line["to_reach"]),
        )
        for line in clusters.to_dict("records")
    ]
    columns = ("cluster", "prices, USD", "USD", "distance of the peak", "USD up to there")
    panel = profile_panel(profile, float(density.close[-1]), density.bin_size, "close", "Liquidation map")
    return Report(f"{headline}.", columns, rows, Picture([panel]), notes)


def _of_tiers(density: Density, title: str, notes: list[str]) -> Report:
    long, short = by_tier(density)
    names = [f"{tier:g}x" for tier in density.leverage]
    rows = [(name, usd_text(a), usd_text(b)) for name, a, b in zip(names, long.tolist(), short.tolist(), strict=True)]
    x = np.arange(len(names), dtype=np.float64)
    marks = [Bars(x - 0.2, long, 0.36, "longs", LONG), Bars(x + 0.2, short, 0.36, "shorts", SHORT)]
    panel = Panel(Axis("leverage", "names", names), Axis("USD standing", "usd"), marks, "As if all used this tier")
    headline = f"{title}: what stands in each of {len(names)} tiers, as if all traders used that tier."
    notes = ["Tiers add up only with weights: density.mix(weights).", *notes]
    return Report(headline, ("tier", "longs", "shorts"), rows, Picture([panel]), notes)


def by_tier(density: Density) -> tuple[Floats, Floats]:
    """Return the USD of longs and of shorts that stand in each tier at the last close, (L,) each."""
    cells = Cells.at(density.rows, density.grid, float(density.close[-1]))
    at_close = density.long_at_close[:, -1]
    sides = [
        cells.apart(density.values[tier, :, -1].astype(np.float64), float(at_close[tier]))
        for tier in range(len(density.leverage))
    ]
    usd = np.stack(sides)
    return usd[:, cells.is_long].sum(axis=1), usd[:, ~cells.is_long].sum(axis=1)
