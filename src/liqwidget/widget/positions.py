"""What lies over the estimate: realised liquidations, and true positions where somebody publishes them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Protocol

import anywidget
import numpy as np
import traitlets

from ..errors import InputError
from ..market.liquidations import read_liquidations
from ..model.grid import PriceGrid, half_bins
from .marks import Columns, Realised
from .wire import encode_frame

if TYPE_CHECKING:
    import pandas as pd

    from .frames import Picture

_SIDES = ("long", "short")


class HasProfile(Protocol):
    """Positions whose liquidation prices are known, such as an exchange that publishes them gives.

    Attributes
    ----------
    label
        Whose and when, in words.
    """

    label: str

    def profile(self, bin_size: float) -> pd.DataFrame:
        """Return ``price`` (centre of a row), ``long`` and ``short`` (USD) of the rows that hold any."""


class Overlays(anywidget.AnyWidget):
    """A widget that shows realised liquidations and true positions over its picture."""

    _events = traitlets.Bytes().tag(sync=True)
    _positions = traitlets.Bytes().tag(sync=True)
    bubbles = traitlets.Bool(True).tag(sync=True)

    _lock: threading.RLock
    _picture: Picture

    def __init__(self, **traits: Any) -> None:
        self._realised = Realised(self._picture.market.liquidations)
        self._true: HasProfile | None = None
        self._stale_events = False
        super().__init__(_events=self._realised.whole(self._columns()), **traits)

    @property
    def liquidations(self) -> pd.DataFrame | None:
        """The realised liquidations shown: those of the market, unless others were assigned.

        Assign a DataFrame as :meth:`liqwidget.Market.from_frame` takes it to show that one, None to show none; another
        ``market`` brings its own. Where prices are NaN, the rows are sums: each counts from its time to that of the
        next, and its marks stand at the low (longs) or the high (shorts) of that time, hollow. Venues do not report
        all of their liquidations: sums are lower bounds.
        """
        with self._lock:
            return self._realised.frame

    @liquidations.setter
    def liquidations(self, liquidations: Any) -> None:
        frame = None if liquidations is None else read_liquidations(liquidations)
        with self._lock:
            self._show_realised(frame)

    def add_liquidations(self, liquidations: Any) -> None:
        """Add live realised liquidations; only these are sent.

        Parameters
        ----------
        liquidations
            As for :meth:`liqwidget.Market.from_frame`. Those of a candle that is not there yet wait for it.

        Raises
        ------
        InputError
            If they are no liquidations; what was shown stays.
        """
        frame = read_liquidations(liquidations)
        with self._lock:
            self._send_events(self._realised.add(frame, self._columns()))

    @property
    def positions(self) -> HasProfile | None:
        """True positions, drawn as an outline over the estimate's side profile, or None.

        Assign an object with a ``label`` and a method ``profile(bin_size)`` that returns a DataFrame with the columns
        ``price`` (centre of a row), ``long`` and ``short`` (USD), as :meth:`liqwidget.Density.profile` does.
        """
        return self._true

    @positions.setter
    def positions(self, positions: HasProfile | None) -> None:
        if positions is not None and not (
            callable(getattr(positions, "profile", None)) and isinstance(getattr(positions, "label", None), str)
        ):
            raise InputError(
                f"positions: wanted an object with profile(bin_size) and a label, or None; "
                f"got {type(positions).__name__}. See LiquidationHeatmap.positions."
            )
        with self._lock:
            frame = b"" if positions is None else positions_frame(positions, self._picture.ledger.grid)
            self._true, self._positions = positions, frame

    def _positions_on(self, grid: PriceGrid) -> tuple[bytes, str]:
        """Return the frame of the positions on another grid; where they do not go there, no bytes and the reason."""
        if self._true is None:
            return b"", ""
        try:
            return positions_frame(self._true, grid), ""
        except InputError as error:
            return b"", f"{error} The outline is left out."

    def _show_realised(self, frame: pd.DataFrame | None) -> None:
        self._realised = Realised(frame, self._realised.revision)
        self._send_events(None)

    def _more_columns(self) -> None:
        """Show the liquidations that waited for candles which have come now."""
        columns = self._columns()
        if self._realised.waits(columns):
            self._send_events(self._realised.grown(columns))

    def _send_events(self, tail: bytes | None) -> None:
        """Send marks as a message that adds them; None: send the whole."""
        if tail is None:
            self._events = self._realised.whole(self._columns())
            self._stale_events = False
        else:
            self._stale_events = True
            self.send({"type": "events"}, [tail])

    def _fresh_events(self) -> None:
        """Make the trait what the browser has by its messages, for a view that comes later."""
        if self._stale_events:
            self._stale_events = False
            self._trait_values["_events"] = self._realised.again(self._columns())

    def _columns(self) -> Columns:
        return Columns.of(self._picture.market, self._picture.width)


def positions_frame(positions: HasProfile, grid: PriceGrid) -> bytes:
    """Return the rows of a profile that lie on a grid as a frame; the others are counted.

    Raises
    ------
    InputError
        If the profile is none of this bin size.
    """
    table = positions.profile(grid.bin_size)
    missing = [name for name in ("price", *_SIDES) if name not in table]
    if missing:
        raise InputError(f"positions: wanted a profile with price, long and short; {', '.join(missing)} is missing.")
    price = np.asarray(table["price"], np.float64)
    usd = {side: np.asarray(table[side], np.float64) for side in _SIDES}
    for name, values in (("price", price), *usd.items()):
        wrong = ~np.isfinite(values) | (values < 0)
        if wrong.any():
            raise InputError(
                f"positions: {name} must be finite and >= 0; row {int(wrong.argmax())} of the profile has "
                f"{values[wrong.argmax()]:g}. Repair what the profile is made of."
            )
    halves = (half_bins(price, grid.bin_size) - 1) / 2
    row = np.rint(halves)
    off = np.abs(halves - row) > 1e-6
    if off.any() or (np.diff(row) <= 0).any():
        where = f"{price[off.argmax()]:g}" if off.any() else "they"
        raise InputError(
            f"positions: prices must be rising centres of rows of {grid.bin_size:g} USD; {where} "
            f"{'is' if off.any() else 'do'} not. Bin them as Density.profile does."
        )
    row = row.astype(np.int64) - grid.first
    total = usd["long"] + usd["short"]
    inside = (row >= 0) & (row < grid.rows)
    shown, outside = inside & (total > 0), ~inside & (total > 0)
    meta = {
        "bin_size": grid.bin_size,
        "first": grid.first,
        "rows": grid.rows,
        "label": positions.label[:200],
        "outside_usd": float(total[outside].sum()),
        "outside_rows": int(outside.sum()),
    }
    return encode_frame("positions", meta, {"row": row[shown], **{side: usd[side][shown] for side in _SIDES}})
