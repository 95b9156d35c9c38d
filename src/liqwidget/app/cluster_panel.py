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

from .plot import price_format

ROW = 26
_COLUMNS = (
    ("side", "side", None, 52),
    ("price_low", "from", "0,0", 76),
    ("price_high", "to", "0,0", 76),
    ("peak_price", "peak", "0,0", 76),
    ("notional", "USD", "0.00a", 76),
    ("distance", "distance", "+0.0%", 74),
    ("to_reach", "USD before", "0.00a", 84),
    ("age_hours", "age, h", "0.0", 60),
)
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
        """Show a table of `liqwidget.app.levels.cluster_table`; nothing is sent where nothing changed."""
        for column in self.model.columns:
            if "price" in column.field:
                column.formatter.format = price_format(bin_size)
        data = {name: table[name].tolist() for name, *_ in _COLUMNS}
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
