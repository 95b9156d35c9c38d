"""Many visitors for minutes, with restarts of the server, sleeping pages and visitors who leave without notice.

    python benchmarks/soak.py [--minutes 10] [--visitors 30]

Visitors have no browser: each loads the page, opens its socket and speaks the page's protocol. They move a slider, and
every few moves one of these happens: the page stops reading for seconds, its connection breaks and is opened again, the
visitor closes the page, or vanishes without notice; another visitor takes the place of one who has left. The server is
killed after a third of the time, and stopped after two thirds (not in runs of less than five minutes), and started
again; its visitors then load the page anew and set their view again, as pages do by their address. Only time during
which everybody has a page counts, after the start and after a restart.

A state is lost if a kernel no longer has what its visitor has set, or ended although its visitor was away for less than
``--gone``. A kernel is left if it runs after its server, or after its visitor. Exit code 1 if anything is lost or left.
"""

from __future__ import annotations

import argparse
import os
import random
import socket
import struct
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path

from page import ROOT, machine, quantile
from websockets.exceptions import ConnectionClosed, InvalidHandshake

sys.path.insert(0, str(ROOT / "tests"))

from ports import free_port
from served import DASHBOARD, Served, is_kernel
from visitor import Visitor

GONE = 20  # seconds that a kernel survives a page that has vanished
BACK = 300  # seconds within which a visitor must have a page, with all others waiting as well
UNREACHABLE = (OSError, HTTPException, ConnectionClosed, InvalidHandshake, AssertionError)


class Site:
    """The server, which is restarted at the same address; counts what happens."""

    def __init__(self, home: Path, visitors: int) -> None:
        # Places for those who have just vanished as well.
        self.options = (f"--visitors={2 * visitors}", f"--gone={GONE}", "--MappingKernelManager.cull_interval=2")
        self.home, self.port, self.runs = home, free_port(), 0
        self.counts: Counter[str] = Counter()
        self.times: list[float] = []
        self.lost: list[str] = []
        self.ended = threading.Event()
        self.served = self._start()
        Visitor.patience = BACK  # a slow reply is no loss

    def _start(self) -> Served:
        served = Served(DASHBOARD, self.home, *self.options, port=self.port)
        served.patience = BACK
        return served

    def restart(self, *, kill: bool) -> None:
        """End the server, with notice or without, and start it again; its kernels must end."""
        before = self.served.kernels()
        self.runs += 1
        if kill:
            self.served.process.kill()
        self.served.stop()
        begun = time.monotonic()
        while (left := list(filter(is_kernel, before))) and time.monotonic() < begun + 60:
            time.sleep(0.2)
        self.counts["kernels left"] += len(left)
        self.counts["restarts"] += 1
        self.served = self._start()

    def lose(self, what: str) -> None:
        """Count a loss."""
        self.counts["lost"] += 1
        self.lost.append(what)


class Guest(threading.Thread):
    """One visitor after the other in one place, each with a state of their own."""

    def __init__(self, site: Site, number: int) -> None:
        super().__init__(name=f"visitor {number}")
        self.site, self.chance, self.value = site, random.Random(number), 0.0
        self.number, self.events = number, number
        self.run_of_page = -1  # of the server

    def run(self) -> None:
        """Visit until the end of the run; what is not expected is a loss."""
        try:
            self.arrive()
            while not self.site.ended.is_set():
                self.stay()
            self.leave(politely=self.number % 2 == 0)
        except Exception as failed:
            self.site.lose(f"{self.name}: {type(failed).__name__}: {failed}")

    def arrive(self, value: float | None = None) -> None:
        """Load the page until there is one, and set a state of this visitor's own, or the one that they had before."""
        until, why = time.monotonic() + BACK, ""
        while time.monotonic() < until:
            self.run_of_server = self.site.runs
            try:
                self.page = Visitor(self.site.served)
                self.comm = self.page.heatmap()
                self.move(value)
                self.check()
            except UNREACHABLE as refused:
                why = repr(refused)
                self.site.counts["tried again"] += 1
                time.sleep(1)
            else:
                self.site.counts["pages"] += 1
                self.run_of_page = self.run_of_server
                return
        raise TimeoutError(f"no page within {BACK} s: {why}")

    def move(self, value: float | None = None) -> None:
        """Move a slider; the kernel has the new value afterwards."""
        if value is None:
            value = 0.01 + self.number / 1000 + self.chance.randrange(900) / 1e6  # nobody else's
        seconds = self.page.drag(self.comm, value)
        self.value = value
        self.site.times.append(seconds)

    def stay(self) -> None:
        """Move a slider for a while; then something happens."""
        try:
            for _ in range(self.chance.randrange(2, 7)):
                self.move()
                if self.site.ended.wait(self.chance.uniform(0.3, 1.5)):
                    return
            self.events += 1
            kinds = (self.reconnect, self.vanish, self.pause, self.leave)
            kinds[self.events % len(kinds)]()
        except UNREACHABLE as failed:
            if self.run_of_server == self.site.runs:
                self.site.lose(f"{self.name}: {type(failed).__name__}: {failed}")
            self.arrive(self.value)

    def pause(self) -> None:
        """Stop reading for seconds, as a page that sleeps; then the state must be there."""
        self.site.counts["pauses"] += 1
        self.site.ended.wait(self.chance.uniform(3, 8))
        self.check()

    def reconnect(self) -> None:
        """Lose the connection, and come back to the same kernel."""
        self.site.counts["reconnections"] += 1
        self.abort()
        self.site.ended.wait(self.chance.uniform(0.5, GONE / 2))
        self.page.socket = self.page.connect()
        self.check()

    def leave(self, *, politely: bool = True) -> None:
        """Close the page, or vanish; the next visitor comes, except at the end."""
        self.site.counts["left" if politely else "vanished"] += 1
        self.abort()
        if politely:
            self.site.served.get(f"/voila/api/shutdown/{self.page.kernel}", "POST")
        if not self.site.ended.is_set():
            self.arrive()

    def vanish(self) -> None:
        """Leave without notice."""
        self.leave(politely=False)

    def check(self) -> None:
        """Compare what the kernel has with what this visitor has set."""
        found = self.page.widgets()[self.comm]["state"]["decay_rate"]
        self.site.counts["states compared"] += 1
        if found != self.value:
            self.site.lose(f"{self.name}: decay_rate {found}, not {self.value}")

    def abort(self) -> None:
        """Break the connection without a closing frame."""
        line = self.page.socket.socket
        with suppress(OSError):
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            line.shutdown(socket.SHUT_RDWR)
            line.close()


def proportional(pids: list[int]) -> float:
    """Return the proportional set size of processes, MB."""
    kilobytes = 0
    for pid in pids:
        with suppress(OSError):  # it has just ended
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            kilobytes += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return kilobytes / 1024


def soak(minutes: float, visitors: int) -> bool:
    """Run, print what happened, and return whether nothing was lost or left."""
    print(f"{visitors} visitors for {minutes:g} minutes; {machine()}", flush=True)
    with tempfile.TemporaryDirectory(prefix="liq-soak-") as home:
        site = Site(Path(home), visitors)
        try:
            good = _run(site, minutes * 60, visitors)
        finally:
            site.ended.set()
            site.served.stop()
    return good


def _run(site: Site, seconds: float, visitors: int) -> bool:
    guests = [Guest(site, number) for number in range(1, visitors + 1)]
    for guest in guests:
        guest.start()
    restarts = 2 if seconds >= 300 else 1
    most, most_kernels, passed, step = 0.0, 0, 0.0, min(seconds / 12, 30)
    while passed < seconds and not site.counts["lost"]:
        until = time.monotonic() + BACK
        while any(guest.run_of_page != site.runs for guest in guests) and time.monotonic() < until:
            site.ended.wait(0.2)
        site.ended.wait(step)
        passed += step
        kernels = site.served.kernels()
        memory, own = proportional(kernels), proportional([site.served.process.pid])
        most, most_kernels = max(most, memory + own), max(most_kernels, len(kernels))
        print(
            f"{passed:5.0f} s: {len(kernels)} kernels {memory:.0f} MB, server {own:.0f} MB, {len(site.times)} moves, "
            f"lost {site.counts['lost']}; {os.getloadavg()[0]:.1f}",
            flush=True,
        )
        if passed >= seconds / 3 * (site.runs + 1) and site.runs < restarts:
            site.restart(kill=site.runs == 0)
    site.ended.set()
    for guest in guests:
        guest.join()
    with suppress(TimeoutError):
        site.served.wait_until(lambda: len(site.served.kernels()) <= 1, BACK)
    site.counts["kernels left"] += max(len(site.served.kernels()) - 1, 0)  # one is heated for the next visitor
    kernels = site.served.kernels()
    own = proportional([site.served.process.pid])
    site.served.stop()
    site.counts["kernels left"] += sum(map(is_kernel, kernels))
    print(*site.lost[:20], sep="\n")
    print(", ".join(f"{name} {count}" for name, count in sorted(site.counts.items())))
    times = [1000 * one for one in site.times]
    print(
        f"moves: {len(times)}, median {quantile(times, 0.5):.0f} ms, p95 {quantile(times, 0.95):.0f}, "
        f"worst {max(times):.0f}"
    )
    print(f"memory: at most {most:.0f} MB, {most_kernels} kernels at once; the server at the end {own:.0f} MB")
    good = not site.counts["lost"] and not site.counts["kernels left"] and site.counts["restarts"] == restarts
    print(f"{'nothing lost, no kernel left' if good else 'LOST OR LEFT'}; {machine()}")
    return good


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10, help="how long (default %(default)s)")
    parser.add_argument("--visitors", type=int, default=30, help="how many at once (default %(default)s)")
    given = parser.parse_args()
    raise SystemExit(0 if soak(given.minutes, given.visitors) else 1)


if __name__ == "__main__":
    main()
