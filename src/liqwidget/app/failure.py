"""What a visitor reads about an exception: our own errors as they are, others in our words; the log has the rest."""

from __future__ import annotations

import logging

from ..errors import LiqError

_LOG = logging.getLogger(__name__)


def failure_text(error: BaseException, what: str) -> str:
    """Return the message for an exception; ``what`` names what has failed, and begins the message."""
    if isinstance(error, LiqError):
        return str(error)
    if isinstance(error, MemoryError):  # NumPy's and Arrow's too
        return (
            f"{what}: wanted candles that fit into memory; got too many for what is left. "
            "Choose fewer days, a longer interval or a smaller file."
        )
    _LOG.error("%s failed", what, exc_info=error)
    return f"{what}: wanted a result; got an error of this program. Try other candles; its log has the details."
