"""Our estimate, the baselines and the rules of two other open tools, compared on the same realised liquidations.

python benchmarks/other_rules.py

Fitted on the first half of each real file next to the checkout and scored on the second: hourly sums by side,
Spearman's ("rank") and Pearson's ("linear") correlation, of both sides pooled and of each. Only our mix and decay are
fitted.

The two rules are our own implementations of what such tools describe publicly, not their code:

A, large prints
    The full notional of each large trade is placed at each of 10x, 25x, 50x and 100x, at price * (1 -+ 1/L) without
    maintenance margin, on the taker's side. It is removed when price touches the level and does not decay. Simplified:
    candles do not contain single trades, so a large print is a candle whose volume is above the 90th percentile of
    the candles before it, placed at its close; long if it closes at or above its open. Tools also offer fixed amounts
    or counts as thresholds.
B, open interest x direction
    A rise of open interest opens longs in a candle that closes at or above its open, else shorts. Its USD are spread
    evenly over the same four levels and removed on touch. Omitted: the tools' own weights by leverage, and falls of
    open interest, which some tools subtract.

Variants move each rule towards ours. The best variant is chosen on the scored hours themselves, which favours the rule.
"""

from __future__ import annotations

import heapq
import time

import numpy as np
import numpy.typing as npt
import pandas as pd
from validate_market import DATA, FILES, market_of

import liqwidget as lw
from liqwidget import calibrate
from liqwidget.analysis.stats.bootstrap import percentile_interval
from liqwidget.analysis.stats.day_resamples import day_counts, linear_correlations, mean_ranks, rank_correlations
from liqwidget.analysis.stats.measures import linear_correlation, rank_correlation
from liqwidget.analysis.validation.baselines import BASELINES

Floats = npt.NDArray[np.float64]
LEVERAGES = (10, 25, 50, 100)
HALF_LIFE = 24.0  # hours, of the variants that decay
DRAWS = 500
COLUMNS = ["rank", "linear", "rank long", "rank short", "linear long", "linear short", "long -1", "short -1"]


def spent(candles: pd.DataFrame, usd: Floats, half_life: float = np.inf) -> Floats:
    """Return the USD whose level each candle touches, (T, 2), of what candles open at their close, (T, 2).

    Uses one heap per side: a candle pops the levels it reaches, so each level is pushed and popped once.
    """
    low, high, close = (candles[name].tolist() for name in ("low", "high", "close"))
    stamps = candles.index.as_unit("ns").asi8
    hours = ((stamps - stamps[0]) / 3.6e12).tolist()
    found = np.zeros_like(usd)
    for side, (sign, reached) in enumerate(((-1.0, low), (1.0, high))):
        heap: list[tuple[float, float, float]] = []  # how soon price reaches it, when it opened, USD
        for t, opens in enumerate(usd[:, side].tolist()):
            while heap and heap[0][0] <= sign * reached[t]:
                _, begin, amount = heapq.heappop(heap)
                found[t, side] += amount * 0.5 ** ((hours[t] - begin) / half_life)
            if opens > 0:
                for leverage in LEVERAGES:
                    heapq.heappush(heap, (sign * close[t] * (1 + sign / leverage), hours[t], opens))
    return found


def rules(market: lw.Market) -> dict[str, Floats]:
    """Return the USD that each rule and variant liquidates per candle, (T, 2)."""
    candles = market.candles
    volume, close = candles["volume"], candles["close"].to_numpy()
    rises = (close >= candles["open"].to_numpy())[:, None] == np.array([True, False])
    both = np.ones_like(rises)
    prints: Floats = (volume.to_numpy() * close)[:, None]
    expanding = (volume > volume.expanding().quantile(0.9).shift(1)).to_numpy()[:, None]
    day = (volume > volume.rolling("24h").quantile(0.9).shift(1)).to_numpy()[:, None]
    change = np.diff(candles["open_interest"].to_numpy(), prepend=np.nan)
    opened: Floats = (np.nan_to_num(np.maximum(change, 0.0)) * close)[:, None] / len(LEVERAGES)
    return {
        "A as told": spent(candles, prints * expanding * rises),
        "A large for its last 24 h": spent(candles, prints * day * rises),
        "A all candles": spent(candles, prints * rises),
        "A half-life 24 h": spent(candles, prints * expanding * rises, HALF_LIFE),
        "A all candles, half-life 24 h": spent(candles, prints * rises, HALF_LIFE),
        "A all candles, both sides, half-life 24 h": spent(candles, prints * both, HALF_LIFE),
        "B as told": spent(candles, opened * rises),
        "B half-life 24 h": spent(candles, opened * rises, HALF_LIFE),
        "B both sides": spent(candles, opened * both),
        "B both sides, half-life 24 h": spent(candles, opened * both, HALF_LIFE),
    }


def hourly(market: lw.Market, by_candle: Floats, frame: pd.DataFrame) -> Floats:
    """Return sums over the intervals of a validation's frame, (S, 2)."""
    sums = pd.DataFrame(by_candle, market.candles.index).groupby(market.candles.index.floor("1h")).sum()
    return np.asarray(sums.loc[frame["time"].unique()], dtype=np.float64)


def line(estimated: Floats, known: Floats) -> list[float]:
    """Return the correlations in the order of COLUMNS, the last two without the largest hour; both (S, 2)."""
    measures = (rank_correlation, linear_correlation)
    pooled = [measure(estimated.reshape(-1), known.reshape(-1)) for measure in measures]
    sided = [measure(estimated[:, i], known[:, i]) for measure in measures for i in (0, 1)]
    rest = [np.arange(len(known)) != known[:, i].argmax() for i in (0, 1)]
    return pooled + sided + [linear_correlation(estimated[rest[i], i], known[rest[i], i]) for i in (0, 1)]


def ahead(ours: Floats, theirs: Floats, known: Floats, day: npt.NDArray[np.int64]) -> str:
    """Describe our pooled lead, with 95 % intervals from paired resamples of days; all (S, 2), days (S,)."""
    days = np.repeat(day, 2)
    counts = day_counts(int(day.max()) + 1, DRAWS, 1.0, 0)
    taken, y = counts[:, days], known.reshape(-1)
    gains = []
    for measure in ("rank", "linear"):
        a, b = (
            rank_correlations(mean_ranks(x, taken), mean_ranks(y, taken), taken)
            if measure == "rank"
            else linear_correlations(x, y, counts, days)
            for x in (ours.reshape(-1), theirs.reshape(-1))
        )
        found = percentile_interval(float(a[0] - b[0]), (a - b)[1:])
        gains.append(f"{measure} {found.estimate:+.3f} [{found.low:+.3f}, {found.high:+.3f}]")
    return ", ".join(gains)


def compare(name: str, columns: tuple[str, str, bool]) -> None:
    """Print the tables of one file."""
    market = market_of(DATA / name, *columns)
    first = market.between(None, market.candles.index[len(market) // 2])
    rows: dict[str, list[float]] = {}
    frame = pd.DataFrame()
    for size in (None, 20.0, 50.0):
        calibration = calibrate(first, bin_size=size)
        found = lw.validate(market, calibration, draws=2)
        estimated, known = (found.frame[who].to_numpy().reshape(-1, 2) for who in ("estimated", "realised"))
        rows[f"ours, calibrated, rows of {calibration.bin_size:g} USD{'' if size else ' (default)'}"] = line(
            estimated, known
        )
        if size is None:
            frame, start = found.frame, calibration.fitted[1]
    for size in (None, 20.0, 50.0):
        found = lw.validate(market, start=start, bin_size=size, draws=2)
        own = found.frame["estimated"].to_numpy().reshape(-1, 2)
        label = f"ours, default mix, rows of {found.settings['bin_size']:g} USD{'' if size else ' (default)'}"
        rows[label] = line(own, known)
    by_rule = {who: frame[who].to_numpy().reshape(-1, 2) for who in ("estimated", *BASELINES)}
    rows |= {f"baseline: {label}": line(by_rule[who], known) for who, label in BASELINES.items()}
    stated = {label: hourly(market, spent_usd, frame) for label, spent_usd in rules(market).items()}
    rows |= {label: line(amounts, known) for label, amounts in stated.items()}
    table = pd.DataFrame.from_dict(rows, orient="index", columns=COLUMNS)
    times = frame["time"]
    print(f"\n== {name}: {len(known):,} hours, {times.iloc[0]:%Y-%m-%d %H:%M} to {times.iloc[-1]:%Y-%m-%d %H:%M} UTC")
    print(table.to_string(float_format="{:.3f}".format))
    print("\nours (calibrated, default rows) ahead of, pooled [95 % of paired resamples of days]:")
    day = np.unique(times.dt.floor("1D").to_numpy()[::2], return_inverse=True)[1]
    rivals = {label: by_rule[who] for who, label in BASELINES.items()}
    for letter in "AB":
        told = f"{letter} as told"
        best = max(
            (label for label in stated if label.startswith(letter)), key=lambda label: rows[label][0] + rows[label][1]
        )
        rivals |= {told: stated[told], f"best of {letter}: {best}": stated[best]}
    for label, amounts in rivals.items():
        print(f"  {label:52} {ahead(by_rule['estimated'], amounts, known, day)}")
    empty = {label: float((amounts == 0).mean()) for label, amounts in stated.items() if label.endswith("as told")}
    print("cells without anything: " + ", ".join(f"{label} {share:.0%}" for label, share in empty.items()))


def main() -> None:
    begin = time.process_time()
    for name, columns in FILES.items():
        if (DATA / name).is_file():
            compare(name, columns)
        else:
            print(f"{name}: not on this machine")
    print(f"\n{time.process_time() - begin:.1f} s of a processor")


if __name__ == "__main__":
    main()
