"""The author's own style sheet, checked before the server starts."""

from __future__ import annotations

import re
from pathlib import Path

#: Its name below the page's files.
NAME = "author.css"
LARGEST = 256 << 10  # bytes; it is loaded before the page is shown
_ELSEWHERE = re.compile(r"""(?:@import|url\()\s*(?:url\()?\s*["']?\s*((?!data:|#)[^"')\s;]+)""", re.IGNORECASE)
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)


def fault_of(path: Path) -> str | None:
    """Return why a file cannot be the page's style sheet, or None.

    The page loads nothing but its own files: other style sheets, fonts and pictures have to be in it, as ``data:``.
    """
    try:
        size = path.stat().st_size
        text = path.read_text(encoding="utf-8") if size <= LARGEST else ""
    except (OSError, UnicodeDecodeError) as error:
        return f"css: wanted a style sheet in UTF-8; got {path} ({type(error).__name__}). Name an existing file."
    if size > LARGEST:
        return f"css: wanted at most {LARGEST >> 10} KiB; got {size:,} bytes. Leave out what the page does not use."
    text = _COMMENT.sub("", text)
    if text.count("{") != text.count("}") or "<" in text.split("{")[0]:
        return f"css: wanted a style sheet; got {path}, whose braces do not match. Correct it."
    if found := _ELSEWHERE.search(text):
        return f"css: wanted a style sheet that loads nothing; got {found[1]!r}. Embed it as data:, or leave it out."
    return None
