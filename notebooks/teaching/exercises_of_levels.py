"""Exercises of lessons 1 to 3: one level, many levels, and what a trend does to them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import liqwidget as lw
from exercise import Action, Check, Number, Prediction, Question, Task, Wrong
from exercise_numbers import level_of, spread


def level() -> Number:
    def question(entry: int, leverage: int) -> Question:
        right = level_of(entry, leverage, "long")
        return Question(
            f"A long of one bitcoin is opened at {entry:,} USD with {leverage}x. The maintenance margin is 0.4 %. "
            "At which price is it liquidated?",
            right,
            (
                Wrong(
                    level_of(entry, leverage, "long", 0),
                    "At that price the whole margin is lost. Which reserve does the exchange keep?",
                ),
                Wrong(
                    level_of(entry, leverage, "short"),
                    "That is the level of a short. Does a long lose when the price rises or when it falls?",
                ),
                Wrong(
                    level_of(entry, leverage, "long", 0) / 1.004,
                    "Divide by 1 − m: the reserve moves the level towards the entry, not away from it.",
                ),
            ),
            f"{entry:,} × (1 − 1/{leverage}) / (1 − 0.004) = {right:,.2f} USD.",
        )

    return Number(
        "1-level",
        "a liquidation price",
        "USD",
        5.0,
        "Not yet. Ada's formula has three numbers: entry, leverage and reserve.",
        tuple(
            question(*each)
            for each in spread((48_000, 25), range(42_000, 90_000, 4_000), (8, 12, 16, 25, 40))
        ),
    )


def lowest() -> Prediction:
    day = lw.load_sample().candles.loc["2026-01-12":"2026-01-13 11:55"]  # the figure's
    entry, low = day["close"].iloc[6 * 12], day["low"].iloc[6 * 12 + 1 :].min()
    truth = next(tier for tier in range(2, 101) if level_of(entry, tier, "long") >= low)
    return Prediction(
        "1-lowest",
        "how much leverage does Ada survive?",
        "The market below falls sharply. Ada buys at hour 6. Guess before you drag: what is the lowest leverage at "
        "which the fall liquidates her?",
        "x",
        2,
        100,
        1,
        truth,
        f"The fall takes {100 * (1 - low / entry):.1f} % off her entry price, and at {truth}x her level is "
        f"{100 * (1 - level_of(1, truth, 'long')):.1f} % away.",
    )


def row() -> Number:
    high = 250

    def question(entry: int, leverage: int) -> Question:
        price, other = (level_of(entry, leverage, side) for side in ("short", "long"))
        right = math.floor(price / high) * high
        return Question(
            f"Many shorts enter at {entry:,} USD with {leverage}x (maintenance margin 0.4 %). Rows are {high} USD high "
            f"and begin at multiples of {high}. At which price does the row that holds their level begin?",
            right,
            (
                Wrong(
                    right + high,
                    "That is where the row ends. Round down to the lower edge.",
                ),
                Wrong(
                    math.floor(other / high) * high,
                    "That is the row of the longs. Are shorts liquidated above or below their entry?",
                ),
                Wrong(price, "That is the level itself. In which row does it lie?"),
            ),
            f"Their level is {price:,.0f} USD: in the row from {right:,} to {right + high:,}.",
        )

    def is_inside(entry: int, leverage: int) -> bool:
        """Whether the level is well inside its row, so that rounding does not decide."""
        return 25 < level_of(entry, leverage, "short") % high < high - 25

    every = spread((61_300, 10), range(58_100, 64_000, 300), (5, 10, 20), fits=is_inside)
    return Number(
        "2-row",
        "the row of a band",
        "USD",
        10.0,
        "Not yet. Compute the level of one of these shorts (lesson 1), then round down to a multiple of 250.",
        tuple(question(*each) for each in every),
    )


def crowd(count: int = 1_000) -> np.ndarray:
    """Return the notionals of the crowd of lesson 2, USD."""
    rng = np.random.default_rng(2)
    rng.normal(60_000, 300, count)
    rng.choice(["long", "short"], count)
    rng.choice([3, 5, 10, 20, 50, 100], count, p=[0.25, 0.30, 0.25, 0.14, 0.05, 0.01])
    return rng.lognormal(mean=10, sigma=1.0, size=count)


def largest() -> Prediction:
    notional = np.sort(crowd())[::-1]
    truth = round(100 * notional[:100].sum() / notional.sum())
    return Prediction(
        "2-largest",
        "the largest hundred",
        "The largest 100 of these 1,000 traders: what share of all the money do they hold?",
        "%",
        0,
        100,
        1,
        truth,
        "If all were equal it would be 10 %. A few large traders decide how long a bar is.",
    )


def after() -> Number:
    def question(entry: int, leverage: int, rise: int) -> Question:
        price = entry * (1 + rise / 100)
        right = 100 * (level_of(entry, leverage, "short") / price - 1)
        at_first = 100 * (level_of(entry, leverage, "short") / entry - 1)
        return Question(
            f"A short is opened at {entry:,} USD with {leverage}x (maintenance margin 0.4 %). Then the price rises by "
            f"{rise} %. How far away is the short's liquidation price now, in percent of the new price?",
            right,
            (
                Wrong(
                    at_first,
                    "So far it was at entry. The price has moved towards the level since.",
                ),
                Wrong(
                    at_first - rise,
                    "Close, but percentages of two prices cannot be subtracted: divide level by new price.",
                ),
                Wrong(right / 100, "That is a fraction. The answer is in percent.", 0.0005),
            ),
            f"The level stays at {level_of(entry, leverage, 'short'):,.0f} USD, the price is {price:,.0f} USD.",
        )

    return Number(
        "3-after",
        "nearer without doing anything",
        "%",
        0.05,
        "Not yet. Compute the level in USD, the new price in USD, then the distance between them.",
        tuple(
            question(*each)
            for each in spread((60_000, 10, 6), (52_000, 60_000, 75_000), (5, 8, 10), (5, 6, 7))
        ),
    )


def accounts() -> Prediction:
    made = lw.simulate(candles=1_000, traders=10_000, trend_followers=0.8, contrarians=0, seed=16)
    still = made.positions.query("outcome == 'open'").groupby("side")["standing"]
    truth = round(still.count()["long"] / still.count()["short"], 2)
    return Prediction(
        "3-accounts",
        "accounts",
        "Four out of five traders follow a rising trend. In coins longs and shorts are equal. How many accounts are "
        "long for each account that is short?",
        "",
        0.2,
        5,
        0.05,
        truth,
        f"So a short account holds {still.mean()['short'] / still.mean()['long']:.2f} times as much as a long one.",
    )


def band() -> Task:
    market = lw.load_sample()
    hm = lw.LiquidationHeatmap(market)
    density, mix = hm.density, hm.leverage_mix
    ledger = lw.build_ledger(market, tuple(mix), bin_size=hm.bin_size)
    last, tiers, total = [len(density.time) - 1], list(mix), sum(mix.values())
    parts = {
        tier: ledger.replay(
            hm.decay_rate, [mix[t] / total * (t == tier) for t in tiers], columns=last
        ).column(-1)
        for tier in tiers
    }
    actions = []
    for found in density.clusters(-1, top=12, bright=0.1).itertuples():
        rows = (ledger.grid.centres >= found.price_low) & (ledger.grid.centres <= found.price_high)
        share = {tier: part[rows].sum() for tier, part in parts.items()}
        tier = max(share, key=share.__getitem__)
        if share[tier] > 0.9 * sum(share.values()):
            actions.append(_vanish(found, tier, mix))
    actions.sort(key=lambda action: "83,800" not in action.ask)  # near the price comes first
    return Task("3-band", "one slider, one band", tuple(actions))


def _vanish(found: Any, tier: int, mix: dict[int, float]) -> Action:
    start = ",".join(f"{t}={part:g}" for t, part in mix.items() if t != tier)
    far = {t: 100 * abs(level_of(1, t, found.side) - 1) for t in mix}
    tiers, at = list(mix), list(mix).index(tier)
    return Action(
        f"At the right end stands a band of {found.side}s from {found.price_low:,.0f} to {found.price_high:,.0f} USD. "
        "Make it disappear with one slider of the leverage mix (press more), and leave the other sliders alone. "
        "(If you do not see these prices, press 9 in the chart.)",
        tuple(
            Check(
                f"share:{t}",
                f"Positions of {t}x are liquidated {far[t]:.1f} % away from their entry. Is the band that far from "
                "where the price stayed? Press Ctrl + Z to take the step back.",
                most=0.5,
            )
            for t in (*tiers[max(at - 1, 0) : at], *tiers[at + 1 : at + 2])
        ),
        (
            Check(
                f"others:{tier}:{start}",
                "Another slider has moved as well. Press Ctrl + Z, and use one slider only.",
                most=1,
            ),
            Check(
                f"share:{tier}",
                "The band still stands: the leverage that makes it has {value} % of the mix. Which one is it?",
                most=0.5,
            ),
        ),
        f"The band was made by {tier}x, whose levels are {far[tier]:.1f} % away from entry.",
    )
