"""Outputs of other packages: what the page loads for them, and which ones cannot be shown on a page for strangers.

Decided by trying each kind: `tests/browser/test_authors_page.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from .settings import SETTINGS

OURS: list[str] = SETTINGS["VoilaConfiguration"]["extension_allowlist"]
WIDGET = "application/vnd.jupyter.widget-view+json"
PLOTLY = "application/vnd.plotly.v1+json"
#: What the page shows without an extension; the browser shows the first of an output's kinds that it knows.
SHOWN = frozenset(
    {"text/plain", "text/html", "text/markdown", "text/latex", "image/png", "image/jpeg", "image/gif", "image/svg+xml"}
    | {"image/bmp", "application/json", "application/vnd.jupyter.stdout", "application/vnd.jupyter.stderr", WIDGET}
)
#: Modules of widgets for which the page needs no extension of its own.
MODULES = frozenset({"@jupyter-widgets/base", "@jupyter-widgets/controls", "@jupyter-widgets/output", "anywidget"})

#: Code whose outputs may contain formulas.
_FORMULAS = re.compile(r"\b(?:Math|Latex|Markdown|HTMLMath|sympy)\b")
_MARKS = ("$", "\\(", "\\[", "\\begin")


class Package(NamedTuple):
    """What code that uses a package looks like; JupyterLab extensions and scripts that its outputs need."""

    used: re.Pattern[str]
    extensions: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ()


PACKAGES = (
    Package(re.compile(r"^\s*(?:import|from)\s+plotly\b", re.MULTILINE), ("jupyterlab-plotly",)),
    Package(re.compile(r"%matplotlib\s+(?:widget|ipympl)\b|\bimport\s+ipympl\b"), ("jupyter-matplotlib",)),
    Package(
        re.compile(r"^\s*(?:import|from)\s+jupyter_bokeh\b", re.MULTILINE),
        scripts=("bokeh.min.js", "bokeh-widgets.min.js", "bokeh-tables.min.js"),
    ),
)
#: Extensions of which it is known what they show.
KNOWN = frozenset([*OURS, *(name for package in PACKAGES for name in package.extensions)])


def code_of(notebook: Any) -> str:
    """Return the code of all cells."""
    return "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")


def has_formulas(notebook: Any) -> bool:
    """Return whether a text of the notebook contains a formula, or an output may."""
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    return any(mark in text for text in texts for mark in _MARKS) or bool(_FORMULAS.search(code_of(notebook)))


def extensions_for(code: str) -> list[str]:
    """Return the JupyterLab extensions that outputs of this code need, apart from those of `SETTINGS`."""
    return [name for package in PACKAGES if package.used.search(code) for name in package.extensions]


def scripts_for(code: str) -> list[str]:
    """Return the scripts that must be in the page before outputs of this code are shown."""
    return [name for package in PACKAGES if package.used.search(code) for name in package.scripts]


def faults(data: Mapping[str, Any], extensions: Iterable[str]) -> Iterator[str]:
    """Yield which part of an output will not be shown, why, and what to do.

    Parameters
    ----------
    data : mapping
        An output, by kind.
    extensions : iterable of str
        The JupyterLab extensions of the page.
    """
    if WIDGET in data:
        return
    html = "".join(data.get("text/html", ""))
    if "bokeh" in " ".join(data) or "Bokeh" in html:
        yield "Bokeh's show() needs scripts in the page, which do not run. Show jupyter_bokeh.BokehModel(figure)"
    elif PLOTLY in data:
        if "jupyterlab-plotly" not in extensions:
            yield "a plotly figure needs --extension=jupyterlab-plotly. Add it, or show go.FigureWidget(figure)"
    elif "application/javascript" in data:
        yield "Javascript(...) does not run: the page has no scripts of its own. Make it an anywidget"
    elif not SHOWN.intersection(data) and KNOWN.issuperset(extensions):  # others may show what we do not know
        yield f"{', '.join(data)}: nothing in the page shows it. Add its JupyterLab extension with --extension=NAME"
    elif not (data.keys() & SHOWN) - {"text/plain", "text/html"}:
        yield from _faults_of(html)


def _faults_of(html: str) -> Iterator[str]:
    if re.search(r"<script\b(?![^>]*\btype\s*=\s*[\"']?(?:application/json|text/plain))", html, re.IGNORECASE):
        yield "a script in HTML does not run. Make it an anywidget"
    if re.search(r"<(?:iframe|object|embed)\b", html, re.IGNORECASE):
        yield "a frame in HTML stays empty: the page loads nothing from elsewhere. Give a link instead"
    if re.search(r"<(?:img|video|audio|source)\b[^>]*\bsrc\s*=\s*[\"']?(?!data:|blob:)[\w./]", html, re.IGNORECASE):
        yield "a file named in HTML is not served. Show IPython.display.Image('file.png'), or name it in a text cell"


def faults_of_widget(module: str, extensions: Iterable[str]) -> Iterator[str]:
    """Yield why widgets of a module are not shown."""
    if module not in MODULES and module not in extensions:
        yield f"widgets of {module} need an extension. Add --extension={module}"


def allowed(given: list[str], code: str, more: list[str]) -> list[str]:
    """Return which extensions the page loads: those that are configured, or ours and what the code needs; and more."""
    return list(dict.fromkeys([*given, *(extensions_for(code) if given == OURS else []), *more]))
