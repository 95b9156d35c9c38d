"""A Bokeh model as a widget that accepts only selected rows from a page, and whose later views are up to date."""

from __future__ import annotations

from typing import Any

import bokeh
from bokeh.models import ColumnDataSource, LayoutDOM
from jupyter_bokeh import BokehModel

from ...widget.page_files import is_offered


class Panel(BokehModel):  # type: ignore[misc]  # jupyter_bokeh ships no types
    """Like jupyter_bokeh's widget, with three differences.

    It drops messages of a page before Bokeh decodes them: Bokeh creates the objects that a message describes, some of
    which open files on the kernel's machine or unpack compressed bytes. Only selected rows of ``selectable`` are
    applied, by `_sync_model` here. A view draws the model as of the last `refresh` and receives only changes made while
    it is open: call `refresh` before a new view. And `close` may be called twice, as ipywidgets does
    when it discards a widget.

    Parameters
    ----------
    model
        The model to show.
    selectable
        Sources in it whose rows the user can select.
    """

    def __init__(self, model: LayoutDOM, *selectable: ColumnDataSource) -> None:
        self._is_open, self._selectable = True, selectable
        self._is_stale = self._is_wanted = self._is_quiet = False
        super().__init__(model)

    def set_state(self, sync_data: Any) -> None:
        """Ignore state from the browser: it has none to set here."""

    def _handle_custom_msg(self, content: Any, buffers: Any) -> None:
        self._sync_model(self, content, buffers)  # no other message handlers are called

    def _sync_model(self, _widget: object, content: Any, _buffers: object) -> None:
        """Apply selected rows; replaces jupyter_bokeh's method, which lets Bokeh decode any message."""
        wanted = {"event": "jsevent", "kind": "ModelChanged", "attr": "indices"}
        if not isinstance(content, dict) or any(content.get(name) != value for name, value in wanted.items()):
            return
        for source in self._selectable:
            if content.get("model") == {"id": source.selected.id} and are_rows(rows := content.get("new"), source):
                source.selected.set_from_json("indices", rows, setter=self)

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> Any:
        """Return the synced state, with the current model, for a page that is reloaded.

        A page that offers BokehJS as a file has a kernel as long as it has panels: it gets the model when its first
        view calls `refresh`, and from then on here, too.
        """
        is_later = key is None and not self._is_wanted and is_offered("bokeh", bokeh.__version__)
        if key is None and not is_later and self._is_open and self.comm is not None:
            self._is_quiet = True  # the caller sends the state
            try:
                self.refresh()
            finally:
                self._is_quiet = False
        state = super().get_state(key, drop_defaults)
        if is_later:
            self._is_stale = True
            state["render_bundle"] = "{}"
        return state

    def _should_send_property(self, key: str, value: Any) -> bool:
        return not self._is_quiet and bool(super()._should_send_property(key, value))

    def _document_patched(self, event: Any) -> None:
        self._is_stale = True
        super()._document_patched(event)

    def refresh(self) -> None:
        """Send the current model, for later views, unless it is as it was when last sent."""
        self._is_wanted = True
        if self._is_stale:
            self._is_stale = False
            self.render_bundle = self._model_to_traits(self._model)

    def close(self) -> None:
        """Close the widget."""
        if self._is_open:
            self._is_open = False
            super().close()


def are_rows(rows: object, source: ColumnDataSource) -> bool:
    """Return whether this is a list of row numbers of a source, no longer than the source."""
    count = len(next(iter(source.data.values()), ()))
    return isinstance(rows, list) and len(rows) <= count and all(type(row) is int and 0 <= row < count for row in rows)
