"""An event loop in a thread, so that synchronous functions work in notebooks, whose own loop is running."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, TypeVar

from ..errors import FetchError

T = TypeVar("T")


@contextmanager
def in_thread(job: Coroutine[Any, Any, T]) -> Iterator[Future[T]]:
    """Run a job in a loop of its own; leaving early cancels it and waits until it has cleaned up.

    Raises
    ------
    FetchError
        No further thread can be started.
    """
    done: Future[T] = Future()
    running: Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]]] = Future()

    async def main() -> T:
        running.set_result((asyncio.get_running_loop(), asyncio.current_task()))  # type: ignore[arg-type]
        return await job

    def work() -> None:
        try:
            done.set_result(asyncio.run(main()))
        except BaseException as error:  # raised again in the caller's thread
            done.set_exception(error)

    thread = threading.Thread(target=work, name="liqwidget-fetch", daemon=True)
    try:
        thread.start()
    except RuntimeError:
        job.close()
        raise FetchError(
            "fetch: wanted a thread of its own; this system starts no more. Await lw.fetch_async, or try again later."
        ) from None
    try:
        yield done
    finally:
        if not done.done():
            loop, task = running.result()
            loop.call_soon_threadsafe(task.cancel)
        thread.join()
