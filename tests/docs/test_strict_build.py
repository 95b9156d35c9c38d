"""The build of the manual fails on a broken link, an undocumented name or a failing example."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import liqwidget

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.slow  # Sphinx is not among the oldest versions that are tried


def build(tmp_path: Path, page: str, *, before: str = "", errors: bool = False) -> tuple[int, str]:
    """Build a site of one page, and the reference of errors if asked, after code ran; return exit code and warnings."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "index.md").write_text(page + ("\n```{toctree}\nerrors\n```\n" if errors else ""), encoding="utf-8")
    if errors:
        (source / "errors.rst").write_text((ROOT / "docs" / "reference" / "errors.rst").read_text("utf-8"), "utf-8")
    arguments = ["-q", "-W", "--keep-going", "-n", "-c", str(ROOT / "docs"), str(source), str(tmp_path / "site")]
    code = f"import sys, liqwidget\n{before}\nfrom sphinx.cmd.build import main\nsys.exit(main({arguments!r}))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)
    return ran.returncode, ran.stderr


def test_a_sound_page_builds(tmp_path: Path) -> None:
    page = "# A page\n\nSee {py:exc}`liqwidget.LiqError`, [itself](#a-page).\n\n```{run}\n1 + 1\n```\n"
    page += "\n```{run}\nimport liqwidget as lw\n\nlw.estimate(lw.load_sample())\n```\n"
    assert build(tmp_path, page, errors=True) == (0, "")
    assert "base64" not in (tmp_path / "site" / "llms-full.txt").read_text("utf-8")
    assert "<pre>2</pre>" in (tmp_path / "site" / "index.html").read_text("utf-8")
    assert (tmp_path / "site" / "llms.txt").read_text("utf-8").startswith("# A page\n\n> See ")


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("[there](nowhere.md)", "nowhere.md"),
        ("[there](#no-heading)", "no-heading"),
        ("{py:func}`liqwidget.no_such_name`", "liqwidget.no_such_name"),
        ("```{run}\n1 / 0\n```", "an example failed: ZeroDivisionError: division by zero"),
        (
            "```{run}\nfrom tempfile import TemporaryDirectory\nimport liqwidget as lw\n"
            "with TemporaryDirectory() as store:\n"
            "    years = lw.history(lw.load_sample(), store, columns=200, progress=False)\nyears\n```",
            "an example failed: The store cannot be read: ",
        ),
    ],
)
def test_a_broken_link_or_block_fails(page: str, said: str, tmp_path: Path) -> None:
    code, warnings = build(tmp_path, f"# A page\n\n{page}\n")
    assert code == 1
    assert said in warnings


@pytest.mark.parametrize(
    ("before", "said"),
    [
        ("liqwidget.__all__.append('Bracket')", "liqwidget.__doc__: Bracket is in no group"),
        ("liqwidget.LiqError.__doc__ = 'An error.'", "liqwidget.LiqError: its docstring has no example that runs"),
        (
            "liqwidget.LiqError.__doc__ = '''An error.\n\nExamples\n--------\n>>> 1 + 1\n3\n'''",
            "liqwidget.LiqError: its example failed",
        ),
        ("liqwidget.LiqError.cause = lambda self: None", "liqwidget.LiqError.cause: nothing describes it"),
    ],
)
def test_an_undocumented_name_or_a_failing_example_fails(before: str, said: str, tmp_path: Path) -> None:
    code, warnings = build(tmp_path, "# A page\n", before=before, errors=True)
    assert code == 1
    assert said in warnings


@pytest.fixture
def manual(monkeypatch: pytest.MonkeyPatch) -> None:
    """The site's extension can be imported."""
    monkeypatch.syspath_prepend(ROOT / "docs")


def test_every_public_name_is_in_one_group(manual: None) -> None:
    from manual.names import faults_of_groups, groups

    assert faults_of_groups() == []
    assert [name for names in groups().values() for name in names][:2] == ["Market", "Origin"]
    assert sum(map(len, groups().values())) == len(liqwidget.__all__)
    assert faults_of_groups("Show\n    link, link, other\n", ["link", "missing"]) == [
        "liqwidget.__doc__: missing is in no group",
        "liqwidget.__doc__: link is listed 2 times",
        "liqwidget.__doc__: other is no public name",
    ]


def test_a_drawing_is_made_while_its_store_exists(manual: None) -> None:
    from manual.examples import run

    made = run("History", liqwidget.History.__doc__ or "", inspect.getmodule(liqwidget.History))
    assert made.failures == ""
    assert made.drawn is not None
    assert "cannot be read" not in made.drawn


def test_the_reference_leaves_out_what_the_package_alone_calls(manual: None) -> None:
    from manual.names import INTERNAL, members

    for cls in (liqwidget.LiquidationHeatmap, liqwidget.HistoryHeatmap):
        listed = set(members(cls))
        assert {"append", "to_html", "view"} <= listed
        assert not listed & INTERNAL
        assert all(hasattr(cls, name) for name in INTERNAL)
