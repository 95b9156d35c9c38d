"""A market over several venues: the prices of the first one, and the quantities of all, added up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

import numpy as np
import pandas as pd

from ..checks import stamp
from ..errors import InputError
from .candles import Bars, Mask, carry
from .columns import CARRIED, MARK, REQUIRED, Floats
from .market import Market, bars_of
from .origin import Origin
from .units import IN_COINS

#: Optional columns of a combined market: quantities that are added up, and rates that are weighted by open interest.
_SUMMED = ("open_interest", "taker_buy_volume")
_WEIGHTED = tuple(name for name in CARRIED if name not in _SUMMED)


@dataclass(frozen=True)
class Part:
    """A venue's share of a combined market.

    Attributes
    ----------
    market
        The venue's own quantities at the times and prices of the combined market.
    absent
        Candles that the venue does not have; their volume is 0, bool (T,).
    basis
        The venue's close over that of the first venue, minus 1, NaN where it has no candle, (T,).
    surplus
        Candles of the venue at times that the first venue does not have; they are left out.
    """

    market: Market
    absent: Mask
    basis: Floats
    surplus: int = 0

    @classmethod
    def of(cls, market: Market, first: Market) -> Part:
        """Return a market as a part of one that has the prices of `first`."""
        bars, own = bars_of(first), bars_of(market)
        at = np.minimum(np.searchsorted(own.time, bars.time), len(own.time) - 1)
        has = own.time[at] == bars.time
        columns = {name: bars.columns[name] for name in (*REQUIRED[:4], *MARK) if name in bars.columns}
        columns["volume"] = np.where(has, own.columns["volume"][at], 0.0)
        for name in (*_SUMMED, *_WEIGHTED):
            if name in own.columns:
                columns[name] = np.where(has, own.columns[name][at], np.nan)
        if "taker_buy_volume" in columns:
            columns["taker_buy_volume"] = np.where(has, columns["taker_buy_volume"], 0.0)
        ordered = {name: columns[name] for name in (*REQUIRED, *_SUMMED, *_WEIGHTED, *MARK) if name in columns}
        bars = Bars(bars.time, ordered, np.zeros(len(bars.time), bool))
        aligned = carry(bars, {}, is_inverse=market.contract == "inverse")
        basis = np.where(has, own.columns["close"][at] / bars.columns["close"] - 1.0, np.nan)
        return cls(market._with(bars=aligned), ~has, basis, len(own.time) - int(has.sum()))

    def cut(self, rows: slice) -> Part:
        """Return the part in some rows."""
        return replace(self, market=self.market._cut(rows), absent=self.absent[rows], basis=self.basis[rows])

    def followed(self, later: Part | None, prices: Market, replaced: bool) -> Part:
        """Return the part with later candles; None: the venue has none, only the times and `prices` are known."""
        if later is None:
            empty = prices.candles[list(REQUIRED)].assign(volume=0.0)
            count = len(empty)
            later = Part(Market.from_frame(empty, **IN_COINS), np.ones(count, bool), np.full(count, np.nan))
        keep = int(np.searchsorted(bars_of(self.market).time, bars_of(later.market).time[0]))
        joined = self.market.append(later.market.candles, replace=replaced, **IN_COINS)
        return Part(
            joined.with_liquidations(_united([self.market, later.market])[0]),
            np.r_[self.absent[:keep], later.absent],
            np.r_[self.basis[:keep], later.basis],
            self.surplus,
        )

    def notes(self, name: str) -> list[str]:
        """Return what a reader has to know about this venue's share, as sentences."""
        notes = []
        if count := int(self.absent.sum()):
            at = np.flatnonzero(self.absent)
            times = bars_of(self.market).time
            ends = f"{stamp(int(times[at[0]]))} to {stamp(int(times[at[-1]]))} UTC"
            notes.append(f"{name} lacks {count:,} candle{'s'[: count > 1]} ({ends}): sums are without it there")
        if self.surplus:
            notes.append(f"{self.surplus:,} candles of {name} at other times are left out")
        return notes


class CombinedMarket(Market):
    """Candles of several venues as one market; :func:`liqwidget.combine` makes it.

    Prices, and so levels and sweeps, are those of the first venue. Volume, taker buys and open interest are added up,
    funding and long/short ratios weighted by open interest, realised liquidations united. What each candle opens is
    computed for each venue and then added up.
    """

    def __init__(
        self, bars: Bars, *args: Any, parts: Mapping[str, Part], told: Sequence[str] = (), **others: Any
    ) -> None:
        self._parts, self._told = dict(parts), tuple(told)
        notes = [*self._told, *_lacking(self._parts), *(n for name, part in parts.items() for n in part.notes(name))]
        super().__init__(bars, *args, **{**others, "notes": [*notes, *_basis_note(self._parts)]})

    @classmethod
    def of(cls, parts: Mapping[str, Part], told: Sequence[str] = ()) -> CombinedMarket:
        """Return the market of the parts, which have the same times; the first has the prices."""
        markets = [part.market for part in parts.values()]
        realised, sums = _united(markets)
        return cls(
            _summed(parts),
            markets[0].symbol,
            label(list(parts)),
            realised,
            any(market.simulated for market in markets),
            tuple(dict.fromkeys(name for market in markets for name in market.ignored)),
            _origin({name: part.market for name, part in parts.items()}),
            parts=parts,
            told=(*told, *sums, *(note for market in markets for note in market.notes)),
        )

    @property
    def venues(self) -> Mapping[str, Market]:
        """Return each venue's share by name: its own quantities, at the times and prices of this market."""
        return {name: part.market for name, part in self._parts.items()}

    def part(self, name: str) -> Part:
        """Return a venue's share with what is missing in it."""
        return self._parts[name]

    @property
    def contract(self) -> Literal["linear", "inverse"]:
        """Return the kind of contract of the first venue; ``venues`` tells that of each."""
        return next(iter(self._parts.values())).market.contract

    @property
    def currency(self) -> str:
        """Return the currency of prices and amounts if it is not USD."""
        return next(iter(self._parts.values())).market.currency

    def basis(self) -> pd.DataFrame:
        """Return how far each venue's close is from the first venue's.

        Returns
        -------
        DataFrame
            Index ``venue``; ``median`` (signed) and ``largest`` (absolute), fractions of the first venue's close;
            ``candles`` that both have.
        """
        rows = {name: _basis_of(part) for name, part in self._parts.items()}
        frame = pd.DataFrame.from_dict(rows, orient="index", columns=["median", "largest", "candles"])
        return frame.rename_axis("venue").astype({"candles": "int64"})

    def append(self, frame: Any, *, replace: bool = False, **_units: Any) -> Market:
        """Return a market with later candles, given as a combined market; a venue that it lacks is missing there.

        Raises
        ------
        InputError
            It is no combined market, has a venue that this one does not have, or its prices are of another venue.
        """
        names = list(self._parts)
        if not isinstance(frame, CombinedMarket):
            raise InputError(
                f"append: wanted later candles of {', '.join(names)} as one market; got {type(frame).__name__}. Pass "
                "lw.combine of what each venue has."
            )
        if next(iter(frame._parts)) != names[0] or set(frame._parts) - set(names):
            raise InputError(
                f"append: wanted venues among {', '.join(names)}, the first one first; got {', '.join(frame._parts)}."
            )
        parts = {name: part.followed(frame._parts.get(name), frame, replace) for name, part in self._parts.items()}
        made = CombinedMarket.of(parts, self._told)
        return made if self.origin is None else made.with_origin(self.origin)

    def with_origin(self, origin: Origin) -> CombinedMarket:
        """Return the same candles with this provenance."""
        return self._with(origin=origin)

    def _cut(self, rows: slice) -> CombinedMarket:
        cut = cast("CombinedMarket", super()._cut(rows))
        return cut._with(parts={name: part.cut(rows) for name, part in self._parts.items()})

    def _with(self, **changes: Any) -> CombinedMarket:
        made = {**self._arguments(), "parts": self._parts, "told": self._told, **changes}
        return CombinedMarket(**{name: value for name, value in made.items() if name != "notes"})


def label(names: Sequence[str]) -> str:
    """Return the venues' names as one label of at most 64 characters."""
    text = " + ".join(names)
    return text if len(text) <= 64 else f"{len(names)} venues"


def _summed(parts: Mapping[str, Part]) -> Bars:
    """Return the candles of all parts: prices of the first, sums and means of the others."""
    every = [bars_of(part.market) for part in parts.values()]
    first = every[0]
    columns = {name: first.columns[name] for name in REQUIRED[:4]}
    columns["volume"] = np.sum([bars.columns["volume"] for bars in every], axis=0)
    for name in _SUMMED:
        known = [bars.columns[name] for bars in every if name in bars.columns]
        if known:
            columns[name] = np.sum(known, axis=0)  # NaN until all of them are known
    for name in _WEIGHTED:
        both = [bars.columns for bars in every if name in bars.columns and "open_interest" in bars.columns]
        if both:
            columns[name] = _weighted(both, name)
    columns |= {name: first.columns[name] for name in MARK if name in first.columns}
    carried = {name: mask for name, mask in first.carried.items() if name in MARK}
    for name in (*_SUMMED, *_WEIGHTED):
        if name in columns:
            masks = [bars.carried[name] for bars in every if name in bars.carried]
            carried[name] = np.any(masks, axis=0) if masks else np.zeros(len(first.time), bool)
    return Bars(first.time, columns, first.widened, carried)


def _weighted(both: Sequence[Mapping[str, Floats]], name: str) -> Floats:
    """Return the mean of a rate weighted by open interest, over the venues that know both, (T,)."""
    rates, interest = (np.array([columns[of] for columns in both]) for of in (name, "open_interest"))
    weight = np.where(np.isnan(rates) | np.isnan(interest), 0.0, interest)
    total = weight.sum(axis=0)
    mean: Floats = np.divide(
        (np.nan_to_num(rates) * weight).sum(axis=0), total, out=np.full_like(total, np.nan), where=total > 0
    )
    return mean


def _united(markets: Sequence[Market]) -> tuple[pd.DataFrame | None, list[str]]:
    """Return the realised liquidations of all markets by time, and what was left out.

    Sums of one interval are added up; those of another interval than the first ones are left out.
    """
    known = [(market.exchange, found) for market in markets if (found := market.liquidations) is not None]
    if not known:
        return None, []
    notes, kept, step = [], [], None
    for name, found in known:
        times = found.loc[found["price"].isna(), "time"].drop_duplicates()
        own = times.diff().min() if len(times) > 1 else None
        if own is not None and step is not None and own != step:
            notes.append(f"liquidations of {name} are sums of another interval: left out")
            continue
        step = own if step is None else step
        kept.append(found)
    every = pd.concat(kept, ignore_index=True)
    is_sum = every["price"].isna()
    sums: Any = every[is_sum].groupby(["time", "side"], as_index=False)["notional"].sum()
    united = pd.concat([every[~is_sum], sums.reindex(columns=every.columns)], ignore_index=True) if len(sums) else every
    return united.sort_values("time", kind="stable", ignore_index=True).astype(every.dtypes), notes


def _lacking(parts: Mapping[str, Part]) -> list[str]:
    """Return which venues lack a quantity that others have, as sentences."""
    notes = []
    for name in (*_SUMMED, *_WEIGHTED):
        without = [venue for venue, part in parts.items() if name not in bars_of(part.market).columns]
        if without and len(without) < len(parts):
            notes.append(f"no {name} of {', '.join(without)}")
    without = [name for name, part in parts.items() if part.market.liquidations is None]
    if without and len(without) < len(parts):
        notes.append(f"no realised liquidations of {', '.join(without)}")
    inverse = [name for name, part in parts.items() if part.market.contract == "inverse"]
    if inverse and len(inverse) < len(parts):
        notes.append(f"levels of {', '.join(inverse)} by the rule of inverse contracts")
    return notes


def _basis_of(part: Part) -> tuple[float, float, int]:
    known = part.basis[~np.isnan(part.basis)]
    if not len(known):
        return float("nan"), float("nan"), 0
    return float(np.median(known)), float(np.abs(known).max()), len(known)


def _basis_note(parts: Mapping[str, Part]) -> list[str]:
    """Return how far the venues' prices are from those that are shown."""
    first, *others = parts
    far = [f"{name} {_basis_of(parts[name])[0]:+.3%}" for name in others if not np.isnan(parts[name].basis).all()]
    return [f"prices of {first}; median difference: {', '.join(far)}"] if far else []


def _origin(markets: Mapping[str, Market]) -> Origin | None:
    """Return the provenance of all parts; None if no part has any."""
    known = {name: market.origin for name, market in markets.items() if market.origin is not None}
    if not known:
        return None
    times = [origin.fetched for origin in known.values() if origin.fetched is not None]
    until = [origin.live_until for origin in known.values() if origin.live_until is not None]
    return Origin(
        source=" + ".join(origin.source for origin in known.values()),
        fetched=min(times, default=None),
        live_until=max(until, default=None),
        missing={f"{column} of {name}": why for name, one in known.items() for column, why in one.missing.items()},
        partial=any(origin.partial for origin in known.values()),
        notes=tuple(f"{name}: {note}" for name, origin in known.items() for note in origin.notes),
    )
