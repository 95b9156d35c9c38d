"""What a notebook shows of a simulation: price, liquidations, the traders' leverage, and how positions ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..checks import usd_text
from ..drawing.axis import Axis, milliseconds
from ..drawing.ink import LONG, SECOND, SERIES, SHORT
from ..drawing.marks import Bars, Line, numbers
from ..drawing.picture import Panel, Picture
from ..drawing.report import Report
from .traders import OUTCOMES

if TYPE_CHECKING:
    from .result import Simulation


def report_of(made: Simulation) -> Report:
    """Return the report of a simulation."""
    positions, frame = made.positions, made.to_frame()
    time, close = frame["time"], frame["close"]
    liquidated = int((positions["outcome"] == "liquidated").sum())
    share = liquidated / len(positions) if len(positions) else 0.0
    headline = (
        f"Simulated, so that the truth is known: {len(positions):,} positions over {len(frame):,} candles from "
        f"{time.iloc[0]:%Y-%m-%d %H:%M} to {time.iloc[-1]:%Y-%m-%d %H:%M} UTC; {liquidated:,} ({share:.0%}) were "
        f"liquidated; price moved {close.iloc[-1] / close.iloc[0] - 1:+.1%}."
    )
    rows = []
    for outcome in OUTCOMES:
        part = positions[positions["outcome"] == outcome]
        sides = ((part["side"] == side).sum() for side in ("long", "short"))
        rows.append((outcome, *(f"{count:,}" for count in sides), usd_text(float(part["notional"].sum()))))
    notes = [f"Decay rate {made.decay_rate:.3g} per hour, turnover {made.turnover:.3g}. No market was observed."]
    columns = ("outcome", "longs", "shorts", "notional at entry")
    return Report(headline, columns, rows, Picture(_panels(made)), notes)


def _panels(made: Simulation) -> list[Panel]:
    frame, mix = made.to_frame(), made.leverage_mix
    time, step = milliseconds(frame["time"]), made.market.interval.total_seconds() * 1000
    x = Axis("time, UTC", "time")
    ended = [
        Bars(time, numbers(frame[f"liquidated_{side}"]), step, f"{side}s", colour, faint=True)
        for side, colour in (("long", LONG), ("short", SHORT))
    ]
    tiers = Bars(np.arange(len(mix), dtype=np.float64), numbers(list(mix.values())), 0.7, "", SECOND)
    return [
        Panel(x, Axis("USD", "price"), [Line(time, numbers(frame["close"]), "close", SERIES)], "Price", 120),
        Panel(x, Axis("USD" if made.market.contract == "inverse" else "coins"), ended, "Liquidated in each candle", 90),
        Panel(Axis("leverage", "names", [f"{tier:g}x" for tier in mix]), Axis("percent"), [tiers], "Leverage mix", 80),
    ]
