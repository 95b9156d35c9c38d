"""Writes kernel failures to the server's log: tracebacks, standard error, and the output of their processes."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from logging import ERROR, INFO, Logger, LoggerAdapter
from typing import Any

from jupyter_client.session import Session
from zmq.eventloop.zmqstream import ZMQStream

#: Bytes per read, and seconds between two reads: a process that writes more has to wait.
PIECE, PAUSE = 16 << 10, 0.05


def watch_errors(kernel: Any, log: Logger | LoggerAdapter[Any]) -> ZMQStream:
    """Log each traceback and each piece of standard error that a kernel publishes, once, whether or not a page listens.

    Returns
    -------
    ZMQStream
        The stream, to be closed with the kernel.
    """
    stream: ZMQStream = kernel.connect_iopub()
    stream.socket.unsubscribe(b"")
    for topic in (b"kernel.", b"error", b"stream.stderr"):  # not the widgets' messages, which may be long
        stream.socket.subscribe(topic)
    session = Session(config=kernel.session.config, key=kernel.session.key)

    def on_message(parts: list[bytes]) -> None:
        if not parts[0].endswith((b"error", b"stream.stderr")):  # status messages, at least two for each message
            return
        try:
            message = session.deserialize(session.feed_identities(parts)[1])
            content = message["content"]
            if message["msg_type"] == "error":
                what, text = f"raised {content['ename']}", "\n".join(content["traceback"])
                report(log, kernel.kernel_id, ERROR, what, text)
            elif message["msg_type"] == "stream":
                report(log, kernel.kernel_id, INFO, "wrote to standard error", content["text"])
        except Exception:  # an exception here would end the stream
            log.exception("A message of kernel %s was not read", kernel.kernel_id)

    stream.on_recv(on_message)
    return stream


def report(log: Logger | LoggerAdapter[Any], kernel_id: str, level: int, what: str, text: str) -> None:
    """Log the output of a kernel; `liqwidget.serve.log` limits it for each kernel."""
    if text.strip():
        log.log(level, "Kernel %s %s:", kernel_id, what, extra={"details": text, "source": kernel_id})


@contextmanager
def pipe_to_log(log: Logger | LoggerAdapter[Any], kernel_id: str) -> Iterator[int]:
    """Open a pipe for a process that is started in the block; what it receives is logged until all have closed it.

    Yields
    ------
    int
        The end to write into.
    """
    reader, writer = os.pipe()

    def run() -> None:
        with os.fdopen(reader, "rb", buffering=0) as pipe:
            while piece := pipe.read(PIECE):
                report(log, kernel_id, INFO, "wrote", piece.decode(errors="replace"))
                time.sleep(PAUSE)

    threading.Thread(target=run, daemon=True, name=f"log of kernel {kernel_id}").start()
    try:
        yield writer
    finally:
        os.close(writer)
