"""Windows of a history, and the widget that shows them, against one pass over all candles."""

from __future__ import annotations

import subprocess
import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest

import liqwidget as lw
from liqwidget.errors import InputError
from liqwidget.scale import window
from liqwidget.widget.frames import as_sent
from liqwidget.widget.history_heatmap import COLUMNS
from liqwidget.widget.wire import decode_frame
from markets import walk

TIERS = (3, 5, 10, 20, 50, 100, 150)
RATE = 0.05


@pytest.fixture(scope="module")
def market():
    return walk(90_000, seed=4, price=60_000, tick=0.1, wild=0.02, step_minutes=1, gaps=True)


@pytest.fixture(scope="module")
def history(market, tmp_path_factory):
    folder = tmp_path_factory.mktemp("history")
    return lw.history(market, folder, leverage=TIERS, bin_size=100.0, decay_rate=RATE, chunk=5_000, progress=False)


@pytest.fixture(scope="module")
def ledger(market):
    return lw.build_ledger(market, TIERS, 100.0)


@pytest.fixture
def time(market):
    return market.candles.index.as_unit("ns").asi8


@pytest.fixture
def heatmap(history):
    made = lw.HistoryHeatmap(history)
    yield made
    made.close()


def box(time, a: int, b: int) -> dict[str, float]:
    return {"time_from": time[a] / 1e6, "time_to": time[b] / 1e6}


@pytest.mark.parametrize(
    ("a", "b", "width"), [(0, 2_000, 1), (31_111, 32_000, 1), (10_003, 19_000, 4), (3_000, 50_000, 16)]
)
@pytest.mark.parametrize("rate", [RATE, 0.01, 0.2])
def test_a_window_has_what_one_pass_has(a, b, width, rate, history, ledger, time) -> None:
    window = history.windows.cut(int(time[a]), int(time[b]), COLUMNS)
    assert window.width == width
    assert window.first <= time[a]
    assert len(window.tile) <= COLUMNS + 2
    own = window.tile.ledger
    closes = np.r_[np.searchsorted(time, own.time.view(np.int64)[1:]) - 1, -1]  # the last candle of each column
    if a == 0:
        assert own.time.view(np.int64)[0] == time[0]
    shown = np.arange(0, len(own) - 1, 50)
    whole = ledger.replay(rate, None, np.unique(closes[shown])).values
    for sent in (own, as_sent(own, rate)):
        found = sent.replay(rate, None, shown).values
        worst = 3e-5 if width == 1 else 3e-4
        assert np.abs(found - whole).max() <= worst * whole.max()
    np.testing.assert_allclose(own.close[shown], ledger.close[closes[shown]])


def test_ages_travel_so_that_the_browser_has_what_python_has(heatmap, history, time) -> None:
    heatmap.visible = box(time, 31_000, 31_500)
    frame = decode_frame(heatmap._ledger)
    found = frame.arrays["notional"] * np.exp(-RATE * frame.arrays["age"].astype(float) ** 3 * frame.meta["age_unit"])
    exact = heatmap.ledger.notional * np.exp(-RATE * heatmap.ledger.age)
    np.testing.assert_allclose(found, exact, rtol=2e-6)
    heatmap.decay_rate = 0.11
    heatmap._timer.join()
    frame = decode_frame(heatmap._ledger)
    found = frame.arrays["notional"] * np.exp(-0.11 * frame.arrays["age"].astype(float) ** 3 * frame.meta["age_unit"])
    np.testing.assert_allclose(found, heatmap.ledger.notional * np.exp(-0.11 * heatmap.ledger.age), rtol=2e-6)


def test_a_range_ends_with_the_history_and_its_bins_stay(heatmap, time) -> None:
    heatmap.visible = "1w"
    assert heatmap.visible["time_to"] == time[-1] // 10**6
    assert (heatmap.visible["time_to"] - heatmap.visible["time_from"]) / 60_000 + 1 == 7 * 24 * 60
    bars = decode_frame(heatmap._bars)
    assert bars.meta["span"] == [time[0] // 10**6, time[-1] // 10**6]
    assert bars.meta["view"] == heatmap.visible
    assert not heatmap.bin_auto
    with pytest.raises(InputError, match="bin_size: wanted 100, which the history was built with; got auto"):
        heatmap.bin_auto = True
    assert not heatmap.bin_auto


def test_where_no_thread_can_be_started_ages_and_windows_follow(history, time, monkeypatch) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    heatmap = lw.HistoryHeatmap(history)
    heatmap.set_state({"visible": box(time, 31_000, 31_500)})
    kept = heatmap._ledger
    heatmap.set_state({"decay_rate": 0.11})
    assert heatmap._ledger is not kept
    assert getattr(heatmap.shown.picture, "rate") == heatmap.decay_rate == 0.11  # noqa: B009
    assert heatmap._status["state"] == "idle"
    heatmap.close()


def test_the_window_follows_the_view(heatmap, history, market, time) -> None:
    assert (heatmap.visible, heatmap._window.width) == (None, 64)
    assert heatmap._window.first == time[0]
    heatmap.visible = box(time, 40_000, 41_000)
    bars = decode_frame(heatmap._bars)
    assert bars.meta["view"] == heatmap.visible  # set from Python: the browser follows
    assert bars.meta["interval"] == "1m"
    assert heatmap._window.width == 1
    assert bars.meta["notices"][:2] == [
        "window of a history of 75,000 candles",
        "15,000 candles missing in the history",
    ]
    assert heatmap.market.candles.iloc[1:].equals(market.between(*heatmap.market.candles.index[[1, -1]]).candles)
    kept = heatmap._ledger
    heatmap.set_state({"visible": box(time, 40_500, 41_500)})
    assert heatmap._ledger is kept  # there is still a margin on both sides
    heatmap.set_state({"visible": box(time, 40_900, 41_900)})
    assert heatmap._ledger is not kept
    assert "view" not in decode_frame(heatmap._bars).meta  # moved by the user: the browser stays where it is
    assert heatmap._window.first <= time[39_500]
    heatmap.set_state({"visible": box(time, 40_900, 60_000)})
    assert heatmap._window.width == 16
    heatmap.set_state({"visible": None})
    assert heatmap._window.width == 64


def test_memory_is_that_of_a_few_tiles(heatmap, history, time, monkeypatch) -> None:
    monkeypatch.setattr(window, "_KEPT", 1_500_000)
    for a in range(1_000, 70_000, 2_500):
        heatmap.visible = box(time, a, a + 300)
        assert history.windows.held <= 1_500_000
        assert len(heatmap.ledger) <= COLUMNS + 2


@pytest.fixture
def made(monkeypatch):
    """Record the tiles that are read or computed."""
    made, read, computed = [], window.tile_at, window.tile_of_chunk
    monkeypatch.setattr(window, "tile_at", lambda *a: (made.append(a), read(*a))[1])
    monkeypatch.setattr(window, "tile_of_chunk", lambda *a: (made.append(a), computed(*a))[1])
    return made


def opened(history, time, view):
    """A heatmap of a history whose tiles have not been read yet."""
    return lw.HistoryHeatmap(lw.history(store=history._folder.url), visible=None if view is None else box(time, *view))


@pytest.mark.parametrize(
    ("before", "then"),
    [
        ((41_200, 42_200), (43_000, 44_000)),  # to the right
        ((37_800, 38_800), (36_000, 37_000)),  # to the left
        ((40_000, 41_000), (39_000, 43_000)),  # zooming out
        ((37_000, 41_000), (38_500, 39_500)),  # zooming in
        (None, (20_000, 35_000)),  # zooming in from the initial view
    ],
)
def test_what_the_next_window_needs_is_there_before_it_is_asked_for(history, time, monkeypatch, made, before, then):
    for ahead in (True, False):
        if not ahead:
            monkeypatch.setattr(window.Windows, "prefetch", lambda *_: None)
        heatmap = opened(history, time, before)
        kept = heatmap._ledger
        heatmap._ahead.join()
        made.clear()
        heatmap.set_state({"visible": box(time, *then)})
        assert heatmap._ledger is not kept
        assert (made == []) == ahead
        heatmap.close()
        assert heatmap._ahead is None
        heatmap.visible = None
        assert heatmap._ahead is None  # nothing is prefetched for a closed widget


def test_what_is_loaded_ahead_leaves_the_window_its_tiles(history, time, monkeypatch, made) -> None:
    monkeypatch.setattr(window, "_KEPT", 250_000)
    heatmap = opened(history, time, (20_000, 32_000))
    heatmap._ahead.join()
    windows = heatmap.history.windows
    assert 187_500 < windows.held <= 250_000  # fewer than the 340,000 around the window
    made.clear()
    windows.cut(heatmap._window.first, heatmap._window.last, heatmap._most)
    assert made == []
    heatmap.close()


SCRIPT = """
import sys, threading
import liqwidget as lw
from liqwidget.errors import InputError
from liqwidget.scale import window
heatmap, reading, read = lw.HistoryHeatmap(lw.history(store=sys.argv[1])), threading.Event(), window.tile_at
def late(*a):
    reading.set()
    threading.main_thread().join(20)
    print("read", flush=True)
    return read(*a)
window.tile_at = late
reading.wait(20)
"""


def test_the_interpreter_ends_when_a_tile_is_read_and_not_before(history) -> None:
    """Arrow aborts or hangs if the interpreter exits while a daemon thread reads."""
    command = [sys.executable, "-c", SCRIPT, history._folder.url]
    done = subprocess.run(command, timeout=60, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"read\n", b"")  # one tile, and none after it


def test_what_a_history_cannot_do_is_said(heatmap, history, market) -> None:
    with pytest.raises(lw.InputError, match="bin_size: wanted 100, which the history was built with; got 50"):
        heatmap.bin_size = 50.0
    with pytest.raises(lw.InputError, match=r"leverage_mix: wanted tiers that the history was built with \(3, 5, 10"):
        heatmap.leverage_mix = {7: 1}
    with pytest.raises(lw.InputError, match="append: wanted a LiquidationHeatmap"):
        heatmap.append(market.candles.tail(1))
    with pytest.raises(lw.InputError, match="market: wanted a LiquidationHeatmap"):
        heatmap.market = market
    with pytest.raises(lw.InputError, match=r"history: wanted what lw\.history returns; got Market"):
        lw.HistoryHeatmap(market)
    with pytest.raises(lw.InputError, match="market: wanted a Market"):
        lw.LiquidationHeatmap(history)
    assert set(heatmap._presets) == {"balanced"}
    assert heatmap.leverage_mix == lw.PRESETS["balanced"]
    heatmap.set_state({"bin_size": 20.0})
    assert (heatmap.bin_size, heatmap._status["state"]) == (100.0, "error")


def test_a_hostile_view_moves_nothing_out_of_bounds(heatmap, history) -> None:
    for a, b in ((-1e308, 1e308), (1e308, 1e308), (-1e308, -1e308), (0.0, 0.0), (history.last / 1e6, 1e18)):
        heatmap.set_state({"visible": {"time_from": a, "time_to": b}})
        assert 1 <= len(heatmap.ledger) <= COLUMNS + 3
        assert heatmap._status["state"] == "idle"


def test_a_store_that_is_gone_leaves_what_is_shown(market, tmp_path, time) -> None:
    some = market.tail(9_000)
    history = lw.history(some, tmp_path, leverage=TIERS, bin_size=200.0, decay_rate=RATE, chunk=2_000, progress=False)
    heatmap = lw.HistoryHeatmap(history)
    kept, stamps = heatmap._ledger, some.candles.index.as_unit("ns").asi8
    for file in (tmp_path / "candles").iterdir():
        file.unlink()
    heatmap.set_state({"visible": box(stamps, 5_000, 5_100)})
    assert heatmap._ledger is kept
    assert heatmap._status["state"] == "error"
    assert "of this history; got nothing" in heatmap._status["message"]
    with pytest.raises(lw.ParseError, match="got nothing"):
        heatmap.visible = box(stamps, 3_000, 3_100)
    assert heatmap._ledger is kept
    heatmap.close()


def test_rows_and_columns_fit_the_browser(market, tmp_path) -> None:
    some = market.tail(9_000)
    fine = lw.history(
        some, tmp_path / "fine", leverage=TIERS, bin_size=10.0, decay_rate=RATE, columns=9, progress=False
    )
    heatmap = lw.HistoryHeatmap(fine)
    assert fine.grid.rows > 2_000
    assert len(heatmap.ledger) * fine.grid.rows <= 8_010_000
    whole = lw.build_ledger(some, TIERS, 10.0).replay(fine.decay_rate, None, [len(some) - 1]).values
    found = heatmap.ledger.replay(fine.decay_rate, None, [len(heatmap.ledger) - 1]).values
    assert np.abs(found - whole).max() <= 1e-3 * whole.max()
    heatmap.close()
    finer = lw.history(
        some, tmp_path / "finer", leverage=TIERS, bin_size=1.0, decay_rate=RATE, columns=9, progress=False
    )
    with pytest.raises(
        lw.InputError,
        match=r"at most 16,000 rows, .* got .*\. Build it with a larger bin_size",
    ):
        lw.HistoryHeatmap(finer)


def test_the_market_of_a_span(history, market) -> None:
    span = market.between("2026-01-05 10:00", "2026-01-20")
    assert history.market("2026-01-05 10:00", "2026-01-20").candles.equals(span.candles)
    with pytest.raises(lw.InputError, match="market: wanted candles"):
        history.market("2031-01-01")


def fit(history, **changes):
    """Return a calibration with the history's settings, except for the given ones."""
    names = ("turnover", "maintenance_rate", "fee_rate")
    made = {"leverage_mix": {5: 1, 20: 3}, "decay_rate": 0.02, **{name: history.settings[name] for name in names}}
    return SimpleNamespace(**made | changes)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"leverage_mix": {7: 1, 13: 1}}, r"leverage_mix: wanted tiers that the history was built with \(3, 5"),
        ({"turnover": 0.3}, r"turnover: wanted 1, which the history was built with; got 0\.3"),
        ({"maintenance_rate": 0.003}, r"maintenance_rate: wanted 0\.004, which the history was built with; got 0\.003"),
        ({"decay_rate": -1}, "decay_rate"),
    ],
)
def test_a_calibration_that_does_not_fit_the_history_changes_nothing(heatmap, history, changes, words) -> None:
    names = ("turnover", "maintenance_rate", "fee_rate", "leverage_mix", "decay_rate", "_ledger", "_bars", "_revision")
    before = [getattr(heatmap, name) for name in names]
    with pytest.raises(lw.InputError, match=words):
        heatmap.apply(fit(history, **changes))
    assert [getattr(heatmap, name) for name in names] == before


def test_a_calibration_that_fits_the_history_is_shown(heatmap, history) -> None:
    heatmap.apply(fit(history))
    assert (heatmap.leverage_mix, heatmap.decay_rate) == ({5: 1, 20: 3}, 0.02)
    heatmap._timer.join()
    assert decode_frame(heatmap._ledger).meta["revision"] == heatmap._revision


@pytest.mark.parametrize("name", ["turnover", "maintenance_rate", "fee_rate", "span"])
def test_settings_of_the_ledger_are_those_that_the_history_was_built_with(heatmap, history, name) -> None:
    kept = heatmap._ledger
    with pytest.raises(lw.InputError, match=f"{name}: wanted .*, which the history was built with"):
        setattr(heatmap, name, 0.123)
    assert (getattr(heatmap, name), heatmap._ledger) == (history.settings[name], kept)
    with pytest.raises(lw.InputError, match=f"{name}: wanted .*, which the history was built with"):
        lw.HistoryHeatmap(history, None, None, **{name: 0.123})  # type: ignore[arg-type]


def test_the_automatic_decay_rate_of_a_history_is_its_own(heatmap, history) -> None:
    assert (heatmap.decay_auto, heatmap.decay_rate) == (True, history.decay_rate)
    heatmap.decay_rate = 0.3
    assert heatmap.decay_auto is False
    heatmap.decay_rate = "auto"
    assert (heatmap.decay_auto, heatmap.decay_rate) == (True, history.decay_rate)
