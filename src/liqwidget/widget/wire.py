"""Frames between Python and the browser. This text is the format's only description.

A frame is self-describing and little-endian::

    offset 0   magic     4 bytes  b"LIQ1"
    offset 4   length    uint32   bytes of the header
    offset 8   header    UTF-8 JSON object, then zero bytes up to a multiple of 8
    then       body      sections, each starting at a multiple of 8, counted from the body's start

    header = {"kind": "bars" | "ledger" | "tail" | "events" | "positions", "meta": {...}, "sections": [section, ...]}
    section = {"name", "dtype": "u8" | "u16" | "u32" | "f32" | "f64", "shape": [n, ...],
               "codec": "raw" | "deflate", "offset", "bytes"}

``deflate`` is a zlib stream (RFC 1950) of the array's C-order bytes. Sections stand in the order of the
header and do not overlap. A reader checks all of it before it builds a view.

``bars`` (T columns): meta has ``time_base`` (ms since 1970 UTC), ``step`` (ms), ``revision``, and for display
``symbol exchange interval interval_ms simulated decimals width candles notices auto_decay_rate``, ``last`` (open time
of the last candle, ms), ``origin`` ("sample", "fetch" or "": how the same market can be had again) and ``day``
(volatility, a fraction, and volume, USD, of a day over the last week; 0 where nothing can be measured); of a window of
a history ``part`` (true) and, where it was cut for times that Python names, ``view`` (``time_from time_to``, ms);
sections
``gap`` u32 [T] (steps since the column before, 0 for the first), ``open high low close`` f64 [T], ``volume`` f32 [T],
and f32 [T] each that the market has: ``open_interest taker_buy_volume funding_rate long_short_ratio``.

``ledger`` (T columns, N entries): meta has ``bin_size`` (USD), ``first`` (row 0 starts at first * bin_size),
``rows``, ``leverage`` (list, L), ``age_unit`` (hours), ``revision``, ``bars`` (revision of the candles it belongs to),
``beyond`` (share of each tier whose levels lie outside the rows, L) and ``settings`` (``maintenance_rate fee_rate
turnover span`` it was built with); sections ``start`` u32 [T+1], ``row`` u16 [N], ``tier`` u8 [N], ``notional`` f32
[N], ``sweep`` u16 [T, 2] (rows [a, b)), ``hours`` f32 [T] (since the column before), and in merged columns ``age`` u8
[N]: the entry opened ``age ** 3 * age_unit`` hours before its column's close. The first column of a window of a history
holds all that stood at its close.

``tail`` (n columns): both kinds of sections and meta of the columns from ``from`` on; ``base`` and ``revision``
number the picture that it changes and the one that results.

``events`` (N marks, sums of realised liquidations): meta has ``revision``, ``base`` (0: these are all; else the
revision that these are added to), and of all of them ``placed`` and ``outside`` (liquidations drawn, and at times
without a candle), ``long_usd short_usd outside_usd``; sections ``time until`` f64 [N] (ms since 1970 UTC, half-open),
``side`` u8 [N] (0 long, 1 short), ``price`` f32 [N] (USD, NaN: not known), ``notional`` f32 [N] (USD), ``count`` u32
[N].

``positions`` (N rows that are not empty, upwards): meta has ``bin_size``, ``first`` and ``rows`` as ``ledger``,
``label``, and what lies outside the rows: ``outside_usd``, ``outside_rows``; sections ``row`` u16 [N], ``long short``
f32 [N] (USD).
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from math import gcd, prod
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..errors import WireError

if TYPE_CHECKING:
    import pandas as pd

    from ..model.ledger import Ledger

MAGIC = b"LIQ1"
MAX_TIME = 8.64e15  # ms, the last of a JavaScript date
MAX_HEADER = 65_536
MAX_SECTION = 256 * 1024 * 1024
DTYPES = {"u8": "<u1", "u16": "<u2", "u32": "<u4", "f32": "<f4", "f64": "<f8"}
PRICES = ("open", "high", "low", "close")
OPTIONAL = ("open_interest", "taker_buy_volume", "funding_rate", "long_short_ratio")
#: Sections of each kind: name -> (dtype, shape in terms of T and N, required).
BARS = {
    "gap": ("u32", ("T",), True),
    **dict.fromkeys(PRICES, ("f64", ("T",), True)),
    "volume": ("f32", ("T",), True),
    **dict.fromkeys(OPTIONAL, ("f32", ("T",), False)),
}
LEDGER = {
    "start": ("u32", ("T+1",), True),
    "row": ("u16", ("N",), True),
    "tier": ("u8", ("N",), True),
    "notional": ("f32", ("N",), True),
    "sweep": ("u16", ("T", 2), True),
    "hours": ("f32", ("T",), True),
    "age": ("u8", ("N",), False),
}
EVENTS = {
    **dict.fromkeys(("time", "until"), ("f64", ("N",), True)),
    "side": ("u8", ("N",), True),
    **dict.fromkeys(("price", "notional"), ("f32", ("N",), True)),
    "count": ("u32", ("N",), True),
}
POSITIONS = {"row": ("u16", ("N",), True), **dict.fromkeys(("long", "short"), ("f32", ("N",), True))}
KINDS: dict[str, dict[str, tuple[str, tuple[Any, ...], bool]]] = {
    "bars": BARS,
    "ledger": LEDGER,
    "tail": {**BARS, **LEDGER},
    "events": EVENTS,
    "positions": POSITIONS,
}
#: The sections whose lengths are T and N.
COUNTED = {
    "bars": {"T": "gap"},
    "ledger": {"T": "hours", "N": "row"},
    "tail": {"T": "gap", "N": "row"},
    "events": {"N": "time"},
    "positions": {"N": "row"},
}
MAX_EVENTS = 10_000

Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Frame:
    """A decoded frame: its kind, its meta data and its arrays by name."""

    kind: str
    meta: dict[str, Any]
    arrays: Arrays


def encode_frame(kind: str, meta: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]], level: int = 1) -> bytes:
    """Return the bytes of a frame; sections shrink by deflate of that level where it pays."""
    body = bytearray()
    sections = []
    for name, array in arrays.items():
        dtype = KINDS[kind][name][0]
        raw = np.ascontiguousarray(array, dtype=DTYPES[dtype]).tobytes()
        # Level 1 where a hand waits for it: level 6 takes twice the time for a tenth of the bytes.
        packed = zlib.compress(raw, level)
        codec, data = ("deflate", packed) if len(packed) < len(raw) else ("raw", raw)
        body += b"\0" * (-len(body) % 8)
        sections.append(
            {
                "name": name,
                "dtype": dtype,
                "shape": list(array.shape),
                "codec": codec,
                "offset": len(body),
                "bytes": len(data),
            }
        )
        body += data
    header = json.dumps(
        {"kind": kind, "meta": dict(meta), "sections": sections}, allow_nan=False, separators=(",", ":")
    ).encode()
    if len(header) > MAX_HEADER:
        raise WireError(f"header: wanted at most {MAX_HEADER} bytes; got {len(header)}")
    return MAGIC + len(header).to_bytes(4, "little") + header + b"\0" * (-len(header) % 8) + bytes(body)


def bars_arrays(candles: pd.DataFrame) -> tuple[dict[str, Any], Arrays]:
    """Return time meta and the sections of ``bars`` for candles with a UTC DatetimeIndex."""
    ms = candles.index.as_unit("ns").asi8 // 1_000_000
    steps = np.diff(ms, prepend=ms[:1])
    step = max(gcd(*steps.tolist()), 1)
    arrays: Arrays = {"gap": steps // step}
    for name in (*PRICES, "volume", *OPTIONAL):
        if name in candles:
            arrays[name] = candles[name].to_numpy()
    return {"time_base": int(ms[0]), "step": step}, arrays


def ledger_arrays(ledger: Ledger, age_unit: float | None = None) -> tuple[dict[str, Any], Arrays]:
    """Return meta and the sections of ``ledger``; a tail is told the ``age_unit`` of the ledger it extends."""
    arrays: Arrays = {name: getattr(ledger, name) for name in ("start", "row", "tier", "notional", "sweep", "hours")}
    unit = 0.0
    if ledger.age is not None:
        unit = float(ledger.age.max(initial=0.0)) / 255**3 if age_unit is None else age_unit
        arrays["age"] = age_steps(ledger.age, unit)
    meta = {
        "bin_size": ledger.grid.bin_size,
        "first": ledger.grid.first,
        "rows": ledger.grid.rows,
        "leverage": ledger.leverage.tolist(),
        "age_unit": unit,
    }
    return meta, arrays


def age_steps(age: npt.NDArray[np.float64], unit: float) -> npt.NDArray[np.float64]:
    """Return what ages in hours travel as: cube roots in units, 0 to 255, so that young ones are told apart best."""
    return np.minimum(np.rint(np.cbrt(age / unit)), 255.0) if unit > 0 else np.zeros_like(age)


def decode_frame(data: bytes | bytearray | memoryview) -> Frame:
    """Read and check a frame.

    Raises
    ------
    WireError
        Naming the section, what was wanted and what was found.
    """
    view = memoryview(data).cast("B")
    if len(view) < 8 or view[:4] != MAGIC:
        raise WireError(f"magic: wanted {MAGIC!r} in at least 8 bytes; found {bytes(view[:4])!r} in {len(view)}")
    length = int.from_bytes(view[4:8], "little")
    if not 2 <= length <= min(MAX_HEADER, len(view) - 8):
        raise WireError(f"header: wanted 2 to {min(MAX_HEADER, len(view) - 8)} bytes; found a length of {length}")
    try:
        header = json.loads(bytes(view[8 : 8 + length]).decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise WireError(f"header: wanted UTF-8 JSON; {error}") from None
    if not isinstance(header, dict) or not isinstance(header.get("meta"), dict):
        raise WireError("header: wanted an object with kind, meta and sections")
    kind = header.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise WireError(f"kind: wanted one of {', '.join(KINDS)}; found {str(kind)[:40]!r}")
    sections = header.get("sections")
    if not isinstance(sections, list):
        raise WireError("sections: wanted a list")
    body = view[8 + length + (-length % 8) :]
    arrays: Arrays = {}
    end = 0
    for section in sections:
        name, array, end = _section(section, KINDS[kind], body, end)
        if name in arrays:
            raise WireError(f"section {name}: wanted once; found twice")
        arrays[name] = array
    if end != len(body):
        raise WireError(f"body: wanted {end} bytes; found {len(body)}")
    _check_shapes(kind, arrays)
    meta = header["meta"]
    if kind in ("bars", "tail"):
        _check_bars(meta, arrays)
    if kind in ("ledger", "tail"):
        _check_ledger(meta, arrays)
    if kind == "tail":
        for name in ("from", "base", "revision"):
            _integer(meta, name, 0, 2**32)
    if kind == "events":
        _check_events(meta, arrays)
    if kind == "positions":
        _check_positions(meta, arrays)
    return Frame(kind, meta, arrays)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _section(section: Any, known: Mapping[str, Any], body: memoryview, end: int) -> tuple[str, npt.NDArray[Any], int]:
    name = section.get("name") if isinstance(section, dict) else None
    if not isinstance(name, str) or name not in known:
        raise WireError(f"section: wanted one of {', '.join(known)}; found {str(name)[:40]!r}")
    if section.get("dtype") != known[name][0]:
        raise WireError(f"section {name}: wanted dtype {known[name][0]}; found {str(section.get('dtype'))[:40]!r}")
    shape, codec = section.get("shape"), section.get("codec")
    if not isinstance(shape, list) or len(shape) != len(known[name][1]) or not all(_natural(n) for n in shape):
        raise WireError(f"section {name}: wanted {len(known[name][1])} dimensions; found {str(shape)[:40]}")
    dtype = np.dtype(DTYPES[section["dtype"]])
    size = prod(shape) * dtype.itemsize
    offset, count = section.get("offset"), section.get("bytes")
    if not _natural(offset) or not _natural(count) or offset != end + (-end % 8) or offset + count > len(body):
        raise WireError(
            f"section {name}: wanted {str(count)[:20]} bytes at {end + (-end % 8)} inside a body of {len(body)}; "
            f"found offset {str(offset)[:20]}"
        )
    if size > MAX_SECTION:
        raise WireError(f"section {name}: wanted at most {MAX_SECTION} bytes; found {size}")
    packed = body[offset : offset + count]
    if codec == "raw":
        raw = bytes(packed)
    elif codec == "deflate":
        inflate = zlib.decompressobj()
        try:
            raw = inflate.decompress(packed, size + 1)
        except zlib.error as error:
            raise WireError(f"section {name}: wanted a zlib stream; {error}") from None
        if not inflate.eof and len(raw) <= size:
            raise WireError(f"section {name}: wanted a whole zlib stream; found its beginning")
        if inflate.unused_data:
            raise WireError(f"section {name}: wanted one zlib stream; found {len(inflate.unused_data)} bytes after it")
    else:
        raise WireError(f"section {name}: wanted codec raw or deflate; found {str(codec)[:40]!r}")
    if len(raw) != size:
        raise WireError(f"section {name}: wanted {size} bytes of {section['dtype']} {shape}; found {len(raw)}")
    return name, np.frombuffer(raw, dtype).reshape(shape), offset + count


def _natural(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**32


def _check_shapes(kind: str, arrays: Arrays) -> None:
    for name, (_, _, required) in KINDS[kind].items():
        if required and name not in arrays:
            raise WireError(f"section {name}: wanted in a {kind} frame; found {', '.join(arrays) or 'no sections'}")
    sizes: dict[Any, int] = {dim: len(arrays[name]) for dim, name in COUNTED[kind].items()}
    if sizes.get("T", 1) < 1:
        raise WireError("columns: wanted at least one; found none")
    sizes |= {"T+1": sizes.get("T", 0) + 1, 2: 2}
    for name, array in arrays.items():
        wanted = tuple(sizes[n] for n in KINDS[kind][name][1])
        if array.shape != wanted:
            raise WireError(f"section {name}: wanted shape {list(wanted)}; found {list(array.shape)}")


def _check_bars(meta: dict[str, Any], arrays: Arrays) -> None:
    _number(meta, "time_base", -1e15, 1e15)
    _number(meta, "step", 1, 1e13)
    gap = arrays["gap"]
    if gap[0] != 0 or (gap[1:] == 0).any():
        raise WireError("section gap: wanted 0 for the first column and more for the others; found otherwise")
    if abs(meta["time_base"] + float(gap.sum(dtype=np.float64)) * meta["step"]) > MAX_TIME:
        raise WireError("section gap: wanted times that a calendar has; found later ones")
    for name in PRICES:
        if not (np.isfinite(arrays[name]).all() and (arrays[name] > 0).all()):
            raise WireError(f"section {name}: wanted finite positive prices; found otherwise")
    if not (np.isfinite(arrays["volume"]).all() and (arrays["volume"] >= 0).all()):
        raise WireError("section volume: wanted finite numbers >= 0; found otherwise")


def _check_grid(meta: dict[str, Any], arrays: Arrays) -> int:
    _number(meta, "bin_size", 1e-300, 1e300)
    _integer(meta, "first", -(2**53), 2**53)
    rows = _integer(meta, "rows", 1, 65_535)
    if (arrays["row"] >= rows).any():
        raise WireError(f"section row: wanted rows below {rows}; found {arrays['row'].max()}")
    return rows


def _check_ledger(meta: dict[str, Any], arrays: Arrays) -> None:
    rows = _check_grid(meta, arrays)
    _number(meta, "age_unit", 0, 1e9)
    leverage = meta.get("leverage")
    if not isinstance(leverage, list) or not 1 <= len(leverage) <= 32:
        raise WireError(f"meta leverage: wanted 1 to 32 tiers; found {str(leverage)[:40]}")
    for tier in leverage:
        _number({"leverage": tier}, "leverage", 1, 1000)
    start, sweep = arrays["start"].astype(np.int64), arrays["sweep"]
    if start[0] != 0 or start[-1] != len(arrays["row"]) or (np.diff(start) < 0).any():
        raise WireError(f"section start: wanted rising from 0 to {len(arrays['row'])}; found otherwise")
    if (arrays["tier"] >= len(leverage)).any():
        raise WireError(f"section tier: wanted tiers below {len(leverage)}; found {arrays['tier'].max()}")
    if (sweep[:, 0] > sweep[:, 1]).any() or (sweep[:, 1] > rows).any():
        raise WireError(f"section sweep: wanted 0 <= a <= b <= {rows}; found otherwise")
    _check_amounts(arrays, "notional", "hours")


def _check_events(meta: dict[str, Any], arrays: Arrays) -> None:
    for name in ("base", "revision"):
        _integer(meta, name, 0, 2**32)
    for name in ("placed", "outside"):
        _integer(meta, name, 0, 2**53)
    for name in ("long_usd", "short_usd", "outside_usd"):
        _number(meta, name, 0, 1e300)
    time, until, price = arrays["time"], arrays["until"], arrays["price"]
    if len(time) > MAX_EVENTS:
        raise WireError(f"section time: wanted at most {MAX_EVENTS} marks; found {len(time)}")
    # NaN fails each of these comparisons.
    if not ((np.abs(time) <= MAX_TIME).all() and (time[1:] >= time[:-1]).all()):
        raise WireError("section time: wanted times that a calendar has, none before the last; found otherwise")
    if not ((until > time) & (until <= MAX_TIME)).all():
        raise WireError("section until: wanted times after those of section time; found otherwise")
    if (arrays["side"] > 1).any():
        raise WireError(f"section side: wanted 0 or 1; found {arrays['side'].max()}")
    if not (np.isnan(price) | ((price > 0) & (price < np.inf))).all():
        raise WireError("section price: wanted finite positive prices or NaN; found otherwise")
    if (arrays["count"] < 1).any():
        raise WireError("section count: wanted at least 1; found 0")
    _check_amounts(arrays, "notional")


def _check_positions(meta: dict[str, Any], arrays: Arrays) -> None:
    _check_grid(meta, arrays)
    if not isinstance(meta.get("label"), str):
        raise WireError(f"meta label: wanted text; found {str(meta.get('label'))[:40]!r}")
    _number(meta, "outside_usd", 0, 1e300)
    _integer(meta, "outside_rows", 0, 2**53)
    if (np.diff(arrays["row"].astype(np.int64)) <= 0).any():
        raise WireError("section row: wanted rising rows; found otherwise")
    _check_amounts(arrays, "long", "short")


def _check_amounts(arrays: Arrays, *names: str) -> None:
    for name in names:
        if not (np.isfinite(arrays[name]).all() and (arrays[name] >= 0).all()):
            raise WireError(f"section {name}: wanted finite numbers >= 0; found otherwise")


def _number(meta: Mapping[str, Any], name: str, low: float, high: float) -> float:
    value = meta.get(name)
    # No isfinite: an int beyond float64 would overflow there, and NaN and infinity fail the comparison.
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise WireError(f"meta {name}: wanted a number from {low:g} to {high:g}; found {str(value)[:40]!r}")
    return float(value)


def _integer(meta: Mapping[str, Any], name: str, low: int, high: int) -> int:
    value = meta.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise WireError(f"meta {name}: wanted a whole number from {low} to {high}; found {str(value)[:40]!r}")
    return value
