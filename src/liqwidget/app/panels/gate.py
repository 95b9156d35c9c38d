"""Container of the Bokeh panels: loads BokehJS without a CDN when a reader comes near, and views wait for it.

jupyter_bokeh's views need ``window.Bokeh`` when they are created. Loading it in an output would put 1.6 MB into every
saved notebook, and would race with the views after a reload. Here views are created once BokehJS is loaded.
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

from ...widget.page_files import is_offered
from .panel import Panel

_BUNDLES = ("bokeh", "bokeh-tables")


class PanelGate(anywidget.AnyWidget):
    """Shows its children once BokehJS is loaded, and knows whether the page is dark.

    Parameters
    ----------
    children
        Widgets, shown in this order.
    panels
        Panels among them that have to be updated before a new view of them is created.
    lock
        Lock that is held while panels are changed.

    Attributes
    ----------
    dark
        Whether the page's theme is a dark one; written by the browser.
    """

    _esm = (files(__package__) / "gate.js").read_text(encoding="utf-8")
    _css = (files(__package__) / "app.css").read_text(encoding="utf-8")

    children: Any = traitlets.Tuple().tag(sync=True, **ipywidgets.widget_serialization)
    version: traitlets.Unicode[str, str | bytes] = traitlets.Unicode(bokeh.__version__, read_only=True).tag(sync=True)
    dark: traitlets.Bool[bool, bool | int] = traitlets.Bool(False).tag(sync=True)
    _library = traitlets.Bytes().tag(sync=True)

    def __init__(
        self, children: tuple[ipywidgets.Widget, ...], panels: tuple[Panel, ...], lock: threading.Lock
    ) -> None:
        offered = is_offered("bokeh", bokeh.__version__)
        super().__init__(children=children, _library=b"" if offered else library())
        self._panels, self._lock = panels, lock
        self.on_msg(self._on_message)

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Accept only what the browser may write."""
        if isinstance(sync_data, dict) and type(sync_data.get("dark")) is bool:
            super().set_state({"dark": sync_data["dark"]})

    def _on_message(self, _widget: object, content: Any, _buffers: object) -> None:
        if isinstance(content, dict) and content.get("type") == "fresh":
            with self._lock:
                for panel in self._panels:
                    panel.refresh()
                self.send({"type": "fresh"})  # after the panels' states, so that its receiver has them


@cache
def library() -> bytes:
    """Return the BokehJS of the installed Bokeh, compressed from 1.6 MB to 0.4 MB."""
    folder = server_path() / "static" / "js"
    text = "\n;".join((folder / f"{name}.min.js").read_text(encoding="utf-8") for name in _BUNDLES)
    return zlib.compress(text.encode(), 6)
