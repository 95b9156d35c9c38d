"""Tables of leverage brackets: the shipped snapshot, and those fetched since."""

from __future__ import annotations

import csv
import math
from functools import cache
from importlib.resources import files

from .brackets import Bracket
from .margin import checked_choice


def load_brackets(exchange: str, symbol: str = "BTCUSDT") -> list[Bracket]:
    """Return a venue's leverage brackets from the shipped snapshot, smallest positions first.

    The snapshot is `brackets.csv` beside this file; its columns `as_of` and `status` say how old and how sure each
    row is (Bybit's from the fourth on are computed, OKX's second is unverified). Venues change them without notice.

    Parameters
    ----------
    exchange
        ``"binance"``, ``"bybit"``, ``"okx"`` or ``"hyperliquid"``.
    symbol
        The venue's own name: ``"BTCUSDT"``, ``"BTCUSDC"``, ``"BTC-USDT-SWAP"`` (OKX), ``"BTC"`` (Hyperliquid).

    Raises
    ------
    InputError
        No such venue or symbol in the snapshot; the message lists the available ones.

    Examples
    --------
    >>> load_brackets("binance")[1].maintenance_amount
    300.0
    """
    snapshot = _snapshot()
    checked_choice("exchange", exchange, sorted({venue for venue, _ in snapshot}))
    checked_choice("symbol", symbol, [name for venue, name in snapshot if venue == exchange])
    return list(snapshot[exchange, symbol])


@cache
def _snapshot() -> dict[tuple[str, str], tuple[Bracket, ...]]:
    found: dict[tuple[str, str], tuple[Bracket, ...]] = {}
    text = files(__package__).joinpath("brackets.csv").read_text(encoding="utf-8")
    for row in csv.DictReader(text.splitlines()):
        bracket = Bracket(
            float(row["floor"]),
            float(row["cap"] or math.inf),
            float(row["max_leverage"]),
            float(row["maintenance_rate"]),
            float(row["maintenance_amount"]),
            row["unit"],
        )
        key = row["exchange"], row["symbol"]
        found[key] = (*found.get(key, ()), bracket)
    return found
