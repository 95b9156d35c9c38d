"""An estimate against realised liquidations: out of sample, causal, with false alarms and baselines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
import pandas as pd

from ...checks import is_finite
from ...errors import InputError
from ...market.market import Market
from ...model.build import build_ledger
from ...model.maintenance import MaintenanceRate
from ...model.settings import PresetName, shares
from ...run.progress import Told, counting
from ..stats.day_resamples import day_counts
from .baselines import BASELINES, EVEN_PARTS, a_day_before, even, fresh_range, range_volume, uniform, yesterday
from .gain import squared_errors
from .held_out import SETTINGS, TICK, given_settings, held_out, settings_before
from .price_rows import RowCells, brightest_unreached
from .result import SIDES, Validation
from .scores import curve, of_gain, of_reach, of_rows, of_sums

if TYPE_CHECKING:
    from ..calibration.result import Calibration


def validate(
    market: Market,
    calibration: Calibration | None = None,
    *,
    leverage_mix: Mapping[int, float] | Mapping[float, float] | PresetName | None = None,
    decay_rate: float | Literal["auto"] | None = None,
    turnover: float | Literal["auto"] | None = None,
    every: str | None = None,
    start: Any = None,
    bin_size: float | None = None,
    maintenance_rate: MaintenanceRate | None = None,
    fee_rate: float | None = None,
    bright: float = 0.1,
    block_days: float = 1.0,
    draws: int = 500,
    seed: int = 0,
    progress: bool | Told | None = None,
) -> Validation:
    """Compare the estimate with realised liquidations it has not seen, and with rules that know no leverage mix.

    Two questions are answered. For each interval: given the path of price, how much was liquidated on each
    side? The estimate uses the interval's own candles, as do the baselines; so this is conditional on the path, and
    not a prediction of direction. For price rows, if realised liquidations have prices: of the rows that price
    reached, were those liquidated that were bright *before* the interval? No data after the interval are used.

    Parameters
    ----------
    market
        Candles with realised liquidations: single events with or without price, or sums by interval.
    calibration
        From :func:`liqwidget.calibrate`: its settings are used, and only intervals after the data that it was fitted
        on are scored.
    leverage_mix
        As for :func:`liqwidget.estimate`, fixed beforehand; None: "balanced". This, the next two and the
        rates below exclude a calibration.
    decay_rate
        Per hour; None or "auto": :func:`liqwidget.auto_decay_rate` of the candles before `start` only.
    turnover
        As for :func:`liqwidget.estimate`; None or "auto": solved from the candles before `start` only.
    every
        Length of an interval, in pandas' notation: a whole number of candles, and of the realised sums' steps. None:
        the calibration's, else the step of the sums, or an hour for single liquidations.
    start
        First moment that may be scored (UTC); earlier candles only feed the ledger. None: after a third of the
        market's time; with a calibration the end of its data, but at least a day for the ledger to fill.
    bin_size
        Height of the rows, USD; None: the calibration's, else that of the model (the largest 1-2-5 number that is at
        most 0.03 % of the median close before `start`). Coarser rows cost rank and gain.
    maintenance_rate, fee_rate
        As for :func:`liqwidget.build_ledger`; None: 0.004 and 0.
    bright
        Share of the cells that counts as brightest, in (0, 1].
    block_days
        Mean length of the resampled blocks of UTC days. An interval shows how much days like these vary:
        few blocks, or effects longer than a block, understate it. With fewer than five days there is none.
    draws, seed
        Resamples, and their seed. With more than about 40,000 price rows fewer are ranked, at least 100.
    progress
        As for :func:`liqwidget.fetch`: True, False, None, or a function called with steps done, steps, and 0.

    Returns
    -------
    Validation

    Raises
    ------
    InputError
        No realised liquidations, nothing to score out of sample, or an argument that is not usable.

    Notes
    -----
    An interval is scored if all its candles exist and it lies between the first and the last realised liquidation
    (empty ones count as 0). Baselines: ``range_volume``: the fall below the previous close (longs), the rise above it
    (shorts), times volume. ``fresh_range``: the part beyond the last interval's low or high counted twice. ``uniform``:
    what opens, spread evenly in distance up to 25 % on each side, which decays and is swept like the estimate.
    ``even``: the model with 32 tiers of equal weight, evenly spaced in 1/leverage from 3x to 150x.
    ``yesterday``: the estimate's profile of 24 h earlier, on its price rows, swept by this interval. On price rows the
    first two spread their amount evenly over the rows of their side.

    Examples
    --------
    >>> import liqwidget as lw
    >>> made = lw.simulate(candles=2_000, traders=40_000, seed=2)
    >>> found = lw.validate(made.market, leverage_mix=made.leverage_mix, decay_rate=made.decay_rate, draws=50)
    >>> found.linear > 0.9
    True
    """
    if not isinstance(market, Market):
        raise InputError(f"market: wanted a Market, such as Market.from_frame(candles); got {type(market).__name__}")
    if not (is_finite(bright) and 0 < bright <= 1):
        raise InputError(f"bright: wanted a share in (0, 1]; got {str(bright)[:40]}")
    if not (is_finite(block_days) and block_days >= 1):
        raise InputError(f"block_days: wanted a number of days >= 1; got {str(block_days)[:40]}")
    values = (leverage_mix, decay_rate, turnover, maintenance_rate, fee_rate, bin_size)
    given, fitted = given_settings(dict(zip(SETTINGS, values, strict=True)), calibration)
    intervals, true, begin, late, scored = held_out(market, every or getattr(calibration, "every", None), start, fitted)
    settings = settings_before(market.between(None, begin - TICK), given, len(intervals))
    settings |= {"every": intervals.label, "fitted": fitted}

    mix, rate = settings["leverage_mix"], settings["decay_rate"]
    rates = {name: settings[name] for name in ("bin_size", "maintenance_rate", "fee_rate", "turnover")}
    with counting("validate", "steps", 4 + EVEN_PARTS, progress) as told:
        ledger = build_ledger(market, list(mix), **rates)
        density = ledger.replay(rate, shares(mix), intervals.last)
        grid, standing = ledger.grid, density.values
        told()
        evenly, evenly_swept = uniform(ledger, rate, intervals)
        told()
        amounts = {
            "estimated": np.stack([density.liquidated_long, density.liquidated_short], axis=1),
            "range_volume": range_volume(intervals),
            "fresh_range": fresh_range(intervals),
            "uniform": evenly_swept,
            "even": even(market, ledger, rate, intervals, told),
            "yesterday": yesterday(standing, grid, intervals),
        }

        days = np.unique(intervals.day[scored])
        counts = day_counts(len(days), draws, block_days, seed)
        day = np.minimum(np.searchsorted(days, intervals.day), len(days) - 1)  # only valid where scored
        found = of_sums(amounts, true, intervals, scored, counts, day[scored], bright)
        if errors := squared_errors(amounts, true, intervals, scored, day, len(days)):
            found |= of_gain(*errors, counts)
        told()
        found |= of_reach(*brightest_unreached(standing, grid, intervals, scored, bright), counts, day)
        events, priced, covered = cast("pd.DataFrame", market.liquidations), 0.0, np.nan  # held_out refuses None
        when = events["time"].dt.tz_localize(None).to_numpy()
        events = events[(when >= intervals.time[scored][0]) & (when < intervals.end[scored][-1])]
        with_price = events[events["price"].notna()]
        if with_price["notional"].sum() > 0:
            priced = float(with_price["notional"].sum() / events["notional"].sum())
            cells = RowCells.of(with_price, intervals, scored, grid)
            covered, last = cells.covered, np.arange(len(intervals)) - 1
            stood = {
                "estimated": cells.standing(standing, last),
                "range_volume": cells.spread(amounts["range_volume"]),
                "fresh_range": cells.spread(amounts["fresh_range"]),
                "uniform": cells.standing(evenly, last),
                "yesterday": cells.standing(standing, a_day_before(intervals)),
            }
            found |= of_rows(cells, stood, grid.bin_size / intervals.before, counts, day, bright)
        told()

    columns = {"estimated": amounts["estimated"], "realised": true} | {name: amounts[name] for name in BASELINES}
    frame = pd.DataFrame({
        "time": np.repeat(pd.DatetimeIndex(intervals.time[scored], tz="UTC"), 2),
        "side": np.tile(np.array(SIDES[:2], dtype=object), int(scored.sum())),
        **{name: values[scored].reshape(-1) for name, values in columns.items()},
    })  # fmt: skip
    return Validation(
        frame=frame,
        bright=float(bright),
        settings=settings,
        days=len(days),
        left_out=int((late & ~scored).sum()),
        priced=priced,
        covered=covered,
        _label=" ".join(word for word in (market.symbol, market.interval_label) if word)
        + (" (simulated)" if market.simulated else ""),
        _replicates=found,
        _curve=curve(amounts["estimated"][scored], true[scored], counts, day[scored]),
    )
