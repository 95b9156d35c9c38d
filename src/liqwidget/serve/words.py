"""What visitors read instead of a page: errors in words."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

#: The page's files.
FOLDER = Path(__file__).parent / "page"
WORDS = {
    400: ("This address does not work", "A value in it is too long or has characters that nobody types. "
          "Shorten the address after its question mark."),
    401: ("Sign in first", "This page is for people who have signed in."),
    403: ("Not here", "This address is not one of this server's pages."),
    404: ("Nothing here", "This server has one page, and it is not at this address."),
    405: ("Nothing here", "This address is for the page's own scripts."),
    414: ("This address is too long", "Open the page without what follows the question mark."),
    503: ("All places are taken", "Each visitor gets a small computer of their own here, and all are in use. "
          "This page tries again by itself; one is free when somebody leaves."),
}  # fmt: skip
OTHERWISE = ("That did not work", "Reload the page; if it stays, tell those who run this site.")
RETRY_SECONDS = 20


@cache
def page_file(name: str) -> str:
    """Return a file of the page's folder."""
    return (FOLDER / name).read_text(encoding="utf-8")


class InWords:
    """Makes a handler report errors in two sentences, without details of the server."""

    def write_error(self: Any, status_code: int, **details: Any) -> None:
        """Write the error page."""
        title, text = WORDS.get(status_code, OTHERWISE)
        again = ""
        if status_code == 503:
            self.set_header("Retry-After", str(RETRY_SECONDS))
            again = f'<meta http-equiv="refresh" content="{RETRY_SECONDS}" />'
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.set_header("Cache-Control", "no-store")
        self.finish(page_file("words.html").format(title=title, text=text, again=again))


def in_words(handler: type) -> type:
    """Return a handler that reports errors so: Jupyter's own pages need a user, whom a refused method has not got."""
    return handler if issubclass(handler, InWords) else type(handler.__name__, (InWords, handler), {})
