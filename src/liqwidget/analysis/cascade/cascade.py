"""Cascades: a push of the price, what it liquidates, and how far that moves the price further.

A mechanical what-if on an estimate, not a forecast: there are no other trades, nothing new opens, the book does not
refill, and nothing implies that the push will happen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ...checks import is_finite, usd_text
from ...drawing.report import Drawn, Report
from ...errors import InputError
from ...model.grid import Floats
from .fixed_point import Ladder
from .impact import Formula, Impact, SquareRoot, book_of, measured
from .report import report_of_curve, report_of_path

if TYPE_CHECKING:
    import pandas as pd

    from ...market.market import Market
    from ...model.density import Density

WHAT_IF = "Mechanical what-if on an estimate, not a forecast."


@dataclass(frozen=True, eq=False)
class Cascade(Drawn):
    """One push and what follows mechanically. Not a forecast.

    Attributes
    ----------
    time, close
        Time (UTC) and close (USD) from which the push starts.
    shock
        The push, a signed fraction of the close.
    steps
        DataFrame, one line per round: ``price`` (USD) and ``liquidated`` (USD up to there).
    final_price, final_move
        Where it comes to rest: USD, and the signed fraction of the close.
    amplification
        ``final_move / shock``, >= 1; 1 for a push of 0.
    liquidated
        USD in total.
    out_of_range
        Whether it reached the grid's edge or the end of the given book: the numbers are then lower bounds.
    impact
        The price impact, with its assumed or measured parameters.

    Examples
    --------
    >>> import liqwidget as lw
    >>> what_if = lw.cascade(lw.estimate(lw.load_sample()), shock=-0.03)
    >>> what_if.final_move <= what_if.shock
    True
    """

    time: np.datetime64
    close: float
    shock: float
    steps: pd.DataFrame
    final_price: float
    final_move: float
    amplification: float
    liquidated: float
    out_of_range: bool
    impact: str

    def to_frame(self) -> pd.DataFrame:
        """Return `steps` with ``round``, from 1, as a column."""
        frame = self.steps.copy()
        frame.insert(0, "round", range(1, len(frame) + 1))
        return frame

    def _report(self) -> Report:
        return report_of_path(self, WHAT_IF)

    def __repr__(self) -> str:
        rounds = "1 round" if len(self.steps) == 1 else f"{len(self.steps)} rounds"
        rests = "leaves the known range at" if self.out_of_range else "comes to rest at"
        return (
            f"Cascade from {self.close:,.2f} at {str(self.time)[:16]} UTC: a push of {self.shock:+.2%} to "
            f"{self.steps['price'].iloc[0]:,.2f} liquidates {usd_text(self.liquidated)} in {rounds} and "
            f"{rests} {self.final_price:,.2f} ({self.final_move:+.2%}), {self.amplification:.2f} times the push; "
            f"{self.impact}. {WHAT_IF}"
        )


@dataclass(frozen=True, eq=False)
class CascadeCurve(Drawn):
    """The outcome of each of many pushes. Not a forecast.

    Attributes
    ----------
    time, close, impact
        As in :class:`Cascade`.
    shocks, final_move, final_price, amplification, liquidated, out_of_range
        As in :class:`Cascade`, arrays of shape (n,).
    cliffs
        DataFrame of the pushes within the range of ``shocks`` beyond which the price jumps over two rows
        or more, largest jump first: ``shock``, ``price`` (USD, where the push ends), ``rests_before``, ``rests_after``
        (USD), ``jump`` (fraction of the close, unsigned), ``liquidated`` (USD more), ``out_of_range``.

    Examples
    --------
    >>> import liqwidget as lw
    >>> curve = lw.cascade_curve(lw.estimate(lw.load_sample()))
    >>> curve.cliffs.columns.to_list()
    ['shock', 'price', 'rests_before', 'rests_after', 'jump', 'liquidated', 'out_of_range']
    """

    time: np.datetime64
    close: float
    shocks: Floats
    final_move: Floats
    liquidated: Floats
    out_of_range: npt.NDArray[np.bool_]
    cliffs: pd.DataFrame
    impact: str

    @property
    def final_price(self) -> Floats:
        """Where each push comes to rest, USD, shape (n,)."""
        return self.close * (1 + self.final_move)

    @property
    def amplification(self) -> Floats:
        """Final move over push, >= 1, shape (n,)."""
        return np.divide(self.final_move, self.shocks, out=np.ones_like(self.shocks), where=self.shocks != 0)

    def to_frame(self) -> pd.DataFrame:
        """Return one line per push: shock, price, final_price, final_move, amplification, liquidated, out_of_range."""
        import pandas as pd

        columns = {"shock": self.shocks, "price": self.close * (1 + self.shocks)}
        names = ("final_price", "final_move", "amplification", "liquidated", "out_of_range")
        return pd.DataFrame(columns | {name: getattr(self, name) for name in names})

    def _report(self) -> Report:
        return report_of_curve(self, WHAT_IF)

    def __repr__(self) -> str:
        most = int(np.argmax(self.amplification))
        edge = ""
        if len(self.cliffs):
            top = self.cliffs.iloc[0]
            edge = f", the largest at {top['shock']:+.2%}: from {top['rests_before']:,.2f} to {top['rests_after']:,.2f}"
        beyond = f"; {self.out_of_range.sum()} leave the known range" if self.out_of_range.any() else ""
        return (
            f"CascadeCurve from {self.close:,.2f} at {str(self.time)[:16]} UTC: {len(self.shocks)} pushes of "
            f"{self.shocks.min():+.2%} to {self.shocks.max():+.2%}, amplified at most "
            f"{self.amplification[most]:.2f} times (at {self.shocks[most]:+.2%}); "
            f"{len(self.cliffs)} cliff edges{edge}{beyond}; {self.impact}. {WHAT_IF}"
        )


def cascade(
    density: Density,
    at: int = -1,
    shock: float = -0.03,
    impact: Any = None,
    *,
    depth: Any = None,
    market: Market | None = None,
    volatility: float | None = None,
    volume: float | None = None,
    window_hours: float = 168.0,
) -> Cascade:
    """Push the price, liquidate what it crosses, let that move the price, and so on until it rests: not a forecast.

    Parameters
    ----------
    density
        A mixed one.
    at
        Candle, as an index into ``density.time``; the push starts from its close.
    shock
        The push, a signed fraction of the close, > -1.
    impact
        Price impact of liquidated USD. A number: the square-root law
        ``impact * volatility * sqrt(usd / volume)`` (Donier and Bonart 2015) with that number as its coefficient Y, an
        assumption; None: Y = 1. Or a function of an array of USD that returns moves as fractions of the close.
    depth
        Instead of ``impact``, an order book: USD resting in each price row; or an array of USD resting between the
        close and row 1, 2, ... away from it, on either side; or a function of such distances (array of signed USD,
        negative below the close) that returns them.
    market
        The density's market, to measure volume; None: volume is derived from the density's opened USD.
    volatility, volume
        Daily: a fraction, and USD. None: measured over ``window_hours`` up to ``at``, so nothing later counts.
    window_hours
        Length of that window.

    Raises
    ------
    InputError
        If an argument is out of its range, or the density is per tier.

    Notes
    -----
    The result is the smallest resting price at or beyond the push; it does not fall if the push, Y or the density
    grow. Bins count once the price reaches their centre; of the bin of the close, only the part beyond it. Omitted:
    other traders, partial liquidations, insurance funds, orders that refill the book, fading impact.

    Examples
    --------
    >>> import liqwidget as lw
    >>> what_if = lw.cascade(lw.estimate(lw.load_sample()), shock=-0.03)
    >>> what_if.amplification >= 1
    True
    """
    import pandas as pd

    push = _shocks([shock])
    scene = _Scene(density, at, impact, depth, market, volatility, volume, window_hours)
    sign = -1 if push[0] < 0 else 1
    ladder = scene.ladder(sign)
    moves, liquidated = ladder.climb(abs(push[0]))
    beyond = bool(moves[-1] > ladder.edge)
    moves = ladder.cut(np.abs(push), moves)
    move = sign * float(moves[-1])
    return Cascade(
        time=scene.time,
        close=scene.close,
        shock=float(push[0]),
        steps=pd.DataFrame({"price": scene.close * (1 + sign * moves), "liquidated": liquidated}),
        final_price=scene.close * (1 + move),
        final_move=move,
        amplification=move / float(push[0]) if push[0] else 1.0,
        liquidated=float(liquidated[-1]),
        out_of_range=beyond,
        impact=str(ladder.impact),
    )


def cascade_curve(
    density: Density,
    at: int = -1,
    shocks: npt.ArrayLike | None = None,
    impact: Any = None,
    *,
    depth: Any = None,
    market: Market | None = None,
    volatility: float | None = None,
    volume: float | None = None,
    window_hours: float = 168.0,
) -> CascadeCurve:
    """Return the outcomes of many pushes, and the cliff edges between them: a what-if, not a forecast.

    Parameters
    ----------
    shocks
        Signed fractions of the close, > -1, shape (n,). None: 60 on each side, up to 15 %.
    density, at, impact, depth, market, volatility, volume, window_hours
        See :func:`cascade`, which gives the result of each push.

    Raises
    ------
    InputError
        As :func:`cascade`.

    Examples
    --------
    >>> import liqwidget as lw
    >>> curve = lw.cascade_curve(lw.estimate(lw.load_sample()), shocks=[-0.05, -0.03, -0.01, 0.01, 0.03])
    >>> bool((abs(curve.final_move) >= abs(curve.shocks)).all())
    True
    """
    import pandas as pd

    steps = np.linspace(0.0025, 0.15, 60)
    pushes = _shocks(np.r_[-steps[::-1], steps] if shocks is None else shocks)
    scene = _Scene(density, at, impact, depth, market, volatility, volume, window_hours)
    final, liquidated = np.empty_like(pushes), np.empty_like(pushes)
    beyond = np.zeros(len(pushes), dtype=bool)
    found = []
    for sign, mine in ((-1, pushes < 0), (1, pushes >= 0)):
        if not mine.any():
            continue
        ladder, starts = scene.ladder(sign), np.abs(pushes[mine])
        moves, liquidated[mine] = ladder.rest(starts)
        beyond[mine] = moves > ladder.edge
        final[mine] = sign * ladder.cut(starts, moves)
        edges, before, after, usd = ladder.cliffs()
        kept = edges <= starts.max()
        jumps = {
            "shock": sign * edges,
            "price": scene.close * (1 + sign * edges),
            "rests_before": scene.close * (1 + sign * before),
            "rests_after": scene.close * (1 + sign * after),
            "jump": after - before,
            "liquidated": usd,
            "out_of_range": after >= ladder.edge,
        }
        found.append(pd.DataFrame(jumps)[kept])
    cliffs = pd.concat(found).sort_values("jump", ascending=False, ignore_index=True)
    return CascadeCurve(scene.time, scene.close, pushes, final, liquidated, beyond, cliffs, str(ladder.impact))


class _Scene:
    """One candle of a density with an impact, from which ladders are built."""

    def __init__(
        self,
        density: Density,
        at: int,
        impact: Any,
        depth: Any,
        market: Market | None,
        volatility: float | None,
        volume: float | None,
        window_hours: float,
    ) -> None:
        # On rows, as in the browser: the answer does not depend on the bin size.
        self.cells, self.usd = density.sides_on_rows(at)
        at = int(at) % len(density.time)
        self.grid, self.depth = density.rows, depth
        self.time, self.close = density.time[at], float(density.close[at])
        if depth is not None and impact is not None:
            raise InputError("depth: wanted either impact or depth, since both say how the price moves; got both")
        self.law: Impact | None = None
        if callable(impact):
            self.law = Formula(impact)
        elif depth is None:
            y = 1.0 if impact is None else impact
            if not is_finite(y) or y < 0:
                raise InputError(f"impact: wanted the law's coefficient >= 0 or a function; got {str(impact)[:40]!r}")
            self.law = SquareRoot(*measured(density, at, market, window_hours, volatility, volume), float(y))

    def ladder(self, sign: int) -> Ladder:
        """Return the cells above (+1) or below (-1) the close, outwards."""
        centres = self.cells.centres
        ahead = np.flatnonzero(self.cells.is_long == (sign < 0))[::sign]
        ahead = ahead[sign * (centres[ahead] - self.close) > 0]
        distance = sign * (centres[ahead] - self.close) / self.close
        cumulative = np.concatenate([[0.0], np.cumsum(self.usd[ahead])])
        edge = sign * float(self.grid.edges[-1 if sign > 0 else 0] - self.close) / self.close
        steps = max(int(np.ceil(edge * self.close / self.grid.bin_size)), 1)
        law = self.law or book_of(self.depth, steps, self.grid.bin_size, self.close, sign)
        return Ladder(distance, cumulative, edge, law)


def _shocks(values: npt.ArrayLike) -> Floats:
    try:
        shocks = np.array(values, dtype=np.float64)
    except (TypeError, ValueError):
        shocks = np.empty(0)
    if shocks.ndim != 1 or not len(shocks) or not np.isfinite(shocks).all() or (shocks <= -1).any():
        raise InputError(f"shock: wanted signed fractions of the close, > -1, such as -0.03; got {str(values)[:60]}")
    return shocks
