"""The path of the cache folder. Loads neither pandas nor NumPy: `python -m liqwidget` prints it."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_cache_path

from .errors import InputError

ENVIRONMENT = "LIQWIDGET_CACHE"


def folder(given: str | Path | None) -> Path:
    """Return the cache folder: the one given, else ``LIQWIDGET_CACHE``, else the user's. It is not created.

    Raises
    ------
    InputError
        `given` is not a path.
    """
    if given is None:
        given = os.environ.get(ENVIRONMENT) or None
    if given is None:
        return Path(user_cache_path("liqwidget"))
    if not isinstance(given, str | Path) or not str(given).strip() or "\0" in str(given):
        raise _refused(given)
    try:
        return Path(given).expanduser().absolute()
    except RuntimeError:
        raise _refused(given, ", an unknown home") from None


def _refused(given: object, why: str = "") -> InputError:
    from .checks import shown  # loads NumPy

    return InputError(f"cache: wanted the path of a folder; got {shown(given)}{why}.")
