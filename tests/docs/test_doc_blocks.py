"""All Python in README and docs runs, but for blocks that say why not; those are counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from doc_blocks import blocks, run

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    page
    for page in sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
    if blocks(page.read_text(encoding="utf-8"))
]


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=name)
@pytest.mark.filterwarnings("default")  # a page's reader sees warnings; they are no errors
def test_blocks_run(page: Path, tmp_path: Path) -> None:
    found = blocks(page.read_text(encoding="utf-8"))
    assert run(page, tmp_path) == len([block for block in found if not block.reason])


def test_blocks_that_do_not_run_are_few_and_say_why() -> None:
    """Marimo, Colab, JupyterLite, frameworks for web pages, and clusters of machines: none of them is here."""
    left = {name(page): [block.reason for block in blocks(page.read_text("utf-8")) if block.reason] for page in PAGES}
    assert {page: len(reasons) for page, reasons in left.items() if reasons} == {"docs/hosts.md": 7, "docs/scale.md": 2}
    assert sum(len(blocks(page.read_text("utf-8"))) for page in PAGES) > 60


def test_a_block_that_fails_is_named(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A page\n\n```python\nx = 1\n```\n\n<!-- not run: no y -->\n```python\ny\n```\n\n"
        "```{run}\n:title: T\nx / 0\n```\n"
    )
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(ZeroDivisionError) as raised:
        run(page, folder)
    assert raised.value.__notes__ == ["page.md, line 12"]
