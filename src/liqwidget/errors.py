"""The exception tree.

LiqError                 everything this package raises on purpose
├── InputError           an argument or a frame is wrong (also a ValueError)
├── DataError            market data could not be had
│   ├── FetchError       an exchange or an archive did not answer as it should
│   └── ParseError       an answer or a file could not be read
└── WireError            a frame between Python and the browser is malformed

Every message says what was wanted, what came, where, and the cure.
"""

from __future__ import annotations


class LiqError(Exception):
    """Root of all errors raised by liqwidget."""


class InputError(LiqError, ValueError):
    """An argument, a DataFrame or a trait value is not usable."""


class DataError(LiqError):
    """Market data could not be had."""


class FetchError(DataError):
    """An exchange or an archive did not answer as it should."""


class ParseError(DataError):
    """An answer or a file could not be read."""


class WireError(LiqError):
    """A frame between Python and the browser is malformed."""
