"""Hostile uploads, through all that an upload passes: any name, damaged files, bombs; refusals are in our words."""

from __future__ import annotations

import gzip
import io
import os
import random
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import pytest

import liqwidget as lw
from liqwidget.app.data_form.controls import DataControls
from liqwidget.app.data_form.loading import FromUpload, FromVenue, Job
from liqwidget.app.data_form.table_file import safe_name
from liqwidget.app.failure import failure_text
from liqwidget.errors import InputError
from liqwidget.market.files.table_file import KINDS
from liqwidget.serve.settings import ENVIRONMENT

FRAME = lw.load_sample().candles.tail(200).reset_index()
CSV = FRAME.to_csv(index=False).encode()
#: What only programs say.
FOREIGN = re.compile(r"[A-Za-z]*(Error|Exception)\b|Traceback|pyarrow|zipfile|zlib|malloc|C error|codec|decompress|XML")


def zipped(content: bytes, name: str = "a.csv", method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


def saved(write: Callable[[io.BytesIO], object]) -> bytes:
    buffer = io.BytesIO()
    write(buffer)
    return buffer.getvalue()


PUBLISHED = "BTCUSDT-5m-2026-01-07.zip"
FILES = {
    "a.csv": CSV,
    "a.json": FRAME.to_json(orient="records", date_format="iso").encode(),
    "a.jsonl": FRAME.to_json(orient="records", lines=True, date_format="iso").encode(),
    "a.parquet": saved(FRAME.to_parquet),
    "a.feather": saved(lambda into: FRAME.to_feather(into, compression="zstd")),
    "a.xlsx": saved(lambda into: FRAME.assign(time=FRAME["time"].astype(str)).to_excel(into, index=False)),
    "a.csv.gz": gzip.compress(CSV),
    "a.zip": zipped(CSV),
    "lzma.zip": zipped(CSV, method=zipfile.ZIP_LZMA),
    "bz2.zip": zipped(CSV, method=zipfile.ZIP_BZIP2),
    "BTCUSDT-5m-2026-01-08.zip": zipped(CSV, "BTCUSDT-5m-2026-01-08.csv", zipfile.ZIP_LZMA),
    PUBLISHED: zipped(CSV, PUBLISHED.replace(".zip", ".csv")),
    "BTCUSDT2026-01-07.csv.gz": gzip.compress(CSV),
}


def load(name: str, content: bytes) -> tuple[str, list[Any]]:
    """Return what the visitor reads after uploading a file, and the markets shown."""
    shown: list[Any] = []
    said: list[str] = []
    Job(FromUpload(safe_name(name), content, "X"), shown.append, lambda *_: None, said.append)._run()
    return said[0], shown


NAMES = [
    "比特币.csv",
    "بيتكوين.csv.gz",
    "\U0001f600\U0001f468‍\U0001f469‍\U0001f467.json",
    "é̂̃" * 20 + ".parquet",
    "字" * 84 + ".csv",  # 255 bytes in UTF-8
    "x" * 251 + ".csv",
    "\u202egpj.csv",
    "\ud800.csv",
    "my candles (1).CSV",
    "a\0b\r\n.csv",
    "con.csv",
    "BTCUSDT–5m.csv",
]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_file_may_have_any_name(name: str) -> None:
    plain = safe_name(name)
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}", plain)
    assert plain.lower().endswith(KINDS)
    assert load(name, CSV)[0] == ""


@pytest.mark.parametrize(
    "name", ["\u202evsc.exe", "\u2067比特币", "字" * 85, "\ud800", ".csv", "/", "a.csv\u202e"], ids=ascii
)
def test_a_name_of_no_table_is_shown_safely(name: str) -> None:
    with pytest.raises(InputError) as refused:
        safe_name(name)
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize("name", FILES)
def test_damaged_files_are_refused_in_our_words(name: str, caplog: pytest.LogCaptureFixture) -> None:
    chance, whole = random.Random(name), FILES[name]
    for number in range(60):
        raw = bytearray(whole)
        if number % 3 == 0:
            del raw[chance.randrange(len(raw)) :]
        for _ in range(number % 3 * 3):
            if raw:
                raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
        if number % 5 == 0:  # a size, an offset or a number of rows is huge
            at = chance.randrange(max(len(raw) - 4, 1))
            raw[at : at + 4] = b"\xff\xff\xff\x7f"
        said, shown = load(name, bytes(raw))
        assert bool(said) != bool(shown)
        assert not FOREIGN.search(said), said
        assert said.isprintable()
    assert caplog.records == []  # nothing that this program did not foresee


@pytest.mark.parametrize("name", FILES)
def test_the_ending_is_not_believed(name: str) -> None:
    for other in FILES:
        said, shown = load(other, FILES[name])
        assert bool(said) != bool(shown)
        assert not FOREIGN.search(said), said


BOMBS = """
import gzip, io, resource, sys, zipfile
import pandas as pd, numpy as np
import liqwidget as lw
from test_attacks_upload import load, saved, zipped

kind = sys.argv[1]
line = b"1738368000,1,1,1,1,1\\n"
zeros = lambda: pd.DataFrame(dict.fromkeys(["time", "open", "high", "low", "close", "volume"], np.zeros(5_000_000)))
if kind == "csv.gz":
    raw = gzip.compress(line * 5_000_000, 1)
elif kind == "zip":
    raw = zipped(line * 5_000_000)
elif kind == "json":
    raw = b"[" + b"[1,1,1,1,1.5,1]," * 3_900_000 + b"[1,1,1,1,1,1]]"
elif kind == "parquet":
    raw = saved(zeros().to_parquet)
elif kind == "feather":
    raw = saved(lambda into: zeros().to_feather(into, compression="zstd"))
else:
    row = b"<row>" + b"<c><v>1</v></c>" * 6 + b"</row>"
    sheet = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>' + row * 600_000
    with zipfile.ZipFile(io.BytesIO(saved(lambda into: pd.DataFrame([[1]]).to_excel(into)))) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    parts["xl/worksheets/sheet1.xml"] = sheet + b"</sheetData></worksheet>"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    raw = buffer.getvalue()
used = next(int(row.split()[1]) for row in open("/proc/self/status") if row.startswith("VmData")) << 10
resource.setrlimit(resource.RLIMIT_DATA, (used + (150 << 20),) * 2)
assert len(raw) < 64 << 20, len(raw)
print(load("a." + kind, raw)[0])
print(load("a.csv", lw.load_sample().candles.tail(200).reset_index().to_csv(index=False).encode())[0] or "goes on")
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory of a process is bounded on Linux only")
@pytest.mark.parametrize("kind", ["csv.gz", "zip", "json", "parquet", "feather", "xlsx"])
def test_what_does_not_fit_into_memory_is_refused_and_the_kernel_goes_on(kind: str) -> None:
    code = f"import sys; sys.path[:0] = {[*sys.path]!r} + {[__file__.rpartition('/')[0]]!r}\n{BOMBS}"
    command, env = [sys.executable, "-c", code, kind], {**os.environ, **ENVIRONMENT}
    run = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=300)
    assert run.returncode == 0, run.stderr[-2000:]
    said, then = run.stdout.splitlines()
    assert "memory" in said
    assert not FOREIGN.search(said), said
    assert then == "goes on", run.stderr[-2000:]


@pytest.mark.parametrize("days", [1e9, -1.0, 0.0, float("nan"), float("inf"), 1e300, 365.1])
def test_the_range_of_days_is_bounded_without_the_browser(days: float) -> None:
    said: list[str] = []
    Job(FromVenue("BTCUSDT", "binance", "1m", days), said.append, lambda *_: None, said.append)._run()  # type: ignore[arg-type]
    assert said[0].startswith("days: wanted a number above 0, at most 365; got ")
    with pytest.raises(InputError, match="days: wanted a number above 0"):
        lw.fetch("BTCUSDT", days=days if not 0 < days < 1e6 else 1e9, offline=True)


@pytest.mark.parametrize("until", [date(9999, 12, 31), date(9999, 12, 30), date(1, 1, 1), date(1677, 1, 1)])
def test_any_last_day_is_answered_in_our_words(until: date) -> None:
    said: list[str] = []
    Job(FromVenue("BTCUSDT", "nowhere", "1m", 7.0, until), said.append, lambda *_: None, said.append)._run()  # type: ignore[arg-type]
    assert not FOREIGN.search(said[0]), said


@pytest.mark.parametrize("value", [1e9, -1e9, -0.0, 10**400, "7", None, [7], {"value": 7}, float("nan")])
def test_a_message_sets_no_other_days_than_the_form_offers(value: object) -> None:
    controls = DataControls(lambda _: None, lambda: None, paths=False, uploads=True)
    app = lw.explore()
    field = app.controls.days
    field.set_state({"value": value})
    assert 0.04 <= field.value <= 365.0
    app.close()
    controls.close()


@pytest.mark.parametrize(
    "error", [MemoryError(), np.exceptions.AxisError(3, 1), KeyError("open_interest"), OSError(28, "x")]
)
def test_no_exception_of_a_library_is_shown(error: Exception) -> None:
    said = failure_text(error, "load")
    assert said.startswith("load: wanted ")
    assert not FOREIGN.search(said)
    assert "open_interest" not in said
