"""Default and calibrated pictures compared with realised liquidations, and their USD with open interest.

python benchmarks/default_picture.py

Uses the real files next to the checkout. Scores are of the second half: rank, gain over move and volume, and the lead
in gain over levels spread evenly in 1/leverage; the calibration is fitted on the first half. USD: standing USD of a
side at the last close, over open interest times price, at half-lives of 6 h to 7 d with turnover "auto".
"""

from __future__ import annotations

from dataclasses import replace
from math import log

import numpy as np
import pandas as pd
from validate_market import DATA, FILES, market_of

import liqwidget as lw
from liqwidget.analysis.stats.flows import Flows, realised
from liqwidget.analysis.stats.intervals import Intervals
from liqwidget.analysis.validation.gain import squared_errors
from liqwidget.model.settings import check_mix, shares

HALF_LIVES = (6, 14, 24, 72, 168, 336)
WANTED = {"5m": (0.91, 0.49, 0.05), "1h": (0.855, 0.23, 0.05)}
OTHER_MIXES = {
    "balanced until now": {3: 25, 5: 30, 10: 25, 20: 14, 50: 5, 100: 1},
    "hot": "hot",
    "on-chain": "on-chain",
}


def scores(title: str, found: lw.Validation) -> None:
    lead = found.skill().loc["both", "even", "gain"]
    even = found.skill().loc["both", "uniform", "gain"]
    print(
        f"  {title:34} rank {found.rank:.3f}  gain {found.gain:.3f}  lead over even in 1/leverage {lead['value']:+.3f} "
        f"[{lead['low']:+.3f}, {lead['high']:+.3f}], over uniform in distance {even['value']:+.3f}  "
        f"false alarms {found.false_alarm:.0%}",
        flush=True,
    )


def parts(market: lw.Market, half: pd.Timestamp) -> None:
    """Print the gain of parts of the estimate by age and leverage (distance), and of levels even in 1/leverage."""
    mix = check_mix(None)
    intervals = Intervals.of(market, "1h")
    flows = Flows.of(market, list(mix), "1h")
    known = realised(market, intervals.time, "1h")
    late = intervals.time >= half.tz_localize(None).to_datetime64()
    scored = late & intervals.complete & np.isfinite(known).all(axis=1)
    rate, weights, tiers = lw.auto_decay_rate(market), shares(mix), np.array(list(mix))
    amounts = {"all": flows.at(rate) @ weights}
    for hours in (1, 4, 12, 24):
        for name, chosen in (("younger", flows._hours <= hours), ("older", flows._hours > hours)):
            crossed = flows._crossed * (name == "younger")
            part = replace(flows, _notional=flows._notional * chosen, _crossed=crossed)
            amounts[f"{name} than {hours} h"] = part.at(rate) @ weights
    for least in (20, 50, 100):
        amounts[f"{least}x and more"] = flows.at(rate) @ (weights * (tiers >= least))
        amounts[f"less than {least}x"] = flows.at(rate) @ (weights * (tiers < least))
    for count in (13, 25, 32, 64, 128):  # levels even in 1/leverage: the more tiers, the more even
        tiers_of = np.array_split(1 / np.linspace(1 / 150, 1 / 3, count), max(count // 16, 1))
        amounts[f"{count} even tiers"] = sum(Flows.of(market, part, "1h").at(rate).sum(axis=2) for part in tiers_of)
    plain, added = squared_errors(amounts, known, intervals, scored, np.zeros(len(intervals), np.int64), 1)
    for name, errors in added.items():
        print(f"  of what is swept, {name:20} gain {1 - errors.sum() / plain.sum():.3f}")


def dollars(market: lw.Market, mix: object, title: str) -> None:
    usd = market.candles["open_interest"].iloc[-1] * market.candles["close"].iloc[-1]
    for hours in HALF_LIVES:
        rate = log(2) / hours
        density = lw.estimate(market, mix, rate)
        long, short = float(density.standing_long[-1]) / usd, float(density.standing_short[-1]) / usd
        print(f"  {title:12} long {long:.2f}  short {short:.2f} of open interest; {density.turnover.caption(rate)}")


def main() -> None:
    for name, columns in FILES.items():
        if not (DATA / name).is_file():
            print(f"{name}: not on this machine")
            continue
        market = market_of(DATA / name, *columns)
        half = market.candles.index[len(market) // 2]
        rank, gain, lead = WANTED[market.interval_label]
        print(f"\n== {name}, second half; wanted: rank {rank}, gain {gain}, lead {lead:+.2f}")
        how = {"start": half, "draws": 200}
        scores("default", lw.validate(market, **how))
        rows = lw.build_ledger(market).bin_size
        for factor in (3, 10):
            scores(f"rows of {factor * rows:g} USD", lw.validate(market, bin_size=factor * rows, **how))
        for title, mix in OTHER_MIXES.items():
            scores(title, lw.validate(market, leverage_mix=mix, **how))
        for hours in (6, 24, 96, 240):
            scores(f"half-life {hours} h", lw.validate(market, decay_rate=log(2) / hours, **how))
            scores(
                f"half-life {hours} h, turnover 1", lw.validate(market, decay_rate=log(2) / hours, turnover=1.0, **how)
            )
        bare = lw.Market.from_frame(market.candles.drop(columns="open_interest"), liquidations=market.liquidations)
        scores("without open interest", lw.validate(bare, decay_rate=lw.auto_decay_rate(market), **how))
        for turnovers in ("auto", (1.0,)):
            fit = lw.calibrate(market.between(None, half - np.timedelta64(1, "ns")), turnovers=turnovers)
            scores(f"calibrated, turnover {turnovers}", lw.validate(market, fit, draws=200))
            if turnovers == "auto":
                print(f"  {fit.decay_rate:.4f} per hour; {fit.turnover.caption(fit.decay_rate)}")
                calibrated = fit.leverage_mix
        parts(market, half)
        dollars(market, None, "default")
        dollars(market, calibrated, "calibrated")


if __name__ == "__main__":
    main()
