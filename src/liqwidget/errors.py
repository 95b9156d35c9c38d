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

    Examples
    --------
    >>> import liqwidget as lw
    >>> try:
    ...     lw.estimate(lw.load_sample(), "hottest")
    ... except lw.LiqError as error:
    ...     print(error)
    leverage_mix: wanted one of balanced, hot, on-chain or a dict; got 'hottest'
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
    """An argument, a DataFrame or a trait value is not usable.

    Examples
    --------
    >>> import liqwidget as lw
    >>> lw.Market.from_frame([])
    Traceback (most recent call last):
    liqwidget.errors.InputError: ...
    """


class DataError(LiqError):
    """Market data is not available.

    Examples
    --------
    >>> import liqwidget as lw
    >>> lw.history(None, "no-such-store")
    Traceback (most recent call last):
    liqwidget.errors.DataError: ...
    """


class FetchError(DataError):
    """An exchange or an archive did not answer as it should.

    Examples
    --------
    >>> import liqwidget as lw
    >>> issubclass(lw.FetchError, lw.DataError)
    True
    """


class ParseError(DataError):
    """An answer or a file could not be read.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import liqwidget as lw
    >>> with TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "BTCUSDT-1h-2026-01-01.zip").write_bytes(b"not a zip")
    ...     lw.read_archive(folder)
    Traceback (most recent call last):
    liqwidget.errors.ParseError: ...
    """


class WireError(LiqError):
    """A frame between Python and the browser is malformed.

    Examples
    --------
    >>> import liqwidget as lw
    >>> issubclass(lw.WireError, lw.LiqError)
    True
    """
