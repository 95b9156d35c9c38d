"""Leverage mix, decay rate and turnover that explain the realised liquidations of a market.

Given the path of price, the density says how much each tier would have had liquidated in each interval, and the
estimate is their mixture. The mix is a non-negative fit (`fit_mix.py`) for each decay rate and turnover; these two are
chosen by how well the fit predicts intervals after those that it was fitted on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from ...checks import is_finite
from ...errors import InputError
from ...model.grid import Floats, Ints, model_rows, nice_step
from ...model.maintenance import MaintenanceRate, maintenance_settings, possible, tier_factors
from ...model.margin import SIDES
from ...model.opening import SPAN
from ...model.settings import PresetName, check_decay_rate, check_mix, shares
from ...model.turnover import AUTO
from ...run.progress import Told, counting
from ..stats.bootstrap import block_counts, percentile_interval
from ..stats.flows import Flows, natural_every, realised
from ..stats.intervals import interval_length
from .fit_mix import Fit
from .result import Calibration, notes_on
from .search import Search, correlations

if TYPE_CHECKING:
    from ...market.market import Market

#: Leverages that venues offer, about evenly on a log scale; 150x stands for stops, which are that near to the price.
TIERS = (3, 4, 5, 7, 10, 15, 20, 30, 50, 75, 100, 125, 150)
PRIOR_SLOPE = -0.5  # of USD per unit of log leverage, on a log-log scale: between even (0) and the presets (-0.7)
PRIOR_SPREAD = 0.3
DECAY_RATES = (0.002, 0.003, 0.004, 0.006, 0.008, 0.011, 0.015, 0.02, 0.03, 0.04, 0.06, 0.08, 0.12, 0.18, 0.25)
WARM_UP = "4D"  # at most; a tenth of a shorter market
LEAST = 72  # intervals
MOST_ENTRIES = 20_000_000


def calibrate(
    market: Market,
    leverage: Sequence[float] | None = None,
    *,
    prior: Mapping[int, float] | Mapping[float, float] | PresetName | None = None,
    prior_spread: float = PRIOR_SPREAD,
    decay_rates: Sequence[float] = DECAY_RATES,
    turnovers: Sequence[float] | Literal["auto"] = AUTO,
    every: str | None = None,
    bin_size: float | None = None,
    maintenance_rate: MaintenanceRate = 0.004,
    fee_rate: float = 0.0,
    draws: int = 200,
    seed: int = 0,
    progress: bool | Told | None = None,
) -> Calibration:
    """Fit leverage mix, decay rate and turnover to the realised liquidations of a market.

    Parameters
    ----------
    market
        Candles with ``market.liquidations``: single ones or sums by interval and side. Only shape and rank are used:
        they may cover more or fewer venues than the candles.
    leverage
        Tiers, shape (L,); None: 3x to 150x (see ``Calibration.leverage_mix``), or those of ``prior``.
    prior
        Mix of tiers on which the data have little information: tier -> weight > 0, or a preset's name. None: USD per
        unit of log leverage fall with the square root of the leverage.
    prior_spread
        Standard deviation of each weight around the prior's, as a fraction of it, without data; in [0.01, 100].
    decay_rates
        Candidates, per hour.
    turnovers
        "auto": each decay rate has the turnover that keeps standing USD near open interest, as for
        :func:`liqwidget.estimate`. Or candidates, shares in (0, 1]; later ones must be clearly better.
    every
        Length of an interval; None: that of the realised sums, or an hour for single liquidations.
    bin_size, maintenance_rate, fee_rate
        As for :func:`liqwidget.build_ledger`: rows of that size; None: the model's rows.
    draws, seed
        Resamples of days (stationary block bootstrap), and the seed of their generator.
    progress
        As for :func:`liqwidget.fetch`: True, False, None, or a function called with steps done, steps, and 0.

    Returns
    -------
    Calibration

    Raises
    ------
    InputError
        There are no realised liquidations, too few intervals (fewer than 72), or an argument is not usable.

    Notes
    -----
    Weights: `fit_mix.fit_mixture`. Decay and turnover: rolling origin, five parts; the sum of
    rank and linear correlation of the predictions decides. Many decay rates are about as good as the best: the
    geometric mean of those that are best on resampled days is used.

    Examples
    --------
    >>> import liqwidget as lw
    >>> made = lw.simulate(candles=1_500, traders=20_000, seed=3)
    >>> fit = lw.calibrate(made.market, list(made.leverage_mix), draws=10)
    >>> density = lw.estimate(made.market, fit.leverage_mix, fit.decay_rate, turnover=fit.turnover)
    """
    maintenance = {**maintenance_settings(maintenance_rate, market), "fee_rate": fee_rate}
    tier_factors([1.0], maintenance)  # refuses impossible rates
    shape = _prior(leverage, prior, maintenance)
    tier_factors(list(shape), maintenance)  # refuses impossible tiers
    if not (is_finite(prior_spread) and 0.01 <= prior_spread <= 100):
        raise InputError(f"prior_spread: wanted a fraction from 0.01 to 100; got {str(prior_spread)[:40]!r}")
    rates = sorted({check_decay_rate(rate) for rate in decay_rates})
    given: list[float | str] = [AUTO] if isinstance(turnovers, str) and turnovers == AUTO else list(turnovers)
    if not rates or not given or not all(one == AUTO or (is_finite(one) and 0 < one <= 1) for one in given):
        raise InputError(
            "decay_rates, turnovers: wanted at least one rate per hour, and 'auto' or at least one share in (0, 1]"
        )
    if market.liquidations is None or not len(market.liquidations):
        raise InputError(
            "market: has no realised liquidations to fit to. Give them with "
            "Market.from_frame(df, liquidations=...), or use a preset mix and decay_rate='auto'."
        )
    every = every or natural_every(market)
    length = interval_length(market, every)
    size = rows_for(market, len(shape)) if bin_size is None else bin_size
    with counting("calibrate", "steps", 0, progress) as told:
        flows = Flows.of(market, list(shape), every, size, maintenance_rate, fee_rate)
        known = realised(market, flows.time, every)
        used: npt.NDArray[np.bool_] = np.array(np.isfinite(known).all(axis=1))
        used[: min(len(used) // 10, int(pd.Timedelta(WARM_UP) / length))] = False  # too few positions are open yet
        sides = np.flatnonzero(known[used].any(axis=0))  # a side without any liquidation was not recorded
        search = Search(flows, used, sides, known[used][:, sides], list(shape), shares(shape), float(prior_spread))
        if (
            len(search.y) < LEAST
            or np.count_nonzero(search.y) < LEAST // 2
            or not search.y[: search.parts[2]].any(axis=0).all()
        ):
            raise InputError(
                f"market: realised liquidations are known of {len(search.y):,} intervals of {every} after the first "
                f"tenth, {np.count_nonzero(search.y):,} amounts are above 0; wanted at least {LEAST} and {LEAST // 2}, "
                "some of them in the first two fifths. Use a longer market."
            )
        if not search.flows_at(rates[0], 1.0)[: search.parts[2]].any():
            named = ", ".join(f"{tier:g}x" for tier in shape)
            raise InputError(
                f"market: in the first two fifths no candle reaches a level of {named}. "
                "Add tiers of higher leverage, or use a longer market."
            )
        block = float(min(max(1.0, pd.Timedelta("24h") / length), len(search.y)))
        count = block_counts(len(search.y), block, draws, seed)
        told(total=1 + len(rates) + 2 * len(count))
        chosen, tried, best = search.best(
            rates, [one if isinstance(one, str) else float(one) for one in given], count, told
        )
        x = search.flows_at(chosen.decay_rate, chosen.candidate)
        fit = search.fit(x, search.y)
        percent = search.resampled(fit, best, chosen.candidate, count, seed, told)
    tiers = _tiers(fit, x, search, percent)
    interval = percentile_interval(chosen.decay_rate, best, 0.9)
    return Calibration(
        leverage_mix=dict(zip(tiers.index, tiers["weight"], strict=True)),
        decay_rate=chosen.decay_rate,
        turnover=chosen.turnover,
        maintenance_rate=maintenance["maintenance_rate"],
        fee_rate=float(fee_rate),
        bin_size=float(size),
        fitted=(market.candles.index[0], pd.Timestamp(flows.time[used][-1], tz="UTC") + length),
        every=every,
        scale=float(fit.weights.sum()),
        tiers=tiers,
        scores=pd.DataFrame(
            {
                "in_sample": _score(x @ fit.weights, search.y, sides),
                "out_of_sample": _score(chosen.predicted, search.y[search.parts[2] :], sides),
            }
        ).T,
        search=pd.DataFrame([one.line() for one in tried]),
        decay_interval=(interval.low, interval.high),
        draws=percent,
        decay_draws=best,
        notes=notes_on(tiers, (interval.low, interval.high), rates[0], [SIDES[i] for i in sides]),
    )


def _prior(
    leverage: Sequence[float] | None,
    prior: Mapping[int, float] | Mapping[float, float] | PresetName | None,
    maintenance: Mapping[str, Any],
) -> dict[Any, Any]:
    """Return the prior mix, sorted by tier: weights > 0."""
    if prior is not None:
        mix = check_mix(prior)
        if leverage is not None and sorted(leverage) != list(mix):
            raise InputError(f"prior: wanted the tiers of leverage, {sorted(leverage)}; got {list(mix)}")
    else:
        tiers = np.array(TIERS)[possible(TIERS, maintenance, 1.05)].tolist() if leverage is None else list(leverage)
        mix = check_mix(dict.fromkeys(tiers, 1.0))
        if len(mix) != len(tiers):
            raise InputError(f"leverage: wanted different tiers; got {str(leverage)[:60]}")
        width = np.gradient(np.log(list(mix))) if len(mix) > 1 else np.ones(1)
        mix = {tier: float(tier**PRIOR_SLOPE * step) for tier, step in zip(mix, width, strict=True)}
    if min(mix.values()) <= 0:
        raise InputError("prior: weights must be > 0; leave out a tier that nobody uses")
    return mix


def rows_for(market: Market, tiers: int) -> float:
    """Return the model's row size, or a larger one if there would be too many entries."""
    low, high, close = (market.candles[name].to_numpy() for name in ("low", "high", "close"))
    # A candle has an entry in each row of its range, for each tier and side.
    entries = 2 * tiers * float((high - low).sum()) / max(MOST_ENTRIES - 4 * tiers * len(low), 1e6)
    size = model_rows(low, high, close, SPAN).bin_size
    return size if entries <= size else nice_step(entries)


def _score(predicted: Floats, known: Floats, sides: Ints) -> dict[str, float]:
    rank, linear = correlations(predicted, known)
    out = {"rank": rank, "linear": linear}
    for place, side in enumerate(SIDES):
        at = np.flatnonzero(sides == place)
        both = correlations(predicted[:, at], known[:, at]) if len(at) else (np.nan, np.nan)
        out |= dict(zip((f"rank_{side}", f"linear_{side}"), both, strict=True))
    return out | {"intervals": len(known)}


def _tiers(fit: Fit, x: Floats, search: Search, percent: pd.DataFrame) -> pd.DataFrame:
    own = np.diag(fit.covariance)
    like = fit.covariance / np.sqrt(np.outer(own, own))
    liquidated = x.sum(axis=(0, 1)) * fit.weights
    return pd.DataFrame(
        {
            "weight": 100 * fit.weights / fit.weights.sum(),
            "low": percent.quantile(0.05).to_numpy(),
            "high": percent.quantile(0.95).to_numpy(),
            "prior": 100 * search.prior,
            "liquidated": liquidated / liquidated.sum(),
            "from_data": 1 - own / search.prior_spread**2,
            "like_next": np.r_[np.diag(like, 1), np.nan],
        },
        index=pd.Index(search.tiers, name="leverage"),
    )
