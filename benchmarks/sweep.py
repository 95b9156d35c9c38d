"""A sweep of 1,000 settings compared with computing each from scratch, and two workers compared with one.

python benchmarks/sweep.py

From scratch means a loop over settings that repeats `build_ledger`, `replay`, clusters and scores. It is measured on an
evenly spread sample of the settings and scaled up, since each costs the same. The sweep is measured in full. The
benchmark checks that both give the same numbers. Ratios are also given for CPU time, since a machine may be shared.
Worker processes are started beforehand.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import distributed
import numpy as np
import pandas as pd

import liqwidget as lw
from liqwidget.analysis.stats.measures import linear_correlation, rank_correlation
from liqwidget.analysis.validation.held_out import held_out
from liqwidget.model.settings import shares

CANDLES = 20_000
TIERS = [3, 5, 10, 20, 50, 100]
MIXES, RATES, SAMPLE = 50, 20, 20
BIN_SIZES = (None, 20.0)  # the picture's, and about 0.02 % of the price, which scores better
MARKETS, RUNS = 8, 4  # for the workers


def spent(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """Return a result, and wall and CPU seconds."""
    wall, processor = time.perf_counter(), time.process_time()
    result = work()
    return result, time.perf_counter() - wall, time.process_time() - processor


def alone(market: lw.Market, mix: dict[float, float], rate: float, size: float | None) -> list[float]:
    """Compute one setting from scratch: USD on both sides, and correlations with realised liquidations."""
    intervals, true, _, _, scored = held_out(market, None)
    ledger = lw.build_ledger(market, list(mix), size)
    density = ledger.replay(rate, shares(mix), intervals.last)
    density.clusters()
    standing = density.profile()[["long", "short"]].sum()
    said = np.stack([density.liquidated_long, density.liquidated_short], axis=1)[scored]
    pairs = [(said, true[scored]), *((said[:, side], true[scored][:, side]) for side in (0, 1))]
    scores = [
        measure(a.reshape(-1), b.reshape(-1)) for a, b in pairs for measure in (rank_correlation, linear_correlation)
    ]
    return [*standing, *scores]


@contextmanager
def started(workers: int) -> Iterator[Any]:
    """Start a client with this many processes that have finished their imports; they end with it."""
    with (
        distributed.LocalCluster(
            n_workers=workers, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        lw.sweep({str(i): lw.load_sample() for i in range(4)}, "hot", 0.1, client=client)
        yield client


def main() -> None:
    print(f"sweep; load average {os.getloadavg()[0]:.2f} on {os.cpu_count()} cores")
    market = lw.simulate(CANDLES, 200_000, seed=1).market
    rng = np.random.default_rng(1)
    mixes = pd.DataFrame(rng.dirichlet(np.ones(len(TIERS)), MIXES), columns=TIERS)
    rates = np.geomspace(0.005, 0.2, RATES)
    settings = MIXES * RATES
    print(f"{settings:,} settings ({MIXES} mixes x {RATES} decay rates), {CANDLES:,} candles, scored by the hour")
    sample = np.linspace(0, settings - 1, SAMPLE).astype(int)
    for size in BIN_SIZES:
        runs = [spent(lambda: lw.sweep(market, mixes, rates, bin_sizes=size)) for _ in range(3)]  # noqa: B023
        table = runs[0][0].table
        wall, processor = (statistics.median(run[i] for run in runs) for i in (1, 2))
        names = [
            "long_usd",
            "short_usd",
            *(f"{name}{side}" for side in ("", "_long", "_short") for name in ("rank", "linear")),
        ]
        each = []
        for i in sample:
            line = table.iloc[i]
            found, *seconds = spent(lambda: alone(market, mixes.loc[line["mix"]].to_dict(), line["decay_rate"], size))  # noqa: B023
            np.testing.assert_allclose(line[names].astype(float), found, rtol=1e-6)
            each.append(seconds)
        one_wall, one_processor = (statistics.median(column) for column in zip(*each, strict=True))
        print(
            f"rows of {table['bin_size'].iloc[0]:g} USD: the sweep {wall:.2f} s ({processor:.2f} s of a processor); "
            f"one setting from scratch {one_wall:.3f} s ({one_processor:.3f} s; median of {SAMPLE}), so all "
            f"{one_wall * settings:,.0f} s: {one_wall * settings / wall:,.0f} times as long, "
            f"{one_processor * settings / processor:,.0f} times the processor time"
        )
    several = {str(i): market.between(market.candles.index[10 * i], None) for i in range(MARKETS)}
    with started(1) as one, started(2) as two:
        taken: dict[Any, list[float]] = {one: [], two: []}
        for _ in range(RUNS):  # in turn, best of each, so that other load affects both
            for client, runs in taken.items():
                runs.append(spent(lambda: lw.sweep(several, mixes, rates, bin_sizes=20.0, client=client))[1])  # noqa: B023
        best = [min(runs) for runs in taken.values()]
    print(f"{MARKETS} markets, best of {RUNS} runs in turn: one worker {best[0]:.2f} s, two {best[1]:.2f} s;", end=" ")
    print(f"efficiency of two against one {best[0] / best[1] / 2:.2f} (wanted >= 0.8)")
    print(f"afterwards: load average {os.getloadavg()[0]:.2f}")


if __name__ == "__main__":
    main()
