"""The intervals that may be scored out of sample, and settings that were chosen without them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ...checks import moment
from ...errors import InputError
from ...market.market import Market
from ...model.estimate import resolve_decay_rate
from ...model.grid import Floats, nice_step, row_size_for
from ...model.opening import SPAN
from ...model.settings import check_mix
from ...model.turnover import AUTO, resolve_turnover
from ..stats.flows import natural_every, realised
from ..stats.intervals import Intervals

SETTINGS = ("leverage_mix", "decay_rate", "turnover", "maintenance_rate", "fee_rate", "bin_size")
_MOST_ROWS, _MOST_CELLS = 20_000, 50_000_000  # of the default bin size
_DAY = pd.Timedelta(1, "D")
TICK = pd.Timedelta(1, "ns")


def given_settings(given: dict[str, Any], calibration: Any) -> tuple[dict[str, Any], Any]:
    """Return the given settings, None for defaults, and the pair of times a calibration was fitted on, or None."""
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
    fitted = tuple(_utc("calibration.fitted", time) for time in calibration.fitted)
    return own | ({} if given["bin_size"] is None else {"bin_size": given["bin_size"]}), fitted


def held_out(
    market: Market, every: str | None, start: Any = None, fitted: Any = None
) -> tuple[Intervals, Floats, pd.Timestamp, npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return what a market can be scored on, or raise InputError if there is nothing.

    Parameters
    ----------
    market, every, start
        As for :func:`liqwidget.validate`.
    fitted
        First and last moment used by a calibration; None: there is none.

    Returns
    -------
    intervals, realised, begin, late, scored
        All H intervals; their realised USD, (H, 2); the first moment that may be scored; which intervals are
        not before it, (H,); and which of these have all their candles and a known realised value, (H,).
    """
    events = market.liquidations
    if events is None or not len(events):
        raise InputError("market: it has no realised liquidations; give Market.from_frame(..., liquidations=frame)")
    every = every or natural_every(market)
    intervals = Intervals.of(market, every)
    true = _realised(market, events, intervals, every)
    begin = first_moment(market, start, fitted)
    late = intervals.time >= begin.tz_localize(None).to_datetime64()
    scored = late & intervals.complete & ~np.isnan(true[:, 0])
    if not scored.any():
        raise InputError(
            f"validate: from {begin:%Y-%m-%d %H:%M} UTC on no interval of {intervals.label} has all its candles and a "
            f"known realised value{'' if fitted is None else '; what is before was fitted on'}. Give later data."
        )
    return intervals, true, begin, late, scored


def _realised(market: Market, events: pd.DataFrame, intervals: Intervals, every: str) -> Floats:
    """Return the realised USD by interval and side, (H, 2); refuse sums of longer steps than the intervals."""
    stamps = pd.DatetimeIndex(events["time"].unique()).as_unit("ns").asi8
    step = int(np.gcd.reduce(np.diff(stamps))) if len(stamps) > 1 else 0
    if events["price"].isna().all() and step and intervals.length % step:
        raise InputError(
            f"every: the realised liquidations come in steps of {pd.Timedelta(step)}; wanted a whole number of these; "
            f"got {every!r}"
        )
    return realised(market, intervals.time, every)


def first_moment(market: Market, start: Any, fitted: tuple[pd.Timestamp, pd.Timestamp] | None) -> pd.Timestamp:
    """Return the first moment that may be scored."""
    first: pd.Timestamp = market.candles.index[0]
    last: pd.Timestamp = market.candles.index[-1]
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


def _utc(name: str, time: Any) -> pd.Timestamp:
    return pd.Timestamp(moment(name, time), tz="UTC")


def settings_before(before: Market, given: dict[str, Any], columns: int) -> dict[str, Any]:
    """Return the settings; those not given are derived from the candles before the first scored moment."""
    candles = before.candles
    turnover: Any = AUTO if given["turnover"] is None else given["turnover"]
    rate, size = AUTO if given["decay_rate"] is None else given["decay_rate"], given["bin_size"]
    rate = resolve_decay_rate(rate, before, turnover)
    if size is None:
        width = float(candles["high"].max()) * (1 + SPAN) - float(candles["low"].min()) * (1 - SPAN)
        fine, fits = row_size_for(candles["close"]), max(width / _MOST_ROWS, width * columns / _MOST_CELLS)
        size = fine if fine >= fits else nice_step(fits)
    return {
        "leverage_mix": check_mix(given["leverage_mix"]),
        "decay_rate": rate,
        "turnover": resolve_turnover(before, turnover, rate),
        "bin_size": size,
        "maintenance_rate": 0.004 if given["maintenance_rate"] is None else given["maintenance_rate"],
        "fee_rate": 0.0 if given["fee_rate"] is None else given["fee_rate"],
    }
