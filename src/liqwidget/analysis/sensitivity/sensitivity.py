"""How the picture of one moment depends on the mix, the decay rate and the bin size.

That is not its error against the truth: it excludes what all settings have in common, such as where in a candle
positions opened, or that there are no stops.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import log
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from ...checks import is_finite, usd_text
from ...drawing.report import Drawn, Report
from ...errors import InputError
from ...model.build import build_ledger
from ...model.estimate import resolve_decay_rate, shown_bin
from ...model.grid import Floats, PriceGrid, bins_on_offer, check_bin_size
from ...model.settings import PresetName, check_decay_rate, check_mix, shares
from .draws import DRAWS, LEVEL, Moment, drawn_mixes, drawn_rates, matched, span_of, with_ranges
from .report import report_of

if TYPE_CHECKING:
    from ...market.market import Market

MOST_DRAWS = 10_000
NOT_THE_ERROR = "How the picture depends on these settings, not its error against the truth."


@dataclass(frozen=True, eq=False)
class Sensitivity(Drawn):
    """The picture of one moment under settings drawn around the given ones.

    Attributes
    ----------
    time, close
        Open time (UTC) of the candle at whose close it is, and that close (USD).
    level
        Share of the draws between a low and its high.
    profile
        DataFrame, one line per bin: ``price`` (centre), ``long``, ``short`` (USD, the estimate), ``low``,
        ``high`` (USD, of both sides together). Draws of other bin sizes are spread evenly over these bins.
    clusters
        DataFrame, :meth:`Density.clusters`, and for the draws, each in its own bins: ``notional_low``,
        ``notional_high`` (USD between the cluster's edges); ``found``, the share of the draws that have a cluster on
        the same side overlapping it; ``peak_low``, ``peak_high``, where its peak lies (USD; NaN if there is none).
        Of several, the one with most USD between the edges counts; two clusters that merge in a draw both match it.
    matters
        DataFrame, the effect of each setting alone; index ``leverage mix``, ``decay rate``,
        ``bin size``. ``band``: width of the band over the estimate, both summed over the rows. ``shape``: the same with
        every draw scaled to the estimate's sum, so that only shifts between rows count.
    draws
        DataFrame, one line per draw: the share of each tier, ``decay_rate``, ``bin_size``.

    Examples
    --------
    >>> import liqwidget as lw
    >>> found = lw.sensitivity(lw.load_sample(), draws=50)
    >>> found.matters.index.to_list()
    ['leverage mix', 'decay rate', 'bin size']
    """

    time: pd.Timestamp
    close: float
    level: float
    profile: pd.DataFrame
    clusters: pd.DataFrame
    matters: pd.DataFrame
    draws: pd.DataFrame = field(repr=False)

    def to_frame(self) -> pd.DataFrame:
        """Return `profile`: a line per bin with the estimate and its range."""
        return self.profile.copy()

    def _report(self) -> Report:
        return report_of(self, NOT_THE_ERROR)

    def __repr__(self) -> str:
        rates, bins = self.draws["decay_rate"], sorted(set(self.draws["bin_size"]))
        half_lives = "none" if rates.max() == 0 else f"{_half_life(rates.max())} to {_half_life(rates.min())}"
        lines = [
            f"Sensitivity at {self.time:%Y-%m-%d %H:%M} UTC, close {self.close:,.10g}: {len(self.draws):,} draws of "
            f"leverage mix, decay rate (half-life {half_lives}) and bin size ({', '.join(f'{b:g}' for b in bins)} "
            f"USD); ranges hold {self.level:.0%} of them."
        ]
        if len(self.clusters):
            top = self.clusters.iloc[0]
            lines.append(
                f"Largest cluster: {top['side']}s from {top['price_low']:,.10g} to {top['price_high']:,.10g}, "
                f"{usd_text(top['notional'])} ({usd_text(top['notional_low'])} to {usd_text(top['notional_high'])}), "
                f"peak at {top['peak_low']:,.10g} to {top['peak_high']:,.10g}, "
                f"found in {top['found']:.1%} of the draws."
            )
            band, shape = self.matters["band"].idxmax(), self.matters["shape"].idxmax()
            lines.append(f"What matters most: for amounts the {band}, for their shape over the prices the {shape}.")
        else:
            lines.append("Nothing stands at this moment.")
        return "\n".join([*lines, NOT_THE_ERROR])


def sensitivity(
    market: Market,
    leverage_mix: Mapping[int, float] | Mapping[float, float] | PresetName | None = None,
    decay_rate: float | Literal["auto"] = "auto",
    turnover: float | Literal["auto"] = "auto",
    bin_size: float | None = None,
    *,
    at: int = -1,
    mixes: pd.DataFrame | npt.ArrayLike | None = None,
    decay_rates: npt.ArrayLike | None = None,
    bin_sizes: npt.ArrayLike | None = None,
    draws: int = DRAWS,
    seed: int = 0,
    top: int = 10,
    level: float = LEVEL,
) -> Sensitivity:
    """Return how the profile and the clusters of one moment change under other settings.

    Settings that are not given are drawn under assumptions, since their uncertainty is unknown: mixes as uncertain as
    a sample of 30 traders would leave them (see `draws.drawn_mixes`), decay rates from half to twice the given
    one, and the given bin size with its neighbours on offer. Draw d takes the mix, the decay rate and the bin size d of
    their lists; shorter lists are repeated. With ``turnover="auto"`` each decay rate has its own turnover, as it has
    under the widget's slider. The widget's band and the application's table of clusters are the same draws in the bins
    that are shown: ``bin_sizes=hm.bin_size`` gives their numbers.

    Parameters
    ----------
    market, leverage_mix, decay_rate, turnover, bin_size
        The estimate, as for :func:`liqwidget.estimate`.
    at
        Candle, as an index into the market's candles.
    mixes
        Mixes to use instead: a DataFrame whose columns are tiers, or an array (draws, L) with the tiers of
        ``leverage_mix`` in ascending order. Weights >= 0; each row is scaled to sum to 1.
    decay_rates
        Rates per hour to use instead. Given together with ``mixes`` of the same length, pairs stay pairs: for a
        calibration pass ``mixes=fit.draws, decay_rates=fit.decay_draws``.
    bin_sizes
        USD, as ``bin_size``; a single one excludes the effect of the bins.
    draws
        Number of draws; if mixes or decay rates are given, the length of the longer of them.
    seed
        Seed of the drawn mixes. The same arguments give the same numbers.
    top
        Maximum number of clusters.
    level
        Minimum share of the draws within a range.

    Raises
    ------
    InputError
        If an argument is out of its range.

    Examples
    --------
    >>> import liqwidget as lw
    >>> found = lw.sensitivity(lw.load_sample(), draws=50)
    >>> bool((found.profile["low"] <= found.profile["high"]).all())
    True
    """
    for name, value, most in (("draws", draws, MOST_DRAWS), ("top", top, None), ("seed", seed, None)):
        least = 0 if name == "seed" else 1
        if (
            isinstance(value, bool)
            or not isinstance(value, int | np.integer)
            or value < least
            or value > (most or value)
        ):
            bounds = f">= {least}" if most is None else f"from {least} to {most:,}"
            raise InputError(f"{name}: wanted a whole number {bounds}; got {str(value)[:40]!r}")
    if not is_finite(level) or not 0 < level < 1:
        raise InputError(f"level: wanted a share in (0, 1); got {str(level)[:40]!r}")
    T = len(market)
    if isinstance(at, bool) or not isinstance(at, int | np.integer) or not -T <= at < T:
        raise InputError(f"at: wanted a candle from {-T} to {T - 1}; got {at!r}")
    at = int(at) % T
    mix = check_mix(leverage_mix)
    tiers, given = (list(mix), None) if mixes is None else _given_mixes(mixes, list(mix))
    mix = dict(sorted((dict.fromkeys(tiers, 0.0) | mix).items()))
    weights = shares(mix)
    rate = resolve_decay_rate(decay_rate, market, turnover)
    rates = None if decay_rates is None else _numbers("decay_rates", decay_rates, check_decay_rate)
    if given is not None or rates is not None:
        draws = max(len(one) for one in (given, rates) if one is not None)
    if given is None:
        of_mix = drawn_mixes(weights, draws, seed)
    else:
        of_mix = np.zeros((draws, len(mix)))
        of_mix[:, [list(mix).index(tier) for tier in tiers]] = np.resize(given, (draws, len(tiers)))
    of_rate = drawn_rates(rate, draws) if rates is None else np.resize(rates, draws)

    ledger = build_ledger(market, list(mix), turnover=turnover)
    size = shown_bin(ledger, bin_size)
    clusters = ledger.replay(rate, weights, [at], size).clusters(0, top)
    base = Moment(ledger, at, size)
    sizes = _around(ledger.grid, size) if bin_sizes is None else _numbers("bin_sizes", bin_sizes, check_bin_size)
    of_size = np.resize([shown_bin(ledger, one, "bin_sizes") for one in sizes], draws)

    def on_base(columns: Floats) -> Floats:
        return base.on_bins(columns, base.grid)

    usual = np.broadcast_to(weights, of_mix.shape)
    estimate = base.columns(weights[None], np.array([rate]))
    by_mix = on_base(base.columns(of_mix, np.full(draws, rate)))
    by_rate = on_base(base.columns(usual, of_rate))
    every, by_size = np.empty((draws, base.grid.rows)), np.empty((draws, base.grid.rows))
    usd, peak = np.empty((draws, len(clusters))), np.empty((draws, len(clusters)))
    for one in set(of_size.tolist()):
        of = of_size == one
        moment = base if one == size else Moment(ledger, at, one)
        columns = moment.columns(of_mix[of], of_rate[of])
        usd[of], peak[of] = matched(clusters, moment, columns)
        every[of] = moment.on_bins(columns, base.grid)
        by_size[of] = moment.on_bins(moment.columns(weights[None], np.array([rate])), base.grid)

    low, high = span_of(every, level)
    long, short = base.cells.by_bin(estimate[0])
    column, profile = long + short, {"price": base.grid.centres, "long": long, "short": short}
    by = {"leverage mix": by_mix, "decay rate": by_rate, "bin size": by_size}
    return Sensitivity(
        time=market.candles.index[at],
        close=base.close,
        level=float(level),
        profile=pd.DataFrame({**profile, "low": low, "high": high}),
        clusters=with_ranges(clusters, usd, peak, level),
        matters=pd.DataFrame({name: _widths(column, columns, level) for name, columns in by.items()}).T,
        draws=pd.DataFrame(of_mix, columns=list(mix)).assign(decay_rate=of_rate, bin_size=of_size),
    )


def _around(rows: PriceGrid, size: float) -> list[float]:
    """Return a bin size with its existing neighbours on offer."""
    offered = bins_on_offer(rows.bin_size, rows.rows)
    below, above = [one for one in offered if one < size][-1:], [one for one in offered if one > size][:1]
    return [*below, size, *above]


def _widths(estimate: Floats, columns: Floats, level: float) -> dict[str, float]:
    """Return the width of a band over the estimate, as it is and with draws scaled to the estimate's sum."""
    total, sums = estimate.sum(), columns.sum(axis=1, keepdims=True)
    scaled = np.divide(columns * total, sums, out=np.zeros_like(columns), where=sums > 0)
    widths = {}
    for name, values in (("band", columns), ("shape", scaled)):
        low, high = span_of(values, level)
        widths[name] = float((high - low).sum() / total) if total > 0 else 0.0
    return widths


def _given_mixes(mixes: object, tiers: list[float]) -> tuple[list[float], Floats]:
    """Return the tiers of given mixes, and the mixes: (draws, L), rows that sum to 1."""
    if isinstance(mixes, pd.DataFrame):
        labels: list[Any] = list(mixes.columns)
        named = [next(iter(check_mix({label: 1.0}))) for label in labels]  # refuses invalid tiers
        tiers = list(check_mix(dict.fromkeys(named, 1.0)))
        mixes = mixes.set_axis(named, axis=1)[tiers]
    try:
        values = np.array(mixes, dtype=np.float64)
    except (TypeError, ValueError):
        values = np.empty(0)
    if (
        values.ndim != 2
        or not 1 <= len(values) <= MOST_DRAWS
        or values.shape[1] != len(tiers)
        or not np.isfinite(values).all()
        or (values < 0).any()
        or not values.any(axis=1).all()
    ):
        raise InputError(
            f"mixes: wanted 1 to {MOST_DRAWS:,} rows of {len(tiers)} finite weights >= 0, one a tier "
            f"({', '.join(f'{tier:g}' for tier in tiers)}), not all of a row zero; got {str(mixes)[:60]!r}"
        )
    values = values / values.max(axis=1, keepdims=True)
    return tiers, values / values.sum(axis=1, keepdims=True)


def _numbers(name: str, values: npt.ArrayLike, check: Callable[[object], float]) -> Floats:
    """Return given numbers, each checked, shape (n,)."""
    numbers = np.atleast_1d(np.asarray(values, dtype=object))
    if numbers.ndim != 1 or not 1 <= len(numbers) <= MOST_DRAWS:
        raise InputError(f"{name}: wanted 1 to {MOST_DRAWS:,} numbers; got an array of shape {numbers.shape}")
    return np.array([check(number) for number in numbers])


def _half_life(rate: float) -> str:
    return "endless" if rate == 0 else f"{log(2) / rate:.3g} h"
