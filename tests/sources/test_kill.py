"""Fetches that are killed at any moment, or run concurrently, leave only correct data in the cache."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
from pathlib import Path

from exchange import Exchange, History
from loopback import DAY, MINUTE, VENUES

NOW = 1_795_046_431_000 + 9 * 60 * MINUTE
START = NOW // DAY * DAY - DAY

# Imports once, then forks for every fetch; "at" is the number of the function call at which the child dies.
NURSERY = """
import json, os, signal, sys, threading
from liqwidget.sources.fetch import fetch, fetch_plan
from liqwidget.sources.http import clock
from liqwidget.sources.venues import hosts
import httpx, pyarrow.parquet, tqdm.auto, asyncio

def grow(order):
    hosts.HOSTS = {
        name: hosts.Host(url, "ws://127.0.0.1:1", order["archive"]) for name, url in order["hosts"].items()
    }
    os.environ["LIQWIDGET_CACHE"] = order["folder"]
    clock.CLOCK.now = lambda: order["now"] / 1000
    calls = 0
    def count(*_):
        nonlocal calls
        calls += 1
        if calls == order["at"]:
            os.kill(os.getpid(), signal.SIGKILL)
    if order["at"] is not None:
        threading.setprofile(count)
    market = fetch.fetch("BTCUSDT", order["venue"], order["interval"], days=order["days"], progress=False)
    threading.setprofile(None)
    return {"calls": calls, "market": market.candles.to_csv(), "partial": market.origin.partial}

for line in sys.stdin:
    read, write = os.pipe()
    if (child := os.fork()) == 0:
        try:
            text = json.dumps(grow(json.loads(line)))
        except Exception as error:
            text = json.dumps({"error": repr(error)})
        os.write(write, b"")
        with os.fdopen(write, "w") as pipe:
            pipe.write(text)
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        text = pipe.read()
    _, status = os.waitpid(child, 0)
    print(json.dumps({"killed": os.WIFSIGNALED(status), **(json.loads(text) if text else {})}), flush=True)
"""


class Nursery:
    """A process whose children fetch, and die on command."""

    def __init__(self, exchange: Exchange, now: int = NOW, interval: str = "5m", *, archive: bool = False) -> None:
        self.order = {
            "hosts": {name: exchange.rest(name) for name in VENUES},
            "archive": exchange.rest("archive") if archive else "",
            "now": now,
            "interval": interval,
        }
        path = os.pathsep.join([str(Path(__file__).resolve().parents[2] / "src"), os.environ.get("PYTHONPATH", "")])
        self.process = subprocess.Popen(
            [sys.executable, "-c", NURSERY],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": path},
        )

    def send(self, folder: Path, venue: str, days: float, at: int | None = None) -> None:
        order = {**self.order, "folder": str(folder), "venue": venue, "days": days, "at": at}
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()

    def receive(self) -> dict:
        result = json.loads(self.process.stdout.readline())
        assert "error" not in result, result["error"]
        return result

    def fetch(self, *arguments, **options) -> dict:
        self.send(*arguments, **options)
        return self.receive()

    def __enter__(self) -> Nursery:
        return self

    def __exit__(self, *_error: object) -> None:
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def parts(folder: Path) -> dict[str, str]:
    """Digest of every part of a cache."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*.parquet")
    }


def test_killed_at_a_hundred_moments(tmp_path) -> None:
    history, moments = History.make(START - DAY, 3 * 1440, seed=5), random.Random(7)
    with Exchange(history, now_ms=NOW) as exchange, Nursery(exchange) as a, Nursery(exchange) as b:
        right, wanted = {}, {}
        for venue in ("binance", "hyperliquid"):
            right[venue] = a.fetch(tmp_path / venue, venue, 0.9, at=-1)
            wanted[venue] = parts(tmp_path / venue)
            assert not right[venue]["killed"]
        assert [len(some) for some in wanted.values()] == [5, 2]
        died = 0
        for k in range(0, 100, 2):
            venue = "binance" if k % 4 == 0 else "hyperliquid"
            twins = [(nursery, tmp_path / f"{k}{nursery is a}") for nursery in (a, b)]
            for nursery, folder in twins:
                nursery.send(folder, venue, 0.9, at=moments.randrange(1, right[venue]["calls"]))
            died += sum(nursery.receive()["killed"] for nursery, _ in twins)
            for nursery, folder in twins:
                nursery.send(folder, venue, 0.9)
            for nursery, folder in twins:
                assert nursery.receive()["market"] == right[venue]["market"], folder
                assert parts(folder) == wanted[venue], folder
            exchange.reset_counts()
        assert died > 90


def test_several_at_once_keep_the_limits_and_share_the_cache(tmp_path) -> None:
    history = History.make(START - DAY, 3 * 1440, seed=6)
    limits = {"bybit": (20, 0.5)}
    with Exchange(history, now_ms=NOW, limits=limits) as exchange, Nursery(exchange) as a, Nursery(exchange) as b:
        for venue in VENUES:
            for nursery in (a, b):
                nursery.send(tmp_path / "cache", venue, 1.5)
            first, second = a.receive(), b.receive()
            assert first["market"] == second["market"]
            assert not first["partial"]
        assert not exchange.violations


def test_killed_while_it_reads_files(tmp_path) -> None:
    """The next call goes on, and the cache has the same bytes as if nothing had happened."""
    days, moments = 90, random.Random(11)
    history = History.make(NOW // DAY * DAY - (days + 1) * DAY, (days + 2) * 1440, seed=8)
    with Exchange(history, now_ms=NOW) as exchange, Nursery(exchange, interval="15m", archive=True) as nursery:
        right = nursery.fetch(tmp_path / "right", "binance", days, at=-1)
        wanted = parts(tmp_path / "right")
        assert not right["partial"]
        assert len(wanted) == 6 * 4  # series, months
        died = 0
        for k in range(3):
            exchange.reset_counts()
            folder = tmp_path / str(k)
            died += nursery.fetch(folder, "binance", days, at=moments.randrange(1, right["calls"] // 3))["killed"]
            assert nursery.fetch(folder, "binance", days)["market"] == right["market"]
            assert parts(folder) == wanted
        assert died == 3
