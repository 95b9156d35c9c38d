"""The estimate compared with simulated traders of known positions, and the calibration with their mix.

python benchmarks/truth.py

Scores standing profiles with the true mix and decay rate, with one assumption of the model broken at a time, and with
the mix fitted to realised liquidations. Traders and estimate come from the same authors: this measures the cost of
chance and of each broken assumption, not how realistic the traders are.
"""

from __future__ import annotations

import numpy as np

import liqwidget as lw

SEEDS = (1, 2, 3, 4, 5)
HABITS = {
    "none broken": {},
    "half of all add margin when it gets tight": {"top_ups": 0.5},
    "half of all use a stop": {"stops": 0.5},
    "liquidated half first": {"partial": 0.5},
    "as much again is traded to no effect (churn)": {"churn": 1.0},
    "few hold much": {"size_tail": 1.2},
    "low leverage stays longer": {"patience": 1.0},
    "entries along the path": {"entries": "path"},
    "the other side takes over nothing": {"take_over": 0.0},
    "newcomers take over all": {"take_over": 1.0},
    "liquidations push the price (Y = 1)": {"impact": 1.0},
    "twice the volatility, 10x to 100x": {"volatility": 0.05, "leverage_mix": {10: 40, 25: 30, 50: 20, 100: 10}},
}
MIXES = {
    "10x to 100x, a quarter taken over": ({10: 40, 25: 30, 50: 20, 100: 10}, 0.25),
    "10x to 100x, the default half": ({10: 40, 25: 30, 50: 20, 100: 10}, 0.5),
    "3x to 100x, the default half": (None, 0.5),
}


def estimate(made: lw.Simulation, mix: dict[float, float], decay_rate: float, turnover: float) -> lw.Density:
    """Return the model's estimate from the candles of a simulated market."""
    ledger = lw.build_ledger(made.market, list(mix), turnover=turnover)
    weights = np.array(list(mix.values()), dtype=float)
    return ledger.replay(decay_rate, weights / weights.sum())


def main() -> None:
    moments = range(400, 2016, 100)
    print(f"Standing profile, true mix, mean of {len(moments)} moments of a week, seeds {SEEDS[0]} to {SEEDS[-1]}:")
    print(
        f"{'':46} earth mover, of the way; longs, shorts, both (worst seed); false alarms of the brightest 10 %; rank"
    )
    for name, habit in HABITS.items():
        rows = []
        for seed in SEEDS:
            made = lw.simulate(2016, 40_000, seed=seed, **habit)
            found = lw.score(estimate(made, made.leverage_mix, made.decay_rate, made.turnover), made, at=list(moments))
            sides = found.by_side()["emd_share"]
            rows.append([*sides[["long", "short", "both"]], found.false_alarm, found.rank])
        mean, worst = np.mean(rows, axis=0), np.max(rows, axis=0)
        print(
            f"{name:46} {mean[0]:7.1%} {mean[1]:8.1%} {mean[2]:7.1%} ({worst[2]:.1%}) {mean[3]:10.0%} {mean[4]:12.2f}",
            flush=True,
        )
    print("\nMix from realised liquidations, 12,000 five-minute candles, 150,000 traders, volatility 5 % a day:")
    for name, (mix, take_over) in MIXES.items():
        for seed in SEEDS:
            made = lw.simulate(12_000, 150_000, seed=seed, volatility=0.05, take_over=take_over, leverage_mix=mix)
            true = np.array(list(made.leverage_mix.values()), dtype=float)
            fit = lw.calibrate(made.market, list(made.leverage_mix), draws=50)
            off = np.array(list(fit.leverage_mix.values())) - 100 * true / true.sum()
            far = [
                lw.score(density, made, at=list(range(2_000, 12_000, 1_000))).emd_share
                for density in (
                    estimate(made, fit.leverage_mix, fit.decay_rate, fit.turnover),
                    estimate(made, made.leverage_mix, made.decay_rate, made.turnover),
                )
            ]
            tiers = "  ".join(f"{tier:g}x {points:+.1f}" for tier, points in zip(fit.leverage_mix, off, strict=True))
            print(
                f"{name}, seed {seed}: points off {tiers}; worst {np.abs(off).max():.1f}; decay {fit.decay_rate:.3f} "
                f"(true {made.decay_rate:.3f}); profile {far[0]:.0%} of the way off, with the true mix {far[1]:.0%}",
                flush=True,
            )


if __name__ == "__main__":
    main()
