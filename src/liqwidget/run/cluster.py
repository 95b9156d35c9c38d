"""Where the work is done: here, in processes of this machine, or on any Dask cluster."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from types import TracebackType
from typing import Any, TypeVar

from ..errors import InputError
from ..market.columns import shown

Item = TypeVar("Item")
Result = TypeVar("Result")
_AHEAD = 2  # items on their way for each thread of a cluster: none waits, and few results do
_CURE = "Install the extra: pip install 'liqwidget[scale]'."


class Cluster:
    """Does independent pieces of work.

    Parameters
    ----------
    workers
        None: in this process, one after the other. A number: in as many processes of this machine, which end with it.
        In a script, call it below ``if __name__ == "__main__"``: new processes read the script first.
    client
        A ``dask.distributed.Client`` that does the work instead; it stays open.

    Attributes
    ----------
    dashboard
        Address of Dask's page that shows the work; "" where there is none.

    Raises
    ------
    InputError
        Both are given, or one cannot be used; or Dask is not installed.
    """

    def __init__(self, workers: int | None = None, client: Any = None) -> None:
        if workers is not None and client is not None:
            raise InputError("workers: need one of workers and client; got both. Leave one out.")
        if workers is not None and (isinstance(workers, bool) or not isinstance(workers, int) or workers < 1):
            raise InputError(f"workers: need a whole number of processes from 1 on, or None; got {shown(workers)}.")
        if client is not None and not (hasattr(client, "submit") and hasattr(client, "scheduler_info")):
            raise InputError(f"client: need a dask.distributed.Client; got {shown(client)}.")
        self._workers, self._client, self._cluster = workers, client, None
        self.dashboard = "" if client is None else str(client.dashboard_link or "")

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
        """How many pieces are done at a time on a cluster; 0 in this process."""
        return 0 if self._client is None else max(1, sum(self._client.nthreads().values()))

    def computed(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[tuple[Item, Result]]:
        """Yield each item and its result, in any order; what is not done when the caller stops is cancelled.

        Parameters
        ----------
        function
            Pure: on a cluster it may be called again for an item whose worker died. It and the items have to be
            picklable there.
        items
            Taken as they are needed, so that few are held at a time.
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
    """Leave Ctrl-C in a terminal, which reaches all processes, to the one that waits for the work."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def distributed() -> Any:
    """Return the package; InputError where the extra is not installed."""
    try:
        import distributed as dask
    except ImportError as error:
        raise InputError(f"workers: need Dask, which is not installed. {_CURE}") from error
    return dask
