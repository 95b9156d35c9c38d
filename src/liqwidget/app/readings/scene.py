"""A plain-language reading of the chart: which rule of the table applies, and the numbers it used.

Words: the regime and its window are those of `regime.py`. *Reach* is 1.5 times the window's range (high - low) over
the close, and at least 2 %. A cluster of `Density.clusters` is *near* when the nearer of its edges is within reach of
the close, and *large* when it holds at least 20 % of what stands on its side within reach, itself included. *Beyond* a
trend is the side that its net move points at, *behind* it the other one. Of several such clusters the largest counts.
Rules are tried from the top:

==============  ======================================  =====================================================
rule            when                                    reading
==============  ======================================  =====================================================
``empty``       nothing stands in the rows              nothing to read
``few``         fewer than 13 candles                   clusters are named, the regime is not known
``fuel``        trend, large near cluster beyond        fuel if it breaks: distance from the window's extreme
``behind``      trend, large near cluster behind only   fuel behind the move, if it turns
``whipsaw``     range, large near clusters both sides   whipsaw risk: either edge touches one
``lopsided``    range, large near cluster on one side   one-sided
``open``        none of these                           no large cluster within reach
==============  ======================================  =====================================================

The reading says which positions are vulnerable, never where the price goes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd

from ...checks import usd_text
from .regime import Regime, regime

if TYPE_CHECKING:
    from ...market.market import Market
    from ...model.density import Density

Cluster = dict[str, float]
Numbers = dict[str, float]

REACH_OF_RANGE = 1.5
LEAST_REACH = 0.02
LARGE = 0.20


@dataclass(frozen=True)
class Scene:
    """The reading of a chart.

    Attributes
    ----------
    rule
        Name in the module's table.
    text
        The reading, one or two sentences.
    numbers
        The numbers used: ``reach`` (fraction of the close), ``score``, ``move``; of each cluster, after ``below_`` or
        ``above_``: ``usd``, ``share`` (of what stands on its side within reach), ``distance`` (of its nearer edge,
        fraction of the close), ``low``, ``high`` (USD); for ``fuel`` ``past_extreme``: how far the nearer edge lies
        beyond the window's high or low, as a fraction of it.
    """

    rule: str
    text: str
    numbers: dict[str, float] = field(default_factory=dict)


def scene(market: Market, density: Density, at: int = -1) -> Scene:
    """Return the reading of one candle of a mixed density.

    Parameters
    ----------
    market
        The density's own candles; those after the candle read are not looked at.
    density
        Mixed, with the candle among its columns.
    at
        Column of the density.

    Examples
    --------
    >>> import liqwidget as lw
    >>> market = lw.load_sample()
    >>> scene(market, lw.estimate(market)).rule in {"fuel", "behind", "whipsaw", "lopsided", "open"}
    True
    """
    time = pd.Timestamp(density.time[at]).tz_localize("UTC")
    now = regime(market.candles.loc[:time])
    reach = max(REACH_OF_RANGE * (now.high - now.low) / now.close, LEAST_REACH)
    numbers = {"reach": reach, "score": now.score, "move": now.move}
    near = {where: _largest_near(density, at, side, reach) for where, side in (("below", "long"), ("above", "short"))}
    for where, cluster in near.items():
        numbers |= {f"{where}_{name}": value for name, value in (cluster or {}).items()}
    if not density.column(at).any():
        return Scene("empty", "Nothing is estimated to stand within these rows.", numbers)
    words = {where: _words(cluster, where, market.currency) for where, cluster in near.items() if cluster}
    if now.kind == "unknown":
        named = " and ".join(words.values()) or "no large cluster near the price"
        return Scene("few", f"Too few candles to tell a trend from a range: {named}.", numbers)
    if now.kind == "trend":
        return _of_trend(now, near, words, numbers, market)
    return _of_range(now, words, numbers)


def _of_trend(
    now: Regime, near: dict[str, Cluster | None], words: dict[str, str], numbers: Numbers, market: Market
) -> Scene:
    beyond, behind, extreme = ("above", "below", now.high) if now.move > 0 else ("below", "above", now.low)
    start = f"Trend ({now.move:+.1%} over {now.hours:.0f} h)"
    ahead = near[beyond]
    if ahead is not None:
        edge = ahead["low"] if beyond == "above" else ahead["high"]
        past = (edge / extreme - 1.0) * (1 if beyond == "above" else -1)
        numbers["past_extreme"] = past
        name = "high" if beyond == "above" else "low"
        amount = usd_text(ahead["usd"], currency=market.currency)
        place = f"{past:.1%} beyond the {name}" if past > 0 else f"at the {name}"
        text = f"{start}, large cluster of {amount} {place} of {extreme:,.{market.price_decimals}f}: fuel if it breaks."
        return Scene("fuel", text, numbers)
    if behind in words:
        return Scene("behind", f"{start}, {words[behind]}, behind the move: fuel if it turns.", numbers)
    return Scene("open", f"{start}, no large cluster within {numbers['reach']:.1%} of the price.", numbers)


def _of_range(now: Regime, words: dict[str, str], numbers: Numbers) -> Scene:
    start = f"Range ({(now.high - now.low) / now.close:.1%} wide over {now.hours:.0f} h)"
    if len(words) == 2:
        both = f"{words['below']}, {words['above']}"
        text = f"{start} with clusters on both sides: {both}. Whipsaw risk: a move either way meets one."
        return Scene("whipsaw", text, numbers)
    if words:
        (text,) = words.values()
        return Scene("lopsided", f"{start} with a cluster on one side alone: {text}.", numbers)
    return Scene("open", f"{start}, no large cluster within {numbers['reach']:.1%} of the price.", numbers)


def _largest_near(density: Density, at: int, side: str, reach: float) -> Cluster | None:
    """Return the largest cluster of a side that is large and near, or None."""
    close, column, centre = float(density.close[at]), density.column(at), density.grid.centres
    away = (close - centre if side == "long" else centre - close) / close
    within = float(column[(away > 0) & (away <= reach)].sum())
    clusters = density.clusters(at, top=density.grid.rows)
    for row in clusters[clusters["side"] == side].to_dict("records"):  # largest first
        edge = row["price_high"] if side == "long" else row["price_low"]
        distance = max((close - edge if side == "long" else edge - close) / close, 0.0)
        low, high, usd = float(row["price_low"]), float(row["price_high"]), float(row["notional"])
        share = usd / max(within, usd)  # a cluster may lie partly out of reach
        if distance <= reach and share >= LARGE:
            return {"usd": usd, "share": share, "distance": float(distance), "low": low, "high": high}
    return None


def _words(cluster: Cluster, where: str, currency: str) -> str:
    side = "longs" if where == "below" else "shorts"
    return (
        f"an estimated {usd_text(cluster['usd'], currency=currency)} of {side} {cluster['distance']:.1%} {where} "
        f"({cluster['share']:.0%} of that side within reach)"
    )
