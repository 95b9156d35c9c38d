"""Description of the public files that hold a series' past."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: Types of files, by the publisher's own names.
Content = Literal[
    "klines",
    "markPriceKlines",
    "metrics",
    "fundingRate",
    "aggTrades",
    "liquidationSnapshot",
    "trading",
    "candlesticks",
    "fundingrates",
]
#: Lists of trades.
TRADES: tuple[Content, ...] = ("aggTrades", "trading")


@dataclass(frozen=True)
class Files:
    """The public files of a series.

    Paths contain ``{symbol}``, ``{period}`` (the venue's spelling) and ``{date}`` (``2026-01`` or ``2026-01-31``), or
    ``{digits}`` (``202601``); one that is empty: no such files.

    Attributes
    ----------
    content
        Their type.
    monthly, daily
        Path of the file of a month, and of a day.
    since
        Time of the first row of any symbol, ms.
    age
        Where the interface has the same rows: those older than this, ms, come from the files first. None: the files
        are used only where the interface is not available.
    beyond
        The series is fetched only for ranges that begin longer ago than this, ms, which need these files anyway.
    step
        ms between the rows, which are merged into those of the series; 0: as between those of the series.
    is_late
        The last row of a day may be the one at the following midnight.
    ahead
        How much earlier than in UTC their days and months begin, ms.
    most
        Most days that are fetched at once, because the files are large; 0: any number.
    has_sums
        A ``.CHECKSUM`` file lies beside each.
    """

    content: Content
    monthly: str = ""
    daily: str = ""
    since: int = 0
    age: int | None = None
    beyond: int = 0
    step: int = 0
    is_late: bool = False
    ahead: int = 0
    most: int = 0
    has_sums: bool = True
