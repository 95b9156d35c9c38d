"""Whatever a browser sends over the widget's own channel, Python's values stay as they were or become valid ones."""

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
from liqwidget.widget.heatmap import PALETTES, SCALES, WRITABLE
from markets import walk

#: What may never change, whatever comes.
KEPT = ("_esm", "_css", "_bars", "_events", "_positions", "_presets", "_live", "theme", "height", "comm")
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
#: What is right, or nearly so, for each of the traits.
ALMOST = {
    "leverage_mix": st.dictionaries(
        st.sampled_from(["3", "5", "10", "20.0", "100"] * 3 + ["7", "x"]), st.floats(-1, 99)
    ),
    "decay_rate": st.floats(-1, 20),
    "bin_size": st.one_of(st.sampled_from([10, 20, 50.0, 100, 200]), st.floats(1, 5_000)),
    "palette": st.sampled_from([*PALETTES, "jet"]),
    "scale": st.sampled_from([*SCALES, "cube"]),
    "threshold": st.tuples(SHARES, SHARES).map(list),
    "opacity": SHARES,
    "swept": st.booleans(),
    "bubbles": st.booleans(),
    "shock": st.one_of(st.none(), st.floats(-1.2, 12)),
    "visible": st.fixed_dictionaries({"time_from": TIMES, "time_to": TIMES}),
    "selection": st.fixed_dictionaries(dict.fromkeys(["time_from", "time_to", "price_low", "price_high"], TIMES)),
}


@pytest.fixture(scope="module")
def hm():
    widget = lw.LiquidationHeatmap(walk(60, seed=5, price=60_000, tick=0.1, step_minutes=5, wild=0.1))
    yield widget
    widget.close()


def states(hm):
    """Return updates: of traits that may be written with values that may be right, and of anything with anything."""
    anything = st.sampled_from(sorted([*hm.keys, "comm", "__class__", "_lock", "set_state", "nothing"]))
    right = st.fixed_dictionaries({}, optional={name: st.one_of(*[good] * 7, JSON) for name, good in ALMOST.items()})
    return st.one_of(right, right, st.dictionaries(anything, JSON, max_size=5))


def send(hm, data, buffers=()):
    """Deliver a message as the kernel does; what ipywidgets would only log is raised."""
    failed = logging.Handler(logging.WARNING)
    failed.emit = lambda record: failures.append(record.getMessage())
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
    """Every value that a browser may write is one that Python itself could have set, and the numbers follow."""
    assert hm.leverage_mix
    assert set(hm.leverage_mix) <= set(hm.ledger.leverage.tolist())
    assert all(is_number(weight, 0) for weight in hm.leverage_mix.values())
    assert sum(hm.leverage_mix.values()) > 0
    assert is_number(hm.decay_rate, 0)
    assert is_number(hm.bin_size, 1e-12)
    assert hm.ledger.bin_size == hm.bin_size
    assert len(hm.ledger.price_edges) - 1 <= 70_000
    assert hm.palette in PALETTES
    assert hm.scale in SCALES
    assert 0 <= hm.threshold[0] < hm.threshold[1] <= 1
    assert is_number(hm.opacity, 0, 1)
    assert type(hm.swept) is bool
    assert type(hm.bubbles) is bool
    assert hm.shock is None or is_number(hm.shock, -0.99, 10)
    for box in (hm.selection, hm.visible):
        assert box is None or all(map(is_number, box.values()))
    assert hm._status["state"] in ("idle", "error")
    assert len(hm._status["message"]) <= 500


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
    for name in WRITABLE - state.keys():
        assert getattr(hm, name) == before[name], f"{name} was not written"
    check(hm)
    assert np.isfinite(hm.density.values.sum(dtype=float))


def test_a_flood_leaves_memory_flat(hm):
    def flood(n):
        for i in range(n):
            send(hm, {"method": "custom", "content": {"type": "here", "view": f"{i % 5000:060}"}})
            box = {"time_from": i, "time_to": i + 1}
            send(hm, {"method": "update", "state": {"visible": box, f"x{i}": "y" * 100}, "buffer_paths": []})
            send(hm, {"method": "update", "state": {"decay_rate": "x" * 1000, "opacity": i % 100 / 99}})
            send(
                hm, {"method": "custom", "content": {"type": "resync", "revision": hm._picture.revision, "events": {}}}
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
        "swept": True,
        "bubbles": True,
    }  # all right there
    for bad in [*NASTY, NASTY[:4], {"time_from": 10**400, "time_to": 1}]:
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
