"""The documentation: paths that exist, links with a target, code that compiles, one version."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import liqwidget

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("notebooks/**/*.md"), *ROOT.glob(".github/**/*.md")]
)
DECISIONS = sorted(path for path in (ROOT / "docs" / "decisions").glob("*.md") if path.name != "README.md")


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_to_files_and_headings(page: Path) -> None:
    text = re.sub(r"`[^`\n]*`", "", page.read_text(encoding="utf-8"))  # what code spans show is no link
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", text):
        path, _, heading = target.partition("#")
        assert not path or (page.parent / path).exists(), target
        if heading:
            there = (page.parent / path if path else page).read_text(encoding="utf-8")
            titles = re.findall(r"^#+ (.*)$", there, flags=re.MULTILINE)
            slugs = {re.sub(r"[^\w -]", "", title).strip().lower().replace(" ", "-") for title in titles}
            assert heading in slugs, target


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_paths_in_the_text_exist(page: Path) -> None:
    roots = [ROOT, ROOT / "src" / "liqwidget", ROOT / "js" / "src", page.parent]
    for path in re.findall(r"`((?:\.?[\w-]+/)+[\w.-]+/?)`", page.read_text(encoding="utf-8")):
        built = path.startswith(("dist/", "src/liqwidget/static", "tiles/"))  # made by a build or in a store
        assert built or any((root / path).exists() for root in roots), path


def test_the_map_of_folders_is_complete() -> None:
    rows = re.findall(r"^\| ((?:`[\w./]+`(?:, )?)+) \|", (ROOT / "CONTRIBUTING.md").read_text("utf-8"), re.MULTILINE)
    told = {path.rstrip("/") for row in rows for path in re.findall(r"`([\w./]+)`", row)}
    python, script = ROOT / "src" / "liqwidget", ROOT / "js" / "src"
    with_rooms = {"sources"}
    wanted = {path.name for path in python.iterdir() if path.is_dir() and path.name not in {"static", "__pycache__"}}
    wanted |= {f"{room}/{path.parent.name}" for room in with_rooms for path in python.glob(f"{room}/*/__init__.py")}
    wanted |= {path.name for path in python.glob("*.py") if path.name != "__init__.py"}
    wanted |= {path.name for path in script.iterdir() if path.is_dir() and path.name != "styles"}
    assert not wanted - with_rooms - told


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_python_in_the_text_compiles(page: Path) -> None:
    for number, block in enumerate(re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.S | re.M)):
        compile(block, f"{page.name}, block {number}", "exec", flags=0x2000)  # top-level await, as in a notebook


def test_decisions_are_numbered_and_listed() -> None:
    assert [path.name[:3] for path in DECISIONS] == [f"{number:03}" for number in range(1, len(DECISIONS) + 1)]
    index = (ROOT / "docs" / "decisions" / "README.md").read_text(encoding="utf-8")
    for path in DECISIONS:
        text = path.read_text(encoding="utf-8")
        title = re.match(rf"# {path.name[:3]}\. (.+)\n", text)
        assert title, path.name
        assert f"| [{path.name[:3]}]({path.name}) | {title[1]} |" in index
        parts = re.findall(r"^\*\*(\w+)\.\*\*", text, flags=re.MULTILINE)
        assert parts == ["Context", "Decision", "Consequences"], path.name


def test_the_citation_names_this_version() -> None:
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {liqwidget.__version__}\n" in citation
    assert "\nlicense: MIT\n" in citation


def test_pre_commit_runs_what_make_lint_runs() -> None:
    make = (ROOT / "Makefile").read_text(encoding="utf-8")
    lint = re.search(r"^lint:.*\n((?:\t.*\n)+)", make, flags=re.MULTILINE)
    assert lint
    commands = [line.strip().replace("$(PY)", ".venv/bin/python").removesuffix(" .") for line in lint[1].splitlines()]
    hooks = re.findall(r"^ +entry: (.*)$", (ROOT / ".pre-commit-config.yaml").read_text("utf-8"), flags=re.MULTILINE)
    assert [hook.removesuffix(" --force-exclude") for hook in hooks] == commands


@pytest.mark.parametrize("path", sorted(ROOT.glob("notebooks/**/*.ipynb")), ids=name)
def test_notebooks_are_kept_without_outputs(path: Path) -> None:
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
