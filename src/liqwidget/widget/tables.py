"""Tables of what is shown: levels, clusters, the whole grid or a selection, and their files."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

import liqwidget

from ..errors import InputError
from ..market import Market
from ..model.ledger import Ledger
from .frames import MAX_CELLS, column_width

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

    from ..model.density import Density

SIDES = ("long", "short")
TABLES = ("grid", "levels", "clusters", "selection")
#: Cells that are turned into rows at once; the file grows part by part.
_CELLS_AT_ONCE = 500_000


@dataclass(frozen=True)
class Taken:
    """What a widget shows at one moment: `visible` and `selection` as its traits have them."""

    market: Market
    ledger: Ledger
    decay_rate: float
    weights: npt.NDArray[np.float64]
    mix: Mapping[str, float]
    visible: Mapping[str, float] | None
    selection: Mapping[str, float] | None

    @property
    def in_view(self) -> slice:
        """Candles in view; all where the view shows others. The last column in view is in it with all its candles."""
        ms = self.ledger.time.astype("datetime64[ms]").astype(np.int64)
        if self.visible is not None:
            first = int(np.searchsorted(ms, self.visible["time_from"], "left"))
            last = int(np.searchsorted(ms, self.visible["time_to"], "right")) - 1
            if first <= last:
                return slice(first, min(last + column_width(len(ms)), len(ms)))
        return slice(0, len(ms))

    def cells(self, what: str) -> tuple[slice, slice]:
        """Return rows and candles that a table is made from.

        Raises
        ------
        InputError
            No such table, or nothing is selected.
        """
        if what not in TABLES:
            raise InputError(f"export: wanted one of {', '.join(TABLES)}; got {str(what)[:40]!r}")
        every, view = slice(0, self.ledger.grid.rows), self.in_view
        if what != "selection":
            return every, view if what == "grid" else slice(view.stop - 1, view.stop)
        box = self.selection
        if box is None:
            raise InputError(
                "export: nothing is selected. Shift-drag on the chart, or assign LiquidationHeatmap.selection"
            )
        ms, centres = self.ledger.time.astype("datetime64[ms]").astype(np.int64), self.ledger.grid.centres
        found = [
            slice(int(np.searchsorted(values, box[low], "left")), int(np.searchsorted(values, box[high], "right")))
            for values, low, high in ((centres, "price_low", "price_high"), (ms, "time_from", "time_to"))
        ]
        return found[0], found[1]

    def standing(self, candles: slice) -> Density:
        """Return the density at the closes of some candles, at least one; no others are allocated."""
        first = min(candles.start, len(self.ledger) - 1)
        return self.ledger.replay(self.decay_rate, self.weights, np.arange(first, max(candles.stop, first + 1)))

    def facts(self, what: str) -> dict[str, Any]:
        """Return what a file says of itself."""
        market = self.market
        return {
            "table": what,
            "note": "estimate, not a forecast",
            "symbol": market.symbol,
            "exchange": market.exchange,
            "interval": market.interval_label,
            "simulated": market.simulated,
            "source": "" if market.origin is None else market.origin.source,
            "leverage_mix": dict(self.mix),
            "decay_rate": self.decay_rate,
            "bin_size": self.ledger.bin_size,
            **self.ledger.settings,
            "liqwidget": liqwidget.__version__,
        }


def asked(taken: Taken, what: str) -> bytes:
    """Return a table as the bytes of a Parquet file, where it is not too large to be sent.

    Raises
    ------
    InputError
        As `Taken.cells`, or it is too large.
    """
    _, candles = taken.cells(what)
    cells = taken.ledger.grid.rows * (candles.stop - candles.start)
    if cells > MAX_CELLS:
        raise InputError(
            f"this table is made from {cells:,} cells, at most {MAX_CELLS:,} are sent. Zoom in, use larger bins, or "
            f"write it from Python: hm.export('{what}.parquet', '{what}')"
        )
    file = io.BytesIO()
    write_parquet(file, made(taken, what), taken.facts(what))
    return file.getvalue()


def made(taken: Taken, what: str) -> Iterator[pd.DataFrame]:
    """Return a table in parts, the first of them always there; what is asked for is checked at once."""
    rows, candles = taken.cells(what)
    return _parts(taken, what, rows, candles)


def _parts(taken: Taken, what: str, rows: slice, candles: slice) -> Iterator[pd.DataFrame]:
    density, count = taken.standing(candles), candles.stop - candles.start
    if what == "clusters":
        table = density.clusters(0).rename(columns={"notional": "estimate_usd", "to_reach": "to_reach_usd"})
        yield _labelled(taken, density.time[[0] * len(table)], table)
        return
    step = max(_CELLS_AT_ONCE // taken.ledger.grid.rows, 1)
    for first in range(0, max(count, 1), step):
        yield _rows(taken, density, rows, slice(first, min(first + step, count)), what)


def _rows(taken: Taken, density: Density, rows: slice, columns: slice, what: str) -> pd.DataFrame:
    """Return the rows that are not empty, candle by candle, upwards."""
    import pandas as pd

    part = density.values[rows, columns].T
    t, row = np.nonzero(part)
    close, edges, centre = density.close[columns][t], density.grid.edges[rows.start :], density.grid.centres[rows][row]
    table = pd.DataFrame(
        {
            "side": pd.Categorical.from_codes((centre >= close).astype(np.int8), SIDES),
            "price_low": edges[row],
            "price_high": edges[row + 1],
            "estimate_usd": part[t, row],
        }
    )
    if what == "levels":
        usd, below = table["estimate_usd"].to_numpy(np.float64), centre < close
        table["cumulative_usd"] = np.r_[np.cumsum(usd[below][::-1])[::-1], np.cumsum(usd[~below])]
        table["distance"] = centre / close - 1.0
    return _labelled(taken, density.time[columns][t], table)


def _labelled(taken: Taken, time: npt.NDArray[np.datetime64], table: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    # Categories: a million rows hold a text once, not a million times.
    table["side"] = pd.Categorical(table["side"], SIDES)
    symbol = pd.Categorical.from_codes(np.zeros(len(table), np.int8), [taken.market.symbol])
    table.insert(0, "symbol", symbol)
    table.insert(1, "time_utc", pd.DatetimeIndex(time.astype("datetime64[ms]")).tz_localize("UTC"))
    return table


def write_csv(file: BinaryIO, tables: Iterator[pd.DataFrame], _facts: Mapping[str, Any]) -> None:
    """Write tables one after the other as CSV; a symbol that a spreadsheet would run gets an apostrophe before it."""
    for i, table in enumerate(tables):
        time = table["time_utc"].dt.tz_localize(None).to_numpy("datetime64[ms]")
        whole = bool((time == time.astype("datetime64[s]")).all())
        text = [f"{moment}Z" for moment in np.datetime_as_string(time, "s" if whole else "ms")]
        symbol = table["symbol"].cat.rename_categories(_harmless)
        shown = table.assign(symbol=symbol, time_utc=text)
        file.write(shown.to_csv(None, index=False, header=i == 0, lineterminator="\r\n").encode())


def _harmless(text: str) -> str:
    return f"'{text}" if re.match(r"\s*[=+\-@\t\r\n]", text) else text


def write_parquet(file: BinaryIO, tables: Iterator[pd.DataFrame], facts: Mapping[str, Any]) -> None:
    """Write tables as the row groups of one Parquet file, and the facts as its metadata ``liqwidget``.

    pandas gives the facts as ``DataFrame.attrs``.

    Raises
    ------
    ModuleNotFoundError
        Without pyarrow.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            'Parquet needs the extra "data" (pyarrow is missing here): pip install "liqwidget[data]". '
            "CSV works without."
        ) from None
    said = json.dumps(facts)
    first = pa.Table.from_pandas(next(tables), preserve_index=False)
    schema = first.schema.with_metadata({"liqwidget": said, "PANDAS_ATTRS": said})
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        writer.write_table(first.replace_schema_metadata(schema.metadata))
        for table in tables:
            writer.write_table(pa.Table.from_pandas(table, schema, preserve_index=False))
