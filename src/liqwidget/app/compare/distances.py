"""One market by distance from its last price, on axes shared by many markets.

Numbers are those of `Ledger.replay`; nothing is estimated a second time. Axes: P rows of distance, the lowest
first, T columns of time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from time import time_ns
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from ...checks import stamp
from ...market.day import day_of
from ...market.origin import span_text
from ...model.build import ledger_on
from ...model.estimate import DEFAULT_HALF_LIFE_HOURS, resolve_decay_rate
from ...model.grid import Floats, Ints, PriceGrid
from ...model.settings import shares

if TYPE_CHECKING:
    import pandas as pd

    from ...market.market import Market

MOST_ROWS = 300
PER = 0.001  # densities of different pages are per this share of the price
_SETTINGS = {"maintenance_rate": 0.004, "fee_rate": 0.0, "turnover": 1.0}
_MS, _HOUR = 1_000_000, 3_600_000_000_000  # ns


@dataclass(frozen=True, eq=False)
class Axes:
    """Common axes of all markets of a page.

    Attributes
    ----------
    time
        Edges of the columns, ns since 1970 UTC, int64, shape (T+1,).
    step
        Height of a row as a share of the last price: a 1-2-5 number.
    half
        Rows on each side of the last price, P / 2.
    aligned
        Whether there is no time that all markets share: then all of them end at the last edge.
    """

    time: Ints
    step: float
    half: int
    aligned: bool = False

    @classmethod
    def over(cls, markets: list[Market], distance: float, columns: int) -> Axes:
        """Return axes over all candles of all markets, and ``distance`` to each side, rounded up to pairs of rows."""
        starts, ends = [int(_opens(market)[0]) for market in markets], [ends_at(market) for market in markets]
        aligned = max(starts) > min(ends) and len(markets) > 1
        longest = max(end - start for start, end in zip(starts, ends, strict=True))
        start = max(ends) - longest if aligned else min(starts)
        end = max(*ends, start + columns)
        time = start + (end - start) * np.arange(columns + 1, dtype=object) // columns  # exact: no float of ns
        step = next(s for s in _STEPS if round(2 * distance / s, 6) <= MOST_ROWS)
        return cls(time.astype(np.int64), step, 2 * ceil(round(distance / step / 2, 6)), aligned)

    def grid(self, close: float) -> PriceGrid:
        """Return the price rows around a close, which is itself an edge."""
        whole = round(1 / self.step)
        return PriceGrid(close / whole, whole - self.half, 2 * self.half)

    def shift(self, market: Market) -> int:
        """Return how far a market's candles are moved to the right, ns."""
        end = max(ends_at(market), int(_opens(market)[-1]) + 1)  # a single candle has no known length
        return int(self.time[-1]) - end if self.aligned else 0

    @property
    def unit(self) -> str:
        """What `places` count: "ms" since 1970, or "days" or "hours" from the end of each market."""
        days = (int(self.time[-1]) - int(self.time[0])) / (24 * _HOUR)
        return "ms" if not self.aligned else "days" if days > 3 else "hours"

    @property
    def places(self) -> Floats:
        """The edges of the columns as they are drawn, in `unit`, shape (T+1,)."""
        since = self.time - self.time[-1] if self.aligned else self.time
        return since.astype(np.float64) / {"ms": _MS, "days": 24 * _HOUR, "hours": _HOUR}[self.unit]

    def columns(self, market: Market) -> tuple[Ints, npt.NDArray[np.bool_]]:
        """Return the candle shown in each column, and where there is one, shape (T,) each.

        It is the last one that begins before the column's end, where its time reaches into the column.
        """
        opens = _opens(market) + self.shift(market)
        candle = np.searchsorted(opens, self.time[1:], "left") - 1
        until = opens[np.maximum(candle, 0)] + max(market.interval.value, 1)
        return candle, (candle >= 0) & (until > self.time[:-1])


_STEPS = [m * 10.0**-e for e in (5, 4, 3, 2) for m in (1, 2, 5)]


@dataclass(frozen=True, eq=False)
class Distances:
    """A market on the axes of a page.

    Attributes
    ----------
    name, market
        Its name on the page, and its candles.
    usd
        Standing by row and column, USD, float32, shape (P, T); 0 where ``known`` is False.
    known
        Whether there is a candle in the column, shape (T,).
    path
        Close of each column as a distance from the last close, shape (T,); NaN where there is no candle.
    close
        The last close, USD.
    day_usd
        USD traded on a mean day of the last week; 0 if nothing was traded or no time has passed.
    cluster
        The nearest large one, as in `Density.clusters`, with its ``share`` of all that stands; None without one.
    notes
        Notes on the data, as text.
    """

    name: str
    market: Market
    usd: npt.NDArray[np.float32]
    known: npt.NDArray[np.bool_]
    path: Floats
    close: float
    day_usd: float
    cluster: dict[str, Any] | None
    notes: tuple[str, ...]


def distances(
    name: str,
    market: Market,
    axes: Axes,
    leverage_mix: Mapping[float, float],
    decay_rate: float | Literal["auto"],
    large: float,
) -> Distances:
    """Estimate one market on the axes of a page.

    Parameters
    ----------
    name
        Its name.
    market, axes
        The candles, and the axes.
    leverage_mix
        Checked: tier -> weight.
    decay_rate
        Per hour, or "auto": the market's own.
    large
        Share of what stands within the page's distance from which on a cluster is large.
    """
    candles = market.candles
    closes = candles["close"].to_numpy()
    close = float(closes[-1])
    grid = axes.grid(close)
    tiers = np.array(list(leverage_mix), dtype=np.float64)
    # Rows are independent: those of the page have the same values as on a grid over all prices.
    ledger = ledger_on(market, 0, grid, tiers, {**_SETTINGS, "span": axes.step * axes.half})
    rate = resolve_decay_rate(decay_rate, market)
    candle, known = axes.columns(market)
    kept = np.unique(np.r_[candle[known], len(closes) - 1])
    density = ledger.replay(rate, shares(leverage_mix), columns=kept)
    usd = np.zeros((grid.rows, len(known)), np.float32)
    usd[:, known] = density.values[:, np.searchsorted(kept, candle[known])]
    day_usd = day_of(candles.index.as_unit("ns").asi8, closes, candles["volume"].to_numpy() * closes)[1]
    unknown = () if day_usd > 0 else ("no colour: no volume of a day to compare with",)
    return Distances(
        name,
        market,
        usd,
        known,
        np.where(known, closes[candle] / close - 1.0, np.nan),
        close,
        day_usd,
        nearest_large(density.clusters(-1, top=grid.rows), float(density.column(-1).sum()), large),
        (*_notes(market, axes, decay_rate == "auto"), *unknown),
    )


def nearest_large(clusters: pd.DataFrame, standing: float, large: float) -> dict[str, Any] | None:
    """Return the cluster whose peak is nearest to the close among those of at least a share of ``standing``, USD."""
    kept = clusters[clusters["notional"] >= large * standing]
    if kept.empty or standing <= 0:
        return None
    nearest = kept.iloc[int(np.argmin(np.abs(kept["distance"].to_numpy())))]
    return {**dict(zip(kept.columns, nearest, strict=True)), "share": float(nearest["notional"]) / standing}


def ends_at(market: Market) -> int:
    """Return when the last candle closes, ns since 1970 UTC."""
    return int(_opens(market)[-1]) + int(market.interval.value)


def _opens(market: Market) -> Ints:
    opens: Ints = market.candles.index.as_unit("ns").asi8
    return opens


def _notes(market: Market, axes: Axes, automatic: bool) -> list[str]:
    interval = max(int(market.interval.value), int(axes.time[1] - axes.time[0]))
    first, end = int(_opens(market)[0]), ends_at(market)
    notes = ["simulated"] if market.simulated else []
    if axes.aligned:
        notes.append(f"until {stamp(end)} UTC")
    elif (late := int(axes.time[-1]) - end) > interval:
        notes.append(f"ends {span_text(late // _MS)} before the latest")
    if (late := first - int(axes.time[0])) > interval and not axes.aligned:
        notes.append(f"begins {span_text(late // _MS)} after the earliest")
    if market.missing:
        notes.append(f"{market.missing:,} candle{'s'[: market.missing > 1]} missing")
    if market.origin is not None:
        notes += market.origin.notices(end // _MS, time_ns() // _MS, int(market.interval.value) // _MS)
    if "open_interest" not in market.candles:
        assumed = f", half-life of {DEFAULT_HALF_LIFE_HOURS:g} h assumed" if automatic else ""
        notes.append(f"no open interest{assumed}")
    return [*notes, *market.notes]
