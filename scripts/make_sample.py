"""Make the bundled sample, ``src/liqwidget/simulation/sample.npz``: a simulated week of 5-minute candles.

The script has five acts: a range, a rally in legs, a nervous top, a cascade of liquidated longs within the hour, and a
partial recovery. Noise, traders and the price impact of the liquidations themselves decide the rest.

Accounting of a candle, in coins. Positions whose liquidation price lies in the candle's range are liquidated; those
whose holding time is over close: ``out_long`` and ``out_short`` coins leave. Open interest changes by ``d``, and
newcomers take over what is left: they open ``d + out_long`` long and ``d + out_short`` short. Both sides stay equal,
buys (long openers and short leavers) equal sells, and

    open_interest = sum of the open longs' sizes = sum of the open shorts' sizes
    volume        = (d + out_long + out_short) * (1 + churn),  churn about 0.3

A newcomer can be liquidated from the next candle on; a fill that the close would already liquidate moves to the close.
Holding times are exponential in *activity* time, which runs faster in busy candles. Trend followers buy after rises,
the more numerous contrarians after falls; sizes are log-normal within a candle and side. A liquidation fills at its
liquidation price; its impact on later prices is bounded and fades in hours. Omitted: brackets, fees, margin top-ups,
partial liquidations, mark prices.

Run it after a change: ``python scripts/make_sample.py``.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from liqwidget.model.margin import level_factors
from liqwidget.model.settings import check_mix, shares
from liqwidget.simulation.funding import funding_rates
from liqwidget.simulation.traders import DEFAULT_MIX

Floats = NDArray[np.float64]

FILE = Path(__file__).resolve().parents[1] / "src" / "liqwidget" / "simulation" / "sample.npz"

SEED = 7
CANDLES, HOURS = 2016, 1 / 12  # a week of 5 minutes
START = "2026-01-07"
TRADERS = 30.0  # mean arrivals per candle
PRICE = 84_000.0  # first open, USD
OPEN_INTEREST = 90_000.0  # coins on each side before the first candle
MAINTENANCE_RATE = 0.004

STEPS = 24  # prices traded within a candle
DAILY_VOLATILITY = 0.021
HOLDING_HOURS = 32.0  # mean at 5x, in hours of average activity; falls with the root of the leverage
LONG_ACCOUNTS = 0.57  # share of newcomers who go long in a flat market; small accounts prefer longs

# Acts: (share of the run at the end, log price there, appetite for open interest there). The cascade lasts an hour.
_ACTS = ((0.31, 0.0, 0.0), (0.63, 0.075, 0.06), (0.795, 0.07, 0.07))
_CASCADE = (0.028, -0.01)
_AFTER = ((0.88, 0.048, -0.005), (1.0, 0.045, 0.015))
_HOUR_VOLATILITY = (1.0, 0.9, 0.9, 0.85, 0.8, 0.8, 0.8, 0.9, 1.0, 0.95, 0.9, 0.95,
                    1.05, 1.4, 1.75, 1.7, 1.45, 1.25, 1.15, 1.1, 1.05, 0.95, 0.85, 0.9)  # fmt: skip
_REVERSION_HOURS = 12.0  # mean reversion of the noise to the script
_DISLOCATION_HOURS = 1.0  # decay of the price impact of liquidations
_PUSH_LIMIT = 0.004  # maximum log price by which a candle's liquidations move the next candle
_PUSH_SCALE = 0.012  # liquidated share of open interest that reaches most of the limit
_CHURN = 0.3  # volume that changes no position, as a share of the volume that does


def make() -> dict[str, NDArray]:
    """Return the arrays of the file: ``time`` in ns and columns of the candles, and those of the liquidations."""
    rng = np.random.default_rng(SEED)
    times = pd.date_range(START, periods=CANDLES, freq=pd.Timedelta(hours=HOURS), tz="UTC", unit="ns")
    script = _write_script(rng, times, HOURS)
    standing = round(TRADERS * HOLDING_HOURS / HOURS)
    book = Book(rng, script.arrivals(rng, TRADERS), standing, check_mix(DEFAULT_MIX), MAINTENANCE_RATE)
    book.stand(rng, PRICE, OPEN_INTEREST)
    frame = _trade(rng, script, book, PRICE, OPEN_INTEREST, HOURS)
    frame.index = times
    frame["funding_rate"] = funding_rates(frame["close"], times, HOURS)
    lost = np.flatnonzero(book.liquidated)
    lost = lost[np.argsort(book.ended[lost], kind="stable")]
    time = times.asi8
    events = {"time": time[book.ended[lost]], "long": book.long[lost], "price": book.level[lost]}
    candles = {"time": time} | {name: frame[name].to_numpy() for name in frame}
    return (
        candles
        | {f"liquidation_{name}": values for name, values in events.items()}
        | {"liquidation_quantity": book.size[lost]}
    )


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
        stock = shares(mix) * patience  # positions held longer are a larger share of the book
        self.tier = np.concatenate([
            rng.choice(tiers.size, standing, p=stock / stock.sum()),
            rng.choice(tiers.size, count - standing, p=shares(mix)),
        ])  # fmt: skip
        self.patience = rng.exponential(patience[self.tier])  # memoryless: the same for positions already open
        self.lot = rng.lognormal(0.0, 1.1, count)
        self.mood, self.moment = rng.random(count), rng.integers(1, STEPS + 1, count)
        self.long = self.mood < LONG_ACCOUNTS
        self.size, self.level = np.empty(count), np.empty(count)
        # Watched: the open positions, stored contiguously, and a few that ended since the last clean-up.
        self.watched, self.watched_ids = 0, np.empty(count, dtype=np.int64)
        self.long_stop, self.short_stop, self.deadline = self.watch = np.empty((3, count))  # USD, USD, activity hours
        self.ended, self.liquidated = np.full(count, -1), np.zeros(count, dtype=bool)
        self.age = rng.exponential(patience[self.tier[:standing]])  # hours before the first candle
        self.accounts = np.zeros(2)  # open positions: long, short

    def stand(self, rng: np.random.Generator, price: float, coins: float) -> None:
        """Fill in the positions open before the first candle, with entries from a random walk back in time."""
        spread = DAILY_VOLATILITY * np.sqrt(self.age / 24) * rng.normal(size=self.used)
        self._fill(slice(0, self.used), np.round(price * np.exp(spread), 1), price, 0.0, coins, coins)

    def enter(
        self, t: int, path: Floats, clock: float, long_share: float, long_coins: float, short_coins: float
    ) -> None:
        """Open candle t's newcomers at prices of its path; sizes add up to the coins of each side."""
        new = slice(self.used, int(self.ends[t]))
        self.long[new] = self.mood[new] < long_share
        self.long[self.used], self.long[self.used + 1] = True, False  # neither side is empty
        self.used = new.stop
        self._fill(new, path[self.moment[new]], path[-1], clock, long_coins, short_coins)

    def _fill(
        self, new: slice, entry: Floats, close: float, clock: float, long_coins: float, short_coins: float
    ) -> None:
        long, lot, tier = self.long[new], self.lot[new], self.tier[new]
        factor = np.where(long, self.k_long[tier], self.k_short[tier])
        entry = np.where((entry * factor >= close) == long, close, entry)  # already crossed: filled at the close
        longs = (lot * long).sum()
        self.size[new] = np.where(long, lot * (long_coins / longs), lot * (short_coins / (lot.sum() - longs)))
        self.level[new] = level = entry * factor
        at = slice(self.watched, self.watched + long.size)
        self.watched, self.watched_ids[at] = at.stop, np.arange(new.start, new.stop)
        self.watch[:, at] = np.where(long, level, -np.inf), np.where(long, np.inf, level), clock + self.patience[new]
        count = int(long.sum())
        self.accounts += count, long.size - count

    def leave(self, t: int, low: float, high: float, clock: float) -> tuple[float, float, float, float]:
        """Remove positions that candle t liquidates or that expire; return coins of each side, and those liquidated."""
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


class _Script(NamedTuple):
    """Inputs fixed before trading starts. T candles, K steps within each."""

    level: Floats  # (T + 1,) log price relative to the first, to which the noise reverts
    appetite: Floats  # (T,) target open interest relative to the first, minus 1
    noise: Floats  # (T, K + 1) log price within the candle relative to its open
    usual_range: float  # log high / low of a median candle

    def arrivals(self, rng: np.random.Generator, mean: float) -> NDArray[np.int64]:
        """Traders per candle (T,): more when the price moves; at least one on each side."""
        moves = np.ptp(self.noise, axis=1)
        counts: NDArray[np.int64] = np.maximum(rng.poisson(mean * (0.4 + 0.6 * moves / moves.mean())), 2)
        return counts


def _write_script(rng: np.random.Generator, times: pd.DatetimeIndex, hours: float) -> _Script:
    count = len(times)
    crash = round(_ACTS[-1][0] * count)
    calm = crash + max(1, min(round(1.0 / hours), count // 20))
    ends = [(round(share * count), there, wish) for share, there, wish in _ACTS] + [(calm, *_CASCADE)]
    ends += [(max(calm + 1, round(share * count)), there, wish) for share, there, wish in _AFTER]
    level, appetite, begin, here = np.zeros(count + 1), np.zeros(count), 0, (0.0, 0.0)
    for end, there, wish in ends:
        shape, pace = (1.5, 1.0) if end == calm else (0.15, hours)  # a steady fall; else impulses and pauses
        legs = _smooth(rng.gamma(shape, size=end - begin) + 0.02, pace)
        level[begin + 1 : end + 1] = here[0] + (there - here[0]) * np.cumsum(legs) / legs.sum()
        appetite[begin:end] = np.linspace(here[1], wish, end - begin)
        begin, here = end, (there, wish)

    # Volatility: the hour, the weekend, a slow wave, news that fade, and the cascade's echo.
    hour_share = np.interp(times.hour + times.minute / 60, np.arange(24) + 0.5, _HOUR_VOLATILITY, period=24)
    wave = _smooth(rng.normal(size=count), hours / 10) * math.sqrt(20 / hours)
    swell = _smooth(rng.normal(size=count), hours / 1.5) * math.sqrt(3 / hours)
    since = (np.arange(count) - crash) * hours
    breaking = rng.random(count) < np.where(since < -1, 0.25, 0.1) * hours * hour_share
    news = _smooth(rng.exponential(0.6, count).clip(max=1.5) * breaking, hours / 0.8)
    echo = np.where(since >= 0, np.exp(-np.clip(since, 0, None) / 5), 0.0)
    volatility = hour_share * np.where(times.day_of_week >= 5, 0.75, 1.0) * np.exp(
        0.25 * wave + 0.3 * swell + news * 0.8 / hours + echo + 0.1 * rng.normal(size=count)
    )  # fmt: skip
    volatility *= DAILY_VOLATILITY * math.sqrt(hours / 24) / math.sqrt((volatility**2).mean())
    steps = rng.standard_t(4, (count, STEPS)) / math.sqrt(2 * STEPS) * volatility[:, None]
    steps[crash:calm] -= steps[crash:calm].mean()  # only the script determines how far the cascade falls
    noise = np.zeros((count, STEPS + 1))
    noise[:, 1:] = np.cumsum(steps, axis=1)
    # Wicks: prices that were traded only briefly.
    noise[:, 1:-1] += 0.17 * volatility[:, None] * rng.normal(size=(count, STEPS - 1))
    appetite = appetite + 0.012 * _smooth(rng.normal(size=count), hours / 8) * math.sqrt(16 / hours)
    return _Script(level, appetite, noise, float(np.median(np.ptp(noise, axis=1))))


def _trade(
    rng: np.random.Generator, script: _Script, book: Book, price: float, open_interest: float, hours: float
) -> pd.DataFrame:
    """Run the candles; return them as columns."""
    count = len(script.appetite)
    busy = np.exp(rng.normal(0.0, 0.2, count))
    churn = _CHURN * np.exp(rng.normal(0.0, 0.25, count))
    jitter = open_interest * 3.5e-4 * math.sqrt(hours * 12) * rng.standard_t(3, count)
    ramp = np.linspace(0.0, 1.0, STEPS + 1)
    rows = np.empty((count, 9))
    close, standing, clock, dislocation, push = round(price, 1), open_interest, 0.0, 0.0, 0.0
    average = start = math.log(close)
    for t in range(count):
        here = math.log(close)
        drift = script.level[t + 1] - script.level[t] + push
        drift += (start + script.level[t] - here) * min(1.0, hours / _REVERSION_HOURS)
        path = np.round(close * np.exp(script.noise[t] + drift * ramp), 1)
        opening, low, high, close = close, float(path.min()), float(path.max()), float(path[-1])
        activity = min(0.72 * busy[t] * (math.log(high / low) / script.usual_range) ** 1.15, 14.0)
        clock += activity * hours

        out_long, out_short, lost_long, lost_short = book.leave(t, low, high, clock)
        wanted = open_interest * (1 + script.appetite[t])
        change = activity * 0.04 * hours * (wanted - standing) + activity**0.8 * jitter[t]
        change -= 0.8 * (lost_long + lost_short)  # few traders take over from the liquidated
        change = max(change, 1e-5 * open_interest - 0.9 * min(out_long, out_short))  # at least a few positions open
        trend = math.tanh(40 * (math.log(close) - average))
        average += (math.log(close) - average) * min(1.0, hours / 3)
        book.enter(t, path, clock, LONG_ACCOUNTS - 0.2 * trend, change + out_long, change + out_short)
        standing += change

        kick = -_PUSH_LIMIT * math.tanh((lost_long - lost_short) / (_PUSH_SCALE * standing))
        faded = dislocation * math.exp(-hours / _DISLOCATION_HOURS) + kick
        push, dislocation = faded - dislocation, faded
        volume = (change + out_long + out_short) * (1 + churn[t])
        ratio = book.accounts[0] / book.accounts[1]
        rows[t] = opening, high, low, close, volume, standing, ratio, lost_long, lost_short

    names = ["open", "high", "low", "close", "volume", "open_interest", "long_short_ratio", "lost_long", "lost_short"]
    frame = pd.DataFrame(rows, columns=names)
    body = np.log(frame["close"] / frame["open"]) / np.log(frame["high"] / frame["low"]).clip(lower=1e-6)
    taker_share = 0.5 + 0.11 * body + rng.normal(0.0, 0.08, count)
    # A liquidated short is a taker buy, a liquidated long a taker sell; the volume already includes both.
    floor, ceiling = frame.pop("lost_short"), frame["volume"] - frame.pop("lost_long")
    frame.insert(5, "taker_buy_volume", (taker_share.clip(0.05, 0.95) * frame["volume"]).clip(floor, ceiling))
    return frame


def _smooth(values: Floats, rate: float) -> Floats:
    """Exponentially weighted mean, from 0 on; ``rate`` in (0, 1] is the weight of the newest."""
    smoothed: Floats = pd.Series(np.append(0.0, values)).ewm(alpha=min(1.0, rate), adjust=False).mean().to_numpy()
    return smoothed[1:]


if __name__ == "__main__":
    np.savez_compressed(FILE, **make())
    print(f"{FILE.name}: {FILE.stat().st_size:,} bytes")
