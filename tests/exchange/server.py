"""Exchange: the servers of all four dialects, running in their own thread."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from types import TracebackType
from typing import Any, NamedTuple

from . import archive, binance, bybit, control, hyperliquid, okx
from .counting import Counts, Violation
from .day import MINUTE
from .history import History
from .messages import Reply, Request
from .streams import GARBAGE, Streams
from .vice import Memory, Vice
from .wire import LONGEST_HEAD, Wire

ANSWERS: dict[str, Callable[[History, int, Request], Reply]] = {
    "archive": archive.answer,
    "binance": binance.answer,
    "bybit": bybit.answer,
    "okx": okx.answer,
    "hyperliquid": hyperliquid.answer,
}


class Asked(NamedTuple):
    """A received request: `time` in s (`Exchange.seconds`), `status` of the answer, `vices` applied to it,
    `connection` number of the server connection it came over."""

    venue: str
    path: str
    params: dict[str, Any] | None
    time: float
    status: int
    vices: tuple[str, ...]
    url: str
    connection: int


class Exchange:
    """All four exchanges on the loopback, as a context manager.

    Parameters
    ----------
    history
        The data to serve.
    vices
        The faults of the servers; each request meets all that match, in this order.
    now_ms
        The servers' clock, fixed until `set_now` or `advance`; None follows real time. In both cases the
        history is extended when the clock passes its end.
    limits_scale, limits
        Multiplies all rate limits; replaces individual ones, {"bybit": (20, 0.5)} for 20 requests in 0.5 s.
    latency_s
        Delay of each HTTP answer.
    silence_s
        Time without a ping after which the stream of Bybit, or of OKX, is dropped.
    """

    def __init__(
        self,
        history: History,
        vices: Iterable[Vice] = (),
        now_ms: int | None = None,
        *,
        limits_scale: float = 1.0,
        limits: dict[str, Any] | None = None,
        latency_s: float = 0.0,
        silence_s: float = 20.0,
    ) -> None:
        self.history, self.latency_s = history, latency_s
        self.requests: list[Asked] = []
        self.followed: list[str] = []  # targets requested from the port that only redirects point to
        self.faults: list[BaseException] = []  # errors of the fake itself; raised when it stops
        self.connections = 0
        self.set_vices(vices)
        self._fixed_ms, self._moved_s = now_ms, 0.0
        self._counts = Counts(limits_scale, limits)
        self._streams = Streams(self.now, silence_s, self.faults)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="exchange", daemon=True)
        self._wires: dict[asyncio.Task[None], Wire] = {}
        self._ending = False

    def __enter__(self) -> Exchange:
        self._thread.start()
        self.call(self._open())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.call(self._shut())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        if self.faults and error is None:
            raise self.faults[0]

    def rest(self, venue: str) -> str:
        """Base URL for HTTP."""
        return f"http://127.0.0.1:{self.port}/{venue}"

    def stream(self, venue: str) -> str:
        """Base URL for WebSocket; append the path used at the real exchange."""
        return f"ws://127.0.0.1:{self._streams.port}/{venue}"

    @property
    def violations(self) -> list[Violation]:
        """Requests that went over a rate limit."""
        return self._counts.violations

    @property
    def streams(self) -> Streams:
        return self._streams

    def used(self, bucket: str) -> int:
        """The current count in a bucket of `counting.LIMITS`."""
        return self._counts.used(bucket, self.seconds())

    def reset_counts(self) -> None:
        """Clear requests, violations, and the counts of the windows."""
        self._counts.reset()
        self._counts.violations.clear()
        self.requests.clear()

    def set_vices(self, vices: Iterable[Vice]) -> None:
        """Replace the vices, with their counts at zero."""
        self._memories = [Memory(vice) for vice in vices]

    def now(self) -> int:
        """The servers' clock, ms."""
        return round(1000 * (time.time() + self._moved_s)) if self._fixed_ms is None else self._fixed_ms

    def set_now(self, now_ms: int) -> None:
        """Set a fixed clock; the windows of the rate limits do not move."""
        self._fixed_ms = now_ms

    def advance(self, ms: int) -> None:
        """Let time pass, for the clock and for the windows of the rate limits."""
        self._moved_s += ms / 1000
        if self._fixed_ms is not None:
            self._fixed_ms += ms

    def seconds(self) -> float:
        """The clock of the rate limits: monotonic, plus what `advance` has added."""
        return time.monotonic() + self._moved_s

    def liquidate(self, side: str, price: float, quantity: float, time_ms: int | None = None) -> int:
        """Push a liquidation of a "long" or "short" position to all subscribers; return how many received it."""
        return self.liquidate_all([(side, price, quantity, self.now() if time_ms is None else time_ms)])

    def liquidate_all(self, rows: Iterable[tuple[str, float, float, int]]) -> int:
        """Push several at once; the dialects that batch send them as one message."""
        return self.call(self._streams.publish(list(rows)))

    def wait_subscribed(self, venue: str, count: int = 1, timeout_s: float = 5.0) -> None:
        """Wait until this many subscriptions to liquidations of the exchange exist."""
        self.call(self._streams.wait_subscribed(venue, count, timeout_s))

    def drop_streams(self, code: int | None = None) -> None:
        """Cut all streams; with a code, close them properly."""
        self.call(self._streams.drop(code))

    def refuse_streams(self, refuse: bool = True) -> None:
        """Answer new WebSocket handshakes with HTTP 503."""
        self._streams.refused = refuse

    def silence_streams(self, silent: bool = True) -> None:
        """Accept streams and messages but send nothing: no liquidations, no confirmations, no pongs."""
        self._streams.silent = silent

    def send_raw(self, frame: str | bytes) -> None:
        """Push this frame, valid or not, to all connected streams."""
        self.call(self._streams.send_raw(frame))

    def send_garbage(self) -> None:
        """Push all of `streams.GARBAGE` to all connected streams."""
        for frame in GARBAGE:
            self.send_raw(frame)

    def send_oversized(self, megabytes: int = 8) -> None:
        """Push one frame of this many megabytes of spaces to all connected streams."""
        self.send_raw(" " * (megabytes * 1024 * 1024))

    def call(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine in the servers' thread and wait for it."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(timeout=60)

    def respond(self, request: Request, connection: int = 0) -> tuple[Reply, list[Memory], int]:
        """The reply to a request, the vices it met, and the clock at that time (ms); counts and records the request."""
        met = [memory for memory in self._memories if memory.befalls(request)]
        now_ms = self.now()
        self.history.extend(now_ms + MINUTE - 1)  # include the current, unfinished minute
        for memory in met:
            now_ms = memory.vice.clock(now_ms)
        asked, data_ms = request, now_ms
        for memory in met:
            asked, data_ms = memory.vice.ask(asked, data_ms)
        answer = ANSWERS.get(request.venue)
        reply = Reply(404) if answer is None else answer(self.history, data_ms, asked)
        seconds = self.seconds()
        refusal, headers = self._counts.charge(request, reply.rows, seconds, now_ms)
        reply = refusal or reply
        reply.headers = {**reply.headers, **headers}
        for memory in met:
            memory.now_ms, memory.elsewhere = now_ms, self._elsewhere
            reply = memory.vice.reply(request, reply, memory)
        names = tuple(memory.vice.name for memory in met)
        self.requests.append(
            Asked(request.venue, request.path, request.params, seconds, reply.status, names, request.url, connection)
        )
        return reply, met, now_ms

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.set_exception_handler(lambda loop, context: self._fault(context.get("exception")))
        self._loop.run_forever()

    def _fault(self, error: BaseException | None) -> None:
        if error is not None and not isinstance(error, (ConnectionError, asyncio.CancelledError)):
            self.faults.append(error)

    async def _open(self) -> None:
        self._server = await asyncio.start_server(
            self._keep(self._exchange), "127.0.0.1", 0, limit=LONGEST_HEAD, backlog=512
        )
        self._trap = await asyncio.start_server(self._keep(self._spring), "127.0.0.1", 0, limit=LONGEST_HEAD)
        self.port = self._server.sockets[0].getsockname()[1]
        self._elsewhere = f"http://127.0.0.1:{self._trap.sockets[0].getsockname()[1]}"
        await self._streams.open()

    async def _shut(self) -> None:
        self._ending = True
        self._server.close()
        self._trap.close()
        await self._streams.close()
        # A connection that was accepted just now has no wire yet: its task ends it.
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            for task, wire in self._wires.items():
                wire.writer.transport.abort()
                task.cancel()
            await asyncio.wait(others)
        await self._loop.shutdown_asyncgens()

    def _keep(self, step: Callable[[Wire], Coroutine[Any, Any, bool]]) -> Callable[..., Coroutine[Any, Any, None]]:
        """Serve a connection with `step` until it returns False."""

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.connections += 1
            wire = Wire(reader, writer, self.connections)
            task = asyncio.current_task()
            assert task is not None
            self._wires[task] = wire
            if self._ending:
                writer.transport.abort()
            try:
                while await step(wire):
                    pass
            except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                pass
            except Exception as error:
                self.faults.append(error)
            finally:
                writer.close()
                with suppress(ConnectionError, asyncio.CancelledError):
                    await writer.wait_closed()
                del self._wires[task]

        return serve

    async def _exchange(self, wire: Wire) -> bool:
        """Serve one request; return False when the connection has ended."""
        request = await wire.read()
        if request is None:
            return False
        if request.venue == "control":
            await wire.send(control.answer(self, request))
            return not wire.close_after
        # Use one clock reading: if the clock moved between rows and Date, a forming candle would look final.
        reply, met, wire.clock_ms = self.respond(request, wire.number)
        if self.latency_s:
            await asyncio.sleep(self.latency_s)
        for memory in met:
            if await memory.vice.deliver(wire, reply):
                return False
        await wire.send(reply)
        return not wire.close_after

    async def _spring(self, wire: Wire) -> bool:
        """Serve the port that only redirects lead to: record the request."""
        request = await wire.read()
        if request is not None:
            self.followed.append(request.url)
            await wire.send(Reply(body=b"[]"))
        return request is not None
