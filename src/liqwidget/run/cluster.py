"""Where work is executed: in this process, in processes of this machine, or on any Dask cluster."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from types import TracebackType
from typing import Any, TypeVar

from ..checks import shown, whole
from ..errors import InputError

Item = TypeVar("Item")
Result = TypeVar("Result")
_AHEAD = 2  # items submitted per thread of a cluster: threads stay busy, and few results wait
_CURE = "Install the extra: pip install 'liqwidget[scale]'."


class Cluster:
    """Executes independent pieces of work.

    Parameters
    ----------
    workers
        None: in this process, sequentially. A number: in as many processes of this machine, which end with this one.
        In a script, call it below ``if __name__ == "__main__"``: new processes import the script first.
    client
        A ``dask.distributed.Client`` to use instead; it stays open.

    Attributes
    ----------
    dashboard
        Address of the Dask dashboard; "" if there is none.

    Raises
    ------
    InputError
        Both are given, one is not usable, or Dask is not installed.
    """

    def __init__(self, workers: int | None = None, client: Any = None) -> None:
        if workers is not None and client is not None:
            raise InputError("workers: wanted one of workers and client; got both. Leave one out.")
        if workers is not None:
            whole("workers", workers, 1)
        if client is not None and not (hasattr(client, "submit") and hasattr(client, "scheduler_info")):
            raise InputError(f"client: wanted a dask.distributed.Client; got {shown(client)}.")
        self._workers, self._client, self._cluster = workers, client, None
        self.dashboard: str = "" if client is None else str(client.dashboard_link or "")

    def __enter__(self) -> Cluster:
        if self._workers is not None:
            dask = distributed()
            self._cluster = dask.LocalCluster(
                n_workers=self._workers,
                threads_per_worker=1,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",
                silence_logs=logging.ERROR,
            )
            self._client = dask.Client(self._cluster)
            self._client.run(_leave_interrupts)
            self.dashboard = str(self._client.dashboard_link or "")
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._cluster is not None:
            self._client.close()
            self._cluster.close()

    @property
    def threads(self) -> int:
        """How many pieces a cluster executes at a time; 0 in this process."""
        return 0 if self._client is None else max(1, sum(self._client.nthreads().values()))

    def computed(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[tuple[Item, Result]]:
        """Yield each item with its result, in any order; unfinished items are cancelled when the caller stops.

        Parameters
        ----------
        function
            Pure: on a cluster it may be called again for an item whose worker died. There, it and the items must be
            picklable.
        items
            Consumed as needed, so that few are in memory at a time.
        """
        if self._client is None:
            return ((item, function(item)) for item in items)
        return self._distributed(function, iter(items))

    def _distributed(self, function: Callable[[Item], Result], items: Iterator[Item]) -> Iterator[tuple[Item, Result]]:
        running: dict[Any, Item] = {}
        done = distributed().as_completed()

        def add(count: int) -> None:
            for item in islice(items, count):
                future = self._client.submit(function, item, pure=False)
                running[future] = item
                done.add(future)

        try:
            add(_AHEAD * self.threads)
            for future in done:
                yield running.pop(future), future.result()
                add(1)
        finally:
            self._client.cancel(list(running))


def _leave_interrupts() -> None:
    """Ignore Ctrl-C, which a terminal sends to all processes; the process that waits for the work handles it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def distributed() -> Any:
    """Return the package; InputError if the extra is not installed."""
    try:
        import distributed as dask
    except ImportError as error:
        raise InputError(f"workers: wanted Dask; got none. {_CURE}") from error
    return dask
