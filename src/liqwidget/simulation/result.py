"""A simulated market with its true positions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..drawing.report import Drawn, Report
from ..market.market import Market
from ..model.density import Density
from ..model.grid import PriceGrid
from ..model.ledger import Ledger
from ..model.margin import NO_LEVEL
from ..model.opening import SPAN
from .report import report_of
from .traders import CROWDS, LIQUIDATED, OUTCOMES, Traders
from .true_density import TrueDensity, TrueStanding


@dataclass(frozen=True, eq=False, repr=False)
class Simulation(Drawn):
    """A simulated market with its true positions.

    Attributes
    ----------
    market : Market
        What an exchange would publish, labelled as simulated: candles with volume, open_interest, taker_buy_volume,
        funding_rate and long_short_ratio, and each realised liquidation.
    positions : DataFrame
        Every position that stood at the first candle or opened since, in order of arrival: ``opened`` (UTC, start of
        the candle), ``side`` ("long", "short"), ``crowd`` ("trend", "contrarian", "noise"), ``leverage``, ``entry``
        (USD), ``size`` (coins, or USD of an inverse contract, like all sizes here), ``notional`` (USD at entry),
        ``margin``, ``margin_added`` (USD, or coins of an inverse contract), ``first_liquidation_price``,
        ``liquidation_price`` (the last one; where none is, 0 for a long, inf for a short), ``stop_price`` (USD; NaN
        without a stop-loss), ``ended`` (UTC, start of the candle; NaT while open), ``outcome`` ("open", "closed",
        "stopped", "liquidated"), ``exit_price`` (USD), ``standing`` and ``liquidated`` (sizes: at the end; in all).
    flows : DataFrame
        Sizes by candle: ``opened_long`` ... ``liquidated_short``. For each side, what stood before + opened - closed
        - stopped - liquidated = open interest, in coins or, of an inverse contract, USD.
    leverage_mix, decay_rate, turnover
        What `calibrate` should find, and what `build_ledger` and `replay` need: the mix; the rate, 1 / mean holding
        time, per hour; the share of volume that opens or closes positions.

    Examples
    --------
    >>> import liqwidget as lw
    >>> made = lw.simulate(candles=300, traders=3_000, seed=1)
    >>> sorted(made.positions["outcome"].unique())
    ['closed', 'liquidated', 'open']
    """

    market: Market
    positions: pd.DataFrame
    flows: pd.DataFrame
    leverage_mix: dict[float, float]
    decay_rate: float
    turnover: float
    _standing: TrueStanding = field(repr=False)

    def to_frame(self) -> pd.DataFrame:
        """Return a line per candle: ``time`` (UTC), ``close`` (USD), `flows` and ``open_interest``, in their unit."""
        candles = self.market.candles
        unit = candles["close"] if self.market.contract == "inverse" else 1.0
        frame = self.flows.rename_axis("time").reset_index()
        frame.insert(1, "close", candles["close"].to_numpy())
        return frame.assign(open_interest=(candles["open_interest"] * unit).to_numpy())

    def _report(self) -> Report:
        return report_of(self)

    def __repr__(self) -> str:
        counts = self.positions["outcome"].value_counts()
        ends = ", ".join(f"{int(counts.get(name, 0)):,} {name}" for name in OUTCOMES)
        return f"Simulation({len(self.market):,} candles, {len(self.positions):,} positions: {ends})"

    def density(self, on: Ledger | Density | PriceGrid | float, columns: npt.ArrayLike | None = None) -> TrueDensity:
        """Return the true density: USD of notional at entry, by price row and candle.

        Parameters
        ----------
        on
            Whose price rows to use: a ledger, a density or its grid; or a bin size in USD.
        columns
            Candles whose closes are kept, increasing; None: all.

        Raises
        ------
        InputError
            An argument is not usable, or the result would exceed 1e9 cells.
        """
        if isinstance(on, Ledger | Density):
            grid = on.grid
        elif isinstance(on, PriceGrid):
            grid = on
        else:
            candles = self.market.candles
            grid = PriceGrid.covering(float(candles["low"].min()), float(candles["high"].max()), on, SPAN)
        return self._standing.density(grid, columns, self.leverage_mix, self.decay_rate)


def positions_of(book: Traders, times: Any, warm: int, hours: float) -> pd.DataFrame:
    """Return the positions in the form of `Simulation.positions`."""
    kept = (book.ended < 0) | (book.ended >= warm)
    first, step = times[0].tz_localize(None).to_datetime64(), np.timedelta64(round(hours * 3600), "s")
    ended = np.where(book.ended < 0, np.datetime64("NaT", "ns"), first + (book.ended - warm) * step)
    notional = book.usd(np.arange(len(book.size)), book.size)
    first_level, level = (
        np.where(price >= NO_LEVEL * book.entry, np.inf, price) for price in (book.first_level, book.level)
    )
    frame = pd.DataFrame({
        "opened": pd.DatetimeIndex((first + (book.opened - warm) * step)[kept], tz="UTC"),
        "side": _SIDES[book.long[kept].astype(np.intp)],
        "crowd": np.array(CROWDS, dtype=object)[book.crowd[kept]],
        "leverage": book.leverage[kept],
        "entry": book.entry[kept],
        "size": book.size[kept],
        "notional": notional[kept],
        "margin": book.in_margin(notional / book.leverage, book.entry)[kept],
        "margin_added": book.margin_added[kept],
        "first_liquidation_price": first_level[kept],
        "liquidation_price": level[kept],
        "stop_price": book.stop_price()[kept],
        "ended": pd.DatetimeIndex(ended[kept], tz="UTC"),
        "outcome": np.array(OUTCOMES, dtype=object)[book.outcome[kept]],
        "exit_price": book.exit_price[kept],
        "standing": book.left[kept],
        "liquidated": book.liquidated[kept],
    })  # fmt: skip
    frame.attrs["simulated"] = True
    return frame


def liquidations_of(book: Traders, times: Any, warm: int) -> pd.DataFrame:
    """Return each realised liquidation since the first candle, partial ones included, as `Market` takes them."""
    whole = np.flatnonzero(book.outcome == LIQUIDATED)
    rest = book.liquidated[whole] - book.cut()[whole]
    events = [(np.full(len(ids), t), ids, level, size) for ids, t, level, _, size in book.changes]
    events.append((book.ended[whole], whole, book.level[whole], rest))
    at, ids, level, size = (np.concatenate(column) for column in zip(*events, strict=True))
    real = (at >= warm) & (size > 0)
    at, ids, level, size = at[real] - warm, ids[real], level[real], size[real]
    side = _SIDES[book.long[ids].astype(np.intp)]
    coins = size / level if book.habits.contract == "inverse" else size
    frame = pd.DataFrame({"time": times[at], "side": side, "price": level, "quantity": coins})
    frame["notional"] = frame["price"] * frame["quantity"]
    return frame


_SIDES = np.array(["short", "long"], dtype=object)
