"""What a notebook shows of a result: a headline, a drawing, a small table, and what to keep in mind."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .picture import Picture
from .svg import WIDTH, cut, svg_text, xml_text

MOST_ROWS = 14
_HEADLINE, _NOTE, _CELL, _NOTES = 400, 400, 60, 8


@dataclass(frozen=True)
class Report:
    """A result for readers.

    Attributes
    ----------
    headline
        One sentence with the answer.
    columns, rows
        Of the table: names, and one sequence of text a line; at most 14 lines are shown.
    picture
        The drawing.
    notes
        Sentences: what the numbers do not say.
    """

    headline: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    picture: Picture
    notes: Sequence[str] = ()

    def html(self) -> str:
        """Return headline, drawing, table and notes as HTML without scripts, styles or classes, <= 60 kB.

        The drawing is an <img> with its SVG as a data address: GitHub and JupyterLab (of a notebook that is not
        trusted) remove <svg> from HTML, and keep <img>.
        """
        headline = cut(self.headline, _HEADLINE)
        source = b64encode(svg_text(self.picture).encode()).decode("ascii")
        head = "".join(f"<th>{_html(cut(name, _CELL))}</th>" for name in self.columns)
        lines = ["".join(f"<td>{_html(cut(cell, _CELL))}</td>" for cell in row) for row in self.rows[:MOST_ROWS]]
        left = len(self.rows) - MOST_ROWS
        notes = [*self.notes[:_NOTES], *([f"{left:,} more lines: to_frame()."] if left > 0 else [])]
        return (
            f"<div><p><strong>{_html(headline)}</strong></p>"
            f'<p><img alt="{xml_text(f"{headline} {cut(self.picture.text, 800)}")}" width="{WIDTH}" '
            f'src="data:image/svg+xml;base64,{source}"/></p>'
            f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(f'<tr>{line}</tr>' for line in lines)}</tbody>"
            f"</table>{''.join(f'<p>{_html(cut(note, _NOTE))}</p>' for note in notes)}</div>"
        )


class Drawn:
    """A result that notebooks show as a `Report`."""

    def _report(self) -> Report:
        raise NotImplementedError

    def _repr_html_(self) -> str:
        return self._report().html()

    def plot(self) -> Any:
        """Return the drawing as an interactive Bokeh figure (several panels: a column of figures).

        In a notebook call ``bokeh.io.output_notebook()`` once, then ``bokeh.io.show(result.plot())``.

        Returns
        -------
        bokeh.plotting.figure or bokeh.models.Column
            Its data are the numbers of ``to_frame``.

        Raises
        ------
        ModuleNotFoundError
            Bokeh, of the extra "app", is not installed.
        """
        from .figure import figure_of

        return figure_of(self._report().picture)


def _html(text: str) -> str:
    """Return text for HTML; no dollar sign or backslash starts a formula, as notebooks would take it."""
    shown = xml_text(cut(text, _NOTE))
    return shown.replace("$", "<span>$</span>").replace("\\", "<span>\\</span>")
