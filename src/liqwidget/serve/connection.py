"""The server's end of one visitor's connection to a kernel."""

from __future__ import annotations

import asyncio
from typing import Any

from jupyter_client.session import Session
from jupyter_server.services.kernels.connection.base import serialize_msg_to_ws_v1
from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection
from tornado.web import HTTPError


class VisitorConnection(ZMQChannelsWebsocketConnection):
    """Waits for a kernel only as long as it exists, and continues after a message that cannot be forwarded."""

    async def prepare(self) -> None:
        """Wait until the kernel replies; 404 if it ends before. Jupyter Server itself would wait for a minute.

        The kernel's place is kept meanwhile.
        """
        kernel: Any = self.kernel_manager
        channel: Any = self.websocket_handler
        ready = asyncio.ensure_future(super().prepare())  # type: ignore[no-untyped-call]
        ended = asyncio.ensure_future(kernel.ended.wait())
        kernel.opening += 1
        is_ready = False
        try:
            await asyncio.wait((ready, ended), return_when=asyncio.FIRST_COMPLETED)
            failed = ready.done() and ready.exception()
            if kernel.ended.is_set() or (failed and kernel.shutting_down):
                raise HTTPError(404)
            ready.result()
            if channel.is_given_up:
                raise HTTPError(400, "closed before it was open")
            is_ready = True
        finally:
            kernel.opening -= 1
            if not is_ready:
                self._forget()
            for task in (ready, ended):
                task.cancel()

    def _forget(self) -> None:
        """Undo what was prepared for a socket that will not open."""
        if self._open_sessions.get(self.session_key) is self.websocket_handler:
            del self._open_sessions[self.session_key]
        if self.kernel_info_channel is not None and not self.kernel_info_channel.closed():
            self.kernel_info_channel.close()
        if not self._kernel_info_future.done():  # other sockets of this kernel wait for it: no error for them
            self._kernel_info_future.set_result({})

    def handle_outgoing_message(self, stream: Any, outgoing_msg: list[Any]) -> None:
        """Forward a kernel's message, or log why it was not: an exception would stop all that follow."""
        try:
            super().handle_outgoing_message(stream, outgoing_msg)
        except Exception:
            self.log.exception("A message of kernel %s was not passed on", self.kernel_id)


def status(session: Session, state: str, header: dict[str, Any] | None = None) -> bytes:
    """Return a message that the kernel is in this state, which no kernel has sent; ``header``: of what it answers."""
    message = session.msg("status", {"execution_state": state}, {"header": header} if header else None)
    return bytes(serialize_msg_to_ws_v1(message, "iopub", session.pack))  # type: ignore[no-untyped-call]
