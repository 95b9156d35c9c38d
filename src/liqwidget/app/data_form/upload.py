"""Upload of a file from the user's machine, in pieces; the browser is not trusted."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from typing import Any

import anywidget

from ...errors import InputError
from ...market.files.unpack import check_size
from ..failure import failure_text
from .table_file import safe_name


class Upload(anywidget.AnyWidget):
    """A button that uploads one file, at most 64 MB.

    Parameters
    ----------
    done
        Called with the file's safe name and its bytes.
    told
        Called with bytes so far and bytes in total.
    refused
        Called with an error message.
    """

    _esm = (files(__package__) / "upload.js").read_text(encoding="utf-8")

    def __init__(
        self,
        done: Callable[[str, bytes], object],
        told: Callable[[int, int], object],
        refused: Callable[[str], object],
    ) -> None:
        self._done, self._told, self._refused = done, told, refused
        self._name, self._size, self._turn = "", 0, None
        self._held = bytearray()
        super().__init__()
        self.on_msg(self._on_message)

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Ignore state from the browser: it has none to set here."""

    def _on_message(self, _widget: object, content: Any, buffers: list[Any]) -> None:
        kind = content.get("type") if isinstance(content, dict) else None
        if kind == "begin":
            self._begin(content)
        elif kind == "piece" and content.get("turn") == self._turn and self._size and len(buffers) == 1:
            try:
                self._take(bytes(buffers[0]))
            except MemoryError as error:
                self._held, self._size = bytearray(), 0
                self._refused(failure_text(error, "upload"))

    def _begin(self, content: dict[str, Any]) -> None:
        self._held, self._size = bytearray(), 0
        try:
            self._name, self._size = safe_name(content.get("name")), check_size(content.get("size"))
        except InputError as error:
            self._refused(str(error))
            return
        self._turn = content.get("turn")
        self._ask()

    def _take(self, piece: bytes) -> None:
        self._held += piece[: self._size - len(self._held)]
        self._told(len(self._held), self._size)
        if not piece:
            self._size = 0
            self._refused("upload: wanted a whole file; got one that became shorter meanwhile. Choose it again.")
        elif len(self._held) < self._size:
            self._ask()
        else:
            name, whole = self._name, bytes(self._held)
            self._held, self._size = bytearray(), 0
            self._done(name, whole)

    def _ask(self) -> None:
        self.send({"type": "next", "from": len(self._held), "turn": self._turn})
