"""Run notebooks and write them as pages that stay alive without a kernel and without a network.

    python notebooks/teaching/export.py                       # the course, to dist/course
    python notebooks/teaching/export.py mine.ipynb --to site  # any notebook of heatmaps and figures

A heatmap becomes the page of its own `to_html`, in a frame; Bokeh figures and exercises answer by
themselves. The index shows of each notebook its title, its first paragraph and the picture beside
it, `mine.svg`, and how far the reader got with the exercises.
"""

from __future__ import annotations

import argparse
import asyncio
import re
from base64 import b64encode
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from html import escape
from pathlib import Path
from urllib.parse import quote

import nbformat
from jinja2 import FileSystemLoader
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from nbformat import NotebookNode

from exercise import progress_html

HERE = Path(__file__).resolve().parent
COURSE = sorted(HERE.glob("0*.ipynb"))

# Runs before the notebook's own cells, and is not in the page: heatmaps show themselves as pages.
_SETUP = """
def _frame(heatmap):
    from html import escape
    from IPython.display import display
    page = escape(heatmap.to_html())
    html = f'<iframe class="heatmap" title="Heatmap" srcdoc="{page}"></iframe>'
    display({"text/html": html, "text/plain": ""}, raw=True)

from liqwidget import LiquidationHeatmap
formatter = get_ipython().display_formatter.ipython_display_formatter
formatter.for_type(LiquidationHeatmap, _frame)
# A progress bar that has ended would stay in the page as text.
formatter.for_type_by_name("tqdm.notebook", "TqdmHBox", lambda _: None)
"""


def run(path: Path, first: str = "") -> NotebookNode:
    """Return a notebook after all its cells ran in a new kernel, `first` (code) before them.

    Raises
    ------
    CellExecutionError
        If a cell fails.
    """
    notebook = nbformat.read(str(path), as_version=4)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(_SETUP + first))
    options = {"timeout": 120, "store_widget_state": False}
    options["resources"] = {"metadata": {"path": str(path.parent)}}
    asyncio.run(NotebookClient(notebook, **options).async_execute())
    del notebook.cells[0]
    return notebook


def title_of(notebook: NotebookNode) -> str:
    """Return the first heading."""
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    lines = "\n".join(texts).splitlines()
    return next((line.lstrip("# ") for line in lines if line.startswith("# ")), "Notebook")


def about(notebook: NotebookNode) -> str:
    """Return the first paragraph below the first heading, without Markdown's marks."""
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    parts = "\n\n".join(texts).partition("# ")[2].split("\n\n")[1:]
    return re.sub(r"[*_`]", "", parts[0]) if parts else ""


def exercises_of(notebook: NotebookNode) -> list[str]:
    """Return the names of the exercises that cells show, by their metadata."""
    names = [cell.metadata.get("exercise") for cell in notebook.cells]
    return [name for name in names if name and name != "progress"]


def page(notebook: NotebookNode, before: Path | None = None, after: Path | None = None) -> str:
    """Return a notebook that ran as one HTML file, with links to the pages of its neighbours."""
    course = {
        "title": title_of(notebook),
        "style": (HERE / "page.css").read_text("utf-8"),
        "before": before and f"{before.stem}.html",
        "after": after and f"{after.stem}.html",
    }
    exporter = HTMLExporter(
        template_name="basic", template_file="page.html.j2", extra_loaders=[FileSystemLoader(HERE)]
    )
    return exporter.from_notebook_node(notebook, {"course": course})[0]


def index(lessons: dict[str, NotebookNode], pictures: dict[str, Path]) -> str:
    """Return the page that lists the others, by file name; `pictures` are SVG files, if there."""
    intro = "Lessons that work without a network. All numbers are estimates or simulated."
    items = []
    for name, notebook in lessons.items():
        picture = ""
        if pictures[name].is_file():
            data = b64encode(pictures[name].read_bytes()).decode("ascii")
            picture = f'<img alt="" src="data:image/svg+xml;base64,{data}">'
        link = f'<a href="{quote(name)}">{escape(title_of(notebook))}</a>'
        items.append(f"<li>{picture}<div>{link}<p>{escape(about(notebook))}</p></div></li>")
    shown = "".join(items).replace("\n", " ")  # a blank line would end the list
    text = f'# Why leverage clusters\n\n{intro}\n\n<ul class="lessons">{shown}</ul>'
    cells = [nbformat.v4.new_markdown_cell(text)]
    names: dict[str, list[str]] = {}
    for notebook in lessons.values():
        if found := exercises_of(notebook):
            names.setdefault(title_of(notebook), []).extend(found)
    if names:
        html = progress_html(names)
        output = nbformat.v4.new_output("display_data", {"text/html": html})
        made = {"outputs": [output], "metadata": {"exercise": "progress"}}
        cells.append(nbformat.v4.new_code_cell(**made))
    return page(nbformat.v4.new_notebook(cells=cells))


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the pages that the command line asks for."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("notebooks", nargs="*", type=Path, default=COURSE)
    parser.add_argument("--to", type=Path, default=HERE.parents[1] / "dist" / "course")
    asked = parser.parse_args(arguments)
    asked.to.mkdir(parents=True, exist_ok=True)
    paths, lessons, pictures = list(asked.notebooks), {}, {}
    with ThreadPoolExecutor(2) as pool:
        ran = pool.map(run, paths)
        for path, before, after in zip(paths, [None, *paths], [*paths[1:], None], strict=False):
            notebook, target = next(ran), asked.to / f"{path.stem}.html"
            target.write_text(page(notebook, before, after), encoding="utf-8", newline="\n")
            lessons[target.name], pictures[target.name] = notebook, path.with_suffix(".svg")
            print(target)
    if len(paths) > 1:
        text = index(lessons, pictures)
        (asked.to / "index.html").write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
