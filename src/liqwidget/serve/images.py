"""Images that the notebook's text names, beside it, below it or above it: they become part of the page."""

from __future__ import annotations

import re
from base64 import b64encode
from html import escape, unescape
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from voila.exporter import NB_CONVERT_760, VoilaMarkdownRenderer

#: File types that a browser shows as an image; in one, scripts of an SVG do not run.
TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
    ".avif": "image/avif",
}
LARGEST = 4 << 20  # bytes; each visitor loads them with the page
_SOURCE = re.compile(r"""(<img\b[^>]*?\bsrc\s*=\s*)(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE)


class ImageMissingError(ValueError):
    """An address in the text that is no image file here."""


def embedded(address: str, folder: Path) -> str:
    """Return an image's address with its contents in it; one that has contents already is returned as it is.

    The author of the notebook decides which files are shown; visitors cannot name any.

    Raises
    ------
    ImageMissingError
        No such file, another type, too large, or on another host.
    """
    parts = urlsplit(address)
    if parts.scheme == "data":
        return address
    if parts.scheme or parts.netloc:
        raise ImageMissingError(
            "is on another host, and the page loads nothing from there. Save it beside the notebook"
        )
    path = folder / unquote(parts.path)
    kind = TYPES.get(path.suffix.lower())
    if kind is None:
        raise ImageMissingError(f"wanted one of {', '.join(TYPES)}. Convert it")
    try:
        size = path.stat().st_size
        contents = path.read_bytes() if size <= LARGEST else b""
    except (OSError, ValueError):
        raise ImageMissingError("there is no such file. Its path starts at the notebook's folder") from None
    if size > LARGEST:
        raise ImageMissingError(f"wanted at most {LARGEST >> 20} MiB; got {size:,} bytes. Make it smaller")
    return f"data:{kind};base64,{b64encode(contents).decode('ascii')}"


class NotebookImages(VoilaMarkdownRenderer):  # type: ignore[misc]  # Voila ships no types
    """Renders text cells. Voila embeds only images below its own folder, and its page breaks off at one above it."""

    said: set[str] = set()  # noqa: RUF012  # of all pages: each fault is logged once

    def image(self, text: str, url: str, title: str | None = None) -> str:
        """Render an image of Markdown; older versions of nbconvert pass address and text the other way round."""
        if NB_CONVERT_760:
            return str(super(VoilaMarkdownRenderer, self).image(text, self._embedded(url), title))
        return str(super(VoilaMarkdownRenderer, self).image(self._embedded(text), url, title))

    def block_html(self, html: str) -> str:
        """Render a block of HTML."""
        return str(super().block_html(self._with_images(html)))

    def inline_html(self, html: str) -> str:
        """Render a tag."""
        return str(super().inline_html(self._with_images(html)))

    def _with_images(self, html: str) -> str:
        def replaced(found: re.Match[str]) -> str:
            address = unescape(next(filter(None, found.groups()[1:]), ""))
            return f'{found[1]}"{escape(self._embedded(address))}"'

        return _SOURCE.sub(replaced, html)

    def _embedded(self, address: str) -> str:
        if address.startswith("attachment:"):
            return address
        app: Any = self.contents_manager.parent
        try:
            return embedded(address, Path(app.notebook_path).parent)
        except ImageMissingError as fault:
            if address not in self.said:
                self.said.add(address)
                app.log.warning("The image %s of the notebook is not shown: %s.", address, fault)
            return address
