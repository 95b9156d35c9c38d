"""What notebooks show of fits, scores and studies: true sentences, and drawings of the numbers in their frames."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import liqwidget as lw
from shown_result import HOSTILE, plotted, shown


@pytest.fixture(scope="module")
def made() -> Any:
    return lw.simulate(candles=2_000, traders=20_000, seed=3)


@pytest.fixture(scope="module")
def fit(made: Any) -> Any:
    return lw.calibrate(made.market.between(end=made.market.candles.index[1_200]), draws=20)


def test_a_calibration_shows_its_mix_and_what_is_doubtful(fit: Any) -> None:
    drawn = shown(fit)
    top = max(fit.leverage_mix, key=fit.leverage_mix.get)
    assert f"most weight is on {top:g}x ({fit.leverage_mix[top]:.0f}%)" in drawn.headline
    assert f"rank correlation {fit.scores.loc['out_of_sample', 'rank']:.2f} out of sample" in drawn.headline
    assert [row[0] for row in drawn.table[1:]] == [f"{tier:g}x" for tier in fit.leverage_mix]
    assert all(note in drawn.text for note in fit.notes)
    assert {"fitted weight", "90 % of resamples", "prior", "leverage"} <= set(drawn.labels)


def test_the_figure_of_a_calibration_has_the_numbers_of_its_frame(fit: Any) -> None:
    frame, found = fit.to_frame(), plotted(fit)
    assert list(frame.columns[:5]) == ["leverage", "weight", "low", "high", "prior"]
    assert frame["weight"].sum() == pytest.approx(100)
    np.testing.assert_array_equal(found["fitted weight"]["top"], frame["weight"])
    np.testing.assert_array_equal(found["90 % of resamples"]["low"], frame["low"])
    np.testing.assert_array_equal(found["prior"]["y"], frame["prior"])


def test_an_endless_half_life_is_said(fit: Any) -> None:
    assert "half-life endless" in shown(replace(fit, decay_rate=0.0)).headline


def test_hostile_notes_stay_text(fit: Any) -> None:
    assert HOSTILE.replace("\x00", "\ufffd") in shown(replace(fit, notes=[HOSTILE])).text
