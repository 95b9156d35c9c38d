"""What programs get instead of the page, since kernels are for people: title, description and a preview picture."""

from __future__ import annotations

import re
from base64 import b64decode
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
from jupyter_server.base.handlers import JupyterHandler
from tornado.httputil import HTTPHeaders
from tornado.web import HTTPError

from .words import InWords

ROBOTS = "User-agent: *\nDisallow: /api/\n"
#: How a browser says that it will show the reply as a page.
SHOWN = frozenset({"document", "iframe", "frame"})
#: Programs name themselves. Browsers inside other applications are people, and so are phones of the make Cubot.
PROGRAM = re.compile(
    r"(?<!cu)bot\b|crawl|spider\b|slurp|preview|facebookexternalhit|embedly|iframely|^whatsapp/|inspectiontool|googleother"
    r"|mediapartners|ia_archiver|kube-probe|healthcheck|pingdom|uptime",
    re.IGNORECASE,
)
_PICTURE = re.compile(r"data:image/png;base64,([A-Za-z0-9+/]{100,4000000}={0,2})")
_LONGEST = 300  # characters of a description

CARD = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="description" content="{text}">
<meta property="og:type" content="website"><meta property="og:title" content="{title}">
<meta property="og:description" content="{text}">{picture}
</head><body><h1>{title}</h1><p>{text}</p></body></html>
"""


class About(NamedTuple):
    """Title and first sentences of a notebook."""

    title: str
    text: str


def about(notebook: Path) -> About:
    """Return a notebook's title, or its first heading, or its name; and its first paragraph without marks."""
    found: Any = nbformat.read(notebook, as_version=4)  # type: ignore[no-untyped-call]
    lines = "\n\n".join(cell.source for cell in found.cells if cell.cell_type == "markdown").split("\n\n")
    headings = [line.lstrip("# ").splitlines()[0] for line in lines if line.startswith("#")]
    plain = [line for line in lines if line.strip() and not line.startswith(("#", "<", "|", "-", "```"))]
    text = " ".join(re.sub(r"[*_`]|\[([^\]]*)\]\([^)]*\)", r"\1", plain[0]).split()) if plain else ""
    title = str(found.metadata.get("title") or (headings[0] if headings else notebook.stem))
    return About(title[:_LONGEST], text[:_LONGEST])


def is_prefetch(headers: HTTPHeaders) -> bool:
    """Return whether a browser only prepares for a page that somebody might open."""
    said = " ".join(headers.get(name, "") for name in ("Purpose", "Sec-Purpose", "X-Purpose", "X-Moz"))
    return bool(re.search("prefetch|prerender|preview", said, re.IGNORECASE))


def is_for_a_person(headers: HTTPHeaders) -> bool:
    """Return whether a reply will be shown to somebody as a page, as far as the request tells."""
    kind = headers.get("Sec-Fetch-Dest")
    return (kind is None or kind in SHOWN) and not PROGRAM.search(headers.get("User-Agent", "")[:500])


class Preview:
    """The still picture of the first page that was sent, for previews of links."""

    png: bytes | None = None

    def look(self, html: str) -> None:
        """Keep the first picture in a part of the page."""
        if self.png is None and (found := _PICTURE.search(html)):
            self.png = b64decode(found[1])


class PreviewPicture(InWords, JupyterHandler):
    """The preview as a file."""

    def initialize(self, preview: Preview) -> None:
        """Set where the picture is."""
        self.preview = preview

    async def get(self) -> None:
        """Send it, if a page was sent before."""
        if self.preview.png is None:
            raise HTTPError(404)
        self.set_header("Content-Type", "image/png")
        self.set_header("Cache-Control", "public, max-age=3600")
        self.finish(self.preview.png)


class Robots(InWords, JupyterHandler):
    """robots.txt."""

    async def get(self) -> None:
        """Let search engines read the page, and nothing else."""
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.set_header("Cache-Control", "public, max-age=86400")
        self.finish(ROBOTS)


class Health(InWords, JupyterHandler):
    """Whether the server answers, and how many of its places are taken; starts no kernel."""

    def initialize(self, max_visitors: int) -> None:
        """Set the number of places."""
        self.max_visitors = max_visitors

    async def get(self) -> None:
        """Send both numbers."""
        taken = self.kernel_manager.visitors()  # type: ignore[attr-defined]
        self.set_header("Cache-Control", "no-store")
        self.finish({"status": "ok", "visitors": taken, "places": self.max_visitors})


def card_html(what: About, picture: str | None) -> str:
    """Return the page for programs; ``picture`` is the preview's address."""
    tag = f'\n<meta property="og:image" content="{escape(picture)}">' if picture else ""
    return CARD.format(title=escape(what.title), text=escape(what.text), picture=tag)
