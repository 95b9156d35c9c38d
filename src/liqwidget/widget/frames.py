"""A market as frames for the browser: its candles, and what is needed to replay them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from time import time_ns
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..checks import stamp
from ..market.day import day_of
from ..market.facts import contract_text
from ..model.build import market_ledger
from ..model.estimate import auto_decay_rate
from ..model.grid import Floats, PriceGrid
from ..model.ledger import Ledger
from ..model.maintenance import maintenance_note, tier_factors
from ..model.margin import Contract
from ..model.mixed_ledger import names_by_contract
from ..model.turnover import VenueOpenings, opening_of
from ..simulation.sample import is_sample
from .frame_checks import Arrays
from .venue_arrays import venue_arrays
from .wire import age_steps, bars_arrays, encode_frame, ledger_arrays

if TYPE_CHECKING:
    from ..market.market import Market

#: With more candles the browser replays fewer than about ten pictures a second, and a notice says so.
MANY_CANDLES = 50_000
#: Most candles of a widget: 4 MB to send and half a second per picture. lw.history has no such limit.
MAX_CANDLES = 500_000
MAX_CELLS = 8_000_000  # of a table, or of a history's window: 32 MB of float32 in the browser


@dataclass(frozen=True, eq=False)
class CandlePicture:
    """A market as the browser replays it, numbered so that tails find the right one.

    Attributes
    ----------
    market
        The candles.
    grid
        The rows where levels are kept; its ``bin_size`` is the row size.
    leverage
        Tiers, shape (L,).
    settings
        ``maintenance_rate fee_rate span``, and ``turnover``: a share, or "auto"; with rate "brackets" also these.
    revision, bars_revision
        Of the model, and of the candles it belongs to, which the browser may have already.
    """

    market: Market
    grid: PriceGrid
    leverage: Floats
    settings: Mapping[str, Any]
    revision: int
    bars_revision: int

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger on the same rows, one column a candle; built on first use."""
        return market_ledger(self.market, self.grid, self.leverage, self.settings)

    def frame(self, name: str) -> bytes:
        """Return the frame of a trait; empty for a trait that this picture does not use."""
        make = {"_bars": self.bars_frame, "_model": self.model_frame}.get(name)
        return b"" if make is None else make()

    def bars_frame(self) -> bytes:
        """Return the candles as a frame."""
        meta, arrays = self._bars(self.market, 0)
        return encode_frame("bars", {**meta, **self._about(), "revision": self.bars_revision}, arrays)

    def model_frame(self) -> bytes:
        """Return what the browser needs to replay the candles, as a frame."""
        settings, grid = self.settings, self.grid
        k_long, k_short = self._factors()
        meta = {
            "revision": self.revision,
            "bars": self.bars_revision,
            "row_size": grid.bin_size,
            "first": grid.first,
            "rows": grid.rows,
            "leverage": self.leverage.tolist(),
            "k_long": k_long.reshape(-1).tolist(),
            "k_short": k_short.reshape(-1).tolist(),
            **({"contracts": self._contracts()} if len(k_long) > 1 else {}),
            **{name: settings[name] for name in ("maintenance_rate", "fee_rate", "span", "turnover")},
            "beyond": self._beyond(),
            "settings": dict(settings),
        }
        return encode_frame("model", meta, {})

    def tail(self, market: Market, since: int) -> tuple[CandlePicture, bytes]:
        """Return the picture with the candles from row ``since`` on changed, and the frame of that change.

        The rows are unchanged: the caller makes a new picture if prices leave them.
        """
        changed = replace(self, market=market, revision=self.revision + 1)
        if "ledger" in vars(self):  # it was built: extend it, which is cheaper than building another
            vars(changed)["ledger"] = self.ledger.extended(market, since)
        meta, arrays = self._bars(market, since)
        numbers = {"from": since, "base": self.revision, "revision": changed.revision}
        return changed, encode_frame("tail", {**meta, **changed._about(), **numbers}, arrays)

    @staticmethod
    def _bars(market: Market, since: int) -> tuple[dict[str, Any], Arrays]:
        meta, arrays = bars_arrays(market.candles, since, replayed=market.contract)
        names, by_venue = venue_arrays(market, since)
        return meta | names, arrays | by_venue

    def _about(self) -> dict[str, Any]:
        about, candles = about_of(self.market, self.settings["turnover"]), len(self.market)
        about["notices"] += maintenance_note(self.settings)
        if candles > MANY_CANDLES:
            about["notices"].append(
                f"{candles:,} candles: sliders answer slowly; lw.history shows years of them at full speed"
            )
        return about

    def _kinds(self) -> dict[Contract, list[str]]:
        """Return the venues by the kind of their contracts; for a market of one venue its kind without any."""
        return names_by_contract(self.market) or {self.market.contract: []}

    def _contracts(self) -> list[int]:
        """Return the number of the kind of contract of each venue."""
        number = {name: i for i, names in enumerate(self._kinds().values()) for name in names}
        return [number[name] for name in self.market.venues]

    def _factors(self) -> tuple[Floats, Floats]:
        """Return the levels' factors of each kind of contract, (kinds, L), long and short."""
        long, short = zip(*(tier_factors(self.leverage, self.settings, kind) for kind in self._kinds()), strict=True)
        return np.array(long), np.array(short)

    def _beyond(self) -> list[float]:
        """Return what share of each tier's levels lies outside the rows, by USD that opened, shape (L,)."""
        candles = self.market.candles
        low, high, close = (candles[name].to_numpy() for name in ("low", "high", "close"))
        opening = opening_of(self.market)
        total, outside = 0.0, np.zeros(len(self.leverage))
        bottom, top = self.grid.edges[0], self.grid.edges[-1]
        for names, *factors in zip(self._kinds().values(), *self._factors(), strict=True):
            part = opening.only(names) if isinstance(opening, VenueOpenings) else opening
            opened = part.opened() * close  # a share: the turnover hardly matters
            total += 2 * float(opened.sum())
            for ks in factors:
                for tier, k in enumerate(ks):
                    height = (high - low) * k
                    inside = np.minimum(high * k, top) - np.maximum(low * k, bottom)
                    share = np.divide(inside, height, out=(inside >= 0).astype(np.float64), where=height > 0)
                    outside[tier] += float((opened * (1 - np.clip(share, 0, 1))).sum())
        return [round(float(usd) / total, 4) if total > 0 else 0.0 for usd in outside]


def about_of(market: Market, turnover: float | Literal["auto"] = 1.0) -> dict[str, Any]:
    """Return the metadata of ``bars`` for display in the browser."""
    candles, close = market.candles, market.candles["close"].to_numpy()
    return {
        "symbol": market.symbol,
        "exchange": market.exchange,
        "contract": contract_text(market.contract),
        "currency": market.currency,
        "interval": market.interval_label,
        "interval_ms": market.interval.value // 1_000_000,
        "simulated": market.simulated,
        "decimals": market.price_decimals,
        "candles": len(market),
        "last": candles.index[-1].value // 1_000_000,
        "origin": _origin(market),
        "notices": notices_of(market),
        "day": day_of(candles.index.as_unit("ns").asi8, close, candles["volume"].to_numpy() * close),
        "auto_decay_rate": auto_decay_rate(market, turnover) if "open_interest" in candles else None,
    }


def notices_of(market: Market) -> list[str]:
    """Return notices about a market's data, as sentences."""
    notices: list[str] = []
    if market.missing:
        notices.append(f"{market.missing:,} candles missing in {len(market.gaps)} gap{'s'[: len(market.gaps) > 1]}")
    if market.origin is not None:
        closed = market.candles.index[-1] + market.interval
        notices += market.origin.notices(closed.value // 10**6, time_ns() // 10**6, market.interval.value // 10**6)
    carried = market.carried_before_last("open_interest")
    has_it = "open_interest" in market.candles
    known = np.flatnonzero(market.candles["open_interest"].notna()) if has_it else np.zeros(0, np.intp)
    if not len(known):
        notices.append("no open interest: positions from volume alone")
    elif carried:
        notices.append(f"no open interest in {carried:,} candle{'s'[: carried > 1]}: last value kept")
    if len(known) and known[0]:
        since = stamp(int(market.candles.index.as_unit("ns").asi8[known[0]]))
        notices.append(f"open interest is known from {since} UTC on")
    if market.widened:
        notices.append(f"{market.widened:,} candles widened to hold their open or close")
    return [*notices, *currency_notices(market), *market.notes]


def currency_notices(market: Market) -> list[str]:
    """Return a notice if amounts are not in USD."""
    return [f"amounts are in {market.currency}, not USD"] if market.currency else []


def _origin(market: Market) -> str:
    """Return how the market can be loaded again: "sample", "fetch", or "" if only its owner has the candles."""
    if is_sample(market):
        return "sample"
    return "fetch" if market.origin is not None and market.origin.fetched is not None else ""


def as_sent(ledger: Ledger, rate: float) -> Ledger:
    """Return the ledger with ages rounded as on the wire, and USD adjusted so that this rate stays exact."""
    if ledger.age is None:
        return ledger
    unit = ledger_arrays(ledger)[0]["age_unit"]
    age = age_steps(ledger.age, unit) ** 3 * unit
    return replace(ledger, age=age, notional=ledger.notional * np.exp(rate * (age - ledger.age)))
