"""The directive `run`: a block of Python that runs when the site is built, and its last value below it."""

from __future__ import annotations

import ast
import os
from contextlib import chdir, nullcontext
from html import escape
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from example_venues import asks_venues, example_venues

from .examples import error_in

LOG = logging.getLogger(__name__)
FOLDER = "living"  # of the site: pages of heatmaps


class Run(SphinxDirective):
    """A block of code: shown, run, and its last value shown as a notebook would.

    Blocks of a page share their names and a folder. Heatmaps and comparisons become pages of their own in a frame,
    which need no kernel. Options: ``title`` of the frame, ``height`` in pixels (default: that of a heatmap).
    """

    has_content = True
    option_spec = {"title": directives.unchanged_required, "height": directives.positive_int}  # noqa: RUF012

    def run(self) -> list[nodes.Node]:
        """Return the code and what came of it."""
        code = "\n".join(self.content)
        block = nodes.literal_block(code, code, language="python")
        self.set_source_info(block)
        state = self.env.temp_data.setdefault("running", {})
        space: dict[str, Any] = state.setdefault("names", {"__name__": "__main__"})
        folder = Path(state.setdefault("folder", mkdtemp(prefix="manual-")))
        try:
            with chdir(folder), example_venues() if asks_venues(code) else nullcontext():
                value = execute(code, space)
        except Exception as error:
            LOG.warning("an example failed: %s: %s", type(error).__name__, error, location=self.get_location())
            return [block]
        number = state["number"] = state.get("number", 0) + 1
        shown = self._shown(value, f"{self.env.docname.replace('/', '-')}-{number}.html")
        return [block, *([nodes.raw("", shown, format="html")] if shown else [])]

    def _shown(self, value: Any, name: str) -> str:
        """Return a value as HTML; "" for None."""
        title = escape(self.options.get("title", "A living heatmap of simulated data"))
        if value is None:
            return ""
        if (hasattr(value, "to_html") and hasattr(value, "leverage_mix")) or hasattr(value, "save"):
            page = Path(self.env.app.outdir) / FOLDER / name
            page.parent.mkdir(parents=True, exist_ok=True)
            (value.to_html if hasattr(value, "to_html") else value.save)(page)
            up = "../" * self.env.docname.count("/")
            height = f' style="height: {self.options["height"]}px"' if "height" in self.options else ""
            return f'<iframe class="living" title="{title}" loading="lazy"{height} src="{up}{FOLDER}/{name}"></iframe>'
        if hasattr(value, "_repr_html_"):
            drawn = value._repr_html_()
            if error := error_in(drawn):
                LOG.warning("an example failed: %s", error, location=self.get_location())
            return f'<div class="drawn">{drawn}</div>'
        return f'<div class="drawn"><pre>{escape(repr(value))}</pre></div>'


def execute(code: str, space: dict[str, Any]) -> Any:
    """Run code; return the value of its last line if that is an expression, as a notebook does."""
    tree = ast.parse(code)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "<example>", "exec"), space)
    return eval(compile(ast.Expression(last.value), "<example>", "eval"), space) if last else None


def _quiet(app: Any) -> None:
    """Progress bars are for readers of a terminal."""
    os.environ.setdefault("TQDM_DISABLE", "1")


def setup(app: Any) -> None:
    """Register with Sphinx."""
    app.add_directive("run", Run)
    app.connect("builder-inited", _quiet)
