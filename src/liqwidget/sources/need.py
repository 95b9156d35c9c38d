"""The packages of the extra ``data``, imported when first needed."""

from __future__ import annotations

import importlib
from typing import Any

from ..errors import InputError


def need(name: str) -> Any:
    """Return the module `name` of a package that the extra ``data`` brings.

    Raises
    ------
    InputError
        The package is not installed; says how to install it.
    """
    try:
        return importlib.import_module(name)
    except ImportError:
        raise InputError(
            f"reading and caching market data needs the extra 'data', of which {name.split('.')[0]} is missing: "
            'pip install "liqwidget[data]"'
        ) from None
