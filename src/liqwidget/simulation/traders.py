"""Positions of the simulated traders: how they enter and leave, candle by candle.

Positions are numbered in order of arrival; arrays are (N,) over all of them. Prices are USD. Sizes are what stays the
same while the price moves: coins, or USD of an inverse contract.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..model.margin import NO_LEVEL, Contract, level_factors, raw_level

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

OUTCOMES = ("open", "closed", "stopped", "liquidated")
OPEN, CLOSED, STOPPED, LIQUIDATED = range(4)
CROWDS = ("trend", "contrarian", "noise")
TOP_UP_AT = 0.7  # of the way from entry to liquidation price
_PLAIN, _STOP, _TOP_UP = range(3)  # what a trader does before liquidation

#: Shares of leverage in percent: the truth of a simulated market, whatever the default picture assumes.
DEFAULT_MIX: dict[float, float] = {3: 25, 5: 30, 10: 25, 20: 14, 50: 5, 100: 1}


class Habits(NamedTuple):
    """Behaviour of the traders; see `liqwidget.simulate` for each parameter."""

    tiers: Floats  # (L,) leverages
    shares: Floats  # (L,) of the notional opened, sum 1
    holding_hours: Floats  # (L,) mean
    trend_followers: float
    contrarians: float
    size_tail: float
    size_limit: float
    stops: float
    top_ups: float
    top_up_margin: float
    partial: float
    maintenance_rate: float
    contract: Contract = "linear"


class Candle(NamedTuple):
    """Where new positions of a candle enter, and the prices after that; the last three follow the path inside it."""

    low: float
    high: float
    close: float
    path: Floats | None = None  # (K+1,) prices at which they enter; None: evenly over [low, high]
    low_after: Floats | None = None  # (K+1,) lowest price from each moment on
    high_after: Floats | None = None


class Traders:
    """All positions, and which of them are open and therefore watched."""

    habits: Habits
    ends: list[int]
    crowd: NDArray[np.int8]
    entry: NDArray[np.float64]
    size: NDArray[np.float64]
    first_level: NDArray[np.float64]
    level: NDArray[np.float64]
    left: NDArray[np.float64]
    margin_added: NDArray[np.float64]
    liquidated: NDArray[np.float64]
    ended: NDArray[np.int_]
    outcome: NDArray[np.int8]

    def __init__(self, rng: np.random.Generator, arrivals: Ints, mean: float, habits: Habits, steps: int) -> None:
        n = int(arrivals.sum())
        self._rng = rng
        self.habits, self.ends = habits, np.cumsum(arrivals).tolist()
        self.opened: NDArray[np.int_] = np.repeat(np.arange(len(arrivals)), arrivals.astype(np.intp))
        tier = rng.choice(len(habits.tiers), n, p=habits.shares)
        self.leverage: NDArray[np.float64] = habits.tiers[tier]
        long, short = level_factors(habits.tiers, habits.maintenance_rate, contract=habits.contract)
        self._factor = np.stack([short[tier], long[tier]])
        self._patience = rng.exponential(habits.holding_hours[tier])
        lot = (rng.pareto(habits.size_tail, n) + 1.0) * (habits.size_tail - 1) / habits.size_tail  # 1 on average
        self._lot = mean * np.minimum(lot, habits.size_limit)
        self.crowd = rng.choice(3, n, p=_rest(habits.trend_followers, habits.contrarians)).astype(np.int8)
        self._mood, self._draw, self._moment = rng.random(n), rng.random(n), rng.integers(0, steps + 1, n)
        self._habit = rng.choice([_STOP, _TOP_UP, _PLAIN], n, p=_rest(habits.stops, habits.top_ups)).astype(np.int8)
        self._reach = np.where(self._habit == _STOP, rng.uniform(0.2, 0.9, n), TOP_UP_AT)
        self._plain = habits.stops == habits.top_ups == 0

        self.long: NDArray[np.bool_] = np.zeros(n, dtype=bool)
        self.entry, self.size, self.first_level, self.level, self.left = np.zeros((5, n))
        self.margin_added, self.liquidated = np.zeros((2, n))
        self.exit_price: NDArray[np.float64] = np.full(n, np.nan)
        self.ended, self.outcome = np.full(n, -1), np.zeros(n, dtype=np.int8)
        self._cut = np.zeros(n, dtype=bool)  # partially liquidated
        # Levels and sizes that were: (positions, candle, level, size before, size liquidated) of each change.
        self.changes: list[tuple[Ints, int, Floats, Floats, Floats]] = []

        self._used = self._watched = 0
        # Open positions stored contiguously, and a few that have closed since the last `_tidy`.
        self._ids = np.empty(n, dtype=np.int64)
        self._long_trip, self._short_trip, self._deadline = self._watch = np.empty((3, n))
        self.accounts: list[int] = [0, 0]  # open positions: long, short

    def stop_price(self) -> Floats:
        """Return the price of each stop-loss, USD, NaN where there is none, shape (N,)."""
        price = self.entry + self._reach * (self.first_level - self.entry)
        return np.where(self._habit == _STOP, price, np.nan)

    def cut(self) -> Floats:
        """Return the size that partial liquidations took of each position, (N,)."""
        cut = np.zeros(len(self.size))
        for ids, *_, size in self.changes:
            cut[ids] += size
        return cut

    def usd(self, ids: Ints, size: Floats) -> Floats:
        """Return sizes of positions in USD at entry."""
        return size if self.habits.contract == "inverse" else size * self.entry[ids]

    def in_margin(self, usd: Floats, price: Floats) -> Floats:
        """Return USD in the currency of the margin at a price: USD, or coins of an inverse contract."""
        return usd / price if self.habits.contract == "inverse" else usd

    def close(self, t: int, clock: float) -> tuple[float, float]:
        """Close positions whose holding time is over; return the size of longs and of shorts."""
        if t % 32 == 0:
            self._tidy()
        at = np.flatnonzero(self._deadline[: self._watched] <= clock)
        return self._leave(t, at, CLOSED, np.nan) if at.size else (0.0, 0.0)

    def cover(self, t: int, long: bool, most: float) -> float:
        """Close randomly drawn longs (or shorts) of at most this size together; return how much."""
        trip = self._long_trip[: self._watched] if long else -self._short_trip[: self._watched]
        standing = self._rng.permutation(np.flatnonzero(trip > -np.inf))
        fits = np.cumsum(self.left[self._ids[standing]]) <= most
        return self._leave(t, standing[fits], CLOSED, np.nan)[0 if long else 1]

    def sweep(self, t: int, low: float, high: float) -> tuple[float, float, float, float]:
        """Stop out, top up or liquidate what candle t crosses; return what is stopped (long, short), liquidated."""
        n = self._watched
        at = np.flatnonzero((self._long_trip[:n] >= low) | (self._short_trip[:n] <= high))
        if not at.size:
            return 0.0, 0.0, 0.0, 0.0
        ids = self._ids[at]
        long, level = self.long[ids], self.level[ids]
        through = _crossed(long, level, low, high)
        if self._plain:
            stopped = np.zeros(at.size, dtype=bool)
        else:
            habit = self._habit[ids]
            stopped = (habit == _STOP) & _crossed(long, self._trip(ids), low, high)
            saved = (habit == _TOP_UP) & ~through & ~stopped
            if saved.any():
                self._top_up(t, at[saved], ids[saved])
        doomed, partly = through & ~stopped, (0.0, 0.0)
        if self.habits.partial > 0 and doomed.any():
            first = doomed & ~self._cut[ids]
            partly, survive = self._cut_down(t, at[first], ids[first], low, high)
            doomed[np.flatnonzero(first)[survive]] = False
        out = self._leave(t, at[stopped], STOPPED, self._trip(ids[stopped])) if stopped.any() else (0.0, 0.0)
        lost = self._leave(t, at[doomed], LIQUIDATED, self.level[ids[doomed]]) if doomed.any() else (0.0, 0.0)
        return *out, lost[0] + partly[0], lost[1] + partly[1]

    def enter(
        self, t: int, candle: Candle, clock: float, mood: float, gone: tuple[float, float]
    ) -> tuple[Floats, Floats, Floats]:
        """Open candle t's new positions; return what is opened, stopped and liquidated at once, each (long, short).

        ``gone`` is what was closed before, by side. Open interest stays equal on both sides because the side that
        closed more opens more. ``mood`` in [-1, 1] is the trend.
        """
        new = slice(self._used, self.ends[t])
        self._used = new.stop
        long = self._mood[new] < np.array([0.5 + mood / 2, 0.5 - mood / 2, 0.5])[self.crowd[new]]
        count = int(long.sum())
        if count in (0, long.size):  # each side has at least one
            long[-1] = count == 0
        if candle.path is None or candle.low_after is None or candle.high_after is None:
            entry = candle.low + self._draw[new] * (candle.high - candle.low)
            lowest = highest = np.full(long.size, candle.close)
        else:
            moment = self._moment[new]
            entry, lowest, highest = candle.path[moment], candle.low_after[moment], candle.high_after[moment]
        level, trip, dies = self._plan(new, long, entry)
        dead = np.where(long, dies >= lowest, dies <= highest)
        if dead.any() and (dead[long].all() or dead[~long].all()):
            # A side must not be empty: its first position enters at the close.
            for side in (long, ~long):
                if dead[side].all():
                    i = int(np.argmax(side))
                    entry[i], dead[i] = candle.close, False
            level, trip, dies = self._plan(new, long, entry)
        lot = self._lot[new]
        alive = lot if not dead.any() else lot * ~dead
        long_lots, short_lots = float(alive @ long), float(alive @ ~long)
        brought = max(long_lots + short_lots, 1.02 * abs(gone[0] - gone[1]))
        longs, shorts = (brought + gone[0] - gone[1]) / 2, (brought - gone[0] + gone[1]) / 2
        size = lot * np.where(long, longs / long_lots, shorts / short_lots)
        self.long[new], self.entry[new], self.size[new], self.left[new] = long, entry, size, size
        self.first_level[new] = self.level[new] = level

        opened = np.array([longs, shorts])
        stopped = lost = np.zeros(2)
        if dead.any():
            by_stop = dead & (dies != level)
            stopped, lost = (
                np.array([size[part & side].sum() for side in (long, ~long)]) for part in (by_stop, dead & ~by_stop)
            )
            opened = opened + stopped + lost
            ids = np.flatnonzero(dead) + new.start
            self.ended[ids], self.left[ids], self.exit_price[ids] = t, 0.0, dies[dead]
            self.outcome[ids] = np.where(by_stop[dead], STOPPED, LIQUIDATED)
            self.liquidated[ids] = np.where(by_stop[dead], 0.0, size[dead])
            stays = np.flatnonzero(~dead)
            long, trip, ids = long[stays], trip[stays], stays + new.start
        else:
            ids = np.arange(new.start, new.stop)
        at = slice(self._watched, self._watched + ids.size)
        self._watched, self._ids[at] = at.stop, ids
        self._long_trip[at], self._short_trip[at] = np.where(long, trip, -np.inf), np.where(long, np.inf, trip)
        self._deadline[at] = clock + self._patience[ids]
        count = int(long.sum())
        self.accounts[0] += count
        self.accounts[1] += ids.size - count
        return opened, stopped, lost

    def _plan(self, new: slice, long: Any, entry: Floats) -> tuple[Floats, Floats, Floats]:
        """Return liquidation prices, watched prices, and prices that close a new position within its own candle."""
        level = entry * np.where(long, self._factor[1, new], self._factor[0, new])
        if self._plain:
            return level, level, level
        habit = self._habit[new]
        trip = np.where(habit == _PLAIN, level, entry + self._reach[new] * (level - entry))
        return level, trip, np.where(habit == _TOP_UP, level, trip)

    def _trip(self, ids: Ints) -> Floats:
        return self.entry[ids] + self._reach[ids] * (self.level[ids] - self.entry[ids])

    def _leave(self, t: int, at: Ints, outcome: int, price: Any) -> tuple[float, float]:
        """End the positions watched at these places; return the size of longs and of shorts."""
        ids = self._ids[at]
        size, long = self.left[ids], self.long[ids]
        self.ended[ids], self.outcome[ids], self.exit_price[ids], self.left[ids] = t, outcome, price, 0.0
        if outcome == LIQUIDATED:
            self.liquidated[ids] += size
        self._watch[:, at] = _NOTHING
        count = int(long.sum())
        self.accounts[0] -= count
        self.accounts[1] -= ids.size - count
        return float(size @ long), float(size @ ~long)

    def _top_up(self, t: int, at: Ints, ids: Ints) -> None:
        """Add margin once, which moves the liquidation price away from the entry."""
        more, entry, leverage = self.habits.top_up_margin, self.entry[ids], self.leverage[ids]
        self._note(t, ids, np.zeros(ids.size))
        self.margin_added[ids] = self.in_margin(more * self.usd(ids, self.size[ids]) / leverage, entry)
        self.level[ids] = self._level(ids, entry, (1 + more) / leverage)
        self._habit[ids] = _PLAIN
        self._watch_level(at, ids)

    def _cut_down(self, t: int, at: Ints, ids: Ints, low: float, high: float) -> tuple[tuple[float, float], Any]:
        """Liquidate the first part; the rest is backed by the whole maintenance margin.

        Return the size (long, short) and which positions survive the candle with the rest.
        """
        part = self.habits.partial
        size, long = self.left[ids] * part, self.long[ids]
        self._note(t, ids, size)
        self.level[ids] = self._level(ids, self.level[ids], self.habits.maintenance_rate / (1 - part))
        self.left[ids] -= size
        self.liquidated[ids] += size
        self._cut[ids] = True
        self._watch_level(at, ids)
        survive = ~_crossed(long, self.level[ids], low, high)
        return (float(size @ long), float(size @ ~long)), survive

    def _level(self, ids: Ints, price: Floats, margin: Floats | float) -> Floats:
        """Return the liquidation prices of positions whose margin is this share of their value at a price."""
        sign, m = np.where(self.long[ids], 1.0, -1.0), self.habits.maintenance_rate
        level = raw_level(price, sign, margin, 0.0, m, 0.0, self.habits.contract, "mm_at_liq")
        found: Floats = np.where(level > 0, level, np.where(self.long[ids], 0.0, NO_LEVEL * price))
        return found

    def _note(self, t: int, ids: Ints, liquidated: Floats) -> None:
        self.changes.append((ids, t, self.level[ids].copy(), self.left[ids].copy(), liquidated))

    def _watch_level(self, at: Ints, ids: Ints) -> None:
        long, level = self.long[ids], self.level[ids]
        self._long_trip[at], self._short_trip[at] = np.where(long, level, -np.inf), np.where(long, np.inf, level)

    def _tidy(self) -> None:
        still = np.flatnonzero(self._deadline[: self._watched] < np.inf)
        n = self._watched = still.size
        self._watch[:, :n], self._ids[:n] = self._watch[:, still], self._ids[still]


_NOTHING = np.array([[-np.inf], [np.inf], [np.inf]])  # watched prices and deadline of a closed position


def _crossed(long: Any, price: Floats, low: float, high: float) -> NDArray[np.bool_]:
    crossed: NDArray[np.bool_] = np.where(long, price >= low, price <= high)
    return crossed


def _rest(first: float, second: float) -> list[float]:
    return [first, second, max(1.0 - first - second, 0.0)]
