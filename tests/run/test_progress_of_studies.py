"""Studies that take seconds on real data: they say how far they are, and end at once when they are interrupted."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

import liqwidget as lw
from liqwidget.run import progress as bars

MADE: dict[str, Any] = {"candles": 1_500, "traders": 12_000, "seed": 3}


@cache
def made() -> lw.Simulation:
    return lw.simulate(**MADE, progress=False)


@cache
def density() -> lw.Density:
    mix = made().leverage_mix
    return lw.build_ledger(made().market, list(mix)).replay(made().decay_rate, [w / 100 for w in mix.values()])


def simulated(progress: Any) -> list[Any]:
    found = lw.simulate(candles=1_234, traders=5_000, seed=1, progress=progress)
    return [found.market.candles, found.market.liquidations, found.positions, found.flows]


def calibrated(progress: Any) -> list[Any]:
    found = lw.calibrate(made().market, list(made().leverage_mix), draws=20, progress=progress)
    return [found.tiers, found.search, found.scores, found.draws, found.decay_draws, found.decay_rate]


def calibrated_with_turnovers(progress: Any) -> list[Any]:
    """Other turnovers are tried, and one of them at all rates if it is clearly better."""
    how: dict[str, Any] = {"turnovers": (0.3, 1.0), "decay_rates": (0.01, 0.03, 0.1), "draws": 20}
    found = lw.calibrate(made().market, list(made().leverage_mix), **how, progress=progress)
    return [found.tiers, found.search, found.scores, found.draws, found.decay_draws, found.decay_rate]


def validated(progress: Any) -> list[Any]:
    found = lw.validate(made().market, draws=20, progress=progress)
    return [found.frame, found.by_side(), found.skill()]


def validated_with_fewer_tiers(progress: Any) -> list[Any]:
    found = lw.validate(made().market, leverage_mix={10: 1}, maintenance_rate=0.05, draws=5, progress=progress)
    return [found.frame, found.by_side(), found.skill()]


def scored(progress: Any) -> list[Any]:
    return [lw.score(density(), made(), at=range(0, 1_500, 100), progress=progress).frame]


def compared(progress: Any) -> list[Any]:
    market = made().market
    markets = {"one": market.tail(500), "two": market.tail(300), "three": market.tail(400)}
    found = lw.compare(markets, columns=50, progress=progress)
    return [found.table, *(one.usd for one in found._shown)]


STUDIES = [simulated, calibrated, calibrated_with_turnovers, validated, validated_with_fewer_tiers, scored, compared]
EACH = pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.__name__)


def same(a: Any, b: Any) -> None:
    """Bit for bit, dtypes included."""
    if isinstance(a, pd.DataFrame):
        pd.testing.assert_frame_equal(a, b, check_exact=True)
    else:
        np.testing.assert_array_equal(a, b, strict=True)


@cache
def without(study: Callable[[Any], list[Any]]) -> list[Any]:
    return study(False)


@EACH
def test_progress_is_complete_and_changes_no_number(study: Callable[[Any], list[Any]]) -> None:
    told: list[tuple[int, int, int]] = []
    found = study(lambda *counts: told.append(counts))
    for a, b in zip(found, without(study), strict=True):
        same(a, b)
    done = [counts[0] for counts in told]
    assert len(told) >= 4
    assert done == sorted(done)
    assert done[0] == 0
    assert done[-1] == told[-1][1] > 0
    assert {counts[1] for counts in told if counts[0]} == {told[-1][1]}


@EACH
@pytest.mark.parametrize("part", [0.0, 0.5, 0.99])
def test_an_interrupt_ends_it_at_once_and_leaves_nothing(
    study: Callable[[Any], list[Any]], part: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected, threads, ended, interrupted = without(study), set(threading.enumerate()), [], []
    close = bars.Bar.__exit__
    monkeypatch.setattr(bars.Bar, "__exit__", lambda self, *error: (ended.append(error[0]), close(self, *error))[1])

    def interrupt(done: int, total: int, _rows: int) -> None:
        if done > part * total:
            interrupted.append((done, total))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        study(interrupt)
    assert len(interrupted) == 1
    assert ended == [KeyboardInterrupt]
    assert set(threading.enumerate()) == threads
    assert multiprocessing.active_children() == []
    for a, b in zip(study(False), expected, strict=True):
        same(a, b)


@EACH
def test_a_bar_is_drawn_where_it_is_wanted(study: Callable[[Any], list[Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    bar = pytest.importorskip("tqdm.auto")
    drawn: list[Any] = []

    class Drawn(bar.tqdm):  # type: ignore[name-defined]
        def close(self) -> None:
            drawn.append((self.desc, self.n, self.total))
            super().close()

    monkeypatch.setattr(bar, "tqdm", Drawn)
    study(True)
    ((title, done, total),) = {*drawn}
    assert study.__name__[:5] == title[:5]
    assert done == total > 0
    drawn.clear()
    study(None)  # neither a notebook nor a terminal
    assert drawn == []


def test_fits_of_a_rolling_calibration_have_no_bars_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    market, wanted = made().market, []
    init = bars.Bar.__init__

    def noted(self: bars.Bar, state: bars.Progress, want: Any = None) -> None:
        wanted.append((state.what, want))
        init(self, state, want)

    monkeypatch.setattr(bars.Bar, "__init__", noted)
    how: dict[str, Any] = {"draws": 3, "turnovers": (1.0,), "decay_rates": (0.03,)}
    found = lw.calibrate_rolling(market, "90h", "24h", **how)
    assert found.table["rank_following"].notna().any(), found.table["note"].tolist()
    assert wanted[0] == ("calibrate", None)
    assert {*wanted[1:]} == {("calibrate", False), ("validate", False)}
