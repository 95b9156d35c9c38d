"""The estimated profile compared with real open positions and the exchange's own liquidation prices.

python benchmarks/true_positions.py

Compares eight of the Hyperliquid snapshots next to the checkout with estimates from Binance candles that closed before
each. The calibrated mix is fitted on candles before the first snapshot. Then prints figures that explain the
differences. The venues differ and the sample is of large traders: neither side of the comparison is the whole market.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd
from validate_market import DATA, FILES, market_of

import liqwidget as lw
from liqwidget.analysis.stats.intervals import Intervals
from liqwidget.analysis.stats.measures import earth_mover, rank_correlation
from liqwidget.analysis.validation.baselines import uniform
from liqwidget.model.ledger import Ledger
from liqwidget.model.settings import PRESETS, shares

Floats = npt.NDArray[np.float64]
CANDLES, POSITIONS = next(iter(FILES)), "hyperliquid_btc_positions_2026-02.csv.gz"
STEP = 100.0  # USD per row
BAND = 0.5  # levels farther from the price are counted but not compared
COARSE = 10  # rows pooled for rank correlation: with 200 positions most finer rows are empty
NEAR = (0.05, 0.1, 0.2)
MAINTENANCE = 0.0125  # Hyperliquid's rate for BTC: half the initial margin at 40x
LEAST = 100  # minimum positions in a snapshot
TIERS = (1.2, 1.5, 2, 3, 4, 5, 7, 10, 15, 20, 30)
MEASURES = ["emd", "emd / reach", "emd near", "rank", *(f"<={share:.0%}" for share in NEAR)]


def profile(level: Floats, usd: Floats, price: float) -> Floats:
    """Return USD by row of levels, over the rows within BAND of the price."""
    rows = int(BAND * price / STEP) // COARSE * COARSE
    place = np.floor((level - price) / STEP) + rows
    inside = (place >= 0) & (place < 2 * rows)
    return np.bincount(place[inside].astype(int), usd[inside], 2 * rows).astype(np.float64)


def compared(estimate: Floats, truth: Floats, price: float) -> dict[str, float]:
    """Return the measures of one side: distances as shares of the price, and the estimate's share near the price."""
    away = np.abs(np.arange(len(truth)) + 0.5 - len(truth) / 2) * STEP / price
    moved = earth_mover(estimate, truth, STEP) / price
    a, b = (values.reshape(-1, COARSE).sum(axis=1) for values in (estimate, truth))
    used, close = (a > 0) | (b > 0), away <= NEAR[-1]
    found = {
        "emd": moved,
        "emd / reach": moved / (away @ truth / truth.sum()),
        "emd near": earth_mover(estimate[close], truth[close], STEP) / price,
        "rank": rank_correlation(a[used], b[used]),
    }
    return found | {f"<={near:.0%}": estimate[away <= near].sum() / estimate.sum() for near in NEAR}


def standing(ledger: Ledger, rate: float, weights: Floats, k: int) -> tuple[Floats, Floats, Floats]:
    """Return the levels and USD standing at the close of candle k, and their ages in hours."""
    clock = np.cumsum(ledger.hours)
    here = (ledger.column <= k) & (ledger.end > k)
    age = clock[k] - clock[ledger.column[here]]
    usd = ledger.notional[here] * weights[ledger.tier[here]] * np.exp(-rate * age)
    return ledger.grid.centres[ledger.row[here]], usd, age


def inverse_leverage(snapshot: pd.DataFrame, start: pd.Series) -> pd.Series:
    """Return 1 / L of isolated positions opened at `start` prices; <= 0: the liquidation price is beyond `start`."""
    ratio, long = snapshot["liquidation_px"] / start, snapshot["side"] == "long"
    return (1 - ratio * (1 - MAINTENANCE)).where(long, ratio * (1 + MAINTENANCE) - 1)


def quantiles(values: pd.Series, usd: pd.Series) -> str:
    """Return the 10th, 50th and 90th percentile, weighted by USD, as text."""
    order = values.dropna().sort_values()
    share = usd[order.index].cumsum() / usd[order.index].sum()
    return " / ".join(f"{order.iloc[int(share.searchsorted(q))]:.3g}" for q in (0.1, 0.5, 0.9))


def halves(snapshot: pd.DataFrame, price: float, side: str, draws: int = 100) -> float:
    """Return the earth mover's distance between two random halves of the real traders (median of draws)."""
    part = snapshot[(snapshot["side"] == side) & snapshot["liquidation_px"].notna()]
    level, usd = part["liquidation_px"].to_numpy(), part["notional_usd"].to_numpy()
    rng = np.random.default_rng(0)
    found = []
    for _ in range(draws):
        one = rng.random(len(part)) < 0.5
        a, b = (profile(level[half], usd[half], price) for half in (one, ~one))
        found.append(earth_mover(a, b, STEP) / price)
    return float(np.nanmedian(found))


def snapshots(frame: pd.DataFrame, market: lw.Market, count: int) -> Iterator[tuple[int, float, pd.DataFrame]]:
    """Yield the last closed candle, its close, and the positions of snapshots spread evenly in time."""
    closed = market.candles.index + market.interval
    sizes = frame.groupby("time").size()
    usable = sizes.index[(sizes >= LEAST) & (sizes.index <= closed[-1])]
    wanted = pd.date_range(usable[0], usable[-1], count)
    for moment in usable[np.unique(usable.get_indexer(wanted, method="nearest"))]:
        k = int(closed.searchsorted(moment, side="right")) - 1
        yield k, float(market.candles["close"].iloc[k]), frame[frame["time"] == moment]


def persistence(frame: pd.DataFrame, hours: float) -> float:
    """Return the mean share of USD still held on the same side later; a trader not seen again counts as closed."""
    groups = {moment: part.set_index("user") for moment, part in frame.groupby("time")}
    times, found = pd.DatetimeIndex(list(groups)), []
    for moment, here in groups.items():
        after = times[abs((times - moment) / pd.Timedelta("1h") - hours) <= 4]
        if len(after):
            same = groups[after[0]]["side"].reindex(here.index) == here["side"]
            found.append(here["notional_usd"][same].sum() / here["notional_usd"].sum())
    return float(np.mean(found))


def main() -> None:
    if not all((DATA / name).is_file() for name in (CANDLES, POSITIONS)):
        print(f"{CANDLES} or {POSITIONS}: not on this machine")
        return
    begin = time.process_time()
    market = market_of(DATA / CANDLES, *FILES[CANDLES])
    frame = pd.read_csv(DATA / POSITIONS, parse_dates=["time"])
    chosen = list(snapshots(frame, market, 8))
    start = chosen[0][2]["time"].iloc[0].floor("1h")  # the current hour's sum is not known yet
    before = market.between(None, start - pd.Timedelta("1ns"))
    calibration = lw.calibrate(before)
    auto = lw.auto_decay_rate(before)
    first = frame[frame["time"] == frame["time"].min()]  # too few positions to be chosen
    inverse = inverse_leverage(first, first["entry_px"])
    own = 1 / inverse[inverse > 0]
    nearest = np.abs(np.log(own.to_numpy()[:, None] / np.array(TIERS))).argmin(axis=1)
    real = np.bincount(nearest, first["notional_usd"][own.index], len(TIERS))
    month = np.log(2) / (30 * 24)
    mixes: dict[str, tuple[dict[float, float], float]] = {
        "default mix": (PRESETS["balanced"], auto),
        "on-chain preset": (PRESETS["on-chain"], auto),
        "calibrated": (calibration.leverage_mix, calibration.decay_rate),
        "on-chain, half-life 30 d": (PRESETS["on-chain"], month),
        "real leverages, half-life 30 d": (dict(zip(TIERS, real.tolist(), strict=True)), month),
    }
    ledgers = {name: lw.build_ledger(market, list(mix), STEP, span=0.7) for name, (mix, _) in mixes.items()}
    plain, intervals = ledgers["default mix"], Intervals.of(market, "1h")
    evenly = uniform(plain, auto, intervals)[0]
    rows: dict[tuple[str, str], list[dict[str, float]]] = {}
    facts: list[dict[str, float]] = []
    beyond: list[tuple[float, ...]] = []
    old: dict[str, list[tuple[float, float]]] = {name: [] for name in mixes}
    for k, price, snapshot in chosen:
        names = ["notional_usd", "liquidation_px", "entry_px", "leverage_setting"]
        usd, level, entry, setting = snapshot[names].to_numpy().T
        levels = {name: standing(ledgers[name], rate, shares(mix), k) for name, (mix, rate) in mixes.items()}
        hour = int(np.searchsorted(intervals.last, k, side="right")) - 1
        levels["uniform to 25 %"] = plain.grid.centres, evenly[:, hour].astype(np.float64), np.zeros(0)
        for side, sign in (("long", -1), ("short", 1)):
            mine = (snapshot["side"] == side).to_numpy()
            known = mine & np.isfinite(level)
            truth = profile(level[known], usd[known], price)
            rows.setdefault((side, "truth"), []).append(compared(truth, truth, price))
            for name, (at, amount, _) in levels.items():
                part = sign * (at - price) > 0
                rows.setdefault((side, name), []).append(compared(profile(at[part], amount[part], price), truth, price))
            flat = np.where(np.arange(len(truth)) < len(truth) / 2, sign < 0, sign > 0).astype(np.float64)
            rows.setdefault((side, f"even to {BAND:.0%}"), []).append(compared(flat, truth, price))
            isolated = entry * (1 + sign / setting) / (1 + sign * MAINTENANCE)
            oracle = profile(isolated[known], usd[known], price)
            rows.setdefault((side, "real entries, their setting"), []).append(compared(oracle, truth, price))
            facts.append({"side": sign, "halves": halves(snapshot, price, side)} | {
                "no level": usd[mine & ~known].sum() / usd[mine].sum(),
                "beyond": usd[known & (np.abs(level / price - 1) > BAND)].sum() / usd[mine].sum(),
                "share": usd[mine].sum() / usd.sum(),
            })  # fmt: skip
        past = market.candles.iloc[: k + 1]
        interest = past["open_interest"].iloc[-1] * price
        for name in mixes:
            _, amount, age = levels[name]
            old[name].append((amount[age > 7 * 24].sum() / amount.sum(), amount.sum() / 2 / interest))
        outside = [
            usd[(entry < w["low"].min()) | (entry > w["high"].max())].sum() / usd.sum()
            for w in (past.iloc[-288 * days :] for days in (1, 7, 30))
        ]
        beyond.append((*outside, usd.sum() / interest))
    print(f"{len(chosen)} snapshots: " + ", ".join(f"{s['time'].iloc[0]:%m-%d %H:%M}" for _, _, s in chosen))
    print(f"calibrated before {start:%Y-%m-%d %H:%M} UTC; rows of {STEP:g} USD, {COARSE} for ranks;")
    print(f"decay per hour: automatic {auto:.3f}, calibrated {calibration.decay_rate:.3f}. Means over the snapshots.")
    print(
        f"emd: share of price (near: of rows within {NEAR[-1]:.0%}); / reach: of the mean true distance; <=: USD there"
    )
    table = pd.DataFrame({key: pd.DataFrame(lines).mean() for key, lines in rows.items()}).T[MEASURES]
    print(table.sort_index(level=0, sort_remaining=False).to_string(float_format="{:.3f}".format))
    k, _, last = chosen[-1]
    mix, rate = mixes["calibrated"]
    print(f"\n{lw.score(ledgers['calibrated'].replay(rate, shares(mix), [k]), last)}")
    for name, values in old.items():
        week, size = np.mean(values, axis=0)
        print(f"{name}: {week:.0%} older than 7 days; a side's USD over open interest {size:.1f}")
    reasons(pd.concat([s for _, _, s in chosen]), frame, pd.DataFrame(facts), np.array(beyond), auto)
    print(f"\n{time.process_time() - begin:.1f} s of a processor")


def reasons(used: pd.DataFrame, frame: pd.DataFrame, facts: pd.DataFrame, beyond: Floats, auto: float) -> None:
    """Print figures that explain the differences."""
    print("\nReasons")
    used = used.reset_index(drop=True)
    usd = used["notional_usd"]
    top = used.groupby("time")["notional_usd"].agg(lambda x: x.nlargest(10).sum() / x.sum()).mean()
    print(f"ten largest positions: {top:.0%} of the USD of a snapshot; median position {usd.median():,.0f} USD")
    for side, sign in (("long", -1), ("short", 1)):
        m = facts[facts["side"] == sign].mean()
        part = used[used["side"] == side]
        away = (part["liquidation_px"] / part["mark_px"] - 1).abs()
        won = part["unrealized_pnl_usd"] > 0
        spans = [quantiles(away[w], part["notional_usd"]) for w in (won, ~won)]
        print(
            f"{side}: {m['share']:.0%} of the USD; no level {m['no level']:.0%}, beyond {BAND:.0%} of price "
            f"{m['beyond']:.0%}; two random halves of the traders: emd {m['halves']:.3f}; "
            f"distance of levels (10/50/90 %): winners {spans[0]}, losers {spans[1]}"
        )
    gone = used["liquidation_px"].isna()
    account = usd / used["account_value_usd"]
    print(
        f"no liquidation price: {gone.mean():.0%} of positions, {usd[gone].sum() / usd.sum():.0%} of USD, "
        f"where the account is worth more than the position: {usd[gone & (account < 1)].sum() / usd[gone].sum():.0%}"
    )
    implied = {"entry": inverse_leverage(used, used["entry_px"]), "price": inverse_leverage(used, used["mark_px"])}
    print("leverage by USD (10/50/90 %):")
    print(f"  setting {quantiles(used['leverage_setting'], usd)}; notional / account value {quantiles(account, usd)}")
    for name, inverse in implied.items():
        none = usd[inverse <= 0].sum() / usd[inverse.notna()].sum()
        shown = quantiles(1 / inverse[inverse > 0], usd)
        print(f"  from liquidation price and {name} {shown} (none: level beyond the {name} itself, {none:.0%} of USD)")
    near = (implied["entry"] * used["leverage_setting"] - 1).abs() < 0.1
    known = implied["entry"].notna()
    print(f"margin within a tenth of what the setting asks (isolated): {usd[near].sum() / usd[known].sum():.0%} of USD")
    day, week, month, size = beyond.mean(axis=0)
    print(f"entry outside the price range of 1/7/30 days before: {day:.0%}, {week:.0%}, {month:.0%} of USD, so older")
    for hours in (24, 168):
        share, kept = persistence(frame, hours), np.exp(-auto * hours)
        print(f"same trader and side {hours} h later: at least {share:.0%} of USD; automatic decay keeps {kept:.1%}")
    print(f"USD of a snapshot over Binance's open interest: {size:.0%}; {frame['user'].nunique()} traders in all")


if __name__ == "__main__":
    main()
