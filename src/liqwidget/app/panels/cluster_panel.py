"""The clusters as a table that is sorted by its headers, and says which row was clicked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
from bokeh.models import (
    AllIndices,
    ColumnDataSource,
    DataTable,
    InlineStyleSheet,
    NumberFormatter,
    TableColumn,
)

from ...model.grid import decimals_of
from .plot import price_format

ROW = 26
_COLUMNS = (
    ("side", "side", None, 40),
    ("price_low", "from", "0,0", 55),
    ("price_high", "to", "0,0", 55),
    ("peak_price", "peak", "0,0", 55),
    ("notional", "USD", "0.00a", 60),
    ("distance", "distance", "+0.0%", 60),
    ("to_reach", "USD before", "0.00a", 76),
    ("age_hours", "age, h", "0.0", 45),
    ("notional_range", "USD range", None, 84),
    ("peak_moves", "peak moves", None, 82),
    ("found", "found", "0%", 45),
)
_WORDS = ("notional_range", "peak_moves")  # in words; in no order
# SlickGrid has colours of its own; the page's are inherited into the shadow root as custom properties.
_SHEET = """
:host { font: inherit; }
.slick-header-columns, .slick-header-column.ui-state-default { background: transparent; color: var(--liq-app-dim);
  border-color: var(--liq-app-line); font-weight: 600; }
.slick-header-column.ui-state-default:hover { background: var(--liq-app-field); }
.bk-data-table, .slick-viewport, .grid-canvas, .slick-row, .slick-row.odd, .slick-row.even { background: transparent; }
.slick-row { color: var(--liq-app-ink); cursor: pointer; }
.slick-row.odd { background: transparent; }
.slick-row:hover, .slick-row.odd:hover { background: var(--liq-app-field); }
.slick-cell { border-color: transparent transparent var(--liq-app-line); font-variant-numeric: tabular-nums; }
.slick-cell.selected, .slick-row.odd .slick-cell.selected { background: var(--liq-app-chosen);
  color: var(--liq-app-ink); }
.slick-cell.active { border-color: var(--liq-app-accent); }
"""


class ClusterPanel:
    """A Bokeh table made once and fed by :meth:`show`; ``model`` is what is displayed.

    Parameters
    ----------
    chosen
        Called with the row's number when one is clicked.
    """

    def __init__(self, chosen: Callable[[int], None], rows: int = 12) -> None:
        self._chosen = chosen
        self._source = ColumnDataSource(data={name: [] for name, *_ in _COLUMNS})
        self._source.selected.on_change("indices", self._on_indices)
        self.model = DataTable(
            source=self._source,
            columns=[
                TableColumn(
                    field=field,
                    title=title,
                    width=width,
                    sortable=field not in _WORDS,
                    **({} if form is None else {"formatter": NumberFormatter(format=form, text_align="right")}),
                )
                for field, title, form, width in _COLUMNS
            ],
            index_position=None,
            autosize_mode="none",
            editable=False,
            reorderable=False,
            row_height=ROW,
            height=ROW * (rows + 1) + 16,
            sizing_mode="stretch_width",
            stylesheets=[InlineStyleSheet(css=_SHEET)],
        )

    def show(self, table: pd.DataFrame, bin_size: float) -> None:
        """Show a table of `liqwidget.app.readings.levels.cluster_table`; nothing is sent where nothing changed."""
        for column in self.model.columns:
            if "price" in column.field:
                column.formatter.format = price_format(bin_size)
        shown = table.assign(notional_range=_usd_ranges(table), peak_moves=_peak_moves(table, bin_size))
        data = {name: shown[name].tolist() for name, *_ in _COLUMNS}
        if data != self._source.data:
            if self._source.selected.indices:
                self._source.selected.indices = []
            self._source.data = data
            # The table draws anew when its view changes, and the view sees no change in other rows of the same number
            # (Bokeh 3.9). To be removed once a table follows its source.
            self.model.view.filter = AllIndices()

    def _on_indices(self, _name: str, _old: Any, new: list[int]) -> None:
        if new and 0 <= new[0] < len(self._source.data["side"]):
            self._chosen(int(new[0]))


def _usd_ranges(table: pd.DataFrame) -> list[str]:
    """Return the ranges of clusters' USD in two figures, such as ``"600m – 2.6b"``."""

    def text(usd: float) -> str:
        size, unit = next(((s, u) for s, u in ((1e9, "b"), (1e6, "m"), (1e3, "k")) if usd >= 0.995 * s), (1.0, ""))
        return f"{float(f'{usd / size:.2g}'):g}{unit}"

    return [
        f"{text(low)} – {text(high)}" for low, high in zip(table["notional_low"], table["notional_high"], strict=True)
    ]


def _peak_moves(table: pd.DataFrame, bin_size: float) -> list[str]:
    """Return how far the peaks move, down and up, in USD: ``"-900 +100"``; empty where no draw has the cluster."""
    decimals = decimals_of(bin_size / 2)
    ends = (table[name] - table["peak_price"] for name in ("peak_low", "peak_high"))
    texts = ([f"{end:+,.{decimals}f}" if end else "0" for end in one] for one in ends)
    return ["" if "nan" in low else f"{low} {high}" for low, high in zip(*texts, strict=True)]
