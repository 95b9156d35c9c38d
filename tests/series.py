"""A series with known truth, and the possible contents of a cache of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from liqwidget.sources.cache.cache import Store
from liqwidget.sources.rows import Rows

HOUR = 3_600_000
DAY = 24 * HOUR
START = 1_769_040_000_000  # 2026-01-22: the third part begins on day 38
DAYS = 60
END = START + DAYS * DAY
LATER = END + 10 * DAY
LAG = 2 * HOUR
NAMES = ("open", "volume")


def opened(root: Path, kind: str = "candles", columns: tuple[str, ...] = NAMES) -> Store:
    return Store(root, "binance", "BTCUSDT", kind, "1h", columns, LAG)


def truth(start: int = START, end: int = END) -> Rows:
    """One row per hour except for three days; some volumes are missing."""
    time = np.arange(-(-start // HOUR), -(-end // HOUR)) * HOUR
    time = time[(time < START + 20 * DAY) | (time >= START + 23 * DAY)]
    volume = np.where(time % (5 * HOUR) == 0, np.nan, np.sin(time % 977))
    return Rows(time, {"open": (90_000.0 + time % 1_013).astype(np.float64), "volume": volume})


def same(rows: Rows, wanted: Rows) -> None:
    np.testing.assert_array_equal(rows.time, wanted.time)
    assert list(rows.columns) == list(NAMES)
    for name in NAMES:
        np.testing.assert_array_equal(rows.columns[name], wanted.columns[name])


def parts(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*.parquet"))}


def right_or_a_hole(root: Path) -> list[tuple[int, int]]:
    """Assert that everything outside the holes is correct; return the holes."""
    store = opened(root)
    holes = store.look(START, END).holes(START, END, LATER, HOUR)
    same(store.look(START, END).rows, Rows.joined([truth(*known) for known in gaps(holes)], NAMES))
    assert store.look(START, END).missing(START, END) == holes
    return holes


def gaps(holes: list[tuple[int, int]]) -> list[tuple[int, int]]:
    edges = [START, *(edge for hole in holes for edge in hole), END]
    return list(zip(edges[::2], edges[1::2], strict=True))


def place(root: Path, name: str = "") -> Path:
    return root / "v1" / "binance" / "BTCUSDT" / "candles" / "1h" / name
