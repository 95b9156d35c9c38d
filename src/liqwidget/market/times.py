"""Times in any usual format as nanoseconds since 1970, UTC, from 2009 to 2100."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..checks import shown
from ..errors import InputError

Times = NDArray[np.int64]

NUMBERS = (str, int, float, Decimal, np.integer, np.floating)  # types of cells that may hold a number

FIRST_NS = int(pd.Timestamp("2009-01-01").as_unit("ns").value)  # Bitcoin's first block was mined in 2009
END_NS = int(pd.Timestamp("2101-01-01").as_unit("ns").value)
_EPOCH_UNITS = (10**9, 10**6, 10**3, 1)  # ns in s, ms, us, ns: within these years no number fits two units
_DIGITS = (8, 10, 12, 14, 17)  # YYYYMMDD, then HH, MM, SS and ms
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")
_ZONE = re.compile(r"(?:Z|UTC|GMT|[+-]\d\d(?::?\d\d)?)\s*$")
_UTC_WORD = re.compile(r"\s*(?:UTC|GMT)\s*$")
_DAY_OR_MONTH = re.compile(r"\s*(\d{1,2})([./-])(\d{1,2})[./-](\d{4})\b(.*)", re.DOTALL)
_EXCEL_DAYS = (39_814, 73_780)  # days since 1899-12-30 of 2009 and 2102


def read_times(values: Any, what: str, name: str) -> Times:
    """Return the times of a column as ns since 1970, UTC, shape (T,).

    Parameters
    ----------
    values
        Series of datetimes (naive is UTC), ISO 8601 text, s, ms, us or ns since 1970 (per row: Binance's archives
        change unit in 2025), or dates as digits such as 20250201000500.
    what, name
        First word of messages, and the column's name in them.

    Raises
    ------
    InputError
        A cell is none of these, or is outside 2009 to 2100.
    """
    values = _plain(values)
    kind = values.dtype.kind
    if kind in "iuf" or (kind == "O" and _starts_with_number(values)):
        number = _exact(values)
        read = _dates_of_digits(number)
        time, good = _epochs(number) if read is None else (read, np.ones(len(read), bool))
    elif kind in "OM":
        time, good = _datetimes(values)
    else:
        time, good = np.zeros(len(values), np.int64), np.zeros(len(values), bool)
    good &= (time >= FIRST_NS) & (time < END_NS)
    if not good.all():
        i = int(np.argmin(good))
        cell = values.iloc[i]
        raise InputError(
            f"{what}: times must be dates (ISO 8601) or seconds, ms, us or ns since 1970, from 2009 to 2100; "
            f"row {i} of {name} is {shown(cell)}. {_cure(cell, name)}"
        )
    return time


def is_naive(values: Any) -> bool:
    """Return whether times have no time zone: naive datetimes, text without one, dates as digits."""
    values = _plain(values)
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        return False
    if values.dtype.kind in "iuf" or (values.dtype.kind == "O" and _starts_with_number(values)):
        return _dates_of_digits(_exact(values)) is not None
    first = _first(values) if values.dtype.kind == "O" else None
    if isinstance(first, str):
        return not _ZONE.search(first[10:64])
    return getattr(first, "tzinfo", None) is None


def _plain(values: Any) -> Any:
    numpy_like = isinstance(values.dtype, np.dtype | pd.DatetimeTZDtype)
    return values if numpy_like else values.astype(object)


def _first(values: Any) -> Any:
    return next((cell for cell in values if not (cell is None or cell is pd.NaT or cell is pd.NA)), None)


def _starts_with_number(values: Any) -> bool:
    """Return whether the first non-empty cell is a number, also as text; 8 digits are a date (20240131)."""
    first = _first(values)
    if isinstance(first, str):
        return bool(_NUMBER.fullmatch(first[:64])) and not re.fullmatch(r"\d{8}", first)
    return isinstance(first, NUMBERS)


def _only(values: Any, kinds: tuple[type, ...]) -> Any:
    """Return the cells of these types and None for others, for which pandas would fail altogether or guess."""
    cells = [
        cell if isinstance(cell, kinds) and not (isinstance(cell, int) and not -(2**63) <= cell < 2**63) else None
        for cell in values
    ]
    return pd.Series(cells, dtype=object)


def _exact(values: Any) -> NDArray[Any]:
    """Return numbers, also as text, in the dtype that represents them exactly: int64, or float64 if a cell is empty."""
    if values.dtype.kind == "O":
        values = pd.to_numeric(_only(values, NUMBERS), errors="coerce")
    number: NDArray[Any] = values.to_numpy()
    return number if number.dtype.kind in "iuf" else values.to_numpy(dtype=np.float64, na_value=np.nan)


def _epochs(number: NDArray[Any]) -> tuple[Times, NDArray[np.bool_]]:
    size = number.astype(np.float64)
    time, good = np.zeros(len(size), np.int64), np.zeros(len(size), bool)
    for factor in _EPOCH_UNITS:
        here = (size >= FIRST_NS / factor) & (size < END_NS / factor)
        if here.any():
            whole = number[here].astype(np.int64)
            time[here] = whole * factor
            if number.dtype.kind == "f" and factor > 1:
                time[here] += np.round((number[here] - whole) * factor).astype(np.int64)
            good |= here
    return time, good


def _dates_of_digits(number: NDArray[Any]) -> Times | None:
    """Return the times if all numbers are dates written as digits, all of one length; otherwise None.

    10 digits (YYYYMMDDHH) could also be seconds of 2033 to 2036, but a series of seconds soon leaves the valid dates.
    """
    if not len(number) or (number.dtype.kind == "f" and not (np.abs(number) < 2**53).all()):
        return None
    length = len(str(int(number[0])))
    if length not in _DIGITS or not ((number >= 10 ** (length - 1)) & (number < 10**length)).all():
        return None
    digits = number.astype(np.int64)
    if (digits != number).any():
        return None
    digits *= 10 ** (17 - length)
    year, month, day = digits // 10**13, digits // 10**11 % 100, digits // 10**9 % 100
    hour, minute, second, ms = digits // 10**7 % 100, digits // 10**5 % 100, digits // 1000 % 100, digits % 1000
    valid = (year >= 2009) & (year <= 2100) & (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)
    if not (valid & (hour < 24) & (minute < 60) & (second < 60)).all():
        return None
    months = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    days = months.astype("datetime64[D]") + (day - 1)
    if (days.astype("datetime64[M]") != months).any():  # 31 February
        return None
    time: Times = days.astype(np.int64) * 86_400_000 + ((hour * 60 + minute) * 60 + second) * 1000 + ms
    return time * 10**6


def _datetimes(values: Any) -> tuple[Times, NDArray[np.bool_]]:
    def read(some: Any) -> Any:
        with_unit = pd.to_datetime(some, utc=True, errors="coerce", format="ISO8601")
        return with_unit.dt.as_unit("ns").to_numpy(dtype="datetime64[ns]").view(np.int64)

    if values.dtype.kind == "O":
        first = _first(values)
        values = _only(values, (str, date, np.datetime64))
        if isinstance(first, str) and _UTC_WORD.search(first[:64]):
            values = values.map(lambda cell: _in_utc(cell) if isinstance(cell, str) else cell)
        if isinstance(first, str) and _DAY_OR_MONTH.match(first[:64]):
            values = _year_first(values)
    try:
        time = read(values)
    except (TypeError, ValueError, OverflowError):  # a year after 2262
        first, end = 0, len(values)  # the first such cell is in [first, end)
        while end - first > 1:
            middle = (first + end) // 2
            try:
                read(values.iloc[first:middle])
                first = middle
            except (TypeError, ValueError, OverflowError):
                end = middle
        time = np.full(len(values), pd.NaT.value)
        time[:first] = read(values.iloc[:first])
    return time, time != pd.NaT.value


def _year_first(values: Any) -> Any:
    """Return dates such as 31.01.2025 as ISO 8601 if it is certain which part is the day; otherwise unchanged.

    With dots the day comes first; with slashes or hyphens, parts above 12 decide.
    """
    found = [_DAY_OR_MONTH.match(cell[:64]) if isinstance(cell, str) else None for cell in values]
    some = [match for match in found if match is not None]
    beyond = [any(int(match[part]) > 12 for match in some) for part in (1, 3)]
    if all(beyond) or not (any(beyond) or all(match[2] == "." for match in some)):
        return values
    day, month = (3, 1) if beyond[1] else (1, 3)
    return values.where(
        [match is None for match in found],
        [match and f"{match[4]}-{int(match[month]):02}-{int(match[day]):02}{match[5]}" for match in found],
    )


def _in_utc(text: str) -> str:
    """Return ``2025-02-01 00:00:00 UTC``, also with ``+0000`` before the word, as ISO 8601."""
    plain = _UTC_WORD.sub("", text[:64])
    return re.sub(r"\s+(?=[+-]\d\d:?\d\d$)", "", plain) if _ZONE.search(plain[10:]) else f"{plain}+00:00"


def _cure(cell: object, name: str) -> str:
    """Return what to do about a cell that is not a time."""
    column = f"df[{name}]" if name[:1] in "'\"" else "the times"
    if isinstance(cell, int | float | np.number) and _EXCEL_DAYS[0] <= cell < _EXCEL_DAYS[1]:
        return f"A day number of Excel? pd.to_datetime({column}, unit='D', origin='1899-12-30')."
    if isinstance(cell, str) and _DAY_OR_MONTH.match(cell[:64]):
        return f"Day first or month first? pd.to_datetime({column}, dayfirst=True), or dayfirst=False."
    return "Repair or drop the row, or use pd.to_datetime first."
