"""Does price move to clusters? `liqwidget.magnet_study` of the real market next to the checkout, with defaults.

python benchmarks/magnets.py
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

import liqwidget as lw

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
FILES = ("btcusdt_5m_2025-12_2026-02.csv.gz", "btcusdt_1h_2024-06_2024-08.csv.gz")


def main() -> None:
    for name in FILES:
        path = DATA / name
        if not path.is_file():
            print(f"{name}: not on this machine")
            continue
        frame = pd.read_csv(path)
        columns = [column for column in frame if "liquidated" not in column]
        print(f"\n== {name}\n{lw.magnet_study(lw.Market.from_frame(frame[columns]))}")


if __name__ == "__main__":
    main()
