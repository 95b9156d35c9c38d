"""The score beside the picture: what it says, when it is computed, and what it costs nobody."""

from __future__ import annotations

import json
import threading
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import liqwidget as lw
from liqwidget.widget import scored
from liqwidget.widget.scored import Question, Scorer
from markets import walk

DAY = pd.Timedelta(1, "D")


@pytest.fixture(scope="module")
def sample():
    return lw.load_sample()


@pytest.fixture
def quick(monkeypatch):
    """No rest, no pace."""
    for name in ("_FIRST", "_REST", "_PACE", "_SHARE", "_SHARE_OF_SETTINGS"):
        monkeypatch.setattr(scored, name, 1e-3 if "_SHARE" not in name else 1e9)


def with_view(hm):
    hm._on_message(hm, {"type": "here", "view": "v"}, [])


def question(hm):
    return Question.of(hm.shown, None)


def until(hm, right):
    """Wait until the score is right."""
    ready = threading.Event()
    seen = lambda _=None: right(hm.score) and ready.set()  # noqa: E731
    hm.observe(seen, "score")
    seen()
    assert ready.wait(60), hm.score
    hm.unobserve(seen, "score")
    return hm.score


def test_it_is_what_validate_says_of_the_settings_shown(sample):
    hm = lw.LiquidationHeatmap(sample, {10: 1, 50: 2}, 0.05, turnover=0.5, maintenance_rate=0.005)
    score = question(hm).answer()
    first, last = sample.candles.index[[0, -1]]
    want = lw.validate(
        sample,
        leverage_mix={10: 1, 50: 2},
        decay_rate=0.05,
        turnover=0.5,
        maintenance_rate=0.005,
        start=first + (last - first) / 3,
        draws=scored.DRAWS,
    )
    for name in ("rank", "false_alarm"):
        assert score[name] == pytest.approx(getattr(want, name), abs=1e-4)
    assert score["gain"] is None
    assert np.isnan(want.gain)
    assert score["range_rank"] == pytest.approx(
        want.skill().loc["both"].loc["range_volume"].loc["rank", "baseline"], abs=1e-4
    )
    assert score["state"] == "shown"
    assert score["better"] is True
    assert score["priced"] is True
    times = want.frame["time"]
    assert score["until"] == (times.iloc[-1] + pd.Timedelta(score["every"])).value // 10**6
    assert score["days"] == pytest.approx((times.iloc[-1] - times.iloc[0]) / DAY + 1 / 24, abs=0.01)
    assert json.loads(json.dumps(score)) == score


def test_it_scores_the_last_seven_days_of_a_longer_market(sample):
    # Three weeks: the sample's own, thrice.
    step = sample.candles.index[-1] - sample.candles.index[0] + sample.interval
    candles = pd.concat([sample.candles.set_index(sample.candles.index + k * step) for k in range(4)])
    events = sample.liquidations
    events = pd.concat([events.assign(time=events["time"] + k * step) for k in range(4)])
    market = lw.Market.from_frame(candles, liquidations=events, simulated=True)
    score = question(lw.LiquidationHeatmap(market)).answer()
    assert score["days"] == pytest.approx(7, abs=0.1)
    last = market.candles.index[-1]
    part = market.between(last - 21 * DAY)
    want = lw.validate(part, start=last - 7 * DAY, draws=scored.DRAWS)
    assert score["rank"] == pytest.approx(want.rank, abs=1e-4)
    assert score["gain"] == pytest.approx(want.gain, abs=1e-4)


def test_where_the_estimate_is_no_better_than_the_range_it_says_so(sample):
    """Liquidations that are range x volume, and nothing else."""
    hourly = sample.candles.resample("1h").agg({"high": "max", "low": "min", "volume": "sum", "close": "last"})
    before = hourly["close"].shift()
    fall = (before - hourly["low"]).clip(lower=0) * hourly["volume"]
    rise = (hourly["high"] - before).clip(lower=0) * hourly["volume"]
    sums = [
        pd.DataFrame({"time": hourly.index, "side": side, "notional": usd})
        for side, usd in (("long", fall), ("short", rise))
    ]
    hm = lw.LiquidationHeatmap(sample)
    hm.liquidations = pd.concat(sums).dropna()
    score = question(hm).answer()
    assert score["range_rank"] > 0.99 > score["rank"]
    assert score["better"] is False
    assert score["priced"] is False


@pytest.mark.parametrize(
    ("lead", "low", "gain", "better"),
    [
        (0.1, 0.05, 0.2, True),
        (0.1, np.nan, np.nan, True),
        (0.1, -0.01, 0.2, None),
        (0.1, -0.01, -0.2, False),
        (0.1, 0.05, 0.0, False),
        (0.0, -0.1, 0.2, False),
        (-0.1, -0.2, np.nan, False),
        (np.nan, np.nan, np.nan, False),
    ],
)
def test_better_means_ahead_in_rank_and_gain(lead, low, gain, better):
    assert scored._better(lead, low, gain) is better


def test_it_is_hidden_with_a_reason_where_there_is_nothing_to_score(sample):
    hm = lw.LiquidationHeatmap(walk(300, seed=5, price=60_000, step_minutes=5, wild=0.1))
    assert hm.score == {"state": "hidden", "reason": "there are no realised liquidations to compare with"}
    assert question(hm).answer() == hm.score
    few = lw.LiquidationHeatmap(sample)
    few.liquidations = sample.liquidations.iloc[-3:]
    answer = question(few).answer()
    assert answer["state"] == "hidden"
    assert "liquidations" in answer["reason"]
    short = lw.LiquidationHeatmap(sample.tail(2))
    short.liquidations = sample.liquidations.iloc[-1:].assign(time=sample.candles.index[-1])
    assert question(short).answer()["state"] == "hidden"


def test_what_a_mix_was_fitted_on_is_not_scored(sample):
    calibration = lw.calibrate(sample.between(None, "2026-01-11"))
    hm = lw.LiquidationHeatmap(sample)
    hm.apply(calibration)
    asked, _ = hm._question()
    assert asked.fitted_until == calibration.fitted[1]
    score = asked.answer()
    assert score["days"] < 3.05
    hm.leverage_mix = {10: 1}
    assert hm._question()[0].fitted_until is None
    hm.leverage_mix = calibration.leverage_mix
    assert hm._question()[0].fitted_until == calibration.fitted[1]
    hm.market = sample.between(None, "2026-01-11")
    assert hm._question()[0].answer() == {
        "state": "hidden",
        "reason": "the leverage mix was fitted on these days; later ones will be scored",
    }


def test_it_is_computed_on_a_thread_once_a_view_is_open(sample, quick, monkeypatch):
    threads = []
    answer = Question.answer
    monkeypatch.setattr(Question, "answer", lambda self: threads.append(threading.current_thread()) or answer(self))
    hm = lw.LiquidationHeatmap(sample)
    assert hm.score == {"state": "pending", "reason": ""}
    hm.leverage_mix = {10: 1}
    assert threads == []  # nobody looks
    with_view(hm)
    first = until(hm, lambda score: score["state"] == "shown" and not score["stale"])
    with_view(hm)  # the next heartbeat
    hm.bin_size = 2 * hm.bin_size
    assert hm.score == first
    hm.leverage_mix = {50: 1}
    second = until(hm, lambda score: score["rank"] != first["rank"] and not score["stale"])
    hm.add_liquidations(sample.liquidations.iloc[-50:])
    until(hm, lambda score: score != second)
    assert len(threads) == 3
    assert threading.main_thread() not in threads
    hm.close()


def test_it_is_stale_until_it_is_computed_for_new_settings(sample):
    hm = lw.LiquidationHeatmap(sample)
    hm._settle()
    assert hm.score["stale"] is False
    hm.decay_rate = 0.2
    assert hm.score["stale"] is True
    hm._settle()
    assert hm.score["stale"] is False
    hm.liquidations = None
    assert hm.score["state"] == "hidden"
    hm.liquidations = sample.liquidations
    assert hm.score["state"] == "pending"
    hm._settle()
    hm.market = walk(300, seed=5, price=60_000, step_minutes=5, wild=0.1)
    assert hm.score["state"] == "hidden"


class Clock:
    """Timers that a test runs by hand."""

    def __init__(self, monkeypatch) -> None:
        self.now = 0.0
        self.timers: list[tuple[float, Any, list[int]]] = []
        clock = self

        class Timer:
            def __init__(self, delay, act, given):
                self.planned = (clock.now + delay, act, given)

            def start(self):
                clock.timers.append(self.planned)

            def cancel(self):
                if self.planned in clock.timers:
                    clock.timers.remove(self.planned)

        monkeypatch.setattr(scored, "threading", SimpleNamespace(Timer=Timer, Lock=threading.Lock))
        monkeypatch.setattr(scored, "time", SimpleNamespace(monotonic=lambda: self.now))

    def pass_by(self, seconds):
        self.now += seconds
        for timer in [timer for timer in self.timers if timer[0] <= self.now]:
            self.timers.remove(timer)
            timer[1](*timer[2])


class Asked:
    def __init__(self, clock, answers, takes) -> None:
        self.clock, self.answers, self.takes = clock, answers, takes

    def answer(self) -> dict[str, Any]:
        self.clock.now += self.takes
        self.answers.append(self.clock.now)
        return {"state": "shown"}


def test_the_pace(monkeypatch):
    """Settings: once they rest. Data: at most once a minute, and never more than a twentieth of the time."""
    answers: list[float] = []
    clock, takes, seen = Clock(monkeypatch), [0.5], [True]
    key = [0]
    scorer = Scorer(lambda: (Asked(clock, answers, takes[0]), key[0]), lambda *_: None, lambda: seen[0])  # type: ignore[arg-type, return-value]
    scorer.settings_changed()
    scorer.data_changed()
    clock.pass_by(100)
    assert answers == []  # nobody looks
    scorer.begin()
    scorer.begin()
    clock.pass_by(1)
    assert answers == [101.5]
    for _ in range(10):
        key[0] += 1
        scorer.settings_changed()
        clock.pass_by(0.5)
    assert len(answers) == 1
    clock.pass_by(0.5)
    assert len(answers) == 2
    for _ in range(50):
        key[0] += 1
        scorer.data_changed()
        clock.pass_by(1)
    assert len(answers) == 2
    clock.pass_by(10)
    assert len(answers) == 3
    takes[0] = 10.0
    key[0] += 1
    scorer.data_changed()
    clock.pass_by(61)
    assert len(answers) == 4
    key[0] += 1
    scorer.data_changed()
    clock.pass_by(199)
    assert len(answers) == 4
    clock.pass_by(1)
    assert len(answers) == 5
    key[0] += 1
    scorer.settings_changed()
    clock.pass_by(39)
    assert len(answers) == 5
    clock.pass_by(1)
    assert len(answers) == 6  # at most a quarter of the time
    clock.pass_by(100)
    scorer.settings_changed()
    clock.pass_by(1)
    assert len(answers) == 6  # the same question
    seen[0] = False
    key[0] += 1
    scorer.settings_changed()
    clock.pass_by(1)
    scorer.settings_changed()
    clock.pass_by(1)
    assert len(answers) == 6
    seen[0] = True
    scorer.begin()
    clock.pass_by(1)
    assert len(answers) == 7
    scorer.close()
    key[0] += 1
    scorer.settings_changed()
    clock.pass_by(1000)
    assert len(answers) == 7


def test_what_fails_is_logged_and_nothing_else(sample, monkeypatch, caplog):
    def fails(_):
        raise ZeroDivisionError("a fault")

    monkeypatch.setattr(Question, "answer", fails)
    hm = lw.LiquidationHeatmap(sample)
    assert "<title>" in hm.to_html()
    assert hm.score["state"] == "hidden"
    assert "a fault" in caplog.text


def test_a_page_holds_the_score_of_what_it_shows(sample):
    hm = lw.LiquidationHeatmap(sample)
    page = hm.to_html()
    facts = json.loads(page.split('id="liq-facts">')[1].split("</script>")[0])
    assert facts["score"] == question(hm).answer()
    assert hm.to_html() == page


def test_the_browser_cannot_write_it(sample):
    hm = lw.LiquidationHeatmap(sample)
    hm.set_state({"score": {"state": "shown", "rank": 1}})
    assert hm.score["state"] == "pending"
