"""Turnover: the share of volume that opens positions, and the share that keeps standing USD near open interest.

Arrays in, arrays out; T are candles. `js/src/model/turnover.ts` is the twin.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import expm1, log
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import numpy.typing as npt

from ..checks import is_finite
from ..errors import InputError
from .grid import Floats

if TYPE_CHECKING:
    from ..market.market import Market

NS_PER_HOUR = 3.6e12
AUTO: Final = "auto"


class Turnover(float):
    """Share of volume that opens positions, in [0, 1], with further results of `turnover="auto"`.

    It is a float, so it can be passed wherever a turnover is expected.

    Attributes
    ----------
    scale
        Factor on all openings, in (0, 1]; below 1 only if the decay rate is slower than open interest's own falls.
    auto
        Whether it was solved for a decay rate.
    known
        Whether open interest is known, so that USD can be compared with the venue's.
    venues
        Of a combined market: the turnover of each venue by name, of which this one is the mean by volume.
    """

    scale: float
    auto: bool
    known: bool
    venues: Mapping[str, Turnover]

    def __new__(
        cls,
        share: float,
        scale: float = 1.0,
        *,
        auto: bool = False,
        known: bool = True,
        venues: Mapping[str, Turnover] | None = None,
    ) -> Turnover:
        """Return a turnover; the arguments are not checked."""
        made = super().__new__(cls, share)
        made.scale, made.auto, made.known, made.venues = scale, auto, known, venues or {}
        return made

    def caption(self, decay_rate: float) -> str:
        """Return what it means at its decay rate, as text for the picture's caption."""
        half = _duration(log(2) / decay_rate) if decay_rate > 0 else ""
        closes = f"half closes within {half}" if half else "nothing closes by itself"
        if self.auto and not self.known:
            return f"{closes}: all volume opens positions; amounts are relative, open interest is unknown"
        if self.auto and self == 0.0:
            return f"{closes}: open interest falls faster than that by itself: scaled to open interest"
        share = "all" if self == 1.0 else f"{100 * self:.2g} %"
        return f"{closes}: {share} {'' if self == 1.0 else 'of '}volume opens positions"


@dataclass(frozen=True, eq=False)
class Opening:
    """The data that determine how much each candle opens, for any turnover.

    Attributes
    ----------
    volume, change
        Coins traded, and change of open interest (0 where it is unknown at either end), (T,).
    exposure
        Standing coin hours before each candle: open interest at the previous close, times hours; NaN where it is
        unknown, (T,).
    hours
        Hours since the previous candle, (T,).
    """

    volume: Floats
    change: Floats
    exposure: Floats
    hours: Floats

    @classmethod
    def of(cls, market: Market) -> Opening:
        """Return the data of a market's candles."""
        candles = market.candles
        volume = candles["volume"].to_numpy()
        stamps = candles.index.as_unit("ns").asi8
        hours = np.diff(stamps, prepend=stamps[:1]) / NS_PER_HOUR
        change, exposure = np.zeros(len(volume)), np.full(len(volume), np.nan)
        if "open_interest" in candles:
            interest, close = (candles[name].to_numpy() for name in ("open_interest", "close"))
            change[1:] = interest_change(interest, close, market.contract)
            exposure[1:] = interest[:-1] * hours[1:]
        return cls(volume, change, exposure, hours)

    @cached_property
    def counted(self) -> npt.NDArray[np.bool_]:
        """All candles but the first whose previous open interest is known, (T,)."""
        return ~np.isnan(self.exposure)

    @cached_property
    def coin_hours(self) -> float:
        """Coin hours of open interest over the counted candles."""
        return float(self.exposure[self.counted].sum())

    @property
    def known(self) -> bool:
        """Whether there is open interest to compare the estimate with."""
        return self.coin_hours > 0

    def opened(self, turnover: float = 1.0) -> Floats:
        """Return coins opened on each side by each candle, (T,)."""
        opened = np.maximum((float(turnover) * self.volume + self.change) / 2, np.maximum(self.change, 0.0))
        return opened * turnover.scale if isinstance(turnover, Turnover) else opened

    def closed(self, share: float = 1.0) -> float:
        """Return coins closed on each side over the counted candles."""
        return float((self.opened(float(share)) - self.change)[self.counted].sum())

    def turnover(self, decay_rate: float) -> Turnover:
        """Return the turnover at which what closes per hour is the decay rate's share of open interest, at most 1.

        Closed coins are piecewise linear and rising in the share, so the equation is solved exactly. A rate slower than
        open interest's own falls has no solution: then only rises of open interest open positions, and all amounts are
        scaled so that what stands is open interest on average. Without open interest it is 1.
        """
        if not self.known:
            return Turnover(1.0, auto=True, known=False)
        breaks, closed, slope = self._pieces
        wanted = decay_rate * self.coin_hours
        # Checked first, with tolerance: at the automatic decay rate all volume opens, even if no volume would suffice.
        if wanted >= self.closed(1.0) * (1 - 1e-12):
            return Turnover(1.0, auto=True)
        if not wanted >= closed[0]:
            return Turnover(0.0, self._scale(decay_rate), auto=True)
        piece = int(np.searchsorted(closed, wanted, "right")) - 1
        share = breaks[piece] + (wanted - closed[piece]) / slope[piece] if slope[piece] > 0 else breaks[piece]
        return Turnover(min(float(share), 1.0), auto=True)

    @cached_property
    def _pieces(self) -> tuple[Floats, Floats, Floats]:
        """Shares at which the slope of closed coins changes, ascending from 0; coins closed there; slopes after."""
        traded = self.counted & (self.volume > 0)
        volume, change = self.volume[traded], np.abs(self.change[traded])
        at = change / volume
        order = np.argsort(at, kind="stable")
        breaks = np.concatenate([[0.0], at[order]])
        slope = np.concatenate([[0.0], np.cumsum(volume[order]) / 2])
        fallen = float(np.maximum(-self.change[self.counted], 0.0).sum())
        # fallen + sum of (share * volume - |change|) / 2 over the breakpoints so far, monotonic despite rounding.
        bent = np.maximum(breaks * slope - np.concatenate([[0.0], np.cumsum(change[order]) / 2]), 0.0)
        return breaks, np.maximum.accumulate(fallen + bent), slope

    def _scale(self, decay_rate: float) -> float:
        grown = float(np.maximum(self.change[self.counted], 0.0).sum())
        span = float(self.hours[self.counted].sum())
        if grown <= 0 or span <= 0:
            return 1.0
        # A linear rise with decay leaves grown / span / rate * (1 - exp(-rate * span)) at the end.
        decayed = -expm1(-decay_rate * span)
        stands = grown * decayed / decay_rate if decayed > 0 else grown * span
        return min(1.0, self.coin_hours / stands)


def interest_change(interest: Floats, close: Floats, contract: str) -> Floats:
    """Return the change of open interest between candles, coins, (T - 1,): 0 where either is unknown.

    In an inverse contract the USD of a position stay the same while its coins change with the price: the change counts
    contracts, valued at the later close.
    """
    change = np.diff(interest * close) / close[1:] if contract == "inverse" else np.diff(interest)
    return np.nan_to_num(change, nan=0.0)


@dataclass(frozen=True, eq=False)
class VenueOpenings:
    """What determines how much each candle of a combined market opens: that of each venue, added up.

    `Opening` of a market of one venue has the same methods. Every venue has its own automatic turnover, so that what
    stands on it stays near its own open interest; one without open interest has the mean of the others by volume.

    Attributes
    ----------
    venues
        By name, all on the same T candles.
    shown
        Those that count in `opened`; None: all. Turnover and decay rate are those of all venues, so that what one
        venue opens does not depend on the others that are shown.
    """

    venues: Mapping[str, Opening]
    shown: frozenset[str] | None = None

    @cached_property
    def change(self) -> Floats:
        """Change of open interest, coins, summed over the venues where it is known, (T,)."""
        return self._sum(opening.change for opening in self.venues.values())

    @cached_property
    def counted(self) -> npt.NDArray[np.bool_]:
        """All candles but the first whose previous open interest is known at some venue, (T,)."""
        counted: npt.NDArray[np.bool_] = np.any([opening.counted for opening in self.venues.values()], axis=0)
        return counted

    @property
    def coin_hours(self) -> float:
        """Coin hours of open interest, all venues."""
        return sum(opening.coin_hours for opening in self.venues.values())

    @property
    def known(self) -> bool:
        """Whether some venue has open interest to compare the estimate with."""
        return self.coin_hours > 0

    @property
    def names(self) -> list[str]:
        """Names of the venues that count in `opened`."""
        return [name for name in self.venues if self.shown is None or name in self.shown]

    def only(self, names: Collection[str]) -> VenueOpenings:
        """Return what some of the venues open."""
        return VenueOpenings(self.venues, frozenset(names))

    def opened(self, turnover: float = 1.0) -> Floats:
        """Return coins opened on each side by each candle, all venues that are shown, (T,)."""
        by_name = turnover.venues if isinstance(turnover, Turnover) else {}
        return self._sum(self.venues[name].opened(by_name.get(name, turnover)) for name in self.names)

    def closed(self, share: float = 1.0) -> float:
        """Return coins closed on each side over the counted candles, all venues."""
        return sum(opening.closed(float(share)) for opening in self.venues.values())

    def turnover(self, decay_rate: float) -> Turnover:
        """Return the mean of the venues' turnovers by volume, with each of them; see :meth:`Opening.turnover`."""
        found = {name: opening.turnover(decay_rate) for name, opening in self.venues.items() if opening.known}
        traded = {name: float(opening.volume.sum()) for name, opening in self.venues.items()}
        volume = sum(traded[name] for name in found)
        if not volume > 0:
            return Turnover(1.0, auto=True, known=False)
        mean = sum(share * traded[name] for name, share in found.items()) / volume
        other = Turnover(mean, auto=True)
        return Turnover(mean, auto=True, venues={name: found.get(name, other) for name in self.venues})

    def _sum(self, coins: Iterable[Floats]) -> Floats:
        return np.sum(list(coins), axis=0)  # type: ignore[no-any-return]


def opening_of(market: Market) -> Opening | VenueOpenings:
    """Return what determines how much a market's candles open."""
    if not market.venues:
        return Opening.of(market)
    return VenueOpenings({name: Opening.of(part) for name, part in market.venues.items()})


def check_turnover(value: Any) -> float | Literal["auto"]:
    """Return "auto", a `Turnover`, or a share in (0, 1] as float; or raise InputError."""
    if isinstance(value, str) and value == AUTO:
        return AUTO
    if isinstance(value, Turnover):
        return value
    if not (is_finite(value) and 0 < value <= 1):
        raise InputError(f"turnover: wanted a share in (0, 1] or 'auto'; got {str(value)[:40]!r}")
    return float(value)


def resolve_turnover(market: Market, turnover: Any, decay_rate: float) -> Turnover:
    """Return the turnover in force at a decay rate; "auto" is solved from the market, a number is used as it is."""
    checked = check_turnover(turnover)
    opening = opening_of(market)
    if isinstance(checked, str):
        return opening.turnover(decay_rate)
    return checked if isinstance(checked, Turnover) else Turnover(checked, known=opening.known)


def opened_coins(market: Market, turnover: float = 1.0) -> tuple[Floats, Floats]:
    """Return coins opened and closed on each side by each candle, two arrays of shape (T,).

    ``opened = max((turnover * V + dOI) / 2, max(dOI, 0))``, ``closed = opened - dOI``; dOI is 0 where
    open interest is not known at both ends.
    """
    opening = opening_of(market)
    opened = opening.opened(turnover)
    return opened, opened - opening.change


def _duration(hours: float) -> str:
    return f"{hours:.3g} h" if hours < 48 else f"{hours / 24:.3g} d"
