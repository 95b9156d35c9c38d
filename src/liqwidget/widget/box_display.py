"""A heatmap inside a box of ipywidgets (HBox, Tab, Accordion, ...) leaves its static picture in the notebook too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import ipywidgets
from IPython import get_ipython  # type: ignore[attr-defined,unused-ignore]  # not in its __all__ before 9

from .html_page import display_with_picture

_METHOD = "_ipython_display_"


def leave_pictures_of_boxes() -> None:
    """Have the notebook's boxes show, after themselves, the pictures of the heatmaps inside them.

    A box knows nothing of pictures, so IPython is told how to display one, as it is told for any class of others. A
    way of displaying boxes that the user has registered stays.
    """
    shell = get_ipython()
    formatter = getattr(getattr(shell, "display_formatter", None), "ipython_display_formatter", None)
    if formatter is not None and ipywidgets.Box not in formatter.type_printers:
        formatter.for_type(ipywidgets.Box, _display)


def _display(box: Any) -> None:
    if callable(getattr(type(box), _METHOD, None)):  # it displays itself, as the application does
        getattr(box, _METHOD)()
        return
    heatmaps = list(_heatmaps(box))
    if not heatmaps:
        raise NotImplementedError  # IPython goes on as without us
    first, *others = heatmaps
    display_with_picture(box._repr_mimebundle_(), first.saved_picture, *(one.still_bundle for one in others))


def _heatmaps(box: Any) -> Iterator[Any]:
    """Return the heatmaps inside, once each."""
    waiting, seen = [box], set()
    while waiting:
        one = waiting.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        if callable(getattr(one, "saved_picture", None)):
            yield one
        elif isinstance(one, ipywidgets.Box):
            waiting[:0] = one.children
