"""Trials of alternatives to the plain calibration, out of sample, on both real files next to the checkout.

python benchmarks/calibration_trials.py

Plain is `liqwidget.calibrate` with a turnover of 1 and RATES. Each trial changes one thing and fits its own decay rate.
All are fitted on one half of a file and scored on the other, hourly and by side, then with the halves swapped.
Differences from the plain fit have 95 % intervals from paired resamples of UTC days (stationary block bootstrap). A
trial wins if the interval is above 0 in both directions. Among over thirty trials, one win on one file may be chance.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import patch

import numpy as np
import numpy.typing as npt
import pandas as pd
from validate_market import DATA, FILES, market_of

import liqwidget as lw
from liqwidget.analysis.calibration import fit_mix as mixture
from liqwidget.analysis.calibration.calibrate import PRIOR_SPREAD, TIERS, WARM_UP, _prior, rows_for
from liqwidget.analysis.calibration.search import Search
from liqwidget.analysis.stats.bootstrap import block_counts, percentile_interval
from liqwidget.analysis.stats.day_resamples import day_counts, linear_correlations, mean_ranks, rank_correlations
from liqwidget.analysis.stats.flows import Flows, realised
from liqwidget.analysis.stats.intervals import Intervals
from liqwidget.analysis.validation.baselines import range_volume
from liqwidget.model.build import build_ledger
from liqwidget.model.settings import shares

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.bool_]
RATES = [0.003, 0.006, 0.012, 0.025, 0.05, 0.1]  # per hour
STOPS = (175, 200, 225, 240)  # 0.57 to 0.42 % from the entry, without maintenance margin
MARK = "btcusdt_mark_1h_2024-06_2024-08.csv.gz"
DRAWS = 400


@dataclass(frozen=True, eq=False)
class Trial:
    """Columns (H, 2, K) as a function of the decay rate, their prior (K,), and how to fit them."""

    columns: Callable[[float], Floats]
    prior: Floats
    spread: float = PRIOR_SPREAD
    constants: dict[str, float] = field(default_factory=dict)  # overrides of liqwidget.analysis.calibration.fit_mix
    after: Callable[[Floats, Floats, Rows], Floats] | None = (
        None  # a correction: (predicted, realised, fitted rows) -> predicted, (H, 2)
    )


def predicted(trial: Trial, y: Floats, fitted: Rows) -> tuple[Floats, float]:
    """Return the predictions (H, 2) for all intervals of a fit to some of them, and its decay rate."""
    at = SimpleNamespace(at=lambda rate, _: trial.columns(rate), turnover=lambda _, share: share)
    search = Search(cast(Flows, at), fitted, y[fitted], list(trial.prior), trial.prior, trial.spread)
    with patch.dict(vars(mixture), trial.constants):
        rate = search.best(RATES, [1.0], block_counts(int(fitted.sum()), 24.0, 40))[0].decay_rate
        found = trial.columns(rate) @ search.fit(trial.columns(rate)[fitted], y[fitted]).weights
    return (found if trial.after is None else trial.after(found, y, fitted)), rate


class Bench:
    """One file: its market, its realised liquidations, and the trials that its columns allow."""

    def __init__(self, path: Path, columns: tuple[str, str, bool]) -> None:
        self.market = market_of(path, *columns)
        self.candles, self.size = self.market.candles, rows_for(self.market, len(TIERS))
        self.flows = self.made(self.candles)
        self.hour = pd.DatetimeIndex(self.flows.time)
        self.y = realised(self.market, self.flows.time, "1h")
        self.known: Rows = np.isfinite(self.y).all(axis=1) & (self.hour >= self.hour[0] + pd.Timedelta(WARM_UP))

    def made(self, candles: pd.DataFrame, tiers: Any = TIERS, rate: float = 0.004, rows: float = 1.0) -> Flows:
        """Return flows of candles that need not be a valid market: a low may be above the close."""
        tiers = [tier for tier in tiers if 1 / tier > rate]
        return Flows.of(cast(lw.Market, SimpleNamespace(candles=candles)), tiers, "1h", rows * self.size, rate)

    def plain(self, flows: Flows, turnover: float = 1.0) -> Trial:
        """Return a plain trial on other flows."""
        prior = shares(_prior(flows.leverage.tolist(), None, 0.004))
        return Trial(cache(lambda rate: flows.at(rate, turnover)), prior)

    def joined(self, *trials: Trial) -> Trial:
        """Return a trial with the columns of several trials."""
        prior = np.concatenate([trial.prior for trial in trials]) / len(trials)
        return Trial(cache(lambda rate: np.concatenate([trial.columns(rate) for trial in trials], axis=2)), prior)

    def by_side(self, plain: Trial) -> Trial:
        """Return a trial with separate columns for longs and shorts."""
        apart, shape = np.eye(2)[None, :, :, None], (len(self.hour), 2, -1)
        columns = cache(lambda rate: (plain.columns(rate)[:, :, None] * apart).reshape(shape))
        return Trial(columns, np.tile(plain.prior, 2) / 2)

    def sided(self, longs: Floats) -> Trial:
        """Return a trial that opens twice this share for longs and twice the rest for shorts, (T,)."""
        flows, factor = self.flows, 2 * np.stack([longs, 1 - longs], axis=1)
        side = flows._cell // len(flows.leverage) % 2
        scaled = flows._notional * factor[flows._column, side]
        return self.plain(replace(flows, _notional=scaled, _crossed=flows._crossed * factor[:, None, :]))

    def entries(self, low: Any, high: Any) -> Trial:
        """Return a trial that spreads entries over other prices; sweeps use the true range."""
        c = self.candles
        return self.plain(self.made(c.assign(mark_low=c["low"], mark_high=c["high"], low=low, high=high)))

    def legs(self) -> pd.DataFrame:
        """Return candles split into three legs: open, low, high, close if rising, else the high first."""
        c = self.candles
        rises, paths = c["close"] >= c["open"], (["open", "low", "high", "close"], ["open", "high", "low", "close"])
        knots = np.where(rises.to_numpy()[:, None], *(c[path] for path in paths))
        ways = np.abs(np.diff(knots, axis=1)) + 1e-9
        share = ways / ways.sum(axis=1, keepdims=True)
        change = c[["open_interest"]].diff().fillna(0.0).to_numpy() * (share.cumsum(axis=1) - 1)
        parts = [np.minimum(knots[:, 1:], knots[:, :-1]), np.maximum(knots[:, 1:], knots[:, :-1]), knots[:, 1:]]
        parts += [share * c[["volume"]].to_numpy(), c[["open_interest"]].to_numpy() + change]
        times = c.index.repeat(3) + pd.to_timedelta(np.tile(np.arange(3), len(c)) * self.market.interval.value // 3)
        names = ["low", "high", "close", "volume", "open_interest"]
        return pd.DataFrame(np.stack(parts).reshape(5, -1).T, times, names)

    def volume_time(self) -> Trial:
        """Return a trial that decays by traded volume (one hour = the mean hourly volume), not by time."""
        ledger = build_ledger(self.market, TIERS, self.size)
        swept = ledger.end < len(ledger)
        clock = np.cumsum(self.candles["volume"].to_numpy()) * len(self.hour) / self.candles["volume"].sum()
        passed = clock[ledger.end[swept]] - clock[ledger.column[swept]]
        return self.plain(replace(self.flows, _hours=passed))

    def with_range(self, plain: Trial) -> Trial:
        """Return a trial with range x volume as an additional column, with a tenth of the prior."""
        column = range_volume(Intervals.of(self.market, "1h"))[:, :, None]
        column *= plain.columns(RATES[2]).sum() / len(plain.prior) / column.sum()
        columns = cache(lambda rate: np.concatenate([plain.columns(rate), column], axis=2))
        return Trial(columns, np.r_[0.9 * plain.prior, 0.1])

    def trials(self) -> dict[str, Trial]:
        """Return all trials, the plain one first."""
        c, made, plain = self.candles, self.made, self.plain(self.flows)
        low, high, middle = c["low"], c["high"], (c["high"] + c["low"] + c["close"]) / 3
        body = np.minimum(c["open"], c["close"]), np.maximum(c["open"], c["close"])
        place = ((c["close"] - low) / (high - low).replace(0, np.nan)).fillna(0.5).to_numpy()
        dense = np.unique(np.round(np.geomspace(2, 200, 28), 1))
        found = {
            "plain": plain,
            "a mix for each side": self.by_side(plain),
            "no open interest": self.plain(made(c.drop(columns="open_interest"))),
            "only rises of open interest": self.plain(made(c.assign(volume=0.0))),
            "turnover 0.5": self.plain(self.flows, 0.5),
            "turnover 0.25": self.plain(self.flows, 0.25),
            "sides by the close's place in the candle": self.sided(place),
            "maintenance 0.5 %": self.plain(made(c, rate=0.005)),
            "maintenance 0.65 %": self.plain(made(c, rate=0.0065)),
            "maintenance 0.4 % and 0.65 % (sizes)": self.joined(plain, self.plain(made(c, rate=0.0065))),
            "stops: tiers 175 to 240": self.plain(made(c, (*TIERS, *STOPS))),
            "no tier above 100": self.plain(made(c, [tier for tier in TIERS if tier <= 100])),
            "six tiers": self.plain(made(c, (3, 5, 10, 20, 50, 100))),
            "28 tiers, 2 to 200": self.plain(made(c, dense)),
            "hour of the day": replace(plain, after=self.by_hour),
            "running level of 7 days": replace(plain, after=self.running),
            "entries: the body": self.entries(*body),
            "entries: the typical price": self.entries(middle, middle),
            "entries: the close": self.entries(c["close"], c["close"]),
            "entries: inner half of the range": self.entries(low + (high - low) / 4, high - (high - low) / 4),
            "candles cut in three legs": self.plain(made(self.legs())),
            "rows of half the height": self.plain(made(c, rows=0.5)),
            "decay by volume, not by the clock": self.volume_time(),
            "two decay rates, 1 : 8": self.joined(plain, replace(plain, columns=lambda rate: plain.columns(rate / 8))),
            "range x volume as one more tier": self.with_range(plain),
            "loss: least squares": replace(plain, constants={"POWER": 0.0, "BOUND": 1e9}),
            "loss: Poisson": replace(plain, constants={"POWER": 1.0}),
            "loss: as of logarithms (power 2)": replace(plain, constants={"POWER": 2.0}),
            "no bound on misses": replace(plain, constants={"BOUND": 1e9}),
            "no prior": replace(plain, spread=100.0),
            "prior three times as tight": replace(plain, spread=PRIOR_SPREAD / 3),
        }
        if "taker_buy_volume" in c:
            found["sides by taker buys"] = self.sided((c["taker_buy_volume"] / c["volume"]).to_numpy())
            found["sides by accounts long"] = self.sided((1 - 1 / (1 + c["long_short_ratio"])).to_numpy())
        if "taker_buy_volume" in c and (DATA / MARK).is_file():
            mark = pd.read_csv(DATA / MARK, index_col="time", parse_dates=True).reindex(c.index)
            marked = c.assign(mark_low=mark["low"], mark_high=mark["high"])
            found["sweeps by mark prices"] = self.plain(made(marked))
        return found

    def by_hour(self, guess: Floats, y: Floats, fitted: Rows) -> Floats:
        """Scale each hour of the day by realised over predicted, shrunk to 1 with a third of a mean hour's weight."""
        share = guess / (guess + mixture.FLOOR * y[fitted].mean()) ** mixture.POWER
        hour = np.asarray(self.hour.hour)
        over, under = (np.bincount(hour[fitted], (share * x)[fitted].sum(axis=1), 24) for x in (y, guess))
        factor = (over + under.mean() / 3) / (under + under.mean() / 3)
        return np.asarray(guess * factor[hour][:, None], dtype=np.float64)

    def running(self, guess: Floats, y: Floats, fitted: Rows) -> Floats:
        """Scale by realised over estimated USD of the previous 7 days, which also uses the scored half's past."""
        sums = pd.DataFrame({"y": np.nan_to_num(y).sum(axis=1), "guess": guess.sum(axis=1)})
        past = sums.rolling(168, min_periods=1).sum().shift(1).fillna(0.0) + sums[fitted].mean().mean() * 24
        return np.asarray(guess * (past["y"] / past["guess"]).to_numpy()[:, None], dtype=np.float64)


def measured(bench: Bench, fitted: Rows, scored: Rows, trials: dict[str, Trial]) -> pd.DataFrame:
    """Return one row per trial: correlations, differences from the first trial and their intervals."""
    y = bench.y[scored].reshape(-1)
    days = np.repeat(np.unique(bench.hour[scored].floor("1D"), return_inverse=True)[1], 2)
    counts = day_counts(int(days.max()) + 1, DRAWS, 1.0, 0)
    ranked = mean_ranks(y, taken := counts[:, days])
    lines: dict[str, dict[str, float]] = {}
    first: dict[str, Floats] = {}  # values of the plain trial
    for name, trial in trials.items():
        guess, rate = predicted(trial, bench.y, fitted)
        x, lines[name] = guess[scored].reshape(-1), {"decay": rate}
        ranks = rank_correlations(mean_ranks(x, taken), ranked, taken)
        for measure, values in (("rank", ranks), ("linear", linear_correlations(x, y, counts, days))):
            gain = values - first.setdefault(measure, values)
            span = percentile_interval(float(gain[0]), gain[1:])
            lines[name] |= {measure: values[0], f"{measure} +": span.estimate}
            lines[name] |= {f"{measure} low": span.low, f"{measure} high": span.high}
    return pd.DataFrame.from_dict(lines, orient="index")


def main() -> None:
    begin = time.process_time()
    verdicts: list[str] = []
    for name, columns in FILES.items():
        if not (DATA / name).is_file():
            print(f"{name}: not on this machine")
            continue
        bench = Bench(DATA / name, columns)
        half = np.arange(len(bench.hour)) < len(bench.hour) // 2
        trials, tables = bench.trials(), []
        for title, part in (("first half, scored on the second", half), ("second, scored on the first", ~half)):
            tables.append(measured(bench, part & bench.known, ~part & bench.known, trials))
            print(f"\n== {name}: fitted on the {title} ({int((~part & bench.known).sum())} hours)")
            print(tables[-1].to_string(float_format="{:.4f}".format), flush=True)
        for measure in ("rank", "linear"):
            low, high = (pd.concat([t[f"{measure} {end}"] for t in tables], axis=1) for end in ("low", "high"))
            for verdict, clear in (("better", (low > 0).all(axis=1)), ("worse", (high < 0).all(axis=1))):
                verdicts.append(f"{name}, {measure}: {verdict} both ways: {', '.join(low.index[clear]) or 'none'}")
    print("\n" + "\n".join(verdicts) + f"\n{time.process_time() - begin:.1f} s of a processor")


if __name__ == "__main__":
    main()
