"""Log lines that visitors cannot forge: paths, headers and exceptions contain what they send."""

from __future__ import annotations

import copy
import logging
import re
from typing import Any

from .budget import Budget

#: Most characters of a record, and of a line of a traceback; most lines of a traceback (the last ones are kept).
LONGEST, LONGEST_DETAIL, MOST_DETAILS = 500, 300, 60
#: Lines a second, and burst, for one place in the code (and one kernel); more for records with details, whose lines
#: are counted. A warning that repeats the last one counts as many.
RATES = {False: (1.0, 50.0), True: (5.0, 500.0)}
REPEATED = 10
#: Places that are tracked.
MOST_PLACES = 1_000
_NUMBERS = re.compile(r"[\d.]+")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class PlainLines(logging.StreamHandler[Any]):
    """Writes a record as one line of printable characters of limited length; lines of a traceback are indented.

    A place in the code that logs too much is silenced for a while; its next record states how many were
    left out.
    """

    def __init__(self, stream: Any = None) -> None:
        super().__init__(stream)
        self.places: dict[tuple[Any, ...], _Place] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record, or count it."""
        place = (record.name, record.levelno, record.pathname, record.lineno, getattr(record, "source", None))
        if place not in self.places and len(self.places) >= MOST_PLACES:
            del self.places[next(iter(self.places))]
        has_details = bool(record.exc_info or hasattr(record, "details"))
        known = self.places.setdefault(place, _Place(RATES[has_details]))
        try:
            said = _NUMBERS.sub("0", f"{record.getMessage()[:LONGEST]}{getattr(record, 'details', '')}")
        except (TypeError, ValueError):  # wrong arguments: logging itself reports them
            said = str(record.msg)
        cost = 1 + min(getattr(record, "details", "").count("\n"), MOST_DETAILS)
        if said == known.said and record.levelno >= logging.WARNING:
            cost *= REPEATED
        known.budget.spend(0)
        if known.budget.left < cost:
            known.left_out += 1
            return
        known.budget.spend(cost)
        record = copy.copy(record)
        record.left_out, known.left_out, known.said = known.left_out, 0, said
        super().emit(record)

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as text; only its first line begins at the margin."""
        formatter = self.formatter or logging.Formatter()
        details = [getattr(record, "details", ""), record.exc_text or "", record.stack_info or ""]
        if record.exc_info and not record.exc_text:
            details[1] = formatter.formatException(record.exc_info)
        if isinstance(record.msg, BaseException):
            details.append(str(record.msg))
            record.msg = type(record.msg).__name__
        record.msg, record.args = printable(record.getMessage(), LONGEST), ()
        if count := getattr(record, "left_out", 0):
            record.msg += f" ({count:,} more like it were left out)"
        record.exc_info = record.exc_text = record.stack_info = None
        lines = [line for text in details for line in _COLOURS.sub("", text).splitlines() if line.strip()]
        skipped = [f"({len(lines) - MOST_DETAILS:,} lines before these)"] if len(lines) > MOST_DETAILS else []
        return "\n    | ".join(
            [formatter.format(record), *skipped, *(printable(line, LONGEST_DETAIL) for line in lines[-MOST_DETAILS:])]
        )


class _Place:
    """The budget of one place in the code, the number of records left out, and the last record."""

    def __init__(self, rates: tuple[float, float]) -> None:
        self.budget, self.left_out, self.said = Budget(*rates), 0, ""


def printable(text: str, longest: int) -> str:
    """Return the beginning of a text, with line ends, terminal codes and direction marks escaped."""
    cut = text[:longest]
    if not cut.isprintable():
        cut = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in cut)
    return cut if len(text) <= longest else f"{cut}… ({len(text):,} characters)"


def with_plain_lines(config: dict[str, Any]) -> dict[str, Any]:
    """Return a logging configuration that uses this handler for all loggers, in place of the console's."""
    if "console" in config.get("handlers", {}):  # pythonw has none
        config["handlers"]["console"]["class"] = f"{__name__}.{PlainLines.__name__}"
        config["root"] = {"level": "WARNING", "handlers": ["console"]}
    return config
