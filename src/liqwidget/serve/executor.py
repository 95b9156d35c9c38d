"""Runs the cells of a page, as Voila does."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from voila import notebook_renderer
from voila.execute import VoilaExecutor

from .outputs import faults, faults_of_widget
from .page_copy import PAGE, read_copy
from .settings import CALLBACK_FAILED


class VisitorExecutor(VoilaExecutor):  # type: ignore[misc]  # Voila ships no types
    """Keeps tracebacks and standard error out of Output widgets: Voila takes them out of cells only.

    It also takes the page without a kernel out of the outputs, for those who wait for a place; its data stay, and are
    shown while the front end loads. And it logs what the page will not show; with preheated kernels that is at the
    start of the server.
    """

    extensions: tuple[str, ...] = ()  # JupyterLab extensions of the page
    named: set[str] = set()  # noqa: RUF012  # of all kernels: each fault is logged once

    def _name(self, cell_index: int, found: Iterable[str]) -> None:
        for fault in found:
            if fault not in self.named:
                self.named.add(fault)
                self.log.warning("Output of cell %d is not shown as a whole: %s.", cell_index + 1, fault)

    def handle_comm_msg(self, outs: list[Any], msg: dict[str, Any], cell_index: int) -> None:
        """Process a message of a widget."""
        if msg["msg_type"] == "comm_open" and msg["content"].get("target_name") == "jupyter.widget":
            module = msg["content"]["data"]["state"].get("_model_module", "")
            self._name(cell_index, faults_of_widget(module, self.extensions))
        super().handle_comm_msg(outs, msg, cell_index)

    def output(self, outs: list[Any], msg: dict[str, Any], display_id: str | None, cell_index: int) -> Any:
        """Process an output of a cell, shown by the cell itself or in a widget."""
        shown = msg["content"].get("data", {})
        if (part := read_copy(shown.pop(PAGE, None))) is not None:
            self.km.parent.keep_copy(self.km.kernel_id, part)
            shown[PAGE] = part.data
        if "text/html" in shown:
            shown.pop("image/png", None)  # the page shows the former
        if self.should_strip_error() and self.output_hook_stack.get(msg["parent_header"].get("msg_id")):
            content = msg["content"]
            if msg["msg_type"] == "stream" and content["name"] == "stderr":
                return None
            if msg["msg_type"] == "error":
                said = {"ename": "ExecutionError", "evalue": "Execution error", "traceback": [CALLBACK_FAILED]}
                msg = {**msg, "content": said}
        if msg["msg_type"] in ("display_data", "execute_result"):
            self._name(cell_index, faults(msg["content"]["data"], self.extensions))
        return super().output(outs, msg, display_id, cell_index)


def install(extensions: Iterable[str]) -> None:
    """Make Voila use this executor: its class of executors cannot be configured."""
    VisitorExecutor.extensions = tuple(extensions)
    notebook_renderer.VoilaExecutor = VisitorExecutor
