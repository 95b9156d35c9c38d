"""Prepare the notebook that ``make demo`` opens: the explorer, executed, with the state of its widgets, and trusted.

JupyterLab shows its heatmap, and the sliders work, before any cell has run: both are in the browser. The notebook under
version control stays without outputs. The copy lies in ``demo/``, which git ignores, and is made again when the
explorer or the package has changed; one that somebody has edited is kept under another name.
"""

from __future__ import annotations

import os
import sys
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import nbformat
from jupyter_client.kernelspec import NoSuchKernel
from jupyter_core.paths import jupyter_data_dir
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat.sign import NotebookNotary

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "notebooks" / "explorer.ipynb"
TARGET = ROOT / "demo" / "explorer.ipynb"
#: Under this name the copy's metadata say what it was made from and what its cells were.
OWN = "liqwidget_demo"


def prepare(source: Path = SOURCE, target: Path = TARGET) -> str:
    """Make the copy unless it is fresh; returns what was done as text."""
    made_from, said = _digest_of(source), ""
    old = _read(target)
    if old is not None:
        facts = old.metadata.get(OWN, {})
        if facts.get("made_from") == made_from:
            return f"{target} is fresh."
        if facts.get("cells") != _cells(old):
            kept = _free_name(target)
            target.rename(kept)
            said = f"Your edited notebook is now {kept}. "
    notebook = nbformat.read(source, 4)
    try:
        _execute(notebook, source.parent)
        said += f"Made {target}."
    except (CellExecutionError, CellTimeoutError, DeadKernelError, NoSuchKernel) as error:
        notebook = nbformat.read(source, 4)
        made_from = ""  # the next call tries again
        said += f"{target} has no outputs, run its cells: {str(error).strip().splitlines()[-1]}"
    notebook.metadata[OWN] = {"made_from": made_from, "cells": _cells(notebook)}
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(".part")
    nbformat.write(notebook, part)
    part.replace(target)
    Path(jupyter_data_dir()).mkdir(parents=True, exist_ok=True)  # where the key lies; older versions expect it
    notary = NotebookNotary()
    with closing(notary.store):
        notary.sign(nbformat.read(target, 4))  # as `jupyter trust` does
    return said


def _execute(notebook: nbformat.NotebookNode, folder: Path) -> None:
    """Run all cells in a kernel; keeps outputs and the state of the widgets, and no counts: nothing ran in Lab yet."""
    without = {name: value for name, value in os.environ.items() if name != "LIQWIDGET_CSV"}
    client = NotebookClient(notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(folder)}})
    client.execute(env=without)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type != "code":
            continue
        cell.execution_count = None
        for output in cell.outputs:
            if "execution_count" in output:
                output.execution_count = None


def _digest_of(source: Path) -> str:
    """Return a digest of the notebook and of the package with its bundle."""
    package = ROOT / "src" / "liqwidget"
    files = [path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    digest = sha256()
    for path in (source, Path(__file__), *sorted(files)):
        digest.update(sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _cells(notebook: nbformat.NotebookNode) -> str:
    """Return a digest of what somebody can have written into the cells; outputs do not count."""
    return sha256("\0".join(f"{cell.cell_type}\0{cell.source}" for cell in notebook.cells).encode()).hexdigest()


def _read(path: Path) -> nbformat.NotebookNode | None:
    try:
        return nbformat.read(path, 4)
    except FileNotFoundError:
        return None
    except (nbformat.reader.NotJSONError, nbformat.ValidationError):
        return nbformat.v4.new_notebook()  # not ours any more: kept under another name


def _free_name(path: Path) -> Path:
    number = 1
    while (free := path.with_stem(f"{path.stem}-{number}")).exists():
        number += 1
    return free


if __name__ == "__main__":
    print(prepare(SOURCE, Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET))
