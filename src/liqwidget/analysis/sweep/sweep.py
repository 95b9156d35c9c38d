"""One estimate under a thousand settings, at the cost of a few: whatever does not change is computed once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import ceil
from typing import Any, Literal

import numpy as np
import pandas as pd

from ...checks import is_finite, shown, usd_text
from ...drawing.report import Drawn, Report
from ...errors import InputError
from ...model.maintenance import MaintenanceRate, maintenance_settings, tier_factors
from ...model.settings import PresetName
from ...model.turnover import check_turnover
from ...run.cluster import Cluster
from ...run.progress import Told, counting
from ..markets import Markets, named
from .axes import candles_at, check_mixes, check_rates, check_sizes
from .one_market import ESTIMATES, SCORES, Found, ScoreName, Task
from .report import report_of

MOST = 5_000_000  # lines
_LINES = 6  # markets that a summary describes


@dataclass(frozen=True, eq=False, repr=False)
class Sweep(Drawn):
    """The result of :func:`liqwidget.sweep`.

    Attributes
    ----------
    table : DataFrame
        A line per setting and moment, in the order of the arguments for any workers: markets, bin sizes, mixes,
        decay rates, moments, the last one fastest. Columns:

        ``market``, ``bin_size`` (USD), ``mix`` (a line of `mixes`), ``decay_rate`` (per hour)
            The setting.
        ``time``, ``close``
            Open time (UTC) of the candle at whose close the estimate is taken, and that close (USD).
        ``long_usd``, ``short_usd``
            USD standing below and above the close.
        ``below_price``, ``below_distance``, ``below_usd``, ``above_price``, ``above_distance``, ``above_usd``
            The nearest large cluster on each side: its densest row (USD), that row's distance from the close as a
            signed fraction of it, and its USD. NaN if there is none.
        ``rank``, ``linear``, and both with ``_long`` and ``_short``
            Correlations with realised liquidations, as in :func:`liqwidget.validate`. Only if a market was
            scored; NaN for the others.
    mixes : DataFrame
        Shares of the tiers, a line per mix, a column per tier.
    notes : list of str
        Markets that could not be scored, and why.

    Examples
    --------
    >>> import liqwidget as lw
    >>> found = lw.sweep(lw.load_sample(), ["balanced", "hot"], [0.01, 0.03, 0.1])
    >>> found.table[["mix", "decay_rate"]].drop_duplicates().shape
    (6, 2)
    """

    table: pd.DataFrame
    mixes: pd.DataFrame
    notes: list[str]

    def __len__(self) -> int:
        """Return the number of lines."""
        return len(self.table)

    def best(self, by: ScoreName = "rank") -> pd.DataFrame:
        """Return the line of each market with the highest score, a DataFrame like `table`; empty without scores.

        The best of many is chosen on the data that it is scored on: validate it on later data.
        """
        if by not in SCORES:
            raise InputError(f"by: wanted one of {', '.join(SCORES)}; got {shown(by)}")
        if by not in self.table:
            return self.table.iloc[:0]
        known = self.table[self.table[by].notna()]
        found: pd.DataFrame = known.loc[known.groupby("market", sort=False)[by].idxmax()].reset_index(drop=True)
        return found

    def to_frame(self) -> pd.DataFrame:
        """Return `table`: a line per setting and moment."""
        return self.table.copy()

    def _report(self) -> Report:
        return report_of(self)

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
                f"{name}: standing long {usd_text(low['long_usd'])} to {usd_text(high['long_usd'])}, "
                f"short {usd_text(low['short_usd'])} to {usd_text(high['short_usd'])}; nearest large cluster below at "
                f"{_span(part['below_distance'])}, above at {_span(part['above_distance'])}"
            )
        if counts["market"] > _LINES:
            lines.append(f"... and {counts['market'] - _LINES:,} more markets")
        for _, line in self.best().head(_LINES).iterrows():
            lines.append(
                f"{line['market']}: ranks of realised liquidations best, {line['rank']:.3f}, with mix {line['mix']}, "
                f"decay {line['decay_rate']:.3g} per hour; median setting "
                f"{table.loc[table['market'] == line['market'], 'rank'].median():.3f}"
            )
        if "rank" in table:
            lines.append("The best was chosen on what it is scored on: validate it on later data.")
        return "\n".join([*lines, *self.notes])


def sweep(
    markets: Markets,
    mixes: Mapping[Any, Any] | Sequence[Mapping[int, float] | Mapping[float, float] | PresetName] | pd.DataFrame | str,
    decay_rates: Sequence[float] | float,
    *,
    bin_sizes: Sequence[float] | Mapping[str, Sequence[float]] | float | None = None,
    at: Any = None,
    turnover: float | Literal["auto"] = "auto",
    maintenance_rate: MaintenanceRate = 0.004,
    fee_rate: float = 0.0,
    large: float = 0.5,
    score: bool | None = None,
    every: str | None = None,
    start: Any = None,
    workers: int | None = None,
    client: Any = None,
    progress: bool | Told | None = None,
) -> Sweep:
    """Estimate every market with every bin size, leverage mix and decay rate.

    Parameters
    ----------
    markets
        One, a list, or a dict of names.
    mixes
        A list of mixes (dicts of tier -> weight, or names of presets), a dict that gives them names, or a DataFrame
        with a line per mix and a column per tier, such as ``calibration.draws``. Together at most 32 tiers.
    decay_rates
        Per hour, >= 0.
    bin_sizes
        USD, as for :func:`liqwidget.estimate`; a dict gives each market its own by name. Scores are those of the
        model's rows: they do not depend on it.
    at
        One or more moments (UTC): the estimate at the close of the last candle that had closed by then. None: the last.
    turnover, maintenance_rate, fee_rate
        As for :func:`liqwidget.estimate`; with "auto" each decay rate has its own turnover.
    large
        A cluster (see :meth:`liqwidget.Density.clusters`) is large from this share of the USD of its side's largest
        one, in (0, 1].
    score
        None: score markets that have realised liquidations; True: all, and refuse those without; False: none.
    every, start
        Length of the scored intervals and the first scored moment, as for :func:`liqwidget.validate`.
    workers, client
        Processes of this machine, or a ``dask.distributed.Client``, that do the work; neither: this process.
    progress
        As for :func:`liqwidget.fetch`: True, False, None, or a function called with parts done, parts, and lines.

    Returns
    -------
    Sweep
        The same up to rounding on any number of workers.

    Raises
    ------
    InputError
        If an argument is out of its range.

    Notes
    -----
    A ledger depends on neither mix nor decay, and both what stands and what is liquidated are linear in the mix. So

    - a market costs one ledger, of the tiers of all mixes together;
    - a decay rate costs, for each bin size, one pass over the entries still standing at the moments (a plane per tier),
      and one over those that were swept (a sum per interval, side and tier): no replay of the candles;
    - a mix costs the product of its shares with these: the bins of the grid and the intervals, times the tiers.

    A cluster gets one piece of work per market. If there are fewer of these than threads, the decay rates are split as
    well, and each part builds its own ledger: otherwise the others would only wait for it.

    Examples
    --------
    >>> import liqwidget as lw
    >>> found = lw.sweep(lw.load_sample(), ["balanced", "hot"], [0.01, 0.03, 0.1])
    >>> len(found.table)
    6
    """
    every_market = named(markets)
    mixed = check_mixes(mixes)
    tiers = [float(tier) for tier in mixed.columns]
    for market in every_market.values():  # refuses impossible tiers
        tier_factors(tiers, {**maintenance_settings(maintenance_rate, market), "fee_rate": fee_rate})
    rates = check_rates(decay_rates)
    turnover = check_turnover(turnover)
    if not (is_finite(large) and 0 < large <= 1):
        raise InputError(f"large: wanted a share in (0, 1]; got {shown(large)}")
    settings = {"turnover": turnover, "maintenance_rate": maintenance_rate, "fee_rate": fee_rate}
    tasks = []
    for name, market in every_market.items():
        if score and market.liquidations is None:
            raise InputError(f"score: {name} has no realised liquidations; leave score out to score those that have")
        moments = candles_at(name, market, at)
        on = (name, market, tiers, check_sizes(name, market, bin_sizes), settings)
        tasks.append(Task(*on, mixed.to_numpy(), rates, moments, float(large), every, start, score))
    lines = sum(len(mixed) * len(rates) * len(task.moments) * len(task.bin_sizes) for task in tasks)
    if lines > MOST:
        raise InputError(f"sweep: wanted at most {MOST:,} lines; these settings make {lines:,}. Sweep a part of them.")
    with Cluster(workers, client) as cluster:
        threads = cluster.threads
        parts = [task.split(min(len(rates), max(1, ceil(threads / len(tasks))))) for task in tasks]
        work = [(i, k, part) for i, of_task in enumerate(parts) for k, part in enumerate(of_task)]
        found: dict[tuple[int, int], Found] = {}
        total = len(work) if threads else len(tasks) * len(rates)
        with counting(" ".join(["sweep", cluster.dashboard]).strip(), "parts", total, progress) as count:
            alone = None if threads else count  # reports each decay rate here, each piece on a cluster
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
    """Return the lines of a market."""
    estimates = np.concatenate([part.estimates for part in parts], axis=2)
    B, M, R, A = estimates.shape[:4]
    candles = task.market.candles
    table = pd.DataFrame(
        {
            "market": np.repeat(np.array([task.name], dtype=object), B * M * R * A),
            "bin_size": np.repeat(task.bin_sizes, M * R * A),
            "mix": np.tile(np.repeat(labels.to_numpy(), R * A), B),
            "decay_rate": np.tile(np.repeat(task.rates, A), B * M),
            "time": candles.index[np.tile(task.moments, B * M * R)],
            "close": np.tile(candles["close"].to_numpy()[task.moments], B * M * R),
        }
    )
    table[list(ESTIMATES)] = estimates.reshape(-1, len(ESTIMATES))
    if scored:
        known = [np.full((M, part.estimates.shape[2], len(SCORES)), np.nan) if part.scores is None else part.scores
                 for part in parts]  # fmt: skip
        once = np.repeat(np.concatenate(known, axis=1).reshape(-1, len(SCORES)), A, axis=0)
        table[list(SCORES)] = np.tile(once, (B, 1))
    return table


def _span(distance: pd.Series) -> str:
    """Return the range of distances as text."""
    low, high = distance.min(), distance.max()
    return "none" if np.isnan(low) else f"{low:+.1%} to {high:+.1%}"
