"""The server's end of one visitor's connection to a kernel."""

from __future__ import annotations

from typing import Any

from jupyter_client.session import Session
from jupyter_server.services.kernels.connection.base import serialize_msg_to_ws_v1
from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection


class VisitorConnection(ZMQChannelsWebsocketConnection):
    """Continues after a message that cannot be forwarded.

    An exception here would stop pyzmq's stream: the page would receive nothing any more.
    """

    def handle_outgoing_message(self, stream: Any, outgoing_msg: list[Any]) -> None:
        """Forward a kernel's message, or log why it was not."""
        try:
            super().handle_outgoing_message(stream, outgoing_msg)
        except Exception:
            self.log.exception("A message of kernel %s was not passed on", self.kernel_id)


def status(session: Session, state: str, header: dict[str, Any] | None = None) -> bytes:
    """Return a message that the kernel is in this state, which no kernel has sent; ``header``: of what it answers."""
    message = session.msg("status", {"execution_state": state}, {"header": header} if header else None)
    return bytes(serialize_msg_to_ws_v1(message, "iopub", session.pack))  # type: ignore[no-untyped-call]
