"""What a notebook shows of a ledger: what its candles opened and swept, and where its tiers' entries went."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..checks import stamp, usd_text
from ..drawing.axis import Axis, milliseconds
from ..drawing.ink import SECOND, SERIES, THIRD
from ..drawing.marks import Area, Bars, Line, Mark, numbers
from ..drawing.picture import Panel, Picture
from ..drawing.report import Report

if TYPE_CHECKING:
    import pandas as pd

    from .ledger import Ledger


def frame_of(ledger: Ledger) -> pd.DataFrame:
    """Return what `Ledger.to_frame` does."""
    import pandas as pd

    low, high = ledger.sweep[:, 0], ledger.sweep[:, 1]
    edges, swept = ledger.grid.edges, high > low
    return pd.DataFrame(
        {
            "time": pd.DatetimeIndex(ledger.time).tz_localize("UTC"),
            "close": ledger.close,
            "opened": ledger.opened,
            "entries": np.diff(ledger.start),
            "swept_low": np.where(swept, edges[np.minimum(low, ledger.grid.rows)], np.nan),
            "swept_high": np.where(swept, edges[np.minimum(high, ledger.grid.rows)], np.nan),
        }
    )


def report_of(ledger: Ledger) -> Report:
    """Return the report of a ledger."""
    first, last = (stamp(int(time.astype("datetime64[ns]").astype(np.int64))) for time in ledger.time[[0, -1]])
    total = float(ledger.opened.sum())
    headline = (
        f"{len(ledger):,} candles from {first} to {last} UTC opened an estimated {usd_text(total)} on each side, "
        f"spread over the levels of {len(ledger.leverage)} tiers: {len(ledger.row):,} entries on rows of "
        f"{ledger.bin_size:g} USD."
    )
    entries = np.bincount(ledger.tier, minlength=len(ledger.leverage))
    inside, outside = (amount.sum(axis=(0, 2)) for amount in (ledger.crossed, ledger.out_of_range))
    share = 1 / (2 * total) if total > 0 else 0.0
    rows = [
        (f"{tier:g}x", f"{int(n):,}", f"{a * share:.1%}", f"{b * share:.1%}")
        for tier, n, a, b in zip(ledger.leverage, entries, inside, outside, strict=True)
    ]
    columns = ("tier", "entries", "liquidated in its own candle", "beyond the rows")
    notes = ["Each tier is a plane of its own, as if all traders used it; weights mix them: ledger.replay(...)."]
    if ledger.auto is not None:
        notes.append("The turnover follows the decay rate of a replay; here all volume opens positions.")
    return Report(headline, columns, rows, Picture(candle_panels(frame_of(ledger))), notes)


def candle_panels(frame: pd.DataFrame, opens: str = "opened in a candle") -> list[Panel]:
    """Return the panels of candles: the close with the prices swept, and the USD that each ``opens`` on each side."""
    time, close, opened = milliseconds(frame["time"]), numbers(frame["close"]), numbers(frame["opened"])
    step = float(np.median(np.diff(time))) if len(time) > 1 else 60_000.0
    low, high = numbers(frame["swept_low"]), numbers(frame["swept_high"])
    x = Axis("time, UTC", "time")
    prices: list[Mark] = [Area(time, low, high, "prices swept", THIRD), Line(time, close, "close", SERIES)]
    return [
        Panel(x, Axis("price, USD", "price"), prices, height=150),
        Panel(x, Axis("USD, each side", "usd"), [Bars(time, opened, step, opens, SECOND)], height=100),
    ]
