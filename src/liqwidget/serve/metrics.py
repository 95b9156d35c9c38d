"""The counts as a route for Prometheus, for some addresses only."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any

from jupyter_server.base.handlers import JupyterHandler
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from tornado.web import HTTPError

from .counts import KERNELS, LARGEST, MEMORY, PLACES, REGISTRY, VISITORS, WAITING
from .sign_in import is_from
from .words import InWords

#: What proxies add to a request: the metrics are for the operator, not for their visitors.
FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip", "Via")


class Metrics(InWords, JupyterHandler):
    """The counts in Prometheus' text format, for some addresses; others learn nothing of this route."""

    max_visitors: int
    readers: list[IPv4Network | IPv6Network]

    def initialize(self, max_visitors: int, readers: list[IPv4Network | IPv6Network]) -> None:
        """Set the number of places, and who may read."""
        self.max_visitors, self.readers = max_visitors, readers

    async def prepare(self) -> None:  # type: ignore[override]
        """Refuse others before authentication."""
        if not is_from(self.request, self.readers) or any(name in self.request.headers for name in FORWARDED):
            raise HTTPError(404)

    async def get(self) -> None:
        """Send the counts."""
        kernels: Any = self.kernel_manager
        found = [getattr(kernels.get_kernel(name).provisioner, "pid", None) for name in kernels.list_kernel_ids()]
        sizes = await asyncio.get_running_loop().run_in_executor(None, lambda: [memory_of(pid) for pid in found if pid])
        for gauge, value in (
            (PLACES, self.max_visitors),
            (VISITORS, kernels.visitors()),
            (WAITING, kernels.waiting),
            (KERNELS, len(found)),
            (MEMORY, sum(sizes)),
            (LARGEST, max(sizes, default=0)),
        ):
            gauge.set(value)
        self.set_header("Content-Type", CONTENT_TYPE_LATEST)
        self.set_header("Cache-Control", "no-store")
        self.finish(generate_latest(REGISTRY))


def memory_of(pid: int) -> int:
    """Return the proportional set size of a process in bytes (Linux); 0 if it has ended."""
    with suppress(OSError):
        found = re.search(
            r"^Pss:\s*(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii"), re.MULTILINE
        )
        return int(found[1]) << 10 if found else 0
    return 0
