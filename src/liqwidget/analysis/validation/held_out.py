"""What may be scored out of sample, and the settings of an estimate that knows nothing of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ...errors import InputError
from ...market import Market
from ...model.density import auto_decay_rate
from ...model.grid import Floats, nice_step
from ...model.ledger import SPAN
from ...model.settings import check_mix
from ..stats.flows import natural_every, realised
from ..stats.intervals import Intervals

SETTINGS = ("leverage_mix", "decay_rate", "turnover", "maintenance_rate", "fee_rate", "bin_size")
_MOST_ROWS, _MOST_CELLS = 20_000, 50_000_000  # of the default bin size
_DAY = pd.Timedelta(1, "D")
TICK = pd.Timedelta(1, "ns")


def given_settings(given: dict[str, Any], calibration: Any) -> tuple[dict[str, Any], Any]:
    """Return what to estimate with, None for a default, and the pair of times a calibration was fitted on, or None."""
    if calibration is None:
        return given, None
    missing = [name for name in (*SETTINGS, "fitted") if not hasattr(calibration, name)]
    if missing:
        raise InputError(
            f"calibration: wanted what liqwidget.calibrate returns; {type(calibration).__name__} has no "
            f"{', '.join(missing)}"
        )
    twice = [name for name in SETTINGS if name != "bin_size" and given[name] is not None]
    if twice:
        raise InputError(f"{twice[0]}: the calibration has its own; leave one of the two out")
    own = {name: getattr(calibration, name) for name in SETTINGS}
    fitted = tuple(_utc("calibration.fitted", moment) for moment in calibration.fitted)
    return own | ({} if given["bin_size"] is None else {"bin_size": given["bin_size"]}), fitted


def held_out(
    market: Market, every: str | None, start: Any = None, fitted: Any = None
) -> tuple[Intervals, Floats, pd.Timestamp, npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return what a market can be scored on, or raise InputError where that is nothing.

    Parameters
    ----------
    market, every, start
        As for :func:`liqwidget.validate`.
    fitted
        First and last moment that a calibration saw; None: there is none.

    Returns
    -------
    intervals, realised, begin, late, scored
        All intervals, H of them; their realised USD, (H, 2); the first moment that may be scored; which intervals are
        not before it, (H,); and which of these have all their candles and a known realised value, (H,).
    """
    if market.liquidations is None or not len(market.liquidations):
        raise InputError("market: it has no realised liquidations; give Market.from_frame(..., liquidations=frame)")
    every = every or natural_every(market)
    intervals = Intervals.of(market, every)
    true = _realised(market, intervals, every)
    begin = first_moment(market, start, fitted)
    late = intervals.time >= begin.tz_localize(None).to_datetime64()
    scored = late & intervals.complete & ~np.isnan(true[:, 0])
    if not scored.any():
        raise InputError(
            f"validate: from {begin:%Y-%m-%d %H:%M} UTC on no interval of {intervals.label} has all its candles and a "
            f"known realised value{'' if fitted is None else '; what is before was fitted on'}. Give later data."
        )
    return intervals, true, begin, late, scored


def _realised(market: Market, intervals: Intervals, every: str) -> Floats:
    """Return the realised USD by interval and side, (H, 2); refuse sums of longer steps than the intervals."""
    events = market.liquidations
    stamps = pd.DatetimeIndex(events["time"].unique()).as_unit("ns").asi8
    step = int(np.gcd.reduce(np.diff(stamps))) if len(stamps) > 1 else 0
    if events["price"].isna().all() and step and intervals.length % step:
        raise InputError(
            f"every: the realised liquidations come in steps of {pd.Timedelta(step)}; wanted a whole number of these; "
            f"got {every!r}"
        )
    return realised(market, intervals.time, every)


def first_moment(market: Market, start: Any, fitted: Any) -> pd.Timestamp:
    """Return the first moment that may be scored."""
    first, last = market.candles.index[[0, -1]]
    if start is None:
        third = (last - first) / 3
        return first + third if fitted is None else max(fitted[1], first + min(third, _DAY))
    begin = _utc("start", start)
    if fitted is not None and begin < fitted[1]:
        raise InputError(
            f"start: {begin:%Y-%m-%d %H:%M} UTC lies in what the calibration was fitted on, up to "
            f"{fitted[1]:%Y-%m-%d %H:%M}; scores there say nothing. Start later."
        )
    if begin <= first:
        raise InputError(f"start: wanted a moment after the first candle, {first:%Y-%m-%d %H:%M} UTC; got {begin}")
    return begin


def _utc(name: str, moment: Any) -> pd.Timestamp:
    try:
        found = pd.Timestamp(moment)
        if isinstance(moment, int | float) or found is pd.NaT:
            raise TypeError
    except (TypeError, ValueError):
        raise InputError(f"{name}: wanted a date or time; got {str(moment)[:40]!r}") from None
    return found.tz_localize("UTC") if found.tzinfo is None else found.tz_convert("UTC")


def settings_before(before: Market, given: dict[str, Any], columns: int) -> dict[str, Any]:
    """Return what to estimate with; what is not given comes from the candles before the first scored moment."""
    candles = before.candles
    turnover = 1.0 if given["turnover"] is None else given["turnover"]
    rate, size = given["decay_rate"], given["bin_size"]
    if isinstance(rate, str) and rate != "auto":
        raise InputError(f"decay_rate: wanted 'auto' or a rate per hour; got {rate[:40]!r}")
    if size is None:
        width = float(candles["high"].max()) * (1 + SPAN) - float(candles["low"].min()) * (1 - SPAN)
        fine = 2e-4 * float(candles["close"].median())
        size = nice_step(max(fine, width / _MOST_ROWS, width * columns / _MOST_CELLS))
    return {
        "leverage_mix": check_mix(given["leverage_mix"]),
        "decay_rate": auto_decay_rate(before, turnover) if rate in (None, "auto") else rate,
        "turnover": turnover,
        "bin_size": size,
        "maintenance_rate": 0.004 if given["maintenance_rate"] is None else given["maintenance_rate"],
        "fee_rate": 0.0 if given["fee_rate"] is None else given["fee_rate"],
    }
