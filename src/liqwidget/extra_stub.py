"""Stubs for public names whose extra is not installed: they can be listed and documented, and raise when used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def stub_of(name: str, reason: str, load: Callable[[], Any]) -> Any:
    """Return a stub of the same kind as the public name: a class, an object or a function.

    Parameters
    ----------
    name
        The public name.
    reason
        Which extra it needs and how to install that.
    load
        Imports what the stub stands for. It is tried again at each use, so that nothing has to be restarted once the
        extra is installed.
    """
    about = {"__doc__": f"Not usable here: {reason}", "__module__": __package__, "__qualname__": name}
    if name[0].isupper():
        return _StubClass(name, (), {**about, "_load": staticmethod(load)})
    if name == "cache":
        return type(name, (_StubObject,), about)(load)

    def stub(*arguments: Any, **options: Any) -> Any:
        return load()(*arguments, **options)

    for key, value in {**about, "__name__": name}.items():
        setattr(stub, key, value)
    return stub


class _StubClass(type):
    """The type of stubs of classes: no object is an instance of one."""

    def __call__(cls, *arguments: Any, **options: Any) -> Any:
        return cls._load()(*arguments, **options)  # type: ignore[attr-defined]


class _StubObject:
    def __init__(self, load: Callable[[], Any]) -> None:
        self._load = load

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # inspection, such as IPython's
            raise AttributeError(name)
        return getattr(self._load(), name)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {type(self).__doc__}>"
