"""The cache against a plain model of it, its names, unwritable folders, and its public functions."""

from __future__ import annotations

import errno
import os
import random
import shutil
import subprocess
import sys
import traceback
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import filelock
import numpy as np
import pandas as pd
import platformdirs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from liqwidget import DataError, InputError, ParseError
from liqwidget.cache_folder import folder
from liqwidget.sources.cache import series_folder, series_store
from liqwidget.sources.cache.cache import Cache, Store
from liqwidget.sources.cache.month_file import bounds, encode_part, months
from liqwidget.sources.cache.series_folder import SeriesFolder
from liqwidget.sources.rows import Rows, covered
from series import DAY, DAYS, END, HOUR, LAG, LATER, NAMES, START, opened, parts, place, right_or_a_hole, same, truth


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("filled")
    opened(root).write(truth(), (START, END), LATER)
    return root


@pytest.fixture
def full(filled: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(filled, tmp_path / "cache"))


# --- against a model -------------------------------------------------------------------------------------------------

CELL = HOUR
EPOCH = START + 35 * DAY  # three days before and after the end of a month
CELLS = 6 * 24
moments = st.integers(0, CELLS).map(lambda cell: EPOCH + cell * CELL)


later = st.one_of(moments, moments.map(lambda time: time + 12 * DAY))


class Killed(BaseException):
    """A BaseException, so that nothing catches it: like a kill."""


Known = dict[int, tuple[bool, int]]  # hour: (final, time of the fetch)


class Machine(RuleBasedStateMachine):
    """The model, hour by hour: whether it is known, finally or since when, and its row."""

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
        """Killed between two file moves: each month is either in its old or in its new state."""
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
        for month in months(*span):
            first, last = (min(max(edge, EPOCH), EPOCH + CELLS * CELL) for edge in bounds(month))
            seen = self.seen(first, last, now)
            self.adopt(after if seen == shown(after, first, last, now) else before, first, last)
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
        assert self.store.look(*span).holes(*span, now, fresh) == covered(wanted)

    @invariant()
    def all_is_as_in_the_model(self) -> None:
        if hasattr(self, "store"):
            whole = EPOCH, EPOCH + CELLS * CELL, EPOCH
            assert self.seen(*whole) == shown((self.known, self.rows), *whole)

    def seen(self, start: int, end: int, now: int) -> tuple[Any, ...]:
        rows = self.store.look(start, end).rows
        holes, missing = (
            self.store.look(start, end).holes(start, end, now, 1),
            self.store.look(start, end).missing(start, end),
        )
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
        both: list[tuple[dict[int, Any], dict[int, Any]]] = [(self.known, state[0]), (self.rows, state[1])]
        for mine, theirs in both:
            inside = {cell: value for cell, value in theirs.items() if start <= cell < end}
            rest = {cell: value for cell, value in mine.items() if not start <= cell < end}
            mine.clear()
            mine.update(rest | inside)


def lasts(known: Known, cell: int, now: int, fresh: int) -> bool:
    final, at = known.get(cell, (False, -END))
    return final or (abs(now - at) < fresh and now < cell // DAY * DAY + DAY + LAG)


def shown(state: tuple[Known, dict[int, float]], start: int, end: int, now: int) -> tuple[Any, ...]:
    """What a Store must return in this state."""
    known, rows = state
    there = {time: value for time, value in sorted(rows.items()) if start <= time < end}
    cells = range(start, end, CELL)
    missing = covered((cell, cell + CELL) for cell in cells if cell not in known)
    holes = covered((cell, cell + CELL) for cell in cells if not lasts(known, cell, now, 1))
    return list(there), list(there.values()), missing, holes


def answer(span: tuple[int, int], seed: int) -> Rows:
    """Rows that a venue may send for a range, some of them outside it, in any order."""
    cells = [
        cell for cell in range(span[0] - DAY, span[1] + DAY, CELL) if random.Random(cell * 10 + seed).random() < 0.6
    ]
    random.Random(seed).shuffle(cells)
    values = np.array([float(cell // CELL % 89 + seed) for cell in cells])
    return Rows(np.array(cells, np.int64), {"open": values, "volume": np.full(len(cells), np.nan)})


def test_a_series_is_as_its_model(tmp_path_factory: pytest.TempPathFactory) -> None:
    Machine.folders = tmp_path_factory
    run_state_machine_as_test(Machine, settings=settings(max_examples=40, stateful_step_count=20, deadline=None))


# --- days that have not ended ----------------------------------------------------------------------------------------


def test_the_present_day_is_fetched_until_it_is_over(tmp_path: Path) -> None:
    store, noon = opened(tmp_path), START + 5 * DAY + DAY // 2
    store.write(truth(), (START, END), noon)
    assert store.look(START, noon).holes(START, noon, noon + 59, 60) == []
    assert store.look(START, noon).holes(START, noon, noon + 60, 60) == [(START + 5 * DAY, noon)]
    same(store.look(START, END).rows, truth(START, noon))
    assert store.look(START, END).missing(START, END) == [(noon, END)]
    assert store.fetched == noon
    midnight = START + 6 * DAY
    assert store.look(START, noon).holes(START, noon, midnight + LAG - 1, 2 * DAY) == []
    assert store.look(START, noon).holes(START, noon, midnight + LAG, 2 * DAY) == [(START + 5 * DAY, noon)]
    store.write(truth(), (START + 5 * DAY, midnight), midnight + LAG)
    assert store.look(START, midnight).holes(START, midnight, LATER, 0) == []
    assert store.fetched == midnight + LAG


def test_the_later_of_two_fetches_of_the_present_day_holds(tmp_path: Path) -> None:
    store, noon = opened(tmp_path), START + DAY // 2
    store.write(truth(START, noon), (START + 4 * HOUR, noon), noon + HOUR)
    other = truth(START, noon)
    other.columns["open"][:] = 1.0
    store.write(other, (START, noon), noon)  # requested earlier, received later
    assert store.look(START, noon).rows.columns["open"].tolist()[:4] == [1.0] * 4
    same(store.look(START + 4 * HOUR, noon).rows, truth(START + 4 * HOUR, noon))
    assert store.look(START, noon).holes(START, noon, noon + HOUR, HOUR) == [(START, START + 4 * HOUR)]
    assert store.fetched == noon + HOUR
    assert store.look(START, noon).holes(START, noon, noon, 1) == [(START + 4 * HOUR, noon)]
    store.write(Rows.empty(NAMES), (START, noon), noon + 2 * HOUR)
    assert len(store.look(START, noon).rows) == 0
    assert (
        store.look(START, noon).holes(START, noon, noon, 1)
        == store.look(START, noon).holes(START, noon, noon + HOUR, 1)
        == [(START, noon)]
    )
    assert store.look(START, noon).missing(START, noon) == []


def test_a_store_sees_what_others_do(full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = opened(full)
    same(store.look(START, END).rows, truth())
    place(full, "2026-02.parquet").unlink()
    assert store.look(START, END).missing(START, END) == [bounds("2026-02")]
    # File times are coarse and inodes are reused: a new part may have the signature of the old one.
    monkeypatch.setattr(series_folder, "_signature", lambda _: (1 << 20, 9, 9))
    same(store.look(bounds("2026-03")[0], END).rows, truth(bounds("2026-03")[0], END))
    opened(full).write(truth(END, END + DAY), (END, END + DAY), LATER)
    same(store.look(bounds("2026-03")[0], END + DAY).rows, truth(bounds("2026-03")[0], END + DAY))


def test_few_months_are_kept_in_memory(tmp_path: Path) -> None:
    store, years = opened(tmp_path), START + 1_000 * DAY
    store.write(truth(START, years), (START, years), years + DAY)
    for _ in range(2):
        same(store.look(START, years).rows, truth(START, years))
        assert len(store._loaded) <= 16


def test_fetched_is_that_of_what_is_there(tmp_path: Path) -> None:
    store, march = opened(tmp_path), bounds("2026-03")[0]
    store.write(truth(march, march + DAY), (march, march + DAY), LATER)
    store.write(truth(START, START + DAY), (START, START + DAY), LATER + 3)
    old = place(tmp_path, "2026-03.parquet").read_bytes()
    store.write(truth(march, END), (march, END), LATER + 5)
    assert store.fetched == LATER + 5
    place(tmp_path, "2026-03.parquet").write_bytes(old)  # as after a kill
    assert opened(tmp_path).fetched == LATER + 3
    assert Cache(tmp_path).info().fetched[0] == pd.Timestamp(LATER + 3, unit="ms", tz="UTC")


def test_what_is_final_stays(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = opened(tmp_path)
    store.write(truth(), (START, END), LATER)
    other = truth()
    store.write(other, (START, END), LATER + 1)
    assert not caplog.records
    other.columns["open"][7] += 1
    store.write(other, (START, END), LATER + 2)
    assert [record.getMessage() for record in caplog.records] == [
        "cache: binance BTCUSDT candles 1h: "
        "rows of a settled day were fetched again and differ; the first ones are kept"
    ]
    same(opened(tmp_path).look(START, END).rows, truth())
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
    assert after == before  # a day without rows is recorded in the manifest only
    opened(full).write(truth(END + DAY, END + 2 * DAY), (END + DAY, END + 2 * DAY), LATER)
    after = {path.name: path.stat().st_ino for path in place(full).glob("*.parquet")}
    assert [name for name in before if before[name] != after[name]] == ["2026-03.parquet"]


def test_rows_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    twice = Rows(np.array([START, START]), {"open": np.array([1.0, 2.0]), "volume": np.zeros(2)})
    with pytest.raises(ParseError, match="occurs twice"):
        opened(tmp_path).write(twice, (START, END), LATER)
    with pytest.raises(InputError, match="columns open, volume; got"):
        opened(tmp_path).write(Rows.empty(["open"]), (START, END), LATER)
    for wrong in ((-1, END, LATER), (START, 1 << 42, 1 << 42), (START, END, 1 << 42), (START, END, -1)):
        with pytest.raises(InputError, match="from 1970"):
            opened(tmp_path).write(truth(), wrong[:2], wrong[2])
    opened(tmp_path).write(truth(), (END, START), LATER)
    assert list(tmp_path.iterdir()) == []


# --- names and places ------------------------------------------------------------------------------------------------

GOOD = {"venue": "binance", "symbol": "BTC-USDT-SWAP", "kind": "open_interest", "interval": "5m"}


@pytest.mark.parametrize("what", GOOD)
@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "..", "../x", "a/b", "A/B", "a\\b", "/etc", "C:", "A.B", "A\0", "A\n", "A B", "*", "~", "$HOME"),
        *("CON", "con", "nul", "LPT1", "com1", "A" * 41, "a" * 41, "-A", "A-", "Ä", "１", "5m/.."),
        *(None, 5, b"A", Path("A")),
    ],
)
def test_no_name_leads_out_of_the_folder(what: str, name: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"(exchange|symbol|kind|interval): wanted .* such as '.*'; got"):
        Store(tmp_path, **{**GOOD, what: name}, columns=NAMES)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("depth", range(5))
def test_links_that_lead_out_are_refused(depth: int, tmp_path: Path) -> None:
    outside, root = tmp_path / "outside", tmp_path / "cache"
    outside.mkdir()
    early = opened(root)
    link = place(root).parents[3 - depth] if depth < 4 else place(root)
    link.parent.mkdir(parents=True)
    link.symlink_to(outside)
    with pytest.raises(InputError, match=r"a link that leads out of it\. Remove the link") as caught:
        opened(root)
    assert str(tmp_path) not in str(caught.value)
    with pytest.raises(InputError, match="leads out"):
        early.write(truth(), (START, END), LATER)
    assert list(outside.iterdir()) == []
    assert Cache(root).info().empty
    assert Cache(root).clear() == 0


def test_links_that_stay_inside_and_loops(full: Path) -> None:
    whole = place(full)
    whole.rename(full / "moved")
    whole.symlink_to(full / "moved")
    assert right_or_a_hole(full) == []
    whole.unlink()
    whole.symlink_to(whole)
    with pytest.raises(InputError, match="a link"):
        opened(full)


def test_the_lock_is_no_link(tmp_path: Path) -> None:
    place(tmp_path).mkdir(parents=True)
    place(tmp_path, "lock").symlink_to(tmp_path / "precious")
    with pytest.raises(DataError, match="its lock is a link"):
        opened(tmp_path).write(truth(), (START, END), LATER)
    assert not (tmp_path / "precious").exists()


def test_where_the_folder_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LIQWIDGET_CACHE", raising=False)
    assert folder(None) == platformdirs.user_cache_path("liqwidget")
    monkeypatch.setenv("LIQWIDGET_CACHE", "")
    assert folder(None) == platformdirs.user_cache_path("liqwidget")
    monkeypatch.setenv("LIQWIDGET_CACHE", str(tmp_path / "there"))
    assert folder(None) == Cache().folder == tmp_path / "there"
    assert folder(tmp_path / "x") == Cache(tmp_path / "x").folder == tmp_path / "x"
    monkeypatch.chdir(tmp_path)
    assert folder("relative") == tmp_path / "relative"
    assert folder("~") == Path.home()
    for wrong in ("", " ", 5, True, b"x", "a\0b", "~nobody-of-this-name/x"):
        with pytest.raises(InputError, match="cache: wanted the path of a folder"):
            folder(wrong)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_reading_makes_no_folder(tmp_path: Path) -> None:
    code = """if True:
        import sys
        from pathlib import Path
        import liqwidget.sources.cache.cache as c
        store = c.Store(Path(sys.argv[1]) / "x", "binance", "BTCUSDT", "candles", "5m", ("open",))
        seen = store.look(0, 10**12)
        print(len(seen.rows), seen.holes(0, 9, 9, 9), seen.missing(0, 9), store.fetched, store.clear())
        print(len(c.Cache(sys.argv[1] + "/x").info()), c.Cache(sys.argv[1] + "/x"))
    """
    run = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert run.stdout == "0 [(0, 9)] [(0, 9)] None 0\n0 Cache: 0 series, 0.0 MB\n"
    assert list(tmp_path.iterdir()) == []


# --- folders that are not writable -----------------------------------------------------------------------------------


def refused(root: Path, why: str) -> None:
    with pytest.raises(DataError, match=f"wanted to write the cache folder; got {why}") as caught:
        opened(root).write(truth(START, END + DAY), (START, END + DAY), LATER)
    assert "cache=False" in str(caught.value)
    assert str(root) not in "".join(traceback.format_exception(caught.value))


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    assert right_or_a_hole(tmp_path / "file") == [(START, END)]
    refused(tmp_path / "file", "Not a directory")
    assert Cache(tmp_path / "file").info().empty
    assert (tmp_path / "file").read_text() == "precious"


@pytest.mark.parametrize("opens", range(3))
def test_a_full_disk(opens: int, full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left, before, real = [opens], parts(full), Path.open

    def fails(path: Path, mode: str = "r", *rest: Any) -> Any:
        if mode == "xb":
            left[0] -= 1
            if left[0] < 0:
                real(path, mode).close()
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        return real(path, mode, *rest)

    monkeypatch.setattr(Path, "open", fails)
    if opens < 2:  # a write opens two files: a part and the manifest
        refused(full, "No space left on device")
        assert parts(full) == before
        assert not list(full.rglob("*.tmp"))
    monkeypatch.undo()
    assert right_or_a_hole(full) == []
    opened(full).write(truth(START, END + DAY), (START, END + DAY), LATER)
    assert opened(full).look(START, END + DAY).missing(START, END + DAY) == []


def test_a_folder_that_is_only_read(full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place(full, "2026-02.parquet").write_bytes(b"damaged")
    before = {path: path.stat().st_mtime_ns for path in full.rglob("*")}

    def fails(*_: object, **__: object) -> None:
        raise PermissionError(errno.EROFS, "Read-only file system", str(full))

    monkeypatch.setattr(Path, "mkdir", fails)
    monkeypatch.setattr(filelock, "FileLock", fails)
    monkeypatch.setattr(Path, "replace", fails)
    monkeypatch.setattr(Path, "unlink", fails)
    assert right_or_a_hole(full) == [bounds("2026-02")]
    assert opened(full).fetched == LATER
    refused(full, "Read-only file system")
    with pytest.raises(DataError, match="Read-only"):
        Cache(full).clear()
    assert {path: path.stat().st_mtime_ns for path in full.rglob("*")} == before


def test_a_lock_that_is_kept(full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(series_store, "_PATIENCE", 0.0)
    monkeypatch.setattr(series_store, "_GLANCE", 0.0)
    with filelock.FileLock(place(full, "lock")):
        with pytest.raises(DataError, match=r"got none in 0 s, another process has it\. End that process"):
            opened(full).write(truth(), (START, END), LATER)
        assert right_or_a_hole(full) == []
        place(full, "2026-02.parquet").unlink()
        assert right_or_a_hole(full) == [bounds("2026-02")]


def test_a_reader_looks_again_where_a_writer_was_between(full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader, real = opened(full), Store._manifest
    days = iter([END + DAY, END + 2 * DAY, END + 3 * DAY])

    def read(store: Store) -> Any:
        manifest = real(store)
        if store is reader:
            for end in days:  # so often that the old manifest lists none of the current parts
                opened(full).write(truth(END, end), (END, end), LATER)
        return manifest

    monkeypatch.setattr(Store, "_manifest", read)
    same(reader.look(START, END + 3 * DAY).rows, truth(START, END + 3 * DAY))


def test_a_manifest_is_replaced_while_it_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader, looked = opened(tmp_path), SeriesFolder.signature
    reader.write(truth(START, START + DAY), (START, START + DAY), LATER)

    def look(files: SeriesFolder, name: str) -> Any:
        found = looked(files, name)
        if files is reader._folder and name == "manifest.json":
            opened(tmp_path).write(truth(), (START, END), LATER)  # writes a longer manifest
        return found

    monkeypatch.setattr(SeriesFolder, "signature", look)
    same(reader.look(START, END).rows, truth())


# --- the public functions --------------------------------------------------------------------------------------------


def test_info_lists_what_is_there(full: Path) -> None:
    opened(full, "mark").write(Rows.empty(NAMES), (START, START + DAY), START + DAY // 2)
    opened(full).write(truth(END + DAY, END + 2 * DAY), (END + DAY, END + 2 * DAY), LATER + 5)
    info = Cache(full).info()
    assert info.iloc[:, :4].to_numpy().tolist() == [["binance", "BTCUSDT", kind, "1h"] for kind in ("candles", "mark")]
    assert info.rows.tolist() == [(DAYS - 3 + 1) * 24, 0]
    assert info.gaps.tolist() == [1, 0]
    assert info.bytes.sum() == sum(path.stat().st_size for path in full.rglob("*") if path.is_file())
    times = [pd.Timestamp(ms, unit="ms", tz="UTC") for ms in (START, END + 2 * DAY - HOUR, LATER + 5)]
    assert info.loc[0, ["first", "last", "fetched"]].tolist() == times
    assert info.loc[1, ["first", "last"]].isna().all()
    assert info.loc[1, "fetched"] == pd.Timestamp(START + DAY // 2, unit="ms", tz="UTC")
    assert list(Cache(full / "none").info().dtypes.astype(str)[6:9]) == ["int64"] * 3
    assert Cache(full / "none").info()["first"].dt.tz is not None


def test_info_and_repr_count_damaged_files_as_bytes(full: Path) -> None:
    place(full, "2026-02.parquet").write_bytes(b"x")
    assert Cache(full).info().rows.tolist() == [(DAYS - 28) * 24]
    place(full, "manifest.json").write_text("{}")
    assert Cache(full).info().loc[0, ["rows", "gaps"]].tolist() == [0, 0]
    assert Cache(full).info().bytes[0] > 0
    assert repr(Cache(full)) == "Cache: 1 series, 0.0 MB"
    assert "Cache: 1 series" in Cache(full)._repr_html_()
    assert "<td>BTCUSDT</td>" in Cache(full)._repr_html_()
    assert Cache(full).clear() > 0
    assert Cache(full).info().empty


def test_clear_takes_what_is_asked_for_and_nothing_else(full: Path, tmp_path: Path) -> None:
    other = Store(full, "okx", "BTC-USDT-SWAP", "candles", "5m", NAMES)
    other.write(truth(), (START, END), LATER)
    (tmp_path / "outside").mkdir()
    precious = [
        full / "limits.db",
        full / "v1/notes.txt",
        place(full, "2026-01.csv"),
        tmp_path / "outside/2026-01.parquet",
    ]
    precious += [place(full, "mine.parquet.tmp"), full / "v1" / "2026-01.parquet"]
    for path in precious:
        path.write_text("precious")
    place(full, "2025-01.parquet").symlink_to(tmp_path / "outside/2026-01.parquet")
    place(full).with_name("5m").symlink_to(tmp_path / "outside")
    place(full, "2026-01.parquet.tmp").write_bytes(b"left by a kill")
    before = opened(full).size
    cache = Cache(full)
    assert cache.clear("bybit") == cache.clear(symbol="BTCUSD") == cache.clear("binance", interval="5m") == 0
    assert cache.clear("binance", "BTCUSDT", "1h") == before
    assert opened(full).size == 0
    assert right_or_a_hole(full) == [(START, END)]
    same(other.look(START, END).rows, truth())
    assert cache.clear() > 0
    place(full, "manifest.json.tmp").write_bytes(b"left by a kill")
    assert cache.clear() == 14
    assert cache.info().empty
    assert {path.read_text() for path in precious} == {"precious"}
    for wrong in ({"exchange": ".."}, {"symbol": "../x"}, {"interval": "*"}, {"exchange": 5}):
        with pytest.raises(InputError, match="wanted"):
            cache.clear(**wrong)
