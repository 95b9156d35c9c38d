"""Open positions on Hyperliquid with the exchange's own liquidation prices, which are public only there."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ...cache_folder import folder
from ...checks import shown, usd_text
from ...drawing.report import Drawn, Report
from ...errors import DataError, InputError, ParseError
from ...model.grid import PriceGrid, half_bins
from ...run.progress import Bar, Progress
from ...run.thread import in_thread
from ..http.client import Client
from ..http.clock import CLOCK
from ..http.limits import Limits
from ..venues.cells import number
from ..venues.hyperliquid import PRESENT, VENUE, native
from ..venues.venue import Request
from .pager import together
from .positions_report import report_of

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
WEIGHT = 2  # of a request for one address
_NOTED = 5  # notes that a repr shows
_HOPELESS = 10  # addresses without an answer, none with one, after which the others are not tried
_PROFILE = ("price", "long", "short", "cumulative_long", "cumulative_short")
_MOST = 5_000  # addresses: at 600 a minute, eight minutes and a half


@dataclass(frozen=True, eq=False)
class Positions(Drawn):
    """Open positions of known addresses, as the exchange shows them.

    Attributes
    ----------
    coin : str
        The coin of the positions.
    frame : DataFrame
        A row per position, the largest first, equal ones by address: address, side ("long" or "short"), size (coins),
        entry_price, liquidation_price (USD; NaN where the exchange shows none), notional (USD, at the mark price),
        leverage (the setting, not the effective one), margin ("cross" or "isolated").
    mark_price : float
        The mark price that the notionals imply, USD; NaN without a position.
    addresses : int
        Number of addresses queried.
    time : Timestamp
        When, UTC.
    notes : tuple of str
        A sentence for each address that did not answer as expected; its positions are missing.
    open_interest : float
        Open interest of the whole exchange, asked for after the last address, coins; NaN if it did not say.
    problem : str
        Why :func:`liqwidget.follow_positions` could not refresh it since, as text; empty if it could.
    """

    coin: str
    frame: pd.DataFrame
    mark_price: float
    addresses: int
    time: pd.Timestamp
    notes: tuple[str, ...] = ()
    open_interest: float = math.nan
    problem: str = ""

    @property
    def shares(self) -> dict[str, float]:
        """Share of the exchange's open interest that the longs hold, and that the shorts hold; NaN if it is unknown.

        Each contract has one long and one short: all longs together hold the open interest, and so do all shorts.
        """
        coins = self.frame.groupby("side")["size"].sum()
        return {side: float(coins.get(side, 0.0)) / self.open_interest for side in ("long", "short")}

    @property
    def label(self) -> str:
        """Return a one-line description."""
        count = len(self.frame)
        without = f", {len(self.notes):,} without an answer" if self.notes else ""
        if not math.isnan(self.open_interest):
            share = {side: f"{100 * held:{'.2g' if held < 0.1 else '.0f'}} %" for side, held in self.shares.items()}
            without += f", {share['long']} of open interest long, {share['short']} short"
        return (
            f"Hyperliquid {self.coin}, {count:,} position{'s'[: count != 1]} of {self.addresses:,} "
            f"address{'es'[: 2 * (self.addresses != 1)]}{without}, {self.time:%Y-%m-%d %H:%M} UTC"
            f"{f', not refreshed since: {self.problem}' if self.problem else ''}"
        )

    def profile(self, bin_size: float, span: float = 0.5) -> pd.DataFrame:
        """Return the positions by liquidation price, in the shape of :meth:`liqwidget.Density.profile`.

        Parameters
        ----------
        bin_size
            Height of a row, USD; edges are its multiples.
        span
            Rows reach this far from the mark price, as a share of it; `beyond` counts positions outside.

        Returns
        -------
        DataFrame
            ``price`` (row centre), ``long``, ``short`` (USD), ``cumulative_long``, ``cumulative_short``: USD between
            the mark price and the far side of the row. Without a position it has no row.

        Raises
        ------
        InputError
            The bin size is not usable.
        """
        if np.isnan(self.mark_price):
            return pd.DataFrame(dtype=np.float64, columns=list(_PROFILE))
        grid = PriceGrid.covering(self.mark_price, self.mark_price, bin_size, span)
        price = self.frame["liquidation_price"].to_numpy()
        row = np.floor(half_bins(np.nan_to_num(price), grid.bin_size) / 2).astype(np.int64) - grid.first
        inside = ~np.isnan(price) & (row >= 0) & (row < grid.rows)
        usd = self.frame["notional"].to_numpy()
        sides = {}
        for side in ("long", "short"):
            chosen = inside & (self.frame["side"] == side).to_numpy()
            sides[side] = np.bincount(row[chosen].astype(np.intp), usd[chosen], grid.rows)
        below = grid.centres < self.mark_price
        return pd.DataFrame(
            {
                "price": grid.centres,
                **sides,
                "cumulative_long": np.where(below, np.cumsum((sides["long"] * below)[::-1])[::-1], 0.0),
                "cumulative_short": np.where(~below, np.cumsum(sides["short"] * ~below), 0.0),
            }
        )

    def beyond(self, span: float = 0.5) -> int:
        """Return how many positions `profile` has no row for, or the exchange no liquidation price."""
        price = self.frame["liquidation_price"].to_numpy()
        near = np.abs(price - self.mark_price) <= span * self.mark_price
        return int((~near).sum())

    def to_frame(self) -> pd.DataFrame:
        """Return `frame`: a line per position."""
        return self.frame.copy()

    def _report(self) -> Report:
        return report_of(self)

    def __repr__(self) -> str:
        priced = int(self.frame["liquidation_price"].notna().sum())
        usd = self.frame["notional"].sum()
        told = "".join(f"\n  note: {note}" for note in self.notes[:_NOTED])
        more = f"\n  and {len(self.notes) - _NOTED:,} more" if len(self.notes) > _NOTED else ""
        return f"<Positions {self.label}, {usd_text(usd)}, {priced:,} with a liquidation price{told}{more}>"


def hyperliquid_positions(
    addresses: Iterable[str] | str, coin: str = "BTC", *, progress: bool | None = None, trust_env: bool = False
) -> Positions:
    """Ask Hyperliquid for the open positions of some addresses.

    One request per address, at most 600 per minute. Accounts are public; the result describes the chosen addresses, not
    the market.

    Parameters
    ----------
    addresses
        ``0x`` and 40 hexadecimal digits each; duplicates are ignored.
    coin
        Such as ``BTC``.
    progress
        Show a bar; None: in notebooks and terminals.
    trust_env
        Take proxies from the environment.

    Returns
    -------
    Positions
        Assign it to a widget's ``positions`` to see it over the estimate's side profile.

    Raises
    ------
    InputError
        An address is not valid, or there are more than 5,000.
    FetchError, ParseError
        The exchange answered for no address as expected. Where it did for some, `notes` name the others.

    Examples
    --------
    >>> import liqwidget as lw
    >>> accounts = ["0xb949791c70aa19aef750d177fe9004075eea5e75", "0x63076278033319edc3725da0ffc5015a3d9aa04a"]
    >>> positions = lw.hyperliquid_positions(accounts)
    >>> sorted(positions.frame["side"]), positions.addresses
    (['long', 'short'], 2)
    """
    wanted = check_addresses(addresses)
    name = native(coin)
    counted = Progress(f"hyperliquid {name}", "addresses", total=len(wanted))
    with Bar(counted, progress) as bar, in_thread(_ask(wanted, name, counted, trust_env)) as future:
        bar.until(future)
        return future.result()


async def _ask(addresses: list[str], coin: str, counted: Progress, trust_env: bool) -> Positions:
    with Limits(folder(None)) as limits:
        async with Client(VENUE, limits, trust_env=trust_env) as client:
            return await ask_positions(client, addresses, coin, counted)


async def ask_positions(client: Client, addresses: list[str], coin: str, counted: Progress) -> Positions:
    """Return the positions of checked addresses; `counted` counts those that answered.

    Raises
    ------
    FetchError, ParseError
        The exchange answered for no address as expected.
    """
    found: list[dict[str, Any]] = []
    marks: list[float] = []
    failed: dict[str, DataError] = {}

    async def one(address: str) -> None:
        request = Request("/info", body={"type": "clearinghouseState", "user": address}, weight=WEIGHT)
        try:
            state = read_state((await client.ask(request)).body, coin)
        except DataError as error:
            failed[address] = error
            if len(failed) == min(len(addresses), _HOPELESS) and counted.done == 0:
                raise type(error)(f"{address}: {error}") from None
            return
        for position, mark in state:
            found.append({"address": address, **position})
            marks.append(mark)
        counted.done += 1
        counted.rows = len(found)

    await together(one(address) for address in addresses)
    coins = await _open_interest(client, coin)
    names = ("address", "side", "size", "entry_price", "liquidation_price", "notional", "leverage", "margin")
    frame = pd.DataFrame(found, columns=list(names))
    frame = frame.sort_values(["notional", "address"], ascending=[False, True], ignore_index=True)
    mark = float(np.median(marks)) if marks else float("nan")
    notes = tuple(f"{address} is missing: {failed[address]}" for address in addresses if address in failed)
    return Positions(coin, frame, mark, len(addresses), pd.Timestamp(CLOCK.now(), unit="s", tz="UTC"), notes, coins)


async def _open_interest(client: Client, coin: str) -> float:
    """Return a coin's open interest, coins; NaN if the exchange does not say: the positions are known without it."""
    try:
        coins, _ = PRESENT.read((await client.ask(PRESENT.request(coin))).body, coin)
    except (DataError, TypeError, LookupError, AttributeError):
        return math.nan
    return coins if 0 < coins < math.inf else math.nan


def read_state(body: Any, coin: str) -> list[tuple[dict[str, Any], float]]:
    """Return the positions in one coin of an account's state, each with the mark price it implies.

    Raises
    ------
    ParseError
        It is not such a state.
    """
    try:
        rows = [row["position"] for row in body["assetPositions"] if row["position"]["coin"] == coin]
        if len(rows) > 1 and any(row != rows[0] for row in rows):
            raise ParseError(f"hyperliquid: wanted one position in {coin} of an account; got {len(rows)}.")
        return [_position(row) for row in rows[:1] if number(row["szi"]) != 0]
    except (TypeError, KeyError, AttributeError):
        raise ParseError(f"hyperliquid: wanted an account's positions; got {shown(body)}.") from None


def _position(row: Any) -> tuple[dict[str, Any], float]:
    size, notional = number(row["szi"]), number(row["positionValue"])
    margin = row["leverage"]["type"]
    if margin not in ("cross", "isolated") or not notional > 0:
        raise ParseError(f"hyperliquid: wanted a position with margin and value; got {shown(row)}.")
    position = {
        "side": "long" if size > 0 else "short",
        "size": abs(size),
        "entry_price": number(row["entryPx"]),
        "liquidation_price": number(row.get("liquidationPx")),
        "notional": notional,
        "leverage": number(row["leverage"]["value"]),
        "margin": margin,
    }
    return position, notional / abs(size)


def check_addresses(addresses: Iterable[str] | str) -> list[str]:
    """Return addresses in lower case, each once, or raise InputError."""
    given = [addresses] if isinstance(addresses, str) else list(addresses)
    for i, address in enumerate(given):
        if not isinstance(address, str) or not _ADDRESS.fullmatch(address.strip()):
            raise InputError(f"addresses: wanted 0x and 40 hexadecimal digits; got {shown(address)} at index {i}.")
    unique = list(dict.fromkeys(address.strip().lower() for address in given))
    if not 0 < len(unique) <= _MOST:
        raise InputError(f"addresses: wanted 1 to {_MOST:,}; got {len(unique):,}. Ask for the rest in another call.")
    return unique
