"""Exercises of lessons 4 and 5: what decays, and what the price sweeps."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

import liqwidget as lw
from exercise import Action, Check, Number, Prediction, Question, Task, Wrong
from exercise_numbers import spread


def rate() -> Number:
    def question(half: int) -> Question:
        right = 100 * math.log(2) / half
        return Question(
            f"Half of the positions leave within {half} hours. What is the decay rate, in percent per hour?",
            right,
            (
                Wrong(
                    50 / half,
                    "That spreads one half evenly over the hours. Those who left cannot leave again.",
                ),
                Wrong(
                    100 / half,
                    "That is the rate of a mean stay of so many hours. Use 0.693 ÷ half-life.",
                ),
                Wrong(
                    100 * -math.expm1(-right / 100),
                    "That is what leaves within an hour. The continuous rate is a little larger.",
                ),
            ),
            f"0.693 ÷ {half} = {right / 100:.4f} per hour, or {right:.2f} %.",
        )

    return Number(
        "4-rate",
        "from half-life to rate",
        "%",
        0.02,
        "Not yet. Rate = 0.693 ÷ half-life; then multiply by 100.",
        tuple(question(half) for half in (8, *(h for h in range(3, 19) if h != 8))),
    )


def stays(made: Any = None) -> Prediction:
    made = lw.simulate(candles=2016, traders=20_000, seed=2) if made is None else made
    people, time = made.positions, made.market.candles.index
    group = people[
        people["opened"].between(time[0], time[0] + pd.Timedelta("3D")) & (people["leverage"] == 3)
    ]
    stayed = (group["ended"].fillna(time[-1]) - group["opened"]) / pd.Timedelta("1h")
    return Prediction(
        "4-stays",
        "who is still there after a day?",
        "Take the positions opened with 3x, far from any liquidation. What share of them is still open after 24 hours?",
        "%",
        0,
        100,
        1,
        round(100 * float((stayed >= 24).mean())),
        f"After 48 hours it is {100 * float((stayed >= 48).mean()):.0f} % (simulated).",
    )


def quarter() -> Task:
    def action(hours: int) -> Action:
        right = hours / 2

        def near(value: float) -> dict[str, float]:
            return {"least": 0.93 * value, "most": 1.07 * value}

        return Action(
            f"Set the decay rate of the heatmap so that a quarter of the positions is still open after {hours} hours.",
            (
                Check(
                    "decay",
                    "Now one half is left at that time. You need two half-lives.",
                    **near(hours),
                ),
                Check(
                    "decay", "Now a sixteenth is left: that is four half-lives.", **near(hours / 4)
                ),
                Check(
                    "decay",
                    "Too fast: the half-life is {value} hours now. How many half-lives is a quarter?",
                    most=0.93 * right,
                ),
            ),
            (
                Check(
                    "decay",
                    "Too slow: the half-life is {value} hours now. How many half-lives is a quarter?",
                    **near(right),
                ),
            ),
            f"A quarter is two half-lives of {right:g} hours: {100 * math.log(2) / right:.2f} % per hour.",
        )

    return Task(
        "4-quarter",
        "two half-lives",
        tuple(action(h) for h in (24, *range(4, 20, 2), 28, 30, *range(52, 72, 4))),
    )


def push() -> Number:
    def question(sold: int, volume: int, volatility: int) -> Question:
        right = 100 * (volatility / 100) * math.sqrt(sold / volume)
        return Question(
            f"On a usual day {volume:,} million USD change hands and the price moves by {volatility} % (its volatility). "
            f"Longs worth {sold} million USD are liquidated. By how many percent do their sales push the price, with Y = 1?",
            right,
            (
                Wrong(
                    volatility * sold / volume,
                    "Take the square root of the share of volume.",
                    0.003,
                ),
                Wrong(
                    100 * math.sqrt(sold / volume),
                    "That is the root of the share of volume. Multiply by the volatility.",
                ),
                Wrong(right / 100, "That is a fraction. The answer is in percent.", 0.0003),
            ),
            f"1 × {volatility} % × √({sold} ÷ {volume:,}) = {right:.2f} %.",
        )

    every = spread((150, 15_000, 2), (100, 150, 250, 400), (10_000, 15_000, 20_000), (2, 3, 4))
    return Number(
        "5-push",
        "the push of a forced sale",
        "%",
        0.02,
        "Not yet. Push = Y × volatility × √(sold ÷ volume).",
        tuple(question(*each) for each in every),
    )


def rest() -> Prediction:
    market = lw.load_sample()
    density = lw.estimate(market, bin_size=100)
    at = int(market.candles.index.get_loc(pd.Timestamp("2026-01-12 13:30", tz="UTC")))
    run = lw.cascade(density, at=at, shock=-0.03, impact=4, market=market)
    return Prediction(
        "5-rest",
        "where does the push end?",
        "Something pushes the price down by 3 %. In a thin market (Y = 4), how far below its start does it come to rest, "
        "liquidations included?",
        "%",
        3,
        10,
        0.1,
        round(100 * (1 - run.final_price / float(density.close[at])), 1),
        f"That is {run.amplification:.2f} times the push, by an estimate: a what-if, not a forecast.",
    )


def cluster(hm: lw.LiquidationHeatmap | None = None) -> Task:
    if hm is None:
        hm = lw.LiquidationHeatmap(lw.load_sample().between("2026-01-09", "2026-01-12 13:30"))
    near = hm.density.clusters(-1, top=12, bright=0.1).query("abs(distance) < 0.11")
    actions = []
    for side, other in (("short", "long"), ("long", "short")):
        first, second = near[near["side"] == side].nlargest(2, "notional").itertuples()
        across = near[near["side"] == other].nlargest(1, "notional").iloc[0]
        high = first.price_high - first.price_low
        actions.append(
            Action(
                f"Select the largest cluster of {side}s within 11 % of the last price, at the right end of the heatmap: "
                "Shift-drag a box over it, or Shift and arrow keys. (Press 9 in the chart to see all levels.)",
                (
                    _covers(
                        across,
                        f"That is a cluster of {other}s. On which side of the price are the {side}s?",
                    ),
                    Check(
                        "height",
                        "The box is {value} USD high: it holds more than one cluster.",
                        least=1.6 * high + 400,
                    ),
                    _covers(
                        second,
                        "Another one holds more. A box shows its sum below the chart: compare the two.",
                    ),
                ),
                (
                    Check(
                        "height",
                        "Nothing is selected yet: Shift-drag a box over the cluster, or Shift and arrow keys.",
                        least=0,
                    ),
                    Check(
                        f"part:{first.price_low}:{first.price_high}",
                        "The box covers {value} percent of the rows of that cluster. Press a or b in the chart to step "
                        "from cluster to cluster.",
                        least=70,
                    ),
                    Check(
                        "age",
                        "The box ends {value} hours before the last candle. What stands now is at the right end.",
                        most=6,
                    ),
                ),
                f"It holds an estimated {first.notional / 1e6:,.0f} million USD, {100 * abs(first.distance):.1f} % away.",
            )
        )
    return Task("5-cluster", "the largest cluster", tuple(actions))


def _covers(found: Any, say: str) -> Check:
    return Check(f"part:{found.price_low}:{found.price_high}", say, least=50)
