"""The fixed point of a cascade, on one side of a close.

A push to a move ``s`` (a fraction of the close) liquidates every row whose centre lies between; the liquidations
move price further by their impact, counted from ``s``; and so on. ``F(x) = s (+) impact(liquidated(x))`` does not fall
with x, so iterating from ``x = s`` climbs to the smallest fixed point ``>= s`` and stops there, since it can climb at
most once a row. With rows at distances ``d[1] <= d[2] <= ...`` and ``Q[k]`` USD in the first k of them, k rows hold the
price exactly if ``place(s) + push(Q[k]) < place(d[k + 1])``. The first such k is the answer for every s at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...model.grid import Floats
from .impact import Impact


@dataclass(frozen=True, eq=False)
class Ladder:
    """Rows on one side of a close, outwards, and the impact there. Moves are unsigned fractions of the close.

    Attributes
    ----------
    distance
        Of the rows' centres, increasing, shape (n,).
    cumulative
        USD in the first k rows, shape (n+1,), starting with 0.
    edge
        Move to the grid's edge, beyond which the density is unknown.
    impact
        The price impact of USD.
    """

    distance: Floats
    cumulative: Floats
    edge: float
    impact: Impact

    def climb(self, start: float) -> tuple[Floats, Floats]:
        """Return moves and USD liquidated of each round, up to the fixed point; not cut at the edge."""
        begin, push = self.impact.place(np.array([start])), self.impact.push(self.cumulative)
        moves, rows = [start], [int(np.searchsorted(self.distance, start, "right"))]
        while True:
            move = max(start, float(self.impact.move(begin + push[rows[-1]])[0]))
            reached = max(int(np.searchsorted(self.distance, move, "right")), rows[-1])
            if reached == rows[-1]:
                break
            moves.append(move)
            rows.append(reached)
        if move > moves[-1]:
            moves.append(move)
            rows.append(rows[-1])
        return np.array(moves), self.cumulative[rows]

    def rest(self, starts: Floats) -> tuple[Floats, Floats]:
        """Return where each push comes to rest, and USD liquidated; not cut at the edge."""
        rows = np.searchsorted(self._holds, self.impact.place(starts), "right")
        return self._moves(starts, rows), self.cumulative[rows]

    @property
    def _holds(self) -> Floats:
        """Return, for each k but the last, the coordinate below which a push is held by k rows or fewer, shape (n,)."""
        holds = self.impact.place(self.distance) - self.impact.push(self.cumulative)[:-1]
        return np.maximum.accumulate(holds)

    def _moves(self, starts: Floats, rows: npt.NDArray[np.intp]) -> Floats:
        moved = self.impact.move(self.impact.place(starts) + self.impact.push(self.cumulative)[rows])
        return np.maximum(starts, moved)

    def cut(self, starts: Floats, moves: Floats) -> Floats:
        """Return moves cut at the grid's edge, unless the push itself went beyond."""
        return np.maximum(np.minimum(moves, self.edge), starts)

    def cliffs(self) -> tuple[Floats, Floats, Floats, Floats]:
        """Return pushes at which the resting price jumps, the moves just before and after, and the USD added, (j,).

        Only jumps over at least two rows count: any price moves through rows one at a time.
        """
        holds = self._holds
        value, before = np.unique(holds, return_index=True)
        after = np.searchsorted(holds, value, "right")
        wide = after - before > 1
        value, before, after = value[wide], before[wide], after[wide]
        starts = self.impact.move(value)
        usd = self.cumulative[after] - self.cumulative[before]
        return starts, self.distance[before], self.cut(starts, self._moves(starts, after)), usd
