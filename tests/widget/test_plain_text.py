"""What notebooks store as text of a heatmap or a result is the same from run to run."""

from __future__ import annotations

import json
import os
import subprocess
import sys

CODE = """
import json
import liqwidget as lw

market = lw.load_sample()
made = lw.simulate(candles=300, traders=600)
density = lw.estimate(market)
heatmap = lw.LiquidationHeatmap(market)
shown = {
    "market": market,
    "heatmap": heatmap,
    "density": density,
    "ledger": lw.build_ledger(market),
    "calibration": (fit := lw.calibrate(market, draws=5, progress=False)),
    "validation": lw.validate(market, draws=20, progress=False),
    "sensitivity": lw.sensitivity(market, draws=5),
    "cascade": lw.cascade(density, market=market),
    "curve": lw.cascade_curve(density, market=market),
    "magnets": lw.magnet_study(market, draws=20),
    "simulation": made,
    "score": lw.score(lw.estimate(made.market), made, progress=False),
    "sweep": lw.sweep(market, "balanced", 0.03, score=False, progress=False),
    "comparison": lw.compare([market, made.market], progress=False),
    "explorer": lw.explore(market),
}
texts = {}
for name, value in shown.items():
    bundle = value._repr_mimebundle_() if hasattr(value, "_repr_mimebundle_") else {}
    bundle = bundle[0] if isinstance(bundle, tuple) else bundle
    texts[name] = (bundle or {}).get("text/plain", repr(value))
print(json.dumps(texts))
"""


def texts(seed: str) -> dict[str, str]:
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    run = subprocess.run([sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    found: dict[str, str] = json.loads(run.stdout)
    return found


def test_the_plain_text_is_the_same_from_run_to_run() -> None:
    first, second = texts("1"), texts("2")
    assert first == second
    assert {name: text for name, text in first.items() if " at 0x" in text} == {}
    assert first["heatmap"].startswith("LiquidationHeatmap(<Market BTCUSDT-SIM simulated 5m")
