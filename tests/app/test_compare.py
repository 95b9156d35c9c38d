"""Many markets at a glance: each panel's numbers against plain recomputations, the order, the texts, bad input."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from io import BytesIO

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import liqwidget as lw
from liqwidget.app.compare.distances import PER, Axes, distances, ends_at
from liqwidget.app.compare.small_multiples import POOL, brightest, cluster_words, picture_columns
from liqwidget.model.settings import check_mix
from markets import walk
from plain import plain_replay

MIX = {5: 30, 10: 40, 25: 30}
HOSTILE = "</script><img src=x onerror=a()>"


def named(market: lw.Market, symbol: str, exchange: str = "", **options) -> lw.Market:
    return lw.Market.from_frame(market.candles, symbol=symbol, exchange=exchange, **options)


def later(market: lw.Market, hours: float) -> lw.Market:
    return lw.Market.from_frame(market.candles.shift(freq=pd.Timedelta(hours=hours)), symbol="LATER")


def shown(market: lw.Market, axes: Axes, rate: float | str = 0.03, large: float = 0.05, mix=None):
    return distances("M", market, axes, check_mix(mix or MIX), rate, large)  # type: ignore[arg-type]


@pytest.mark.parametrize("gaps", [False, True])
def test_a_panel_holds_what_the_plain_replay_holds(gaps) -> None:
    market, other = walk(48, seed=3, gaps=gaps), walk(30, seed=4, step_minutes=15)
    axes = Axes.over([market, other], 0.1, 60)
    one = shown(market, axes)
    close = float(market.candles["close"].iloc[-1])
    planes, *_ = plain_replay(market, list(MIX), close / 1000, 0.03, span=0.6)
    base = int(np.floor(market.candles["low"].min() * 0.4 / (close / 1000)))  # row 0 of the plain grid
    weight = [w / sum(MIX.values()) for w in MIX.values()]
    opens = [t.value for t in market.candles.index]
    width = (axes.time[-1] - axes.time[0]) / 60
    drawn = 0
    for column in range(60):
        start, end = (axes.time[0] + (column + k) * width for k in (0, 1))
        inside = [t for t, opened in enumerate(opens) if opened < end and opened + 3.6e12 > start]
        assert one.known[column] == bool(inside)
        if not inside:
            assert not one.usd[:, column].any()
            assert np.isnan(one.path[column])
            continue
        drawn += 1
        t = inside[-1]
        assert one.path[column] == pytest.approx(market.candles["close"].iloc[t] / close - 1)
        for row in range(200):
            held = sum(w * planes[t][tier].get(900 + row - base, 0.0) for tier, w in enumerate(weight))
            assert one.usd[row, column] == pytest.approx(held, rel=1e-5, abs=1e-3)
    assert (30 < drawn < 60) if gaps else drawn == 60


def test_rows_are_those_of_a_grid_over_all_prices() -> None:
    market = walk(400, seed=8, wild=2)
    axes = Axes.over([market], 0.15, 60)
    one = shown(market, axes, rate="auto")
    close = float(market.candles["close"].iloc[-1])
    whole = lw.build_ledger(market, list(MIX), close / 1000, span=0.5)
    density = whole.replay(lw.auto_decay_rate(market), np.array(list(MIX.values())) / sum(MIX.values()), [399])
    first = 850 - whole.grid.first
    assert one.usd[:, -1] == pytest.approx(density.values[first : first + 300, 0], rel=1e-6)
    assert one.usd[:, -1].sum() > 0
    assert len(one.usd) == 300
    day = market.candles.iloc[-168:]  # after the candle that opens the week
    assert one.day_usd == pytest.approx((day["close"] * day["volume"]).sum() / 7)


def plain_nearest(one, axes: Axes, large: float) -> tuple[str, float, float] | None:
    """Side, distance and USD of the nearest large cluster, row by row."""
    last = max(np.flatnonzero(one.known))
    column = [float(usd) for usd in one.usd[:, last]]
    centre = [(row + 0.5) * axes.step - axes.step * axes.half for row in range(len(column))]
    best: tuple[str, float, float] | None = None
    run: list[int] = []
    for row in range(len(column) + 1):
        bright = row < len(column) and column[row] > 0 and column[row] >= 0.3 * max(column)
        if run and (not bright or (centre[run[-1]] < 0) != (centre[row] < 0)):
            usd, peak = sum(column[i] for i in run), max(run, key=lambda i: column[i])
            if usd >= large * sum(column) and (best is None or abs(centre[peak]) < abs(best[1])):
                best = ("long" if centre[peak] < 0 else "short", centre[peak], usd)
            run = []
        if bright:
            run.append(row)
    return best


@pytest.mark.parametrize("large", [0.02, 0.25])
def test_the_nearest_large_cluster_comes_first_and_markets_without_one_last(large) -> None:
    markets = [
        named(walk(150 + seed, seed=seed, price=10.0 ** (seed - 2), tick=10.0 ** (seed - 5)), f"M{seed}")
        for seed in range(6)
    ]
    page = lw.compare(markets, MIX, 0.02, columns=40, large=large)
    expected = {}
    axes = Axes.over(markets, 0.15, 40)
    for market in markets:
        one = shown(market, axes, 0.02, large)
        found = plain_nearest(one, axes, large)
        expected[market.symbol] = found
        words = cluster_words(one, 0.15)
        assert ("no large cluster within 15 %" in words) == (found is None)
        if found:
            side, number = re.match(r"(\w+)s ([+-][\d.]+)% · est. ", words).groups()
            assert (side, float(number)) == (found[0], pytest.approx(100 * found[1], abs=0.051))
    far = [abs(expected[name][1]) if expected[name] else np.inf for name in page.table["symbol"]]
    assert far == sorted(far)
    assert len(set(far)) > 2
    assert (np.inf in far) == (large == 0.25)
    for line in page.table.itertuples():
        if expected[line.symbol] is None:
            assert pd.isna(line.side)
            assert pd.isna(line.distance)
            continue
        side, distance, usd = expected[line.symbol]
        assert (line.side, line.distance) == (side, pytest.approx(distance, abs=1e-9))
        assert line.notional == pytest.approx(usd, rel=1e-5)
        assert line.peak_price == pytest.approx(line.close * (1 + distance))
        assert line.share >= large


def test_what_is_missing_is_said() -> None:
    market = walk(200, seed=1)
    dry = named(walk(200, seed=2, oi=False), "DRY", simulated=True)
    gap = lw.Market.from_frame(market.candles.drop(market.candles.index[50:60]), symbol="GAP")
    short = named(market.tail(40), "SHORT")
    stale = lw.Market.from_frame(market.candles.iloc[:-5], symbol="STALE")
    page = lw.compare([named(market, "WHOLE"), dry, gap, short, stale], columns=200)
    notes = dict(zip(page.table["symbol"], page.table["notes"], strict=True))
    assert notes == {
        "WHOLE": "",
        "DRY": "simulated; no open interest, half-life of 24 h assumed",
        "GAP": "10 candles missing",
        "SHORT": "begins 6 d after the earliest",
        "STALE": "ends 5 h before the latest",
    }
    said = json.dumps(page._item)
    assert all(text in said for line in notes.values() for text in line.split("; "))
    assert "no open interest" in repr(page)
    assert "never of direction" in repr(page)
    fixed = lw.compare([dry, market], decay_rate=0.1).table.set_index("symbol")
    assert fixed.loc["DRY", "notes"] == "simulated; no open interest"
    partial = market.with_origin(lw.Origin("venue", live_until=market.candles.index[-1].value // 10**6, partial=True))
    assert lw.compare([partial, market]).table["notes"].str.match(r"partial data; stale: ends \d+ d ago$").sum() == 1
    # One candle more or less does not count as late, whatever the interval.
    near = lw.compare([market, lw.Market.from_frame(market.candles.iloc[:-1], symbol="NEAR")], columns=1000)
    assert list(near.table["notes"]) == ["", ""]


@pytest.mark.parametrize("gap_days", [400, 0.25])
def test_markets_that_share_no_time_end_together(gap_days) -> None:
    market, short = walk(200, seed=1), walk(40, seed=3)
    early = later(short, -40 - 24 * gap_days)  # both begin at the same time
    axes = Axes.over([market, early], 0.15, 100)
    assert (axes.aligned, axes.unit) == (True, "days")
    assert (axes.places[-1], axes.places[0]) == (0, pytest.approx(-200 / 24))
    assert np.diff(axes.places) == pytest.approx(200 / 24 / 100)
    both = [shown(one, axes) for one in (market, early)]
    assert [one.known.sum() for one in both] == [100, 20]  # 40 of 200 hours
    assert all(one.known[-1] and one.path[-1] == 0 for one in both)
    last = early.candles.index[-1] + early.interval
    assert both[1].notes[0] == f"until {last:%Y-%m-%d %H:%M} UTC"
    assert picture_columns(both[1], axes)["x"] == [pytest.approx(-40 / 24)]
    page = lw.compare([market, early])
    assert "share no time: they are aligned at their ends" in repr(page)
    assert "share no time" in page._still_html()
    # Markets that share some time stay on one axis of UTC.
    near = Axes.over([market, later(short, 170)], 0.15, 100)
    assert (near.aligned, near.unit) == (False, "ms")
    assert "Times are UTC." in repr(lw.compare([market, later(short, 170)]))


def test_what_the_browser_is_given() -> None:
    market, other = walk(60, seed=3, gaps=True), later(walk(40, seed=5), 30)
    axes = Axes.over([market, other], 0.15, 300)
    for one in (shown(market, axes), shown(other, axes)):
        columns = picture_columns(one, axes)
        ms = axes.time / 1e6
        covered = np.zeros(300, bool)
        for usd, price, x, dw in zip(*(columns[name] for name in ("usd", "price", "x", "dw")), strict=True):
            a, b = (int(np.argmin(np.abs(ms - at))) for at in (x, x + dw))
            assert one.known[a:b].all()
            covered[a:b] = True
            assert usd.shape == price.shape == (150, b - a)
            assert usd.dtype == np.float32
            assert usd == pytest.approx(one.usd[0::2, a:b] + one.usd[1::2, a:b], rel=2.5e-4)
            assert price[:, 0] == pytest.approx(one.close * (0.851 + 0.002 * np.arange(150)), rel=1e-6)
        assert (covered == one.known).all()
        assert not covered.all()
    two = [shown(market, axes), shown(other, axes)]
    cells = np.concatenate([one.usd[one.usd > 0] / one.day_usd for one in two])
    assert brightest(two, axes) == pytest.approx(np.quantile(cells, 0.99))
    mappers = [
        m for m in lw.compare([market, other], MIX, 0.03).figure.references() if "ColorMapper" in type(m).__name__
    ]
    scale = sorted(mapper.high for mapper in mappers)
    assert scale == pytest.approx(
        sorted([brightest(two, axes), *(brightest(two, axes) * POOL * o.day_usd for o in two)])
    )
    assert len({tuple(mapper.palette) for mapper in mappers}) == 1


@pytest.mark.parametrize(("distance", "rows", "step"), [(0.15, 300, 0.001), (0.07, 280, 5e-4), (0.9, 180, 0.01)])
def test_steps_are_round_and_rows_are_few(distance, rows, step) -> None:
    axes = Axes.over([walk(50)], distance, 20)
    assert (2 * axes.half, axes.step) == (rows, pytest.approx(step))
    grid = axes.grid(123.4)
    assert grid.edges[axes.half] == pytest.approx(123.4, rel=1e-14)
    assert grid.edges[0] == pytest.approx(123.4 * (1 - distance))


def test_intervals_lengths_and_prices_may_differ() -> None:
    week = walk(7, seed=1, step_minutes=1440)
    hours = walk(100, seed=2, price=3e-4, tick=1e-9)
    single = lw.Market.from_frame(walk(80).candles.iloc[-1:], symbol="ONE")
    still = walk(60, seed=3).candles.assign(volume=0.0).drop(columns="open_interest")
    page = lw.compare({"week": week, "hours": hours, "one": single, "still": lw.Market.from_frame(still)}, columns=70)
    assert set(page.table["symbol"]) == {"week", "hours", "one", "still"}
    by_name = {one.name: one for one in page._shown}
    assert by_name["week"].known.all()  # candles longer than columns fill theirs
    assert by_name["one"].known.sum() == 1
    assert by_name["still"].cluster is None
    assert {name for name, one in by_name.items() if any("no colour" in note for note in one.notes)} == {"one", "still"}
    assert page.table["symbol"].iloc[-1] in ("one", "still")
    assert page._item
    assert ends_at(single) == single.candles.index[-1].value


def test_names_are_text_in_the_page(tmp_path) -> None:
    market = walk(60)
    page = lw.compare({HOSTILE: market, "$$x$$": named(market, "X", HOSTILE)}, columns=20)
    page.save(tmp_path / "page.html")
    html = (tmp_path / "page.html").read_text(encoding="utf-8")
    library = re.search(r"<script>(.*?)</script>", html, re.DOTALL)[1]
    assert "<img" not in html.replace(library, "")
    assert html.count("</script>") == 3
    assert "&lt;/script&gt;&lt;img src=x onerror=a()&gt;" in html
    assert "default-src 'none'" in html
    assert "unsafe-eval" not in html
    assert set(page.table["symbol"]) == {HOSTILE, "$$x$$"}


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda m: lw.compare(m), "markets: wanted a list of 1 to 100 Markets.*got Market"),
        (lambda m: lw.compare("BTC"), "got str"),  # type: ignore[arg-type]
        (lambda m: lw.compare([]), "got 0"),
        (lambda m: lw.compare([m] * 101), "got 101"),
        (lambda m: lw.compare([m, m.candles]), "number 1 is a DataFrame. Use lw.Market.from_frame"),
        (lambda m: lw.compare({1: m}), "wanted names of at most 64"),  # type: ignore[dict-item]
        (lambda m: lw.compare({"a\nb": m}), "printable"),
        (lambda m: lw.compare({"a\u202eb": m}), "printable"),
        (lambda m: lw.compare({"a" * 65: m}), "at most 64"),
        (lambda m: lw.compare([m], "warm"), "leverage_mix: wanted one of"),  # type: ignore[arg-type]
        (lambda m: lw.compare([m], {500: 1}), "500"),
        (lambda m: lw.compare([m], decay_rate=-1), "decay_rate: wanted"),
        (lambda m: lw.compare([m], decay_rate="slow"), "decay_rate: wanted"),  # type: ignore[arg-type]
        (lambda m: lw.compare([m], distance=0), "distance: wanted a share"),
        (lambda m: lw.compare([m], distance=float("nan")), "distance: wanted"),
        (lambda m: lw.compare([m], columns=5), "columns: wanted a whole number from 10"),
        (lambda m: lw.compare([m], columns=30.0), "columns: wanted"),  # type: ignore[arg-type]
        (lambda m: lw.compare([m], large=0), "large: wanted a share"),
        (lambda m: lw.compare([m], large=True), "large: wanted a share"),
    ],
)
def test_bad_input_is_refused_in_words(call, words) -> None:
    with pytest.raises(lw.InputError, match=words):
        call(walk(20))


def test_real_candles(shared_data) -> None:
    markets = {
        "5m": lw.Market.from_frame(pd.read_csv(shared_data("btcusdt_5m_2024-09.csv.gz"))),
        "1m, no open interest": lw.Market.from_frame(pd.read_csv(shared_data("xbtusd_1m_2020-03.csv.gz"))).tail(2000),
    }
    table = lw.compare(markets).table.set_index("symbol")
    assert "no open interest" in table.loc["1m, no open interest", "notes"]
    assert (table["share"] >= 0.05).all()


def test_a_saved_notebook_has_a_table_with_pictures_and_words_stay_words() -> None:
    quiet = lw.Market.from_frame(walk(300, seed=3).candles.assign(volume=0.0).drop(columns="open_interest"))
    page = lw.compare({"<img src=x onerror=a()>": walk(300, seed=2), "quiet": quiet}, columns=240)
    data = page._repr_mimebundle_()
    data = data[0] if isinstance(data, tuple) else data
    assert "application/vnd.jupyter.widget-view+json" in data
    html = data["text/html"]
    assert html.count("<img ") == 2
    assert "&lt;img src=x onerror=a()&gt;" in html
    assert "of vulnerability, never of direction" in html
    first, second = (
        np.array(Image.open(BytesIO(b64decode(png)))) for png in re.findall(r"data:image/png;base64,([^\"]+)", html)
    )
    shown = page._shown[0].usd
    rows, columns = (np.arange(count) * size // count for count, size in zip((48, 120), shown.shape, strict=True))
    for i, a in enumerate(rows):
        for j, b in enumerate(columns):
            densest = shown[a : [*rows, len(shown)][i + 1], b : [*columns, 240][j + 1]].max()
            step = first[47 - i, j]  # the lowest price is the bottom row
            bound = brightest(page._shown, page._axes) * page._axes.step / PER
            assert step == (densest > 0) + min(int(densest / (bound * page._shown[0].day_usd) * 128), 127)
    assert first.max() == 128
    assert not second.any()  # no daily volume to compare with: no colour
    page.close()
