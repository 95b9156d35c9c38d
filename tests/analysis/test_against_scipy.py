"""Our own statistics, checked against `scipy` and `arch`, which the package does not need at run time."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import nnls
from scipy.stats import pearsonr, rankdata, spearmanr, wasserstein_distance

from liqwidget.analysis.calibration.fit_mix import _non_negative
from liqwidget.analysis.stats.bootstrap import block_bootstrap, block_indices, percentile_interval
from liqwidget.analysis.stats.day_resamples import linear_correlations, mean_ranks, rank_correlations
from liqwidget.analysis.stats.measures import earth_mover, linear_correlation, rank_correlation, ranks

numbers = st.floats(-1e6, 1e6).map(lambda x: round(x, 2))
with_ties = st.one_of(st.integers(-4, 4).map(float), numbers)
seeds = st.integers(0, 100_000)


@given(st.lists(with_ties, min_size=1, max_size=60))
def test_ranks(values: list[float]) -> None:
    np.testing.assert_array_equal(ranks(np.array(values)), rankdata(values))


@given(st.lists(st.tuples(with_ties, with_ties), min_size=3, max_size=60))
def test_correlations(pairs: list[tuple[float, float]]) -> None:
    x, y = np.array(pairs).T
    if len(set(x)) == 1 or len(set(y)) == 1:
        assert np.isnan(rank_correlation(x, y))
        return
    assert rank_correlation(x, y) == pytest.approx(spearmanr(x, y).statistic, abs=1e-9)
    assert linear_correlation(x, y) == pytest.approx(pearsonr(x, y).statistic, abs=1e-7)


@settings(max_examples=50, deadline=None)
@given(seeds, st.integers(3, 40))
def test_correlations_of_resamples(seed: int, n: int) -> None:
    """Weighting rows by counts gives what scipy gives for the rows repeated that often."""
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, 6, n).astype(float), rng.normal(size=n)
    counts = rng.integers(0, 4, (5, n)).astype(float)
    ranked = rank_correlations(mean_ranks(x, counts), mean_ranks(y, counts), counts)
    linear = linear_correlations(x, y, counts, np.arange(n))
    for times, rank, line in zip(counts.astype(int), ranked, linear, strict=True):
        rows = np.repeat(np.arange(n), times)
        if len(rows) < 3:  # two points always lie on a line
            continue
        if len(set(x[rows])) == 1 or len(set(y[rows])) == 1:
            assert np.isnan(rank)
            continue
        assert rank == pytest.approx(spearmanr(x[rows], y[rows]).statistic, abs=1e-9)
        assert line == pytest.approx(pearsonr(x[rows], y[rows]).statistic, abs=1e-8)


@settings(max_examples=100, deadline=None)
@given(seeds, st.integers(1, 50), st.floats(0.01, 500))
def test_the_earth_mover_s_distance(seed: int, n: int, step: float) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.gamma(0.3, size=(2, n)) + 1e-9
    places = step * np.arange(n)
    assert earth_mover(a, b, step) == pytest.approx(wasserstein_distance(places, places, a, b), rel=1e-9, abs=1e-9)


@settings(max_examples=200, deadline=None)
@given(seeds, st.integers(1, 14), st.integers(15, 60), st.floats(0, 3))
def test_non_negative_least_squares(seed: int, n: int, rows: int, alike: float) -> None:
    rng = np.random.default_rng(seed)
    design = np.exp(rng.normal(size=(rows, n))) + alike * np.exp(rng.normal(size=(rows, 1)))  # similar columns
    y = design @ np.maximum(rng.normal(size=n), 0) + rng.normal(size=rows)
    want, norm = nnls(design, y)
    for start in (np.ones(n), np.zeros(n)):
        found = _non_negative(design.T @ design, design.T @ y, start)
        assert (found >= 0).all()
        assert np.linalg.norm(design @ found - y) == pytest.approx(norm, rel=1e-7, abs=1e-9)
        np.testing.assert_allclose(design @ found, design @ want, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", ["stationary", "moving"])
@pytest.mark.parametrize("block", [4, 25])
def test_the_block_bootstrap(kind: str, block: int) -> None:
    """Resampled means of an autocorrelated series have the same spread as those of arch, which draws its own blocks."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # from packages that arch imports
        from arch.bootstrap import MovingBlockBootstrap, StationaryBootstrap
    rng = np.random.default_rng(5)
    series = np.empty(400)
    series[0] = 0.0
    for t in range(1, len(series)):
        series[t] = 0.8 * series[t - 1] + rng.normal()
    draws = 6_000
    theirs = {"stationary": StationaryBootstrap, "moving": MovingBlockBootstrap}[kind](block, series, seed=1)
    wanted = theirs.apply(np.mean, draws)[:, 0]
    found = series[block_indices(len(series), block, draws, seed=2, kind=kind)].mean(axis=1)
    # The spreads are known to 0.9 %, the means to a seventieth of the spread; the tolerances are five times that.
    assert found.std() == pytest.approx(wanted.std(), rel=0.065)
    assert found.mean() == pytest.approx(wanted.mean(), abs=0.09 * wanted.std())
    np.testing.assert_allclose(np.quantile(found, [0.05, 0.5, 0.95]), np.quantile(wanted, [0.05, 0.5, 0.95]),
                               atol=0.15 * wanted.std())  # fmt: skip


def test_the_percentile_interval() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from arch.bootstrap import IIDBootstrap
    values = np.random.default_rng(0).gamma(2.0, size=300)
    theirs = IIDBootstrap(values, seed=3)
    low, high = theirs.conf_int(np.mean, 2_000, method="percentile", size=0.9)[:, 0]
    replicates = IIDBootstrap(values, seed=3).apply(np.mean, 2_000)[:, 0]
    ours = percentile_interval(values.mean(), replicates, 0.9)
    assert (ours.low, ours.high) == pytest.approx((low, high), rel=2e-3)
    independent = block_bootstrap(np.mean, values, block=1, draws=2_000, level=0.9)
    assert (independent.low, independent.high) == pytest.approx((low, high), rel=0.03)
