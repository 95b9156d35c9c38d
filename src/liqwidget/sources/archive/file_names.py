"""Dumps: files that exchanges publish, recognised by their names, and the search for them in folders.

Binance (USD-M, COIN-M): ``BTCUSDT-1m-2024-01-31.zip`` or ``...-2024-01.zip``, with ``.CHECKSUM`` beside it; a zip
holds one CSV of the same name, which may also lie there by itself. What candles they are (of trades or of the mark
price) is in the path alone: ``.../markPriceKlines/BTCUSDT/1m/...``. Bybit: ``BTCUSDT2024-01-31.csv.gz``, trades of a
day.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ...checks import shown
from ...errors import InputError
from ...market.quote import instrument
from ..venues.files import Content
from ..venues.symbols import LETTERS
from ..venues.venue import DAY, INTERVALS, MINUTE

DAILY: tuple[Content, ...] = ("metrics", "liquidationSnapshot")  # published by day alone

_BINANCE = re.compile(
    rf"(?P<symbol>[{LETTERS}]{{1,24}}(_[A-Z0-9]{{1,8}})?)-(?P<what>[A-Za-z0-9]{{2,24}})-"
    r"(?P<date>[0-9]{4}-[0-9]{2}(-[0-9]{2})?)\.(zip|csv)"
)
_BYBIT = re.compile(r"(?P<symbol>[A-Z0-9]{1,24}?)(?P<date>\d{4}-\d\d-\d\d)\.csv(\.gz)?", re.ASCII)
_BYBIT_SPOT = re.compile(r"[A-Z0-9]{1,24}(_\d{4}-\d\d-\d\d|-\d{4}-\d\d)\.csv(\.gz)?", re.ASCII)
#: What browsers and file managers add to the name of a second copy, before the first or the last dot.
_COPY = re.compile(r" ?\([0-9]{1,3}\)(?=(\.[A-Za-z]+)*$)| - Copy(?=(\.[A-Za-z]+)*$)")
_COIN_M = re.compile(r".*USD_(PERP|\d{6})")
_BYBIT_PERPETUAL = re.compile(r".*(USDT|USDC|PERP|USD)")
_PRICES: dict[str, Content | None] = {
    "klines": "klines",
    "markPriceKlines": "markPriceKlines",
    "indexPriceKlines": None,
    "premiumIndexKlines": None,
}
_OTHERS: dict[str, tuple[Content, int] | None] = {
    "metrics": ("metrics", 5 * MINUTE),
    "fundingRate": ("fundingRate", 0),
    "aggTrades": ("aggTrades", 0),
    "liquidationSnapshot": ("liquidationSnapshot", 0),
    **dict.fromkeys(("trades", "bookDepth", "bookTicker")),
}
_ODD_INTERVALS = ("1s", "3d", "1w", "1mo")
_MOST_ENTRIES = 200_000


@dataclass(frozen=True)
class Dump:
    """One published file.

    Attributes
    ----------
    path, name
        Its path, for reading; its name, for messages.
    content
        Type of its rows, by the publisher's own name.
    exchange, symbol
        Exchange and symbol.
    step
        Its rows' spacing, ms; 0 if they are irregular.
    start, end
        The range in its name, ms, half-open.
    daily
        True for a file of a day; False: of a month.
    is_placed
        Whether a folder says that it is of futures.
    usd
        USD per contract if it is inverse, else 0.
    """

    path: Path
    name: str
    content: Content
    exchange: str
    symbol: str
    step: int
    start: int
    end: int
    daily: bool
    is_placed: bool = True
    usd: float = 0.0


@dataclass
class Found:
    """Files found in folders: dumps in order of time, and counts of unused files by type."""

    dumps: list[Dump] = field(default_factory=list)
    unused: Counter[str] = field(default_factory=Counter)
    strange: int = 0
    links: int = 0
    lonely: int = 0


def find_dumps(paths: Any) -> Found:
    """Find the dumps among files and, to any depth, in folders.

    Symbolic links inside a folder are not followed; a path given directly may be one.

    Parameters
    ----------
    paths
        A path, or several: text or path objects.

    Raises
    ------
    InputError
        A path does not exist, is a file without a dump's name, or there are too many files.
    """
    found, seen = Found(), set()
    for path in _listed(paths):
        if path.is_dir():
            files = _walk(path, found)
        elif path.exists():
            files = iter([path])
            if _recognised(path) is None and path.suffix != ".CHECKSUM":
                raise InputError(
                    f"paths: wanted a name as its publisher gives it, such as BTCUSDT-1m-2024-01.zip or "
                    f"BTCUSDT2024-01-31.csv.gz; got {shown(path.name)}. Rename the file back, or read it with pandas "
                    "and use Market.from_frame."
                )
        else:
            raise InputError(f"paths: wanted files or folders that exist; got {shown(path.name)}.")
        for file in files:
            place = os.path.abspath(file)  # noqa: PTH100 - a link named directly counts as itself
            if place in seen:
                continue
            seen.add(place)
            _sort_in(file, found)
    found.dumps.sort(key=lambda dump: (dump.start, dump.name, str(dump.path)))
    return found


def _listed(paths: Any) -> list[Path]:
    one = isinstance(paths, str | os.PathLike)
    if not one and not isinstance(paths, Iterable):
        raise InputError(f"paths: wanted a file, a folder or a list of them; got {shown(paths)}.")
    some = [paths] if one else list(paths)
    if not some or not all(isinstance(path, str | os.PathLike) for path in some):
        raise InputError(f"paths: wanted at least one path, each text or a path object; got {shown(some)}.")
    return [Path(path).expanduser() for path in some]


def _walk(folder: Path, found: Found) -> Iterator[Path]:
    waiting, entries = [folder], 0
    while waiting:
        here = waiting.pop()
        try:
            with os.scandir(here) as inside:
                for entry in inside:
                    entries += 1
                    if entries > _MOST_ENTRIES:
                        raise InputError(
                            f"paths: at most {_MOST_ENTRIES:,} files in a folder; {shown(folder.name)} has more. "
                            "Pass the folders of one symbol."
                        )
                    if entry.is_symlink():
                        found.links += 1
                    elif entry.is_dir(follow_symlinks=False):
                        waiting.append(Path(entry.path))
                    elif entry.is_file(follow_symlinks=False):
                        yield Path(entry.path)
                    else:
                        found.strange += 1
        except OSError as error:
            raise InputError(f"paths: the folder {shown(here.name)} cannot be listed: {error.strerror}.") from None


def _sort_in(file: Path, found: Found) -> None:
    if file.suffix == ".CHECKSUM":
        found.lonely += not file.with_suffix("").exists()
        return
    dump = _recognised(file)
    if dump is None:
        found.strange += 1
    elif isinstance(dump, str):
        found.unused[dump] += 1
    else:
        found.dumps.append(dump)


def published(name: str) -> str:
    """Return the name that a file was published under: a browser renames a second copy to ``... (1).zip``."""
    return _COPY.sub("", name, count=1)


def _recognised(path: Path) -> Dump | str | None:
    """Return the dump for a name, the type's name if it is of no use, None if it is not a dump."""
    name = published(path.name)
    if match := _BINANCE.fullmatch(name):
        return _binance(path, match["symbol"], match["what"], _span(match["date"]))
    if _BYBIT_SPOT.fullmatch(name):
        return "spot"
    if match := _BYBIT.fullmatch(name):
        span = _span(match["date"])
        if span is None:
            return None
        if not _BYBIT_PERPETUAL.fullmatch(match["symbol"]):
            return "dated contracts"
        usd = usd_of(match["symbol"], "bybit")
        return Dump(path, path.name, "trading", "bybit", match["symbol"], 0, *span, daily=True, usd=usd)
    return None


def _binance(path: Path, symbol: str, what: str, span: tuple[int, int] | None) -> Dump | str | None:
    if span is None or not (what in INTERVALS or what in _ODD_INTERVALS or what in _OTHERS):
        return None
    # resolve() would follow links, and what they lead to may be called anything
    folders = Path(os.path.abspath(path)).parts[-2::-1]  # noqa: PTH100
    named = next((name for name in folders if name in ("um", "cm", "spot", "option")), "")
    is_coin_m = _COIN_M.fullmatch(symbol)
    market = named or ("cm" if is_coin_m else "um")
    if market not in ("um", "cm") or (market == "cm") != bool(is_coin_m):
        return market
    if re.search(r"_\d{6}$", symbol):
        return "dated contracts"
    daily = span[1] - span[0] == DAY
    if what in _OTHERS:
        content, step = _OTHERS[what] or (None, 0)
        name = what
    else:
        name = next((name for name in folders if name in _PRICES), "klines")
        content, step = _PRICES[name], 0 if what in _ODD_INTERVALS else INTERVALS.get(what, 0)
        if not step:
            return f"{name} {what}"
    if content is None or (content in DAILY and not daily):
        return name
    return Dump(path, path.name, content, "binance", symbol, step, *span, daily, bool(named), usd_of(symbol, "binance"))


def usd_of(symbol: str, exchange: str) -> float:
    """Return the USD per contract of an inverse contract; 0 for any other."""
    about = instrument(symbol, exchange)
    return about.contract_usd if about.inverse else 0.0


def _span(date: str) -> tuple[int, int] | None:
    daily = len(date) == 10
    try:
        first = datetime.strptime(date, "%Y-%m-%d" if daily else "%Y-%m").replace(tzinfo=UTC)
    except ValueError:
        return None
    start = int(first.timestamp()) * 1000
    if daily:
        return start, start + DAY
    after = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
    return start, int(after.timestamp()) * 1000
