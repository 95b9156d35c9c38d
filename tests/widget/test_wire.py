"""Frames: what is written is read back, and malformed frames are refused with a precise message."""

from __future__ import annotations

import importlib.util
import json
import tracemalloc
import zlib
from base64 import b64decode
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import liqwidget as lw
from liqwidget.widget.wire import DTYPES, KINDS, MAX_SECTION, bars_arrays, decode_frame, encode_frame, ledger_arrays
from markets import seeds, walk

GOLDEN = Path(__file__).parents[1] / "fixtures" / "wire"
_spec = importlib.util.spec_from_file_location("make_wire_fixtures", GOLDEN / "make.py")
make = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(make)
join, split = make.join, make.split

TIERS = (3, 10, 25, 100)


def bars_frame(market):
    meta, arrays = bars_arrays(market.candles)
    return encode_frame("bars", meta, arrays)


def ledger_frame(ledger):
    meta, arrays = ledger_arrays(ledger)
    return encode_frame("ledger", meta, arrays)


def times_ms(frame):
    return frame.meta["time_base"] + np.cumsum(frame.arrays["gap"].astype(np.int64)) * frame.meta["step"]


def tail_frame():
    return make.frames()["tail"]


# Round trips


@settings(max_examples=30, deadline=None)
@given(seeds, st.booleans(), st.booleans(), st.sampled_from((1, 5, 60)))
def test_bars_come_back(seed, oi, gaps, step_minutes):
    candles = walk(40, seed, oi=oi, gaps=gaps, step_minutes=step_minutes).candles
    frame = decode_frame(bars_frame(lw.Market.from_frame(candles)))
    np.testing.assert_array_equal(times_ms(frame), candles.index.as_unit("ms").asi8)
    for name in ("open", "high", "low", "close"):
        np.testing.assert_array_equal(frame.arrays[name], candles[name])  # prices are exact
    np.testing.assert_array_equal(frame.arrays["volume"], candles["volume"].astype(np.float32))
    assert ("open_interest" in frame.arrays) == oi
    assert {name: array.dtype for name, array in frame.arrays.items()} == {
        name: np.dtype(DTYPES[KINDS["bars"][name][0].split()[-1]]) for name in frame.arrays
    }


def test_unknown_open_interest_travels_as_nan():
    candles = walk(30, 3).candles.copy()
    candles.loc[candles.index[:3], "open_interest"] = np.nan
    market = lw.Market.from_frame(candles)
    frame = decode_frame(bars_frame(market))
    np.testing.assert_array_equal(frame.arrays["open_interest"], market.candles["open_interest"].astype(np.float32))
    assert np.isnan(frame.arrays["open_interest"]).sum() == 3


def test_what_is_replayed_has_marks_and_changes_of_open_interest_and_other_bars_have_not():
    candles = walk(20, marks=True).candles.copy()
    candles.loc[candles.index[:4], "open_interest"] = np.nan
    candles.loc[candles.index[::3], ["mark_low", "mark_high"]] = np.nan
    market = lw.Market.from_frame(candles)
    more = {"mark_low", "mark_high", "open_interest_change"}
    assert not more & set(decode_frame(bars_frame(market)).arrays)
    for since in (0, 7):
        meta, arrays = bars_arrays(market.candles, since, replayed="linear")
        frame = decode_frame(encode_frame("bars", meta, arrays))
        for name in ("mark_low", "mark_high"):
            np.testing.assert_array_equal(frame.arrays[name], market.candles[name].iloc[since:])
        change = np.nan_to_num(np.diff(market.candles["open_interest"], prepend=np.nan))[since:]
        np.testing.assert_array_equal(frame.arrays["open_interest_change"], change.astype(np.float32))
        assert frame.arrays["open_interest_change"].any()


@settings(max_examples=60, deadline=None)
@given(seeds, st.sampled_from((1e-8, 0.01, 0.05, 0.1, 2.5, None)), st.booleans())
def test_prices_come_back_to_the_last_bit_in_ticks_or_not(seed, tick, unknown):
    market = walk(25, seed, price=0.0002 if tick == 1e-8 else 100.0, tick=tick or 0.1, marks=True)
    rng = np.random.default_rng(seed)
    candles = market.candles.copy()
    if tick is None:
        for name in ("low", "mark_low"):
            candles[name] -= rng.random(len(candles)) * 1e-3
    if unknown:
        candles.loc[candles.index[rng.random(len(candles)) < 0.5], ["mark_low", "mark_high"]] = np.nan
    meta, arrays = bars_arrays(candles, replayed="linear")
    data = encode_frame("bars", meta, arrays)
    dtypes = {section["name"]: section["dtype"] for section in split(data)[0]["sections"]}
    assert {dtypes[name] for name in ("open", "high", "low", "close")} == {"f64" if tick is None else "i32"}
    frame = decode_frame(data)
    for name in ("open", "high", "low", "close", "mark_low", "mark_high"):
        np.testing.assert_array_equal(frame.arrays[name], candles[name])
    assert frame.meta == meta  # the packing leaves no trace


def test_prices_too_far_apart_for_ticks_are_floats():
    candles = walk(5).candles.copy()
    candles["high"] = 1e12
    frame = bars_frame(lw.Market.from_frame(candles))
    assert next(s["dtype"] for s in split(frame)[0]["sections"] if s["name"] == "high") == "f64"
    np.testing.assert_array_equal(decode_frame(frame).arrays["high"], candles["high"])


@pytest.mark.parametrize("days", [60, 4000])
def test_times_survive_any_gap(days):
    candles = walk(6).candles.copy()
    at = candles.index.to_series()
    at.iloc[3:] += pd.Timedelta(days=days)
    at.iloc[1] += pd.Timedelta(milliseconds=1)  # off the grid: steps of a millisecond
    candles.index = pd.DatetimeIndex(at, name="time")
    frame = decode_frame(bars_frame(lw.Market.from_frame(candles)))
    np.testing.assert_array_equal(times_ms(frame), candles.index.as_unit("ms").asi8)


def test_candles_within_one_millisecond_are_refused_in_words():
    candles = walk(4).candles.copy()
    candles.index = pd.DatetimeIndex(candles.index[0] + pd.to_timedelta([0, 3, 9, 4200], "us"), name="time")
    with pytest.raises(lw.InputError, match=r"^time: wanted candles at least 1 ms apart; got one at 2026-01-01"):
        bars_arrays(candles)
    frame = decode_frame(encode_frame("bars", *bars_arrays(candles.iloc[[0, 3]])))
    assert np.diff(times_ms(frame)).tolist() == [4]  # fractions of a millisecond are dropped


@pytest.mark.parametrize(("price", "tick"), [(0.00001234, 1e-8), (0.5, 0.0001), (67_000.0, 0.1)])
def test_small_ticks_are_exact(price, tick):
    market = walk(30, 5, price=price, tick=tick)
    frame = decode_frame(bars_frame(market))
    np.testing.assert_array_equal(frame.arrays["close"], market.candles["close"])
    ledger = lw.build_ledger(market, TIERS)
    frame = decode_frame(ledger_frame(ledger))
    assert frame.meta["bin_size"] == ledger.bin_size
    assert (frame.meta["first"], frame.meta["rows"]) == (ledger.grid.first, ledger.grid.rows)


def test_one_candle_makes_frames():
    market = walk(1)
    frame = decode_frame(bars_frame(market))
    assert times_ms(frame).tolist() == [market.candles.index[0].value // 10**6]
    assert len(decode_frame(ledger_frame(lw.build_ledger(market, TIERS, 1.0))).arrays["hours"]) == 1


def check_ledger(frame, ledger, since=0):
    cut = ledger.start[since]
    arrays = frame.arrays
    assert frame.meta["leverage"] == list(ledger.leverage)
    np.testing.assert_array_equal(arrays["start"], ledger.start[since:] - cut)
    for name in ("row", "tier"):
        np.testing.assert_array_equal(arrays[name], getattr(ledger, name)[cut:])
    np.testing.assert_array_equal(arrays["notional"], ledger.notional[cut:].astype(np.float32))
    np.testing.assert_array_equal(arrays["sweep"], ledger.sweep[since:])
    np.testing.assert_array_equal(arrays["hours"], ledger.hours[since:].astype(np.float32))


@settings(max_examples=30, deadline=None)
@given(seeds, st.booleans(), st.sampled_from((0.5, 2.5)), st.integers(0, 30))
def test_ledgers_come_back(seed, gaps, bin_size, since):
    ledger = lw.build_ledger(walk(40, seed, gaps=gaps), TIERS, bin_size)
    frame = decode_frame(ledger_frame(ledger.since(since)))
    check_ledger(frame, ledger, since)
    assert "age" not in frame.arrays


@settings(max_examples=30, deadline=None)
@given(seeds, st.integers(2, 9), st.booleans())
def test_merged_ledgers_keep_their_ages_to_half_a_step(seed, width, gaps):
    ledger = lw.build_ledger(walk(40, seed, gaps=gaps), TIERS, 1.0).merged(width)
    frame = decode_frame(ledger_frame(ledger))
    check_ledger(frame, ledger)
    unit = frame.meta["age_unit"]
    assert frame.arrays["age"].max() == 255
    np.testing.assert_allclose(frame.arrays["age"], np.cbrt(ledger.age / unit), rtol=0, atol=0.5 + 1e-9)


def test_a_tail_of_a_merged_ledger_keeps_the_unit_of_its_base():
    whole = lw.build_ledger(walk(40, 2), TIERS, 1.0)
    unit = ledger_arrays(whole.merged(4))[0]["age_unit"]
    tail = whole.since(36).merged(4)
    meta, arrays = ledger_arrays(tail, unit)
    assert meta["age_unit"] == unit
    np.testing.assert_allclose(arrays["age"], np.cbrt(tail.age / unit), rtol=0, atol=0.5 + 1e-9)
    longer = ledger_arrays(tail, float(tail.age.max()) / 300**3)[1]["age"]  # after a gap, ages may exceed 255 steps
    assert longer.max() == 255


def test_ages_of_zero_need_no_unit():
    ledger = lw.build_ledger(walk(10), TIERS, 1.0)
    frame = decode_frame(ledger_frame(replace(ledger, age=np.zeros(len(ledger.row)))))
    assert frame.meta["age_unit"] == 0
    assert not frame.arrays["age"].any()


def test_a_tail_holds_the_candles_from_a_column_on():
    _, whole = make.markets()
    frame = decode_frame(tail_frame())
    assert (frame.meta["from"], frame.meta["base"], frame.meta["revision"]) == (make.SINCE, 1, 2)
    np.testing.assert_array_equal(times_ms(frame), whole.candles.index.as_unit("ms").asi8[make.SINCE :])
    np.testing.assert_array_equal(frame.arrays["close"], whole.candles["close"].iloc[make.SINCE :])
    assert "row" not in frame.arrays


def test_a_model_says_how_candles_become_levels():
    picture = make.picture(make.markets()[0], 0.5, 0.25)
    meta = decode_frame(picture.model_frame()).meta
    assert (meta["row_size"], meta["first"], meta["rows"]) == (0.5, picture.grid.first, picture.grid.rows)
    assert (meta["turnover"], meta["span"], meta["leverage"]) == (0.25, 0.25, list(make.TIERS))
    for side, found in (("long", meta["k_long"]), ("short", meta["k_short"])):
        np.testing.assert_allclose(
            found, np.array([lw.liquidation_price(1.0, tier, side) for tier in make.TIERS], float), rtol=1e-12
        )


@settings(max_examples=20, deadline=None)
@given(seeds, st.sampled_from((0.0, 0.1, 0.6)))
def test_a_model_says_what_share_lies_beyond_its_rows(seed, span):
    market = walk(20, seed)
    grid = make.PriceGrid.covering(market.candles["low"].min(), market.candles["high"].max(), 0.5, span)
    picture = replace(make.picture(market, 0.5, 1.0), grid=grid)
    out = make.ledger_on(market, 0, grid, picture.leverage, {**make.MODEL, "turnover": 1.0})
    wanted = out.out_of_range.sum(axis=(0, 2)) / (2 * out.opened.sum())
    np.testing.assert_allclose(decode_frame(picture.model_frame()).meta["beyond"], wanted, atol=5e-3)


def test_any_buffer_is_read_and_sections_are_aligned():
    data = tail_frame()
    header, body = split(data)
    assert all(section["offset"] % 8 == 0 for section in header["sections"])
    assert (len(data) - len(body)) % 8 == 0
    for kind in (bytes, bytearray, memoryview):
        assert decode_frame(kind(data)).meta.items() <= header["meta"].items()


def test_deflate_is_used_where_it_pays():
    codecs = {s["name"]: s["codec"] for s in split(bars_frame(walk(400, gaps=True)))[0]["sections"]}
    assert codecs["gap"] == "deflate"
    assert {s["codec"] for s in split(encode_frame("ledger", *make.tiny()))[0]["sections"]} == {"raw"}


@pytest.mark.parametrize(("candles", "most"), [(2016, 60_000), (None, 450_000)])
def test_candles_of_five_minutes_stay_within_their_budgets(shared_data, candles, most):
    market = lw.Market.from_frame(pd.read_csv(shared_data("btcusdt_5m_2025-12_2026-02.csv.gz")))
    if candles is None:  # with mark prices, like those of a venue
        rng = np.random.default_rng(0)
        moved = np.round(rng.normal(0, 3, (2, len(market))), 1)
        low, high = market.candles["low"] + moved[0], market.candles["high"] + moved[1]
        marked = market.candles.assign(mark_low=low.round(1), mark_high=np.maximum(low, high).round(1))
        market = lw.Market.from_frame(marked)
        assert len(market) == 23_242
    else:
        market = market.tail(candles)
    picture = make.picture(market, 20.0)
    sizes = len(picture.bars_frame()), len(picture.model_frame())
    assert sizes[0] > most / 3
    assert sum(sizes) <= most
    assert len(picture.tail(market, len(market) - 1)[1]) <= 2_000


# Golden frames


def same(found, wanted, path=""):
    """Compare two trees, numbers to 1e-6, because exp may round differently on another platform."""
    if isinstance(wanted, dict):
        assert found.keys() == wanted.keys(), path
        for key in wanted:
            same(found[key], wanted[key], f"{path}/{key}")
    elif isinstance(wanted, float):
        assert found == pytest.approx(wanted, rel=1e-6), path
    elif isinstance(wanted, list):
        assert len(found) == len(wanted), path
        for i, (a, b) in enumerate(zip(found, wanted, strict=True)):
            same(a, b, f"{path}/{i}")
    else:
        assert found == wanted, path


@pytest.mark.parametrize("name", make.frames())
def test_committed_frames_are_what_make_writes(name):
    # Compare the content: zlib builds produce different bytes.
    committed, fresh = decode_frame((GOLDEN / f"{name}.bin").read_bytes()), decode_frame(make.frames()[name])
    assert committed.kind == fresh.kind
    same(committed.meta, fresh.meta)
    assert list(committed.arrays) == list(fresh.arrays)
    for section, array in fresh.arrays.items():
        np.testing.assert_allclose(committed.arrays[section], array, rtol=1e-6 if array.dtype.kind == "f" else 0)


def test_committed_expectations_are_what_make_writes():
    same(json.loads((GOLDEN / "expected.json").read_text()), json.loads(json.dumps(make.expected())))


def test_committed_replays_are_what_make_writes():
    def read(content):
        """Unpack float32 and frames: their bytes may differ by an ulp or by the zlib build."""
        for market in content.values():
            for kind in ("bars", "model", "bars_before", "tail"):
                if kind in market:
                    frame = decode_frame(b64decode(market[kind]))
                    market[kind] = [
                        frame.kind,
                        frame.meta,
                        {k: np.nan_to_num(v).tolist() for k, v in frame.arrays.items()},
                    ]
            for plane in market["planes"]:
                for bins in plane["bins"]:
                    for clusters in bins["clusters"]:
                        clusters.sort(key=lambda row: row[1])  # by price: equal amounts may come in either order
                    bins["values"] = np.frombuffer(b64decode(bins["values"]), "<f4").astype(float).tolist()
        return content

    same(read(json.loads((GOLDEN / "engine.json").read_text())), read(json.loads(json.dumps(make.engine()))))


def test_no_golden_file_is_stray_and_all_are_small():
    names = {f"{name}.bin" for name in make.frames()} | {f"bad/{name}.bin" for name in make.bad()}
    names |= {"make.py", "expected.json", "engine.json", "words.json", "bad.json"}
    files = [path for path in GOLDEN.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert {path.relative_to(GOLDEN).as_posix() for path in files} == names
    assert sum(path.stat().st_size for path in files) <= 450_000


@pytest.mark.parametrize("name", make.bad())
def test_committed_bad_frames_are_refused_by_name(name):
    word = json.loads((GOLDEN / "bad.json").read_text())[name]
    assert word == make.bad()[name][1]
    with pytest.raises(lw.WireError, match=rf"^{word}"):
        decode_frame((GOLDEN / "bad" / f"{name}.bin").read_bytes())


def test_ages_in_steps_change_the_density_by_less_than_half_a_step_of_decay():
    ledger = make.ledgers()["ledger_merged"]
    step = ledger_arrays(ledger)[0]["age_unit"] * (255**3 - 254**3)
    for weights, decay_rate in make.SETTINGS:
        exact = ledger.replay(decay_rate, weights).values
        sent = make.on_the_wire(ledger).replay(decay_rate, weights).values
        np.testing.assert_allclose(sent, exact, rtol=decay_rate * step / 2 + 1e-6)


# Lengths


@pytest.mark.parametrize("name", ["bars", "ledger_merged", "tail", "events", "positions", "tiny"])
def test_every_beginning_of_a_frame_is_refused(name):
    data = encode_frame("ledger", *make.tiny()) if name == "tiny" else make.frames()[name]
    decode_frame(data)
    for length in range(len(data)):
        with pytest.raises(lw.WireError):
            decode_frame(data[:length])


@pytest.mark.parametrize("extra", [b"\0", b"\0" * 8, b"LIQ1", b"x" * 1000])
def test_bytes_after_a_frame_are_refused(extra):
    for data in (encode_frame("ledger", *make.tiny()), tail_frame()):
        with pytest.raises(lw.WireError, match=r"^body: wanted"):
            decode_frame(data + extra)


# Headers that lie


def tiny_parts():
    return split(encode_frame("ledger", *make.tiny()))


def refuse(header, body, match):
    with pytest.raises(lw.WireError, match=match):
        decode_frame(join(header, body))


def test_the_tiny_frame_is_good():
    assert decode_frame(join(*tiny_parts())).arrays["notional"].tolist() == [1000.0, 250.5]


@pytest.mark.parametrize("data", [b"", b"LIQ1", b"LIQ1\0\0\0", b"LIQ2" + bytes(100), b"1QIL" + bytes(100)])
def test_magic(data):
    with pytest.raises(lw.WireError, match=r"^magic"):
        decode_frame(data)


@pytest.mark.parametrize("length", [0, 1, 641, 65_537, 2**31, 2**32 - 1])
def test_header_length(length):
    good = encode_frame("ledger", *make.tiny())
    assert len(good) - 8 < 641
    with pytest.raises(lw.WireError, match=r"^header: wanted 2 to"):
        decode_frame(good[:4] + length.to_bytes(4, "little") + good[8:])


def test_a_header_has_at_most_64_kib():
    header, body = tiny_parts()
    header["meta"]["note"] = ""
    room = 65_536 - len(json.dumps(header))
    header["meta"]["note"] = "x" * room
    decode_frame(join(header, body))
    header["meta"]["note"] += "x"
    refuse(header, body, "^header: wanted 2 to 65536")
    meta, arrays = make.tiny()
    with pytest.raises(lw.WireError, match=r"^header: wanted at most 65536"):
        encode_frame("ledger", {**meta, "note": "x" * 65_536}, arrays)


@pytest.mark.parametrize("move", [-1, 1, 8])
def test_a_header_length_that_is_off_by_a_few(move):
    header, body = tiny_parts()
    raw = json.dumps(header).encode()
    data = b"LIQ1" + (len(raw) + move).to_bytes(4, "little") + raw + b"\0" * (-len(raw) % 8) + body
    with pytest.raises(lw.WireError, match=r"^header"):
        decode_frame(data)


@pytest.mark.parametrize(
    "raw",
    [
        b"no json",
        b"{}",
        b"[]",
        b"null",
        b"12",
        b'"text"',
        b"\xff\xfe{}",
        b'{"meta": []}',
        b'{"meta": null}',
        b'{"meta": {"a": NaN}}',
        b'{"meta": {"a": Infinity}}',
        b'{"meta": {"a": -Infinity}}',
        b'{"meta": {"a": ' + b"9" * 5000 + b"}}",
        b"[" * 30_000,
        b"[" * 30_000 + b"]" * 30_000,
    ],
    ids=lambda raw: raw[:20].decode("latin1"),
)
def test_headers_that_are_no_header(raw):
    refuse(raw, b"", "^header: wanted")


def test_a_header_that_is_deeply_nested_is_refused():
    # Python 3.13 parses so many levels and earlier ones do not: then the header lacks its kind.
    refuse(b'{"meta":' * 6000 + b"1" + b"}" * 6000, b"", "^(header|kind): wanted")


@pytest.mark.parametrize("kind", ["candles", "", None, 3, ["bars"], {"bars": 1}, "bars ", "k" * 5000])
def test_kind(kind):
    header, body = tiny_parts()
    refuse({**header, "kind": kind}, body, "^kind: wanted one of bars, model, ledger, tail")


@pytest.mark.parametrize("sections", [None, {}, "start", 5])
def test_sections_are_a_list(sections):
    header, body = tiny_parts()
    refuse({**header, "sections": sections}, body, "^sections: wanted a list")


@pytest.mark.parametrize("section", [None, 1, "start", [], {}, {"name": "open"}, {"name": ["row"]}, {"name": 10**400}])
def test_a_section_that_a_kind_does_not_have(section):
    header, body = tiny_parts()
    header["sections"][1] = section
    refuse(header, body, "^section: wanted one of start, row")


def test_a_section_twice():
    header, body = tiny_parts()
    again = {**header["sections"][-1], "offset": len(body) + -len(body) % 8}
    body += b"\0" * (-len(body) % 8) + body[header["sections"][-1]["offset"] :]
    header["sections"].append(again)
    refuse(header, body, "^section hours: wanted once")


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"model"}))
def test_a_required_section_missing(kind):
    frame = decode_frame(make.frames()[kind])
    for name, (_, _, required) in KINDS[kind].items():
        if required:
            arrays = {key: array for key, array in frame.arrays.items() if key != name}
            with pytest.raises(lw.WireError, match=f"^section {name}: wanted in a {kind} frame"):
                decode_frame(encode_frame(kind, frame.meta, arrays))
    empty = join({"kind": kind, "meta": frame.meta, "sections": []}, b"")
    with pytest.raises(lw.WireError, match="found no sections"):
        decode_frame(empty)


NOT_COUNTS = [-1, 1.5, 2.0, True, None, "2", [2], 2**32, 10**400]


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        *(("dtype", value, "wanted dtype u16") for value in ("u8", "f32", "<u2", None, 2, ["u16"])),
        *(("shape", [value], "wanted 1 dimensions") for value in NOT_COUNTS),
        *(("shape", value, "wanted 1 dimensions") for value in ([], [1, 2], [2, 1], 2, None, "2", {})),  # type: ignore[var-annotated]
        *(("shape", [value], "wanted .* bytes of u16") for value in (0, 1, 3)),
        *(("shape", [value], f"wanted at most {MAX_SECTION}") for value in (2**27 + 1, 2**32 - 1)),
        *(
            ("offset", value, "wanted 4 bytes at 16 .*; found offset")
            for value in (*NOT_COUNTS, 0, 8, 15, 17, 24, 1_000_000)
        ),
        *(("bytes", value, "wanted .* bytes at 16") for value in (*NOT_COUNTS, 1000, 2**32 - 1)),
        *(("bytes", value, "wanted 4 bytes of u16") for value in (0, 3, 5, 8)),
        *(("codec", value, "wanted codec raw or deflate") for value in ("gzip", "", None, 1, ["raw"], "RAW")),
        ("codec", "deflate", "wanted a zlib stream"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_section_that_lies(field, value, words):
    header, body = tiny_parts()
    row = header["sections"][1]
    assert (row["name"], row["offset"], row["shape"]) == ("row", 16, [2])
    row[field] = value
    refuse(header, body, f"^section row: {words}")


@pytest.mark.parametrize("name", ["sweep", "hours", "age", "start"])
def test_shapes_that_do_not_agree(name):
    meta, arrays = make.tiny()
    wrong = {
        "sweep": np.zeros((3, 2)),
        "hours": np.zeros(3),
        "age": np.zeros(3),
        "start": np.zeros(2),
    }[name]
    with pytest.raises(lw.WireError, match=r"^section .*: wanted shape"):
        decode_frame(encode_frame("ledger", meta, {**arrays, name: wrong}))


def test_no_columns():
    meta, arrays = make.tiny()
    nothing = {name: array[:0] for name, array in arrays.items()} | {"start": np.zeros(1)}
    with pytest.raises(lw.WireError, match=r"^columns: wanted at least one"):
        decode_frame(encode_frame("ledger", meta, nothing))


def test_lists_too_deep_to_print():
    header, body = tiny_parts()
    for depth in (*range(900, 1000), 5000):  # around the interpreter's recursion limit
        for place in ("shape", "name", "codec"):
            sections = [dict(section) for section in header["sections"]]
            sections[0][place] = "DEEP"
            raw = json.dumps({**header, "sections": sections}).encode()
            with pytest.raises(lw.WireError):
                decode_frame(join(raw.replace(b'"DEEP"', b"[" * depth + b"]" * depth), body))


# Deflate streams


def stream(data, level=9):
    return zlib.compress(data, level)


def test_a_stream_of_the_right_length_is_read():
    turned = np.array([0, 1.5], "<f4").view(np.uint8).reshape(2, 4).T.tobytes()  # bytes grouped by significance
    data = make.packed_last(stream(turned), 2)
    assert decode_frame(data).arrays["hours"].tolist() == [0.0, 1.5]


def test_every_beginning_of_a_stream_is_refused():
    whole = stream(bytes(8))
    for length in range(len(whole)):
        with pytest.raises(lw.WireError, match=r"^section hours: wanted a whole zlib stream"):
            decode_frame(make.packed_last(whole[:length], 2))


def test_a_corrupted_stream():
    whole = bytearray(stream(np.arange(2, dtype="<f4").tobytes()))
    for place in (0, 1, 2, len(whole) - 1):
        broken = bytes(whole[:place]) + bytes([whole[place] ^ 0x5A]) + bytes(whole[place + 1 :])
        with pytest.raises(lw.WireError, match=r"^section hours: wanted a"):
            decode_frame(make.packed_last(broken, 2))


@pytest.mark.parametrize("after", [b"\0", b"more", stream(bytes(8))])
def test_bytes_after_a_stream(after):
    with pytest.raises(lw.WireError, match=rf"^section hours: wanted one zlib stream; found {len(after)} bytes"):
        decode_frame(make.packed_last(stream(bytes(8)) + after, 2))


@pytest.mark.parametrize(("size", "found"), [(0, "0"), (4, "4"), (7, "7"), (9, "9"), (100, "9")])
def test_a_stream_of_another_length(size, found):
    with pytest.raises(lw.WireError, match=rf"^section hours: wanted 8 bytes of f32 \[2\]; found {found}$"):
        decode_frame(make.packed_last(stream(bytes(size)), 2))


@pytest.mark.parametrize("claimed", [2, MAX_SECTION // 4])
def test_a_zip_bomb_is_not_unpacked(claimed):
    # The first stream holds 64 MB and claims 8 bytes; the second holds 1 kB and claims 256 MiB.
    data = make.packed_last(stream(bytes(64_000_000 if claimed == 2 else 1000)), claimed)
    tracemalloc.start()
    try:
        with pytest.raises(lw.WireError, match=r"^section hours: wanted"):
            decode_frame(data)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


# Meta data and values out of range

HUGE = 10**400  # an int beyond float64
NO_NUMBERS = [None, "1", True, [1], {}, HUGE, -HUGE]


@pytest.mark.parametrize(
    ("kind", "name", "values"),
    [
        ("ledger", "bin_size", [0, -1, 1e-301, *NO_NUMBERS]),
        ("ledger", "first", [1.5, 2.0, 2**53 + 1, -(2**53) - 1, *NO_NUMBERS]),
        ("ledger", "rows", [0, -1, 65_536, 4.0, *NO_NUMBERS]),
        (
            "ledger",
            "leverage",
            [[], [5] * 33, [0.5, 5], [5, 1001], [5, True], [5, None], ["5", 20], [5, HUGE], 5, None, {}],
        ),
        ("ledger", "age_unit", [-1, 1.1e9, *NO_NUMBERS]),
        ("bars", "time_base", [1.1e15, -1.1e15, *NO_NUMBERS]),
        ("bars", "step", [0, -1, 1.1e13, *NO_NUMBERS]),
        ("tail", "from", [-1, 1.5, 2**32 + 1, *NO_NUMBERS]),
        ("tail", "base", [-1, 1.5, 2**32 + 1, *NO_NUMBERS]),
        ("tail", "revision", [-1, 1.5, 2**32 + 1, *NO_NUMBERS]),
        ("model", "row_size", [0, -1, 1e-301, *NO_NUMBERS]),
        ("model", "first", [1.5, 2**53 + 1, *NO_NUMBERS]),
        ("model", "rows", [0, 65_536, 4.0, *NO_NUMBERS]),
        ("model", "leverage", [[], [5] * 33, [0.5], ["5"], 5, None]),
        ("model", "k_long", [[0.5], [0.5, 0.5, 0.5, 1.5], [0.5, 0.5, 0.5, None], "x", None]),
        ("model", "k_short", [[1.5], [1.5, 1.5, 1.5, 0.5], "x", None]),
        ("model", "beyond", [[0], [0, 0, 0, -1], None]),
        ("model", "turnover", [0, -1, 2, "all", *NO_NUMBERS]),
        ("model", "span", [-1, 2, *NO_NUMBERS]),
        ("model", "bars", [-1, 1.5, *NO_NUMBERS]),
        ("tail", "step", [0, None]),
        *(("events", name, [-1, 1.5, 2**32 + 1, *NO_NUMBERS]) for name in ("base", "revision")),
        *(("events", name, [-1, 1.5, 2**53 + 1, *NO_NUMBERS]) for name in ("placed", "outside")),
        *(("events", name, [-1, *NO_NUMBERS]) for name in ("long_usd", "short_usd", "outside_usd")),
        ("positions", "bin_size", [0, -1, *NO_NUMBERS]),
        ("positions", "first", [1.5, 2**53 + 1, *NO_NUMBERS]),
        ("positions", "rows", [0, 65_536, *NO_NUMBERS]),
        ("positions", "label", [None, 5, ["a"], {}]),
        ("positions", "outside_usd", [-1, *NO_NUMBERS]),
        ("positions", "outside_rows", [-1, 0.5, *NO_NUMBERS]),
    ],
)
def test_meta_out_of_range_or_missing(kind, name, values):
    header, body = split(make.frames()[kind])
    for value in values:
        refuse({**header, "meta": {**header["meta"], name: value}}, body, f"^meta {name}: wanted")
    refuse({**header, "meta": {k: v for k, v in header["meta"].items() if k != name}}, body, f"^meta {name}: wanted")


def test_numbers_beyond_float64_in_text():
    header, body = tiny_parts()
    header["meta"]["age_unit"] = "X"
    refuse(json.dumps(header).replace('"X"', "1e999").encode(), body, "^meta age_unit: wanted")


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("start", [[1, 1, 2], [0, 1, 1], [0, 1, 3], [0, 3, 2], [0, 2**32 - 1, 2]]),
        ("row", [[0, 4], [65_535, 0]]),
        ("tier", [[0, 2], [255, 1]]),
        ("notional", [[1, -1], [np.nan, 1], [1, np.inf], [-np.inf, 1]]),
        ("sweep", [[[1, 3], [2, 0]], [[3, 1], [0, 2]], [[0, 5], [0, 0]], [[0, 65_535], [0, 0]]]),
        ("hours", [[np.nan, 1], [0, -1], [0, np.inf]]),
    ],
)
def test_ledger_values_out_of_range(name, values):
    meta, arrays = make.tiny()
    for value in values:
        with pytest.raises(lw.WireError, match=f"^section {name}: wanted"):
            decode_frame(encode_frame("ledger", meta, {**arrays, name: np.array(value)}))


@pytest.mark.parametrize("name", ["gap", "open", "high", "low", "close", "volume"])
def test_bar_values_out_of_range(name):
    meta, arrays = bars_arrays(walk(3).candles)
    wrong = {"gap": [(0, 1), (2, 0), (1, 0.5), (2, np.nan), (1, np.inf)], "volume": [(1, -1), (0, np.nan), (2, np.inf)]}
    for place, value in wrong.get(name, [(0, 0.0), (1, -1.0), (2, np.nan), (0, np.inf)]):
        values = arrays[name].copy()
        values[place] = value
        with pytest.raises(lw.WireError, match=f"^section {name}: wanted"):
            decode_frame(encode_frame("bars", meta, {**arrays, name: values}))


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("time", [[3.6e6, 0], [np.nan, 1], [0, np.inf], [0, 8.65e15], [-8.65e15, 0]]),
        ("until", [[0, 7.2e6], [3.6e6, 3.6e6], [np.nan, 7.2e6], [3.6e6, np.inf], [3.6e6, 8.65e15]]),
        ("side", [[0, 2], [255, 0]]),
        ("price", [[0, 1], [-1, 1], [np.inf, 1], [1, -np.inf]]),
        ("notional", [[-1, 1], [np.nan, 1], [1, np.inf]]),
        ("count", [[0, 1], [1, 0]]),
    ],
)
def test_event_values_out_of_range(name, values):
    meta, arrays = make.tiny_events()
    decode_frame(encode_frame("events", meta, arrays))
    for value in values:
        with pytest.raises(lw.WireError, match=f"^section {name}: wanted"):
            decode_frame(encode_frame("events", meta, {**arrays, name: np.array(value)}))


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("row", [[0, 4], [3, 3], [3, 0]]),
        ("long", [[-1, 0], [np.nan, 0], [0, np.inf]]),
        ("short", [[-1, 0], [np.nan, 0], [0, np.inf]]),
    ],
)
def test_position_values_out_of_range(name, values):
    meta, arrays = make.tiny_positions()
    decode_frame(encode_frame("positions", meta, arrays))
    for value in values:
        with pytest.raises(lw.WireError, match=f"^section {name}: wanted"):
            decode_frame(encode_frame("positions", meta, {**arrays, name: np.array(value)}))


def test_no_events_and_no_positions_make_frames():
    for kind, (meta, arrays) in (("events", make.tiny_events()), ("positions", make.tiny_positions())):
        frame = decode_frame(encode_frame(kind, meta, {name: array[:0] for name, array in arrays.items()}))
        assert {len(array) for array in frame.arrays.values()} == {0}


def test_limits_are_inside():
    meta, arrays = make.tiny()
    edge = {**arrays, "sweep": np.array([[4, 4], [0, 4]]), "notional": np.zeros(2), "start": np.array([0, 0, 2])}
    decode_frame(encode_frame("ledger", {**meta, "leverage": [1, 1000], "first": -(2**53)}, edge))
    nothing = {name: np.zeros(0) for name in ("row", "tier", "notional")} | {"start": np.zeros(3)}
    assert len(decode_frame(encode_frame("ledger", meta, {**arrays, **nothing})).arrays["row"]) == 0


# Noise


def assert_valid(frame):
    """Check a decoded frame against the written format, independently of the reader."""
    arrays, meta = frame.arrays, frame.meta
    assert {name for name, (_, _, required) in KINDS[frame.kind].items() if required} <= set(arrays)
    if frame.kind in ("events", "positions"):
        assert len({len(array) for array in arrays.values()}) == 1
        assert all(np.isfinite(arrays[name]).all() for name in ("notional", "long", "short") if name in arrays)
    if frame.kind == "events":
        assert (np.diff(arrays["time"]) >= 0).all()
        assert (arrays["until"] > arrays["time"]).all()
        assert (arrays["side"] <= 1).all()
    if frame.kind == "positions":
        assert (arrays["row"] < meta["rows"]).all()
        assert (np.diff(arrays["row"].astype(int)) > 0).all()
    if frame.kind in ("bars", "tail"):
        T = len(arrays["gap"])
        assert all(len(arrays[name]) == T for name in KINDS["bars"] if name in arrays)
        assert (np.diff(times_ms(frame)) > 0).all()
        assert all(
            (arrays[name] > 0).all() and np.isfinite(arrays[name]).all() for name in ("open", "high", "low", "close")
        )
    if frame.kind == "ledger":
        T, N = len(arrays["hours"]), len(arrays["row"])
        assert all(len(arrays[name]) == N for name in ("tier", "notional", "age") if name in arrays)
        assert arrays["start"].shape == (T + 1,)
        assert arrays["start"][-1] == N
        assert (np.diff(arrays["start"].astype(int)) >= 0).all()
        assert (arrays["row"] < meta["rows"]).all()
        assert (arrays["tier"] < len(meta["leverage"])).all()
        assert (arrays["sweep"] <= meta["rows"]).all()
        assert np.isfinite(arrays["notional"]).all()


NOISY = {**make.frames(), "tiny": encode_frame("ledger", *make.tiny())}


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(sorted(NOISY)),
    st.lists(st.tuples(st.integers(0, 2**20), st.integers(1, 255)), min_size=1, max_size=6),
)
def test_flipped_bytes_are_refused_or_make_another_valid_frame(name, flips):
    data = bytearray(NOISY[name])
    for place, bits in flips:
        data[place % len(data)] ^= bits
    try:
        frame = decode_frame(data)
    except lw.WireError:
        return
    assert_valid(frame)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_json_in_the_place_of_a_field(data):
    header, body = tiny_parts()
    places = [(header, key) for key in header] + [(header["meta"], key) for key in header["meta"]]
    places += [(section, key) for section in header["sections"] for key in section]
    holder, key = data.draw(st.sampled_from(places))
    holder[key] = data.draw(JSON)
    try:
        frame = decode_frame(join(header, body))
    except lw.WireError:
        return
    assert_valid(frame)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_refused(data):
    for start in (b"", b"LIQ1", b"LIQ1" + len(data).to_bytes(4, "little")):
        with pytest.raises(lw.WireError):
            decode_frame(start + data)
