"""One estimate under a thousand settings, at the cost of a few: what does not change is computed once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import ceil
from typing import Any

import numpy as np
import pandas as pd

from ...checks import is_finite
from ...errors import InputError
from ...market.columns import shown
from ...model.margin import level_factors
from ...run.cluster import Cluster
from ..markets import Markets, counting, named
from .axes import candles_at, check_mixes, check_rates, check_sizes
from .one_market import ESTIMATES, SCORES, Found, Task

MOST = 5_000_000  # lines
_LINES = 6  # markets that a summary has words for


@dataclass(frozen=True, eq=False, repr=False)
class Sweep:
    """What :func:`liqwidget.sweep` found.

    Attributes
    ----------
    table : DataFrame
        A line a setting and moment, in the order of the arguments whatever did the work: markets, bin sizes, mixes,
        decay rates, moments, the last one fastest. Columns:

        ``market``, ``bin_size`` (USD), ``mix`` (a line of `mixes`), ``decay_rate`` (per hour)
            The setting.
        ``time``, ``close``
            Open time (UTC) of the candle at whose close it is looked, and that close (USD).
        ``long_usd``, ``short_usd``
            USD that stand below and above the close.
        ``below_price``, ``below_distance``, ``below_usd``, ``above_price``, ``above_distance``, ``above_usd``
            The nearest large cluster on each side: its densest row (USD), that row's distance from the close as a
            signed fraction of it, and its USD. NaN where there is none.
        ``rank``, ``linear``, and both with ``_long`` and ``_short``
            Correlations with realised liquidations, those of :func:`liqwidget.validate`. Only where a market was
            scored; NaN for the others.
    mixes : DataFrame
        Shares of the tiers, a line a mix, a column a tier.
    notes : list of str
        What could not be scored, and why.
    """

    table: pd.DataFrame
    mixes: pd.DataFrame
    notes: list[str]

    def __len__(self) -> int:
        """Return the number of lines."""
        return len(self.table)

    def best(self, by: str = "rank") -> pd.DataFrame:
        """Return the line of each market whose score is highest, a DataFrame like `table`; without scores it is empty.

        The best of many has been chosen on what it is scored on: validate it on later data.
        """
        if by not in SCORES:
            raise InputError(f"by: wanted one of {', '.join(SCORES)}; got {shown(by)}")
        if by not in self.table:
            return self.table.iloc[:0]
        known = self.table[self.table[by].notna()]
        found: pd.DataFrame = known.loc[known.groupby("market", sort=False)[by].idxmax()].reset_index(drop=True)
        return found

    def __repr__(self) -> str:
        table = self.table
        counts = {
            name: table[column].nunique()
            for name, column in (("market", "market"), ("mix", "mix"), ("decay rate", "decay_rate"))
        }
        per_market = table.groupby("market", sort=False)
        sizes = per_market["bin_size"].nunique().max()
        counts |= {"bin size": int(sizes), "moment": int(per_market["time"].nunique().max())}
        plural = (f"{n:,} {name}{'es' if name == 'mix' and n > 1 else 's' * (n > 1)}" for name, n in counts.items())
        lines = [f"Sweep of {len(table):,} settings ({' x '.join(plural)}); all values are estimates"]
        for name, part in list(per_market)[:_LINES]:
            low, high = (part[list(ESTIMATES)].min(), part[list(ESTIMATES)].max())
            lines.append(
                f"{name}: standing long {low['long_usd']:,.0f} to {high['long_usd']:,.0f} USD, "
                f"short {low['short_usd']:,.0f} to {high['short_usd']:,.0f}; nearest large cluster below at "
                f"{_span(part['below_distance'])}, above at {_span(part['above_distance'])}"
            )
        if counts["market"] > _LINES:
            lines.append(f"... and {counts['market'] - _LINES:,} more markets")
        for _, line in self.best().head(_LINES).iterrows():
            lines.append(
                f"{line['market']}: ranks of realised liquidations best, {line['rank']:.3f}, with mix {line['mix']}, "
                f"decay {line['decay_rate']:.3g} per hour, rows of {line['bin_size']:g} USD; median setting "
                f"{table.loc[table['market'] == line['market'], 'rank'].median():.3f}"
            )
        if "rank" in table:
            lines.append("The best was chosen on what it is scored on: validate it on later data.")
        return "\n".join([*lines, *self.notes])


def sweep(
    markets: Markets,
    mixes: Mapping[Any, Any] | Sequence[Mapping[float, float] | str] | pd.DataFrame | str,
    decay_rates: Sequence[float] | float,
    *,
    bin_sizes: Sequence[float] | Mapping[str, Sequence[float]] | float | None = None,
    at: Any = None,
    turnover: float = 1.0,
    maintenance_rate: float = 0.004,
    fee_rate: float = 0.0,
    large: float = 0.5,
    score: bool | None = None,
    every: str | None = None,
    start: Any = None,
    workers: int | None = None,
    client: Any = None,
    progress: bool | Callable[[int, int, int], object] | None = None,
) -> Sweep:
    """Estimate every market with every bin size, leverage mix and decay rate.

    Parameters
    ----------
    markets
        One, a list, or a dict of names.
    mixes
        A list of mixes (dicts of tier -> weight, or names of presets), a dict that gives them names, or a DataFrame
        with a line a mix and a column a tier, such as ``calibration.draws``. Together at most 32 tiers.
    decay_rates
        Per hour, >= 0.
    bin_sizes
        USD; a dict gives each market its own by name. None: for each market that of :func:`liqwidget.estimate`.
        Finer rows score better.
    at
        A moment or several (UTC): what stands at the close of the last candle that was over by then. None: the last.
    turnover, maintenance_rate, fee_rate
        As for :func:`liqwidget.build_ledger`.
    large
        A cluster (see :meth:`liqwidget.Density.clusters`) is large from this share of the USD of its side's largest
        one on, in (0, 1].
    score
        None: score markets that have realised liquidations; True: all, and refuse those without; False: none.
    every, start
        Length of the scored intervals and the first moment scored, as for :func:`liqwidget.validate`.
    workers, client
        Processes of this machine, or a ``dask.distributed.Client``, that do the work; neither: this process.
    progress
        As for :func:`liqwidget.fetch`: True, False, None, or a function called with parts done, parts, and lines.

    Returns
    -------
    Sweep
        The same to the last digits whatever does the work.

    Raises
    ------
    InputError
        If an argument is out of its range.

    Notes
    -----
    A ledger depends on neither mix nor decay, and both what stands and what is liquidated are linear in the mix. So

    - a market and bin size costs one ledger, of the tiers of all mixes together;
    - a decay rate costs one pass over the entries that still stand at the moments (a plane a tier) and one over those
      that were swept (a sum an interval, side and tier): no replay of the candles;
    - a mix costs the product of its shares with these: the rows of the grid and the intervals, times the tiers.

    A cluster gets one piece of work a market and bin size. Where there are fewer of these than threads, the decay rates
    are split as well, and each part builds the ledger for itself: the others would only wait for the one that did.

    Examples
    --------
    >>> import liqwidget as lw
    >>> found = lw.sweep(lw.load_sample(), ["balanced", "hot"], [0.01, 0.03, 0.1])
    >>> len(found.table)
    6
    """
    every_market = named(markets)
    mixed = check_mixes(mixes)
    tiers = list(mixed.columns)
    level_factors(np.array(tiers, dtype=np.float64), maintenance_rate, fee_rate)  # refuses impossible tiers
    rates = check_rates(decay_rates)
    for name, value in (("turnover", turnover), ("large", large)):
        if not (is_finite(value) and 0 < value <= 1):
            raise InputError(f"{name}: wanted a share in (0, 1]; got {shown(value)}")
    settings = {"turnover": turnover, "maintenance_rate": maintenance_rate, "fee_rate": fee_rate}
    tasks = []
    for name, market in every_market.items():
        if score and market.liquidations is None:
            raise InputError(f"score: {name} has no realised liquidations; leave score out to score those that have")
        moments = candles_at(name, market, at)
        for size in check_sizes(name, market, bin_sizes):
            on = (name, market, tiers, size, settings)
            tasks.append(Task(*on, mixed.to_numpy(), rates, moments, float(large), every, start, score))
    lines = sum(len(mixed) * len(rates) * len(task.moments) for task in tasks)
    if lines > MOST:
        raise InputError(f"sweep: wanted at most {MOST:,} lines; these settings make {lines:,}. Sweep a part of them.")
    with Cluster(workers, client) as cluster:
        threads = cluster.threads
        parts = [task.split(min(len(rates), max(1, ceil(threads / len(tasks))))) for task in tasks]
        work = [(i, k, part) for i, of_task in enumerate(parts) for k, part in enumerate(of_task)]
        found: dict[tuple[int, int], Found] = {}
        total = len(work) if threads else len(tasks) * len(rates)
        with counting(" ".join(["sweep", cluster.dashboard]).strip(), "parts", total, progress) as count:
            alone = None if threads else count  # each decay rate is told of here, each piece on a cluster
            for (i, k, _), result in cluster.computed(partial(_done, alone), work):
                found[i, k] = result
                if threads:
                    count(result.estimates[..., 0].size)
    whole = [[found[i, k] for k in range(len(of_task))] for i, of_task in enumerate(parts)]
    scored = any(one.scores is not None for of_task in whole for one in of_task)
    table = pd.concat([_lines(*one, mixed.index, scored) for one in zip(tasks, whole, strict=True)], ignore_index=True)
    notes = dict.fromkeys(one.note for of_task in whole for one in of_task if one.note)
    return Sweep(table, mixed, list(notes))


def _done(told: Callable[[int], object] | None, work: tuple[int, int, Task]) -> Found:
    task = work[-1]
    try:
        return task.done(told or (lambda _lines: None))
    except InputError as error:
        raise InputError(f"{task.name}: {error}") from error


def _lines(task: Task, parts: list[Found], labels: pd.Index, scored: bool) -> pd.DataFrame:
    """Return the lines of a market and bin size."""
    estimates = np.concatenate([part.estimates for part in parts], axis=1)
    M, R, A = estimates.shape[:3]
    candles = task.market.candles
    table = pd.DataFrame(
        {
            "market": np.repeat(np.array([task.name], dtype=object), M * R * A),
            "bin_size": task.bin_size,
            "mix": np.repeat(labels.to_numpy(), R * A),
            "decay_rate": np.tile(np.repeat(task.rates, A), M),
            "time": candles.index[np.tile(task.moments, M * R)],
            "close": np.tile(candles["close"].to_numpy()[task.moments], M * R),
        }
    )
    table[list(ESTIMATES)] = estimates.reshape(-1, len(ESTIMATES))
    if scored:
        known = [np.full((M, len(part.estimates[0]), len(SCORES)), np.nan) if part.scores is None else part.scores
                 for part in parts]  # fmt: skip
        table[list(SCORES)] = np.repeat(np.concatenate(known, axis=1).reshape(-1, len(SCORES)), A, axis=0)
    return table


def _span(distance: pd.Series) -> str:
    """Return the range of distances in words."""
    low, high = distance.min(), distance.max()
    return "none" if np.isnan(low) else f"{low:+.1%} to {high:+.1%}"
