"""Users' scripts are checked by mypy and pyright against the wheel, and how complete its types are."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import pytest

from packed import build, python, said

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("built") / "wheel"
    return out / said(build("wheel", ROOT, out))


USER = """
from __future__ import annotations

import pandas as pd
from typing import Any

import numpy as np
import numpy.typing as npt
from typing_extensions import assert_type

import liqwidget as lw

market = lw.Market.from_frame(pd.read_csv("candles.csv"), symbol="BTCUSDT")
hours: pd.DatetimeIndex = market.candles.index
prices: pd.Series = market.candles["close"]
assert_type(market.liquidations, pd.DataFrame | None)
assert_type(market.interval, pd.Timedelta)
assert_type(market.gaps, pd.DataFrame)

density = lw.estimate(market, {5: 30, 10: 40, 25: 30}, decay_rate="auto")
assert_type(density, lw.Density)
assert_type(density.profile(), pd.DataFrame)
assert_type(density.clusters(top=3), pd.DataFrame)
assert_type(density.to_frame(), pd.DataFrame)
ledger = lw.build_ledger(market, leverage=(5, 10, 25), bin_size=50)
assert_type(ledger.replay(decay_rate=0.03), lw.Density)

hm = lw.LiquidationHeatmap(market, leverage_mix={10: 60, 25: 40})
hm.decay_rate = "auto"
hm.decay_rate = 0.03
hm.bin_size = "auto"
hm.turnover = "auto"
hm.leverage_mix = "hot"
hm.leverage_mix = {10: 60, 25: 40}
hm.threshold = (0, 0.5)
hm.visible = "3d"
hm.visible = {"time": "3d", "price": (60_000, 70_000)}
hm.as_of = pd.Timestamp("2026-01-03")
hm.shock = None
hm.palette = "viridis"
assert_type(hm.decay_rate, float)
assert_type(hm.bin_auto, bool)
assert_type(hm.leverage_mix, dict[float, float])
assert_type(lw.LiquidationHeatmap(market).as_of, float | None)
assert_type(lw.LiquidationHeatmap(market).visible, dict[str, Any] | None)
assert_type(hm.market, lw.Market)
lw.LiquidationHeatmap(market, palette="cividis", threshold=(0.1, 0.9), as_of="2026-01-03", height=400)
assert_type(lw.liquidation_price(60_000, 10, "long"), float)
assert_type(lw.liquidation_price(60_000, [10, 100], "short"), npt.NDArray[np.float64])
assert_type(lw.venues(), pd.DataFrame)
assert_type(lw.cache.info(), pd.DataFrame)
made = lw.simulate(candles=500)
assert_type(made.positions, pd.DataFrame)
assert_type(lw.score(lw.estimate(made.market), made).by_side(), pd.DataFrame)
fit = lw.calibrate(market)
mix: dict[float, float] = fit.leverage_mix
mine = {5: 30, 10: 40, 25: 30}
lw.estimate(market, mine)
hm.apply(fit)
hm.positions = lw.hyperliquid_positions(["0x0"])
assert_type(lw.follow_positions(hm, ["0x0"], every=60).running, bool)
"""
#: One mistake a line.
MISTAKES = [
    "lw.estimate(5)",
    "lw.load_sample().candles.sum() + lw.load_sample()",
    "lw.liquidation_price()",
    "lw.nonsense",
    "lw.estimate(lw.load_sample(), decay_rate='fast')",
    "lw.estimate(lw.load_sample(), 'reckless')",
    "lw.liquidation_price(60_000, 10, 'long', rule='none')",
    "lw.LiquidationHeatmap(lw.load_sample(), palette='jet')",
    "lw.LiquidationHeatmap(lw.load_sample(), palete='plasma')",
    "lw.LiquidationHeatmap(lw.load_sample()).decay_rate = 'fast'",
    "lw.LiquidationHeatmap(lw.load_sample()).swept = 'yes'",
    "lw.LiquidationHeatmap(lw.load_sample()).layer = 'neither'",
]


@pytest.fixture(scope="module")
def user_python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that has the wheel, with this environment's packages after it."""
    folder = tmp_path_factory.mktemp("user")
    assert python("import sys, venv; venv.create(sys.argv[1])", folder, at=folder).returncode == 0
    program = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = subprocess.run([program, "-I", "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    with ZipFile(wheel) as archive:
        archive.extractall(site)
    (Path(site) / "rest.pth").write_text(f"{sysconfig.get_path('purelib')}\n", encoding="utf-8")
    return program


def mypy(program: Path, scripts: list[Path]) -> list[str]:
    """Error lines of mypy --strict for scripts."""
    command: list[str | Path] = [sys.executable, "-m", "mypy", "--strict", "--config-file="]
    command += ["--cache-dir", scripts[0].parent / "cache", "--python-executable", program, *scripts]
    run = subprocess.run(command, cwd=scripts[0].parent, capture_output=True, text=True, check=False)
    assert run.returncode in (0, 1), run.stderr
    return [line for line in run.stdout.splitlines() if ": error:" in line]


def pyright(program: Path, scripts: list[Path]) -> list[str]:
    """Error lines of pyright for scripts; the package from PyPI contains the program itself."""
    command: list[str | Path] = [sys.executable, "-m", "pyright", "--pythonpath", program, *scripts]
    environment = {**os.environ, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}
    run = subprocess.run(command, cwd=scripts[0].parent, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode in (0, 1), run.stderr
    return [line for line in run.stdout.splitlines() if " - error:" in line]


@pytest.mark.parametrize("check", [mypy, pyright], ids=["mypy", "pyright"])
def test_a_user_s_script_type_checks_against_the_wheel(
    check: Callable[[Path, list[Path]], list[str]], user_python: Path, tmp_path: Path
) -> None:
    good, bad = tmp_path / "good.py", tmp_path / "bad.py"
    good.write_text(USER, encoding="utf-8")
    bad.write_text("\n".join(["import liqwidget as lw", *MISTAKES]), encoding="utf-8")
    lines = check(user_python, [good, bad])
    assert [line for line in lines if "bad.py" not in line] == []
    assert {int(re.search(r"bad\.py:(\d+)", line)[1]) for line in lines} == set(range(2, 2 + len(MISTAKES)))


def test_nearly_all_public_names_have_known_types(user_python: Path, tmp_path: Path) -> None:
    path = f"{user_python.parent}{os.pathsep}{os.environ['PATH']}"  # --verifytypes takes the first Python on it
    run = subprocess.run(
        [sys.executable, "-m", "pyright", "--outputjson", "--ignoreexternal", "--verifytypes", "liqwidget"],
        cwd=tmp_path,
        env={**os.environ, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1", "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    found = json.loads(run.stdout)["typeCompleteness"]
    assert found["exportedSymbolCounts"]["withKnownType"] > 3000
    assert found["completenessScore"] >= 0.98
