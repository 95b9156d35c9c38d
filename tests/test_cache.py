"""The cache against a plain model of it, damage, processes that are killed, and hostile names."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import filelock
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from liqwidget import DataError, InputError, ParseError
from liqwidget.sources import series_store
from liqwidget.sources.cache import Cache, Store, folder
from liqwidget.sources.manifest import decode_manifest, digest
from liqwidget.sources.need import need
from liqwidget.sources.part import bounds, encode_part, months
from liqwidget.sources.rows import Rows, covered

HOUR = 3_600_000
DAY = 24 * HOUR
START = 1_769_040_000_000  # 2026-01-22: the third part begins on day 38
DAYS = 60
END = START + DAYS * DAY
LATER = END + 10 * DAY
LAG = 2 * HOUR
NAMES = ("open", "volume")


def opened(root: Path, kind: str = "candles", columns: tuple[str, ...] = NAMES) -> Store:
    return Store(root, "binance", "BTCUSDT", kind, "1h", columns, LAG)


def truth(start: int = START, end: int = END) -> Rows:
    """A row an hour but for three days without any; some volumes are not there."""
    time = np.arange(-(-start // HOUR), -(-end // HOUR)) * HOUR
    time = time[(time < START + 20 * DAY) | (time >= START + 23 * DAY)]
    volume = np.where(time % (5 * HOUR) == 0, np.nan, np.sin(time % 977))
    return Rows(time, {"open": 90_000.0 + time % 1_013, "volume": volume})


def same(rows: Rows, wanted: Rows) -> None:
    np.testing.assert_array_equal(rows.time, wanted.time)
    assert list(rows.columns) == list(NAMES)
    for name in NAMES:
        np.testing.assert_array_equal(rows.columns[name], wanted.columns[name])


def parts(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*.parquet"))}


def right_or_a_hole(root: Path) -> list[tuple[int, int]]:
    """Whatever is not a hole is there as it was; returns the holes."""
    store = opened(root)
    holes = store.holes(START, END, LATER, HOUR)
    same(store.read(START, END), Rows.joined([truth(*known) for known in gaps(holes)], NAMES))
    assert store.missing(START, END) == holes
    return holes


def gaps(holes: list[tuple[int, int]]) -> list[tuple[int, int]]:
    edges = [START, *(edge for hole in holes for edge in hole), END]
    return list(zip(edges[::2], edges[1::2], strict=True))


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("filled")
    opened(root).write(truth(), (START, END), LATER)
    return root


@pytest.fixture
def full(filled: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(filled, tmp_path / "cache"))


def place(root: Path, name: str = "") -> Path:
    return root / "v1" / "binance" / "BTCUSDT" / "candles" / "1h" / name


# --- against a model -------------------------------------------------------------------------------------------------

CELL = HOUR // 2
EPOCH = START + 34 * DAY  # four days on either side of a month's end
CELLS = 8 * 48
moments = st.integers(0, CELLS).map(lambda cell: EPOCH + cell * CELL)


later = st.one_of(moments, moments.map(lambda time: time + 12 * DAY))


class Killed(BaseException):
    """As little caught as a kill is."""


Known = dict[int, tuple[bool, int]]  # half hour: for good? and when fetched


class Machine(RuleBasedStateMachine):
    """Each half hour by itself: is it known, for good or since when, and what row does it have?"""

    folders: pytest.TempPathFactory

    @initialize()
    def begin(self) -> None:
        self.root = self.folders.mktemp("machine")
        self.known: Known = {}
        self.rows: dict[int, float] = {}
        self.store = opened(self.root)

    @rule(span=st.tuples(moments, moments), now=later, seed=st.integers(0, 9))
    def write(self, span: tuple[int, int], now: int, seed: int) -> None:
        self.store.write(answer(span, seed), span, now)
        self.known, self.rows = self.after(span, now, seed)

    @rule(span=st.tuples(moments, moments), now=later, seed=st.integers(0, 9), moves=st.integers(0, 2))
    def killed_write(self, span: tuple[int, int], now: int, seed: int, moves: int) -> None:
        """Killed between two moves: each month is as before or as after, the later ones as before."""
        left, move = [moves], Path.replace

        def moved(source: Path, target: Path) -> Path:
            if not left[0]:
                raise Killed
            left[0] -= 1
            return move(source, target)

        with pytest.MonkeyPatch.context() as patch, suppress(Killed):
            patch.setattr(Path, "replace", moved)
            self.store.write(answer(span, seed), span, now)
        before, after = (self.known, self.rows), self.after(span, now, seed)
        assert self.seen(EPOCH - DAY, EPOCH, now) == shown(before, EPOCH - DAY, EPOCH, now)
        stale = False
        for month in months(*span):
            first, last = (min(max(edge, EPOCH), EPOCH + CELLS * CELL) for edge in bounds(month))
            seen = self.seen(first, last, now)
            stale = stale or seen != shown(after, first, last, now)
            self.adopt(before if stale else after, first, last)
            assert seen == shown((self.known, self.rows), first, last, now)

    @rule()
    def reopen(self) -> None:
        self.store = opened(self.root)

    @rule()
    def clear(self) -> None:
        size = self.store.size
        assert self.store.clear() == size
        assert self.store.size == 0
        self.known, self.rows = {}, {}

    @rule(span=st.tuples(moments, moments), now=later, fresh=st.sampled_from([0, CELL, 3 * HOUR, 9 * DAY]))
    def holes(self, span: tuple[int, int], now: int, fresh: int) -> None:
        wanted = [(cell, cell + CELL) for cell in range(*span, CELL) if not lasts(self.known, cell, now, fresh)]
        assert self.store.holes(*span, now, fresh) == covered(wanted)

    @invariant()
    def all_is_as_in_the_model(self) -> None:
        if hasattr(self, "store"):
            whole = EPOCH, EPOCH + CELLS * CELL, EPOCH
            assert self.seen(*whole) == shown((self.known, self.rows), *whole)

    def seen(self, start: int, end: int, now: int) -> tuple[Any, ...]:
        rows = self.store.read(start, end)
        holes, missing = self.store.holes(start, end, now, 1), self.store.missing(start, end)
        return rows.time.tolist(), rows.columns["open"].tolist(), missing, holes

    def after(self, span: tuple[int, int], now: int, seed: int) -> tuple[Known, dict[int, float]]:
        known, rows, came = dict(self.known), dict(self.rows), answer(span, seed)
        new = dict(zip(came.time.tolist(), came.columns["open"].tolist(), strict=True))
        for cell in range(span[0], min(span[1], now), CELL):
            final = now >= cell // DAY * DAY + DAY + LAG
            was_final, at = known.get(cell, (False, now))
            if was_final or (at > now and not final):
                continue
            known[cell] = final, now
            rows.pop(cell, None)
            if cell in new:
                rows[cell] = new[cell]
        return known, rows

    def adopt(self, state: tuple[Known, dict[int, float]], start: int, end: int) -> None:
        for mine, theirs in zip((self.known, self.rows), state, strict=True):
            inside = {cell: value for cell, value in theirs.items() if start <= cell < end}
            rest = {cell: value for cell, value in mine.items() if not start <= cell < end}
            mine.clear()
            mine.update(rest | inside)


def lasts(known: Known, cell: int, now: int, fresh: int) -> bool:
    final, at = known.get(cell, (False, -END))
    return final or (abs(now - at) < fresh and now < cell // DAY * DAY + DAY + LAG)


def shown(state: tuple[Known, dict[int, float]], start: int, end: int, now: int) -> tuple[Any, ...]:
    """What a Store shows in this state."""
    known, rows = state
    there = {time: value for time, value in sorted(rows.items()) if start <= time < end}
    cells = range(start, end, CELL)
    missing = covered((cell, cell + CELL) for cell in cells if cell not in known)
    holes = covered((cell, cell + CELL) for cell in cells if not lasts(known, cell, now, 1))
    return list(there), list(there.values()), missing, holes


def answer(span: tuple[int, int], seed: int) -> Rows:
    """Rows that a venue may give for a range, and some beyond it, in no order."""
    cells = [
        cell for cell in range(span[0] - DAY, span[1] + DAY, CELL) if random.Random(cell * 10 + seed).random() < 0.6
    ]
    random.Random(seed).shuffle(cells)
    values = np.array([float(cell // CELL % 89 + seed) for cell in cells])
    return Rows(np.array(cells, np.int64), {"open": values, "volume": np.full(len(cells), np.nan)})


def test_a_series_is_as_its_model(tmp_path_factory: pytest.TempPathFactory) -> None:
    Machine.folders = tmp_path_factory
    run_state_machine_as_test(Machine, settings=settings(max_examples=40, stateful_step_count=25, deadline=None))


# --- days that are not over ------------------------------------------------------------------------------------------


def test_the_present_day_is_fetched_until_it_is_over(tmp_path: Path) -> None:
    store, noon = opened(tmp_path), START + 5 * DAY + DAY // 2
    store.write(truth(), (START, END), noon)
    assert store.holes(START, noon, noon + 59, 60) == []
    assert store.holes(START, noon, noon + 60, 60) == [(START + 5 * DAY, noon)]
    same(store.read(START, END), truth(START, noon))
    assert store.missing(START, END) == [(noon, END)]
    assert store.fetched == noon
    midnight = START + 6 * DAY
    assert store.holes(START, noon, midnight + LAG - 1, 2 * DAY) == []
    assert store.holes(START, noon, midnight + LAG, 2 * DAY) == [(START + 5 * DAY, noon)]
    store.write(truth(), (START + 5 * DAY, midnight), midnight + LAG)
    assert store.holes(START, midnight, LATER, 0) == []
    assert store.fetched == midnight + LAG


def test_what_is_final_stays(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = opened(tmp_path)
    store.write(truth(), (START, END), LATER)
    other = truth()
    store.write(other, (START, END), LATER + 1)
    assert not caplog.records
    other.columns["open"][7] += 1
    store.write(other, (START, END), LATER + 2)
    assert [record.getMessage() for record in caplog.records] == [
        "cache: binance BTCUSDT candles 1h: rows of a day that was over came again and differ; the first ones are kept"
    ]
    same(opened(tmp_path).read(START, END), truth())
    assert store.fetched == LATER


@given(st.data())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_order_of_fetches_gives_the_same_bytes(filled: Path, tmp_path_factory: Any, data: st.DataObject) -> None:
    root = tmp_path_factory.mktemp("order")
    edges = sorted({START, END, *data.draw(st.lists(st.integers(START, END), max_size=8))})
    for start, end in data.draw(st.permutations(list(pairwise(edges)))):
        rows, rng = truth(start, end), np.random.default_rng(start)
        opened(root).write(rows.taken(rng.permutation(len(rows))), (start, end), LATER + start % 97)
    assert parts(root) == parts(filled)
    assert right_or_a_hole(root) == []


def test_zeros_and_nans_have_one_spelling() -> None:
    odd = np.array([0x7FF8000000000001], np.int64).view(np.float64)
    one, other = (
        encode_part(Rows(np.array([START]), {"open": a, "volume": b}), NAMES)
        for a, b in ((odd, np.array([-0.0])), (np.array([np.nan]), np.array([0.0])))
    )
    assert one == other


def test_a_day_more_touches_its_month_alone(full: Path) -> None:
    before = {path.name: path.stat().st_ino for path in place(full).glob("*.parquet")}
    opened(full).write(Rows.empty(NAMES), (END, END + DAY), LATER)
    after = {path.name: path.stat().st_ino for path in place(full).glob("*.parquet")}
    assert after == before  # a day without rows is in the manifest
    opened(full).write(truth(END + DAY, END + 2 * DAY), (END + DAY, END + 2 * DAY), LATER)
    after = {path.name: path.stat().st_ino for path in place(full).glob("*.parquet")}
    assert [name for name in before if before[name] != after[name]] == ["2026-03.parquet"]


def test_rows_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    twice = Rows(np.array([START, START]), {"open": np.array([1.0, 2.0]), "volume": np.zeros(2)})
    with pytest.raises(ParseError, match="came twice"):
        opened(tmp_path).write(twice, (START, END), LATER)
    with pytest.raises(InputError, match="columns open, volume; got"):
        opened(tmp_path).write(Rows.empty(["open"]), (START, END), LATER)
    with pytest.raises(InputError, match="from 1970"):
        opened(tmp_path).write(truth(), (-1, END), LATER)
    opened(tmp_path).write(truth(), (END, START), LATER)
    assert list(tmp_path.iterdir()) == []


# --- damage ----------------------------------------------------------------------------------------------------------


def signed(root: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change the manifest so that its checksum is right."""
    path = place(root, "manifest.json")
    body = json.loads(path.read_bytes())
    del body["check"]
    change(body)
    body["check"] = digest(json.dumps(body, sort_keys=True, separators=(",", ":")).encode())
    path.write_text(json.dumps(body))


def planted(root: Path, table: pa.Table, **options: Any) -> None:
    """Another part for February, with a manifest that says it is the right one."""
    path = place(root, "2026-02.parquet")
    pq.write_table(table, path, **options)
    mark = {"check": digest(path.read_bytes()), "size": path.stat().st_size, "rows": table.num_rows}
    signed(root, lambda body: body["parts"]["2026-02"][0].update(mark))


def february(**columns: Any) -> pa.Table:
    rows = truth(*bounds("2026-02"))
    return pa.table({"time": rows.time, **rows.columns, **columns})


def swapped(root: Path) -> None:
    one, other = place(root, "2026-01.parquet"), place(root, "2026-02.parquet")
    one.rename(root / "x")
    other.rename(one)
    (root / "x").rename(other)


def linked(root: Path) -> None:
    path = place(root, "2026-02.parquet")
    path.rename(root.parent / "elsewhere")
    path.symlink_to(root.parent / "elsewhere")


def another(root: Path) -> None:
    shutil.rmtree(place(root))
    other = opened(root, "mark")
    other.write(truth(START + DAY), (START, END), LATER)
    shutil.copytree(place(root).parent.parent / "mark" / "1h", place(root))


def nested(root: Path) -> None:
    place(root, "manifest.json").write_text("[" * 100_000)


def replaced(name: str, data: bytes) -> Callable[[Path], Any]:
    return lambda root: place(root, name).write_bytes(data)


def state(**cells: Any) -> Callable[[Path], None]:
    return lambda root: signed(root, lambda body: body["parts"]["2026-02"][0].update(cells))


TIMES = truth(*bounds("2026-02")).time
DAMAGE: dict[str, Callable[[Path], Any]] = {
    "no part": lambda root: place(root, "2026-02.parquet").unlink(),
    "empty part": replaced("2026-02.parquet", b""),
    "torn part": lambda root: os.truncate(place(root, "2026-02.parquet"), 2_000),
    "longer part": lambda root: os.truncate(place(root, "2026-02.parquet"), 1 << 33),
    "parts swapped": swapped,
    "link": linked,
    "pipe": lambda root: (place(root, "2026-02.parquet").unlink(), os.mkfifo(place(root, "2026-02.parquet"))),
    "older part": lambda root: planted_older(root),
    "no manifest": lambda root: place(root, "manifest.json").unlink(),
    "empty manifest": replaced("manifest.json", b""),
    "torn manifest": lambda root: os.truncate(place(root, "manifest.json"), 300),
    "huge manifest": lambda root: os.truncate(place(root, "manifest.json"), 1 << 33),
    "no JSON": replaced("manifest.json", b"\xff\xfe"),
    "deep manifest": nested,
    "long number": replaced("manifest.json", b"9" * 10_000),
    "list": replaced("manifest.json", b"[]"),
    "manifest of another series": another,
    "foreign version": lambda root: signed(root, lambda body: body.update(version=2)),
    "no version": lambda root: signed(root, lambda body: body.pop("version")),
    "foreign columns": lambda root: signed(root, lambda body: body.update(columns=["open", "close"])),
    "columns no text": lambda root: signed(root, lambda body: body.update(columns=[1])),
    "no states": lambda root: signed(root, lambda body: body["parts"].update({"2026-02": []})),
    "no month": lambda root: signed(root, lambda body: body["parts"].update({"../../x": []})),
    "13 months": lambda root: signed(root, lambda body: body["parts"].update({"2026-13": []})),
    "rows": state(rows=3),
    "rows below 0": state(rows=-1),
    "size": state(size=1 << 40),
    "size no number": state(size="a"),
    "first": state(first=int(TIMES[1])),
    "coverage": state(coverage={"final": [[int(TIMES[0]), int(TIMES[5])]], "provisional": []}),
    "coverage of another month": state(coverage={"final": [[START, END]], "provisional": []}),
    "coverage backwards": state(coverage={"final": [[int(TIMES[5]), int(TIMES[0])]], "provisional": []}),
    "other columns": lambda root: planted(root, february().drop_columns(["volume"])),
    "more columns": lambda root: planted(root, february(close=np.zeros(len(TIMES)))),
    "columns in another order": lambda root: planted(root, february().select(["time", "volume", "open"])),
    "NaN times": lambda root: planted(root, february(time=np.where(TIMES == TIMES[9], np.nan, TIMES))),
    "float times": lambda root: planted(root, february(time=TIMES.astype(float))),
    "texts": lambda root: planted(root, february(open=["1"] * len(TIMES))),
    "empty cells": lambda root: planted(root, february(open=pa.array([None, *[1.0] * (len(TIMES) - 1)]))),
    "unsorted": lambda root: planted(root, february().take([0, 2, 1, *range(3, len(TIMES))])),
    "twice": lambda root: planted(root, february().take([0, 1, 1, *range(2, len(TIMES))])),
    "rows beyond the month": lambda root: planted(root, february(time=TIMES + DAY)),
    "a bomb": lambda root: planted(root, bomb(), compression="zstd"),
    "bomb in its metadata": lambda root: (planted(root, bomb(), compression="zstd"), state(rows=len(TIMES))(root)),
    "no parquet": lambda root: (
        replaced("2026-02.parquet", b"PAR1")(root),
        state(check=digest(b"PAR1"), size=4)(root),
    ),
}


def bomb() -> pa.Table:
    count = 2_000_000
    return pa.table({"time": np.arange(count) + int(TIMES[0]), **{name: np.zeros(count) for name in NAMES}})


def planted_older(root: Path) -> None:
    other = opened(root, "mark")
    other.write(truth(START, END - DAY), (START, END), LATER)
    shutil.copy(place(root).parent.parent / "mark" / "1h" / "2026-03.parquet", place(root))


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_a_hole(name: str, full: Path, caplog: pytest.LogCaptureFixture) -> None:
    warm = opened(full)
    assert warm.holes(START, END, LATER, 0) == []
    DAMAGE[name](full)
    holes = right_or_a_hole(full)
    assert holes, "the damage was not seen"
    assert name == "no manifest" or any(record.name == "liqwidget.cache" for record in caplog.records)
    assert str(full) not in caplog.text
    for span in warm.holes(START, END, LATER, 0) + holes:  # what was read before is still right, or a hole by now
        opened(full).write(truth(*span), span, LATER)
    same(opened(full).read(START, END), truth())
    assert right_or_a_hole(full) == []
    assert (full.parent / "elsewhere").exists() == (name == "link")


@given(st.sampled_from(["manifest.json", "2026-01.parquet", "2026-02.parquet"]), st.integers(0, 1 << 30))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_bit_is_flipped_unseen(filled: Path, name: str, bit: int) -> None:
    path = place(filled, name)
    good = path.read_bytes()
    bad = bytearray(good)
    bad[bit // 8 % len(bad)] ^= 1 << bit % 8
    try:
        path.write_bytes(bad)
        holes = right_or_a_hole(filled)
    finally:
        path.write_bytes(good)
    assert holes or decoded(bytes(bad)) == decoded(good)  # a space or a key's letters may stand for the same


def decoded(data: bytes) -> Any:
    try:
        return decode_manifest(data)
    except ParseError:
        return data
