"""A simulated market of leveraged traders that follows the model; each option breaks one of its assumptions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..checks import is_finite, moment, shown, whole
from ..errors import InputError
from ..market.market import Market
from ..market.units import IN_COINS
from ..model.margin import CONTRACTS, Contract, checked_choice
from ..model.settings import PresetName, check_mix, shares
from ..run.progress import Count, Told, counting
from .funding import funding_rates, interval_hours
from .prices import STEPS, Walk, arrivals_of, walk_of
from .result import Simulation, liquidations_of, positions_of
from .traders import CLOSED, DEFAULT_MIX, Candle, Habits, Traders
from .true_density import TrueStanding

Floats = NDArray[np.float64]

WARM_UP = 4.0  # holding times before the first candle
MOST = 50_000_000  # traders
TOLD = 100  # candles from one report of progress to the next
ROUNDS = 30  # of liquidations that trigger others within a candle, at most
_IN_USD: dict[str, Any] = {"volume_unit": "quote", "open_interest_unit": "quote", "contract_size": 1.0}
_FLOWS = [f"{what}_{side}" for what in ("opened", "closed", "stopped", "liquidated") for side in ("long", "short")]


def simulate(
    candles: int = 2016,
    traders: int | None = None,
    seed: int = 0,
    *,
    interval: str = "5m",
    start: str | pd.Timestamp = "2026-01-05",
    price: float = 84_000.0,
    open_interest: float = 90_000.0,
    contract: Contract = "linear",
    leverage_mix: Mapping[int, float] | Mapping[float, float] | PresetName | None = None,
    holding_hours: float = 30.0,
    volatility: float = 0.025,
    maintenance_rate: float = 0.004,
    trend_followers: float = 0.3,
    contrarians: float = 0.3,
    size_tail: float = 2.5,
    size_limit: float = 50.0,
    churn: float = 0.0,
    patience: float = 0.0,
    entries: Literal["range", "path"] = "range",
    stops: float = 0.0,
    top_ups: float = 0.0,
    top_up_margin: float = 1.0,
    partial: float = 0.0,
    take_over: float = 0.5,
    impact: float = 0.0,
    impact_hours: float = 1.0,
    progress: bool | Told | None = None,
) -> Simulation:
    """Simulate leveraged traders one by one, so that an estimate can be compared with the truth.

    With the defaults the traders behave as the model of this package assumes, and the remaining difference between
    estimate and truth is chance: who arrives, and with which size. Arguments from ``trend_followers`` on are
    complications; each says which assumption it breaks.

    Parameters
    ----------
    candles : int
        Number of candles, 2 to 1,000,000.
    traders : int, optional
        Positions opened in them, at least two per candle (default 20); more arrive when the price moves. Others arrive
        at the same rate during a warm-up of four holding times before the first candle, so that positions are open
        when the market starts; the warm-up is not published.
    seed : int
        Of ``numpy.random.default_rng``; the same arguments give the same market.
    interval : str
        Step of the candles, "1m" to "4h".
    start : str or Timestamp
        Open time of the first candle; UTC unless it says otherwise.
    price : float
        First open, USD.
    open_interest : float
        Coins on each side, of an inverse contract at `price`, towards which arrivals and holding times tend;
        liquidations keep it lower.
    contract : str
        "linear", or "inverse": margin in coins, contracts of 1 USD, levels by the rule of `liquidation_price`.
    leverage_mix : mapping or str, optional
        Leverage to weight (any scale): share of the notional opened; or the name of a preset.
        None: 3x to 100x, few above 50x.
    holding_hours : float
        Mean holding time. Holding times are exponential: the decay rate is its inverse.
    volatility : float
        Of log prices, per day. It clusters, and single steps have fat tails.
    maintenance_rate : float
        ``m`` of `liqwidget.liquidation_price`.
    trend_followers, contrarians : float
        Shares of the traders that trade with, and against, the trend of the last hours; the rest choose at random. The
        coins stay as modelled, since each contract has two sides; but the smaller crowd holds fewer, larger positions.
    size_tail : float
        Exponent of the Pareto distribution of sizes, > 1. The smaller, the more a few large positions
        dominate, which the model spreads evenly. Sizes are scaled so that both sides are equal.
    size_limit : float
        Largest size over the mean size, before that scaling; venues limit positions.
    churn : float
        Volume that changes no position over volume that does. Breaks ``turnover=1``; see `Simulation.turnover`.
    patience : float
        Mean holding times are ``holding_hours * (5 / leverage) ** patience``. Breaks the one decay rate of all tiers.
    entries : str
        "range": spread evenly over the candle's range, exposed from its close on, as the model has it; "path": at
        prices of the candle's path, exposed from then on. Breaks the even spread; matters in long candles.
    stops : float
        Share with a stop-loss 20 % to 90 % of the way to liquidation. Breaks "stands until liquidated or decayed": the
        estimate shows them, and realised liquidations lack them.
    top_ups : float
        Share that adds margin once, at 70 % of the way to liquidation, unless one candle does both. Breaks "levels do
        not move".
    top_up_margin : float
        Margin that they add, over their initial margin, > 0.
    partial : float
        Share of a position that is liquidated first, 0 (all at once) to 0.9; the rest has the whole maintenance margin
        and a new, farther liquidation price. Breaks "a swept row is empty".
    take_over : float
        When liquidations and stops close more on one side than on the other: the share of the excess that new
        positions take over. The rest is matched by randomly drawn positions of the other side that close, as profit
        takers do, which makes holding times a little shorter. 1 breaks "as much is opened long as short": the new
        positions are exposed to the same move, so more is liquidated than estimated. 0 breaks the one decay rate. At
        0.5 both effects about cancel.
    impact : float
        ``Y`` of the square-root law (Donier and Bonart 2015): what is liquidated net, Q, pushes the price by
        ``Y * volatility * sqrt(Q / V)``, V the volume of a mean day, within the candle, until nothing more is
        liquidated. Breaks no assumption, but makes levels a cause of price moves; about 1 is usual.
    impact_hours : float
        Mean hours until liquidated volume no longer moves the price.
    progress : bool or function, optional
        As for `liqwidget.fetch`: True, False, None, or a function called with candles done, candles (those of the
        warm-up included), and 0.

    Returns
    -------
    Simulation

    Raises
    ------
    InputError
        When an argument is out of its range.

    Notes
    -----
    A candle, in coins, or in USD of an inverse contract: positions whose time is over close; then what the candle
    crosses, from its open on, is stopped out, topped up or liquidated; then the side that lost less closes some more
    (see ``take_over``). With all that is ``gone`` of each side, and newcomers who bring ``W``::

        opened_long = (W + gone_long - gone_short) / 2        opened_short = (W - gone_long + gone_short) / 2
        open_interest += opened - gone                        volume = (opened_long + gone_short) * (1 + churn)

    Both sides stay equal, buys equal sells, and ``(volume + change of open interest) / 2``, what the model takes as
    opened on each side, is the mean of both. A newcomer whose level is behind its own candle's close opens and is
    liquidated in it, on top of this. Left out: fees, funding paid, cross margin.

    Examples
    --------
    >>> made = simulate(candles=300, traders=3_000, seed=1)
    >>> made.market.simulated, bool(made.positions["size"].gt(0).all())
    (True, True)
    """
    count = whole("candles", candles, 2, 1_000_000)
    arrivals = whole("traders", 20 * count if traders is None else traders, 2 * count, MOST)
    whole("seed", seed, 0, 2**63)
    first = pd.Timestamp(moment("start", start), tz="UTC").as_unit("us")
    hours = interval_hours(interval)
    mix = check_mix(DEFAULT_MIX if leverage_mix is None else leverage_mix)
    for name, value, low, high in (
        ("price", price, 1e-6, 1e9),
        ("open_interest", open_interest, 1e-6, 1e15),
        ("holding_hours", holding_hours, hours / 10, 8_760.0),
        ("volatility", volatility, 1e-4, 0.5),
        ("maintenance_rate", maintenance_rate, 0.0, 0.5),
        ("trend_followers", trend_followers, 0.0, 1.0),
        ("contrarians", contrarians, 0.0, 1.0),
        ("size_tail", size_tail, 1.05, 100.0),
        ("size_limit", size_limit, 1.0, 1e12),
        ("churn", churn, 0.0, 100.0),
        ("patience", patience, -2.0, 2.0),
        ("stops", stops, 0.0, 1.0),
        ("top_ups", top_ups, 0.0, 1.0),
        ("top_up_margin", top_up_margin, 1e-3, 100.0),
        ("partial", partial, 0.0, 0.9),
        ("take_over", take_over, 0.0, 1.0),
        ("impact", impact, 0.0, 10.0),
        ("impact_hours", impact_hours, 1e-3, 8_760.0),
    ):
        if not (is_finite(value) and low <= value <= high):
            raise InputError(f"{name}: wanted a number from {low:g} to {high:g}; got {shown(value)}.")
    for name, total in (
        ("trend_followers, contrarians", trend_followers + contrarians),
        ("stops, top_ups", stops + top_ups),
    ):
        if total > 1:
            raise InputError(f"{name}: wanted shares that add up to 1 at most; got {total:g}. Lower one of the two.")
    checked_choice("contract", contract, CONTRACTS)
    if entries not in ("range", "path"):
        raise InputError(f"entries: wanted 'range' or 'path'; got {shown(entries)}.")

    tiers = np.array(list(mix), dtype=np.float64)
    habits = Habits(
        tiers, shares(mix), holding_hours * (5 / tiers) ** patience, trend_followers, contrarians, size_tail,
        size_limit, stops, top_ups, top_up_margin, partial, maintenance_rate, contract,
    )  # fmt: skip
    rng = np.random.default_rng(seed)
    warm = math.ceil(WARM_UP * holding_hours / hours)
    if arrivals * (warm + count) / count > MOST:
        raise InputError(
            f"traders: wanted at most {MOST:,}, warm-up included; got {arrivals:,} in {count:,} candles, and as many a "
            f"candle in {WARM_UP:g} holding times before. Use fewer traders, more candles or a shorter holding_hours."
        )
    with counting("simulate", "candles", warm + count, progress) as told:
        prices = walk_of(rng, warm, count, hours, price, volatility)
        arriving = arrivals_of(rng, prices, warm, arrivals)
        an_hour = 2 * open_interest * (price if contract == "inverse" else 1.0) / holding_hours
        book = Traders(rng, arriving, an_hour * hours * count / arrivals, habits, STEPS)
        push = _Push(impact * volatility, an_hour * 24, math.exp(-hours / impact_hours))
        rows = _trade(book, prices, hours, push, take_over, entries == "path", told)

    times = pd.date_range(first, periods=count, freq=pd.Timedelta(hours=hours), name="time", unit="us")
    frame = _publish(rng, rows[warm:], times, hours, churn)
    positions = positions_of(book, times, warm, hours)
    standing = TrueStanding.of(book, warm, frame["close"].to_numpy(), times)
    market = Market.from_frame(
        frame,
        symbol="BTCUSD-SIM" if contract == "inverse" else "BTCUSDT-SIM",
        exchange="simulated",
        liquidations=liquidations_of(book, times, warm),
        simulated=True,
        contract=contract,
        **(_IN_USD if contract == "inverse" else IN_COINS),
    )
    flows = pd.DataFrame(rows[warm:, 6:], market.candles.index, _FLOWS)
    return Simulation(market, positions, flows, mix, 1 / holding_hours, 1 / (1 + churn), standing)


class _Push(NamedTuple):
    strength: float  # log price at a mean day's volume
    day: float  # volume
    kept: float  # share of the liquidated volume that still moves the next candle

    def of(self, volume: float) -> float:
        return -math.copysign(self.strength * math.sqrt(abs(volume) / self.day), volume)


def _trade(
    book: Traders, prices: Walk, hours: float, push: _Push, take_over: float, on_the_way: bool, told: Count
) -> Floats:
    """Run the candles; return (T, 14): open, high, low, close, open interest, accounts' ratio, then `_FLOWS`."""
    total = len(prices.path)
    rows = np.empty((total, 6 + len(_FLOWS)))
    lows, highs = prices.path.min(axis=1), prices.path.max(axis=1)
    if on_the_way:
        low_after = np.minimum.accumulate(prices.path[:, ::-1], axis=1)[:, ::-1]
        high_after = np.maximum.accumulate(prices.path[:, ::-1], axis=1)[:, ::-1]
    close = round(float(prices.path[0, 0]), prices.decimals)
    standing = pushing = 0.0
    for t, (low, high, last, trend) in enumerate(
        zip(lows.tolist(), highs.tolist(), prices.path[:, -1].tolist(), prices.trend.tolist(), strict=True)
    ):
        clock, opening = (t + 1) * hours, close
        pushing *= push.kept
        shift = 1.0 if pushing == 0 else math.exp(push.of(pushing))
        close = round(last * shift, prices.decimals)
        low = min(round(low * shift, prices.decimals), opening, close)
        high = max(round(high * shift, prices.decimals), opening, close)
        closed = book.close(t, clock)
        out = book.sweep(t, low, high)
        if push.strength:
            remembered = pushing
            for _ in range(ROUNDS):
                pushing = remembered + out[2] - out[3]
                close = round(last * math.exp(push.of(pushing)), prices.decimals)
                if low <= close <= high:
                    break
                low, high = min(low, close), max(high, close)
                more = book.sweep(t, low, high)
                out = (out[0] + more[0], out[1] + more[1], out[2] + more[2], out[3] + more[3])
            pushing = remembered + out[2] - out[3]
        excess = (out[0] + out[2] - out[1] - out[3]) * (1 - take_over)
        if excess:
            covered = book.cover(t, excess < 0, abs(excess))
            closed = (closed[0] + covered, closed[1]) if excess < 0 else (closed[0], closed[1] + covered)
        way: tuple[Any, ...] = ()
        if on_the_way:
            way = tuple(np.clip(part[t] * (close / last), low, high) for part in (prices.path, low_after, high_after))
        gone = (closed[0] + out[0] + out[2], closed[1] + out[1] + out[3])
        opened, stopped, lost = book.enter(t, Candle(low, high, close, *way), clock, trend, gone)
        standing += (opened[0] - stopped[0] - lost[0]) - gone[0]
        longs, shorts = book.accounts
        rows[t] = (
            opening, high, low, close, standing, longs / shorts, *opened, *closed,
            out[0] + stopped[0], out[1] + stopped[1], out[2] + lost[0], out[3] + lost[1],
        )  # fmt: skip
        if (t + 1) % TOLD == 0 or t + 1 == total:
            told(done=t % TOLD + 1)
    closed_itself = book.outcome == CLOSED
    book.exit_price[closed_itself] = rows[book.ended[closed_itself], 3]
    return rows


def _publish(rng: np.random.Generator, rows: Floats, times: Any, hours: float, churn: float) -> Any:
    """Return the candles as an exchange would."""
    opening, high, low, close, standing, ratio = rows[:, :6].T
    flow = dict(zip(_FLOWS, rows[:, 6:].T, strict=True))
    forced_sells = flow["liquidated_long"] + flow["stopped_long"]
    forced_buys = flow["liquidated_short"] + flow["stopped_short"]
    changed = flow["opened_long"] + flow["closed_short"] + forced_buys
    volume = changed * (1 + churn)
    body = np.log(close / opening) / np.maximum(np.log(high / low), 1e-9)
    share = np.clip(0.5 + 0.11 * body + rng.normal(0.0, 0.05, len(rows)), 0.05, 0.95)
    # Liquidations and stops are takers' orders.
    taken = np.clip(share * volume, forced_buys, np.maximum(volume - forced_sells, forced_buys))
    frame = pd.DataFrame(
        {"open": opening, "high": high, "low": low, "close": close, "volume": volume, "taker_buy_volume": taken,
         "open_interest": standing, "long_short_ratio": ratio}, times,
    )  # fmt: skip
    frame["funding_rate"] = funding_rates(frame["close"], times, hours)
    return frame
