"""Memory under continuous input and live candles: flat or growing.

    python benchmarks/live_memory.py [--minutes 30]

Uses the sample in a real JupyterLab. Every second the current candle is replaced (`hm.append(..., replace=True)`), and
every minute a new one begins. Meanwhile the page drags leverage mix, decay and bin size in turn, three seconds each,
with one event per frame. Every minute a debugger connects briefly to read the JavaScript heap, DOM nodes and listeners
after garbage collection, and the memory of the page's and the kernel's process. The verdict is based on a straight line
fitted to the figures after the first five minutes (after the first third of a shorter run).
"""

from __future__ import annotations

import argparse
import json
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from page import machine
from processes import Opened, alone, megabytes_of
from websockets.sync.client import ClientConnection, connect

FEED = """
import threading, time, liqwidget as lw
hm = lw.LiquidationHeatmap(lw.load_sample())
def feed():
    i = 0
    while True:
        time.sleep(1)
        i += 1
        candle = hm.market.candles.iloc[-1:].copy()
        fresh = i % 60 == 0
        if fresh:
            candle.index = candle.index + hm.market.interval
            candle["open"] = candle["close"]
        candle["close"] = candle["open"] * (1 + .002 * ((i * 7919) % 1000 / 500 - 1))
        candle["high"] = candle[["open", "high", "close"]].max(axis=1)
        candle["low"] = candle[["open", "low", "close"]].min(axis=1)
        if fresh:
            candle["high"], candle["low"] = candle[["open", "close"]].max(axis=1), candle[["open", "close"]].min(axis=1)
        hm.append(candle, replace=not fresh)
threading.Thread(target=feed, daemon=True).start()
hm
"""
DRAG = """(() => {
  const root = document.querySelector('.liq');
  const inputs = [root.querySelectorAll('.liq-bar')[1], root.querySelector('.liq-deck .liq-slider'),
    root.querySelector('input[aria-valuetext$=dollars]')];
  window.moved = { events: 0 };
  const step = (now) => {
    const input = inputs[Math.floor(now / 3000) % 3];
    const share = Math.abs((now / 1500) % 2 - 1);
    const [low, high] = [Number(input.min), Number(input.max)];
    input.valueAsNumber = low + (high - low) * share;
    input.dispatchEvent(new Event('input', { bubbles: true }));
    window.moved.events++;
    requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
})()"""
SEEN = """(() => { const root = document.querySelector('.liq'); const { source } = root.liqwidget;
  return [window.moved.events, Number(root.dataset.rev), source.field.ledger.columns, source.field.ledger.revision,
    root.dataset.state]; })()"""
COLUMNS = ("heap", "nodes", "listeners", "page", "kernel")
#: Allowed growth per minute: MB, or counts.
LIMITS = {"heap": 0.1, "nodes": 10, "listeners": 20, "page": 1.0, "kernel": 1.0}


@contextmanager
def visit(opened: Opened) -> Iterator[Debugger]:
    """Connect to the page briefly."""
    with urllib.request.urlopen(f"{opened.address}/json") as answer:
        target = next(t for t in json.load(answer) if t["type"] == "page")
    with connect(target["webSocketDebuggerUrl"], max_size=None) as line:
        yield Debugger(line)


class Debugger:
    """A debugger connection to the page."""

    def __init__(self, line: ClientConnection) -> None:
        self._line, self._count = line, 0

    def send(self, method: str, **given: Any) -> Any:
        """Return the reply to a command."""
        self._count += 1
        self._line.send(json.dumps({"id": self._count, "method": method, "params": given}))
        while True:
            answer = json.loads(self._line.recv(timeout=120))
            if answer.get("id") == self._count:
                if "error" in answer or "exceptionDetails" in answer["result"]:
                    raise RuntimeError(f"{method}: {answer}")
                return answer["result"]

    def value(self, expression: str) -> Any:
        """Return the value of a JavaScript expression."""
        return self.send("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=int, default=30, help="how long (default %(default)s)")
    options = parser.parse_args()
    print(f"live memory, {options.minutes} minutes; {machine()}")
    with alone(FEED) as opened:
        with visit(opened) as page:
            page.value(DRAG)
        print(f"{'minute':>6}{'heap MB':>9}{'nodes':>8}{'listeners':>11}{'page MB':>9}{'kernel MB':>11}", end="")
        print("   events, pictures, columns, revision")
        rows = []
        begun = time.monotonic()
        for minute in range(options.minutes + 1):
            time.sleep(max(begun + 60 * minute - time.monotonic(), 0))
            row, seen = look(opened)
            rows.append(row)
            print(f"{minute:6}{row[0]:9.1f}{row[1]:8.0f}{row[2]:11.0f}{row[3]:9.0f}{row[4]:11.0f}   {seen}", flush=True)
    first = 5 if options.minutes >= 10 else -(-options.minutes // 3)
    good = True
    for name, values in zip(COLUMNS, np.array(rows)[first:].T, strict=True):
        slope = float(np.polyfit(np.arange(len(values)), values, 1)[0])
        flat = slope <= LIMITS[name]
        good &= flat
        print(
            f"{name}: {slope:+.3f} a minute after minute {first}: {'flat' if flat else 'GROWS'} (<= {LIMITS[name]:g})"
        )
    print(f"{'flat' if good else 'NOT FLAT'}; {machine()}")


def look(opened: Opened) -> tuple[list[float], list[Any]]:
    """Return the figures of ``COLUMNS``, and the counts of events so far."""
    with visit(opened) as page:
        for _ in range(2):
            page.send("HeapProfiler.collectGarbage")
        heap = page.send("Runtime.getHeapUsage")["usedSize"] / 2**20
        counters = page.send("Memory.getDOMCounters")
        seen = page.value(SEEN)
    sizes = [megabytes_of(opened.renderer), megabytes_of(opened.kernel)]
    return [heap, counters["nodes"], counters["jsEventListeners"], *sizes], seen


if __name__ == "__main__":
    main()
