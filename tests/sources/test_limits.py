"""Rate limits: a venue never counts more than it allows, at any latency, and no request waits longer than needed."""

from __future__ import annotations

import asyncio
import selectors
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange import Exchange, History
from liqwidget.errors import FetchError, InputError
from liqwidget.sources.http.clock import CLOCK, Clock
from liqwidget.sources.http.limits import ALONE, FILE, LONGEST_BLOCK, SHARE, Limits
from liqwidget.sources.venues.venue import Limit

EPOCH = 1_700_000_000.0  # 2023-11-14 22:13:20 UTC
TOTAL = 30.0  # maximal seconds in flight
MINUTE = Limit(100, 60)  # 80 are used
EDGE = 0.021  # additional seconds per window here: a clock resolution of 20 ms, and the next millisecond


class Unreal(asyncio.SelectorEventLoop):
    """An event loop in which waiting takes no time: when idle, its clock jumps to the next timer."""

    def __init__(self) -> None:
        self.at = 0.0
        super().__init__(_Jumping(self))

    def time(self) -> float:
        return self.at


class _Jumping(selectors.DefaultSelector):
    def __init__(self, loop: Unreal) -> None:
        super().__init__()
        self.loop = loop

    def select(self, timeout: float | None = None) -> Any:
        assert timeout is not None, "deadlock: all tasks wait, and no timer is set"
        self.loop.at += timeout
        return super().select(0)


class UnrealClock(Clock):
    """The loop's time. The system clock can be set (`ahead`); the machine was started at `booted`."""

    def __init__(self, loop: Unreal, booted: float = -1000.0) -> None:
        self.loop, self.booted, self.ahead = loop, booted, 0.0
        self.naps: list[float] = []

    def now(self) -> float:
        return EPOCH + self.loop.at + self.ahead

    def monotonic(self) -> float:
        return self.loop.at - self.booted

    async def sleep(self, seconds: float) -> None:
        self.naps.append(round(seconds, 6))
        await asyncio.sleep(seconds)


def unreal(play: Callable[[UnrealClock], Coroutine[Any, Any, Any]]) -> Any:
    """Run a coroutine in a loop with simulated time."""
    loop = Unreal()
    try:
        return loop.run_until_complete(play(UnrealClock(loop)))
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


def fullest(arrivals: list[tuple[float, int]], seconds: float) -> int:
    """The largest weight in any window, both ends included."""
    return max((sum(w for t, w in arrivals if first <= t <= first + seconds) for first, _ in arrivals), default=0)


# A request: its time, its process, its weight, seconds to the venue and back, and how it ends.
ENDS = ("answered", "answered", "answered", "answered", "timeout", "cancelled", "killed")
request = st.tuples(
    st.floats(0, 40),
    st.integers(0, 2),
    st.integers(1, 30),
    st.floats(0, 12),
    st.floats(0, 12),
    st.sampled_from(ENDS),
)


@settings(max_examples=150, deadline=None)
@given(
    requests=st.lists(request, min_size=1, max_size=40),
    weight=st.integers(30, 60),
    seconds=st.sampled_from([0.5, 5.0, 60.0]),
    jumps=st.lists(st.tuples(st.floats(0, 60), st.floats(-1e6, 1e6)), max_size=3),
)
def test_no_window_of_the_venue_ever_holds_more_than_the_share(
    requests: list[Any], weight: int, seconds: float, jumps: list[Any]
) -> None:
    limit = Limit(weight, seconds)
    arrivals: list[tuple[float, int]] = []
    graves: list[AsyncExitStack] = []  # slots of killed processes, which nobody releases

    async def play(clock: UnrealClock) -> None:
        with TemporaryDirectory() as folder, ExitStack() as stack:
            processes = [stack.enter_context(Limits(Path(folder), clock)) for _ in range(3)]

            async def ask(start: float, process: int, weight: int, there: float, back: float, end: str) -> None:
                await asyncio.sleep(start)
                own = AsyncExitStack()
                limits = stack.enter_context(Limits(Path(folder), clock)) if end == "killed" else processes[process]
                slot = limits.slot("venue", "bucket", limit, weight, total=TOTAL)
                await own.enter_async_context(slot)
                if end == "killed":
                    graves.append(own)
                    await asyncio.sleep(there)
                    arrivals.append((clock.loop.at, weight))
                    return
                async with own:
                    if end == "timeout":  # cancelled before it arrives
                        clock.loop.call_later(there + back, lambda: arrivals.append((clock.loop.at, weight)))
                        await asyncio.sleep(there)
                        raise TimeoutError
                    await asyncio.sleep(there)
                    arrivals.append((clock.loop.at, weight))
                    await asyncio.sleep(back)
                    if end == "cancelled":
                        raise asyncio.CancelledError

            async def jump(at: float, by: float) -> None:
                await asyncio.sleep(at)
                clock.ahead += by

            jobs = [ask(*each) for each in requests] + [jump(*each) for each in jumps]
            ends = await asyncio.gather(*jobs, return_exceptions=True)
            assert {type(end) for end in ends} <= {type(None), TimeoutError, asyncio.CancelledError}
            await asyncio.sleep(TOTAL)
            assert len(arrivals) == len(requests)

    unreal(play)
    heaviest = max(each[2] for each in requests)
    assert fullest(arrivals, seconds) <= max(int(SHARE * weight), heaviest) <= weight


def test_a_restarted_machine_still_counts_what_it_sent_before(tmp_path: Path) -> None:
    async def play(clock: UnrealClock) -> list[float]:
        times = []
        with Limits(tmp_path, clock) as limits:
            for _ in range(8):
                async with limits.slot("venue", "bucket", MINUTE, 10):
                    times.append(clock.loop.at)
        await asyncio.sleep(5)
        clock.booted = clock.loop.at  # the monotonic clock restarts
        with Limits(tmp_path, clock) as limits:
            async with limits.slot("venue", "bucket", MINUTE, 10):
                times.append(clock.loop.at)
        return times

    *before, after = unreal(play)
    assert 60 < after - max(before) <= 65 + EDGE  # the old clock's lead must not be waited for


def test_requests_come_through_as_fast_as_the_limit_allows(tmp_path: Path) -> None:
    async def play(clock: UnrealClock) -> float:
        async def ask(limits: Limits) -> None:
            async with limits.slot("venue", "bucket", MINUTE, 10, turns=turns):
                await asyncio.sleep(0.25)

        turns = asyncio.Semaphore(8)
        with Limits(tmp_path, clock) as one, Limits(tmp_path, clock) as other:
            await asyncio.gather(*(ask((one, other)[i % 2]) for i in range(80)))
        return clock.loop.at

    # 8 fit into a window, which ends one window length after their answers.
    assert unreal(play) == pytest.approx(10 * 0.25 + 9 * (60 + EDGE), abs=0.02)


def test_waiters_sleep_once_for_exactly_as_long_as_needed(tmp_path: Path) -> None:
    async def play(clock: UnrealClock) -> list[float]:
        with Limits(tmp_path, clock) as limits:
            for weight in (30, 20, 30, 30, 80):
                async with limits.slot("venue", "bucket", MINUTE, weight):
                    await asyncio.sleep(1)
        return clock.naps

    assert unreal(play) == [
        pytest.approx(60 - 2 + EDGE, abs=0.002),  # the oldest request must leave the window; it was answered 2 s ago
        pytest.approx(60 + EDGE, abs=0.002),
    ]


def test_one_in_flight_is_waited_for_without_asking_again_and_again(tmp_path: Path) -> None:
    async def play(clock: UnrealClock) -> tuple[list[float], float]:
        async def ask(limits: Limits, length: float) -> float:
            async with limits.slot("venue", "bucket", MINUTE, 80):
                await asyncio.sleep(length)
                return clock.loop.at

        with Limits(tmp_path, clock) as limits:
            *_, second = await asyncio.gather(ask(limits, 20), ask(limits, 0))
        return clock.naps, second

    naps, second = unreal(play)
    assert naps == [pytest.approx(60 + EDGE, abs=0.002)]
    assert second == pytest.approx(80 + EDGE, abs=0.002)


def test_those_who_came_first_go_first_and_a_light_one_does_not_pass_a_heavy_one(tmp_path: Path) -> None:
    async def play(clock: UnrealClock) -> list[int]:
        order: list[Any] = []

        async def ask(i: int, weight: int) -> None:
            async with limits.slot("venue", "bucket", MINUTE, weight):
                order.append(i)

        with Limits(tmp_path, clock) as limits:
            await asyncio.gather(*(ask(i, weight) for i, weight in enumerate([50, 60, 1, 1])))
        return order

    assert unreal(play) == [0, 1, 2, 3]


def test_a_full_bucket_holds_up_no_other_and_no_turn(tmp_path: Path) -> None:
    async def play(clock: UnrealClock) -> float:
        async def ask(bucket: str, weight: int) -> None:
            async with limits.slot("venue", bucket, MINUTE, weight, turns=turns):
                await asyncio.sleep(0.1)

        turns = asyncio.Semaphore(2)
        with Limits(tmp_path, clock) as limits:
            async with asyncio.TaskGroup() as group:
                for _ in range(4):
                    group.create_task(ask("full", 80))
                await asyncio.sleep(0.5)
                await asyncio.gather(*(ask("free", 10) for _ in range(4)))
                free = clock.loop.at
        return free

    assert unreal(play) == pytest.approx(0.5 + 2 * 0.1)


def test_turns_are_given_back_by_whatever_ends_a_slot(tmp_path: Path) -> None:
    async def play(clock: UnrealClock) -> None:
        async def ask(weight: int = 80) -> None:
            async with limits.slot("venue", "bucket", MINUTE, weight, turns=turns):
                await asyncio.sleep(5)
                raise RuntimeError

        turns = asyncio.Semaphore(1)
        with Limits(tmp_path, clock) as limits:
            tasks = [asyncio.create_task(ask()) for _ in range(3)]
            await asyncio.sleep(1)  # one in flight, one waiting for a turn, one in the queue
            tasks[1].cancel()
            await asyncio.sleep(10)  # the first has failed, the third waits for its weight
            assert not turns.locked()
            tasks[2].cancel()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
            assert [type(end) for end in ends] == [RuntimeError, asyncio.CancelledError, asyncio.CancelledError]
            limits.block("venue", None, clock.now() + 1000)
            with pytest.raises(FetchError):
                await ask()
            assert not turns.locked()

    unreal(play)


def test_after_a_timeout_a_request_counts_as_if_it_were_still_on_its_way(tmp_path: Path) -> None:
    async def play(clock: UnrealClock, error: type[BaseException]) -> float:
        with Limits(tmp_path / error.__name__, clock) as limits:
            with suppress(error):
                async with limits.slot("venue", "bucket", MINUTE, 80, total=TOTAL):
                    await asyncio.sleep(10)
                    raise error
            async with limits.slot("venue", "bucket", MINUTE, 80):
                return clock.loop.at

    late = TOTAL + 60 + EDGE
    assert unreal(lambda clock: play(clock, TimeoutError)) == pytest.approx(late, abs=0.002)
    assert unreal(lambda clock: play(clock, ConnectionError)) == pytest.approx(10 + 60 + EDGE, abs=0.002)


def test_a_machine_that_slept_in_flight_still_counts(tmp_path: Path) -> None:
    async def play(clock: UnrealClock) -> float:
        async def ask() -> None:
            async with limits.slot("venue", "bucket", MINUTE, 80, total=TOTAL):
                await asyncio.sleep(500)  # longer than the timeout: only possible in a suspended process

        with Limits(tmp_path, clock) as limits:
            task = asyncio.create_task(ask())
            await asyncio.sleep(499)
            async with limits.slot("venue", "bucket", MINUTE, 80, total=TOTAL):
                await task
                return clock.loop.at

    assert unreal(play) == pytest.approx(560 + EDGE, abs=0.002)


@pytest.mark.parametrize("weight", [0, -1, 101])
def test_a_weight_that_never_fits_is_refused(tmp_path: Path, weight: int) -> None:
    async def play(clock: UnrealClock) -> None:
        async with Limits(tmp_path, clock).slot("venue", "bucket", MINUTE, weight):
            pass

    with pytest.raises(InputError, match="1 to 100"):
        unreal(play)


def test_a_heavy_one_above_the_share_goes_alone(tmp_path: Path) -> None:
    async def play(clock: UnrealClock) -> list[float]:
        times = []
        with Limits(tmp_path, clock) as limits:
            for weight in (1, 95, 1):
                async with limits.slot("venue", "bucket", MINUTE, weight):
                    times.append(clock.loop.at)
        return times

    assert unreal(play) == pytest.approx([0, 60 + EDGE, 120 + 2 * EDGE], abs=0.002)


# Blocks


def passes(limits: Limits, bucket: str = "bucket", longest: float = 90.0) -> Coroutine[Any, Any, None]:
    async def ask() -> None:
        async with limits.slot("venue", bucket, MINUTE, 1, longest=longest):
            pass

    return ask()


def test_a_short_block_is_waited_for_in_every_process(tmp_path: Path) -> None:
    async def play(clock: UnrealClock) -> list[float]:
        with Limits(tmp_path, clock) as one, Limits(tmp_path, clock) as other:
            one.block("venue", "bucket", clock.now() + 40)
            one.block("venue", "bucket", clock.now() + 20)  # does not shorten the first block
            await passes(other, "another")
            assert clock.naps == []
            one.block("venue", None, clock.now() + 7)
            await passes(other, "another")
            await passes(other)
            assert other.blocked_until("venue", "bucket") is None
        return clock.naps

    assert unreal(play) == [7, 33]


def test_a_block_is_slept_through_in_one_go(tmp_path: Path) -> None:
    async def play(clock: UnrealClock) -> list[float]:
        with Limits(tmp_path, clock) as limits:
            for i in range(50):
                limits.block("venue", None, clock.now() + i / 3)
                await passes(limits)
        return clock.naps

    assert unreal(play) == pytest.approx([i / 3 for i in range(1, 50)], abs=1e-5)


def test_a_long_block_is_said_at_once_in_every_process_until_it_is_over(tmp_path: Path) -> None:
    async def play(clock: UnrealClock) -> list[float]:
        with Limits(tmp_path, clock) as one:
            one.block("venue", None, clock.now() + 3600, "banned")
        with Limits(tmp_path, clock) as other:  # later, in another process
            assert other.blocked_until("venue") == EPOCH + 3600
            assert other.blocked_until("venue", "bucket") == EPOCH + 3600
            assert other.blocked_until("elsewhere") is None
            with pytest.raises(FetchError, match=r"^venue: .* until 2023-11-14T?.23:13:20 \(UTC\) \(banned\)\. "):
                await passes(other)
            await asyncio.sleep(3600 - 30)
            await passes(other)
        return clock.naps

    assert unreal(play) == [30]


def test_a_block_never_lasts_longer_than_it_was_told_whatever_the_clock_does(tmp_path: Path) -> None:
    async def play(clock: UnrealClock) -> float:
        with Limits(tmp_path, clock) as limits:
            limits.block("venue", None, clock.now() + 600)
            await asyncio.sleep(300)
            limits.block("venue", None, clock.now() + 600)
            clock.ahead -= 1e7
            for _ in range(3):
                with pytest.raises(FetchError):
                    await passes(limits)
                await asyncio.sleep(100)
            await passes(limits, longest=1e9)
            return clock.loop.at

    assert unreal(play) == pytest.approx(900)


def test_no_block_is_longer_than_the_longest_ban(tmp_path: Path) -> None:
    with Limits(tmp_path) as limits:
        limits.block("venue", None, 1e30)
        until = limits.blocked_until("venue")
    assert until == pytest.approx(CLOCK.now() + LONGEST_BLOCK, abs=5)


# The file


def test_without_a_file_the_share_is_smaller_and_the_process_shares_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a folder cannot be made below this")

    async def play(clock: UnrealClock) -> list[float]:
        for folder in (None, tmp_path / "file" / "folder"):
            with Limits(folder, clock) as limits:
                async with limits.slot("venue", "bucket", MINUTE, 10):
                    pass
        with Limits(None, clock) as limits:
            await passes(limits)
            limits.block("venue", None, clock.now() + 10)
        await passes(Limits(None, clock))
        return clock.naps

    assert int(ALONE * MINUTE.weight) == 20
    naps = unreal(play)
    assert naps == [pytest.approx(60 + EDGE, abs=0.002), 10]
    assert unreal(play) == naps  # the same in a new process


def test_a_file_that_cannot_be_opened_is_as_none(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()

    async def play(clock: UnrealClock) -> list[float]:
        for _ in range(2):
            async with Limits(tmp_path, clock).slot("venue", "bucket", MINUTE, 20):
                pass
        return clock.naps

    assert unreal(play) == [pytest.approx(60 + EDGE, abs=0.002)]


@pytest.mark.parametrize("damage", ["text", "pages", "empty", "header", "names"])
def test_a_damaged_file_is_replaced(tmp_path: Path, damage: str) -> None:
    file = tmp_path / FILE
    with Limits(tmp_path) as limits:
        asyncio.run(passes(limits))
    whole = file.read_bytes()
    broken = {
        "text": b"not a database" * 100,
        "pages": whole[:4096] + b"\xff" * (len(whole) - 4096),
        "empty": b"",
        "header": whole[:20] + b"\xff" + whole[21:],  # opens, but fails the integrity check
        "names": whole.replace(b"tableblocks", b"table\x9dlocks"),
    }
    file.write_bytes(broken[damage])
    with Limits(tmp_path) as limits:
        asyncio.run(passes(limits))
        limits.block("venue", None, CLOCK.now() + 1000)
    with Limits(tmp_path) as limits:
        assert limits.blocked_until("venue") is not None


def test_a_file_deleted_in_use_is_made_again(tmp_path: Path) -> None:
    with Limits(tmp_path / "cache") as limits, Limits(tmp_path / "cache") as other:
        asyncio.run(passes(limits))
        for path in (tmp_path / "cache").iterdir():
            path.unlink()
        (tmp_path / "cache").rmdir()
        asyncio.run(passes(limits))
        limits.block("venue", None, CLOCK.now() + 1000)
        assert other.blocked_until("venue") is not None


def test_a_file_that_somebody_holds_locked_is_an_error_that_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("liqwidget.sources.http.limits._LOCKED", 0.01)
    with Limits(tmp_path) as limits:
        holder = sqlite3.connect(tmp_path / FILE, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(FetchError, match="locked") as caught:
            asyncio.run(passes(limits))
        assert str(tmp_path) not in str(caught.value)
        holder.close()
        asyncio.run(passes(limits))


def test_closing_leaves_nothing_open_and_a_late_end_does_no_harm(tmp_path: Path) -> None:
    async def play(clock: UnrealClock) -> None:
        with Limits(tmp_path, clock) as limits:
            slot = limits.slot("venue", "bucket", MINUTE, 1)
            await slot.__aenter__()
        await slot.__aexit__(None, None, None)

    unreal(play)
    assert {path.name for path in tmp_path.iterdir()} == {FILE, f"{FILE}-journal"}


def test_threads_share_a_file(tmp_path: Path) -> None:
    wide = Limit(100_000, 60)

    def work() -> None:
        async def ask() -> None:
            with Limits(tmp_path) as limits:
                for _ in range(20):
                    async with limits.slot("venue", "bucket", wide, 1):
                        pass

        asyncio.run(ask())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with Limits(tmp_path) as limits, limits._store.change() as db:
        assert db.execute("SELECT SUM(weight) FROM uses").fetchone() == (80,)


# Real processes with a real server

HAMMER = """
import asyncio, sys
from pathlib import Path
from liqwidget.sources.http.client import Client
from liqwidget.sources.http.limits import Limits
from liqwidget.sources.venues import hosts
from liqwidget.sources.venues.bybit import VENUE
from liqwidget.sources.venues.venue import Limit, Request

async def main(url, folder, seconds, count):
    hosts.HOSTS = {"bybit": hosts.Host(url, "")}
    VENUE.limits["default"] = Limit(50, float(seconds))
    with Limits(Path(folder)) as limits:
        async with Client(VENUE, limits) as client:
            call = Request("/v5/market/open-interest", {"category": "linear", "symbol": "BTCUSDT", "limit": 1,
                                                        "intervalTime": "5min"})
            await asyncio.gather(*(client.ask(call) for _ in range(int(count))))

asyncio.run(main(*sys.argv[1:]))
"""


@contextmanager
def hammered(folder: Callable[[int], Path], seconds: float, counts: list[int]) -> Iterator[Any]:
    """Run processes that send as fast as allowed, 50 requests per `seconds`; yields the exchange and the processes."""
    history = History.make(start_ms=1_700_000_100_000, minutes=600)
    with Exchange(history, now_ms=history.end_ms, limits={"bybit": (50, seconds)}, latency_s=0.01) as exchange:
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", HAMMER, exchange.rest("bybit"), str(folder(i)), str(seconds), str(count)],
                stderr=subprocess.PIPE,
            )
            for i, count in enumerate(counts)
        ]
        yield exchange, processes
        for process in processes:
            process.communicate()


def test_three_processes_stay_within_a_limit_together_and_a_killed_one_hinders_nobody(tmp_path: Path) -> None:
    with hammered(lambda i: tmp_path, 0.5, [1000, 40, 40]) as (exchange, (victim, *others)):
        while len(exchange.requests) < 30 and victim.poll() is None:
            threading.Event().wait(0.005)
        victim.kill()
    assert victim.returncode == -9
    assert [other.returncode for other in others] == [0, 0]
    assert len(exchange.requests) >= 80
    assert exchange.violations == []


def test_the_server_does_count_what_processes_that_share_nothing_ask_together(tmp_path: Path) -> None:
    with hammered(lambda i: tmp_path / str(i), 60.0, [30, 30]) as (exchange, _):
        pass
    assert exchange.violations
