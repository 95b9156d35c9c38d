"""Which module may import which, read from the sources; and what no module may hold."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import liqwidget

PACKAGE = Path(liqwidget.__file__).parent
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.name != "__init__.py" or path.parent != PACKAGE)

# Every package may import those of the lines above its own. "serve" imports none and is imported by none.
ORDER = [
    ["errors"],
    ["checks"],
    ["market", "model"],
    ["simulation", "run"],
    ["sources", "analysis"],
    ["scale", "widget"],
    ["app"],
    ["serve"],
]
RANK = {name: line for line, names in enumerate(ORDER) for name in names}

# Against the order: when each is allowed.
EXCEPT = {
    ("model", "market"): {"typing"},
    ("widget", "scale"): {"typing"},
}

# Packages from outside that a module must not import at run time, at module level or anywhere.
NOT_AT_THE_TOP = {"model": {"pandas"}}
NOWHERE = {
    "model": {"ipywidgets", "httpx", "bokeh"},
    "widget": {"httpx", "bokeh"},
}
FRONT_ENDS = {"ipywidgets", "anywidget", "traitlets", "bokeh"}


def family(path: Path) -> str:
    """Module, or sub-package, directly under the package."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[tuple[str, str]]:
    """Each import of a module: what (``.grid`` is our own) and when ("top", "called" or "typing")."""

    def walk(node: ast.AST, when: str) -> Iterator[tuple[str, str]]:
        if isinstance(node, ast.Import):
            for alias in node.names:
                name = alias.name
                yield (name.removeprefix("liqwidget") if name.startswith("liqwidget.") else name), when
        elif isinstance(node, ast.ImportFrom):
            depth = len(path.relative_to(PACKAGE).parts)
            module = node.module or ""
            own = node.level == depth or (node.level == 0 and module.split(".")[0] == "liqwidget")
            if node.level == 0 and own:
                module = module.removeprefix("liqwidget").removeprefix(".")
            if own:
                for name in [module] if module else [alias.name for alias in node.names]:
                    yield f".{name}", when
            elif node.level == 0:
                yield module, when
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for statement in node.body:
                yield from walk(statement, "typing")
            for statement in node.orelse:
                yield from walk(statement, when)
        else:
            inside = "called" if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and when == "top" else when
            for child in ast.iter_child_nodes(node):
                yield from walk(child, inside)

    return walk(ast.parse(path.read_text(encoding="utf-8")), "top")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_go_one_way(path: Path) -> None:
    name = family(path)
    assert name in RANK, f"{name} has no place in ORDER: give it one"
    for imported, when in imports(path):
        if not imported.startswith("."):
            continue
        other = imported.split(".")[1]
        if (name, other) in EXCEPT:
            assert when in EXCEPT[name, other], f"{name} imports {other} {when}"
        else:
            assert RANK[other] < RANK[name], f"{name} imports {other}, which stands after it"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_outside_packages_stay_at_their_layer(path: Path) -> None:
    name = family(path)
    at_the_top = {imported.split(".")[0] for imported, when in imports(path) if when == "top"}
    at_run_time = {imported.split(".")[0] for imported, when in imports(path) if when != "typing"}
    assert not at_the_top & NOT_AT_THE_TOP.get(name, set())
    assert not at_run_time & NOWHERE.get(name, set())
    if RANK[name] < RANK["widget"]:
        assert not at_run_time & FRONT_ENDS
    if name != "sources":
        assert "httpx" not in at_run_time


@pytest.mark.parametrize("name", ["model.ledger", "model.density"])
def test_the_model_loads_without_pandas_and_without_the_market(name: str) -> None:
    code = f"import sys, liqwidget.{name}; print({{'pandas', 'liqwidget.market'}} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "set()\n"


def test_the_widget_loads_neither_httpx_nor_bokeh() -> None:
    code = "import sys, liqwidget.widget; print({'httpx', 'bokeh'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "set()\n"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_modules_are_short_and_named_for_what_they_hold(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").count("\n")
    assert lines <= 400
    assert not {"utils", "helpers", "common", "core"} & {part.removesuffix(".py") for part in path.parts[-2:]}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_nothing_asserts_and_nothing_swallows_all(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        assert not isinstance(node, ast.Assert), f"line {node.lineno}: raise an error of the tree instead"
        assert not isinstance(node, ast.ExceptHandler) or node.type is not None, f"line {node.lineno}: bare except"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_hosts_are_named_in_one_file_and_nothing_is_unpickled(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert path.name == "hosts.py" or not re.search(r"(https?|wss?)://\w", text)
    assert not {"pickle", "marshal", "shelve", "ccxt"} & {name.split(".")[0] for name, _ in imports(path)}
