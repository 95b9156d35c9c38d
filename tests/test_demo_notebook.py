"""The notebook of ``make demo``: when it is made again, and that nobody's edits are lost. tests/browser opens it."""

from __future__ import annotations

import importlib.util
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient.exceptions import DeadKernelError
from nbformat.sign import NotebookNotary

SCRIPT = Path(__file__).resolve().parents[1] / "scripts" / "demo_notebook.py"


@pytest.fixture
def demo(monkeypatch, tmp_path):
    """The script's module; its kernel is replaced by one that counts how often it was started."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    spec = importlib.util.spec_from_file_location("demo_notebook", SCRIPT)
    module: Any = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "demo_notebook", module)
    spec.loader.exec_module(module)
    module.runs = []

    def execute(notebook, folder):
        module.runs.append(folder)
        notebook.cells[1].outputs = [nbformat.v4.new_output("stream", text=f"run {len(module.runs)}")]

    monkeypatch.setattr(module, "_execute", execute)
    return module


@pytest.fixture
def source(tmp_path) -> Path:
    path = tmp_path / "explorer.ipynb"
    cells = [nbformat.v4.new_markdown_cell("# Title"), nbformat.v4.new_code_cell("1 + 1")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


def is_trusted(path: Path) -> bool:
    notary = NotebookNotary()
    with closing(notary.store):
        return notary.check_signature(nbformat.read(path, 4))


def test_it_is_made_once_and_trusted(demo, source, tmp_path) -> None:
    target = tmp_path / "demo" / "explorer.ipynb"
    assert demo.prepare(source, target) == f"Made {target}."
    made = target.read_bytes()
    assert is_trusted(target)
    assert not is_trusted(source)
    assert demo.prepare(source, target) == f"{target} is fresh."
    assert target.read_bytes() == made
    assert demo.runs == [source.parent]
    assert [path.name for path in target.parent.iterdir()] == ["explorer.ipynb"]
    assert nbformat.read(source, 4).cells[1].outputs == []


def test_a_change_of_the_explorer_makes_it_again_also_where_somebody_ran_it(demo, source, tmp_path) -> None:
    target = tmp_path / "demo" / "explorer.ipynb"
    demo.prepare(source, target)
    ran = nbformat.read(target, 4)
    ran.cells[1].outputs = [nbformat.v4.new_output("stream", text="by hand")]
    nbformat.write(ran, target)
    assert demo.prepare(source, target) == f"{target} is fresh."
    source.write_text(source.read_text().replace("1 + 1", "1 + 2"))
    assert demo.prepare(source, target) == f"Made {target}."
    assert nbformat.read(target, 4).cells[1].outputs[0].text == "run 2"
    assert len(list(target.parent.iterdir())) == 1


@pytest.mark.parametrize("edit", ["changed", "no notebook"])
def test_what_somebody_wrote_is_kept(demo, source, tmp_path, edit) -> None:
    target = tmp_path / "demo" / "explorer.ipynb"
    for number in (1, 2):
        demo.prepare(source, target)
        text = target.read_text().replace("# Title", "# Mine") if edit == "changed" else "{"
        target.write_text(text)
        source.write_text(source.read_text().replace("1 + ", "1 + 0 + "))
        kept = target.with_name(f"explorer-{number}.ipynb")
        assert demo.prepare(source, target) == f"Your edited notebook is now {kept}. Made {target}."
        assert kept.read_text() == text
    assert "# Title" in target.read_text()


def test_if_no_cell_can_run_there_is_a_notebook_without_outputs_and_the_next_time_tries_again(
    demo, source, tmp_path, monkeypatch
) -> None:
    target, works = tmp_path / "demo" / "explorer.ipynb", demo._execute

    def dies(notebook, folder):
        works(notebook, folder)
        raise DeadKernelError("Kernel died")

    monkeypatch.setattr(demo, "_execute", dies)
    assert demo.prepare(source, target) == f"{target} has no outputs, run its cells: Kernel died"
    assert nbformat.read(target, 4).cells[1].outputs == []
    monkeypatch.setattr(demo, "_execute", works)
    assert demo.prepare(source, target) == f"Made {target}."
    assert len(list(target.parent.iterdir())) == 1
