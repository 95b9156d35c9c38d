"""The push of the price: the widget's trait, its cascade, and the golden cascades that both languages read."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import numpy as np
import pytest

import liqwidget as lw
from liqwidget.widget.wire import decode_frame
from markets import walk

GOLDEN = Path(__file__).parents[1] / "fixtures" / "cascade"
_spec = importlib.util.spec_from_file_location("make_cascade_fixtures", GOLDEN / "make.py")
make = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(make)


@pytest.fixture(scope="module")
def market():
    return walk(300, seed=5, price=60_000, tick=0.1, wild=0.2)


@pytest.fixture
def hm(market):
    widget = lw.LiquidationHeatmap(market)
    yield widget
    widget.close()


def test_no_push_is_shown_until_one_is_set(hm):
    assert hm.shock is None
    with pytest.raises(lw.InputError, match=r"shock: wanted a signed fraction; got None\. Pass shock=-0\.03"):
        hm.cascade()
    hm.shock = -0.03
    assert hm.get_state("shock") == {"shock": -0.03}
    hm.shock = None
    assert hm.shock is None


def test_the_answer_is_the_cascade_of_what_is_shown(hm, market):
    hm.leverage_mix, hm.decay_rate, hm.shock = "hot", 0.02, 0.04
    rows = hm.ledger.replay(0.02, hm.shown.weights)  # rows, whatever the bin size
    wanted = lw.cascade(rows, shock=0.04, market=market)
    found = hm.cascade()
    assert repr(found) == repr(wanted)
    np.testing.assert_allclose(found.steps, wanted.steps)
    assert len(found.steps) > 1
    book = hm.cascade(-0.1, depth=1e6, at=-5)
    assert repr(book) == repr(lw.cascade(rows, -5, -0.1, depth=1e6, market=market))


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -1, 11, True, "-0.03", [0.1], {}])
def test_a_push_that_is_none_is_refused_and_sent_back(hm, monkeypatch, bad):
    hm.shock = 0.02
    with pytest.raises(lw.InputError, match=re.escape("shock: wanted a number from -0.99 to 10, or None; got")):
        hm.shock = bad
    sent = []
    monkeypatch.setattr(hm, "send_state", lambda key=None: sent.append(key))
    hm.set_state({"shock": bad})
    assert hm.shock == 0.02
    assert "shock" in sent
    assert hm._status["message"].startswith("shock: wanted")


def test_the_browser_pushes_and_takes_the_push_away(hm):
    hm.set_state({"shock": -0.031})
    assert hm.shock == -0.031
    hm.set_state({"shock": None})
    assert hm.shock is None
    assert hm._status["state"] == "idle"


def test_a_misspelt_push_is_refused(market):
    with pytest.raises(lw.InputError, match=r"got 'shok'\. Did you mean shock"):
        lw.LiquidationHeatmap(market, shok=-0.03)  # type: ignore[call-arg]


def test_a_page_carries_it(market):
    html = lw.LiquidationHeatmap(market, shock=-0.05).to_html()
    facts = re.search(r'id="liq-facts">(.*?)</script>', html)[1]
    assert json.loads(facts)["settings"]["shock"] == -0.05


def test_committed_cascades_are_what_make_writes():
    for name, data in make.frames().items():
        committed, fresh = decode_frame((GOLDEN / f"{name}.bin").read_bytes()), decode_frame(data)
        # An older NumPy sums in another order.
        np.testing.assert_allclose(committed.meta.pop("day", []), fresh.meta.pop("day", []), rtol=1e-12)
        assert committed.meta == fresh.meta
        for section, array in fresh.arrays.items():
            np.testing.assert_array_equal(committed.arrays[section], array)
    committed, fresh = json.loads((GOLDEN / "expected.json").read_text()), json.loads(json.dumps(make.expected()))
    assert len(committed["densities"]) == len(fresh["densities"])
    for old, new in zip(committed["densities"], fresh["densities"], strict=True):
        assert (old["mix"], old["decay_rate"]) == (new["mix"], new["decay_rate"])
        for was, now in zip(old["cases"], new["cases"], strict=True):
            assert {**was, "steps": None} == {**now, "steps": None}
            np.testing.assert_allclose(was["steps"], now["steps"], rtol=1e-9)
    assert {path.name for path in GOLDEN.iterdir()} == {"make.py", "expected.json", "bars.bin", "ledger.bin"}
