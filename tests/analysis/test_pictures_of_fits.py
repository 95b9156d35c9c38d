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
    return lw.simulate(candles=3_000, traders=20_000, seed=3)


@pytest.fixture(scope="module")
def fit(made: Any) -> Any:
    return lw.calibrate(made.market.between(end=made.market.candles.index[1_300]), draws=20)


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


@pytest.fixture(scope="module")
def validation(made: Any, fit: Any) -> Any:
    return lw.validate(made.market, fit)


def test_a_validation_shows_its_curve_and_its_lead(validation: Any) -> None:
    drawn, found = shown(validation), plotted(validation)
    line = validation.by_side().loc[("both", "rank")]
    assert f"rank correlation of {line.value:.2f} [{line.low:.2f}, {line.high:.2f}]" in drawn.headline
    assert drawn.headline.startswith("BTCUSDT-SIM 5m (simulated): ")
    curve = validation.curve().loc["both"]
    known = curve[(curve["scaled"] > 0) & (curve["realised"] > 0)]
    np.testing.assert_array_equal(found["a tenth of the intervals, 95 %"]["x"], known["scaled"])
    np.testing.assert_array_equal(found["a tenth of the intervals, 95 %"]["y"], known["realised"])
    np.testing.assert_array_equal(found["as estimated"]["x"], found["as estimated"]["y"])
    lead = validation.skill().loc["both"].xs("rank", level="measure")
    np.testing.assert_array_equal(np.sort(found["lead in ranks"]["x"]), np.sort(lead["value"]))
    assert drawn.table[1][0] == "the estimate"
    assert len(drawn.table) == 2 + len(lead)


@pytest.mark.parametrize(
    ("shift", "says"),
    [(-0.9, "behind range x volume"), (0.0, "no difference found to range x volume"), (0.9, "ahead of range x volume")],
)
def test_a_validation_says_how_it_compares(validation: Any, shift: float, says: str) -> None:
    """The same resamples, with ranks of a rule that are the estimate's own, or better or worse."""
    replicates = dict(validation._replicates)
    rank = replicates["both", "estimated", "rank"]
    noise = np.where(np.arange(len(rank)) % 2, 0.01, -0.01)
    replicates["both", "range_volume", "rank"] = rank - shift + noise
    drawn = shown(replace(validation, _replicates=replicates))
    assert says in drawn.headline


def test_a_validation_of_few_days_has_no_verdict(validation: Any) -> None:
    drawn = shown(replace(validation, days=3))
    assert "too little to compare with range x volume" in drawn.headline
    assert "[" not in drawn.headline


def test_a_hostile_symbol_stays_text(validation: Any) -> None:
    drawn = shown(replace(validation, _label=HOSTILE))
    assert drawn.headline.startswith(HOSTILE.replace("\x00", "\ufffd"))
    assert "<script" not in drawn.html


@pytest.fixture(scope="module")
def sensitivity() -> Any:
    return lw.sensitivity(lw.load_sample(), draws=20)


def test_a_sensitivity_shows_its_profile_with_the_range(sensitivity: Any) -> None:
    drawn, found, frame = shown(sensitivity), plotted(sensitivity), sensitivity.to_frame()
    top = sensitivity.clusters.iloc[0]
    assert f"{top['side']}s, {top['price_low']:,.10g} to {top['price_high']:,.10g}" in drawn.headline
    assert sensitivity.draws.shape[0] == 20
    assert "90% of 20 draws" in drawn.headline
    for name in ("long", "short"):
        np.testing.assert_array_equal(found[f"{name}s"]["top"], frame[name])
    np.testing.assert_array_equal(found["90% of the draws"]["high"], frame["high"])
    np.testing.assert_array_equal(found["amounts"]["top"], sensitivity.matters["band"])
    assert "not its error against the truth" in drawn.text


def test_a_moment_without_positions_is_said(sensitivity: Any) -> None:
    profile = sensitivity.profile.assign(long=0.0, short=0.0, low=0.0, high=0.0)
    nothing = replace(sensitivity, profile=profile, clusters=sensitivity.clusters.iloc[:0])
    assert shown(nothing).headline.startswith("Nothing stands at ")
