"""Names of instruments and venues, which are untrusted input."""

from __future__ import annotations

import unicodedata

from ..checks import shown
from ..errors import InputError


def check_label(name: str, text: object) -> None:
    """Raise InputError if a label is not text, is too long, or contains control characters."""
    if not isinstance(text, str) or len(text) > 64:
        raise InputError(f"{name}: wanted text of at most 64 characters; got {shown(text)}.")
    if any(unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp") for letter in text):
        raise InputError(f"{name}: wanted text without control characters; got {shown(text)}.")
