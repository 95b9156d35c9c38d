"""Drawings: ticks, thinning, SVG that is well-formed and safe, colours for light and dark pages, Bokeh figures."""

from __future__ import annotations

import sys
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liqwidget.drawing import ink
from liqwidget.drawing.axis import Axis, milliseconds
from liqwidget.drawing.figure import figure_of
from liqwidget.drawing.marks import Area, Bars, Heat, Line, Mark, Points, Rule, Spans
from liqwidget.drawing.picture import Panel, Picture
from liqwidget.drawing.report import Drawn, Report
from liqwidget.drawing.svg import WIDTH, svg_text
from liqwidget.drawing.thinning import BUCKETS, thinned
from shown_result import HOSTILE, SVG, plotted, shown

X = np.arange(5.0)
MARKS: list[Mark] = [
    Bars(X, X * 2, 0.8, "bars"),
    Area(X, X - 1, X + 1, "area"),
    Line(X, np.array([1, np.nan, 3, 4, 2]), "line"),
    Line(X, X, "steps", steps=True, dashed=True),
    Points(X, X, "points", hollow=True),
    Spans(X, X, X - 0.5, X + 0.5, "spans"),
    Spans(X, X, X - 0.5, X + 0.5, "lying", lying=True),
    Rule(2.0, "rule"),
    Rule(2.0, "upright", vertical=True),
]


class Result(Drawn):
    """A result with a report."""

    def __init__(self, report: Report) -> None:
        self.report = report

    def _report(self) -> Report:
        return self.report


def result(*marks: Mark, x: Axis | None = None, y: Axis | None = None, text: str = "word") -> Result:
    panel = Panel(x or Axis(f"x {text}"), y or Axis(f"y {text}"), marks, text)
    return Result(Report(f"One {text}.", [text], [[text]], Picture([panel]), [text]))


@pytest.mark.parametrize("colour", [ink.TEXT, ink.LONG, ink.SHORT, *ink.CYCLE])
@pytest.mark.parametrize("page", ["#ffffff", "#111111"])
def test_colours_are_readable_on_light_and_dark_pages(colour: str, page: str) -> None:
    assert ink.contrast(colour, page) >= 4.0


def test_text_is_as_readable_on_both_as_one_colour_can_be() -> None:
    best = ink.contrast("#ffffff", "#111111") ** 0.5
    assert min(ink.contrast(ink.TEXT, page) for page in ("#ffffff", "#111111")) > 0.99 * best


@given(st.floats(0, 1))
def test_text_in_heat_is_readable(share: float) -> None:
    colour = ink.ramp(share)
    assert ink.contrast(colour, ink.text_on(colour)) >= 4.5


@given(st.floats(-1e12, 1e12), st.floats(1e-6, 1e12), st.integers(3, 8))
def test_ticks_lie_on_the_axis_and_differ(low: float, width: float, most: int) -> None:
    high = low + width
    if high - low < 1e-9 * max(abs(low), abs(high)):
        return
    ticks = Axis("x").ticks(low, high, most)
    room = 1e-9 * (high - low) + 1e-9 * abs(low)
    assert len(ticks) <= most + 1
    assert all(low - room <= at <= high + room for at, _ in ticks)
    assert len({text for _, text in ticks}) == len(ticks)


@given(st.floats(1e-9, 1e9), st.floats(1.1, 1e12))
def test_ticks_of_factors_are_few(low: float, factor: float) -> None:
    ticks = Axis("x", log=True).ticks(low, low * factor, 6)
    assert 1 <= len(ticks) <= 7
    assert all(low <= at <= low * factor for at, _ in ticks)


@pytest.mark.parametrize(
    ("start", "end", "texts"),
    [
        ("2026-01-01", "2026-01-01 06:00", ["01 Jan", "01:00", "02:00", "03:00", "04:00", "05:00", "06:00"]),
        ("2026-01-01", "2026-01-05", ["01 Jan", "02 Jan", "03 Jan", "04 Jan", "05 Jan"]),
        ("2026-01-15", "2026-06-15", ["Feb 2026", "Mar 2026", "Apr 2026", "May 2026", "Jun 2026"]),
        ("2016-01-01", "2026-01-01", ["2016", "2018", "2020", "2022", "2024", "2026"]),
    ],
)
def test_ticks_of_time_are_those_of_a_calendar(start: str, end: str, texts: list[str]) -> None:
    low, high = milliseconds(pd.DatetimeIndex([start, end], tz="UTC"))
    assert [text for _, text in Axis("time", "time").ticks(low, high)] == texts


def test_times_of_any_form_are_milliseconds() -> None:
    wanted = [1_767_225_600_000.0]
    index = pd.DatetimeIndex(["2026-01-01 01:00"], tz="Europe/Berlin")
    assert milliseconds(index).tolist() == wanted
    assert milliseconds(index.to_series()).tolist() == wanted
    assert milliseconds(np.array(["2026-01-01"], "datetime64[ns]")).tolist() == wanted
    assert np.isnan(milliseconds(np.array(["NaT"], "datetime64[ns]"))).all()


@pytest.mark.parametrize(("kind", "room"), [("time", 1_800_000.0), ("price", 640.0), ("usd", 32_000.0)])
def test_a_single_number_has_its_surroundings(kind: str, room: float) -> None:
    assert Axis("x", kind).ends(np.array([64_000.0])) == (64_000.0 - room, 64_000.0 + room)


@given(st.floats(1.0, 1e12), st.floats(1e-4, 1.0))
def test_ticks_of_money_differ_however_near_they_are(low: float, share: float) -> None:
    ticks = Axis("x", "usd").ticks(low, low * (1 + share))
    assert len({text for _, text in ticks}) == len(ticks)


@pytest.mark.parametrize(
    ("kind", "value", "step", "text"),
    [
        ("usd", 1.24e9, 1e7, "$1.24B"),
        ("share", 0.125, 0.005, "12.5%"),
        ("share", 0.5, 0.1, "50%"),
        ("price", 64_000.0, 500.0, "64,000"),
        ("number", -0.0, 0.5, "0.0"),
    ],
)
def test_numbers_are_written_as_on_every_screen(kind: str, value: float, step: float, text: str) -> None:
    assert Axis("x", kind).text(value, step) == text


@given(st.integers(1, 3_000), st.integers(0, 1_000))
def test_thinning_keeps_extremes_and_size(count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = np.arange(float(count)), rng.normal(size=count)
    low, high = -0.5, count - 0.5
    bars, line, area = (thinned(mark, low, high) for mark in (Bars(x, y, 1.0), Line(x, y), Area(x, y - 1.0, y + 1.0)))
    assert isinstance(bars, Bars)
    assert isinstance(line, Line)
    assert isinstance(area, Area)
    assert len(bars.x) <= BUCKETS + 2
    assert len(line.x) <= 2 * BUCKETS + 4
    assert len(area.x) <= 2 * BUCKETS
    assert bars.top.max() == line.y.max() == y.max()
    assert line.y.min() == y.min()
    assert (area.low.min(), area.high.max()) == (y.min() - 1.0, y.max() + 1.0)


def test_what_lies_outside_the_axis_does_not_hide_what_lies_inside() -> None:
    x = np.arange(100_000.0)
    bars = thinned(Bars(x, np.where(x == 500, 7.0, 1.0), 1.0), 400.0, 600.0)
    assert isinstance(bars, Bars)
    assert len(bars.x) <= 205
    assert bars.x[bars.top == 7.0] == [500.0]


def test_every_mark_is_drawn_once() -> None:
    drawn = shown(result(*MARKS))
    marks = drawn.svg.findall(f".//{SVG}svg/*")
    assert len([node for node in marks if node.tag == f"{SVG}path"]) == len(MARKS) - 1 + 2  # intervals have points
    assert len(drawn.svg.findall(f".//{SVG}svg/{SVG}g/{SVG}circle")) == 5
    assert {"bars", "area", "line", "steps", "points", "spans", "lying", "rule", "upright"} <= set(drawn.labels)
    assert {"bars", "area", "points", "rule"} <= set(drawn.alt.replace(".", "").replace(",", "").split())


def test_bars_are_as_high_as_their_numbers() -> None:
    drawn = shown(
        result(Bars(np.array([0.0, 1.0]), np.array([10.0, 5.0]), 1.0), y=Axis("twenty at most", low=0.0, high=20.0))
    )
    path = drawn.svg.find(f".//{SVG}svg/{SVG}path")
    assert path is not None
    tops = [float(part.split("H")[0]) for part in path.attrib["d"].split("V")[1::2]]
    assert tops == [95.0, 142.5]  # of 190 pixels, from above


def test_heat_has_a_cell_for_each_known_number() -> None:
    values = np.array([[1.0, 2.0, np.nan], [3.0, 4.0, 5.0]])
    texts = [[f"{value:.1f}" for value in row] for row in values]
    heat = Heat(values, "rank", texts)
    drawn = shown(result(heat, x=Axis("mix", "names", ["a", "b", "c"]), y=Axis("rate", "names", ["1", "2"])))
    cells = drawn.svg.findall(f".//{SVG}svg/{SVG}rect")
    assert [cell.attrib["fill"] for cell in cells] == [ink.ramp(share) for share in (0, 0.25, 0.5, 0.75, 1)]
    assert {"1.0", "5.0", "a", "c", "rank"} <= set(drawn.labels)
    assert "nan" not in drawn.labels


def test_hostile_text_stays_text() -> None:
    axes = {"x": Axis(HOSTILE, "names", [HOSTILE] * 5), "y": Axis(HOSTILE)}
    drawn = shown(result(*(replace(mark, name=HOSTILE) for mark in MARKS), text=HOSTILE, **axes))
    assert drawn.headline == f"One {HOSTILE}.".replace("\x00", "\ufffd")
    assert "<script" not in drawn.html


def test_long_text_is_cut() -> None:
    long = "x" * 1_000_000
    axes = {"x": Axis(long, "names", [long] * 100), "y": Axis(long, "names", [long] * 100)}
    made = result(*(replace(mark, name=long) for mark in MARKS), text=long, **axes)
    assert len(made._repr_html_()) < 60_000


def test_many_numbers_stay_small() -> None:
    rng = np.random.default_rng(0)
    x = np.arange(200_000.0)
    y = rng.normal(size=len(x))
    some: list[Mark] = [Bars(x, y, 1.0), Line(x, y, "line"), Area(x, y, y + 1), Points(x, y), Spans(x, y, y, y)]
    assert len(result(*some)._repr_html_()) < 60_000


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("values", [[], [np.nan], [0.0], [5.0], [-1.0, -1.0], [1e-300, 1e300], [np.inf, 1.0]])
def test_no_numbers_are_too_odd_to_draw(values: list[float], log: bool) -> None:
    y = np.array(values)
    x = np.arange(float(len(y)))
    axis = Axis("y", log=log)
    drawn = shown(result(Bars(x, y, 1.0), Line(x, y, "line"), Points(x, y), Spans(x, y, y, y), y=axis))
    assert drawn.svg.attrib["width"] == str(WIDTH)


def test_svg_is_a_document_of_its_own() -> None:
    text = svg_text(Picture([Panel(Axis("x"), Axis("y"), MARKS), Panel(Axis("x"), Axis("y"), MARKS)]))
    tree = ElementTree.fromstring(text)
    assert tree.tag == f"{SVG}svg"
    title = tree.find(f"{SVG}title")
    assert title is not None
    assert title.text == "y by x. Shown: bars, area, line, steps, points, spans, lying, rule, upright. " + (
        "y by x. Shown: bars, area, line, steps, points, spans, lying, rule, upright."
    )


def test_the_figure_holds_the_same_numbers() -> None:
    found = plotted(result(*MARKS))
    for name in ("line", "steps", "points"):
        mark = next(mark for mark in MARKS if mark.name == name)
        assert isinstance(mark, Line | Points)
        np.testing.assert_array_equal(found[name]["x"], mark.x)
        np.testing.assert_array_equal(found[name]["y"], mark.y)
    np.testing.assert_array_equal(found["bars"]["top"], X * 2)
    np.testing.assert_array_equal(found["spans"]["high"], X + 0.5)


def test_figures_take_no_formula_from_text() -> None:
    axes = {"x": Axis(HOSTILE, "names", [HOSTILE] * 5), "y": Axis(HOSTILE)}
    made = figure_of(result(*(replace(mark, name=HOSTILE) for mark in MARKS), text=HOSTILE, **axes).report.picture)
    for text in (made.title.text, made.xaxis[0].axis_label, made.xaxis[0].major_label_overrides[0]):
        assert "$$" not in text
        assert "\\href" not in text
    assert all("$$" not in item.label.value for item in made.legend[0].items)


def test_without_bokeh_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bokeh", None)
    with pytest.raises(ModuleNotFoundError, match=r'pip install "liqwidget\[app\]"'):
        result(*MARKS).plot()
