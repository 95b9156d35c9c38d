"""Frames between Python and the browser. This text is the only specification of the format.

A frame is self-describing and little-endian::

    offset 0   magic     4 bytes  b"LIQ1"
    offset 4   length    uint32   bytes of the header
    offset 8   header    UTF-8 JSON object, then zero bytes up to a multiple of 8
    then       body      sections, each starting at a multiple of 8, counted from the body's start

    header = {"kind": "bars" | "model" | "ledger" | "tail" | "events" | "positions", "meta": {...}, "sections": [...]}
    section = {"name", "dtype": "u8" | "u16" | "u32" | "i32" | "f32" | "f64", "shape": [n, ...],
               "codec": "raw" | "deflate", "offset", "bytes"}

``raw`` are the array's C-order bytes. ``deflate`` is a zlib stream (RFC 1950) of the same bytes by significance: the
first byte of every value, then the second byte of every value and so on. Sections stand in the order of the header and
do not overlap. A reader checks all of this before it builds a view.

``bars`` (T columns): meta has ``time_base`` (ms since 1970 UTC), ``step`` (ms), ``revision``, and for display ``symbol
exchange contract interval interval_ms simulated decimals candles notices auto_decay_rate``, ``last`` (open time of the
last candle, ms), ``origin`` ("sample", "fetch" or "": how the same market can be had again) and ``day`` (volatility, a
fraction, and volume, USD, of a day over the last week; 0 where nothing can be measured); of a window of a history
``part`` (true), ``width`` (candles in a column) and, where it was cut for times that Python names, ``view``
(``time_from time_to``, ms). Sections: ``gap`` f64 [T] (steps since the column before, 0 for the first), ``open high low
close`` [T], ``volume`` f32 [T] (coins); where open interest is known ``open_interest`` f32 [T] (coins, NaN: not known);
and for a market that the browser replays ``open_interest_change`` f32 [T] (coins since the candle before, 0 where
either is not known) and, where the venue publishes mark prices, ``mark_low mark_high`` [T] (NaN: not known).
Of a combined market meta has ``venues`` (V names), and there are ``venue_volume venue_open_interest
venue_open_interest_change`` f32 [V, T], as the three without ``venue_``.

Prices are f64, or i32 where all of them are whole numbers of ticks and meta has ``ticks`` (a USD) and ``first_tick``
(the first open, in ticks): ``open`` counts from the close before (the first from ``first_tick``), ``close`` from the
open, ``high`` from the larger and ``low`` from the smaller of these two, ``mark_low`` from the low, ``mark_high`` from
the high; there -2**31 is a price that is not known.

``model`` (no sections): what the browser needs to replay candles. meta has ``revision``, ``bars`` (revision of the
candles it belongs to), ``row_size`` (USD), ``first`` (row 0 starts at first * row_size), ``rows``, ``leverage`` (list,
L), ``k_long k_short`` (liquidation price over entry price, L; with contracts of G kinds G * L, one kind after the
other, and ``contracts``: the number of the kind of each venue), ``maintenance_rate fee_rate span``, ``turnover``
("auto" or a share), ``beyond`` (share of each tier whose levels lie outside the rows, L) and ``settings`` (what the
widget was made with).

``ledger`` (T columns, N entries): meta has ``bin_size`` (USD), ``first`` (row 0 starts at first * bin_size),
``rows``, ``leverage`` (list, L), ``age_unit`` (hours), ``revision``, ``bars`` (revision of the candles it belongs to),
``beyond`` (share of each tier whose levels lie outside the rows, L) and ``settings`` (``maintenance_rate fee_rate
turnover span`` it was built with); sections ``start`` u32 [T+1], ``row`` u16 [N], ``tier`` u8 [N], ``notional`` f32
[N], ``sweep`` u16 [T, 2] (rows [a, b)), ``hours`` f32 [T] (since the column before), and in merged columns ``age`` u8
[N]: the entry opened ``age ** 3 * age_unit`` hours before its column's close. The first column of a window of a history
holds all that stood at its close.

``tail`` (n columns): meta and sections of ``bars`` from the column ``from`` on; ``base`` and ``revision`` number the
model that it changes and the one that results.

``events`` (N marks, sums of realised liquidations): meta has ``revision``, ``base`` (0: these are all; else the
revision that these are added to), and of all of them ``placed`` and ``outside`` (liquidations drawn, and at times
without a candle), ``long_usd short_usd outside_usd``; sections ``time until`` f64 [N] (ms since 1970 UTC, half-open),
``side`` u8 [N] (0 long, 1 short), ``price`` f32 [N] (USD, NaN: not known), ``notional`` f32 [N] (USD), ``count`` u32
[N].

``positions`` (N rows that are not empty, upwards): meta has ``bin_size``, ``first`` and ``rows`` as ``ledger``,
``label``, what lies outside the rows: ``outside_usd``, ``outside_rows``, and if it is known ``time`` (ms since 1970
UTC); sections ``row`` u16 [N], ``long short`` f32 [N] (USD).
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

from ..errors import InputError, WireError
from ..model.turnover import interest_change
from .frame_checks import (
    MARKS,
    PRICES,
    UNKNOWN,
    VENUES,
    Arrays,
    check_bars,
    check_events,
    check_ledger,
    check_model,
    check_positions,
    integer,
)

if TYPE_CHECKING:
    import pandas as pd

    from ..model.ledger import Ledger

MAGIC = b"LIQ1"
MAX_HEADER = 65_536
MAX_SECTION = 256 * 1024 * 1024
DTYPES = {"u8": "<u1", "u16": "<u2", "u32": "<u4", "i32": "<i4", "f32": "<f4", "f64": "<f8"}
Sections = dict[str, tuple[str, tuple[Any, ...], bool]]
#: Sections of each kind: name -> (dtypes, shape in terms of T and N, required).
BARS: Sections = {
    "gap": ("f64", ("T",), True),
    **dict.fromkeys(PRICES, ("i32 f64", ("T",), True)),
    "volume": ("f32", ("T",), True),
    **dict.fromkeys(("open_interest", "open_interest_change"), ("f32", ("T",), False)),
    **dict.fromkeys(MARKS, ("i32 f64", ("T",), False)),
    **dict.fromkeys(VENUES, ("f32", ("V", "T"), False)),
}
LEDGER: Sections = {
    "start": ("u32", ("T+1",), True),
    "row": ("u16", ("N",), True),
    "tier": ("u8", ("N",), True),
    "notional": ("f32", ("N",), True),
    "sweep": ("u16", ("T", 2), True),
    "hours": ("f32", ("T",), True),
    "age": ("u8", ("N",), False),
}
EVENTS: Sections = {
    **dict.fromkeys(("time", "until"), ("f64", ("N",), True)),
    "side": ("u8", ("N",), True),
    **dict.fromkeys(("price", "notional"), ("f32", ("N",), True)),
    "count": ("u32", ("N",), True),
}
POSITIONS: Sections = {"row": ("u16", ("N",), True), **dict.fromkeys(("long", "short"), ("f32", ("N",), True))}
KINDS: dict[str, Sections] = {
    "bars": BARS,
    "model": {},
    "ledger": LEDGER,
    "tail": BARS,
    "events": EVENTS,
    "positions": POSITIONS,
}
#: The sections whose lengths are T and N.
COUNTED: dict[str, dict[str, str]] = {
    "bars": {"T": "gap"},
    "model": {},
    "ledger": {"T": "hours", "N": "row"},
    "tail": {"T": "gap"},
    "events": {"N": "time"},
    "positions": {"N": "row"},
}


@dataclass(frozen=True)
class Frame:
    """A decoded frame: its kind, its metadata and its arrays by name."""

    kind: str
    meta: dict[str, Any]
    arrays: Arrays


def encode_frame(kind: str, meta: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]], level: int = 1) -> bytes:
    """Return the bytes of a frame; sections are deflated at this level if that makes them smaller."""
    body = bytearray()
    sections = []
    meta, arrays = _in_ticks(meta, arrays) if "gap" in KINDS[kind] else (meta, arrays)
    for name, array in arrays.items():
        allowed = KINDS[kind][name][0].split()
        dtype = "i32" if array.dtype == np.int32 and "i32" in allowed else allowed[-1]
        raw = np.ascontiguousarray(array, dtype=DTYPES[dtype]).tobytes()
        # Level 1 where a user waits for it: level 6 takes twice the time and saves only a tenth of the bytes.
        packed = zlib.compress(_turned(raw, len(raw) // max(array.size, 1)), level)
        codec, data = ("deflate", packed) if len(packed) < len(raw) else ("raw", raw)
        body += b"\0" * (-len(body) % 8)
        place = {"offset": len(body), "bytes": len(data)}
        sections.append({"name": name, "dtype": dtype, "shape": list(array.shape), "codec": codec, **place})
        body += data
    header = json.dumps(
        {"kind": kind, "meta": dict(meta), "sections": sections}, allow_nan=False, separators=(",", ":")
    ).encode()
    if len(header) > MAX_HEADER:
        raise WireError(f"header: wanted at most {MAX_HEADER} bytes; got {len(header)}")
    return MAGIC + len(header).to_bytes(4, "little") + header + b"\0" * (-len(header) % 8) + bytes(body)


def bars_arrays(candles: pd.DataFrame, since: int = 0, *, replayed: str = "") -> tuple[dict[str, Any], Arrays]:
    """Return time meta and the sections of ``bars`` for the candles from row ``since`` on.

    Parameters
    ----------
    candles
        A UTC DatetimeIndex and the columns of a `Market`.
    since
        First row to send.
    replayed
        Contract of the market if the browser replays it: the sections for that are added.

    Raises
    ------
    InputError
        If two candles are less than a millisecond apart, the browser's resolution.
    """
    index: Any = candles.index
    ms = index.as_unit("ns").asi8[since:] // 1_000_000
    steps = np.diff(ms, prepend=ms[:1])
    if (steps[1:] <= 0).any():
        at = candles.index[since + 1 + int(np.argmax(steps[1:] <= 0))]
        raise InputError(
            f"time: wanted candles at least 1 ms apart; got one at {at} in the same millisecond as the candle before. "
            "Resample to longer candles."
        )
    step = max(gcd(*steps.tolist()), 1)
    names = (*PRICES, "volume", "open_interest", *(MARKS if replayed else ()))
    arrays: Arrays = {"gap": steps / step}
    arrays |= {name: candles[name].to_numpy(np.float64)[since:] for name in names if name in candles}
    if replayed and "open_interest" in candles:
        interest, close = (candles[name].to_numpy()[max(since - 1, 0) :] for name in ("open_interest", "close"))
        change = interest_change(interest, close, replayed)
        arrays["open_interest_change"] = change if since else np.r_[0.0, change]
    return {"time_base": int(ms[0]), "step": step}, arrays


def _in_ticks(meta: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> tuple[dict[str, Any], Arrays]:
    """Return the frame with its prices as tick differences, i32, if these are exact."""
    made = dict(arrays)
    meta = {name: value for name, value in meta.items() if name not in ("ticks", "first_tick")}
    prices = [np.asarray(arrays[name], np.float64) for name in PRICES if name in arrays]
    ticks = _ticks_of(np.concatenate(prices)) if len(prices) == 4 and len(prices[0]) else None
    if ticks is None:
        return meta, made
    open_, high, low, close = (np.rint(price * ticks).astype(np.int64) for price in prices)
    found = {
        "open": open_ - np.r_[open_[:1], close[:-1]],
        "high": high - np.maximum(open_, close),
        "low": np.minimum(open_, close) - low,
        "close": close - open_,
    }
    if any(np.abs(steps).max() >= -UNKNOWN for steps in found.values()):
        return meta, made
    for name, beside in (("mark_low", low), ("mark_high", high)):
        mark = arrays.get(name)
        if mark is None:
            continue
        known = ~np.isnan(mark)
        if _is_whole(mark[known], ticks):
            steps = np.where(known, np.rint(np.nan_to_num(mark) * ticks) - beside, UNKNOWN)
            if not known.any() or np.abs(steps[known]).max() < -UNKNOWN:
                found[name] = steps.astype(np.int64)
    made |= {name: steps.astype(np.int32) for name, steps in found.items()}
    return {**meta, "ticks": ticks, "first_tick": int(open_[0])}, made


def _ticks_of(prices: npt.NDArray[np.float64]) -> int | None:
    """Return the fewest ticks per USD, a power of ten, that express all prices exactly; None without one."""
    return next((10**d for d in range(13) if _is_whole(prices, 10**d)), None)


def _is_whole(prices: npt.NDArray[np.float64], ticks: int) -> bool:
    with np.errstate(invalid="ignore", over="ignore"):
        whole = np.rint(prices * ticks)
        return bool(((np.abs(whole) < 2**53) & (whole / ticks == prices)).all())


def _turned(raw: bytes, size: int) -> bytes:
    """Return the bytes of values of ``size`` bytes grouped by significance, which compresses better."""
    return np.frombuffer(raw, np.uint8).reshape(-1, size).T.tobytes() if size > 1 and raw else raw


def ledger_arrays(ledger: Ledger, age_unit: float | None = None) -> tuple[dict[str, Any], Arrays]:
    """Return meta and the sections of ``ledger``; for a tail, pass the ``age_unit`` of the ledger it extends."""
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
    """Return ages in hours as sent: cube roots in units, 0 to 255, so that young ones have the best resolution."""
    return np.minimum(np.rint(np.cbrt(age / unit)), 255.0) if unit > 0 else np.zeros_like(age)


def decode_frame(data: bytes | bytearray | memoryview) -> Frame:
    """Read and check a frame.

    Raises
    ------
    WireError
        The message names the section, what was wanted and what was found.
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
    if "gap" in KINDS[kind]:
        check_bars(meta, arrays)
    if "sweep" in KINDS[kind]:
        check_ledger(meta, arrays)
    if kind == "model":
        check_model(meta)
    if kind.endswith("tail"):
        for name in ("from", "base", "revision"):
            integer(meta, name, 0, 2**32)
    if kind == "events":
        check_events(meta, arrays)
    if kind == "positions":
        check_positions(meta, arrays)
    return Frame(kind, meta, arrays)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _section(section: Any, known: Mapping[str, Any], body: memoryview, end: int) -> tuple[str, npt.NDArray[Any], int]:
    name = section.get("name") if isinstance(section, dict) else None
    if not isinstance(name, str) or name not in known:
        raise WireError(f"section: wanted one of {', '.join(known)}; found {str(name)[:40]!r}")
    if section.get("dtype") not in known[name][0].split():
        wanted = known[name][0].replace(" ", " or ")
        raise WireError(f"section {name}: wanted dtype {wanted}; found {str(section.get('dtype'))[:40]!r}")
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
    if codec == "deflate":
        raw = np.frombuffer(raw, np.uint8).reshape(dtype.itemsize, -1).T.tobytes()
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
    sizes |= {"T+1": sizes.get("T", 0) + 1, 2: 2, "V": len(arrays.get(VENUES[0], ()))}
    for name, array in arrays.items():
        wanted = tuple(sizes[n] for n in KINDS[kind][name][1])
        if array.shape != wanted:
            raise WireError(f"section {name}: wanted shape {list(wanted)}; found {list(array.shape)}")
