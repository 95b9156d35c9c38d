"""Does price go to the clusters? A comparison with placebo levels, reported whatever the result.

What placebos control for: the *mirror* level has the cluster's distance on the other side of the price at the same
moment; the *shifted* one is where an earlier moment's cluster would be now; the *matched* ones have the cluster's
distance, in units of recent volatility, at random earlier moments. If price moves independently of the estimate,
all of them are touched equally often.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ...checks import is_finite
from ...drawing.report import Drawn, Report
from ...errors import InputError
from ...model.build import build_ledger
from ...model.estimate import resolve_decay_rate
from ...model.grid import Floats, nice_step
from ...model.maintenance import MaintenanceRate
from ...model.opening import NS_PER_HOUR
from ...model.settings import PresetName, check_mix, shares
from ...model.turnover import resolve_turnover
from ..stats.bootstrap import block_counts, percentile_interval
from .classical_levels import swings, volume_nodes
from .placebo import COINCIDE, largest_clusters, matched, nearest, others, shifted
from .report import FACES, WORDS, report_of
from .touches import MEASURES, Paths, decision_candles, volatility_of_a_day

if TYPE_CHECKING:
    import pandas as pd

    from ...market.market import Market

LEVEL = 0.95
VOLATILITY_HOURS = 24.0
CLASSICAL_HOURS = 168.0
SWING_HOURS = 4.0
MATCHES = 8
FARTHEST = 0.2  # log distance: inside the grid of any earlier time, whatever price did since
LEAST_LEVELS, LEAST_STRETCHES = 10, 8  # with fewer there is no interval
SIDES = ("below", "above")


@dataclass(frozen=True, eq=False)
class MagnetStudy(Drawn):
    """The behaviour of price at the largest clusters and at placebo levels.

    Attributes
    ----------
    decisions
        DataFrame, one line per decision and side: ``time`` (UTC, open of the candle at whose close it falls), ``side``
        ("below" or "above" the price), ``close``, ``volatility`` (of a day, fraction), ``level`` (USD, the cluster's
        peak), ``notional`` (USD), ``mirror``, ``shifted``, ``classical`` (USD; all known at that moment); then what
        became of ``level``: ``touched``, ``hours``, ``range``, ``speed``, ``broke``, ``break_hours``.
    settings
        Settings of the study, including decay rate and bin size.

    Examples
    --------
    >>> import liqwidget as lw
    >>> study = lw.magnet_study(lw.load_sample(), draws=20)
    >>> study.decisions[["level", "mirror", "shifted", "classical"]].shape[1]
    4
    """

    decisions: pd.DataFrame
    settings: dict[str, Any]
    _table: pd.DataFrame = field(repr=False)
    _name: str = ""

    def to_frame(self, by_side: bool = False) -> pd.DataFrame:
        """Return the comparisons.

        Parameters
        ----------
        by_side
            Also compare clusters below and above the price separately. Against the mirror level these contain the
            market's drift in the sample, which mostly cancels in the pooled comparison.

        Returns
        -------
        DataFrame
            ``measure``; ``against``: mirror, shifted, matched or classical; ``clusters``: both, below or above;
            ``at_clusters`` and ``at_placebo``: means; ``difference`` with ``low`` and ``high`` of its 95 % block
            bootstrap interval; ``decisions``: their number; ``levels``: the number of clusters in the mean (for
            measures after a touch, those touched).
        """
        kept = self._table if by_side else self._table[self._table["clusters"] == "both"]
        return kept.reset_index(drop=True)

    def _report(self) -> Report:
        return report_of(self, self._name)

    def __repr__(self) -> str:
        table, s = self.to_frame(), self.settings
        time = self.decisions["time"]
        known = table.dropna(subset=["low", "high"])
        apart = known[(known["low"] > 0) | (known["high"] < 0)]
        moments = time.nunique()
        measure = ""
        lines = [
            f"MagnetStudy of {self._name}: the largest cluster on each side of the price at {moments:,} moments, "
            f"{time.min():%Y-%m-%d} to {time.max():%Y-%m-%d}",
            f"(about {moments / s['block']:.0f} stretches that can count as separate; a level is waited for "
            f"{s['horizon_hours']:g} h, then watched {s['after_hours']:g} h)",
        ]
        for row in table.to_dict("records"):
            words, form = WORDS[row["measure"]]
            against, low, high = FACES[row["against"]], row["low"], row["high"]
            if row["measure"] != measure:
                lines.append(f"  {words}")
            measure = row["measure"]
            if np.isnan(low):
                lines.append(f"    {against}: too little to tell")
                continue
            says = "differs" if low > 0 or high < 0 else "no difference found"
            here, there = form.format(row["at_clusters"]), form.format(row["at_placebo"])
            lines.append(
                f"    clusters {here}, {against} {there}: {says} "
                f"(95 % interval of the difference {form.format(low)} to {form.format(high)})"
            )
        lines.append(
            f"{len(apart)} of {len(known)} differences exclude 0; about {len(known) * (1 - LEVEL):.0f} would by chance "
            "alone, and rows that measure alike go together. Clusters are estimates; this says where price has been, "
            "nothing of where it goes."
        )
        return "\n".join(lines)


def magnet_study(
    market: Market,
    leverage_mix: Mapping[int, float] | Mapping[float, float] | PresetName | None = None,
    decay_rate: float | Literal["auto"] = "auto",
    bin_size: float | None = None,
    *,
    horizon_hours: float = 24.0,
    every_hours: float = 4.0,
    after_hours: float = 4.0,
    warmup_hours: float = 72.0,
    shift_hours: float = 48.0,
    reach: tuple[float, float] = (0.2, 1.5),
    bright: float = 0.3,
    turnover: float | Literal["auto"] = "auto",
    maintenance_rate: MaintenanceRate = 0.004,
    draws: int = 1000,
    seed: int = 0,
) -> MagnetStudy:
    """Test whether price reaches the estimate's largest clusters more often than placebo levels, and what follows.

    At regular moments the largest cluster on each side of the price is taken from the estimate as it was then, and its
    densest row followed over the candles after it; so are placebo levels (see the module). Also measured: how often
    clusters coincide with nodes of the volume profile and swing extremes of the week before, and whether price breaks
    clusters or such classical levels faster.

    Parameters
    ----------
    market
        The candles; at least warm-up, horizon and watch, preferably months.
    leverage_mix
        As in :func:`liqwidget.estimate`.
    decay_rate
        Per hour; "auto": what open interest and volume of the warm-up imply.
    bin_size
        USD; None: the 1-2-5 number nearest to a thousandth of the warm-up's last close.
    horizon_hours, every_hours, after_hours
        Maximum wait for a touch; step of the decisions on the UTC clock; how long price is watched from the
        touching candle on.
    warmup_hours
        Before the first decision, at least 24.
    shift_hours
        Age of the cluster that is the shifted placebo.
    reach
        Nearest and farthest cluster considered: log distance from the price in volatilities of the horizon as
        last measured, and never beyond 0.2. Farther clusters are hardly ever touched and tell nothing.
    bright
        A row belongs to a cluster from this share of the densest row on its side within reach.
    turnover
        As for :func:`liqwidget.estimate`; "auto" is solved from the warm-up.
    maintenance_rate
        See :func:`liqwidget.build_ledger`.
    draws, seed
        For the bootstrap; the seed also for the matched moments.

    Raises
    ------
    InputError
        If an argument is out of its range or the market is too short.

    Notes
    -----
    Decisions at t use only candles up to t: more candles do not change earlier decisions. Intervals are stationary
    block bootstrap ones over the decisions in order of time (Politis and Romano 1994), blocks of twice horizon plus
    watch on average, since outcomes overlap. A touch is the first candle whose range reaches the level. Comparisons of
    what follows a touch include only levels that were touched.

    A difference is no proof of a cause: clusters are where volume was, and price often stays or returns there anyway.

    Examples
    --------
    >>> import liqwidget as lw
    >>> study = lw.magnet_study(lw.load_sample(), draws=20)
    >>> sorted(study.decisions["side"].unique())
    ['above', 'below']
    """
    import pandas as pd

    hours = {"horizon_hours": horizon_hours, "every_hours": every_hours, "after_hours": after_hours,
             "warmup_hours": warmup_hours, "shift_hours": shift_hours}  # fmt: skip
    for name, value in hours.items():
        least = VOLATILITY_HOURS if name == "warmup_hours" else 0
        if not is_finite(value) or value <= 0 or value < least:
            raise InputError(
                f"{name}: wanted a number of hours > 0{f', at least {least:g}' if least else ''}; got {value!r}"
            )
    if len(reach) != 2 or not all(map(is_finite, reach)) or not 0 <= reach[0] < reach[1]:
        raise InputError(f"reach: wanted nearest < farthest, both >= 0, in volatilities of the horizon; got {reach!r}")
    if not is_finite(bright) or not 0 < bright <= 1:
        raise InputError(f"bright: wanted a share in (0, 1]; got {bright!r}")

    candles = market.candles
    time = candles.index.as_unit("ns").asi8
    complete = time + int((horizon_hours + after_hours) * NS_PER_HOUR) <= time[-1]
    at = decision_candles(market, every_hours, warmup_hours)
    volatility = volatility_of_a_day(market, VOLATILITY_HOURS)
    at = at[complete[at] & (volatility[at] > 0)]
    if len(at) < 2:
        raise InputError(
            f"market: {(time[-1] - time[0]) / NS_PER_HOUR:.0f} hours leave no moments to study; wanted more than "
            f"{warmup_hours + horizon_hours + after_hours + every_hours:g}. Pass more candles or shorter hours."
        )
    warm = max(int(np.searchsorted(time, time[0] + int(warmup_hours * NS_PER_HOUR))), 2)
    before = market.between(end=candles.index[warm - 1])
    rate = resolve_decay_rate(decay_rate, before, turnover)
    share = resolve_turnover(before, turnover, rate)
    size = nice_step(float(candles["close"].iloc[warm - 1]) / 1000) if bin_size is None else bin_size
    mix = check_mix(leverage_mix)
    ledger = build_ledger(market, list(mix), size, maintenance_rate, turnover=share)
    density = ledger.replay(rate, shares(mix), columns=at)

    when, close, sigma = time[at], density.close, volatility[at]
    near, far = (np.minimum(edge * sigma * np.sqrt(horizon_hours / 24), FARTHEST) for edge in reach)
    level, notional = largest_clusters(density.values, density.grid.centres, close, near, far, bright)
    if np.isnan(level).all():
        raise InputError(
            f"market: the estimate has no cluster between {reach[0]:g} and {reach[1]:g} volatilities of the horizon "
            "from the price at any moment. Pass a market with volume, a wider reach, or higher leverages."
        )
    z = np.log(level / close[:, None]) / sigma[:, None]
    nodes = volume_nodes(market, at, CLASSICAL_HOURS, density.bin_size)
    extremes = swings(market, at, CLASSICAL_HOURS, SWING_HOURS)
    marks = [np.concatenate(pair) for pair in zip(nodes, extremes, strict=True)]
    levels = {
        "mirror": close[:, None] ** 2 / level,
        "shifted": shifted(when, close, sigma, z, shift_hours, every_hours),
        "classical": others(level, close, sigma, marks, near, far),
    }
    draw, moment = matched(when, close, sigma, z, horizon_hours + after_hours, MATCHES, seed)

    paths = Paths(market, at, sigma, horizon_hours, after_hours)
    own = paths.after_touch(level)
    tied = COINCIDE * sigma[:, None]
    comparisons: list[tuple[str, str, Floats, Floats, Floats]] = []  # measure, against, clusters, placebo, its levels
    for against, places in {**levels, "matched": draw}.items():
        theirs = paths.after_touch(places, moment if against == "matched" else None)
        measures = MEASURES[2:] if against == "classical" else MEASURES
        comparisons += [(name, against, own[name], theirs[name], places) for name in measures]
        if against in ("mirror", "shifted"):
            for name, mine in (("on_node", nodes), ("on_swing", extremes)):
                here, there = (np.where(np.isnan(x), np.nan, nearest(x, mine) <= tied) for x in (level, places))
                comparisons.append((name, against, here, there, places))
    order = [*WORDS]
    faces = [*FACES]
    comparisons.sort(key=lambda c: (order.index(c[0]), faces.index(c[1])))

    block = min(max(2 * (horizon_hours + after_hours) / every_hours, 1.0), len(at))
    counts = block_counts(len(at), block, draws, seed)
    table = pd.DataFrame(
        {"measure": name, "against": against, "clusters": which}
        | _compare(mine[:, sides], theirs[:, sides], level[:, sides], places[:, sides], counts, len(at) / block)
        for which, sides in (("both", [0, 1]), ("below", [0]), ("above", [1]))
        for name, against, mine, theirs, places in comparisons
    )
    found = pd.DataFrame(
        {
            "time": np.repeat(candles.index[at], 2),
            "side": SIDES * len(at),
            "close": np.repeat(close, 2),
            "volatility": np.repeat(sigma, 2),
            "level": level.reshape(-1),
            "notional": notional.reshape(-1),
            **{name: places.reshape(-1) for name, places in levels.items()},
            **{name: values.reshape(-1) for name, values in own.items()},
        }
    ).dropna(subset=["level"], ignore_index=True)
    settings = hours | {"reach": tuple(reach), "bright": bright, "leverage_mix": mix, "decay_rate": rate,
                        "bin_size": density.bin_size, "block": block, "draws": draws, "seed": seed}  # fmt: skip
    label = " ".join(word for word in (market.symbol, market.exchange, market.interval_label) if word)
    return MagnetStudy(found, settings, table, f"{label} (simulated)" if market.simulated else label)


def _compare(
    mine: Floats, theirs: Floats, level: Floats, places: Floats, counts: Floats, stretches: float
) -> dict[str, float]:
    """Return the means at clusters and placebos that both have a level, their difference and its interval.

    ``mine`` and ``level`` have shape (N, sides); ``theirs`` and ``places`` too, or with an additional axis of draws.
    """
    if theirs.ndim == 2:
        theirs, places = theirs[..., None], places[..., None]
    both = ~np.isnan(level) & ~np.isnan(places).any(axis=-1)
    sums = []
    for values in (mine[..., None], theirs):
        known = both[..., None] & ~np.isnan(values)
        draws = values.shape[-1]
        sums += [np.where(known, values, 0.0).sum(axis=(1, 2)) / draws, known.sum(axis=(1, 2)) / draws]
    columns = np.stack(sums, axis=1)
    total, resampled = columns.sum(axis=0), counts @ columns
    with np.errstate(divide="ignore", invalid="ignore"):
        here, there = total[0] / total[1], total[2] / total[3]
        difference = resampled[:, 0] / resampled[:, 1] - resampled[:, 2] / resampled[:, 3]
    if stretches < LEAST_STRETCHES or min(total[1], total[3]) < LEAST_LEVELS:
        difference = np.full_like(difference, np.nan)
    interval = percentile_interval(here - there, difference, LEVEL)
    return {
        "at_clusters": here,
        "at_placebo": there,
        "difference": interval.estimate,
        "low": interval.low,
        "high": interval.high,
        "decisions": int(both.any(axis=1).sum()),
        "levels": int(total[1]),
    }
