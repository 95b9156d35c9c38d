"""Runs the cells of a page, as Voila does."""

from __future__ import annotations

from typing import Any

from voila import notebook_renderer
from voila.execute import VoilaExecutor

from .settings import CALLBACK_FAILED


class VisitorExecutor(VoilaExecutor):  # type: ignore[misc]  # Voila ships no types
    """Keeps tracebacks and standard error out of Output widgets: Voila takes them out of cells only."""

    def output(self, outs: list[Any], msg: dict[str, Any], display_id: str | None, cell_index: int) -> Any:
        """Process an output of a cell, shown by the cell itself or in a widget."""
        if self.should_strip_error() and self.output_hook_stack.get(msg["parent_header"].get("msg_id")):
            content = msg["content"]
            if msg["msg_type"] == "stream" and content["name"] == "stderr":
                return None
            if msg["msg_type"] == "error":
                said = {"ename": "ExecutionError", "evalue": "Execution error", "traceback": [CALLBACK_FAILED]}
                msg = {**msg, "content": said}
        return super().output(outs, msg, display_id, cell_index)


def install() -> None:
    """Make Voila use this executor: its class of executors cannot be configured."""
    notebook_renderer.VoilaExecutor = VisitorExecutor
