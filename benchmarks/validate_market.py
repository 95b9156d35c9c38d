"""The estimate compared with realised liquidations of the two real markets next to the checkout, out of sample.

python benchmarks/validate_market.py

The default mix is scored on the last two thirds. `liqwidget.calibrate` is fitted on the first half and scored on the
second, as is the default mix for comparison.
"""

from __future__ import annotations

import time
from pathlib import Path

import pandas as pd

import liqwidget as lw
from liqwidget import calibrate

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
BUDGET = 6.0  # CPU seconds for the 81 days with 500 resamples
FILES = {
    "btcusdt_5m_2025-12_2026-02.csv.gz": ("hour_liquidated_long_usd", "hour_liquidated_short_usd", False),
    "btcusdt_1h_2024-06_2024-08.csv.gz": ("liquidated_long", "liquidated_short", True),
}


def market_of(path: Path, long: str, short: str, coins: bool) -> lw.Market:
    """Return a market with realised liquidations from a file's columns, in coins or USD."""
    frame = pd.read_csv(path)
    known = frame.dropna(subset=[long, short])
    sums = [
        pd.DataFrame({"time": known["time"], "side": side, "notional": known[name] * (known["close"] if coins else 1)})
        for side, name in (("long", long), ("short", short))
    ]
    return lw.Market.from_frame(frame.drop(columns=[long, short]), liquidations=pd.concat(sums))


def told(title: str, found: lw.Validation) -> None:
    """Print a validation with a title."""
    print(f"\n== {title}\n{found}\n")
    values = found.by_side()["value"].unstack("measure").loc[["long", "short", "both"]]
    skill = found.skill().loc["both"]
    rows = {"estimate": values.loc["both"]} | {
        name: skill.loc[name, "baseline"] for name in skill.index.get_level_values("baseline").unique()
    }
    print(pd.DataFrame(rows).T[["rank", "linear", "hours_off"]].to_string(float_format="{:.3f}".format))
    print(f"\n{found.curve().loc['both'].to_string(float_format='{:,.0f}'.format)}")


def main() -> None:
    for name, columns in FILES.items():
        if not (DATA / name).is_file():
            print(f"{name}: not on this machine")
            continue
        market = market_of(DATA / name, *columns)
        begin, wall = time.process_time(), time.perf_counter()
        found = lw.validate(market)
        used, wall = time.process_time() - begin, time.perf_counter() - wall
        told(f"{name}, default mix, {wall:.1f} s, of a processor {used:.1f} s (budget {BUDGET:g} s)", found)
        half = market.candles.index[len(market) // 2]
        calibration = calibrate(market.between(None, half))
        print(f"\n{calibration}")
        told(f"{name}, calibrated on the first half", lw.validate(market, calibration))
        told(f"{name}, default mix on the same half", lw.validate(market, start=calibration.fitted[1]))


if __name__ == "__main__":
    main()
