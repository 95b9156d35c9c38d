"""The clusters as a table that can be sorted by its headers and reports clicked rows."""

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

from ...checks import usd_text
from ...model.grid import decimals_of
from .plot import USD_FORMAT, price_format

ROW = 26
# Field, title, format (None: text), most characters of a cell (0: those of the market's prices).
_COLUMNS = (
    ("side", "side", None, 5),
    ("price_low", "from", "0,0", 0),
    ("price_high", "to", "0,0", 0),
    ("peak_price", "peak", "0,0", 0),
    ("notional", "USD", USD_FORMAT, 6),
    ("distance", "distance", "+0.0%", 6),
    ("to_reach", "USD before", USD_FORMAT, 6),
    ("age_hours", "age, h", "0.0", 6),
    ("notional_range", "USD range", None, 13),
    ("peak_moves", "peak moves", None, 0),
    ("found", "found", "0%", 4),
)
_WORDS = ("notional_range", "peak_moves")  # text columns, not sortable
_TITLES = {name: title for name, title, *_ in _COLUMNS}
_CHARACTERS = {name: most for name, _, _, most in _COLUMNS}
_USD = tuple(name for name, _, form, _ in _COLUMNS if form == USD_FORMAT)
# SlickGrid has its own colours; the page's reach the shadow root as custom properties.
_SHEET = """
:host { font: inherit; }
.slick-header-columns, .slick-header-column.ui-state-default { background: transparent; color: var(--liq-app-dim);
  border-color: var(--liq-app-line); font-weight: 600; }
.slick-header-columns .slick-header-column.ui-state-default:not(TEXTS) .slick-column-name { float: right; }
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
_TEXTS = ", ".join(f":nth-child({n})" for n, (_, _, form, _) in enumerate(_COLUMNS, 1) if form is None)
_USD_SHEET = "".join(
    f".slick-cell.l{place} {{ text-transform: uppercase; }}\n"
    for place, (name, *_) in enumerate(_COLUMNS)
    if name in _USD
)


class ClusterPanel:
    """A Bokeh table, created once and updated by :meth:`show`; ``model`` is the displayed model.

    Parameters
    ----------
    chosen
        Called with the number of a clicked row.
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
                    sortable=field not in _WORDS,
                    **({} if form is None else {"formatter": NumberFormatter(format=form, text_align="right")}),
                )
                for field, title, form, _ in _COLUMNS
            ],
            index_position=None,
            autosize_mode="none",
            editable=False,
            reorderable=False,
            row_height=ROW,
            height=ROW * (rows + 1) + 16,
            margin=0,
            stylesheets=[InlineStyleSheet(css=_SHEET.replace("TEXTS", _TEXTS) + _USD_SHEET)],
        )
        self._set_widths(7, "")

    def show(self, table: pd.DataFrame, bin_size: float, currency: str = "") -> None:
        """Show a table of `liqwidget.app.readings.levels.cluster_table`; nothing is sent if nothing changed."""
        for column in self.model.columns:
            if "price" in column.field:
                column.formatter.format = price_format(bin_size)
            if column.field in _USD:
                column.formatter.format = USD_FORMAT if currency == "" else USD_FORMAT.removeprefix("$")
            column.title = _TITLES[column.field].replace("USD", currency or "USD")
        highest = 2 * float(table["price_high"].max()) if len(table) else 0.0  # so that widths change seldom
        self._set_widths(len(f"{highest:,.{decimals_of(bin_size / 2)}f}"), currency)
        shown = table.assign(notional_range=_usd_ranges(table, currency), peak_moves=_peak_moves(table, bin_size))
        for name in _USD:
            shown[name] = [float(f"{usd:.3g}") for usd in table[name]]
        data = {name: shown[name].tolist() for name, *_ in _COLUMNS}
        if data != self._source.data:
            if self._source.selected.indices:
                self._source.selected.indices = []
            self._source.data = data
            # Bokeh 3.9 redraws the table only when its view changes, which it does not for new data with as many rows.
            # Remove this once a table follows its source.
            self.model.view.filter = AllIndices()

    def _set_widths(self, price_characters: int, currency: str) -> None:
        """Make each column as wide as its title and cells; the table is not squeezed, and its container scrolls."""
        for column in self.model.columns:
            cells = _CHARACTERS[column.field] or price_characters
            if column.field == "peak_moves":
                cells = 2 * price_characters + 1
            elif column.field == "notional_range" and currency:
                cells += 2 * len(currency)
            column.width = 11 + max(round(6.9 * cells), round(7.3 * len(column.title)))
        self.model.width = sum(column.width for column in self.model.columns) + 4

    def _on_indices(self, _name: str, _old: Any, new: list[int]) -> None:
        if new and 0 <= new[0] < len(self._source.data["side"]):
            self._chosen(int(new[0]))


def _usd_ranges(table: pd.DataFrame, currency: str = "") -> list[str]:
    """Return the ranges of clusters' USD in two figures, such as ``"$600M – $2.6B"``."""
    ends = zip(table["notional_low"], table["notional_high"], strict=True)
    return [f"{usd_text(low, 2, currency)} – {usd_text(high, 2, currency)}" for low, high in ends]


def _peak_moves(table: pd.DataFrame, bin_size: float) -> list[str]:
    """Return how far the peaks move, down and up, in USD: ``"-900 +100"``; empty if no draw has the cluster."""
    decimals = decimals_of(bin_size / 2)
    ends = (table[name] - table["peak_price"] for name in ("peak_low", "peak_high"))
    texts = ([f"{end:+,.{decimals}f}" if end else "0" for end in one] for one in ends)
    return ["" if "nan" in low else f"{low} {high}" for low, high in zip(*texts, strict=True)]
