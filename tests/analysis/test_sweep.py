"""Sweeps and rolling calibrations against computing each setting alone; also with killed or stopped processes."""

from __future__ import annotations

import math
import os
import pickle
import signal
import threading
from collections.abc import Iterator
from itertools import product
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import liqwidget as lw
from liqwidget import InputError, Market
from liqwidget.analysis.sweep.one_market import ESTIMATES, SCORES
from liqwidget.model.cells import BRIGHT
from markets import walk

SIDES = {"below": "long", "above": "short"}
NUMBERS = [*ESTIMATES, *SCORES]
MIXES = ["balanced", {5: 1, 10: 2, 25: 1}, {100: 1}]
RATES = [0.1, 0.0, 0.02]  # deliberately unsorted


@pytest.fixture(scope="module")
def made() -> Any:
    return lw.simulate(3_000, 60_000, seed=4, volatility=0.05)


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0", silence_logs=50
        ) as cluster,
        distributed.Client(cluster) as one,
    ):
        yield one


def alone(market: Market, mix: Any, rate: float, size: float | None, at: int = -1, large: float = 0.5) -> list[float]:
    """The estimates of one setting from scratch; values that rounding decides are NaN here, and `same` skips them."""
    density = lw.estimate(market, mix, rate, size)
    profile, column = density.profile(at), density.sides(at)[1]
    found = [profile["long"].sum(), profile["short"].sum()]
    clusters = density.clusters(at, top=10**6)
    bright = np.abs(column / max(column.max(), 1e-300) - BRIGHT).min() < 1e-5
    for side in SIDES.values():
        ours = clusters[clusters["side"] == side]
        share = ours["notional"] / ours["notional"].max()
        ours = ours[share >= large]
        if bright or (np.abs(share - large) < 1e-5).any():
            found += [math.inf] * 3
        elif not len(ours):
            found += [math.nan] * 3
        else:
            one = ours.loc[ours["distance"].abs().idxmin()]
            centres = density.sides(at)[0].centres
            inside = column[(centres > one["price_low"]) & (centres < one["price_high"])]
            tie = (inside > inside.max() * (1 - 1e-5)).sum() > 1
            found += [math.inf if tie else one["peak_price"], math.inf if tie else one["distance"], one["notional"]]
    return found


def same(found: pd.DataFrame, plain: list[list[float]]) -> None:
    ours, theirs = found[list(ESTIMATES)].to_numpy(), np.array(plain)
    decided = ~np.isinf(theirs)
    assert decided[:, :2].all()  # the totals at least; ties in the clusters may be many, as where settings repeat
    np.testing.assert_allclose(ours[decided], theirs[decided], rtol=1e-6, atol=1e-30)


def equal(one: lw.Sweep, other: lw.Sweep) -> None:
    """The same lines in the same order, numbers equal up to rounding."""
    pd.testing.assert_frame_equal(one.table, other.table, rtol=1e-9, atol=0)


@settings(max_examples=12, deadline=None)
@given(
    st.integers(0, 10_000),
    st.lists(
        st.dictionaries(st.sampled_from([2, 3, 5, 10, 33.3, 125]), st.floats(0.01, 100), min_size=1),
        min_size=2,
        max_size=3,
    ),
    st.lists(st.floats(0, 2), min_size=2, max_size=3),
    st.sampled_from([[100.0], [200.0, 50.0]]),
)
def test_a_sweep_is_every_setting_alone(
    seed: int, mixes: list[dict[float, float]], rates: list[float], sizes: list[float]
) -> None:
    markets = [walk(150, seed=seed + i, price=60_000, wild=0.4, gaps=True) for i in range(2)]
    found = lw.sweep(dict(zip("ab", markets, strict=True)), mixes, rates, bin_sizes=sizes).table
    every = list(product(zip("ab", markets, strict=True), sizes, enumerate(mixes), rates))
    told = list(found[["market", "bin_size", "mix", "decay_rate"]].itertuples(index=False, name=None))
    assert told == [(name, size, i, rate) for (name, _), size, (i, _), rate in every]
    plain = [alone(market, mix, rate, size) for (_, market), size, (_, mix), rate in every]
    assume((~np.isinf(plain)).mean() > 0.6)
    same(found, plain)


def test_scores_are_those_of_validate(made: Any) -> None:
    found = lw.sweep(made.market, MIXES, [0.01, 0.1], bin_sizes=[100.0], turnover=0.5).table
    row = lw.build_ledger(made.market).bin_size  # scores use the model's rows, whatever the bin size
    for line, (mix, rate) in zip(found.to_dict("records"), product(MIXES, [0.01, 0.1]), strict=True):
        known = lw.validate(
            made.market, leverage_mix=cast(Any, mix), decay_rate=rate, turnover=0.5, bin_size=row, draws=1
        )
        values = known.by_side()["value"]
        for name in ("rank", "linear"):
            for side, end in (("both", ""), ("long", "_long"), ("short", "_short")):
                assert line[name + end] == pytest.approx(values[side, name], abs=1e-9, nan_ok=True)


def test_moments_know_nothing_of_what_comes_later(made: Any) -> None:
    times = made.market.candles.index
    at = [times[1000] + pd.Timedelta("5min"), "2026-01-10 07:03", times[-1] + pd.Timedelta("1D")]
    found = lw.sweep(made.market, ["hot"], [0.05], bin_sizes=[100.0], at=at, score=False).table
    assert list(found["time"]) == [times[1000], pd.Timestamp("2026-01-10 06:55", tz="UTC"), times[-1]]
    cut = [made.market.between(None, time) for time in found["time"]]
    same(found, [alone(market, "hot", 0.05, 100.0) for market in cut])
    assert list(found["close"]) == [market.candles["close"].iloc[-1] for market in cut]


def test_a_ledger_is_built_once_a_market(made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from liqwidget.model import build

    built: list[float] = []
    made_of = build.ledger_on
    monkeypatch.setattr(build, "ledger_on", lambda *how: built.append(how[2].bin_size) or made_of(*how))
    parts: list[tuple[int, int, int]] = []
    markets = {"a": made.market, "b": walk(100, price=60_000)}
    sizes = {"a": [40.0, 100.0], "b": [200.0]}
    found = lw.sweep(markets, MIXES, RATES, bin_sizes=sizes, progress=lambda *told: parts.append(told))
    assert built == [20.0, 10.0]  # for a median close of 82,000 USD, and for one below 66,667
    assert parts[0] == (0, 6, 0)
    assert parts[-1] == (6, 6, 27)
    assert len(found) == 27
    assert found.table.loc[found.table["market"] == "a", "rank"].notna().all()
    assert found.table.loc[found.table["market"] == "b", "rank"].isna().all()  # b has no liquidations


def test_mixes_of_every_kind(made: Any) -> None:
    market = walk(60, price=60_000)
    frame = pd.DataFrame({"25": [1.0, 3], 10: [1, 1]}, index=["x", "y"])
    for mixes, names in (
        ("hot", ["hot"]),
        ({10: 60, 25: 40}, [0]),
        (["hot", {10: 1}, "hot"], [0, 1, 2]),
        (["hot", {10: 1}], ["hot", 1]),
        ({"mine": {10: 1}, "theirs": "hot"}, ["mine", "theirs"]),
        (frame, ["x", "y"]),
    ):
        found = lw.sweep(market, mixes, 0.05)
        assert list(found.table["mix"]) == names == list(found.mixes.index)
        np.testing.assert_allclose(found.mixes.sum(axis=1), 1.0)
    assert found.mixes.to_dict("list") == {10: [0.5, 0.25], 25: [0.5, 0.75]}


def test_names_of_markets() -> None:
    one = walk(30)
    other = Market.from_frame(one.candles, symbol="TEST", exchange="elsewhere")
    named = [list(lw.sweep(markets, "hot", 0.1).table["market"]) for markets in (one, [one, other], [one, one])]
    assert named == [["TEST"], ["TEST test", "TEST elsewhere"], ["TEST test #0", "TEST test #1"]]


def test_what_it_says(made: Any) -> None:
    found = lw.sweep({"A": made.market, "B": walk(60, price=60_000)}, MIXES, RATES)
    top = found.best()
    assert list(top["market"]) == ["A"]
    assert top["rank"].item() == found.table["rank"].max()
    text = repr(found)
    assert "18 settings (2 markets x 3 mixes x 3 decay rates x 1 bin size x 1 moment)" in text
    assert "estimates" in text
    assert f"best, {top['rank'].item():.3f}" in text
    assert "validate it on later data" in text
    assert lw.sweep(walk(60), "hot", 0.1).best().empty
    few = Market.from_frame(made.market.candles, liquidations=made.market.liquidations.iloc[:2])
    assert "not scored" in repr(lw.sweep(few, "hot", 0.1))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"decay_rates": [0.1, -0.1]}, "decay_rates: wanted rates per hour >= 0"),
        ({"decay_rates": ["auto"]}, "decay_rates"),
        ({"decay_rates": []}, "decay_rates: wanted at least one"),
        ({"mixes": []}, "mixes: wanted a list"),
        ({"mixes": [{10: 1}, {10: 0}]}, "mixes: 1: leverage_mix: all weights are zero"),
        ({"mixes": ["cold"]}, "mixes: 'cold'"),
        ({"mixes": [{tier: 1} for tier in range(2, 40)]}, "at most 32 tiers"),
        ({"mixes": [{400: 1}]}, "leverage"),
        ({"markets": []}, "markets: wanted at least one"),
        ({"markets": [walk(30), 7]}, "number 1 is 7"),
        ({"markets": "BTCUSDT"}, "markets"),
        ({"bin_sizes": [0]}, "bin_size"),
        ({"bin_sizes": {"x": [1]}}, "bin_sizes: wanted those of each market; TEST has none"),
        ({"at": "2020-01-01"}, "at: TEST has its first close at 2026-01-01 01:00"),
        ({"at": 5}, "at: wanted a date"),
        ({"turnover": 2}, "turnover"),
        ({"large": 0}, "large"),
        ({"score": True}, "no realised liquidations"),
        ({"workers": 0}, "workers"),
        ({"client": 5}, "client"),
        ({"decay_rates": np.linspace(0, 1, 2_000), "mixes": pd.DataFrame(np.ones((3_000, 1)), columns=[5])}, "lines"),
    ],
)
def test_what_is_refused(change: dict[str, Any], says: str) -> None:
    how: dict[str, Any] = {"markets": walk(30), "mixes": ["hot"], "decay_rates": [0.1]} | change
    with pytest.raises(InputError, match=says):
        lw.sweep(**how)


def test_a_score_that_is_asked_for_and_impossible_is_an_error_that_names_the_market(made: Any) -> None:
    few = Market.from_frame(made.market.candles, symbol="FEW", liquidations=made.market.liquidations.iloc[:2])
    with pytest.raises(InputError, match="FEW: validate: "):
        lw.sweep([made.market, few], "hot", 0.1, score=True)


def test_a_market_travels_once_and_whole(made: Any) -> None:
    """Cached values derived from the market are not pickled with it."""
    market = made.market.between(None, None)
    sent = pickle.dumps(market)
    assert len(market.candles)
    assert len(market.gaps) == 0
    assert market.price_decimals
    assert market.interval
    assert len(pickle.dumps(market)) == len(sent)
    assert pickle.loads(sent).candles.equals(market.candles)
    assert pickle.loads(sent).liquidations.equals(market.liquidations)


@pytest.mark.parametrize("count", [1, 3])
def test_a_client_gives_the_same(made: Any, client: Any, count: int) -> None:
    """One market is split by decay rates, several markets are not."""
    markets = {str(i): made.market.between(made.market.candles.index[100 * i], None) for i in range(count)}
    how: dict[str, Any] = {"bin_sizes": [40.0], "at": ["2026-01-08", "2026-01-12"]}
    equal(lw.sweep(markets, MIXES, RATES, client=client, **how), lw.sweep(markets, MIXES, RATES, **how))
    with pytest.raises(InputError, match=r"\d: validate: "):
        lw.sweep(markets, MIXES, RATES, client=client, start="2030-01-01", score=True)


def test_a_worker_killed_in_the_middle_changes_nothing(made: Any, client: Any) -> None:
    markets = {str(i): made.market.between(made.market.candles.index[50 * i], None) for i in range(6)}
    killed: list[Any] = []

    def told(done: int, total: int, _rows: int) -> None:
        if 0 < done < total and not killed:
            killed.append(next(iter(client.run(os.getpid).values())))
            os.kill(killed[0], signal.SIGKILL)

    found = lw.sweep(markets, MIXES, RATES, bin_sizes=[20.0], client=client, progress=told)
    equal(found, lw.sweep(markets, MIXES, RATES, bin_sizes=[20.0]))
    client.wait_for_workers(2, timeout=30)
    assert killed
    assert killed[0] not in client.run(os.getpid).values()


def children() -> set[int]:
    """Child processes of this one, except multiprocessing's resource tracker, which lives until the end."""
    psutil = pytest.importorskip("psutil")
    every = psutil.Process().children(recursive=True)
    return {child.pid for child in every if not any("resource_tracker" in word for word in child.cmdline())}


@pytest.mark.slow
def test_processes_of_its_own_end_with_it_and_with_a_stop(made: Any) -> None:
    before = children()
    reached, pressed = threading.Event(), threading.Event()

    def told(done: int, _total: int, _rows: int) -> None:
        if done:
            reached.set()

    def press() -> None:
        assert reached.wait(60)
        pressed.set()
        os.kill(os.getpid(), signal.SIGINT)

    hand = threading.Thread(target=press, daemon=True)
    before_it = signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs of a shell ignore SIGINT
    hand.start()
    with pytest.raises(KeyboardInterrupt):
        lw.sweep([made.market] * 40, MIXES, RATES, bin_sizes=[20.0], workers=2, progress=told)
    hand.join()
    signal.signal(signal.SIGINT, before_it)
    assert pressed.is_set()
    assert children() <= before
    equal(lw.sweep(made.market, MIXES, RATES, workers=1), lw.sweep(made.market, MIXES, RATES))
    assert children() <= before


QUICK: dict[str, Any] = {"draws": 5, "turnovers": (1.0,), "decay_rates": (0.01, 0.03, 0.1)}


@pytest.fixture(scope="module")
def rolled(made: Any) -> lw.Rolling:
    return lw.calibrate_rolling(made.market, "5D", "2D", **QUICK)


def test_rolling_windows_are_calibrations_alone_and_scored_later(made: Any, rolled: lw.Rolling) -> None:
    market, table = made.market, rolled.table
    first = market.candles.index[0]
    assert list(table["start"]) == [first + i * pd.Timedelta("2D") for i in range(3)]
    assert list(table["end"] - table["start"]) == [pd.Timedelta("5D")] * 3
    for line in table.to_dict("records"):
        last = line["end"] - pd.Timedelta("1ns")
        fit = lw.calibrate(market.between(line["start"], last), **QUICK)
        after = lw.validate(market.between(line["start"], last + pd.Timedelta("2D")), fit, start=line["end"], draws=1)
        assert (line["decay_rate"], line["turnover"], line["note"]) == (fit.decay_rate, fit.turnover, "")
        assert (line["rank_in_sample"], line["linear_in_sample"]) == tuple(
            fit.scores.loc["in_sample", ["rank", "linear"]]
        )
        assert (line["rank_following"], line["linear_following"]) == (after.rank, after.linear)
        mine = rolled.weights[rolled.weights["start"] == line["start"]].set_index("leverage")
        assert mine["weight"].to_dict() == fit.leverage_mix
        assert (mine["low"] <= mine["high"]).all()


def test_a_calibration_sees_nothing_of_what_it_is_scored_on(made: Any, rolled: lw.Rolling) -> None:
    """Later liquidations and prices change a window's score, and nothing else."""
    end = rolled.table["end"].iloc[0]
    events = made.market.liquidations
    late = events["time"] >= end
    events.loc[late, "notional"] = events.loc[late, "notional"].to_numpy()[::-1]
    candles = made.market.candles.copy()
    candles.loc[candles.index >= end, "volume"] *= 3
    other = lw.calibrate_rolling(Market.from_frame(candles, liquidations=events), "5D", "2D", **QUICK)
    one, two = (
        table.iloc[0].drop(["market", "rank_following", "linear_following", "gain_following"])
        for table in (rolled.table, other.table)
    )
    assert one.equals(two)
    assert rolled.table["rank_following"].iloc[0] != other.table["rank_following"].iloc[0]


def test_windows_that_fail_say_why_and_lose_nothing(made: Any, client: Any, rolled: lw.Rolling) -> None:
    market = made.market
    times = market.candles.index
    markets = {
        "whole": market,
        "late": market.between(times[900], None),
        "short": market.between(None, times[200]),
        "holed": Market.from_frame(
            market.candles[(times < times[200]) | (times > times[2400])], liquidations=market.liquidations
        ),
        "silent": Market.from_frame(market.candles),
        "stops": Market.from_frame(
            market.candles, liquidations=market.liquidations[market.liquidations["time"] < rolled.table["end"].iloc[0]]
        ),
    }
    found = lw.calibrate_rolling(markets, "5D", "2D", client=client, **QUICK)
    table = found.table.set_index("market")
    whole = found.table[found.table["market"] == "whole"]
    pd.testing.assert_frame_equal(whole.drop(columns="market"), rolled.table.drop(columns="market"), rtol=1e-9)
    assert table.loc["late", "note"].str.contains("begin at").tolist() == [True, True, False]
    assert "the candles end at" in table.loc["short", "note"]
    assert "there are no candles" in set(lw.calibrate_rolling(markets["holed"], "2D", "2D", **QUICK).table["note"])
    assert table.loc["holed", "decay_rate"].isna().all()
    assert table.loc["silent", "note"].str.contains("no realised liquidations").all()
    assert "nothing to score after it" in table.loc["stops", "note"].iloc[0]
    assert table.loc["stops", "decay_rate"].notna().iloc[0]
    assert table.loc[["short", "silent"], ["decay_rate", "rank_following"]].isna().all(axis=None)
    assert set(found.weights["market"]) == {"whole", "late", "stops"}
    assert "could not be fitted" in repr(found)
    assert "no realised liquidations" in repr(found)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"window": "0D"}, "window: wanted a length"),
        ({"step": "tomorrow"}, "step: wanted a length"),
        ({"step": "1ns"}, "step: wanted at most 100,000 windows"),
        ({"decay_rates": [-1]}, "decay_rate"),
        ({"decay_rate": [1]}, "unexpected keyword argument 'decay_rate'"),
        ({"leverage": [400]}, "leverage"),
    ],
)
def test_what_rolling_refuses(made: Any, change: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        lw.calibrate_rolling(made.market, **({"window": "5D", "step": "2D"} | change))
