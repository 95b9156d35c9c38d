"""Scripts that the page offers as files: `liqwidget.serve` does, so that browsers load them early and keep them."""

from __future__ import annotations

import os
from hashlib import sha256

#: Names of files and what tells their contents, set by the server for its kernels: "module:1f9d86... bokeh:3.9.2".
ENVIRONMENT = "LIQWIDGET_PAGE_FILES"


def is_offered(name: str, version: str) -> bool:
    """Return whether the page offers this version of a file."""
    return f"{name}:{version}" in os.environ.get(ENVIRONMENT, "").split()


def is_module_offered(code: str) -> bool:
    """Return whether the page offers this code of the widget's module."""
    return is_offered("module", sha256(code.encode()).hexdigest())
