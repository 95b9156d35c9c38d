"""The package in Pyodide, the Python of browsers, started by Node: 32 bits wide, without threads and processes.

Every module is compiled there. Of those that are loaded without extras, the ones that need no NumPy are imported, with
the real traitlets, ipywidgets and anywidget, which are pure Python. NumPy and pandas are missing: they are not in
Pyodide's package for Node, and a test downloads nothing. What the modules that need these two take from the standard
library is imported; they are not run. `test_narrow_integers` computes with 32-bit integers, outside of Pyodide.
"""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from test_core_alone import NEEDED, alone

ROOT = Path(__file__).resolve().parents[1]
FILE, SCRIPT = ROOT / "tests" / "in_pyodide.py", ROOT / "js" / "tests" / "pyodide.mjs"
MISSING = ("numpy", "pandas")
#: Modules that load in Pyodide, but without what they are for.
USELESS = {"multiprocessing", "select", "socket", "subprocess"}
CLOSURE = """
import json
import liqwidget as lw

hm = lw.LiquidationHeatmap(lw.load_sample())
hm.to_html()
hm._repr_mimebundle_()
for name in set(lw.__all__) - set({without}):
    getattr(lw, name)
print(json.dumps(sorted(name for name in sys.modules if name.partition(".")[0] == "liqwidget")))
"""


def run(*command: str) -> Any:
    """What a program prints, as JSON."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def node() -> str:
    command = [sys.executable, "hatch_build.py", "node"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if found.returncode:
        pytest.skip(found.stderr.strip())
    if not (ROOT / "js" / "node_modules" / "pyodide").is_dir():
        pytest.skip("no Pyodide in js/node_modules (make js/node_modules/.all)")
    return found.stdout.strip()


@pytest.fixture(scope="module")
def modules() -> list[str]:
    """Names of all modules that are loaded without extras."""
    return alone(CLOSURE.format(without=sorted(NEEDED)))


@pytest.fixture(scope="module")
def here(modules: list[str]) -> dict[str, Any]:
    """What this Python reports without the packages that are missing there."""
    code = "import sys, in_pyodide; print(in_pyodide.report(sys.argv[1]))"
    text = json.dumps({"source": str(ROOT / "src"), "path": [], "hidden": MISSING, "modules": modules})
    return run(sys.executable, "-c", f"import sys; sys.path.insert(0, {str(FILE.parent)!r}); {code}", text)


@pytest.fixture(scope="module")
def there(node: str, modules: list[str]) -> dict[str, Any]:
    """What Pyodide reports."""
    specs = [find_spec(name) for name in ("anywidget", "ipywidgets", "traitlets")]
    folders = sorted({str(Path(spec.origin).parents[1]) for spec in specs if spec and spec.origin})
    path = [f"/{i + 1}" for i in range(len(folders))]
    text = json.dumps({"source": "/0", "path": path, "hidden": MISSING, "modules": modules})
    return run(node, str(SCRIPT), str(FILE), text, str(ROOT / "src"), *folders)


def test_it_is_a_browsers_python(there: dict[str, Any]) -> None:
    assert (there["platform"], there["bits"]) == ("emscripten", [32, 32])
    assert tuple(there["python"]) >= (3, 11)


def test_every_module_is_compiled(here: dict[str, Any], there: dict[str, Any]) -> None:
    assert there["faults"] == []
    assert there["files"] == here["files"] > 200


def test_what_loads_without_numpy_is_imported(here: dict[str, Any], there: dict[str, Any]) -> None:
    assert there["lacking"] == here["lacking"] == {}
    assert there["imported"] == here["imported"]
    some = {"liqwidget.errors", "liqwidget.run.progress", "liqwidget.market.quote", "liqwidget.widget.front_end"}
    assert some <= set(there["imported"])


def test_what_the_others_take_from_the_standard_library_is_there(here: dict[str, Any], there: dict[str, Any]) -> None:
    assert there["absent"] == here["absent"] == {}
    assert there["standard"] == here["standard"]
    assert len(there["standard"]) > 50
    assert not {name.partition(".")[0] for name in there["standard"]} & USELESS


def test_no_thread_is_started(there: dict[str, Any]) -> None:
    assert there["threads"] == []
