"""A simulated market of leveraged traders whose every position is known.

Nothing here was ever traded. The candles look like a week of Bitcoin so that the package can be tried, taught and
tested offline; the positions behind them are the truth that an estimate can be scored against.

The script has five acts: a range, a rally in legs, a nervous top, a cascade of liquidated longs within the hour, and a
partial recovery. Noise, traders and the liquidations' own push on the price decide the rest.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import InputError
from ..market import Market
from ..model.settings import check_mix
from .book import DAILY_VOLATILITY, HOLDING_HOURS, LONG_ACCOUNTS, STEPS, Book

Floats = NDArray[np.float64]

# Acts: (ends at this share of the run, log price then, appetite for open interest then). The cascade lasts an hour.
_ACTS = ((0.31, 0.0, 0.0), (0.63, 0.075, 0.06), (0.795, 0.07, 0.07))
_CASCADE = (0.028, -0.01)
_AFTER = ((0.88, 0.048, -0.005), (1.0, 0.045, 0.015))
_HOUR_VOLATILITY = (1.0, 0.9, 0.9, 0.85, 0.8, 0.8, 0.8, 0.9, 1.0, 0.95, 0.9, 0.95,
                    1.05, 1.4, 1.75, 1.7, 1.45, 1.25, 1.15, 1.1, 1.05, 0.95, 0.85, 0.9)  # fmt: skip
_REVERSION_HOURS = 12.0  # of the noise, towards the script
_DISLOCATION_HOURS = 1.0  # of the price that liquidations pushed away
_PUSH_LIMIT = 0.004  # log price a candle's liquidations can move the next one
_PUSH_SCALE = 0.012  # share of open interest liquidated that reaches most of the limit
_CHURN = 0.3  # volume that changes no position, as a share of the volume that does


@dataclass(frozen=True)
class SimulatedMarket:
    """A simulated market and the positions behind it.

    Attributes
    ----------
    market : Market
        Candles and realised liquidations, as an exchange would publish them; labelled simulated.
    positions : DataFrame
        Every position, in order of arrival; simulated too (``positions.attrs["simulated"]``). Columns: ``opened``
        (UTC, start of the candle; before the first candle for those that stood already), ``side`` ("long"/"short"),
        ``leverage``, ``entry`` (USD), ``size`` (coins), ``liquidation_price`` (USD), ``ended`` (UTC, start of the
        candle; NaT while open), ``outcome`` ("open", "closed" or "liquidated").
    """

    market: Market
    positions: Any


@cache
def load_sample() -> Market:
    """Return the bundled sample: one simulated week of 5-minute candles of a Bitcoin-like market.

    Returns
    -------
    Market
        2,016 candles with all optional columns and realised liquidations, made by `simulate_market` with its
        defaults: always the same, offline, labelled simulated. Computed once a process.

    Examples
    --------
    >>> market = load_sample()
    >>> len(market.candles), market.simulated
    (2016, True)
    """
    return simulate_market().market


def is_sample(market: Market) -> bool:
    """Tell whether a market is the bundled sample, or a run of its candles."""
    if not market.simulated or not load_sample.cache_info().currsize:  # nobody has it who has not loaded it
        return False
    sample, candles = load_sample(), market.candles
    same = (sample.symbol, sample.exchange) == (market.symbol, market.exchange)
    return same and bool(sample.candles.loc[candles.index[0] : candles.index[-1]].equals(candles))


def simulate_market(
    seed: int = 7,
    candles: int = 2016,
    interval: str = "5m",
    start: str | pd.Timestamp = "2026-01-07",
    traders_per_candle: float = 30.0,
    *,
    price: float = 84_000.0,
    open_interest: float = 90_000.0,
    leverage_mix: Mapping[float, float] | str | None = None,
    maintenance_rate: float = 0.004,
) -> SimulatedMarket:
    """Simulate a market of leveraged traders, candle by candle.

    Parameters
    ----------
    seed : int
        Of ``numpy.random.default_rng``; the same arguments give the same market.
    candles : int
        Number of candles, >= 100. The script stretches with it; the cascade takes an hour, at most 5 % of the run.
    interval : str
        Step of the candles: a number and "m" (minutes) or "h", from "1m" to "4h".
    start : str or Timestamp
        Open time of the first candle; UTC unless it says otherwise.
    traders_per_candle : float
        Mean arrivals a candle, >= 4. More arrive when the price moves.
    price : float
        First open, USD, >= 100.
    open_interest : float
        Coins on each side before the first candle.
    leverage_mix : mapping or str, optional
        Leverage to weight (any scale): share of the notional opened; or the name of a preset. Default "balanced".
    maintenance_rate : float
        ``m`` of `liqwidget.liquidation_price`.

    Returns
    -------
    SimulatedMarket

    Raises
    ------
    InputError
        When an argument is out of its range.

    Notes
    -----
    Bookkeeping of a candle, in coins. Positions whose liquidation price lies in the candle's range are liquidated;
    those whose holding time is over close: ``out_long`` and ``out_short`` coins leave. Open interest changes by ``d``,
    and newcomers take over what is left: they open ``d + out_long`` long and ``d + out_short`` short. Both sides stay
    equal, buys (long openers and short leavers) equal sells, and

        open_interest = sum of the open longs' sizes = sum of the open shorts' sizes
        volume        = (d + out_long + out_short) * (1 + churn),  churn about 0.3

    and a ledger built with ``turnover`` 1 / (1 + churn), about 0.77, opens the mean of what the two sides opened.

    A newcomer is exposed from the next candle on; a fill that the close has already liquidated is moved to the close.
    Holding times are exponential in *activity* time, which runs faster in busy candles. Trend followers buy what rose,
    the more numerous contrarians buy what fell; sizes are log-normal within a candle and side. A liquidation fills at
    its liquidation price; its push on later prices is bounded and fades in hours. Events and positions are timed by
    candle. Left out: brackets, fees, margin top-ups, partial liquidations, mark prices.
    """
    hours = interval_hours(interval)
    wanted = {"candles": 100, "traders_per_candle": 4, "price": 100, "open_interest": 1}
    for (name, least), value in zip(wanted.items(), (candles, traders_per_candle, price, open_interest), strict=True):
        if not isinstance(value, Real) or not least <= value < math.inf or (name == "candles" and value % 1):
            kind = "whole number" if name == "candles" else "number"
            raise InputError(f"{name}: wanted a {kind} >= {least}; got {str(value)[:40]}")
    try:
        first = pd.Timestamp(start)
        first = first.tz_localize("UTC") if first.tzinfo is None else first.tz_convert("UTC")
        if first is pd.NaT:
            raise ValueError("no time")
    except (TypeError, ValueError) as error:
        raise InputError(f"start: wanted a time such as 2026-01-07; got {str(start)[:40]!r}") from error
    mix = check_mix(leverage_mix)

    rng = np.random.default_rng(seed)
    times = pd.date_range(first, periods=int(candles), freq=pd.Timedelta(hours=hours), name="time", unit="us")
    script = _write_script(rng, times, hours)
    standing = round(traders_per_candle * HOLDING_HOURS / hours)
    book = Book(rng, script.arrivals(rng, traders_per_candle), standing, mix, maintenance_rate)
    book.stand(rng, price, open_interest)
    frame = _trade(rng, script, book, price, open_interest, hours)
    frame.index = times
    frame["funding_rate"] = funding_rates(frame["close"], times, hours)
    positions = book.positions(times, hours)
    lost = positions[positions["outcome"] == "liquidated"].sort_values("ended", kind="stable")
    liquidations = pd.DataFrame(
        {"time": lost["ended"], "side": lost["side"], "price": lost["liquidation_price"], "quantity": lost["size"]}
    ).reset_index(drop=True)
    liquidations["notional"] = liquidations["price"] * liquidations["quantity"]
    market = Market.from_frame(
        frame, symbol="BTCUSDT-SIM", exchange="simulated", liquidations=liquidations, simulated=True
    )
    return SimulatedMarket(market, positions)


class _Script(NamedTuple):
    """What is decided before anyone trades. T candles, K steps within one."""

    level: Floats  # (T + 1,) log price over the first, which the noise reverts to
    appetite: Floats  # (T,) wanted open interest over the first, minus 1
    noise: Floats  # (T, K + 1) log price within the candle over its open
    usual_range: float  # log high / low of a median candle

    def arrivals(self, rng: np.random.Generator, mean: float) -> NDArray[np.int64]:
        """Traders a candle (T,): more when the price moves; at least one of each side."""
        moves = np.ptp(self.noise, axis=1)
        counts: NDArray[np.int64] = np.maximum(rng.poisson(mean * (0.4 + 0.6 * moves / moves.mean())), 2)
        return counts


def _write_script(rng: np.random.Generator, times: Any, hours: float) -> _Script:
    count = len(times)
    crash = round(_ACTS[-1][0] * count)
    calm = crash + max(1, min(round(1.0 / hours), count // 20))
    ends = [(round(share * count), there, wish) for share, there, wish in _ACTS] + [(calm, *_CASCADE)]
    ends += [(max(calm + 1, round(share * count)), there, wish) for share, there, wish in _AFTER]
    level, appetite, begin, here = np.zeros(count + 1), np.zeros(count), 0, (0.0, 0.0)
    for end, there, wish in ends:
        shape, pace = (1.5, 1.0) if end == calm else (0.15, hours)  # a fall without a break; else impulse and pause
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
    steps[crash:calm] -= steps[crash:calm].mean()  # the script alone says how far the cascade falls
    noise = np.zeros((count, STEPS + 1))
    noise[:, 1:] = np.cumsum(steps, axis=1)
    # Wicks: trades that did not last.
    noise[:, 1:-1] += 0.17 * volatility[:, None] * rng.normal(size=(count, STEPS - 1))
    appetite = appetite + 0.012 * _smooth(rng.normal(size=count), hours / 8) * math.sqrt(16 / hours)
    return _Script(level, appetite, noise, float(np.median(np.ptp(noise, axis=1))))


def _trade(
    rng: np.random.Generator, script: _Script, book: Book, price: float, open_interest: float, hours: float
) -> Any:
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
        change -= 0.8 * (lost_long + lost_short)  # few dare to take over from the liquidated
        change = max(change, 1e-5 * open_interest - 0.9 * min(out_long, out_short))  # someone always opens
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
    # A liquidated short is a taker's buy, a liquidated long a taker's sell: both are in the volume already.
    floor, ceiling = frame.pop("lost_short"), frame["volume"] - frame.pop("lost_long")
    frame.insert(5, "taker_buy_volume", (taker_share.clip(0.05, 0.95) * frame["volume"]).clip(floor, ceiling))
    return frame


def _smooth(values: Floats, rate: float) -> Floats:
    """Exponentially weighted mean, from 0 on; ``rate`` in (0, 1] is the weight of the newest."""
    smoothed: Floats = pd.Series(np.append(0.0, values)).ewm(alpha=min(1.0, rate), adjust=False).mean().to_numpy()
    return smoothed[1:]


def funding_rates(close: Any, times: Any, hours: float) -> Any:
    """Rate in force at each candle: set every 8 hours from how far the price ran ahead of its day."""
    lead = np.log(close) - np.log(close).ewm(alpha=min(1.0, hours / 16), adjust=False).mean()
    rate = (0.00006 + 0.004 * lead).clip(-0.0004, 0.0006).round(8)
    return rate.groupby(np.asarray(times.floor("8h"))).transform("first").to_numpy()


def interval_hours(interval: str) -> float:
    """Return the hours of a step such as "5m" or "1h"; refuse any below a minute or above four hours."""
    match = re.fullmatch(r"([1-9]\d{0,2})([mh])", interval) if isinstance(interval, str) else None
    minutes = int(match[1]) * (60 if match[2] == "h" else 1) if match else 0
    if not 1 <= minutes <= 240:
        raise InputError(f'interval: wanted a step from "1m" to "4h"; got {str(interval)[:40]!r}')
    return minutes / 60
