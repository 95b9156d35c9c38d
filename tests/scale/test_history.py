"""Histories built in chunks, killed and resumed, with dying processes: always equal to the density of one pass."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from distributed import Client, LocalCluster
from hypothesis import given, settings
from hypothesis import strategies as st

import liqwidget as lw
from archive_files import PAST, write
from liqwidget.scale import build
from liqwidget.scale import history as history_module
from liqwidget.scale.source import find_source
from markets import walk

TIERS = (5, 10, 25, 100)
HOW: dict[str, Any] = {"leverage": TIERS, "bin_size": 200.0, "decay_rate": 0.05, "progress": False}


def same(history, market, columns: int) -> None:
    """The history's density equals that of one pass over the whole market."""
    found = history.density()
    ledger = lw.build_ledger(market, TIERS, 200.0)
    width = -(-len(market) // columns)
    kept = np.unique(np.minimum(np.arange(width - 1, len(market) + width - 1, width), len(market) - 1))
    whole = ledger.replay(0.05, None, kept)
    assert (found.grid, found.decay_rate) == (whole.grid, 0.05)
    np.testing.assert_array_equal(found.time, whole.time)
    np.testing.assert_array_equal(found.close, whole.close)
    assert np.abs(found.values - whole.values).max() <= 1e-6 * whole.values.max()


def files(folder: Path) -> dict[str, str]:
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


@pytest.fixture(scope="module")
def market():
    return walk(4_000, seed=5, price=60_000, tick=0.1, wild=0.2, gaps=True)


@pytest.fixture(scope="module")
def built(market, tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    lw.history(market, folder, columns=300, chunk=700, **HOW)
    return folder


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000), cuts=st.sets(st.integers(1, 299), max_size=9), columns=st.integers(1, 300))
def test_any_cuts_make_one_pass(seed: int, cuts: set[int], columns: int, tmp_path_factory) -> None:
    market = walk(300, seed=seed, price=60_000, tick=0.1, wild=0.3, gaps=True)
    folder = tmp_path_factory.mktemp("cuts")
    same(lw.history(market, folder, columns=columns, chunk=sorted(cuts) or 300, **HOW), market, columns)


@pytest.mark.parametrize(("size", "candles"), [(1, 60), (7, 400), (1_000, 4_000), (100_000, 120_000)])
def test_any_size_makes_one_pass(size: int, candles: int, tmp_path) -> None:
    some = walk(candles, seed=6, price=60_000, tick=0.1, wild=0.02, step_minutes=1)
    same(lw.history(some, tmp_path, columns=50, chunk=size, **HOW), some, 50)


def test_parquet_files_are_read_a_few_rows_at_a_time(market, tmp_path) -> None:
    frame = market.candles.reset_index()
    frame.loc[690:710, "open_interest"] = np.nan  # carried across a chunk boundary
    for i, part in enumerate((frame[:1_500], frame[1_500:])):
        part.to_parquet(tmp_path / f"{i}.parquet", row_group_size=400)
    history = lw.history(tmp_path, tmp_path / "store", columns=300, chunk=700, symbol="ETHUSDT", **HOW)
    same(history, lw.Market.from_frame(frame), 300)
    assert history.symbol == "ETHUSDT"
    assert f"{len(market):,} candles in 5 chunks" in repr(history)


def test_an_archive_is_read_a_month_at_a_time(tmp_path) -> None:
    files = write(PAST, tmp_path / "dumps")
    history = lw.history(files, tmp_path / "store", chunk=100, bin_size=200.0, progress=False)
    whole = lw.read_archive(files, progress=False)
    assert (history.symbol, history.exchange, history.interval_label) == (
        whole.symbol,
        whole.exchange,
        whole.interval_label,
    )
    pd.testing.assert_frame_equal(history.market().candles, whole.candles, check_freq=False, check_like=True)
    last = whole.candles.index[-1]
    found = history.density(last).values[..., 0]
    ledger = lw.build_ledger(whole, history.leverage.tolist(), bin_size=200.0)
    one = ledger.replay(history.decay_rate, None, [len(whole) - 1]).values[..., 0]
    assert np.abs(found - one).max() <= 1e-6 * one.max()


@pytest.mark.parametrize("nothing", [0.0, np.nan])
def test_open_interest_may_begin_in_any_chunk(nothing, market, tmp_path) -> None:
    frame = market.candles.copy()
    frame.iloc[:1_100, list(frame).index("open_interest")] = nothing
    whole = lw.Market.from_frame(frame)
    assert whole.candles["open_interest"].isna().sum() == 1_100
    history = lw.history(frame, tmp_path, columns=300, chunk=500, **{**HOW, "decay_rate": "auto"})
    assert history.decay_rate == pytest.approx(lw.auto_decay_rate(whole), rel=1e-9)
    np.testing.assert_array_equal(history.market().candles["open_interest"], whole.candles["open_interest"])


def test_the_automatic_decay_rate_is_that_of_all_candles(market, tmp_path) -> None:
    history = lw.history(market, tmp_path, chunk=900, **{**HOW, "decay_rate": "auto"})
    assert history.decay_rate == pytest.approx(lw.auto_decay_rate(market), rel=1e-9)


def test_a_span_of_it(built, market) -> None:
    history = lw.history(None, built)
    whole = history.density()
    some = history.density(whole.time[40], whole.time[220])
    np.testing.assert_array_equal(some.values, whole.values[..., 40:221])
    mixed = some.mix([0.4, 0.3, 0.2, 0.1])
    np.testing.assert_allclose(
        mixed.values, np.einsum("l,lpt->pt", [0.4, 0.3, 0.2, 0.1], some.values), rtol=1e-5, atol=1e-3
    )
    with pytest.raises(lw.InputError, match="stores only what stands"):
        _ = some.liquidated_long
    with pytest.raises(lw.InputError, match="wanted display columns"):
        history.density("2035-01-01")


def test_the_store_may_be_any_that_fsspec_opens(market) -> None:
    history = lw.history(market, "memory://years", columns=300, chunk=700, **HOW)
    same(history, market, 300)
    same(lw.history(None, "memory://years"), market, 300)


KILLED = """
import os, signal, sys
import pandas as pd
import liqwidget as lw
from liqwidget.scale.store import Folder
write, left = Folder.write_bytes, int(sys.argv[3])
def dying(folder, name, data):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    write(folder, name, data)
Folder.write_bytes = dying
market = lw.Market.from_frame(pd.read_pickle(sys.argv[1]), exchange="walk", simulated=True)
lw.history(market, sys.argv[2], leverage=(5, 10, 25, 100), bin_size=200.0, decay_rate=0.05, progress=False,
           columns=300, chunk=700)
"""


def test_a_killed_run_goes_on(built, market, tmp_path) -> None:
    market.candles.to_pickle(tmp_path / "candles.pickle")
    total = len(files(built))
    for k in (3, total // 3, total // 2, total - 1):
        store = tmp_path / str(k)
        run = subprocess.run([sys.executable, "-c", KILLED, tmp_path / "candles.pickle", store, str(k)], check=False)
        assert run.returncode == -signal.SIGKILL
        there = files(store)
        assert len(there) == k
        with pytest.raises(lw.DataError, match="wanted a finished history; got none"):
            lw.history(None, store)
        again = lw.Market.from_frame(market.candles, exchange="walk", simulated=True)
        stamps = {name: (store / name).stat().st_mtime_ns for name in there if name.startswith("steps")}
        same(lw.history(again, store, columns=300, chunk=700, **HOW), market, 300)
        assert stamps == {name: (store / name).stat().st_mtime_ns for name in stamps}  # not rebuilt
        assert not list(store.rglob("*.tmp"))


def test_damage_is_found_and_mended(built, market, tmp_path) -> None:
    history = lw.history(market, tmp_path, columns=300, chunk=700, **HOW)
    whole = files(tmp_path)
    for name in ("samples/000002.parquet", "steps/000001.parquet", "candles/000003.parquet", "tiles/1/000000.parquet"):
        path = tmp_path / name
        data = bytearray(path.read_bytes())
        data[len(data) // 3] ^= 0x20
        path.write_bytes(data)
        if name[:2] in ("sa", "st"):
            with pytest.raises(lw.ParseError, match=r"damaged file .* Build the history again"):
                history.density()
        same(lw.history(market, tmp_path, columns=300, chunk=700, **HOW), market, 300)
        assert files(tmp_path) == whole


@pytest.fixture(scope="module")
def four():
    options = {"threads_per_worker": 1, "host": "127.0.0.1", "dashboard_address": None}
    with LocalCluster(n_workers=4, **options) as cluster, Client(cluster) as client:
        yield client


@pytest.mark.parametrize("workers", [1, 2])
def test_processes_write_the_same_bytes(workers, built, market, tmp_path) -> None:
    told = []
    history = lw.history(
        market, tmp_path, columns=300, chunk=700, workers=workers, **{**HOW, "progress": lambda *p: told.append(p)}
    )
    assert files(tmp_path) == files(built)
    same(history, market, 300)
    assert told[-1] == (10, 10, len(market))


def test_a_client_whose_worker_dies_writes_the_same_bytes(four, built, market, tmp_path) -> None:
    victims = list(four.run(os.getpid).values())
    dead: list[Any] = []

    def kill(done: int, *_rest: int) -> None:
        if done >= 1 and not dead:
            dead.append(victims[0])
            os.kill(victims[0], signal.SIGKILL)

    lw.history(market, tmp_path, columns=300, chunk=700, client=four, **{**HOW, "progress": kill})
    assert dead
    assert files(tmp_path) == files(built)
    assert victims[0] not in four.run(os.getpid).values()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"source": 7}, "source: wanted a Market"),
        ({"source": "nowhere.parquet"}, "wanted files or folders that exist"),
        ({"store": ""}, "store: wanted a folder"),
        ({"store": "nofs://x"}, "an address that fsspec opens"),
        ({"chunk": 0}, "chunk: wanted a number of candles"),
        ({"chunk": [5, 5]}, "chunk: wanted a number of candles"),
        ({"columns": 0}, "columns: wanted a whole number"),
        ({"workers": 0}, "workers: wanted a whole number"),
        ({"workers": 1, "client": object()}, "wanted one of workers and client"),
        ({"client": 3}, r"client: wanted a dask.distributed.Client; got 3"),
        ({"leverage": (5, 5)}, "leverage: wanted 1 to 32 different tiers"),
        ({"decay_rate": -1}, "decay_rate: wanted a rate per hour"),
        ({"turnover": 0}, "turnover: wanted a share"),
        ({"bin_size": 2.0, "columns": 3_000}, "wanted at most 200,000,000 cells"),
    ],
)
def test_bad_input_says_what_was_wanted(arguments, message, market, tmp_path) -> None:
    with pytest.raises(lw.InputError, match=message):
        lw.history(**{"source": market, "store": tmp_path, "progress": False, **arguments})


def test_candles_that_come_twice_are_refused(market, tmp_path) -> None:
    frame = market.candles.iloc[:100].reset_index()
    frame.to_parquet(tmp_path / "a.parquet")
    frame[99:].to_parquet(tmp_path / "b.parquet")
    with pytest.raises(lw.InputError, match="times must be unique"):
        lw.history(tmp_path, tmp_path / "store", chunk=100, progress=False)
    pd.DataFrame({"x": [1]}).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(lw.InputError, match="candles"):
        lw.history(tmp_path / "a.parquet", tmp_path / "store", progress=False)


def test_tiles_of_another_plan_are_not_taken(tmp_path, monkeypatch) -> None:
    market = walk(20_000, seed=5, price=60_000, tick=0.1, wild=0.02, step_minutes=1)
    for module in (build, history_module):
        monkeypatch.setattr(module, "JOINED", 4)
    lw.history(market, tmp_path, chunk=1_280, **HOW)
    monkeypatch.undo()
    history = lw.history(market, tmp_path, chunk=1_280, **HOW)
    tile = history.windows.cut(history.first, history.last, 2_000).tile
    assert len(tile) == 20_000 // 16
    assert tile.ledger.opened.sum() == pytest.approx(lw.build_ledger(market, TIERS, 200.0).opened.sum())


def test_a_few_columns_do_not_hold_the_others(built) -> None:
    history = lw.history(store=built)
    first = pd.Timestamp(history.first, tz="UTC")
    one = history.density(first, first + pd.Timedelta("2D"))
    values = one.values
    while values.base is not None:
        values = values.base
    assert values.nbytes == one.values.nbytes < history.density().values.nbytes


def test_a_parquet_file_is_not_held_while_it_is_read(tmp_path) -> None:
    rows = 1_000_000
    frame = pd.DataFrame({name: np.random.default_rng(0).random(rows) for name in ("open", "high", "low", "close")})
    frame.to_parquet(tmp_path / "long.parquet", row_group_size=50_000)
    held = [(len(part), pa.total_allocated_bytes()) for part in find_source(tmp_path / "long.parquet").frames]
    assert sum(count for count, _ in held) == rows
    assert held[-1][1] <= held[2][1]  # no more after 900,000 rows than after 200,000


@pytest.mark.parametrize("chunk", [1000, 100, 50, 7, 1])
def test_missing_candles_are_counted_by_the_step_of_the_whole_history(chunk: int, tmp_path: Path) -> None:
    market = walk(102, price=60_000, tick=0.1, wild=0.2, step_minutes=5)
    holed = lw.Market.from_frame(market.candles.drop(market.candles.index[[30, 31, *range(80, 101)]]))
    history = lw.history(holed, tmp_path, columns=20, chunk=chunk, **HOW)
    assert history.missing == holed.missing == 23
    assert lw.history(holed, tmp_path, columns=20, chunk=chunk, **HOW).missing == 23  # read from the store
