"""The page without a kernel, shown to visitors who wait for a place."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from typing import Any, NamedTuple

#: The widget hands it over as one of a cell's outputs: `liqwidget.widget.page_copy`.
PAGE = "application/vnd.liqwidget.page+json"
#: Characters of a copy: it is sent to everybody who waits.
LONGEST = 4 << 20
_PARTS = frozenset({"title", "style", "body", "data"})


class Copy(NamedTuple):
    """Parts of a page, and when the notebook was executed that made it. They are HTML and CSS of the notebook's own."""

    title: str
    style: str
    body: str
    data: str
    made: datetime


def read_copy(part: Any) -> Copy | None:
    """Return a copy from what a widget handed over; None if it is none, or too long."""
    if not isinstance(part, dict) or part.keys() != _PARTS or not all(isinstance(text, str) for text in part.values()):
        return None
    if sum(map(len, part.values())) > LONGEST:
        return None
    return Copy(**part, made=datetime.now(UTC))


def waiting_html(copy: Copy, template: str, places: int, **given: str) -> str:
    """Return the page of a visitor who waits.

    Parameters
    ----------
    copy, template
        What to show, and the page around it.
    places
        Number of places, all taken.
    given
        ``files`` and ``ask``: addresses of the folder of scripts, and of whom the page asks for a place; ``theme``:
        "auto", "light" or "dark"; ``retry``: seconds after which a page without scripts loads itself again.
    """
    taken = "The only place is taken" if places == 1 else f"All {places:,} places are taken"
    said = {name: escape(text) for name, text in {**given, "title": copy.title, "taken": taken}.items()}
    return template.format(style=copy.style, body=f"{copy.body}\n{copy.data}", made=f"{copy.made:%H:%M}", **said)
