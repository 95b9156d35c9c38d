"""The manual's Sphinx extension: the reference, examples that run, and llms.txt."""

from __future__ import annotations

from typing import Any

from . import llms, reference, running


def setup(app: Any) -> dict[str, bool]:
    """Register everything with Sphinx."""
    for part in (reference, running, llms):
        part.setup(app)
    return {"parallel_read_safe": False}
