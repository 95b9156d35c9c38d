"""The part of the page that holds Bokeh panels: it brings BokehJS along, so that no CDN is asked and no view is early.

jupyter_bokeh's views need ``window.Bokeh`` when they are made. Loading it by an output of its own would put 1.6 MB into
every saved notebook, and would race with the views after a reload. Here the views are made once it is there.
"""

from __future__ import annotations

import threading
import zlib
from functools import cache
from importlib.resources import files
from typing import Any

import anywidget
import bokeh
import ipywidgets
import traitlets
from bokeh.util.paths import server_path

from .panel import Panel

_BUNDLES = ("bokeh", "bokeh-tables")


class PanelGate(anywidget.AnyWidget):
    """Shows its children once BokehJS is in the page, and tells whether the page is dark.

    Parameters
    ----------
    children
        Widgets, shown in this order.
    panels
        Those within them that have to be brought up to date before a new view of them is made.
    lock
        Held while panels are changed.

    Attributes
    ----------
    dark
        Whether the page's theme is a dark one; written by the browser.
    """

    _esm = (files(__package__) / "gate.js").read_text(encoding="utf-8")
    _css = (files(__package__) / "app.css").read_text(encoding="utf-8")

    children = traitlets.Tuple().tag(sync=True, **ipywidgets.widget_serialization)
    version = traitlets.Unicode(bokeh.__version__, read_only=True).tag(sync=True)
    dark = traitlets.Bool(False).tag(sync=True)
    _library = traitlets.Bytes().tag(sync=True)

    def __init__(
        self, children: tuple[ipywidgets.Widget, ...], panels: tuple[Panel, ...], lock: threading.Lock
    ) -> None:
        super().__init__(children=children, _library=library())
        self._panels, self._lock = panels, lock
        self.on_msg(self._on_message)

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take what the browser may write, and nothing else."""
        super().set_state({name: value for name, value in sync_data.items() if name == "dark"})

    def _on_message(self, _widget: object, content: Any, _buffers: object) -> None:
        if isinstance(content, dict) and content.get("type") == "fresh":
            with self._lock:
                for panel in self._panels:
                    panel.refresh()
                self.send({"type": "fresh"})  # after the panels' states, so that whoever waits for it has them


@cache
def library() -> bytes:
    """Return BokehJS of the Bokeh that is installed, deflated; 1.6 MB become 0.4."""
    folder = server_path() / "static" / "js"
    text = "\n;".join((folder / f"{name}.min.js").read_text(encoding="utf-8") for name in _BUNDLES)
    return zlib.compress(text.encode(), 6)
