"""The positions of the simulated traders, candle by candle."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..model.margin import level_factors
from ..model.settings import shares

Floats = NDArray[np.float64]

STEPS = 24  # prices traded within a candle
DAILY_VOLATILITY = 0.021
HOLDING_HOURS = 32.0  # mean at 5x, in hours of average activity; falls with the root of the leverage
LONG_ACCOUNTS = 0.57  # share of newcomers who go long in a flat market; small accounts lean that way


class Book:
    """All positions in order of arrival: those standing before the first candle, then each candle's newcomers."""

    def __init__(
        self, rng: np.random.Generator, arrivals: NDArray[np.int64], standing: int, mix: dict[float, float], rate: float
    ) -> None:
        self.ends = standing + np.cumsum(arrivals)  # (T,) positions after each candle
        count = standing + int(arrivals.sum())
        tiers, self.used = np.array(list(mix), dtype=np.float64), standing
        self.k_long, self.k_short = level_factors(tiers, rate)
        patience = HOLDING_HOURS * np.sqrt(5 / tiers)  # (L,) hours
        stock = shares(mix) * patience  # who stays longer is met more often in a book
        self.tier = np.concatenate([
            rng.choice(tiers.size, standing, p=stock / stock.sum()),
            rng.choice(tiers.size, count - standing, p=shares(mix)),
        ])  # fmt: skip
        self.leverage = tiers[self.tier]
        self.patience = rng.exponential(patience[self.tier])  # without memory: the same for those already standing
        self.lot = rng.lognormal(0.0, 1.1, count)
        self.mood, self.moment = rng.random(count), rng.integers(1, STEPS + 1, count)
        self.long = self.mood < LONG_ACCOUNTS
        self.entry, self.size, self.level = np.empty(count), np.empty(count), np.empty(count)
        # Watched: the open ones, side by side, and a few that have ended since the last tidying up.
        self.watched, self.watched_ids = 0, np.empty(count, dtype=np.int64)
        self.long_stop, self.short_stop, self.deadline = self.watch = np.empty((3, count))  # USD, USD, activity hours
        self.opened = np.repeat(np.arange(-1, arrivals.size), np.concatenate([[standing], arrivals]))  # candle
        self.ended, self.liquidated = np.full(count, -1), np.zeros(count, dtype=bool)
        self.age = rng.exponential(patience[self.tier[:standing]])  # hours before the first candle
        self.accounts = np.zeros(2)  # open positions: long, short

    def stand(self, rng: np.random.Generator, price: float, coins: float) -> None:
        """Fill in the positions that are open before the first candle: entries off a walk back in time."""
        spread = DAILY_VOLATILITY * np.sqrt(self.age / 24) * rng.normal(size=self.used)
        self._fill(slice(0, self.used), np.round(price * np.exp(spread), 1), price, 0.0, coins, coins)

    def enter(
        self, t: int, path: Floats, clock: float, long_share: float, long_coins: float, short_coins: float
    ) -> None:
        """Open candle t's newcomers at prices of its path; sizes add up to the coins of each side."""
        new = slice(self.used, int(self.ends[t]))
        self.long[new] = self.mood[new] < long_share
        self.long[self.used], self.long[self.used + 1] = True, False  # each side is never empty
        self.used = new.stop
        self._fill(new, path[self.moment[new]], path[-1], clock, long_coins, short_coins)

    def _fill(
        self, new: slice, entry: Floats, close: float, clock: float, long_coins: float, short_coins: float
    ) -> None:
        long, lot, tier = self.long[new], self.lot[new], self.tier[new]
        factor = np.where(long, self.k_long[tier], self.k_short[tier])
        entry = np.where((entry * factor >= close) == long, close, entry)  # already crossed: filled at the close
        level = entry * factor
        longs = (lot * long).sum()
        self.size[new] = np.where(long, lot * (long_coins / longs), lot * (short_coins / (lot.sum() - longs)))
        self.entry[new], self.level[new] = entry, level
        at = slice(self.watched, self.watched + long.size)
        self.watched, self.watched_ids[at] = at.stop, np.arange(new.start, new.stop)
        self.watch[:, at] = np.where(long, level, -np.inf), np.where(long, np.inf, level), clock + self.patience[new]
        count = int(long.sum())
        self.accounts += count, long.size - count

    def leave(self, t: int, low: float, high: float, clock: float) -> tuple[float, float, float, float]:
        """Take out what candle t liquidates or outlives: coins of longs, of shorts, and the liquidated part of each."""
        n = self.watched
        crossed = (self.long_stop[:n] >= low) | (self.short_stop[:n] <= high)
        at = np.flatnonzero(crossed | (self.deadline[:n] <= clock))
        lost, gone = crossed[at], self.watched_ids[at]
        size, long = self.size[gone], self.long[gone]
        self.ended[gone], self.liquidated[gone] = t, lost
        self.watch[:, at] = [[-np.inf], [np.inf], [np.inf]]
        if t % 32 == 0:
            still = np.flatnonzero(self.deadline[:n] < np.inf)
            self.watched = still.size
            self.watch[:, : still.size], self.watched_ids[: still.size] = self.watch[:, still], self.watched_ids[still]
        count = int(long.sum())
        self.accounts -= count, gone.size - count
        lost_size = size * lost
        out_long, lost_long = float((size * long).sum()), float((lost_size * long).sum())
        return out_long, float(size.sum()) - out_long, lost_long, float(lost_size.sum()) - lost_long

    def positions(self, times: Any, hours: float) -> Any:
        """Return the truth as a DataFrame."""
        self.opened[: self.age.size] = -np.ceil(self.age / hours)
        start, step = times[0].tz_localize(None).to_datetime64(), np.timedelta64(round(hours * 60), "m")
        ended = np.where(self.ended < 0, np.datetime64("NaT"), start + self.ended * step)
        frame = pd.DataFrame({
            "opened": pd.DatetimeIndex(start + self.opened * step, tz="UTC"),
            "side": np.where(self.long, "long", "short"),
            "leverage": self.leverage,
            "entry": self.entry,
            "size": self.size,
            "liquidation_price": self.level,
            "ended": pd.DatetimeIndex(ended, tz="UTC"),
            "outcome": np.where(self.liquidated, "liquidated", np.where(self.ended < 0, "open", "closed")),
        })  # fmt: skip
        frame.attrs["simulated"] = True
        return frame
