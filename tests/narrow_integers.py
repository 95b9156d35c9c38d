"""A plugin for pytest: liqwidget computes as if NumPy's default integer and its index type had 32 bits.

``pytest -p narrow_integers`` runs any tests this way. On Windows the default integer of NumPy 1.26 is that narrow; in
Pyodide both types are. Only the package's own modules are affected: their ``np`` is replaced by a stand-in, and
patched array methods check their caller.
"""

from __future__ import annotations

import ctypes
import functools
import gc
import importlib
import pkgutil
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import settings

import liqwidget

NARROW = np.dtype(np.int32)
WIDE = (np.dtype(np.int64), np.dtype(np.uint64))
#: Return integers of the default type, unless an argument or `dtype` has a wider one.
DEFAULT = (
    *("arange", "array", "asarray", "ascontiguousarray", "append", "concatenate", "stack", "tile", "where", "clip"),
    *("full", "zeros", "ones", "empty", "atleast_1d", "atleast_2d", "diff", "resize", "pad", "fromiter", "linspace"),
    *("sum", "cumsum", "prod", "cumprod", "einsum", "outer", "dot", "convolve", "max", "min", "ptp", "abs", "rint"),
)
#: Return indices or counts.
PLACES = (
    *("argsort", "argmax", "argmin", "argpartition", "lexsort", "searchsorted", "flatnonzero", "nonzero", "argwhere"),
    *("bincount", "count_nonzero", "digitize", "indices", "ix_", "unravel_index", "ravel_multi_index"),
)
METHODS = ("astype", "sum", "cumsum", "prod", "cumprod", "argsort", "argmax", "argmin", "searchsorted", "nonzero")


def narrowed(value: Any) -> Any:
    """Return indices as a 32-bit machine does."""
    if isinstance(value, tuple):
        return tuple(narrowed(part) for part in value)
    return value.astype(NARROW) if isinstance(value, np.ndarray | np.generic) and value.dtype == WIDE[0] else value


def is_wide(value: Any) -> bool:
    """Return whether a value contains 64-bit integers of its own."""
    if isinstance(value, list | tuple):
        return any(is_wide(part) for part in value[:100])
    if isinstance(value, np.ndarray | np.generic):
        return value.dtype in WIDE or value.dtype.kind in "OmM"
    return getattr(value, "dtype", None) in WIDE


def by_default(real: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a NumPy function whose integers have the default type."""

    @functools.wraps(real)
    def made(*args: Any, **named: Any) -> Any:
        result = real(*args, **named)
        asked = [value for value in (*args, *named.values()) if isinstance(value, type | np.dtype)]
        if any(np.dtype(one) in WIDE for one in asked if one not in (int, bool, float)):
            return result
        if int not in asked and is_wide([*args, *named.values()]):
            return result
        if isinstance(result, np.ndarray) and result.dtype == WIDE[0]:
            fits = not result.size or -(2**31) <= result.min() <= result.max() < 2**31
            grows = real.__name__ in ("sum", "cumsum", "prod", "cumprod", "dot", "convolve", "outer", "einsum")
            return result.astype(NARROW) if fits or grows else result
        return narrowed(result)

    return made


def as_places(real: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a NumPy function that returns indices."""
    return functools.wraps(real)(lambda *args, **named: narrowed(real(*args, **named)))


def refuse_wide(places: Any) -> None:
    """Raise the error that NumPy raises if it needs indices and gets wider integers."""
    if isinstance(places, np.ndarray) and places.dtype in (*WIDE, np.dtype(np.uint32)):
        raise TypeError(f"Cannot cast array data from {places.dtype!r} to {NARROW!r} according to the rule 'safe'")


class NarrowUfunc:
    """A ufunc whose sums and indices are narrow."""

    def __init__(self, real: np.ufunc) -> None:
        self._real = real
        self.reduce, self.accumulate = by_default(real.reduce), by_default(real.accumulate)

    def __call__(self, *args: Any, **named: Any) -> Any:
        return self._real(*args, **named)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def reduceat(self, values: Any, places: Any, *args: Any, **named: Any) -> Any:
        refuse_wide(places)
        return by_default(self._real.reduceat)(values, places, *args, **named)


class NarrowNumpy:
    """NumPy with a 32-bit default integer."""

    intp = int_ = np.int32
    uintp = uint = np.uint32
    add, minimum, maximum = NarrowUfunc(np.add), NarrowUfunc(np.minimum), NarrowUfunc(np.maximum)

    def __init__(self) -> None:
        for name in DEFAULT:
            setattr(self, name, by_default(getattr(np, name)))
        for name in PLACES:
            setattr(self, name, as_places(getattr(np, name)))

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    @staticmethod
    def repeat(values: Any, counts: Any, axis: int | None = None) -> Any:
        refuse_wide(counts)
        return by_default(np.repeat)(values, counts, axis)

    @staticmethod
    def bincount(places: Any, *args: Any, **named: Any) -> Any:
        refuse_wide(places)
        return narrowed(np.bincount(places, *args, **named))

    @staticmethod
    def unique(values: Any, *args: Any, **named: Any) -> Any:
        found = np.unique(values, *args, **named)
        return (found[0], *narrowed(found[1:])) if isinstance(found, tuple) else found

    @staticmethod
    def where(condition: Any, *args: Any) -> Any:
        return by_default(np.where)(condition, *args) if args else narrowed(np.where(condition))


def narrow_method(name: str) -> Callable[..., Any]:
    """Return an array method that is narrow if the package calls it."""
    real = getattr(np.ndarray, name)
    narrow = (by_default if name in DEFAULT or name == "astype" else as_places)(real)

    def method(self: Any, *args: Any, **named: Any) -> Any:
        ours = sys._getframe(1).f_globals.get("__name__", "").startswith("liqwidget")
        if name == "astype" and ours:
            return real(self, NARROW if args[0] in (int, "int") else args[0], *args[1:], **named)
        return (narrow if ours else real)(self, *args, **named)

    return method


def pytest_configure() -> None:
    """Replace NumPy in every module of the package, and patch the array methods."""
    settings.register_profile("narrow", derandomize=True, deadline=None)
    settings.load_profile("narrow")
    stand_in = NarrowNumpy()
    for found in pkgutil.walk_packages(liqwidget.__path__, "liqwidget."):
        if not found.name.startswith(("liqwidget.app", "liqwidget.serve")):  # slow to import, and only for display
            module = importlib.import_module(found.name)
            if getattr(module, "np", None) is np:
                module.np = stand_in  # type: ignore[attr-defined]
    methods = {name: narrow_method(name) for name in METHODS}
    gc.get_referents(np.ndarray.__dict__)[0].update(methods)  # a C type, whose attributes cannot be set
    ctypes.pythonapi.PyType_Modified(ctypes.py_object(np.ndarray))
