"""What a notebook shows of a history: its candles joined into a few hundred columns, and its chunks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..checks import stamp, usd_text
from ..drawing.axis import Axis
from ..drawing.marks import Rule
from ..drawing.picture import Panel, Picture
from ..drawing.report import Report
from ..errors import DataError
from ..model.ledger_report import candle_panels, frame_of

if TYPE_CHECKING:
    import pandas as pd

    from .history import History
    from .window import Window

COLUMNS = 400


def columns_of(window: Window) -> pd.DataFrame:
    """Return the columns of a window as `History.to_frame` has them."""
    frame = frame_of(window.tile.ledger).drop(columns="entries")
    for place, name in enumerate(("open", "high", "low"), 1):
        frame.insert(place, name, window.tile.candles[name].to_numpy(dtype=np.float64))
    return frame


def report_of(history: History) -> Report:
    """Return the report of a history."""
    name = " ".join(word for word in (*history.names, history.interval_label) if word)
    gaps = f", {history.missing:,} missing" if history.missing else ""
    headline = (
        f"{name}{' (simulated)' if history.simulated else ''}: {history.candles:,} candles{gaps} from "
        f"{stamp(history.first)} to {stamp(history.last)} UTC"
    )
    grid = history.grid
    rows = [
        ("tiers", ", ".join(f"{tier:g}x" for tier in history.leverage)),
        ("decay rate", f"{history.decay_rate:.3g} per hour"),
        ("price rows", f"{grid.rows:,} of {grid.bin_size:g} USD"),
        ("turnover", f"{float(history.settings.get('turnover', 1.0)):.3g}"),
    ]
    notes = [*history.notes, "lw.HistoryHeatmap(history) shows the density."]
    columns = ("setting", "value")
    try:
        frame = history.to_frame()
    except DataError as error:  # what is known without the store's files is shown all the same
        nothing = Panel(Axis("time, UTC"), Axis("price, USD"), [Rule(0.0, "the store cannot be read")], height=60)
        return Report(f"{headline}.", columns, rows, Picture([nothing]), [f"The store cannot be read: {error}", *notes])
    low, high, usd = frame["low"].min(), frame["high"].max(), usd_text(float(frame["opened"].sum()))
    headline += f", price {low:,.10g} to {high:,.10g}; an estimated {usd} opened on each side."
    panels = candle_panels(frame, "opened in a column")
    return Report(headline, columns, rows, Picture(panels), [f"Drawn in {len(frame):,} columns.", *notes])
