"""Tables of what is shown: levels, clusters, the whole grid or a selection, and their files."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, get_args

import numpy as np

from .._version import __version__
from ..errors import InputError
from ..market.market import Market
from ..model.grid import PriceGrid
from ..model.ledger import Ledger
from .frames import MAX_CELLS

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

    from ..model.density import Density

SIDES = ("long", "short")
TableName = Literal["grid", "levels", "clusters", "selection", "cells"]
TABLES: tuple[TableName, ...] = get_args(TableName)
#: Cells that are turned into rows at once; files are written in parts.
_CELLS_AT_ONCE = 500_000


@dataclass(frozen=True)
class Taken:
    """What a widget shows at one moment; `visible` and `selection` are its traits."""

    market: Market
    ledger: Ledger
    bins: PriceGrid
    decay_rate: float
    weights: npt.NDArray[np.float64]
    mix: Mapping[str, float]
    visible: Mapping[str, float] | None
    selection: Mapping[str, float] | None

    @property
    def in_view(self) -> slice:
        """Candles in view; all candles if none is."""
        ms = self.ledger.time.astype("datetime64[ms]").astype(np.int64)
        if self.visible is not None:
            first = int(np.searchsorted(ms, self.visible["time_from"], "left"))
            last = int(np.searchsorted(ms, self.visible["time_to"], "right")) - 1
            if first <= last:
                return slice(first, last + 1)
        return slice(0, len(ms))

    def cells(self, what: str) -> tuple[slice, slice]:
        """Return the rows and candles of a table.

        Raises
        ------
        InputError
            The table is unknown, or nothing is selected.
        """
        if what not in TABLES:
            raise InputError(
                f"export: wanted one of {', '.join(TABLES)}; got {str(what)[:40]!r}. Pass one of these as what."
            )
        every, view = slice(0, self.bins.rows), self.in_view
        if what not in ("selection", "cells"):
            return every, view if what == "grid" else slice(view.stop - 1, view.stop)
        box = self.selection
        if box is None:
            raise InputError("export: wanted a selection; got None. Select a box on the chart, or assign hm.selection.")
        ms, centres = self.ledger.time.astype("datetime64[ms]").astype(np.int64), self.bins.centres
        found = [
            slice(int(np.searchsorted(values, box[low], "left")), int(np.searchsorted(values, box[high], "right")))
            for values, low, high in ((centres, "price_low", "price_high"), (ms, "time_from", "time_to"))
        ]
        return found[0], found[1]

    def standing(self, candles: slice) -> Density:
        """Return the density at the closes of these candles only, at least one."""
        first = min(candles.start, len(self.ledger) - 1)
        kept = np.arange(first, max(candles.stop, first + 1))
        return self.ledger.replay(self.decay_rate, self.weights, kept, self.bins.bin_size)

    def facts(self, what: str) -> dict[str, Any]:
        """Return the metadata of a file."""
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
            "bin_size": self.bins.bin_size,
            "row_size": self.ledger.bin_size,
            **self.ledger.at(self.decay_rate).settings,
            "liqwidget": __version__,
        }


def selected(density: Density, box: Mapping[str, float] | None, cells: bool = False) -> pd.DataFrame:
    """Return the levels inside a selection, as :meth:`liqwidget.LiquidationHeatmap.selected`; empty without one."""
    import pandas as pd

    ms = density.time.astype("datetime64[ms]").astype(np.int64)
    centre = density.grid.centres
    columns, rows = np.zeros(len(ms), bool), np.zeros(len(centre), bool)
    if box is not None:
        columns = (ms >= box["time_from"]) & (ms <= box["time_to"])
        rows = (centre >= box["price_low"]) & (centre <= box["price_high"])
    part = density.apart(rows, columns)
    time = pd.DatetimeIndex(density.time[columns]).tz_localize("UTC")
    if cells:
        t, row, side = np.nonzero(part)
        side_names = np.array(SIDES, object)[side]
        return pd.DataFrame(
            {"time": time[t], "price": centre[rows][row], "side": side_names, "density": part[t, row, side]}
        )
    row, first, last, usd = levels_in(part)
    return pd.DataFrame(
        {
            "price": centre[rows][row],
            "long": usd[:, 0],
            "short": usd[:, 1],
            "first": time[first],
            "last": time[last],
        }
    )


def levels_in(part: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.int64], ...]:
    """Return the rows of a part of a density in which something stood, when it did, and what stood there last.

    Parameters
    ----------
    part
        USD, shape (columns, rows, 2), as :meth:`liqwidget.Density.apart` returns it.

    Returns
    -------
    tuple
        Row, first and last column, each shape (n,), and USD at the last one, long and short, shape (n, 2).
    """
    stands: npt.NDArray[np.bool_] = (part > 0).max(axis=2)
    row = np.flatnonzero(stands.max(axis=0, initial=False))
    if len(row) == 0:
        return row, row, row, np.zeros((0, 2), part.dtype)
    first = stands[:, row].argmax(axis=0)
    last = len(part) - 1 - stands[::-1, row].argmax(axis=0)
    return row, first, last, part[last, row]


def asked(taken: Taken, what: str) -> bytes:
    """Return a table as the bytes of a Parquet file.

    Raises
    ------
    InputError
        As `Taken.cells`; or the table is too large to be sent.
    """
    _, candles = taken.cells(what)
    cells = taken.bins.rows * (candles.stop - candles.start)
    if cells > MAX_CELLS:
        raise InputError(
            f"this table is made from {cells:,} cells, at most {MAX_CELLS:,} are sent. Zoom in, use larger bins, or "
            f"write it from Python: hm.export('{what}.parquet', '{what}')"
        )
    file = io.BytesIO()
    write_parquet(file, made(taken, what), taken.facts(what))
    return file.getvalue()


def made(taken: Taken, what: str) -> Iterator[pd.DataFrame]:
    """Return a table in parts, at least one; the arguments are checked immediately."""
    rows, candles = taken.cells(what)
    return _parts(taken, what, rows, candles)


def _parts(taken: Taken, what: str, rows: slice, candles: slice) -> Iterator[pd.DataFrame]:
    density, count = taken.standing(candles), candles.stop - candles.start
    if what == "clusters":
        table = density.clusters(0).rename(columns={"notional": "estimate_usd", "to_reach": "to_reach_usd"})
        yield _labelled(taken, density.time[[0] * len(table)], table)
        return
    if what == "selection":
        yield _levels(taken, density, rows, slice(0, count))
        return
    step = max(_CELLS_AT_ONCE // taken.bins.rows, 1)
    for first in range(0, max(count, 1), step):
        yield _rows(taken, density, rows, slice(first, min(first + step, count)), what)


def _levels(taken: Taken, density: Density, rows: slice, columns: slice) -> pd.DataFrame:
    """Return the levels of a selection by rising price."""
    import pandas as pd

    row, first, last, usd = levels_in(density.apart(rows, columns))
    edges, time = density.grid.edges[rows.start :], density.time.astype("datetime64[ms]")
    utc = [pd.DatetimeIndex(time[at]).tz_localize("UTC") for at in (first, last)]
    table = {"price_low": edges[row], "price_high": edges[row + 1], "long_usd": usd[:, 0], "short_usd": usd[:, 1]}
    return _with_symbol(taken, pd.DataFrame({**table, "first_utc": utc[0], "last_utc": utc[1]}))


def _rows(taken: Taken, density: Density, rows: slice, columns: slice, what: str) -> pd.DataFrame:
    """Return the non-empty rows, by candle and rising price."""
    import pandas as pd

    part = density.apart(rows, columns)
    t, row, side = np.nonzero(part)
    close, edges, centre = density.close[columns][t], density.grid.edges[rows.start :], density.grid.centres[rows][row]
    table = pd.DataFrame(
        {
            "side": pd.Categorical.from_codes(side.astype(np.int8), pd.Index(SIDES)),
            "price_low": edges[row],
            "price_high": edges[row + 1],
            "estimate_usd": part[t, row, side],
        }
    )
    if what == "levels":
        usd, long = table["estimate_usd"].to_numpy(np.float64), side == 0
        table["cumulative_usd"] = np.empty(len(usd))
        table.loc[long, "cumulative_usd"] = np.cumsum(usd[long][::-1])[::-1]
        table.loc[~long, "cumulative_usd"] = np.cumsum(usd[~long])
        table["distance"] = centre / close - 1.0
    return _labelled(taken, density.time[columns][t], table)


def _labelled(taken: Taken, time: npt.NDArray[np.datetime64], table: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    table["side"] = pd.Categorical(table["side"], SIDES)
    table.insert(0, "time_utc", pd.DatetimeIndex(time.astype("datetime64[ms]")).tz_localize("UTC"))
    return _with_symbol(taken, table)


def _with_symbol(taken: Taken, table: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    # Categories: a text is stored once, not in every row.
    symbol = pd.Categorical.from_codes(np.zeros(len(table), np.int8), pd.Index([taken.market.symbol]))
    table.insert(0, "symbol", pd.Series(symbol, index=table.index))
    return table


def write_csv(file: BinaryIO, tables: Iterator[pd.DataFrame], _facts: Mapping[str, Any]) -> None:
    """Write tables as one CSV file; a symbol that a spreadsheet would run as a formula gets a leading apostrophe."""
    for i, table in enumerate(tables):
        times = {name: _iso(table[name]) for name in map(str, table) if name.endswith("_utc")}
        shown = table.assign(symbol=table["symbol"].cat.rename_categories(_harmless), **times)
        file.write(shown.to_csv(None, index=False, header=i == 0, lineterminator="\r\n").encode())


def _iso(times: pd.Series) -> list[str]:
    """Return times as ISO text, with milliseconds only where one of them needs it."""
    time = times.dt.tz_localize(None).to_numpy("datetime64[ms]")
    whole = bool((time == time.astype("datetime64[s]")).all())
    return [f"{moment}Z" for moment in np.datetime_as_string(time, "s" if whole else "ms")]


def _harmless(text: str) -> str:
    return f"'{text}" if re.match(r"\s*[=+\-@\t\r\n]", text) else text


def write_parquet(file: BinaryIO, tables: Iterator[pd.DataFrame], facts: Mapping[str, Any]) -> None:
    """Write tables as the row groups of one Parquet file, with the facts as metadata ``liqwidget``.

    pandas gives the facts as ``DataFrame.attrs``.

    Raises
    ------
    ModuleNotFoundError
        pyarrow is not installed.
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
