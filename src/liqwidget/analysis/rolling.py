"""Calibrations of many markets over rolling windows, each scored on later data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..checks import shown
from ..drawing.report import Drawn, Report
from ..errors import InputError, LiqError
from ..market.market import Market
from ..run.cluster import Cluster
from ..run.progress import Told, counting
from .calibration.calibrate import calibrate
from .markets import Markets, named
from .rolling_report import fitless, report_of
from .validation.held_out import TICK
from .validation.validate import validate

MOST = 100_000  # windows
_FITTED = ("decay_rate", "decay_low", "decay_high", "turnover", "bin_size", "scale")
_SCORES = ("rank_in_sample", "linear_in_sample", "rank_following", "linear_following", "gain_following")
_WEIGHTS = ["weight", "low", "high", "from_data"]


@dataclass(frozen=True, eq=False, repr=False)
class Rolling(Drawn):
    """The result of :func:`liqwidget.calibrate_rolling`.

    Attributes
    ----------
    table : DataFrame
        A line per window, markets in the order given, windows by time. Columns: ``market``; ``start``, ``end``
        (UTC, the end not included); ``decay_rate`` (per hour) with ``decay_low``, ``decay_high`` (90 % of resamples);
        ``turnover``; ``bin_size`` (USD); ``scale``; ``intervals`` (the number fitted on); ``rank_in_sample``,
        ``linear_in_sample``; ``rank_following``, ``linear_following`` (correlations with the liquidations from the
        window's end to the next window's: never fitted on) and ``gain_following`` (see
        :class:`liqwidget.Validation`; NaN where too little followed); ``note``: why a number is missing, else "".
    weights : DataFrame
        Per window and tier: ``market``, ``start``, ``end``, ``leverage``, ``weight``, ``low``, ``high`` (percent;
        90 % of resamples), ``from_data`` (see :class:`liqwidget.Calibration`). Windows that failed have none.

    Examples
    --------
    >>> import liqwidget as lw
    >>> made = lw.simulate(candles=2_000, traders=20_000, seed=3)
    >>> found = lw.calibrate_rolling(made.market, "4D", "2D", draws=3, turnovers=(1.0,), decay_rates=(0.03,))
    >>> found.table["decay_rate"].round(3).to_list()
    [0.03, 0.03]
    """

    table: pd.DataFrame
    weights: pd.DataFrame

    def __len__(self) -> int:
        """Return the number of windows."""
        return len(self.table)

    def to_frame(self) -> pd.DataFrame:
        """Return `table`: a line per window."""
        return self.table.copy()

    def _report(self) -> Report:
        return report_of(self)

    def __repr__(self) -> str:
        table = self.table
        fitted = table[table["decay_rate"].notna()]
        lines = [
            f"Calibrations of {table['market'].nunique():,} markets over {len(table):,} windows; "
            f"{len(table) - len(fitted):,} could not be fitted"
        ]
        for name, part in list(fitted.groupby("market", sort=False))[:_LINES]:
            rate, inside, after = (part[column] for column in ("decay_rate", "rank_in_sample", "rank_following"))
            lines.append(
                f"{name}: {len(part):,} windows to {part['end'].max():%Y-%m-%d %H:%M} UTC; decay {rate.min():.3g} to "
                f"{rate.max():.3g} per hour; median rank {inside.median():.3f} in sample, "
                f"{'-' if after.isna().all() else f'{after.median():.3f}'} on what followed"
            )
        return "\n".join([*lines, *(f"{count:,} x {note}" for note, count in fitless(table).items())])


_LINES = 6  # of each kind in the summary


@dataclass(frozen=True, eq=False)
class _Window:
    name: str
    market: Market  # from its start to the end of the following data
    start: pd.Timestamp
    end: pd.Timestamp
    options: dict[str, Any]


def calibrate_rolling(
    markets: Markets,
    window: Any = "40D",
    step: Any = "10D",
    *,
    workers: int | None = None,
    client: Any = None,
    progress: bool | Told | None = None,
    **options: Any,
) -> Rolling:
    """Calibrate each market on a moving window, and score each fit on the data that follow.

    Is a mix the same from month to month, and from market to market? Does a fit still hold after its window? It is
    named after what it adds to :func:`liqwidget.calibrate`; ``step`` is how far the window moves, since ``every`` is an
    option of that.

    Parameters
    ----------
    markets
        One, a list, or a dict of names, with realised liquidations.
    window, step
        Durations in pandas' notation, > 0. All markets have the same windows, starting with the first candle of the
        earliest one; those of a market end with its last candle.
    workers, client, progress
        As for :func:`liqwidget.sweep`.
    options
        For :func:`liqwidget.calibrate`: leverage, prior, decay_rates, draws, seed and so on.

    Returns
    -------
    Rolling
        A window that cannot be fitted (it is too short, or nothing was liquidated) is a line with the reason.

    Raises
    ------
    InputError
        If an argument is not usable.

    Notes
    -----
    A fit uses no data after its window's end. It is scored by :func:`liqwidget.validate` from there to the end of
    the next window; positions standing then were opened since the window's start.

    Examples
    --------
    >>> import liqwidget as lw
    >>> made = lw.simulate(candles=2_000, traders=20_000, seed=3)
    >>> found = lw.calibrate_rolling(made.market, "4D", "2D", draws=3, turnovers=(1.0,), decay_rates=(0.03,))
    >>> len(found)
    2
    """
    every_market = named(markets)
    length, move = _length("window", window), _length("step", step)
    _check(every_market, options)
    windows = _windows(every_market, length, move)
    lines: dict[int, dict[str, Any]] = {}
    weights: dict[int, pd.DataFrame] = {}
    for i, (name, start, end) in enumerate(windows):
        if note := _missing(every_market[name], start, end):
            lines[i] = _line(name, start, end, note=note)
    todo = [i for i in range(len(windows)) if i not in lines]

    def work() -> Iterator[tuple[int, _Window]]:
        for i in todo:
            name, start, end = windows[i]
            yield i, _Window(name, every_market[name].between(start, end + move - TICK), start, end, options)

    with Cluster(workers, client) as cluster:
        title = " ".join(["calibrate", cluster.dashboard]).strip()
        with counting(title, "windows", len(todo), progress) as count:
            for (i, _), (line, mix) in cluster.computed(_calibrated, work()):
                lines[i] = line
                if mix is not None:
                    weights[i] = mix
                count(1)
    named_columns = ["market", "start", "end", "leverage", *_WEIGHTS]
    table = pd.DataFrame([lines[i] for i in range(len(windows))])
    if not weights:
        return Rolling(table, pd.DataFrame(columns=named_columns))
    return Rolling(table, pd.concat([weights[i] for i in sorted(weights)], ignore_index=True)[named_columns])


def _calibrated(work: tuple[int, _Window]) -> tuple[dict[str, Any], pd.DataFrame | None]:
    """Return the line of a window, and the weights of its tiers."""
    one = work[1]
    try:
        fit = calibrate(one.market.between(None, one.end - TICK), **one.options, progress=False)
    except LiqError as error:
        return _line(one.name, one.start, one.end, note=str(error)), None
    inside = fit.scores.to_dict("index")["in_sample"]
    line = _line(
        one.name,
        one.start,
        one.end,
        decay_rate=fit.decay_rate,
        decay_low=fit.decay_interval[0],
        decay_high=fit.decay_interval[1],
        turnover=fit.turnover,
        bin_size=fit.bin_size,
        scale=fit.scale,
        intervals=int(inside["intervals"]),
        rank_in_sample=inside["rank"],
        linear_in_sample=inside["linear"],
    )
    try:
        after = validate(one.market, fit, start=max(one.end, fit.fitted[1]), draws=1, progress=False)
        line |= {f"{name}_following": getattr(after, name) for name in ("rank", "linear", "gain")}
    except LiqError as error:
        line["note"] = f"nothing to score after it: {error}"
    place: dict[str, Any] = {"market": one.name, "start": one.start, "end": one.end}
    return line, fit.tiers[_WEIGHTS].reset_index().assign(**place)


def _missing(market: Market, start: pd.Timestamp, end: pd.Timestamp) -> str:
    """Return which candles a window lacks, its first, its last or all of them, as text; "" if none."""
    times = market.candles.index
    over = times[-1] + market.interval
    if times[0] > start:
        return f"too short: the candles begin at {times[0]:%Y-%m-%d %H:%M} UTC"
    if over < end:
        return f"too short: the candles end at {over:%Y-%m-%d %H:%M} UTC"
    return "" if times.searchsorted(start) < times.searchsorted(end) else "there are no candles"


def _line(name: str, start: pd.Timestamp, end: pd.Timestamp, **known: Any) -> dict[str, Any]:
    """Return a line of the table; unknown values are missing."""
    fitted: dict[str, Any] = dict.fromkeys(_FITTED, np.nan)
    rest = {"intervals": 0} | dict.fromkeys(_SCORES, np.nan) | {"note": ""}
    return {"market": name, "start": start, "end": end} | fitted | rest | known


def _windows(markets: dict[str, Market], length: pd.Timedelta, move: pd.Timedelta) -> list[tuple[str, Any, Any]]:
    """Return market, start and end of the windows that contain a candle; one for a market too short for any."""
    begin = min(market.candles.index[0] for market in markets.values())
    found: list[tuple[str, Any, Any]] = []
    for name, market in markets.items():
        first, over = market.candles.index[0], market.candles.index[-1] + market.interval
        least = max(0, (first - begin - length) // move + 1)
        most = (over - begin - length) // move
        if len(found) + most - least >= MOST:
            raise InputError(f"step: wanted at most {MOST:,} windows in all; {move} makes more. Use a longer one.")
        starts = [begin + k * move for k in range(least, most + 1)] or [first]
        found += [(name, start, start + length) for start in starts]
    return found


def _check(markets: dict[str, Market], options: dict[str, Any]) -> None:
    """Refuse options that no market could be calibrated with, before any work."""
    bare = Market.from_frame(next(iter(markets.values())).candles.iloc[:2])
    try:
        calibrate(bare, **options, progress=False)
    except TypeError as error:
        raise InputError(f"options: wanted those of liqwidget.calibrate; {error}") from error
    except InputError as error:
        if not str(error).startswith("market:"):  # the only problem is that it has nothing to fit to
            raise


def _length(name: str, value: Any) -> pd.Timedelta:
    try:
        offset: Any = pd.tseries.frequencies.to_offset(value)  # pandas' types know no Timedelta of an offset
        length = pd.Timedelta(offset)
        if not length > pd.Timedelta(0):
            raise ValueError
    except (ValueError, TypeError):
        raise InputError(
            f"{name}: wanted a length of time above 0, such as '40D' or '12h'; got {shown(value)}"
        ) from None
    return length
