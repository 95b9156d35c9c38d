"""The wheel and its front end, the refusal of a stale bundle, and the cost of an import."""

from __future__ import annotations

import ast
import gzip
import re
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tarfile
from email import message_from_bytes
from pathlib import Path
from zipfile import ZipFile

import pytest

import liqwidget
from packed import build, python, said

ROOT = Path(__file__).resolve().parents[1]
CARGO = (
    "static/index.js",
    "static/widget.js",
    "static/index.css",
    "model/brackets.csv",
    "simulation/sample.npz",
    "py.typed",
)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the checkout, without installed dependencies."""
    copy = tmp_path / "checkout"
    skipped = shutil.ignore_patterns("node_modules", "__pycache__", ".*cache", ".venv*", ".git", "dist", "tests")
    shutil.copytree(ROOT, copy, ignore=skipped)
    return copy


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("built") / "wheel"
    return out / said(build("wheel", ROOT, out))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel's content and nothing else; dependencies come from this environment."""
    folder = tmp_path_factory.mktemp("installed")
    install = "import runpy, sys; sys.argv[0] = 'pip'; runpy.run_module('pip', run_name='__main__')"
    run = python(install, "install", "--no-deps", "--no-index", "--target", folder, wheel, at=folder)
    assert run.returncode == 0, run.stderr
    return folder


def test_the_wheel_carries_the_front_end_the_brackets_and_the_licences(wheel: Path) -> None:
    names = ZipFile(wheel).namelist()
    assert {f"liqwidget/{name}" for name in CARGO} <= set(names)
    licences = {Path(name).name for name in names if "/licenses/" in name}
    assert licences == {"LICENSE", "LICENSE-Apache-2.0", "NOTICE"}
    assert not [name for name in names if name.startswith(("js/", "tests/")) or "__pycache__" in name]


def test_the_metadata_and_the_content_are_as_a_package_index_wants_them(wheel: Path, tmp_path: Path) -> None:
    sdist = tmp_path / "sdist" / said(build("sdist", ROOT, tmp_path / "sdist"))
    for command in (
        ["twine", "check", "--strict", str(wheel), str(sdist)],
        ["check_wheel_contents", str(wheel)],
    ):
        run = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stdout + run.stderr


def test_the_package_page_says_what_is_so(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        page = message_from_bytes(archive.read(name))
        apache = archive.read(name.replace("METADATA", "licenses/LICENSE-Apache-2.0")).decode()
    assert page["License-Expression"] == "MIT AND Apache-2.0"
    assert "Apache License\n" in apache
    assert "END OF TERMS AND CONDITIONS" in apache
    classifiers = set(page.get_all("Classifier", []))
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    versions = {name.rpartition(" ")[2] for name in classifiers if re.search(r":: 3\.\d+$", name)}
    assert versions == {"3.11", "3.13"}
    assert page["Requires-Python"] == ">=3.11"
    assert all(re.search(rf"--python {version}|python{version}", makefile) for version in versions)
    assert {"Typing :: Typed", "Framework :: Jupyter"} <= classifiers


def test_the_wheel_is_of_these_sources(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        first = archive.read("liqwidget/static/index.js").decode().splitlines()[0]
    digest = said(python("import hatch_build; print(hatch_build.sources_digest())", at=ROOT))
    assert first == f"/* liqwidget sources {digest} */"


def test_the_sdist_builds_the_same_wheel_without_node(checkout: Path, wheel: Path, tmp_path: Path) -> None:
    sdist = tmp_path / "sdist" / said(build("sdist", checkout, tmp_path / "sdist"))
    with tarfile.open(sdist) as archive:
        archive.extraction_filter = getattr(tarfile, "data_filter", lambda member, path: member)  # needs 3.11.4
        archive.extractall(tmp_path / "unpacked")
    (source,) = (tmp_path / "unpacked").iterdir()
    again = tmp_path / "again" / said(build("wheel", source, tmp_path / "again"))
    with ZipFile(wheel) as one, ZipFile(again) as other:
        assert sorted(one.namelist()) == sorted(other.namelist())
        script = "liqwidget/static/index.js"
        assert one.read(script) == other.read(script)


@pytest.mark.parametrize("kind", ["wheel", "editable", "sdist"])
@pytest.mark.parametrize("change", ["js/src/base/units.ts", "js/package-lock.json"])
def test_a_stale_bundle_is_refused_where_it_cannot_be_built(
    checkout: Path, tmp_path: Path, kind: str, change: str
) -> None:
    with (checkout / change).open("a", encoding="utf-8") as file:
        file.write("\n")
    run = build(kind, checkout, tmp_path / "out")
    assert run.returncode != 0
    assert re.search(
        r"wanted the digest (\w{64}), found (?!\1)\w{64}\. Run: python hatch_build\.py build \(it said: no Node",
        run.stderr,
    )
    assert not list((tmp_path / "out").glob("*.*"))


def test_a_missing_bundle_is_refused_where_it_cannot_be_built(checkout: Path, tmp_path: Path) -> None:
    shutil.rmtree(checkout / "src" / "liqwidget" / "static")
    assert "found no bundle" in build("wheel", checkout, tmp_path / "with sources").stderr
    shutil.rmtree(checkout / "js")
    assert "neither" in build("wheel", checkout, tmp_path / "without").stderr


@pytest.mark.parametrize("kind", ["wheel", "editable", "sdist"])
def test_a_tree_with_the_bundle_alone_is_refused(checkout: Path, tmp_path: Path, kind: str) -> None:
    package = checkout / "src" / "liqwidget"
    for path in package.iterdir():
        if path.name != "static":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    run = build(kind, checkout, tmp_path / "out")
    assert run.returncode != 0
    assert "wanted the Python sources in src/liqwidget; got no src/liqwidget/__init__.py." in run.stderr
    assert not list((tmp_path / "out").glob("*.*"))


@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_a_tree_without_one_of_its_modules_is_refused(checkout: Path, tmp_path: Path, kind: str) -> None:
    shutil.rmtree(checkout / "src" / "liqwidget" / "market")
    run = build(kind, checkout, tmp_path / "out")
    assert "got no src/liqwidget/market/combine.py and 2 more. Build from a complete checkout" in run.stderr
    assert not list((tmp_path / "out").glob("*.*"))


@pytest.mark.parametrize("kind", ["wheel", "sdist"])
@pytest.mark.parametrize("ignored", ["src/", "*.csv"])
def test_files_that_git_ignores_are_not_left_out_silently(
    checkout: Path, tmp_path: Path, kind: str, ignored: str
) -> None:
    with (checkout / ".gitignore").open("a", encoding="utf-8") as file:
        file.write(f"{ignored}\n")
    run = build(kind, checkout, tmp_path / "out")
    assert run.returncode != 0
    assert re.search(r"wanted all files of src/liqwidget in liqwidget-\S+; \d+ are missing, first \S+", run.stderr)
    assert not list((tmp_path / "out").glob("*.*"))


def test_without_sources_the_bundle_is_taken_as_it_is(checkout: Path, tmp_path: Path) -> None:
    shutil.rmtree(checkout / "js")
    assert said(build("wheel", checkout, tmp_path / "out")).endswith(".whl")


def test_a_stale_bundle_is_built_anew_where_there_is_a_node(checkout: Path, tmp_path: Path) -> None:
    (checkout / "js" / "node_modules").symlink_to(ROOT / "js" / "node_modules")
    with (checkout / "js" / "src" / "base" / "units.ts").open("a", encoding="utf-8") as file:
        file.write("\n")
    (tmp_path / "out").mkdir()
    code = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"
    built = tmp_path / "out" / said(python(code, tmp_path / "out", at=checkout))
    digest = said(python("import hatch_build; print(hatch_build.sources_digest())", at=checkout))
    assert digest in ZipFile(built).read("liqwidget/static/index.js").decode().splitlines()[0]


def test_line_ends_do_not_change_the_digest(checkout: Path) -> None:
    code = "import hatch_build; print(hatch_build.sources_digest())"
    before = said(python(code, at=checkout))
    units = checkout / "js" / "src" / "base" / "units.ts"
    units.write_bytes(units.read_bytes().replace(b"\n", b"\r\n"))
    assert said(python(code, at=checkout)) == before


def test_the_installed_wheel_works_on_its_own(installed: Path) -> None:
    code = """
import importlib.resources, pathlib, sys
import liqwidget
assert pathlib.Path(liqwidget.__file__).is_relative_to(sys.argv[1]), liqwidget.__file__
static = importlib.resources.files("liqwidget") / "static"
assert all((static / name).read_text(encoding="utf-8") for name in ("index.js", "widget.js", "index.css"))
assert liqwidget.load_brackets("binance")
print(liqwidget.estimate(liqwidget.load_sample()))
"""
    assert "Density(mixed" in said(python(code, installed, at=installed, PYTHONPATH=str(installed)))


def test_the_installed_wheel_says_what_it_has(installed: Path) -> None:
    code = "import runpy; runpy.run_module('liqwidget', run_name='__main__', alter_sys=True)"
    run = python(code, at=installed, PYTHONPATH=str(installed))
    assert run.stdout.startswith(f"liqwidget {liqwidget.__version__}, Python "), run.stderr
    assert run.stdout.splitlines()[0].endswith(str(installed / "liqwidget"))
    assert "  data   installed\n" in run.stdout
    assert "make " not in run.stdout
    assert said(run) == "  The demo, the course and further documentation are in a checkout of the sources only."


def test_importing_is_quick_and_pulls_in_nothing_heavy(installed: Path) -> None:
    code = """
import sys, time
import liqwidget
print(sorted({"bokeh", "httpx", "ipywidgets", "anywidget", "pandas", "numpy"} & set(sys.modules)))
import numpy, pandas
loaded = [name for name in sys.modules if name.split(".")[0] == "liqwidget"]
for name in loaded:
    del sys.modules[name]
start = time.perf_counter()
import liqwidget
print(time.perf_counter() - start)
"""
    costs = []
    for _ in range(5):
        run = python(code, at=installed, PYTHONPATH=str(installed))
        costs.append(float(said(run)))
        assert run.stdout.splitlines()[0] == "[]"
    assert statistics.median(costs) <= 0.35


def test_every_public_name_is_there() -> None:
    assert [name for name in liqwidget.__all__ if not hasattr(liqwidget, name)] == []
    assert set(liqwidget.__all__) <= set(dir(liqwidget))


def test_completion_shows_public_names_alone() -> None:
    code = """
import liqwidget
liqwidget.estimate(liqwidget.load_sample())
print(sorted(name for name in dir(liqwidget) if not name.startswith("__")))
"""
    shown = ast.literal_eval(said(python(code, at=ROOT)))
    assert shown == sorted(set(liqwidget.__all__) - {"__version__"})


def test_the_docstring_names_each_public_name_once() -> None:
    groups = re.findall(r"^    (.+)$", liqwidget.__doc__ or "", re.MULTILINE)
    named = [name for line in groups for name in re.findall(r"\w+", line)]
    assert sorted(named) == sorted(liqwidget.__all__)


def test_type_checkers_see_the_names_that_run_time_has() -> None:
    tree = ast.parse(Path(liqwidget.__file__).read_text(encoding="utf-8"))
    (typing,) = (node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    seen = {alias.name: node.module for node in typing.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert seen == liqwidget._HOME
    assert sorted(liqwidget.__all__) == sorted(["__version__", *seen])


def test_the_version_is_the_project_s() -> None:
    assert f'\nversion = "{liqwidget.__version__}"\n' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_no_module_imports_the_public_names() -> None:
    package = Path(liqwidget.__file__).parent
    for path in package.rglob("*.py"):
        depth = len(path.relative_to(package).parts)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                assert "liqwidget" not in [alias.name for alias in node.names], path
            elif isinstance(node, ast.ImportFrom) and node.level == depth and node.module is None:
                names = {alias.name for alias in node.names}
                assert not names & set(liqwidget.__all__), path


def test_this_environment_runs_the_checkout_itself() -> None:
    assert Path(liqwidget.__file__).parent == ROOT / "src" / "liqwidget"
    assert sysconfig.get_python_version() >= "3.11"


def test_the_bundle_is_small() -> None:
    bundle = (ROOT / "src" / "liqwidget" / "static" / "index.js").read_bytes()
    # 100,000 is wanted; lightweight-charts alone takes 55,000.
    assert len(gzip.compress(bundle, 9)) <= 115_000
