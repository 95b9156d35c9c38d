"""`fetch_brackets`: a venue's present leverage brackets, stored so that `load_brackets` finds them."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ...cache_folder import folder
from ...checks import shown
from ...errors import FetchError, InputError, ParseError
from ...model.bracket_tables import is_table, store_brackets
from ...model.brackets import Bracket
from ...run.thread import in_thread
from ..http.client import Client
from ..http.clock import CLOCK
from ..http.limits import Limits
from ..venues.registry import find_instrument, find_venue
from ..venues.symbols import read_symbol
from ..venues.venue import BracketRow, Venue
from .contract import contract_size

_ATTEMPTS = 3  # an empty table is more often a temporary error than an unknown name
_MOST = 50_000_000  # bytes of a file: all symbols of a venue are 1 MB


def fetch_brackets(
    symbol: str, exchange: str = "bybit", *, file: str | Path | None = None, trust_env: bool = False
) -> list[Bracket]:
    """Return a venue's present leverage brackets, smallest positions first, and store them for `load_brackets`.

    Bybit, OKX and Hyperliquid publish them, the first two also those of inverse contracts. Binance shows them to
    accounts only: request ``GET /fapi/v1/leverageBracket``, or ``GET /dapi/v2/leverageBracket`` for inverse contracts,
    with your API key, save the answer and pass it as `file`; of linear ones `load_brackets` has a snapshot.
    ``python -m liqwidget brackets --refresh SYMBOL`` does this for the three venues.

    Parameters
    ----------
    symbol
        As for :func:`liqwidget.fetch`: ``"BTCUSDT"``, or ``"BTCUSD_PERP"``, ``"BTCUSD"``, ``"BTC-USD-SWAP"`` (inverse).
    exchange
        ``"bybit"``, ``"okx"`` or ``"hyperliquid"``; ``"binance"`` with `file`.
    file
        Binance's answer, as JSON. Its date is that of the file's last change.
    trust_env
        Take proxies from the environment.

    Returns
    -------
    list of Bracket
        With the date (UTC) as ``as_of``, and in the units that :class:`Bracket` names. They are stored in the folder
        ``brackets`` of the cache.

    Raises
    ------
    InputError
        The symbol or venue is not valid, or `file` is missing where it is needed.
    FetchError, ParseError
        The answer is missing, or is no table of brackets; a table stored earlier stays.

    Examples
    --------
    >>> import liqwidget as lw
    >>> brackets = lw.fetch_brackets("BTCUSDT", "bybit")
    >>> brackets[1].max_leverage, brackets[1].as_of
    (100.0, '2026-11-19')
    >>> lw.load_brackets("bybit") == brackets
    True
    >>> coins = lw.fetch_brackets("BTCUSD", "bybit")  # up to 150 coins, whatever they are worth
    >>> coins[0].cap, coins[0].unit, coins[0].contract
    (150.0, 'coins', 'inverse')
    >>> lw.liquidation_price_in_brackets(60_000, 10, "long", 6_000, coins, contract="inverse").__round__(2)
    54818.18
    """
    venue, name = find_instrument(find_venue(exchange), symbol)
    if venue.brackets.request is not None and file is not None:
        raise InputError(
            f"file: wanted none for {venue.name}, which shows brackets to all; got {shown(file)}. Leave it out."
        )
    if venue.brackets.request is None and file is None:
        snapshot = "" if venue.kind == "inverse" else ", or use the snapshot that lw.load_brackets has of BTC"
        raise InputError(
            f"file: wanted the saved answer of {venue.brackets.saved} for {name} of {venue.name}; got None. "
            f"{venue.name.capitalize()} shows brackets to accounts only: request it with your API key{snapshot}."
        )
    if file is not None:
        body, date = _saved(Path(file))
        found = table_of(venue, name, body, 1.0, f"{date:%Y-%m-%d}", "file")
    else:
        with in_thread(_ask(venue, name, trust_env)) as future:
            found = future.result()
    try:
        store_brackets(venue.name, name, found)
    except OSError as error:
        raise FetchError(
            f"brackets: wanted to store the table below the cache folder; got {error.strerror or error}. "
            "Set LIQWIDGET_CACHE to a folder that can be written."
        ) from None
    return found


def has_contracts_of(symbol: str, exchange: str) -> bool:
    """Return whether a venue has contracts of the symbol's kind at all: Hyperliquid has no inverse ones.

    Raises
    ------
    InputError
        It is no symbol of a perpetual at this venue.
    """
    venue = find_venue(exchange)
    return venue.inverse is not None or not read_symbol(symbol, venue.name).is_inverse


async def _ask(venue: Venue, symbol: str, trust_env: bool) -> list[Bracket]:
    request = venue.brackets.request
    if request is None:
        raise InputError(f"exchange: wanted one that publishes brackets; got {venue.name}.")
    with Limits(folder(None)) as limits:
        async with Client(venue, limits, trust_env=trust_env) as client:
            size = await contract_size(client, symbol) if venue.brackets.in_contracts else 1.0
            for attempt in range(_ATTEMPTS):
                body = (await client.ask(request(symbol))).body
                date = f"{datetime.fromtimestamp(CLOCK.now(), UTC):%Y-%m-%d}"
                try:
                    return table_of(venue, symbol, body, size, date, "fetched")
                except _EmptyError:
                    if attempt == _ATTEMPTS - 1:
                        raise
    raise FetchError(f"{venue.name}: wanted brackets; got none.")


class _EmptyError(FetchError):
    """The venue named no bracket."""


def table_of(venue: Venue, symbol: str, body: Any, size: float, as_of: str, status: str) -> list[Bracket]:
    """Return the brackets in a venue's answer, smallest positions first.

    ``size``: coins in a contract, or USD if it is inverse, where bounds count contracts; else 1.

    Raises
    ------
    FetchError, ParseError
        It has none of this symbol, or they are no table that could be applied.
    """
    what = f"{venue.name}: wanted the brackets of {symbol}"
    try:
        rows = venue.brackets.rows(body, symbol)
    except ParseError as error:
        raise ParseError(f"{what}; {error}") from None
    except StopIteration:
        rows = []
    except (TypeError, LookupError, AttributeError, ZeroDivisionError):
        raise ParseError(f"{what}; got {shown(body)}.") from None
    if not rows:
        raise _EmptyError(f"{what}; got none. Check the symbol, or try again later.")
    rows = sorted({row[:3]: row for row in rows}.values(), key=lambda row: row[:3])
    found = _joined(rows, venue, size, as_of, status)
    if not is_table(found):
        raise ParseError(
            f"{what} with rising bounds and rates below 1 / leverage; got {shown(rows)}. The table in use is unchanged."
        )
    return found


def _joined(rows: list[BracketRow], venue: Venue, size: float, as_of: str, status: str) -> list[Bracket]:
    """Return brackets from rows by rising bound; a missing deduction is the one that makes maintenance continuous."""
    # A linear contract is some coins, which are worth USD; an inverse one is some USD, which are worth coins.
    unit = "coins" if venue.brackets.in_contracts == (venue.kind == "linear") else "notional"
    found: list[Bracket] = []
    floor = rate_below = amount_below = 0.0
    for bound, most, rate, amount in rows:
        if math.isnan(amount):
            amount = amount_below + floor * (rate - rate_below)
        found.append(Bracket(floor, bound * size, most, rate, amount, unit, as_of, status, venue.kind))
        floor, rate_below, amount_below = bound * size, rate, amount
    return found


def _saved(path: Path) -> tuple[Any, datetime]:
    try:
        with path.open("rb") as stream:
            content = stream.read(_MOST + 1)
        date = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        if len(content) > _MOST:
            raise ParseError(f"file: wanted at most {_MOST:,} bytes; got more. Save the answer for one symbol.")
        return json.loads(content), date
    except OSError as error:
        raise InputError(
            f"file: wanted a file that can be read; got {path} ({error.strerror}). Check the path."
        ) from None
    except (ValueError, RecursionError):
        raise ParseError(f"file: wanted Binance's answer as JSON; got {path}. Save it again.") from None
