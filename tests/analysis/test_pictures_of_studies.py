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
    hours: Any = {"horizon_hours": 4, "every_hours": 1, "after_hours": 1, "warmup_hours": 24, "shift_hours": 12}
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


@pytest.fixture(scope="module")
def sweep(made: Any) -> Any:
    return lw.sweep({"made": made.market, "sample": lw.load_sample()}, ["balanced", "hot"], [0.01, 0.03, 0.1])


def test_a_sweep_shows_a_cell_for_each_mix_and_rate(sweep: Any) -> None:
    drawn, frame = shown(sweep), sweep.to_frame()
    pd.testing.assert_frame_equal(frame, sweep.table)
    assert frame is not sweep.table
    best = sweep.best().sort_values("rank").iloc[-1]
    assert f"ranked best on {best['market']}, {best['rank']:.2f}, with mix {best['mix']}" in drawn.headline
    assert {f"{rank:.2f}" for rank in frame["rank"]} <= set(drawn.labels)
    assert [row[0] for row in drawn.table[1:]] == ["made", "sample"]
    assert "validate it on later data" in drawn.text


def test_the_figure_of_a_sweep_has_the_numbers_of_its_frame(sweep: Any) -> None:
    from bokeh.models import Rect

    table = sweep.to_frame().query("market == 'made'")
    (rects,) = (r for r in sweep.plot().children[0].renderers if isinstance(r.glyph, Rect))
    assert sweep.plot().children[0].title.text == "made: ranks of realised liquidations"
    data = rects.data_source.data
    found = {(int(x), int(y)): value for x, y, value in zip(data["x"], data["y"], data["value"], strict=True)}
    wanted = table.set_index(["mix", "decay_rate"])["rank"]
    for x, mix in enumerate(["balanced", "hot"]):
        for y, rate in enumerate([0.01, 0.03, 0.1]):
            assert found[x, y] == wanted[mix, rate]


def test_a_sweep_without_scores_shows_what_stands(made: Any) -> None:
    found = lw.sweep(made.market, ["balanced"], [0.01, 0.1], score=False)
    drawn = shown(found)
    assert "stand, by setting" in drawn.headline
    assert "USD standing" in drawn.labels


def test_a_large_sweep_is_drawn_in_part(sweep: Any) -> None:
    rates = np.linspace(0.001, 0.5, 400)
    rows = [sweep.table.iloc[:1].assign(decay_rate=rate, mix=mix) for rate in rates[::8] for mix in range(40)]
    table = pd.concat(rows, ignore_index=True)
    markets = pd.concat([table.assign(market=f"{i} {HOSTILE}") for i in range(20)], ignore_index=True)
    drawn = shown(replace(sweep, table=markets))
    assert len(drawn.table) == 1 + 6
    assert {"0", "39", "0.001"} <= set(drawn.labels)


@pytest.fixture(scope="module")
def rolling(made: Any) -> Any:
    return lw.calibrate_rolling({"made": made.market}, "4D", "2D", draws=3, decay_rates=(0.01, 0.03))


def test_windows_show_ranks_gain_and_decay(rolling: Any) -> None:
    table = rolling.to_frame()
    table["gain_following"] = [0.25 + 0.01 * i for i in range(len(table))]
    table.loc[0, "decay_rate"] = np.nan
    with_gain = replace(rolling, table=table)
    drawn, found = shown(with_gain), plotted(with_gain)
    fitted = table[table["decay_rate"].notna()]
    assert 0 < len(fitted) < len(table)
    assert f"median rank correlation {fitted['rank_in_sample'].median():.2f} in the window" in drawn.headline
    assert f"{len(table) - len(fitted)} could not be fitted" in drawn.headline
    np.testing.assert_array_equal(found["made, in the window"]["y"], fitted["rank_in_sample"])
    np.testing.assert_array_equal(found["made, after it"]["y"], fitted["rank_following"])
    np.testing.assert_array_equal(found["made"]["y"], fitted["gain_following"])
    np.testing.assert_array_equal(found["made, 90 % of resamples"]["high"], fitted["decay_high"])
    milliseconds = fitted["end"].dt.tz_localize(None).to_numpy().astype("datetime64[ms]").astype(float)
    np.testing.assert_array_equal(found["made"]["x"], milliseconds)


def test_the_gain_after_a_window_is_that_of_its_validation() -> None:
    made = lw.simulate(candles=4_000, traders=20_000, seed=3)
    options: Any = {"draws": 3, "decay_rates": (0.03,)}
    table = lw.calibrate_rolling(made.market, "7D", "6D", **options).to_frame()
    line = table.iloc[0]
    fit = lw.calibrate(made.market.between(end=line["end"] - pd.Timedelta("1ns")), **options)
    after = made.market.between(end=line["end"] + pd.Timedelta("6D") - pd.Timedelta("1ns"))
    gain = lw.validate(after, fit, start=line["end"], draws=1).gain
    assert line["gain_following"] == pytest.approx(gain)
    assert np.isfinite(gain)


def test_windows_that_all_failed_say_why(rolling: Any) -> None:
    table = rolling.table.assign(note=HOSTILE, decay_rate=np.nan)
    drawn = shown(replace(rolling, table=table))
    assert "none could be fitted" in drawn.headline
    assert HOSTILE.replace("\x00", "\ufffd") in drawn.text


def test_a_score_shows_its_measures_by_side(made: Any) -> None:
    ledger = lw.build_ledger(made.market, list(made.leverage_mix))
    estimate = ledger.replay(made.decay_rate, [weight / 100 for weight in made.leverage_mix.values()])
    one, many = lw.score(estimate, made), lw.score(estimate, made, at=range(500, 2_500, 250))
    drawn, found = shown(one), plotted(one)
    both = one.by_side().loc["both"]
    assert f"ranks price cells with {both['rank']:.2f}" in drawn.headline
    assert f"hold {both['hit_rate']:.0%} of the true USD (best possible {both['hit_best']:.0%})" in drawn.headline
    assert both["rank"] in found["both"]["x"]
    assert [row[0] for row in drawn.table] == ["side", "long", "short", "both"]
    np.testing.assert_array_equal(
        plotted(many)["ranks, short"]["y"], many.to_frame().query("side == 'short'")["rank"].to_numpy()
    )
    assert "over 8 moments" in shown(many).headline


def test_a_score_of_nothing_has_no_numbers(made: Any) -> None:
    ledger = lw.build_ledger(made.market, list(made.leverage_mix))
    estimate = ledger.replay(made.decay_rate, [1.0] + [0.0] * (len(made.leverage_mix) - 1))
    nothing = pd.DataFrame({"side": [], "liquidation_price": [], "notional": []})
    drawn = shown(lw.score(estimate, nothing))
    assert "there is nothing to compare" in drawn.headline
