"""Converters that show no HTML: what they make of a notebook with a heatmap."""

from __future__ import annotations

import shutil
import subprocess
import zipfile

import nbformat
import pytest
from nbconvert import LatexExporter, MarkdownExporter
from traitlets.config import Config

import liqwidget as lw
from liqwidget.widget.html_page import WIDGET_VIEW


@pytest.fixture(scope="module")
def hm():
    return lw.LiquidationHeatmap(lw.load_sample().tail(300))


@pytest.fixture(scope="module")
def notebook(hm):
    """A notebook whose cell has shown the widget and, as an output of its own, the picture."""
    data, _ = hm._repr_mimebundle_()
    picture = nbformat.v4.new_output("display_data", {name: data[name] for name in data if name != WIDGET_VIEW})
    view = nbformat.v4.new_output("display_data", {WIDGET_VIEW: data[WIDGET_VIEW], "text/plain": ""})
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("hm", outputs=[view, picture])])


def test_latex_has_the_picture_with_its_axes(hm, notebook) -> None:
    text, resources = LatexExporter().from_notebook_node(notebook)
    ((name, png),) = resources["outputs"].items()
    assert png == hm._still().png
    assert name in text


def test_word_has_the_picture_with_its_axes(hm, notebook, tmp_path) -> None:
    if shutil.which("pandoc") is None:
        pytest.skip("no pandoc on the PATH (Debian: apt-get install pandoc)")
    config = Config({"NbConvertBase": {"display_data_priority": ["image/png", "text/plain"]}})
    text, resources = MarkdownExporter(config=config).from_notebook_node(notebook)
    for name, data in {"page.md": text.encode(), **resources["outputs"]}.items():
        (tmp_path / name).write_bytes(data)
    subprocess.run(["pandoc", "page.md", "-o", "page.docx"], cwd=tmp_path, check=True)
    with zipfile.ZipFile(tmp_path / "page.docx") as document:
        (name,) = [name for name in document.namelist() if name.startswith("word/media/")]
        assert document.read(name) == hm._still().png
        shown = document.read("word/document.xml").decode()
    assert shown.count("<pic:pic") == 1
    assert "model_id" not in shown  # pandoc by itself prints the view's JSON
