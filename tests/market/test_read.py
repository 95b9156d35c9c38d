"""Files as found in practice: one reader for upload, path and Market.read; damaged or hostile files are refused."""

from __future__ import annotations

import gzip
import io
import json
import sys
import tempfile
import tracemalloc
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_times_and_rows import CANDLES, INDEX, NAMES, SECONDS, frame, is_right

import liqwidget as lw
from liqwidget.app.data_form.table_file import read_file
from liqwidget.errors import LiqError
from liqwidget.market.files import unpack
from liqwidget.market.files.table_file import table_of
from liqwidget.market.market import Market

ISO = list(INDEX.strftime("%Y-%m-%d %H:%M:%S+00:00"))
PLAIN = frame(ISO).to_csv(index=False)
ROWS = PLAIN.split("\n", 1)[1]
GERMAN = frame(ISO).to_csv(index=False, sep=";", decimal=",")


def german_groups() -> str:
    """As Excel displays it in German: 97.000,00 and day first."""
    lines = ["Datum;open;high;low;close;volume".replace("Datum", "date")]
    for time, candle in zip(INDEX, CANDLES, strict=True):
        cells = [f"{cell:,.2f}".translate(str.maketrans(",.", ".,")) for cell in candle]
        lines.append(";".join([time.strftime("%Y-%m-%d %H:%M"), *cells]))
    return "\n".join(lines)


def american_groups() -> str:
    """As Investing.com writes it: quoted, with thousands separators, newest first."""
    rows = [
        f'"{second}",' + ",".join(f'"{cell:,.2f}"' for cell in candle)
        for second, candle in zip(SECONDS, CANDLES, strict=True)
    ]
    return "\n".join(['"Timestamp","Open","High","Low","Close","Volume"', *rows[::-1]])


def yfinance(with_names: bool = True) -> str:
    lines = ["Price,Open,High,Low,Close,Volume", "Ticker" + ",BTC-USD" * 5]
    return "\n".join([*lines, *(["Datetime,,,,,"] if with_names else []), ROWS])


TEXTS = {
    "comma": PLAIN,
    "semicolon and decimal comma": GERMAN,
    "tab": frame(ISO).to_csv(index=False, sep="\t"),
    "tab and decimal comma": frame(ISO).to_csv(index=False, sep="\t", decimal=","),
    "bar": frame(ISO).to_csv(index=False, sep="|"),
    "points between thousands": german_groups(),
    "commas between thousands": american_groups(),
    "address on top": f"https://www.example.com/data,free\n{PLAIN}",
    "three lines on top": f"Source: x\n\nDownloaded, today\n{PLAIN}",
    "hash before the names": f"# {PLAIN}",
    "no header": ROWS,
    "no header, seconds": frame().to_csv(index=False, header=False),
    "Kraken": frame().assign(n=11).to_csv(index=False, header=False),
    "an index": frame(ISO).set_index("time").to_csv(),
    "an index of numbers": frame(ISO).to_csv(),
    "yfinance": yfinance(),
    "yfinance without the third": yfinance(False),
    "a comma at the end": PLAIN.replace("\n", ",\n"),
    "a comma at the end of rows": PLAIN.split("\n", 1)[0] + "\n" + ROWS.replace("\n", ",\n"),
    "CR LF": PLAIN.replace("\n", "\r\n"),
    "blank lines": PLAIN.replace("\n", "\n\n"),
    "quoted": frame(ISO).astype(str).to_csv(index=False, quoting=1),
    "spaces": PLAIN.replace(",", ", "),
    "newest first": frame(ISO).iloc[::-1].to_csv(index=False),
    "MetaTrader": "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\n"
    + "\n".join(
        "\t".join([time.strftime("%Y.%m.%d\t%H:%M:%S"), *map(str, candle[:4]), "7", str(candle[4])])
        for time, candle in zip(INDEX, CANDLES, strict=True)
    ),
}
OBJECTS: dict[str, Any] = {
    "rows": frame().to_numpy().tolist(),
    "objects": frame().to_dict("records"),
    "columns": frame().to_dict("list"),
    "TradingView": {"s": "ok", **frame(name="t").set_axis(list("tohlcv"), axis=1).to_dict("list")},
    "Bybit": {"retCode": 0, "result": {"symbol": "BTCUSDT", "list": frame().astype(str).to_numpy().tolist()[::-1]}},
    "Kraken": {"error": [], "result": {"XXBTZUSD": frame().to_numpy().tolist(), "last": 5}},
    "Coinbase": {"candles": frame(name="start").rename(columns={"start": "time"}).astype(str).to_dict("records")},
    **{
        f"pandas {orient}": json.loads(frame().to_json(orient=orient))
        for orient in ("columns", "records", "split", "values", "table")
    },
    "pandas index": json.loads(frame(ISO).set_index("time").to_json(orient="index")),
}


def file_of(kind: str) -> bytes:
    """The candles as a file of a binary format."""
    table, buffer = frame(INDEX.tz_localize(None)), io.BytesIO()
    if kind == "parquet":
        table.to_parquet(buffer)
    elif kind == "parquet with an index":
        table.set_index("time").to_parquet(buffer)
    elif kind.startswith("feather"):
        import pyarrow.feather

        pyarrow.feather.write_feather(table, buffer, compression=kind.split()[1])
    else:
        with pd.ExcelWriter(buffer, engine="openpyxl") as writer:
            table.to_excel(writer, index=kind == "Excel with an index", startrow=3 * (kind == "Excel with a title"))
            if kind == "Excel with a title":
                writer.book.worksheets[0]["A1"] = "My candles"
                writer.book.create_sheet("empty")
    return buffer.getvalue()


def read(raw: bytes) -> Market:
    """The market read from the bytes of a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "any name.bin"
        path.write_bytes(raw)
        return Market.read(path)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_text_as_people_have_it(text: str) -> None:
    assert is_right(read(text.encode()))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_encodings(encoding: str) -> None:
    text = GERMAN.replace("volume", "volume;note €").replace("\n", ";ä\n").replace(";note €;ä", ";note €")
    assert is_right(read(text.encode(encoding)))


@pytest.mark.parametrize("whole", OBJECTS.values(), ids=OBJECTS.keys())
def test_json_as_venues_send_it(whole: Any) -> None:
    assert is_right(read(json.dumps(whole).encode()))
    assert is_right(read(json.dumps(whole, indent=1).encode("utf-8-sig")))


def test_json_a_line() -> None:
    for orient in (frame().to_dict("records"), frame().to_numpy().tolist()):
        assert is_right(read("\n".join(map(json.dumps, orient)).encode()))


@pytest.mark.parametrize(
    "kind",
    [
        *("parquet", "parquet with an index", "feather zstd", "feather lz4", "feather uncompressed"),
        *("Excel", "Excel with an index", "Excel with a title"),
    ],
)
def test_binary_kinds(kind: str) -> None:
    assert is_right(read(file_of(kind)))


def zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/"), content)
    return buffer.getvalue()


def test_packed_files() -> None:
    text = PLAIN.encode()
    for raw in (
        gzip.compress(text),
        zipped(a=text),
        zipped(a=gzip.compress(text)),
        zipped(**{"/MACOSX__._a": b"x", "folder__a": text, "a.CHECKSUM": b"y"}),
        zipped(a=file_of("parquet")),
        gzip.compress(json.dumps(OBJECTS["rows"]).encode()),
    ):
        assert is_right(read(raw))


def test_upload_path_and_market_read_are_one(tmp_path: Path) -> None:
    path = tmp_path / "candles.csv"
    path.write_text(GERMAN, encoding="utf-16")
    assert is_right(read_file(path, "MINE"))
    assert Market.read(str(path), symbol="MINE", exchange="okx").exchange == "okx"


@pytest.mark.parametrize("name", ["btcusdt_5m_2024-09.csv.gz", "xbtusd_1m_2020-03.csv.gz"])
def test_real_files_have_the_numbers_that_pandas_reads(shared_data: Callable[[str], Path], name: str) -> None:
    path = shared_data(name)
    pd.testing.assert_frame_equal(Market.read(path).candles, Market.from_frame(pd.read_csv(path)).candles)


# Rejected input


def line(text: str, number: int, old: str, new: str) -> bytes:
    """A text with one line changed; line numbers start at 1."""
    lines = text.split("\n")
    lines[number - 1] = lines[number - 1].replace(old, new)
    return "\n".join(lines).encode()


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (line(PLAIN, 5, "97433.44", "abc"), r"open must be a number; line 5 \(2025-02-01 00:15 UTC\) has 'abc'"),
        (line(f"https://x.example\n{PLAIN}", 6, "97433.44", "-1"), r"open must be a finite price above 0; line 6 "),
        (line(PLAIN, 7, "2025", "1925"), r"from 2009 to 2100; line 7 of 'time' is '1925"),
        (line(PLAIN, 2, "32.8", "32.8,9,9"), "wanted 6 cells in each line; line 2 has 8"),
        (line(PLAIN, 9, "115.33", "115.33,9,9"), "wanted 6 cells in each line; got line 9 with 8"),
        (line(PLAIN, 9, ",97745.03", ""), r"volume must be a finite number, 0 or more; line 9 .* has nan"),
        (line(GERMAN, 5, "97433,44", "97433.44"), "wanted one decimal mark; got .*in line"),
        (
            "\n".join(["t;o;h;l;c;v", *[f"{1738368000 + 60 * i};97,215;97,216;97,214;97,215;1" for i in range(9)]]),
            r"'97,215' in line 2 may be 97.215 or 97215. Read it with pd.read_csv",
        ),
        (yfinance().replace(",BTC-USD,BTC-USD", ",BTC-USD,ETH-USD"), r"one symbol; got 'BTC-USD', 'ETH-USD'. Pick one"),
        (b"\xd0\xcf\x11\xe0" + bytes(99), "an old Excel workbook"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (b"\x80\x04\x95", "a pickle. Save it as Parquet"),
        (b"BZh91AY", "got bzip2. Unpack it first"),
        (b"SQLite format 3\0", "an SQLite database"),
        (b"PAR1 no such thing PAR1", "wanted Parquet; got what cannot be read"),
        (b"ARROW1\0\0 no such thing", "wanted Feather; got what cannot be read"),
        (zipped(**{"xl__workbook.xml": b"<x/>"}), "wanted a workbook of Excel; got what cannot be read"),
        (zipped(a=b"x", b=b"y"), "wanted a zip of one table; got 2 files: 'a', 'b'"),
        (zipped(a=zipped(b=zipped(c=b"x"))), "at most 2 layers"),
        (b"{}", "wanted JSON with candles"),
        (b"[[[[[", r"wanted JSON; line 1 cannot be read"),
        (b"[" * 100_000 + b"]" * 100_000, "cannot be read"),
        (b'{"a": ' + b"9" * 5_000 + b"}", "cannot be read"),
        (json.dumps({"a": OBJECTS["rows"], "b": OBJECTS["rows"]}).encode(), "got 2 of 12 rows: 'a', 'b'"),
        (json.dumps([[1, 2]] * 3).encode(), "wanted JSON with candles"),
        (b"time,open,high,low,close,volume\n", "wanted at least one row"),
        (b"hello", "at least 5 columns, separated by one of tab"),
        (b",".join([b"1"] * 40_000), "lines of at most 64 kB; line 1 is longer"),
        (PLAIN.encode() + b"," * 70_000, "line 14 is longer"),
        (b"1," * 1_500 + b"1\n", "at most 1,000 columns; got 1,501"),
        (b"\0\1\2", "binary data"),
    ],
    # An archive contains its creation time: ids made of its bytes would differ between processes.
    ids=lambda value: "bytes" if isinstance(value, bytes) else None,
)
def test_refusals_name_the_line_and_the_cure(raw: Any, said: str) -> None:
    with pytest.raises(LiqError, match=said) as caught:
        read(raw.encode() if isinstance(raw, str) else raw)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 700


@pytest.mark.parametrize("path", [None, 3, b"x", "", "/no/such/file.csv", "a\0b", "/dev/null", "/", "x" * 5000])
def test_paths_that_are_no_files(path: Any) -> None:
    with pytest.raises(LiqError):
        Market.read(path)


@pytest.mark.parametrize(
    ("module", "kind"), [("openpyxl", "Excel"), ("pyarrow", "parquet"), ("pyarrow", "feather lz4")]
)
def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch, module: str, kind: str) -> None:
    raw = file_of(kind)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(lw.InputError, match=f"wanted {module} to read .*not installed. pip install"):
        read(raw)


def test_bombs_are_refused_in_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    import pyarrow as pa
    import pyarrow.feather

    monkeypatch.setattr(unpack, "MAX_UNPACKED", 4_000_000)
    monkeypatch.setattr("liqwidget.market.files.workbook._MAX_XML", 4_000_000)
    zeros = pd.DataFrame(dict.fromkeys(["time", *NAMES], np.zeros(400_000)))
    feather, dictionary, parquet = io.BytesIO(), io.BytesIO(), io.BytesIO()
    pyarrow.feather.write_feather(zeros, feather, compression="zstd")
    words = pa.array(["x" * 1_000_000 + str(i) for i in range(9)]).dictionary_encode()
    pyarrow.feather.write_feather(pa.table({"a": words}), dictionary, compression="zstd")
    zeros.to_parquet(parquet)
    line = b"1738368000,1,1,1,1,1\n"
    for raw in (
        gzip.compress(bytes(9_000_000)),
        zipped(a=bytes(9_000_000)),
        zipped(a=gzip.compress(line * 500_000)),
        zipped(**{"xl__a.xml": bytes(9_000_000)}),
        feather.getvalue(),
        dictionary.getvalue(),
        parquet.getvalue(),
        line + b",\n" * 1_999_000,
        json.dumps([{f"{i} {j}": 0 for j in range(50)} for i in range(500)]).encode(),  # 25,000 names
        json.dumps({name: {f"{name}{i}": 0 for i in range(200)} for name in [*NAMES, *map(str, range(900))]}).encode(),
        json.dumps({str(i): {"open": 0, "close": 0, f"x{i}": 0} for i in range(1_200)}).encode(),
    ):
        assert len(raw) < 4_000_000
        tracemalloc.start()
        with pytest.raises(lw.InputError, match=r"unpacked|Save the sheet"):
            table_of(raw)
        assert tracemalloc.get_traced_memory()[1] < 40_000_000
        tracemalloc.stop()


# Fuzzing: only LiqError is raised

KINDS = [text.encode() for text in TEXTS.values()] + [json.dumps(whole).encode() for whole in OBJECTS.values()]
KINDS += [file_of(kind) for kind in ("parquet", "feather zstd", "feather uncompressed", "Excel")]
KINDS += [gzip.compress(PLAIN.encode()), zipped(a=PLAIN.encode())]
TOKENS = [b",", b";", b"\n", b"\r", b'"', b"\t", b"nan", b"-", b"1e999", b"9" * 30, b"[", b"{", b"}", b"]", b"null"]
TOKENS += [
    b"\0",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    "٣".encode(),
    b"time",
    b"inf",
    b".",
    b"20250201000500",
    b"\x1f\x8b",
    b"true",
]
PIECE = st.one_of(st.sampled_from(TOKENS), st.binary(max_size=6), st.text(max_size=4).map(str.encode))


def survives(raw: bytes) -> None:
    """Read a file, or have it refused with one of our errors."""
    with suppress(LiqError):
        Market.from_frame(table_of(raw).frame, sort=True)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(KINDS), st.lists(st.tuples(st.floats(0, 1), PIECE, st.integers(0, 40)), min_size=1, max_size=5))
def test_damaged_files_raise_nothing_else(raw: bytes, changes: list[tuple[float, bytes, int]]) -> None:
    for place, piece, cut in changes:
        at = int(place * len(raw))
        raw = raw[:at] + piece + raw[at + cut :]
    survives(raw)


CELL = st.one_of(
    st.sampled_from(
        ["", "nan", "1", "1,5", "1.5", "1.000,5", "1,000.5", "open", "time", "2025-02-01", "20250201", "00:05"]
    ),
    st.integers(-(2**70), 2**70).map(str),
    st.floats().map(str),
    st.text(max_size=8),
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from([",", ";", "\t", "|"]), st.lists(st.lists(CELL, min_size=4, max_size=9), max_size=9))
def test_tables_of_anything_raise_nothing_else(separator: str, rows: list[list[str]]) -> None:
    survives("\n".join(separator.join(row) for row in rows).encode("utf-8", "surrogatepass"))


ANY = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.sampled_from(SECONDS), st.text(max_size=5)),
    lambda some: (
        st.lists(some, max_size=7)
        | st.dictionaries(st.sampled_from(["time", *NAMES, "data", "columns", "index"]), some, max_size=7)
    ),
    max_leaves=40,
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ANY)
def test_json_of_anything_raises_nothing_else(whole: Any) -> None:
    survives(json.dumps(whole).encode())
