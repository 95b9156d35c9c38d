"""What a browser may write to the application's plain ipywidgets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import ipywidgets

from ..checks import is_finite

LONGEST_TEXT = 1_024  # characters: of a path; symbols are shorter


def guard(root: Any) -> None:
    """Restrict a widget, and all that it contains, to accept from a browser only what its user can enter.

    A browser may write every synced trait of a widget: the bounds of a number, a list of children, a page's text.
    Widgets with a ``set_state`` of their own are left alone; the others keep one trait that may be written, with a
    check, or none. For a refused value the current one is sent back. The only message accepted is a button's click.

    Parameters
    ----------
    root
        The outermost widget, once it is complete.
    """
    for widget in widgets_in(root):
        if type(widget).set_state is ipywidgets.Widget.set_state:
            _guard(widget)


def widgets_in(root: Any) -> Iterator[Any]:
    """Yield a widget and all widgets that its traits contain, each once."""
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        for name in one.keys:
            value = getattr(one, name, None)
            held = value if isinstance(value, (list, tuple)) else [value]
            waiting += [inner for inner in held if isinstance(inner, ipywidgets.Widget)]


def _guard(widget: Any) -> None:
    write, hear = widget.set_state, widget._handle_custom_msg
    name, is_right = next((entry for kind, entry in _ENTERED.items() if isinstance(widget, kind)), ("", None))

    def set_state(sync_data: Any) -> None:
        if is_right is None or not isinstance(sync_data, dict) or name not in sync_data:
            return
        if is_right(widget, sync_data[name]):
            write({name: sync_data[name]})
        else:
            widget.send_state(name)

    def handle(content: Any, buffers: Any) -> None:
        if isinstance(widget, ipywidgets.Button) and content == {"event": "click"}:
            hear(content, buffers)

    widget.set_state, widget._handle_custom_msg = set_state, handle


def _is_place(widget: Any, value: object) -> bool:
    return type(value) is int and 0 <= value < len(widget.options)


def _is_text(_widget: Any, value: object) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST_TEXT


def _is_number(_widget: Any, value: object) -> bool:
    return is_finite(value)


def _is_day(_widget: Any, value: object) -> bool:
    """Return whether this is a date as ipywidgets sends it, with months counted from 0; None means no date."""
    if value is None:
        return True
    if not isinstance(value, dict) or not all(type(value.get(name)) is int for name in ("year", "month", "date")):
        return False
    try:
        date(value["year"], value["month"] + 1, value["date"])
    except (ValueError, OverflowError):
        return False
    return True


#: The trait that the user enters, by kind of widget, and its check.
_ENTERED: dict[Any, tuple[str, Callable[[Any, object], bool]]] = {
    ipywidgets.ToggleButtons: ("index", _is_place),
    ipywidgets.Dropdown: ("index", _is_place),
    ipywidgets.BoundedFloatText: ("value", _is_number),
    ipywidgets.DatePicker: ("value", _is_day),
    ipywidgets.Text: ("value", _is_text),  # and its subclass Combobox
}
