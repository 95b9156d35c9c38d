"""What every result has to fulfil in a notebook, and its parts for closer tests."""

from __future__ import annotations

import re
from base64 import b64decode
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

import numpy as np

MOST = 60_000  # bytes
SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "<script>alert(1)</script>\"'&\x00$$\\href{javascript:alert(1)}{x}$$"


@dataclass(frozen=True)
class Shown:
    """The parts of a result's HTML."""

    html: str
    headline: str
    alt: str
    svg: ElementTree.Element
    table: list[list[str]]
    text: str

    @property
    def labels(self) -> list[str]:
        """All text in the drawing."""
        return [node.text or "" for node in self.svg.iter(f"{SVG}text")]

    @property
    def paths(self) -> int:
        """How many coordinates the drawing has."""
        return sum(len(node.get("d", "")) for node in self.svg.iter(f"{SVG}path"))


def shown(result: Any) -> Shown:
    """Check the HTML of a result as a notebook shows it, and return its parts."""
    html = result._repr_html_()
    assert len(html.encode()) <= MOST
    tree = ElementTree.fromstring(html)
    allowed = {"div", "p", "strong", "img", "table", "thead", "tbody", "tr", "th", "td", "span"}
    assert {node.tag for node in tree.iter()} <= allowed
    image = next(tree.iter("img"))
    assert set(image.attrib) == {"alt", "width", "src"}
    kind, _, data = image.attrib["src"].partition("base64,")
    assert kind == "data:image/svg+xml;"
    svg = ElementTree.fromstring(b64decode(data))
    drawing = {"svg", "g", "path", "rect", "circle", "text", "title"}
    assert {node.tag.removeprefix(SVG) for node in svg.iter()} <= drawing
    for node in [*svg.iter(), *tree.iter()]:
        assert not any(name.startswith("on") or name in ("style", "href") for name in node.attrib)
    headline = "".join(next(tree.iter("strong")).itertext())
    assert headline.endswith(".")
    alt = image.attrib["alt"]
    assert alt.startswith(headline)
    assert len(alt) > len(headline) + 20
    numbers = re.findall(r"nan|inf\b", " ".join(node.get("d", "") for node in svg.iter()))
    assert not numbers
    for text in tree.itertext():
        assert "$" not in text or text == "$", f"notebooks would read a formula in {text!r}"
        assert "nan" not in text.split()
    table = [["".join(cell.itertext()) for cell in row] for row in tree.iter("tr")]
    assert table
    assert len({len(row) for row in table}) == 1
    assert len(repr(result)) < 5_000
    return Shown(html, headline, alt, svg, table, "".join(tree.itertext()))


def plotted(result: Any) -> dict[str, dict[str, Any]]:
    """Return the data of each named mark of ``plot()``: legend label -> column -> numbers; later panels win."""
    from bokeh.models import GlyphRenderer

    found = {}
    for figure in figures(result):
        names = {
            renderer.id: item.label.value
            for legend in figure.legend
            for item in legend.items
            for renderer in item.renderers
        }
        for renderer in figure.select(GlyphRenderer):
            if renderer.id in names:
                found[names[renderer.id]] = {k: np.asarray(v) for k, v in renderer.data_source.data.items()}
    return found


def figures(result: Any) -> list[Any]:
    """Return the figures of ``plot()``, each of which Bokeh can write into a page."""
    from bokeh.document import Document
    from bokeh.plotting import figure

    made = result.plot()
    document = Document()
    document.add_root(made)
    document.validate()
    assert document.to_json()
    return [made] if isinstance(made, figure) else list(made.children)
