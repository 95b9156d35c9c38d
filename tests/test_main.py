"""`python -m liqwidget`: what an installation has and how to start it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import liqwidget

PACKAGE = Path(liqwidget.__file__).parent
ROOT = PACKAGE.parents[1]
#: Without what this environment has installed.
BARE = ("-S",)


def run(
    *arguments: str, at: Path, options: tuple[str, ...] = (), **environment: str | bytes
) -> subprocess.CompletedProcess[str]:
    """Call the program, without this process's environment variables for modules and the cache."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "LIQWIDGET"))}
    return subprocess.run(
        [sys.executable, *options, "-m", "liqwidget", *arguments],
        cwd=at,
        env={**inherited, "PYTHONIOENCODING": "utf-8", **environment},  # POSIX takes bytes, too
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def printed(done: subprocess.CompletedProcess[str]) -> str:
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.fixture
def alone(tmp_path: Path) -> Path:
    """A folder with the package as a wheel installs it, and nothing that it requires."""
    site = tmp_path / "site"
    shutil.copytree(PACKAGE, site / "liqwidget", ignore=shutil.ignore_patterns("__pycache__", "static"))
    needs = (
        "Requires-Dist: numpy>=1.26\nRequires-Dist: httpx>=0.27; extra == 'data'\n"
        "Requires-Dist: tqdm>=4.66; extra == 'data'\nRequires-Dist: openpyxl[x]<9,>=3.1 ; extra == \"excel\"\n"
        + "".join(f"Requires-Dist: {name}; extra == 'dev'\n" for name in "abcde")
    )
    register(site, "liqwidget", liqwidget.__version__, needs)
    return site


def register(site: Path, name: str, version: str, more: str = "") -> None:
    """Write the metadata of an installed package."""
    folder = site / f"{name}-{version}.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n{more}")


def test_it_says_what_this_environment_has(tmp_path: Path) -> None:
    text = printed(run(at=tmp_path, LIQWIDGET_CACHE=str(tmp_path / "here")))
    assert text.startswith(f"liqwidget {liqwidget.__version__}, Python {sys.version.split()[0]}, {PACKAGE}\n")
    assert re.search(r"^  data +installed$", text, re.MULTILINE)
    assert f"\n  {tmp_path / 'here'} (LIQWIDGET_CACHE moves it)\n" in text
    assert "\n  application    lw.explore(), in a notebook\n" in text
    assert "python -m liqwidget.serve NOTEBOOK.ipynb" in text
    assert not (tmp_path / "here").exists()


def test_a_checkout_has_the_targets_of_its_makefile(tmp_path: Path) -> None:
    text = printed(run(at=tmp_path))
    named = re.findall(r"^    make (\w+) +(.+)$", text, re.MULTILINE)
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert {"demo", "course"} <= {name for name, _ in named}
    assert all(re.search(rf"^{name}:.*## {re.escape(what)}$", makefile, re.MULTILINE) for name, what in named)
    assert ("docs" in dict(named)) == bool(re.search(r"^docs:", makefile, re.MULTILINE))


def test_an_installed_package_without_anything_else(alone: Path, tmp_path: Path) -> None:
    text = printed(run(at=tmp_path, options=BARE, PYTHONPATH=str(alone)))
    assert "\n  data   lacks httpx, tqdm\n  dev    lacks a, b, c and 2 more\n  excel  lacks openpyxl\n" in text
    assert 'none: market data needs the extra "data"' in text
    assert "\n  application    needs the extra 'app'\n  serve          needs the extra 'voila'\n" in text
    assert "make " not in text
    assert "in a checkout of the sources only" in text


def test_extras_are_found_by_the_metadata_of_their_packages(alone: Path, tmp_path: Path) -> None:
    for name, version in (("httpx", "0.27.2"), ("tqdm", "4.9.1"), ("openpyxl", "3.10rc1")):
        register(alone, name, version)
    text = printed(run(at=tmp_path, options=BARE, PYTHONPATH=str(alone)))
    assert "\n  data   lacks tqdm>=4.66 (got 4.9.1)\n" in text
    assert "\n  excel  installed\n" in text


def test_sources_that_are_not_installed(alone: Path, tmp_path: Path) -> None:
    shutil.rmtree(alone / f"liqwidget-{liqwidget.__version__}.dist-info")
    text = printed(run(at=tmp_path, options=BARE, PYTHONPATH=str(alone)))
    assert "\n  not known: these sources are not installed\n" in text


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (" ", "cache: wanted the path of a folder; got ' '."),
        (
            "~nobody-of-this-name/x",
            "cache: wanted the path of a folder; got '~nobody-of-this-name/x', an unknown home.",
        ),
        ("/a\nExtras\x1b[31m", r"'/a\nExtras\x1b[31m' (LIQWIDGET_CACHE moves it)"),
        (b"/\xff\xfe", r"'/\udcff\udcfe' (LIQWIDGET_CACHE moves it)"),
        ("/" + "long" * 3_000, "long (LIQWIDGET_CACHE moves it)"),
        ("/größe", "/größe (LIQWIDGET_CACHE moves it)"),
    ],
)
def test_hostile_values_of_the_environment_variable(value: str | bytes, shown: str, tmp_path: Path) -> None:
    text = printed(run(at=tmp_path, LIQWIDGET_CACHE=value))
    assert shown in text
    assert text.splitlines().count("Extras (pip install 'liqwidget[NAME]')") == 1
    assert "\x1b" not in text


def test_an_encoding_that_lacks_letters_of_the_path(tmp_path: Path) -> None:
    text = printed(run(at=tmp_path, LIQWIDGET_CACHE="/größe", PYTHONIOENCODING="ascii"))
    assert r"/gr\xf6\xdfe (LIQWIDGET_CACHE moves it)" in text


@pytest.mark.skipif(os.name == "nt", reason="Windows does not delete a current folder")
def test_a_relative_cache_below_a_folder_that_was_deleted(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    code = "import os, runpy, sys; os.rmdir(os.getcwd()); runpy.run_module('liqwidget', run_name='__main__')"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=gone,
        env={**os.environ, "LIQWIDGET_CACHE": "x"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "got a current folder that is not there" in done.stdout


def test_help_and_version(tmp_path: Path) -> None:
    assert printed(run("--version", at=tmp_path)) == f"liqwidget {liqwidget.__version__}\n"
    for name in ("--help", "-h"):
        assert printed(run(name, at=tmp_path)).startswith("usage: python -m liqwidget [--help | --version | brackets")


@pytest.mark.parametrize("wrong", [("serve",), ("--help", "x"), ("",), ("\x1b[31m\n" * 99,)])
def test_a_wrong_argument_gives_one_sentence(wrong: tuple[str, ...], tmp_path: Path) -> None:
    done = run(*wrong, at=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(
        r"python -m liqwidget: wanted --help, --version, brackets or nothing; got [ -~]{2,100}\. "
        r"Without an argument it says how to start\.\n",
        done.stderr,
    )


def test_nothing_heavy_is_loaded_and_no_socket_opened(tmp_path: Path) -> None:
    code = """
import runpy, sys
events = set()
sys.addaudithook(lambda event, _: events.add(event))
try:
    runpy.run_module("liqwidget", run_name="__main__")
except SystemExit as end:
    assert not end.code
heavy = {"numpy", "pandas", "pyarrow", "httpx", "tqdm", "bokeh", "ipywidgets", "asyncio"} & set(sys.modules)
print(heavy, {event for event in events if event.startswith(("socket.", "subprocess."))}, "open" in events)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1:] == ["set() set() True"], done.stderr
