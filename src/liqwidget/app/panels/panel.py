"""A Bokeh model as a widget whose later views show its present state."""

from __future__ import annotations

from typing import Any

from bokeh.models import LayoutDOM
from jupyter_bokeh import BokehModel


class Panel(BokehModel):  # type: ignore[misc]  # jupyter_bokeh ships no types
    """As jupyter_bokeh's, but for two things.

    Its views draw what the model was when the widget was made, and hear of changes only from then on: a view that comes
    later needs `refresh` first. And `close` may be called twice, as ipywidgets does when it forgets a widget.
    """

    def __init__(self, model: LayoutDOM) -> None:
        self._is_open = True
        super().__init__(model)

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> Any:
        """Return the synced state, for a page that is loaded anew with the model as it is now."""
        if key is None and self._is_open and self.comm is not None:
            self.refresh()
        return super().get_state(key, drop_defaults)

    def refresh(self) -> None:
        """Send the model as it is now, for views to come."""
        self.render_bundle = self._model_to_traits(self._model)

    def close(self) -> None:
        """Close the widget."""
        if self._is_open:
            self._is_open = False
            super().close()
