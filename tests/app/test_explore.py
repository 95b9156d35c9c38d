"""The application without a browser: the data of its panels, its controls, loading, and clean-up."""

from __future__ import annotations

import gzip
import io
import json
import re
import threading
import time
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from ipywidgets.widgets.widget import _instances

import liqwidget as lw
from exchange import Exchange, History, vices
from liqwidget.app.data_form.loading import FromFile, FromSample, FromUpload, FromVenue, Job
from liqwidget.app.data_form.table_file import read_file, safe_name
from liqwidget.app.pace import Pace
from liqwidget.app.panels.cards import check_html, scene_html
from liqwidget.app.panels.context_panel import coin_ticks
from liqwidget.app.panels.gate import library
from liqwidget.app.panels.map_panel import bar_columns, curve_columns
from liqwidget.app.readings.context import MAX_POINTS, context_series, context_words
from liqwidget.app.readings.levels import Snapshot, cluster_table, liquidation_map
from liqwidget.app.readings.scene import Scene
from liqwidget.app.readings.selfcheck import self_check
from liqwidget.market.files import unpack
from liqwidget.market.files.unpack import check_size
from loopback import DAY, connected
from markets import walk

NOW = 1_795_078_831_000  # 2026-11-19 09:00:31
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def sample() -> lw.Market:
    return lw.load_sample()


def snapshot(market: lw.Market, mix=None, rate: float = 0.02, at: int = -1, bin_size: float = 1.0) -> Snapshot:
    mix = mix or {5: 30, 10: 40, 25: 30}
    ledger = lw.build_ledger(market, list(mix), bin_size)
    weights = np.array(list(mix.values()), float)
    return Snapshot(market, ledger, weights / weights.sum(), rate, bin_size, range(len(market))[at])


@pytest.fixture
def application():
    """Make applications; afterwards all their widgets are closed and their threads have ended."""
    before = set(_instances)
    made = []

    def make(*arguments, **options):
        made.append(lw.explore(*arguments, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()
    assert set(_instances) == before
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("liqwidget-")] == []


def refuse(_thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def wait(condition: threading.Event) -> None:
    assert condition.wait(20)


def shown_after(app, act) -> None:
    """Act, then wait until the panels have been updated."""
    changed = threading.Event()
    seen = app._about.value
    app._about.observe(lambda change: changed.set() if change.new != seen else None, "value")
    act()
    wait(changed)


# The data of the panels


@pytest.mark.parametrize("at", [-1, 60])
@pytest.mark.parametrize("most", [5, 40, 10_000])
def test_the_map_holds_what_the_density_holds(at, most) -> None:
    now = snapshot(walk(160, seed=1), at=at)
    drawn = liquidation_map(now, most)
    density = now.ledger.replay(now.decay_rate, now.weights)
    profile = density.profile(now.at)
    assert drawn.usd.sum() == pytest.approx(density.column(now.at).sum(), rel=1e-6)
    for long, low, high, usd, beyond in zip(
        drawn.is_long, drawn.low, drawn.high, drawn.usd.sum(axis=0), drawn.cumulative, strict=True
    ):
        rows = profile[(profile["price"] > low) & (profile["price"] < high)]
        name = "long" if long else "short"
        assert usd == pytest.approx(rows[name].sum(), rel=1e-5)
        far = rows.iloc[0] if long else rows.iloc[-1]
        assert beyond == pytest.approx(far[f"cumulative_{name}"], rel=1e-5)
    assert (np.diff(drawn.low) > 0).all()
    assert max(drawn.is_long.sum(), (~drawn.is_long).sum()) <= most


def test_the_map_is_stacked_by_tier() -> None:
    now = snapshot(walk(160, seed=2), {5: 1, 10: 0, 25: 3})
    drawn = liquidation_map(now, 10_000)
    assert drawn.leverage.tolist() == [5, 25]
    for k, tier in enumerate((0, 2)):
        alone = np.zeros(3)
        alone[tier] = now.weights[tier]
        assert drawn.usd[k].sum() == pytest.approx(now.ledger.replay(now.decay_rate, alone).column(-1).sum(), rel=1e-6)
    bars = pd.DataFrame(bar_columns(drawn, (5.0, 10.0, 25.0)))
    assert set(bars["tier"]) == {"5x", "25x"}
    assert bars["colour"].nunique() == 2
    assert np.allclose(bars["top"] - bars["bottom"], bars["usd"])
    assert bars["amount"].str.fullmatch(r"\$\d+(\.\d+)?[KMB]?").all()
    stacks = bars.groupby("left").agg(top=("top", "max"), usd=("usd", "sum"))
    assert np.allclose(stacks["top"], stacks["usd"])
    assert (bars["right"][bars["side"] == "long"] <= drawn.close + now.ledger.bin_size).all()
    curves = curve_columns(drawn)
    assert curves["long"]["usd"][0] == pytest.approx(bars["usd"][bars["side"] == "long"].sum(), rel=1e-6)
    assert curves["short"]["usd"][-1] == pytest.approx(bars["usd"][bars["side"] == "short"].sum(), rel=1e-6)


def test_a_map_of_nothing_is_empty() -> None:
    now = snapshot(walk(3, seed=0), rate=1e6)
    silent = Snapshot(now.market, now.ledger, now.weights * 0, now.decay_rate, now.bin_size, now.at)
    drawn = liquidation_map(silent)
    assert drawn.usd.size == len(drawn.low) == 0
    assert bar_columns(drawn, (5.0, 10.0, 25.0))["usd"] == []
    assert curve_columns(drawn)["long"] == {"price": [drawn.close], "usd": [0.0]}
    assert cluster_table(silent).empty


def test_clusters_know_what_lies_before_them_and_their_age() -> None:
    now = snapshot(walk(200, seed=5))
    table = cluster_table(now)
    column, centre = now.density.column(0), now.ledger.grid.centres
    assert list(table["notional"]) == list(now.density.clusters(0, top=12)["notional"])
    clock = np.cumsum(now.ledger.hours)
    for row in table.itertuples():
        between = column[(centre > row.price_high) & (centre < now.close)]
        if row.side == "short":
            between = column[(centre < row.price_low) & (centre > now.close)]
        assert row.to_reach == pytest.approx(between.sum())
        amount = age = 0.0
        for i in range(len(now.ledger.row)):  # entry by entry
            price = centre[now.ledger.row[i]]
            if row.price_low < price < row.price_high and now.ledger.end[i] == len(now.ledger):
                hours = clock[-1] - clock[now.ledger.column[i]]
                usd = now.ledger.notional[i] * now.weights[now.ledger.tier[i]] * np.exp(-now.decay_rate * hours)
                amount, age = amount + usd, age + usd * hours
        assert row.notional == pytest.approx(amount, rel=1e-5)
        assert row.age_hours == pytest.approx(age / amount)


def test_the_self_check_is_the_density_s_own_flows() -> None:
    now = snapshot(walk(200, seed=6), rate=0.05)
    check = self_check(now)
    density = now.ledger.replay(now.decay_rate, now.weights)
    for side, share in (("long", check.long_per_day), ("short", check.short_per_day)):
        standing, gone = getattr(density, f"standing_{side}"), getattr(density, f"liquidated_{side}")
        days = sum(now.ledger.hours[t] / 24 * standing[t - 1] for t in range(1, 200))
        assert share == pytest.approx(gone[1:].sum() / days)
    assert check.holding_hours == pytest.approx(20)
    assert check.half_life_hours == pytest.approx(np.log(2) * 20)
    assert check.days == pytest.approx(199 / 24)
    text = check_html(check)
    assert f"{check.long_per_day:.1%}" in text
    assert "3.5%" in text
    assert "1.9%" in text
    assert "2102.04591" in text


def test_the_self_check_of_nothing_and_without_decay() -> None:
    now = snapshot(walk(5, seed=0))
    text = check_html(self_check(Snapshot(now.market, now.ledger, now.weights * 0, 0.0, now.bin_size, now.at)))
    assert "not known" in text
    assert "no decay" in text


def test_open_interest_is_written_as_money_is() -> None:
    assert coin_ticks([85_100.0, 90_700.0]) == {86_000.0: "86K", 88_000.0: "88K", 90_000.0: "90K"}
    assert list(coin_ticks([1.9e9, 2.4e9]).values()) == ["2B", "2.2B", "2.4B"]
    assert list(coin_ticks([100_000.0, 100_007.0]).values()) == ["100K", "100.002K", "100.004K", "100.006K"]
    assert coin_ticks([5.0, 5.0]) == {5.0: "5"}
    assert list(coin_ticks([0.0, 0.3]).values()) == ["0", "0.1", "0.2", "0.3"]


def test_missing_columns_are_said_and_not_drawn(sample) -> None:
    assert set(context_series(sample)) == {"open_interest", "funding_rate", "long_short_ratio"}
    bare = walk(40, seed=1, oi=False)
    assert context_series(bare) == {}
    words = " ".join(context_words(bare))
    for name in ("open interest", "funding rate", "long accounts per short account"):
        assert f"No {name} data" in words
    words = " ".join(context_words(sample))
    assert "No " not in words
    assert f"{sample.candles['open_interest'].iloc[-1]:,.0f} coins" in words
    assert f"{sample.candles['funding_rate'].iloc[-1]:.4%}" in words


def test_context_follows_the_candle_and_stays_small(sample) -> None:
    assert max(len(part["time"]) for part in context_series(sample).values()) <= MAX_POINTS
    assert f"{sample.candles['open_interest'].iloc[500]:,.0f} coins" in " ".join(context_words(sample, 500))


def test_another_mix_replays_nothing_and_another_candle_only_its_column(sample) -> None:
    hm = lw.LiquidationHeatmap(sample)
    first = Snapshot.of(hm)
    assert self_check(first).days > 6
    assert not cluster_table(first).empty
    hm.leverage_mix = {5: 1, 10: 3}
    second = Snapshot.of(hm, first)
    assert second.bins is first.bins
    assert second.flows is first.flows
    assert second.density.column(0) == pytest.approx(hm.density.column(-1), rel=1e-5)
    hm.visible = {"time_from": 0.0, "time_to": float(sample.candles.index.as_unit("ms").asi8[700])}
    third = Snapshot.of(hm, second)
    assert (third.at, third.flows is first.flows, "bins" in vars(third)) == (700, True, False)
    hm.decay_rate = 0.5
    assert not {"planes", "bins", "flows"} & set(vars(Snapshot.of(hm, third)))
    hm.close()
    hm.layout.close()


# Files


def test_tables_of_every_kind_are_the_same_market(tmp_path, sample) -> None:
    frame = sample.candles.tail(300).reset_index()
    frame.to_csv(tmp_path / "a.csv", index=False)
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress((tmp_path / "a.csv").read_bytes()))
    frame.to_parquet(tmp_path / "a.parquet")
    for name in ("a.csv", "a.csv.gz", "a.parquet"):
        market = read_file(tmp_path / name, "MINE")
        pd.testing.assert_frame_equal(market.candles, sample.candles.tail(300), check_freq=False)
        assert market.symbol == "MINE"


def test_a_published_zip_goes_through_the_archive_reader(tmp_path, sample) -> None:
    rows = sample.candles.iloc[:288]
    ms = rows.index.as_unit("ms").asi8
    lines = [
        f"{t},{r.open},{r.high},{r.low},{r.close},{r.volume},{t + 299_999},0,0,{r.taker_buy_volume},0,0"
        for t, r in zip(ms, rows.itertuples(), strict=True)
    ]
    path = tmp_path / "BTCUSDT-5m-2026-01-07.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("BTCUSDT-5m-2026-01-07.csv", "\n".join(lines))
    job = Job(FromUpload(path.name, path.read_bytes(), "ignored"), lambda market: None, lambda *_: None, lambda _: None)
    market = job._choice.load(job)
    assert (market.symbol, market.exchange, len(market)) == ("BTCUSDT", "binance", 288)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "at most 64 MB"),
        ("a.csv", b"\x00\x01binary", "binary data"),
        ("a.csv", b"colour,size\n1,2\n", "candles"),
        ("a.csv", b'a,b\n"1,2\n3', "cannot be read"),
        ("a.csv.gz", b"\x1f\x8bnot really", "cannot be read"),
        ("a.parquet", b"PAR1 no such thing PAR1", "cannot be read"),
        ("strange.zip", b"PK\x05\x06" + bytes(18), "BTCUSDT-1m-2024-01.zip"),
        ("BTCUSDT-5m-2026-01-07.zip", b"no zip", "BTCUSDT-5m-2026-01-07"),
    ],
)
def test_hostile_files_are_refused_in_words(tmp_path, name, content, message) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(lw.LiqError, match=message):
        read_file(tmp_path / name, "X")


def test_bombs_are_refused_before_they_are_unpacked(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(unpack, "MAX_UNPACKED", 1_000_000)
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(bytes(2_000_000)))
    buffer = io.BytesIO()
    pd.DataFrame({"close": np.zeros(200_000)}).to_parquet(buffer)
    (tmp_path / "a.parquet").write_bytes(buffer.getvalue())
    for name in ("a.csv.gz", "a.parquet"):
        with pytest.raises(lw.InputError, match="unpack"):
            read_file(tmp_path / name, "X")


def test_names_and_sizes_of_uploads_are_not_believed() -> None:
    assert safe_name("../../etc/cron.d/x.csv") == "x.csv"
    assert safe_name("C:\\temp\\my candles.csv.gz") == "my_candles.csv.gz"
    assert safe_name("BTCUSDT-1m-2024-01.zip") == "BTCUSDT-1m-2024-01.zip"
    assert safe_name(f"{HOSTILE}.csv").isascii()
    assert not set(safe_name(f"{HOSTILE}.csv")) & set("<>\"'&/")
    for name in (None, 3, "", "x.exe", ".csv", "..csv"):
        with pytest.raises(lw.InputError, match="upload"):
            safe_name(name)
    assert check_size(64 * 2**20) == 64 * 2**20
    for size in (0, -1, 64 * 2**20 + 1, None, True, "3", 2.5):
        with pytest.raises(lw.InputError, match="64 MB"):
            check_size(size)


def test_no_such_path() -> None:
    with pytest.raises(lw.InputError, match="which does not exist"):
        read_file(Path("/no/such/file.csv"), "X")


# The application


def test_it_begins_with_the_sample_and_closes_everything(application) -> None:
    app = application()
    assert app.market.simulated
    assert app.heatmap.market is app.market
    assert f"{app.market.candles['close'].iloc[-1]:,.8g}" in app._about.value
    assert len(app._map._bars.data["usd"]) > 100
    app.close()
    app.close()


def test_it_takes_a_market_and_nothing_else(application) -> None:
    market = walk(100, seed=1)
    assert application(market).market is market
    with pytest.raises(lw.InputError, match="wanted a Market or None; got int"):
        lw.explore(3)  # type: ignore[arg-type]


def test_panels_follow_the_heatmap(application, sample) -> None:
    app = application(sample)
    before = sum(app._map._bars.data["usd"])
    shown_after(app, lambda: setattr(app.heatmap, "leverage_mix", {5: 1, 50: 1}))
    with app._drawing:
        assert set(app._map._bars.data["tier"]) == {"5x", "50x"}
        assert sum(app._map._bars.data["usd"]) == pytest.approx(app.heatmap.density.column(-1).sum(), rel=1e-5)
        assert sum(app._map._bars.data["usd"]) != pytest.approx(before, rel=1e-3)
    checked = app._check.value
    shown_after(app, lambda: setattr(app.heatmap, "decay_rate", 0.2))
    assert app._check.value != checked
    assert "5.0 h" in app._check.value


def test_panels_follow_candles_that_anybody_appends(application, sample) -> None:
    app = application(sample)
    last = sample.candles.iloc[-1:]
    candle = last.set_axis((last.index + sample.interval).rename("time"))
    candle = candle.assign(close=last["high"].iloc[0] * 1.01, high=last["high"].iloc[0] * 1.02)
    shown_after(app, lambda: app.heatmap.append(candle))
    assert f"{candle['close'].iloc[0]:,.8g}" in app._about.value
    assert app._map._price.location == candle["close"].iloc[0]


def test_the_candle_is_the_last_one_in_view(application, sample) -> None:
    app = application(sample)
    ms = sample.candles.index.as_unit("ms").asi8
    view = {"time_from": float(ms[100]), "time_to": float(ms[900])}
    shown_after(app, lambda: setattr(app.heatmap, "visible", view))
    assert "last candle in view" in app._about.value
    assert f"{sample.candles['close'].iloc[900]:,.8g}" in app._about.value
    assert app._map._price.location == sample.candles["close"].iloc[900]
    other = walk(100, seed=3)
    shown_after(app, lambda: setattr(app, "market", other))  # another period: the old view no longer applies
    assert f"{other.candles['close'].iloc[-1]:,.8g}" in app._about.value


def test_the_candle_is_the_last_one_in_view_however_many_there_are() -> None:
    market = walk(5_300, seed=1, step_minutes=5, wild=0.02)
    hm = lw.LiquidationHeatmap(market)
    ms = market.candles.index.as_unit("ms").asi8
    hm.visible = {"time_from": float(ms[0]), "time_to": float(ms[5_298])}
    assert Snapshot.of(hm).at == 5_298
    hm.visible = {"time_from": float(ms[0]), "time_to": float(ms[200])}
    assert Snapshot.of(hm).at == 200
    hm.close()
    hm.layout.close()


def test_a_click_on_a_cluster_marks_it_in_the_chart(application, sample) -> None:
    app = application(sample)
    app._clusters._source.selected.indices = [3]
    cluster = app.heatmap.density.clusters(top=12).iloc[3]
    assert app.heatmap.selection["price_low"] == cluster["price_low"]
    assert app.heatmap.selection["price_high"] == cluster["price_high"]
    assert app.heatmap.selected()[["long", "short"]].to_numpy().sum() > 0
    app._clusters._on_indices("indices", [], [99])  # a browser may send anything


def test_another_market_brings_its_own_decay_only_where_it_was_automatic(application, sample) -> None:
    app, other = application(sample), walk(200, seed=4)
    app.market = other
    assert app.heatmap.decay_rate == lw.auto_decay_rate(other)
    app.heatmap.decay_rate = 0.123
    app.market = sample
    assert app.heatmap.decay_rate == 0.123


def loaded(app, choice) -> str:
    """Load, and return the final message beside the button."""
    app._load(choice)
    app._job.thread.join(30)
    assert not app._job.thread.is_alive()
    return app.controls.said.value


def test_a_file_by_its_path(application, tmp_path, sample) -> None:
    app = application(sample)
    path = tmp_path / "mine.csv"
    sample.candles.tail(300).reset_index().to_csv(path, index=False)
    app.controls.source.value, app.controls.path.value, app.controls.symbol.value = "path", str(path), "MINE"
    assert app.controls.path.layout.display == ""
    assert "300 candles of MINE" in loaded(app, app.controls._choice())
    assert len(app.market) == 300


def test_an_error_is_said_and_the_picture_stays(application, tmp_path, sample) -> None:
    app = application(sample)
    path = tmp_path / f"{HOSTILE.replace('/', '')}.csv"
    path.write_text("nothing\n")
    said = loaded(app, FromFile(path, "X"))
    assert "candles" in said
    assert "<img" not in said
    assert app.market is sample
    assert not app.controls.button.disabled


def test_an_error_goes_with_its_source(application, tmp_path, sample) -> None:
    app = application(sample)
    app.controls.source.value = "path"
    app.controls.button.click()
    assert "wanted the path" in app.controls.said.value
    app.controls.source.value = "venue"
    assert app.controls.said.value == ""
    assert "liq-app-error" not in app.controls.said._dom_classes
    app.controls.busy("Loading …")
    app.controls.source.value = "sample"
    assert app.controls.said.value == "Loading …"  # a load that runs is said on all of them
    app.controls.fail("no connection")
    assert ">Venue: no connection<" in app.controls.said.value
    app.controls.fail("no file")
    assert ">no file<" in app.controls.said.value


@pytest.mark.parametrize("shape", ["rows", "sums"])
def test_a_table_of_liquidations_is_told_from_one_of_candles(application, tmp_path, sample, shape) -> None:
    table = sample.liquidations
    if shape == "sums":
        table = table.groupby("time")[["notional"]].sum()
        table = table.assign(long_usd=table["notional"], short_usd=0.0).reset_index()[["time", "long_usd", "short_usd"]]
    path = tmp_path / "liquidations.csv"
    table.to_csv(path, index=False)
    said = loaded(application(sample), FromFile(path, "X"))
    assert "got liquidations. Load candles with columns long_liquidations_usd and short_liquidations_usd, or" in said
    both = sample.candles.reset_index().assign(long_liquidations_usd=5.0, short_liquidations_usd=0.0)
    assert lw.Market.from_frame(both).liquidations["notional"].sum() == 5.0 * len(sample)


def test_symbols_of_strangers_are_no_html(application, sample) -> None:
    app = application(sample)
    app.market = lw.Market.from_frame(walk(80, seed=1).candles, symbol=HOSTILE)
    app._ended("")
    assert "<img" not in app.controls.said.value
    assert "&lt;img" in app.controls.said.value
    assert "<img" not in scene_html(Scene("open", HOSTILE))


def test_the_screen_has_plain_words_and_its_help_the_terms(application, sample) -> None:
    app = application(sample)
    screen = app._scene.value + app._facts.value
    on_screen = re.sub(r"<[^>]*>", " ", screen)
    assert re.search(r"times as far as chance alone would go; a trend is 1\.5 times or more\.", on_screen)
    for term in ("Rule", "random steps", "net move"):
        assert term not in on_screen
    assert re.search(r'title="Rule “\w+”', screen)


def test_public_pages_offer_no_paths(application, sample) -> None:
    app = application(sample, files=False)
    assert [kind for _, kind in app.controls.source.options] == ["sample", "venue", "upload"]
    app = application(sample, files=False, uploads=False)
    assert [kind for _, kind in app.controls.source.options] == ["sample", "venue"]


def test_what_a_hostile_page_sends_is_refused(application, sample, tmp_path) -> None:
    app = application(sample, files=False, uploads=False)
    got: list[Any] = []
    app.controls._load_choice = got.append
    assert app.controls.upload is None
    app.controls.path.set_state({"value": str(tmp_path)})
    app.controls.source.set_state({"index": 3})
    app.controls.button.click()
    assert got == [FromSample()]
    app._gate.set_state({"_library": b"x", "children": [], "version": "0", "dark": True})
    assert app._gate._library == library()
    assert len(app._gate.children) == 4
    assert app._gate.dark


def upload(app, name: str, content: bytes, piece: int = 1 << 20) -> list[int]:
    """Play the browser's part of an upload; returns the offset of each piece."""
    asked: list[Any] = []
    app.controls.upload.send = asked.append
    app.controls.upload._on_message(None, {"type": "begin", "name": name, "size": len(content), "turn": 7}, [])
    done = 0
    while done < len(asked):
        at = asked[done]["from"]
        done += 1
        app.controls.upload._on_message(None, {"type": "piece", "turn": 7}, [memoryview(content[at : at + piece])])
    return [message["from"] for message in asked]


def test_an_upload_comes_in_pieces(application, sample) -> None:
    app = application(sample)
    app.controls.source.value = "upload"
    app.controls.symbol.value = "MINE"
    content = sample.candles.tail(400).reset_index().to_csv(index=False).encode()
    assert upload(app, "my candles.csv", content, 10_000) == list(range(0, len(content), 10_000))
    app._job.thread.join(30)
    assert (len(app.market), app.market.symbol) == (400, "MINE")


def test_an_upload_that_is_too_large_is_refused_before_it_is_sent(application, sample) -> None:
    app = application(sample)
    asked: list[Any] = []
    app.controls.upload.send = asked.append
    message = {"type": "begin", "name": "a.csv", "size": 65 * 2**20, "turn": 1}
    app.controls.upload._on_message(None, message, [])
    assert asked == []
    assert "64 MB" in app.controls.said.value
    assert 'role="alert"' in app.controls.said.value


@pytest.fixture
def exchange(monkeypatch, tmp_path):
    start = NOW // DAY * DAY - 3 * DAY
    with (
        Exchange(History.make(start, 4 * 1440, seed=2), now_ms=NOW) as server,
        connected(server, monkeypatch, tmp_path),
    ):
        yield server


def test_a_venue(application, sample, exchange) -> None:
    app = application(sample)
    app.controls.source.value, app.controls.days.value = "venue", 1.0
    app.controls.interval.value = "15m"
    assert "candles of BTCUSDT" in loaded(app, app.controls._choice())
    assert (app.market.exchange, app.market.interval_label) == ("binance", "15m")
    assert len(app.market) == 95  # the period starts within the first quarter of an hour a day ago
    assert app.controls.bar.value > 0
    yesterday = (app.market.candles.index[-1] - timedelta(days=1)).date()
    app.controls.until.value, app.controls.days.value = yesterday, 0.5
    assert "candles of BTCUSDT" in loaded(app, app.controls._choice())
    times = app.market.candles.index
    assert f"{times[0]:%Y-%m-%d %H:%M}" == f"{yesterday} 12:00"
    assert f"{times[-1]:%Y-%m-%d %H:%M}" == f"{yesterday} 23:45"


def test_all_venues_together(application, sample, exchange) -> None:
    app = application(sample)
    app.controls.source.value, app.controls.days.value = "venue", 0.5
    app.controls.exchange.value = app.controls.exchange.options[-1][1]
    app.controls.interval.value = "15m"
    assert "candles of BTCUSDT" in loaded(app, app.controls._choice())
    assert list(app.market.venues) == ["binance", "bybit", "okx", "hyperliquid"]
    assert app.heatmap.venues == tuple(app.market.venues)


@pytest.mark.parametrize("trust_env", [False, True])
def test_proxies_of_the_environment_are_passed_on(trust_env, monkeypatch) -> None:
    given = []

    async def fetched(*_: object, **options: object) -> lw.Market:
        given.append(options["trust_env"])
        return lw.load_sample()

    monkeypatch.setattr("liqwidget.sources.fetch.fetch.fetch_async", fetched)
    app = lw.explore(trust_env=trust_env)
    loaded(app, FromVenue("BTCUSDT", "binance", "5m", 1.0))
    assert given == [trust_env]
    app.close()


def test_a_venue_that_refuses_keeps_the_picture(application, sample) -> None:
    app = application(sample)
    said = loaded(app, FromVenue("no such thing!", "binance", "5m", 1.0))
    assert "symbol" in said
    assert app.market is sample
    for exchange in ("bybit", "okx", "hyperliquid"):
        app.controls.exchange.value = exchange
        assert app.controls.interval.value in app.controls.interval.options


def test_a_fetch_that_hangs_is_cancelled(application, sample, exchange) -> None:
    exchange.set_vices([vices.Mute(path="klines")])
    app = application(sample)
    begun = threading.Event()
    app.controls.said.observe(
        lambda change: begun.set() if "asking" in change.new or " of " in change.new else None, "value"
    )
    app._load(FromVenue("BTCUSDT", "binance", "5m", 1.0))
    wait(begun)
    assert app.controls.button.disabled
    app._load(FromVenue("BTCUSDT", "binance", "5m", 2.0))  # one at a time
    app.controls.stop.click()
    app._job.thread.join(20)
    assert "Cancelled" in app.controls.said.value
    assert app.market is sample
    assert not app.controls.button.disabled


def test_the_dashboard_is_public_and_holds_no_outputs() -> None:
    book = json.loads((Path(__file__).parents[2] / "notebooks" / "dashboard.ipynb").read_text())
    (code,) = (cell for cell in book["cells"] if cell["cell_type"] == "code")
    assert (code["outputs"], code["execution_count"]) == ([], None)
    assert "lw.explore(files=False)" in "".join(code["source"])


def test_it_works_where_no_thread_can_be_started(application, sample, monkeypatch) -> None:
    def fail() -> None:
        raise ValueError("no panel")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        app = application(sample)
        before = app._about.value
        app.heatmap.visible = {"time_from": 0.0, "time_to": float(sample.candles.index.as_unit("ms").asi8[700])}
        assert app._about.value != before  # without a thread the panels are updated at once
        for _ in range(2):
            app._load(FromSample())
            assert "this system starts no more" in app.controls.said.value
            assert not app.controls.button.disabled
        patch.setattr(app._pace, "_work", fail)
        app._pace.ask()
        assert "panels: wanted a result; got an error of this program" in app.controls.said.value
    assert "candles of" in loaded(app, FromSample())


# The rate of updates


def test_the_newest_request_wins_and_older_ones_are_skipped() -> None:
    state, seen, busy, go = [0], [], threading.Event(), threading.Event()
    last = threading.Event()

    def work() -> None:
        seen.append(state[0])
        busy.set()
        wait(go)
        if state[0] == seen[-1] == 100:
            last.set()

    pace = Pace(work, pytest.fail, least=0.0)  # type: ignore[arg-type]
    pace.ask()
    wait(busy)
    for i in range(101):
        state[0] = i
        pace.ask()
    go.set()
    wait(last)
    pace.end()
    assert seen == [0, 100]


def test_a_failure_is_reported_and_the_next_request_is_served() -> None:
    failed, met = threading.Event(), threading.Event()

    def work() -> None:
        if not failed.is_set():
            raise ValueError
        met.set()

    pace = Pace(work, lambda _error: failed.set(), least=0.0)
    pace.ask()
    wait(failed)
    pace.ask()
    wait(met)
    pace.end()


def test_updates_keep_their_distance() -> None:
    times, enough = [], threading.Event()

    def work() -> None:
        times.append(time.monotonic())
        if len(times) == 3:
            enough.set()
        pace.ask()

    pace = Pace(work, pytest.fail, least=0.1)  # type: ignore[arg-type]
    pace.ask()
    wait(enough)
    pace.end()
    assert min(np.diff(times)) >= 0.0999
