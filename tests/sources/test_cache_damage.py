"""Damaged parts and manifests of the cache: reading gives correct rows or a hole."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from liqwidget import ParseError
from liqwidget.sources.cache.cache import Cache
from liqwidget.sources.cache.manifest import decode_manifest, digest
from liqwidget.sources.cache.month_file import bounds, decode_part
from series import DAY, END, LATER, NAMES, START, opened, place, right_or_a_hole, same, truth


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("filled")
    opened(root).write(truth(), (START, END), LATER)
    return root


@pytest.fixture
def full(filled: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(filled, tmp_path / "cache"))


def signed(root: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change the manifest and correct its checksum."""
    path = place(root, "manifest.json")
    body = json.loads(path.read_bytes())
    del body["check"]
    change(body)
    body["check"] = digest(json.dumps(body, sort_keys=True, separators=(",", ":")).encode())
    path.write_text(json.dumps(body))


def planted(root: Path, table: pa.Table, **options: Any) -> None:
    """Replace the part of February, and list the new part in the manifest."""
    path = place(root, "2026-02.parquet")
    pq.write_table(table, path, **options)
    mark = {"check": digest(path.read_bytes()), "size": path.stat().st_size, "rows": table.num_rows}
    mark |= {"first": int(table["time"][0].as_py()), "last": int(table["time"][-1].as_py())}
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


def edited(root: Path) -> None:
    path = place(root, "manifest.json")
    path.write_text(path.read_text().replace(str(LATER), str(LATER + 1)))


def two_names(root: Path) -> None:
    shutil.copy(place(root, "2026-02.parquet"), place(root, "2026-2.parquet"))
    signed(root, lambda body: body["parts"].update({"2026-2": body["parts"]["2026-02"]}))


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
    "edited manifest": edited,
    "a month of two names": two_names,
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
    "first of no year": state(first=-(1 << 70)),
    "last of no year": state(last=1 << 70),
    "fetched in no year": state(fetched=1 << 70),
    "coverage": state(coverage={"final": [[int(TIMES[0]), int(TIMES[5])]], "provisional": []}),
    "coverage of another month": state(coverage={"final": [[START, END]], "provisional": []}),
    "coverage backwards": state(coverage={"final": [[int(TIMES[5]), int(TIMES[0])]], "provisional": []}),
    "other columns": lambda root: planted(root, february().drop_columns(["volume"])),
    "more columns": lambda root: planted(root, february(close=np.zeros(len(TIMES)))),
    "columns in another order": lambda root: planted(root, february().select(["time", "volume", "open"])),
    "NaN times": lambda root: planted(root, february(time=np.where(TIMES[9] == TIMES, np.nan, TIMES))),
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
    return pa.table({"time": int(TIMES[0]) + 1000 * np.arange(count), **{name: np.zeros(count) for name in NAMES}})


def planted_older(root: Path) -> None:
    other = opened(root, "mark")
    other.write(truth(START, END - DAY), (START, END), LATER)
    shutil.copy(place(root).parent.parent / "mark" / "1h" / "2026-03.parquet", place(root))


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_a_hole(name: str, full: Path, caplog: pytest.LogCaptureFixture) -> None:
    warm = opened(full)
    assert warm.look(START, END).holes(START, END, LATER, 0) == []
    DAMAGE[name](full)
    holes = right_or_a_hole(full)
    assert holes, "the damage was not detected"
    assert name == "no manifest" or any(record.name == "liqwidget.cache" for record in caplog.records)
    assert str(full) not in caplog.text
    assert opened(full).fetched in (None, LATER)
    assert set(Cache(full).info().symbol) <= {"BTCUSDT"}
    for span in (
        warm.look(START, END).holes(START, END, LATER, 0) + holes
    ):  # what was read before is still correct, or has become a hole
        opened(full).write(truth(*span), span, LATER)
    same(opened(full).look(START, END).rows, truth())
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
    assert holes or decoded(bytes(bad)) == decoded(good)  # JSON may differ only in whitespace or escapes


def test_nothing_is_unpacked_that_has_more_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pq.write_table(bomb(), tmp_path / "bomb", compression="zstd")
    monkeypatch.setattr(pq.ParquetFile, "read", lambda *_, **__: pytest.fail("it was unpacked"))
    with pytest.raises(ParseError, match="wanted a part of 700 rows; got 2000000"):
        decode_part((tmp_path / "bomb").read_bytes(), NAMES, 700)


def decoded(data: bytes) -> Any:
    try:
        return decode_manifest(data)
    except ParseError:
        return data
