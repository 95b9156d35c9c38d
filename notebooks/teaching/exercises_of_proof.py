"""Exercises of lessons 6 and 7: false alarms, and a day read in context."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pandas as pd

import liqwidget as lw
from exercise import Action, Check, Number, Prediction, Question, Task, Wrong
from exercise_numbers import VARIANTS


def false_alarms() -> Number:
    rng = np.random.default_rng(1)

    def question() -> Question | None:
        shown, there = (rng.integers(2, 30, 4) * 10 for _ in range(2))
        false = np.maximum(shown - there, 0).sum()
        right, net = 100 * false / shown.sum(), 100 * (shown.sum() - there.sum()) / shown.sum()
        wrong = (
            Wrong(
                abs(net),
                "A row that shows too little does not make up for one that shows too much. Count only what is too much.",
            ),
            Wrong(
                100 * false / there.sum(),
                "Divide by what the map shows: the question is how much of what is bright is not there.",
            ),
            Wrong(right / 100, "That is a fraction. The answer is in percent.", 0.01),
        )
        if min(abs(right - w.value) for w in wrong) < 4 or not 10 < right < 80 or net <= 5:
            return None
        if abs(wrong[0].value - wrong[1].value) < 4:
            return None
        rows = "; ".join(f"{a} shown, {b} there" for a, b in zip(shown, there, strict=True))
        return Question(
            f"The four brightest rows of a map, in million USD: {rows}. What share of the money that they show is a "
            "false alarm?",
            float(right),
            wrong,
            f"{false} of {shown.sum()} million USD shown are not there.",
        )

    found: list[Question] = []
    while len(found) < VARIANTS:
        found += [made] if (made := question()) else []
    return Number(
        "6-false",
        "count the false alarms",
        "%",
        0.6,
        "Not yet. Row by row: how much is shown that is not there? Add it up; divide by all that is shown.",
        tuple(found),
    )


def hot(made: Any = None) -> Prediction:
    made = lw.simulate(candles=2016, traders=20_000, seed=6) if made is None else made
    tiers = np.array(list(made.leverage_mix))
    mix = np.array(list(made.leverage_mix.values())) * (tiers / 8.0)  # the hot end of the slider
    ledger = lw.build_ledger(made.market, tuple(tiers), bin_size=500)
    score = lw.score(ledger.replay(made.decay_rate, mix / mix.sum()), made)
    return Prediction(
        "6-hot",
        "how much is not there?",
        "An estimate assumes much more high leverage than there is. Of the money in its brightest tenth of rows, how "
        "much does not exist?",
        "%",
        0,
        100,
        1,
        round(100 * score.false_alarm),
        "Yellow in the picture that follows. The line alone does not show it.",
    )


def hours(today: pd.DataFrame | None = None) -> Number:
    if today is None:
        today = lw.load_sample().candles.loc["2026-01-12"]
    closes = today["close"].iloc[:: max(1, len(today) // 288)]  # as in the figure
    start = closes.index[0]
    at = [
        closes.iloc[closes.index.searchsorted(start + pd.Timedelta(hours=h), "right") - 1]
        for h in range(24)
    ]
    moves = [
        (100 * (at[j] / at[i] - 1), i, j)
        for i, j in product(range(24), range(24))
        if 0 < j - i <= 6
    ]
    moves.sort(key=lambda move: -abs(move[0]))

    def question(right: float, i: int, j: int) -> Question:
        return Question(
            f"By how many percent does the price change from {i:02d}:00 to {j:02d}:00 UTC? Read both prices from the line "
            "below the panels; a fall has a minus.",
            right,
            (
                Wrong(-right, "The size is right. Did the price rise or fall?"),
                Wrong(right / 100, "That is a fraction. The answer is in percent.", 0.0005),
                Wrong(at[j] - at[i], "Those are USD. Divide by the earlier price.", 5.0),
            ),
            f"From {at[i]:,.0f} to {at[j]:,.0f} USD: {right:+.2f} %.",
        )

    return Number(
        "7-hours",
        "what happened, as a number",
        "%",
        0.05,
        "Not yet. Later price ÷ earlier price − 1, in percent.",
        tuple(question(*move) for move in moves[: 3 * VARIANTS : 3]),
        signed=True,
    )


def reached(
    hm: lw.LiquidationHeatmap | None = None, today: pd.DataFrame | None = None
) -> Prediction:
    if today is None or hm is None:
        day = pd.Timestamp("2026-01-12", tz="UTC")
        market = lw.load_sample().between(day - pd.Timedelta("4D"), day + pd.Timedelta("23h59min"))
        hm, today = lw.LiquidationHeatmap(market), market.candles.loc["2026-01-12"]
    density, noon = hm.density, today.index[0] + pd.Timedelta("12h")
    at = int(np.searchsorted(density.time, noon.tz_localize(None).to_datetime64())) - 1
    near = density.clusters(at, top=100, bright=0.1).query("abs(distance) < 0.08").head(8)
    later, close = today[today.index >= noon], float(density.close[at])
    hit, mirrored = (
        int(prices.between(later["low"].min(), later["high"].max()).sum())
        for prices in (near["peak_price"], 2 * close - near["peak_price"])
    )
    return Prediction(
        "7-reached",
        "clusters and the rest of the day",
        f"At noon an estimate shows {len(near)} large clusters within 8 % of the price. How many of them does the price "
        "reach by midnight?",
        "",
        0,
        max(len(near), 1),
        1,
        hit,
        f"And of their mirrors, equally far away on the other side, {mirrored}. One day decides nothing.",
    )


def replay(today: pd.DataFrame | None = None) -> Task:
    today = lw.load_sample().candles.loc["2026-01-12"] if today is None else today

    def action(hour: int) -> Action:
        time = today.index[0] + pd.Timedelta(hours=hour)
        of = f"asof:{round(time.timestamp() * 1000)}"
        return Action(
            f"Go back to {time:%H:%M} UTC of {time:%d %B}: press replay and move its time, so that the heatmap shows "
            "only what was known then.",
            (
                Check(
                    of,
                    "That is {value} hours too late: the map still knows what came after.",
                    least=0.2,
                ),
                Check(of, "That is too early, by this many hours: {value}.", most=-0.2),
            ),
            (
                Check(
                    of,
                    "The map shows the whole of its data. Press replay below the chart.",
                    least=-0.2,
                ),
            ),
            "Nothing later is in the picture. Would you have pointed at the clusters that were reached?",
        )

    return Task(
        "7-replay",
        "what was known then",
        tuple(action(h) for h in (12, *range(4, 12), *range(13, 20))),
    )
