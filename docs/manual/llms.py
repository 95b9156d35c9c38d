"""`llms.txt` and `llms-full.txt`: the site's contents for readers that are programs (llmstxt.org)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes


def write(app: Any, error: Exception | None) -> None:
    """Write both files beside index.html."""
    if error is not None or app.builder.name != "html":
        return
    env, folder = app.env, Path(app.outdir)
    lines = [f"# {env.titles['index'].astext()}", "", f"> {_first(env, 'index')}", ""]
    full = [_text(env, "index")]
    for tree in env.get_doctree("index").findall(addnodes.toctree):
        lines += [f"## {tree.get('caption') or 'Start'}", ""]
        for page in _below(env, tree["includefiles"]):
            lines.append(f"- [{env.titles[page].astext()}]({page}.html): {_first(env, page)}")
            full.append(_text(env, page))
        lines.append("")
    (folder / "llms.txt").write_text("\n".join(lines), encoding="utf-8")
    (folder / "llms-full.txt").write_text("\n\n\n".join(full) + "\n", encoding="utf-8")


def _below(env: Any, pages: list[str]) -> list[str]:
    """Return pages and those below them, in order."""
    return [one for page in pages for one in (page, *_below(env, env.toctree_includes.get(page, [])))]


def _first(env: Any, page: str) -> str:
    """Return the first sentence of a page, on one line."""
    for node in env.get_doctree(page).findall(nodes.paragraph):
        text = re.sub(r"^Context\. ", "", " ".join(node.astext().split()))  # of a decision
        if text:
            sentence = re.split(r"(?<=[.:?]) ", text)[0]
            return sentence if sentence.endswith("?") else f"{sentence.rstrip('.:')}."
    return env.titles[page].astext() + "."


def _text(env: Any, page: str) -> str:
    """Return a page as text: of images that it contains as base64, the alternative text."""
    text = re.sub(r'<img\b[^>]*?\balt="([^"]*)"[^>]*>', r"\1", env.get_doctree(page).astext())
    return f"{page}.html\n\n{text}"


def setup(app: Any) -> None:
    """Register with Sphinx."""
    app.connect("build-finished", write)
