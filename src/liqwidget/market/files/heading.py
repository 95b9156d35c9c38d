"""Where a table begins in lines of cells: what is above it, its names, its first row."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ...checks import shown
from ...errors import InputError
from ..columns import TIME_NAMES, squeezed

LEAST = 5  # cells of a candle: at least time and prices
MAX_COLUMNS = 1_000
_NUMBER = re.compile(r"[+-]?(\d[\d.,]*|\.\d+)([eE][+-]?\d+)?")
_DATE = re.compile(r"\d{1,4}[-./]\d{1,2}([-./]\d{1,4})?\b.*|\d{1,2}:\d\d.*|\d{4}-?\d\d-?\d\dT.*")
_KNOWN = frozenset({"open", "high", "low", "close", "volume", "o", "h", "l", "c", "v"})


@dataclass(frozen=True)
class Heading:
    """The top of a table.

    Attributes
    ----------
    first
        Position of the first row of data among the lines.
    names
        Column names; None: the file has none.
    width
        Number of cells of a row.
    """

    first: int
    names: tuple[str, ...] | None
    width: int


def find_heading(lines: Sequence[Sequence[str]]) -> Heading | None:
    """Return where the table begins; None if these lines contain no table.

    Parameters
    ----------
    lines
        Cells of the first lines; blank lines have no cells.

    Raises
    ------
    InputError
        The columns are of several symbols.
    """
    rows = [i for i, cells in enumerate(lines) if len(cells) >= LEAST and _is_data(cells)]
    widths = Counter(len(lines[i]) for i in rows) or Counter(len(cells) for cells in lines if len(cells) >= LEAST)
    if not widths:
        return None
    width = widths.most_common(1)[0][0]
    first = next((i for i in rows if len(lines[i]) == width), None)
    if first is not None and rows[0] < first:
        raise InputError(
            f"file: wanted {width} cells in each line; line {rows[0] + 1} has {len(lines[rows[0]])}: "
            f"{shown(','.join(lines[rows[0]])[:80])}. Repair or delete that line."
        )
    if first is None:  # only names
        first = next(i for i, cells in enumerate(lines) if len(cells) == width) + 1
    above = [list(cells) for cells in lines[max(first - 4, 0) : first] if width - 1 <= len(cells) <= width]
    above = [cells for cells in above if not _is_data(cells)]
    if not above:
        return Heading(first, None, width)
    best = max(range(len(above)), key=lambda i: (_known(above[i]), i))
    names = [cell.strip().strip("<>#").strip() for cell in above[best]]
    _refuse_several(above)
    if len(above) > 1 and (named := [cells[0] for cells in above if cells[0].strip() and not any(cells[1:])]):
        names[0] = named[0].strip()
    elif (
        _known(above[best]) > 3
        and names[0].lower() in ("", "price")
        and not {squeezed(name) for name in names} & TIME_NAMES
    ):
        names[0] = "time"
    return Heading(first, (*names, *[""] * (width - len(names))), width)


def _known(cells: Sequence[str]) -> int:
    return len({cell.strip().strip("<>#").lower() for cell in cells} & _KNOWN)


def _is_data(cells: Sequence[str]) -> bool:
    filled = [cell.strip() for cell in cells if cell.strip()]
    numbers = sum(bool(_NUMBER.fullmatch(cell[:64]) or _DATE.fullmatch(cell[:64])) for cell in filled)
    return len(filled) >= LEAST - 1 and numbers >= len(filled) / 2


def _refuse_several(above: Sequence[Sequence[str]]) -> None:
    """Raise InputError for yfinance's table of several tickers."""
    tickers = next((cells[1:] for cells in above if cells[0].strip().lower() == "ticker"), ())
    several = list(dict.fromkeys(cell.strip() for cell in tickers if cell.strip()))
    if len(above) > 1 and len(several) > 1:
        raise InputError(
            f"file: wanted candles of one symbol; got {', '.join(shown(name) for name in several[:5])}. Pick one: "
            f"pd.read_csv(f, header=[0, 1], index_col=0, parse_dates=True).xs({shown(several[0])}, axis=1, level=1)."
        )
