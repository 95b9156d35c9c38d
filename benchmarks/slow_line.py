"""Time and bytes until a visitor on a slow line sees the living picture, on a first and a second visit.

    python benchmarks/slow_line.py [--kilobits 400] [--delay 300] [--runs 1] [--notebook PATH]

Chromium reaches the server through a relay that shares the line's rate among all connections and delays what it passes
on, in each direction by half of the round trip. The second visit is a new tab of the same browser, whose cache is kept.
The window is a phone's: the panels below the heatmap are loaded when they are scrolled to, and nothing scrolls here.
The times are the page's own, from the start of the navigation: until the sliders of a picture work, and until it has a
kernel, too; bytes are counted by the relay, on their way to the browser, until ten seconds pass in which nothing comes.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import threading
import time
from pathlib import Path

from page import CHROMIUM_FLAGS, ROOT, find_chromium, machine
from playwright.sync_api import sync_playwright
from visitors import FIRST

sys.path.insert(0, str(ROOT / "tests"))

from served import DASHBOARD, Served

PIECE = 2_048
QUIET_SECONDS = 10
FILES = """performance.getEntriesByType('resource').map((it) =>
  [it.startTime, it.responseEnd, it.encodedBodySize].map(Math.round) + ' ' + it.name.slice(-50)).join('\\n')"""
PHONE = {"width": 390, "height": 844}


class SlowLine:
    """A relay on loopback with one rate for all connections, in bytes a second, and a delay each way, in seconds."""

    def __init__(self, target: int, rate: float, delay: float) -> None:
        self.target, self.rate, self.delay = target, rate, delay
        self.free = [0.0, 0.0]  # when the line is free again, from the browser and to it
        self.bytes = 0
        self.port = 0
        self.last = time.monotonic()
        self._ready = threading.Event()
        threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True).start()
        self._ready.wait()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._relay, "127.0.0.1", 0, limit=PIECE)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        async with server:
            await server.serve_forever()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(2 * self.delay)  # the connection's own round trip
        there, back = await asyncio.open_connection("127.0.0.1", self.target, limit=PIECE)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._pass(reader, back, 0))
            group.create_task(self._pass(there, writer, 1))

    async def _pass(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, way: int) -> None:
        clock = asyncio.get_running_loop().time
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(maxsize=32)

        async def deliver() -> None:
            while True:
                due, piece = await waiting.get()
                await asyncio.sleep(max(0.0, due - clock()))
                if not piece:
                    sink.close()
                    return
                sink.write(piece)
                await sink.drain()

        async def collect() -> None:
            while True:
                piece = await source.read(PIECE)
                self.free[way] = max(self.free[way], clock()) + len(piece) / self.rate
                sent = self.free[way]
                if way:
                    self.bytes += len(piece)
                    self.last = time.monotonic()
                await asyncio.sleep(max(0.0, sent - clock()))
                await waiting.put((sent + self.delay, piece))
                if not piece:
                    return

        try:
            await asyncio.gather(deliver(), collect())
        except OSError:  # one of the two ends has gone
            sink.close()


def visit(context, line: SlowLine, seconds: float, verbose: bool) -> tuple[float, float, int, list[str]]:
    """Return seconds to the picture and to the one with a kernel, bytes of the visit, and what the page has said."""
    page = context.new_page()
    page.add_init_script(FIRST)
    begun = line.bytes
    page.goto(f"http://127.0.0.1:{line.port}/", wait_until="commit", timeout=seconds * 1e3)
    said: list[str] = []
    deadline = time.monotonic() + seconds
    while page.evaluate("window.__seen.live") is None:
        text = page.evaluate("document.querySelector('#wait > p')?.textContent")
        if text and text not in said:
            said.append(text)
        if time.monotonic() > deadline:
            raise SystemExit(f"no picture after {seconds:.0f} s; the page says {said}")
        page.wait_for_timeout(200)
    while time.monotonic() - line.last < QUIET_SECONDS:
        page.wait_for_timeout(200)
    seen = page.evaluate("window.__seen")
    if verbose:
        print(seen)
        print(page.evaluate(FILES))
    page.close()
    return seen["picture"] / 1e3, seen["live"] / 1e3, line.bytes - begun, said


def main() -> None:
    """Print a line for each visit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kilobits", type=float, default=400)
    parser.add_argument("--delay", type=float, default=300, help="round trip in ms")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--notebook", type=Path, default=DASHBOARD)
    parser.add_argument("--verbose", action="store_true", help="when each file came")
    options = parser.parse_args()
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as home:
        served = Served(options.notebook, Path(home))
        try:
            for _ in range(options.runs):
                line = SlowLine(served.port, options.kilobits * 125, options.delay / 2e3)
                with tempfile.TemporaryDirectory() as profile:
                    context = playwright.chromium.launch_persistent_context(
                        profile, executable_path=find_chromium(), args=CHROMIUM_FLAGS, viewport=PHONE
                    )
                    for name in ("first", "second"):
                        served.wait_until(served.heated)
                        picture, live, size, said = visit(context, line, 400, options.verbose)
                        times = f"picture after {picture:.1f} s, with its kernel after {live:.1f} s"
                        print(f"{name} visit: {times}, {size / 1e6:.2f} MB in all; {said}")
                    context.close()
        finally:
            served.stop()
    print(machine())


if __name__ == "__main__":
    main()
