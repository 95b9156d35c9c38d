"""Price impact: how far forced orders move the price. Amounts are USD, moves unsigned fractions of the close.

An impact is three increasing functions. ``push`` turns USD into a displacement, ``place`` a move into the coordinate
in which pushes add up, ``move`` turns a coordinate back. For a law that does not depend on the place it is the move
itself; for an order book it is the USD between the close and the price.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from ...checks import is_finite, usd_text
from ...errors import InputError
from ...market.day import day_of
from ...model.grid import Floats

if TYPE_CHECKING:
    from ...market.market import Market
    from ...model.density import Density


class Impact(Protocol):
    """The interface of an impact for cascades; arrays of any shape."""

    def place(self, move: Floats) -> Floats: ...  # noqa: D102
    def push(self, usd: Floats) -> Floats: ...  # noqa: D102
    def move(self, place: Floats) -> Floats: ...  # noqa: D102


@dataclass(frozen=True)
class SquareRoot:
    """``coefficient * volatility * sqrt(usd / volume)``: Donier and Bonart, "A million metaorder analysis of market
    impact on the Bitcoin", Market Microstructure and Liquidity 1, 2015.

    Measured there on orders whose senders chose the time. That forced orders move the price equally, and that the
    coefficient (Y) is about 1, are assumptions.

    Attributes
    ----------
    volatility
        Daily, as a fraction of the price.
    volume
        USD traded per day.
    coefficient
        Y, dimensionless; 0 for a price that nothing moves.
    """  # noqa: D205

    volatility: float
    volume: float
    coefficient: float = 1.0

    def place(self, move: Floats) -> Floats:
        """Return moves as they are: pushes add to them."""
        return move

    def push(self, usd: Floats) -> Floats:
        """Return the move that an amount makes, from anywhere."""
        return self.coefficient * self.volatility * np.sqrt(usd / self.volume)

    def move(self, place: Floats) -> Floats:
        """Return the coordinate: it is the move."""
        return place

    def __str__(self) -> str:
        return (
            f"square-root impact with Y = {self.coefficient:g} (an assumption), "
            f"volatility {self.volatility:.2%} and volume {usd_text(self.volume)} a day"
        )


@dataclass(frozen=True, eq=False)
class Formula:
    """An impact given as a function of USD that returns moves; it must not decrease, and must be 0 at 0."""

    function: Callable[[Floats], npt.ArrayLike]

    def place(self, move: Floats) -> Floats:
        """Return moves as they are: pushes add to them."""
        return move

    def push(self, usd: Floats) -> Floats:
        """Return the move that an amount makes; ``usd`` increases."""
        moves = np.asarray(self.function(usd), dtype=np.float64)
        if moves.shape != usd.shape or not np.isfinite(moves).all() or (np.diff(moves) < 0).any() or moves[0] < 0:
            raise InputError(
                "impact: wanted a function that takes an array of USD and returns as many finite moves >= 0 "
                f"(fractions) that do not fall; got {str(moves)[:60]}"
            )
        return moves

    def move(self, place: Floats) -> Floats:
        """Return the coordinate: it is the move."""
        return place

    def __str__(self) -> str:
        return "impact by a given function"


@dataclass(frozen=True, eq=False)
class OrderBook:
    """Resting orders: a push consumes the orders beyond the price; beyond the book's end nothing stops it.

    Attributes
    ----------
    distance
        From the close, fractions, increasing from 0, shape (m,).
    cumulative
        USD resting between the close and each distance, increasing from 0, shape (m,).
    """

    distance: Floats
    cumulative: Floats

    def place(self, move: Floats) -> Floats:
        """Return the USD resting between the close and each move."""
        resting: Floats = np.interp(move, self.distance, self.cumulative)
        return resting

    def push(self, usd: Floats) -> Floats:
        """Return the USD, since they consume as many."""
        return usd

    def move(self, place: Floats) -> Floats:
        """Return the move at which that many USD are consumed; infinite beyond the book's end."""
        moves: Floats = np.interp(place, self.cumulative, self.distance, right=np.inf)
        return moves

    def __str__(self) -> str:
        return f"a book of {usd_text(self.cumulative[-1])} within {self.distance[-1]:.1%} (given; it stays as it is)"


def book_of(depth: object, steps: int, bin_size: float, close: float, sign: int) -> OrderBook:
    """Return the book on one side of the close.

    Parameters
    ----------
    depth
        USD resting in each price step; or USD between the close and the far side of step 1, 2, ..., an array; or a
        function of such distances (signed USD, below the close negative) that returns them.
    steps, bin_size, close, sign
        Price steps between the close and the grid's edge; height of one; the close; +1 above it, -1 below.
    """
    number = np.arange(1, steps + 1)
    if is_finite(depth):
        cumulative = float(depth) * number
    elif callable(depth):
        cumulative = np.asarray(depth(sign * bin_size * number), dtype=np.float64)
    else:
        try:
            cumulative = np.array(depth, dtype=np.float64)
        except (TypeError, ValueError):
            cumulative = np.empty(0)
    whole: Floats = np.concatenate([[0.0], cumulative.reshape(-1)])
    lines_up = cumulative.ndim == 1 and len(cumulative) and (not callable(depth) or len(cumulative) == steps)
    if not lines_up or not np.isfinite(whole).all() or (np.diff(whole) <= 0).any():
        raise InputError(
            "depth: wanted USD > 0 a price step, or cumulative USD by step away from the close (an array or a function "
            f"of signed distances in USD; finite, each larger than the one before); got {str(depth)[:60]}"
        )
    distance: Floats = bin_size * np.arange(len(whole), dtype=np.float64) / close
    return OrderBook(distance, whole)


def measured(
    density: Density, at: int, market: Market | None, window_hours: float, volatility: Any, volume: Any
) -> tuple[float, float]:
    """Return daily volatility (fraction) and volume (USD), measured over the window up to a candle's close.

    Given values are used as is. Volatility is the root of the summed squared log returns of closes per day; volume
    is that of ``market``, or without one both sides of what would open if all volume opened positions.

    Raises
    ------
    InputError
        If a given value is not positive, or the window has too few data.
    """
    for name, value in (("volatility", volatility), ("volume", volume)):
        if value is not None and not (is_finite(value) and value > 0):
            raise InputError(f"{name}: wanted a number > 0 a day, or None to measure it; got {str(value)[:40]!r}")
    if volatility is not None and volume is not None:
        return float(volatility), float(volume)
    if not is_finite(window_hours) or window_hours <= 0:
        raise InputError(f"window_hours: wanted a number > 0; got {str(window_hours)[:40]!r}")
    moment = density.time[at]
    if market is None:
        time, close = density.time[: at + 1], density.close[: at + 1]
        turned = density.opened_by_all()[: at + 1] * 2
    else:
        candles = market.candles.loc[: str(moment) + "Z"]
        time = candles.index.as_unit("ns").asi8.view("datetime64[ns]")
        close, turned = candles["close"].to_numpy(), (candles["volume"] * candles["close"]).to_numpy()
        if not len(time) or time[-1] != moment:
            raise InputError(
                f"market: it has no candle at {moment} (UTC), which the density has; pass the density's own"
            )
    sigma, traded = day_of(time, close, turned, float(window_hours))
    sigma, traded = (
        float(given) if given is not None else own for given, own in ((volatility, sigma), (volume, traded))
    )
    if sigma <= 0 or traded <= 0:
        raise InputError(
            f"cascade: the {window_hours:g} hours up to {moment} (UTC) show no price change or no volume. "
            "Pass volatility= (fraction) and volume= (USD) of a day, or a larger window_hours."
        )
    return sigma, traded
