"""Limits on the number of kernels, on the resources of each, and on its lifetime."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Iterator
from typing import Any, NamedTuple
from uuid import uuid4

from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager, ServerKernelManager
from tornado.ioloop import IOLoop
from traitlets import Integer, Unicode, default

from .budget import Budget
from .kernel_log import pipe_to_log, watch_errors
from .page_copy import Copy
from .settings import CALLBACK_FAILED

if sys.platform == "linux":
    import resource


class Limits(NamedTuple):
    """Limits of one visitor: rate per second and burst of messages, bytes and server time; bytes of content."""

    messages: tuple[float, float]
    traffic: tuple[float, float]
    effort: tuple[float, float]
    longest_content: int


class VisitorKernel(ServerKernelManager):
    """A kernel with limited memory, and with lower CPU priority than the server."""

    memory_mb = Integer(1024, help="Most memory of one kernel's own, in MiB (Linux); 0: unbounded.").tag(config=True)

    # Jupyter Server 2 reads it from each kernel's manager, but defines it on the manager of all kernels.
    traceback_replacement_message = Unicode(CALLBACK_FAILED)

    budgets: tuple[Budget, Budget, Budget] | None = None  # messages, bytes and server time of all its sockets
    left: float | None = None  # when its last page was closed; None: a page may be open
    touched: float = 0.0  # when a visitor last used the page
    told: float = 0.0  # when its page, still loading, was last heard of; 0: never
    was_shown: bool = False  # whether a page was ever connected
    is_sent: bool = False  # whether its page is being sent
    opening: int = 0  # sockets that wait for its reply
    over: str = "The kernel of this page has ended."  # what its pages say once it has

    def __init__(self, **options: Any) -> None:
        self.pages: set[Any] = set()  # the open sockets
        self.ended = asyncio.Event()
        super().__init__(**options)

    def budgets_within(self, limits: Limits) -> tuple[Budget, Budget, Budget]:
        """Return the budgets of this kernel's visitor; all of its sockets share them."""
        if self.budgets is None:
            self.budgets = (Budget(*limits.messages), Budget(*limits.traffic), Budget(*limits.effort))
        return self.budgets

    async def _async_launch_kernel(self, kernel_cmd: list[str], **options: Any) -> None:
        """Capture the output of the process too: visitors choose some of the names in it."""
        with pipe_to_log(self.log, self.kernel_id) as writer:
            await super()._async_launch_kernel(kernel_cmd, **{**options, "stdout": writer, "stderr": writer})

    async def _async_post_start_kernel(self, **options: Any) -> None:
        await super()._async_post_start_kernel(**options)
        pid = getattr(self.provisioner, "pid", None)
        if pid is None or sys.platform != "linux":
            return
        os.setpriority(os.PRIO_PROCESS, pid, os.getpriority(os.PRIO_PROCESS, 0) + 5)
        resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))
        if self.memory_mb:
            resource.prlimit(pid, resource.RLIMIT_DATA, (self.memory_mb << 20, self.memory_mb << 20))


#: A page that loads tells so every 30 s, for at most as long as a very slow line takes; so may its first bytes.
BETWEEN_TOLD, LONGEST_LOAD = 40.0, 300.0


class Kernels(AsyncMappingKernelManager):
    """All kernels. Voila adds its pool of preheated kernels to this class."""

    cull_gone_timeout = Integer(90, help="Seconds that a kernel outlives the last page that showed it.").tag(
        config=True
    )

    def __init__(self, **options: Any) -> None:
        self.heating: set[str] = set()
        self.is_stopping: bool = False
        self.waiting = 0  # requests that have no kernel yet
        self.copy: Copy | None = None  # what those see who find no place
        super().__init__(**options)  # type: ignore[no-untyped-call]

    @default("kernel_manager_class")
    def _default_kernel_manager_class(self) -> str:
        return f"{__name__}.{VisitorKernel.__name__}"

    def channels(self, kernel_id: str) -> int:
        """Return how many pages are connected to a kernel."""
        return int(self._kernel_connections.get(kernel_id, 0))

    def visitors(self) -> int:
        """Return how many kernels are in use or requested, that is, all but the idle preheated ones."""
        return len(set(self.list_kernel_ids()) - self._unused() - self.heating) + self.waiting

    def keep_copy(self, kernel_id: str, copy: Copy) -> None:
        """Keep the page without a kernel, unless a visitor may have had a part in it: only one of the pool counts."""
        if kernel_id in self._unused():
            self.copy = copy

    def _unused(self) -> set[str]:
        """Return the preheated kernels that no visitor has."""
        return {task.result()["kernel_id"] for _, task in self._heated()}

    def _heated(self) -> Iterator[tuple[list[Any], Any]]:
        """Yield Voila's pools with each of their tasks that succeeded."""
        for pool in getattr(self, "_pools", {}).values():
            for task in list(pool):
                if task.done() and not task.cancelled() and task.exception() is None:
                    yield pool, task

    def tidy(self) -> None:
        """Remove kernels that failed to start or have died from the pools: Voila would give them to a visitor."""
        good = {task for _, task in self._heated() if task.result()["kernel_id"] in self}
        for name, pool in getattr(self, "_pools", {}).items():
            pool[:] = [task for task in pool if not task.done() or task in good]
            if not pool:
                self.fill_if_needed(delay=0, notebook_name=name)  # type: ignore[attr-defined]

    async def start_kernel(self, *, kernel_id: str | None = None, **options: Any) -> str:  # type: ignore[override]
        """Start a kernel, and remember while it starts whether it is a preheated one."""
        kernel_id = kernel_id or str(uuid4())
        env = options.get("env") or {}
        if env.get("VOILA_PREHEAT") == "True":
            self.heating.add(kernel_id)
            env.pop("VOILA_REQUEST_URL", None)  # that of the last visitor, not of the one who will get this kernel
        try:
            return await super().start_kernel(kernel_id=kernel_id, **options)
        finally:
            self.heating.discard(kernel_id)

    def start_watching_activity(self, kernel_id: str) -> None:
        """Also log errors of the kernel: the page shows a general message only."""
        super().start_watching_activity(kernel_id)  # type: ignore[no-untyped-call]
        kernel: Any = self._kernels[kernel_id]
        kernel.errors = watch_errors(kernel, self.log)

    def stop_watching_activity(self, kernel_id: str) -> None:
        """Close the stream that watches for errors."""
        super().stop_watching_activity(kernel_id)  # type: ignore[no-untyped-call]
        errors = getattr(self._kernels[kernel_id], "errors", None)
        if errors is not None and not errors.closed():
            errors.close()

    def remove_kernel(self, kernel_id: str) -> Any:
        """Close the sockets of a kernel that has ended, for whatever reason, once its last messages are sent."""
        kernel: Any = super().remove_kernel(kernel_id)
        if kernel is not None:
            kernel.ended.set()
        for page in () if kernel is None else tuple(kernel.pages):
            if self.is_stopping:
                page.close(1001, "The server is stopping.")  # the page comes back with the server
            else:
                IOLoop.current().add_callback(page.end, kernel.over)
        return kernel

    async def shutdown_all(self, now: bool = False) -> None:  # type: ignore[override]
        """End all kernels, with the server."""
        self.is_stopping = True
        await super().shutdown_all(now)

    def send_page(self, kernel_id: str, is_sent: bool) -> None:
        """Record that a kernel's page is being sent, or no longer: one without a page ends some time after that."""
        if kernel_id in self:
            kernel: Any = self.get_kernel(kernel_id)
            kernel.is_sent, kernel.left = is_sent, time.monotonic()

    def touch(self, kernel_id: str) -> None:
        """Record that a visitor uses this kernel's page, or that it is loading; without a page it is no use."""
        kernel: Any = self.get_kernel(kernel_id)
        if self.channels(kernel_id):
            kernel.touched = time.monotonic()
        elif not kernel.was_shown:
            kernel.told = time.monotonic()

    def notify_connect(self, kernel_id: str) -> None:
        """Record that a page was opened."""
        super().notify_connect(kernel_id)  # type: ignore[no-untyped-call]
        if kernel_id in self:
            self.get_kernel(kernel_id).was_shown = True  # type: ignore[attr-defined]
            self.touch(kernel_id)

    async def cull_kernel_if_idle(self, kernel_id: str) -> None:
        """End a kernel whose page is closed, or open but unused. The page's automatic messages do not count as use."""
        if kernel_id in self.heating:
            return
        kernel, now = self._kernels[kernel_id], time.monotonic()
        if self.channels(kernel_id):
            kernel.left = None
            over = self.cull_connected and now - kernel.touched > self.cull_idle_timeout
            if over:
                kernel.over = (
                    f"Nobody used this page for {_duration(self.cull_idle_timeout)}, so its place was given back."
                )
        else:
            kernel.left = now if kernel.left is None else kernel.left
            over = not kernel.opening and now - kernel.left > self._patience(kernel)
        if over:
            self.log.info("Ending kernel %s: its page is %s", kernel_id, "closed" if kernel.left else "forgotten")
            await self.shutdown_kernel(kernel_id)  # type: ignore[no-untyped-call]

    def _patience(self, kernel: Any) -> float:
        """Return the seconds after which a kernel without a page ends, counted from when it had none."""
        if kernel.was_shown:  # the page may come back
            return self.cull_gone_timeout
        if kernel.execution_state != "idle" and not kernel.told:  # the page is being made
            return 10 * self.cull_gone_timeout
        if kernel.is_sent:
            return LONGEST_LOAD
        seconds = min(self.cull_gone_timeout, BETWEEN_TOLD)
        return min(kernel.told - kernel.left + seconds, LONGEST_LOAD) if kernel.told else seconds


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds >= 120 else f"{seconds:.0f} seconds"
