"""What the page loads for other packages, and which outputs are named as not shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest

from liqwidget.serve import style
from liqwidget.serve.outputs import (
    OURS,
    PLOTLY,
    WIDGET,
    allowed,
    extensions_for,
    faults,
    faults_of_widget,
    has_formulas,
    scripts_for,
)


@pytest.mark.parametrize(
    ("code", "extensions"),
    [
        ("import plotly.express as px", ["jupyterlab-plotly"]),
        ("x = 1\n  from plotly import io", ["jupyterlab-plotly"]),
        ("%matplotlib widget", ["jupyter-matplotlib"]),
        ("%matplotlib inline", []),
        ("# plotly, ipympl", []),
        ("import liqwidget as lw", []),
    ],
)
def test_extensions_are_loaded_for_code_that_needs_them(code: str, extensions: list[str]) -> None:
    assert extensions_for(code) == extensions
    assert allowed(OURS, code, []) == [*OURS, *extensions]


def test_an_authors_list_of_extensions_is_kept() -> None:
    assert allowed(["one"], "import plotly", ["two", "one"]) == ["one", "two"]
    assert allowed(OURS, "", ["two"]) == [*OURS, "two"]


def test_bokehjs_is_in_the_page_for_models_only() -> None:
    assert "bokeh.min.js" in scripts_for("from jupyter_bokeh.widgets import BokehModel")
    assert scripts_for("import bokeh") == []


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        (nbformat.v4.new_markdown_cell("no formula"), False),
        (nbformat.v4.new_markdown_cell("$x$"), True),
        (nbformat.v4.new_code_cell("price = '$3'"), False),
        (nbformat.v4.new_code_cell("from IPython.display import Math"), True),
    ],
)
def test_formulas_are_looked_for_in_text_and_code(cell: Any, found: bool) -> None:
    assert has_formulas(nbformat.v4.new_notebook(cells=[cell])) is found


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"text/plain": "x"}, None),
        ({"text/plain": "x", "image/png": "x"}, None),
        ({WIDGET: {}, "text/html": "<script>1</script>"}, None),
        ({"text/html": "<table><tr><td>1</td></tr></table>", "text/plain": "x"}, None),
        ({"text/html": "<img src='data:image/png;base64,x'>"}, None),
        ({"text/html": "<script type='application/json'>{}</script>"}, None),
        ({"text/html": ["<b>", "<SCRIPT>"]}, "a script in HTML"),
        ({"text/html": "<iframe src=x>"}, "a frame in HTML"),
        ({"text/html": "<img alt=y src=x.png>"}, "a file named in HTML"),
        ({"text/html": "<img src='https://example.org/x.png'>"}, "a file named in HTML"),
        ({"application/javascript": "1", "application/vnd.bokehjs_exec.v0+json": ""}, "Bokeh's show"),
        ({"application/javascript": "1", "text/plain": "x"}, "Javascript"),
        ({PLOTLY: {}, "text/html": "<script>"}, "a plotly figure"),
        ({"application/vnd.vega.v5+json": {}}, "application/vnd.vega.v5"),
    ],
)
def test_what_is_not_shown_is_named(data: dict[str, Any], said: str | None) -> None:
    found = list(faults(data, []))
    assert [text.startswith(said) for text in found] == [True] if said else found == []


def test_extensions_show_more() -> None:
    assert list(faults({PLOTLY: {}}, ["jupyterlab-plotly"])) == []
    assert list(faults({"application/vnd.vega.v5+json": {}}, [*OURS, "vega"])) == []
    assert len(list(faults({"application/vnd.vega.v5+json": {}}, [*OURS, "jupyterlab-plotly"]))) == 1
    assert list(faults_of_widget("jupyter-leaflet", ["jupyter-leaflet"])) == []
    assert list(faults_of_widget("@jupyter-widgets/controls", [])) == []
    assert "--extension=jupyter-leaflet" in next(iter(faults_of_widget("jupyter-leaflet", [])))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"h1 { color: red } /* url(x.png) { */ a { background: url('data:image/png;base64,x') }", None),
        (b"h1 { color: red", "whose braces do not match"),
        (b"<!DOCTYPE html><style>h1 {}</style>", "whose braces do not match"),
        (b"\xff\xfe", "wanted a style sheet in UTF-8"),
        (b"@import 'https://fonts.example/x.css'; h1 {}", "got 'https://fonts.example/x.css'. Embed it"),
        (b"@import url(x.css); h1 {}", "got 'x.css'"),
        (b"h1 { background: url( //example.org/x.png ) }", "got '//example.org/x.png'"),
        (b" " * (style.LARGEST + 1), "wanted at most 256 KiB"),
        (None, "Name an existing file"),
    ],
)
def test_a_style_sheet_is_checked(tmp_path: Path, text: bytes | None, said: str | None) -> None:
    path = tmp_path / "own.css"
    if text is not None:
        path.write_bytes(text)
    fault = style.fault_of(path)
    assert (fault is None) if said is None else (fault is not None and fault.startswith("css: ") and said in fault)
