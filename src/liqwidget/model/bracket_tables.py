"""Tables of leverage brackets: the shipped snapshot, and those that were fetched or read since."""

from __future__ import annotations

import csv
import io
import math
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import astuple, fields
from functools import cache
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

from ..checks import shown
from ..errors import InputError, ParseError
from .brackets import Bracket
from .margin import CONTRACTS, Contract, checked_choice

_MOST = 1_000_000  # bytes of a stored table
_STORED = re.compile(r"([a-z]{2,20})-([\w-]{1,40})\.csv")
#: By their name in a table; the snapshot, and tables stored before there were inverse ones, do not name it.
_CONTRACTS: dict[str, Contract] = {"": "linear", **{name: name for name in CONTRACTS}}

Key = tuple[str, str]  # exchange, symbol


def load_brackets(exchange: str, symbol: str = "BTCUSDT") -> list[Bracket]:
    """Return a venue's leverage brackets, smallest positions first: the newest table on this machine.

    That is the one that :func:`liqwidget.fetch_brackets` stored, or the snapshot of BTC that is shipped with the
    package if it is newer. ``as_of`` and ``status`` of each bracket say how old and how sure it is: of the snapshot,
    Bybit's from the fourth on are computed, and OKX's second is unverified. Venues change them without notice.

    Parameters
    ----------
    exchange
        ``"binance"``, ``"bybit"``, ``"okx"`` or ``"hyperliquid"``.
    symbol
        The venue's own name: ``"BTCUSDT"``, ``"BTCUSDC"``, ``"BTC-USDT-SWAP"`` (OKX), ``"BTC"`` (Hyperliquid). No table
        of inverse contracts is shipped: ``"BTCUSD_PERP"`` (Binance), ``"BTCUSD"`` (Bybit), ``"BTC-USD-SWAP"`` (OKX).

    Raises
    ------
    InputError
        No table of this venue or symbol; the message lists the available ones.
    ParseError
        The stored table is damaged.

    Examples
    --------
    >>> load_brackets("binance")[1].maintenance_amount
    300.0
    """
    known, stored = known_tables(), _stored()
    checked_choice("exchange", exchange, sorted({venue for venue, _ in known}))
    symbols = [name for venue, name in known if venue == exchange]
    if not isinstance(symbol, str) or symbol not in symbols:
        raise InputError(
            f"symbol: need one of {', '.join(map(repr, symbols))}; got {shown(symbol)}. Others: lw.fetch_brackets."
        )
    shipped = _snapshot().get((exchange, symbol), ())
    path = stored.get((exchange, symbol))
    fetched = () if path is None else _read(path, (exchange, symbol))
    return list(shipped if newest(shipped) > newest(fetched) else fetched)


def known_tables() -> list[Key]:
    """Return exchange and symbol of each table that `load_brackets` has."""
    return sorted({*_snapshot(), *_stored()})


def newest(brackets: Sequence[Bracket]) -> str:
    """Return the latest date of a table's brackets, such as 2026-09-25 or 2026-09; empty if none has one."""
    return max((bracket.as_of for bracket in brackets if bracket.as_of[:1].isdigit()), default="")


def store_brackets(exchange: str, symbol: str, brackets: Iterable[Bracket]) -> Path:
    """Write a table that `load_brackets` finds from then on; return its path.

    Raises
    ------
    OSError
        It cannot be written.
    """
    folder = _folder()
    if folder is None:
        raise FileNotFoundError("no folder for tables of brackets")
    folder.mkdir(parents=True, exist_ok=True)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["exchange", "symbol", *(field.name for field in fields(Bracket))])
    for bracket in brackets:
        writer.writerow([exchange, symbol, *astuple(bracket)])
    path = folder / f"{exchange}-{symbol}.csv"
    part = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        part.write_text(text.getvalue(), encoding="utf-8", newline="\n")
        part.replace(path)  # readers see the old table or the new one
    finally:
        part.unlink(missing_ok=True)
    return path


def _folder() -> Path | None:
    try:
        from ..cache_folder import folder
    except ModuleNotFoundError:  # without the extra "data" nothing was fetched
        return None
    return folder(None) / "brackets"


def _stored() -> dict[Key, Path]:
    """Return the paths of stored tables."""
    folder = _folder()
    try:
        paths = [] if folder is None else list(folder.iterdir())
    except OSError:  # there is none
        paths = []
    return {(named[1], named[2]): path for path in paths if (named := _STORED.fullmatch(path.name))}


def _read(path: Path, key: Key) -> tuple[Bracket, ...]:
    try:
        with path.open(encoding="utf-8") as file:
            found = _parsed(file.read(_MOST))
    except (OSError, ValueError, KeyError, TypeError, csv.Error):
        found = {}
    if found.keys() != {key} or not is_table(found[key]):
        raise ParseError(
            f"brackets: wanted the table of {' '.join(key)}; {path} is damaged. "
            "Delete the file, or fetch the table again with lw.fetch_brackets."
        )
    return found[key]


def is_table(brackets: Sequence[Bracket]) -> bool:
    """Return whether brackets join up from 0 on, get stricter, and can hold a position at their highest leverage."""
    return bool(
        brackets
        and brackets[0].floor == 0
        and brackets[0].unit in ("notional", "coins")
        and all(
            below.cap == above.floor
            and (below.unit, below.contract) == (above.unit, above.contract)
            and below.max_leverage >= above.max_leverage
            and below.maintenance_rate <= above.maintenance_rate
            for below, above in pairwise(brackets)
        )
        and all(
            b.floor < b.cap
            and 1 <= b.max_leverage <= 1000
            and 0 < b.maintenance_rate < 1 / b.max_leverage
            and 0 <= b.maintenance_amount <= b.maintenance_rate * b.floor
            for b in brackets
        )
    )


@cache
def _snapshot() -> dict[Key, tuple[Bracket, ...]]:
    return _parsed(files(__package__).joinpath("brackets.csv").read_text(encoding="utf-8"))


def _parsed(text: str) -> dict[Key, tuple[Bracket, ...]]:
    found: dict[Key, tuple[Bracket, ...]] = {}
    for row in csv.DictReader(text.splitlines()):
        bracket = Bracket(
            float(row["floor"]),
            float(row["cap"] or math.inf),
            float(row["max_leverage"]),
            float(row["maintenance_rate"]),
            float(row["maintenance_amount"]),
            row["unit"],
            row["as_of"],
            row["status"],
            _CONTRACTS[row.get("contract") or ""],
        )
        key = row["exchange"], row["symbol"]
        found[key] = (*found.get(key, ()), bracket)
    return found
