"""The outline of true positions over the side profile, as an attribute of a widget."""

from __future__ import annotations

import traitlets

from .positions import HasProfile, check_positions, positions_frame
from .synced import SyncedHeatmap


class OutlinedHeatmap(SyncedHeatmap):
    """A widget that shows true positions."""

    @property
    def positions(self) -> HasProfile | None:
        """True positions, drawn as an outline over the estimate's side profile, or None.

        Assign an object with a ``label`` and a method ``profile(bin_size)`` that returns a DataFrame with the columns
        ``price`` (centre of a row), ``long`` and ``short`` (USD), as :meth:`liqwidget.Density.profile` does. If it has
        a ``time`` (Timestamp, UTC), the last 200 of the same ``coin`` are kept: a replay shows the one that was known
        then, or none. None removes all of them.
        """
        return self._shown.snapshots.last

    @positions.setter
    def positions(self, positions: HasProfile | None) -> None:
        check_positions(positions)
        with self._lock:
            if positions is not None:
                positions_frame(positions, self._shown.picture.grid)  # refuses invalid ones, also during a replay
            snapshots = self._shown.snapshots.followed_by(positions)
            self._swap(self._shown.with_positions(snapshots, self.as_of))

    @traitlets.observe("as_of")
    def _show_snapshot(self, _change: object) -> None:
        """Show the positions that were known at the time of a replay."""
        if not self._is_ready:
            return
        with self._lock:
            shown = self._shown
            if shown.snapshots.at(self.as_of) is not shown.positions:
                self._swap(shown.with_positions(shown.snapshots, self.as_of))
