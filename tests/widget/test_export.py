"""Tables as files: they equal density, profile, clusters and selected(); and the requests that a view may make."""

from __future__ import annotations

import io
import json
import queue
import sys
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import liqwidget as lw
from liqwidget.market.origin import Origin
from liqwidget.widget import tables
from liqwidget.widget.wire import decode_frame
from markets import walk

ROWS = ["symbol", "time_utc", "side", "price_low", "price_high", "estimate_usd"]
LEVELS_OF_A_BOX = ["symbol", "price_low", "price_high", "long_usd", "short_usd", "first_utc", "last_utc"]


@pytest.fixture(scope="module")
def market():
    return walk(300, seed=5, price=60_000, tick=0.1, step_minutes=5, wild=0.1)


@pytest.fixture
def hm(market):
    widget = lw.LiquidationHeatmap(market, decay_rate=0.05, turnover=1.0)
    yield widget
    widget.close()


@pytest.fixture
def answers(hm, monkeypatch):
    """The widget's messages, as (content, bytes or None)."""
    sent: queue.Queue = queue.Queue()
    monkeypatch.setattr(hm, "send", lambda content, buffers=None: sent.put((content, buffers and buffers[0])))
    return sent


def read(hm, what, folder, ending="parquet"):
    path = folder / f"{what}.{ending}"
    hm.export(path, what)
    return pd.read_parquet(path) if ending == "parquet" else pd.read_csv(path)


def look(market, first, last):
    ms = market.candles.index.as_unit("ms").asi8
    return {"time_from": float(ms[first]), "time_to": float(ms[last])}


def ask(hm, what="levels", number="1", **more):
    view = look(hm.market, 0, -1)
    hm._on_message(hm, {"type": "export", "id": number, "what": what, **view, **more}, [])


# The tables


def test_levels_are_the_profile_of_the_last_candle_in_view(hm, market, tmp_path):
    hm.visible = look(market, 20, 120)
    found = read(hm, "levels", tmp_path)
    assert list(found) == [*ROWS, "cumulative_usd", "distance"]
    profile = hm.density.profile(120)
    profile = profile[profile["long"] + profile["short"] > 0]
    np.testing.assert_allclose((found["price_low"] + found["price_high"]) / 2, profile["price"], rtol=1e-12)
    np.testing.assert_array_equal(found["estimate_usd"], profile["long"] + profile["short"])
    np.testing.assert_allclose(found["cumulative_usd"], profile["cumulative_long"] + profile["cumulative_short"])
    np.testing.assert_allclose(found["distance"], profile["price"] / market.candles["close"].iloc[120] - 1)
    assert (found["side"] == np.where(profile["long"] > 0, "long", "short")).all()
    assert set(found["time_utc"]) == {market.candles.index[120]}
    assert set(found["symbol"]) == {"TEST"}


def test_clusters_are_those_of_the_density(hm, market, tmp_path):
    hm.visible = look(market, 20, 120)
    found = read(hm, "clusters", tmp_path)
    wanted = hm.density.clusters(120).rename(columns={"notional": "estimate_usd", "to_reach": "to_reach_usd"})
    assert len(found) > 2
    pd.testing.assert_frame_equal(found[list(wanted)], wanted, check_dtype=False, check_categorical=False)


@pytest.mark.parametrize("cells", [500_000, 999, 1])
def test_a_grid_is_every_row_of_the_candles_in_view_in_whatever_parts_it_is_made(
    hm, market, tmp_path, monkeypatch, cells
):
    monkeypatch.setattr(tables, "_CELLS_AT_ONCE", cells)
    hm.visible = look(market, 20, 120)
    found = read(hm, "grid", tmp_path)
    frame = hm.density.to_frame()
    wanted = frame[frame["time"].between(*market.candles.index[[20, 120]])].reset_index(drop=True)
    # A bin that contains the close has a line for each side.
    whole = found.groupby(["time_utc", "price_low", "price_high"], observed=True)["estimate_usd"].sum().reset_index()
    assert 0 <= len(found) - len(whole) <= 101
    assert whole["time_utc"].tolist() == wanted["time"].tolist()
    np.testing.assert_allclose((whole["price_low"] + whole["price_high"]) / 2, wanted["price"], rtol=1e-12)
    np.testing.assert_allclose(whole["estimate_usd"], wanted["density"], rtol=1e-6)
    close = market.candles["close"].reindex(found["time_utc"]).to_numpy()
    assert (found["price_low"] < close)[found["side"] == "long"].all()
    assert (found["price_high"] > close)[found["side"] == "short"].all()
    assert pq.ParquetFile(tmp_path / "grid.parquet").num_row_groups >= min(500_000 // cells, 5)


def test_a_selection_is_what_selected_says(hm, market, tmp_path):
    close = market.candles["close"]
    hm.selection = look(market, 30, 50) | {"price_low": close.min() * 0.9, "price_high": close.max()}
    found, wanted = read(hm, "cells", tmp_path), hm.selected(cells=True)
    assert len(found) == len(wanted) > 100
    assert found["side"].tolist() == wanted["side"].tolist()
    np.testing.assert_array_equal(found["estimate_usd"], wanted["density"])
    wanted = hm.selected()
    for ending in ("parquet", "csv"):
        found = read(hm, "selection", tmp_path, ending)
        assert list(found) == LEVELS_OF_A_BOX
        assert len(found) == len(wanted) > 20
        np.testing.assert_allclose((found["price_low"] + found["price_high"]) / 2, wanted["price"], rtol=1e-12)
        for side in ("long", "short"):
            np.testing.assert_allclose(found[f"{side}_usd"], wanted[side], rtol=1e-6)
        for end in ("first", "last"):
            assert pd.to_datetime(found[f"{end}_utc"]).tolist() == wanted[end].tolist()
    hm.selection = hm.selection | {"price_low": 1, "price_high": 2}
    for what, columns in (("cells", ROWS), ("selection", LEVELS_OF_A_BOX)):
        for ending in ("parquet", "csv"):
            assert list(read(hm, what, tmp_path, ending)) == columns
            assert len(read(hm, what, tmp_path, ending)) == 0
    hm.selection = {name: value + 1e12 * name.startswith("time") for name, value in hm.selection.items()}
    assert len(read(hm, "cells", tmp_path)) == len(read(hm, "selection", tmp_path)) == len(hm.selected()) == 0


def test_without_a_view_or_with_one_of_other_times_all_candles_are_in_it(hm, tmp_path):
    whole = read(hm, "grid", tmp_path)
    assert whole["time_utc"].nunique() == 300
    hm.visible = {"time_from": 1.0, "time_to": 2.0}
    pd.testing.assert_frame_equal(read(hm, "grid", tmp_path), whole)


@pytest.mark.slow
def test_the_last_candle_in_view_is_the_one_of_the_levels_however_many_there_are(tmp_path):
    market = walk(5_200, seed=2, price=60_000, tick=0.1, step_minutes=1, oi=False)
    hm = lw.LiquidationHeatmap(market, bin_size=1000)
    hm.visible = look(market, 100, 200)
    assert read(hm, "grid", tmp_path)["time_utc"].nunique() == 101
    assert read(hm, "levels", tmp_path)["time_utc"].iloc[0] == market.candles.index[200]
    hm.visible = look(market, 100, -1)
    assert read(hm, "levels", tmp_path)["time_utc"].iloc[0] == market.candles.index[-1]


# The files


def test_csv_and_parquet_say_the_same(hm, market, tmp_path):
    hm.visible, hm.selection = look(market, 0, 40), look(market, 0, 9) | {"price_low": 1, "price_high": 1e6}
    for what in tables.TABLES:
        text, whole = read(hm, what, tmp_path, "csv"), read(hm, what, tmp_path)
        for name in text:
            if name.endswith("_utc"):
                text[name] = pd.to_datetime(text[name]).dt.as_unit("ms")
            elif name.endswith("_usd"):
                text[name] = text[name].astype(whole[name].dtype)
        words = {name: str for name in ("symbol", "side") if name in text}
        pd.testing.assert_frame_equal(text, whole.astype(words), check_dtype=False, rtol=1e-15)
    data = (tmp_path / "levels.csv").read_bytes()
    assert data.count(b"\r\n") == data.count(b"\n") == len(read(hm, "levels", tmp_path)) + 1
    assert b"Z," in data.split(b"\r\n")[1]


def test_parquet_knows_what_it_is(hm, market, tmp_path):
    hm.export(tmp_path / "LEVELS.PARQUET")
    said = json.loads(pq.read_metadata(tmp_path / "LEVELS.PARQUET").metadata[b"liqwidget"])
    assert said == pd.read_parquet(tmp_path / "LEVELS.PARQUET").attrs
    assert said == {
        "table": "levels",
        "note": "estimate, not a forecast",
        "symbol": "TEST",
        "exchange": market.exchange,
        "interval": "5m",
        "simulated": market.simulated,
        "source": "",
        "leverage_mix": {"3": 25, "5": 23, "10": 19, "20": 15, "50": 10, "100": 5, "150": 3},
        "decay_rate": 0.05,
        "bin_size": hm.bin_size,
        "row_size": hm.ledger.bin_size,
        "maintenance_rate": 0.004,
        "fee_rate": 0.0,
        "turnover": 1.0,
        "span": 0.25,
        "liqwidget": lw.__version__,
    }


@pytest.mark.parametrize("symbol", ["=1+1", "+1", "-1", "@x", " =1", '=HYPERLINK("x")', 'a,"b"', "'x"])
def test_no_symbol_is_a_formula_or_breaks_its_cell(market, tmp_path, symbol):
    hm = lw.LiquidationHeatmap(lw.Market.from_frame(market.candles.tail(50), symbol=symbol))
    found = read(hm, "levels", tmp_path, "csv")
    guarded = symbol.strip()[0] in "=+-@"
    assert set(found["symbol"]) == {f"'{symbol}" if guarded else symbol}
    assert set(read(hm, "levels", tmp_path)["symbol"]) == {symbol}


def test_times_below_a_second_are_kept(market, tmp_path):
    candles = market.candles.tail(20)
    candles.index = candles.index[0] + np.arange(20) * pd.Timedelta("250ms")
    hm = lw.LiquidationHeatmap(lw.Market.from_frame(candles))
    time = pd.to_datetime(read(hm, "grid", tmp_path, "csv")["time_utc"])
    assert time.max() == candles.index[-1]
    assert read(hm, "grid", tmp_path)["time_utc"].max() == candles.index[-1]


@pytest.mark.parametrize(
    ("name", "what", "words"),
    [
        ("x.xlsx", "levels", r"^export: wanted a file ending in \.csv or \.parquet; got 'x.xlsx'"),
        ("x", "levels", r"^export: wanted a file ending in"),
        ("x.csv", "profile", r"^export: wanted one of grid, levels, clusters, selection, cells; got 'profile'"),
        ("x.csv", ["grid"], "^export: wanted one of"),
        ("x.parquet", "selection", r"^export: wanted a selection; got None\. Select a box"),
    ],
)
def test_what_cannot_be_written_is_said(hm, tmp_path, name, what, words):
    with pytest.raises(lw.InputError, match=words):
        hm.export(tmp_path / name, what)
    assert list(tmp_path.iterdir()) == []


def test_a_file_appears_whole_or_not_at_all(hm, tmp_path, monkeypatch):
    path = tmp_path / "levels.parquet"
    hm.export(path)
    before = path.read_bytes()
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ModuleNotFoundError, match=r'extra "data" .* pip install "liqwidget\[data\]"'):
        hm.export(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    hm.export(tmp_path / "levels.csv")  # CSV needs no pyarrow
    with pytest.raises(FileNotFoundError, match="nowhere"):
        hm.export(tmp_path / "nowhere" / "levels.csv")


# Requests that a view may make


def test_a_view_gets_the_table_of_its_own_times_as_bytes(hm, market, tmp_path, answers):
    hm.visible = look(market, 20, 120)
    wanted = read(hm, "grid", tmp_path)
    hm.visible = None
    ask(hm, "grid", "abc", **look(market, 20, 120))
    content, data = answers.get(timeout=20)
    assert content == {"type": "file", "id": "abc", "problem": ""}
    pd.testing.assert_frame_equal(pd.read_parquet(io.BytesIO(data)), wanted)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"what": "../../etc/passwd"}, "export: wanted one of"),
        ({"what": "selection"}, "wanted a selection"),
        ({"what": ["grid"]}, "was not understood"),
        ({"what": None}, "was not understood"),
        ({"time_from": float("nan")}, "was not understood"),
        ({"time_to": "1"}, "was not understood"),
        ({"time_to": 10**400}, "was not understood"),
    ],
)
def test_what_is_no_request_is_answered_in_words(hm, answers, content, words):
    ask(hm, **{"what": "levels", **content})
    answer, data = answers.get(timeout=20)
    assert words in answer["problem"]
    assert data is None
    ask(hm)
    assert answers.get(timeout=20)[1] is not None


@pytest.mark.parametrize("number", [None, "", 5, "x" * 65, ["1"]])
def test_a_request_without_a_number_has_no_answer(hm, answers, number):
    ask(hm, number=number)
    ask(hm, number="next")
    assert answers.get(timeout=20)[0]["id"] == "next"


def test_without_pyarrow_the_view_is_told_the_cure(hm, answers, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    ask(hm)
    assert 'pip install "liqwidget[data]"' in answers.get(timeout=20)[0]["problem"]


def test_one_table_is_made_at_a_time(hm, answers, monkeypatch):
    from threading import Event

    begun, go, real = Event(), Event(), tables.Taken.standing

    def slow(self, candles):
        begun.set()
        assert go.wait(20)
        return real(self, candles)

    monkeypatch.setattr(tables.Taken, "standing", slow)
    ask(hm, number="first")
    assert begun.wait(20)
    for _ in range(50):
        ask(hm, number="flood")
        assert "another table is being made" in answers.get_nowait()[0]["problem"]
    go.set()
    content, data = answers.get(timeout=20)
    assert content["id"] == "first"
    assert data
    assert hm._exporter.busy.acquire(timeout=20)
    hm._exporter.busy.release()
    ask(hm, number="after")
    assert answers.get(timeout=20)[0] == {"type": "file", "id": "after", "problem": ""}


def test_a_thread_that_cannot_be_started_is_said_and_forgotten(hm, answers, monkeypatch):
    from threading import Thread

    def refuse(_thread):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(Thread, "start", refuse)
        for number in ("first", "second"):
            ask(hm, number=number)
            content, data = answers.get_nowait()
            assert (content["id"], data) == (number, None)
            assert "this system starts no more" in content["problem"]
    ask(hm, number="after")
    assert answers.get(timeout=20)[1] is not None


def test_what_is_too_large_to_send_is_refused_before_it_is_computed(monkeypatch):
    market = walk(12_000, seed=2, price=60_000, tick=0.1, step_minutes=1, oi=False)
    hm = lw.LiquidationHeatmap(market, bin_size=200)
    sent: queue.Queue = queue.Queue()
    monkeypatch.setattr(hm, "send", lambda content, buffers=None: sent.put(content))
    monkeypatch.setattr(tables.Taken, "standing", lambda *_: pytest.fail("it was computed"))
    ask(hm, "grid")
    problem = sent.get(timeout=20)["problem"]
    assert "at most 8,000,000 are sent. Zoom in, use larger bins, or write it from Python: hm.export(" in problem


def test_a_failure_that_nobody_foresaw_is_answered_without_its_text(hm, answers, monkeypatch):
    monkeypatch.setattr(tables.Taken, "standing", lambda *_: 1 / 0)
    ask(hm)
    assert answers.get(timeout=20)[0]["problem"] == "Python could not make this table; its log says why"
    assert hm._exporter.busy.acquire(timeout=20)
    hm._exporter.busy.release()


anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=70), lambda x: st.lists(x), max_leaves=3
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(["id", "what", "time_from", "time_to", "path"]), anything))
def test_no_message_raises_or_writes(hm, answers, tmp_path, content):
    hm._on_message(hm, {**content, "type": "export"}, [])
    assert list(tmp_path.iterdir()) == []


# How the browser learns where the market comes from


def test_the_frames_say_how_the_market_can_be_had_again(market):
    sample = lw.load_sample()
    candles = sample.candles
    cut = sample.between("2026-01-08", "2026-01-09")
    moved = candles.assign(volume=candles["volume"] * 2)
    label: dict[str, Any] = {"symbol": sample.symbol, "exchange": sample.exchange, "simulated": True}
    wanted = [
        (sample, "sample"),
        (cut, "sample"),
        (sample.tail(100), "sample"),
        (lw.Market.from_frame(moved, **label), ""),
        (lw.Market.from_frame(candles, **label | {"symbol": "X"}), ""),
        (sample.append(candles.tail(1).set_axis(candles.index[-1:] + pd.Timedelta("5min"))), ""),
        (market, ""),
        (market.with_origin(Origin("binance", fetched=1)), "fetch"),
        (market.with_origin(Origin("archive of binance, 3 files")), ""),
    ]
    for one, origin in wanted:
        meta = decode_frame(lw.LiquidationHeatmap(one, bin_size=1000)._bars).meta
        assert (meta["origin"], meta["last"]) == (origin, one.candles.index[-1].value // 10**6)
    meta = decode_frame(lw.LiquidationHeatmap(market, turnover=0.5)._model).meta
    assert meta["settings"] == {"maintenance_rate": 0.004, "fee_rate": 0.0, "turnover": 0.5, "span": 0.25}
