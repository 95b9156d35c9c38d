"""Results are the same with NumPy's 32-bit integers: numerical tests, run with `narrow_integers`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
FILES = [
    *("model/test_replay.py", "model/test_density.py", "market/test_market.py", "scale/test_history.py"),
    *("widget/test_wire.py", "widget/test_marks.py"),
    *("analysis/test_flows.py", "analysis/test_magnets.py", "analysis/test_cascade.py"),
]
CHOSEN = (
    "twin or conservation or outlives or few_closes or merged or profile or clusters or sums or append or liquidations "
    "or zero or come_back or committed or no_usd or tails or another_plan or any_chunk"
)
LARGE = """
import numpy as np
import liqwidget as lw
from liqwidget.model import sweeps

def made():
    ledger = lw.build_ledger(market, (3, 5, 10, 20, 50, 100))
    merged = ledger.merged(4)
    simulated = lw.simulate(candles=300, traders=3_000, seed=1).market.candles.to_numpy()
    return merged.row, merged.tier, merged.start, merged.notional, merged.age, simulated

keys = np.random.default_rng(0).integers(0, 30_000_000, 200_000)
order = np.argsort(keys, kind="stable")
market = lw.load_sample()
wide = made()
run = np.arange(40_000)
sweep = np.stack([run % 1000, run % 1000 + 30], axis=1)
row = (run * 7 % 1000).astype(np.uint16)
outlives = sweeps.outlives(sweep, np.arange(40_001), row, run // 2, 65_535)

import narrow_integers
narrow_integers.pytest_configure()
narrow = sweeps.np
assert narrow.arange(3).dtype == narrow.array([1]).dtype == narrow.cumsum(np.ones(3, bool)).dtype == np.int32
assert narrow.arange(np.int64(3)).dtype == narrow.array([2**40]).dtype == np.arange(3).dtype == np.int64

assert (sweeps.order_of(keys.astype(np.int32)) == order).all()
places = np.arange(40_001, dtype=np.int32)
assert (sweeps.outlives(sweep, places, row, run.astype(np.int32) // 2, 65_535) == outlives).all()
for before, after in zip(wide, made(), strict=True):
    np.testing.assert_array_equal(before, after)
"""


def run(*arguments: str) -> str:
    path = os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    return done.stdout


def test_many_and_large_numbers() -> None:
    run("-c", LARGE)


def test_the_tests_of_numbers_pass() -> None:
    files = [str(HERE / name) for name in FILES]
    said = run("-m", "pytest", "-q", "-p", "narrow_integers", "-p", "no:cacheprovider", "-k", CHOSEN, *files)
    assert " passed" in said
