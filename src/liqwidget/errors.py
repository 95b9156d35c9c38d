"""The exception tree.

LiqError                 everything that this package raises on purpose
├── InputError           an argument or a frame is wrong (also a ValueError)
├── DataError            market data is not available
│   ├── FetchError       an exchange or an archive did not answer as it should
│   └── ParseError       an answer or a file could not be read
└── WireError            a frame between Python and the browser is malformed

Every message has one shape: `name: wanted X; got Y. What to do.`
"""

from __future__ import annotations

import linecache
import sys
from typing import Any


class LiqError(Exception):
    """Root of all errors raised by liqwidget.

    IPython, and so Jupyter, shows the message and the line of the user's code instead of a full traceback.
    """

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows; the full traceback after ``%xmode Verbose``."""
        shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
        tracer: Any = getattr(shell, "InteractiveTB", None)
        if getattr(tracer, "mode", "") == "Verbose":
            lines: list[str] = tracer.structured_traceback(type(self), self, self.__traceback__)
            return lines
        call = _calling_line(self.__traceback__)
        return [f"{type(self).__name__}: {self}", *call, "Full traceback: %xmode Verbose, then %tb"]


def _calling_line(traceback: Any) -> list[str]:
    """Return the line that called liqwidget, as a list of one text, or of none if there is no such line."""
    caller = None
    while traceback is not None:
        if str(traceback.tb_frame.f_globals.get("__name__")).partition(".")[0] == __package__:
            break
        caller, traceback = traceback, traceback.tb_next
    if caller is None:
        return []
    text = linecache.getline(caller.tb_frame.f_code.co_filename, caller.tb_lineno).strip()
    return [f"  line {caller.tb_lineno}: {text}"] if text else []


class InputError(LiqError, ValueError):
    """An argument, a DataFrame or a trait value is not usable."""


class DataError(LiqError):
    """Market data is not available."""


class FetchError(DataError):
    """An exchange or an archive did not answer as it should."""


class ParseError(DataError):
    """An answer or a file could not be read."""


class WireError(LiqError):
    """A frame between Python and the browser is malformed."""
