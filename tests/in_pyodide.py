"""What this Python can load of the package: run in Pyodide and, for comparison, outside of it.

Imports nothing but the standard library: `test_pyodide` gives it to both as a file.
"""

from __future__ import annotations

import ast
import importlib
import json
import struct
import sys
import threading
from collections.abc import Iterator
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any


class Without:
    """Hides packages from all imports."""

    def __init__(self, hidden: list[str]) -> None:
        self.hidden, self.finders = set(hidden), list(sys.meta_path)

    find_distributions = staticmethod(PathFinder.find_distributions)

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name.partition(".")[0] in self.hidden:
            return None
        return next((spec for finder in self.finders if (spec := finder.find_spec(name, path, target))), None)


def report(given: str) -> str:
    """Return as JSON what could not be compiled or imported.

    `given` is JSON: `source`, the folder of the package; `path`, folders of other packages; `hidden`, packages to hide;
    `modules`, the names of modules to import.
    """
    wanted = json.loads(given)
    source = Path(wanted["source"])
    started: list[str] = []
    start = threading.Thread.start

    def recorded(self: threading.Thread) -> None:
        started.append(self.name)
        start(self)

    threading.Thread.start = recorded  # type: ignore[method-assign]
    sys.path[:0] = [str(source), *wanted["path"]]
    sys.meta_path[:] = [Without(wanted["hidden"])]
    files = sorted((source / "liqwidget").rglob("*.py"))
    imported = []
    lacking: dict[str, str] = {}
    for name in sorted(wanted["modules"]):  # packages before what is in them
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] not in wanted["hidden"]:
                lacking[name] = str(error)
            elif (path := path_of(source, name)).stem == "__init__":
                sys.modules[name] = package = ModuleType(name)  # its modules may load nevertheless
                package.__path__ = [str(path.parent)]
        except Exception as error:
            lacking[name] = f"{type(error).__name__}: {error}"
        else:
            imported.append(name)
    return json.dumps(
        {
            "python": list(sys.version_info[:2]),
            "platform": sys.platform,
            "bits": [8 * struct.calcsize("P"), sys.maxsize.bit_length() + 1],
            "files": len(files),
            "faults": [fault for path in files if (fault := fault_of(path))],
            "imported": imported,
            "lacking": lacking,
            "standard": sorted({line for name in wanted["modules"] for line in standard(path_of(source, name))}),
            "absent": {
                name: absent
                for name in wanted["modules"]
                if (absent := [line for line in standard(path_of(source, name)) if not has(line)])
            },
            "threads": [*started, *(f"alive: {one.name}" for one in threading.enumerate()[1:])],
        }
    )


def fault_of(path: Path) -> str:
    """Return why this Python cannot compile a file; "" if it can."""
    try:
        compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
    except SyntaxError as error:
        return f"{path.name}: {error}"
    return ""


def path_of(source: Path, module: str) -> Path:
    """Return the file of a module."""
    path = source.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def standard(path: Path) -> Iterator[str]:
    """Yield what a module takes from the standard library when it is loaded: "json", "pathlib.Path"."""
    for node in loaded(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (name for name in names if name.partition(".")[0] in sys.stdlib_module_names)


def loaded(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the statements that are executed when a module is loaded: not those of functions or for type checkers."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        return
    yield node
    checked = isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    for child in node.orelse if checked else ast.iter_child_nodes(node):  # type: ignore[attr-defined]
        yield from loaded(child)


def has(name: str) -> bool:
    """Return whether this Python has a module, or a name in one."""
    if name.startswith("__future__."):
        return True
    try:
        importlib.import_module(name)
    except ImportError:
        module, dot, attribute = name.rpartition(".")
        try:
            return bool(dot) and hasattr(importlib.import_module(module), attribute)
        except ImportError:
            return False
    return True
