"""The page without a kernel, for a server to show to visitors while it has no kernel for them: `liqwidget.serve`."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from .page_files import is_module_offered

if TYPE_CHECKING:
    from .html_page import Page

#: The server takes this mime type out of a cell's outputs.
PAGE = "application/vnd.liqwidget.page+json"
#: Voila sets it to "True" for a kernel that runs the notebook in advance.
_IN_ADVANCE = "VOILA_PREHEAT"


def page_copy(settle: Callable[[], None], page: Callable[[], Page]) -> dict[str, dict[str, str]]:
    """Return a page's parts by mime type: title, style sheet, body, data; nothing unless it runs for such a server.

    The script is left out: the server has it as a file. ``settle`` finishes what the page holds beside the picture.
    """
    if os.environ.get(_IN_ADVANCE) != "True":
        return {}
    settle()
    made = page()
    if not is_module_offered(made.script):
        return {}
    title = made.still.title
    return {PAGE: {"title": title, "style": made.styles(), "body": made.body(title), "data": made.data()}}
