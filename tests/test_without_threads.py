"""The core starts no thread and opens no connection: in a browser's own Python there are neither."""

from __future__ import annotations

import subprocess
import sys

from test_core_alone import WITHOUT_EXTRAS

CODE = """
import threading, asyncio, concurrent.futures, multiprocessing  # loading them starts nothing
started, start = [], threading.Thread.start
threading.Thread.start = lambda thread: started.append(thread.name) or start(thread)
sys.addaudithook(lambda event, _: started.append(event) if event.startswith("socket.") else None)

import liqwidget as lw

market = lw.load_sample()
fit = lw.calibrate(market, draws=5, progress=False)
density = lw.estimate(market, leverage_mix=fit.leverage_mix, decay_rate=fit.decay_rate)
density.clusters()
hm = lw.LiquidationHeatmap(market)
hm.leverage_mix = {5: 1, 10: 2}
hm.density.profile()
assert len(hm.to_html()) > 100_000
hm._repr_mimebundle_()
print(sorted(set(started)), threading.active_count())
"""


def test_the_core_starts_no_thread_and_opens_no_socket() -> None:
    command = [sys.executable, "-c", WITHOUT_EXTRAS + CODE]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
    assert run.stdout == "[] 1\n"
