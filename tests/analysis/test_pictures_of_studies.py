"""What notebooks show of cascades, magnets, sweeps, windows and scores."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import liqwidget as lw
from shown_result import HOSTILE, plotted, shown


@pytest.fixture(scope="module")
def sample() -> Any:
    return lw.estimate(lw.load_sample())


@pytest.fixture(scope="module")
def made() -> Any:
    return lw.simulate(candles=2_500, traders=20_000, seed=3)


def test_a_cascade_shows_its_path(sample: Any) -> None:
    one = lw.cascade(sample, shock=-0.03)
    drawn, found, frame = shown(one), plotted(one), one.to_frame()
    assert list(frame.columns) == ["round", "price", "liquidated"]
    assert frame["round"].tolist() == list(range(1, len(one.steps) + 1))
    assert f"comes to rest at {one.final_price:,.2f} ({one.final_move:+.2%})" in drawn.headline
    assert f"{one.amplification:.2f} times the push" in drawn.headline
    np.testing.assert_array_equal(found["after the round"]["y"], frame["price"])
    np.testing.assert_array_equal(found["after the round"]["x"], frame["round"])
    np.testing.assert_array_equal(found["liquidated so far"]["top"], frame["liquidated"])
    assert found["price"]["y"][0] == one.close
    assert "not a forecast" in drawn.text


def test_a_cascade_out_of_the_range_is_a_lower_bound(sample: Any) -> None:
    one = lw.cascade(sample, shock=-0.2, impact=lambda usd: usd * 0 + 0.6)
    assert one.out_of_range
    drawn = shown(one)
    assert "leaves the known range at" in drawn.headline
    assert "lower bounds" in drawn.text


def test_a_curve_shows_its_cliff_edges(sample: Any) -> None:
    curve = lw.cascade_curve(sample, impact=3.0)
    assert len(curve.cliffs) > 1
    drawn, found, frame = shown(curve), plotted(curve), curve.to_frame()
    assert f"{len(curve.cliffs)} cliff edges" in drawn.headline
    most = frame["amplification"].idxmax()
    assert f"the one of {frame['shock'][most]:+.2%} is amplified most" in drawn.headline
    np.testing.assert_array_equal(found["where it comes to rest"]["x"], frame["shock"])
    np.testing.assert_array_equal(found["where it comes to rest"]["y"], frame["final_move"])
    np.testing.assert_array_equal(found["liquidated"]["y"], frame["liquidated"])
    edge = found["cliff edge"]["x"]
    np.testing.assert_array_equal(np.unique(edge), np.sort(curve.cliffs["shock"].head(20)))


def test_a_curve_without_cliffs_says_so(sample: Any) -> None:
    curve = lw.cascade_curve(sample, impact=0.0)
    drawn = shown(curve)
    assert "no cliff edge" in drawn.headline
    assert "cliff edge" not in drawn.labels


def test_hostile_impacts_stay_text(sample: Any) -> None:
    one = replace(lw.cascade(sample), impact=HOSTILE)
    assert HOSTILE.replace("\x00", "\ufffd") in shown(one).text


@pytest.fixture(scope="module")
def study(made: Any) -> Any:
    hours = {"horizon_hours": 4, "every_hours": 1, "after_hours": 1, "warmup_hours": 24, "shift_hours": 12}
    return lw.magnet_study(made.market, **hours, draws=200)


def with_intervals(study: Any, low: float, high: float) -> Any:
    """The study with another interval for each difference."""
    return replace(study, _table=study._table.assign(low=low, high=high))


def test_a_study_shows_touch_rates_and_their_difference(study: Any) -> None:
    drawn, found = shown(study), plotted(study)
    touched = study.to_frame().query("measure == 'touched'")
    np.testing.assert_array_equal(found["placebo level"]["x"], touched["at_placebo"])
    np.testing.assert_array_equal(found["clusters, where both have a level"]["x"], touched["at_clusters"])
    for name in ("low", "high"):
        np.testing.assert_array_equal(found["clusters minus placebo, 95 %"][name], touched[name])
    assert f"price came to {touched['at_clusters'].iloc[0]:.0%} of the largest clusters" in drawn.headline
    assert "nothing of where it goes" in drawn.text


@pytest.mark.parametrize(
    ("low", "high", "says"),
    [
        (-0.1, 0.1, "no difference found to the mirror level ("),
        (0.1, 0.2, "differs: the mirror level ("),
        (-0.2, -0.1, "differs: the mirror level ("),
        (np.nan, np.nan, "too little to tell: the mirror level ("),
    ],
)
def test_a_study_says_whether_a_difference_was_found(study: Any, low: float, high: float, says: str) -> None:
    drawn = shown(with_intervals(study, low, high))
    assert says in drawn.headline
    verdict = says.split(" to the mirror")[0].split(":")[0]
    assert {row[-1] for row in drawn.table[1:]} == {verdict}


def test_a_hostile_market_stays_text(study: Any) -> None:
    drawn = shown(replace(study, _name=HOSTILE))
    assert drawn.headline.startswith(HOSTILE.replace("\x00", "\ufffd"))
