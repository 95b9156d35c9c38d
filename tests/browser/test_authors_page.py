"""Notebooks of other authors as pages for visitors: outputs of each kind, images, options, own CSS, no heatmap."""

from __future__ import annotations

from base64 import b64decode
from importlib.util import find_spec
from pathlib import Path

import nbformat
import pytest
from jupyter_server.auth import passwd
from lab import chromium, find_chromium

from served import Served

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(find_chromium() is None, reason="no Chromium on the PATH (Debian: apt-get install chromium)"),
]

PNG = b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGP4z8DwHwAFAAH/iZk9HQAAAABJRU5ErkJggg==")
TEXT = """# Other kinds

![beside](be%20side.png) ![above](../above.png) words <img alt="tag" src="be side.png">"""
#: Code, and what is in the page when its output is shown.
KINDS = [
    (
        "from bokeh.plotting import figure, output_notebook, show\nfrom jupyter_bokeh import BokehModel\n"
        "plot = figure()\nplot.line([1, 2], [3, 4])\nBokehModel(plot)",
        ".bk-Figure canvas",
    ),
    ("from IPython.display import Math, Markdown, SVG, HTML, Javascript\nMath(r'\\frac{a}{b}')", "mjx-mfrac"),
    ("Markdown('## *hello*')", "h2 em:has-text('hello')"),
    (
        'SVG(\'<svg xmlns="http://www.w3.org/2000/svg" width="50" height="50"><circle r="9"/></svg>\')',
        ".jp-RenderedSVG img, .jp-RenderedSVG svg",
    ),
    ("import pandas\npandas.DataFrame({'column': [1]})", "th:has-text('column')"),
]
if find_spec("plotly"):
    KINDS += [
        (
            "import plotly.graph_objects as go\ngo.Figure(go.Scatter(x=[1, 2], y=[3, 4]))",
            ".js-plotly-plot .scatterlayer",
        ),
    ]
if find_spec("ipympl"):
    KINDS += [("%matplotlib widget\nimport matplotlib.pyplot as plt\nplt.plot([1, 2]);", ".jupyter-matplotlib canvas")]
REFUSED = {
    "output_notebook()\nshow(figure())": "Bokeh's show() needs scripts in the page",
    "Javascript('document.title = 1')": "Javascript(...) does not run",
    "HTML('<b>bold</b><script>document.title = 1</script>')": "a script in HTML does not run",
    "HTML('<img src=\"other.png\">')": "a file named in HTML is not served",
    "get_ipython().display_pub.publish({'application/x-unknown': '1'})": "application/x-unknown: nothing",
}
LAST = "raise ValueError('words of the traceback')"


def write(path: Path, *cells: str) -> Path:
    new = nbformat.v4
    made = [new.new_code_cell(cell[1:]) if cell.startswith(">") else new.new_markdown_cell(cell) for cell in cells]
    path.parent.mkdir(parents=True)
    nbformat.write(new.new_notebook(cells=made), path)
    return path


def test_other_kinds_of_output_show_or_are_named_in_the_log(playwright, tmp_path: Path) -> None:
    codes = [code for code, _ in KINDS] + list(REFUSED) + [LAST]
    notebook = write(tmp_path / "site" / "page.ipynb", TEXT, *(f">{code}" for code in codes))
    for path in (tmp_path / "above.png", notebook.parent / "be side.png", notebook.parent / "other.png"):
        path.write_bytes(PNG)
    (tmp_path / "own.css").write_text("h1 { color: rgb(1, 2, 3); } body h1:hover { color: red }")
    options = ("--VoilaConfiguration.preheat_kernel=False", "--strip_sources=False", "--show_tracebacks=True")
    server = Served(notebook, tmp_path / "home", *options, f"--css={tmp_path / 'own.css'}")
    try:
        with chromium(playwright, 1000, 4000) as page:
            page.goto(server.url, wait_until="commit")
            for _, selector in KINDS:
                page.wait_for_selector(selector, state="attached", timeout=120_000)
            page.wait_for_selector("#wait", state="detached", timeout=60_000)
            assert page.title() == "Other kinds"
            sizes = "[...document.images].map((image) => [image.alt, image.naturalWidth])"
            assert page.evaluate(sizes)[:3] == [["beside", 1], ["above", 1], ["tag", 1]]
            assert page.evaluate("getComputedStyle(document.querySelector('h1')).color") == "rgb(1, 2, 3)"
            assert page.locator(".jp-InputArea-editor", has_text="import BokehModel").is_visible()
            assert page.locator(".jp-OutputArea pre", has_text="ValueError: words of the traceback").count() == 1
            icon = page.evaluate("fetch(document.querySelector('link[rel=icon]').href).then((got) => got.text())")
            assert icon.startswith("<svg")
        said = server.said()
        assert said.count("is not shown as a whole: ") == len(REFUSED)
        for text in REFUSED.values():
            assert f"is not shown as a whole: {text}" in said
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("cell", "shown", "is_drawn_by_scripts"),
    [
        ("# Only text", "h1", False),
        (">x = 1", "main", False),
        (">import ipywidgets\nipywidgets.IntSlider(description='plain')", ".widget-slider", True),
        (">1 / 0", "text=There was an error when executing cell", False),
        (">from IPython.display import Math\nMath('x')", "mjx-container", True),
    ],
    ids=["text", "nothing", "widget", "error", "formula"],
)
def test_a_page_without_a_heatmap_ends_its_waiting_words(
    playwright, tmp_path: Path, cell: str, shown: str, is_drawn_by_scripts: bool
) -> None:
    server = Served(write(tmp_path / "site" / "page.ipynb", cell), tmp_path / "home", "--pool=0")
    try:
        with chromium(playwright, 800, 600) as page:
            if not is_drawn_by_scripts:  # then the words need not wait for them on a slow line
                page.route("**/voila.js", lambda route: route.abort())
            page.goto(server.url, wait_until="commit")
            page.wait_for_selector(shown, state="attached", timeout=60_000)
            page.wait_for_selector("#wait", state="detached", timeout=30_000)
            assert page.locator(shown).count() >= 1
    finally:
        server.stop()


def test_a_visitor_signs_in_and_the_notebook_reads_their_address(playwright, tmp_path: Path) -> None:
    cell = ">import os, ipywidgets\nipywidgets.IntText(description=os.environ['QUERY_STRING'], value=7)"
    notebook = write(tmp_path / "site" / "page.ipynb", "# Signed in", cell)
    server = Served(notebook, tmp_path / "home", "--pool=0", "--query=symbol", f"--password={passwd('right one')}")
    try:
        with chromium(playwright, 800, 600) as page:
            page.goto(f"{server.url}?symbol=ETHUSDT&other=1#view=1")
            assert page.title() == "Signed in"
            assert page.evaluate("document.activeElement.id") == "password"
            page.keyboard.type("wrong one")
            page.keyboard.press("Enter")
            page.wait_for_selector("#fault[role=alert]:has-text('That is not the password.')")
            page.keyboard.type("right one")
            page.keyboard.press("Enter")
            page.wait_for_selector(".widget-label:has-text('symbol=ETHUSDT')", timeout=60_000)
            page.wait_for_selector("#wait", state="detached", timeout=30_000)
            assert page.url == f"{server.url}?symbol=ETHUSDT&other=1#view=1"
            assert page.evaluate("document.cookie") == ""
            unauthorised = "Failed to load resource: the server responded with a status of 401 (Unauthorized)"
            assert page.problems == [unauthorised] * 2
    finally:
        server.stop()
