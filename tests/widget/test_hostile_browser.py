"""Hostile messages over the widget's own channel leave every Python value unchanged or replace it by a valid one."""

from __future__ import annotations

import gc
import logging
import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import liqwidget as lw
from liqwidget.widget.synced import CONTRASTS, LAYERS, PALETTES, PRICE_AXES, SCALES, WRITABLE
from liqwidget.widget.visible import RANGES
from markets import walk

#: What may never change, whatever comes.
KEPT = (
    "_esm",
    "_css",
    "_bars",
    "_events",
    "_positions",
    "_presets",
    "_live",
    "near",
    "score",
    "_near_rules",
    "linked",
    "theme",
    "height",
    "comm",
)
NUMBERS = st.one_of(
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from([0, 1, -1, 1e-300, 1e300, 0.5, 50, 100, True, 10**400]),
)
TEXTS = st.one_of(st.text(max_size=20), st.sampled_from(["auto", "5", "1e9", "NaN", "plasma", "<img src=x onerror=x>"]))
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS, st.binary(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)),
    max_leaves=8,
)
SHARES = st.floats(-0.2, 1.2)
TIMES = st.floats(0, 1e13)
#: Valid or nearly valid values for each trait.
ALMOST = {
    "leverage_mix": st.dictionaries(
        st.sampled_from(["3", "5", "10", "20.0", "100"] * 3 + ["7", "x"]), st.floats(-1, 99)
    ),
    "decay_rate": st.floats(-1, 20),
    "decay_auto": st.booleans(),
    "bin_auto": st.booleans(),
    "_auto_bin": st.one_of(st.sampled_from([10, 20, 50.0, 100, 200]), st.floats(1, 5_000)),
    "bin_size": st.one_of(st.sampled_from([10, 20, 50.0, 100, 200]), st.floats(1, 5_000)),
    "palette": st.sampled_from([*PALETTES, "jet"]),
    "scale": st.sampled_from([*SCALES, "cube"]),
    "contrast": st.sampled_from([*CONTRASTS, "half"]),
    "price_axis": st.sampled_from([*PRICE_AXES, "percent"]),
    "threshold": st.tuples(SHARES, SHARES).map(list),
    "opacity": SHARES,
    "swept": st.booleans(),
    "bubbles": st.booleans(),
    "layer": st.sampled_from([*LAYERS, "neither"]),
    "shock": st.one_of(st.none(), st.floats(-1.2, 12)),
    "as_of": st.one_of(st.none(), TIMES, st.floats(1.7e12, 1.8e12)),
    "visible": st.fixed_dictionaries(
        {"time_from": TIMES, "time_to": TIMES},
        optional={"price_low": TIMES, "price_high": TIMES, "range": st.sampled_from(["24h", "1m", "2d"])},
    ),
    "selection": st.fixed_dictionaries(dict.fromkeys(["time_from", "time_to", "price_low", "price_high"], TIMES)),
}


@pytest.fixture(scope="module")
def hm():
    widget = lw.LiquidationHeatmap(walk(60, seed=5, price=60_000, tick=0.1, step_minutes=5, wild=0.1))
    yield widget
    widget.close()


def states(hm):
    """Return updates: writable traits with possibly valid values, or any names with any values."""
    anything = st.sampled_from(sorted([*hm.keys, "comm", "__class__", "_lock", "set_state", "nothing"]))
    right = st.fixed_dictionaries({}, optional={name: st.one_of(*[good] * 7, JSON) for name, good in ALMOST.items()})
    return st.one_of(right, right, st.dictionaries(anything, JSON, max_size=5))


def send(hm, data, buffers=()):
    """Deliver a message as the kernel does; errors that ipywidgets would only log are raised."""
    failed = logging.Handler(logging.WARNING)
    failed.emit = lambda record: failures.append(record.getMessage())  # type: ignore[method-assign]
    failures: list[str] = []
    hm.log.addHandler(failed)
    try:
        _deliver(hm, data, buffers)
    finally:
        hm.log.removeHandler(failed)
    assert failures == []


def _deliver(hm, data, buffers):
    hm._handle_msg({"content": {"comm_id": hm.comm.comm_id, "data": data}, "buffers": list(buffers), "metadata": {}})


def is_number(value, low=-math.inf, high=math.inf):
    return type(value) in (int, float) and math.isfinite(value) and low <= value <= high


def check(hm):
    """Every writable value is one that Python could have set itself, and the density can be computed."""
    assert hm.leverage_mix
    assert set(hm.leverage_mix) <= set(hm.ledger.leverage.tolist())
    assert all(is_number(weight, 0) for weight in hm.leverage_mix.values())
    assert sum(hm.leverage_mix.values()) > 0
    assert is_number(hm.decay_rate, 0)
    assert is_number(hm.bin_size, 1e-12)
    rows = hm.bin_size / hm.ledger.bin_size
    assert rows >= 1
    assert abs(rows - round(rows)) <= 1e-9 * rows
    assert len(hm.ledger.price_edges) - 1 <= 70_000
    assert hm.palette in PALETTES
    assert hm.scale in SCALES
    assert hm.contrast in CONTRASTS
    assert hm.price_axis in PRICE_AXES
    assert 0 <= hm.threshold[0] < hm.threshold[1] <= 1
    assert is_number(hm.opacity, 0, 1)
    assert type(hm.swept) is bool
    assert type(hm.bubbles) is bool
    assert hm.layer in LAYERS
    assert hm.shock is None or is_number(hm.shock, -0.99, 10)
    view = dict(hm.visible or {})
    assert view.pop("range", "24h") in RANGES
    for box in (hm.selection, view):
        assert box is None or all(map(is_number, box.values()))
    assert hm._status["state"] in ("idle", "error")
    assert len(hm._status["message"]) <= 500


@pytest.mark.slow
@settings(max_examples=1_000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_thousand_messages_leave_values_unchanged_or_valid(hm, data):
    kept = {name: getattr(hm, name) for name in KEPT}
    before = {name: getattr(hm, name) for name in WRITABLE}
    state = data.draw(states(hm))
    message = data.draw(
        st.one_of(
            *[st.just({"method": "update", "state": state, "buffer_paths": []})] * 2,
            st.just({"method": "custom", "content": {"type": data.draw(st.one_of(TEXTS, JSON)), **state}}),
            st.fixed_dictionaries({"method": st.just("custom"), "content": JSON}),
        )
    )
    send(hm, message)
    assert {name: getattr(hm, name) for name in KEPT} == kept
    groups = ({"decay_rate", "decay_auto"}, {"bin_size", "bin_auto", "_auto_bin"})
    linked = {name for group in groups if group & state.keys() for name in group}
    for name in WRITABLE - state.keys() - linked:
        assert getattr(hm, name) == before[name], f"{name} was not written"
    check(hm)
    assert np.isfinite(hm.density.values.sum(dtype=float))


@pytest.mark.slow
def test_a_flood_leaves_memory_flat(hm):
    def flood(n):
        for i in range(n):
            send(hm, {"method": "custom", "content": {"type": "here", "view": f"{i % 5000:060}"}})
            box = {"time_from": i, "time_to": i + 1}
            send(hm, {"method": "update", "state": {"visible": box, f"x{i}": "y" * 100}, "buffer_paths": []})
            send(hm, {"method": "update", "state": {"decay_rate": "x" * 1000, "opacity": i % 100 / 99}})
            send(
                hm,
                {
                    "method": "custom",
                    "content": {"type": "resync", "revision": hm._shown.picture.revision, "events": {}},
                },
            )

    flood(500)
    gc.collect()
    tracemalloc.start()
    try:
        flood(500)
        gc.collect()
        first = tracemalloc.get_traced_memory()[0]
        flood(2_000)
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] - first < 100_000
    finally:
        tracemalloc.stop()
    check(hm)


NASTY = [10**400, -(10**400), math.nan, math.inf, True, None, [], {}, b"", "", "NaN", [[]], {"": {}}, {"5": 10**400}]


@pytest.mark.parametrize("name", sorted(WRITABLE))
def test_no_nasty_value_gets_in_or_raises(hm, name):
    before = getattr(hm, name)
    meant = {
        "selection": None,
        "visible": None,
        "leverage_mix": None,
        "shock": None,
        "as_of": None,
        "swept": True,
        "bubbles": True,
        "decay_auto": True,
        "bin_auto": True,
        "_auto_bin": None,
    }  # each value is valid for its trait
    for bad in [*NASTY, NASTY[:4], {"time_from": 10**400, "time_to": 1}]:
        if name == "venues" and bad in (None, []):
            continue  # a market of one venue has none to choose
        if name not in meant or bad is not meant[name]:
            send(hm, {"method": "update", "state": {name: bad}, "buffer_paths": []})
            assert getattr(hm, name) == before, bad
            assert name in hm._status["message"]


def test_deep_json_is_refused_like_any_other(hm):
    deep: object = 1
    for _ in range(800):
        deep = [deep]
    before = hm.leverage_mix
    for name in sorted(WRITABLE):
        send(hm, {"method": "update", "state": {name: deep}, "buffer_paths": []})
        send(hm, {"method": "custom", "content": {"type": "resync", "revision": deep}})
    assert hm.leverage_mix == before
    check(hm)
