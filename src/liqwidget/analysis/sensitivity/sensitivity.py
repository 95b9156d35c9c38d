"""How the picture of one moment depends on the mix, the decay rate and the bin size.

That is not its error against the truth: what every setting has in common, such as where in a candle positions opened,
or that they have no stops, is not in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import log
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from ...checks import is_finite
from ...errors import InputError
from ...model.density import check_decay_rate, resolve_decay_rate
from ...model.grid import MAX_ROWS, Floats, check_bin_size
from ...model.ledger import build_ledger
from ...model.settings import check_mix, shares
from .draws import DRAWS, LEVEL, Moment, drawn_mixes, drawn_rates, matched, on_rows, span_of, with_ranges

if TYPE_CHECKING:
    from ...market import Market

MOST_DRAWS = 10_000
NOT_THE_ERROR = "How the picture depends on these settings, not its error against the truth."


@dataclass(frozen=True, eq=False)
class Sensitivity:
    """What one moment looks like under settings drawn around the given ones.

    Attributes
    ----------
    time, close
        Open time (UTC) of the candle at whose close it is, and that close (USD).
    level
        Share of the draws that lies between a low and its high.
    profile
        DataFrame, one line a row of the grid: ``price`` (centre), ``long``, ``short`` (USD, the estimate), ``low``,
        ``high`` (USD, of both sides together). Draws of other bin sizes are spread evenly over these rows.
    clusters
        DataFrame, what :meth:`Density.clusters` says, and of the draws, each in its own bins: ``notional_low``,
        ``notional_high`` (USD between the cluster's edges); ``found``, the share of the draws that have a cluster on
        the same side overlapping it; ``peak_low``, ``peak_high``, where that one's peak lies (USD; NaN where none is).
        Of several, the one with most USD between the edges counts; two clusters that are one in a draw both find it.
    matters
        DataFrame, what each setting does while the others stay as given; index ``leverage mix``, ``decay rate``,
        ``bin size``. ``band``: width of the band over the estimate, each summed over the rows. ``shape``: the same once
        every draw is scaled to the estimate's sum, so that only what moved from row to row counts.
    draws
        DataFrame, one line a draw: the share of each tier, ``decay_rate``, ``bin_size``.
    """

    time: pd.Timestamp
    close: float
    level: float
    profile: pd.DataFrame
    clusters: pd.DataFrame
    matters: pd.DataFrame
    draws: pd.DataFrame = field(repr=False)

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
                f"{top['notional']:,.0f} USD ({top['notional_low']:,.0f} to {top['notional_high']:,.0f}), "
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
    leverage_mix: Mapping[float, float] | str | None = None,
    decay_rate: float | str = "auto",
    turnover: float = 1.0,
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
    """Return how the profile and the clusters of one moment move under other settings.

    What is not given is drawn by assumptions, for how well these settings are known is not known: mixes as 30 traders
    asked at random would leave them open (see :func:`liqwidget.analysis.sensitivity.draws.drawn_mixes`), decay rates
    from half to twice the given one, bin sizes of half, one and two times the given one. Draw d takes the mix, the
    decay rate and the bin size d of their lists, each list from its start again once it is through. The widget's band
    and the application's table of clusters are the same draws in the bins that are shown: ``bin_sizes=hm.bin_size``
    gives their numbers.

    Parameters
    ----------
    market, leverage_mix, decay_rate, turnover, bin_size
        The estimate, as for :func:`liqwidget.estimate`.
    at
        Candle, as an index into the market's candles.
    mixes
        Mixes to take instead: a DataFrame whose columns are tiers, or an array (draws, L) with the tiers of
        ``leverage_mix`` in ascending order. Weights >= 0; each row is scaled to sum to 1.
    decay_rates
        Rates per hour to take instead. Given together with ``mixes`` of the same length, pairs stay pairs: of a
        calibration take ``mixes=fit.draws, decay_rates=fit.decay_draws``.
    bin_sizes
        USD; one alone leaves the bins out of it.
    draws
        How many; where mixes or decay rates are given, as many as the longer one of them has.
    seed
        Of the mixes drawn. The same arguments give the same numbers.
    top
        How many clusters at most.
    level
        Share of the draws that a range holds at least.

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

    ledger = build_ledger(market, list(mix), bin_size, turnover=turnover)
    clusters = ledger.replay(rate, weights, columns=[at]).clusters(0, top)
    base = Moment(ledger, at)
    size = base.grid.bin_size
    if bin_sizes is None:
        fits = 2 * base.grid.rows + 2 <= MAX_ROWS
        sizes = np.array([size / 2, size, size * 2] if fits else [size, size * 2])
    else:
        sizes = _numbers("bin_sizes", bin_sizes, check_bin_size)
    of_size = np.resize(sizes, draws)

    usual = np.broadcast_to(weights, of_mix.shape)
    estimate = base.columns(weights[None], np.array([rate]))
    by_mix = base.columns(of_mix, np.full(draws, rate))
    by_rate = base.columns(usual, of_rate)
    every, by_size = np.empty((draws, base.grid.rows)), np.empty((draws, base.grid.rows))
    usd, peak = np.empty((draws, len(clusters))), np.empty((draws, len(clusters)))
    for one in set(of_size.tolist()):
        of = of_size == one
        moment = base if one == size else Moment(build_ledger(market, list(mix), one, turnover=turnover), at)
        columns = moment.columns(of_mix[of], of_rate[of])
        usd[of], peak[of] = matched(clusters, moment, columns)
        every[of] = on_rows(columns, moment.grid, base.grid)
        by_size[of] = on_rows(moment.columns(weights[None], np.array([rate])), moment.grid, base.grid)

    low, high = span_of(every, level)
    centre, column = base.grid.centres, estimate[0]
    profile = {"price": centre, "long": column * (centre < base.close), "short": column * (centre > base.close)}
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


def _widths(estimate: Floats, columns: Floats, level: float) -> dict[str, float]:
    """Return the width of a band over the estimate, as it is and with draws of the estimate's own sum."""
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
        named = [next(iter(check_mix({name: 1.0}))) for name in mixes.columns]  # refuses what is no tier
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
