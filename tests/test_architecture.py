"""Which module may import which, read from the sources; and what no module may contain."""

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

# Each package may import those of the lines above its own. "serve" imports none and is imported by none.
ORDER = [
    ["errors", "_version", "extra_stub"],
    ["checks"],
    ["cache_folder"],
    ["drawing"],
    ["market", "model"],
    ["run"],
    ["simulation"],
    ["sources", "analysis"],
    ["scale", "widget"],
    ["app"],
    ["__main__"],
    ["serve"],
]
RANK = {name: line for line, names in enumerate(ORDER) for name in names}

# Exceptions to the order, for types only.
FOR_TYPES = {("model", "market"), ("widget", "scale")}

# Third-party packages that a package must not import at module level, or anywhere, at run time.
NOT_AT_THE_TOP = {"model": {"pandas"}}
NOWHERE = {
    "model": {"ipywidgets", "httpx", "bokeh"},
    "widget": {"httpx", "bokeh"},
}
FRONT_ENDS = {"ipywidgets", "anywidget", "traitlets", "bokeh"}
# Modules that load a front end when they are called, never when they are imported.
CALLS = {"drawing.figure": {"bokeh"}}

# The name of a format, which looks like an address.
SVG = "http://www.w3.org/2000/svg"

# Private names of other packages that a module uses, and the reason.
OUTSIDE = {
    ("app.data_form.controls", "_reply_subshell_for"): "ipykernel 7.4 has no setting for the thread of a comm",
    ("app.guard", "_handle_custom_msg"): "ipywidgets has no way to drop a message before its handlers see it",
    ("serve.visits", "_cache"): "Voila keeps every visitor's request, and has no way to clear them",
    ("widget.html_page", "_instances"): "ipywidgets deprecated Widget.widgets, its public list of the living",
    ("widget.box_display", "_repr_mimebundle_"): "the protocol by which IPython asks an object how to show it",
}


def family(path: Path) -> str:
    """Top-level module or sub-package that contains the file."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def module(path: Path) -> str:
    """Dotted name below the package; the name of a folder is that of its __init__."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


def own_imports(path: Path) -> Iterator[tuple[str, str]]:
    """Each of our own modules that a module imports, and when."""
    known = {module(other) for other in MODULES}
    for node, when in statements(path):
        if not isinstance(node, ast.ImportFrom):
            continue
        if node.level:
            here = path.relative_to(PACKAGE).parts[: -node.level]
            base = [*here, *(node.module or "").split(".")]
        elif (node.module or "").startswith("liqwidget"):
            base = (node.module or "").split(".")[1:]
        else:
            continue
        name = ".".join(filter(None, base))
        for alias in node.names:
            found = f"{name}.{alias.name}".removeprefix(".")
            if found in known:
                yield found, when
            elif name in known:
                yield name, when


def statements(path: Path) -> Iterator[tuple[ast.stmt, str]]:
    """Each import statement of a module, and when it runs: "top", "called" or "typing"."""

    def walk(node: ast.AST, when: str) -> Iterator[tuple[ast.stmt, str]]:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield node, when
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


def imports(path: Path) -> Iterator[tuple[str, str]]:
    """Each import of a module: its target (own modules start with a dot) and when ("top", "called" or "typing")."""

    for node, when in statements(path):
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


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_go_one_way(path: Path) -> None:
    name = family(path)
    assert name in RANK, f"{name} is missing in ORDER: add it"
    for imported, when in imports(path):
        if not imported.startswith("."):
            continue
        other = imported.split(".")[1]
        if (name, other) in FOR_TYPES:
            assert when == "typing", f"{name} imports {other} {when}"
        else:
            assert RANK[other] < RANK[name], f"{name} imports {other}, which is not above it in ORDER"


def test_no_circles() -> None:
    """No modules import each other at run time in a cycle, inside a package either."""
    left = {module(path): {name for name, when in own_imports(path) if when != "typing"} for path in MODULES}
    while leaves := {name for name, found in left.items() if not found & left.keys()}:
        left = {name: found for name, found in left.items() if name not in leaves}
    assert not left, f"a cycle runs through {sorted(left)}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_outside_packages_stay_at_their_layer(path: Path) -> None:
    name = family(path)
    at_the_top = {imported.split(".")[0] for imported, when in imports(path) if when == "top"}
    at_run_time = {imported.split(".")[0] for imported, when in imports(path) if when != "typing"}
    assert not at_the_top & NOT_AT_THE_TOP.get(name, set())
    assert not at_run_time & NOWHERE.get(name, set())
    if RANK[name] < RANK["widget"]:
        assert not at_the_top & FRONT_ENDS
        assert not at_run_time & FRONT_ENDS - CALLS.get(module(path), set())
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
        assert not isinstance(node, ast.Assert), f"line {node.lineno}: raise a LiqError instead"
        assert not isinstance(node, ast.ExceptHandler) or node.type is not None, f"line {node.lineno}: bare except"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_hosts_are_named_in_one_file_and_nothing_is_unpickled(path: Path) -> None:
    text = path.read_text(encoding="utf-8").replace(SVG, "")
    assert path.name == "hosts.py" or not re.search(r"(https?|wss?)://\w", text)
    assert not {"pickle", "marshal", "shelve", "ccxt"} & {name.split(".")[0] for name, _ in imports(path)}


def own_names(tree: ast.AST) -> set[str]:
    """Names that a module defines: functions, classes, variables, and attributes of its own objects."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and is_own(node.value):
            found.add(node.attr)
    return found


def is_own(node: ast.AST) -> bool:
    return ast.unparse(node) in ("self", "cls", "super()")


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def borrowed(text: str) -> list[tuple[int, str]]:
    """Lines and underscore names that a module takes from other modules."""
    tree = ast.parse(text)
    own = own_names(tree)
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            found += [(node.lineno, alias.name) for alias in node.names if is_private(alias.name)]
        elif isinstance(node, ast.Attribute) and is_private(node.attr) and not is_own(node.value):
            found += [(node.lineno, node.attr)] if node.attr not in own else []
    return [(line, name) for line, name in found if name != "_version"]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_no_module_reaches_into_the_underscore_names_of_another(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert [(line, name) for line, name in borrowed(text) if (module(path), name) not in OUTSIDE] == []


def test_every_exception_for_other_packages_is_needed() -> None:
    used = {(module(path), name) for path in MODULES for _, name in borrowed(path.read_text(encoding="utf-8"))}
    assert used == OUTSIDE.keys()


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("from .other import _hidden", ["_hidden"]),
        ("from . import _version", []),
        ("x = other._hidden", ["_hidden"]),
        ("other.thing()._hidden = 1", ["_hidden"]),
        ("class A:\n def f(self, other):\n  self._mine = super()._theirs\n  return other._mine", []),
        ("x = other.__class__", []),
    ],
)
def test_what_is_borrowed_is_found(text: str, names: list[str]) -> None:
    assert [name for _, name in borrowed(text)] == names
