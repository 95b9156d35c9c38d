"""Small things that users complained of, on one saved page that the tests share and leave as it was."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chart import reach
from saved_page import TWO_FRAMES, VIEW

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page(on_sample: Any) -> Iterator[Any]:
    with on_sample(1000, 1300) as page:
        yield page


SIZE = f"{VIEW}.source.field.grid.binSize"


def box(page: Any, selector: str) -> dict[str, float]:
    return page.locator(selector).bounding_box()


def test_handles_of_the_colour_bar_stop_at_each_other(page: Any) -> None:
    before = page.evaluate(f"{VIEW}.source.settings.threshold")
    threshold = f"{VIEW}.source.settings.threshold"
    bar = box(page, ".liq-colours")
    x = bar["x"] + bar["width"] / 2
    y = {share: bar["y"] + (1 - share) * bar["height"] for share in (0, 0.5, 1)}

    def drag(start: float, end: float) -> tuple[list[float], list[int]]:
        page.mouse.move(x, start)
        page.mouse.down()
        page.mouse.move(x, end, steps=8)
        page.mouse.up()
        values = page.evaluate("[...document.querySelectorAll('.liq-handle')].map((one) => one.valueAsNumber)")
        return page.evaluate(threshold), values

    setting, values = drag(y[0], y[1])  # the lower past the upper
    assert setting[1] == before[1] == 0.5
    assert 0.497 < setting[0] < 0.5
    assert values == [498, 499]
    setting, values = drag(y[0.5], y[1])  # both at one place: the one with room moves, here the upper
    assert setting[1] == 1
    assert values == [498, 1000]
    setting, values = drag(y[1], y[0])  # and back past the lower
    assert values == [498, 499]
    page.evaluate(f"(before) => {VIEW}.source.set({{ threshold: before }})", before)


def test_the_table_says_which_rows_it_leaves_out_under_headers_in_line(page: Any) -> None:
    page.get_by_text("Levels as a table").click()
    page.locator(".liq-rows .liq-here").wait_for()
    rows = page.evaluate("""[...document.querySelectorAll('.liq-rows tbody tr')].map((row) =>
        [row.className, ...[...row.cells].map((cell) => cell.textContent)])""")
    side = "short"
    lowest = None  # of the row above, in bins
    size = page.evaluate(SIZE)
    left = 0
    for kind, first, *_ in rows:
        if kind == "liq-gap":
            count = re.match(r"([\d,]+) (empty rows?|rows? left out: \$)", first)
            assert count is not None, first
            left = int(count[1].replace(",", ""))
        elif kind == "liq-here":
            side, lowest, left = "long", None, 0
        else:
            low, high = (round(float(part.replace(",", "")) / size) for part in first.split(" – "))
            assert lowest in (None, high + left), (side, first)
            lowest, left = low, 0
    assert sum(kind == "liq-gap" for kind, *_ in rows) > 5
    aligned = """(tag) => [...document.querySelectorAll(`.liq-rows ${tag}`)].map((cell) =>
        getComputedStyle(cell).textAlign)"""
    assert page.evaluate(aligned, "thead th") == page.evaluate(aligned, "tbody tr:not(.liq-here, .liq-gap) > *")[:6]
    page.get_by_text("Levels as a table").click()


INK = """([cells, from, to, vertical]) => {
  // Whether anything is drawn in the pixels [from, to) of the first canvas of some cells of the chart, in CSS pixels.
  const canvas = document.querySelectorAll(cells)[0];
  const { width, height } = canvas;
  const [first, last] = [from, to].map((at) => (at < 0 ? at + (vertical ? height : width) + 1 : at));
  const context = canvas.getContext('2d');
  const part = vertical ? [0, first, width, last - first] : [first, 0, last - first, height];
  return context.getImageData(...part).data.some((value) => value > 0);
}"""


def test_no_tick_is_cut_and_no_series_runs_through_a_name(page: Any) -> None:
    time_axis = ".liq-plot tr:last-child td:nth-child(2) canvas"
    view = page.evaluate(f"{VIEW}.chart.api.timeScale().getVisibleLogicalRange()")
    for move in range(0, 60, 4):  # a label is about 30 columns wide
        page.evaluate(
            f"([from, to]) => {VIEW}.chart.api.timeScale().setVisibleLogicalRange({{ from, to }})",
            [100 + move, 400 + move],
        )
        page.evaluate(TWO_FRAMES)
        assert page.evaluate(INK, [time_axis, 0, -1, False]), move
        assert not page.evaluate(INK, [time_axis, 0, 1, False]), move
        assert not page.evaluate(INK, [time_axis, -2, -1, False]), move
    page.evaluate(f"(view) => {VIEW}.chart.api.timeScale().setVisibleLogicalRange(view)", view)
    page.evaluate(TWO_FRAMES)
    for pane in (3, 5):  # rows of the chart: price, separator, volume, separator, open interest
        series, axis = (f".liq-plot tr:nth-child({pane}) td:nth-child({cell}) canvas" for cell in (2, 3))
        name = page.evaluate(f"{VIEW}.chart.api.panes()[{pane // 2}].getHeight()")
        label = box(page, f".liq-label >> nth={pane // 2 - 1}")
        top = page.locator(f".liq-plot tr:nth-child({pane})").bounding_box()["y"]
        foot = label["y"] + label["height"] - top
        assert 10 < foot < name / 2
        assert page.evaluate(INK, [series, 0, -1, True])
        assert not page.evaluate(INK, [series, 0, int(foot), True])
        assert page.evaluate(INK, [axis, 0, -1, True])
        assert not page.evaluate(INK, [axis, 0, 1, True])
        assert not page.evaluate(INK, [axis, -2, -1, True])


def test_the_label_of_a_push_to_the_edge_is_whole(page: Any) -> None:
    page.get_by_role("button", name="what if").click()
    push = page.locator(".liq-push input")
    for end in ("Home", "End"):
        push.press(end)
        page.evaluate(TWO_FRAMES)
        pane = box(page, ".liq-plot tr:first-child")
        grip, rest = box(page, ".liq-grip"), box(page, ".liq-rest")
        for label in (grip, rest):
            assert label["y"] >= pane["y"], end
            assert label["y"] + label["height"] <= pane["y"] + pane["height"], end
        assert abs(grip["y"] - rest["y"]) >= grip["height"]
    push.press("Escape")
    page.locator(".liq-grip").wait_for(state="hidden")


def test_a_frame_of_another_site_logs_no_error_and_the_help_takes_the_focus(page: Any) -> None:
    other = page.context.new_page()
    told: list[str] = []
    other.on("console", lambda message: told.append(message.text) if message.type == "error" else None)
    other.evaluate(
        """(html) => { const frame = document.createElement('iframe');
        frame.sandbox = 'allow-scripts'; frame.srcdoc = html; frame.width = 900; frame.height = 700;
        document.body.append(frame); }""",
        Path(page.url.removeprefix("file://")).read_text(encoding="utf-8"),
    )
    frame = other.frame_locator("iframe")
    frame.locator(".liq[data-rev]").wait_for()
    frame.get_by_role("button", name="Help").click()
    frame.locator(".liq-help").get_by_role("button", name="close").and_(frame.locator(":focus")).wait_for()
    other.close()
    assert told == []


def test_undo_redo_and_reset_bring_settings_back(page: Any) -> None:
    def settings() -> dict[str, Any]:
        names = ("leverageMix", "decayRate", "decayAuto", "binAuto", "palette", "threshold")
        found = page.evaluate(f"{VIEW}.source.settings")
        return {name: found[name] for name in names}

    page.reload()  # with nothing to undo
    page.wait_for_selector(".liq[data-rev]")
    undo, redo, reset = (
        page.get_by_role("button", name=name, exact=True) for name in ("undo", "redo", "reset to defaults")
    )
    first = settings()
    assert [one.get_attribute("aria-disabled") for one in (undo, redo, reset)] == ["true"] * 3
    page.get_by_role("button", name="hot", exact=True).click()
    hot = settings()
    assert hot["leverageMix"] != first["leverageMix"]
    slider = box(page, ".liq-deck .liq-slider >> nth=0")  # the decay rate: a drag with many changes
    y = slider["y"] + slider["height"] / 2
    page.mouse.move(slider["x"] + slider["width"] * 0.6, y)
    page.mouse.down()
    page.mouse.move(slider["x"] + slider["width"] * 0.3, y, steps=12)
    page.mouse.up()
    slow = settings()
    assert slow["decayRate"] < first["decayRate"]
    assert (first["decayAuto"], slow["decayAuto"]) == (True, False)
    reach(page.get_by_label("Palette")).select_option("viridis")
    green = settings()

    undo.click()
    assert settings() == slow
    page.keyboard.press("Control+z")  # the button has the focus
    assert settings() == hot
    page.locator(".liq-plot").focus()
    page.keyboard.press("Control+z")
    assert settings() == first
    assert undo.get_attribute("aria-disabled") == "true"
    page.keyboard.press("Control+Shift+Z")
    redo.click()
    assert settings() == slow
    page.keyboard.press("Control+Shift+Z")
    assert settings() == green
    reset.click()
    assert settings() == first
    page.keyboard.press("Control+z")
    assert settings() == green
    # A text box keeps the keys for itself.
    typed = reach(page.get_by_label("Share of 10x in percent"))
    typed.fill("60")
    mixed = settings()
    assert mixed["leverageMix"] != green["leverageMix"]
    typed.press("Control+Shift+Z")
    assert settings() == mixed
    reset.click()
    assert settings() == first
    page.wait_for_function("() => document.querySelector('.liq-deck .liq-box').value === '25'")


def test_a_tier_at_100_percent_gives_the_others_back(page: Any) -> None:
    def shares() -> list[float]:
        return page.evaluate("[...document.querySelectorAll('.liq-bar')].map((bar) => bar.valueAsNumber)")

    before = shares()
    reach(page.locator(".liq-bar >> nth=0"))
    bar = box(page, ".liq-bar >> nth=0")
    y = bar["y"] + bar["height"] / 2
    page.mouse.move(bar["x"] + bar["width"] * before[0] / 100, y)
    page.mouse.down()
    page.mouse.move(bar["x"] + bar["width"], y, steps=8)
    page.mouse.up()
    assert shares() == [100, *([0] * (len(before) - 1))]
    page.get_by_label("Share of 3x in percent").click()  # the focus goes elsewhere and comes back
    page.locator(".liq-bar >> nth=0").press("ArrowLeft")
    page.get_by_label("Share of 3x in percent").fill("25")
    assert shares() == pytest.approx(before, abs=1e-4)


def test_the_wheel_without_focus_is_explained_once(page: Any) -> None:
    turn = """(deltas) => { const plot = document.querySelector('.liq-plot');
        for (const deltaY of deltas) plot.dispatchEvent(new WheelEvent('wheel', { deltaY, bubbles: true })); }"""
    page.reload()
    page.wait_for_selector(".liq[data-rev]")
    hint = page.locator(".liq-wheel-hint")
    page.evaluate(turn, [20] * 30)  # scrolled past
    assert hint.is_hidden()
    page.evaluate(turn, [-20, 20, -20])
    assert hint.is_visible()
    assert hint.get_attribute("aria-hidden") == "true"
    page.locator(".liq-plot").focus()
    assert hint.is_hidden()
    page.evaluate("document.activeElement.blur()")
    page.evaluate(turn, [-20, 20] * 10)
    assert hint.is_hidden()


def test_the_screen_has_plain_words_and_the_titles_have_the_terms(page: Any) -> None:
    button = page.get_by_role("button", name="what if")
    button.click()
    page.locator(".liq-legend", has_text="Mechanical what-if").wait_for()
    words = page.locator(".liq").inner_text()
    button.click()
    assert not re.search(r"beyond|Y = |resampled|carried|coin-toss", words)
    assert "how far liquidations move the price is an assumption" in words
    assert "Y = 1" in button.get_attribute("title")
    page.get_by_role("button", name="About these numbers").click()
    line = page.locator(".liq-help li", has_text="too far from the price to be shown")
    line.wait_for()
    assert "beyond the rows" in line.get_attribute("title")
    page.keyboard.press("Escape")


def test_money_is_written_one_way(page: Any) -> None:
    page.get_by_text("Levels as a table").click()
    plot = box(page, ".liq-plot")
    page.mouse.move(plot["x"] + 300, plot["y"] + 200)
    page.locator(".liq-cell", has_text="estimate: ").wait_for()
    spoken = "[...document.querySelectorAll('[aria-valuetext]')].map((one) => one.getAttribute('aria-valuetext'))"
    words = "\n".join([page.locator(".liq").inner_text(), *page.evaluate(spoken)])
    amounts = re.findall(r"-?\$\S*[^\s.,:;)]", words)
    assert len(amounts) > 60
    # At most three figures and a unit; so a thousand is $1K and never $1,000 or 1000 USD.
    wrong = [one for one in amounts if not re.fullmatch(r"-?\$(\d{1,3}|\d{1,2}\.\d|\d\.\d{1,2})[KMBT]?", one)]
    assert wrong == []
    assert not re.search(r"\d (USD|dollars)\b", words.replace(f"{page.evaluate(SIZE):g} dollars", ""))
    page.get_by_text("Levels as a table").click()
