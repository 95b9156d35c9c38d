"""The outline of true positions over the side profile, as an attribute of a widget."""

from __future__ import annotations

from .positions import HasProfile, check_positions, positions_frame
from .synced import SyncedHeatmap


class OutlinedHeatmap(SyncedHeatmap):
    """A widget that shows true positions."""

    @property
    def positions(self) -> HasProfile | None:
        """True positions, drawn as an outline over the estimate's side profile, or None.

        Assign an object with a ``label`` and a method ``profile(bin_size)`` that returns a DataFrame with the columns
        ``price`` (centre of a row), ``long`` and ``short`` (USD), as :meth:`liqwidget.Density.profile` does.
        """
        return self._shown.positions

    @positions.setter
    def positions(self, positions: HasProfile | None) -> None:
        check_positions(positions)
        with self._lock:
            frame = b"" if positions is None else positions_frame(positions, self._shown.picture.grid)
            self._swap(self._shown.with_positions(positions, frame))
