"""The public names in their groups, as the package's docstring lists them, and what is public of each."""

from __future__ import annotations

import inspect
import re
from typing import Any

import liqwidget

#: Public by name, but for the package's own parts and for ipywidgets: no reader of the reference calls them.
INTERNAL = {"check_replay", "get_state", "locked", "saved_picture", "set_state", "shown", "still_bundle"}


def groups(text: str | None = None) -> dict[str, list[str]]:
    """Return group -> names, in the order of the package's docstring."""
    found: dict[str, list[str]] = {}
    for title, lines in re.findall(
        r"^(\w[^\n.]*)\n((?: {4}\S[^\n]*\n)+)", text or liqwidget.__doc__ or "", re.MULTILINE
    ):
        found[title] = re.findall(r"\w+", lines)
    return found


def faults_of_groups(text: str | None = None, names: list[str] | None = None) -> list[str]:
    """Return what is wrong: a public name must be in exactly one group, and a group lists no other names."""
    listed = [name for names in groups(text).values() for name in names]
    public = liqwidget.__all__ if names is None else names
    return [
        *(f"liqwidget.__doc__: {name} is in no group" for name in public if name not in listed),
        *(
            f"liqwidget.__doc__: {name} is listed {listed.count(name)} times"
            for name in sorted(set(listed))
            if listed.count(name) > 1
        ),
        *(f"liqwidget.__doc__: {name} is no public name" for name in sorted(set(listed) - set(public))),
    ]


def kind(value: Any) -> str:
    """Return how a public value is documented: as a class, exception, function, instance or data."""
    if inspect.isclass(value):
        return "exception" if issubclass(value, BaseException) else "class"
    if inspect.isroutine(value) or hasattr(value, "__wrapped__"):
        return "function"
    return "instance" if type(value).__module__.startswith("liqwidget") else "data"


def members(cls: type) -> list[str]:
    """Return the public methods and properties that classes of this package define.

    Attributes without a docstring of their own (fields, traits) are described in the class's docstring.
    """
    return [
        name
        for name in _public(cls)
        if name not in INTERNAL and (callable(getattr(cls, name)) or _is_property(_found(cls, name)))
    ]


def undescribed(cls: type) -> list[str]:
    """Return public members that nothing describes: without a docstring, and not named in the class's."""
    text = inspect.getdoc(cls) or ""
    for whole in re.findall(r"As for :class:`liqwidget\.(\w+)`", text):  # the traits of another class
        text += inspect.getdoc(getattr(liqwidget, whole)) or ""
    described = members(cls)
    return [
        name
        for name in _public(cls)
        if name not in INTERNAL
        and not (inspect.getdoc(_found(cls, name)) if name in described else re.search(rf"\b{name}\b", text))
    ]


def _public(cls: type) -> list[str]:
    defined = (name for base in cls.__mro__ if _is_ours(base) for name in vars(base))
    return sorted({name for name in defined if not name.startswith("_")})


def _is_ours(cls: type) -> bool:
    return cls.__module__.split(".")[0] == "liqwidget"


def _found(cls: type, name: str) -> Any:
    return inspect.getattr_static(cls, name)


def _is_property(value: Any) -> bool:
    return isinstance(value, property) or type(value).__name__ == "cached_property"
