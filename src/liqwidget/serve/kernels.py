"""How many kernels there are, what each may use, and when it ends."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager, ServerKernelManager
from traitlets import Integer, default

if sys.platform == "linux":
    import resource


class VisitorKernel(ServerKernelManager):
    """A kernel with bounds of memory, and behind the server when both want the processor."""

    memory_mb = Integer(1024, help="Most memory of one kernel's own, in MiB (Linux); 0: unbounded.").tag(config=True)

    left: float | None = None  # when the last page that showed it was closed; None: not known to be alone
    touched = 0.0  # when a hand was last in the page

    async def _async_post_start_kernel(self, **options: Any) -> None:
        await super()._async_post_start_kernel(**options)
        pid = getattr(self.provisioner, "pid", None)
        if pid is None or sys.platform != "linux":
            return
        os.setpriority(os.PRIO_PROCESS, pid, os.getpriority(os.PRIO_PROCESS, 0) + 5)
        resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))
        if self.memory_mb:
            resource.prlimit(pid, resource.RLIMIT_DATA, (self.memory_mb << 20, self.memory_mb << 20))


class Kernels(AsyncMappingKernelManager):
    """All of them. Voila puts its pool of heated kernels on top of this class."""

    cull_gone_timeout = Integer(90, help="Seconds that a kernel outlives the last page that showed it.").tag(
        config=True
    )

    def __init__(self, **options: Any) -> None:
        self.heating: set[str] = set()
        self.waiting = 0  # requests that have no kernel yet
        super().__init__(**options)  # type: ignore[no-untyped-call]

    @default("kernel_manager_class")
    def _default_kernel_manager_class(self) -> str:
        return f"{__name__}.{VisitorKernel.__name__}"

    def channels(self, kernel_id: str) -> int:
        """Return how many pages are connected to a kernel."""
        return int(self._kernel_connections.get(kernel_id, 0))

    def visitors(self) -> int:
        """Return how many kernels are in use, or asked for: all but those that wait heated."""
        heated = {task.result()["kernel_id"] for _, task in self._heated()}
        return len(set(self.list_kernel_ids()) - heated - self.heating) + self.waiting

    def _heated(self) -> Iterator[tuple[list[Any], Any]]:
        """Yield Voila's pools with each of their tasks that has ended well."""
        for pool in getattr(self, "_pools", {}).values():
            for task in list(pool):
                if task.done() and not task.cancelled() and task.exception() is None:
                    yield pool, task

    def tidy(self) -> None:
        """Take out of the pools what could not be started or has died, which Voila would hand to a visitor."""
        good = {task for _, task in self._heated() if task.result()["kernel_id"] in self}
        for name, pool in getattr(self, "_pools", {}).items():
            pool[:] = [task for task in pool if not task.done() or task in good]
            if not pool:
                self.fill_if_needed(delay=0, notebook_name=name)  # type: ignore[attr-defined]

    async def start_kernel(self, *, kernel_id: str | None = None, **options: Any) -> str:  # type: ignore[override]
        """Start one, and know by its name for whom."""
        kernel_id = kernel_id or str(uuid4())
        if (options.get("env") or {}).get("VOILA_PREHEAT") == "True":
            self.heating.add(kernel_id)
        try:
            return await super().start_kernel(kernel_id=kernel_id, **options)
        finally:
            self.heating.discard(kernel_id)

    def touch(self, kernel_id: str) -> None:
        """Note that somebody uses this kernel's page, or that it is being loaded."""
        self.get_kernel(kernel_id).touched = time.monotonic()  # type: ignore[attr-defined]

    def notify_connect(self, kernel_id: str) -> None:
        """Note a page that was opened."""
        super().notify_connect(kernel_id)  # type: ignore[no-untyped-call]
        if kernel_id in self:
            self.touch(kernel_id)

    async def cull_kernel_if_idle(self, kernel_id: str) -> None:
        """End a kernel whose page is closed, or open and forgotten. What the page says by itself is no sign of use."""
        kernel, now = self._kernels[kernel_id], time.monotonic()
        if self.channels(kernel_id):
            kernel.left = None
            over = self.cull_connected and now - kernel.touched > self.cull_idle_timeout
        else:
            kernel.left = now if kernel.left is None else kernel.left
            # Its page may still be in the making. Once there was one, a kernel that seems busy may just have said so
            # much that its last word was lost.
            making = kernel.execution_state != "idle" and not kernel.touched
            over = now - max(kernel.left, kernel.touched) > self.cull_gone_timeout * (10 if making else 1)
        if over:
            self.log.info("Ending kernel %s: its page is %s", kernel_id, "closed" if kernel.left else "forgotten")
            await self.shutdown_kernel(kernel_id)  # type: ignore[no-untyped-call]
